// SPDX-License-Identifier: GPL-2.0-only
/* Jobs. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "private.h"

#define POLL_MIN_MS	10
#define POLL_MAX_MS	250

#define A(name)	attrs[DM_REPLICA_A_JOB_##name]

void dmrl_job_parse(struct dmreplica_job *job, struct nlattr **attrs)
{
	memset(job, 0, sizeof(*job));
	dmrl_nl_uuid(A(SYSTEM), job->system);
	dmrl_nl_string(A(SYSTEM_NAME), job->system_name, sizeof(job->system_name));
	job->id = dmrl_nl_u64(A(ID));
	dmrl_nl_uuid(A(UUID), job->uuid);
	job->type = dmrl_nl_u32(A(TYPE));
	job->state = dmrl_nl_u32(A(STATE));
	job->percent = dmrl_nl_u32(A(PERCENT));
	job->start_time = dmrl_nl_u64(A(START_TIME));
	job->elapsed = dmrl_nl_u64(A(ELAPSED));
	job->code = dmrl_nl_u32(A(CODE));
	job->cancellable = dmrl_nl_u32(A(CANCELLABLE));
	dmrl_nl_string(A(TEXT), job->text, sizeof(job->text));
	job->request = dmrl_nl_u32(A(REQUEST));
	job->bytes = dmrl_nl_u64(A(BYTES));
	job->bytes_total = dmrl_nl_u64(A(BYTES_TOTAL));
	job->decided = A(ANSWER) != NULL;
	job->answer = dmrl_nl_u32(A(ANSWER));
	job->answer_errno = dmrl_nl_u32(A(ERRNO));
	job->point = dmrl_nl_u64(A(POINT));
	job->owned = A(OWNER_UID);
	job->owner_uid = dmrl_nl_u32(A(OWNER_UID));
	job->owner_login_uid = A(OWNER_LOGIN_UID) ? dmrl_nl_u32(A(OWNER_LOGIN_UID)) :
			       DMREPLICA_NO_LOGIN;
	dmrl_nl_string(A(OWNER_COMM), job->owner_comm, sizeof(job->owner_comm));
	job->discarded = dmrl_nl_u64(A(DISCARDED));
	job->points_dropped = dmrl_nl_u32(A(POINTS_DROPPED));
	job->state_number = dmrl_nl_u64(A(STATE_NUMBER));
	job->system_state = dmrl_nl_u32(A(SYSTEM_STATE));
	job->system_was = dmrl_nl_u32(A(SYSTEM_WAS));
	dmrl_nl_string(A(OUTCOME), job->outcome, sizeof(job->outcome));
}

static void job_item(struct dmreplica *ctx, void *item, struct nlattr **attrs)
{
	(void)ctx;
	dmrl_job_parse(item, attrs);
}

int dmrl_job_dump(struct dmreplica *ctx, const u8 *uuid, struct dmrl_list *list)
{
	return dmrl_nl_dump(ctx, DM_REPLICA_CMD_JOB_GET, DM_REPLICA_A_JOB_SYSTEM, uuid, 0,
			    job_item, list);
}

static int compare(const void *a, const void *b)
{
	const struct dmreplica_job *x = a, *y = b;

	if (x->start_time != y->start_time)
		return x->start_time < y->start_time ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

int dmreplica_job_list(struct dmreplica *ctx, const struct dmreplica_system *sys,
		       struct dmreplica_job **list, size_t *nr)
{
	struct dmrl_list found = { .size = sizeof(struct dmreplica_job) };
	bool present;
	int code;

	*list = NULL;
	*nr = 0;
	dmrl_clear(ctx);
	if (sys && !sys->attached)
		return 0;
	code = dmrl_nl_present(ctx, &present);
	if (code || !present)
		return code;	/* without the module there are no jobs */
	/* Request one system's jobs only: the store of another system may hang. */
	code = dmrl_job_dump(ctx, sys ? sys->uuid : NULL, &found);
	if (sys && code == DM_REPLICA_CODE_NOT_FOUND) {
		/* detached since @sys was filled in */
		dmrl_clear(ctx);
		found.nr = 0;
		code = 0;
	}
	*list = dmrl_list_end(&found, code, compare, nr);
	return code;
}

static int one_job_reply(void *arg, int cmd, struct nlattr **attrs)
{
	(void)cmd;
	dmrl_job_parse(arg, attrs);
	return 0;
}

static int find(struct dmreplica *ctx, const u8 *uuid, u64 id, struct dmreplica_job *job)
{
	struct nl_msg *msg;

	dmrl_clear(ctx);
	memset(job, 0, sizeof(*job));
	msg = dmrl_nl_message_of(ctx, DM_REPLICA_CMD_JOB_GET, DM_REPLICA_A_JOB_SYSTEM, uuid);
	if (!msg)
		return ctx->code;
	if (nla_put_u64(msg, DM_REPLICA_A_JOB_ID, id)) {
		nlmsg_free(msg);
		return dmrl_no_memory(ctx);
	}
	return dmrl_nl_call(ctx, msg, one_job_reply, job);
}

int dmreplica_job_find(struct dmreplica *ctx, const struct dmreplica_system *sys, uint64_t id,
		       struct dmreplica_job *job)
{
	int code = find(ctx, sys->uuid, id, job);

	if (code == DM_REPLICA_CODE_NOT_FOUND)
		dmrl_hint(ctx, "replicactl job list shows the jobs");
	return code;
}

static void pause_ms(unsigned int *ms)
{
	struct timespec ts = { .tv_nsec = *ms * 1000000L };

	nanosleep(&ts, NULL);
	*ms = min_t(unsigned int, *ms * 2, POLL_MAX_MS);
}

