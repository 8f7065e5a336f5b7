/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the operations share: refusals, drafts of the next superblock, and the
 * locks of the devices.  All of it under the system's op_mutex.
 */
#ifndef DMR_OPERATE_H
#define DMR_OPERATE_H

#include "dmr.h"

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

/* Drafts of the next superblock */
struct dmr_sb *dmr_draft(struct dmr_system *sys);
void dmr_draft_state(struct dmr_sb *draft, u32 state);
bool dmr_draft_next(struct dmr_sb *draft);
u32 dmr_draft_overlay(struct dmr_sb *draft);
struct dmr_point *dmr_point_by_number(struct dmr_sb *sb, u64 number);
int dmr_publish(struct dmr_system *sys);
struct dmr_table *dmr_table_back(struct dmr_system *sys);

/* The devices of one kind of view */
bool dmr_disks_lock(struct dmr_system *sys, enum dmr_kind kind);
void dmr_disks_unlock(struct dmr_system *sys, enum dmr_kind kind);
bool dmr_disks_open(struct dmr_system *sys, enum dmr_kind kind);
void dmr_disks_announce(struct dmr_system *sys, enum dmr_kind kind, bool online);

const char *dmr_op_name(enum dmr_verb verb);
const char *dmr_op_text(enum dmr_verb verb);
u32 dmr_op_job_type(enum dmr_verb verb);
bool dmr_op_inward(enum dmr_verb verb);

/* One turn of an operation */
bool dmr_op_turn(struct dmr_op *op);
void dmr_op_end_turns(struct dmr_op *op);

/* The operations, by file */
void dmr_op_point(struct dmr_op *op, struct dmr_job *job);
void dmr_op_drop(struct dmr_op *op, struct dmr_job *job);
void dmr_op_make_room(struct dmr_op *op, struct dmr_job *job);
const struct dmr_point *dmr_point_spare(const struct dmr_sb *sb);

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
