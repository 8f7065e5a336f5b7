// SPDX-License-Identifier: GPL-2.0-only
/*
 * Discards and write-zeroes.
 */
#include "admit.h"
#include "flush.h"
#include "io.h"
#include "log.h"
#include "page-io.h"
#include "park.h"
#include "partial.h"
#include "system.h"
#include "zeroes.h"

/* Zero whole blocks of one chunk in a version of this epoch; the chunk's lock is held. */
static void dmr_zero_blocks(struct dmr_io *io, struct dmr_version *v, u64 mask)
{
	u64 had = v->data | v->zero;

	dmr_assert_chunk_locked(io->t->sys, v->key);
	dmr_log_dirty(io->t->sys, v);
	dmr_version_zero(v, mask);
	if (v->epoch & DMR_EPOCH_OVERLAY)
		dmr_space_overlay_add(io->t->disk, io->t->kind, hweight64(mask & ~had));
}

static u64 dmr_whole_blocks(struct dmr_io *io, u64 sector, u32 sectors)
{
	u32 offset = dmr_chunk_offset(io->t->sys, sector);
	u32 first = DIV_ROUND_UP(offset, DMR_BLOCK_SECTORS);
	u32 last = (offset + sectors) / DMR_BLOCK_SECTORS;

	if (sector + sectors == io->t->disk->info->sectors)
		last = DIV_ROUND_UP(offset + sectors, DMR_BLOCK_SECTORS);
	return last > first ? dmr_block_mask(first, last - first) : 0;
}

/*
 * Answer a bio.  A long request comes in pieces, in one call of submit_bio(): yield between
 * them, outside of the grace section.
 */
static int dmr_zeroes_ended(struct dmr_io *io, struct bio *bio, bool inline_)
{
	dmr_io_finish(io, bio, BLK_STS_OK);
	if (inline_)
		cond_resched();
	return DMR_ENDED;
}

/* Limit of zeroes that a worker writes as data in one go: to the end of a block. */
static u32 dmr_zeroes_as_data(u64 sector)
{
	return DMR_ZERO_SECTORS - sector % DMR_BLOCK_SECTORS;
}

/* R12: as dmr_run_bare(), but no more than one grace section may walk and wait for. */
static u32 dmr_zeroes_run(struct dmr_io *io, const struct bio *bio, const struct dmr_views *views)
{
	struct dmr_system *sys = io->t->sys;
	u64 sector = bio->bi_iter.bi_sector;
	u32 most = (DMR_ZERO_CHUNKS << sys->chunk_shift) - dmr_chunk_offset(sys, sector);

	if (bio->bi_opf & REQ_FUA)
		most = min_t(u32, most, dmr_zeroes_as_data(sector));
	return dmr_run_bare(io, views, sector, min(bio_sectors(bio), most));
}

/*
 * A worker has done @run sectors of a longer bio.  R12: leave the grace section, and queue
 * the rest behind the bios of others.
 */
static int dmr_zeroes_rest(struct dmr_io *io, struct bio *bio, u32 run)
{
	io->kind = DMR_IO_NONE;
	bio->bi_iter.bi_sector += run;
	bio->bi_iter.bi_size -= run << SECTOR_SHIFT;
	dmr_park_defer(io, bio);
	return DMR_TAKEN;
}

/* Discards are advice: zero blocks in this epoch's version; a bare chunk's may go straight home. */
int dmr_zeroes_discard(struct dmr_io *io, struct bio *bio, struct dmr_views *views, bool inline_)
{
	struct dmr_target *t = io->t;
	struct dmr_system *sys = t->sys;
	u32 epoch = views->view[t->kind].write;
	u64 sector = bio->bi_iter.bi_sector, key = dmr_io_key(io, sector), mask;
	u32 sectors = bio_sectors(bio), run;
	spinlock_t *lock = dmr_map_lock(&sys->map, key);
	struct dmr_version *v;
	unsigned long flags;

	run = dmr_zeroes_run(io, bio, views);
	if (run) {
		dmr_io_cut(bio, run, inline_);
		if (views->straight != t->kind || !bdev_max_discard_sectors(t->home->bdev))
			return dmr_zeroes_ended(io, bio, inline_);
		return dmr_io_straight(io, bio);
	}

	run = min(sectors, sys->chunk_sectors - dmr_chunk_offset(sys, sector));
	dmr_io_cut(bio, run, inline_);
	mask = dmr_whole_blocks(io, sector, run);
	spin_lock_irqsave(lock, flags);
	v = dmr_map_find(&sys->map, key, epoch);
	if (mask && v && dmr_version_hold(v) && !(atomic_read(&v->state) & DMR_V_BUSY) &&
	    dmr_log_has_room(sys, 1))
		dmr_zero_blocks(io, v, mask);
	spin_unlock_irqrestore(lock, flags);
	return dmr_zeroes_ended(io, bio, inline_);
}

