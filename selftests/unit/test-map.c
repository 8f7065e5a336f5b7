// SPDX-License-Identifier: GPL-2.0-only
/*
 * The multi-version map against a model without chains, and the rules of need,
 * of replay and of lock-free readers.
 */
#include <pthread.h>
#include <sched.h>

#include <store/rebuild.h>
#include "unit.h"

#define CHUNKS	6		/* few, so that chains get long */
#define DISKS	2
#define EPOCHS	20		/* 2 .. EPOCHS - 1 */
#define BLOCKS	64

/* The model: the content of each (disk, chunk, epoch) in each block. */
enum { NOTHING, DATA, ZERO };

struct cell {
	bool there;
	u32 slot;
	u8 block[BLOCKS];
	struct dmr_version *v;
};

struct model {
	struct dmr_map map;
	mempool_t *pool;
	struct cell cells[DISKS][CHUNKS][EPOCHS];
	u32 promoted, dead_first, dead_last;
	u32 slots;		/* given out */
};

static struct model *model_new(u64 max_versions)
{
	struct model *m = unit_alloc(sizeof(*m));

	m->pool = unit_versions(16);
	CHECK_EQ(dmr_map_init(&m->map, max_versions, m->pool), 0);
	return m;
}

static void model_free(struct model *m)
{
	dmr_map_exit(&m->map);
	unit_versions_free(m->pool);
}

/* Straight from the design: even and not dead, or the promoted overlay. */
static bool model_main(const struct model *m, u32 epoch)
{
	if (epoch % 2)
		return m->promoted && epoch == m->promoted;
	return !(m->dead_first && epoch >= m->dead_first && epoch <= m->dead_last);
}

static void model_set(struct rng *r, struct model *m, u32 disk, u32 chunk, u32 epoch)
{
	struct cell *c = &m->cells[disk][chunk][epoch];
	u64 mask = rng_chance(r, 30) ? 1ULL << rng_below(r, 64) : rng_u64(r) & rng_u64(r);
	u8 what = rng_chance(r, 60) ? DATA : ZERO;
	spinlock_t *lock = dmr_map_lock(&m->map, dmr_key(disk, chunk));
	u32 b;

	spin_lock(lock);
	if (!c->there) {
		c->v = mempool_alloc(m->pool, GFP_KERNEL);
		memset(c->v, 0, sizeof(*c->v));
		c->v->key = dmr_key(disk, chunk);
		c->v->epoch = epoch;
		c->v->slot = c->slot = m->slots++;
		c->there = true;
		dmr_map_insert(&m->map, c->v);
	}
	if (what == DATA)
		dmr_version_set(c->v, mask);
	else
		dmr_version_zero(c->v, mask);
	spin_unlock(lock);
	for (b = 0; b < BLOCKS; b++)
		if (mask >> b & 1)
			c->block[b] = what;
}

static void model_unlink(struct model *m, u32 disk, u32 chunk, u32 epoch)
{
	struct cell *c = &m->cells[disk][chunk][epoch];

	if (!c->there)
		return;
	dmr_map_unlink(&m->map, c->v);
	mempool_free(c->v, m->pool);
	memset(c, 0, sizeof(*c));
}

static struct dmr_source model_source(const struct model *m, const struct dmr_view *view,
				      u32 disk, u32 chunk, u32 b)
{
	struct dmr_source src = { .kind = DMR_SRC_HOME, .slot = DMR_SLOT_NONE };
	u32 e;

	for (e = EPOCHS; e-- > 2;) {
		const struct cell *c = &m->cells[disk][chunk][e];

		if (!c->there || c->block[b] == NOTHING)
			continue;
		if (!(e == view->overlay && e) && !(e <= view->base && model_main(m, e)))
			continue;
		if (c->block[b] == ZERO) {
			src.kind = DMR_SRC_ZERO;
		} else {
			src.kind = DMR_SRC_SLOT;
			src.slot = c->slot;
		}
		break;
	}
	return src;
}

