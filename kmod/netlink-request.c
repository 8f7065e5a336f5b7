// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink requests: their system, the attributes of their operation, and refusals.
 * No function here changes a system.  A value that no policy can check is refused before
 * its operation is visible.
 */
#include <linux/capability.h>

#include "change.h"
#include "netlink.h"
#include "owner.h"
#include "queue.h"
#include "system.h"
#include "trace.h"

/*----------------------------------------------------------------
 * Refusals
 *----------------------------------------------------------------*/

struct genl_family *dmr_nl_family;	/* set once, by dmr_genl_init() */
bool dmr_genl_up;			/* the family is registered: notifications may be sent */

/**
 * dmr_nl_refuse() - report the reason for the refusal of a request or a dump
 * @extack: takes the reason, may be NULL
 * @attr: the attribute that is to blame, or NULL
 * @err: the errno, negative
 * @code: the CIM code, for the cookie
 * @text: constant, since it is read after the handler has returned
 *
 * Context: any.
 * Return: @err.
 */
int dmr_nl_refuse(struct netlink_ext_ack *extack, const struct nlattr *attr, int err,
		  u32 code, const char *text)
{
	do_trace_netlink_extack(text);
	if (extack) {
		extack->_msg = text;
		extack->bad_attr = attr;
		nl_set_extack_cookie_u64(extack, code);
	}
	return err;
}

/* Name a command in the words of replicactl.  Return: NULL for a command that only reads. */
static const char *dmr_cmd_name(u8 cmd)
{
	switch (cmd) {
	case DM_REPLICA_CMD_POINT_NEW:
		return dmr_op_name(DMR_VERB_POINT_NEW);
	case DM_REPLICA_CMD_POINT_DEL:
		return dmr_op_name(DMR_VERB_POINT_DEL);
	case DM_REPLICA_CMD_POINT_OPEN:
		return dmr_op_name(DMR_VERB_POINT_OPEN);
	case DM_REPLICA_CMD_POINT_CLOSE:
		return dmr_op_name(DMR_VERB_POINT_CLOSE);
	case DM_REPLICA_CMD_FAILOVER_INITIATE:
		return dmr_op_name(DMR_VERB_INITIATE);
	case DM_REPLICA_CMD_FAILOVER_REVERT:
		return dmr_op_name(DMR_VERB_REVERT);
	case DM_REPLICA_CMD_FAILOVER_COMMIT:
		return dmr_op_name(DMR_VERB_COMMIT);
	case DM_REPLICA_CMD_TEST_START:
		return dmr_op_name(DMR_VERB_TEST_START);
	case DM_REPLICA_CMD_TEST_STOP:
		return dmr_op_name(DMR_VERB_TEST_STOP);
	case DM_REPLICA_CMD_REPLICATION_SUSPEND:
		return dmr_op_name(DMR_VERB_SUSPEND);
	case DM_REPLICA_CMD_REPLICATION_RESUME:
		return dmr_op_name(DMR_VERB_RESUME);
	case DM_REPLICA_CMD_REPLICATION_HEARTBEAT:
		return "heartbeat";
	case DM_REPLICA_CMD_RELATIONSHIP_REMOVE:
		return dmr_op_name(DMR_VERB_REMOVE);
	case DM_REPLICA_CMD_STORE_GROW:
		return dmr_op_name(DMR_VERB_GROW);
	case DM_REPLICA_CMD_HOME_MOVE:
		return dmr_op_name(DMR_VERB_MOVE_HOME);
	case DM_REPLICA_CMD_JOB_SET:
		return "job cancel, pause or resume";
	case DM_REPLICA_CMD_SETTINGS_SET:
		return dmr_op_name(DMR_VERB_SETTINGS);
	case DM_REPLICA_CMD_HOST_SET:
		return dmr_op_name(DMR_VERB_HOST_SET);
	case DM_REPLICA_CMD_ERRORS_RESET:
		return dmr_op_name(DMR_VERB_RESET_ERRORS);
	case DM_REPLICA_CMD_POINT_HOLD:
		return dmr_op_name(DMR_VERB_POINT_HOLD);
	case DM_REPLICA_CMD_POINT_RELEASE:
		return dmr_op_name(DMR_VERB_POINT_RELEASE);
	case DM_REPLICA_CMD_PEER_ADD:
		return dmr_op_name(DMR_VERB_PEER_ADD);
	case DM_REPLICA_CMD_PEER_DEL:
		return dmr_op_name(DMR_VERB_PEER_REMOVE);
	case DM_REPLICA_CMD_RECEIVE_BEGIN:
		return dmr_op_name(DMR_VERB_RECEIVE_BEGIN);
	case DM_REPLICA_CMD_RECEIVE_MARK:
		return "receive mark";
	case DM_REPLICA_CMD_RECEIVE_END:
		return dmr_op_name(DMR_VERB_RECEIVE_END);
	case DM_REPLICA_CMD_RECEIVE_ABORT:
		return dmr_op_name(DMR_VERB_RECEIVE_ABORT);
	case DM_REPLICA_CMD_VACUUM_SET:
		return "vacuum";
	default:
		return NULL;
	}
}

