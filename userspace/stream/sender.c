// SPDX-License-Identifier: GPL-2.0-only
/* The sending side of a session. */
#include "sender.h"
#include "digest.h"
#include "zip.h"

#define OUT_BYTES	(2 * DMRS_FRAME_MAX)
#define RANGES		DMRS_EXTENTS_MAX	/* asked for at a time: a frame has no more */

enum phase {
	SAY_HELLO,
	WAIT_HELLO,
	SAY_STATE,
	WAIT_STATE,
	BEGIN,
	WAIT_ACCEPT,
	META,
	EXTENTS,
	WAIT_DONE,
	IDLE,
	BYE,
	OVER,
};

struct dmrs_sender {
	const struct dmrs_sender_ops *ops;
	void *arg;
	struct dmrs_sender_conf conf;
	struct dmrs_link link;
	enum phase phase;
	u32 metas;
	struct dmrs_place place;	/* behind what was sent */
	struct dmrs_place synced;
	u64 syncs, syncs_back;
	u64 unsynced;			/* bytes since the last SYNC */
	u64 sync_at;			/* ns */
	struct dmrs_range ranges[RANGES];
	u32 range, nr_ranges;		/* that wait */
	struct dmrs_count count;
	struct dmrs_digest *digest;
	struct dmrs_zip *zip;
	u8 *raw;
	struct dmrs_hello hello, peer_hello;
	struct dmrs_state state, peer_state;
	struct dmrs_decision decision;
	struct dmrs_begin begin;
	struct dmrs_extents ex;
};

struct dmrs_sender *dmrs_sender_new(const struct dmrs_sender_ops *ops, void *arg,
				    const struct dmrs_sender_conf *conf)
{
	struct dmrs_sender *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->ops = ops;
	s->arg = arg;
	s->conf = *conf;
	if (!s->conf.sync_bytes)
		s->conf.sync_bytes = DMRS_SYNC_BYTES;
	s->digest = dmrs_digest_new();
	s->zip = dmrs_zip_new();
	s->raw = aligned_alloc(DMRS_BLOCK, DMRS_DATA_MAX);
	if (!dmrs_link_init(&s->link, conf->live, OUT_BYTES) || !s->digest || !s->zip ||
	    !s->raw) {
		dmrs_sender_free(s);
		return NULL;
	}
	return s;
}

void dmrs_sender_free(struct dmrs_sender *s)
{
	if (!s)
		return;
	dmrs_link_exit(&s->link);
	dmrs_digest_free(s->digest);
	dmrs_zip_free(s->zip);
	free(s->raw);
	free(s);
}

struct dmrs_link *dmrs_sender_link(struct dmrs_sender *s)
{
	return &s->link;
}

bool dmrs_sender_idle(const struct dmrs_sender *s)
{
	return s->phase == IDLE && !s->link.failed;
}

bool dmrs_sender_over(const struct dmrs_sender *s)
{
	return s->phase == OVER || s->link.failed;
}

const struct dmrs_decision *dmrs_sender_decision(const struct dmrs_sender *s)
{
	return &s->decision;
}

const struct dmrs_hello *dmrs_sender_peer(const struct dmrs_sender *s)
{
	return &s->peer_hello;
}

const struct dmrs_count *dmrs_sender_count(const struct dmrs_sender *s)
{
	return &s->count;
}

const struct dmrs_place *dmrs_sender_synced(const struct dmrs_sender *s)
{
	return &s->synced;
}

static bool read_state(struct dmrs_sender *s)
{
	struct dmrs_refusal why = { .code = 0 };

	if (s->ops->state(s->arg, &s->hello, &s->state, &why))
		return true;
	dmrs_link_broken(&s->link, &why);
	return false;
}

static bool identity_of(const struct dmrs_state *state, u64 number, struct dmrs_identity *id)
{
	u32 i;

	for (i = 0; i < state->nr_points; i++) {
		const struct dmrs_point *p = &state->points[i];

		if (number && p->number != number)
			continue;
		memcpy(id->generation, state->generations[p->generation].uuid, 16);
		id->number = p->number;
		return true;
	}
	return false;
}

