// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile other side: frames with good checksums and any content.  Invariants I1 to I6 of
 * Documentation/replication-stream.md, and both parsers under mutations.
 */
#include <time.h>

#include "replica-world.h"

/* Of the sanitizer; its header is not always installed. */
size_t __sanitizer_get_current_allocated_bytes(void);

#define MAX_SECONDS	3
#define MIN_ROUNDS	200		/* for the shares below, on a machine of any speed */
#define ROOM		(64u << 20)	/* I6 */

/* What a sender might send, frame by frame. */
struct forge {
	struct site *r;
	struct dmrs_receiver *receiver;
	u8 *buf;
	u64 number;
	struct dmrs_begin begin;
};

/* @payload is at f->buf + DMRS_HEADER. */
static void forge_send(struct forge *f, u32 type, u32 flags, u32 len)
{
	struct dmrs_frame frame = {
		.length = len, .type = type, .flags = flags, .number = f->number++,
		.crc = dmr_crc32c(0, f->buf + DMRS_HEADER, len),
	};
	size_t waits;

	dmrs_frame_encode(f->buf, &frame);
	dmrs_receiver_feed(f->receiver, f->buf, DMRS_HEADER + len, 1);
	dmrs_link_out(dmrs_receiver_link(f->receiver), &waits);
	dmrs_link_sent(dmrs_receiver_link(f->receiver), waits);
}

static u8 *payload(struct forge *f)
{
	return f->buf + DMRS_HEADER;
}

static void forge_open(struct forge *f, struct site *s, struct site *r)
{
	struct dmrs_state *state = unit_alloc(sizeof(*state));

	memset(f, 0, sizeof(*f));
	f->r = r;
	f->buf = unit_alloc(DMRS_FRAME_MAX);
	f->number = 1;
	f->receiver = dmrs_receiver_new(&site_receiver_ops, r, true);
	forge_send(f, DMRS_HELLO, 0, dmrs_hello_put(payload(f), &s->hello));
	site_state(s, state);
	forge_send(f, DMRS_STATE, 0, dmrs_state_put(payload(f), state));
	memset(f->begin.stream, 0xee, 16);
	f->begin.kind = DMRS_FULL;
	f->begin.point_kind = DM_REPLICA_POINT_KIND_STANDARD;
	f->begin.target.number = 100;
	f->begin.generation_first = 1;
	memset(f->begin.target.generation, 'A', 16);
	f->begin.nr_disks = r->nr_disks;
	memcpy(f->begin.disks, r->disks, sizeof(r->disks));
	if (r->nr_points) {
		f->begin.kind = DMRS_DELTA;
		f->begin.base.number = site_newest(r);
		memset(f->begin.base.generation, 'A', 16);
	}
}

static void forge_begin(struct forge *f)
{
	forge_send(f, DMRS_BEGIN, 0, dmrs_begin_put(payload(f), &f->begin));
}

/* @blocks of data at a block of disk 0. */
static void forge_data(struct forge *f, u64 block, u32 blocks, u8 fill)
{
	static struct dmrs_extents ex;
	u32 len = blocks * DMRS_BLOCK, at;

	ex = (struct dmrs_extents){ .count = 1, .raw = len };
	ex.list[0] = (struct dmrs_extent){ .offset = block * DMRS_BLOCK, .length = len };
	at = dmrs_extents_put(payload(f), &ex);
	memset(payload(f) + at, fill, len);
	ex.list[0].crc = dmr_crc32c(0, payload(f) + at, len);
	dmrs_extents_put(payload(f), &ex);
	forge_send(f, DMRS_DATA, 0, at + len);
}

static void forge_end(struct forge *f, u64 frames, u64 extents, u64 bytes)
{
	struct dmrs_end end = { .count = { frames, extents, bytes, 0, 0 } };

	forge_send(f, DMRS_END, 0, dmrs_end_put(payload(f), &end));
}

static const char *forge_close(struct forge *f)
{
	static struct dmrs_refusal fault;

	dmrs_receiver_eof(f->receiver);
	fault = dmrs_receiver_link(f->receiver)->fault;
	dmrs_receiver_free(f->receiver);
	return fault.sentence;
}

