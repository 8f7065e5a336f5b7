// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attach: choose a superblock, replay the log, bind targets.  Detach: the reverse.
 *
 * The store is read when the first target of a system is resumed.
 */
#include <linux/sched/signal.h>

#include "attach.h"
#include "claim.h"
#include "clock.h"
#include "critical.h"
#include "cursor.h"
#include "flush.h"
#include "home-flush.h"
#include "job.h"
#include "move-job.h"
#include "page-io.h"
#include "point-view.h"
#include "received.h"
#include "space.h"
#include "store/rebuild.h"
#include "super.h"
#include "sweep.h"
#include "system.h"
#include "uevent.h"
#include "vacuum.h"

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

/* Derive from the versions: slots in use, sizes of overlays, the epoch of writes. */
static int dmr_load_account(struct dmr_system *sys)
{
	const struct dmr_sb *sb = sys->sb;
	struct dmr_version *v;
	u64 i;
	int r, kind;

	for (i = 0; i < sys->map.nr_buckets; i++) {
		for (v = sys->map.buckets[i]; v; v = v->next) {
			if (v->slot != DMR_SLOT_NONE) {
				r = dmr_slots_claim(&sys->slots, v->slot);
				if (r)
					return r;
			}
			/*
			 * A point failed after writes had moved on to the next epoch:
			 * stay there, since writes never return to an older epoch.
			 */
			if (v->epoch == sb->next_epoch)
				sys->ahead = true;
			if (v->epoch == sb->live.epoch)
				kind = DMR_LIVE;
			else if (v->epoch == sb->test.epoch)
				kind = DMR_TEST;
			else
				continue;
			atomic64_inc(&sys->space.overlay_versions[kind]);
			dmr_space_overlay_add(&sys->disks[dmr_key_disk(v->key)], kind,
					      hweight64(v->data | v->zero));
		}
		if (!(i & 0xffff))
			cond_resched();
	}
	return 0;
}

static int dmr_attach_load(struct dmr_system *sys, struct dmr_target *t)
{
	struct dmr_sb *sb = sys->sb;
	struct dmr_damage dmg = { .reason = "no reason given" };
	struct dmr_reader_bdev reader;
	struct dmr_load *load;
	struct dmr_views *views;
	u64 other_seq, other_state, next;
	int r, slots;
	u32 i;

	dmr_page_io_reader_init(&reader, sys);
	r = dmr_replay_super(&reader.rd, sb, &other_seq, &other_state, &dmg);
	if (r) {
		DMERR("%s: %s; see replicactl check", sys->store_name, dmg.reason);
		return r;
	}
	if (bdev_nr_bytes(sys->store) < sb->store_bytes) {
		DMERR("%s: the store is shorter than in its superblock", sys->store_name);
		return -EUCLEAN;
	}
	if (sb->state == DM_REPLICA_STATE_DISABLED && !(sb->flags & DMR_SB_REMOVING)) {
		DMERR("%s: the relationship was removed; the homes are plain disks",
		      sys->store_name);
		return -EUNATCH;
	}
	/* A host without an id matches any host. */
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
		dmr_home_flush_init(&sys->disks[i]);
		r = dmr_space_disk_init(&sys->disks[i]);
		if (!r)
			r = dmr_fingerprint_init(&sys->disks[i], sb);
		if (r)
			goto bad_load;
	}
	for (i = 0; i < DMR_KINDS; i++)
		atomic64_set(&sys->space.overlay_versions[i], 0);
	sys->ahead = false;
	sys->vacuum.swept = false;

	r = dmr_map_init(&sys->map, dmr_slot_versions(dmr_slot_count(sb)), sys->versions.pool);
	if (r)
		goto bad_load;
	r = dmr_newest_init(&sys->map.newest, sb);
	if (r)
		goto bad_slots;
	r = dmr_slots_init(&sys->slots, sb);
	if (r)
		goto bad_slots;
	r = dmr_rebuild_init(&load->rb, &sys->map, sb);
	if (r)
		goto bad_rebuild;
	load->ops.record = dmr_load_record;
	r = dmr_replay_log(&reader.rd, sb, &load->ops, &next, &dmg);
	slots = dmr_rebuild_exit(&load->rb);
	sys->map.shared = true;
	if (r == -EINTR) {
		/* The attaching process was killed; the store is intact. */
		DMINFO("%s: attach was interrupted", sys->store_name);
		goto bad_rebuild;
	}
	if (r) {
		DMERR("%s: log: %s (block %llu); see replicactl check", sys->store_name,
		      dmg.reason, dmg.number);
		goto bad_rebuild;
	}
	/* R13: needed by the view of the head, a point or an overlay. */
	r = slots ?: dmr_load_account(sys);
	if (r) {
		DMERR("%s: a version has lost its slot or blocks; see replicactl check",
		      sys->store_name);
		goto bad_rebuild;
	}

	sys->log.room.next = next;
	sys->log.room.durable = next - 1;
	sys->log.room.tail = sb->log_tail;
	sys->log.room.sb_tail = sb->log_tail;
	sys->log.tail_record = 0;
	sys->log.tail_count = 0;
	sys->log.room.blocks = dmr_ring_blocks(sb);
	sys->log.room.from = sb->ring_from;
	sys->log.room.fresh = sys->log.room.blocks - sb->ring_start;
	sys->super.copy_state[sb->copy] = sb->state_number;
	sys->super.copy_state[!sb->copy] = other_state;
	sys->chunk_sectors = sb->chunk_bytes >> SECTOR_SHIFT;
	sys->chunk_shift = ilog2(sys->chunk_sectors);
	sys->jobs.next = sb->job_number + 1;
	memcpy(sys->host, t->host, 16);
	memcpy(sys->boot, t->boot, 16);
	sys->space.full_pass = 0;
	dmr_space_settings(sys);
	dmr_clock_load(sys);
	dmr_received_load(sys);

	views = dmr_views_make(sys, sb, DMR_EPOCH_NONE);
	if (!views) {
		r = -ENOMEM;
		goto bad_rebuild;
	}
	dmr_views_publish(sys, views);
	for (i = 0; i < sb->nr_disks; i++)
		dmr_home_flush_attach(&sys->disks[i], views->straight);
	kvfree(load);
	mutex_lock(&sys->sb_mutex);
	dmr_super_show(sys);
	mutex_unlock(&sys->sb_mutex);
	/* Superblock and disks become visible before @active does. */
	/* Disks are bound one by one: no alarm about missing ones until DMR_BIND_QUIET is over. */
	WRITE_ONCE(sys->bind_time, jiffies);
	/* Publish the loaded state: pairs with dmr_loaded(). */
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
	dmr_system_free_disks(sys);
	kvfree(load);
	return r;
}

