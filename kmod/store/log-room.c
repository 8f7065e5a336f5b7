// SPDX-License-Identifier: GPL-2.0-only
/*
 * Room in the log's ring (R7, R8); see log-room.h.
 */
#include "superblock.h"
#include "log-room.h"

/**
 * dmr_log_room_turning() - is the log's tail still in the ring that was before it grew?
 * @room: the log's.
 *
 * Context: any.
 * Return: true if so.
 */
bool dmr_log_room_turning(const struct dmr_log_room *room)
{
	return READ_ONCE(room->sb_tail) < READ_ONCE(room->from);
}

/**
 * dmr_log_room_free() - free blocks, as seen without a lock
 * @room: the log's.
 *
 * The tail is read before the head: a reader that is held up in between, while both move
 * on, finds less room than there is and not more (R7).  While the ring is turning no
 * number goes beyond the new extent: see grow.c.
 *
 * Context: any.
 * Return: a number of log blocks.
 */
u64 dmr_log_room_free(const struct dmr_log_room *room)
{
	u64 tail = READ_ONCE(room->sb_tail), from = READ_ONCE(room->from), all, used;

	smp_rmb();	/* sizes after the place they begin at: pairs with dmr_log_turn() */
	used = READ_ONCE(room->next);
	if (unlikely(tail < from)) {
		all = READ_ONCE(room->fresh);
		used -= min(used, from);
	} else {
		all = READ_ONCE(room->blocks);
		used -= tail;
	}
	return all - min(all, used);
}

/**
 * dmr_log_room_reserve() - blocks that no write may use
 * @room: the log's.
 *
 * R7: kept for tail moves and drops.
 *
 * Context: any.
 * Return: a number of log blocks.
 */
u64 dmr_log_room_reserve(const struct dmr_log_room *room)
{
	return READ_ONCE(room->blocks) / 8 + DMR_LOG_BATCH;
}

/**
 * dmr_log_room_admits() - is there room for so many records?
 * @room: the log's.
 * @first: first writes in flight and to be admitted, by chunk.
 * @dirty: versions whose record is due.
 *
 * R7: every first write in flight may be flushed alone and take a block; records that
 * are due already go out together.
 *
 * Context: any.
 * Return: false if a commit has to move the tail first.
 */
bool dmr_log_room_admits(const struct dmr_log_room *room, u64 first, u64 dirty)
{
	u64 due = div_u64(dirty, DMR_LOG_RECORDS) + 1;

	return first + due + dmr_log_room_reserve(room) <= dmr_log_room_free(room);
}

/**
 * dmr_log_room_press() - has a commit to move the tail as far as it takes?
 * @room: the log's.
 * @first: first writes in flight, by chunk.
 * @dirty: versions whose record is due.
 *
 * R7, R8: admission and the tail are one rule.  The number here is the most that any
 * write asks for, so a write that is not admitted finds a tail that has been moved.
 *
 * Context: any.
 * Return: true if so.
 */
bool dmr_log_room_press(const struct dmr_log_room *room, u64 first, u64 dirty)
{
	return !dmr_log_room_admits(room, first + DMR_FIRST_MAX, dirty);
}

/**
 * dmr_log_room_tail_lags() - is the tail worth a superblock write?
 * @room: the log's.
 *
 * Context: the flush worker.
 * Return: true if the tail has moved on far enough, or has left a ring that has grown.
 */
bool dmr_log_room_tail_lags(const struct dmr_log_room *room)
{
	return room->tail - room->sb_tail > room->blocks / 16 ||
	       (room->tail >= room->from && room->sb_tail < room->from);
}

/**
 * dmr_log_room_direct() - may one more block be written without a look at the tail?
 * @room: the log's.
 * @blocks: written that way since the last look.
 *
 * R7: where the tail has to move, dmr_log_room_move_tail() does so for these blocks, too,
 * and they are few.  From three quarters on each commit moves it.
 *
 * Context: the holder of the flush token.
 * Return: true if so.
 */
