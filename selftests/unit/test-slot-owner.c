// SPDX-License-Identifier: GPL-2.0-only
/*
 * R13: a slot is used again only when its version is dead, and the blocks of a version only
 * become more, until a drop.  Replay refuses a log in which a version is needed and has lost
 * its slot, or blocks, in any order of records, and no other log.
 */
#include <store/rebuild.h>
#include "unit.h"

#define CHUNKS	5
#define EPOCHS	16		/* 2 .. EPOCHS - 1 */

struct log {
	struct dmr_map map;
	mempool_t *pool;
	struct dmr_sb *sb;
	struct dmr_rebuild rb;
	u64 number;
};

static struct log *log_new(struct dmr_sb *sb)
{
	struct log *l = unit_alloc(sizeof(*l));

	l->sb = sb;
	l->pool = unit_versions(1);
	CHECK_EQ(dmr_map_init(&l->map, 1000, l->pool), 0);
	CHECK_EQ(dmr_rebuild_init(&l->rb, &l->map, sb), 0);
	return l;
}

static void log_put(struct log *l, const struct dmr_record *rec)
{
	CHECK_EQ(dmr_rebuild_record(&l->rb, rec, l->number++ / 3), 0);
}

static int log_end(struct log *l)
{
	int r = dmr_rebuild_exit(&l->rb);

	dmr_map_exit(&l->map);
	unit_versions_free(l->pool);
	return r;
}

static void version(struct log *l, u32 chunk, u32 epoch, u32 slot, u64 data)
{
	struct dmr_record rec = { .type = DMR_RECORD_VERSION, .chunk = chunk, .epoch = epoch,
				  .slot = l->sb->slot_first + slot, .data = data };

	log_put(l, &rec);
}

static void zeroes(struct log *l, u32 chunk, u32 epoch, u64 blocks)
{
	struct dmr_record rec = { .type = DMR_RECORD_VERSION, .chunk = chunk, .epoch = epoch,
				  .slot = DMR_SLOT_NONE_40, .zero = blocks };

	log_put(l, &rec);
}

static void drop(struct log *l, u32 chunk, u32 epoch, u64 blocks)
{
	struct dmr_record rec = { .type = DMR_RECORD_DROP, .chunk = chunk, .epoch = epoch,
				  .slot = DMR_SLOT_NONE_40, .data = blocks };

	log_put(l, &rec);
}

/* The version of chunk 0 in epoch 4, in slot 0, which the caller gives to another. */
static struct log *begin(u32 point, u32 live)
{
	struct dmr_sb *sb = unit_sb();
	struct log *l;

	sb->nr_points = !!point;
	sb->points[0].epoch = point;
	sb->live.epoch = live;
	l = log_new(sb);
	version(l, 0, 4, 0, 3);
	return l;
}

TEST(slot_owner_needed)
{
	struct log *l = begin(0, 0);

	version(l, 1, 4, 0, 1);
	CHECK_EQ(log_end(l), -EUCLEAN);

	/* By the same chunk in another epoch, which has other blocks. */
	l = begin(0, 0);
	version(l, 0, 6, 0, 1);
	CHECK_EQ(log_end(l), -EUCLEAN);

	/* By a dead record: the slot's content is that of its version. */
	l = begin(0, 0);
	version(l, 1, 9, 0, 1);
	CHECK_EQ(log_end(l), -EUCLEAN);

	/* Superseded but for one block; dropped but for one block. */
	l = begin(0, 0);
	version(l, 0, 6, 1, 1);
	version(l, 1, 6, 0, 1);
	CHECK_EQ(log_end(l), -EUCLEAN);
	l = begin(0, 0);
	drop(l, 0, 4, 1);
	version(l, 1, 6, 0, 1);
	CHECK_EQ(log_end(l), -EUCLEAN);

	/* A point sees it; a drop comes that is older than it. */
	l = begin(4, 0);
	version(l, 0, 6, 1, 3);
	version(l, 1, 6, 0, 1);
	CHECK_EQ(log_end(l), -EUCLEAN);
	l = begin(0, 0);
	version(l, 1, 6, 0, 1);
	drop(l, 0, 2, 3);
	CHECK_EQ(log_end(l), -EUCLEAN);

	/* A live failover's version is its own. */
	l = begin(0, 5);
	version(l, 0, 5, 2, 1);
	version(l, 1, 6, 2, 1);
	CHECK_EQ(log_end(l), -EUCLEAN);
}

