/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The superblock between its bytes on disk and host form.
 *
 * Compiled into the module and into the tools.  Nothing here sleeps, allocates
 * or does I/O, and no input, however hostile, makes it read or write outside
 * the buffers it was given.
 */
#ifndef DMR_SUPERBLOCK_H
#define DMR_SUPERBLOCK_H

#include "geometry.h"
#include "host-area.h"
#include "replication.h"
#include "settings.h"
#include "text.h"

/* Why a block was not taken; the order is from "not ours" to "ours but broken". */
enum dmr_verdict {
	DMR_OK = 0,
	DMR_NOT_OURS,		/* no magic: blank, or something else's */
	DMR_TORN,		/* our magic, but the checksum does not hold */
	DMR_NEWER,		/* another version, or a feature that we do not know */
	DMR_BAD,		/* checksum holds, but a field is impossible: see the reason */
	DMR_FOREIGN,		/* a log block of another store */
	DMR_STALE,		/* a log block of another number */
};

struct dmr_overlay {
	u32 epoch;		/* DMR_EPOCH_NONE: there is none */
	u32 base;		/* epoch of the point it branches off */
	u64 time;
};

struct dmr_disk_info {
	char name[DMR_DISK_NAME_LEN];
	u8 uuid[16];
	u64 sectors;
	u32 number;
	u32 logical_block;
	u32 identity_type;
	u32 lost;		/* DMR_LOST_*, as known at the last detach (R9) */
	char identity[DMR_IDENTITY_LEN];
};

struct dmr_point {
	u32 epoch;
	u8 kind;
	u8 holds;		/* bit n: peer n of the replication page holds it (R17) */
	u16 generation;		/* place in the list of generations */
	u64 number;
	u64 time;
	char name[DMR_POINT_NAME_LEN];
	u64 arrived;		/* when it was received; 0: it was made here */
};

/** struct dmr_print - one place of a home's fingerprint */
struct dmr_print {
	u64 block;		/* of home, 4 KiB */
	u32 crc;
	u8 disk;
	u8 written;		/* written home lately, not drawn at random */
};

/**
 * struct dmr_sb - a superblock in host form
 * @seq: the higher of two valid copies is current.
 * @copy: 0 for A, 1 for B.
 * @compat: features that may be ignored.
 * @incompat: features that may not.
 * @store_uuid: of the store.
 * @system_uuid: of the system.
 * @name: of the system.
 * @store_bytes: size of the store that is used.
 * @chunk_bytes: size of a chunk.
 * @create_time: ns since 1970 UTC, as are all times.
 * @nr_disks: disks.
 * @nr_points: recovery points.
 * @slot_first: lowest slot number that may be allocated.
 * @slot_end: one past the highest.
 * @ring_extents: extents in use.
 * @ring_old_extents: those of the older geometry.
 * @ring_from: first log number placed by the present geometry.
 * @ring_start: its place in the ring, in blocks.
 * @ring_old_from: the same for numbers below @ring_from.
 * @ring_old_start: its place.
 * @log_tail: first log number that replay needs.
 * @log_durable: last log number known durable; @log_tail - 1 if none.
 * @ring: extents of the ring.
 * @state: CIM replication state, never 8.
 * @flags: DMR_SB_*.
 * @state_number: changed by operations only.
 * @cur_epoch: epoch of head writes: even, or the promoted overlay.
 * @next_epoch: opened ahead.
 * @last_epoch: highest number ever opened.
 * @promoted: the overlay that a commit made main, or none.
 * @dead_first: first main epoch killed by a commit, or none.
 * @dead_last: the last one.
 * @live: live failover.
 * @test: test failover.
 * @state_time: entry into @state.
 * @active_host: machine id of the host that has it active.
 * @active_boot: boot id of that host.
 * @active_time: time of the activation.
 * @next_point: number of the next point, from 1.
 * @job_number: highest job number in use before the activation.
 * @nr_prints: places of fingerprints; none while a host has it active.
 * @settings: settings and counters.
 * @disks: by number.
 * @points: by rising epoch.
 * @host: the host area.
 * @prints: by rising disk and block.
 * @replication: the replication page.
 *
 * Field meanings are those of struct dmr_disk_sb.  Some 64 KiB: allocate it
 * with kvzalloc(), never on the stack.
 */
