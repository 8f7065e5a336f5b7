// SPDX-License-Identifier: GPL-2.0-only
/* The places of ring and slots in a store, and the geometries that are possible. */
#include "unit.h"

TEST(geometry)
{
	struct dmr_sb *sb = unit_sb();
	u64 bytes, least = 0, n, fewest = ~0ULL;
	u32 chunk;

	for (chunk = DMR_MIN_CHUNK; chunk <= DMR_MAX_CHUNK; chunk *= 2) {
		/* The smallest possible store, to the chunk. */
		for (bytes = 0;; bytes += chunk) {
			sb->chunk_bytes = chunk;
			sb->store_bytes = bytes;
			if (!dmr_geometry(sb))
				break;
		}
		least = bytes;
		unit_note("chunks of %u KiB: least store %llu KiB", chunk >> 10, least >> 10);
		CHECK(sb->slot_end - sb->slot_first >= 16 && sb->slot_end - sb->slot_first <= 17);
		fewest = min(fewest, sb->slot_end - sb->slot_first);
		sb->store_bytes = least - 1;
		CHECK(dmr_geometry(sb) && strstr(dmr_geometry(sb), "too small"));

		for (n = 0; n < 400; n++) {
			struct rng r;
			u64 max_slots;

			rng_init(&r, n * chunk);
			/* Sizes of all magnitudes, aligned and not. */
			bytes = least + rng_u64(&r) % (1ULL << rng_range(&r, 1, 45));
			if (bytes / chunk > 0x0fffffff)
				continue;
			sb->chunk_bytes = chunk;
			sb->store_bytes = bytes;
			CHECK(!dmr_geometry(sb), "%llu: %s", bytes, dmr_geometry(sb));
			sb->state = DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION;
			sb->nr_points = 0;
			CHECK(!dmr_sb_validate(sb), "%llu: %s", bytes, dmr_sb_validate(sb));
			CHECK_EQ(sb->ring[0].first, 256);
			CHECK_EQ(sb->slot_first * chunk,
				 (sb->ring[0].first + sb->ring[0].count) * 4096);
			CHECK_EQ(sb->slot_end, bytes / chunk);
			CHECK_EQ(dmr_slot_count(sb), sb->slot_end - sb->slot_first);
			/* R7: twice the records of slots, and of a quarter without slots. */
			max_slots = dmr_slot_count(sb);
			CHECK(dmr_ring_blocks(sb) * DMR_LOG_RECORDS >=
			      2 * (max_slots + max_slots / 4 + 1024), "%llu", bytes);
			/* And the ring does not take more than a hundredth, beside a minimum. */
			CHECK(dmr_ring_blocks(sb) * 4096 <= bytes / 100 + (4 << 20), "%llu", bytes);
			CHECK_EQ(sb->cur_epoch, 2);
			CHECK_EQ(sb->next_epoch, 4);
			CHECK_EQ(sb->last_epoch, 4);
			CHECK_EQ(sb->log_tail, 1);
			CHECK_EQ(sb->log_durable, 0);
			CHECK_EQ(sb->next_point, 1);
		}
		sb->chunk_bytes = chunk;
		sb->store_bytes = (u64)chunk << 28;
		CHECK(dmr_geometry(sb) && strstr(dmr_geometry(sb), "too large"));
		sb->store_bytes -= chunk;
		CHECK(!dmr_geometry(sb), "%s", dmr_geometry(sb));
	}
	CHECK_EQ(fewest, 16);
	for (n = 0; n < 4; n++) {
		static const u32 wrong[] = { 0, 8192, 20000, 512 << 10 };

		sb->chunk_bytes = wrong[n];
		sb->store_bytes = 1ULL << 30;
		CHECK(dmr_geometry(sb) && strstr(dmr_geometry(sb), "chunk size"), "%u", wrong[n]);
	}
	for (n = 0; n < 5000; n++) {
		u64 blocks = 0, records = 2 * (n + n / 4 + 1024);

		/* Twice the content of that many blocks, not more. */
		while (blocks * DMR_LOG_RECORDS < records / 2)
			blocks++;
		CHECK_EQ(dmr_ring_need(n), 2 * blocks + DMR_RING_MIN_BLOCKS);
	}
}

