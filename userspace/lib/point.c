// SPDX-License-Identifier: GPL-2.0-only
/* Recovery points of a system. */
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define A(name)	attrs[DM_REPLICA_A_POINT_##name]

struct dump {
	struct dmreplica *ctx;
	struct dmrl_list list;
};

static int point_reply(void *arg, int cmd, struct nlattr **attrs)
{
	struct dmreplica_point *point, one = { 0 };
	struct dump *dump = arg;

	(void)cmd;
	dmrl_nl_uuid(A(SYSTEM), one.system);
	one.number = dmrl_nl_u64(A(NUMBER));
	one.time = dmrl_nl_u64(A(TIME));
	one.kind = dmrl_nl_u32(A(KIND));
	dmrl_nl_string(A(NAME), one.name, sizeof(one.name));
	one.in_use = dmrl_nl_u32(A(IN_USE));
	point = dmrl_list_add(&dump->list);
	if (!point)
		return dmrl_no_memory(dump->ctx);
	*point = one;
	return 0;
}

static void point_restart(void *arg)
{
	((struct dump *)arg)->list.nr = 0;
}

static int compare(const void *a, const void *b)
{
	u64 x = ((const struct dmreplica_point *)a)->number;
	u64 y = ((const struct dmreplica_point *)b)->number;

	return x < y ? -1 : x > y;
}

static int from_store(struct dmreplica *ctx, const struct dmreplica_system *sys,
		      struct dmrl_list *list)
{
	struct dmreplica_store *store;
	struct dmreplica_point *point;
	const struct dmr_sb *sb;
	unsigned int i;
	int code;

	code = dmreplica_store_open(ctx, sys->store, &store);
	if (code)
		return code;
	code = dmreplica_store_super(ctx, store, &sb);
	for (i = 0; !code && i < sb->nr_points; i++) {
		point = dmrl_list_add(list);
		if (!point) {
			code = dmrl_no_memory(ctx);
			break;
		}
		memcpy(point->system, sys->uuid, 16);
		point->number = sb->points[i].number;
		point->time = sb->points[i].time;
		point->kind = sb->points[i].kind;
		snprintf(point->name, sizeof(point->name), "%s", sb->points[i].name);
		point->in_use = (sb->live.epoch && sb->live.base == sb->points[i].epoch) ||
				(sb->test.epoch && sb->test.base == sb->points[i].epoch);
	}
	dmreplica_store_close(store);
	return code;
}

int dmreplica_point_list(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 struct dmreplica_point **list, size_t *nr)
{
	struct dump dump = {
		.ctx = ctx,
		.list.size = sizeof(struct dmreplica_point),
	};
	int code;

	*list = NULL;
	*nr = 0;
	dmrl_clear(ctx);
	if (sys->attached)
		code = dmrl_nl_dump_of(ctx, DM_REPLICA_CMD_POINT_GET, DM_REPLICA_A_POINT_SYSTEM,
				       sys->uuid, point_reply, point_restart, &dump);
	else
		code = from_store(ctx, sys, &dump.list);
	if (code) {
		free(dump.list.items);
		return code;
	}
	if (dump.list.nr)
		qsort(dump.list.items, dump.list.nr, dump.list.size, compare);
	*list = dump.list.items;
	*nr = dump.list.nr;
	return 0;
}
