// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile stores: bytes altered at random and given good checksums, through all of an attach:
 * superblocks, log, map.  Any outcome will do, without a report of the sanitizers.
 */
#include <time.h>

#include <store/rebuild.h>
#include <store/slots.h>
#include "unit.h"

#define MAX_SECONDS	4

struct attach {
	struct dmr_replay_ops ops;
	struct dmr_rebuild rb;
	u64 records;
};

static int attach_record(struct dmr_replay_ops *ops, const struct dmr_record *rec, u64 number)
{
	struct attach *a = container_of(ops, struct attach, ops);

	a->records++;
	return dmr_rebuild_record(&a->rb, rec, number);
}

/* Return: 0 if the store was taken. */
static int attach(struct store *st, struct dmr_sb *sb, u64 *records)
{
	struct attach a = { .ops.record = attach_record };
	struct dmr_damage dmg;
	struct dmr_slots slots;
	struct dmr_version *v;
	struct dmr_map map;
	u64 seq, state, next, i;
	mempool_t *pool;
	int err;

	err = dmr_replay_super(&st->rd, sb, &seq, &state, &dmg);
	CHECK(!err == !dmg.reason);
	if (err)
		return err;
	CHECK(!dmr_sb_validate(sb));
	/* As the module does before it trusts a size. */
	if (sb->store_bytes > st->blocks * DMR_BLOCK_SIZE)
		return -EINVAL;
	pool = unit_versions(1);
	CHECK_EQ(dmr_map_init(&map, 2000, pool), 0);
	CHECK_EQ(dmr_rebuild_init(&a.rb, &map, sb), 0);
	err = dmr_replay_log(&st->rd, sb, &a.ops, &next, &dmg);
	CHECK(!err == !dmg.reason);
	/* The records are random: slots are named by several versions. */
	dmr_rebuild_exit(&a.rb);
	if (!err) {
		CHECK(next >= sb->log_tail && next - sb->log_tail <= dmr_ring_blocks(sb));
		CHECK(next > sb->log_durable);
		CHECK_EQ(dmr_slots_init(&slots, sb), 0);
		/* One slot, one version, however hostile the log. */
		for (i = 0; i < map.nr_buckets; i++)
			for (v = map.buckets[i]; v; v = v->next)
				CHECK(v->slot == DMR_SLOT_NONE || !dmr_slots_claim(&slots, v->slot));
		dmr_slots_exit(&slots);
	}
	*records += a.records;
	dmr_map_exit(&map);
	unit_versions_free(pool);
	return err;
}

static void mutate(struct rng *r, u8 *buf, u32 len)
{
	u32 at = rng_below(r, len);

	switch (rng_below(r, 4)) {
	case 0:
		buf[at] ^= 1 << rng_below(r, 8);
		break;
	case 1:
		buf[at] = rng_u64(r);
		break;
	case 2:
		buf[at] += rng_chance(r, 50) ? 1 : -1;
		break;
	default:
		memset(buf + at / 8 * 8, rng_chance(r, 50) ? 0xff : 0, 8);
	}
}

TEST(fuzz_attach)
{
	u64 rounds = unit_scale(20000ULL), i, records = 0;
	struct dmr_sb *sb = unit_sb(), *out = unit_alloc(sizeof(*out));
	struct store *st = unit_store(sb->store_bytes / DMR_BLOCK_SIZE);
	u8 *clean = unit_alloc(2 * DMR_SB_AREA + 12 * DMR_BLOCK_SIZE), *buf;
	u32 taken = 0, n;
	time_t end = time(NULL) + unit_scale(MAX_SECONDS);
	u64 first = dmr_ring_place(sb, 1);
	struct rng r;

	rng_init(&r, 1);
	unit_random_host(&r, sb, 2);
	sb->settings.point_interval = 24;
	unit_put_sb(st, sb, 0, 6);
	unit_put_sb(st, sb, 1, 7);
	for (n = 1; n <= 10; n++)
		unit_put_log(st, sb, n, 6, n - 1, 1 + n * 12, n);
	memcpy(clean, st->mem, 2 * DMR_SB_AREA);
	memcpy(clean + 2 * DMR_SB_AREA, st->mem + first * DMR_BLOCK_SIZE, 12 * DMR_BLOCK_SIZE);
	for (i = 0; i < rounds && time(NULL) <= end; i++) {
		rng_init(&r, i);
		memcpy(st->mem, clean, 2 * DMR_SB_AREA);
		memcpy(st->mem + first * DMR_BLOCK_SIZE, clean + 2 * DMR_SB_AREA,
		       12 * DMR_BLOCK_SIZE);
		if (i) {
			for (n = rng_below(&r, 3); n; n--) {
				buf = st->mem + rng_below(&r, 2) * DMR_SB_AREA;
				mutate(&r, buf, rng_chance(&r, 60) ? 512 : 4096);
				unit_sb_crc(buf);
			}
			for (n = rng_below(&r, 4); n; n--) {
				buf = st->mem + (first + rng_below(&r, 12)) * DMR_BLOCK_SIZE;
				mutate(&r, buf, rng_chance(&r, 60) ? 96 : 4096);
				if (rng_chance(&r, 90))
					unit_log_crc((void *)buf);
			}
		}
		n = !attach(st, out, &records);
		CHECK(i || (n && records == 670), "%llu records", records);
		taken += n;
	}
	unit_note("%llu stores, %u taken, %llu records", i, taken, records);
	CHECK(taken > i / 50 && taken < i * 9 / 10, "the mutations are of one kind only");
}
