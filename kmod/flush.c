// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flushes (R2): one worker, one log commit at a time, shared by all flushes, writes
 * with FUA and operations that wait when it starts.  A flush that need not wait for any
 * of these does without the worker, see flush-direct.c.
 *
 * The worker takes no op_mutex and waits for no grace period: both may wait for it.
 */
#include <linux/delay.h>

#include "flush.h"
#include "home-flush.h"
#include "io.h"
#include "log.h"
#include "system.h"
#include "version.h"
#include "work.h"

struct dmr_flush_wait {
	struct list_head list;
	struct completion done;
	bool rest;		/* also what no record is due for: rewrites in place */
	bool pressed;		/* set: the log commit has moved the tail as far as it can */
	struct dmr_sb *grow;	/* a larger store, to be in force from the next block on */
	int r;
};

static int dmr_flush_await(struct dmr_system *sys, struct dmr_flush_wait *w)
{
	unsigned long flags;

	init_completion(&w->done);
	spin_lock_irqsave(&sys->log.lock, flags);
	list_add_tail(&w->list, &sys->flush.waiters);
	spin_unlock_irqrestore(&sys->log.lock, flags);
	queue_work(sys->flush.wq, &sys->flush.work);
	wait_for_completion(&w->done);
	return w->r;
}

/**
 * dmr_flush_make_room() - wait for log space
 * @sys: the system.
 * @records: chunks about to be written.
 *
 * A log commit moves the tail; a first write in flight returns the block reserved for it
 * when it ends.  The log is full only if neither is left to wait for.  @records is at most
 * DMR_FIRST_MAX, for which dmr_log_press() makes log commits move the tail.
 *
 * Context: a worker that runs deferred bios; sleeps.
 * Return: false if there is no space (R8).
 */
bool dmr_flush_make_room(struct dmr_system *sys, u32 records)
{
	bool last;

	while (!dmr_log_has_room(sys, records)) {
		struct dmr_flush_wait w = { };

		last = !atomic64_read(&sys->log.nr_first);
		if (dmr_flush_await(sys, &w))
			return false;
		if (dmr_log_has_room(sys, records))
			break;
		/* R8: full only if the tail could not be moved far enough. */
		if (last && w.pressed)
			return false;
		usleep_range(200, 1000);
	}
	return true;
}

/* The store's part of a flush has ended: answer it, or have its home do so. */
static void dmr_flush_answer(struct bio *bio, int r)
{
	const struct dmr_target *t = dmr_io_of(bio)->t;

	if (r)
		dmr_io_answer(bio, r);
	else
		dmr_home_flush_join(t->disk, bio, t->kind, false);
}

/* One round, with the token, which it gives back. */
static void dmr_flush_round(struct dmr_system *sys, struct bio_list *flushes,
			    struct bio_list *fuas, struct list_head *waiters)
{
	struct dmr_flush_wait *w, *next;
	bool need = !bio_list_empty(flushes);
	bool press = dmr_log_press(sys) || READ_ONCE(sys->log.hurry);
	unsigned long flags;
	struct bio *bio;
	int r = 0;

	if (READ_ONCE(sys->critical)) {
		r = -EIO;
	} else {
		list_for_each_entry(w, waiters, list)
			need |= w->rest || w->grow;
		need |= !bio_list_empty(fuas);
		r = dmr_log_sync(sys, press);
		if (!r && need)
			r = dmr_log_flush_rest(sys);
	}

	list_for_each_entry(w, waiters, list) {
		w->r = r;
		w->pressed = press;
		if (!r && w->grow)
			w->r = dmr_log_turn(sys, w->grow);
	}
	/* Before the answers: the next flush of those that get one need not come here. */
	spin_lock_irqsave(&sys->log.lock, flags);
	sys->flush.busy = false;
	spin_unlock_irqrestore(&sys->log.lock, flags);

	while ((bio = bio_list_pop(fuas)))
		dmr_io_answer(bio, r);
	list_for_each_entry_safe(w, next, waiters, list) {
		list_del(&w->list);
		complete(&w->done);
	}
	while ((bio = bio_list_pop(flushes)))
		dmr_flush_answer(bio, r);
}

static void dmr_flush_work(struct work_struct *work)
{
	struct dmr_system *sys = container_of(work, struct dmr_system, flush.work);
	struct bio_list flushes, fuas;
	unsigned long flags;
	LIST_HEAD(waiters);

	bio_list_init(&flushes);
	bio_list_init(&fuas);
	spin_lock_irqsave(&sys->log.lock, flags);
	if (sys->flush.busy) {
		/* Its end begins a round, also if only the timer asked for this one. */
		sys->flush.again = true;
		spin_unlock_irqrestore(&sys->log.lock, flags);
		return;
	}
	sys->flush.busy = true;
	sys->flush.again = false;
	bio_list_merge(&flushes, &sys->flush.flushes);
	bio_list_init(&sys->flush.flushes);
	bio_list_merge(&fuas, &sys->flush.fuas);
	bio_list_init(&sys->flush.fuas);
	list_splice_init(&sys->flush.waiters, &waiters);
	spin_unlock_irqrestore(&sys->log.lock, flags);
	dmr_flush_round(sys, &flushes, &fuas, &waiters);
}

