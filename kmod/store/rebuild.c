// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rebuilding the map from the log (R13).  Shared with user space.
 *
 * Records come in any order of epochs, since moves of the tail copy old ones, and a chunk
 * may have as many as the ring holds.  So that each takes a few steps, with any content of
 * the store:
 *
 * - an index over chunk and epoch finds a version, not a walk of its chunk's chain;
 * - new versions are put at the front of their bucket, and each bucket is sorted once, at
 *   the end;
 * - a search looks at DMR_REBUILD_NEAR versions of a bucket at most.  If the search of a
 *   drop ends before the bucket does, the drop is put into the bucket, like a version, and is
 *   applied at the end, to older records of the log;
 * - a slot is used again once its version is dead, so a record may take the slot of an older
 *   version.  The older version is removed at once if newer versions near it hide its blocks,
 *   the usual case.  Otherwise it stays in the bucket, marked as taken, until all drops are
 *   applied: if its blocks are needed then, the store is damaged;
 * - blocks of a version only become more, until a drop.  A record that has fewer may follow a
 *   drop in the bucket, so the older record stays in the same way, marked as taken.
 */
#include "rebuild.h"

#define DMR_REBUILD_NEAR	64

/* Flags in a version's state during the rebuild; bits above: the record's place in its block. */
#define DMR_REBUILD_TAKEN	(1u << 0)	/* its slot belongs to another record */
#define DMR_REBUILD_DROP	(1u << 1)	/* a drop, not a version */
#define DMR_REBUILD_NTH		16

/**
 * dmr_rebuild_init() - begin to rebuild a map from the log
 * @rb: the rebuild
 * @map: an empty map
 * @sb: the superblock in force
 *
 * Return: 0 or -ENOMEM.
 */
int dmr_rebuild_init(struct dmr_rebuild *rb, struct dmr_map *map, const struct dmr_sb *sb)
{
	memset(rb, 0, sizeof(*rb));
	rb->map = map;
	rb->sb = sb;
	/*
	 * R13: a superseded version leaves memory, but not the log.  So until the tail has
	 * passed, more versions may come back than the map's limit, above all those of
	 * zeroes, which need no slot.  The first sweep frees them.
	 */
	rb->max_versions = max_t(u64, map->max_versions, dmr_ring_blocks(sb) * DMR_LOG_RECORDS);
	rb->owners = kvcalloc(sb->slot_end, sizeof(*rb->owners), GFP_KERNEL | __GFP_NOWARN);
	rb->index = kvcalloc(map->nr_buckets, sizeof(*rb->index), GFP_KERNEL | __GFP_NOWARN);
	if (rb->owners && rb->index)
		return 0;
	kvfree(rb->owners);
	kvfree(rb->index);
	rb->owners = NULL;
	rb->index = NULL;
	return -ENOMEM;
}

static struct llist_node **dmr_rebuild_head(struct dmr_rebuild *rb, u64 key, u32 epoch)
{
	const struct dmr_map *map = rb->map;

	return &rb->index[dmr_map_scale(map, dmr_map_mix(map, dmr_map_mix(map, key) + epoch))];
}

static struct dmr_version *dmr_rebuild_find(struct dmr_rebuild *rb, u64 key, u32 epoch)
{
	struct llist_node *n;

	for (n = *dmr_rebuild_head(rb, key, epoch); n; n = READ_ONCE(n->next)) {
		struct dmr_version *v = container_of(n, struct dmr_version, dirty);

		if (v->key == key && v->epoch == epoch)
			return v;
	}
	return NULL;
}

/* Remove a version from index and owners. */
static void dmr_rebuild_unindex(struct dmr_rebuild *rb, struct dmr_version *v)
{
	struct llist_node **n = dmr_rebuild_head(rb, v->key, v->epoch);

	if (v->slot != DMR_SLOT_NONE && rb->owners[v->slot] == v)
		rb->owners[v->slot] = NULL;
	while (*n != &v->dirty)
		n = &(*n)->next;
	*n = v->dirty.next;
}

static void dmr_rebuild_cut(struct dmr_rebuild *rb, struct dmr_version **link)
{
	struct dmr_version *v = *link;

	dmr_map_cut(rb->map, link);
	mempool_free(v, rb->map->pool);
}

static bool dmr_rebuild_main(const struct dmr_rebuild *rb, u32 epoch)
{
	const struct dmr_sb *sb = rb->sb;

	return dmr_epoch_is_main(sb->promoted, sb->dead_first, sb->dead_last, epoch);
}

