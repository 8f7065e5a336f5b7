// SPDX-License-Identifier: GPL-2.0-only
/* Reports to higher floors; see event.h. */
#include "system.h"
#include "work.h"

/**
 * dmr_events_flush() - wait until every raised event has been taken
 *
 * Context: may sleep; not in dispatch.c.
 */
void dmr_events_flush(void)
{
	flush_workqueue(dmr_events_wq);
}

/** dmr_events_init() - initialise the reports of a new system */
void dmr_events_init(struct dmr_events *events)
{
	mutex_init(&events->mutex);
	spin_lock_init(&events->lock);
	INIT_LIST_HEAD(&events->queue);
	INIT_WORK(&events->work, dmr_upcalls->dispatch);
}

/* Take a reference for the work item.  Return: false if the system is about to be freed. */
static bool dmr_events_get(struct dmr_system *sys)
{
	return kref_get_unless_zero(&sys->ref);
}

/* Queue the work item, with the caller's reference; a pending item has its own already. */
static void dmr_events_kick(struct dmr_system *sys)
{
	if (!queue_work(dmr_events_wq, &sys->events.work))
		refcount_dec(&sys->ref.refcount);
}

/**
 * dmr_event_news() - report a level to the top floor
 * @sys: the system; the caller has a reference, or a lock that keeps one alive.
 * @news: the change; reports are merged until one is taken.
 *
 * Change the state before the call.
 *
 * Context: any.
 */
void dmr_event_news(struct dmr_system *sys, enum dmr_news news)
{
	if (!dmr_events_get(sys))
		return;
	set_bit(news, &sys->events.news);
	dmr_events_kick(sys);
}

/**
 * dmr_event_raise() - report an event to the top floor, in order
 * @sys: the system; as for dmr_event_news().
 * @event: preallocated.
 *
 * Context: any but hard interrupts.
 * Return: false if the event is queued already, or if the system is about to be freed.
 */
bool dmr_event_raise(struct dmr_system *sys, struct dmr_event *event)
{
	bool fresh;

	if (!dmr_events_get(sys))
		return false;
	spin_lock(&sys->events.lock);
	fresh = list_empty(&event->list);
	if (fresh)
		list_add_tail(&event->list, &sys->events.queue);
	spin_unlock(&sys->events.lock);
	dmr_events_kick(sys);
	return fresh;
}

/**
 * dmr_event_take() - take the oldest event
 * @events: of a system.
 *
 * Context: dispatch.c.
 * Return: the event, or NULL.
 */
struct dmr_event *dmr_event_take(struct dmr_events *events)
{
	struct dmr_event *event;

	spin_lock(&events->lock);
	event = list_first_entry_or_null(&events->queue, struct dmr_event, list);
	if (event)
		list_del_init(&event->list);
	spin_unlock(&events->lock);
	return event;
}
