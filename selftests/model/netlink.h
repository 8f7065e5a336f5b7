/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests of helper-model and helper-life to the module; netlink.c.
 */
#ifndef MODEL_NETLINK_H
#define MODEL_NETLINK_H

#include <stdbool.h>
#include <stdint.h>

struct known {				/* a point */
	uint64_t number, time;
};

extern char refusal[256];

void family_find(void);
int operation(int cmd, uint64_t *point);
int point_new(uint64_t *number, const uint64_t *drop, int nr_drop);
int vacuum_hold(bool hold);
int remove_flatten(void);
int setting(int type, uint64_t value, int bytes);
int job_request(uint64_t id, uint32_t request);
uint64_t job_moving(void);
uint64_t system_number(int type);
int points_list(struct known *points, int max);

#endif /* MODEL_NETLINK_H */
