// SPDX-License-Identifier: GPL-2.0-only
/* replicactl recovery-point create, list, drop */
#include <getopt.h>
#include <string.h>

#include "replicactl.h"

static bool parse_kind(const char *text, uint32_t *kind)
{
	for (*kind = DM_REPLICA_POINT_KIND_STANDARD; *kind <= DM_REPLICA_POINT_KIND_PLANNED;
	     ++*kind)
		if (!strcmp(text, dmreplica_point_kind_name(*kind)))
			return true;
	return false;
}

/* Parse numbers separated by commas.  Return: false if malformed. */
static bool parse_drop(char *text, uint64_t *numbers, unsigned int *nr)
{
	char *one, *rest = text;

	for (*nr = 0; (one = strsep(&rest, ",")); ++*nr)
		if (*nr == DMREPLICA_MAX_POINTS || !parse_number(one, &numbers[*nr]) ||
		    !numbers[*nr])
			return false;
	return true;
}

static void print_made(int code, const struct dmreplica_system *sys,
		       const struct dmreplica_op *op, bool json)
{
	struct json_object *obj, *array;
	unsigned int i;

	if (json) {
		obj = json_object_new_object();
		array = json_object_new_array();
		json_object_object_add(obj, "code", json_object_new_int(code));
		json_add_string(obj, "code_name", dmreplica_code_name(code));
		json_add_string(obj, "system", sys->name);
		json_add_u64(obj, "point", op->point_made);
		for (i = 0; i < op->nr_dropped; i++)
			json_object_array_add(array, json_object_new_uint64(op->dropped[i]));
		json_object_object_add(obj, "dropped", array);
		json_print(obj);
		return;
	}
	printf("%d %s: recovery point %llu of %s made, %s\n", code, dmreplica_code_name(code),
	       (unsigned long long)op->point_made, sys->name, text_count(sys->disks, "disk"));
	if (!op->nr_dropped)
		return;
	printf("  dropped %s with it:", text_count(op->nr_dropped, "older one"));
	for (i = 0; i < op->nr_dropped; i++)
		printf(" %llu", (unsigned long long)op->dropped[i]);
	printf("\n");
}

int cmd_point_create(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "drop", required_argument, NULL, 'd' },
		{ "hold", required_argument, NULL, 'H' },
		{ "json", no_argument, NULL, 'j' },
		{ "keep-all", no_argument, NULL, 'K' },
		{ "kind", required_argument, NULL, 'k' },
		{ "label", required_argument, NULL, 'l' },
		{ "received", no_argument, NULL, 'r' },
		{ "timeout", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 }
	};
	uint64_t drop[DMREPLICA_MAX_POINTS];
	struct dmreplica_op op = { .given = 0, .drop = drop };
	bool json = false, keep_all = false;
	struct dmreplica_system sys;
	struct dmreplica_point *list;
	int c, code, status;
	size_t nr;

	while ((c = next_option(argc, argv, "jk:l:t:", options, &status)) != -1) {
		switch (c) {
		case 'd':
			if (op.nr_drop)
				return usage_error("give --drop once, with all numbers");
			if (!parse_drop(optarg, drop, &op.nr_drop))
				return usage_error("--drop takes the numbers of recovery points, separated by commas");
			op.given |= DMREPLICA_OP_DROP;
			break;
		case 'H':
			if (dmreplica_peer_name_fault(optarg))
				return usage_error("the name of peer %s %s", optarg,
						   dmreplica_peer_name_fault(optarg));
			op.peer = optarg;
			op.given |= DMREPLICA_OP_PEER;
			break;
		case 'j':
			json = true;
			break;
		case 'K':
			keep_all = true;
			op.given |= DMREPLICA_OP_DROP;
			break;
		case 'k':
			if (!parse_kind(optarg, &op.kind))
				return usage_error("--kind %s is not standard, application-consistent or planned",
						   optarg);
			op.given |= DMREPLICA_OP_KIND;
			break;
		case 'l':
			if (strlen(optarg) >= DMREPLICA_POINT_NAME_MAX)
				return usage_error("--label is longer than %d bytes",
						   DMREPLICA_POINT_NAME_MAX - 1);
			op.label = optarg;
			op.given |= DMREPLICA_OP_LABEL;
			break;
		case 'r':
			op.given |= DMREPLICA_OP_RECEIVED;
			break;
		case 't':
			if (!parse_wait("--timeout", optarg, &op.timeout_ms, &status))
				return status;
			op.given |= DMREPLICA_OP_TIMEOUT;
			break;
		default:
			return status;
		}
	}
	if (optind != argc - 1)
		return usage_error("give one system");
	if (keep_all && op.nr_drop)
		return usage_error("--keep-all and --drop contradict each other");
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (!code)
		code = dmreplica_point_make(ctx, &sys, &op);
	if (code && code != DM_REPLICA_CODE_JOB_STARTED)
		return refused(ctx, code);
	if (!op.point_made && !dmreplica_point_list(ctx, &sys, &list, &nr)) {
		if (nr)
			op.point_made = list[nr - 1].number;
		dmreplica_list_free(list);
	}
	print_made(code, &sys, &op, json);
	return 0;
}

