// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vacuum's gate: start, stop, hold and kick.  sweep.c has its work.
 */
#include "system.h"
#include "vacuum.h"

/** dmr_vacuum_may_run() - is nothing against the vacuum's work?  Return: true if so. */
bool dmr_vacuum_may_run(struct dmr_system *sys)
{
	return !READ_ONCE(sys->vacuum_stop) && !READ_ONCE(sys->vacuum_held) &&
	       !READ_ONCE(sys->critical) && READ_ONCE(sys->vacuum_rate);
}

/** dmr_vacuum_may_move() - the same of moving home.  Return: true if so. */
bool dmr_vacuum_may_move(struct dmr_system *sys)
{
	return dmr_vacuum_may_run(sys) && !READ_ONCE(sys->move_paused) &&
	       !(READ_ONCE(sys->sb->flags) & DMR_SB_STAY);
}

/** dmr_vacuum_kick() - there may be something to reclaim; any context */
void dmr_vacuum_kick(struct dmr_system *sys)
{
	wake_up(&sys->throttle);
	/* When critical it has jobs to end. */
	if (dmr_vacuum_may_run(sys) || (READ_ONCE(sys->critical) && !READ_ONCE(sys->vacuum_stop)))
		mod_delayed_work(sys->ops_wq, &sys->vacuum_work, 0);
}

/** dmr_vacuum_start() - begin; a first pass clears what an earlier life left; op_mutex is held */
void dmr_vacuum_start(struct dmr_system *sys)
{
	WRITE_ONCE(sys->vacuum_stop, false);
	dmr_vacuum_kick(sys);
}

/** dmr_vacuum_stop() - stop and wait until it has; op_mutex is held */
void dmr_vacuum_stop(struct dmr_system *sys)
{
	WRITE_ONCE(sys->vacuum_stop, true);
	wake_up(&sys->throttle);
	cancel_delayed_work_sync(&sys->vacuum_work);
}

/**
 * dmr_vacuum_hold() - hold the vacuum and the one-second commit still, or not
 * @sys: the system.
 * @hold: hold them?
 *
 * A pass that is under way ends at its next step, which may hang in I/O: that is waited
 * for a moment only.  Until then dmr_vacuum_held() says so.
 *
 * Context: may sleep, for DMR_ANSWER_MS.
 */
void dmr_vacuum_hold(struct dmr_system *sys, bool hold)
{
	WRITE_ONCE(sys->vacuum_held, hold);
	wake_up(&sys->throttle);
	smp_mb();	/* pairs with dmr_sweep_work() */
	if (hold)
		wait_event_killable_timeout(sys->throttle, !smp_load_acquire(&sys->pass_busy),
					    msecs_to_jiffies(DMR_ANSWER_MS));
	else
		dmr_vacuum_kick(sys);
	dmr_raise(sys, DMR_NEWS_STATE);
}

/** dmr_vacuum_held() - 0: it is not held, 1: it is, 2: as soon as its pass has ended. */
u32 dmr_vacuum_held(struct dmr_system *sys)
{
	if (!READ_ONCE(sys->vacuum_held))
		return 0;
	return smp_load_acquire(&sys->pass_busy) ? 2 : 1;
}
