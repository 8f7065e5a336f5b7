/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Superblock and log blocks between their bytes on disk and host form.
 *
 * Compiled into the module and into the tools.  Nothing here sleeps, allocates
 * or does I/O, and no input, however hostile, makes it read or write outside
 * the buffers it was given.
 */
#ifndef DMR_CODEC_H
#define DMR_CODEC_H

#include "portable.h"
#include "../uapi/dm-replica-format.h"

/* Why a block was not taken; the order is from "not ours" to "ours but broken". */
enum dmr_verdict {
	DMR_OK = 0,
	DMR_NOT_OURS,		/* no magic: blank, or something else's */
	DMR_TORN,		/* our magic, but the checksum does not hold */
	DMR_NEWER,		/* another version, or a feature that we do not know */
	DMR_BAD,		/* checksum holds, but a field is impossible: see the reason */
	DMR_FOREIGN,		/* a log block of another store */
	DMR_STALE,		/* a log block of another number */
};

struct dmr_overlay {
	u32 epoch;		/* DMR_EPOCH_NONE: there is none */
	u32 base;		/* epoch of the point it branches off */
	u64 time;
};

struct dmr_extent {
	u64 first;		/* 4 KiB blocks */
	u64 count;
};

struct dmr_disk_info {
	char name[DMR_DISK_NAME_LEN];
	u8 uuid[16];
	u64 sectors;
	u32 number;
	u32 logical_block;
	u32 identity_type;
	char identity[DMR_IDENTITY_LEN];
};

struct dmr_point {
	u32 epoch;
	u32 kind;
	u64 number;
	u64 time;
	char name[DMR_POINT_NAME_LEN];
};

/**
 * struct dmr_settings - settings and counters in host form
 *
 * Field meanings are those of struct dmr_disk_settings, with each number as it
 * applies: what is stored plus one on disk is not so here.  Never zeroed but by
 * dmr_settings_init().
 */
struct dmr_settings {
	u32 keep_last;
	u32 keep_hourly;
	u32 keep_daily;
	u32 keep_weekly;
	u64 keep_within;
	u32 space_low;
	u32 space_critical;
	u32 full_policy;
	u64 live_reserve;
	u64 point_interval;
	u64 decide_within;
	u64 vacuum_rate;
	u64 replication_interval;
	u64 points_made;
	u64 points_dropped;
	u64 last_point_time;
	u64 last_test_time;
	u64 last_received_time;
	u64 jump_point;
	u64 jump_by;
	u64 state_since;
	u64 point_since;
	u64 received_since;
	u64 clock_offset;
};

struct dmr_ip {
	u8 family;		/* 4 or 6; 0: there is none */
	u8 prefix;
	u8 ip[16];
};

/** struct dmr_adapter - a network adapter's settings; lists end at the first without family */
struct dmr_adapter {
	u8 mac[6];
	u8 dhcp;
	struct dmr_ip addresses[DMR_MAX_ADDRESSES];
	struct dmr_ip gateways[DMR_MAX_GATEWAYS];
	struct dmr_ip dns[DMR_MAX_DNS];
};

/** struct dmr_print - one place of a home's fingerprint */
struct dmr_print {
	u64 block;		/* of home, 4 KiB */
	u32 crc;
	u8 disk;
	u8 written;		/* written home lately, not drawn at random */
};

/**
 * struct dmr_sb - a superblock in host form
 *
 * Field meanings are those of struct dmr_disk_sb.  Some 64 KiB: allocate it
 * with kvzalloc(), never on the stack.
 */
struct dmr_sb {
	u64 seq;
	u32 copy;
	u64 compat;
	u64 incompat;
	u8 store_uuid[16];
	u8 system_uuid[16];
	char name[DMR_NAME_LEN];
	u64 store_bytes;
	u32 chunk_bytes;
	u64 create_time;
	u32 nr_disks;
	u32 nr_points;
	u64 slot_first;
	u64 slot_end;
	u32 ring_extents;
	u32 ring_old_extents;
	u64 ring_from;
	u64 ring_start;
	u64 ring_old_from;
	u64 ring_old_start;
	u64 log_tail;
	u64 log_durable;
	struct dmr_extent ring[DMR_RING_EXTENTS];
	u32 state;
	u32 flags;
	u64 state_number;
	u32 cur_epoch;
	u32 next_epoch;
	u32 last_epoch;
	u32 promoted;
	u32 dead_first;
	u32 dead_last;
	struct dmr_overlay live;
	struct dmr_overlay test;
	u64 state_time;
	u8 active_host[16];
	u8 active_boot[16];
	u64 active_time;
	u64 next_point;
	u64 job_number;
	u32 nr_adapters;
	u32 nr_prints;
	struct dmr_settings settings;
	struct dmr_disk_info disks[DMR_MAX_DISKS];
	struct dmr_point points[DMR_MAX_POINTS];	/* by rising epoch */
	struct dmr_adapter adapters[DMR_MAX_ADAPTERS];	/* by rising address */
	struct dmr_print prints[DMR_MAX_PRINTS];	/* by rising disk and block */
};

