// SPDX-License-Identifier: GPL-2.0-only
/* Two sites and a session between them. */
#include "replica-world.h"

const struct world_cut world_whole = { ~0ULL, ~0ULL, ~0ULL, ~0ULL, 0, 0 };

static u64 disk_bytes(const struct site *s, u32 d)
{
	return s->disks[d].bytes;
}

static u8 *disk_new(u64 bytes)
{
	return unit_alloc(bytes);
}

/* @seed is that of its system; the relationship, disks and first generation are common. */
struct site *site_new(u64 seed, bool tiny)
{
	struct site *s = unit_alloc(sizeof(*s));
	u32 d;

	rng_init(&s->rng, seed);
	s->hello.lowest = s->hello.highest = DMRS_VERSION;
	memset(s->hello.relationship, 0x77, 16);
	memset(s->hello.system, seed, 16);
	sprintf(s->hello.host, "host%u", (u32)seed);
	s->role = DMRS_REPLICA;
	s->nr_generations = 1;
	memset(s->generations[0].uuid, 'A', 16);
	s->generations[0].first = 1;
	s->nr_disks = tiny ? 1 : SITE_DISKS;
	for (d = 0; d < s->nr_disks; d++) {
		memset(s->disks[d].uuid, 0x30 + d, 16);
		sprintf(s->disks[d].name, "vd%c", 'a' + d);
		s->disks[d].block = 512;
		/* The last block of a disk may be a part of one. */
		s->disks[d].bytes = tiny ? 3 * DMRS_BLOCK : d ? 20 * DMRS_BLOCK + 512 :
								SITE_BLOCKS * DMRS_BLOCK;
		s->head[d] = disk_new(disk_bytes(s, d));
		s->flushed[d] = disk_new(disk_bytes(s, d));
	}
	return s;
}

void site_write(struct site *s, u32 blocks)
{
	while (blocks--) {
		u32 d = rng_below(&s->rng, s->nr_disks);
		u64 blocks_there = DIV_ROUND_UP(disk_bytes(s, d), DMRS_BLOCK);
		u64 at = rng_below(&s->rng, blocks_there) * DMRS_BLOCK;
		u64 n = min_t(u64, DMRS_BLOCK, disk_bytes(s, d) - at);

		switch (rng_below(&s->rng, 4)) {
		case 0:
			memset(s->head[d] + at, 0, n);
			break;
		case 1:
			memset(s->head[d] + at, rng_u64(&s->rng), n);
			break;
		default:
			rng_bytes(&s->rng, s->head[d] + at, n);
		}
	}
}

u64 site_newest(const struct site *s)
{
	return s->nr_points ? s->points[s->nr_points - 1].number : 0;
}

static void add_point(struct site *s, u64 number, u32 generation)
{
	struct site_point *p;
	u32 d;

	CHECK(s->nr_points < SITE_POINTS);
	CHECK(number > site_newest(s));
	p = &s->points[s->nr_points++];
	p->number = number;
	p->generation = generation;
	p->held = false;
	for (d = 0; d < s->nr_disks; d++) {
		if (!p->data[d])
			p->data[d] = disk_new(disk_bytes(s, d));
		memcpy(p->data[d], s->head[d], disk_bytes(s, d));
		memcpy(s->flushed[d], s->head[d], disk_bytes(s, d));
	}
}

void site_point(struct site *s)
{
	add_point(s, site_newest(s) + 1, s->nr_generations - 1);
}

void site_crash(struct site *s, u64 seed)
{
	struct rng rng;
	u32 d;
	u64 at;

	rng_init(&rng, seed);
	for (d = 0; d < s->nr_disks; d++)
		for (at = 0; at < disk_bytes(s, d); at += DMRS_BLOCK) {
			u64 n = min_t(u64, DMRS_BLOCK, disk_bytes(s, d) - at);

			if (rng_chance(&rng, 50))
				memcpy(s->head[d] + at, s->flushed[d] + at, n);
			else
				memcpy(s->flushed[d] + at, s->head[d] + at, n);
		}
	s->cursor = s->cursor_flushed;
}

void site_drop(struct site *s, u64 number)
{
	u32 i;

	for (i = 0; i < s->nr_points && s->points[i].number != number; i++)
		;
	CHECK(i < s->nr_points && !s->points[i].held);
	memmove(&s->points[i], &s->points[i + 1], (--s->nr_points - i) * sizeof(s->points[0]));
	memset(&s->points[s->nr_points], 0, sizeof(s->points[0]));
}

