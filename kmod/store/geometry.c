// SPDX-License-Identifier: GPL-2.0-only
/*
 * Layout of a store: slots, and the ring with its older geometry.
 *
 * A ring that has grown has two geometries: numbers below ring_from have their places in
 * the older one, until the tail has passed them all.
 */
#include "geometry.h"
#include "superblock.h"
#include "../../uapi/dm-replica.h"

#define DMR_RING_FIRST_BYTE	(1024 * 1024)	/* where a new store's ring begins */
#define DMR_MIN_SLOTS		16
#define DMR_SLOT_LIMIT		0x0fffffffULL	/* attach can allocate so many pointers */
#define DMR_RING_MAX_BLOCKS	(1ULL << 28)	/* more than any number of slots needs */
#define DMR_SB_BLOCKS		(DMR_SB_COPIES * DMR_SB_AREA / DMR_BLOCK_SIZE)

static u64 dmr_ring_sum(const struct dmr_sb *sb, u32 extents)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < extents; i++)
		sum += sb->ring[i].count;
	return sum;
}

u64 dmr_ring_blocks(const struct dmr_sb *sb)
{
	return dmr_ring_sum(sb, sb->ring_extents);
}

/* Place of a number in a ring of @blocks in which number @from lies at @start. */
static u64 dmr_ring_mod(u64 number, u64 from, u64 start, u64 blocks)
{
	u64 place;

	div64_u64_rem(number - from + start, blocks, &place);
	return place;
}

u64 dmr_ring_index(const struct dmr_sb *sb, u64 number)
{
	if (number < sb->ring_from)
		return dmr_ring_mod(number, sb->ring_old_from, sb->ring_old_start,
				    dmr_ring_sum(sb, sb->ring_old_extents));
	return dmr_ring_mod(number, sb->ring_from, sb->ring_start, dmr_ring_blocks(sb));
}

u64 dmr_ring_block(const struct dmr_sb *sb, u64 index)
{
	u32 i;

	for (i = 0; i + 1 < sb->ring_extents && index >= sb->ring[i].count; i++)
		index -= sb->ring[i].count;
	return sb->ring[i].first + index;
}

u64 dmr_ring_place(const struct dmr_sb *sb, u64 number)
{
	return dmr_ring_block(sb, dmr_ring_index(sb, number));
}

bool dmr_slot_usable(const struct dmr_sb *sb, u64 slot)
{
	u64 first = slot * dmr_chunk_blocks(sb);
	u32 i;

	if (slot < sb->slot_first || slot >= sb->slot_end)
		return false;
	/* Extents are whole chunks: a slot is inside one or outside all. */
	for (i = 0; i < sb->ring_extents; i++)
		if (first >= sb->ring[i].first && first - sb->ring[i].first < sb->ring[i].count)
			return false;
	return true;
}

u64 dmr_slot_count(const struct dmr_sb *sb)
{
	u32 blocks = dmr_chunk_blocks(sb), i;
	u64 slots = sb->slot_end - sb->slot_first;

	for (i = 0; i < sb->ring_extents; i++) {
		u64 first = div_u64(sb->ring[i].first, blocks);
		u64 end = first + div_u64(sb->ring[i].count, blocks);

		first = max(first, sb->slot_first);
		end = min(end, sb->slot_end);
		if (first < end)
			slots -= end - first;
	}
	return slots;
}

/*
 * R7: twice the records that can be live at a time: one for each slot, and for versions
 * of zeroes, which have no slot, a quarter as many and a constant.
 */
u64 dmr_ring_need(u64 slots)
{
	u64 records = slots + slots / 4 + 1024;

	return 2 * div_u64(records + DMR_LOG_RECORDS - 1, DMR_LOG_RECORDS) + DMR_RING_MIN_BLOCKS;
}