/*
 * Keep the socket open meanwhile: when it is closed the kernel withdraws the operation.  A
 * job that left New and Starting without an answer was ended by a detach.
 */
int dmrl_job_decided(struct dmreplica *ctx, const u8 *uuid, u64 id, u64 *point,
		     bool *undecided)
{
	unsigned int pause = POLL_MIN_MS;
	u64 begin = dmrl_now_ms();
	struct dmreplica_job job;
	char why[512];
	int code;

	for (;;) {
		code = find(ctx, uuid, id, &job);
		if (code == DM_REPLICA_CODE_NOT_FOUND)
			return dmrl_fail(ctx, DM_REPLICA_CODE_UNKNOWN,
					 "the system was detached while the operation waited; look at its status");
		/* An operation that has begun goes on, and only its job can report a refusal. */
		if (code) {
			snprintf(why, sizeof(why), "%s", dmreplica_message(ctx));
			return dmrl_fail(ctx, DM_REPLICA_CODE_UNKNOWN,
					 "the operation's job cannot be read, look at the system's status: %s",
					 why);
		}
		/* The answer is set before the state. */
		if ((job.decided && job.state > DM_REPLICA_JOB_STATE_STARTING) ||
		    job.state >= DM_REPLICA_JOB_STATE_COMPLETED)
			break;
		if (undecided && dmrl_now_ms() - begin >= DMRL_TURN_MS) {
			*undecided = true;
			return DM_REPLICA_CODE_JOB_STARTED;
		}
		pause_ms(&pause);
	}
	code = job.decided ? job.answer : job.code;
	if (code >= DM_REPLICA_CODE_FAILED) {
		dmrl_fail(ctx, code, "%s", job.text);
		ctx->err = job.answer_errno;
		return code;
	}
	*point = job.point;
	return code;
}

struct plain {
	int code_attr;
	int job_attr;
	u32 code;
	u64 job;
};

static int plain_reply(void *arg, int cmd, struct nlattr **attrs)
{
	struct plain *plain = arg;

	(void)cmd;
	plain->code = dmrl_nl_u32(attrs[plain->code_attr]);
	plain->job = dmrl_nl_u64(attrs[plain->job_attr]);
	return 0;
}

int dmrl_call_plain(struct dmreplica *ctx, struct nl_msg *msg, const u8 *uuid, int code_attr,
		    int job_attr)
{
	struct plain plain = { .code_attr = code_attr, .job_attr = job_attr };
	int code = dmrl_nl_call(ctx, msg, plain_reply, &plain);
	u64 point;

	if (code || plain.code != DM_REPLICA_CODE_JOB_STARTED)
		return code;
	return dmrl_job_decided(ctx, uuid, plain.job, &point, NULL);
}

int dmreplica_job_wait(struct dmreplica *ctx, const struct dmreplica_system *sys, uint64_t id,
		       uint32_t timeout_ms,
		       void (*progress)(void *arg, const struct dmreplica_job *job), void *arg,
		       struct dmreplica_job *job)
{
	u64 begin = dmrl_now_ms();
	unsigned int pause = POLL_MIN_MS;
	int code;

	for (;;) {
		code = dmreplica_job_find(ctx, sys, id, job);
		if (code)
			return code;
		if (progress)
			progress(arg, job);
		if (dmreplica_job_ended(job->state))
			break;
		if (timeout_ms && dmrl_now_ms() - begin >= timeout_ms) {
			dmrl_fail(ctx, DM_REPLICA_CODE_TIMEOUT,
				  "job %llu of system %s is still running, at %u percent",
				  (unsigned long long)id, sys->name, job->percent);
			return dmrl_hint(ctx, "it goes on: replicactl job wait %s %llu", sys->name,
					 (unsigned long long)id);
		}
		pause_ms(&pause);
	}
	if (job->state == DM_REPLICA_JOB_STATE_COMPLETED && !job->code)
		return 0;
	dmrl_fail(ctx, job->code ? (int)job->code : DM_REPLICA_CODE_FAILED,
		  "job %llu of system %s ended with %s%s%s", (unsigned long long)id, sys->name,
		  dmreplica_job_state_name(job->state), *job->text ? ": " : "", job->text);
	return dmrl_hint(ctx, "replicactl status %s shows the state after it", sys->name);
}

int dmreplica_job_request(struct dmreplica *ctx, const struct dmreplica_system *sys, uint64_t id,
			  uint32_t request)
{
	struct nl_msg *msg;
	int code;

	dmrl_clear(ctx);
	msg = dmrl_nl_message_of(ctx, DM_REPLICA_CMD_JOB_SET, DM_REPLICA_A_JOB_SYSTEM, sys->uuid);
	if (!msg)
		return ctx->code;
	if (nla_put_u64(msg, DM_REPLICA_A_JOB_ID, id) ||
	    nla_put_u32(msg, DM_REPLICA_A_JOB_REQUEST, request)) {
		nlmsg_free(msg);
		return dmrl_no_memory(ctx);
	}
	code = dmrl_call_plain(ctx, msg, sys->uuid, DM_REPLICA_A_JOB_CODE, DM_REPLICA_A_JOB_ID);
	if (code == DM_REPLICA_CODE_NOT_FOUND)
		dmrl_hint(ctx, "replicactl job list %s shows the jobs", sys->name);
	else if (code == DM_REPLICA_CODE_INVALID_STATE)
		dmrl_hint(ctx, "replicactl job show %s %llu shows its state", sys->name,
			  (unsigned long long)id);
	return code;
}
