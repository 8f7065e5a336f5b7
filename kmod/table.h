/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables: epochs, points and overlays for the I/O path. */
#ifndef DMR_TABLE_H
#define DMR_TABLE_H

#include <linux/list.h>

#include "disk.h"
#include "store/map.h"

struct dmr_sb;
struct dmr_system;

/**
 * struct dmr_table - one published state; never changed, replaced as a whole
 * @view: view of each kind of device.
 * @straight: the kind whose writes may go straight home, or -1.
 * @bare: the kind whose writes are about to, or -1: a chunk without a version gets none,
 *	and a write that needs one waits (dmr_op_settle()).
 * @suspended: replication is suspended: the replica devices refuse writes.
 * @need: for the vacuum; its epochs array is @points.
 * @stale: on the system's list of tables to free.
 * @points: epochs of the points, pending ones included.
 */
struct dmr_table {
	struct dmr_view view[DMR_KINDS];
	int straight;
	int bare;
	bool suspended;
	struct dmr_need need;
	u64 serial;		/* of publication */
	struct list_head stale;
	u32 points[];
};

/**
 * struct dmr_tables - the tables of a system
 * @published: the one in force, see dmr_table_get().
 * @stale: replaced ones that readers may still see; op_mutex.
 * @serial: of the last publication.
 */
struct dmr_tables {
	struct dmr_table *published;
	struct list_head stale;
	u64 serial;
};

void dmr_tables_init(struct dmr_tables *tables);
struct dmr_table *dmr_table_make(struct dmr_system *sys, const struct dmr_sb *sb,
				 u32 pending_point);
void dmr_table_publish(struct dmr_system *sys, struct dmr_table *tab);
void dmr_table_reap(struct dmr_system *sys);
int dmr_publish(struct dmr_system *sys);
struct dmr_table *dmr_table_back(struct dmr_system *sys);

#endif /* DMR_TABLE_H */
