/* SPDX-License-Identifier: GPL-2.0-only */
/* Passes of the vacuum. */
#ifndef DMR_SWEEP_H
#define DMR_SWEEP_H

struct dmr_system;
struct work_struct;

void dmr_sweep_first(struct dmr_system *sys);
void dmr_sweep_stop(struct dmr_system *sys);
void dmr_sweep_work(struct work_struct *work);

#endif /* DMR_SWEEP_H */
