// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flushes of homes, and writes that homes may have lost.
 */
#include <linux/blk-cgroup.h>
#include <linux/ioprio.h>

#include "home-flush.h"
#include "io.h"
#include "system.h"

/**
 * DOC: Homes, their flushes, and losses
 *
 * Some writes go straight home, past slots and log.  Such a write is answered when it is
 * in the home's cache, and durable after a successful flush of the home.  A device that
 * has lost its cache reports that once: one flush fails, of any source, and the next one
 * succeeds.  But flushes of devices, points and the vacuum all rely on the same home.
 *
 * **State**, of each disk:
 *
 * - dirty[source] is set when a write has ended, before it is answered, and cleared
 *   before a flush is issued.  The sources are the kinds of devices, and the mover's
 *   copies.
 * - covered: the sources that were dirty when the flush in flight began.
 * - home_lost has a bit for each kind of device.  The bit is set if a failed flush may
 *   have discarded writes of that kind, and stays set (R9), over a detach in the superblock.
 * - errors counts failed flushes.
 *
 * The spinlock is held while a flush begins, from the reading of dirty[] to the clearing,
 * and while it ends, from its result to the release; never over I/O.
 *
 * **Which flush is needed.**  A flush of a device needs its own disk's home only, and only
 * if writes of its own kind are there that no flush has covered: dirty[kind] is set.  If it
 * is clear, and the flush in flight covers the kind, that flush began after these writes,
 * and its end is awaited.  If both are clear, nothing is needed.  A write that ended after
 * the flush in flight had begun has set dirty[kind] again: so another one has to follow,
 * which begins when the one in flight has ended.  There is never more than one: of two at
 * a time one could fail and the other, which has lost the same writes, succeed before.
 *
 * An operation needs the same of all kinds of all disks, without the mover's copies: no
 * device relies on these before their drop, which the mover records behind its own flush.
 *
 * **A home hangs.**  No task waits for a home with a lock that a flush of another disk
 * needs.  A flush of a device waits as a bio: the end of a home's flush answers it.  map()
 * sends a flush if none is in flight.  A work item of the disk sends all others: a device
 * without a free request makes its sender wait, and an end of I/O must not send any.
 * Operations begin the flushes of all homes at once and wait until their time limit (R12).
 * The mover, a detach and a suspend wait for as long as it takes, without op_mutex and
 * sb_mutex as far as that goes: see dmr_attach_unbind().
 *
 * **A flush fails.**  Every source that was dirty before the flush, or is at its end, may
 * have lost writes.  For a kind of device, set its bit in home_lost; for copies, void
 * their batch (R5).  Mark all of these sources dirty again, since a device may have kept
 * data that it could not write.
 *
 * **A bit is set.** Each write, discard, write of zeroes and flush of that kind of device
 * on that disk fails with an I/O error, whether it would go home or to a slot; reads go
 * on.  No recovery point is made and the relationship is not removed (R15), and a detach
 * stores no fingerprint of that home.  Devices of other kinds have lost nothing and take
 * writes.
 *
 * **A detach.** Its superblock records the bits, including those of its own last flush, and
 * an attach sets them again: a writer that never flushed has had no error, and the next
 * point would vouch for its writes.  A loss is forgotten, as by a crash, only if that
 * superblock cannot be written, which leaves the store active.
 *
 * **A bit is cleared** by reset-errors while no device of that kind has an opener.  To the
 * writer this is like a crash: unflushed writes may be there or not, and no opener is left
 * that relies on them.
 *
 * **Claim.** Let W be a write of kind K that went straight home and was answered, F a
 * flush or a write with FUA of K that began after the answer, and X a flush of the home
 * that failed while W was in the home's cache.  Then F does not succeed until the bit is
 * cleared.
 *
 * 1.  X or W sets the bit of K. If W had ended when X read dirty, K was dirty: had a
 *    flush between W and X succeeded, W would not be in the cache.  Otherwise W was in
 *    flight: its end sets dirty and then reads errors, X increments errors and then reads
 *    dirty, with a barrier on both sides.  One of them sees the other, and W compares with
 *    the count at its own beginning, however many flushes have succeeded since.
 * 2.  F sees the bit.  Under the lock a flush finds the kind dirty or covered, and is then
 *    answered by the end of X or of a flush behind X, which follows the setting of the
 *    bit; or it finds neither: then W is durable, or X has ended, and has set the bit
 *    before it released the lock.  The bit is read after that.  The same holds for a
 *    write with FUA, if we issue its flush.
 * 3.  F is a write with FUA that the home takes itself: it makes only itself durable.  It
 *    relies on W only if a flush in front of it has been answered, as in a journal's
 *    commit. dm sends that flush first, on its own, drops its error and then sends the
 *    write.  The bit was set before the flush was answered, so map() sees it, whenever the
 *    write comes: dm may have deferred it over a suspend, an interrupted suspend or a new
 *    dm table, and a device above ours for any time.  No time limit is involved. (A failed
 *    flush of the store makes the system Critical, with the same effect.)
 * 4.  No suspend, not even the last, and no new dm table clears home_lost.  The struct
 *    dmr_disk lives as long as any dm table of the system, and after it the superblock has
 *    the bit, over any tables in between.  A bit set by the last suspend's flush is still
 *    set at the next resume.
 * 5.  The mover compares errors before its copies with errors after its own flush: an X of
 *    another source in between voids the batch.
 * 6.  No F outlives the bit.  A bio that dm has deferred keeps its device open.  So
 *    reset-errors, which finds no opener under the open_mutex, leaves no F, and no opener
 *    that relies on W.
 *
 * A point waits for the end of older writes and then flushes their homes (R15), and is
 * refused with any bit set.  So while a point exists no home has unflushed writes of a
 * device, and no write goes straight home: beside a failover, only copies go home, and
 * their loss concerns no device.  For the same reason, only one kind of a system can have
 * bits set at a time.
 */

