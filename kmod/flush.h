/* SPDX-License-Identifier: GPL-2.0-only */
/* Flushes and the flush worker, which answers them. */
#ifndef DMR_FLUSH_H
#define DMR_FLUSH_H

#include <linux/bio.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/workqueue.h>

#include "flush-direct.h"

struct dmr_sb;
struct dmr_system;

#define DMR_COMMIT_PERIOD	HZ

/**
 * struct dmr_flush - the flush worker of a system, and its queues
 * @wq: ordered.
 * @homes_wq: sends flushes of homes, see home-flush.c.
 * @flushes: flushes that wait for a log commit; log.lock.
 * @fuas: completed FUA writes that wait for a log commit; log.lock.
 * @waiters: struct dmr_flush_wait; log.lock.
 * @busy: the flush token: a round, or a flush by the direct way, is in progress; log.lock.
 * @again: a round found the token taken; log.lock.
 * @direct: the latter.
 * @work: one round.
 * @timer: the log commit of each second.
 */
struct dmr_flush {
	struct workqueue_struct *wq;
	struct workqueue_struct *homes_wq;
	struct bio_list flushes;
	struct bio_list fuas;
	struct list_head waiters;
	bool busy;
	bool again;
	struct dmr_flush_direct direct;
	struct work_struct work;
	struct delayed_work timer;
};

int dmr_flush_init(struct dmr_flush *flush);
void dmr_flush_exit(struct dmr_flush *flush);
void dmr_flush_start(struct dmr_system *sys);
void dmr_flush_stop(struct dmr_system *sys);
void dmr_flush_bio(struct dmr_system *sys, struct bio *bio);
void dmr_flush_fua(struct dmr_system *sys, struct bio *bio);
int dmr_flush_sync(struct dmr_system *sys, bool rest);
int dmr_flush_all(struct dmr_system *sys, unsigned long deadline);
int dmr_flush_grow(struct dmr_system *sys, struct dmr_sb *draft);
bool dmr_flush_make_room(struct dmr_system *sys, u32 records);

#endif /* DMR_FLUSH_H */
