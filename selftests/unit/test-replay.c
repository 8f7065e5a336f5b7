// SPDX-License-Identifier: GPL-2.0-only
/* Choosing the superblock (R3) and proving the end of the log (R6), case by case. */
#include "unit.h"

#define SB_BLOCKS	(DMR_SB_AREA / DMR_BLOCK_SIZE)

/* A small store with both superblocks; sequence numbers 6 (A) and 7 (B). */
struct set {
	struct store *st;
	struct dmr_sb *sb;
	struct dmr_damage dmg;
	struct gather g;
	u64 next;
};

static void set_up(struct set *s)
{
	memset(s, 0, sizeof(*s));
	s->sb = unit_sb();
	s->st = unit_store(s->sb->store_bytes / DMR_BLOCK_SIZE);
	unit_put_sb(s->st, s->sb, 0, 6);
	s->sb->state_number++;
	unit_put_sb(s->st, s->sb, 1, 7);
	/* Blank is not the same as zero. */
	memset(s->st->mem + 2 * DMR_SB_AREA, 0xd7,
	       (s->st->blocks - 2 * SB_BLOCKS) * DMR_BLOCK_SIZE);
}

static int super(struct set *s, u64 *seq, u64 *state)
{
	struct dmr_sb *sb = unit_alloc(sizeof(*sb));
	int err = dmr_replay_super(&s->st->rd, sb, seq, state, &s->dmg);

	if (!err)
		*s->sb = *sb;
	return err;
}

static int replay(struct set *s)
{
	int err;

	unit_gather(&s->g, s->sb);
	s->next = 0;
	err = dmr_replay_log(&s->st->rd, s->sb, &s->g.ops, &s->next, &s->dmg);
	CHECK(!err == !s->dmg.reason, "%d, %s", err, s->dmg.reason ?: "no reason");
	/* R6: nothing is handed over before the end is proved. */
	CHECK(!err || err == s->g.fail || !s->g.count || strstr(s->dmg.reason, "record"),
	      "%s after %llu records", s->dmg.reason, s->g.count);
	return err;
}

static struct dmr_disk_log_block *block(struct set *s, u64 number)
{
	return unit_block_at(s->st, dmr_ring_place(s->sb, number));
}

static void tear(struct set *s, u64 number)
{
	memset((u8 *)block(s, number) + 512, 0x99, 512);
}

/* Blocks from..to as one writer after the other would leave them, each a commit. */
static void put(struct set *s, u64 from, u64 to, u64 sb_seq)
{
	for (; from <= to; from++)
		unit_put_log(s->st, s->sb, from, sb_seq, from - 1, 3, from * 10);
}

#define ENDS(s, end)								\
	do {									\
		int __e = replay(s);						\
										\
		CHECK(!__e, "%d, %s", __e, (s)->dmg.reason);			\
		CHECK_EQ((s)->next, end);					\
	} while (0)

#define DAMAGED(s, err, text, n)						\
	do {									\
		int __e = replay(s);						\
										\
		CHECK(__e == (err), "%d, %s", __e, (s)->dmg.reason ?: "fine");	\
		CHECK(strstr((s)->dmg.reason, text), "%s", (s)->dmg.reason);	\
		CHECK_EQ((s)->dmg.number, n);					\
	} while (0)

TEST(super_newer_wins)
{
	u64 seq, state;
	struct set s;

	set_up(&s);
	CHECK_EQ(super(&s, &seq, &state), 0);
	CHECK(s.sb->seq == 7 && s.sb->copy == 1 && seq == 6 && state == 3);
	s.sb->state_number++;
	unit_put_sb(s.st, s.sb, 0, 8);
	CHECK_EQ(super(&s, &seq, &state), 0);
	CHECK(s.sb->seq == 8 && s.sb->copy == 0 && seq == 7 && state == 4);
}

TEST(super_one_torn)
{
	u64 seq, state;
	struct set s;

	set_up(&s);
	memset(s.st->mem + DMR_SB_AREA + 1024, 0, 512);
	CHECK_EQ(super(&s, &seq, &state), 0);
	CHECK(s.sb->seq == 6 && s.sb->copy == 0 && seq == 0 && state == ~0ULL);

	set_up(&s);
	memset(s.st->mem + 700, 1, 20);
	CHECK_EQ(super(&s, &seq, &state), 0);
	CHECK(s.sb->seq == 7 && s.sb->copy == 1 && seq == 0 && state == ~0ULL);

	/* Torn so that not even the magic is there. */
	set_up(&s);
	memset(s.st->mem, 0, 512);
	CHECK_EQ(super(&s, &seq, &state), 0);
	CHECK_EQ(s.sb->seq, 7);
}

