/* SPDX-License-Identifier: GPL-2.0-only */
/* How far a stream has arrived. */
#ifndef DMR_CURSOR_H
#define DMR_CURSOR_H

#include <linux/spinlock.h>
#include <linux/types.h>

struct dmr_sb;
struct dmr_stream;
struct dmr_system;

/**
 * struct dmr_cursor - the last mark of a stream, which the next superblock records
 * @lock: protects what has no other note; a leaf.
 * @stream: UUID of the stream; of another one than that of the superblock, it is an old mark.
 * @disk: number of the disk; all of lower ones has arrived.
 * @offset: bytes of it that have arrived.
 * @unwritten: jiffies since which no superblock had the mark, 0: it has; the flush worker's.
 */
struct dmr_cursor {
	spinlock_t lock;
	u8 stream[16];
	u32 disk;
	u64 offset;
	unsigned long unwritten;
};

void dmr_cursor_init(struct dmr_cursor *cursor);
const char *dmr_cursor_mark(struct dmr_system *sys, const struct dmr_stream *mark, int *err);
bool dmr_cursor_get(struct dmr_system *sys, const struct dmr_sb *sb, u32 *disk, u64 *offset);
void dmr_cursor_forget(struct dmr_system *sys);
void dmr_cursor_draft(struct dmr_system *sys, struct dmr_sb *draft);

#endif /* DMR_CURSOR_H */
