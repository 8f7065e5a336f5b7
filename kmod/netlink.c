// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands of the generic netlink family that change a system.
 *
 * netlink-request.c reads the attributes of a request; netlink-object.c has the
 * commands that read.
 */
#include "change.h"
#include "job.h"
#include "move-job.h"
#include "netlink.h"
#include "owner.h"
#include "queue.h"
#include "received.h"
#include "system.h"
#include "trace.h"
#include "vacuum.h"

/*----------------------------------------------------------------
 * Operations
 *----------------------------------------------------------------*/

/* The attribute with the expected state number, in the set that a verb's command uses. */
static int dmr_expect_attr(enum dmr_verb verb)
{
	switch (verb) {
	case DMR_VERB_SETTINGS:
		return DM_REPLICA_A_SETTINGS_EXPECT_STATE_NUMBER;
	case DMR_VERB_HOST_SET:
		return DM_REPLICA_A_HOST_EXPECT_STATE_NUMBER;
	case DMR_VERB_JOB_CANCEL:
		return 0;
	default:
		return DM_REPLICA_A_OP_EXPECT_STATE_NUMBER;
	}
}

/* Find the attribute that names a recovery point to drop; if given twice, the second. */
static struct nlattr *dmr_blame_drop(struct genl_info *info, u64 number)
{
	struct nlattr *attr, *found = NULL;
	int rem;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem)
		if (nla_type(attr) == DM_REPLICA_A_OP_DROP && nla_get_u64(attr) == number)
			found = attr;
	return found;
}

/* Find the attribute that a refusal is about, if the code identifies it. */
static struct nlattr *dmr_blame(struct genl_info *info, const struct dmr_op *op, int r)
{
	int expect = dmr_expect_attr(op->verb);

	if (op->wrong)
		return dmr_blame_drop(info, op->wrong);
	if (op->no_peer)
		return info->attrs[DM_REPLICA_A_OP_PEER];
	if (r == -ENOENT && expect == DM_REPLICA_A_OP_EXPECT_STATE_NUMBER)
		return info->attrs[DM_REPLICA_A_OP_POINT];
	if (r == -ESTALE && op->expect_writes == ~0ULL && expect)
		return info->attrs[expect];
	return NULL;
}

static void dmr_reply_op(struct sk_buff *msg, void *hdr, struct genl_info *info,
			 const struct dmr_op *op)
{
	bool point = op->verb == DMR_VERB_POINT_NEW || op->verb == DMR_VERB_INITIATE ||
		     op->verb == DMR_VERB_TEST_START || op->verb == DMR_VERB_POINT_OPEN ||
		     op->verb == DMR_VERB_POINT_CLOSE || op->verb == DMR_VERB_RECEIVE_END;

	/* A new message has room for these. */
	nla_put_u32(msg, DM_REPLICA_A_OP_CODE, op->code);
	dmr_nl_put_u64(msg, DM_REPLICA_A_OP_JOB, op->job->id);
	nla_put_u32(msg, DM_REPLICA_A_OP_JOB_STATE, READ_ONCE(op->job->state));
	if (point)
		dmr_nl_put_u64(msg, DM_REPLICA_A_OP_POINT, op->point);
	genlmsg_end(msg, hdr);
	/* Ignore send errors: an error would claim that nothing happened. */
	genlmsg_reply(msg, info);
	trace_dmr_reply(info->genlhdr->cmd, op->code);
}

/*
 * Answer 4096 for an operation that waits or runs: its job is New or Starting.  Only the
 * job of @op may be read.
 */
static void dmr_reply_undecided(struct sk_buff *msg, void *hdr, struct genl_info *info,
				const struct dmr_op *op)
{
	int code = DM_REPLICA_A_OP_CODE, job = DM_REPLICA_A_OP_JOB;

	switch (op->verb) {
	case DMR_VERB_SETTINGS:
		code = DM_REPLICA_A_SETTINGS_CODE;
		job = DM_REPLICA_A_SETTINGS_JOB;
		break;
	case DMR_VERB_HOST_SET:
		code = DM_REPLICA_A_HOST_CODE;
		job = DM_REPLICA_A_HOST_JOB;
		break;
	case DMR_VERB_JOB_CANCEL:
		code = DM_REPLICA_A_JOB_CODE;
		job = DM_REPLICA_A_JOB_ID;
		break;
	default:
		/* job-get reports the later state, with the whole answer. */
		nla_put_u32(msg, DM_REPLICA_A_OP_JOB_STATE, DM_REPLICA_JOB_STATE_NEW);
	}
	nla_put_u32(msg, code, DM_REPLICA_CODE_JOB_STARTED);
	dmr_nl_put_u64(msg, job, op->job->id);
	genlmsg_end(msg, hdr);
	genlmsg_reply(msg, info);
	trace_dmr_reply(info->genlhdr->cmd, DM_REPLICA_CODE_JOB_STARTED);
}

/* Check the privilege of a change, and find its system. */
static struct dmr_system *dmr_request_begin(struct sk_buff *skb, struct genl_info *info)
{
	int r;