TEST(super_both_torn)
{
	u64 seq, state;
	struct set s;

	set_up(&s);
	s.st->mem[100] ^= 1;
	s.st->mem[DMR_SB_AREA + 100] ^= 1;
	CHECK_EQ(super(&s, &seq, &state), -EUCLEAN);
	CHECK(strstr(s.dmg.reason, "neither"), "%s", s.dmg.reason);
	memset(s.st->mem, 0, DMR_SB_AREA);
	CHECK_EQ(super(&s, &seq, &state), -EUCLEAN);
	/* The other way round. */
	set_up(&s);
	s.st->mem[100] ^= 1;
	memset(s.st->mem + DMR_SB_AREA, 0, DMR_SB_AREA);
	CHECK_EQ(super(&s, &seq, &state), -EUCLEAN);
	memset(s.st->mem, 0, DMR_SB_AREA);
	CHECK_EQ(super(&s, &seq, &state), -ENODATA);
	CHECK(strstr(s.dmg.reason, "no dm-replica store"), "%s", s.dmg.reason);
}

/* R3: a copy that cannot be read is not a torn one, whichever it is. */
TEST(super_unreadable)
{
	u64 seq, state, bad;
	struct set s;

	for (bad = 0; bad < 2 * SB_BLOCKS; bad++) {
		/* Behind the longest superblock nothing is read. */
		bool used = bad % SB_BLOCKS < DMR_SB_MAX / DMR_BLOCK_SIZE;

		set_up(&s);
		s.st->bad = bad;
		CHECK_EQ(super(&s, &seq, &state), used ? -EIO : 0);
		CHECK(!used || s.dmg.where == bad);
	}
}

TEST(super_whole_but_wrong)
{
	struct dmr_disk_sb *b;
	u64 seq, state;
	struct set s;

	/* Newer format: refuse, even where the other copy would do. */
	set_up(&s);
	b = (void *)(s.st->mem + DMR_SB_AREA);
	b->version = cpu_to_le32(DMR_SB_VERSION + 1);
	unit_sb_crc(b);
	CHECK_EQ(super(&s, &seq, &state), -EPROTONOSUPPORT);
	CHECK_EQ(s.dmg.where, SB_BLOCKS);
	set_up(&s);
	b = (void *)s.st->mem;
	b->incompat = cpu_to_le64(4);
	unit_sb_crc(b);
	CHECK_EQ(super(&s, &seq, &state), -EPROTONOSUPPORT);
	CHECK_EQ(s.dmg.where, 0);

	/* Impossible with a good checksum. */
	set_up(&s);
	b = (void *)(s.st->mem + DMR_SB_AREA);
	b->state = cpu_to_le32(9);
	unit_sb_crc(b);
	CHECK_EQ(super(&s, &seq, &state), -EUCLEAN);
	CHECK(strstr(s.dmg.reason, "state is impossible"), "%s", s.dmg.reason);

	/* A copy in the other's place. */
	set_up(&s);
	memcpy(s.st->mem, s.st->mem + DMR_SB_AREA, DMR_SB_AREA);
	CHECK_EQ(super(&s, &seq, &state), -EUCLEAN);

	/* Two stores. */
	set_up(&s);
	s.sb->store_uuid[3]++;
	unit_put_sb(s.st, s.sb, 0, 8);
	CHECK_EQ(super(&s, &seq, &state), -EUCLEAN);
	CHECK(strstr(s.dmg.reason, "different stores"), "%s", s.dmg.reason);

	/* Two of one number. */
	set_up(&s);
	unit_put_sb(s.st, s.sb, 0, 7);
	CHECK_EQ(super(&s, &seq, &state), -EUCLEAN);
	CHECK(strstr(s.dmg.reason, "same sequence"), "%s", s.dmg.reason);
}

