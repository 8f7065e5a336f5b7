// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running operations: each is decided by one superblock write.
 *
 * An operation runs in a worker, so that nobody's death leaves it half done
 * (R12).  One at a time per system; queue.c says whose turn it is.
 */
#include <linux/delay.h>

#include "operate.h"
#include "trace.h"

/**
 * dmr_refuse() - end an operation with an error
 * @op: the operation.
 * @err: negative errno.
 * @code: CIM code.
 * @msg: constant text: why, and what to do.
 */
void dmr_refuse(struct dmr_op *op, int err, u32 code, const char *msg)
{
	op->err = err;
	op->code = code;
	op->msg = msg;
}

/**
 * dmr_refuse_super() - the superblock write that was to decide it failed (R3)
 * @op: the operation.
 * @r: from dmr_super_write().
 */
void dmr_refuse_super(struct dmr_op *op, int r)
{
	if (r == -EIO)
		dmr_refuse(op, -EIO, DM_REPLICA_CODE_FAILED,
			   "the store took no superblock; nothing was changed, see the kernel log");
	else
		dmr_refuse(op, -EREMOTEIO, DM_REPLICA_CODE_UNKNOWN,
			   "the superblock is in doubt: detach, mend the store, attach, look");
}

/*----------------------------------------------------------------
 * The operations
 *----------------------------------------------------------------*/

#define IN(state)	(1u << (state))
#define IN_ANY		(IN(2) | IN(3) | IN(5) | IN(6) | IN(7))

/**
 * struct dmr_verb_info - one operation
 * @name: as replicactl has it.
 * @legal: states in which it may be asked for, as dmr_system_state() shows them.
 * @unsuspended: not while replication is suspended, whatever the state.
 * @inward: the module asks it of itself: no job, and no state forbids it.
 * @job: DM_REPLICA_JOB_TYPE_*.
 * @text: what it does, for its job.
 * @run: does it, with op_mutex held.
 *
 * Which operation is legal in which state is decided here and nowhere else;
 * Documentation/states-and-codes.md is held against it by scripts/check-states.
 */
struct dmr_verb_info {
	const char *name;
	u32 legal;
	bool unsuspended;
	bool inward;
	u32 job;
	const char *text;
	void (*run)(struct dmr_op *op, struct dmr_job *job);
};

