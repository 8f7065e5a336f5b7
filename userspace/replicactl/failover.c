// SPDX-License-Identifier: GPL-2.0-only
/* replicactl failover, revert */
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "replicactl.h"

/* The reply of an operation that has a job behind it: say so, and wait. */
static int follow(struct dmreplica *ctx, const struct dmreplica_system *sys, int code,
		  const struct dmreplica_op *op, bool wait)
{
	struct dmreplica_job job;

	if (code != DM_REPLICA_CODE_JOB_STARTED)
		return 0;
	if (!wait) {
		printf("  replicactl job wait %s %llu waits for it\n", sys->name,
		       (unsigned long long)op->job);
		return 0;
	}
	fflush(stdout);
	code = wait_for_job(ctx, sys, op->job, 0, false, &job);
	if (code)
		return refused(ctx, code);
	printf("done in %s\n", text_duration(job.elapsed));
	return 0;
}

static void print_answer(int code, const struct dmreplica_op *op)
{
	printf("%d %s", code, dmreplica_code_name(code));
	if (op->job && code == DM_REPLICA_CODE_JOB_STARTED)
		printf(", job %llu", (unsigned long long)op->job);
}

static void print_devices(struct dmreplica *ctx, const struct dmreplica_system *sys)
{
	struct dmreplica_disk *disks;
	size_t nr, i;

	if (dmreplica_disk_list(ctx, sys, &disks, &nr))
		return;
	for (i = 0; i < nr; i++)
		printf("  %s  %s\n", disks[i].name,
		       text_device(disks[i].live_major, disks[i].live_minor));
	dmreplica_list_free(disks);
}

int cmd_failover(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "point", required_argument, NULL, 'p' },
		{ "no-wait", no_argument, NULL, 'n' },
		{ "timeout", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 }
	};
	struct dmreplica_op op = { .given = 0 };
	struct dmreplica_system sys;
	bool wait = true;
	int c, code, status;

	while ((c = next_option(argc, argv, "p:nt:", options, &status)) != -1) {
		switch (c) {
		case 'p':
			if (!parse_number(optarg, &op.point))
				return usage_error("--point %s is not the number of a point",
						   optarg);
			op.given |= DMREPLICA_OP_POINT;
			break;
		case 'n':
			wait = false;
			break;
		case 't':
			if (!parse_seconds(optarg, &op.timeout_ms))
				return usage_error("--timeout %s is no time in seconds", optarg);
			op.given |= DMREPLICA_OP_TIMEOUT;
			break;
		default:
			return status;
		}
	}
	if (optind != argc - 1)
		return usage_error("give one system");
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (!code)
		code = dmreplica_failover(ctx, &sys, &op);
	if (code && code != DM_REPLICA_CODE_JOB_STARTED)
		return refused(ctx, code);
	print_answer(code, &op);
	if (!dmreplica_system_attached(ctx, argv[optind], &sys))
		printf(": %s is %s at point %llu", sys.name, text_state(sys.state),
		       (unsigned long long)sys.live_point);
	printf("\n");
	print_devices(ctx, &sys);
	return follow(ctx, &sys, code, &op, wait);
}

static void print_loss(struct dmreplica *ctx, const struct dmreplica_system *sys)
{
	struct dmreplica_disk *disks;
	size_t nr, i;

	printf("revert of %s throws away what was written since the failover to point %llu:\n",
	       sys->name, (unsigned long long)sys->live_point);
	printf("  %s, written in %s since %s\n", text_size(sys->live_bytes),
	       text_age(sys->live_time), text_time(sys->live_time));
	if (dmreplica_disk_list(ctx, sys, &disks, &nr))
		return;
	for (i = 0; i < nr; i++)
		printf("  %s  %s  %s\n", disks[i].name,
		       text_device(disks[i].live_major, disks[i].live_minor),
		       text_size(disks[i].live_bytes));
	dmreplica_list_free(disks);
}

static bool ask(void)
{
	char line[16];

	printf("Throw it away? [y/N] ");
	fflush(stdout);
	return fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
}

int cmd_revert(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "yes", no_argument, NULL, 'y' },
		{ "no-wait", no_argument, NULL, 'n' },
		{ "timeout", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 }
	};
	struct dmreplica_op op = {
		.given = DMREPLICA_OP_EXPECT_STATE | DMREPLICA_OP_EXPECT_WRITES,
	};
	bool wait = true, yes = false, failed_over;
	struct dmreplica_system sys;
	int c, code, status;

	while ((c = next_option(argc, argv, "ynt:", options, &status)) != -1) {
		switch (c) {
		case 'y':
			yes = true;
			break;
		case 'n':
			wait = false;
			break;
		case 't':
			if (!parse_seconds(optarg, &op.timeout_ms))
				return usage_error("--timeout %s is no time in seconds", optarg);
			op.given |= DMREPLICA_OP_TIMEOUT;
			break;
		default:
			return status;
		}
	}
	if (optind != argc - 1)
		return usage_error("give one system");
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (code)
		return refused(ctx, code);
	/* a revert that must be refused anyway is for the kernel to refuse: nothing to ask */
	failed_over = sys.live_time != 0;
	if (failed_over) {
		print_loss(ctx, &sys);
		if (!yes && !isatty(STDIN_FILENO))
			return usage_error("standard input is no terminal to ask on; --yes reverts without asking");
		if (!yes && !ask()) {
			printf("nothing was changed\n");
			return 1;
		}
	}
	/* R11: what was shown is what is done, or nothing */
	op.expect_state = sys.state_number;
	op.expect_writes = sys.live_writes;
	code = dmreplica_revert(ctx, &sys, &op);
	if (code && code != DM_REPLICA_CODE_JOB_STARTED)
		return refused(ctx, code);
	print_answer(code, &op);
	if (!dmreplica_system_attached(ctx, argv[optind], &sys))
		printf(": %s is %s", sys.name, text_state(sys.state));
	printf("\n");
	if (code == DM_REPLICA_CODE_COMPLETED) {
		printf("done\n");
		return 0;
	}
	return follow(ctx, &sys, code, &op, wait);
}