static int dmr_attach_fits(struct dmr_system *sys, struct dmr_target *t)
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
	/* Accept a home that has grown: the disk keeps its size. */
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
 * Resume without a new table: memory is valid only if the store has not changed since the
 * suspend.
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
	dmr_page_io_reader_init(&reader, sys);
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

/* First target: record this host in the store, durable before any log block or slot write. */
static int dmr_attach_start(struct dmr_system *sys, bool loaded)
{
	struct dmr_sb *draft = sys->super.draft;
	int r;

	if (!loaded) {
		r = dmr_system_same(sys);
		if (r)
			return r;
	}
	/* R6: replayed blocks may still be in the device's cache: flush before relying on them. */
	r = blkdev_issue_flush(sys->store);
	if (r) {
		/* Memory may hold blocks that the device has lost: no later resume may use it. */
		dmr_critical(sys, "the store could not be flushed");
		return r;
	}
	memcpy(draft, sys->sb, sizeof(*draft));
	draft->flags |= DMR_SB_ACTIVE;
	memcpy(draft->active_host, sys->host, 16);
	memcpy(draft->active_boot, sys->boot, 16);
	/* Homes may change from here on: the stored fingerprints end. */
	memset(draft->prints, 0, sizeof(draft->prints));
	draft->nr_prints = 0;
	draft->active_time = ktime_get_real_ns();
	draft->job_number = sys->jobs.next + 1000000;
	dmr_clock_draft(sys, draft);
	r = dmr_super_commit(sys, draft, "attach");
	if (r)
		return r;
	/* Also after an earlier target that loaded the system and was refused. */
	if (!sys->vacuum.swept)
		dmr_sweep_first(sys);
	dmr_flush_start(sys);
	WRITE_ONCE(sys->running, true);
	dmr_move_job_resume(sys);
	dmr_vacuum_start(sys);
	return 0;
}

