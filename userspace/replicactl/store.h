/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by check and dump. */
#ifndef REPLICACTL_STORE_H
#define REPLICACTL_STORE_H

struct dmreplica;
struct dmreplica_store;

int open_store(struct dmreplica *ctx, const char *name, struct dmreplica_store **store);

#endif /* REPLICACTL_STORE_H */
