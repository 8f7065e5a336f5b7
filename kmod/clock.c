// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps of the clock.  Rules of retention compare the times of recovery points with the
 * present, so a clock that is set ten years ahead would make all points too old at once,
 * and the next point would drop them.  A step is noticed by a clock that cannot be set, and
 * the points from before it count as made on the new one: see dmr_retention().
 */
#include "dmr.h"

#define DMR_CLOCK_STEP	(60 * (s64)NSEC_PER_SEC)	/* less is no matter to any rule */

static s64 dmr_clock_offset(void)
{
	return ktime_get_real_ns() - ktime_get_boottime_ns();
}

/**
 * dmr_clock_load() - go on from what the superblock has
 * @sys: the system, being loaded.
 *
 * A step while it was not attached cannot be told from a long time without it.
 */
void dmr_clock_load(struct dmr_system *sys)
{
	sys->clock_offset = dmr_clock_offset();
	sys->jump_point = sys->sb->settings.jump_point;
	sys->jump_by = sys->sb->settings.jump_by;
}

/**
 * dmr_clock_look() - has the clock been set?
 * @sys: the system, active.
 *
 * Once a second, and before a draft is made.
 *
 * Context: any but interrupts.
 */
void dmr_clock_look(struct dmr_system *sys)
{
	s64 offset, step;

	spin_lock(&sys->clock_lock);
	offset = dmr_clock_offset();
	step = offset - sys->clock_offset;
	sys->clock_offset = offset;
	if (step >= DMR_CLOCK_STEP) {
		/* Those made since an earlier step come into the future, and go by order. */
		rcu_read_lock();
		sys->jump_point = dmr_shown(sys)->next_point;
		rcu_read_unlock();
		sys->jump_by = min_t(u64, sys->jump_by + step, DMR_MAX_JUMP);
	} else if (step <= -DMR_CLOCK_STEP) {
		sys->jump_by -= min_t(u64, sys->jump_by, -step);
		if (!sys->jump_by)
			sys->jump_point = 0;
	}
	spin_unlock(&sys->clock_lock);
	if (step >= DMR_CLOCK_STEP || step <= -DMR_CLOCK_STEP)
		DMWARN("%s: the clock was set by %lld s: recovery points from before count as made on the new one",
		       sys->sb->name, div_s64(step, NSEC_PER_SEC));
}

/**
 * dmr_clock_draft() - a superblock to come has what is known of clocks
 * @sys: the system, active.
 * @draft: the superblock.
 *
 * Context: any but interrupts.
 */
void dmr_clock_draft(struct dmr_system *sys, struct dmr_sb *draft)
{
	dmr_clock_look(sys);
	spin_lock(&sys->clock_lock);
	draft->settings.jump_point = sys->jump_point;
	draft->settings.jump_by = sys->jump_by;
	spin_unlock(&sys->clock_lock);
	draft->settings.last_received_time = dmr_received_time(sys);
}
