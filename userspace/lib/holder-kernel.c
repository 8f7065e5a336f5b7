// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holders inside the kernel: devices stacked on a device, file systems that no mount shows,
 * exports.  What there is of them is read from sysfs and configfs.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "private.h"

bool dmrl_holder_wanted(const struct dmrl_holders *h, dev_t dev)
{
	unsigned int i;

	for (i = 0; i < h->nr_devs; i++)
		if (h->devs[i] == dev)
			return true;
	return false;
}

struct dmreplica_holder *dmrl_holder_add(struct dmrl_holders *h, dev_t dev,
					 enum dmreplica_holder_kind kind)
{
	struct dmreplica_holder *item = dmrl_list_add(&h->list);

	if (!item) {
		h->no_memory = true;
		return NULL;
	}
	item->dev = dev;
	item->kind = kind;
	return item;
}

/* Is one of this kind there already? */
static bool known(const struct dmrl_holders *found, dev_t dev, enum dmreplica_holder_kind kind)
{
	const struct dmreplica_holder *items = found->list.items;
	size_t i;

	for (i = 0; i < found->list.nr; i++)
		if (items[i].dev == dev && items[i].kind == kind)
			return true;
	return false;
}

static void scan_holders(struct dmrl_holders *found, dev_t dev)
{
	char path[300], name[256];
	struct dmreplica_holder *h;
	struct dirent *de;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/holders", major(dev), minor(dev));
	dir = opendir(path);
	if (!dir)
		return;
	while ((de = readdir(dir))) {
		if (de->d_name[0] == '.')
			continue;
		h = dmrl_holder_add(found, dev, DMREPLICA_HOLDER_DEVICE);
		if (!h)
			break;
		h->writes = true;
		snprintf(path, sizeof(path), "/sys/block/%.200s/dm/name", de->d_name);
		if (dmrl_sysfs_read(path, name, sizeof(name)))
			snprintf(h->detail, sizeof(h->detail), "/dev/%.200s", de->d_name);
		else
			snprintf(h->detail, sizeof(h->detail), "/dev/mapper/%.200s", name);
	}
	closedir(dir);
}

/* Is this path, of a node below some /dev, one of the devices? */
static bool leads_to(const struct dmrl_holders *found, const char *path, dev_t *dev)
{
	struct stat st;

	if (!strstr(path, "/dev/") || stat(path, &st) || !S_ISBLK(st.st_mode) ||
	    !dmrl_holder_wanted(found, st.st_rdev))
		return false;
	*dev = st.st_rdev;
	return true;
}

/* Those that have it open like a file, and are no holder in sysfs. */
static void scan_backed(struct dmrl_holders *found)
{
	char path[300], file[4096];
	struct dmreplica_holder *h;
	struct dirent *de;
	dev_t dev;
	DIR *dir = opendir("/sys/block");

	if (!dir)
		return;
	while ((de = readdir(dir))) {
		if (!strncmp(de->d_name, "loop", 4))
			snprintf(path, sizeof(path), "/sys/block/%.200s/loop/backing_file",
				 de->d_name);
		else if (!strncmp(de->d_name, "zram", 4))
			snprintf(path, sizeof(path), "/sys/block/%.200s/backing_dev", de->d_name);
		else
			continue;
		if (dmrl_sysfs_read(path, file, sizeof(file)) || !leads_to(found, file, &dev))
			continue;
		h = dmrl_holder_add(found, dev, DMREPLICA_HOLDER_LOOP);
		if (!h)
			break;
		h->writes = true;
		snprintf(h->detail, sizeof(h->detail), "/dev/%.200s", de->d_name);
	}
	closedir(dir);
}

/* Loop devices, and devices stacked on these. */
void dmrl_holders_stacked(struct dmrl_holders *found)
{
	unsigned int i;

	for (i = 0; i < found->nr_devs; i++)
		scan_holders(found, found->devs[i]);
	scan_backed(found);
}

/* The kernel's name of a device, as file systems show it in /sys/fs.  Return: 0 or -1. */
static int kernel_name(dev_t dev, char *name, size_t size)
{
	char path[64], link[512], *last;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(dev), minor(dev));
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return -1;
	link[n] = 0;
	last = strrchr(link, '/');
	snprintf(name, size, "%.127s", last ? last + 1 : link);
	return 0;
}

static void add_filesystem(struct dmrl_holders *found, dev_t dev, const char *type)
{
	struct dmreplica_holder *h = dmrl_holder_add(found, dev, DMREPLICA_HOLDER_FILESYSTEM);

	if (!h)
		return;
	h->writes = true;
	snprintf(h->detail, sizeof(h->detail), "%.200s", type);
}

