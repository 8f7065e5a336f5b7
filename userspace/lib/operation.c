// SPDX-License-Identifier: GPL-2.0-only
/* Operations on a system. */
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "private.h"

#define HOLD_MS	20000		/* limit of the wait for a pass of the vacuum */

struct answer {
	u32 code;
	u64 job;
	u64 point;
	bool undecided;
};

static int op_reply(void *arg, int cmd, struct nlattr **attrs)
{
	u32 state = dmrl_nl_u32(attrs[DM_REPLICA_A_OP_JOB_STATE]);
	struct answer *answer = arg;

	(void)cmd;
	answer->code = dmrl_nl_u32(attrs[DM_REPLICA_A_OP_CODE]);
	answer->job = dmrl_nl_u64(attrs[DM_REPLICA_A_OP_JOB]);
	answer->point = dmrl_nl_u64(attrs[DM_REPLICA_A_OP_POINT]);
	answer->undecided = answer->code == DM_REPLICA_CODE_JOB_STARTED &&
			    (state == DM_REPLICA_JOB_STATE_NEW ||
			     state == DM_REPLICA_JOB_STATE_STARTING);
	return 0;
}

/* Put an attribute for each given member.  Return: true without room for it. */
static bool put_op(struct nl_msg *msg, const struct dmreplica_op *op)
{
	unsigned int given = op->given, i;

	if ((given & DMREPLICA_OP_POINT) && nla_put_u64(msg, DM_REPLICA_A_OP_POINT, op->point))
		return true;
	if ((given & DMREPLICA_OP_KIND) && nla_put_u32(msg, DM_REPLICA_A_OP_POINT_KIND, op->kind))
		return true;
	if ((given & DMREPLICA_OP_LABEL) &&
	    nla_put_string(msg, DM_REPLICA_A_OP_POINT_NAME, op->label))
		return true;
	if ((given & DMREPLICA_OP_EXPECT_STATE) &&
	    nla_put_u64(msg, DM_REPLICA_A_OP_EXPECT_STATE_NUMBER, op->expect_state))
		return true;
	if ((given & DMREPLICA_OP_EXPECT_WRITES) &&
	    nla_put_u64(msg, DM_REPLICA_A_OP_EXPECT_WRITES, op->expect_writes))
		return true;
	if ((given & DMREPLICA_OP_TIMEOUT) &&
	    nla_put_u32(msg, DM_REPLICA_A_OP_TIMEOUT, op->timeout_ms))
		return true;
	if ((given & DMREPLICA_OP_WAIT) && nla_put_u32(msg, DM_REPLICA_A_OP_WAIT, op->wait_ms))
		return true;
	if ((given & DMREPLICA_OP_NO_WAIT) && nla_put_flag(msg, DM_REPLICA_A_OP_UNATTENDED))
		return true;
	if ((given & DMREPLICA_OP_PEER) && nla_put_string(msg, DM_REPLICA_A_OP_PEER, op->peer))
		return true;
	if ((given & DMREPLICA_OP_VIEW) && nla_put_string(msg, DM_REPLICA_A_OP_VIEW, op->view))
		return true;
	if ((given & DMREPLICA_OP_RECEIVED) && nla_put_flag(msg, DM_REPLICA_A_OP_RECEIVED))
		return true;
	if ((given & DMREPLICA_OP_ACKED) && nla_put_flag(msg, DM_REPLICA_A_OP_ACKED))
		return true;
	for (i = 0; (given & DMREPLICA_OP_DROP) && i < op->nr_drop; i++)
		if (nla_put_u64(msg, DM_REPLICA_A_OP_DROP, op->drop[i]))
			return true;
	return (given & DMREPLICA_OP_FLATTEN) && nla_put_flag(msg, DM_REPLICA_A_OP_FLATTEN);
}

