// SPDX-License-Identifier: GPL-2.0-only
/* replicactl commit, move-home: make the failover the machine, and move all home. */
#include <getopt.h>

#include "replicactl.h"

/* Count the recovery points younger than the one failed over to. */
static uint64_t points_after(struct dmreplica *ctx, const struct dmreplica_system *sys)
{
	struct dmreplica_point *list;
	uint64_t after = 0;
	size_t nr, i;

	if (dmreplica_point_list(ctx, sys, &list, &nr))
		return 0;
	for (i = 0; i < nr; i++)
		after += list[i].number > sys->live_point;
	dmreplica_list_free(list);
	return after;
}

static void print_loss(struct dmreplica *ctx, const struct dmreplica_system *sys)
{
	uint64_t after = points_after(ctx, sys);

	printf("commit of %s makes the failover to point %llu the machine, for good:\n", sys->name,
	       (unsigned long long)sys->live_point);
	printf("  kept       everything written there since: %s in %s\n", text_size(sys->live_bytes),
	       text_age(sys->live_time));
	printf("  lost       all recovery points: %u\n", sys->points);
	printf("  lost       all replicated data after point %llu: ",
	       (unsigned long long)sys->live_point);
	if (after)
		printf("%s, and ", text_count(after, "younger point"));
	printf("%s in %s since the last point\n", text_size(sys->replicated_bytes),
	       text_count(sys->replicated_writes, "write"));
	printf("  afterwards replication to these disks is over, and its devices are offline\n");
	printf("  afterwards a revert is not possible\n");
	printf("The guest may run on meanwhile.\n");
}

int cmd_commit(struct dmreplica *ctx, int argc, char **argv)
{
	struct op_options o = { .op.given = DMREPLICA_OP_EXPECT_STATE };
	struct dmreplica_op *op = &o.op;
	struct dmreplica_system sys;
	int code, status;

	if (!parse_op_options(argc, argv, "ynts", &o, &status))
		return status;
	if (optind != argc - 1)
		return usage_error("give one system");
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (code)
		return refused(ctx, code);
	status = expect_shown(&sys, 0, &o);
	if (status)
		return status;
	/* without a question in another state, which the kernel refuses */
	if (sys.state == DM_REPLICA_STATE_RECOVERED) {
		print_loss(ctx, &sys);
		if (!confirm(o.yes, "Commit it?", &status))
			return status;
	}
	code = dmreplica_commit(ctx, &sys, op);
	if (code && code != DM_REPLICA_CODE_JOB_STARTED)
		return refused(ctx, code);
	if (print_undecided(&sys, code, op))
		return 0;
	print_answer(code, op);
	print_state(ctx, &sys);
	if (code == DM_REPLICA_CODE_COMPLETED) {
		printf("done: all is home\n");
		return 0;
	}
	printf("  everything moves home now\n");
	return follow_job(ctx, &sys, code, op, !o.no_wait);
}

int cmd_move_home(struct dmreplica *ctx, int argc, char **argv)
{
	struct op_options o = { .yes = false };
	int status;

	if (!parse_op_options(argc, argv, "n", &o, &status))
		return status;
	if (optind != argc - 1)
		return usage_error("give one system");
	return plain_operation(ctx, argv[optind], &o, dmreplica_move_home);
}
