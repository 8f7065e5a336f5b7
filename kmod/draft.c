// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drafts of the next superblock: an operation edits a copy of the state in force,
 * and one superblock write puts it in force.
 */
#include "clock.h"
#include "cursor.h"
#include "draft.h"
#include "point-view.h"
#include "system.h"

/** dmr_draft() - copy the superblock in force, with the next state number.  Return: the copy. */
struct dmr_sb *dmr_draft(struct dmr_system *sys)
{
	lockdep_assert_held(&sys->op_mutex);
	memcpy(sys->super.draft, sys->sb, sizeof(*sys->super.draft));
	sys->super.draft->state_number++;
	dmr_clock_draft(sys, sys->super.draft);
	dmr_cursor_draft(sys, sys->super.draft);
	return sys->super.draft;
}

/** dmr_draft_state() - set a draft's state, as of now */
void dmr_draft_state(struct dmr_sb *draft, u32 state)
{
	draft->state = state;
	draft->state_time = ktime_get_real_ns();
	draft->settings.state_since = draft->state_time;
}

/**
 * dmr_draft_next() - move head writes on to the epoch opened ahead
 * @draft: the draft; another epoch is opened ahead in it.
 *
 * Return: false if the epoch numbers are used up.
 */
bool dmr_draft_next(struct dmr_sb *draft)
{
	if (draft->last_epoch >= DMR_EPOCH_MAX - 2)
		return false;
	draft->cur_epoch = draft->next_epoch;
	draft->next_epoch = (draft->last_epoch + 2) & ~DMR_EPOCH_OVERLAY;
	draft->last_epoch = draft->next_epoch;
	return true;
}

/** dmr_draft_overlay() - open an overlay's epoch.  Return: it, or DMR_EPOCH_NONE. */
u32 dmr_draft_overlay(struct dmr_sb *draft)
{
	if (draft->last_epoch >= DMR_EPOCH_MAX - 2)
		return DMR_EPOCH_NONE;
	draft->last_epoch = (draft->last_epoch + 1) | DMR_EPOCH_OVERLAY;
	return draft->last_epoch;
}

/** dmr_draft_point() - find a point by its number.  Return: the point, or NULL. */
struct dmr_point *dmr_draft_point(struct dmr_sb *sb, u64 number)
{
	u32 i;

	for (i = 0; i < sb->nr_points; i++)
		if (sb->points[i].number == number)
			return &sb->points[i];
	return NULL;
}

/* R14: is the point one that an overlay branches off, or that is open for reading? */
bool dmr_draft_point_held(const struct dmr_system *sys, const struct dmr_sb *sb,
			  const struct dmr_point *point)
{
	return dmr_point_view_holds(sys, point) ||
	       (sb->live.epoch && sb->live.base == point->epoch) ||
	       (sb->test.epoch && sb->test.base == point->epoch);
}

/**
 * dmr_draft_point_kept() - the reason for which a point must not be dropped
 * @sys: the system.
 * @sb: the state.
 * @point: the point.
 * @mine: bitmap of the peers for which the drop is asked; with DMR_DRAFT_STREAM, the stream
 * that lies on the newest point ends with it.
 *
 * R17: only its holder drops a held point; an operator releases it first.
 *
 * Return: NULL, or constant text with the reason (-EBUSY).
 */
const char *dmr_draft_point_kept(const struct dmr_system *sys, const struct dmr_sb *sb,
				 const struct dmr_point *point, u32 mine)
{
	/* R14: what runs from it, or reads it, needs its content. */
	if (dmr_point_view_holds(sys, point))
		return "this point is open for reading; close it first";
	if (dmr_draft_point_held(sys, sb, point))
		return "a failover runs from this point; end it first";
	if (point->holds & ~mine)
		return "a peer holds this point; release it first";
	/* R18: what has arrived of a stream lies on it, or will. */
	if (dmr_replication_receives(&sb->replication) && !(mine & DMR_DRAFT_STREAM) &&
	    point == &sb->points[sb->nr_points - 1])
		return "the next changes from the sender begin at this point";
	return NULL;
}

