// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generic netlink family: requests, dumps and notifications.
 *
 * Reading takes a system's sb_mutex, never op_mutex: it does not wait for an
 * operation that drains.  What op_mutex alone protects is not looked at here.
 *
 * A notification is built and sent with sb_mutex held, so that the last one
 * that arrives tells the newest state.  Memory for it is asked for with
 * GFP_NOIO: it may be sent while an operation holds a device fenced that
 * reclaim would like to write to.
 */
#include <linux/capability.h>
#include <linux/module.h>
#include <net/genetlink.h>

#include "dmr.h"
#include "trace.h"

enum { DMR_GROUP_SYSTEMS, DMR_GROUP_JOBS };

static struct genl_family dmr_family;
static bool dmr_family_up;

/* Each set of attributes has its padding and its system's UUID in one place. */
#define DMR_A_PAD	((int)DM_REPLICA_A_SYSTEM_PAD)
#define DMR_A_SYSTEM	((int)DM_REPLICA_A_DISK_SYSTEM)

static_assert(DM_REPLICA_A_DISK_PAD == DMR_A_PAD && DM_REPLICA_A_POINT_PAD == DMR_A_PAD &&
	      DM_REPLICA_A_JOB_PAD == DMR_A_PAD && DM_REPLICA_A_OP_PAD == DMR_A_PAD);
static_assert(DM_REPLICA_A_POINT_SYSTEM == DMR_A_SYSTEM &&
	      DM_REPLICA_A_JOB_SYSTEM == DMR_A_SYSTEM && DM_REPLICA_A_OP_SYSTEM == DMR_A_SYSTEM);

/*----------------------------------------------------------------
 * Policies, one per command
 *----------------------------------------------------------------*/

static const struct nla_policy dmr_system_get_policy[DM_REPLICA_A_SYSTEM_NAME + 1] = {
	[DM_REPLICA_A_SYSTEM_UUID] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_SYSTEM_NAME] = { .type = NLA_NUL_STRING, .len = DMR_NAME_LEN - 1, },
};

static const struct nla_policy dmr_disk_get_policy[DM_REPLICA_A_DISK_SYSTEM + 1] = {
	[DM_REPLICA_A_DISK_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
};

static const struct nla_policy dmr_point_get_policy[DM_REPLICA_A_POINT_SYSTEM + 1] = {
	[DM_REPLICA_A_POINT_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
};

static const struct nla_policy dmr_point_new_policy[DM_REPLICA_A_OP_TIMEOUT + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_POINT_KIND] = NLA_POLICY_RANGE(NLA_U32, 1, 3),
	[DM_REPLICA_A_OP_POINT_NAME] = { .type = NLA_NUL_STRING, .len = DMR_POINT_NAME_LEN - 1, },
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
};

static const struct nla_policy dmr_point_del_policy[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_POINT] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
};

static const struct nla_policy dmr_job_get_policy[DM_REPLICA_A_JOB_ID + 1] = {
	[DM_REPLICA_A_JOB_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_JOB_ID] = { .type = NLA_U64, },
};

static const struct nla_policy dmr_failover_initiate_policy[DM_REPLICA_A_OP_TIMEOUT + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_POINT] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
};

static const struct nla_policy dmr_failover_revert_policy[DM_REPLICA_A_OP_TIMEOUT + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_EXPECT_WRITES] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
};

static const struct nla_policy dmr_test_start_policy[DM_REPLICA_A_OP_TIMEOUT + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_POINT] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
};

static const struct nla_policy dmr_test_stop_policy[DM_REPLICA_A_OP_TIMEOUT + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_EXPECT_WRITES] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
};

static const struct nla_policy dmr_vacuum_set_policy[DM_REPLICA_A_OP_HOLD + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_HOLD] = NLA_POLICY_MAX(NLA_U32, 1),
};

/*----------------------------------------------------------------
 * Refusals
 *----------------------------------------------------------------*/

/* The text is constant and stays: it is read after the handler has returned. */
static int dmr_refuse(struct netlink_ext_ack *extack, const struct nlattr *attr, int err,
		      u32 code, const char *text)
{
	do_trace_netlink_extack(text);
	if (extack) {
		extack->_msg = text;
		extack->bad_attr = attr;
		nl_set_extack_cookie_u64(extack, code);
	}
	return err;
}

/* A request, as opposed to a dump, ends with it. */
static int dmr_refuse_request(struct genl_info *info, const struct nlattr *attr, int err,
			      u32 code, const char *text)
{
	trace_dmr_reply(info->genlhdr->cmd, code);
	return dmr_refuse(info->extack, attr, err, code, text);
}

static int dmr_refuse_missing(struct genl_info *info, u32 attr, const char *text)
{
	NL_SET_ERR_ATTR_MISS(info->extack, NULL, attr);
	return dmr_refuse_request(info, NULL, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER, text);
}

static int dmr_refuse_unknown(struct genl_info *info, const struct nlattr *attr)
{
	return dmr_refuse_request(info, attr, -ENOENT, DM_REPLICA_CODE_NOT_FOUND,
				  "no such system is attached: attach it first");
}

/* GENL_ADMIN_PERM asks for CAP_NET_ADMIN, which says nothing about disks. */
static int dmr_refuse_unprivileged(struct sk_buff *skb, struct genl_info *info)
{
	if (netlink_capable(skb, CAP_SYS_ADMIN))
		return 0;
	return dmr_refuse_request(info, NULL, -EPERM, DM_REPLICA_CODE_ACCESS_DENIED,
				  "this needs CAP_SYS_ADMIN: run it as root");
}

/* Return: the system that a request is about, referenced, or an ERR_PTR. */
static struct dmr_system *dmr_request_system(struct genl_info *info)
{
	struct nlattr *attr = info->attrs[DMR_A_SYSTEM];
	struct dmr_system *sys;

