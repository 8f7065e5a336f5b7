// SPDX-License-Identifier: GPL-2.0-only
/*
 * Turns of operations: each system has a queue, and a worker runs one operation at a time
 * (R12).
 *
 * DOC: requests of clients that have exited
 *
 * An operation that has not begun can be withdrawn: by its own time limit, by job cancel,
 * or by the close of the socket of its request, unless it does not depend on the socket.
 * When its turn begins, only the operation itself decides its end.  Each change of phase
 * is made under dmr_ops_lock, so an operation either has its turn or is withdrawn; the
 * function that runs the turn, or that changes the phase to DMR_OP_ENDED, answers it.
 *
 * The queue may stand still for as long as a device hangs.  So only the turn itself waits
 * for I/O, or for a lock that is held over I/O.
 */
#include <linux/sched/mm.h>

#include "job.h"
#include "openers.h"
#include "queue.h"
#include "system.h"
#include "uevent.h"
#include "vacuum.h"
#include "work.h"

static DEFINE_SPINLOCK(dmr_ops_lock);	/* all queues; phases */
static LIST_HEAD(dmr_ops_asked);	/* operations that the close of a socket withdraws */

#define DMR_PAUSE_MS 100 /* limit of the pause between two looks at openers */

/**
 * dmr_op_refuse() - end an operation with an error
 * @op: the operation.
 * @err: negative errno.
 * @code: CIM code.
 * @msg: the reason and the remedy, constant text.
 */
void dmr_op_refuse(struct dmr_op *op, int err, u32 code, const char *msg)
{
	op->err = err;
	op->code = code;
	op->msg = msg;
}

/**
 * dmr_op_refuse_super() - end an operation after its superblock write failed (R3)
 * @op: the operation.
 * @r: from dmr_super_write().
 */
void dmr_op_refuse_super(struct dmr_op *op, int r)
{
	if (r == -EIO)
		dmr_op_refuse(op, -EIO, DM_REPLICA_CODE_FAILED,
			      "the store took no superblock; nothing was changed, see the kernel log");
	else
		dmr_op_refuse(op, -EREMOTEIO, DM_REPLICA_CODE_UNKNOWN,
			      "the superblock is in doubt: detach, mend the store, attach, look");
}

/**
 * dmr_op_lock_closed() - keep the devices of a kind closed, or refuse an operation
 * @op: the operation.
 * @kind: of the devices.
 * @msg: the refusal if one is open, constant text.
 *
 * R10.  Context: may sleep for 5 s; op_mutex is held.
 * Return: true, and dmr_openers_unlock() is due; or false.
 */
bool dmr_op_lock_closed(struct dmr_op *op, enum dmr_kind kind, const char *msg)
{
	lockdep_assert_held(&op->sys->op_mutex);
	if (!dmr_openers_lock(op->sys, kind)) {
		dmr_refuse_timeout(op, "a device was being opened or closed for too long");
		return false;
	}
	if (!dmr_openers_any(op->sys, kind))
		return true;
	dmr_openers_unlock(op->sys, kind);
	dmr_refuse_open(op, msg);
	return false;
}

/* Run the queue in @delay jiffies at the latest. */
static void dmr_ops_kick(struct dmr_system *sys, unsigned long delay)
{
	bool pending;

	kref_get(&sys->ref);
	if (delay)
		pending = !queue_delayed_work(sys->ops_wq, &sys->queue.work, delay);
	else
		pending = mod_delayed_work(sys->ops_wq, &sys->queue.work, 0);
	if (pending)
		dmr_system_put(sys);	/* not the last reference: the caller has one */
}

/* Put an operation at the end of its queue; dmr_ops_lock is held. */
static void dmr_op_enqueue(struct dmr_op *op)
{
	lockdep_assert_held(&dmr_ops_lock);
	op->phase = DMR_OP_WAITING;
	list_add_tail(&op->list, &op->sys->queue.list);
	op->sys->queue.nr++;
}

/* Remove a waiting operation from its queue; dmr_ops_lock is held. */
static void dmr_op_dequeue(struct dmr_op *op, enum dmr_op_phase phase)
{
	lockdep_assert_held(&dmr_ops_lock);
	op->phase = phase;
	list_del_init(&op->list);
	op->sys->queue.nr--;
}

/* Start the time limit.  The reference put here is never the last, so this does not sleep. */
static void dmr_op_arm(struct dmr_op *op, unsigned long delay)
{
	kref_get(&op->ref);
	if (mod_delayed_work(dmr_expire_wq, &op->expire, delay))
		dmr_op_put(op);
}

/* Release an operation that has been answered. */
static void dmr_op_done(struct dmr_op *op)
{
	spin_lock(&dmr_ops_lock);
	op->phase = DMR_OP_ENDED;
	list_del_init(&op->asked);
	spin_unlock(&dmr_ops_lock);
	if (cancel_delayed_work(&op->expire))
		dmr_op_put(op);
	dmr_op_put(op);
}