static void model_compare(struct rng *r, struct model *m)
{
	struct dmr_view view = {
		.base = rng_below(r, EPOCHS + 1),
		.overlay = rng_chance(r, 50) ? rng_below(r, EPOCHS) | 1 : 0,
		.promoted = m->promoted,
		.dead_first = m->dead_first,
		.dead_last = m->dead_last,
	};
	u32 disk = rng_below(r, DISKS), chunk = rng_below(r, CHUNKS);
	u32 first = rng_below(r, BLOCKS), count = rng_range(r, 1, BLOCKS - first);

	while (count) {
		struct dmr_source src, want, next;
		u32 n, i;

		n = dmr_map_resolve(&m->map, &view, dmr_key(disk, chunk), first, count, &src);
		CHECK(n >= 1 && n <= count, "%u of %u", n, count);
		want = model_source(m, &view, disk, chunk, first);
		CHECK(src.kind == want.kind && src.slot == want.slot, "block %u: %d %u, not %d %u",
		      first, src.kind, src.slot, want.kind, want.slot);
		for (i = 1; i < n; i++) {
			next = model_source(m, &view, disk, chunk, first + i);
			CHECK(next.kind == want.kind && next.slot == want.slot, "run of %u at %u",
			      n, first);
		}
		/* As long as possible: a large read is one I/O. */
		if (n < count) {
			next = model_source(m, &view, disk, chunk, first + n);
			CHECK(next.kind != want.kind || next.slot != want.slot ||
			      want.kind == DMR_SRC_ZERO,	/* of two versions, which is fine */
			      "run at %u ends after %u of %u", first, n, count);
		}
		first += n;
		count -= n;
	}
}

static void model_epochs(struct rng *r, struct model *m)
{
	m->promoted = rng_chance(r, 40) ? rng_range(r, 3, EPOCHS - 1) | 1 : 0;
	m->dead_first = rng_chance(r, 40) ? rng_range(r, 1, EPOCHS / 2 - 1) * 2 : 0;
	m->dead_last = m->dead_first ? m->dead_first + 2 * rng_below(r, 4) : 0;
	if (m->promoted >= EPOCHS)
		m->promoted = 0;
}

TEST(map_resolve)
{
	struct rng r;
	u32 seed, ops;

	for (seed = 0; seed < 60; seed++) {
		struct model *m;

		rng_init(&r, seed);
		/* Few buckets, so that chunks share them. */
		m = model_new(rng_range(&r, 0, 40));
		model_epochs(&r, m);
		for (ops = 0; ops < 2500; ops++) {
			u32 disk = rng_below(&r, DISKS), chunk = rng_below(&r, CHUNKS);
			u32 epoch = rng_range(&r, 2, EPOCHS - 1);

			if (rng_chance(&r, 40))
				model_set(&r, m, disk, chunk, epoch);
			else if (rng_chance(&r, 15))
				model_unlink(m, disk, chunk, epoch);
			else
				model_compare(&r, m);
			if (rng_chance(&r, 1))
				model_epochs(&r, m);
		}
		model_free(m);
	}
}

/* Many chunks in few buckets: those of one chunk stand together, newest first. */
TEST(map_chains)
{
	struct model *m = model_new(64);
	struct dmr_version *v;
	u32 b, versions = 0;
	struct rng r;
	u64 key;
	u32 i;

	rng_init(&r, 5);
	for (i = 0; i < 3000; i++) {
		u64 k = dmr_key(rng_below(&r, 64), rng_below(&r, 1ULL << 40) >> rng_below(&r, 40));
		u32 epoch = rng_range(&r, 2, 9);

		if (dmr_map_find(&m->map, k, epoch))
			continue;
		v = mempool_alloc(m->pool, GFP_KERNEL);
		memset(v, 0, sizeof(*v));
		v->key = k;
		v->epoch = epoch;
		dmr_map_insert(&m->map, v);
		CHECK(dmr_map_find(&m->map, k, epoch) == v);
		CHECK(dmr_key(dmr_key_disk(k), dmr_key_chunk(k)) == k);
		versions++;
	}
	CHECK_EQ(atomic64_read(&m->map.versions), versions);
	for (b = 0; b < m->map.nr_buckets; b++) {
		for (v = m->map.buckets[b]; v; v = v->next) {
			CHECK(dmr_map_bucket(&m->map, v->key) == b);
			CHECK(!v->next || v->next->key != v->key || v->next->epoch < v->epoch);
			/* The walk does not return to a chunk that it has left. */
			key = v->key;
			if (v->next && v->next->key != key)
				for (struct dmr_version *w = v->next; w; w = w->next)
					CHECK(w->key != key, "bucket %u", b);
		}
	}
	model_free(m);
}

