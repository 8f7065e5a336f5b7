// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log's ring, simulated with the module's own accounting (kmod/store/log-room.c): writes are
 * admitted, flushed alone or together, versions move home and die, superblocks fail, the
 * ring grows.  At any time every live version has its newest record in the ring, no block
 * is written over before the superblock has left it behind, no batch is larger than the
 * room that there is (R7), and a write that the map has a place for is admitted in the end
 * (R8).
 */
#include <store/log-room.h>
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
	u32 nr, nr_live;		/* possible versions, and live ones */
	u32 *due, nr_due, room_due;	/* dirty ones, in the order of their first bits */
	u32 nr_drops;			/* moved-home records due */
	u64 nr_first;			/* first writes in flight */
	struct block *ring;		/* by number, modulo */
	u64 ring_size;
	struct block *batch;		/* DMR_LOG_BATCH */
	u32 tail_record;
	bool sb_fails;			/* superblock writes fail, and are taken back */
	u64 commits, releases, pressed, refused, fullest;
	u32 direct;			/* blocks since the last look at the tail */
	u64 directs;			/* in all */
	u32 direct_chance;		/* percent of commits that may do without the worker */
	u64 least;			/* free blocks of a thousand, at worst */
	u64 turned_at;			/* percent of the new part written when the tail left the old one */
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

	CHECK(dmr_log_room_batch_room(b));
	if (id != NO_VERSION)
		s->v[id].at = dmr_log_room_batch_next(b);
	i = dmr_log_room_batch_add(b);
	blk = &s->batch[b->blocks - 1];
	blk->ids[i] = id;
	blk->nr = i + 1;
	blk->number = b->first + b->blocks - 1;
	if (id != NO_VERSION)
		CHECK_EQ(s->v[id].at, blk->number);
}

/*
 * Blocks that may be written, counted one by one: the places behind the head up to one that a
 * number in force has.  As dmr_ring_index() and struct dmr_log_room.
 */
static u64 count_free(const struct sim *s)
{
	const struct dmr_log_room *room = &s->room;
	bool turning = room->sb_tail < room->from;
	u64 place, in_force = turning ? room->from : room->sb_tail, n;

	for (n = room->next; n - in_force < room->blocks; n++) {
		place = (n - room->from + s->old_blocks) % room->blocks;
		/* The old part is in use until the tail has left it. */
		if (turning && place < s->old_blocks)
			break;
	}
	return n - room->next;
}

static int flush(void *ctx, struct dmr_log_batch *b)
{
	struct sim *s = ctx;
	struct dmr_log_room *room = &s->room;
	u32 i;

	if (dmr_log_room_turning(room) || rng_chance(&s->r, 1))
		CHECK_EQ(dmr_log_room_free(room), count_free(s));
	CHECK(b->blocks <= dmr_log_room_free(room), "a batch of %u, room for %llu", b->blocks,
	      (unsigned long long)dmr_log_room_free(room));
	for (i = 0; i < b->blocks; i++)
		*at(s, b->first + i) = s->batch[i];
	room->next += b->blocks;
	s->fullest = max(s->fullest, (room->next - room->sb_tail) * 100 / room->blocks);
	if (!dmr_log_room_turning(room))
		s->least = min(s->least, dmr_log_room_free(room) * 1000 / room->blocks);
	room->durable = room->next - 1;
	/* No place is that of two numbers. */
	if (dmr_log_room_turning(room)) {
		CHECK(room->next - room->from <= room->fresh);
		CHECK(room->from - room->sb_tail <= s->old_blocks);
	} else {
		CHECK(room->next - room->sb_tail <= room->blocks);
	}
	dmr_log_room_batch_begin(b, room);
	return 0;
}

