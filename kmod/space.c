// SPDX-License-Identifier: GPL-2.0-only
/*
 * Space (R8): the reserve of the live failover; and counters of writes.
 */
#include "space.h"
#include "system.h"

/**
 * dmr_space_init() - allocate counters of a new system
 * @sys: the system.
 *
 * Return: 0 or -ENOMEM; dmr_space_exit() is due in either case.
 */
int dmr_space_init(struct dmr_system *sys)
{
	int i;

	for (i = 0; i < DMR_KINDS; i++) {
		sys->space.writes[i] = alloc_percpu(u64);
		if (!sys->space.writes[i])
			return -ENOMEM;
	}
	sys->space.bytes = alloc_percpu(u64);
	return sys->space.bytes ? 0 : -ENOMEM;
}

/** dmr_space_exit() - free the counters */
void dmr_space_exit(struct dmr_system *sys)
{
	int i;

	for (i = 0; i < DMR_KINDS; i++)
		free_percpu(sys->space.writes[i]);
	free_percpu(sys->space.bytes);
}

/**
 * dmr_space_full() - a write found the store full: run the one-second check now
 * @sys: the system.
 *
 * Context: any.
 */
void dmr_space_full(struct dmr_system *sys)
{
	mod_delayed_work(sys->flush.wq, &sys->flush.timer, 0);
}

/**
 * dmr_space_settings() - apply settings that have changed or been read
 * @sys: the system; op_mutex is held.
 */
void dmr_space_settings(struct dmr_system *sys)
{
	const struct dmr_settings *set = &sys->sb->settings;

	lockdep_assert_held(&sys->op_mutex);
	WRITE_ONCE(sys->space.reserve, DIV_ROUND_UP_ULL(set->live_reserve, sys->sb->chunk_bytes));
	/* The operation's end kicks the vacuum, which takes the new rate. */
	WRITE_ONCE(sys->vacuum.rate, set->vacuum_rate);
}

/**
 * dmr_space_reserved() - free slots that only the live failover may take (R8)
 * @sys: the system.
 *
 * The versions of its overlay count against the reserve.  Context: any.
 * Return: how many.
 */
u64 dmr_space_reserved(struct dmr_system *sys)
{
	u64 reserve = READ_ONCE(sys->space.reserve), used;

	if (!reserve || dmr_sb_runs_on_head(sys->sb))
		return 0;
	used = atomic64_read(&sys->space.overlay_versions[DMR_LIVE]);
	return min_t(u64, reserve - min(reserve, used), READ_ONCE(sys->slots.free));
}

/**
 * dmr_space_replicated() - count of bytes written to the head that points are made of
 * @sys: the system.
 *
 * Return: bytes since the system was attached.
 */
u64 dmr_space_replicated(struct dmr_system *sys)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(sys->space.bytes, cpu));
	return sum;
}

/**
 * dmr_space_view_writes() - count of writes to the devices of a kind (R11)
 * @sys: the system.
 * @kind: the kind.
 *
 * Exact if no write is in flight.
 * Return: the count since the system was attached.
 */
u64 dmr_space_view_writes(struct dmr_system *sys, enum dmr_kind kind)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(sys->space.writes[kind], cpu));
	return sum;
}

/**
 * dmr_space_head_writes() - count of writes to the devices that write the head
 * @sys: the system.
 *
 * Those of a committed system do not count: they are protected by no point.
 *
 * Return: the count since the system was attached.
 */
u64 dmr_space_head_writes(struct dmr_system *sys)
{
	bool primary = dmr_replication_primary(&sys->sb->replication);

	return dmr_space_view_writes(sys, primary ? DMR_LIVE : DMR_REPLICA);
}

/** dmr_space_disk_init() - allocate counters of a disk.  Return: 0 or -ENOMEM. */
int dmr_space_disk_init(struct dmr_disk *disk)
{
	disk->counts = alloc_percpu(struct dmr_disk_cpu);
	return disk->counts ? 0 : -ENOMEM;
}

/** dmr_space_disk_exit() - free them, unless dmr_space_disk_init() has failed */
void dmr_space_disk_exit(struct dmr_disk *disk)
{
	free_percpu(disk->counts);
	disk->counts = NULL;
}

/**
 * dmr_space_overlay_blocks() - blocks of a disk in an overlay
 * @disk: the disk.
 * @kind: DMR_LIVE or DMR_TEST.
 *
 * Exact if no write is in flight.
 * Return: their number.
 */
u64 dmr_space_overlay_blocks(struct dmr_disk *disk, enum dmr_kind kind)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(disk->counts, cpu)->overlay_blocks[kind]);
	return sum;
}

/**
 * dmr_space_overlay_forget() - the overlay ends, or another one begins: count from 0
 * @disk: the disk.
 * @kind: DMR_LIVE or DMR_TEST; no write to its overlay is in flight.
 *
 * Return: number of blocks until now.
 */
u64 dmr_space_overlay_forget(struct dmr_disk *disk, enum dmr_kind kind)
{
	u64 sum = dmr_space_overlay_blocks(disk, kind);
	int cpu;

	for_each_possible_cpu(cpu)
		WRITE_ONCE(per_cpu_ptr(disk->counts, cpu)->overlay_blocks[kind], 0);
	return sum;
}