/* A new store has the same layout over any earlier content. */
TEST(geometry_of_garbage)
{
	struct dmr_sb *sb = unit_alloc(sizeof(*sb)), *clean = unit_alloc(sizeof(*clean));

	memset(sb, 0xa5, sizeof(*sb));
	sb->chunk_bytes = clean->chunk_bytes = 65536;
	sb->store_bytes = clean->store_bytes = 1ULL << 30;
	CHECK(!dmr_geometry(sb) && !dmr_geometry(clean));
#define SAME(field) CHECK(!memcmp(&sb->field, &clean->field, sizeof(sb->field)), #field)
	SAME(ring);
	SAME(ring_extents);
	SAME(ring_old_extents);
	SAME(ring_from);
	SAME(ring_start);
	SAME(ring_old_from);
	SAME(ring_old_start);
	SAME(slot_first);
	SAME(slot_end);
	SAME(log_tail);
	SAME(log_durable);
	SAME(cur_epoch);
	SAME(next_epoch);
	SAME(last_epoch);
	SAME(promoted);
	SAME(dead_first);
	SAME(dead_last);
	SAME(live);
	SAME(test);
	SAME(state);
	SAME(next_point);
	SAME(settings);
#undef SAME
	CHECK_EQ(sb->state, DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION);
	CHECK(sb->ring_extents == 1 && sb->ring_from == 1 && sb->log_tail == 1 &&
	      !sb->log_durable && !sb->ring_old_extents && !sb->ring_start && !sb->promoted);
}

/* The last possible values; the next ones are in sb_impossible_fields. */
TEST(geometry_limits)
{
	struct dmr_sb *sb = unit_sb();
	u64 blocks;

#define GOOD() CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb))
	sb->log_tail = sb->log_durable = (1ULL << 62) - 1;
	GOOD();
	sb->log_tail = ++sb->log_durable;
	CHECK(strstr(dmr_sb_validate(sb), "tail is impossible"));
	/* An extent behind another, with nothing between, to the end of the store. */
	sb = unit_sb();
	sb->ring[1].first = sb->ring[0].first + sb->ring[0].count;
	sb->ring[1].count = sb->store_bytes / DMR_BLOCK_SIZE - sb->ring[1].first;
	sb->ring_extents = 2;
	GOOD();
	sb->ring[1].count += 16;
	CHECK(strstr(dmr_sb_validate(sb), "beyond the store"));
	/* In front of another; nothing from its end on, but not on the superblocks. */
	sb->ring[1].first = sb->ring[0].first - 16;
	sb->ring[1].count = 16;
	GOOD();
	sb->ring[1].count = 32;
	CHECK(strstr(dmr_sb_validate(sb), "overlap"));
	sb->ring[1].first = 64;
	sb->ring[1].count = 16;
	GOOD();
	sb->ring[1].first = 48;
	CHECK(strstr(dmr_sb_validate(sb), "superblocks"));
	/* An extent of no blocks at the end is one of no blocks. */
	sb->ring[1].first = sb->store_bytes / DMR_BLOCK_SIZE;
	CHECK(strstr(dmr_sb_validate(sb), "beyond the store"));
	/* Slots from behind the superblocks on, if the ring is elsewhere. */
	sb = unit_sb();
	sb->slot_first = 4;
	GOOD();
	sb->slot_first = 3;
	CHECK(strstr(dmr_sb_validate(sb), "first slot"));
	/* As many slots as there may be, and about as long a ring as they may have. */
	sb = unit_sb();
	sb->store_bytes = 1ULL << 46;
	sb->ring[0].count = 1ULL << 24;
	sb->slot_first = (sb->ring[0].first + sb->ring[0].count) / 16;
	sb->slot_end = 0x0fffffff;
	GOOD();
	sb->slot_end++;
	CHECK(strstr(dmr_sb_validate(sb), "slots lie beyond"));
	sb->slot_end--;
	sb->ring[0].count = 1ULL << 28;
	CHECK(strstr(dmr_sb_validate(sb), "too long for the slots"));
	sb->ring[0].count += 16;
	CHECK(strstr(dmr_sb_validate(sb), "impossibly large"));
	/* A ring of exactly the length that the slots need. */
	sb = unit_sb();
	sb->chunk_bytes = DMR_MIN_CHUNK;
	sb->slot_first = (sb->ring[0].first + sb->ring[0].count) / 4;
	sb->slot_end = sb->slot_first + 16;
	blocks = dmr_ring_need(16);
	sb->ring[0].count = round_up(blocks, 4ULL);
	GOOD();
	CHECK(sb->ring[0].count < blocks + 4);
	sb->ring[0].count -= 4;
	CHECK(strstr(dmr_sb_validate(sb), "too small for the slots"));
#undef GOOD
}

/* Extents need not lie in order. */
TEST(ring_extent_before)
{
	struct dmr_sb *sb = unit_sb();

	sb->ring[1].first = 64;
	sb->ring[1].count = 16;
	sb->ring_extents = 2;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	/* No slot is lost to it. */
	CHECK_EQ(dmr_slot_count(sb), sb->slot_end - sb->slot_first);
	CHECK_EQ(dmr_ring_place(sb, dmr_ring_blocks(sb)), 64 + 15);
	CHECK_EQ(dmr_ring_place(sb, dmr_ring_blocks(sb) + 1), 256);
}