/*
 * Find the oldest point that sees an epoch; without one the head, a point at infinity.  A
 * newer main version hides blocks of an older one if it is not newer than the older one's
 * point: see dmr_map_sweep_dead().
 */
static u32 dmr_rebuild_point(const struct dmr_rebuild *rb, u32 epoch)
{
	const struct dmr_sb *sb = rb->sb;
	u32 lo = 0, hi = sb->nr_points;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (sb->points[mid].epoch < epoch)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < sb->nr_points ? sb->points[lo].epoch : U32_MAX;
}

/* Another record has taken a version's slot: remove the version if it is dead, or mark it. */
static void dmr_rebuild_taken(struct dmr_rebuild *rb, struct dmr_version *v)
{
	struct dmr_version **p = &rb->map->buckets[dmr_map_bucket(rb->map, v->key)];
	struct dmr_version **link = NULL, *w;
	bool main = dmr_rebuild_main(rb, v->epoch);
	u32 point = dmr_rebuild_point(rb, v->epoch), n;
	u64 left = v->data | v->zero;

	dmr_rebuild_unindex(rb, v);
	for (n = 0; n < DMR_REBUILD_NEAR && (w = READ_ONCE(*p)) && (left || !link); n++) {
		if (w == v)
			link = p;
		else if (main && w->key == v->key && w->epoch > v->epoch && w->epoch <= point &&
			 dmr_rebuild_main(rb, w->epoch) &&
			 !(atomic_read(&w->state) & (DMR_REBUILD_TAKEN | DMR_REBUILD_DROP)))
			left &= ~(w->data | w->zero);
		p = &w->next;
	}
	/* Drops that are applied at the end may remove what hides it. */
	if (link && !left && !rb->drops)
		dmr_rebuild_cut(rb, link);
	else
		atomic_add(DMR_REBUILD_TAKEN, &v->state);	/* once */
}

/* A later record of a version lacks blocks.  Return: NULL, for a version of its own. */
static struct dmr_version *dmr_rebuild_shrunk(struct dmr_rebuild *rb, struct dmr_version *v)
{
	dmr_rebuild_unindex(rb, v);
	atomic_add(DMR_REBUILD_TAKEN, &v->state);
	return NULL;
}

/* Note a record's place in the log, for dmr_rebuild_later(). */
static void dmr_rebuild_stamp(struct dmr_rebuild *rb, struct dmr_version *v, u32 flags)
{
	v->log = rb->number;
	atomic_set(&v->state, rb->nth << DMR_REBUILD_NTH | flags);
}

/* Make a version, at the front of its bucket. */
static struct dmr_version *dmr_rebuild_new(struct dmr_rebuild *rb, u64 key, u32 epoch)
{
	struct dmr_version **p = &rb->map->buckets[dmr_map_bucket(rb->map, key)];
	/* Not from the reserve: mempool_alloc() would wait for elements that are never returned. */
	struct dmr_version *v = dmr_pool_alloc(rb->map->pool);

	if (!v)
		return NULL;
	memset(v, 0, sizeof(*v));
	v->key = key;
	v->epoch = epoch;
	v->slot = DMR_SLOT_NONE;
	v->next = *p;
	*p = v;
	atomic64_inc(&rb->map->versions);
	return v;
}

/* Remove blocks from a version.  Return: false if none is left. */
static bool dmr_rebuild_clear(struct dmr_version *v, u64 mask)
{
	v->data &= ~mask;
	v->zero &= ~mask;
	return v->data | v->zero;
}

static int dmr_rebuild_drop(struct dmr_rebuild *rb, const struct dmr_record *rec)
{
	u64 key = dmr_key(rec->disk, rec->chunk);
	struct dmr_version **p = &rb->map->buckets[dmr_map_bucket(rb->map, key)], *v;
	u64 mask = rec->data | rec->zero;
	u32 n;

	for (n = 0; n < DMR_REBUILD_NEAR; n++) {
		v = READ_ONCE(*p);
		if (!v)
			return 0;
		if (v->key != key || v->epoch > rec->epoch || !dmr_rebuild_main(rb, v->epoch) ||
		    atomic_read(&v->state) & DMR_REBUILD_DROP || dmr_rebuild_clear(v, mask)) {
			p = &v->next;
			continue;
		}
		if (!(atomic_read(&v->state) & DMR_REBUILD_TAKEN))
			dmr_rebuild_unindex(rb, v);
		dmr_rebuild_cut(rb, p);
	}
	v = dmr_rebuild_new(rb, key, rec->epoch);
	if (!v)
		return -ENOMEM;
	v->data = mask;
	rb->drops++;
	dmr_rebuild_stamp(rb, v, DMR_REBUILD_DROP);
	return 0;
}

