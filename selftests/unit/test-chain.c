// SPDX-License-Identifier: GPL-2.0-only
/*
 * A chunk with many versions: operations on its chain take steps in proportion to its length,
 * beside any other content of the store.  Steps are counted as loads of shared memory.
 */
#include <store/rebuild.h>
#include "unit.h"

#define POINTS_MAX	512
#define LOADS		24	/* of a step: masks, state, links, twice */

struct chain {
	struct dmr_map map;
	mempool_t *pool;
	u32 points[POINTS_MAX];
	struct dmr_need need;
	u32 versions;
};

static struct chain *chain_new(u64 max_versions)
{
	struct chain *c = unit_alloc(sizeof(*c));

	c->pool = unit_versions(1);
	CHECK_EQ(dmr_map_init(&c->map, max_versions, c->pool), 0);
	return c;
}

static void chain_free(struct chain *c)
{
	dmr_map_exit(&c->map);
	unit_versions_free(c->pool);
}

static struct dmr_version *chain_add(struct chain *c, u64 key, u32 epoch, u64 mask)
{
	struct dmr_version *v = mempool_alloc(c->pool, GFP_KERNEL);

	memset(v, 0, sizeof(*v));
	v->key = key;
	v->epoch = epoch;
	v->slot = DMR_SLOT_NONE;
	v->zero = mask;
	v->log = 1;
	dmr_map_insert(&c->map, v);
	c->versions++;
	return v;
}

/* Points with so many epochs from one to the next, each with a block of its own. */
static void chain_fill(struct chain *c, u32 points, u32 epochs)
{
	u32 epoch = 2, i, j;

	for (i = 0; i <= points; i++) {
		for (j = 0; j < epochs; j++, epoch += 2)
			chain_add(c, dmr_key(0, 7), epoch, 1ULL << j);
		if (i < points)
			c->points[i] = epoch - 2;
	}
	c->need = (struct dmr_need) { .epochs = c->points, .nr = points, .cur = epoch,
				      .next = epoch + 2, .durable = 1 };
}

static u32 chain_sweep(struct chain *c)
{
	struct dmr_version *garbage, *next;
	struct dmr_sweep sw;
	u32 b;

	dmr_map_sweep_init(&sw, &c->need);
	for (b = 0; b < c->map.nr_buckets; b++)
		CHECK(dmr_map_sweep(&c->map, &sw, b, U32_MAX));
	for (garbage = sw.garbage; garbage; garbage = next) {
		next = dmr_garbage_next(garbage);
		mempool_free(garbage, c->pool);
	}
	return sw.count;
}

/* Hourly points for a week, a point a minute in between; and all that a store may hold. */
static void chain_steps(u32 points, u32 epochs)
{
	struct chain *c = chain_new(points * epochs);
	u32 all;

	chain_fill(c, points, epochs);
	all = c->versions;
	unit_loads(LOADS * all);
	/* Each version is the newest of its block before a point: none may go. */
	CHECK_EQ(chain_sweep(c), 0);
	unit_loads(0);
	/* Without the points all but the newest of each block go. */
	c->need.nr = 0;
	unit_loads(LOADS * all);
	CHECK_EQ(chain_sweep(c), all - epochs);
	unit_loads(0);
	CHECK_EQ(atomic64_read(&c->map.versions), epochs);
	chain_free(c);
}

TEST(chain_sweep_honest)
{
	chain_steps(168, 60);
}

TEST(chain_sweep_hostile)
{
	chain_steps(512, 64);
}

/* Interrupts are off for a piece: it takes as many steps as it may look at versions. */
TEST(chain_sweep_pieces)
{
	struct chain *c = chain_new(512 * 64);
	u32 bucket = dmr_map_bucket(&c->map, dmr_key(0, 7)), pieces = 0;
	struct dmr_sweep sw;
	bool ended;

	chain_fill(c, 511, 64);
	dmr_map_sweep_init(&sw, &c->need);
	do {
		unit_loads(LOADS * 128);
		ended = dmr_map_sweep(&c->map, &sw, bucket, 127);
		unit_loads(0);
		pieces++;
	} while (!ended);
	CHECK_EQ(sw.count, 0);
	CHECK_EQ(pieces, 512 * 64 / 127 + 1);
	chain_free(c);
}

