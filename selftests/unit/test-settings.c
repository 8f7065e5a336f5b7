// SPDX-License-Identifier: GPL-2.0-only
/* Settings, counters and network adapters of a superblock. */
#include "unit.h"

#define SETTINGS_AT	512
/* Of unit_sb(), behind two disks and a point. */
#define ADAPTERS_AT	(DMR_SB_FIXED + 2 * 256 + 64)

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
	CHECK(!set.keep_last && !set.keep_hourly && !set.keep_daily && !set.keep_weekly &&
	      !set.keep_within && !set.full_policy && !set.live_reserve && !set.point_interval &&
	      !set.points_made && !set.points_dropped && !set.last_point_time &&
	      !set.last_test_time);
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
		.keep_last = 5, .keep_hourly = 24, .keep_daily = 7, .keep_weekly = 100000,
		.keep_within = 0x1122, .space_low = 1, .space_critical = 100, .full_policy = 1,
		.live_reserve = 1ULL << 60, .point_interval = 900, .decide_within = 0,
		.vacuum_rate = 0, .points_made = 0x0102030405060708ULL, .points_dropped = 3,
		.last_point_time = ~0ULL, .last_test_time = 0xff, .last_received_time = 0xfe,
		.replication_interval = 300, .jump_point = 7, .jump_by = 0x0203,
		.state_since = 0x04, .point_since = 0x05, .received_since = 0x06,
		.clock_offset = ~0ULL,
	};
	dmr_sb_encode(sb, buf);
	CHECK(!memcmp(p, "\5\0\0\0" "\x18\0\0\0" "\7\0\0\0" "\xa0\x86\1\0", 16));
	CHECK(!memcmp(p + 16, "\x22\x11\0\0\0\0\0\0" "\2\0\0\0" "\x65\0\0\0", 16));
	CHECK(!memcmp(p + 32, "\1\0\0\0" "\0\0\0\0" "\0\0\0\0\0\0\0\x10", 16));
	CHECK(!memcmp(p + 48, "\x84\3\0\0\0\0\0\0" "\1\0\0\0\0\0\0\0", 16));
	CHECK(!memcmp(p + 64, "\1\0\0\0\0\0\0\0", 8));
	CHECK(!memcmp(p + 72, "\x2c\1\0\0\0\0\0\0", 8));
	CHECK(!memchr_inv(p + 80, 0, 176));
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
	CHECK_EQ(out->settings.keep_weekly, 100000);
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
	GOOD(set.keep_last = 512);
	WRONG("keep-last", set.keep_last = 513);
	WRONG("keep-last", set.keep_last = ~0U);
	GOOD(set.keep_hourly = 100000);
	WRONG("keep-hourly", set.keep_hourly = 100001);
	GOOD(set.keep_daily = 100000);
	WRONG("keep-daily", set.keep_daily = 100001);
	GOOD(set.keep_weekly = 100000);
	WRONG("keep-weekly", set.keep_weekly = ~0U);
	WRONG("keep-weekly", set.keep_weekly = 100001);
	GOOD(set.keep_within = years);
	WRONG("keep-within", set.keep_within = years + 1);
	WRONG("keep-within", set.keep_within = ~0ULL);
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
#define BYTES(verdict, reason, change)							\
	do {										\
		enum dmr_verdict __v;							\
											\
		memcpy(buf, clean, DMR_SB_AREA);					\
		change;									\
		unit_sb_crc(buf);							\
		__v = dmr_sb_decode(buf, 0, out, &why);					\
		CHECK(__v == (verdict), "%s: %d, %s", #change, __v, why ?: "-");	\
		CHECK(!why || strstr(why, reason), "%s: %s", #change, why);		\
	} while (0)
	BYTES(DMR_BAD, "default", put32(p + 24, 81));
	BYTES(DMR_OK, "", put32(p + 24, 80));
	CHECK_EQ(out->settings.space_low, 79);
	BYTES(DMR_OK, "", put32(p + 24, 82));
	CHECK_EQ(out->settings.space_low, 81);
	BYTES(DMR_BAD, "percent", put32(p + 24, 1));
	BYTES(DMR_BAD, "percent", put32(p + 24, ~0U));
	BYTES(DMR_BAD, "default", put32(p + 28, 96));
	BYTES(DMR_OK, "", put32(p + 28, 101));
	CHECK_EQ(out->settings.space_critical, 100);
	BYTES(DMR_BAD, "percent", put32(p + 28, 102));
	BYTES(DMR_BAD, "percent", put32(p + 28, 1));
	BYTES(DMR_BAD, "percent", put32(p + 28, ~0U));
	BYTES(DMR_BAD, "default", put64(p + 56, 86401));
	BYTES(DMR_OK, "", put64(p + 56, 1));
	CHECK_EQ(out->settings.decide_within, 0);
	BYTES(DMR_BAD, "decide-within", put64(p + 56, ~0ULL));
	/* Each value has a form, and each form a value. */
	BYTES(DMR_OK, "", put64(p + 64, 1));
	CHECK_EQ(out->settings.vacuum_rate, 0);
	BYTES(DMR_OK, "", put64(p + 64, ~0ULL));
	CHECK(out->settings.vacuum_rate == ~0ULL - 1);
	BYTES(DMR_BAD, "policy", put32(p + 32, 2));
	BYTES(DMR_BAD, "keep-last", put32(p, 513));
	for (at = 36; at < 512; at++) {
		if (at >= 40 && at < 80)
			at = 80;
		if (at >= 256 && at < 344)
			at = 344;
		BYTES(DMR_BAD, "reserved", p[at] = 1);
	}
}

/* Network adapters */

static struct dmr_ip ip4(u8 a, u8 b, u8 c, u8 d, u8 prefix)
{
	return (struct dmr_ip) { .family = 4, .prefix = prefix, .ip = { a, b, c, d } };
}

static struct dmr_ip ip6(u8 first, u8 last, u8 prefix)
{
	return (struct dmr_ip) { .family = 6, .prefix = prefix, .ip = { first, [15] = last } };
}

static void plain_adapter(struct dmr_adapter *a)
{
	memset(a, 0, sizeof(*a));
	memcpy(a->mac, "\x52\x54\0\x12\x34\x56", 6);
	a->addresses[0] = ip4(192, 0, 2, 10, 24);
	a->addresses[1] = ip6(0x20, 1, 64);
	a->gateways[0] = ip4(192, 0, 2, 1, 0);
	a->dns[0] = ip6(0xfd, 53, 0);
}

TEST(adapter_golden_bytes)
{
	u8 *buf = unit_alloc(DMR_SB_AREA), *p = buf + ADAPTERS_AT;
	struct dmr_sb *sb = unit_sb(), *out = unit_alloc(sizeof(*out));
	const char *why;

	sb->nr_adapters = 2;
	plain_adapter(&sb->adapters[0]);
	sb->adapters[1].mac[0] = 0x52;
	sb->adapters[1].mac[1] = 0x55;
	sb->adapters[1].dhcp = 1;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	CHECK_EQ(dmr_sb_encode(sb, buf), 4096);
	CHECK(!memcmp(buf + 504, "\2\0\0\0\0\0\0\0", 8));
	CHECK(!memcmp(p, "\x52\x54\0\x12\x34\x56\0\0", 8));
	CHECK(!memcmp(p + 8, "\4\x18\0\0" "\xc0\0\2\x0a" "\0\0\0\0\0\0\0\0\0\0\0\0", 20));
	CHECK(!memcmp(p + 28, "\6\x40\0\0" "\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 20));
	CHECK(!memchr_inv(p + 48, 0, 120));
	CHECK(!memcmp(p + 168, "\4\0\0\0" "\xc0\0\2\1", 8));
	CHECK(!memcmp(p + 268, "\6\0\0\0" "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x35", 20));
	CHECK(!memcmp(p + 512, "\x52\x55\0\0\0\0\1\0", 8));
	CHECK(!memchr_inv(p + 520, 0, 504));
	CHECK(dmr_sb_decode(buf, 0, out, &why) == DMR_OK, "%s", why);
	CHECK_EQ(out->nr_adapters, 2);
	CHECK(!memcmp(sb->adapters, out->adapters, sizeof(sb->adapters)));
}

/* 10.0.0.0, 10.0.0.1 and so on */
static void fill(struct dmr_ip *list, u32 nr, u8 prefix)
{
	u32 i;

	for (i = 0; i < nr; i++)
		list[i] = ip4(10, 0, 0, i, prefix);
}

TEST(adapter_check)
{
	struct dmr_adapter a;
	const char *why;

#define GOOD(change)									\
	do {										\
		plain_adapter(&a);							\
		change;									\
		why = dmr_adapter_check(&a);						\
		CHECK(!why, "%s: %s", #change, why);					\
	} while (0)
#define WRONG(reason, change)								\
	do {										\
		plain_adapter(&a);							\
		change;									\
		why = dmr_adapter_check(&a);						\
		CHECK(why && strstr(why, reason), "%s: %s", #change,			\
		      why ?: "accepted");						\
	} while (0)
	GOOD();
	GOOD(memcpy(a.mac, "\xfe\xff\xff\xff\xff\xff", 6));
	GOOD(memcpy(a.mac, "\0\0\0\0\0\1", 6));
	WRONG("hardware address", memset(a.mac, 0, 6));
	WRONG("hardware address", memset(a.mac, 0xff, 6));
	WRONG("hardware address", a.mac[0] = 1);
	GOOD(a.dhcp = 1);
	WRONG("DHCP", a.dhcp = 2);
	WRONG("DHCP", a.dhcp = 0xff);
	/* An address is there, or comes. */
	GOOD(memset(a.addresses, 0, sizeof(a.addresses)); a.dhcp = 1);
	WRONG("neither", memset(a.addresses, 0, sizeof(a.addresses)));
	GOOD(memset(a.gateways, 0, sizeof(a.gateways)); memset(a.dns, 0, sizeof(a.dns)));

	/* Families */
	WRONG("family", a.addresses[0].family = 1);
	WRONG("family", a.addresses[1].family = 5);
	WRONG("family", a.gateways[0].family = 7);
	WRONG("family", a.dns[0].family = 46);
	WRONG("too long", a.addresses[0].ip[4] = 1);
	WRONG("too long", a.gateways[0].ip[15] = 1);
	WRONG("too long", a.addresses[0].ip[15] = 1);

	/* Prefixes */
	GOOD(a.addresses[0].prefix = 1);
	GOOD(a.addresses[0].prefix = 32);
	WRONG("prefix length", a.addresses[0].prefix = 0);
	WRONG("prefix length", a.addresses[0].prefix = 33);
	GOOD(a.addresses[1].prefix = 1);
	GOOD(a.addresses[1].prefix = 128);
	WRONG("prefix length", a.addresses[1].prefix = 0);
	WRONG("prefix length", a.addresses[1].prefix = 129);
	WRONG("prefix length", a.addresses[1].prefix = 255);
	WRONG("has a prefix length", a.gateways[0].prefix = 24);
	WRONG("has a prefix length", a.dns[0].prefix = 128);

	/* Addresses that no host has */
	WRONG("unspecified", a.addresses[0] = ip4(0, 0, 0, 0, 24));
	WRONG("unspecified", a.gateways[0] = ip4(0, 0, 0, 0, 0));
	WRONG("unspecified", a.dns[0] = ip6(0, 0, 0));
	WRONG("multicast", a.addresses[0] = ip4(224, 0, 0, 1, 24));
	WRONG("multicast", a.addresses[0] = ip4(239, 255, 255, 255, 24));
	WRONG("multicast", a.gateways[0] = ip4(224, 0, 0, 2, 0));
	WRONG("multicast", a.dns[0] = ip6(0xff, 2, 0));
	WRONG("broadcast", a.addresses[0] = ip4(255, 255, 255, 255, 24));
	GOOD(a.addresses[0] = ip4(223, 255, 255, 255, 24));
	GOOD(a.addresses[0] = ip4(240, 0, 0, 1, 24));
	GOOD(a.addresses[0] = ip4(255, 255, 255, 254, 24));
	GOOD(a.addresses[0] = ip4(0, 0, 0, 1, 24));
	GOOD(a.addresses[1] = ip6(0, 1, 128));
	GOOD(a.addresses[1] = ip6(0xe0, 1, 128));
	GOOD(a.addresses[1] = ip6(0xfe, 1, 128));
	GOOD(a.addresses[1] = ip6(0xfe, 1, 64); memset(a.addresses[1].ip + 1, 0xff, 14));

	/* Twice */
	WRONG("twice", a.addresses[2] = a.addresses[0]);
	WRONG("twice", a.addresses[2] = a.addresses[1]);
	WRONG("twice", a.addresses[2] = a.addresses[0]; a.addresses[2].prefix = 8);
	WRONG("twice", a.addresses[2] = ip4(1, 1, 1, 1, 8);
	      a.addresses[3] = a.addresses[2]);
	/* The same bytes, but of the other family. */
	GOOD(a.addresses[2] = a.addresses[0]; a.addresses[2].family = 6);
	GOOD(a.gateways[1] = a.gateways[0]);
	GOOD(a.dns[1] = a.dns[0]);
	GOOD(a.gateways[0] = a.addresses[0]; a.gateways[0].prefix = 0);

	/* Full lists, and ones with bytes behind their end */
	GOOD(fill(a.addresses, 8, 8));
	WRONG("twice", fill(a.addresses, 8, 8); a.addresses[7] = a.addresses[0]);
	GOOD(fill(a.gateways, 5, 0));
	/* A list ends with itself, not with the one behind it. */
	GOOD(fill(a.addresses, 8, 8); fill(a.gateways, 5, 0); fill(a.dns, 8, 0));
	GOOD(fill(a.dns, 8, 0));
	WRONG("multicast", fill(a.dns, 8, 0); a.dns[7].ip[0] = 224);
	WRONG("prefix length", fill(a.addresses, 8, 8); a.addresses[7].prefix = 33);
	WRONG("gap", a.addresses[3] = ip4(10, 0, 0, 1, 8));
	WRONG("gap", a.addresses[7].ip[15] = 1);
	WRONG("gap", a.addresses[2].prefix = 1);
	WRONG("gap", a.gateways[4] = a.gateways[0]);
	WRONG("gap", a.gateways[1].ip[0] = 10);
	WRONG("gap", a.dns[7] = a.dns[0]);
	WRONG("gap", a.addresses[0].family = 0);
#undef GOOD
#undef WRONG
}

TEST(adapters_in_order)
{
	struct dmr_sb *sb = unit_sb();
	struct rng r;
	u32 i;

	rng_init(&r, 1);
	unit_random_adapters(&r, sb, DMR_MAX_ADAPTERS);
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	CHECK_EQ(dmr_sb_length(sb), 12288);	/* 1280 + 512 + 64 + 16 * 512, rounded up */
	for (i = 1; i < DMR_MAX_ADAPTERS; i++) {
		struct dmr_adapter keep = sb->adapters[i];

		memcpy(sb->adapters[i].mac, sb->adapters[i - 1].mac, 6);
		CHECK(strstr(dmr_sb_validate(sb), "order"), "%u", i);
		sb->adapters[i].mac[5]++;
		CHECK(!!dmr_sb_validate(sb) == (sb->adapters[i].mac[5] == 0), "%u", i);
		sb->adapters[i] = keep;
		swap(sb->adapters[i], sb->adapters[i - 1]);
		CHECK(strstr(dmr_sb_validate(sb), "order"), "%u", i);
		swap(sb->adapters[i], sb->adapters[i - 1]);
		/* Wherever it is, a wrong one is found. */
		sb->adapters[i].dhcp = 2;
		CHECK(strstr(dmr_sb_validate(sb), "DHCP"), "%u", i);
		sb->adapters[i] = keep;
	}
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	/* Bytes behind the end of the list are ignored. */
	sb->nr_adapters = 4;
	sb->adapters[4].dhcp = 2;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
}

/* All there can be fits, and comes back. */
TEST(adapters_largest_superblock)
{
	u8 *buf = unit_alloc(DMR_SB_AREA);
	struct dmr_sb *sb = unit_sb(), *out = unit_alloc(sizeof(*out));
	const char *why;
	struct rng r;
	u32 i;

	rng_init(&r, 1);
	unit_random_adapters(&r, sb, DMR_MAX_ADAPTERS);
	for (i = 2; i < DMR_MAX_DISKS; i++) {
		sb->disks[i] = sb->disks[0];
		sb->disks[i].number = i;
		sprintf(sb->disks[i].name, "d%u", i);
	}
	sb->nr_disks = DMR_MAX_DISKS;
	for (i = 1; i < DMR_MAX_POINTS; i++) {
		sb->points[i] = sb->points[0];
		sb->points[i].epoch = 2 + 2 * i;
		sb->points[i].number = 1 + i;
	}
	sb->nr_points = DMR_MAX_POINTS;
	sb->next_point = DMR_MAX_POINTS + 1;
	sb->cur_epoch = 2 + 2 * DMR_MAX_POINTS;
	sb->next_epoch = sb->last_epoch = sb->cur_epoch + 2;
	for (i = 0; i < DMR_MAX_PRINTS; i++)
		sb->prints[i] = (struct dmr_print){ .block = i % 4, .crc = i, .disk = i / 4 };
	sb->nr_prints = DMR_MAX_PRINTS;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	CHECK_EQ(dmr_sb_encode(sb, buf), 65536);
	CHECK(!memcmp(buf + DMR_SB_FIXED + 64 * 256 + 512 * 64 + 15 * 512,
		      sb->adapters[15].mac, 6));
	CHECK(dmr_sb_decode(buf, 0, out, &why) == DMR_OK, "%s", why);
	CHECK(!memcmp(sb, out, sizeof(*sb)));
}

TEST(adapters_impossible_bytes)
{
	struct dmr_sb *sb = unit_sb(), *out = unit_alloc(sizeof(*out));
	u8 *clean = unit_alloc(DMR_SB_AREA), *buf = unit_alloc(DMR_SB_AREA);
	u8 *p = buf + ADAPTERS_AT + 512;	/* the second of two */
	const char *why;
	u32 at, i;

	sb->nr_adapters = 2;
	plain_adapter(&sb->adapters[0]);
	plain_adapter(&sb->adapters[1]);
	sb->adapters[1].mac[5]++;
	dmr_sb_encode(sb, clean);
	BYTES(DMR_OK, "", (void)p);
	BYTES(DMR_OK, "", p[6] = 1);
	BYTES(DMR_BAD, "DHCP", p[6] = 3);
	BYTES(DMR_BAD, "reserved", p[7] = 1);
	for (at = 428; at < 512; at++)
		BYTES(DMR_BAD, "reserved", p[at] = 1);
	for (i = 0; i < DMR_MAX_ADDRESSES + DMR_MAX_GATEWAYS + DMR_MAX_DNS; i++) {
		BYTES(DMR_BAD, "reserved", p[8 + 20 * i + 2] = 1);
		BYTES(DMR_BAD, "reserved", p[8 + 20 * i + 3] = 0x80);
	}
	BYTES(DMR_BAD, "too long", p[8 + 4 + 4] = 1);
	BYTES(DMR_BAD, "too long", p[8 + 19] = 1);
	BYTES(DMR_BAD, "gap", p[8 + 2 * 20 + 19] = 1);
	BYTES(DMR_BAD, "gap", p[167] = 1);
	BYTES(DMR_BAD, "gap", p[267] = 1);
	BYTES(DMR_BAD, "gap", p[427] = 1);
	BYTES(DMR_BAD, "family", p[8] = 5);
	BYTES(DMR_BAD, "order", p[5]--);
	BYTES(DMR_BAD, "after the last list", p[512] = 1);
	/* Fewer are announced than there are: the rest is ignored. */
	BYTES(DMR_BAD, "after the last list", buf[504] = 1);
	BYTES(DMR_BAD, "hardware address", buf[504] = 3);
#undef BYTES
}

/* Hostile bytes in settings and adapters: refused, or the canonical form of valid ones. */
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
			unit_random_adapters(&r, sb, rng_below(&r, DMR_MAX_ADAPTERS + 1));
			len = dmr_sb_encode(sb, clean);
		}
		memcpy(buf, clean, DMR_SB_AREA);
		for (n = rng_range(&r, 1, 3); n; n--) {
			u32 at = rng_range(&r, ADAPTERS_AT, len - 1);

			if (rng_chance(&r, 50))
				at = SETTINGS_AT + rng_below(&r, 72);
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
