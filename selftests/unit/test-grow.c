// SPDX-License-Identifier: GPL-2.0-only
/*
 * A log whose ring grows, step by step: nothing is lost at any of them.  The store is as
 * large as its superblock states and has nothing but superblocks and the ring: any other read
 * is an I/O error.
 */
#include "unit.h"

#define MIB		(1ULL << 20)
#define MAX_BLOCKS	4096

struct life {
	struct dmr_reader rd;
	struct dmr_sb *sb;	/* in force; its ring is the largest there has been */
	struct dmr_sb *found;	/* by the last attach */
	u8 *super;		/* both copies */
	u8 *ring;		/* by place in the ring, which does not change as it grows */
	u64 next;		/* log number; all before it are durable */
	struct gather g;
	struct dmr_damage dmg;
	u32 checks;
};

static int life_read(struct dmr_reader *rd, u64 first, u32 count, void *buf)
{
	struct life *l = container_of(rd, struct life, rd);
	const u64 area = DMR_SB_COPIES * DMR_SB_AREA / DMR_BLOCK_SIZE;
	u64 at = 0;
	u32 i;

	if (first + count <= area) {
		memcpy(buf, l->super + first * DMR_BLOCK_SIZE, count * DMR_BLOCK_SIZE);
		return 0;
	}
	for (i = 0; i < l->sb->ring_extents; i++) {
		const struct dmr_extent *e = &l->sb->ring[i];

		if (first >= e->first && first + count <= e->first + e->count) {
			memcpy(buf, l->ring + (at + first - e->first) * DMR_BLOCK_SIZE,
			       count * DMR_BLOCK_SIZE);
			return 0;
		}
		at += e->count;
	}
	return -EIO;
}

static struct dmr_disk_log_block *place(struct life *l, u64 number)
{
	return (void *)(l->ring + dmr_ring_index(l->sb, number) * DMR_BLOCK_SIZE);
}

static u64 mark(u64 number)
{
	return number % 65521;
}

/* A log block that vouches for all before it. */
static void put(struct life *l)
{
	struct dmr_disk_log_block *blk = place(l, l->next);
	struct dmr_log_header hdr = {
		.number = l->next, .sb_seq = l->sb->seq, .durable = l->next - 1, .nr_records = 1,
	}, was;
	struct dmr_record rec = {
		.type = DMR_RECORD_VERSION, .epoch = 2, .slot = l->sb->slot_first,
		.data = mark(l->next) + 1,
	};

	/* W5: not where a number lies that may still be looked for. */
	CHECK(dmr_logblock_check(blk, l->sb->store_uuid, &was) != DMR_OK ||
	      was.number < l->sb->log_tail,
	      "%llu where %llu is", l->next, was.number);
	dmr_logblock_put_record(&rec, &blk->records[0]);
	dmr_logblock_seal(blk, l->sb->store_uuid, &hdr, DMR_LOG_RECORDS);
	l->next++;
}

/* Write a state to the older copy; it is in force then. */
static void super(struct life *l, const struct dmr_sb *state)
{
	u32 copy = !l->sb->copy;
	u64 seq = l->sb->seq + 1;

	memmove(l->sb, state, sizeof(*state));
	l->sb->seq = seq;
	l->sb->copy = copy;
	l->sb->log_durable = l->next - 1;
	CHECK(!dmr_sb_validate(l->sb), "%s", dmr_sb_validate(l->sb));
	dmr_sb_encode(l->sb, l->super + copy * DMR_SB_AREA);
}

static void tail(struct life *l, u64 number)
{
	CHECK(number >= l->sb->log_tail && number < l->next);
	l->sb->log_tail = number;
	super(l, l->sb);
}

/* An attach: superblock and log. */
static int attach(struct life *l, u64 *end)
{
	u64 seq, state;
	int err;

	l->checks++;
	err = dmr_replay_super(&l->rd, l->found, &seq, &state, &l->dmg);
	if (err)
		return err;
	unit_gather(&l->g, l->found);
	return dmr_replay_log(&l->rd, l->found, &l->g.ops, end, &l->dmg);
}

