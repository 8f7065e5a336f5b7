/* SPDX-License-Identifier: GPL-2.0-only */
/* The keeper of a sender: what there is to send, and what is held meanwhile. */
#ifndef SENDING_H
#define SENDING_H

#include <stream/sender.h>
#include "keeper.h"

/** struct sending - a sender's keeper */
struct sending {
	struct keeper k;
	const char *peer;		/* holds base and target; NULL: into a file, a view does */
	bool open;			/* views are open */
	struct dmrs_identity acked;	/* newest point that the receiver has; 0: not known */
	uint32_t disk;			/* of @ranges */
	uint64_t next;			/* where the list goes on behind them */
	bool all;			/* there is no more behind them */
	uint32_t range, nr_ranges;
	struct dmrs_range *ranges;
};

/** struct sending_size - what a stream has of a disk, or of several */
struct sending_size {
	uint64_t bytes, extents, zero_bytes, zero_extents;
	uint64_t limit;			/* keeper_now() at which the list is given up; 0: never */
};

extern const struct keeper_ops sending_ops;

int sending_measure(struct dmreplica *ctx, const struct dmreplica_system *sys, uint32_t disk,
		    uint64_t from, uint64_t to, uint64_t limit, struct sending_size *size);
int sending_measure_all(struct keeper *k, uint32_t nr_disks, uint64_t from, uint64_t to,
			uint64_t ns, struct sending_size *sum);
int sending_init(struct sending *s, struct dmreplica *ctx, const char *name);
void sending_end(struct sending *s);

#endif /* SENDING_H */
