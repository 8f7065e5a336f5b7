/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The multi-version map: (disk, chunk, epoch) -> slot and masks.
 *
 * Lookups take no lock.  They may run only between dmr_grace_enter() and
 * dmr_grace_leave(), or under the chunk's lock, or during replay, beside no other user of
 * the map.  So the memory and the slot of an unlinked version are not reused under a
 * reader (R4).
 */
#ifndef DMR_MAP_H
#define DMR_MAP_H

#include "logblock.h"
#include "newest.h"

#define DMR_SLOT_NONE		U32_MAX

/*
 * Version state.  The upper half counts writes in flight with mask bits still to be set.
 * The flags in the lower half change under the chunk's lock, except that a hit clears
 * DMR_V_MOVING without it.
 */
#define DMR_V_DIRTY		(1u << 0)	/* on the dirty list: a record is due */
#define DMR_V_BUSY		(1u << 1)	/* a read-merge-write owns the chunk */
#define DMR_V_WAITED		(1u << 2)	/* a bio waits for writers or BUSY */
#define DMR_V_MOVING		(1u << 3)	/* being copied home; any write clears it (R5) */
#define DMR_V_DROPPED (1u << 4) /* copied home, its drop is due or in flight (R5) */
#define DMR_V_HELD (1u << 5) /* with BUSY: a copy home that no write cancels (R5) */
#define DMR_V_COUNTED (1u << 6) /* about to be held: a hit counts as a writer */
#define DMR_V_WRITER		(1u << 16)
#define DMR_V_WRITERS		(~(DMR_V_WRITER - 1))
#define DMR_V_CROWD (0xff00u * DMR_V_WRITER) /* limit of writes counted at a time */

/**
 * struct dmr_version - one chunk as written in one epoch; 56 bytes
 * @next: next version in the bucket; those of one chunk are adjacent, newest first.
 * @key: disk << 40 | chunk, see dmr_key().
 * @data: blocks whose data is complete in the slot (R1).
 * @zero: blocks that read as zeroes; takes precedence over @data, so that a block changes
 * between data and zero in one update.
 * @dirty: on the system's dirty list while DMR_V_DIRTY is set.
 * @epoch: epoch of its writes.
 * @slot: its slot, DMR_SLOT_NONE for a version of zeroes only.
 * @log: low half of the number of the log block with its newest record.
 * @state: DMR_V_*.
 */
struct dmr_version {
	struct dmr_version *next;
	u64 key;
	u64 data;
	u64 zero;
	struct llist_node dirty;
	u32 epoch;
	u32 slot;
	u32 log;
	atomic_t state;
};

/** struct dmr_view - the view of one device */
struct dmr_view {
	u32 base;		/* main epochs up to this one */
	u32 overlay;		/* and this epoch, or DMR_EPOCH_NONE */
	u32 write;		/* epoch of its writes; DMR_EPOCH_NONE: it takes none */
	u32 promoted;		/* for dmr_epoch_is_main() */
	u32 dead_first;
	u32 dead_last;
	bool online;		/* it is read; if not, its devices do no I/O */
};

enum dmr_source_kind { DMR_SRC_HOME, DMR_SRC_ZERO, DMR_SRC_SLOT };

struct dmr_source {
	enum dmr_source_kind kind;
	u32 slot;
};

/**
 * struct dmr_map - all versions of a system
 * @buckets: chains of versions, those of one chunk adjacent.
 * @seed: odd, random and secret, so that a forged store cannot put its chunks into one
 * bucket.
 * @lock_mask: number of locks minus one; buckets share locks.
 * @nr_buckets: number of buckets, any.
 * @shared: several threads use the map, which take the locks; not so in a replay.
 * @locks: protect the chains against changes.
 * @held: the chunk with DMR_V_HELD, or DMR_KEY_NONE; changed under the chunk's lock.
 * @pool: memory of versions.
 * @max_versions: limit of versions.
 * @newest: newest epochs of groups of chunks, by disk; NULL: not kept.
 * @versions: number of versions.
 *
 * Every bio reads the others; every first write changes @versions, which therefore comes
 * last, in a cache line without them: see struct dmr_system.
 */
