// SPDX-License-Identifier: GPL-2.0-only
/* Settings and counters of a superblock. */
#include "unit.h"

#define SETTINGS_AT	512
/* Of unit_sb(), behind two disks and a point. */
#define HOST_AT		(DMR_SB_FIXED + 2 * 256 + 64)

/* An unset value is zero on disk, and zero on disk is an unset value. */
TEST(settings_default)
{
	struct dmr_disk_settings d;
	struct dmr_settings set, got;

	memset(&set, 0x55, sizeof(set));
	memset(&got, 0x55, sizeof(got));
	dmr_settings_init(&set);
	CHECK(!dmr_settings_check(&set));
	CHECK_EQ(set.space_low, 80);
	CHECK_EQ(set.space_critical, 95);
	CHECK_EQ(set.decide_within, 86400);
	CHECK(set.vacuum_rate == ~0ULL);
	CHECK(!set.full_policy && !set.live_reserve && !set.point_interval && !set.points_made &&
	      !set.points_dropped && !set.last_point_time && !set.last_test_time);
	memset(&d, 0, sizeof(d));
	dmr_settings_put(&set, &d);
	CHECK(!memchr_inv(&d, 0, sizeof(d)));
	dmr_settings_init(&got);
	CHECK(!dmr_settings_get(&d, &got));
	CHECK(!memcmp(&set, &got, sizeof(set)));
}

/* Written by hand. */
TEST(settings_golden_bytes)
{
	u8 *buf = unit_alloc(DMR_SB_AREA), *again = unit_alloc(DMR_SB_AREA);
	struct dmr_sb *sb = unit_sb(), *out = unit_alloc(sizeof(*out));
	u8 *p = buf + SETTINGS_AT;
	const char *why;

	sb->settings = (struct dmr_settings) {
		.space_low = 1, .space_critical = 100, .full_policy = 1,
		.live_reserve = 1ULL << 60, .point_interval = 900, .decide_within = 0,
		.vacuum_rate = 0, .points_made = 0x0102030405060708ULL, .points_dropped = 3,
		.last_point_time = ~0ULL, .last_test_time = 0xff, .last_received_time = 0xfe,
		.replication_interval = 300, .jump_point = 7, .jump_by = 0x0203,
		.state_since = 0x04, .point_since = 0x05, .received_since = 0x06,
		.clock_offset = ~0ULL,
	};
	dmr_sb_encode(sb, buf);
	CHECK(!memcmp(p, "\2\0\0\0" "\x65\0\0\0" "\1\0\0\0" "\0\0\0\0", 16));
	CHECK(!memcmp(p + 16, "\0\0\0\0\0\0\0\x10" "\x84\3\0\0\0\0\0\0", 16));
	CHECK(!memcmp(p + 32, "\1\0\0\0\0\0\0\0" "\1\0\0\0\0\0\0\0", 16));
	CHECK(!memcmp(p + 48, "\x2c\1\0\0\0\0\0\0", 8));
	CHECK(!memchr_inv(p + 56, 0, 200));
	CHECK(!memcmp(p + 256, "\x08\7\6\5\4\3\2\1" "\3\0\0\0\0\0\0\0", 16));
	CHECK(!memcmp(p + 272, "\xff\xff\xff\xff\xff\xff\xff\xff" "\xff\0\0\0\0\0\0\0", 16));
	CHECK(!memcmp(p + 288, "\xfe\0\0\0\0\0\0\0" "\7\0\0\0\0\0\0\0", 16));
	CHECK(!memcmp(p + 304, "\3\2\0\0\0\0\0\0", 8));
	CHECK(!memcmp(p + 312, "\4\0\0\0\0\0\0\0" "\5\0\0\0\0\0\0\0", 16));
	CHECK(!memcmp(p + 328, "\6\0\0\0\0\0\0\0" "\xff\xff\xff\xff\xff\xff\xff\xff", 16));
	CHECK(!memchr_inv(p + 344, 0, 168));
	CHECK(dmr_sb_decode(buf, 0, out, &why) == DMR_OK, "%s", why);
	CHECK(out->settings.space_low == 1 && out->settings.space_critical == 100);
	CHECK(!out->settings.decide_within && !out->settings.vacuum_rate);
	CHECK_EQ(out->settings.replication_interval, 300);
	dmr_sb_encode(out, again);
	CHECK(!memcmp(buf, again, DMR_SB_AREA));
}

