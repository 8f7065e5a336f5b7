// SPDX-License-Identifier: GPL-2.0-only
/* replicactl vacuum, version */
#include <getopt.h>

#include "replicactl.h"

int cmd_vacuum(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "hold", no_argument, NULL, 'o' },
		{ "release", no_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 }
	};
	bool hold = false, release = false;
	struct dmreplica_system sys;
	int c, code, status;

	while ((c = next_option(argc, argv, "", options, &status)) != -1) {
		if (c == 'o')
			hold = true;
		else if (c == 'r')
			release = true;
		else
			return status;
	}
	if (optind != argc - 1)
		return usage_error("give one system");
	if (hold == release)
		return usage_error("give --hold or --release");
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (!code)
		code = dmreplica_vacuum_hold(ctx, &sys, hold);
	if (code)
		return refused(ctx, code);
	printf("the vacuum of %s %s\n", sys.name, hold ? "is held still" : "goes on");
	return 0;
}

int cmd_version(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 }
	};
	struct dmreplica_versions v;
	struct json_object *obj;
	bool json = false;
	int c, status;

	while ((c = next_option(argc, argv, "j", options, &status)) != -1) {
		if (c != 'j')
			return status;
		json = true;
	}
	if (optind != argc)
		return usage_error("too many arguments: %s", argv[optind]);
	dmreplica_versions(ctx, &v);
	if (json) {
		obj = json_object_new_object();
		json_add_string(obj, "replicactl", v.library);
		json_add_u64(obj, "format", v.format);
		json_add_u64(obj, "family", v.family);
		json_add_bool(obj, "module_loaded", v.module_loaded);
		if (*v.module)
			json_add_string(obj, "module", v.module);
		if (v.module_family)
			json_add_u64(obj, "module_family", v.module_family);
		json_print(obj);
		return 0;
	}
	printf("replicactl %s\n", v.library);
	printf("store format %u\n", v.format);
	printf("netlink family %s version %u\n", DM_REPLICA_FAMILY_NAME, v.family);
	if (!v.module_loaded)
		printf("module dm-replica is not loaded\n");
	else
		printf("module dm-replica %s loaded, family version %u\n",
		       *v.module ? v.module : "(no version)", v.module_family);
	return 0;
}
