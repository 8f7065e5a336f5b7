/* SPDX-License-Identifier: GPL-2.0-only */
/* The rate of moves home that adapts to the guest's I/O; see store/pace.c. */
#ifndef DMR_ADAPT_H
#define DMR_ADAPT_H

#include <linux/compiler.h>
#include <linux/ktime.h>
#include <linux/percpu.h>

#include "store/pace.h"

/* Latencies of I/Os that ended on a CPU, by bin. */
struct dmr_latency {
	u32 n[DMR_PACE_CLASSES][DMR_PACE_BINS];
};

/**
 * struct dmr_adapt - the adapting rate of a system
 * @on: I/Os are measured; read by each of them.
 * @batch: number of beginnings and ends of batches: odd while one is in progress.
 * @latency: made at the first run of moves; freed with the system.
 * @judged: sums of @latency at the last judgement; this and the rest: the vacuum's step.
 * @seen: jiffies when an I/O was last seen.
 * @guest: an I/O has been seen.
 * @count: sum of @latency then.
 * @sum: sum of @latency, by bin.
 * @since: what @sum has more than @judged.
 * @pace: the pace.
 */
struct dmr_adapt {
	bool on;
	u32 batch;
	struct dmr_latency __percpu *latency;
	struct dmr_latency judged;
	unsigned long seen;
	bool guest;
	u32 count;
	struct dmr_latency sum;
	struct dmr_latency since;
	struct dmr_pace pace;
};

void dmr_adapt_begin(struct dmr_adapt *adapt);
void dmr_adapt_end(struct dmr_adapt *adapt);
void dmr_adapt_exit(struct dmr_adapt *adapt);
bool dmr_adapt_guest(struct dmr_adapt *adapt);
void dmr_adapt_batch(struct dmr_adapt *adapt);
unsigned long dmr_adapt_pause(struct dmr_adapt *adapt, u64 ns);
void dmr_adapt_ended(struct dmr_adapt *adapt, u64 began, u32 batch);

/**
 * dmr_adapt_began() - an I/O begins
 * @adapt: the system's.
 * @batch: set to the state of the batches.
 *
 * Context: any; nothing is written to shared memory.
 * Return: the time, for dmr_adapt_ended(), or 0 if it need not be called.
 */
static inline u64 dmr_adapt_began(const struct dmr_adapt *adapt, u32 *batch)
{
	if (likely(!READ_ONCE(adapt->on)))
		return 0;
	*batch = READ_ONCE(adapt->batch);
	return ktime_get_ns();
}

#endif /* DMR_ADAPT_H */
