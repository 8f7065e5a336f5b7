// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects as netlink attributes: answers with one object, and dumps.
 *
 * Readers never wait for a device that hangs: they do not take op_mutex and sb_mutex,
 * which are held over I/O. They read the superblock that dmr_super_show() has published,
 * for one message in one RCU section, which also keeps the devices.  A dump continues by
 * key.
 */
#include "clock.h"
#include "draft.h"
#include "health.h"
#include "job.h"
#include "netlink.h"
#include "point-size.h"
#include "received.h"
#include "space.h"
#include "system.h"
#include "trace.h"
#include "vacuum.h"

/*----------------------------------------------------------------
 * Objects.  These functions run under RCU, on an active system, and do not sleep.
 *----------------------------------------------------------------*/

const struct nla_policy dmr_disk_get_policy[DM_REPLICA_A_DISK_SYSTEM + 1] = {
	[DM_REPLICA_A_DISK_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
};

const struct nla_policy dmr_point_get_policy[DM_REPLICA_A_POINT_SIZES + 1] = {
	[DM_REPLICA_A_POINT_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_POINT_SIZES] = { .type = NLA_FLAG, },
};

const struct nla_policy dmr_host_get_policy[DM_REPLICA_A_HOST_KEY + 1] = {
	[DM_REPLICA_A_HOST_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_HOST_KEY] = { .type = NLA_NUL_STRING, .len = DMR_HOST_KEY_LEN - 1, },
};

/* A message with the largest entry, its other attributes and the headers. */
#define DMR_HOST_MESSAGE	(DMR_HOST_AREA + 512)

static int dmr_put_disk(struct sk_buff *skb, struct dmr_system *sys, const struct dmr_sb *sb,
			u32 number)
{
	const struct dmr_disk_info *info = &sb->disks[number];
	struct dmr_disk *disk = &sys->disks[number];
	struct gendisk *live = READ_ONCE(disk->gd[DMR_LIVE]);
	struct gendisk *test = READ_ONCE(disk->gd[DMR_TEST]);
	dev_t replica = READ_ONCE(disk->dev[DMR_REPLICA]), home = READ_ONCE(disk->home_dev);

	if (nla_put(skb, DM_REPLICA_A_DISK_SYSTEM, 16, sb->system_uuid) ||
	    nla_put_u32(skb, DM_REPLICA_A_DISK_NUMBER, number) ||
	    nla_put_string(skb, DM_REPLICA_A_DISK_NAME, info->name) ||
	    nla_put(skb, DM_REPLICA_A_DISK_UUID, 16, info->uuid) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_DISK_BYTES, info->sectors << SECTOR_SHIFT) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_DISK_LIVE_BYTES,
			   dmr_nl_overlay_bytes(disk, sb, DMR_LIVE)) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_DISK_TEST_BYTES,
			   dmr_nl_overlay_bytes(disk, sb, DMR_TEST)) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_DISK_ERRORS, atomic64_read(&disk->errors)) ||
	    (atomic_read(&disk->home_lost) && nla_put_flag(skb, DM_REPLICA_A_DISK_LOST_WRITES)))
		return -EMSGSIZE;
	if (home && dmr_nl_put_dev(skb, DM_REPLICA_A_DISK_HOME_MAJOR, home))
		return -EMSGSIZE;
	if (replica && dmr_nl_put_dev(skb, DM_REPLICA_A_DISK_REPLICA_MAJOR, replica))
		return -EMSGSIZE;
	if (live &&
	    (dmr_nl_put_dev(skb, DM_REPLICA_A_DISK_LIVE_MAJOR, disk_devt(live)) ||
	     nla_put_u32(skb, DM_REPLICA_A_DISK_LIVE_OPENERS, disk_openers(live))))
		return -EMSGSIZE;
	if (test &&
	    (dmr_nl_put_dev(skb, DM_REPLICA_A_DISK_TEST_MAJOR, disk_devt(test)) ||
	     nla_put_u32(skb, DM_REPLICA_A_DISK_TEST_OPENERS, disk_openers(test))))
		return -EMSGSIZE;
	return 0;
}

