// SPDX-License-Identifier: GPL-2.0-only
/*
 * Systems: the registry, attaching (choose a superblock, replay the log) and
 * binding targets.
 *
 * A system exists as long as a table line names its store.  A constructor only
 * finds or makes the object; the store is read at the first resume, and what is
 * mutable belongs to the targets that are resumed (bound).
 */
#include <linux/sched/signal.h>

#include "claim.h"
#include "dmr.h"
#include "rebuild.h"
#include "trace.h"

DEFINE_MUTEX(dmr_registry_mutex);
static LIST_HEAD(dmr_systems);
LIST_HEAD(dmr_replica_targets);
u32 dmr_registry_seq = 1;
static u64 dmr_system_serial;
static atomic_t dmr_systems_live = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(dmr_systems_gone);

static void dmr_disks_free(struct dmr_system *sys)
{
	u32 i;

	for (i = 0; sys->disks && i < sys->sb->nr_disks; i++)
		dmr_fingerprint_exit(&sys->disks[i]);
	kvfree(sys->disks);
	sys->disks = NULL;
}

static void dmr_system_free(struct dmr_system *sys)
{
	int i;

	if (sys->jobs.next)
		dmr_job_expire(sys, true);
	if (sys->io_wq)
		destroy_workqueue(sys->io_wq);
	if (sys->commit_wq)
		destroy_workqueue(sys->commit_wq);
	if (sys->active) {
		kvfree(sys->table);
		dmr_table_reap(sys);
		dmr_map_exit(&sys->map);
		dmr_slots_exit(&sys->slots);
		dmr_disks_free(sys);
	}
	dmr_commit_free(sys);
	dmr_super_free(sys);
	for (i = 0; i < DMR_KINDS; i++)
		free_percpu(sys->writes[i]);
	free_percpu(sys->bytes);
	if (!IS_ERR_OR_NULL(sys->kcopyd))
		dm_kcopyd_client_destroy(sys->kcopyd);
	dmr_versions_destroy(sys);
	mempool_destroy(sys->pages);
	bioset_exit(&sys->bios);
	dmr_grace_exit(&sys->grace);
	kfree(sys);
	if (atomic_dec_and_test(&dmr_systems_live))
		wake_up(&dmr_systems_gone);
}

/**
 * dmr_systems_wait_gone() - the module is about to leave
 *
 * What still waits in a queue finds its system detached, and holds it until then.
 * Context: module exit; no target is left, nothing can be asked for any more.
 */
void dmr_systems_wait_gone(void)
{
	wait_event(dmr_systems_gone, !atomic_read(&dmr_systems_live));
}

static struct dmr_system *dmr_system_new(struct block_device *store)
{
	struct dmr_system *sys = kzalloc(sizeof(*sys), GFP_KERNEL);
	int i;

	if (!sys)
		return NULL;
	atomic_inc(&dmr_systems_live);
	kref_init(&sys->ref);
	INIT_LIST_HEAD(&sys->list);
	sys->store_dev = store->bd_dev;
	sys->store = store;
	snprintf(sys->store_name, sizeof(sys->store_name), "%pg", store);
	mutex_init(&sys->op_mutex);
	mutex_init(&sys->sb_mutex);
	mutex_init(&sys->store_mutex);
	mutex_init(&sys->home_mutex);
	mutex_init(&sys->event_mutex);
	mutex_init(&sys->job_mutex);
	INIT_LIST_HEAD(&sys->ops);
	INIT_DELAYED_WORK(&sys->ops_work, dmr_ops_work);
	INIT_LIST_HEAD(&sys->stale_tables);
	INIT_LIST_HEAD(&sys->waiters);
	INIT_LIST_HEAD(&sys->drops);
	INIT_LIST_HEAD(&sys->jobs);
	spin_lock_init(&sys->park_lock);
	spin_lock_init(&sys->clock_lock);
	spin_lock_init(&sys->commit_lock);
	bio_list_init(&sys->parked);
	bio_list_init(&sys->flushes);
	bio_list_init(&sys->fuas);
	init_llist_head(&sys->dirty);
	init_waitqueue_head(&sys->throttle);
	INIT_DELAYED_WORK(&sys->job_reaper, dmr_job_reap);
	INIT_DELAYED_WORK(&sys->vacuum_work, dmr_vacuum_work);
	INIT_WORK(&sys->drain_work, dmr_point_drain_work);
	sys->vacuum_stop = true;
	sys->job_next = 1;

