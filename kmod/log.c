// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log and its moving tail (R1, R6, R7, R13).
 *
 * A log commit builds records from the map (a bit is set only if its block's data is
 * complete, R1), flushes the store, and writes log blocks.  One worker makes one log
 * commit at a time; see flush.c.
 */
#include "critical.h"
#include "log.h"
#include "page-io.h"
#include "super.h"
#include "system.h"
#include "trace.h"

/**
 * dmr_log_init() - allocate memory for the log of a new system
 * @log: the system's part.
 *
 * Return: 0 or -ENOMEM; dmr_log_exit() is due in either case.
 */
int dmr_log_init(struct dmr_log *log)
{
	u32 i;

	spin_lock_init(&log->lock);
	INIT_LIST_HEAD(&log->drops);
	init_llist_head(&log->dirty);
	for (i = 0; i < DMR_LOG_BATCH; i++) {
		log->pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);	/* held is 0 */
		if (!log->pages[i])
			return -ENOMEM;
	}
	for (i = 0; i < DMR_TAIL_BATCH; i++) {
		log->tail_pages[i] = alloc_page(GFP_KERNEL);
		if (!log->tail_pages[i])
			return -ENOMEM;
	}
	return 0;
}

/** dmr_log_exit() - free the log's memory, and drops that were never written */
void dmr_log_exit(struct dmr_log *log)
{
	struct dmr_drop *drop, *next;
	u32 i;

	list_for_each_entry_safe(drop, next, &log->drops, list)
		kfree(drop);
	for (i = 0; i < DMR_LOG_BATCH; i++)
		if (log->pages[i])
			__free_page(log->pages[i]);
	for (i = 0; i < DMR_TAIL_BATCH; i++)
		if (log->tail_pages[i])
			__free_page(log->tail_pages[i]);
}

/**
 * dmr_log_has_room() - is there log space for more first writes?
 * @sys: the system.
 * @records: chunks about to be written.
 *
 * Context: any.
 * Return: false if a log commit has to move the tail first (R7).
 */
bool dmr_log_has_room(struct dmr_system *sys, u32 records)
{
	u64 first = atomic64_read(&sys->log.nr_first) + records;

	/*
	 * R7: a write that ends is counted as dirty before it leaves nr_first, so one
	 * that ends between the two reads is counted twice, not missed.
	 */
	smp_rmb();	/* pairs with dmr_io_first_done() */
	return dmr_log_room_admits(&sys->log.room, first, atomic64_read(&sys->log.nr_dirty));
}

/* Must the tail move? R8: the same rule decides as for refusing writes. */
bool dmr_log_press(struct dmr_system *sys)
{
	u64 first = atomic64_read(&sys->log.nr_first);

	smp_rmb();	/* as in dmr_log_has_room() */
	return dmr_log_room_press(&sys->log.room, first, atomic64_read(&sys->log.nr_dirty));
}

/**
 * dmr_log_settled() - is the record of a version durable?
 * @sys: the system.
 * @v: the version; its masks were read before the call.
 *
 * Return: true if no record of it is due or in flight.
 */
bool dmr_log_settled(struct dmr_system *sys, struct dmr_version *v)
{
	bool dirty;

	smp_rmb();	/* the bits before the mark: pairs with dmr_log_dirty() */
	dirty = atomic_read(&v->state) & DMR_V_DIRTY;
	smp_rmb();	/* the mark before the number: pairs with dmr_log_records() */
	return !dirty &&
	       (s32)(READ_ONCE(v->log) - (u32)READ_ONCE(sys->log.room.durable)) <= 0;
}

/**
 * dmr_log_dirty() - mark a version: its record is due
 * @sys: the system.
 * @v: the version, before its masks change; the chunk's lock is held until they have.
 *
 * R2: a FUA write that sees a new bit must also see that its record is not durable.
 */
void dmr_log_dirty(struct dmr_system *sys, struct dmr_version *v)
{
	dmr_assert_chunk_locked(sys, v->key);
	if (atomic_read(&v->state) & DMR_V_DIRTY)
		return;
	atomic_or(DMR_V_DIRTY, &v->state);
	smp_mb__after_atomic();		/* pairs with dmr_log_settled() */
	atomic64_inc(&sys->log.nr_dirty);
	llist_add(&v->dirty, &sys->log.dirty);
}

