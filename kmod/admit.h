/* SPDX-License-Identifier: GPL-2.0-only */
/* Preconditions of a write. */
#ifndef DMR_ADMIT_H
#define DMR_ADMIT_H

#include <linux/blk_types.h>

struct dmr_io;
struct dmr_system;
struct dmr_views;
struct dmr_version;

int dmr_admit_full(struct dmr_io *io, struct bio *bio);
blk_status_t dmr_admit_no_room(struct dmr_system *sys);
bool dmr_admit_first_room(struct dmr_system *sys, u32 chunks, bool inline_);
struct dmr_version *dmr_admit_version(struct dmr_io *io, const struct bio *bio, u64 key,
				      u32 epoch, u32 slot);
int dmr_admit_again(struct dmr_io *io, struct bio *bio, bool inline_);
bool dmr_admit_too_late(struct dmr_io *io, const struct dmr_views *views, u64 key);
u32 dmr_admit_versions(const struct dmr_io *io);

#endif /* DMR_ADMIT_H */
