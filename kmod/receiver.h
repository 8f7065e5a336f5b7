/* SPDX-License-Identifier: GPL-2.0-only */
/* The client that writes a stream into a head. */
#ifndef DMR_RECEIVER_H
#define DMR_RECEIVER_H

#include <linux/list.h>
#include <linux/types.h>

/**
 * struct dmr_receiver - the receiver of a system
 * @list: in the list of receivers, while there is one.
 * @port: its socket, 0: there is none; read by the I/O path without a lock.
 */
struct dmr_receiver {
	struct list_head list;
	u32 port;
};

void dmr_receiver_init(struct dmr_receiver *receiver);
void dmr_receiver_set(struct dmr_receiver *receiver, u32 port);
void dmr_receiver_closed(u32 port);

#endif /* DMR_RECEIVER_H */
