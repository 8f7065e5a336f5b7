/* SPDX-License-Identifier: GPL-2.0-only */
/* Superblocks: writing them, and the one that readers see (R3). */
#ifndef DMR_SUPER_H
#define DMR_SUPER_H

#include <linux/rcupdate.h>

#include "store/superblock.h"

struct dmr_system;

/**
 * struct dmr_shown - a superblock as readers see it
 * @rcu: frees it once it was replaced and no reader is left.
 * @sb: never changed.  What moves between two operations, sequence, copy and the log's
 *	place, is not kept up to date here.
 */
struct dmr_shown {
	struct rcu_head rcu;
	struct dmr_sb sb;
};

int dmr_super_alloc(struct dmr_system *sys);
void dmr_super_free(struct dmr_system *sys);
void dmr_super_show(struct dmr_system *sys);
int dmr_super_write(struct dmr_system *sys, const struct dmr_sb *next, const char *why);
int dmr_super_commit(struct dmr_system *sys, const struct dmr_sb *draft, const char *why);
int dmr_super_sync_copies(struct dmr_system *sys);
int dmr_super_move_tail(struct dmr_system *sys, u64 tail);
bool dmr_store_lock(struct dmr_system *sys);
void dmr_store_unlock(struct dmr_system *sys, bool alone);

#endif /* DMR_SUPER_H */
