// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attach a state in user space, with the module's own sources: choose a superblock, replay
 * the log into a map, claim the slots, as dmr_attach_load() does.  A crash leaves no damage
 * (R6), so any error here is a failure.
 */
#include <stdarg.h>

#include "crash.h"

static mempool_t *pool;

struct reader {
	struct dmr_reader rd;
	struct image *img;
};

struct load {
	struct dmr_replay_ops ops;
	struct dmr_rebuild rb;
};

void attach_init(void)
{
	if (!pool)
		pool = need(mempool_create_kmalloc_pool(1, sizeof(struct dmr_version)));
}

static int reader_read(struct dmr_reader *rd, u64 first, u32 count, void *buf)
{
	struct image *img = container_of(rd, struct reader, rd)->img;
	u64 blocks = img->dev[STORE].sectors / BLOCK_SECTORS;

	if (first >= blocks || count > blocks - first)
		return -EIO;
	image_read(img, STORE, first * BLOCK_SECTORS, count * BLOCK_SECTORS, buf);
	return 0;
}

static int load_record(struct dmr_replay_ops *ops, const struct dmr_record *rec, u64 number)
{
	return dmr_rebuild_record(&container_of(ops, struct load, ops)->rb, rec, number);
}

static void failed(struct attached *att, int err, const char *fmt, ...)
	__attribute__((__format__(__printf__, 3, 4)));

static void failed(struct attached *att, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(att->why, sizeof(att->why), fmt, ap);
	va_end(ap);
	att->err = err;
}

/* Invariants of a live set: each version is possible, no slot is named twice. */
static void check_version(struct attached *att, const struct dmr_version *v)
{
	const struct dmr_sb *sb = att->sb;
	struct dmr_record rec;
	const char *why;

	dmr_map_record(v, &rec);
	why = dmr_logblock_validate_record(sb, &rec);
	if (why)
		failed(att, -EUCLEAN, "disk %u chunk %llu epoch %u: %s", rec.disk, rec.chunk,
		       rec.epoch, why);
	else if (v->slot != DMR_SLOT_NONE && dmr_slots_claim(&att->slots, v->slot))
		failed(att, -EUCLEAN, "slot %u is that of disk %u chunk %llu epoch %u, and of another version",
		       v->slot, rec.disk, rec.chunk, rec.epoch);
	att->versions++;
}

static void check_versions(struct attached *att)
{
	const struct dmr_version *v, *n;
	u64 i;

	for (i = 0; !att->err && i < att->map.nr_buckets; i++)
		for (v = att->map.buckets[i]; !att->err && v; v = v->next) {
			check_version(att, v);
			n = dmr_map_next(v);
			if (n && n->epoch >= v->epoch)
				failed(att, -EUCLEAN, "versions of a chunk are not in order");
		}
}

/**
 * attach() - attach the state on the devices
 * @att: to be filled in; err is the result, why its reason.
 * @img: the devices.
 *
 * detach() ends it, after a failure too.
 */
void attach(struct attached *att, struct image *img)
{
	struct reader reader = { .rd.read = reader_read, .img = img };
	struct load load = { .ops.record = load_record };
	struct dmr_damage dmg;
	u64 seq, state;
	int err, slots;

	memset(att, 0, sizeof(*att));
	att->img = img;
	att->sb = need(malloc(sizeof(*att->sb)));
	err = dmr_replay_super(&reader.rd, att->sb, &seq, &state, &dmg);
	if (err) {
		att->no_super = true;
		return failed(att, err, "superblock: %s", dmg.reason);
	}
	if (img->dev[STORE].sectors * REC_SECTOR < att->sb->store_bytes)
		return failed(att, -EUCLEAN, "the store is shorter than in its superblock");
	if (att->sb->nr_disks + 1 != img->rec->nr_devices)
		return failed(att, -EINVAL, "the store has %u disks, the record %u",
			      att->sb->nr_disks, img->rec->nr_devices - 1);
	if (dmr_map_init(&att->map, dmr_slot_versions(dmr_slot_count(att->sb)), pool) ||
	    dmr_slots_init(&att->slots, att->sb) ||
	    dmr_rebuild_init(&load.rb, &att->map, att->sb))
		die("out of memory");
	err = dmr_replay_log(&reader.rd, att->sb, &load.ops, &att->next, &dmg);
	att->records = load.rb.records;
	slots = dmr_rebuild_exit(&load.rb);
	if (err)
		return failed(att, err, "log: %s (block %llu of the store, number %llu)", dmg.reason,
			      dmg.where, dmg.number);
	if (slots)
		return failed(att, slots, "%llu versions are needed, and have lost their slots",
			      load.rb.lost);
	check_versions(att);
}

void detach(struct attached *att)
{
	dmr_map_exit(&att->map);
	if (att->slots.taken)
		dmr_slots_exit(&att->slots);
	free(att->sb);
	att->sb = NULL;
}

/* As dmr_views_make() does. */
void attached_view(const struct attached *att, struct dmr_view *view, u32 base, u32 overlay)
{
	memset(view, 0, sizeof(*view));
	view->base = base;
	view->overlay = overlay;
	view->promoted = att->sb->promoted;
	view->dead_first = att->sb->dead_first;
	view->dead_last = att->sb->dead_last;
}

/**
 * attached_find() - where sectors of a view are
 * @att: attached.
 * @view: from attached_view().
 * @disk: its number.
 * @sector: the first one.
 * @src: filled in.
 *
 * Return: for how many sectors from there on @src holds; never beyond the disk.
 */
u64 attached_find(struct attached *att, const struct dmr_view *view, u32 disk, u64 sector,
		  struct source *src)
{
	u32 blocks = dmr_chunk_blocks(att->sb), first, run;
	u64 block = sector / BLOCK_SECTORS, chunk = block / blocks, end;
	struct dmr_source from;

	first = block % blocks;
	run = dmr_map_resolve(&att->map, view, dmr_key(disk, chunk), first, blocks - first, &from);
	end = min((block + run) * BLOCK_SECTORS, att->sb->disks[disk].sectors);
	src->zero = from.kind == DMR_SRC_ZERO;
	if (from.kind == DMR_SRC_SLOT) {
		src->dev = STORE;
		src->sector = (u64)from.slot * blocks * BLOCK_SECTORS +
			      sector % (blocks * BLOCK_SECTORS);
	} else {
		src->dev = disk + 1;
		src->sector = sector;
	}
	return end - sector;
}
