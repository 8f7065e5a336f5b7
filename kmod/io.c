// SPDX-License-Identifier: GPL-2.0-only
/*
 * The I/O path: bios of all views.
 *
 * map() does as much as it can: it remaps reads, rewrites and first aligned writes
 * without a worker and without a copy, and without a lock on a hit.  A bio that must wait
 * or copy is cut to a chunk (or a block) and deferred to a worker, which runs the same
 * code again from the beginning, with the views then in force.
 */
#include "admit.h"
#include "flush.h"
#include "home-flush.h"
#include "io.h"
#include "log.h"
#include "park.h"
#include "partial.h"
#include "system.h"
#include "trace.h"
#include "zeroes.h"

/*----------------------------------------------------------------
 * Places
 *----------------------------------------------------------------*/

static u64 dmr_slot_sector(struct dmr_system *sys, u32 slot, u32 offset)
{
	return ((u64)slot << sys->chunk_shift) + offset;
}

/* Blocks that sectors @offset..+@sectors of a chunk touch. */
static u64 dmr_touched(u32 offset, u32 sectors)
{
	u32 first = offset / DMR_BLOCK_SECTORS;

	return dmr_block_mask(first, DIV_ROUND_UP(offset + sectors, DMR_BLOCK_SECTORS) - first);
}

/*----------------------------------------------------------------
 * Reads
 *----------------------------------------------------------------*/

/* Sectors from @sector on, at most @max, that one chunk has in one place. */
static __always_inline u32 dmr_read_chunk(struct dmr_io *io, const struct dmr_view *view,
					  u64 sector, u32 max, struct dmr_source *src)
{
	struct dmr_system *sys = io->t->sys;
	u32 offset = dmr_chunk_offset(sys, sector), first = offset / DMR_BLOCK_SECTORS;
	u32 end = min(offset + max, sys->chunk_sectors);
	u32 blocks = DIV_ROUND_UP(end, DMR_BLOCK_SECTORS) - first;

	blocks = dmr_map_resolve(&sys->map, view, dmr_io_key(io, sector), first, blocks, src);
	return min(blocks * DMR_BLOCK_SECTORS - offset % DMR_BLOCK_SECTORS, max);
}

/*
 * The same for a read that goes on in the next chunk, of which @run sectors lie at @src.  By
 * value: a source with an address would have to be in memory, in every read.
 */
static noinline u32 dmr_read_more(struct dmr_io *io, const struct dmr_view *view, u64 sector,
				  u32 run, u32 max, struct dmr_source src)
{
	struct dmr_source more;
	u32 last = src.slot;

	while (run < max && !dmr_chunk_offset(io->t->sys, sector + run)) {
		u32 got = dmr_read_chunk(io, view, sector + run, max - run, &more);

		if (more.kind != src.kind ||
		    (more.kind == DMR_SRC_SLOT && more.slot != last + 1))
			break;
		last = more.slot;
		run += got;
	}
	return run;
}

static __always_inline int dmr_io_read(struct dmr_io *io, struct bio *bio, const struct dmr_views *views)
{
	struct dmr_target *t = io->t;
	const struct dmr_view *view = &views->view[t->kind];
	u64 sector = bio->bi_iter.bi_sector;
	u32 sectors = bio_sectors(bio), run;
	struct dmr_source src;

	run = dmr_read_chunk(io, view, sector, sectors, &src);
	if (unlikely(run < sectors)) {
		run = dmr_read_more(io, view, sector, run, sectors, src);
		dmr_io_cut(bio, run, true);
	}
	if (src.kind == DMR_SRC_HOME) {
		io->kind = DMR_IO_READ_HOME;
		return dmr_remap(bio, t->home->bdev, sector);
	}
	if (src.kind == DMR_SRC_SLOT) {
		io->kind = DMR_IO_READ_SLOT;
		return dmr_remap(bio, t->store->bdev,
				 dmr_slot_sector(t->sys, src.slot,
						 dmr_chunk_offset(t->sys, sector)));
	}
	zero_fill_bio(bio);
	return dmr_io_finish(io, bio, BLK_STS_OK);
}

/*----------------------------------------------------------------
 * Writes
 *----------------------------------------------------------------*/

