// SPDX-License-Identifier: GPL-2.0-only
/* Bytes that only one recovery point holds, counted over the whole map. */
#include <linux/sched/signal.h>

#include "point-size.h"
#include "system.h"

/* Find the first point from epoch @from on.  Return: its index, or the number of points. */
static u32 dmr_point_size_from(const struct dmr_need *need, u32 from)
{
	u32 lo = 0, hi = need->nr, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (need->epochs[mid] < from)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Count a block for point @i, if that is the last point before epoch @before. */
static void dmr_point_size_block(const struct dmr_need *need, u32 i, u32 before, u64 *bytes)
{
	if (i < need->nr && need->epochs[i] < before &&
	    (i + 1 == need->nr || need->epochs[i + 1] >= before))
		bytes[i] += DMR_BLOCK_SIZE;
}

/*
 * Count the blocks of one chunk.  A block in a version is needed by the points from its
 * epoch on, up to the next newer version with that block; a block at home by the points
 * before the oldest version.  If that is a single point, and not the head, that point
 * alone holds it: without the point, the block or a newer version's slot could be freed.
 */
static void dmr_point_size_chunk(struct dmr_system *sys, struct dmr_version *v,
				 const struct dmr_need *need, u64 *bytes)
{
	u32 newer[64], b, first;
	u64 mask, key = v->key;

	memset(newer, 0, sizeof(newer));	/* no newer version: the head needs the block */
	for (; v && v->key == key; v = READ_ONCE(v->next)) {
		if (!dmr_epoch_is_main(need->promoted, need->dead_first, need->dead_last,
				       v->epoch))
			continue;
		mask = READ_ONCE(v->data) & ~READ_ONCE(v->zero);
		first = dmr_point_size_from(need, v->epoch);
		for (b = 0; b < 64; b++) {
			if (mask & 1ULL << b && newer[b])
				dmr_point_size_block(need, first, newer[b], bytes);
		}
		mask = READ_ONCE(v->data) | READ_ONCE(v->zero);
		for (b = 0; b < 64; b++)
			if (mask & 1ULL << b)
				newer[b] = v->epoch;
	}
	for (b = 0; b < 64; b++)
		if (newer[b])
			dmr_point_size_block(need, 0, newer[b], bytes);
}

/**
 * dmr_point_size_count() - count, for each point, the bytes that it alone holds
 * @sys: the system; without points if it is not active.
 * @sizes: filled in.
 *
 * Walks over the whole map.  A point made or dropped meanwhile makes the result less
 * exact.
 *
 * Context: may sleep; takes no lock.
 */
void dmr_point_size_count(struct dmr_system *sys, struct dmr_point_sizes *sizes)
{
	struct dmr_need need = { .epochs = sizes->epochs };
	const struct dmr_sb *sb;
	struct dmr_version *v;
	u64 last;
	u32 b, side;

	sizes->serial = sys->serial;
	sizes->nr = 0;
	if (!dmr_loaded(sys))
		return;
	rcu_read_lock();
	sb = dmr_shown(sys);
	need.nr = sb->nr_points;
	need.promoted = sb->promoted;
	need.dead_first = sb->dead_first;
	need.dead_last = sb->dead_last;
	for (b = 0; b < sb->nr_points; b++)
		sizes->epochs[b] = sb->points[b].epoch;
	rcu_read_unlock();
	sizes->nr = need.nr;
	memset(sizes->bytes, 0, sizeof(sizes->bytes));
	for (b = 0; need.nr && b < sys->map.nr_buckets; b++) {
		if (!(b & 0xfff)) {
			cond_resched();
			if (fatal_signal_pending(current))
				return;
		}
		if (!READ_ONCE(sys->map.buckets[b]))
			continue;
		side = dmr_grace_enter(&sys->grace);
		last = ~0ULL;
		for (v = dmr_map_bucket_first(&sys->map, b); v; v = READ_ONCE(v->next)) {
			if (v->key != last)
				dmr_point_size_chunk(sys, v, &need, sizes->bytes);
			last = v->key;
		}
		dmr_grace_leave(&sys->grace, side);
	}
}
