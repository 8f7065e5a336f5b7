// SPDX-License-Identifier: GPL-2.0-only
/*
 * Storage in common: of two systems, which destroy each other; or of a store and a home, whose
 * disk may lose the cache of both with a flush that only one of them sees failing.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "doctor.h"

#define SHARED	DMREPLICA_DOCTOR_SHARED

/* A device that a file names. */
struct named {
	const struct dmreplica_conf *conf;
	const char *path;
	const char *disk;		/* NULL: the store */
	struct dmrl_place place;
};

static void describe(const struct named *n, char *out, size_t size)
{
	if (n->disk)
		snprintf(out, size, "home %.200s of disk %s", n->path, n->disk);
	else
		snprintf(out, size, "store %.200s", n->path);
}

static int add(struct dmrl_doctor *d, struct dmrl_list *list, const struct dmreplica_conf *conf,
	       const char *path, const char *disk)
{
	struct dmrl_place place;
	struct named *n;
	dev_t dev;

	if (!dmrl_root_device(path, &dev))
		return 0;
	if (dmrl_place_of(d->ctx, dev, &place))
		return -1;
	n = dmrl_list_add(list);
	if (!n) {
		dmrl_place_free(&place);
		return -1;
	}
	*n = (struct named){ .conf = conf, .path = path, .disk = disk, .place = place };
	return 0;
}

static void compare(struct dmrl_doctor *d, const struct named *a, const struct named *b)
{
	char one[300], other[300], command[700];

	if (a->conf == b->conf || !dmrl_place_shared(&a->place, &b->place))
		return;
	describe(a, one, sizeof(one));
	describe(b, other, sizeof(other));
	snprintf(command, sizeof(command),
		 "attach neither; replicactl scan shows the devices of each; correct %.200s or %.200s",
		 a->conf->file, b->conf->file);
	dmrl_doctor_fault(d, SHARED, a->conf->name, command, "%s shares storage with system %s, %s",
			  one, b->conf->name, other);
}

/* Does a device lie on no other? */
static bool bottom(dev_t dev)
{
	struct dmrl_list below = { .size = sizeof(dev_t) };
	bool none;
	dev_t disk;

	if (dmrl_relatives_disk(dev, &disk))
		return false;
	none = !dmrl_relatives_below(&below, dev) && !below.nr;
	free(below.items);
	return none;
}

/* A disk that both lie on.  Return: false if there is none. */
static bool common_disk(const struct dmrl_place *a, const struct dmrl_place *b, dev_t *disk)
{
	const dev_t *x = a->devs.items, *y = b->devs.items;
	size_t i, j;

	for (i = 0; i < a->devs.nr; i++) {
		for (j = 0; j < b->devs.nr; j++) {
			if (x[i] == y[j] && bottom(x[i])) {
				*disk = x[i];
				return true;
			}
		}
	}
	return false;
}

/* One note for each store: its own homes first, which most often are what shares its disk. */
static void beside_homes(struct dmrl_doctor *d, const struct named *store, const struct named *list,
			 size_t nr)
{
	const struct named *found = NULL;
	char disk[256], home[300];
	dev_t dev, one;
	size_t i;

	for (i = 0; i < nr && !(found && found->conf == store->conf); i++) {
		if (!list[i].disk || dmrl_place_shared(&store->place, &list[i].place) ||
		    !common_disk(&store->place, &list[i].place, &one))
			continue;
		if (found && list[i].conf != store->conf)
			continue;
		found = &list[i];
		dev = one;
	}
	if (!found)
		return;
	describe(found, home, sizeof(home));
	dmreplica_device_path(major(dev), minor(dev), disk, sizeof(disk));
	dmrl_doctor_note(d, SHARED, store->conf->name,
			 "pvmove one of them to another disk; or use disks that keep data after a failed flush",
			 "store %.150s and %s%s%s lie on one disk, %.60s: what the store loses there with a failed flush of the home is not reported",
			 store->path, home, found->conf == store->conf ? "" : " of system ",
			 found->conf == store->conf ? "" : found->conf->name, disk);
}

void dmrl_doctor_shared(struct dmrl_doctor *d)
{
	struct dmrl_list list = { .size = sizeof(struct named) };
	struct named *n;
	unsigned int disk;
	size_t i, j;
	int ret = 0;

	for (i = 0; i < d->nr_confs && !ret; i++) {
		ret = add(d, &list, &d->confs[i], d->confs[i].store, NULL);
		for (disk = 0; disk < d->confs[i].nr_disks && !ret; disk++)
			ret = add(d, &list, &d->confs[i], d->confs[i].disks[disk].path,
				  d->confs[i].disks[disk].name);
	}
	n = list.items;
	for (i = 0; i < list.nr; i++) {
		for (j = i + 1; j < list.nr; j++)
			compare(d, &n[i], &n[j]);
		if (!n[i].disk)
			beside_homes(d, &n[i], n, list.nr);
	}
	for (i = 0; i < list.nr; i++)
		dmrl_place_free(&n[i].place);
	free(list.items);
	d->no_memory |= ret != 0;
}
