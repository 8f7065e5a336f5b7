/* SPDX-License-Identifier: GPL-2.0-only */
/* The two device-mapper targets. */
#ifndef DMR_TARGET_H
#define DMR_TARGET_H

int dmr_target_init(void);
void dmr_target_exit(void);

#endif /* DMR_TARGET_H */