TEST(super_newer_behind)
{
	u64 seq, state;
	struct set s;
	u32 i;
	int err;

	for (i = 0; i < 6; i++) {
		set_up(&s);
		s.sb->log_tail = 10;
		s.sb->log_durable = 20;
		unit_put_sb(s.st, s.sb, 0, 8);
		switch (i) {
		case 1:
			s.sb->log_tail--;
			break;
		case 2:
			s.sb->log_durable--;
			break;
		case 3:
			s.sb->state_number--;
			break;
		case 4:
			s.sb->nr_points = 0;
			s.sb->next_point--;
			break;
		case 5:
			s.sb->nr_points = 0;
			s.sb->cur_epoch -= 2;
			s.sb->next_epoch -= 2;
			s.sb->last_epoch -= 2;
			break;
		}
		unit_put_sb(s.st, s.sb, 1, 9);
		err = super(&s, &seq, &state);
		CHECK(err == (i ? -EUCLEAN : 0), "case %u: %d", i, err);
		CHECK(!i || strstr(s.dmg.reason, "behind"), "%s", s.dmg.reason);
	}
}

TEST(log_empty)
{
	struct set s;

	set_up(&s);
	ENDS(&s, 1);
	CHECK_EQ(s.g.count, 0);
	CHECK_EQ(s.st->reads, dmr_ring_blocks(s.sb));
}

TEST(log_in_order)
{
	struct set s;
	u64 n;

	set_up(&s);
	put(&s, 1, 5, 6);
	put(&s, 6, 9, 7);
	ENDS(&s, 10);
	CHECK_EQ(s.g.count, 27);
	for (n = 1; n <= 9; n++)
		CHECK_EQ(s.g.marks[n - 1], n * 10);
	/* From the tail on. */
	s.sb->log_tail = 4;
	s.sb->log_durable = 6;
	ENDS(&s, 10);
	CHECK_EQ(s.g.count, 18);
	CHECK_EQ(s.g.marks[0], 40);
}

TEST(log_of_no_records)
{
	struct set s;

	set_up(&s);
	unit_put_log(s.st, s.sb, 1, 7, 0, 0, 0);
	unit_put_log(s.st, s.sb, 2, 7, 1, 126, 5);
	ENDS(&s, 3);
	CHECK_EQ(s.g.count, 126);
}

TEST(log_wraps)
{
	struct set s;
	u64 ring, n;

	set_up(&s);
	ring = dmr_ring_blocks(s.sb);
	put(&s, 1, ring + 300, 7);
	s.sb->log_tail = 301;
	s.sb->log_durable = 400;
	ENDS(&s, ring + 301);
	for (n = 301; n <= ring + 300; n++)
		CHECK_EQ(s.g.marks[n - 301], n * 10 % 0xffff);
	s.sb->log_tail = ring + 290;
	s.sb->log_durable = ring + 300;
	ENDS(&s, ring + 301);
	CHECK_EQ(s.g.count, 33);
	/* Numbers of the last round, at the places of the next ones, are none of this round. */
	s.sb->log_tail = s.sb->log_durable = ring + 300;
	ENDS(&s, ring + 301);
}

TEST(log_grown_ring)
{
	struct set s;
	u64 ring, n, end;

	set_up(&s);
	ring = dmr_ring_blocks(s.sb);
	s.sb->log_durable = ring + 99;
	s.sb->log_tail = 200;
	put(&s, 1, ring + 99, 6);
	unit_grow(s.sb, 2000);
	CHECK(!dmr_sb_validate(s.sb), "%s", dmr_sb_validate(s.sb));
	s.st = unit_store(s.sb->store_bytes / DMR_BLOCK_SIZE);
	/* Written anew in the larger store, the old part by the old geometry. */
	put(&s, 200, ring + 99, 6);
	ENDS(&s, ring + 100);
	end = ring + 99 + s.sb->ring[1].count;
	put(&s, ring + 100, end, 7);
	ENDS(&s, end + 1);
	for (n = 200; n <= end; n++)
		CHECK_EQ(s.g.marks[n - 200], n * 10 % 0xffff);
	/* Once the tail is past the old part, the new part goes all the way round. */
	s.sb->log_tail = s.sb->log_durable = end;
	put(&s, end + 1, end + dmr_ring_blocks(s.sb) - 1, 7);
	ENDS(&s, end + dmr_ring_blocks(s.sb));
}