static void dmr_attach_stop(struct dmr_system *sys)
{
	struct dmr_sb *draft = sys->super.draft;
	u32 i;

	dmr_sweep_stop(sys);
	flush_work(&sys->park.drain_work);
	dmr_flush_stop(sys);
	WRITE_ONCE(sys->running, false);
	sys->whole = false;
	dmr_job_forget_all(sys, "the system was detached; reclaiming goes on at the next attach");
	if (READ_ONCE(sys->critical))
		return;
	/* Only the disk unbound last still has a home; the others have been flushed. */
	for (i = 0; i < sys->sb->nr_disks; i++)
		if (sys->disks[i].home && !dmr_home_flush_close(&sys->disks[i]))
			dmr_fingerprint_take(&sys->disks[i]);
	memcpy(draft, sys->sb, sizeof(*draft));
	draft->flags &= ~DMR_SB_ACTIVE;
	draft->job_number = sys->jobs.next;
	dmr_clock_draft(sys, draft);
	dmr_cursor_draft(sys, draft);
	dmr_home_flush_detach(sys, draft);
	draft->nr_prints = 0;
	for (i = 0; i < draft->nr_disks; i++) {
		struct dmr_fingerprint *fp = &sys->disks[i].fingerprint;
		u32 nr = min(fp->nr, dmr_disk_prints(draft->nr_disks));

		/* R9: what was read there may be lost. */
		if (draft->disks[i].lost)
			nr = 0;

		memcpy(&draft->prints[draft->nr_prints], fp->prints, nr * sizeof(fp->prints[0]));
		draft->nr_prints += nr;
	}
	dmr_super_commit(sys, draft, "detach");
}

/* Is a new target of this kind? That of a point view is found by its name. */
static bool dmr_attach_is_kind(const struct dmr_target *t, u32 kind)
{
	if (!t->view || kind < DMR_READER)
		return kind == t->kind;
	return !strcmp(t->view, dmr_point_view_of(&t->sys->point_views, kind)->name);
}

/**
 * dmr_attach_may_reload() - may this dm table replace the device's present one?
 * @t: the new target, its devices open.
 *
 * By the time a resume fails, dm has discarded the old dm table, and the device stays
 * suspended with a guest's I/O in it.  So check as early as the load: a device that does
 * I/O for a disk keeps that disk.
 *
 * Context: constructor; may sleep.
 * Return: false if the device does I/O for another disk, or over another home or store.
 */
bool dmr_attach_may_reload(const struct dmr_target *t)
{
	struct dmr_system *sys = NULL;
	bool may = true, found = false;
	u32 i, kind;

	while (!found && (sys = dmr_system_next(sys))) {
		/* No mutex: a system that hangs must not block table loads of other systems. */
		for (i = 0; dmr_loaded(sys) && i < sys->sb->nr_disks; i++) {
			const struct dmr_disk *disk = &sys->disks[i];

			for (kind = 0; kind < DMR_VIEWS; kind++) {
				if (READ_ONCE(disk->dev[kind]) != t->own_dev)
					continue;
				found = true;
				may = sys == t->sys && i == t->disk_number &&
				      dmr_attach_is_kind(t, kind) &&
				      READ_ONCE(disk->home_dev) == t->home->bdev->bd_dev &&
				      disk->info->sectors == t->ti->len;
			}
		}
	}
	if (sys)
		dmr_system_put(sys);
	return may;
}

/* Report the attach once: suspending and resuming a device by hand is no other one. */
static void dmr_attach_report(struct dmr_system *sys)
{
	u32 state = dmr_system_state(sys);
	struct dmr_uevent uevent = {
		.event = "attached",
		.was = state,
		.state = state,
		.state_number = sys->sb->state_number,
	};

	if (sys->whole || !dmr_system_complete(sys))
		return;
	sys->whole = true;
	dmr_uevent_event(sys, &uevent);
}

/**
 * dmr_attach_bind() - bind a target to its disk, before its resume
 * @sys: the system.
 * @t: the target.
 *
 * The first target reads the store, replays the log and records this host in the store;
 * later targets are only checked.
 *
 * Context: preresume; may sleep.
 * Return: 0 or a negative errno; the reason is in the kernel log.
 */
