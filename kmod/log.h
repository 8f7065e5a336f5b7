/* SPDX-License-Identifier: GPL-2.0-only */
/* The log, and its moving tail. */
#ifndef DMR_LOG_H
#define DMR_LOG_H

#include <linux/list.h>

#include "store/logblock.h"

struct dmr_sb;
struct dmr_system;
struct dmr_version;

/** struct dmr_drop - a moved-home record that is due */
struct dmr_drop {
	struct list_head list;
	struct dmr_record rec;
};

/* any context */
bool dmr_commit_room(struct dmr_system *sys, u32 records);
bool dmr_commit_settled(struct dmr_system *sys, struct dmr_version *v);
void dmr_commit_dirty(struct dmr_system *sys, struct dmr_version *v);
void dmr_commit_drop(struct dmr_system *sys, struct dmr_drop *drop);

/* the commit worker alone */
bool dmr_commit_press(struct dmr_system *sys);
int dmr_store_flush_rest(struct dmr_system *sys);
int dmr_commit(struct dmr_system *sys, bool press);
int dmr_commit_turn(struct dmr_system *sys, struct dmr_sb *draft);

#endif /* DMR_LOG_H */
