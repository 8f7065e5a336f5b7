/* SPDX-License-Identifier: GPL-2.0-only */
/* Discards and writes of zeroes. */
#ifndef DMR_ZEROES_H
#define DMR_ZEROES_H

#include <linux/blk_types.h>

#include "store/superblock.h"

struct bio;
struct dmr_io;
struct dmr_views;
struct dmr_target;

/* Limit of chunks in one piece of a discard or write-zeroes: of one grace section (R12). */
#define DMR_ZERO_CHUNKS		1024

/* Limit of zeroes that a worker writes as data before the bios of others. */
#define DMR_ZERO_SECTORS	(64 * (DMR_MIN_CHUNK >> SECTOR_SHIFT))

int dmr_zeroes_discard(struct dmr_io *io, struct bio *bio, struct dmr_views *views, bool inline_);
int dmr_zeroes_write(struct dmr_io *io, struct bio *bio, struct dmr_views *views, bool inline_);
void dmr_zeroes_again(struct dmr_io *io, struct bio *bio);
bool dmr_zeroes_home_takes(const struct dmr_target *t);
void dmr_zeroes_offer(struct dmr_target *t);

#endif /* DMR_ZEROES_H */
