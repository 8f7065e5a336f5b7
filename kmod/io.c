// SPDX-License-Identifier: GPL-2.0-only
/*
 * The I/O path: what happens to a bio of any view.
 *
 * Everything is done inside map() where it can be: reads, rewrites and first
 * aligned writes are remapped without a lock on a hit, without a worker and
 * without a copy.  What must wait or copy is cut to a chunk (or a block) and
 * deferred to a worker, where the same code runs again from the beginning, with
 * the table as it is then.
 */
#include "dmr.h"
#include "trace.h"

static struct dmr_io *dmr_io_of(struct bio *bio)
{
	return dm_per_bio_data(bio, sizeof(struct dmr_io));
}

static void dmr_io_leave(struct dmr_io *io)
{
	if (io->entered) {
		io->entered = false;
		dmr_grace_leave(&io->t->sys->grace, io->side);
	}
}

static int dmr_io_finish(struct dmr_io *io, struct bio *bio, blk_status_t status)
{
	io->kind = DMR_IO_NONE;
	dmr_io_leave(io);
	bio->bi_status = status;
	bio_endio(bio);
	return DMR_ENDED;
}

/* Inside map() a bio may be cut; a deferred one has been cut already. */
static bool dmr_io_cut(struct bio *bio, u32 sectors, bool inline_)
{
	if (sectors >= bio_sectors(bio))
		return true;
	if (!inline_)
		return false;
	dm_accept_partial_bio(bio, sectors);
	dmr_io_of(bio)->bytes = sectors << SECTOR_SHIFT;
	return true;
}

static int dmr_remap(struct bio *bio, struct block_device *bdev, u64 sector)
{
	bio_set_dev(bio, bdev);
	bio->bi_iter.bi_sector = sector;
	return DMR_SUBMIT;
}

static void dmr_io_work(struct work_struct *work);

/**
 * dmr_io_defer() - let a worker begin with this bio again
 * @io: the bio's own data; it has left the grace section.
 * @bio: the bio, cut to what a worker can do in one piece.
 *
 * Context: any.
 */
void dmr_io_defer(struct dmr_io *io, struct bio *bio)
{
	dmr_io_leave(io);
	io->bio = bio;
	INIT_WORK(&io->work, dmr_io_work);
	queue_work(io->t->sys->io_wq, &io->work);
}

/* Park a bio until dmr_io_wake(); @io has left its grace section. */
static void dmr_io_park(struct dmr_io *io, struct bio *bio)
{
	io->bio = bio;
	bio_list_add(&io->t->sys->parked, bio);
}

/**
 * dmr_io_bare() - a chunk stays bare: begin again when that is settled
 * @io: the bio's own data; it has entered.
 * @bio: the bio, cut to its chunk.
 *
 * Context: any.
 */
void dmr_io_bare(struct dmr_io *io, struct bio *bio)
{
	struct dmr_system *sys = io->t->sys;
	unsigned long flags;
	bool park;

	dmr_io_leave(io);
	spin_lock_irqsave(&sys->park_lock, flags);
	park = sys->settling;
	if (park)
		dmr_io_park(io, bio);
	spin_unlock_irqrestore(&sys->park_lock, flags);
	if (!park)
		dmr_io_defer(io, bio);
}

/**
 * dmr_io_wake() - what parked bios waited for may have happened
 * @sys: the system.
 *
 * Context: any.
 */
void dmr_io_wake(struct dmr_system *sys)
{
	struct bio_list list;
	unsigned long flags;
	struct bio *bio;

	bio_list_init(&list);
	spin_lock_irqsave(&sys->park_lock, flags);
	bio_list_merge(&list, &sys->parked);
	bio_list_init(&sys->parked);
	spin_unlock_irqrestore(&sys->park_lock, flags);
	while ((bio = bio_list_pop(&list)))
		dmr_io_defer(dmr_io_of(bio), bio);
}

/*
 * Wait until nobody writes to this version whose bits are not set yet.  The
 * chunk's lock is held, so the wake-up cannot come before the parking.
 */
static void dmr_io_wait_version(struct dmr_io *io, struct bio *bio, struct dmr_version *v)
{
	struct dmr_system *sys = io->t->sys;

	atomic_or(DMR_V_WAITED, &v->state);
	dmr_io_leave(io);
	spin_lock(&sys->park_lock);
	dmr_io_park(io, bio);
	spin_unlock(&sys->park_lock);
}

/*
 * A read-merge-write in a new epoch may read what an old epoch's write straight
 * home is still writing: it waits for the switch to be over.
 */
static bool dmr_io_wait_drain(struct dmr_io *io, struct bio *bio)
{
	struct dmr_system *sys = io->t->sys;
	unsigned long flags;
	bool wait;

	if (!READ_ONCE(sys->draining))
		return false;
	spin_lock_irqsave(&sys->park_lock, flags);
	wait = sys->draining;
	if (wait) {
		dmr_io_leave(io);
		dmr_io_park(io, bio);
	}
	spin_unlock_irqrestore(&sys->park_lock, flags);
	return wait;
}

/*----------------------------------------------------------------
 * Places
 *----------------------------------------------------------------*/

