/* SPDX-License-Identifier: GPL-2.0-only */
/* The last sign of replication. */
#ifndef DMR_RECEIVED_H
#define DMR_RECEIVED_H

#include <linux/types.h>

struct dmr_system;

/**
 * struct dmr_received - the last sign of replication; any context may update a member
 * @writes: count of writes to the replica devices at that time.
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
