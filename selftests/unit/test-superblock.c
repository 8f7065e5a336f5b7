// SPDX-License-Identifier: GPL-2.0-only
/* The superblock: decoding returns the encoded values, and accepts no other form. */
#include "unit.h"

/* The offsets that the header's comments and on-disk-format.md give. */
TEST(format_offsets)
{
#define AT(type, field, at) CHECK_EQ(offsetof(struct type, field), at)
	AT(dmr_disk_sb, crc, 8);
	AT(dmr_disk_sb, length, 12);
	AT(dmr_disk_sb, version, 16);
	AT(dmr_disk_sb, copy, 20);
	AT(dmr_disk_sb, compat, 24);
	AT(dmr_disk_sb, incompat, 32);
	AT(dmr_disk_sb, seq, 40);
	AT(dmr_disk_sb, store_uuid, 48);
	AT(dmr_disk_sb, system_uuid, 64);
	AT(dmr_disk_sb, name, 80);
	AT(dmr_disk_sb, store_bytes, 144);
	AT(dmr_disk_sb, nr_disks, 168);
	AT(dmr_disk_sb, slot_first, 184);
	AT(dmr_disk_sb, ring_extents, 200);
	AT(dmr_disk_sb, ring_from, 208);
	AT(dmr_disk_sb, log_tail, 240);
	AT(dmr_disk_sb, ring, 256);
	AT(dmr_disk_sb, state, 384);
	AT(dmr_disk_sb, state_number, 392);
	AT(dmr_disk_sb, cur_epoch, 400);
	AT(dmr_disk_sb, dead_first, 416);
	AT(dmr_disk_sb, live, 424);
	AT(dmr_disk_sb, test, 440);
	AT(dmr_disk_sb, state_time, 456);
	AT(dmr_disk_sb, active_host, 464);
	AT(dmr_disk_sb, active_time, 480);
	AT(dmr_disk_sb, next_point, 488);
	AT(dmr_disk_sb, job_number, 496);
	AT(dmr_disk_sb, host_bytes, 504);
	AT(dmr_disk_sb, nr_prints, 508);
	AT(dmr_disk_sb, settings, 512);
	AT(dmr_disk_sb, active_boot, 1024);
	AT(dmr_disk_sb, replication_bytes, 1040);
	AT(dmr_disk_sb, reserved0, 1044);
	AT(dmr_disk_replication, role, 16);
	AT(dmr_disk_replication, nr_generations, 20);
	AT(dmr_disk_replication, stream, 32);
	AT(dmr_disk_replication, generations, 192);
	AT(dmr_disk_replication, peers, 960);
	AT(dmr_disk_replication, branches, 1728);
	AT(dmr_disk_replication, reserved1, 2112);
	AT(dmr_disk_stream, offset, 32);
	AT(dmr_disk_stream, disk, 40);
	AT(dmr_disk_stream, kind, 44);
	AT(dmr_disk_stream, flags, 45);
	AT(dmr_disk_stream, generation, 48);
	AT(dmr_disk_stream, first, 64);
	AT(dmr_disk_stream, time, 72);
	AT(dmr_disk_stream, since, 80);
	AT(dmr_disk_stream, name, 88);
	AT(dmr_disk_generation, first, 16);
	AT(dmr_disk_peer, acked, 56);
	AT(dmr_disk_peer, acked_generation, 64);
	AT(dmr_disk_peer, flags, 68);
	AT(dmr_disk_point, kind, 4);
	AT(dmr_disk_point, holds, 5);
	AT(dmr_disk_point, generation, 6);
	AT(dmr_disk_point, arrived, 64);
	AT(dmr_disk_settings, space_low, 0);
	AT(dmr_disk_settings, space_critical, 4);
	AT(dmr_disk_settings, full_policy, 8);
	AT(dmr_disk_settings, reserved0, 12);
	AT(dmr_disk_settings, live_reserve, 16);
	AT(dmr_disk_settings, point_interval, 24);
	AT(dmr_disk_settings, decide_within, 32);
	AT(dmr_disk_settings, vacuum_rate, 40);
	AT(dmr_disk_settings, replication_interval, 48);
	AT(dmr_disk_settings, reserved1, 56);
	AT(dmr_disk_settings, points_made, 256);
	AT(dmr_disk_settings, points_dropped, 264);
	AT(dmr_disk_settings, last_point_time, 272);
	AT(dmr_disk_settings, last_test_time, 280);
	AT(dmr_disk_settings, last_received_time, 288);
	AT(dmr_disk_settings, jump_point, 296);
	AT(dmr_disk_settings, jump_by, 304);
	AT(dmr_disk_settings, state_since, 312);
	AT(dmr_disk_settings, point_since, 320);
	AT(dmr_disk_settings, received_since, 328);
	AT(dmr_disk_settings, clock_offset, 336);
	AT(dmr_disk_settings, reserved2, 344);
	AT(dmr_disk_host, key_bytes, 2);
	AT(dmr_disk_host, reserved0, 3);
	AT(dmr_disk_disk, lost, 68);
	AT(dmr_disk_disk, identity, 72);
	AT(dmr_disk_point, name, 24);
	AT(dmr_disk_print, crc, 8);
	AT(dmr_disk_print, disk, 12);
	AT(dmr_disk_print, written, 13);
	AT(dmr_disk_log_block, number, 24);
	AT(dmr_disk_log_block, nr_records, 48);
	AT(dmr_disk_log_block, records, 64);
	AT(dmr_disk_record, chunk, 22);
	AT(dmr_disk_record, slot, 27);
#undef AT
}

