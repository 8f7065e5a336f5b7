// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving home (R5): copy blocks that no point needs in a slot to home, so that in the end
 * home alone holds the disk.
 *
 * A batch: mark the chunks' versions, wait until all writes that have not seen the marks
 * have ended, copy, flush the homes, record the drops, and when the drops are durable
 * remove the versions from the map.  Writes go on: one to a chunk being copied goes to its
 * slot and clears the mark, which cancels the move; one after the drop takes a new slot.
 * After several cancelled moves the chunk is held while it is copied, one chunk at a time:
 * otherwise a busy guest could keep a job from completing.
 *
 * The copying itself is dm-kcopyd's.
 *
 * DOC: a primary's blocks wait for points to come
 *
 * With a point each second, of which the one before goes, every block would be written twice:
 * to its slot, and home as soon as the next point is the oldest.  Where the machine writes a
 * block again and again, the first of these versions is dead a point later.  So of a primary
 * only what no write has replaced for DMR_WAIT_POINTS points goes home: it is older than the
 * oldest point by as many, by the numbers of epochs, of which each point takes two at least.
 * A version that is superseded before it has waited for that long is never copied.
 *
 * The wait costs slots, so it ends where space is low, as it ends with the last point.
 */
#include <linux/delay.h>
#include <linux/dm-kcopyd.h>
#include <linux/hash.h>
#include <linux/sort.h>

#include "adapt.h"
#include "flush.h"
#include "home-flush.h"
#include "mover.h"
#include "log.h"
#include "move-job.h"
#include "park.h"
#include "system.h"
#include "vacuum.h"

#define DMR_MOVE_WINDOW		16384	/* chunks, next by place, that one search finds */
#define DMR_MOVE_KEYS		(2 * DMR_MOVE_WINDOW)
#define DMR_MOVE_BUCKETS	4096	/* buckets searched in one grace section */
#define DMR_MOVE_BATCH		256	/* chunks that share two barriers */
#define DMR_MOVE_PATIENCE	3	/* cancelled moves before a chunk is held */
#define DMR_MOVE_RUN		2048	/* sectors of one copy */
#define DMR_MOVE_CHAIN		(DMR_MAX_POINTS + 4)
#define DMR_MOVE_HOLD		(HZ / 20)	/* limit of a hold's wait for writes of its chunk */
#define DMR_MOVE_HOLD_AGAIN	(5 * HZ)	/* pause of holds after one that failed */
#define DMR_WAIT_POINTS		3	/* points for which a primary's blocks wait */

struct dmr_mover;

struct dmr_move {
	struct dmr_mover *m;
	u64 key;
	u64 mask;		/* blocks that go home */
	u32 top;		/* newest epoch of the versions */
	u32 span;		/* moves copied together with this one */
	int error;		/* set by the copy */
	bool ok;
};

/* A copy that grows while both source and destination are contiguous. */
struct dmr_copy {
	struct dmr_disk *disk;	/* NULL: no copy */
	sector_t from;
	sector_t to;
	sector_t count;
	u32 move;		/* the first move that it is for, and the last */
	u32 last;
};

struct dmr_mover {
	struct dmr_system *sys;
	const struct dmr_need *need;
	u64 serial;			/* of the views that it works under */
	u32 base;			/* main epochs up to this one go home */
	u32 busy;			/* state bits that prevent a move; 0 for a held chunk */
	int flushed[DMR_MAX_DISKS];	/* dmr_home_flush.errors before the copies */
	atomic_t copies;		/* in flight, and one for their submitter */
	struct completion copied;
	struct dmr_copy copy;
	u64 errors;
	struct dmr_move moves[DMR_MOVE_BATCH];
	union {
		struct dmr_version *chain[DMR_MOVE_CHAIN];
		struct dmr_version **links[DMR_MOVE_CHAIN];	/* to those of a chain */
	};
	u64 keys[DMR_MOVE_KEYS];
	u32 nr;				/* keys of the present window, and how many are done */
	u32 done;
	u64 start;			/* place of the first batch */
	u64 until;			/* the run ends there */
	u64 rate;			/* of @paused */
	unsigned long paused;		/* jiffies: no batch before, at this rate */
	u64 bytes;			/* moved by the last batch */
	u64 moved;			/* versions freed */
	bool skipped;			/* busy chunks are left for another pass */
	bool stale;			/* other views are in force: dmr_mover_views() is due */
	bool hold;			/* a job waits: hold a chunk with cancelled moves */
};

