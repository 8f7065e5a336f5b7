// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps of the clock.  Rules of retention, in user space, compare the times of recovery
 * points with the present, so a clock set ten years ahead would make all points too old
 * at once.  Only the module is always running when the clock is set: it notices a step by
 * comparison with a clock that cannot be set, and records it in the superblock.
 * settings-get returns the record, by which the rules count earlier points as made on the
 * new clock: see userspace/lib/retention.c.
 *
 * DOC: ages
 *
 * Health measures ages by the clock that cannot be set.  That clock restarts at each boot,
 * so a superblock keeps the start of each age by the clock that can be set (*_since), and
 * the offset of the two clocks when it was written (clock_offset).  The difference of the
 * two is a time of the clock that cannot be set, until the next boot; the first load
 * after a boot uses the present difference, for lack of a better value.  Each draft
 * updates all of them together.
 */
#include "clock.h"
#include "received.h"
#include "system.h"

#define DMR_CLOCK_STEP	(60 * (s64)NSEC_PER_SEC)	/* no rule depends on less */

static u64 dmr_clock_offset(void)
{
	return ktime_get_real_ns() - ktime_get_boottime_ns();
}

/**
 * dmr_clock_is_step() - is a difference more than the drift of two clocks?
 * @step: the difference, ns.
 *
 * Return: true if so.
 */
bool dmr_clock_is_step(s64 step)
{
	return step >= DMR_CLOCK_STEP || step <= -DMR_CLOCK_STEP;
}

/** dmr_clock_init() - begin without a step */
void dmr_clock_init(struct dmr_clock *clock)
{
	spin_lock_init(&clock->lock);
}

/* A time in the future was recorded by a clock that was ahead: replace it by the present. */
static void dmr_clock_rebase(u64 *since, u64 now)
{
	*since = min(*since, now);
}

/**
 * dmr_clock_load() - take over the state in the superblock
 * @sys: the system, being loaded; its boot id is known.
 *
 * A step during a detach is noticed unless the host was booted since; then it looks like
 * a long detach.
 */
void dmr_clock_load(struct dmr_system *sys)
{
	struct dmr_settings *set = &sys->sb->settings;
	u64 now = ktime_get_real_ns();

	sys->clock.load_boot = ktime_get_boottime_ns();
	if (!set->clock_offset || !memchr_inv(sys->boot, 0, sizeof(sys->boot)) ||
	    memcmp(sys->sb->active_boot, sys->boot, sizeof(sys->boot))) {
		dmr_clock_rebase(&set->state_since, now);
		dmr_clock_rebase(&set->point_since, now);
		dmr_clock_rebase(&set->received_since, now);
		set->clock_offset = dmr_clock_offset();
	}
	sys->clock.offset = set->clock_offset;
	sys->clock.jump_point = set->jump_point;
	sys->clock.jump_by = set->jump_by;
}

/**
 * dmr_clock_look() - notice a step of the clock
 * @sys: the system, active.
 *
 * Called once a second, and before a draft is made.
 *
 * Context: any but interrupts.
 */
void dmr_clock_look(struct dmr_system *sys)
{
	u64 offset;
	s64 step;

	spin_lock(&sys->clock.lock);
	offset = dmr_clock_offset();
	step = offset - sys->clock.offset;
	sys->clock.offset = offset;
	if (step >= DMR_CLOCK_STEP) {
		/* Points made since an earlier step lie in the future: go by their order. */
		rcu_read_lock();
		sys->clock.jump_point = dmr_shown(sys)->next_point;
		rcu_read_unlock();
		sys->clock.jump_by = min_t(u64, sys->clock.jump_by + step, DMR_MAX_JUMP);
	} else if (step <= -DMR_CLOCK_STEP) {
		sys->clock.jump_by -= min_t(u64, sys->clock.jump_by, -step);
		if (!sys->clock.jump_by)
			sys->clock.jump_point = 0;
	}
	spin_unlock(&sys->clock.lock);
	if (dmr_clock_is_step(step))
		DMWARN("%s: the clock was set by %lld s: recovery points from before count as made on the new one",
		       sys->sb->name, div_s64(step, NSEC_PER_SEC));
}

/**
 * dmr_clock_jump() - time by which points from before a step count as younger
 * @sys: the system, active.
 * @point: set to the lowest number of a point from after the step, or to 0.
 * @by: set to the time, ns.
 *
 * Context: any but interrupts.
 */
void dmr_clock_jump(struct dmr_system *sys, u64 *point, u64 *by)
{
	dmr_clock_look(sys);
	spin_lock(&sys->clock.lock);
	*point = sys->clock.jump_point;
	*by = sys->clock.jump_by;
	spin_unlock(&sys->clock.lock);
}

/**
 * dmr_clock_draft() - put the state of the clocks into a draft
 * @sys: the system, active.
 * @draft: the draft, with the points in force.
 *
 * Context: any but interrupts.
 */
void dmr_clock_draft(struct dmr_system *sys, struct dmr_sb *draft)
{
	struct dmr_settings *set = &draft->settings;
	u64 shift;

	dmr_clock_look(sys);
	set->last_received_time = dmr_received_time(sys);
	spin_lock(&sys->clock.lock);
	/* A step ends with the last point from before it; points are in order of numbers. */
	if (!draft->nr_points || draft->points[0].number >= sys->clock.jump_point)
		sys->clock.jump_point = sys->clock.jump_by = 0;
	set->jump_point = sys->clock.jump_point;
	set->jump_by = sys->clock.jump_by;
	shift = sys->clock.offset - set->clock_offset;
	set->clock_offset = sys->clock.offset;
	spin_unlock(&sys->clock.lock);
	if (set->state_since)
		set->state_since += shift;
	if (set->point_since)
		set->point_since += shift;
	set->received_since = set->last_received_time ?
			      READ_ONCE(sys->received.boot) + set->clock_offset : 0;
}

/**
 * dmr_clock_age() - age of a time in a superblock
 * @set: settings of a superblock of this boot.
 * @since: one of the times in @set.
 *
 * Context: any.
 * Return: s.
 */
u64 dmr_clock_age(const struct dmr_settings *set, u64 since)
{
	s64 age = ktime_get_boottime_ns() + set->clock_offset - since;

	return age > 0 ? div_u64(age, NSEC_PER_SEC) : 0;
}