/**
 * dmr_nl_refuse_request() - refuse a request that is not a dump
 * @info: the request
 * @attr: the attribute that is to blame, or NULL
 * @err: the errno, negative
 * @code: the CIM code, for the cookie
 * @text: constant
 *
 * A refused change leaves a line in the kernel log.
 *
 * Context: the requesting process; may sleep.
 * Return: @err.
 */
int dmr_nl_refuse_request(struct genl_info *info, const struct nlattr *attr, int err,
			  u32 code, const char *text)
{
	const struct nlattr *uuid = info->attrs[DMR_A_SYSTEM];
	const char *what = dmr_cmd_name(info->genlhdr->cmd);

	if (what)
		dmr_owner_refused(uuid ? nla_data(uuid) : NULL, what, code, text);
	return dmr_nl_refuse_op(info, attr, err, code, text);
}

/**
 * dmr_nl_refuse_op() - the same after the end of an operation, which the kernel log has
 * already
 * @info: the request
 * @attr: the attribute that is to blame, or NULL
 * @err: the errno, negative
 * @code: the CIM code, for the cookie
 * @text: constant
 *
 * Context: any.
 * Return: @err.
 */
int dmr_nl_refuse_op(struct genl_info *info, const struct nlattr *attr, int err, u32 code,
		     const char *text)
{
	trace_dmr_reply(info->genlhdr->cmd, code);
	return dmr_nl_refuse(info->extack, attr, err, code, text);
}

/**
 * dmr_nl_refuse_point() - add a recovery point to a refusal
 * @info: the refused request
 * @number: of the point
 * @text: the reason, constant
 *
 * The bad attribute names the point on every kernel; only newer ones copy a text that is
 * not constant.
 *
 * Context: any.
 */
void dmr_nl_refuse_point(struct genl_info *info, u64 number, const char *text)
{
#ifdef NL_SET_ERR_MSG_FMT
	NL_SET_ERR_MSG_FMT(info->extack, "recovery point %llu: %s", number, text);
#endif
}

/**
 * dmr_nl_refuse_missing() - refuse a request that lacks an attribute
 * @info: the request
 * @attr: its number
 * @text: constant, names the attribute to give
 *
 * Context: any.
 * Return: -EINVAL.
 */
int dmr_nl_refuse_missing(struct genl_info *info, u32 attr, const char *text)
{
	NL_SET_ERR_ATTR_MISS(info->extack, NULL, attr);
	return dmr_nl_refuse_request(info, NULL, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER, text);
}

/**
 * dmr_nl_refuse_unknown() - refuse a request about a system that is not attached
 * @info: the request
 * @attr: the UUID it gives
 *
 * Context: any.
 * Return: -ENOENT.
 */