void site_drop_loose(struct site *s)
{
	u32 i;

	for (i = s->nr_points; i-- > 0;)
		if (i != s->nr_points - 1 && !s->points[i].held)
			site_drop(s, s->points[i].number);
}

/* Return: NULL if there is none. */
static struct site_point *find_point(const struct site *s, const struct dmrs_identity *id)
{
	u32 i;

	for (i = 0; i < s->nr_points; i++) {
		const struct site_point *p = &s->points[i];

		if (p->number == id->number &&
		    !memcmp(s->generations[p->generation].uuid, id->generation, 16))
			return (struct site_point *)p;
	}
	return NULL;
}

void site_check(const struct site *s, const struct site *origin)
{
	struct dmrs_identity id;
	u32 i, d;

	for (i = 0; i < s->nr_points; i++) {
		const struct site_point *p = &s->points[i], *o;

		memcpy(id.generation, s->generations[p->generation].uuid, 16);
		id.number = p->number;
		o = find_point(origin, &id);
		CHECK(o, "point %llu was none of the sender", p->number);
		for (d = 0; d < s->nr_disks; d++)
			CHECK(!memcmp(p->data[d], o->data[d], disk_bytes(s, d)),
			      "point %llu differs on disk %u", p->number, d);
	}
}

void site_state(const struct site *s, struct dmrs_state *state)
{
	u32 i;

	memset(state, 0, sizeof(*state));
	state->role = s->role;
	state->head = s->condition;
	state->nr_generations = s->nr_generations;
	state->nr_points = s->nr_points;
	state->nr_disks = s->nr_disks;
	state->free_bytes = 1 << 30;
	if (s->condition == DMRS_PARTIAL) {
		memcpy(state->stream, s->stream, 16);
		state->base = s->base;
		state->target = s->target;
		state->cursor = s->cursor;
	}
	memcpy(state->generations, s->generations, sizeof(s->generations));
	for (i = 0; i < s->nr_points; i++)
		state->points[s->nr_points - 1 - i] = (struct dmrs_point){
			.generation = s->points[i].generation, .number = s->points[i].number,
			.kind = DM_REPLICA_POINT_KIND_STANDARD, .time = s->points[i].number,
		};
	memcpy(state->disks, s->disks, sizeof(s->disks));
}

/* Return: false if the operation is to fail. */
static bool goes(struct site *s, char op, struct dmrs_refusal *why)
{
	if (s->fails != op)
		return true;
	why->code = DM_REPLICA_CODE_NO_MEMORY;
	strcpy(why->sentence, "as requested");
	return false;
}

static bool op_state(void *arg, struct dmrs_hello *hello, struct dmrs_state *state,
		     struct dmrs_refusal *why)
{
	struct site *s = arg;

	*hello = s->hello;
	site_state(s, state);
	return goes(s, 's', why);
}

/* --- receiver --- */

static bool op_abort(void *arg, const u8 *stream, struct dmrs_refusal *why)
{
	struct site *s = arg;
	u32 d;

	if (!goes(s, 'a', why))
		return false;
	CHECK_EQ(s->condition, DMRS_PARTIAL);
	CHECK(!memcmp(s->stream, stream, 16));
	s->aborts++;
	for (d = 0; d < s->nr_disks; d++) {
		if (s->nr_points)
			memcpy(s->head[d], s->points[s->nr_points - 1].data[d], disk_bytes(s, d));
		memcpy(s->flushed[d], s->head[d], disk_bytes(s, d));
	}
	s->condition = DMRS_CLEAN;
	return true;
}

static bool op_begin(void *arg, const struct dmrs_begin *begin, const struct dmrs_decision *d,
		     struct dmrs_refusal *why)
{
	struct site *s = arg;