/* Written by hand, so that the codec is not only compared with itself. */
TEST(sb_golden_bytes)
{
	u8 *buf = unit_alloc(DMR_SB_AREA);
	struct dmr_sb *sb = unit_sb();

	sb->seq = 0x0102030405060708ULL;
	CHECK_EQ(dmr_sb_encode(sb, buf), 4096);
	CHECK(!memcmp(buf, "DMREPLSB", 8));
	CHECK(!memcmp(buf + 12, "\x00\x10\0\0" "\x06\0\0\0" "\0\0\0\0", 12));
	CHECK(!memcmp(buf + 40, "\x08\x07\x06\x05\x04\x03\x02\x01", 8));
	CHECK(!memcmp(buf + 80, "vm1\0", 4));
	CHECK(!memcmp(buf + 144, "\0\0\x80\0\0\0\0\0" "\0\0\x01\0" "\0\x10\0\0", 16));
	CHECK(!memcmp(buf + 168, "\x02\0\0\0" "\x01\0\0\0" "\0\x01\0\0" "\x48\0\0\0", 16));
	CHECK(!memcmp(buf + DMR_SB_FIXED, "vda\0", 4));
	CHECK(!memcmp(buf + DMR_SB_FIXED + 256, "vdb\0", 4));
	CHECK(!memcmp(buf + DMR_SB_FIXED + 512, "\x02\0\0\0" "\x01\0\0\0" "\x01\0\0\0\0\0\0\0", 16));
	CHECK(!memcmp(buf + DMR_SB_FIXED + 512 + 24, "before upgrade\0", 15));
}

TEST(sb_round_trip)
{
	u8 *buf = unit_alloc(DMR_SB_AREA), *again = unit_alloc(DMR_SB_AREA);
	struct dmr_sb *out = unit_alloc(sizeof(*out));
	const char *why;
	struct rng r;
	u32 seed;

	for (seed = 0; seed < 300; seed++) {
		struct dmr_sb *sb;
		u32 len;

		rng_init(&r, seed);
		sb = unit_random_sb(&r);
		memset(buf, 0xa5, DMR_SB_AREA);
		len = dmr_sb_encode(sb, buf);
		CHECK(len == dmr_sb_length(sb) && len % 4096 == 0 && len <= DMR_SB_AREA);
		CHECK(!memchr_inv(buf + len, 0, DMR_SB_MAX - len));
		CHECK(!memchr_inv(buf + DMR_SB_MAX, 0xa5, DMR_SB_AREA - DMR_SB_MAX));
		/* Bytes behind it are ignored: a longer one was there before. */
		memset(buf + len, 0x5a, DMR_SB_AREA - len);
		CHECK(dmr_sb_decode(buf, sb->copy, out, &why) == DMR_OK, "seed %u: %s", seed, why);
		CHECK(!why);
		CHECK(!memcmp(sb, out, sizeof(*sb)), "seed %u", seed);
		dmr_sb_encode(out, again);
		CHECK(!memcmp(buf, again, len), "seed %u", seed);
		CHECK(dmr_sb_same_identity(sb, out));
	}
}

/* Host memory behind a NUL or in unused places does not get out. */
TEST(sb_encode_is_canonical)
{
	u8 *buf = unit_alloc(DMR_SB_AREA), *clean = unit_alloc(DMR_SB_AREA);
	struct dmr_sb *sb = unit_sb();
	const char *why;

	dmr_sb_encode(sb, clean);
	strcpy(sb->name + 10, "secret");
	strcpy(sb->disks[0].identity + 20, "old");
	strcpy(sb->points[0].name + 20, "older point");
	sb->live.base = 2;
	sb->live.time = 99;
	sb->ring[3].first = 1234;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	dmr_sb_encode(sb, buf);
	CHECK(!memcmp(buf, clean, DMR_SB_AREA));
	CHECK(dmr_sb_decode(buf, 0, sb, &why) == DMR_OK, "%s", why);
	/* And a text without an end gets one. */
	memset(sb->name, 'n', sizeof(sb->name));
	dmr_sb_encode(sb, buf);
	CHECK(buf[80 + 62] == 'n' && buf[80 + 63] == 0);
}

TEST(sb_every_bit_flip_is_found)
{
	struct dmr_sb *out = unit_alloc(sizeof(*out));
	u8 *buf = unit_alloc(DMR_SB_AREA);
	struct dmr_sb *sb = unit_sb();
	u32 len = dmr_sb_encode(sb, buf), bit;

	CHECK(dmr_sb_decode(buf, 0, out, NULL) == DMR_OK);
	for (bit = 0; bit < len * 8; bit++) {
		enum dmr_verdict v;

		buf[bit / 8] ^= 1 << bit % 8;
		v = dmr_sb_decode(buf, 0, out, NULL);
		CHECK(v == (bit < 64 ? DMR_NOT_OURS : DMR_TORN), "bit %u: %d", bit, v);
		buf[bit / 8] ^= 1 << bit % 8;
	}
}

TEST(sb_torn_is_found)
{
	u8 *old = unit_alloc(DMR_SB_AREA), *new = unit_alloc(DMR_SB_AREA);
	struct dmr_sb *out = unit_alloc(sizeof(*out));
	u8 *buf = unit_alloc(DMR_SB_AREA);
	struct rng r;
	u32 seed;

	for (seed = 0; seed < 200; seed++) {
		struct dmr_sb *a, *b;
		u32 sectors, i;
		u64 mask;

		rng_init(&r, seed);
		a = unit_random_sb(&r);
		b = unit_random_sb(&r);
		a->copy = b->copy = 0;
		sectors = max(dmr_sb_encode(a, old), dmr_sb_encode(b, new)) / 512;
		do {
			mask = rng_u64(&r);
		} while (sectors < 64 && !(mask & ((1ULL << sectors) - 1)));
		for (i = 0; i < sectors; i++)
			memcpy(buf + i * 512, (mask >> i % 64 & 1 ? new : old) + i * 512, 512);
		if (!memcmp(buf, old, dmr_sb_length(a)) || !memcmp(buf, new, dmr_sb_length(b)))
			continue;
		CHECK(dmr_sb_decode(buf, 0, out, NULL) == DMR_TORN, "seed %u", seed);
	}
}

