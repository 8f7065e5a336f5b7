// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that a system's file names.
 *
 * A home carries no mark of its system, and a detached system holds no device open: only
 * its file names them.
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
 * dmrl_names_device() - does this path lead to that device?
 *
 * Return: false also for a path that leads nowhere any more.
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
	return 0;
}

/* Once for each context: "attach --all" must not read all files for each system. */
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

/** dmrl_taken_forget() - read the files again next time, after a change; or free the list */
void dmrl_taken_forget(struct dmreplica *ctx)
{
	free(ctx->taken.items);
	memset(&ctx->taken, 0, sizeof(ctx->taken));
}

/* Does the store named by this file still hold its system?  Else the file is a remnant. */
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

/**
 * dmrl_taken_check() - does another system's file name one of these devices?
 * @ctx: the context.
 * @name: the system that they are for.
 * @devices: the devices.
 * @nr: number of @devices.
 * @remnants: count files of systems that no longer exist, too.
 *
 * Return: 0, 32773 and a message that names device, system and file, or another code.
 */
int dmrl_taken_check(struct dmreplica *ctx, const char *name,
		     const struct dmreplica_blockdev *const *devices, unsigned int nr,
		     bool remnants)
{
	const struct dmrl_taken *t;
	unsigned int d;
	size_t i;
	int code;

	code = load(ctx);
	if (code)
		return code;
	t = ctx->taken.items;
	for (i = 0; i < ctx->taken.nr; i++) {
		if (!strcmp(t[i].system, name))
			continue;
		for (d = 0; d < nr; d++)
			if (same(&t[i].st, devices[d]) && (remnants || exists(ctx, &t[i])))
				return dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
						 "%s is a %s of system %s already, see %s",
						 devices[d]->path, t[i].home ? "home" : "store",
						 t[i].system, t[i].file);
	}
	return 0;
}
