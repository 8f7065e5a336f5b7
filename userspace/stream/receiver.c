// SPDX-License-Identifier: GPL-2.0-only
/*
 * The receiving side of a session.
 *
 * Nothing is done for a frame before all of it is checked: header, payload, place and checksum
 * of each extent.  What the sender claims about itself is not used: a BEGIN is compared with
 * the system's own state, read at that moment (I1, I5).  The only change that a sender can ask
 * for beside data is a new point behind the newest one.
 */
#include "receiver.h"
#include "digest.h"
#include "zip.h"

/* Room for answers; feeding stops when the sender does not read them (I6). */
#define OUT_BYTES	(DMRS_FRAME_MAX + (128u << 10))

enum phase {
	WAIT_HELLO,
	WAIT_STATE,
	WAIT_BEGIN,
	META,			/* after a BEGIN, before the first extent */
	EXTENTS,
	OVER,
};

struct dmrs_receiver {
	const struct dmrs_receiver_ops *ops;
	void *arg;
	struct dmrs_link link;
	enum phase phase;
	u32 done;		/* points made */
	bool begun;		/* @begin is valid */
	bool have_already;	/* the target is here: all is checked, nothing is written (I4) */
	struct dmrs_place start; /* everything below is here */
	struct dmrs_place place; /* behind the last extent of the stream */
	u64 syncs;
	u32 meta_kind, meta_next, meta_total, meta_sum;
	struct dmrs_count count;
	struct dmrs_digest *digest;
	struct dmrs_zip *zip;
	u8 *raw;
	struct dmrs_hello hello, peer_hello;
	struct dmrs_state state, peer_state;
	struct dmrs_begin begin;
	struct dmrs_extents ex;
};

struct dmrs_receiver *dmrs_receiver_new(const struct dmrs_receiver_ops *ops, void *arg, bool live)
{
	struct dmrs_receiver *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->ops = ops;
	r->arg = arg;
	r->digest = dmrs_digest_new();
	r->zip = dmrs_zip_new();
	r->raw = aligned_alloc(DMRS_BLOCK, DMRS_DATA_MAX);
	if (!dmrs_link_init(&r->link, live, OUT_BYTES) || !r->digest || !r->zip || !r->raw) {
		dmrs_receiver_free(r);
		return NULL;
	}
	return r;
}

void dmrs_receiver_free(struct dmrs_receiver *r)
{
	if (!r)
		return;
	dmrs_link_exit(&r->link);
	dmrs_digest_free(r->digest);
	dmrs_zip_free(r->zip);
	free(r->raw);
	free(r);
}

struct dmrs_link *dmrs_receiver_link(struct dmrs_receiver *r)
{
	return &r->link;
}

bool dmrs_receiver_over(const struct dmrs_receiver *r)
{
	return r->phase == OVER || r->link.failed;
}

u32 dmrs_receiver_done(const struct dmrs_receiver *r)
{
	return r->done;
}

const struct dmrs_hello *dmrs_receiver_peer(const struct dmrs_receiver *r)
{
	return &r->peer_hello;
}

const struct dmrs_begin *dmrs_receiver_begin(const struct dmrs_receiver *r)
{
	return r->begun ? &r->begin : NULL;
}

const struct dmrs_count *dmrs_receiver_count(const struct dmrs_receiver *r)
{
	return &r->count;
}

static bool read_state(struct dmrs_receiver *r)
{
	struct dmrs_refusal why = { .code = 0 };

	if (r->ops->state(r->arg, &r->hello, &r->state, &why))
		return true;
	dmrs_link_broken(&r->link, &why);
	return false;
}