/* Each makes a valid superblock impossible: its name, a part of the reason, the change. */
#define WRONGS(X)									\
	X("seq 0", "sequence", sb->seq = 0)						\
	X("seq huge", "sequence", sb->seq = ~0ULL)					\
	X("incompat", "incompatible", sb->incompat = 1)					\
	X("copy", "copy number", sb->copy = 2)						\
	X("no store uuid", "store has no UUID", memset(sb->store_uuid, 0, 16))		\
	X("no system uuid", "system has no UUID", memset(sb->system_uuid, 0, 16))	\
	X("no name", "system's name", sb->name[0] = 0)					\
	X("name without end", "system's name", memset(sb->name, 'a', 64))		\
	X("name with slash", "system's name", strcpy(sb->name, "a/b"))			\
	X("name with newline", "system's name", strcpy(sb->name, "a\nb"))		\
	X("name with escape", "system's name", strcpy(sb->name, "a\x1b[2J"))		\
	X("name with DEL", "system's name", strcpy(sb->name, "a\x7f"))			\
	X("name with C1", "system's name", strcpy(sb->name, "a\xc2\x9b" "2J"))		\
	X("name in Latin-1", "system's name", strcpy(sb->name, "caf\xe9"))		\
	X("name overlong slash", "system's name", strcpy(sb->name, "a\xc0\xaf" "b"))	\
	X("name bare continuation", "system's name", strcpy(sb->name, "a\x80"))		\
	X("name overlong in three", "system's name", strcpy(sb->name, "\xe0\x80\xaf"))	\
	X("name overlong in four", "system's name", strcpy(sb->name, "\xf0\x80\x80\xaf"))	\
	X("name of five bytes", "system's name", strcpy(sb->name, "\xf8\x88\x80\x80\x80"))	\
	X("name 0xff", "system's name", strcpy(sb->name, "\xff\x80\x80\x80"))		\
	X("name cut off", "system's name", strcpy(sb->name, "\xe2\x82"))			\
	X("name surrogate", "system's name", strcpy(sb->name, "\xed\xa0\x80"))		\
	X("name above Unicode", "system's name", strcpy(sb->name, "\xf4\x90\x80\x80"))	\
	X("flags", "flag", sb->flags = 16)						\
	X("all flags", "flag", sb->flags = ~0U)						\
	X("removing with point", "removed", sb->flags = DMR_SB_REMOVING)		\
	X("stay in 3", "terminated", sb->flags = DMR_SB_STAY)				\
	X("stay in 0", "terminated", sb->flags = DMR_SB_STAY; sb->nr_points = 0;	\
	  sb->state = 0)								\
	X("host area", "length of the host area", sb->host.bytes = DMR_HOST_AREA + 1)	\
	X("endless host area", "length of the host area", sb->host.bytes = ~0U)		\
	X("host area of zeroes", "key of the host area", sb->host.bytes = 4)		\
	X("settings", "mark of space", sb->settings.space_low = 101)			\
	X("state number", "state or job", sb->state_number = 1ULL << 63)		\
	X("job number", "state or job", sb->job_number = ~0ULL)				\
	X("chunk 8K", "chunk size", sb->chunk_bytes = 8192)				\
	X("chunk 512K", "chunk size", sb->chunk_bytes = 512 << 10)			\
	X("chunk 48K", "chunk size", sb->chunk_bytes = 48 << 10)			\
	X("chunk 0", "chunk size", sb->chunk_bytes = 0)					\
	X("slots beyond", "beyond the store", sb->slot_end++)				\
	X("slots beyond u32", "beyond the store",					\
	  sb->slot_end = 1ULL << 32; sb->store_bytes = 1ULL << 60)			\
	X("no slots", "first slot", sb->slot_first = sb->slot_end)			\
	X("slots on superblocks", "first slot", sb->slot_first = 1)			\
	X("no extent", "ring extents", sb->ring_extents = 0)				\
	X("nine extents", "ring extents", sb->ring_extents = 9)				\
	X("old extents", "ring extents", sb->ring_old_extents = 2)			\
	X("empty extent", "empty", sb->ring[0].count = 0)				\
	X("extent on superblocks", "on the superblocks", sb->ring[0].first = 16)	\
	X("extent beyond", "lies beyond", sb->ring[0].first = sb->store_bytes >> 12)	\
	X("extent far beyond", "lies beyond", sb->ring[0].first = ~0ULL << 4)		\
	X("extent without bound", "lies beyond", sb->ring[0].count = ~0ULL << 4)		\
	X("extent askew", "whole chunks", sb->ring[0].first += 1)			\
	X("extent part chunk", "whole chunks", sb->ring[0].count -= 1)			\
	X("extents overlap", "overlap", sb->ring_extents = 2;				\
	  sb->ring[1] = sb->ring[0]; sb->ring[1].first += 16)				\
	X("ring too small", "too small", sb->ring[0].count -= 16)			\
	X("ring giant", "impossibly large", sb->store_bytes = 1ULL << 60;		\
	  sb->ring[0].count = 1ULL << 30)						\
	X("tail 0", "tail is impossible", sb->log_tail = 0)				\
	X("tail huge", "tail is impossible", sb->log_tail = ~0ULL)			\
	X("tail past durable", "past its last durable",					\
	  sb->log_tail = 5; sb->log_durable = 4)					\
	X("tail 1 durable below", "past its last durable",				\
	  sb->log_tail = 2; sb->log_durable = 0)					\
	X("durable too many", "more log blocks",					\
	  sb->log_durable = sb->log_tail + sb->ring[0].count)				\
	X("ring_from 0", "ring's beginning", sb->ring_from = 0)				\
	X("ring_start", "ring's beginning", sb->ring_start = sb->ring[0].count)		\
	X("ring_from above tail", "before the ring's",					\
	  sb->ring_from = 5; sb->log_tail = 4; sb->log_durable = 4)			\
	X("old ring unasked", "no older ring", sb->ring_old_from = 1)			\
	X("old ring unasked start", "no older ring", sb->ring_old_start = 1)		\
	X("no disks", "number of disks", sb->nr_disks = 0)				\
	X("65 disks", "number of disks", sb->nr_disks = 65)				\
	X("disk number", "disk's number", sb->disks[1].number = 2)			\
	X("disk no name", "disk's name", sb->disks[1].name[0] = 0)			\
	X("disk hyphen", "disk's name", strcpy(sb->disks[1].name, "a-b"))		\
	X("disk slash", "disk's name", strcpy(sb->disks[1].name, "a/b"))		\
	X("disk space", "disk's name", strcpy(sb->disks[1].name, "a b"))		\
	X("disk name endless", "disk's name", memset(sb->disks[1].name, 'a', 32))	\
	X("disk name twice", "same name", strcpy(sb->disks[1].name, "vda"))		\
	X("disk no uuid", "disk has no UUID", memset(sb->disks[1].uuid, 0, 16))		\
	X("disk size 0", "disk's size", sb->disks[1].sectors = 0)			\
	X("disk too large", "disk's size", sb->disks[1].sectors = (1ULL << 47) + 1)	\
	X("disk huge", "disk's size", sb->disks[1].sectors = ~0ULL)			\
	X("disk part block", "disk's size", sb->disks[1].logical_block = 4096)		\
	X("disk block 0", "logical block", sb->disks[0].logical_block = 0)		\
	X("disk block 256", "logical block", sb->disks[0].logical_block = 256)		\
	X("disk block 8192", "logical block", sb->disks[0].logical_block = 8192)	\
	X("disk block 1536", "logical block", sb->disks[0].logical_block = 1536)	\
	X("identity type", "identity", sb->disks[0].identity_type = 7)			\
	X("identity none", "identity", sb->disks[0].identity_type = 0)			\
	X("identity empty", "identity", sb->disks[0].identity[0] = 0)			\
	X("identity control", "identity", strcpy(sb->disks[0].identity, "a\tb"))	\
	X("last epoch", "last epoch", sb->last_epoch = ~0U)				\
	X("promoted even", "promoted", sb->promoted = 2)				\
	X("promoted 1", "promoted", sb->promoted = 1)					\
	X("promoted beyond", "promoted", sb->promoted = 7)				\
	X("dead half", "dead epochs", sb->dead_first = 2)				\
	X("dead half 2", "dead epochs", sb->dead_last = 2)				\
	X("dead backwards", "dead epochs", sb->dead_first = 4; sb->dead_last = 2)	\
	X("dead odd", "dead epochs", sb->dead_first = 3; sb->dead_last = 3)		\
	X("dead beyond", "dead epochs", sb->dead_first = 2; sb->dead_last = 8)		\
	X("cur 0", "current epoch", sb->cur_epoch = 0; sb->nr_points = 0)		\
	X("cur odd", "current epoch", sb->cur_epoch = 5; sb->next_epoch = 6)		\
	X("cur dead", "current epoch", sb->dead_first = 4; sb->dead_last = 4)		\
	X("next odd", "next epoch", sb->next_epoch = 5)					\
	X("next not above", "next epoch", sb->next_epoch = 4)				\
	X("next beyond", "next epoch", sb->next_epoch = 8)				\
	X("next dead", "next epoch", sb->dead_first = 6; sb->dead_last = 6)		\
	X("513 points", "number of points", sb->nr_points = 513)			\
	X("next point 0", "next point", sb->next_point = 0)				\
	X("next point huge", "next point", sb->next_point = ~0ULL)			\
	X("point epoch 0", "not in order", sb->points[0].epoch = 0)			\
	X("point epoch 1", "not in order", sb->points[0].epoch = 1)			\
	X("point number 0", "not in order", sb->points[0].number = 0)			\
	X("points same epoch", "not in order",						\
	  sb->nr_points = 2; sb->points[1] = sb->points[0]; sb->points[1].number = 2;	\
	  sb->next_point = 3)								\
	X("points same number", "not in order", sb->nr_points = 2;			\
	  sb->points[1] = sb->points[0]; sb->points[1].epoch = 4; sb->cur_epoch = 6;	\
	  sb->next_epoch = 8; sb->last_epoch = 8)					\
	X("point not past", "of an epoch", sb->points[0].epoch = 4)			\
	X("point overlay", "of an epoch", sb->points[0].epoch = 3)			\
	X("point dead", "of an epoch", sb->dead_first = 2; sb->dead_last = 2)		\
	X("point number ahead", "not been given", sb->points[0].number = 2)		\
	X("point kind 0", "kind", sb->points[0].kind = 0)				\
	X("point kind 4", "kind", sb->points[0].kind = 4)				\
	X("point kind 255", "kind", sb->points[0].kind = 255)				\
	X("point generation", "unknown generation", sb->points[0].generation = 1)	\
	X("point held", "unknown peer", sb->points[0].holds = 1)			\
	X("33 generations", "number of generations",					\
	  sb->replication.nr_generations = DMR_GENERATIONS + 1)				\
	X("role", "role", sb->replication.role = 2)					\
	X("point name slash", "point's name", strcpy(sb->points[0].name, "a/b"))	\
	X("point name endless", "point's name", memset(sb->points[0].name, 'a', 40))	\
	X("live even", "live failover", sb->state = 5; sb->last_epoch = 9;		\
	  sb->live.epoch = 8; sb->live.base = 2)					\
	X("live beyond", "live failover", sb->state = 5;				\
	  sb->live.epoch = 7; sb->live.base = 2)					\
	X("live no point", "live failover", sb->state = 5; sb->last_epoch = 9;		\
	  sb->live.epoch = 7; sb->live.base = 4)					\
	X("live promoted", "live failover", sb->state = 5; sb->last_epoch = 9;		\
	  sb->live.epoch = 7; sb->live.base = 2; sb->promoted = 7)			\
	X("live not above base", "live failover", sb->state = 5; sb->last_epoch = 9;	\
	  sb->points[0].epoch = 4; sb->cur_epoch = 6; sb->next_epoch = 8;		\
	  sb->live.epoch = 3; sb->live.base = 4)					\
	X("test no point", "test failover", sb->last_epoch = 9;				\
	  sb->test.epoch = 7; sb->test.base = 4)					\
	X("test is live", "test failover", sb->state = 5; sb->last_epoch = 9;		\
	  sb->live.epoch = 7; sb->live.base = 2; sb->test = sb->live)			\
	X("state 0 with point", "state does not go with", sb->state = 0)		\
	X("state 1", "state is impossible", sb->state = 1)				\
	X("state 7", "state is impossible", sb->state = 7)				\
	X("state 8", "state is impossible", sb->state = 8)				\
	X("state 2 with point", "state does not go with", sb->state = 2)		\
	X("state 6 with point", "state does not go with", sb->state = 6)		\
	X("next is promoted", "next epoch", sb->promoted = 7; sb->next_epoch = 7;	\
	  sb->last_epoch = 8)								\
	X("disk name into uuid", "disk's name", memset(sb->disks[1].name, 'a', 32);	\
	  memset(sb->disks[1].uuid, 'a', 15); sb->disks[1].uuid[15] = 0)		\
	X("state 3 with live", "with a live", sb->last_epoch = 9;			\
	  sb->live.epoch = 7; sb->live.base = 2)					\
	X("state 5 without", "without a live", sb->state = 5)