/* R5: a dropped version takes no more writes; its successor is met first. */
TEST(map_dropped)
{
	struct model *m = model_new(64);
	struct dmr_view view = { .base = 4 };
	struct dmr_version *old, *new;
	struct dmr_source src;
	struct rng r;

	rng_init(&r, 1);
	model_set(&r, m, 0, 0, 4);
	old = m->cells[0][0][4].v;
	CHECK(dmr_map_find(&m->map, dmr_key(0, 0), 4) == old);
	old->data = 3;
	old->zero = 0;
	atomic_set(&old->state, DMR_V_DROPPED);
	CHECK(!dmr_map_find(&m->map, dmr_key(0, 0), 4));
	new = mempool_alloc(m->pool, GFP_KERNEL);
	memset(new, 0, sizeof(*new));
	new->epoch = 4;
	new->slot = 777;
	new->data = 1;
	dmr_map_insert(&m->map, new);
	CHECK(dmr_map_find(&m->map, dmr_key(0, 0), 4) == new);
	CHECK(dmr_map_resolve(&m->map, &view, 0, 0, 2, &src) == 1 && src.slot == 777);
	CHECK(dmr_map_resolve(&m->map, &view, 0, 1, 1, &src) == 1 && src.slot == old->slot);
	model_free(m);
}

/* A first write's version: not beside another one of its epoch, unless that is dropped. */
TEST(map_insert_first)
{
	static const u32 epochs[] = { 4, 2, 6, 4, 6, 5, 2 };
	static const bool inserted[] = { true, true, true, false, false, true, false };
	struct model *m = model_new(64);
	struct dmr_version *v, *old;
	u64 key = dmr_key(0, 7);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(epochs); i++) {
		v = mempool_alloc(m->pool, GFP_KERNEL);
		memset(v, 0, sizeof(*v));
		v->key = key;
		v->epoch = epochs[i];
		CHECK(dmr_map_insert_first(&m->map, v) == inserted[i], "%u", i);
		CHECK((dmr_map_find(&m->map, key, epochs[i]) == v) == inserted[i], "%u", i);
		if (!inserted[i])
			mempool_free(v, m->pool);
	}
	CHECK_EQ(atomic64_read(&m->map.versions), 0);	/* the caller counts */
	for (v = dmr_map_first(&m->map, key), i = 0; dmr_map_next(v); v = dmr_map_next(v), i++)
		CHECK(v->epoch > dmr_map_next(v)->epoch);
	CHECK_EQ(i + 1, 4);

	/* R5: the successor of a dropped one is met first. */
	old = dmr_map_find(&m->map, key, 4);
	atomic_set(&old->state, DMR_V_DROPPED);
	v = mempool_alloc(m->pool, GFP_KERNEL);
	memset(v, 0, sizeof(*v));
	v->key = key;
	v->epoch = 4;
	CHECK(dmr_map_insert_first(&m->map, v));
	CHECK(dmr_map_find(&m->map, key, 4) == v && dmr_map_next(v) == old);
	model_free(m);
}

/* A missing version: reported, without any other effect. */
TEST(map_unlink_wrong)
{
	struct dmr_version v = { .key = 5 };
	struct model *m = model_new(64);

	dmr_shim_quiet = true;
	dmr_map_unlink(&m->map, &v);
	dmr_shim_quiet = false;
	CHECK(dmr_shim_warnings == 1 && atomic64_read(&m->map.versions) == 0);
	dmr_shim_warnings = 0;
	model_free(m);
}

