// SPDX-License-Identifier: GPL-2.0-only
/*
 * Relatives: the partitions of a disk, or the disk that a partition is part of.
 *
 * Relatives share sectors, but neither openers nor page cache.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "private.h"

static int add(struct dmrl_list *list, dev_t dev)
{
	dev_t *item = list->items;
	size_t i;

	for (i = 0; i < list->nr; i++)
		if (item[i] == dev)
			return 0;
	item = dmrl_list_add(list);
	if (!item)
		return -1;
	*item = dev;
	return 0;
}

/* Read a device number from a file.  Return: 0 or -1. */
static int read_number(const char *path, dev_t *dev)
{
	unsigned int maj, min;
	char buf[32];

	if (dmrl_sysfs_read(path, buf, sizeof(buf)) || sscanf(buf, "%u:%u", &maj, &min) != 2)
		return -1;
	*dev = makedev(maj, min);
	return 0;
}

/* Add the block devices in a directory of sysfs that have @file. Return: 0, or -1 without memory. */
static int add_entries(struct dmrl_list *list, const char *dir, const char *file)
{
	struct dirent *de;
	char path[1024];
	int ret = 0;
	dev_t dev;
	DIR *d;

	d = opendir(dir);
	if (!d)
		return 0;
	while (!ret && (de = readdir(d))) {
		snprintf(path, sizeof(path), "%.600s/%.255s/%s", dir, de->d_name, file);
		if (de->d_name[0] == '.' || access(path, F_OK))
			continue;
		snprintf(path, sizeof(path), "%.600s/%.255s/dev", dir, de->d_name);
		if (!read_number(path, &dev))
			ret = add(list, dev);
	}
	closedir(d);
	return ret;
}

/* Is a device a partition?  Of which disk? */
bool dmrl_relatives_disk(dev_t dev, dev_t *disk)
{
	char path[512];

	dmrl_root_path(path, sizeof(path), "/sys/dev/block/%u:%u/partition", major(dev), minor(dev));
	if (access(path, F_OK))
		return false;
	dmrl_root_path(path, sizeof(path), "/sys/dev/block/%u:%u/../dev", major(dev), minor(dev));
	return !read_number(path, disk);
}

static int add_relatives(struct dmrl_list *list, dev_t dev)
{
	char dir[512];
	dev_t disk;

	if (dmrl_relatives_disk(dev, &disk))
		return add(list, disk);
	dmrl_root_path(dir, sizeof(dir), "/sys/dev/block/%u:%u", major(dev), minor(dev));
	return add_entries(list, dir, "partition");
}

/*
 * List devices, and after them their relatives.  The caller frees @all.
 *
 * Return: 0 or 32778.
 */
int dmrl_relatives(struct dmreplica *ctx, const dev_t *devs, unsigned int nr, dev_t **all,
		   unsigned int *nr_all)
{
	struct dmrl_list list = { .size = sizeof(dev_t) };
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++)
		ret = add(&list, devs[i]);
	for (i = 0; i < nr && !ret; i++)
		ret = add_relatives(&list, devs[i]);
	if (ret) {
		free(list.items);
		return dmrl_no_memory(ctx);
	}
	*all = list.items;
	*nr_all = list.nr;
	return 0;
}

/*
 * Add the devices directly below a device.
 *
 * Return: 0, or -1 without memory.
 */
int dmrl_relatives_below(struct dmrl_list *list, dev_t dev)
{
	char dir[512];

	list->size = sizeof(dev_t);
	dmrl_root_path(dir, sizeof(dir), "/sys/dev/block/%u:%u/slaves", major(dev), minor(dev));
	return add_entries(list, dir, "dev");
}

static void flush_one(dev_t dev)
{
	char path[256];
	int fd;

	dmreplica_device_path(major(dev), minor(dev), path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ioctl(fd, BLKFLSBUF, 0);
	close(fd);
}

/*
 * Write back and empty the page caches of a device's relatives.  The module does that only
 * for the device itself.
 */
void dmrl_relatives_flush(dev_t dev)
{
	struct dmrl_list list = { .size = sizeof(dev_t) };
	const dev_t *devs;
	size_t i;

	add_relatives(&list, dev);
	devs = list.items;
	for (i = 0; i < list.nr; i++)
		flush_one(devs[i]);
	free(list.items);
}
