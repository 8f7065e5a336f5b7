/* SPDX-License-Identifier: GPL-2.0-only */
/* A bio, as the parts of the I/O path see it. */
#ifndef DMR_IO_H
#define DMR_IO_H

#include <linux/bio.h>
#include <linux/device-mapper.h>
#include <linux/workqueue.h>

#include "home-flush.h"
#include "space.h"
#include "system.h"

/* Results of the parts of the I/O path. */
enum dmr_io_result {
	DMR_SUBMIT,		/* the bio is remapped: submit it */
	DMR_TAKEN,		/* deferred, parked or waiting: it may have ended already */
	DMR_ENDED,		/* answered */
};

enum dmr_io_kind {
	DMR_IO_NONE,		/* no work at its end */
	DMR_IO_READ_SLOT,
	DMR_IO_READ_HOME,
	DMR_IO_HIT,		/* write into blocks that are in this epoch's slot */
	DMR_IO_FIRST,		/* write with mask bits still to be set */
	DMR_IO_STRAIGHT,	/* write straight home */
};

struct dmr_io {
	struct dmr_target *t;
	struct work_struct work;
	struct bio *bio;
	u64 sector;		/* as mapped, FIRST and STRAIGHT */
	u32 sectors;
	u32 epoch;
	u8 kind;
	u8 side;		/* of the grace counters */
	bool entered;
	bool fua;		/* FUA: a log commit answers it */
	bool home;		/* FUA: or a flush of its home does */
	int flush_errors;	/* STRAIGHT: dmr_home_flush.errors at its start */
	u32 bytes;		/* of the bio, as cut */
	u32 batch;		/* from dmr_adapt_began(), and the time */
	u64 began;
};

static inline struct dmr_io *dmr_io_of(struct bio *bio)
{
	return dm_per_bio_data(bio, sizeof(struct dmr_io));
}

static inline void dmr_io_leave(struct dmr_io *io)
{
	if (io->entered) {
		io->entered = false;
		dmr_grace_leave(&io->t->sys->grace, io->side);
	}
}

static inline int dmr_io_finish(struct dmr_io *io, struct bio *bio, blk_status_t status)
{
	io->kind = DMR_IO_NONE;
	dmr_io_leave(io);
	bio->bi_status = status;
	bio_endio(bio);
	return DMR_ENDED;
}

/**
 * dmr_io_answer() - answer a flush, or a write with FUA that waited for one
 * @bio: the flush or write.
 * @r: 0 or a negative errno.
 *
 * R9: the status of our own I/O is not the caller's: one that means "not supported" counts
 * as a success of fsync, and others have dm send the bio again.
 *
 * Context: any.
 */
static inline void dmr_io_answer(struct bio *bio, int r)
{
	if (r)
		bio->bi_status = r == -ENOSPC ? BLK_STS_NOSPC : BLK_STS_IOERR;
	bio_endio(bio);
}

/* Cut a bio inside map(); a deferred one has been cut already. */
static inline bool dmr_io_cut(struct bio *bio, u32 sectors, bool inline_)
{
	if (sectors >= bio_sectors(bio))
		return true;
	if (!inline_)
		return false;
	dm_accept_partial_bio(bio, sectors);
	dmr_io_of(bio)->bytes = sectors << SECTOR_SHIFT;
	return true;
}

static inline u64 dmr_io_key(struct dmr_io *io, u64 sector)
{
	return dmr_key(io->t->disk_number, sector >> io->t->sys->chunk_shift);
}

static inline u32 dmr_chunk_offset(struct dmr_system *sys, u64 sector)
{
	return sector & (sys->chunk_sectors - 1);
}

/* Whole blocks only; the last block of a disk may be short. */
static inline bool dmr_io_aligned(struct dmr_io *io, u64 sector, u32 sectors)
{
	return !(sector % DMR_BLOCK_SECTORS) &&
	       (!(sectors % DMR_BLOCK_SECTORS) || sector + sectors == io->t->disk->info->sectors);
}

static inline int dmr_remap(struct bio *bio, struct block_device *bdev, u64 sector)
{
	bio_set_dev(bio, bdev);
	bio->bi_iter.bi_sector = sector;
	return DMR_SUBMIT;
}

