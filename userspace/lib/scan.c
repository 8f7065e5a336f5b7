// SPDX-License-Identifier: GPL-2.0-only
/* Scan: find stores by their superblocks, and homes by their identities. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "private.h"

/* List all block devices of this machine that have a size. */
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
		/* skip our own devices: they hold guests' content, and may be offline */
		if (!dmrl_sysfs_read_dev(makedev(maj, min), "dm/uuid", uuid, sizeof(uuid)) &&
		    !strncmp(uuid, "DMREPLICA-", 10))
			continue;
		dmreplica_device_path(maj, min, dev_path, sizeof(dev_path));
		if (dmreplica_blockdev_probe(ctx, dev_path, &one)) {
			denied += ctx->code == DM_REPLICA_CODE_ACCESS_DENIED;
			if (ctx->unanswered)
				dmrl_warn(ctx, "%s; it is skipped", ctx->message);
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

/* Does a link depend on the device's content? A guest's writes would change it. */
static bool link_of_content(const char *name)
{
	return !strncmp(name, "lvm-pv-uuid-", 12);
}

/*
 * Replace a path that is to be written to a file, unless the user chose it, by one that
 * survives a reboot: a link in /dev/disk/by-id made of properties of hardware or host.
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
		/* of several links use the first by name, for a stable choice */
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
	bool path = disk->identity_type == DMR_IDENTITY_PATH, leads;
	dev_t dev = 0;
	size_t i;

	/*
	 * A guest may have written the store, so no other path is followed than one to a node
	 * of a device: it may be one that hangs, or that mounts something.
	 */
	leads = path && !strncmp(disk->identity, "/dev/", 5) &&
		dmrl_path_device(disk->identity, &dev);
	for (i = 0; i < devices->nr; i++) {
		if (bdev[i].bytes < disk->sectors * 512)
			continue;
		if (path ? !strcmp(bdev[i].path, disk->identity) || (leads && bdev[i].dev == dev) :
		    disk->identity_type != DMR_IDENTITY_NONE &&
		    dmrl_same_identity(&bdev[i], disk->identity_type, disk->identity))
			return &bdev[i];
	}
	return NULL;
}

/* Look for a store on a device.  Return: true if there is one. */
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
		/* Paths can be guessed. */
		found->unproved += sb->disks[i].identity_type == DMR_IDENTITY_PATH ||
				   sb->disks[i].identity_type == DMR_IDENTITY_LOOP_FILE;
		memcpy(found->conf.disks[i].path, home->path, sizeof(found->conf.disks[i].path));
	}
	dmreplica_store_close(store);
	use_stable_path(found->conf.store, sizeof(found->conf.store));
	for (i = 0; i < found->conf.nr_disks; i++)
		use_stable_path(found->conf.disks[i].path, sizeof(found->conf.disks[i].path));
	return true;
}

/* Keep paths of an existing file that still lead to the devices. */
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
 * Mark a store that is found twice, by two paths to one disk or as a copy: no file is
 * written for it.
 */
static void mark_twins(struct dmreplica_found *found, size_t nr)
{
	size_t i, j;

	for (i = 0; i < nr; i++)
		for (j = 0; j < nr; j++)
			if (i != j && found[i].dev != found[j].dev && !found[j].content &&
			    !memcmp(found[i].conf.uuid, found[j].conf.uuid, 16))
				found[i].twin = true;
}

/*
 * Mark a store whose system's name is taken: it must not replace the file of another
 * system.
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
			    (!found[j].content || found[i].content) &&
			    memcmp(found[i].conf.uuid, found[j].conf.uuid, 16))
				found[i].name_taken = true;
	}
}

/* Where the devices of a system lie. */
struct sites {
	struct dmrl_place store;
	struct dmrl_place homes[DMR_MAX_DISKS];
};

static void free_sites(struct sites *sites, size_t nr)
{
	unsigned int d;
	size_t i;

	for (i = 0; sites && i < nr; i++) {
		dmrl_place_free(&sites[i].store);
		for (d = 0; d < DMR_MAX_DISKS; d++)
			dmrl_place_free(&sites[i].homes[d]);
	}
	free(sites);
}

static int place_of_path(struct dmreplica *ctx, const char *path, struct dmrl_place *place)
{
	struct stat st;

	return stat(path, &st) || !S_ISBLK(st.st_mode) ? 0 : dmrl_place_of(ctx, st.st_rdev, place);
}

/* Of the systems that files describe.  Return: 0 or 32778. */
static int sites_of_files(struct dmreplica *ctx, const struct dmreplica_conf *known, size_t nr,
			  struct sites **sites)
{
	unsigned int d;
	size_t i;
	int code = 0;

	*sites = calloc(nr + 1, sizeof(**sites));
	if (!*sites)
		return dmrl_no_memory(ctx);
	for (i = 0; i < nr && !code; i++) {
		code = place_of_path(ctx, known[i].store, &(*sites)[i].store);
		for (d = 0; d < known[i].nr_disks && !code; d++)
			code = place_of_path(ctx, known[i].disks[d].path, &(*sites)[i].homes[d]);
	}
	return code;
}

/* Of the systems whose stores were found.  Return: 0 or 32778. */
static int sites_of_found(struct dmreplica *ctx, const struct dmreplica_found *found, size_t nr,
			  struct sites **sites)
{
	unsigned int d;
	size_t i;
	int code = 0;