static u64 dmr_io_key(struct dmr_io *io, u64 sector)
{
	return dmr_key(io->t->disk_number, sector >> io->t->sys->chunk_shift);
}

static u32 dmr_chunk_offset(struct dmr_system *sys, u64 sector)
{
	return sector & (sys->chunk_sectors - 1);
}

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

/* Whole blocks only; the last block of a disk may be short. */
static bool dmr_io_aligned(struct dmr_io *io, u64 sector, u32 sectors)
{
	return !(sector % DMR_BLOCK_SECTORS) &&
	       (!(sectors % DMR_BLOCK_SECTORS) || sector + sectors == io->t->disk->info->sectors);
}

/* Sectors from @sector on, at most @max, in chunks that have no version at all. */
static u32 dmr_run_bare(struct dmr_io *io, u64 sector, u32 max)
{
	struct dmr_system *sys = io->t->sys;
	u32 run = 0;

	while (run < max) {
		if (dmr_map_first(&sys->map, dmr_io_key(io, sector + run)))
			break;
		run += sys->chunk_sectors - dmr_chunk_offset(sys, sector + run);
	}
	return min(run, max);
}

/*----------------------------------------------------------------
 * Reads
 *----------------------------------------------------------------*/

static u32 dmr_read_run(struct dmr_io *io, const struct dmr_view *view, u64 sector, u32 max,
			struct dmr_source *src)
{
	struct dmr_system *sys = io->t->sys;
	struct dmr_source more;
	u32 run = 0, offset, blocks, got, last = 0;

	while (run < max) {
		offset = dmr_chunk_offset(sys, sector + run);
		blocks = DIV_ROUND_UP(min(offset + max - run, sys->chunk_sectors),
				      DMR_BLOCK_SECTORS) - offset / DMR_BLOCK_SECTORS;
		got = dmr_map_resolve(&sys->map, view, dmr_io_key(io, sector + run),
				      offset / DMR_BLOCK_SECTORS, blocks, &more);
		if (!run)
			*src = more;
		else if (more.kind != src->kind ||
			 (more.kind == DMR_SRC_SLOT && more.slot != last + 1))
			break;
		last = more.slot;
		run += got * DMR_BLOCK_SECTORS - offset % DMR_BLOCK_SECTORS;
		if (got < blocks)
			break;
	}
	return min(run, max);
}

static int dmr_io_read(struct dmr_io *io, struct bio *bio, struct dmr_table *tab)
{
	struct dmr_target *t = io->t;
	u64 sector = bio->bi_iter.bi_sector;
	struct dmr_source src;
	u32 run;

	run = dmr_read_run(io, &tab->view[t->kind], sector, bio_sectors(bio), &src);
	dmr_io_cut(bio, run, true);
	switch (src.kind) {
	case DMR_SRC_ZERO:
		zero_fill_bio(bio);
		return dmr_io_finish(io, bio, BLK_STS_OK);
	case DMR_SRC_SLOT:
		io->kind = DMR_IO_READ_SLOT;
		return dmr_remap(bio, t->store->bdev,
				 dmr_slot_sector(t->sys, src.slot, dmr_chunk_offset(t->sys, sector)));
	default:
		io->kind = DMR_IO_READ_HOME;
		return dmr_remap(bio, t->home->bdev, sector);
	}
}

/*----------------------------------------------------------------
 * Writes
 *----------------------------------------------------------------*/

/*
 * R5: a write cancels the move of its chunk.  Lock-free: the vacuum sets
 * MOVING, waits a grace period, and only then may turn MOVING into DROPPED.
 *
 * Return: false if the version has been dropped and takes no more writes, or is
 * held and takes none for now.
 */
static bool dmr_version_hold(struct dmr_version *v)
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

/* Sectors of a write, at most @max, that hit blocks already in this epoch's slots. */
static u32 dmr_hit_run(struct dmr_io *io, u32 epoch, u64 sector, u32 max, u32 *slot, bool *settled)
{
	struct dmr_system *sys = io->t->sys;
	u32 run = 0, offset, sectors, got, last = 0;
	struct dmr_version *v;
	u64 data, zero, want;

	*settled = true;
	while (run < max) {
		offset = dmr_chunk_offset(sys, sector + run);
		v = dmr_map_find(&sys->map, dmr_io_key(io, sector + run), epoch);
		if (!v || !dmr_version_hold(v))
			break;
		dmr_version_masks(v, &data, &zero);
		if (run && READ_ONCE(v->slot) != last + 1)
			break;
		sectors = min(max - run, sys->chunk_sectors - offset);
		want = dmr_touched(offset, sectors);
		if ((data & want) != want) {
			/* The blocks in front of the first miss still hit. */
			got = __ffs64(want & ~data);
			if (got * DMR_BLOCK_SECTORS <= offset)
				break;
			if (!run)
				*slot = READ_ONCE(v->slot);
			run += got * DMR_BLOCK_SECTORS - offset;
			*settled &= dmr_commit_settled(sys, v);
			break;
		}
		last = READ_ONCE(v->slot);
		if (!run)
			*slot = last;
		*settled &= dmr_commit_settled(sys, v);
		run += sectors;
	}
	return run;
}

static void dmr_io_count(struct dmr_io *io)
{
	this_cpu_inc(*io->t->sys->writes[io->t->kind]);
}

