// SPDX-License-Identifier: GPL-2.0-only
/* Requests to the kernel's netlink family, and their answers. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "private.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK	270
#endif

#define MAX_RESTARTS	20
#define RECEIVE_BUFFER	(256 * 1024)
#define REQUEST_BYTES	(DM_REPLICA_HOST_AREA_MAX + 4096)	/* of the largest request */
#define ENTER_NAMESPACE	"run replicactl in the host's network namespace: nsenter --net=/proc/1/ns/net"

struct call {
	struct dmreplica *ctx;
	struct nl_msg *msg;	/* the request */
	dmrl_reply_fn fn;
	dmrl_raw_fn raw;	/* instead of @fn: attributes that come several times */
	void *arg;
	int result;		/* of @fn, or a refusal */
	bool done;
	bool interrupted;
	bool stopped;		/* @raw has ended the list */
};

/*
 * The family exists only in the initial network namespace, and only that has the setting
 * netdev_budget.  Process 1 is no measure: a container has its own.
 *
 * Return: 0 in the initial one, 1 in another, -1 if not known.
 */
static int other_namespace(void)
{
	struct stat own, first;

	if (!access("/proc/sys/net/core/somaxconn", F_OK))
		return access("/proc/sys/net/core/netdev_budget", F_OK) != 0;
	if (stat("/proc/self/ns/net", &own) || stat("/proc/1/ns/net", &first))
		return -1;
	return own.st_dev != first.st_dev || own.st_ino != first.st_ino;
}

bool dmrl_nl_elsewhere(struct dmreplica *ctx)
{
	if (other_namespace() <= 0)
		return false;
	dmrl_fail(ctx, DM_REPLICA_CODE_NOT_AVAILABLE,
		  "module dm-replica cannot be seen from this network namespace");
	dmrl_hint(ctx, ENTER_NAMESPACE);
	return true;
}

static void module_not_seen(struct dmreplica *ctx)
{
	/* sysfs shows the module in each; without a family it is being loaded or unloaded. */
	ctx->absent = access("/sys/module/dm_replica", F_OK) || !other_namespace();
	if (!ctx->absent) {
		dmrl_fail(ctx, DM_REPLICA_CODE_NOT_AVAILABLE,
			  "module dm-replica is loaded, but this network namespace cannot see it");
		dmrl_hint(ctx, ENTER_NAMESPACE);
		return;
	}
	dmrl_fail(ctx, DM_REPLICA_CODE_NOT_AVAILABLE, "module dm-replica is not loaded");
	dmrl_hint(ctx, "replicactl attach NAME loads it");
}

static void group_ids(struct dmreplica *ctx, struct nlattr *groups)
{
	struct nlattr *one, *attrs[CTRL_ATTR_MCAST_GRP_MAX + 1];
	char name[GENL_NAMSIZ];
	int rest;

	nla_for_each_nested(one, groups, rest) {
		if (nla_parse_nested(attrs, CTRL_ATTR_MCAST_GRP_MAX, one, NULL))
			continue;
		dmrl_nl_string(attrs[CTRL_ATTR_MCAST_GRP_NAME], name, sizeof(name));
		if (!strcmp(name, DM_REPLICA_MCGRP_SYSTEMS))
			ctx->group_systems = dmrl_nl_u32(attrs[CTRL_ATTR_MCAST_GRP_ID]);
		else if (!strcmp(name, DM_REPLICA_MCGRP_JOBS))
			ctx->group_jobs = dmrl_nl_u32(attrs[CTRL_ATTR_MCAST_GRP_ID]);
	}
}

static int family_reply(struct nl_msg *msg, void *arg)
{
	struct genlmsghdr *head = genlmsg_hdr(nlmsg_hdr(msg));
	struct nlattr *attrs[CTRL_ATTR_MAX + 1];
	struct dmreplica *ctx = arg;
	char name[GENL_NAMSIZ];

	if (nla_parse(attrs, CTRL_ATTR_MAX, genlmsg_attrdata(head, 0), genlmsg_attrlen(head, 0),
		      NULL))
		return NL_OK;
	dmrl_nl_string(attrs[CTRL_ATTR_FAMILY_NAME], name, sizeof(name));
	if (strcmp(name, DM_REPLICA_FAMILY_NAME) || !attrs[CTRL_ATTR_FAMILY_ID])
		return NL_OK;
	ctx->family = nla_get_u16(attrs[CTRL_ATTR_FAMILY_ID]);
	if (attrs[CTRL_ATTR_VERSION])
		ctx->family_version = nla_get_u32(attrs[CTRL_ATTR_VERSION]);
	if (attrs[CTRL_ATTR_MCAST_GROUPS])
		group_ids(ctx, attrs[CTRL_ATTR_MCAST_GROUPS]);
	return NL_OK;
}

