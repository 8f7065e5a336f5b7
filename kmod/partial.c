// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes of less than a block into a block that is not in this epoch's slot yet: read,
 * merge, write.  From the lookup in the map until the block's bit is set, DMR_V_BUSY
 * excludes every other first write, merge, write-zeroes and move of the chunk.  An epoch
 * switch waits for the bio's grace section.
 */
#include "admit.h"
#include "flush.h"
#include "io.h"
#include "log.h"
#include "page-io.h"
#include "park.h"
#include "partial.h"
#include "space.h"
#include "system.h"
#include "version.h"

static int dmr_partial_end(struct dmr_io *io, struct bio *bio, int r)
{
	io->kind = DMR_IO_NONE;
	if (io->entered) {
		io->entered = false;
		dmr_grace_leave(&io->t->sys->grace, io->side);
	}
	if (!r && (bio->bi_opf & REQ_FUA)) {
		dmr_flush_fua(io->t->sys, bio);
		return DMR_TAKEN;
	}
	bio->bi_status = errno_to_blk_status(r);
	bio_endio(bio);
	return DMR_ENDED;
}

/* Copy the bio's data, or its zeroes, to their place in the block. */
static void dmr_partial_merge(struct bio *bio, struct page *page, u32 at)
{
	void *to = page_address(page);
	struct bio_vec bv;
	struct bvec_iter iter;

	if (bio_op(bio) == REQ_OP_WRITE_ZEROES) {
		memset(to + at, 0, bio->bi_iter.bi_size);
		return;
	}
	bio_for_each_segment(bv, bio, iter) {
		memcpy_from_bvec(to + at, &bv);
		at += bv.bv_len;
	}
}

static int dmr_partial_read(struct dmr_io *io, const struct dmr_view *view, u64 block_sector,
			    u32 sectors, struct page *page)
{
	struct dmr_target *t = io->t;
	struct dmr_system *sys = t->sys;
	u32 offset = block_sector & (sys->chunk_sectors - 1);
	struct dmr_source src;

	dmr_map_resolve(&sys->map, view, dmr_key(t->disk_number, block_sector >> sys->chunk_shift),
			offset / DMR_BLOCK_SECTORS, 1, &src);
	switch (src.kind) {
	case DMR_SRC_ZERO:
		memset(page_address(page), 0, DMR_BLOCK_SIZE);
		return 0;
	case DMR_SRC_SLOT:
		return dmr_page_io_sectors(sys, t->store->bdev,
					   ((u64)src.slot << sys->chunk_shift) + offset, page, 0,
					   sectors << SECTOR_SHIFT, REQ_OP_READ);
	default:
		return dmr_page_io_sectors(sys, t->home->bdev, block_sector, page, 0,
					   sectors << SECTOR_SHIFT, REQ_OP_READ);
	}
}

/*
 * Take the chunk's version for this merge, and make one if there is none.
 *
 * Return: the version; or NULL with *r: 0 if the bio was parked or deferred, or a
 * negative errno.
 */
static struct dmr_version *dmr_partial_take(struct dmr_io *io, struct bio *bio, u64 key,
					    const struct dmr_views *views, int *r)
{
	struct dmr_system *sys = io->t->sys;
	u32 epoch = views->view[io->t->kind].write;
	spinlock_t *lock = dmr_map_lock(&sys->map, key);
	struct dmr_version *v, *new = NULL;
	u32 slot = DMR_SLOT_NONE;
	unsigned long flags;
	bool late = false;
	int state;

	/* Before the lock, in case one is needed. */
	*r = 0;
	new = dmr_version_get(sys, bio->bi_opf & REQ_SWAP);
	if (!new) {
		dmr_admit_again(io, bio, false);
		return NULL;
	}
	if (!dmr_slots_alloc(&sys->slots, 1, dmr_io_spare(io), &slot))
		slot = DMR_SLOT_NONE;
	new->key = key;
	new->epoch = epoch;

	spin_lock_irqsave(lock, flags);
	v = dmr_map_held(&sys->map, key);	/* BUSY, too */
	if (!v)
		v = dmr_map_find(&sys->map, key, epoch);
	if (v) {
		state = atomic_read(&v->state);
		if (state & (DMR_V_BUSY | DMR_V_WRITERS)) {
			dmr_park_for_version(io, bio, v);
			*r = 0;
			v = NULL;
			goto out;
		}
		if (v->slot == DMR_SLOT_NONE) {
			if (slot == DMR_SLOT_NONE)
				goto full;
			WRITE_ONCE(v->slot, slot);
			slot = DMR_SLOT_NONE;
		}
		atomic_andnot(DMR_V_MOVING, &v->state);		/* R5 */
		atomic_or(DMR_V_BUSY, &v->state);
		goto out;
	}
	late = dmr_admit_too_late(io, views, key);
	if (late)
		goto out;
	if (slot == DMR_SLOT_NONE || !dmr_admit_versions(io))
		goto full;
	v = new;
	new = NULL;
	v->slot = slot;
	slot = DMR_SLOT_NONE;
	atomic_set(&v->state, DMR_V_BUSY);
	dmr_map_insert(&sys->map, v);
	if (epoch & DMR_EPOCH_OVERLAY)
		atomic64_inc(&sys->space.overlay_versions[io->t->kind]);
	goto out;
full:
	v = NULL;
	dmr_space_full(sys);
	*r = -ENOSPC;		/* R8 */
out:
	spin_unlock_irqrestore(lock, flags);
	if (new)
		mempool_free(new, sys->versions.pool);
	if (slot != DMR_SLOT_NONE)
		dmr_slots_free(&sys->slots, slot);
	if (late)
		dmr_park_defer(io, bio);
	return v;
}