static struct dmr_version *dmr_version_new(struct dmr_io *io, const struct bio *bio, u64 key,
					   u32 epoch, u32 slot)
{
	struct dmr_version *v = dmr_version_get(io->t->sys, bio->bi_opf & REQ_SWAP);

	if (!v)
		return NULL;
	v->key = key;
	v->epoch = epoch;
	v->slot = slot;
	return v;
}

/**
 * dmr_io_versions() - how many more versions may the map hold for this write?
 * @io: the bio's own data.
 *
 * R8: a slot that is kept for the live failover is of use only with a version.
 *
 * Context: any.
 * Return: a number, 0 if it is full.
 */
u32 dmr_io_versions(const struct dmr_io *io)
{
	const struct dmr_map *map = &io->t->sys->map;
	s64 room = READ_ONCE(map->max_versions) - atomic64_read(&map->versions) -
		   dmr_io_spare(io);

	return clamp_t(s64, room, 0, U32_MAX);
}

/**
 * dmr_io_again() - there was no memory for a version: begin again when there is
 * @io: the bio's own data; it has entered.
 * @bio: the bio, cut to what a worker can do in one piece.
 * @inline_: not in a worker: do not wait here.
 *
 * The wait is outside of the grace section: the vacuum, which gives versions
 * back, waits for those inside.  What it is given goes back into the reserve,
 * for the next try.
 *
 * Context: a worker, unless @inline_.
 * Return: DMR_TAKEN.
 */
int dmr_io_again(struct dmr_io *io, struct bio *bio, bool inline_)
{
	struct dmr_system *sys = io->t->sys;

	dmr_io_leave(io);
	if (!inline_)
		dmr_versions_wait(sys, bio->bi_opf & REQ_SWAP);
	dmr_io_defer(io, bio);
	return DMR_TAKEN;
}

/**
 * dmr_stays_bare() - must this chunk get no version?
 * @io: the bio's own data.
 * @tab: the table it entered under.
 * @key: of the chunk, whose lock is held.
 *
 * While writes may go straight home, or are about to, a chunk without a version
 * gets none: a write that is on its way home would not be seen by who reads home
 * to merge.
 *
 * Return: true if the bio has to begin again, and will go straight, too.
 */
bool dmr_stays_bare(struct dmr_io *io, const struct dmr_table *tab, u64 key)
{
	return (tab->straight == io->t->kind || tab->bare == io->t->kind) &&
	       !dmr_map_first(&io->t->sys->map, key);
}

/*
 * Open new versions for up to @want chunks from @sector on, in adjacent slots,
 * each with this write counted in it.
 *
 * Return: how many; 0 with *status set: OK means somebody else was first, look
 * again; BLK_STS_AGAIN that the chunk has become bare or, @inline_, is held;
 * BLK_STS_DM_REQUEUE that it is held and the bio, which lies in one chunk, has
 * been parked; BLK_STS_RESOURCE that there is no memory without sleeping.
 */
static u32 dmr_first_open(struct dmr_io *io, struct bio *bio, const struct dmr_table *tab,
			  u64 sector, u32 want, bool inline_, u32 *slot, blk_status_t *status)
{
	struct dmr_system *sys = io->t->sys;
	u32 epoch = tab->view[io->t->kind].write, got, i;

	*status = BLK_STS_NOSPC;
	want = min(want, dmr_io_versions(io));
	if (!want)
		return 0;
	got = dmr_slots_alloc(&sys->slots, want, dmr_io_spare(io), slot);
	if (!got)
		return 0;		/* R8 */
	*status = BLK_STS_OK;
	for (i = 0; i < got; i++) {
		u64 key = dmr_io_key(io, sector) + i;
		spinlock_t *lock = dmr_map_lock(&sys->map, key);
		struct dmr_version *v = dmr_version_new(io, bio, key, epoch, *slot + i), *held;
		unsigned long flags;

		if (!v) {
			*status = BLK_STS_RESOURCE;
			break;
		}
		atomic_set(&v->state, DMR_V_WRITER);
		spin_lock_irqsave(lock, flags);
		held = dmr_map_held(&sys->map, key);
		if (held && !inline_) {
			*status = BLK_STS_DM_REQUEUE;
			dmr_io_wait_version(io, bio, held);
		} else if (held || dmr_stays_bare(io, tab, key)) {
			*status = BLK_STS_AGAIN;
		}
		if (*status || dmr_map_find(&sys->map, key, epoch)) {
			spin_unlock_irqrestore(lock, flags);
			mempool_free(v, sys->versions);
			break;
		}
		dmr_map_insert(&sys->map, v);
		spin_unlock_irqrestore(lock, flags);
		if (epoch & DMR_EPOCH_OVERLAY)
			atomic64_inc(&sys->overlay_versions[io->t->kind]);
		trace_dmr_version_made(sys->sb->name, io->t->disk_number, dmr_key_chunk(key),
				       epoch, *slot + i);
	}
	atomic64_add(i, &sys->nr_first);
	for (want = i; i < got; i++)
		dmr_slots_free(&sys->slots, *slot + i);
	return want;
}

