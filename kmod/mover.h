/* SPDX-License-Identifier: GPL-2.0-only */
/* Moving home (R5). */
#ifndef DMR_MOVER_H
#define DMR_MOVER_H

#include <linux/types.h>

struct dmr_need;
struct dmr_system;

s64 dmr_mover_run(struct dmr_system *sys, const struct dmr_need *need, u64 serial, bool *again,
		  u64 *errors);

#endif /* DMR_MOVER_H */
