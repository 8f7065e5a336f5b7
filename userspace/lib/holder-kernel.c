// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holders inside the kernel: stacked devices, file systems that no mount shows, exports.
 * They are read from sysfs and configfs.
 */
#include <dirent.h>
#include <stdarg.h>
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

/* Is a holder of this kind in the list already? */
static bool known(const struct dmrl_holders *found, dev_t dev, enum dmreplica_holder_kind kind)
{
	const struct dmreplica_holder *items = found->list.items;
	size_t i;

	for (i = 0; i < found->list.nr; i++)
		if (items[i].dev == dev && items[i].kind == kind)
			return true;
	return false;
}

/* Called for each entry of a directory.  Return: false to stop. */
typedef bool (*entry_fn)(struct dmrl_holders *found, const char *dir, const char *name,
			 const void *arg);

static void each_entry(struct dmrl_holders *found, const char *path, entry_fn look,
		       const void *arg)
{
	struct dirent *de;
	DIR *dir = opendir(path);

	if (!dir)
		return;
	while ((de = readdir(dir)))
		if (de->d_name[0] != '.' && !look(found, path, de->d_name, arg))
			break;
	closedir(dir);
}

/* Add a holder that may write.  Return: false without memory. */
static bool __attribute__((format(printf, 4, 5)))
add_writer(struct dmrl_holders *found, dev_t dev, enum dmreplica_holder_kind kind,
	   const char *detail, ...)
{
	struct dmreplica_holder *h = dmrl_holder_add(found, dev, kind);
	va_list args;

	if (!h)
		return false;
	h->writes = true;
	va_start(args, detail);
	vsnprintf(h->detail, sizeof(h->detail), detail, args);
	va_end(args);
	return true;
}

static bool look_at_holder(struct dmrl_holders *found, const char *dir, const char *entry,
			   const void *arg)
{
	dev_t dev = *(const dev_t *)arg;
	char path[300], name[256];

	(void)dir;
	snprintf(path, sizeof(path), "/sys/block/%.200s/dm/name", entry);
	if (dmrl_sysfs_read(path, name, sizeof(name)))
		return add_writer(found, dev, DMREPLICA_HOLDER_DEVICE, "/dev/%.200s", entry);
	return add_writer(found, dev, DMREPLICA_HOLDER_DEVICE, "/dev/mapper/%.200s", name);
}

/* Does a path below a /dev lead to the node of one of the devices? */
static bool leads_to(const struct dmrl_holders *found, const char *path, dev_t *dev)
{
	return strstr(path, "/dev/") && dmrl_path_device(path, dev) &&
	       dmrl_holder_wanted(found, *dev);
}

/* Look at a loop or zram device, which opens its backing device like a file: no sysfs holder. */
static bool look_at_backed(struct dmrl_holders *found, const char *dir, const char *name,
			   const void *arg)
{
	char path[300], file[4096];
	dev_t dev;

	(void)arg;
	if (!strncmp(name, "loop", 4))
		snprintf(path, sizeof(path), "%s/%.200s/loop/backing_file", dir, name);
	else if (!strncmp(name, "zram", 4))
		snprintf(path, sizeof(path), "%s/%.200s/backing_dev", dir, name);
	else
		return true;
	if (dmrl_sysfs_read(path, file, sizeof(file)) || !leads_to(found, file, &dev))
		return true;
	return add_writer(found, dev, DMREPLICA_HOLDER_LOOP, "/dev/%.200s", name);
}

/* Find loop devices, and devices stacked on the devices. */
void dmrl_holders_stacked(struct dmrl_holders *found)
{
	char path[64];
	unsigned int i;
	dev_t dev;

	for (i = 0; i < found->nr_devs; i++) {
		dev = found->devs[i];
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/holders", major(dev), minor(dev));
		each_entry(found, path, look_at_holder, &dev);
	}
	each_entry(found, "/sys/block", look_at_backed, NULL);
}

/* Get the kernel's name of a device, which file systems show in /sys/fs.  Return: 0 or -1. */
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

struct wanted_fs {
	dev_t dev;
	char name[128];		/* kernel's name of the device */
};

/* Look at a btrfs, which may have several devices: UUID/devices/DEVICE. */
static bool look_at_btrfs(struct dmrl_holders *found, const char *dir, const char *uuid,
			  const void *arg)
{
	const struct wanted_fs *wanted = arg;
	char path[600];

	snprintf(path, sizeof(path), "%s/%.200s/devices/%s", dir, uuid, wanted->name);
	if (access(path, F_OK))
		return true;
	add_writer(found, wanted->dev, DMREPLICA_HOLDER_FILESYSTEM, "btrfs");
	return false;
}

