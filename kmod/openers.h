/* SPDX-License-Identifier: GPL-2.0-only */
/* Openers of the devices of one kind of view; under op_mutex. */
#ifndef DMR_OPENERS_H
#define DMR_OPENERS_H

#include "disk.h"

#define DMR_LOCK_MS	5000	/* time limit of taking every disk's open_mutex */

bool dmr_openers_lock(struct dmr_system *sys, enum dmr_kind kind);
void dmr_openers_unlock(struct dmr_system *sys, enum dmr_kind kind);
bool dmr_openers_any(struct dmr_system *sys, enum dmr_kind kind);

#endif /* DMR_OPENERS_H */
