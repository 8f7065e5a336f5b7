// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes that move no data: suspending and resuming replication, settings, and the
 * guest's network adapters after a failover.
 */
#include "change.h"
#include "draft.h"
#include "operate.h"
#include "queue.h"
#include "space.h"
#include "super.h"
#include "system.h"

/**
 * dmr_op_replication_suspend() - replication stops: the replica devices refuse writes
 * @op: timeout is for writes under way.
 * @job: its job; not used.
 *
 * Reads go on.  Asked for twice it is done once.
 */
void dmr_op_replication_suspend(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_system *sys = op->sys;
	struct dmr_views *fence, *back;
	struct dmr_sb *draft;
	int r;

	if (sys->sb->flags & DMR_SB_SUSPENDED)
		return;
	draft = dmr_draft(sys);
	draft->flags |= DMR_SB_SUSPENDED;
	fence = dmr_views_make(sys, draft, DMR_EPOCH_NONE);
	back = dmr_views_back(sys);
	if (!fence || !back) {
		kvfree(fence);
		kvfree(back);
		return dmr_refuse_memory(op);
	}
	dmr_views_publish(sys, fence);
	r = dmr_grace_wait(&sys->grace, msecs_to_jiffies(op->timeout));
	if (r) {
		dmr_refuse_timeout(op, "writes did not end in time; replication goes on");
	} else {
		dmr_views_reap(sys);
		r = dmr_super_commit(sys, draft, dmr_op_text(op));
		if (r)
			dmr_op_refuse_super(op, r);
	}
	if (op->err)
		dmr_views_publish(sys, back);	/* R12 */
	else
		kvfree(back);
}

/**
 * dmr_op_replication_resume() - replication goes on
 * @op: nothing else is asked for.
 * @job: its job; not used.
 */
void dmr_op_replication_resume(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_system *sys = op->sys;
	struct dmr_views *after;
	struct dmr_sb *draft;
	int r;

	if (!(sys->sb->flags & DMR_SB_SUSPENDED))
		return;
	draft = dmr_draft(sys);
	draft->flags &= ~DMR_SB_SUSPENDED;
	after = dmr_views_make(sys, draft, DMR_EPOCH_NONE);
	if (!after)
		return dmr_refuse_memory(op);
	r = dmr_super_commit(sys, draft, dmr_op_text(op));
	if (r) {
		kvfree(after);
		return dmr_op_refuse_super(op, r);
	}
	/* Only dmr_op_settle() lets writes go straight home. */
	after->straight = sys->published.views->straight;
	dmr_views_publish(sys, after);
}

/* Overlay the present settings with those of a request. */
static void dmr_settings_merge(struct dmr_settings *set, const struct dmr_change *change)
{
	const struct dmr_settings *new = &change->set;

#define GIVEN(attr)	(change->has & BIT_ULL(DM_REPLICA_A_SETTINGS_##attr))
	if (GIVEN(KEEP_LAST))
		set->keep_last = new->keep_last;
	if (GIVEN(KEEP_WITHIN))
		set->keep_within = new->keep_within;
	if (GIVEN(KEEP_HOURLY))
		set->keep_hourly = new->keep_hourly;
	if (GIVEN(KEEP_DAILY))
		set->keep_daily = new->keep_daily;
	if (GIVEN(KEEP_WEEKLY))
		set->keep_weekly = new->keep_weekly;
	if (GIVEN(SPACE_LOW))
		set->space_low = new->space_low;
	if (GIVEN(SPACE_CRITICAL))
		set->space_critical = new->space_critical;
	if (GIVEN(FULL_POLICY))
		set->full_policy = new->full_policy;
	if (GIVEN(LIVE_RESERVE))
		set->live_reserve = new->live_reserve;
	if (GIVEN(POINT_INTERVAL))
		set->point_interval = new->point_interval;
	if (GIVEN(DECIDE_WITHIN))
		set->decide_within = new->decide_within;
	if (GIVEN(REPLICATION_INTERVAL))
		set->replication_interval = new->replication_interval;
	if (GIVEN(VACUUM_RATE))
		set->vacuum_rate = new->vacuum_rate;
#undef GIVEN
}

/**
 * dmr_op_settings() - change settings
 * @op: change has them.
 * @job: its job; not used.
 *
 * Rules of retention are stored policy: clients that make points evaluate them.
 */
void dmr_op_settings(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_system *sys = op->sys;
	struct dmr_sb *draft = dmr_draft(sys);
	const char *why;
	int r;

	dmr_settings_merge(&draft->settings, op->change);
	why = dmr_settings_check(&draft->settings);
	if (why)
		return dmr_op_refuse(op, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER, why);
	if (draft->settings.live_reserve >> SECTOR_SHIFT >>
	    sys->chunk_shift > sys->slots.total)
		return dmr_op_refuse(op, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER,
				     "more is to be kept for the live failover than the store has");
	r = dmr_super_commit(sys, draft, dmr_op_text(op));
	if (r)
		return dmr_op_refuse_super(op, r);
	dmr_space_settings(sys);
}

static struct dmr_adapter *dmr_adapter_find(struct dmr_sb *sb, const u8 *mac, u32 *at)
{
	int order;

	/* Sorted; @at is where it is, or would be. */
	for (*at = 0; *at < sb->nr_adapters; (*at)++) {
		order = memcmp(sb->adapters[*at].mac, mac, sizeof(sb->adapters[0].mac));
		if (!order)
			return &sb->adapters[*at];
		if (order > 0)
			break;
	}
	return NULL;
}

static void dmr_adapters_change(struct dmr_op *op, struct dmr_sb *draft)
{
	const struct dmr_change *change = op->change;
	struct dmr_adapter *a;
	u32 at;

	if (change->all) {
		memset(draft->adapters, 0, sizeof(draft->adapters));
		draft->nr_adapters = 0;
		return;
	}
	a = dmr_adapter_find(draft, change->adapter.mac, &at);
	if (change->forget) {
		if (!a)
			return dmr_op_refuse(op, -ENOENT, DM_REPLICA_CODE_NOT_FOUND,
					     "nothing is set for this network adapter");
		draft->nr_adapters--;
		memmove(a, a + 1, (draft->nr_adapters - at) * sizeof(*a));
		memset(&draft->adapters[draft->nr_adapters], 0, sizeof(*a));
		return;
	}
	if (!a) {
		if (draft->nr_adapters >= DMR_MAX_ADAPTERS)
			return dmr_op_refuse(op, -ENOSPC, DM_REPLICA_CODE_FAILED,
					     "there are settings for as many adapters as can be; clear one first");
		a = &draft->adapters[at];
		memmove(a + 1, a, (draft->nr_adapters - at) * sizeof(*a));
		draft->nr_adapters++;
	}
	*a = change->adapter;
}

/**
 * dmr_op_adapters() - SetFailoverNetworkAdapterSettings, or clear them
 * @op: change has them.
 * @job: its job; not used.
 */
void dmr_op_adapters(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_sb *draft = dmr_draft(op->sys);
	int r;

	dmr_adapters_change(op, draft);
	if (op->err)
		return;
	r = dmr_super_commit(op->sys, draft, dmr_op_text(op));
	if (r)
		dmr_op_refuse_super(op, r);
}
