// SPDX-License-Identifier: GPL-2.0-only
/* Records and log blocks: decoding returns the encoded values, and accepts no other form. */
#include "unit.h"

TEST(record_round_trip)
{
	struct rng r;
	u32 i;

	rng_init(&r, 1);
	for (i = 0; i < 1000; i++) {
		struct dmr_record rec = {
			.type = rng_u64(&r),
			.disk = rng_u64(&r),
			.epoch = rng_u64(&r),
			.chunk = rng_u64(&r) & 0xffffffffff,
			.slot = rng_u64(&r) & 0xffffffffff,
			.data = rng_u64(&r),
			.zero = rng_u64(&r),
		}, out;
		struct dmr_disk_record disk;

		memset(&disk, 0xa5, sizeof(disk));
		dmr_logblock_put_record(&rec, &disk);
		dmr_logblock_get_record(&disk, &out);
		CHECK(rec.type == out.type && rec.disk == out.disk && rec.epoch == out.epoch &&
		      rec.chunk == out.chunk && rec.slot == out.slot && rec.data == out.data &&
		      rec.zero == out.zero);
	}
	{
		struct dmr_record rec = { DMR_RECORD_DROP, 3, 0x01020304, 0x0a0b0c0d0eULL,
					  DMR_SLOT_NONE_40, 0x1122334455667788ULL, 1 };
		struct dmr_disk_record disk;

		dmr_logblock_put_record(&rec, &disk);
		CHECK(!memcmp(&disk, "\x88\x77\x66\x55\x44\x33\x22\x11" "\1\0\0\0\0\0\0\0"
			      "\4\3\2\1" "\2" "\3" "\x0e\x0d\x0c\x0b\x0a" "\xff\xff\xff\xff\xff", 32));
	}
}

