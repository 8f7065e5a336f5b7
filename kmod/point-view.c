// SPDX-License-Identifier: GPL-2.0-only
/*
 * Point views: read-only views of recovery points, several at a time.
 *
 * DOC: what keeps their content
 *
 * A view sees the main epochs up to its point, as a failover from there does, and has no
 * epoch for writes.  It holds its point (R14): dmr_draft_point_held() refuses to drop it,
 * and an operation that ends all points is refused.  A point in the superblock is in the
 * needs of the vacuum (struct dmr_need), so no version that the view sees is reused, and
 * nothing newer goes home below it (R5).  So a view needs no rule of its own beside the
 * hold, and its beginning and its end are no writes.
 *
 * Its number in struct dmr_views is that of its devices' kind, which a target takes when it
 * is bound.  A bio finds it by that number alone, as on other devices.
 */
#include "point-view.h"
#include "system.h"

/** dmr_point_view_init() - no point is open */
void dmr_point_view_init(struct dmr_point_views *views)
{
	spin_lock_init(&views->lock);
}

/**
 * dmr_point_view_name_ok() - check the name of a view
 * @name: a text.
 *
 * Context: any.
 * Return: true if it is the number of a point, without leading zeroes, or lower case
 * letters: either is part of the names of devices.
 */
bool dmr_point_view_name_ok(const char *name)
{
	size_t len = strlen(name), digits = strspn(name, "0123456789");

	if (!len || len >= DMR_VIEW_NAME_LEN)
		return false;
	return digits ? digits == len && name[0] != '0' :
			strspn(name, "abcdefghijklmnopqrstuvwxyz") == len;
}

static bool dmr_point_view_is_free(const struct dmr_point_view *view)
{
	return !view->targets && !view->suspended && !view->epoch;
}

/**
 * dmr_point_view_find() - find a view by name
 * @sys: the system; op_mutex is held.
 * @name: its name.
 *
 * Return: the kind of its devices, or -ENOENT.
 */
int dmr_point_view_find(struct dmr_system *sys, const char *name)
{
	const struct dmr_point_view *view;
	u32 kind;

	lockdep_assert_held(&sys->op_mutex);
	for (kind = DMR_READER; kind < DMR_VIEWS; kind++) {
		view = dmr_point_view_of(&sys->point_views, kind);
		if (!dmr_point_view_is_free(view) && !strcmp(view->name, name))
			return kind;
	}
	return -ENOENT;
}

/**
 * dmr_point_view_get() - find a view by name, or name a free one
 * @sys: the system; op_mutex is held, until the view has a target or is open.
 * @name: its name.
 *
 * Return: the kind of its devices, or -ENOSPC if all are in use.
 */
int dmr_point_view_get(struct dmr_system *sys, const char *name)
{
	struct dmr_point_view *view;
	int kind = dmr_point_view_find(sys, name);

	if (kind >= 0)
		return kind;
	for (kind = DMR_READER; kind < DMR_VIEWS; kind++) {
		view = dmr_point_view_of(&sys->point_views, kind);
		if (!dmr_point_view_is_free(view))
			continue;
		spin_lock(&sys->point_views.lock);
		strscpy(view->name, name, sizeof(view->name));
		spin_unlock(&sys->point_views.lock);
		return kind;
	}
	return -ENOSPC;
}

/**
 * dmr_point_view_bind() - find the view of a target, which is about to be bound
 * @sys: the system; op_mutex is held until the target is bound or refused.
 * @t: the target; its kind becomes that of the view.
 *
 * Return: 0 or a negative errno; the reason is in the kernel log.
 */
int dmr_point_view_bind(struct dmr_system *sys, struct dmr_target *t)
{
	int kind = dmr_point_view_get(sys, t->view);

	if (kind < 0) {
		DMERR("%s: %u recovery points are open already", sys->sb->name, DMR_POINT_VIEWS);
		return kind;
	}
	t->kind = kind;
	return 0;
}