/* The power fails: all durable blocks are found, in order, and nothing else. */
static void power_cut(struct life *l)
{
	u64 end = 0, n;
	int err = attach(l, &end);

	CHECK(!err, "%s, block %llu, number %llu", l->dmg.reason, l->dmg.where, l->dmg.number);
	CHECK_EQ(l->found->seq, l->sb->seq);
	CHECK_EQ(end, l->next);
	CHECK_EQ(l->g.count, end - l->found->log_tail);
	for (n = l->found->log_tail; n < end; n++)
		CHECK_EQ(l->g.marks[n - l->g.from], mark(n));
}

/* One block is spoiled: that is damage if anything vouches for it, and the end if not. */
static void spoiled(struct life *l, u64 number)
{
	u8 *byte = (u8 *)place(l, number) + 100;
	u64 end = 0;
	int err;

	*byte ^= 1;
	err = attach(l, &end);
	*byte ^= 1;
	if (number + 1 < l->next || l->sb->log_durable >= number) {
		CHECK_EQ(err, -EUCLEAN);
		CHECK_EQ(l->dmg.number, number);
		CHECK_EQ(l->dmg.where, dmr_ring_place(l->sb, number));
	} else {
		CHECK_EQ(err, 0);
		CHECK_EQ(end, number);
	}
}

/* @number log blocks, verified after each @every, with a part of the scale less often. */
static void go_on(struct life *l, u64 number, u64 every)
{
	u64 n;

	every = every * 8 / clamp(unit_scale(8), 1ULL, 8ULL);
	for (n = 1; n <= number; n++) {
		put(l);
		if (n % every == 0 || n < 3 || n + 2 > number)
			power_cut(l);
	}
}

static struct life *life(void)
{
	struct life *l = unit_alloc(sizeof(*l));

	l->rd.read = life_read;
	l->sb = unit_sb();
	l->found = unit_alloc(sizeof(*l->found));
	l->super = unit_alloc(DMR_SB_COPIES * DMR_SB_AREA);
	l->ring = unit_alloc(MAX_BLOCKS * DMR_BLOCK_SIZE);
	memset(l->ring, 0xd7, MAX_BLOCKS * DMR_BLOCK_SIZE);
	l->next = 1;
	super(l, l->sb);
	super(l, l->sb);
	return l;
}

/* The state that a growth to @bytes makes. */
static struct dmr_sb *grown(struct life *l, u64 bytes)
{
	struct dmr_sb *draft = unit_alloc(sizeof(*draft));
	const char *why;

	memcpy(draft, l->sb, sizeof(*draft));
	why = dmr_geometry_grow(draft, bytes);
	CHECK(!why, "%s", why);
	CHECK_EQ(draft->ring_extents, l->sb->ring_extents + 1);
	CHECK(dmr_ring_blocks(draft) <= MAX_BLOCKS);
	draft->ring_from = l->next;
	return draft;
}

/* All writes of a growth, cut off at each possible place. */
static void grow(struct life *l, u64 bytes)
{
	struct dmr_sb *draft = grown(l, bytes), *before = unit_alloc(sizeof(*before));
	u64 old = dmr_ring_blocks(l->sb), from = l->next;
	u8 *buf = unit_alloc(DMR_SB_AREA);

	power_cut(l);
	memcpy(before, l->sb, sizeof(*before));
	memcpy(buf, l->super + !l->sb->copy * DMR_SB_AREA, DMR_SB_AREA);
	/* The new extent is blank before any superblock names it. */
	memset(l->ring + old * DMR_BLOCK_SIZE, 0, dmr_ring_blocks(draft) * DMR_BLOCK_SIZE -
	       old * DMR_BLOCK_SIZE);
	power_cut(l);
	/* Torn: the old superblock is in force, and all of its log is there. */
	super(l, draft);
	memcpy(l->super + l->sb->copy * DMR_SB_AREA, buf, 512);
	memcpy(draft, l->sb, sizeof(*draft));
	memcpy(l->sb, before, sizeof(*before));
	power_cut(l);
	/* Taken back: the old state once more, over the same copy. */
	super(l, before);
	power_cut(l);
	super(l, draft);
	CHECK_EQ(l->sb->ring_from, from);
	power_cut(l);
	/* Both copies know of the new extent, before a block lies there. */
	super(l, l->sb);
	power_cut(l);
}

