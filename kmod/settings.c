// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settings, counters and network adapters of a superblock.
 *
 * The host form has one way to say a thing, as the bytes have: what lies behind
 * the end of a list or of an IPv4 address is zero in both.  So a check of the
 * host form is a check of the bytes, and two that are equal compare equal.
 */
#include "settings.h"
#include "../uapi/dm-replica.h"

static_assert(sizeof(struct dmr_disk_settings) == 512);
static_assert(offsetof(struct dmr_disk_settings, keep_within) == 16);
static_assert(offsetof(struct dmr_disk_settings, space_low) == 24);
static_assert(offsetof(struct dmr_disk_settings, full_policy) == 32);
static_assert(offsetof(struct dmr_disk_settings, live_reserve) == 40);
static_assert(offsetof(struct dmr_disk_settings, decide_within) == 56);
static_assert(offsetof(struct dmr_disk_settings, replication_interval) == 72);
static_assert(offsetof(struct dmr_disk_settings, points_made) == 256);
static_assert(offsetof(struct dmr_disk_settings, last_point_time) == 272);
static_assert(offsetof(struct dmr_disk_settings, last_received_time) == 288);
static_assert(offsetof(struct dmr_disk_settings, jump_by) == 304);
static_assert(offsetof(struct dmr_disk_settings, clock_offset) == 336);
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

/* Settings */

void dmr_settings_init(struct dmr_settings *set)
{
	memset(set, 0, sizeof(*set));
	set->space_low = DMR_DEFAULT_SPACE_LOW;
	set->space_critical = DMR_DEFAULT_SPACE_CRITICAL;
	set->decide_within = DMR_DEFAULT_DECIDE_WITHIN;
	set->vacuum_rate = DMR_UNLIMITED;
}

const char *dmr_settings_check(const struct dmr_settings *set)
{
	if (set->keep_last > DMR_MAX_POINTS)
		return "keep-last is above 512, there are no more points than that";
	if (set->keep_hourly > DMR_MAX_KEEP || set->keep_daily > DMR_MAX_KEEP ||
	    set->keep_weekly > DMR_MAX_KEEP)
		return "keep-hourly, keep-daily or keep-weekly is above 100000";
	if (set->keep_within > DMR_MAX_SPAN)
		return "keep-within is above 100 years";
	if (!set->space_low || set->space_low > 100 ||
	    !set->space_critical || set->space_critical > 100)
		return "a mark of space is not from 1 to 100 percent";
	if (set->space_low > set->space_critical)
		return "the low mark of space is above the critical one";
	if (set->full_policy > DM_REPLICA_FULL_POLICY_DROP_OLDEST)
		return "the policy for a full store is unknown";
	if (set->live_reserve > DMR_MAX_RESERVE)
		return "the reserve for the live failover is above 1 EiB";
	if (set->point_interval > DMR_MAX_SPAN)
		return "point-interval is above 100 years";
	if (set->decide_within > DMR_MAX_SPAN)
		return "decide-within is above 100 years";
	if (set->replication_interval > DMR_MAX_SPAN)
		return "replication-interval is above 100 years";
	if (set->points_made >= DMR_NUMBER_LIMIT || set->points_dropped >= DMR_NUMBER_LIMIT)
		return "a count of points is impossible";
	if (!set->jump_point != !set->jump_by || set->jump_point >= DMR_NUMBER_LIMIT ||
	    set->jump_by > DMR_MAX_JUMP)
		return "a step of the clock is impossible";
	return NULL;
}

/* A number on disk is one more than it is, so that 0 can stand for the default. */
static u64 dmr_plus_one(u64 value, u64 dflt)
{
	return value == dflt ? 0 : value + 1;
}

/* Canonical: the default has one form, and that is 0. */
static bool dmr_minus_one(u64 stored, u64 dflt, u64 *value)
{
	*value = stored ? stored - 1 : dflt;
	return !stored || *value != dflt;
}

