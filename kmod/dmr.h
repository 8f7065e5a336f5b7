/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dm-replica: what the parts of the module share; event.h has the direction of calls.
 *
 * Lock order, outermost first:
 *	dm's own suspend lock -> dmr_system.op_mutex -> gendisk open_mutex (trylock
 *	only, R10) -> dmr_system.sb_mutex -> store_mutex -> event_mutex -> job_mutex ->
 *	dmr_ops_lock, chunk locks -> slots, lists.
 * No I/O is done under event_mutex and job_mutex, so readers may take them.
 * The I/O path takes none of the mutexes.  The commit worker takes sb_mutex
 * and what is inside of it only, so an operation may wait for a commit unless it holds that one.
 */
#ifndef DMR_H
#define DMR_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/dm-kcopyd.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mempool.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "store/superblock.h"
#include "event.h"
#include "fingerprint.h"
#include "store/log-room.h"
#include "store/map.h"
#include "store/replay.h"
#include "store/slots.h"
#include "work.h"
#include "../uapi/dm-replica.h"

#define DM_MSG_PREFIX		"replica"

#define DMR_BLOCK_SECTORS	(DMR_BLOCK_SIZE >> SECTOR_SHIFT)
/* What one write-zeroes may cover: each chunk of it may need a version. */
#define DMR_ZERO_SECTORS	(64 * (DMR_MIN_CHUNK >> SECTOR_SHIFT))
#define DMR_COMMIT_PERIOD	HZ
#define DMR_FLUSH_FAILED	(5 * HZ)	/* FUA fails for so long after a flush that did */
#define DMR_FLUSH_RESUMED	(60 * HZ)	/* and after dm has gone on with what it kept */
#define DMR_DRAIN_MS		10000		/* default time limit of an operation's drain */
#define DMR_LOCK_MS		5000		/* and of taking every disk's open_mutex */
#define DMR_WAIT_MS		500		/* for openers, unless the caller says how long */
#define DMR_ANSWER_MS		100		/* a handler waits for so long, then answers 4096 */
#define DMR_OPS_MAX		256		/* operations that may wait for their turn, per system */
#define DMR_BIND_QUIET		(10 * HZ)	/* an attach or detach goes on for so long after a bind */
#define DMR_JOB_KEEP		(300 * HZ)	/* Msvm_ConcreteJob.TimeBeforeRemoval */
#define DMR_CANCEL_SLOTS	1024		/* counters of cancelled moves, by hash */

struct dmr_system;

/* grace.c: who may still be looking (R4) */

struct dmr_grace_cpu {
	unsigned long in[2];
	unsigned long out[2];
};

struct dmr_grace {
	struct dmr_grace_cpu __percpu *cpu;
	u32 side;
	bool waiting;
	wait_queue_head_t wait;
	struct mutex mutex;
};

int dmr_grace_init(struct dmr_grace *g);
void dmr_grace_exit(struct dmr_grace *g);
int dmr_grace_wait(struct dmr_grace *g, unsigned long timeout);
bool dmr_grace_idle(struct dmr_grace *g);

/**
 * dmr_grace_enter() - begin a section that may look at map and table
 * @g: the system's grace counters.
 *
 * Context: any; no lock, this CPU's cache line only.
 * Return: the side to give to dmr_grace_leave().
 */
static inline u32 dmr_grace_enter(struct dmr_grace *g)
{
	u32 side = READ_ONCE(g->side);

	this_cpu_inc(g->cpu->in[side]);
	smp_mb();	/* counted before anything is looked up; pairs with dmr_grace_wait() */
	return side;
}

/** dmr_grace_leave() - end a section, on any CPU, in any context */
static inline void dmr_grace_leave(struct dmr_grace *g, u32 side)
{
	smp_mb();	/* everything was looked at before this counts */
	this_cpu_inc(g->cpu->out[side]);
	if (unlikely(READ_ONCE(g->waiting)))
		wake_up(&g->wait);
}

/* The table: what the I/O path knows of epochs, points and overlays */

enum dmr_kind { DMR_REPLICA, DMR_LIVE, DMR_TEST, DMR_KINDS };

/**
 * struct dmr_table - one published state; never changed, replaced as a whole
 * @view: what each kind of device shows.
 * @straight: the kind whose writes may go straight home, or -1.
 * @bare: the kind whose writes are about to, or -1: a chunk without a version
 *	gets none, and who would give it one waits (dmr_op_settle()).
 * @suspended: replication is suspended: the replica devices refuse writes.
 * @need: for the vacuum; its epochs array is @points.
 * @stale: on the system's list of tables to free.
 * @points: epochs of the points, pending ones included.
 */