/*
 * Count this write in a version that exists.
 *
 * Return: DMR_SUBMIT, or DMR_TAKEN if the bio was parked, or DMR_ENDED with
 * *status: OK means look again.
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
		dmr_io_wait_version(io, bio, v);
		r = DMR_TAKEN;
		goto out;
	}
	if (!dmr_version_hold(v))
		goto out;
	if (v->slot == DMR_SLOT_NONE) {
		u32 got;

		/* It was made of zeroes only; the slot counts once a data bit does. */
		if (!dmr_slots_alloc(&sys->slots, 1, dmr_io_spare(io), &got)) {
			*status = BLK_STS_NOSPC;
			goto out;
		}
		WRITE_ONCE(v->slot, got);
	}
	*slot = v->slot;
	atomic_add(DMR_V_WRITER, &v->state);
	atomic64_inc(&sys->nr_first);
	r = DMR_SUBMIT;
out:
	spin_unlock_irqrestore(lock, flags);
	return r;
}

/**
 * dmr_io_first_done() - a first write has ended: set its bits
 * @io: it; sector, sectors and epoch say what was written.
 * @ok: did the device take it?  If not, no bit is set (R1).
 *
 * Context: any.
 */
void dmr_io_first_done(struct dmr_io *io, bool ok)
{
	struct dmr_system *sys = io->t->sys;
	struct dmr_disk *disk = io->t->disk;
	u64 sector = io->sector, end = io->sector + io->sectors;
	bool wake = false;

	while (sector < end) {
		u32 offset = dmr_chunk_offset(sys, sector);
		u32 sectors = min_t(u64, sys->chunk_sectors - offset, end - sector);
		u64 key = dmr_io_key(io, sector), mask = dmr_touched(offset, sectors), had;
		spinlock_t *lock = dmr_map_lock(&sys->map, key);
		struct dmr_version *v;
		unsigned long flags;

		spin_lock_irqsave(lock, flags);
		/* A version with a writer is neither moved nor freed: it is there. */
		v = dmr_map_find(&sys->map, key, io->epoch);
		if (!WARN_ON_ONCE(!v)) {
			if (ok) {
				had = v->data | v->zero;
				/* Another write may have set them: then its record is due. */
				if (mask & ~(v->data & ~v->zero)) {
					dmr_commit_dirty(sys, v);
					dmr_version_set(v, mask);
				}
				if (io->epoch & DMR_EPOCH_OVERLAY)
					atomic64_add(hweight64(mask & ~had),
						     &disk->overlay_blocks[io->t->kind]);
			}
			atomic_sub(DMR_V_WRITER, &v->state);
			if (atomic_read(&v->state) & DMR_V_WAITED) {
				atomic_andnot(DMR_V_WAITED, &v->state);
				wake = true;
			}
		}
		spin_unlock_irqrestore(lock, flags);
		smp_mb__before_atomic();	/* dirty first: pairs with dmr_commit_room() */
		atomic64_dec(&sys->nr_first);
		sector += sectors;
	}
	if (wake)
		dmr_io_wake(sys);
}

/* R8: full; whoever can make room is told. */
static int dmr_io_full(struct dmr_io *io, struct bio *bio)
{
	dmr_space_full(io->t->sys);
	return dmr_io_finish(io, bio, BLK_STS_NOSPC);
}

/* R8, R9: full is one thing, broken another. */
static blk_status_t dmr_no_room(struct dmr_system *sys)
{
	return READ_ONCE(sys->critical) ? BLK_STS_IOERR : BLK_STS_NOSPC;
}

/* R7: log space for what is about to be due; a worker may wait for it. */
static bool dmr_first_room(struct dmr_system *sys, u32 chunks, bool inline_)
{
	return inline_ ? dmr_commit_room(sys, chunks) : dmr_commit_make_room(sys, chunks);
}

