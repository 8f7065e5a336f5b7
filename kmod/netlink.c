// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generic netlink family: policies, operations, and notifications.  What the
 * attributes of an operation say is read in netlink-request.c; objects and reading
 * are in netlink-object.c.
 *
 * A notification is built and sent with event_mutex held, so that the last one
 * that arrives tells the newest state.  Memory for it is asked for with
 * GFP_NOIO: it may be sent while an operation holds a device fenced that
 * reclaim would like to write to.  The commit worker sends some, and reclaim may wait
 * for a flush that it answers: it asks in a way that soon gives up, as does whatever
 * holds event_mutex, for a lost event is cheaper.
 */
#include <linux/module.h>

#include "netlink.h"
#include "trace.h"

#define DMR_NOTICE_GFP		(GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN)

enum { DMR_GROUP_SYSTEMS, DMR_GROUP_JOBS };

static bool dmr_family_up;

static_assert(DM_REPLICA_A_DISK_PAD == DMR_A_PAD && DM_REPLICA_A_POINT_PAD == DMR_A_PAD &&
	      DM_REPLICA_A_JOB_PAD == DMR_A_PAD && DM_REPLICA_A_OP_PAD == DMR_A_PAD &&
	      DM_REPLICA_A_SETTINGS_PAD == DMR_A_PAD && DM_REPLICA_A_ADAPTER_PAD == DMR_A_PAD);
static_assert(DM_REPLICA_A_POINT_SYSTEM == DMR_A_SYSTEM &&
	      DM_REPLICA_A_JOB_SYSTEM == DMR_A_SYSTEM && DM_REPLICA_A_OP_SYSTEM == DMR_A_SYSTEM &&
	      DM_REPLICA_A_SETTINGS_SYSTEM == DMR_A_SYSTEM &&
	      DM_REPLICA_A_ADAPTER_SYSTEM == DMR_A_SYSTEM);

/*----------------------------------------------------------------
 * Policies, one per command
 *----------------------------------------------------------------*/

static const struct nla_policy dmr_system_get_policy[DM_REPLICA_A_SYSTEM_NAME + 1] = {
	[DM_REPLICA_A_SYSTEM_UUID] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_SYSTEM_NAME] = { .type = NLA_NUL_STRING, .len = DMR_NAME_LEN - 1, },
};

const struct nla_policy dmr_disk_get_policy[DM_REPLICA_A_DISK_SYSTEM + 1] = {
	[DM_REPLICA_A_DISK_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
};

const struct nla_policy dmr_point_get_policy[DM_REPLICA_A_POINT_SIZES + 1] = {
	[DM_REPLICA_A_POINT_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_POINT_SIZES] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_point_new_policy[DM_REPLICA_A_OP_RECEIVED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_POINT_KIND] = NLA_POLICY_RANGE(NLA_U32, 1, 3),
	[DM_REPLICA_A_OP_POINT_NAME] = { .type = NLA_NUL_STRING, .len = DMR_POINT_NAME_LEN - 1, },
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
	[DM_REPLICA_A_OP_RECEIVED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_point_del_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_POINT] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_job_get_policy[DM_REPLICA_A_JOB_ID + 1] = {
	[DM_REPLICA_A_JOB_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_JOB_ID] = { .type = NLA_U64, },
};

static const struct nla_policy dmr_failover_initiate_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_POINT] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_failover_revert_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_EXPECT_WRITES] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_WAIT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_test_start_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_POINT] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_test_stop_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_EXPECT_WRITES] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_WAIT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_vacuum_set_policy[DM_REPLICA_A_OP_HOLD + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_HOLD] = NLA_POLICY_MAX(NLA_U32, 1),
};