TEST(map_record)
{
	struct dmr_version v = { .key = dmr_key(3, 0x1234567890), .epoch = 9, .slot = 5,
				 .data = 0xff, .zero = 0xf0 };
	struct dmr_record rec;

	dmr_map_record(&v, &rec);
	CHECK(rec.type == DMR_RECORD_VERSION && rec.disk == 3 && rec.chunk == 0x1234567890 &&
	      rec.epoch == 9 && rec.slot == 5 && rec.data == 0x0f && rec.zero == 0xf0);
	v.slot = DMR_SLOT_NONE;
	v.data = 0;
	dmr_map_record(&v, &rec);
	CHECK_EQ(rec.slot, DMR_SLOT_NONE_40);
}

TEST(need_below)
{
	u32 epochs[4] = { 4, 8, 10, 20 }, nr, epoch, i;

	for (nr = 0; nr <= 4; nr++) {
		struct dmr_need need = { .epochs = epochs, .nr = nr };

		for (epoch = 0; epoch < 24; epoch++) {
			u32 want = DMR_EPOCH_NONE;

			for (i = 0; i < nr; i++)
				if (epochs[i] < epoch)
					want = epochs[i];
			CHECK(dmr_map_need_below(&need, epoch) == want, "%u", epoch);
		}
	}
}

/* The walk of a sweep, down to one version. */
static bool version_dead(struct dmr_map *map, const struct dmr_need *need,
			 const struct dmr_version *v)
{
	struct dmr_version *t = dmr_map_first(map, v->key);
	struct dmr_sweep sw;
	bool dead;

	dmr_map_sweep_init(&sw, need);
	while ((dead = dmr_map_sweep_dead(&sw, t)), t != v)
		t = dmr_map_next(t);
	return dead;
}

/*
 * When a version is needed, from the words of the design: "A version of main epoch s is
 * needed by a point p if s <= p and no newer main version at or before p, with its record
 * durable, covers the block", the head being a point at infinity; an overlay's by its own
 * view alone.
 */
static bool model_needed(const struct model *m, const struct dmr_need *need, u32 disk, u32 chunk,
			 u32 epoch)
{
	const struct cell *c = &m->cells[disk][chunk][epoch];
	u32 b, i, t;

	if (!model_main(m, epoch))
		return epoch == need->live || epoch == need->test;
	for (b = 0; b < BLOCKS; b++) {
		if (c->block[b] == NOTHING)
			continue;
		for (i = 0; i <= need->nr; i++) {
			u32 p = i < need->nr ? need->epochs[i] : ~0U;
			bool hidden = false;

			if (epoch > p)
				continue;
			for (t = epoch + 1; t < EPOCHS && t <= p; t++) {
				const struct cell *n = &m->cells[disk][chunk][t];

				hidden |= n->there && n->block[b] != NOTHING && model_main(m, t) &&
					  n->v->log <= need->durable &&
					  !(atomic_read(&n->v->state) & DMR_V_DIRTY);
			}
			if (!hidden)
				return true;
		}
	}
	return false;
}

