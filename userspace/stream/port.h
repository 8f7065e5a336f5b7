/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Notes between dm-replica-worker and its keeper, the process that has started it: a datagram
 * each, over a pair of sockets.  The worker asks and waits for the answer, a note of the same
 * kind; a mere report has none.  The keeper takes nothing in a note for granted: payloads
 * are those of frames, and are checked as those are.
 */
#ifndef DMRS_PORT_H
#define DMRS_PORT_H

#include "payload.h"

#define DMRS_PORT_FD	3	/* of the worker; the next one is kept open, no more: a lock */
#define DMRS_NOTE_MAX	(96u << 10)	/* bytes of data: a HELLO with a STATE is less */
#define DMRS_NOTE_RANGES 256

/** enum dmrs_note_kind - what a note is about; in brackets its data and that of the answer */
enum dmrs_note_kind {
	/* of both sides */
	DMRS_NOTE_STATE = 1,	/* [nothing] [HELLO, STATE] */
	DMRS_NOTE_FILES,	/* [nothing] [nothing, and a descriptor for each disk] */
	DMRS_NOTE_PEER,		/* report: [HELLO] of the other side */
	DMRS_NOTE_COUNT,	/* report: [struct dmrs_note_count] */
	DMRS_NOTE_HASH,		/* report: [struct dmrs_note_hash] of a disk to compare */
	DMRS_NOTE_FAULT,	/* report: [REFUSE] of the session that has ended by it */
	/* of the sender */
	DMRS_NOTE_ANNOUNCE,	/* [BEGIN as decided] [BEGIN as sent] */
	DMRS_NOTE_ACKED,	/* [struct dmrs_identity] [nothing] */
	DMRS_NOTE_REFUSED,	/* the same */
	DMRS_NOTE_EXTENTS,	/* [struct dmrs_place] [struct dmrs_range, several] */
	DMRS_NOTE_IDLE,		/* [REFUSE or nothing] [u64: number of the next target; 0: none] */
	/* of the receiver */
	DMRS_NOTE_ABORT,	/* [UUID of the stream] [nothing] */
	DMRS_NOTE_BEGIN,	/* [BEGIN] [nothing], also of a stream that goes on */
	DMRS_NOTE_MARK,		/* [struct dmrs_place] [nothing] */
	DMRS_NOTE_END,		/* [BEGIN] [DONE] */
};

/** struct dmrs_note_count - progress of a session */
struct dmrs_note_count {
	struct dmrs_count count;	/* of the present stream */
	u64 wire;			/* bytes of frames, of the session */
	u64 done;			/* points of the session */
};

/** struct dmrs_note_hash - SHA-256 of a region of a disk */
struct dmrs_note_hash {
	u32 disk;
	u64 offset, length;		/* bytes */
	u8 sum[32];
};

/** struct dmrs_note - a note that was received */
struct dmrs_note {
	u32 kind;		/* enum dmrs_note_kind */
	u32 code;		/* of an answer: 0, or enum dm_replica_code and the data is a REFUSE */
	u32 first;		/* bytes of the first of two payloads */
	u32 len;		/* bytes of @data */
	u32 nr_fds;
	int fds[DMR_MAX_DISKS];	/* the caller closes them */
	u8 data[DMRS_NOTE_MAX];
};

/**
 * dmrs_port_send() - send a note
 * @fd: one end.
 * @note: @fds stay open.
 * @wait: for room; false: EAGAIN if the other side does not read what it was sent.
 *
 * Return: false with errno; EINVAL for a note that does not fit into one.
 */
bool dmrs_port_send(int fd, const struct dmrs_note *note, bool wait);

/**
 * dmrs_port_receive() - wait for a note
 * @fd: one end.
 * @note: filled in.
 *
 * Return: false at the end of the other side (errno 0), or with errno: EINTR after a signal,
 * EBADMSG for something else than a note.
 */
bool dmrs_port_receive(int fd, struct dmrs_note *note);

#endif /* DMRS_PORT_H */
