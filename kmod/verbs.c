// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations: the table of verbs, their legality, and their turns.
 *
 * An operation is decided by one superblock write.  It runs in a worker, so that the death
 * of a process leaves none half done (R12); queue.c runs one at a time in each system.
 */
#include "health.h"
#include "job.h"
#include "operate.h"
#include "owner.h"
#include "queue.h"
#include "system.h"
#include "trace.h"
#include "verbs.h"

/*----------------------------------------------------------------
 * The operations
 *----------------------------------------------------------------*/

#define IN(state)	(1u << (state))
#define IN_ANY		(IN(2) | IN(3) | IN(5) | IN(6) | IN(7))

const struct dmr_verb_info dmr_verbs[DMR_VERBS] = {
	[DMR_VERB_POINT_NEW] = {
		.name = "recovery-point create",
		.legal = IN(2) | IN(3) | IN(5),
		.unsuspended = true,
		.job = DM_REPLICA_JOB_TYPE_SNAPSHOT,
		.text = "make a recovery point",
		.event = "point",
		.run = dmr_op_point,
	},
	[DMR_VERB_POINT_DEL] = {
		.name = "recovery-point drop",
		.legal = IN(3) | IN(5) | IN(7),
		.job = DM_REPLICA_JOB_TYPE_DELETE_SNAPSHOT,
		.text = "drop a recovery point",
		.event = "point-dropped",
		.run = dmr_op_drop,
	},
	[DMR_VERB_POINT_OPEN] = {
		.name = "recovery-point open",
		.legal = IN(3) | IN(5) | IN(7),
		.job = DM_REPLICA_JOB_TYPE_STATE_CHANGE,
		.text = "open a recovery point",
		.run = dmr_op_point_open,
	},
	[DMR_VERB_POINT_CLOSE] = {
		.name = "recovery-point close",
		.legal = IN(3) | IN(5) | IN(7),
		.job = DM_REPLICA_JOB_TYPE_STATE_CHANGE,
		.text = "close a recovery point",
		.run = dmr_op_point_close,
	},
	[DMR_VERB_INITIATE] = {
		.name = "failover",
		.legal = IN(3) | IN(7),
		.replica = true,
		.job = DM_REPLICA_JOB_TYPE_INITIATE_FAILOVER,
		.text = "initiate failover",
		.event = "failover",
		.run = dmr_op_initiate,
	},
	[DMR_VERB_REVERT] = {
		.name = "revert",
		.legal = IN(5),
		.job = DM_REPLICA_JOB_TYPE_REVERT_FAILOVER,
		.text = "revert failover",
		.event = "reverted",
		.run = dmr_op_revert,
	},
	[DMR_VERB_COMMIT] = {
		.name = "commit",
		.legal = IN(5),
		.job = DM_REPLICA_JOB_TYPE_COMMIT_FAILOVER,
		.text = "commit failover",
		.event = "committed",
		.run = dmr_op_commit,
	},
	[DMR_VERB_TEST_START] = {
		.name = "test-failover start",
		.legal = IN(3) | IN(5) | IN(7),
		.job = DM_REPLICA_JOB_TYPE_TEST_START,
		.text = "start test failover",
		.event = "test-started",
		.run = dmr_op_test_start,
	},
	[DMR_VERB_TEST_STOP] = {
		.name = "test-failover stop",
		.legal = IN(3) | IN(5) | IN(7),
		.job = DM_REPLICA_JOB_TYPE_TEST_STOP,
		.text = "stop test failover",
		.event = "test-stopped",
		.run = dmr_op_test_stop,
	},
	[DMR_VERB_SUSPEND] = {
		.name = "suspend",
		.legal = IN(3) | IN(5) | IN(7),
		.job = DM_REPLICA_JOB_TYPE_STATE_CHANGE,
		.text = "suspend replication",
		.event = "suspended",
		.run = dmr_op_replication_suspend,
	},
	[DMR_VERB_RESUME] = {
		.name = "resume",
		.legal = IN(3) | IN(5) | IN(7),
		.job = DM_REPLICA_JOB_TYPE_STATE_CHANGE,
		.text = "resume replication",
		.event = "resumed",
		.run = dmr_op_replication_resume,
	},
	[DMR_VERB_REMOVE] = {
		.name = "remove",
		.legal = IN(2) | IN(3) | IN(6) | IN(7),
		.job = DM_REPLICA_JOB_TYPE_REMOVE_RELATIONSHIP,
		.text = "remove the relationship",
		.event = "removing",
		.run = dmr_op_remove,
	},
	[DMR_VERB_GROW] = {
		.name = "grow",
		.legal = IN_ANY,
		.job = DM_REPLICA_JOB_TYPE_MODIFY_SETTINGS,
		.text = "grow the store",
		.run = dmr_op_grow,
	},
	[DMR_VERB_MOVE_HOME] = {
		.name = "move-home",
		.legal = IN(0) | IN(6),
		.job = DM_REPLICA_JOB_TYPE_MERGE,
		.text = "move home",
		.run = dmr_op_move_home,
	},
	[DMR_VERB_JOB_CANCEL] = {
		.name = "job cancel",
		.legal = IN(6),
		.job = DM_REPLICA_JOB_TYPE_STATE_CHANGE,
		.text = "terminate a move home",
		.run = dmr_op_job_cancel,
	},
	[DMR_VERB_SETTINGS] = {
		.name = "settings",
		.legal = IN(0) | IN_ANY,
		.job = DM_REPLICA_JOB_TYPE_MODIFY_SETTINGS,
		.text = "change settings",
		.run = dmr_op_settings,
	},
	[DMR_VERB_HOST_SET] = {
		.name = "host-area",
		.legal = IN_ANY,
		.job = DM_REPLICA_JOB_TYPE_MODIFY_SETTINGS,
		.text = "change the host area",
		.run = dmr_op_host_set,
	},
	[DMR_VERB_RESET_ERRORS] = {
		.name = "reset-errors",
		.legal = IN(0) | IN_ANY,
		.job = DM_REPLICA_JOB_TYPE_STATE_CHANGE,
		.text = "reset errors of devices",
		.run = dmr_op_reset_errors,
	},
	[DMR_VERB_POINT_HOLD] = {
		.name = "recovery-point hold",
		.legal = IN(3) | IN(5) | IN(7),
		.job = DM_REPLICA_JOB_TYPE_MODIFY_SETTINGS,
		.text = "hold a recovery point",
		.run = dmr_op_point_hold,
	},
	[DMR_VERB_POINT_RELEASE] = {
		.name = "recovery-point release",
		.legal = IN(3) | IN(5) | IN(7),
		.job = DM_REPLICA_JOB_TYPE_MODIFY_SETTINGS,
		.text = "release a recovery point",
		.run = dmr_op_point_release,
	},
	[DMR_VERB_PEER_ADD] = {
		.name = "peer add",
		.legal = IN_ANY,
		.job = DM_REPLICA_JOB_TYPE_MODIFY_SETTINGS,
		.text = "add a peer",
		.run = dmr_op_peer_add,
	},
	[DMR_VERB_PEER_REMOVE] = {
		.name = "peer remove",
		.legal = IN_ANY,
		.job = DM_REPLICA_JOB_TYPE_MODIFY_SETTINGS,
		.text = "remove a peer",
		.run = dmr_op_peer_remove,
	},
	[DMR_VERB_RECEIVE_BEGIN] = {
		.name = "receive begin",
		.legal = IN(2) | IN(3) | IN(5),
		.unsuspended = true,
		.replica = true,
		.job = DM_REPLICA_JOB_TYPE_STATE_CHANGE,
		.text = "begin to receive a stream",
		.run = dmr_op_receive_begin,
	},
	[DMR_VERB_RECEIVE_END] = {
		.name = "receive end",
		.legal = IN(2) | IN(3) | IN(5),
		.unsuspended = true,
		.job = DM_REPLICA_JOB_TYPE_SNAPSHOT,
		.text = "make the recovery point of a stream",
		.event = "point",
		.run = dmr_op_receive_end,
	},
	[DMR_VERB_RECEIVE_ABORT] = {
		.name = "receive abort",
		.legal = IN(2) | IN(3) | IN(5) | IN(7),
		.job = DM_REPLICA_JOB_TYPE_STATE_CHANGE,
		.text = "give up a stream",
		.run = dmr_op_receive_abort,
	},
	[DMR_VERB_MAKE_ROOM] = {
		.name = "make room",
		.legal = IN(3) | IN(5) | IN(7),
		.job = DM_REPLICA_JOB_TYPE_DELETE_SNAPSHOT,
		.text = "drop the oldest recovery point: the store is full",
		.event = "point-dropped",
		.run = dmr_op_make_room,
	},
	[DMR_VERB_REMOVED] = {
		.name = "removed",
		.inward = true,
		.event = "removed",
		.run = dmr_op_removed,
	},
	[DMR_VERB_SETTLE] = {
		.name = "settle",
		.inward = true,
		.run = dmr_op_settle,
	},
	[DMR_VERB_CLOCK] = {
		.name = "clock",
		.inward = true,
		.run = dmr_op_record,
	},
	[DMR_VERB_CURSOR] = {
		.name = "cursor",
		.inward = true,
		.run = dmr_op_record,
	},
};