TEST(sb_impossible_fields)
{
	struct dmr_sb *out = unit_alloc(sizeof(*out));
	u8 *buf = unit_alloc(DMR_SB_AREA);
	u32 n = 0;

#define X(text, reason, ...)								\
	do {										\
		struct dmr_sb *sb = unit_sb();						\
		const char *why;							\
											\
		CHECK(!dmr_sb_validate(sb));						\
		__VA_ARGS__;								\
		why = dmr_sb_validate(sb);						\
		CHECK(why && strstr(why, reason), "%s: %s", text, why ?: "accepted");	\
		n++;									\
		if (sb->nr_disks > DMR_MAX_DISKS || sb->nr_points > DMR_MAX_POINTS ||	\
		    sb->ring_extents > DMR_RING_EXTENTS ||				\
		    sb->replication.nr_generations > DMR_GENERATIONS ||			\
		    sb->host.bytes > DMR_HOST_AREA)					\
			break;		/* cannot be encoded; see below */		\
		dmr_sb_encode(sb, buf);							\
		/* Where encoding mends it (text without end), decoding may be content. */ \
		if (dmr_sb_decode(buf, 0, out, &why) != DMR_BAD)			\
			CHECK(strstr(text, "end") || strstr(text, "into") || sb->incompat,	\
			      "%s", text);						\
	} while (0);
	WRONGS(X)
#undef X
	unit_note("%u impossible superblocks", n);
}

