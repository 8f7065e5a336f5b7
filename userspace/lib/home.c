// SPDX-License-Identifier: GPL-2.0-only
/*
 * Homes of disks: check that a device is the home recorded in the store.
 *
 * attach and check both use these functions, and so agree.
 */
#include <string.h>

#include "private.h"

static bool is_name(const char *text, size_t len, const char *name)
{
	return strlen(name) == len && !strncmp(text, name, len);
}

/**
 * dmrl_home_accepted() - has the user accepted another device or content for a disk?
 * @accept: the user's choice.
 * @disk: name of the disk.
 *
 * Return: DMRL_ACCEPT_NO, DMRL_ACCEPT_ANY (for every disk) or DMRL_ACCEPT_NAMED.
 */
enum dmrl_accept dmrl_home_accepted(const struct dmrl_accepted *accept, const char *disk)
{
	const char *p = accept->disks;
	size_t n;

	if (!accept->homes)
		return DMRL_ACCEPT_NO;
	if (!p)
		return DMRL_ACCEPT_ANY;
	for (; *p; p += n + (p[n] == ',')) {
		n = strcspn(p, ",");
		if (is_name(p, n, disk))
			return DMRL_ACCEPT_NAMED;
	}
	return DMRL_ACCEPT_NO;
}

/**
 * dmrl_home_accepted_names() - check that each accepted name is that of a disk
 * @ctx: the context.
 * @accept: the user's choice.
 * @sb: superblock in force.
 *
 * Return: 0, or 32773 and a message.
 */
int dmrl_home_accepted_names(struct dmreplica *ctx, const struct dmrl_accepted *accept,
			     const struct dmr_sb *sb)
{
	const char *p = accept->homes ? accept->disks : NULL;
	unsigned int i;
	size_t n;

	for (; p && (*p || p == accept->disks); p += n + (p[n] == ',')) {
		n = strcspn(p, ",");
		for (i = 0; i < sb->nr_disks; i++)
			if (is_name(p, n, sb->disks[i].name))
				break;
		if (i == sb->nr_disks)
			return dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
					 "system %s has no disk \"%.*s\", whose home is to be accepted",
					 sb->name, (int)n, p);
	}
	return 0;
}

/* Does the device's own identity match the disk's home? A path matches any device. */
static bool proved(const struct dmreplica_blockdev *home, const struct dmr_disk_info *disk)
{
	return disk->identity_type != DMR_IDENTITY_NONE &&
	       disk->identity_type != DMR_IDENTITY_PATH &&
	       dmrl_same_identity(home, disk->identity_type, disk->identity);
}

/* Find another disk with this home by identity.  Return: its number or -1. */
static int other_disk(const struct dmreplica_blockdev *home, const struct dmr_sb *sb,
		      unsigned int number)
{
	unsigned int i;

	for (i = 0; i < sb->nr_disks; i++)
		if (i != number && proved(home, &sb->disks[i]))
			return i;
	return -1;
}

static int check_identity(struct dmreplica *ctx, const struct dmr_sb *sb, unsigned int number,
			  const struct dmreplica_blockdev *home, enum dmrl_accept accept)
{
	const struct dmr_disk_info *disk = &sb->disks[number];
	int other;

	/* Two devices may have the same identity. */
	if (accept == DMRL_ACCEPT_NAMED || proved(home, disk))
		return 0;
	other = other_disk(home, sb, number);
	if (other < 0 && (accept || dmrl_same_identity(home, disk->identity_type, disk->identity)))
		return 0;
	if (other >= 0) {
		dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
			  "home %s of disk %s is the home of disk %s: it has %s \"%s\", and the store names %s \"%s\"",
			  home->path, disk->name, sb->disks[other].name,
			  dmreplica_identity_type_name(home->identity_type), home->identity,
			  dmreplica_identity_type_name(disk->identity_type), disk->identity);
		return dmrl_hint(ctx, "the paths of the two disks are interchanged: correct the file of system %s; if its content was moved here for certain: attach --accept-homes=%s",
				 sb->name, disk->name);
	}
	dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
		  "home %s of disk %s is another device: it has %s \"%s\", and the store names %s \"%s\"",
		  home->path, disk->name, dmreplica_identity_type_name(home->identity_type),
		  home->identity, dmreplica_identity_type_name(disk->identity_type),
		  disk->identity);
	return dmrl_hint(ctx, "replicactl scan looks for the right one; if its content was moved here for certain: attach --accept-homes");
}

/* Return: the path of a disk's home in the system's file, or NULL. */
static const char *path_of(const struct dmreplica_conf *conf, const char *disk)
{
	unsigned int i;

	for (i = 0; i < conf->nr_disks; i++)
		if (!strcmp(conf->disks[i].name, disk))
			return conf->disks[i].path;
	return NULL;
}

/**
 * dmrl_home_check() - check the device that the system's file names as home of a disk
 * @ctx: the context.
 * @conf: the file.
 * @sb: superblock in force.
 * @number: of the disk.
 * @accepted: homes that the user accepts.
 * @home: set.
 *
 * Checks the device, not its content: see dmrl_fingerprint_check().
 *
 * Return: 0; 32779 without such a device; 32773 and a message if the file names none, if
 * it is another device, or does not fit the disk.
 */
int dmrl_home_check(struct dmreplica *ctx, const struct dmreplica_conf *conf,
		    const struct dmr_sb *sb, unsigned int number,
		    const struct dmrl_accepted *accepted, struct dmreplica_blockdev *home)
{
	const struct dmr_disk_info *disk = &sb->disks[number];
	const char *path = path_of(conf, disk->name);
	u64 bytes = disk->sectors * 512;
	int code;

	if (!path) {
		dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER, "%s has no home for disk %s",
			  conf->file, disk->name);
		return dmrl_hint(ctx, "add the line disk.%s=DEVICE", disk->name);
	}
	code = dmreplica_blockdev_probe(ctx, path, home);
	if (code) {
		dmrl_append(ctx, " (home of disk %s)", disk->name);
		if (code == DM_REPLICA_CODE_NOT_FOUND)
			dmrl_hint(ctx, "bring the device back, or correct the file of system %s; replicactl scan looks for homes",
				  sb->name);
		return code;
	}
	if ((home->file && !ctx->test_files) || home->read_only) {
		dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
			  "home %s of disk %s is %s", home->path, disk->name,
			  home->file ? "a plain file" : "read-only");
		if (home->file)
			return dmrl_hint(ctx, "a device is missing, and a file has its name: bring the device back, or correct the file of system %s",
					 sb->name);
		return dmrl_hint(ctx, DMRL_HINT_WRITABLE, home->path);
	}
	if (home->bytes < bytes) {
		dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
			  "home %s of disk %s has %llu bytes, but %llu by the store", home->path,
			  disk->name, (unsigned long long)home->bytes, (unsigned long long)bytes);
		return dmrl_hint(ctx, "it is another device, or was made shorter: restore its size; nothing was changed");
	}
	if (home->logical > disk->logical_block) {
		dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
			  "home %s of disk %s has logical blocks of %u bytes, it had %u",
			  home->path, disk->name, home->logical, disk->logical_block);
		return dmrl_hint(ctx, "the guest writes blocks of %u bytes: bring back a device that takes them",
				 disk->logical_block);
	}
	return check_identity(ctx, sb, number, home, dmrl_home_accepted(accepted, disk->name));
}