static const struct nla_policy dmr_failover_commit_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_replication_suspend_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy
dmr_replication_resume_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_relationship_remove_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_WAIT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_FLATTEN] = { .type = NLA_FLAG, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_store_grow_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_home_move_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_job_set_policy[DM_REPLICA_A_JOB_REQUEST + 1] = {
	[DM_REPLICA_A_JOB_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_JOB_ID] = { .type = NLA_U64, },
	[DM_REPLICA_A_JOB_REQUEST] = NLA_POLICY_RANGE(NLA_U32, 2, 4),
};

static const struct nla_policy dmr_settings_get_policy[DM_REPLICA_A_SETTINGS_SYSTEM + 1] = {
	[DM_REPLICA_A_SETTINGS_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
};

static const struct nla_policy
dmr_settings_set_policy[DM_REPLICA_A_SETTINGS_REPLICATION_INTERVAL + 1] = {
	[DM_REPLICA_A_SETTINGS_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_SETTINGS_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_SETTINGS_KEEP_LAST] = { .type = NLA_U32, },
	[DM_REPLICA_A_SETTINGS_KEEP_WITHIN] = { .type = NLA_U64, },
	[DM_REPLICA_A_SETTINGS_KEEP_HOURLY] = { .type = NLA_U32, },
	[DM_REPLICA_A_SETTINGS_KEEP_DAILY] = { .type = NLA_U32, },
	[DM_REPLICA_A_SETTINGS_KEEP_WEEKLY] = { .type = NLA_U32, },
	[DM_REPLICA_A_SETTINGS_SPACE_LOW] = { .type = NLA_U32, },
	[DM_REPLICA_A_SETTINGS_SPACE_CRITICAL] = { .type = NLA_U32, },
	[DM_REPLICA_A_SETTINGS_FULL_POLICY] = NLA_POLICY_MAX(NLA_U32, 1),
	[DM_REPLICA_A_SETTINGS_LIVE_RESERVE] = { .type = NLA_U64, },
	[DM_REPLICA_A_SETTINGS_POINT_INTERVAL] = { .type = NLA_U64, },
	[DM_REPLICA_A_SETTINGS_DECIDE_WITHIN] = { .type = NLA_U64, },
	[DM_REPLICA_A_SETTINGS_VACUUM_RATE] = { .type = NLA_U64, },
	[DM_REPLICA_A_SETTINGS_REPLICATION_INTERVAL] = { .type = NLA_U64, },
};

static const struct nla_policy dmr_replication_heartbeat_policy[DM_REPLICA_A_OP_SYSTEM + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
};

static const struct nla_policy dmr_adapter_get_policy[DM_REPLICA_A_ADAPTER_SYSTEM + 1] = {
	[DM_REPLICA_A_ADAPTER_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
};

static const struct nla_policy dmr_adapter_set_policy[DM_REPLICA_A_ADAPTER_DNS + 1] = {
	[DM_REPLICA_A_ADAPTER_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_ADAPTER_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_ADAPTER_MAC] = NLA_POLICY_EXACT_LEN(6),
	[DM_REPLICA_A_ADAPTER_DHCP] = NLA_POLICY_MAX(NLA_U32, 1),
	[DM_REPLICA_A_ADAPTER_ADDRESS] = { .type = NLA_BINARY, },
	[DM_REPLICA_A_ADAPTER_GATEWAY] = { .type = NLA_BINARY, },
	[DM_REPLICA_A_ADAPTER_DNS] = { .type = NLA_BINARY, },
};

static const struct nla_policy dmr_adapter_del_policy[DM_REPLICA_A_ADAPTER_MAC + 1] = {
	[DM_REPLICA_A_ADAPTER_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_ADAPTER_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_ADAPTER_MAC] = NLA_POLICY_EXACT_LEN(6),
};

/*----------------------------------------------------------------
 * Operations
 *----------------------------------------------------------------*/

/* The attributes that operations have in common, by the set that a command uses. */
static int dmr_expect_attr(enum dmr_verb verb)
{
	switch (verb) {
	case DMR_VERB_SETTINGS:
		return DM_REPLICA_A_SETTINGS_EXPECT_STATE_NUMBER;
	case DMR_VERB_ADAPTERS:
		return DM_REPLICA_A_ADAPTER_EXPECT_STATE_NUMBER;
	case DMR_VERB_JOB_CANCEL:
		return 0;
	default:
		return DM_REPLICA_A_OP_EXPECT_STATE_NUMBER;
	}
}

/* The attribute that a refusal is about, where the code leaves no doubt. */
static struct nlattr *dmr_blame(struct genl_info *info, const struct dmr_op *op, int r)
{
	int expect = dmr_expect_attr(op->verb);

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
		     op->verb == DMR_VERB_TEST_START;

	/* A new message has room for these. */
	nla_put_u32(msg, DM_REPLICA_A_OP_CODE, op->code);
	dmr_put_u64(msg, DM_REPLICA_A_OP_JOB, op->job->id);
	nla_put_u32(msg, DM_REPLICA_A_OP_JOB_STATE, READ_ONCE(op->job->state));
	if (point)
		dmr_put_u64(msg, DM_REPLICA_A_OP_POINT, op->point);
	genlmsg_end(msg, hdr);
	/* An error would say that nothing has happened, so a lost answer is none. */
	genlmsg_reply(msg, info);
	trace_dmr_reply(info->genlhdr->cmd, op->code);
}

/*
 * It waits still, or is under way: 4096, and the job is New or Starting.  Nothing of
 * @op but its job may be looked at.
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
	case DMR_VERB_ADAPTERS:
		code = DM_REPLICA_A_ADAPTER_CODE;
		job = DM_REPLICA_A_ADAPTER_JOB;
		break;
	case DMR_VERB_JOB_CANCEL:
		code = DM_REPLICA_A_JOB_CODE;
		job = DM_REPLICA_A_JOB_ID;
		break;
	default:
		/* What it is by now is for job-get to say, with all of the answer. */
		nla_put_u32(msg, DM_REPLICA_A_OP_JOB_STATE, DM_REPLICA_JOB_STATE_NEW);
	}
	nla_put_u32(msg, code, DM_REPLICA_CODE_JOB_STARTED);
	dmr_put_u64(msg, job, op->job->id);
	genlmsg_end(msg, hdr);
	genlmsg_reply(msg, info);
	trace_dmr_reply(info->genlhdr->cmd, DM_REPLICA_CODE_JOB_STARTED);
}

/* The system of a request that changes something and names no more than that. */
static struct dmr_system *dmr_request_begin(struct sk_buff *skb, struct genl_info *info)
{
	int r;

	trace_dmr_request(info->genlhdr->cmd);
	r = dmr_nl_refuse_unprivileged(skb, info);
	return r ? ERR_PTR(r) : dmr_request_system(info);
}

/* Ask for an operation, and answer what has become of it by then. */
static int dmr_operate(struct sk_buff *skb, struct genl_info *info, enum dmr_verb verb,
		       int (*fill)(struct genl_info *info, struct dmr_op *op))
{
	bool plain = verb == DMR_VERB_SETTINGS || verb == DMR_VERB_ADAPTERS ||
		     verb == DMR_VERB_JOB_CANCEL;	/* the answer is that it is done */
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
		op->change = kzalloc(sizeof(*op->change), GFP_KERNEL);
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

	/* Before anything happens, so that there is an answer to what has. */
	r = -ENOMEM;
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		goto out_op;
	hdr = genlmsg_put_reply(msg, info, &dmr_family, 0, info->genlhdr->cmd);
	if (!hdr)
		goto out_msg;

	r = dmr_op_run(op);
	if (r == -EINTR)
		goto out_msg;	/* killed: it is not ours to look at */
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

static int dmr_point_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_POINT_NEW, dmr_point_new_fill);
}

