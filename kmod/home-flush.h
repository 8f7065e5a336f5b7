/* SPDX-License-Identifier: GPL-2.0-only */
/* Flushes of homes, and losses behind failed ones (R2, R9). */
#ifndef DMR_HOME_FLUSH_H
#define DMR_HOME_FLUSH_H

#include <linux/blkdev.h>

#include "disk.h"

struct dmr_sb;
struct dmr_system;

void dmr_home_flush_init(struct dmr_disk *disk);
void dmr_home_flush_attach(struct dmr_disk *disk, int straight);
void dmr_home_flush_detach(struct dmr_system *sys, struct dmr_sb *draft);
void dmr_home_flush_written(struct dmr_disk *disk, enum dmr_kind kind, int flush_errors);
void dmr_home_flush_due(struct dmr_disk *disk);
bool dmr_home_flush_needed(struct dmr_disk *disk, enum dmr_kind kind);
void dmr_home_flush_join(struct dmr_disk *disk, struct bio *bio, enum dmr_kind kind, bool send);
int dmr_home_flush(struct dmr_disk *disk);
void dmr_home_flush_before_close(struct dmr_disk *disk);
int dmr_home_flush_close(struct dmr_disk *disk);
int dmr_home_flush_within(struct dmr_disk *disk, unsigned long deadline);
void dmr_home_flush_begin_all(struct dmr_system *sys);
int dmr_home_flush_await_all(struct dmr_system *sys, unsigned long deadline);
unsigned int dmr_home_flush_losers(const struct dmr_system *sys);
void dmr_home_flush_forgive(struct dmr_system *sys, enum dmr_kind kind);

/**
 * dmr_home_flush_lost() - has the home of a disk lost writes of a device?
 * @disk: the disk.
 * @kind: of the device.
 *
 * R9: the device then takes no write and no flush.
 *
 * Context: any.
 * Return: true if so, or if it may have.
 */
static inline bool dmr_home_flush_lost(const struct dmr_disk *disk, enum dmr_kind kind)
{
	return unlikely(atomic_read(&disk->home_lost) & BIT(kind));
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
