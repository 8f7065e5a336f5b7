/* SPDX-License-Identifier: GPL-2.0-only */
/* Work queues of the module, and functions of higher floors that lower ones start. */
#ifndef DMR_WORK_H
#define DMR_WORK_H

#include <linux/workqueue.h>

struct dmr_op;
struct dmr_system;
struct dmr_verb_info;

/**
 * struct dmr_upcalls - functions of higher floors that lower ones start
 * @dispatch: the work item of struct dmr_events.
 * @ops: work item: the turns of operations.
 * @sweep: work item: a step of the vacuum.
 * @drain: work item: end of an epoch switch, see dmr_point_drain_work().
 * @io: work item: a deferred bio begins again.
 * @look: look at health, once a second or when a write finds the store full; in the flush
 * worker.
 * @turn: run an operation's turn, see dmr_op_turn().
 * @end_turns: end an operation, see dmr_op_end_turns().
 * @verbs: the table of operations, by enum dmr_verb.
 */
struct dmr_upcalls {
	work_func_t dispatch;
	work_func_t ops;
	work_func_t sweep;
	work_func_t drain;
	work_func_t io;
	void (*look)(struct dmr_system *sys);
	bool (*turn)(struct dmr_op *op);
	void (*end_turns)(struct dmr_op *op);
	const struct dmr_verb_info *verbs;
};

extern const struct dmr_upcalls *dmr_upcalls;
extern struct workqueue_struct *dmr_ops_wq;
extern struct workqueue_struct *dmr_vacuum_wq;
extern struct workqueue_struct *dmr_expire_wq;
extern struct workqueue_struct *dmr_events_wq;

int dmr_work_start(const struct dmr_upcalls *calls);
void dmr_work_stop(void);

#endif /* DMR_WORK_H */
