/* SPDX-License-Identifier: GPL-2.0-only */
/* Moving home (R5). */
#ifndef DMR_MOVER_H
#define DMR_MOVER_H

#include <linux/types.h>

struct dmr_mover;
struct dmr_need;
struct dmr_system;

/**
 * struct dmr_moved - the result of a run of moves
 * @versions: number of versions freed.
 * @errors: number of chunks that could not be read or written.
 * @skipped: busy chunks are left for another run.
 */
struct dmr_moved {
	u64 versions;
	u64 errors;
	bool skipped;
};

struct dmr_mover *dmr_mover_begin(struct dmr_system *sys, const struct dmr_need *need, u64 serial);
void dmr_mover_views(struct dmr_mover *m, u64 serial);
int dmr_mover_step(struct dmr_mover *m, unsigned long *wait);
void dmr_mover_result(const struct dmr_mover *m, struct dmr_moved *moved);
void dmr_mover_end(struct dmr_mover *m);

#endif /* DMR_MOVER_H */