	sys->io_wq = alloc_workqueue("dmr_io", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	sys->commit_wq = alloc_ordered_workqueue("dmr_commit", WQ_MEM_RECLAIM);
	/* Not its own: an operation may drop the last reference to the system. */
	sys->ops_wq = dmr_ops_wq;
	sys->versions = dmr_versions_create();
	sys->pages = mempool_create_page_pool(16, 0);
	for (i = 0; i < DMR_KINDS; i++) {
		sys->writes[i] = alloc_percpu(u64);
		if (!sys->writes[i])
			goto bad;
	}
	sys->bytes = alloc_percpu(u64);
	sys->kcopyd = dm_kcopyd_client_create(NULL);
	if (!sys->io_wq || !sys->commit_wq || !sys->versions || !sys->pages || !sys->bytes ||
	    IS_ERR(sys->kcopyd))
		goto bad;
	if (bioset_init(&sys->bios, 64, 0, BIOSET_NEED_BVECS) || dmr_grace_init(&sys->grace) ||
	    dmr_super_alloc(sys) || dmr_commit_alloc(sys))
		goto bad;
	return sys;
bad:
	dmr_system_free(sys);
	return NULL;
}

/**
 * dmr_system_get() - a target's reference on the system of a store
 * @store: the store's block device, held by the target.
 *
 * Made if it is new; given back with dmr_system_leave().
 * Context: may sleep.
 * Return: a referenced system, NULL without memory.
 */
struct dmr_system *dmr_system_get(struct block_device *store)
{
	struct dmr_system *sys, *found = NULL;
	/* Before the lock that readers take, too: memory may be long in coming. */
	struct dmr_system *new = dmr_system_new(store);

	mutex_lock(&dmr_registry_mutex);
	list_for_each_entry(sys, &dmr_systems, list)
		if (sys->store_dev == store->bd_dev)
			found = sys;
	if (found) {
		kref_get(&found->ref);
		found->users++;
	} else if (new) {
		new->users = 1;
		new->serial = ++dmr_system_serial;
		list_add_tail(&new->list, &dmr_systems);
		dmr_registry_seq++;
		found = new;
		new = NULL;
	}
	mutex_unlock(&dmr_registry_mutex);
	if (new)
		dmr_system_free(new);
	return found;
}

/* kref_put_mutex() has taken the registry's mutex. */
static void dmr_system_release(struct kref *ref)
{
	struct dmr_system *sys = container_of(ref, struct dmr_system, ref);

	list_del(&sys->list);
	/* Never flush work with the registry locked. */
	mutex_unlock(&dmr_registry_mutex);
	/* On ops_wq as well: this may run there, and waits for no work of a lesser queue. */
	cancel_delayed_work_sync(&sys->job_reaper);
	cancel_delayed_work_sync(&sys->vacuum_work);
	dmr_system_free(sys);
}

/**
 * dmr_system_leave() - a target lets go of its system
 * @sys: the system.
 *
 * With the last target the system leaves the registry, whoever else still looks
 * at it: the next attach reads the store anew.
 * Context: may sleep.
 */
void dmr_system_leave(struct dmr_system *sys)
{
	mutex_lock(&dmr_registry_mutex);
	if (!--sys->users) {
		/* Before its store can be attached anew: events come in this order. */
		dmr_netlink_gone(sys);
		list_del_init(&sys->list);
		dmr_registry_seq++;
	}
	mutex_unlock(&dmr_registry_mutex);
	dmr_system_put(sys);
}

/** dmr_system_put() - let go of a system; may sleep */
void dmr_system_put(struct dmr_system *sys)
{
	kref_put_mutex(&sys->ref, dmr_system_release, &dmr_registry_mutex);
}

/**
 * dmr_system_find() - an attached system
 * @uuid: its UUID, 16 bytes, or NULL.
 * @name: its name; asked if there is no UUID.
 *
 * Context: may sleep.
 * Return: a referenced system, or NULL.
 */
struct dmr_system *dmr_system_find(const u8 *uuid, const char *name)
{
	struct dmr_system *sys, *found = NULL;

