/* SPDX-License-Identifier: GPL-2.0-only */
/* Preconditions of a write. */
#ifndef DMR_ADMIT_H
#define DMR_ADMIT_H

#include <linux/blk_types.h>

#include "flush.h"
#include "io.h"
#include "log.h"
#include "system.h"

int dmr_admit_full(struct dmr_io *io, struct bio *bio);
blk_status_t dmr_admit_no_room(struct dmr_system *sys);
struct dmr_version *dmr_admit_version(struct dmr_io *io, const struct bio *bio, u64 key,
				      u32 epoch, u32 slot);
int dmr_admit_again(struct dmr_io *io, struct bio *bio, bool inline_);

/**
 * dmr_admit_versions() - number of versions that the map may still take for this write
 * @io: the bio's own data.
 *
 * R8: each slot of the reserve needs a version, so versions are reserved with it.
 *
 * Context: any.
 * Return: the number, 0 if the map is full.
 */
static inline u32 dmr_admit_versions(const struct dmr_io *io)
{
	const struct dmr_map *map = &io->t->sys->map;
	s64 room = READ_ONCE(map->max_versions) - atomic64_read(&map->versions) -
		   dmr_io_spare(io);

	return clamp_t(s64, room, 0, U32_MAX);
}

/* R7: reserve log space for records about to be due; only a worker waits for it. */
static inline bool dmr_admit_first_room(struct dmr_system *sys, u32 chunks, bool inline_)
{
	return inline_ ? dmr_log_has_room(sys, chunks) : dmr_flush_make_room(sys, chunks);
}

/**
 * dmr_admit_too_late() - may this bio give the chunk no version?
 * @io: the bio's own data; it has entered.
 * @views: in force when the bio entered.
 * @key: of the chunk; its lock is held.
 *
 * While writes go straight home, a bare chunk gets no version: a merge that reads home
 * would miss a write on its way home, and its version hide that write.  For the same reason
 * only the views in force give a chunk a version: under later ones a direct write may have
 * found it bare since, see dmr_op_settle().
 *
 * Return: true if the bio has to begin again, under the views in force.
 */
static inline bool dmr_admit_too_late(struct dmr_io *io, const struct dmr_views *views, u64 key)
{
	struct dmr_system *sys = io->t->sys;

	dmr_assert_chunk_locked(sys, key);
	/* The section keeps @views allocated, so no other views have its address. */
	return dmr_views_get(sys) != views ||
	       (views->straight == io->t->kind && !dmr_map_first(&sys->map, key));
}

#endif /* DMR_ADMIT_H */