/* Release the chunk.  @mask: blocks that have become data; 0 after an error. */
static void dmr_partial_give(struct dmr_io *io, struct dmr_version *v, u64 mask)
{
	struct dmr_system *sys = io->t->sys;
	u64 key = v->key;
	spinlock_t *lock = dmr_map_lock(&sys->map, key);
	unsigned long flags;
	bool wake;

	spin_lock_irqsave(lock, flags);
	if (mask) {
		u64 had = v->data | v->zero;

		dmr_log_dirty(sys, v);
		dmr_version_set(v, mask);
		if (v->epoch & DMR_EPOCH_OVERLAY)
			dmr_space_overlay_add(io->t->disk, io->t->kind, hweight64(mask & ~had));
	}
	wake = atomic_read(&v->state) & DMR_V_WAITED;
	atomic_andnot(DMR_V_BUSY | DMR_V_WAITED, &v->state);
	spin_unlock_irqrestore(lock, flags);
	if (wake)
		dmr_park_wake_chunk(sys, key);
}

/**
 * dmr_partial_write() - merge a write of less than a block
 * @io: the bio's data; it has entered.
 * @bio: a write or write-zeroes within one block.
 * @views: those it entered under.
 *
 * Context: worker; sleeps.
 * Return: as the other parts of dmr_io_run(), never DMR_SUBMIT.
 */
int dmr_partial_write(struct dmr_io *io, struct bio *bio, struct dmr_views *views)
{
	struct dmr_target *t = io->t;
	struct dmr_system *sys = t->sys;
	struct dmr_view view = views->view[t->kind];
	u64 sector = bio->bi_iter.bi_sector, block = round_down(sector, DMR_BLOCK_SECTORS);
	u64 key = dmr_key(t->disk_number, sector >> sys->chunk_shift), data, zero, mask;
	u32 offset = block & (sys->chunk_sectors - 1);
	/* The last block of a disk may be short. */
	u32 sectors = min_t(u64, DMR_BLOCK_SECTORS, t->disk->info->sectors - block);
	u32 at = (sector - block) << SECTOR_SHIFT;
	struct dmr_version *v;
	struct page *page;
	int r = 0;

	/* A longer bio would be merged beyond the page. */
	if (WARN_ON_ONCE(at + bio->bi_iter.bi_size > sectors << SECTOR_SHIFT))
		return dmr_partial_end(io, bio, -EIO);
	/* R8, R9 */
	if (!dmr_flush_make_room(sys, 1))
		return dmr_partial_end(io, bio, READ_ONCE(sys->critical) ? -EIO : -ENOSPC);
	/* R15: a merge of this epoch reads nothing from the next epoch, begun meanwhile. */
	if (!view.overlay)
		view.base = view.write;

	v = dmr_partial_take(io, bio, key, views, &r);
	if (!v)
		return r ? dmr_partial_end(io, bio, r) : DMR_TAKEN;

	page = mempool_alloc(sys->page_io.pages, GFP_NOIO);
	mask = dmr_block_mask(offset / DMR_BLOCK_SECTORS, 1);
	dmr_version_masks(v, &data, &zero);
	if (data & mask) {
		/* Now in the slot: write our sectors only, beside rewrites of the others. */
		dmr_partial_merge(bio, page, at);
		r = dmr_page_io_sectors(sys, t->store->bdev,
					((u64)v->slot << sys->chunk_shift) + offset +
					(at >> SECTOR_SHIFT), page, at, bio->bi_iter.bi_size,
					REQ_OP_WRITE);
	} else {
		r = dmr_partial_read(io, &view, block, sectors, page);
		if (!r) {
			dmr_partial_merge(bio, page, at);
			r = dmr_page_io_sectors(sys, t->store->bdev,
						((u64)v->slot << sys->chunk_shift) + offset, page,
						0, sectors << SECTOR_SHIFT, REQ_OP_WRITE);
		}
	}
	mempool_free(page, sys->page_io.pages);
	WRITE_ONCE(sys->super.store_dirty, 1);
	if (r)
		atomic64_inc(&t->disk->errors);
	dmr_partial_give(io, v, r ? 0 : mask);
	return dmr_partial_end(io, bio, r);
}
