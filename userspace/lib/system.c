// SPDX-License-Identifier: GPL-2.0-only
/* Systems, attached or named by a file. */
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "private.h"

#define A(name)	attrs[DM_REPLICA_A_SYSTEM_##name]

void dmrl_system_parse(struct dmreplica_system *sys, struct nlattr **attrs)
{
	memset(sys, 0, sizeof(*sys));
	sys->attached = true;
	sys->read = true;
	dmrl_nl_uuid(A(UUID), sys->uuid);
	dmrl_nl_string(A(NAME), sys->name, sizeof(sys->name));
	sys->state = dmrl_nl_u32(A(STATE));
	sys->state_stored = A(STATE_STORED) ? dmrl_nl_u32(A(STATE_STORED)) : sys->state;
	sys->state_number = dmrl_nl_u64(A(STATE_NUMBER));
	sys->state_time = dmrl_nl_u64(A(STATE_TIME));
	sys->flags = dmrl_nl_u32(A(FLAGS));
	dmrl_nl_string(A(REASON), sys->reason, sizeof(sys->reason));
	dmrl_nl_uuid(A(STORE_UUID), sys->store_uuid);
	sys->store_major = dmrl_nl_u32(A(STORE_MAJOR));
	sys->store_minor = dmrl_nl_u32(A(STORE_MINOR));
	sys->chunk_bytes = dmrl_nl_u32(A(CHUNK_BYTES));
	sys->disks = dmrl_nl_u32(A(DISKS));
	sys->disks_attached = dmrl_nl_u32(A(DISKS_ATTACHED));
	sys->points = dmrl_nl_u32(A(POINTS));
	sys->slots = dmrl_nl_u64(A(SLOTS));
	sys->slots_used = dmrl_nl_u64(A(SLOTS_USED));
	sys->versions = dmrl_nl_u64(A(VERSIONS));
	sys->log_blocks = dmrl_nl_u64(A(LOG_BLOCKS));
	sys->log_used = dmrl_nl_u64(A(LOG_USED));
	sys->commits = dmrl_nl_u64(A(COMMITS));
	sys->superblocks = dmrl_nl_u64(A(SUPERBLOCKS));
	sys->live_point = dmrl_nl_u64(A(LIVE_POINT));
	sys->live_time = dmrl_nl_u64(A(LIVE_TIME));
	sys->live_bytes = dmrl_nl_u64(A(LIVE_BYTES));
	sys->live_writes = dmrl_nl_u64(A(LIVE_WRITES));
	sys->test_point = dmrl_nl_u64(A(TEST_POINT));
	sys->test_time = dmrl_nl_u64(A(TEST_TIME));
	sys->test_bytes = dmrl_nl_u64(A(TEST_BYTES));
	sys->test_writes = dmrl_nl_u64(A(TEST_WRITES));
	sys->vacuum_pending = dmrl_nl_u64(A(VACUUM_PENDING));
	sys->vacuum_held = dmrl_nl_u32(A(VACUUM_HELD));
	sys->vacuum_rate = A(VACUUM_RATE) ? dmrl_nl_u64(A(VACUUM_RATE)) : DMREPLICA_RATE_ADAPTS;
	sys->home_bytes = dmrl_nl_u64(A(HOME_BYTES));
	sys->slots_reserved = dmrl_nl_u64(A(SLOTS_RESERVED));
	sys->health = dmrl_nl_u32(A(HEALTH));
	sys->health_reasons = dmrl_nl_u32(A(HEALTH_REASONS));
	sys->replicated_bytes = dmrl_nl_u64(A(REPLICATED_BYTES));
	sys->replicated_writes = dmrl_nl_u64(A(REPLICATED_WRITES));
	sys->points_made = dmrl_nl_u64(A(POINTS_MADE));
	sys->points_dropped = dmrl_nl_u64(A(POINTS_DROPPED));
	sys->last_point_time = dmrl_nl_u64(A(LAST_POINT_TIME));
	sys->last_test_time = dmrl_nl_u64(A(LAST_TEST_TIME));
	sys->last_received_time = dmrl_nl_u64(A(LAST_RECEIVED_TIME));
	sys->live_epoch = dmrl_nl_u32(A(LIVE_EPOCH));
	sys->test_epoch = dmrl_nl_u32(A(TEST_EPOCH));
	sys->open_views = dmrl_nl_u32(A(OPEN_VIEWS));
	dmrl_nl_uuid(A(RELATIONSHIP), sys->relationship);
	dmrl_nl_uuid(A(STREAM), sys->stream);
	sys->stream_base = dmrl_nl_u64(A(STREAM_BASE));
	sys->stream_point = dmrl_nl_u64(A(STREAM_POINT));
	dmrl_nl_uuid(A(STREAM_GENERATION), sys->stream_generation);
	sys->stream_time = dmrl_nl_u64(A(STREAM_TIME));
	sys->stream_since = dmrl_nl_u64(A(STREAM_SINCE));
	sys->stream_disk = dmrl_nl_u32(A(STREAM_DISK));
	sys->stream_offset = dmrl_nl_u64(A(STREAM_OFFSET));
	sys->store_bytes = dmrl_nl_u64(A(STORE_BYTES));
	sys->store_device_bytes = dmrl_nl_u64(A(STORE_DEVICE_BYTES));
	dmreplica_device_path(sys->store_major, sys->store_minor, sys->store, sizeof(sys->store));
}

