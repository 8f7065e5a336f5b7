/* SPDX-License-Identifier: GPL-2.0-only */
/* Superblocks: writing them, and publishing one to readers (R3). */
#ifndef DMR_SUPER_H
#define DMR_SUPER_H

#include <linux/atomic.h>
#include <linux/rcupdate.h>
#include <linux/semaphore.h>

#include "store/superblock.h"

struct dmr_system;

/**
 * struct dmr_shown - a published superblock
 * @rcu: frees a replaced object when no reader is left.
 * @sb: constant.  Members that change between operations (sequence, copy, the log's place)
 * are outdated here.
 */
struct dmr_shown {
	struct rcu_head rcu;
	struct dmr_sb sb;
};

/**
 * struct dmr_super - superblocks and flushes of a store
 * @draft: the next state, made by operations; op_mutex.
 * @scratch: of super.c; sb_mutex.
 * @shown: published, see dmr_shown(); sb_mutex to replace.
 * @spare: the next @shown; sb_mutex.
 * @buf: DMR_SB_MAX bytes.
 * @pages: of @buf.
 * @copy_state: state number of each copy, ~0 if unknown.
 * @writes: superblocks written or attempted.
 * @seq: sequence number of a superblock that is durable, for readers without a lock.
 * @store_sem: one flush at a time, see dmr_super_store_lock(); a semaphore, since the end of
 * an I/O releases it, and for its order of requests.
 * @store_dirty: slots were written since the last flush of the store.
 * @blanking: zeroes are being written over a new extent of the ring.
 */
struct dmr_super {
	struct dmr_sb *draft;
	struct dmr_sb *scratch;
	struct dmr_shown __rcu *shown;
	struct dmr_shown *spare;
	void *buf;
	struct page *pages[DMR_SB_MAX / DMR_BLOCK_SIZE];
	u64 copy_state[DMR_SB_COPIES];
	atomic64_t writes;
	u64 seq;
	struct semaphore store_sem;
	unsigned int store_dirty;
	bool blanking;
};

int dmr_super_init(struct dmr_system *sys);
void dmr_super_exit(struct dmr_system *sys);
void dmr_super_show(struct dmr_system *sys);
int dmr_super_write(struct dmr_system *sys, const struct dmr_sb *next, const char *why);
int dmr_super_commit(struct dmr_system *sys, const struct dmr_sb *draft, const char *why);
int dmr_super_sync_copies(struct dmr_system *sys);
int dmr_super_move_tail(struct dmr_system *sys, u64 tail);
bool dmr_super_store_lock(struct dmr_system *sys);
bool dmr_super_store_trylock(struct dmr_system *sys, bool *alone);
void dmr_super_store_unlock(struct dmr_system *sys, bool alone);

#endif /* DMR_SUPER_H */
