/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes of less than a block. */
#ifndef DMR_PARTIAL_H
#define DMR_PARTIAL_H

struct bio;
struct dmr_io;
struct dmr_views;

int dmr_partial_write(struct dmr_io *io, struct bio *bio, struct dmr_views *views);

#endif /* DMR_PARTIAL_H */