/*
 * Sectors of a write, at most @max, that hit blocks already in this epoch's slot of one
 * chunk.  @settled, unless NULL, becomes false where the record of one is still due; @absent,
 * unless NULL, becomes true if the chunk has no version of this epoch.
 */
static __always_inline u32 dmr_hit_chunk(struct dmr_io *io, u32 epoch, u64 sector, u32 max,
					 u32 *slot, bool *settled, bool *absent)
{
	struct dmr_system *sys = io->t->sys;
	u32 offset = dmr_chunk_offset(sys, sector), sectors = min(max, sys->chunk_sectors - offset);
	struct dmr_version *v = dmr_map_find(&sys->map, dmr_io_key(io, sector), epoch);
	u64 data, zero, miss;

	if (!v) {
		if (absent)
			*absent = true;
		return 0;
	}
	if (!dmr_version_hold_hit(v))
		return 0;
	dmr_version_masks(v, &data, &zero);
	miss = dmr_touched(offset, sectors) & ~data;
	if (unlikely(miss)) {
		/* The blocks before the first miss still hit. */
		sectors = __ffs64(miss) * DMR_BLOCK_SECTORS;
		if (sectors <= offset)
			return 0;
		sectors -= offset;
	}
	*slot = READ_ONCE(v->slot);
	if (unlikely(settled))
		*settled &= dmr_log_settled(sys, v);
	return sectors;
}

/* The same for a write that goes on in the next chunk, in adjacent slots. */
static noinline u32 dmr_hit_more(struct dmr_io *io, u32 epoch, u64 sector, u32 run, u32 max,
				 u32 slot, bool *settled)
{
	bool too = true;

	while (run < max && !dmr_chunk_offset(io->t->sys, sector + run)) {
		u32 next, got = dmr_hit_chunk(io, epoch, sector + run, max - run, &next,
					      settled ? &too : NULL, NULL);

		if (!got || next != ++slot)
			break;
		if (settled)
			*settled &= too;
		run += got;
	}
	return run;
}

static __always_inline u32 dmr_hit_run(struct dmr_io *io, u32 epoch, u64 sector, u32 max,
				       u32 *slot, bool *settled, bool *absent)
{
	u32 run = dmr_hit_chunk(io, epoch, sector, max, slot, settled, absent);

	if (likely(run == max) || !run)
		return run;
	return dmr_hit_more(io, epoch, sector, run, max, *slot, settled);
}

static void dmr_io_count(struct dmr_io *io)
{
	this_cpu_inc(*io->t->sys->space.writes[io->t->kind]);
}

/*
 * Insert a version unless its chunk has one, or must not get one.  Return: true if inserted;
 * or false with *status as in dmr_first_open().
 */
static bool dmr_first_insert(struct dmr_io *io, struct bio *bio, const struct dmr_views *views,
			     struct dmr_version *v, bool inline_, blk_status_t *status)
{
	struct dmr_map *map = &io->t->sys->map;
	spinlock_t *lock = dmr_map_lock(map, v->key);
	struct dmr_version *held;
	unsigned long flags;
	bool done;

	spin_lock_irqsave(lock, flags);
	held = dmr_map_held(map, v->key);
	if (unlikely(held && !inline_)) {
		*status = BLK_STS_DM_REQUEUE;
		dmr_park_for_version(io, bio, held);
	} else if (held || dmr_admit_too_late(io, views, v->key)) {
		*status = BLK_STS_AGAIN;
	}
	done = !*status && dmr_map_insert_first(map, v);
	spin_unlock_irqrestore(lock, flags);
	return done;
}

/*
 * Insert versions for the chunks from @key on, with this write counted in each, until one
 * cannot be; then give the rest back, of @nr versions and @got slots.  Return: how many.
 */