/* The mover's copies, as a source beside the kinds of devices. */
#define DMR_HOME_COPIES		DMR_KINDS
#define DMR_HOME_DEVICES	(BIT(DMR_KINDS) - 1)
#define DMR_HOME_ALL		(DMR_HOME_DEVICES | BIT(DMR_HOME_COPIES))

/* A wait without a limit looks up this often, which keeps the check for hung tasks quiet. */
#define DMR_HOME_LOOK		(10 * HZ)

static const char *dmr_home_flush_kind(unsigned int kinds)
{
	return kinds & BIT(DMR_REPLICA) ? "replica" : "failover";
}

static void dmr_home_flush_lose(struct dmr_disk *disk, unsigned int kinds)
{
	kinds &= ~atomic_fetch_or(kinds, &disk->home_lost);
	if (kinds)
		DMERR("%s: flush of the home of disk %s failed: its %s device takes no more writes, see reset-errors",
		      disk->sys->sb->name, disk->info->name, dmr_home_flush_kind(kinds));
}

static void dmr_home_flush_dirty(struct dmr_disk *disk, int source)
{
	if (!READ_ONCE(disk->flush.dirty[source]))
		WRITE_ONCE(disk->flush.dirty[source], 1);
}

static void dmr_home_flush_work(struct work_struct *work);

/** dmr_home_flush_init() - no flush of a home is in flight; the disk is new */
void dmr_home_flush_init(struct dmr_disk *disk)
{
	struct dmr_home_flush *hf = &disk->flush;

	spin_lock_init(&hf->lock);
	bio_list_init(&hf->now);
	bio_list_init(&hf->next);
	INIT_WORK(&hf->work, dmr_home_flush_work);
	init_waitqueue_head(&hf->wait);
}

/**
 * dmr_home_flush_attach() - mark a home dirty with writes from before this attach
 * @disk: its disk.
 * @straight: kind of the device whose writes go straight home, or -1.
 *
 * R15: data written before a crash of the host may still be in the home's cache.  R9: a loss
 * that the last detach recorded remains.
 *
 * Context: any; the disk is not in use yet.
 */
