// SPDX-License-Identifier: GPL-2.0-only
/* Scanning: stores are found by their superblocks, homes by their identities. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "private.h"

/* All block devices of this machine that have a size. */
static int all_devices(struct dmreplica *ctx, struct dmrl_list *list)
{
	char path[300], buf[64], dev_path[256], uuid[160];
	struct dmreplica_blockdev *bdev, one;
	unsigned int maj, min, denied = 0;
	struct dirent *de;
	DIR *dir;

	dir = opendir("/sys/class/block");
	if (!dir)
		return 0;
	while ((de = readdir(dir))) {
		if (de->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/class/block/%.200s/size", de->d_name);
		if (dmrl_sysfs_read(path, buf, sizeof(buf)) || !strtoull(buf, NULL, 10))
			continue;
		snprintf(path, sizeof(path), "/sys/class/block/%.200s/dev", de->d_name);
		if (dmrl_sysfs_read(path, buf, sizeof(buf)) ||
		    sscanf(buf, "%u:%u", &maj, &min) != 2)
			continue;
		/* our own devices hold guests' content, and may be offline */
		if (!dmrl_sysfs_read_dev(makedev(maj, min), "dm/uuid", uuid, sizeof(uuid)) &&
		    !strncmp(uuid, "DMREPLICA-", 10))
			continue;
		dmreplica_device_path(maj, min, dev_path, sizeof(dev_path));
		if (dmreplica_blockdev_probe(ctx, dev_path, &one)) {
			denied += ctx->code == DM_REPLICA_CODE_ACCESS_DENIED;
			if (ctx->unanswered)
				dmrl_warn(ctx, "%s; it is passed over", ctx->message);
			continue;
		}
		bdev = dmrl_list_add(list);
		if (!bdev) {
			closedir(dir);
			return dmrl_no_memory(ctx);
		}
		*bdev = one;
	}
	closedir(dir);
	if (denied)
		dmrl_warn(ctx, "%u devices cannot be read; root can", denied);
	return 0;
}

/* Made of a device's content, which is a guest's: it goes when the guest writes another. */
static bool link_of_content(const char *name)
{
	return !strncmp(name, "lvm-pv-uuid-", 12);
}

/*
 * A name that outlives a reboot for what is written to a file: a link in
 * /dev/disk/by-id that hardware or host gives, unless the path was chosen by the user.
 */
static void use_stable_path(char *path, size_t size)
{
	char link[300], best[256] = "";
	struct dirent *de;
	struct stat st;
	dev_t dev;
	DIR *dir;

	if (stat(path, &st) || !S_ISBLK(st.st_mode) || strncmp(path, "/dev/", 5) ||
	    strchr(path + 5, '/'))
		return;
	dev = st.st_rdev;
	dir = opendir("/dev/disk/by-id");
	if (!dir)
		return;
	while ((de = readdir(dir))) {
		snprintf(link, sizeof(link), "/dev/disk/by-id/%.200s", de->d_name);
		if (de->d_name[0] == '.' || link_of_content(de->d_name) || stat(link, &st) ||
		    !S_ISBLK(st.st_mode) || st.st_rdev != dev)
			continue;
		/* of several take the first by name, the same one every time */
		if (!*best || strcmp(link, best) < 0)
			snprintf(best, sizeof(best), "%.255s", link);
	}
	closedir(dir);
	if (*best)
		snprintf(path, size, "%s", best);
}

static const struct dmreplica_blockdev *find_home(const struct dmrl_list *devices,
						  const struct dmr_disk_info *disk)
{
	const struct dmreplica_blockdev *bdev = devices->items;
	size_t i;

	for (i = 0; i < devices->nr; i++) {
		if (bdev[i].bytes != disk->sectors * 512)
			continue;
		if (disk->identity_type == DMR_IDENTITY_PATH ?
		    !strcmp(bdev[i].path, disk->identity) ||
		    dmrl_is_device(disk->identity, major(bdev[i].dev), minor(bdev[i].dev)) :
		    disk->identity_type != DMR_IDENTITY_NONE &&
		    dmrl_same_identity(&bdev[i], disk->identity_type, disk->identity))
			return &bdev[i];
	}
	return NULL;
}

/* Return: true if there is a store on this device. */
static bool look(struct dmreplica *ctx, const char *path, const struct dmrl_list *devices,
		 struct dmreplica_found *found)
{
	const struct dmreplica_blockdev *home;
	struct dmreplica_store *store;
	const struct dmr_sb *sb;
	unsigned int i;
	int code;

	if (dmreplica_store_open(ctx, path, &store))
		return false;
	code = dmreplica_store_super(ctx, store, &sb);
	if (code) {
		if (code != DM_REPLICA_CODE_INVALID_PARAMETER)
			dmrl_warn(ctx, "%s", ctx->message);
		dmreplica_store_close(store);
		return false;
	}
	memset(found, 0, sizeof(*found));
	memcpy(found->conf.name, sb->name, sizeof(found->conf.name));
	memcpy(found->conf.uuid, sb->system_uuid, 16);
	memcpy(found->conf.store, store->bdev.path, sizeof(found->conf.store));
	found->dev = store->bdev.dev;
	found->bytes = store->bdev.bytes;
	found->state = dmrl_shown_state(sb);
	found->conf.nr_disks = sb->nr_disks;
	for (i = 0; i < sb->nr_disks; i++) {
		memcpy(found->conf.disks[i].name, sb->disks[i].name,
		       sizeof(found->conf.disks[i].name));
		home = find_home(devices, &sb->disks[i]);
		if (!home) {
			found->missing++;
			continue;
		}
		found->homes[i] = home->dev;
		found->unproved += sb->disks[i].identity_type == DMR_IDENTITY_PATH;
		memcpy(found->conf.disks[i].path, home->path, sizeof(found->conf.disks[i].path));
	}
	dmreplica_store_close(store);
	use_stable_path(found->conf.store, sizeof(found->conf.store));
	for (i = 0; i < found->conf.nr_disks; i++)
		use_stable_path(found->conf.disks[i].path, sizeof(found->conf.disks[i].path));
	return true;
}

/* Paths that a file has already and that are right stay as they are. */
static void keep_paths(struct dmreplica *ctx, struct dmreplica_found *found)
{
	struct dmreplica_conf *conf = malloc(sizeof(*conf));
	unsigned int i, j;
	struct stat st;

	if (conf && !dmrl_conf_of(ctx, found->conf.name, found->conf.uuid, conf)) {
		if (dmrl_is_device(conf->store, major(found->dev), minor(found->dev)))
			memcpy(found->conf.store, conf->store, sizeof(conf->store));
		for (i = 0; i < found->conf.nr_disks; i++)
			for (j = 0; j < conf->nr_disks; j++)
				if (!strcmp(found->conf.disks[i].name, conf->disks[j].name) &&
				    !stat(found->conf.disks[i].path, &st) &&
				    dmrl_is_device(conf->disks[j].path, major(st.st_rdev),
						   minor(st.st_rdev)))
					memcpy(found->conf.disks[i].path, conf->disks[j].path,
					       sizeof(conf->disks[j].path));
	}
	free(conf);
	dmrl_clear(ctx);
}

/*
 * A store that is seen twice, by two paths to one disk or as a copy, is no
 * basis for a file.
 */
static void mark_twins(struct dmreplica_found *found, size_t nr)
{
	size_t i, j;

	for (i = 0; i < nr; i++)
		for (j = 0; j < nr; j++)
			if (i != j && found[i].dev != found[j].dev &&
			    !memcmp(found[i].conf.uuid, found[j].conf.uuid, 16))
				found[i].twin = true;
}

/*
 * A file is found by its name: what a store says about itself must not replace
 * the file of another system.
 */
static void mark_names(struct dmreplica_found *found, size_t nr,
		       const struct dmreplica_system *known, size_t nr_known)
{
	size_t i, j;

	for (i = 0; i < nr; i++) {
		found[i].name_taken = dmrl_system_name_fault(found[i].conf.name) != NULL;
		for (j = 0; j < nr_known; j++)
			if (!strcmp(found[i].conf.name, known[j].name) &&
			    memcmp(found[i].conf.uuid, known[j].uuid, 16))
				found[i].name_taken = true;
		for (j = 0; j < nr; j++)
			if (!strcmp(found[i].conf.name, found[j].conf.name) &&
			    memcmp(found[i].conf.uuid, found[j].conf.uuid, 16))
				found[i].name_taken = true;
	}
}

static bool is_home_of(const struct dmreplica_found *found, dev_t dev)
{
	unsigned int i;

	for (i = 0; i < found->conf.nr_disks; i++)
		if (dev && found->homes[i] == dev)
			return true;
	return false;
}

static bool names(const struct dmreplica_found *found, dev_t dev)
{
	return dev && (found->dev == dev || is_home_of(found, dev));
}

static bool conf_home(const struct dmreplica_conf *conf, dev_t dev)
{
	unsigned int d;

	for (d = 0; d < conf->nr_disks; d++)
		if (dmrl_is_device(conf->disks[d].path, major(dev), minor(dev)))
			return true;
	return false;
}

static bool conf_names(const struct dmreplica_conf *conf, dev_t dev)
{
	return dev && (dmrl_is_device(conf->store, major(dev), minor(dev)) || conf_home(conf, dev));
}

/*
 * A store that lies on a home is a guest's content.  Of two systems that name one device
 * one at least is wrong, and which cannot be told from what they say.
 */
static void mark_devices(struct dmreplica_found *found, size_t nr,
			 const struct dmreplica_conf *known, size_t nr_known)
{
	unsigned int d;
	size_t i, j;

	for (i = 0; i < nr; i++)
		for (j = 0; j < nr; j++)
			found[i].content |= memcmp(found[i].conf.uuid, found[j].conf.uuid, 16) &&
					    is_home_of(&found[j], found[i].dev);
	for (i = 0; i < nr; i++) {
		for (j = 0; j < nr; j++) {
			/* What a guest wrote takes nothing from the one it lies on. */
			if (!memcmp(found[i].conf.uuid, found[j].conf.uuid, 16) ||
			    (found[j].content && !found[i].content))
				continue;
			found[i].device_taken |= names(&found[j], found[i].dev);
			for (d = 0; d < found[i].conf.nr_disks; d++)
				found[i].device_taken |= names(&found[j], found[i].homes[d]);
		}
		for (j = 0; j < nr_known; j++) {
			if (!memcmp(found[i].conf.uuid, known[j].uuid, 16))
				continue;
			found[i].device_taken |= conf_names(&known[j], found[i].dev);
			for (d = 0; d < found[i].conf.nr_disks; d++)
				found[i].device_taken |= conf_names(&known[j], found[i].homes[d]);
		}
		/* An existing file was written by create, or confirmed by the user. */
		if (found[i].known)
			found[i].unproved = 0;
	}
}

static int add_known(struct dmreplica *ctx, struct dmreplica_found *found, size_t nr)
{
	struct dmreplica_system *list;
	size_t nr_known, i, j;
	int code;

	code = dmreplica_system_list(ctx, &list, &nr_known);
	if (code)
		return code;
	for (i = 0; i < nr; i++) {
		for (j = 0; j < nr_known; j++) {
			if (memcmp(found[i].conf.uuid, list[j].uuid, 16))
				continue;
			found[i].known = list[j].known;
			found[i].attached = list[j].attached;
		}
		if (found[i].known)
			keep_paths(ctx, &found[i]);
	}
	mark_twins(found, nr);
	mark_names(found, nr, list, nr_known);
	free(list);
	return 0;
}

static bool is_known_home(const struct dmreplica_conf *known, size_t nr, dev_t dev)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (conf_home(&known[i], dev))
			return true;
	return false;
}