static __always_inline u32 dmr_first_fill(struct dmr_io *io, struct bio *bio,
					  const struct dmr_views *views, u64 key,
					  struct dmr_version **new, u32 nr, u32 slot, u32 got,
					  bool inline_, blk_status_t *status)
{
	struct dmr_system *sys = io->t->sys;
	enum dmr_kind kind = io->t->kind;	/* a bio that was parked may have ended */
	u32 epoch = views->view[kind].write, i, j;

	*status = nr ? BLK_STS_OK : BLK_STS_RESOURCE;
	atomic64_add(nr, &sys->map.versions);	/* see dmr_map_insert_first() */
	for (i = 0; i < nr; i++) {
		new[i]->key = key + i;
		new[i]->epoch = epoch;
		new[i]->slot = slot + i;
		atomic_set(&new[i]->state, DMR_V_WRITER);
		if (!dmr_first_insert(io, bio, views, new[i], inline_, status))
			break;
		trace_dmr_version_made(sys->sb->name, io->t->disk_number, dmr_key_chunk(key + i),
				       epoch, slot + i);
	}
	if (epoch & DMR_EPOCH_OVERLAY)
		atomic64_add(i, &sys->space.overlay_versions[kind]);
	atomic64_add(i, &sys->log.nr_first);
	if (likely(i == got))
		return i;

	for (j = i; j < nr; j++)
		mempool_free(new[j], sys->versions.pool);
	atomic64_sub(nr - i, &sys->map.versions);
	for (j = i; j < got; j++)
		dmr_slots_free(&sys->slots, slot + j);
	return i;
}

/* Several chunks: their versions come from one allocation. */
static noinline u32 dmr_first_many(struct dmr_io *io, struct bio *bio,
				   const struct dmr_views *views, u64 key, u32 slot, u32 got,
				   bool inline_, blk_status_t *status)
{
	struct dmr_version *new[DMR_FIRST_MAX];
	u32 nr = dmr_versions_get(io->t->sys, bio->bi_opf & REQ_SWAP, got, new);

	return dmr_first_fill(io, bio, views, key, new, nr, slot, got, inline_, status);
}

/*
 * Open new versions for up to @want chunks from @sector on, in adjacent slots, and count
 * this write in each.
 *
 * Return: how many; or 0 with *status: OK: another write was first, look again;
 * BLK_STS_AGAIN: begin again: the chunk has become bare, or other views are in force, or,
 * with @inline_, it is held;
 * BLK_STS_DM_REQUEUE: the chunk is held, and the bio, which lies in one chunk, has been
 * parked; BLK_STS_RESOURCE: no memory without sleeping.
 */
static u32 dmr_first_open(struct dmr_io *io, struct bio *bio, const struct dmr_views *views,
			  u64 sector, u32 want, bool inline_, u32 *slot, blk_status_t *status)
{
	struct dmr_system *sys = io->t->sys;
	u64 key = dmr_io_key(io, sector);
	struct dmr_version *v;
	u32 got;

	*status = BLK_STS_NOSPC;
	want = min(want, dmr_admit_versions(io));
	if (!want)
		return 0;
	got = dmr_slots_alloc(&sys->slots, want, dmr_io_spare(io), slot);
	if (!got)
		return 0;		/* R8 */
	if (got > 1)
		return dmr_first_many(io, bio, views, key, *slot, got, inline_, status);
	v = dmr_version_get(sys, bio->bi_opf & REQ_SWAP);
	return dmr_first_fill(io, bio, views, key, &v, !!v, *slot, 1, inline_, status);
}

/*
 * Count this write in a version that exists.
 *
 * Return: DMR_SUBMIT; DMR_TAKEN if the bio was parked; DMR_ENDED with *status, where OK
 * means: look again.
 */
static int dmr_first_join(struct dmr_io *io, struct bio *bio, u64 key, u32 epoch, u32 *slot,
			  blk_status_t *status)
{
	struct dmr_system *sys = io->t->sys;
	spinlock_t *lock = dmr_map_lock(&sys->map, key);
	struct dmr_version *v;
	unsigned long flags;
	int r = DMR_ENDED;

	*status = BLK_STS_OK;
	spin_lock_irqsave(lock, flags);
	v = dmr_map_find(&sys->map, key, epoch);
	if (!v)
		goto out;
	if (dmr_version_busy(v)) {
		dmr_park_for_version(io, bio, v);
		r = DMR_TAKEN;
		goto out;
	}
	if (!dmr_version_hold(v))
		goto out;
	if (v->slot == DMR_SLOT_NONE) {
		u32 got;

		/* A version of zeroes has no slot yet; it counts when a data bit is set. */
		if (!dmr_slots_alloc(&sys->slots, 1, dmr_io_spare(io), &got)) {
			*status = BLK_STS_NOSPC;
			goto out;
		}
		WRITE_ONCE(v->slot, got);
	}
	*slot = v->slot;
	atomic_add(DMR_V_WRITER, &v->state);
	atomic64_inc(&sys->log.nr_first);
	r = DMR_SUBMIT;
out:
	spin_unlock_irqrestore(lock, flags);
	return r;
}