	trace_dmr_request(info->genlhdr->cmd);
	r = dmr_nl_refuse_unprivileged(skb, info);
	return r ? ERR_PTR(r) : dmr_nl_request_system(info);
}

/* Bytes of a struct dmr_change, with room for the value in the request. */
static size_t dmr_change_bytes(struct genl_info *info, enum dmr_verb verb)
{
	struct nlattr *value = NULL;

	if (verb == DMR_VERB_HOST_SET)
		value = info->attrs[DM_REPLICA_A_HOST_VALUE];
	return offsetof(struct dmr_change, value) + (value ? nla_len(value) : 0);
}

/* Run an operation, and answer with its state after DMR_ANSWER_MS at the latest. */
static int dmr_operate(struct sk_buff *skb, struct genl_info *info, enum dmr_verb verb,
		       int (*fill)(struct genl_info *info, struct dmr_op *op))
{
	bool plain = verb == DMR_VERB_SETTINGS || verb == DMR_VERB_HOST_SET ||
		     verb == DMR_VERB_JOB_CANCEL;	/* waits for the operation to end */
	int expect = dmr_expect_attr(verb);
	struct dmr_system *sys;
	struct sk_buff *msg;
	struct dmr_op *op;
	void *hdr;
	int r;

	sys = dmr_request_begin(skb, info);
	if (IS_ERR(sys))
		return PTR_ERR(sys);
	op = dmr_op_new(sys, verb);
	dmr_system_put(sys);
	if (!op)
		return -ENOMEM;
	r = -ENOMEM;
	if (plain) {
		op->change = kzalloc(dmr_change_bytes(info, verb), GFP_KERNEL);
		if (!op->change)
			goto out_op;
	}
	if (plain || !nla_get_flag(info->attrs[DM_REPLICA_A_OP_UNATTENDED]))
		op->portid = info->snd_portid;
	dmr_owner_current(&op->owner);
	r = expect ? dmr_nl_expect(info, expect, &op->expect_state) : 0;
	if (!r)
		r = fill(info, op);
	if (r)
		goto out_op;

	/* Allocate the answer before the operation begins. */
	r = -ENOMEM;
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		goto out_op;
	hdr = genlmsg_put_reply(msg, info, dmr_nl_family, 0, info->genlhdr->cmd);
	if (!hdr)
		goto out_msg;

	r = dmr_op_run(op);
	if (r == -EINTR)
		goto out_msg;	/* killed: @op must not be read */
	if (r > 0) {
		dmr_reply_undecided(msg, hdr, info, op);
		dmr_op_put(op);
		return 0;
	}
	if (r) {
		if (op->job)
			dmr_nl_refuse_op(info, dmr_blame(info, op, r), r, op->code, op->msg);
		else
			dmr_nl_refuse_request(info, dmr_blame(info, op, r), r, op->code, op->msg);
		if (op->wrong)
			dmr_nl_refuse_point(info, op->wrong, op->msg);
		goto out_msg;
	}
	if (plain) {
		nlmsg_free(msg);
		trace_dmr_reply(info->genlhdr->cmd, op->code);
	} else {
		dmr_reply_op(msg, hdr, info, op);
	}
	dmr_op_put(op);
	return 0;

out_msg:
	nlmsg_free(msg);
out_op:
	dmr_op_put(op);
	return r;
}

int dmr_nl_point_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_POINT_NEW, dmr_nl_point_new_fill);
}

int dmr_nl_point_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_POINT_DEL, dmr_nl_point_del_fill);
}

int dmr_nl_point_open_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_POINT_OPEN, dmr_nl_point_open_fill);
}

int dmr_nl_point_close_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_POINT_CLOSE, dmr_nl_point_close_fill);
}

int dmr_nl_failover_initiate_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_INITIATE, dmr_nl_overlay_begin_fill);
}

int dmr_nl_failover_revert_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_REVERT, dmr_nl_overlay_end_fill);
}

int dmr_nl_test_start_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_TEST_START, dmr_nl_overlay_begin_fill);
}

int dmr_nl_test_stop_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_TEST_STOP, dmr_nl_overlay_end_fill);
}

int dmr_nl_failover_commit_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_COMMIT, dmr_nl_timeout_fill);
}

int dmr_nl_replication_suspend_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_SUSPEND, dmr_nl_timeout_fill);
}

int dmr_nl_replication_resume_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_RESUME, dmr_nl_plain_fill);
}

int dmr_nl_relationship_remove_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_REMOVE, dmr_nl_remove_fill);
}

int dmr_nl_store_grow_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_GROW, dmr_nl_plain_fill);
}

int dmr_nl_home_move_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_MOVE_HOME, dmr_nl_plain_fill);
}

int dmr_nl_settings_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_SETTINGS, dmr_nl_settings_fill);
}

int dmr_nl_host_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_HOST_SET, dmr_nl_host_set_fill);
}

int dmr_nl_errors_reset_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_RESET_ERRORS, dmr_nl_errors_reset_fill);
}

int dmr_nl_point_hold_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_POINT_HOLD, dmr_nl_point_hold_fill);
}

