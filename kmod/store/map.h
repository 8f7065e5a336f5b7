/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The multi-version map: (disk, chunk, epoch) -> slot and masks.
 *
 * Lookups take no lock.  They may run only between dmr_grace_enter() and
 * dmr_grace_leave(), or under the chunk's lock, or with nothing else running (replay):
 * this rule keeps an unlinked version's memory and slot from reuse under a reader (R4).
 */
#ifndef DMR_MAP_H
#define DMR_MAP_H

#include "logblock.h"

#define DMR_SLOT_NONE		U32_MAX

/*
 * Version state.  The upper half counts writes in flight whose mask bits are
 * not set yet; the flags below it change under the chunk's lock, except that a
 * hit clears DMR_V_MOVING without it.
 */
#define DMR_V_DIRTY		(1u << 0)	/* on the dirty list: a record is due */
#define DMR_V_BUSY		(1u << 1)	/* a read-merge-write owns the chunk */
#define DMR_V_WAITED		(1u << 2)	/* a bio waits for writers or BUSY */
#define DMR_V_MOVING		(1u << 3)	/* being copied home; any write clears it (R5) */
#define DMR_V_DROPPED		(1u << 4)	/* copied home, the record is on its way (R5) */
#define DMR_V_HELD		(1u << 5)	/* with BUSY: a copy home that no write cancels (R5) */
#define DMR_V_WRITER		(1u << 16)
#define DMR_V_WRITERS		(~(DMR_V_WRITER - 1))
#define DMR_V_CROWD		(0xff00u * DMR_V_WRITER)	/* no more than so many at a time */

/**
 * struct dmr_version - one chunk as written in one epoch; 56 bytes
 * @next: next of the same bucket; those of one chunk stand together, newest first.
 * @key: disk << 40 | chunk, see dmr_key().
 * @data: blocks whose data is complete in the slot (R1).
 * @zero: blocks that read as zeroes; this bit wins over @data, so that a block
 *	changes between data and zero in one update.
 * @dirty: on the system's dirty list while DMR_V_DIRTY is set.
 * @epoch: the epoch it was written in.
 * @slot: place in the store, DMR_SLOT_NONE for a version of zeroes only.
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
	u32 write;		/* epoch of its writes; DMR_EPOCH_NONE: offline */
	u32 promoted;		/* for dmr_epoch_is_main() */
	u32 dead_first;
	u32 dead_last;
};

enum dmr_source_kind { DMR_SRC_HOME, DMR_SRC_ZERO, DMR_SRC_SLOT };

struct dmr_source {
	enum dmr_source_kind kind;
	u32 slot;
};

/**
 * struct dmr_map - all versions of a system
 * @buckets: chains of versions, those of one chunk side by side.
 * @bucket_bits: log2 of how many.
 * @lock_mask: number of locks less one; buckets share them.
 * @locks: taken to change a chain.
 * @seed: odd, and secret: a store may choose its chunks, but not which of them
 *	share a bucket.
 * @held: the chunk whose versions have DMR_V_HELD, or DMR_KEY_NONE; changed under its
 *	lock.
 * @pool: memory of versions.
 * @versions: how many there are.
 * @max_versions: how many there may be.
 */
struct dmr_map {
	struct dmr_version **buckets;
	u32 bucket_bits;
	u32 lock_mask;
	spinlock_t *locks;
	u64 seed;
	u64 held;
	mempool_t *pool;
	atomic64_t versions;
	u64 max_versions;
};

#define DMR_KEY_NONE		(~0ULL)		/* the key of no chunk */