/* Epoch of the overlay that an operation would discard; DMR_EPOCH_NONE for other verbs. */
static u32 dmr_op_overlay(const struct dmr_op *op)
{
	if (op->verb == DMR_VERB_REVERT)
		return op->sys->sb->live.epoch;
	return op->verb == DMR_VERB_TEST_STOP ? op->sys->sb->test.epoch : DMR_EPOCH_NONE;
}

/*
 * R11: has the state changed since the caller saw it? An operation that waits for openers
 * does so to discard one failover: points made meanwhile do not matter.
 */
static bool dmr_op_moved_on(const struct dmr_op *op)
{
	/* R11: a request discards no later failover than the one it was made for. */
	if (op->overlay && op->overlay != dmr_op_overlay(op))
		return true;
	return !op->overlay && op->expect_state != ~0ULL &&
	       op->expect_state != op->sys->sb->state_number;
}

/* Checks that all changes have in common. */
static bool dmr_op_allowed(struct dmr_op *op)
{
	struct dmr_system *sys = op->sys;

	if (!sys->running) {
		dmr_op_refuse(op, -ENODEV, DM_REPLICA_CODE_NOT_AVAILABLE,
			      DMR_NOT_ATTACHED);
		return false;
	}
	/* Check now, not a second later: a point must not be made of a device that is too short. */
	dmr_health_devices(sys);
	if (READ_ONCE(sys->critical)) {
		dmr_op_refuse(op, -EREMOTEIO, DM_REPLICA_CODE_UNKNOWN,
			      "the system is critical: detach, mend the store, check, attach");
		return false;
	}
	if (!op->info->inward && !dmr_system_complete(sys)) {
		dmr_op_refuse(op, -ENODEV, DM_REPLICA_CODE_NOT_AVAILABLE,
			      "a disk of the system is not attached; detach and attach again");
		return false;
	}
	if (dmr_op_moved_on(op)) {
		dmr_op_refuse(op, -ESTALE, DM_REPLICA_CODE_INVALID_STATE,
			      "the system has changed since you looked; look again");
		return false;
	}
	return true;
}

