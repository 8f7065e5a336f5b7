/* SPDX-License-Identifier: GPL-2.0-only */
/* One commit of the log; the commit worker alone. */
#ifndef DMR_LOG_H
#define DMR_LOG_H

#include "dmr.h"

bool dmr_commit_press(struct dmr_system *sys);
int dmr_store_flush_rest(struct dmr_system *sys);
int dmr_commit(struct dmr_system *sys, bool press);
int dmr_commit_turn(struct dmr_system *sys, struct dmr_sb *draft);

#endif /* DMR_LOG_H */
