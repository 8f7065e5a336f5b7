/* SPDX-License-Identifier: GPL-2.0-only */
/* Settling: the switch to direct writes. */
#ifndef DMR_SETTLE_H
#define DMR_SETTLE_H

struct dmr_system;

void dmr_settle_kick(struct dmr_system *sys);

#endif /* DMR_SETTLE_H */
