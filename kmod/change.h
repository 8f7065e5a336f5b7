/* SPDX-License-Identifier: GPL-2.0-only */
/* Changes of settings and of network adapters. */
#ifndef DMR_CHANGE_H
#define DMR_CHANGE_H

#include "store/adapter.h"
#include "store/settings.h"

/**
 * struct dmr_change - request of SETTINGS and ADAPTERS
 * @has: DM_REPLICA_A_SETTINGS_* that are given, a bit each.
 * @set: their values.
 * @adapter: the one to set; to forget one, its address is enough.
 * @forget: forget it rather than set it.
 * @all: forget all.
 */
struct dmr_change {
	u64 has;
	struct dmr_settings set;
	struct dmr_adapter adapter;
	bool forget;
	bool all;
};

#endif /* DMR_CHANGE_H */