int dmr_nl_refuse_unknown(struct genl_info *info, const struct nlattr *attr)
{
	return dmr_nl_refuse_request(info, attr, -ENOENT, DM_REPLICA_CODE_NOT_FOUND,
				     "no such system is attached: attach it first");
}

/**
 * dmr_nl_refuse_unprivileged() - refuse a change by a process without CAP_SYS_ADMIN
 * @skb: the message
 * @info: the request
 *
 * GENL_ADMIN_PERM checks CAP_NET_ADMIN, which grants no right to disks.
 *
 * Context: any.
 * Return: 0, or -EPERM and the request is refused.
 */
int dmr_nl_refuse_unprivileged(struct sk_buff *skb, struct genl_info *info)
{
	if (netlink_capable(skb, CAP_SYS_ADMIN))
		return 0;
	return dmr_nl_refuse_request(info, NULL, -EPERM, DM_REPLICA_CODE_ACCESS_DENIED,
				     "this needs CAP_SYS_ADMIN: run it as root");
}

/**
 * dmr_nl_request_system() - find the system of a request
 * @info: the request
 *
 * Context: may sleep.
 * Return: the system, referenced, or an ERR_PTR and the request is refused.
 */
struct dmr_system *dmr_nl_request_system(struct genl_info *info)
{
	struct nlattr *attr = info->attrs[DMR_A_SYSTEM];
	struct dmr_system *sys;

	if (!attr)
		return ERR_PTR(dmr_nl_refuse_missing(info, DMR_A_SYSTEM, "name the system's UUID"));
	sys = dmr_system_find(nla_data(attr), NULL);
	if (!sys)
		return ERR_PTR(dmr_nl_refuse_unknown(info, attr));
	return sys;
}

/*----------------------------------------------------------------
 * Operations: their attributes
 *----------------------------------------------------------------*/

/**
 * dmr_nl_expect() - read an expected state or count of writes (R11)
 * @info: the request
 * @type: the attribute
 * @value: set to it, or to ~0 for any value, which a request must not give
 *
 * Context: any.
 * Return: 0, or -EINVAL and the request is refused.
 */
int dmr_nl_expect(struct genl_info *info, int type, u64 *value)
{
	struct nlattr *attr = info->attrs[type];

	*value = ~0ULL;
	if (!attr)
		return 0;
	*value = nla_get_u64(attr);
	if (*value != ~0ULL)
		return 0;
	return dmr_nl_refuse_request(info, attr, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER,
				     "no state has this number: read the present one");
}

static int dmr_point_number(struct genl_info *info, struct dmr_op *op)
{
	struct nlattr *attr = info->attrs[DM_REPLICA_A_OP_POINT];

	op->point = nla_get_u64(attr);
	if (op->point)
		return 0;
	return dmr_nl_refuse_request(info, attr, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER,
				     "points are numbered from 1");
}

/**
 * dmr_nl_timeout_fill() - read the time limit of an operation
 * @info: the request
 * @op: the operation
 *
 * Limited, since genetlink can register no other family while a request waits.
 *
 * Context: any.
 * Return: 0, or -EINVAL and the request is refused.
 */
int dmr_nl_timeout_fill(struct genl_info *info, struct dmr_op *op)
{
	struct nlattr *attr = info->attrs[DM_REPLICA_A_OP_TIMEOUT];

	if (!attr)
		return 0;
	op->timeout = nla_get_u32(attr);
	if (op->timeout <= DM_REPLICA_TIMEOUT_MAX)
		return 0;
	return dmr_nl_refuse_request(info, attr, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER,
				     "a drain may take ten minutes at most");
}

