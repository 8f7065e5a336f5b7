// SPDX-License-Identifier: GPL-2.0-only
/*
 * What was written between two recovery points (R16), against a model that knows only
 * blocks; and the newest epochs of groups of chunks, by which the walk passes them over.
 */
#include <store/changes.h>
#include <store/rebuild.h>
#include "unit.h"

#define CHUNKS	1700		/* three groups, and a part of one */
#define BLOCKS	16
#define EPOCHS	24

enum { NOTHING, DATA, ZERO };

struct model {
	struct dmr_sb *sb;
	struct dmr_map map;
	mempool_t *pool;
	u8 block[EPOCHS][CHUNKS * BLOCKS];
	u64 total;		/* blocks of the disk, the last one in part */
};

static struct model *model_new(struct rng *r)
{
	struct model *m = unit_alloc(sizeof(*m));

	m->sb = unit_sb();
	/* Not whole chunks, and not whole blocks. */
	m->sb->disks[1].sectors = CHUNKS * BLOCKS * 8 - rng_below(r, 100);
	m->total = (m->sb->disks[1].sectors + 7) / 8;
	m->pool = unit_versions(16);
	CHECK_EQ(dmr_map_init(&m->map, 4000, m->pool), 0);
	CHECK_EQ(dmr_newest_init(&m->map.newest, m->sb), 0);
	return m;
}

static void model_free(struct model *m)
{
	dmr_map_exit(&m->map);
	unit_versions_free(m->pool);
}

static void model_write(struct rng *r, struct model *m, u64 chunk, u32 epoch)
{
	u64 key = dmr_key(1, chunk), mask = rng_u64(r) & 0xffff;
	struct dmr_version *v = dmr_map_find(&m->map, key, epoch);
	u8 what = rng_chance(r, 70) ? DATA : ZERO;
	u32 b;

	if (rng_chance(r, 30))
		mask = 0xffff;
	if (!v) {
		v = mempool_alloc(m->pool, GFP_KERNEL);
		memset(v, 0, sizeof(*v));
		v->key = key;
		v->epoch = epoch;
		v->slot = DMR_SLOT_NONE;
		if (rng_chance(r, 50)) {
			dmr_map_insert(&m->map, v);
		} else {
			atomic64_inc(&m->map.versions);
			CHECK(dmr_map_insert_first(&m->map, v));
		}
	}
	if (what == DATA)
		dmr_version_set(v, mask);
	else
		dmr_version_zero(v, mask);
	for (b = 0; b < BLOCKS; b++)
		if (mask >> b & 1)
			m->block[epoch][chunk * BLOCKS + b] = what;
}

static bool model_main(const struct model *m, u32 epoch)
{
	return dmr_epoch_is_main(m->sb->promoted, m->sb->dead_first, m->sb->dead_last, epoch);
}

static u8 model_block(const struct model *m, u32 from, u32 to, u64 b)
{
	u32 e;

	for (e = to; e > from; e--)
		if (model_main(m, e) && m->block[e][b] != NOTHING)
			return m->block[e][b];
	return from ? NOTHING : DATA;
}

/* Walk with random pauses, from @start on, and compare.  Return: number of extents. */
static u32 model_walk(struct rng *r, struct model *m, u32 from, u32 to, u64 start, u32 seed)
{
	u8 *seen = unit_alloc(m->total);
	u64 bytes = m->sb->disks[1].sectors * 512, end = 0, b;
	enum dmr_changes_step step;
	struct dmr_changes c;
	struct dmr_run run, last = { 0 };
	u32 n = 0;

	dmr_changes_init(&c, m->sb, 1, from, to, start);
	c.map = &m->map;
	do {
		u32 budget = rng_chance(r, 50) ? rng_below(r, 20) : 100000;

		step = dmr_changes_next(&c, &run, &budget);
		if (step != DMR_CHANGES_EXTENT)
			continue;
		n++;
		CHECK(run.bytes && run.bytes <= DMR_CHANGES_RUN, "seed %u", seed);
		CHECK(run.offset % 4096 == 0 && run.offset + run.bytes <= bytes, "seed %u", seed);
		CHECK(run.bytes % 4096 == 0 || run.offset + run.bytes == bytes, "seed %u", seed);
		CHECK(run.offset >= end, "seed %u: they do not rise", seed);
		CHECK(run.offset > end || run.zero != last.zero || !last.bytes,
		      "seed %u: two extents for one", seed);
		end = run.offset + run.bytes;
		for (b = run.offset / 4096; b < (end + 4095) / 4096; b++)
			seen[b] = run.zero ? ZERO : DATA;
		last = run;
	} while (step != DMR_CHANGES_END);
	for (b = start / 65536 * BLOCKS; b < m->total; b++)
		CHECK(seen[b] == model_block(m, from, to, b),
		      "seed %u: %u to %u: block %llu: %u, is %u", seed, from, to, b, seen[b],
		      model_block(m, from, to, b));
	for (b = 0; b < min(m->total, start / 65536 * BLOCKS); b++)
		CHECK(!seen[b], "seed %u: before the start", seed);
	return n;
}