struct dmr_sb {
	u64 seq;
	u32 copy;
	u64 compat;
	u64 incompat;
	u8 store_uuid[16];
	u8 system_uuid[16];
	char name[DMR_NAME_LEN];
	u64 store_bytes;
	u32 chunk_bytes;
	u64 create_time;
	u32 nr_disks;
	u32 nr_points;
	u64 slot_first;
	u64 slot_end;
	u32 ring_extents;
	u32 ring_old_extents;
	u64 ring_from;
	u64 ring_start;
	u64 ring_old_from;
	u64 ring_old_start;
	u64 log_tail;
	u64 log_durable;
	struct dmr_extent ring[DMR_RING_EXTENTS];
	u32 state;
	u32 flags;
	u64 state_number;
	u32 cur_epoch;
	u32 next_epoch;
	u32 last_epoch;
	u32 promoted;
	u32 dead_first;
	u32 dead_last;
	struct dmr_overlay live;
	struct dmr_overlay test;
	u64 state_time;
	u8 active_host[16];
	u8 active_boot[16];
	u64 active_time;
	u64 next_point;
	u64 job_number;
	u32 nr_prints;
	struct dmr_settings settings;
	struct dmr_disk_info disks[DMR_MAX_DISKS];
	struct dmr_point points[DMR_MAX_POINTS];
	struct dmr_host host;
	struct dmr_print prints[DMR_MAX_PRINTS];
	struct dmr_replication replication;
};

/**
 * dmr_sb_length() - bytes a superblock takes on disk
 * @sb: superblock in host form.
 *
 * Return: a multiple of 4096, at most DMR_SB_MAX.
 */
u32 dmr_sb_length(const struct dmr_sb *sb);

/**
 * dmr_sb_encode() - write a superblock's bytes
 * @sb: the superblock; must be valid (dmr_sb_validate()).
 * @buf: DMR_SB_MAX bytes.
 *
 * Return: the number of bytes to write to disk, the rest of @buf is zero.
 */
u32 dmr_sb_encode(const struct dmr_sb *sb, void *buf);

/**
 * dmr_sb_decode() - read and check a superblock's bytes
 * @buf: DMR_SB_MAX bytes as read from disk.
 * @copy: which copy they were read from, 0 or 1.
 * @sb: filled in when DMR_OK is returned, garbage otherwise.
 * @reason: if not NULL, set to a constant text with the fault.
 *
 * Return: a verdict; everything that dmr_sb_validate() checks has been checked.
 */
enum dmr_verdict dmr_sb_decode(const void *buf, u32 copy, struct dmr_sb *sb,
			       const char **reason);

/**
 * dmr_sb_validate() - is every field of a superblock possible?
 * @sb: superblock in host form.
 *
 * Return: NULL if it is, otherwise a constant text naming the first that is not.
 */
const char *dmr_sb_validate(const struct dmr_sb *sb);

/**
 * dmr_sb_same_identity() - do two superblocks describe the same store?
 * @a: one copy
 * @b: the other
 *
 * Return: true if store, system, name, chunk size and creation time agree.
 */
bool dmr_sb_same_identity(const struct dmr_sb *a, const struct dmr_sb *b);

/**
 * dmr_sb_runs_on_head() - do the failover devices show and write the head?
 * @sb: the superblock.
 *
 * Return: true for a primary, and after a commit; else the replica devices do.
 */
bool dmr_sb_runs_on_head(const struct dmr_sb *sb);

/**
 * dmr_disk_prints() - places that the fingerprint of each disk may have
 * @nr_disks: disks of the system, at least 1.
 *
 * Return: 4 to DMR_DISK_PRINTS, so that those of all disks fit.
 */
static inline u32 dmr_disk_prints(u32 nr_disks)
{
	return min_t(u32, DMR_DISK_PRINTS, DMR_MAX_PRINTS / nr_disks);
}

/** dmr_chunk_blocks() - 4 KiB blocks per chunk.  Return: 4..64. */
static inline u32 dmr_chunk_blocks(const struct dmr_sb *sb)
{
	return sb->chunk_bytes >> DMR_BLOCK_SHIFT;
}

/** dmr_block_mask() - a mask of @count bits from bit @first.  Return: the mask. */
static inline u64 dmr_block_mask(u32 first, u32 count)
{
	return (count >= 64 ? ~0ULL : (1ULL << count) - 1) << first;
}

/**
 * dmr_epoch_is_main() - does an epoch belong to the history?
 * @promoted: the overlay that a commit made main, or DMR_EPOCH_NONE.
 * @dead_first: first main epoch that a commit killed, or DMR_EPOCH_NONE.
 * @dead_last: last one.
 * @epoch: the epoch asked about.
 *
 * Return: true for main epochs that live, and for the promoted overlay.
 */
static inline bool dmr_epoch_is_main(u32 promoted, u32 dead_first, u32 dead_last, u32 epoch)
{
	if (epoch & DMR_EPOCH_OVERLAY)
		return epoch == promoted;
	return !dead_first || epoch < dead_first || epoch > dead_last;
}

#endif /* DMR_SUPERBLOCK_H */