/**
 * dmr_io_first_done() - set the bits of a first write that has ended
 * @io: the bio's own data; sector, sectors and epoch are those of the write.
 * @ok: the write succeeded; if not, no bit is set (R1).
 *
 * Context: any.
 */
void dmr_io_first_done(struct dmr_io *io, bool ok)
{
	struct dmr_system *sys = io->t->sys;
	u64 sector = io->sector, end = io->sector + io->sectors;
	u32 chunks = 0, fresh = 0;

	while (sector < end) {
		u32 offset = dmr_chunk_offset(sys, sector);
		u32 sectors = min_t(u64, sys->chunk_sectors - offset, end - sector);
		u64 key = dmr_io_key(io, sector), mask = dmr_touched(offset, sectors), had;
		spinlock_t *lock = dmr_map_lock(&sys->map, key);
		struct dmr_version *v;
		unsigned long flags;
		bool wake = false;

		spin_lock_irqsave(lock, flags);
		/* A version with a writer is neither moved nor freed, so it must exist. */
		v = dmr_map_find(&sys->map, key, io->epoch);
		if (!WARN_ON_ONCE(!v)) {
			if (ok) {
				had = v->data | v->zero;
				/* If another write has set the bits, the record is due already. */
				if (mask & ~(v->data & ~v->zero)) {
					dmr_log_dirty(sys, v);
					dmr_version_set(v, mask);
				}
				if (io->epoch & DMR_EPOCH_OVERLAY)
					fresh += hweight64(mask & ~had);
			}
			if (atomic_sub_return(DMR_V_WRITER, &v->state) & DMR_V_WAITED) {
				atomic_andnot(DMR_V_WAITED, &v->state);
				wake = true;
			}
		}
		spin_unlock_irqrestore(lock, flags);
		sector += sectors;
		chunks++;
		if (wake)
			dmr_park_wake_chunk(sys, key);
	}
	if (fresh)
		dmr_space_overlay_add(io->t->disk, io->t->kind, fresh);
	smp_mb__before_atomic();	/* dirty first: pairs with dmr_log_has_room() */
	atomic64_sub(chunks, &sys->log.nr_first);
}

