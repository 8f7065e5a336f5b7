// SPDX-License-Identifier: GPL-2.0-only
/*
 * The views: one immutable picture of epochs, points and overlays, which has for every
 * bio the content of its device and the place of writes.  An operation makes new views and
 * publishes them with a single pointer.
 */
#include "system.h"

/** dmr_views_init() - no views are published yet */
void dmr_views_init(struct dmr_published *published)
{
	INIT_LIST_HEAD(&published->stale);
}

/**
 * dmr_views_make() - the views that go with a superblock
 * @sys: the system.
 * @sb: state; the durable one or a draft.
 * @pending_point: an epoch that is about to become a point and is not in @sb
 *	yet, or DMR_EPOCH_NONE; with one, writes go to @sb's next epoch.
 *
 * Context: may sleep; op_mutex is held.
 * Return: the views, or NULL without memory.
 */
struct dmr_views *dmr_views_make(struct dmr_system *sys, const struct dmr_sb *sb,
				 u32 pending_point)
{
	u32 nr = sb->nr_points + !!pending_point, i;
	u32 cur = pending_point || sys->ahead ? sb->next_epoch : sb->cur_epoch;
	struct dmr_views *views = kvzalloc(struct_size(views, points, nr), GFP_KERNEL);
	struct dmr_view *view;

	lockdep_assert_held(&sys->op_mutex);
	if (!views)
		return NULL;
	for (i = 0; i < sb->nr_points; i++)
		views->points[i] = sb->points[i].epoch;
	if (pending_point)
		views->points[i] = pending_point;

	for (i = 0; i < DMR_KINDS; i++) {
		view = &views->view[i];
		view->promoted = sb->promoted;
		view->dead_first = sb->dead_first;
		view->dead_last = sb->dead_last;
	}

	/* R14: once committed, the failover devices alone show the head; once removed, none. */
	if (sb->state != DM_REPLICA_STATE_DISABLED) {
		view = &views->view[sb->state == DM_REPLICA_STATE_COMMITTED ? DMR_LIVE :
									      DMR_REPLICA];
		view->base = U32_MAX;
		view->write = cur;
	}

	if (sb->live.epoch) {
		view = &views->view[DMR_LIVE];
		view->base = sb->live.base;
		view->overlay = sb->live.epoch;
		view->write = sb->live.epoch;
	}
	if (sb->test.epoch) {
		view = &views->view[DMR_TEST];
		view->base = sb->test.base;
		view->overlay = sb->test.epoch;
		view->write = sb->test.epoch;
	}

	/* Straight home only while nothing may need the present content of home. */
	views->bare = -1;
	views->straight = -1;
	if (!nr && !sb->live.epoch && !sb->test.epoch && sb->state != DM_REPLICA_STATE_DISABLED)
		views->straight = sb->state == DM_REPLICA_STATE_COMMITTED ? DMR_LIVE : DMR_REPLICA;
	views->suspended = sb->flags & DMR_SB_SUSPENDED;

	views->need.epochs = views->points;
	views->need.nr = nr;
	views->need.cur = cur;
	views->need.next = sb->next_epoch;
	views->need.live = sb->live.epoch;
	views->need.test = sb->test.epoch;
	views->need.promoted = sb->promoted;
	views->need.dead_first = sb->dead_first;
	views->need.dead_last = sb->dead_last;
	return views;
}

/**
 * dmr_views_publish() - put views in force
 * @sys: the system; op_mutex is held.
 * @views: from dmr_views_make().
 *
 * Bios that entered before go on with the old views, which are freed by
 * dmr_views_reap() after a later grace period.
 */
void dmr_views_publish(struct dmr_system *sys, struct dmr_views *views)
{
	struct dmr_views *old = sys->published.views;

	lockdep_assert_held(&sys->op_mutex);
	/* Throttled moves look at it. */
	WRITE_ONCE(sys->published.serial, sys->published.serial + 1);
	views->serial = sys->published.serial;
	/* Pairs with dmr_views_get(). */
	smp_store_release(&sys->published.views, views);
	if (old)
		list_add_tail(&old->stale, &sys->published.stale);
}

/**
 * dmr_views_reap() - free views without readers
 * @sys: the system; op_mutex is held, or the last reference has gone.
 *
 * Context: called after a grace period that began when the last one of them
 * had been replaced.
 */
void dmr_views_reap(struct dmr_system *sys)
{
	struct dmr_views *views, *next;

	list_for_each_entry_safe(views, next, &sys->published.stale, stale) {
		list_del(&views->stale);
		kvfree(views);
	}
}

/**
 * dmr_views_publish_state() - publish the views of the superblock in force
 * @sys: the system.
 *
 * Views that would let writes go straight home for the first time do not: that takes
 * dmr_op_settle().
 *
 * Return: 0 or -ENOMEM.
 */
int dmr_views_publish_state(struct dmr_system *sys)
{
	struct dmr_views *views = dmr_views_make(sys, sys->sb, DMR_EPOCH_NONE);

	if (!views)
		return -ENOMEM;
	if (views->straight != sys->published.views->straight)
		views->straight = -1;
	dmr_views_publish(sys, views);
	return 0;
}

/**
 * dmr_views_back() - views to go back to, should an operation fail
 * @sys: the system.
 *
 * They let no write go straight home that did not before: see dmr_op_settle().
 *
 * Return: the views, or NULL without memory.
 */
struct dmr_views *dmr_views_back(struct dmr_system *sys)
{
	struct dmr_views *views = dmr_views_make(sys, sys->sb, DMR_EPOCH_NONE);

	if (views)
		views->straight = sys->published.views->straight;
	return views;
}