/* Into a file: as the caller has asked, since no receiver is there. */
static bool decide_file(struct dmrs_sender *s)
{
	struct dmrs_decision *d = &s->decision;

	memset(d, 0, sizeof(*d));
	if (!identity_of(&s->state, s->conf.target, &d->target) ||
	    (s->conf.base && !identity_of(&s->state, s->conf.base, &d->base))) {
		dmrs_link_fail(&s->link, DM_REPLICA_CODE_NOT_FOUND,
			       "there is no recovery point with that number");
		return false;
	}
	if (d->base.number >= d->target.number) {
		dmrs_link_fail(&s->link, DM_REPLICA_CODE_INVALID_PARAMETER,
			       "the base is not older than the target");
		return false;
	}
	d->verdict = d->base.number ? DMRS_GO_DELTA : DMRS_GO_FULL;
	return true;
}

static void say_begin(struct dmrs_sender *s)
{
	struct dmrs_side mine = { &s->hello, &s->state };
	struct dmrs_side theirs = { &s->peer_hello, &s->peer_state };
	struct dmrs_decision *d = &s->decision;
	struct dmrs_refusal why = { .code = 0 };
	struct dmrs_begin *b = &s->begin;

	if (s->conf.live)
		dmrs_decide(&mine, &theirs, s->conf.target, d);
	else if (!decide_file(s))
		return;
	/* The answer to an earlier END was lost. */
	if (d->verdict == DMRS_UP_TO_DATE && !s->ops->acked(s->arg, &d->target, &why)) {
		dmrs_link_broken(&s->link, &why);
		return;
	}
	if (d->verdict != DMRS_GO_RESUME && d->verdict != DMRS_GO_DELTA &&
	    d->verdict != DMRS_GO_FULL) {
		s->phase = IDLE;
		return;
	}
	memset(b, 0, sizeof(*b));
	memcpy(b->stream, d->stream, 16);
	b->kind = d->base.number ? DMRS_DELTA : DMRS_FULL;
	b->base = d->base;
	b->target = d->target;
	b->generation_first = dmrs_generation_first(&s->state, &d->target);
	b->from = d->cursor;
	b->nr_disks = s->state.nr_disks;
	memcpy(b->disks, s->state.disks, sizeof(b->disks));
	/* I3: held before the receiver hears of it. */
	if (!s->ops->announce(s->arg, d, b, &why)) {
		dmrs_link_broken(&s->link, &why);
		return;
	}
	s->place = b->from;
	s->synced = b->from;
	memset(&s->count, 0, sizeof(s->count));
	s->metas = 0;
	s->range = s->nr_ranges = 0;
	s->syncs = s->syncs_back = s->unsynced = 0;
	dmrs_digest_end(s->digest, s->raw);
	dmrs_link_send(&s->link, DMRS_BEGIN, 0, dmrs_begin_put(dmrs_link_payload(&s->link), b));
	s->phase = s->conf.live ? WAIT_ACCEPT : META;
}

static void say_meta(struct dmrs_sender *s)
{
	struct dmrs_refusal why = { .code = 0 };
	struct dmrs_meta meta = { .bytes = 0 };

	if (!s->ops->meta(s->arg, s->metas, &meta, &why)) {
		dmrs_link_broken(&s->link, &why);
		return;
	}
	if (!meta.bytes) {
		s->phase = EXTENTS;
		s->sync_at = s->link.now;
		return;
	}
	s->metas++;
	dmrs_link_send(&s->link, DMRS_META, 0, dmrs_meta_put(dmrs_link_payload(&s->link), &meta));
}

/* Have a range that waits, or move on to the next disk.  Return: false at the end of all. */
static bool next_range(struct dmrs_sender *s)
{
	struct dmrs_refusal why = { .code = 0 };
	int n;

	while (s->range == s->nr_ranges && s->place.disk < s->begin.nr_disks) {
		n = s->ops->extents(s->arg, s->place.disk, s->place.offset, s->ranges, RANGES,
				    &why);
		if (n < 0) {
			dmrs_link_broken(&s->link, &why);
			return false;
		}
		s->range = 0;
		s->nr_ranges = n;
		if (!n) {
			s->place.disk++;
			s->place.offset = 0;
		}
	}
	return s->range < s->nr_ranges;
}

