// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory for versions.
 *
 * Other memory of the I/O path is freed when the I/O ends, but a version stays as long as
 * its data, so a reserve that has been used is not refilled by itself.  And a host that is
 * short of memory may have to write through us to free some, to swap space or to a file
 * system on a failover device.  Therefore:
 *
 * - each system has its own reserve, which is refilled once a second if memory is
 *   available;
 * - after that a version may come from the atomic reserve of the page allocator: 4 KiB of
 *   it hold 73 versions, each for a write of a block or more;
 * - a write without memory tries again at the next tick, behind all others that wait, and
 *   not in the mempool, which would sleep for five seconds;
 * - swap-out writes may take all memory, before other writes: each frees 4 KiB or more for
 *   56 bytes, and all others may wait for that.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "system.h"
#include "version.h"

/* Versions in reserve, for each system: 14 KiB.  About as many chunks are in a batch. */
#define DMR_VERSIONS_RESERVE	256

static struct kmem_cache *dmr_version_cache;

/**
 * dmr_version_init() - make the cache that versions come from
 *
 * Return: 0 or -ENOMEM.
 */
int __init dmr_version_init(void)
{
	/* The budget of the design: 64 bytes per version, index included. */
	BUILD_BUG_ON(sizeof(struct dmr_version) > 56);

	dmr_version_cache = kmem_cache_create("dmr_version", sizeof(struct dmr_version), 0, 0,
					      NULL);
	return dmr_version_cache ? 0 : -ENOMEM;
}

/** dmr_version_exit() - the other way round; all versions have been freed */
void dmr_version_exit(void)
{
	kmem_cache_destroy(dmr_version_cache);
}

/**
 * dmr_versions_init() - make the reserve of a new system
 * @sys: the system.
 *
 * Return: 0 or -ENOMEM; dmr_versions_exit() is due in either case.
 */
int dmr_versions_init(struct dmr_system *sys)
{
	sys->versions.pool = mempool_create_slab_pool(DMR_VERSIONS_RESERVE, dmr_version_cache);
	return sys->versions.pool ? 0 : -ENOMEM;
}

/** dmr_versions_exit() - free the reserve; no I/O is in flight */
void dmr_versions_exit(struct dmr_system *sys)
{
	if (sys->versions.swap)
		mempool_free(sys->versions.swap, sys->versions.pool);
	mempool_destroy(sys->versions.pool);
}

/**
 * dmr_version_get() - a version, without waiting
 * @sys: the system.
 * @swap: for swap-out writes.
 *
 * Context: any.
 * Return: the version, all zeroes; NULL if there is no memory, see dmr_versions_wait().
 */
struct dmr_version *dmr_version_get(struct dmr_system *sys, bool swap)
{
	/* As mempool_alloc() does first, at the cost of fewer instructions. */
	struct dmr_version *v = kmem_cache_alloc(dmr_version_cache,
						 GFP_NOWAIT | __GFP_NOMEMALLOC |
						 __GFP_NORETRY | __GFP_NOWARN);

	if (unlikely(!v))
		v = mempool_alloc(sys->versions.pool, GFP_NOWAIT | __GFP_NOWARN);
	if (unlikely(!v))
		v = kmem_cache_alloc(dmr_version_cache,
				     GFP_ATOMIC | __GFP_NOMEMALLOC | __GFP_NOWARN);
	if (unlikely(!v) && swap)
		v = xchg(&sys->versions.swap, NULL);
	if (v)
		memset(v, 0, sizeof(*v));
	return v;
}

/**
 * dmr_versions_get() - versions for all chunks of a write, without waiting
 * @sys: the system.
 * @swap: for swap-out writes.
 * @nr: number of versions.
 * @versions: set to them, as dmr_version_get() returns them.
 *
 * Context: interrupts are on, as in map() and in workers.
 * Return: how many, fewer than @nr if memory is short.
 */
u32 dmr_versions_get(struct dmr_system *sys, bool swap, u32 nr, struct dmr_version **versions)
{
	/* All or none; if none, the reserves give single ones. */
	u32 got = kmem_cache_alloc_bulk(dmr_version_cache,
					GFP_NOWAIT | __GFP_NOWARN | __GFP_ZERO, nr,
					(void **)versions);

	for (; got < nr; got++) {
		versions[got] = dmr_version_get(sys, swap);
		if (!versions[got])
			break;
	}
	return got;
}

/**
 * dmr_versions_wait() - wait a moment for memory for a version
 * @sys: the system; memory found goes into its reserve, or aside for swap.
 * @swap: for swap-out writes.
 *
 * Not for longer: without memory for other workers, this worker may be the only one, and
 * others must run to free some.
 *
 * Context: a worker, outside of any grace section: the vacuum, which gives
 * versions back, waits for those inside.
 */
void dmr_versions_wait(struct dmr_system *sys, bool swap)
{
	unsigned int flags = swap ? memalloc_noreclaim_save() : 0;
	struct dmr_version *v = kmem_cache_alloc(dmr_version_cache,
						 GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN);

	if (swap)
		memalloc_noreclaim_restore(flags);
	if (v && swap)
		v = xchg(&sys->versions.swap, v);
	else if (!v)
		schedule_timeout_uninterruptible(1);
	if (v)
		mempool_free(v, sys->versions.pool);
}

/**
 * dmr_versions_fill() - fill up the reserve, as far as there is memory to spare
 * @sys: the system.
 *
 * Context: any; called once a second.
 */
void dmr_versions_fill(struct dmr_system *sys)
{
	mempool_t *pool = sys->versions.pool;

	/* Read without the pool's lock: the pool frees the excess. */
	while (data_race(pool->curr_nr) < pool->min_nr) {
		struct dmr_version *v = kmem_cache_alloc(dmr_version_cache,
							 GFP_NOWAIT | __GFP_NOWARN);

		if (!v)
			break;
		mempool_free(v, pool);
	}
}
