/* SPDX-License-Identifier: GPL-2.0-only */
/* The operation that follows a step of the clock. */
#ifndef DMR_CLOCK_STEP_H
#define DMR_CLOCK_STEP_H

struct dmr_system;

void dmr_clock_step_check(struct dmr_system *sys);

#endif /* DMR_CLOCK_STEP_H */