	if (!goes(s, 'b', why))
		return false;
	if (d->verdict == DMRS_GO_RESUME) {
		CHECK_EQ(s->condition, DMRS_PARTIAL);
		CHECK(!memcmp(s->stream, begin->stream, 16));
		return true;
	}
	if (d->abort) {
		/* As the module: it would not begin after that. */
		CHECK(begin->target.number >= s->target.number);
		CHECK(!s->base.number || !memcmp(begin->target.generation, s->target.generation, 16));
		if (!op_abort(s, s->stream, why))
			return false;
	}
	CHECK_EQ(s->condition, DMRS_CLEAN);
	CHECK_EQ(begin->base.number, site_newest(s));
	s->begins++;
	s->condition = DMRS_PARTIAL;
	memcpy(s->stream, begin->stream, 16);
	s->base = begin->base;
	s->target = begin->target;
	memset(&s->cursor, 0, sizeof(s->cursor));
	s->cursor_flushed = s->cursor;
	memset(s->written, 0, sizeof(s->written));
	s->again = 0;
	return true;
}

static void put(struct site *s, const struct dmrs_extents *ex, const u8 *raw)
{
	u32 i;
	u64 at;

	CHECK_EQ(s->condition, DMRS_PARTIAL);
	for (i = 0; i < ex->count; i++) {
		const struct dmrs_extent *e = &ex->list[i];

		CHECK(e->offset + e->length <= disk_bytes(s, ex->disk));
		for (at = e->offset; at < e->offset + e->length; at += DMRS_BLOCK) {
			u64 n = min_t(u64, DMRS_BLOCK, e->offset + e->length - at);

			if (s->written[ex->disk][at / DMRS_BLOCK]++ && raw)
				s->again += n;
		}
		if (raw)
			memcpy(s->head[ex->disk] + e->offset, raw, e->length);
		else
			memset(s->head[ex->disk] + e->offset, 0, e->length);
		raw = raw ? raw + e->length : NULL;
		s->wrote += e->length;
	}
}

static bool op_write(void *arg, const struct dmrs_extents *ex, const u8 *raw,
		     struct dmrs_refusal *why)
{
	if (!goes(arg, 'w', why))
		return false;
	put(arg, ex, raw);
	return true;
}

static bool op_zero(void *arg, const struct dmrs_extents *ex, struct dmrs_refusal *why)
{
	if (!goes(arg, 'z', why))
		return false;
	put(arg, ex, NULL);
	return true;
}

static bool op_flush(void *arg, struct dmrs_refusal *why)
{
	struct site *s = arg;
	u32 d;

	if (!goes(s, 'f', why))
		return false;
	s->flushes++;
	for (d = 0; d < s->nr_disks; d++)
		memcpy(s->flushed[d], s->head[d], disk_bytes(s, d));
	return true;
}

static bool op_mark(void *arg, const struct dmrs_place *cursor, struct dmrs_refusal *why)
{
	struct site *s = arg;
	u32 d;

	if (!goes(s, 'm', why))
		return false;
	for (d = 0; d < s->nr_disks; d++)
		CHECK(!memcmp(s->flushed[d], s->head[d], disk_bytes(s, d)));
	CHECK(dmrs_place_cmp(cursor, &s->cursor) >= 0);
	s->cursor = *cursor;
	/* In the superblock now and then only. */
	if (s->marks++ % 2)
		s->cursor_flushed = *cursor;
	return true;
}

static bool op_meta(void *arg, const struct dmrs_meta *meta, struct dmrs_refusal *why)
{
	struct site *s = arg;

	s->meta_bytes += meta->bytes;
	return goes(s, 'M', why);
}

static bool op_end(void *arg, const struct dmrs_begin *begin, struct dmrs_done *done,
		   struct dmrs_refusal *why)
{
	struct site *s = arg;
	u32 d, g;

	if (!goes(s, 'e', why))
		return false;
	/* I2 */
	for (d = 0; d < s->nr_disks; d++)
		CHECK(!memcmp(s->flushed[d], s->head[d], disk_bytes(s, d)));
	for (g = 0; g < s->nr_generations &&
	     memcmp(s->generations[g].uuid, begin->target.generation, 16); g++)
		;
	if (g == s->nr_generations) {
		memcpy(s->generations[g].uuid, begin->target.generation, 16);
		s->generations[g].first = begin->generation_first;
		s->nr_generations++;
	}
	add_point(s, begin->target.number, g);
	s->condition = DMRS_CLEAN;
	s->ends++;
	done->free_bytes = 1 << 29;
	return true;
}

const struct dmrs_receiver_ops site_receiver_ops = {
	op_state, op_abort, op_begin, op_write, op_zero, op_flush, op_mark, op_meta, op_end,
};

