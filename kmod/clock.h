/* SPDX-License-Identifier: GPL-2.0-only */
/* Steps of the clock. */
#ifndef DMR_CLOCK_H
#define DMR_CLOCK_H

#include <linux/spinlock.h>

struct dmr_sb;
struct dmr_settings;
struct dmr_system;

/**
 * struct dmr_clock - clocks, and the last step that was noticed
 * @lock: protects all but @load_boot.
 * @offset: of the clock from the one that cannot be set, at the last look.
 * @load_boot: time of the load, by the clock that cannot be set.
 * @jump_point: as in struct dmr_settings.
 * @jump_by: as in struct dmr_settings.
 */
struct dmr_clock {
	spinlock_t lock;
	u64 offset;
	u64 load_boot;
	u64 jump_point;
	u64 jump_by;
};

void dmr_clock_init(struct dmr_clock *clock);
void dmr_clock_load(struct dmr_system *sys);
void dmr_clock_look(struct dmr_system *sys);
void dmr_clock_jump(struct dmr_system *sys, u64 *point, u64 *by);
void dmr_clock_draft(struct dmr_system *sys, struct dmr_sb *draft);
u64 dmr_clock_age(const struct dmr_settings *set, u64 since);
bool dmr_clock_is_step(s64 step);

#endif /* DMR_CLOCK_H */
