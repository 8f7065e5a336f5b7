// SPDX-License-Identifier: GPL-2.0-only
/* replicactl suspend, resume, remove */
#include <getopt.h>

#include "replicactl.h"

int cmd_suspend(struct dmreplica *ctx, int argc, char **argv)
{
	struct op_options o = { .yes = false };
	int status;

	if (!parse_op_options(argc, argv, "t", &o, &status))
		return status;
	if (optind != argc - 1)
		return usage_error("give one system");
	return plain_operation(ctx, argv[optind], &o, dmreplica_suspend);
}

int cmd_resume(struct dmreplica *ctx, int argc, char **argv)
{
	struct op_options o = { .yes = false };
	int status;

	if (!parse_op_options(argc, argv, "", &o, &status))
		return status;
	if (optind != argc - 1)
		return usage_error("give one system");
	return plain_operation(ctx, argv[optind], &o, dmreplica_resume);
}

/* Homes with their paths; list them while the store still exists. */
struct homes {
	struct dmreplica_disk *list;
	size_t nr;
};

static void look_at_homes(struct dmreplica *ctx, const struct dmreplica_system *sys,
			  struct homes *homes)
{
	if (dmreplica_disk_list(ctx, sys, &homes->list, &homes->nr)) {
		homes->list = NULL;
		homes->nr = 0;
	}
}

static void print_homes(const struct homes *homes)
{
	size_t i;

	for (i = 0; i < homes->nr; i++)
		printf("  %s  %s  %s\n", homes->list[i].name,
		       *homes->list[i].home ? homes->list[i].home : "home not known",
		       text_size(homes->list[i].bytes));
}

static void print_loss(const struct dmreplica_system *sys, const struct homes *homes,
		       bool flatten)
{
	printf("remove of %s ends its replication; its homes become plain disks:\n", sys->name);
	print_homes(homes);
	if (flatten) {
		printf("  first      all content of the store moves there\n");
		printf("  lost       all recovery points: %u\n", sys->points);
	} else if (sys->points) {
		printf("  lost       all recovery points: %u, if all is home already; otherwise it is refused\n",
		       sys->points);
	}
	printf("  lost       store %s is wiped, and the system's file is deleted\n", sys->store);
}

/* Is the removal decided, so that only the tools' part remains? */
static bool decided(struct dmreplica *ctx, const struct dmreplica_system *sys)
{
	enum dmreplica_removal stage;

	return !dmreplica_removal(ctx, sys, &stage) && stage != DMREPLICA_REMOVAL_NONE;
}

/* Do the tools' part of a removal. */
static int finish(struct dmreplica *ctx, const struct dmreplica_system *sys,
		  const struct homes *homes)
{
	int code = dmreplica_removal_finish(ctx, sys);

	if (code) {
		refused(ctx, code);
		if (decided(ctx, sys))
			fprintf(stderr, "  the homes are plain disks already; replicactl remove %s does the rest when the fault is mended\n",
				sys->name);
		return dmreplica_exit_status(code);
	}
	printf("%s is removed: store %s is wiped, the homes are plain disks\n", sys->name, sys->store);
	print_homes(homes);
	return 0;
}

/* Find the job of a removal begun without waiting, or before a reboot.  Return: its number or 0. */
static uint64_t job_of_removal(struct dmreplica *ctx, const struct dmreplica_system *sys)
{
	struct dmreplica_job *list;
	uint64_t id = 0;
	size_t nr, i;

	if (!(sys->flags & DM_REPLICA_SYSTEM_FLAGS_REMOVING) ||
	    dmreplica_job_list(ctx, sys, &list, &nr))
		return 0;
	for (i = 0; i < nr; i++)
		if (!dmreplica_job_ended(list[i].state) &&
		    (list[i].type == DM_REPLICA_JOB_TYPE_REMOVE_RELATIONSHIP ||
		     list[i].type == DM_REPLICA_JOB_TYPE_MERGE))
			id = list[i].id;
	dmreplica_list_free(list);
	return id;
}

/* After the kernel's answer: wait for the job, then finish. */
static int complete(struct dmreplica *ctx, struct dmreplica_system *sys, int code, uint64_t job,
		    const struct homes *homes, bool wait)
{
	struct dmreplica_op op = { .job = job };
	int status;

	if (code == DM_REPLICA_CODE_JOB_STARTED) {
		if (wait && vacuum_rests(ctx, sys))
			wait = false;
		status = follow_job(ctx, sys, code, &op, wait);
		if (!wait)
			printf("  then replicactl remove %s has to be run again, to detach it and to wipe its store\n",
			       sys->name);
		if (status || !wait)
			return status;
	}
	code = dmreplica_system_attached(ctx, text_uuid(sys->uuid), sys);
	if (code)
		return refused(ctx, code);
	return finish(ctx, sys, homes);
}