static bool dmr_move_group(struct dmr_mover *m, const struct dmr_version *v)
{
	return v->epoch <= m->base &&
	       dmr_epoch_is_main(m->need->promoted, m->need->dead_first, m->need->dead_last,
				 v->epoch);
}

/* Collect the versions of a chunk to move, newest first; the chunk's lock is held. */
static u32 dmr_move_chain(struct dmr_mover *m, u64 key, u32 with, u32 without)
{
	struct dmr_version *v;
	u32 nr = 0, state;

	dmr_assert_chunk_locked(m->sys, key);
	for (v = dmr_map_first(&m->sys->map, key); v; v = dmr_map_next(v)) {
		if (!dmr_move_group(m, v))
			continue;
		if (nr == DMR_MOVE_CHAIN) {
			m->skipped = true;
			return 0;
		}
		state = atomic_read(&v->state);
		if ((state & without) || (state & with) != with) {
			m->skipped = true;
			return 0;
		}
		m->chain[nr++] = v;
	}
	return nr;
}

static u8 *dmr_move_cancels(struct dmr_system *sys, u64 key)
{
	return &sys->vacuum.cancels[hash_64(key, ilog2(DMR_CANCEL_SLOTS))];
}

/* Count a move cancelled by a write.  Chunks that share a counter are held sooner. */
static void dmr_move_cancelled(struct dmr_mover *m, u64 key)
{
	u8 *cancels = dmr_move_cancels(m->sys, key);

	m->skipped = true;
	if (*cancels < DMR_MOVE_PATIENCE)
		(*cancels)++;
}

/* Set flags of a chunk's versions, if they have @with and can be moved.  Return: false if not. */
static bool dmr_move_flag(struct dmr_mover *m, u64 key, u32 with, u32 set)
{
	struct dmr_system *sys = m->sys;
	spinlock_t *lock = dmr_map_lock(&sys->map, key);
	unsigned long flags;
	u32 nr, i;

	spin_lock_irqsave(lock, flags);
	nr = dmr_move_chain(m, key, with, DMR_V_BUSY | DMR_V_MOVING | DMR_V_DROPPED);
	if (nr && (set & DMR_V_HELD))
		WRITE_ONCE(sys->map.held, key);
	for (i = 0; i < nr; i++)
		atomic_or(set, &m->chain[i]->state);
	spin_unlock_irqrestore(lock, flags);
	return nr;
}

/* Are writes in flight to a chunk's versions? */
static bool dmr_move_written(struct dmr_mover *m, u64 key)
{
	struct dmr_system *sys = m->sys;
	spinlock_t *lock = dmr_map_lock(&sys->map, key);
	struct dmr_version *v;
	unsigned long flags;
	bool written = false;

	spin_lock_irqsave(lock, flags);
	for (v = dmr_map_first(&sys->map, key); v; v = dmr_map_next(v))
		written |= dmr_move_group(m, v) && (atomic_read(&v->state) & DMR_V_WRITERS);
	spin_unlock_irqrestore(lock, flags);
	return written;
}

/*
 * Hold a chunk: park new writes until dmr_move_release(), and wait until the writes in
 * flight have ended and their records are durable.
 *
 * Hits are not counted: only a grace period shows their end, for which all I/O of the
 * system has to end.  No write may wait for that.  So have hits to this chunk counted
 * first, and let the grace period pass; then the hold waits for writes of the chunk alone.
 * R5: a version that has come meanwhile may have hits that were not counted.
 */
static bool dmr_move_hold(struct dmr_mover *m, u64 key)
{
	struct dmr_system *sys = m->sys;
	unsigned long limit;

	if (!dmr_move_flag(m, key, 0, DMR_V_COUNTED))
		return false;
	dmr_grace_wait(&sys->grace, 0);
	/* A merge may own the chunk; between two of them it can be held. */
	limit = jiffies + DMR_MOVE_HOLD;
	while (!dmr_move_flag(m, key, DMR_V_COUNTED, DMR_V_BUSY | DMR_V_HELD)) {
		if (time_after(jiffies, limit))
			return false;
		usleep_range(50, 200);
	}
	m->busy = 0;
	limit = jiffies + DMR_MOVE_HOLD;
	while (dmr_move_written(m, key)) {
		if (time_after(jiffies, limit)) {
			sys->vacuum.hold_again = jiffies + DMR_MOVE_HOLD_AGAIN;
			return false;
		}
		usleep_range(50, 200);
	}
	dmr_flush_sync(sys, false);	/* if it fails, no version is marked */
	return true;
}

