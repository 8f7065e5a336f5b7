// SPDX-License-Identifier: GPL-2.0-only
/*
 * Systems: the object, the registry, references, and the state that readers see.
 *
 * A system exists as long as a dm table names its store.  A target's constructor only
 * finds or makes the object; the first resume reads the store, and only targets that are
 * resumed (bound) change its state.
 */
#include "clock.h"
#include "flush.h"
#include "job.h"
#include "log.h"
#include "page-io.h"
#include "park.h"
#include "queue.h"
#include "space.h"
#include "super.h"
#include "system.h"
#include "vacuum.h"
#include "version.h"
#include "work.h"

DEFINE_MUTEX(dmr_registry_mutex);
static LIST_HEAD(dmr_systems);
LIST_HEAD(dmr_replica_targets);
u32 dmr_registry_seq = 1;
static u64 dmr_system_serial;
static atomic_t dmr_systems_live = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(dmr_systems_gone);

/*
 * Cache lines: what every bio reads is never in a line that every first write changes, and
 * the latter are two.  Locks of a debug kernel are larger.
 */
#if defined(CONFIG_SMP) && SMP_CACHE_BYTES == 64 && !defined(CONFIG_DEBUG_SPINLOCK)
#define DMR_LINE(member)	(offsetof(struct dmr_system, member) / SMP_CACHE_BYTES)

/* read */
static_assert(DMR_LINE(sb) == DMR_LINE(published.views));
static_assert(DMR_LINE(sb) == DMR_LINE(chunk_shift));
static_assert(DMR_LINE(grace.waiting) < DMR_LINE(grace.wait));
static_assert(DMR_LINE(grace.mutex) < DMR_LINE(map));
static_assert(DMR_LINE(map.buckets) == DMR_LINE(map.newest));
/* changed by the beginning of a first write */
static_assert(DMR_LINE(map.newest) < DMR_LINE(map.versions));
static_assert(DMR_LINE(map.versions) == DMR_LINE(slots.lock));
static_assert(DMR_LINE(map.versions) == DMR_LINE(space.overlay_versions[DMR_KINDS - 1]));
/* read */
static_assert(DMR_LINE(space.overlay_versions[DMR_KINDS - 1]) < DMR_LINE(space.reserve));
static_assert(DMR_LINE(space.reserve) == DMR_LINE(space.bytes));
static_assert(DMR_LINE(versions.pool) < DMR_LINE(log.dirty));
/* changed by its beginning and its end */
static_assert(DMR_LINE(log.dirty) == DMR_LINE(log.nr_first));
/* changed by log commits */
static_assert(DMR_LINE(log.nr_first) < DMR_LINE(log.room));
static_assert(DMR_LINE(log.room.fresh) < DMR_LINE(log.lock));
#endif

void dmr_system_free_disks(struct dmr_system *sys)
{
	u32 i;

	for (i = 0; sys->disks && i < sys->sb->nr_disks; i++) {
		dmr_space_disk_exit(&sys->disks[i]);
		dmr_fingerprint_exit(&sys->disks[i]);
	}
	kvfree(sys->disks);
	sys->disks = NULL;
}

static void dmr_system_free(struct dmr_system *sys)
{
	dmr_receiver_set(&sys->receiver, 0);
	dmr_job_expire(sys, true);
	dmr_park_exit(&sys->park);
	dmr_flush_exit(&sys->flush);
	if (sys->active) {
		kvfree(sys->published.views);
		dmr_views_reap(sys);
		dmr_map_exit(&sys->map);
		dmr_slots_exit(&sys->slots);
		dmr_system_free_disks(sys);
	}
	dmr_log_exit(&sys->log);
	dmr_super_exit(sys);
	dmr_space_exit(sys);
	dmr_vacuum_exit(&sys->vacuum);
	dmr_adapt_exit(&sys->adapt);
	dmr_versions_exit(sys);
	dmr_page_io_exit(&sys->page_io);
	dmr_grace_exit(&sys->grace);
	kfree(sys);
	if (atomic_dec_and_test(&dmr_systems_live))
		wake_up(&dmr_systems_gone);
}

/**
 * dmr_systems_wait_gone() - wait until all systems have been freed
 *
 * An operation still in a queue has a reference to its system, and fails because it is
 * detached.  Context: module exit; no target is left, and no request can arrive.
 */
void dmr_systems_wait_gone(void)
{
	wait_event(dmr_systems_gone, !atomic_read(&dmr_systems_live));
}

static struct dmr_system *dmr_system_new(struct block_device *store)
{
	struct dmr_system *sys = kzalloc(sizeof(*sys), GFP_KERNEL);
	int r;

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
	/* Shared: a queue of the system could not run the work that drops its last reference. */
	sys->ops_wq = dmr_ops_wq;
	dmr_views_init(&sys->published);
	dmr_point_view_init(&sys->point_views);
	dmr_queue_init(&sys->queue);
	dmr_jobs_init(&sys->jobs);
	dmr_clock_init(&sys->clock);
	dmr_cursor_init(&sys->cursor);
	dmr_receiver_init(&sys->receiver);
	dmr_events_init(&sys->events);
	/* Initialise all of them even after an error, as dmr_system_free() expects. */
	r = dmr_park_init(&sys->park);
	r = dmr_flush_init(&sys->flush) ?: r;
	r = dmr_versions_init(sys) ?: r;
	r = dmr_page_io_init(&sys->page_io) ?: r;
	r = dmr_space_init(sys) ?: r;
	r = dmr_vacuum_init(&sys->vacuum) ?: r;
	r = dmr_grace_init(&sys->grace) ?: r;
	r = dmr_super_init(sys) ?: r;
	r = dmr_log_init(&sys->log) ?: r;
	if (!r)
		return sys;
	dmr_system_free(sys);
	return NULL;
}

