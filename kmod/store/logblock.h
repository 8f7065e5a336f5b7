/* SPDX-License-Identifier: GPL-2.0-only */
/* Log blocks and their records between their bytes on disk and host form. */
#ifndef DMR_LOGBLOCK_H
#define DMR_LOGBLOCK_H

#include "superblock.h"

/** struct dmr_record - one log record in host form */
struct dmr_record {
	u8 type;		/* enum dmr_record_type */
	u8 disk;
	u32 epoch;
	u64 chunk;
	u64 slot;		/* DMR_SLOT_NONE_40: no slot */
	u64 data;
	u64 zero;
};

void dmr_logblock_put_record(const struct dmr_record *rec, struct dmr_disk_record *out);
void dmr_logblock_get_record(const struct dmr_disk_record *in, struct dmr_record *rec);

/**
 * dmr_logblock_validate_record() - check that a record can belong to a store
 * @sb: the superblock in force.
 * @rec: record in host form.
 *
 * Disk and chunk exist, the slot may be allocated, the masks do not overlap and stay
 * within chunk and disk, and the epoch has been opened.
 *
 * Return: NULL, or a constant text with the fault.
 */
const char *dmr_logblock_validate_record(const struct dmr_sb *sb, const struct dmr_record *rec);

/** struct dmr_log_header - the head of a log block in host form */
struct dmr_log_header {
	u64 number;
	u64 sb_seq;
	u64 durable;
	u32 nr_records;
};

/**
 * dmr_logblock_seal() - fill in a log block's head and checksum
 * @blk: block with @hdr->nr_records records; the rest is zeroed here.
 * @store_uuid: 16 bytes.
 * @hdr: the head.
 * @held: bytes behind so many records are zero already, DMR_LOG_RECORDS if unknown.
 */
void dmr_logblock_seal(struct dmr_disk_log_block *blk, const u8 *store_uuid,
		       const struct dmr_log_header *hdr, u32 held);

/**
 * dmr_logblock_check() - check a log block read from disk
 * @blk: the block.
 * @store_uuid: 16 bytes.
 * @hdr: filled in when DMR_OK is returned.
 *
 * Return: DMR_OK, DMR_NOT_OURS, DMR_FOREIGN, DMR_TORN or DMR_BAD.  The caller
 * compares the number.
 */
enum dmr_verdict dmr_logblock_check(const struct dmr_disk_log_block *blk, const u8 *store_uuid,
				    struct dmr_log_header *hdr);

#endif /* DMR_LOGBLOCK_H */
