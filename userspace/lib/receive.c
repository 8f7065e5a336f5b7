// SPDX-License-Identifier: GPL-2.0-only
/* Streams of recovery points from another system, and generations. */
#include <string.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "private.h"

#define A(name)	attrs[DM_REPLICA_A_GENERATION_##name]

const uint8_t *dmreplica_relationship(const struct dmreplica_system *sys)
{
	return dmr_is_zero(sys->relationship, 16) ? sys->uuid : sys->relationship;
}

const char *dmreplica_role_name(const struct dmreplica_system *sys)
{
	return sys->flags & DM_REPLICA_SYSTEM_FLAGS_PRIMARY ? "primary" : "replica";
}

/**
 * dmrl_receive_stored() - fill in relationship and stream of a system that is not attached
 * @sys: the system.
 * @repl: the page of its store.
 */
void dmrl_receive_stored(struct dmreplica_system *sys, const struct dmr_replication *repl)
{
	const struct dmr_stream *s = &repl->stream;

	memcpy(sys->relationship, repl->relationship, 16);
	if (dmr_replication_receives(repl))
		sys->flags |= DM_REPLICA_SYSTEM_FLAGS_RECEIVES;
	if (dmr_replication_receiving(repl))
		sys->flags |= DM_REPLICA_SYSTEM_FLAGS_RECEIVING;
	if (s->aborted)
		sys->flags |= DM_REPLICA_SYSTEM_FLAGS_ABORTED;
	if (dmr_replication_primary(repl))
		sys->flags |= DM_REPLICA_SYSTEM_FLAGS_PRIMARY;
	memcpy(sys->stream, s->uuid, 16);
	sys->stream_base = s->base;
	sys->stream_point = s->target;
	memcpy(sys->stream_generation, s->generation, 16);
	sys->stream_time = s->time;
	sys->stream_since = s->since;
	sys->stream_disk = s->disk;
	sys->stream_offset = s->offset;
}

/* Generations -------------------------------------------------------------- */

static void generation_item(struct dmreplica *ctx, void *item, struct nlattr **attrs)
{
	struct dmreplica_generation *g = item;

	(void)ctx;
	dmrl_nl_uuid(A(UUID), g->uuid);
	g->first = dmrl_nl_u64(A(FIRST));
}

static int generations_stored(const struct dmreplica_system *sys, const struct dmr_sb *sb,
			      struct dmrl_list *list)
{
	struct dmreplica_generation *g;
	unsigned int i;

	(void)sys;
	for (i = 0; i < sb->replication.nr_generations; i++) {
		g = dmrl_list_add(list);
		if (!g)
			return -1;
		memcpy(g->uuid, sb->replication.generations[i].uuid, 16);
		g->first = sb->replication.generations[i].first;
	}
	return 0;
}

int dmreplica_generation_list(struct dmreplica *ctx, const struct dmreplica_system *sys,
			      struct dmreplica_generation **list, size_t *nr)
{
	static const struct dmrl_listing generations = {
		.size = sizeof(struct dmreplica_generation),
		.cmd = DM_REPLICA_CMD_GENERATION_GET,
		.attr = DM_REPLICA_A_GENERATION_SYSTEM,
		.item = generation_item,
		.stored = generations_stored,
	};
	struct dmrl_list one = { .size = sizeof(struct dmreplica_generation) };
	struct dmreplica_generation *g;
	int code;

	*list = dmrl_listing_get(ctx, sys, &generations, 0, nr, &code);
	if (code || *nr)
		return code;
	/* Before the first promotion: the same on all sites, since the relationship is. */
	dmreplica_list_free(*list);
	g = dmrl_list_add(&one);
	if (g) {
		memcpy(g->uuid, dmreplica_relationship(sys), 16);
		g->first = 1;
	} else {
		code = dmrl_no_memory(ctx);
	}
	*list = dmrl_list_end(&one, code, NULL, nr);
	return code;
}