/**
 * dmr_system_get() - find or make the system of a store, for a target
 * @store: the store's block device, which the target holds open.
 *
 * The reference is returned by dmr_system_leave().
 * Context: may sleep.
 * Return: the system, referenced, or NULL without memory.
 */
struct dmr_system *dmr_system_get(struct block_device *store)
{
	struct dmr_system *sys, *found = NULL;
	/* Allocate before taking the lock, since readers take it and memory may be slow to come. */
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

/* Called with the registry's mutex held, by kref_put_mutex(). */
static void dmr_system_release(struct kref *ref)
{
	struct dmr_system *sys = container_of(ref, struct dmr_system, ref);

	lockdep_assert_held(&dmr_registry_mutex);
	list_del(&sys->list);
	/* Unlock first: never wait for work with the registry locked. */
	mutex_unlock(&dmr_registry_mutex);
	/* They run on queues like that of this function: WQ_MEM_RECLAIM on both sides of the wait. */
	cancel_delayed_work_sync(&sys->jobs.reaper);
	cancel_delayed_work_sync(&sys->vacuum.work);
	dmr_system_free(sys);
}

/**
 * dmr_system_leave() - release a target's reference to its system
 * @sys: the system.
 *
 * After the last target the system leaves the registry, even if it has other references:
 * the next attach reads the store again.
 * Context: may sleep.
 */
void dmr_system_leave(struct dmr_system *sys)
{
	mutex_lock(&dmr_registry_mutex);
	if (!--sys->users) {
		/* Before the store can be attached again, for the order of events. */
		dmr_event_news(sys, DMR_NEWS_GONE);
		list_del_init(&sys->list);
		dmr_registry_seq++;
	}
	mutex_unlock(&dmr_registry_mutex);
	dmr_system_put(sys);
}

/** dmr_system_put() - drop a reference to a system; may sleep */
void dmr_system_put(struct dmr_system *sys)
{
	kref_put_mutex(&sys->ref, dmr_system_release, &dmr_registry_mutex);
}

/**
 * dmr_system_find() - find an attached system
 * @uuid: UUID, 16 bytes, or NULL.
 * @name: name, used without a UUID.
 *
 * Context: may sleep.
 * Return: the system, referenced, or NULL.
 */
struct dmr_system *dmr_system_find(const u8 *uuid, const char *name)
{
	struct dmr_system *sys, *found = NULL;

	mutex_lock(&dmr_registry_mutex);
	list_for_each_entry(sys, &dmr_systems, list) {
		if (!dmr_loaded(sys))
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
 * @prev: the previous system, whose reference is dropped; NULL to begin.
 *
 * Context: may sleep.
 * Return: the next system, referenced, or NULL at the end.
 */
struct dmr_system *dmr_system_next(struct dmr_system *prev)
{
	u64 after = prev ? prev->serial : 0;
	struct dmr_system *sys, *found = NULL;

	mutex_lock(&dmr_registry_mutex);
	/* Continue from the place of @prev, if it is still listed, so that each step is short. */
	sys = prev && !list_empty(&prev->list) ? prev :
	      list_entry(&dmr_systems, typeof(*sys), list);
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
 * dmr_system_state_of() - CIM replication state of a system, with a given superblock
 * @sys: the system.
 * @sb: its superblock.
 *
 * Return: the state.
 */
u32 dmr_system_state_of(const struct dmr_system *sys, const struct dmr_sb *sb)
{
	return READ_ONCE(sys->critical) ? DM_REPLICA_STATE_CRITICAL : dmr_system_stored_state(sb);
}

/** dmr_system_stored_state() - the stored state, never Critical.  Return: the state. */
u32 dmr_system_stored_state(const struct dmr_sb *sb)
{
	if (sb->state == DM_REPLICA_STATE_REPLICATING && (sb->flags & DMR_SB_SUSPENDED))
		return DM_REPLICA_STATE_SUSPENDED;
	return sb->state;
}

/** dmr_system_state() - CIM replication state of a system.  Return: the state. */
u32 dmr_system_state(struct dmr_system *sys)
{
	return dmr_system_state_of(sys, sys->sb);
}

/**
 * dmr_system_complete() - are all disks attached?
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

/*
 * Take the UUIDs of a store and a system, each of which can be active once: a copy of a
 * store is refused.  Return: false if they are taken.
 */
bool dmr_system_claim(struct dmr_system *sys)
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

void dmr_system_disclaim(struct dmr_system *sys)
{
	mutex_lock(&dmr_registry_mutex);
	sys->claimed = false;
	mutex_unlock(&dmr_registry_mutex);
}

/*
 * Take a home for a disk.  Its claim belongs to the system; this keeps other disks of the
 * same system from it.  Return: true if another disk has the home.
 */
bool dmr_system_home_taken(struct dmr_disk *disk, dev_t home)
{
	struct dmr_system *other;
	bool taken = false;
	u32 i;

	mutex_lock(&dmr_registry_mutex);
	list_for_each_entry(other, &dmr_systems, list)
		for (i = 0; dmr_loaded(other) && i < other->sb->nr_disks; i++)
			if (&other->disks[i] != disk && other->disks[i].home_dev == home)
				taken = true;
	if (!taken)
		WRITE_ONCE(disk->home_dev, home);
	mutex_unlock(&dmr_registry_mutex);
	return taken;
}