/*
 * Has a detach ended the operation's job while it waited? The system may be attached
 * again by now.
 */
static bool dmr_op_outlived(const struct dmr_op *op)
{
	return op->job && READ_ONCE(op->job->state) >= DM_REPLICA_JOB_STATE_COMPLETED;
}

/* Withdraw a waiting operation, which the caller has removed from the queue. */
static void dmr_op_give_up(struct dmr_op *op, const char *why)
{
	op->taken = true;
	dmr_refuse_timeout(op, why);
	dmr_upcalls->end_turns(op);
	dmr_op_done(op);
}

static void dmr_op_expire(struct work_struct *work)
{
	struct dmr_op *op = container_of(to_delayed_work(work), struct dmr_op, expire);
	unsigned long now = jiffies, left;
	bool over, waits;

	spin_lock(&dmr_ops_lock);
	waits = op->phase == DMR_OP_WAITING;
	over = waits && time_after_eq(now, op->limit);
	left = op->limit - now;
	if (over)
		dmr_op_dequeue(op, DMR_OP_ENDED);
	spin_unlock(&dmr_ops_lock);
	if (over) {
		/* Keep the refusal of the last look, unless the request gave a time. */
		if (!op->tried)
			dmr_refuse_timeout(op, "other operations took all of its time; nothing was changed");
		else if (op->wait_asked)
			dmr_refuse_timeout(op, DMR_STILL_OPEN);
		dmr_upcalls->end_turns(op);
		dmr_op_done(op);
	} else if (waits) {
		dmr_op_arm(op, left);	/* its limit was extended */
	}
	dmr_op_put(op);
}

/* Begin the turn of the first operation that is due, or set *@wait to the time until one is. */
static struct dmr_op *dmr_ops_take(struct dmr_system *sys, unsigned long *wait)
{
	unsigned long now = jiffies;
	struct dmr_op *op, *found = NULL;

	*wait = MAX_JIFFY_OFFSET;
	spin_lock(&dmr_ops_lock);
	list_for_each_entry(op, &sys->queue.list, list) {
		if (time_after_eq(now, op->again)) {
			found = op;
			break;
		}
		*wait = min(*wait, op->again - now);
	}
	if (found)
		dmr_op_dequeue(found, DMR_OP_BEGUN);
	spin_unlock(&dmr_ops_lock);
	return found;
}

/*
 * Let an operation wait for openers.  Return: false if its socket was closed meanwhile.
 *
 * R12: no moment is without an observer of a client that dies.  @left and the phase change
 * under one lock: while the operation waits, the end of its client removes it from the
 * queue; while it looks at openers, that end is found here, before it is put back.
 */
static bool dmr_op_wait(struct dmr_op *op)
{
	bool left;

	dmr_job_turn(op->job, false, false);
	op->limit = op->give_up + msecs_to_jiffies(3 * DMR_PAUSE_MS);	/* after a last look */
	spin_lock(&dmr_ops_lock);
	left = op->left;
	if (!left) {
		op->again = jiffies + msecs_to_jiffies(op->pause);
		op->pause = min(op->pause * 2, (unsigned int)DMR_PAUSE_MS);
		dmr_op_enqueue(op);
		/* R12: after dmr_op_enqueue(), since a limit that passes before has no effect. */
		dmr_op_arm(op, op->limit - jiffies);
	}
	spin_unlock(&dmr_ops_lock);
	return !left;
}

/*
 * Report a decided operation to udev, and in its job; @uevent has the state before it.  One
 * that has left the state as it was, as a repeated suspend does, is none.
 */
static void dmr_op_report(const struct dmr_op *op, struct dmr_uevent *uevent, u64 number)
{
	if (op->err || op->sys->sb->state_number == number)
		return;
	uevent->event = op->info->event;
	uevent->state = dmr_system_state(op->sys);
	uevent->state_number = op->sys->sb->state_number;
	/* Nothing was left to move home. */
	if (op->verb == DMR_VERB_REMOVE && op->code == DM_REPLICA_CODE_COMPLETED)
		uevent->event = dmr_upcalls->verbs[DMR_VERB_REMOVED].event;
	uevent->job = op->job ? op->job->id : 0;
	uevent->code = op->code;
	uevent->point = op->point;
	dmr_job_outcome(op->job, uevent);
	if (uevent->event)
		dmr_uevent_event(op->sys, uevent);
}

