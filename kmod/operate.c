// SPDX-License-Identifier: GPL-2.0-only
/*
 * The operations: each is decided by one superblock write.
 *
 * An operation runs in a worker, so that nobody's death leaves it half done
 * (R12): who asked waits for it, and may leave.  One at a time per system.
 */
#include <linux/delay.h>

#include "dmr.h"
#include "trace.h"

/*----------------------------------------------------------------
 * Refusals: the one table of errno and CIM code
 *----------------------------------------------------------------*/

static void dmr_refuse(struct dmr_op *op, int err, u32 code, const char *msg)
{
	op->err = err;
	op->code = code;
	op->msg = msg;
}

#define dmr_refuse_state(op, msg) \
	dmr_refuse(op, -EBADE, DM_REPLICA_CODE_INVALID_STATE, msg)
#define dmr_refuse_busy(op, msg) \
	dmr_refuse(op, -EBUSY, DM_REPLICA_CODE_IN_USE, msg)
#define dmr_refuse_timeout(op, msg) \
	dmr_refuse(op, -ETIMEDOUT, DM_REPLICA_CODE_TIMEOUT, msg)
#define dmr_refuse_memory(op) \
	dmr_refuse(op, -ENOMEM, DM_REPLICA_CODE_NO_MEMORY, "out of memory; nothing was changed")

/* What a failed superblock write means for the operation it was to decide (R3). */
static void dmr_refuse_super(struct dmr_op *op, int r)
{
	if (r == -EIO)
		dmr_refuse(op, -EIO, DM_REPLICA_CODE_FAILED,
			   "the store took no superblock; nothing was changed, see the kernel log");
	else
		dmr_refuse(op, -EREMOTEIO, DM_REPLICA_CODE_UNKNOWN,
			   "the superblock is in doubt: detach, mend the store, attach, look");
}

/* What every change asks first. */
static bool dmr_op_allowed(struct dmr_op *op)
{
	struct dmr_system *sys = op->sys;

	if (!sys->running) {
		dmr_refuse(op, -ENODEV, DM_REPLICA_CODE_NOT_AVAILABLE,
			   "the system is not attached; use replicactl attach");
		return false;
	}
	if (READ_ONCE(sys->critical)) {
		dmr_refuse(op, -EREMOTEIO, DM_REPLICA_CODE_UNKNOWN,
			   "the system is critical: detach, mend the store, check, attach");
		return false;
	}
	if (!dmr_system_complete(sys)) {
		dmr_refuse(op, -ENODEV, DM_REPLICA_CODE_NOT_AVAILABLE,
			   "a disk of the system is not attached; detach and attach again");
		return false;
	}
	/* R11: what was shown is what is done. */
	if (op->expect_state != ~0ULL && op->expect_state != sys->sb->state_number) {
		dmr_refuse(op, -ESTALE, DM_REPLICA_CODE_INVALID_STATE,
			   "the system has moved on since you looked; look again");
		return false;
	}
	return true;
}

/*----------------------------------------------------------------
 * Every disk's open_mutex (R10)
 *----------------------------------------------------------------*/

static void dmr_disks_unlock(struct dmr_system *sys, enum dmr_kind kind, u32 nr)
{
	while (nr--)
		mutex_unlock(&sys->disks[nr].gd[kind]->open_mutex);
}

/*
 * A trylock loop with a deadline: the kernel has no mutex_lock() with a time
 * limit, blocking on the second of one lock class is a lockdep report, and
 * somebody may hold one for as long as a slow device takes to write back.
 */
static bool dmr_disks_lock(struct dmr_system *sys, enum dmr_kind kind)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(DMR_LOCK_MS);
	u32 i;

	for (i = 0; i < sys->sb->nr_disks; i++) {
		while (!mutex_trylock(&sys->disks[i].gd[kind]->open_mutex)) {
			if (time_after(jiffies, deadline)) {
				dmr_disks_unlock(sys, kind, i);
				return false;
			}
			usleep_range(200, 1000);
		}
	}
	return true;
}

static bool dmr_disks_open(struct dmr_system *sys, enum dmr_kind kind)
{
	u32 i;

	for (i = 0; i < sys->sb->nr_disks; i++)
		if (disk_openers(sys->disks[i].gd[kind]))
			return true;
	return false;
}

