/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * dm-replica: the on-disk format of a store.
 *
 * Shared by the module and the tools.  All numbers are little-endian.  The field
 * by field description, with a hex example, is Documentation/on-disk-format.md.
 * A number at the start of a comment is the offset of the member in its structure.
 *
 *	0          superblock A  (128 KiB reserved, `length` bytes used)
 *	128 KiB    superblock B
 *	256 KiB    unused up to the first ring extent
 *	ring       log blocks of 4 KiB, in up to DMR_RING_EXTENTS extents
 *	slots      slot n is at byte n * chunk_bytes of the store; numbers on
 *		   superblocks or ring extents are not used
 */
#ifndef _UAPI_DM_REPLICA_FORMAT_H
#define _UAPI_DM_REPLICA_FORMAT_H

#include <linux/types.h>

#define DMR_SB_MAGIC		"DMREPLSB"	/* eight bytes, no NUL on disk */
#define DMR_SB_VERSION		6
#define DMR_SB_AREA		131072		/* bytes reserved for one copy */
#define DMR_SB_MAX		73728		/* bytes that one may use, at most */
#define DMR_SB_COPIES		2		/* A at 0, B at DMR_SB_AREA */

#define DMR_BLOCK_SHIFT		12
#define DMR_BLOCK_SIZE		(1 << DMR_BLOCK_SHIFT)	/* bytes: one mask bit, one log block */
#define DMR_MIN_CHUNK		(16 * 1024)
#define DMR_MAX_CHUNK		(256 * 1024)	/* 64 blocks: one bit each in a mask */

#define DMR_MAX_DISKS		64
#define DMR_MAX_POINTS		512
#define DMR_NAME_LEN		64		/* system name, with its NUL */
#define DMR_DISK_NAME_LEN	32		/* disk name, with its NUL */
#define DMR_POINT_NAME_LEN	40		/* point name, with its NUL */
#define DMR_IDENTITY_LEN	128		/* identity of a home, with its NUL */
#define DMR_RING_EXTENTS	8
#define DMR_NUMBER_LIMIT	(1ULL << 62)	/* counters start low; a larger number is damage */
#define DMR_RING_MIN_BLOCKS 512 /* added to twice the records of every slot */

/*
 * The lowest bit of an epoch number is its kind: even numbers are main epochs, odd
 * ones overlays.  Numbers only grow and are never used twice, so an odd number that is not
 * live, test or promoted in the superblock is dead for ever, without a list of dead
 * overlays.
 */
#define DMR_EPOCH_OVERLAY	1u
#define DMR_EPOCH_FIRST		2u		/* the first main epoch of a new store */
#define DMR_EPOCH_NONE		0u
#define DMR_EPOCH_MAX		0xfffffff0u	/* the last epoch that may be opened */

/* Feature bits: a reader refuses unknown incompatible ones. */
#define DMR_INCOMPAT_KNOWN	0ULL
#define DMR_COMPAT_KNOWN	0ULL

/* dmr_disk_sb.flags */
#define DMR_SB_SUSPENDED	(1u << 0)	/* replication is suspended */
#define DMR_SB_ACTIVE		(1u << 1)	/* attached on a host, see active_host */
#define DMR_SB_REMOVING		(1u << 2)	/* everything moves home, then the store is wiped */
#define DMR_SB_STAY		(1u << 3)	/* the move home was terminated: nothing moves */
#define DMR_SB_FLAGS_KNOWN	(DMR_SB_SUSPENDED | DMR_SB_ACTIVE | DMR_SB_REMOVING | DMR_SB_STAY)

/** struct dmr_disk_extent - one extent of the ring, 16 bytes */
struct dmr_disk_extent {
	__le64 first;			/* in 4 KiB blocks from the start of the store */
	__le64 count;			/* in 4 KiB blocks */
};

/** struct dmr_disk_overlay - the live or the test failover, 16 bytes */
struct dmr_disk_overlay {
	__le32 epoch;			/* odd, or DMR_EPOCH_NONE */
	__le32 base;			/* the epoch of the point it branches off */
	__le64 time;			/* when it began, ns since 1970 UTC */
};

/*
 * Settings.  A number with a default other than 0 is stored plus one, and the default
 * as 0, so that settings that were never set are all zero.
 */
#define DMR_DEFAULT_SPACE_LOW		80u	/* percent */
#define DMR_DEFAULT_SPACE_CRITICAL	95u	/* percent */
#define DMR_DEFAULT_DECIDE_WITHIN	86400u	/* s */
#define DMR_RATE_ADAPTS			(~0ULL)	/* the default vacuum_rate */
#define DMR_UNLIMITED			(~0ULL - 1)

