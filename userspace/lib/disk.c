// SPDX-License-Identifier: GPL-2.0-only
/* Disks of a system. */
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define A(name)	attrs[DM_REPLICA_A_DISK_##name]

static void disk_item(struct dmreplica *ctx, void *item, struct nlattr **attrs)
{
	struct dmreplica_disk *disk = item;

	(void)ctx;
	dmrl_nl_uuid(A(SYSTEM), disk->system);
	disk->number = dmrl_nl_u32(A(NUMBER));
	dmrl_nl_string(A(NAME), disk->name, sizeof(disk->name));
	dmrl_nl_uuid(A(UUID), disk->uuid);
	disk->bytes = dmrl_nl_u64(A(BYTES));
	disk->home_major = dmrl_nl_u32(A(HOME_MAJOR));
	disk->home_minor = dmrl_nl_u32(A(HOME_MINOR));
	disk->replica_major = dmrl_nl_u32(A(REPLICA_MAJOR));
	disk->replica_minor = dmrl_nl_u32(A(REPLICA_MINOR));
	disk->live_major = dmrl_nl_u32(A(LIVE_MAJOR));
	disk->live_minor = dmrl_nl_u32(A(LIVE_MINOR));
	disk->live_openers = dmrl_nl_u32(A(LIVE_OPENERS));
	disk->test_major = dmrl_nl_u32(A(TEST_MAJOR));
	disk->test_minor = dmrl_nl_u32(A(TEST_MINOR));
	disk->test_openers = dmrl_nl_u32(A(TEST_OPENERS));
	disk->live_bytes = dmrl_nl_u64(A(LIVE_BYTES));
	disk->test_bytes = dmrl_nl_u64(A(TEST_BYTES));
	disk->errors = dmrl_nl_u64(A(ERRORS));
	disk->lost_writes = A(LOST_WRITES);
	if (A(HOME_MAJOR))
		dmreplica_device_path(disk->home_major, disk->home_minor, disk->home,
				      sizeof(disk->home));
}

static int compare(const void *a, const void *b)
{
	u32 x = ((const struct dmreplica_disk *)a)->number;
	u32 y = ((const struct dmreplica_disk *)b)->number;

	return x < y ? -1 : x > y;
}

/* Set paths of homes from the file of the system. */
static void add_homes(struct dmreplica *ctx, const struct dmreplica_system *sys,
		      struct dmreplica_disk *disks, size_t nr)
{
	struct dmreplica_conf *conf;
	unsigned int i;
	size_t j;

	conf = malloc(sizeof(*conf));
	if (!conf)
		return;
	if (!dmrl_conf_of(ctx, sys->name, sys->uuid, conf))
		for (i = 0; i < conf->nr_disks; i++)
			for (j = 0; j < nr; j++)
				if (!strcmp(disks[j].name, conf->disks[i].name) &&
				    (!*disks[j].home ||
				     dmrl_is_device(conf->disks[i].path, disks[j].home_major,
						    disks[j].home_minor)))
					memcpy(disks[j].home, conf->disks[i].path,
					       sizeof(disks[j].home));
	free(conf);
	dmrl_clear(ctx);
}

static int disks_stored(const struct dmreplica_system *sys, const struct dmr_sb *sb,
			struct dmrl_list *list)
{
	struct dmreplica_disk *disk;
	unsigned int i, j;

	for (i = 0; i < sb->nr_disks; i++) {
		disk = dmrl_list_add(list);
		if (!disk)
			return -1;
		memcpy(disk->system, sys->uuid, 16);
		memcpy(disk->uuid, sb->disks[i].uuid, 16);
		disk->number = i;
		snprintf(disk->name, sizeof(disk->name), "%s", sb->disks[i].name);
		disk->bytes = sb->disks[i].sectors * 512;
		disk->lost_writes = sb->disks[i].lost;
		for (j = 0; j < sb->nr_prints; j++)
			disk->fingerprint |= sb->prints[j].disk == i;
	}
	return 0;
}

int dmreplica_disk_list(struct dmreplica *ctx, const struct dmreplica_system *sys,
			struct dmreplica_disk **list, size_t *nr)
{
	static const struct dmrl_listing disks = {
		.size = sizeof(struct dmreplica_disk),
		.cmd = DM_REPLICA_CMD_DISK_GET,
		.attr = DM_REPLICA_A_DISK_SYSTEM,
		.item = disk_item,
		.stored = disks_stored,
		.compare = compare,
	};
	int code;

	*list = dmrl_listing_get(ctx, sys, &disks, 0, nr, &code);
	if (!code)
		add_homes(ctx, sys, *list, *nr);
	return code;
}