/* R2: a log commit runs every second, which limits losses in a crash and records due. */
static void dmr_flush_timer(struct work_struct *work)
{
	struct dmr_system *sys = container_of(to_delayed_work(work), struct dmr_system,
					      flush.timer);

	dmr_upcalls->look(sys);
	dmr_versions_fill(sys);
	if (!READ_ONCE(sys->vacuum.held) &&
	    (!llist_empty(&sys->log.dirty) || dmr_log_room_turning(&sys->log.room)))
		queue_work(sys->flush.wq, &sys->flush.work);
	queue_delayed_work(sys->flush.wq, &sys->flush.timer, DMR_COMMIT_PERIOD);
}

/**
 * dmr_flush_bio() - queue a flush, which a log commit answers
 * @sys: the system.
 * @bio: an empty flush.
 *
 * Context: map(); does not sleep.
 */
void dmr_flush_bio(struct dmr_system *sys, struct bio *bio)
{
	unsigned long flags;

	if (dmr_flush_direct(sys, bio))
		return;
	spin_lock_irqsave(&sys->log.lock, flags);
	bio_list_add(&sys->flush.flushes, bio);
	spin_unlock_irqrestore(&sys->log.lock, flags);
	queue_work(sys->flush.wq, &sys->flush.work);
}

/**
 * dmr_flush_fua() - take a completed FUA write, to be answered when it is durable
 * @sys: the system.
 * @bio: the write; its data is in a slot and its record due, which a log commit makes
 * durable, or it went straight home, where a flush does.
 *
 * Context: any.
 */
void dmr_flush_fua(struct dmr_system *sys, struct bio *bio)
{
	struct dmr_io *io = dmr_io_of(bio);
	unsigned long flags;

	if (io->home)
		return dmr_flush_answer(bio, READ_ONCE(sys->critical) ? -EIO : 0);
	spin_lock_irqsave(&sys->log.lock, flags);
	bio_list_add(&sys->flush.fuas, bio);
	spin_unlock_irqrestore(&sys->log.lock, flags);
	queue_work(sys->flush.wq, &sys->flush.work);
}

/**
 * dmr_flush_sync() - make completed writes to slots durable
 * @sys: the system.
 * @rest: also rewrites in place, which have no record.
 *
 * Context: may sleep; not with sb_mutex held, not from the flush worker.
 * Return: 0 or a negative errno.
 */
int dmr_flush_sync(struct dmr_system *sys, bool rest)
{
	struct dmr_flush_wait w = { .rest = rest };

	return dmr_flush_await(sys, &w);
}

/**
 * dmr_flush_all() - make every completed write durable, in the store and at all homes (R15)
 * @sys: the system; op_mutex is held.
 * @deadline: jiffies, limit of the wait for homes.
 *
 * Context: may sleep; as dmr_flush_sync().
 * Return: 0, -ETIMEDOUT, or another negative errno.
 */
int dmr_flush_all(struct dmr_system *sys, unsigned long deadline)
{
	int r;

	dmr_home_flush_begin_all(sys);
	r = dmr_flush_sync(sys, true);
	return r ?: dmr_home_flush_await_all(sys, deadline);
}

/**
 * dmr_flush_grow() - make a log commit, then write the superblock of a larger store
 * @sys: the system; op_mutex is held.
 * @draft: the superblock; the ring's beginning is filled in.
 *
 * Context: may sleep; as dmr_flush_sync().
 * Return: as dmr_super_write(), or another negative errno if the log commit failed.
 */
int dmr_flush_grow(struct dmr_system *sys, struct dmr_sb *draft)
{
	struct dmr_flush_wait w = { .grow = draft };

	lockdep_assert_held(&sys->op_mutex);
	return dmr_flush_await(sys, &w);
}

/**
 * dmr_flush_init() - make the flush worker of a new system
 * @flush: the system's part.
 *
 * Return: 0 or -ENOMEM; dmr_flush_exit() is due in either case.
 */
int dmr_flush_init(struct dmr_flush *flush)
{
	bio_list_init(&flush->flushes);
	bio_list_init(&flush->fuas);
	INIT_LIST_HEAD(&flush->waiters);
	INIT_WORK(&flush->work, dmr_flush_work);
	INIT_DELAYED_WORK(&flush->timer, dmr_flush_timer);
	flush->wq = alloc_ordered_workqueue("dmr_flush", WQ_MEM_RECLAIM);
	/* One place for each disk: a home that hangs takes no other's. */
	flush->homes_wq = alloc_workqueue("dmr_home", WQ_MEM_RECLAIM | WQ_UNBOUND, DMR_MAX_DISKS);
	return flush->wq && flush->homes_wq ? 0 : -ENOMEM;
}

/** dmr_flush_exit() - end the flush worker */
void dmr_flush_exit(struct dmr_flush *flush)
{
	if (flush->wq)
		destroy_workqueue(flush->wq);
	if (flush->homes_wq)
		destroy_workqueue(flush->homes_wq);
}

/** dmr_flush_start() - begin the one-second log commits; op_mutex is held */
void dmr_flush_start(struct dmr_system *sys)
{
	lockdep_assert_held(&sys->op_mutex);
	queue_delayed_work(sys->flush.wq, &sys->flush.timer, DMR_COMMIT_PERIOD);
}

/** dmr_flush_stop() - make a last log commit, without a bio in flight; op_mutex is held */
void dmr_flush_stop(struct dmr_system *sys)
{
	struct dmr_flush_wait w = { .rest = true };

	lockdep_assert_held(&sys->op_mutex);
	cancel_delayed_work_sync(&sys->flush.timer);
	dmr_flush_await(sys, &w);
	flush_workqueue(sys->flush.wq);
}