/*
 * Dump all families and choose ours: a request for a family by name would make the kernel
 * load its module, even during its unload.
 */
static int ask_family(struct dmreplica *ctx, struct nl_sock *sock)
{
	unsigned int tries;
	int err = 0;

	nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, family_reply, ctx);
	for (tries = 0; tries < MAX_RESTARTS; tries++) {
		ctx->family = 0;
		ctx->group_systems = 0;
		ctx->group_jobs = 0;
		err = genl_send_simple(sock, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, NLM_F_DUMP);
		if (err >= 0)
			err = nl_recvmsgs_default(sock);
		if (err != -NLE_DUMP_INTR)
			break;
	}
	return ctx->family ? 0 : err < 0 ? err : -NLE_OBJ_NOTFOUND;
}

int dmrl_nl_connect(struct dmreplica *ctx)
{
	struct nl_sock *sock;
	int one = 1, err;

	if (ctx->sock)
		return 0;
	ctx->absent = false;
	sock = nl_socket_alloc();
	if (!sock)
		return dmrl_no_memory(ctx);
	err = genl_connect(sock);
	if (err) {
		nl_socket_free(sock);
		return dmrl_fail(ctx, DM_REPLICA_CODE_FAILED, "cannot open a netlink socket: %s",
				 nl_geterror(err));
	}
	nl_socket_set_buffer_size(sock, RECEIVE_BUFFER, 0);
	err = ask_family(ctx, sock);
	if (err) {
		nl_socket_free(sock);
		if (err != -NLE_OBJ_NOTFOUND)
			return dmrl_fail(ctx, DM_REPLICA_CODE_FAILED,
					 "cannot ask whether module dm-replica is loaded: %s",
					 nl_geterror(err));
		module_not_seen(ctx);
		return ctx->code;
	}
	/* request refusals with text and exact code */
	setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	ctx->sock = sock;
	return 0;
}

void dmrl_nl_close(struct dmreplica *ctx)
{
	if (ctx->sock)
		nl_socket_free(ctx->sock);
	ctx->sock = NULL;
}

int dmrl_nl_present(struct dmreplica *ctx, bool *present)
{
	int code = dmrl_nl_connect(ctx);

	*present = !code;
	if (code && !ctx->absent)
		return code;
	dmrl_clear(ctx);
	return 0;
}

struct nl_msg *dmrl_nl_message(struct dmreplica *ctx, int cmd, int flags)
{
	struct nl_msg *msg;

	if (dmrl_nl_connect(ctx))
		return NULL;
	msg = nlmsg_alloc_size(REQUEST_BYTES);
	if (msg && !genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, ctx->family, 0, flags, cmd,
				DM_REPLICA_FAMILY_VERSION)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	if (!msg)
		dmrl_no_memory(ctx);
	return msg;
}

struct nl_msg *dmrl_nl_message_of(struct dmreplica *ctx, int cmd, int attr, const u8 *uuid)
{
	struct nl_msg *msg = dmrl_nl_message(ctx, cmd, 0);

	if (msg && nla_put(msg, attr, 16, uuid)) {
		nlmsg_free(msg);
		dmrl_no_memory(ctx);
		msg = NULL;
	}
	return msg;
}

/*
 * Find the recovery point to drop that a refusal is about, by the bad attribute, since
 * not every kernel names it in the text.  Return: its number or 0.
 */
static u64 blamed_point(const struct nlmsghdr *request, struct nlattr *offset)
{
	const struct genlmsghdr *head = nlmsg_data(request);
	const struct nlattr *attr;
	u32 at = dmrl_nl_u32(offset);

	if (at < NLMSG_HDRLEN || at + NLA_HDRLEN + 8 > request->nlmsg_len ||
	    head->cmd != DM_REPLICA_CMD_POINT_NEW)
		return 0;
	attr = (const struct nlattr *)((const char *)request + at);
	return attr->nla_type == DM_REPLICA_A_OP_DROP ? nla_get_u64(attr) : 0;
}

/*
 * Set the refusal: the kernel's text and code if it sent them, else the meaning of the
 * errno.
 */
