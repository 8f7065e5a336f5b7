// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log's ring, simulated with the module's own accounting (kmod/log-room.c): writes are
 * admitted, flushed alone or together, versions move home and die, superblocks fail, the
 * ring grows.  At any time every live version has its newest record in the ring, no block
 * is written over before the superblock has left it behind, no batch is larger than the
 * room that there is (R7), and a write that the map has a place for is admitted in the end
 * (R8).
 */
#include "log-room.h"
#include "unit.h"

struct version {
	u64 at;			/* number of the block with its newest record; 0: none */
	bool live, dirty;
};

struct block {
	u64 number;
	u32 nr;
	u32 ids[DMR_LOG_RECORDS];	/* versions; NO_VERSION for a moved-home record */
};
#define NO_VERSION	(~0U)

struct sim {
	struct rng r;
	struct dmr_log_room room;
	u64 old_blocks;			/* of the ring before it grew */
	struct version *v;
	u32 nr, nr_live;		/* versions that may be, that are */
	u32 *due, nr_due;		/* dirty ones, in the order of their first bits */
	u32 nr_drops;			/* moved-home records due */
	u64 nr_first;			/* first writes in flight */
	struct block *ring;		/* by number, modulo */
	u64 ring_size;
	struct block *batch;		/* DMR_LOG_BATCH */
	u32 tail_record;
	u32 sb_fails;			/* percent of superblock writes */
	bool hold_drops;
	u64 commits, releases, pressed;
};

static struct block *at(struct sim *s, u64 number)
{
	return &s->ring[number % s->ring_size];
}

static void check_live(struct sim *s)
{
	u32 i;

	for (i = 0; i < s->nr; i++)
		CHECK(!s->v[i].live || !s->v[i].at || s->v[i].at >= s->room.sb_tail,
		      "version %u is in block %llu, the tail is %llu", i,
		      (unsigned long long)s->v[i].at, (unsigned long long)s->room.sb_tail);
}

static void add(struct sim *s, struct dmr_log_batch *b, u32 id)
{
	struct block *blk;
	u32 i;

	CHECK(dmr_log_batch_room(b));
	if (id != NO_VERSION)
		s->v[id].at = dmr_log_batch_next(b);
	i = dmr_log_batch_add(b);
	blk = &s->batch[b->blocks - 1];
	blk->ids[i] = id;
	blk->nr = i + 1;
	blk->number = b->first + b->blocks - 1;
	if (id != NO_VERSION)
		CHECK_EQ(s->v[id].at, blk->number);
}

static int flush(void *ctx, struct dmr_log_batch *b)
{
	struct sim *s = ctx;
	struct dmr_log_room *room = &s->room;
	u32 i;

	CHECK(b->blocks <= dmr_log_room_free(room), "a batch of %u, room for %llu", b->blocks,
	      (unsigned long long)dmr_log_room_free(room));
	for (i = 0; i < b->blocks; i++)
		*at(s, b->first + i) = s->batch[i];
	room->next += b->blocks;
	room->durable = room->next - 1;
	/* No place is that of two numbers. */
	if (dmr_log_room_turning(room)) {
		CHECK(room->next - room->from <= room->fresh);
		CHECK(room->from - room->sb_tail <= s->old_blocks);
	} else {
		CHECK(room->next - room->sb_tail <= room->blocks);
	}
	dmr_log_batch_begin(b, room);
	return 0;
}

static void drops(struct sim *s, struct dmr_log_batch *b, u64 *written)
{
	for (; s->nr_drops; s->nr_drops--) {
		if (!dmr_log_batch_room(b)) {
			*written += b->blocks;
			flush(s, b);
		}
		add(s, b, NO_VERSION);
	}
}

static int release(void *ctx, struct dmr_log_batch *b)
{
	struct sim *s = ctx;
	u64 written = 0;

	drops(s, b, &written);
	if (b->blocks)
		flush(s, b);
	if (rng_chance(&s->r, s->sb_fails))
		return 0;
	s->room.sb_tail = s->room.tail;
	s->releases++;
	check_live(s);
	return 0;
}

