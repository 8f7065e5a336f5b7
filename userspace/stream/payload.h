/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Payloads of all frames but DATA and ZERO.  dmrs_NOUN_put() writes what is valid and returns
 * the number of bytes; dmrs_NOUN_get() checks any bytes and returns NULL, or a constant text
 * with the fault.
 */
#ifndef DMRS_PAYLOAD_H
#define DMRS_PAYLOAD_H

#include <store/text.h>
#include "../../uapi/dm-replica.h"
#include "frame.h"

#define DMRS_VERSION		1
#define DMRS_MAGIC		"DMRSTRM\n"
#define DMRS_HOST_LEN		65			/* host name, with its NUL */
#define DMRS_SENTENCE_LEN	512			/* refusal or error, with its NUL */
#define DMRS_GENERATIONS	32
#define DMRS_PEERS		8
#define DMRS_META_MAX		(16u << 20)		/* bytes of all META of a stream */
#define DMRS_META_PIECE		DMRS_DATA_MAX
#define DMRS_BLOCK		4096u			/* alignment of extents */

/** struct dmrs_identity - a recovery point, the same on each site */
struct dmrs_identity {
	u8 generation[16];
	u64 number;		/* 0: none, with a generation of zeroes */
};

/** struct dmrs_place - a byte of a disk: cursor of a stream */
struct dmrs_place {
	u32 disk;		/* index in the BEGIN's list; the number of disks at the end */
	u64 offset;		/* bytes */
};

/** struct dmrs_disk - a disk of a system */
struct dmrs_disk {
	u8 uuid[16];
	u64 bytes;
	u32 block;		/* logical block, bytes */
	char name[DMR_DISK_NAME_LEN];
};

/** struct dmrs_hello - first frame of each side */
struct dmrs_hello {
	u16 lowest, highest;	/* versions that this side speaks */
	u64 features;		/* bits, none so far; unknown ones are ignored */
	u8 relationship[16];	/* the same on all sites */
	u8 system[16];		/* differs on each site */
	u64 clock;		/* ns since 1970 UTC */
	char host[DMRS_HOST_LEN];
};

/** enum dmrs_role - of a system in its relationship */
enum dmrs_role {
	DMRS_PRIMARY = 1,
	DMRS_REPLICA = 2,
};

/** enum dmrs_head - content of the head beyond the newest point */
enum dmrs_head {
	DMRS_CLEAN = 0,		/* none */
	DMRS_PARTIAL = 1,	/* a stream that has not ended */
	DMRS_WRITTEN = 2,	/* writes of something else */
};

/** struct dmrs_generation - a span of numbers between two promotions */
struct dmrs_generation {
	u8 uuid[16];
	u64 first;		/* number at which it began */
};

/** struct dmrs_point - a recovery point in a STATE */
struct dmrs_point {
	u16 generation;		/* index in the STATE's list */
	u16 kind;		/* enum dm_replica_point_kind */
	u32 flags;		/* none so far */
	u64 number;
	u64 time;		/* ns since 1970 UTC, of the origin's clock */
};

/** struct dmrs_state - what the handshake decides from */
struct dmrs_state {
	u8 role;		/* enum dmrs_role */
	u8 head;		/* enum dmrs_head */
	u16 nr_generations, nr_points, nr_disks;
	u64 free_bytes;		/* of the store */
	u8 stream[16];		/* of a partial head, as the next three */
	struct dmrs_identity base, target;
	struct dmrs_place cursor;
	u64 written_bytes;	/* of a written head */
	u64 written_since;	/* ns since 1970 UTC */
	struct dmrs_generation generations[DMRS_GENERATIONS];	/* oldest first */
	struct dmrs_point points[DM_REPLICA_POINTS_MAX];	/* newest first */
	struct dmrs_disk disks[DMR_MAX_DISKS];
};

/** enum dmrs_kind - of a stream */
enum dmrs_kind {
	DMRS_FULL = 1,
	DMRS_DELTA = 2,
	DMRS_COMPARE = 3,
};

/** struct dmrs_begin - announcement of a stream */
struct dmrs_begin {
	u8 stream[16];
	u8 kind;		/* enum dmrs_kind */
	u16 nr_disks;
	u32 point_kind;		/* enum dm_replica_point_kind, of the target as the next two */
	struct dmrs_identity base, target;
	u64 generation_first;	/* number at which the target's generation began */
	u64 time;		/* ns since 1970 UTC */
	char label[DMR_POINT_NAME_LEN];
	struct dmrs_place from;	/* all extents at or behind it follow */
	u64 bytes, extents;	/* expected, for progress; 0: not known */
	struct dmrs_disk disks[DMR_MAX_DISKS];
};

