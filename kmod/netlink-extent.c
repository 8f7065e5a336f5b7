// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dump of the extents that were written between two recovery points (R16).
 *
 * The walk takes no lock, and pauses after a millisecond, so that no grace period waits for
 * it.  It holds neither point and no system: a client that reads no more must not keep a
 * store or its space.  Instead, each message is sent only if both points exist behind the
 * walk for it; then no version that it needs has gone meanwhile.
 */
#include <linux/capability.h>
#include <linux/sched/signal.h>

#include "netlink.h"
#include "system.h"
#include "trace.h"
#include "store/changes.h"

#define DMR_EXTENT_MESSAGE	32768	/* bytes of a message: some 1,300 extents */
#define DMR_EXTENT_ROOM		64	/* of one extent, with padding */
#define DMR_EXTENT_NS		NSEC_PER_MSEC	/* of a grace section */
#define DMR_EXTENT_STEP		128	/* chunks and versions between two looks at the clock */

const struct nla_policy dmr_extent_get_policy[DM_REPLICA_A_EXTENT_START + 1] = {
	[DM_REPLICA_A_EXTENT_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_EXTENT_DISK] = { .type = NLA_U32, },
	[DM_REPLICA_A_EXTENT_FROM] = { .type = NLA_U64, },
	[DM_REPLICA_A_EXTENT_TO] = { .type = NLA_U64, },
	[DM_REPLICA_A_EXTENT_START] = { .type = NLA_U64, },
};

/**
 * struct dmr_extent_dump - state of a dump between two messages
 * @serial: of the system.
 * @from: number of the first point, or 0.
 * @to: number of the second point.
 * @ended: the walk has ended.
 * @walk: the walk.
 */
struct dmr_extent_dump {
	u64 serial;
	u64 from;
	u64 to;
	bool ended;
	struct dmr_changes walk;
};

static struct dmr_extent_dump **dmr_extent_dump(struct netlink_callback *cb)
{
	return (struct dmr_extent_dump **)cb->ctx;
}

static const struct dmr_point *dmr_extent_point(const struct dmr_sb *sb, u64 number)
{
	u32 i;

	for (i = 0; i < sb->nr_points; i++)
		if (sb->points[i].number == number)
			return &sb->points[i];
	return NULL;
}

/* Find points and disk of a request, under RCU.  Return: 0, or it is refused. */
static int dmr_extent_begin(struct netlink_callback *cb, struct nlattr **tb,
			    const struct dmr_sb *sb, struct dmr_extent_dump *d)
{
	const struct dmr_point *from = NULL, *to = dmr_extent_point(sb, d->to);
	u32 disk = nla_get_u32(tb[DM_REPLICA_A_EXTENT_DISK]);
	struct nlattr *start = tb[DM_REPLICA_A_EXTENT_START];

	if (disk >= sb->nr_disks)
		return dmr_nl_refuse(cb->extack, tb[DM_REPLICA_A_EXTENT_DISK], -EINVAL,
				     DM_REPLICA_CODE_INVALID_PARAMETER,
				     "the system has no disk of this number");
	if (d->from)
		from = dmr_extent_point(sb, d->from);
	if (!to || (d->from && !from))
		return dmr_nl_refuse(cb->extack, tb[to ? DM_REPLICA_A_EXTENT_FROM :
						       DM_REPLICA_A_EXTENT_TO], -ENOENT,
				     DM_REPLICA_CODE_NOT_FOUND, "there is no such recovery point");
	if (from && from->epoch > to->epoch)
		return dmr_nl_refuse(cb->extack, tb[DM_REPLICA_A_EXTENT_FROM], -EINVAL,
				     DM_REPLICA_CODE_INVALID_PARAMETER,
				     "the first point is newer than the second one");
	dmr_changes_init(&d->walk, sb, disk, from ? from->epoch : DMR_EPOCH_NONE, to->epoch,
			 start ? nla_get_u64(start) : 0);
	return 0;
}

int dmr_nl_extent_get_start(struct netlink_callback *cb)
{
	struct nlattr *tb[DM_REPLICA_A_EXTENT_START + 1];
	struct dmr_extent_dump *d;
	struct dmr_system *sys;
	int r;

	r = nlmsg_parse(cb->nlh, GENL_HDRLEN, tb, DM_REPLICA_A_EXTENT_START,
			dmr_extent_get_policy, cb->extack);
	if (r)
		return r;
	if (!tb[DM_REPLICA_A_EXTENT_SYSTEM] || !tb[DM_REPLICA_A_EXTENT_DISK] ||
	    !tb[DM_REPLICA_A_EXTENT_TO])
		return dmr_nl_refuse(cb->extack, NULL, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER,
				     "name system, disk and the point up to which");
	/* A walk over the map is privileged, as that for the sizes of points. */
	if (!netlink_capable(cb->skb, CAP_SYS_ADMIN))
		return dmr_nl_refuse(cb->extack, NULL, -EPERM, DM_REPLICA_CODE_ACCESS_DENIED,
				     "this needs CAP_SYS_ADMIN: run it as root");
	sys = dmr_system_find(nla_data(tb[DM_REPLICA_A_EXTENT_SYSTEM]), NULL);
	if (!sys)
		return dmr_nl_refuse(cb->extack, tb[DM_REPLICA_A_EXTENT_SYSTEM], -ENOENT,
				     DM_REPLICA_CODE_NOT_FOUND,
				     "no such system is attached: attach it first");
	d = kzalloc(sizeof(*d), GFP_KERNEL);
	r = -ENOMEM;
	if (!d)
		goto out;
	d->serial = sys->serial;
	d->to = nla_get_u64(tb[DM_REPLICA_A_EXTENT_TO]);
	if (tb[DM_REPLICA_A_EXTENT_FROM])
		d->from = nla_get_u64(tb[DM_REPLICA_A_EXTENT_FROM]);
	r = -ENODEV;
	if (dmr_loaded(sys)) {
		rcu_read_lock();
		r = dmr_extent_begin(cb, tb, dmr_shown(sys), d);
		rcu_read_unlock();
	}
	if (r) {
		kfree(d);
		goto out;
	}
	*dmr_extent_dump(cb) = d;
	cb->min_dump_alloc = DMR_EXTENT_MESSAGE;
out:
	dmr_system_put(sys);
	return r;
}