/* Take what fits into one frame, at most @most bytes of data, from the ranges that wait. */
static void gather(struct dmrs_sender *s, u64 most)
{
	struct dmrs_extents *ex = &s->ex;

	memset(ex, 0, offsetof(struct dmrs_extents, list));
	ex->disk = s->place.disk;
	ex->zero = s->ranges[s->range].zero;
	while (s->range < s->nr_ranges && ex->count < DMRS_EXTENTS_MAX) {
		struct dmrs_range *range = &s->ranges[s->range];
		struct dmrs_extent *e = &ex->list[ex->count];
		u64 take = range->length;

		if (range->zero != ex->zero)
			break;
		if (!ex->zero && take > most - ex->raw)
			take = round_down(most - ex->raw, (u64)DMRS_BLOCK);
		if (!take)
			break;
		e->offset = range->offset;
		e->length = take;
		e->crc = 0;
		ex->count++;
		if (!ex->zero)
			ex->raw += take;
		range->offset += take;
		range->length -= take;
		s->place.offset = range->offset;
		if (!range->length)
			s->range++;
	}
}

static void say_sync(struct dmrs_sender *s)
{
	struct dmrs_sync sync = { .number = ++s->syncs, .cursor = s->place };

	dmrs_link_send(&s->link, DMRS_SYNC, 0, dmrs_sync_put(dmrs_link_payload(&s->link), &sync));
	s->unsynced = 0;
	s->sync_at = s->link.now;
}

static void say_data(struct dmrs_sender *s)
{
	struct dmrs_extents *ex = &s->ex;
	struct dmrs_refusal why = { .code = 0 };
	u32 i, len, packed = 0;
	u64 at = 0;
	u8 *p;

	if (!ex->zero && !s->ops->read(s->arg, ex, s->raw, &why)) {
		dmrs_link_broken(&s->link, &why);
		return;
	}
	/* End to end: computed where the data was read. */
	for (i = 0; !ex->zero && i < ex->count; i++) {
		ex->list[i].crc = dmr_crc32c(0, s->raw + at, ex->list[i].length);
		at += ex->list[i].length;
	}
	if (!dmrs_digest_add(s->digest, ex)) {
		dmrs_link_fail(&s->link, DM_REPLICA_CODE_FAILED, "the digest has failed");
		return;
	}
	dmrs_extents_count(&s->count, ex);
	p = dmrs_link_payload(&s->link);
	len = dmrs_extents_put(p, ex);
	if (!ex->zero && !s->conf.plain)
		packed = dmrs_zip_pack(s->zip, p + len, DMRS_PAYLOAD_MAX - len, s->raw, ex->raw);
	if (!ex->zero && !packed)
		memcpy(p + len, s->raw, ex->raw);
	dmrs_link_send(&s->link, ex->zero ? DMRS_ZERO : DMRS_DATA, packed ? DMRS_FLAG_ZSTD : 0,
		       len + (packed ?: ex->raw));
	s->unsynced += ex->zero ? ex->count * DMRS_EXTENT_BYTES : ex->raw;
}

static void say_end(struct dmrs_sender *s)
{
	struct dmrs_end end = { .count = s->count };

	dmrs_digest_end(s->digest, end.digest);
	dmrs_link_send(&s->link, DMRS_END, 0, dmrs_end_put(dmrs_link_payload(&s->link), &end));
	s->phase = s->conf.live ? WAIT_DONE : BYE;
}

static void say_extents(struct dmrs_sender *s)
{
	u64 most = min_t(u64, DMRS_DATA_MAX, max_t(u64, s->conf.sync_bytes, DMRS_BLOCK));
	u64 next;

	if (!next_range(s)) {
		if (!s->link.failed)
			say_end(s);
		return;
	}
	/* No SYNC distance is longer than it is set to. */
	next = s->ranges[s->range].zero ? DMRS_EXTENT_BYTES : DMRS_BLOCK;
	if (s->unsynced && (s->unsynced + next > s->conf.sync_bytes ||
			    s->link.now - s->sync_at >= DMRS_SYNC_TIME)) {
		say_sync(s);
		return;
	}
	if (s->unsynced < s->conf.sync_bytes)
		most = min_t(u64, most, max_t(u64, s->conf.sync_bytes - s->unsynced, DMRS_BLOCK));
	gather(s, most);
	say_data(s);
}