	if (!attr)
		return ERR_PTR(dmr_refuse_missing(info, DMR_A_SYSTEM, "say which system, by UUID"));
	sys = dmr_system_find(nla_data(attr), NULL);
	if (!sys)
		return ERR_PTR(dmr_refuse_unknown(info, attr));
	return sys;
}

/*----------------------------------------------------------------
 * Objects.  All of this runs with sb_mutex held, on an active system.
 *----------------------------------------------------------------*/

static int dmr_put_u64(struct sk_buff *skb, int attr, u64 value)
{
	return nla_put_u64_64bit(skb, attr, value, DMR_A_PAD);
}

/* The minor's attribute follows the major's everywhere. */
static int dmr_put_dev(struct sk_buff *skb, int major_attr, dev_t dev)
{
	return nla_put_u32(skb, major_attr, MAJOR(dev)) ?:
	       nla_put_u32(skb, major_attr + 1, MINOR(dev));
}

static u64 dmr_overlay_bytes(struct dmr_disk *disk, enum dmr_kind kind)
{
	return (u64)atomic64_read(&disk->overlay_blocks[kind]) << DMR_BLOCK_SHIFT;
}

/* All three of its devices, as dmr_system_complete() asks of every disk. */
static bool dmr_disk_attached(const struct dmr_disk *disk)
{
	return disk->gd[DMR_REPLICA] && disk->gd[DMR_LIVE] && disk->gd[DMR_TEST];
}

static u32 dmr_disks_attached(const struct dmr_system *sys)
{
	u32 i, n = 0;

	for (i = 0; i < sys->sb->nr_disks; i++)
		n += dmr_disk_attached(&sys->disks[i]);
	return n;
}

static u32 dmr_system_flags(struct dmr_system *sys)
{
	const struct dmr_sb *sb = sys->sb;
	u32 flags = 0;

	if (sb->flags & DMR_SB_SUSPENDED)
		flags |= DM_REPLICA_SYSTEM_FLAGS_SUSPENDED;
	if (sb->live.epoch || sb->state == DM_REPLICA_STATE_COMMITTED)
		flags |= DM_REPLICA_SYSTEM_FLAGS_FAILED_OVER;
	if (sb->test.epoch)
		flags |= DM_REPLICA_SYSTEM_FLAGS_TEST;
	if (!dmr_system_complete(sys))
		flags |= DM_REPLICA_SYSTEM_FLAGS_INCOMPLETE;
	if (READ_ONCE(sys->critical))
		flags |= DM_REPLICA_SYSTEM_FLAGS_CRITICAL;
	return flags;
}

/* The attributes of an overlay follow each other: @first is the point's. */
static_assert(DM_REPLICA_A_SYSTEM_LIVE_WRITES == DM_REPLICA_A_SYSTEM_LIVE_POINT + 3 &&
	      DM_REPLICA_A_SYSTEM_TEST_WRITES == DM_REPLICA_A_SYSTEM_TEST_POINT + 3);

/* What there is to say only while an overlay exists. */
static int dmr_put_overlay(struct sk_buff *skb, struct dmr_system *sys, enum dmr_kind kind,
			   const struct dmr_overlay *overlay, int first)
{
	const struct dmr_sb *sb = sys->sb;
	u64 bytes = 0;
	u32 i;

	if (!overlay->epoch)
		return 0;
	for (i = 0; i < sb->nr_disks; i++)
		bytes += dmr_overlay_bytes(&sys->disks[i], kind);
	for (i = 0; i < sb->nr_points; i++)
		if (sb->points[i].epoch == overlay->base &&
		    dmr_put_u64(skb, first, sb->points[i].number))
			return -EMSGSIZE;
	if (dmr_put_u64(skb, first + 1, overlay->time) || dmr_put_u64(skb, first + 2, bytes) ||
	    dmr_put_u64(skb, first + 3, dmr_view_writes(sys, kind)))
		return -EMSGSIZE;
	return 0;
}

static int dmr_put_store(struct sk_buff *skb, struct dmr_system *sys)
{
	u32 slots = sys->slots.total, used = slots - READ_ONCE(sys->slots.free);
	u64 tail = READ_ONCE(sys->sb_tail), next = READ_ONCE(sys->log_next);

	if (nla_put(skb, DM_REPLICA_A_SYSTEM_STORE_UUID, 16, sys->sb->store_uuid) ||
	    dmr_put_dev(skb, DM_REPLICA_A_SYSTEM_STORE_MAJOR, sys->store_dev) ||
	    nla_put_u32(skb, DM_REPLICA_A_SYSTEM_CHUNK_BYTES, sys->sb->chunk_bytes) ||
	    dmr_put_u64(skb, DM_REPLICA_A_SYSTEM_SLOTS, slots) ||
	    dmr_put_u64(skb, DM_REPLICA_A_SYSTEM_SLOTS_USED, used) ||
	    dmr_put_u64(skb, DM_REPLICA_A_SYSTEM_VERSIONS, atomic64_read(&sys->map.versions)) ||
	    dmr_put_u64(skb, DM_REPLICA_A_SYSTEM_LOG_BLOCKS, sys->ring_blocks) ||
	    dmr_put_u64(skb, DM_REPLICA_A_SYSTEM_LOG_USED, next - min(tail, next)) ||
	    dmr_put_u64(skb, DM_REPLICA_A_SYSTEM_COMMITS, atomic64_read(&sys->commits)) ||
	    dmr_put_u64(skb, DM_REPLICA_A_SYSTEM_SUPERBLOCKS, atomic64_read(&sys->sb_writes)) ||
	    dmr_put_u64(skb, DM_REPLICA_A_SYSTEM_VACUUM_PENDING,
			atomic64_read(&sys->vacuum_pending)) ||
	    nla_put_u32(skb, DM_REPLICA_A_SYSTEM_VACUUM_HELD, READ_ONCE(sys->vacuum_held)))
		return -EMSGSIZE;
	return 0;
}

