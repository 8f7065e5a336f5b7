// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streams of recovery points from another system: begin and abort (R18).
 *
 * A stream writes the head on top of the newest point, its base, and ends as the next point:
 * see dmr_op_receive_end().  While it is half in, and after it was given up, the head is a
 * state that was never a point of the sender, so none is made of it, and nothing moves home.
 *
 * What a stream that was given up has written stays there.  So the next one has to write all
 * of those blocks again.  It does if both count from the same base and are of one history, and
 * it goes as far at least: then its changes contain the other's (R16).  One history is one
 * generation here: numbers only grow in it, and a promotion begins another one.
 */
#include "change.h"
#include "cursor.h"
#include "draft.h"
#include "operate.h"
#include "queue.h"
#include "receive.h"
#include "space.h"
#include "store/changes.h"
#include "super.h"
#include "system.h"

#define DMR_RECEIVE_STEP	4096	/* chunks and versions in one grace section */
#define DMR_CURSOR_PERIOD	(60 * HZ)	/* until a mark is written, at the latest */

#define dmr_refuse_stream(op, msg) \
	dmr_op_refuse(op, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER, msg)

static bool dmr_same_stream(const struct dmr_stream *a, const struct dmr_stream *b)
{
	return a->base == b->base && a->target == b->target && a->first == b->first &&
	       !memcmp(a->generation, b->generation, sizeof(a->generation));
}

/* Has the head a block that is newer than an epoch?  Walks over memory, in short sections. */
static bool dmr_head_written(struct dmr_system *sys, u32 epoch)
{
	enum dmr_changes_step step = DMR_CHANGES_END;
	struct dmr_changes walk;
	struct dmr_run run;
	u32 disk, budget, side;

	for (disk = 0; disk < sys->sb->nr_disks && step != DMR_CHANGES_EXTENT; disk++) {
		dmr_changes_init(&walk, sys->sb, disk, epoch, DMR_EPOCH_MAX, 0);
		walk.map = &sys->map;
		do {
			budget = DMR_RECEIVE_STEP;
			side = dmr_grace_enter(&sys->grace);
			step = dmr_changes_next(&walk, &run, &budget);
			dmr_grace_leave(&sys->grace, side);
			cond_resched();
		} while (step == DMR_CHANGES_PAUSE);
	}
	return step == DMR_CHANGES_EXTENT;
}

/* R18: is the base the newest point, as on the sender's site, and the head not beyond it? */
static void dmr_receive_base(struct dmr_op *op)
{
	const struct dmr_sb *sb = op->sys->sb;
	const struct dmr_stream *s = &op->stream, *old = &sb->replication.stream;
	const struct dmr_point *newest = sb->nr_points ? &sb->points[sb->nr_points - 1] : NULL;
	const u8 *generation;

	if (!newest) {
		if (s->base)
			dmr_refuse_state(op, "the system has no recovery point; it takes a full stream");
		return;
	}
	if (!s->base)
		return dmr_refuse_state(op, "the system has recovery points; it takes changes since its newest");
	generation = dmr_replication_generation_of(&sb->replication, newest->generation);
	if (!newest->arrived || !generation)
		return dmr_refuse_state(op, "the newest recovery point was made here; it is not the sender's");
	if (newest->number != s->base || memcmp(generation, op->base_generation, 16))
		return dmr_refuse_state(op, "the base of the stream is not the newest recovery point");
	if (!dmr_replication_partial(&sb->replication)) {
		if (dmr_head_written(op->sys, newest->epoch))
			dmr_refuse_state(op, "the head was written since the newest recovery point");
		return;
	}
	/* Written by a stream that was given up: see above. */
	if (memcmp(old->generation, s->generation, sizeof(s->generation)) ||
	    s->target < old->target)
		dmr_refuse_state(op, "a stream was given up half in, and this one does not cover it");
}

/* Does the generation of the point to come follow that of the newest point? */
static void dmr_receive_generation(struct dmr_op *op)
{
	switch (dmr_replication_succession(&op->sys->sb->replication, &op->stream)) {
	case DMR_SUCCESSION_OK:
		break;
	case DMR_SUCCESSION_OTHER_FIRST:
		return dmr_refuse_stream(op, "the generation of the stream began at another point");
	case DMR_SUCCESSION_OLDER:
		return dmr_refuse_state(op, "the system has a later generation than the stream");
	case DMR_SUCCESSION_BEFORE_BASE:
		return dmr_refuse_state(op, "the generation of the stream began before its base");
	case DMR_SUCCESSION_FULL:
		dmr_op_refuse(op, -ENOSPC, DM_REPLICA_CODE_FAILED,
			      "the system has as many generations as it can");
	}
}

