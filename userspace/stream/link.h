/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One side of a connection: bytes in, frames out, and the reverse.  Memory is taken once, for
 * one frame that comes in and a queue that goes out (I6); nothing here waits.
 */
#ifndef DMRS_LINK_H
#define DMRS_LINK_H

#include "payload.h"

#define DMRS_PING_AFTER		5000000000ULL	/* ns without a frame sent */
#define DMRS_DEAD_AFTER		30000000000ULL	/* ns without a byte received */

/** struct dmrs_link_count - what has come in */
struct dmrs_link_count {
	u64 bytes;
	u64 frames[DMRS_TYPES];	/* by type */
	u64 skipped;		/* of unknown types */
	u64 packed;		/* DATA that is compressed */
};

/** struct dmrs_link - private but for what the comments offer */
struct dmrs_link {
	bool live;		/* both directions; false: a file */
	bool failed;		/* ended by @fault */
	bool ready;		/* @frame and its payload, @in, are complete */
	struct dmrs_frame frame;
	u8 *in;
	u32 have;		/* bytes of the frame that comes in, header included */
	u8 header[DMRS_HEADER];
	u8 *out;
	size_t out_size, out_from, out_end;
	u64 next_in, next_out;	/* frame numbers */
	u64 last_out;		/* ns, of the caller's monotonic clock */
	u64 silent;		/* since when no byte has come in, found by the caller; 0: no such time */
	u64 now;
	struct dmrs_refusal fault;
	struct dmrs_link_count count;
};

/**
 * dmrs_link_init() - begin
 * @l: any content.
 * @live: the other side answers.
 * @out_size: bytes of the queue that goes out, at least DMRS_FRAME_MAX.
 *
 * Return: false without memory.
 */
bool dmrs_link_init(struct dmrs_link *l, bool live, size_t out_size);
void dmrs_link_exit(struct dmrs_link *l);

/**
 * dmrs_link_payload() - room for one more frame
 * @l: link.
 *
 * Return: where its payload is written, DMRS_PAYLOAD_MAX bytes; NULL while the queue is full.
 */
u8 *dmrs_link_payload(struct dmrs_link *l);

/** dmrs_link_send() - queue a frame whose payload was written to dmrs_link_payload() */
void dmrs_link_send(struct dmrs_link *l, u32 type, u32 flags, u32 len);

/**
 * dmrs_link_out() - bytes that wait to be sent
 * @l: link.
 * @len: set to their number.
 *
 * Return: the first of them.
 */
const u8 *dmrs_link_out(const struct dmrs_link *l, size_t *len);

/** dmrs_link_sent() - so many of them were sent */
void dmrs_link_sent(struct dmrs_link *l, size_t len);

/**
 * dmrs_link_feed() - take bytes, up to the end of one frame
 * @l: link; not @ready, not @failed.
 * @buf: @len bytes.
 * @len: their number.
 *
 * A PING, and a frame of an unknown type that may be skipped, are taken here.
 *
 * Return: bytes taken; @ready or @failed may be set.
 */
size_t dmrs_link_feed(struct dmrs_link *l, const u8 *buf, size_t len);

/** dmrs_link_next() - the frame that is @ready has been handled */
void dmrs_link_next(struct dmrs_link *l);

/** dmrs_link_fail() - end the session, and send an ERROR if there is room */
void dmrs_link_fail(struct dmrs_link *l, u32 code, const char *fmt, ...)
	__attribute__((__format__(__printf__, 3, 4)));

/** dmrs_link_bad() - end the session for a fault of the frame that is @ready */
void dmrs_link_bad(struct dmrs_link *l, const char *why);

/** dmrs_link_broken() - end the session since an operation of this side failed */
void dmrs_link_broken(struct dmrs_link *l, const struct dmrs_refusal *why);

/** dmrs_link_got_error() - take the ERROR that is @ready; @side names the other side */
void dmrs_link_got_error(struct dmrs_link *l, const char *side);

/** dmrs_link_time() - set the time; a live link sends a PING */
void dmrs_link_time(struct dmrs_link *l, u64 now);

/**
 * dmrs_link_silent() - the caller has looked for bytes of the other side, and there are none
 * @l: link.
 * @now: ns of a monotonic clock.
 *
 * A live link ends when that is so for DMRS_DEAD_AFTER.  Time in which this side was busy, and
 * has read nothing, is none: there may be bytes that wait.
 */
void dmrs_link_silent(struct dmrs_link *l, u64 now);

#endif /* DMRS_LINK_H */
