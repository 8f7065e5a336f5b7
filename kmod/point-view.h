/* SPDX-License-Identifier: GPL-2.0-only */
/* Point views: read-only views of recovery points. */
#ifndef DMR_POINT_VIEW_H
#define DMR_POINT_VIEW_H

#include <linux/spinlock.h>

#include "disk.h"
#include "store/superblock.h"

struct dmr_system;

#define DMR_VIEW_NAME_LEN	24	/* with its NUL; a point's number has 20 digits */

/**
 * struct dmr_point_view - one read-only view, of all disks
 * @name: number of its point, or a name that is given to one point after another.
 * @point: number of the open point, 0 while the view is closed.
 * @epoch: of that point, or DMR_EPOCH_NONE.
 * @targets: targets bound to the view; op_mutex.
 * @suspended: those that were, and are not removed; op_mutex.
 *
 * An entry that is closed and has no targets, of either kind, is free.
 */
struct dmr_point_view {
	char name[DMR_VIEW_NAME_LEN];
	u64 point;
	u32 epoch;
	u32 targets;
	u32 suspended;
};

/**
 * struct dmr_point_views - the views of points of a system
 * @lock: with op_mutex to change names and points, one of both to read them; a leaf.
 * @view: by kind of device, from DMR_READER on.
 *
 * They are in no superblock: a detach or a crash ends them.
 */
struct dmr_point_views {
	spinlock_t lock;
	struct dmr_point_view view[DMR_POINT_VIEWS];
};

/** dmr_point_view_of() - the view behind a kind of device, not below DMR_READER */
static inline struct dmr_point_view *dmr_point_view_of(struct dmr_point_views *views, u32 kind)
{
	return &views->view[kind - DMR_READER];
}

void dmr_point_view_init(struct dmr_point_views *views);
bool dmr_point_view_name_ok(const char *name);
int dmr_point_view_find(struct dmr_system *sys, const char *name);
int dmr_point_view_get(struct dmr_system *sys, const char *name);
int dmr_point_view_bind(struct dmr_system *sys, struct dmr_target *t);
void dmr_point_view_bound(struct dmr_system *sys, struct dmr_target *t);
void dmr_point_view_unbound(struct dmr_system *sys, struct dmr_target *t);
void dmr_point_view_forget(struct dmr_system *sys, struct dmr_target *t);
void dmr_point_view_set(struct dmr_system *sys, u32 kind, u64 point, u32 epoch);
bool dmr_point_view_holds(const struct dmr_system *sys, const struct dmr_point *point);
u32 dmr_point_view_count(const struct dmr_system *sys);
bool dmr_point_view_shows(struct dmr_system *sys, u32 kind, u64 point, char *name);

#endif /* DMR_POINT_VIEW_H */
