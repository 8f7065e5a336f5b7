/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the parts of the netlink family: requests and their answers. */
#ifndef DMR_NETLINK_H
#define DMR_NETLINK_H

#include <net/genetlink.h>

#include "disk.h"
#include "event.h"
#include "../uapi/dm-replica.h"

struct dmr_job;
struct dmr_op;
struct dmr_point;
struct dmr_sb;
struct dmr_system;

/* genl.c */
int dmr_genl_init(void);
void dmr_genl_exit(void);

/* netlink-request.c: the family, which genl.c registers */
extern struct genl_family *dmr_nl_family;
extern bool dmr_genl_up;

enum { DMR_GROUP_SYSTEMS, DMR_GROUP_JOBS };

/* Padding and the system's UUID have the same numbers in every set of attributes. */
#define DMR_A_PAD	((int)DM_REPLICA_A_SYSTEM_PAD)
#define DMR_A_SYSTEM	((int)DM_REPLICA_A_DISK_SYSTEM)

static inline int dmr_nl_put_u64(struct sk_buff *skb, int attr, u64 value)
{
	return nla_put_u64_64bit(skb, attr, value, DMR_A_PAD);
}

/* The attribute of a minor always follows that of its major. */
static inline int dmr_nl_put_dev(struct sk_buff *skb, int major_attr, dev_t dev)
{
	return nla_put_u32(skb, major_attr, MAJOR(dev)) ?:
	       nla_put_u32(skb, major_attr + 1, MINOR(dev));
}

/* netlink-request.c: refusals; the texts are constant */
int dmr_nl_refuse(struct netlink_ext_ack *extack, const struct nlattr *attr, int err,
		  u32 code, const char *text);
int dmr_nl_refuse_request(struct genl_info *info, const struct nlattr *attr, int err,
			  u32 code, const char *text);
int dmr_nl_refuse_op(struct genl_info *info, const struct nlattr *attr, int err, u32 code,
		     const char *text);
void dmr_nl_refuse_point(struct genl_info *info, u64 number, const char *text);
int dmr_nl_refuse_missing(struct genl_info *info, u32 attr, const char *text);
int dmr_nl_refuse_unknown(struct genl_info *info, const struct nlattr *attr);
int dmr_nl_refuse_unprivileged(struct sk_buff *skb, struct genl_info *info);
struct dmr_system *dmr_nl_request_system(struct genl_info *info);

/* netlink-request.c: read the fields of a verb; 0, or the request is refused */
int dmr_nl_expect(struct genl_info *info, int type, u64 *value);
int dmr_nl_point_new_fill(struct genl_info *info, struct dmr_op *op);
int dmr_nl_point_del_fill(struct genl_info *info, struct dmr_op *op);
int dmr_nl_point_release_fill(struct genl_info *info, struct dmr_op *op);
int dmr_nl_point_hold_fill(struct genl_info *info, struct dmr_op *op);
int dmr_nl_peer_fill(struct genl_info *info, struct dmr_op *op);
int dmr_nl_peer_add_fill(struct genl_info *info, struct dmr_op *op);
int dmr_nl_point_open_fill(struct genl_info *info, struct dmr_op *op);
int dmr_nl_point_close_fill(struct genl_info *info, struct dmr_op *op);
int dmr_nl_timeout_fill(struct genl_info *info, struct dmr_op *op);
int dmr_nl_overlay_begin_fill(struct genl_info *info, struct dmr_op *op);
int dmr_nl_overlay_end_fill(struct genl_info *info, struct dmr_op *op);
int dmr_nl_remove_fill(struct genl_info *info, struct dmr_op *op);
int dmr_nl_errors_reset_fill(struct genl_info *info, struct dmr_op *op);
int dmr_nl_plain_fill(struct genl_info *info, struct dmr_op *op);
int dmr_nl_job_cancel_fill(struct genl_info *info, struct dmr_op *op);
int dmr_nl_settings_fill(struct genl_info *info, struct dmr_op *op);
int dmr_nl_host_set_fill(struct genl_info *info, struct dmr_op *op);
int dmr_nl_point_name_fill(struct genl_info *info, struct dmr_op *op);
int dmr_nl_point_drops_fill(struct genl_info *info, struct dmr_op *op);