/* Spread keys over 64 bits in a way that the store cannot know. */
static inline u64 dmr_map_mix(const struct dmr_map *map, u64 x)
{
	x *= GOLDEN_RATIO_64;
	x ^= x >> 32;
	return x * map->seed;
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

int dmr_map_init(struct dmr_map *map, u64 max_versions, mempool_t *pool);
void dmr_map_exit(struct dmr_map *map);
u32 dmr_map_bucket(const struct dmr_map *map, u64 key);
spinlock_t *dmr_map_lock(struct dmr_map *map, u64 key);
struct dmr_version *dmr_map_first(struct dmr_map *map, u64 key);
struct dmr_version **dmr_map_link(struct dmr_map *map, u64 key);
struct dmr_version *dmr_map_find(struct dmr_map *map, u64 key, u32 epoch);
void dmr_map_insert(struct dmr_map *map, struct dmr_version *v);
void dmr_map_cut(struct dmr_map *map, struct dmr_version **link);
void dmr_map_unlink(struct dmr_map *map, struct dmr_version *v);
u32 dmr_map_resolve(struct dmr_map *map, const struct dmr_view *view, u64 key,
		    u32 first, u32 count, struct dmr_source *src);

/** dmr_map_next() - next older version of the same chunk.  Return: it, or NULL. */
static inline struct dmr_version *dmr_map_next(const struct dmr_version *v)
{
	struct dmr_version *n = READ_ONCE(v->next);

	return n && n->key == v->key ? n : NULL;
}

/**
 * dmr_map_held() - is a chunk held for its copy home?
 * @map: the map
 * @key: dmr_key() of the chunk; its lock is held.
 *
 * Return: a version with the mark, to wait on, or NULL.
 */
static inline struct dmr_version *dmr_map_held(struct dmr_map *map, u64 key)
{
	struct dmr_version *v;

	/* One chunk at most; all others are spared the walk. */
	if (likely(READ_ONCE(map->held) != key))
		return NULL;
	for (v = dmr_map_first(map, key); v; v = dmr_map_next(v))
		if (atomic_read(&v->state) & DMR_V_HELD)
			return v;
	return NULL;
}

/**
 * dmr_version_busy() - must a write that would be counted wait?
 * @v: version; the chunk's lock is held.
 *
 * R4: the count of writers has 16 bits, and a version whose count has come back to
 * none could be freed under them.
 *
 * Return: true while a read-merge-write owns the chunk, or too many are in flight.
 */
static inline bool dmr_version_busy(const struct dmr_version *v)
{
	u32 state = atomic_read(&v->state);

	return state & DMR_V_BUSY || state >= DMR_V_CROWD;
}

/**
 * dmr_version_set() - a write to these blocks has completed
 * @v: version; the chunk's lock is held.
 * @mask: blocks.
 */
static inline void dmr_version_set(struct dmr_version *v, u64 mask)
{
	smp_wmb();	/* a slot that was given to it first; pairs with dmr_version_masks() */
	/* R1: data before the end of zero, so that a reader sees the one or the other. */
	WRITE_ONCE(v->data, v->data | mask);
	smp_wmb();	/* pairs with dmr_version_masks(), which reads them the other way round */
	WRITE_ONCE(v->zero, v->zero & ~mask);
}

/** dmr_version_zero() - these blocks read as zeroes from now; the chunk's lock is held */
static inline void dmr_version_zero(struct dmr_version *v, u64 mask)
{
	WRITE_ONCE(v->zero, v->zero | mask);
}

/**
 * dmr_version_masks() - blocks of data and of zeroes, each block in one at most
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
	smp_rmb();	/* and the slot after the bits */
}

void dmr_map_record(const struct dmr_version *v, struct dmr_record *rec);

/* Versions not needed any more. */

/**
 * struct dmr_need - needs of points and overlays, for dmr_map_sweep_dead()
 * @epochs: epochs of the points, rising.
 * @nr: how many.
 * @cur: the epoch that head writes go to.
 * @next: the one opened ahead.
 * @live: live overlay or none.
 * @test: test overlay or none.
 * @promoted: as in dmr_epoch_is_main(), and the two below.
 * @dead_first: first epoch killed by a commit.
 * @dead_last: last one.
 * @durable: low half of the last durable log number: a version with a newer or
 *	a pending record hides nothing yet.
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
 * struct dmr_sweep - a walk that looks for versions not needed any more
 * @need: needs of points and overlays.
 * @garbage: versions unlinked so far, see dmr_garbage_next().
 * @count: how many.
 * @at: link to the next version; NULL: begin a bucket.
 * @key: chunk of the last version, and the blocks that newer ones of the chunk hide:
 * @above: blocks that settled main versions of newer epochs have, up to the point that
 *	decides.
 * @level: the same of those of @epoch.
 * @epoch: of the last main version.
 * @floor: the next older point: at or below it, another one decides.
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

/* Garbage is chained through the node that a clean version does not use. */
static inline struct dmr_version *dmr_garbage_next(struct dmr_version *v)
{
	return v->dirty.next ? container_of(v->dirty.next, struct dmr_version, dirty) : NULL;
}

#endif /* DMR_MAP_H */
