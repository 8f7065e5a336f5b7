// SPDX-License-Identifier: GPL-2.0-only
/*
 * Systems: the object, the registry, references, and the state that is shown.
 *
 * A system exists as long as a table line names its store.  A constructor only finds or
 * makes the object; the store is read at the first resume, and mutable state belongs to
 * the targets that are resumed (bound).
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

void dmr_system_free_disks(struct dmr_system *sys)
{
	u32 i;

	for (i = 0; sys->disks && i < sys->sb->nr_disks; i++)
		dmr_fingerprint_exit(&sys->disks[i]);
	kvfree(sys->disks);
	sys->disks = NULL;
}

static void dmr_system_free(struct dmr_system *sys)
{
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
	dmr_versions_exit(sys);
	dmr_page_io_exit(&sys->page_io);
	dmr_grace_exit(&sys->grace);
	kfree(sys);
	if (atomic_dec_and_test(&dmr_systems_live))
		wake_up(&dmr_systems_gone);
}

/**
 * dmr_systems_wait_gone() - the module is about to leave
 *
 * An operation still in a queue finds its system detached, and holds it until then.
 * Context: module exit; no target is left, nothing can be asked for any more.
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
	/* Not its own: an operation may drop the last reference to the system. */
	sys->ops_wq = dmr_ops_wq;
	dmr_views_init(&sys->published);
	dmr_queue_init(&sys->queue);
	dmr_jobs_init(&sys->jobs);
	dmr_clock_init(&sys->clock);
	dmr_events_init(&sys->events);
	/* All of them, so that dmr_system_free() finds each initialised. */
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
	cancel_delayed_work_sync(&sys->jobs.reaper);
	cancel_delayed_work_sync(&sys->vacuum.work);
	dmr_system_free(sys);
}

/**
 * dmr_system_leave() - a target lets go of its system
 * @sys: the system.
 *
 * With the last target the system leaves the registry, even if it has other references:
 * the next attach reads the store anew.
 * Context: may sleep.
 */
void dmr_system_leave(struct dmr_system *sys)
{
	mutex_lock(&dmr_registry_mutex);
	if (!--sys->users) {
		/* Before its store can be attached anew: events are delivered in this order. */
		dmr_event_news(sys, DMR_NEWS_GONE);
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
 * @prev: the system before; its reference is dropped; NULL to begin.
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
 * dmr_system_state_of() - the CIM replication state that a system shows
 * @sys: the system.
 * @sb: its superblock.
 *
 * Return: it.
 */
u32 dmr_system_state_of(const struct dmr_system *sys, const struct dmr_sb *sb)
{
	return READ_ONCE(sys->critical) ? DM_REPLICA_STATE_CRITICAL : dmr_system_stored_state(sb);
}

/** dmr_system_stored_state() - the same, as stored: never Critical.  Return: it. */
u32 dmr_system_stored_state(const struct dmr_sb *sb)
{
	if (sb->state == DM_REPLICA_STATE_REPLICATING && (sb->flags & DMR_SB_SUSPENDED))
		return DM_REPLICA_STATE_SUSPENDED;
	return sb->state;
}

/** dmr_system_state() - the same, of the superblock in force.  Return: it. */
u32 dmr_system_state(struct dmr_system *sys)
{
	return dmr_system_state_of(sys, sys->sb);
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

/*
 * One store UUID and one system UUID are active once (a copy of a store is
 * refused).  Of two that come at the same time the first here has it.
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
 * A home belongs to one disk.  The claim on it is the system's: this keeps it from another
 * disk of the same one.
 */
bool dmr_system_home_taken(struct dmr_disk *disk, dev_t home)
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