/**
 * dmr_log_drop() - queue a drop
 * @sys: the system.
 * @drop: kmalloc'd, freed by the log commit; the chunk's lock is held, and the versions
 * that it kills are marked DMR_V_DROPPED.
 */
void dmr_log_drop(struct dmr_system *sys, struct dmr_drop *drop)
{
	dmr_assert_chunk_locked(sys, dmr_key(drop->rec.disk, drop->rec.chunk));
	spin_lock(&sys->log.lock);
	list_add_tail(&drop->list, &sys->log.drops);
	spin_unlock(&sys->log.lock);
}

/*----------------------------------------------------------------
 * Building and writing log blocks
 *----------------------------------------------------------------*/

/* Add a record to the batch; the number of its block is b->first + b->blocks - 1. */
static void dmr_batch_add(struct dmr_system *sys, struct dmr_log_batch *b,
			  const struct dmr_record *rec)
{
	struct dmr_disk_log_block *blk;
	u32 at;

	if (WARN_ON_ONCE(!dmr_log_room_batch_room(b)))
		return;
	at = dmr_log_room_batch_add(b);
	blk = page_address(sys->log.pages[b->blocks - 1]);
	sys->log.held[b->blocks - 1] = max_t(u8, sys->log.held[b->blocks - 1], at + 1);
	dmr_logblock_put_record(rec, &blk->records[at]);
}

/* Add a version's record.  R13: read it under the chunk's lock, when it gets its place. */
static void dmr_batch_version(struct dmr_system *sys, struct dmr_log_batch *b,
			      struct dmr_version *v)
{
	struct dmr_record rec;

	dmr_assert_chunk_locked(sys, v->key);
	WRITE_ONCE(v->log, (u32)dmr_log_room_batch_next(b));
	dmr_map_record(v, &rec);
	dmr_batch_add(sys, b, &rec);
}

static void dmr_batch_seal(struct dmr_system *sys, struct dmr_log_batch *b)
{
	struct dmr_log_header hdr = {
		/* R6: durable; a later one that is on its way does not matter to the block. */
		.sb_seq = READ_ONCE(sys->super.seq),
		.durable = sys->log.room.durable,
	};
	u32 i;

	for (i = 0; i < b->blocks; i++) {
		struct dmr_disk_log_block *blk = page_address(sys->log.pages[i]);

		hdr.number = b->first + i;
		/* R6: the flush of the last block makes the earlier ones durable. */
		if (i && i + 1 == b->blocks)
			hdr.durable = hdr.number - 1;
		hdr.nr_records = i + 1 < b->blocks ? DMR_LOG_RECORDS : b->in_block;
		dmr_logblock_seal(blk, sys->sb->store_uuid, &hdr, sys->log.held[i]);
		sys->log.held[i] = hdr.nr_records;
	}
}

static int dmr_store_flush(struct dmr_system *sys)
{
	WRITE_ONCE(sys->super.store_dirty, 0);
	/*
	 * Cleared before the flush.  Pairs with the end of a write, in dmr_io_end_change() and
	 * partial.c: the device has the write before store_dirty is set, so that a write
	 * which this flush misses sets it again.
	 */
	smp_mb();
	return blkdev_issue_flush(sys->store);
}

/* Flush the store for rewrites in place, which have no record. */
int dmr_log_flush_rest(struct dmr_system *sys)
{
	bool alone = dmr_super_store_lock(sys);
	int r = 0;

	if (READ_ONCE(sys->critical)) {
		r = -EIO;
	} else if (READ_ONCE(sys->super.store_dirty)) {
		r = dmr_store_flush(sys);
		if (r)
			dmr_critical(sys, "the store could not be flushed");
	}
	dmr_super_store_unlock(sys, alone);
	return r;
}

