/* SPDX-License-Identifier: GPL-2.0-only */
/* The log, and its moving tail. */
#ifndef DMR_LOG_H
#define DMR_LOG_H

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/spinlock.h>

#include "store/log-room.h"
#include "store/logblock.h"

struct bio;
struct dmr_sb;
struct dmr_system;
struct dmr_version;

/** struct dmr_drop - a drop: the record of a chunk moved home */
struct dmr_drop {
	struct list_head list;
	struct dmr_record rec;
};

/**
 * struct dmr_log - the log of a system; of the holder of the flush token (flush-direct.c),
 * where no lock or context is named
 * @dirty: list of versions with a record due; any context.
 * @nr_dirty: their number.
 * @nr_first: first writes in flight, counted by chunk.
 * @room: place of head and tail; read by every first write, changed by log commits.
 * @lock: protects @drops, and the lists of struct dmr_flush.
 * @drops: struct dmr_drop.
 * @hurry: move the tail fast: growth of the ring waits for it.
 * @pages: log blocks of one batch.
 * @held: of each of @pages: all bytes behind so many records are zero.
 * @tail_pages: blocks read at the tail.
 * @tail_first: number of the first block in @tail_pages.
 * @tail_count: blocks in @tail_pages.
 * @tail_record: next record of the tail's block.
 * @direct: blocks written since the tail was last looked at; holder of the flush token.
 * @commits: batches written.
 */
struct dmr_log {
	struct llist_head dirty;
	atomic64_t nr_dirty;
	atomic64_t nr_first;
	struct dmr_log_room room ____cacheline_aligned_in_smp;
	spinlock_t lock ____cacheline_aligned_in_smp;
	struct list_head drops;
	bool hurry;
	struct page *pages[DMR_LOG_BATCH];
	u8 held[DMR_LOG_BATCH];
	struct page *tail_pages[DMR_TAIL_BATCH];
	u64 tail_first;
	u32 tail_count;
	u32 tail_record;
	u32 direct;
	atomic64_t commits;
};

int dmr_log_init(struct dmr_log *log);
void dmr_log_exit(struct dmr_log *log);

/* any context */
bool dmr_log_has_room(struct dmr_system *sys, u32 records);
bool dmr_log_settled(struct dmr_system *sys, struct dmr_version *v);
void dmr_log_dirty(struct dmr_system *sys, struct dmr_version *v);
void dmr_log_drop(struct dmr_system *sys, struct dmr_drop *drop);

/* the holder of the flush token */
bool dmr_log_is_clean(struct dmr_system *sys);
bool dmr_log_direct(struct dmr_system *sys, struct dmr_log_batch *b);
void dmr_log_direct_bio(struct dmr_system *sys, const struct dmr_log_batch *b, struct bio *bio);
void dmr_log_direct_done(struct dmr_system *sys, const struct dmr_log_batch *b, int r);

/* the flush worker alone, with the token */
bool dmr_log_press(struct dmr_system *sys);
int dmr_log_flush_rest(struct dmr_system *sys);
int dmr_log_sync(struct dmr_system *sys, bool press);
int dmr_log_turn(struct dmr_system *sys, struct dmr_sb *draft);

#endif /* DMR_LOG_H */
