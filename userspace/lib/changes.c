// SPDX-License-Identifier: GPL-2.0-only
/* What was written to a disk between two recovery points. */
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "private.h"

struct changes {
	int (*fn)(void *arg, const struct dmreplica_extent *extent);
	void *arg;
};

static int on_message(void *arg, struct nlattr *attrs, int len)
{
	struct nlattr *run[DM_REPLICA_A_RUN_MAX + 1], *attr;
	struct changes *c = arg;
	int rest, code = 0;

	nla_for_each_attr(attr, attrs, len, rest) {
		struct dmreplica_extent extent;

		if (nla_type(attr) != DM_REPLICA_A_EXTENT_RUN ||
		    nla_parse_nested(run, DM_REPLICA_A_RUN_MAX, attr, NULL))
			continue;
		extent.offset = dmrl_nl_u64(run[DM_REPLICA_A_RUN_OFFSET]);
		extent.length = dmrl_nl_u32(run[DM_REPLICA_A_RUN_LENGTH]);
		extent.zero = run[DM_REPLICA_A_RUN_ZERO];
		code = c->fn(c->arg, &extent);
		if (code)
			break;
	}
	return code;
}

int dmreplica_changes(struct dmreplica *ctx, const struct dmreplica_system *sys, uint32_t disk,
		      uint64_t from, uint64_t to, uint64_t start,
		      int (*fn)(void *arg, const struct dmreplica_extent *extent), void *arg)
{
	struct changes c = { .fn = fn, .arg = arg };
	struct nl_msg *msg;

	dmrl_clear(ctx);
	msg = dmrl_nl_message_of(ctx, DM_REPLICA_CMD_EXTENT_GET, DM_REPLICA_A_EXTENT_SYSTEM,
				 sys->uuid);
	if (!msg)
		return ctx->code;
	if (nla_put_u32(msg, DM_REPLICA_A_EXTENT_DISK, disk) ||
	    (from && nla_put_u64(msg, DM_REPLICA_A_EXTENT_FROM, from)) ||
	    nla_put_u64(msg, DM_REPLICA_A_EXTENT_TO, to) ||
	    (start && nla_put_u64(msg, DM_REPLICA_A_EXTENT_START, start))) {
		nlmsg_free(msg);
		return dmrl_no_memory(ctx);
	}
	return dmrl_nl_dump_raw(ctx, msg, on_message, &c);
}
