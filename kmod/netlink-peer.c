// SPDX-License-Identifier: GPL-2.0-only
/* Peers, and the points that they hold, as netlink attributes. */
#include "netlink.h"
#include "system.h"

/**
 * dmr_nl_put_peer() - put the attributes of a peer
 * @skb: the message
 * @sb: the state, under RCU
 * @place: of the peer, in use
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int dmr_nl_put_peer(struct sk_buff *skb, const struct dmr_sb *sb, u32 place)
{
	const struct dmr_peer *peer = &sb->replication.peers[place];
	u32 i, held = 0;

	for (i = 0; i < sb->nr_points; i++)
		held += sb->points[i].holds >> place & 1;
	if (nla_put(skb, DM_REPLICA_A_PEER_SYSTEM, 16, sb->system_uuid) ||
	    nla_put_string(skb, DM_REPLICA_A_PEER_NAME, peer->name) ||
	    nla_put(skb, DM_REPLICA_A_PEER_UUID, 16, peer->uuid) ||
	    (peer->acked && dmr_nl_put_u64(skb, DM_REPLICA_A_PEER_ACKED, peer->acked)) ||
	    nla_put_u32(skb, DM_REPLICA_A_PEER_POINTS_HELD, held))
		return -EMSGSIZE;
	return 0;
}

/**
 * dmr_nl_put_holders() - put generation and holders of a point
 * @skb: the message
 * @sb: the state, under RCU
 * @point: the point
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int dmr_nl_put_holders(struct sk_buff *skb, const struct dmr_sb *sb,
		       const struct dmr_point *point)
{
	char names[DMR_PEERS * DMR_PEER_NAME_LEN];
	u32 i, n = 0;

	names[0] = 0;
	for (i = 0; i < DMR_PEERS; i++)
		if (point->holds >> i & 1)
			n += scnprintf(names + n, sizeof(names) - n, "%s%s", n ? "," : "",
				       sb->replication.peers[i].name);
	if (n && nla_put_string(skb, DM_REPLICA_A_POINT_HELD_BY, names))
		return -EMSGSIZE;
	return nla_put_u32(skb, DM_REPLICA_A_POINT_GENERATION, point->generation);
}