/* The new part takes as many as it is long, and not one more before the tail has left the old. */
static void fill_new_part(struct life *l, u64 every)
{
	u64 old = dmr_ring_blocks(l->sb) - l->sb->ring[l->sb->ring_extents - 1].count;
	u64 fresh = dmr_ring_blocks(l->sb) - old;

	CHECK(l->sb->log_tail < l->sb->ring_from);
	go_on(l, l->sb->ring_from + fresh - l->next, every);
	super(l, l->sb);
	power_cut(l);
	l->sb->log_durable++;
	CHECK(strstr(dmr_sb_validate(l->sb) ?: "", l->next - l->sb->log_tail < old + fresh ?
		     "too early" : "can hold"));
	l->sb->log_durable--;
}

static void in_both_parts(struct life *l)
{
	u64 from = l->sb->ring_from;

	spoiled(l, l->sb->log_tail);
	spoiled(l, from - 1);
	spoiled(l, from);
	spoiled(l, l->next - 1);
	put(l);
	spoiled(l, l->next - 2);
	spoiled(l, l->next - 1);
}

TEST(grow_in_the_middle_of_a_life)
{
	struct life *l = life();
	u64 old = dmr_ring_blocks(l->sb), all, n;

	/* Once round the ring and a half, then as full as possible. */
	go_on(l, old, 200);
	tail(l, old);
	go_on(l, old - 1, 200);
	tail(l, old + old / 2);
	go_on(l, old / 2, 200);
	CHECK_EQ(l->next - l->sb->log_tail, old);

	grow(l, 64 * MIB);
	put(l);
	power_cut(l);
	in_both_parts(l);
	fill_new_part(l, 150);
	/* The tail follows, but not far enough: that gains nothing. */
	for (n = l->sb->log_tail; n < l->sb->ring_from; n += 800 / clamp(unit_scale(8), 1ULL, 8ULL)) {
		tail(l, n);
		power_cut(l);
	}
	tail(l, l->sb->ring_from - 1);
	power_cut(l);
	l->sb->log_durable++;
	CHECK(strstr(dmr_sb_validate(l->sb) ?: "", "too early"));
	l->sb->log_durable--;
	/* A second growth would forget the place of the tail. */
	CHECK(strstr(dmr_sb_validate(grown(l, 4096 * MIB)) ?: "", "before the older ring's"));

	/* Past it the ring is one, and all of it is used. */
	tail(l, l->sb->ring_from);
	power_cut(l);
	all = dmr_ring_blocks(l->sb);
	go_on(l, all - (l->next - l->sb->log_tail), 150);
	CHECK_EQ(l->next - l->sb->log_tail, all);
	tail(l, l->next - 3);
	go_on(l, all - 3, 300);
	tail(l, l->next - 100);
	go_on(l, 300, 100);
	spoiled(l, l->next - 1);
	spoiled(l, l->next - 2);
	spoiled(l, l->sb->log_tail);

	/* And again, with the log at any place. */
	grow(l, 4096 * MIB);
	in_both_parts(l);
	fill_new_part(l, 500);
	tail(l, l->sb->ring_from + 10);
	power_cut(l);
	all = dmr_ring_blocks(l->sb);
	go_on(l, all - (l->next - l->sb->log_tail), 500);
	tail(l, l->next - 1);
	go_on(l, all - 1, 1000);
	unit_note("%llu log blocks, %u attaches, ring of %llu blocks", l->next - 1, l->checks, all);
}