static void refusal(const struct call *call, int err, struct nlattr *tlv, int len)
{
	struct dmreplica *ctx = call->ctx;
	struct nlattr *attrs[NLMSGERR_ATTR_MAX + 1] = { NULL };
	char text[512] = "";
	bool exact = false;
	int code = 0;
	u64 point = 0;

	err = -err;
	ctx->err = err;
	if (len > 0 && !nla_parse(attrs, NLMSGERR_ATTR_MAX, tlv, len, NULL)) {
		dmrl_nl_string(attrs[NLMSGERR_ATTR_MSG], text, sizeof(text));
		if (attrs[NLMSGERR_ATTR_COOKIE] && nla_len(attrs[NLMSGERR_ATTR_COOKIE]) == 8) {
			u64 cookie = dmrl_nl_u64(attrs[NLMSGERR_ATTR_COOKIE]);

			exact = cookie >= DM_REPLICA_CODE_FAILED &&
				cookie <= DM_REPLICA_CODE_NOT_FOUND;
			code = cookie;
		}
		if (attrs[NLMSGERR_ATTR_OFFS])
			point = blamed_point(nlmsg_hdr(call->msg), attrs[NLMSGERR_ATTR_OFFS]);
	}
	if (!exact)
		code = dmreplica_code_of_errno(err);
	if (*text && point && strncmp(text, "recovery point ", 15)) {
		dmrl_fail(ctx, code, "recovery point %llu: %s", (unsigned long long)point, text);
		return;
	}
	if (*text) {
		dmrl_fail(ctx, code, "%s", text);
		return;
	}
	if (err == EPERM || err == EACCES) {
		dmrl_fail(ctx, code, "only root may do this: it needs CAP_SYS_ADMIN and CAP_NET_ADMIN");
		dmrl_hint(ctx, "try again with sudo");
	} else if (err == EOPNOTSUPP) {
		dmrl_fail(ctx, code, "this version of module dm-replica lacks that operation");
		dmrl_hint(ctx, "replicactl version shows what is loaded");
	} else {
		dmrl_fail(ctx, code, "the kernel refused: %s", strerror(err));
	}
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *e, void *arg)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)((char *)e - NLMSG_HDRLEN);
	struct call *call = arg;
	size_t skip = sizeof(*e);
	int len = 0;

	(void)from;
	if (nlh->nlmsg_flags & NLM_F_ACK_TLVS) {
		if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
			skip += NLMSG_ALIGN(e->msg.nlmsg_len) - NLMSG_HDRLEN;
		len = (int)nlmsg_datalen(nlh) - (int)skip;
	}
	refusal(call, e->error, (struct nlattr *)((char *)e + skip), len);
	call->result = call->ctx->code;
	call->done = true;
	return NL_STOP;
}

static int on_ack(struct nl_msg *msg, void *arg)
{
	struct call *call = arg;

	(void)msg;
	call->done = true;
	return NL_STOP;
}

/* A dump ends with the errno of its last step, and its text. */
static int on_finish(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	struct call *call = arg;
	int err = 0;

	if (nlmsg_datalen(nlh) >= (int)sizeof(err))
		memcpy(&err, nlmsg_data(nlh), sizeof(err));
	if (err < 0 && !call->result) {
		refusal(call, err, (struct nlattr *)((char *)nlmsg_data(nlh) + sizeof(err)),
			nlh->nlmsg_flags & NLM_F_ACK_TLVS ?
			nlmsg_datalen(nlh) - (int)sizeof(err) : 0);
		call->result = call->ctx->code;
	}
	call->done = true;
	return NL_STOP;
}

static int on_dump_intr(struct nl_msg *msg, void *arg)
{
	struct call *call = arg;

	(void)msg;
	call->interrupted = true;
	return NL_OK;
}

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct genlmsghdr *head = genlmsg_hdr(nlmsg_hdr(msg));
	struct nlattr *attrs[DMRL_NL_ATTRS];
	struct call *call = arg;

	if (nlmsg_hdr(msg)->nlmsg_type != call->ctx->family || call->result)
		return NL_OK;
	if (call->raw)
		call->result = call->raw(call->arg, genlmsg_attrdata(head, 0),
					 genlmsg_attrlen(head, 0));
	if (call->raw && call->result) {
		call->stopped = true;
		return NL_STOP;
	}
	if (!call->fn)
		return NL_OK;
	if (nla_parse(attrs, DMRL_NL_ATTRS - 1, genlmsg_attrdata(head, 0), genlmsg_attrlen(head, 0),
		      NULL))
		return NL_OK;
	call->result = call->fn(call->arg, head->cmd, attrs);
	return NL_OK;
}