/* The geometry from before the ring grew. */
TEST(sb_impossible_older_ring)
{
	u32 i;

	for (i = 0; i < 12; i++) {
		static const char *const reasons[] = {
			NULL, "older ring's beginning", "older ring's beginning",
			"older ring's beginning", "before the older ring's", "cannot hold its part",
			"older ring's beginning is", "beyond the end", NULL, "too early",
			"number of ring extents", "where it has grown",
		};
		struct dmr_sb *sb = unit_sb();
		u64 old = dmr_ring_blocks(sb);
		const char *why;

		sb->ring_from = 100;
		sb->log_tail = 200;
		sb->log_durable = 200 + old - 1;
		unit_grow(sb, 100);
		switch (i) {
		case 1:
			sb->ring_old_from = 0;
			break;
		case 2:
			sb->ring_old_from = sb->ring_from + 1;
			break;
		case 3:
			sb->ring_old_start = old;
			break;
		case 4:
			sb->ring_old_from = 201;
			break;
		case 5:
			/* One number more than there are places, none of them durable twice. */
			sb->ring_from++;
			sb->log_durable++;
			break;
		case 6:
			/* Also at a place that is not looked for any more. */
			sb->ring_old_from = sb->ring_from + 1;
			sb->log_tail = sb->log_durable = sb->ring_from + 5;
			break;
		case 7:
			sb->log_durable--;
			break;
		case 8:
			/* All of the new part, and one block more. */
		case 9:
			sb->log_durable += dmr_ring_blocks(sb) - old + (i == 9);
			sb->log_tail += 100;
			break;
		case 10:
			sb->ring_old_extents = 2;
			break;
		case 11:
			/* Also at a place that is not looked for any more. */
			sb->ring_start--;
			sb->log_tail = sb->log_durable = sb->ring_from + 5;
			break;
		}
		why = dmr_sb_validate(sb);
		CHECK(!why == !reasons[i], "case %u: %s", i, why ?: "accepted");
		CHECK(!why || strstr(why, reasons[i]), "case %u: %s", i, why);
	}
}

/* A superblock that validation would refuse is not encoded past the buffer's end. */
TEST(sb_encode_too_much)
{
	u8 *buf = unit_alloc(DMR_SB_AREA);
	struct dmr_sb *out = unit_alloc(sizeof(*out));
	u32 i;

	dmr_shim_quiet = true;
	for (i = 0; i < 5; i++) {
		struct dmr_sb *sb = unit_sb();

		if (i == 4)
			sb->replication.nr_generations = DMR_GENERATIONS + 1;
		else if (i == 3)
			sb->host.bytes = DMR_HOST_AREA + 1;
		else if (i == 0)
			sb->nr_disks = DMR_MAX_DISKS + 1;
		else if (i == 1)
			sb->nr_points = ~0U;
		else
			sb->ring_extents = DMR_RING_EXTENTS + 1;
		CHECK_EQ(dmr_sb_encode(sb, buf), DMR_BLOCK_SIZE);
		CHECK(!memchr_inv(buf, 0, DMR_SB_AREA));
		CHECK_EQ(dmr_sb_decode(buf, 0, out, NULL), DMR_NOT_OURS);
		CHECK_EQ(dmr_shim_warnings, i + 1);
	}
	dmr_shim_quiet = false;
	dmr_shim_warnings = 0;
}