TEST(map_dead)
{
	u32 seed, ops, dead = 0, alive = 0;
	struct rng r;

	for (seed = 0; seed < 150; seed++) {
		struct dmr_need need = { 0 };
		u32 epochs[EPOCHS], e, i;
		struct model *m;

		rng_init(&r, seed);
		m = model_new(100);
		model_epochs(&r, m);
		for (ops = rng_range(&r, 1, 80); ops; ops--)
			model_set(&r, m, 0, rng_below(&r, 2), rng_range(&r, 2, EPOCHS - 3));
		for (e = 2; e < EPOCHS - 4; e++)
			if (rng_chance(&r, 25) && model_main(m, e))
				epochs[need.nr++] = e;
		need.epochs = epochs;
		need.cur = EPOCHS - 2;
		need.next = EPOCHS;
		need.live = rng_chance(&r, 50) ? rng_range(&r, 2, EPOCHS - 1) | 1 : 0;
		need.test = rng_chance(&r, 50) ? rng_range(&r, 2, EPOCHS - 1) | 1 : 0;
		need.promoted = m->promoted;
		need.dead_first = m->dead_first;
		need.dead_last = m->dead_last;
		need.durable = 1000;
		for (i = 0; i < 2; i++) {
			for (e = 2; e < EPOCHS; e++) {
				struct cell *c = &m->cells[0][i][e];

				if (!c->there)
					continue;
				c->v->log = rng_chance(&r, 80) ? rng_range(&r, 1, 1000) : 1001;
				if (rng_chance(&r, 10))
					atomic_set(&c->v->state, DMR_V_DIRTY);
			}
		}
		for (i = 0; i < 2; i++) {
			for (e = 2; e < EPOCHS; e++) {
				struct cell *c = &m->cells[0][i][e];
				bool is;

				if (!c->there)
					continue;
				is = version_dead(&m->map, &need, c->v);
				/*
				 * A version with a record due is left alone for now, needed
				 * or not.
				 */
				if (atomic_read(&c->v->state) & DMR_V_DIRTY) {
					CHECK(!is);
					continue;
				}
				if (e == need.live || e == need.test) {
					CHECK(!is);
					continue;
				}
				CHECK(is == !model_needed(m, &need, 0, i, e), "seed %u chunk %u epoch %u: %d",
				      seed, i, e, is);
				dead += is;
				alive += !is;
			}
		}
		model_free(m);
	}
	CHECK(dead > 100 && alive > 100, "%u dead, %u alive", dead, alive);
}

TEST(map_dead_busy)
{
	static const u32 states[] = { DMR_V_DIRTY, DMR_V_BUSY, DMR_V_WRITER, DMR_V_MOVING, DMR_V_DROPPED };
	struct dmr_need need = { .cur = 12, .next = 14, .durable = ~0U };
	struct model *m = model_new(100);
	struct dmr_version *v;
	struct rng r;
	u32 i;

	rng_init(&r, 3);
	model_set(&r, m, 0, 0, 5);		/* an overlay that is gone */
	v = m->cells[0][0][5].v;
	CHECK(version_dead(&m->map, &need, v));
	for (i = 0; i < ARRAY_SIZE(states); i++) {
		atomic_set(&v->state, states[i]);
		CHECK(!version_dead(&m->map, &need, v), "state %#x", states[i]);
	}
	atomic_set(&v->state, DMR_V_WAITED);
	CHECK(version_dead(&m->map, &need, v));
	atomic_set(&v->state, 0);
	need.live = 5;
	CHECK(!version_dead(&m->map, &need, v));
	need.live = 0;
	need.test = 5;
	CHECK(!version_dead(&m->map, &need, v));
	/* Log numbers are compared by their lower halves: they wrap. */
	model_set(&r, m, 0, 1, 2);
	model_set(&r, m, 0, 1, 4);
	m->cells[0][1][2].v->data = m->cells[0][1][4].v->data = 1;
	m->cells[0][1][2].v->zero = m->cells[0][1][4].v->zero = 0;
	m->cells[0][1][4].v->log = ~0U;
	need.durable = 5;
	CHECK(version_dead(&m->map, &need, m->cells[0][1][2].v));
	m->cells[0][1][4].v->log = 6;
	CHECK(!version_dead(&m->map, &need, m->cells[0][1][2].v));
	model_free(m);
}

/* R4: the count of writers never comes back to none while they are in flight. */
TEST(map_crowd)
{
	struct dmr_need need = { .cur = 12, .next = 14, .durable = ~0U };
	struct model *m = model_new(100);
	struct dmr_version *v;
	u32 i, in = 0;
	struct rng r;

	rng_init(&r, 3);
	model_set(&r, m, 0, 0, 5);		/* an overlay that is gone */
	v = m->cells[0][0][5].v;
	for (i = 0; i < 70000; i++) {
		if (dmr_version_busy(v))
			continue;
		atomic_add(DMR_V_WRITER, &v->state);
		in++;
		CHECK(!version_dead(&m->map, &need, v), "with %u", in);
	}
	CHECK_EQ(in, 0xff00);
	/* The next one follows the first that ends; flags are kept apart. */
	atomic_sub(DMR_V_WRITER, &v->state);
	CHECK(!dmr_version_busy(v));
	atomic_set(&v->state, (in - 1) * DMR_V_WRITER | DMR_V_DIRTY | DMR_V_WAITED);
	CHECK(!dmr_version_busy(v));
	atomic_set(&v->state, DMR_V_BUSY);
	CHECK(dmr_version_busy(v));
	model_free(m);
}

