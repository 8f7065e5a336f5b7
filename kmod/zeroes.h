/* SPDX-License-Identifier: GPL-2.0-only */
/* Discards and writes of zeroes. */
#ifndef DMR_ZEROES_H
#define DMR_ZEROES_H

#include <linux/blk_types.h>

#include "store/superblock.h"

struct bio;
struct dmr_io;
struct dmr_table;
struct dmr_target;

/* Limit of one write-zeroes: each of its chunks may need a version. */
#define DMR_ZERO_SECTORS	(64 * (DMR_MIN_CHUNK >> SECTOR_SHIFT))

int dmr_io_discard(struct dmr_io *io, struct bio *bio, struct dmr_table *tab, bool inline_);
int dmr_io_zeroes(struct dmr_io *io, struct bio *bio, struct dmr_table *tab, bool inline_);
void dmr_io_zero_again(struct dmr_io *io, struct bio *bio);
bool dmr_home_takes_zeroes(const struct dmr_target *t);
void dmr_io_offer_zeroes(struct dmr_target *t);

#endif /* DMR_ZEROES_H */
