// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions that are cut: at each frame, at random bytes, with a crash of the receiver or
 * without; and streams of which each byte in turn is damaged.
 */
#include "replica-world.h"

#define SYNC	16384u
/* A crash may lose the newest cursor: the one before it is in force. */
#define AGAIN	(2 * SYNC)

static const struct dmrs_sender_conf live = { .live = true, .sync_bytes = SYNC };

struct scene {
	struct site *s, *r;
	u32 first;		/* points that the receiver has */
};

/* The same each time: with a point in common (@delta), or without. */
static void scene_new(struct scene *sc, bool delta)
{
	struct world_run run;

	sc->s = site_new(1, false);
	sc->r = site_new(2, false);
	sc->first = delta;
	site_write(sc->s, 60);
	site_point(sc->s);
	if (delta) {
		world_run(sc->s, sc->r, &live, &world_whole, &run);
		CHECK_EQ(run.done, 1);
		site_write(sc->s, 25);
		site_point(sc->s);
	}
}

static void whole_run(bool delta, struct world_run *run)
{
	struct scene sc;

	scene_new(&sc, delta);
	world_run(sc.s, sc.r, &live, &world_whole, run);
	CHECK_EQ(run->done, 1);
	CHECK(run->nr_ends > 10 && run->nr_ends < ARRAY_SIZE(run->ends));
}

/*
 * One cut, and what follows: the acknowledged points are there and right, the sender has
 * what the next session needs (I3), and that goes on where the last flush was.
 */
static u32 live_through(const struct world_cut *cut, bool delta, bool crash, u64 seed)
{
	struct world_run run, next;
	void *mark = unit_mark();
	struct scene sc;
	bool partial;

	scene_new(&sc, delta);
	world_run(sc.s, sc.r, &live, cut, &run);
	if (crash)
		site_crash(sc.r, seed);
	site_check(sc.r, sc.s);
	CHECK(sc.r->nr_points >= sc.first && sc.r->nr_points <= sc.first + 1);
	CHECK(!sc.s->acks || sc.r->nr_points >= sc.s->acks, "acknowledged and not there");
	partial = sc.r->condition == DMRS_PARTIAL;
	/* I3: all that is not held may go; more is written meanwhile. */
	site_write(sc.s, 3);
	site_point(sc.s);
	site_drop_loose(sc.s);
	world_run(sc.s, sc.r, &live, &world_whole, &next);
	CHECK(!next.sender.code && !next.receiver.code, "%s, %s", next.sender.sentence,
	      next.receiver.sentence);
	CHECK_EQ(next.done, 1);
	if (partial) {
		CHECK_EQ(next.decision.verdict, DMRS_GO_RESUME);
		CHECK_EQ(sc.r->aborts, 0);
	} else {
		CHECK_EQ(next.decision.verdict, sc.r->nr_points > 1 ? DMRS_GO_DELTA : DMRS_GO_FULL);
	}
	CHECK(sc.r->again <= (crash ? AGAIN : SYNC), "%llu bytes sent again",
	      (unsigned long long)sc.r->again);
	world_run(sc.s, sc.r, &live, &world_whole, &next);
	CHECK(!next.sender.code);
	CHECK_EQ(site_newest(sc.r), site_newest(sc.s));
	CHECK_EQ(sc.r->condition, DMRS_CLEAN);
	/* Points that the sender has dropped since are not compared. */
	while (sc.r->nr_points > 1)
		site_drop(sc.r, sc.r->points[0].number);
	site_check(sc.r, sc.s);
	unit_release(mark);
	return partial;
}

TEST(stream_cut_at_every_frame)
{
	u32 delta, crash, i, cuts = 0, partial = 0;
	struct world_cut cut = world_whole;
	struct world_run run;
	int off;

	for (delta = 0; delta < 2; delta++) {
		whole_run(delta, &run);
		for (crash = 0; crash < 2; crash++)
			for (i = 0; i < run.nr_ends; i++)
				for (off = -1; off <= 1; off++) {
					cut.to_receiver = run.ends[i] + off;
					if (cut.to_receiver >= run.to_receiver)
						continue;
					partial += live_through(&cut, delta, crash, i * 3 + off);
					cuts++;
				}
	}
	unit_note("%u cuts, %u of them in a stream", cuts, partial);
	CHECK(partial > cuts / 2);
}

TEST(stream_cut_of_answers)
{
	u32 delta, crash, cuts = 0;
	struct world_cut cut = world_whole;
	struct world_run run;

	for (delta = 0; delta < 2; delta++) {
		whole_run(delta, &run);
		for (crash = 0; crash < 2; crash++)
			for (cut.to_sender = 0; cut.to_sender < run.to_sender;
			     cut.to_sender += 2 + cut.to_sender / 20, cuts++)
				live_through(&cut, delta, crash, cut.to_sender);
	}
	unit_note("%u cuts", cuts);
}