static const struct dmr_verb_info dmr_verbs[DMR_VERBS] = {
	[DMR_VERB_POINT_NEW] = {
		.name = "recovery-point create",
		.legal = IN(2) | IN(3) | IN(5),
		.unsuspended = true,
		.job = DM_REPLICA_JOB_TYPE_SNAPSHOT,
		.text = "make a recovery point",
		.run = dmr_op_point,
	},
	[DMR_VERB_POINT_DEL] = {
		.name = "recovery-point drop",
		.legal = IN(3) | IN(5) | IN(7),
		.job = DM_REPLICA_JOB_TYPE_DELETE_SNAPSHOT,
		.text = "drop a recovery point",
		.run = dmr_op_drop,
	},
	[DMR_VERB_INITIATE] = {
		.name = "failover",
		.legal = IN(3) | IN(7),
		.job = DM_REPLICA_JOB_TYPE_INITIATE_FAILOVER,
		.text = "initiate failover",
		.run = dmr_op_initiate,
	},
	[DMR_VERB_REVERT] = {
		.name = "revert",
		.legal = IN(5),
		.job = DM_REPLICA_JOB_TYPE_REVERT_FAILOVER,
		.text = "revert failover",
		.run = dmr_op_revert,
	},
	[DMR_VERB_COMMIT] = {
		.name = "commit",
		.legal = IN(5),
		.job = DM_REPLICA_JOB_TYPE_COMMIT_FAILOVER,
		.text = "commit failover",
		.run = dmr_op_commit,
	},
	[DMR_VERB_TEST_START] = {
		.name = "test-failover start",
		.legal = IN(3) | IN(5) | IN(7),
		.job = DM_REPLICA_JOB_TYPE_TEST_START,
		.text = "start test failover",
		.run = dmr_op_test_start,
	},
	[DMR_VERB_TEST_STOP] = {
		.name = "test-failover stop",
		.legal = IN(3) | IN(5) | IN(7),
		.job = DM_REPLICA_JOB_TYPE_TEST_STOP,
		.text = "stop test failover",
		.run = dmr_op_test_stop,
	},
	[DMR_VERB_SUSPEND] = {
		.name = "suspend",
		.legal = IN(3) | IN(5) | IN(7),
		.job = DM_REPLICA_JOB_TYPE_STATE_CHANGE,
		.text = "suspend replication",
		.run = dmr_op_suspend,
	},
	[DMR_VERB_RESUME] = {
		.name = "resume",
		.legal = IN(3) | IN(5) | IN(7),
		.job = DM_REPLICA_JOB_TYPE_STATE_CHANGE,
		.text = "resume replication",
		.run = dmr_op_resume,
	},
	[DMR_VERB_REMOVE] = {
		.name = "remove",
		.legal = IN(2) | IN(3) | IN(6) | IN(7),
		.job = DM_REPLICA_JOB_TYPE_REMOVE_RELATIONSHIP,
		.text = "remove the relationship",
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
	[DMR_VERB_ADAPTERS] = {
		.name = "network",
		.legal = IN_ANY,
		.job = DM_REPLICA_JOB_TYPE_MODIFY_SETTINGS,
		.text = "change network adapter settings",
		.run = dmr_op_adapters,
	},
	[DMR_VERB_MAKE_ROOM] = {
		.name = "make room",
		.legal = IN(3) | IN(5) | IN(7),
		.job = DM_REPLICA_JOB_TYPE_DELETE_SNAPSHOT,
		.text = "drop the oldest recovery point: the store is full",
		.run = dmr_op_make_room,
	},
	[DMR_VERB_REMOVED] = {
		.name = "removed",
		.inward = true,
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
		.run = dmr_op_clock,
	},
};

/* The overlay that an operation would throw away, or none. */
static u32 dmr_op_overlay(const struct dmr_op *op)
{
	if (op->verb == DMR_VERB_REVERT)
		return op->sys->sb->live.epoch;
	return op->verb == DMR_VERB_TEST_STOP ? op->sys->sb->test.epoch : DMR_EPOCH_NONE;
}

/*
 * R11: what was shown is what is done.  Who waits for openers does so for this
 * very failover: points that are made meanwhile are no news to it.
 */
static bool dmr_op_moved_on(const struct dmr_op *op)
{
	/* R11: another failover is thrown away by another request only. */
	if (op->overlay && op->overlay != dmr_op_overlay(op))
		return true;
	return !op->overlay && op->expect_state != ~0ULL &&
	       op->expect_state != op->sys->sb->state_number;
}

/* What every change asks first. */
static bool dmr_op_allowed(struct dmr_op *op)
{
	struct dmr_system *sys = op->sys;

	if (!sys->running) {
		dmr_refuse(op, -ENODEV, DM_REPLICA_CODE_NOT_AVAILABLE,
			   DMR_NOT_ATTACHED);
		return false;
	}
	/* Not a second later: no point is made of a device that is short by now. */
	dmr_health_devices(sys);
	if (READ_ONCE(sys->critical)) {
		dmr_refuse(op, -EREMOTEIO, DM_REPLICA_CODE_UNKNOWN,
			   "the system is critical: detach, mend the store, check, attach");
		return false;
	}
	if (!dmr_verbs[op->verb].inward && !dmr_system_complete(sys)) {
		dmr_refuse(op, -ENODEV, DM_REPLICA_CODE_NOT_AVAILABLE,
			   "a disk of the system is not attached; detach and attach again");
		return false;
	}
	if (dmr_op_moved_on(op)) {
		dmr_refuse(op, -ESTALE, DM_REPLICA_CODE_INVALID_STATE,
			   "the system has moved on since you looked; look again");
		return false;
	}
	return true;
}

/*----------------------------------------------------------------
 * Every disk's open_mutex (R10)
 *----------------------------------------------------------------*/

static void dmr_disks_unlock_some(struct dmr_system *sys, enum dmr_kind kind, u32 nr)
{
	while (nr--)
		mutex_unlock(&sys->disks[nr].gd[kind]->open_mutex);
}

/** dmr_disks_unlock() - let openers of every disk go on */
void dmr_disks_unlock(struct dmr_system *sys, enum dmr_kind kind)
{
	dmr_disks_unlock_some(sys, kind, sys->sb->nr_disks);
}

/**
 * dmr_disks_lock() - keep openers and last closers away from every disk
 * @sys: the system, complete.
 * @kind: of view.
 *
 * A trylock loop with a deadline: the kernel has no mutex_lock() with a time
 * limit, blocking on the second of one lock class is a lockdep report, and
 * somebody may hold one for as long as a slow device takes to write back.
 *
 * Return: false if time ran out; nothing is held then.
 */
bool dmr_disks_lock(struct dmr_system *sys, enum dmr_kind kind)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(DMR_LOCK_MS);
	u32 i;

	for (i = 0; i < sys->sb->nr_disks; i++) {
		while (!mutex_trylock(&sys->disks[i].gd[kind]->open_mutex)) {
			if (time_after(jiffies, deadline)) {
				dmr_disks_unlock_some(sys, kind, i);
				return false;
			}
			usleep_range(200, 1000);
		}
	}
	return true;
}