struct dmr_table {
	struct dmr_view view[DMR_KINDS];
	int straight;
	int bare;
	bool suspended;
	struct dmr_need need;
	u64 serial;		/* of publication */
	struct list_head stale;
	u32 points[];
};

/* One disk of a system */

struct dmr_disk {
	struct dmr_system *sys;
	const struct dmr_disk_info *info;	/* in sys->sb, fixed while active */
	u32 number;
	struct block_device *home;	/* valid while any target of the disk is bound */
	dev_t home_dev;			/* dmr_registry_mutex */
	struct dmr_target *target[DMR_KINDS];	/* bound ones; op_mutex */
	bool movable;			/* the replica target is bound; home_mutex */
	bool no_zeroes;			/* its home offers write-zeroes, and refuses them */
	dev_t dev[DMR_KINDS];		/* their devices, 0 if not bound; sb_mutex to change */
	struct gendisk *gd[DMR_KINDS];	/* the same; under RCU it stays for who has found it */
	unsigned int home_dirty;	/* written directly since its last flush was issued */
	unsigned int home_direct[DMR_KINDS];	/* the same, by users of that kind of device */
	atomic_t home_lost[DMR_KINDS];	/* how often what they wrote may have been lost */
	unsigned int told[DMR_KINDS];	/* the same, when a flush of theirs has said so */
	unsigned long flush_failed[DMR_KINDS];	/* when one did last, jiffies; 0 if none has */
	u64 diskseq[DMR_KINDS];		/* of the device that this is told of */
	atomic_t op_lost;		/* and an operation has not said so yet */
	struct mutex flush_mutex;	/* until that flush has ended; a leaf */
	atomic_t flush_errors;		/* flushes that failed, whoever asked for them */
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
	struct dm_dev *replica;		/* failover targets: the device they hang on */
	bool store_linked;		/* it has a share in dmr_claim_link() */
	bool home_linked;
	bool bound;
	bool takeover;
	unsigned long suspend_began;	/* jiffies, until it is resumed; 0: it runs */
	u8 host[16];
	u8 boot[16];		/* of that host */
	struct list_head replicas;	/* registry: replica targets by their own devt */
	dev_t own_dev;
};

/* One bio on its way */

/* What the parts of the I/O path tell each other. */
enum dmr_io_result {
	DMR_SUBMIT,		/* the bio is remapped: submit it */
	DMR_TAKEN,		/* deferred, parked or waiting: it may be gone already */
	DMR_ENDED,		/* answered */
};

enum dmr_io_kind {
	DMR_IO_NONE,		/* nothing to do at its end */
	DMR_IO_READ_SLOT,
	DMR_IO_READ_HOME,
	DMR_IO_HIT,		/* write into blocks that are in this epoch's slot */
	DMR_IO_FIRST,		/* write whose mask bits are still to be set */
	DMR_IO_STRAIGHT,	/* write straight home */
};

struct dmr_io {
	struct dmr_target *t;
	struct work_struct work;
	struct bio *bio;
	u64 sector;		/* as mapped, FIRST and STRAIGHT */
	u32 sectors;
	u32 epoch;
	u8 kind;
	u8 side;		/* of the grace counters */
	bool entered;
	bool commit;		/* answered by a commit (FUA) */
	bool home;		/* which flushes its home for it */
	u32 told;		/* a flush: dmr_disk.told when it came; FUA with @home: home_lost */
	int flush_errors;	/* STRAIGHT: dmr_disk.flush_errors when it came */
	u32 bytes;		/* of the bio, as cut */
};

/* jobs, see job.c */

#define DMR_NO_LOGIN	(~0U)

/**
 * struct dmr_owner - the process that asked for an operation
 * @known: false: the module asked itself.
 * @uid: in the initial user namespace.
 * @login: the user that logged in, whatever it is now; or DMR_NO_LOGIN.
 * @comm: name of the process, which it chooses.
 */
struct dmr_owner {
	bool known;
	u32 uid;
	u32 login;
	char comm[TASK_COMM_LEN];
};

