/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The handshake: what is to be sent, decided from what both sides have, without any I/O.
 * The table in Documentation/replication-stream.md has a row for each outcome.
 */
#ifndef DMRS_DECIDE_H
#define DMRS_DECIDE_H

#include "payload.h"

/** enum dmrs_verdict - what is to be done */
enum dmrs_verdict {
	DMRS_REFUSED,		/* nothing: code and sentence */
	DMRS_GO_RESUME,		/* go on with the stream that the receiver has begun */
	DMRS_GO_DELTA,		/* what has changed since the receiver's newest point */
	DMRS_GO_FULL,		/* everything */
	DMRS_UP_TO_DATE,	/* nothing: the receiver has the target */
	DMRS_DIVERGED,		/* nothing: both sides have what the other one lacks */
	DMRS_GO_COMPARE,	/* find the differences first; only on request */
};

/** struct dmrs_side - what one side has announced */
struct dmrs_side {
	const struct dmrs_hello *hello;
	const struct dmrs_state *state;
};

/** struct dmrs_decision - the outcome of a handshake */
struct dmrs_decision {
	enum dmrs_verdict verdict;
	bool abort;			/* the receiver's partial stream is given up first */
	struct dmrs_identity base;	/* number 0: none */
	struct dmrs_identity target;
	u8 stream[16];			/* to go on with */
	struct dmrs_place cursor;	/* likewise */
	struct dmrs_refusal why;	/* code 0 where there is something to do */
};

/**
 * dmrs_decide() - the sender's decision
 * @s: sender.
 * @r: receiver.
 * @target: number of the sender's point to send; 0: a stream that was begun, or the newest.
 * @out: filled in.
 *
 * Pure: the same two STATEs and target give the same decision on each side.
 */
void dmrs_decide(const struct dmrs_side *s, const struct dmrs_side *r, u64 target,
		 struct dmrs_decision *out);

/**
 * dmrs_decide_begin() - the receiver's own decision about a BEGIN (I1, I5)
 * @r: the receiver's present state; the sender's words are not taken for it.
 * @begin: checked by dmrs_begin_get().
 * @out: RESUME, DELTA, FULL, UP_TO_DATE or REFUSED; all below @cursor is there.
 *
 * All that dmrs_decide() lets a sender begin is taken; a file without a handshake, too.  A stream
 * that the module would not begin is refused here, before a partial one is given up for it.
 */
void dmrs_decide_begin(const struct dmrs_state *r, const struct dmrs_begin *begin,
		       struct dmrs_decision *out);

/** dmrs_generation_first() - number at which the generation of a point of @state began */
u64 dmrs_generation_first(const struct dmrs_state *state, const struct dmrs_identity *id);

/** dmrs_decide_name() - name of a verdict for people.  Return: a constant text. */
const char *dmrs_decide_name(enum dmrs_verdict verdict);

#endif /* DMRS_DECIDE_H */
