/* SPDX-License-Identifier: GPL-2.0-only */
/* The time of the last sign of life of the sender. */
#ifndef DMR_RECEIVED_H
#define DMR_RECEIVED_H

#include <linux/types.h>

struct dmr_system;

/**
 * struct dmr_received - the last sign of the sender; each may be set anew at any time
 * @writes: count of writes to the replica devices then.
 * @time: ns since 1970 UTC; 0: none yet.
 * @boot: the same by the clock that cannot be set.
 */
struct dmr_received {
	u64 writes;
	u64 time;
	u64 boot;
};

void dmr_received(struct dmr_system *sys);
void dmr_received_load(struct dmr_system *sys);
u64 dmr_received_time(struct dmr_system *sys);

#endif /* DMR_RECEIVED_H */
