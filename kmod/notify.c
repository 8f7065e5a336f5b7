// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notifications of the generic netlink family.
 *
 * A notification is built and sent with events.mutex held, so that the last one to arrive
 * has the newest state.  Its memory is allocated with GFP_NOIO, since an operation may
 * have fenced a device to which reclaim writes, and with __GFP_NORETRY, since reclaim may
 * wait for the flush worker, and the flush worker for a holder of events.mutex: losing an
 * event is better.
 */
#include "job.h"
#include "netlink.h"
#include "system.h"

#define DMR_NOTICE_GFP		(GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN)

static bool dmr_listeners(u32 group)
{
	return READ_ONCE(dmr_genl_up) && genl_has_listeners(dmr_nl_family, &init_net, group);
}

/* Sends events of a group in the order of their numbers; inside events.mutex and jobs.mutex. */
static DEFINE_MUTEX(dmr_event_mutex);

static u64 dmr_event_number[2];

/*
 * Without memory for an event, its number is skipped and all listeners read ENOBUFS, like
 * a listener that reads too slowly.
 */
static void dmr_event_lost(u32 group)
{
	mutex_lock(&dmr_event_mutex);
	dmr_event_number[group]++;
	mutex_unlock(&dmr_event_mutex);
	genl_set_err(dmr_nl_family, &init_net, 0, group, -ENOBUFS);
}

/* Send @msg, with its number in @attr; after the end of @sys, free it. */
static void dmr_event_send(struct dmr_system *sys, struct sk_buff *msg, void *hdr, u32 group,
			   int attr)
{
	mutex_lock(&dmr_event_mutex);
	if (sys->events.gone) {
		nlmsg_free(msg);
	} else if (dmr_nl_put_u64(msg, attr, ++dmr_event_number[group])) {
		nlmsg_free(msg);
		genl_set_err(dmr_nl_family, &init_net, 0, group, -ENOBUFS);
	} else {
		genlmsg_end(msg, hdr);
		genlmsg_multicast(dmr_nl_family, msg, 0, group, DMR_NOTICE_GFP);
	}
	mutex_unlock(&dmr_event_mutex);
}

/**
 * dmr_notify_gone() - notify listeners that a system has been detached
 * @sys: the system, without targets; no event of it follows.
 *
 * Context: may sleep; dispatch.c.
 */
void dmr_notify_gone(struct dmr_system *sys)
{
	struct sk_buff *msg = NULL;
	void *hdr = NULL;

	if (dmr_loaded(sys) && dmr_listeners(DMR_GROUP_SYSTEMS)) {
		msg = genlmsg_new(NLMSG_DEFAULT_SIZE, DMR_NOTICE_GFP);
		if (msg)
			hdr = genlmsg_put(msg, 0, 0, dmr_nl_family, 0,
					  DM_REPLICA_CMD_SYSTEM_DEL_NTF);
		/* UUID and name of a system never change. */
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
	sys->events.gone = true;
	mutex_unlock(&dmr_event_mutex);
}

/**
 * dmr_notify_system() - notify listeners of the present state of a system
 * @sys: the system, referenced; may be in any phase of its life.
 *
 * R9: a superblock write that fails is reported with sb_mutex held, so it is not taken
 * here.
 *
 * Context: may sleep, for memory only; any lock but events.mutex and jobs.mutex may be
 * held.
 */
void dmr_notify_system(struct dmr_system *sys)
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
	mutex_lock(&sys->events.mutex);
	hdr = genlmsg_put(msg, 0, 0, dmr_nl_family, 0, DM_REPLICA_CMD_SYSTEM_NTF);
	rcu_read_lock();
	active = dmr_loaded(sys);
	if (hdr && active)
		r = dmr_nl_put_system(msg, sys, dmr_shown(sys));
	rcu_read_unlock();
	if (!r) {
		dmr_event_send(sys, msg, hdr, DMR_GROUP_SYSTEMS, DM_REPLICA_A_SYSTEM_EVENT);
	} else {
		nlmsg_free(msg);
		if (active)
			dmr_event_lost(DMR_GROUP_SYSTEMS);
	}
	mutex_unlock(&sys->events.mutex);
}

/**
 * dmr_notify_job() - notify listeners of a job
 * @job: the job; its system's superblock is in memory.
 * @kind: kind of event.
 *
 * The end of a job has its own notification, and so has the answer of its operation, even
 * if the job has ended meanwhile.
 *
 * Context: may sleep, for memory only; takes events.mutex and jobs.mutex.
 */
void dmr_notify_job(struct dmr_job *job, enum dmr_event_kind kind)
{
	struct dmr_system *sys = job->sys;
	struct sk_buff *msg;
	void *hdr;
	u32 state;
	int r;

	if (!dmr_listeners(DMR_GROUP_JOBS))
		return;
	if (kind == DMR_EVENT_JOB && READ_ONCE(job->state) >= DM_REPLICA_JOB_STATE_COMPLETED)
		return;
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, DMR_NOTICE_GFP);
	if (!msg)
		return dmr_event_lost(DMR_GROUP_JOBS);
	mutex_lock(&sys->events.mutex);
	hdr = genlmsg_put(msg, 0, 0, dmr_nl_family, 0, DM_REPLICA_CMD_JOB_NTF);
	mutex_lock(&sys->jobs.mutex);
	state = job->state;
	if (kind != DMR_EVENT_ENDED && state >= DM_REPLICA_JOB_STATE_COMPLETED)
		state = DM_REPLICA_JOB_STATE_RUNNING;
	r = hdr ? dmr_nl_put_job(msg, job, state) : -EMSGSIZE;
	mutex_unlock(&sys->jobs.mutex);
	if (r) {
		nlmsg_free(msg);
		dmr_event_lost(DMR_GROUP_JOBS);
	} else {
		dmr_event_send(sys, msg, hdr, DMR_GROUP_JOBS, DM_REPLICA_A_JOB_EVENT);
	}
	mutex_unlock(&sys->events.mutex);
}
