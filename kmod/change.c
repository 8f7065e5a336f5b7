// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations that move no data: suspend and resume of replication, settings, host area.
 */
#include "change.h"
#include "draft.h"
#include "operate.h"
#include "queue.h"
#include "space.h"
#include "super.h"
#include "system.h"

/**
 * dmr_op_close_head() - put a draft in force in which the head takes no write
 * @op: timeout limits the wait for writes in flight; refused after a failure.
 * @draft: from dmr_draft(), with its change.
 * @late: text of the refusal when they do not end in time, constant.
 *
 * No write that began before ends behind the superblock.
 *
 * Context: may sleep; op_mutex is held.
 */
void dmr_op_close_head(struct dmr_op *op, struct dmr_sb *draft, const char *late)
{
	struct dmr_system *sys = op->sys;
	struct dmr_views *fence, *back;
	int r;

	lockdep_assert_held(&sys->op_mutex);
	fence = dmr_views_make(sys, draft, DMR_EPOCH_NONE);
	back = dmr_views_back(sys);
	if (!fence || !back) {
		kvfree(fence);
		kvfree(back);
		return dmr_refuse_memory(op);
	}
	dmr_views_keep_direct(sys, fence);
	dmr_views_publish(sys, fence);
	r = dmr_grace_wait(&sys->grace, msecs_to_jiffies(op->timeout));
	if (r) {
		dmr_refuse_timeout(op, late);
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
 * dmr_op_record() - record what memory has, in the state that is in force
 * @op: made by the module itself, for the clock or the cursor of a stream.
 * @job: none.
 *
 * dmr_draft() puts both into every draft.  State and state number stay the same (R11).
 */
void dmr_op_record(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_sb *draft = dmr_draft(op->sys);
	int r;

	draft->state_number--;
	r = dmr_super_commit(op->sys, draft, dmr_op_name(op->verb));
	if (r)
		dmr_op_refuse_super(op, r);
}

/**
 * dmr_op_replication_suspend() - make the replica devices refuse writes
 * @op: timeout limits the wait for writes in flight.
 * @job: its job; not used.
 *
 * Reads go on.  A repeated request changes nothing.
 */
void dmr_op_replication_suspend(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_sb *draft;

	if (op->sys->sb->flags & DMR_SB_SUSPENDED)
		return;
	draft = dmr_draft(op->sys);
	draft->flags |= DMR_SB_SUSPENDED;
	dmr_op_close_head(op, draft, "writes did not end in time; replication goes on");
}

/**
 * dmr_op_replication_resume() - let the replica devices take writes again
 * @op: no field beside the common ones.
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
	dmr_views_keep_direct(sys, after);
	dmr_views_publish(sys, after);
}

/* Apply the settings of a request to the present ones. */
static void dmr_settings_merge(struct dmr_settings *set, const struct dmr_change *change)
{
	const struct dmr_settings *new = &change->set;

#define GIVEN(attr)	(change->has & BIT_ULL(DM_REPLICA_A_SETTINGS_##attr))
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
 * @op: its change has the settings.
 * @job: its job; not used.
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

static void dmr_host_change(struct dmr_op *op, struct dmr_host *host)
{
	const struct dmr_change *change = op->change;
	const struct dmr_host_entry entry = {
		.key = change->key,
		.key_bytes = change->key_bytes,
		.value = change->value,
		.value_bytes = change->value_bytes,
	};

	if (change->all)
		dmr_host_remove_all(host, change->key, change->key_bytes);
	else if (change->value_bytes && !dmr_host_set(host, &entry))
		dmr_op_refuse(op, -ENOSPC, DM_REPLICA_CODE_FAILED,
			      "the host area has no room for it: remove another entry first");
	else if (!change->value_bytes && !dmr_host_remove(host, change->key, change->key_bytes))
		dmr_op_refuse(op, -ENOENT, DM_REPLICA_CODE_NOT_FOUND,
			      "nothing is set under this key");
}

/**
 * dmr_op_host_set() - change the host area; SetFailoverNetworkAdapterSettings is one use of it
 * @op: its change has the entry.
 * @job: its job; not used.
 */
void dmr_op_host_set(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_sb *draft = dmr_draft(op->sys);
	int r;

	dmr_host_change(op, &draft->host);
	if (op->err)
		return;
	r = dmr_super_commit(op->sys, draft, dmr_op_text(op));
	if (r)
		dmr_op_refuse_super(op, r);
}
