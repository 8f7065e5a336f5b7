/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The receiving side of a session: a state machine over a table of operations, without I/O of
 * its own.  Bytes are fed, bytes are taken, and the operations are called in the order in which
 * the stream has them.
 */
#ifndef DMRS_RECEIVER_H
#define DMRS_RECEIVER_H

#include "decide.h"
#include "extent.h"
#include "link.h"

/**
 * struct dmrs_receiver_ops - what the receiver does to its system
 *
 * Each returns false after it has filled in @why.  A disk is an index in the list of the
 * STATE, which is that of the BEGIN.
 *
 * @state: the system's present state; it is read again for each BEGIN.  A relationship of
 * zeroes: none yet, and that of the sender is taken.
 * @abort: give up the partial stream, which has this UUID.
 * @begin: record stream, base and target durably, as dmrs_decide_begin() has decided: give up
 * another partial stream first (@d->abort), or go on with this one (RESUME).
 * @write: write the extents of @ex, whose data is at @raw.
 * @zero: make the extents of @ex read as zeroes.
 * @flush: make durable all that was written.
 * @mark: keep the cursor; it may be lost in a crash, an older one is then in force.
 * @meta: take a piece, in order.
 * @end: make the point, durably; all is flushed.  Fills in free space and peers of @done.
 */
struct dmrs_receiver_ops {
	bool (*state)(void *arg, struct dmrs_hello *hello, struct dmrs_state *state,
		      struct dmrs_refusal *why);
	bool (*abort)(void *arg, const u8 *stream, struct dmrs_refusal *why);
	bool (*begin)(void *arg, const struct dmrs_begin *begin, const struct dmrs_decision *d,
		      struct dmrs_refusal *why);
	bool (*write)(void *arg, const struct dmrs_extents *ex, const u8 *raw,
		      struct dmrs_refusal *why);
	bool (*zero)(void *arg, const struct dmrs_extents *ex, struct dmrs_refusal *why);
	bool (*flush)(void *arg, struct dmrs_refusal *why);
	bool (*mark)(void *arg, const struct dmrs_place *cursor, struct dmrs_refusal *why);
	bool (*meta)(void *arg, const struct dmrs_meta *meta, struct dmrs_refusal *why);
	bool (*end)(void *arg, const struct dmrs_begin *begin, struct dmrs_done *done,
		    struct dmrs_refusal *why);
};

struct dmrs_receiver;

/**
 * dmrs_receiver_new() - begin a session
 * @ops: operations.
 * @arg: for them.
 * @live: the sender reads answers; false: a file is received, and nothing is sent.
 *
 * Return: NULL without memory.
 */
struct dmrs_receiver *dmrs_receiver_new(const struct dmrs_receiver_ops *ops, void *arg,
					bool live);
void dmrs_receiver_free(struct dmrs_receiver *r);

/** dmrs_receiver_link() - for dmrs_link_out(), dmrs_link_sent() and the fault */
struct dmrs_link *dmrs_receiver_link(struct dmrs_receiver *r);

/**
 * dmrs_receiver_feed() - take bytes of the sender
 * @r: receiver.
 * @buf: @len bytes; NULL without any, when time has passed.
 * @len: their number.
 * @now: ns of a monotonic clock.
 *
 * Return: bytes taken.  Less than @len: answers must be sent first, or the session has ended.
 */
size_t dmrs_receiver_feed(struct dmrs_receiver *r, const u8 *buf, size_t len, u64 now);

/** dmrs_receiver_eof() - the stream has ended: a fault, unless it was complete */
void dmrs_receiver_eof(struct dmrs_receiver *r);

/** dmrs_receiver_over() - the sender has said BYE, or all has ended with a fault */
bool dmrs_receiver_over(const struct dmrs_receiver *r);

/** dmrs_receiver_done() - points made in this session */
u32 dmrs_receiver_done(const struct dmrs_receiver *r);

/** dmrs_receiver_peer() - the sender's HELLO; zeroes before it has come */
const struct dmrs_hello *dmrs_receiver_peer(const struct dmrs_receiver *r);

/** dmrs_receiver_begin() - the stream that is received.  Return: NULL without one. */
const struct dmrs_begin *dmrs_receiver_begin(const struct dmrs_receiver *r);

/** dmrs_receiver_count() - content received of it so far */
const struct dmrs_count *dmrs_receiver_count(const struct dmrs_receiver *r);

#endif /* DMRS_RECEIVER_H */