struct dmr_map {
	struct dmr_version **buckets;
	u64 seed;
	u32 nr_buckets;
	u16 lock_mask;
	bool shared;
	spinlock_t *locks;
	u64 held;
	mempool_t *pool;
	u64 max_versions;
	struct dmr_newest *newest;
	atomic64_t versions;
};

#define DMR_KEY_NONE		(~0ULL)		/* the key of no chunk */

/* The hash table's limits; kvmalloc() refuses 2 GiB. */
#define DMR_MAP_MIN_BUCKETS	(1U << 8)
#define DMR_MAP_MAX_BUCKETS	(1U << 27)

/**
 * dmr_map_bucket_count() - buckets for a number of versions
 * @max_versions: limit of versions
 *
 * Two for each three, not rounded to a power of two: that and a struct dmr_version are at
 * most 64 bytes for each slot with a version, where a quarter of the versions has no slot.
 *
 * Return: the number of buckets.
 */
static inline u32 dmr_map_bucket_count(u64 max_versions)
{
	return clamp_t(u64, max_versions - max_versions / 3, DMR_MAP_MIN_BUCKETS, DMR_MAP_MAX_BUCKETS);
}

/* Hash a key to 64 bits, with the secret seed. */
static inline u64 dmr_map_mix(const struct dmr_map *map, u64 x)
{
	x *= GOLDEN_RATIO_64;
	x ^= x >> 32;
	return x * map->seed;
}

/* Scale a hash to the number of buckets, by its upper half. */
static inline u32 dmr_map_scale(const struct dmr_map *map, u64 hash)
{
	return (hash >> 32) * map->nr_buckets >> 32;
}

static inline u64 dmr_key(u32 disk, u64 chunk)
{
	return ((u64)disk << 40) | chunk;
}

static inline u32 dmr_key_disk(u64 key)
{
	return key >> 40;
}

static inline u64 dmr_key_chunk(u64 key)
{
	return key & ((1ULL << 40) - 1);
}

static inline bool dmr_view_sees(const struct dmr_view *view, u32 epoch)
{
	if (epoch == view->overlay)
		return true;
	return epoch <= view->base &&
	       dmr_epoch_is_main(view->promoted, view->dead_first, view->dead_last, epoch);
}

/** dmr_map_bucket() - find the bucket of a chunk, by its key.  Return: the bucket's number. */
static inline u32 dmr_map_bucket(const struct dmr_map *map, u64 key)
{
	return dmr_map_scale(map, dmr_map_mix(map, key));
}

/** dmr_map_bucket_first() - first version of a bucket.  Return: the version, or NULL. */
static inline struct dmr_version *dmr_map_bucket_first(const struct dmr_map *map, u64 bucket)
{
	return smp_load_acquire(&map->buckets[bucket]);	/* pairs with dmr_map_insert() */
}

/**
 * dmr_map_first() - find the newest version of a chunk
 * @map: the map
 * @key: dmr_key() of the chunk
 *
 * Inline, since every read and write begins with it.
 *
 * Return: the version, or NULL.
 */
static inline struct dmr_version *dmr_map_first(const struct dmr_map *map, u64 key)
{
	struct dmr_version *v = dmr_map_bucket_first(map, dmr_map_bucket(map, key));

	while (v && v->key != key)
		v = smp_load_acquire(&v->next);		/* pairs with dmr_map_insert() */
	return v;
}

/** dmr_map_next() - next older version of the same chunk.  Return: the version, or NULL. */
static inline struct dmr_version *dmr_map_next(const struct dmr_version *v)
{
	struct dmr_version *n = READ_ONCE(v->next);

	return n && n->key == v->key ? n : NULL;
}

/**
 * dmr_map_find() - find the version for writes of an epoch
 * @map: the map
 * @key: dmr_key() of the chunk
 * @epoch: the epoch
 *
 * A dropped version takes no more writes, and is not found (R5).
 *
 * Return: the version, or NULL.
 */
static inline struct dmr_version *dmr_map_find(const struct dmr_map *map, u64 key,
					       u32 epoch)
{
	struct dmr_version *v;

	for (v = dmr_map_first(map, key); v && v->epoch >= epoch; v = dmr_map_next(v))
		if (v->epoch == epoch && !(atomic_read(&v->state) & DMR_V_DROPPED))
			return v;
	return NULL;
}

