/* SPDX-License-Identifier: GPL-2.0-only */
/* Checksums of the blocks of the format. */
#ifndef DMR_CRC_H
#define DMR_CRC_H

#include "portable.h"

/**
 * dmr_block_crc() - checksum of a block that holds its own checksum
 * @buf: the block.
 * @length: its bytes.
 * @at: offset of the four bytes of the checksum, which count as zero.
 *
 * Return: CRC-32C.
 */
static inline u32 dmr_block_crc(const void *buf, u32 length, u32 at)
{
	static const u8 zero[4];
	u32 crc;

	crc = dmr_crc32c(0, buf, at);
	crc = dmr_crc32c(crc, zero, sizeof(zero));
	at += sizeof(zero);
	return dmr_crc32c(crc, (const u8 *)buf + at, length - at);
}

#endif /* DMR_CRC_H */
