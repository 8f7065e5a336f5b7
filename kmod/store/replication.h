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
	u64 base;		/* number of a point; 0: of none */
	u64 target;
	u64 offset;		/* bytes of @disk that have arrived */
	u32 disk;
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