/* /sys/fs/TYPE/DEVICE, or of btrfs, which has several devices, UUID/devices/DEVICE. */
static void scan_filesystem(struct dmrl_holders *found, dev_t dev, const char *name,
			    const char *type)
{
	char path[600];
	struct dirent *de;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/fs/%.200s/%.127s", type, name);
	if (!access(path, F_OK)) {
		add_filesystem(found, dev, type);
		return;
	}
	if (strcmp(type, "btrfs"))
		return;
	dir = opendir("/sys/fs/btrfs");
	if (!dir)
		return;
	while ((de = readdir(dir))) {
		if (de->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/fs/btrfs/%.200s/devices/%.127s", de->d_name,
			 name);
		if (!access(path, F_OK)) {
			add_filesystem(found, dev, type);
			break;
		}
	}
	closedir(dir);
}

/* File systems that are alive on these, but for those that a mount has named. */
void dmrl_holders_filesystems(struct dmrl_holders *found)
{
	char name[128];
	struct dirent *de;
	unsigned int i;
	DIR *dir = opendir("/sys/fs");

	if (!dir)
		return;
	while ((de = readdir(dir))) {
		/* These have directories of any name. */
		if (de->d_name[0] == '.' || !strcmp(de->d_name, "cgroup") ||
		    !strcmp(de->d_name, "bpf"))
			continue;
		for (i = 0; i < found->nr_devs; i++)
			if (!known(found, found->devs[i], DMREPLICA_HOLDER_MOUNT) &&
			    !kernel_name(found->devs[i], name, sizeof(name)))
				scan_filesystem(found, found->devs[i], name, de->d_name);
	}
	closedir(dir);
}

static void add_target(struct dmrl_holders *found, dev_t dev, const char *what, const char *group,
		       const char *name)
{
	struct dmreplica_holder *h = dmrl_holder_add(found, dev, DMREPLICA_HOLDER_TARGET);

	if (!h)
		return;
	h->writes = true;
	snprintf(h->detail, sizeof(h->detail), "%s %.100s/%.100s", what, group, name);
}

/* A backstore of LIO: "info" has "Major: 254 Minor: 1" of iblock, "File: PATH" of fileio. */
static void look_at_lio(struct dmrl_holders *found, const char *dir, const char *group,
			const char *name)
{
	char path[600], info[4096], *at;
	unsigned int maj, min;
	dev_t dev;

	snprintf(path, sizeof(path), "%s/%.200s/%.200s/info", dir, group, name);
	if (dmrl_sysfs_read(path, info, sizeof(info)))
		return;
	at = strstr(info, "Major: ");
	if (at && sscanf(at, "Major: %u Minor: %u", &maj, &min) == 2) {
		dev = makedev(maj, min);
		if (dmrl_holder_wanted(found, dev))
			add_target(found, dev, "LIO backstore", group, name);
		return;
	}
	at = strstr(info, "File: ");
	if (!at)
		return;
	at += strlen("File: ");
	at[strcspn(at, " \n")] = 0;
	if (leads_to(found, at, &dev))
		add_target(found, dev, "LIO backstore", group, name);
}

static void look_at_nvmet(struct dmrl_holders *found, const char *dir, const char *group,
			  const char *name)
{
	char base[600], path[700], value[4096];
	struct dirent *de;
	dev_t dev;
	DIR *d;

	if (strcmp(name, "namespaces"))
		return;
	snprintf(base, sizeof(base), "%s/%.200s/namespaces", dir, group);
	d = opendir(base);
	if (!d)
		return;
	while ((de = readdir(d))) {
		if (de->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%.40s/enable", base, de->d_name);
		if (dmrl_sysfs_read(path, value, sizeof(value)) || strcmp(value, "1"))
			continue;
		snprintf(path, sizeof(path), "%s/%.40s/device_path", base, de->d_name);
		if (!dmrl_sysfs_read(path, value, sizeof(value)) && leads_to(found, value, &dev))
			add_target(found, dev, "nvmet namespace", group, de->d_name);
	}
	closedir(d);
}

/* Each entry of each directory in @path. */
static void two_floors(struct dmrl_holders *found, const char *path,
		       void (*look)(struct dmrl_holders *found, const char *dir,
				    const char *group, const char *name))
{
	struct dirent *group, *entry;
	DIR *upper = opendir(path), *lower;
	char sub[400];

	if (!upper)
		return;
	while ((group = readdir(upper))) {
		if (group->d_name[0] == '.')
			continue;
		snprintf(sub, sizeof(sub), "%.100s/%.200s", path, group->d_name);
		lower = opendir(sub);
		if (!lower)
			continue;
		while ((entry = readdir(lower)))
			if (entry->d_name[0] != '.')
				look(found, path, group->d_name, entry->d_name);
		closedir(lower);
	}
	closedir(upper);
}

/* What the kernel exports by SCSI or NVMe. */
void dmrl_holders_targets(struct dmrl_holders *found)
{
	two_floors(found, "/sys/kernel/config/target/core", look_at_lio);
	two_floors(found, "/sys/kernel/config/nvmet/subsystems", look_at_nvmet);
}