static void dmr_receive_may_begin(struct dmr_op *op)
{
	const struct dmr_sb *sb = op->sys->sb;
	const struct dmr_replication *repl = &sb->replication;

	if (!dmr_is_zero(repl->relationship, sizeof(repl->relationship)) &&
	    memcmp(repl->relationship, op->relationship, sizeof(op->relationship)))
		return dmr_refuse_stream(op, "the stream is not of this system's relationship");
	if (dmr_replication_receiving(repl))
		return dmr_refuse_state(op, "another stream is half in; go on with it or abort it");
	dmr_receive_base(op);
	if (!op->err)
		dmr_receive_generation(op);
	/* R17, R18: a number has one point, for ever. */
	if (!op->err && op->stream.target < sb->next_point)
		dmr_refuse_state(op, "the number of the stream's point has been used here");
}

/*
 * Make the client of an operation the receiver.  Its socket may have been closed since: the
 * close is seen here, or is still to come to dmr_receiver_closed().
 */
static void dmr_receive_take(struct dmr_op *op)
{
	struct dmr_receiver *receiver = &op->sys->receiver;

	dmr_receiver_set(receiver, op->portid);
	if (dmr_op_left(op))
		dmr_receiver_set(receiver, 0);
}

/**
 * dmr_op_receive_begin() - let a stream write the head
 * @op: the stream, its relationship and the generation of its base.
 * @job: its job; not used.
 *
 * A stream that is half in goes on: nothing changes but the receiver, which is the client of
 * @op from now on, until its socket is closed.
 */
void dmr_op_receive_begin(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_system *sys = op->sys;
	const struct dmr_stream *old = &sys->sb->replication.stream;
	struct dmr_views *after;
	struct dmr_sb *draft;
	int r;

	if (dmr_replication_receiving(&sys->sb->replication) &&
	    !memcmp(old->uuid, op->stream.uuid, sizeof(old->uuid))) {
		if (!dmr_same_stream(old, &op->stream) ||
		    memcmp(sys->sb->replication.relationship, op->relationship, 16))
			return dmr_refuse_stream(op, "the stream was begun with other points");
		return dmr_receive_take(op);
	}
	dmr_receive_may_begin(op);
	if (op->err)
		return;
	dmr_cursor_forget(sys);
	draft = dmr_draft(sys);
	memcpy(draft->replication.relationship, op->relationship, sizeof(op->relationship));
	draft->replication.stream = op->stream;
	draft->replication.stream.since = ktime_get_real_ns();
	after = dmr_views_make(sys, draft, DMR_EPOCH_NONE);
	if (!after)
		return dmr_refuse_memory(op);
	r = dmr_super_commit(sys, draft, dmr_op_text(op));
	if (r) {
		kvfree(after);
		return dmr_op_refuse_super(op, r);
	}
	dmr_receive_take(op);
	dmr_views_keep_direct(sys, after);
	dmr_views_publish(sys, after);
}

/** dmr_receive_stream() - is this stream half in?  Return: false, and @op is refused. */
bool dmr_receive_stream(struct dmr_op *op)
{
	const struct dmr_replication *repl = &op->sys->sb->replication;

	if (dmr_replication_receiving(repl) &&
	    !memcmp(repl->stream.uuid, op->stream.uuid, sizeof(op->stream.uuid)))
		return true;
	dmr_refuse_state(op, "this stream is not half in");
	return false;
}

/**
 * dmr_op_receive_abort() - give up a stream
 * @op: its UUID; timeout limits the wait for writes in flight.
 * @job: its job; not used.
 *
 * No point is touched.  The head takes no write until another stream begins, and no write of
 * this one ends after that.
 */
void dmr_op_receive_abort(struct dmr_op *op, struct dmr_job *job)
{
	const struct dmr_stream *old = &op->sys->sb->replication.stream;
	struct dmr_sb *draft;

	if (old->aborted && !memcmp(old->uuid, op->stream.uuid, sizeof(old->uuid)))
		return;
	if (!dmr_receive_stream(op))
		return;
	draft = dmr_draft(op->sys);
	draft->replication.stream.aborted = true;
	draft->replication.stream.disk = 0;
	draft->replication.stream.offset = 0;
	dmr_op_close_head(op, draft, "writes did not end in time; the stream goes on");
}

/**
 * dmr_receive_check() - record a mark that no superblock has had for a minute
 * @sys: the system, running.
 *
 * Context: the flush worker, once a second; may sleep.
 */
void dmr_receive_check(struct dmr_system *sys)
{
	struct dmr_op *op;
	bool newer;
	u64 offset;
	u32 disk;

	rcu_read_lock();
	newer = dmr_cursor_get(sys, dmr_shown(sys), &disk, &offset);
	rcu_read_unlock();
	if (!newer) {
		sys->cursor.unwritten = 0;
		return;
	}
	if (!sys->cursor.unwritten)
		sys->cursor.unwritten = jiffies | 1;
	if (time_before(jiffies, sys->cursor.unwritten + DMR_CURSOR_PERIOD) ||
	    READ_ONCE(sys->critical))
		return;
	op = dmr_op_new(sys, DMR_VERB_CURSOR);
	if (!op)
		return;
	sys->cursor.unwritten = 0;
	dmr_op_queue(op);
}