/* A sweep frees all dead versions and no others, and readers find the rest as before. */
TEST(map_sweep)
{
	struct rng r;
	u32 seed;

	for (seed = 0; seed < 100; seed++) {
		struct dmr_need need = { .cur = EPOCHS - 2, .next = EPOCHS, .durable = 10 };
		struct dmr_view view = { .base = ~0U };
		struct dmr_version *garbage, *next;
		struct dmr_sweep sw;
		struct dmr_source before[CHUNKS][BLOCKS], src;
		u32 b, c, n, chained = 0;
		struct model *m;
		s64 versions;

		rng_init(&r, seed);
		m = model_new(0);
		for (n = 0; n < 150; n++)
			model_set(&r, m, 0, rng_below(&r, CHUNKS), rng_range(&r, 2, EPOCHS - 2));
		for (c = 0; c < CHUNKS; c++)
			for (b = 0; b < BLOCKS; b++)
				dmr_map_resolve(&m->map, &view, dmr_key(0, c), b, 1, &before[c][b]);
		versions = atomic64_read(&m->map.versions);
		/* In pieces of any size: the walk continues from its last place. */
		dmr_map_sweep_init(&sw, &need);
		for (b = 0; b < m->map.nr_buckets;)
			b += dmr_map_sweep(&m->map, &sw, b, rng_below(&r, 5));
		for (garbage = sw.garbage; garbage; garbage = next) {
			next = dmr_garbage_next(garbage);
			mempool_free(garbage, m->pool);
			chained++;
		}
		CHECK(chained == sw.count && atomic64_read(&m->map.versions) + sw.count == versions);
		for (b = 0; b < m->map.nr_buckets; b++)
			for (next = m->map.buckets[b]; next; next = next->next)
				CHECK(!version_dead(&m->map, &need, next));
		for (c = 0; c < CHUNKS; c++) {
			for (b = 0; b < BLOCKS; b++) {
				dmr_map_resolve(&m->map, &view, dmr_key(0, c), b, 1, &src);
				CHECK(src.kind == before[c][b].kind && src.slot == before[c][b].slot,
				      "seed %u: chunk %u block %u", seed, c, b);
			}
		}
		model_free(m);
	}
}

/* R13: replaying records into a map, against a model of the words. */
struct naive {
	bool there;
	u64 data, zero, slot;
};