static int dmr_put_system(struct sk_buff *skb, struct dmr_system *sys)
{
	const char *critical = READ_ONCE(sys->critical);
	const struct dmr_sb *sb = sys->sb;

	if (nla_put(skb, DM_REPLICA_A_SYSTEM_UUID, 16, sb->system_uuid) ||
	    nla_put_string(skb, DM_REPLICA_A_SYSTEM_NAME, sb->name) ||
	    nla_put_u32(skb, DM_REPLICA_A_SYSTEM_STATE, dmr_system_state(sys)) ||
	    dmr_put_u64(skb, DM_REPLICA_A_SYSTEM_STATE_NUMBER, sb->state_number) ||
	    dmr_put_u64(skb, DM_REPLICA_A_SYSTEM_STATE_TIME, sb->state_time) ||
	    nla_put_u32(skb, DM_REPLICA_A_SYSTEM_FLAGS, dmr_system_flags(sys)) ||
	    (critical && nla_put_string(skb, DM_REPLICA_A_SYSTEM_REASON, critical)) ||
	    nla_put_u32(skb, DM_REPLICA_A_SYSTEM_DISKS, sb->nr_disks) ||
	    nla_put_u32(skb, DM_REPLICA_A_SYSTEM_DISKS_ATTACHED, dmr_disks_attached(sys)) ||
	    nla_put_u32(skb, DM_REPLICA_A_SYSTEM_POINTS, sb->nr_points))
		return -EMSGSIZE;
	return dmr_put_store(skb, sys) ?:
	       dmr_put_overlay(skb, sys, DMR_LIVE, &sb->live, DM_REPLICA_A_SYSTEM_LIVE_POINT) ?:
	       dmr_put_overlay(skb, sys, DMR_TEST, &sb->test, DM_REPLICA_A_SYSTEM_TEST_POINT);
}

static int dmr_put_disk(struct sk_buff *skb, struct dmr_system *sys, u32 number)
{
	const struct dmr_disk_info *info = &sys->sb->disks[number];
	struct dmr_disk *disk = &sys->disks[number];
	struct gendisk *live = disk->gd[DMR_LIVE], *test = disk->gd[DMR_TEST];

	if (nla_put(skb, DM_REPLICA_A_DISK_SYSTEM, 16, sys->sb->system_uuid) ||
	    nla_put_u32(skb, DM_REPLICA_A_DISK_NUMBER, number) ||
	    nla_put_string(skb, DM_REPLICA_A_DISK_NAME, info->name) ||
	    nla_put(skb, DM_REPLICA_A_DISK_UUID, 16, info->uuid) ||
	    dmr_put_u64(skb, DM_REPLICA_A_DISK_BYTES, info->sectors << SECTOR_SHIFT) ||
	    dmr_put_u64(skb, DM_REPLICA_A_DISK_LIVE_BYTES, dmr_overlay_bytes(disk, DMR_LIVE)) ||
	    dmr_put_u64(skb, DM_REPLICA_A_DISK_TEST_BYTES, dmr_overlay_bytes(disk, DMR_TEST)) ||
	    dmr_put_u64(skb, DM_REPLICA_A_DISK_ERRORS, atomic64_read(&disk->errors)))
		return -EMSGSIZE;
	if (disk->home_dev && dmr_put_dev(skb, DM_REPLICA_A_DISK_HOME_MAJOR, disk->home_dev))
		return -EMSGSIZE;
	if (disk->gd[DMR_REPLICA] &&
	    dmr_put_dev(skb, DM_REPLICA_A_DISK_REPLICA_MAJOR, disk->dev[DMR_REPLICA]))
		return -EMSGSIZE;
	if (live &&
	    (dmr_put_dev(skb, DM_REPLICA_A_DISK_LIVE_MAJOR, disk->dev[DMR_LIVE]) ||
	     nla_put_u32(skb, DM_REPLICA_A_DISK_LIVE_OPENERS, disk_openers(live))))
		return -EMSGSIZE;
	if (test &&
	    (dmr_put_dev(skb, DM_REPLICA_A_DISK_TEST_MAJOR, disk->dev[DMR_TEST]) ||
	     nla_put_u32(skb, DM_REPLICA_A_DISK_TEST_OPENERS, disk_openers(test))))
		return -EMSGSIZE;
	return 0;
}

static int dmr_put_point(struct sk_buff *skb, struct dmr_system *sys, u32 i)
{
	const struct dmr_sb *sb = sys->sb;
	const struct dmr_point *p = &sb->points[i];
	bool in_use = (sb->live.epoch && sb->live.base == p->epoch) ||
		      (sb->test.epoch && sb->test.base == p->epoch);

	if (nla_put(skb, DM_REPLICA_A_POINT_SYSTEM, 16, sb->system_uuid) ||
	    dmr_put_u64(skb, DM_REPLICA_A_POINT_NUMBER, p->number) ||
	    dmr_put_u64(skb, DM_REPLICA_A_POINT_TIME, p->time) ||
	    nla_put_u32(skb, DM_REPLICA_A_POINT_KIND, p->kind) ||
	    (p->name[0] && nla_put_string(skb, DM_REPLICA_A_POINT_NAME, p->name)) ||
	    nla_put_u32(skb, DM_REPLICA_A_POINT_IN_USE, in_use))
		return -EMSGSIZE;
	return 0;
}