TEST(log_ring_of_eight_extents)
{
	struct set s;
	u64 end;
	u32 i;

	set_up(&s);
	for (i = 1; i < DMR_RING_EXTENTS; i++) {
		unit_grow(s.sb, 40);
		s.sb->log_tail = s.sb->log_durable = s.sb->ring_from;
	}
	CHECK(!dmr_sb_validate(s.sb), "%s", dmr_sb_validate(s.sb));
	s.st = unit_store(s.sb->store_bytes / DMR_BLOCK_SIZE);
	end = s.sb->log_tail + dmr_ring_blocks(s.sb);
	put(&s, s.sb->log_tail, end - 1, 7);
	s.st->reads = 0;
	ENDS(&s, end);
	/* All of it, once to find the end, once for the records. */
	CHECK_EQ(s.st->reads, 2 * dmr_ring_blocks(s.sb));
}

TEST(log_torn_end)
{
	struct set s;

	set_up(&s);
	put(&s, 1, 9, 7);
	tear(&s, 9);
	ENDS(&s, 9);
	CHECK_EQ(s.g.last, 8);
	/* Two blocks of one commit, the first one torn: its successor does not count. */
	set_up(&s);
	put(&s, 1, 7, 7);
	unit_put_log(s.st, s.sb, 8, 7, 7, 3, 80);
	unit_put_log(s.st, s.sb, 9, 7, 7, 3, 90);
	tear(&s, 8);
	ENDS(&s, 8);
}

TEST(log_damage_below_later_claim)
{
	struct set s;
	u64 n;

	/* Any of blocks 1..8 is vouched for by its successor. */
	for (n = 1; n <= 8; n++) {
		set_up(&s);
		put(&s, 1, 9, 7);
		tear(&s, n);
		DAMAGED(&s, -EUCLEAN, "durable log block", n);
		CHECK_EQ(s.dmg.where, dmr_ring_place(s.sb, n));
	}
	/* Blanked, overwritten by a foreign block, or by one of another round. */
	set_up(&s);
	put(&s, 1, 9, 7);
	memset(block(&s, 4), 0, DMR_BLOCK_SIZE);
	DAMAGED(&s, -EUCLEAN, "durable log block", 4);
	put(&s, 4, 4, 7);
	block(&s, 4)->store_uuid[0]++;
	unit_log_crc(block(&s, 4));
	DAMAGED(&s, -EUCLEAN, "durable log block", 4);
	put(&s, 4, 4, 7);
	ENDS(&s, 10);
	block(&s, 4)->number = cpu_to_le64(3);
	block(&s, 4)->durable = 0;
	unit_log_crc(block(&s, 4));
	DAMAGED(&s, -EUCLEAN, "durable log block", 4);
}

TEST(log_damage_below_superblock_claim)
{
	struct set s;

	set_up(&s);
	put(&s, 1, 9, 7);
	s.sb->log_durable = 9;
	ENDS(&s, 10);
	tear(&s, 9);
	DAMAGED(&s, -EUCLEAN, "durable log block", 9);
	s.sb->log_durable = 8;
	ENDS(&s, 9);
	/* All of the log gone. */
	set_up(&s);
	s.sb->log_durable = 1;
	DAMAGED(&s, -EUCLEAN, "durable log block", 1);
}

/* The claim counts wherever its block lies: here behind the end, as a leftover. */
TEST(log_claim_of_leftover)
{
	struct set s;

	set_up(&s);
	put(&s, 1, 6, 3);
	/* First life: 7, 8, 9 in one commit; 7 did not arrive. */
	unit_put_log(s.st, s.sb, 8, 3, 6, 3, 80);
	unit_put_log(s.st, s.sb, 9, 3, 6, 3, 90);
	ENDS(&s, 7);
	/* Second life: only the leftovers vouch for 6. */
	tear(&s, 6);
	DAMAGED(&s, -EUCLEAN, "durable log block", 6);
}

TEST(log_second_generation)
{
	struct set s;

	/* First life: 7..9 in flight, 8 and 9 arrived. */
	set_up(&s);
	put(&s, 1, 6, 3);
	unit_put_log(s.st, s.sb, 8, 3, 6, 3, 1180);
	unit_put_log(s.st, s.sb, 9, 3, 6, 3, 1190);
	ENDS(&s, 7);
	/* Second life, superblocks from 5 on: 7 again, another one. */
	s.sb->log_durable = 6;
	unit_put_log(s.st, s.sb, 7, 5, 6, 3, 70);
	ENDS(&s, 8);
	CHECK_EQ(s.g.marks[6], 70);
	/* Its 9 arrives, 8 does not: the leftover 8 stays out. */
	unit_put_log(s.st, s.sb, 9, 5, 7, 3, 90);
	ENDS(&s, 8);
	/* Third life takes 8 again; 9, of the second, stays out. */
	unit_put_log(s.st, s.sb, 8, 7, 7, 3, 80);
	ENDS(&s, 9);
	CHECK_EQ(s.g.marks[7], 80);
	/* Claimed durable, a leftover will not do. */
	s.sb->log_durable = 9;
	DAMAGED(&s, -EUCLEAN, "durable log block", 9);
}