TEST(map_rebuild)
{
	u32 seed, ops, skipped = 0;
	struct rng r;

	for (seed = 0; seed < 150; seed++) {
		struct dmr_sb *sb = unit_sb();
		struct naive all[CHUNKS][EPOCHS] = { 0 };
		struct dmr_rebuild rb;
		u32 c, e, i, f;
		u64 count = 0;
		struct model *m;

		rng_init(&r, seed);
		m = model_new(1000);
		model_epochs(&r, m);
		sb->promoted = m->promoted;
		sb->dead_first = m->dead_first;
		sb->dead_last = m->dead_last;
		sb->live.epoch = rng_chance(&r, 50) ? 5 : 0;
		sb->test.epoch = rng_chance(&r, 50) ? 9 : 0;
		CHECK_EQ(dmr_rebuild_init(&rb, &m->map, sb), 0);
		for (ops = rng_range(&r, 1, 400); ops; ops--) {
			struct dmr_record rec = {
				.type = rng_chance(&r, 75) ? DMR_RECORD_VERSION : DMR_RECORD_DROP,
				.chunk = rng_below(&r, CHUNKS),
				.epoch = rng_range(&r, 2, EPOCHS - 1),
				.slot = sb->slot_first + rng_below(&r, 20),
				.data = rng_u64(&r) & rng_u64(&r),
			};
			struct naive *n = &all[rec.chunk][rec.epoch];

			rec.zero = rng_u64(&r) & rng_u64(&r) & ~rec.data;
			if (rec.type == DMR_RECORD_DROP) {
				rec.slot = DMR_SLOT_NONE_40;
				for (e = 2; e <= rec.epoch; e++) {
					struct naive *o = &all[rec.chunk][e];

					if (!o->there || !model_main(m, e))
						continue;
					o->data &= ~(rec.data | rec.zero);
					o->zero &= ~(rec.data | rec.zero);
					if (!(o->data | o->zero))
						o->there = false;
				}
			} else {
				if (rng_chance(&r, 15)) {
					rec.slot = DMR_SLOT_NONE_40;
					rec.data = 0;
				}
				for (i = 0; rec.slot != DMR_SLOT_NONE_40 && i < CHUNKS; i++)
					for (f = 2; f < EPOCHS; f++)
						if (all[i][f].there && all[i][f].slot == rec.slot &&
						    &all[i][f] != n)
							all[i][f].there = false;
				if (model_main(m, rec.epoch) || rec.epoch == sb->live.epoch ||
				    rec.epoch == sb->test.epoch) {
					n->there = true;
					n->slot = rec.slot;
					n->data = rec.data;
					n->zero = rec.zero;
				} else {
					skipped++;
				}
			}
			CHECK_EQ(dmr_rebuild_record(&rb, &rec, ops), 0);
		}
		/* The owner of a slot keeps it. */
		for (i = 0; i < sb->slot_end; i++)
			CHECK(!rb.owners[i] || rb.owners[i]->slot == i, "seed %u: slot %u", seed, i);
		dmr_rebuild_exit(&rb);
		for (c = 0; c < CHUNKS; c++) {
			for (e = 2; e < EPOCHS; e++) {
				struct dmr_version *v = dmr_map_find(&m->map, dmr_key(0, c), e);
				struct naive *n = &all[c][e];

				count += n->there;
				CHECK(!v == !n->there, "seed %u: chunk %u epoch %u: %d", seed, c, e,
				      n->there);
				if (!v)
					continue;
				CHECK(v->data == n->data && v->zero == n->zero);
				CHECK(v->slot == (n->slot == DMR_SLOT_NONE_40 ? DMR_SLOT_NONE : n->slot));
			}
		}
		CHECK_EQ(atomic64_read(&m->map.versions), count);
		model_free(m);
	}
	CHECK(skipped > 100, "%u", skipped);
}

TEST(map_rebuild_full)
{
	struct dmr_record rec = { .type = DMR_RECORD_VERSION, .epoch = 2, .zero = 1,
				  .slot = DMR_SLOT_NONE_40 };
	struct model *m = model_new(3);
	struct dmr_sb *sb = unit_sb();
	struct dmr_rebuild rb;

	CHECK_EQ(dmr_rebuild_init(&rb, &m->map, sb), 0);
	/* Superseded ones may be there as well, as many as the ring can name. */
	CHECK_EQ(rb.max_versions, dmr_ring_blocks(sb) * DMR_LOG_RECORDS);
	rb.max_versions = 5;
	for (rec.chunk = 0; rec.chunk < 5; rec.chunk++)
		CHECK_EQ(dmr_rebuild_record(&rb, &rec, 1), 0);
	CHECK_EQ(dmr_rebuild_record(&rb, &rec, 1), -ENOSPC);
	rec.chunk = 1;
	CHECK_EQ(dmr_rebuild_record(&rb, &rec, 1), 0);
	dmr_rebuild_exit(&rb);
	model_free(m);
}