/* With job_mutex held as well. */
static int dmr_put_job(struct sk_buff *skb, const struct dmr_job *job)
{
	const struct dmr_sb *sb = job->sys->sb;
	bool ended = job->state >= DM_REPLICA_JOB_STATE_COMPLETED;
	u64 elapsed = ktime_to_ns(ktime_sub(ended ? job->ended : ktime_get(), job->begun));

	if (nla_put(skb, DM_REPLICA_A_JOB_SYSTEM, 16, sb->system_uuid) ||
	    dmr_put_u64(skb, DM_REPLICA_A_JOB_ID, job->id) ||
	    nla_put(skb, DM_REPLICA_A_JOB_UUID, 16, job->uuid) ||
	    nla_put_u32(skb, DM_REPLICA_A_JOB_TYPE, job->type) ||
	    nla_put_u32(skb, DM_REPLICA_A_JOB_STATE, job->state) ||
	    nla_put_u32(skb, DM_REPLICA_A_JOB_PERCENT, job->percent) ||
	    dmr_put_u64(skb, DM_REPLICA_A_JOB_START_TIME, job->start) ||
	    dmr_put_u64(skb, DM_REPLICA_A_JOB_ELAPSED, elapsed) ||
	    (ended && nla_put_u32(skb, DM_REPLICA_A_JOB_CODE, job->code)) ||
	    nla_put_string(skb, DM_REPLICA_A_JOB_TEXT, job->text) ||
	    nla_put_u32(skb, DM_REPLICA_A_JOB_CANCELLABLE, 0) ||
	    nla_put_string(skb, DM_REPLICA_A_JOB_SYSTEM_NAME, sb->name))
		return -EMSGSIZE;
	return 0;
}

/*----------------------------------------------------------------
 * Reading one object
 *----------------------------------------------------------------*/

/*
 * Send one system, or one of its jobs if @job is not NULL, as the answer.
 * sb_mutex may be held over I/O to a store that hangs: wait so that the caller
 * can be killed.
 */
static int dmr_reply_object(struct genl_info *info, struct dmr_system *sys, struct dmr_job *job,
			    const struct nlattr *attr)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *hdr;
	int r;

	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &dmr_family, 0, info->genlhdr->cmd);
	if (!hdr) {
		r = -EMSGSIZE;
		goto bad;
	}
	r = mutex_lock_killable(&sys->sb_mutex);
	if (r)
		goto bad;
	if (!smp_load_acquire(&sys->active)) {
		r = dmr_refuse_unknown(info, attr);
	} else if (job) {
		mutex_lock(&sys->job_mutex);
		r = dmr_put_job(msg, job);
		mutex_unlock(&sys->job_mutex);
	} else {
		r = dmr_put_system(msg, sys);
	}
	mutex_unlock(&sys->sb_mutex);
	if (r)
		goto bad;
	genlmsg_end(msg, hdr);
	r = genlmsg_reply(msg, info);
	trace_dmr_reply(info->genlhdr->cmd, r ? DM_REPLICA_CODE_FAILED :
					       DM_REPLICA_CODE_COMPLETED);
	return r;
bad:
	nlmsg_free(msg);
	return r;
}

static int dmr_system_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *uuid = info->attrs[DM_REPLICA_A_SYSTEM_UUID];
	struct nlattr *name = info->attrs[DM_REPLICA_A_SYSTEM_NAME];
	struct dmr_system *sys;
	int r;

	trace_dmr_request(info->genlhdr->cmd);
	if (uuid && name)
		return dmr_refuse_request(info, name, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER,
					  "give the system's UUID or its name, not both");
	if (!uuid && !name)
		return dmr_refuse_missing(info, DM_REPLICA_A_SYSTEM_UUID,
					  "say which system, by UUID or by name");
	sys = dmr_system_find(uuid ? nla_data(uuid) : NULL, name ? nla_data(name) : NULL);
	if (!sys)
		return dmr_refuse_unknown(info, uuid ?: name);
	r = dmr_reply_object(info, sys, NULL, uuid ?: name);
	dmr_system_put(sys);
	return r;
}

static int dmr_job_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *id = info->attrs[DM_REPLICA_A_JOB_ID];
	struct dmr_system *sys;
	struct dmr_job *job;
	int r;

	trace_dmr_request(info->genlhdr->cmd);
	if (!id)
		return dmr_refuse_missing(info, DM_REPLICA_A_JOB_ID, "say which job, by its id");
	sys = dmr_request_system(info);
	if (IS_ERR(sys))
		return PTR_ERR(sys);
	job = dmr_job_find(sys, nla_get_u64(id));
	if (job)
		r = dmr_reply_object(info, sys, job, info->attrs[DM_REPLICA_A_JOB_SYSTEM]);
	else
		r = dmr_refuse_request(info, id, -ENOENT, DM_REPLICA_CODE_NOT_FOUND,
				       "no such job: ended jobs are listed for five minutes");
	dmr_job_put(job);
	dmr_system_put(sys);
	return r;
}

/*----------------------------------------------------------------
 * Dumps
 *----------------------------------------------------------------*/

/**
 * struct dmr_dump - where a dump stands, between two of its messages
 * @only: serial of the one system asked for, 0 for all of them.
 * @serial: of the system to go on with; those before it are done.
 * @key: where to go on within that system: the first disk number, point number
 *	or job id that is not done.
 * @state_number: the system's, when its first points were listed.
 * @torn: how often a list changed while it was being read.
 */
struct dmr_dump {
	u64 only;
	u64 serial;
	u64 key;
	u64 state_number;
	u32 torn;
};

static_assert(sizeof(struct dmr_dump) <= sizeof_field(struct netlink_callback, ctx));

static struct dmr_dump *dmr_dump(struct netlink_callback *cb)
{
	return (struct dmr_dump *)cb->ctx;
}