/*
 * Write-zeroes are exact: zero the first @run sectors, blocks of one chunk, in this epoch, in
 * a version without a slot if needed.
 */
static int dmr_io_zero_chunk(struct dmr_io *io, struct bio *bio, struct dmr_views *views,
			     u32 run, bool inline_)
{
	struct dmr_system *sys = io->t->sys;
	u32 epoch = views->view[io->t->kind].write;
	u64 sector = bio->bi_iter.bi_sector, key = dmr_io_key(io, sector);
	u64 mask = dmr_whole_blocks(io, sector, run);
	spinlock_t *lock = dmr_map_lock(&sys->map, key);
	struct dmr_version *v, *new = NULL;
	unsigned long flags;
	bool late = false;

	if (!dmr_admit_first_room(sys, 1, inline_)) {
		if (!inline_)
			return dmr_io_finish(io, bio, dmr_admit_no_room(sys));
		dmr_park_defer(io, bio);
		return DMR_TAKEN;
	}
	for (;;) {
		spin_lock_irqsave(lock, flags);
		v = dmr_map_held(&sys->map, key);
		if (v)
			break;		/* BUSY: see below */
		v = dmr_map_find(&sys->map, key, epoch);
		if (v && !dmr_version_hold(v))
			v = NULL;
		late = !v && dmr_admit_too_late(io, views, key);
		if (v || new || late)
			break;
		spin_unlock_irqrestore(lock, flags);
		if (!dmr_admit_versions(io))
			return dmr_admit_full(io, bio);
		new = dmr_admit_version(io, bio, key, epoch, DMR_SLOT_NONE);
		if (!new)
			return dmr_admit_again(io, bio, inline_);
	}
	if (late) {
		spin_unlock_irqrestore(lock, flags);
		if (new)
			mempool_free(new, sys->versions.pool);
		dmr_park_defer(io, bio);
		return DMR_TAKEN;
	}
	if (!v) {
		dmr_map_insert(&sys->map, new);
		if (epoch & DMR_EPOCH_OVERLAY)
			atomic64_inc(&sys->space.overlay_versions[io->t->kind]);
		v = new;
		new = NULL;
	} else if (atomic_read(&v->state) & DMR_V_BUSY) {
		/* Wait for a merge of old content, which must not overwrite our zeroes. */
		dmr_park_for_version(io, bio, v);
		v = NULL;
	}
	if (v)
		dmr_zero_blocks(io, v, mask);
	spin_unlock_irqrestore(lock, flags);
	if (new)
		mempool_free(new, sys->versions.pool);
	if (!v)
		return DMR_TAKEN;
	if (run < bio_sectors(bio))
		return dmr_zeroes_rest(io, bio, run);
	if (bio->bi_opf & REQ_FUA) {
		io->kind = DMR_IO_NONE;
		dmr_io_leave(io);
		dmr_flush_fua(sys, bio);
		return DMR_TAKEN;
	}
	return dmr_zeroes_ended(io, bio, inline_);
}

bool dmr_zeroes_home_takes(const struct dmr_target *t)
{
	return bdev_write_zeroes_sectors(t->home->bdev) && !READ_ONCE(t->disk->no_zeroes);
}

/*
 * Write @run sectors of zeroes straight home, to a device without write-zeroes; all of the
 * bio, if with FUA.  Context: a worker; sleeps.
 */
static int dmr_io_zero_home(struct dmr_io *io, struct bio *bio, u32 run)
{
	struct dmr_target *t = io->t;
	int r;

	dmr_straight_begin(io, bio, true);
	r = dmr_page_io_zeroes(t->sys, t->home->bdev, io->sector, run);
	if (!r && run < io->sectors) {
		dmr_home_flush_written(t->disk, t->kind, io->flush_errors);
		return dmr_zeroes_rest(io, bio, run);
	}
	bio->bi_status = !r ? BLK_STS_OK : r == -ENOSPC ? BLK_STS_NOSPC : BLK_STS_IOERR;
	bio_endio(bio);		/* dmr_io_end() does the rest */
	return DMR_TAKEN;
}

/*
 * A home may advertise write-zeroes and refuse the first one, as some SCSI disks do:
 * write zeroes as data from now on.
 */
