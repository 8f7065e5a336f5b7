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

/**
 * dmr_op_clock() - record a step of the clock
 * @op: made by dmr_clock_step_check().
 * @job: none.
 *
 * State and state number stay the same (R11).
 */
void dmr_op_clock(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_sb *draft = dmr_draft(op->sys);
	int r;

	draft->state_number--;
	r = dmr_super_commit(op->sys, draft, "clock");
	if (r)
		dmr_op_refuse_super(op, r);
}