static void system_item(struct dmreplica *ctx, void *item, struct nlattr **attrs)
{
	struct dmreplica_system *sys = item;
	char bytes[32];

	(void)ctx;
	dmrl_system_parse(sys, attrs);
	/* a module without sizes uses the whole device */
	if (!sys->store_device_bytes &&
	    !dmrl_sysfs_read_dev(makedev(sys->store_major, sys->store_minor), "size", bytes,
				 sizeof(bytes)))
		sys->store_device_bytes = strtoull(bytes, NULL, 10) * 512;
	if (!sys->store_bytes)
		sys->store_bytes = sys->store_device_bytes;
}

static int one_system_reply(void *arg, int cmd, struct nlattr **attrs)
{
	(void)cmd;
	system_item(NULL, arg, attrs);
	return 0;
}

int dmrl_system_dump(struct dmreplica *ctx, struct dmrl_list *list)
{
	return dmrl_nl_dump(ctx, DM_REPLICA_CMD_SYSTEM_GET, 0, NULL, 0, system_item, list);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct dmreplica_system *)a)->name,
		      ((const struct dmreplica_system *)b)->name);
}

/* Add the content of an attached system's file. */
static void add_conf(struct dmreplica_system *sys, const struct dmreplica_conf *conf)
{
	sys->known = true;
	/* prefer the path in the file */
	if (dmrl_is_device(conf->store, sys->store_major, sys->store_minor))
		memcpy(sys->store, conf->store, sizeof(sys->store));
}

static void from_conf(struct dmreplica_system *sys, const struct dmreplica_conf *conf)
{
	snprintf(sys->name, sizeof(sys->name), "%s", conf->name);
	snprintf(sys->store, sizeof(sys->store), "%s", conf->store);
	memcpy(sys->uuid, conf->uuid, 16);
	sys->disks = conf->nr_disks;
	sys->known = true;
}

int dmreplica_system_list(struct dmreplica *ctx, struct dmreplica_system **list, size_t *nr)
{
	struct dmrl_list found = { .size = sizeof(struct dmreplica_system) };
	struct dmreplica_system *sys;
	struct dmreplica_conf *conf;
	size_t nr_conf, i, j;
	bool present;
	int code;

	*list = NULL;
	*nr = 0;
	dmrl_clear(ctx);
	code = dmrl_nl_present(ctx, &present);
	if (!code && present)
		code = dmrl_system_dump(ctx, &found);
	if (code)
		goto out;
	code = dmreplica_conf_list(ctx, &conf, &nr_conf);
	if (code) {
		/* attached systems can be shown without the files */
		dmrl_warn(ctx, "%s", ctx->message);
		code = 0;
		conf = NULL;
		nr_conf = 0;
	}
	for (i = 0; i < nr_conf; i++) {
		sys = found.items;
		for (j = 0; j < found.nr; j++)
			if (!memcmp(sys[j].uuid, conf[i].uuid, 16))
				break;
		if (j < found.nr) {
			add_conf(&sys[j], &conf[i]);
			continue;
		}
		sys = dmrl_list_add(&found);
		if (!sys) {
			code = DM_REPLICA_CODE_NO_MEMORY;
			break;
		}
		from_conf(sys, &conf[i]);
	}
	free(conf);
	dmrl_clear(ctx);
	if (code)
		dmrl_no_memory(ctx);
out:
	*list = dmrl_list_end(&found, code, compare, nr);
	return code;
}