static void dmr_move_release(struct dmr_mover *m, u64 key, bool waited)
{
	struct dmr_system *sys = m->sys;
	spinlock_t *lock = dmr_map_lock(&sys->map, key);
	struct dmr_version *v;
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	WRITE_ONCE(sys->map.held, DMR_KEY_NONE);
	for (v = dmr_map_first(&sys->map, key); v; v = dmr_map_next(v)) {
		atomic_andnot(DMR_V_COUNTED, &v->state);
		if (!(atomic_read(&v->state) & DMR_V_HELD))
			continue;
		waited |= atomic_read(&v->state) & DMR_V_WAITED;
		atomic_andnot(DMR_V_HELD | DMR_V_BUSY | DMR_V_WAITED, &v->state);
	}
	spin_unlock_irqrestore(lock, flags);
	m->busy = DMR_V_BUSY;
	if (waited)
		dmr_park_wake_chunk(sys, key);
}

/* Mark the versions of a chunk.  Return: false if it has none, is busy, or views have changed. */
static bool dmr_move_mark(struct dmr_mover *m, struct dmr_move *mv)
{
	struct dmr_system *sys = m->sys;
	spinlock_t *lock = dmr_map_lock(&sys->map, mv->key);
	u32 side = dmr_grace_enter(&sys->grace), nr = 0, i;
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	/* @need is that of older views: see dmr_pass_sweep(). */
	m->stale |= dmr_views_get(sys)->serial != m->serial;
	if (!m->stale)
		nr = dmr_move_chain(m, mv->key, 0, DMR_V_DIRTY | m->busy | DMR_V_WRITERS |
				    DMR_V_MOVING | DMR_V_DROPPED);
	mv->mask = 0;
	for (i = 0; i < nr; i++) {
		mv->mask |= m->chain[i]->data | m->chain[i]->zero;
		atomic_or(DMR_V_MOVING, &m->chain[i]->state);
	}
	if (nr)
		mv->top = m->chain[0]->epoch;
	spin_unlock_irqrestore(lock, flags);
	dmr_grace_leave(&sys->grace, side);
	return nr;
}

static void dmr_move_unmark(struct dmr_mover *m, struct dmr_move *mv)
{
	spinlock_t *lock = dmr_map_lock(&m->sys->map, mv->key);
	struct dmr_version *v;
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	for (v = dmr_map_first(&m->sys->map, mv->key); v; v = dmr_map_next(v))
		if (dmr_move_group(m, v))
			atomic_andnot(DMR_V_MOVING, &v->state);
	spin_unlock_irqrestore(lock, flags);
	mv->ok = false;
}

static void dmr_copy_done(struct dmr_mover *m)
{
	if (atomic_dec_and_test(&m->copies))
		complete(&m->copied);
}

static void dmr_copy_ended(int read_err, unsigned long write_err, void *context)
{
	struct dmr_move *mv = context;
	u32 i;

	/* Mark all moves of the copy; dmr_move_copies() tries each again on its own. */
	if (unlikely(read_err || write_err))
		for (i = 0; i < READ_ONCE(mv->span); i++)
			WRITE_ONCE(mv[i].error, -EIO);
	dmr_copy_done(mv->m);
}

static void dmr_copy_start(struct dmr_mover *m)
{
	struct dmr_copy *c = &m->copy;
	struct dmr_move *mv = &m->moves[c->move];
	struct dm_io_region from, to;

	if (!c->disk)
		return;
	from.bdev = m->sys->store;
	from.sector = c->from;
	from.count = c->count;
	to.bdev = c->disk->home;
	to.sector = c->to;
	to.count = c->count;
	WRITE_ONCE(mv->span, max(mv->span, c->last - c->move + 1));
	atomic_inc(&m->copies);
	dm_kcopyd_copy(m->sys->vacuum.kcopyd, &from, 1, &to, 0, dmr_copy_ended, mv);
	c->disk = NULL;
}