/* Never 0, which would mean that there is no earlier message to agree with. */
static void dmr_dump_seq(struct netlink_callback *cb)
{
	cb->seq = READ_ONCE(dmr_registry_seq) + dmr_dump(cb)->torn + 1;
}

/* Begin an entry. */
static void *dmr_entry(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &dmr_family,
				NLM_F_MULTI, cmd);

	if (hdr)
		genl_dump_check_consistent(cb, hdr);
	return hdr;
}

/* End it, or take it back if it did not fit. */
static int dmr_entry_end(struct sk_buff *skb, struct netlink_callback *cb, void *hdr, int r,
			 u64 key)
{
	if (r) {
		genlmsg_cancel(skb, hdr);
		return r;
	}
	genlmsg_end(skb, hdr);
	dmr_dump(cb)->key = key + 1;
	return 0;
}

/* Lists what a system has, from the key on; sb_mutex is held.  -EMSGSIZE: full. */
typedef int (*dmr_list_fn)(struct sk_buff *skb, struct netlink_callback *cb,
			   struct dmr_system *sys);

static int dmr_list_system(struct sk_buff *skb, struct netlink_callback *cb,
			   struct dmr_system *sys)
{
	void *hdr = dmr_entry(skb, cb, DM_REPLICA_CMD_SYSTEM_GET);

	if (!hdr)
		return -EMSGSIZE;
	return dmr_entry_end(skb, cb, hdr, dmr_put_system(skb, sys), 0);
}

static int dmr_list_disks(struct sk_buff *skb, struct netlink_callback *cb,
			  struct dmr_system *sys)
{
	void *hdr;
	u32 i;
	int r;

	for (i = dmr_dump(cb)->key; i < sys->sb->nr_disks; i++) {
		hdr = dmr_entry(skb, cb, DM_REPLICA_CMD_DISK_GET);
		if (!hdr)
			return -EMSGSIZE;
		r = dmr_entry_end(skb, cb, hdr, dmr_put_disk(skb, sys, i), i);
		if (r)
			return r;
	}
	return 0;
}

static int dmr_list_points(struct sk_buff *skb, struct netlink_callback *cb,
			   struct dmr_system *sys)
{
	struct dmr_dump *d = dmr_dump(cb);
	void *hdr;
	u32 i;
	int r;

	if (d->key && d->state_number != sys->sb->state_number) {
		d->torn++;
		dmr_dump_seq(cb);
	}
	d->state_number = sys->sb->state_number;
	for (i = 0; i < sys->sb->nr_points; i++) {
		u64 number = sys->sb->points[i].number;

		if (number < d->key)
			continue;
		hdr = dmr_entry(skb, cb, DM_REPLICA_CMD_POINT_GET);
		if (!hdr)
			return -EMSGSIZE;
		r = dmr_entry_end(skb, cb, hdr, dmr_put_point(skb, sys, i), number);
		if (r)
			return r;
	}
	return 0;
}

static int dmr_list_jobs(struct sk_buff *skb, struct netlink_callback *cb,
			 struct dmr_system *sys)
{
	struct dmr_job *job;
	void *hdr;
	int r = 0;

	mutex_lock(&sys->job_mutex);
	list_for_each_entry(job, &sys->jobs, list) {	/* by rising id */
		if (job->id < dmr_dump(cb)->key)
			continue;
		hdr = dmr_entry(skb, cb, DM_REPLICA_CMD_JOB_GET);
		r = hdr ? dmr_entry_end(skb, cb, hdr, dmr_put_job(skb, job), job->id) : -EMSGSIZE;
		if (r)
			break;
	}
	mutex_unlock(&sys->job_mutex);
	return r;
}

/*
 * Resumed by keys, not by places in a list: systems, points and jobs come and
 * go between two messages.  The registry lists systems by rising serial.
 */
static int dmr_dump_systems(struct sk_buff *skb, struct netlink_callback *cb, dmr_list_fn list)
{
	struct dmr_dump *d = dmr_dump(cb);
	struct dmr_system *sys = NULL;
	int r = 0;

	dmr_dump_seq(cb);
	while ((sys = dmr_system_next(sys))) {
		if (sys->serial < d->serial || (d->only && sys->serial != d->only))
			continue;
		if (sys->serial != d->serial) {
			d->serial = sys->serial;
			d->key = 0;
		}
		r = mutex_lock_killable(&sys->sb_mutex);
		if (r)
			break;
		if (smp_load_acquire(&sys->active))
			r = list(skb, cb, sys);
		mutex_unlock(&sys->sb_mutex);
		if (r)
			break;
		d->serial = sys->serial + 1;
		d->key = 0;
	}
	if (sys)
		dmr_system_put(sys);
	if (r && !(r == -EMSGSIZE && skb->len))
		return r;
	return skb->len;
}

static int dmr_system_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dmr_dump_systems(skb, cb, dmr_list_system);
}

static int dmr_disk_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dmr_dump_systems(skb, cb, dmr_list_disks);
}

static int dmr_point_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dmr_dump_systems(skb, cb, dmr_list_points);
}

static int dmr_job_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dmr_dump_systems(skb, cb, dmr_list_jobs);
}

/*
 * A command has one policy for do and dump, and its parsed attributes are in
 * different places in different kernels.  So the dump looks for itself, as
 * strictly as genetlink has before it, at what a dump takes: @max attributes.
 * Kernels before 6.7 have no extack here: such refusals are an errno alone.
 */
static int dmr_dump_parse(struct netlink_callback *cb, struct nlattr **tb, int max,
			  const struct nla_policy *policy)
{
	return nlmsg_parse(cb->nlh, GENL_HDRLEN, tb, max, policy, cb->extack);
}

/* Everything, nothing to choose from. */
static int dmr_dump_all_start(struct netlink_callback *cb)
{
	struct nlattr *tb[1];

	return dmr_dump_parse(cb, tb, 0, NULL);
}