TEST(settings_round_trip)
{
	struct dmr_settings set, got;
	struct dmr_disk_settings d, again;
	struct rng r;
	u32 seed;

	for (seed = 0; seed < 5000; seed++) {
		rng_init(&r, seed);
		unit_random_settings(&r, &set);
		CHECK(!dmr_settings_check(&set), "%s", dmr_settings_check(&set));
		memset(&d, 0, sizeof(d));
		memset(&again, 0, sizeof(again));
		memset(&got, 0, sizeof(got));
		dmr_settings_put(&set, &d);
		CHECK(!dmr_settings_get(&d, &got));
		CHECK(!memcmp(&set, &got, sizeof(set)), "seed %u", seed);
		dmr_settings_put(&got, &again);
		CHECK(!memcmp(&d, &again, sizeof(d)), "seed %u", seed);
	}
}

/* Each limit: its last value is taken, and the one behind it is not. */
TEST(settings_limits)
{
	static const u64 years = 3153600000ULL;		/* 100 of 365 days, in s */
	struct dmr_settings set;
	const char *why;

#define GOOD(change)									\
	do {										\
		dmr_settings_init(&set);						\
		change;									\
		why = dmr_settings_check(&set);						\
		CHECK(!why, "%s: %s", #change, why);					\
	} while (0)
#define WRONG(reason, change)								\
	do {										\
		dmr_settings_init(&set);						\
		change;									\
		why = dmr_settings_check(&set);						\
		CHECK(why && strstr(why, reason), "%s: %s", #change,			\
		      why ?: "accepted");						\
	} while (0)
	GOOD(set.space_low = 1);
	WRONG("percent", set.space_low = 0);
	GOOD(set.space_low = set.space_critical = 1);
	GOOD(set.space_low = set.space_critical = 100);
	WRONG("percent", set.space_low = set.space_critical = 0);
	WRONG("percent", set.space_critical = 0);
	WRONG("percent", set.space_critical = 101);
	WRONG("percent", set.space_low = 101);
	WRONG("percent", set.space_low = ~0U);
	WRONG("percent", set.space_critical = ~0U);
	GOOD(set.space_low = 95);
	WRONG("above the critical", set.space_low = 96);
	GOOD(set.full_policy = 1);
	WRONG("policy", set.full_policy = 2);
	GOOD(set.live_reserve = 1ULL << 60);
	WRONG("reserve", set.live_reserve = (1ULL << 60) + 1);
	GOOD(set.point_interval = years);
	WRONG("point-interval", set.point_interval = years + 1);
	GOOD(set.decide_within = years);
	GOOD(set.decide_within = 0);
	WRONG("decide-within", set.decide_within = years + 1);
	WRONG("decide-within", set.decide_within = ~0ULL);
	GOOD(set.replication_interval = years);
	WRONG("replication-interval", set.replication_interval = years + 1);
	WRONG("step of the clock", set.jump_point = 1);
	WRONG("step of the clock", set.jump_by = 1);
	GOOD((set.jump_point = 1, set.jump_by = DMR_MAX_JUMP));
	WRONG("step of the clock", (set.jump_point = 1, set.jump_by = DMR_MAX_JUMP + 1));
	GOOD(set.vacuum_rate = 0);
	GOOD(set.vacuum_rate = ~0ULL - 1);
	GOOD(set.points_made = (1ULL << 62) - 1);
	WRONG("count", set.points_made = 1ULL << 62);
	GOOD(set.points_dropped = (1ULL << 62) - 1);
	WRONG("count", set.points_dropped = 1ULL << 62);
	GOOD(set.last_point_time = set.last_test_time = ~0ULL);
#undef GOOD
#undef WRONG
}

static void put32(u8 *p, u32 v)
{
	v = cpu_to_le32(v);
	memcpy(p, &v, 4);
}

static void put64(u8 *p, u64 v)
{
	v = cpu_to_le64(v);
	memcpy(p, &v, 8);
}

/* One value, one form: a default may not be spelt out, and reserved bytes stay zero. */
TEST(settings_impossible_bytes)
{
	struct dmr_sb *sb = unit_sb(), *out = unit_alloc(sizeof(*out));
	u8 *clean = unit_alloc(DMR_SB_AREA), *buf = unit_alloc(DMR_SB_AREA);
	u8 *p = buf + SETTINGS_AT;
	const char *why;
	u32 at;

	dmr_sb_encode(sb, clean);
	BYTES(DMR_BAD, "default", put32(p, 81));
	BYTES(DMR_OK, "", put32(p, 80));
	CHECK_EQ(out->settings.space_low, 79);
	BYTES(DMR_OK, "", put32(p, 82));
	CHECK_EQ(out->settings.space_low, 81);
	BYTES(DMR_BAD, "percent", put32(p, 1));
	BYTES(DMR_BAD, "percent", put32(p, ~0U));
	BYTES(DMR_BAD, "default", put32(p + 4, 96));
	BYTES(DMR_OK, "", put32(p + 4, 101));
	CHECK_EQ(out->settings.space_critical, 100);
	BYTES(DMR_BAD, "percent", put32(p + 4, 102));
	BYTES(DMR_BAD, "percent", put32(p + 4, 1));
	BYTES(DMR_BAD, "percent", put32(p + 4, ~0U));
	BYTES(DMR_BAD, "default", put64(p + 32, 86401));
	BYTES(DMR_OK, "", put64(p + 32, 1));
	CHECK_EQ(out->settings.decide_within, 0);
	BYTES(DMR_BAD, "decide-within", put64(p + 32, ~0ULL));
	/* Each value has a form, and each form a value. */
	BYTES(DMR_OK, "", put64(p + 40, 1));
	CHECK_EQ(out->settings.vacuum_rate, 0);
	BYTES(DMR_OK, "", put64(p + 40, ~0ULL));
	CHECK(out->settings.vacuum_rate == ~0ULL - 1);
	BYTES(DMR_BAD, "policy", put32(p + 8, 2));
	for (at = 12; at < 512; at++) {
		if (at >= 16 && at < 56)
			at = 56;
		if (at >= 256 && at < 344)
			at = 344;
		BYTES(DMR_BAD, "reserved", p[at] = 1);
	}
}

/* Hostile bytes in settings and host area: refused, or the canonical form of valid ones. */
TEST(settings_hostile_mutations)
{
	struct dmr_sb *out = unit_alloc(sizeof(*out)), *sb = unit_sb();
	u8 *buf = unit_alloc(DMR_SB_AREA), *again = unit_alloc(DMR_SB_AREA);
	u8 *clean = unit_alloc(DMR_SB_AREA);
	u32 i, len = 0, taken = 0, n, rounds = unit_scale(40000);
	struct rng r;

	for (i = 0; i < rounds; i++) {
		if (i % 100 == 0) {
			rng_init(&r, i);
			unit_random_settings(&r, &sb->settings);
			unit_random_host(&r, sb, rng_range(&r, 1, 16));
			len = dmr_sb_encode(sb, clean);
		}
		memcpy(buf, clean, DMR_SB_AREA);
		for (n = rng_range(&r, 1, 3); n; n--) {
			u32 at = rng_range(&r, HOST_AT, len - 1);

			if (rng_chance(&r, 50))
				at = SETTINGS_AT + rng_below(&r, 56);
			else if (rng_chance(&r, 10))
				at = rng_range(&r, 504, 1023);
			if (rng_chance(&r, 50))
				buf[at] ^= 1 << rng_below(&r, 8);
			else
				buf[at] = rng_chance(&r, 50) ? rng_u64(&r) : rng_below(&r, 3) - 1;
		}
		unit_sb_crc(buf);
		if (dmr_sb_decode(buf, 0, out, NULL) != DMR_OK)
			continue;
		taken++;
		CHECK(!dmr_sb_validate(out));
		CHECK_EQ(dmr_sb_encode(out, again), len);
		CHECK(!memcmp(buf, again, len), "seed %u", i);
	}
	unit_note("%u of %u are possible", taken, i);
	CHECK(taken > rounds / 20 && taken < rounds - rounds / 20);
}