/* Read the name of a peer.  Return: 0, also without one, or the request is refused. */
static int dmr_peer_name(struct genl_info *info, struct dmr_op *op)
{
	struct nlattr *attr = info->attrs[DM_REPLICA_A_OP_PEER];

	if (!attr)
		return 0;
	nla_strscpy(op->peer, attr, sizeof(op->peer));
	if (!dmr_text_peer_name_fault(op->peer))
		return 0;
	return dmr_nl_refuse_request(info, attr, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER,
				     "the name of a peer is letters, digits and any of -_.+");
}

/**
 * dmr_nl_point_name_fill() - read the name of a point
 * @info: the request
 * @op: the operation
 *
 * The name goes into the superblock, which takes only printable text.  What follows a NUL
 * would be cut off, and the name be another one than the client's.
 *
 * Context: any.
 * Return: 0, also without one, or -EINVAL and the request is refused.
 */
int dmr_nl_point_name_fill(struct genl_info *info, struct dmr_op *op)
{
	struct nlattr *attr = info->attrs[DM_REPLICA_A_OP_POINT_NAME];

	if (!attr)
		return 0;
	nla_strscpy(op->name, attr, sizeof(op->name));
	if (dmr_text_point_name_ok(op->name) && strlen(op->name) + 1 >= nla_len(attr))
		return 0;
	return dmr_nl_refuse_request(info, attr, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER,
				     "a point's name is printable UTF-8 and has no slash");
}

/**
 * dmr_nl_point_drops_fill() - read the recovery points to drop, an attribute for each
 * @info: the request
 * @op: the operation
 *
 * Context: may sleep.
 * Return: 0, also without any, or an errno and the request is refused.
 */
int dmr_nl_point_drops_fill(struct genl_info *info, struct dmr_op *op)
{
	struct nlattr *attr;
	u32 nr = 0;
	int rem;

	static_assert(DMR_MAX_POINTS == DM_REPLICA_POINTS_MAX);
	if (!info->attrs[DM_REPLICA_A_OP_DROP])
		return 0;
	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem)
		nr += nla_type(attr) == DM_REPLICA_A_OP_DROP;
	if (nr > DMR_MAX_POINTS)
		return dmr_nl_refuse_request(info, info->attrs[DM_REPLICA_A_OP_DROP], -EINVAL,
					     DM_REPLICA_CODE_INVALID_PARAMETER,
					     "a system has at most 512 recovery points to drop");
	op->drop = kmalloc_array(nr, sizeof(*op->drop), GFP_KERNEL);
	if (!op->drop)
		return -ENOMEM;
	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) != DM_REPLICA_A_OP_DROP)
			continue;
		op->drop[op->nr_drop] = nla_get_u64(attr);
		if (!op->drop[op->nr_drop++])
			return dmr_nl_refuse_request(info, attr, -EINVAL,
						     DM_REPLICA_CODE_INVALID_PARAMETER,
						     "points are numbered from 1");
	}
	return 0;
}

int dmr_nl_point_new_fill(struct genl_info *info, struct dmr_op *op)
{
	struct nlattr *kind = info->attrs[DM_REPLICA_A_OP_POINT_KIND];

	op->kind = kind ? nla_get_u32(kind) : DM_REPLICA_POINT_KIND_STANDARD;
	op->received = nla_get_flag(info->attrs[DM_REPLICA_A_OP_RECEIVED]);
	return dmr_nl_timeout_fill(info, op) ?: dmr_nl_point_name_fill(info, op) ?:
	       dmr_peer_name(info, op) ?: dmr_nl_point_drops_fill(info, op);
}

int dmr_nl_point_del_fill(struct genl_info *info, struct dmr_op *op)
{
	if (!info->attrs[DM_REPLICA_A_OP_POINT])
		return dmr_nl_refuse_missing(info, DM_REPLICA_A_OP_POINT,
					  "name the point by its number");
	return dmr_point_number(info, op);
}

int dmr_nl_peer_fill(struct genl_info *info, struct dmr_op *op)
{
	if (!info->attrs[DM_REPLICA_A_OP_PEER])
		return dmr_nl_refuse_missing(info, DM_REPLICA_A_OP_PEER, "name the peer");
	return dmr_peer_name(info, op);
}