static int move(void *ctx, struct dmr_log_batch *b, u64 upto, bool gap_only)
{
	struct sim *s = ctx;
	struct dmr_log_room *room = &s->room;

	/* R6: the last durable block stays, as the end's proof. */
	upto = min(upto, room->durable);
	while (room->tail < upto) {
		struct block *blk = at(s, room->tail);

		CHECK_EQ(blk->number, room->tail);
		while (s->tail_record < blk->nr) {
			u32 id;

			if (gap_only ? !dmr_log_batch_gap(b) : !dmr_log_batch_room(b))
				return 0;
			id = blk->ids[s->tail_record++];
			if (id != NO_VERSION && s->v[id].live && s->v[id].at == room->tail)
				add(s, b, id);
		}
		room->tail++;
		s->tail_record = 0;
	}
	return 0;
}

static const struct dmr_log_tail_ops ops = {
	.move = move,
	.flush = flush,
	.release = release,
};

/* As dmr_commit() in kmod/commit.c. */
static void commit(struct sim *s, bool press)
{
	struct dmr_log_batch b;
	u64 written = 0;
	u32 i, id;

	s->commits++;
	s->pressed += press;
	dmr_log_batch_begin(&b, &s->room);
	drops(s, &b, &written);
	for (i = 0; i < s->nr_due; i++) {
		if (!dmr_log_batch_room(&b)) {
			written += b.blocks;
			flush(s, &b);
		}
		id = s->due[i];
		s->v[id].dirty = false;
		if (s->v[id].live)
			add(s, &b, id);
	}
	s->nr_due = 0;
	dmr_log_room_move_tail(&s->room, &b, written, press, &ops, s);
	if (dmr_log_room_tail_lags(&s->room) || (press && s->room.tail != s->room.sb_tail))
		release(s, &b);
	else if (b.blocks)
		flush(s, &b);
}

static bool admits(struct sim *s, u32 records)
{
	return dmr_log_room_admits(&s->room, s->nr_first + records, s->nr_due);
}

static void complete(struct sim *s)
{
	u32 id;

	CHECK(s->nr_first);
	s->nr_first--;
	do {
		id = rng_below(&s->r, s->nr);
	} while (s->v[id].live);
	s->v[id].live = true;
	s->v[id].dirty = true;
	s->v[id].at = 0;
	s->nr_live++;
	s->due[s->nr_due++] = id;
}

/* As dmr_commit_make_room(); a superblock that fails may need another try. */
static bool make_room(struct sim *s, u32 records)
{
	u32 tries = s->sb_fails ? 1000 : 2;

	while (!admits(s, records)) {
		if (!tries--)
			return false;
		commit(s, !admits(s, records));
		while (s->nr_first && rng_chance(&s->r, 50))
			complete(s);
	}
	return true;
}

static void kill_one(struct sim *s, bool moved)
{
	u32 i, id = rng_below(&s->r, s->nr);

	for (i = 0; i < s->nr && (!s->v[id].live || s->v[id].dirty); i++)
		id = (id + 1) % s->nr;
	if (i == s->nr)
		return;
	s->v[id].live = false;
	s->nr_live--;
	/* A batch of moves has so many, and waits for its records. */
	if (moved && ++s->nr_drops >= 256)
		commit(s, !admits(s, 1));
}

static void begin(struct sim *s, u64 seed, u64 slots, u32 sb_fails)
{
	memset(s, 0, sizeof(*s));
	rng_init(&s->r, seed);
	s->nr = dmr_map_versions(slots);
	s->sb_fails = sb_fails;
	s->v = unit_alloc(s->nr * sizeof(*s->v));
	s->due = unit_alloc(s->nr * sizeof(*s->due));
	s->batch = unit_alloc(DMR_LOG_BATCH * sizeof(*s->batch));
	s->room.blocks = dmr_ring_need(slots);
	s->ring_size = 4 * s->room.blocks;
	s->ring = unit_alloc(s->ring_size * sizeof(*s->ring));
	s->room.next = 1;
	s->room.tail = 1;
	s->room.sb_tail = 1;
	s->room.from = 1;
	s->room.fresh = s->room.blocks;
}

/*
 * @full: percent of the versions that may be which do live, about; @alone: percent of
 * writes that are flushed at once; @moved: of deaths that take a record.
 */