TEST(map_no_memory)
{
	struct dmr_record rec = { .type = DMR_RECORD_VERSION, .epoch = 2, .zero = 1,
				  .slot = DMR_SLOT_NONE_40 };
	struct model *m = model_new(3);
	struct dmr_sb *sb = unit_sb();
	struct dmr_rebuild rb;
	struct dmr_map map;
	int i;

	for (i = 0; i < 2; i++) {
		dmr_shim_fail_alloc = i;
		CHECK_EQ(dmr_map_init(&map, 10, m->pool), -ENOMEM);
	}
	for (i = 0; i < 2; i++) {
		dmr_shim_fail_alloc = i;
		CHECK_EQ(dmr_rebuild_init(&rb, &m->map, sb), -ENOMEM);
	}
	CHECK_EQ(dmr_rebuild_init(&rb, &m->map, sb), 0);
	dmr_shim_fail_alloc = 0;
	CHECK_EQ(dmr_rebuild_record(&rb, &rec, 1), -ENOMEM);
	CHECK_EQ(dmr_rebuild_record(&rb, &rec, 1), 0);
	dmr_rebuild_exit(&rb);
	CHECK(!rb.owners);
	model_free(m);
	/* Nothing to free twice. */
	dmr_map_exit(&m->map);
}

/*
 * R1: "A block is data, zero or absent in one version object; a lock-free
 * reader never falls between two updates of it."
 */
struct race {
	struct dmr_version v;
	spinlock_t lock;
	bool stop;
	u64 lost, both, seen[2];
};

static void *race_reader(void *arg)
{
	struct race *race = arg;
	u64 data, zero;

	while (!READ_ONCE(race->stop)) {
		dmr_version_masks(&race->v, &data, &zero);
		race->lost += !((data | zero) & 1);
		race->both += data & zero & 1;
		race->seen[zero & 1]++;
	}
	return NULL;
}

TEST(map_reader_between_updates)
{
	struct race race = { .v.data = 1 };
	pthread_t reader;
	u32 i;

	spin_lock_init(&race.lock);
	CHECK(!pthread_create(&reader, NULL, race_reader, &race));
	for (i = 0; i < 3000000; i++) {
		dmr_version_zero(&race.v, 1);
		dmr_version_set(&race.v, 1);
	}
	WRITE_ONCE(race.stop, true);
	pthread_join(reader, NULL);
	CHECK(!race.lost && !race.both, "%llu lost, %llu both", race.lost, race.both);
}

/*
 * The same for blocks that were zero when their version was made and get their first data:
 * only the order of the two updates keeps a reader from finding neither.
 */
#define FRESH	(1u << 14)

struct fresh {
	struct dmr_version v[FRESH];
	u32 at;			/* the one that is about to be set */
	u32 round;		/* even: set up anew, odd: the reader may look */
	u32 idle;		/* the round that the reader has seen the end of */
	bool stop;
	u64 lost;
};

static void *fresh_reader(void *arg)
{
	struct fresh *f = arg;
	u64 data, zero;
	u32 round;

	while (!__atomic_load_n(&f->stop, __ATOMIC_ACQUIRE)) {
		round = __atomic_load_n(&f->round, __ATOMIC_ACQUIRE);
		if (!(round & 1)) {
			__atomic_store_n(&f->idle, round, __ATOMIC_RELEASE);
			continue;
		}
		dmr_version_masks(&f->v[READ_ONCE(f->at)], &data, &zero);
		f->lost += !((data | zero) & 1);
	}
	return NULL;
}

TEST(map_reader_at_first_data)
{
	struct fresh *f = calloc(1, sizeof(*f));
	pthread_t reader;
	u32 round, i;
	u64 lost;

	CHECK(f && !pthread_create(&reader, NULL, fresh_reader, f));
	for (round = 0; round < 400; round += 2) {
		__atomic_store_n(&f->round, round, __ATOMIC_RELEASE);
		while (round && __atomic_load_n(&f->idle, __ATOMIC_ACQUIRE) != round)
			sched_yield();
		for (i = 0; i < FRESH; i++) {
			f->v[i].data = 0;
			f->v[i].zero = 1;
		}
		f->at = 0;
		__atomic_store_n(&f->round, round + 1, __ATOMIC_RELEASE);
		for (i = 0; i < FRESH; i++) {
			WRITE_ONCE(f->at, i);
			dmr_version_set(&f->v[i], 1);
		}
	}
	__atomic_store_n(&f->stop, true, __ATOMIC_RELEASE);
	pthread_join(reader, NULL);
	lost = f->lost;
	free(f);
	CHECK(!lost, "%llu times neither", lost);
}
