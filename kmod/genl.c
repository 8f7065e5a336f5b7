// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generic netlink family: its policies, commands and groups.
 *
 * Documentation/netlink/specs/dm_replica.yaml specifies it; scripts/check-spec compares
 * the two.
 */
#include <linux/module.h>

#include "event.h"
#include "netlink.h"
#include "queue.h"
#include "receiver.h"

static_assert(DM_REPLICA_A_DISK_PAD == DMR_A_PAD && DM_REPLICA_A_POINT_PAD == DMR_A_PAD &&
	      DM_REPLICA_A_JOB_PAD == DMR_A_PAD && DM_REPLICA_A_OP_PAD == DMR_A_PAD &&
	      DM_REPLICA_A_SETTINGS_PAD == DMR_A_PAD && DM_REPLICA_A_HOST_PAD == DMR_A_PAD &&
	      DM_REPLICA_A_PEER_PAD == DMR_A_PAD && DM_REPLICA_A_EXTENT_PAD == DMR_A_PAD &&
	      DM_REPLICA_A_GENERATION_PAD == DMR_A_PAD &&
	      DM_REPLICA_A_RUN_PAD == DMR_A_PAD);
static_assert(DM_REPLICA_A_POINT_SYSTEM == DMR_A_SYSTEM &&
	      DM_REPLICA_A_JOB_SYSTEM == DMR_A_SYSTEM && DM_REPLICA_A_OP_SYSTEM == DMR_A_SYSTEM &&
	      DM_REPLICA_A_SETTINGS_SYSTEM == DMR_A_SYSTEM &&
	      DM_REPLICA_A_HOST_SYSTEM == DMR_A_SYSTEM &&
	      DM_REPLICA_A_PEER_SYSTEM == DMR_A_SYSTEM &&
	      DM_REPLICA_A_GENERATION_SYSTEM == DMR_A_SYSTEM &&
	      DM_REPLICA_A_EXTENT_SYSTEM == DMR_A_SYSTEM);

static const struct nla_policy dmr_system_get_policy[DM_REPLICA_A_SYSTEM_NAME + 1] = {
	[DM_REPLICA_A_SYSTEM_UUID] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_SYSTEM_NAME] = { .type = NLA_NUL_STRING, .len = DMR_NAME_LEN - 1, },
};

static const struct nla_policy dmr_point_new_policy[DM_REPLICA_A_OP_PEER + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_POINT_KIND] = NLA_POLICY_RANGE(NLA_U32, 1, 3),
	[DM_REPLICA_A_OP_POINT_NAME] = { .type = NLA_NUL_STRING, .len = DMR_POINT_NAME_LEN - 1, },
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
	[DM_REPLICA_A_OP_RECEIVED] = { .type = NLA_FLAG, },
	[DM_REPLICA_A_OP_DROP] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_PEER] = { .type = NLA_NUL_STRING, .len = DMR_PEER_NAME_LEN - 1, },
};

static const struct nla_policy dmr_point_del_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_POINT] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_point_open_policy[DM_REPLICA_A_OP_VIEW + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_POINT] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_WAIT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
	[DM_REPLICA_A_OP_VIEW] = { .type = NLA_NUL_STRING, .len = DM_REPLICA_VIEW_NAME_MAX, },
};

static const struct nla_policy dmr_point_close_policy[DM_REPLICA_A_OP_VIEW + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_POINT] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_WAIT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
	[DM_REPLICA_A_OP_VIEW] = { .type = NLA_NUL_STRING, .len = DM_REPLICA_VIEW_NAME_MAX, },
};

static const struct nla_policy dmr_job_get_policy[DM_REPLICA_A_JOB_ID + 1] = {
	[DM_REPLICA_A_JOB_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_JOB_ID] = { .type = NLA_U64, },
};

static const struct nla_policy dmr_failover_initiate_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_POINT] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_failover_revert_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_EXPECT_WRITES] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_WAIT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_test_start_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_POINT] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_test_stop_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_EXPECT_WRITES] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_WAIT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_vacuum_set_policy[DM_REPLICA_A_OP_HOLD + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_HOLD] = NLA_POLICY_MAX(NLA_U32, 1),
};

