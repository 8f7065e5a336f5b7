// SPDX-License-Identifier: GPL-2.0-only
/*
 * Places: the storage below a device.
 *
 * One device may lie on another: a partition, a dm device, an array, a loop device.  The
 * kernel's claims keep some of these apart while a system is attached, but no claim reaches
 * through a loop device, and none is there while a system is detached.
 *
 * All is read from sysfs, without opening a device, so no device has to answer.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "private.h"

/* A loop device of the place, over a range of a file. */
struct loop {
	dev_t dev;
	char *file;
	u64 from;
	u64 end;
};

static u64 number_of(dev_t dev, const char *attr)
{
	char buf[32];

	return dmrl_sysfs_read_dev(dev, attr, buf, sizeof(buf)) ? 0 : strtoull(buf, NULL, 10);
}

static bool has(const struct dmrl_place *place, dev_t dev)
{
	const dev_t *devs = place->devs.items;
	size_t i;

	for (i = 0; i < place->devs.nr; i++)
		if (devs[i] == dev)
			return true;
	return false;
}

static int add(struct dmrl_place *place, dev_t dev)
{
	dev_t *item;

	if (has(place, dev))
		return 0;
	item = dmrl_list_add(&place->devs);
	if (!item)
		return -1;
	*item = dev;
	return 0;
}

/* Add what a loop device lies on: a block device, or a file. */
static int add_backing(struct dmrl_place *place, dev_t dev)
{
	struct loop *loop;
	char file[4096];
	struct stat st;
	u64 limit;

	if (dmrl_sysfs_read_dev(dev, "loop/backing_file", file, sizeof(file)))
		return 0;
	/* The file system of any other path may hang. */
	if (!strncmp(file, "/dev/", 5) && !stat(file, &st) && S_ISBLK(st.st_mode))
		return add(place, st.st_rdev);
	loop = dmrl_list_add(&place->loops);
	if (!loop)
		return -1;
	loop->dev = dev;
	loop->file = strdup(file);
	loop->from = number_of(dev, "loop/offset");
	limit = number_of(dev, "loop/sizelimit");
	loop->end = limit ? loop->from + limit : ~0ULL;
	return loop->file ? 0 : -1;
}

static int add_below(struct dmrl_place *place, dev_t dev)
{
	char uuid[160];
	dev_t disk;

	/* Do not go below a device of ours: its content is its own. */
	if (!dmrl_sysfs_read_dev(dev, "dm/uuid", uuid, sizeof(uuid)) &&
	    !strncmp(uuid, "DMREPLICA-", 10))
		return 0;
	if (dmrl_relatives_disk(dev, &disk))
		return add(place, disk);
	return dmrl_relatives_below(&place->devs, dev) || add_backing(place, dev) ? -1 : 0;
}

/**
 * dmrl_place_of() - find all storage that a device lies on
 * @ctx: the context.
 * @dev: the device.
 * @place: filled in, for dmrl_place_free().
 *
 * Return: 0 or 32778.
 */
int dmrl_place_of(struct dmreplica *ctx, dev_t dev, struct dmrl_place *place)
{
	size_t i;
	int ret;

	memset(place, 0, sizeof(*place));
	place->devs.size = sizeof(dev_t);
	place->loops.size = sizeof(struct loop);
	ret = add(place, dev);
	for (i = 0; !ret && i < place->devs.nr; i++)
		ret = add_below(place, ((const dev_t *)place->devs.items)[i]);
	if (!ret)
		return 0;
	dmrl_place_free(place);
	return dmrl_no_memory(ctx);
}

/** dmrl_place_free() - free the lists of a place; one of zeroes has none */
void dmrl_place_free(struct dmrl_place *place)
{
	struct loop *loop = place->loops.items;
	size_t i;

	for (i = 0; i < place->loops.nr; i++)
		free(loop[i].file);
	free(place->loops.items);
	free(place->devs.items);
	memset(place, 0, sizeof(*place));
}

/**
 * dmrl_place_on() - does a device lie on another?
 * @a: the place of the first device.
 * @b: the place of the second.
 *
 * Return: true also if it is the same, or if both are loop devices over one part of a file.
 */
bool dmrl_place_on(const struct dmrl_place *a, const struct dmrl_place *b)
{
	const struct loop *x = a->loops.items, *y = b->loops.items;
	size_t i;

	if (!a->devs.nr || !b->devs.nr)
		return false;
	if (has(a, *(const dev_t *)b->devs.items))
		return true;
	if (!b->loops.nr || y->dev != *(const dev_t *)b->devs.items)
		return false;
	for (i = 0; i < a->loops.nr; i++)
		if (!strcmp(x[i].file, y->file) && x[i].from < y->end && y->from < x[i].end)
			return true;
	return false;
}

/** dmrl_place_shared() - does one of two devices lie on the other? */
bool dmrl_place_shared(const struct dmrl_place *a, const struct dmrl_place *b)
{
	return dmrl_place_on(a, b) || dmrl_place_on(b, a);
}
