// SPDX-License-Identifier: GPL-2.0-only
/*
 * The slot allocator: a bitmap in memory, which attach builds from the versions.  It is
 * not on disk: a slot is in use if a version names it.
 */
#include "slots.h"

/**
 * dmr_slots_init() - mark all slots free, superblocks and ring taken
 * @slots: the allocator
 * @sb: geometry
 *
 * Return: 0 or -ENOMEM.
 */
int dmr_slots_init(struct dmr_slots *slots, const struct dmr_sb *sb)
{
	u64 n, end;
	u32 i;

	memset(slots, 0, sizeof(*slots));
	spin_lock_init(&slots->lock);
	slots->end = sb->slot_end;
	slots->taken = kvcalloc(BITS_TO_LONGS(sb->slot_end), sizeof(long), GFP_KERNEL | __GFP_NOWARN);
	if (!slots->taken)
		return -ENOMEM;
	/* Visit unusable slots only: a loop over all takes seconds for a large store. */
	for (n = 0; n < sb->slot_first; n++)
		__set_bit(n, slots->taken);
	for (i = 0; i < sb->ring_extents; i++) {
		n = div_u64(sb->ring[i].first, dmr_chunk_blocks(sb));
		end = n + div_u64(sb->ring[i].count, dmr_chunk_blocks(sb));
		for (; n < min(end, sb->slot_end); n++) {
			__set_bit(n, slots->taken);
			if (!(n & 0xffff))
				cond_resched();
		}
	}
	slots->total = dmr_slot_count(sb);
	slots->free = slots->total;
	slots->rotor = sb->slot_first;
	return 0;
}

void dmr_slots_exit(struct dmr_slots *slots)
{
	kvfree(slots->taken);
	slots->taken = NULL;
}

/**
 * dmr_slots_grow() - add the slots of a store that has grown
 * @slots: the allocator
 * @sb: the new geometry, which only adds to the old one
 *
 * Slots may be allocated and freed meanwhile: the bitmap, one bit for each slot, is
 * copied under the lock.
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int dmr_slots_grow(struct dmr_slots *slots, const struct dmr_sb *sb)
{
	unsigned long *taken, *old, flags;
	u64 n, more = 0;

	taken = kvcalloc(BITS_TO_LONGS(sb->slot_end), sizeof(long), GFP_KERNEL | __GFP_NOWARN);
	if (!taken)
		return -ENOMEM;
	for (n = slots->end; n < sb->slot_end; n++) {
		if (dmr_slot_usable(sb, n))
			more++;
		else
			__set_bit(n, taken);
		if (!(n & 0xffff))
			cond_resched();
	}
	spin_lock_irqsave(&slots->lock, flags);
	for (n = 0; n < slots->end / BITS_PER_LONG; n++)
		taken[n] |= slots->taken[n];
	/* The last old word has bits of old and of new slots. */
	for (n *= BITS_PER_LONG; n < slots->end; n++)
		if (test_bit(n, slots->taken))
			__set_bit(n, taken);
	old = slots->taken;
	slots->taken = taken;
	slots->end = sb->slot_end;
	WRITE_ONCE(slots->total, slots->total + more);
	WRITE_ONCE(slots->free, slots->free + more);
	spin_unlock_irqrestore(&slots->lock, flags);
	kvfree(old);
	return 0;
}

/**
 * dmr_slots_alloc() - take a run of adjacent slots
 * @slots: the allocator
 * @want: number wanted, at least 1
 * @spare: number of free slots to leave to others
 * @first: set to the first slot of the run
 *
 * Any context.  Takes up to @want slots of the first free run after the last slot taken,
 * so that a large write becomes one I/O if possible.
 *
 * Return: number of slots taken, 0 if none is free (R8).
 */
u32 dmr_slots_alloc(struct dmr_slots *slots, u32 want, u64 spare, u32 *first)
{
	unsigned long flags;
	u32 at, got = 0;

	spin_lock_irqsave(&slots->lock, flags);
	if (slots->free <= spare)
		goto out;
	want = min_t(u64, want, slots->free - spare);
	/* Most often the next slot is free. */
	at = slots->rotor;
	if (at >= slots->end || test_bit(at, slots->taken)) {
		at = find_next_zero_bit(slots->taken, slots->end, at);
		if (at >= slots->end)
			at = find_next_zero_bit(slots->taken, slots->end, 0);
	}
	if (WARN_ON_ONCE(at >= slots->end))
		goto out;
	*first = at;
	got = 1;
	__set_bit(at, slots->taken);
	if (want > 1) {
		unsigned long end = min_t(u64, slots->end, (u64)at + want);

		got = find_next_bit(slots->taken, end, at + 1) - at;
		bitmap_set(slots->taken, at + 1, got - 1);
	}
	WRITE_ONCE(slots->free, slots->free - got);	/* other readers take no lock */
	slots->rotor = at + got;
out:
	spin_unlock_irqrestore(&slots->lock, flags);
	return got;
}

/**
 * dmr_slots_claim() - mark a slot as in use after replay
 * @slots: the allocator
 * @slot: number of the slot
 *
 * Return: 0, or -EUCLEAN if it is taken already or not usable.
 */
int dmr_slots_claim(struct dmr_slots *slots, u32 slot)
{
	if (slot >= slots->end || test_bit(slot, slots->taken))
		return -EUCLEAN;
	__set_bit(slot, slots->taken);
	slots->free--;
	return 0;
}

/**
 * dmr_slots_free() - free a slot
 * @slots: the allocator
 * @slot: a slot without readers (R4)
 */
void dmr_slots_free(struct dmr_slots *slots, u32 slot)
{
	unsigned long flags;

	spin_lock_irqsave(&slots->lock, flags);
	if (!WARN_ON_ONCE(slot >= slots->end || !test_bit(slot, slots->taken))) {
		__clear_bit(slot, slots->taken);
		WRITE_ONCE(slots->free, slots->free + 1);
	}
	spin_unlock_irqrestore(&slots->lock, flags);
}

/**
 * dmr_slots_used() - number of slots in use
 * @slots: the allocator
 * @total: set to the number of usable slots, read under the same lock
 *
 * Return: the number.
 */
u32 dmr_slots_used(struct dmr_slots *slots, u32 *total)
{
	unsigned long flags;
	u32 used;

	spin_lock_irqsave(&slots->lock, flags);
	*total = slots->total;
	used = slots->total - slots->free;
	spin_unlock_irqrestore(&slots->lock, flags);
	return used;
}