/*----------------------------------------------------------------
 * Running them
 *----------------------------------------------------------------*/

/* The reason for which a verb is not legal now, as the client reads it. */
static const char *dmr_why_not(enum dmr_verb verb, u32 state, u32 flags)
{
	switch (state) {
	case DM_REPLICA_STATE_DISABLED:
		if (flags & DMR_SB_REMOVING)
			return "the relationship is being removed; that cannot be stopped";
		return "the relationship was removed; detach, and make a new one";
	case DM_REPLICA_STATE_COMMITTED:
		if (verb == DMR_VERB_REVERT)
			return "the failover was committed; it cannot be reverted";
		if (verb == DMR_VERB_COMMIT)
			return "the failover was committed already";
		return "the failover was committed; this is not a replica any more";
	case DM_REPLICA_STATE_RECOVERED:
		if (verb == DMR_VERB_INITIATE)
			return "failed over already; revert or commit first";
		return "failed over; revert or commit first";
	case DM_REPLICA_STATE_SUSPENDED:
		if (verb == DMR_VERB_POINT_NEW || verb == DMR_VERB_RECEIVE_BEGIN ||
		    verb == DMR_VERB_RECEIVE_END)
			return "replication is suspended; resume it first";
		break;
	}
	switch (verb) {
	case DMR_VERB_REVERT:
		return "not failed over; there is nothing to revert";
	case DMR_VERB_COMMIT:
		return "not failed over; there is nothing to commit";
	case DMR_VERB_MOVE_HOME:
	case DMR_VERB_JOB_CANCEL:
		return "nothing moves home before a commit";
	default:
		return state == DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION ?
		       "there is no recovery point yet; make one first" :
		       "not possible in this state";
	}
}

