// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dispatch: the work item that takes the reports of all floors below (event.h), and
 * notifies the listeners of the netlink family.
 *
 * It waits neither for I/O nor for a lock that is held over I/O.
 */
#include "dispatch.h"
#include "job.h"
#include "netlink.h"
#include "system.h"

static void dmr_dispatch_event(struct dmr_event *event)
{
	struct dmr_event *first = event - event->kind;
	struct dmr_job *job = container_of(first, struct dmr_job, events[0]);

	dmr_notify_job(job, event->kind);
	dmr_job_put(job);
}

/**
 * dmr_dispatch_work() - take the reports of a system
 * @work: events.work of the system, with a reference to the system.
 *
 * Events of jobs precede the state that they led to.
 *
 * Context: worker.
 */
void dmr_dispatch_work(struct work_struct *work)
{
	struct dmr_system *sys = container_of(work, struct dmr_system, events.work);
	unsigned long news = xchg(&sys->events.news, 0);
	struct dmr_event *event;

	while ((event = dmr_event_take(&sys->events)))
		dmr_dispatch_event(event);
	if (news & BIT(DMR_NEWS_STATE))
		dmr_notify_system(sys);
	if (news & BIT(DMR_NEWS_GONE))
		dmr_notify_gone(sys);
	dmr_system_put(sys);
}