/* A store may choose its chunks: they must not all meet in one bucket. */
TEST(chain_buckets)
{
	struct chain *c = chain_new(8192);
	u32 *load = unit_alloc(sizeof(*load) * c->map.nr_buckets), most = 0, b;
	u64 chunk;

	for (chunk = 0; chunk < 1 << 24; chunk++)
		if (!dmr_map_scale(&c->map, chunk * GOLDEN_RATIO_64))
			load[dmr_map_bucket(&c->map, chunk)]++;
	for (b = 0; b < c->map.nr_buckets; b++)
		most = max(most, load[b]);
	CHECK(most < 16, "%u in a bucket", most);
	/* Nor may those of a disk that is written in order. */
	memset(load, 0, sizeof(*load) * c->map.nr_buckets);
	for (chunk = 0; chunk < 8192; chunk++)
		load[dmr_map_bucket(&c->map, dmr_key(3, chunk))]++;
	for (most = 0, b = 0; b < c->map.nr_buckets; b++)
		most = max(most, load[b]);
	CHECK(most < 16, "%u in a bucket", most);
	chain_free(c);
}

/* Replay of a hostile log takes steps in proportion to its records, in any order. */
#define RECORDS	20000

enum rebuild_order { RISING, FALLING, SLOTS, DROPS };

static void rebuild_steps(enum rebuild_order order)
{
	struct chain *c = chain_new(1000);
	struct dmr_sb *sb = unit_sb();
	struct dmr_version *v, *n;
	struct dmr_rebuild rb;
	u32 i, nr = 0;

	CHECK_EQ(dmr_rebuild_init(&rb, &c->map, sb), 0);
	rb.max_versions = RECORDS;
	unit_loads(LOADS * RECORDS * 4);
	for (i = 0; i < RECORDS; i++) {
		struct dmr_record rec = {
			.type = DMR_RECORD_VERSION,
			.chunk = 7,
			.epoch = 2 * (order == FALLING ? RECORDS - i : i + 1),
			.slot = DMR_SLOT_NONE_40,
			.zero = 1,
		};

		/* A slot that goes from one version to another, far down in the chain. */
		if (order == SLOTS) {
			rec.slot = i % 2 ? sb->slot_first : DMR_SLOT_NONE_40;
			rec.epoch = i % 2 ? i % 4 * 2 : 2 * (RECORDS + i);
		}
		/* Drops that leave a block behind everywhere. */
		if (order == DROPS && i % 2) {
			rec.type = DMR_RECORD_DROP;
			rec.zero = 2;
			rec.epoch = 2 * RECORDS;
		}
		if (order == DROPS)
			rec.zero |= 2;
		CHECK_EQ(dmr_rebuild_record(&rb, &rec, i / 100), 0);
	}
	dmr_rebuild_exit(&rb);
	for (v = dmr_map_first(&c->map, dmr_key(0, 7)); v; v = n, nr++) {
		n = dmr_map_next(v);
		CHECK(!n || n->epoch < v->epoch);
		CHECK(order != DROPS || v->zero == 1);
		CHECK_EQ(atomic_read(&v->state), 0);
	}
	unit_loads(0);
	CHECK_EQ(nr, order == SLOTS ? RECORDS / 2 + 1 : order == DROPS ? RECORDS / 2 : RECORDS);
	CHECK_EQ(atomic64_read(&c->map.versions), nr);
	chain_free(c);
}

TEST(chain_rebuild_rising)
{
	rebuild_steps(RISING);
}

TEST(chain_rebuild_falling)
{
	rebuild_steps(FALLING);
}

TEST(chain_rebuild_slots)
{
	rebuild_steps(SLOTS);
}

TEST(chain_rebuild_drops)
{
	rebuild_steps(DROPS);
}

/* Does the version belong to the history?  From the words of the design. */
static bool naive_main(const struct dmr_need *need, u32 epoch)
{
	if (epoch & 1)
		return epoch == need->promoted;
	return !need->dead_first || epoch < need->dead_first || epoch > need->dead_last;
}

/* The same as applying one record after the other, however long the chains get. */
#define FEW	3
#define MANY	300

struct naive {
	bool there;
	u64 data, zero, slot;
};

static void naive_record(struct naive (*all)[MANY], const struct dmr_need *need,
			 const struct dmr_record *rec, bool view)
{
	struct naive *n = &all[rec->chunk][rec->epoch];
	u32 i, e;

	if (rec->type == DMR_RECORD_DROP) {
		for (e = 0; e <= rec->epoch; e++) {
			n = &all[rec->chunk][e];
			if (!naive_main(need, e))
				continue;
			n->data &= ~(rec->data | rec->zero);
			n->zero &= ~(rec->data | rec->zero);
			n->there &= (n->data | n->zero) != 0;
		}
		return;
	}
	for (i = 0; rec->slot != DMR_SLOT_NONE_40 && i < FEW; i++)
		for (e = 0; e < MANY; e++)
			if (&all[i][e] != n && all[i][e].slot == rec->slot)
				all[i][e].there = false;
	if (view || naive_main(need, rec->epoch))
		*n = (struct naive) { true, rec->data, rec->zero, rec->slot };
}

