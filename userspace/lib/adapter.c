// SPDX-License-Identifier: GPL-2.0-only
/* Settings that network adapters of the guest get after a failover. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "private.h"

#define A(name)	attrs[DM_REPLICA_A_ADAPTER_##name]

static unsigned int ip_bytes(const struct dmreplica_ip *ip)
{
	return ip->family == 6 ? 16 : 4;
}

/* Return: false if the ones of the netmask are not all at its start. */
static bool netmask_prefix(const u8 *mask, u8 *prefix)
{
	u32 bits = (u32)mask[0] << 24 | (u32)mask[1] << 16 | (u32)mask[2] << 8 | mask[3];

	*prefix = 0;
	while (bits & 0x80000000U) {
		++*prefix;
		bits <<= 1;
	}
	return !bits;
}

static const char *parse_prefix(const char *text, struct dmreplica_ip *ip)
{
	unsigned int most = 8 * ip_bytes(ip);
	char *end;
	long n;
	u8 mask[4];

	if (strchr(text, '.') && ip->family == 4) {
		if (inet_pton(AF_INET, text, mask) != 1 || !netmask_prefix(mask, &ip->prefix))
			return "has no valid netmask, as 255.255.255.0, behind the slash";
	} else {
		if (!isdigit((unsigned char)*text) || strlen(text) > 3)
			return "has no number behind the slash";
		n = strtol(text, &end, 10);
		if (*end)
			return "has no number behind the slash";
		if (n > (long)most)
			n = 0;
		ip->prefix = n;
	}
	if (!ip->prefix)
		return ip->family == 4 ? "has a prefix that is not from 1 to 32" :
		       "has a prefix that is not from 1 to 128";
	return NULL;
}

const char *dmreplica_ip_parse(const char *text, bool prefix, struct dmreplica_ip *ip)
{
	const char *slash = strchr(text, '/');
	static const u8 unspecified[16];
	char address[64];
	size_t len = slash ? (size_t)(slash - text) : strlen(text);

	memset(ip, 0, sizeof(*ip));
	if (len >= sizeof(address))
		return "is not an IPv4 or IPv6 address";
	memcpy(address, text, len);
	address[len] = 0;
	if (inet_pton(AF_INET, address, ip->bytes) == 1)
		ip->family = 4;
	else if (inet_pton(AF_INET6, address, ip->bytes) == 1)
		ip->family = 6;
	else
		return "is not an IPv4 or IPv6 address";
	if (!memcmp(ip->bytes, unspecified, ip_bytes(ip)))
		return "is the unspecified address";
	if (ip->family == 4 ? ip->bytes[0] >> 4 == 14 : ip->bytes[0] == 0xff)
		return "is a multicast address";
	if (ip->family == 4 && !memcmp(ip->bytes, "\377\377\377\377", 4))
		return "is the broadcast address";
	if (prefix && !slash)
		return "has no prefix: write it as 192.0.2.5/24 or 2001:db8::5/64";
	if (!prefix && slash)
		return "has a prefix, and none belongs here";
	return prefix ? parse_prefix(slash + 1, ip) : NULL;
}

char *dmreplica_ip_text(const struct dmreplica_ip *ip, bool prefix, char text[DMREPLICA_IP_TEXT])
{
	size_t len;

	if (!inet_ntop(ip->family == 6 ? AF_INET6 : AF_INET, ip->bytes, text, DMREPLICA_IP_TEXT))
		*text = 0;
	len = strlen(text);
	if (prefix)
		snprintf(text + len, DMREPLICA_IP_TEXT - len, "/%u", ip->prefix);
	return text;
}

bool dmreplica_mac_parse(const char *text, uint8_t mac[6])
{
	char separator = text[0] && text[1] ? text[2] : 0;
	unsigned int i, byte;

	if (strlen(text) != 17 || (separator != ':' && separator != '-'))
		return false;
	for (i = 0; i < 6; i++, text += 3) {
		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]) ||
		    (i < 5 && text[2] != separator) || sscanf(text, "%2x", &byte) != 1)
			return false;
		mac[i] = byte;
	}
	return true;
}

