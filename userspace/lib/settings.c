// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settings of a system: space, limits of health, rate of the vacuum are the module's; the rules
 * of retention are this library's, see rules.c.
 */
#include <stdlib.h>
#include <string.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "private.h"
#include "retention.h"

#define A(name)	attrs[DM_REPLICA_A_SETTINGS_##name]

static int settings_reply(void *arg, int cmd, struct nlattr **attrs)
{
	struct dmreplica_settings *set = arg;

	(void)cmd;
	set->space_low = dmrl_nl_u32(A(SPACE_LOW));
	set->space_critical = dmrl_nl_u32(A(SPACE_CRITICAL));
	set->full_policy = dmrl_nl_u32(A(FULL_POLICY));
	set->live_reserve = dmrl_nl_u64(A(LIVE_RESERVE));
	set->point_interval = dmrl_nl_u64(A(POINT_INTERVAL));
	set->decide_within = dmrl_nl_u64(A(DECIDE_WITHIN));
	set->replication_interval = dmrl_nl_u64(A(REPLICATION_INTERVAL));
	set->jump_point = dmrl_nl_u64(A(JUMP_POINT));
	set->jump_by = dmrl_nl_u64(A(JUMP_BY));
	set->vacuum_rate = A(VACUUM_RATE) ? dmrl_nl_u64(A(VACUUM_RATE)) : DMREPLICA_RATE_ADAPTS;
	return 0;
}

static int from_store(struct dmreplica *ctx, const struct dmreplica_system *sys,
		      struct dmreplica_settings *set)
{
	const struct dmr_settings *from;
	struct dmreplica_store *store;
	const struct dmr_sb *sb;
	int code;

	code = dmrl_store_open_super(ctx, sys->store, &store, &sb);
	if (code)
		return code;
	from = &sb->settings;
	set->space_low = from->space_low;
	set->space_critical = from->space_critical;
	set->full_policy = from->full_policy;
	set->live_reserve = from->live_reserve;
	set->point_interval = from->point_interval;
	set->decide_within = from->decide_within;
	set->vacuum_rate = from->vacuum_rate;
	set->replication_interval = from->replication_interval;
	set->jump_point = from->jump_point;
	set->jump_by = from->jump_by;
	dmreplica_store_close(store);
	return 0;
}

static int from_kernel(struct dmreplica *ctx, const struct dmreplica_system *sys,
		       struct dmreplica_settings *set)
{
	struct nl_msg *msg;

	msg = dmrl_nl_message_of(ctx, DM_REPLICA_CMD_SETTINGS_GET, DM_REPLICA_A_SETTINGS_SYSTEM,
				 sys->uuid);
	if (!msg)
		return ctx->code;
	return dmrl_nl_call(ctx, msg, settings_reply, set);
}

int dmreplica_settings_get(struct dmreplica *ctx, const struct dmreplica_system *sys,
			   struct dmreplica_settings *set)
{
	int code;

	dmrl_clear(ctx);
	memset(set, 0, sizeof(*set));
	code = sys->attached ? from_kernel(ctx, sys, set) : from_store(ctx, sys, set);
	return code ?: dmrl_rules_get(ctx, sys, set);
}

/* The points that one made at @now drops by these rules, oldest first. */
int dmrl_settings_drop(struct dmreplica *ctx, const struct dmreplica_system *sys,
		       const struct dmreplica_settings *settings, u64 now,
		       struct dmreplica_point **list, size_t *nr)
{
	size_t i, n;
	bool *drop;
	int code;

	code = dmreplica_point_list(ctx, sys, list, nr);
	if (code)
		return code;
	n = *nr;
	drop = calloc(n ?: 1, sizeof(*drop));
	if (!drop) {
		dmreplica_list_free(*list);
		*list = NULL;
		*nr = 0;
		return dmrl_no_memory(ctx);
	}
	dmrl_retention(settings, *list, n, now, drop);
	for (i = *nr = 0; i < n; i++)
		if (drop[i])
			(*list)[(*nr)++] = (*list)[i];
	free(drop);
	return 0;
}