	mutex_lock(&dmr_registry_mutex);
	list_for_each_entry(sys, &dmr_systems, list) {
		if (!smp_load_acquire(&sys->active))
			continue;
		if (uuid ? !memcmp(sys->sb->system_uuid, uuid, 16) : !strcmp(sys->sb->name, name)) {
			kref_get(&sys->ref);
			found = sys;
			break;
		}
	}
	mutex_unlock(&dmr_registry_mutex);
	return found;
}

/**
 * dmr_system_next() - walk the registry
 * @prev: the system before, whose reference is dropped, or NULL to begin.
 *
 * Context: may sleep.
 * Return: the next system, referenced, or NULL at the end.
 */
struct dmr_system *dmr_system_next(struct dmr_system *prev)
{
	u64 after = prev ? prev->serial : 0;
	struct dmr_system *sys, *found = NULL;

	mutex_lock(&dmr_registry_mutex);
	/* From its place on, if it has one still: a walk is to be no longer than the list. */
	sys = prev && !list_empty(&prev->list) ? prev : list_entry(&dmr_systems, typeof(*sys), list);
	list_for_each_entry_continue(sys, &dmr_systems, list) {
		if (sys->serial > after) {
			kref_get(&sys->ref);
			found = sys;
			break;
		}
	}
	mutex_unlock(&dmr_registry_mutex);
	if (prev)
		dmr_system_put(prev);
	return found;
}

/**
 * dmr_critical() - something is broken that cannot be made good while attached
 * @sys: the system.
 * @why: constant text.
 *
 * R9: said aloud, computed and never stored; ends by detach and attach.
 * Context: may sleep.
 */
void dmr_critical(struct dmr_system *sys, const char *why)
{
	if (cmpxchg(&sys->critical, NULL, why))
		return;
	DMERR("%s: critical: %s; detach, mend the device, check, attach", sys->sb->name, why);
	dmr_vacuum_kick(sys);
	dmr_netlink_system(sys);
}

/**
 * dmr_state_of() - the CIM replication state that a system shows
 * @sys: the system.
 * @sb: its superblock.
 *
 * Return: it.
 */
u32 dmr_state_of(const struct dmr_system *sys, const struct dmr_sb *sb)
{
	return READ_ONCE(sys->critical) ? DM_REPLICA_STATE_CRITICAL : dmr_stored_state(sb);
}

/** dmr_stored_state() - the same, but never Critical: what it was.  Return: it. */
u32 dmr_stored_state(const struct dmr_sb *sb)
{
	if (sb->state == DM_REPLICA_STATE_REPLICATING && (sb->flags & DMR_SB_SUSPENDED))
		return DM_REPLICA_STATE_SUSPENDED;
	return sb->state;
}

/** dmr_system_state() - the same, of the superblock in force.  Return: it. */
u32 dmr_system_state(struct dmr_system *sys)
{
	return dmr_state_of(sys, sys->sb);
}

/**
 * dmr_system_complete() - is every disk attached?
 * @sys: the system.
 *
 * Return: true if the three devices of each disk are bound.
 */
bool dmr_system_complete(struct dmr_system *sys)
{
	u32 i;

	for (i = 0; i < sys->sb->nr_disks; i++) {
		struct dmr_disk *disk = &sys->disks[i];

		if (!READ_ONCE(disk->gd[DMR_REPLICA]) || !READ_ONCE(disk->gd[DMR_LIVE]) ||
		    !READ_ONCE(disk->gd[DMR_TEST]))
			return false;
	}
	return true;
}

/*----------------------------------------------------------------
 * Attaching
 *----------------------------------------------------------------*/

struct dmr_load {
	struct dmr_replay_ops ops;
	struct dmr_rebuild rb;
};

static int dmr_load_record(struct dmr_replay_ops *ops, const struct dmr_record *rec, u64 number)
{
	cond_resched();
	if (fatal_signal_pending(current))
		return -EINTR;
	return dmr_rebuild_record(&container_of(ops, struct dmr_load, ops)->rb, rec, number);
}

/* What follows from the versions: slots in use, sizes of overlays, the epoch of writes. */
static int dmr_load_account(struct dmr_system *sys)
{
	const struct dmr_sb *sb = sys->sb;
	struct dmr_version *v;
	u64 i;
	int r, kind;

	for (i = 0; i < 1ULL << sys->map.bucket_bits; i++) {
		for (v = sys->map.buckets[i]; v; v = v->next) {
			if (v->slot != DMR_SLOT_NONE) {
				r = dmr_slots_claim(&sys->slots, v->slot);
				if (r)
					return r;
			}
			/*
			 * Writes had gone on to the next epoch when a point came to
			 * nothing: they never go back under what they wrote there.
			 */
			if (v->epoch == sb->next_epoch)
				sys->ahead = true;
			if (v->epoch == sb->live.epoch)
				kind = DMR_LIVE;
			else if (v->epoch == sb->test.epoch)
				kind = DMR_TEST;
			else
				continue;
			atomic64_inc(&sys->overlay_versions[kind]);
			atomic64_add(hweight64(v->data | v->zero),
				     &sys->disks[dmr_key_disk(v->key)].overlay_blocks[kind]);
		}
		if (!(i & 0xffff))
			cond_resched();
	}
	return 0;
}

/*
 * One store UUID and one system UUID are active once (a copy of a store is
 * refused).  Of two that come at the same time the first here has it.
 */
static bool dmr_system_claim(struct dmr_system *sys)
{
	struct dmr_system *other;
	bool twin = false;

	mutex_lock(&dmr_registry_mutex);
	list_for_each_entry(other, &dmr_systems, list)
		if (other != sys && other->claimed &&
		    (!memcmp(other->sb->store_uuid, sys->sb->store_uuid, 16) ||
		     !memcmp(other->sb->system_uuid, sys->sb->system_uuid, 16)))
			twin = true;
	sys->claimed = !twin;
	mutex_unlock(&dmr_registry_mutex);
	return !twin;
}

static void dmr_system_disclaim(struct dmr_system *sys)
{
	mutex_lock(&dmr_registry_mutex);
	sys->claimed = false;
	mutex_unlock(&dmr_registry_mutex);
}

static int dmr_system_load(struct dmr_system *sys, struct dmr_target *t)
{
	struct dmr_sb *sb = sys->sb;
	struct dmr_damage dmg = { .reason = "no reason given" };
	struct dmr_reader_bdev reader;
	struct dmr_load *load;
	struct dmr_table *tab;
	u64 other_seq, other_state, next;
	u32 i;
	int r;

	dmr_reader_init(&reader, sys);
	r = dmr_replay_super(&reader.rd, sb, &other_seq, &other_state, &dmg);
	if (r) {
		DMERR("%s: %s; see replicactl check", sys->store_name, dmg.reason);
		return r;
	}
	if (bdev_nr_bytes(sys->store) < sb->store_bytes) {
		DMERR("%s: the store is shorter than its superblock says", sys->store_name);
		return -EUCLEAN;
	}
	if (sb->state == DM_REPLICA_STATE_DISABLED && !(sb->flags & DMR_SB_REMOVING)) {
		DMERR("%s: the relationship was removed; the homes are plain disks",
		      sys->store_name);
		return -EUNATCH;
	}
	/* A host without an id is nobody in particular. */
	if ((sb->flags & DMR_SB_ACTIVE) && memchr_inv(sb->active_host, 0, 16) &&
	    memcmp(sb->active_host, t->host, 16) && !t->takeover) {
		DMERR("%s: another host has it attached", sys->store_name);
		return -EBUSY;
	}
	if (!dmr_system_claim(sys)) {
		DMERR("%s: a store or a system of this UUID is attached already", sys->store_name);
		return -EEXIST;
	}

	load = kvzalloc(sizeof(*load), GFP_KERNEL);
	sys->disks = kvcalloc(sb->nr_disks, sizeof(*sys->disks), GFP_KERNEL);
	if (!load || !sys->disks) {
		r = -ENOMEM;
		goto bad_load;
	}
	for (i = 0; i < sb->nr_disks; i++) {
		sys->disks[i].sys = sys;
		sys->disks[i].info = &sb->disks[i];
		sys->disks[i].number = i;
		mutex_init(&sys->disks[i].flush_mutex);
		/* R15: what was written there before may still be in its cache. */
		sys->disks[i].home_dirty = 1;
		r = dmr_fingerprint_init(&sys->disks[i], sb);
		if (r)
			goto bad_load;
	}
	for (i = 0; i < DMR_KINDS; i++)
		atomic64_set(&sys->overlay_versions[i], 0);
	sys->ahead = false;
	sys->swept = false;

	r = dmr_map_init(&sys->map, dmr_map_versions(dmr_usable_slots(sb)), sys->versions);
	if (r)
		goto bad_load;
	r = dmr_slots_init(&sys->slots, sb);
	if (r)
		goto bad_slots;
	r = dmr_rebuild_init(&load->rb, &sys->map, sb);
	if (r)
		goto bad_rebuild;
	load->ops.record = dmr_load_record;
	r = dmr_replay_log(&reader.rd, sb, &load->ops, &next, &dmg);
	dmr_rebuild_exit(&load->rb);
	if (r == -EINTR) {
		/* Who attaches was killed: nothing is wrong with the store. */
		DMINFO("%s: attach was interrupted", sys->store_name);
		goto bad_rebuild;
	}
	if (r) {
		DMERR("%s: log: %s (block %llu); see replicactl check", sys->store_name,
		      dmg.reason, dmg.number);
		goto bad_rebuild;
	}
	r = dmr_load_account(sys);
	if (r) {
		DMERR("%s: two versions share a slot; see replicactl check", sys->store_name);
		goto bad_rebuild;
	}

	sys->room.next = next;
	sys->room.durable = next - 1;
	sys->room.tail = sb->log_tail;
	sys->room.sb_tail = sb->log_tail;
	sys->tail_record = 0;
	sys->tail_count = 0;
	sys->room.blocks = dmr_ring_blocks(sb);
	sys->room.from = sb->ring_from;
	sys->room.fresh = sys->room.blocks - sb->ring_start;
	sys->copy_state[sb->copy] = sb->state_number;
	sys->copy_state[!sb->copy] = other_state;
	sys->chunk_sectors = sb->chunk_bytes >> SECTOR_SHIFT;
	sys->chunk_shift = ilog2(sys->chunk_sectors);
	sys->job_next = sb->job_number + 1;
	memcpy(sys->host, t->host, 16);
	memcpy(sys->boot, t->boot, 16);
	sys->full_pass = 0;
	dmr_space_settings(sys);
	dmr_clock_load(sys);
	dmr_received_load(sys);

	tab = dmr_table_make(sys, sb, DMR_EPOCH_NONE);
	if (!tab) {
		r = -ENOMEM;
		goto bad_rebuild;
	}
	dmr_table_publish(sys, tab);
	/* Whose it is what is in the caches of homes, if they lose it. */
	for (i = 0; i < sb->nr_disks && tab->straight >= 0; i++)
		sys->disks[i].home_direct[tab->straight] = 1;
	kvfree(load);
	mutex_lock(&sys->sb_mutex);
	dmr_super_show(sys);
	mutex_unlock(&sys->sb_mutex);
	/* Whoever finds it active finds the superblock and the disks. */
	/* Its disks come one after the other: no alarm before they had the time. */
	WRITE_ONCE(sys->bind_time, jiffies);
	smp_store_release(&sys->active, true);
	mutex_lock(&dmr_registry_mutex);
	dmr_registry_seq++;
	mutex_unlock(&dmr_registry_mutex);
	return 0;

bad_rebuild:
	dmr_slots_exit(&sys->slots);
bad_slots:
	dmr_map_exit(&sys->map);
bad_load:
	dmr_system_disclaim(sys);
	dmr_disks_free(sys);
	kvfree(load);
	return r;
}

/*
 * A home belongs to one disk.  The claim on it is the system's: this keeps it from another
 * disk of the same one.
 */
static bool dmr_home_taken(struct dmr_disk *disk, dev_t home)
{
	struct dmr_system *other;
	bool taken = false;
	u32 i;

	mutex_lock(&dmr_registry_mutex);
	list_for_each_entry(other, &dmr_systems, list)
		for (i = 0; smp_load_acquire(&other->active) && i < other->sb->nr_disks; i++)
			if (&other->disks[i] != disk && other->disks[i].home_dev == home)
				taken = true;
	if (!taken)
		WRITE_ONCE(disk->home_dev, home);
	mutex_unlock(&dmr_registry_mutex);
	return taken;
}

static int dmr_system_fits(struct dmr_system *sys, struct dmr_target *t)
{
	const struct dmr_disk_info *info;
	struct dmr_disk *disk;

	if (t->disk_number >= sys->sb->nr_disks) {
		DMERR("%s: there is no disk %u", sys->sb->name, t->disk_number);
		return -ENXIO;
	}
	disk = &sys->disks[t->disk_number];
	info = disk->info;
	if (disk->target[t->kind]) {
		DMERR("%s: disk %s has such a device already", sys->sb->name, info->name);
		return -EBUSY;
	}
	if (t->ti->len != info->sectors) {
		DMERR("%s: disk %s has %llu sectors, the table %llu", sys->sb->name, info->name,
		      info->sectors, (u64)t->ti->len);
		return -EINVAL;
	}
	/* A home that has grown below is none the worse: the disk keeps its size. */
	if (bdev_nr_sectors(t->home->bdev) < info->sectors) {
		DMERR("%s: the home of disk %s is too short: %llu sectors, the disk has %llu",
		      sys->sb->name, info->name, (u64)bdev_nr_sectors(t->home->bdev),
		      info->sectors);
		return -EINVAL;
	}
	if (disk->home && disk->home != t->home->bdev) {
		DMERR("%s: disk %s is bound to another home", sys->sb->name, info->name);
		return -EBUSY;
	}
	if (bdev_logical_block_size(sys->store) > bdev_logical_block_size(t->home->bdev)) {
		DMERR("%s: the store's logical block is larger than that of disk %s",
		      sys->sb->name, info->name);
		return -EINVAL;
	}
	return 0;
}

/*
 * Suspended and resumed without a new table: what memory knows is in force only
 * if nobody has had the store meanwhile.
 */
static int dmr_system_same(struct dmr_system *sys)
{
	struct dmr_damage dmg = { .reason = "no reason given" };
	struct dmr_sb *sb = kvzalloc(sizeof(*sb), GFP_NOIO);
	struct dmr_reader_bdev reader;
	u64 other_seq, other_state;
	int r;

	if (!sb)
		return -ENOMEM;
	dmr_reader_init(&reader, sys);
	r = dmr_replay_super(&reader.rd, sb, &other_seq, &other_state, &dmg);
	if (r) {
		DMERR("%s: %s; see replicactl check", sys->store_name, dmg.reason);
	} else if (sb->seq != sys->sb->seq || sb->copy != sys->sb->copy ||
		   memcmp(sb->store_uuid, sys->sb->store_uuid, 16)) {
		DMERR("%s: the store was changed while it was suspended; detach and attach",
		      sys->store_name);
		r = -ESTALE;
	}
	kvfree(sb);
	return r;
}

/* The first target: this host has it now, durable before any log block or slot write. */
static int dmr_system_start(struct dmr_system *sys, bool loaded)
{
	struct dmr_sb *draft = sys->draft;
	int r;

	if (!loaded) {
		r = dmr_system_same(sys);
		if (r)
			return r;
	}
	/* R6: what replay took may still be in the device's cache; nothing builds on that. */
	r = blkdev_issue_flush(sys->store);
	if (r) {
		/* It may be lost, and memory has it: another resume must not go on with that. */
		dmr_critical(sys, "the store could not be flushed");
		return r;
	}
	memcpy(draft, sys->sb, sizeof(*draft));
	draft->flags |= DMR_SB_ACTIVE;
	memcpy(draft->active_host, sys->host, 16);
	memcpy(draft->active_boot, sys->boot, 16);
	/* Writes may go home from here on. */
	memset(draft->prints, 0, sizeof(draft->prints));
	draft->nr_prints = 0;
	draft->active_time = ktime_get_real_ns();
	draft->job_number = sys->job_next + 1000000;
	dmr_clock_draft(sys, draft);
	r = dmr_super_commit(sys, draft, "attach");
	if (r)
		return r;
	/* Also if the target that had it loaded did not fit. */
	if (!sys->swept)
		dmr_vacuum_first(sys);
	dmr_commit_start(sys);
	WRITE_ONCE(sys->running, true);
	dmr_move_resume(sys);
	dmr_vacuum_start(sys);
	return 0;
}

static void dmr_system_stop(struct dmr_system *sys)
{
	struct dmr_sb *draft = sys->draft;
	u32 i;

	dmr_vacuum_stop(sys);
	flush_work(&sys->drain_work);
	dmr_commit_stop(sys);
	WRITE_ONCE(sys->running, false);
	dmr_job_forget_all(sys, "the system was detached; reclaiming goes on at the next attach");
	if (READ_ONCE(sys->critical))
		return;
	/* The disk whose targets go last; the others' were taken when they went. */
	for (i = 0; i < sys->sb->nr_disks; i++)
		if (sys->disks[i].home && !dmr_home_flush(&sys->disks[i]))
			dmr_fingerprint_take(&sys->disks[i]);
	memcpy(draft, sys->sb, sizeof(*draft));
	draft->flags &= ~DMR_SB_ACTIVE;
	draft->job_number = sys->job_next;
	dmr_clock_draft(sys, draft);
	draft->nr_prints = 0;
	for (i = 0; i < draft->nr_disks; i++) {
		struct dmr_fingerprint *fp = &sys->disks[i].fingerprint;

		memcpy(&draft->prints[draft->nr_prints], fp->prints,
		       fp->nr * sizeof(fp->prints[0]));
		draft->nr_prints += fp->nr;
	}
	dmr_super_commit(sys, draft, "detach");
}

/**
 * dmr_system_may_reload() - may this table follow the one that its device has?
 * @t: the new target, its devices open.
 *
 * dm has thrown the old table away when a resume fails, and the device stays
 * suspended with a guest's I/O in it.  So what can be known is looked at when
 * the table is loaded: a device that does I/O for a disk keeps to it.
 *
 * Context: constructor; may sleep.
 * Return: false if its device does another disk's I/O, or that of other devices.
 */
bool dmr_system_may_reload(const struct dmr_target *t)
{
	struct dmr_system *sys = NULL;
	bool may = true, found = false;
	u32 i, kind;

	while (!found && (sys = dmr_system_next(sys))) {
		/* No mutex: a system that hangs must not hold up the others' tables. */
		for (i = 0; smp_load_acquire(&sys->active) && i < sys->sb->nr_disks; i++) {
			const struct dmr_disk *disk = &sys->disks[i];

			for (kind = 0; kind < DMR_KINDS; kind++) {
				if (READ_ONCE(disk->dev[kind]) != t->own_dev)
					continue;
				found = true;
				may = sys == t->sys && i == t->disk_number && kind == t->kind &&
				      READ_ONCE(disk->home_dev) == t->home->bdev->bd_dev &&
				      disk->info->sectors == t->ti->len;
			}
		}
	}
	if (sys)
		dmr_system_put(sys);
	return may;
}

/**
 * dmr_system_bind() - a target is about to be resumed: it does its disk's I/O from now
 * @sys: the system.
 * @t: the target.
 *
 * The first one reads the store, replays the log and notes this host in the
 * store; later ones only check.
 *
 * Context: preresume; may sleep.
 * Return: 0 or a negative errno; the reason is in the kernel log.
 */
int dmr_system_bind(struct dmr_system *sys, struct dmr_target *t)
{
	struct gendisk *gd = dm_disk(dm_table_get_md(t->ti->table));
	bool loaded = false;
	struct dmr_disk *disk;
	int r = 0;

	mutex_lock(&sys->op_mutex);
	if (!sys->running)
		dmr_claim_settle(t->store);
	if (!sys->active) {
		r = dmr_system_load(sys, t);
		loaded = true;
	}
	if (!r)
		r = dmr_system_fits(sys, t);
	if (!r && !sys->disks[t->disk_number].home)
		dmr_claim_settle(t->home);
	if (!r && !sys->running)
		r = dmr_system_start(sys, loaded);
	if (r)
		goto out;
	disk = &sys->disks[t->disk_number];
	if (dmr_home_taken(disk, t->home->bdev->bd_dev)) {
		DMERR("%s: the home of disk %s is that of another disk", sys->sb->name,
		      disk->info->name);
		r = -EBUSY;
		if (!sys->nr_bound)
			dmr_system_stop(sys);
		goto out;
	}
	dmr_fingerprint_void(disk);
	t->disk = disk;
	t->bound = true;
	/* R2: what dm may have kept behind a flush went with its device. */
	if (disk->diskseq[t->kind] != gd->diskseq)
		WRITE_ONCE(disk->flush_failed[t->kind], 0);
	disk->diskseq[t->kind] = gd->diskseq;
	sys->nr_bound++;
	mutex_lock(&sys->sb_mutex);
	disk->target[t->kind] = t;
	WRITE_ONCE(disk->dev[t->kind], disk_devt(gd));
	smp_store_release(&disk->gd[t->kind], gd);
	disk->home = t->home->bdev;
	WRITE_ONCE(sys->bind_time, jiffies);
	mutex_unlock(&sys->sb_mutex);
	if (t->kind == DMR_REPLICA) {
		mutex_lock(&sys->home_mutex);
		disk->movable = true;
		mutex_unlock(&sys->home_mutex);
		dmr_vacuum_kick(sys);	/* now it can be moved home */
	}
out:
	mutex_unlock(&sys->op_mutex);
	if (!r)
		dmr_netlink_system(sys);
	return r;
}

/**
 * dmr_system_unbind() - a target is suspended
 * @sys: the system.
 * @t: the target; none of its bios is in flight.
 *
 * The last one commits and quiesces the store.
 * Context: postsuspend; may sleep.
 */
void dmr_system_unbind(struct dmr_system *sys, struct dmr_target *t)
{
	struct dmr_disk *disk = t->disk;
	bool others = false;
	u32 i;

	mutex_lock(&sys->op_mutex);
	if (!t->bound)
		goto out;
	t->bound = false;
	dmr_flush_failed_expire(t);
	if (t->kind == DMR_REPLICA) {
		mutex_lock(&sys->home_mutex);	/* no batch is on its way home any more */
		disk->movable = false;
		mutex_unlock(&sys->home_mutex);
	}
	for (i = 0; i < DMR_KINDS; i++)
		others |= i != t->kind && disk->target[i];
	if (sys->nr_bound == 1)
		dmr_system_stop(sys);	/* while the home is still known: it may need a flush */
	else if (!others)
		dmr_fingerprint_take(disk);	/* nothing writes there any more */
	sys->nr_bound--;
	mutex_lock(&sys->sb_mutex);
	WRITE_ONCE(sys->bind_time, jiffies);
	disk->target[t->kind] = NULL;
	/* A gendisk and its block_device are freed behind a grace period of RCU. */
	WRITE_ONCE(disk->gd[t->kind], NULL);
	WRITE_ONCE(disk->dev[t->kind], 0);
	for (i = 0; i < DMR_KINDS; i++)
		if (disk->target[i])
			break;
	if (i == DMR_KINDS) {
		/* Its home may go: what was written there directly is flushed first. */
		if (dmr_home_flush(disk))
			dmr_fingerprint_void(disk);	/* what was read may be lost */
		mutex_lock(&disk->flush_mutex);	/* nobody flushes it for the vacuum any more */
		disk->home = NULL;
		mutex_unlock(&disk->flush_mutex);
	} else {
		disk->home = disk->target[i]->home->bdev;
	}
	mutex_unlock(&sys->sb_mutex);
	if (!disk->home) {
		dmr_claim_forget(t->home);
		mutex_lock(&dmr_registry_mutex);
		WRITE_ONCE(disk->home_dev, 0);
		mutex_unlock(&dmr_registry_mutex);
	}
	if (!sys->nr_bound)
		dmr_claim_forget(t->store);
out:
	mutex_unlock(&sys->op_mutex);
	dmr_netlink_system(sys);
}