void dmr_settings_put(const struct dmr_settings *set, struct dmr_disk_settings *out)
{
	out->keep_last = cpu_to_le32(set->keep_last);
	out->keep_hourly = cpu_to_le32(set->keep_hourly);
	out->keep_daily = cpu_to_le32(set->keep_daily);
	out->keep_weekly = cpu_to_le32(set->keep_weekly);
	out->keep_within = cpu_to_le64(set->keep_within);
	out->space_low = cpu_to_le32(dmr_plus_one(set->space_low, DMR_DEFAULT_SPACE_LOW));
	out->space_critical = cpu_to_le32(dmr_plus_one(set->space_critical,
						       DMR_DEFAULT_SPACE_CRITICAL));
	out->full_policy = cpu_to_le32(set->full_policy);
	out->live_reserve = cpu_to_le64(set->live_reserve);
	out->point_interval = cpu_to_le64(set->point_interval);
	out->decide_within = cpu_to_le64(dmr_plus_one(set->decide_within,
						      DMR_DEFAULT_DECIDE_WITHIN));
	out->vacuum_rate = cpu_to_le64(dmr_plus_one(set->vacuum_rate, DMR_UNLIMITED));
	out->replication_interval = cpu_to_le64(set->replication_interval);
	out->points_made = cpu_to_le64(set->points_made);
	out->points_dropped = cpu_to_le64(set->points_dropped);
	out->last_point_time = cpu_to_le64(set->last_point_time);
	out->last_test_time = cpu_to_le64(set->last_test_time);
	out->last_received_time = cpu_to_le64(set->last_received_time);
	out->jump_point = cpu_to_le64(set->jump_point);
	out->jump_by = cpu_to_le64(set->jump_by);
	out->state_since = cpu_to_le64(set->state_since);
	out->point_since = cpu_to_le64(set->point_since);
	out->received_since = cpu_to_le64(set->received_since);
	out->clock_offset = cpu_to_le64(set->clock_offset);
}

const char *dmr_settings_get(const struct dmr_disk_settings *in, struct dmr_settings *set)
{
	u64 low, critical;

	if (!dmr_is_zero(in->reserved0, sizeof(in->reserved0)) ||
	    !dmr_is_zero(in->reserved1, sizeof(in->reserved1)) ||
	    !dmr_is_zero(in->reserved2, sizeof(in->reserved2)))
		return "reserved bytes are in use";
	if (!dmr_minus_one(le32_to_cpu(in->space_low), DMR_DEFAULT_SPACE_LOW, &low) ||
	    !dmr_minus_one(le32_to_cpu(in->space_critical), DMR_DEFAULT_SPACE_CRITICAL,
			   &critical) ||
	    !dmr_minus_one(le64_to_cpu(in->decide_within), DMR_DEFAULT_DECIDE_WITHIN,
			   &set->decide_within) ||
	    !dmr_minus_one(le64_to_cpu(in->vacuum_rate), DMR_UNLIMITED, &set->vacuum_rate))
		return "a setting's default is not stored as zero";
	set->keep_last = le32_to_cpu(in->keep_last);
	set->keep_hourly = le32_to_cpu(in->keep_hourly);
	set->keep_daily = le32_to_cpu(in->keep_daily);
	set->keep_weekly = le32_to_cpu(in->keep_weekly);
	set->keep_within = le64_to_cpu(in->keep_within);
	set->space_low = low;
	set->space_critical = critical;
	set->full_policy = le32_to_cpu(in->full_policy);
	set->live_reserve = le64_to_cpu(in->live_reserve);
	set->point_interval = le64_to_cpu(in->point_interval);
	set->replication_interval = le64_to_cpu(in->replication_interval);
	set->points_made = le64_to_cpu(in->points_made);
	set->points_dropped = le64_to_cpu(in->points_dropped);
	set->last_point_time = le64_to_cpu(in->last_point_time);
	set->last_test_time = le64_to_cpu(in->last_test_time);
	set->last_received_time = le64_to_cpu(in->last_received_time);
	set->jump_point = le64_to_cpu(in->jump_point);
	set->jump_by = le64_to_cpu(in->jump_by);
	set->state_since = le64_to_cpu(in->state_since);
	set->point_since = le64_to_cpu(in->point_since);
	set->received_since = le64_to_cpu(in->received_since);
	set->clock_offset = le64_to_cpu(in->clock_offset);
	return NULL;
}

/* Network adapters */

/* Can a host be reached at it: not unspecified, multicast or broadcast? */
static bool dmr_ip_of_host(const struct dmr_ip *ip)
{
	if (dmr_is_zero(ip->ip, sizeof(ip->ip)))
		return false;
	if (ip->family == 6)
		return ip->ip[0] != 0xff;
	return (ip->ip[0] & 0xf0) != 0xe0 && memchr_inv(ip->ip, 0xff, 4);
}

/* One of the lists; @prefixes says whether its entries have prefix lengths. */
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

const char *dmr_adapters_check(const struct dmr_sb *sb)
{
	const struct dmr_adapter *a = sb->adapters;
	const char *why;
	u32 i;

	if (sb->nr_adapters > DMR_MAX_ADAPTERS)
		return "the number of network adapters is impossible";
	for (i = 0; i < sb->nr_adapters; i++) {
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

void dmr_adapters_put(const struct dmr_sb *sb, struct dmr_disk_adapter *out)
{
	u32 i;

	for (i = 0; i < sb->nr_adapters; i++, out++) {
		const struct dmr_adapter *a = &sb->adapters[i];

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

const char *dmr_adapters_get(const struct dmr_disk_adapter *in, struct dmr_sb *sb)
{
	u32 i;

	for (i = 0; i < sb->nr_adapters; i++, in++) {
		struct dmr_adapter *a = &sb->adapters[i];

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
