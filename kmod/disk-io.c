// SPDX-License-Identifier: GPL-2.0-only
/*
 * Synchronous I/O on pages of our own: superblocks, log, merges, moving home.
 * Bios come from the system's own bio set, so that this goes on under memory
 * pressure; never called from map() (the bios would wait in current->bio_list).
 */
#include "dmr.h"

/**
 * dmr_rw_pages() - read or write whole 4 KiB blocks
 * @sys: the system.
 * @bdev: store or home.
 * @sector: first sector.
 * @pages: one page per block.
 * @nr: blocks, at most BIO_MAX_VECS.
 * @opf: REQ_OP_READ or REQ_OP_WRITE, with flags.
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int dmr_rw_pages(struct dmr_system *sys, struct block_device *bdev, u64 sector,
		 struct page **pages, u32 nr, blk_opf_t opf)
{
	struct bio *bio = bio_alloc_bioset(bdev, nr, opf | REQ_SYNC, GFP_NOIO, &sys->bios);
	u32 i;
	int r;

	bio->bi_iter.bi_sector = sector;
	for (i = 0; i < nr; i++) {
		if (bio_add_page(bio, pages[i], DMR_BLOCK_SIZE, 0) != DMR_BLOCK_SIZE) {
			bio_put(bio);
			return -EIO;
		}
	}
	r = submit_bio_wait(bio);
	bio_put(bio);
	return r;
}

/**
 * dmr_rw_sectors() - read or write part of a block
 * @sys: the system.
 * @bdev: store or home.
 * @sector: first sector.
 * @page: memory.
 * @offset: bytes into @page, a multiple of 512.
 * @bytes: how many, a multiple of 512.
 * @opf: REQ_OP_READ or REQ_OP_WRITE, with flags.
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int dmr_rw_sectors(struct dmr_system *sys, struct block_device *bdev, u64 sector,
		   struct page *page, u32 offset, u32 bytes, blk_opf_t opf)
{
	struct bio *bio = bio_alloc_bioset(bdev, 1, opf | REQ_SYNC, GFP_NOIO, &sys->bios);
	int r;

	bio->bi_iter.bi_sector = sector;
	if (bio_add_page(bio, page, bytes, offset) != bytes)
		r = -EIO;
	else
		r = submit_bio_wait(bio);
	bio_put(bio);
	return r;
}

/**
 * dmr_rw_zeroes() - write blocks of zeroes
 * @sys: the system.
 * @bdev: a home.
 * @sector: first sector.
 * @sectors: how many.
 *
 * For a device that does not take write-zeroes.  One bio at a time, from the system's
 * own set: this goes on without memory.
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int dmr_rw_zeroes(struct dmr_system *sys, struct block_device *bdev, u64 sector, u32 sectors)
{
	struct bio *bio;
	u32 n, bytes;
	int r = 0;

	for (; sectors && !r; sector += n, sectors -= n) {
		n = DIV_ROUND_UP(sectors, PAGE_SIZE >> SECTOR_SHIFT);
		bio = bio_alloc_bioset(bdev, min_t(u32, n, BIO_MAX_VECS), REQ_OP_WRITE | REQ_SYNC,
				       GFP_NOIO, &sys->bios);
		bio->bi_iter.bi_sector = sector;
		for (n = 0; n < sectors; n += bytes >> SECTOR_SHIFT) {
			bytes = min_t(u32, (sectors - n) << SECTOR_SHIFT, PAGE_SIZE);
			if (bio_add_page(bio, ZERO_PAGE(0), bytes, 0) != bytes)
				break;
		}
		r = n ? submit_bio_wait(bio) : -EIO;
		bio_put(bio);
	}
	return r;
}

/*
 * R2, R15: a device that has lost its cache says so once, to whoever flushes it.  Who
 * else relies on it is told by a flush or an operation of his own: each kind of device
 * that has written there, once for all that it asked for until then, and an operation.
 */
static void dmr_home_lose(struct dmr_disk *disk, unsigned int kinds)
{
	int i;

	for (i = 0; i < DMR_KINDS; i++)
		if (kinds & BIT(i))
			atomic_inc(&disk->home_lost[i]);
	if (kinds)
		atomic_set(&disk->op_lost, 1);
}

static unsigned int dmr_home_direct(struct dmr_disk *disk)
{
	unsigned int kinds = 0;
	int i;

	for (i = 0; i < DMR_KINDS; i++)
		if (READ_ONCE(disk->home_direct[i]))
			kinds |= BIT(i);
	return kinds;
}