static const struct nla_policy dmr_failover_commit_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_replication_suspend_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy
dmr_replication_resume_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_relationship_remove_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_WAIT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_FLATTEN] = { .type = NLA_FLAG, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_store_grow_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_home_move_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_job_set_policy[DM_REPLICA_A_JOB_REQUEST + 1] = {
	[DM_REPLICA_A_JOB_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_JOB_ID] = { .type = NLA_U64, },
	[DM_REPLICA_A_JOB_REQUEST] = NLA_POLICY_RANGE(NLA_U32, 2, 4),
};

static const struct nla_policy dmr_settings_get_policy[DM_REPLICA_A_SETTINGS_SYSTEM + 1] = {
	[DM_REPLICA_A_SETTINGS_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
};

static const struct nla_policy
dmr_settings_set_policy[DM_REPLICA_A_SETTINGS_REPLICATION_INTERVAL + 1] = {
	[DM_REPLICA_A_SETTINGS_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_SETTINGS_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_SETTINGS_SPACE_LOW] = { .type = NLA_U32, },
	[DM_REPLICA_A_SETTINGS_SPACE_CRITICAL] = { .type = NLA_U32, },
	[DM_REPLICA_A_SETTINGS_FULL_POLICY] = NLA_POLICY_MAX(NLA_U32, 1),
	[DM_REPLICA_A_SETTINGS_LIVE_RESERVE] = { .type = NLA_U64, },
	[DM_REPLICA_A_SETTINGS_POINT_INTERVAL] = { .type = NLA_U64, },
	[DM_REPLICA_A_SETTINGS_DECIDE_WITHIN] = { .type = NLA_U64, },
	[DM_REPLICA_A_SETTINGS_VACUUM_RATE] = { .type = NLA_U64, },
	[DM_REPLICA_A_SETTINGS_REPLICATION_INTERVAL] = { .type = NLA_U64, },
};

static const struct nla_policy dmr_replication_heartbeat_policy[DM_REPLICA_A_OP_SYSTEM + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
};

static const struct nla_policy dmr_errors_reset_policy[DM_REPLICA_A_OP_UNATTENDED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_WAIT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_host_set_policy[DM_REPLICA_A_HOST_ALL + 1] = {
	[DM_REPLICA_A_HOST_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_HOST_KEY] = { .type = NLA_NUL_STRING, .len = DMR_HOST_KEY_LEN - 1, },
	[DM_REPLICA_A_HOST_VALUE] = { .type = NLA_BINARY, },
	[DM_REPLICA_A_HOST_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_HOST_ALL] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_point_hold_policy[DM_REPLICA_A_OP_ACKED + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_POINT] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
	[DM_REPLICA_A_OP_PEER] = { .type = NLA_NUL_STRING, .len = DMR_PEER_NAME_LEN - 1, },
	[DM_REPLICA_A_OP_ACKED] = { .type = NLA_FLAG, },
};

static const struct nla_policy dmr_point_release_policy[DM_REPLICA_A_OP_PEER + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_POINT] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
	[DM_REPLICA_A_OP_PEER] = { .type = NLA_NUL_STRING, .len = DMR_PEER_NAME_LEN - 1, },
};

static const struct nla_policy dmr_peer_get_policy[DM_REPLICA_A_PEER_SYSTEM + 1] = {
	[DM_REPLICA_A_PEER_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
};

static const struct nla_policy dmr_peer_add_policy[DM_REPLICA_A_OP_PEER_UUID + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
	[DM_REPLICA_A_OP_PEER] = { .type = NLA_NUL_STRING, .len = DMR_PEER_NAME_LEN - 1, },
	[DM_REPLICA_A_OP_PEER_UUID] = NLA_POLICY_EXACT_LEN(16),
};

static const struct nla_policy dmr_peer_del_policy[DM_REPLICA_A_OP_PEER + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
	[DM_REPLICA_A_OP_PEER] = { .type = NLA_NUL_STRING, .len = DMR_PEER_NAME_LEN - 1, },
};

static const struct nla_policy dmr_receive_begin_policy[DM_REPLICA_A_OP_POINT_TIME + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_POINT] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_POINT_KIND] = NLA_POLICY_RANGE(NLA_U32, 1, 3),
	[DM_REPLICA_A_OP_POINT_NAME] = { .type = NLA_NUL_STRING, .len = DMR_POINT_NAME_LEN - 1, },
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
	[DM_REPLICA_A_OP_STREAM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_RELATIONSHIP] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_BASE] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_BASE_GENERATION] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_GENERATION] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_GENERATION_FIRST] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_POINT_TIME] = { .type = NLA_U64, },
};