/* A store that has hardly been used: few blocks, or none. */
TEST(grow_an_empty_log)
{
	u32 blocks;

	for (blocks = 0; blocks < 4; blocks++) {
		struct life *l = life();

		go_on(l, blocks, 1);
		if (blocks > 1)
			tail(l, blocks - 1);
		grow(l, 64 * MIB);
		if (!blocks) {
			/* No number is in the old ring, and so it may grow again at once. */
			grow(l, 4096 * MIB);
			go_on(l, 10, 1);
			tail(l, 10);
			power_cut(l);
			continue;
		}
		go_on(l, 3, 1);
		in_both_parts(l);
		tail(l, l->sb->ring_from);
		power_cut(l);
		grow(l, 4096 * MIB);
		go_on(l, 3, 1);
		in_both_parts(l);
	}
}

/*
 * Reason why both superblocks must know of a new extent before it is used: otherwise, with
 * the one that does, the log's end is lost without a trace.
 */
TEST(grow_superblock_lost)
{
	u32 copies;

	for (copies = 1; copies <= 2; copies++) {
		struct life *l = life();
		u64 end = 0, from;
		int err;

		go_on(l, 100, 100);
		super(l, grown(l, 64 * MIB));
		if (copies == 2)
			super(l, l->sb);
		from = l->next;
		go_on(l, 5, 5);
		l->super[l->sb->copy * DMR_SB_AREA + 100] ^= 1;
		err = attach(l, &end);
		if (copies == 1) {
			CHECK(!err && end == from, "%d, %llu", err, end);
		} else {
			CHECK_EQ(err, -EUCLEAN);
			CHECK(strstr(l->dmg.reason, "newer superblock"), "%s", l->dmg.reason);
		}
	}
}

/* The layout of a growth, and the reasons to refuse one. */
TEST(grow_geometry)
{
	struct dmr_sb *sb, *before = unit_alloc(sizeof(*before));
	u64 bytes, need, most;
	const char *why;
	struct rng r;
	u32 seed, n, longer = 0, refused = 0;

	for (seed = 0; seed < 400; seed++) {
		rng_init(&r, seed);
		sb = unit_sb();
		sb->chunk_bytes = DMR_MIN_CHUNK << rng_below(&r, 5);
		sb->store_bytes = rng_range(&r, 8 * MIB, 1ULL << rng_range(&r, 24, 36));
		sb->nr_points = 0;
		CHECK(!dmr_geometry(sb), "%s", dmr_geometry(sb));
		for (n = 0; n < 12; n++) {
			memcpy(before, sb, sizeof(*sb));
			/* In two steps: the compiler chooses which of two operands is first. */
			most = 1ULL << rng_range(&r, 15, 40);
			bytes = sb->store_bytes + rng_below(&r, most);
			why = dmr_geometry_grow(sb, bytes);
			if (why) {
				refused++;
				CHECK(strstr(why, "too little") || strstr(why, "too large") ||
				      strstr(why, "too often"), "%s", why);
				memcpy(sb, before, sizeof(*sb));
				continue;
			}
			if (sb->ring_extents != before->ring_extents)
				sb->ring_from = sb->log_durable + 1;
			CHECK(!dmr_sb_validate(sb), "seed %u: %s", seed, dmr_sb_validate(sb));
			/* R7: room for two records of each slot, beside all else. */
			CHECK(dmr_ring_blocks(sb) * DMR_LOG_RECORDS >= 2ULL * dmr_slot_count(sb),
			      "seed %u", seed);
			CHECK_EQ(sb->store_bytes, bytes);
			CHECK_EQ(sb->slot_end, bytes / sb->chunk_bytes);
			CHECK_EQ(sb->slot_first, before->slot_first);
			CHECK(dmr_slot_count(sb) >= dmr_slot_count(before));
			/* A ring or slot keeps its place. */
			CHECK(!memcmp(sb->ring, before->ring,
				      before->ring_extents * sizeof(sb->ring[0])));
			need = dmr_ring_need(dmr_slot_count(sb));
			if (sb->ring_extents == before->ring_extents) {
				CHECK(need <= dmr_ring_blocks(before));
				CHECK_EQ(sb->ring_from, before->ring_from);
				continue;
			}
			longer++;
			CHECK_EQ(sb->ring[before->ring_extents].first * DMR_BLOCK_SIZE,
				 before->slot_end * sb->chunk_bytes);
			/* R7: while the tail is in the old one, the new one is alone. */
			CHECK(sb->ring[before->ring_extents].count >= need);
			CHECK(sb->ring[before->ring_extents].count > dmr_ring_blocks(before));
			CHECK_EQ(sb->ring_start, dmr_ring_blocks(before));
			CHECK_EQ(sb->ring_old_extents, before->ring_extents);
			CHECK_EQ(sb->ring_old_from, before->ring_from);
			CHECK_EQ(sb->ring_old_start, before->ring_start);
			/* The tail follows. */
			sb->log_tail = sb->log_durable = sb->ring_from + rng_below(&r, 3);
		}
	}
	unit_note("%u rings are longer, %u growths refused", longer, refused);
	CHECK(longer > 200 && refused);
}