/* Of all systems or of one. */
static int dmr_dump_filtered_start(struct netlink_callback *cb)
{
	struct nlattr *tb[DMR_A_SYSTEM + 1];
	struct dmr_system *sys;
	int r;

	r = dmr_dump_parse(cb, tb, DMR_A_SYSTEM, dmr_disk_get_policy);
	if (r || !tb[DMR_A_SYSTEM])
		return r;
	sys = dmr_system_find(nla_data(tb[DMR_A_SYSTEM]), NULL);
	if (!sys)
		return dmr_refuse(cb->extack, tb[DMR_A_SYSTEM], -ENOENT,
				  DM_REPLICA_CODE_NOT_FOUND,
				  "no such system is attached: attach it first");
	/* Not a reference: a dump that nobody reads on must not pin a store. */
	dmr_dump(cb)->only = sys->serial;
	dmr_system_put(sys);
	return 0;
}

/*----------------------------------------------------------------
 * Operations
 *----------------------------------------------------------------*/

/* R11.  The value that stands for "does not care" inside is none to expect. */
static int dmr_expect(struct genl_info *info, int type, u64 *value)
{
	struct nlattr *attr = info->attrs[type];

	*value = ~0ULL;
	if (!attr)
		return 0;
	*value = nla_get_u64(attr);
	if (*value != ~0ULL)
		return 0;
	return dmr_refuse_request(info, attr, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER,
				  "no state has this number: ask for the present one");
}

static int dmr_point_number(struct genl_info *info, struct dmr_op *op)
{
	struct nlattr *attr = info->attrs[DM_REPLICA_A_OP_POINT];

	op->point = nla_get_u64(attr);
	if (op->point)
		return 0;
	return dmr_refuse_request(info, attr, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER,
				  "points are numbered from 1");
}

/* Genetlink lets no family come or go while somebody waits here: not for ever. */
static int dmr_timeout(struct genl_info *info, struct dmr_op *op)
{
	struct nlattr *attr = info->attrs[DM_REPLICA_A_OP_TIMEOUT];

	if (!attr)
		return 0;
	op->timeout = nla_get_u32(attr);
	if (op->timeout <= DM_REPLICA_TIMEOUT_MAX)
		return 0;
	return dmr_refuse_request(info, attr, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER,
				  "a drain may take ten minutes at most");
}

/* The name goes into the superblock, which takes only what can be shown. */
static int dmr_point_name(struct genl_info *info, struct dmr_op *op)
{
	struct nlattr *attr = info->attrs[DM_REPLICA_A_OP_POINT_NAME];

	if (!attr)
		return 0;
	nla_strscpy(op->name, attr, sizeof(op->name));
	if (dmr_point_name_ok(op->name))
		return 0;
	return dmr_refuse_request(info, attr, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER,
				  "a point's name is printable UTF-8 and has no slash");
}

static int dmr_point_new_fill(struct genl_info *info, struct dmr_op *op)
{
	struct nlattr *kind = info->attrs[DM_REPLICA_A_OP_POINT_KIND];

	op->kind = kind ? nla_get_u32(kind) : DM_REPLICA_POINT_KIND_STANDARD;
	return dmr_timeout(info, op) ?: dmr_point_name(info, op);
}

static int dmr_point_del_fill(struct genl_info *info, struct dmr_op *op)
{
	if (!info->attrs[DM_REPLICA_A_OP_POINT])
		return dmr_refuse_missing(info, DM_REPLICA_A_OP_POINT,
					  "say which point, by its number");
	return dmr_point_number(info, op);
}

static int dmr_begin_fill(struct genl_info *info, struct dmr_op *op)
{
	int r = dmr_timeout(info, op);

	if (r || !info->attrs[DM_REPLICA_A_OP_POINT])
		return r;	/* without a point: the newest */
	return dmr_point_number(info, op);
}

static int dmr_end_fill(struct genl_info *info, struct dmr_op *op)
{
	return dmr_timeout(info, op) ?:
	       dmr_expect(info, DM_REPLICA_A_OP_EXPECT_WRITES, &op->expect_writes);
}

/* The attribute that a refusal is about, where the code leaves no doubt. */
static struct nlattr *dmr_blame(struct genl_info *info, const struct dmr_op *op, int r)
{
	/* Every operation's policy goes at least as far as these two. */
	if (r == -ENOENT)
		return info->attrs[DM_REPLICA_A_OP_POINT];
	if (r == -ESTALE && op->expect_writes == ~0ULL)
		return info->attrs[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER];
	return NULL;
}

static void dmr_reply_op(struct sk_buff *msg, void *hdr, struct genl_info *info,
			 const struct dmr_op *op)
{
	bool point = op->type == DM_REPLICA_JOB_TYPE_SNAPSHOT ||
		     op->type == DM_REPLICA_JOB_TYPE_INITIATE_FAILOVER ||
		     op->type == DM_REPLICA_JOB_TYPE_TEST_START;

	/* A new message has room for these. */
	nla_put_u32(msg, DM_REPLICA_A_OP_CODE, op->code);
	if (op->job)
		dmr_put_u64(msg, DM_REPLICA_A_OP_JOB, op->job);
	if (point)
		dmr_put_u64(msg, DM_REPLICA_A_OP_POINT, op->point);
	genlmsg_end(msg, hdr);
	/* An error would say that nothing has happened, so a lost answer is none. */
	genlmsg_reply(msg, info);
	trace_dmr_reply(info->genlhdr->cmd, op->code);
}

