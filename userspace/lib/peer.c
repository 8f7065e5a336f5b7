// SPDX-License-Identifier: GPL-2.0-only
/* Peers of a system, and the recovery points that they hold. */
#include <stdio.h>
#include <string.h>

#include <netlink/attr.h>
#include <uuid/uuid.h>

#include "private.h"

#define A(name)	attrs[DM_REPLICA_A_PEER_##name]

_Static_assert(DMREPLICA_MAX_PEERS == DMR_PEERS && DMREPLICA_MAX_PEERS == DM_REPLICA_PEERS_MAX,
	       "one limit");
_Static_assert(DMREPLICA_PEER_NAME_MAX == DMR_PEER_NAME_LEN, "one limit");

const char *dmreplica_peer_name_fault(const char *name)
{
	return dmr_text_peer_name_fault(name);
}

static void peer_item(struct dmreplica *ctx, void *item, struct nlattr **attrs)
{
	struct dmreplica_peer *peer = item;

	(void)ctx;
	dmrl_nl_uuid(A(SYSTEM), peer->system);
	dmrl_nl_uuid(A(UUID), peer->uuid);
	dmrl_nl_string(A(NAME), peer->name, sizeof(peer->name));
	peer->acked = dmrl_nl_u64(A(ACKED));
	peer->points_held = dmrl_nl_u32(A(POINTS_HELD));
}

static int peers_stored(const struct dmreplica_system *sys, const struct dmr_sb *sb,
			struct dmrl_list *list)
{
	u32 used = dmr_replication_peers(&sb->replication);
	struct dmreplica_peer *peer;
	unsigned int i, k;

	for (i = 0; i < DMR_PEERS; i++) {
		const struct dmr_peer *from = &sb->replication.peers[i];

		if (!(used >> i & 1))
			continue;
		peer = dmrl_list_add(list);
		if (!peer)
			return -1;
		memcpy(peer->system, sys->uuid, 16);
		memcpy(peer->uuid, from->uuid, 16);
		snprintf(peer->name, sizeof(peer->name), "%s", from->name);
		peer->acked = from->acked;
		for (k = 0; k < sb->nr_points; k++)
			peer->points_held += sb->points[k].holds >> i & 1;
	}
	return 0;
}

int dmreplica_peer_list(struct dmreplica *ctx, const struct dmreplica_system *sys,
			struct dmreplica_peer **list, size_t *nr)
{
	static const struct dmrl_listing peers = {
		.size = sizeof(struct dmreplica_peer),
		.cmd = DM_REPLICA_CMD_PEER_GET,
		.attr = DM_REPLICA_A_PEER_SYSTEM,
		.item = peer_item,
		.stored = peers_stored,
	};
	int code;

	*list = dmrl_listing_get(ctx, sys, &peers, 0, nr, &code);
	return code;
}

static bool put_uuid(struct nl_msg *msg, const void *uuid)
{
	return nla_put(msg, DM_REPLICA_A_OP_PEER_UUID, 16, uuid);
}

int dmreplica_peer_add(struct dmreplica *ctx, const struct dmreplica_system *sys,
		       const uint8_t *uuid, struct dmreplica_op *op)
{
	uuid_t made;

	if (!uuid) {
		uuid_generate_random(made);
		uuid = made;
	}
	return dmrl_operate_with(ctx, DM_REPLICA_CMD_PEER_ADD, sys, put_uuid, uuid, op);
}

int dmreplica_peer_remove(struct dmreplica *ctx, const struct dmreplica_system *sys,
			  struct dmreplica_op *op)
{
	return dmrl_operate(ctx, DM_REPLICA_CMD_PEER_DEL, sys, op);
}

int dmreplica_point_hold(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 struct dmreplica_op *op)
{
	return dmrl_operate(ctx, DM_REPLICA_CMD_POINT_HOLD, sys, op);
}

int dmreplica_point_release(struct dmreplica *ctx, const struct dmreplica_system *sys,
			    struct dmreplica_op *op)
{
	return dmrl_operate(ctx, DM_REPLICA_CMD_POINT_RELEASE, sys, op);
}