static bool look_at_type(struct dmrl_holders *found, const char *dir, const char *type,
			 const void *arg)
{
	const struct wanted_fs *wanted = arg;
	char path[600];

	/* Skip directories with names chosen by users. */
	if (!strcmp(type, "cgroup") || !strcmp(type, "bpf"))
		return true;
	snprintf(path, sizeof(path), "%s/%.200s/%s", dir, type, wanted->name);
	if (!access(path, F_OK))
		add_writer(found, wanted->dev, DMREPLICA_HOLDER_FILESYSTEM, "%.200s", type);
	else if (!strcmp(type, "btrfs"))
		each_entry(found, "/sys/fs/btrfs", look_at_btrfs, wanted);
	return true;
}

/* Find active file systems on the devices, except those with a mount in the list. */
void dmrl_holders_filesystems(struct dmrl_holders *found)
{
	struct wanted_fs wanted;
	unsigned int i;

	for (i = 0; i < found->nr_devs; i++) {
		wanted.dev = found->devs[i];
		if (!known(found, wanted.dev, DMREPLICA_HOLDER_MOUNT) &&
		    !kernel_name(wanted.dev, wanted.name, sizeof(wanted.name)))
			each_entry(found, "/sys/fs", look_at_type, &wanted);
	}
}

static void add_target(struct dmrl_holders *found, dev_t dev, const char *what, const char *group,
		       const char *name)
{
	add_writer(found, dev, DMREPLICA_HOLDER_TARGET, "%s %.100s/%.100s", what, group, name);
}

/* Return: the last part of a path. */
static const char *last_part(const char *path)
{
	const char *last = strrchr(path, '/');

	return last ? last + 1 : path;
}

/* Look at an LIO backstore: "info" has "Major: 254 Minor: 1" of iblock, "File: PATH" of fileio. */
static bool look_at_lio(struct dmrl_holders *found, const char *group, const char *name,
			const void *arg)
{
	char path[600], info[4096], *at;
	unsigned int maj, min;
	dev_t dev;

	(void)arg;
	snprintf(path, sizeof(path), "%.300s/%.200s/info", group, name);
	if (dmrl_sysfs_read(path, info, sizeof(info)))
		return true;
	at = strstr(info, "Major: ");
	if (at && sscanf(at, "Major: %u Minor: %u", &maj, &min) == 2) {
		dev = makedev(maj, min);
		if (dmrl_holder_wanted(found, dev))
			add_target(found, dev, "LIO backstore", last_part(group), name);
		return true;
	}
	at = strstr(info, "File: ");
	if (!at)
		return true;
	at += strlen("File: ");
	at[strcspn(at, " \n")] = 0;
	if (leads_to(found, at, &dev))
		add_target(found, dev, "LIO backstore", last_part(group), name);
	return true;
}

static bool look_at_namespace(struct dmrl_holders *found, const char *dir, const char *name,
			      const void *group)
{
	char path[700], value[4096];
	dev_t dev;

	snprintf(path, sizeof(path), "%.500s/%.40s/enable", dir, name);
	if (dmrl_sysfs_read(path, value, sizeof(value)) || strcmp(value, "1"))
		return true;
	snprintf(path, sizeof(path), "%.500s/%.40s/device_path", dir, name);
	if (!dmrl_sysfs_read(path, value, sizeof(value)) && leads_to(found, value, &dev))
		add_target(found, dev, "nvmet namespace", group, name);
	return true;
}

static bool look_at_nvmet(struct dmrl_holders *found, const char *group, const char *name,
			  const void *arg)
{
	char path[600];

	(void)arg;
	if (strcmp(name, "namespaces"))
		return true;
	snprintf(path, sizeof(path), "%.500s/namespaces", group);
	each_entry(found, path, look_at_namespace, last_part(group));
	return true;
}

/* One floor of a walk: the directory's entries and their function. */
struct floor {
	entry_fn look;
};

static bool look_below(struct dmrl_holders *found, const char *dir, const char *name,
		       const void *arg)
{
	const struct floor *lower = arg;
	char path[400];

	snprintf(path, sizeof(path), "%.150s/%.200s", dir, name);
	each_entry(found, path, lower->look, NULL);
	return true;
}

/* Find exports of the devices by SCSI or NVMe. */
void dmrl_holders_targets(struct dmrl_holders *found)
{
	static const struct floor lio = { look_at_lio }, nvmet = { look_at_nvmet };

	each_entry(found, "/sys/kernel/config/target/core", look_below, &lio);
	each_entry(found, "/sys/kernel/config/nvmet/subsystems", look_below, &nvmet);
}