TEST(log_newer_superblock)
{
	struct set s;
	u64 n;

	/* On the log's way, behind its end, or out of place: the newer superblock is lost. */
	for (n = 5; n <= 400; n += 79) {
		set_up(&s);
		put(&s, 1, 5, 7);
		ENDS(&s, 6);
		unit_put_log(s.st, s.sb, n, 8, n - 1, 3, 1);
		DAMAGED(&s, -EUCLEAN, "newer superblock", n);
	}
	set_up(&s);
	put(&s, 1, 5, 7);
	unit_put_log(s.st, s.sb, 300, 8, 0, 3, 1);
	memcpy(block(&s, 200), block(&s, 300), DMR_BLOCK_SIZE);
	memset(block(&s, 300), 0, DMR_BLOCK_SIZE);
	DAMAGED(&s, -EUCLEAN, "newer superblock", 300);
}

TEST(log_number_beyond_ring)
{
	struct set s;
	u64 ring;

	set_up(&s);
	ring = dmr_ring_blocks(s.sb);
	put(&s, 1, 5, 7);
	unit_put_log(s.st, s.sb, ring, 7, 0, 3, 1);
	ENDS(&s, 6);
	unit_put_log(s.st, s.sb, ring + 1 + 200, 7, 0, 3, 1);
	DAMAGED(&s, -EUCLEAN, "beyond what the ring", ring + 201);
	/* The first one too many lies where the tail does. */
	set_up(&s);
	unit_put_log(s.st, s.sb, ring + 1, 7, 0, 3, 1);
	DAMAGED(&s, -EUCLEAN, "beyond what the ring", ring + 1);
}

TEST(log_impossible_head)
{
	struct set s;

	set_up(&s);
	put(&s, 1, 5, 7);
	put(&s, 100, 100, 7);
	block(&s, 100)->durable = cpu_to_le64(100);
	unit_log_crc(block(&s, 100));
	DAMAGED(&s, -EUCLEAN, "impossible head", 0);
	CHECK_EQ(s.dmg.where, dmr_ring_place(s.sb, 100));
}

TEST(log_impossible_record)
{
	struct dmr_record rec = { .type = DMR_RECORD_VERSION, .epoch = 4, .slot = 0, .data = 1 };
	struct set s;

	set_up(&s);
	put(&s, 1, 5, 7);
	dmr_logblock_put_record(&rec, &block(&s, 3)->records[2]);
	unit_log_crc(block(&s, 3));
	DAMAGED(&s, -EUCLEAN, "record names a slot", 3);
	/* None of its block was handed over. */
	CHECK_EQ(s.g.last, 2);
	/* Blocks behind the end do not matter. */
	set_up(&s);
	put(&s, 1, 5, 7);
	put(&s, 7, 7, 7);
	block(&s, 7)->durable = cpu_to_le64(5);
	dmr_logblock_put_record(&rec, &block(&s, 7)->records[2]);
	unit_log_crc(block(&s, 7));
	ENDS(&s, 6);
}

/* R6: a read error is damage, wherever in the ring it is. */
TEST(log_unreadable)
{
	struct set s;
	u64 n;

	set_up(&s);
	put(&s, 1, 5, 7);
	for (n = 1; n <= dmr_ring_blocks(s.sb); n += 7) {
		s.st->bad = dmr_ring_place(s.sb, n);
		DAMAGED(&s, -EIO, "cannot be read", 0);
		CHECK_EQ(s.dmg.where, s.st->bad);
	}
	/* Replay does not read the rest of the store. */
	s.st->bad = dmr_ring_place(s.sb, 1) - 1;
	ENDS(&s, 6);
	s.st->bad = dmr_ring_place(s.sb, 1) + dmr_ring_blocks(s.sb);
	ENDS(&s, 6);
}