TEST(changes_are_exact)
{
	u32 seed, e, i, all = 0, rounds = unit_scale(60);
	struct rng r;

	for (seed = 0; seed < rounds; seed++) {
		struct model *m;

		rng_init(&r, seed);
		m = model_new(&r);
		if (rng_chance(&r, 30)) {
			m->sb->promoted = 2 * rng_range(&r, 3, 6) + 1;
			m->sb->dead_first = 2 * rng_range(&r, 1, 3);
			m->sb->dead_last = m->sb->dead_first + 2 * rng_below(&r, 3);
		}
		for (e = 2; e < EPOCHS; e++)
			for (i = rng_below(&r, 60); i; i--)
				model_write(&r, m, rng_chance(&r, 50) ? 500 + rng_below(&r, 30) :
					    rng_below(&r, CHUNKS), e);
		for (i = 0; i < 12; i++) {
			u32 from = rng_chance(&r, 20) ? 0 : rng_range(&r, 2, EPOCHS - 1);
			u32 to = rng_range(&r, max(from, 2U), EPOCHS - 1);

			all += model_walk(&r, m, from, to, rng_chance(&r, 70) ? 0 :
					  rng_below(&r, m->total * 4096 + 100000), seed);
		}
		model_free(m);
	}
	unit_note("%u extents", all);
	CHECK(all > 1000);
}

/* R16: each way of adding a version raises the newest epoch of its group, and none lowers it. */
TEST(changes_raised)
{
	u32 i, e;

	for (i = 0; i < 2; i++) {
		struct dmr_version *v;
		struct model *m;
		struct rng r;

		rng_init(&r, i);
		m = model_new(&r);
		for (e = 8; e >= 4; e -= 4) {
			v = mempool_alloc(m->pool, GFP_KERNEL);
			memset(v, 0, sizeof(*v));
			v->key = dmr_key(1, 600 + e);
			v->epoch = e;
			v->slot = DMR_SLOT_NONE;
			if (i) {
				dmr_map_insert(&m->map, v);
			} else {
				atomic64_inc(&m->map.versions);
				CHECK(dmr_map_insert_first(&m->map, v));
			}
			CHECK_EQ(dmr_newest_get(m->map.newest, 1, 512), 8);
		}
		CHECK_EQ(dmr_newest_get(m->map.newest, 1, 511), 0);
		CHECK_EQ(dmr_newest_get(m->map.newest, 1, 1024), 0);
		CHECK_EQ(dmr_newest_get(m->map.newest, 0, 600), 0);
		model_free(m);
	}
}

/* A group in which nothing is new costs one look, with any content. */
TEST(changes_pass_over_groups)
{
	struct model *m;
	struct dmr_changes c;
	struct dmr_run run;
	struct rng r;
	u32 budget, i;

	rng_init(&r, 1);
	m = model_new(&r);
	for (i = 0; i < CHUNKS; i++)
		model_write(&r, m, i, 2);
	dmr_changes_init(&c, m->sb, 1, 2, 20, 0);
	c.map = &m->map;
	budget = 100000;
	CHECK_EQ(dmr_changes_next(&c, &run, &budget), DMR_CHANGES_END);
	CHECK_EQ(100000 - budget, 4);
	model_write(&r, m, 700, 4);
	dmr_changes_init(&c, m->sb, 1, 2, 20, 0);
	c.map = &m->map;
	budget = 100000;
	while (dmr_changes_next(&c, &run, &budget) != DMR_CHANGES_END)
		;
	CHECK(100000 - budget < 3 + 512 + 1100, "%u", 100000 - budget);
	model_free(m);
}