static void got_hello(struct dmrs_receiver *r)
{
	struct dmrs_link *l = &r->link;
	const char *why = dmrs_hello_get(l->in, l->frame.length, &r->peer_hello);

	if (why) {
		dmrs_link_bad(&r->link, why);
		return;
	}
	if (!read_state(r))
		return;
	/* A system that has received nothing yet is of any relationship. */
	if (dmr_is_zero(r->hello.relationship, 16))
		memcpy(r->hello.relationship, r->peer_hello.relationship, 16);
	if (memcmp(r->hello.relationship, r->peer_hello.relationship, 16)) {
		dmrs_link_fail(l, DM_REPLICA_CODE_INVALID_PARAMETER,
			       "the stream is not of this system's relationship");
		return;
	}
	if (!memcmp(r->hello.system, r->peer_hello.system, 16)) {
		dmrs_link_fail(l, DM_REPLICA_CODE_INVALID_PARAMETER,
			       "the stream is of this system itself");
		return;
	}
	if (l->live) {
		dmrs_link_send(l, DMRS_HELLO, 0,
			       dmrs_hello_put(dmrs_link_payload(l), &r->hello));
		r->phase = WAIT_STATE;
	} else {
		r->phase = WAIT_BEGIN;
	}
}

static void got_state(struct dmrs_receiver *r)
{
	struct dmrs_link *l = &r->link;
	const char *why = dmrs_state_get(l->in, l->frame.length, &r->peer_state);

	if (why) {
		dmrs_link_bad(&r->link, why);
		return;
	}
	if (l->live)
		dmrs_link_send(l, DMRS_STATE, 0, dmrs_state_put(dmrs_link_payload(l), &r->state));
	r->phase = WAIT_BEGIN;
}

static void refuse(struct dmrs_receiver *r, const struct dmrs_refusal *why)
{
	struct dmrs_link *l = &r->link;

	if (!l->live) {
		dmrs_link_broken(&r->link, why);
		return;
	}
	dmrs_link_send(l, DMRS_REFUSE, 0, dmrs_refusal_put(dmrs_link_payload(l), why));
	r->begun = false;
}

static void accept(struct dmrs_receiver *r, const struct dmrs_decision *d)
{
	struct dmrs_link *l = &r->link;
	struct dmrs_accept a = { .from = r->begin.from };

	r->have_already = d->verdict == DMRS_UP_TO_DATE;
	r->start = d->cursor;
	r->place = r->begin.from;
	memset(&r->count, 0, sizeof(r->count));
	r->syncs = 0;
	r->meta_kind = r->meta_next = r->meta_total = r->meta_sum = 0;
	dmrs_digest_end(r->digest, r->raw);	/* what a stream that was cut has left */
	memcpy(a.stream, r->begin.stream, 16);
	if (l->live)
		dmrs_link_send(l, DMRS_ACCEPT, 0, dmrs_accept_put(dmrs_link_payload(l), &a));
	r->phase = META;
}

static void got_begin(struct dmrs_receiver *r)
{
	struct dmrs_link *l = &r->link;
	const char *bad_bytes = dmrs_begin_get(l->in, l->frame.length, &r->begin);
	struct dmrs_refusal why = { .code = DM_REPLICA_CODE_FAILED };
	struct dmrs_decision d;

	r->begun = !bad_bytes;
	if (bad_bytes) {
		dmrs_link_bad(&r->link, bad_bytes);
		return;
	}
	if (!read_state(r))
		return;
	dmrs_decide_begin(&r->state, &r->begin, &d);
	if (d.verdict == DMRS_REFUSED)
		refuse(r, &d.why);
	else if (d.verdict != DMRS_UP_TO_DATE && !r->ops->begin(r->arg, &r->begin, &d, &why))
		refuse(r, &why);
	else
		accept(r, &d);
}

static void got_meta(struct dmrs_receiver *r)
{
	struct dmrs_link *l = &r->link;
	struct dmrs_refusal failed = { .code = 0 };
	struct dmrs_meta meta;
	const char *why = dmrs_meta_get(l->in, l->frame.length, &meta);

	if (!why && r->meta_next < r->meta_total) {
		if (meta.kind != r->meta_kind || meta.total != r->meta_total ||
		    meta.offset != r->meta_next)
			why = "a piece of the metadata is missing";
	} else if (!why && (meta.kind <= r->meta_kind || meta.offset)) {
		why = "the metadata is in the wrong order";
	} else if (!why && meta.total > DMRS_META_MAX - r->meta_sum) {
		why = "there is too much metadata";
	} else if (!why) {
		r->meta_sum += meta.total;
	}
	if (why) {
		dmrs_link_bad(&r->link, why);
		return;
	}
	r->meta_kind = meta.kind;
	r->meta_total = meta.total;
	r->meta_next = meta.offset + meta.bytes;
	if (!r->have_already && !r->ops->meta(r->arg, &meta, &failed))
		dmrs_link_broken(&r->link, &failed);
}