bool dmr_log_room_direct(const struct dmr_log_room *room, u32 blocks)
{
	u64 half = room->blocks / 2;
	u64 used = room->next + 1 - room->tail;

	if (room->tail < room->from || dmr_log_room_tail_lags(room))
		return false;
	return used <= half || (used <= half + half / 4 && blocks < DMR_DIRECT_MAX);
}

/**
 * dmr_log_room_move_tail() - move the tail on in a commit
 * @room: the log's; @ops change it.
 * @b: the batch; its records are those that are due.
 * @written: blocks that this commit has written already.
 * @press: as far as it takes, since writes wait for room.
 * @ops: functions that move the tail.
 * @ctx: for them.
 *
 * Half of the ring may be taken for nothing; live records fill less than that.  Beyond it
 * each commit moves the tail on: first by the records that fit into the gap of the block
 * that it writes anyway, from three quarters on by several times the blocks it writes, so
 * that a long run of blocks that still live is behind it before the reserve is touched,
 * and under pressure as far as it takes.  Records written again take space, too, so the
 * superblock follows in strides that the reserve has room for.
 *
 * Context: the flush worker; sleeps if @ops do.
 * Return: 0 or a negative errno of @ops.
 */
int dmr_log_room_move_tail(const struct dmr_log_room *room, struct dmr_log_batch *b, u64 written,
			   bool press, const struct dmr_log_tail_ops *ops, void *ctx)
{
	u64 half = room->blocks / 2;
	u64 used = room->next + b->blocks - room->tail;
	/* A ring that has grown is left as if it were nearly full. */
	bool turning = room->tail < room->from;
	u64 upto = ~0ULL;
	int r;

	written += b->blocks;
	if (!press) {
		if (!turning && (used <= half || !written))
			return 0;
		if (!turning && used <= half + half / 2)
			return ops->move(ctx, b, room->tail + 2 * written + 1, true);
		upto = room->tail + 8 * written + 4 * DMR_TAIL_BATCH;
	}
	while ((room->tail < room->from || room->next + b->blocks - room->tail > half) &&
	       room->tail < min(upto, room->durable)) {
		r = ops->move(ctx, b, min(upto, room->tail + DMR_TAIL_BATCH), false);
		if (r)
			return r;
		if (dmr_log_room_batch_room(b) && !dmr_log_room_tail_lags(room))
			continue;
		if (dmr_log_room_tail_lags(room))
			r = ops->release(ctx, b);
		else
			r = ops->flush(ctx, b);
		if (r)
			return r;
		if (dmr_log_room_tail_lags(room))
			return 0;	/* no superblock, no more: the reserve is not endless */
	}
	return 0;
}

/** dmr_log_room_batch_begin() - an empty batch, from the log's next block on */
void dmr_log_room_batch_begin(struct dmr_log_batch *b, const struct dmr_log_room *room)
{
	memset(b, 0, sizeof(*b));
	b->first = room->next;
}

/** dmr_log_room_batch_room() - does one more record fit? */
bool dmr_log_room_batch_room(const struct dmr_log_batch *b)
{
	return b->blocks < DMR_LOG_BATCH || b->in_block < DMR_LOG_RECORDS;
}

/** dmr_log_room_batch_gap() - does one fit without beginning one more block? */
bool dmr_log_room_batch_gap(const struct dmr_log_batch *b)
{
	return b->blocks && b->in_block < DMR_LOG_RECORDS;
}

/** dmr_log_room_batch_next() - number of the block that the next record goes to */
u64 dmr_log_room_batch_next(const struct dmr_log_batch *b)
{
	return b->first + b->blocks - (b->blocks && b->in_block < DMR_LOG_RECORDS);
}

/**
 * dmr_log_room_batch_add() - take the place of one record
 * @b: the batch; it has room.
 *
 * Return: the record's index in the batch's last block, b->blocks - 1.
 */
u32 dmr_log_room_batch_add(struct dmr_log_batch *b)
{
	if (!b->blocks || b->in_block == DMR_LOG_RECORDS) {
		b->blocks++;
		b->in_block = 0;
	}
	b->records++;
	return b->in_block++;
}
