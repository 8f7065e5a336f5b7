// SPDX-License-Identifier: GPL-2.0-only
/*
 * A chunk with many versions: what is done to its chain takes steps in
 * proportion to its length, whatever a store holds.  Steps are counted as loads
 * of shared memory.
 */
#include "map.h"
#include "unit.h"

#define POINTS_MAX	512
#define LOADS		24	/* of a step: masks, state, links, twice */

struct chain {
	struct dmr_map map;
	mempool_t *pool;
	struct kmem_cache *cache;
	u32 points[POINTS_MAX];
	struct dmr_need need;
	u32 versions;
};

static struct chain *chain_new(u64 max_versions)
{
	struct chain *c = unit_alloc(sizeof(*c));

	c->cache = kmem_cache_create("version", sizeof(struct dmr_version), 8, 0, NULL);
	c->pool = mempool_create_slab_pool(1, c->cache);
	CHECK_EQ(dmr_map_init(&c->map, max_versions, c->pool), 0);
	return c;
}

static void chain_free(struct chain *c)
{
	dmr_map_exit(&c->map);
	mempool_destroy(c->pool);
	kmem_cache_destroy(c->cache);
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

	dmr_sweep_init(&sw, &c->need);
	for (b = 0; b < 1U << c->map.bucket_bits; b++)
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

/* Who needs a version, block by block and point by point, from the words of the design. */
static bool naive_main(const struct dmr_need *need, u32 epoch)
{
	if (epoch & 1)
		return epoch == need->promoted;
	return !need->dead_first || epoch < need->dead_first || epoch > need->dead_last;
}

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
		/* Seldom two of an epoch: one that is dropped and its successor. */
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

	for (seed = 0; seed < 400 * unit_scale(); seed++) {
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
		dmr_sweep_init(&sw, &c->need);
		for (b = 0; b < 1U << c->map.bucket_bits;)
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
