// SPDX-License-Identifier: GPL-2.0-only
/* The slot allocator: never one slot twice, always all of them, runs without gaps. */
#include <store/slots.h>
#include "unit.h"

TEST(slots_random)
{
	struct rng r;
	u32 seed;

	for (seed = 0; seed < 40; seed++) {
		struct dmr_sb *sb = unit_sb();
		u32 n, i, first, got, want, run, taken = 0, most, ops;
		struct dmr_slots s;
		bool *mine;

		rng_init(&r, seed);
		for (i = rng_below(&r, 3); i; i--) {
			unit_grow(sb, rng_range(&r, 16, 200));
			sb->log_tail = sb->log_durable = sb->ring_from;
		}
		mine = unit_alloc(sb->slot_end);
		CHECK_EQ(dmr_slots_init(&s, sb), 0);
		most = dmr_slot_count(sb);
		CHECK(s.total == most && s.free == most, "%u of %u", s.free, s.total);
		for (ops = 0; ops < 3000; ops++) {
			/* Full now and then, empty now and then. */
			if (rng_below(&r, 1000) < (ops / 500 % 2 ? 350 : 650)) {
				want = rng_range(&r, 1, 20);
				first = ~0U;
				got = dmr_slots_alloc(&s, want, 0, &first);
				CHECK(got <= want);
				CHECK(!got == (taken == most), "%u with %u of %u taken", got, taken, most);
				for (run = 0; run < got; run++) {
					CHECK(first + run < sb->slot_end && !mine[first + run],
					      "slot %u twice", first + run);
					CHECK(dmr_slot_usable(sb, first + run), "slot %u", first + run);
					mine[first + run] = true;
				}
				/* A run ends for a reason. */
				CHECK(!got || got == want || first + got == sb->slot_end ||
				      mine[first + got] || !dmr_slot_usable(sb, first + got));
				taken += got;
			} else {
				n = rng_below(&r, sb->slot_end);
				for (i = 0; i < sb->slot_end && !mine[n]; i++)
					n = (n + 1) % sb->slot_end;
				if (!mine[n])
					continue;
				dmr_slots_free(&s, n);
				mine[n] = false;
				taken--;
			}
			CHECK_EQ(s.free, most - taken);
		}
		dmr_slots_exit(&s);
	}
}

TEST(slots_claim)
{
	struct dmr_sb *sb = unit_sb();
	struct dmr_slots s;
	u32 n, first, left;

	CHECK_EQ(dmr_slots_init(&s, sb), 0);
	for (n = sb->slot_first; n < sb->slot_end; n += 2) {
		CHECK_EQ(dmr_slots_claim(&s, n), 0);
		CHECK_EQ(dmr_slots_claim(&s, n), -EUCLEAN);
	}
	CHECK_EQ(dmr_slots_claim(&s, sb->slot_first - 1), -EUCLEAN);
	CHECK_EQ(dmr_slots_claim(&s, sb->slot_end), -EUCLEAN);
	/* Slots that replay claimed are not given out. */
	for (left = s.free; left; left--) {
		CHECK_EQ(dmr_slots_alloc(&s, 8, 0, &first), 1);
		CHECK((first - (u32)sb->slot_first) % 2 == 1, "%u", first);
	}
	CHECK_EQ(dmr_slots_alloc(&s, 8, 0, &first), 0);
	dmr_slots_exit(&s);
}

/* The search for the next one begins behind the last one, so that later ones lie behind. */
TEST(slots_go_round)
{
	struct dmr_sb *sb = unit_sb();
	struct dmr_slots s;
	u32 n, first;

	CHECK_EQ(dmr_slots_init(&s, sb), 0);
	for (n = sb->slot_first; n < sb->slot_end; n++) {
		CHECK_EQ(dmr_slots_alloc(&s, 1, 0, &first), 1);
		CHECK_EQ(first, n);
		if (n % 2)
			dmr_slots_free(&s, n);
	}
	CHECK_EQ(dmr_slots_alloc(&s, 1, 0, &first), 1);
	CHECK_EQ(first, sb->slot_first | 1);
	dmr_slots_exit(&s);
	CHECK(!s.taken);
	dmr_shim_fail_alloc = 0;
	CHECK_EQ(dmr_slots_init(&s, sb), -ENOMEM);
}

/* Calls that the module would report in its log: to free twice, or an impossible slot. */
TEST(slots_free_wrong)
{
	struct dmr_sb *sb = unit_sb();
	struct dmr_slots s;
	u32 first;

	CHECK_EQ(dmr_slots_init(&s, sb), 0);
	CHECK_EQ(dmr_slots_alloc(&s, 1, 0, &first), 1);
	dmr_slots_free(&s, first);
	dmr_shim_quiet = true;
	dmr_slots_free(&s, first);
	dmr_slots_free(&s, sb->slot_end);
	dmr_shim_quiet = false;
	CHECK_EQ(dmr_shim_warnings, 2);
	CHECK_EQ(s.free, s.total);
	dmr_shim_warnings = 0;
	dmr_slots_exit(&s);
}