int dmr_nl_point_release_fill(struct genl_info *info, struct dmr_op *op)
{
	return dmr_nl_peer_fill(info, op) ?: dmr_nl_point_del_fill(info, op);
}

int dmr_nl_point_hold_fill(struct genl_info *info, struct dmr_op *op)
{
	op->acked = nla_get_flag(info->attrs[DM_REPLICA_A_OP_ACKED]);
	return dmr_nl_peer_fill(info, op) ?: dmr_nl_point_del_fill(info, op);
}

int dmr_nl_peer_add_fill(struct genl_info *info, struct dmr_op *op)
{
	struct nlattr *uuid = info->attrs[DM_REPLICA_A_OP_PEER_UUID];

	if (!uuid)
		return dmr_nl_refuse_missing(info, DM_REPLICA_A_OP_PEER_UUID,
					     "give the UUID of the peer");
	memcpy(op->peer_uuid, nla_data(uuid), sizeof(op->peer_uuid));
	if (dmr_is_zero(op->peer_uuid, sizeof(op->peer_uuid)))
		return dmr_nl_refuse_request(info, uuid, -EINVAL,
					     DM_REPLICA_CODE_INVALID_PARAMETER,
					     "a UUID of zeroes names no peer");
	return dmr_nl_peer_fill(info, op);
}

int dmr_nl_overlay_begin_fill(struct genl_info *info, struct dmr_op *op)
{
	int r = dmr_nl_timeout_fill(info, op);

	if (r || !info->attrs[DM_REPLICA_A_OP_POINT])
		return r;	/* none given: the newest point */
	return dmr_point_number(info, op);
}

/* Read the time to wait for openers; R12: limited. */
static int dmr_wait(struct genl_info *info, struct dmr_op *op)
{
	struct nlattr *attr = info->attrs[DM_REPLICA_A_OP_WAIT];

	if (!attr)
		return 0;
	op->wait = nla_get_u32(attr);
	op->wait_asked = op->wait;
	if (op->wait <= DM_REPLICA_TIMEOUT_MAX)
		return 0;
	return dmr_nl_refuse_request(info, attr, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER,
				     "waiting for openers may take ten minutes at most");
}

/* Read the name of a view. */
static int dmr_view_name(struct genl_info *info, struct dmr_op *op)
{
	struct nlattr *attr = info->attrs[DM_REPLICA_A_OP_VIEW];

	static_assert(DMR_POINT_VIEWS == DM_REPLICA_VIEWS_MAX);
	static_assert(DMR_VIEW_NAME_LEN == DM_REPLICA_VIEW_NAME_MAX + 1);
	if (!attr)
		return 0;
	nla_strscpy(op->view, attr, sizeof(op->view));
	if (dmr_point_view_name_ok(op->view))
		return 0;
	return dmr_nl_refuse_request(info, attr, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER,
				     "a view's name is the number of a point, or lower case letters");
}

int dmr_nl_point_open_fill(struct genl_info *info, struct dmr_op *op)
{
	return dmr_nl_overlay_begin_fill(info, op) ?: dmr_wait(info, op) ?:
	       dmr_view_name(info, op);
}

int dmr_nl_point_close_fill(struct genl_info *info, struct dmr_op *op)
{
	if (!info->attrs[DM_REPLICA_A_OP_POINT] && !info->attrs[DM_REPLICA_A_OP_VIEW])
		return dmr_nl_refuse_missing(info, DM_REPLICA_A_OP_POINT,
					     "name the point by its number, or its view");
	return dmr_nl_point_open_fill(info, op);
}

int dmr_nl_overlay_end_fill(struct genl_info *info, struct dmr_op *op)
{
	return dmr_nl_timeout_fill(info, op) ?: dmr_wait(info, op) ?:
	       dmr_nl_expect(info, DM_REPLICA_A_OP_EXPECT_WRITES, &op->expect_writes);
}

