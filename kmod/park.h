/* SPDX-License-Identifier: GPL-2.0-only */
/* Bios that wait: deferred to a worker, or parked. */
#ifndef DMR_PARK_H
#define DMR_PARK_H

#include <linux/bio.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

struct dmr_io;
struct dmr_system;
struct dmr_version;

#define DMR_PARK_STRIPES	64	/* a power of two; chunks that share a lock share one */

/**
 * struct dmr_park - bios of a system that wait
 * @wq: runs deferred bios.
 * @lock: protects @bios, @chunks and @draining.
 * @bios: bios that wait for the end of an epoch switch.
 * @chunks: bios that wait for a version, by the stripe of their chunk.
 * @draining: an epoch switch waits for writes of the old epoch.
 * @settle_asked: an operation to settle is queued.
 * @settle_again: time of its next attempt after one that had to wait, jiffies.
 * @drain_work: ends an epoch switch after the time limit of its operation; see point.c.
 */
struct dmr_park {
	struct workqueue_struct *wq;
	spinlock_t lock;
	struct bio_list bios;
	struct bio_list chunks[DMR_PARK_STRIPES];
	bool draining;
	bool settle_asked;
	unsigned long settle_again;
	struct work_struct drain_work;
};

int dmr_park_init(struct dmr_park *park);
void dmr_park_exit(struct dmr_park *park);
void dmr_park_for_version(struct dmr_io *io, struct bio *bio, struct dmr_version *v);
bool dmr_park_for_drain(struct dmr_io *io, struct bio *bio);
void dmr_park_wake(struct dmr_system *sys);
void dmr_park_wake_chunk(struct dmr_system *sys, u64 key);
void dmr_park_defer(struct dmr_io *io, struct bio *bio);

#endif /* DMR_PARK_H */
