// SPDX-License-Identifier: GPL-2.0-only
/*
 * The multi-version map.
 *
 * A hash table of fixed size, which attach chooses by the limit of versions, so that
 * nothing moves during a lookup without a lock.  Shared with user space (unit tests,
 * check).
 */
#include "map.h"

#define DMR_MAP_MAX_LOCKS	1024

/**
 * dmr_map_init() - make an empty map
 * @map: the map.
 * @max_versions: limit of versions; the table takes 5.3 bytes for each.
 * @pool: pool of versions, with elements of sizeof(struct dmr_version).
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int dmr_map_init(struct dmr_map *map, u64 max_versions, mempool_t *pool)
{
	u32 nr = dmr_map_bucket_count(max_versions), locks = DMR_MAP_MAX_LOCKS, i;

	/* As @lock_mask, a power of two; no more than there are buckets. */
	while (locks > nr)
		locks /= 2;

	memset(map, 0, sizeof(*map));
	map->buckets = kvcalloc(nr, sizeof(*map->buckets), GFP_KERNEL | __GFP_NOWARN);
	map->locks = kvcalloc(locks, sizeof(*map->locks), GFP_KERNEL);
	if (!map->buckets || !map->locks) {
		kvfree(map->buckets);
		kvfree(map->locks);
		return -ENOMEM;
	}
	for (i = 0; i < locks; i++)
		spin_lock_init(&map->locks[i]);
	map->nr_buckets = nr;
	map->seed = get_random_u64() | 1;
	map->held = DMR_KEY_NONE;
	map->lock_mask = locks - 1;
	map->pool = pool;
	map->max_versions = max_versions;
	atomic64_set(&map->versions, 0);
	return 0;
}

/**
 * dmr_map_exit() - free a map and all its versions
 * @map: no reader is left.
 */
void dmr_map_exit(struct dmr_map *map)
{
	struct dmr_version *v, *next;
	u32 i;

	if (!map->buckets)
		return;
	for (i = 0; i < map->nr_buckets; i++) {
		for (v = map->buckets[i]; v; v = next) {
			next = v->next;
			mempool_free(v, map->pool);
		}
		if (!(i & 0xffff))
			cond_resched();
	}
	kvfree(map->buckets);
	dmr_newest_exit(map->newest);
	kvfree(map->locks);
	map->buckets = NULL;
}

/**
 * dmr_map_link() - find the link to a chunk's newest version
 * @map: the map
 * @key: dmr_key() of the chunk; its lock is held
 *
 * Return: the link; it points to a version of another chunk, or NULL, if the chunk has
 * none.
 */
struct dmr_version **dmr_map_link(struct dmr_map *map, u64 key)
{
	struct dmr_version **p = &map->buckets[dmr_map_bucket(map, key)];

	dmr_map_assert_locked(map, key);
	while (*p && (*p)->key != key)
		p = &(*p)->next;
	return p;
}

/**
 * dmr_map_insert() - add a version
 * @map: the map
 * @v: the version, filled in; the chunk's lock is held.
 *
 * Inserted before the versions of its chunk that are not newer, so that a version that
 * replaces a dropped one of the same epoch comes first.
 */
void dmr_map_insert(struct dmr_map *map, struct dmr_version *v)
{
	struct dmr_version **p = dmr_map_link(map, v->key);

	while (*p && (*p)->key == v->key && (*p)->epoch > v->epoch)
		p = &(*p)->next;
	v->next = *p;
	dmr_map_raise(map, v);
	smp_store_release(p, v);	/* pairs with dmr_map_first() and _bucket_first() */
	atomic64_inc(&map->versions);
}

/**
 * dmr_map_insert_first() - add a version unless its chunk has one of its epoch
 * @map: the map
 * @v: the version, filled in, and counted in @map->versions by the caller, which counts all
 * versions of a write at once, before the first of them can be removed; the chunk's lock is
 * held.
 *
 * One walk for dmr_map_find() and dmr_map_insert().
 *
 * Return: false if there is one that is not dropped.
 */
bool dmr_map_insert_first(struct dmr_map *map, struct dmr_version *v)
{
	struct dmr_version **p = dmr_map_link(map, v->key), *same;

	while (*p && (*p)->key == v->key && (*p)->epoch > v->epoch)
		p = &(*p)->next;
	for (same = *p; same && same->key == v->key && same->epoch == v->epoch; same = same->next)
		if (!(atomic_read(&same->state) & DMR_V_DROPPED))
			return false;
	v->next = *p;
	dmr_map_raise(map, v);
	smp_store_release(p, v);	/* as in dmr_map_insert() */
	return true;
}

/**
 * dmr_map_cut() - remove the version that a link points to
 * @map: the map
 * @link: a bucket, or the @next of a version in the map; the chunk's lock is held.
 *
 * Readers may still use the version: its memory and its slot are reused only after a
 * grace period (R4).
 */
void dmr_map_cut(struct dmr_map *map, struct dmr_version **link)
{
	dmr_map_assert_locked(map, (*link)->key);
	smp_store_release(link, (*link)->next);	/* as in dmr_map_insert() */
	atomic64_dec(&map->versions);
}

/**
 * dmr_map_unlink() - remove a version
 * @map: the map
 * @v: the version; the chunk's lock is held.
 *
 * Walks from the bucket to its link; see dmr_map_cut().
 */