const char *dmr_geometry(struct dmr_sb *sb)
{
	u64 chunks, first, ring;
	u32 blocks;

	if (!is_power_of_2(sb->chunk_bytes) || sb->chunk_bytes < DMR_MIN_CHUNK ||
	    sb->chunk_bytes > DMR_MAX_CHUNK)
		return "the chunk size is not a power of two from 16 KiB to 256 KiB";
	blocks = dmr_chunk_blocks(sb);
	chunks = div_u64(sb->store_bytes, sb->chunk_bytes);
	if (chunks > DMR_SLOT_LIMIT)
		return "the store is too large for this chunk size";
	first = DMR_RING_FIRST_BYTE / sb->chunk_bytes;
	if (chunks <= first)
		return "the store is too small";
	/* Count the ring's own chunks as slots: a little too long, never too short. */
	ring = round_up(dmr_ring_need(chunks - first), (u64)blocks);
	if (chunks - first < div_u64(ring, blocks) + DMR_MIN_SLOTS)
		return "the store is too small";

	memset(sb->ring, 0, sizeof(sb->ring));
	sb->ring[0].first = DMR_RING_FIRST_BYTE / DMR_BLOCK_SIZE;
	sb->ring[0].count = ring;
	sb->ring_extents = 1;
	sb->ring_old_extents = 0;
	sb->ring_from = 1;
	sb->ring_start = 0;
	sb->ring_old_from = 0;
	sb->ring_old_start = 0;
	sb->slot_first = first + div_u64(ring, blocks);
	sb->slot_end = chunks;
	sb->log_tail = 1;
	sb->log_durable = 0;
	sb->cur_epoch = DMR_EPOCH_FIRST;
	sb->next_epoch = DMR_EPOCH_FIRST + 2;
	sb->last_epoch = sb->next_epoch;
	sb->promoted = DMR_EPOCH_NONE;
	sb->dead_first = DMR_EPOCH_NONE;
	sb->dead_last = DMR_EPOCH_NONE;
	memset(&sb->live, 0, sizeof(sb->live));
	memset(&sb->test, 0, sizeof(sb->test));
	sb->state = DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION;
	sb->next_point = 1;
	dmr_settings_init(&sb->settings);
	return NULL;
}

/* Checks */

static const char *dmr_check_extents(const struct dmr_sb *sb)
{
	u64 end = sb->store_bytes >> DMR_BLOCK_SHIFT;
	u32 mask = dmr_chunk_blocks(sb) - 1, i, j;

	if (!sb->ring_extents || sb->ring_extents > DMR_RING_EXTENTS ||
	    sb->ring_old_extents >= sb->ring_extents)
		return "the number of ring extents is impossible";
	for (i = 0; i < sb->ring_extents; i++) {
		const struct dmr_extent *e = &sb->ring[i];

		if (!e->count || e->first < DMR_SB_BLOCKS)
			return "a ring extent is empty or lies on the superblocks";
		if (e->first > end || e->count > end - e->first)
			return "a ring extent lies beyond the store";
		if ((e->first | e->count) & mask)
			return "a ring extent is not made of whole chunks";
		for (j = 0; j < i; j++)
			if (e->first < sb->ring[j].first + sb->ring[j].count &&
			    sb->ring[j].first < e->first + e->count)
				return "two ring extents overlap";
	}
	if (dmr_ring_blocks(sb) > DMR_RING_MAX_BLOCKS)
		return "the ring is impossibly large";
	return NULL;
}

const char *dmr_geometry_check(const struct dmr_sb *sb)
{
	const char *why;
	u64 need;

	if (!is_power_of_2(sb->chunk_bytes) || sb->chunk_bytes < DMR_MIN_CHUNK ||
	    sb->chunk_bytes > DMR_MAX_CHUNK)
		return "the chunk size is impossible";
	if (sb->slot_end > DMR_SLOT_LIMIT ||
	    sb->slot_end > div_u64(sb->store_bytes, sb->chunk_bytes))
		return "slots lie beyond the store";
	if (sb->slot_first >= sb->slot_end ||
	    sb->slot_first * dmr_chunk_blocks(sb) < DMR_SB_BLOCKS)
		return "the first slot is impossible";
	why = dmr_check_extents(sb);
	if (why)
		return why;
	need = dmr_ring_need(dmr_slot_count(sb));
	if (dmr_ring_blocks(sb) < need)
		return "the ring is too small for the slots";	/* R7 */
	/*
	 * A growth more than doubles a ring, to twice the need at most, rounded up.  A
	 * longer ring could have thousands of records for each bucket of the map, whose
	 * size follows the slots.
	 */
	if (dmr_ring_blocks(sb) > 4 * need + sb->ring_extents * dmr_chunk_blocks(sb))
		return "the ring is too long for the slots";
	return NULL;
}