/** struct dmr_disk_settings - settings and counters, 512 bytes */
struct dmr_disk_settings {
	__le32 space_low;		/* percent, plus one */
	__le32 space_critical;		/* percent, plus one */
	__le32 full_policy;		/* 8: enum dm_replica_full_policy of dm-replica.h */
	__u8   reserved0[4];
	__le64 live_reserve;		/* 16: bytes of slots kept for the live failover */
	__le64 point_interval;		/* s without a point until health warns; 0: never */
	__le64 decide_within;		/* 32: s failed over until health warns, plus one */
	__le64 vacuum_rate;		/* bytes per second, plus one */
	__le64 replication_interval;	/* 48: s between two arrivals; 0: not known */
	__u8   reserved1[200];
	__le64 points_made;		/* 256: counters, changed by operations */
	__le64 points_dropped;
	__le64 last_point_time;		/* 272: ns since 1970 UTC, 0: never */
	__le64 last_test_time;		/* the same */
	__le64 last_received_time;	/* 288: as known when this superblock was written */
	__le64 jump_point;		/* 296: points below were made before the clock was set.. */
	__le64 jump_by;			/* ..by so many ns ahead; both 0: it was not */
	/*
	 * Origins of the age of the state, of the last point and of the last sign of
	 * replication, by the clock when this superblock was written, ns; 0: not known.
	 */
	__le64 state_since;		/* 312 */
	__le64 point_since;
	__le64 received_since;
	__le64 clock_offset;		/* 336: that clock less the time since boot, ns */
	__u8   reserved2[168];
};

/*
 * The host area: keys and values of programs of the host, which the module keeps and does
 * not read.  Entries lie one behind the other, sorted by key, each key once, and are
 * followed by zeroes up to a multiple of DMR_HOST_ALIGN.
 */
#define DMR_HOST_AREA		8192		/* bytes of all entries together, at most */
#define DMR_HOST_ALIGN		16
#define DMR_HOST_KEY_LEN	64		/* key, with the NUL that is not on disk */

/** struct dmr_disk_host - begin of an entry, 4 bytes; its key and its value follow */
struct dmr_disk_host {
	__u8   value_bytes[2];		/* little-endian, at least 1 */
	__u8   key_bytes;		/* 1 to 63 of printable ASCII without blanks */
	__u8   reserved0;
};

/*
 * The fingerprint of a home: checksums of some of its blocks at a clean detach.  The
 * disks of a store share DMR_MAX_PRINTS places.
 */
#define DMR_MAX_PRINTS		256
#define DMR_DISK_PRINTS		64	/* of one disk, at most */

/** struct dmr_disk_print - one place of a fingerprint, 16 bytes */
struct dmr_disk_print {
	__le64 block;			/* 4 KiB block of home, a whole one */
	__le32 crc;			/* CRC-32C of its 4096 bytes */
	__u8   disk;			/* number */
	__u8   written;			/* 1: written home lately; 0: a random place */
	__u8   reserved0[2];
};

/*
 * The replication page: which machine this is a copy of, and where its copies are.  A
 * page of zeroes is left out.
 */
#define DMR_GENERATIONS		32
#define DMR_PEERS		8		/* one bit each in dmr_disk_point.holds */
#define DMR_BRANCHES		16
#define DMR_PEER_NAME_LEN	40		/* with its NUL */

/* dmr_disk_replication.role */
#define DMR_ROLE_REPLICA	0
#define DMR_ROLE_PRIMARY	1

/* dmr_disk_stream.flags */
#define DMR_STREAM_ABORTED	(1u << 0)	/* given up; disk and offset are 0 */

/** struct dmr_disk_stream - a delta that has arrived in part (R18), 160 bytes */
struct dmr_disk_stream {
	__u8   uuid[16];		/* of the stream; zero: there is none */
	__le64 base;			/* number of the point it starts from; 0: of none */
	__le64 target;			/* number of the point it ends as, above base */
	__le64 offset;			/* 32: what lies below on the disk has arrived, bytes */
	__le32 disk;			/* number; all of the lower ones has arrived */
	__u8   kind;			/* 44: of the target, enum dm_replica_point_kind */
	__u8   flags;			/* DMR_STREAM_* */
	__u8   reserved0[2];
	__u8   generation[16];		/* 48: UUID, of the target */
	__le64 first;			/* number at which that generation began */
	__le64 time;			/* 72: of the target by its origin's clock, ns */
	__le64 since;			/* when the stream was begun here, likewise */
	__u8   name[DMR_POINT_NAME_LEN];	/* 88: of the target */
	__u8   reserved1[32];
};

