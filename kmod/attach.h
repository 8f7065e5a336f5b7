/* SPDX-License-Identifier: GPL-2.0-only */
/* Attaching a system: targets are bound to their disks. */
#ifndef DMR_ATTACH_H
#define DMR_ATTACH_H

#include <linux/types.h>

struct dmr_system;
struct dmr_target;

bool dmr_attach_may_reload(const struct dmr_target *t);
int dmr_attach_bind(struct dmr_system *sys, struct dmr_target *t);
void dmr_attach_unbind(struct dmr_system *sys, struct dmr_target *t);

#endif /* DMR_ATTACH_H */