/* Name the holders of failover devices, after the kernel reported a device in use. */
static void append_openers(struct dmreplica *ctx, const struct dmreplica_system *sys, int code,
			   bool replica)
{
	char message[sizeof(ctx->message)], hint[sizeof(ctx->hint)];
	dev_t devs[2 * DMREPLICA_MAX_DISKS], replicas[DMREPLICA_MAX_DISKS];
	struct dmreplica_disk *disks;
	unsigned int n = 0, r = 0, unseen = 0;
	size_t nr, i, named;

	memcpy(message, ctx->message, sizeof(message));
	memcpy(hint, ctx->hint, sizeof(hint));
	if (dmreplica_disk_list(ctx, sys, &disks, &nr)) {
		disks = NULL;
		nr = 0;
	}
	dmrl_fail(ctx, code, "%s", message);
	if (*hint)
		dmrl_hint(ctx, "%s", hint);
	for (i = 0; i < nr && i < DMREPLICA_MAX_DISKS; i++) {
		if (disks[i].live_major)
			devs[n++] = makedev(disks[i].live_major, disks[i].live_minor);
		if (disks[i].test_major)
			devs[n++] = makedev(disks[i].test_major, disks[i].test_minor);
		if (replica && disks[i].replica_major)
			replicas[r++] = makedev(disks[i].replica_major, disks[i].replica_minor);
		unseen += disks[i].live_openers || disks[i].test_openers;
	}
	named = dmrl_append_holders(ctx, devs, n, false);
	named += dmrl_append_holders(ctx, replicas, r, false);
	if (!named && unseen)
		dmrl_append(ctx, "\n  its holder is not visible here: the kernel itself, or a process in another namespace");
	if (!*ctx->hint)
		dmrl_hint(ctx, "unmount it or stop what uses it, then try again");
	free(disks);
}

/* After a refusal: is a recovery point open, so that this one has to be closed first? */
static bool hint_open_point(struct dmreplica *ctx, const struct dmreplica_system *sys)
{
	char message[sizeof(ctx->message)];
	struct dmreplica_point *list;
	int code = ctx->code;
	u64 open = 0;
	size_t nr, i;

	memcpy(message, ctx->message, sizeof(message));
	if (!dmreplica_point_list(ctx, sys, &list, &nr)) {
		for (i = 0; i < nr && !open; i++)
			if (*list[i].views)
				open = list[i].number;
		free(list);
	}
	dmrl_fail(ctx, code, "%s", message);
	if (open)
		dmrl_hint(ctx, "replicactl recovery-point close %s %llu closes it", sys->name,
			  (unsigned long long)open);
	return open;
}

static void hint_remove(struct dmreplica *ctx, const struct dmreplica_system *sys,
			const struct dmreplica_op *op)
{
	if (sys->state == DM_REPLICA_STATE_RECOVERED)
		dmrl_hint(ctx, "end the failover first: replicactl revert %s, or commit %s", sys->name,
			  sys->name);
	else if (!(op->given & DMREPLICA_OP_FLATTEN))
		dmrl_hint(ctx, "replicactl remove %s --flatten drops the points and moves everything home first",
			  sys->name);
}

static void hint_commit(struct dmreplica *ctx, const struct dmreplica_system *sys)
{
	if (strstr(ctx->message, "peer"))
		dmrl_hint(ctx, "replicactl recovery-point list %s shows it; recovery-point release lets it go",
			  sys->name);
	else
		dmrl_hint(ctx, "end the test failover first: replicactl test-failover stop %s",
			  sys->name);
}

/* Do openers of the replica devices stand in the way, too? */
static bool replica_counts(int cmd)
{
	return cmd == DM_REPLICA_CMD_RELATIONSHIP_REMOVE || cmd == DM_REPLICA_CMD_ERRORS_RESET;
}

