/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sending side of a session: a state machine over a table of operations, without I/O of
 * its own but for reads of extents through the table.
 */
#ifndef DMRS_SENDER_H
#define DMRS_SENDER_H

#include "decide.h"
#include "extent.h"
#include "link.h"

#define DMRS_SYNC_BYTES		(64u << 20)	/* bytes between two SYNCs, by default */
#define DMRS_SYNC_TIME		1000000000ULL	/* ns, likewise */

/** struct dmrs_range - what the sender's system has to send of a disk */
struct dmrs_range {
	u64 offset;		/* bytes, as in an extent */
	u64 length;
	bool zero;
};

/**
 * struct dmrs_sender_ops - what the sender asks of its system
 *
 * Each but @extents returns false after it has filled in @why.  A disk is an index in the list
 * of the STATE, which is that of the BEGIN.
 *
 * @state: the system's present state.
 * @announce: hold base and target of the decision durably (I3), make them readable, and fill in
 * what the BEGIN has beside: stream (unless it goes on), the target's time, kind and label, bytes
 * and extents expected.
 * @acked: the receiver has the target: the base may be let go, the target is the next base.
 * The same may be reported again.
 * @refused: the target was refused; it is held no more.
 * @meta: the piece number @n, from 0; @meta->bytes stays 0 when there is none.
 * @extents: the next ranges at @offset or behind, rising, at most @max.  Returns their number, 0
 * at the end of the disk, -1 with @why.
 * @read: the extents of @ex into @raw, one behind the other.
 */
struct dmrs_sender_ops {
	bool (*state)(void *arg, struct dmrs_hello *hello, struct dmrs_state *state,
		      struct dmrs_refusal *why);
	bool (*announce)(void *arg, const struct dmrs_decision *d, struct dmrs_begin *begin,
			 struct dmrs_refusal *why);
	bool (*acked)(void *arg, const struct dmrs_identity *target, struct dmrs_refusal *why);
	bool (*refused)(void *arg, const struct dmrs_identity *target,
			const struct dmrs_refusal *by, struct dmrs_refusal *why);
	bool (*meta)(void *arg, u32 n, struct dmrs_meta *meta, struct dmrs_refusal *why);
	int (*extents)(void *arg, u32 disk, u64 offset, struct dmrs_range *ranges, u32 max,
		       struct dmrs_refusal *why);
	bool (*read)(void *arg, const struct dmrs_extents *ex, u8 *raw, struct dmrs_refusal *why);
};

/** struct dmrs_sender_conf - a session */
struct dmrs_sender_conf {
	bool live;		/* there is a receiver; false: into a file */
	bool plain;		/* do not compress */
	u64 target;		/* number of the point to send; 0: as the handshake has it */
	u64 base;		/* into a file: number of the base; 0: everything */
	u32 sync_bytes;		/* 0: DMRS_SYNC_BYTES */
};

struct dmrs_sender;

/** dmrs_sender_new() - begin a session.  Return: NULL without memory. */
struct dmrs_sender *dmrs_sender_new(const struct dmrs_sender_ops *ops, void *arg,
				    const struct dmrs_sender_conf *conf);
void dmrs_sender_free(struct dmrs_sender *s);

/** dmrs_sender_link() - for dmrs_link_out(), dmrs_link_sent() and the fault */
struct dmrs_link *dmrs_sender_link(struct dmrs_sender *s);

/**
 * dmrs_sender_run() - go on
 * @s: sender.
 * @now: ns of a monotonic clock.
 *
 * Return: true if a frame was queued and more may follow; false: the receiver has to answer,
 * what is queued has to be sent, or the session is over.
 */
bool dmrs_sender_run(struct dmrs_sender *s, u64 now);

/**
 * dmrs_sender_feed() - take bytes of the receiver
 * @s: sender.
 * @buf: @len bytes.
 * @len: their number.
 * @now: ns of a monotonic clock.
 *
 * Return: bytes taken; less than @len if the session has ended.
 */
size_t dmrs_sender_feed(struct dmrs_sender *s, const u8 *buf, size_t len, u64 now);

/** dmrs_sender_eof() - the receiver has gone: a fault, unless all was said */
void dmrs_sender_eof(struct dmrs_sender *s);

/**
 * dmrs_sender_again() - send the next target in the same session
 * @s: sender that is idle.
 * @target: number of the point; 0: the newest.
 */
void dmrs_sender_again(struct dmrs_sender *s, u64 target);

/** dmrs_sender_bye() - end an idle session */
void dmrs_sender_bye(struct dmrs_sender *s);

/** dmrs_sender_idle() - the target is acknowledged, refused or was not needed */
bool dmrs_sender_idle(const struct dmrs_sender *s);

/** dmrs_sender_over() - there will be no more frames */
bool dmrs_sender_over(const struct dmrs_sender *s);

/** dmrs_sender_decision() - the last outcome; the receiver's REFUSE makes it REFUSED */
const struct dmrs_decision *dmrs_sender_decision(const struct dmrs_sender *s);

/** dmrs_sender_peer() - the receiver's HELLO; zeroes before it has come */
const struct dmrs_hello *dmrs_sender_peer(const struct dmrs_sender *s);

/** dmrs_sender_count() - content sent of the present stream */
const struct dmrs_count *dmrs_sender_count(const struct dmrs_sender *s);

/** dmrs_sender_synced() - all below is flushed at the receiver */
const struct dmrs_place *dmrs_sender_synced(const struct dmrs_sender *s);

#endif /* DMRS_SENDER_H */
