/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A walk over the blocks of a disk that were written between two recovery points (R16).
 *
 * While the first point exists, no version newer than it goes home or dies unless another
 * one up to the second point has its blocks.  So the versions of main epochs after the
 * first point, up to the second one, have exactly the blocks written between them.
 */
#ifndef DMR_CHANGES_H
#define DMR_CHANGES_H

#include "map.h"

#define DMR_CHANGES_RUN		(1ULL << 30)	/* bytes of an extent, at most */

/** struct dmr_run - blocks next to each other, all data or all zeroes at the second point */
struct dmr_run {
	u64 offset;		/* bytes, from the beginning of the disk */
	u64 bytes;		/* 0: none */
	bool zero;
};

enum dmr_changes_step {
	DMR_CHANGES_EXTENT,	/* the next extent */
	DMR_CHANGES_PAUSE,	/* the budget is used up */
	DMR_CHANGES_END,
};

/**
 * struct dmr_changes - a walk by chunk number
 * @map: the map; set before each piece of the walk.
 * @disk: number of the disk.
 * @from: epoch of the first point; DMR_EPOCH_NONE: all of the disk is in the list.
 * @to: epoch of the second point.
 * @promoted: this and the two below: see dmr_epoch_is_main().
 * @dead_first: first main epoch that a commit killed.
 * @dead_last: the last one.
 * @bytes: size of the disk.
 * @chunk_bytes: size of a chunk.
 * @chunk: the next chunk.
 * @left: blocks of the chunk before it that are not in a run yet.
 * @zero: of those, blocks of zeroes.
 * @run: the run that is being put together.
 */
struct dmr_changes {
	const struct dmr_map *map;
	u32 disk;
	u32 from;
	u32 to;
	u32 promoted;
	u32 dead_first;
	u32 dead_last;
	u64 bytes;
	u32 chunk_bytes;
	u64 chunk;
	u64 left;
	u64 zero;
	struct dmr_run run;
};

void dmr_changes_init(struct dmr_changes *c, const struct dmr_sb *sb, u32 disk, u32 from, u32 to,
		      u64 start);
enum dmr_changes_step dmr_changes_next(struct dmr_changes *c, struct dmr_run *extent,
				       u32 *budget);

#endif /* DMR_CHANGES_H */