static int dmr_io_first(struct dmr_io *io, struct bio *bio, const struct dmr_table *tab,
			bool inline_)
{
	struct dmr_target *t = io->t;
	struct dmr_system *sys = t->sys;
	u64 sector = bio->bi_iter.bi_sector, key = dmr_io_key(io, sector);
	u32 offset = dmr_chunk_offset(sys, sector);
	u32 sectors = bio_sectors(bio), want = 1, slot = 0, got;
	u32 epoch = tab->view[t->kind].write;
	blk_status_t status;
	int r;

	/* The part that is whole blocks. */
	if (sector + sectors != t->disk->info->sectors)
		sectors = round_down(sectors, DMR_BLOCK_SECTORS);

	if (!dmr_first_room(sys, DMR_FIRST_MAX, inline_)) {
		if (!inline_)
			return dmr_io_finish(io, bio, dmr_no_room(sys));
		goto defer;
	}
	for (;;) {
		if (dmr_map_find(&sys->map, key, epoch)) {
			u32 one = min(sectors, sys->chunk_sectors - offset);

			/* Cut before joining: a parked bio is not cut any more. */
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
			/* Only chunks that have no version of this epoch. */
			for (got = 1; got < want; got++)
				if (dmr_map_find(&sys->map, key + got, epoch))
					break;
			got = dmr_first_open(io, bio, tab, sector, got, inline_, &slot, &status);
			if (status == BLK_STS_DM_REQUEUE)
				return DMR_TAKEN;
			if (got) {
				sectors = min(sectors, got * sys->chunk_sectors - offset);
				/* A worker's bio lies in one chunk: it is never cut here. */
				dmr_io_cut(bio, sectors, inline_);
				break;
			}
			if (status == BLK_STS_AGAIN) {
				dmr_io_cut(bio, min(sectors, sys->chunk_sectors - offset), inline_);
				dmr_io_bare(io, bio);
				return DMR_TAKEN;
			}
			if (status == BLK_STS_RESOURCE) {
				dmr_io_cut(bio, min(sectors, sys->chunk_sectors - offset), inline_);
				return dmr_io_again(io, bio, inline_);
			}
		}
		if (status == BLK_STS_NOSPC)
			return dmr_io_full(io, bio);
		if (status != BLK_STS_OK)
			return dmr_io_finish(io, bio, status);
	}

	io->kind = DMR_IO_FIRST;
	io->sector = sector;
	io->sectors = sectors;
	io->epoch = epoch;
	/* The commit's flush covers the data: a FUA of its own would cost one more. */
	io->commit = bio->bi_opf & REQ_FUA;
	bio->bi_opf &= ~REQ_FUA;
	return dmr_remap(bio, t->store->bdev, dmr_slot_sector(sys, slot, offset));

defer:
	dmr_io_cut(bio, min(sectors, sys->chunk_sectors - offset), inline_);
	dmr_io_defer(io, bio);
	return DMR_TAKEN;
}

/* @own: the write is made of bios of ours, so that a FUA is not passed on. */
static void dmr_straight_begin(struct dmr_io *io, struct bio *bio, bool own)
{
	struct dmr_target *t = io->t;
	struct dmr_disk *disk = t->disk;

	io->kind = DMR_IO_STRAIGHT;
	io->sector = bio->bi_iter.bi_sector;
	io->sectors = bio_sectors(bio);
	io->flush_errors = atomic_read(&disk->flush_errors);
	if (bio_op(bio) == REQ_OP_WRITE)
		dmr_fingerprint_note(&disk->fingerprint,
				     bio->bi_iter.bi_sector / DMR_BLOCK_SECTORS);
	/*
	 * R2, R5: a flush that the kernel sends behind the write could lose what others
	 * wrote, beside one of ours that finds nothing lost.  So it is ours.
	 */
	if ((bio->bi_opf & REQ_FUA) && (own || !dmr_fua_is_native(t->home->bdev))) {
		io->commit = true;
		io->home = true;
		io->told = atomic_read(&disk->home_lost[t->kind]);
		bio->bi_opf &= ~REQ_FUA;
	}
}

static int dmr_io_straight(struct dmr_io *io, struct bio *bio)
{
	dmr_straight_begin(io, bio, false);
	return dmr_remap(bio, io->t->home->bdev, bio->bi_iter.bi_sector);
}

static int dmr_io_write(struct dmr_io *io, struct bio *bio, struct dmr_table *tab, bool inline_)
{
	struct dmr_target *t = io->t;
	struct dmr_system *sys = t->sys;
	u32 epoch = tab->view[t->kind].write;
	u64 sector = bio->bi_iter.bi_sector;
	u32 sectors = bio_sectors(bio), offset = dmr_chunk_offset(sys, sector), run, slot = 0;
	bool settled, aligned;

	if (tab->straight == t->kind) {
		run = dmr_run_bare(io, sector, sectors);
		if (run && dmr_io_cut(bio, run, inline_))
			return dmr_io_straight(io, bio);
	}

	run = dmr_hit_run(io, epoch, sector, sectors, &slot, &settled);
	aligned = dmr_io_aligned(io, sector, sectors);
	/* An aligned write that hits in part only goes out in one piece as a first one. */
	if (run && (run == sectors ||
		    (inline_ && (!aligned || offset + run >= sys->chunk_sectors)))) {
		dmr_io_cut(bio, run, inline_);
		io->kind = DMR_IO_HIT;
		io->commit = false;
		if ((bio->bi_opf & REQ_FUA) && (!settled || !dmr_fua_is_native(t->store->bdev))) {
			/*
			 * R2: answered when the record is durable as well.  R9: the
			 * flush is then ours, and not one whose failure nobody else sees.
			 */
			io->commit = true;
			bio->bi_opf &= ~REQ_FUA;
		}
		return dmr_remap(bio, t->store->bdev, dmr_slot_sector(sys, slot, offset));
	}

	if (sector % DMR_BLOCK_SECTORS || (sectors < DMR_BLOCK_SECTORS && !aligned)) {
		/* Less than a block, and not in this epoch's slot: a worker merges it. */
		run = min_t(u32, sectors, DMR_BLOCK_SECTORS - sector % DMR_BLOCK_SECTORS);
		if (!inline_)
			return dmr_partial_write(io, bio, tab);
		dmr_io_cut(bio, run, true);
		dmr_io_defer(io, bio);
		return DMR_TAKEN;
	}
	return dmr_io_first(io, bio, tab, inline_);
}

/*----------------------------------------------------------------
 * Discards and write-zeroes
 *----------------------------------------------------------------*/