/* A receiver with two points, as sent by a good sender. */
static void two_points(struct site **s, struct site **r)
{
	struct dmrs_sender_conf conf = { .live = true };
	struct world_run run;
	u32 i;

	*s = site_new(1, false);
	*r = site_new(2, false);
	for (i = 0; i < 2; i++) {
		site_write(*s, 30);
		site_point(*s);
		world_run(*s, *r, &conf, &world_whole, &run);
		CHECK_EQ(run.done, 1);
	}
}

#define FAULT(f, text) do {						\
		const char *__why = forge_close(f);			\
									\
		CHECK(strstr(__why, text), "%s", __why);		\
	} while (0)

TEST(stream_i1_never_what_was_no_point_of_the_sender)
{
	struct site *s, *r;
	struct forge f;

	two_points(&s, &r);
	/* A frame is missing, which the counts or the digest show. */
	forge_open(&f, s, r);
	forge_begin(&f);
	forge_data(&f, 0, 1, 7);
	forge_end(&f, 2, 2, 2 * DMRS_BLOCK);
	FAULT(&f, "counts are not those");
	CHECK_EQ(r->condition, DMRS_CLEAN);
	CHECK_EQ(r->aborts, 1);
	site_check(r, s);
	forge_open(&f, s, r);
	forge_begin(&f);
	forge_data(&f, 0, 1, 7);
	forge_end(&f, 1, 1, DMRS_BLOCK);
	FAULT(&f, "digest is not that");
	CHECK_EQ(r->aborts, 2);
	/* A number is missing. */
	forge_open(&f, s, r);
	forge_begin(&f);
	f.number++;
	forge_data(&f, 0, 1, 7);
	FAULT(&f, "next number");
	/* The end is missing. */
	forge_open(&f, s, r);
	memset(f.begin.stream, 0xdd, 16);
	forge_begin(&f);
	forge_data(&f, 0, 1, 7);
	FAULT(&f, "ends before its END");
	forge_open(&f, s, r);
	forge_begin(&f);
	forge_data(&f, 0, 1, 7);
	forge_send(&f, DMRS_BYE, 0, 0);
	FAULT(&f, "not expected here");
	/* An end without a beginning. */
	forge_open(&f, s, r);
	forge_end(&f, 0, 0, 0);
	FAULT(&f, "not expected here");
	/* The middle, as if the beginning had been received. */
	forge_open(&f, s, r);
	f.begin.from.offset = 8192;
	memset(f.begin.stream, 0xcc, 16);
	forge_begin(&f);
	forge_data(&f, 2, 1, 7);
	FAULT(&f, "not expected here");
	/* Extents in the wrong order, beyond a disk, of no disk, not of whole blocks. */
	forge_open(&f, s, r);
	forge_begin(&f);
	forge_data(&f, 4, 1, 7);
	forge_data(&f, 4, 1, 7);
	FAULT(&f, "rising order");
	forge_open(&f, s, r);
	forge_begin(&f);
	forge_data(&f, SITE_BLOCKS - 1, 2, 7);
	FAULT(&f, "within its disk");
	forge_open(&f, s, r);
	forge_begin(&f);
	forge_data(&f, ~0ULL / DMRS_BLOCK, 1, 7);
	FAULT(&f, "within its disk");
	CHECK_EQ(r->nr_points, 2);
	site_check(r, s);
}

TEST(stream_i2_acknowledged_is_durable)
{
	struct dmrs_sender_conf conf = { .live = true, .sync_bytes = 16384 };
	struct world_cut cut = world_whole;
	struct world_run run, whole;
	struct site *s, *r;
	u64 i;

	for (i = 0; i < 30; i++) {
		two_points(&s, &r);
		site_write(s, 30);
		site_point(s);
		if (!i) {
			world_run(s, r, &conf, &world_whole, &whole);
			continue;
		}
		/* Crash where the last answers are on their way. */
		cut.to_sender = whole.to_sender - i * 5;
		world_run(s, r, &conf, &cut, &run);
		site_crash(r, i);
		CHECK(s->acks < 3 || r->nr_points == 3, "acknowledged and lost");
		site_check(r, s);
	}
	/* Without a flush there is no answer. */
	two_points(&s, &r);
	site_point(s);
	r->fails = 'f';
	world_run(s, r, &conf, &world_whole, &run);
	CHECK_EQ(s->acks, 2);
	CHECK_EQ(r->nr_points, 2);
}