/* Copy a run of blocks with one source. */
static int dmr_move_run(struct dmr_mover *m, u32 move, struct dmr_disk *disk, u64 sector,
			u32 blocks, const struct dmr_source *src, u32 offset)
{
	struct dmr_system *sys = m->sys;
	/* The last block of a disk may be short. */
	u64 end = min(sector + blocks * DMR_BLOCK_SECTORS, disk->info->sectors);
	sector_t from = ((u64)src->slot << sys->chunk_shift) + offset;
	struct dmr_copy *c = &m->copy;

	if (src->kind == DMR_SRC_ZERO)
		return blkdev_issue_zeroout(disk->home, sector, end - sector, GFP_NOIO, 0);
	if (c->disk != disk || c->to + c->count != sector || c->from + c->count != from ||
	    c->count + end - sector > DMR_MOVE_RUN) {
		dmr_copy_start(m);
		c->disk = disk;
		c->from = from;
		c->to = sector;
		c->count = 0;
		c->move = move;
	}
	c->count += end - sector;
	c->last = move;
	dmr_fingerprint_note(&disk->fingerprint, sector / DMR_BLOCK_SECTORS);
	return 0;
}

/* Start the copies of one chunk. */
static void dmr_move_copy(struct dmr_mover *m, u32 move)
{
	struct dmr_system *sys = m->sys;
	struct dmr_move *mv = &m->moves[move];
	struct dmr_disk *disk = &sys->disks[dmr_key_disk(mv->key)];
	const struct dmr_view view = {
		.base = m->base,
		.promoted = m->need->promoted,
		.dead_first = m->need->dead_first,
		.dead_last = m->need->dead_last,
	};
	u64 sector = dmr_key_chunk(mv->key) << sys->chunk_shift, left = mv->mask;
	struct dmr_source src;
	u32 b, run;
	int r = 0;

	/* The versions stay valid: only the mover frees marked ones. */
	while (left && !r) {
		b = __ffs64(left);
		run = ~(left >> b) ? __ffs64(~(left >> b)) : 64 - b;
		run = dmr_map_resolve(&sys->map, &view, mv->key, b, run, &src);
		if (src.kind == DMR_SRC_HOME)
			r = -EAGAIN;
		else
			r = dmr_move_run(m, move, disk, sector + b * DMR_BLOCK_SECTORS, run, &src,
					 b * DMR_BLOCK_SECTORS);
		left &= ~dmr_block_mask(b, run);
	}
	if (r)
		WRITE_ONCE(mv->error, r);
}

static void dmr_move_failed(struct dmr_mover *m, const struct dmr_move *mv)
{
	struct dmr_disk *disk = &m->sys->disks[dmr_key_disk(mv->key)];

	m->errors++;
	atomic64_inc(&disk->errors);
	DMERR_LIMIT("%s: disk %s: chunk %llu could not be moved home (%d)", m->sys->sb->name,
		    disk->info->name, dmr_key_chunk(mv->key), mv->error);
}

/* Copy moves @from to @end, and wait for it. */
static void dmr_move_copy_range(struct dmr_mover *m, u32 from, u32 end)
{
	struct blk_plug plug;
	u32 i;

	atomic_set(&m->copies, 1);
	reinit_completion(&m->copied);
	m->copy.disk = NULL;
	blk_start_plug(&plug);
	for (i = from; i < end; i++)
		dmr_move_copy(m, i);
	dmr_copy_start(m);
	blk_finish_plug(&plug);
	dmr_copy_done(m);
	wait_for_completion(&m->copied);
	/* After the copies: a flush issued during them does not cover them (R5). */
	for (i = from; i < end; i++)
		dmr_home_flush_due(&m->sys->disks[dmr_key_disk(m->moves[i].key)]);
}

static void dmr_move_copies(struct dmr_mover *m, u32 nr)
{
	u32 i;

	dmr_move_copy_range(m, 0, nr);
	for (i = 0; i < nr; i++) {
		struct dmr_move *mv = &m->moves[i];

		if (!mv->error)
			continue;
		/* R9: a bad sector keeps its own chunk in the store, not its neighbours. */
		if (nr > 1) {
			mv->error = 0;
			mv->span = 0;
			dmr_move_copy_range(m, i, i + 1);
		}
		if (mv->error) {
			dmr_move_failed(m, mv);
			dmr_move_unmark(m, mv);
		}
	}
}