static int dmr_put_views(struct sk_buff *skb, struct dmr_system *sys, u64 point)
{
	char name[DMR_VIEW_NAME_LEN];
	u32 kind;

	for (kind = DMR_READER; kind < DMR_VIEWS; kind++)
		if (dmr_point_view_shows(sys, kind, point, name) &&
		    nla_put_string(skb, DM_REPLICA_A_POINT_VIEW, name))
			return -EMSGSIZE;
	return 0;
}

static int dmr_put_point(struct sk_buff *skb, struct dmr_system *sys, const struct dmr_sb *sb,
			 u32 i, const struct dmr_point_sizes *sizes)
{
	const struct dmr_point *p = &sb->points[i];

	if (nla_put(skb, DM_REPLICA_A_POINT_SYSTEM, 16, sb->system_uuid) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_POINT_NUMBER, p->number) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_POINT_TIME, p->time) ||
	    nla_put_u32(skb, DM_REPLICA_A_POINT_KIND, p->kind) ||
	    (p->name[0] && nla_put_string(skb, DM_REPLICA_A_POINT_NAME, p->name)) ||
	    nla_put_u32(skb, DM_REPLICA_A_POINT_IN_USE, dmr_draft_point_held(sys, sb, p)) ||
	    (p->arrived && dmr_nl_put_u64(skb, DM_REPLICA_A_POINT_ARRIVED, p->arrived)) ||
	    dmr_nl_put_holders(skb, sb, p) || dmr_put_views(skb, sys, p->number))
		return -EMSGSIZE;
	for (i = 0; sizes && i < sizes->nr; i++)
		if (sizes->epochs[i] == p->epoch)
			return dmr_nl_put_u64(skb, DM_REPLICA_A_POINT_BYTES, sizes->bytes[i]);
	return 0;
}

/*
 * Called with jobs.mutex held, not under RCU. So of the superblock, read only the
 * constant members UUID and name, and one word with READ_ONCE().
 */
int dmr_nl_put_job(struct sk_buff *skb, const struct dmr_job *job, u32 state)
{
	const struct dmr_sb *sb = job->sys->sb;
	bool waits = state == DM_REPLICA_JOB_STATE_NEW;
	bool ended = state >= DM_REPLICA_JOB_STATE_COMPLETED;
	u64 elapsed = ktime_to_ns(ktime_sub(ended ? job->ended : ktime_get(), job->begun));
	/* A removal cannot be undone. */
	bool cancellable = waits || (job->home && !ended &&
				     READ_ONCE(sb->state) == DM_REPLICA_STATE_COMMITTED);

	lockdep_assert_held(&job->sys->jobs.mutex);
	if (nla_put(skb, DM_REPLICA_A_JOB_SYSTEM, 16, sb->system_uuid) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_JOB_ID, job->id) ||
	    nla_put(skb, DM_REPLICA_A_JOB_UUID, 16, job->uuid) ||
	    nla_put_u32(skb, DM_REPLICA_A_JOB_TYPE, job->type) ||
	    nla_put_u32(skb, DM_REPLICA_A_JOB_STATE, state) ||
	    nla_put_u32(skb, DM_REPLICA_A_JOB_PERCENT, job->percent) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_JOB_START_TIME, job->start) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_JOB_ELAPSED, elapsed) ||
	    (ended && nla_put_u32(skb, DM_REPLICA_A_JOB_CODE, job->code)) ||
	    nla_put_string(skb, DM_REPLICA_A_JOB_TEXT, job->text) ||
	    nla_put_u32(skb, DM_REPLICA_A_JOB_CANCELLABLE, cancellable) ||
	    nla_put_string(skb, DM_REPLICA_A_JOB_SYSTEM_NAME, sb->name))
		return -EMSGSIZE;
	if (job->decided && (nla_put_u32(skb, DM_REPLICA_A_JOB_ANSWER, job->answer) ||
			     (job->err && nla_put_u32(skb, DM_REPLICA_A_JOB_ERRNO, -job->err)) ||
			     (job->point &&
			      dmr_nl_put_u64(skb, DM_REPLICA_A_JOB_POINT, job->point))))
		return -EMSGSIZE;
	if (job->home && (dmr_nl_put_u64(skb, DM_REPLICA_A_JOB_BYTES, job->bytes) ||
			  dmr_nl_put_u64(skb, DM_REPLICA_A_JOB_BYTES_TOTAL, job->bytes_total)))
		return -EMSGSIZE;
	if (job->owner.known &&
	    (nla_put_u32(skb, DM_REPLICA_A_JOB_OWNER_UID, job->owner.uid) ||
	     nla_put_string(skb, DM_REPLICA_A_JOB_OWNER_COMM, job->owner.comm)))
		return -EMSGSIZE;
	if (job->owner.known && job->owner.login != DMR_NO_LOGIN &&
	    nla_put_u32(skb, DM_REPLICA_A_JOB_OWNER_LOGIN_UID, job->owner.login))
		return -EMSGSIZE;
	if ((job->discarded && dmr_nl_put_u64(skb, DM_REPLICA_A_JOB_DISCARDED, job->discarded)) ||
	    (job->dropped && nla_put_u32(skb, DM_REPLICA_A_JOB_POINTS_DROPPED, job->dropped)))
		return -EMSGSIZE;
	if (job->state_number &&
	    (dmr_nl_put_u64(skb, DM_REPLICA_A_JOB_STATE_NUMBER, job->state_number) ||
	     nla_put_u32(skb, DM_REPLICA_A_JOB_SYSTEM_STATE, job->system_state) ||
	     nla_put_u32(skb, DM_REPLICA_A_JOB_SYSTEM_WAS, job->system_was) ||
	     (job->outcome && nla_put_string(skb, DM_REPLICA_A_JOB_OUTCOME, job->outcome))))
		return -EMSGSIZE;
	return 0;
}

