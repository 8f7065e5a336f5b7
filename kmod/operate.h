/* SPDX-License-Identifier: GPL-2.0-only */
/* A function for each operation, by file; verbs.c calls them. */
#ifndef DMR_OPERATE_H
#define DMR_OPERATE_H

struct dmr_job;
struct dmr_op;

void dmr_op_point(struct dmr_op *op, struct dmr_job *job);
void dmr_op_drop(struct dmr_op *op, struct dmr_job *job);
void dmr_op_make_room(struct dmr_op *op, struct dmr_job *job);

void dmr_op_point_hold(struct dmr_op *op, struct dmr_job *job);
void dmr_op_point_release(struct dmr_op *op, struct dmr_job *job);
void dmr_op_peer_add(struct dmr_op *op, struct dmr_job *job);
void dmr_op_peer_remove(struct dmr_op *op, struct dmr_job *job);
void dmr_op_receive_begin(struct dmr_op *op, struct dmr_job *job);
void dmr_op_receive_end(struct dmr_op *op, struct dmr_job *job);
void dmr_op_receive_abort(struct dmr_op *op, struct dmr_job *job);
void dmr_op_point_open(struct dmr_op *op, struct dmr_job *job);
void dmr_op_point_close(struct dmr_op *op, struct dmr_job *job);

void dmr_op_initiate(struct dmr_op *op, struct dmr_job *job);
void dmr_op_revert(struct dmr_op *op, struct dmr_job *job);
void dmr_op_test_start(struct dmr_op *op, struct dmr_job *job);
void dmr_op_test_stop(struct dmr_op *op, struct dmr_job *job);

void dmr_op_commit(struct dmr_op *op, struct dmr_job *job);
void dmr_op_remove(struct dmr_op *op, struct dmr_job *job);
void dmr_op_removed(struct dmr_op *op, struct dmr_job *job);

void dmr_op_replication_suspend(struct dmr_op *op, struct dmr_job *job);
void dmr_op_replication_resume(struct dmr_op *op, struct dmr_job *job);
void dmr_op_settings(struct dmr_op *op, struct dmr_job *job);
void dmr_op_record(struct dmr_op *op, struct dmr_job *job);
void dmr_op_host_set(struct dmr_op *op, struct dmr_job *job);

void dmr_op_grow(struct dmr_op *op, struct dmr_job *job);

void dmr_op_reset_errors(struct dmr_op *op, struct dmr_job *job);

void dmr_op_settle(struct dmr_op *op, struct dmr_job *job);

void dmr_op_move_home(struct dmr_op *op, struct dmr_job *job);
void dmr_op_job_cancel(struct dmr_op *op, struct dmr_job *job);

#endif /* DMR_OPERATE_H */
