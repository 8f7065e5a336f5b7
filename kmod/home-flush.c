// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flushes of homes, and writes that homes may have lost.
 */
#include "home-flush.h"
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
 * - home_dirty[source] is set when a write has ended, before it is answered, and cleared
 *   before a flush is issued.  The sources are the kinds of devices, and the mover's
 *   copies.
 * - home_lost has a bit for each kind of device.  The bit is set if a failed flush may
 *   have discarded writes of that kind, and stays set (R9), over a detach in the superblock.
 * - flush_errors counts failed flushes.
 * - flush_mutex is held over a flush and the update of this state after it.
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
 * 1.  X or W sets the bit of K. If W had ended when X read home_dirty, K was dirty: had a
 *    flush between W and X succeeded, W would not be in the cache.  Otherwise W was in
 *    flight: its end sets home_dirty and then reads flush_errors, X increments
 *    flush_errors and then reads home_dirty, with a barrier on both sides.  One of them
 *    sees the other, and W compares with the count at its own beginning, however many
 *    flushes have succeeded since.
 * 2.  F sees the bit.  For a flush, the flush worker calls dmr_home_flush(), unless the home
 *    is clean and no flush of it is in progress (flush-direct.c). flush_mutex orders that
 *    behind X, or before X: then it has covered W. The bit is read after it.
 *    The same holds for a write with FUA whose flush is issued by us, and for the other
 *    bios of that round, which were queued before.
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
 * 5.  The mover compares flush_errors before its copies with flush_errors after its own
 *    flush: an X of another source in between voids the batch.
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

/* The mover's copies, as a source of home_dirty[] beside the kinds of devices. */
#define DMR_HOME_COPIES		DMR_KINDS

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
	if (!READ_ONCE(disk->home_dirty[source]))
		WRITE_ONCE(disk->home_dirty[source], 1);
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
 * @flush_errors: dmr_disk.flush_errors when the write was sent.
 *
 * R2, R15: called before the answer, so that the next flush covers the write.
 *
 * Context: any.
 */
void dmr_home_flush_written(struct dmr_disk *disk, enum dmr_kind kind, int flush_errors)
{
	dmr_home_flush_dirty(disk, kind);
	smp_mb();	/* pairs with dmr_home_flush(): one of the two sees the other */
	if (unlikely(atomic_read(&disk->flush_errors) != flush_errors))
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

/* Bits of the sources that are dirty; @clear: clear the marks. */
static unsigned int dmr_home_flush_sources(struct dmr_disk *disk, bool clear)
{
	unsigned int sources = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(disk->home_dirty); i++) {
		if (!READ_ONCE(disk->home_dirty[i]))
			continue;
		sources |= BIT(i);
		if (clear)
			WRITE_ONCE(disk->home_dirty[i], 0);
	}
	return sources;
}

/**
 * dmr_home_flush_is_due() - has a home been written to since a flush of it began?
 * @disk: its disk.
 *
 * Context: any.
 * Return: true if so; if not, a flush may be in progress.
 */
bool dmr_home_flush_is_due(struct dmr_disk *disk)
{
	return dmr_home_flush_sources(disk, false);
}

/**
 * dmr_home_flush() - make direct writes to a home durable
 * @disk: the disk.
 *
 * R2, R5: called by the flush worker, the mover and the last suspend. flush_mutex makes a
 * caller that finds nothing dirty wait for the flush in flight, which may cover its
 * writes.
 *
 * Context: may sleep.  An unbound home has been flushed already.
 * Return: 0, or a negative errno and the home is still dirty.
 */
int dmr_home_flush(struct dmr_disk *disk)
{
	struct block_device *home;
	unsigned int sources = 0;
	int r = 0, i;

	mutex_lock(&disk->flush_mutex);
	smp_wmb();	/* locked before clean: pairs with dmr_flush_direct_home() */
	home = disk->home;
	if (home)
		sources = dmr_home_flush_sources(disk, true);
	if (sources) {
		/* Cleared before the flush: a later write sets it again, in dmr_home_flush_written(). */
		smp_mb();
		r = blkdev_issue_flush(home);
	}
	if (r) {
		atomic_inc(&disk->flush_errors);
		smp_mb__after_atomic();	/* pairs with dmr_home_flush_written() */
		sources |= dmr_home_flush_sources(disk, false);
		for (i = 0; i < ARRAY_SIZE(disk->home_dirty); i++)
			if (sources & BIT(i))
				dmr_home_flush_dirty(disk, i);
		atomic64_inc(&disk->errors);
		DMERR_LIMIT("%s: flush of the home of disk %s failed (%d)", disk->sys->sb->name,
			    disk->info->name, r);
		dmr_home_flush_lose(disk, sources & ~BIT(DMR_HOME_COPIES));
	}
	mutex_unlock(&disk->flush_mutex);
	return r;
}

/**
 * dmr_home_flush_for_op() - flush a home for an operation that needs all its writes
 * @disk: the disk.
 *
 * Context: as dmr_home_flush().
 * Return: as dmr_home_flush(); also -EIO if the home has lost writes of a device.
 */
int dmr_home_flush_for_op(struct dmr_disk *disk)
{
	int r = dmr_home_flush(disk);

	return r ?: atomic_read(&disk->home_lost) ? -EIO : 0;
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