/* @absent: the first chunk had no version of this epoch a moment ago. */
static noinline int dmr_io_first(struct dmr_io *io, struct bio *bio,
				 const struct dmr_views *views, bool inline_, bool absent)
{
	struct dmr_target *t = io->t;
	struct dmr_system *sys = t->sys;
	u64 sector = bio->bi_iter.bi_sector, key = dmr_io_key(io, sector);
	u32 offset = dmr_chunk_offset(sys, sector);
	u32 sectors = bio_sectors(bio), want = 1, slot = 0, got;
	u32 epoch = views->view[t->kind].write;
	blk_status_t status;
	int r;

	/* Take the whole blocks only. */
	if (sector + sectors != t->disk->info->sectors)
		sectors = round_down(sectors, DMR_BLOCK_SECTORS);

	if (!dmr_admit_first_room(sys, DMR_FIRST_MAX, inline_)) {
		if (!inline_)
			return dmr_io_finish(io, bio, dmr_admit_no_room(sys));
		goto defer;
	}
	for (;; absent = false) {
		/* An insertion looks again, under the chunk's lock. */
		if (!absent && dmr_map_find(&sys->map, key, epoch)) {
			u32 one = min(sectors, sys->chunk_sectors - offset);

			/* Cut before joining: a parked bio cannot be cut. */
			if (!dmr_io_cut(bio, one, inline_))
				return dmr_io_finish(io, bio, BLK_STS_IOERR);
			sectors = one;
			r = dmr_first_join(io, bio, key, epoch, &slot, &status);
			if (r == DMR_TAKEN)
				return r;
			if (r == DMR_SUBMIT)
				break;
		} else {
			want = DIV_ROUND_UP(offset + sectors, sys->chunk_sectors);
			want = min_t(u32, want, DMR_FIRST_MAX);
			/* Stop at a chunk that has a version of this epoch. */
			for (got = 1; got < want; got++)
				if (dmr_map_find(&sys->map, key + got, epoch))
					break;
			got = dmr_first_open(io, bio, views, sector, got, inline_, &slot, &status);
			if (status == BLK_STS_DM_REQUEUE)
				return DMR_TAKEN;
			if (got) {
				sectors = min(sectors, got * sys->chunk_sectors - offset);
				/* A worker's bio lies in one chunk, so it is never cut here. */
				dmr_io_cut(bio, sectors, inline_);
				break;
			}
			if (status == BLK_STS_AGAIN) {
				dmr_io_cut(bio, min(sectors, sys->chunk_sectors - offset), inline_);
				dmr_park_defer(io, bio);
				return DMR_TAKEN;
			}
			if (status == BLK_STS_RESOURCE) {
				dmr_io_cut(bio, min(sectors, sys->chunk_sectors - offset), inline_);
				return dmr_admit_again(io, bio, inline_);
			}
		}
		if (status == BLK_STS_NOSPC)
			return dmr_admit_full(io, bio);
		if (status != BLK_STS_OK)
			return dmr_io_finish(io, bio, status);
	}

	io->kind = DMR_IO_FIRST;
	io->sector = sector;
	io->sectors = sectors;
	io->epoch = epoch;
	/* The log commit's flush covers the data: FUA would cost another flush. */
	io->fua = bio->bi_opf & REQ_FUA;
	bio->bi_opf &= ~REQ_FUA;
	return dmr_remap(bio, t->store->bdev, dmr_slot_sector(sys, slot, offset));

defer:
	dmr_io_cut(bio, min(sectors, sys->chunk_sectors - offset), inline_);
	dmr_park_defer(io, bio);
	return DMR_TAKEN;
}

static int dmr_io_write(struct dmr_io *io, struct bio *bio, struct dmr_views *views, bool inline_)
{
	struct dmr_target *t = io->t;
	struct dmr_system *sys = t->sys;
	u32 epoch = views->view[t->kind].write;
	u64 sector = bio->bi_iter.bi_sector;
	u32 sectors = bio_sectors(bio), offset = dmr_chunk_offset(sys, sector), run, slot = 0;
	bool settled = true, absent = false, aligned;

	if (views->straight == t->kind) {
		run = dmr_run_bare(io, views, sector, sectors);
		if (run && dmr_io_cut(bio, run, inline_))
			return dmr_io_straight(io, bio);
	}

	run = dmr_hit_run(io, epoch, sector, sectors, &slot,
			  bio->bi_opf & REQ_FUA ? &settled : NULL, &absent);
	aligned = run == sectors || dmr_io_aligned(io, sector, sectors);
	/* An aligned write that hits only in part goes out in one piece, as a first write. */
	if (run && (run == sectors ||
		    (inline_ && (!aligned || offset + run >= sys->chunk_sectors)))) {
		dmr_io_cut(bio, run, inline_);
		io->kind = DMR_IO_HIT;
		if ((bio->bi_opf & REQ_FUA) && (!settled || !dmr_fua_is_native(t->store->bdev))) {
			/*
			 * R2: answer when the record is durable as well.  R9: use our own
			 * flush, since the failure of one behind the write would be
			 * hidden.
			 */
			io->fua = true;
			bio->bi_opf &= ~REQ_FUA;
		}
		return dmr_remap(bio, t->store->bdev, dmr_slot_sector(sys, slot, offset));
	}

	if (sector % DMR_BLOCK_SECTORS || (sectors < DMR_BLOCK_SECTORS && !aligned)) {
		/* Less than a block, not in this epoch's slot: a worker merges it. */
		run = min_t(u32, sectors, DMR_BLOCK_SECTORS - sector % DMR_BLOCK_SECTORS);
		if (!inline_)
			return dmr_partial_write(io, bio, views);
		dmr_io_cut(bio, run, true);
		dmr_park_defer(io, bio);
		return DMR_TAKEN;
	}
	return dmr_io_first(io, bio, views, inline_, absent);
}

