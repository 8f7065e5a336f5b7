/* SPDX-License-Identifier: GPL-2.0-only */
/* Layout of a store: slots, and the ring of the log. */
#ifndef DMR_GEOMETRY_H
#define DMR_GEOMETRY_H

#include "portable.h"
#include "../../uapi/dm-replica-format.h"

struct dmr_sb;

struct dmr_extent {
	u64 first;		/* 4 KiB blocks */
	u64 count;
};

/** dmr_ring_blocks() - number of blocks of the whole ring.  Return: the number. */
u64 dmr_ring_blocks(const struct dmr_sb *sb);

/**
 * dmr_ring_place() - place of a log block in the store
 * @sb: geometry.
 * @number: log block number, at least log_tail.
 *
 * Return: 4 KiB block number from the start of the store.
 */
u64 dmr_ring_place(const struct dmr_sb *sb, u64 number);

/**
 * dmr_ring_index() - place of a log block in the ring
 * @sb: geometry.
 * @number: log block number, at least log_tail.
 *
 * Return: the place, from 0 to dmr_ring_blocks() - 1.
 */
u64 dmr_ring_index(const struct dmr_sb *sb, u64 number);

/**
 * dmr_ring_block() - convert a place in the ring to one in the store
 * @sb: geometry.
 * @index: place in the ring.
 *
 * Return: 4 KiB block number from the start of the store.
 */
u64 dmr_ring_block(const struct dmr_sb *sb, u64 index);

/** dmr_ring_need() - number of blocks that a ring must have (R7).  Return: the number. */
u64 dmr_ring_need(u64 slots);

/** dmr_slot_count() - number of slots that may be allocated.  Return: the number. */
u64 dmr_slot_count(const struct dmr_sb *sb);

/** dmr_slot_usable() - may a slot be allocated?  Return: false on superblocks or ring. */
bool dmr_slot_usable(const struct dmr_sb *sb, u64 slot);

/**
 * dmr_geometry_check() - check the places of ring and slots
 * @sb: superblock in host form.
 *
 * Return: NULL, or a constant text with the first fault.
 */
const char *dmr_geometry_check(const struct dmr_sb *sb);

/**
 * dmr_ring_range_check() - check that the log, from tail to last durable block, fits into
 * the ring
 * @sb: superblock in host form that has passed dmr_geometry_check().
 *
 * Return: NULL, or a constant text with the fault.
 */
const char *dmr_ring_range_check(const struct dmr_sb *sb);

/**
 * dmr_geometry() - lay out a new store
 * @sb: chunk_bytes and store_bytes are set; ring, slots, log, epochs and settings
 *	are filled in.
 *
 * Return: NULL, or a constant text with the reason for which such a store cannot be made.
 */
const char *dmr_geometry(struct dmr_sb *sb);

const char *dmr_geometry_grow(struct dmr_sb *sb, u64 bytes);
u64 dmr_slot_versions(u64 slots);

#endif /* DMR_GEOMETRY_H */
