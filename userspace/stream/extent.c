// SPDX-License-Identifier: GPL-2.0-only
/* Payloads of DATA and ZERO. */
#include "extent.h"
#include "bytes.h"

u32 dmrs_extents_put(u8 *buf, const struct dmrs_extents *ex)
{
	struct dmrs_put w = { .p = buf };
	u32 i;

	dmrs_put_16(&w, ex->disk);
	dmrs_put_16(&w, ex->count);
	dmrs_put_32(&w, ex->raw);
	for (i = 0; i < ex->count; i++) {
		dmrs_put_64(&w, ex->list[i].offset);
		if (ex->zero) {
			dmrs_put_64(&w, ex->list[i].length);
		} else {
			dmrs_put_32(&w, ex->list[i].length);
			dmrs_put_32(&w, ex->list[i].crc);
		}
	}
	return w.len;
}

/* Rising places, whole blocks, within the disk. */
static const char *check_extent(const struct dmrs_extent *e, u64 size, u64 from)
{
	if (!IS_ALIGNED(e->offset, DMRS_BLOCK))
		return "an extent does not begin at a whole block";
	if (e->offset < from)
		return "the extents are not in rising order";
	if (!e->length || e->offset >= size || e->length > size - e->offset)
		return "an extent is not within its disk";
	if (!IS_ALIGNED(e->length, DMRS_BLOCK) && e->offset + e->length != size)
		return "an extent does not end at a whole block";
	return NULL;
}

const char *dmrs_extents_get(const u8 *buf, u32 len, bool zero, bool zstd,
			     const struct dmrs_begin *begin, struct dmrs_place *from,
			     struct dmrs_extents *ex)
{
	struct dmrs_get g = { .p = buf, .left = len };
	const char *why;
	u64 sum = 0, at;
	u32 i;

	ex->zero = zero;
	ex->disk = dmrs_get_16(&g);
	ex->count = dmrs_get_16(&g);
	ex->raw = dmrs_get_32(&g);
	if (ex->disk >= begin->nr_disks)
		return "there is no disk with that number";
	if (ex->disk < from->disk)
		return "the extents are not in rising order";
	if (!ex->count || ex->count > DMRS_EXTENTS_MAX)
		return "the number of extents is wrong";
	at = ex->disk == from->disk ? from->offset : 0;
	for (i = 0; i < ex->count; i++) {
		struct dmrs_extent *e = &ex->list[i];

		e->offset = dmrs_get_64(&g);
		e->length = zero ? dmrs_get_64(&g) : dmrs_get_32(&g);
		e->crc = zero ? 0 : dmrs_get_32(&g);
		if (g.bad)
			return "the frame is shorter than its extents";
		why = check_extent(e, begin->disks[ex->disk].bytes, at);
		if (why)
			return why;
		at = e->offset + e->length;
		sum += e->length;
	}
	ex->data_len = g.left;
	ex->data = dmrs_get_bytes(&g, g.left);
	if (zero ? ex->raw || ex->data_len : ex->raw > DMRS_DATA_MAX || sum != ex->raw)
		return "the extents do not have the size of the data";
	/* Compressed data is shorter, or it would have been sent as it is. */
	if (!zero && (zstd ? !ex->data_len || ex->data_len >= ex->raw : ex->data_len != ex->raw))
		return "the data does not have its size";
	from->disk = ex->disk;
	from->offset = at;
	return NULL;
}

const char *dmrs_extents_check(const struct dmrs_extents *ex, const u8 *raw)
{
	u32 i;

	for (i = 0; i < ex->count; i++) {
		if (dmr_crc32c(0, raw, ex->list[i].length) != ex->list[i].crc)
			return "the checksum of an extent is wrong";
		raw += ex->list[i].length;
	}
	return NULL;
}

void dmrs_extents_count(struct dmrs_count *count, const struct dmrs_extents *ex)
{
	u32 i;

	count->frames++;
	if (ex->zero) {
		count->zero_extents += ex->count;
		for (i = 0; i < ex->count; i++)
			count->zero_bytes += ex->list[i].length;
	} else {
		count->extents += ex->count;
		count->bytes += ex->raw;
	}
}
