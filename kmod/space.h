/* SPDX-License-Identifier: GPL-2.0-only */
/* Space in the store, and counts of writes. */
#ifndef DMR_SPACE_H
#define DMR_SPACE_H

#include "disk.h"

void dmr_space_settings(struct dmr_system *sys);
void dmr_space_full(struct dmr_system *sys);
u64 dmr_space_reserved(struct dmr_system *sys);
u64 dmr_replicated_bytes(struct dmr_system *sys);
u64 dmr_view_writes(struct dmr_system *sys, enum dmr_kind kind);

#endif /* DMR_SPACE_H */
