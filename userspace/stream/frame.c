// SPDX-License-Identifier: GPL-2.0-only
/* Headers of frames, and the bounds of each type of payload. */
#include "frame.h"
#include "bytes.h"

static const struct {
	const char *name;
	u32 min, max;		/* bytes of the payload */
	u16 flags;		/* that it may have */
} types[DMRS_TYPES] = {
	/* A later version may add to a HELLO. */
	[DMRS_HELLO] = { "HELLO", 66, 4096, 0 },
	[DMRS_STATE] = { "STATE", 112, 65536, 0 },
	[DMRS_BEGIN] = { "BEGIN", 122, 65536, 0 },
	[DMRS_ACCEPT] = { "ACCEPT", 32, 32, 0 },
	[DMRS_REFUSE] = { "REFUSE", 6, 1024, 0 },
	[DMRS_META] = { "META", 13, DMRS_PAYLOAD_MAX, 0 },
	[DMRS_DATA] = { "DATA", 8 + 16 + 1, DMRS_PAYLOAD_MAX, DMRS_FLAG_ZSTD },
	[DMRS_ZERO] = { "ZERO", 8 + 16, 65536, 0 },
	[DMRS_SYNC] = { "SYNC", 24, 24, 0 },
	[DMRS_SYNCED] = { "SYNCED", 24, 24, 0 },
	[DMRS_END] = { "END", 72, 72, 0 },
	[DMRS_DONE] = { "DONE", 34, 4096, 0 },
	[DMRS_PING] = { "PING", 8, 8, 0 },
	[DMRS_BYE] = { "BYE", 0, 0, 0 },
	[DMRS_ERROR] = { "ERROR", 6, 1024, 0 },
};

bool dmrs_frame_known(u32 type)
{
	return type < DMRS_TYPES && types[type].name;
}

const char *dmrs_frame_name(u32 type)
{
	return dmrs_frame_known(type) ? types[type].name : "unknown";
}

void dmrs_frame_encode(u8 *out, const struct dmrs_frame *frame)
{
	struct dmrs_put w = { .p = out };

	dmrs_put_32(&w, frame->length);
	dmrs_put_16(&w, frame->type);
	dmrs_put_16(&w, frame->flags);
	dmrs_put_64(&w, frame->number);
	dmrs_put_32(&w, frame->crc);
	dmrs_put_32(&w, dmr_crc32c(0, out, w.len));
}

const char *dmrs_frame_decode(const u8 *in, u64 number, struct dmrs_frame *frame)
{
	struct dmrs_get g = { .p = in, .left = DMRS_HEADER };

	frame->length = dmrs_get_32(&g);
	frame->type = dmrs_get_16(&g);
	frame->flags = dmrs_get_16(&g);
	frame->number = dmrs_get_64(&g);
	frame->crc = dmrs_get_32(&g);
	if (dmrs_get_32(&g) != dmr_crc32c(0, in, DMRS_HEADER - 4))
		return "the checksum of the frame's header is wrong";
	if (frame->number != number)
		return "the frame does not have the next number";
	if (frame->length > DMRS_PAYLOAD_MAX)
		return "the frame is too long";
	if (!dmrs_frame_known(frame->type))
		return frame->flags & DMRS_FLAG_SKIP ? NULL : "the type of the frame is unknown";
	if (frame->length < types[frame->type].min || frame->length > types[frame->type].max)
		return "the length of the frame does not fit its type";
	if (frame->flags & ~types[frame->type].flags)
		return "the flags of the frame do not fit its type";
	return NULL;
}