/** struct dmr_disk_generation - a promotion, 24 bytes */
struct dmr_disk_generation {
	__u8   uuid[16];
	__le64 first;			/* number of the first point that may be of it */
};

/** struct dmr_disk_peer - a system that has, or gets, copies of points, 96 bytes */
struct dmr_disk_peer {
	__u8   uuid[16];		/* zero: the place is free */
	__u8   name[DMR_PEER_NAME_LEN];
	__le64 acked;			/* 56: number of the newest point that it has; 0: none */
	__le32 acked_generation;	/* of that point */
	__le32 flags;			/* none so far */
	__u8   reserved0[24];
};

/** struct dmr_disk_replication - the replication page, 4096 bytes */
struct dmr_disk_replication {
	__u8   relationship[16];	/* UUID; zero: none */
	__le32 role;			/* DMR_ROLE_* */
	__le32 nr_generations;
	__u8   reserved0[8];
	struct dmr_disk_stream stream;				/* 32 */
	struct dmr_disk_generation generations[DMR_GENERATIONS];	/* 192: by first */
	struct dmr_disk_peer peers[DMR_PEERS];			/* 960: by place */
	__u8   branches[DMR_BRANCHES * 24];			/* 1728: room for them */
	__u8   reserved1[1984];
};

/*
 * struct dmr_disk_sb - the fixed part of a superblock, 1280 bytes
 *
 * It is followed by nr_disks entries of struct dmr_disk_disk, nr_points entries
 * of struct dmr_disk_point, sorted by epoch, host_bytes bytes of the host area,
 * rounded up, nr_prints entries of struct dmr_disk_print, sorted by disk and
 * block, and the replication page if replication_bytes is not 0.  @crc is CRC-32C
 * (Castagnoli, reflected, initial value and final xor ~0) over @length bytes with the @crc
 * field taken as zero.  Reserved bytes are zero; a reader of this version refuses other
 * values.
 */
struct dmr_disk_sb {
	__u8   magic[8];		/* DMR_SB_MAGIC */
	__le32 crc;
	__le32 length;			/* bytes written, multiple of 4096, at most DMR_SB_MAX */
	__le32 version;			/* DMR_SB_VERSION */
	__le32 copy;			/* 0 for A, 1 for B */
	__le64 compat;			/* feature bits */
	__le64 incompat;
	__le64 seq;			/* 40: the higher of two valid copies is current */
	__u8   store_uuid[16];
	__u8   system_uuid[16];
	__u8   name[DMR_NAME_LEN];	/* 80 */
	__le64 store_bytes;		/* 144: used size of the store */
	__le32 chunk_bytes;
	__le32 block_bytes;		/* DMR_BLOCK_SIZE */
	__le64 create_time;		/* ns since 1970 UTC */
	__le32 nr_disks;		/* 168 */
	__le32 nr_points;
	__le32 disk_entry;		/* sizeof(struct dmr_disk_disk) */
	__le32 point_entry;		/* sizeof(struct dmr_disk_point) */
	__le64 slot_first;		/* 184: lowest slot number that may be used */
	__le64 slot_end;		/* one past the highest */
	__le32 ring_extents;		/* 200: extents in use */
	__le32 ring_old_extents;	/* of those, extents of the older geometry */
	__le64 ring_from;		/* 208: first log number placed by the present geometry */
	__le64 ring_start;		/* its place in the ring, in blocks */
	__le64 ring_old_from;		/* the same for numbers below ring_from */
	__le64 ring_old_start;
	__le64 log_tail;		/* 240: first log number that replay needs */
	__le64 log_durable;		/* last log number known durable; log_tail - 1 if none */
	struct dmr_disk_extent ring[DMR_RING_EXTENTS];	/* 256 */
	__le32 state;			/* 384: CIM replication state, never 8 */
	__le32 flags;			/* DMR_SB_* */
	__le64 state_number;		/* 392: changed by operations only (R11) */
	__le32 cur_epoch;		/* 400: even, or the promoted overlay */
	__le32 next_epoch;		/* the epoch opened ahead */
	__le32 last_epoch;		/* highest number ever opened */
	__le32 promoted;		/* the overlay that a commit made main, or none */
	__le32 dead_first;		/* 416: main epochs killed by a commit: first.. */
	__le32 dead_last;		/* ..and last, or none */
	struct dmr_disk_overlay live;	/* 424 */
	struct dmr_disk_overlay test;	/* 440 */
	__le64 state_time;		/* 456: when the state was entered, ns since 1970 UTC */
	__u8   active_host[16];		/* 464: machine id of the host on which it is active */
	__le64 active_time;		/* 480: when it was activated */
	__le64 next_point;		/* 488: number of the next point, from 1 */
	__le64 job_number;		/* 496: highest job number used before activation */
	__le32 host_bytes;		/* 504: of the host area in use */
	__le32 nr_prints;		/* 508: 0 while it is active */
	struct dmr_disk_settings settings;	/* 512 */
	__u8   active_boot[16];		/* 1024: boot id of that host at active_time */
	__le32 replication_bytes;	/* 1040: of the replication page: 4096, or 0 without one */
	__u8   reserved0[236];
};

