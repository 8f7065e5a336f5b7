/* SPDX-License-Identifier: GPL-2.0-only */
/* Disks of a system, and the targets that are bound to them. */
#ifndef DMR_DISK_H
#define DMR_DISK_H

#include <linux/atomic.h>
#include <linux/blkdev.h>
#include <linux/list.h>
#include <linux/mutex.h>

#include "fingerprint.h"
#include "store/superblock.h"

struct dm_dev;
struct dm_target;
struct dmr_system;
struct gendisk;

#define DMR_BLOCK_SECTORS	(DMR_BLOCK_SIZE >> SECTOR_SHIFT)

/** enum dmr_kind - kinds of devices; each disk has one device of each kind */
enum dmr_kind { DMR_REPLICA, DMR_LIVE, DMR_TEST, DMR_KINDS };

/* One disk of a system */

struct dmr_disk {
	struct dmr_system *sys;
	const struct dmr_disk_info *info;	/* in sys->sb, fixed while active */
	u32 number;
	atomic_t home_lost;		/* bits of kinds with failing writes; each write reads it */
	struct block_device *home;	/* valid while any target of the disk is bound */
	dev_t home_dev;			/* dmr_registry_mutex */
	struct dmr_target *target[DMR_KINDS];	/* bound ones; op_mutex */
	bool movable;			/* the replica target is bound; home_mutex */
	bool no_zeroes;			/* its home advertises write-zeroes, but refuses them */
	dev_t dev[DMR_KINDS];		/* their devices, 0 if not bound; sb_mutex to change */
	struct gendisk *gd[DMR_KINDS];	/* the same; freed after a grace period of RCU */
	/* Flushes of the home, see home-flush.c */
	unsigned int home_dirty[DMR_KINDS + 1];	/* direct writes since the last one was issued */
	struct mutex flush_mutex;	/* held over one; a leaf */
	atomic_t flush_errors;		/* failed flushes, of any source */

	atomic64_t overlay_blocks[DMR_KINDS];	/* blocks in the live and the test overlay */
	atomic64_t errors;		/* I/O errors met at home and in slots */
	struct dmr_fingerprint fingerprint;
};

/* One instance of a target: a table line */

struct dmr_target {
	struct dm_target *ti;
	struct dmr_system *sys;
	u32 disk_number;
	struct dmr_disk *disk;		/* set at resume */
	enum dmr_kind kind;
	struct dm_dev *store;
	struct dm_dev *home;
	struct dm_dev *replica;		/* failover targets: the replica device below */
	bool store_linked;		/* it has a share in dmr_claim_link() */
	bool home_linked;
	bool bound;
	bool takeover;
	u8 host[16];
	u8 boot[16];		/* of that host */
	struct list_head replicas;	/* registry: replica targets by their own devt */
	dev_t own_dev;
};

#endif /* DMR_DISK_H */
