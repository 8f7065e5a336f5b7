// SPDX-License-Identifier: GPL-2.0-only
/* Block devices: sizes and identity. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <blkid/blkid.h>
#include <linux/fs.h>

#include "private.h"

/*
 * Read a small file, without trailing white space.
 *
 * Return: 0, or a negative errno; -ENODATA if it is empty.
 */
int dmrl_sysfs_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return n;
	while (n && strchr(" \t\r\n", buf[n - 1]))
		n--;
	buf[n] = 0;
	return n ? 0 : -ENODATA;
}

int dmrl_sysfs_read_dev(dev_t dev, const char *attr, char *buf, size_t size)
{
	char path[1024];

	dmrl_root_path(path, sizeof(path), "/sys/dev/block/%u:%u/%s", major(dev), minor(dev), attr);
	return dmrl_sysfs_read(path, buf, size);
}

static bool is_partition(dev_t dev)
{
	char buf[16];

	return dmrl_sysfs_read_dev(dev, "partition", buf, sizeof(buf)) == 0;
}

static bool partuuid_of(dev_t dev, char *out, size_t size)
{
	const char *uuid = NULL;
	blkid_parttable table;
	blkid_partlist list;
	blkid_partition part;
	blkid_probe pr;
	char *disk_path;
	dev_t disk = 0;

	if (blkid_devno_to_wholedisk(dev, NULL, 0, &disk))
		return false;
	disk_path = blkid_devno_to_devname(disk);
	if (!disk_path)
		return false;
	pr = blkid_new_probe_from_filename(disk_path);
	free(disk_path);
	if (!pr)
		return false;
	list = blkid_probe_get_partitions(pr);
	part = list ? blkid_partlist_devno_to_partition(list, dev) : NULL;
	table = part ? blkid_partition_get_table(part) : NULL;
	if (table)
		uuid = blkid_partition_get_uuid(part);
	if (uuid)
		snprintf(out, size, "%s", uuid);
	blkid_free_probe(pr);
	return uuid != NULL;
}

static void find_identity(struct dmreplica_blockdev *bdev)
{
	static const char *const wwids[] = { "wwid", "device/wwid" };
	static const char *const serials[] = { "serial", "device/serial" };
	char buf[4096], offset[32], full[4096 + 40];
	unsigned int i;

	if (bdev->file) {
		dmrl_identity_set(bdev, DMR_IDENTITY_PATH, bdev->path);
		return;
	}
	if (!dmrl_sysfs_read_dev(bdev->dev, "dm/uuid", buf, sizeof(buf))) {
		dmrl_identity_set(bdev, DMR_IDENTITY_DM_UUID, buf);
		return;
	}
	if (is_partition(bdev->dev)) {
		if (partuuid_of(bdev->dev, buf, sizeof(buf))) {
			dmrl_identity_set(bdev, DMR_IDENTITY_PARTUUID, buf);
			return;
		}
		dmrl_identity_set(bdev, DMR_IDENTITY_PATH, bdev->path);
		return;
	}
	for (i = 0; i < 2; i++) {
		if (!dmrl_sysfs_read_dev(bdev->dev, wwids[i], buf, sizeof(buf))) {
			dmrl_identity_set(bdev, DMR_IDENTITY_WWID, buf);
			return;
		}
	}
	if (!dmrl_sysfs_read_dev(bdev->dev, "loop/backing_file", buf, sizeof(buf))) {
		if (!dmrl_sysfs_read_dev(bdev->dev, "loop/offset", offset, sizeof(offset)) &&
		    strcmp(offset, "0")) {
			snprintf(full, sizeof(full), "%s@%s", buf, offset);
			dmrl_identity_set(bdev, DMR_IDENTITY_LOOP_FILE, full);
		} else {
			dmrl_identity_set(bdev, DMR_IDENTITY_LOOP_FILE, buf);
		}
		return;
	}
	for (i = 0; i < 2; i++) {
		if (!dmrl_sysfs_read_dev(bdev->dev, serials[i], buf, sizeof(buf))) {
			dmrl_identity_set(bdev, DMR_IDENTITY_SERIAL, buf);
			return;
		}
	}
	dmrl_identity_set(bdev, DMR_IDENTITY_PATH, bdev->path);
}