/*----------------------------------------------------------------
 * The way through
 *----------------------------------------------------------------*/

/* Writes, discards and zeroes.  Not inline: a read would save and restore its registers. */
static noinline int dmr_io_change(struct dmr_io *io, struct bio *bio, struct dmr_views *views,
				  bool inline_)
{
	struct dmr_target *t = io->t;

	if (unlikely(READ_ONCE(t->sys->critical)))
		return dmr_io_finish(io, bio, BLK_STS_IOERR);	/* R9 */
	/* R18: outside a stream, and without its receiver, the head takes no write. */
	if (t->kind == DMR_REPLICA &&
	    (views->suspended || (views->streamed && !READ_ONCE(t->sys->receiver.port))))
		return dmr_io_finish(io, bio, BLK_STS_OFFLINE);
	/*
	 * R2, R9: dm ignores the failure of a flush in front of a write and sends the
	 * write, now or much later; a journal's commit would refer to lost blocks.
	 */
	if (dmr_home_flush_lost(t->disk, t->kind))
		return dmr_io_finish(io, bio, BLK_STS_IOERR);
	/* A merge in the new epoch waits for the old epoch's writes. */
	if (!inline_ && bio_sectors(bio) < DMR_BLOCK_SECTORS && dmr_park_for_drain(io, bio))
		return DMR_TAKEN;
	if (inline_)
		dmr_io_count(io);

	switch (bio_op(bio)) {
	case REQ_OP_WRITE:
		return dmr_io_write(io, bio, views, inline_);
	case REQ_OP_DISCARD:
		return dmr_zeroes_discard(io, bio, views, inline_);
	case REQ_OP_WRITE_ZEROES:
		return dmr_zeroes_write(io, bio, views, inline_);
	default:
		return dmr_io_finish(io, bio, BLK_STS_NOTSUPP);
	}
}

static __always_inline int dmr_io_run(struct dmr_io *io, struct bio *bio, bool inline_)
{
	struct dmr_target *t = io->t;
	struct dmr_views *views;

	io->kind = DMR_IO_NONE;
	io->fua = false;
	io->home = false;
	io->side = dmr_grace_enter(&t->sys->grace);
	io->entered = true;
	views = dmr_views_get(t->sys);

	if (unlikely(!views->view[t->kind].online))
		return dmr_io_finish(io, bio, BLK_STS_OFFLINE);
	if (bio_op(bio) == REQ_OP_READ)
		return dmr_io_read(io, bio, views);
	return dmr_io_change(io, bio, views, inline_);
}

void dmr_io_work(struct work_struct *work)
{
	struct dmr_io *io = container_of(work, struct dmr_io, work);
	struct bio *bio = io->bio;

	if (dmr_io_run(io, bio, false) == DMR_SUBMIT)
		submit_bio_noacct(bio);
}

/* dm passes flushes without data.  An offline view has no writes to flush. */
static noinline int dmr_io_flush(struct dmr_io *io, struct bio *bio)
{
	io->kind = DMR_IO_NONE;
	io->entered = false;
	io->fua = false;
	dmr_flush_bio(io->t->sys, bio);
	return DM_MAPIO_SUBMITTED;
}

/**
 * dmr_io_map() - map() of all targets
 * @t: the target.
 * @bio: the bio, its sector relative to the target.
 *
 * Context: as map(); does not wait for I/O.
 * Return: DM_MAPIO_*.
 */
int dmr_io_map(struct dmr_target *t, struct bio *bio)
{
	struct dmr_io *io = dmr_io_of(bio);

	io->t = t;
	io->bytes = bio->bi_iter.bi_size;
	io->began = dmr_adapt_began(&t->sys->adapt, &io->batch);
	if (unlikely(bio->bi_opf & REQ_PREFLUSH))
		return dmr_io_flush(io, bio);
	return dmr_io_run(io, bio, true) == DMR_SUBMIT ? DM_MAPIO_REMAPPED : DM_MAPIO_SUBMITTED;
}