/*
 * Begin with the newest version: writes hit the current epoch only, so a writer can clear
 * only that version's mark.
 */
static bool dmr_move_drop(struct dmr_mover *m, struct dmr_move *mv, struct dmr_drop *drop)
{
	struct dmr_system *sys = m->sys;
	spinlock_t *lock = dmr_map_lock(&sys->map, mv->key);
	unsigned long flags;
	u32 nr, i;
	int state;
	bool ok = false;

	spin_lock_irqsave(lock, flags);
	nr = dmr_move_chain(m, mv->key, DMR_V_MOVING, DMR_V_DIRTY | m->busy | DMR_V_WRITERS |
			    DMR_V_DROPPED);
	if (!nr || m->chain[0]->epoch != mv->top)
		goto out;
	for (i = 0; i < nr; i++) {
		state = atomic_read(&m->chain[i]->state);
		if (!(state & DMR_V_MOVING) ||
		    !atomic_try_cmpxchg(&m->chain[i]->state, &state,
					(state & ~DMR_V_MOVING) | DMR_V_DROPPED)) {
			if (WARN_ON_ONCE(i))
				DMERR("%s: a closed epoch was written", sys->sb->name);
			goto out;
		}
	}
	memset(&drop->rec, 0, sizeof(drop->rec));
	drop->rec.type = DMR_RECORD_DROP;
	drop->rec.disk = dmr_key_disk(mv->key);
	drop->rec.chunk = dmr_key_chunk(mv->key);
	drop->rec.epoch = mv->top;
	drop->rec.slot = DMR_SLOT_NONE_40;
	drop->rec.data = mv->mask;
	dmr_log_drop(sys, drop);
	ok = true;
out:
	spin_unlock_irqrestore(lock, flags);
	return ok;
}

/*
 * Remove versions from the map, oldest first, so that no reader finds an older block in
 * place of a newer one.  Set *@waited if a bio is parked because of one of them.
 */
static struct dmr_version *dmr_move_unlink(struct dmr_mover *m, struct dmr_move *mv,
					   struct dmr_version *garbage, bool *waited)
{
	struct dmr_system *sys = m->sys;
	spinlock_t *lock = dmr_map_lock(&sys->map, mv->key);
	struct dmr_version *v, **link;
	unsigned long flags;
	u32 nr = 0;

	spin_lock_irqsave(lock, flags);
	for (link = dmr_map_link(&sys->map, mv->key); (v = *link) && v->key == mv->key;
	     link = &v->next)
		if ((atomic_read(&v->state) & DMR_V_DROPPED) && nr < DMR_MOVE_CHAIN)
			m->links[nr++] = link;
	while (nr--) {
		v = *m->links[nr];
		*waited |= atomic_read(&v->state) & DMR_V_WAITED;
		dmr_map_cut(&sys->map, m->links[nr]);
		v->dirty.next = garbage ? &garbage->dirty : NULL;
		garbage = v;
		m->moved++;
	}
	spin_unlock_irqrestore(lock, flags);
	return garbage;
}

/*
 * R5: flush the homes of the copies.  A failed flush for another source may have lost the
 * copies, since the device reports a loss once.
 */
static int dmr_move_flush(struct dmr_mover *m, u32 nr)
{
	struct dmr_system *sys = m->sys;
	u32 i, d, last = U32_MAX;
	int r = 0;

	for (i = 0; i < nr && !r; i++) {
		d = dmr_key_disk(m->moves[i].key);
		if (d == last)
			continue; /* moves are sorted by disk */
		last = d;
		r = dmr_home_flush(&sys->disks[d]);
		if (!r && atomic_read(&sys->disks[d].flush.errors) != m->flushed[d])
			r = -EIO;
	}
	return r;
}

