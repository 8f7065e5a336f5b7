/* SPDX-License-Identifier: GPL-2.0-only */
/* Uevents of a system's devices: for udev, and for rules of the administrator. */
#ifndef DMR_UEVENT_H
#define DMR_UEVENT_H

#include "disk.h"

struct dmr_system;

/**
 * struct dmr_uevent - an operation, as a uevent reports it
 * @event: its name, as in Documentation/udev.md; NULL if it has no uevent.
 * @was: the state before, DM_REPLICA_STATE_*.
 * @state: the state after it.
 * @state_number: the state number after it.
 * @job: id of its job, 0 if it has none.
 * @code: its CIM code.
 * @point: number of the point made, used, left or dropped, 0 if none.
 */
struct dmr_uevent {
	const char *event;
	u32 was;
	u32 state;
	u64 state_number;
	u64 job;
	u32 code;
	u64 point;
};

void dmr_uevent_view(struct dmr_system *sys, enum dmr_kind kind, bool online);
void dmr_uevent_event(struct dmr_system *sys, const struct dmr_uevent *uevent);

#endif /* DMR_UEVENT_H */
