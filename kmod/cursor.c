// SPDX-License-Identifier: GPL-2.0-only
/*
 * How far a stream has arrived.
 *
 * A mark changes memory only: a superblock for each would cost two writes a second.  What is
 * lost with it in a crash is sent again, and changes nothing.
 */
#include "cursor.h"
#include "system.h"

/** dmr_cursor_init() - there is no mark yet */
void dmr_cursor_init(struct dmr_cursor *cursor)
{
	spin_lock_init(&cursor->lock);
}

/**
 * dmr_cursor_mark() - note how far a stream has arrived
 * @sys: the system, running.
 * @mark: its UUID, and the place.
 * @err: set to 0; -EBADE if the stream is not half in, -EINVAL for an impossible place.
 *
 * R18: the sender of the mark has flushed the replica devices, so that a superblock with it
 * never describes what is not durable.
 *
 * Context: any.
 * Return: NULL, or constant text with the reason.
 */
const char *dmr_cursor_mark(struct dmr_system *sys, const struct dmr_stream *mark, int *err)
{
	struct dmr_cursor *cursor = &sys->cursor;
	const struct dmr_sb *sb;
	const char *why = NULL;
	u64 offset;
	u32 disk;

	*err = 0;
	rcu_read_lock();
	sb = dmr_shown(sys);
	spin_lock(&cursor->lock);
	disk = sb->replication.stream.disk;
	offset = sb->replication.stream.offset;
	if (!dmr_replication_receiving(&sb->replication) ||
	    memcmp(sb->replication.stream.uuid, mark->uuid, sizeof(mark->uuid))) {
		*err = -EBADE;
		why = "this stream is not half in";
	} else if (!dmr_stream_place_ok(sb, mark->disk, mark->offset)) {
		*err = -EINVAL;
		why = "the system has no such place";
	} else {
		if (!memcmp(cursor->stream, mark->uuid, sizeof(mark->uuid))) {
			disk = cursor->disk;
			offset = cursor->offset;
		}
		if (mark->disk < disk || (mark->disk == disk && mark->offset < offset)) {
			*err = -EINVAL;
			why = "more has arrived: a cursor never goes back";
		}
	}
	if (!why) {
		memcpy(cursor->stream, mark->uuid, sizeof(cursor->stream));
		cursor->disk = mark->disk;
		cursor->offset = mark->offset;
	}
	spin_unlock(&cursor->lock);
	rcu_read_unlock();
	return why;
}

/**
 * dmr_cursor_get() - find the cursor of a superblock's stream
 * @sys: the system.
 * @sb: its superblock, or a draft.
 * @disk: set to the number of the disk.
 * @offset: set to the bytes of it that have arrived.
 *
 * Context: any.
 * Return: true if it is newer than that of @sb.
 */
bool dmr_cursor_get(struct dmr_system *sys, const struct dmr_sb *sb, u32 *disk, u64 *offset)
{
	const struct dmr_stream *s = &sb->replication.stream;
	struct dmr_cursor *cursor = &sys->cursor;
	bool newer = false;

	*disk = s->disk;
	*offset = s->offset;
	if (!dmr_replication_receiving(&sb->replication))
		return false;
	spin_lock(&cursor->lock);
	if (!memcmp(cursor->stream, s->uuid, sizeof(s->uuid))) {
		newer = cursor->disk != s->disk || cursor->offset != s->offset;
		*disk = cursor->disk;
		*offset = cursor->offset;
	}
	spin_unlock(&cursor->lock);
	return newer;
}

/**
 * dmr_cursor_forget() - a stream begins: no mark is one of it yet
 * @sys: the system; no stream is half in.
 *
 * A sender may give a new stream the UUID of one that was given up, with another target.
 *
 * Context: any.
 */
void dmr_cursor_forget(struct dmr_system *sys)
{
	spin_lock(&sys->cursor.lock);
	memset(sys->cursor.stream, 0, sizeof(sys->cursor.stream));
	spin_unlock(&sys->cursor.lock);
}

/**
 * dmr_cursor_draft() - put the cursor into a draft
 * @sys: the system.
 * @draft: the draft.
 *
 * Context: any.
 */
void dmr_cursor_draft(struct dmr_system *sys, struct dmr_sb *draft)
{
	struct dmr_stream *s = &draft->replication.stream;

	dmr_cursor_get(sys, draft, &s->disk, &s->offset);
}
