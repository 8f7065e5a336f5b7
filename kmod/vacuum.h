/* SPDX-License-Identifier: GPL-2.0-only */
/* The gate of the vacuum: start, stop, hold and kick. */
#ifndef DMR_VACUUM_H
#define DMR_VACUUM_H

#include <linux/types.h>

struct dmr_system;

#define DMR_CANCEL_SLOTS	1024	/* counters of cancelled moves, by hash */

bool dmr_vacuum_may_run(struct dmr_system *sys);
bool dmr_vacuum_may_move(struct dmr_system *sys);
void dmr_vacuum_kick(struct dmr_system *sys);
void dmr_vacuum_start(struct dmr_system *sys);
void dmr_vacuum_stop(struct dmr_system *sys);
void dmr_vacuum_hold(struct dmr_system *sys, bool hold);
u32 dmr_vacuum_held(struct dmr_system *sys);

#endif /* DMR_VACUUM_H */
