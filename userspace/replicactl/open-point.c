// SPDX-License-Identifier: GPL-2.0-only
/* replicactl recovery-point open, close */
#include <getopt.h>
#include <string.h>

#include "replicactl.h"

/* Read options, a system and a point.  Return: false if the command ends with *@status. */
static bool parse(struct dmreplica *ctx, int argc, char **argv, bool open,
		  struct dmreplica_system *sys, struct dmreplica_op *op, bool *json, int *status)
{
	static const struct option options[] = {
		{ "timeout", required_argument, NULL, 't' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 }
	}, close_options[] = {
		{ "timeout", required_argument, NULL, 't' },
		{ "wait", required_argument, NULL, 'w' },
		{ NULL, 0, NULL, 0 }
	};
	int c, code;

	*json = false;
	while ((c = next_option(argc, argv, open ? "jt:" : "t:w:", open ? options : close_options,
				status)) != -1) {
		switch (c) {
		case 'j':
			*json = true;
			break;
		case 't':
			if (!parse_wait("--timeout", optarg, &op->timeout_ms, status))
				return false;
			op->given |= DMREPLICA_OP_TIMEOUT;
			break;
		case 'w':
			if (!parse_wait("--wait", optarg, &op->wait_ms, status))
				return false;
			op->given |= DMREPLICA_OP_WAIT;
			break;
		default:
			return false;
		}
	}
	*status = -1;
	if (optind != argc - 2)
		*status = usage_error("give a system and the number or the label of a point");
	else if (!parse_point(argv[optind + 1]))
		*status = usage_error("%s is neither the number nor the label of a point",
				      argv[optind + 1]);
	if (*status >= 0)
		return false;
	code = dmreplica_system_attached(ctx, argv[optind], sys);
	if (!code)
		code = find_point(ctx, sys, argv[optind + 1], &op->point);
	op->given |= DMREPLICA_OP_POINT;
	if (code)
		*status = refused(ctx, code);
	return !code;
}

static struct json_object *json_reader(const struct dmreplica_reader *reader)
{
	struct json_object *obj = json_object_new_object();

	json_add_string(obj, "disk", reader->disk);
	json_add_string(obj, "path", reader->path);
	json_add_u64(obj, "major", reader->major);
	json_add_u64(obj, "minor", reader->minor);
	json_add_string(obj, "type", reader->type);
	json_add_string(obj, "partitions", reader->partitions);
	if (reader->filesystem)
		json_add_string(obj, "mount_options", dmreplica_mount_options(reader->type));
	return obj;
}

static void print_json(int code, const struct dmreplica_system *sys, uint64_t point,
		       const struct dmreplica_reader *list, size_t nr)
{
	struct json_object *obj = json_object_new_object(), *array = json_object_new_array();
	size_t i;

	json_object_object_add(obj, "code", json_object_new_int(code));
	json_add_string(obj, "code_name", dmreplica_code_name(code));
	json_add_string(obj, "system", sys->name);
	json_add_u64(obj, "point", point);
	for (i = 0; i < nr; i++)
		json_object_array_add(array, json_reader(&list[i]));
	json_object_object_add(obj, "device_list", array);
	json_print(obj);
}

static void print_reader(const struct dmreplica_reader *reader)
{
	const char *content = reader->type;

	if (*reader->partitions)
		content = "partitions";
	printf("  %-10s %s%s%s\n", reader->disk, reader->path, *content ? ", " : "", content);
	if (*reader->partitions)
		printf("             the image of a whole disk (%s): for devices of its partitions,\n"
		       "             losetup --find --show --read-only --partscan %s\n",
		       reader->partitions, reader->path);
	else if (reader->filesystem)
		printf("             mount -o %s %s DIRECTORY\n",
		       dmreplica_mount_options(reader->type), reader->path);
}

int cmd_point_open(struct dmreplica *ctx, int argc, char **argv)
{
	struct dmreplica_op op = { .given = 0 };
	struct dmreplica_reader *list;
	struct dmreplica_system sys;
	int code, status;
	size_t nr, i;
	bool json;

	if (!parse(ctx, argc, argv, true, &sys, &op, &json, &status))
		return status;
	code = dmreplica_point_open(ctx, &sys, &op);
	if (!code)
		code = dmreplica_point_devices(ctx, &sys, op.point, &list, &nr);
	if (code)
		return refused(ctx, code);
	if (json) {
		print_json(code, &sys, op.point, list, nr);
	} else {
		printf("%d %s: recovery point %llu of %s is open for reading, %s\n", code,
		       dmreplica_code_name(code), (unsigned long long)op.point, sys.name,
		       text_count(nr, "disk"));
		for (i = 0; i < nr; i++)
			print_reader(&list[i]);
		printf("  replicactl recovery-point close %s %llu ends it\n", sys.name,
		       (unsigned long long)op.point);
	}
	dmreplica_list_free(list);
	return 0;
}

int cmd_point_close(struct dmreplica *ctx, int argc, char **argv)
{
	struct dmreplica_op op = { .given = 0 };
	struct dmreplica_system sys;
	int code, status;
	bool json;

	if (!parse(ctx, argc, argv, false, &sys, &op, &json, &status))
		return status;
	code = dmreplica_point_close(ctx, &sys, &op);
	if (code)
		return refused(ctx, code);
	printf("%d %s: recovery point %llu of %s is closed\n", code, dmreplica_code_name(code),
	       (unsigned long long)op.point, sys.name);
	return 0;
}
