// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claims: the block devices that targets hold open.
 *
 * dm_get_device() would claim them for all of device mapper, so that LVM or kpartx could
 * map a home under a running system, and no exclusive opener could have a replica device
 * below a failover device.  So stores and homes are claimed here, by the module's own
 * holder, and the replica device below a failover device is opened without a claim.  Other
 * effects of dm_get_device() are listed in Documentation/design-decisions.md.
 *
 * Each device is opened once, however many targets hold it: loading a dm table again
 * opens nothing, so it works with a dead or slow device.
 */
#include <linux/device-mapper.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "bdev-open.h"
#include "claim.h"
#include "system.h"

#define DM_MSG_PREFIX	"replica"

/**
 * struct dmr_claim - one device that is open
 * @list: in the list of all claims; dmr_claims_mutex.
 * @users: targets that hold the device, or are about to; dmr_claims_mutex.
 * @number: the device.
 * @owner: store of the system that the device belongs to, or, without a claim, the dm
 * device above.
 * @claimed: exclusively open.
 * @lock: held over opening and closing, which may take as long as the device needs.
 * @opened: number of users for which the device is open; @lock.
 * @open: the device; @lock.
 * @links: holders shown in sysfs; @lock.
 * @dev: the form of the device that targets and dm's callbacks need.
 */
struct dmr_claim {
	struct list_head list;
	unsigned int users;
	dev_t number;
	dev_t owner;
	bool claimed;
	struct mutex lock;
	unsigned int opened;
	struct dmr_open open;
	struct list_head links;
	struct dm_dev dev;
};

/* A holder in sysfs: one for each dm device, shared by its dm tables. */
struct dmr_link {
	struct list_head list;
	struct gendisk *disk;
	unsigned int users;
	bool shown;
};

static DEFINE_MUTEX(dmr_claims_mutex);	/* a leaf */
static LIST_HEAD(dmr_claims);

/** dmr_claim_number() - device number of a word of a dm table.  Return: 0 or an errno. */
int dmr_claim_number(const char *path, dev_t *dev)
{
	unsigned int major, minor;
	char end;

	if (sscanf(path, "%u:%u%c", &major, &minor, &end) != 2)
		return lookup_bdev(path, dev);
	*dev = MKDEV(major, minor);
	return MAJOR(*dev) == major && MINOR(*dev) == minor ? 0 : -EOVERFLOW;
}

/* Find or make a claim, and add a user. */
static struct dmr_claim *dmr_claim_find(dev_t number, dev_t owner, bool claimed)
{
	struct dmr_claim *claim, *new = kzalloc(sizeof(*new), GFP_KERNEL);

	if (!new)
		return ERR_PTR(-ENOMEM);
	mutex_lock(&dmr_claims_mutex);
	list_for_each_entry(claim, &dmr_claims, list) {
		if (claim->number != number || claim->claimed != claimed)
			continue;
		if (claim->owner == owner) {
			claim->users++;
			mutex_unlock(&dmr_claims_mutex);
			kfree(new);
			return claim;
		}
		/* A device belongs to one system, as store or as home. */
		if (claimed) {
			mutex_unlock(&dmr_claims_mutex);
			kfree(new);
			return ERR_PTR(-EBUSY);
		}
	}
	new->users = 1;
	new->number = number;
	new->owner = owner;
	new->claimed = claimed;
	mutex_init(&new->lock);
	INIT_LIST_HEAD(&new->links);
	list_add(&new->list, &dmr_claims);
	mutex_unlock(&dmr_claims_mutex);
	return new;
}

static void dmr_claim_drop(struct dmr_claim *claim)
{
	bool last;

	mutex_lock(&dmr_claims_mutex);
	last = !--claim->users;
	if (last)
		list_del(&claim->list);
	mutex_unlock(&dmr_claims_mutex);
	if (last)
		kfree(claim);
}

static struct dm_dev *dmr_claim_open(dev_t number, dev_t owner, bool claimed)
{
	struct dmr_claim *claim = dmr_claim_find(number, owner, claimed);
	int r = 0;

	if (IS_ERR(claim))
		return ERR_CAST(claim);
	mutex_lock(&claim->lock);
	if (!claim->opened) {
		r = dmr_bdev_open(&claim->open, number, claimed ? claim : NULL);
		if (!r) {
			claim->dev.bdev = claim->open.bdev;
			format_dev_t(claim->dev.name, number);
		}
	}
	if (!r)
		claim->opened++;
	mutex_unlock(&claim->lock);
	if (!r)
		return &claim->dev;
	dmr_claim_drop(claim);
	return ERR_PTR(r);
}

/**
 * dmr_claim_get() - claim a store or a home for a system
 * @dev: the device.
 * @store: the system's store.
 *
 * Context: constructor; may sleep, as long as the device takes to open.
 * Return: the device, to be given back with dmr_claim_put(); or an error pointer: -EBUSY if
 * another system, or any other exclusive opener, has it.
 */
struct dm_dev *dmr_claim_get(dev_t dev, dev_t store)
{
	return dmr_claim_open(dev, store, true);
}