int dmreplica_scan(struct dmreplica *ctx, const char *const *paths, unsigned int nr_paths,
		   struct dmreplica_found **list, size_t *nr)
{
	struct dmrl_list devices = { .size = sizeof(struct dmreplica_blockdev) };
	struct dmrl_list result = { .size = sizeof(struct dmreplica_found) };
	const struct dmreplica_blockdev *bdev;
	struct dmreplica_conf *known = NULL;
	struct dmreplica_found *found;
	size_t i, count, nr_known = 0;
	int code;

	*list = NULL;
	*nr = 0;
	dmrl_clear(ctx);
	code = all_devices(ctx, &devices);
	if (!code)
		code = dmreplica_conf_list(ctx, &known, &nr_known);
	bdev = devices.items;
	count = paths ? nr_paths : devices.nr;
	for (i = 0; !code && i < count; i++) {
		/* What a guest has written to its disk is no store, unless the device is named. */
		if (!paths && is_known_home(known, nr_known, bdev[i].dev))
			continue;
		found = dmrl_list_add(&result);
		if (!found) {
			code = dmrl_no_memory(ctx);
			break;
		}
		if (!look(ctx, paths ? paths[i] : bdev[i].path, &devices, found)) {
			result.nr--;
			if (paths)
				dmrl_warn(ctx, "%s", ctx->message);
		}
	}
	free(devices.items);
	if (!code)
		code = add_known(ctx, result.items, result.nr);
	if (!code)
		mark_devices(result.items, result.nr, known, nr_known);
	free(known);
	if (code) {
		free(result.items);
		return code;
	}
	dmrl_clear(ctx);
	*list = result.items;
	*nr = result.nr;
	return 0;
}