TEST(stream_i3_the_sender_holds_what_the_receiver_may_have)
{
	struct dmrs_sender_conf conf = { .live = true, .sync_bytes = 16384 };
	struct world_cut cut = world_whole;
	struct world_run run, whole;
	struct site *s, *r;
	u64 at, step = 0;
	u32 i;

	for (at = 0; !at || at < whole.to_receiver; at += step) {
		two_points(&s, &r);
		site_write(s, 40);
		site_point(s);
		cut.to_receiver = at;
		world_run(s, r, &conf, at ? &cut : &world_whole, at ? &run : &whole);
		if (!at) {
			CHECK(s->points[2].held && !s->points[1].held && !s->points[0].held);
			step = whole.to_receiver / 50;
			continue;
		}
		/* Base and, once it was announced, target. */
		for (i = 0; i < s->nr_points; i++)
			if (s->points[i].number == site_newest(r) ||
			    (r->condition == DMRS_PARTIAL &&
			     s->points[i].number == r->target.number))
				CHECK(s->points[i].held, "point %llu", s->points[i].number);
	}
	/* A target that was refused is held no more. */
	two_points(&s, &r);
	site_point(s);
	r->fails = 'b';
	world_run(s, r, &conf, &world_whole, &run);
	CHECK_EQ(run.decision.verdict, DMRS_REFUSED);
	CHECK(!s->points[2].held && s->points[1].held);
}

TEST(stream_i4_the_same_bytes_again_change_nothing)
{
	struct site *s = site_new(1, false), *r = site_new(2, false);
	struct dmrs_sender_conf conf = { .sync_bytes = 16384 };
	struct dmrs_refusal fault;
	u32 len, i, at;
	u64 wrote;
	u8 *file;

	site_write(s, 40);
	site_point(s);
	len = world_file(s, &conf, &file);
	/* A part, and the same from its beginning, several times. */
	for (at = len / 3; at < len - 100; at += len / 7) {
		CHECK_EQ(world_receive(r, file, at, &fault), 0);
		CHECK_EQ(r->begins, 1);
	}
	CHECK_EQ(world_receive(r, file, len, &fault), 1);
	site_check(r, s);
	wrote = r->wrote;
	for (i = 0; i < 3; i++) {
		CHECK_EQ(world_receive(r, file, len, &fault), 1);
		CHECK(!fault.code, "%s", fault.sentence);
	}
	CHECK_EQ(r->wrote, wrote);
	CHECK_EQ(r->nr_points, 1);
	CHECK_EQ(r->ends, 1);
	CHECK_EQ(r->begins, 1);
}

/* Return: points of @r that are as they were; a new one behind them is none of these. */
static void points_stand(const struct site *r, const struct site *s, u32 nr)
{
	u32 i, d;

	CHECK(r->nr_points >= nr);
	for (i = 0; i < nr; i++) {
		CHECK_EQ(r->points[i].number, s->points[i].number);
		for (d = 0; d < r->nr_disks; d++)
			CHECK(!memcmp(r->points[i].data[d], s->points[i].data[d],
				      r->disks[d].bytes));
	}
}

/* Frames of any kind, with content that is mostly right, in any order. */
static void forge_any(struct forge *f, struct rng *rng, const struct site *s, u64 *at)
{
	struct dmrs_sync sync = { .number = rng_range(rng, 1, 3) };
	struct dmrs_state *state;

	switch (rng_below(rng, 10)) {
	case 0:
		f->begin.kind = rng_range(rng, DMRS_FULL, DMRS_DELTA);
		f->begin.base.number = rng_below(rng, 4);
		memset(f->begin.base.generation, f->begin.base.number ? 'A' : 0, 16);
		f->begin.target.number = f->begin.base.number + rng_below(rng, 3);
		f->begin.from.offset = rng_chance(rng, 10) ? 8192 : 0;
		memset(f->begin.stream, rng_below(rng, 3), 16);
		forge_begin(f);
		*at = 0;
		break;
	case 1:
		forge_end(f, rng_below(rng, 3), rng_below(rng, 3), rng_below(rng, 3) * DMRS_BLOCK);
		break;
	case 2:
		sync.cursor.offset = *at * DMRS_BLOCK;
		forge_send(f, DMRS_SYNC, 0, dmrs_sync_put(payload(f), &sync));
		break;
	case 3:
		state = unit_alloc(sizeof(*state));
		site_state(s, state);
		forge_send(f, DMRS_STATE, 0, dmrs_state_put(payload(f), state));
		break;
	case 4:
		/* All that a receiver sends, and what is not known. */
		memset(payload(f), 0, 200);
		forge_send(f, rng_range(rng, 1, 40), rng_below(rng, 4), rng_below(rng, 200));
		break;
	default:
		forge_data(f, *at, 1, rng_u64(rng));
		*at += rng_range(rng, 1, 3);
	}
}

