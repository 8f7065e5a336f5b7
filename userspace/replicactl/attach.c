// SPDX-License-Identifier: GPL-2.0-only
/* replicactl attach, detach, scan */
#include <getopt.h>

#include "replicactl.h"

static void print_attached(struct dmreplica *ctx, const char *name)
{
	struct dmreplica_system sys;
	struct dmreplica_disk *disks;
	size_t nr, i;

	if (dmreplica_system_find(ctx, name, &sys) || !sys.attached) {
		printf("%s attached\n", name);
		return;
	}
	printf("%s attached: %s\n", sys.name, text_state(sys.state));
	if (dmreplica_disk_list(ctx, &sys, &disks, &nr))
		return;
	for (i = 0; i < nr; i++)
		printf("  %s  replica %s  failover %s  test %s\n", disks[i].name,
		       text_device(disks[i].replica_major, disks[i].replica_minor),
		       text_device(disks[i].live_major, disks[i].live_minor),
		       text_device(disks[i].test_major, disks[i].test_minor));
	dmreplica_list_free(disks);
}

static int attach_all(struct dmreplica *ctx, unsigned int flags)
{
	struct dmreplica_system *list;
	int code, status = 0;
	size_t nr, i;

	code = dmreplica_system_list(ctx, &list, &nr);
	if (code)
		return refused(ctx, code);
	for (i = 0; i < nr; i++) {
		if (list[i].attached)
			continue;
		code = dmreplica_attach(ctx, list[i].name, flags);
		if (code)
			status = refused(ctx, code);
		else
			print_attached(ctx, list[i].name);
	}
	dmreplica_list_free(list);
	return status;
}

int cmd_attach(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "take-over", no_argument, NULL, 't' },
		{ "accept-homes", no_argument, NULL, 'x' },
		{ NULL, 0, NULL, 0 }
	};
	unsigned int flags = 0;
	bool all = false;
	int c, code, status;

	while ((c = next_option(argc, argv, "a", options, &status)) != -1) {
		switch (c) {
		case 'a':
			all = true;
			break;
		case 't':
			flags |= DMREPLICA_ATTACH_TAKE_OVER;
			break;
		case 'x':
			flags |= DMREPLICA_ATTACH_ACCEPT_HOMES;
			break;
		default:
			return status;
		}
	}
	if (all ? optind != argc : optind != argc - 1)
		return usage_error("give one system, or --all");
	if (all)
		return attach_all(ctx, flags);
	code = dmreplica_attach(ctx, argv[optind], flags);
	if (code)
		return refused(ctx, code);
	print_attached(ctx, argv[optind]);
	return 0;
}

static int detach_all(struct dmreplica *ctx)
{
	struct dmreplica_system *list;
	int code, status = 0;
	size_t nr, i;

	code = dmreplica_system_list(ctx, &list, &nr);
	if (code)
		return refused(ctx, code);
	for (i = 0; i < nr; i++) {
		code = dmreplica_detach(ctx, text_uuid(list[i].uuid));
		/* those that are known and not attached have nothing to detach */
		if (code == DM_REPLICA_CODE_NOT_AVAILABLE && !list[i].attached)
			continue;
		if (code)
			status = refused(ctx, code);
		else
			printf("%s detached\n", list[i].name);
	}
	dmreplica_list_free(list);
	return status;
}

int cmd_detach(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, 'a' },
		{ NULL, 0, NULL, 0 }
	};
	bool all = false;
	int c, code, status;

	while ((c = next_option(argc, argv, "a", options, &status)) != -1) {
		if (c != 'a')
			return status;
		all = true;
	}
	if (all ? optind != argc : optind != argc - 1)
		return usage_error("give one system, or --all");
	if (all)
		return detach_all(ctx);
	code = dmreplica_detach(ctx, argv[optind]);
	if (code)
		return refused(ctx, code);
	printf("%s detached\n", argv[optind]);
	return 0;
}