static int dmr_point_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_POINT_DEL, dmr_point_del_fill);
}

static int dmr_failover_initiate_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_INITIATE, dmr_begin_fill);
}

static int dmr_failover_revert_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_REVERT, dmr_end_fill);
}

static int dmr_test_start_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_TEST_START, dmr_begin_fill);
}

static int dmr_test_stop_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_TEST_STOP, dmr_end_fill);
}

static int dmr_failover_commit_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_COMMIT, dmr_timeout_fill);
}

static int dmr_replication_suspend_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_SUSPEND, dmr_timeout_fill);
}

static int dmr_replication_resume_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_RESUME, dmr_plain_fill);
}

static int dmr_relationship_remove_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_REMOVE, dmr_remove_fill);
}

static int dmr_store_grow_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_GROW, dmr_plain_fill);
}

static int dmr_home_move_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_MOVE_HOME, dmr_plain_fill);
}

static int dmr_settings_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_SETTINGS, dmr_settings_fill);
}

static int dmr_adapter_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_ADAPTERS, dmr_adapter_set_fill);
}

static int dmr_adapter_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DMR_VERB_ADAPTERS, dmr_adapter_del_fill);
}

/*
 * Suspend and resume touch memory only; to terminate a move home is an operation, to
 * terminate what has not begun is none.
 */