struct dmr_job {
	struct list_head list;
	struct dmr_system *sys;
	struct kref ref;
	u64 id;
	u8 uuid[16];
	u32 type;
	u32 state;
	u32 percent;
	u32 code;
	bool decided;		/* its operation has been answered: */
	u32 answer;		/* with this, */
	int err;		/* this errno, negative or 0, */
	u64 point;		/* made, used, left or dropped; 0 if none */
	u64 start;		/* ns since 1970 UTC */
	ktime_t begun;
	ktime_t ended;
	unsigned long expires;	/* jiffies, once ended */
	u32 epoch;		/* what its reclaiming is about */
	u64 total;		/* versions to reclaim when it began */
	u64 reclaimed;		/* of those, done */
	bool seen;		/* the vacuum's pass began after it */
	bool home;		/* it moves home: its progress is in bytes */
	u64 bytes;		/* moved home */
	u64 bytes_total;	/* 0 until the first pass has counted */
	struct dmr_event events[DMR_EVENTS];	/* one of each kind */
	struct dmr_owner owner;	/* from here on: see struct dmr_op */
	u64 discarded;
	u32 dropped;
	char text[128];
};

/**
 * struct dmr_shown - a superblock as readers see it
 * @rcu: frees it once it was replaced and no reader is left.
 * @sb: never changed.  What moves between two operations, sequence, copy and the log's
 *	place, is not kept up to date here.
 */
struct dmr_shown {
	struct rcu_head rcu;
	struct dmr_sb sb;
};

/* A store and everything about it */

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