	*sites = calloc(nr + 1, sizeof(**sites));
	if (!*sites)
		return dmrl_no_memory(ctx);
	for (i = 0; i < nr && !code; i++) {
		if (found[i].dev)
			code = dmrl_place_of(ctx, found[i].dev, &(*sites)[i].store);
		for (d = 0; d < found[i].conf.nr_disks && !code; d++)
			if (found[i].homes[d])
				code = dmrl_place_of(ctx, found[i].homes[d], &(*sites)[i].homes[d]);
	}
	return code;
}

static bool on_home_of(const struct sites *sites, const struct dmrl_place *place)
{
	unsigned int d;

	for (d = 0; d < DMR_MAX_DISKS; d++)
		if (dmrl_place_on(place, &sites->homes[d]))
			return true;
	return false;
}

static bool shares(const struct sites *a, const struct dmrl_place *place)
{
	unsigned int d;

	if (dmrl_place_shared(&a->store, place))
		return true;
	for (d = 0; d < DMR_MAX_DISKS; d++)
		if (dmrl_place_shared(&a->homes[d], place))
			return true;
	return false;
}

/* Is a device of the one a device of the other, or does one lie on another? */
static bool share(const struct sites *a, const struct sites *b)
{
	unsigned int d;

	if (shares(a, &b->store))
		return true;
	for (d = 0; d < DMR_MAX_DISKS; d++)
		if (b->homes[d].devs.nr && shares(a, &b->homes[d]))
			return true;
	return false;
}

/*
 * A store that lies on a home, or on a partition or volume of one, is a guest's content, of
 * any system that it names.
 */
static void mark_content(struct dmreplica_found *found, size_t nr, const struct sites *sites)
{
	size_t i, j;

	for (i = 0; i < nr; i++)
		for (j = 0; j < nr; j++)
			found[i].content |= i != j && found[i].dev != found[j].dev &&
					    on_home_of(&sites[j], &sites[i].store);
}

/*
 * Mark systems that share a device: at least one of them is wrong, and their content does
 * not show which.
 */
static void mark_devices(struct dmreplica_found *found, size_t nr, const struct sites *sites,
			 const struct dmreplica_conf *known, size_t nr_known,
			 const struct sites *known_sites)
{
	size_t i, j;

	for (i = 0; i < nr; i++) {
		for (j = 0; j < nr; j++) {
			/* A store written by a guest takes no device from the system below it. */
			if (!memcmp(found[i].conf.uuid, found[j].conf.uuid, 16) ||
			    (found[j].content && !found[i].content))
				continue;
			found[i].device_taken |= share(&sites[j], &sites[i]);
		}
		for (j = 0; j < nr_known; j++)
			if (memcmp(found[i].conf.uuid, known[j].uuid, 16))
				found[i].device_taken |= share(&known_sites[j], &sites[i]);
		/* An existing file proves homes: create wrote it, or the user confirmed it. */
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

/* Return: 1 if a device lies on a home that a file names, 0 if not, -1 without memory. */
static int on_known_home(struct dmreplica *ctx, const struct sites *known, size_t nr, dev_t dev)
{
	struct dmrl_place place;
	int found = 0;
	size_t i;

	if (dmrl_place_of(ctx, dev, &place))
		return -1;
	for (i = 0; i < nr && !found; i++)
		found = on_home_of(&known[i], &place);
	dmrl_place_free(&place);
	return found;
}

/* What the stores found mean for each other.  Return: 0 or a refusal. */
static int judge(struct dmreplica *ctx, struct dmreplica_found *found, size_t nr,
		 const struct dmreplica_conf *known, size_t nr_known, const struct sites *known_sites)
{
	struct sites *sites;
	int code;

	code = sites_of_found(ctx, found, nr, &sites);
	if (!code) {
		mark_content(found, nr, sites);
		code = add_known(ctx, found, nr);
	}
	if (!code)
		mark_devices(found, nr, sites, known, nr_known, known_sites);
	free_sites(sites, nr);
	return code;
}

int dmreplica_scan(struct dmreplica *ctx, const char *const *paths, unsigned int nr_paths,
		   struct dmreplica_found **list, size_t *nr)
{
	struct dmrl_list devices = { .size = sizeof(struct dmreplica_blockdev) };
	struct dmrl_list result = { .size = sizeof(struct dmreplica_found) };
	const struct dmreplica_blockdev *bdev;
	struct dmreplica_conf *known = NULL;
	struct sites *sites = NULL;
	struct dmreplica_found *found;
	size_t i, count, nr_known = 0;
	int code, on;

	*list = NULL;
	*nr = 0;
	dmrl_clear(ctx);
	code = all_devices(ctx, &devices);
	if (!code)
		code = dmreplica_conf_list(ctx, &known, &nr_known);
	if (!code)
		code = sites_of_files(ctx, known, nr_known, &sites);
	bdev = devices.items;
	count = paths ? nr_paths : devices.nr;
	for (i = 0; !code && i < count; i++) {
		/* A home has no store, only a guest's content, unless the user named the device. */
		on = paths ? 0 : on_known_home(ctx, sites, nr_known, bdev[i].dev);
		if (on > 0)
			continue;
		found = on ? NULL : dmrl_list_add(&result);
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
		code = judge(ctx, result.items, result.nr, known, nr_known, sites);
	free_sites(sites, nr_known);
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