/* The failover devices of a disk hang on its replica device, and have it open. */
static unsigned int dmr_disk_own_openers(const struct dmr_disk *disk, enum dmr_kind kind)
{
	return kind == DMR_REPLICA ? !!disk->target[DMR_LIVE] + !!disk->target[DMR_TEST] : 0;
}

/** dmr_disks_open() - is any disk open?  Under dmr_disks_lock().  Return: true if so. */
bool dmr_disks_open(struct dmr_system *sys, enum dmr_kind kind)
{
	u32 i;

	for (i = 0; i < sys->sb->nr_disks; i++) {
		const struct dmr_disk *disk = &sys->disks[i];

		if (disk_openers(disk->gd[kind]) > dmr_disk_own_openers(disk, kind))
			return true;
	}
	return false;
}

/**
 * dmr_disks_announce() - tell udev and whoever listens
 * @sys: the system.
 * @kind: of view.
 * @online: has it come, or gone?
 *
 * Not under any lock that an opener needs.
 */
void dmr_disks_announce(struct dmr_system *sys, enum dmr_kind kind, bool online)
{
	char *envp[] = { online ? "DM_REPLICA_VIEW=online" : "DM_REPLICA_VIEW=offline", NULL };
	u32 i;

	trace_dmr_view(sys->sb->name, kind == DMR_TEST ? "test" :
		       kind == DMR_LIVE ? "live" : "replica", online,
		       kind == DMR_TEST ? sys->sb->test.base : sys->sb->live.base);
	for (i = 0; i < sys->sb->nr_disks; i++) {
		struct gendisk *gd = sys->disks[i].gd[kind];

		if (gd)
			kobject_uevent_env(&disk_to_dev(gd)->kobj, KOBJ_CHANGE, envp);
	}
}

/*----------------------------------------------------------------
 * Epochs
 *----------------------------------------------------------------*/

/** dmr_draft() - a copy of the state in force, one state number on.  Return: it. */
struct dmr_sb *dmr_draft(struct dmr_system *sys)
{
	memcpy(sys->draft, sys->sb, sizeof(*sys->draft));
	sys->draft->state_number++;
	dmr_clock_draft(sys, sys->draft);
	return sys->draft;
}

/** dmr_draft_state() - enter a state now */
void dmr_draft_state(struct dmr_sb *draft, u32 state)
{
	draft->state = state;
	draft->state_time = ktime_get_real_ns();
	draft->settings.state_since = draft->state_time;
}

/**
 * dmr_draft_next() - head writes move on to the epoch opened ahead
 * @draft: the draft; the next epoch is opened in it.
 *
 * Return: false if the numbers are used up.
 */
bool dmr_draft_next(struct dmr_sb *draft)
{
	if (draft->last_epoch >= DMR_EPOCH_MAX - 2)
		return false;
	draft->cur_epoch = draft->next_epoch;
	draft->next_epoch = (draft->last_epoch + 2) & ~DMR_EPOCH_OVERLAY;
	draft->last_epoch = draft->next_epoch;
	return true;
}

/** dmr_draft_overlay() - open an overlay's epoch.  Return: it, or none if used up. */
u32 dmr_draft_overlay(struct dmr_sb *draft)
{
	if (draft->last_epoch >= DMR_EPOCH_MAX - 2)
		return DMR_EPOCH_NONE;
	draft->last_epoch = (draft->last_epoch + 1) | DMR_EPOCH_OVERLAY;
	return draft->last_epoch;
}

