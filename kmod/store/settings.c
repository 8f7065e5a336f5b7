// SPDX-License-Identifier: GPL-2.0-only
/* Settings and counters of a superblock: possible values, and their bytes on disk. */
#include "settings.h"
#include "text.h"
#include "../../uapi/dm-replica.h"

static_assert(sizeof(struct dmr_disk_settings) == 512);
static_assert(offsetof(struct dmr_disk_settings, full_policy) == 8);
static_assert(offsetof(struct dmr_disk_settings, live_reserve) == 16);
static_assert(offsetof(struct dmr_disk_settings, decide_within) == 32);
static_assert(offsetof(struct dmr_disk_settings, replication_interval) == 48);
static_assert(offsetof(struct dmr_disk_settings, points_made) == 256);
static_assert(offsetof(struct dmr_disk_settings, last_point_time) == 272);
static_assert(offsetof(struct dmr_disk_settings, last_received_time) == 288);
static_assert(offsetof(struct dmr_disk_settings, jump_by) == 304);
static_assert(offsetof(struct dmr_disk_settings, clock_offset) == 336);

void dmr_settings_init(struct dmr_settings *set)
{
	memset(set, 0, sizeof(*set));
	set->space_low = DMR_DEFAULT_SPACE_LOW;
	set->space_critical = DMR_DEFAULT_SPACE_CRITICAL;
	set->decide_within = DMR_DEFAULT_DECIDE_WITHIN;
	set->vacuum_rate = DMR_RATE_ADAPTS;
}

const char *dmr_settings_check(const struct dmr_settings *set)
{
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

/* A number is stored plus one, so that 0 means the default. */
static u64 dmr_plus_one(u64 value, u64 dflt)
{
	return value == dflt ? 0 : value + 1;
}

/* Refuse the other form of the default, which is stored as 0. */
static bool dmr_minus_one(u64 stored, u64 dflt, u64 *value)
{
	*value = stored ? stored - 1 : dflt;
	return !stored || *value != dflt;
}

void dmr_settings_put(const struct dmr_settings *set, struct dmr_disk_settings *out)
{
	out->space_low = cpu_to_le32(dmr_plus_one(set->space_low, DMR_DEFAULT_SPACE_LOW));
	out->space_critical = cpu_to_le32(dmr_plus_one(set->space_critical,
						       DMR_DEFAULT_SPACE_CRITICAL));
	out->full_policy = cpu_to_le32(set->full_policy);
	out->live_reserve = cpu_to_le64(set->live_reserve);
	out->point_interval = cpu_to_le64(set->point_interval);
	out->decide_within = cpu_to_le64(dmr_plus_one(set->decide_within,
						      DMR_DEFAULT_DECIDE_WITHIN));
	out->vacuum_rate = cpu_to_le64(dmr_plus_one(set->vacuum_rate, DMR_RATE_ADAPTS));
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
	    !dmr_minus_one(le64_to_cpu(in->vacuum_rate), DMR_RATE_ADAPTS, &set->vacuum_rate))
		return "a setting's default is not stored as zero";
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