/* --- sender --- */

static bool op_announce(void *arg, const struct dmrs_decision *d, struct dmrs_begin *begin,
			struct dmrs_refusal *why)
{
	struct site *s = arg;
	struct site_point *base = find_point(s, &d->base), *target = find_point(s, &d->target);

	if (!goes(s, 'A', why))
		return false;
	CHECK(target && !base == !d->base.number);
	if (base)
		base->held = true;
	target->held = true;
	s->from = base;
	s->to = target;
	begin->point_kind = DM_REPLICA_POINT_KIND_STANDARD;
	begin->time = target->number;
	strcpy(begin->label, "label");
	if (d->verdict != DMRS_GO_RESUME)
		memset(begin->stream, ++s->next_stream, 16);
	return true;
}

static bool op_acked(void *arg, const struct dmrs_identity *target, struct dmrs_refusal *why)
{
	struct site *s = arg;
	u32 i;

	for (i = 0; i < s->nr_points; i++)
		s->points[i].held = s->points[i].number == target->number;
	s->acks++;
	return goes(s, 'k', why);
}

static bool op_refused(void *arg, const struct dmrs_identity *target,
		       const struct dmrs_refusal *by, struct dmrs_refusal *why)
{
	struct site *s = arg;
	struct site_point *p = find_point(s, target);

	CHECK(by->code >= DM_REPLICA_CODE_FAILED && by->sentence[0]);
	if (p)
		p->held = false;
	return goes(s, 'r', why);
}

static bool op_send_meta(void *arg, u32 n, struct dmrs_meta *meta, struct dmrs_refusal *why)
{
	struct site *s = arg;
	u32 piece = DIV_ROUND_UP(s->meta_len, 3);

	if (!goes(s, 'M', why))
		return false;
	if (!s->meta_len || n * piece >= s->meta_len)
		return true;
	meta->kind = DMRS_META_NVRAM;
	meta->total = s->meta_len;
	meta->offset = n * piece;
	meta->bytes = min(piece, s->meta_len - meta->offset);
	meta->data = s->meta + meta->offset;
	return true;
}

static int op_extents(void *arg, u32 disk, u64 offset, struct dmrs_range *ranges, u32 max,
		      struct dmrs_refusal *why)
{
	struct site *s = arg;
	u64 size = disk_bytes(s, disk), at;
	u32 nr = 0;

	if (!goes(s, 'x', why))
		return -1;
	for (at = offset; at < size; at += DMRS_BLOCK) {
		u64 n = min_t(u64, DMRS_BLOCK, size - at);
		const u8 *data = s->to->data[disk] + at;
		struct dmrs_range *last = nr ? &ranges[nr - 1] : NULL;
		/* Of what has not changed always the same is sent, too. */
		bool send = !s->from || memcmp(s->from->data[disk] + at, data, n) ||
			    (at / DMRS_BLOCK * 37 + disk * 11) % 100 < s->superset;
		bool zero = dmr_is_zero(data, n);

		if (!send)
			continue;
		if (last && last->offset + last->length == at && last->zero == zero) {
			last->length += n;
			continue;
		}
		if (nr == max)
			break;
		ranges[nr++] = (struct dmrs_range){ at, n, zero };
	}
	return nr;
}

static bool op_read(void *arg, const struct dmrs_extents *ex, u8 *raw, struct dmrs_refusal *why)
{
	struct site *s = arg;
	u32 i;

	if (!goes(s, 'R', why))
		return false;
	for (i = 0; i < ex->count; i++) {
		memcpy(raw, s->to->data[ex->disk] + ex->list[i].offset, ex->list[i].length);
		raw += ex->list[i].length;
		s->read += ex->list[i].length;
	}
	return true;
}

const struct dmrs_sender_ops site_sender_ops = {
	op_state, op_announce, op_acked, op_refused, op_send_meta, op_extents, op_read,
};

/* --- a session --- */

/* Ends of frames, from their headers. */
static void note_ends(struct world_run *run, const u8 *buf, size_t len)
{
	size_t at = 0;

	while (at + DMRS_HEADER <= len) {
		at += DMRS_HEADER + (buf[at] | buf[at + 1] << 8 | buf[at + 2] << 16);
		if (run->nr_ends < ARRAY_SIZE(run->ends))
			run->ends[run->nr_ends++] = run->to_receiver + at;
	}
}

