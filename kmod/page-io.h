/* SPDX-License-Identifier: GPL-2.0-only */
/* Synchronous I/O on pages of our own. */
#ifndef DMR_PAGE_IO_H
#define DMR_PAGE_IO_H

#include <linux/blk_types.h>

#include "store/replay.h"

struct dmr_system;
struct page;

int dmr_rw_pages(struct dmr_system *sys, struct block_device *bdev, u64 sector,
		 struct page **pages, u32 nr, blk_opf_t opf);
int dmr_rw_sectors(struct dmr_system *sys, struct block_device *bdev, u64 sector,
		   struct page *page, u32 offset, u32 bytes, blk_opf_t opf);
int dmr_rw_zeroes(struct dmr_system *sys, struct block_device *bdev, u64 sector, u32 sectors);

struct dmr_reader_bdev {
	struct dmr_reader rd;
	struct dmr_system *sys;
};
void dmr_reader_init(struct dmr_reader_bdev *rb, struct dmr_system *sys);

#endif /* DMR_PAGE_IO_H */
