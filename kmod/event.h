/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reports to higher floors.
 *
 * DOC: the direction of calls
 *
 * A file calls files of lower floors only; scripts/check-floors checks that.  A lower
 * floor raises its reports to a higher one here, and the work item of the top floor
 * (dispatch.c) takes them:
 *
 * - News are levels: a bit for each, merged until they are taken.  The receiver
 *   looks at the present state.
 * - Events of jobs are never merged: each job carries two, preallocated, one for
 *   the decision of its operation and one for its end.  They are delivered in the
 *   order in which they were raised.
 *
 * Functions of higher floors that a lower floor has to start (work items, the turn
 * of an operation) are in struct dmr_upcalls (work.h), which module.c fills in.
 */
#ifndef DMR_EVENT_H
#define DMR_EVENT_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

struct dmr_system;

/** enum dmr_news - levels that lower floors report; bit numbers */
enum dmr_news {
	DMR_NEWS_STATE,		/* the visible state of the system has changed */
	DMR_NEWS_GONE,		/* the last target has left: no event of the system follows */
};

enum dmr_event_kind {
	DMR_EVENT_JOB,		/* a level: the job has changed; none once it has ended */
	DMR_EVENT_DECIDED,	/* its operation was answered 4096, and goes on */
	DMR_EVENT_ENDED,
	DMR_EVENTS
};

/**
 * struct dmr_event - an event of a job
 * @list: in the system's queue, or empty; under the queue's lock.
 * @kind: kind of event.
 */
struct dmr_event {
	struct list_head list;
	enum dmr_event_kind kind;
};

/**
 * struct dmr_events - pending reports of a system
 * @news: a bit for each enum dmr_news.
 * @lock: of the queue; a leaf.
 * @queue: struct dmr_event, oldest first.
 * @work: takes the reports; has a reference to the system while pending.
 * @mutex: held while a notification is built and sent, for their order.
 * @gone: the end of the system was announced: no notification follows; @mutex.
 */
struct dmr_events {
	unsigned long news;
	spinlock_t lock;
	struct list_head queue;
	struct work_struct work;
	struct mutex mutex;
	bool gone;
};

void dmr_events_flush(void);
void dmr_events_init(struct dmr_events *events);
void dmr_event_news(struct dmr_system *sys, enum dmr_news news);
bool dmr_event_raise(struct dmr_system *sys, struct dmr_event *event);
struct dmr_event *dmr_event_take(struct dmr_events *events);

#endif /* DMR_EVENT_H */