int dmr_nl_remove_fill(struct genl_info *info, struct dmr_op *op)
{
	op->flatten = nla_get_flag(info->attrs[DM_REPLICA_A_OP_FLATTEN]);
	return dmr_nl_timeout_fill(info, op) ?: dmr_wait(info, op);
}

int dmr_nl_errors_reset_fill(struct genl_info *info, struct dmr_op *op)
{
	return dmr_wait(info, op);
}

int dmr_nl_plain_fill(struct genl_info *info, struct dmr_op *op)
{
	return 0;
}

int dmr_nl_job_cancel_fill(struct genl_info *info, struct dmr_op *op)
{
	op->target = nla_get_u64(info->attrs[DM_REPLICA_A_JOB_ID]);
	return 0;
}

int dmr_nl_settings_fill(struct genl_info *info, struct dmr_op *op)
{
	struct dmr_settings *set = &op->change->set;
	u64 has = 0;
	u32 attr;

	static_assert(DM_REPLICA_A_SETTINGS_MAX < 64);
	for (attr = DM_REPLICA_A_SETTINGS_SPACE_LOW;
	     attr <= DM_REPLICA_A_SETTINGS_REPLICATION_INTERVAL; attr++)
		if (info->attrs[attr])
			has |= BIT_ULL(attr);
	if (!has)
		return dmr_nl_refuse_missing(info, DM_REPLICA_A_SETTINGS_SPACE_LOW,
					     "name the setting to change");
	op->change->has = has;
#define TAKE(bits, field, attr)							\
	do {									\
		if (info->attrs[DM_REPLICA_A_SETTINGS_##attr])			\
			set->field = nla_get_u##bits(info->attrs[DM_REPLICA_A_SETTINGS_##attr]); \
	} while (0)
	TAKE(32, space_low, SPACE_LOW);
	TAKE(32, space_critical, SPACE_CRITICAL);
	TAKE(32, full_policy, FULL_POLICY);
	TAKE(64, live_reserve, LIVE_RESERVE);
	TAKE(64, point_interval, POINT_INTERVAL);
	TAKE(64, decide_within, DECIDE_WITHIN);
	TAKE(64, vacuum_rate, VACUUM_RATE);
	TAKE(64, replication_interval, REPLICATION_INTERVAL);
#undef TAKE
	return 0;
}

int dmr_nl_host_set_fill(struct genl_info *info, struct dmr_op *op)
{
	struct nlattr *key = info->attrs[DM_REPLICA_A_HOST_KEY];
	struct nlattr *value = info->attrs[DM_REPLICA_A_HOST_VALUE];
	struct dmr_change *change = op->change;
	const char *why = NULL;

	change->all = nla_get_flag(info->attrs[DM_REPLICA_A_HOST_ALL]);
	if (!key && !change->all)
		return dmr_nl_refuse_missing(info, DM_REPLICA_A_HOST_KEY,
					     "name the entry by its key");
	if (change->all && value)
		return dmr_nl_refuse_request(info, value, -EINVAL,
					     DM_REPLICA_CODE_INVALID_PARAMETER,
					     "give a value or the flag that removes, not both");
	if (key) {
		nla_strscpy(change->key, key, sizeof(change->key));
		change->key_bytes = strlen(change->key);
		why = dmr_host_key_fault(change->key, change->key_bytes);
	}
	if (why)
		return dmr_nl_refuse_request(info, key, -EINVAL,
					     DM_REPLICA_CODE_INVALID_PARAMETER, why);
	if (!value)
		return 0;
	change->value_bytes = nla_len(value);
	if (!change->value_bytes)
		return dmr_nl_refuse_request(info, value, -EINVAL,
					     DM_REPLICA_CODE_INVALID_PARAMETER,
					     "a value has at least one byte; leave it out to remove the entry");
	memcpy(change->value, nla_data(value), change->value_bytes);
	return 0;
}