/* Ask for an operation and wait for its end. */
static int dmr_operate(struct sk_buff *skb, struct genl_info *info, u32 type,
		       int (*fill)(struct genl_info *info, struct dmr_op *op))
{
	struct dmr_system *sys;
	struct sk_buff *msg;
	struct dmr_op *op;
	void *hdr;
	int r;

	trace_dmr_request(info->genlhdr->cmd);
	r = dmr_refuse_unprivileged(skb, info);
	if (r)
		return r;
	sys = dmr_request_system(info);
	if (IS_ERR(sys))
		return PTR_ERR(sys);
	op = dmr_op_new(sys, type);
	dmr_system_put(sys);
	if (!op)
		return -ENOMEM;
	op->expect_writes = ~0ULL;
	r = dmr_expect(info, DM_REPLICA_A_OP_EXPECT_STATE_NUMBER, &op->expect_state);
	if (!r)
		r = fill(info, op);
	if (r)
		goto out_op;

	/* Before anything happens, so that there is an answer to what has. */
	r = -ENOMEM;
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		goto out_op;
	hdr = genlmsg_put_reply(msg, info, &dmr_family, 0, info->genlhdr->cmd);
	if (!hdr)
		goto out_msg;

	r = dmr_op_run(op);
	if (r == -EINTR || r == -ERESTARTSYS) {
		r = -EINTR;	/* killed; it goes on (R12) and is not ours to look at */
		goto out_msg;
	}
	if (r) {
		dmr_refuse_request(info, dmr_blame(info, op, r), r, op->code, op->msg);
		goto out_msg;
	}
	dmr_reply_op(msg, hdr, info, op);
	dmr_op_put(op);
	return 0;

out_msg:
	nlmsg_free(msg);
out_op:
	dmr_op_put(op);
	return r;
}

static int dmr_point_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DM_REPLICA_JOB_TYPE_SNAPSHOT, dmr_point_new_fill);
}

static int dmr_point_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DM_REPLICA_JOB_TYPE_DELETE_SNAPSHOT, dmr_point_del_fill);
}

static int dmr_failover_initiate_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DM_REPLICA_JOB_TYPE_INITIATE_FAILOVER, dmr_begin_fill);
}

static int dmr_failover_revert_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DM_REPLICA_JOB_TYPE_REVERT_FAILOVER, dmr_end_fill);
}

static int dmr_test_start_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DM_REPLICA_JOB_TYPE_TEST_START, dmr_begin_fill);
}

static int dmr_test_stop_doit(struct sk_buff *skb, struct genl_info *info)
{
	return dmr_operate(skb, info, DM_REPLICA_JOB_TYPE_TEST_STOP, dmr_end_fill);
}

static int dmr_vacuum_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *hold = info->attrs[DM_REPLICA_A_OP_HOLD];
	struct dmr_system *sys;
	int r;

	trace_dmr_request(info->genlhdr->cmd);
	r = dmr_refuse_unprivileged(skb, info);
	if (r)
		return r;
	if (!hold)
		return dmr_refuse_missing(info, DM_REPLICA_A_OP_HOLD,
					  "say 1 to hold the vacuum still, 0 to let it go on");
	sys = dmr_request_system(info);
	if (IS_ERR(sys))
		return PTR_ERR(sys);
	dmr_vacuum_hold(sys, nla_get_u32(hold));
	dmr_system_put(sys);
	trace_dmr_reply(info->genlhdr->cmd, DM_REPLICA_CODE_COMPLETED);
	return 0;
}

/*----------------------------------------------------------------
 * Notifications
 *----------------------------------------------------------------*/

static bool dmr_listeners(u32 group)
{
	return READ_ONCE(dmr_family_up) && genl_has_listeners(&dmr_family, &init_net, group);
}

/* Sends @msg, or frees it; sb_mutex is held. */
static void dmr_notify_system(struct dmr_system *sys, struct sk_buff *msg)
{
	void *hdr = genlmsg_put(msg, 0, 0, &dmr_family, 0, DM_REPLICA_CMD_SYSTEM_NTF);

	if (!smp_load_acquire(&sys->active) || !hdr || dmr_put_system(msg, sys)) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	genlmsg_multicast(&dmr_family, msg, 0, DMR_GROUP_SYSTEMS, GFP_NOIO);
}

/* A notification that waits for sb_mutex. */
struct dmr_notice {
	struct work_struct work;
	struct dmr_system *sys;
	struct sk_buff *msg;
};

static void dmr_notice_work(struct work_struct *work)
{
	struct dmr_notice *n = container_of(work, struct dmr_notice, work);

	mutex_lock(&n->sys->sb_mutex);
	dmr_notify_system(n->sys, n->msg);
	mutex_unlock(&n->sys->sb_mutex);
	dmr_system_put(n->sys);
	kfree(n);
}

/**
 * dmr_netlink_system() - tell who listens what a system is like now
 * @sys: the system, referenced; may be in any phase of its life.
 *
 * Whoever finds that a superblock cannot be written holds sb_mutex and has to
 * say so (R9).  So while somebody holds it the telling is left to a worker.
 *
 * Context: may sleep; any lock may be held but job_mutex.
 */
void dmr_netlink_system(struct dmr_system *sys)
{
	struct dmr_notice *n;
	struct sk_buff *msg;

	if (!dmr_listeners(DMR_GROUP_SYSTEMS))
		return;
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_NOIO);
	if (!msg)
		return;
	if (mutex_trylock(&sys->sb_mutex)) {
		dmr_notify_system(sys, msg);
		mutex_unlock(&sys->sb_mutex);
		return;
	}
	n = kmalloc(sizeof(*n), GFP_NOIO);
	if (!n) {
		nlmsg_free(msg);
		return;
	}
	kref_get(&sys->ref);
	n->sys = sys;
	n->msg = msg;
	INIT_WORK(&n->work, dmr_notice_work);
	queue_work(dmr_ops_wq, &n->work);
}