/* Zero whole blocks of one chunk in a version of this epoch; the lock is held. */
static void dmr_zero_blocks(struct dmr_io *io, struct dmr_version *v, u64 mask)
{
	u64 had = v->data | v->zero;

	dmr_commit_dirty(io->t->sys, v);
	dmr_version_zero(v, mask);
	if (v->epoch & DMR_EPOCH_OVERLAY)
		atomic64_add(hweight64(mask & ~had), &io->t->disk->overlay_blocks[io->t->kind]);
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

/* Advice: zero what this epoch has in a slot, pass on what lies at home alone. */
static int dmr_io_discard(struct dmr_io *io, struct bio *bio, struct dmr_table *tab, bool inline_)
{
	struct dmr_target *t = io->t;
	struct dmr_system *sys = t->sys;
	u32 epoch = tab->view[t->kind].write;
	u64 sector = bio->bi_iter.bi_sector, key = dmr_io_key(io, sector), mask;
	u32 sectors = bio_sectors(bio), run;
	spinlock_t *lock = dmr_map_lock(&sys->map, key);
	struct dmr_version *v;
	unsigned long flags;

	run = dmr_run_bare(io, sector, sectors);
	if (run) {
		dmr_io_cut(bio, run, inline_);
		if (tab->straight != t->kind || !bdev_max_discard_sectors(t->home->bdev))
			return dmr_io_finish(io, bio, BLK_STS_OK);
		return dmr_io_straight(io, bio);
	}

	run = min(sectors, sys->chunk_sectors - dmr_chunk_offset(sys, sector));
	dmr_io_cut(bio, run, inline_);
	mask = dmr_whole_blocks(io, sector, run);
	spin_lock_irqsave(lock, flags);
	v = dmr_map_find(&sys->map, key, epoch);
	if (mask && v && dmr_version_hold(v) && !(atomic_read(&v->state) & DMR_V_BUSY) &&
	    dmr_commit_room(sys, 1))
		dmr_zero_blocks(io, v, mask);
	spin_unlock_irqrestore(lock, flags);
	return dmr_io_finish(io, bio, BLK_STS_OK);
}

/* Exact: blocks become zero in this epoch, with a version of no slot if need be. */
static int dmr_io_zero_chunk(struct dmr_io *io, struct bio *bio, struct dmr_table *tab,
			     bool inline_)
{
	struct dmr_system *sys = io->t->sys;
	u32 epoch = tab->view[io->t->kind].write;
	u64 sector = bio->bi_iter.bi_sector, key = dmr_io_key(io, sector);
	u64 mask = dmr_whole_blocks(io, sector, bio_sectors(bio));
	spinlock_t *lock = dmr_map_lock(&sys->map, key);
	struct dmr_version *v, *new = NULL;
	unsigned long flags;
	bool bare = false;

	if (!dmr_first_room(sys, 1, inline_)) {
		if (!inline_)
			return dmr_io_finish(io, bio, dmr_no_room(sys));
		dmr_io_defer(io, bio);
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
		bare = !v && dmr_stays_bare(io, tab, key);
		if (v || new || bare)
			break;
		spin_unlock_irqrestore(lock, flags);
		if (!dmr_io_versions(io))
			return dmr_io_full(io, bio);
		new = dmr_version_new(io, bio, key, epoch, DMR_SLOT_NONE);
		if (!new)
			return dmr_io_again(io, bio, inline_);
	}
	if (bare) {
		spin_unlock_irqrestore(lock, flags);
		if (new)
			mempool_free(new, sys->versions);
		dmr_io_bare(io, bio);
		return DMR_TAKEN;
	}
	if (!v) {
		dmr_map_insert(&sys->map, new);
		if (epoch & DMR_EPOCH_OVERLAY)
			atomic64_inc(&sys->overlay_versions[io->t->kind]);
		v = new;
		new = NULL;
	} else if (atomic_read(&v->state) & DMR_V_BUSY) {
		/* A merge of old content must not land on our zeroes. */
		dmr_io_wait_version(io, bio, v);
		v = NULL;
	}
	if (v)
		dmr_zero_blocks(io, v, mask);
	spin_unlock_irqrestore(lock, flags);
	if (new)
		mempool_free(new, sys->versions);
	if (!v)
		return DMR_TAKEN;
	if (bio->bi_opf & REQ_FUA) {
		io->kind = DMR_IO_NONE;
		dmr_io_leave(io);
		dmr_commit_fua(sys, bio);
		return DMR_TAKEN;
	}
	return dmr_io_finish(io, bio, BLK_STS_OK);
}

static bool dmr_home_takes_zeroes(const struct dmr_target *t)
{
	return bdev_write_zeroes_sectors(t->home->bdev) && !READ_ONCE(t->disk->no_zeroes);
}

/* Straight home, to a device that knows no write-zeroes.  Context: a worker; sleeps. */
static int dmr_io_zero_home(struct dmr_io *io, struct bio *bio)
{
	int r;

	dmr_straight_begin(io, bio, true);
	r = dmr_rw_zeroes(io->t->sys, io->t->home->bdev, io->sector, io->sectors);
	bio->bi_status = !r ? BLK_STS_OK : r == -ENOSPC ? BLK_STS_NOSPC : BLK_STS_IOERR;
	bio_endio(bio);		/* dmr_io_end() does the rest */
	return DMR_TAKEN;
}

/*
 * A home that offers write-zeroes, and refuses the first one, as SCSI disks do that do not
 * say beforehand.  Write them ourselves, from now on.
 */
static void dmr_io_zero_again(struct dmr_io *io, struct bio *bio)
{
	struct dmr_target *t = io->t;

	WRITE_ONCE(t->disk->no_zeroes, true);
	dmr_io_offer_zeroes(t);		/* dm has just taken it back */
	bio->bi_iter.bi_sector = io->sector;
	bio->bi_iter.bi_size = io->sectors << SECTOR_SHIFT;
	bio->bi_status = BLK_STS_OK;
	if (io->commit)
		bio->bi_opf |= REQ_FUA;
	io->commit = false;
	dmr_io_defer(io, bio);
}

/*
 * How much of a write-zeroes of @run sectors a worker can do under whatever table is in
 * force when its turn comes: the rest of a block, or whole blocks of one chunk.
 */
static u32 dmr_zeroes_for_worker(const struct dmr_io *io, u64 sector, u32 run)
{
	struct dmr_system *sys = io->t->sys;
	u32 in_block = sector % DMR_BLOCK_SECTORS;

	if (in_block || run < DMR_BLOCK_SECTORS)
		return min_t(u32, run, DMR_BLOCK_SECTORS - in_block);
	run = min_t(u32, run, sys->chunk_sectors - dmr_chunk_offset(sys, sector));
	return round_down(run, DMR_BLOCK_SECTORS);
}

static int dmr_io_zeroes(struct dmr_io *io, struct bio *bio, struct dmr_table *tab, bool inline_)
{
	struct dmr_target *t = io->t;
	struct dmr_system *sys = t->sys;
	u64 sector = bio->bi_iter.bi_sector;
	u32 sectors = bio_sectors(bio), run;

	if (tab->straight == t->kind) {
		/* Once: a refusal of the home may change it between two looks. */
		bool takes = dmr_home_takes_zeroes(t);

		run = dmr_run_bare(io, sector, sectors);
		if (run && !takes && inline_) {
			dmr_io_cut(bio, dmr_zeroes_for_worker(io, sector, run), true);
			dmr_io_defer(io, bio);
			return DMR_TAKEN;
		}
		if (run && dmr_io_cut(bio, run, inline_))
			return takes ? dmr_io_straight(io, bio) : dmr_io_zero_home(io, bio);
	}

	if (sector % DMR_BLOCK_SECTORS || (sectors < DMR_BLOCK_SECTORS &&
					   !dmr_io_aligned(io, sector, sectors))) {
		run = min_t(u32, sectors, DMR_BLOCK_SECTORS - sector % DMR_BLOCK_SECTORS);
		if (!inline_)
			/* What a home has refused may be longer: see below. */
			return sectors > run ? dmr_io_finish(io, bio, BLK_STS_NOTSUPP) :
					       dmr_partial_write(io, bio, tab);
		dmr_io_cut(bio, run, true);
		dmr_io_defer(io, bio);
		return DMR_TAKEN;
	}
	if (sector + sectors != t->disk->info->sectors)
		sectors = round_down(sectors, DMR_BLOCK_SECTORS);
	run = min(sectors, sys->chunk_sectors - dmr_chunk_offset(sys, sector));
	/*
	 * A worker's bio lies in one chunk, unless a home has refused it, and has to take
	 * no more of them now: then let the kernel write the zeroes.
	 */
	if (!dmr_io_cut(bio, run, inline_))
		return dmr_io_finish(io, bio, BLK_STS_NOTSUPP);
	return dmr_io_zero_chunk(io, bio, tab, inline_);
}

/*----------------------------------------------------------------
 * The way through
 *----------------------------------------------------------------*/

static int dmr_io_run(struct dmr_io *io, struct bio *bio, bool inline_)
{
	struct dmr_target *t = io->t;
	struct dmr_system *sys = t->sys;
	struct dmr_table *tab;

	io->kind = DMR_IO_NONE;
	io->commit = false;
	io->home = false;
	io->side = dmr_grace_enter(&sys->grace);
	io->entered = true;
	tab = dmr_table_get(sys);

	if (tab->view[t->kind].write == DMR_EPOCH_NONE)
		return dmr_io_finish(io, bio, BLK_STS_OFFLINE);
	if (bio_op(bio) == REQ_OP_READ)
		return dmr_io_read(io, bio, tab);

	if (unlikely(READ_ONCE(sys->critical)))
		return dmr_io_finish(io, bio, BLK_STS_IOERR);	/* R9 */
	if (t->kind == DMR_REPLICA && tab->suspended)
		return dmr_io_finish(io, bio, BLK_STS_OFFLINE);
	/*
	 * R2: when the flush in front of a write fails, dm forgets that and sends the
	 * write, which as a journal's commit would vouch for what is lost.  Another flush
	 * may have succeeded before it comes; who never sends any is held up for a while.
	 */
	if (inline_ && (bio->bi_opf & REQ_FUA) && dmr_flush_failed_expire(t))
		return dmr_io_finish(io, bio, BLK_STS_IOERR);
	/* A merge in the new epoch waits for the old epoch's writes. */
	if (!inline_ && bio_sectors(bio) < DMR_BLOCK_SECTORS && dmr_io_wait_drain(io, bio))
		return DMR_TAKEN;
	if (inline_)
		dmr_io_count(io);

	switch (bio_op(bio)) {
	case REQ_OP_WRITE:
		return dmr_io_write(io, bio, tab, inline_);
	case REQ_OP_DISCARD:
		return dmr_io_discard(io, bio, tab, inline_);
	case REQ_OP_WRITE_ZEROES:
		return dmr_io_zeroes(io, bio, tab, inline_);
	default:
		return dmr_io_finish(io, bio, BLK_STS_NOTSUPP);
	}
}

static void dmr_io_work(struct work_struct *work)
{
	struct dmr_io *io = container_of(work, struct dmr_io, work);
	struct bio *bio = io->bio;

	if (dmr_io_run(io, bio, false) == DMR_SUBMIT)
		submit_bio_noacct(bio);
}

/**
 * dmr_io_map() - map() of both targets
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
	io->kind = DMR_IO_NONE;
	io->entered = false;
	io->commit = false;
	io->home = false;
	io->bytes = bio->bi_iter.bi_size;
	if (bio->bi_opf & REQ_PREFLUSH) {
		/* dm hands us flushes empty.  Nobody can have written to what is offline. */
		dmr_commit_flush(t->sys, bio);
		return DM_MAPIO_SUBMITTED;
	}
	return dmr_io_run(io, bio, true) == DMR_SUBMIT ? DM_MAPIO_REMAPPED : DM_MAPIO_SUBMITTED;
}