/* Look for an attached system.  Return: 1, @sys is filled in; 0, not attached; -1, not known. */
static int ask_kernel(struct dmreplica *ctx, const u8 *uuid, struct dmreplica_system *sys)
{
	struct nl_msg *msg;
	bool present;
	int code;

	if (dmrl_nl_present(ctx, &present))
		return -1;
	if (!present)
		return 0;
	msg = dmrl_nl_message_of(ctx, DM_REPLICA_CMD_SYSTEM_GET, DM_REPLICA_A_SYSTEM_UUID, uuid);
	if (!msg)
		return -1;
	code = dmrl_nl_call(ctx, msg, one_system_reply, sys);
	if (code == DM_REPLICA_CODE_NOT_FOUND)
		return 0;
	return !code && sys->attached ? 1 : -1;
}

/*
 * Find a system by the file of its name, without reading all files, of which there may be
 * a thousand.  Return: false if all must be read, to find it or to report the fault.
 */
static bool find_one(struct dmreplica *ctx, const char *name, struct dmreplica_conf *conf,
		     struct dmreplica_system *sys)
{
	bool known = dmrl_conf_named(ctx, name, conf);
	u8 uuid[16];
	int ret;

	if (known)
		memcpy(uuid, conf->uuid, 16);
	else if (!dmreplica_uuid_parse(name, uuid))
		return false;
	memset(sys, 0, sizeof(*sys));
	ret = ask_kernel(ctx, uuid, sys);
	dmrl_clear(ctx);
	if (ret < 0 || (!ret && !known))
		return false;
	if (!ret) {
		from_conf(sys, conf);
		return true;
	}
	if (!known && !dmrl_conf_named(ctx, sys->name, conf))
		return false;
	if (strcmp(conf->name, sys->name) || memcmp(conf->uuid, sys->uuid, 16))
		return false;
	add_conf(sys, conf);
	return true;
}

int dmreplica_system_find(struct dmreplica *ctx, const char *name, struct dmreplica_system *sys)
{
	struct dmreplica_conf *conf = malloc(sizeof(*conf));
	struct dmreplica_system *list;
	size_t nr, i;
	bool found, by_uuid;
	u8 uuid[16];
	int code;

	found = conf && find_one(ctx, name, conf, sys);
	free(conf);
	if (found)
		return 0;
	code = dmreplica_system_list(ctx, &list, &nr);
	if (code)
		return code;
	by_uuid = dmreplica_uuid_parse(name, uuid);
	for (i = 0; i < nr; i++)
		if (by_uuid ? !memcmp(list[i].uuid, uuid, 16) : !strcmp(list[i].name, name))
			break;
	if (i < nr)
		*sys = list[i];
	free(list);
	if (i < nr)
		return 0;
	return dmrl_unknown(ctx, name);
}

int dmreplica_system_attached(struct dmreplica *ctx, const char *name,
			      struct dmreplica_system *sys)
{
	int code = dmreplica_system_find(ctx, name, sys);

	if (code || sys->attached)
		return code;
	dmrl_fail(ctx, DM_REPLICA_CODE_NOT_AVAILABLE, "system %s is not attached", sys->name);
	return dmrl_hint(ctx, "replicactl attach %s", sys->name);
}

