// SPDX-License-Identifier: GPL-2.0-only
/* One side of a connection. */
#include <stdarg.h>

#include "link.h"

bool dmrs_link_init(struct dmrs_link *l, bool live, size_t out_size)
{
	memset(l, 0, sizeof(*l));
	l->live = live;
	l->out_size = out_size;
	l->next_in = 1;
	l->next_out = 1;
	l->in = malloc(DMRS_PAYLOAD_MAX);
	l->out = malloc(out_size);
	if (l->in && l->out)
		return true;
	dmrs_link_exit(l);
	return false;
}

void dmrs_link_exit(struct dmrs_link *l)
{
	free(l->in);
	free(l->out);
	l->in = NULL;
	l->out = NULL;
}

u8 *dmrs_link_payload(struct dmrs_link *l)
{
	if (l->out_size - l->out_end < DMRS_FRAME_MAX) {
		memmove(l->out, l->out + l->out_from, l->out_end - l->out_from);
		l->out_end -= l->out_from;
		l->out_from = 0;
	}
	if (l->out_size - l->out_end < DMRS_FRAME_MAX)
		return NULL;
	return l->out + l->out_end + DMRS_HEADER;
}

void dmrs_link_send(struct dmrs_link *l, u32 type, u32 flags, u32 len)
{
	struct dmrs_frame frame = {
		.length = len, .type = type, .flags = flags, .number = l->next_out++,
		.crc = dmr_crc32c(0, l->out + l->out_end + DMRS_HEADER, len),
	};

	dmrs_frame_encode(l->out + l->out_end, &frame);
	l->out_end += DMRS_HEADER + len;
	l->last_out = l->now;
}

const u8 *dmrs_link_out(const struct dmrs_link *l, size_t *len)
{
	*len = l->out_end - l->out_from;
	return l->out + l->out_from;
}

void dmrs_link_sent(struct dmrs_link *l, size_t len)
{
	l->out_from += len;
	if (l->out_from == l->out_end)
		l->out_from = l->out_end = 0;
}

/* The header before the payload: a length is believed only when it is checked. */
static void got_header(struct dmrs_link *l)
{
	const char *why = dmrs_frame_decode(l->header, l->next_in, &l->frame);

	if (why)
		dmrs_link_fail(l, DM_REPLICA_CODE_INVALID_TYPE, "frame %llu: %s",
			       (unsigned long long)l->next_in, why);
}

static void got_frame(struct dmrs_link *l)
{
	const char *why = NULL;
	u64 clock;

	if (dmr_crc32c(0, l->in, l->frame.length) != l->frame.crc)
		why = "the checksum of the payload is wrong";
	else if (l->frame.type == DMRS_PING)
		why = dmrs_ping_get(l->in, l->frame.length, &clock);
	if (why) {
		dmrs_link_bad(l, why);
		return;
	}
	l->ready = true;
	l->count.bytes += l->have;
	if (dmrs_frame_known(l->frame.type))
		l->count.frames[l->frame.type]++;
	else
		l->count.skipped++;
	l->count.packed += l->frame.type == DMRS_DATA && (l->frame.flags & DMRS_FLAG_ZSTD);
	if (l->frame.type == DMRS_PING || !dmrs_frame_known(l->frame.type))
		dmrs_link_next(l);
}

size_t dmrs_link_feed(struct dmrs_link *l, const u8 *buf, size_t len)
{
	size_t taken = 0, n;

	if (len)
		l->silent = 0;
	while (taken < len && !l->ready && !l->failed) {
		if (l->have < DMRS_HEADER) {
			n = min_t(size_t, len - taken, DMRS_HEADER - l->have);
			memcpy(l->header + l->have, buf + taken, n);
		} else {
			n = min_t(size_t, len - taken, DMRS_HEADER + l->frame.length - l->have);
			memcpy(l->in + l->have - DMRS_HEADER, buf + taken, n);
		}
		if (l->have < DMRS_HEADER && l->have + n == DMRS_HEADER)
			got_header(l);
		l->have += n;
		taken += n;
		if (!l->failed && l->have >= DMRS_HEADER &&
		    l->have == DMRS_HEADER + l->frame.length)
			got_frame(l);
	}
	return taken;
}

void dmrs_link_next(struct dmrs_link *l)
{
	l->ready = false;
	l->have = 0;
	l->next_in++;
}

void dmrs_link_bad(struct dmrs_link *l, const char *why)
{
	dmrs_link_fail(l, DM_REPLICA_CODE_INVALID_TYPE, "frame %llu, %s: %s",
		       (unsigned long long)l->frame.number, dmrs_frame_name(l->frame.type), why);
}

void dmrs_link_broken(struct dmrs_link *l, const struct dmrs_refusal *why)
{
	dmrs_link_fail(l, why->code ?: DM_REPLICA_CODE_FAILED, "%s", why->sentence);
}

void dmrs_link_got_error(struct dmrs_link *l, const char *side)
{
	struct dmrs_refusal theirs;
	const char *why = dmrs_refusal_get(l->in, l->frame.length, &theirs);

	if (why) {
		dmrs_link_bad(l, why);
		return;
	}
	l->live = false;	/* no answer */
	dmrs_link_fail(l, theirs.code, "the %s: %.400s", side, theirs.sentence);
}

void dmrs_link_fail(struct dmrs_link *l, u32 code, const char *fmt, ...)
{
	va_list ap;
	u8 *p;

	if (l->failed)
		return;
	l->failed = true;
	l->fault.code = code;
	va_start(ap, fmt);
	vsnprintf(l->fault.sentence, sizeof(l->fault.sentence), fmt, ap);
	va_end(ap);
	p = l->live ? dmrs_link_payload(l) : NULL;
	if (p)
		dmrs_link_send(l, DMRS_ERROR, 0, dmrs_refusal_put(p, &l->fault));
}

void dmrs_link_time(struct dmrs_link *l, u64 now)
{
	u8 *p;

	if (!l->now)
		l->last_out = now;
	l->now = now;
	/* The first frame of each side is its HELLO. */
	if (!l->live || l->failed || l->next_out == 1 || now - l->last_out < DMRS_PING_AFTER)
		return;
	p = dmrs_link_payload(l);
	if (p)
		dmrs_link_send(l, DMRS_PING, 0, dmrs_ping_put(p, now));
}

void dmrs_link_silent(struct dmrs_link *l, u64 now)
{
	if (!l->live || l->failed)
		return;
	if (!l->silent)
		l->silent = now ?: 1;
	else if (now - l->silent >= DMRS_DEAD_AFTER)
		dmrs_link_fail(l, DM_REPLICA_CODE_TIMEOUT,
			       "the other side has sent nothing for 30 seconds");
}
