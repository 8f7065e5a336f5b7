/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The newest epoch written in each group of chunks, so that a walk over what has changed
 * since a point passes over the groups that have not (R16).
 *
 * An epoch here is never lower than that of any version in the group.  It may be higher,
 * since it never falls: the walk then finds nothing there.
 */
#ifndef DMR_NEWEST_H
#define DMR_NEWEST_H

#include "superblock.h"

#define DMR_NEWEST_SHIFT	9		/* log2 of the chunks of a group, at least */
#define DMR_NEWEST_GROUPS	(1U << 20)	/* of all disks; groups of large disks are larger */

/**
 * struct dmr_newest - newest epochs of one disk
 * @epochs: of each group; DMR_EPOCH_NONE: nothing was written there.
 * @shift: log2 of the chunks of a group.
 */
struct dmr_newest {
	atomic_t *epochs;
	u32 shift;
};

int dmr_newest_init(struct dmr_newest **newest, const struct dmr_sb *sb);
void dmr_newest_exit(struct dmr_newest *newest);

/** dmr_newest_chunks() - number of chunks of a disk.  Return: the number. */
static inline u64 dmr_newest_chunks(const struct dmr_sb *sb, u32 disk)
{
	u64 bytes = sb->disks[disk].sectors << 9;

	return div_u64(bytes + sb->chunk_bytes - 1, sb->chunk_bytes);
}

/**
 * dmr_newest_raise() - a version is about to be added
 * @newest: of the first disk.
 * @disk: number of the version's disk.
 * @chunk: its chunk.
 * @epoch: its epoch.
 *
 * The chunks of a group have different locks, and writes of two epochs are in flight while
 * a point is made: the higher one must win.
 *
 * Context: any.
 */
static inline void dmr_newest_raise(struct dmr_newest *newest, u32 disk, u64 chunk, u32 epoch)
{
	atomic_t *at = &newest[disk].epochs[chunk >> newest[disk].shift];
	int old = atomic_read(at);

	while ((u32)old < epoch) {
		int found = atomic_cmpxchg(at, old, epoch);

		if (found == old)
			break;
		old = found;
	}
}

/** dmr_newest_get() - newest epoch of the group of a chunk.  Return: the epoch. */
static inline u32 dmr_newest_get(const struct dmr_newest *newest, u32 disk, u64 chunk)
{
	return atomic_read(&newest[disk].epochs[chunk >> newest[disk].shift]);
}

#endif /* DMR_NEWEST_H */
