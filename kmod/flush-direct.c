// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flushes from the context of their caller.
 */
#include <linux/blk-cgroup.h>
#include <linux/ioprio.h>

#include "critical.h"
#include "flush.h"
#include "flush-direct.h"
#include "home-flush.h"
#include "io.h"
#include "log.h"
#include "super.h"
#include "system.h"

/**
 * DOC: Flushes without the flush worker
 *
 * Between a guest's fsync and its answer the flush worker is two wake-ups on other CPUs:
 * one to begin, one when the store has answered.  They cost more than the store's own I/O.
 * So a flush that needs one I/O only, to the store or to its home, is sent by map(), and
 * answered by the end of that I/O.
 *
 * **What goes this way.**  The store's cache alone is due (rewrites in place): an empty
 * flush.  At most one block of records is due as well: that block, behind a flush, with
 * FUA.  Nothing is due in the store: the home's flush, if the device has written there; else
 * the answer.
 *
 * **What stays with the worker.**  More records than one block holds; records of moves
 * home; a tail that has to move; a growth of the ring; a second flush beside the first; a
 * flush that both the store and the home need; writes with FUA, since an end of I/O must not
 * send any; and records on a device that takes bios itself and has a cache, where the flush in
 * front of a write has to go alone (see dmr_batch_write_last()).
 *
 * **The scheduler.**  The caller may lose its CPU after map() and before the I/O is sent, for
 * as long as a CPU quota keeps it off.  Other flushes of the system wait for that.
 *
 * **The token**, dmr_flush.busy under log.lock.  Its holder is the only one to take due
 * records, to write log blocks and to move the log's head: a round of the worker, or one
 * flush here.  map() never waits for it: a flush that finds it taken joins the worker's
 * next round.  The worker does not wait for it either: a round that finds it taken ends,
 * and the end of the flush here begins another one.  So a stop, or a growth of the ring,
 * which is a round, has waited for the flush here when it is done.
 *
 * **R2: nothing is due** means that nothing is on its way either.  A log commit takes the
 * records off the list first, and makes them durable much later.  The list and store_dirty
 * are therefore looked at with the token in hand; without it an empty list says nothing.
 *
 * **R2: homes.**  Whether the home is needed is asked first, for the writes that were
 * answered before this flush came, and home_lost is read after that: see "which flush is
 * needed" in home-flush.c.  The token is released before the home's flush: no flush of
 * another disk waits for that.
 *
 * **R9: failure.**  The I/O's end makes the system critical before it releases the token and
 * before it answers.  Both may happen in an interrupt; nothing there sleeps or sends I/O.
 *
 * **R6, R9: no native FUA.**  The kernel then sends a flush behind the block, and its
 * failure may be a superblock's, or the other way round.  dmr_super_store_trylock()
 * excludes them, and fails while a superblock waits.
 *
 * **R13: order.**  The list of versions is taken before the list of drops is looked at, as
 * in dmr_log_records(): where there is a drop, the versions go back, and the worker writes
 * the drop first.
 *
 * **The superblock's number** in a log block is that of a superblock that is durable when
 * the block is made, dmr_super.seq.  An operation whose superblock is on its way does not
 * hold the flush back.
 *
 * **The caller.**  No memory is allocated: bio and page are the system's own, which the
 * token protects.  They are charged to the root cgroup, with the default priority: a limit
 * on the I/O of a process that calls fsync must not delay the records of others.  The token
 * is released before the answer, since the system may be freed right after it.
 */

/* Is a round of the flush worker awaited?  log.lock is held. */
static bool dmr_flush_waited_for(struct dmr_system *sys)
{
	const struct dmr_flush *flush = &sys->flush;

	lockdep_assert_held(&sys->log.lock);
	return flush->again || !bio_list_empty(&flush->flushes) || !bio_list_empty(&flush->fuas) ||
	       !list_empty(&flush->waiters);
}

/* Release the store and the token; begin a round if there are waiters. */
static void dmr_flush_direct_release(struct dmr_system *sys)
{
	unsigned long flags;

	dmr_super_store_unlock(sys, sys->flush.direct.alone);
	spin_lock_irqsave(&sys->log.lock, flags);
	sys->flush.busy = false;
	if (dmr_flush_waited_for(sys))
		queue_work(sys->flush.wq, &sys->flush.work);
	spin_unlock_irqrestore(&sys->log.lock, flags);
}

static void dmr_flush_direct_end(struct bio *bio)
{
	struct dmr_flush_direct *direct = container_of(bio, struct dmr_flush_direct, bio);
	struct dmr_system *sys = container_of(direct, struct dmr_system, flush.direct);
	struct bio *flush = direct->flush;
	blk_status_t status = bio->bi_status;

	if (direct->batch.blocks)
		dmr_log_direct_done(sys, &direct->batch, blk_status_to_errno(status));
	else if (status)
		dmr_critical(sys, "the store could not be flushed");
	dmr_flush_direct_release(sys);
	dmr_io_answer(flush, status ? -EIO : 0);
}

/**
 * dmr_flush_direct() - send a flush, or answer it, in the context of its caller
 * @sys: the system.
 * @bio: an empty flush of one of its devices.
 *
 * Context: map(); does not sleep.
 * Return: true if it has been answered or will be; false if the flush worker has to.
 */
bool dmr_flush_direct(struct dmr_system *sys, struct bio *bio)
{
	struct dmr_flush_direct *direct = &sys->flush.direct;
	struct dmr_io *io = dmr_io_of(bio);
	bool mine, home = dmr_home_flush_needed(io->t->disk, io->t->kind);
	unsigned long flags;

	if (dmr_home_flush_lost(io->t->disk, io->t->kind))
		return false;

	spin_lock_irqsave(&sys->log.lock, flags);
	mine = !sys->flush.busy && !dmr_flush_waited_for(sys);
	if (mine)
		sys->flush.busy = true;
	spin_unlock_irqrestore(&sys->log.lock, flags);
	if (!mine)
		return false;

	if (!dmr_super_store_trylock(sys, &direct->alone)) {
		direct->alone = false;
		goto leave;
	}
	if (READ_ONCE(sys->critical))
		goto leave;
	if (home) {
		if (!dmr_log_is_clean(sys))
			goto leave;
		dmr_flush_direct_release(sys);
		dmr_home_flush_join(io->t->disk, bio, io->t->kind, true);
		return true;
	}
	if (!dmr_log_direct(sys, &direct->batch))
		goto leave;
	if (!direct->batch.blocks && !READ_ONCE(sys->super.store_dirty)) {
		dmr_flush_direct_release(sys);
		bio_endio(bio);
		return true;
	}

	direct->flush = bio;
	if (direct->batch.blocks) {
		bio_init(&direct->bio, sys->store, &direct->vec, 1,
			 REQ_OP_WRITE | REQ_META | REQ_SYNC | REQ_NOMERGE | REQ_PREFLUSH | REQ_FUA);
		dmr_log_direct_bio(sys, &direct->batch, &direct->bio);
	} else {
		bio_init(&direct->bio, sys->store, NULL, 0,
			 REQ_OP_WRITE | REQ_PREFLUSH | REQ_SYNC);
	}
	bio_associate_blkg_from_css(&direct->bio, blkcg_root_css);
	direct->bio.bi_ioprio = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, IOPRIO_BE_NORM);
	direct->bio.bi_end_io = dmr_flush_direct_end;
	WRITE_ONCE(sys->super.store_dirty, 0);
	smp_mb();	/* as in dmr_store_flush() */
	submit_bio(&direct->bio);
	return true;

leave:
	dmr_flush_direct_release(sys);
	return false;
}
