/* SPDX-License-Identifier: GPL-2.0-only */
/* Bios that wait: deferred to a worker, or parked. */
#ifndef DMR_PARK_H
#define DMR_PARK_H

#include <linux/types.h>

struct bio;
struct dmr_io;
struct dmr_system;
struct dmr_version;

void dmr_io_wait_version(struct dmr_io *io, struct bio *bio, struct dmr_version *v);
bool dmr_io_wait_drain(struct dmr_io *io, struct bio *bio);
void dmr_io_wake(struct dmr_system *sys);
void dmr_io_defer(struct dmr_io *io, struct bio *bio);
void dmr_io_bare(struct dmr_io *io, struct bio *bio);

#endif /* DMR_PARK_H */