/* Bytes with a good checksum that no encoder writes. */
TEST(sb_impossible_bytes)
{
	struct dmr_sb *sb = unit_sb(), *out = unit_alloc(sizeof(*out));
	u8 *clean = unit_alloc(DMR_SB_AREA), *buf = unit_alloc(DMR_SB_AREA);
	static const struct {
		u32 at;
		u8 byte;
		enum dmr_verdict verdict;
		const char *why;
	} t[] = {
		{ 0, 'd', DMR_NOT_OURS, "no superblock" },
		{ 12, 1, DMR_TORN, "checksum" },		/* length: not whole blocks */
		{ 13, 0, DMR_TORN, "checksum" },		/* 0 */
		{ 13, 0x20, DMR_BAD, "length" },
		{ 14, 0x02, DMR_TORN, "checksum" },		/* more than the largest */
		{ 15, 0xff, DMR_TORN, "checksum" },
		{ 16, 0, DMR_BAD, "version" },
		{ 16, 1, DMR_NEWER, "version is 1, older" },
		{ 16, 2, DMR_NEWER, "version is 2, older" },
		{ 16, 3, DMR_NEWER, "version is 3, older" },
		{ 16, 4, DMR_NEWER, "version is 4, older" },
		{ 16, 5, DMR_NEWER, "version is 5, older" },
		{ 16, 7, DMR_NEWER, "version is newer" },
		{ 19, 0x80, DMR_NEWER, "version" },
		{ 20, 1, DMR_BAD, "other copy" },
		{ 32, 1, DMR_NEWER, "feature" },
		{ 39, 0x80, DMR_NEWER, "feature" },
		{ 80 + 5, 'x', DMR_BAD, "system's name" },	/* behind the NUL */
		{ 156, 1, DMR_BAD, "block size" },
		{ 168, 65, DMR_BAD, "number of disks" },
		{ 168, 3, DMR_BAD, "disk" },			/* one of zeroes only */
		{ 171, 0xff, DMR_BAD, "number of disks" },
		{ 173, 0x03, DMR_BAD, "number of points" },
		{ 175, 0xff, DMR_BAD, "number of points" },
		{ 172, 2, DMR_BAD, "order" },			/* one of zeroes only */
		{ 172, 60, DMR_BAD, "length" },
		{ 177, 0, DMR_BAD, "entry size" },
		{ 180, 0x41, DMR_BAD, "entry size" },
		{ 200, 9, DMR_BAD, "ring extents" },
		{ 256 + 16, 1, DMR_BAD, "unused ring extent" },
		{ 256 + 7 * 16 + 15, 1, DMR_BAD, "unused ring extent" },
		{ 428, 1, DMR_BAD, "failover that is not there" },
		{ 432, 1, DMR_BAD, "failover that is not there" },
		{ 444, 1, DMR_BAD, "failover that is not there" },
		{ 504, 1, DMR_BAD, "longer than the area" },
		{ 504, 4, DMR_BAD, "key of the host area" },	/* a head of zeroes */
		{ 505, 0x21, DMR_BAD, "length of the host area" },
		{ 507, 0xff, DMR_BAD, "length of the host area" },
		{ 505, 0x20, DMR_BAD, "superblock's length" },
		{ 509, 1, DMR_BAD, "length" },
		{ 509, 2, DMR_BAD, "number of places" },
		{ 511, 0xff, DMR_BAD, "number of places" },
		{ 512, 81, DMR_BAD, "default" },
		{ 512 + 12, 1, DMR_BAD, "reserved" },
		{ 512 + 56, 1, DMR_BAD, "reserved" },
		{ 512 + 255, 1, DMR_BAD, "reserved" },
		{ 512 + 296, 1, DMR_BAD, "step of the clock" },
		{ 512 + 344, 1, DMR_BAD, "reserved" },
		{ 1023, 1, DMR_BAD, "reserved" },
		{ 1040, 1, DMR_BAD, "length of the replication page" },
		{ 1041, 0x10, DMR_BAD, "superblock's length" },
		{ 1044, 1, DMR_BAD, "reserved" },
		{ 1279, 1, DMR_BAD, "reserved" },
		{ DMR_SB_FIXED + 10, 1, DMR_BAD, "disk's name" },
		{ DMR_SB_FIXED + 68, 4, DMR_BAD, "lost writes" },
		{ DMR_SB_FIXED + 71, 1, DMR_BAD, "lost writes" },
		{ DMR_SB_FIXED + 200, 1, DMR_BAD, "reserved" },
		{ DMR_SB_FIXED + 255, 1, DMR_BAD, "reserved" },
		{ DMR_SB_FIXED + 72 + 100, 'x', DMR_BAD, "identity" },
		{ DMR_SB_FIXED + 512 + 5, 1, DMR_BAD, "held by an unknown peer" },
		{ DMR_SB_FIXED + 512 + 6, 1, DMR_BAD, "unknown generation" },
		{ DMR_SB_FIXED + 512 + 7, 0x80, DMR_BAD, "unknown generation" },
		{ DMR_SB_FIXED + 512 + 24 + 30, 'x', DMR_BAD, "point's name" },
		{ DMR_SB_FIXED + 512 + 64, 1, DMR_BAD, "received point has no generation" },
		{ DMR_SB_FIXED + 512 + 72, 1, DMR_BAD, "after the last list" },
		{ 4095, 1, DMR_BAD, "after the last list" },
	};
	const char *why;
	u32 i;

	dmr_sb_encode(sb, clean);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		enum dmr_verdict v;

		memcpy(buf, clean, DMR_SB_AREA);
		CHECK(buf[t[i].at] != t[i].byte, "at %u", t[i].at);
		buf[t[i].at] = t[i].byte;
		unit_sb_crc(buf);
		v = dmr_sb_decode(buf, 0, out, &why);
		CHECK(v == t[i].verdict, "at %u: %d, %s", t[i].at, v, why);
		CHECK(strstr(why, t[i].why), "at %u: %s", t[i].at, why);
	}
	/* Text without an end, in each place of a text. */
	for (i = 0; i < 4; i++) {
		static const u32 at[] = { 80, DMR_SB_FIXED, DMR_SB_FIXED + 72,
					  DMR_SB_FIXED + 512 + 24 };
		static const u32 size[] = { 64, 32, 128, 40 };

		memcpy(buf, clean, DMR_SB_AREA);
		memset(buf + at[i], 'a', size[i]);
		unit_sb_crc(buf);
		CHECK(dmr_sb_decode(buf, 0, out, &why) == DMR_BAD, "text %u", i);
		CHECK(strstr(why, i == 2 ? "identity" : "name"), "text %u: %s", i, why);
	}
	/* Fields that take any value. */
	memcpy(buf, clean, DMR_SB_AREA);
	buf[24] = 1;			/* compat */
	buf[512 + 24] = 1;		/* point_interval */
	buf[470] = 1;			/* active_host */
	buf[1030] = 1;			/* active_boot */
	buf[DMR_SB_FIXED + 68] = 3;	/* lost */
	unit_sb_crc(buf);
	CHECK(dmr_sb_decode(buf, 0, out, &why) == DMR_OK, "%s", why);
	/* A compatible feature may use these bytes: newer, not damaged. */
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		if (t[i].verdict != DMR_BAD)
			continue;
		memcpy(buf, clean, DMR_SB_AREA);
		buf[24] = 1;
		buf[t[i].at] = t[i].byte;
		unit_sb_crc(buf);
		CHECK(dmr_sb_decode(buf, 0, out, &why) == DMR_NEWER, "at %u: %s", t[i].at, why);
		CHECK(strstr(why, "feature newer"), "at %u: %s", t[i].at, why);
	}
}

