/* SPDX-License-Identifier: GPL-2.0-only */
/* Flushes and the commit worker, which answers them. */
#ifndef DMR_FLUSH_H
#define DMR_FLUSH_H

#include <linux/jiffies.h>
#include <linux/types.h>

struct bio;
struct dmr_sb;
struct dmr_system;

#define DMR_COMMIT_PERIOD	HZ

int dmr_commit_alloc(struct dmr_system *sys);
void dmr_commit_free(struct dmr_system *sys);
void dmr_commit_start(struct dmr_system *sys);
void dmr_commit_stop(struct dmr_system *sys);
void dmr_commit_flush(struct dmr_system *sys, struct bio *bio);
void dmr_commit_fua(struct dmr_system *sys, struct bio *bio);
int dmr_commit_sync(struct dmr_system *sys, bool homes);
int dmr_commit_grow(struct dmr_system *sys, struct dmr_sb *draft);
bool dmr_commit_make_room(struct dmr_system *sys, u32 records);

#endif /* DMR_FLUSH_H */
