/* SPDX-License-Identifier: GPL-2.0-only */
/* The epoch switch of a recovery point. */
#ifndef DMR_POINT_H
#define DMR_POINT_H

struct work_struct;

void dmr_point_drain_work(struct work_struct *work);

#endif /* DMR_POINT_H */