/* Write blocks from @from on of a batch, in as few I/Os as their places allow. */
static int dmr_batch_write_run(struct dmr_system *sys, struct dmr_log_batch *b, u32 from, u32 count,
			       blk_opf_t flags)
{
	u64 place;
	u32 run;
	int r;

	for (; count; from += run, count -= run) {
		place = dmr_ring_place(sys->sb, b->first + from);
		for (run = 1; run < count; run++)
			if (dmr_ring_place(sys->sb, b->first + from + run) != place + run)
				break;
		r = dmr_page_io_pages(sys, sys->store, place * DMR_BLOCK_SECTORS,
				      sys->log.pages + from, run, REQ_OP_WRITE | REQ_META | flags);
		if (r)
			return r;
	}
	return 0;
}

/*
 * R2, R9: write the last block behind a flush.  If the flush in front of a write fails, dm
 * drops the error and sends the write all the same.  So send the flush on its own to a
 * device that takes bios itself, without a queue.
 */
static bool dmr_batch_needs_two(struct dmr_system *sys)
{
	return bdev_write_cache(sys->store) && sys->store->bd_disk->fops->submit_bio;
}

/* R2: write the last block behind a flush. */
static int dmr_batch_write_last(struct dmr_system *sys, struct dmr_log_batch *b)
{
	blk_opf_t flags = REQ_PREFLUSH | REQ_FUA;

	if (dmr_batch_needs_two(sys)) {
		int r = blkdev_issue_flush(sys->store);

		if (r)
			return r;
		flags = REQ_FUA;
	}
	return dmr_batch_write_run(sys, b, b->blocks - 1, 1, flags);
}

/* Record that all blocks up to this one are durable. */
static void dmr_log_durable(struct dmr_system *sys, u64 number)
{
	WRITE_ONCE(sys->log.room.next, number + 1);
	WRITE_ONCE(sys->log.room.durable, number);
	atomic64_inc(&sys->log.commits);
}

/*
 * R2: flush the data that the blocks describe before any block is issued.  The flush with
 * the last block makes the earlier blocks durable; its FUA alone would not.
 */
static int dmr_batch_write(struct dmr_system *sys, struct dmr_log_batch *b)
{
	bool alone;
	u64 durable;
	int r = 0;

	if (b->blocks > dmr_log_room_free(&sys->log.room)) {
		DMERR("%s: the log is full in spite of its reserve", sys->sb->name);
		return -ENOSPC;
	}
	if (b->first + b->blocks > DMR_NUMBER_LIMIT) {	/* no reader would take it */
		dmr_critical(sys, "the numbers of the log's blocks are used up");
		return -EIO;
	}
	dmr_batch_seal(sys, b);
	alone = dmr_super_store_lock(sys);
	if (alone && READ_ONCE(sys->critical)) {
		r = -EIO;
	} else if (b->blocks > 1) {
		r = dmr_store_flush(sys);
		if (!r)
			r = dmr_batch_write_run(sys, b, 0, b->blocks - 1, 0);
	} else {
		WRITE_ONCE(sys->super.store_dirty, 0);
		smp_mb();	/* as in dmr_store_flush() */
	}
	if (!r)
		r = dmr_batch_write_last(sys, b);
	/* Now: failed records must not count as settled. */
	if (r)
		dmr_critical(sys, "the store's log could not be written");
	dmr_super_store_unlock(sys, alone);

	durable = b->first + b->blocks - 1;
	trace_dmr_log_sync(sys->sb->name, b->first, b->blocks, b->records, r);
	if (r)
		return r;
	dmr_log_durable(sys, durable);
	return 0;
}

/* Write the batch and begin the next one. */
static int dmr_batch_flush(struct dmr_system *sys, struct dmr_log_batch *b)
{
	int r = dmr_batch_write(sys, b);

	dmr_log_room_batch_begin(b, &sys->log.room);
	return r;
}

/* Moved-home records that are due; one that cannot be written makes the system critical. */
static int dmr_log_drops(struct dmr_system *sys, struct dmr_log_batch *b, u64 *written)
{
	struct dmr_drop *drop, *next;
	unsigned long flags;
	LIST_HEAD(drops);
	int r = 0;

	spin_lock_irqsave(&sys->log.lock, flags);
	list_splice_init(&sys->log.drops, &drops);
	spin_unlock_irqrestore(&sys->log.lock, flags);
	list_for_each_entry_safe(drop, next, &drops, list) {
		list_del(&drop->list);
		if (!r && !dmr_log_room_batch_room(b)) {
			*written += b->blocks;
			r = dmr_batch_flush(sys, b);
		}
		if (!r)
			dmr_batch_add(sys, b, &drop->rec);
		kfree(drop);
	}
	return r;
}