/**
 * dmr_publish() - put the table of the state in force, in force
 * @sys: the system.
 *
 * If writes may go straight home from now and could not before, that is not for
 * this table to say: see dmr_op_settle().
 *
 * Return: 0 or -ENOMEM.
 */
int dmr_publish(struct dmr_system *sys)
{
	struct dmr_table *tab = dmr_table_make(sys, sys->sb, DMR_EPOCH_NONE);

	if (!tab)
		return -ENOMEM;
	if (tab->straight != sys->table->straight)
		tab->straight = -1;
	dmr_table_publish(sys, tab);
	return 0;
}

static void dmr_settling(struct dmr_system *sys, bool settling)
{
	spin_lock_irq(&sys->park_lock);
	sys->settling = settling;
	spin_unlock_irq(&sys->park_lock);
	if (!settling)
		dmr_io_wake(sys);
}

/**
 * dmr_op_settle() - nothing needs old content any more: writes go straight home
 * @op: asked for by the vacuum.
 * @job: none.
 *
 * R3: from then on home is written over, so both superblocks say first that
 * nobody needs what was there.
 *
 * A bio may be about to give a bare chunk a version, having read home for it;
 * one that goes straight to that chunk at the same time would be lost under it.
 * So there is a table in between, under which a bare chunk gets no version and no
 * write goes straight: writes that would need either wait until all that entered
 * before has ended.  If that takes too long all is as it was, and the vacuum asks
 * again.
 */
void dmr_op_settle(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_system *sys = op->sys;
	struct dmr_table *want, *between;

	want = dmr_table_make(sys, sys->sb, DMR_EPOCH_NONE);
	between = dmr_table_back(sys);
	if (!want || !between || want->straight < 0 || sys->table->straight >= 0 ||
	    dmr_super_sync_copies(sys)) {
		kvfree(want);
		kvfree(between);
		return;
	}
	between->bare = want->straight;
	dmr_settling(sys, true);
	dmr_table_publish(sys, between);
	if (dmr_grace_wait(&sys->grace, msecs_to_jiffies(op->timeout)))
		want->straight = -1;
	else
		dmr_table_reap(sys);
	dmr_table_publish(sys, want);
	dmr_settling(sys, false);
}

/**
 * dmr_settle_kick() - may writes go straight home that do not yet?
 * @sys: the system, running.
 *
 * Context: the vacuum, after a pass.
 */
void dmr_settle_kick(struct dmr_system *sys)
{
	u32 side = dmr_grace_enter(&sys->grace);
	const struct dmr_table *tab = dmr_table_get(sys);
	u32 state = READ_ONCE(sys->sb->state);
	/* Without a point there is no overlay either. */
	bool ask = tab->straight < 0 && !tab->need.nr && state != DM_REPLICA_STATE_DISABLED;
	struct dmr_op *op;

	dmr_grace_leave(&sys->grace, side);
	if (!ask || READ_ONCE(sys->settle_asked))
		return;
	op = dmr_op_new(sys, DMR_VERB_SETTLE);
	if (!op)
		return;
	WRITE_ONCE(sys->settle_asked, true);
	dmr_op_queue(op);
}

/**
 * dmr_table_back() - a table to go back to, should an operation come to nothing
 * @sys: the system.
 *
 * What is not straight now does not become so behind anybody's back: see
 * dmr_op_settle().
 *
 * Return: it, or NULL without memory.
 */
struct dmr_table *dmr_table_back(struct dmr_system *sys)
{
	struct dmr_table *tab = dmr_table_make(sys, sys->sb, DMR_EPOCH_NONE);

	if (tab)
		tab->straight = sys->table->straight;
	return tab;
}

/** dmr_point_by_number() - find a point.  Return: it, or NULL. */
struct dmr_point *dmr_point_by_number(struct dmr_sb *sb, u64 number)
{
	u32 i;

	for (i = 0; i < sb->nr_points; i++)
		if (sb->points[i].number == number)
			return &sb->points[i];
	return NULL;
}

/*----------------------------------------------------------------
 * Running them
 *----------------------------------------------------------------*/

/** dmr_op_name() - an operation in the words of replicactl.  Return: constant text. */
const char *dmr_op_name(enum dmr_verb verb)
{
	return dmr_verbs[verb].name;
}

/** dmr_op_text() - what an operation does.  Return: constant text. */
const char *dmr_op_text(enum dmr_verb verb)
{
	return dmr_verbs[verb].text ?: dmr_verbs[verb].name;
}