static int go_on(struct dmreplica *ctx, struct dmreplica_system *sys, const struct homes *homes,
		 bool wait)
{
	uint64_t job = job_of_removal(ctx, sys);
	struct dmreplica_op op = { .given = 0 };
	int code = DM_REPLICA_CODE_JOB_STARTED;

	if (job) {
		printf("%s is being removed already, by job %llu\n", sys->name,
		       (unsigned long long)job);
	} else {
		/* the job was terminated: restart it */
		code = dmreplica_move_home(ctx, sys, &op);
		if (code && code != DM_REPLICA_CODE_JOB_STARTED)
			return refused(ctx, code);
		job = op.job;
		print_answer(code, &op);
		printf(": the removal of %s goes on\n", sys->name);
	}
	return complete(ctx, sys, code, job, homes, wait);
}

static int begin(struct dmreplica *ctx, struct dmreplica_system *sys, struct op_options *o,
		 const struct homes *homes)
{
	struct dmreplica_op *op = &o->op;
	int code, status;

	/* without a question while failed over, which the kernel refuses */
	if (sys->state != DM_REPLICA_STATE_RECOVERED) {
		print_loss(sys, homes, op->given & DMREPLICA_OP_FLATTEN);
		if (!confirm(o->yes, "Remove it?", &status))
			return status;
	}
	if (!o->no_wait)
		print_waiting(op);
	code = dmreplica_remove(ctx, sys, op);
	if (code && code != DM_REPLICA_CODE_JOB_STARTED)
		return refused(ctx, code);
	if (print_undecided(sys, code, op)) {
		printf("  then replicactl remove %s has to be run again, to detach it and to wipe its store\n",
		       sys->name);
		return 0;
	}
	print_answer(code, op);
	print_state(ctx, sys);
	return complete(ctx, sys, code, op->job, homes, !o->no_wait);
}

static int remove_attached(struct dmreplica *ctx, struct dmreplica_system *sys,
			   struct op_options *o)
{
	struct homes homes;
	int status;

	look_at_homes(ctx, sys, &homes);
	if (sys->state != DM_REPLICA_STATE_DISABLED)
		status = begin(ctx, sys, o, &homes);
	else if (sys->flags & DM_REPLICA_SYSTEM_FLAGS_REMOVING)
		status = go_on(ctx, sys, &homes, !o->no_wait);
	else
		status = finish(ctx, sys, &homes);
	dmreplica_list_free(homes.list);
	return status;
}

/* Finish a removal that was interrupted after the kernel's part, or refuse. */
static int remove_detached(struct dmreplica *ctx, struct dmreplica_system *sys, bool yes)
{
	enum dmreplica_removal stage;
	struct homes homes = { .list = NULL };
	int code, status = 0;

	code = dmreplica_removal(ctx, sys, &stage);
	if (code)
		return refused(ctx, code);
	if (stage == DMREPLICA_REMOVAL_NONE) {
		code = dmreplica_system_attached(ctx, text_uuid(sys->uuid), sys);
		if (code)
			return refused(ctx, code);
		return usage_error("%s was attached just now; try again", sys->name);
	}
	if (stage == DMREPLICA_REMOVAL_WIPED) {
		printf("store %s of %s is blank, as a removal leaves it; only its file remains\n",
		       sys->store, sys->name);
		if (!confirm(yes, "Delete the file?", &status))
			return status;
		code = dmreplica_removal_finish(ctx, sys);
		if (code)
			return refused(ctx, code);
		printf("the file of %s is deleted\n", sys->name);
		return 0;
	}
	printf("the removal of %s was interrupted; finishing it now\n", sys->name);
	look_at_homes(ctx, sys, &homes);
	status = finish(ctx, sys, &homes);
	dmreplica_list_free(homes.list);
	return status;
}

int cmd_remove(struct dmreplica *ctx, int argc, char **argv)
{
	struct op_options o = { .op.given = DMREPLICA_OP_EXPECT_STATE };
	struct dmreplica_system sys;
	int code, status;

	if (!parse_op_options(argc, argv, "yfnwts", &o, &status))
		return status;
	if (optind != argc - 1)
		return usage_error("give one system");
	code = dmreplica_system_find(ctx, argv[optind], &sys);
	if (code)
		return refused(ctx, code);
	if (!sys.attached) {
		if (o.state_given) {
			code = dmreplica_system_read_store(ctx, &sys);
			if (code)
				return refused(ctx, code);
			status = expect_shown(&sys, 0, &o);
			if (status)
				return status;
		}
		return remove_detached(ctx, &sys, o.yes);
	}
	status = expect_shown(&sys, 0, &o);
	return status ? status : remove_attached(ctx, &sys, &o);
}