void dmr_home_flush_attach(struct dmr_disk *disk, int straight)
{
	u32 lost = disk->info->lost;

	static_assert(DMR_LOST_REPLICA == BIT(DMR_REPLICA));
	static_assert(DMR_LOST_FAILOVER == BIT(DMR_LIVE));
	dmr_home_flush_dirty(disk, DMR_HOME_COPIES);
	if (straight >= 0)
		dmr_home_flush_dirty(disk, straight);
	atomic_set(&disk->home_lost, lost);
	if (lost)
		DMERR("%s: the home of disk %s had lost writes before the last detach: its %s device takes no more writes, see reset-errors",
		      disk->sys->sb->name, disk->info->name, dmr_home_flush_kind(lost));
}

/**
 * dmr_home_flush_detach() - what the next attach has to know of losses
 * @sys: the system; its homes have been flushed for the last time.
 * @draft: the superblock of the detach.
 *
 * Context: op_mutex is held.
 */
void dmr_home_flush_detach(struct dmr_system *sys, struct dmr_sb *draft)
{
	u32 i;

	lockdep_assert_held(&sys->op_mutex);
	for (i = 0; i < draft->nr_disks; i++)
		draft->disks[i].lost = atomic_read(&sys->disks[i].home_lost);
}

/**
 * dmr_home_flush_written() - account for a write straight home that has ended
 * @disk: the disk.
 * @kind: kind of the device that it came from.
 * @flush_errors: dmr_home_flush.errors when the write was sent.
 *
 * R2, R15: called before the answer, so that the next flush covers the write.
 *
 * Context: any.
 */
void dmr_home_flush_written(struct dmr_disk *disk, enum dmr_kind kind, int flush_errors)
{
	dmr_home_flush_dirty(disk, kind);
	smp_mb();	/* pairs with dmr_home_flush_failed(): one of the two sees the other */
	if (unlikely(atomic_read(&disk->flush.errors) != flush_errors))
		dmr_home_flush_lose(disk, BIT(kind));
}

/**
 * dmr_home_flush_due() - mark a home dirty with copies of the mover
 * @disk: its disk.
 *
 * R5: the copies have been written.
 *
 * Context: any.
 */
void dmr_home_flush_due(struct dmr_disk *disk)
{
	dmr_home_flush_dirty(disk, DMR_HOME_COPIES);
}

/*----------------------------------------------------------------
 * A flush, from its begin to its end
 *----------------------------------------------------------------*/

/* Bits of the sources that are dirty; @clear: clear the marks. */
static unsigned int dmr_home_flush_sources(struct dmr_disk *disk, bool clear)
{
	struct dmr_home_flush *hf = &disk->flush;
	unsigned int sources = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(hf->dirty); i++) {
		if (!READ_ONCE(hf->dirty[i]))
			continue;
		sources |= BIT(i);
		if (clear)
			WRITE_ONCE(hf->dirty[i], 0);
	}
	return sources;
}

/* Begin a flush, if none is in flight.  Return: true, and the caller sends it, unlocked. */
static bool dmr_home_flush_begin(struct dmr_disk *disk)
{
	struct dmr_home_flush *hf = &disk->flush;

	lockdep_assert_held(&hf->lock);
	if (hf->busy)
		return false;
	hf->busy = true;
	hf->wanted = false;
	hf->begun++;
	bio_list_merge(&hf->now, &hf->next);
	bio_list_init(&hf->next);
	hf->covered = dmr_home_flush_sources(disk, true);
	/* Cleared before the flush: a later write sets it again, in dmr_home_flush_written(). */
	smp_mb();
	return true;
}

/* Have the work item begin a flush, now or when the one in flight has ended. */
static void dmr_home_flush_want(struct dmr_disk *disk)
{
	struct dmr_home_flush *hf = &disk->flush;

	lockdep_assert_held(&hf->lock);
	hf->wanted = true;
	if (!hf->busy)
		queue_work(disk->sys->flush.homes_wq, &hf->work);
}