/*----------------------------------------------------------------
 * The tail (R7)
 *----------------------------------------------------------------*/

static int dmr_tail_read(struct dmr_system *sys, u64 end)
{
	u64 place = dmr_ring_place(sys->sb, sys->log.room.tail);
	u32 count;
	int r;

	for (count = 1; count < DMR_TAIL_BATCH && sys->log.room.tail + count < end; count++)
		if (dmr_ring_place(sys->sb, sys->log.room.tail + count) != place + count)
			break;
	r = dmr_page_io_pages(sys, sys->store, place * DMR_BLOCK_SECTORS, sys->log.tail_pages,
			      count, REQ_OP_READ | REQ_META);
	if (r)
		return r;
	sys->log.tail_first = sys->log.room.tail;
	sys->log.tail_count = count;
	return 0;
}

/*
 * Copy live records of the tail's blocks to the head, up to block @upto, while the batch
 * has room (@gap_only: room in its last block).  Only the newest record of a version is
 * copied, so copies never multiply.
 *
 * Return: 0 or a negative errno.
 */
static int dmr_tail_move(struct dmr_system *sys, struct dmr_log_batch *b, u64 upto, bool gap_only)
{
	/* R6: the last durable block stays, to prove the end of the log. */
	u64 end = sys->log.room.durable;
	int r;

	upto = min(upto, end);
	while (sys->log.room.tail < upto) {
		struct dmr_disk_log_block *blk;
		struct dmr_log_header hdr;

		if (sys->log.room.tail < sys->log.tail_first ||
		    sys->log.room.tail >= sys->log.tail_first + sys->log.tail_count) {
			r = dmr_tail_read(sys, end);
			if (r)
				return r;
		}
		blk = page_address(sys->log.tail_pages[sys->log.room.tail - sys->log.tail_first]);
		if (dmr_logblock_check(blk, sys->sb->store_uuid, &hdr) != DMR_OK ||
		    hdr.number != sys->log.room.tail) {
			DMERR("%s: log block %llu is damaged", sys->sb->name, sys->log.room.tail);
			return -EUCLEAN;
		}
		while (sys->log.tail_record < hdr.nr_records) {
			struct dmr_version *v;
			struct dmr_record rec;
			spinlock_t *lock;
			unsigned long flags;
			u64 key;

			if (gap_only ? !dmr_log_room_batch_gap(b) : !dmr_log_room_batch_room(b))
				return 0;
			dmr_logblock_get_record(&blk->records[sys->log.tail_record++], &rec);
			if (rec.type != DMR_RECORD_VERSION)
				continue;
			key = dmr_key(rec.disk, rec.chunk);
			lock = dmr_map_lock(&sys->map, key);
			spin_lock_irqsave(lock, flags);
			v = dmr_map_find(&sys->map, key, rec.epoch);
			if (v && v->log == (u32)sys->log.room.tail)
				dmr_batch_version(sys, b, v);
			spin_unlock_irqrestore(lock, flags);
		}
		sys->log.room.tail++;
		sys->log.tail_record = 0;
	}
	return 0;
}

/* Add the record of a version from the list of dirty ones. */
static void dmr_batch_due(struct dmr_system *sys, struct dmr_log_batch *b, struct dmr_version *v)
{
	spinlock_t *lock = dmr_map_lock(&sys->map, v->key);
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	/* From here on the version may become dirty again, or be freed by the vacuum. */
	if (!(atomic_read(&v->state) & DMR_V_DROPPED) && (v->data | v->zero))
		dmr_batch_version(sys, b, v);
	smp_mb__before_atomic();	/* after its number: pairs with dmr_log_settled() */
	atomic_andnot(DMR_V_DIRTY, &v->state);
	atomic64_dec(&sys->log.nr_dirty);
	spin_unlock_irqrestore(lock, flags);
}

