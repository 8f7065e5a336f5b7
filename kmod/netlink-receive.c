// SPDX-License-Identifier: GPL-2.0-only
/* Streams of recovery points from another system, and generations, as netlink attributes. */
#include "cursor.h"
#include "netlink.h"
#include "queue.h"
#include "system.h"
#include "trace.h"

/**
 * dmr_nl_put_stream() - put the relationship, and the stream that is half in
 * @skb: the message
 * @sys: the system, active
 * @sb: its state, under RCU
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int dmr_nl_put_stream(struct sk_buff *skb, struct dmr_system *sys, const struct dmr_sb *sb)
{
	const struct dmr_replication *repl = &sb->replication;
	const struct dmr_stream *s = &repl->stream;
	u64 offset;
	u32 disk;

	if (!dmr_is_zero(repl->relationship, 16) &&
	    nla_put(skb, DM_REPLICA_A_SYSTEM_RELATIONSHIP, 16, repl->relationship))
		return -EMSGSIZE;
	if (!dmr_replication_partial(repl))
		return 0;
	dmr_cursor_get(sys, sb, &disk, &offset);
	if (nla_put(skb, DM_REPLICA_A_SYSTEM_STREAM, 16, s->uuid) ||
	    (s->base && dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_STREAM_BASE, s->base)) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_STREAM_POINT, s->target) ||
	    nla_put(skb, DM_REPLICA_A_SYSTEM_STREAM_GENERATION, 16, s->generation) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_STREAM_TIME, s->time) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_STREAM_SINCE, s->since) ||
	    nla_put_u32(skb, DM_REPLICA_A_SYSTEM_STREAM_DISK, disk) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_STREAM_OFFSET, offset))
		return -EMSGSIZE;
	return 0;
}

/**
 * dmr_nl_put_generation() - put the attributes of a generation
 * @skb: the message
 * @sb: the state, under RCU
 * @place: of the generation
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int dmr_nl_put_generation(struct sk_buff *skb, const struct dmr_sb *sb, u32 place)
{
	const struct dmr_generation *g = &sb->replication.generations[place];

	if (nla_put(skb, DM_REPLICA_A_GENERATION_SYSTEM, 16, sb->system_uuid) ||
	    nla_put_u32(skb, DM_REPLICA_A_GENERATION_PLACE, place) ||
	    nla_put(skb, DM_REPLICA_A_GENERATION_UUID, 16, g->uuid) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_GENERATION_FIRST, g->first))
		return -EMSGSIZE;
	return 0;
}

static int dmr_refuse_value(struct genl_info *info, int attr, const char *text)
{
	return dmr_nl_refuse_request(info, info->attrs[attr], -EINVAL,
				     DM_REPLICA_CODE_INVALID_PARAMETER, text);
}

/* Read a UUID.  Return: 0, or the request is refused: it is missing, or zeroes. */
static int dmr_uuid(struct genl_info *info, int attr, u8 *uuid, const char *missing)
{
	if (!info->attrs[attr])
		return dmr_nl_refuse_missing(info, attr, missing);
	memcpy(uuid, nla_data(info->attrs[attr]), 16);
	if (!dmr_is_zero(uuid, 16))
		return 0;
	return dmr_refuse_value(info, attr, "a UUID of zeroes names nothing");
}

static int dmr_number(struct genl_info *info, int attr, u64 *number, const char *missing)
{
	if (!info->attrs[attr])
		return dmr_nl_refuse_missing(info, attr, missing);
	*number = nla_get_u64(info->attrs[attr]);
	if (*number && *number < DMR_NUMBER_LIMIT)
		return 0;
	return dmr_refuse_value(info, attr, "no recovery point can have this number");
}

static int dmr_stream_uuid(struct genl_info *info, u8 *uuid)
{
	return dmr_uuid(info, DM_REPLICA_A_OP_STREAM, uuid, "give the UUID of the stream");
}

