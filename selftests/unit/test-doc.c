// SPDX-License-Identifier: GPL-2.0-only
/*
 * The codec's output for the example in Documentation/on-disk-format.md is the hex there.  To
 * print it anew: DMR_UNIT_PRINT=1 build/unit/unit doc_
 */
#include "unit.h"

#define DOC	UNIT_TOP "/Documentation/on-disk-format.md"

static void fill(u8 *uuid, u8 first)
{
	u32 i;

	for (i = 0; i < 16; i++)
		uuid[i] = first + i;
}

static struct dmr_sb *example_sb(void)
{
	struct dmr_sb *sb = unit_alloc(sizeof(*sb));
	struct dmr_disk_info *d = &sb->disks[0];
	struct dmr_point *p = &sb->points[0];
	static const struct dmr_host_entry entry = {
		.key = "backup/last", .key_bytes = 11,
		.value = (const u8 *)"monday", .value_bytes = 6,
	};

	sb->chunk_bytes = 65536;
	sb->store_bytes = 1ULL << 30;
	CHECK(!dmr_geometry(sb));
	sb->seq = 42;
	fill(sb->store_uuid, 0x10);
	fill(sb->system_uuid, 0x20);
	strcpy(sb->name, "web-01");
	sb->create_time = 1700000000000000000ULL;
	sb->log_tail = 3;
	sb->log_durable = 17;
	sb->state = DM_REPLICA_STATE_RECOVERED;
	sb->flags = DMR_SB_ACTIVE;
	sb->state_number = 5;
	sb->cur_epoch = 6;
	sb->next_epoch = 10;
	sb->last_epoch = 10;
	sb->live.epoch = 9;
	sb->live.base = 4;
	sb->live.time = 1700000600000000000ULL;
	sb->state_time = 1700000600000000000ULL;
	fill(sb->active_host, 0x50);
	fill(sb->active_boot, 0x70);
	sb->active_time = 1700000000000000000ULL;
	sb->next_point = 3;
	sb->job_number = 12;
	sb->nr_disks = 1;
	strcpy(d->name, "vda");
	fill(d->uuid, 0x60);
	d->sectors = 20971520;
	d->logical_block = 512;
	d->identity_type = DMR_IDENTITY_DM_UUID;
	strcpy(d->identity, "LVM-kM1vdW");
	sb->nr_points = 1;
	p->epoch = 4;
	p->kind = DM_REPLICA_POINT_KIND_STANDARD;
	p->number = 2;
	p->time = 1700000500000000000ULL;
	strcpy(p->name, "before upgrade");
	CHECK(dmr_host_set(&sb->host, &entry));
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	return sb;
}

static struct dmr_disk_log_block *example_log(const struct dmr_sb *sb)
{
	struct dmr_disk_log_block *blk = unit_alloc(sizeof(*blk));
	static const struct dmr_record recs[] = {
		{ DMR_RECORD_VERSION, 0, 9, 0x123, 0x146, 0x00f3, 0x0100 },
		{ DMR_RECORD_DROP, 0, 4, 0x77, DMR_SLOT_NONE_40, 0xffff, 0 },
	};
	struct dmr_log_header hdr = { 17, 42, 16, ARRAY_SIZE(recs) };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(recs); i++) {
		CHECK(!dmr_logblock_validate_record(sb, &recs[i]), "%s",
		      dmr_logblock_validate_record(sb, &recs[i]));
		dmr_logblock_put_record(&recs[i], &blk->records[i]);
	}
	dmr_logblock_seal(blk, sb->store_uuid, &hdr, DMR_LOG_RECORDS);
	return blk;
}

TEST(doc_example)
{
	u8 *buf = unit_alloc(DMR_SB_AREA);
	struct dmr_sb *sb = example_sb();
	struct dmr_disk_log_block *blk = example_log(sb);
	u32 len = dmr_sb_encode(sb, buf);

	if (getenv("DMR_UNIT_PRINT")) {
		unit_doc_print(buf, len);
		unit_doc_print((u8 *)blk, sizeof(*blk));
	}
	unit_doc_compare(DOC, "## A superblock, byte by byte", buf, len);
	unit_doc_compare(DOC, "## A log block, byte by byte", (u8 *)blk, sizeof(*blk));
}
