// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running operations: each is decided by one superblock write.
 *
 * An operation runs in a worker, so that nobody's death leaves it half done
 * (R12): who asked waits for it, and may leave.  One at a time per system.
 */
#include <linux/delay.h>
#include <linux/sched/mm.h>

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

/** dmr_disks_open() - is any disk open?  Under dmr_disks_lock().  Return: true if so. */
bool dmr_disks_open(struct dmr_system *sys, enum dmr_kind kind)
{
	u32 i;

	for (i = 0; i < sys->sb->nr_disks; i++)
		if (disk_openers(sys->disks[i].gd[kind]))
			return true;
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

/** dmr_draft() - a copy of the state in force, one state number on.  Return: it. */
struct dmr_sb *dmr_draft(struct dmr_system *sys)
{
	memcpy(sys->draft, sys->sb, sizeof(*sys->draft));
	sys->draft->state_number++;
	return sys->draft;
}

/** dmr_draft_state() - enter a state now */
void dmr_draft_state(struct dmr_sb *draft, u32 state)
{
	draft->state = state;
	draft->state_time = ktime_get_real_ns();
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
 * @wait: ms that I/O under way may take to end, if writes may go straight home
 *	from now and could not before.
 *
 * A bio of the old table may still give a bare chunk a version, which those of
 * the new one rely upon to be bare: first they are let end.  If that takes too
 * long writes go to slots until the next change, which is right as well.
 *
 * Return: 0 or -ENOMEM.
 */
int dmr_publish(struct dmr_system *sys, u32 wait)
{
	struct dmr_table *tab = dmr_table_make(sys, sys->sb, DMR_EPOCH_NONE);

	if (!tab)
		return -ENOMEM;
	if (tab->straight >= 0 && tab->straight != sys->table->straight) {
		tab->straight = -1;
		dmr_table_publish(sys, tab);
		if (!wait || dmr_grace_wait(&sys->grace, msecs_to_jiffies(wait)))
			return 0;
		dmr_table_reap(sys);
		tab = dmr_table_make(sys, sys->sb, DMR_EPOCH_NONE);
		if (!tab)
			return 0;
	}
	dmr_table_publish(sys, tab);
	return 0;
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

/** dmr_op_text() - what a type of operation does.  Return: constant text. */
const char *dmr_op_text(u32 type)
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
	case DM_REPLICA_JOB_TYPE_TEST_START:
		return "start test failover";
	case DM_REPLICA_JOB_TYPE_TEST_STOP:
		return "stop test failover";
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
	unsigned int noio;

	/* Reclaim must not wait for writes that wait for this operation. */
	noio = memalloc_noio_save();
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
			dmr_op_begin(op, DMR_LIVE);
			break;
		case DM_REPLICA_JOB_TYPE_REVERT_FAILOVER:
			dmr_op_end(op, DMR_LIVE, job);
			break;
		case DM_REPLICA_JOB_TYPE_TEST_START:
			dmr_op_begin(op, DMR_TEST);
			break;
		case DM_REPLICA_JOB_TYPE_TEST_STOP:
			dmr_op_end(op, DMR_TEST, job);
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
	/* Who has the answer finds its job ended, and no detach ends it otherwise. */
	if (op->code != DM_REPLICA_CODE_JOB_STARTED)
		dmr_job_end(job, op->code, op->err ? op->msg : NULL);
	mutex_unlock(&sys->op_mutex);
	complete(&op->done);
	/* Its I/O is not to be in the way of the answer. */
	if (changed)
		dmr_vacuum_kick(sys);
	if (job)
		dmr_job_put(job);
	if (changed)
		dmr_netlink_system(sys);
	memalloc_noio_restore(noio);
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
 * op->msg; -EINTR if the caller was killed: the operation goes on, and nothing
 * of @op but its reference is the caller's any more.
 */
int dmr_op_run(struct dmr_op *op)
{
	if (!op->timeout)
		op->timeout = DMR_DRAIN_MS;
	kref_get(&op->ref);
	queue_work(op->sys->ops_wq, &op->work);
	if (wait_for_completion_killable(&op->done))
		return -EINTR;	/* the worker may be writing to @op */
	return op->err;
}