void dmr_map_unlink(struct dmr_map *map, struct dmr_version *v)
{
	struct dmr_version **p = &map->buckets[dmr_map_bucket(map, v->key)];

	while (*p && *p != v)
		p = &(*p)->next;
	if (WARN_ON_ONCE(!*p))
		return;
	dmr_map_cut(map, p);
}

/**
 * dmr_map_record() - make the record of a version
 * @v: the version; the module's caller asserts the chunk's lock (R13).
 * @rec: filled in.
 */
void dmr_map_record(const struct dmr_version *v, struct dmr_record *rec)
{
	rec->type = DMR_RECORD_VERSION;
	rec->disk = dmr_key_disk(v->key);
	rec->chunk = dmr_key_chunk(v->key);
	rec->epoch = v->epoch;
	dmr_version_masks(v, &rec->data, &rec->zero);
	rec->slot = v->slot == DMR_SLOT_NONE ? DMR_SLOT_NONE_40 : v->slot;
}

/**
 * dmr_map_need_below() - find the newest point before an epoch
 * @need: the points
 * @epoch: the epoch
 *
 * Return: the point's epoch, or DMR_EPOCH_NONE, which is below all.
 */
u32 dmr_map_need_below(const struct dmr_need *need, u32 epoch)
{
	u32 lo = 0, hi = need->nr;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (need->epochs[mid] < epoch)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? need->epochs[lo - 1] : DMR_EPOCH_NONE;
}

/* Is the newest record of a version durable?  A pending version hides nothing. */
static bool dmr_version_settled(const struct dmr_need *need, const struct dmr_version *v)
{
	return !(atomic_read(&v->state) & DMR_V_DIRTY) && (s32)(v->log - need->durable) <= 0;
}

/**
 * dmr_map_sweep_init() - begin a walk over versions
 * @sw: the walk
 * @need: needs of points and overlays, as durable in both superblocks; valid until the
 * walk ends
 */
void dmr_map_sweep_init(struct dmr_sweep *sw, const struct dmr_need *need)
{
	memset(sw, 0, sizeof(*sw));
	sw->need = need;
	sw->key = DMR_KEY_NONE;
}

/**
 * dmr_map_sweep_dead() - is a version dead?
 * @sw: the walk, which visits the versions of a chunk once, newest first
 * @v: the next version; dmr_map_cut() asserts its chunk's lock
 *
 * The rule: a version of main epoch s is needed by a point p if
 * s <= p and no newer main version at or before p, with its record durable,
 * covers the block; the head is a point at infinity.  An overlay's versions
 * are needed by its own view alone.
 *
 * Of the points from s on, the oldest has the fewest versions that may cover a block of
 * s, so it decides for all of them.  All versions between two points have the same
 * deciding point: for them the blocks covered by newer versions accumulate, and are reset
 * at each point.
 *
 * Return: true if the version may be unlinked.
 */
bool dmr_map_sweep_dead(struct dmr_sweep *sw, const struct dmr_version *v)
{
	const struct dmr_need *need = sw->need;
	u32 state = atomic_read(&v->state);
	u64 left, data, zero;

	if (v->key != sw->key) {
		sw->key = v->key;
		sw->epoch = U32_MAX;
		sw->floor = U32_MAX;
		sw->level = 0;
	}
	if (dmr_epoch_is_main(need->promoted, need->dead_first, need->dead_last, v->epoch)) {
		if (v->epoch != sw->epoch) {
			sw->above |= sw->level;
			sw->level = 0;
			sw->epoch = v->epoch;
		}
		if (v->epoch <= sw->floor) {
			sw->above = 0;
			sw->floor = dmr_map_need_below(need, v->epoch);
		}
		dmr_version_masks(v, &data, &zero);
		left = (data | zero) & ~sw->above;
		if (dmr_version_settled(need, v))
			sw->level |= data | zero;
		if (left)
			return false;
	}
	/* Not while a record is due or a write is in flight. */
	if (state & (DMR_V_DIRTY | DMR_V_BUSY | DMR_V_WRITERS | DMR_V_MOVING | DMR_V_DROPPED))
		return false;
	return v->epoch != need->cur && v->epoch != need->next &&
	       v->epoch != need->live && v->epoch != need->test;
}

/**
 * dmr_map_sweep() - unlink dead versions of one bucket, a piece at a time
 * @map: the map
 * @sw: the walk; garbage and count grow by the unlinked versions
 * @bucket: number of the bucket; its lock is held
 * @most: limit of versions to visit; the next call continues there
 *
 * The lock may be released between two pieces.  Nothing else unlinks meanwhile, so the
 * current link of the walk stays in the map; versions inserted before it could only make
 * more versions dead.
 *
 * Return: true if the bucket has been walked to its end.
 */
bool dmr_map_sweep(struct dmr_map *map, struct dmr_sweep *sw, u32 bucket, u32 most)
{
	struct dmr_version *v;

	if (!sw->at) {
		sw->at = &map->buckets[bucket];
		sw->key = DMR_KEY_NONE;
	}
	while ((v = READ_ONCE(*sw->at))) {
		if (!most--)
			return false;
		if (!dmr_map_sweep_dead(sw, v)) {
			sw->at = &v->next;
			continue;
		}
		dmr_map_cut(map, sw->at);
		v->dirty.next = sw->garbage ? &sw->garbage->dirty : NULL;
		sw->garbage = v;
		sw->count++;
	}
	sw->at = NULL;
	return true;
}