/* All of this comes from another host. */
int dmr_nl_receive_begin_fill(struct genl_info *info, struct dmr_op *op)
{
	struct nlattr *kind = info->attrs[DM_REPLICA_A_OP_POINT_KIND];
	struct nlattr *time = info->attrs[DM_REPLICA_A_OP_POINT_TIME];
	struct dmr_stream *s = &op->stream;
	const char *why;
	int r;

	r = dmr_nl_timeout_fill(info, op) ?: dmr_nl_point_name_fill(info, op) ?:
	    dmr_stream_uuid(info, s->uuid) ?:
	    dmr_uuid(info, DM_REPLICA_A_OP_RELATIONSHIP, op->relationship,
		     "give the UUID of the relationship") ?:
	    dmr_number(info, DM_REPLICA_A_OP_POINT, &s->target,
		       "give the number of the point to come") ?:
	    dmr_uuid(info, DM_REPLICA_A_OP_GENERATION, s->generation,
		     "give the generation of the point to come") ?:
	    dmr_number(info, DM_REPLICA_A_OP_GENERATION_FIRST, &s->first,
		       "give the number at which its generation began");
	if (!r && info->attrs[DM_REPLICA_A_OP_BASE])
		r = dmr_number(info, DM_REPLICA_A_OP_BASE, &s->base, NULL) ?:
		    dmr_uuid(info, DM_REPLICA_A_OP_BASE_GENERATION, op->base_generation,
			     "give the generation of the base");
	if (!r && !time)
		r = dmr_nl_refuse_missing(info, DM_REPLICA_A_OP_POINT_TIME,
					  "give the time of the point to come");
	if (r)
		return r;
	s->time = nla_get_u64(time);
	if (s->time > S64_MAX)
		return dmr_refuse_value(info, DM_REPLICA_A_OP_POINT_TIME, "no clock shows this time");
	s->kind = kind ? nla_get_u32(kind) : DM_REPLICA_POINT_KIND_STANDARD;
	memcpy(s->name, op->name, sizeof(s->name));
	why = dmr_stream_fault(s);
	return why ? dmr_refuse_value(info, DM_REPLICA_A_OP_POINT, why) : 0;
}

int dmr_nl_receive_end_fill(struct genl_info *info, struct dmr_op *op)
{
	return dmr_nl_timeout_fill(info, op) ?: dmr_stream_uuid(info, op->stream.uuid) ?:
	       dmr_nl_point_drops_fill(info, op);
}

int dmr_nl_receive_abort_fill(struct genl_info *info, struct dmr_op *op)
{
	return dmr_nl_timeout_fill(info, op) ?: dmr_stream_uuid(info, op->stream.uuid);
}

/* Changes memory only; the next superblock records it. */
int dmr_nl_receive_mark_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *disk = info->attrs[DM_REPLICA_A_OP_CURSOR_DISK];
	struct nlattr *offset = info->attrs[DM_REPLICA_A_OP_CURSOR_OFFSET];
	struct dmr_stream mark = { .disk = 0 };
	struct dmr_system *sys;
	const char *why;
	int r;

	trace_dmr_request(info->genlhdr->cmd);
	r = dmr_nl_refuse_unprivileged(skb, info) ?: dmr_stream_uuid(info, mark.uuid);
	if (r)
		return r;
	if (!disk || !offset)
		return dmr_nl_refuse_missing(info, disk ? DM_REPLICA_A_OP_CURSOR_OFFSET :
							  DM_REPLICA_A_OP_CURSOR_DISK,
					     "give the place up to which everything has arrived");
	mark.disk = nla_get_u32(disk);
	mark.offset = nla_get_u64(offset);
	sys = dmr_nl_request_system(info);
	if (IS_ERR(sys))
		return PTR_ERR(sys);
	if (!READ_ONCE(sys->running))
		r = dmr_nl_refuse_unknown(info, info->attrs[DM_REPLICA_A_OP_SYSTEM]);
	else
		why = dmr_cursor_mark(sys, &mark, &r);
	if (r == -EBADE)
		dmr_nl_refuse_request(info, info->attrs[DM_REPLICA_A_OP_STREAM], -EBADE,
				      DM_REPLICA_CODE_INVALID_STATE, why);
	else if (r == -EINVAL)
		dmr_nl_refuse_request(info, offset, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER,
				      why);
	else if (!r)
		trace_dmr_reply(info->genlhdr->cmd, DM_REPLICA_CODE_COMPLETED);
	dmr_system_put(sys);
	return r;
}
