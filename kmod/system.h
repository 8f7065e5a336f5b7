/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Systems: a store and everything about it; event.h has the direction of calls.
 *
 * Lock order, outermost first:
 *	dm's own suspend lock -> dmr_system.op_mutex -> gendisk open_mutex (trylock
 *	only, R10) -> dmr_system.sb_mutex -> store_mutex -> event_mutex -> job_mutex ->
 *	dmr_ops_lock, chunk locks -> slots, lists.
 * No I/O is done under event_mutex and job_mutex, so readers may take them.
 * The I/O path takes none of the mutexes.  The commit worker takes sb_mutex
 * and what is inside of it only, so an operation may wait for a commit unless it holds that one.
 */
#ifndef DMR_SYSTEM_H
#define DMR_SYSTEM_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/dm-kcopyd.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mempool.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "../uapi/dm-replica.h"
#include "disk.h"
#include "event.h"
#include "grace.h"
#include "store/log-room.h"
#include "store/map.h"
#include "store/replay.h"
#include "store/slots.h"
#include "store/superblock.h"
#include "super.h"
#include "table.h"
#include "vacuum.h"

#define DM_MSG_PREFIX		"replica"

#define DMR_ANSWER_MS		100		/* a handler waits this long, then answers 4096 */

struct dmr_system {
	struct kref ref;
	struct list_head list;		/* registry, by rising serial */
	u64 serial;			/* given at creation, never used twice */
	u32 users;			/* targets; dmr_registry_mutex */
	dev_t store_dev;
	struct block_device *store;	/* valid while any target exists */
	char store_name[BDEVNAME_SIZE];

	struct mutex op_mutex;		/* operations, binding, activation */
	bool active;			/* superblock read, log replayed */
	bool claimed;			/* its UUIDs are taken; dmr_registry_mutex */
	bool running;			/* some target is bound */
	u32 nr_bound;
	unsigned long bind_time;	/* jiffies of the last bind or unbind; sb_mutex */
	bool gone;			/* left the registry, and that is announced: event mutex */
	u8 host[16];
	u8 boot[16];		/* of that host */

	struct mutex sb_mutex;
	struct mutex store_mutex;	/* see dmr_store_lock() */
	struct dmr_sb *sb;		/* as durable; sb_mutex to change, op_mutex or it to read;
					 * others read dmr_shown()
					 */
	struct dmr_sb *draft;		/* operations make the next state here; op_mutex */
	struct dmr_sb *scratch;		/* super.c; sb_mutex */
	struct dmr_shown __rcu *shown;	/* for readers; sb_mutex to replace */
	struct dmr_shown *shown_spare;	/* the next one; sb_mutex */
	void *sb_buf;			/* DMR_SB_AREA bytes, and its pages */
	struct page *sb_pages[DMR_SB_AREA / DMR_BLOCK_SIZE];
	u64 copy_state[DMR_SB_COPIES];	/* state number each copy carries, ~0 unknown */
	atomic64_t sb_writes;
	const char *critical;		/* NULL or why (R9); set once, cleared by detach */

	struct dmr_map map;
	struct dmr_slots slots;
	struct dmr_grace grace;
	struct dmr_table *table;
	struct list_head stale_tables;	/* op_mutex */
	struct dmr_disk *disks;
	mempool_t *versions;
	struct dmr_version *swap_version;	/* one that only what is swapped out may have */
	u32 chunk_sectors;
	u32 chunk_shift;		/* log2 of sectors per chunk */
	u64 table_serial;
	bool ahead;			/* head writes go to sb->next_epoch already; op_mutex */
	atomic64_t overlay_versions[DMR_KINDS];	/* versions of the live and test overlay */
	bool draining;			/* an epoch switch waits for the old epoch's writes */
	bool settling;			/* writes to bare chunks wait: park_lock */
	bool settle_asked;		/* an operation to settle is on its way */
	struct work_struct drain_work;	/* point.c */

	struct workqueue_struct *io_wq;		/* deferred bios */
	struct workqueue_struct *commit_wq;	/* ordered */
	struct workqueue_struct *ops_wq;	/* operations and the vacuum */

	/* parked bios: park.c */
	spinlock_t park_lock;
	struct bio_list parked;

