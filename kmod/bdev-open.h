/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Opening block devices.  The calls differ between the series: by number with a holder
 * (6.1), or as a file (6.12).  Kbuild compiles probe-bdev-file.c to choose.
 */
#ifndef DMR_BDEV_OPEN_H
#define DMR_BDEV_OPEN_H

#include <linux/blkdev.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/sched/task.h>

/**
 * struct dmr_open - a block device that is open
 * @bdev: the device, NULL if it is closed.
 * @mapping: its page cache.
 * @file: the open file (6.12).
 * @mode: of the open (6.1).
 */
struct dmr_open {
	struct block_device *bdev;
	struct address_space *mapping;
#ifdef DMR_BDEV_FILE
	struct file *file;
#else
	fmode_t mode;
#endif
};

/**
 * dmr_bdev_open() - open a block device
 * @open: filled in.
 * @dev: its number.
 * @holder: opens it for writing and claims it; NULL: opens it for reading, beside all others.
 *
 * Context: may sleep; takes the disk's open_mutex.
 * Return: 0 or a negative errno; -EBUSY if another holder has claimed it, a partition of
 * it, or the disk that it is a partition of.
 */
static inline int dmr_bdev_open(struct dmr_open *open, dev_t dev, void *holder)
{
#ifdef DMR_BDEV_FILE
	const struct cred *caller, *kernel;
	blk_mode_t mode = BLK_OPEN_READ;
	struct file *file;

	/* Kernel credentials: the file would pin the caller's keys for as long as it is open. */
	kernel = prepare_kernel_cred(&init_task);
	if (!kernel)
		return -ENOMEM;
	/* Has an effect if the host was booted with bdev_allow_write_mounted=0. */
	if (holder)
		mode |= BLK_OPEN_WRITE | BLK_OPEN_RESTRICT_WRITES;
	caller = override_creds(kernel);
	file = bdev_file_open_by_dev(dev, mode, holder, NULL);
	revert_creds(caller);
	put_cred(kernel);
	if (IS_ERR(file))
		return PTR_ERR(file);
	open->file = file;
	open->bdev = file_bdev(file);
	open->mapping = file->f_mapping;
#else
	fmode_t mode = FMODE_READ;
	struct block_device *bdev;

	if (holder)
		mode |= FMODE_WRITE | FMODE_EXCL;
	bdev = blkdev_get_by_dev(dev, mode, holder);
	if (IS_ERR(bdev))
		return PTR_ERR(bdev);
	open->mode = mode;
	open->bdev = bdev;
	open->mapping = bdev->bd_inode->i_mapping;
#endif
	return 0;
}

/** dmr_bdev_close() - close a device and release its claim before returning; may sleep */
static inline void dmr_bdev_close(struct dmr_open *open)
{
#ifdef DMR_BDEV_FILE
	/* Synchronous, as in dm: when our device is gone, the one below has to be closed. */
	__fput_sync(open->file);
#else
	blkdev_put(open->bdev, open->mode);
#endif
	open->bdev = NULL;
}

#endif /* DMR_BDEV_OPEN_H */
