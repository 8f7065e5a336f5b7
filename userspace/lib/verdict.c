// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks of a system's file against its store, before an attach.
 *
 * attach and check both use these functions, and those of home.c, fingerprint.c, seen.c
 * and foreign.c, and so agree.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

/**
 * dmrl_verdict_store() - check that a store holds the system of a file
 * @ctx: the context.
 * @store: the store.
 * @sb: its superblock in force.
 * @conf: the file.
 *
 * Return: 0; 32773 and a message if it holds another one, 32775 if the system is removed.
 */
int dmrl_verdict_store(struct dmreplica *ctx, const struct dmreplica_store *store,
		       const struct dmr_sb *sb, const struct dmreplica_conf *conf)
{
	char mine[DMREPLICA_UUID_TEXT], other[DMREPLICA_UUID_TEXT];

	if (memcmp(sb->system_uuid, conf->uuid, 16)) {
		dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
			  "store %s belongs to another system: it is that of %s, %s, but %s names %s",
			  store->bdev.path, sb->name,
			  dmreplica_uuid_text(sb->system_uuid, other), conf->file,
			  dmreplica_uuid_text(conf->uuid, mine));
		return dmrl_hint(ctx, "correct the store in %s; replicactl scan looks for it",
				 conf->file);
	}
	if (strcmp(sb->name, conf->name)) {
		dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
			  "the store names its system %s, but %s names %s", sb->name, conf->file,
			  conf->name);
		return dmrl_hint(ctx, "write the file again: replicactl scan --write");
	}
	if (sb->state == DM_REPLICA_STATE_DISABLED && !(sb->flags & DMR_SB_REMOVING)) {
		dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_STATE,
			  "system %s is removed and its homes are plain disks", sb->name);
		return dmrl_hint(ctx, "replicactl remove %s does the rest", sb->name);
	}
	return 0;
}

/**
 * dmrl_verdict_host() - refuse a system that is active on another host
 * @ctx: the context.
 * @sb: superblock in force.
 *
 * A host without a machine id counts as another host.
 *
 * Return: 0, or 32774 and a message.
 */
int dmrl_verdict_host(struct dmreplica *ctx, const struct dmr_sb *sb)
{
	static const u8 unnamed[16];
	char text[33];
	unsigned int i;
	u8 host[16];

	if (!(sb->flags & DMR_SB_ACTIVE) || !memcmp(sb->active_host, unnamed, 16))
		return 0;
	if (dmrl_host_id(host) && !memcmp(sb->active_host, host, 16))
		return 0;
	for (i = 0; i < 16; i++)
		sprintf(text + 2 * i, "%02x", sb->active_host[i]);
	dmrl_fail(ctx, DM_REPLICA_CODE_IN_USE,
		  "system %s is active on another host, machine id %s", sb->name, text);
	return dmrl_hint(ctx, "detach it there; if that host is dead for certain: attach --take-over");
}

/**
 * dmrl_verdict_homes_differ() - refuse a home that is also that of another disk
 * @ctx: the context.
 * @sb: superblock in force.
 * @homes: homes of the disks up to @number, with @dev 0 if not found.
 * @number: of the disk.
 *
 * Return: 0, or 32773 and a message.
 */
int dmrl_verdict_homes_differ(struct dmreplica *ctx, const struct dmr_sb *sb,
			      const struct dmreplica_blockdev *homes, unsigned int number)
{
	unsigned int i;

	/* Tests use files in place of devices. */
	for (i = 0; i < number && !homes[number].file; i++)
		if (homes[i].dev == homes[number].dev) {
			dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
				  "%s is the home of two disks, %s and %s",
				  homes[number].path, sb->disks[i].name,
				  sb->disks[number].name);
			return dmrl_hint(ctx, "each disk has a device of its own: correct the file of system %s",
					 sb->name);
		}
	return 0;
}

/**
 * dmrl_verdict_places() - do two devices of a system share storage?
 * @ctx: the context.
 * @store: the system's store.
 * @homes: the homes of all its disks.
 * @nr: number of @homes.
 *
 * Return: 0; 32773 and a message that names both, or 32778.
 */
int dmrl_verdict_places(struct dmreplica *ctx, const struct dmreplica_blockdev *store,
			const struct dmreplica_blockdev *homes, unsigned int nr)
{
	struct dmrl_place *places = calloc(1 + nr, sizeof(*places));
	unsigned int i, j;
	int code = 0;

	if (!places)
		return dmrl_no_memory(ctx);
	for (i = 0; i <= nr && !code; i++) {
		const struct dmreplica_blockdev *bdev = i ? &homes[i - 1] : store;

		/* In tests, files replace devices. */
		if (!bdev->file)
			code = dmrl_place_of(ctx, bdev->dev, &places[i]);
		for (j = 0; j < i && !code; j++)
			if (dmrl_place_shared(&places[i], &places[j]))
				code = dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
						 "home %s and %s %s share storage", bdev->path,
						 j ? "home" : "store",
						 j ? homes[j - 1].path : store->path);
	}
	for (i = 0; i <= nr; i++)
		dmrl_place_free(&places[i]);
	free(places);
	return code;
}

/**
 * dmrl_verdict_taken() - refuse a store or homes that share storage, with each other or with
 * those that another system's file names
 * @ctx: the context.
 * @name: of the system.
 * @store: the store.
 * @homes: homes of all its disks.
 * @nr: number of @homes.
 *
 * Systems that share a device would overwrite each other's content.  The file of a system
 * that was overwritten (create --force) does not count.
 *
 * Return: 0; 32773 and a message that names device and file, or another code.
 */
int dmrl_verdict_taken(struct dmreplica *ctx, const char *name,
		       const struct dmreplica_store *store,
		       const struct dmreplica_blockdev *homes, unsigned int nr)
{
	const struct dmreplica_blockdev *devices[1 + DMR_MAX_DISKS] = { &store->bdev };
	unsigned int i;
	int code;

	for (i = 0; i < nr; i++)
		devices[1 + i] = &homes[i];
	code = dmrl_verdict_places(ctx, &store->bdev, homes, nr);
	if (code)
		return code;
	code = dmrl_taken_check(ctx, name, devices, 1 + nr, false);
	return code ? dmrl_hint(ctx, "one of the two files is wrong; correct or remove it") : 0;
}
