// SPDX-License-Identifier: GPL-2.0-only
/* Making and dropping recovery points. */
#include "draft.h"
#include "flush.h"
#include "home-flush.h"
#include "operate.h"
#include "park.h"
#include "point.h"
#include "queue.h"
#include "point-view.h"
#include "receive.h"
#include "received.h"
#include "space.h"
#include "super.h"
#include "system.h"

/*
 * Make current, by a superblock, the epoch that head writes already use.  A point that
 * fails leaves them in the next epoch, since writes never return to an older one.
 */
static int dmr_catch_up(struct dmr_system *sys)
{
	struct dmr_sb *draft;
	int r;

	if (!sys->ahead)
		return 0;
	draft = dmr_draft(sys);
	draft->state_number--;
	if (!dmr_draft_next(draft))
		return -EIO;
	r = dmr_super_commit(sys, draft, "catch up");
	if (!r)
		sys->ahead = false;
	return r;
}

/* End an epoch switch: the old epoch's writes have ended, so merges may read their data. */
static void dmr_switch_over(struct dmr_system *sys)
{
	spin_lock_irq(&sys->park.lock);
	sys->park.draining = false;
	spin_unlock_irq(&sys->park.lock);
	dmr_park_wake(sys);
}

/**
 * dmr_point_drain_work() - end an epoch switch after the time limit of its operation
 * @work: the system's park.drain_work.
 *
 * R12: the operation has been answered.  Bios that wait for the old epoch's writes still
 * have to wait until this has run.
 */
void dmr_point_drain_work(struct work_struct *work)
{
	struct dmr_system *sys = container_of(work, struct dmr_system, park.drain_work);

	dmr_grace_wait(&sys->grace, 0);
	dmr_switch_over(sys);
}

/* Find the peer of a request.  Return: its bit, 0 without one; @op is refused if unknown. */
static u32 dmr_point_peer(struct dmr_op *op)
{
	u32 place;

	if (!op->peer[0])
		return 0;
	place = dmr_replication_peer(&op->sys->sb->replication, op->peer);
	if (place < DMR_PEERS)
		return 1U << place;
	dmr_refuse_peer(op);
	return 0;
}

/* Find the points that a request drops (R14, R17).  Return: false if it is refused. */
static bool dmr_point_select(struct dmr_op *op, u32 mine, unsigned long *drop)
{
	const char *why;
	int err;

	why = dmr_draft_select(op->sys, op->sys->sb, op->drop, op->nr_drop, mine, drop,
			       &op->wrong, &err);
	switch (err) {
	case 0:
		return true;
	case -ENOENT:
		dmr_refuse_point(op);
		break;
	case -EBUSY:
		dmr_refuse_busy(op, why);
		break;
	default:
		dmr_op_refuse(op, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER,
			      "named twice; name each recovery point to drop once");
	}
	return false;
}

/*
 * Check what all new points have in common, and begin the draft (R15).  Return: the point in
 * it, zeroed but for epoch and holds, and not counted yet; NULL and @op is refused.
 */
static struct dmr_point *dmr_point_begin(struct dmr_op *op, bool received, u32 *dropped)
{
	struct dmr_system *sys = op->sys;
	DECLARE_BITMAP(drop, DMR_MAX_POINTS);
	struct dmr_point *point;
	struct dmr_sb *draft;
	u32 mine;
	int r;

	if (dmr_home_flush_losers(sys)) {		/* R15 */
		dmr_op_refuse(op, -EIO, DM_REPLICA_CODE_FAILED, DMR_HOME_LOST);
		return NULL;
	}
	if (READ_ONCE(sys->park.draining)) {
		dmr_refuse_timeout(op, "writes from before the last point still have not ended");
		return NULL;
	}
	mine = dmr_point_peer(op);
	if (op->err || !dmr_point_select(op, mine | (received ? DMR_DRAFT_STREAM : 0), drop))
		return NULL;
	r = dmr_catch_up(sys);
	if (r) {
		dmr_op_refuse_super(op, r);
		return NULL;
	}
	draft = dmr_draft(sys);
	*dropped = dmr_draft_drop(draft, drop);
	if (draft->nr_points >= DMR_MAX_POINTS) {
		dmr_op_refuse(op, -ENOSPC, DM_REPLICA_CODE_FAILED,
			      "the system has as many points as it can; drop one first");
		return NULL;
	}
	point = &draft->points[draft->nr_points];
	memset(point, 0, sizeof(*point));
	point->epoch = draft->cur_epoch;
	point->holds = mine;		/* R17: held from its beginning on */
	return point;
}

