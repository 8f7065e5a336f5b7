// SPDX-License-Identifier: GPL-2.0-only
/*
 * Openers of all devices of one kind (R10): no device is opened or closed while an
 * operation holds the open_mutex of each.
 */
#include <linux/delay.h>

#include "openers.h"
#include "system.h"

static void dmr_disks_unlock_some(struct dmr_system *sys, enum dmr_kind kind, u32 nr)
{
	while (nr--)
		if (sys->disks[nr].gd[kind])
			mutex_unlock(&sys->disks[nr].gd[kind]->open_mutex);
}

/** dmr_openers_unlock() - release the open_mutex of every disk */
void dmr_openers_unlock(struct dmr_system *sys, enum dmr_kind kind)
{
	dmr_disks_unlock_some(sys, kind, sys->sb->nr_disks);
}

/**
 * dmr_openers_lock() - take the open_mutex of every disk
 * @sys: the system, complete.
 * @kind: of view; a view of a point may lack devices.
 *
 * A trylock loop with a deadline: the kernel has no mutex_lock() with a time limit,
 * blocking on the second of one lock class is a lockdep report, and a closer may hold one
 * for as long as a slow device takes to write back.
 *
 * Return: false, with no mutex held, if time ran out.
 */
bool dmr_openers_lock(struct dmr_system *sys, enum dmr_kind kind)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(DMR_LOCK_MS);
	u32 i;

	lockdep_assert_held(&sys->op_mutex);
	for (i = 0; i < sys->sb->nr_disks; i++) {
		struct gendisk *gd = sys->disks[i].gd[kind];

		while (gd && !mutex_trylock(&gd->open_mutex)) {
			if (time_after(jiffies, deadline)) {
				dmr_disks_unlock_some(sys, kind, i);
				return false;
			}
			usleep_range(200, 1000);
		}
	}
	return true;
}

/* Openers that are ours: the other devices of a disk have its replica device open. */
static unsigned int dmr_disk_own_openers(const struct dmr_disk *disk, enum dmr_kind kind)
{
	unsigned int i, nr = 0;

	for (i = DMR_REPLICA + 1; kind == DMR_REPLICA && i < DMR_VIEWS; i++)
		nr += !!disk->target[i];
	return nr;
}

/** dmr_openers_any() - is a disk open? After dmr_openers_lock().  Return: true if so. */
bool dmr_openers_any(struct dmr_system *sys, enum dmr_kind kind)
{
	u32 i;

	for (i = 0; i < sys->sb->nr_disks; i++) {
		const struct dmr_disk *disk = &sys->disks[i];

		if (!disk->gd[kind])
			continue;
		lockdep_assert_held(&disk->gd[kind]->open_mutex);
		if (disk_openers(disk->gd[kind]) > dmr_disk_own_openers(disk, kind))
			return true;
	}
	return false;
}