TEST(record_validate)
{
	struct dmr_sb *sb = unit_sb();
	/* vdb has 204801 sectors: 25601 blocks, 1600 chunks of 16 and one block more. */
	const struct dmr_record good = {
		.type = DMR_RECORD_VERSION, .disk = 1, .epoch = 6, .chunk = 1600,
		.slot = sb->slot_first, .data = 1,
	};
	struct dmr_record rec;

#define GOOD(...)									\
	do {										\
		rec = good;								\
		__VA_ARGS__;								\
		CHECK(!dmr_logblock_validate_record(sb, &rec), #__VA_ARGS__ ": %s",		\
		      dmr_logblock_validate_record(sb, &rec));					\
	} while (0)
#define BAD(reason, ...)								\
	do {										\
		const char *why;							\
											\
		rec = good;								\
		__VA_ARGS__;								\
		why = dmr_logblock_validate_record(sb, &rec);					\
		CHECK(why && strstr(why, reason), #__VA_ARGS__ ": %s", why ?: "accepted"); \
	} while (0)
	GOOD();
	GOOD(rec.epoch = 2);
	GOOD(rec.epoch = 3);
	GOOD(rec.slot = sb->slot_end - 1);
	GOOD(rec.data = 0; rec.zero = 1);
	GOOD(rec.data = 0; rec.zero = 1; rec.slot = DMR_SLOT_NONE_40);
	GOOD(rec.data = 0);
	GOOD(rec.chunk = 1599; rec.data = 0xff00; rec.zero = 0x00ff);
	GOOD(rec.disk = 0; rec.chunk = 1599; rec.data = 0xffff);
	GOOD(rec.type = DMR_RECORD_DROP; rec.slot = DMR_SLOT_NONE_40);
	BAD("unknown type", rec.type = 0);
	BAD("unknown type", rec.type = 3);
	BAD("disk that", rec.disk = 2);
	BAD("never opened", rec.epoch = 0);
	BAD("never opened", rec.epoch = 1);
	BAD("never opened", rec.epoch = 7);
	BAD("at once", rec.zero = 1);
	BAD("beyond its disk", rec.chunk = 1601);
	BAD("beyond its disk", rec.disk = 0; rec.chunk = 1600);
	BAD("beyond its disk", rec.chunk = 0xffffffffff);
	BAD("beyond its chunk", rec.data = 2);
	BAD("beyond its chunk", rec.data = 0; rec.zero = 2);
	BAD("beyond its chunk", rec.chunk = 0; rec.data = 0x10000);
	BAD("beyond its chunk", rec.chunk = 0; rec.data = 1ULL << 63);
	BAD("data but no slot", rec.slot = DMR_SLOT_NONE_40);
	BAD("cannot be one", rec.slot = sb->slot_first - 1);
	BAD("cannot be one", rec.slot = sb->slot_end);
	BAD("cannot be one", rec.slot = 0);
	BAD("move home has a slot", rec.type = DMR_RECORD_DROP);
#undef GOOD
#undef BAD
}

static struct dmr_disk_log_block *log_block(const struct dmr_sb *sb, struct dmr_log_header *hdr)
{
	struct dmr_disk_log_block *blk = unit_alloc(sizeof(*blk));

	/* The earlier content of the rest of the buffer does not get out. */
	memset(blk, 0x77, sizeof(*blk));
	dmr_logblock_seal(blk, sb->store_uuid, hdr, DMR_LOG_RECORDS);
	return blk;
}

TEST(log_block)
{
	struct dmr_log_header hdr = { 1000, 77, 998, 5 }, out;
	struct dmr_sb *sb = unit_sb();
	struct dmr_disk_log_block *blk = log_block(sb, &hdr);
	u8 other[16] = { 1 };
	u32 bit;

	CHECK_EQ(dmr_logblock_check(blk, sb->store_uuid, &out), DMR_OK);
	CHECK(out.number == 1000 && out.sb_seq == 77 && out.durable == 998 && out.nr_records == 5);
	CHECK(!memchr_inv(&blk->records[5], 0, 121 * 32));
	CHECK(((u8 *)blk)[64] == 0x77);
	CHECK(!memcmp(blk, "DRLG", 4));
	CHECK_EQ(dmr_logblock_check(blk, other, &out), DMR_FOREIGN);
	for (bit = 0; bit < 8 * sizeof(*blk); bit++) {
		((u8 *)blk)[bit / 8] ^= 1 << bit % 8;
		CHECK_EQ(dmr_logblock_check(blk, sb->store_uuid, &out),
			 bit < 32 ? DMR_NOT_OURS : bit < 64 ? DMR_TORN :
			 bit < 192 ? DMR_FOREIGN : DMR_TORN);
		((u8 *)blk)[bit / 8] ^= 1 << bit % 8;
	}
	memset(blk, 0, sizeof(*blk));
	CHECK_EQ(dmr_logblock_check(blk, sb->store_uuid, &out), DMR_NOT_OURS);
}

/* Memory that held an earlier block is zeroed as far as that one's records went. */
TEST(log_block_again)
{
	struct dmr_log_header hdr = { 1000, 77, 998, 90 }, out;
	struct dmr_sb *sb = unit_sb();
	struct dmr_disk_log_block *blk = log_block(sb, &hdr);

	hdr.number++;
	hdr.nr_records = 3;
	dmr_logblock_seal(blk, sb->store_uuid, &hdr, 90);
	CHECK_EQ(dmr_logblock_check(blk, sb->store_uuid, &out), DMR_OK);
	CHECK_EQ(out.nr_records, 3);
	CHECK(((u8 *)blk)[64] == 0x77);
	/* A count too low leaves content behind, which the reader takes for torn. */
	blk->records[50].disk = 1;
	dmr_logblock_seal(blk, sb->store_uuid, &hdr, 40);
	CHECK_EQ(dmr_logblock_check(blk, sb->store_uuid, &out), DMR_TORN);
	dmr_logblock_seal(blk, sb->store_uuid, &hdr, DMR_LOG_RECORDS);
	CHECK_EQ(dmr_logblock_check(blk, sb->store_uuid, &out), DMR_OK);
}

TEST(log_block_impossible_head)
{
	struct dmr_log_header good = { 1000, 77, 998, 5 }, out;
	struct dmr_sb *sb = unit_sb();
	struct dmr_disk_log_block *blk;

#define BAD(change)								\
	do {									\
		blk = log_block(sb, &good);					\
		change;								\
		unit_log_crc(blk);						\
		CHECK(dmr_logblock_check(blk, sb->store_uuid, &out) == DMR_BAD, #change); \
	} while (0)
	BAD(blk->number = 0);
	BAD(blk->number = cpu_to_le64(~0ULL));
	BAD(blk->sb_seq = 0);
	BAD(blk->durable = cpu_to_le64(1000));
	BAD(blk->durable = cpu_to_le64(~0ULL));
	BAD(blk->reserved0[0] = 1);
	BAD(blk->reserved0[11] = 1);
#undef BAD
#define TORN(change)								\
	do {									\
		blk = log_block(sb, &good);					\
		change;								\
		unit_log_crc(blk);						\
		CHECK(dmr_logblock_check(blk, sb->store_uuid, &out) == DMR_TORN, #change); \
	} while (0)
	/* Under a valid checksum, which does not cover what lies behind the records. */
	TORN(blk->nr_records = cpu_to_le32(127));
	TORN(blk->nr_records = cpu_to_le32(~0U));
	TORN(blk->nr_records = cpu_to_le32(4));
	TORN(blk->records[5].type = 1);
	TORN(blk->records[125].slot[4] = 1);
#undef TORN
	blk = log_block(sb, &good);
	blk->nr_records = cpu_to_le32(126);
	unit_log_crc(blk);
	CHECK_EQ(dmr_logblock_check(blk, sb->store_uuid, &out), DMR_OK);
}

TEST(epoch_is_main)
{
	static const struct {
		u32 promoted, first, last, epoch;
		bool main;
	} t[] = {
		{ 0, 0, 0, 2, true },	{ 0, 0, 0, 3, false },	{ 0, 0, 0, 0xfffffff0, true },
		{ 0, 0, 0, 1, false },	{ 7, 0, 0, 7, true },	{ 7, 0, 0, 5, false },
		{ 7, 0, 0, 9, false },	{ 7, 4, 8, 2, true },	{ 7, 4, 8, 4, false },
		{ 7, 4, 8, 6, false },	{ 7, 4, 8, 8, false },	{ 7, 4, 8, 10, true },
		{ 7, 4, 8, 7, true },	{ 7, 4, 8, 5, false },	{ 7, 4, 4, 4, false },
		{ 7, 4, 4, 6, true },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(t); i++)
		CHECK(dmr_epoch_is_main(t[i].promoted, t[i].first, t[i].last, t[i].epoch) ==
		      t[i].main, "row %u", i);
}

TEST(block_mask)
{
	u32 first, count, i;

	for (first = 0; first < 64; first++) {
		for (count = 1; first + count <= 64; count++) {
			u64 want = 0;

			for (i = first; i < first + count; i++)
				want |= 1ULL << i;
			CHECK(dmr_block_mask(first, count) == want, "%u %u", first, count);
		}
	}
	CHECK_EQ(dmr_block_mask(5, 0), 0);
}