int dmr_nl_extent_get_done(struct netlink_callback *cb)
{
	kfree(*dmr_extent_dump(cb));
	return 0;
}

/*
 * R16: do both points exist, as at the beginning?  An epoch is never used twice.  A drop is
 * shown before any version goes because of it.
 */
static bool dmr_extent_valid(struct dmr_system *sys, const struct dmr_extent_dump *d)
{
	const struct dmr_point *from, *to;
	const struct dmr_sb *sb;
	bool valid;

	rcu_read_lock();
	sb = dmr_shown(sys);
	from = dmr_extent_point(sb, d->from);
	to = dmr_extent_point(sb, d->to);
	valid = to && to->epoch == d->walk.to && (!d->from || (from && from->epoch == d->walk.from));
	rcu_read_unlock();
	return valid;
}

static int dmr_put_extent(struct sk_buff *skb, const struct dmr_run *run)
{
	struct nlattr *nest = nla_nest_start(skb, DM_REPLICA_A_EXTENT_RUN);

	if (!nest || dmr_nl_put_u64(skb, DM_REPLICA_A_RUN_OFFSET, run->offset) ||
	    nla_put_u32(skb, DM_REPLICA_A_RUN_LENGTH, run->bytes) ||
	    (run->zero && nla_put_flag(skb, DM_REPLICA_A_RUN_ZERO)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* Put extents, in one grace section.  Return: 1 if there is more to look for, 0, or an errno. */
static int dmr_extent_section(struct sk_buff *skb, struct dmr_system *sys,
			      struct dmr_extent_dump *d, u32 *nr)
{
	u64 limit = ktime_get_ns() + DMR_EXTENT_NS;
	enum dmr_changes_step step;
	struct dmr_run run;
	u32 budget, side;
	int r = 0;

	side = dmr_grace_enter(&sys->grace);
	do {
		budget = DMR_EXTENT_STEP;
		do {
			step = DMR_CHANGES_PAUSE;
			if (skb_tailroom(skb) < DMR_EXTENT_ROOM)
				break;
			step = dmr_changes_next(&d->walk, &run, &budget);
			if (step == DMR_CHANGES_EXTENT) {
				r = dmr_put_extent(skb, &run);
				++*nr;
			}
		} while (!r && step == DMR_CHANGES_EXTENT && budget);
	} while (!r && step != DMR_CHANGES_END && skb_tailroom(skb) >= DMR_EXTENT_ROOM &&
		 ktime_get_ns() < limit);
	dmr_grace_leave(&sys->grace, side);
	d->ended = step == DMR_CHANGES_END;
	return r ?: !d->ended && skb_tailroom(skb) >= DMR_EXTENT_ROOM;
}

/* Put a message full of extents. */
static int dmr_extent_message(struct sk_buff *skb, struct netlink_callback *cb,
			      struct dmr_system *sys, struct dmr_extent_dump *d)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, dmr_nl_family,
				NLM_F_MULTI, DM_REPLICA_CMD_EXTENT_GET);
	u32 nr = 0;
	int r;

	if (!hdr)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, hdr);
	r = nla_put_u32(skb, DM_REPLICA_A_EXTENT_DISK, d->walk.disk);
	if (!r) {
		d->walk.map = &sys->map;
		do {
			r = dmr_extent_section(skb, sys, d, &nr);
			cond_resched();
			if (r > 0 && fatal_signal_pending(current))
				r = -EINTR;
		} while (r > 0);
	}
	if (!r && !dmr_extent_valid(sys, d)) {
		cb->seq = 2;	/* interrupted, for clients that look at the flag alone */
		r = dmr_nl_refuse(cb->extack, NULL, -ESTALE, DM_REPLICA_CODE_INVALID_STATE,
				  "a recovery point of the list was dropped meanwhile");
	}
	if (r || !nr)
		genlmsg_cancel(skb, hdr);
	else
		genlmsg_end(skb, hdr);
	return r;
}

int dmr_nl_extent_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct dmr_extent_dump *d = *dmr_extent_dump(cb);
	struct dmr_system *sys = NULL;
	int r;

	if (d->ended)
		return 0;
	cb->seq = 1;
	while ((sys = dmr_system_next(sys)))
		if (sys->serial == d->serial)
			break;
	if (!sys || !dmr_loaded(sys)) {
		cb->seq = 2;
		r = dmr_nl_refuse(cb->extack, NULL, -ESTALE, DM_REPLICA_CODE_INVALID_STATE,
				  "the system was detached meanwhile");
	} else {
		r = dmr_extent_message(skb, cb, sys, d);
	}
	if (sys)
		dmr_system_put(sys);
	return r ?: skb->len;
}