static const struct nla_policy dmr_receive_mark_policy[DM_REPLICA_A_OP_CURSOR_OFFSET + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_STREAM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_CURSOR_DISK] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_CURSOR_OFFSET] = { .type = NLA_U64, },
};

static const struct nla_policy dmr_receive_end_policy[DM_REPLICA_A_OP_STREAM + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
	[DM_REPLICA_A_OP_DROP] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_STREAM] = NLA_POLICY_EXACT_LEN(16),
};

static const struct nla_policy dmr_receive_abort_policy[DM_REPLICA_A_OP_STREAM + 1] = {
	[DM_REPLICA_A_OP_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
	[DM_REPLICA_A_OP_EXPECT_STATE_NUMBER] = { .type = NLA_U64, },
	[DM_REPLICA_A_OP_TIMEOUT] = { .type = NLA_U32, },
	[DM_REPLICA_A_OP_UNATTENDED] = { .type = NLA_FLAG, },
	[DM_REPLICA_A_OP_STREAM] = NLA_POLICY_EXACT_LEN(16),
};

static const struct nla_policy
dmr_generation_get_policy[DM_REPLICA_A_GENERATION_SYSTEM + 1] = {
	[DM_REPLICA_A_GENERATION_SYSTEM] = NLA_POLICY_EXACT_LEN(16),
};

static const struct genl_ops dmr_ops[] = {
	{
		.cmd = DM_REPLICA_CMD_SYSTEM_GET,
		.doit = dmr_nl_system_get_doit,
		.start = dmr_nl_dump_all_start,
		.dumpit = dmr_nl_system_get_dumpit,
		.policy = dmr_system_get_policy,
		.maxattr = ARRAY_SIZE(dmr_system_get_policy) - 1,
	},
	{
		.cmd = DM_REPLICA_CMD_DISK_GET,
		.start = dmr_nl_dump_filtered_start,
		.dumpit = dmr_nl_disk_get_dumpit,
		.policy = dmr_disk_get_policy,
		.maxattr = ARRAY_SIZE(dmr_disk_get_policy) - 1,
	},
	{
		.cmd = DM_REPLICA_CMD_POINT_GET,
		.start = dmr_nl_point_get_start,
		.dumpit = dmr_nl_point_get_dumpit,
		.done = dmr_nl_point_get_done,
		.policy = dmr_point_get_policy,
		.maxattr = ARRAY_SIZE(dmr_point_get_policy) - 1,
	},
	{
		.cmd = DM_REPLICA_CMD_POINT_NEW,
		.doit = dmr_nl_point_new_doit,
		.policy = dmr_point_new_policy,
		.maxattr = ARRAY_SIZE(dmr_point_new_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_POINT_DEL,
		.doit = dmr_nl_point_del_doit,
		.policy = dmr_point_del_policy,
		.maxattr = ARRAY_SIZE(dmr_point_del_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_JOB_GET,
		.doit = dmr_nl_job_get_doit,
		.start = dmr_nl_dump_filtered_start,
		.dumpit = dmr_nl_job_get_dumpit,
		.policy = dmr_job_get_policy,
		.maxattr = ARRAY_SIZE(dmr_job_get_policy) - 1,
	},
	{
		.cmd = DM_REPLICA_CMD_FAILOVER_INITIATE,
		.doit = dmr_nl_failover_initiate_doit,
		.policy = dmr_failover_initiate_policy,
		.maxattr = ARRAY_SIZE(dmr_failover_initiate_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_FAILOVER_REVERT,
		.doit = dmr_nl_failover_revert_doit,
		.policy = dmr_failover_revert_policy,
		.maxattr = ARRAY_SIZE(dmr_failover_revert_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_TEST_START,
		.doit = dmr_nl_test_start_doit,
		.policy = dmr_test_start_policy,
		.maxattr = ARRAY_SIZE(dmr_test_start_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_TEST_STOP,
		.doit = dmr_nl_test_stop_doit,
		.policy = dmr_test_stop_policy,
		.maxattr = ARRAY_SIZE(dmr_test_stop_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_VACUUM_SET,
		.doit = dmr_nl_vacuum_set_doit,
		.policy = dmr_vacuum_set_policy,
		.maxattr = ARRAY_SIZE(dmr_vacuum_set_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_FAILOVER_COMMIT,
		.doit = dmr_nl_failover_commit_doit,
		.policy = dmr_failover_commit_policy,
		.maxattr = ARRAY_SIZE(dmr_failover_commit_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_REPLICATION_SUSPEND,
		.doit = dmr_nl_replication_suspend_doit,
		.policy = dmr_replication_suspend_policy,
		.maxattr = ARRAY_SIZE(dmr_replication_suspend_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_REPLICATION_RESUME,
		.doit = dmr_nl_replication_resume_doit,
		.policy = dmr_replication_resume_policy,
		.maxattr = ARRAY_SIZE(dmr_replication_resume_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_RELATIONSHIP_REMOVE,
		.doit = dmr_nl_relationship_remove_doit,
		.policy = dmr_relationship_remove_policy,
		.maxattr = ARRAY_SIZE(dmr_relationship_remove_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_STORE_GROW,
		.doit = dmr_nl_store_grow_doit,
		.policy = dmr_store_grow_policy,
		.maxattr = ARRAY_SIZE(dmr_store_grow_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_HOME_MOVE,
		.doit = dmr_nl_home_move_doit,
		.policy = dmr_home_move_policy,
		.maxattr = ARRAY_SIZE(dmr_home_move_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_JOB_SET,
		.doit = dmr_nl_job_set_doit,
		.policy = dmr_job_set_policy,
		.maxattr = ARRAY_SIZE(dmr_job_set_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_SETTINGS_GET,
		.doit = dmr_nl_settings_get_doit,
		.start = dmr_nl_dump_filtered_start,
		.dumpit = dmr_nl_settings_get_dumpit,
		.policy = dmr_settings_get_policy,
		.maxattr = ARRAY_SIZE(dmr_settings_get_policy) - 1,
	},
	{
		.cmd = DM_REPLICA_CMD_SETTINGS_SET,
		.doit = dmr_nl_settings_set_doit,
		.policy = dmr_settings_set_policy,
		.maxattr = ARRAY_SIZE(dmr_settings_set_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_REPLICATION_HEARTBEAT,
		.doit = dmr_nl_replication_heartbeat_doit,
		.policy = dmr_replication_heartbeat_policy,
		.maxattr = ARRAY_SIZE(dmr_replication_heartbeat_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_HOST_GET,
		.doit = dmr_nl_host_get_doit,
		.start = dmr_nl_host_get_start,
		.dumpit = dmr_nl_host_get_dumpit,
		.policy = dmr_host_get_policy,
		.maxattr = ARRAY_SIZE(dmr_host_get_policy) - 1,
	},
	{
		.cmd = DM_REPLICA_CMD_HOST_SET,
		.doit = dmr_nl_host_set_doit,
		.policy = dmr_host_set_policy,
		.maxattr = ARRAY_SIZE(dmr_host_set_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_ERRORS_RESET,
		.doit = dmr_nl_errors_reset_doit,
		.policy = dmr_errors_reset_policy,
		.maxattr = ARRAY_SIZE(dmr_errors_reset_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_POINT_HOLD,
		.doit = dmr_nl_point_hold_doit,
		.policy = dmr_point_hold_policy,
		.maxattr = ARRAY_SIZE(dmr_point_hold_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_POINT_RELEASE,
		.doit = dmr_nl_point_release_doit,
		.policy = dmr_point_release_policy,
		.maxattr = ARRAY_SIZE(dmr_point_release_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_PEER_GET,
		.start = dmr_nl_dump_filtered_start,
		.dumpit = dmr_nl_peer_get_dumpit,
		.policy = dmr_peer_get_policy,
		.maxattr = ARRAY_SIZE(dmr_peer_get_policy) - 1,
	},
	{
		.cmd = DM_REPLICA_CMD_PEER_ADD,
		.doit = dmr_nl_peer_add_doit,
		.policy = dmr_peer_add_policy,
		.maxattr = ARRAY_SIZE(dmr_peer_add_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_PEER_DEL,
		.doit = dmr_nl_peer_del_doit,
		.policy = dmr_peer_del_policy,
		.maxattr = ARRAY_SIZE(dmr_peer_del_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_EXTENT_GET,
		.start = dmr_nl_extent_get_start,
		.dumpit = dmr_nl_extent_get_dumpit,
		.done = dmr_nl_extent_get_done,
		.policy = dmr_extent_get_policy,
		.maxattr = ARRAY_SIZE(dmr_extent_get_policy) - 1,
	},
	{
		.cmd = DM_REPLICA_CMD_POINT_OPEN,
		.doit = dmr_nl_point_open_doit,
		.policy = dmr_point_open_policy,
		.maxattr = ARRAY_SIZE(dmr_point_open_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_POINT_CLOSE,
		.doit = dmr_nl_point_close_doit,
		.policy = dmr_point_close_policy,
		.maxattr = ARRAY_SIZE(dmr_point_close_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_RECEIVE_BEGIN,
		.doit = dmr_nl_receive_begin_doit,
		.policy = dmr_receive_begin_policy,
		.maxattr = ARRAY_SIZE(dmr_receive_begin_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_RECEIVE_MARK,
		.doit = dmr_nl_receive_mark_doit,
		.policy = dmr_receive_mark_policy,
		.maxattr = ARRAY_SIZE(dmr_receive_mark_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_RECEIVE_END,
		.doit = dmr_nl_receive_end_doit,
		.policy = dmr_receive_end_policy,
		.maxattr = ARRAY_SIZE(dmr_receive_end_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_RECEIVE_ABORT,
		.doit = dmr_nl_receive_abort_doit,
		.policy = dmr_receive_abort_policy,
		.maxattr = ARRAY_SIZE(dmr_receive_abort_policy) - 1,
		.flags = GENL_ADMIN_PERM,
	},
	{
		.cmd = DM_REPLICA_CMD_GENERATION_GET,
		.start = dmr_nl_dump_filtered_start,
		.dumpit = dmr_nl_generation_get_dumpit,
		.policy = dmr_generation_get_policy,
		.maxattr = ARRAY_SIZE(dmr_generation_get_policy) - 1,
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

/* No netns_ok: block devices are in no network namespace.  parallel_ops: operations take long. */
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

/*
 * A socket was closed: drop its requests that have not begun, then the streams that its client
 * receives (see dmr_receive_take()).  The family is that of one network namespace.
 */
static int dmr_socket_event(struct notifier_block *nb, unsigned long event, void *data)
{
	const struct netlink_notify *n = data;

	if (event == NETLINK_URELEASE && n->protocol == NETLINK_GENERIC &&
	    net_eq(n->net, &init_net)) {
		dmr_op_socket_closed(n->portid);
		dmr_receiver_closed(n->portid);
	}
	return NOTIFY_DONE;
}

static struct notifier_block dmr_sockets = {
	.notifier_call = dmr_socket_event,
};

/**
 * dmr_genl_init() - register the family
 *
 * Context: module initialisation, with the registry and dmr_ops_wq ready.
 * Return: 0 or a negative errno.
 */
int __init dmr_genl_init(void)
{
	int r;

	dmr_nl_family = &dmr_family;
	r = netlink_register_notifier(&dmr_sockets);
	if (r)
		return r;
	r = genl_register_family(&dmr_family);
	if (r)
		netlink_unregister_notifier(&dmr_sockets);
	else
		WRITE_ONCE(dmr_genl_up, true);
	return r;
}

/**
 * dmr_genl_exit() - unregister the family
 *
 * When it returns no handler runs, and later notifications are discarded.
 *
 * Context: module exit, or initialisation that failed.
 */
void dmr_genl_exit(void)
{
	WRITE_ONCE(dmr_genl_up, false);
	dmr_events_flush();	/* send notifications that have begun */
	genl_unregister_family(&dmr_family);
	netlink_unregister_notifier(&dmr_sockets);
}

MODULE_ALIAS_GENL_FAMILY(DM_REPLICA_FAMILY_NAME);
