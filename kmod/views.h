/* SPDX-License-Identifier: GPL-2.0-only */
/* Views: epochs, points and overlays for the I/O path. */
#ifndef DMR_VIEWS_H
#define DMR_VIEWS_H

#include <linux/list.h>

#include "disk.h"
#include "store/map.h"

struct dmr_sb;
struct dmr_system;

/**
 * struct dmr_views - the views of one state; never changed, replaced as a whole
 * @straight: kind of device with direct writes to home, or -1 for none.
 * @locked: bios may be in flight from views without direct writes: look under a chunk's lock
 * whether it is bare (dmr_op_settle()).
 * @suspended: replication is suspended: the replica devices refuse writes.
 * @streamed: a stream is half in: they take writes while there is a receiver.
 * @view: view of each kind of device; behind what most bios read of the others.
 * @need: epochs that the vacuum has to keep; its epochs array is @points.
 * @serial: number of its publication.
 * @stale: on the system's list of views to free.
 * @points: epochs of the points, pending ones included.
 */
struct dmr_views {
	int straight;
	bool locked;
	bool suspended;
	bool streamed;
	struct dmr_view view[DMR_VIEWS];
	struct dmr_need need;
	u64 serial;		/* number of the publication */
	struct list_head stale;
	u32 points[];
};

/**
 * struct dmr_published - the views of a system
 * @views: those in force, see dmr_views_get().
 * @stale: replaced views that readers may still use; op_mutex.
 * @serial: of the last publication.
 */
struct dmr_published {
	struct dmr_views *views;
	struct list_head stale;
	u64 serial;
};

void dmr_views_init(struct dmr_published *published);
struct dmr_views *dmr_views_make(struct dmr_system *sys, const struct dmr_sb *sb,
				 u32 pending_point);
void dmr_views_fence(struct dmr_views *views, enum dmr_kind kind);
void dmr_views_publish(struct dmr_system *sys, struct dmr_views *views);
void dmr_views_reap(struct dmr_system *sys);
int dmr_views_publish_state(struct dmr_system *sys);
struct dmr_views *dmr_views_back(struct dmr_system *sys);
void dmr_views_keep_direct(struct dmr_system *sys, struct dmr_views *views);

#endif /* DMR_VIEWS_H */