/**
 * dmr_rebuild_record() - apply one record of the log, in log order
 * @rb: the rebuild
 * @rec: a record that dmr_logblock_validate_record() accepts
 * @number: number of its log block
 *
 * R13: a slot belongs to the last record that names it, even one of a dead epoch; a drop
 * kills older versions in its blocks.  dmr_rebuild_exit() has the verdict on slots.
 *
 * Return: 0, -ENOMEM, or -ENOSPC if there are more versions than the ring has records.
 */
int dmr_rebuild_record(struct dmr_rebuild *rb, const struct dmr_record *rec, u64 number)
{
	const struct dmr_sb *sb = rb->sb;
	u64 key = dmr_key(rec->disk, rec->chunk);
	bool main = dmr_rebuild_main(rb, rec->epoch);
	struct dmr_version *v, *owner;
	struct llist_node **head;

	rb->records++;
	rb->nth = number == rb->number ? rb->nth + 1 : 0;
	rb->number = number;
	if (rec->type == DMR_RECORD_DROP)
		return dmr_rebuild_drop(rb, rec);

	v = dmr_rebuild_find(rb, key, rec->epoch);
	if (v && (v->data | v->zero) & ~(rec->data | rec->zero))
		v = dmr_rebuild_shrunk(rb, v);
	if (rec->slot != DMR_SLOT_NONE_40) {
		owner = rb->owners[rec->slot];
		if (owner && owner != v)
			dmr_rebuild_taken(rb, owner);
	}
	if (!main && rec->epoch != sb->live.epoch && rec->epoch != sb->test.epoch) {
		rb->skipped++;
		return 0;
	}
	if (!v) {
		if (atomic64_read(&rb->map->versions) >= (s64)rb->max_versions)
			return -ENOSPC;
		v = dmr_rebuild_new(rb, key, rec->epoch);
		if (!v)
			return -ENOMEM;
		head = dmr_rebuild_head(rb, key, rec->epoch);
		v->dirty.next = *head;
		*head = &v->dirty;
	}
	if (v->slot != DMR_SLOT_NONE && v->slot != rec->slot && rb->owners[v->slot] == v)
		rb->owners[v->slot] = NULL;
	v->slot = rec->slot == DMR_SLOT_NONE_40 ? DMR_SLOT_NONE : rec->slot;
	if (v->slot != DMR_SLOT_NONE)
		rb->owners[v->slot] = v;
	v->data = rec->data;
	v->zero = rec->zero;
	dmr_rebuild_stamp(rb, v, 0);
	return 0;
}

typedef bool (*dmr_before_fn)(const struct dmr_version *a, const struct dmr_version *b);

/* By chunk, last record first; block numbers in a ring differ by less than 2^31. */
static bool dmr_rebuild_later(const struct dmr_version *a, const struct dmr_version *b)
{
	if (a->key != b->key)
		return a->key < b->key;
	if (a->log != b->log)
		return (s32)(a->log - b->log) > 0;
	return (u32)atomic_read(&a->state) >> DMR_REBUILD_NTH >
	       (u32)atomic_read(&b->state) >> DMR_REBUILD_NTH;
}

/* Order of the map: by chunk, newest epoch first; a taken version behind a later record. */
static bool dmr_rebuild_newer(const struct dmr_version *a, const struct dmr_version *b)
{
	if (a->key != b->key)
		return a->key < b->key;
	return a->epoch != b->epoch ? a->epoch > b->epoch : dmr_rebuild_later(a, b);
}

static struct dmr_version *dmr_rebuild_merge(struct dmr_version *a, struct dmr_version *b,
					     dmr_before_fn before)
{
	struct dmr_version *all = NULL, **end = &all;

	while (a && b) {
		struct dmr_version **from = before(b, a) ? &b : &a;

		*end = *from;
		end = &(*end)->next;
		*from = *end;
	}
	*end = a ?: b;
	return all;
}

/* Sort a list, by merging runs of 1, 2, 4, ... versions. */
static void dmr_rebuild_sort(struct dmr_version **list, dmr_before_fn before)
{
	struct dmr_version *runs[40] = { 0 }, *v, *next;
	u32 i;

	for (v = *list; v; v = next) {
		next = READ_ONCE(v->next);
		v->next = NULL;
		for (i = 0; runs[i]; i++) {
			v = dmr_rebuild_merge(runs[i], v, before);
			runs[i] = NULL;
			cond_resched();
		}
		runs[i] = v;
	}
	*list = NULL;
	for (i = 0; i < ARRAY_SIZE(runs); i++)
		*list = dmr_rebuild_merge(runs[i], *list, before);
}