/* One rule for names that become part of device names, file names and commands. */
TEST(sb_names)
{
	static const char *const good[] = {
		"a", "0", "web-1", "a.b_c+d", "A-", "0123456789abcdef", "11111111-2222-3333-4444",
		"11111111-2222-3333-4444-55555555555g", "a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a",
		"a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a",
	};
	static const char *const bad[] = {
		"-a", ".a", "a b", "$(touch x)", "w\xc3\xa9" "b", "a;b", "a~",
		"11111111-2222-3333-4444-555555555555", "0123456789abcdefABCDEF0123456789",
	};
	struct dmr_sb *sb = unit_sb();
	u32 i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		strcpy(sb->name, good[i]);
		CHECK(!dmr_sb_validate(sb), "%s: %s", good[i], dmr_sb_validate(sb));
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		strcpy(sb->name, bad[i]);
		CHECK(dmr_sb_validate(sb), "%s", bad[i]);
	}
	strcpy(sb->name, "a");
	strcpy(sb->disks[0].name, ".a");
	CHECK(dmr_sb_validate(sb));
}

/* A fingerprint: its place, its possible values, and the largest. */
TEST(sb_prints)
{
	u8 *buf = unit_alloc(DMR_SB_AREA), *at = buf + DMR_SB_FIXED + 512 + 72;
	struct dmr_sb *sb = unit_sb(), *out = unit_alloc(sizeof(*out));
	const char *why;
	u32 i, most;

	sb->nr_prints = 2;
	sb->prints[0] = (struct dmr_print){ .block = 0x0102, .crc = 0x03040506, .written = 1 };
	sb->prints[1] = (struct dmr_print){ .block = 7, .crc = 8, .disk = 1 };
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	dmr_sb_encode(sb, buf);
	CHECK(!memcmp(at, "\x02\x01\0\0\0\0\0\0" "\x06\x05\x04\x03" "\0\x01\0\0", 16));
	CHECK(!memcmp(at + 16, "\x07\0\0\0\0\0\0\0" "\x08\0\0\0" "\x01\0\0\0", 16));
	CHECK(dmr_sb_decode(buf, 0, out, &why) == DMR_OK, "%s", why);
	CHECK(!memcmp(sb, out, sizeof(*sb)));
	at[14] = 1;
	unit_sb_crc(buf);
	CHECK(dmr_sb_decode(buf, 0, out, &why) == DMR_BAD && strstr(why, "reserved"), "%s", why);

	sb->flags |= DMR_SB_ACTIVE;
	CHECK(dmr_sb_validate(sb));
	sb->flags &= ~DMR_SB_ACTIVE;
	sb->prints[1].disk = 2;
	CHECK(dmr_sb_validate(sb));
	sb->prints[1].disk = 0;			/* not in order */
	CHECK(dmr_sb_validate(sb));
	sb->prints[1].block = 0x0102;		/* twice */
	CHECK(dmr_sb_validate(sb));
	sb->prints[1].block++;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	sb->prints[1].written = 2;
	CHECK(dmr_sb_validate(sb));
	sb->prints[1].written = 0;
	sb->prints[1].block = sb->disks[0].sectors / 8;		/* beyond, or half a block */
	CHECK(dmr_sb_validate(sb));
	sb->prints[1].block--;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));

	sb->disks[1].lost = DMR_LOST_REPLICA;	/* of another disk */
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	sb->disks[0].lost = DMR_LOST_FAILOVER;
	why = dmr_sb_validate(sb);
	CHECK(why && strstr(why, "lost writes"), "%s", why);
	sb->disks[0].lost = 0;
	sb->disks[1].lost = 0;

	most = dmr_disk_prints(sb->nr_disks);
	sb->nr_prints = most * sb->nr_disks;
	for (i = 0; i < sb->nr_prints; i++)
		sb->prints[i] = (struct dmr_print){ .block = i % most, .crc = i, .disk = i / most };
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	dmr_sb_encode(sb, buf);
	CHECK(dmr_sb_decode(buf, 0, out, &why) == DMR_OK, "%s", why);
	CHECK(!memcmp(sb, out, sizeof(*sb)));
	/* Those of a disk that is not bound stay beside new ones of the others. */
	for (i = 0; i <= most; i++)
		sb->prints[i] = (struct dmr_print){ .block = i };
	sb->nr_prints = most + 1;
	why = dmr_sb_validate(sb);
	CHECK(why && strstr(why, "too many"), "%s", why);
	sb->nr_prints = DMR_MAX_PRINTS + 1;
	CHECK(dmr_sb_validate(sb));
	for (i = 1; i <= DMR_MAX_DISKS; i++)
		CHECK(dmr_disk_prints(i) >= 4 && dmr_disk_prints(i) * i <= DMR_MAX_PRINTS, "%u", i);
}