/* R9: a flush has failed; the consequences, before it is known to have ended. */
static void dmr_home_flush_failed(struct dmr_disk *disk, int r)
{
	struct dmr_home_flush *hf = &disk->flush;
	unsigned int sources = hf->covered;
	int i;

	lockdep_assert_held(&hf->lock);
	hf->failed = hf->begun;
	atomic_inc(&hf->errors);
	smp_mb__after_atomic();	/* pairs with dmr_home_flush_written() */
	sources |= dmr_home_flush_sources(disk, false);
	for (i = 0; i < ARRAY_SIZE(hf->dirty); i++)
		if (sources & BIT(i))
			dmr_home_flush_dirty(disk, i);
	atomic64_inc(&disk->errors);
	DMERR_LIMIT("%s: flush of the home of disk %s failed (%d)", disk->sys->sb->name,
		    disk->info->name, r);
	dmr_home_flush_lose(disk, sources & ~BIT(DMR_HOME_COPIES));
}

static void dmr_home_flush_end(struct bio *bio)
{
	struct dmr_disk *disk = container_of(bio, struct dmr_disk, flush.bio);
	struct dmr_home_flush *hf = &disk->flush;
	int r = blk_status_to_errno(bio->bi_status);
	struct bio_list flushes;
	unsigned long flags;

	bio_list_init(&flushes);
	spin_lock_irqsave(&hf->lock, flags);
	if (r)
		dmr_home_flush_failed(disk, r);
	bio_list_merge(&flushes, &hf->now);
	bio_list_init(&hf->now);
	hf->covered = 0;
	hf->busy = false;
	hf->ended = hf->begun;
	if (hf->wanted)
		dmr_home_flush_want(disk);
	/* Inside of the lock: the disk may be freed behind it, unless a device waits here. */
	wake_up_all(&hf->wait);
	spin_unlock_irqrestore(&hf->lock, flags);
	while ((bio = bio_list_pop(&flushes)))
		dmr_io_answer(bio, dmr_home_flush_lost(disk, dmr_io_of(bio)->t->kind) ? -EIO : 0);
}

/*
 * The caller may be a process with a limit on its I/O, which must not delay others: charge
 * the root cgroup, as flush-direct.c does.
 */
static void dmr_home_flush_send(struct dmr_disk *disk)
{
	struct bio *bio = &disk->flush.bio;

	bio_init(bio, disk->home, NULL, 0, REQ_OP_WRITE | REQ_PREFLUSH | REQ_SYNC);
	bio_associate_blkg_from_css(bio, blkcg_root_css);
	bio->bi_ioprio = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, IOPRIO_BE_NORM);
	bio->bi_end_io = dmr_home_flush_end;
	submit_bio(bio);
}

static void dmr_home_flush_work(struct work_struct *work)
{
	struct dmr_disk *disk = container_of(work, struct dmr_disk, flush.work);
	bool begun;

	spin_lock_irq(&disk->flush.lock);
	begun = disk->flush.wanted && dmr_home_flush_begin(disk);
	spin_unlock_irq(&disk->flush.lock);
	if (begun)
		dmr_home_flush_send(disk);
}

/*----------------------------------------------------------------
 * Users of a flush
 *----------------------------------------------------------------*/

/**
 * dmr_home_flush_needed() - are there writes of a device at home that may not be durable?
 * @disk: its disk.
 * @kind: kind of the device.
 *
 * Context: any.
 * Return: true if so: a flush of the device has to call dmr_home_flush_join().  If not,
 * dmr_home_flush_lost() is valid for all writes that were answered before.
 */
bool dmr_home_flush_needed(struct dmr_disk *disk, enum dmr_kind kind)
{
	unsigned long flags;
	bool needed;

	spin_lock_irqsave(&disk->flush.lock, flags);
	needed = (dmr_home_flush_sources(disk, false) | disk->flush.covered) & BIT(kind);
	spin_unlock_irqrestore(&disk->flush.lock, flags);
	return needed;
}

