// SPDX-License-Identifier: GPL-2.0-only
/*
 * The client that writes a stream into a head (R18).
 *
 * A stream may be half in for days without a receiver: after a cut, an attach, or the death of
 * its process.  Then the head takes no write, since one of any other program would become
 * a part of the point that the stream ends with.  The receiver is the client of the last
 * receive-begin for as long as its socket is open: memory only, so that an attach has none.
 */
#include <linux/spinlock.h>

#include "receiver.h"

static DEFINE_SPINLOCK(dmr_receivers_lock);	/* the list and its members; a leaf */
static LIST_HEAD(dmr_receivers);

/** dmr_receiver_init() - there is no receiver yet */
void dmr_receiver_init(struct dmr_receiver *receiver)
{
	INIT_LIST_HEAD(&receiver->list);
}

/**
 * dmr_receiver_set() - have another receiver, or none
 * @receiver: of a system.
 * @port: socket of the client, 0: none.
 *
 * Context: any but interrupts.
 */
void dmr_receiver_set(struct dmr_receiver *receiver, u32 port)
{
	spin_lock(&dmr_receivers_lock);
	list_del_init(&receiver->list);
	if (port)
		list_add(&receiver->list, &dmr_receivers);
	/* The I/O path reads it. */
	WRITE_ONCE(receiver->port, port);
	spin_unlock(&dmr_receivers_lock);
}

/**
 * dmr_receiver_closed() - a socket was closed: its client receives nothing any more
 * @port: of the socket.
 *
 * Context: any but interrupts.
 */
void dmr_receiver_closed(u32 port)
{
	struct dmr_receiver *receiver, *next;

	spin_lock(&dmr_receivers_lock);
	list_for_each_entry_safe(receiver, next, &dmr_receivers, list) {
		if (receiver->port != port)
			continue;
		list_del_init(&receiver->list);
		WRITE_ONCE(receiver->port, 0);
	}
	spin_unlock(&dmr_receivers_lock);
}
