/* SPDX-License-Identifier: GPL-2.0-only */
/* Drafts of the next superblock; under op_mutex. */
#ifndef DMR_DRAFT_H
#define DMR_DRAFT_H

#include <linux/types.h>

#define DMR_DRAFT_STREAM	(1u << 31)	/* beside the bits of peers */

struct dmr_point;
struct dmr_sb;
struct dmr_system;

struct dmr_sb *dmr_draft(struct dmr_system *sys);
void dmr_draft_state(struct dmr_sb *draft, u32 state);
bool dmr_draft_next(struct dmr_sb *draft);
u32 dmr_draft_overlay(struct dmr_sb *draft);
bool dmr_draft_promote(struct dmr_sb *draft);
const char *dmr_draft_select(const struct dmr_system *sys, struct dmr_sb *sb, const u64 *numbers,
			     u32 nr, u32 mine, unsigned long *drop, u64 *wrong, int *err);
u32 dmr_draft_drop(struct dmr_sb *draft, const unsigned long *drop);
struct dmr_point *dmr_draft_point(struct dmr_sb *sb, u64 number);
bool dmr_draft_point_held(const struct dmr_system *sys, const struct dmr_sb *sb,
			  const struct dmr_point *point);
const char *dmr_draft_point_kept(const struct dmr_system *sys, const struct dmr_sb *sb,
				 const struct dmr_point *point, u32 mine);
const struct dmr_point *dmr_draft_held_by_peer(const struct dmr_sb *sb);
const struct dmr_point *dmr_draft_point_spare(const struct dmr_system *sys,
					      const struct dmr_sb *sb);

#endif /* DMR_DRAFT_H */