TEST(stream_cut_at_random)
{
	u64 rounds = unit_scale(100ULL), i;
	struct world_run runs[2];
	struct world_cut cut;
	struct rng rng;

	whole_run(false, &runs[0]);
	whole_run(true, &runs[1]);
	rng_init(&rng, 3);
	for (i = 0; i < rounds; i++) {
		bool delta = rng_chance(&rng, 50);

		cut = world_whole;
		if (rng_chance(&rng, 80))
			cut.to_receiver = rng_below(&rng, runs[delta].to_receiver);
		else
			cut.to_sender = rng_below(&rng, runs[delta].to_sender);
		cut.piece = rng_chance(&rng, 50) ? rng_range(&rng, 1, 5000) : 0;
		live_through(&cut, delta, rng_chance(&rng, 50), i);
	}
}

/* Several cuts in one stream: each costs one distance at most. */
TEST(stream_cut_again_and_again)
{
	struct world_cut cut = world_whole;
	struct world_run run;
	struct scene sc;
	u32 sessions = 0;

	scene_new(&sc, false);
	cut.to_receiver = 40000;
	do {
		CHECK(sessions++ < 100);
		world_run(sc.s, sc.r, &live, &cut, &run);
		site_check(sc.r, sc.s);
		CHECK(sc.r->again <= sessions * SYNC);
	} while (!run.done);
	CHECK(sessions > 3, "%u sessions", sessions);
	CHECK_EQ(sc.r->begins, 1);
	site_check(sc.r, sc.s);
}

/* A partial stream without its target is given up; the next one begins at the base. */
TEST(stream_target_gone)
{
	struct world_cut cut = world_whole;
	struct world_run run;
	struct scene sc;

	scene_new(&sc, true);
	cut.to_receiver = 50000;
	world_run(sc.s, sc.r, &live, &cut, &run);
	CHECK_EQ(sc.r->condition, DMRS_PARTIAL);
	site_point(sc.s);
	sc.s->points[1].held = false;
	site_drop(sc.s, 2);
	world_run(sc.s, sc.r, &live, &world_whole, &run);
	CHECK_EQ(run.decision.verdict, DMRS_GO_DELTA);
	CHECK(run.decision.abort);
	CHECK_EQ(sc.r->aborts, 1);
	CHECK_EQ(run.done, 1);
	CHECK_EQ(site_newest(sc.r), 3);
	site_check(sc.r, sc.s);
}

static u32 tiny_stream(struct site *s, u8 **file)
{
	struct dmrs_sender_conf conf = { .sync_bytes = DMRS_BLOCK };

	/* Compressed data, data as it is, and zeroes. */
	memset(s->head[0], 0x5a, DMRS_BLOCK);
	rng_bytes(&s->rng, s->head[0] + DMRS_BLOCK, 100);
	s->meta = (const u8 *)"<domain/>";
	s->meta_len = 9;
	site_point(s);
	return world_file(s, &conf, file);
}

TEST(stream_corrupt_every_byte_of_a_file)
{
	static const u8 with[] = { 0x01, 0x80 };
	struct site *s = site_new(1, true);
	struct dmrs_refusal fault;
	u32 len, i, k, done, late = 0;
	u8 *file;

	len = tiny_stream(s, &file);
	for (k = 0; k < ARRAY_SIZE(with); k++)
		for (i = 0; i < len; i++) {
			void *mark = unit_mark();
			struct site *r = site_new(2, true);

			file[i] ^= with[k];
			done = world_receive(r, file, len, &fault);
			file[i] ^= with[k];
			CHECK(fault.code, "byte %u with %#x was not noticed", i, with[k]);
			CHECK_EQ(done, r->nr_points);
			/* After the END there is the BYE. */
			CHECK(!done || i >= len - DMRS_HEADER, "a point in spite of byte %u", i);
			late += done;
			site_check(r, s);
			CHECK_EQ(world_receive(r, file, len, &fault), 1);
			CHECK(!fault.code);
			site_check(r, s);
			unit_release(mark);
		}
	CHECK_EQ(late, ARRAY_SIZE(with) * DMRS_HEADER);
	unit_note("%u bytes", len);
}

TEST(stream_corrupt_every_byte_of_a_session)
{
	struct dmrs_sender_conf conf = { .live = true, .sync_bytes = DMRS_BLOCK };
	struct world_cut cut = world_whole;
	struct world_run run, whole;
	u32 back;
	u64 i;

	for (back = 0; back < 2; back++) {
		u64 *at = back ? &cut.corrupt_back : &cut.corrupt, len = 1;

		cut = world_whole;
		cut.with = 0x10;
		for (i = 0; i < len; i++) {
			void *mark = unit_mark();
			struct site *s = site_new(1, true), *r = site_new(2, true);

			memset(s->head[0], 0x5a, 100);
			site_point(s);
			*at = i;
			if (!i) {
				world_run(s, r, &conf, &world_whole, &whole);
				CHECK_EQ(whole.done, 1);
				len = back ? whole.to_sender : whole.to_receiver;
				continue;
			}
			world_run(s, r, &conf, &cut, &run);
			CHECK(back ? run.sender.code : run.receiver.code, "byte %llu, back %u",
			      (unsigned long long)i, back);
			site_check(r, s);
			world_run(s, r, &conf, &world_whole, &run);
			CHECK(!run.sender.code && !run.receiver.code);
			CHECK_EQ(r->nr_points, 1);
			CHECK(s->acks >= 1);
			site_check(r, s);
			unit_release(mark);
		}
		unit_note("%llu bytes", (unsigned long long)len);
	}
}
