// SPDX-License-Identifier: GPL-2.0-only
/* Memory for the newest epoch of each group of chunks. */
#include "newest.h"

/* Number of groups of a disk.  @shift: set to the log2 of their chunks. */
static u64 dmr_newest_groups(const struct dmr_sb *sb, u32 disk, u32 *shift)
{
	u64 chunks = dmr_newest_chunks(sb, disk);

	for (*shift = DMR_NEWEST_SHIFT; chunks >> *shift >= DMR_NEWEST_GROUPS / sb->nr_disks; ++*shift)
		;
	return (chunks >> *shift) + 1;
}

/**
 * dmr_newest_init() - make the groups of all disks, with nothing written
 * @newest: set to an entry for each disk.
 * @sb: the superblock, with disks and chunk size.
 *
 * A superblock gives the sizes, and a hostile one any sizes, before a home is compared with
 * them: the disks share one limit.
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int dmr_newest_init(struct dmr_newest **newest, const struct dmr_sb *sb)
{
	atomic_t *epochs;
	u32 i, shift;
	u64 all = 0;

	*newest = NULL;
	for (i = 0; i < sb->nr_disks; i++)
		all += dmr_newest_groups(sb, i, &shift);
	*newest = kcalloc(sb->nr_disks, sizeof(**newest), GFP_KERNEL);
	epochs = kvcalloc(all, sizeof(*epochs), GFP_KERNEL | __GFP_NOWARN);
	if (!*newest || !epochs) {
		kfree(*newest);
		kvfree(epochs);
		*newest = NULL;
		return -ENOMEM;
	}
	for (i = 0; i < sb->nr_disks; i++) {
		(*newest)[i].epochs = epochs;
		epochs += dmr_newest_groups(sb, i, &(*newest)[i].shift);
	}
	return 0;
}

/**
 * dmr_newest_exit() - free the groups
 * @newest: of dmr_newest_init(), or NULL.
 */
void dmr_newest_exit(struct dmr_newest *newest)
{
	if (newest)
		kvfree(newest[0].epochs);
	kfree(newest);
}
