/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two sites with small disks in memory, as the module would keep them: points, a head, what a
 * crash leaves of it, holds; and a session between them over pipes that can be cut.
 */
#ifndef REPLICA_WORLD_H
#define REPLICA_WORLD_H

#include <stream/receiver.h>
#include <stream/sender.h>
#include "unit.h"

#define SITE_POINTS	16
#define SITE_DISKS	2
#define SITE_BLOCKS	64		/* of a disk, at most */

/** struct site_point - a recovery point with its content */
struct site_point {
	u64 number;
	u16 generation;			/* index */
	bool held;			/* by the sender, for the receiver (I3) */
	u8 *data[SITE_DISKS];
};

/** struct site - one system */
struct site {
	struct dmrs_hello hello;
	u8 role;
	u32 nr_generations, nr_disks, nr_points;
	struct dmrs_generation generations[4];
	struct dmrs_disk disks[SITE_DISKS];
	struct site_point points[SITE_POINTS];	/* oldest first */
	u8 *head[SITE_DISKS];		/* as written */
	u8 *flushed[SITE_DISKS];	/* as a crash at least leaves it */
	u8 condition;			/* enum dmrs_head */
	u8 stream[16];
	struct dmrs_identity base, target;
	struct dmrs_place cursor, cursor_flushed;
	u8 next_stream;
	/* Sender: the content that is read. */
	const struct site_point *from, *to;
	u32 superset;			/* percent of unchanged blocks that are sent, too */
	struct rng rng;
	/* Counts */
	u64 read, wrote, flushes, begins, ends, aborts, marks, acks;
	u64 again;			/* data that the stream has written a second time */
	u8 written[SITE_DISKS][SITE_BLOCKS];
	u64 meta_bytes;
	const u8 *meta;			/* to send */
	u32 meta_len;
	/* Operation that fails next, by the letter of its name; 0: none */
	char fails;
};

/** struct world_cut - how a session ends early, or is damaged */
struct world_cut {
	u64 to_receiver;		/* bytes, then nothing; ~0: no cut */
	u64 to_sender;
	u64 corrupt;			/* this byte to the receiver; ~0: none */
	u64 corrupt_back;		/* this byte to the sender */
	u8 with;			/* is xored with this */
	u32 piece;			/* bytes fed at a time, 0: all */
};

extern const struct world_cut world_whole;

/** struct world_run - outcome of a session */
struct world_run {
	u64 to_receiver, to_sender;	/* bytes that went */
	struct dmrs_decision decision;
	struct dmrs_count count;	/* of the sender */
	u32 done;			/* points that the receiver has made */
	struct dmrs_refusal sender, receiver;	/* faults, code 0: none */
	u64 ends[256];			/* of the frames to the receiver */
	u32 nr_ends;
};

struct site *site_new(u64 seed, bool tiny);
void site_write(struct site *s, u32 blocks);	/* random blocks of the head, zeroes too */
void site_point(struct site *s);		/* the head becomes a point */
void site_crash(struct site *s, u64 seed);	/* what was not flushed is there, or not */
void site_drop(struct site *s, u64 number);	/* a point; not one that is held */
void site_drop_loose(struct site *s);		/* all but the newest and the held ones */
void site_check(const struct site *s, const struct site *origin);	/* I1 */
void site_state(const struct site *s, struct dmrs_state *state);
u64 site_newest(const struct site *s);

extern const struct dmrs_sender_ops site_sender_ops;
extern const struct dmrs_receiver_ops site_receiver_ops;

void world_run(struct site *s, struct site *r, const struct dmrs_sender_conf *conf,
	       const struct world_cut *cut, struct world_run *run);
/* A whole stream into memory.  Return: its bytes. */
u32 world_file(struct site *s, const struct dmrs_sender_conf *conf, u8 **file);
/* Receive one.  Return: points made. */
u32 world_receive(struct site *r, const u8 *file, u64 len, struct dmrs_refusal *fault);

#endif /* REPLICA_WORLD_H */
