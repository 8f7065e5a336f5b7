// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rate of moves home that adapts to the guest's I/O: measuring.  What is made of it,
 * and why, is at the top of store/pace.c.
 *
 * I/O is measured only while a run of moves with an adapting rate is in progress.  It
 * counts in memory of its CPU; the vacuum adds the CPUs up after a batch.
 */
#include <linux/jiffies.h>

#include "adapt.h"

#define DMR_ADAPT_REST	(5 * HZ)	/* a guest without I/O for as long is at rest */

/**
 * dmr_adapt_begin() - begin to measure
 * @adapt: the system's.
 *
 * Without memory nothing is measured, and a guest counts as never at rest: pauses are as
 * long as the batches.
 *
 * Context: the vacuum's step; may sleep.
 */
void dmr_adapt_begin(struct dmr_adapt *adapt)
{
	if (READ_ONCE(adapt->on))
		return;
	if (!adapt->latency) {
		adapt->latency = alloc_percpu_gfp(struct dmr_latency, GFP_NOIO | __GFP_NOWARN);
		dmr_pace_init(&adapt->pace);
		if (!adapt->latency)
			return;
	}
	adapt->guest = false;
	smp_store_release(&adapt->on, true);	/* pairs with dmr_adapt_ended() */
}

/** dmr_adapt_end() - measure no further I/O; those in progress are still counted */
void dmr_adapt_end(struct dmr_adapt *adapt)
{
	WRITE_ONCE(adapt->on, false);
}

/** dmr_adapt_exit() - free the memory of dmr_adapt_begin(); no I/O is in progress */
void dmr_adapt_exit(struct dmr_adapt *adapt)
{
	free_percpu(adapt->latency);
}

/**
 * dmr_adapt_ended() - an I/O has ended
 * @adapt: the system's.
 * @began: from dmr_adapt_began(), not 0.
 * @batch: as set there.
 *
 * Context: any; memory of this CPU only.
 */
void dmr_adapt_ended(struct dmr_adapt *adapt, u64 began, u32 batch)
{
	bool met = batch & 1 || READ_ONCE(adapt->batch) != batch;

	/* @on was read before: an address dependency orders the pointer. */
	this_cpu_inc(READ_ONCE(adapt->latency)->n[met][dmr_pace_bin(ktime_get_ns() - began)]);
}

/* Add up the CPUs.  Return: the number of I/Os. */
static u32 dmr_adapt_sum(struct dmr_adapt *adapt)
{
	u32 class, bin, n, all = 0;
	int cpu;

	memset(&adapt->sum, 0, sizeof(adapt->sum));
	for_each_possible_cpu(cpu)
		for (class = 0; class < DMR_PACE_CLASSES; class++)
			for (bin = 0; bin < DMR_PACE_BINS; bin++) {
				n = READ_ONCE(per_cpu_ptr(adapt->latency, cpu)->n[class][bin]);
				adapt->sum.n[class][bin] += n;
				all += n;
			}
	return all;
}

/**
 * dmr_adapt_guest() - has there been I/O of a guest lately?
 * @adapt: the system's.
 *
 * Context: the vacuum's step.
 * Return: false if it is at rest.
 */
bool dmr_adapt_guest(struct dmr_adapt *adapt)
{
	return !adapt->latency ||
	       (adapt->guest && time_before(jiffies, adapt->seen + DMR_ADAPT_REST));
}

/** dmr_adapt_batch() - a batch begins, or ends; the vacuum's step */
void dmr_adapt_batch(struct dmr_adapt *adapt)
{
	WRITE_ONCE(adapt->batch, adapt->batch + 1);
}

/**
 * dmr_adapt_pause() - account for a batch
 * @adapt: the system's.
 * @ns: time that it took.
 *
 * Context: the vacuum's step.
 * Return: the pause that has to follow, in jiffies.
 */
unsigned long dmr_adapt_pause(struct dmr_adapt *adapt, u64 ns)
{
	u32 class, bin, count;

	if (adapt->latency) {
		count = dmr_adapt_sum(adapt);
		if (count != adapt->count) {
			adapt->count = count;
			adapt->seen = jiffies;
			adapt->guest = true;
		}
	}
	if (!dmr_adapt_guest(adapt))
		return 0;
	ns = dmr_pace_pause(&adapt->pace, ns);
	if (adapt->latency) {
		for (class = 0; class < DMR_PACE_CLASSES; class++)
			for (bin = 0; bin < DMR_PACE_BINS; bin++)
				adapt->since.n[class][bin] = adapt->sum.n[class][bin] -
							     adapt->judged.n[class][bin];
		if (dmr_pace_judge(&adapt->pace, (const u32 (*)[DMR_PACE_BINS])adapt->since.n))
			adapt->judged = adapt->sum;
	}
	/* Up: a pause of less than a tick is one. */
	return nsecs_to_jiffies(ns + TICK_NSEC - 1);
}
