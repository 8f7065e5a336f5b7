/* SPDX-License-Identifier: GPL-2.0-only */
/* replicate-options.c: what replicate is asked for, by its arguments or by a file */
#ifndef REPLICATE_H
#define REPLICATE_H

#include "replicactl.h"

/** struct replicate_options - what replicate is asked for */
struct replicate_options {
	char to[512];			/* as given */
	char remote[DMREPLICA_NAME_MAX];	/* name of the system there */
	char host[256];			/* of ssh; "" for a command */
	char peer[DMREPLICA_PEER_NAME_MAX];
	uint64_t interval;		/* s */
	uint64_t sync;			/* bytes; 0: as the worker has it */
	bool once, plain;
	bool stay;			/* go on after a refusal, too: a service */
};

bool replicate_options_take(struct dmreplica *ctx, int argc, char **argv,
			    struct replicate_options *o, int *status);

#endif /* REPLICATE_H */