static bool dmr_op_legal(struct dmr_op *op)
{
	const struct dmr_verb_info *info = op->info;
	u32 state = dmr_system_state(op->sys);

	if (info->inward)
		return true;
	if (info->replica && dmr_replication_primary(&op->sys->sb->replication)) {
		dmr_refuse_state(op, DMR_IS_PRIMARY);
		return false;
	}
	if (!(info->legal & IN(state))) {
		dmr_refuse_state(op, dmr_why_not(op->verb, state, op->sys->sb->flags));
		return false;
	}
	if (info->unsuspended && (op->sys->sb->flags & DMR_SB_SUSPENDED)) {
		dmr_refuse_state(op, "replication is suspended; resume it first");
		return false;
	}
	return true;
}

/*
 * R12: reduce an operation's time by its wait in the queue; a wait for openers has its
 * own limit.  Leave at least 1, since dmr_grace_wait() takes 0 for no limit.
 */
static void dmr_op_time_left(struct dmr_op *op)
{
	long left = op->limit - jiffies;

	if (op->limited)
		op->timeout = max(left > 0 ? jiffies_to_msecs(left) : 0, 1u);
}

/**
 * dmr_op_turn() - run an operation's turn
 * @op: begun; op_mutex is held.
 *
 * R12: an operation that waits for openers does not delay others.  It makes another
 * attempt, with all checks, after a pause in which others have their turn.
 *
 * Return: true if it has to wait for openers, and may; false if it has ended.
 */
bool dmr_op_turn(struct dmr_op *op)
{
	struct dmr_system *sys = op->sys;

	lockdep_assert_held(&op->sys->op_mutex);
	if (!op->tried) {
		trace_dmr_op_begin(sys->sb->name, op->info->job);
		op->give_up = jiffies + msecs_to_jiffies(op->wait);
		dmr_op_time_left(op);
	}
	op->open = false;
	op->err = 0;
	op->code = DM_REPLICA_CODE_COMPLETED;
	op->msg = NULL;
	op->wrong = 0;
	op->no_peer = false;
	if (dmr_op_allowed(op)) {
		dmr_job_turn(op->job, true, !op->tried);
		if (dmr_op_legal(op))
			op->info->run(op, op->job);
	}
	op->tried = true;
	if (!op->open)
		return false;
	op->overlay = dmr_op_overlay(op);
	if (time_before(jiffies, op->give_up))
		return true;
	if (op->wait_asked)
		dmr_refuse_timeout(op, DMR_STILL_OPEN);
	return false;
}

/**
 * dmr_op_end_turns() - log an operation that was decided or withdrawn, and end its job
 * @op: the operation, with code, err and msg; no other context ends it.
 *
 * op_mutex is held, if the operation has had its turn: a client with the answer then
 * finds the job ended, and no detach ends it with another result.
 *
 * Context: may sleep, for memory only.
 */
void dmr_op_end_turns(struct dmr_op *op)
{
	struct dmr_system *sys = op->sys;
	char about[sizeof(op->job->text)];
	const char *why = op->msg;

	if (op->verb == DMR_VERB_MAKE_ROOM)
		WRITE_ONCE(sys->space.full_asked, false);
	if (op->verb == DMR_VERB_SETTLE)
		WRITE_ONCE(sys->park.settle_asked, false);
	trace_dmr_op_end(sys->sb->name, op->info->job, op->code,
			 op->job ? op->job->id : 0);
	if (!op->info->inward)
		dmr_owner_log(op);
	if (op->wrong) {
		scnprintf(about, sizeof(about), "recovery point %llu: %s", op->wrong, why);
		why = about;
	}
	dmr_job_about(op->job, op);
	dmr_job_decide(op->job, op->code, op->err, op->err ? 0 : op->point);
	if (op->code == DM_REPLICA_CODE_JOB_STARTED)
		dmr_job_run(op->job);
	else if (op->taken)
		dmr_job_terminate(op->job, op->code, why);
	else
		dmr_job_end(op->job, op->code, op->err ? why : NULL);
	complete_all(&op->done);
}
