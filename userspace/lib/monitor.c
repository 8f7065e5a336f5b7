// SPDX-License-Identifier: GPL-2.0-only
/* Multicast events of the kernel. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/genetlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "private.h"

#define MAX_TRIES	5		/* attempts to list all systems and jobs */

struct dmreplica_monitor {
	struct dmreplica *ctx;
	struct nl_sock *sock;
	struct nl_cb *cb;
	struct dmrl_list queue;		/* of struct dmreplica_event */
	size_t taken;
	bool no_memory;
	bool loaded;			/* the family exists, and its groups are joined */
	int family;			/* its number while @loaded */
	bool family_changed;		/* the family appeared or disappeared */
	bool family_went;		/* the family disappeared, and may have appeared again */
	bool gap;			/* numbers of events are missing */
	bool unlisted;			/* systems and jobs could not be listed: try again */
	u64 system_number;		/* of the last event of each group, 0 before the first */
	u64 job_number;
};

static struct dmreplica_event *add(struct dmreplica_monitor *mon, enum dmreplica_event_type type)
{
	struct dmreplica_event *event = dmrl_list_add(&mon->queue);

	if (event)
		event->type = type;
	else
		mon->no_memory = true;
	return event;
}

/* Notice a gap in the numbers: without memory the kernel drops an event. */
static void count(struct dmreplica_monitor *mon, u64 *last, struct nlattr *attr)
{
	u64 number = dmrl_nl_u64(attr);

	if (number && *last && number != *last + 1)
		mon->gap = true;
	*last = number;
}

/* Groups disappear with their family, and have other numbers after a reload. */
static void on_family(struct dmreplica_monitor *mon, struct genlmsghdr *head)
{
	struct nlattr *attrs[CTRL_ATTR_MAX + 1];
	char name[GENL_NAMSIZ];

	if ((head->cmd != CTRL_CMD_NEWFAMILY && head->cmd != CTRL_CMD_DELFAMILY) ||
	    nla_parse(attrs, CTRL_ATTR_MAX, genlmsg_attrdata(head, 0), genlmsg_attrlen(head, 0),
		      NULL))
		return;
	dmrl_nl_string(attrs[CTRL_ATTR_FAMILY_NAME], name, sizeof(name));
	if (strcmp(name, DM_REPLICA_FAMILY_NAME))
		return;
	if (head->cmd == CTRL_CMD_DELFAMILY)
		mon->family_went = true;
	/* No change: resync() found this family when its predecessor disappeared. */
	if (head->cmd == CTRL_CMD_DELFAMILY || !mon->loaded || !attrs[CTRL_ATTR_FAMILY_ID] ||
	    nla_get_u16(attrs[CTRL_ATTR_FAMILY_ID]) != mon->family)
		mon->family_changed = true;
}

static int on_event(struct nl_msg *msg, void *arg)
{
	struct genlmsghdr *head = genlmsg_hdr(nlmsg_hdr(msg));
	struct nlattr *attrs[DMRL_NL_ATTRS];
	struct dmreplica_monitor *mon = arg;
	struct dmreplica_event *event;

	if (nlmsg_hdr(msg)->nlmsg_type == GENL_ID_CTRL) {
		on_family(mon, head);
		return NL_OK;
	}
	if (nla_parse(attrs, DMRL_NL_ATTRS - 1, genlmsg_attrdata(head, 0), genlmsg_attrlen(head, 0),
		      NULL))
		return NL_OK;
	if (head->cmd == DM_REPLICA_CMD_SYSTEM_NTF || head->cmd == DM_REPLICA_CMD_SYSTEM_DEL_NTF) {
		count(mon, &mon->system_number, attrs[DM_REPLICA_A_SYSTEM_EVENT]);
		event = add(mon, head->cmd == DM_REPLICA_CMD_SYSTEM_NTF ? DMREPLICA_EVENT_SYSTEM :
			    DMREPLICA_EVENT_DETACHED);
		if (event)
			dmrl_system_parse(&event->system, attrs);
		if (event && head->cmd == DM_REPLICA_CMD_SYSTEM_DEL_NTF)
			event->system.attached = false;
	} else if (head->cmd == DM_REPLICA_CMD_JOB_NTF) {
		count(mon, &mon->job_number, attrs[DM_REPLICA_A_JOB_EVENT]);
		event = add(mon, DMREPLICA_EVENT_JOB);
		if (event)
			dmrl_job_parse(&event->job, attrs);
	}
	return NL_OK;
}

/* Accept any sequence number: events do not answer a request. */
static int no_sequence(struct nl_msg *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return NL_OK;
}

