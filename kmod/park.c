// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bios that wait: deferred to a worker, or parked until an event.
 */
#include "io.h"
#include "park.h"
#include "system.h"
#include "work.h"

/**
 * dmr_park_init() - initialise lists and worker of a new system
 * @park: the system's part.
 *
 * Return: 0 or -ENOMEM; dmr_park_exit() is due in either case.
 */
int dmr_park_init(struct dmr_park *park)
{
	u32 i;

	spin_lock_init(&park->lock);
	bio_list_init(&park->bios);
	for (i = 0; i < DMR_PARK_STRIPES; i++)
		bio_list_init(&park->chunks[i]);
	INIT_WORK(&park->drain_work, dmr_upcalls->drain);
	park->wq = alloc_workqueue("dmr_io", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	return park->wq ? 0 : -ENOMEM;
}

/** dmr_park_exit() - end the worker; no bio is left */
void dmr_park_exit(struct dmr_park *park)
{
	if (park->wq)
		destroy_workqueue(park->wq);
}

/**
 * dmr_park_defer() - defer a bio to a worker, which begins it again
 * @io: the bio's own data; it has left the grace section.
 * @bio: the bio, cut to a piece for a worker.
 *
 * Context: any.
 */
void dmr_park_defer(struct dmr_io *io, struct bio *bio)
{
	dmr_io_leave(io);
	io->bio = bio;
	INIT_WORK(&io->work, dmr_upcalls->io);
	queue_work(io->t->sys->park.wq, &io->work);
}

/* The bios that wait for versions of a chunk, and of others that share its lock. */
static struct bio_list *dmr_park_stripe(struct dmr_system *sys, u64 key)
{
	u32 lock = dmr_map_bucket(&sys->map, key) & sys->map.lock_mask;

	return &sys->park.chunks[lock & (DMR_PARK_STRIPES - 1)];
}

static void dmr_park_begin(struct dmr_system *sys, struct bio_list *parked)
{
	struct bio_list list;
	unsigned long flags;
	struct bio *bio;

	bio_list_init(&list);
	spin_lock_irqsave(&sys->park.lock, flags);
	bio_list_merge(&list, parked);
	bio_list_init(parked);
	spin_unlock_irqrestore(&sys->park.lock, flags);
	while ((bio = bio_list_pop(&list)))
		dmr_park_defer(dmr_io_of(bio), bio);
}

/**
 * dmr_park_wake() - begin the bios again that wait for the end of an epoch switch
 * @sys: the system; no switch is in progress any more.
 *
 * Context: any.
 */
void dmr_park_wake(struct dmr_system *sys)
{
	dmr_park_begin(sys, &sys->park.bios);
}

/**
 * dmr_park_wake_chunk() - begin the bios again that wait for a version of a chunk
 * @sys: the system.
 * @key: dmr_key() of the chunk; DMR_V_WAITED of the version has been cleared.
 *
 * Context: any.
 */
void dmr_park_wake_chunk(struct dmr_system *sys, u64 key)
{
	dmr_park_begin(sys, dmr_park_stripe(sys, key));
}

/*
 * Park a bio until writes to a version have ended and set their bits.  The chunk's lock is
 * held, so the wake-up cannot come before the parking.
 */
void dmr_park_for_version(struct dmr_io *io, struct bio *bio, struct dmr_version *v)
{
	struct dmr_system *sys = io->t->sys;

	dmr_assert_chunk_locked(sys, v->key);
	atomic_or(DMR_V_WAITED, &v->state);
	dmr_io_leave(io);
	io->bio = bio;
	spin_lock(&sys->park.lock);
	bio_list_add(dmr_park_stripe(sys, v->key), bio);
	spin_unlock(&sys->park.lock);
}

/*
 * Park a merge during an epoch switch: it may read home while a direct write of the old
 * epoch is in flight.  Return: false if there is no switch.
 */
bool dmr_park_for_drain(struct dmr_io *io, struct bio *bio)
{
	struct dmr_system *sys = io->t->sys;
	unsigned long flags;
	bool wait;

	if (!READ_ONCE(sys->park.draining))
		return false;
	spin_lock_irqsave(&sys->park.lock, flags);
	wait = sys->park.draining;
	if (wait) {
		dmr_io_leave(io);
		io->bio = bio;
		bio_list_add(&sys->park.bios, bio);
	}
	spin_unlock_irqrestore(&sys->park.lock, flags);
	return wait;
}