/**
 * dmr_sb_length() - bytes a superblock takes on disk
 * @sb: superblock in host form.
 *
 * Return: a multiple of 4096, at most DMR_SB_AREA.
 */
u32 dmr_sb_length(const struct dmr_sb *sb);

/**
 * dmr_sb_encode() - write a superblock's bytes
 * @sb: what to write; must be valid (dmr_sb_validate()).
 * @buf: DMR_SB_AREA bytes.
 *
 * Return: the number of bytes to write to disk, the rest of @buf is zero.
 */
u32 dmr_sb_encode(const struct dmr_sb *sb, void *buf);

/**
 * dmr_sb_decode() - read and check a superblock's bytes
 * @buf: DMR_SB_AREA bytes as read from disk.
 * @copy: which copy they were read from, 0 or 1.
 * @sb: filled in when DMR_OK is returned, garbage otherwise.
 * @reason: if not NULL, set to a constant text that says what is wrong.
 *
 * Return: a verdict; everything that dmr_sb_validate() checks has been checked.
 */
enum dmr_verdict dmr_sb_decode(const void *buf, u32 copy, struct dmr_sb *sb,
			       const char **reason);

/**
 * dmr_sb_validate() - is every field of a superblock possible?
 * @sb: superblock in host form.
 *
 * Return: NULL if it is, otherwise a constant text naming the first that is not.
 */
const char *dmr_sb_validate(const struct dmr_sb *sb);

#define DMR_MAX_JUMP		(1ULL << 62)	/* ns, more than a century */

/* Numbers that only grow start low: what is near the end is no number of ours. */
#define DMR_NUMBER_LIMIT	(1ULL << 62)

/** dmr_is_zero() - are all of these bytes zero?  Return: true if so. */
static inline bool dmr_is_zero(const void *p, size_t len)
{
	return !memchr_inv(p, 0, len);
}

/** dmr_settings_init() - the settings of a new store: the default of each */
void dmr_settings_init(struct dmr_settings *set);

/**
 * dmr_settings_check() - are these settings possible?
 * @set: settings.
 *
 * Return: NULL if they are, otherwise a constant text that says what is wrong
 * and what is allowed.
 */
const char *dmr_settings_check(const struct dmr_settings *set);

/**
 * dmr_adapter_check() - are these settings of a network adapter possible?
 * @adapter: settings.
 *
 * Return: NULL if they are, otherwise a constant text that says what is wrong
 * and what is allowed.
 */
const char *dmr_adapter_check(const struct dmr_adapter *adapter);

/**
 * dmr_utf8_char() - the character that a text begins with
 * @s: bytes that end in a NUL.
 *
 * Return: its length in bytes, 0 if it is not well-formed or a control character.
 */
u32 dmr_utf8_char(const u8 *s);

/**
 * dmr_point_name_ok() - may a recovery point be called that?
 * @name: DMR_POINT_NAME_LEN bytes.
 *
 * Return: true if it ends in time, is UTF-8 without control characters, and has
 * no slash; "" is the name of a point without one.
 */
bool dmr_point_name_ok(const char *name);

/**
 * dmr_system_name_fault() - may a system be called that?
 * @name: DMR_NAME_LEN bytes.
 *
 * It is part of device names, of file names, and of what shells and terminals see.
 *
 * Return: NULL if so, otherwise a constant text that follows the name.
 */
const char *dmr_system_name_fault(const char *name);

/** dmr_disk_name_fault() - the same for a disk, DMR_DISK_NAME_LEN bytes. */
const char *dmr_disk_name_fault(const char *name);

/**
 * dmr_sb_same_identity() - do two superblocks describe the same store?
 * @a: one copy
 * @b: the other
 *
 * Return: true if store, system, name, chunk size and creation time agree.
 */
bool dmr_sb_same_identity(const struct dmr_sb *a, const struct dmr_sb *b);

/** struct dmr_record - one log record in host form */
struct dmr_record {
	u8 type;		/* enum dmr_record_type */
	u8 disk;
	u32 epoch;
	u64 chunk;
	u64 slot;		/* DMR_SLOT_NONE_40 if it has none */
	u64 data;
	u64 zero;
};

