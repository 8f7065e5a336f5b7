/* SPDX-License-Identifier: GPL-2.0-only */
/* The gate of the vacuum: start, stop, hold and kick. */
#ifndef DMR_VACUUM_H
#define DMR_VACUUM_H

#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

struct dm_kcopyd_client;
struct dmr_pass;
struct dmr_system;

#define DMR_CANCEL_SLOTS	1024	/* counters of cancelled moves, by hash */

/**
 * struct dmr_vacuum - the vacuum of a system, and its moves home
 * @work: a step of a pass; one at a time.
 * @idle: woken after a step.
 * @pass: the pass that has begun, or NULL; of the step, and of dmr_sweep_stop().
 * @kicked: there may be more to reclaim than the pass has seen.
 * @stop: no step begins, and the pass ends.
 * @held: as @stop, on request.
 * @busy: a step is running.
 * @swept: dmr_sweep_first() has run since the load; op_mutex.
 * @rate: limit of copying, as vacuum_rate of struct dmr_settings.
 * @visited: number of buckets swept; modulo their number the place of the next one; the step.
 * @passes: number of walks over the whole map.
 * @pending: number of versions known to be dead.
 * @home_mutex: held over a batch that is moved home; inside op_mutex.
 * @move_paused: a job that moves home is suspended.
 * @home_left: bytes left to move home at the last count.
 * @place: key of the chunk that the next batch of moves begins with; the step.
 * @cancels: moves cancelled by writes, by hash of the chunk.
 * @hold_again: no chunk is held for its copy before this time, jiffies; the vacuum's worker.
 * @kcopyd: copies home.
 */
struct dmr_vacuum {
	struct delayed_work work;
	wait_queue_head_t idle;
	struct dmr_pass *pass;
	bool kicked;
	bool stop;
	bool held;
	bool busy;
	bool swept;
	u64 rate;
	u64 visited;
	u64 passes;
	atomic64_t pending;
	struct mutex home_mutex;
	bool move_paused;
	u64 home_left;
	u64 place;
	u8 cancels[DMR_CANCEL_SLOTS];
	unsigned long hold_again;
	struct dm_kcopyd_client *kcopyd;
};

int dmr_vacuum_init(struct dmr_vacuum *vacuum);
void dmr_vacuum_exit(struct dmr_vacuum *vacuum);
bool dmr_vacuum_may_run(struct dmr_system *sys);
bool dmr_vacuum_may_move(struct dmr_system *sys);
void dmr_vacuum_kick(struct dmr_system *sys);
void dmr_vacuum_start(struct dmr_system *sys);
void dmr_vacuum_stop(struct dmr_system *sys);
void dmr_vacuum_hold(struct dmr_system *sys, bool hold);
u32 dmr_vacuum_held(struct dmr_system *sys);

#endif /* DMR_VACUUM_H */