static int dmr_put_settings(struct sk_buff *skb, struct dmr_system *sys, const struct dmr_sb *sb)
{
	const struct dmr_settings *set = &sb->settings;
	u64 point, by;

	dmr_clock_jump(sys, &point, &by);
	if (point && (dmr_nl_put_u64(skb, DM_REPLICA_A_SETTINGS_JUMP_POINT, point) ||
		      dmr_nl_put_u64(skb, DM_REPLICA_A_SETTINGS_JUMP_BY, by)))
		return -EMSGSIZE;
	if (nla_put(skb, DM_REPLICA_A_SETTINGS_SYSTEM, 16, sb->system_uuid) ||
	    nla_put_u32(skb, DM_REPLICA_A_SETTINGS_SPACE_LOW, set->space_low) ||
	    nla_put_u32(skb, DM_REPLICA_A_SETTINGS_SPACE_CRITICAL, set->space_critical) ||
	    nla_put_u32(skb, DM_REPLICA_A_SETTINGS_FULL_POLICY, set->full_policy) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SETTINGS_LIVE_RESERVE, set->live_reserve) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SETTINGS_POINT_INTERVAL, set->point_interval) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SETTINGS_DECIDE_WITHIN, set->decide_within) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SETTINGS_VACUUM_RATE, set->vacuum_rate) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SETTINGS_REPLICATION_INTERVAL,
			   set->replication_interval))
		return -EMSGSIZE;
	return 0;
}

static int dmr_put_host(struct sk_buff *skb, const struct dmr_sb *sb,
			const struct dmr_host_entry *entry)
{
	char key[DMR_HOST_KEY_LEN];

	memcpy(key, entry->key, entry->key_bytes);
	key[entry->key_bytes] = 0;
	if (nla_put(skb, DM_REPLICA_A_HOST_SYSTEM, 16, sb->system_uuid) ||
	    nla_put_string(skb, DM_REPLICA_A_HOST_KEY, key) ||
	    nla_put(skb, DM_REPLICA_A_HOST_VALUE, entry->value_bytes, entry->value))
		return -EMSGSIZE;
	return 0;
}

/*----------------------------------------------------------------
 * Reading one object
 *----------------------------------------------------------------*/

/*
 * Send one system, its settings, or one of its jobs if @job is not NULL, as the answer.
 */
static int dmr_reply_object(struct genl_info *info, struct dmr_system *sys, struct dmr_job *job,
			    int (*put)(struct sk_buff *skb, struct dmr_system *sys,
				       const struct dmr_sb *sb),
			    const struct nlattr *attr)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *hdr;
	int r;

	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, dmr_nl_family, 0, info->genlhdr->cmd);
	if (!hdr) {
		r = -EMSGSIZE;
		goto bad;
	}
	if (!dmr_loaded(sys)) {
		r = dmr_nl_refuse_unknown(info, attr);
	} else if (job) {
		mutex_lock(&sys->jobs.mutex);
		r = dmr_nl_put_job(msg, job, job->state);
		mutex_unlock(&sys->jobs.mutex);
	} else {
		rcu_read_lock();
		r = put(msg, sys, dmr_shown(sys));
		rcu_read_unlock();
	}
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