	/* the log and flushes: log.c, flush.c */
	spinlock_t commit_lock;
	struct bio_list flushes;	/* flush bios waiting for a commit */
	struct bio_list fuas;		/* completed FUA writes waiting for one */
	struct list_head waiters;	/* struct dmr_commit_wait */
	struct work_struct commit_work;
	struct delayed_work commit_timer;
	struct llist_head dirty;
	struct list_head drops;		/* struct dmr_drop, commit_lock */
	atomic64_t nr_dirty;		/* versions with a record due */
	atomic64_t nr_first;		/* first writes in flight, by chunk */
	struct dmr_log_room room;
	bool ring_hurry;		/* another growth waits for the tail */
	unsigned int store_dirty;	/* slots written since the store's last flush */
	bool blanking;			/* a new ring is being written with zeroes */
	struct page *log_pages[DMR_LOG_BATCH];
	struct page *tail_pages[DMR_TAIL_BATCH];
	u64 tail_first;			/* number of the first block in tail_pages */
	u32 tail_count;
	u32 tail_record;		/* next record of the tail block */
	atomic64_t commits;
	mempool_t *pages;
	struct bio_set bios;

	/* the vacuum: vacuum.c, sweep.c, home.c */
	bool swept;			/* once, since it was loaded; op_mutex */
	struct delayed_work vacuum_work;
	struct mutex home_mutex;	/* a batch is being moved home; before it: op_mutex */
	bool vacuum_held;
	bool pass_busy;			/* a pass is under way */
	bool vacuum_stop;
	bool move_paused;		/* a job that moves home is suspended */
	atomic64_t vacuum_pending;	/* versions known to be dead */
	u64 passes;			/* of the vacuum, over the whole map */
	u64 home_left;			/* bytes that were left to move home at the last count */
	wait_queue_head_t throttle;	/* woken when the rate changes, to stop, behind a pass */
	u64 vacuum_rate;		/* bytes per second, 0 nothing, ~0 no limit */
	u8 cancels[DMR_CANCEL_SLOTS];	/* moves that writes took away, by hash of the chunk */
	struct dm_kcopyd_client *kcopyd;

	/* space.c, health.c */
	u64 reserve;			/* slots for the live failover alone */
	u32 health;			/* reasons as last told */
	bool full_asked;		/* a point is being dropped to make room */
	u64 full_pass;			/* sys->passes when one was last dropped */

	/* statistics */
	u64 __percpu *writes[DMR_KINDS];
	u64 __percpu *bytes;		/* of writes to the replica devices */
	u64 point_writes;		/* the counts when the last point was made */
	u64 point_bytes;

	/* operations that wait for their turn: queue.c */
	struct list_head ops;		/* struct dmr_op, dmr_ops_lock */
	u32 nr_ops;			/* the same */
	struct delayed_work ops_work;	/* takes them in turn; pending, it holds a reference */

	struct mutex event_mutex;	/* events are built and sent in one order */
	/* received.c; any of it may be set anew at any time */
	u64 received_writes;		/* the count then */
	u64 received_time;		/* ns since 1970 UTC, 0: none yet */
	u64 received_boot;		/* the same, where no clock that is set counts */

	/* steps of the clock: clock.c */
	spinlock_t clock_lock;
	u64 clock_offset;		/* to the clock that cannot be set, at the last look */
	u64 load_boot;			/* when it was loaded, by the clock that cannot be set */
	u64 jump_point;			/* as in struct dmr_settings */
	u64 jump_by;

	/* jobs: job.c */
	struct mutex job_mutex;
	struct list_head jobs;
	u64 job_next;
	struct delayed_work job_reaper;

	struct dmr_events events;	/* event.c */
};

/**
 * dmr_shown() - the superblock in force, for readers that must not wait
 * @sys: the system, active.
 *
 * sb_mutex is held over I/O to a store that may hang.
 *
 * Context: between rcu_read_lock() and rcu_read_unlock().
 */
static inline const struct dmr_sb *dmr_shown(const struct dmr_system *sys)
{
	return &rcu_dereference(sys->shown)->sb;
}

/** dmr_table_get() - the table in force; between dmr_grace_enter() and _leave() */
static inline struct dmr_table *dmr_table_get(struct dmr_system *sys)
{
	return smp_load_acquire(&sys->table);
}

struct dmr_system *dmr_system_get(struct block_device *store);
void dmr_system_leave(struct dmr_system *sys);
void dmr_system_put(struct dmr_system *sys);
struct dmr_system *dmr_system_find(const u8 *uuid, const char *name);
struct dmr_system *dmr_system_next(struct dmr_system *prev);
void dmr_disks_free(struct dmr_system *sys);
bool dmr_home_taken(struct dmr_disk *disk, dev_t home);
bool dmr_system_claim(struct dmr_system *sys);
void dmr_system_disclaim(struct dmr_system *sys);
void dmr_systems_wait_gone(void);
bool dmr_system_complete(struct dmr_system *sys);
u32 dmr_system_state(struct dmr_system *sys);
u32 dmr_state_of(const struct dmr_system *sys, const struct dmr_sb *sb);
u32 dmr_stored_state(const struct dmr_sb *sb);

extern struct mutex dmr_registry_mutex;
extern struct list_head dmr_replica_targets;
extern u32 dmr_registry_seq;

#endif /* DMR_SYSTEM_H */
