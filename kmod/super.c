// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writing superblocks (R3): the copies alternate, and a write that fails is in
 * doubt until one with a higher number has succeeded to the same copy.
 */
#include <linux/highmem.h>

#include "critical.h"
#include "home-flush.h"
#include "page-io.h"
#include "super.h"
#include "system.h"
#include "trace.h"

/**
 * dmr_super_init() - allocate memory for superblocks
 * @sys: a new system.
 *
 * Return: 0 or -ENOMEM; dmr_super_exit() is due in either case.
 */
int dmr_super_init(struct dmr_system *sys)
{
	u32 i;

	sema_init(&sys->super.store_sem, 1);
	sys->sb = kvzalloc(sizeof(*sys->sb), GFP_KERNEL);
	sys->super.draft = kvzalloc(sizeof(*sys->super.draft), GFP_KERNEL);
	sys->super.scratch = kvzalloc(sizeof(*sys->super.scratch), GFP_KERNEL);
	sys->super.spare = kvzalloc(sizeof(*sys->super.spare), GFP_KERNEL);
	RCU_INIT_POINTER(sys->super.shown, kvzalloc(sizeof(*sys->super.spare), GFP_KERNEL));
	if (!sys->sb || !sys->super.draft || !sys->super.scratch || !sys->super.spare ||
	    !rcu_access_pointer(sys->super.shown))
		return -ENOMEM;
	sys->super.buf = vzalloc(DMR_SB_MAX);
	if (!sys->super.buf)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(sys->super.pages); i++)
		sys->super.pages[i] = vmalloc_to_page(sys->super.buf + i * DMR_BLOCK_SIZE);
	return 0;
}

/** dmr_super_exit() - free the memory of dmr_super_init() */
void dmr_super_exit(struct dmr_system *sys)
{
	vfree(sys->super.buf);
	kvfree(rcu_access_pointer(sys->super.shown));
	kvfree(sys->super.spare);
	kvfree(sys->super.scratch);
	kvfree(sys->super.draft);
	kvfree(sys->sb);
}

/**
 * dmr_super_show() - publish the superblock in force to readers
 * @sys: the system; sb_mutex is held.
 *
 * This must not fail, since the superblock is durable: one object is always spare.
 * Without memory for the next spare one, wait until the replaced object can be used
 * again.
 *
 * Context: may sleep.
 */
void dmr_super_show(struct dmr_system *sys)
{
	struct dmr_shown *new = sys->super.spare, *old;

	lockdep_assert_held(&sys->sb_mutex);
	old = rcu_dereference_protected(sys->super.shown, lockdep_is_held(&sys->sb_mutex));
	memcpy(&new->sb, sys->sb, sizeof(new->sb));
	rcu_assign_pointer(sys->super.shown, new);
	sys->super.spare = kvmalloc(sizeof(*new), GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN);
	if (sys->super.spare) {
		kvfree_rcu(old, rcu);
		return;
	}
	synchronize_rcu();
	sys->super.spare = old;
}

static int dmr_super_put(struct dmr_system *sys, const struct dmr_sb *sb, const char *why)
{
	u32 bytes = dmr_sb_encode(sb, sys->super.buf);
	int r;

	flush_kernel_vmap_range(sys->super.buf, bytes);
	r = dmr_page_io_pages(sys, sys->store, sb->copy * (DMR_SB_AREA >> SECTOR_SHIFT),
			      sys->super.pages, bytes / DMR_BLOCK_SIZE,
			      REQ_OP_WRITE | REQ_META | REQ_FUA);
	atomic64_inc(&sys->super.writes);
	trace_dmr_superblock(sys->sb->name, sb->seq, sb->copy, sb->state, why, r);
	return r;
}

/* Fill in the log's place from memory, since the log moves between superblocks. */
static void dmr_super_log(struct dmr_system *sys, struct dmr_sb *sb)
{
	sb->log_durable = READ_ONCE(sys->log.room.durable);
	sb->log_tail = sys->log.room.sb_tail;
}