TEST(stream_i5_nothing_takes_an_acknowledged_point)
{
	u64 rounds = unit_scale(400ULL), i;
	struct site *s, *r;
	struct forge f;
	struct rng rng;
	u32 begun = 0;

	two_points(&s, &r);
	rng_init(&rng, 5);
	for (i = 0; i < rounds; i++) {
		u64 at = 0, wrote = r->wrote;

		forge_open(&f, s, r);
		if (rng_chance(&rng, 80))
			forge_begin(&f);
		while (!dmrs_receiver_over(f.receiver) && rng_chance(&rng, 95))
			forge_any(&f, &rng, s, &at);
		forge_close(&f);
		/* No END was right: nothing that it sent can be seen. */
		CHECK_EQ(r->nr_points, 2);
		points_stand(r, s, 2);
		begun += r->wrote > wrote;
	}
	CHECK(begun > rounds / 4, "%u wrote", begun);
	unit_note("%llu sessions, %u wrote, %llu streams begun, %llu given up", rounds, begun,
		  r->begins, r->aborts);
}

TEST(stream_i6_memory_is_bounded)
{
	struct dmrs_sender_conf conf = { .live = true };
	struct dmrs_frame long_one = {
		.length = DMRS_PAYLOAD_MAX + 1, .type = DMRS_DATA, .number = 3,
	};
	size_t before, most, out, n, fed;
	struct dmrs_sender *sender;
	struct site *s, *r;
	struct forge f;
	u32 i;
	u8 *flood, *p;

	two_points(&s, &r);
	before = __sanitizer_get_current_allocated_bytes();
	sender = dmrs_sender_new(&site_sender_ops, s, &conf);
	forge_open(&f, s, r);
	forge_begin(&f);
	for (i = 0; i < 16; i++)
		forge_data(&f, i, 1, i);
	dmrs_sender_run(sender, 1);
	most = __sanitizer_get_current_allocated_bytes() - before;
	CHECK(most < ROOM / 4, "%zu bytes", most);
	unit_note("a sender and a receiver: %zu KiB", most / 1024);
	dmrs_sender_free(sender);
	/* Marks without an end, and no reader of the answers: no more is taken. */
	flood = unit_alloc(4 << 20);
	for (i = 0, p = flood; i < (4u << 20) / (DMRS_HEADER + 24); i++, p += DMRS_HEADER + 24) {
		struct dmrs_sync sync = { .number = i + 1, .cursor.offset = 17 * DMRS_BLOCK };
		struct dmrs_frame frame = {
			.length = dmrs_sync_put(p + DMRS_HEADER, &sync), .type = DMRS_SYNC,
			.number = f.number + i, .crc = dmr_crc32c(0, p + DMRS_HEADER, 24),
		};

		dmrs_frame_encode(p, &frame);
	}
	before = __sanitizer_get_current_allocated_bytes();
	fed = dmrs_receiver_feed(f.receiver, flood, p - flood, 1);
	dmrs_link_out(dmrs_receiver_link(f.receiver), &out);
	CHECK(fed < (1u << 20) && out <= (1u << 20), "%zu bytes taken, %zu wait", fed, out);
	CHECK_EQ(__sanitizer_get_current_allocated_bytes(), before);
	/* They are taken once the answers have gone. */
	dmrs_link_sent(dmrs_receiver_link(f.receiver), out);
	n = dmrs_receiver_feed(f.receiver, flood + fed, p - flood - fed, 1);
	CHECK(n && !dmrs_receiver_over(f.receiver));
	forge_close(&f);
	/* A length is refused at once, not waited for. */
	forge_open(&f, s, r);
	dmrs_frame_encode(f.buf, &long_one);
	CHECK_EQ(dmrs_receiver_feed(f.receiver, f.buf, DMRS_HEADER + 5, 1), DMRS_HEADER);
	CHECK(dmrs_receiver_over(f.receiver));
	FAULT(&f, "too long");
	/* A compressed frame that claims more than it may have. */
	forge_open(&f, s, r);
	forge_begin(&f);
	memset(payload(&f), 0, 64);
	payload(&f)[2] = 1;
	payload(&f)[7] = 0x7f;
	forge_send(&f, DMRS_DATA, DMRS_FLAG_ZSTD, 64);
	FAULT(&f, "extent is not within its disk");
}

