// SPDX-License-Identifier: GPL-2.0-only
/* replicactl peer list, add, remove; recovery-point hold, release */
#include <getopt.h>
#include <string.h>

#include <uuid/uuid.h>

#include "replicactl.h"

static struct json_object *json_peer(const struct dmreplica_peer *peer)
{
	struct json_object *obj = json_object_new_object();

	json_add_string(obj, "name", peer->name);
	json_add_uuid(obj, "uuid", peer->uuid);
	json_add_u64(obj, "acked", peer->acked);
	json_add_u64(obj, "points_held", peer->points_held);
	return obj;
}

int cmd_peer_list(struct dmreplica *ctx, int argc, char **argv)
{
	struct dmreplica_peer *list;
	struct dmreplica_system sys;
	int code, status;
	size_t nr, i;
	char has[24];
	bool json;

	if (!parse_one_system(ctx, argc, argv, &sys, &json, &status))
		return status;
	code = dmreplica_peer_list(ctx, &sys, &list, &nr);
	if (code)
		return refused(ctx, code);
	if (json) {
		json_print(json_list(list, nr, json_peer));
	} else if (!nr) {
		printf("system %s has no peer\n", sys.name);
	} else {
		printf("%-24s  %-36s  %6s  %s\n", "NAME", "UUID", "HAS", "HOLDS");
		for (i = 0; i < nr; i++) {
			snprintf(has, sizeof(has), "%llu", (unsigned long long)list[i].acked);
			printf("%-24s  %-36s  %6s  %s\n", list[i].name, text_uuid(list[i].uuid),
			       list[i].acked ? has : "-",
			       text_count(list[i].points_held, "point"));
		}
	}
	dmreplica_list_free(list);
	return 0;
}

/* Set the peer of @op.  Return: false, and the command ends with *@status. */
static bool take_peer(const char *name, struct dmreplica_op *op, int *status)
{
	const char *fault = dmreplica_peer_name_fault(name);

	op->peer = name;
	op->given |= DMREPLICA_OP_PEER;
	if (fault)
		*status = usage_error("the name of peer %s %s", name, fault);
	return !fault;
}

static int answer(struct dmreplica *ctx, int code, const char *what,
		  const struct dmreplica_system *sys)
{
	if (code && code != DM_REPLICA_CODE_JOB_STARTED)
		return refused(ctx, code);
	printf("%d %s: %s of %s\n", code, dmreplica_code_name(code), what, sys->name);
	return 0;
}

int cmd_peer_add(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "uuid", required_argument, NULL, 'u' },
		{ NULL, 0, NULL, 0 }
	};
	struct dmreplica_op op = { 0 };
	struct dmreplica_system sys;
	const char *given = NULL;
	char what[80];
	int c, code, status;
	uuid_t uuid;

	while ((c = next_option(argc, argv, "u:", options, &status)) != -1) {
		if (c != 'u')
			return status;
		if (uuid_parse(optarg, uuid))
			return usage_error("--uuid %s is not a UUID", optarg);
		given = optarg;
	}
	if (optind != argc - 2)
		return usage_error("give a system and the name of the peer");
	if (!take_peer(argv[optind + 1], &op, &status))
		return status;
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (!code)
		code = dmreplica_peer_add(ctx, &sys, given ? uuid : NULL, &op);
	snprintf(what, sizeof(what), "%s is a peer", op.peer);
	return answer(ctx, code, what, &sys);
}

int cmd_peer_remove(struct dmreplica *ctx, int argc, char **argv)
{
	struct op_options o = { 0 };
	struct dmreplica_system sys;
	char question[160], what[80];
	int code, status;

	if (!parse_op_options(argc, argv, "y", &o, &status))
		return status;
	if (optind != argc - 2)
		return usage_error("give a system and the name of the peer");
	if (!take_peer(argv[optind + 1], &o.op, &status))
		return status;
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (!code) {
		snprintf(question, sizeof(question),
			 "Remove peer %s, and release the recovery points that it holds?", o.op.peer);
		if (!confirm(o.yes, question, &status))
			return status;
		code = dmreplica_peer_remove(ctx, &sys, &o.op);
	}
	snprintf(what, sizeof(what), "%s is no peer any more", o.op.peer);
	return answer(ctx, code, what, &sys);
}

static int hold_or_release(struct dmreplica *ctx, int argc, char **argv, bool hold)
{
	static const struct option options[] = {
		{ "peer", required_argument, NULL, 'p' },
		{ "acked", no_argument, NULL, 'a' },
		{ NULL, 0, NULL, 0 }
	};
	struct dmreplica_op op = { .given = DMREPLICA_OP_POINT };
	struct dmreplica_system sys;
	int c, code, status;
	char what[120];

	while ((c = next_option(argc, argv, "p:", options, &status)) != -1) {
		if (c == 'a')
			op.given |= DMREPLICA_OP_ACKED;
		else if (c != 'p' || !take_peer(optarg, &op, &status))
			return status;
	}
	if (!hold && op.given & DMREPLICA_OP_ACKED)
		return usage_error("a point that is released is not acknowledged: hold --acked");
	if (optind != argc - 2)
		return usage_error("give a system and the number or the label of a point");
	if (!op.peer)
		return usage_error("name the peer: --peer PEER");
	if (!parse_point(argv[optind + 1]))
		return usage_error("%s is neither the number nor the label of a point",
				   argv[optind + 1]);
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (!code)
		code = find_point(ctx, &sys, argv[optind + 1], &op.point);
	if (!code)
		code = hold ? dmreplica_point_hold(ctx, &sys, &op) :
			      dmreplica_point_release(ctx, &sys, &op);
	snprintf(what, sizeof(what), "%s %s recovery point %llu", op.peer,
		 hold ? "holds" : "does not hold", (unsigned long long)op.point);
	return answer(ctx, code, what, &sys);
}

int cmd_point_hold(struct dmreplica *ctx, int argc, char **argv)
{
	return hold_or_release(ctx, argc, argv, true);
}

int cmd_point_release(struct dmreplica *ctx, int argc, char **argv)
{
	return hold_or_release(ctx, argc, argv, false);
}