void dmr_zeroes_again(struct dmr_io *io, struct bio *bio)
{
	struct dmr_target *t = io->t;

	WRITE_ONCE(t->disk->no_zeroes, true);
	dmr_zeroes_offer(t);		/* dm has just withdrawn the feature */
	bio->bi_iter.bi_sector = io->sector;
	bio->bi_iter.bi_size = io->sectors << SECTOR_SHIFT;
	bio->bi_status = BLK_STS_OK;
	if (io->fua)
		bio->bi_opf |= REQ_FUA;
	io->fua = false;
	dmr_park_defer(io, bio);
}

/*
 * Return: the part of a write-zeroes of @run sectors that a worker can do under any later
 * views: the rest of a block, or whole blocks, with @fua of one chunk.
 */
static u32 dmr_zeroes_for_worker(const struct dmr_io *io, u64 sector, u32 run, bool fua)
{
	struct dmr_system *sys = io->t->sys;
	u32 in_block = sector % DMR_BLOCK_SECTORS;

	if (in_block || run < DMR_BLOCK_SECTORS)
		return min_t(u32, run, DMR_BLOCK_SECTORS - in_block);
	if (fua)
		run = min_t(u32, run, sys->chunk_sectors - dmr_chunk_offset(sys, sector));
	return round_down(run, DMR_BLOCK_SECTORS);
}

int dmr_zeroes_write(struct dmr_io *io, struct bio *bio, struct dmr_views *views, bool inline_)
{
	struct dmr_target *t = io->t;
	struct dmr_system *sys = t->sys;
	u64 sector = bio->bi_iter.bi_sector;
	u32 sectors = bio_sectors(bio), run;

	if (views->straight == t->kind) {
		/* Read it once: a refusal by the home may change it. */
		bool takes = dmr_zeroes_home_takes(t);

		run = dmr_zeroes_run(io, bio, views);
		if (run && !takes && inline_) {
			run = dmr_zeroes_for_worker(io, sector, run, bio->bi_opf & REQ_FUA);
			dmr_io_cut(bio, run, true);
			dmr_park_defer(io, bio);
			return DMR_TAKEN;
		}
		if (run && takes && dmr_io_cut(bio, run, inline_))
			return dmr_io_straight(io, bio);
		/* A worker: in pieces, unless the answer to all of them is a flush. */
		if (run && !takes)
			run = min(run, dmr_zeroes_as_data(sector));
		if (run && !takes && (run == sectors || !(bio->bi_opf & REQ_FUA)))
			return dmr_io_zero_home(io, bio, run);
	}

	if (sector % DMR_BLOCK_SECTORS || (sectors < DMR_BLOCK_SECTORS &&
					   !dmr_io_aligned(io, sector, sectors))) {
		run = min_t(u32, sectors, DMR_BLOCK_SECTORS - sector % DMR_BLOCK_SECTORS);
		if (!inline_)
			/* A write that a home refused may be longer: see below. */
			return sectors > run ? dmr_io_finish(io, bio, BLK_STS_NOTSUPP) :
					       dmr_partial_write(io, bio, views);
		dmr_io_cut(bio, run, true);
		dmr_park_defer(io, bio);
		return DMR_TAKEN;
	}
	if (sector + sectors != t->disk->info->sectors)
		sectors = round_down(sectors, DMR_BLOCK_SECTORS);
	run = min(sectors, sys->chunk_sectors - dmr_chunk_offset(sys, sector));
	/*
	 * A worker's bio with FUA lies in one chunk, unless a home has refused it before: then
	 * let the kernel write the zeroes.
	 */
	if (!dmr_io_cut(bio, run, inline_) && (bio->bi_opf & REQ_FUA))
		return dmr_io_finish(io, bio, BLK_STS_NOTSUPP);
	return dmr_io_zero_chunk(io, bio, views, run, inline_);
}

/**
 * dmr_zeroes_offer() - accept write-zeroes over any home
 * @t: the target.
 *
 * They take no slot and are exact; without the feature the kernel would write zeroes as
 * data, which take slots. dm limits a target to the features of the devices below, and
 * withdraws the feature when one of them refuses; it changes the limit in the same way.
 *
 * Context: any.
 */
void dmr_zeroes_offer(struct dmr_target *t)
{
	struct request_queue *q = dm_disk(dm_table_get_md(t->ti->table))->queue;

	WRITE_ONCE(q->limits.max_write_zeroes_sectors, UINT_MAX >> SECTOR_SHIFT);
}
