// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preconditions of a write: memory, a version, a slot, room in the log.
 */
#include "admit.h"
#include "flush.h"
#include "io.h"
#include "log.h"
#include "park.h"
#include "space.h"
#include "system.h"
#include "version.h"

struct dmr_version *dmr_admit_version(struct dmr_io *io, const struct bio *bio, u64 key,
				      u32 epoch, u32 slot)
{
	struct dmr_version *v = dmr_version_get(io->t->sys, bio->bi_opf & REQ_SWAP);

	if (!v)
		return NULL;
	v->key = key;
	v->epoch = epoch;
	v->slot = slot;
	return v;
}

/**
 * dmr_admit_again() - begin a bio again, after a wait for memory for a version
 * @io: the bio's own data; it has entered.
 * @bio: the bio, cut to a piece for a worker.
 * @inline_: called from map(), which must not wait.
 *
 * Leave the grace section before the wait: the vacuum, which returns versions, waits for
 * those inside.  Returned versions fill the reserve, for the next attempt.
 *
 * Context: a worker, unless @inline_.
 * Return: DMR_TAKEN.
 */
int dmr_admit_again(struct dmr_io *io, struct bio *bio, bool inline_)
{
	struct dmr_system *sys = io->t->sys;

	dmr_io_leave(io);
	if (!inline_)
		dmr_versions_wait(sys, bio->bi_opf & REQ_SWAP);
	dmr_park_defer(io, bio);
	return DMR_TAKEN;
}

/* R8: the store is full: have health check it now, and fail the bio. */
int dmr_admit_full(struct dmr_io *io, struct bio *bio)
{
	dmr_space_full(io->t->sys);
	return dmr_io_finish(io, bio, BLK_STS_NOSPC);
}

/* R8, R9: no space if the store is full, an I/O error if it is broken. */
blk_status_t dmr_admit_no_room(struct dmr_system *sys)
{
	return READ_ONCE(sys->critical) ? BLK_STS_IOERR : BLK_STS_NOSPC;
}