static int dmr_move_batch(struct dmr_mover *m, const u64 *keys, u32 count, bool held)
{
	struct dmr_system *sys = m->sys;
	struct dmr_version *garbage = NULL, *v;
	u64 bytes = 0;
	u32 nr = 0, dropped = 0, i;
	struct dmr_drop *drop;
	bool waited = false, busy;
	int r;

	for (i = 0; i < sys->sb->nr_disks; i++)
		m->flushed[i] = atomic_read(&sys->disks[i].flush.errors);
	for (i = 0; i < count; i++) {
		struct dmr_move *mv = &m->moves[nr];

		memset(mv, 0, sizeof(*mv));
		mv->m = m;
		mv->key = keys[i];
		/* Its home before that: pairs with dmr_attach_bind(). */
		if (!smp_load_acquire(&sys->disks[dmr_key_disk(mv->key)].movable))
			continue;
		busy = m->skipped;
		m->skipped = false;
		mv->ok = dmr_move_mark(m, mv);
		if (mv->ok)
			nr++;
		else if (m->skipped)
			dmr_move_cancelled(m, mv->key);
		m->skipped |= busy;
		if (m->stale)
			break;
	}
	if (!nr)
		return 0;
	/* A held chunk has no writer that may have missed the mark. */
	if (!held)
		dmr_grace_wait(&sys->grace, 0);
	dmr_move_copies(m, nr);
	/* A failed flush of a home voids the whole batch. */
	r = dmr_move_flush(m, nr);
	for (i = 0; i < nr; i++) {
		if (!m->moves[i].ok)
			continue;
		drop = r ? NULL : kmalloc(sizeof(*drop), GFP_NOIO);
		if (drop && dmr_move_drop(m, &m->moves[i], drop)) {
			*dmr_move_cancels(sys, m->moves[i].key) = 0;
			bytes += (u64)hweight64(m->moves[i].mask) << DMR_BLOCK_SHIFT;
			dropped++;
			continue;
		}
		kfree(drop);
		if (!r)
			dmr_move_cancelled(m, m->moves[i].key);
		else
			m->errors++;
		dmr_move_unmark(m, &m->moves[i]);
	}
	if (dropped)
		r = dmr_flush_sync(sys, false);
	if (!dropped || r)
		return dropped ? r : 0;		/* Critical: nothing is freed */
	for (i = 0; i < nr; i++)
		if (m->moves[i].ok)
			garbage = dmr_move_unlink(m, &m->moves[i], garbage, &waited);
	if (held)
		dmr_move_release(m, *keys, waited);
	dmr_grace_wait(&sys->grace, 0);		/* R4 */
	while ((v = garbage)) {
		garbage = dmr_garbage_next(v);
		if (v->slot != DMR_SLOT_NONE)
			dmr_slots_free(&sys->slots, v->slot);
		mempool_free(v, sys->versions.pool);
	}
	dmr_move_job_progress(sys, bytes);
	m->bytes = bytes;
	return 0;
}

/* Move as many of the keys as can go together; a chunk with cancelled moves goes alone. */
static s64 dmr_move_some(struct dmr_mover *m, const u64 *keys, u32 count)
{
	struct dmr_system *sys = m->sys;
	u64 rate = READ_ONCE(sys->vacuum.rate);
	bool hold = m->hold && time_after_eq(jiffies, sys->vacuum.hold_again);
	/* A rate that adapts has small batches beside a guest. */
	u64 bytes = rate != DMR_RATE_ADAPTS || !dmr_adapt_guest(&sys->adapt) ? rate >> 2 :
		    DMR_PACE_BYTES;
	/* Batches of a quarter of a second keep a rate smooth. */
	u32 most = clamp_t(u64, bytes >> (sys->chunk_shift + SECTOR_SHIFT), 1, DMR_MOVE_BATCH);
	u32 n = 0;
	int r;

	while (n < count && n < most &&
	       (!hold || *dmr_move_cancels(sys, keys[n]) < DMR_MOVE_PATIENCE))
		n++;
	if (n) {
		r = dmr_move_batch(m, keys, n, false);
		return r ? r : (s64)n;	/* not "r ?: n", whose type is unsigned */
	}
	r = 0;
	if (dmr_move_hold(m, *keys))
		r = dmr_move_batch(m, keys, 1, true);
	else
		m->skipped = true;
	dmr_move_release(m, *keys, false);
	return r ?: 1;
}

/* Return: the pause after a batch that took @ns, in jiffies. */
static unsigned long dmr_move_pause(const struct dmr_mover *m, u64 rate, u64 ns)
{
	if (rate == DMR_RATE_ADAPTS)
		return dmr_adapt_pause(&m->sys->adapt, ns);
	if (rate == DMR_UNLIMITED || !rate)
		return 0;
	return min_t(u64, div64_u64(m->bytes * HZ, rate), 60 * HZ);
}

