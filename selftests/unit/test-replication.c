// SPDX-License-Identifier: GPL-2.0-only
/* The replication page of a superblock. */
#include "unit.h"

/* Of unit_sb(), behind two disks and a point. */
#define PAGE_AT		(DMR_SB_FIXED + 2 * 256 + 72)
#define POINT_AT	(DMR_SB_FIXED + 2 * 256)

/* Two generations, two peers of which one holds the point, and a delta that is half in. */
static struct dmr_sb *page_sb(void)
{
	struct dmr_sb *sb = unit_sb();
	struct dmr_replication *repl = &sb->replication;

	memset(repl->relationship, 0x41, 16);
	repl->nr_generations = 2;
	memset(repl->generations[0].uuid, 0x51, 16);
	repl->generations[0].first = 1;
	memset(repl->generations[1].uuid, 0x52, 16);
	repl->generations[1].first = 2;
	memset(repl->peers[0].uuid, 0x61, 16);
	strcpy(repl->peers[0].name, "site-b");
	repl->peers[0].acked = 1;
	repl->peers[0].acked_generation = 1;
	memset(repl->peers[7].uuid, 0x67, 16);
	strcpy(repl->peers[7].name, "c");
	memset(repl->stream.uuid, 0x71, 16);
	repl->stream.base = 1;
	repl->stream.target = 9;
	memset(repl->stream.generation, 0x81, 16);
	repl->stream.first = 3;
	repl->stream.kind = 2;
	repl->stream.time = 0x1122;
	repl->stream.since = 0x3344;
	repl->stream.disk = 1;
	repl->stream.offset = 0x10000;
	strcpy(repl->stream.name, "next");
	sb->points[0].arrived = 0x5566;
	sb->points[0].holds = 0x81;
	sb->points[0].generation = 1;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	return sb;
}

TEST(replication_golden_bytes)
{
	u8 *buf = unit_alloc(DMR_SB_AREA), *p = buf + PAGE_AT;
	struct dmr_sb *sb = page_sb(), *out = unit_alloc(sizeof(*out));
	const char *why;

	CHECK_EQ(dmr_sb_encode(sb, buf), 8192);
	CHECK(!memcmp(buf + 1040, "\0\x10\0\0", 4));
	CHECK(!memcmp(buf + POINT_AT + 4, "\1\x81\1\0", 4));
	CHECK(p[0] == 0x41 && p[15] == 0x41);
	CHECK(!memcmp(p + 16, "\0\0\0\0" "\2\0\0\0", 8));
	CHECK(!memcmp(buf + POINT_AT + 64, "\x66\x55\0\0\0\0\0\0", 8));
	CHECK(p[32] == 0x71 && p[47] == 0x71);
	CHECK(!memcmp(p + 48, "\1\0\0\0\0\0\0\0" "\x09\0\0\0\0\0\0\0" "\0\0\1\0\0\0\0\0"
		      "\1\0\0\0" "\2\0\0\0", 32));
	CHECK(p[80] == 0x81 && p[95] == 0x81);
	CHECK(!memcmp(p + 96, "\3\0\0\0\0\0\0\0" "\x22\x11\0\0\0\0\0\0" "\x44\x33\0\0\0\0\0\0"
		      "next\0", 29));
	CHECK(!memchr_inv(p + 160, 0, 32));
	CHECK(p[192] == 0x51 && p[208] == 1 && p[216] == 0x52 && p[232] == 2);
	CHECK(p[960] == 0x61 && !memcmp(p + 976, "site-b\0", 7) && p[1016] == 1 && p[1024] == 1);
	CHECK(p[960 + 7 * 96] == 0x67 && !memcmp(p + 976 + 7 * 96, "c\0", 2));
	CHECK(!memchr_inv(p + 1728, 0, 4096 - 1728));
	CHECK(dmr_sb_decode(buf, 0, out, &why) == DMR_OK, "%s", why);
	CHECK(!memcmp(sb, out, sizeof(*sb)));
	CHECK_EQ(dmr_replication_peers(&out->replication), 0x81);
	CHECK_EQ(dmr_replication_peer(&out->replication, "c"), 7);
	CHECK_EQ(dmr_replication_peer(&out->replication, "site"), DMR_PEERS);
	CHECK_EQ(dmr_replication_peer(&out->replication, ""), DMR_PEERS);
}

