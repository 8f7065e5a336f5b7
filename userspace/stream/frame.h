/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames of "dm-replica stream 1": Documentation/replication-stream.md. */
#ifndef DMRS_FRAME_H
#define DMRS_FRAME_H

#include <store/portable.h>

#define DMRS_HEADER		24			/* bytes in front of a payload */
#define DMRS_DATA_MAX		(1u << 20)		/* raw bytes of a DATA frame */
#define DMRS_PAYLOAD_MAX	(DMRS_DATA_MAX + (64u << 10))
#define DMRS_FRAME_MAX		(DMRS_HEADER + DMRS_PAYLOAD_MAX)

/** enum dmrs_type - types of frames; the numbers left out are reserved */
enum dmrs_type {
	DMRS_HELLO = 1,
	DMRS_STATE = 2,
	DMRS_BEGIN = 3,
	DMRS_ACCEPT = 4,
	DMRS_REFUSE = 5,
	DMRS_META = 6,
	DMRS_DATA = 7,
	DMRS_ZERO = 8,
	DMRS_SYNC = 9,
	DMRS_SYNCED = 10,
	DMRS_END = 11,
	DMRS_DONE = 12,
	DMRS_PING = 18,
	DMRS_BYE = 19,
	DMRS_ERROR = 20,
	DMRS_TYPES,
};

/** enum dmrs_flags - flags of a frame */
enum dmrs_flags {
	DMRS_FLAG_ZSTD = 1,	/* the data of a DATA frame is one zstd frame */
	DMRS_FLAG_SKIP = 2,	/* may be skipped by a receiver that does not know the type */
};

/** struct dmrs_frame - a header */
struct dmrs_frame {
	u32 length;		/* of the payload, bytes */
	u16 type;		/* enum dmrs_type, or unknown with DMRS_FLAG_SKIP */
	u16 flags;		/* enum dmrs_flags */
	u64 number;		/* from 1 in each direction, without gaps */
	u32 crc;		/* CRC-32C of the payload as sent */
};

/**
 * dmrs_frame_encode() - write a header
 * @out: DMRS_HEADER bytes.
 * @frame: any fields; the header's own CRC is computed.
 */
void dmrs_frame_encode(u8 *out, const struct dmrs_frame *frame);

/**
 * dmrs_frame_decode() - read and check a header, before its payload
 * @in: DMRS_HEADER bytes.
 * @number: the number that it must have.
 * @frame: filled in; its length is within the bounds of its type.
 *
 * Return: NULL, or a constant text with the fault.
 */
const char *dmrs_frame_decode(const u8 *in, u64 number, struct dmrs_frame *frame);

/** dmrs_frame_known() - is it a type of this version?  Return: true if so. */
bool dmrs_frame_known(u32 type);

/** dmrs_frame_name() - name of a type for people.  Return: a constant text. */
const char *dmrs_frame_name(u32 type);

#endif /* DMRS_FRAME_H */