static int dmr_job_set_doit(struct sk_buff *skb, struct genl_info *info)
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
					     "say which job, by its id");
	if (!request)
		return dmr_nl_refuse_missing(info, DM_REPLICA_A_JOB_REQUEST,
					     "say what to do: 2 start, 3 suspend, 4 terminate");
	sys = dmr_request_system(info);
	if (IS_ERR(sys))
		return PTR_ERR(sys);
	if (nla_get_u32(request) == DM_REPLICA_JOB_REQUEST_TERMINATE) {
		/* What waits for its turn can go at once: nothing is to be written. */
		r = 0;
		if (dmr_op_cancel(sys, nla_get_u64(id))) {
			dmr_owner_request(sys, "job cancel", nla_get_u64(id));
			goto out;
		}
		/*
		 * R11: what was asked for is that it does not happen.  Behind it, the same
		 * would be an end of the move home that it began.
		 */
		job = dmr_job_find(sys, nla_get_u64(id));
		if (job && !READ_ONCE(job->home) &&
		    READ_ONCE(job->state) < DM_REPLICA_JOB_STATE_COMPLETED)
			r = dmr_nl_refuse_request(info, id, -EBADE, DM_REPLICA_CODE_INVALID_STATE,
						  "it has begun and cannot be taken back any more");
		else
			r = dmr_operate(skb, info, DMR_VERB_JOB_CANCEL, dmr_job_cancel_fill);
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
	r = dmr_move_request(sys, job, nla_get_u32(request), &msg);
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

static int dmr_vacuum_set_doit(struct sk_buff *skb, struct genl_info *info)
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
					  "say 1 to hold the vacuum still, 0 to let it go on");
	sys = dmr_request_system(info);
	if (IS_ERR(sys))
		return PTR_ERR(sys);
	dmr_vacuum_hold(sys, nla_get_u32(hold));
	dmr_owner_request(sys, nla_get_u32(hold) ? "vacuum --hold" : "vacuum --release", 0);
	dmr_system_put(sys);
	trace_dmr_reply(info->genlhdr->cmd, DM_REPLICA_CODE_COMPLETED);
	return 0;
}

/* Touches memory only; the next superblock has it. */
static int dmr_replication_heartbeat_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct dmr_system *sys = dmr_request_begin(skb, info);

	if (IS_ERR(sys))
		return PTR_ERR(sys);
	dmr_received(sys);
	dmr_system_put(sys);
	trace_dmr_reply(info->genlhdr->cmd, DM_REPLICA_CODE_COMPLETED);
	return 0;
}

/*----------------------------------------------------------------
 * Notifications
 *----------------------------------------------------------------*/

static bool dmr_listeners(u32 group)
{
	return READ_ONCE(dmr_family_up) && genl_has_listeners(&dmr_family, &init_net, group);
}

/* Events of a group come in the order of their numbers; a leaf, but for memory (GFP_NOIO). */
static DEFINE_MUTEX(dmr_event_mutex);
static u64 dmr_event_number[2];

/*
 * An event that there was no memory for takes its number with it, and all listeners
 * read ENOBUFS, as one that does not read fast enough does.
 */
static void dmr_event_lost(u32 group)
{
	mutex_lock(&dmr_event_mutex);
	dmr_event_number[group]++;
	mutex_unlock(&dmr_event_mutex);
	genl_set_err(&dmr_family, &init_net, 0, group, -ENOBUFS);
}

/* Sends @msg, or frees it.  @attr takes its number.  Nothing comes behind the end of @sys. */
static void dmr_event_send(struct dmr_system *sys, struct sk_buff *msg, void *hdr, u32 group,
			   int attr)
{
	mutex_lock(&dmr_event_mutex);
	if (sys->gone) {
		nlmsg_free(msg);
	} else if (dmr_put_u64(msg, attr, ++dmr_event_number[group])) {
		nlmsg_free(msg);
		genl_set_err(&dmr_family, &init_net, 0, group, -ENOBUFS);
	} else {
		genlmsg_end(msg, hdr);
		genlmsg_multicast(&dmr_family, msg, 0, group, DMR_NOTICE_GFP);
	}
	mutex_unlock(&dmr_event_mutex);
}