int dmr_nl_system_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *uuid = info->attrs[DM_REPLICA_A_SYSTEM_UUID];
	struct nlattr *name = info->attrs[DM_REPLICA_A_SYSTEM_NAME];
	struct dmr_system *sys;
	int r;

	trace_dmr_request(info->genlhdr->cmd);
	if (uuid && name)
		return dmr_nl_refuse_request(info, name, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER,
					  "give the system's UUID or its name, not both");
	if (!uuid && !name)
		return dmr_nl_refuse_missing(info, DM_REPLICA_A_SYSTEM_UUID,
					  "name the system by UUID or by name");
	sys = dmr_system_find(uuid ? nla_data(uuid) : NULL, name ? nla_data(name) : NULL);
	if (!sys)
		return dmr_nl_refuse_unknown(info, uuid ?: name);
	r = dmr_reply_object(info, sys, NULL, dmr_nl_put_system, uuid ?: name);
	dmr_system_put(sys);
	return r;
}

int dmr_nl_job_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *id = info->attrs[DM_REPLICA_A_JOB_ID];
	struct dmr_system *sys;
	struct dmr_job *job;
	int r;

	trace_dmr_request(info->genlhdr->cmd);
	if (!id)
		return dmr_nl_refuse_missing(info, DM_REPLICA_A_JOB_ID, "name the job by its id");
	sys = dmr_nl_request_system(info);
	if (IS_ERR(sys))
		return PTR_ERR(sys);
	job = dmr_job_find(sys, nla_get_u64(id));
	if (job)
		r = dmr_reply_object(info, sys, job, NULL, info->attrs[DM_REPLICA_A_JOB_SYSTEM]);
	else
		r = dmr_nl_refuse_request(info, id, -ENOENT, DM_REPLICA_CODE_NOT_FOUND,
				       "no such job: ended jobs are listed for five minutes");
	dmr_job_put(job);
	dmr_system_put(sys);
	return r;
}

int dmr_nl_settings_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct dmr_system *sys;
	int r;

	trace_dmr_request(info->genlhdr->cmd);
	sys = dmr_nl_request_system(info);
	if (IS_ERR(sys))
		return PTR_ERR(sys);
	r = dmr_reply_object(info, sys, NULL, dmr_put_settings,
			     info->attrs[DM_REPLICA_A_SETTINGS_SYSTEM]);
	dmr_system_put(sys);
	return r;
}

/* One entry, by its key. */
int dmr_nl_host_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *attr = info->attrs[DM_REPLICA_A_HOST_KEY];
	struct dmr_host_entry entry;
	struct dmr_system *sys;
	const struct dmr_sb *sb;
	struct sk_buff *msg;
	void *hdr;
	int r;

	trace_dmr_request(info->genlhdr->cmd);
	if (!attr)
		return dmr_nl_refuse_missing(info, DM_REPLICA_A_HOST_KEY,
					     "name the entry by its key");
	sys = dmr_nl_request_system(info);
	if (IS_ERR(sys))
		return PTR_ERR(sys);
	r = -ENOMEM;
	msg = genlmsg_new(DMR_HOST_MESSAGE, GFP_KERNEL);
	if (!msg)
		goto out;
	hdr = genlmsg_put_reply(msg, info, dmr_nl_family, 0, info->genlhdr->cmd);
	r = hdr ? -ENODEV : -EMSGSIZE;
	if (hdr && dmr_loaded(sys)) {
		r = -ENOENT;
		rcu_read_lock();
		sb = dmr_shown(sys);
		if (dmr_host_find(&sb->host, nla_data(attr), strlen(nla_data(attr)), &entry))
			r = dmr_put_host(msg, sb, &entry);
		rcu_read_unlock();
	}
	if (r) {
		nlmsg_free(msg);
		if (r == -ENODEV)
			r = dmr_nl_refuse_unknown(info, info->attrs[DM_REPLICA_A_HOST_SYSTEM]);
		else if (r == -ENOENT)
			dmr_nl_refuse_request(info, attr, -ENOENT, DM_REPLICA_CODE_NOT_FOUND,
					      "nothing is set under this key");
		goto out;
	}
	genlmsg_end(msg, hdr);
	r = genlmsg_reply(msg, info);
	trace_dmr_reply(info->genlhdr->cmd, r ? DM_REPLICA_CODE_FAILED :
					       DM_REPLICA_CODE_COMPLETED);
