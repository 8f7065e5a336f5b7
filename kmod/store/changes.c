// SPDX-License-Identifier: GPL-2.0-only
/*
 * A walk over the blocks of a disk that were written between two recovery points.  Shared
 * with user space (unit tests).
 *
 * By chunk number, not by bucket, so that the extents rise by address and those next to
 * each other become one; groups of chunks in which nothing is newer than the first point
 * are passed over.
 */
#include "changes.h"

/**
 * dmr_changes_init() - begin a walk
 * @c: the walk; the caller sets @c->map.
 * @sb: the state, in which both points are.
 * @disk: number of the disk.
 * @from: epoch of the first point, or DMR_EPOCH_NONE: list all of the disk.
 * @to: epoch of the second point.
 * @start: byte from which on extents are wanted; the list begins with its chunk.
 */
void dmr_changes_init(struct dmr_changes *c, const struct dmr_sb *sb, u32 disk, u32 from, u32 to,
		      u64 start)
{
	memset(c, 0, sizeof(*c));
	c->disk = disk;
	c->from = from;
	c->to = to;
	c->promoted = sb->promoted;
	c->dead_first = sb->dead_first;
	c->dead_last = sb->dead_last;
	c->bytes = sb->disks[disk].sectors << 9;
	c->chunk_bytes = sb->chunk_bytes;
	c->chunk = div_u64(start, sb->chunk_bytes);
}

/* Add to the run.  Return: true if @extent is a complete one, which this does not continue. */
static bool dmr_changes_take(struct dmr_changes *c, u64 offset, u64 bytes, bool zero,
			     struct dmr_run *extent)
{
	struct dmr_run *run = &c->run;

	bytes = min(bytes, c->bytes - offset);
	if (run->bytes && run->zero == zero && run->offset + run->bytes == offset &&
	    run->bytes + bytes <= DMR_CHANGES_RUN) {
		run->bytes += bytes;
		return false;
	}
	*extent = *run;
	*run = (struct dmr_run){ offset, bytes, zero };
	return extent->bytes;
}

/*
 * R16: look up the blocks of a chunk, newest version first: the newest one up to the
 * second point that has a block decides whether it is zero there.
 */
static void dmr_changes_chunk(struct dmr_changes *c, u64 chunk, u32 *budget)
{
	u64 data, zero, seen = 0, zeroes = 0;
	struct dmr_version *v;

	for (v = dmr_map_first(c->map, dmr_key(c->disk, chunk)); v; v = dmr_map_next(v)) {
		*budget -= *budget != 0;
		if (v->epoch > c->to)
			continue;
		if (v->epoch <= c->from)
			break;
		if (!dmr_epoch_is_main(c->promoted, c->dead_first, c->dead_last, v->epoch))
			continue;
		dmr_version_masks(v, &data, &zero);
		zeroes |= zero & ~seen;
		seen |= data | zero;
	}
	if (c->from == DMR_EPOCH_NONE)
		seen = dmr_block_mask(0, c->chunk_bytes >> DMR_BLOCK_SHIFT);
	c->left = seen;
	c->zero = zeroes;
}

/* Take the next run of blocks of the last chunk.  Return: as dmr_changes_take(). */
static bool dmr_changes_blocks(struct dmr_changes *c, struct dmr_run *extent)
{
	u32 first = __ffs64(c->left), count;
	u64 at = (c->chunk - 1) * c->chunk_bytes + ((u64)first << DMR_BLOCK_SHIFT), same;
	bool zero = c->zero >> first & 1;

	same = c->left & (zero ? c->zero : ~c->zero);
	same = ~(same >> first);
	count = same ? __ffs64(same) : 64;
	c->left &= ~dmr_block_mask(first, count);
	if (at >= c->bytes)	/* behind the end of the disk, in its last chunk */
		return false;
	return dmr_changes_take(c, at, (u64)count << DMR_BLOCK_SHIFT, zero, extent);
}

/**
 * dmr_changes_next() - find the next extent
 * @c: the walk.
 * @extent: filled in.
 * @budget: chunks and versions that may be looked at; less by those that were.
 *
 * Context: between dmr_grace_enter() and dmr_grace_leave(), or beside no other user of the
 * map.  After DMR_CHANGES_PAUSE the section may end, and the walk go on in another.
 * Return: DMR_CHANGES_EXTENT with an extent of up to DMR_CHANGES_RUN bytes behind the last
 * one; DMR_CHANGES_PAUSE, when the budget is used up, or DMR_CHANGES_END.
 */
enum dmr_changes_step dmr_changes_next(struct dmr_changes *c, struct dmr_run *extent, u32 *budget)
{
	u64 end;
	u32 newest;

	for (;;) {
		while (c->left)
			if (dmr_changes_blocks(c, extent))
				return DMR_CHANGES_EXTENT;
		if (c->chunk * c->chunk_bytes >= c->bytes) {
			*extent = c->run;
			c->run.bytes = 0;
			return extent->bytes ? DMR_CHANGES_EXTENT : DMR_CHANGES_END;
		}
		if (!*budget)
			return DMR_CHANGES_PAUSE;
		--*budget;
		newest = dmr_newest_get(c->map->newest, c->disk, c->chunk);
		if (newest > c->from) {
			dmr_changes_chunk(c, c->chunk++, budget);
			continue;
		}
		/* R16: no version of this group is newer than the first point. */
		end = ((c->chunk >> DMR_NEWEST_SHIFT) + 1) << DMR_NEWEST_SHIFT;
		if (c->from == DMR_EPOCH_NONE) {
			u64 at = c->chunk * c->chunk_bytes;

			if (dmr_changes_take(c, at, (end - c->chunk) * c->chunk_bytes, false,
					     extent)) {
				c->chunk = end;
				return DMR_CHANGES_EXTENT;
			}
		}
		c->chunk = end;
	}
}