/*
 * Add all records that are due.  The list of versions is taken before the list of drops,
 * but the drops are written first.  A version that replaces a dropped one becomes dirty
 * after the drop was queued, so in the log the drop precedes it (R13).
 */
static int dmr_log_records(struct dmr_system *sys, struct dmr_log_batch *b, u64 *written)
{
	struct llist_node *list = llist_del_all(&sys->log.dirty);
	struct dmr_version *v, *next;
	int r;

	r = dmr_log_drops(sys, b, written);
	if (r)
		return r;

	llist_for_each_entry_safe(v, next, list, dirty) {
		if (!dmr_log_room_batch_room(b)) {
			*written += b->blocks;
			r = dmr_batch_flush(sys, b);
			if (r)
				return r;	/* the rest stays due: it is not durable */
		}
		dmr_batch_due(sys, b, v);
	}
	return 0;
}

/*
 * R7, R13: make the copied records durable at the end before a superblock moves the
 * tail. dmr_tail_move() has skipped versions that were dropped meanwhile; their drops
 * were queued under the same lock, and are written here at the latest.  A superblock that
 * is taken back leaves the ring a little shorter until the next attempt.
 */
static int dmr_tail_release(struct dmr_system *sys, struct dmr_log_batch *b)
{
	u64 written = 0;
	int r = dmr_log_drops(sys, b, &written);

	if (!r && b->blocks)
		r = dmr_batch_flush(sys, b);
	if (r)
		return r;
	r = dmr_super_move_tail(sys, sys->log.room.tail);
	return r == -EIO ? 0 : r;
}

static int dmr_tail_ops_move(void *ctx, struct dmr_log_batch *b, u64 upto, bool gap_only)
{
	return dmr_tail_move(ctx, b, upto, gap_only);
}

static int dmr_tail_ops_flush(void *ctx, struct dmr_log_batch *b)
{
	return dmr_batch_flush(ctx, b);
}

static int dmr_tail_ops_release(void *ctx, struct dmr_log_batch *b)
{
	return dmr_tail_release(ctx, b);
}

static const struct dmr_log_tail_ops dmr_tail_ops = {
	.move = dmr_tail_ops_move,
	.flush = dmr_tail_ops_flush,
	.release = dmr_tail_ops_release,
};

int dmr_log_sync(struct dmr_system *sys, bool press)
{
	struct dmr_log_batch b;
	u64 written = 0;
	bool looked;
	int r;

	dmr_log_room_batch_begin(&b, &sys->log.room);
	r = dmr_log_records(sys, &b, &written);
	/* R6: the tail stops at the last durable block: write an empty one in the new ring. */
	if (!r && READ_ONCE(sys->log.hurry) && !written && !b.blocks &&
	    sys->log.room.durable < sys->log.room.from) {
		b.blocks = 1;
		r = dmr_batch_flush(sys, &b);
	}
	if (!r) {
		looked = written || b.blocks;
		r = dmr_log_room_move_tail(&sys->log.room, &b,
					   looked ? written + sys->log.direct : 0, press,
					   &dmr_tail_ops, sys);
		if (looked)
			sys->log.direct = 0;
	}
	if (!r && (dmr_log_room_tail_lags(&sys->log.room) ||
		   (press && sys->log.room.tail != sys->log.room.sb_tail)))
		r = dmr_tail_release(sys, &b);
	else if (!r && b.blocks)
		r = dmr_batch_flush(sys, &b);
	/* Now: failed records must not count as settled. */
	if (r)
		dmr_critical(sys, "the store's log could not be written");
	return r;
}

/*----------------------------------------------------------------
 * One block, for a flush without the worker: flush-direct.c
 *----------------------------------------------------------------*/

/**
 * dmr_log_is_clean() - is all that completed before durable in the store?
 * @sys: the system; the caller holds the flush token.
 *
 * Context: does not sleep.
 * Return: true if so; false if the flush worker has to look.
 */
bool dmr_log_is_clean(struct dmr_system *sys)
{
	return llist_empty(&sys->log.dirty) && list_empty(&sys->log.drops) &&
	       !READ_ONCE(sys->super.store_dirty);
}

