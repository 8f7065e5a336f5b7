// SPDX-License-Identifier: GPL-2.0-only
/*
 * replicactl failover, revert and test-failover start, stop: the same for the live
 * and for the test view.
 */
#include <getopt.h>

#include "replicactl.h"

/* The differences between the two views. */
struct view {
	bool test;
	int (*begin)(struct dmreplica *ctx, const struct dmreplica_system *sys,
		     struct dmreplica_op *op);
	int (*end)(struct dmreplica *ctx, const struct dmreplica_system *sys,
		   struct dmreplica_op *op);
};

static const struct view live_view = {
	.begin = dmreplica_failover,
	.end = dmreplica_revert,
};

static const struct view test_view = {
	.test = true,
	.begin = dmreplica_test_start,
	.end = dmreplica_test_stop,
};

/* Print the devices of a view; @bytes: with the bytes written there. */
static void print_devices(struct dmreplica *ctx, const struct dmreplica_system *sys,
			  const struct view *view, bool bytes)
{
	struct dmreplica_disk *disks;
	size_t nr, i;

	if (dmreplica_disk_list(ctx, sys, &disks, &nr))
		return;
	for (i = 0; i < nr; i++) {
		const struct dmreplica_disk *d = &disks[i];

		printf("  %s  %s", d->name, view->test ? text_device(d->test_major, d->test_minor) :
		       text_device(d->live_major, d->live_minor));
		if (bytes)
			printf("  %s", text_size(view->test ? d->test_bytes : d->live_bytes));
		printf("\n");
	}
	dmreplica_list_free(disks);
}

static int begin(struct dmreplica *ctx, int argc, char **argv, const struct view *view)
{
	struct op_options o = { .yes = false };
	struct dmreplica_op *op = &o.op;
	struct dmreplica_system sys;
	int code, status;

	if (!parse_op_options(argc, argv, view->test ? "pnt" : "pntl", &o, &status))
		return status;
	if (optind != argc - 1)
		return usage_error("give one system");
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (!code && o.point)
		code = find_point(ctx, &sys, o.point, &op->point);
	if (!code)
		code = view->begin(ctx, &sys, op);
	if (code && code != DM_REPLICA_CODE_JOB_STARTED)
		return refused(ctx, code);
	if (print_undecided(&sys, code, op))
		return 0;
	print_answer(code, op);
	if (!dmreplica_system_attached(ctx, argv[optind], &sys)) {
		if (view->test)
			printf(": a test of %s runs at point %llu", sys.name,
			       (unsigned long long)sys.test_point);
		else
			printf(": %s is %s at point %llu", sys.name, text_state(sys.state),
			       (unsigned long long)sys.live_point);
	}
	printf("\n");
	print_devices(ctx, &sys, view, false);
	if (!view->test)
		guest_failed_over(&sys, &o);
	return follow_job(ctx, &sys, code, op, !o.no_wait);
}

static void print_loss(struct dmreplica *ctx, const struct dmreplica_system *sys,
		       const struct view *view)
{
	uint64_t time = view->test ? sys->test_time : sys->live_time;

	if (view->test)
		printf("stop of the test of %s discards everything written since it began at point %llu:\n",
		       sys->name, (unsigned long long)sys->test_point);
	else
		printf("revert of %s discards everything written since the failover to point %llu:\n",
		       sys->name, (unsigned long long)sys->live_point);
	printf("  %s, written in %s since %s\n",
	       text_size(view->test ? sys->test_bytes : sys->live_bytes),
	       text_age(time), text_time(time));
	print_devices(ctx, sys, view, true);
}

static int end(struct dmreplica *ctx, int argc, char **argv, const struct view *view)
{
	struct op_options o = {
		.op.given = DMREPLICA_OP_EXPECT_STATE | DMREPLICA_OP_EXPECT_WRITES,
	};
	struct dmreplica_op *op = &o.op;
	struct dmreplica_system sys;
	struct guest guest = { .sys = NULL };
	int code, status;
	bool more, exists;

	if (!parse_op_options(argc, argv, "ynwtsegl", &o, &status))
		return status;
	if (optind != argc - 1)
		return usage_error("give one system");
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (code)
		return refused(ctx, code);
	status = expect_shown(&sys, view->test ? sys.test_writes : sys.live_writes, &o);
	if (status)
		return status;
	/* with --wait, openers may write further, and a guest until it is stopped */
	more = o.stop_guest ||
	       ((op->given & DMREPLICA_OP_WAIT) && op->wait_ms && !o.writes_given);
	if (more)
		op->given &= ~DMREPLICA_OP_EXPECT_WRITES;
	/* without a question if there is no failover, which the kernel refuses */
	exists = view->test ? sys.test_time :
			      sys.live_time && sys.state != DM_REPLICA_STATE_COMMITTED;
	if (exists) {
		if (!guest_begin(&guest, &sys, view->test, &o, &status))
			return status;
		print_loss(ctx, &sys, view);
		guest_print(&guest);
		if (o.stop_guest)
			printf("the guest is switched off; what it writes until then is discarded, too\n");
		else if (more)
			printf("writes until the devices are closed are discarded, too\n");
		if (!confirm(o.yes, "Discard it?", &status))
			return status;
		if (o.stop_guest && !guest_stop(&guest, &status))
			return status;
	}
	if (!o.no_wait)
		print_waiting(op);
	code = view->end(ctx, &sys, op);
	if (code && code != DM_REPLICA_CODE_JOB_STARTED)
		return refused(ctx, code);
	if (print_undecided(&sys, code, op))
		return 0;
	print_answer(code, op);
	print_state(ctx, &sys);
	guest_end(ctx, &guest, &o);
	if (code == DM_REPLICA_CODE_COMPLETED) {
		printf("done\n");
		return 0;
	}
	return follow_job(ctx, &sys, code, op, !o.no_wait);
}

int cmd_failover(struct dmreplica *ctx, int argc, char **argv)
{
	return begin(ctx, argc, argv, &live_view);
}

int cmd_revert(struct dmreplica *ctx, int argc, char **argv)
{
	return end(ctx, argc, argv, &live_view);
}

int cmd_test_start(struct dmreplica *ctx, int argc, char **argv)
{
	return begin(ctx, argc, argv, &test_view);
}

int cmd_test_stop(struct dmreplica *ctx, int argc, char **argv)
{
	return end(ctx, argc, argv, &test_view);
}
