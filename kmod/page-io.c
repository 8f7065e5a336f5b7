// SPDX-License-Identifier: GPL-2.0-only
/*
 * Synchronous I/O on our own pages: superblocks, log, merges.  Bios come from the system's
 * own bio set, so that I/O works under memory pressure.  Never called from map(): the bios
 * would wait in current->bio_list.
 */
#include "io.h"
#include "page-io.h"
#include "system.h"

/**
 * dmr_page_io_init() - allocate memory for I/O of a new system
 * @io: the system's part.
 *
 * Return: 0 or -ENOMEM; dmr_page_io_exit() is due in either case.
 */
int dmr_page_io_init(struct dmr_page_io *io)
{
	io->pages = mempool_create_page_pool(16, 0);
	if (!io->pages)
		return -ENOMEM;
	return bioset_init(&io->bios, 64, 0, BIOSET_NEED_BVECS);
}

/** dmr_page_io_exit() - free the memory of dmr_page_io_init() */
void dmr_page_io_exit(struct dmr_page_io *io)
{
	mempool_destroy(io->pages);
	bioset_exit(&io->bios);
}

/**
 * dmr_page_io_pages() - read or write whole 4 KiB blocks
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
int dmr_page_io_pages(struct dmr_system *sys, struct block_device *bdev, u64 sector,
		      struct page **pages, u32 nr, blk_opf_t opf)
{
	struct bio *bio = bio_alloc_bioset(bdev, nr, opf | REQ_SYNC, GFP_NOIO, &sys->page_io.bios);
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
 * dmr_page_io_sectors() - read or write part of a block
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
int dmr_page_io_sectors(struct dmr_system *sys, struct block_device *bdev, u64 sector,
			struct page *page, u32 offset, u32 bytes, blk_opf_t opf)
{
	struct bio *bio = bio_alloc_bioset(bdev, 1, opf | REQ_SYNC, GFP_NOIO, &sys->page_io.bios);
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
 * dmr_page_io_zeroes() - write blocks of zeroes
 * @sys: the system.
 * @bdev: a home.
 * @sector: first sector.
 * @sectors: how many.
 *
 * For a device without write-zeroes.  One bio at a time, from the system's own set, so
 * that this works without free memory.
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int dmr_page_io_zeroes(struct dmr_system *sys, struct block_device *bdev, u64 sector, u32 sectors)
{
	struct bio *bio;
	u32 n, bytes;
	int r = 0;

	for (; sectors && !r; sector += n, sectors -= n) {
		n = DIV_ROUND_UP(sectors, PAGE_SIZE >> SECTOR_SHIFT);
		bio = bio_alloc_bioset(bdev, min_t(u32, n, BIO_MAX_VECS), REQ_OP_WRITE | REQ_SYNC,
				       GFP_NOIO, &sys->page_io.bios);
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

/* Read a large piece for replay into vmalloc memory, page by page. */
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
				       &sys->page_io.bios);
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
 * dmr_page_io_reader_init() - initialise a reader of the store for replay
 * @rb: the reader.
 * @sys: the system.
 */
void dmr_page_io_reader_init(struct dmr_reader_bdev *rb, struct dmr_system *sys)
{
	rb->rd.read = dmr_reader_read;
	rb->rd.private = NULL;
	rb->sys = sys;
}
