// SPDX-License-Identifier: GPL-2.0-only
/* Compiled by Kbuild, never linked: are block devices opened as files?  See bdev-open.h. */
#include <linux/blkdev.h>
#include <linux/file.h>

int dmr_probe_bdev_file(dev_t dev, void *holder);

int dmr_probe_bdev_file(dev_t dev, void *holder)
{
	struct file *file = bdev_file_open_by_dev(dev, BLK_OPEN_READ | BLK_OPEN_RESTRICT_WRITES,
						  holder, NULL);
	struct block_device *bdev = file_bdev(file);

	__fput_sync(file);
	return bdev_read_only(bdev);
}
