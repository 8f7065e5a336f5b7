/* SPDX-License-Identifier: GPL-2.0-only */
/* A broken store (R9). */
#ifndef DMR_CRITICAL_H
#define DMR_CRITICAL_H

struct dmr_system;

void dmr_critical(struct dmr_system *sys, const char *why);

#endif /* DMR_CRITICAL_H */