/* Streams ------------------------------------------------------------------ */

static bool put_receive(struct nl_msg *msg, const void *arg)
{
	const struct dmreplica_receive *r = arg;

	if (nla_put(msg, DM_REPLICA_A_OP_STREAM, 16, r->stream) ||
	    nla_put(msg, DM_REPLICA_A_OP_RELATIONSHIP, 16, r->relationship) ||
	    nla_put_u64(msg, DM_REPLICA_A_OP_POINT, r->point) ||
	    nla_put(msg, DM_REPLICA_A_OP_GENERATION, 16, r->generation) ||
	    nla_put_u64(msg, DM_REPLICA_A_OP_GENERATION_FIRST, r->generation_first) ||
	    nla_put_u64(msg, DM_REPLICA_A_OP_POINT_TIME, r->time) ||
	    nla_put_u32(msg, DM_REPLICA_A_OP_POINT_KIND, r->kind) ||
	    (*r->label && nla_put_string(msg, DM_REPLICA_A_OP_POINT_NAME, r->label)))
		return true;
	return r->base && (nla_put_u64(msg, DM_REPLICA_A_OP_BASE, r->base) ||
			   nla_put(msg, DM_REPLICA_A_OP_BASE_GENERATION, 16, r->base_generation));
}

bool dmrl_put_stream(struct nl_msg *msg, const void *stream)
{
	return nla_put(msg, DM_REPLICA_A_OP_STREAM, 16, stream);
}

int dmreplica_receive_begin(struct dmreplica *ctx, const struct dmreplica_system *sys,
			    struct dmreplica_receive *receive, struct dmreplica_op *op)
{
	char text[DMREPLICA_UUID_TEXT];
	struct dmreplica_system now;
	int code;

	receive->cursor_disk = 0;
	receive->cursor_offset = 0;
	dmrl_clear(ctx);
	if (!memchr(receive->label, 0, sizeof(receive->label)))
		return dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
				 "the label of the point is too long");
	code = dmrl_operate_with(ctx, DM_REPLICA_CMD_RECEIVE_BEGIN, sys, put_receive, receive, op);
	if (code)
		return code;
	code = dmreplica_system_attached(ctx, dmreplica_uuid_text(sys->uuid, text), &now);
	if (code)
		return code;
	if (!(now.flags & DM_REPLICA_SYSTEM_FLAGS_RECEIVING) ||
	    memcmp(now.stream, receive->stream, 16))
		return dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_STATE,
				 "another request has given up the stream");
	receive->cursor_disk = now.stream_disk;
	receive->cursor_offset = now.stream_offset;
	return 0;
}

int dmreplica_receive_mark(struct dmreplica *ctx, const struct dmreplica_system *sys,
			   const uint8_t stream[16], uint32_t disk, uint64_t offset)
{
	struct nl_msg *msg;

	dmrl_clear(ctx);
	msg = dmrl_nl_message_of(ctx, DM_REPLICA_CMD_RECEIVE_MARK, DM_REPLICA_A_OP_SYSTEM,
				 sys->uuid);
	if (!msg)
		return ctx->code;
	if (nla_put(msg, DM_REPLICA_A_OP_STREAM, 16, stream) ||
	    nla_put_u32(msg, DM_REPLICA_A_OP_CURSOR_DISK, disk) ||
	    nla_put_u64(msg, DM_REPLICA_A_OP_CURSOR_OFFSET, offset)) {
		nlmsg_free(msg);
		return dmrl_no_memory(ctx);
	}
	return dmrl_nl_call(ctx, msg, NULL, NULL);
}

int dmreplica_receive_abort(struct dmreplica *ctx, const struct dmreplica_system *sys,
			    const uint8_t stream[16], struct dmreplica_op *op)
{
	return dmrl_operate_with(ctx, DM_REPLICA_CMD_RECEIVE_ABORT, sys, dmrl_put_stream, stream, op);
}
