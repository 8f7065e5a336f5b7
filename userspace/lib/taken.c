// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices named by files of systems.
 *
 * A home has no mark of its system, and a detached system has no device open: only its
 * file names its devices.  A device is taken, too, if it lies on one of them, or one of them
 * on it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "private.h"

/* One device that a file names. */
struct dmrl_taken {
	char system[DMREPLICA_NAME_MAX];
	char file[512];
	char store[256];
	u8 uuid[16];
	bool home;
	struct stat st;
	struct dmrl_place place;	/* of a block device */
};

static bool same(const struct stat *st, const struct dmreplica_blockdev *bdev)
{
	struct stat own;

	if (!bdev->file)
		return S_ISBLK(st->st_mode) && st->st_rdev == bdev->dev;
	return S_ISREG(st->st_mode) && !stat(bdev->path, &own) && st->st_dev == own.st_dev &&
	       st->st_ino == own.st_ino;
}

/**
 * dmrl_names_device() - does a path lead to a device?
 * @path: the path.
 * @bdev: the device, or the plain file in its place.
 *
 * Return: false also for a path without a device.
 */
bool dmrl_names_device(const char *path, const struct dmreplica_blockdev *bdev)
{
	struct stat st;

	return !stat(path, &st) && same(&st, bdev);
}

static int add_one(struct dmreplica *ctx, const struct dmreplica_conf *conf, const char *path,
		   bool home)
{
	struct dmrl_taken *t;
	struct stat st;

	if (stat(path, &st))
		return 0;
	t = dmrl_list_add(&ctx->taken);
	if (!t)
		return dmrl_no_memory(ctx);
	snprintf(t->system, sizeof(t->system), "%s", conf->name);
	snprintf(t->file, sizeof(t->file), "%s", conf->file);
	snprintf(t->store, sizeof(t->store), "%s", conf->store);
	memcpy(t->uuid, conf->uuid, 16);
	t->home = home;
	t->st = st;
	return S_ISBLK(st.st_mode) ? dmrl_place_of(ctx, st.st_rdev, &t->place) : 0;
}

/* Read the files once for each context: "attach --all" must not read all files for each system. */
static int load(struct dmreplica *ctx)
{
	struct dmreplica_conf *list;
	unsigned int d;
	size_t nr, i;
	int code;

	if (ctx->taken.size)
		return 0;
	code = dmreplica_conf_list(ctx, &list, &nr);
	if (code)
		return code;
	ctx->taken.size = sizeof(struct dmrl_taken);
	for (i = 0; i < nr && !code; i++) {
		code = add_one(ctx, &list[i], list[i].store, false);
		for (d = 0; d < list[i].nr_disks && !code; d++)
			code = add_one(ctx, &list[i], list[i].disks[d].path, true);
	}
	free(list);
	if (code)
		dmrl_taken_forget(ctx);
	return code;
}

/** dmrl_taken_forget() - free the list; after a change the next use reads the files again */
void dmrl_taken_forget(struct dmreplica *ctx)
{
	struct dmrl_taken *t = ctx->taken.items;
	size_t i;

	for (i = 0; i < ctx->taken.nr; i++)
		dmrl_place_free(&t[i].place);
	free(ctx->taken.items);
	memset(&ctx->taken, 0, sizeof(ctx->taken));
}

/* Does the store of a file still hold its system? Otherwise the file is a remnant. */
static bool exists(struct dmreplica *ctx, const struct dmrl_taken *t)
{
	struct dmreplica_store *store;
	const struct dmr_sb *sb;
	bool there = false;

	if (!dmreplica_store_open(ctx, t->store, &store)) {
		there = !dmreplica_store_super(ctx, store, &sb) &&
			!memcmp(sb->system_uuid, t->uuid, 16) &&
			sb->state != DM_REPLICA_STATE_DISABLED;
		dmreplica_store_close(store);
	}
	dmrl_clear(ctx);
	return there;
}

static int refuse(struct dmreplica *ctx, const struct dmrl_taken *t,
		  const struct dmreplica_blockdev *bdev)
{
	return dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER, "%s %s a %s of system %s%s, see %s",
			 bdev->path, same(&t->st, bdev) ? "is" : "shares storage with",
			 t->home ? "home" : "store", t->system,
			 same(&t->st, bdev) ? " already" : "", t->file);
}

/* Is this device, or one that shares storage with it, another system's? */
static int check_one(struct dmreplica *ctx, const char *name,
		     const struct dmreplica_blockdev *bdev, bool remnants)
{
	const struct dmrl_taken *t = ctx->taken.items;
	struct dmrl_place place = { 0 };
	int code = bdev->file ? 0 : dmrl_place_of(ctx, bdev->dev, &place);
	size_t i;

	for (i = 0; i < ctx->taken.nr && !code; i++) {
		if (!strcmp(t[i].system, name) ||
		    !(same(&t[i].st, bdev) || dmrl_place_shared(&t[i].place, &place)))
			continue;
		if (remnants || exists(ctx, &t[i]))
			code = refuse(ctx, &t[i], bdev);
	}
	dmrl_place_free(&place);
	return code;
}

/**
 * dmrl_taken_check() - refuse devices that another system's file names
 * @ctx: the context.
 * @name: the system that is to have them.
 * @devices: the devices.
 * @nr: number of @devices.
 * @remnants: also count files of systems that no longer exist.
 *
 * Return: 0, 32773 and a message that names device, system and file, or another code.
 */
int dmrl_taken_check(struct dmreplica *ctx, const char *name,
		     const struct dmreplica_blockdev *const *devices, unsigned int nr,
		     bool remnants)
{
	unsigned int d;
	int code;

	code = load(ctx);
	for (d = 0; d < nr && !code; d++)
		code = check_one(ctx, name, devices[d], remnants);
	return code;
}
