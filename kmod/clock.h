/* SPDX-License-Identifier: GPL-2.0-only */
/* Steps of the clock. */
#ifndef DMR_CLOCK_H
#define DMR_CLOCK_H

#include <linux/types.h>

struct dmr_sb;
struct dmr_settings;
struct dmr_system;

void dmr_clock_load(struct dmr_system *sys);
void dmr_clock_look(struct dmr_system *sys);
void dmr_clock_jump(struct dmr_system *sys, u64 *point, u64 *by);
void dmr_clock_draft(struct dmr_system *sys, struct dmr_sb *draft);
u64 dmr_clock_age(const struct dmr_settings *set, u64 since);
bool dmr_clock_is_step(s64 step);

#endif /* DMR_CLOCK_H */