bool dmrs_sender_run(struct dmrs_sender *s, u64 now)
{
	struct dmrs_link *l = &s->link;
	enum phase phase;
	size_t queued, before;
	u8 *p;

	dmrs_link_time(l, now);
	p = dmrs_link_payload(l);
	if (!p || l->failed)
		return false;
	phase = s->phase;
	dmrs_link_out(l, &before);
	switch (phase) {
	case SAY_HELLO:
		if (!read_state(s))
			return false;
		p = dmrs_link_payload(l);
		dmrs_link_send(l, DMRS_HELLO, 0, dmrs_hello_put(p, &s->hello));
		s->phase = s->conf.live ? WAIT_HELLO : BEGIN;
		break;
	case SAY_STATE:
		dmrs_link_send(l, DMRS_STATE, 0, dmrs_state_put(p, &s->state));
		s->phase = WAIT_STATE;
		break;
	case BEGIN:
		say_begin(s);
		break;
	case META:
		say_meta(s);
		break;
	case EXTENTS:
		say_extents(s);
		break;
	case BYE:
		dmrs_link_send(l, DMRS_BYE, 0, 0);
		s->phase = OVER;
		break;
	default:
		break;
	}
	dmrs_link_out(l, &queued);
	return !l->failed && (queued != before || s->phase != phase);
}

static void got_accept(struct dmrs_sender *s)
{
	struct dmrs_link *l = &s->link;
	struct dmrs_accept a;
	const char *why = dmrs_accept_get(l->in, l->frame.length, &a);

	if (!why && memcmp(a.stream, s->begin.stream, 16))
		why = "another stream was accepted";
	if (!why && dmrs_place_cmp(&a.from, &s->begin.from))
		why = "it was not accepted from where it begins";
	if (why) {
		dmrs_link_bad(&s->link, why);
		return;
	}
	s->phase = META;
}

static void got_refuse(struct dmrs_sender *s)
{
	struct dmrs_link *l = &s->link;
	struct dmrs_refusal failed = { .code = 0 }, by;
	const char *why = dmrs_refusal_get(l->in, l->frame.length, &by);

	if (why) {
		dmrs_link_bad(&s->link, why);
		return;
	}
	s->decision.verdict = DMRS_REFUSED;
	s->decision.why = by;
	if (!s->ops->refused(s->arg, &s->begin.target, &by, &failed))
		dmrs_link_broken(&s->link, &failed);
	s->phase = IDLE;
}

static void got_synced(struct dmrs_sender *s)
{
	struct dmrs_link *l = &s->link;
	struct dmrs_sync sync;
	const char *why = dmrs_sync_get(l->in, l->frame.length, &sync);

	if (!why && (sync.number != s->syncs_back + 1 || sync.number > s->syncs))
		why = "it answers no SYNC";
	if (!why && (dmrs_place_cmp(&sync.cursor, &s->synced) < 0 ||
		     dmrs_place_cmp(&sync.cursor, &s->place) > 0))
		why = "the cursor is wrong";
	if (why) {
		dmrs_link_bad(&s->link, why);
		return;
	}
	s->syncs_back++;
	s->synced = sync.cursor;
}

