// SPDX-License-Identifier: GPL-2.0-only
/*
 * Recovery points that are opened for reading, and closed: views beside all others, without
 * a write to the store.  point-view.c has what keeps their content.
 */
#include <linux/ctype.h>

#include "draft.h"
#include "openers.h"
#include "operate.h"
#include "queue.h"
#include "point-view.h"
#include "system.h"
#include "uevent.h"

/* The point to open: the one named, or the newest.  Return: NULL if the request is refused. */
static const struct dmr_point *dmr_open_point(struct dmr_op *op)
{
	struct dmr_sb *sb = op->sys->sb;
	const struct dmr_point *point;
	char number[DMR_VIEW_NAME_LEN];

	if (!sb->nr_points) {
		dmr_refuse_state(op, "there is no recovery point; make one first");
		return NULL;
	}
	point = op->point ? dmr_draft_point(sb, op->point) : &sb->points[sb->nr_points - 1];
	if (!point) {
		dmr_refuse_point(op);
		return NULL;
	}
	/* The newest of the first turn, also in those after a wait for openers. */
	op->point = point->number;
	scnprintf(number, sizeof(number), "%llu", point->number);
	if (!op->view[0]) {
		strscpy(op->view, number, sizeof(op->view));
	} else if (isdigit(op->view[0]) && strcmp(op->view, number)) {
		dmr_op_refuse(op, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER,
			      "a view with a number for a name shows the point of that number");
		return NULL;
	}
	return point;
}

/* Publish views with the views of points as they are now.  Return: false without memory. */
static bool dmr_open_publish(struct dmr_system *sys)
{
	struct dmr_views *views = dmr_views_back(sys);

	if (views)
		dmr_views_publish(sys, views);
	return views;
}

/**
 * dmr_op_point_open() - open a recovery point for reading
 * @op: point is its number, 0 for the newest; view is the view's name, or "" for the
 * number; both are set to those used.
 * @job: its job; not used.
 *
 * R14: the point cannot go until it is closed.
 */
void dmr_op_point_open(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_system *sys = op->sys;
	const struct dmr_point *point = dmr_open_point(op);
	int kind;

	if (!point)
		return;
	kind = dmr_point_view_get(sys, op->view);
	if (kind < 0)
		return dmr_op_refuse(op, -ENOSPC, DM_REPLICA_CODE_FAILED,
				     "as many recovery points are open as can be; close one first");
	if (dmr_point_view_of(&sys->point_views, kind)->point)
		return dmr_refuse_state(op, "it is open already; close it first");
	/* R10: an opener from before could have pages of another point. */
	if (!dmr_op_lock_closed(op, kind, "a device of the view is in use; close it first"))
		return;
	dmr_point_view_set(sys, kind, point->number, point->epoch);
	if (!dmr_open_publish(sys)) {
		dmr_point_view_set(sys, kind, 0, DMR_EPOCH_NONE);
		dmr_refuse_memory(op);
	}
	dmr_openers_unlock(sys, kind);
	if (op->err)
		return;
	dmr_uevent_view(sys, kind, true);
}

/**
 * dmr_op_point_close() - close a recovery point that was opened for reading
 * @op: view is the view's name, or "" for that of the point; point is set.
 * @job: its job; not used.
 */
void dmr_op_point_close(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_system *sys = op->sys;
	struct dmr_point_view was;
	int kind;

	if (!op->view[0])
		scnprintf(op->view, sizeof(op->view), "%llu", op->point);
	kind = dmr_point_view_find(sys, op->view);
	if (kind < 0 || !dmr_point_view_of(&sys->point_views, kind)->point)
		return dmr_refuse_state(op, "it is not open; there is nothing to close");
	/* R10: a view in use keeps its content.  Openers of a suspended device are not seen. */
	if (dmr_point_view_of(&sys->point_views, kind)->suspended)
		return dmr_refuse_busy(op, "a device of the view is suspended; resume or remove it first");
	if (!dmr_op_lock_closed(op, kind,
				"a device of the recovery point is in use; close it first"))
		return;
	was = *dmr_point_view_of(&sys->point_views, kind);
	dmr_point_view_set(sys, kind, 0, DMR_EPOCH_NONE);
	if (!dmr_open_publish(sys)) {
		dmr_point_view_set(sys, kind, was.point, was.epoch);
		dmr_refuse_memory(op);
	}
	dmr_openers_unlock(sys, kind);
	if (op->err)
		return;
	op->point = was.point;
	dmr_uevent_view(sys, kind, false);
	/* For memory only: without it the replaced views are freed by a later operation. */
	if (!dmr_grace_wait(&sys->grace, msecs_to_jiffies(op->timeout)))
		dmr_views_reap(sys);
}
