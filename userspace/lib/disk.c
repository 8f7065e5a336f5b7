// SPDX-License-Identifier: GPL-2.0-only
/* Disks of a system. */
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define A(name)	attrs[DM_REPLICA_A_DISK_##name]

struct dump {
	struct dmreplica *ctx;
	struct dmrl_list list;
};

static int disk_reply(void *arg, int cmd, struct nlattr **attrs)
{
	struct dmreplica_disk *disk, one = { 0 };
	struct dump *dump = arg;

	(void)cmd;
	dmrl_nl_uuid(A(SYSTEM), one.system);
	one.number = dmrl_nl_u32(A(NUMBER));
	dmrl_nl_string(A(NAME), one.name, sizeof(one.name));
	dmrl_nl_uuid(A(UUID), one.uuid);
	one.bytes = dmrl_nl_u64(A(BYTES));
	one.home_major = dmrl_nl_u32(A(HOME_MAJOR));
	one.home_minor = dmrl_nl_u32(A(HOME_MINOR));
	one.replica_major = dmrl_nl_u32(A(REPLICA_MAJOR));
	one.replica_minor = dmrl_nl_u32(A(REPLICA_MINOR));
	one.live_major = dmrl_nl_u32(A(LIVE_MAJOR));
	one.live_minor = dmrl_nl_u32(A(LIVE_MINOR));
	one.live_openers = dmrl_nl_u32(A(LIVE_OPENERS));
	one.test_major = dmrl_nl_u32(A(TEST_MAJOR));
	one.test_minor = dmrl_nl_u32(A(TEST_MINOR));
	one.test_openers = dmrl_nl_u32(A(TEST_OPENERS));
	one.live_bytes = dmrl_nl_u64(A(LIVE_BYTES));
	one.test_bytes = dmrl_nl_u64(A(TEST_BYTES));
	one.errors = dmrl_nl_u64(A(ERRORS));
	if (A(HOME_MAJOR))
		dmreplica_device_path(one.home_major, one.home_minor, one.home, sizeof(one.home));
	disk = dmrl_list_add(&dump->list);
	if (!disk)
		return dmrl_no_memory(dump->ctx);
	*disk = one;
	return 0;
}

static void disk_restart(void *arg)
{
	((struct dump *)arg)->list.nr = 0;
}

static int compare(const void *a, const void *b)
{
	u32 x = ((const struct dmreplica_disk *)a)->number;
	u32 y = ((const struct dmreplica_disk *)b)->number;

	return x < y ? -1 : x > y;
}

/* Where the files say the homes are. */
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

static int from_store(struct dmreplica *ctx, const struct dmreplica_system *sys,
		      struct dmrl_list *list)
{
	struct dmreplica_store *store;
	struct dmreplica_disk *disk;
	const struct dmr_sb *sb;
	unsigned int i, j;
	int code;

	code = dmreplica_store_open(ctx, sys->store, &store);
	if (code)
		return code;
	code = dmreplica_store_super(ctx, store, &sb);
	for (i = 0; !code && i < sb->nr_disks; i++) {
		disk = dmrl_list_add(list);
		if (!disk) {
			code = dmrl_no_memory(ctx);
			break;
		}
		memcpy(disk->system, sys->uuid, 16);
		memcpy(disk->uuid, sb->disks[i].uuid, 16);
		disk->number = i;
		snprintf(disk->name, sizeof(disk->name), "%s", sb->disks[i].name);
		disk->bytes = sb->disks[i].sectors * 512;
		for (j = 0; j < sb->nr_prints; j++)
			disk->fingerprint |= sb->prints[j].disk == i;
	}
	dmreplica_store_close(store);
	return code;
}

int dmreplica_disk_list(struct dmreplica *ctx, const struct dmreplica_system *sys,
			struct dmreplica_disk **list, size_t *nr)
{
	struct dump dump = {
		.ctx = ctx,
		.list.size = sizeof(struct dmreplica_disk),
	};
	int code;

	*list = NULL;
	*nr = 0;
	dmrl_clear(ctx);
	if (sys->attached)
		code = dmrl_nl_dump_of(ctx, DM_REPLICA_CMD_DISK_GET, DM_REPLICA_A_DISK_SYSTEM,
				       sys->uuid, 0, disk_reply, disk_restart, &dump);
	else
		code = from_store(ctx, sys, &dump.list);
	if (code) {
		free(dump.list.items);
		return code;
	}
	if (dump.list.nr)
		qsort(dump.list.items, dump.list.nr, dump.list.size, compare);
	add_homes(ctx, sys, dump.list.items, dump.list.nr);
	*list = dump.list.items;
	*nr = dump.list.nr;
	return 0;
}