/** struct dmrs_accept - the receiver is ready for the stream */
struct dmrs_accept {
	u8 stream[16];
	struct dmrs_place from;	/* that of the BEGIN */
};

/** struct dmrs_refusal - content of REFUSE and ERROR */
struct dmrs_refusal {
	u32 code;		/* enum dm_replica_code */
	char sentence[DMRS_SENTENCE_LEN];
};

/** enum dmrs_meta_kind - what a META carries */
enum dmrs_meta_kind {
	DMRS_META_DOMAIN = 1,	/* the domain's XML */
	DMRS_META_NVRAM = 2,
	DMRS_META_ADAPTERS = 3,
};

/** struct dmrs_meta - a piece of what belongs to a machine beside its disks */
struct dmrs_meta {
	u32 kind;		/* enum dmrs_meta_kind, rising */
	u32 total;		/* bytes of this kind */
	u32 offset;		/* of this piece: pieces come in order, without gaps */
	u32 bytes;		/* of this piece */
	const u8 *data;		/* in the payload */
};

/** struct dmrs_sync - content of SYNC and SYNCED */
struct dmrs_sync {
	u64 number;		/* from 1 after a BEGIN */
	struct dmrs_place cursor;
};

/** struct dmrs_count - what was sent since the BEGIN */
struct dmrs_count {
	u64 frames;		/* DATA and ZERO */
	u64 extents, bytes;	/* of DATA */
	u64 zero_extents, zero_bytes;
};

/** struct dmrs_end - content of END */
struct dmrs_end {
	struct dmrs_count count;
	u8 digest[32];		/* SHA-256, see digest.h */
};

/** struct dmrs_peer - newest point that a further site has */
struct dmrs_peer {
	u8 system[16];
	struct dmrs_identity point;
};

/** struct dmrs_done - content of DONE: the point is durable */
struct dmrs_done {
	struct dmrs_identity point;
	u64 free_bytes;
	u16 nr_peers;
	struct dmrs_peer peers[DMRS_PEERS];
};

static inline bool dmrs_identity_same(const struct dmrs_identity *a, const struct dmrs_identity *b)
{
	return a->number == b->number && !memcmp(a->generation, b->generation, 16);
}

/** dmrs_place_cmp() - order of places.  Return: less than, equal to or more than 0. */
static inline int dmrs_place_cmp(const struct dmrs_place *a, const struct dmrs_place *b)
{
	if (a->disk != b->disk)
		return a->disk < b->disk ? -1 : 1;
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/** dmrs_place_within() - is it a byte of a disk, or the end of one or of all? */
bool dmrs_place_within(const struct dmrs_place *place, const struct dmrs_disk *disks, u32 nr);

u32 dmrs_hello_put(u8 *buf, const struct dmrs_hello *hello);
const char *dmrs_hello_get(const u8 *buf, u32 len, struct dmrs_hello *hello);
u32 dmrs_state_put(u8 *buf, const struct dmrs_state *state);
const char *dmrs_state_get(const u8 *buf, u32 len, struct dmrs_state *state);
u32 dmrs_begin_put(u8 *buf, const struct dmrs_begin *begin);
const char *dmrs_begin_get(const u8 *buf, u32 len, struct dmrs_begin *begin);
u32 dmrs_accept_put(u8 *buf, const struct dmrs_accept *accept);
const char *dmrs_accept_get(const u8 *buf, u32 len, struct dmrs_accept *accept);
u32 dmrs_refusal_put(u8 *buf, const struct dmrs_refusal *refusal);
const char *dmrs_refusal_get(const u8 *buf, u32 len, struct dmrs_refusal *refusal);
u32 dmrs_meta_put(u8 *buf, const struct dmrs_meta *meta);
const char *dmrs_meta_get(const u8 *buf, u32 len, struct dmrs_meta *meta);
u32 dmrs_sync_put(u8 *buf, const struct dmrs_sync *sync);
const char *dmrs_sync_get(const u8 *buf, u32 len, struct dmrs_sync *sync);
u32 dmrs_end_put(u8 *buf, const struct dmrs_end *end);
const char *dmrs_end_get(const u8 *buf, u32 len, struct dmrs_end *end);
u32 dmrs_done_put(u8 *buf, const struct dmrs_done *done);
const char *dmrs_done_get(const u8 *buf, u32 len, struct dmrs_done *done);
u32 dmrs_ping_put(u8 *buf, u64 clock);
const char *dmrs_ping_get(const u8 *buf, u32 len, u64 *clock);

#endif /* DMRS_PAYLOAD_H */