static int transact(struct dmreplica *ctx, struct nl_msg *msg, struct call *call)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int err;

	if (!cb)
		return dmrl_no_memory(ctx);
	call->msg = msg;
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, call);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_ack, call);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, call);
	nl_cb_set(cb, NL_CB_DUMP_INTR, NL_CB_CUSTOM, on_dump_intr, call);
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, call);
	err = nl_send_auto(ctx->sock, msg);
	while (err >= 0 && !call->done && !call->stopped)
		err = nl_recvmsgs(ctx->sock, cb);
	nl_cb_put(cb);
	/* The rest of a list is not waited for: its end could be far away. */
	if (call->stopped && !call->done) {
		nl_socket_free(ctx->sock);
		ctx->sock = NULL;
	}
	if (call->result)
		return call->result;
	if (err < 0 && err != -NLE_DUMP_INTR && !call->done) {
		/* a late answer on this socket would be mistaken for that of the next request */
		nl_socket_free(ctx->sock);
		ctx->sock = NULL;
		return dmrl_fail(ctx, DM_REPLICA_CODE_FAILED, "netlink: %s", nl_geterror(err));
	}
	return 0;
}

int dmrl_nl_call(struct dmreplica *ctx, struct nl_msg *msg, dmrl_reply_fn fn, void *arg)
{
	struct call call = { .ctx = ctx, .fn = fn, .arg = arg };
	int code;

	nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	code = transact(ctx, msg, &call);
	nlmsg_free(msg);
	return code;
}

struct dump {
	struct dmreplica *ctx;
	struct dmrl_list *list;
	dmrl_item_fn fn;
};

static int on_item(void *arg, int cmd, struct nlattr **attrs)
{
	struct dump *dump = arg;
	void *item = dmrl_list_add(dump->list);

	(void)cmd;
	if (!item)
		return dmrl_no_memory(dump->ctx);
	dump->fn(dump->ctx, item, attrs);
	return 0;
}

int dmrl_nl_dump(struct dmreplica *ctx, int cmd, int attr, const u8 *uuid, int flag,
		 dmrl_item_fn fn, struct dmrl_list *list)
{
	struct dump dump = { .ctx = ctx, .list = list, .fn = fn };
	unsigned int tries;
	struct nl_msg *msg;
	int code;

	for (tries = 0; tries < MAX_RESTARTS; tries++) {
		struct call call = { .ctx = ctx, .fn = on_item, .arg = &dump };

		msg = dmrl_nl_message(ctx, cmd, NLM_F_REQUEST | NLM_F_DUMP);
		if (!msg)
			return ctx->code;
		if ((uuid && nla_put(msg, attr, 16, uuid)) || (flag && nla_put_flag(msg, flag))) {
			nlmsg_free(msg);
			return dmrl_no_memory(ctx);
		}
		code = transact(ctx, msg, &call);
		nlmsg_free(msg);
		if (code || !call.interrupted)
			return code;
		/* changed during the dump: start again */
		list->nr = 0;
	}
	return dmrl_fail(ctx, DM_REPLICA_CODE_TIMEOUT,
			 "systems change faster than they can be listed");
}

int dmrl_nl_dump_raw(struct dmreplica *ctx, struct nl_msg *msg, dmrl_raw_fn fn, void *arg)
{
	struct call call = { .ctx = ctx, .raw = fn, .arg = arg };
	int code;

	nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
	code = transact(ctx, msg, &call);
	nlmsg_free(msg);
	if (!code && call.interrupted)
		code = dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_STATE,
				 "the system has changed while its list was read");
	return code;
}

void dmrl_nl_string(struct nlattr *attr, char *out, size_t size)
{
	size_t len;

	out[0] = 0;
	if (!attr)
		return;
	len = nla_len(attr);
	if (len >= size)
		len = size - 1;
	memcpy(out, nla_data(attr), len);
	out[len] = 0;
}

void dmrl_nl_uuid(struct nlattr *attr, u8 *uuid)
{
	if (attr && nla_len(attr) == 16)
		memcpy(uuid, nla_data(attr), 16);
}

u32 dmrl_nl_u32(struct nlattr *attr)
{
	return attr && nla_len(attr) >= 4 ? nla_get_u32(attr) : 0;
}

u64 dmrl_nl_u64(struct nlattr *attr)
{
	return attr && nla_len(attr) >= 8 ? nla_get_u64(attr) : 0;
}