/**
 * dmr_home_flush_join() - answer a flush when the writes of its device at home are durable
 * @disk: its disk.
 * @bio: the flush, or a write with FUA that has ended; answered here or later.
 * @kind: kind of the device.
 * @send: the context is map(): a flush may be sent.
 *
 * R2: see "which flush is needed" above.
 *
 * Context: any; does not sleep.
 */
void dmr_home_flush_join(struct dmr_disk *disk, struct bio *bio, enum dmr_kind kind, bool send)
{
	struct dmr_home_flush *hf = &disk->flush;
	bool waits = true, begun = false;
	unsigned long flags;

	spin_lock_irqsave(&hf->lock, flags);
	if (dmr_home_flush_sources(disk, false) & BIT(kind)) {
		bio_list_add(&hf->next, bio);
		begun = send && dmr_home_flush_begin(disk);
		if (!begun)
			dmr_home_flush_want(disk);
	} else if (hf->covered & BIT(kind)) {
		bio_list_add(&hf->now, bio);
	} else {
		waits = false;
	}
	spin_unlock_irqrestore(&hf->lock, flags);
	if (begun)
		dmr_home_flush_send(disk);
	if (!waits)
		dmr_io_answer(bio, dmr_home_flush_lost(disk, kind) ? -EIO : 0);
}

/*
 * Have writes of some sources made durable.  Return: the number of the flush to wait for, 0
 * if they are.  An unbound home has been flushed already.
 */
static u64 dmr_home_flush_ask(struct dmr_disk *disk, unsigned int sources)
{
	struct dmr_home_flush *hf = &disk->flush;
	u64 number = 0;

	spin_lock_irq(&hf->lock);
	if (!disk->home) {
		number = 0;
	} else if (dmr_home_flush_sources(disk, false) & sources) {
		number = hf->begun + 1;
		dmr_home_flush_want(disk);
	} else if (hf->covered & sources) {
		number = hf->begun;
	}
	spin_unlock_irq(&hf->lock);
	return number;
}

/* Has flush @number ended?  @r: 0, or -EIO if it has failed, or one behind it. */
static bool dmr_home_flush_over(struct dmr_home_flush *hf, u64 number, int *r)
{
	bool over;

	spin_lock_irq(&hf->lock);
	over = hf->ended >= number;
	*r = number && hf->failed >= number ? -EIO : 0;
	spin_unlock_irq(&hf->lock);
	return over;
}

/**
 * dmr_home_flush() - make direct writes to a home, and the mover's copies, durable
 * @disk: the disk.
 *
 * R2, R5: called by the mover and the last suspend.
 *
 * Context: may sleep, for as long as the device takes.
 * Return: 0, or -EIO and the home is still dirty.
 */
int dmr_home_flush(struct dmr_disk *disk)
{
	u64 number = dmr_home_flush_ask(disk, DMR_HOME_ALL);
	int r;

	while (!wait_event_timeout(disk->flush.wait,
				   dmr_home_flush_over(&disk->flush, number, &r), DMR_HOME_LOOK))
		;
	return r;
}

static bool dmr_home_flush_idle(struct dmr_home_flush *hf)
{
	bool idle;

	spin_lock_irq(&hf->lock);
	idle = !hf->busy && !hf->wanted;
	spin_unlock_irq(&hf->lock);
	return idle;
}

/**
 * dmr_home_flush_before_close() - do what dmr_home_flush_close() would wait for
 * @disk: the disk; the I/O of its last target has ended.
 *
 * Context: may sleep, for as long as the device takes; with no lock held.
 */
void dmr_home_flush_before_close(struct dmr_disk *disk)
{
	disk->flush.closing = atomic_read(&disk->flush.errors);
	dmr_home_flush(disk);	/* a failure is in the disk's state */
}

/**
 * dmr_home_flush_close() - flush a home for the last time, before it is closed
 * @disk: the disk; no write to its home is in flight or can begin.
 *
 * Also wait for a flush that an operation has given up (R12).
 *
 * Context: may sleep, for as long as the device takes; op_mutex is held.
 * Return: 0, or -EIO if the home has lost writes, or may have, since
 * dmr_home_flush_before_close() at the latest.
 */
