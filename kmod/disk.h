/* SPDX-License-Identifier: GPL-2.0-only */
/* Disks of a system, and the targets that are bound to them. */
#ifndef DMR_DISK_H
#define DMR_DISK_H

#include <linux/atomic.h>
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "fingerprint.h"
#include "store/superblock.h"

struct dm_dev;
struct dm_target;
struct dmr_system;
struct gendisk;

#define DMR_BLOCK_SECTORS	(DMR_BLOCK_SIZE >> SECTOR_SHIFT)

#define DMR_POINT_VIEWS		16	/* recovery points of a system that may be open at a time */

/*
 * Kinds of devices, and of their views.  Each disk has one device of each kind below DMR_KINDS,
 * and takes writes by those only.
 *
 * Devices of point view n are of the kind DMR_READER + n; see point-view.h.
 */
enum dmr_kind {
	DMR_REPLICA, DMR_LIVE, DMR_TEST,
	DMR_KINDS,
	DMR_READER = DMR_KINDS,
	DMR_VIEWS = DMR_READER + DMR_POINT_VIEWS
};

/**
 * struct dmr_home_flush - flushes of a home, see home-flush.c
 * @lock: protects what has no other note; a leaf.
 * @dirty: writes since a flush was last issued, by source; no lock.
 * @errors: failed flushes, of any source; no lock.
 * @covered: sources that the flush in flight makes durable.
 * @busy: a flush is in flight, or about to be sent.
 * @wanted: another one has to follow, or a first one; @work sends it.
 * @begun: number of flushes begun.
 * @ended: number of flushes ended.
 * @failed: number of the latest one that failed.
 * @closing: @errors when the last flush before a close began.
 * @awaited: number of the flush that an operation waits for, 0 for none; op_mutex.
 * @now: flushes of devices that the one in flight answers.
 * @next: flushes of devices that wait for the one behind it.
 * @bio: the one in flight.
 * @work: sends one.
 * @wait: tasks that wait for the end of one.
 */
struct dmr_home_flush {
	spinlock_t lock;
	unsigned int dirty[DMR_KINDS + 1];
	atomic_t errors;
	unsigned int covered;
	bool busy;
	bool wanted;
	u64 begun;
	u64 ended;
	u64 failed;
	u64 awaited;
	int closing;
	struct bio_list now;
	struct bio_list next;
	struct bio bio;
	struct work_struct work;
	wait_queue_head_t wait;
};

/* Counts of a disk by one CPU; the sum over all CPUs is valid. */
struct dmr_disk_cpu {
	u64 overlay_blocks[DMR_KINDS];	/* blocks in the live and the test overlay */
};

/* One disk of a system */

struct dmr_disk {
	struct dmr_system *sys;
	const struct dmr_disk_info *info;	/* in sys->sb, fixed while active */
	u32 number;
	atomic_t home_lost;		/* bits of kinds with failing writes; each write reads it */
	struct block_device *home;	/* valid while any target of the disk is bound */
	struct dmr_disk_cpu __percpu *counts;
	dev_t home_dev;			/* dmr_registry_mutex */
	struct dmr_target *target[DMR_VIEWS];	/* bound ones; op_mutex */
	bool movable;			/* the replica target is bound; home_mutex to clear */
	bool no_zeroes;			/* its home advertises write-zeroes, but refuses them */
	dev_t dev[DMR_VIEWS];		/* their devices, 0 if not bound; sb_mutex to change */
	struct gendisk *gd[DMR_VIEWS];	/* the same; freed after a grace period of RCU */
	struct dmr_home_flush flush;

	atomic64_t errors;		/* I/O errors met at home and in slots */
	struct dmr_fingerprint fingerprint;
};

/* One instance of a target: a table line */

struct dmr_target {
	struct dm_target *ti;
	struct dmr_system *sys;
	u32 disk_number;
	struct dmr_disk *disk;		/* set at resume */
	enum dmr_kind kind;		/* that of a point view is found when it is bound */
	char *view;			/* name of its view of a point, or NULL */
	bool view_suspended;		/* counted there as suspended; op_mutex */
	struct dm_dev *store;
	struct dm_dev *home;
	struct dm_dev *replica;		/* others: the replica device below */
	bool store_linked;		/* it has a share in dmr_claim_link() */
	bool home_linked;
	bool bound;
	bool counted;			/* what it writes, points are made of */
	bool takeover;
	u8 host[16];
	u8 boot[16];		/* of that host */
	struct list_head replicas;	/* registry: replica targets by their own devt */
	dev_t own_dev;
};

#endif /* DMR_DISK_H */