const char *dmr_ring_range_check(const struct dmr_sb *sb)
{
	u64 blocks = dmr_ring_blocks(sb), old = dmr_ring_sum(sb, sb->ring_old_extents);

	if (!sb->log_tail || sb->log_tail >= DMR_NUMBER_LIMIT)
		return "the log's tail is impossible";
	/*
	 * R6, R7: the tail stops at the last durable block, so that the first block of
	 * replay must exist.  With a tail past it, a leftover of an earlier life would
	 * have no predecessor to compare with.
	 */
	if (sb->log_durable < sb->log_tail && sb->log_tail != 1)
		return "the log's tail is past its last durable block";
	if (sb->log_durable >= sb->log_tail && sb->log_durable - sb->log_tail >= blocks)
		return "more log blocks are durable than the ring can hold";
	if (!sb->ring_from || sb->ring_start >= blocks)
		return "the ring's beginning is impossible";
	if (!sb->ring_old_extents) {
		if (sb->ring_old_from || sb->ring_old_start)
			return "there is a beginning of an older ring but no older ring";
		if (sb->log_tail < sb->ring_from)
			return "the log's tail is before the ring's beginning";
		return NULL;
	}
	if (!sb->ring_old_from || sb->ring_old_from > sb->ring_from || sb->ring_old_start >= old)
		return "the older ring's beginning is impossible";
	if (sb->ring_start != old)
		return "the ring does not go on where it has grown";
	if (sb->ring_from > sb->log_durable + 1)
		return "the ring has grown beyond the end of the log";
	if (sb->log_tail >= sb->ring_from)
		return NULL;
	if (sb->log_tail < sb->ring_old_from)
		return "the log's tail is before the older ring's beginning";
	if (sb->ring_from - sb->log_tail > old)
		return "the older ring cannot hold its part of the log";
	/* R7: the older ring is in use until the tail has left it. */
	if (sb->log_durable >= sb->ring_from && sb->log_durable - sb->ring_from >= blocks - old)
		return "the log has gone beyond the new part of the ring too early";
	return NULL;
}

/**
 * dmr_geometry_grow() - lay out the new space of a store's device
 * @sb: the present state; store_bytes, slot_end and the ring are changed.  The caller sets
 * ring_from to the next log number.
 * @bytes: the new size of the device.
 *
 * The ring stays unchanged while it is long enough for all slots.  A new extent is as long
 * as a whole ring for them, so that each growth more than doubles the ring:
 * DMR_RING_EXTENTS extents are enough for growth to some hundred times the first size.
 *
 * Return: NULL; or a constant text with the reason, and @sb is invalid.
 */
const char *dmr_geometry_grow(struct dmr_sb *sb, u64 bytes)
{
	u64 old = dmr_ring_blocks(sb), need;
	u32 blocks = dmr_chunk_blocks(sb), i;
	struct dmr_extent *e;

	if (div_u64(bytes, sb->chunk_bytes) > DMR_SLOT_LIMIT)
		return "the store is too large for this chunk size";
	sb->store_bytes = bytes;
	i = sb->slot_end;
	sb->slot_end = div_u64(bytes, sb->chunk_bytes);
	need = dmr_ring_need(dmr_slot_count(sb));
	if (need > old) {
		if (sb->ring_extents == DMR_RING_EXTENTS)
			return "the store has grown too often; make a larger one";
		e = &sb->ring[sb->ring_extents];
		e->first = (u64)i * blocks;
		e->count = round_up(need, (u64)blocks);
		if (e->count >= (sb->slot_end - i) * blocks)
			return "the store's device has grown too little to be of use";
		/* The older geometry is the present one; see dmr_ring_index(). */
		sb->ring_old_extents = sb->ring_extents;
		sb->ring_old_from = sb->ring_from;
		sb->ring_old_start = sb->ring_start;
		sb->ring_extents++;
		sb->ring_start = old;
	}
	return NULL;
}

/**
 * dmr_slot_versions() - limit of the versions in a store
 * @slots: number of usable slots.
 *
 * One for each slot, and versions of zeroes beside them, as in dmr_ring_need().
 * Return: how many.
 */
u64 dmr_slot_versions(u64 slots)
{
	return slots + slots / 4 + 1024;
}