/**
 * dmr_super_store_lock() - exclude other flushes of the store
 * @sys: the system.
 *
 * R6, R9: called before a flush of the store, or a write with a flush behind it.  If the
 * device has no FUA, the flush behind a superblock may report a loss, and the log
 * commit's flush after it succeed, or the reverse.  So only one of them is in flight at a
 * time, and the next begins when its result is known.
 *
 * Context: may sleep; inside sb_mutex, if that is held.
 * Return: argument for dmr_super_store_unlock(): true if the lock was necessary.
 */
bool dmr_super_store_lock(struct dmr_system *sys)
{
	bool alone = !dmr_fua_is_native(sys->store);

	if (alone)
		down(&sys->super.store_sem);
	return alone;
}

/**
 * dmr_super_store_trylock() - dmr_super_store_lock() without a wait
 * @sys: the system.
 * @alone: argument of dmr_super_store_unlock(), set here.
 *
 * Context: any.
 * Return: false if it is held, or awaited.
 */
bool dmr_super_store_trylock(struct dmr_system *sys, bool *alone)
{
	*alone = !dmr_fua_is_native(sys->store);
	return !*alone || !down_trylock(&sys->super.store_sem);
}

/** dmr_super_store_unlock() - undo dmr_super_store_lock(), in any context */
void dmr_super_store_unlock(struct dmr_system *sys, bool alone)
{
	if (alone)
		up(&sys->super.store_sem);
}

/*
 * May a failed superblock write have lost other writes? For a device without FUA the
 * kernel sends a flush behind the write, and that flush may have failed.  No other flush
 * was in flight, see dmr_super_store_lock(): writes that had ended before are still
 * marked in store_dirty, and writes in flight are still in their grace section.
 */
static bool dmr_super_may_have_lost(struct dmr_system *sys)
{
	bool idle;

	if (dmr_fua_is_native(sys->store))
		return false;
	idle = dmr_grace_idle(&sys->grace) && !READ_ONCE(sys->super.blanking);
	/* store_dirty first: pairs with dmr_grace_leave(), and with grow.c, which clears blanking. */
	smp_rmb();
	return !idle || READ_ONCE(sys->super.store_dirty);
}

/* Durable: log blocks refer to it from here on. */
static void dmr_super_in_force(struct dmr_system *sys, const struct dmr_sb *sb)
{
	memcpy(sys->sb, sb, sizeof(*sb));
	WRITE_ONCE(sys->super.seq, sb->seq);
}

/*
 * R3: what could not be read back is never written.  A store may come with a counter near
 * its limit; and no mistake of ours is to cost a store.
 */
static bool dmr_super_readable(struct dmr_system *sys, struct dmr_sb *sb)
{
	const char *why;

	sb->seq++;	/* of the one that would take it back */
	why = dmr_sb_validate(sb);
	sb->seq--;
	if (why)
		DMERR_LIMIT("%s: no superblock is written that could not be read: %s",
			    sys->sb->name, why);
	return !why;
}

static int dmr_super_try(struct dmr_system *sys, const struct dmr_sb *next, const char *why)
{
	struct dmr_sb *sb = sys->super.scratch;
	u32 copy = !sys->sb->copy;
	bool lost;
	int r;

	if (READ_ONCE(sys->critical))
		return -EREMOTEIO;

	memcpy(sb, next, sizeof(*sb));
	sb->seq = sys->sb->seq + 1;
	sb->copy = copy;
	dmr_super_log(sys, sb);
	if (!dmr_super_readable(sys, sb))
		return -EIO;
	r = dmr_super_put(sys, sb, why);
	if (!r) {
		sys->super.copy_state[copy] = sb->state_number;
		dmr_super_in_force(sys, sb);
		if (next != sys->sb)	/* a new state, not the tail or the other copy */
			dmr_super_show(sys);
		return 0;
	}

	/* R3: in doubt: write the old state over the same copy, never over the good one. */
	DMERR("%s: superblock write failed (%d), taking it back", sys->sb->name, r);
	lost = dmr_super_may_have_lost(sys);
	if (lost)	/* before a later flush of the store succeeds */
		dmr_critical(sys, "the flush behind a superblock may have failed");
	memcpy(sb, sys->sb, sizeof(*sb));
	sb->seq = sys->sb->seq + 2;
	sb->copy = copy;
	dmr_super_log(sys, sb);
	r = dmr_super_put(sys, sb, "take back");
	if (!r) {
		sys->super.copy_state[copy] = sb->state_number;
		dmr_super_in_force(sys, sb);
		return lost ? -EREMOTEIO : -EIO;
	}
	sys->super.copy_state[copy] = ~0ULL;
	dmr_critical(sys, "a superblock could not be written");
	return -EREMOTEIO;
}

