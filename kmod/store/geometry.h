/* SPDX-License-Identifier: GPL-2.0-only */
/* Where things lie in a store: slots, and the ring of the log. */
#ifndef DMR_GEOMETRY_H
#define DMR_GEOMETRY_H

#include "portable.h"
#include "../../uapi/dm-replica-format.h"

struct dmr_sb;

struct dmr_extent {
	u64 first;		/* 4 KiB blocks */
	u64 count;
};

/** dmr_ring_blocks() - blocks of the whole ring.  Return: their number. */
u64 dmr_ring_blocks(const struct dmr_sb *sb);

/**
 * dmr_ring_place() - where a log block lies
 * @sb: geometry.
 * @number: log block number, at least log_tail.
 *
 * Return: 4 KiB block number from the start of the store.
 */
u64 dmr_ring_place(const struct dmr_sb *sb, u64 number);

/**
 * dmr_ring_index() - where in the ring a log block lies
 * @sb: geometry.
 * @number: log block number, at least log_tail.
 *
 * Return: its place, 0 to one less than dmr_ring_blocks().
 */
u64 dmr_ring_index(const struct dmr_sb *sb, u64 number);

/**
 * dmr_ring_block() - from a place in the ring to one in the store
 * @sb: geometry.
 * @index: place in the ring.
 *
 * Return: 4 KiB block number from the start of the store.
 */
u64 dmr_ring_block(const struct dmr_sb *sb, u64 index);

/** dmr_ring_need() - blocks a ring must have (R7).  Return: their number. */
u64 dmr_ring_need(u64 slots);

/** dmr_slot_count() - slots that may be given out.  Return: their number. */
u64 dmr_slot_count(const struct dmr_sb *sb);

/** dmr_slot_usable() - may this slot be given out?  Return: false on superblocks or ring. */
bool dmr_slot_usable(const struct dmr_sb *sb, u64 slot);

/**
 * dmr_geometry_check() - are the places of ring and slots possible?
 * @sb: superblock in host form.
 *
 * Return: NULL if they are, otherwise a constant text naming the first that is not.
 */
const char *dmr_geometry_check(const struct dmr_sb *sb);

/**
 * dmr_ring_range_check() - can the log lie in the ring, from its tail to its last durable block?
 * @sb: superblock in host form that dmr_geometry_check() has nothing against.
 *
 * Return: NULL if it can, otherwise a constant text with the reason.
 */
const char *dmr_ring_range_check(const struct dmr_sb *sb);

/**
 * dmr_geometry() - lay out a new store
 * @sb: chunk_bytes and store_bytes are set; ring, slots, log, epochs and settings
 *	are filled in.
 *
 * Return: NULL, or a constant text saying why such a store cannot be made.
 */
const char *dmr_geometry(struct dmr_sb *sb);

const char *dmr_geometry_grow(struct dmr_sb *sb, u64 bytes);
u64 dmr_slot_versions(u64 slots);

#endif /* DMR_GEOMETRY_H */
