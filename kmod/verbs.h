/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of operations, and the states in which each is legal. */
#ifndef DMR_VERBS_H
#define DMR_VERBS_H

#include "queue.h"

extern const struct dmr_verb_info dmr_verbs[DMR_VERBS];

bool dmr_op_turn(struct dmr_op *op);
void dmr_op_end_turns(struct dmr_op *op);

#endif /* DMR_VERBS_H */
