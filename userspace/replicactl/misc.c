// SPDX-License-Identifier: GPL-2.0-only
/* replicactl vacuum, heartbeat, grow, reset-errors, version */
#include <getopt.h>

#include "replicactl.h"

int cmd_vacuum(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "rate", required_argument, NULL, 'v' },
		{ "hold", no_argument, NULL, 'o' },
		{ "release", no_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 }
	};
	struct dmreplica_settings set = { .given = 0 };
	bool hold = false, release = false, rate = false;
	struct dmreplica_system sys;
	int c, code, status;

	while ((c = next_option(argc, argv, "", options, &status)) != -1) {
		switch (c) {
		case 'v':
			if (!parse_rate(optarg, &set.vacuum_rate))
				return usage_error("--rate %s is not a rate: write bytes per second as 50M, or auto, unlimited or 0",
						   optarg);
			set.given = DMREPLICA_SET_VACUUM_RATE;
			rate = true;
			break;
		case 'o':
			hold = true;
			break;
		case 'r':
			release = true;
			break;
		default:
			return status;
		}
	}
	if (optind != argc - 1)
		return usage_error("give one system");
	if (hold + release + rate != 1)
		return usage_error("give --rate, --hold or --release, one of them");
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (!code)
		code = rate ? dmreplica_settings_set(ctx, &sys, &set) :
			      dmreplica_vacuum_hold(ctx, &sys, hold);
	if (code)
		return refused(ctx, code);
	if (rate)
		printf("the vacuum of %s copies %s\n", sys.name, text_rate(set.vacuum_rate));
	else
		printf("the vacuum of %s %s\n", sys.name, hold ? "is held still" : "goes on");
	return 0;
}

int cmd_heartbeat(struct dmreplica *ctx, int argc, char **argv)
{
	struct dmreplica_system sys;
	int code, status;

	if (next_option(argc, argv, "", NULL, &status) != -1)
		return status;
	if (optind != argc - 1)
		return usage_error("give one system");
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (!code)
		code = dmreplica_heartbeat(ctx, &sys);
	return code ? refused(ctx, code) : 0;
}

int cmd_grow(struct dmreplica *ctx, int argc, char **argv)
{
	struct dmreplica_op op = { .given = DMREPLICA_OP_EXPECT_STATE };
	struct dmreplica_system sys, now;
	int code, status;

	if (next_option(argc, argv, "", NULL, &status) != -1)
		return status;
	if (optind != argc - 1)
		return usage_error("give one system");
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (!code) {
		op.expect_state = sys.state_number;
		code = dmreplica_grow(ctx, &sys, &op);
	}
	if (code && code != DM_REPLICA_CODE_JOB_STARTED)
		return refused(ctx, code);
	print_answer(code, &op);
	if (dmreplica_system_attached(ctx, text_uuid(sys.uuid), &now)) {
		printf("\n");
		return 0;
	}
	printf(": store %s of %s\n", now.store, now.name);
	printf("  before  %s (%llu bytes), %s\n", text_size(sys.store_bytes),
	       (unsigned long long)sys.store_bytes, text_count(sys.slots, "slot"));
	printf("  now     %s (%llu bytes), %s\n", text_size(now.store_bytes),
	       (unsigned long long)now.store_bytes, text_count(now.slots, "slot"));
	return follow_job(ctx, &sys, code, &op, true);
}

int cmd_reset_errors(struct dmreplica *ctx, int argc, char **argv)
{
	struct op_options o = { .yes = false };
	int status;

	if (!parse_op_options(argc, argv, "w", &o, &status))
		return status;
	if (optind != argc - 1)
		return usage_error("give one system");
	return plain_operation(ctx, argv[optind], &o, dmreplica_reset_errors);
}

int cmd_version(struct dmreplica *ctx, int argc, char **argv)
{
	struct dmreplica_versions v;
	struct json_object *obj;
	bool json;
	int status;

	if (!parse_json_option(argc, argv, &json, &status))
		return status;
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
