// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving home (R5): what no point needs in a slot is copied to where it belongs
 * on the plain device, so that in the end home alone holds the disk.
 *
 * A batch: mark the chunks' versions, wait until no write that did not see the
 * mark is left, copy, flush the homes, record the drops, and only when those
 * are durable take the versions out.  No write is held: one to a chunk being
 * copied goes to its slot and takes the mark away, one after the drop takes a
 * new slot.
 */
#include <linux/sort.h>

#include "dmr.h"
#include "trace.h"

#define DMR_MOVE_KEYS		4096	/* chunks looked up and sorted at a time */
#define DMR_MOVE_BATCH		64	/* chunks that share two barriers */
#define DMR_MOVE_CHAIN		(DMR_MAX_POINTS + 4)

struct dmr_move {
	u64 key;
	u64 mask;		/* blocks that go home */
	u32 top;		/* newest epoch of the group */
	bool ok;
};

struct dmr_mover {
	struct dmr_system *sys;
	const struct dmr_need *need;
	u64 serial;			/* of the table it works under */
	u32 base;			/* main epochs up to here go home */
	struct page *pages[DMR_MAX_CHUNK / DMR_BLOCK_SIZE];
	struct dmr_move moves[DMR_MOVE_BATCH];
	struct dmr_version *chain[DMR_MOVE_CHAIN];
	u64 keys[DMR_MOVE_KEYS];
	u64 moved;			/* versions gone */
	bool skipped;			/* something was busy: worth another pass */
};

static bool dmr_move_group(struct dmr_mover *m, const struct dmr_version *v)
{
	return v->epoch <= m->base &&
	       dmr_epoch_is_main(m->need->promoted, m->need->dead_first, m->need->dead_last,
				 v->epoch);
}

/* The versions of a chunk that would go, newest first; the chunk's lock is held. */
static u32 dmr_move_chain(struct dmr_mover *m, u64 key, u32 with, u32 without)
{
	struct dmr_version *v;
	u32 nr = 0, state;

	for (v = dmr_map_first(&m->sys->map, key); v; v = dmr_map_next(v)) {
		if (!dmr_move_group(m, v))
			continue;
		if (nr == DMR_MOVE_CHAIN)
			return 0;
		state = atomic_read(&v->state);
		if ((state & without) || (state & with) != with) {
			m->skipped = true;
			return 0;
		}
		m->chain[nr++] = v;
	}
	return nr;
}

