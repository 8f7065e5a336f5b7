// SPDX-License-Identifier: GPL-2.0-only
/*
 * Room in the log's ring (R7, R8); see log-room.h.
 */
#include "superblock.h"
#include "log-room.h"

/**
 * dmr_log_room_turning() - is the log's tail still in the older part of a ring that has
 * grown?
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
 * dmr_log_room_free() - free blocks, read without a lock
 * @room: the log's.
 *
 * Read the tail before the head: if both move on in between, the result is too small,
 * never too large (R7).  While the ring is turning, the head stays in the new extent: see
 * grow.c.
 *
 * Context: any.
 * Return: a number of log blocks.
 */
u64 dmr_log_room_free(const struct dmr_log_room *room)
{
	u64 tail = READ_ONCE(room->sb_tail), from = READ_ONCE(room->from), all, used;

	smp_rmb();	/* sizes after @from: pairs with dmr_log_turn() */
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
 * dmr_log_room_reserve() - number of blocks that no write may use
 * @room: the log's.
 *
 * R7: they are kept for tail moves and drops.
 *
 * Context: any.
 * Return: a number of log blocks.
 */
u64 dmr_log_room_reserve(const struct dmr_log_room *room)
{
	return READ_ONCE(room->blocks) / 8 + DMR_LOG_BATCH;
}

/**
 * dmr_log_room_admits() - is there room for the records of more writes?
 * @room: the log's.
 * @first: first writes in flight and to be admitted, by chunk.
 * @dirty: versions whose record is due.
 *
 * R7: every first write in flight may be flushed alone and take a block of its own;
 * records that are due already are written together.
 *
 * Context: any.
 * Return: false if a log commit has to move the tail first.
 */
bool dmr_log_room_admits(const struct dmr_log_room *room, u64 first, u64 dirty)
{
	u64 due = div_u64(dirty, DMR_LOG_RECORDS) + 1;

	return first + due + dmr_log_room_reserve(room) <= dmr_log_room_free(room);
}

/**
 * dmr_log_room_press() - must a log commit move the tail as far as it can?
 * @room: the log's.
 * @first: first writes in flight, by chunk.
 * @dirty: versions whose record is due.
 *
 * R7, R8: this is the rule of dmr_log_room_admits(), for the largest request of any
 * write.  So a refused write is always followed by a move of the tail.
 *
 * Context: any.
 * Return: true if so.
 */
bool dmr_log_room_press(const struct dmr_log_room *room, u64 first, u64 dirty)
{
	return !dmr_log_room_admits(room, first + DMR_FIRST_MAX, dirty);
}

/**
 * dmr_log_room_tail_lags() - has the tail moved far enough for a superblock write?
 * @room: the log's.
 *
 * Context: the flush worker.
 * Return: true if so, or if the tail has left the older part of a ring.
 */
bool dmr_log_room_tail_lags(const struct dmr_log_room *room)
{
	return room->tail - room->sb_tail > room->blocks / 16 ||
	       (room->tail >= room->from && room->sb_tail < room->from);
}

/**
 * dmr_log_room_direct() - may one more block be written without a look at the tail?
 * @room: the log's.
 * @blocks: number of blocks written without one since the last look.
 *
 * R7: if the tail has to move, dmr_log_room_move_tail() moves it for these blocks, too, and
 * they are few.  From three quarters on each log commit moves it.
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
 * dmr_log_room_move_tail() - move the tail in a log commit
 * @room: the log's; @ops change it.
 * @b: the batch, with the records that are due.
 * @written: number of blocks that this log commit has written already.
 * @press: move as far as possible, since writes wait for room.
 * @ops: functions that move the tail.
 * @ctx: argument of @ops.
 *
 * While at most half of the ring is in use, the tail stays: live records fill less than
 * that.  Above that, each log commit moves the tail: first by the records that fit into
 * the last block, which is written anyway; from three quarters on by several times the
 * blocks that it writes, so that the tail gets over a long run of live blocks before the
 * reserve is touched; and under pressure as far as possible.  Copied records take space,
 * too, so the superblock follows in strides for which the reserve has room.
 *
 * Context: the flush worker; sleeps if @ops do.
 * Return: 0 or a negative errno of @ops.
 */
int dmr_log_room_move_tail(const struct dmr_log_room *room, struct dmr_log_batch *b, u64 written,
			   bool press, const struct dmr_log_tail_ops *ops, void *ctx)
{
	u64 half = room->blocks / 2;
	u64 used = room->next + b->blocks - room->tail;
	/* Leave the older part of a ring as fast as if the ring were nearly full. */
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
			return 0;	/* stop without a superblock: the reserve is limited */
	}
	return 0;
}

/** dmr_log_room_batch_begin() - begin an empty batch at the log's next block */
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

/** dmr_log_room_batch_gap() - does one more record fit into the last block? */
bool dmr_log_room_batch_gap(const struct dmr_log_batch *b)
{
	return b->blocks && b->in_block < DMR_LOG_RECORDS;
}

/** dmr_log_room_batch_next() - number of the block of the next record */
u64 dmr_log_room_batch_next(const struct dmr_log_batch *b)
{
	return b->first + b->blocks - (b->blocks && b->in_block < DMR_LOG_RECORDS);
}

/**
 * dmr_log_room_batch_add() - take a place for a record
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
