/* SPDX-License-Identifier: GPL-2.0-only */
/* Streams of recovery points from another system. */
#ifndef DMR_RECEIVE_H
#define DMR_RECEIVE_H

#include <linux/types.h>

struct dmr_op;
struct dmr_system;

bool dmr_receive_stream(struct dmr_op *op);
void dmr_receive_check(struct dmr_system *sys);

#endif /* DMR_RECEIVE_H */