/* A frame that is not known is skipped if it may be, and is no way around the numbers. */
TEST(stream_unknown_frames)
{
	struct site *s, *r;
	struct forge f;

	two_points(&s, &r);
	forge_open(&f, s, r);
	forge_send(&f, 77, DMRS_FLAG_SKIP, 0);
	forge_send(&f, 0xffff, DMRS_FLAG_SKIP | 0x8000, DMRS_PAYLOAD_MAX);
	forge_begin(&f);
	CHECK(!dmrs_receiver_over(f.receiver));
	CHECK_EQ(r->condition, DMRS_PARTIAL);
	forge_send(&f, 77, 0, 0);
	FAULT(&f, "type of the frame is unknown");
	forge_open(&f, s, r);
	forge_send(&f, DMRS_BYE, DMRS_FLAG_SKIP, 0);
	FAULT(&f, "flags of the frame");
}

static void forge_meta(struct forge *f, u32 kind, u32 total, u32 offset, u32 bytes)
{
	static u8 data[DMRS_META_PIECE];
	struct dmrs_meta meta = { kind, total, offset, bytes, data };

	forge_send(f, DMRS_META, 0, dmrs_meta_put(payload(f), &meta));
}

TEST(stream_metadata_in_order)
{
	static const struct {
		u32 meta[3][4];		/* kind, total, offset, bytes */
		const char *why;	/* NULL: all are right, but for an END */
	} cases[] = {
		{ { { 1, 10, 0, 10 }, { 2, 20, 0, 5 }, { 2, 20, 5, 15 } }, NULL },
		{ { { 2, 10, 0, 10 }, { 3, 20, 0, 20 } }, NULL },
		{ { { 1, 10, 0, 5 }, { 2, 20, 0, 20 } }, "piece of the metadata is missing" },
		{ { { 1, 10, 0, 5 }, { 1, 11, 5, 5 } }, "piece of the metadata is missing" },
		{ { { 1, 10, 0, 5 }, { 1, 10, 6, 4 } }, "piece of the metadata is missing" },
		{ { { 1, 10, 0, 5 }, { 1, 10, 4, 6 } }, "piece of the metadata is missing" },
		{ { { 2, 10, 0, 10 }, { 1, 10, 0, 10 } }, "wrong order" },
		{ { { 2, 10, 0, 10 }, { 2, 10, 0, 10 } }, "wrong order" },
		{ { { 1, 10, 5, 5 } }, "wrong order" },
		{ { { 1, DMRS_META_MAX - 5, 0, DMRS_META_PIECE } }, NULL },
	};
	struct site *s, *r;
	struct forge f;
	u32 i, k;

	two_points(&s, &r);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		forge_open(&f, s, r);
		forge_begin(&f);
		for (k = 0; k < 3 && cases[i].meta[k][0]; k++)
			forge_meta(&f, cases[i].meta[k][0], cases[i].meta[k][1],
				   cases[i].meta[k][2], cases[i].meta[k][3]);
		FAULT(&f, cases[i].why ?: "ends before its END");
	}
	/* Too much of it, in all. */
	forge_open(&f, s, r);
	forge_begin(&f);
	for (k = 0; k < 15; k++)
		forge_meta(&f, 1, 15 * DMRS_META_PIECE, k * DMRS_META_PIECE, DMRS_META_PIECE);
	CHECK(!dmrs_receiver_over(f.receiver));
	forge_meta(&f, 2, DMRS_META_PIECE + 1, 0, 10);
	FAULT(&f, "too much metadata");
	/* Neither extents nor the end before all of it is there, and none behind extents. */
	for (k = 0; k < 2; k++) {
		forge_open(&f, s, r);
		forge_begin(&f);
		forge_meta(&f, 1, 10, 0, 5);
		if (k)
			forge_data(&f, 0, 1, 1);
		else
			forge_end(&f, 0, 0, 0);
		FAULT(&f, k ? "not expected here" : "piece of the metadata is missing");
	}
	forge_open(&f, s, r);
	forge_begin(&f);
	forge_data(&f, 0, 1, 1);
	forge_meta(&f, 1, 10, 0, 10);
	FAULT(&f, "not expected here");
	points_stand(r, s, 2);
}

