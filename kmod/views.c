// SPDX-License-Identifier: GPL-2.0-only
/*
 * The views: an immutable description of epochs, points and overlays, from which every
 * bio takes the content of its device and the place of writes.  An operation makes new
 * views and publishes them by a single pointer.
 */
#include "system.h"

/** dmr_views_init() - no views are published yet */
void dmr_views_init(struct dmr_published *published)
{
	INIT_LIST_HEAD(&published->stale);
}

/**
 * dmr_views_make() - make the views of a superblock
 * @sys: the system.
 * @sb: the superblock in force, or a draft.
 * @pending_point: epoch that is about to become a point and is not in @sb yet, or
 * DMR_EPOCH_NONE; with one, writes use the next epoch of @sb.
 *
 * Context: may sleep; op_mutex is held.
 * Return: the views, or NULL without memory.
 */
struct dmr_views *dmr_views_make(struct dmr_system *sys, const struct dmr_sb *sb,
				 u32 pending_point)
{
	u32 nr = sb->nr_points + !!pending_point, i;
	u32 cur = pending_point || sys->ahead ? sb->next_epoch : sb->cur_epoch;
	enum dmr_kind head = dmr_sb_runs_on_head(sb) ? DMR_LIVE : DMR_REPLICA;
	struct dmr_views *views = kvzalloc(struct_size(views, points, nr), GFP_KERNEL);
	struct dmr_view *view;

	lockdep_assert_held(&sys->op_mutex);
	if (!views)
		return NULL;
	for (i = 0; i < sb->nr_points; i++)
		views->points[i] = sb->points[i].epoch;
	if (pending_point)
		views->points[i] = pending_point;

	for (i = 0; i < DMR_VIEWS; i++) {
		view = &views->view[i];
		view->promoted = sb->promoted;
		view->dead_first = sb->dead_first;
		view->dead_last = sb->dead_last;
	}

	/* R14: the devices of one kind show the head; after a removal none does. */
	if (sb->state != DM_REPLICA_STATE_DISABLED) {
		view = &views->view[head];
		view->base = U32_MAX;
		view->write = cur;
		view->online = true;
	}

	if (sb->live.epoch) {
		view = &views->view[DMR_LIVE];
		view->base = sb->live.base;
		view->overlay = sb->live.epoch;
		view->write = sb->live.epoch;
		view->online = true;
	}
	if (sb->test.epoch) {
		view = &views->view[DMR_TEST];
		view->base = sb->test.base;
		view->overlay = sb->test.epoch;
		view->write = sb->test.epoch;
		view->online = true;
	}
	/* R5: their points are in @sb, since they hold them: see point-view.c. */
	for (i = DMR_READER; i < DMR_VIEWS; i++) {
		view = &views->view[i];
		view->base = dmr_point_view_of(&sys->point_views, i)->epoch;
		view->online = view->base != DMR_EPOCH_NONE;
	}

	/* Direct writes only while no point and no overlay needs the present content of home. */
	views->straight = -1;
	if (!nr && !sb->live.epoch && !sb->test.epoch && sb->state != DM_REPLICA_STATE_DISABLED)
		views->straight = head;
	/* R18: what comes from a sender is written by its streams only. */
	views->suspended = sb->flags & DMR_SB_SUSPENDED ||
			   (dmr_replication_receives(&sb->replication) &&
			    !dmr_replication_receiving(&sb->replication));
	views->streamed = dmr_replication_receiving(&sb->replication);

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
 * dmr_views_fence() - take a view offline, in views that are not published yet
 * @views: from dmr_views_make().
 * @kind: of view.
 */
void dmr_views_fence(struct dmr_views *views, enum dmr_kind kind)
{
	views->view[kind].online = false;
	views->view[kind].write = DMR_EPOCH_NONE;
}

/**
 * dmr_views_publish() - put views in force
 * @sys: the system; op_mutex is held.
 * @views: from dmr_views_make().
 *
 * Bios that entered before keep the old views, which dmr_views_reap() frees after a later
 * grace period.
 */
void dmr_views_publish(struct dmr_system *sys, struct dmr_views *views)
{
	struct dmr_views *old = sys->published.views;

	lockdep_assert_held(&sys->op_mutex);
	/* The vacuum reads the serial. */
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
 * Context: after a grace period that began when the last of these views had been
 * replaced.
 */
void dmr_views_reap(struct dmr_system *sys)
{
	struct dmr_views *views, *next;

	lockdep_assert(lockdep_is_held(&sys->op_mutex) || !kref_read(&sys->ref));
	list_for_each_entry_safe(views, next, &sys->published.stale, stale) {
		list_del(&views->stale);
		kvfree(views);
	}
}

/**
 * dmr_views_keep_direct() - keep the mode of direct writes: only dmr_op_settle() changes it
 * @sys: the system; op_mutex is held.
 * @views: from dmr_views_make(); they allow direct writes, or the views in force do not.
 */
void dmr_views_keep_direct(struct dmr_system *sys, struct dmr_views *views)
{
	lockdep_assert_held(&sys->op_mutex);
	views->straight = sys->published.views->straight;
	views->locked = sys->published.views->locked;
}

/**
 * dmr_views_publish_state() - publish the views of the superblock in force
 * @sys: the system.
 *
 * Writes that do not go straight home yet do not begin to: only dmr_op_settle() switches
 * that on.
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
	else
		dmr_views_keep_direct(sys, views);
	dmr_views_publish(sys, views);
	return 0;
}

/**
 * dmr_views_back() - make views to return to if an operation fails
 * @sys: the system.
 *
 * Writes that do not go straight home yet do not begin to: see dmr_op_settle().
 *
 * Return: the views, or NULL without memory.
 */
struct dmr_views *dmr_views_back(struct dmr_system *sys)
{
	struct dmr_views *views = dmr_views_make(sys, sys->sb, DMR_EPOCH_NONE);

	if (views)
		dmr_views_keep_direct(sys, views);
	return views;
}