/* Extents have a limit, and a disk as large as possible has a walk. */
TEST(changes_of_large_disks)
{
	struct dmr_sb *sb = unit_sb();
	mempool_t *pool = unit_versions(4);
	u64 bytes = 0, n = 0;
	struct dmr_changes c;
	struct dmr_map map;
	struct dmr_run run;
	u32 budget = ~0U;

	sb->disks[0].sectors = (5ULL << 30 >> 9) + 1;
	sb->disks[1].sectors = 1ULL << 47;
	CHECK_EQ(dmr_map_init(&map, 100, pool), 0);
	CHECK_EQ(dmr_newest_init(&map.newest, sb), 0);
	CHECK_EQ(map.newest[0].shift, DMR_NEWEST_SHIFT);
	CHECK_EQ(map.newest[1].shift, 22);
	CHECK_EQ(map.newest[1].epochs - map.newest[0].epochs, 81920 / 512 + 1);
	dmr_newest_raise(map.newest, 1, (1ULL << 40) - 1, 8);
	dmr_newest_raise(map.newest, 1, (1ULL << 40) - 1, 6);
	CHECK_EQ(dmr_newest_get(map.newest, 1, (1ULL << 40) - 1), 8);
	CHECK_EQ(dmr_newest_get(map.newest, 1, (1ULL << 40) - (1ULL << 22)), 8);
	CHECK_EQ(dmr_newest_get(map.newest, 1, (1ULL << 40) - (1ULL << 22) - 1), 0);
	dmr_newest_raise(map.newest, 1, 0, DMR_EPOCH_MAX);
	CHECK_EQ(dmr_newest_get(map.newest, 1, 0), DMR_EPOCH_MAX);
	dmr_changes_init(&c, sb, 0, DMR_EPOCH_NONE, 4, 0);
	c.map = &map;
	while (dmr_changes_next(&c, &run, &budget) == DMR_CHANGES_EXTENT) {
		CHECK_EQ(run.offset, bytes);
		CHECK(!run.zero);
		bytes += run.bytes;
		n++;
	}
	CHECK_EQ(bytes, (5ULL << 30) + 512);
	CHECK_EQ(n, 6);
	dmr_map_exit(&map);
	unit_versions_free(pool);
}

/* R16: replay raises the newest epochs as the writes before it have. */
TEST(changes_after_rebuild)
{
	struct dmr_sb *sb = unit_sb();
	mempool_t *pool = unit_versions(4);
	struct dmr_rebuild rb;
	struct dmr_map map;
	u32 i;

	sb->disks[0].sectors = 128 * 2000;
	sb->last_epoch = 100;
	CHECK_EQ(dmr_map_init(&map, 1000, pool), 0);
	CHECK_EQ(dmr_newest_init(&map.newest, sb), 0);
	CHECK_EQ(dmr_rebuild_init(&rb, &map, sb), 0);
	for (i = 0; i < 100; i++) {
		struct dmr_record rec = {
			.type = DMR_RECORD_VERSION, .chunk = i * 20, .epoch = 2 + i % 7 * 2,
			.slot = DMR_SLOT_NONE_40, .zero = 1,
		};

		CHECK_EQ(dmr_rebuild_record(&rb, &rec, 1 + i), 0);
	}
	dmr_rebuild_exit(&rb);
	for (i = 0; i < 4; i++)
		CHECK_EQ(dmr_newest_get(map.newest, 0, i * 512), 14);
	CHECK_EQ(dmr_newest_get(map.newest, 1, 0), 0);
	dmr_map_exit(&map);
	unit_versions_free(pool);
}

/* A superblock that names many huge disks costs no more memory than one with a single disk. */
TEST(changes_of_many_large_disks)
{
	struct dmr_sb *sb = unit_sb();
	struct dmr_newest *newest;
	u32 nr, i;

	for (nr = 1; nr <= DMR_MAX_DISKS; nr++) {
		sb->nr_disks = nr;
		for (i = 0; i < nr; i++)
			sb->disks[i].sectors = 1ULL << 47;
		CHECK_EQ(dmr_newest_init(&newest, sb), 0);
		CHECK(newest[nr - 1].epochs + (((1ULL << 40) - 1) >> newest[nr - 1].shift) <
		      newest[0].epochs + DMR_NEWEST_GROUPS, "%u disks", nr);
		for (i = 0; i < nr; i++) {
			dmr_newest_raise(newest, i, (1ULL << 40) - 1, 2 + 2 * i);
			CHECK_EQ(dmr_newest_get(newest, i, (1ULL << 40) - 1), 2 + 2 * i);
		}
		dmr_newest_exit(newest);
	}
}