out:
	dmr_system_put(sys);
	return r;
}

/*----------------------------------------------------------------
 * Dumps
 *----------------------------------------------------------------*/

/**
 * struct dmr_dump - state of a dump between two messages
 * @only: serial of the requested system, 0 for all systems.
 * @serial: of the next system; those before it are done.
 * @key: next object of that system: first disk number, point number or job id that is not
 * done.
 * @state_number: of the system at its first message.
 * @sizes: of points; NULL if not requested.
 * @torn: number of times that a list changed during the dump.
 */
struct dmr_dump {
	u64 only;
	u64 serial;
	u64 key;
	u64 state_number;
	struct dmr_point_sizes *sizes;
	u32 torn;
};

static_assert(sizeof(struct dmr_dump) <= sizeof_field(struct netlink_callback, ctx));

static struct dmr_dump *dmr_dump(struct netlink_callback *cb)
{
	return (struct dmr_dump *)cb->ctx;
}

/* Never 0, which marks the first message of a dump. */
static void dmr_dump_seq(struct netlink_callback *cb)
{
	cb->seq = READ_ONCE(dmr_registry_seq) + dmr_dump(cb)->torn + 1;
}

/* Flag a dump as torn if an operation has changed the list since its first message. */
static void dmr_dump_same(struct netlink_callback *cb, const struct dmr_sb *sb)
{
	struct dmr_dump *d = dmr_dump(cb);

	if (d->key && d->state_number != sb->state_number) {
		d->torn++;
		dmr_dump_seq(cb);
	}
	d->state_number = sb->state_number;
}

/* Begin an entry of a dump. */
static void *dmr_entry(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, dmr_nl_family,
				NLM_F_MULTI, cmd);

	if (hdr)
		genl_dump_check_consistent(cb, hdr);
	return hdr;
}

/* End an entry, or remove it if it did not fit. */
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

/*
 * List the objects of a system, from the key on; under RCU, except for jobs, which need
 * no @sb.  Return: -EMSGSIZE if the message is full.
 */
typedef int (*dmr_list_fn)(struct sk_buff *skb, struct netlink_callback *cb,
			   struct dmr_system *sys, const struct dmr_sb *sb);

static int dmr_list_system(struct sk_buff *skb, struct netlink_callback *cb,
			   struct dmr_system *sys, const struct dmr_sb *sb)
{
	void *hdr = dmr_entry(skb, cb, DM_REPLICA_CMD_SYSTEM_GET);

	if (!hdr)
		return -EMSGSIZE;
	return dmr_entry_end(skb, cb, hdr, dmr_nl_put_system(skb, sys, sb), 0);
}

static int dmr_list_disks(struct sk_buff *skb, struct netlink_callback *cb,
			  struct dmr_system *sys, const struct dmr_sb *sb)
{
	void *hdr;
	u32 i;
	int r;

	for (i = dmr_dump(cb)->key; i < sb->nr_disks; i++) {
		hdr = dmr_entry(skb, cb, DM_REPLICA_CMD_DISK_GET);
		if (!hdr)
			return -EMSGSIZE;
		r = dmr_entry_end(skb, cb, hdr, dmr_put_disk(skb, sys, sb, i), i);
		if (r)
			return r;
	}
	return 0;
}

static int dmr_list_points(struct sk_buff *skb, struct netlink_callback *cb,
			   struct dmr_system *sys, const struct dmr_sb *sb)
{
	const struct dmr_point_sizes *sizes = dmr_dump(cb)->sizes;
	void *hdr;
	u32 i;
	int r;

	dmr_dump_same(cb, sb);
	for (i = 0; i < sb->nr_points; i++) {
		u64 number = sb->points[i].number;

		if (number < dmr_dump(cb)->key)
			continue;
		hdr = dmr_entry(skb, cb, DM_REPLICA_CMD_POINT_GET);
		if (!hdr)
			return -EMSGSIZE;
		r = dmr_entry_end(skb, cb, hdr, dmr_put_point(skb, sys, sb, i, sizes), number);
		if (r)
			return r;
	}
	return 0;
}

