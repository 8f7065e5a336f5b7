// SPDX-License-Identifier: GPL-2.0-only
/* The stream's frames and payloads: round trips, and each limit from both sides. */
#include <stream/extent.h>
#include <stream/link.h>
#include "unit.h"

static void text(struct rng *r, char *out, u32 size)
{
	u32 n = rng_below(r, size), i;

	memset(out, 0, size);
	for (i = 0; i < n; i++)
		out[i] = rng_range(r, 'a', 'z');
}

static void uuid(struct rng *r, u8 *out)
{
	rng_bytes(r, out, 16);
	out[0] |= 1;
}

static void identity(struct rng *r, struct dmrs_identity *id, u64 number)
{
	memset(id, 0, sizeof(*id));
	id->number = number;
	if (number)
		uuid(r, id->generation);
}

static u32 disks(struct rng *r, struct dmrs_disk *list)
{
	u32 nr = rng_chance(r, 5) ? DMR_MAX_DISKS : rng_range(r, 1, 4), i;

	memset(list, 0, DMR_MAX_DISKS * sizeof(*list));
	for (i = 0; i < nr; i++) {
		rng_bytes(r, list[i].uuid, 16);
		list[i].bytes = rng_range(r, 1, 1ULL << 40) * 512;
		list[i].block = 512u << rng_below(r, 4);
		sprintf(list[i].name, "vd%u", i);
	}
	return nr;
}

static void place(struct rng *r, struct dmrs_place *p, const struct dmrs_disk *list, u32 nr)
{
	p->disk = rng_below(r, nr + 1);
	p->offset = p->disk == nr ? 0 : rng_range(r, 0, list[p->disk].bytes / 512) * 512;
}

static void any_hello(struct rng *r, struct dmrs_hello *h)
{
	memset(h, 0, sizeof(*h));
	h->lowest = 1;
	h->highest = rng_range(r, 1, 9);
	h->features = rng_u64(r);
	rng_bytes(r, h->relationship, 16);
	rng_bytes(r, h->system, 16);
	h->clock = rng_u64(r);
	text(r, h->host, sizeof(h->host));
}

static void any_state(struct rng *r, struct dmrs_state *s)
{
	u64 number = 1;
	u32 i, g;

	memset(s, 0, sizeof(*s));
	s->role = rng_range(r, DMRS_PRIMARY, DMRS_REPLICA);
	s->head = rng_below(r, 3);
	s->nr_generations = rng_chance(r, 10) ? DMRS_GENERATIONS : rng_range(r, 1, 3);
	s->nr_points = rng_chance(r, 10) ? DM_REPLICA_POINTS_MAX : rng_below(r, 5);
	s->free_bytes = rng_u64(r);
	for (g = 0; g < s->nr_generations; g++) {
		uuid(r, s->generations[g].uuid);
		s->generations[g].first = number;
		number += 1000;
	}
	for (i = s->nr_points; i--;) {
		u32 n = s->nr_points - i;	/* from 1, oldest first */

		g = (n - 1) * s->nr_generations / s->nr_points;
		s->points[i] = (struct dmrs_point){
			.generation = g, .kind = rng_range(r, 1, 3),
			.number = s->generations[g].first + n, .time = rng_u64(r),
		};
	}
	s->nr_disks = disks(r, s->disks);
	if (s->head == DMRS_PARTIAL) {
		uuid(r, s->stream);
		identity(r, &s->base, rng_below(r, 100));
		identity(r, &s->target, s->base.number + rng_range(r, 1, 100));
		place(r, &s->cursor, s->disks, s->nr_disks);
	} else if (s->head == DMRS_WRITTEN) {
		s->written_bytes = rng_u64(r);
		s->written_since = rng_u64(r);
	}
}

