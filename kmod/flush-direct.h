/* SPDX-License-Identifier: GPL-2.0-only */
/* Flushes from the context of their caller. */
#ifndef DMR_FLUSH_DIRECT_H
#define DMR_FLUSH_DIRECT_H

#include <linux/bio.h>

#include "store/log-room.h"

struct dmr_system;

/**
 * struct dmr_flush_direct - the flush that is on its way without the flush worker
 * @bio: to the store.
 * @vec: its log block.
 * @flush: the flush that waits for it.
 * @batch: the log block; none if there was no record to be written.
 * @alone: from dmr_super_store_trylock().
 *
 * All of it belongs to the holder of the flush token, dmr_flush.busy.
 */
struct dmr_flush_direct {
	struct bio bio;
	struct bio_vec vec;
	struct bio *flush;
	struct dmr_log_batch batch;
	bool alone;
};

bool dmr_flush_direct(struct dmr_system *sys, struct bio *bio);

#endif /* DMR_FLUSH_DIRECT_H */
