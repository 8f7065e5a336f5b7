// SPDX-License-Identifier: GPL-2.0-only
/* Record a step of the clock in the superblock: see clock.c. */
#include "clock-step.h"
#include "clock.h"
#include "draft.h"
#include "operate.h"
#include "queue.h"
#include "super.h"
#include "system.h"

/**
 * dmr_clock_step_check() - queue the record of a step that the superblock lacks
 * @sys: the system, running.
 *
 * Unrecorded, a step would look like a long detach after a crash, with all points too
 * old.
 *
 * Context: the flush worker, once a second; may sleep.
 */
void dmr_clock_step_check(struct dmr_system *sys)
{
	struct dmr_op *op;
	s64 step;

	dmr_clock_look(sys);
	rcu_read_lock();
	step = READ_ONCE(sys->clock.offset) - dmr_shown(sys)->settings.clock_offset;
	rcu_read_unlock();
	if (!dmr_clock_is_step(step) || READ_ONCE(sys->critical))
		return;
	op = dmr_op_new(sys, DMR_VERB_CLOCK);
	if (op)
		dmr_op_queue(op);
}