TEST(slot_owner_dead)
{
	struct log *l = begin(2, 0);

	/* Superseded, before the other record and after it. */
	version(l, 0, 6, 1, 3);
	version(l, 1, 6, 0, 1);
	CHECK_EQ(log_end(l), 0);
	l = begin(2, 0);
	version(l, 1, 6, 0, 1);
	version(l, 0, 6, 1, 3);
	CHECK_EQ(log_end(l), 0);

	/* By one that is superseded itself, and has lost its slot, too. */
	l = begin(2, 0);
	version(l, 0, 6, 1, 3);
	version(l, 0, 8, 2, 7);
	version(l, 1, 8, 0, 1);
	version(l, 2, 8, 1, 1);
	CHECK_EQ(log_end(l), 0);

	/* Moved home; recorded again in another slot; of a failover that was reverted. */
	l = begin(0, 0);
	drop(l, 0, 4, 3);
	version(l, 1, 6, 0, 1);
	CHECK_EQ(log_end(l), 0);
	l = begin(0, 0);
	version(l, 0, 4, 1, 3);
	version(l, 1, 6, 0, 1);
	CHECK_EQ(log_end(l), 0);
	l = begin(0, 0);
	version(l, 1, 6, 0, 1);
	version(l, 0, 4, 1, 3);
	CHECK_EQ(log_end(l), 0);
	l = begin(0, 7);
	version(l, 0, 5, 2, 1);
	version(l, 1, 6, 2, 1);
	CHECK_EQ(log_end(l), 0);
}

TEST(slot_owner_shrunk)
{
	struct log *l = begin(0, 0);
	u32 i;

	/* Recorded again without a block; in another slot; of a live failover. */
	version(l, 0, 4, 0, 1);
	CHECK_EQ(log_end(l), -EUCLEAN);
	CHECK_EQ(l->rb.lost, 1);
	l = begin(0, 0);
	version(l, 0, 4, 1, 2);
	CHECK_EQ(log_end(l), -EUCLEAN);
	l = begin(0, 0);
	version(l, 1, 6, 0, 1);
	version(l, 0, 4, 1, 2);
	CHECK_EQ(log_end(l), -EUCLEAN);
	l = begin(0, 5);
	version(l, 0, 5, 2, 3);
	version(l, 0, 5, 2, 1);
	CHECK_EQ(log_end(l), -EUCLEAN);

	/* The block is there again; in a newer version; moved home; in a dead epoch. */
	l = begin(0, 0);
	version(l, 0, 4, 0, 1);
	version(l, 0, 4, 0, 3);
	CHECK_EQ(log_end(l), 0);
	l = begin(0, 0);
	version(l, 0, 4, 0, 1);
	version(l, 0, 6, 1, 2);
	CHECK_EQ(log_end(l), 0);
	l = begin(4, 0);
	version(l, 0, 4, 0, 1);
	version(l, 0, 6, 1, 2);
	CHECK_EQ(log_end(l), -EUCLEAN);
	l = begin(0, 0);
	drop(l, 0, 4, 3);
	version(l, 0, 4, 1, 1);
	CHECK_EQ(log_end(l), 0);
	l = begin(0, 0);
	version(l, 0, 5, 2, 3);
	version(l, 0, 5, 2, 1);
	CHECK_EQ(log_end(l), 0);

	/* Moved home, by a drop that is applied at the end. */
	for (i = 0; i < 2; i++) {
		u32 e;

		l = begin(0, 0);
		for (e = 6; e < 6 + 2 * 80; e += 2)
			zeroes(l, 0, e, 4);
		if (i)
			drop(l, 0, 4, 3);
		version(l, 0, 4, 0, 1);
		CHECK_EQ(log_end(l), i ? 0 : -EUCLEAN);
	}
}

/* One version, from the words of the design. */
struct word {
	bool there;
	bool taken;
	u64 slot;
	u64 data, zero;
	u64 lost;	/* blocks of earlier records that a later one lacks */
};

static bool is_main(const struct dmr_sb *sb, u32 epoch)
{
	if (epoch % 2)
		return sb->promoted && epoch == sb->promoted;
	return !(sb->dead_first && epoch >= sb->dead_first && epoch <= sb->dead_last);
}

static bool hidden(const struct dmr_sb *sb, struct word *chunk, u32 epoch, u32 point, u64 bit)
{
	u32 e;

	for (e = epoch + 1; e < EPOCHS && e <= point; e++)
		if (chunk[e].there && is_main(sb, e) && (chunk[e].data | chunk[e].zero) & bit)
			return true;
	return false;
}

static bool needed(const struct dmr_sb *sb, struct word *chunk, u32 epoch, u64 left)
{
	u32 i;

	if (!is_main(sb, epoch))
		return left;
	for (; left; left &= left - 1) {
		if (!hidden(sb, chunk, epoch, U32_MAX, left & -left))
			return true;
		for (i = 0; i < sb->nr_points; i++)
			if (sb->points[i].epoch >= epoch &&
			    !hidden(sb, chunk, epoch, sb->points[i].epoch, left & -left))
				return true;
	}
	return false;
}