int dmreplica_settings_drop(struct dmreplica *ctx, const struct dmreplica_system *sys,
			    const struct dmreplica_settings *settings,
			    struct dmreplica_point **list, size_t *nr)
{
	return dmrl_settings_drop(ctx, sys, settings, dmrl_now(), list, nr);
}

/* Put an attribute for each given member.  Return: true without room for it. */
static bool put_settings(struct nl_msg *msg, const struct dmreplica_settings *set)
{
	const struct {
		unsigned int given;
		int attr;
		u32 value;
	} numbers[] = {
		{ DMREPLICA_SET_SPACE_LOW, DM_REPLICA_A_SETTINGS_SPACE_LOW, set->space_low },
		{ DMREPLICA_SET_SPACE_CRITICAL, DM_REPLICA_A_SETTINGS_SPACE_CRITICAL,
		  set->space_critical },
		{ DMREPLICA_SET_FULL_POLICY, DM_REPLICA_A_SETTINGS_FULL_POLICY, set->full_policy },
	};
	const struct {
		unsigned int given;
		int attr;
		u64 value;
	} amounts[] = {
		{ DMREPLICA_SET_EXPECT_STATE, DM_REPLICA_A_SETTINGS_EXPECT_STATE_NUMBER,
		  set->expect_state },
		{ DMREPLICA_SET_LIVE_RESERVE, DM_REPLICA_A_SETTINGS_LIVE_RESERVE,
		  set->live_reserve },
		{ DMREPLICA_SET_POINT_INTERVAL, DM_REPLICA_A_SETTINGS_POINT_INTERVAL,
		  set->point_interval },
		{ DMREPLICA_SET_DECIDE_WITHIN, DM_REPLICA_A_SETTINGS_DECIDE_WITHIN,
		  set->decide_within },
		{ DMREPLICA_SET_REPLICATION_INTERVAL, DM_REPLICA_A_SETTINGS_REPLICATION_INTERVAL,
		  set->replication_interval },
		{ DMREPLICA_SET_VACUUM_RATE, DM_REPLICA_A_SETTINGS_VACUUM_RATE, set->vacuum_rate },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		if ((set->given & numbers[i].given) &&
		    nla_put_u32(msg, numbers[i].attr, numbers[i].value))
			return true;
	for (i = 0; i < ARRAY_SIZE(amounts); i++)
		if ((set->given & amounts[i].given) &&
		    nla_put_u64(msg, amounts[i].attr, amounts[i].value))
			return true;
	return false;
}

static int set_kernel(struct dmreplica *ctx, const struct dmreplica_system *sys,
		      const struct dmreplica_settings *set)
{
	struct nl_msg *msg;

	dmrl_clear(ctx);
	msg = dmrl_nl_message_of(ctx, DM_REPLICA_CMD_SETTINGS_SET, DM_REPLICA_A_SETTINGS_SYSTEM,
				 sys->uuid);
	if (!msg)
		return ctx->code;
	if (put_settings(msg, set)) {
		nlmsg_free(msg);
		return dmrl_no_memory(ctx);
	}
	return dmrl_call_plain(ctx, msg, sys->uuid, DM_REPLICA_A_SETTINGS_CODE,
			       DM_REPLICA_A_SETTINGS_JOB);
}

int dmreplica_settings_set(struct dmreplica *ctx, const struct dmreplica_system *sys,
			   const struct dmreplica_settings *set)
{
	struct dmreplica_settings part = *set;
	int code;

	if (!(set->given & DMREPLICA_SET_RULES))
		return set_kernel(ctx, sys, set);
	part.given &= ~DMREPLICA_SET_RULES;
	if (!(part.given & ~DMREPLICA_SET_EXPECT_STATE))
		return dmrl_rules_set(ctx, sys, set);
	/* Two changes: what may be refused is asked first, so that one is not made without the other. */
	code = dmrl_rules_check(ctx, sys, set);
	if (!code)
		code = set_kernel(ctx, sys, &part);
	if (code)
		return code;
	part.given = set->given;
	part.expect_state++;	/* R11: by that change, if by no other */
	code = dmrl_rules_set(ctx, sys, &part);
	if (code)
		dmrl_append(ctx, "; the rules of retention are not changed, the other settings are");
	return code;
}
