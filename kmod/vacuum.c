// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vacuum's gate: start, stop, hold and kick.  sweep.c has its work.
 */
#include <linux/dm-kcopyd.h>

#include "system.h"
#include "vacuum.h"
#include "work.h"

/**
 * dmr_vacuum_init() - the vacuum of a new system, stopped
 * @vacuum: its part.
 *
 * Return: 0 or a negative errno; dmr_vacuum_exit() is due in either case.
 */
int dmr_vacuum_init(struct dmr_vacuum *vacuum)
{
	mutex_init(&vacuum->home_mutex);
	init_waitqueue_head(&vacuum->throttle);
	INIT_DELAYED_WORK(&vacuum->work, dmr_upcalls->sweep);
	vacuum->stop = true;
	vacuum->kcopyd = dm_kcopyd_client_create(NULL);
	return PTR_ERR_OR_ZERO(vacuum->kcopyd);
}

/** dmr_vacuum_exit() - free the memory of dmr_vacuum_init() */
void dmr_vacuum_exit(struct dmr_vacuum *vacuum)
{
	if (!IS_ERR_OR_NULL(vacuum->kcopyd))
		dm_kcopyd_client_destroy(vacuum->kcopyd);
}

/** dmr_vacuum_may_run() - is nothing against the vacuum's work?  Return: true if so. */
bool dmr_vacuum_may_run(struct dmr_system *sys)
{
	return !READ_ONCE(sys->vacuum.stop) && !READ_ONCE(sys->vacuum.held) &&
	       !READ_ONCE(sys->critical) && READ_ONCE(sys->vacuum.rate);
}

/** dmr_vacuum_may_move() - the same of moving home.  Return: true if so. */
bool dmr_vacuum_may_move(struct dmr_system *sys)
{
	return dmr_vacuum_may_run(sys) && !READ_ONCE(sys->vacuum.move_paused) &&
	       !(READ_ONCE(sys->sb->flags) & DMR_SB_STAY);
}

/** dmr_vacuum_kick() - there may be something to reclaim; any context */
void dmr_vacuum_kick(struct dmr_system *sys)
{
	wake_up(&sys->vacuum.throttle);
	/* When critical it has jobs to end. */
	if (dmr_vacuum_may_run(sys) || (READ_ONCE(sys->critical) && !READ_ONCE(sys->vacuum.stop)))
		mod_delayed_work(sys->ops_wq, &sys->vacuum.work, 0);
}

/**
 * dmr_vacuum_start() - begin
 * @sys: the system; op_mutex is held.
 *
 * A first pass reclaims the leftovers of an earlier life.
 */
void dmr_vacuum_start(struct dmr_system *sys)
{
	lockdep_assert_held(&sys->op_mutex);
	WRITE_ONCE(sys->vacuum.stop, false);
	dmr_vacuum_kick(sys);
}

/** dmr_vacuum_stop() - stop and wait until it has; op_mutex is held */
void dmr_vacuum_stop(struct dmr_system *sys)
{
	lockdep_assert_held(&sys->op_mutex);
	WRITE_ONCE(sys->vacuum.stop, true);
	wake_up(&sys->vacuum.throttle);
	cancel_delayed_work_sync(&sys->vacuum.work);
}

/**
 * dmr_vacuum_hold() - hold the vacuum and the one-second log commit still, or not
 * @sys: the system.
 * @hold: hold them?
 *
 * A pass that is under way ends at its next step, which may hang in I/O: wait for a
 * moment only.  Until then dmr_vacuum_held() returns 2.
 *
 * Context: may sleep, for DMR_ANSWER_MS.
 */
void dmr_vacuum_hold(struct dmr_system *sys, bool hold)
{
	WRITE_ONCE(sys->vacuum.held, hold);
	wake_up(&sys->vacuum.throttle);
	smp_mb();	/* pairs with dmr_sweep_work() */
	if (hold)
		wait_event_killable_timeout(sys->vacuum.throttle,
					    !smp_load_acquire(&sys->vacuum.busy),
					    msecs_to_jiffies(DMR_ANSWER_MS));
	else
		dmr_vacuum_kick(sys);
	dmr_event_news(sys, DMR_NEWS_STATE);
}

/** dmr_vacuum_held() - 0: it is not held, 1: it is, 2: as soon as its pass has ended. */
u32 dmr_vacuum_held(struct dmr_system *sys)
{
	if (!READ_ONCE(sys->vacuum.held))
		return 0;
	return smp_load_acquire(&sys->vacuum.busy) ? 2 : 1;
}