TEST(log_callback_fails)
{
	struct set s;
	int err;

	set_up(&s);
	put(&s, 1, 5, 7);
	unit_gather(&s.g, s.sb);
	s.g.fail = -ENOSPC;
	err = dmr_replay_log(&s.st->rd, s.sb, &s.g.ops, &s.next, &s.dmg);
	CHECK_EQ(err, -ENOSPC);
	CHECK_EQ(s.dmg.number, 1);
}

/* A device with another content at the second read. */
struct fickle {
	struct dmr_reader rd;
	struct set *s;
	u64 where;
	u32 asked;
	const void *other;	/* its second content; NULL: a bit is wrong */
	bool fail_large;
};

static int fickle_read(struct dmr_reader *rd, u64 first, u32 count, void *buf)
{
	struct fickle *f = container_of(rd, struct fickle, rd);
	int err;

	if (f->fail_large && count > 1)
		return -EIO;
	err = f->s->st->rd.read(&f->s->st->rd, first, count, buf);
	if (!err && f->where >= first && f->where < first + count && f->asked++) {
		u8 *at = (u8 *)buf + (f->where - first) * DMR_BLOCK_SIZE;

		if (f->other)
			memcpy(at, f->other, DMR_BLOCK_SIZE);
		else
			at[100] ^= 1;
	}
	return err;
}

TEST(log_changes_between_reads)
{
	struct dmr_disk_log_block *other = unit_alloc(sizeof(*other));
	struct set s;
	int err, i;

	for (i = 0; i < 3; i++) {
		struct fickle f = { .rd.read = fickle_read };

		set_up(&s);
		put(&s, 1, 5, 6);
		f.s = &s;
		f.where = dmr_ring_place(s.sb, 4);
		/* Torn; or whole, but another number; or the number, but written later. */
		if (i)
			f.other = other;
		memcpy(other, block(&s, 4), sizeof(*other));
		if (i == 1)
			other->number = cpu_to_le64(5);
		else
			other->sb_seq = cpu_to_le64(7);
		unit_log_crc(other);
		unit_gather(&s.g, s.sb);
		err = dmr_replay_log(&f.rd, s.sb, &s.g.ops, &s.next, &s.dmg);
		CHECK(err == -EUCLEAN, "case %d: %d", i, err);
		CHECK(strstr(s.dmg.reason, "changed between"), "%s", s.dmg.reason);
		CHECK_EQ(s.dmg.number, 4);
	}
}

TEST(log_large_reads_fail)
{
	struct fickle f = { .rd.read = fickle_read, .where = ~0ULL, .fail_large = true };
	struct set s;
	int err;

	set_up(&s);
	put(&s, 1, 5, 7);
	f.s = &s;
	unit_gather(&s.g, s.sb);
	err = dmr_replay_log(&f.rd, s.sb, &s.g.ops, &s.next, &s.dmg);
	CHECK_EQ(err, 0);
	CHECK_EQ(s.next, 6);
}

TEST(replay_no_memory)
{
	u64 seq, state;
	struct set s;
	int i;

	set_up(&s);
	put(&s, 1, 5, 7);
	for (i = 0; i < 2; i++) {
		dmr_shim_fail_alloc = i;
		CHECK_EQ(super(&s, &seq, &state), -ENOMEM);
		CHECK(strstr(s.dmg.reason, "memory") && s.dmg.where == ~0ULL, "%s", s.dmg.reason);
		dmr_shim_fail_alloc = i;
		DAMAGED(&s, -ENOMEM, "memory", 0);
	}
	CHECK_EQ(super(&s, &seq, &state), 0);
	ENDS(&s, 6);
}

/* A reader's own lack of memory is no bad block. */
static int poor_read(struct dmr_reader *rd, u64 first, u32 count, void *buf)
{
	(void)rd;
	(void)first;
	(void)count;
	(void)buf;
	return -ENOMEM;
}

TEST(replay_reader_no_memory)
{
	struct dmr_reader rd = { .read = poor_read };
	u64 seq, state;
	struct set s;

	set_up(&s);
	CHECK_EQ(dmr_replay_super(&rd, s.sb, &seq, &state, &s.dmg), -ENOMEM);
	unit_gather(&s.g, s.sb);
	CHECK_EQ(dmr_replay_log(&rd, s.sb, &s.g.ops, &s.next, &s.dmg), -ENOMEM);
}
