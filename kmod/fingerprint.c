// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fingerprint of a home: checksums of some of its blocks, kept in the superblock
 * from a clean detach to the next attach.  A home that was swapped, restored or edited
 * meanwhile differs there, and replicactl attach refuses it.
 *
 * Half of the places are those written last, which an older copy of the home lacks; the
 * other half is random, which detects a different device.  Only the module knows the first
 * half: its vacuum writes home, and so do writes that go straight home.  If fewer places
 * have been written, those of the last fingerprint (not its checksums) are used again.
 *
 * All reads of a disk are issued at once, as far as its device takes them without
 * waiting, and have one second.  A disk with slower or failing reads gets no fingerprint,
 * and its detach goes on: reads still in flight then own their memory, a share in the
 * claim on the home, which keeps the device, and a reference to the module.  For a device
 * that takes no REQ_NOWAIT a work item issues them, since its submission may wait for ever.
 */
#include <linux/random.h>
#include <linux/sort.h>

#include "claim.h"
#include "system.h"
#include "work.h"

#define DMR_PRINT_TIMEOUT	HZ

struct dmr_print_read {
	struct bio_vec vec;
	struct page *page;
	struct dmr_print_reads *all;
	sector_t sector;
	blk_status_t status;	/* BLK_STS_AGAIN: not issued yet */
	struct bio bio;		/* last: ends in a flexible array */
};

struct dmr_print_reads {
	struct kref ref;	/* one each for reads, work item and taker */
	struct work_struct submit;
	struct work_struct free;
	struct dm_dev *home;	/* open until the last read has ended */
	atomic_t left;
	struct completion done;
	u32 nr;
	struct dmr_print_read *read[DMR_DISK_PRINTS];
};

/**
 * dmr_fingerprint_init() - begin to record places written at home
 * @disk: the disk; its number is set.
 * @sb: superblock in force, with the fingerprint of the last detach.
 *
 * Context: may sleep; op_mutex is held.
 * Return: 0 or -ENOMEM; dmr_fingerprint_exit() is due in either case.
 */
int dmr_fingerprint_init(struct dmr_disk *disk, const struct dmr_sb *sb)
{
	struct dmr_fingerprint *fp = &disk->fingerprint;
	u32 i;

	lockdep_assert_held(&disk->sys->op_mutex);
	fp->recent = alloc_percpu(struct dmr_recent);
	if (!fp->recent)
		return -ENOMEM;
	for (i = 0; i < sb->nr_prints; i++) {
		if (sb->prints[i].disk != disk->number)
			continue;
		/* Keep it until the disk is bound: an attach may fail before. */
		if (fp->nr < ARRAY_SIZE(fp->prints))
			fp->prints[fp->nr++] = sb->prints[i];
		if (sb->prints[i].written && fp->nr_old < ARRAY_SIZE(fp->old))
			fp->old[fp->nr_old++] = sb->prints[i].block;
	}
	return 0;
}

/** dmr_fingerprint_exit() - free the memory of dmr_fingerprint_init() */
void dmr_fingerprint_exit(struct dmr_disk *disk)
{
	free_percpu(disk->fingerprint.recent);
	disk->fingerprint.recent = NULL;
}

/**
 * dmr_fingerprint_void() - drop the fingerprint: the home may change from now on
 * @disk: the disk.
 *
 * Context: op_mutex is held.
 */
void dmr_fingerprint_void(struct dmr_disk *disk)
{
	lockdep_assert_held(&disk->sys->op_mutex);
	disk->fingerprint.nr = 0;
}

/* Add a place, unless it is listed, lies beyond the home, or the list is full. */
static void dmr_print_add(struct dmr_disk *disk, u64 block, bool written, u32 most)
{
	struct dmr_fingerprint *fp = &disk->fingerprint;
	u32 i;

	if (fp->nr >= most || block >= disk->info->sectors / DMR_BLOCK_SECTORS)
		return;
	for (i = 0; i < fp->nr; i++)
		if (fp->prints[i].block == block)
			return;
	memset(&fp->prints[fp->nr], 0, sizeof(fp->prints[0]));
	fp->prints[fp->nr].block = block;
	fp->prints[fp->nr].disk = disk->number;
	fp->prints[fp->nr].written = written;
	fp->nr++;
}

