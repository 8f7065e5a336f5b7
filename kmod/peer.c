// SPDX-License-Identifier: GPL-2.0-only
/*
 * Peers of a system, and the points that they hold (R17).
 *
 * A hold is a bit of the point in the superblock, so that it is as durable as the point.
 */
#include "draft.h"
#include "operate.h"
#include "queue.h"
#include "super.h"
#include "system.h"

/* Find point and peer of a request.  Return: the point, or NULL and @op is refused. */
static struct dmr_point *dmr_peer_point(struct dmr_op *op, struct dmr_sb *draft, u32 *place)
{
	struct dmr_point *point = dmr_draft_point(draft, op->point);

	*place = dmr_replication_peer(&draft->replication, op->peer);
	if (*place == DMR_PEERS) {
		dmr_refuse_peer(op);
		return NULL;
	}
	if (!point)
		dmr_refuse_point(op);
	return point;
}

static void dmr_peer_commit(struct dmr_op *op, const struct dmr_sb *draft)
{
	int r = dmr_super_commit(op->sys, draft, dmr_op_text(op));

	if (r)
		dmr_op_refuse_super(op, r);
}

/*
 * The peer has @point: end its holds of older ones, by the same superblock write.  An answer
 * that comes late, about an older point, is no step back.  Return: true if this changes anything.
 */
static bool dmr_peer_acked(struct dmr_sb *draft, const struct dmr_point *point, u32 place)
{
	struct dmr_peer *peer = &draft->replication.peers[place];
	bool changed = false;
	u32 i;

	for (i = 0; i < draft->nr_points; i++) {
		struct dmr_point *older = &draft->points[i];

		if (older->number >= point->number || !(older->holds & 1U << place))
			continue;
		older->holds &= ~(1U << place);
		changed = true;
	}
	if (peer->acked >= point->number)
		return changed;
	peer->acked = point->number;
	peer->acked_generation = point->generation;
	return true;
}

/**
 * dmr_op_point_hold() - hold a recovery point for a peer (R17)
 * @op: point and peer; with @acked the peer has the point.
 * @job: its job; not used.
 *
 * A repeated request changes nothing.
 */
void dmr_op_point_hold(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_sb *draft = dmr_draft(op->sys);
	struct dmr_point *point;
	bool changed;
	u32 place;

	point = dmr_peer_point(op, draft, &place);
	if (!point)
		return;
	changed = !(point->holds & 1U << place);
	point->holds |= 1U << place;
	if (op->acked)
		changed |= dmr_peer_acked(draft, point, place);
	if (changed)
		dmr_peer_commit(op, draft);
}

/**
 * dmr_op_point_release() - end a peer's hold of a recovery point
 * @op: point and peer.
 * @job: its job; not used.
 *
 * A repeated request changes nothing.
 */
void dmr_op_point_release(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_sb *draft = dmr_draft(op->sys);
	struct dmr_point *point;
	u32 place;

	point = dmr_peer_point(op, draft, &place);
	if (!point || !(point->holds & 1U << place))
		return;
	point->holds &= ~(1U << place);
	dmr_peer_commit(op, draft);
}

/**
 * dmr_op_peer_add() - add a peer
 * @op: its name and UUID.
 * @job: its job; not used.
 *
 * A repeated request changes nothing.
 */
void dmr_op_peer_add(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_sb *draft = dmr_draft(op->sys);
	struct dmr_replication *repl = &draft->replication;
	u32 used = dmr_replication_peers(repl), i, at = DMR_PEERS;

	for (i = 0; i < DMR_PEERS; i++) {
		bool same = !memcmp(repl->peers[i].uuid, op->peer_uuid, sizeof(op->peer_uuid));

		if (!(used & 1U << i)) {
			at = min(at, i);
			continue;
		}
		if (same && !strcmp(repl->peers[i].name, op->peer))
			return;
		if (same || !strcmp(repl->peers[i].name, op->peer))
			return dmr_op_refuse(op, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER,
					     "another peer has this name, or this UUID");
	}
	if (at == DMR_PEERS)
		return dmr_op_refuse(op, -ENOSPC, DM_REPLICA_CODE_FAILED,
				     "the system has as many peers as it can; remove one first");
	memset(&repl->peers[at], 0, sizeof(repl->peers[at]));
	memcpy(repl->peers[at].uuid, op->peer_uuid, sizeof(op->peer_uuid));
	strscpy(repl->peers[at].name, op->peer, sizeof(repl->peers[at].name));
	dmr_peer_commit(op, draft);
}

/**
 * dmr_op_peer_remove() - remove a peer and its holds
 * @op: its name.
 * @job: its job; not used.
 *
 * R17: this is the operator's explicit word.
 */
void dmr_op_peer_remove(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_sb *draft = dmr_draft(op->sys);
	u32 at = dmr_replication_peer(&draft->replication, op->peer), i;

	if (at == DMR_PEERS)
		return dmr_refuse_peer(op);
	/* Its place may be given to another one, which must hold nothing. */
	for (i = 0; i < draft->nr_points; i++)
		draft->points[i].holds &= ~(1U << at);
	memset(&draft->replication.peers[at], 0, sizeof(draft->replication.peers[at]));
	dmr_peer_commit(op, draft);
}