static void words_drop(const struct dmr_sb *sb, struct word *chunk, const struct dmr_record *rec)
{
	u32 e;

	for (e = 2; e <= rec->epoch; e++) {
		if (!is_main(sb, e))
			continue;
		chunk[e].lost &= ~rec->data;
		if (!chunk[e].there)
			continue;
		chunk[e].data &= ~rec->data;
		chunk[e].zero &= ~rec->data;
		chunk[e].there = chunk[e].data | chunk[e].zero;
	}
}

static void words_version(const struct dmr_sb *sb, struct word (*all)[EPOCHS],
			  const struct dmr_record *rec)
{
	struct word *w = &all[rec->chunk][rec->epoch];
	u32 c, e;

	for (c = 0; c < CHUNKS; c++)
		for (e = 2; e < EPOCHS; e++)
			if (&all[c][e] != w && all[c][e].slot == rec->slot &&
			    rec->slot != DMR_SLOT_NONE_40)
				all[c][e].taken = true;
	if (is_main(sb, rec->epoch) || rec->epoch == sb->live.epoch)
		*w = (struct word) { true, false, rec->slot, rec->data, rec->zero,
				     (w->lost | (w->there ? w->data | w->zero : 0)) &
				     ~(rec->data | rec->zero) };
}

TEST(slot_owner_random)
{
	u32 seed, ops, i, c, e, good = 0, all_seeds = unit_scale(4000);
	struct rng r;
	bool forged;

	for (seed = 0; seed < all_seeds; seed++) {
		struct word all[CHUNKS][EPOCHS] = { 0 };
		struct dmr_sb *sb = unit_sb();
		u32 slots, want = 0;
		struct log *l;

		rng_init(&r, seed);
		slots = 4 << rng_below(&r, 4);
		forged = rng_chance(&r, 30);
		sb->promoted = rng_chance(&r, 30) ? rng_below(&r, EPOCHS) | 1 : 0;
		sb->dead_first = rng_chance(&r, 30) ? 6 : 0;
		sb->dead_last = 6 + 2 * rng_below(&r, 3);
		sb->live.epoch = rng_chance(&r, 30) ? 5 : 0;
		sb->nr_points = 0;
		for (e = 2; e < EPOCHS; e += 2)
			if (rng_chance(&r, 20))
				sb->points[sb->nr_points++].epoch = e;
		l = log_new(sb);
		for (ops = rng_range(&r, 2, 40); ops; ops--) {
			struct dmr_record rec = {
				.type = rng_chance(&r, 80) ? DMR_RECORD_VERSION : DMR_RECORD_DROP,
				.chunk = rng_below(&r, forged ? 2 : CHUNKS),
				.epoch = rng_range(&r, 2, forged ? 8 : EPOCHS - 1),
				.data = rng_chance(&r, 50) ? 0xf : rng_range(&r, 1, 15),
			};
			struct word *w = &all[rec.chunk][rec.epoch];

			if (rec.type == DMR_RECORD_DROP) {
				rec.slot = DMR_SLOT_NONE_40;
				words_drop(sb, all[rec.chunk], &rec);
			} else {
				/* The blocks of a version only become more, until a drop. */
				if (w->there && (!forged || rng_chance(&r, 90)))
					rec.data |= w->data | w->zero;
				rec.zero = rng_chance(&r, 30) ? rec.data & rng_u64(&r) : 0;
				rec.data &= ~rec.zero;
				rec.slot = sb->slot_first + rng_below(&r, slots);
				if (forged && rng_chance(&r, 80)) {	/* only blocks are lost */
					rec.slot = DMR_SLOT_NONE_40;
					rec.zero |= rec.data;
					rec.data = 0;
				}
				words_version(sb, all, &rec);
			}
			log_put(l, &rec);
		}
		for (c = 0; c < CHUNKS; c++)
			for (e = 2; e < EPOCHS; e++) {
				struct word *w = &all[c][e];
				u64 has = w->there ? w->data | w->zero : 0;

				want += w->taken && needed(sb, all[c], e, has);
				want += needed(sb, all[c], e, w->lost & ~has);
			}
		i = log_end(l) ? 1 : 0;
		CHECK(i == !!want, "seed %u: %u versions are needed", seed, want);
		if (!forged)
			CHECK_EQ(l->rb.lost, want);
		good += !want;
	}
	unit_note("%u logs, %u of them good", all_seeds, good);
	CHECK(good > all_seeds / 20 && good < all_seeds * 19 / 20, "%u of one kind", good);
}