/* The place of a number, the slow way. */
static u64 slow_place(const struct dmr_sb *sb, u64 number)
{
	bool old = number < sb->ring_from;
	u32 e = 0, extents = old ? sb->ring_old_extents : sb->ring_extents;
	u64 n = old ? sb->ring_old_from : sb->ring_from;
	u64 at = old ? sb->ring_old_start : sb->ring_start;

	while (at >= sb->ring[e].count)
		at -= sb->ring[e++].count;
	for (; n < number; n++) {
		if (++at < sb->ring[e].count)
			continue;
		at = 0;
		e = (e + 1) % extents;
	}
	return sb->ring[e].first + at;
}

TEST(ring_places)
{
	struct rng r;
	u32 seed, i;

	for (seed = 0; seed < 60; seed++) {
		struct dmr_sb *sb;
		u64 n, usable = 0;

		rng_init(&r, seed);
		sb = unit_sb();
		sb->log_tail = rng_range(&r, 1, 1000);
		sb->log_durable = sb->log_tail + rng_below(&r, dmr_ring_blocks(sb));
		for (i = rng_below(&r, 4); i; i--) {
			unit_grow(sb, rng_range(&r, 16, 300));
			CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
			for (n = sb->log_tail; n < sb->log_tail + dmr_ring_blocks(sb);
			     n += rng_range(&r, 1, 20))
				CHECK(dmr_ring_place(sb, n) == slow_place(sb, n), "number %llu", n);
			sb->log_tail = sb->log_durable = sb->ring_from + rng_below(&r, 5000);
		}
		for (n = 0; n < sb->slot_end + 100; n++) {
			bool in_ring = false;

			for (i = 0; i < sb->ring_extents; i++)
				if (n * 16 < sb->ring[i].first + sb->ring[i].count &&
				    n * 16 + 16 > sb->ring[i].first)
					in_ring = true;
			CHECK(dmr_slot_usable(sb, n) ==
			      (n >= sb->slot_first && n < sb->slot_end && !in_ring), "%llu", n);
			usable += dmr_slot_usable(sb, n);
		}
		CHECK_EQ(dmr_slot_count(sb), usable);
		CHECK(!dmr_slot_usable(sb, ~0ULL));
	}
}

/* Two parts of the log in the old and in the new ring must not meet. */
TEST(ring_parts_apart)
{
	struct rng r;
	u32 seed, met = 0;

	for (seed = 0; seed < 1000; seed++) {
		struct dmr_sb *sb = unit_sb();
		u64 n, old = dmr_ring_blocks(sb), blocks, from;
		u8 used[4096] = { 0 };
		const char *why;
		bool twice = false;

		rng_init(&r, seed);
		sb->ring_start = rng_below(&r, old);
		sb->log_tail = rng_range(&r, 1, 2000);
		sb->log_durable = sb->log_tail + rng_below(&r, old);
		unit_grow(sb, 100);
		blocks = dmr_ring_blocks(sb);
		if (rng_chance(&r, 80))
			sb->log_durable += rng_below(&r, 2 * (blocks - old));
		from = sb->log_tail;
		CHECK(blocks < sizeof(used));
		/* All of the older ring is in use, of the new part the durable blocks. */
		for (n = 0; n < old; n++)
			used[n] = 1;
		for (n = sb->ring_from; n <= sb->log_durable; n++) {
			u8 *u = &used[dmr_ring_index(sb, n)];

			twice |= *u;
			*u = 1;
		}
		why = dmr_sb_validate(sb);
		CHECK(!why == !twice, "seed %u: %s", seed, why ?: "accepted");
		CHECK(!why || strstr(why, sb->log_durable - from < blocks ? "too early" :
				     "than the ring can hold"), "seed %u: %s", seed, why);
		met += twice;
		/* The old part does not count any more when the tail has left it behind. */
		sb->log_tail = sb->ring_from;
		sb->log_durable = max(sb->log_durable, sb->log_tail);
		CHECK(!dmr_sb_validate(sb), "seed %u: %s", seed, dmr_sb_validate(sb));
		/* The new part begins at the end of the old store, and nowhere else. */
		sb->ring_start = rng_below(&r, blocks);
		why = dmr_sb_validate(sb);
		CHECK(!why == (sb->ring_start == old), "seed %u", seed);
		CHECK(!why || strstr(why, "where it has grown"), "seed %u: %s", seed, why);
	}
	CHECK(met > 100 && met < 900, "%u", met);
}
