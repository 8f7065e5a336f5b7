// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settings of a guest's network adapters.
 *
 * The host form has one way to express a value, as the bytes have: bytes behind the end
 * of a list or of an IPv4 address are zero in both.  So a check of the host form is a
 * check of the bytes, and two adapters that are equal compare equal.
 */
#include "adapter.h"
#include "text.h"
#include "../../uapi/dm-replica.h"

static_assert(sizeof(struct dmr_disk_ip) == 20);
static_assert(sizeof(struct dmr_disk_adapter) == 512);
static_assert(offsetof(struct dmr_disk_adapter, addresses) == 8);
static_assert(offsetof(struct dmr_disk_adapter, gateways) == 168);
static_assert(offsetof(struct dmr_disk_adapter, dns) == 268);
/* Two headers name these limits, one for the disk and one for netlink. */
static_assert(DMR_MAX_ADAPTERS == DM_REPLICA_ADAPTERS_MAX);
static_assert(DMR_MAX_ADDRESSES == DM_REPLICA_ADDRESSES_MAX);
static_assert(DMR_MAX_GATEWAYS == DM_REPLICA_GATEWAYS_MAX);
static_assert(DMR_MAX_DNS == DM_REPLICA_DNS_MAX);

/* Can a host be reached at it: not unspecified, multicast or broadcast? */
static bool dmr_ip_of_host(const struct dmr_ip *ip)
{
	if (dmr_is_zero(ip->ip, sizeof(ip->ip)))
		return false;
	if (ip->family == 6)
		return ip->ip[0] != 0xff;
	return (ip->ip[0] & 0xf0) != 0xe0 && memchr_inv(ip->ip, 0xff, 4);
}

/* One of the lists; @prefixes: its entries have prefix lengths. */
static const char *dmr_ips_check(const struct dmr_ip *list, u32 max, bool prefixes)
{
	u32 i;

	for (i = 0; i < max && list[i].family; i++) {
		const struct dmr_ip *ip = &list[i];

		if (ip->family != 4 && ip->family != 6)
			return "a network adapter's address is of an unknown family";
		if (ip->family == 4 && !dmr_is_zero(ip->ip + 4, sizeof(ip->ip) - 4))
			return "an IPv4 address of a network adapter is too long";
		if (!dmr_ip_of_host(ip))
			return "an address of a network adapter is unspecified, multicast or broadcast";
		if (!prefixes && ip->prefix)
			return "a gateway or DNS server of a network adapter has a prefix length";
		if (prefixes && (!ip->prefix || ip->prefix > (ip->family == 4 ? 32 : 128)))
			return "a prefix length is not from 1 to 32 for IPv4, 1 to 128 for IPv6";
	}
	if (!dmr_is_zero(&list[i], (max - i) * sizeof(*list)))
		return "a network adapter's list of addresses has a gap";
	return NULL;
}

const char *dmr_adapter_check(const struct dmr_adapter *adapter)
{
	const struct dmr_ip *list = adapter->addresses;
	const char *why;
	u32 i, j;

	if (dmr_is_zero(adapter->mac, sizeof(adapter->mac)) || adapter->mac[0] & 1)
		return "a network adapter's hardware address is zero or multicast";
	if (adapter->dhcp > 1)
		return "a network adapter's DHCP is neither 0 nor 1";
	why = dmr_ips_check(list, DMR_MAX_ADDRESSES, true);
	if (!why)
		why = dmr_ips_check(adapter->gateways, DMR_MAX_GATEWAYS, false);
	if (!why)
		why = dmr_ips_check(adapter->dns, DMR_MAX_DNS, false);
	if (why)
		return why;
	for (i = 0; i < DMR_MAX_ADDRESSES && list[i].family; i++)
		for (j = 0; j < i; j++)
			if (list[i].family == list[j].family &&
			    !memcmp(list[i].ip, list[j].ip, sizeof(list[i].ip)))
				return "a network adapter has an address twice";
	if (!adapter->dhcp && !list[0].family)
		return "a network adapter has neither DHCP nor an address";
	return NULL;
}

const char *dmr_adapters_check(const struct dmr_adapter *a, u32 nr)
{
	const char *why;
	u32 i;

	if (nr > DMR_MAX_ADAPTERS)
		return "the number of network adapters is impossible";
	for (i = 0; i < nr; i++) {
		why = dmr_adapter_check(&a[i]);
		if (why)
			return why;
		if (i && memcmp(a[i - 1].mac, a[i].mac, sizeof(a->mac)) >= 0)
			return "the network adapters are not in order";
	}
	return NULL;
}

static void dmr_ips_put(const struct dmr_ip *list, struct dmr_disk_ip *out, u32 max)
{
	u32 i;

	for (i = 0; i < max; i++) {
		out[i].family = list[i].family;
		out[i].prefix = list[i].prefix;
		memcpy(out[i].ip, list[i].ip, sizeof(out[i].ip));
	}
}

void dmr_adapters_put(const struct dmr_adapter *a, u32 nr, struct dmr_disk_adapter *out)
{
	u32 i;

	for (i = 0; i < nr; i++, out++, a++) {
		memcpy(out->mac, a->mac, sizeof(out->mac));
		out->dhcp = a->dhcp;
		dmr_ips_put(a->addresses, out->addresses, DMR_MAX_ADDRESSES);
		dmr_ips_put(a->gateways, out->gateways, DMR_MAX_GATEWAYS);
		dmr_ips_put(a->dns, out->dns, DMR_MAX_DNS);
	}
}

static bool dmr_ips_get(const struct dmr_disk_ip *in, struct dmr_ip *list, u32 max)
{
	u32 i;

	for (i = 0; i < max; i++) {
		if (!dmr_is_zero(in[i].reserved0, sizeof(in[i].reserved0)))
			return false;
		list[i].family = in[i].family;
		list[i].prefix = in[i].prefix;
		memcpy(list[i].ip, in[i].ip, sizeof(list[i].ip));
	}
	return true;
}

const char *dmr_adapters_get(const struct dmr_disk_adapter *in, struct dmr_adapter *a, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++, in++, a++) {
		memcpy(a->mac, in->mac, sizeof(a->mac));
		a->dhcp = in->dhcp;
		if (in->reserved0 || !dmr_is_zero(in->reserved1, sizeof(in->reserved1)) ||
		    !dmr_ips_get(in->addresses, a->addresses, DMR_MAX_ADDRESSES) ||
		    !dmr_ips_get(in->gateways, a->gateways, DMR_MAX_GATEWAYS) ||
		    !dmr_ips_get(in->dns, a->dns, DMR_MAX_DNS))
			return "reserved bytes are in use";
	}
	return NULL;
}
