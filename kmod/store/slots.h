/* SPDX-License-Identifier: GPL-2.0-only */
/* Allocator of the slots of a store. */
#ifndef DMR_SLOTS_H
#define DMR_SLOTS_H

#include "superblock.h"

/* Changed by every first write: see the layout of struct dmr_system. */
struct dmr_slots {
	spinlock_t lock;
	unsigned long *taken;	/* one bit per slot number, set: not free */
	u32 end;
	u32 rotor;		/* beginning of the next search */
	u32 total;		/* slots that may be allocated */
	u32 free;
};

int dmr_slots_init(struct dmr_slots *slots, const struct dmr_sb *sb);
void dmr_slots_exit(struct dmr_slots *slots);
int dmr_slots_grow(struct dmr_slots *slots, const struct dmr_sb *sb);
u32 dmr_slots_alloc(struct dmr_slots *slots, u32 want, u64 spare, u32 *first);
int dmr_slots_claim(struct dmr_slots *slots, u32 slot);
void dmr_slots_free(struct dmr_slots *slots, u32 slot);
u32 dmr_slots_used(struct dmr_slots *slots, u32 *total);

#endif /* DMR_SLOTS_H */
