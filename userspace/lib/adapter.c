// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settings of the guest's network adapters after a failover.
 *
 * An adapter is an entry of the host area, "adapter/52:54:00:12:34:56", with JSON as its
 * value, in the form that dmreplica_adapter_set() writes: see host-json.c.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "private.h"

#define KEY_PREFIX	"adapter/"

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

/* Check an address for a host.  Return: NULL, or the fault. */
static const char *host_fault(const struct dmreplica_ip *ip)
{
	static const u8 unspecified[16];

	if (!memcmp(ip->bytes, unspecified, ip_bytes(ip)))
		return "is the unspecified address";
	if (ip->family == 4 ? ip->bytes[0] >> 4 == 14 : ip->bytes[0] == 0xff)
		return "is a multicast address";
	if (ip->family == 4 && !memcmp(ip->bytes, "\377\377\377\377", 4))
		return "is the broadcast address";
	return NULL;
}

const char *dmreplica_ip_parse(const char *text, bool prefix, struct dmreplica_ip *ip)
{
	const char *slash = strchr(text, '/'), *fault;
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
	fault = host_fault(ip);
	if (fault)
		return fault;
	if (prefix && !slash)
		return "has no prefix: write it as 192.0.2.5/24 or 2001:db8::5/64";
	if (!prefix && slash)
		return "has a prefix, which is not allowed here";
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

/* Checks of an adapter */

/* Check one list of an adapter; @prefixes: its addresses have prefix lengths. */
static const char *list_fault(const struct dmreplica_ip *list, unsigned int nr, bool prefixes)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (list[i].family != 4 && list[i].family != 6)
			return "a network adapter's address is of an unknown family";
		if (host_fault(&list[i]))
			return "an address of a network adapter is unspecified, multicast or broadcast";
		if (!prefixes && list[i].prefix)
			return "a gateway or DNS server of a network adapter has a prefix length";
		if (prefixes && (!list[i].prefix || list[i].prefix > 8 * ip_bytes(&list[i])))
			return "a prefix length is not from 1 to 32 for IPv4, 1 to 128 for IPv6";
	}
	return NULL;
}

const char *dmreplica_adapter_fault(const struct dmreplica_adapter *adapter)
{
	const struct dmreplica_ip *list = adapter->addresses;
	static const u8 zero[6];
	const char *fault;
	unsigned int i, j;

	if (!memcmp(adapter->mac, zero, 6) || (adapter->mac[0] & 1))
		return "a network adapter's hardware address is zero or multicast";
	if (adapter->nr_addresses > DMREPLICA_MAX_ADDRESSES ||
	    adapter->nr_gateways > DMREPLICA_MAX_GATEWAYS || adapter->nr_dns > DMREPLICA_MAX_DNS)
		return "a network adapter has too many addresses";
	fault = list_fault(list, adapter->nr_addresses, true);
	if (!fault)
		fault = list_fault(adapter->gateways, adapter->nr_gateways, false);
	if (!fault)
		fault = list_fault(adapter->dns, adapter->nr_dns, false);
	if (fault)
		return fault;
	for (i = 0; i < adapter->nr_addresses; i++)
		for (j = 0; j < i; j++)
			if (list[i].family == list[j].family &&
			    !memcmp(list[i].bytes, list[j].bytes, ip_bytes(&list[i])))
				return "a network adapter has an address twice";
	if (!adapter->dhcp && !adapter->nr_addresses)
		return "a network adapter has neither DHCP nor an address";
	return NULL;
}

/* ProtocolIFType of Msvm_FailoverNetworkAdapterSettingData */
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

/* Reading a value */

/* A fault does not repeat texts of the value, which are unchecked. */
static bool read_ip(const char *member, size_t i, struct json_object *from, bool prefix,
		    struct dmreplica_ip *ip, struct dmrl_fault *fault)
{
	char plain[DMREPLICA_IP_TEXT];
	const char *text, *why;

	if (!json_object_is_type(from, json_type_string))
		return dmrl_wrong(fault, "%s[%zu] is not a string", member, i);
	text = json_object_get_string(from);
	why = strlen(text) == (size_t)json_object_get_string_len(from) ?
	      dmreplica_ip_parse(text, prefix, ip) : "has a NUL in it";
	if (why)
		return dmrl_wrong(fault, "%s[%zu] %s", member, i, why);
	dmreplica_ip_text(ip, prefix, plain);
	if (strcmp(plain, text))
		return dmrl_wrong(fault, "%s[%zu] is not written as %s", member, i, plain);
	return true;
}

static bool read_ips(const char *member, struct json_object *from, bool prefix,
		     struct dmreplica_ip *list, unsigned int most, unsigned int *nr,
		     struct dmrl_fault *fault)
{
	size_t len, i;

	if (!json_object_is_type(from, json_type_array))
		return dmrl_wrong(fault, "%s is not an array", member);
	len = json_object_array_length(from);
	if (len > most)
		return dmrl_wrong(fault, "%s has %zu addresses, more than %u", member, len, most);
	for (i = 0; i < len; i++)
		if (!read_ip(member, i, json_object_array_get_idx(from, i), prefix, &list[i],
			     fault))
			return false;
	*nr = len;
	return true;
}

static bool read_members(struct dmreplica_adapter *adapter, struct json_object *obj,
			 struct dmrl_fault *fault)
{
	static const char *const names[] = { "dhcp", "addresses", "gateways", "dns" };
	struct json_object *member[ARRAY_SIZE(names)];

