/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Systems: a store and all state of it; event.h describes the direction of calls.
 *
 * Documentation/reading-the-source.md has the locks and their order.  No I/O is done under
 * events.mutex and jobs.mutex, so readers may take them.  The I/O path takes none of the
 * mutexes.  The flush worker takes sb_mutex and locks inside of it only, so an operation
 * may wait for a log commit unless it holds sb_mutex.
 */
#ifndef DMR_SYSTEM_H
#define DMR_SYSTEM_H
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "adapt.h"
#include "clock.h"
#include "cursor.h"
#include "disk.h"
#include "event.h"
#include "flush.h"
#include "grace.h"
#include "job.h"
#include "log.h"
#include "page-io.h"
#include "park.h"
#include "queue.h"
#include "point-view.h"
#include "received.h"
#include "receiver.h"
#include "space.h"
#include "store/map.h"
#include "store/replay.h"
#include "store/slots.h"
#include "store/superblock.h"
#include "super.h"
#include "views.h"
#include "vacuum.h"
#include "version.h"
#include "../uapi/dm-replica.h"

#define DM_MSG_PREFIX		"replica"

#define DMR_ANSWER_MS		100		/* a handler waits this long, then answers 4096 */

/**
 * struct dmr_system - a store and all state of it
 * @ref: references.
 * @list: in the registry, by rising @serial.
 * @serial: unique number, set at creation.
 * @users: number of targets; dmr_registry_mutex.
 * @store_dev: number of the store's device.
 * @store: its block device; valid while any target exists.
 * @store_name: its name.
 * @op_mutex: held over operations, binding, activation.
 * @active: the superblock has been read, and the log replayed.
 * @claimed: the system has taken its UUIDs; dmr_registry_mutex.
 * @running: at least one target is bound.
 * @nr_bound: number of bound targets.
 * @whole: since it runs, all disks have been attached at once, which was reported; op_mutex.
 * @bind_time: jiffies of the last bind or unbind; sb_mutex.
 * @host: id of this host.
 * @boot: id of the host's boot.
 * @sb_mutex: held over superblock writes.
 * @ahead: head writes use sb->next_epoch already; op_mutex.
 * @ops_wq: work queue of operations.
 * @health: reasons as last reported.
 * @sb: the superblock in force, durable; sb_mutex to change, op_mutex or sb_mutex to
 * read.  Others read dmr_shown().
 * @critical: NULL, or the reason (R9); set once, cleared by a detach.
 * @chunk_sectors: sectors of a chunk.
 * @chunk_shift: log2 of @chunk_sectors.
 * @disks: by number.
 * @published: views.
 * @grace: sections of readers (R4).
 * @map: versions.
 * @slots: slots in use.
 * @space: space, and counters.
 * @versions: memory for versions.
 * @log: the log.
 * @adapt: latency of I/O, and the adapting rate.
 * @page_io: memory for I/O.
 * @super: superblocks.
 * @flush: the flush worker.
 * @park: bios that wait.
 * @vacuum: the vacuum.
 * @queue: operations.
 * @jobs: their jobs.
 * @received: the last sign of replication.
 * @cursor: how far a stream has arrived.
 * @receiver: the client that writes the stream.
 * @point_views: recovery points that are open for reading.
 * @clock: steps of the clock.
 * @events: reports to higher floors.
 *
 * Each part belongs to the file with its header, and is initialised there.
 */
struct dmr_system {
	struct kref ref;
	struct list_head list;
	u64 serial;
	u32 users;
	dev_t store_dev;
	struct block_device *store;
	char store_name[BDEVNAME_SIZE];

	struct mutex op_mutex;
	bool active;
	bool claimed;
	bool running;
	u32 nr_bound;
	bool whole;
	unsigned long bind_time;
	u8 host[16];
	u8 boot[16];

	struct mutex sb_mutex;
	bool ahead;
	struct workqueue_struct *ops_wq;
	u32 health;

	/* Every bio reads these; operations and waits change them. */
	struct dmr_sb *sb ____cacheline_aligned_in_smp;
	const char *critical;
	u32 chunk_sectors;
	u32 chunk_shift;
	struct dmr_disk *disks;
	struct dmr_published published;
	struct dmr_grace grace;
	/*
	 * The end of @map, @slots and the beginning of @space are one line, which every first
	 * write changes; the other is the first of @log.  See the assertions in system.c.
	 */
	struct dmr_map map ____cacheline_aligned_in_smp;
	struct dmr_slots slots;
	struct dmr_space space;
	struct dmr_versions versions;
	struct dmr_log log;

	struct dmr_adapt adapt;
	struct dmr_page_io page_io;
	struct dmr_super super;
	struct dmr_flush flush;
	struct dmr_park park;
	struct dmr_vacuum vacuum;
	struct dmr_queue queue;
	struct dmr_jobs jobs;
	struct dmr_received received;
	struct dmr_cursor cursor;
	struct dmr_receiver receiver;
	struct dmr_point_views point_views;
	struct dmr_clock clock;
	struct dmr_events events;
};

/**
 * dmr_shown() - the published superblock, for readers that must not wait
 * @sys: the system, active.
 *
 * sb_mutex is held over I/O, to a store that may hang.
 *
 * Context: between rcu_read_lock() and rcu_read_unlock().
 * Return: the superblock, valid until rcu_read_unlock().
 */
static inline const struct dmr_sb *dmr_shown(const struct dmr_system *sys)
{
	return &rcu_dereference(sys->super.shown)->sb;
}

/** dmr_loaded() - has the store been read? If so, its state in memory is complete. */
static inline bool dmr_loaded(const struct dmr_system *sys)
{
	return smp_load_acquire(&sys->active);	/* pairs with dmr_attach_load() */
}

/** dmr_assert_chunk_locked() - warn if a chunk's lock is not held, with lockdep only */
static inline void dmr_assert_chunk_locked(struct dmr_system *sys, u64 key)
{
	dmr_map_assert_locked(&sys->map, key);
}

/** dmr_views_get() - the views in force; between dmr_grace_enter() and _leave() */
static inline struct dmr_views *dmr_views_get(struct dmr_system *sys)
{
	return smp_load_acquire(&sys->published.views);	/* pairs with dmr_views_publish() */
}

struct dmr_system *dmr_system_get(struct block_device *store);
void dmr_system_leave(struct dmr_system *sys);
void dmr_system_put(struct dmr_system *sys);
struct dmr_system *dmr_system_find(const u8 *uuid, const char *name);
struct dmr_system *dmr_system_next(struct dmr_system *prev);
void dmr_system_free_disks(struct dmr_system *sys);
bool dmr_system_home_taken(struct dmr_disk *disk, dev_t home);
bool dmr_system_claim(struct dmr_system *sys);
void dmr_system_disclaim(struct dmr_system *sys);
void dmr_systems_wait_gone(void);
bool dmr_system_complete(struct dmr_system *sys);
u32 dmr_system_state(struct dmr_system *sys);
u32 dmr_system_state_of(const struct dmr_system *sys, const struct dmr_sb *sb);
u32 dmr_system_stored_state(const struct dmr_sb *sb);

extern struct mutex dmr_registry_mutex;
extern struct list_head dmr_replica_targets;
extern u32 dmr_registry_seq;

#endif /* DMR_SYSTEM_H */
