// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resetting errors of devices, and losses of homes (R9).
 */
#include "draft.h"
#include "home-flush.h"
#include "openers.h"
#include "operate.h"
#include "queue.h"
#include "super.h"
#include "system.h"

/* Can each home that has lost writes be flushed again?  Return: 0, -EIO or -ETIMEDOUT. */
static int dmr_homes_mended(struct dmr_op *op)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(op->timeout);
	struct dmr_system *sys = op->sys;
	int r = 0;
	u32 i;

	for (i = 0; i < sys->sb->nr_disks; i++) {
		if (!atomic_read(&sys->disks[i].home_lost))
			continue;
		dmr_home_flush_due(&sys->disks[i]);
		r = dmr_home_flush_within(&sys->disks[i], deadline) ?: r;
	}
	return r;
}

/* A loss that a detach has recorded must not come back with the next attach. */
static int dmr_losses_forget(struct dmr_op *op)
{
	struct dmr_sb *draft = dmr_draft(op->sys);
	bool any = false;
	u32 i;

	for (i = 0; i < draft->nr_disks; i++) {
		any |= draft->disks[i].lost;
		draft->disks[i].lost = 0;
	}
	return any ? dmr_super_commit(op->sys, draft, dmr_op_text(op)) : 0;
}

/*
 * R9: are the devices of a kind closed, so that no writer relies on lost writes?
 * @forgive: let the kind take writes again.  Return: false, and the operation is refused.
 */
static bool dmr_losers_closed(struct dmr_op *op, enum dmr_kind kind, bool forgive)
{
	int r = 0;

	if (!dmr_op_lock_closed(op, kind, "a device that has lost writes is open; stop its users first"))
		return false;
	if (forgive)
		r = dmr_losses_forget(op);
	if (forgive && !r)
		dmr_home_flush_forgive(op->sys, kind);
	dmr_openers_unlock(op->sys, kind);
	if (r)
		dmr_op_refuse_super(op, r);
	return !r;
}

/**
 * dmr_op_reset_errors() - reset error counts, and let devices with lost writes take
 * writes again
 * @op: no field beside the common ones.
 * @job: its job; not used.
 *
 * The superblock changes only if a detach has recorded a loss there.
 */
void dmr_op_reset_errors(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_system *sys = op->sys;
	unsigned int kinds = dmr_home_flush_losers(sys);
	int r;
	u32 i;

	/* One kind at most: see home-flush.c.  Check it before flushing any home. */
	for (i = 0; i < DMR_KINDS; i++)
		if ((kinds & BIT(i)) && !dmr_losers_closed(op, i, false))
			return;
	r = kinds ? dmr_homes_mended(op) : 0;
	if (r == -ETIMEDOUT)	/* R12 */
		return dmr_refuse_timeout(op, DMR_HOME_SLOW "; nothing was reset");
	if (r)
		return dmr_op_refuse(op, -EIO, DM_REPLICA_CODE_FAILED,
				     "the home of a disk still cannot be flushed; mend it first");
	for (i = 0; i < DMR_KINDS; i++)
		if ((kinds & BIT(i)) && !dmr_losers_closed(op, i, true))
			return;
	for (i = 0; i < sys->sb->nr_disks; i++)
		atomic64_set(&sys->disks[i].errors, 0);
}