/* Do not resolve links: names in /dev/disk/by-id survive a reboot, their targets may not. */
static int absolute(const char *path, char *out, size_t size)
{
	char dir[256];
	int len;

	if (*path == '/')
		len = snprintf(out, size, "%s", path);
	else if (getcwd(dir, sizeof(dir)))
		len = snprintf(out, size, "%s/%s", dir, path);
	else
		return -1;
	return len < 0 || (size_t)len >= size ? -1 : 0;
}

int dmreplica_blockdev_probe(struct dmreplica *ctx, const char *path,
			     struct dmreplica_blockdev *bdev)
{
	unsigned int physical = 0;
	int logical = 0, read_only = 0;
	char zoned[32];
	struct stat st;
	int fd, err;

	dmrl_clear(ctx);
	memset(bdev, 0, sizeof(*bdev));
	if (absolute(path, bdev->path, sizeof(bdev->path)))
		return dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER, "path %s is too long",
				 path);
	if (stat(path, &st))
		return dmrl_fail_errno(ctx, errno, "cannot find device %s", path);
	if (S_ISREG(st.st_mode)) {
		bdev->file = true;
		bdev->bytes = st.st_size;
		bdev->logical = 512;
		bdev->physical = 4096;
		find_identity(bdev);
		return 0;
	}
	if (!S_ISBLK(st.st_mode)) {
		dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER, "%s is not a block device", path);
		return dmrl_hint(ctx, "give a disk, partition, logical volume, loop or network block device");
	}
	bdev->dev = st.st_rdev;
	err = dmrl_device_answers(ctx, path, st.st_rdev);
	if (err)
		return err;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return dmrl_fail_errno(ctx, errno, "cannot open %s", path);
	if (ioctl(fd, BLKGETSIZE64, &bdev->bytes) || ioctl(fd, BLKSSZGET, &logical) ||
	    ioctl(fd, BLKPBSZGET, &physical) || ioctl(fd, BLKROGET, &read_only)) {
		err = errno;
		close(fd);
		return dmrl_fail_errno(ctx, err, "cannot get the size of %s", path);
	}
	close(fd);
	/* a partition has its disk's queue; without zone support there is no such file */
	bdev->zoned = (!dmrl_sysfs_read_dev(bdev->dev, "queue/zoned", zoned, sizeof(zoned)) ||
		       !dmrl_sysfs_read_dev(bdev->dev, "../queue/zoned", zoned, sizeof(zoned))) &&
		      strcmp(zoned, "none");
	bdev->logical = logical;
	bdev->physical = physical;
	bdev->read_only = read_only;
	find_identity(bdev);
	return 0;
}

/* Does a path lead to a device now? */
bool dmrl_is_device(const char *path, u32 maj, u32 min)
{
	struct stat st;

	return !stat(path, &st) && S_ISBLK(st.st_mode) && st.st_rdev == makedev(maj, min);
}

char *dmreplica_device_path(uint32_t maj, uint32_t min, char *path, size_t size)
{
	char buf[1024], *line, *save = NULL;
	dev_t dev = makedev(maj, min);

	if (!dmrl_sysfs_read_dev(dev, "dm/name", buf, sizeof(buf))) {
		snprintf(path, size, "/dev/mapper/%s", buf);
		return path;
	}
	if (!dmrl_sysfs_read_dev(dev, "uevent", buf, sizeof(buf))) {
		for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
			if (!strncmp(line, "DEVNAME=", 8)) {
				snprintf(path, size, "/dev/%s", line + 8);
				return path;
			}
		}
	}
	snprintf(path, size, "%u:%u", maj, min);
	return path;
}