/* Queue all systems and jobs as they are now. */
static int queue_present(struct dmreplica_monitor *mon)
{
	struct dmrl_list systems = { .size = sizeof(struct dmreplica_system) };
	struct dmrl_list jobs = { .size = sizeof(struct dmreplica_job) };
	struct dmreplica_event *event;
	size_t i;
	int code;

	code = dmrl_system_dump(mon->ctx, &systems);
	if (!code)
		code = dmrl_job_dump(mon->ctx, NULL, &jobs);
	for (i = 0; !code && i < systems.nr; i++) {
		event = add(mon, DMREPLICA_EVENT_SYSTEM);
		if (event)
			event->system = ((struct dmreplica_system *)systems.items)[i];
	}
	for (i = 0; !code && i < jobs.nr; i++) {
		event = add(mon, DMREPLICA_EVENT_JOB);
		if (event)
			event->job = ((struct dmreplica_job *)jobs.items)[i];
	}
	if (!code)
		add(mon, DMREPLICA_EVENT_CURRENT);
	free(systems.items);
	free(jobs.items);
	return mon->no_memory ? dmrl_no_memory(mon->ctx) : code;
}

static int join(struct dmreplica_monitor *mon, int group)
{
	struct dmreplica *ctx = mon->ctx;
	int err;

	if (!group)
		return dmrl_fail(ctx, DM_REPLICA_CODE_NOT_SUPPORTED,
				 "the module has no events to listen to");
	err = nl_socket_add_membership(mon->sock, group);
	if (!err)
		return 0;
	if (err == -NLE_PERM || err == -NLE_NOACCESS) {
		dmrl_fail(ctx, DM_REPLICA_CODE_ACCESS_DENIED,
			  "only root (CAP_SYS_ADMIN) may listen to events");
		return dmrl_hint(ctx, "try again with sudo; replicactl status needs no rights");
	}
	return dmrl_fail(ctx, DM_REPLICA_CODE_FAILED, "cannot listen to events: %s",
			 nl_geterror(err));
}

static void pause_a_moment(void)
{
	struct timespec ts = { .tv_nsec = 100 * 1000000L };

	nanosleep(&ts, NULL);
}

/* Look for the family again: the one in the context may have disappeared. */
static int look(struct dmreplica_monitor *mon, bool *present)
{
	dmrl_nl_close(mon->ctx);
	return dmrl_nl_present(mon->ctx, present);
}

/* With the family present: join the groups before listing, so that no change is missed. */
static int begin(struct dmreplica_monitor *mon)
{
	int code = join(mon, mon->ctx->group_systems);

	if (!code)
		code = join(mon, mon->ctx->group_jobs);
	if (!code && !mon->loaded)
		add(mon, DMREPLICA_EVENT_LOADED);
	mon->loaded = true;
	mon->family = mon->ctx->family;
	return code ? code : queue_present(mon);
}

static bool may_pass(int code)
{
	return code == DM_REPLICA_CODE_NOT_AVAILABLE || code == DM_REPLICA_CODE_NOT_FOUND ||
	       code == DM_REPLICA_CODE_NOT_SUPPORTED || code == DM_REPLICA_CODE_FAILED;
}

/* The module may be unloaded and loaded meanwhile: retry after a failure. */
static int resync(struct dmreplica_monitor *mon)
{
	struct dmreplica *ctx = mon->ctx;
	unsigned int tries;
	bool present;
	int code = 0;

	mon->family_changed = false;
	mon->gap = false;
	mon->unlisted = false;
	mon->system_number = 0;
	mon->job_number = 0;
	for (tries = 0; tries < MAX_TRIES; tries++) {
		code = look(mon, &present);
		if (code)
			return code;
		/* Each load gives the family another number. */
		if (mon->loaded && (mon->family_went || !present || mon->family != ctx->family)) {
			add(mon, DMREPLICA_EVENT_UNLOADED);
			mon->loaded = false;
		}
		mon->family_went = false;
		if (!present)
			return 0;
		code = begin(mon);
		if (!may_pass(code))
			break;
		pause_a_moment();
	}
	/* To the caller this code means "no event": report LOST and list again later. */
	if (code == DM_REPLICA_CODE_TIMEOUT) {
		dmrl_clear(ctx);
		mon->unlisted = true;
		code = 0;
	}
	return code;
}