/* The receiver's state after a DONE, for the next target of the session. */
static void note_done(struct dmrs_sender *s)
{
	struct dmrs_state *r = &s->peer_state;
	u32 nr = min_t(u32, r->nr_points + 1, DM_REPLICA_POINTS_MAX), g;

	r->head = DMRS_CLEAN;
	memset(r->stream, 0, sizeof(r->stream));
	memset(&r->base, 0, sizeof(r->base));
	memset(&r->target, 0, sizeof(r->target));
	memset(&r->cursor, 0, sizeof(r->cursor));
	r->written_bytes = r->written_since = 0;
	for (g = 0; g < r->nr_generations &&
	     memcmp(r->generations[g].uuid, s->begin.target.generation, 16); g++)
		;
	if (g == r->nr_generations) {
		/* Taken over with the point. */
		g = min_t(u32, g, DMRS_GENERATIONS - 1);
		r->nr_generations = g + 1;
		memcpy(r->generations[g].uuid, s->begin.target.generation, 16);
		r->generations[g].first = s->begin.generation_first;
	}
	memmove(r->points + 1, r->points, (nr - 1) * sizeof(r->points[0]));
	r->points[0] = (struct dmrs_point){
		.generation = g, .kind = s->begin.point_kind, .number = s->begin.target.number,
		.time = s->begin.time,
	};
	r->nr_points = nr;
}

static void got_done(struct dmrs_sender *s)
{
	struct dmrs_link *l = &s->link;
	struct dmrs_refusal failed = { .code = 0 };
	struct dmrs_done done;
	const char *why = dmrs_done_get(l->in, l->frame.length, &done);

	if (!why && !dmrs_identity_same(&done.point, &s->begin.target))
		why = "the point that is done is another one";
	if (why) {
		dmrs_link_bad(&s->link, why);
		return;
	}
	note_done(s);
	if (!s->ops->acked(s->arg, &s->begin.target, &failed))
		dmrs_link_broken(&s->link, &failed);
	s->phase = IDLE;
}

static void got_greeting(struct dmrs_sender *s)
{
	struct dmrs_link *l = &s->link;
	bool hello = l->frame.type == DMRS_HELLO;
	const char *why = hello ? dmrs_hello_get(l->in, l->frame.length, &s->peer_hello) :
				  dmrs_state_get(l->in, l->frame.length, &s->peer_state);

	if (why)
		dmrs_link_bad(&s->link, why);
	else
		s->phase = hello ? SAY_STATE : BEGIN;
}

static void got_frame(struct dmrs_sender *s)
{
	enum phase phase = s->phase;

	switch (s->link.frame.type) {
	case DMRS_ERROR:
		dmrs_link_got_error(&s->link, "receiver");
		return;
	case DMRS_HELLO:
	case DMRS_STATE:
		if (phase != (s->link.frame.type == DMRS_HELLO ? WAIT_HELLO : WAIT_STATE))
			break;
		got_greeting(s);
		return;
	case DMRS_ACCEPT:
		if (phase != WAIT_ACCEPT)
			break;
		got_accept(s);
		return;
	case DMRS_REFUSE:
		if (phase != WAIT_ACCEPT)
			break;
		got_refuse(s);
		return;
	case DMRS_SYNCED:
		if (phase != EXTENTS && phase != WAIT_DONE)
			break;
		got_synced(s);
		return;
	case DMRS_DONE:
		if (phase != WAIT_DONE)
			break;
		got_done(s);
		return;
	}
	dmrs_link_bad(&s->link, "the frame is not expected here");
}

size_t dmrs_sender_feed(struct dmrs_sender *s, const u8 *buf, size_t len, u64 now)
{
	struct dmrs_link *l = &s->link;
	size_t taken = 0;

	dmrs_link_time(l, now);
	while (taken < len && !dmrs_sender_over(s)) {
		taken += dmrs_link_feed(l, buf + taken, len - taken);
		if (!l->ready)
			continue;
		got_frame(s);
		dmrs_link_next(l);
	}
	return taken;
}

void dmrs_sender_eof(struct dmrs_sender *s)
{
	struct dmrs_link *l = &s->link;

	if (s->phase == OVER || l->failed)
		return;
	l->live = false;
	dmrs_link_fail(l, DM_REPLICA_CODE_FAILED, s->phase == IDLE ?
		       "the receiver has gone" : "the receiver has gone before the end");
}

void dmrs_sender_again(struct dmrs_sender *s, u64 target)
{
	if (!dmrs_sender_idle(s) || !read_state(s))
		return;
	s->conf.target = target;
	s->phase = BEGIN;
}

void dmrs_sender_bye(struct dmrs_sender *s)
{
	if (dmrs_sender_idle(s))
		s->phase = BYE;
}