static void any_begin(struct rng *r, struct dmrs_begin *b)
{
	memset(b, 0, sizeof(*b));
	uuid(r, b->stream);
	b->kind = rng_range(r, DMRS_FULL, DMRS_COMPARE);
	b->point_kind = rng_range(r, 1, 3);
	identity(r, &b->base, b->kind == DMRS_FULL ? 0 : rng_range(r, 1, 100));
	identity(r, &b->target, b->base.number + rng_range(r, 1, 100));
	b->generation_first = rng_range(r, 1, b->target.number);
	b->time = rng_u64(r);
	text(r, b->label, sizeof(b->label));
	b->bytes = rng_u64(r);
	b->extents = rng_u64(r);
	b->nr_disks = disks(r, b->disks);
	place(r, &b->from, b->disks, b->nr_disks);
}

/*
 * Write @in, read it into @out, and compare; no byte of the payload may be missing, and none
 * may follow if @exact.
 */
#define ROUND_TRIP(noun, exact) do {							\
	const char *__why;								\
	u32 __len = dmrs_##noun##_put(buf, in_##noun), __cut;				\
											\
	__why = dmrs_##noun##_get(buf, __len, out_##noun);				\
	CHECK(!__why, #noun ": %s", __why);						\
	CHECK(!memcmp(in_##noun, out_##noun, sizeof(*in_##noun)), #noun);		\
	for (__cut = 0; __cut < __len; __cut += 1 + __cut / 50)				\
		CHECK(dmrs_##noun##_get(buf, __cut, out_##noun), #noun ", %u", __cut);	\
	CHECK(!!dmrs_##noun##_get(buf, __len + 1, out_##noun) == (exact), #noun);	\
} while (0)

TEST(stream_codec_round_trip)
{
	u64 rounds = unit_scale(200ULL), i;
	u8 *buf = unit_alloc(DMRS_FRAME_MAX);
	struct dmrs_hello *in_hello = unit_alloc(sizeof(*in_hello));
	struct dmrs_hello *out_hello = unit_alloc(sizeof(*out_hello));
	struct dmrs_state *in_state = unit_alloc(sizeof(*in_state));
	struct dmrs_state *out_state = unit_alloc(sizeof(*out_state));
	struct dmrs_begin *in_begin = unit_alloc(sizeof(*in_begin));
	struct dmrs_begin *out_begin = unit_alloc(sizeof(*out_begin));
	struct dmrs_accept *in_accept = unit_alloc(sizeof(*in_accept));
	struct dmrs_accept *out_accept = unit_alloc(sizeof(*out_accept));
	struct dmrs_refusal *in_refusal = unit_alloc(sizeof(*in_refusal));
	struct dmrs_refusal *out_refusal = unit_alloc(sizeof(*out_refusal));
	struct dmrs_sync *in_sync = unit_alloc(sizeof(*in_sync));
	struct dmrs_sync *out_sync = unit_alloc(sizeof(*out_sync));
	struct dmrs_end *in_end = unit_alloc(sizeof(*in_end));
	struct dmrs_end *out_end = unit_alloc(sizeof(*out_end));
	struct dmrs_done *in_done = unit_alloc(sizeof(*in_done));
	struct dmrs_done *out_done = unit_alloc(sizeof(*out_done));
	struct rng rng;
	u32 k;

	rng_init(&rng, 1);
	for (i = 0; i < rounds; i++) {
		any_hello(&rng, in_hello);
		ROUND_TRIP(hello, false);
		any_state(&rng, in_state);
		ROUND_TRIP(state, true);
		any_begin(&rng, in_begin);
		ROUND_TRIP(begin, true);
		uuid(&rng, in_accept->stream);
		place(&rng, &in_accept->from, in_begin->disks, in_begin->nr_disks);
		ROUND_TRIP(accept, true);
		in_refusal->code = rng_range(&rng, 32768, 32779);
		text(&rng, in_refusal->sentence, sizeof(in_refusal->sentence));
		ROUND_TRIP(refusal, true);
		in_sync->number = rng_u64(&rng);
		place(&rng, &in_sync->cursor, in_begin->disks, in_begin->nr_disks);
		ROUND_TRIP(sync, true);
		rng_bytes(&rng, in_end, sizeof(*in_end));
		ROUND_TRIP(end, true);
		memset(in_done, 0, sizeof(*in_done));
		identity(&rng, &in_done->point, rng_range(&rng, 1, 99));
		in_done->free_bytes = rng_u64(&rng);
		in_done->nr_peers = rng_below(&rng, DMRS_PEERS + 1);
		for (k = 0; k < in_done->nr_peers; k++) {
			uuid(&rng, in_done->peers[k].system);
			identity(&rng, &in_done->peers[k].point, rng_below(&rng, 3));
		}
		memset(out_done, 0, sizeof(*out_done));
		ROUND_TRIP(done, true);
	}
}

/* The largest of each payload is within the bounds of its type, and so is the smallest. */
TEST(stream_codec_sizes)
{
	struct dmrs_state *s = unit_alloc(sizeof(*s));
	struct dmrs_begin *b = unit_alloc(sizeof(*b));
	struct dmrs_hello *h = unit_alloc(sizeof(*h));
	struct dmrs_done *d = unit_alloc(sizeof(*d));
	struct dmrs_refusal *f = unit_alloc(sizeof(*f));
	struct dmrs_frame frame, got;
	u8 *buf = unit_alloc(DMRS_FRAME_MAX), head[DMRS_HEADER];
	struct { u32 type, len; } sizes[11];
	u32 i, n = 0;

	any_state(&(struct rng){ 1 }, s);
	s->nr_generations = 1;
	s->nr_points = 0;
	sizes[n].type = DMRS_STATE;
	sizes[n++].len = dmrs_state_put(buf, s);
	s->nr_generations = DMRS_GENERATIONS;
	s->nr_points = DM_REPLICA_POINTS_MAX;
	s->nr_disks = b->nr_disks = DMR_MAX_DISKS;
	for (i = 0; i < DMR_MAX_DISKS; i++) {
		memset(s->disks[i].name, 'x', DMR_DISK_NAME_LEN - 1);
		b->disks[i] = s->disks[i];
	}
	sizes[n].type = DMRS_STATE;
	sizes[n++].len = dmrs_state_put(buf, s);
	memset(b->label, 'x', DMR_POINT_NAME_LEN - 1);
	sizes[n].type = DMRS_BEGIN;
	sizes[n++].len = dmrs_begin_put(buf, b);
	memset(b, 0, sizeof(*b));
	b->nr_disks = 1;
	b->disks[0].name[0] = 'x';
	sizes[n].type = DMRS_BEGIN;
	sizes[n++].len = dmrs_begin_put(buf, b);
	sizes[n].type = DMRS_HELLO;
	sizes[n++].len = dmrs_hello_put(buf, h);
	memset(h->host, 'x', DMRS_HOST_LEN - 1);
	sizes[n].type = DMRS_HELLO;
	sizes[n++].len = dmrs_hello_put(buf, h);
	sizes[n].type = DMRS_DONE;
	sizes[n++].len = dmrs_done_put(buf, d);
	d->nr_peers = DMRS_PEERS;
	sizes[n].type = DMRS_DONE;
	sizes[n++].len = dmrs_done_put(buf, d);
	sizes[n].type = DMRS_ERROR;
	sizes[n++].len = dmrs_refusal_put(buf, f);
	memset(f->sentence, 'x', DMRS_SENTENCE_LEN - 1);
	sizes[n].type = DMRS_REFUSE;
	sizes[n++].len = dmrs_refusal_put(buf, f);
	sizes[n].type = DMRS_DATA;
	sizes[n++].len = DMRS_EXTENTS_HEAD + DMRS_EXTENTS_MAX * DMRS_EXTENT_BYTES + DMRS_DATA_MAX;
	for (i = 0; i < n; i++) {
		frame = (struct dmrs_frame){
			.length = sizes[i].len, .type = sizes[i].type, .number = 7,
		};
		dmrs_frame_encode(head, &frame);
		CHECK(!dmrs_frame_decode(head, 7, &got), "%s, %u bytes: %s",
		      dmrs_frame_name(frame.type), frame.length, dmrs_frame_decode(head, 7, &got));
	}
}

TEST(stream_codec_header)
{
	struct dmrs_frame frame = { 24, DMRS_SYNC, 0, 0x0123456789abcdef, 0xdeadbeef }, got;
	u8 head[DMRS_HEADER], bad[DMRS_HEADER];
	u32 bit;

	dmrs_frame_encode(head, &frame);
	CHECK(!dmrs_frame_decode(head, frame.number, &got));
	CHECK(got.length == frame.length && got.type == frame.type && got.flags == frame.flags &&
	      got.number == frame.number && got.crc == frame.crc);
	for (bit = 0; bit < 8 * DMRS_HEADER; bit++) {
		memcpy(bad, head, sizeof(bad));
		bad[bit / 8] ^= 1 << bit % 8;
		CHECK(dmrs_frame_decode(bad, frame.number, &got), "bit %u", bit);
	}
#define HEADER(change, text) do {							\
	const char *__why;								\
											\
	got = frame;									\
	change;										\
	dmrs_frame_encode(bad, &got);							\
	__why = dmrs_frame_decode(bad, frame.number, &got);				\
	CHECK(text ? __why && strstr(__why, text ?: "") : !__why, #change ": %s", __why ?: "-"); \
} while (0)
	HEADER(got.number++, "next number");
	HEADER(got.number--, "next number");
	HEADER(got.length++, "length");
	HEADER(got.length--, "length");
	HEADER(got.length = DMRS_PAYLOAD_MAX + 1, "too long");
	HEADER(got.length = ~0U, "too long");
	HEADER(got.flags = DMRS_FLAG_ZSTD, "flags");
	HEADER(got.flags = DMRS_FLAG_SKIP, "flags");
	HEADER(got.flags = 0x8000, "flags");
	HEADER((got.type = DMRS_DATA, got.length = 25, got.flags = DMRS_FLAG_ZSTD), NULL);
	HEADER((got.type = DMRS_DATA, got.length = 24), "length");
	HEADER(got.type = 0, "unknown");
	HEADER(got.type = 13, "unknown");
	HEADER(got.type = 0xffff, "unknown");
	HEADER((got.type = 13, got.flags = DMRS_FLAG_SKIP), NULL);
	HEADER((got.type = 13, got.flags = DMRS_FLAG_SKIP, got.length = DMRS_PAYLOAD_MAX), NULL);
}

/* A valid @noun in @in, changed, is refused with this text. */
#define BAD(noun, change, text) do {							\
	const char *__why;								\
											\
	memcpy(x, in, sizeof(*in));							\
	change;										\
	__why = dmrs_##noun##_get(buf, dmrs_##noun##_put(buf, x), out);			\
	CHECK(__why && strstr(__why, text), #change ": %s", __why ?: "-");		\
} while (0)

TEST(stream_codec_state_limits)
{
	struct dmrs_state *in = unit_alloc(sizeof(*in)), *x = unit_alloc(sizeof(*in));
	struct dmrs_state *out = unit_alloc(sizeof(*in));
	u8 *buf = unit_alloc(DMRS_FRAME_MAX);
	struct rng rng;

	rng_init(&rng, 1);
	do
		any_state(&rng, in);
	while (in->head != DMRS_PARTIAL || in->nr_points < 3 || in->nr_generations != 2 ||
	       in->nr_disks < 2);
	CHECK(!dmrs_state_get(buf, dmrs_state_put(buf, in), out));
	BAD(state, x->role = 0, "role");
	BAD(state, x->role = 3, "role");
	BAD(state, x->head = 3, "head");
	BAD(state, x->head = DMRS_CLEAN, "partial stream");
	BAD(state, memset(x->stream, 0, 16), "partial stream");
	BAD(state, x->target.number = 0, "partial stream");
	BAD(state, x->base.number = x->target.number, "partial stream");
	BAD(state, memset(x->target.generation, 0, 16), "partial stream");
	BAD(state, x->cursor.disk = x->nr_disks + 1, "partial stream");
	BAD(state, (x->cursor.disk = x->nr_disks, x->cursor.offset = 512), "partial stream");
	BAD(state, (x->cursor.disk = 0, x->cursor.offset = x->disks[0].bytes + 512), "partial");
	BAD(state, (x->cursor.disk = 0, x->cursor.offset = 1), "partial stream");
	BAD(state, x->written_bytes = 1, "has bytes");
	BAD(state, x->nr_generations = 0, "number of generations");
	BAD(state, memset(x->generations[1].uuid, 0, 16), "no UUID");
	BAD(state, x->generations[0] = x->generations[1], "twice");
	BAD(state, x->generations[0].first = 0, "generations are in the wrong order");
	BAD(state, x->generations[0].first = 5000, "wrong order");
	BAD(state, x->points[0].generation = 2, "not of its generation");
	BAD(state, x->points[0].generation = 0, "not of its generation");
	BAD(state, x->points[0].number = 1, "not of its generation");
	BAD(state, x->points[1] = x->points[0], "points are in the wrong order");
	BAD(state, x->points[1].kind = 0, "known kind");
	BAD(state, x->points[1].kind = 4, "known kind");
	BAD(state, x->nr_disks = 0, "number of disks");
	BAD(state, x->disks[0].bytes = 0, "size of a disk");
	BAD(state, x->disks[0].bytes = 513, "size of a disk");
	BAD(state, x->disks[0].bytes = 1ULL << 63, "size of a disk");
	BAD(state, x->disks[0].block = 256, "block size");
	BAD(state, x->disks[0].block = 3 * 512, "block size");
	BAD(state, x->disks[0].name[0] = 0, "name of a disk");
	BAD(state, strcpy(x->disks[0].name, "a/b"), "name of a disk");
	BAD(state, strcpy(x->disks[0].name, "\xff"), "name of a disk");
	BAD(state, strcpy(x->disks[1].name, x->disks[0].name), "one name");
	/* More than there may be, in a payload that has room for them. */
	dmrs_state_put(buf, in);
	buf[2] = DMRS_GENERATIONS + 1;
	CHECK(strstr(dmrs_state_get(buf, 60000, out), "number of generations"));
	dmrs_state_put(buf, in);
	buf[5] = 0xff;
	CHECK(strstr(dmrs_state_get(buf, 60000, out), "too many recovery points"));
	in->nr_points = 0;
	dmrs_state_put(buf, in);
	buf[6] = DMR_MAX_DISKS + 1;
	CHECK(strstr(dmrs_state_get(buf, 60000, out), "number of disks"));
}

TEST(stream_codec_begin_limits)
{
	struct dmrs_begin *in = unit_alloc(sizeof(*in)), *x = unit_alloc(sizeof(*in));
	struct dmrs_begin *out = unit_alloc(sizeof(*in));
	u8 *buf = unit_alloc(DMRS_FRAME_MAX);
	struct rng rng;

	rng_init(&rng, 1);
	do
		any_begin(&rng, in);
	while (in->kind != DMRS_DELTA);
	CHECK(!dmrs_begin_get(buf, dmrs_begin_put(buf, in), out));
	BAD(begin, memset(x->stream, 0, 16), "no UUID");
	BAD(begin, x->kind = 0, "kind of the stream");
	BAD(begin, x->kind = 4, "kind of the stream");
	BAD(begin, x->kind = DMRS_FULL, "base and target");
	BAD(begin, memset(&x->base, 0, sizeof(x->base)), "base and target");
	BAD(begin, memset(&x->target, 0, sizeof(x->target)), "base and target");
	BAD(begin, x->target.number = x->base.number, "base and target");
	BAD(begin, memset(x->base.generation, 0, 16), "base and target");
	BAD(begin, x->generation_first = 0, "of its generation");
	BAD(begin, x->generation_first = x->target.number + 1, "of its generation");
	BAD(begin, x->point_kind = 0, "known kind");
	BAD(begin, x->point_kind = 4, "known kind");
	BAD(begin, strcpy(x->label, "a/b"), "label");
	BAD(begin, strcpy(x->label, "\n"), "label");
	BAD(begin, x->from.disk = x->nr_disks + 1, "place where");
	BAD(begin, (x->from.disk = 0, x->from.offset = x->disks[0].bytes + 512), "place where");
	BAD(begin, x->nr_disks = 0, "number of disks");
	dmrs_begin_put(buf, in);
	buf[17] = 1;
	CHECK(strstr(dmrs_begin_get(buf, dmrs_begin_put(buf + 4096, in), out), "kind of the"));
}

TEST(stream_codec_other_limits)
{
	struct dmrs_hello *in, *x, *out;
	u8 *buf = unit_alloc(DMRS_FRAME_MAX);
	struct rng rng;
	u32 len;

	rng_init(&rng, 1);
	in = unit_alloc(sizeof(*in));
	x = unit_alloc(sizeof(*x));
	out = unit_alloc(sizeof(*out));
	any_hello(&rng, in);
	BAD(hello, x->lowest = 0, "wrong order");
	BAD(hello, (x->lowest = 3, x->highest = 2), "wrong order");
	BAD(hello, (x->lowest = 2, x->highest = 2), "does not speak");
	BAD(hello, strcpy(x->host, "a\nb"), "name of the host");
	len = dmrs_hello_put(buf, in);
	buf[0]++;
	CHECK(strstr(dmrs_hello_get(buf, len, out), "no stream of dm-replica"));
	{
		struct dmrs_refusal *in, *x, *out;

		in = unit_alloc(sizeof(*in));
		x = unit_alloc(sizeof(*x));
		out = unit_alloc(sizeof(*out));
		in->code = DM_REPLICA_CODE_FAILED;
		BAD(refusal, x->code = 0, "code");
		BAD(refusal, x->code = 4096, "code");
		BAD(refusal, x->code = 32780, "code");
		BAD(refusal, strcpy(x->sentence, "\033[2J"), "no text");
	}
	{
		struct dmrs_meta meta = { 1, 100, 40, 60, buf + 4096 }, *in = &meta, *out, *x;

		out = unit_alloc(sizeof(*out));
		x = unit_alloc(sizeof(*x));
		CHECK(!dmrs_meta_get(buf, dmrs_meta_put(buf, in), out));
		BAD(meta, x->kind = 0, "kind of the metadata");
		BAD(meta, x->kind = 4, "kind of the metadata");
		BAD(meta, x->bytes = 61, "size of the metadata");
		BAD(meta, x->offset = 101, "size of the metadata");
		BAD(meta, x->offset = ~0U, "size of the metadata");
		BAD(meta, x->total = DMRS_META_MAX + 1, "size of the metadata");
		BAD(meta, x->bytes = 0, "size of the metadata");
	}
}

TEST(stream_codec_extents)
{
	static struct dmrs_extents in, *out;
	u8 *buf = unit_alloc(DMRS_FRAME_MAX);
	struct dmrs_begin *begin = unit_alloc(sizeof(*begin));
	struct dmrs_place from;
	u32 len;

	out = unit_alloc(sizeof(*out));
	begin->nr_disks = 2;
	begin->disks[0].bytes = 100 * DMRS_BLOCK;
	begin->disks[1].bytes = 10 * DMRS_BLOCK + 1024;
	in = (struct dmrs_extents){ .disk = 1, .count = 3, .raw = 3 * DMRS_BLOCK + 1024 };
	in.list[0] = (struct dmrs_extent){ 1 * DMRS_BLOCK, DMRS_BLOCK, 1 };
	in.list[1] = (struct dmrs_extent){ 2 * DMRS_BLOCK, DMRS_BLOCK, 2 };
	in.list[2] = (struct dmrs_extent){ 9 * DMRS_BLOCK, DMRS_BLOCK + 1024, 3 };
#define EXTENTS(zero_, zstd, add, at_disk, at_offset, change, text) do {			\
	struct dmrs_extents __x = in;							\
	const char *__why;								\
											\
	__x.zero = zero_;								\
	if (zero_)									\
		__x.raw = 0;								\
	change;										\
	len = dmrs_extents_put(buf, &__x);						\
	from.disk = at_disk;								\
	from.offset = at_offset;							\
	__why = dmrs_extents_get(buf, len + (add), zero_, zstd, begin, &from, out);	\
	CHECK(text ? __why && strstr(__why, text ?: "") : !__why, #change ": %s", __why ?: "-"); \
	if (__why)									\
		CHECK(from.disk == at_disk && from.offset == at_offset);		\
} while (0)
#define E(i)	__x.list[i]
	EXTENTS(false, false, in.raw, 0, 0, (void)0, NULL);
	CHECK(from.disk == 1 && from.offset == begin->disks[1].bytes);
	CHECK(!memcmp(out->list, in.list, 3 * sizeof(in.list[0])));
	EXTENTS(false, true, 1, 0, 0, (void)0, NULL);
	EXTENTS(false, true, in.raw - 1, 0, 0, (void)0, NULL);
	EXTENTS(true, false, 0, 1, DMRS_BLOCK, (void)0, NULL);
	EXTENTS(true, false, 0, 0, 0,
		(__x.disk = 0, __x.count = 1, E(0).length = 99 * DMRS_BLOCK), NULL);
	EXTENTS(false, true, in.raw, 0, 0, (void)0, "its size");
	EXTENTS(false, true, 0, 0, 0, (void)0, "its size");
	EXTENTS(false, false, in.raw - 1, 0, 0, (void)0, "its size");
	EXTENTS(false, false, in.raw + 1, 0, 0, (void)0, "its size");
	EXTENTS(true, false, 1, 0, 0, (void)0, "size of the data");
	EXTENTS(true, false, 0, 0, 0, __x.raw = 1, "size of the data");
	EXTENTS(false, false, in.raw, 0, 0, __x.raw++, "size of the data");
	EXTENTS(false, false, in.raw, 1, DMRS_BLOCK + 4096, (void)0, "rising order");
	EXTENTS(false, false, in.raw, 2, 0, (void)0, "rising order");
	EXTENTS(false, false, in.raw, 0, 0, __x.disk = 2, "no disk");
	EXTENTS(false, false, in.raw, 0, 0, __x.count = 0, "number of extents");
	EXTENTS(false, false, in.raw, 0, 0, E(1).offset = DMRS_BLOCK, "rising order");
	EXTENTS(false, false, in.raw, 0, 0, E(1).offset += 512, "begin at a whole block");
	EXTENTS(false, false, in.raw, 0, 0, E(1).length = 0, "within its disk");
	EXTENTS(false, false, in.raw, 0, 0, E(1).length = 512, "end at a whole block");
	EXTENTS(false, false, in.raw, 0, 0, E(2).length = DMRS_BLOCK + 512, "end at a whole block");
	EXTENTS(false, false, in.raw, 0, 0, E(2).length += DMRS_BLOCK, "within its disk");
	EXTENTS(false, false, in.raw, 0, 0, E(2).offset = 11 * DMRS_BLOCK, "within its disk");
	EXTENTS(true, false, 0, 0, 0, E(2).length = ~0ULL - 4095, "within its disk");
	EXTENTS(true, false, 0, 0, 0, E(2).offset = ~0ULL - 4095, "within its disk");
	/* More extents than a frame may have, or than it has. */
	len = dmrs_extents_put(buf, &in);
	buf[2] = 0x01;
	buf[3] = 0x01;
	from.disk = from.offset = 0;
	CHECK(strstr(dmrs_extents_get(buf, 60000, false, false, begin, &from, out), "number of"));
	buf[3] = 0;
	buf[2] = 4;
	CHECK(strstr(dmrs_extents_get(buf, len, false, false, begin, &from, out), "shorter than"));
	/* The checksums. */
	in.count = 2;
	in.raw = 2 * DMRS_BLOCK;
	len = dmrs_extents_put(buf, &in);
	memset(buf + len, 0x11, in.raw);
	in.list[0].crc = in.list[1].crc = dmr_crc32c(0, buf + len, DMRS_BLOCK);
	dmrs_extents_put(buf, &in);
	CHECK(!dmrs_extents_get(buf, len + in.raw, false, false, begin, &from, out));
	CHECK(!dmrs_extents_check(out, out->data));
	buf[len + DMRS_BLOCK + 5] ^= 1;
	CHECK(dmrs_extents_check(out, out->data));
}