/* Why it is not legal now, in the words of who asked. */
static const char *dmr_why_not(enum dmr_verb verb, u32 state, u32 flags)
{
	switch (state) {
	case DM_REPLICA_STATE_DISABLED:
		if (flags & DMR_SB_REMOVING)
			return "the relationship is being removed; that cannot be stopped";
		return "the relationship was removed; detach, and make a new one";
	case DM_REPLICA_STATE_COMMITTED:
		if (verb == DMR_VERB_REVERT)
			return "the failover was committed; there is nothing to go back to";
		if (verb == DMR_VERB_COMMIT)
			return "the failover was committed already";
		return "the failover was committed; this is a replica no more";
	case DM_REPLICA_STATE_RECOVERED:
		if (verb == DMR_VERB_INITIATE)
			return "failed over already; revert or commit first";
		return "failed over; revert or commit first";
	case DM_REPLICA_STATE_SUSPENDED:
		if (verb == DMR_VERB_POINT_NEW)
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
	const struct dmr_verb_info *info = &dmr_verbs[op->verb];
	u32 state = dmr_system_state(op->sys);

	if (info->inward)
		return true;
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

/** dmr_op_job_type() - of which type its job is.  Return: DM_REPLICA_JOB_TYPE_*. */
u32 dmr_op_job_type(enum dmr_verb verb)
{
	return dmr_verbs[verb].job;
}

/** dmr_op_inward() - does the module ask it of itself, without a job?  Return: true if so. */
bool dmr_op_inward(enum dmr_verb verb)
{
	return dmr_verbs[verb].inward;
}

/*
 * R12: the time that was asked for is that of all its waiting; a wait for openers has its
 * own.  A grace period is waited for without a limit where it is 0.
 */
static void dmr_op_time_left(struct dmr_op *op)
{
	long left = op->limit - jiffies;

	if (op->limited)
		op->timeout = max(left > 0 ? jiffies_to_msecs(left) : 0, 1u);
}

/**
 * dmr_op_turn() - an operation's turn: it is tried
 * @op: begun; op_mutex is held.
 *
 * R12: whatever waits for openers holds up no other operation.  It is tried anew, all
 * questions asked again, after a pause in which others have their turn.
 *
 * Return: true if it has to wait for openers, and may; otherwise it has ended.
 */
bool dmr_op_turn(struct dmr_op *op)
{
	struct dmr_system *sys = op->sys;

	if (!op->tried) {
		trace_dmr_op_begin(sys->sb->name, dmr_verbs[op->verb].job);
		op->give_up = jiffies + msecs_to_jiffies(op->wait);
		dmr_op_time_left(op);
	}
	op->open = false;
	op->err = 0;
	op->code = DM_REPLICA_CODE_COMPLETED;
	op->msg = NULL;
	if (dmr_op_allowed(op)) {
		dmr_job_turn(op->job, true, !op->tried);
		if (dmr_op_legal(op))
			dmr_verbs[op->verb].run(op, op->job);
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
 * dmr_op_end_turns() - an operation has been decided, or is given up
 * @op: code, err and msg are set; nobody else ends it.
 *
 * With op_mutex held, if it has had its turn: whoever has the answer finds the job
 * ended, and no detach ends it otherwise.
 *
 * Context: may sleep, for memory alone.
 */
void dmr_op_end_turns(struct dmr_op *op)
{
	struct dmr_system *sys = op->sys;

	if (op->verb == DMR_VERB_MAKE_ROOM)
		WRITE_ONCE(sys->full_asked, false);
	if (op->verb == DMR_VERB_SETTLE)
		WRITE_ONCE(sys->settle_asked, false);
	trace_dmr_op_end(sys->sb->name, dmr_verbs[op->verb].job, op->code,
			 op->job ? op->job->id : 0);
	if (!dmr_verbs[op->verb].inward)
		dmr_owner_log(op);
	dmr_job_about(op->job, op);
	dmr_job_decide(op->job, op->code, op->err, op->err ? 0 : op->point);
	if (op->code == DM_REPLICA_CODE_JOB_STARTED)
		dmr_job_run(op->job);
	else if (op->taken)
		dmr_job_terminate(op->job, op->code, op->msg);
	else
		dmr_job_end(op->job, op->code, op->err ? op->msg : NULL);
	complete_all(&op->done);
}
