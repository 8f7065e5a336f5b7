// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vacuum's gate: start, stop, hold and kick.  Its work is in sweep.c.
 */
#include <linux/dm-kcopyd.h>

#include "system.h"
#include "vacuum.h"
#include "work.h"

/**
 * dmr_vacuum_init() - initialise the vacuum of a new system, stopped
 * @vacuum: the system's part.
 *
 * Return: 0 or a negative errno; dmr_vacuum_exit() is due in either case.
 */
int dmr_vacuum_init(struct dmr_vacuum *vacuum)
{
	mutex_init(&vacuum->home_mutex);
	init_waitqueue_head(&vacuum->idle);
	INIT_DELAYED_WORK(&vacuum->work, dmr_upcalls->sweep);
	vacuum->stop = true;
	vacuum->hold_again = jiffies;
	vacuum->kcopyd = dm_kcopyd_client_create(NULL);
	return PTR_ERR_OR_ZERO(vacuum->kcopyd);
}

/** dmr_vacuum_exit() - free the memory of dmr_vacuum_init() */
void dmr_vacuum_exit(struct dmr_vacuum *vacuum)
{
	if (!IS_ERR_OR_NULL(vacuum->kcopyd))
		dm_kcopyd_client_destroy(vacuum->kcopyd);
}

/** dmr_vacuum_may_run() - may the vacuum work?  Return: true if so. */
bool dmr_vacuum_may_run(struct dmr_system *sys)
{
	return !READ_ONCE(sys->vacuum.stop) && !READ_ONCE(sys->vacuum.held) &&
	       !READ_ONCE(sys->critical) && READ_ONCE(sys->vacuum.rate);
}

/** dmr_vacuum_may_move() - may it also move home?  Return: true if so. */
bool dmr_vacuum_may_move(struct dmr_system *sys)
{
	return dmr_vacuum_may_run(sys) && !READ_ONCE(sys->vacuum.move_paused) &&
	       !(READ_ONCE(sys->sb->flags) & DMR_SB_STAY);
}

/**
 * dmr_vacuum_kick() - start a pass: there may be versions to reclaim
 * @sys: the system.
 *
 * A pass that has begun walks over the whole map once more.
 *
 * Context: any.
 */
void dmr_vacuum_kick(struct dmr_system *sys)
{
	/* Before the work is queued, which is a barrier: the next step finds it. */
	WRITE_ONCE(sys->vacuum.kicked, true);
	/* A step of a Critical system ends its jobs. */
	if (dmr_vacuum_may_run(sys) || (READ_ONCE(sys->critical) && !READ_ONCE(sys->vacuum.stop)))
		mod_delayed_work(dmr_vacuum_wq, &sys->vacuum.work, 0);
}

/**
 * dmr_vacuum_start() - start the vacuum
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

/**
 * dmr_vacuum_stop() - stop the vacuum, and wait for its step to end
 * @sys: the system; op_mutex is held.
 *
 * Called by dmr_sweep_stop(), which also ends the pass.
 */
void dmr_vacuum_stop(struct dmr_system *sys)
{
	lockdep_assert_held(&sys->op_mutex);
	WRITE_ONCE(sys->vacuum.stop, true);
	cancel_delayed_work_sync(&sys->vacuum.work);
}

static bool dmr_vacuum_busy(const struct dmr_vacuum *vacuum)
{
	return smp_load_acquire(&vacuum->busy);	/* pairs with dmr_sweep_work() */
}

/**
 * dmr_vacuum_hold() - hold the vacuum and the one-second log commit, or release them
 * @sys: the system.
 * @hold: hold or release.
 *
 * A pass ends instead of its next step, but a step may hang in I/O: wait for a moment only.
 * Until the step has ended dmr_vacuum_held() returns 2.
 *
 * Context: may sleep, for DMR_ANSWER_MS.
 */
void dmr_vacuum_hold(struct dmr_system *sys, bool hold)
{
	WRITE_ONCE(sys->vacuum.held, hold);
	smp_mb();	/* pairs with smp_mb() in dmr_sweep_work(): one of the two sees the other */
	if (hold)
		wait_event_killable_timeout(sys->vacuum.idle, !dmr_vacuum_busy(&sys->vacuum),
					    msecs_to_jiffies(DMR_ANSWER_MS));
	else
		dmr_vacuum_kick(sys);
	dmr_event_news(sys, DMR_NEWS_STATE);
}

/** dmr_vacuum_held() - Return: 0: not held, 1: held, 2: held when its step has ended. */
u32 dmr_vacuum_held(struct dmr_system *sys)
{
	if (!READ_ONCE(sys->vacuum.held))
		return 0;
	return dmr_vacuum_busy(&sys->vacuum) ? 2 : 1;
}
