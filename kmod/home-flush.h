/* SPDX-License-Identifier: GPL-2.0-only */
/* Flushes of homes, and losses behind failed ones (R2). */
#ifndef DMR_HOME_FLUSH_H
#define DMR_HOME_FLUSH_H

#include <linux/blkdev.h>
#include <linux/jiffies.h>

#include "disk.h"

/* Fail FUA writes for this long after a failed flush, and after dm resumes deferred bios. */
#define DMR_FLUSH_FAILED	(5 * HZ)
#define DMR_FLUSH_RESUMED	(60 * HZ)

int dmr_home_flush(struct dmr_disk *disk);
int dmr_home_flush_for_op(struct dmr_disk *disk);
void dmr_home_flush_written(struct dmr_disk *disk, enum dmr_kind kind, int flush_errors);

/**
 * dmr_flush_failed_lately() - may dm still have a write deferred behind that flush?
 * @t: the target.
 * @failed: when a flush failed, from flush_failed[].
 *
 * dm issues deferred bios after the suspend: time stands still until then.
 *
 * Return: true if so.
 */
static inline bool dmr_flush_failed_lately(const struct dmr_target *t, unsigned long failed)
{
	unsigned long began = smp_load_acquire(&t->suspend_began);

	return time_before(began ?: jiffies, failed + DMR_FLUSH_FAILED);
}

/**
 * dmr_flush_failed_renew() - the suspend has ended, and dm resumes its deferred bios
 * @t: a target that has its disk.
 *
 * A journal's write comes in its turn, behind bios that the page cache has sent
 * meanwhile.
 */
static inline void dmr_flush_failed_renew(struct dmr_target *t)
{
	unsigned long until = jiffies + DMR_FLUSH_RESUMED - DMR_FLUSH_FAILED;

	if (READ_ONCE(t->disk->flush_failed[t->kind]))
		WRITE_ONCE(t->disk->flush_failed[t->kind], until ?: 1);
	smp_store_release(&t->suspend_began, 0);	/* the mark is new before time goes on */
}

/**
 * dmr_flush_failed_expire() - forget a flush that failed long ago
 * @t: a target that has its disk.
 *
 * Return: true if a failed flush is remembered, maybe a new one.
 */
static inline bool dmr_flush_failed_expire(struct dmr_target *t)
{
	unsigned long *mark = &t->disk->flush_failed[t->kind];
	unsigned long failed = READ_ONCE(*mark), was;

	if (likely(!failed))
		return false;
	if (dmr_flush_failed_lately(t, failed))
		return true;
	was = cmpxchg(mark, failed, 0);
	return was && was != failed;
}

/*
 * Does a write with FUA concern this device's medium only?  Without FUA the kernel sends
 * a flush behind the write, and the error may be that flush's.  A device that takes bios
 * itself (dm, md) advertises FUA even if the devices below lack it.
 */
static inline bool dmr_fua_is_native(struct block_device *bdev)
{
	return !bdev_write_cache(bdev) ||
	       (bdev_fua(bdev) && !bdev->bd_disk->fops->submit_bio);
}

#endif /* DMR_HOME_FLUSH_H */
