/* SPDX-License-Identifier: GPL-2.0-only */
/* peer-show.c: what is seen of a replication */
#ifndef PEER_SHOW_H
#define PEER_SHOW_H

#include "peer-state.h"

/** struct peer_show - peers and sessions of a system */
struct peer_show {
	/* The last one may be that of a session which has not added it yet, without a UUID. */
	struct dmreplica_peer peers[DMREPLICA_MAX_PEERS + 1];
	size_t nr_peers;
	bool sends, receives;		/* there is such a session, or was */
	struct peer_state sending, receiving;
};

void peer_show_read(struct dmreplica *ctx, const struct dmreplica_system *sys,
		    struct peer_show *show);
uint64_t peer_acked_time(const struct peer_show *show, const struct dmreplica_peer *peer,
			 const struct dmreplica_point *points, size_t nr);
uint64_t peer_lag(const struct peer_show *show, const struct dmreplica_peer *peer,
		  const struct dmreplica_system *sys);
void peer_show_print(const struct peer_show *show, const struct dmreplica_system *sys,
		     const struct dmreplica_point *points, size_t nr);
void peer_show_json(struct json_object *status, const struct peer_show *show,
		    const struct dmreplica_system *sys, const struct dmreplica_point *points,
		    size_t nr);

#endif /* PEER_SHOW_H */