static void drops(struct sim *s, struct dmr_log_batch *b, u64 *written)
{
	for (; s->nr_drops; s->nr_drops--) {
		if (!dmr_log_room_batch_room(b)) {
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
	if (s->sb_fails)
		return 0;
	if (s->room.tail >= s->room.from && dmr_log_room_turning(&s->room))
		s->turned_at = (s->room.next - s->room.from) * 100 / s->room.fresh;
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

			if (gap_only ? !dmr_log_room_batch_gap(b) : !dmr_log_room_batch_room(b))
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

/* As dmr_log_direct(), which writes one block and leaves the tail alone. */
static bool direct(struct sim *s)
{
	struct dmr_log_batch b;
	u32 i;

	if (s->nr_drops || s->nr_due > DMR_LOG_RECORDS ||
	    dmr_log_room_press(&s->room, s->nr_first, s->nr_due) ||
	    !dmr_log_room_direct(&s->room, s->direct))
		return false;
	dmr_log_room_batch_begin(&b, &s->room);
	for (i = 0; i < s->nr_due; i++) {
		s->v[s->due[i]].dirty = false;
		if (s->v[s->due[i]].live)
			add(s, &b, s->due[i]);
	}
	s->nr_due = 0;
	if (!b.blocks)
		return true;
	CHECK_EQ(b.blocks, 1);
	flush(s, &b);
	s->direct++;
	s->directs++;
	return true;
}

/* As dmr_log_sync() in kmod/log.c. */
static void commit(struct sim *s)
{
	bool press = dmr_log_room_press(&s->room, s->nr_first, s->nr_due);
	struct dmr_log_batch b;
	u64 written = 0;
	bool looked;
	u32 i, id;

	s->commits++;
	if (rng_chance(&s->r, s->direct_chance) && direct(s))
		return;
	s->pressed += press;
	dmr_log_room_batch_begin(&b, &s->room);
	drops(s, &b, &written);
	for (i = 0; i < s->nr_due; i++) {
		if (!dmr_log_room_batch_room(&b)) {
			written += b.blocks;
			flush(s, &b);
		}
		id = s->due[i];
		s->v[id].dirty = false;
		if (s->v[id].live)
			add(s, &b, id);
	}
	s->nr_due = 0;
	looked = written || b.blocks;
	CHECK_EQ(dmr_log_room_move_tail(&s->room, &b, looked ? written + s->direct : 0, press, &ops,
					s), 0);
	if (looked)
		s->direct = 0;
	if (dmr_log_room_tail_lags(&s->room) || (press && s->room.tail != s->room.sb_tail))
		release(s, &b);
	else if (b.blocks)
		flush(s, &b);
}

static bool admits(struct sim *s, u32 records)
{
	bool may = dmr_log_room_admits(&s->room, s->nr_first + records, s->nr_due);

	s->refused += !may;
	return may;
}

static void dirty(struct sim *s, u32 id)
{
	if (s->v[id].dirty)
		return;
	s->v[id].dirty = true;
	CHECK(s->nr_due < s->room_due);
	s->due[s->nr_due++] = id;
}

/* A first write ends: a new version, or another block of an existing one. */
static void complete(struct sim *s, bool again)
{
	u32 id = rng_below(&s->r, s->nr), i;

	CHECK(s->nr_first);
	s->nr_first--;
	for (i = 0; i < s->nr && s->v[id].live != again; i++)
		id = (id + 1) % s->nr;
	if (i == s->nr)
		return;
	if (!again) {
		s->v[id].live = true;
		s->v[id].at = 0;
		s->nr_live++;
	}
	dirty(s, id);
}

/*
 * As a worker does: ask for the most that a write may open.  A commit in haste makes room,
 * unless first writes in flight have it all, which end, or no superblock can be written.
 */
static bool make_room(struct sim *s)
{
	u32 tries = 0;
	u64 pressed;
	bool last;

	while (!admits(s, DMR_FIRST_MAX)) {
		CHECK(tries++ < 100, "no commit makes room: %llu of %llu free",
		      (unsigned long long)dmr_log_room_free(&s->room),
		      (unsigned long long)s->room.blocks);
		last = !s->nr_first;
		pressed = s->pressed;
		commit(s);
		if (admits(s, DMR_FIRST_MAX))
			break;
		if (last && s->pressed != pressed)
			return false;
		while (s->nr_first)
			complete(s, false);
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
	/* A batch of moves has this many, and waits for its records. */
	if (moved && ++s->nr_drops >= 256)
		commit(s);
}

static void begin(struct sim *s, u64 seed, u64 slots)
{
	memset(s, 0, sizeof(*s));
	rng_init(&s->r, seed);
	s->nr = dmr_slot_versions(slots);
	s->v = unit_alloc(s->nr * sizeof(*s->v));
	s->room_due = s->nr;
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
	s->least = 1000;
	s->direct_chance = seed % 3 * 50;
}

/*
 * @full: percent of the possible versions that live, about; @alone: percent of writes that
 * are flushed at once; @moved: of deaths that take a record; @again: of writes into existing
 * versions; @burst: first writes under way between two commits.
 */
struct load {
	u32 full, alone, moved, again, burst;
};

static void run(struct sim *s, u64 commits, const struct load *l)
{
	u64 until = s->commits + commits;
	u32 n;

	while (s->commits < until) {
		if (s->nr_live + s->nr_first + l->burst + 16 < s->nr * l->full / 100) {
			for (n = 0; n < l->burst; n++) {
				if (make_room(s)) {
					s->nr_first++;
					continue;
				}
				CHECK(s->sb_fails, "no room: %llu of %llu free, %u live",
				      (unsigned long long)dmr_log_room_free(&s->room),
				      (unsigned long long)s->room.blocks, s->nr_live);
				kill_one(s, false);
				break;
			}
		} else {
			for (n = rng_range(&s->r, 1, 2 * l->burst); n; n--)
				kill_one(s, rng_chance(&s->r, l->moved));
		}
		if (rng_chance(&s->r, l->alone)) {
			while (s->nr_first)
				complete(s, rng_chance(&s->r, l->again));
			commit(s);
		} else {
			while (s->nr_first > l->burst / 2)
				complete(s, rng_chance(&s->r, l->again));
			if (rng_chance(&s->r, 5))
				commit(s);
		}
		/* A superblock that could not be written leaves the ring shorter for a while. */
		if (s->sb_fails && rng_chance(&s->r, 1)) {
			s->sb_fails = false;
			commit(s);
			while (s->nr_first)
				complete(s, false);
			CHECK(make_room(s), "the superblock can be written again");
		}
	}
	s->sb_fails = false;
	while (s->nr_first)
		complete(s, false);
	commit(s);
	check_live(s);
}

TEST(log_room_random)
{
	u64 seed, turns = 0, pressed = 0, refused = 0, fullest = 0, directs = 0;
	u64 seeds = max(unit_scale(24), 6ULL);
	struct sim s;

	for (seed = 0; seed < seeds; seed++) {
		struct load l;
		struct rng r;
		u32 i;

		rng_init(&r, seed);
		begin(&s, seed, rng_range(&r, 16, 6000));
		for (i = 0; i < 4; i++) {
			l.full = rng_range(&r, 5, 100);
			l.alone = rng_below(&r, 101);
			l.moved = rng_below(&r, 101);
			l.again = rng_below(&r, 101);
			l.burst = rng_chance(&r, 50) ? rng_range(&r, 1, 4) : rng_range(&r, 1, 200);
			s.sb_fails = rng_chance(&r, 30);
			run(&s, 800, &l);
		}
		turns += s.room.next / s.room.blocks;
		pressed += s.pressed;
		refused += s.refused;
		directs += s.directs;
		fullest = max(fullest, s.fullest);
	}
	unit_note("the ring went round %llu times and was %llu %% full, %llu commits pressed",
		  (unsigned long long)turns, (unsigned long long)fullest, (unsigned long long)pressed);
	CHECK(turns >= seeds && pressed && refused && fullest > 70 && directs);
}

/* Blocks of records that never die, and one version that is written and flushed for ever. */
TEST(log_room_cold_and_hot)
{
	static const struct load cold = { .full = 95, .burst = 16 };
	struct sim s;
	u64 i, seed;

	for (seed = 0; seed < 3; seed++) {
		begin(&s, seed, 3000);
		run(&s, 50, &cold);
		s.directs = 0;
		for (i = 0; i < 20000; i++) {
			CHECK(make_room(&s), "after %llu", (unsigned long long)i);
			s.nr_first++;
			complete(&s, true);
			commit(&s);
		}
		CHECK(s.room.next > 4 * s.room.blocks);
		unit_note("%llu of 20000 flushes did without the worker, %u %% might",
			  (unsigned long long)s.directs, s.direct_chance);
	}
}

/* A chunk that is written and flushed for ever in a store with room: the worker is rarely needed. */
TEST(log_room_direct)
{
	static const struct load some = { .full = 20, .burst = 4, .moved = 50 };
	struct sim s;
	u64 i;

	begin(&s, 2, 3000);
	run(&s, 50, &some);
	s.directs = 0;
	for (i = 0; i < 20000; i++) {
		CHECK(make_room(&s));
		s.nr_first++;
		complete(&s, true);
		commit(&s);
	}
	unit_note("%llu of 20000 flushes did without the worker", (unsigned long long)s.directs);
	CHECK(s.room.next > 4 * s.room.blocks);
	CHECK(s.directs > 20000 * 9 / 10);
}

/*
 * Commits of whole blocks, without a gap that the tail could be moved into: chunks are
 * written again and again, a block each time.
 */
TEST(log_room_without_gaps)
{
	u64 slots;
	struct sim s;
	u32 i, n, points;

	for (slots = 300; slots < 20000; slots += 371 * 8 / clamp(unit_scale(8), 1ULL, 8ULL)) {
		begin(&s, slots, slots);
		for (points = 0; points < slots / DMR_LOG_RECORDS; points++) {
			for (n = 0; n < DMR_LOG_RECORDS; n++)
				s.v[points * DMR_LOG_RECORDS + n].live = true;
			s.nr_live += DMR_LOG_RECORDS;
			for (i = 0; i < 16; i++) {
				for (n = 0; n < DMR_LOG_RECORDS; n++) {
					CHECK(make_room(&s), "%llu slots, point %u, %u: %llu of %llu free",
					      (unsigned long long)slots, points, i,
					      (unsigned long long)dmr_log_room_free(&s.room),
					      (unsigned long long)s.room.blocks);
					dirty(&s, points * DMR_LOG_RECORDS + n);
				}
				commit(&s);
			}
		}
	}
}

/* All versions that the ring was made for live, in blocks without a gap. */
static void fill(struct sim *s)
{
	u32 n;

	for (n = 0; n < s->nr; n++) {
		if (s->v[n].live)
			continue;
		CHECK(make_room(s));
		s->v[n].live = true;
		s->v[n].at = 0;
		s->nr_live++;
		dirty(s, n);
		if (s->nr_due == 32 * DMR_LOG_RECORDS)
			commit(s);
	}
	commit(s);
}

/*
 * Write the last @hot versions until the ring takes no more, @times times: first as far as no
 * tail has to move, then each once more, and then there are writes in flight.  Due records
 * fill it up to the reserve, and the tail has only that to get past the records that were not
 * written again.  The writes in flight are flushed one by one.
 */
static void exhaust(struct sim *s, u32 hot, u32 times)
{
	u64 full = s->room.blocks * 73 / 100;
	u32 n, i;

	for (; times; times--) {
		for (n = 0; n < 2 * s->nr && !dmr_log_room_turning(&s->room) &&
			    s->room.next - s->room.sb_tail + 4 < full; n += i) {
			for (i = 0; i < min(hot, 4U * DMR_LOG_RECORDS); i++)
				dirty(s, s->nr - 1 - (n + i) % hot);
			commit(s);
		}
		for (n = 0; admits(s, DMR_FIRST_MAX); n++) {
			if (n < hot)
				dirty(s, s->nr - hot + n);
			else
				s->nr_first++;
		}
		/* Moves that have just ended come on top. */
		s->nr_drops += 255;
		commit(s);
		while (s->nr_first) {
			s->nr_first--;
			dirty(s, s->nr - 1 - s->nr_first % hot);
			commit(s);
		}
		CHECK(make_room(s), "%u of %u live versions hot: %llu of %llu blocks free", hot,
		      s->nr, (unsigned long long)dmr_log_room_free(&s->room),
		      (unsigned long long)s->room.blocks);
		check_live(s);
	}
}

/* The ring is exhausted, again and again, and continues each time (R7, R8). */
TEST(log_room_exhausted)
{
	static const u32 slots[] = { 16, 300, 3000, 30000, 300000 };
	u64 least = 1000, fullest = 0;
	struct sim s;
	u32 i, part, step = 8 / clamp(unit_scale(8), 1ULL, 8ULL);

	for (i = 0; i < ARRAY_SIZE(slots); i++) {
		for (part = 8; part; part -= min(part, step)) {
			begin(&s, i, slots[i]);
			fill(&s);
			exhaust(&s, s.nr * part / 8, slots[i] < 10000 ? 12 : 4);
			least = min(least, s.least);
			fullest = max(fullest, s.fullest);
		}
	}
	unit_note("the ring was %llu %% full, and %llu of 1000 blocks were left",
		  (unsigned long long)fullest, (unsigned long long)least);
	/* All blocks that writes may have, and half of the reserve. */
	CHECK(step > 1 || (fullest >= 90 && least <= 100));
}

static int fails(void *ctx, struct dmr_log_batch *b)
{
	(void)b;
	return *(int *)ctx == 1 ? -EIO : 0;
}

static int fails_to_move(void *ctx, struct dmr_log_batch *b, u64 upto, bool gap_only)
{
	(void)b;
	(void)upto;
	(void)gap_only;
	return *(int *)ctx == 2 ? -EUCLEAN : 0;
}

TEST(log_room_errors)
{
	static const struct dmr_log_tail_ops bad = {
		.move = fails_to_move,
		.flush = fails,
		.release = fails,
	};
	struct dmr_log_room room = { .next = 1000, .tail = 100, .durable = 999, .sb_tail = 1,
				     .blocks = 1000, .from = 1, .fresh = 1000 };
	struct dmr_log_batch b;
	int which = 2;

	dmr_log_room_batch_begin(&b, &room);
	CHECK_EQ(dmr_log_room_move_tail(&room, &b, 1, true, &bad, &which), -EUCLEAN);
	CHECK_EQ(dmr_log_room_move_tail(&room, &b, 1, false, &bad, &which), -EUCLEAN);
	which = 1;
	CHECK_EQ(dmr_log_room_move_tail(&room, &b, 1, true, &bad, &which), -EIO);
	/* A superblock that fails cleanly: once, and no more of the reserve. */
	which = 0;
	CHECK_EQ(dmr_log_room_move_tail(&room, &b, 1, true, &bad, &which), 0);
}

/* As dmr_geometry_grow() and dmr_log_turn(): the new extent is a whole ring. */
static void grow(struct sim *s, u64 slots)
{
	u64 blocks = s->room.blocks + dmr_ring_need(slots);
	struct version *v = unit_alloc(dmr_slot_versions(slots) * sizeof(*v));
	struct block *ring = unit_alloc(4 * blocks * sizeof(*ring));
	u64 n;

	for (n = s->room.sb_tail; n < s->room.next; n++)
		ring[n % (4 * blocks)] = *at(s, n);
	memcpy(v, s->v, s->nr * sizeof(*v));
	s->v = v;
	s->nr = dmr_slot_versions(slots);
	s->room_due = s->nr;
	s->due = unit_alloc(s->nr * sizeof(*s->due));
	s->ring = ring;
	s->ring_size = 4 * blocks;
	s->old_blocks = s->room.blocks;
	s->room.fresh = blocks - s->room.blocks;
	s->room.from = s->room.next;
	s->room.blocks = blocks;
}

/* As dmr_grow_wait_turn() does, until the tail has left the old ring. */
static void leave_old_ring(struct sim *s)
{
	while (dmr_log_room_turning(&s->room)) {
		u64 before = s->room.next, sb_tail = s->room.sb_tail;

		commit(s);
		/* An empty block lets the tail into the new ring. */
		if (s->room.next == before && dmr_log_room_turning(&s->room)) {
			struct dmr_log_batch b;

			CHECK(s->room.durable < s->room.from || s->room.sb_tail > sb_tail,
			      "the tail stays in the old ring");
			dmr_log_room_batch_begin(&b, &s->room);
			b.blocks = 1;
			s->batch[0].nr = 0;
			s->batch[0].number = b.first;
			flush(s, &b);
		}
	}
}

TEST(log_room_grows)
{
	struct sim s;
	u64 seed, slots;

	for (seed = 0; seed < max(unit_scale(8), 2ULL); seed++) {
		static const struct load load = { .full = 95, .alone = 50, .moved = 30, .again = 30, .burst = 8 };

		slots = 300;
		begin(&s, seed, slots);
		while (slots < 10000) {
			run(&s, 400, &load);
			/* A second growth waits for the first (grow.c). */
			leave_old_ring(&s);
			slots *= 3;
			grow(&s, slots);
		}
	}
}

/*
 * The ring grows by as little as it can while it is exhausted, and is exhausted again: only
 * the added part is left until the tail has left the old part, which it does soon, and by
 * itself.
 */
TEST(log_room_grows_exhausted)
{
	u32 slots, part, i, n, turns = 0;
	u64 latest = 0;
	struct sim s;

	for (part = 1; part <= 8; part++) {
		slots = 1000 + 100 * part;
		begin(&s, part, slots);
		for (i = 0; i < 3; i++) {
			fill(&s);
			exhaust(&s, s.nr * part / 8, 2);
			while (dmr_ring_need(slots) <= s.room.blocks)
				slots += slots / 16;
			grow(&s, slots);
			/* A block each, which is enough for a commit to move the tail. */
			for (n = 0; dmr_log_room_turning(&s.room); n++) {
				CHECK(n < s.room.fresh && make_room(&s));
				dirty(&s, s.nr_live - 1 - n % (s.nr_live / 8));
				commit(&s);
			}
			CHECK(s.turned_at <= 40, "the tail left the old ring at %llu %%",
			      (unsigned long long)s.turned_at);
			latest = max(latest, s.turned_at);
			turns++;
		}
	}
	CHECK_EQ(turns, 24);
	unit_note("the tail left an old ring at %llu %% of the new part at the latest", (unsigned long long)latest);
}
