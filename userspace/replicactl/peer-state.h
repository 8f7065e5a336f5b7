/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * peer-state.c: what a live session writes for status, metrics and hooks, which are other
 * processes.
 */
#ifndef PEER_STATE_H
#define PEER_STATE_H

#include "replicactl.h"

#define PEER_UNKNOWN	UINT64_MAX	/* a number that is not known */

/** enum peer_word - how a session is */
enum peer_word {
	PEER_STARTING,		/* no answer of the other side yet */
	PEER_CONNECTED,
	PEER_BEHIND,		/* connected, and the other side's newest point is late */
	PEER_LOST,		/* by a fault; there is another attempt */
	PEER_REFUSED,		/* by a fault that an operator has to decide */
	PEER_ENDED,		/* as asked for */
	PEER_DIED,		/* its process is gone without a word: of a reader alone */
	PEER_WORDS
};

/** struct peer_state - a session, as last written */
struct peer_state {
	char peer[DMREPLICA_PEER_NAME_MAX];	/* a receiver's; the host of a sender */
	char to[256];			/* the receiver, as it was given; "": this side receives */
	char host[65];			/* of the other side, as that names itself */
	uint64_t word;			/* enum peer_word */
	uint64_t since;			/* when that began */
	uint64_t written;		/* when the file was written */
	uint64_t interval;		/* s, of a sender */
	uint64_t connected;		/* begin of the last session with the other side; 0: never */
	uint64_t acked, acked_time;	/* newest point that both sides have, and its time; 0: not known */
	uint64_t denied;		/* point that the store has as acked, and the peer not; 0: none */
	uint64_t target;		/* point on its way; 0: none */
	uint64_t unsent;		/* bytes up to the newest point, or PEER_UNKNOWN */
	uint64_t cycle;			/* ns from the last point's making to its acknowledgement */
	/* Sums, also of the processes before. */
	uint64_t points, bytes, zero_bytes, wire, errors;
	uint64_t error_time, error_code;	/* of the last fault */
	char error[256];
};

/** struct peer_file - the file of a session of this process */
struct peer_file {
	int fd;				/* keeps the lock; -1: none yet */
	bool failed;			/* which was reported */
};

extern const char *const peer_words[PEER_WORDS];

/** peer_is_late() - is the other side's newest point older than its interval excuses? */
bool peer_is_late(const struct peer_state *s, uint64_t now);
/** peer_state_error() - count a fault, the last one from now on */
void peer_state_error(struct peer_state *s, int code, const char *sentence);
void peer_state_write(struct peer_file *f, const uint8_t uuid[16], bool sends,
		      struct peer_state *s);
bool peer_state_read(const uint8_t uuid[16], bool sends, struct peer_state *s);
struct json_object *json_peer_state(const struct peer_state *s);

#endif /* PEER_STATE_H */