static int dmr_list_jobs(struct sk_buff *skb, struct netlink_callback *cb,
			 struct dmr_system *sys, const struct dmr_sb *sb)
{
	struct dmr_job *job;
	void *hdr;
	int r = 0;

	mutex_lock(&sys->jobs.mutex);
	list_for_each_entry(job, &sys->jobs.list, list) {	/* by rising id */
		if (job->id < dmr_dump(cb)->key)
			continue;
		hdr = dmr_entry(skb, cb, DM_REPLICA_CMD_JOB_GET);
		r = -EMSGSIZE;
		if (hdr)
			r = dmr_entry_end(skb, cb, hdr, dmr_nl_put_job(skb, job, job->state),
					  job->id);
		if (r)
			break;
	}
	mutex_unlock(&sys->jobs.mutex);
	return r;
}

/*
 * Continue by key, not by place in a list: systems, points and jobs come and go between
 * two messages.  The registry lists systems by rising serial.
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
		if (d->sizes && d->sizes->serial != sys->serial)
			dmr_point_size_count(sys, d->sizes);
		if (dmr_loaded(sys) && list == dmr_list_jobs) {
			r = list(skb, cb, sys, NULL);	/* takes jobs.mutex */
		} else if (dmr_loaded(sys)) {
			rcu_read_lock();
			r = list(skb, cb, sys, dmr_shown(sys));
			rcu_read_unlock();
		}
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

static int dmr_list_settings(struct sk_buff *skb, struct netlink_callback *cb,
			     struct dmr_system *sys, const struct dmr_sb *sb)
{
	void *hdr = dmr_entry(skb, cb, DM_REPLICA_CMD_SETTINGS_GET);

	if (!hdr)
		return -EMSGSIZE;
	return dmr_entry_end(skb, cb, hdr, dmr_put_settings(skb, sys, sb), 0);
}

static int dmr_list_host(struct sk_buff *skb, struct netlink_callback *cb,
			 struct dmr_system *sys, const struct dmr_sb *sb)
{
	struct dmr_host_entry entry;
	u32 at = 0, i;
	void *hdr;
	int r;

	/* Continue by place; dmr_dump_same() flags an entry that comes or goes in between. */
	dmr_dump_same(cb, sb);
	for (i = 0; dmr_host_next(&sb->host, &at, &entry); i++) {
		if (i < dmr_dump(cb)->key)
			continue;
		hdr = dmr_entry(skb, cb, DM_REPLICA_CMD_HOST_GET);
		if (!hdr)
			return -EMSGSIZE;
		r = dmr_entry_end(skb, cb, hdr, dmr_put_host(skb, sb, &entry), i);
		if (r)
			return r;
	}
	return 0;
}

static int dmr_list_peers(struct sk_buff *skb, struct netlink_callback *cb,
			  struct dmr_system *sys, const struct dmr_sb *sb)
{
	u32 used = dmr_replication_peers(&sb->replication), i;
	void *hdr;
	int r;

	dmr_dump_same(cb, sb);
	for (i = dmr_dump(cb)->key; i < DMR_PEERS; i++) {
		if (!(used >> i & 1))
			continue;
		hdr = dmr_entry(skb, cb, DM_REPLICA_CMD_PEER_GET);
		if (!hdr)
			return -EMSGSIZE;
		r = dmr_entry_end(skb, cb, hdr, dmr_nl_put_peer(skb, sb, i), i);
		if (r)
			return r;
	}
	return 0;
}

static int dmr_list_generations(struct sk_buff *skb, struct netlink_callback *cb,
				struct dmr_system *sys, const struct dmr_sb *sb)
{
	u32 i;
	void *hdr;
	int r;

	dmr_dump_same(cb, sb);
	for (i = dmr_dump(cb)->key; i < sb->replication.nr_generations; i++) {
		hdr = dmr_entry(skb, cb, DM_REPLICA_CMD_GENERATION_GET);
		if (!hdr)
			return -EMSGSIZE;
		r = dmr_entry_end(skb, cb, hdr, dmr_nl_put_generation(skb, sb, i), i);
		if (r)
			return r;
	}
	return 0;
}

