/* SPDX-License-Identifier: GPL-2.0-only */
/* Payloads of DATA and ZERO, and the order of their extents. */
#ifndef DMRS_EXTENT_H
#define DMRS_EXTENT_H

#include "payload.h"

#define DMRS_EXTENTS_MAX	(DMRS_DATA_MAX / DMRS_BLOCK)	/* of a frame */
#define DMRS_EXTENT_BYTES	16				/* of an extent in a payload */
#define DMRS_EXTENTS_HEAD	8				/* in front of the extents */

/** struct dmrs_extent - a range of a disk */
struct dmrs_extent {
	u64 offset;		/* bytes, a multiple of DMRS_BLOCK */
	u64 length;		/* bytes, likewise, but for the end of the disk */
	u32 crc;		/* CRC-32C of its data */
};

/** struct dmrs_extents - content of a DATA or a ZERO */
struct dmrs_extents {
	u16 disk;		/* index in the BEGIN's list */
	u16 count;
	bool zero;		/* all of them read as zeroes */
	u32 raw;		/* bytes of data, not compressed; 0 for a ZERO */
	const u8 *data;		/* in the payload, as sent */
	u32 data_len;
	struct dmrs_extent list[DMRS_EXTENTS_MAX];
};

/**
 * dmrs_extents_put() - write all of a DATA or ZERO but the data
 * @buf: room for a payload.
 * @ex: valid; @data is not looked at.
 *
 * Return: bytes written: the place of the data.
 */
u32 dmrs_extents_put(u8 *buf, const struct dmrs_extents *ex);

/**
 * dmrs_extents_get() - read and check a DATA or ZERO
 * @buf: the payload.
 * @len: bytes of it.
 * @zero: it is a ZERO.
 * @zstd: its data is compressed.
 * @begin: the BEGIN's disks bound the extents.
 * @from: place behind the last extent; moved on, unless there is a fault.
 * @ex: filled in; the data has not been looked at.
 *
 * Return: NULL, or a constant text with the fault.
 */
const char *dmrs_extents_get(const u8 *buf, u32 len, bool zero, bool zstd,
			     const struct dmrs_begin *begin, struct dmrs_place *from,
			     struct dmrs_extents *ex);

/**
 * dmrs_extents_check() - compare the data of a DATA with its checksums
 * @ex: of dmrs_extents_get().
 * @raw: ex->raw bytes, not compressed.
 *
 * Return: NULL, or a constant text with the fault.
 */
const char *dmrs_extents_check(const struct dmrs_extents *ex, const u8 *raw);

/** dmrs_extents_count() - add the content of one frame to a count */
void dmrs_extents_count(struct dmrs_count *count, const struct dmrs_extents *ex);

#endif /* DMRS_EXTENT_H */