/* netlink-object.c: policies, for genl.c and its own dumps */
extern const struct nla_policy dmr_disk_get_policy[DM_REPLICA_A_DISK_SYSTEM + 1];
extern const struct nla_policy dmr_point_get_policy[DM_REPLICA_A_POINT_SIZES + 1];
extern const struct nla_policy dmr_host_get_policy[DM_REPLICA_A_HOST_KEY + 1];

/* netlink-extent.c */
extern const struct nla_policy dmr_extent_get_policy[DM_REPLICA_A_EXTENT_START + 1];
int dmr_nl_extent_get_start(struct netlink_callback *cb);
int dmr_nl_extent_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int dmr_nl_extent_get_done(struct netlink_callback *cb);

/* netlink.c: changes */
int dmr_nl_point_new_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_point_del_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_point_open_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_point_close_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_failover_initiate_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_failover_revert_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_test_start_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_test_stop_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_failover_commit_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_replication_suspend_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_replication_resume_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_relationship_remove_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_store_grow_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_home_move_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_settings_set_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_host_set_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_job_set_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_vacuum_set_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_replication_heartbeat_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_errors_reset_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_point_hold_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_point_release_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_peer_add_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_peer_del_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_receive_begin_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_receive_end_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_receive_abort_doit(struct sk_buff *skb, struct genl_info *info);

/* netlink-system.c: objects; between rcu_read_lock() and _unlock(), the system is active */
int dmr_nl_put_system(struct sk_buff *skb, struct dmr_system *sys, const struct dmr_sb *sb);
u64 dmr_nl_overlay_bytes(struct dmr_disk *disk, const struct dmr_sb *sb, enum dmr_kind kind);

/* netlink-object.c: the same */
int dmr_nl_put_job(struct sk_buff *skb, const struct dmr_job *job, u32 state);

/* netlink-peer.c: the same */
int dmr_nl_put_peer(struct sk_buff *skb, const struct dmr_sb *sb, u32 place);
int dmr_nl_put_holders(struct sk_buff *skb, const struct dmr_sb *sb,
		       const struct dmr_point *point);

/* netlink-receive.c: the same, and the fields of its verbs */
int dmr_nl_put_stream(struct sk_buff *skb, struct dmr_system *sys, const struct dmr_sb *sb);
int dmr_nl_put_generation(struct sk_buff *skb, const struct dmr_sb *sb, u32 place);
int dmr_nl_receive_begin_fill(struct genl_info *info, struct dmr_op *op);
int dmr_nl_receive_end_fill(struct genl_info *info, struct dmr_op *op);
int dmr_nl_receive_abort_fill(struct genl_info *info, struct dmr_op *op);
int dmr_nl_receive_mark_doit(struct sk_buff *skb, struct genl_info *info);

/* notify.c */
void dmr_notify_system(struct dmr_system *sys);
void dmr_notify_gone(struct dmr_system *sys);
void dmr_notify_job(struct dmr_job *job, enum dmr_event_kind kind);

/* netlink-object.c: reading */
int dmr_nl_system_get_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_job_get_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_settings_get_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_host_get_doit(struct sk_buff *skb, struct genl_info *info);
int dmr_nl_dump_all_start(struct netlink_callback *cb);
int dmr_nl_dump_filtered_start(struct netlink_callback *cb);
int dmr_nl_point_get_start(struct netlink_callback *cb);
int dmr_nl_point_get_done(struct netlink_callback *cb);
int dmr_nl_host_get_start(struct netlink_callback *cb);
int dmr_nl_system_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int dmr_nl_disk_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int dmr_nl_point_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int dmr_nl_job_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int dmr_nl_settings_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int dmr_nl_host_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int dmr_nl_peer_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int dmr_nl_generation_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);

#endif /* DMR_NETLINK_H */