/* Run one turn.  Return: false if no operation is due. */
static bool dmr_ops_turn(struct dmr_system *sys, unsigned long *wait)
{
	struct dmr_uevent uevent = { };
	bool again, changed = false;
	struct dmr_op *op;
	u64 number;

	/*
	 * Take the lock first: an operation that waits for it, behind an attach, can
	 * still be withdrawn.
	 */
	mutex_lock(&sys->op_mutex);
	op = dmr_ops_take(sys, wait);
	if (!op) {
		mutex_unlock(&sys->op_mutex);
		return false;
	}
	uevent.was = dmr_system_state(sys);
	number = sys->sb->state_number;
	if (dmr_op_outlived(op)) {
		dmr_op_refuse(op, -ENODEV, DM_REPLICA_CODE_NOT_AVAILABLE, DMR_NOT_ATTACHED);
		again = false;
	} else {
		again = dmr_upcalls->turn(op);
	}
	if (again) {
		again = dmr_op_wait(op);
		if (!again) {
			op->taken = true;
			dmr_refuse_timeout(op, DMR_ASKER_LEFT);
		}
	}
	if (!again) {
		changed = !op->err && op->verb != DMR_VERB_SETTLE;
		dmr_op_report(op, &uevent, number);
		dmr_upcalls->end_turns(op);
	}
	mutex_unlock(&sys->op_mutex);
	if (again)
		return true;
	/* After the answer, so that the vacuum's I/O does not delay it. */
	if (changed) {
		dmr_vacuum_kick(sys);
		dmr_event_news(sys, DMR_NEWS_STATE);
	}
	dmr_op_done(op);
	return true;
}

/**
 * dmr_op_work() - run the turns of waiting operations
 * @work: queue.work of the system, with a reference to the system.
 *
 * Context: worker; takes op_mutex.
 */
void dmr_op_work(struct work_struct *work)
{
	struct dmr_system *sys = container_of(to_delayed_work(work), struct dmr_system, queue.work);
	/* GFP_NOIO: reclaim may wait for writes that wait for this operation. */
	unsigned int noio = memalloc_noio_save();
	unsigned long wait;

	while (dmr_ops_turn(sys, &wait))
		cond_resched();
	if (wait != MAX_JIFFY_OFFSET)
		dmr_ops_kick(sys, wait);
	memalloc_noio_restore(noio);
	dmr_system_put(sys);
}

/**
 * dmr_op_new() - allocate an operation, to be filled in and run
 * @sys: the system; a reference of its own is taken.
 * @verb: its verb.
 *
 * Context: may sleep.
 * Return: the operation, or NULL without memory.
 */
struct dmr_op *dmr_op_new(struct dmr_system *sys, enum dmr_verb verb)
{
	struct dmr_op *op = kzalloc(sizeof(*op), GFP_NOIO);

	if (!op)
		return NULL;
	kref_init(&op->ref);
	kref_get(&sys->ref);
	op->sys = sys;
	op->verb = verb;
	op->info = &dmr_upcalls->verbs[verb];
	op->expect_state = ~0ULL;
	op->expect_writes = ~0ULL;
	op->timeout = DMR_DRAIN_MS;
	op->wait = DMR_WAIT_MS;
	op->pause = 1;
	INIT_LIST_HEAD(&op->list);
	INIT_LIST_HEAD(&op->asked);
	INIT_DELAYED_WORK(&op->expire, dmr_op_expire);
	init_completion(&op->done);
	return op;
}

static void dmr_op_release(struct kref *ref)
{
	struct dmr_op *op = container_of(ref, struct dmr_op, ref);

	dmr_job_put(op->job);
	dmr_system_put(op->sys);
	kfree(op->change);
	kfree(op->drop);
	kfree(op);
}

/** dmr_op_put() - drop a reference to an operation; may sleep */
void dmr_op_put(struct dmr_op *op)
{
	kref_put(&op->ref, dmr_op_release);
}

static void dmr_op_make_job(struct dmr_op *op)
{
	if (!op->info->inward)
		op->job = dmr_job_new(op->sys, op->info->job, dmr_op_text(op), &op->owner);
}

/**
 * dmr_op_queue() - run an operation without waiting for it
 * @op: the operation, filled in; takes over the caller's reference.
 *
 * The operation has no time limit.  @op is dropped if an operation of its verb waits
 * already.
 * Context: may sleep.
 */
void dmr_op_queue(struct dmr_op *op)
{
	struct dmr_system *sys = op->sys;
	struct dmr_op *other;
	bool twin = false;

	dmr_op_make_job(op);
	kref_get(&sys->ref);
	op->again = jiffies;
	spin_lock(&dmr_ops_lock);
	list_for_each_entry(other, &sys->queue.list, list)
		twin |= op->info->inward && other->verb == op->verb;
	if (!twin)
		dmr_op_enqueue(op);
	spin_unlock(&dmr_ops_lock);
	if (twin)
		dmr_op_put(op);
	else
		dmr_ops_kick(sys, 0);
	dmr_system_put(sys);
}