/**
 * dmr_map_lock() - find the lock of a chunk
 * @map: the map
 * @key: dmr_key() of the chunk
 *
 * To be taken with interrupts off, since completions take it.
 * Return: the lock.
 */
static inline spinlock_t *dmr_map_lock(struct dmr_map *map, u64 key)
{
	return &map->locks[dmr_map_bucket(map, key) & map->lock_mask];
}

/* A version is about to be added, or was by a replay. */
static inline void dmr_map_raise(struct dmr_map *map, const struct dmr_version *v)
{
	if (map->newest)
		dmr_newest_raise(map->newest, dmr_key_disk(v->key), dmr_key_chunk(v->key), v->epoch);
}

int dmr_map_init(struct dmr_map *map, u64 max_versions, mempool_t *pool);
void dmr_map_exit(struct dmr_map *map);
struct dmr_version **dmr_map_link(struct dmr_map *map, u64 key);
void dmr_map_insert(struct dmr_map *map, struct dmr_version *v);
bool dmr_map_insert_first(struct dmr_map *map, struct dmr_version *v);
void dmr_map_cut(struct dmr_map *map, struct dmr_version **link);
void dmr_map_unlink(struct dmr_map *map, struct dmr_version *v);

/* Warn if the lock of a chunk is not held, with lockdep only. */
static inline void dmr_map_assert_locked(struct dmr_map *map, u64 key)
{
	if (IS_ENABLED(CONFIG_LOCKDEP) && map->shared)
		lockdep_assert_held(dmr_map_lock(map, key));
}

/**
 * dmr_map_held() - is a chunk held for its copy home?
 * @map: the map
 * @key: dmr_key() of the chunk; its lock is held.
 *
 * Return: a version with DMR_V_HELD, to wait on, or NULL.
 */
static inline struct dmr_version *dmr_map_held(struct dmr_map *map, u64 key)
{
	struct dmr_version *v;

	dmr_map_assert_locked(map, key);
	/* At most one chunk is held, so others need no walk. */
	if (likely(READ_ONCE(map->held) != key))
		return NULL;
	for (v = dmr_map_first(map, key); v; v = dmr_map_next(v))
		if (atomic_read(&v->state) & DMR_V_HELD)
			return v;
	return NULL;
}

/**
 * dmr_version_busy() - must a write wait before it is counted?
 * @v: version; the caller has taken the chunk's lock, under which it counts the write.
 *
 * R4: the count of writers has 16 bits; if it wrapped to 0, the version could be freed
 * under its writers.
 *
 * Return: true while a merge owns the chunk, or DMR_V_CROWD writes are in flight.
 */
static inline bool dmr_version_busy(const struct dmr_version *v)
{
	u32 state = atomic_read(&v->state);

	return state & DMR_V_BUSY || state >= DMR_V_CROWD;
}

/**
 * dmr_version_set() - set the bits of blocks after their write has completed
 * @v: version, marked by dmr_log_dirty(), which asserts the chunk's lock.
 * @mask: blocks.
 */
static inline void dmr_version_set(struct dmr_version *v, u64 mask)
{
	smp_wmb();	/* after the version's slot; pairs with dmr_version_masks() */
	/* R1: set data before zero is cleared, so that a reader sees one of the two. */
	WRITE_ONCE(v->data, v->data | mask);
	smp_wmb();	/* pairs with dmr_version_masks(), which reads them in the opposite order */
	WRITE_ONCE(v->zero, v->zero & ~mask);
}

/** dmr_version_zero() - make blocks read as zeroes; otherwise like dmr_version_set() */
static inline void dmr_version_zero(struct dmr_version *v, u64 mask)
{
	WRITE_ONCE(v->zero, v->zero | mask);
}

/**
 * dmr_version_masks() - read the masks of data and of zeroes, with each block in at most
 * one
 * @v: version; no lock needed.
 * @data: set to the blocks of data.
 * @zero: set to the blocks of zeroes.
 */
static inline void dmr_version_masks(const struct dmr_version *v, u64 *data, u64 *zero)
{
	u64 z = READ_ONCE(v->zero);

	smp_rmb();	/* pairs with dmr_version_set() */
	*zero = z;
	*data = READ_ONCE(v->data) & ~z;
	smp_rmb();	/* the slot after the bits: pairs with dmr_version_set() */
}