/** dmr_point_view_bound() - the target of dmr_point_view_bind() is bound; op_mutex is held */
void dmr_point_view_bound(struct dmr_system *sys, struct dmr_target *t)
{
	struct dmr_point_view *view = dmr_point_view_of(&sys->point_views, t->kind);

	lockdep_assert_held(&sys->op_mutex);
	view->targets++;
	view->suspended -= t->view_suspended;
	t->view_suspended = false;
}

/**
 * dmr_point_view_unbound() - a target of a view is suspended
 * @sys: the system; op_mutex is held.
 * @t: the target; its kind stays that of the view.
 *
 * R10: its device may be open, with pages of the point, while no operation can see that.
 */
void dmr_point_view_unbound(struct dmr_system *sys, struct dmr_target *t)
{
	struct dmr_point_view *view = dmr_point_view_of(&sys->point_views, t->kind);

	lockdep_assert_held(&sys->op_mutex);
	view->targets--;
	view->suspended++;
	t->view_suspended = true;
}

/**
 * dmr_point_view_forget() - a target of a view is removed
 * @sys: the system.
 * @t: the target, not bound; its device is gone, or has another table in force.
 *
 * Context: may sleep; takes op_mutex.
 */
void dmr_point_view_forget(struct dmr_system *sys, struct dmr_target *t)
{
	if (!t->view_suspended)
		return;
	mutex_lock(&sys->op_mutex);
	dmr_point_view_of(&sys->point_views, t->kind)->suspended--;
	mutex_unlock(&sys->op_mutex);
}

/**
 * dmr_point_view_set() - let a view hold a point, and show it in the views made next; or end both
 * @sys: the system; op_mutex is held.
 * @kind: from dmr_point_view_get().
 * @point: number of a point of the superblock in force; 0 closes the view.
 * @epoch: of that point, or DMR_EPOCH_NONE.
 */
void dmr_point_view_set(struct dmr_system *sys, u32 kind, u64 point, u32 epoch)
{
	struct dmr_point_view *view = dmr_point_view_of(&sys->point_views, kind);

	lockdep_assert_held(&sys->op_mutex);
	spin_lock(&sys->point_views.lock);
	view->point = point;
	WRITE_ONCE(view->epoch, epoch);
	spin_unlock(&sys->point_views.lock);
}

/**
 * dmr_point_view_holds() - is a point open in a view?
 * @sys: the system.
 * @point: a point of its superblock.
 *
 * Context: any; exact with op_mutex held.
 * Return: true if so: the point cannot go (R14).
 */
bool dmr_point_view_holds(const struct dmr_system *sys, const struct dmr_point *point)
{
	u32 i;

	for (i = 0; i < DMR_POINT_VIEWS; i++)
		if (READ_ONCE(sys->point_views.view[i].epoch) == point->epoch)
			return true;
	return false;
}

/** dmr_point_view_count() - how many views are open? Context: any, exact with op_mutex held. */
u32 dmr_point_view_count(const struct dmr_system *sys)
{
	u32 i, nr = 0;

	for (i = 0; i < DMR_POINT_VIEWS; i++)
		nr += READ_ONCE(sys->point_views.view[i].epoch) != DMR_EPOCH_NONE;
	return nr;
}

/**
 * dmr_point_view_shows() - does a view show a point?
 * @sys: the system.
 * @kind: of its devices.
 * @point: number of the point, not 0.
 * @name: DMR_VIEW_NAME_LEN bytes; set to its name if so.
 *
 * Context: any but an interrupt; takes point_views.lock.
 * Return: true if so.
 */
bool dmr_point_view_shows(struct dmr_system *sys, u32 kind, u64 point, char *name)
{
	const struct dmr_point_view *view = dmr_point_view_of(&sys->point_views, kind);
	bool shows;

	spin_lock(&sys->point_views.lock);
	shows = view->point == point;
	if (shows)
		memcpy(name, view->name, sizeof(view->name));
	spin_unlock(&sys->point_views.lock);
	return shows;
}