/**
 * dmr_claim_look() - hold a replica device open, without a claim
 * @dev: the replica device.
 * @own: the dm device that depends on it.
 *
 * Opened once for all dm tables of @own: operations count openers.
 *
 * Context: constructor; may sleep.
 * Return: as dmr_claim_get().
 */
struct dm_dev *dmr_claim_look(dev_t dev, dev_t own)
{
	return dmr_claim_open(dev, own, false);
}

/**
 * dmr_claim_share() - add a user to the claim on a store or home
 * @dev: the device, claimed by a target that keeps it during the call.
 *
 * Context: may sleep.
 * Return: @dev, to be given back with dmr_claim_put().
 */
struct dm_dev *dmr_claim_share(struct dm_dev *dev)
{
	struct dmr_claim *claim = container_of(dev, struct dmr_claim, dev);

	mutex_lock(&dmr_claims_mutex);
	claim->users++;
	mutex_unlock(&dmr_claims_mutex);
	mutex_lock(&claim->lock);
	claim->opened++;
	mutex_unlock(&claim->lock);
	return dev;
}

/** dmr_claim_put() - release a device; the last user closes it; may sleep */
void dmr_claim_put(struct dm_dev *dev)
{
	struct dmr_claim *claim = container_of(dev, struct dmr_claim, dev);

	mutex_lock(&claim->lock);
	/* A new user that waits for the lock opens the device again, in this object. */
	if (!--claim->opened)
		dmr_bdev_close(&claim->open);
	mutex_unlock(&claim->lock);
	dmr_claim_drop(claim);
}

static struct dmr_link *dmr_link_of(struct dmr_claim *claim, const struct gendisk *disk)
{
	struct dmr_link *link;

	lockdep_assert_held(&claim->lock);
	list_for_each_entry(link, &claim->links, list)
		if (link->disk == disk)
			return link;
	return NULL;
}

/**
 * dmr_claim_link() - show the holder of a device in sysfs
 * @dev: the device, claimed.
 * @disk: the dm device that holds it.
 * @linked: the caller has its share in the link; set here.
 *
 * Called by the constructor and at resume: the directory does not exist yet while dm
 * makes the first table of a device.  A link stays until the last dm table of the device
 * goes: 6.1 takes the open_mutex of @disk to change it, which a last closer may hold
 * until the device is resumed.
 *
 * Without memory there is no link; nothing else depends on it.
 *
 * Context: may sleep.
 */
void dmr_claim_link(struct dm_dev *dev, struct gendisk *disk, bool *linked)
{
	struct dmr_claim *claim = container_of(dev, struct dmr_claim, dev);
	struct dmr_link *link;

	mutex_lock(&claim->lock);
	link = dmr_link_of(claim, disk);
	if (!link) {
		link = kzalloc(sizeof(*link), GFP_NOIO);
		if (!link)
			goto out;
		link->disk = disk;
		list_add(&link->list, &claim->links);
	}
	if (!*linked)
		link->users++;
	*linked = true;
	if (!link->shown && disk->slave_dir)
		link->shown = !bd_link_disk_holder(dev->bdev, disk);
out:
	mutex_unlock(&claim->lock);
}

/** dmr_claim_unlink() - release a share in a link; before dmr_claim_put(); may sleep */
void dmr_claim_unlink(struct dm_dev *dev, struct gendisk *disk)
{
	struct dmr_claim *claim = container_of(dev, struct dmr_claim, dev);
	struct dmr_link *link;

	mutex_lock(&claim->lock);
	link = dmr_link_of(claim, disk);
	if (!--link->users) {
		if (link->shown)
			bd_unlink_disk_holder(dev->bdev, disk);
		list_del(&link->list);
		kfree(link);
	}
	mutex_unlock(&claim->lock);
}

/**
 * dmr_claim_forget() - drop the page cache of a store or home, which is outdated
 * @dev: the device, without I/O of ours in flight.
 *
 * Our I/O bypasses the page cache.  A reader that kept the device open would see the old
 * content, and so would later readers.
 *
 * Context: may sleep.
 */
void dmr_claim_forget(struct dm_dev *dev)
{
	struct dmr_claim *claim = container_of(dev, struct dmr_claim, dev);

	if (!claim->open.mapping->nrpages)
		return;
	/* invalidate_inode_pages2() does not reach pages in per-CPU lists; this drains them. */
	invalidate_bdev(dev->bdev);
	if (invalidate_inode_pages2(claim->open.mapping))
		DMWARN("%s: its page cache is in use; buffered reads of it may be stale",
		       dev->name);
}

/**
 * dmr_claim_settle() - write back and drop the page cache of a device before its use
 * @dev: the device.
 *
 * Dirty pages, left by a writer while a reader keeps the device open, would overwrite our
 * writes later.  A page that cannot be written is lost, as for any writer without fsync();
 * that must not prevent the resume of a device.
 *
 * Context: may sleep.
 */
void dmr_claim_settle(struct dm_dev *dev)
{
	if (sync_blockdev(dev->bdev))
		DMWARN("%s: dirty pages of its page cache could not be written", dev->name);
	dmr_claim_forget(dev);
}