int dmr_nl_point_release_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_POINT_RELEASE, dmr_nl_point_release_fill);
}

int dmr_nl_peer_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_PEER_ADD, dmr_nl_peer_add_fill);
}

int dmr_nl_peer_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_PEER_REMOVE, dmr_nl_peer_fill);
}

int dmr_nl_receive_begin_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_RECEIVE_BEGIN, dmr_nl_receive_begin_fill);
}

int dmr_nl_receive_end_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_RECEIVE_END, dmr_nl_receive_end_fill);
}

int dmr_nl_receive_abort_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_RECEIVE_ABORT, dmr_nl_receive_abort_fill);
}

/*
 * Suspend and resume change memory only.  Terminating a move home is an operation;
 * terminating an operation that has not begun is not.
 */
int dmr_nl_job_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *id = info->attrs[DM_REPLICA_A_JOB_ID];
	struct nlattr *request = info->attrs[DM_REPLICA_A_JOB_REQUEST];
	struct dmr_system *sys;
	struct dmr_job *job;
	const char *msg;
	int r;

	r = dmr_nl_refuse_unprivileged(skb, info);
	if (r)
		return r;
	if (!id)
		return dmr_nl_refuse_missing(info, DM_REPLICA_A_JOB_ID,
					     "name the job by its id");
	if (!request)
		return dmr_nl_refuse_missing(info, DM_REPLICA_A_JOB_REQUEST,
					     "give the request: 2 start, 3 suspend, 4 terminate");
	sys = dmr_nl_request_system(info);
	if (IS_ERR(sys))
		return PTR_ERR(sys);
	if (nla_get_u32(request) == DM_REPLICA_JOB_REQUEST_TERMINATE) {
		/* Cancel a waiting operation at once: this writes nothing. */
		r = 0;
		if (dmr_op_cancel(sys, nla_get_u64(id))) {
			dmr_owner_request(sys, "job cancel", nla_get_u64(id));
			goto out;
		}
		/*
		 * R11: the request was meant to prevent the operation.  Now it would end
		 * the move home that the operation has begun.
		 */
		job = dmr_job_find(sys, nla_get_u64(id));
		if (job && !READ_ONCE(job->home) &&
		    READ_ONCE(job->state) < DM_REPLICA_JOB_STATE_COMPLETED)
			r = dmr_nl_refuse_request(info, id, -EBADE, DM_REPLICA_CODE_INVALID_STATE,
						  "it has begun and cannot be cancelled any more");
		else
			r = dmr_operate(skb, info, DMR_VERB_JOB_CANCEL, dmr_nl_job_cancel_fill);
		dmr_job_put(job);
		goto out;
	}
	trace_dmr_request(info->genlhdr->cmd);
	job = dmr_job_find(sys, nla_get_u64(id));
	if (!job) {
		r = dmr_nl_refuse_request(info, id, -ENOENT, DM_REPLICA_CODE_NOT_FOUND,
					  "no such job: ended jobs are listed for five minutes");
		goto out;
	}
	r = dmr_move_job_request(sys, job, nla_get_u32(request), &msg);
	if (r)
		dmr_nl_refuse_request(info, request, -EBADE, DM_REPLICA_CODE_INVALID_STATE, msg);
	else
		trace_dmr_reply(info->genlhdr->cmd, DM_REPLICA_CODE_COMPLETED);
	if (!r)
		dmr_owner_request(sys, nla_get_u32(request) == DM_REPLICA_JOB_REQUEST_SUSPEND ?
				  "job pause" : "job resume", nla_get_u64(id));
	dmr_job_put(job);
out:
	dmr_system_put(sys);
	return r;
}

int dmr_nl_vacuum_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *hold = info->attrs[DM_REPLICA_A_OP_HOLD];
	struct dmr_system *sys;
	int r;

	trace_dmr_request(info->genlhdr->cmd);
	r = dmr_nl_refuse_unprivileged(skb, info);
	if (r)
		return r;
	if (!hold)
		return dmr_nl_refuse_missing(info, DM_REPLICA_A_OP_HOLD,
					  "give 1 to hold the vacuum, 0 to release it");
	sys = dmr_nl_request_system(info);
	if (IS_ERR(sys))
		return PTR_ERR(sys);
	dmr_vacuum_hold(sys, nla_get_u32(hold));
	dmr_owner_request(sys, nla_get_u32(hold) ? "vacuum --hold" : "vacuum --release", 0);
	dmr_system_put(sys);
	trace_dmr_reply(info->genlhdr->cmd, DM_REPLICA_CODE_COMPLETED);
	return 0;
}

/* Changes memory only; the next superblock records it. */
int dmr_nl_replication_heartbeat_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct dmr_system *sys = dmr_request_begin(skb, info);

	if (IS_ERR(sys))
		return PTR_ERR(sys);
	dmr_received(sys);
	dmr_system_put(sys);
	trace_dmr_reply(info->genlhdr->cmd, DM_REPLICA_CODE_COMPLETED);
	return 0;
}
