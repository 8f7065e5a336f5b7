// SPDX-License-Identifier: GPL-2.0-only
/*
 * Log blocks and their records between their bytes on disk and host form.
 */
#include "crc.h"
#include "logblock.h"

static_assert(sizeof(struct dmr_disk_record) == 32);
static_assert(sizeof(struct dmr_disk_log_block) == DMR_BLOCK_SIZE);
static_assert(offsetof(struct dmr_disk_log_block, crc) == DMR_LOG_CRC_OFFSET);
static_assert(offsetof(struct dmr_disk_log_block, records) == 64);

static void dmr_put_40(u8 *out, u64 v)
{
	u32 i;

	for (i = 0; i < 5; i++)
		out[i] = v >> (8 * i);
}

static u64 dmr_get_40(const u8 *in)
{
	u64 v = 0;
	u32 i;

	for (i = 5; i--;)
		v = v << 8 | in[i];
	return v;
}

/**
 * dmr_logblock_put_record() - write a record's bytes
 * @rec: record in host form.
 * @out: every byte is written.
 */
void dmr_logblock_put_record(const struct dmr_record *rec, struct dmr_disk_record *out)
{
	out->data = cpu_to_le64(rec->data);
	out->zero = cpu_to_le64(rec->zero);
	out->epoch = cpu_to_le32(rec->epoch);
	out->type = rec->type;
	out->disk = rec->disk;
	dmr_put_40(out->chunk, rec->chunk);
	dmr_put_40(out->slot, rec->slot);
}

/**
 * dmr_logblock_get_record() - read a record's bytes
 * @in: record of a log block with a valid checksum.
 * @rec: filled in, unchecked: see dmr_logblock_validate_record().
 */
void dmr_logblock_get_record(const struct dmr_disk_record *in, struct dmr_record *rec)
{
	rec->data = le64_to_cpu(in->data);
	rec->zero = le64_to_cpu(in->zero);
	rec->epoch = le32_to_cpu(in->epoch);
	rec->type = in->type;
	rec->disk = in->disk;
	rec->chunk = dmr_get_40(in->chunk);
	rec->slot = dmr_get_40(in->slot);
}

const char *dmr_logblock_validate_record(const struct dmr_sb *sb, const struct dmr_record *rec)
{
	u32 blocks = dmr_chunk_blocks(sb);
	u64 end, first;

	if (rec->type != DMR_RECORD_VERSION && rec->type != DMR_RECORD_DROP)
		return "a log record is of an unknown type";
	if (rec->disk >= sb->nr_disks)
		return "a log record names a disk that does not exist";
	if (rec->epoch < DMR_EPOCH_FIRST || rec->epoch > sb->last_epoch)
		return "a log record names an epoch that was never opened";
	if (rec->data & rec->zero)
		return "a log record has a block as data and zero at once";

	/* Number of blocks of the disk, of which the last may be short. */
	end = (sb->disks[rec->disk].sectors + 7) >> (DMR_BLOCK_SHIFT - 9);
	first = rec->chunk * blocks;
	if (first >= end)
		return "a log record names a chunk beyond its disk";
	if ((rec->data | rec->zero) & ~dmr_block_mask(0, min_t(u64, blocks, end - first)))
		return "a log record names blocks beyond its chunk or disk";

	if (rec->slot == DMR_SLOT_NONE_40) {
		if (rec->type == DMR_RECORD_VERSION && rec->data)
			return "a log record has data but no slot";
	} else if (rec->type == DMR_RECORD_DROP) {
		return "a log record of a move home has a slot";
	} else if (!dmr_slot_usable(sb, rec->slot)) {
		return "a log record names a slot that cannot be one";
	}
	return NULL;
}

/* Checksum of a head and its records. */
static u32 dmr_logblock_crc(const struct dmr_disk_log_block *blk, u32 nr)
{
	return dmr_block_crc(blk, offsetof(struct dmr_disk_log_block, records) +
			     nr * sizeof(blk->records[0]), DMR_LOG_CRC_OFFSET);
}

void dmr_logblock_seal(struct dmr_disk_log_block *blk, const u8 *store_uuid,
		       const struct dmr_log_header *hdr, u32 held)
{
	u32 nr = min_t(u32, hdr->nr_records, DMR_LOG_RECORDS);

	blk->magic = cpu_to_le32(DMR_LOG_MAGIC);
	memcpy(blk->store_uuid, store_uuid, sizeof(blk->store_uuid));
	blk->number = cpu_to_le64(hdr->number);
	blk->sb_seq = cpu_to_le64(hdr->sb_seq);
	blk->durable = cpu_to_le64(hdr->durable);
	blk->nr_records = cpu_to_le32(nr);
	memset(blk->reserved0, 0, sizeof(blk->reserved0));
	held = min_t(u32, held, DMR_LOG_RECORDS);
	if (held > nr)
		memset(&blk->records[nr], 0, (held - nr) * sizeof(blk->records[0]));
	blk->crc = cpu_to_le32(dmr_logblock_crc(blk, nr));
}

enum dmr_verdict dmr_logblock_check(const struct dmr_disk_log_block *blk, const u8 *store_uuid,
				    struct dmr_log_header *hdr)
{
	u32 nr;

	if (le32_to_cpu(blk->magic) != DMR_LOG_MAGIC)
		return DMR_NOT_OURS;
	if (memcmp(blk->store_uuid, store_uuid, sizeof(blk->store_uuid)))
		return DMR_FOREIGN;
	/* A sector behind the records may be torn like one before their end. */
	nr = le32_to_cpu(blk->nr_records);
	if (nr > DMR_LOG_RECORDS || dmr_logblock_crc(blk, nr) != le32_to_cpu(blk->crc) ||
	    !dmr_is_zero(&blk->records[nr], (DMR_LOG_RECORDS - nr) * sizeof(blk->records[0])))
		return DMR_TORN;

	hdr->number = le64_to_cpu(blk->number);
	hdr->sb_seq = le64_to_cpu(blk->sb_seq);
	hdr->durable = le64_to_cpu(blk->durable);
	hdr->nr_records = nr;
	/*
	 * A block names only earlier blocks as durable (so there is no number 0), and a
	 * superblock.
	 */
	if (hdr->durable >= hdr->number || hdr->number >= DMR_NUMBER_LIMIT ||
	    !hdr->sb_seq || !dmr_is_zero(blk->reserved0, sizeof(blk->reserved0)))
		return DMR_BAD;
	return DMR_OK;
}