/**
 * dmr_netlink_gone() - announce that a system has been detached
 * @sys: the system; no target of it is left, and no event of it follows.
 *
 * Context: may sleep; dmr_registry_mutex is held.
 */
void dmr_netlink_gone(struct dmr_system *sys)
{
	struct sk_buff *msg = NULL;
	void *hdr = NULL;

	if (smp_load_acquire(&sys->active) && dmr_listeners(DMR_GROUP_SYSTEMS)) {
		msg = genlmsg_new(NLMSG_DEFAULT_SIZE, DMR_NOTICE_GFP);
		if (msg)
			hdr = genlmsg_put(msg, 0, 0, &dmr_family, 0,
					  DM_REPLICA_CMD_SYSTEM_DEL_NTF);
		/* What identifies a system is never written to. */
		if (!hdr || nla_put(msg, DM_REPLICA_A_SYSTEM_UUID, 16, sys->sb->system_uuid) ||
		    nla_put_string(msg, DM_REPLICA_A_SYSTEM_NAME, sys->sb->name)) {
			nlmsg_free(msg);
			dmr_event_lost(DMR_GROUP_SYSTEMS);
		} else {
			dmr_event_send(sys, msg, hdr, DMR_GROUP_SYSTEMS,
				       DM_REPLICA_A_SYSTEM_EVENT);
		}
	}
	mutex_lock(&dmr_event_mutex);
	sys->gone = true;
	mutex_unlock(&dmr_event_mutex);
}

/**
 * dmr_netlink_system() - tell who listens what a system is like now
 * @sys: the system, referenced; may be in any phase of its life.
 *
 * R9: whoever finds that a superblock cannot be written holds sb_mutex and has to say
 * so.  Nothing here takes it.
 *
 * Context: may sleep, for memory alone; any lock may be held but event_mutex and
 * job_mutex.
 */
void dmr_netlink_system(struct dmr_system *sys)
{
	struct sk_buff *msg;
	int r = -ENOENT;
	bool active;
	void *hdr;

	if (!dmr_listeners(DMR_GROUP_SYSTEMS))
		return;
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, DMR_NOTICE_GFP);
	if (!msg)
		return dmr_event_lost(DMR_GROUP_SYSTEMS);
	mutex_lock(&sys->event_mutex);
	hdr = genlmsg_put(msg, 0, 0, &dmr_family, 0, DM_REPLICA_CMD_SYSTEM_NTF);
	rcu_read_lock();
	active = smp_load_acquire(&sys->active);
	if (hdr && active)
		r = dmr_put_system(msg, sys, dmr_shown(sys));
	rcu_read_unlock();
	if (!r) {
		dmr_event_send(sys, msg, hdr, DMR_GROUP_SYSTEMS, DM_REPLICA_A_SYSTEM_EVENT);
	} else {
		nlmsg_free(msg);
		if (active)
			dmr_event_lost(DMR_GROUP_SYSTEMS);
	}
	mutex_unlock(&sys->event_mutex);
}

/**
 * dmr_netlink_job() - tell who listens what a job is like now
 * @job: the job; its system's superblock is in memory.
 *
 * Context: may sleep, for memory alone; takes event_mutex and job_mutex.
 */
void dmr_netlink_job(struct dmr_job *job)
{
	struct dmr_system *sys = job->sys;
	struct sk_buff *msg;
	void *hdr;
	int r;

	if (!dmr_listeners(DMR_GROUP_JOBS))
		return;
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, DMR_NOTICE_GFP);
	if (!msg)
		return dmr_event_lost(DMR_GROUP_JOBS);
	mutex_lock(&sys->event_mutex);
	hdr = genlmsg_put(msg, 0, 0, &dmr_family, 0, DM_REPLICA_CMD_JOB_NTF);
	mutex_lock(&sys->job_mutex);
	r = hdr ? dmr_put_job(msg, job) : -EMSGSIZE;
	mutex_unlock(&sys->job_mutex);
	if (r) {
		nlmsg_free(msg);
		dmr_event_lost(DMR_GROUP_JOBS);
	} else {
		dmr_event_send(sys, msg, hdr, DMR_GROUP_JOBS, DM_REPLICA_A_JOB_EVENT);
	}
	mutex_unlock(&sys->event_mutex);
}