/**
 * dmr_home_written() - a write that went straight home has ended
 * @disk: the disk.
 * @kind: of the device it came from.
 * @flush_errors: dmr_disk.flush_errors when it was sent.
 *
 * R2, R15: set before the answer, so that the next flush covers it.  If a flush has
 * failed meanwhile, nobody knows whether the device had it then.
 *
 * Context: any.
 */
void dmr_home_written(struct dmr_disk *disk, enum dmr_kind kind, int flush_errors)
{
	if (!READ_ONCE(disk->home_direct[kind]))
		WRITE_ONCE(disk->home_direct[kind], 1);
	if (!READ_ONCE(disk->home_dirty))
		WRITE_ONCE(disk->home_dirty, 1);
	smp_mb();	/* pairs with dmr_home_flush(): one of the two sees the other */
	if (unlikely(atomic_read(&disk->flush_errors) != flush_errors))
		dmr_home_lose(disk, BIT(kind));
}

/**
 * dmr_home_flush() - make what was written directly to a home durable
 * @disk: the disk.
 *
 * R2, R5: the commit worker, the vacuum and the last suspend all come here.
 * Whoever finds nothing to flush must know that the flush which covers it has
 * succeeded, not that somebody has begun one.
 *
 * Context: may sleep; the home may be unbound, and has been flushed then.
 * Return: 0 or a negative errno; what was written stays due then.
 */
int dmr_home_flush(struct dmr_disk *disk)
{
	struct block_device *home;
	unsigned int kinds = 0;
	int r = 0, i;

	mutex_lock(&disk->flush_mutex);
	home = disk->home;
	if (home && READ_ONCE(disk->home_dirty)) {
		for (i = 0; i < DMR_KINDS; i++)
			if (xchg(&disk->home_direct[i], 0))
				kinds |= BIT(i);
		WRITE_ONCE(disk->home_dirty, 0);
		smp_mb();	/* cleared before the flush: what is written later sets it again */
		r = blkdev_issue_flush(home);
	}
	if (r) {
		atomic_inc(&disk->flush_errors);
		smp_mb__after_atomic();	/* pairs with dmr_home_written() */
		kinds |= dmr_home_direct(disk);
		for (i = 0; i < DMR_KINDS; i++)
			if (kinds & BIT(i))
				WRITE_ONCE(disk->home_direct[i], 1);
		WRITE_ONCE(disk->home_dirty, 1);
		dmr_home_lose(disk, kinds);
		atomic64_inc(&disk->errors);
		DMERR_LIMIT("%s: flush of the home of disk %s failed (%d)", disk->sys->sb->name,
			    disk->info->name, r);
	}
	mutex_unlock(&disk->flush_mutex);
	return r;
}

/**
 * dmr_home_flush_for_op() - the same, for an operation that needs all of it durable
 * @disk: the disk.
 *
 * Context: as dmr_home_flush(); one at a time.
 * Return: as dmr_home_flush(); -EIO also if something was lost before.
 */
int dmr_home_flush_for_op(struct dmr_disk *disk)
{
	int r = dmr_home_flush(disk);

	return atomic_xchg(&disk->op_lost, 0) ? -EIO : r;
}

/* Replay reads large pieces into vmalloc memory, page by page of it. */
static int dmr_reader_read(struct dmr_reader *rd, u64 first, u32 count, void *buf)
{
	struct dmr_reader_bdev *rb = container_of(rd, struct dmr_reader_bdev, rd);
	struct dmr_system *sys = rb->sys;
	u32 nr, i;
	int r;

	for (; count; count -= nr, first += nr, buf += nr * DMR_BLOCK_SIZE) {
		struct bio *bio;

		nr = min_t(u32, count, BIO_MAX_VECS);
		bio = bio_alloc_bioset(sys->store, nr, REQ_OP_READ | REQ_META, GFP_NOIO,
				       &sys->bios);
		bio->bi_iter.bi_sector = first * DMR_BLOCK_SECTORS;
		for (i = 0; i < nr; i++) {
			void *at = buf + i * DMR_BLOCK_SIZE;
			struct page *page = is_vmalloc_addr(at) ? vmalloc_to_page(at) :
								  virt_to_page(at);

			if (bio_add_page(bio, page, DMR_BLOCK_SIZE,
					 offset_in_page(at)) != DMR_BLOCK_SIZE)
				break;
		}
		r = i ? submit_bio_wait(bio) : -EIO;
		bio_put(bio);
		if (r)
			return r;
		nr = i;
	}
	return 0;
}

/**
 * dmr_reader_init() - a reader of the store for replay
 * @rb: to be filled in.
 * @sys: the system.
 */
void dmr_reader_init(struct dmr_reader_bdev *rb, struct dmr_system *sys)
{
	rb->rd.read = dmr_reader_read;
	rb->rd.private = NULL;
	rb->sys = sys;
}