TEST(chain_rebuild_random)
{
	u32 seed, versions = 0, i, e, ops;
	struct rng r;

	for (seed = 0; seed < unit_scale(150); seed++) {
		struct naive all[FEW][MANY] = { 0 }, *n;
		struct chain *c = chain_new(0);
		struct dmr_sb *sb = unit_sb();
		u32 drops, late, count = 0;
		struct dmr_rebuild rb;
		struct dmr_version *v;

		rng_init(&r, seed);
		sb->promoted = rng_chance(&r, 40) ? rng_below(&r, MANY) | 1 : 0;
		sb->dead_first = rng_chance(&r, 40) ? (rng_below(&r, MANY) + 2) & ~1ULL : 0;
		sb->dead_last = sb->dead_first + 2 * rng_below(&r, 20);
		sb->live.epoch = rng_chance(&r, 50) ? 5 : 0;
		c->need = (struct dmr_need) { .promoted = sb->promoted, .dead_first = sb->dead_first,
					      .dead_last = sb->dead_last };
		drops = rng_chance(&r, 50) ? 1 : 20;
		late = rng_chance(&r, 50) ? sb->slot_end - sb->slot_first : 2;
		CHECK_EQ(dmr_rebuild_init(&rb, &c->map, sb), 0);
		rb.max_versions = FEW * MANY;
		/* Chosen so that all of them meet in one bucket. */
		c->map.nr_buckets = rng_chance(&r, 50) ? 1 : c->map.nr_buckets;
		for (ops = 0; ops < 1500; ops++) {
			struct dmr_record rec = {
				.type = rng_chance(&r, drops) ? DMR_RECORD_DROP : DMR_RECORD_VERSION,
				.chunk = rng_below(&r, FEW),
				.epoch = rng_range(&r, 2, MANY - 1),
				.slot = DMR_SLOT_NONE_40,
				.zero = 1ULL << rng_below(&r, 8) | 1ULL << rng_below(&r, 8),
			};

			if (rec.type == DMR_RECORD_VERSION && rng_chance(&r, 60)) {
				rec.slot = sb->slot_first + rng_below(&r, late);
				rec.data = rec.zero;
				rec.zero = rng_chance(&r, 50) ? 0 : 1 << 9;
			}
			naive_record(all, &c->need, &rec, rec.epoch == sb->live.epoch);
			CHECK_EQ(dmr_rebuild_record(&rb, &rec, ops / 90 + 0xfffffffb), 0);
		}
		dmr_rebuild_exit(&rb);
		for (i = 0; i < FEW; i++) {
			for (e = MANY; e--;) {
				n = &all[i][e];
				v = dmr_map_find(&c->map, dmr_key(0, i), e);
				CHECK(!v == !n->there, "seed %u: chunk %u epoch %u: %d", seed, i, e,
				      n->there);
				count += n->there;
				if (!v)
					continue;
				CHECK(v->data == n->data && v->zero == n->zero && !atomic_read(&v->state) &&
				      v->slot == (n->slot == DMR_SLOT_NONE_40 ? DMR_SLOT_NONE : n->slot),
				      "seed %u: chunk %u epoch %u", seed, i, e);
			}
			for (v = dmr_map_first(&c->map, dmr_key(0, i)); v && dmr_map_next(v);
			     v = dmr_map_next(v))
				CHECK(v->epoch > dmr_map_next(v)->epoch);
		}
		CHECK_EQ(atomic64_read(&c->map.versions), count);
		versions += count;
		chain_free(c);
	}
	CHECK(versions > 1000, "%u", versions);
}

/* Which versions are needed, by block and by point, from the words of the design. */
static bool naive_hides(const struct dmr_need *need, const struct dmr_version *t, u64 bit)
{
	return naive_main(need, t->epoch) && (t->data | t->zero) & bit &&
	       t->log <= need->durable && !(atomic_read(&t->state) & DMR_V_DIRTY);
}