/**
 * dmr_netlink_job() - tell who listens what a job is like now
 * @job: the job; its system's superblock is in memory.
 *
 * Context: may sleep; takes sb_mutex and job_mutex.
 */
void dmr_netlink_job(struct dmr_job *job)
{
	struct dmr_system *sys = job->sys;
	struct sk_buff *msg;
	void *hdr;
	int r;

	if (!dmr_listeners(DMR_GROUP_JOBS))
		return;
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_NOIO);
	if (!msg)
		return;
	mutex_lock(&sys->sb_mutex);
	hdr = genlmsg_put(msg, 0, 0, &dmr_family, 0, DM_REPLICA_CMD_JOB_NTF);
	mutex_lock(&sys->job_mutex);
	r = hdr ? dmr_put_job(msg, job) : -EMSGSIZE;
	mutex_unlock(&sys->job_mutex);
	if (r) {
		nlmsg_free(msg);
	} else {
		genlmsg_end(msg, hdr);
		genlmsg_multicast(&dmr_family, msg, 0, DMR_GROUP_JOBS, GFP_NOIO);
	}
	mutex_unlock(&sys->sb_mutex);
}

/*----------------------------------------------------------------
 * The family
 *----------------------------------------------------------------*/

static const struct genl_ops dmr_ops[] = {
	{
		.cmd = DM_REPLICA_CMD_SYSTEM_GET,
		.doit = dmr_system_get_doit,
		.start = dmr_dump_all_start,
		.dumpit = dmr_system_get_dumpit,
		.policy = dmr_system_get_policy,
		.maxattr = ARRAY_SIZE(dmr_system_get_policy) - 1,
	},
	{
		.cmd = DM_REPLICA_CMD_DISK_GET,
		.start = dmr_dump_filtered_start,
		.dumpit = dmr_disk_get_dumpit,
		.policy = dmr_disk_get_policy,
		.maxattr = ARRAY_SIZE(dmr_disk_get_policy) - 1,
	},
	{
		.cmd = DM_REPLICA_CMD_POINT_GET,
		.start = dmr_dump_filtered_start,
		.dumpit = dmr_point_get_dumpit,
		.policy = dmr_point_get_policy,
		.maxattr = ARRAY_SIZE(dmr_point_get_policy) - 1,
	},
	{
		.cmd = DM_REPLICA_CMD_POINT_NEW,
		.doit = dmr_point_new_doit,
		.policy = dmr_point_new_policy,
		.maxattr = ARRAY_SIZE(dmr_point_new_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_POINT_DEL,
		.doit = dmr_point_del_doit,
		.policy = dmr_point_del_policy,
		.maxattr = ARRAY_SIZE(dmr_point_del_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_JOB_GET,
		.doit = dmr_job_get_doit,
		.start = dmr_dump_filtered_start,
		.dumpit = dmr_job_get_dumpit,
		.policy = dmr_job_get_policy,
		.maxattr = ARRAY_SIZE(dmr_job_get_policy) - 1,
	},
	{
		.cmd = DM_REPLICA_CMD_FAILOVER_INITIATE,
		.doit = dmr_failover_initiate_doit,
		.policy = dmr_failover_initiate_policy,
		.maxattr = ARRAY_SIZE(dmr_failover_initiate_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_FAILOVER_REVERT,
		.doit = dmr_failover_revert_doit,
		.policy = dmr_failover_revert_policy,
		.maxattr = ARRAY_SIZE(dmr_failover_revert_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_TEST_START,
		.doit = dmr_test_start_doit,
		.policy = dmr_test_start_policy,
		.maxattr = ARRAY_SIZE(dmr_test_start_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_TEST_STOP,
		.doit = dmr_test_stop_doit,
		.policy = dmr_test_stop_policy,
		.maxattr = ARRAY_SIZE(dmr_test_stop_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_VACUUM_SET,
		.doit = dmr_vacuum_set_doit,
		.policy = dmr_vacuum_set_policy,
		.maxattr = ARRAY_SIZE(dmr_vacuum_set_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
};

static const struct genl_multicast_group dmr_groups[] = {
	[DMR_GROUP_SYSTEMS] = {
		.name = DM_REPLICA_MCGRP_SYSTEMS,
		.flags = GENL_MCAST_CAP_SYS_ADMIN,
	},
	[DMR_GROUP_JOBS] = {
		.name = DM_REPLICA_MCGRP_JOBS,
		.flags = GENL_MCAST_CAP_SYS_ADMIN,
	},
};

/* Block devices are not in network namespaces, and operations may take long. */
static struct genl_family dmr_family __ro_after_init = {
	.name = DM_REPLICA_FAMILY_NAME,
	.version = DM_REPLICA_FAMILY_VERSION,
	.netnsok = false,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = dmr_ops,
	.n_ops = ARRAY_SIZE(dmr_ops),
	.mcgrps = dmr_groups,
	.n_mcgrps = ARRAY_SIZE(dmr_groups),
};

/**
 * dmr_netlink_init() - from here on the family answers
 *
 * Context: module initialisation, with the registry and dmr_ops_wq ready.
 * Return: 0 or a negative errno.
 */
int __init dmr_netlink_init(void)
{
	int r = genl_register_family(&dmr_family);

	if (!r)
		WRITE_ONCE(dmr_family_up, true);
	return r;
}

/**
 * dmr_netlink_exit() - the family is gone
 *
 * No handler runs any more when it returns; notifications go nowhere.
 *
 * Context: module exit, or initialisation that failed.
 */
void dmr_netlink_exit(void)
{
	WRITE_ONCE(dmr_family_up, false);
	flush_workqueue(dmr_ops_wq);	/* notifications on their way */
	genl_unregister_family(&dmr_family);
}

MODULE_ALIAS_GENL_FAMILY(DM_REPLICA_FAMILY_NAME);