char *dmreplica_mac_text(const uint8_t mac[6], char text[DMREPLICA_MAC_TEXT])
{
	snprintf(text, DMREPLICA_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	return text;
}

/* An address is followed by its prefix length, one byte. */
static bool take_ip(struct nlattr *attr, bool prefix, struct dmreplica_ip *list, unsigned int room,
		    unsigned int *nr)
{
	int len = nla_len(attr) - prefix;
	struct dmreplica_ip *ip = &list[*nr];
	const u8 *data = nla_data(attr);

	if ((len != 4 && len != 16) || *nr == room)
		return false;
	ip->family = len == 4 ? 4 : 6;
	memcpy(ip->bytes, data, len);
	if (prefix)
		ip->prefix = data[len];
	++*nr;
	return true;
}

static void adapter_item(struct dmreplica *ctx, void *item, struct nlattr **attrs)
{
	struct dmreplica_adapter *adapter = item;
	struct nlattr *attr;
	int left;

	dmrl_nl_uuid(A(SYSTEM), adapter->system);
	if (A(MAC) && nla_len(A(MAC)) == 6)
		memcpy(adapter->mac, nla_data(A(MAC)), 6);
	adapter->dhcp = dmrl_nl_u32(A(DHCP));
	adapter->protocol = dmrl_nl_u32(A(PROTOCOL));
	nla_for_each_attr(attr, ctx->reply, ctx->reply_bytes, left) {
		switch (nla_type(attr)) {
		case DM_REPLICA_A_ADAPTER_ADDRESS:
			take_ip(attr, true, adapter->addresses, DMREPLICA_MAX_ADDRESSES,
				&adapter->nr_addresses);
			break;
		case DM_REPLICA_A_ADAPTER_GATEWAY:
			take_ip(attr, false, adapter->gateways, DMREPLICA_MAX_GATEWAYS,
				&adapter->nr_gateways);
			break;
		case DM_REPLICA_A_ADAPTER_DNS:
			take_ip(attr, false, adapter->dns, DMREPLICA_MAX_DNS, &adapter->nr_dns);
			break;
		}
	}
}

static unsigned int copy_ips(const struct dmr_ip *from, unsigned int room, struct dmreplica_ip *to)
{
	unsigned int i;

	for (i = 0; i < room && from[i].family; i++) {
		to[i].family = from[i].family;
		to[i].prefix = from[i].prefix;
		memcpy(to[i].bytes, from[i].ip, 16);
	}
	return i;
}

/* ProtocolIFType, as the kernel computes it. */
static u32 protocol_of(const struct dmreplica_adapter *adapter)
{
	bool v4 = adapter->dhcp, v6 = false;
	unsigned int i;

	for (i = 0; i < adapter->nr_addresses; i++) {
		v4 |= adapter->addresses[i].family == 4;
		v6 |= adapter->addresses[i].family == 6;
	}
	return v4 && v6 ? 4098 : v6 ? 4097 : v4 ? 4096 : 0;
}

static int from_store(struct dmreplica *ctx, const struct dmreplica_system *sys,
		      struct dmrl_list *list)
{
	struct dmreplica_adapter *adapter;
	struct dmreplica_store *store;
	const struct dmr_adapter *from;
	const struct dmr_sb *sb;
	unsigned int i;
	int code;

	code = dmrl_store_open_super(ctx, sys->store, &store, &sb);
	if (code)
		return code;
	for (i = 0; !code && i < sb->nr_adapters; i++) {
		adapter = dmrl_list_add(list);
		if (!adapter) {
			code = dmrl_no_memory(ctx);
			break;
		}
		from = &sb->adapters[i];
		memcpy(adapter->system, sys->uuid, 16);
		memcpy(adapter->mac, from->mac, 6);
		adapter->dhcp = from->dhcp;
		adapter->nr_addresses = copy_ips(from->addresses, DMREPLICA_MAX_ADDRESSES,
						 adapter->addresses);
		adapter->nr_gateways = copy_ips(from->gateways, DMREPLICA_MAX_GATEWAYS,
						adapter->gateways);
		adapter->nr_dns = copy_ips(from->dns, DMREPLICA_MAX_DNS, adapter->dns);
		adapter->protocol = protocol_of(adapter);
	}
	dmreplica_store_close(store);
	return code;
}

int dmreplica_adapter_list(struct dmreplica *ctx, const struct dmreplica_system *sys,
			   struct dmreplica_adapter **list, size_t *nr)
{
	struct dmrl_list found = { .size = sizeof(struct dmreplica_adapter) };
	int code;

	dmrl_clear(ctx);
	if (sys->attached)
		code = dmrl_nl_dump(ctx, DM_REPLICA_CMD_ADAPTER_GET, DM_REPLICA_A_ADAPTER_SYSTEM,
				    sys->uuid, 0, adapter_item, &found);
	else
		code = from_store(ctx, sys, &found);
	*list = dmrl_list_end(&found, code, NULL, nr);
	return code;
}

static bool put_ips(struct nl_msg *msg, int attr, const struct dmreplica_ip *list, unsigned int nr,
		    bool prefix)
{
	unsigned int i, len;
	u8 data[17];

	for (i = 0; i < nr; i++) {
		len = ip_bytes(&list[i]);
		memcpy(data, list[i].bytes, len);
		if (prefix)
			data[len++] = list[i].prefix;
		if (nla_put(msg, attr, len, data))
			return true;
	}
	return false;
}

static void to_codec(struct dmr_ip *to, const struct dmreplica_ip *from, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		to[i].family = from[i].family;
		to[i].prefix = from[i].prefix;
		memcpy(to[i].ip, from[i].bytes, ip_bytes(&from[i]));
	}
}