/* Tell udev and whoever listens; not under any lock that an opener needs. */
static void dmr_disks_announce(struct dmr_system *sys, enum dmr_kind kind, bool online)
{
	char *envp[] = { online ? "DM_REPLICA_VIEW=online" : "DM_REPLICA_VIEW=offline", NULL };
	u32 i;

	trace_dmr_view(sys->sb->name, kind == DMR_TEST ? "test" : "live", online,
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

static struct dmr_sb *dmr_draft(struct dmr_system *sys)
{
	memcpy(sys->draft, sys->sb, sizeof(*sys->draft));
	sys->draft->state_number++;
	return sys->draft;
}

static void dmr_draft_state(struct dmr_sb *draft, u32 state)
{
	draft->state = state;
	draft->state_time = ktime_get_real_ns();
}

/* Head writes move on to the epoch that was opened ahead; the next one is opened. */
static bool dmr_draft_next(struct dmr_sb *draft)
{
	if (draft->last_epoch >= DMR_EPOCH_MAX - 2)
		return false;
	draft->cur_epoch = draft->next_epoch;
	draft->next_epoch = (draft->last_epoch + 2) & ~DMR_EPOCH_OVERLAY;
	draft->last_epoch = draft->next_epoch;
	return true;
}

static u32 dmr_draft_overlay(struct dmr_sb *draft)
{
	if (draft->last_epoch >= DMR_EPOCH_MAX - 2)
		return DMR_EPOCH_NONE;
	draft->last_epoch = (draft->last_epoch + 1) | DMR_EPOCH_OVERLAY;
	return draft->last_epoch;
}

static int dmr_publish(struct dmr_system *sys)
{
	struct dmr_table *tab = dmr_table_make(sys, sys->sb, DMR_EPOCH_NONE);

	if (!tab)
		return -ENOMEM;
	dmr_table_publish(sys, tab);
	return 0;
}

/*
 * A point that came to nothing leaves head writes in the next epoch: they never
 * go back to an older one.  Before another point the superblock catches up.
 */
static int dmr_catch_up(struct dmr_system *sys)
{
	struct dmr_sb *draft;
	int r;

	if (!sys->ahead)
		return 0;
	draft = dmr_draft(sys);
	draft->state_number--;
	if (!dmr_draft_next(draft))
		return -EIO;
	r = dmr_super_commit(sys, draft, "catch up");
	if (!r)
		sys->ahead = false;
	return r;
}

static struct dmr_point *dmr_point_by_number(struct dmr_sb *sb, u64 number)
{
	u32 i;

	for (i = 0; i < sb->nr_points; i++)
		if (sb->points[i].number == number)
			return &sb->points[i];
	return NULL;
}

/*----------------------------------------------------------------
 * Make a recovery point (R15)
 *----------------------------------------------------------------*/

static void dmr_switch_over(struct dmr_system *sys)
{
	spin_lock_irq(&sys->park_lock);
	sys->draining = false;
	spin_unlock_irq(&sys->park_lock);
	dmr_io_wake(sys);
}

static void dmr_op_point(struct dmr_op *op)
{
	struct dmr_system *sys = op->sys;
	struct dmr_table *pending, *after = NULL;
	struct dmr_point *point;
	struct dmr_sb *draft;
	int r;

	switch (sys->sb->state) {
	case DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION:
	case DM_REPLICA_STATE_REPLICATING:
	case DM_REPLICA_STATE_RECOVERED:
		break;
	default:
		return dmr_refuse_state(op, "no recovery point can be made in this state");
	}
	if (sys->sb->flags & DMR_SB_SUSPENDED)
		return dmr_refuse_state(op, "replication is suspended; resume it first");
	if (sys->sb->nr_points >= DMR_MAX_POINTS)
		return dmr_refuse(op, -ENOSPC, DM_REPLICA_CODE_FAILED,
				  "the system has as many points as it can; drop one first");
	r = dmr_catch_up(sys);
	if (r)
		return dmr_refuse_super(op, r);

	draft = dmr_draft(sys);
	point = &draft->points[draft->nr_points];
	memset(point, 0, sizeof(*point));
	point->epoch = draft->cur_epoch;
	point->kind = op->kind ?: DM_REPLICA_POINT_KIND_STANDARD;
	point->number = draft->next_point++;
	memcpy(point->name, op->name, sizeof(point->name));
	if (!dmr_draft_next(draft))
		return dmr_refuse(op, -ENOSPC, DM_REPLICA_CODE_FAILED,
				  "the store has used up its epoch numbers");
	draft->nr_points++;
	if (draft->state == DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION)
		dmr_draft_state(draft, DM_REPLICA_STATE_REPLICATING);

	/* New writes go on in the epoch opened ahead; old ones are let end. */
	pending = dmr_table_make(sys, sys->sb, sys->sb->cur_epoch);
	after = dmr_table_make(sys, draft, DMR_EPOCH_NONE);
	if (!pending || !after) {
		kvfree(pending);
		kvfree(after);
		return dmr_refuse_memory(op);
	}
	WRITE_ONCE(sys->draining, true);
	dmr_table_publish(sys, pending);
	point->time = ktime_get_real_ns();
	r = dmr_grace_wait(&sys->grace, msecs_to_jiffies(op->timeout));
	if (!r) {
		/* The table in force is the pending one, all before it can go. */
		dmr_table_reap(sys);
		dmr_switch_over(sys);
		r = dmr_commit_sync(sys, true);
		if (r)
			dmr_refuse(op, -EIO, DM_REPLICA_CODE_FAILED,
				   "the system could not be flushed; no point was made");
	} else {
		dmr_refuse_timeout(op, "writes did not end in time; no point was made");
	}
	if (!r) {
		r = dmr_super_commit(sys, draft, "point");
		if (r)
			dmr_refuse_super(op, r);
	}
	if (r) {
		sys->ahead = true;
		kvfree(after);
		/* Without memory the pending table stays: it keeps more than it must. */
		dmr_publish(sys);
		if (sys->draining) {
			dmr_grace_wait(&sys->grace, 0);
			dmr_switch_over(sys);
		}
		return;
	}
	dmr_table_publish(sys, after);
	op->point = point->number;
}

/*----------------------------------------------------------------
 * Drop a recovery point
 *----------------------------------------------------------------*/

static void dmr_op_drop(struct dmr_op *op)
{
	struct dmr_system *sys = op->sys;
	struct dmr_point *point;
	struct dmr_table *after;
	struct dmr_sb *draft;
	u32 at;
	int r;

	if (sys->sb->state != DM_REPLICA_STATE_REPLICATING &&
	    sys->sb->state != DM_REPLICA_STATE_RECOVERED)
		return dmr_refuse_state(op, "no recovery point can be dropped in this state");
	draft = dmr_draft(sys);
	point = dmr_point_by_number(draft, op->point);
	if (!point)
		return dmr_refuse(op, -ENOENT, DM_REPLICA_CODE_NOT_FOUND,
				  "there is no such recovery point");
	/* R14: points and overlays hold each other. */
	if ((draft->live.epoch && draft->live.base == point->epoch) ||
	    (draft->test.epoch && draft->test.base == point->epoch))
		return dmr_refuse_busy(op, "a failover runs from this point; end it first");

	at = point - draft->points;
	memmove(point, point + 1, (draft->nr_points - at - 1) * sizeof(*point));
	draft->nr_points--;
	memset(&draft->points[draft->nr_points], 0, sizeof(*point));
	after = dmr_table_make(sys, draft, DMR_EPOCH_NONE);
	if (!after)
		return dmr_refuse_memory(op);
	r = dmr_super_commit(sys, draft, "drop point");
	if (r) {
		kvfree(after);
		return dmr_refuse_super(op, r);
	}
	dmr_table_publish(sys, after);
	dmr_vacuum_kick(sys);
}

/*----------------------------------------------------------------
 * Initiate failover
 *----------------------------------------------------------------*/

static void dmr_op_initiate(struct dmr_op *op)
{
	struct dmr_system *sys = op->sys;
	struct dmr_table *after;
	struct dmr_point *point;
	struct dmr_sb *draft;
	u32 i;
	int r;

	if (sys->sb->state == DM_REPLICA_STATE_RECOVERED)
		return dmr_refuse_state(op, "failed over already; revert or commit first");
	if (sys->sb->state == DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION)
		return dmr_refuse_state(op,
					"there is no recovery point yet; make one first");
	if (sys->sb->state != DM_REPLICA_STATE_REPLICATING)
		return dmr_refuse_state(op, "no failover can begin in this state");

	draft = dmr_draft(sys);
	if (!draft->nr_points)
		return dmr_refuse_state(op, "there is no recovery point; make one first");
	point = op->point ? dmr_point_by_number(draft, op->point) :
			    &draft->points[draft->nr_points - 1];
	if (!point)
		return dmr_refuse(op, -ENOENT, DM_REPLICA_CODE_NOT_FOUND,
				  "there is no such recovery point");

	draft->live.epoch = dmr_draft_overlay(draft);
	if (!draft->live.epoch)
		return dmr_refuse(op, -ENOSPC, DM_REPLICA_CODE_FAILED,
				  "the store has used up its epoch numbers");
	draft->live.base = point->epoch;
	draft->live.time = ktime_get_real_ns();
	dmr_draft_state(draft, DM_REPLICA_STATE_RECOVERED);
	after = dmr_table_make(sys, draft, DMR_EPOCH_NONE);
	if (!after)
		return dmr_refuse_memory(op);

	/* R10: with an opener, pages dirtied while offline would land in the new view. */
	if (!dmr_disks_lock(sys, DMR_LIVE)) {
		kvfree(after);
		return dmr_refuse_timeout(op, "a failover device was being opened or closed for too long");
	}
	if (dmr_disks_open(sys, DMR_LIVE)) {
		r = -EBUSY;
		dmr_refuse_busy(op, "a failover device is open; close it first");
	} else {
		r = dmr_super_commit(sys, draft, "initiate failover");
		if (r)
			dmr_refuse_super(op, r);
	}
	if (!r) {
		for (i = 0; i < sys->sb->nr_disks; i++)
			atomic64_set(&sys->disks[i].overlay_blocks[DMR_LIVE], 0);
		atomic64_set(&sys->overlay_versions[DMR_LIVE], 0);
		dmr_table_publish(sys, after);
		op->point = point->number;
	} else {
		kvfree(after);
	}
	dmr_disks_unlock(sys, DMR_LIVE, sys->sb->nr_disks);
	if (!r)
		dmr_disks_announce(sys, DMR_LIVE, true);
}

/*----------------------------------------------------------------
 * Revert failover
 *----------------------------------------------------------------*/

static void dmr_op_revert(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_system *sys = op->sys;
	struct dmr_table *fence, *after;
	struct dmr_sb *draft;
	u32 epoch;
	u64 left;
	int r;

	if (sys->sb->state == DM_REPLICA_STATE_COMMITTED)
		return dmr_refuse_state(op,
					"the failover was committed; there is nothing to go back to");
	if (sys->sb->state != DM_REPLICA_STATE_RECOVERED)
		return dmr_refuse_state(op, "not failed over; there is nothing to revert");

	draft = dmr_draft(sys);
	epoch = draft->live.epoch;
	memset(&draft->live, 0, sizeof(draft->live));
	dmr_draft_state(draft, DM_REPLICA_STATE_REPLICATING);
	fence = dmr_table_make(sys, sys->sb, DMR_EPOCH_NONE);
	after = dmr_table_make(sys, draft, DMR_EPOCH_NONE);
	if (!fence || !after) {
		kvfree(fence);
		kvfree(after);
		return dmr_refuse_memory(op);
	}
	/* Offline for its devices, but the vacuum must still keep it: nothing is decided yet. */
	fence->view[DMR_LIVE].write = DMR_EPOCH_NONE;

	/* R10: lock, look once, then fence, drain, write, and let go. */
	if (!dmr_disks_lock(sys, DMR_LIVE)) {
		kvfree(fence);
		kvfree(after);
		return dmr_refuse_timeout(op, "a failover device was being opened or closed for too long");
	}
	if (dmr_disks_open(sys, DMR_LIVE)) {
		kvfree(fence);
		kvfree(after);
		dmr_disks_unlock(sys, DMR_LIVE, sys->sb->nr_disks);
		return dmr_refuse_busy(op,
				       "a failover device is in use; stop the guest or unmount it first");
	}
	dmr_table_publish(sys, fence);
	r = dmr_grace_wait(&sys->grace, msecs_to_jiffies(op->timeout));
	if (r) {
		dmr_refuse_timeout(op, "I/O on a failover device did not end in time; nothing was reverted");
	} else {
		dmr_table_reap(sys);
		if (op->expect_writes != ~0ULL &&
		    op->expect_writes != dmr_view_writes(sys, DMR_LIVE)) {
			r = -ESTALE;
			dmr_refuse(op, -ESTALE, DM_REPLICA_CODE_INVALID_STATE,
				   "the guest has written since you looked; look again");
		}
	}
	if (!r) {
		r = dmr_super_commit(sys, draft, "revert failover");
		if (r)
			dmr_refuse_super(op, r);
	}
	if (!r) {
		dmr_table_publish(sys, after);
	} else {
		kvfree(after);
		/* R12: the fence is lifted.  Without memory it stays until the next try. */
		if (dmr_publish(sys))
			dmr_critical(sys, "no memory to bring a view back; detach and attach");
	}
	dmr_disks_unlock(sys, DMR_LIVE, sys->sb->nr_disks);
	if (r)
		return;

	left = atomic64_xchg(&sys->overlay_versions[DMR_LIVE], 0);
	if (left) {
		op->code = DM_REPLICA_CODE_JOB_STARTED;
		atomic64_add(left, &sys->vacuum_pending);
		if (job) {
			mutex_lock(&sys->job_mutex);
			job->total = left;
			job->epoch = epoch;
			mutex_unlock(&sys->job_mutex);
		}
	}
	dmr_disks_announce(sys, DMR_LIVE, false);
	dmr_vacuum_kick(sys);
}

/*----------------------------------------------------------------
 * Running them
 *----------------------------------------------------------------*/

static const char *dmr_op_text(u32 type)
{
	switch (type) {
	case DM_REPLICA_JOB_TYPE_SNAPSHOT:
		return "make a recovery point";
	case DM_REPLICA_JOB_TYPE_DELETE_SNAPSHOT:
		return "drop a recovery point";
	case DM_REPLICA_JOB_TYPE_INITIATE_FAILOVER:
		return "initiate failover";
	case DM_REPLICA_JOB_TYPE_REVERT_FAILOVER:
		return "revert failover";
	default:
		return "operation";
	}
}

static void dmr_op_work(struct work_struct *work)
{
	struct dmr_op *op = container_of(work, struct dmr_op, work);
	struct dmr_system *sys = op->sys;
	struct dmr_job *job = NULL;
	bool changed = false;

	mutex_lock(&sys->op_mutex);
	trace_dmr_op_begin(sys->sb->name, op->type);
	if (dmr_op_allowed(op)) {
		job = dmr_job_new(sys, op->type, dmr_op_text(op->type));
		dmr_job_run(job);
		switch (op->type) {
		case DM_REPLICA_JOB_TYPE_SNAPSHOT:
			dmr_op_point(op);
			break;
		case DM_REPLICA_JOB_TYPE_DELETE_SNAPSHOT:
			dmr_op_drop(op);
			break;
		case DM_REPLICA_JOB_TYPE_INITIATE_FAILOVER:
			dmr_op_initiate(op);
			break;
		case DM_REPLICA_JOB_TYPE_REVERT_FAILOVER:
			dmr_op_revert(op, job);
			break;
		default:
			dmr_refuse(op, -EOPNOTSUPP, DM_REPLICA_CODE_NOT_SUPPORTED,
				   "this module does not know that operation");
		}
		changed = !op->err;
	}
	if (job)
		op->job = job->id;
	trace_dmr_op_end(sys->sb->name, op->type, op->code, op->job);
	mutex_unlock(&sys->op_mutex);

	/* The answer first: who waits for it need not wait for events. */
	complete(&op->done);
	if (op->code != DM_REPLICA_CODE_JOB_STARTED)
		dmr_job_end(job, op->code, op->err ? op->msg : NULL);
	if (job)
		dmr_job_put(job);
	if (changed)
		dmr_netlink_system(sys);
	dmr_op_put(op);
}

/**
 * dmr_op_new() - an operation to be filled in and run
 * @sys: the system; a reference of its own is taken.
 * @type: DM_REPLICA_JOB_TYPE_*.
 *
 * Context: may sleep.
 * Return: it, or NULL without memory.
 */
struct dmr_op *dmr_op_new(struct dmr_system *sys, u32 type)
{
	struct dmr_op *op = kzalloc(sizeof(*op), GFP_KERNEL);

	if (!op)
		return NULL;
	kref_init(&op->ref);
	kref_get(&sys->ref);
	op->sys = sys;
	op->type = type;
	op->expect_state = ~0ULL;
	op->expect_writes = ~0ULL;
	op->timeout = DMR_DRAIN_MS;
	init_completion(&op->done);
	INIT_WORK(&op->work, dmr_op_work);
	return op;
}

static void dmr_op_release(struct kref *ref)
{
	struct dmr_op *op = container_of(ref, struct dmr_op, ref);

	dmr_system_put(op->sys);
	kfree(op);
}

/** dmr_op_put() - let go of an operation; may sleep */
void dmr_op_put(struct dmr_op *op)
{
	kref_put(&op->ref, dmr_op_release);
}

/**
 * dmr_op_run() - run an operation and wait for it
 * @op: filled in.
 *
 * Context: may sleep; not with any of the system's locks held.
 * Return: 0 and op->code is 0 or 4096; a negative errno with op->code and
 * op->msg; -EINTR if the caller was killed: the operation goes on.
 */
int dmr_op_run(struct dmr_op *op)
{
	if (!op->timeout)
		op->timeout = DMR_DRAIN_MS;
	kref_get(&op->ref);
	queue_work(op->sys->ops_wq, &op->work);
	if (wait_for_completion_killable(&op->done)) {
		op->code = DM_REPLICA_CODE_UNKNOWN;
		return -EINTR;
	}
	return op->err;
}