/*
 * R5: cancel a move of the chunk by this write.  Lock-free: the vacuum sets MOVING, waits
 * a grace period, and only then may change MOVING to DROPPED.
 *
 * Return: false if the version is dropped, and takes no more writes, or held, and takes
 * none now.
 */
static inline bool dmr_version_hold(struct dmr_version *v)
{
	int state = atomic_read(&v->state);

	if (unlikely(state & DMR_V_HELD))
		return false;
	while (state & DMR_V_MOVING) {
		if (atomic_try_cmpxchg(&v->state, &state, state & ~DMR_V_MOVING))
			return true;
		if (state & DMR_V_HELD)
			return false;
	}
	return !(state & (DMR_V_DROPPED | DMR_V_HELD));
}

/* The same for a hit, which is not counted; one of a chunk that is about to be held has to be. */
static inline bool dmr_version_hold_hit(struct dmr_version *v)
{
	return likely(!(atomic_read(&v->state) & DMR_V_COUNTED)) && dmr_version_hold(v);
}

/* Has a chunk no version, and if @views allow direct writes, does it stay so? */
static inline bool dmr_chunk_is_bare(struct dmr_system *sys, const struct dmr_views *views, u64 key)
{
	spinlock_t *lock;
	unsigned long flags;
	bool bare;

	if (likely(!views->locked))
		return !dmr_map_first(&sys->map, key);
	lock = dmr_map_lock(&sys->map, key);
	spin_lock_irqsave(lock, flags);		/* pairs with dmr_admit_too_late() */
	bare = !dmr_map_first(&sys->map, key);
	spin_unlock_irqrestore(lock, flags);
	return bare;
}

/* Sectors from @sector on, at most @max, in chunks that have no version at all. */
static inline u32 dmr_run_bare(struct dmr_io *io, const struct dmr_views *views, u64 sector,
			       u32 max)
{
	struct dmr_system *sys = io->t->sys;
	u32 run = 0;

	while (run < max) {
		if (!dmr_chunk_is_bare(sys, views, dmr_io_key(io, sector + run)))
			break;
		run += sys->chunk_sectors - dmr_chunk_offset(sys, sector + run);
	}
	return min(run, max);
}

/* @own: our own bios carry the write, so that FUA is not passed on. */
static inline void dmr_straight_begin(struct dmr_io *io, struct bio *bio, bool own)
{
	struct dmr_target *t = io->t;
	struct dmr_disk *disk = t->disk;

	io->kind = DMR_IO_STRAIGHT;
	io->sector = bio->bi_iter.bi_sector;
	io->sectors = bio_sectors(bio);
	io->flush_errors = atomic_read(&disk->flush.errors);
	if (bio_op(bio) == REQ_OP_WRITE)
		dmr_fingerprint_note(&disk->fingerprint,
				     bio->bi_iter.bi_sector / DMR_BLOCK_SECTORS);
	/*
	 * R2, R5: a flush that the kernel sends behind the write could consume the error
	 * about other writes, and our next flush would succeed.  So issue it ourselves.
	 */
	if ((bio->bi_opf & REQ_FUA) && (own || !dmr_fua_is_native(t->home->bdev))) {
		io->fua = true;
		io->home = true;
		bio->bi_opf &= ~REQ_FUA;
	}
}

static inline int dmr_io_straight(struct dmr_io *io, struct bio *bio)
{
	dmr_straight_begin(io, bio, false);
	return dmr_remap(bio, io->t->home->bdev, bio->bi_iter.bi_sector);
}

/** dmr_io_spare() - slots that a write must leave to others (R8).  Return: how many. */
static inline u64 dmr_io_spare(const struct dmr_io *io)
{
	if (likely(!READ_ONCE(io->t->sys->space.reserve)) || io->t->kind == DMR_LIVE)
		return 0;
	return dmr_space_reserved(io->t->sys);
}

/* io.c */
void dmr_io_work(struct work_struct *work);
int dmr_io_map(struct dmr_target *t, struct bio *bio);
int dmr_io_end(struct bio *bio, blk_status_t *error);
void dmr_io_first_done(struct dmr_io *io, bool ok);

#endif /* DMR_IO_H */
