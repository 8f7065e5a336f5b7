// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flushes of homes, and writes that a home may have lost.
 */
#include "home-flush.h"
#include "system.h"

/*
 * R2, R15: a device that has lost its cache fails one flush, whatever its source.  Each
 * other user gets the error from a flush of its own: each kind of device that has written
 * there, once for all its flushes until then, and an operation.
 */
static void dmr_home_lose(struct dmr_disk *disk, unsigned int kinds)
{
	int i;

	for (i = 0; i < DMR_KINDS; i++)
		if (kinds & BIT(i))
			atomic_inc(&disk->home_lost[i]);
	if (kinds)
		atomic_set(&disk->op_lost, 1);
}

static unsigned int dmr_home_direct(struct dmr_disk *disk)
{
	unsigned int kinds = 0;
	int i;

	for (i = 0; i < DMR_KINDS; i++)
		if (READ_ONCE(disk->home_direct[i]))
			kinds |= BIT(i);
	return kinds;
}

/**
 * dmr_home_flush_written() - a write that went straight home has ended
 * @disk: the disk.
 * @kind: of the device it came from.
 * @flush_errors: dmr_disk.flush_errors when it was sent.
 *
 * R2, R15: set before the answer, so that the next flush covers it.  If a flush has
 * failed meanwhile, it may have lost this write.
 *
 * Context: any.
 */
void dmr_home_flush_written(struct dmr_disk *disk, enum dmr_kind kind, int flush_errors)
{
	if (!READ_ONCE(disk->home_direct[kind]))
		WRITE_ONCE(disk->home_direct[kind], 1);
	if (!READ_ONCE(disk->home_dirty))
		WRITE_ONCE(disk->home_dirty, 1);
	smp_mb();	/* pairs with dmr_home_flush(): one of the two sees the other */
	if (unlikely(atomic_read(&disk->flush_errors) != flush_errors))
		dmr_home_lose(disk, BIT(kind));
}

/**
 * dmr_home_flush() - make direct writes to a home durable
 * @disk: the disk.
 *
 * R2, R5: the flush worker, the vacuum and the last suspend all come here.  A caller
 * with nothing to flush relies on the success of the flush that covers its writes, not on
 * its start.
 *
 * Context: may sleep; the home may be unbound, and has been flushed then.
 * Return: 0 or a negative errno; the writes stay due then.
 */
int dmr_home_flush(struct dmr_disk *disk)
{
	struct block_device *home;
	unsigned int kinds = 0;
	int r = 0, i;

	mutex_lock(&disk->flush_mutex);
	home = disk->home;
	if (home && READ_ONCE(disk->home_dirty)) {
		for (i = 0; i < DMR_KINDS; i++)
			if (xchg(&disk->home_direct[i], 0))
				kinds |= BIT(i);
		WRITE_ONCE(disk->home_dirty, 0);
		smp_mb();	/* cleared before the flush: a later write sets it again */
		r = blkdev_issue_flush(home);
	}
	if (r) {
		atomic_inc(&disk->flush_errors);
		smp_mb__after_atomic();	/* pairs with dmr_home_flush_written() */
		kinds |= dmr_home_direct(disk);
		for (i = 0; i < DMR_KINDS; i++)
			if (kinds & BIT(i))
				WRITE_ONCE(disk->home_direct[i], 1);
		WRITE_ONCE(disk->home_dirty, 1);
		dmr_home_lose(disk, kinds);
		atomic64_inc(&disk->errors);
		DMERR_LIMIT("%s: flush of the home of disk %s failed (%d)", disk->sys->sb->name,
			    disk->info->name, r);
	}
	mutex_unlock(&disk->flush_mutex);
	return r;
}

/**
 * dmr_home_flush_for_op() - the same, for an operation that needs all of it durable
 * @disk: the disk.
 *
 * Context: as dmr_home_flush(); one at a time.
 * Return: as dmr_home_flush(); -EIO also if something was lost before.
 */
int dmr_home_flush_for_op(struct dmr_disk *disk)
{
	int r = dmr_home_flush(disk);

	return atomic_xchg(&disk->op_lost, 0) ? -EIO : r;
}