static struct json_object *json_found(const struct dmreplica_found *found)
{
	struct json_object *obj = json_object_new_object();
	struct json_object *disks = json_object_new_array(), *disk;
	unsigned int i;

	json_add_string(obj, "name", found->conf.name);
	json_add_uuid(obj, "uuid", found->conf.uuid);
	json_add_string(obj, "store", found->conf.store);
	json_add_u64(obj, "store_bytes", found->bytes);
	json_add_u64(obj, "state", found->state);
	json_add_string(obj, "state_name", dmreplica_state_name(found->state));
	json_add_bool(obj, "configured", found->known);
	json_add_bool(obj, "attached", found->attached);
	json_add_bool(obj, "twin", found->twin);
	for (i = 0; i < found->conf.nr_disks; i++) {
		disk = json_object_new_object();
		json_add_string(disk, "name", found->conf.disks[i].name);
		if (*found->conf.disks[i].path)
			json_add_string(disk, "home", found->conf.disks[i].path);
		else
			json_object_object_add(disk, "home", NULL);
		json_object_array_add(disks, disk);
	}
	json_object_object_add(obj, "disks", disks);
	return obj;
}

static void print_found(const struct dmreplica_found *found)
{
	unsigned int i;

	printf("%s  %s  store %s (%s)  %s%s%s%s\n", found->conf.name, text_uuid(found->conf.uuid),
	       found->conf.store, text_size(found->bytes), text_state(found->state),
	       found->attached ? "  attached" : "", found->known ? "" : "  no file",
	       found->twin ? "  found twice" : "");
	for (i = 0; i < found->conf.nr_disks; i++)
		printf("  disk %s  home %s\n", found->conf.disks[i].name,
		       *found->conf.disks[i].path ? found->conf.disks[i].path : "not found");
}

int cmd_scan(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "write", no_argument, NULL, 'w' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 }
	};
	bool write = false, json = false;
	struct json_object *array = NULL;
	struct dmreplica_found *list;
	int c, code, status = 0;
	size_t nr, i;

	while ((c = next_option(argc, argv, "wj", options, &status)) != -1) {
		if (c == 'w')
			write = true;
		else if (c == 'j')
			json = true;
		else
			return status;
	}
	status = 0;
	code = dmreplica_scan(ctx, optind < argc ? (const char *const *)argv + optind : NULL,
			      argc - optind, &list, &nr);
	if (code)
		return refused(ctx, code);
	if (json)
		array = json_object_new_array();
	else if (!nr)
		printf("no store found\n");
	for (i = 0; i < nr; i++) {
		if (json)
			json_object_array_add(array, json_found(&list[i]));
		else
			print_found(&list[i]);
		if (!write)
			continue;
		if (list[i].twin) {
			fprintf(stderr, "replicactl: warning: %s has two stores, one may be an old copy: its file is not written; name the right one: replicactl scan --write DEVICE\n",
				list[i].conf.name);
			status = dmreplica_exit_status(DM_REPLICA_CODE_FAILED);
			continue;
		}
		if (list[i].name_taken) {
			fprintf(stderr, "replicactl: warning: another system is called %s, or that is no name: the file of %s is not written\n",
				list[i].conf.name, text_uuid(list[i].conf.uuid));
			status = dmreplica_exit_status(DM_REPLICA_CODE_FAILED);
			continue;
		}
		if (list[i].missing) {
			fprintf(stderr, "replicactl: warning: homes of %s were not found: its file is not written\n",
				list[i].conf.name);
			status = dmreplica_exit_status(DM_REPLICA_CODE_NOT_FOUND);
			continue;
		}
		code = dmreplica_conf_write(ctx, &list[i].conf);
		if (code)
			status = refused(ctx, code);
		else if (!json)
			printf("  wrote %s\n", list[i].conf.file);
	}
	if (json)
		json_print(array);
	dmreplica_list_free(list);
	return status;
}
