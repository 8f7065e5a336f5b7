// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notifications of the generic netlink family.
 *
 * A notification is built and sent with events.mutex held, so that the last one that
 * arrives has the newest state.  Memory for it is asked for with GFP_NOIO: it may be sent
 * while an operation holds a device fenced that reclaim would like to write to.  The
 * flush worker sends some, and reclaim may wait for a flush that it answers: it asks in
 * a way that soon gives up, as does any holder of events.mutex, for a lost event is
 * cheaper.
 */
#include "job.h"
#include "netlink.h"
#include "system.h"

#define DMR_NOTICE_GFP		(GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN)

static bool dmr_listeners(u32 group)
{
	return READ_ONCE(dmr_genl_up) && genl_has_listeners(dmr_nl_family, &init_net, group);
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
	genl_set_err(dmr_nl_family, &init_net, 0, group, -ENOBUFS);
}

/* Sends @msg, or frees it.  @attr takes its number.  Nothing comes behind the end of @sys. */
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
 * dmr_notify_gone() - announce that a system has been detached
 * @sys: the system; no target of it is left, and no event of it follows.
 *
 * Context: may sleep; dispatch.c.
 */
void dmr_notify_gone(struct dmr_system *sys)
{
	struct sk_buff *msg = NULL;
	void *hdr = NULL;

	if (smp_load_acquire(&sys->active) && dmr_listeners(DMR_GROUP_SYSTEMS)) {
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
 * dmr_notify_system() - report the present state of a system to listeners
 * @sys: the system, referenced; may be in any phase of its life.
 *
 * R9: the report of a superblock that could not be written comes with sb_mutex held.
 * Nothing here takes it.
 *
 * Context: may sleep, for memory alone; any lock may be held but events.mutex and
 * jobs.mutex.
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
	active = smp_load_acquire(&sys->active);
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
 * The end of a job has a notification of its own, and so has the answer to its
 * operation, even if the job has ended by now.
 *
 * Context: may sleep, for memory alone; takes events.mutex and jobs.mutex.
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
