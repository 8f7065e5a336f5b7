/* SPDX-License-Identifier: GPL-2.0-only */
/* Space in the store, and counts of writes. */
#ifndef DMR_SPACE_H
#define DMR_SPACE_H

#include <linux/atomic.h>
#include <linux/percpu.h>

#include "disk.h"

/**
 * struct dmr_space - space and counters of a system
 * @overlay_versions: versions of the live and the test overlay; first writes change them.
 * @reserve: slots that only the live failover may take.
 * @writes: writes to each kind of device.
 * @bytes: bytes written to the replica devices, of a primary to the failover devices.
 * @full_asked: a point is being dropped to make room.
 * @full_pass: vacuum.passes when a point was last dropped for room.
 * @point_writes: count of writes when the last point was made.
 * @point_bytes: count of bytes when the last point was made.
 */
struct dmr_space {
	atomic64_t overlay_versions[DMR_KINDS];
	u64 reserve;
	u64 __percpu *writes[DMR_KINDS];
	u64 __percpu *bytes;
	bool full_asked;
	u64 full_pass;
	u64 point_writes;
	u64 point_bytes;
};

/** dmr_space_overlay_add() - count blocks that an overlay now has.  Context: any. */
static inline void dmr_space_overlay_add(struct dmr_disk *disk, enum dmr_kind kind, u64 blocks)
{
	this_cpu_add(disk->counts->overlay_blocks[kind], blocks);
}

int dmr_space_init(struct dmr_system *sys);
void dmr_space_exit(struct dmr_system *sys);
void dmr_space_settings(struct dmr_system *sys);
void dmr_space_full(struct dmr_system *sys);
u64 dmr_space_reserved(struct dmr_system *sys);
u64 dmr_space_replicated(struct dmr_system *sys);
u64 dmr_space_head_writes(struct dmr_system *sys);
u64 dmr_space_view_writes(struct dmr_system *sys, enum dmr_kind kind);
int dmr_space_disk_init(struct dmr_disk *disk);
void dmr_space_disk_exit(struct dmr_disk *disk);
u64 dmr_space_overlay_blocks(struct dmr_disk *disk, enum dmr_kind kind);
u64 dmr_space_overlay_forget(struct dmr_disk *disk, enum dmr_kind kind);

#endif /* DMR_SPACE_H */
