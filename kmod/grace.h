/* SPDX-License-Identifier: GPL-2.0-only */
/* Sections of readers, and waiting for their end (R4). */
#ifndef DMR_GRACE_H
#define DMR_GRACE_H

#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/wait.h>

struct dmr_grace_cpu {
	unsigned long in[2];
	unsigned long out[2];
};

/* Every bio reads the first three; waiters change the others. */
struct dmr_grace {
	struct dmr_grace_cpu __percpu *cpu;
	u32 side;
	bool waiting;
	wait_queue_head_t wait ____cacheline_aligned_in_smp;
	struct mutex mutex;
};

int dmr_grace_init(struct dmr_grace *g);
void dmr_grace_exit(struct dmr_grace *g);
int dmr_grace_wait(struct dmr_grace *g, unsigned long timeout);
bool dmr_grace_idle(struct dmr_grace *g);

/**
 * dmr_grace_enter() - begin a section that may look at map and views
 * @g: the system's grace counters.
 *
 * Context: any; no lock, this CPU's cache line only.
 * Return: the side to give to dmr_grace_leave().
 */
static inline u32 dmr_grace_enter(struct dmr_grace *g)
{
	u32 side = READ_ONCE(g->side);

	this_cpu_inc(g->cpu->in[side]);
	smp_mb();	/* counted before anything is looked up; pairs with dmr_grace_wait() */
	return side;
}

/** dmr_grace_leave() - end a section, on any CPU, in any context */
static inline void dmr_grace_leave(struct dmr_grace *g, u32 side)
{
	smp_mb();	/* all lookups come before the leave; pairs with dmr_grace_drained() */
	this_cpu_inc(g->cpu->out[side]);
	if (unlikely(READ_ONCE(g->waiting)))
		wake_up(&g->wait);
}

#endif /* DMR_GRACE_H */