/* Has a home refused an optional operation that it does not support? */
static bool dmr_io_refused(struct bio *bio, blk_status_t error)
{
	return (error == BLK_STS_NOTSUPP || error == BLK_STS_TARGET) &&
	       (bio_op(bio) == REQ_OP_WRITE_ZEROES || bio_op(bio) == REQ_OP_DISCARD);
}

/* An I/O of @kind has failed, and left its grace section.  Return: as dmr_io_end(). */
static noinline int dmr_io_failed(struct dmr_io *io, struct bio *bio, u8 kind, blk_status_t *error)
{
	if (kind != DMR_IO_STRAIGHT || !dmr_io_refused(bio, *error)) {
		atomic64_inc(&io->t->disk->errors);
		return DM_ENDIO_DONE;
	}
	if (bio_op(bio) == REQ_OP_WRITE_ZEROES) {
		dmr_zeroes_again(io, bio);
		return DM_ENDIO_INCOMPLETE;
	}
	*error = BLK_STS_OK;	/* a discard is advice */
	return DM_ENDIO_DONE;
}

static void dmr_io_received(struct dmr_io *io, struct bio *bio, blk_status_t error)
{
	if (io->t->counted && bio_op(bio) == REQ_OP_WRITE && !error && io->bytes) {
		this_cpu_add(*io->t->sys->space.bytes, io->bytes);
		io->bytes = 0;		/* count once: a FUA write ends twice */
	}
}

static void dmr_io_measured(struct dmr_io *io)
{
	if (unlikely(io->began))
		dmr_adapt_ended(&io->t->sys->adapt, io->began, io->batch);
}

/*
 * A bio that is no read of a device has ended.  Not inline, as dmr_io_change().  Return: as
 * dmr_io_end().
 */
static noinline int dmr_io_end_change(struct dmr_io *io, struct bio *bio, blk_status_t *error)
{
	struct dmr_target *t = io->t;
	struct dmr_system *sys = t->sys;
	u8 kind = io->kind;

	dmr_io_received(io, bio, *error);
	if (kind == DMR_IO_NONE) {
		dmr_io_measured(io);
		return DM_ENDIO_DONE;
	}
	io->kind = DMR_IO_NONE;

	if (kind == DMR_IO_STRAIGHT) {
		dmr_home_flush_written(t->disk, t->kind, io->flush_errors);
	} else {
		/* Before the answer, so that the next flush covers this write (R2). */
		if (!READ_ONCE(sys->super.store_dirty))
			WRITE_ONCE(sys->super.store_dirty, 1);
		if (kind == DMR_IO_FIRST)
			dmr_io_first_done(io, !*error);
	}
	dmr_io_leave(io);
	if (unlikely(*error)) {
		int r = dmr_io_failed(io, bio, kind, error);

		if (r != DM_ENDIO_DONE)
			return r;
	}
	if (io->fua && !*error) {
		io->fua = false;
		dmr_flush_fua(sys, bio);
		return DM_ENDIO_INCOMPLETE;
	}
	dmr_io_measured(io);
	return DM_ENDIO_DONE;
}

/* A read of a device has ended, which failed or is measured.  Return: DM_ENDIO_DONE. */
static noinline int dmr_io_end_read(struct dmr_io *io, struct bio *bio, blk_status_t *error)
{
	if (unlikely(*error))
		dmr_io_failed(io, bio, io->kind, error);
	dmr_io_measured(io);
	return DM_ENDIO_DONE;
}

/**
 * dmr_io_end() - end_io() of all targets
 * @bio: the bio.
 * @error: its status.
 *
 * Context: any.
 * Return: DM_ENDIO_DONE, or DM_ENDIO_INCOMPLETE for a FUA write with a record that is not
 * durable yet.
 */
int dmr_io_end(struct bio *bio, blk_status_t *error)
{
	struct dmr_io *io = dmr_io_of(bio);

	if (io->kind != DMR_IO_READ_SLOT && io->kind != DMR_IO_READ_HOME)
		return dmr_io_end_change(io, bio, error);
	dmr_io_leave(io);
	if (unlikely(*error || io->began))
		return dmr_io_end_read(io, bio, error);
	return DM_ENDIO_DONE;
}