/* The client has exited.  A begun operation goes on (R12), but stops waiting for openers. */
static void dmr_op_leave(struct dmr_op *op)
{
	bool waits;

	spin_lock(&dmr_ops_lock);
	op->left = true;
	waits = op->phase == DMR_OP_WAITING;
	if (waits)
		dmr_op_dequeue(op, DMR_OP_ENDED);
	spin_unlock(&dmr_ops_lock);
	if (waits)
		dmr_op_give_up(op, DMR_ASKER_LEFT);
}

/**
 * dmr_op_run() - queue an operation, and wait a moment for its answer
 * @op: the operation, filled in; the caller keeps its reference.
 *
 * A handler of generic netlink holds a lock that all families need, so it never waits for
 * long.  The answer of a longer operation is in its job.
 *
 * Context: may sleep, for DMR_ANSWER_MS; not with any of the system's locks held.
 * Return: 0, and op->code is 0 or 4096; a negative errno, with op->code and op->msg; 1 if
 * it is undecided: the caller may then read only the job of @op; -EINTR, likewise, if the
 * caller was killed.
 */
int dmr_op_run(struct dmr_op *op)
{
	struct dmr_system *sys = op->sys;
	unsigned long limit;
	long left;

	if (!op->timeout)
		op->timeout = DMR_DRAIN_MS;
	limit = msecs_to_jiffies(op->timeout);
	if (!READ_ONCE(sys->running)) {
		dmr_op_refuse(op, -ENODEV, DM_REPLICA_CODE_NOT_AVAILABLE, DMR_NOT_ATTACHED);
		return op->err;
	}
	if (READ_ONCE(sys->queue.nr) >= DMR_OPS_MAX) {
		dmr_refuse_timeout(op, "too many operations wait already; nothing was changed");
		return op->err;
	}
	dmr_op_make_job(op);
	if (!op->job) {
		dmr_refuse_memory(op);
		return op->err;
	}
	kref_get(&op->ref);		/* the reference of the queue */
	op->again = jiffies;
	op->limit = jiffies + limit;
	op->limited = true;
	spin_lock(&dmr_ops_lock);
	if (op->portid)
		list_add_tail(&op->asked, &dmr_ops_asked);
	dmr_op_enqueue(op);
	dmr_op_arm(op, limit);
	spin_unlock(&dmr_ops_lock);
	dmr_ops_kick(sys, 0);

	left = wait_for_completion_killable_timeout(&op->done, msecs_to_jiffies(DMR_ANSWER_MS));
	if (left > 0)
		return op->err;
	if (!left)
		return 1;
	if (op->portid)
		dmr_op_leave(op);
	return -EINTR;
}

/**
 * dmr_op_left() - has the client of an operation gone?
 * @op: the operation, in its turn.
 *
 * Context: any but interrupts.
 * Return: true if the socket of the request was closed.
 */
bool dmr_op_left(struct dmr_op *op)
{
	bool left;

	spin_lock(&dmr_ops_lock);
	left = op->left;
	spin_unlock(&dmr_ops_lock);
	return left;
}

/**
 * dmr_op_cancel() - withdraw a waiting operation
 * @sys: its system.
 * @job: id of its job.
 *
 * Context: may sleep.
 * Return: false if no waiting operation has this job.
 */
bool dmr_op_cancel(struct dmr_system *sys, u64 job)
{
	struct dmr_op *op, *found = NULL;

	spin_lock(&dmr_ops_lock);
	list_for_each_entry(op, &sys->queue.list, list) {
		if (op->job && op->job->id == job) {
			found = op;
			dmr_op_dequeue(op, DMR_OP_ENDED);
			break;
		}
	}
	spin_unlock(&dmr_ops_lock);
	if (found)
		dmr_op_give_up(found, "cancelled before it began; nothing was changed");
	return found;
}

/**
 * dmr_op_socket_closed() - withdraw the operations of a socket that was closed
 * @portid: of the socket.
 *
 * Context: may sleep; the process that closes the socket.
 */
void dmr_op_socket_closed(u32 portid)
{
	struct dmr_op *op, *next;
	LIST_HEAD(gone);

	spin_lock(&dmr_ops_lock);
	list_for_each_entry_safe(op, next, &dmr_ops_asked, asked) {
		if (op->portid != portid)
			continue;
		op->left = true;
		list_del_init(&op->asked);
		if (op->phase == DMR_OP_WAITING) {
			dmr_op_dequeue(op, DMR_OP_ENDED);
			list_add_tail(&op->list, &gone);
		}
	}
	spin_unlock(&dmr_ops_lock);
	list_for_each_entry_safe(op, next, &gone, list) {
		list_del_init(&op->list);
		dmr_op_give_up(op, DMR_ASKER_LEFT);
	}
}