TEST(grow_refused)
{
	struct dmr_sb *sb = unit_sb(), *before = unit_alloc(sizeof(*before));
	u64 old = dmr_ring_blocks(sb), bytes, step = sb->chunk_bytes;
	const char *why = NULL;
	u32 n;

	/* Slots while the ring has room for them; then nothing, until a ring fits in, too. */
	for (bytes = sb->store_bytes; !why; bytes += step) {
		memcpy(before, sb, sizeof(*sb));
		why = dmr_geometry_grow(sb, bytes);
	}
	CHECK(strstr(why, "too little"), "%s", why);
	CHECK(before->slot_end > 128 && dmr_ring_blocks(before) == old);
	CHECK_EQ(before->ring_extents, 1);
	for (n = 0; why; n++, bytes += step) {
		memcpy(sb, before, sizeof(*sb));
		why = dmr_geometry_grow(sb, bytes);
	}
	CHECK_EQ(sb->ring_extents, 2);
	CHECK(dmr_slot_count(sb) > dmr_slot_count(before));
	CHECK(n < 2 * old / dmr_chunk_blocks(sb), "%u chunks more before it could grow", n);

	/* Grow each time by the least that makes the ring longer, as often as possible. */
	for (n = sb->ring_extents; n <= DMR_RING_EXTENTS; n++) {
		why = NULL;
		while (!why && sb->ring_extents < n + 1) {
			memcpy(before, sb, sizeof(*sb));
			bytes = sb->store_bytes + sb->store_bytes / 2;
			why = dmr_geometry_grow(sb, bytes);
		}
	}
	CHECK(strstr(why, "too often"), "%s", why);
	CHECK_EQ(before->ring_extents, DMR_RING_EXTENTS);
	unit_note("8 MiB grow to %llu MiB at least", before->store_bytes / MIB);

	sb = unit_sb();
	why = dmr_geometry_grow(sb, 65536ULL << 28);
	CHECK(why && strstr(why, "too large"), "%s", why ?: "accepted");
	sb = unit_sb();
	why = dmr_geometry_grow(sb, (65536ULL << 28) - 65536);
	CHECK(!why, "%s", why);
	sb->ring_from = 1;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
}

/* A ring longer than few slots need: its records would crowd the map's buckets. */
TEST(grow_ring_too_long)
{
	struct dmr_sb *sb = unit_sb();
	u64 need;

	sb->store_bytes = 1ULL << 34;
	sb->nr_points = 0;
	CHECK(!dmr_geometry(sb));
	sb->slot_first = sb->slot_end - 16;
	CHECK(strstr(dmr_sb_validate(sb) ?: "", "too long for the slots"), "%s", dmr_sb_validate(sb));
	need = dmr_ring_need(16);
	sb->ring[0].count = round_up(3 * need, (u64)dmr_chunk_blocks(sb));
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
}