/**
 * dmr_map_resolve() - find the source of a view's blocks
 * @map: the map
 * @view: the view
 * @key: dmr_key() of the chunk
 * @first: first block within the chunk
 * @count: blocks wanted, at least one, all in the chunk
 * @src: set to the source of the first blocks
 *
 * Takes no lock; the top of this file has the contexts in which it may run.  Inline, since
 * every read begins with it, and so that the source of a read stays in registers.
 *
 * Return: number of blocks from @first on with that source, 1..@count.
 */
static __always_inline u32 dmr_map_resolve(const struct dmr_map *map, const struct dmr_view *view,
					   u64 key, u32 first, u32 count, struct dmr_source *src)
{
	u64 want = dmr_block_mask(first, count), bit = 1ULL << first;
	u64 above = 0, have, data, zero;
	struct dmr_version *v;

	src->kind = DMR_SRC_HOME;
	src->slot = DMR_SLOT_NONE;
	for (v = dmr_map_first(map, key); v; v = dmr_map_next(v)) {
		if (!dmr_view_sees(view, v->epoch))
			continue;
		dmr_version_masks(v, &data, &zero);
		if ((data | zero) & bit) {
			if (zero & bit) {
				src->kind = DMR_SRC_ZERO;
				have = zero;
			} else {
				src->kind = DMR_SRC_SLOT;
				src->slot = READ_ONCE(v->slot);
				have = data;
			}
			have &= want & ~above;
			goto run;
		}
		above |= data | zero;
	}
	have = want & ~above;
run:
	/* @bit is in @have; the run ends at the first block that is not. */
	have = ~(have >> first);
	return have ? min_t(u32, __ffs64(have), count) : count;
}

void dmr_map_record(const struct dmr_version *v, struct dmr_record *rec);

/* Dead versions */

/**
 * struct dmr_need - needs of points and overlays, for dmr_map_sweep_dead()
 * @epochs: epochs of the points, rising.
 * @nr: their number.
 * @cur: the epoch of head writes.
 * @next: the epoch opened ahead.
 * @live: live overlay, or DMR_EPOCH_NONE.
 * @test: test overlay, or DMR_EPOCH_NONE.
 * @promoted: this and the two below: see dmr_epoch_is_main().
 * @dead_first: first main epoch that a commit killed.
 * @dead_last: the last one.
 * @durable: low half of the last durable log number: a version with a newer record, or a
 * pending one, hides nothing yet.
 */
struct dmr_need {
	const u32 *epochs;
	u32 nr;
	u32 cur;
	u32 next;
	u32 live;
	u32 test;
	u32 promoted;
	u32 dead_first;
	u32 dead_last;
	u32 durable;
};

u32 dmr_map_need_below(const struct dmr_need *need, u32 epoch);

/**
 * struct dmr_sweep - a walk that looks for dead versions
 * @need: needs of points and overlays.
 * @garbage: unlinked versions, see dmr_garbage_next().
 * @count: number of unlinked versions.
 * @at: link to the next version; NULL: at the beginning of a bucket.
 * @key: chunk of the last version.  The blocks that newer versions of the chunk hide:
 * @above: blocks in settled main versions of epochs newer than @epoch, up to the deciding
 * point.
 * @level: blocks in settled main versions of @epoch.
 * @epoch: of the last main version.
 * @floor: the next older point: for versions at or below it, another point decides.
 */
struct dmr_sweep {
	const struct dmr_need *need;
	struct dmr_version *garbage;
	u32 count;
	struct dmr_version **at;
	u64 key;
	u64 above;
	u64 level;
	u32 epoch;
	u32 floor;
};

void dmr_map_sweep_init(struct dmr_sweep *sw, const struct dmr_need *need);
bool dmr_map_sweep_dead(struct dmr_sweep *sw, const struct dmr_version *v);
bool dmr_map_sweep(struct dmr_map *map, struct dmr_sweep *sw, u32 bucket, u32 most);

/* Garbage is chained through @dirty, which a clean version does not use. */
static inline struct dmr_version *dmr_garbage_next(struct dmr_version *v)
{
	return v->dirty.next ? container_of(v->dirty.next, struct dmr_version, dirty) : NULL;
}

#endif /* DMR_MAP_H */