/* Choose places: the latest of each CPU in turn, then earlier ones, then random ones. */
static void dmr_print_places(struct dmr_disk *disk)
{
	struct dmr_fingerprint *fp = &disk->fingerprint;
	u32 most = dmr_disk_prints(disk->sys->sb->nr_disks), i, nr;
	u64 blocks = disk->info->sectors / DMR_BLOCK_SECTORS, block;
	int cpu;

	fp->nr = 0;
	for (i = 1; i <= DMR_RECENT; i++) {
		for_each_possible_cpu(cpu) {
			struct dmr_recent *recent = per_cpu_ptr(fp->recent, cpu);

			block = READ_ONCE(recent->block[(READ_ONCE(recent->next) - i) %
							DMR_RECENT]);
			if (block)
				dmr_print_add(disk, block - 1, true, most / 2);
		}
	}
	for (i = 0; i < fp->nr_old; i++)
		dmr_print_add(disk, fp->old[i], true, most / 2);
	fp->nr_old = fp->nr;
	for (i = 0; i < fp->nr; i++)
		fp->old[i] = fp->prints[i].block;
	nr = min_t(u64, most - fp->nr, blocks);
	for (i = 0; i < nr; i++) {
		div64_u64_rem(get_random_u64(), blocks, &block);
		dmr_print_add(disk, block, false, most);
	}
}

static void dmr_print_reads_free(struct work_struct *work)
{
	struct dmr_print_reads *all = container_of(work, struct dmr_print_reads, free);
	u32 i;

	dmr_claim_put(all->home);
	for (i = 0; i < all->nr; i++) {
		if (all->read[i]->page)
			__free_page(all->read[i]->page);
		kfree(all->read[i]);
	}
	kfree(all);
	module_put(THIS_MODULE);	/* module exit waits for the work queue */
}

/* Closing the home may sleep, and reads end anywhere. */
static void dmr_print_reads_release(struct kref *ref)
{
	struct dmr_print_reads *all = container_of(ref, struct dmr_print_reads, ref);

	queue_work(dmr_ops_wq, &all->free);
}

static void dmr_print_read_end(struct bio *bio)
{
	struct dmr_print_read *read = container_of(bio, struct dmr_print_read, bio);
	struct dmr_print_reads *all = read->all;

	read->status = bio->bi_status;
	bio_uninit(bio);
	if (atomic_dec_and_test(&all->left))
		complete(&all->done);
	kref_put(&all->ref, dmr_print_reads_release);
}

static void dmr_print_submit_work(struct work_struct *work);

static struct dmr_print_reads *dmr_print_reads_alloc(struct dm_dev *home,
						     const struct dmr_print *prints, u32 nr)
{
	/* No reserve: without memory there is no fingerprint. */
	const gfp_t gfp = GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN;
	struct dmr_print_reads *all;
	struct dmr_print_read *read;

	all = kzalloc(sizeof(*all), gfp);
	if (!all)
		return NULL;
	__module_get(THIS_MODULE);
	kref_init(&all->ref);
	INIT_WORK(&all->submit, dmr_print_submit_work);
	INIT_WORK(&all->free, dmr_print_reads_free);
	all->home = dmr_claim_share(home);
	init_completion(&all->done);
	while (all->nr < nr) {
		read = kzalloc(sizeof(*read), gfp);
		if (!read)
			goto bad;
		read->sector = prints[all->nr].block * DMR_BLOCK_SECTORS;
		all->read[all->nr++] = read;
		read->all = all;
		read->status = BLK_STS_AGAIN;
		read->page = alloc_page(gfp);
		if (!read->page)
			goto bad;
	}
	return all;
bad:
	kref_put(&all->ref, dmr_print_reads_release);
	return NULL;
}