int dmreplica_system_read_store(struct dmreplica *ctx, struct dmreplica_system *sys)
{
	static const u8 no_host[16];
	struct dmreplica_report report;
	struct dmreplica_store *store;
	const struct dmr_sb *sb;
	unsigned int i;
	u8 host[16];
	int code;

	code = dmrl_store_open_super(ctx, sys->store, &store, &sb);
	if (code)
		return code;
	if (memcmp(sb->system_uuid, sys->uuid, 16)) {
		code = dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
				 "store %s belongs to another system, %s", sys->store, sb->name);
		goto out;
	}
	sys->read = true;
	sys->state = dmrl_shown_state(sb);
	sys->state_stored = sys->state;
	sys->state_number = sb->state_number;
	sys->state_time = sb->state_time;
	memcpy(sys->store_uuid, sb->store_uuid, 16);
	sys->store_major = major(store->bdev.dev);
	sys->store_minor = minor(store->bdev.dev);
	sys->store_bytes = sb->store_bytes;
	sys->store_device_bytes = store->bdev.bytes;
	sys->vacuum_rate = sb->settings.vacuum_rate;
	sys->points_made = sb->settings.points_made;
	sys->points_dropped = sb->settings.points_dropped;
	sys->last_point_time = sb->settings.last_point_time;
	sys->last_test_time = sb->settings.last_test_time;
	sys->last_received_time = sb->settings.last_received_time;
	sys->chunk_bytes = sb->chunk_bytes;
	sys->disks = sb->nr_disks;
	sys->points = sb->nr_points;
	sys->live_epoch = sb->live.epoch ? sb->live.epoch : sb->promoted;
	sys->test_epoch = sb->test.epoch;
	sys->live_time = sb->live.time;
	dmrl_receive_stored(sys, &sb->replication);
	if (sb->flags & DMR_SB_SUSPENDED)
		sys->flags |= DM_REPLICA_SYSTEM_FLAGS_SUSPENDED;
	if (sb->flags & DMR_SB_REMOVING)
		sys->flags |= DM_REPLICA_SYSTEM_FLAGS_REMOVING;
	if (sb->flags & DMR_SB_STAY)
		sys->flags |= DM_REPLICA_SYSTEM_FLAGS_STAY;
	/* as in the module: after a commit the failover devices show the head */
	if (sb->live.epoch || sb->state == DM_REPLICA_STATE_COMMITTED)
		sys->flags |= DM_REPLICA_SYSTEM_FLAGS_FAILED_OVER;
	if (sb->test.epoch)
		sys->flags |= DM_REPLICA_SYSTEM_FLAGS_TEST;
	for (i = 0; i < sb->nr_points; i++) {
		if (sb->live.epoch && sb->points[i].epoch == sb->live.base)
			sys->live_point = sb->points[i].number;
		if (sb->test.epoch && sb->points[i].epoch == sb->test.base)
			sys->test_point = sb->points[i].number;
	}
	/* Do not check the log of an active store: it changes meanwhile, and would look damaged. */
	if (sb->flags & DMR_SB_ACTIVE && memcmp(sb->active_host, no_host, 16) &&
	    (!dmrl_host_id(host) || memcmp(sb->active_host, host, 16))) {
		sys->elsewhere = true;
		memcpy(sys->active_host, sb->active_host, 16);
		sys->active_time = sb->active_time;
		goto out;
	}
	code = dmreplica_store_check(ctx, store, &report);
	if (report.checked_log) {
		sys->slots = report.slots;
		sys->slots_used = report.slots_used;
		sys->versions = report.versions;
		sys->log_blocks = report.log_blocks;
		sys->log_used = report.log_next - report.log_tail;
		sys->live_bytes = report.live_bytes;
		sys->test_bytes = report.test_bytes;
	}
	if (code)
		snprintf(sys->reason, sizeof(sys->reason), "%.255s", ctx->message);
	code = 0;
	dmreplica_report_free(&report);
out:
	dmreplica_store_close(store);
	return code;
}

static int listing_stored(struct dmreplica *ctx, const struct dmreplica_system *sys,
			  const struct dmrl_listing *listing, struct dmrl_list *list)
{
	struct dmreplica_store *store;
	const struct dmr_sb *sb;
	int code;

	code = dmrl_store_open_super(ctx, sys->store, &store, &sb);
	if (code)
		return code;
	if (listing->stored(sys, sb, list))
		code = dmrl_no_memory(ctx);
	dmreplica_store_close(store);
	return code;
}

void *dmrl_listing_get(struct dmreplica *ctx, const struct dmreplica_system *sys,
		       const struct dmrl_listing *listing, int flag, size_t *nr, int *code)
{
	struct dmrl_list found = { .size = listing->size };

	dmrl_clear(ctx);
	if (sys->attached)
		*code = dmrl_nl_dump(ctx, listing->cmd, listing->attr, sys->uuid, flag,
				     listing->item, &found);
	else
		*code = listing_stored(ctx, sys, listing, &found);
	return dmrl_list_end(&found, *code, listing->compare, nr);
}