static int dmr_key_compare(const void *a, const void *b)
{
	const u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Sort the keys; of too many keep the lowest.  Return: their number. */
static u32 dmr_move_lowest(struct dmr_mover *m, u32 nr)
{
	sort(m->keys, nr, sizeof(m->keys[0]), dmr_key_compare, NULL);
	return min_t(u32, nr, DMR_MOVE_WINDOW);
}

/*
 * Collect the lowest keys in [@from, @until) of chunks with blocks to move, in order.  The
 * map has them by hash, and no two neighbours would go home together in the order of the
 * hash: so look at all buckets for each window.
 *
 * Return: their number; less than DMR_MOVE_WINDOW: no other is left.
 */
static u32 dmr_move_collect(struct dmr_mover *m, u64 from, u64 until)
{
	struct dmr_system *sys = m->sys;
	u32 nr = 0, begun = 0, b = 0, end, side;
	struct dmr_version *v = NULL;
	u64 last;

	while (b < sys->map.nr_buckets) {
		end = min_t(u32, b + DMR_MOVE_BUCKETS, sys->map.nr_buckets);
		side = dmr_grace_enter(&sys->grace);
		for (; b < end; b++) {
			begun = nr;
			last = DMR_KEY_NONE;
			for (v = dmr_map_bucket_first(&sys->map, b); v; v = READ_ONCE(v->next)) {
				if (v->key < from || v->key >= until || v->key == last ||
				    !dmr_move_group(m, v))
					continue;
				if (nr == DMR_MOVE_KEYS)
					break;
				m->keys[nr++] = v->key;
				last = v->key;
			}
			if (v)
				break;
		}
		dmr_grace_leave(&sys->grace, side);
		cond_resched();
		if (!v)
			continue;
		/* Take this bucket again, unless it alone has that many. */
		if (begun > DMR_MOVE_WINDOW)
			nr = begun;
		else
			b++;
		nr = dmr_move_lowest(m, nr);
		until = m->keys[nr - 1];
	}
	return dmr_move_lowest(m, nr);
}

/* Count the bytes to move home; a block counts once, however many versions have it. */
static u64 dmr_move_left(struct dmr_mover *m)
{
	struct dmr_system *sys = m->sys;
	u64 blocks = 0, mask = 0, key = ~0ULL;
	struct dmr_version *v;
	u32 b, side;

	for (b = 0; b < sys->map.nr_buckets; b++) {
		if (!(b & 0xfff))
			cond_resched();
		if (!READ_ONCE(sys->map.buckets[b]))
			continue;
		side = dmr_grace_enter(&sys->grace);
		for (v = dmr_map_bucket_first(&sys->map, b); v; v = READ_ONCE(v->next)) {
			if (!dmr_move_group(m, v))
				continue;
			if (v->key != key) {
				blocks += hweight64(mask);
				mask = 0;
				key = v->key;
			}
			mask |= READ_ONCE(v->data) | READ_ONCE(v->zero);
		}
		dmr_grace_leave(&sys->grace, side);
	}
	return (blocks + hweight64(mask)) << DMR_BLOCK_SHIFT;
}

/* A job waits: hold chunks with cancelled moves, and show what is left. */
static void dmr_mover_job(struct dmr_mover *m)
{
	bool hold = dmr_move_job_running(m->sys);

	if (hold && !m->hold)
		dmr_move_job_counted(m->sys, dmr_move_left(m));
	m->hold = hold;
}

/**
 * dmr_mover_begin() - begin a run that moves home every chunk that can be moved now
 * @sys: the system.
 * @need: needs of points and overlays, as durable in both superblocks; valid until
 * dmr_mover_end(), and changed only before dmr_mover_views().
 * @serial: of the views that @need comes from.
 *
 * It begins where the last run ended, also if that was ended early.
 *
 * Context: the vacuum's step; may sleep.
 * Return: the mover, or NULL without memory.
 */
struct dmr_mover *dmr_mover_begin(struct dmr_system *sys, const struct dmr_need *need, u64 serial)
{
	struct dmr_mover *m = kvzalloc(sizeof(*m), GFP_KERNEL);

	if (!m)
		return NULL;
	m->sys = sys;
	m->need = need;
	m->busy = DMR_V_BUSY;
	init_completion(&m->copied);
	m->start = sys->vacuum.place;
	m->until = DMR_KEY_NONE;
	m->nr = DMR_MOVE_WINDOW;	/* no window yet: look for one */
	m->done = DMR_MOVE_WINDOW;
	m->paused = jiffies;
	dmr_mover_views(m, serial);
	return m;
}

/* Newest epoch that may go home: what the oldest point sees; without a point, all (R5). */
static u32 dmr_mover_base(const struct dmr_mover *m)
{
	const u32 low = DM_REPLICA_HEALTH_REASONS_LOW_SPACE | DM_REPLICA_HEALTH_REASONS_FULL;
	u32 oldest = m->need->nr ? m->need->epochs[0] : U32_MAX;

	if (!m->need->nr || !dmr_replication_primary(&m->sys->sb->replication) ||
	    READ_ONCE(m->sys->health) & low)
		return oldest;
	return oldest - min(oldest, 2u * DMR_WAIT_POINTS);
}

/**
 * dmr_mover_views() - go on under other views
 * @m: the mover; its needs are those of the views.
 * @serial: of the views.
 *
 * The keys that have been found stay: a chunk that may not go home any more has no version
 * to be marked.  What may go home only now waits for the next run.
 *
 * Context: the vacuum's step; may sleep.
 */
void dmr_mover_views(struct dmr_mover *m, u64 serial)
{
	m->serial = serial;
	m->stale = false;
	m->base = dmr_mover_base(m);
	dmr_mover_job(m);
}

/* Find the next window of keys.  Return: false at the end of the run. */
static bool dmr_mover_window(struct dmr_mover *m)
{
	u64 *place = &m->sys->vacuum.place;

	for (;;) {
		if (m->nr == DMR_MOVE_WINDOW) {
			m->done = 0;
			m->nr = dmr_move_collect(m, *place, m->until);
			if (m->nr)
				return true;
		}
		/* The end of the disks, or of what lies before the start. */
		*place = 0;
		if (!m->start || m->until == m->start)
			return false;
		m->until = m->start;
		m->nr = DMR_MOVE_WINDOW;
	}
}

/**
 * dmr_mover_step() - move a batch
 * @m: the mover.
 * @wait: set to the pause before the next step, in jiffies.
 *
 * Context: the vacuum's step; may sleep.
 * Return: 1, 0 at the end of the run, or a negative errno.
 */
int dmr_mover_step(struct dmr_mover *m, unsigned long *wait)
{
	struct dmr_system *sys = m->sys;
	u64 rate = READ_ONCE(sys->vacuum.rate), begun;
	s64 r;

	*wait = 0;
	if (rate == DMR_RATE_ADAPTS)
		dmr_adapt_begin(&sys->adapt);
	else
		dmr_adapt_end(&sys->adapt);
	/* A kick may have ended a pause early. */
	if (rate == m->rate && time_before(jiffies, m->paused)) {
		*wait = m->paused - jiffies;
		return 1;
	}
	if (m->done == m->nr && !dmr_mover_window(m))
		return 0;
	m->bytes = 0;
	begun = ktime_get_ns();
	dmr_adapt_batch(&sys->adapt);
	mutex_lock(&sys->vacuum.home_mutex);
	r = dmr_move_some(m, m->keys + m->done, m->nr - m->done);
	mutex_unlock(&sys->vacuum.home_mutex);
	dmr_adapt_batch(&sys->adapt);
	if (r < 0)
		return r;
	m->rate = rate;
	*wait = dmr_move_pause(m, rate, ktime_get_ns() - begun);
	m->paused = jiffies + *wait;
	if (m->stale)
		return 1;	/* those that are left come with the same keys again */
	m->done += r;
	sys->vacuum.place = m->keys[m->done - 1] + 1;
	return 1;
}

/** dmr_mover_result() - the result of the run so far */
void dmr_mover_result(const struct dmr_mover *m, struct dmr_moved *moved)
{
	moved->versions = m->moved;
	moved->errors = m->errors;
	moved->skipped = m->skipped;
}

/** dmr_mover_end() - free a mover, or NULL */
void dmr_mover_end(struct dmr_mover *m)
{
	if (m)
		dmr_adapt_end(&m->sys->adapt);
	kvfree(m);
}
