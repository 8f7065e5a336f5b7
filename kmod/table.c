// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table: one immutable picture of epochs, points and overlays, which has for every
 * bio the content of its view and the place of writes.  An operation makes a new one and
 * publishes it with a single pointer.
 */
#include "system.h"

/** dmr_tables_init() - no table is published yet */
void dmr_tables_init(struct dmr_tables *tables)
{
	INIT_LIST_HEAD(&tables->stale);
}

/**
 * dmr_table_make() - the table that goes with a superblock
 * @sys: the system.
 * @sb: state; the durable one or a draft.
 * @pending_point: an epoch that is about to become a point and is not in @sb
 *	yet, or DMR_EPOCH_NONE; with one, writes go to @sb's next epoch.
 *
 * Context: may sleep; op_mutex is held.
 * Return: the table, or NULL without memory.
 */
struct dmr_table *dmr_table_make(struct dmr_system *sys, const struct dmr_sb *sb,
				 u32 pending_point)
{
	u32 nr = sb->nr_points + !!pending_point, i;
	u32 cur = pending_point || sys->ahead ? sb->next_epoch : sb->cur_epoch;
	struct dmr_table *tab = kvzalloc(struct_size(tab, points, nr), GFP_KERNEL);
	struct dmr_view *view;

	lockdep_assert_held(&sys->op_mutex);
	if (!tab)
		return NULL;
	for (i = 0; i < sb->nr_points; i++)
		tab->points[i] = sb->points[i].epoch;
	if (pending_point)
		tab->points[i] = pending_point;

	for (i = 0; i < DMR_KINDS; i++) {
		view = &tab->view[i];
		view->promoted = sb->promoted;
		view->dead_first = sb->dead_first;
		view->dead_last = sb->dead_last;
	}

	/* R14: once committed, the failover devices alone show the head; once removed, none. */
	if (sb->state != DM_REPLICA_STATE_DISABLED) {
		view = &tab->view[sb->state == DM_REPLICA_STATE_COMMITTED ? DMR_LIVE : DMR_REPLICA];
		view->base = U32_MAX;
		view->write = cur;
	}

	if (sb->live.epoch) {
		view = &tab->view[DMR_LIVE];
		view->base = sb->live.base;
		view->overlay = sb->live.epoch;
		view->write = sb->live.epoch;
	}
	if (sb->test.epoch) {
		view = &tab->view[DMR_TEST];
		view->base = sb->test.base;
		view->overlay = sb->test.epoch;
		view->write = sb->test.epoch;
	}

	/* Straight home only while nothing may need the present content of home. */
	tab->bare = -1;
	tab->straight = -1;
	if (!nr && !sb->live.epoch && !sb->test.epoch && sb->state != DM_REPLICA_STATE_DISABLED)
		tab->straight = sb->state == DM_REPLICA_STATE_COMMITTED ? DMR_LIVE : DMR_REPLICA;
	tab->suspended = sb->flags & DMR_SB_SUSPENDED;

	tab->need.epochs = tab->points;
	tab->need.nr = nr;
	tab->need.cur = cur;
	tab->need.next = sb->next_epoch;
	tab->need.live = sb->live.epoch;
	tab->need.test = sb->test.epoch;
	tab->need.promoted = sb->promoted;
	tab->need.dead_first = sb->dead_first;
	tab->need.dead_last = sb->dead_last;
	return tab;
}

/**
 * dmr_table_publish() - put a table in force
 * @sys: the system; op_mutex is held.
 * @tab: from dmr_table_make().
 *
 * Bios that entered before go on with the old one, which is freed by
 * dmr_table_reap() after a later grace period.
 */
void dmr_table_publish(struct dmr_system *sys, struct dmr_table *tab)
{
	struct dmr_table *old = sys->tables.published;

	lockdep_assert_held(&sys->op_mutex);
	WRITE_ONCE(sys->tables.serial, sys->tables.serial + 1);	/* throttled moves look at it */
	tab->serial = sys->tables.serial;
	smp_store_release(&sys->tables.published, tab);
	if (old)
		list_add_tail(&old->stale, &sys->tables.stale);
}

/**
 * dmr_table_reap() - free tables without readers
 * @sys: the system; op_mutex is held, or the last reference has gone.
 *
 * Context: called after a grace period that began when the last one of them
 * had been replaced.
 */
void dmr_table_reap(struct dmr_system *sys)
{
	struct dmr_table *tab, *next;

	list_for_each_entry_safe(tab, next, &sys->tables.stale, stale) {
		list_del(&tab->stale);
		kvfree(tab);
	}
}

/**
 * dmr_publish() - put the table of the state in force, in force
 * @sys: the system.
 *
 * If writes may go straight home from now and could not before, that is not for this
 * table to decide: see dmr_op_settle().
 *
 * Return: 0 or -ENOMEM.
 */
int dmr_publish(struct dmr_system *sys)
{
	struct dmr_table *tab = dmr_table_make(sys, sys->sb, DMR_EPOCH_NONE);

	if (!tab)
		return -ENOMEM;
	if (tab->straight != sys->tables.published->straight)
		tab->straight = -1;
	dmr_table_publish(sys, tab);
	return 0;
}

/**
 * dmr_table_back() - a table to go back to, should an operation come to nothing
 * @sys: the system.
 *
 * It does not make writes go straight home that did not before: see dmr_op_settle().
 *
 * Return: it, or NULL without memory.
 */
struct dmr_table *dmr_table_back(struct dmr_system *sys)
{
	struct dmr_table *tab = dmr_table_make(sys, sys->sb, DMR_EPOCH_NONE);

	if (tab)
		tab->straight = sys->tables.published->straight;
	return tab;
}