static bool naive_dead(const struct dmr_need *need, struct dmr_version **all, u32 nr,
		       const struct dmr_version *v)
{
	u32 b, i, t;

	if (atomic_read(&v->state) & ~DMR_V_WAITED || v->epoch == need->cur ||
	    v->epoch == need->next || v->epoch == need->live || v->epoch == need->test)
		return false;
	if (!naive_main(need, v->epoch))
		return true;
	for (b = 0; b < 64; b++) {
		if (!((v->data | v->zero) >> b & 1))
			continue;
		for (i = 0; i <= need->nr; i++) {
			u32 p = i < need->nr ? need->epochs[i] : U32_MAX;

			if (p < v->epoch)
				continue;
			for (t = 0; t < nr; t++)
				if (all[t]->epoch > v->epoch && all[t]->epoch <= p &&
				    naive_hides(need, all[t], 1ULL << b))
					break;
			if (t == nr)
				return false;
		}
	}
	return true;
}

#define NAIVE_MAX	160

static void naive_chain(struct rng *r, struct chain *c, struct dmr_version **all, u32 nr)
{
	static const u32 states[] = { DMR_V_DIRTY, DMR_V_BUSY, DMR_V_WAITED, DMR_V_WRITER,
				      DMR_V_MOVING, DMR_V_DROPPED };
	struct dmr_need *need = &c->need;
	u32 epoch = 2, step = rng_range(r, 1, 4), blocks = 1 << rng_range(r, 1, 6), i;

	need->epochs = c->points;
	need->durable = 5;
	for (i = 0; i < nr; i++) {
		u64 mask = rng_u64(r) >> (64 - blocks);

		/* Few blocks each, so that it takes many to hide one; some have none yet. */
		mask = rng_chance(r, 60) ? 1ULL << rng_below(r, blocks) : mask & rng_u64(r);
		all[i] = chain_add(c, dmr_key(1, 9), epoch, mask);
		if (rng_chance(r, 50)) {
			all[i]->data = mask;
			all[i]->zero &= rng_u64(r);
		}
		if (rng_chance(r, 10))
			all[i]->log = 6;
		if (rng_chance(r, 10))
			atomic_set(&all[i]->state, states[rng_below(r, ARRAY_SIZE(states))]);
		/* Seldom two of an epoch: a dropped one and its successor. */
		epoch += rng_chance(r, 5) ? 0 : rng_range(r, 1, step);
	}
	need->cur = (epoch + 1) & ~1u;
	need->next = need->cur + 2;
	need->promoted = rng_chance(r, 40) ? rng_below(r, epoch) | 1 : 0;
	need->dead_first = rng_chance(r, 40) ? (rng_below(r, epoch) + 2) & ~1ULL : 0;
	need->dead_last = need->dead_first + 2 * rng_below(r, 8);
	need->live = rng_chance(r, 40) ? rng_below(r, epoch) | 1 : 0;
	need->test = rng_chance(r, 40) ? rng_below(r, epoch) | 1 : 0;
	for (i = 2; i < epoch && need->nr < POINTS_MAX; i += rng_range(r, 1, 30))
		if (naive_main(need, i) && i != need->live && i != need->test)
			c->points[need->nr++] = i;
	if (rng_chance(r, 20))
		need->nr = 0;
}

TEST(chain_sweep_random)
{
	u32 seed, dead = 0, alive = 0;
	struct rng r;

	for (seed = 0; seed < unit_scale(400); seed++) {
		struct dmr_version *all[NAIVE_MAX], *v;
		bool gone[NAIVE_MAX];
		struct dmr_sweep sw;
		struct chain *c = chain_new(0);
		u32 nr, i, b;

		rng_init(&r, seed);
		nr = rng_range(&r, 1, NAIVE_MAX);
		/* Others in its buckets do not matter. */
		for (i = 0; i < 600; i++)
			chain_add(c, dmr_key(0, i), 2, 1);
		naive_chain(&r, c, all, nr);
		for (i = 0; i < nr; i++)
			gone[i] = naive_dead(&c->need, all, nr, all[i]);
		dmr_map_sweep_init(&sw, &c->need);
		for (b = 0; b < c->map.nr_buckets;)
			b += dmr_map_sweep(&c->map, &sw, b, rng_below(&r, 40));
		for (v = sw.garbage; v; v = dmr_garbage_next(v))
			v->log = 77;
		for (i = 0; i < nr; i++) {
			CHECK((all[i]->log == 77) == gone[i], "seed %u: version %u of %u, epoch %u: %d",
			      seed, i, nr, all[i]->epoch, gone[i]);
			dead += gone[i];
			alive += !gone[i];
		}
		while ((v = sw.garbage)) {
			sw.garbage = dmr_garbage_next(v);
			mempool_free(v, c->pool);
		}
		chain_free(c);
	}
	CHECK(dead > 1000 && alive > 1000, "%u dead, %u alive", dead, alive);
	unit_note("%u dead, %u alive", dead, alive);
}
