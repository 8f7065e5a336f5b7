/* SPDX-License-Identifier: GPL-2.0-only */
/* The health of a system. */
#ifndef DMR_HEALTH_H
#define DMR_HEALTH_H

#include <linux/jiffies.h>
#include <linux/types.h>

struct dmr_sb;
struct dmr_system;

#define DMR_BIND_QUIET	(10 * HZ)	/* time for the next bind of an attach or a detach */

u32 dmr_health_reasons(struct dmr_system *sys, const struct dmr_sb *sb);
u32 dmr_health_of(u32 reasons);
void dmr_health_devices(struct dmr_system *sys);
void dmr_health_check(struct dmr_system *sys);

#endif /* DMR_HEALTH_H */
