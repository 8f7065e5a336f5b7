// SPDX-License-Identifier: GPL-2.0-only
/* The store of the engine of synth.c: its record, requests to devices, superblocks and log. */
#include "engine.h"

/* The record */

void put(struct engine *e, struct rec *r, const void *data, u64 bytes)
{
	r->magic = REC_MAGIC;
	r->bytes = bytes;
	while (e->bytes + sizeof(*r) + bytes > e->room) {
		e->room = e->room ? e->room * 2 : 1 << 20;
		e->out = need(realloc(e->out, e->room));
	}
	memcpy(e->out + e->bytes, r, sizeof(*r));
	e->bytes += sizeof(*r);
	if (bytes)
		memcpy(e->out + e->bytes, data, bytes);
	e->bytes += bytes;
}

void dev_write(struct engine *e, u32 dev, u64 sector, const void *data, u64 sectors, bool fua)
{
	struct rec r = { .type = REC_WRITE, .dev = dev, .sector = sector, .sectors = sectors,
			 .flags = fua ? REC_FUA : 0 };

	memcpy(e->dev[dev] + sector * REC_SECTOR, data, sectors * REC_SECTOR);
	put(e, &r, data, sectors * REC_SECTOR);
}

void dev_flush(struct engine *e, u32 dev)
{
	struct rec r = { .type = REC_FLUSH, .dev = dev };

	put(e, &r, NULL, 0);
}

u64 begin(struct engine *e, u8 op, u64 arg)
{
	struct rec r = { .type = REC_OP, .op = op, .arg = arg, .seq = ++e->seq };

	put(e, &r, NULL, 0);
	return r.seq;
}

void done(struct engine *e, u8 type, u64 seq, int result, u64 arg)
{
	struct rec r = { .type = type, .seq = seq, .result = result, .arg = arg };

	put(e, &r, NULL, 0);
}

/* Superblock and log */

void sb_write(struct engine *e)
{
	u8 *buf = need(malloc(DMR_SB_AREA));
	const char *why;
	u32 bytes;

	e->sb->seq++;
	e->sb->copy = e->bug == BUG_SAME_COPY ? 0 : !e->sb->copy;
	e->sb->log_durable = e->next - 1;
	why = dmr_sb_validate(e->sb);
	if (why)
		die("synth: %s", why);
	bytes = dmr_sb_encode(e->sb, buf);
	dev_write(e, STORE, e->sb->copy * (DMR_SB_AREA / REC_SECTOR), buf, bytes / REC_SECTOR,
		  e->bug != BUG_SB_NO_FUA);
	free(buf);
	e->copies_same = false;
}

/* @durable: the number up to which the blocks are on the medium before this one is. */
static void log_write(struct engine *e, const struct dmr_record *recs, u32 nr, u64 durable, bool fua)
{
	struct dmr_disk_log_block *blk = need(calloc(1, sizeof(*blk)));
	struct dmr_log_header hdr = { .number = e->next, .sb_seq = e->sb->seq,
				      .durable = durable, .nr_records = nr };
	u32 i;

	if (e->next - e->sb->log_tail + 2 > dmr_ring_blocks(e->sb))
		die("synth: the ring is full; fewer ops");
	for (i = 0; i < nr; i++)
		dmr_logblock_put_record(&recs[i], &blk->records[i]);
	dmr_logblock_seal(blk, e->sb->store_uuid, &hdr, DMR_LOG_RECORDS);
	dev_write(e, STORE, dmr_ring_place(e->sb, e->next) * BLOCK_SECTORS, blk, BLOCK_SECTORS, fua);
	e->next++;
	free(blk);
}

static void store_flush(struct engine *e)
{
	dev_flush(e, STORE);
	e->store_dirty = false;
}

/* All records that are due, drops first (R13).  Return: how many; *recs is to be freed. */
static u32 take_records(struct engine *e, struct dmr_record **recs)
{
	u32 room = e->nr_drops + atomic64_read(&e->map.versions) + 1, nr = 0, i;
	struct dmr_version *v;
	u64 b;

	*recs = need(calloc(room, sizeof(**recs)));
	for (i = 0; i < e->nr_drops; i++)
		(*recs)[nr++] = e->drops[i];
	e->nr_drops = 0;
	for (b = 0; b < e->map.nr_buckets; b++) {
		for (v = e->map.buckets[b]; v; v = v->next) {
			if (!(atomic_read(&v->state) & DMR_V_DIRTY))
				continue;
			v->log = e->next + nr / e->per_block;
			dmr_map_record(v, &(*recs)[nr++]);
			atomic_set(&v->state, 0);
		}
	}
	return nr;
}

/* Other writes reach the store while a commit is on its way; it must not matter to it. */
static void beside(struct engine *e)
{
	if (!e->open || !rng_chance(&e->r, 30))
		return;
	io_write(e, e->sb->state == DM_REPLICA_STATE_COMMITTED ? REC_LIVE : REC_HEAD, REC_DATA, false);
}

/*
 * R2: write all due records to the log: a flush of the data that they describe, all blocks
 * but the last one, then that one behind a flush, which makes the others durable.
 */
void commit(struct engine *e)
{
	u64 durable = e->next - 1;
	struct dmr_record *recs;
	u32 nr = take_records(e, &recs), at;

	if (e->bug != BUG_LOG_NO_FLUSH || !nr)
		if (e->bug != BUG_BLOCKS_NO_FLUSH || nr <= e->per_block)
			store_flush(e);
	for (at = 0; nr - at > e->per_block; at += e->per_block) {
		beside(e);
		log_write(e, recs + at, e->per_block, durable, false);
	}
	beside(e);
	if (at && e->bug != BUG_LAST_NO_FLUSH)
		store_flush(e);
	if (nr)
		log_write(e, recs + at, nr - at, e->next - 1, true);
	free(recs);
}

/* R7: copy the records of all live versions to the head, then move the tail by a superblock. */
void tail_move(struct engine *e)
{
	u64 blocks = atomic64_read(&e->map.versions) / e->per_block + 2, b;
	struct dmr_version *v;

	if (e->next - e->sb->log_tail + 4 * blocks + 16 < dmr_ring_blocks(e->sb))
		return;
	for (b = 0; b < e->map.nr_buckets; b++)
		for (v = e->map.buckets[b]; v; v = v->next)
			if (v->data | v->zero)
				atomic_set(&v->state, DMR_V_DIRTY);
	b = e->next;
	commit(e);
	/* R6: the last durable block stays, to prove the end of the log. */
	e->sb->log_tail = min(b, e->next - 1);
	sb_write(e);
}
