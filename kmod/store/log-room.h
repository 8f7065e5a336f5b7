/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Room in the log's ring: its size, the batches of a log commit, and how far the tail
 * moves (R6, R7, R8).
 *
 * Arithmetic only: no I/O, no memory, no waiting.  The unit tests use it, too, and
 * simulate years of log commits in seconds.
 */
#ifndef DMR_LOG_ROOM_H
#define DMR_LOG_ROOM_H

#include "portable.h"

#define DMR_LOG_BATCH		64		/* log blocks of one batch */
#define DMR_FIRST_MAX		16		/* limit of chunks of one first write */
#define DMR_TAIL_BATCH		16		/* log blocks read at once when the tail moves */
#define DMR_DIRECT_MAX		16		/* blocks written between two looks at the tail */

/**
 * struct dmr_log_room - places of the log's head and tail
 * @next: number of the next log block.
 * @tail: first block that is still needed; at most @durable (R6).
 * @durable: number of the last durable block.
 * @sb_tail: tail as durable in the superblock; blocks before it are free.
 * @blocks: blocks in the ring.
 * @from: first number in the present ring, see dmr_log_room_turning().
 * @fresh: blocks that the last growth added to it.
 *
 * Only the flush worker changes them; dmr_log_room_free() reads some without a lock.
 */
struct dmr_log_room {
	u64 next;
	u64 tail;
	u64 durable;
	u64 sb_tail;
	u64 blocks;
	u64 from;
	u64 fresh;
};

/**
 * struct dmr_log_batch - log blocks under construction
 * @first: number of the first block.
 * @blocks: number of blocks begun, at most DMR_LOG_BATCH.
 * @in_block: number of records in the last block.
 * @records: number of all records.
 */
struct dmr_log_batch {
	u64 first;
	u32 blocks;
	u32 in_block;
	u32 records;
};

/**
 * struct dmr_log_tail_ops - functions that move the tail
 * @move: copy live records of the blocks before @upto to the batch, and move room->tail
 * on, as far as the batch has room (@gap_only: its last block).
 * @flush: write the batch and begin the next one.
 * @release: write the batch and make room->tail durable in the superblock.  If the
 * superblock is taken back, room->sb_tail stays and 0 is returned.
 *
 * Each returns 0, or a negative errno, which ends the log commit.
 */
struct dmr_log_tail_ops {
	int (*move)(void *ctx, struct dmr_log_batch *b, u64 upto, bool gap_only);
	int (*flush)(void *ctx, struct dmr_log_batch *b);
	int (*release)(void *ctx, struct dmr_log_batch *b);
};

bool dmr_log_room_turning(const struct dmr_log_room *room);
u64 dmr_log_room_free(const struct dmr_log_room *room);
u64 dmr_log_room_reserve(const struct dmr_log_room *room);
bool dmr_log_room_admits(const struct dmr_log_room *room, u64 first, u64 dirty);
bool dmr_log_room_press(const struct dmr_log_room *room, u64 first, u64 dirty);
bool dmr_log_room_direct(const struct dmr_log_room *room, u32 blocks);
bool dmr_log_room_tail_lags(const struct dmr_log_room *room);
int dmr_log_room_move_tail(const struct dmr_log_room *room, struct dmr_log_batch *b, u64 written,
			   bool press, const struct dmr_log_tail_ops *ops, void *ctx);

void dmr_log_room_batch_begin(struct dmr_log_batch *b, const struct dmr_log_room *room);
bool dmr_log_room_batch_room(const struct dmr_log_batch *b);
bool dmr_log_room_batch_gap(const struct dmr_log_batch *b);
u64 dmr_log_room_batch_next(const struct dmr_log_batch *b);
u32 dmr_log_room_batch_add(struct dmr_log_batch *b);

#endif