/**
 * dmr_log_direct() - make the block of all records that are due, if it is one
 * @sys: the system; the caller holds the flush token.
 * @b: the batch; without a block if no record is due.
 *
 * Context: does not sleep.
 * Return: false if the flush worker has to, and nothing has changed.
 */
bool dmr_log_direct(struct dmr_system *sys, struct dmr_log_batch *b)
{
	struct dmr_version *v, *next;
	struct llist_node *list, *last = NULL, *node;
	u32 nr = 0;

	dmr_log_room_batch_begin(b, &sys->log.room);
	if (atomic64_read(&sys->log.nr_dirty) > DMR_LOG_RECORDS || b->first >= DMR_NUMBER_LIMIT)
		return false;
	/* R13: as in dmr_log_records(), versions first. */
	list = llist_del_all(&sys->log.dirty);
	llist_for_each(node, list) {
		last = node;
		nr++;
	}
	if (!list_empty(&sys->log.drops) || READ_ONCE(sys->log.hurry) ||
	    (nr && (nr > DMR_LOG_RECORDS || dmr_log_press(sys) ||
		    !dmr_log_room_direct(&sys->log.room, sys->log.direct) ||
		    dmr_batch_needs_two(sys)))) {
		if (list)
			llist_add_batch(list, last, &sys->log.dirty);
		return false;
	}
	llist_for_each_entry_safe(v, next, list, dirty)
		dmr_batch_due(sys, b, v);
	if (b->blocks) {
		dmr_batch_seal(sys, b);
		sys->log.direct++;
	}
	return true;
}

/**
 * dmr_log_direct_bio() - set content and place of the block's write
 * @sys: the system; the caller holds the flush token.
 * @b: the batch, with its block.
 * @bio: a bio to the store with room for one page.
 *
 * Context: does not sleep.
 */
void dmr_log_direct_bio(struct dmr_system *sys, const struct dmr_log_batch *b, struct bio *bio)
{
	bio->bi_iter.bi_sector = dmr_ring_place(sys->sb, b->first) * DMR_BLOCK_SECTORS;
	__bio_add_page(bio, sys->log.pages[0], DMR_BLOCK_SIZE, 0);
}

/**
 * dmr_log_direct_done() - account for the end of the block's write
 * @sys: the system; the caller holds the flush token.
 * @b: the batch.
 * @r: 0 or a negative errno.
 *
 * Context: any.
 */
void dmr_log_direct_done(struct dmr_system *sys, const struct dmr_log_batch *b, int r)
{
	trace_dmr_log_sync(sys->sb->name, b->first, b->blocks, b->records, r);
	/* At once: failed records must not count as settled. */
	if (r)
		dmr_critical(sys, "the store's log could not be written");
	else
		dmr_log_durable(sys, b->first);
}

/*
 * Change the ring.  No log block is in flight between two log commits.  Durable blocks keep
 * their places in the old ring.
 */
int dmr_log_turn(struct dmr_system *sys, struct dmr_sb *draft)
{
	u32 extents = sys->sb->ring_extents;
	u64 from = sys->log.room.next, before = sys->log.room.blocks;
	int r;

	mutex_lock(&sys->sb_mutex);
	if (draft->ring_extents != extents)
		draft->ring_from = from;
	r = dmr_super_write(sys, draft, "grow");
	/*
	 * R6: replay under a copy without the new extent would take ring_from for the end
	 * of the log.  So write both copies before using the extent.
	 */
	if (!r && draft->ring_extents != extents) {
		r = dmr_super_write(sys, sys->sb, "grow, the other copy");
		if (r == -EIO)
			r = 0;		/* taken back to the same state */
	}
	mutex_unlock(&sys->sb_mutex);
	if (r || draft->ring_extents == extents)
		return r;
	/* dmr_log_room_free() takes no lock; the reserve covers a mix of old and new. */
	WRITE_ONCE(sys->log.room.fresh, dmr_ring_blocks(draft) - before);
	smp_wmb();	/* pairs with smp_rmb() in dmr_log_room_free() */
	WRITE_ONCE(sys->log.room.from, from);
	smp_wmb();	/* the same */
	WRITE_ONCE(sys->log.room.blocks, before + sys->log.room.fresh);
	return 0;
}