const char *dmreplica_adapter_fault(const struct dmreplica_adapter *adapter)
{
	struct dmr_adapter codec = { .dhcp = adapter->dhcp };

	if (adapter->nr_addresses > DMREPLICA_MAX_ADDRESSES ||
	    adapter->nr_gateways > DMREPLICA_MAX_GATEWAYS || adapter->nr_dns > DMREPLICA_MAX_DNS)
		return "a network adapter has too many addresses";
	memcpy(codec.mac, adapter->mac, 6);
	to_codec(codec.addresses, adapter->addresses, adapter->nr_addresses);
	to_codec(codec.gateways, adapter->gateways, adapter->nr_gateways);
	to_codec(codec.dns, adapter->dns, adapter->nr_dns);
	return dmr_adapter_check(&codec);
}

int dmreplica_adapter_set(struct dmreplica *ctx, const struct dmreplica_system *sys,
			  const struct dmreplica_adapter *adapter)
{
	const char *fault = dmreplica_adapter_fault(adapter);
	struct nl_msg *msg;

	dmrl_clear(ctx);
	if (fault)
		return dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER, "%s", fault);
	msg = dmrl_nl_message_of(ctx, DM_REPLICA_CMD_ADAPTER_SET, DM_REPLICA_A_ADAPTER_SYSTEM,
				 sys->uuid);
	if (!msg)
		return ctx->code;
	if (nla_put(msg, DM_REPLICA_A_ADAPTER_MAC, 6, adapter->mac) ||
	    nla_put_u32(msg, DM_REPLICA_A_ADAPTER_DHCP, adapter->dhcp) ||
	    put_ips(msg, DM_REPLICA_A_ADAPTER_ADDRESS, adapter->addresses, adapter->nr_addresses,
		    true) ||
	    put_ips(msg, DM_REPLICA_A_ADAPTER_GATEWAY, adapter->gateways, adapter->nr_gateways,
		    false) ||
	    put_ips(msg, DM_REPLICA_A_ADAPTER_DNS, adapter->dns, adapter->nr_dns, false)) {
		nlmsg_free(msg);
		return dmrl_no_memory(ctx);
	}
	return dmrl_call_plain(ctx, msg, sys->uuid, DM_REPLICA_A_ADAPTER_CODE,
			       DM_REPLICA_A_ADAPTER_JOB);
}

int dmreplica_adapter_clear(struct dmreplica *ctx, const struct dmreplica_system *sys,
			    const uint8_t *mac)
{
	struct nl_msg *msg;
	int code;

	dmrl_clear(ctx);
	msg = dmrl_nl_message_of(ctx, DM_REPLICA_CMD_ADAPTER_DEL, DM_REPLICA_A_ADAPTER_SYSTEM,
				 sys->uuid);
	if (!msg)
		return ctx->code;
	if ((mac && nla_put(msg, DM_REPLICA_A_ADAPTER_MAC, 6, mac))) {
		nlmsg_free(msg);
		return dmrl_no_memory(ctx);
	}
	code = dmrl_call_plain(ctx, msg, sys->uuid, DM_REPLICA_A_ADAPTER_CODE,
			       DM_REPLICA_A_ADAPTER_JOB);
	if (code == DM_REPLICA_CODE_NOT_FOUND)
		dmrl_hint(ctx, "replicactl network list %s shows what is set", sys->name);
	return code;
}
