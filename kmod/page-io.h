/* SPDX-License-Identifier: GPL-2.0-only */
/* Synchronous I/O on our own pages. */
#ifndef DMR_PAGE_IO_H
#define DMR_PAGE_IO_H

#include <linux/bio.h>
#include <linux/mempool.h>

#include "store/replay.h"

struct dmr_system;
struct page;

/**
 * struct dmr_page_io - memory for synchronous I/O
 * @pages: buffers for merges of a block.
 * @bios: for all I/O here.
 */
struct dmr_page_io {
	mempool_t *pages;
	struct bio_set bios;
};

int dmr_page_io_init(struct dmr_page_io *io);
void dmr_page_io_exit(struct dmr_page_io *io);
int dmr_page_io_pages(struct dmr_system *sys, struct block_device *bdev, u64 sector,
		      struct page **pages, u32 nr, blk_opf_t opf);
int dmr_page_io_sectors(struct dmr_system *sys, struct block_device *bdev, u64 sector,
			struct page *page, u32 offset, u32 bytes, blk_opf_t opf);
int dmr_page_io_zeroes(struct dmr_system *sys, struct block_device *bdev, u64 sector, u32 sectors);

struct dmr_reader_bdev {
	struct dmr_reader rd;
	struct dmr_system *sys;
};
void dmr_page_io_reader_init(struct dmr_reader_bdev *rb, struct dmr_system *sys);

#endif /* DMR_PAGE_IO_H */