void dmr_record_encode(const struct dmr_record *rec, struct dmr_disk_record *out);
void dmr_record_decode(const struct dmr_disk_record *in, struct dmr_record *rec);

/**
 * dmr_record_validate() - can a record belong to this store?
 * @sb: the superblock the log is replayed under.
 * @rec: record in host form.
 *
 * Disk and chunk exist, the slot may be given out, masks do not overlap and
 * stay within the chunk and the disk, the epoch has been opened.
 *
 * Return: NULL, or a constant text saying what is impossible.
 */
const char *dmr_record_validate(const struct dmr_sb *sb, const struct dmr_record *rec);

/** struct dmr_log_header - the head of a log block in host form */
struct dmr_log_header {
	u64 number;
	u64 sb_seq;
	u64 durable;
	u32 nr_records;
};

/**
 * dmr_log_seal() - fill in a log block's head and checksum
 * @blk: block whose first @hdr->nr_records records are filled in; the rest is zeroed.
 * @store_uuid: 16 bytes.
 * @hdr: the head.
 */
void dmr_log_seal(struct dmr_disk_log_block *blk, const u8 *store_uuid,
		  const struct dmr_log_header *hdr);

/**
 * dmr_log_check() - check a log block read from disk
 * @blk: the block.
 * @store_uuid: 16 bytes.
 * @hdr: filled in when DMR_OK is returned.
 *
 * Return: DMR_OK, DMR_NOT_OURS, DMR_FOREIGN, DMR_TORN or DMR_BAD.  The caller
 * compares the number.
 */
enum dmr_verdict dmr_log_check(const struct dmr_disk_log_block *blk, const u8 *store_uuid,
			       struct dmr_log_header *hdr);

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

/** dmr_usable_slots() - slots that may be given out.  Return: their number. */
u64 dmr_usable_slots(const struct dmr_sb *sb);

/** dmr_slot_usable() - may this slot be given out?  Return: false on superblocks or ring. */
bool dmr_slot_usable(const struct dmr_sb *sb, u64 slot);

/**
 * dmr_disk_prints() - places that the fingerprint of each disk may have
 * @nr_disks: disks of the system, at least 1.
 *
 * Return: 4 to DMR_DISK_PRINTS, so that those of all disks fit.
 */
static inline u32 dmr_disk_prints(u32 nr_disks)
{
	return min_t(u32, DMR_DISK_PRINTS, DMR_MAX_PRINTS / nr_disks);
}

/** dmr_chunk_blocks() - 4 KiB blocks per chunk.  Return: 4..64. */
static inline u32 dmr_chunk_blocks(const struct dmr_sb *sb)
{
	return sb->chunk_bytes >> DMR_BLOCK_SHIFT;
}

/** dmr_block_mask() - a mask of @count bits from bit @first.  Return: the mask. */
static inline u64 dmr_block_mask(u32 first, u32 count)
{
	return (count >= 64 ? ~0ULL : (1ULL << count) - 1) << first;
}

/**
 * dmr_epoch_is_main() - does an epoch belong to the history?
 * @promoted: the overlay that a commit made main, or DMR_EPOCH_NONE.
 * @dead_first: first main epoch that a commit killed, or DMR_EPOCH_NONE.
 * @dead_last: last one.
 * @epoch: the epoch asked about.
 *
 * Return: true for main epochs that live, and for the promoted overlay.
 */
static inline bool dmr_epoch_is_main(u32 promoted, u32 dead_first, u32 dead_last, u32 epoch)
{
	if (epoch & DMR_EPOCH_OVERLAY)
		return epoch == promoted;
	return !dead_first || epoch < dead_first || epoch > dead_last;
}

/**
 * dmr_geometry_check() - are the places of ring and slots possible?
 * @sb: superblock in host form.
 *
 * Return: NULL if they are, otherwise a constant text naming the first that is not.
 */
const char *dmr_geometry_check(const struct dmr_sb *sb);

/**
 * dmr_log_range_check() - can the log lie in the ring, from its tail to what is durable?
 * @sb: superblock in host form that dmr_geometry_check() has nothing against.
 *
 * Return: NULL if it can, otherwise a constant text that says why not.
 */
const char *dmr_log_range_check(const struct dmr_sb *sb);

/**
 * dmr_geometry() - lay out a new store
 * @sb: chunk_bytes and store_bytes are set; ring, slots, log, epochs and settings
 *	are filled in.
 *
 * Return: NULL, or a constant text saying why such a store cannot be made.
 */
const char *dmr_geometry(struct dmr_sb *sb);

const char *dmr_geometry_grow(struct dmr_sb *sb, u64 bytes);
u64 dmr_map_versions(u64 slots);

#endif /* DMR_CODEC_H */
