/* SPDX-License-Identifier: GPL-2.0-only */
/* Moving home (R5). */
#ifndef DMR_HOME_H
#define DMR_HOME_H

#include <linux/types.h>

struct dmr_need;
struct dmr_system;

s64 dmr_home_move(struct dmr_system *sys, const struct dmr_need *need, u64 serial, bool *again,
		  u64 *errors);

#endif /* DMR_HOME_H */