/* dmr_disk_disk.identity_type */
#define DMR_IDENTITY_NONE	0
#define DMR_IDENTITY_DM_UUID	1
#define DMR_IDENTITY_WWID	2
#define DMR_IDENTITY_PARTUUID	3
#define DMR_IDENTITY_LOOP_FILE	4
#define DMR_IDENTITY_SERIAL	5
#define DMR_IDENTITY_PATH	6	/* without a better one: the path given to create */

/* dmr_disk_disk.lost */
#define DMR_LOST_REPLICA	(1u << 0)	/* writes of the replica device */
#define DMR_LOST_FAILOVER	(1u << 1)	/* of the failover device, committed */
#define DMR_LOST_KNOWN		(DMR_LOST_REPLICA | DMR_LOST_FAILOVER)

/** struct dmr_disk_disk - one disk, 256 bytes */
struct dmr_disk_disk {
	__u8   name[DMR_DISK_NAME_LEN];
	__u8   uuid[16];
	__le64 sectors;			/* size of home in 512-byte sectors */
	__le32 number;			/* from 0, as in the table line: the place in the list */
	__le32 logical_block;		/* bytes: logical block of home when the store was made */
	__le32 identity_type;		/* DMR_IDENTITY_* */
	__le32 lost;			/* 68: DMR_LOST_*, as known at the last detach */
	__u8   identity[DMR_IDENTITY_LEN];
	__u8   reserved0[56];
};

/** struct dmr_disk_point - one recovery point, 72 bytes */
struct dmr_disk_point {
	__le32 epoch;			/* the main epoch that must stay readable */
	__u8   kind;			/* 4: enum dm_replica_point_kind of dm-replica.h */
	__u8   holds;			/* bit n: peer n holds it (R17) */
	__le16 generation;		/* 6: place in the list of generations */
	__le64 number;			/* never used twice in this store */
	__le64 time;			/* by its origin's clock, ns since 1970 UTC */
	__u8   name[DMR_POINT_NAME_LEN];
	__le64 arrived;			/* 64: when it was received, ns; 0: made here */
};

#define DMR_SB_FIXED		1280
#define DMR_SB_CRC_OFFSET	8

/*
 * The log.  Block numbers start at 1 and are consecutive; block n is in the ring
 * at place (n - ring_from + ring_start) mod the number of ring blocks.
 */
#define DMR_LOG_MAGIC		0x474c5244u	/* "DRLG" */
#define DMR_LOG_RECORDS		126		/* (4096 - 64) / 32 */

enum dmr_record_type {
	/* All of one version: slot, data and zero blocks. */
	DMR_RECORD_VERSION = 1,
	/*
	 * Moved home: in the blocks of data | zero, every main version of this
	 * chunk up to and including the epoch is dead.
	 */
	DMR_RECORD_DROP = 2,
};

/** struct dmr_disk_record - one log record, 32 bytes */
struct dmr_disk_record {
	__le64 data;			/* bit b: block b of the slot holds data */
	__le64 zero;			/* bit b: block b reads as zeroes; not set with data's */
	__le32 epoch;
	__u8   type;			/* enum dmr_record_type */
	__u8   disk;			/* number */
	__u8   chunk[5];		/* 40 bits, little-endian */
	__u8   slot[5];			/* 40 bits, little-endian; all ones: no slot */
};

#define DMR_SLOT_NONE_40	0xffffffffffULL

/** struct dmr_disk_log_block - a log block, 4096 bytes */
struct dmr_disk_log_block {
	__le32 magic;			/* DMR_LOG_MAGIC */
	__le32 crc;			/* CRC-32C of head and records, this field zero */
	__u8   store_uuid[16];
	__le64 number;			/* 24: of this block */
	__le64 sb_seq;			/* sequence number of the superblock in force */
	__le64 durable;			/* last log number that was durable when it was issued */
	__le32 nr_records;		/* 48 */
	__u8   reserved0[12];
	struct dmr_disk_record records[DMR_LOG_RECORDS];
};

#define DMR_LOG_CRC_OFFSET	4

#endif /* _UAPI_DM_REPLICA_FORMAT_H */