static void run(struct sim *s, u64 commits, u32 full, u32 alone, u32 moved)
{
	u64 until = s->commits + commits;
	u32 n;

	while (s->commits < until) {
		if (s->nr_live + s->nr_first + 16 < s->nr * full / 100) {
			n = rng_range(&s->r, 1, 4);
			CHECK(make_room(s, n), "no room for %u: %llu of %llu free, %u live", n,
			      (unsigned long long)dmr_log_room_free(&s->room),
			      (unsigned long long)s->room.blocks, s->nr_live);
			s->nr_first += n;
		} else {
			for (n = rng_range(&s->r, 1, 300); n; n--)
				kill_one(s, rng_chance(&s->r, moved));
		}
		if (rng_chance(&s->r, alone)) {
			while (s->nr_first)
				complete(s);
			commit(s, !admits(s, 1));
		} else {
			while (s->nr_first > 64 || (s->nr_first && rng_chance(&s->r, 60)))
				complete(s);
		}
		if (rng_chance(&s->r, 1))
			commit(s, !admits(s, 1));
	}
	while (s->nr_first)
		complete(s);
	commit(s, !admits(s, 1));
	check_live(s);
}

TEST(log_room_random)
{
	static const u32 fulls[] = { 5, 50, 95, 100 };
	struct sim s;
	u64 seed;
	u32 n = 0;

	for (seed = 0; seed < 24 * unit_scale(); seed++) {
		struct rng r;

		rng_init(&r, seed);
		begin(&s, seed, rng_range(&r, 16, 20000), rng_chance(&r, 30) ? 50 : 0);
		run(&s, 3000, fulls[seed % 4], rng_below(&r, 101), rng_below(&r, 101));
		n += s.room.next / s.room.blocks;
	}
	unit_note("the ring went round %u times", n);
	CHECK(n >= 24);
}

/* A block of records that never die, and one version that is written and flushed for ever. */
TEST(log_room_cold_and_hot)
{
	struct sim s;
	u64 i;

	begin(&s, 1, 3000, 0);
	run(&s, 50, 95, 0, 0);
	for (i = 0; i < 20000; i++) {
		kill_one(&s, false);
		CHECK(make_room(&s, 1));
		s.nr_first++;
		complete(&s);
		commit(&s, !admits(&s, 1));
	}
	CHECK(s.room.next > 4 * s.room.blocks);
}

/* As dmr_geometry_grow() and dmr_commit_turn(): the new extent is a whole ring. */
static void grow(struct sim *s, u64 slots)
{
	u64 blocks = s->room.blocks + dmr_ring_need(slots);
	struct version *v = unit_alloc(dmr_map_versions(slots) * sizeof(*v));
	struct block *ring = unit_alloc(4 * blocks * sizeof(*ring));
	u64 n;

	for (n = s->room.sb_tail; n < s->room.next; n++)
		ring[n % (4 * blocks)] = *at(s, n);
	memcpy(v, s->v, s->nr * sizeof(*v));
	s->v = v;
	s->due = unit_alloc(dmr_map_versions(slots) * sizeof(*s->due));
	s->nr = dmr_map_versions(slots);
	s->ring = ring;
	s->ring_size = 4 * blocks;
	s->old_blocks = s->room.blocks;
	s->room.fresh = blocks - s->room.blocks;
	s->room.from = s->room.next;
	s->room.blocks = blocks;
}

TEST(log_room_grows)
{
	struct sim s;
	u64 seed, slots;

	for (seed = 0; seed < 8 * unit_scale(); seed++) {
		slots = 300;
		begin(&s, seed, slots, 0);
		while (slots < 30000) {
			run(&s, 400, 95, 50, 30);
			/* A second growth waits for the first (grow.c). */
			while (dmr_log_room_turning(&s.room)) {
				u64 before = s.room.next;

				commit(&s, true);
				/* An empty block lets the tail into the new ring. */
				if (s.room.next == before && dmr_log_room_turning(&s.room)) {
					struct dmr_log_batch b;

					dmr_log_batch_begin(&b, &s.room);
					b.blocks = 1;
					s.batch[0].nr = 0;
					s.batch[0].number = b.first;
					flush(&s, &b);
				}
			}
			slots *= 3;
			grow(&s, slots);
		}
		CHECK(s.room.next > s.room.blocks / 4);
	}
}