/* Drop from @ex what the receiver has (I4: it would do no harm). */
static const u8 *skip_known(struct dmrs_receiver *r, const u8 *raw)
{
	struct dmrs_extents *ex = &r->ex;
	struct dmrs_place end = { .disk = ex->disk };
	u32 n;

	for (n = 0; n < ex->count; n++) {
		end.offset = ex->list[n].offset + ex->list[n].length;
		if (dmrs_place_cmp(&end, &r->start) > 0)
			break;
		if (!ex->zero) {
			raw += ex->list[n].length;
			ex->raw -= ex->list[n].length;
		}
	}
	ex->count -= n;
	memmove(ex->list, ex->list + n, ex->count * sizeof(ex->list[0]));
	return raw;
}

static void got_extents(struct dmrs_receiver *r, bool zero)
{
	struct dmrs_link *l = &r->link;
	bool zstd = l->frame.flags & DMRS_FLAG_ZSTD, ok;
	struct dmrs_refusal failed = { .code = 0 };
	const u8 *raw;
	const char *why = dmrs_extents_get(l->in, l->frame.length, zero, zstd, &r->begin,
					   &r->place, &r->ex);

	raw = r->raw;
	if (!why && !zero) {
		if (!zstd)
			memcpy(r->raw, r->ex.data, r->ex.raw);	/* aligned, for direct I/O */
		else if (!dmrs_zip_unpack(r->zip, r->raw, r->ex.raw, r->ex.data, r->ex.data_len))
			why = "the data cannot be decompressed";
	}
	if (!why && !zero)
		why = dmrs_extents_check(&r->ex, raw);
	if (!why && !dmrs_digest_add(r->digest, &r->ex))
		why = "the digest has failed";
	if (why) {
		dmrs_link_bad(&r->link, why);
		return;
	}
	dmrs_extents_count(&r->count, &r->ex);
	r->phase = EXTENTS;
	if (r->have_already)
		return;
	raw = skip_known(r, raw);
	if (!r->ex.count)
		return;
	ok = zero ? r->ops->zero(r->arg, &r->ex, &failed) :
		    r->ops->write(r->arg, &r->ex, raw, &failed);
	if (!ok)
		dmrs_link_broken(&r->link, &failed);
}

static void got_sync(struct dmrs_receiver *r)
{
	struct dmrs_link *l = &r->link;
	struct dmrs_refusal failed = { .code = 0 };
	struct dmrs_sync sync;
	const char *why = dmrs_sync_get(l->in, l->frame.length, &sync);

	if (!why && sync.number != r->syncs + 1)
		why = "the number of the SYNC is not the next one";
	if (!why && (dmrs_place_cmp(&sync.cursor, &r->place) < 0 ||
		     !dmrs_place_within(&sync.cursor, r->begin.disks, r->begin.nr_disks)))
		why = "the cursor is wrong";
	if (why) {
		dmrs_link_bad(&r->link, why);
		return;
	}
	r->syncs++;
	r->place = sync.cursor;
	r->phase = EXTENTS;
	if (!r->have_already) {
		if (!r->ops->flush(r->arg, &failed) ||
		    (dmrs_place_cmp(&sync.cursor, &r->start) > 0 &&
		     !r->ops->mark(r->arg, &sync.cursor, &failed))) {
			dmrs_link_broken(&r->link, &failed);
			return;
		}
	}
	if (l->live)
		dmrs_link_send(l, DMRS_SYNCED, 0, dmrs_sync_put(dmrs_link_payload(l), &sync));
}

