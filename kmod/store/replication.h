/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The replication page of a superblock between its bytes on disk and host form: the
 * relationship, its generations, its peers, and a delta that has arrived in part.
 *
 * Compiled into the module and into the tools; no function sleeps or allocates.
 */
#ifndef DMR_REPLICATION_H
#define DMR_REPLICATION_H

#include "portable.h"
#include "../../uapi/dm-replica-format.h"

struct dmr_sb;

/** struct dmr_stream - a delta that has arrived in part; a UUID of zeroes: there is none */
struct dmr_stream {
	u8 uuid[16];
	u64 base;		/* number of the newest point; 0: there is none */
	u64 target;		/* number of the point that it ends as, as the next four */
	u8 generation[16];	/* UUID, which may not be in the list yet */
	u64 first;		/* number at which that generation began */
	u64 time;		/* by the origin's clock */
	u32 kind;
	u32 disk;		/* lower ones have arrived; their number, when all has */
	u64 offset;		/* bytes of @disk that have arrived */
	u64 since;		/* when it was begun here */
	bool aborted;		/* given up: the head has blocks of it on top of the base */
	char name[DMR_POINT_NAME_LEN];	/* of the target */
};

/** struct dmr_generation - the points from one promotion to the next */
struct dmr_generation {
	u8 uuid[16];
	u64 first;		/* number of its first point */
};

/** struct dmr_peer - a system that has copies of points; a UUID of zeroes: a free place */
struct dmr_peer {
	u8 uuid[16];
	char name[DMR_PEER_NAME_LEN];
	u64 acked;		/* number of the newest point that it has; 0: none */
	u32 acked_generation;
};

/**
 * struct dmr_replication - the replication page in host form
 * @relationship: UUID shared by all copies of the machine; zero: none.
 * @role: DMR_ROLE_*.
 * @nr_generations: promotions so far.
 * @stream: the delta that has arrived in part.
 * @generations: by rising number.
 * @peers: by place, which is the number of a peer's bit in struct dmr_point.holds.
 */
struct dmr_replication {
	u8 relationship[16];
	u32 role;
	u32 nr_generations;
	struct dmr_stream stream;
	struct dmr_generation generations[DMR_GENERATIONS];
	struct dmr_peer peers[DMR_PEERS];
};

/**
 * dmr_replication_bytes() - bytes of the page on disk
 * @repl: the page.
 *
 * Return: 4096, or 0 if nothing is set: such a page is left out.
 */
u32 dmr_replication_bytes(const struct dmr_replication *repl);

/** dmr_replication_peers() - bitmap of the places in use.  Return: the bitmap. */
u32 dmr_replication_peers(const struct dmr_replication *repl);

/**
 * dmr_replication_has() - is there a generation?
 * @repl: the page.
 * @generation: its place in the list.
 *
 * Return: true if it is in the list; 0 also stands for "before the first promotion".
 */
bool dmr_replication_has(const struct dmr_replication *repl, u32 generation);

/**
 * dmr_replication_peer() - find a peer by its name
 * @repl: the page.
 * @name: any text.
 *
 * Return: its place, or DMR_PEERS if there is none.
 */
u32 dmr_replication_peer(const struct dmr_replication *repl, const char *name);

/**
 * dmr_replication_receives() - are the points of this system those of a sender?
 * @repl: the page.
 *
 * R18: then none is made here, and the head is written by streams only.
 *
 * Return: true if so.
 */
bool dmr_replication_receives(const struct dmr_replication *repl);

/** dmr_replication_primary() - does its machine run on this system?  Return: true if so. */
static inline bool dmr_replication_primary(const struct dmr_replication *repl)
{
	return repl->role == DMR_ROLE_PRIMARY;
}

/** dmr_replication_receiving() - is a stream half in, and goes on?  Return: true if so. */
bool dmr_replication_receiving(const struct dmr_replication *repl);

/** dmr_replication_partial() - does the head have blocks of a stream?  Return: true if so. */
bool dmr_replication_partial(const struct dmr_replication *repl);

/** dmr_replication_generation() - find a generation.  Return: its place, nr_generations if none. */
u32 dmr_replication_generation(const struct dmr_replication *repl, const u8 *uuid);

/** enum dmr_succession - can the generation of a stream's point follow those of the points? */
enum dmr_succession {
	DMR_SUCCESSION_OK,		/* it is the newest one, or a new one */
	DMR_SUCCESSION_OTHER_FIRST,	/* it is in the list, and began at another point */
	DMR_SUCCESSION_OLDER,		/* the list has a later one */
	DMR_SUCCESSION_BEFORE_BASE,	/* it is new, and began at or before the base */
	DMR_SUCCESSION_FULL,		/* it is new, and the list has no place */
};

/** dmr_replication_succession() - compare the generation of a stream with the list (R18) */
enum dmr_succession dmr_replication_succession(const struct dmr_replication *repl,
					       const struct dmr_stream *s);

/** dmr_replication_generation_of() - UUID of a generation by place.  Return: NULL without one. */
const u8 *dmr_replication_generation_of(const struct dmr_replication *repl, u32 generation);

/**
 * dmr_stream_fault() - is every field of a stream possible, in any system?
 * @s: the stream.
 *
 * Return: NULL, or a constant text with the fault.
 */
const char *dmr_stream_fault(const struct dmr_stream *s);

/**
 * dmr_stream_place_ok() - is there such a place?
 * @sb: the superblock, with the disks.
 * @disk: number, or the number of disks for the end of all.
 * @offset: bytes, whole sectors.
 *
 * Return: true if so.
 */
bool dmr_stream_place_ok(const struct dmr_sb *sb, u32 disk, u64 offset);

/**
 * dmr_replication_check() - is every field of a page possible?
 * @repl: the page.
 * @sb: the superblock that holds the page; its disks and points have been checked.
 *
 * Return: NULL, or a constant text with the first fault.
 */
const char *dmr_replication_check(const struct dmr_replication *repl, const struct dmr_sb *sb);

/**
 * dmr_replication_put() - write the bytes of a page
 * @repl: the page.
 * @out: zeroed by the caller.
 */
void dmr_replication_put(const struct dmr_replication *repl, struct dmr_disk_replication *out);

/**
 * dmr_replication_get() - read the bytes of a page
 * @in: any bytes.
 * @repl: zeroed by the caller, filled in.
 *
 * Return: NULL, or a constant text if dmr_replication_put() never writes these bytes.  Does
 * not call dmr_replication_check().
 */
const char *dmr_replication_get(const struct dmr_disk_replication *in,
				struct dmr_replication *repl);

#endif /* DMR_REPLICATION_H */