/*
 * Make a point of all disks (R15).  @received: it is a sender's, with number and time; the
 * head takes no write behind it.
 */
static void dmr_point_make(struct dmr_op *op, struct dmr_point *point, u32 dropped, bool received)
{
	struct dmr_system *sys = op->sys;
	struct dmr_views *pending, *after, *back = NULL;
	struct dmr_sb *draft = sys->super.draft;
	unsigned long deadline;
	u64 now;
	int r;

	if (!dmr_draft_next(draft))
		return dmr_refuse_epochs(op);
	draft->nr_points++;
	if (draft->state == DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION)
		dmr_draft_state(draft, DM_REPLICA_STATE_REPLICATING);

	/* New writes use the epoch opened ahead, while those of the old epoch end. */
	pending = dmr_views_make(sys, sys->sb, sys->sb->cur_epoch);
	after = dmr_views_make(sys, draft, DMR_EPOCH_NONE);
	/* R18: a late write of the stream must not be one beyond the point. */
	if (received)
		back = dmr_views_make(sys, sys->sb, sys->sb->cur_epoch);
	if (!pending || !after || (received && !back)) {
		kvfree(pending);
		kvfree(after);
		kvfree(back);
		return dmr_refuse_memory(op);
	}
	pending->suspended |= received;
	WRITE_ONCE(sys->park.draining, true);
	/* Before new writes have the next epoch: all that has ended by this time is in the point. */
	now = ktime_get_real_ns();
	dmr_views_publish(sys, pending);
	if (received)
		point->arrived = now;
	else
		point->time = now;
	draft->settings.points_made++;
	draft->settings.last_point_time = now;
	draft->settings.point_since = now;
	/* A point made by the sender shows that replication works, even without a write. */
	if (op->received) {
		draft->settings.last_received_time = now;
		draft->settings.received_since = now;
	}
	deadline = jiffies + msecs_to_jiffies(op->timeout);
	r = dmr_grace_wait(&sys->grace, msecs_to_jiffies(op->timeout));
	if (!r) {
		/* No reader is left of any views before the pending ones. */
		dmr_views_reap(sys);
		dmr_switch_over(sys);
		r = dmr_flush_all(sys, deadline);
		if (r == -ETIMEDOUT)	/* R12 */
			dmr_refuse_timeout(op, DMR_HOME_SLOW "; no point was made");
		else if (r)
			dmr_op_refuse(op, -EIO, DM_REPLICA_CODE_FAILED,
				      "the system could not be flushed; no point was made");
	} else {
		dmr_refuse_timeout(op, "writes did not end in time; no point was made");
	}
	if (!r) {
		r = dmr_super_commit(sys, draft, "point");
		if (r)
			dmr_op_refuse_super(op, r);
	}
	if (r) {
		sys->ahead = true;
		kvfree(after);
		if (sys->park.draining)
			queue_work(sys->park.wq, &sys->park.drain_work);
		if (back)
			dmr_views_publish(sys, back);	/* R12 */
		/* Without memory the pending views stay: they keep more versions than needed. */
		dmr_views_publish_state(sys);
		return;
	}
	kvfree(back);
	dmr_views_publish(sys, after);
	op->point = point->number;
	op->dropped = dropped;
	if (op->received)
		dmr_received(sys);
	WRITE_ONCE(sys->space.point_writes, dmr_space_head_writes(sys));
	WRITE_ONCE(sys->space.point_bytes, dmr_space_replicated(sys));
}

/**
 * dmr_op_point() - make a recovery point of all disks, and drop others with it (R15)
 * @op: kind, name, peer that holds it, and points to drop; point is set.
 * @job: its job; not used.
 */
