/* SPDX-License-Identifier: GPL-2.0-only */
/* Retention: which recovery points go when another is made. */
#ifndef DMRL_RETENTION_H
#define DMRL_RETENTION_H

#include "dmreplica.h"

/**
 * dmrl_retention() - which points go when a new one is made
 * @set: the rules; without any, all points stay.
 * @points: those there are, by rising time and number; the new one is not among them.
 * @nr: how many.
 * @now: time of the new one, ns since 1970 UTC; it counts as the newest in each rule.
 * @drop: @nr of them, set to true where a point goes.
 *
 * A point stays if any rule keeps it: among the last so many, within the span,
 * the newest of one of the last so many hours, days or weeks (UTC, weeks from
 * Monday) that have a point at all.  One in use (R14), or held by a peer (R17), stays.
 *
 * Return: how many go.
 */
size_t dmrl_retention(const struct dmreplica_settings *set, const struct dmreplica_point *points,
		      size_t nr, uint64_t now, bool *drop);

#endif /* DMRL_RETENTION_H */