/* A page of zeroes is left out, with anything in unused places of the host form. */
TEST(replication_left_out)
{
	u8 *buf = unit_alloc(DMR_SB_AREA), *clean = unit_alloc(DMR_SB_AREA);
	struct dmr_sb *sb = unit_sb(), *out = unit_alloc(sizeof(*out));
	const char *why;
	u32 i;

	CHECK_EQ(dmr_sb_encode(sb, clean), 4096);
	memset(sb->replication.generations, 0xa5, sizeof(sb->replication.generations));
	for (i = 0; i < DMR_PEERS; i++)
		strcpy(sb->replication.peers[i].name, "gone");
	sb->replication.stream.offset = 1;
	sb->replication.stream.disk = 99;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	CHECK_EQ(dmr_sb_encode(sb, buf), 4096);
	CHECK(!memcmp(buf, clean, DMR_SB_AREA));
	/* One that is there and empty is not the canonical form. */
	for (i = 0; i < 5; i++) {
		struct dmr_sb *one = unit_sb();
		u32 at[] = { PAGE_AT, PAGE_AT + 16, PAGE_AT + 20, PAGE_AT + 32, PAGE_AT + 960 };
		u32 len[] = { 16, 4, 4 + 8 + 160 + 24, 160, 96 };

		if (i == 0)
			memset(one->replication.relationship, 1, 16);
		else if (i == 1)
			one->replication.role = 1;
		else if (i == 2)
			one->replication.nr_generations = 1,
			one->replication.generations[0].first = 1,
			one->replication.generations[0].uuid[0] = 1;
		else if (i == 3)
			one->replication.stream.uuid[5] = 1, one->replication.stream.target = 9,
			one->replication.stream.base = 1, one->replication.stream.kind = 1,
			one->replication.stream.generation[0] = 1,
			one->replication.stream.first = 1;
		else
			one->replication.peers[0].uuid[15] = 1,
			strcpy(one->replication.peers[0].name, "p");
		CHECK_EQ(dmr_sb_encode(one, buf), 8192);
		CHECK(dmr_sb_decode(buf, 0, out, &why) == DMR_OK, "%u: %s", i, why);
		CHECK(!memcmp(one, out, sizeof(*one)));
		memset(buf + at[i], 0, len[i]);
		unit_sb_crc(buf);
		CHECK(dmr_sb_decode(buf, 0, out, &why) == DMR_BAD, "%u", i);
		CHECK(strstr(why, "not left out"), "%u: %s", i, why);
	}
}

static void fill_generations(struct dmr_replication *repl, u32 nr)
{
	for (; repl->nr_generations < nr; repl->nr_generations++) {
		memset(repl->generations[repl->nr_generations].uuid, repl->nr_generations, 16);
		repl->generations[repl->nr_generations].first = 2;
	}
}