static bool dmr_move_mark(struct dmr_mover *m, struct dmr_move *mv)
{
	struct dmr_system *sys = m->sys;
	spinlock_t *lock = dmr_map_lock(&sys->map, mv->key);
	u32 side = dmr_grace_enter(&sys->grace), nr = 0, i;
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	/* What a newer table needs is not known here: see dmr_pass_sweep(). */
	if (dmr_table_get(sys)->serial == m->serial)
		nr = dmr_move_chain(m, mv->key, 0, DMR_V_DIRTY | DMR_V_BUSY | DMR_V_WRITERS |
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

/* One run of blocks with one source. */
static int dmr_move_run(struct dmr_mover *m, struct dmr_disk *disk, u64 sector, u32 blocks,
			const struct dmr_source *src, u32 offset)
{
	struct dmr_system *sys = m->sys;
	u64 end = sector + blocks * DMR_BLOCK_SECTORS, size = disk->info->sectors;
	u32 whole = blocks, i;
	int r = 0;

	if (src->kind == DMR_SRC_ZERO)
		return blkdev_issue_zeroout(disk->home, sector, min(end, size) - sector,
					    GFP_NOIO, 0);
	if (end > size)
		whole--;		/* the last block of a disk may be short */
	if (whole) {
		r = dmr_rw_pages(sys, sys->store, ((u64)src->slot << sys->chunk_shift) + offset,
				 m->pages, whole, REQ_OP_READ);
		if (!r)
			r = dmr_rw_pages(sys, disk->home, sector, m->pages, whole, REQ_OP_WRITE);
	}
	if (!r && whole < blocks) {
		i = whole * DMR_BLOCK_SECTORS;
		r = dmr_rw_sectors(sys, sys->store,
				   ((u64)src->slot << sys->chunk_shift) + offset + i, m->pages[0],
				   0, (size - sector - i) << SECTOR_SHIFT, REQ_OP_READ);
		if (!r)
			r = dmr_rw_sectors(sys, disk->home, sector + i, m->pages[0], 0,
					   (size - sector - i) << SECTOR_SHIFT, REQ_OP_WRITE);
	}
	return r;
}

static int dmr_move_copy(struct dmr_mover *m, struct dmr_move *mv)
{
	struct dmr_system *sys = m->sys;
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

	if (!READ_ONCE(disk->movable))
		return -EBUSY;
	/* The versions cannot go: only we free what is marked. */
	while (left && !r) {
		b = __ffs64(left);
		run = ~(left >> b) ? __ffs64(~(left >> b)) : 64 - b;
		run = dmr_map_resolve(&sys->map, &view, mv->key, b, run, &src);
		if (src.kind == DMR_SRC_HOME)
			return -EAGAIN;
		r = dmr_move_run(m, disk, sector + b * DMR_BLOCK_SECTORS, run, &src,
				 b * DMR_BLOCK_SECTORS);
		left &= ~dmr_block_mask(b, run);
		WRITE_ONCE(disk->home_dirty, 1);
	}
	if (r) {
		atomic64_inc(&disk->errors);
		DMERR_LIMIT("%s: disk %s: chunk %llu could not be moved home (%d)", sys->sb->name,
			    disk->info->name, dmr_key_chunk(mv->key), r);
	}
	return r;
}

/*
 * The newest version goes first: writes hit the current epoch alone, so it is
 * the only one whose mark a writer may take away under us.
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
	nr = dmr_move_chain(m, mv->key, DMR_V_MOVING, DMR_V_DIRTY | DMR_V_BUSY | DMR_V_WRITERS |
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
	dmr_commit_drop(sys, drop);
	ok = true;
out:
	spin_unlock_irqrestore(lock, flags);
	return ok;
}

/* Oldest first, so that nobody meets an older block where a newer one was. */
static struct dmr_version *dmr_move_unlink(struct dmr_mover *m, struct dmr_move *mv,
					   struct dmr_version *garbage)
{
	struct dmr_system *sys = m->sys;
	spinlock_t *lock = dmr_map_lock(&sys->map, mv->key);
	struct dmr_version *v;
	unsigned long flags;
	u32 nr = 0;

	spin_lock_irqsave(lock, flags);
	for (v = dmr_map_first(&sys->map, mv->key); v; v = dmr_map_next(v))
		if ((atomic_read(&v->state) & DMR_V_DROPPED) && nr < DMR_MOVE_CHAIN)
			m->chain[nr++] = v;
	while (nr--) {
		v = m->chain[nr];
		dmr_map_unlink(&sys->map, v);
		v->dirty.next = garbage ? &garbage->dirty : NULL;
		garbage = v;
		m->moved++;
	}
	spin_unlock_irqrestore(lock, flags);
	return garbage;
}

static int dmr_move_flush(struct dmr_mover *m)
{
	struct dmr_system *sys = m->sys;
	u32 i;
	int r;

	for (i = 0; i < sys->sb->nr_disks; i++) {
		r = dmr_home_flush(&sys->disks[i]);
		if (r)
			return r;
	}
	return 0;
}

static int dmr_move_batch(struct dmr_mover *m, const u64 *keys, u32 count)
{
	struct dmr_system *sys = m->sys;
	struct dmr_version *garbage = NULL, *v;
	u32 nr = 0, dropped = 0, i;
	struct dmr_drop *drop;
	int r;

	for (i = 0; i < count; i++) {
		m->moves[nr].key = keys[i];
		m->moves[nr].ok = dmr_move_mark(m, &m->moves[nr]);
		nr += m->moves[nr].ok;
	}
	if (!nr)
		return 0;
	dmr_grace_wait(&sys->grace, 0);
	for (i = 0; i < nr; i++)
		if (dmr_move_copy(m, &m->moves[i]))
			dmr_move_unmark(m, &m->moves[i]);
	/* A failed flush of a home voids the whole batch. */
	r = dmr_move_flush(m);
	for (i = 0; i < nr; i++) {
		if (!m->moves[i].ok)
			continue;
		drop = r ? NULL : kmalloc(sizeof(*drop), GFP_NOIO);
		if (drop && dmr_move_drop(m, &m->moves[i], drop)) {
			dropped++;
			continue;
		}
		kfree(drop);
		dmr_move_unmark(m, &m->moves[i]);
		m->skipped |= !r;
	}
	if (!dropped)
		return r;
	r = dmr_commit_sync(sys, false);
	if (r)
		return r;	/* critical: nothing is freed any more */
	for (i = 0; i < nr; i++)
		if (m->moves[i].ok)
			garbage = dmr_move_unlink(m, &m->moves[i], garbage);
	dmr_grace_wait(&sys->grace, 0);		/* R4 */
	while ((v = garbage)) {
		garbage = dmr_garbage_next(v);
		if (v->slot != DMR_SLOT_NONE)
			dmr_slots_free(&sys->slots, v->slot);
		mempool_free(v, sys->versions);
	}
	return 0;
}

static int dmr_key_compare(const void *a, const void *b)
{
	const u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Keys of chunks that have something to move, from bucket *@b on. */
static u32 dmr_move_collect(struct dmr_mover *m, u32 *b)
{
	struct dmr_system *sys = m->sys;
	u32 side = dmr_grace_enter(&sys->grace), nr = 0, begun = nr;
	struct dmr_version *v;
	u64 last = ~0ULL;

	for (; *b < 1U << sys->map.bucket_bits && nr < DMR_MOVE_KEYS; (*b)++) {
		begun = nr;
		for (v = smp_load_acquire(&sys->map.buckets[*b]); v; v = READ_ONCE(v->next)) {
			if (v->key == last || !dmr_move_group(m, v))
				continue;
			if (nr == DMR_MOVE_KEYS) {
				nr = begun ?: nr;	/* the whole bucket next time */
				goto out;
			}
			m->keys[nr++] = v->key;
			last = v->key;
		}
	}
out:
	dmr_grace_leave(&sys->grace, side);
	sort(m->keys, nr, sizeof(m->keys[0]), dmr_key_compare, NULL);
	return nr;
}

/**
 * dmr_home_move() - move home all that can go now
 * @sys: the system.
 * @need: who needs what, as durable in both superblocks.
 * @serial: of the table that @need was taken from.
 * @more: may it go on?  Asked between batches.
 * @again: set if a chunk was in use and should be looked at again.
 *
 * Context: the vacuum's worker; may sleep.
 * Return: versions that are gone, or a negative errno.
 */
s64 dmr_home_move(struct dmr_system *sys, const struct dmr_need *need, u64 serial,
		  bool (*more)(struct dmr_system *sys), bool *again)
{
	struct dmr_mover *m = kvzalloc(sizeof(*m), GFP_KERNEL);
	u32 b = 0, nr, i, blocks = sys->chunk_sectors / DMR_BLOCK_SECTORS;
	s64 r = 0;

	if (!m)
		return -ENOMEM;
	m->sys = sys;
	m->need = need;
	m->serial = serial;
	/* The oldest point sees all that may go; with none the head does. */
	m->base = need->nr ? need->epochs[0] : U32_MAX;
	for (i = 0; i < blocks; i++) {
		m->pages[i] = alloc_page(GFP_KERNEL);
		if (!m->pages[i]) {
			r = -ENOMEM;
			goto out;
		}
	}
	while (b < 1U << sys->map.bucket_bits && !r && more(sys)) {
		nr = dmr_move_collect(m, &b);
		for (i = 0; i < nr && !r && more(sys); i += DMR_MOVE_BATCH) {
			mutex_lock(&sys->home_mutex);
			r = dmr_move_batch(m, m->keys + i, min_t(u32, nr - i, DMR_MOVE_BATCH));
			mutex_unlock(&sys->home_mutex);
			cond_resched();
		}
	}
	*again = m->skipped;
	if (!r)
		r = m->moved;
out:
	for (i = 0; i < blocks; i++)
		if (m->pages[i])
			__free_page(m->pages[i]);
	kvfree(m);
	return r;
}