/** dmr_draft_held_by_peer() - find a point that a peer holds.  Return: the oldest, or NULL. */
const struct dmr_point *dmr_draft_held_by_peer(const struct dmr_sb *sb)
{
	u32 i;

	for (i = 0; i < sb->nr_points; i++)
		if (sb->points[i].holds)
			return &sb->points[i];
	return NULL;
}

/**
 * dmr_draft_point_spare() - the point to drop first
 * @sys: the system.
 * @sb: the state.
 *
 * The oldest point without a failover that is not open for reading and that no peer holds
 * (R14, R17); never the last point, since a failover needs one.  None where points come from
 * a sender: it decides how much it sends, and would push points out (R17, R18).
 *
 * Return: the point, or NULL.
 */
const struct dmr_point *dmr_draft_point_spare(const struct dmr_system *sys,
					      const struct dmr_sb *sb)
{
	u32 i;

	if (dmr_replication_receives(&sb->replication))
		return NULL;
	for (i = 0; i + 1 < sb->nr_points; i++)
		if (!dmr_draft_point_kept(sys, sb, &sb->points[i], 0))
			return &sb->points[i];
	return NULL;
}

/**
 * dmr_draft_select() - find the points of a list of numbers
 * @sys: the system.
 * @sb: the state.
 * @numbers: of the points, in any order.
 * @nr: how many numbers.
 * @mine: bitmap of the peers for which the drop is asked.
 * @drop: bitmap of DMR_MAX_POINTS bits; set to those points.
 * @wrong: set to the refused number.
 * @err: set to 0; -ENOENT without such a point, -EINVAL if a number comes twice, -EBUSY if
 * a point is held.
 *
 * R14, R17: a held point cannot be dropped.
 *
 * Return: the reason of -EBUSY, constant text.
 */
const char *dmr_draft_select(const struct dmr_system *sys, struct dmr_sb *sb, const u64 *numbers,
			     u32 nr, u32 mine, unsigned long *drop, u64 *wrong, int *err)
{
	struct dmr_point *point;
	const char *why = NULL;
	u32 i;

	bitmap_zero(drop, DMR_MAX_POINTS);
	*err = 0;
	for (i = 0; i < nr && !*err; i++) {
		*wrong = numbers[i];
		point = dmr_draft_point(sb, numbers[i]);
		if (!point)
			*err = -ENOENT;
		else if (__test_and_set_bit(point - sb->points, drop))
			*err = -EINVAL;
		else
			why = dmr_draft_point_kept(sys, sb, point, mine);
		if (why)
			*err = -EBUSY;
	}
	if (!*err)
		*wrong = 0;
	return why;
}

/*
 * Remove points from the draft, those with a bit in @drop.  The others keep their order.
 */
u32 dmr_draft_drop(struct dmr_sb *draft, const unsigned long *drop)
{
	u32 from, to = 0, gone;

	for (from = 0; from < draft->nr_points; from++)
		if (!test_bit(from, drop))
			draft->points[to++] = draft->points[from];
	gone = draft->nr_points - to;
	memset(&draft->points[to], 0, gone * sizeof(draft->points[0]));
	draft->nr_points = to;
	draft->settings.points_dropped += gone;
	return gone;
}

/* Make the superblock after a commit: the overlay becomes the main history. */
bool dmr_draft_promote(struct dmr_sb *draft)
{
	if (draft->last_epoch >= DMR_EPOCH_MAX - 2)
		return false;
	draft->promoted = draft->live.epoch;
	/* All main epochs after the point are dead, including the one opened ahead. */
	draft->dead_first = draft->live.base + 2;
	draft->dead_last = draft->next_epoch;
	draft->cur_epoch = draft->promoted;
	draft->next_epoch = (draft->last_epoch + 2) & ~DMR_EPOCH_OVERLAY;
	draft->last_epoch = draft->next_epoch;
	memset(&draft->live, 0, sizeof(draft->live));
	draft->settings.points_dropped += draft->nr_points;
	memset(draft->points, 0, draft->nr_points * sizeof(draft->points[0]));
	draft->nr_points = 0;
	/* What has arrived of a stream is dead with the epochs above. */
	memset(&draft->replication.stream, 0, sizeof(draft->replication.stream));
	draft->flags &= ~(DMR_SB_SUSPENDED | DMR_SB_STAY);
	dmr_draft_state(draft, DM_REPLICA_STATE_COMMITTED);
	return true;
}
