// SPDX-License-Identifier: GPL-2.0-only
/* Functions of commands that change a system: question, answer, job. */
#include <unistd.h>

#include "replicactl.h"

/* Return: true to go on; otherwise the command ends with *@status. */
bool confirm(bool yes, const char *question, int *status)
{
	char line[16];

	if (yes)
		return true;
	if (!isatty(STDIN_FILENO)) {
		*status = usage_error("standard input is not a terminal for the question; --yes goes on without it");
		return false;
	}
	/* Ask on standard error: standard output may be JSON, or a file. */
	fflush(stdout);
	fprintf(stderr, "%s [y/N] ", question);
	fflush(stderr);
	if (fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y'))
		return true;
	fprintf(stderr, "nothing was changed\n");
	*status = 1;
	return false;
}

void print_answer(int code, const struct dmreplica_op *op)
{
	printf("%d %s", code, dmreplica_code_name(code));
	if (op->job && code == DM_REPLICA_CODE_JOB_STARTED)
		printf(", job %llu", (unsigned long long)op->job);
}

/* Print that the operation waits for its turn, with --no-wait.  Return: true if it does. */
bool print_undecided(const struct dmreplica_system *sys, int code, const struct dmreplica_op *op)
{
	if (code != DM_REPLICA_CODE_JOB_STARTED || !op->undecided)
		return false;
	print_answer(code, op);
	printf(": it has not begun, nothing is decided yet\n");
	printf("  replicactl job wait %s %llu waits for it, replicactl job cancel %s %llu cancels it\n",
	       sys->name, (unsigned long long)op->job, sys->name, (unsigned long long)op->job);
	return true;
}

/* Print, before a request that may take long, the reason for the wait and the effect of Ctrl-C. */
void print_waiting(const struct dmreplica_op *op)
{
	if (!(op->given & DMREPLICA_OP_WAIT) || !op->wait_ms)
		return;
	printf("waiting for its devices to be closed, %s at most; Ctrl-C ends the wait and changes nothing\n",
	       text_duration(op->wait_ms * 1000000ULL));
	fflush(stdout);
}

void print_state(struct dmreplica *ctx, const struct dmreplica_system *sys)
{
	struct dmreplica_system now;

	if (!dmreplica_system_attached(ctx, text_uuid(sys->uuid), &now))
		printf(": %s is %s", now.name, text_state(now.state));
	printf("\n");
}

/* A job does not end while the vacuum rests: show the reason and the remedy. */
bool vacuum_rests(struct dmreplica *ctx, const struct dmreplica_system *sys)
{
	struct dmreplica_system now;

	if (dmreplica_system_attached(ctx, text_uuid(sys->uuid), &now))
		return false;
	if (now.vacuum_held)
		printf("  nothing works on it: the vacuum is held; replicactl vacuum %s --release\n",
		       now.name);
	else if (!now.vacuum_rate)
		printf("  nothing works on it: the vacuum's rate is 0; replicactl vacuum %s --rate auto\n",
		       now.name);
	return now.vacuum_held || !now.vacuum_rate;
}

int follow_job(struct dmreplica *ctx, const struct dmreplica_system *sys, int code,
	       const struct dmreplica_op *op, bool wait)
{
	struct dmreplica_job job;

	if (code != DM_REPLICA_CODE_JOB_STARTED)
		return 0;
	if (!wait || vacuum_rests(ctx, sys)) {
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

/* Run an operation without a question. */
int plain_operation(struct dmreplica *ctx, const char *name, struct op_options *o,
		    int (*run)(struct dmreplica *ctx, const struct dmreplica_system *sys,
			       struct dmreplica_op *op))
{
	struct dmreplica_op *op = &o->op;
	struct dmreplica_system sys;
	int code;

	code = dmreplica_system_attached(ctx, name, &sys);
	if (!code)
		code = run(ctx, &sys, op);
	if (code && code != DM_REPLICA_CODE_JOB_STARTED)
		return refused(ctx, code);
	if (print_undecided(&sys, code, op))
		return 0;
	print_answer(code, op);
	print_state(ctx, &sys);
	return follow_job(ctx, &sys, code, op, !o->no_wait);
}

/*
 * R11: the operation applies to the state that was shown, or is refused.  Compare with the
 * state that the caller expects before the question, not after it.
 */
int expect_shown(const struct dmreplica_system *sys, uint64_t writes, struct op_options *o)
{
	struct dmreplica_op *op = &o->op;

	if (o->state_given && op->expect_state != sys->state_number) {
		fprintf(stderr, "replicactl: %d %s: the state number of %s is %llu, not %llu: it has changed since\n  replicactl status %s shows it as it is now\n",
			DM_REPLICA_CODE_INVALID_STATE,
			dmreplica_code_name(DM_REPLICA_CODE_INVALID_STATE), sys->name,
			(unsigned long long)sys->state_number,
			(unsigned long long)op->expect_state, sys->name);
		return dmreplica_exit_status(DM_REPLICA_CODE_INVALID_STATE);
	}
	if (o->writes_given && op->expect_writes != writes) {
		fprintf(stderr, "replicactl: %d %s: %llu writes were made to the failover of %s, not %llu: it was written to since\n  replicactl status %s shows it as it is now\n",
			DM_REPLICA_CODE_INVALID_STATE,
			dmreplica_code_name(DM_REPLICA_CODE_INVALID_STATE),
			(unsigned long long)writes, sys->name,
			(unsigned long long)op->expect_writes, sys->name);
		return dmreplica_exit_status(DM_REPLICA_CODE_INVALID_STATE);
	}
	op->expect_state = sys->state_number;
	op->expect_writes = writes;
	return 0;
}