int cmd_point_list(struct dmreplica *ctx, int argc, char **argv)
{
	struct dmreplica_point *list;
	struct dmreplica_system sys;
	int code, status;
	bool json;
	size_t nr, i;

	if (!parse_one_system(ctx, argc, argv, &sys, &json, &status))
		return status;
	code = dmreplica_point_list_sized(ctx, &sys, &list, &nr);
	if (code)
		return refused(ctx, code);
	if (json) {
		json_print(json_list(list, nr, json_point));
	} else if (!nr) {
		printf("system %s has no recovery point\n", sys.name);
	} else {
		printf("%6s  %-19s  %-22s  %10s  %s\n", "NUMBER", "TIME", "KIND", "ONLY HERE",
		       "LABEL");
		for (i = 0; i < nr; i++)
			printf("%6llu  %-19s  %-22s  %10s  %s%s%s%s%s\n",
			       (unsigned long long)list[i].number, text_time(list[i].time),
			       dmreplica_point_kind_name(list[i].kind),
			       list[i].sized ? text_size(list[i].bytes) : "-", list[i].name,
			       *list[i].views ? "  (open)" : list[i].in_use ? "  (in use)" : "",
			       list[i].held_by[0] ? "  (held by " : "", list[i].held_by,
			       list[i].held_by[0] ? ")" : "");
	}
	dmreplica_list_free(list);
	return 0;
}

int cmd_point_drop(struct dmreplica *ctx, int argc, char **argv)
{
	struct op_options o = { .op.given = DMREPLICA_OP_POINT };
	struct dmreplica_op *op = &o.op;
	struct dmreplica_system sys;
	char question[80];
	int code, status;

	if (!parse_op_options(argc, argv, "y", &o, &status))
		return status;
	if (optind != argc - 2)
		return usage_error("give a system and the number or the label of a point");
	if (!parse_point(argv[optind + 1]))
		return usage_error("%s is neither the number nor the label of a point",
				   argv[optind + 1]);
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (!code)
		code = find_point(ctx, &sys, argv[optind + 1], &op->point);
	if (!code) {
		snprintf(question, sizeof(question), "Drop recovery point %llu for good?",
			 (unsigned long long)op->point);
		if (!confirm(o.yes, question, &status))
			return status;
	}
	if (!code)
		code = dmreplica_point_drop(ctx, &sys, op);
	if (code && code != DM_REPLICA_CODE_JOB_STARTED)
		return refused(ctx, code);
	printf("%d %s: recovery point %llu of %s dropped\n", code, dmreplica_code_name(code),
	       (unsigned long long)op->point, sys.name);
	if (code == DM_REPLICA_CODE_JOB_STARTED)
		printf("  job %llu reclaims its space\n", (unsigned long long)op->job);
	return 0;
}