int dmr_nl_system_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dmr_dump_systems(skb, cb, dmr_list_system);
}

int dmr_nl_disk_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dmr_dump_systems(skb, cb, dmr_list_disks);
}

int dmr_nl_point_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dmr_dump_systems(skb, cb, dmr_list_points);
}

int dmr_nl_job_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dmr_dump_systems(skb, cb, dmr_list_jobs);
}

int dmr_nl_settings_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dmr_dump_systems(skb, cb, dmr_list_settings);
}

int dmr_nl_host_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dmr_dump_systems(skb, cb, dmr_list_host);
}

int dmr_nl_peer_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dmr_dump_systems(skb, cb, dmr_list_peers);
}

int dmr_nl_generation_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dmr_dump_systems(skb, cb, dmr_list_generations);
}

/*
 * A command has one policy for do and dump, and kernels keep its parsed attributes in
 * different places.  So the dump parses its @max attributes itself, as strictly as
 * genetlink has done before.  Kernels before 6.7 have no extack here: they refuse with an
 * errno alone.
 */
static int dmr_dump_parse(struct netlink_callback *cb, struct nlattr **tb, int max,
			  const struct nla_policy *policy)
{
	return nlmsg_parse(cb->nlh, GENL_HDRLEN, tb, max, policy, cb->extack);
}

/* Start a dump of all systems, without attributes. */
int dmr_nl_dump_all_start(struct netlink_callback *cb)
{
	struct nlattr *tb[1];

	return dmr_dump_parse(cb, tb, 0, NULL);
}

/* Restrict a dump to the system that @attr names, if it is given. */
static int dmr_dump_only(struct netlink_callback *cb, struct nlattr *attr)
{
	struct dmr_system *sys;

	if (!attr)
		return 0;
	sys = dmr_system_find(nla_data(attr), NULL);
	if (!sys)
		return dmr_nl_refuse(cb->extack, attr, -ENOENT, DM_REPLICA_CODE_NOT_FOUND,
				     "no such system is attached: attach it first");
	/* No reference: an abandoned dump must not pin a store. */
	dmr_dump(cb)->only = sys->serial;
	dmr_system_put(sys);
	return 0;
}

/* Start a dump of all systems or of one. */
int dmr_nl_dump_filtered_start(struct netlink_callback *cb)
{
	struct nlattr *tb[DMR_A_SYSTEM + 1];
	int r;

	r = dmr_dump_parse(cb, tb, DMR_A_SYSTEM, dmr_disk_get_policy);
	return r ?: dmr_dump_only(cb, tb[DMR_A_SYSTEM]);
}

/* The same, with messages that the largest entry fits into, instead of a page. */
int dmr_nl_host_get_start(struct netlink_callback *cb)
{
	cb->min_dump_alloc = DMR_HOST_MESSAGE;
	return dmr_nl_dump_filtered_start(cb);
}

/* The same, with sizes on request. */
int dmr_nl_point_get_start(struct netlink_callback *cb)
{
	struct nlattr *tb[DM_REPLICA_A_POINT_SIZES + 1];
	int r;

	r = dmr_dump_parse(cb, tb, DM_REPLICA_A_POINT_SIZES, dmr_point_get_policy);
	if (r)
		return r;
	r = dmr_dump_only(cb, tb[DM_REPLICA_A_POINT_SYSTEM]);
	if (r || !nla_get_flag(tb[DM_REPLICA_A_POINT_SIZES]))
		return r;
	/* Sizes take a walk over the whole map, so they are privileged. */
	if (!netlink_capable(cb->skb, CAP_SYS_ADMIN))
		return dmr_nl_refuse(cb->extack, tb[DM_REPLICA_A_POINT_SIZES], -EPERM,
				     DM_REPLICA_CODE_ACCESS_DENIED,
				     "sizes need CAP_SYS_ADMIN: run it as root");
	dmr_dump(cb)->sizes = kvzalloc(sizeof(struct dmr_point_sizes), GFP_KERNEL);
	return dmr_dump(cb)->sizes ? 0 : -ENOMEM;
}

int dmr_nl_point_get_done(struct netlink_callback *cb)
{
	kvfree(dmr_dump(cb)->sizes);
	return 0;
}