int dmreplica_monitor_open(struct dmreplica *ctx, struct dmreplica_monitor **out)
{
	struct dmreplica_monitor *mon;
	bool present;
	int code;

	*out = NULL;
	dmrl_clear(ctx);
	code = dmrl_nl_present(ctx, &present);
	if (code)
		return code;
	/* No event of a load would ever arrive here. */
	if (!present && dmrl_nl_elsewhere(ctx))
		return ctx->code;
	mon = calloc(1, sizeof(*mon));
	if (!mon)
		return dmrl_no_memory(ctx);
	mon->ctx = ctx;
	mon->loaded = true;	/* so that only absence makes an event */
	mon->family = ctx->family;
	mon->queue.size = sizeof(struct dmreplica_event);
	mon->sock = nl_socket_alloc();
	mon->cb = nl_cb_alloc(NL_CB_DEFAULT);
	if (!mon->sock || !mon->cb) {
		code = dmrl_no_memory(ctx);
	} else if (genl_connect(mon->sock)) {
		code = dmrl_fail(ctx, DM_REPLICA_CODE_FAILED, "cannot open a netlink socket");
	} else {
		nl_socket_set_nonblocking(mon->sock);
		nl_socket_set_buffer_size(mon->sock, 1024 * 1024, 0);
		nl_cb_set(mon->cb, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, no_sequence, NULL);
		nl_cb_set(mon->cb, NL_CB_VALID, NL_CB_CUSTOM, on_event, mon);
		/* the group "notify" of nlctrl has the number of nlctrl */
		if (nl_socket_add_membership(mon->sock, GENL_ID_CTRL))
			code = dmrl_fail(ctx, DM_REPLICA_CODE_FAILED,
					 "cannot listen to module load and unload");
		if (!code)
			code = resync(mon);
	}
	if (code) {
		dmreplica_monitor_close(mon);
		return code;
	}
	*out = mon;
	return 0;
}

int dmreplica_monitor_fd(const struct dmreplica_monitor *mon)
{
	return nl_socket_get_fd(mon->sock);
}

/*
 * Drop the events in the socket: they are older than the list about to be made, and after
 * it they would look like changes.
 */
static void forget_queued(struct dmreplica_monitor *mon)
{
	int fd = nl_socket_get_fd(mon->sock);
	unsigned int n = 0;
	char byte;

	/* with a limit: events may arrive faster than they are dropped */
	while (n++ < 100000 && (recv(fd, &byte, 1, MSG_DONTWAIT) >= 0 || errno == ENOBUFS ||
				errno == EINTR))
		;
}

static int lost(struct dmreplica_monitor *mon)
{
	forget_queued(mon);
	mon->queue.nr = 0;
	mon->taken = 0;
	add(mon, DMREPLICA_EVENT_LOST);
	return resync(mon);
}

int dmreplica_monitor_next(struct dmreplica_monitor *mon, struct dmreplica_event *event,
			   int timeout_ms)
{
	struct pollfd pfd = { .fd = nl_socket_get_fd(mon->sock), .events = POLLIN };
	u64 end = dmrl_now_ms() + max(timeout_ms, 0), now;
	bool tried = false;
	int err, code;

	/* Messages without an event, of other families, do not restart the limit. */
	while (mon->taken == mon->queue.nr) {
		mon->taken = 0;
		mon->queue.nr = 0;
		now = dmrl_now_ms();
		if (mon->unlisted && (!tried || timeout_ms < 0 || now < end)) {
			tried = true;
			pause_a_moment();
			code = lost(mon);
			if (code)
				return code;
			continue;
		}
		err = mon->unlisted ? 0 :
		      poll(&pfd, 1, timeout_ms < 0 ? -1 : now < end ? (int)(end - now) : 0);
		if (err < 0 && errno != EINTR)
			return dmrl_fail_errno(mon->ctx, errno, "cannot wait for events");
		if (err < 0 || !err)
			return dmrl_fail(mon->ctx, DM_REPLICA_CODE_TIMEOUT, "no event came in time");
		errno = 0;
		err = nl_recvmsgs(mon->sock, mon->cb);
		/* ENOBUFS: the socket buffer overflowed */
		if (err == -NLE_NOMEM || errno == ENOBUFS || mon->gap) {
			code = lost(mon);
			if (code)
				return code;
		} else if (mon->family_changed) {
			code = resync(mon);
			if (code)
				return code;
		} else if (err < 0 && err != -NLE_AGAIN) {
			return dmrl_fail(mon->ctx, DM_REPLICA_CODE_FAILED, "netlink: %s",
					 nl_geterror(err));
		}
		if (mon->no_memory)
			return dmrl_no_memory(mon->ctx);
	}
	*event = ((struct dmreplica_event *)mon->queue.items)[mon->taken++];
	return 0;
}

void dmreplica_monitor_close(struct dmreplica_monitor *mon)
{
	if (!mon)
		return;
	if (mon->sock)
		nl_socket_free(mon->sock);
	if (mon->cb)
		nl_cb_put(mon->cb);
	free(mon->queue.items);
	free(mon);
}