	if (!dmrl_json_members(obj, names, ARRAY_SIZE(names), member, fault))
		return false;
	if (!json_object_is_type(member[0], json_type_boolean))
		return dmrl_wrong(fault, "dhcp is neither true nor false");
	adapter->dhcp = json_object_get_boolean(member[0]);
	return read_ips(names[1], member[1], true, adapter->addresses, DMREPLICA_MAX_ADDRESSES,
			&adapter->nr_addresses, fault) &&
	       read_ips(names[2], member[2], false, adapter->gateways, DMREPLICA_MAX_GATEWAYS,
			&adapter->nr_gateways, fault) &&
	       read_ips(names[3], member[3], false, adapter->dns, DMREPLICA_MAX_DNS,
			&adapter->nr_dns, fault);
}

static bool read_value(struct dmreplica_adapter *adapter, const char *text, size_t bytes,
		       struct dmrl_fault *fault)
{
	struct json_object *obj = dmrl_json_parse(text, bytes, fault);
	const char *why;
	bool good;

	good = obj && read_members(adapter, obj, fault) &&
	       dmrl_json_plain(obj, text, bytes, fault);
	why = good ? dmreplica_adapter_fault(adapter) : NULL;
	if (why)
		good = dmrl_wrong(fault, "%s", why);
	json_object_put(obj);
	adapter->protocol = protocol_of(adapter);
	return good;
}

static void key_of(const u8 *mac, char key[DMREPLICA_HOST_KEY_MAX])
{
	char text[DMREPLICA_MAC_TEXT];

	snprintf(key, DMREPLICA_HOST_KEY_MAX, KEY_PREFIX "%s", dmreplica_mac_text(mac, text));
}

static int read_entry(struct dmreplica *ctx, const struct dmreplica_system *sys,
		      const struct dmreplica_host_entry *entry, struct dmreplica_adapter *adapter)
{
	char key[DMREPLICA_HOST_KEY_MAX];
	struct dmrl_fault fault;

	memcpy(adapter->system, sys->uuid, 16);
	key[0] = 0;
	if (dmreplica_mac_parse(entry->key + strlen(KEY_PREFIX), adapter->mac))
		key_of(adapter->mac, key);
	if (strcmp(key, entry->key))
		dmrl_wrong(&fault, "its key has no hardware address of the form 52:54:00:ab:cd:ef");
	else if (read_value(adapter, (const char *)entry->value, entry->bytes, &fault))
		return 0;
	dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_TYPE,
		  "entry %s of the host area of system %s is not the settings of an adapter: %s",
		  entry->key, sys->name, fault.text);
	return dmrl_hint(ctx, "replicactl host-area list %s shows it, host-area remove removes it",
			 sys->name);
}

int dmreplica_adapter_list(struct dmreplica *ctx, const struct dmreplica_system *sys,
			   struct dmreplica_adapter **list, size_t *nr)
{
	struct dmrl_list found = { .size = sizeof(struct dmreplica_adapter) };
	struct dmreplica_host_entry *entries;
	struct dmreplica_adapter *adapter;
	size_t nr_entries, i;
	int code;

	code = dmreplica_host_area_list(ctx, sys, &entries, &nr_entries);
	for (i = 0; !code && i < nr_entries; i++) {
		if (strncmp(entries[i].key, KEY_PREFIX, strlen(KEY_PREFIX)))
			continue;
		adapter = dmrl_list_add(&found);
		code = adapter ? read_entry(ctx, sys, &entries[i], adapter) : dmrl_no_memory(ctx);
	}
	dmreplica_list_free(entries);
	*list = dmrl_list_end(&found, code, NULL, nr);
	return code;
}

/* Writing a value */

static bool add_ips(struct json_object *obj, const char *member, const struct dmreplica_ip *list,
		    unsigned int nr, bool prefix)
{
	struct json_object *array = json_object_new_array(), *one;
	char text[DMREPLICA_IP_TEXT];
	unsigned int i;

	if (!array || json_object_object_add(obj, member, array))
		return false;
	for (i = 0; i < nr; i++) {
		one = json_object_new_string(dmreplica_ip_text(&list[i], prefix, text));
		if (!one || json_object_array_add(array, one))
			return false;
	}
	return true;
}

int dmreplica_adapter_set(struct dmreplica *ctx, const struct dmreplica_system *sys,
			  const struct dmreplica_adapter *adapter)
{
	const char *fault = dmreplica_adapter_fault(adapter), *text;
	struct json_object *obj;
	char key[DMREPLICA_HOST_KEY_MAX];
	int code;

	dmrl_clear(ctx);
	if (fault)
		return dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER, "%s", fault);
	obj = json_object_new_object();
	if (!obj ||
	    json_object_object_add(obj, "dhcp", json_object_new_boolean(adapter->dhcp)) ||
	    !add_ips(obj, "addresses", adapter->addresses, adapter->nr_addresses, true) ||
	    !add_ips(obj, "gateways", adapter->gateways, adapter->nr_gateways, false) ||
	    !add_ips(obj, "dns", adapter->dns, adapter->nr_dns, false)) {
		json_object_put(obj);
		return dmrl_no_memory(ctx);
	}
	text = json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN |
					      JSON_C_TO_STRING_NOSLASHESCAPE);
	key_of(adapter->mac, key);
	code = dmreplica_host_area_set(ctx, sys, key, text, strlen(text), NULL);
	json_object_put(obj);
	return code;
}

int dmreplica_adapter_clear(struct dmreplica *ctx, const struct dmreplica_system *sys,
			    const uint8_t *mac)
{
	char key[DMREPLICA_HOST_KEY_MAX];
	int code;

	if (!mac)
		return dmreplica_host_area_clear(ctx, sys, KEY_PREFIX, NULL);
	key_of(mac, key);
	code = dmreplica_host_area_remove(ctx, sys, key, NULL);
	if (code == DM_REPLICA_CODE_NOT_FOUND)
		dmrl_hint(ctx, "replicactl network list %s shows the adapters that have settings",
			  sys->name);
	return code;
}