void dmr_op_point(struct dmr_op *op, struct dmr_job *job)
{
	const struct dmr_replication *repl = &op->sys->sb->replication;
	struct dmr_sb *draft = op->sys->super.draft;
	struct dmr_point *point;
	u32 dropped;

	/* R18: it would be no point of the sender, or have the number of one. */
	if (dmr_replication_receiving(repl))
		return dmr_refuse_state(op, "a stream is half in; its end makes the recovery point");
	if (dmr_replication_receives(repl))
		return dmr_refuse_state(op, "the system's recovery points come from its sender");
	point = dmr_point_begin(op, false, &dropped);
	if (!point)
		return;
	point->kind = op->kind ?: DM_REPLICA_POINT_KIND_STANDARD;
	point->number = draft->next_point++;
	point->generation = max(draft->replication.nr_generations, 1U) - 1;
	memcpy(point->name, op->name, sizeof(point->name));
	dmr_point_make(op, point, dropped, false);
}

/*
 * The generation of a received point, which the point may be the first one of.  There is room
 * for it: see dmr_replication_succession().
 *
 * Return: its place.
 */
static u32 dmr_point_generation(struct dmr_replication *repl, const struct dmr_stream *s)
{
	u32 place = dmr_replication_generation(repl, s->generation);

	if (place == repl->nr_generations) {
		memcpy(repl->generations[place].uuid, s->generation, sizeof(s->generation));
		repl->generations[place].first = s->first;
		repl->nr_generations++;
	}
	return place;
}

/**
 * dmr_op_receive_end() - make the recovery point of a stream, and drop others with it
 * @op: UUID of the stream, and points to drop; point is set.
 * @job: its job; not used.
 *
 * R18: one superblock write makes the point and ends the stream.
 */
void dmr_op_receive_end(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_sb *draft = op->sys->super.draft;
	struct dmr_replication *repl = &draft->replication;
	struct dmr_point *point;
	u32 dropped;

	if (!dmr_receive_stream(op))
		return;
	point = dmr_point_begin(op, true, &dropped);
	if (!point)
		return;
	point->kind = repl->stream.kind;
	point->number = repl->stream.target;
	point->time = repl->stream.time;
	point->generation = dmr_point_generation(repl, &repl->stream);
	memcpy(point->name, repl->stream.name, sizeof(point->name));
	draft->next_point = point->number + 1;
	memset(&repl->stream, 0, sizeof(repl->stream));
	op->received = true;
	dmr_point_make(op, point, dropped, true);
}

static void dmr_drop_one(struct dmr_op *op, struct dmr_sb *draft, const struct dmr_point *point)
{
	DECLARE_BITMAP(drop, DMR_MAX_POINTS);
	int r;

	bitmap_zero(drop, DMR_MAX_POINTS);
	__set_bit(point - draft->points, drop);
	dmr_draft_drop(draft, drop);
	r = dmr_super_commit(op->sys, draft, "drop point");
	if (r)
		return dmr_op_refuse_super(op, r);
	/* Without memory the old views stay: they keep more versions than needed. */
	dmr_views_publish_state(op->sys);
}

/**
 * dmr_op_drop() - drop a recovery point
 * @op: point is its number.
 * @job: its job; not used.
 */
void dmr_op_drop(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_sb *draft = dmr_draft(op->sys);
	struct dmr_point *point = dmr_draft_point(draft, op->point);
	const char *why;

	if (!point)
		return dmr_refuse_point(op);
	why = dmr_draft_point_kept(op->sys, draft, point, 0);
	if (why)
		return dmr_refuse_busy(op, why);
	dmr_drop_one(op, draft, point);
}

/**
 * dmr_op_make_room() - drop the oldest spare point of a full store (R8)
 * @op: made by health.c, according to the policy for a full store.
 * @job: its job; not used.
 */
void dmr_op_make_room(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_sb *draft = dmr_draft(op->sys);
	const struct dmr_point *point = dmr_draft_point_spare(op->sys, draft);

	if (!point)
		return dmr_refuse_state(op, "no recovery point can be dropped; grow the store");
	DMWARN("%s: the store is full: dropping recovery point %llu", draft->name, point->number);
	op->point = point->number;
	dmr_drop_one(op, draft, point);
}
