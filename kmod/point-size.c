// SPDX-License-Identifier: GPL-2.0-only
/* The bytes that a recovery point alone holds, counted over the whole map. */
#include <linux/sched/signal.h>

#include "point-size.h"
#include "system.h"

/* The first point from epoch @from on.  Return: its place, or how many there are. */
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

/* If point @i is the only one of those from there on that is before @before. */
static void dmr_point_size_block(const struct dmr_need *need, u32 i, u32 before, u64 *bytes)
{
	if (i < need->nr && need->epochs[i] < before &&
	    (i + 1 == need->nr || need->epochs[i + 1] >= before))
		bytes[i] += DMR_BLOCK_SIZE;
}

/*
 * One chunk's share: a block in a version is needed by the points from its epoch
 * on, up to the next newer version that has the block; one at home by those
 * before the oldest.  If that is one point and not the head, that point alone
 * holds it: without it, the block or a newer one's slot could go.
 */
static void dmr_point_size_chunk(struct dmr_system *sys, struct dmr_version *v,
				 const struct dmr_need *need, u64 *bytes)
{
	u32 newer[64], b, first;
	u64 mask, key = v->key;

	memset(newer, 0, sizeof(newer));	/* none: the head needs it */
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
 * dmr_point_size_count() - count the bytes that only one point holds, for each point
 * @sys: the system; one that is not active has no points.
 * @sizes: filled in.
 *
 * A walk over the whole map.  A point made or dropped meanwhile makes it less exact.
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
	if (!smp_load_acquire(&sys->active))
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
	for (b = 0; need.nr && b < 1U << sys->map.bucket_bits; b++) {
		if (!(b & 0xfff)) {
			cond_resched();
			if (fatal_signal_pending(current))
				return;
		}
		if (!READ_ONCE(sys->map.buckets[b]))
			continue;
		side = dmr_grace_enter(&sys->grace);
		last = ~0ULL;
		for (v = smp_load_acquire(&sys->map.buckets[b]); v; v = READ_ONCE(v->next)) {
			if (v->key != last)
				dmr_point_size_chunk(sys, v, &need, sizes->bytes);
			last = v->key;
		}
		dmr_grace_leave(&sys->grace, side);
	}
}
