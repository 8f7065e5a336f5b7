/* SPDX-License-Identifier: GPL-2.0-only */
/* Owners of operations, and their lines in the kernel log. */
#ifndef DMR_OWNER_H
#define DMR_OWNER_H

#include <linux/types.h>

struct dmr_op;
struct dmr_owner;
struct dmr_system;

void dmr_owner_current(struct dmr_owner *owner);
void dmr_owner_log(const struct dmr_op *op);
void dmr_owner_request(struct dmr_system *sys, const char *what, u64 job);
void dmr_owner_refused(const u8 *uuid, const char *what, u32 code, const char *msg);

#endif /* DMR_OWNER_H */