/**
 * dmr_io_offer_zeroes() - take write-zeroes, whatever lies below
 * @t: the target.
 *
 * They take no slot, and are exact; without them the kernel would write zeroes, which
 * take slots.  dm offers only what each device below does and cannot be told otherwise,
 * and takes it back when one of them refuses; it changes the limit just like this then.
 *
 * Context: any.
 */
void dmr_io_offer_zeroes(struct dmr_target *t)
{
	struct request_queue *q = dm_disk(dm_table_get_md(t->ti->table))->queue;

	WRITE_ONCE(q->limits.max_write_zeroes_sectors, DMR_ZERO_SECTORS);
}

/* Did a home refuse what it does not know, and need not? */
static bool dmr_io_refused(struct bio *bio, blk_status_t error)
{
	return (error == BLK_STS_NOTSUPP || error == BLK_STS_TARGET) &&
	       (bio_op(bio) == REQ_OP_WRITE_ZEROES || bio_op(bio) == REQ_OP_DISCARD);
}

/**
 * dmr_io_end() - end_io() of both targets
 * @t: the target.
 * @bio: the bio.
 * @error: its status.
 *
 * Context: any.
 * Return: DM_ENDIO_DONE, or DM_ENDIO_INCOMPLETE for a FUA write whose record
 * is not durable yet.
 */