/* Add what ends the use that refused an operation. */
static void hint_in_use(struct dmreplica *ctx, int cmd, const struct dmreplica_system *sys)
{
	switch (cmd) {
	case DM_REPLICA_CMD_POINT_DEL:
	case DM_REPLICA_CMD_POINT_NEW:
	case DM_REPLICA_CMD_RECEIVE_END:
		dmrl_hint(ctx, strstr(ctx->message, "peer") ?
			  "replicactl recovery-point release %s lets it go" :
			  "replicactl status %s shows what uses it", sys->name);
		return;
	case DM_REPLICA_CMD_POINT_OPEN:
	case DM_REPLICA_CMD_POINT_CLOSE:
		return;		/* see open-point.c */
	case DM_REPLICA_CMD_FAILOVER_COMMIT:
		if (!hint_open_point(ctx, sys))
			hint_commit(ctx, sys);
		return;
	case DM_REPLICA_CMD_RELATIONSHIP_REMOVE:
		if (hint_open_point(ctx, sys))
			return;
		break;
	}
	append_openers(ctx, sys, DM_REPLICA_CODE_IN_USE, replica_counts(cmd));
}

int dmrl_operate(struct dmreplica *ctx, int cmd, const struct dmreplica_system *sys,
		 struct dmreplica_op *op)
{
	return dmrl_operate_with(ctx, cmd, sys, NULL, NULL, op);
}

int dmrl_operate_with(struct dmreplica *ctx, int cmd, const struct dmreplica_system *sys,
		      dmrl_put_fn put, const void *arg, struct dmreplica_op *op)
{
	struct dmreplica_op none = { 0 };
	struct answer answer = { 0 };
	struct nl_msg *msg;
	int code;

	dmrl_clear(ctx);
	if (!op)
		op = &none;
	op->job = 0;
	op->point_made = 0;
	op->undecided = false;
	msg = dmrl_nl_message_of(ctx, cmd, DM_REPLICA_A_OP_SYSTEM, sys->uuid);
	if (!msg)
		return ctx->code;
	if (put_op(msg, op) || (put && put(msg, arg))) {
		nlmsg_free(msg);
		return dmrl_no_memory(ctx);
	}
	code = dmrl_nl_call(ctx, msg, op_reply, &answer);
	if (!code && answer.undecided) {
		code = dmrl_job_decided(ctx, sys->uuid, answer.job, &answer.point,
					op->given & DMREPLICA_OP_NO_WAIT ? &op->undecided : NULL);
		answer.code = code;
		if (code == DM_REPLICA_CODE_JOB_STARTED)
			code = 0;
	}
	if (code == DM_REPLICA_CODE_IN_USE)
		hint_in_use(ctx, cmd, sys);
	else if (code == DM_REPLICA_CODE_TIMEOUT && (op->given & DMREPLICA_OP_WAIT))
		append_openers(ctx, sys, code, replica_counts(cmd));
	else if (code == DM_REPLICA_CODE_INVALID_STATE && cmd == DM_REPLICA_CMD_RELATIONSHIP_REMOVE)
		hint_remove(ctx, sys, op);
	if (code)
		return code;
	op->job = answer.job;
	op->point_made = answer.point;
	return answer.code;
}

/* Files go with their points. */
static int and_sweep(struct dmreplica *ctx, const struct dmreplica_system *sys, int code)
{
	if (!code || code == DM_REPLICA_CODE_JOB_STARTED)
		dmreplica_point_files_sweep(ctx, sys);
	return code;
}

int dmreplica_point_drop(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 struct dmreplica_op *op)
{
	return and_sweep(ctx, sys, dmrl_operate(ctx, DM_REPLICA_CMD_POINT_DEL, sys, op));
}

int dmreplica_failover(struct dmreplica *ctx, const struct dmreplica_system *sys,
		       struct dmreplica_op *op)
{
	return dmrl_operate(ctx, DM_REPLICA_CMD_FAILOVER_INITIATE, sys, op);
}

int dmreplica_revert(struct dmreplica *ctx, const struct dmreplica_system *sys,
		     struct dmreplica_op *op)
{
	return dmrl_operate(ctx, DM_REPLICA_CMD_FAILOVER_REVERT, sys, op);
}

int dmreplica_test_start(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 struct dmreplica_op *op)
{
	return dmrl_operate(ctx, DM_REPLICA_CMD_TEST_START, sys, op);
}