struct dmr_drop {
	struct list_head list;
	struct dmr_record rec;
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

/* system.c, attach.c */
struct dmr_system *dmr_system_get(struct block_device *store);
void dmr_system_leave(struct dmr_system *sys);
void dmr_system_put(struct dmr_system *sys);
struct dmr_system *dmr_system_find(const u8 *uuid, const char *name);
struct dmr_system *dmr_system_next(struct dmr_system *prev);
bool dmr_system_may_reload(const struct dmr_target *t);
int dmr_system_bind(struct dmr_system *sys, struct dmr_target *t);
void dmr_system_unbind(struct dmr_system *sys, struct dmr_target *t);
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

/* table.c: publishing epochs */
struct dmr_table *dmr_table_make(struct dmr_system *sys, const struct dmr_sb *sb,
				 u32 pending_point);
void dmr_table_publish(struct dmr_system *sys, struct dmr_table *tab);
void dmr_table_reap(struct dmr_system *sys);
int dmr_publish(struct dmr_system *sys);
struct dmr_table *dmr_table_back(struct dmr_system *sys);

/** dmr_table_get() - the table in force; between dmr_grace_enter() and _leave() */
static inline struct dmr_table *dmr_table_get(struct dmr_system *sys)
{
	return smp_load_acquire(&sys->table);
}

/* super.c */
int dmr_super_alloc(struct dmr_system *sys);
void dmr_super_free(struct dmr_system *sys);
void dmr_super_show(struct dmr_system *sys);
int dmr_super_write(struct dmr_system *sys, const struct dmr_sb *next, const char *why);
bool dmr_store_lock(struct dmr_system *sys);
void dmr_store_unlock(struct dmr_system *sys, bool alone);
int dmr_super_commit(struct dmr_system *sys, const struct dmr_sb *draft, const char *why);
int dmr_super_sync_copies(struct dmr_system *sys);
int dmr_super_move_tail(struct dmr_system *sys, u64 tail);

/* page-io.c: synchronous I/O on pages of our own; home-flush.c */
int dmr_rw_pages(struct dmr_system *sys, struct block_device *bdev, u64 sector,
		 struct page **pages, u32 nr, blk_opf_t opf);
int dmr_rw_sectors(struct dmr_system *sys, struct block_device *bdev, u64 sector,
		   struct page *page, u32 offset, u32 bytes, blk_opf_t opf);
int dmr_rw_zeroes(struct dmr_system *sys, struct block_device *bdev, u64 sector, u32 sectors);
int dmr_home_flush(struct dmr_disk *disk);
int dmr_home_flush_for_op(struct dmr_disk *disk);
void dmr_home_written(struct dmr_disk *disk, enum dmr_kind kind, int flush_errors);

/**
 * dmr_flush_failed_lately() - may dm still have the write that was behind that flush?
 * @t: the target.
 * @failed: when a flush failed, from flush_failed[].
 *
 * What dm keeps back while it suspends comes when that has ended: time stands still.
 */
static inline bool dmr_flush_failed_lately(const struct dmr_target *t, unsigned long failed)
{
	unsigned long began = smp_load_acquire(&t->suspend_began);

	return time_before(began ?: jiffies, failed + DMR_FLUSH_FAILED);
}

/**
 * dmr_flush_failed_renew() - the suspend has ended, and dm goes on with what it kept back
 * @t: a target that has its disk.
 *
 * A journal's write comes in its turn, behind what the page cache has sent meanwhile.
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
 * Return: has one failed that is not forgotten, maybe just now?
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
 * Does a write with FUA concern this device's medium only?  Where it has none the kernel
 * sends a flush behind it, and what fails may be that.  A device that takes bios itself
 * (dm, md) says it has FUA whatever those below it have.
 */
static inline bool dmr_fua_is_native(struct block_device *bdev)
{
	return !bdev_write_cache(bdev) ||
	       (bdev_fua(bdev) && !bdev->bd_disk->fops->submit_bio);
}

struct dmr_reader_bdev {
	struct dmr_reader rd;
	struct dmr_system *sys;
};
void dmr_reader_init(struct dmr_reader_bdev *rb, struct dmr_system *sys);

/* health.c, space.c, received.c */
u32 dmr_health_reasons(struct dmr_system *sys, const struct dmr_sb *sb);
u32 dmr_health_of(u32 reasons);
void dmr_health_devices(struct dmr_system *sys);
void dmr_health_check(struct dmr_system *sys);
void dmr_space_settings(struct dmr_system *sys);
void dmr_space_full(struct dmr_system *sys);
u64 dmr_space_reserved(struct dmr_system *sys);
u64 dmr_replicated_bytes(struct dmr_system *sys);
void dmr_received(struct dmr_system *sys);
void dmr_received_load(struct dmr_system *sys);
u64 dmr_received_time(struct dmr_system *sys);

/* clock.c */
void dmr_clock_load(struct dmr_system *sys);
void dmr_clock_look(struct dmr_system *sys);
void dmr_clock_jump(struct dmr_system *sys, u64 *point, u64 *by);
void dmr_clock_draft(struct dmr_system *sys, struct dmr_sb *draft);
u64 dmr_clock_age(const struct dmr_settings *set, u64 since);
bool dmr_clock_is_step(s64 step);

/* clock-step.c */
void dmr_clock_check(struct dmr_system *sys);

/* io.c, park.c, admit.c, zeroes.c: the I/O path */
int dmr_io_map(struct dmr_target *t, struct bio *bio);
void dmr_io_offer_zeroes(struct dmr_target *t);
int dmr_io_end(struct dmr_target *t, struct bio *bio, blk_status_t *error);
void dmr_io_wake(struct dmr_system *sys);
void dmr_io_defer(struct dmr_io *io, struct bio *bio);
void dmr_io_first_done(struct dmr_io *io, bool ok);
int dmr_io_again(struct dmr_io *io, struct bio *bio, bool inline_);
bool dmr_stays_bare(struct dmr_io *io, const struct dmr_table *tab, u64 key);
void dmr_io_bare(struct dmr_io *io, struct bio *bio);
u32 dmr_io_versions(const struct dmr_io *io);
u64 dmr_view_writes(struct dmr_system *sys, enum dmr_kind kind);

/** dmr_io_spare() - slots that this write must leave alone (R8).  Return: how many. */
static inline u64 dmr_io_spare(const struct dmr_io *io)
{
	if (likely(!READ_ONCE(io->t->sys->reserve)) || io->t->kind == DMR_LIVE)
		return 0;
	return dmr_space_reserved(io->t->sys);
}

/* partial.c: writes of less than a block */
int dmr_partial_write(struct dmr_io *io, struct bio *bio, struct dmr_table *tab);

/* log.c, flush.c */
int dmr_commit_alloc(struct dmr_system *sys);
void dmr_commit_free(struct dmr_system *sys);
void dmr_commit_start(struct dmr_system *sys);
void dmr_commit_stop(struct dmr_system *sys);
void dmr_commit_flush(struct dmr_system *sys, struct bio *bio);
void dmr_commit_fua(struct dmr_system *sys, struct bio *bio);
int dmr_commit_sync(struct dmr_system *sys, bool homes);
void dmr_commit_dirty(struct dmr_system *sys, struct dmr_version *v);
void dmr_commit_drop(struct dmr_system *sys, struct dmr_drop *drop);
int dmr_commit_grow(struct dmr_system *sys, struct dmr_sb *draft);
bool dmr_commit_room(struct dmr_system *sys, u32 records);
bool dmr_commit_make_room(struct dmr_system *sys, u32 records);
bool dmr_commit_settled(struct dmr_system *sys, struct dmr_version *v);

/* critical.c */
void dmr_critical(struct dmr_system *sys, const char *why);

/* settle.c */
void dmr_settle_kick(struct dmr_system *sys);

/* vacuum.c */
bool dmr_vacuum_may_run(struct dmr_system *sys);
bool dmr_vacuum_may_move(struct dmr_system *sys);
void dmr_vacuum_kick(struct dmr_system *sys);
void dmr_vacuum_start(struct dmr_system *sys);
void dmr_vacuum_stop(struct dmr_system *sys);
void dmr_vacuum_hold(struct dmr_system *sys, bool hold);
u32 dmr_vacuum_held(struct dmr_system *sys);

/* sweep.c */
void dmr_vacuum_first(struct dmr_system *sys);
void dmr_sweep_work(struct work_struct *work);

/* home.c */
s64 dmr_home_move(struct dmr_system *sys, const struct dmr_need *need, u64 serial, bool *again,
		  u64 *errors);

/* move-job.c */
void dmr_move_begin(struct dmr_system *sys, struct dmr_job *job);
void dmr_move_resume(struct dmr_system *sys);
void dmr_move_progress(struct dmr_system *sys, u64 bytes);
void dmr_move_counted(struct dmr_system *sys, u64 left);
bool dmr_move_pass_done(struct dmr_system *sys, bool skipped, u64 errors, s64 moved);
int dmr_move_request(struct dmr_system *sys, struct dmr_job *job, u32 request, const char **msg);
bool dmr_move_running(struct dmr_system *sys);
void dmr_move_finish(struct dmr_system *sys);
void dmr_move_terminate(struct dmr_system *sys, const char *why);

/* job.c */
struct dmr_op;
struct dmr_job *dmr_job_new(struct dmr_system *sys, u32 type, const char *text,
			    const struct dmr_owner *owner);
void dmr_job_about(struct dmr_job *job, const struct dmr_op *op);
void dmr_job_report(struct dmr_job *job);
void dmr_job_run(struct dmr_job *job);
void dmr_job_turn(struct dmr_job *job, bool begun, bool tell);
void dmr_job_decide(struct dmr_job *job, u32 code, int err, u64 point);
void dmr_job_progress(struct dmr_job *job, u32 percent);
void dmr_job_end(struct dmr_job *job, u32 code, const char *text);
void dmr_job_terminate(struct dmr_job *job, u32 code, const char *text);
struct dmr_job *dmr_job_find(struct dmr_system *sys, u64 id);
void dmr_job_put(struct dmr_job *job);
void dmr_job_reap(struct work_struct *work);
void dmr_job_forget_all(struct dmr_system *sys, const char *why);
void dmr_job_expire(struct dmr_system *sys, bool all);

/* verbs.c: the operations */

enum dmr_verb {
	DMR_VERB_POINT_NEW,
	DMR_VERB_POINT_DEL,
	DMR_VERB_INITIATE,
	DMR_VERB_REVERT,
	DMR_VERB_COMMIT,
	DMR_VERB_TEST_START,
	DMR_VERB_TEST_STOP,
	DMR_VERB_SUSPEND,
	DMR_VERB_RESUME,
	DMR_VERB_REMOVE,
	DMR_VERB_GROW,
	DMR_VERB_MOVE_HOME,
	DMR_VERB_JOB_CANCEL,
	DMR_VERB_SETTINGS,
	DMR_VERB_ADAPTERS,
	/* What the module asks of itself. */
	DMR_VERB_MAKE_ROOM,
	DMR_VERB_REMOVED,
	DMR_VERB_SETTLE,
	DMR_VERB_CLOCK,
	DMR_VERBS
};

/* Where an operation is; changed under dmr_ops_lock. */
enum dmr_op_phase {
	DMR_OP_NEW,		/* not queued yet */
	DMR_OP_WAITING,		/* for its turn, or for openers; its job is New */
	DMR_OP_BEGUN,		/* it has its turn; its job is Starting */
	DMR_OP_ENDED,		/* answered, or about to be */
};

/**
 * struct dmr_op - one operation asked for
 * @list: in the system's queue, while it waits.
 * @asked: in the list of those that a socket may take away.
 * @expire: its time is over, while it waits; pending, it holds a reference.
 * @phase: where it is.
 * @portid: of the socket that asked, 0 for the module itself or if it needs none.
 * @give_up: jiffies from when on openers are not waited for, once @tried.
 * @again: jiffies from when on it is looked at.
 * @pause: ms until the look after that.
 * @limit: jiffies from when on it does not wait any more.
 * @tried: it has had a turn.
 * @taken: it was taken away: its job is Terminated.
 * @sys: the system, referenced.
 * @verb: which.
 * @info: its row in the table of operations.
 * @expect_state: state number the caller saw, ~0 if it does not care (R11).
 * @expect_writes: the view's count of writes it saw, ~0 likewise.
 * @point: number of a point, 0 for the newest; set to the one made or used.
 * @kind: kind of a point to make.
 * @name: its name.
 * @received: the sender makes it: all until now has arrived.
 * @timeout: ms that waiting for its turn and the drain may take together; what is left of
 *	it from its first turn on.
 * @limited: it does not wait for its turn for ever.
 * @wait: ms to wait for openers to let go.
 * @wait_asked: the caller said how long: it is told so when time runs out.
 * @flatten: REMOVE: give up the points, move all home first.
 * @target: JOB_CANCEL: id of the job.
 * @change: SETTINGS and ADAPTERS: what to change; ours to free.
 * @open: refused because a device is open.
 * @overlay: the failover it waits to throw away.
 * @left: the socket that asked was closed: do not wait for openers any more.
 * @code: the CIM code it ended with.
 * @err: the errno that goes with it.
 * @msg: constant text: why, and what to do.
 * @job: its job, referenced; NULL if it has none.
 * @owner: the process that asks.
 * @discarded: bytes that it threw away, where that is known.
 * @dropped: recovery points that it dropped, beside @point.
 */
struct dmr_op {
	struct kref ref;
	struct list_head list;
	struct list_head asked;
	struct delayed_work expire;
	enum dmr_op_phase phase;
	u32 portid;
	unsigned long give_up;
	unsigned long again;
	unsigned long limit;
	unsigned int pause;
	bool tried;
	bool taken;
	struct completion done;
	struct dmr_system *sys;
	enum dmr_verb verb;
	const struct dmr_verb_info *info;
	u64 expect_state;
	u64 expect_writes;
	u64 point;
	u32 kind;
	char name[DMR_POINT_NAME_LEN];
	bool received;
	u32 timeout;
	bool limited;
	u32 wait;
	bool wait_asked;
	bool flatten;
	u64 target;
	struct dmr_change *change;
	bool open;
	u32 overlay;
	bool left;
	u32 code;
	int err;
	const char *msg;
	struct dmr_job *job;
	struct dmr_owner owner;
	u64 discarded;
	u32 dropped;
};

/**
 * struct dmr_change - what SETTINGS and ADAPTERS ask for
 * @has: DM_REPLICA_A_SETTINGS_* that are given, a bit each.
 * @set: their values.
 * @adapter: the one to set; its address alone says which one to forget.
 * @forget: forget it rather than set it.
 * @all: forget all.
 */
struct dmr_change {
	u64 has;
	struct dmr_settings set;
	struct dmr_adapter adapter;
	bool forget;
	bool all;
};

/* queue.c: their turn, and what waits for it */
struct dmr_op *dmr_op_new(struct dmr_system *sys, enum dmr_verb verb);
int dmr_op_run(struct dmr_op *op);
void dmr_op_queue(struct dmr_op *op);
void dmr_op_put(struct dmr_op *op);
bool dmr_op_cancel(struct dmr_system *sys, u64 job);
void dmr_ops_work(struct work_struct *work);
void dmr_ops_socket_closed(u32 portid);

/* owner.c */
void dmr_owner_current(struct dmr_owner *owner);
void dmr_owner_log(const struct dmr_op *op);
void dmr_owner_request(struct dmr_system *sys, const char *what, u64 job);
void dmr_owner_refused(const u8 *uuid, const char *what, u32 code, const char *msg);

/* point.c */
void dmr_point_drain_work(struct work_struct *work);

/* netlink.c, netlink-object.c */
int dmr_netlink_init(void);
void dmr_netlink_exit(void);

/* target.c */
int dmr_target_init(void);
void dmr_target_exit(void);

/* version.c */
int dmr_version_init(void);
void dmr_version_exit(void);
mempool_t *dmr_versions_create(void);
void dmr_versions_destroy(struct dmr_system *sys);
struct dmr_version *dmr_version_get(struct dmr_system *sys, bool swap);
void dmr_versions_wait(struct dmr_system *sys, bool swap);
void dmr_versions_fill(struct dmr_system *sys);

#endif /* DMR_H */
