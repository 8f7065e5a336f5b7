/* SPDX-License-Identifier: GPL-2.0-only */
/* Operations: refusals, turns, and a function for each. */
#ifndef DMR_OPERATE_H
#define DMR_OPERATE_H

#include "draft.h"
#include "openers.h"

/*
 * Refusals.  @msg is constant text that says why, and what to do; the code is
 * the CIM one, the errno is what fits best.
 */
void dmr_refuse(struct dmr_op *op, int err, u32 code, const char *msg);
void dmr_refuse_super(struct dmr_op *op, int r);

#define dmr_refuse_state(op, msg) \
	dmr_refuse(op, -EBADE, DM_REPLICA_CODE_INVALID_STATE, msg)
#define dmr_refuse_busy(op, msg) \
	dmr_refuse(op, -EBUSY, DM_REPLICA_CODE_IN_USE, msg)
/* The only refusal that waiting may mend: see dmr_op_turn(). */
#define dmr_refuse_open(op, msg) \
	do { \
		(op)->open = true; \
		dmr_refuse_busy(op, msg); \
	} while (0)
#define dmr_refuse_timeout(op, msg) \
	dmr_refuse(op, -ETIMEDOUT, DM_REPLICA_CODE_TIMEOUT, msg)
#define dmr_refuse_memory(op) \
	dmr_refuse(op, -ENOMEM, DM_REPLICA_CODE_NO_MEMORY, "out of memory; nothing was changed")
#define dmr_refuse_epochs(op) \
	dmr_refuse(op, -ENOSPC, DM_REPLICA_CODE_FAILED, "the store has used up its epoch numbers")
#define dmr_refuse_point(op) \
	dmr_refuse(op, -ENOENT, DM_REPLICA_CODE_NOT_FOUND, "there is no such recovery point")

/* Texts that more than one place gives. */
#define DMR_NOT_ATTACHED "the system is not attached; use replicactl attach"
#define DMR_STILL_OPEN	"a device was still open when the time ran out; nothing was changed"
#define DMR_ASKER_LEFT	"the client that asked has gone; nothing was changed"

/**
 * struct dmr_verb_info - one operation
 * @name: as replicactl has it.
 * @legal: states in which it may be asked for, as dmr_system_state() shows them.
 * @unsuspended: not while replication is suspended, whatever the state.
 * @inward: the module asks it of itself: no job, and no state forbids it.
 * @job: DM_REPLICA_JOB_TYPE_*.
 * @text: what it does, for its job.
 * @run: does it, with op_mutex held.
 *
 * Which operation is legal in which state is decided here and nowhere else;
 * Documentation/states-and-codes.md is held against it by scripts/check-states.
 */
struct dmr_verb_info {
	const char *name;
	u32 legal;
	bool unsuspended;
	bool inward;
	u32 job;
	const char *text;
	void (*run)(struct dmr_op *op, struct dmr_job *job);
};

extern const struct dmr_verb_info dmr_verbs[DMR_VERBS];

/** dmr_op_name() - an operation in the words of replicactl.  Return: constant text. */
static inline const char *dmr_op_name(enum dmr_verb verb)
{
	return dmr_upcalls->verbs[verb].name;
}

/** dmr_op_text() - what an operation does.  Return: constant text. */
static inline const char *dmr_op_text(const struct dmr_op *op)
{
	return op->info->text ?: op->info->name;
}

/* One turn of an operation */
bool dmr_op_turn(struct dmr_op *op);
void dmr_op_end_turns(struct dmr_op *op);

/* The operations, by file */
void dmr_op_point(struct dmr_op *op, struct dmr_job *job);
void dmr_op_drop(struct dmr_op *op, struct dmr_job *job);
void dmr_op_make_room(struct dmr_op *op, struct dmr_job *job);

void dmr_op_initiate(struct dmr_op *op, struct dmr_job *job);
void dmr_op_revert(struct dmr_op *op, struct dmr_job *job);
void dmr_op_test_start(struct dmr_op *op, struct dmr_job *job);
void dmr_op_test_stop(struct dmr_op *op, struct dmr_job *job);

void dmr_op_commit(struct dmr_op *op, struct dmr_job *job);
void dmr_op_remove(struct dmr_op *op, struct dmr_job *job);
void dmr_op_removed(struct dmr_op *op, struct dmr_job *job);

void dmr_op_suspend(struct dmr_op *op, struct dmr_job *job);
void dmr_op_resume(struct dmr_op *op, struct dmr_job *job);
void dmr_op_settings(struct dmr_op *op, struct dmr_job *job);
void dmr_op_adapters(struct dmr_op *op, struct dmr_job *job);

void dmr_op_grow(struct dmr_op *op, struct dmr_job *job);

void dmr_op_clock(struct dmr_op *op, struct dmr_job *job);
void dmr_op_settle(struct dmr_op *op, struct dmr_job *job);

void dmr_op_move_home(struct dmr_op *op, struct dmr_job *job);
void dmr_op_job_cancel(struct dmr_op *op, struct dmr_job *job);

#endif /* DMR_OPERATE_H */
