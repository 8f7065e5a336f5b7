/* SPDX-License-Identifier: GPL-2.0-only */
/* The time of the last sign of life of the sender. */
#ifndef DMR_RECEIVED_H
#define DMR_RECEIVED_H

#include <linux/types.h>

struct dmr_system;

void dmr_received(struct dmr_system *sys);
void dmr_received_load(struct dmr_system *sys);
u64 dmr_received_time(struct dmr_system *sys);

#endif /* DMR_RECEIVED_H */