/*
 * A socket was closed: what it has asked for and has not begun must not happen.  The
 * family is that of one network namespace.
 */
static int dmr_socket_event(struct notifier_block *nb, unsigned long event, void *data)
{
	const struct netlink_notify *n = data;

	if (event == NETLINK_URELEASE && n->protocol == NETLINK_GENERIC &&
	    net_eq(n->net, &init_net))
		dmr_ops_socket_closed(n->portid);
	return NOTIFY_DONE;
}

static struct notifier_block dmr_sockets = {
	.notifier_call = dmr_socket_event,
};

/*----------------------------------------------------------------
 * The family
 *----------------------------------------------------------------*/

static const struct genl_ops dmr_ops[] = {
	{
		.cmd = DM_REPLICA_CMD_SYSTEM_GET,
		.doit = dmr_system_get_doit,
		.start = dmr_dump_all_start,
		.dumpit = dmr_system_get_dumpit,
		.policy = dmr_system_get_policy,
		.maxattr = ARRAY_SIZE(dmr_system_get_policy) - 1,
	},
	{
		.cmd = DM_REPLICA_CMD_DISK_GET,
		.start = dmr_dump_filtered_start,
		.dumpit = dmr_disk_get_dumpit,
		.policy = dmr_disk_get_policy,
		.maxattr = ARRAY_SIZE(dmr_disk_get_policy) - 1,
	},
	{
		.cmd = DM_REPLICA_CMD_POINT_GET,
		.start = dmr_point_get_start,
		.dumpit = dmr_point_get_dumpit,
		.done = dmr_point_get_done,
		.policy = dmr_point_get_policy,
		.maxattr = ARRAY_SIZE(dmr_point_get_policy) - 1,
	},
	{
		.cmd = DM_REPLICA_CMD_POINT_NEW,
		.doit = dmr_point_new_doit,
		.policy = dmr_point_new_policy,
		.maxattr = ARRAY_SIZE(dmr_point_new_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_POINT_DEL,
		.doit = dmr_point_del_doit,
		.policy = dmr_point_del_policy,
		.maxattr = ARRAY_SIZE(dmr_point_del_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_JOB_GET,
		.doit = dmr_job_get_doit,
		.start = dmr_dump_filtered_start,
		.dumpit = dmr_job_get_dumpit,
		.policy = dmr_job_get_policy,
		.maxattr = ARRAY_SIZE(dmr_job_get_policy) - 1,
	},
	{
		.cmd = DM_REPLICA_CMD_FAILOVER_INITIATE,
		.doit = dmr_failover_initiate_doit,
		.policy = dmr_failover_initiate_policy,
		.maxattr = ARRAY_SIZE(dmr_failover_initiate_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_FAILOVER_REVERT,
		.doit = dmr_failover_revert_doit,
		.policy = dmr_failover_revert_policy,
		.maxattr = ARRAY_SIZE(dmr_failover_revert_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_TEST_START,
		.doit = dmr_test_start_doit,
		.policy = dmr_test_start_policy,
		.maxattr = ARRAY_SIZE(dmr_test_start_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_TEST_STOP,
		.doit = dmr_test_stop_doit,
		.policy = dmr_test_stop_policy,
		.maxattr = ARRAY_SIZE(dmr_test_stop_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_VACUUM_SET,
		.doit = dmr_vacuum_set_doit,
		.policy = dmr_vacuum_set_policy,
		.maxattr = ARRAY_SIZE(dmr_vacuum_set_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_FAILOVER_COMMIT,
		.doit = dmr_failover_commit_doit,
		.policy = dmr_failover_commit_policy,
		.maxattr = ARRAY_SIZE(dmr_failover_commit_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_REPLICATION_SUSPEND,
		.doit = dmr_replication_suspend_doit,
		.policy = dmr_replication_suspend_policy,
		.maxattr = ARRAY_SIZE(dmr_replication_suspend_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_REPLICATION_RESUME,
		.doit = dmr_replication_resume_doit,
		.policy = dmr_replication_resume_policy,
		.maxattr = ARRAY_SIZE(dmr_replication_resume_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_RELATIONSHIP_REMOVE,
		.doit = dmr_relationship_remove_doit,
		.policy = dmr_relationship_remove_policy,
		.maxattr = ARRAY_SIZE(dmr_relationship_remove_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_STORE_GROW,
		.doit = dmr_store_grow_doit,
		.policy = dmr_store_grow_policy,
		.maxattr = ARRAY_SIZE(dmr_store_grow_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_HOME_MOVE,
		.doit = dmr_home_move_doit,
		.policy = dmr_home_move_policy,
		.maxattr = ARRAY_SIZE(dmr_home_move_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_JOB_SET,
		.doit = dmr_job_set_doit,
		.policy = dmr_job_set_policy,
		.maxattr = ARRAY_SIZE(dmr_job_set_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_SETTINGS_GET,
		.doit = dmr_settings_get_doit,
		.start = dmr_dump_filtered_start,
		.dumpit = dmr_settings_get_dumpit,
		.policy = dmr_settings_get_policy,
		.maxattr = ARRAY_SIZE(dmr_settings_get_policy) - 1,
	},
	{
		.cmd = DM_REPLICA_CMD_SETTINGS_SET,
		.doit = dmr_settings_set_doit,
		.policy = dmr_settings_set_policy,
		.maxattr = ARRAY_SIZE(dmr_settings_set_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_ADAPTER_GET,
		.start = dmr_dump_filtered_start,
		.dumpit = dmr_adapter_get_dumpit,
		.policy = dmr_adapter_get_policy,
		.maxattr = ARRAY_SIZE(dmr_adapter_get_policy) - 1,
	},
	{
		.cmd = DM_REPLICA_CMD_ADAPTER_SET,
		.doit = dmr_adapter_set_doit,
		.policy = dmr_adapter_set_policy,
		.maxattr = ARRAY_SIZE(dmr_adapter_set_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_ADAPTER_DEL,
		.doit = dmr_adapter_del_doit,
		.policy = dmr_adapter_del_policy,
		.maxattr = ARRAY_SIZE(dmr_adapter_del_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_REPLICATION_HEARTBEAT,
		.doit = dmr_replication_heartbeat_doit,
		.policy = dmr_replication_heartbeat_policy,
		.maxattr = ARRAY_SIZE(dmr_replication_heartbeat_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
};

static const struct genl_multicast_group dmr_groups[] = {
	[DMR_GROUP_SYSTEMS] = {
		.name = DM_REPLICA_MCGRP_SYSTEMS,
		.flags = GENL_MCAST_CAP_SYS_ADMIN,
	},
	[DMR_GROUP_JOBS] = {
		.name = DM_REPLICA_MCGRP_JOBS,
		.flags = GENL_MCAST_CAP_SYS_ADMIN,
	},
};

/* Block devices are not in network namespaces, and operations may take long. */
struct genl_family dmr_family __ro_after_init = {
	.name = DM_REPLICA_FAMILY_NAME,
	.version = DM_REPLICA_FAMILY_VERSION,
	.netnsok = false,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = dmr_ops,
	.n_ops = ARRAY_SIZE(dmr_ops),
	.mcgrps = dmr_groups,
	.n_mcgrps = ARRAY_SIZE(dmr_groups),
};

/**
 * dmr_netlink_init() - from here on the family answers
 *
 * Context: module initialisation, with the registry and dmr_ops_wq ready.
 * Return: 0 or a negative errno.
 */
int __init dmr_netlink_init(void)
{
	int r = netlink_register_notifier(&dmr_sockets);

	if (r)
		return r;
	r = genl_register_family(&dmr_family);
	if (r)
		netlink_unregister_notifier(&dmr_sockets);
	else
		WRITE_ONCE(dmr_family_up, true);
	return r;
}

/**
 * dmr_netlink_exit() - the family is gone
 *
 * No handler runs any more when it returns; notifications go nowhere.
 *
 * Context: module exit, or initialisation that failed.
 */
void dmr_netlink_exit(void)
{
	WRITE_ONCE(dmr_family_up, false);
	genl_unregister_family(&dmr_family);
	netlink_unregister_notifier(&dmr_sockets);
}

MODULE_ALIAS_GENL_FAMILY(DM_REPLICA_FAMILY_NAME);