int dmr_io_end(struct dmr_target *t, struct bio *bio, blk_status_t *error)
{
	struct dmr_io *io = dmr_io_of(bio);
	struct dmr_system *sys = t->sys;
	u8 kind = io->kind;
	bool refused;

	if (t->kind == DMR_REPLICA && bio_op(bio) == REQ_OP_WRITE && !*error && io->bytes) {
		this_cpu_add(*sys->bytes, io->bytes);
		io->bytes = 0;		/* a FUA write ends twice */
	}
	if (kind == DMR_IO_NONE)
		return DM_ENDIO_DONE;
	io->kind = DMR_IO_NONE;

	refused = kind == DMR_IO_STRAIGHT && unlikely(*error) && dmr_io_refused(bio, *error);
	if (unlikely(*error) && !refused)
		atomic64_inc(&t->disk->errors);
	switch (kind) {
	case DMR_IO_FIRST:
	case DMR_IO_HIT:
		/* Set before the answer, so that the next flush covers this write (R2). */
		if (!READ_ONCE(sys->store_dirty))
			WRITE_ONCE(sys->store_dirty, 1);
		if (kind == DMR_IO_FIRST)
			dmr_io_first_done(io, !*error);
		break;
	case DMR_IO_STRAIGHT:
		dmr_home_written(t->disk, t->kind, io->flush_errors);
		break;
	}
	dmr_io_leave(io);
	if (unlikely(refused)) {
		if (bio_op(bio) == REQ_OP_WRITE_ZEROES) {
			dmr_io_zero_again(io, bio);
			return DM_ENDIO_INCOMPLETE;
		}
		*error = BLK_STS_OK;	/* a discard is advice */
	}
	if (io->commit && !*error) {
		io->commit = false;
		dmr_commit_fua(sys, bio);
		return DM_ENDIO_INCOMPLETE;
	}
	return DM_ENDIO_DONE;
}

/**
 * dmr_view_writes() - count of writes that a kind of view has seen (R11)
 * @sys: the system.
 * @kind: of view.
 *
 * Exact when no write is on its way.
 * Return: the count since the system was attached.
 */
u64 dmr_view_writes(struct dmr_system *sys, enum dmr_kind kind)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(sys->writes[kind], cpu));
	return sum;
}