TEST(stream_of_another_relationship)
{
	struct site *s, *r;
	struct forge f;

	two_points(&s, &r);
	s->hello.relationship[3] ^= 1;
	forge_open(&f, s, r);
	FAULT(&f, "not of this system's relationship");
	s->hello.relationship[3] ^= 1;
	memcpy(s->hello.system, r->hello.system, 16);
	forge_open(&f, s, r);
	FAULT(&f, "of this system itself");
}

TEST(stream_greetings)
{
	struct dmrs_state *state = unit_alloc(sizeof(*state));
	struct site *s, *r;
	struct forge f;

	two_points(&s, &r);
	forge_open(&f, s, r);
	forge_send(&f, DMRS_HELLO, 0, dmrs_hello_put(payload(&f), &s->hello));
	FAULT(&f, "not expected here");
	forge_open(&f, s, r);
	site_state(s, state);
	forge_send(&f, DMRS_STATE, 0, dmrs_state_put(payload(&f), state));
	FAULT(&f, "not expected here");
	/* A STATE that is wrong, though nothing is decided from it. */
	s->role = 7;
	forge_open(&f, s, r);
	FAULT(&f, "role is not known");
}

/* A stream with the UUID of the one that was cut, but another target or base, is another one. */
TEST(stream_with_a_uuid_again)
{
	struct site *s, *r;
	struct forge f;

	two_points(&s, &r);
	forge_open(&f, s, r);
	forge_begin(&f);
	forge_data(&f, 0, 1, 1);
	forge_close(&f);
	CHECK_EQ(r->begins, 3);
	forge_open(&f, s, r);
	f.begin.target.number++;
	forge_begin(&f);
	CHECK_EQ(r->aborts, 1);
	CHECK_EQ(r->begins, 4);
	CHECK_EQ(r->target.number, f.begin.target.number);
	forge_close(&f);
	forge_open(&f, s, r);
	f.begin.base.number--;
	forge_begin(&f);
	forge_data(&f, 0, 1, 1);
	FAULT(&f, "not expected here");
	CHECK_EQ(r->begins, 4);
	points_stand(r, s, 2);
}

/* What follows a BYE, or a fault, is not looked at. */
TEST(stream_after_its_end)
{
	struct dmrs_sender_conf conf = { .sync_bytes = 16384 };
	struct site *s = site_new(1, true), *r = site_new(2, true);
	struct dmrs_receiver *receiver;
	u32 len;
	u8 *file;

	site_point(s);
	len = world_file(s, &conf, &file);
	receiver = dmrs_receiver_new(&site_receiver_ops, r, false);
	CHECK_EQ(dmrs_receiver_feed(receiver, file, len + 10, 1), len);
	CHECK(dmrs_receiver_over(receiver));
	CHECK_EQ(dmrs_receiver_feed(receiver, file, 10, 1), 0);
	dmrs_receiver_eof(receiver);
	CHECK(!dmrs_receiver_link(receiver)->failed);
	dmrs_receiver_free(receiver);
}

/* --- mutations of what good sides send --- */

static void mutate(struct rng *rng, u8 *buf, u32 len)
{
	u32 at = rng_below(rng, len);

	switch (rng_below(rng, 5)) {
	case 0:
		buf[at] ^= 1 << rng_below(rng, 8);
		break;
	case 1:
		buf[at] = rng_u64(rng);
		break;
	case 2:
		buf[at] += rng_chance(rng, 50) ? 1 : -1;
		break;
	case 3:
		memset(buf + at, rng_chance(rng, 50) ? 0xff : 0, min(8u, len - at));
		break;
	default:
		memmove(buf + at, buf + rng_below(rng, len - min(8u, len - at) + 1),
			min(8u, len - at));
	}
}

/* The frames of a session in one direction, one behind the other. */
struct corpus {
	u8 *buf;
	u32 len, nr;
	u32 at[64];
};