TEST(replication_impossible_fields)
{
#define WRONG(reason, ...)								\
	do {										\
		struct dmr_sb *sb = page_sb();						\
		struct dmr_replication *repl = &sb->replication;			\
		const char *why;							\
											\
		(void)repl;								\
		__VA_ARGS__;								\
		why = dmr_sb_validate(sb);						\
		CHECK(why && strstr(why, reason), "%s: %s", #__VA_ARGS__, why ?: "accepted"); \
	} while (0)
#define RIGHT(...)									\
	do {										\
		struct dmr_sb *sb = page_sb();						\
		struct dmr_replication *repl = &sb->replication;			\
											\
		(void)repl;								\
		__VA_ARGS__;								\
		CHECK(!dmr_sb_validate(sb), "%s: %s", #__VA_ARGS__, dmr_sb_validate(sb)); \
	} while (0)
	WRONG("role", repl->role = 2);
	WRONG("role", repl->role = ~0U);
	WRONG("primary has a partial stream", repl->role = DMR_ROLE_PRIMARY);
	RIGHT(repl->role = DMR_ROLE_PRIMARY; memset(repl->stream.uuid, 0, 16));
	WRONG("number of generations", repl->nr_generations = DMR_GENERATIONS + 1);
	WRONG("number of generations", repl->nr_generations = ~0U);
	WRONG("generation has no UUID", memset(repl->generations[1].uuid, 0, 16));
	WRONG("same UUID", memset(repl->generations[1].uuid, 0x51, 16));
	WRONG("not in order", repl->generations[0].first = 0);
	WRONG("not in order", repl->generations[1].first = 0);
	WRONG("not in order", repl->generations[1].first = 3);
	WRONG("not in order", repl->generations[0].first = 2; repl->generations[1].first = 1);
	RIGHT(repl->generations[0].first = 2);
	WRONG("unknown generation", repl->nr_generations = 1);
	WRONG("unknown generation", sb->points[0].generation = 2);
	RIGHT(sb->points[0].generation = 0);
	WRONG("unknown peer", sb->points[0].holds = 2);
	WRONG("unknown peer", sb->points[0].holds = 0xff);
	WRONG("unknown peer", memset(repl->peers[7].uuid, 0, 16));
	RIGHT(sb->points[0].holds = 0x80);
	RIGHT(sb->points[0].holds = 0);
	WRONG("peer's name", repl->peers[0].name[0] = 0);
	WRONG("peer's name", strcpy(repl->peers[0].name, "a/b"));
	WRONG("peer's name", strcpy(repl->peers[0].name, "-b"));
	WRONG("peer's name", memset(repl->peers[0].name, 'a', 40));
	RIGHT(memset(repl->peers[0].name, 'a', 39));
	WRONG("peers have the same UUID", memset(repl->peers[7].uuid, 0x61, 16));
	WRONG("peers have the same name", strcpy(repl->peers[7].name, "site-b"));
	WRONG("acknowledged", repl->peers[0].acked = 2);
	WRONG("acknowledged", repl->peers[0].acked = ~0ULL);
	WRONG("acknowledged", repl->peers[0].acked = 0);
	WRONG("acknowledged", repl->peers[0].acked_generation = 2);
	RIGHT(repl->peers[0].acked = 0; repl->peers[0].acked_generation = 0);
	WRONG("points of the stream", repl->stream.base = 9);
	WRONG("points of the stream", repl->stream.target = 1);
	WRONG("points of the stream", repl->stream.target = DMR_NUMBER_LIMIT - 1);
	WRONG("points of the stream", repl->stream.target = ~0ULL);
	RIGHT(repl->stream.target = DMR_NUMBER_LIMIT - 2);
	WRONG("base of the stream", repl->stream.base = 2);
	WRONG("base of the stream", repl->stream.base = 0);
	WRONG("base of the stream", sb->nr_points = 0);
	RIGHT(sb->nr_points = 0; repl->stream.base = 0;
	      sb->state = DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION);
	WRONG("has been given out", repl->stream.target = 9; sb->next_point = 10);
	WRONG("generation of the stream", memset(repl->stream.generation, 0, 16));
	WRONG("generation of the stream", repl->stream.first = 0);
	WRONG("generation of the stream", repl->stream.first = 10);
	RIGHT(repl->stream.first = 9);
	WRONG("is not the newest one", memset(repl->stream.generation, 0x51, 16);
	      repl->stream.first = 1);
	WRONG("is not the newest one", memset(repl->stream.generation, 0x52, 16));
	RIGHT(memset(repl->stream.generation, 0x52, 16); repl->stream.first = 2);
	WRONG("before its base", repl->stream.first = 1);
	WRONG("before its base", repl->stream.first = 2);
	WRONG("has no place", fill_generations(repl, DMR_GENERATIONS));
	RIGHT(fill_generations(repl, DMR_GENERATIONS - 1));
	WRONG("kind of the stream", repl->stream.kind = 0);
	WRONG("kind of the stream", repl->stream.kind = 4);
	WRONG("name of the stream", strcpy(repl->stream.name, "a/b"));
	WRONG("name of the stream", memset(repl->stream.name, 'a', sizeof(repl->stream.name)));
	WRONG("name of the stream", strcpy(repl->stream.name, "\x1b[2J"));
	RIGHT(repl->stream.name[0] = 0);
	WRONG("place of the stream", repl->stream.disk = 2);
	WRONG("place of the stream", repl->stream.disk = 3; repl->stream.offset = 0);
	WRONG("place of the stream", repl->stream.disk = ~0U; repl->stream.offset = 0);
	RIGHT(repl->stream.disk = 2; repl->stream.offset = 0);
	WRONG("place of the stream", repl->stream.offset = 1);
	WRONG("place of the stream", repl->stream.offset = (sb->disks[1].sectors + 1) << 9);
	WRONG("place of the stream", repl->stream.offset = ~511ULL);
	RIGHT(repl->stream.offset = sb->disks[1].sectors << 9);
	RIGHT(repl->stream.offset = 0; repl->stream.disk = 0);
	WRONG("given up has a place", repl->stream.aborted = true);
	WRONG("given up has a place", repl->stream.aborted = true; repl->stream.disk = 0);
	RIGHT(repl->stream.aborted = true; repl->stream.disk = 0; repl->stream.offset = 0);
	WRONG("received point has no generation", repl->nr_generations = 0;
	      sb->points[0].generation = 0; repl->peers[0].acked_generation = 0);
	RIGHT(repl->nr_generations = 0; sb->points[0].generation = 0;
	      repl->peers[0].acked_generation = 0; sb->points[0].arrived = 0);
#undef WRONG
#undef RIGHT
}

static struct dmr_sb *primary_sb(void)
{
	struct dmr_sb *sb = unit_sb();

	sb->replication.role = DMR_ROLE_PRIMARY;
	return sb;
}

/* The states that a primary has, and those that it has not. */
TEST(replication_primary)
{
	u8 *buf = unit_alloc(DMR_SB_AREA), *p = buf + PAGE_AT;
	struct dmr_sb *sb = primary_sb(), *out = unit_alloc(sizeof(*out));
	const char *why;

	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	CHECK(dmr_sb_runs_on_head(sb) && !dmr_sb_runs_on_head(unit_sb()));
	CHECK(!dmr_replication_receives(&sb->replication));
	CHECK_EQ(dmr_sb_encode(sb, buf), 8192);
	CHECK(!memcmp(p + 16, "\1\0\0\0" "\0\0\0\0", 8));
	CHECK(dmr_sb_decode(buf, 0, out, &why) == DMR_OK, "%s", why);
	CHECK(!memcmp(sb, out, sizeof(*sb)));
	/* R18: points that it has received before it became one stay. */
	sb->replication.nr_generations = 1;
	sb->replication.generations[0].first = 1;
	sb->replication.generations[0].uuid[0] = 1;
	sb->points[0].arrived = 1;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	CHECK(!dmr_replication_receives(&sb->replication));

	sb = primary_sb();
	sb->flags |= DMR_SB_SUSPENDED;
	sb->test.base = 2;
	sb->test.epoch = sb->last_epoch = 9;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	sb->live = sb->test;
	memset(&sb->test, 0, sizeof(sb->test));
	sb->state = DM_REPLICA_STATE_RECOVERED;
	why = dmr_sb_validate(sb);
	CHECK(why && strstr(why, "primary is failed over"), "%s", why ?: "accepted");

	sb = primary_sb();
	sb->nr_points = 0;
	sb->state = DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	sb->state = DM_REPLICA_STATE_DISABLED;
	sb->flags |= DMR_SB_REMOVING;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	sb->state = DM_REPLICA_STATE_COMMITTED;
	sb->flags &= ~DMR_SB_REMOVING;
	why = dmr_sb_validate(sb);
	CHECK(why && strstr(why, "primary is failed over"), "%s", why ?: "accepted");
	sb->replication.role = DMR_ROLE_REPLICA;
	CHECK(!dmr_sb_validate(sb) && dmr_sb_runs_on_head(sb), "%s", dmr_sb_validate(sb) ?: "");
}

/* Bytes with a good checksum that no encoder writes. */
TEST(replication_impossible_bytes)
{
	struct dmr_sb *sb = page_sb(), *out = unit_alloc(sizeof(*out));
	u8 *clean = unit_alloc(DMR_SB_AREA), *buf = unit_alloc(DMR_SB_AREA);
	u8 *p = buf + PAGE_AT;
	const char *why;
	u32 at;

	dmr_sb_encode(sb, clean);
	BYTES(DMR_OK, "", (void)p);
	BYTES(DMR_OK, "", p[15] = 0);
	BYTES(DMR_BAD, "role", p[16] = 2);
	BYTES(DMR_BAD, "number of generations", p[20] = 33);
	BYTES(DMR_BAD, "generation has no UUID", p[20] = 3);
	BYTES(DMR_BAD, "unused generation", p[20] = 1);
	BYTES(DMR_BAD, "unused generation", p[192 + 31 * 24 + 23] = 1);
	for (at = 24; at < 32; at++)
		BYTES(DMR_BAD, "reserved", p[at] = 1);
	BYTES(DMR_BAD, "stream has no UUID", memset(p + 32, 0, 16));
	BYTES(DMR_OK, "", memset(p + 32, 0, 160));
	BYTES(DMR_BAD, "flag of the partial stream", p[77] = 2);
	BYTES(DMR_BAD, "flag of the partial stream", p[77] = 0x80);
	BYTES(DMR_BAD, "given up has a place", p[77] = 1);
	BYTES(DMR_OK, "", p[77] = 1; memset(p + 64, 0, 12));
	BYTES(DMR_BAD, "name of the stream", p[120 + 39] = 'x');
	BYTES(DMR_BAD, "name of the stream", memset(p + 120, 'a', 40));
	BYTES(DMR_BAD, "reserved", p[78] = 1);
	BYTES(DMR_BAD, "reserved", p[79] = 1);
	for (at = 160; at < 192; at++)
		BYTES(DMR_BAD, "reserved", p[at] = 1);
	BYTES(DMR_BAD, "peer has no UUID", p[960 + 96 + 40] = 1);
	BYTES(DMR_BAD, "peer's name", p[976 + 20] = 'x');
	BYTES(DMR_BAD, "peer's name", memset(p + 976, 'a', 40));
	for (at = 1028; at < 1056; at++)
		BYTES(DMR_BAD, "reserved", p[at] = 1);
	for (at = 1728; at < 4096; at++)
		BYTES(DMR_BAD, "reserved", p[at] = 1);
	BYTES(DMR_BAD, "after the last list", p[4096] = 1);
	BYTES(DMR_BAD, "superblock's length", buf[1041] = 0);
	BYTES(DMR_BAD, "length of the replication page", buf[1041] = 0x20);
	BYTES(DMR_BAD, "length of the replication page", buf[1043] = 0x80);
}

/* With a good checksum any page is refused, or is the canonical form of its content. */
TEST(replication_hostile_mutations)
{
	struct dmr_sb *out = unit_alloc(sizeof(*out)), *sb = NULL;
	u8 *buf = unit_alloc(DMR_SB_AREA), *again = unit_alloc(DMR_SB_AREA);
	u8 *clean = unit_alloc(DMR_SB_AREA);
	u32 i, taken = 0, n, rounds = unit_scale(30000);
	struct rng r;

	for (i = 0; i < rounds; i++) {
		if (i % 100 == 0) {
			rng_init(&r, i);
			sb = unit_sb();
			do {
				unit_random_replication(&r, sb);
			} while (!dmr_replication_bytes(&sb->replication));
			CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
			CHECK_EQ(dmr_sb_encode(sb, clean), 8192);
		}
		memcpy(buf, clean, DMR_SB_AREA);
		for (n = rng_range(&r, 1, 3); n; n--) {
			u32 at = rng_chance(&r, 10) ? POINT_AT + 4 + rng_below(&r, 4) :
				 PAGE_AT + rng_below(&r, rng_chance(&r, 95) ? 1728 : 4096);

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
		CHECK_EQ(dmr_sb_encode(out, again), 8192);
		CHECK(!memcmp(buf, again, DMR_SB_MAX), "seed %u", i);
	}
	unit_note("%u of %u are possible", taken, i);
	CHECK(taken > rounds / 50 && taken < rounds * 9 / 10, "the mutations are of one kind only");
}