/**
 * dmr_super_write() - make a superblock durable
 * @sys: the system; sb_mutex is held.
 * @next: the new state; sequence, copy and the log's place are filled in.
 * @why: reason for the tracepoint, constant.
 *
 * On success sys->sb has the new state.  On failure the old state has been written to the
 * same copy under a higher number, so that the failed write cannot take effect later
 * (R3).  If that fails too, or if the flush behind the write may have lost other writes
 * (R9), the system is Critical.
 *
 * Context: may sleep.
 * Return: 0; -EIO: nothing has changed; -EREMOTEIO: the outcome is unknown.
 */
int dmr_super_write(struct dmr_system *sys, const struct dmr_sb *next, const char *why)
{
	bool alone;
	int r;

	lockdep_assert_held(&sys->sb_mutex);
	alone = dmr_super_store_lock(sys);
	r = dmr_super_try(sys, next, why);
	dmr_super_store_unlock(sys, alone);
	return r;
}

/**
 * dmr_super_commit() - decide an operation by one superblock write
 * @sys: the system; op_mutex is held.
 * @draft: the new state.
 * @why: reason for the tracepoint.
 *
 * Context: may sleep; takes sb_mutex.
 * Return: as dmr_super_write().
 */
int dmr_super_commit(struct dmr_system *sys, const struct dmr_sb *draft, const char *why)
{
	int r;

	lockdep_assert_held(&sys->op_mutex);
	mutex_lock(&sys->sb_mutex);
	r = dmr_super_write(sys, draft, why);
	mutex_unlock(&sys->sb_mutex);
	return r;
}

/**
 * dmr_super_sync_copies() - write the state in force to the other copy
 * @sys: the system.
 *
 * R3: before old content is destroyed because of an edit, both copies have the edit, so
 * that the loss of one copy does not undo it.
 *
 * Context: may sleep; takes sb_mutex.
 * Return: 0 or as dmr_super_write().
 */
int dmr_super_sync_copies(struct dmr_system *sys)
{
	int r = 0;

	mutex_lock(&sys->sb_mutex);
	if (sys->super.copy_state[0] != sys->sb->state_number ||
	    sys->super.copy_state[1] != sys->sb->state_number)
		r = dmr_super_write(sys, sys->sb, "sync copies");
	mutex_unlock(&sys->sb_mutex);
	return r;
}

/**
 * dmr_super_move_tail() - release the log before a block
 * @sys: the system.
 * @tail: first block that is still needed; live records before it have been copied to the
 * head, and are durable (R7).
 *
 * Context: may sleep; takes sb_mutex; from the flush worker.
 * Return: as dmr_super_write().
 */
int dmr_super_move_tail(struct dmr_system *sys, u64 tail)
{
	int r;

	mutex_lock(&sys->sb_mutex);
	/* dmr_log_room_free() reads it without a lock. */
	WRITE_ONCE(sys->log.room.sb_tail, tail);
	r = dmr_super_write(sys, sys->sb, "tail");
	/* A superblock that was taken back has the new tail, too. */
	WRITE_ONCE(sys->log.room.sb_tail, sys->sb->log_tail);
	mutex_unlock(&sys->sb_mutex);
	return r;
}