int dmreplica_test_stop(struct dmreplica *ctx, const struct dmreplica_system *sys,
			struct dmreplica_op *op)
{
	return dmrl_operate(ctx, DM_REPLICA_CMD_TEST_STOP, sys, op);
}

int dmreplica_commit(struct dmreplica *ctx, const struct dmreplica_system *sys,
		     struct dmreplica_op *op)
{
	return and_sweep(ctx, sys, dmrl_operate(ctx, DM_REPLICA_CMD_FAILOVER_COMMIT, sys, op));
}

int dmreplica_suspend(struct dmreplica *ctx, const struct dmreplica_system *sys,
		      struct dmreplica_op *op)
{
	return dmrl_operate(ctx, DM_REPLICA_CMD_REPLICATION_SUSPEND, sys, op);
}

int dmreplica_resume(struct dmreplica *ctx, const struct dmreplica_system *sys,
		     struct dmreplica_op *op)
{
	return dmrl_operate(ctx, DM_REPLICA_CMD_REPLICATION_RESUME, sys, op);
}

int dmreplica_remove(struct dmreplica *ctx, const struct dmreplica_system *sys,
		     struct dmreplica_op *op)
{
	return dmrl_operate(ctx, DM_REPLICA_CMD_RELATIONSHIP_REMOVE, sys, op);
}

int dmreplica_grow(struct dmreplica *ctx, const struct dmreplica_system *sys,
		   struct dmreplica_op *op)
{
	return dmrl_operate(ctx, DM_REPLICA_CMD_STORE_GROW, sys, op);
}

int dmreplica_move_home(struct dmreplica *ctx, const struct dmreplica_system *sys,
			struct dmreplica_op *op)
{
	return dmrl_operate(ctx, DM_REPLICA_CMD_HOME_MOVE, sys, op);
}

int dmreplica_reset_errors(struct dmreplica *ctx, const struct dmreplica_system *sys,
			   struct dmreplica_op *op)
{
	return dmrl_operate(ctx, DM_REPLICA_CMD_ERRORS_RESET, sys, op);
}

int dmreplica_heartbeat(struct dmreplica *ctx, const struct dmreplica_system *sys)
{
	struct nl_msg *msg;

	dmrl_clear(ctx);
	msg = dmrl_nl_message_of(ctx, DM_REPLICA_CMD_REPLICATION_HEARTBEAT, DM_REPLICA_A_OP_SYSTEM,
				 sys->uuid);
	if (!msg)
		return ctx->code;
	return dmrl_nl_call(ctx, msg, NULL, NULL);
}

int dmreplica_vacuum_hold(struct dmreplica *ctx, const struct dmreplica_system *sys, bool hold)
{
	struct timespec pause = { .tv_nsec = 10 * 1000000L };
	char text[DMREPLICA_UUID_TEXT];
	u64 begin = dmrl_now_ms();
	struct dmreplica_system now;
	struct nl_msg *msg;
	int code;

	dmrl_clear(ctx);
	msg = dmrl_nl_message_of(ctx, DM_REPLICA_CMD_VACUUM_SET, DM_REPLICA_A_OP_SYSTEM, sys->uuid);
	if (!msg)
		return ctx->code;
	if (nla_put_u32(msg, DM_REPLICA_A_OP_HOLD, hold)) {
		nlmsg_free(msg);
		return dmrl_no_memory(ctx);
	}
	code = dmrl_nl_call(ctx, msg, NULL, NULL);
	/* Wait for the end of a pass that runs. */
	while (!code && hold) {
		code = dmreplica_system_attached(ctx, dmreplica_uuid_text(sys->uuid, text), &now);
		if (code || now.vacuum_held != 2)
			break;
		if (dmrl_now_ms() - begin > HOLD_MS)
			return dmrl_fail(ctx, DM_REPLICA_CODE_TIMEOUT,
					 "the vacuum of %s is held, but its present pass has not ended",
					 sys->name);
		nanosleep(&pause, NULL);
	}
	return code;
}