static u32 frame_bytes(const u8 *p)
{
	return DMRS_HEADER + (p[0] | p[1] << 8 | p[2] << 16);
}

static void corpus_add(struct corpus *c, const u8 *out, size_t len)
{
	u32 at = c->len;

	memcpy(c->buf + at, out, len);
	c->len += len;
	for (; at < c->len; at += frame_bytes(c->buf + at))
		if (c->nr < ARRAY_SIZE(c->at))
			c->at[c->nr++] = at;
}

/* Damage payloads, and headers, and give them good checksums; or leave out, or double, frames. */
static u32 damage(struct rng *rng, const struct corpus *c, u8 *out)
{
	u32 i, len = 0, from = 0, number = 1, bad = rng_below(rng, c->nr);

	for (i = 0; i < c->nr; i++) {
		u32 n = (i + 1 < c->nr ? c->at[i + 1] : c->len) - c->at[i];
		struct dmrs_frame frame;
		u8 *p = out + len;

		if (i == bad && rng_chance(rng, 5))
			continue;
		from = c->at[i == bad && rng_chance(rng, 5) ? rng_below(rng, c->nr) : i];
		if (from != c->at[i])
			for (n = 0; n < c->nr && c->at[n] != from; n++)
				;
		if (from != c->at[i])
			n = (n + 1 < c->nr ? c->at[n + 1] : c->len) - from;
		memcpy(p, c->buf + from, n);
		len += n;
		frame = (struct dmrs_frame){
			.length = n - DMRS_HEADER, .type = p[4], .flags = p[6], .number = number++,
		};
		if (i == bad || rng_chance(rng, 2)) {
			if (rng_chance(rng, 15)) {
				mutate(rng, p, DMRS_HEADER);	/* the checksum finds it */
				continue;
			}
			if (n > DMRS_HEADER)
				mutate(rng, p + DMRS_HEADER, rng_chance(rng, 60) ?
				       min(40u, n - DMRS_HEADER) : n - DMRS_HEADER);
			if (rng_chance(rng, 10))
				frame.type = rng_below(rng, 24);
			if (rng_chance(rng, 10))
				frame.flags ^= 1 << rng_below(rng, 3);
			if (rng_chance(rng, 10) && n > DMRS_HEADER + 1) {
				u32 cut = rng_below(rng, n - DMRS_HEADER);

				frame.length -= cut;
				len -= cut;
			}
		}
		frame.crc = dmr_crc32c(0, p + DMRS_HEADER, frame.length);
		dmrs_frame_encode(p, &frame);
	}
	return len;
}

/* Record both directions of a session. */
static void record(struct site *site_s, struct site *site_r, struct corpus *c)
{
	struct dmrs_sender_conf conf = { .live = true, .sync_bytes = 4 * DMRS_BLOCK };
	struct dmrs_sender *s = dmrs_sender_new(&site_sender_ops, site_s, &conf);
	struct dmrs_receiver *r = dmrs_receiver_new(&site_receiver_ops, site_r, true);
	struct dmrs_link *ls = dmrs_sender_link(s), *lr = dmrs_receiver_link(r);
	u32 rounds;
	const u8 *out;
	size_t len;

	memset(c, 0, 2 * sizeof(*c));
	c[0].buf = unit_alloc(1 << 20);
	c[1].buf = unit_alloc(1 << 20);
	for (rounds = 0; rounds < 100 && !dmrs_receiver_over(r); rounds++) {
		while (dmrs_sender_run(s, 1))
			;
		if (dmrs_sender_idle(s))
			dmrs_sender_bye(s);
		out = dmrs_link_out(ls, &len);
		corpus_add(&c[0], out, len);
		dmrs_receiver_feed(r, out, len, 1);
		dmrs_link_sent(ls, len);
		out = dmrs_link_out(lr, &len);
		corpus_add(&c[1], out, len);
		dmrs_sender_feed(s, out, len, 1);
		dmrs_link_sent(lr, len);
	}
	CHECK_EQ(dmrs_receiver_done(r), 1);
	dmrs_sender_free(s);
	dmrs_receiver_free(r);
}

static struct site *fuzz_site(u64 seed)
{
	struct site *s = site_new(seed, true);