int dmr_attach_bind(struct dmr_system *sys, struct dmr_target *t)
{
	struct gendisk *gd = dm_disk(dm_table_get_md(t->ti->table));
	bool loaded = false;
	struct dmr_disk *disk;
	int r = 0;

	mutex_lock(&sys->op_mutex);
	if (!sys->running)
		dmr_claim_settle(t->store);
	if (!sys->active) {
		r = dmr_attach_load(sys, t);
		loaded = true;
	}
	if (!r && t->view)
		r = dmr_point_view_bind(sys, t);
	if (!r)
		r = dmr_attach_fits(sys, t);
	if (!r && !sys->disks[t->disk_number].home)
		dmr_claim_settle(t->home);
	if (!r && !sys->running)
		r = dmr_attach_start(sys, loaded);
	if (r)
		goto out;
	disk = &sys->disks[t->disk_number];
	if (dmr_system_home_taken(disk, t->home->bdev->bd_dev)) {
		DMERR("%s: the home of disk %s is that of another disk", sys->sb->name,
		      disk->info->name);
		r = -EBUSY;
		if (!sys->nr_bound)
			dmr_attach_stop(sys);
		goto out;
	}
	dmr_fingerprint_void(disk);
	t->disk = disk;
	t->counted = t->kind == (dmr_replication_primary(&sys->sb->replication) ? DMR_LIVE :
										  DMR_REPLICA);
	t->bound = true;
	if (t->view)
		dmr_point_view_bound(sys, t);
	sys->nr_bound++;
	mutex_lock(&sys->sb_mutex);
	disk->target[t->kind] = t;
	WRITE_ONCE(disk->dev[t->kind], disk_devt(gd));
	/* Pairs with READ_ONCE() in readers: an address dependency orders their accesses. */
	smp_store_release(&disk->gd[t->kind], gd);
	disk->home = t->home->bdev;
	WRITE_ONCE(sys->bind_time, jiffies);
	mutex_unlock(&sys->sb_mutex);
	if (t->kind == DMR_REPLICA) {
		/* No home_mutex, which is held over a batch to a home that may hang. */
		smp_store_release(&disk->movable, true);	/* pairs with dmr_move_batch() */
		dmr_vacuum_kick(sys); /* the disk can be moved home now */
	}
	dmr_attach_report(sys);
out:
	mutex_unlock(&sys->op_mutex);
	if (!r)
		dmr_event_news(sys, DMR_NEWS_STATE);
	return r;
}

/* Has the disk of a target no other one?  sb_mutex or op_mutex is held. */
static bool dmr_attach_is_last(const struct dmr_target *t)
{
	bool last = true;
	u32 i;

	for (i = 0; i < DMR_VIEWS; i++)
		last &= i == t->kind || !t->disk->target[i];
	return last;
}

/*
 * Wait for what a suspended target has at its home, before op_mutex is taken: a home that
 * hangs then keeps only this device from being suspended, and no operation or flush of
 * other disks from ending.
 */
static void dmr_attach_quiesce(struct dmr_system *sys, struct dmr_target *t)
{
	bool last;

	if (t->kind == DMR_REPLICA) {
		mutex_lock(&sys->vacuum.home_mutex);	/* wait for a batch on its way home */
		t->disk->movable = false;
		mutex_unlock(&sys->vacuum.home_mutex);
	}
	mutex_lock(&sys->sb_mutex);
	last = dmr_attach_is_last(t);
	mutex_unlock(&sys->sb_mutex);
	if (last)
		dmr_home_flush_before_close(t->disk);
}

/**
 * dmr_attach_unbind() - unbind a suspended target
 * @sys: the system.
 * @t: the target; none of its bios is in flight.
 *
 * With the last target: make a log commit and quiesce the store.
 * Context: postsuspend; may sleep.
 */
void dmr_attach_unbind(struct dmr_system *sys, struct dmr_target *t)
{
	struct block_device *home = NULL;
	struct dmr_disk *disk = t->disk;
	bool last;
	u32 i;

	/* Only this context, which dm's lock excludes from others, changes it. */
	if (t->bound)
		dmr_attach_quiesce(sys, t);
	mutex_lock(&sys->op_mutex);
	if (!t->bound)
		goto out;
	t->bound = false;
	last = dmr_attach_is_last(t);
	if (sys->nr_bound == 1)
		dmr_attach_stop(sys);	/* needs disk->home, which may need a flush */
	else if (last)
		dmr_fingerprint_take(disk);	/* no writer is left */
	/* The home may disappear: flush direct writes first. */
	if (last && dmr_home_flush_close(disk))
		dmr_fingerprint_void(disk);	/* its blocks may be lost */
	if (t->view)
		dmr_point_view_unbound(sys, t);
	sys->nr_bound--;
	mutex_lock(&sys->sb_mutex);
	WRITE_ONCE(sys->bind_time, jiffies);
	disk->target[t->kind] = NULL;
	/* A gendisk and its block_device are freed behind a grace period of RCU. */
	WRITE_ONCE(disk->gd[t->kind], NULL);
	WRITE_ONCE(disk->dev[t->kind], 0);
	for (i = 0; i < DMR_VIEWS; i++)
		if (disk->target[i])
			home = disk->target[i]->home->bdev;
	WRITE_ONCE(disk->home, home);
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
	dmr_event_news(sys, DMR_NEWS_STATE);
}