TEST(sb_states)
{
	static const u32 bare[] = {	/* may be without points */
		DM_REPLICA_STATE_DISABLED, DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION,
		DM_REPLICA_STATE_REPLICATING, DM_REPLICA_STATE_COMMITTED,
	};
	struct dmr_sb *sb = unit_sb();
	u32 i;

	/* The last point may be dropped, and the state stays 3. */
	sb->nr_points = 0;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	sb->state = DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));

	/* Failed over, and a test beside it. */
	sb = unit_sb();
	sb->state = DM_REPLICA_STATE_RECOVERED;
	sb->last_epoch = 9;
	sb->live.epoch = 7;
	sb->live.base = 2;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	sb->test.epoch = 9;
	sb->test.base = 2;
	sb->flags = DMR_SB_SUSPENDED | DMR_SB_ACTIVE;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	/* An overlay may be older than the current epoch: points are still made. */
	sb->cur_epoch = 10;
	sb->next_epoch = 12;
	sb->last_epoch = 12;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));

	/* Committed: live 7 became main, main 4..12 died. */
	sb->state = DM_REPLICA_STATE_COMMITTED;
	sb->nr_points = 0;
	memset(&sb->live, 0, sizeof(sb->live));
	memset(&sb->test, 0, sizeof(sb->test));
	sb->promoted = 7;
	sb->dead_first = 4;
	sb->dead_last = 12;
	sb->cur_epoch = 7;
	sb->next_epoch = 14;
	sb->last_epoch = 14;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	/* A removal is under way, by any of its ways; then complete, with no state left. */
	sb->flags = DMR_SB_STAY;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	for (i = 0; i < ARRAY_SIZE(bare); i++) {
		sb->state = bare[i];
		sb->flags = DMR_SB_REMOVING | DMR_SB_SUSPENDED | DMR_SB_ACTIVE;
		CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
		sb->flags = 0;
		CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
		sb->flags = DMR_SB_STAY;
		CHECK(!dmr_sb_validate(sb) == (bare[i] == DM_REPLICA_STATE_COMMITTED));
	}
	sb->flags = 0;
	/* A new relationship's first point lies in the promoted epoch. */
	sb->state = DM_REPLICA_STATE_REPLICATING;
	sb->nr_points = 1;
	sb->points[0].epoch = 7;
	sb->cur_epoch = 14;
	sb->next_epoch = 16;
	sb->last_epoch = 16;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
}

TEST(sb_good_names)
{
	static const char *const good[] = {
		"a", "web-01", "Mail Server", "b\xc3\xbc" "cher", "\xe2\x82\xac", "\xf0\x9f\x90\xa7",
		"..", "x y\"z'", "\xc2\xa0", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
		"\xef\xbf\xbd", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", " ", "~",
		"012345678901234567890123456789012345678",
	};
	struct dmr_sb *sb = unit_sb();
	u32 i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		memset(sb->points[0].name, 0, sizeof(sb->points[0].name));
		strcpy(sb->points[0].name, good[i]);
		CHECK(!dmr_sb_validate(sb), "%s", good[i]);
	}
	strcpy(sb->name, "0123456789012345678901234567890123456789012345678901234567890gh");
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	strcpy(sb->disks[0].name, "Az_09.+");
	sb->points[0].name[0] = 0;
	sb->disks[0].identity_type = DMR_IDENTITY_NONE;
	sb->disks[0].identity[0] = 0;
	sb->disks[1].sectors = 1ULL << 47;	/* 2^40 chunks of 64 KiB */
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
}

TEST(sb_identity)
{
	struct dmr_sb *a = unit_sb(), *b = unit_sb();

	CHECK(dmr_sb_same_identity(a, b));
	b->seq++;
	b->state_number++;
	CHECK(dmr_sb_same_identity(a, b));
#define DIFFERS(change)							\
	do {								\
		struct dmr_sb *c = unit_sb();				\
									\
		change;							\
		CHECK(!dmr_sb_same_identity(a, c), #change);		\
	} while (0)
	DIFFERS(c->store_uuid[15]++);
	DIFFERS(c->system_uuid[0]++);
	DIFFERS(c->name[2]++);
	DIFFERS(c->chunk_bytes *= 2);
	DIFFERS(c->create_time++);
#undef DIFFERS
}

/* With a good checksum any bytes are refused, or are the canonical form of their content. */
TEST(sb_hostile_mutations)
{
	struct dmr_sb *out = unit_alloc(sizeof(*out)), *sb = NULL;
	u8 *buf = unit_alloc(DMR_SB_AREA), *again = unit_alloc(DMR_SB_AREA);
	u8 *clean = unit_alloc(DMR_SB_AREA);
	u32 i, len = 0, taken = 0, n, rounds = unit_scale(60000);
	struct rng r;

	for (i = 0; i < rounds; i++) {
		if (i % 200 == 0) {
			rng_init(&r, i);
			do {
				sb = unit_random_sb(&r);
			} while (dmr_sb_length(sb) > 8192);
			len = dmr_sb_encode(sb, clean);
		}
		memcpy(buf, clean, DMR_SB_AREA);
		for (n = rng_range(&r, 1, 3); n; n--) {
			u32 at = rng_chance(&r, 70) ? rng_range(&r, 8, 511) : rng_below(&r, len);

			if (rng_chance(&r, 50))
				buf[at] ^= 1 << rng_below(&r, 8);
			else
				buf[at] = rng_chance(&r, 50) ? rng_u64(&r) : rng_below(&r, 3) - 1;
		}
		unit_sb_crc(buf);
		if (dmr_sb_decode(buf, sb->copy, out, NULL) != DMR_OK)
			continue;
		taken++;
		CHECK(!dmr_sb_validate(out));
		CHECK_EQ(dmr_sb_encode(out, again), (u32)le32_to_cpu(((struct dmr_disk_sb *)buf)->length));
		CHECK(!memcmp(buf, again, dmr_sb_length(out)), "seed %u", i);
	}
	unit_note("%u of %u are possible", taken, i);
	CHECK(taken > i / 600 && taken < i / 2, "the mutations are of one kind only");
}
