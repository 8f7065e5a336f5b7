/* SPDX-License-Identifier: GPL-2.0-only */
/* The fingerprint of a home: see fingerprint.c. */
#ifndef DMR_FINGERPRINT_H
#define DMR_FINGERPRINT_H

#include "store/superblock.h"

struct dmr_disk;
struct dmr_sb;

#define DMR_RECENT	16	/* a power of two */

/** struct dmr_recent - blocks of a home written last by one CPU */
struct dmr_recent {
	u32 next;
	u64 block[DMR_RECENT];	/* number + 1; 0: none */
};

/**
 * struct dmr_fingerprint - places and checksums of a home that is attached
 * @recent: latest writes, by CPU; racy on purpose: a lost entry does no harm.
 * @nr_old: number of places in @old.
 * @nr: number of entries in @prints.
 * @old: places of the previous fingerprint.
 * @prints: the fingerprint, from the unbinding of the disk to the last suspend.
 *
 * All but @recent belong to op_mutex.
 */
struct dmr_fingerprint {
	struct dmr_recent __percpu *recent;
	u32 nr_old;
	u32 nr;
	u64 old[DMR_DISK_PRINTS / 2];
	struct dmr_print prints[DMR_DISK_PRINTS];
};

/**
 * dmr_fingerprint_note() - record a block of a home that is being written
 * @fp: fingerprint of the disk.
 * @block: number of the 4 KiB block.
 *
 * On the hit path of states 2 and 6: two stores to this CPU's own memory.
 *
 * Context: any.
 */
static inline void dmr_fingerprint_note(struct dmr_fingerprint *fp, u64 block)
{
	struct dmr_recent *recent = raw_cpu_ptr(fp->recent);
	u32 next = READ_ONCE(recent->next);

	WRITE_ONCE(recent->block[next % DMR_RECENT], block + 1);
	WRITE_ONCE(recent->next, next + 1);
}

int dmr_fingerprint_init(struct dmr_disk *disk, const struct dmr_sb *sb);
void dmr_fingerprint_exit(struct dmr_disk *disk);
void dmr_fingerprint_take(struct dmr_disk *disk);
void dmr_fingerprint_void(struct dmr_disk *disk);

#endif /* DMR_FINGERPRINT_H */