	memset(s->head[0], 0x5a, DMRS_BLOCK);
	rng_bytes(&s->rng, s->head[0] + DMRS_BLOCK, 200);
	s->meta = (const u8 *)"<domain/>";
	s->meta_len = 9;
	return s;
}

TEST(stream_fuzz_of_the_receiver)
{
	u64 rounds = unit_scale(20000ULL), i, made = 0, over = 0;
	time_t end = time(NULL) + unit_scale(MAX_SECONDS);
	struct site *s = fuzz_site(1), *r = site_new(2, true), *fresh;
	u8 *buf = unit_alloc(1 << 20);
	struct corpus c[2];
	struct rng rng;
	u32 len, nr;

	site_point(s);
	record(s, r, c);
	/* Reused for all rounds, blank again each time. */
	fresh = unit_alloc(sizeof(*fresh));
	*fresh = *site_new(2, true);
	r = site_new(2, true);
	for (i = 0; i < rounds && (i < MIN_ROUNDS || time(NULL) <= end); i++) {
		struct dmrs_receiver *receiver;
		struct site_point point = r->points[0];
		size_t out;

		*r = *fresh;
		r->points[0] = point;
		memset(r->head[0], 0, 3 * DMRS_BLOCK);
		memset(r->flushed[0], 0, 3 * DMRS_BLOCK);
		rng_init(&rng, i);
		len = damage(&rng, &c[0], buf);
		receiver = dmrs_receiver_new(&site_receiver_ops, r, rng_chance(&rng, 50));
		dmrs_receiver_feed(receiver, buf, len, 1);
		dmrs_receiver_eof(receiver);
		dmrs_link_out(dmrs_receiver_link(receiver), &out);
		CHECK(out < DMRS_FRAME_MAX);
		over += dmrs_receiver_link(receiver)->failed;
		nr = dmrs_receiver_done(receiver);
		CHECK(nr >= r->nr_points);
		made += r->nr_points;
		CHECK(!r->nr_points || !memcmp(r->points[0].data[0], s->points[0].data[0],
					       r->disks[0].bytes));
		CHECK(r->condition != DMRS_PARTIAL || r->begins);
		dmrs_receiver_free(receiver);
	}
	unit_note("%llu streams, %llu with a point, %llu faults", i, made, over);
	CHECK(made > i / 50 && over > i / 5 && over < i, "the mutations are of one kind only");
}

TEST(stream_fuzz_of_the_sender)
{
	struct dmrs_sender_conf conf = { .live = true, .sync_bytes = 4 * DMRS_BLOCK };
	u64 rounds = unit_scale(20000ULL), i, acked = 0, over = 0;
	time_t end = time(NULL) + unit_scale(MAX_SECONDS);
	struct site *s = fuzz_site(1), *r = site_new(2, true);
	u8 *buf = unit_alloc(1 << 20);
	struct corpus c[2];
	struct rng rng;
	u32 len, at, n, turns;

	site_point(s);
	record(s, r, c);
	for (i = 0; i < rounds && (i < MIN_ROUNDS || time(NULL) <= end); i++) {
		struct dmrs_sender *sender = dmrs_sender_new(&site_sender_ops, s, &conf);
		size_t out;

		rng_init(&rng, i);
		s->acks = 0;
		s->next_stream = 0;
		s->points[0].held = false;
		len = damage(&rng, &c[1], buf);
		/* An answer for each turn: what it answers was sent before. */
		for (at = 0, turns = 0; turns < 100 && !dmrs_sender_over(sender); turns++) {
			while (dmrs_sender_run(sender, 1))
				;
			if (dmrs_sender_idle(sender))
				dmrs_sender_bye(sender);
			dmrs_link_out(dmrs_sender_link(sender), &out);
			dmrs_link_sent(dmrs_sender_link(sender), out);
			n = len - at < DMRS_HEADER ? len - at :
			    min_t(u32, len - at, frame_bytes(buf + at));
			at += dmrs_sender_feed(sender, buf + at, n, 1);
		}
		dmrs_sender_eof(sender);
		over += dmrs_sender_link(sender)->failed;
		acked += s->acks;
		dmrs_sender_free(sender);
	}
	unit_note("%llu sessions, %llu acknowledged, %llu faults", i, acked, over);
	CHECK(acked > i / 50 && over > i / 5 && over < i, "the mutations are of one kind only");
}
