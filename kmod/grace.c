// SPDX-License-Identifier: GPL-2.0-only
/*
 * Grace periods for readers of the I/O path (R4).
 *
 * Every bio enters one of two per-CPU counters before its first lookup and leaves when it
 * ends, so that an updater can wait for all bios that may have seen the old state.  SRCU
 * works the same way, but cannot be used: a bio ends in another context than it began in,
 * and 6.1 has no srcu_down_read().
 */
#include <linux/delay.h>
#include <linux/jiffies.h>

#include "grace.h"

int dmr_grace_init(struct dmr_grace *g)
{
	g->cpu = alloc_percpu(struct dmr_grace_cpu);
	if (!g->cpu)
		return -ENOMEM;
	g->side = 0;
	g->waiting = false;
	init_waitqueue_head(&g->wait);
	mutex_init(&g->mutex);
	return 0;
}

void dmr_grace_exit(struct dmr_grace *g)
{
	free_percpu(g->cpu);
	g->cpu = NULL;
}

/*
 * Leaves are summed before entries: a missed entry came after the first sum began, and
 * each counted leave was counted as an entry.
 */
static bool dmr_grace_drained(struct dmr_grace *g, u32 side)
{
	unsigned long in = 0, out = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		out += READ_ONCE(per_cpu_ptr(g->cpu, cpu)->out[side]);
	smp_mb();	/* pairs with dmr_grace_enter() and dmr_grace_leave() */
	for_each_possible_cpu(cpu)
		in += READ_ONCE(per_cpu_ptr(g->cpu, cpu)->in[side]);
	return in == out;
}

/**
 * dmr_grace_idle() - have all sections been left?
 * @g: the counters.
 *
 * Context: any; walks over all CPUs.
 * Return: true if all sections entered before the call have been left.
 */
bool dmr_grace_idle(struct dmr_grace *g)
{
	return dmr_grace_drained(g, 0) && dmr_grace_drained(g, 1);
}

static bool dmr_grace_drain(struct dmr_grace *g, u32 side, unsigned long deadline, bool bounded)
{
	while (!dmr_grace_drained(g, side)) {
		if (bounded && time_after_eq(jiffies, deadline))
			return false;
		/* A wake-up may be missed: look again after a tick. */
		wait_event_timeout(g->wait, dmr_grace_drained(g, side), 1);
	}
	return true;
}

/**
 * dmr_grace_wait() - wait until all sections that are open now have been left
 * @g: the counters.
 * @timeout: jiffies, 0 for no limit.
 *
 * Context: may sleep; not inside a section, nor in the flush worker, for which readers
 * inside may wait.
 * Return: 0, or -ETIMEDOUT.
 */
int dmr_grace_wait(struct dmr_grace *g, unsigned long timeout)
{
	unsigned long deadline = jiffies + timeout;
	bool bounded = timeout;
	int r = -ETIMEDOUT;
	u32 side;

	/* R12: a waiter without a limit must not make a bounded wait endless. */
	if (!bounded)
		mutex_lock(&g->mutex);
	while (bounded && !mutex_trylock(&g->mutex)) {
		if (time_after_eq(jiffies, deadline))
			return r;
		usleep_range(200, 1000);
	}
	WRITE_ONCE(g->waiting, true);
	smp_mb();	/* pairs with dmr_grace_leave(): one of the two sees the other */
	/*
	 * A reader may have read the side before the last switch and counted itself after
	 * it: the idle side must be empty before it is used.
	 */
	side = g->side;
	if (!dmr_grace_drain(g, !side, deadline, bounded))
		goto out;
	/* Both pair with dmr_grace_enter(). */
	smp_mb();	/* the idle side was empty before it is used */
	WRITE_ONCE(g->side, !side);
	smp_mb();	/* a reader that misses the new side is counted on the old one */
	if (!dmr_grace_drain(g, side, deadline, bounded))
		goto out;
	smp_mb();	/* their effects are visible to the caller; pairs with dmr_grace_leave() */
	r = 0;
out:
	WRITE_ONCE(g->waiting, false);
	mutex_unlock(&g->mutex);
	return r;
}