/* Apply the drops that are left in a bucket, last one first. */
static void dmr_rebuild_drops(struct dmr_rebuild *rb, struct dmr_version **p)
{
	u32 below[64] = { 0 }, b;	/* of each block: older records up to this epoch are dead */
	u64 key = DMR_KEY_NONE, mask, left;
	struct dmr_version *v;

	dmr_rebuild_sort(p, dmr_rebuild_later);
	while ((v = READ_ONCE(*p))) {
		if (v->key != key)
			memset(below, 0, sizeof(below));
		key = v->key;
		mask = 0;
		for (left = v->data | v->zero; left; left &= left - 1) {
			b = __ffs64(left);
			if (atomic_read(&v->state) & DMR_REBUILD_DROP)
				below[b] = max(below[b], v->epoch);
			else if (v->epoch <= below[b])
				mask |= 1ULL << b;
		}
		if (atomic_read(&v->state) & DMR_REBUILD_DROP ||
		    (mask && dmr_rebuild_main(rb, v->epoch) && !dmr_rebuild_clear(v, mask)))
			dmr_rebuild_cut(rb, p);
		else
			p = &v->next;
	}
}

/*
 * Remove the taken versions of a bucket, which is sorted.  Blocks of one that are still
 * needed are lost: the store is damaged.  One that was recorded again later, in another slot
 * or without some of its blocks, is needed for the blocks that the later record lacks.
 */
static void dmr_rebuild_verdict(struct dmr_rebuild *rb, struct dmr_version **p)
{
	u64 key = DMR_KEY_NONE, above = 0, last = 0, left;
	u32 epoch = 0, point = 0;
	struct dmr_version *v;
	bool again;

	while ((v = READ_ONCE(*p))) {
		again = v->key == key && v->epoch == epoch;
		if (v->key != key)
			point = 0;
		key = v->key;
		epoch = v->epoch;
		left = v->data | v->zero;
		if (again)
			left &= ~last;
		else
			last = left;
		if (dmr_rebuild_main(rb, epoch)) {
			if (point != dmr_rebuild_point(rb, epoch)) {
				point = dmr_rebuild_point(rb, epoch);
				above = 0;
			}
			left &= ~above;
			if (!again)
				above |= last;
		}
		if (!(atomic_read(&v->state) & DMR_REBUILD_TAKEN)) {
			p = &v->next;
			continue;
		}
		if (left)
			rb->lost++;
		dmr_rebuild_cut(rb, p);
	}
}

/* Sort a bucket.  From here on the index, which spans buckets, is invalid. */
static void dmr_rebuild_bucket(struct dmr_rebuild *rb, struct dmr_version **bucket)
{
	struct dmr_version *v;
	u32 flags = 0;

	for (v = *bucket; v; v = READ_ONCE(v->next))
		flags |= atomic_read(&v->state);
	if (flags & DMR_REBUILD_DROP)
		dmr_rebuild_drops(rb, bucket);
	if (*bucket && (*bucket)->next)
		dmr_rebuild_sort(bucket, dmr_rebuild_newer);
	if (flags & DMR_REBUILD_TAKEN)
		dmr_rebuild_verdict(rb, bucket);
	for (v = *bucket; v; v = READ_ONCE(v->next)) {
		v->dirty.next = NULL;
		atomic_set(&v->state, 0);
		dmr_map_raise(rb->map, v);
	}
}

/**
 * dmr_rebuild_exit() - end a rebuild after the last record
 * @rb: the rebuild; its map is valid when this returns.
 *
 * R13: a slot belongs to the last record that names it.  That is an error where a version
 * that had it before is still needed, by the head, a point or an overlay: no history of the
 * module uses a slot again before its version is dead.  Nor does one record a version again
 * without blocks that it had.
 *
 * Context: may sleep.
 * Return: 0, or -EUCLEAN if @rb->lost versions have lost slots or blocks.
 */
int dmr_rebuild_exit(struct dmr_rebuild *rb)
{
	u64 i;

	for (i = 0; i < rb->map->nr_buckets; i++) {
		if (rb->map->buckets[i])
			dmr_rebuild_bucket(rb, &rb->map->buckets[i]);
		if (!(i & 0xfff))
			cond_resched();
	}
	kvfree(rb->owners);
	kvfree(rb->index);
	rb->owners = NULL;
	rb->index = NULL;
	return rb->lost ? -EUCLEAN : 0;
}