/* Issue the remaining reads; all->left has one for the caller. */
static void dmr_print_submit(struct dmr_print_reads *all)
{
	struct block_device *home = all->home->bdev;
	blk_opf_t opf = REQ_OP_READ | (bdev_nowait(home) ? REQ_NOWAIT : 0);
	struct blk_plug plug;
	u32 i;

	blk_start_plug(&plug);
	for (i = 0; i < all->nr; i++) {
		struct dmr_print_read *read = all->read[i];

		if (read->status != BLK_STS_AGAIN)
			continue;
		bio_init(&read->bio, home, &read->vec, 1, opf);
		read->bio.bi_iter.bi_sector = read->sector;
		read->bio.bi_end_io = dmr_print_read_end;
		__bio_add_page(&read->bio, read->page, DMR_BLOCK_SIZE, 0);
		atomic_inc(&all->left);
		kref_get(&all->ref);
		submit_bio(&read->bio);
	}
	blk_finish_plug(&plug);
	if (atomic_dec_and_test(&all->left))
		complete(&all->done);
}

static void dmr_print_submit_work(struct work_struct *work)
{
	struct dmr_print_reads *all = container_of(work, struct dmr_print_reads, submit);

	dmr_print_submit(all);
	kref_put(&all->ref, dmr_print_reads_release);
}

/* A device that hangs has no tags left: never wait for one. */
static void dmr_print_begin(struct dmr_print_reads *all)
{
	reinit_completion(&all->done);
	atomic_set(&all->left, 1);
	if (bdev_nowait(all->home->bdev)) {
		dmr_print_submit(all);
	} else {
		kref_get(&all->ref);
		queue_work(dmr_ops_wq, &all->submit);
	}
}

/* Return: true if all were read within the time. */
static bool dmr_print_read_all(struct dmr_print_reads *all)
{
	unsigned long left = DMR_PRINT_TIMEOUT;
	bool again;
	u32 i;

	do {
		dmr_print_begin(all);
		left = wait_for_completion_timeout(&all->done, left);
		if (!left)
			return false;
		again = false;
		for (i = 0; i < all->nr; i++) {
			if (all->read[i]->status == BLK_STS_AGAIN)
				again = true;
			else if (all->read[i]->status)
				return false;
		}
		if (again) {	/* fewer tags than reads */
			schedule_timeout_uninterruptible(1);
			left--;
		}
	} while (again && left);
	return !again;
}

static int dmr_print_compare(const void *a, const void *b)
{
	u64 x = ((const struct dmr_print *)a)->block, y = ((const struct dmr_print *)b)->block;

	return x < y ? -1 : x > y;
}

/**
 * dmr_fingerprint_take() - read the fingerprint of a home without writers
 * @disk: the disk; its last target is suspended, and disk->home still valid.
 *
 * Context: may sleep, for a second at most; op_mutex is held.
 */
void dmr_fingerprint_take(struct dmr_disk *disk)
{
	struct dmr_fingerprint *fp = &disk->fingerprint;
	struct dmr_print_reads *all;
	u32 i;

	lockdep_assert_held(&disk->sys->op_mutex);
	dmr_print_places(disk);
	if (!fp->nr)
		return;
	sort(fp->prints, fp->nr, sizeof(fp->prints[0]), dmr_print_compare, NULL);
	for (i = 0; !disk->target[i]; i++)
		;
	all = dmr_print_reads_alloc(disk->target[i]->home, fp->prints, fp->nr);
	if (!all) {
		fp->nr = 0;
		return;
	}
	if (dmr_print_read_all(all)) {
		for (i = 0; i < fp->nr; i++)
			fp->prints[i].crc = dmr_crc32c(0, page_address(all->read[i]->page),
						       DMR_BLOCK_SIZE);
	} else {
		DMWARN("%s: no fingerprint of the home of disk %s: it could not be read in a second",
		       disk->sys->sb->name, disk->info->name);
		fp->nr = 0;
	}
	kref_put(&all->ref, dmr_print_reads_release);
}
