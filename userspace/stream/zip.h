/* SPDX-License-Identifier: GPL-2.0-only */
/* Compression of DATA frames, by zstd at level 1. */
#ifndef DMRS_ZIP_H
#define DMRS_ZIP_H

#include <store/portable.h>

struct dmrs_zip;

/** dmrs_zip_new() - contexts of both directions.  Return: NULL without memory. */
struct dmrs_zip *dmrs_zip_new(void);
void dmrs_zip_free(struct dmrs_zip *zip);

/**
 * dmrs_zip_pack() - compress the data of a frame, if it pays
 * @zip: counts the frames that are sent as they are.
 * @out: @size bytes.
 * @size: at least @len.
 * @in: @len bytes.
 * @len: bytes of data.
 *
 * After a frame that shrank by less than 5 % the next 64 are not tried.
 *
 * Return: bytes in @out; 0: send the data as it is.
 */
u32 dmrs_zip_pack(struct dmrs_zip *zip, u8 *out, u32 size, const u8 *in, u32 len);

/**
 * dmrs_zip_unpack() - the opposite, of any bytes
 * @zip: a context.
 * @out: @raw bytes.
 * @raw: the number that there must be.
 * @in: @len bytes.
 * @len: their number.
 *
 * Return: false unless @in is exactly one frame of zstd with that much content.
 */
bool dmrs_zip_unpack(struct dmrs_zip *zip, u8 *out, u32 raw, const u8 *in, u32 len);

#endif /* DMRS_ZIP_H */
