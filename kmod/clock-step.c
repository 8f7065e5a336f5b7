// SPDX-License-Identifier: GPL-2.0-only
/* A step of the clock is written down: see clock.c. */
#include "clock-step.h"
#include "clock.h"
#include "draft.h"
#include "operate.h"
#include "queue.h"
#include "super.h"
#include "system.h"

/**
 * dmr_clock_step_check() - has a step been noticed that the superblock does not have?
 * @sys: the system, running.
 *
 * After a crash it would be a long time without the system, and all points too old.
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
 * dmr_op_clock() - a step of the clock is written down
 * @op: asked for by dmr_clock_step_check().
 * @job: none.
 *
 * The state is the same as before, and so is its number (R11).
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
