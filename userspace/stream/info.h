/* SPDX-License-Identifier: GPL-2.0-only */
/* Look at a stream without receiving it: what it holds, and whether it is intact. */
#ifndef DMRS_INFO_H
#define DMRS_INFO_H

#include "receiver.h"

struct dmrs_info;

/** struct dmrs_info_stream - one stream of a file */
struct dmrs_info_stream {
	const struct dmrs_begin *begin;
	const struct dmrs_count *count;
	u64 meta_bytes;
	bool complete;		/* its END was there, and right */
};

/**
 * dmrs_info_new() - begin
 * @stream: called for each stream at its END, and for one that is cut at the end of all.
 * @arg: for it.
 *
 * The bytes go through the receiver itself: what is intact here is taken by a receiver that has
 * the base.
 *
 * Return: NULL without memory.
 */
struct dmrs_info *dmrs_info_new(void (*stream)(void *arg, const struct dmrs_info_stream *stream),
				void *arg);
void dmrs_info_free(struct dmrs_info *info);

/** dmrs_info_feed() - take bytes.  Return: false if no more need come. */
bool dmrs_info_feed(struct dmrs_info *info, const u8 *buf, size_t len);

/** dmrs_info_end() - there are no more.  Return: NULL, or the fault. */
const struct dmrs_refusal *dmrs_info_end(struct dmrs_info *info);

/** dmrs_info_sender() - the HELLO; zeroes without one */
const struct dmrs_hello *dmrs_info_sender(const struct dmrs_info *info);

/** dmrs_info_count() - frames and bytes of the file */
const struct dmrs_link_count *dmrs_info_count(struct dmrs_info *info);

#endif /* DMRS_INFO_H */
