// SPDX-License-Identifier: GPL-2.0-only
/* replicactl changes */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "replicactl.h"

struct changes {
	const char *disk;
	struct json_object *array;	/* NULL: as text */
	uint64_t data;
	uint64_t zero;
};

static int on_extent(void *arg, const struct dmreplica_extent *extent)
{
	struct changes *c = arg;
	struct json_object *one;

	*(extent->zero ? &c->zero : &c->data) += extent->length;
	if (!c->array) {
		printf("%-16s  %16llu  %12llu  %s\n", c->disk, (unsigned long long)extent->offset,
		       (unsigned long long)extent->length, extent->zero ? "zero" : "data");
		return 0;
	}
	one = json_object_new_object();
	json_add_u64(one, "offset", extent->offset);
	json_add_u64(one, "length", extent->length);
	json_add_bool(one, "zero", extent->zero);
	json_object_array_add(c->array, one);
	return 0;
}

/* List the changes of one disk, into @disks unless that is NULL. */
static int list_disk(struct dmreplica *ctx, const struct dmreplica_system *sys,
		     const struct dmreplica_disk *disk, const uint64_t *points,
		     struct json_object *disks)
{
	struct changes c = { .disk = disk->name };
	struct json_object *obj = NULL;
	int code;

	if (disks) {
		c.array = json_object_new_array();
		obj = json_object_new_object();
		json_add_u64(obj, "number", disk->number);
		json_add_string(obj, "name", disk->name);
		json_add_u64(obj, "bytes", disk->bytes);
		json_object_object_add(obj, "extents", c.array);
		json_object_array_add(disks, obj);
	}
	code = dmreplica_changes(ctx, sys, disk->number, points[0], points[1], 0, on_extent, &c);
	if (disks) {
		json_add_u64(obj, "data_bytes", c.data);
		json_add_u64(obj, "zero_bytes", c.zero);
	}
	return code;
}

static int list_changes(struct dmreplica *ctx, const struct dmreplica_system *sys,
			const char *only, const uint64_t *points, bool json)
{
	struct json_object *obj = NULL, *array = NULL;
	struct dmreplica_disk *disks;
	bool found = false;
	size_t nr, i;
	int code;

	code = dmreplica_disk_list(ctx, sys, &disks, &nr);
	if (code)
		return refused(ctx, code);
	if (json) {
		obj = json_object_new_object();
		array = json_object_new_array();
		json_add_string(obj, "system", sys->name);
		json_add_u64(obj, "from", points[0]);
		json_add_u64(obj, "to", points[1]);
		json_object_object_add(obj, "disks", array);
	}
	for (i = 0; i < nr && !code; i++) {
		if (only && strcmp(disks[i].name, only))
			continue;
		found = true;
		code = list_disk(ctx, sys, &disks[i], points, array);
	}
	dmreplica_list_free(disks);
	if (!code && found && json)
		json_print(obj);
	else if (json)
		json_object_put(obj);
	if (code)
		return refused(ctx, code);
	return found ? 0 : usage_error("system %s has no disk %s", sys->name, only);
}

int cmd_changes(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "disk", required_argument, NULL, 'd' },
		{ "from", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "to", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 }
	};
	const char *point[2] = { NULL, NULL }, *only = NULL;
	uint64_t points[2] = { 0, 0 };
	struct dmreplica_system sys;
	int c, i, code, status;
	bool json = false;

	while ((c = next_option(argc, argv, "d:f:jt:", options, &status)) != -1) {
		switch (c) {
		case 'd':
			only = optarg;
			break;
		case 'f':
			point[0] = optarg;
			break;
		case 'j':
			json = true;
			break;
		case 't':
			point[1] = optarg;
			break;
		default:
			return status;
		}
	}
	if (optind != argc - 1)
		return usage_error("give one system");
	if (!point[1])
		return usage_error("name the recovery point up to which: --to POINT");
	for (i = 0; i < 2; i++)
		if (point[i] && !parse_point(point[i]))
			return usage_error("%s is neither the number nor the label of a point",
					   point[i]);
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	for (i = 0; i < 2 && !code; i++)
		if (point[i])
			code = find_point(ctx, &sys, point[i], &points[i]);
	if (code)
		return refused(ctx, code);
	return list_changes(ctx, &sys, only, points, json);
}