void world_run(struct site *site_s, struct site *site_r, const struct dmrs_sender_conf *conf,
	       const struct world_cut *cut, struct world_run *run)
{
	struct dmrs_sender *s = dmrs_sender_new(&site_sender_ops, site_s, conf);
	struct dmrs_receiver *r = dmrs_receiver_new(&site_receiver_ops, site_r, true);
	struct dmrs_link *ls = dmrs_sender_link(s), *lr = dmrs_receiver_link(r);
	bool s_gone = false, r_gone = false;
	u64 now = 1, rounds = 0;
	const u8 *out;
	size_t len, n, i;
	static u8 copy[DMRS_FRAME_MAX * 2];

	memset(run, 0, sizeof(*run));
	for (;;) {
		bool moved = false;

		CHECK(++rounds < 100000, "the session does not end");
		now += 1000;
		while (!s_gone && dmrs_sender_run(s, now))
			moved = true;
		if (dmrs_sender_idle(s)) {
			dmrs_sender_bye(s);
			moved = true;
		}
		out = dmrs_link_out(ls, &len);
		note_ends(run, out, len);
		if (len && !s_gone) {
			memcpy(copy, out, len);
			if (cut->corrupt - run->to_receiver < len)
				copy[cut->corrupt - run->to_receiver] ^= cut->with;
			n = min_t(u64, len, cut->to_receiver - run->to_receiver);
			dmrs_link_sent(ls, len);
			for (i = 0; i < n && !r_gone;) {
				size_t piece = min_t(size_t, n - i, cut->piece ?: n);

				if (!dmrs_receiver_feed(r, copy + i, piece, now) ||
				    dmrs_receiver_over(r))
					break;
				i += piece;
			}
			run->to_receiver += n;
			moved = true;
			if (n < len)
				s_gone = r_gone = true;
		}
		out = dmrs_link_out(lr, &len);
		if (len && !r_gone) {
			memcpy(copy, out, len);
			if (cut->corrupt_back - run->to_sender < len)
				copy[cut->corrupt_back - run->to_sender] ^= cut->with;
			n = min_t(u64, len, cut->to_sender - run->to_sender);
			dmrs_link_sent(lr, len);
			dmrs_sender_feed(s, copy, n, now);
			run->to_sender += n;
			moved = true;
			if (n < len)
				s_gone = r_gone = true;
		}
		if (!moved)
			break;
	}
	dmrs_sender_eof(s);
	dmrs_receiver_eof(r);
	run->decision = *dmrs_sender_decision(s);
	run->count = *dmrs_sender_count(s);
	run->done = dmrs_receiver_done(r);
	run->sender = ls->fault;
	run->receiver = lr->fault;
	dmrs_sender_free(s);
	dmrs_receiver_free(r);
}

u32 world_file(struct site *site_s, const struct dmrs_sender_conf *conf, u8 **file)
{
	struct dmrs_sender *s = dmrs_sender_new(&site_sender_ops, site_s, conf);
	struct dmrs_link *l = dmrs_sender_link(s);
	u32 size = 1 << 20, total = 0;
	const u8 *out;
	size_t len;

	*file = unit_alloc(size);
	while (dmrs_sender_run(s, 1)) {
		out = dmrs_link_out(l, &len);
		CHECK(total + len <= size);
		memcpy(*file + total, out, len);
		total += len;
		dmrs_link_sent(l, len);
	}
	CHECK(dmrs_sender_over(s) && !l->failed, "%s", l->fault.sentence);
	dmrs_sender_free(s);
	return total;
}

u32 world_receive(struct site *site_r, const u8 *file, u64 len, struct dmrs_refusal *fault)
{
	struct dmrs_receiver *r = dmrs_receiver_new(&site_receiver_ops, site_r, false);
	struct dmrs_link *l = dmrs_receiver_link(r);
	size_t out;
	u32 done;

	dmrs_receiver_feed(r, file, len, 1);
	dmrs_receiver_eof(r);
	dmrs_link_out(l, &out);
	CHECK(!out, "a file has no reader");
	*fault = l->fault;
	done = dmrs_receiver_done(r);
	dmrs_receiver_free(r);
	return done;
}