static void got_end(struct dmrs_receiver *r)
{
	struct dmrs_link *l = &r->link;
	struct dmrs_refusal failed = { .code = 0 };
	struct dmrs_done done = { .point = r->begin.target };
	struct dmrs_end end;
	const char *why = dmrs_end_get(l->in, l->frame.length, &end);
	u8 digest[32];

	dmrs_digest_end(r->digest, digest);
	if (!why && r->meta_next < r->meta_total)
		why = "a piece of the metadata is missing";
	if (!why && memcmp(&end.count, &r->count, sizeof(end.count)))
		why = "the counts are not those of the stream";
	if (!why && memcmp(end.digest, digest, sizeof(digest)))
		why = "the digest is not that of the stream";
	if (why) {
		dmrs_link_bad(&r->link, why);
		/* No frame is missing and yet not all is here: no cursor is to be trusted. */
		if (!r->have_already)
			r->ops->abort(r->arg, r->begin.stream, &failed);
		return;
	}
	/* I2: durable before it is acknowledged. */
	if (!r->have_already && (!r->ops->flush(r->arg, &failed) ||
				 !r->ops->end(r->arg, &r->begin, &done, &failed))) {
		dmrs_link_broken(&r->link, &failed);
		return;
	}
	r->done++;
	if (l->live)
		dmrs_link_send(l, DMRS_DONE, 0, dmrs_done_put(dmrs_link_payload(l), &done));
	r->phase = WAIT_BEGIN;
}

static void got_frame(struct dmrs_receiver *r)
{
	enum phase phase = r->phase;

	switch (r->link.frame.type) {
	case DMRS_ERROR:
		dmrs_link_got_error(&r->link, "sender");
		return;
	case DMRS_BYE:
		if (phase == META || phase == EXTENTS)
			break;
		r->phase = OVER;
		return;
	case DMRS_HELLO:
		if (phase != WAIT_HELLO)
			break;
		got_hello(r);
		return;
	case DMRS_STATE:
		/* A file may be a copy of what a live sender has sent. */
		if (phase != (r->link.live ? WAIT_STATE : WAIT_BEGIN))
			break;
		got_state(r);
		return;
	case DMRS_BEGIN:
		if (phase != WAIT_BEGIN)
			break;
		got_begin(r);
		return;
	case DMRS_META:
		if (phase != META)
			break;
		got_meta(r);
		return;
	case DMRS_DATA:
	case DMRS_ZERO:
		if (phase != META && phase != EXTENTS)
			break;
		if (r->meta_next < r->meta_total)
			break;
		got_extents(r, r->link.frame.type == DMRS_ZERO);
		return;
	case DMRS_SYNC:
		if (phase != META && phase != EXTENTS)
			break;
		got_sync(r);
		return;
	case DMRS_END:
		if (phase != META && phase != EXTENTS)
			break;
		got_end(r);
		return;
	}
	dmrs_link_bad(&r->link, "the frame is not expected here");
}

size_t dmrs_receiver_feed(struct dmrs_receiver *r, const u8 *buf, size_t len, u64 now)
{
	struct dmrs_link *l = &r->link;
	size_t taken = 0;

	dmrs_link_time(l, now);
	/* Each frame has one answer at most, for which there must be room. */
	while (taken < len && !dmrs_receiver_over(r) && dmrs_link_payload(l)) {
		taken += dmrs_link_feed(l, buf + taken, len - taken);
		if (!l->ready)
			continue;
		got_frame(r);
		dmrs_link_next(l);
	}
	return taken;
}

void dmrs_receiver_eof(struct dmrs_receiver *r)
{
	struct dmrs_link *l = &r->link;

	if (r->phase == OVER || l->failed)
		return;
	if (r->phase == WAIT_BEGIN && r->done && !l->have) {
		r->phase = OVER;
		return;
	}
	l->live = false;
	dmrs_link_fail(l, DM_REPLICA_CODE_FAILED, "the stream ends before its END");
}
