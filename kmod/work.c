// SPDX-License-Identifier: GPL-2.0-only
/* Work queues of the module, and functions of higher floors that lower ones start. */
#include "work.h"

const struct dmr_upcalls *dmr_upcalls;

/* Turns of operations, which wait for I/O. */
struct workqueue_struct *dmr_ops_wq;
/* Steps of vacuums, which wait for I/O, but never in the place of an operation (R12). */
struct workqueue_struct *dmr_vacuum_wq;
/* Time limits, which never wait for I/O. */
struct workqueue_struct *dmr_expire_wq;
/* Notifications.  Ordered: the end of a system comes before the next attach of its store. */
struct workqueue_struct *dmr_events_wq;

/**
 * dmr_work_start() - make the work queues
 * @calls: functions of higher floors; stays valid until the module is unloaded.
 *
 * Context: module initialisation, before the first system.
 * Return: 0, or -ENOMEM; dmr_work_stop() is due in either case.
 */
int dmr_work_start(const struct dmr_upcalls *calls)
{
	dmr_upcalls = calls;
	/* WQ_SYSFS: the limits of both show and can be set in /sys/devices/virtual/workqueue. */
	dmr_ops_wq = alloc_workqueue("dmr_ops", WQ_MEM_RECLAIM | WQ_UNBOUND | WQ_SYSFS,
				     WQ_MAX_ACTIVE);
	dmr_vacuum_wq = alloc_workqueue("dmr_vacuum", WQ_MEM_RECLAIM | WQ_UNBOUND | WQ_SYSFS, 0);
	dmr_expire_wq = alloc_workqueue("dmr_expire", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	dmr_events_wq = alloc_ordered_workqueue("dmr_events", WQ_MEM_RECLAIM);
	return dmr_ops_wq && dmr_vacuum_wq && dmr_expire_wq && dmr_events_wq ? 0 : -ENOMEM;
}

/** dmr_work_stop() - destroy the work queues, at module exit; no system is left */
void dmr_work_stop(void)
{
	if (dmr_events_wq)
		destroy_workqueue(dmr_events_wq);
	if (dmr_expire_wq)
		destroy_workqueue(dmr_expire_wq);
	if (dmr_vacuum_wq)
		destroy_workqueue(dmr_vacuum_wq);
	if (dmr_ops_wq)
		destroy_workqueue(dmr_ops_wq);
}