int dmr_home_flush_close(struct dmr_disk *disk)
{
	int r = dmr_home_flush(disk);

	lockdep_assert_held(&disk->sys->op_mutex);
	while (!wait_event_timeout(disk->flush.wait, dmr_home_flush_idle(&disk->flush),
				   DMR_HOME_LOOK))
		;
	flush_work(&disk->flush.work);	/* it may have found nothing to do */
	if (atomic_read(&disk->home_lost) ||
	    atomic_read(&disk->flush.errors) != disk->flush.closing)
		r = -EIO;
	return r;
}

/* Wait for flush @number until @deadline. */
static int dmr_home_flush_await(struct dmr_disk *disk, u64 number, unsigned long deadline)
{
	long left = deadline - jiffies;
	int r;

	if (!wait_event_timeout(disk->flush.wait,
				dmr_home_flush_over(&disk->flush, number, &r), max(left, 0L)))
		return -ETIMEDOUT;
	return r;
}

/**
 * dmr_home_flush_within() - as dmr_home_flush(), with a time limit
 * @disk: the disk.
 * @deadline: jiffies.
 *
 * Context: may sleep.
 * Return: 0, -EIO, or -ETIMEDOUT, and the flush goes on (R12).
 */
int dmr_home_flush_within(struct dmr_disk *disk, unsigned long deadline)
{
	return dmr_home_flush_await(disk, dmr_home_flush_ask(disk, DMR_HOME_ALL), deadline);
}

/**
 * dmr_home_flush_begin_all() - begin to make the direct writes of all devices durable
 * @sys: the system.
 *
 * Context: does not wait for I/O; op_mutex is held until dmr_home_flush_await_all().
 */
void dmr_home_flush_begin_all(struct dmr_system *sys)
{
	u32 i;

	lockdep_assert_held(&sys->op_mutex);
	for (i = 0; i < sys->sb->nr_disks; i++)
		sys->disks[i].flush.awaited = dmr_home_flush_ask(&sys->disks[i], DMR_HOME_DEVICES);
}

/**
 * dmr_home_flush_await_all() - wait for what dmr_home_flush_begin_all() has begun
 * @sys: the system.
 * @deadline: jiffies.
 *
 * Context: may sleep; op_mutex is held.
 * Return: 0; -EIO if a home has lost writes of a device, or may have; -ETIMEDOUT, and the
 * flushes go on (R12).
 */
int dmr_home_flush_await_all(struct dmr_system *sys, unsigned long deadline)
{
	int r = 0, one;
	u32 i;

	lockdep_assert_held(&sys->op_mutex);
	for (i = 0; i < sys->sb->nr_disks; i++) {
		struct dmr_disk *disk = &sys->disks[i];

		one = dmr_home_flush_await(disk, disk->flush.awaited, deadline);
		if (!one && atomic_read(&disk->home_lost))
			one = -EIO;
		if (!r || one == -EIO)
			r = one ?: r;
	}
	return r;
}

/**
 * dmr_home_flush_losers() - kinds of devices that have lost writes at any home
 * @sys: the system, active.
 *
 * Context: any.
 * Return: a bit for each enum dmr_kind.
 */
unsigned int dmr_home_flush_losers(const struct dmr_system *sys)
{
	unsigned int kinds = 0;
	u32 i;

	for (i = 0; i < sys->sb->nr_disks; i++)
		kinds |= atomic_read(&sys->disks[i].home_lost);
	return kinds;
}

/**
 * dmr_home_flush_forgive() - let a kind of device take writes again after a loss
 * @sys: the system.
 * @kind: the kind; its devices are closed, and cannot be opened.
 *
 * R9: an opener would rely on writes that the homes have lost.
 *
 * Context: any; op_mutex is held.
 */
void dmr_home_flush_forgive(struct dmr_system *sys, enum dmr_kind kind)
{
	u32 i;

	lockdep_assert_held(&sys->op_mutex);
	for (i = 0; i < sys->sb->nr_disks; i++)
		atomic_andnot(BIT(kind), &sys->disks[i].home_lost);
}
