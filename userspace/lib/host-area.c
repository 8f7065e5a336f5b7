// SPDX-License-Identifier: GPL-2.0-only
/* The host area: values that programs of the host keep in a system's store. */
#include <stdlib.h>
#include <string.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "private.h"

#define A(name)	attrs[DM_REPLICA_A_HOST_##name]

_Static_assert(DMREPLICA_HOST_AREA == DMR_HOST_AREA, "one limit");
_Static_assert(DMREPLICA_HOST_KEY_MAX == DMR_HOST_KEY_LEN, "one limit");

const char *dmreplica_host_area_key_fault(const char *key)
{
	return dmr_host_key_fault(key, strnlen(key, DMR_HOST_KEY_LEN));
}

static void host_item(struct dmreplica *ctx, void *item, struct nlattr **attrs)
{
	struct dmreplica_host_entry *entry = item;

	(void)ctx;
	dmrl_nl_uuid(A(SYSTEM), entry->system);
	dmrl_nl_string(A(KEY), entry->key, sizeof(entry->key));
	if (A(VALUE)) {
		entry->bytes = min_t(size_t, nla_len(A(VALUE)), DMREPLICA_HOST_AREA);
		memcpy(entry->value, nla_data(A(VALUE)), entry->bytes);
	}
}

static int entries_stored(const struct dmreplica_system *sys, const struct dmr_sb *sb,
			  struct dmrl_list *list)
{
	struct dmreplica_host_entry *entry;
	struct dmr_host_entry from;
	u32 at = 0;

	while (dmr_host_next(&sb->host, &at, &from)) {
		entry = dmrl_list_add(list);
		if (!entry)
			return -1;
		memcpy(entry->system, sys->uuid, 16);
		memcpy(entry->key, from.key, from.key_bytes);
		memcpy(entry->value, from.value, from.value_bytes);
		entry->bytes = from.value_bytes;
	}
	return 0;
}

int dmreplica_host_area_list(struct dmreplica *ctx, const struct dmreplica_system *sys,
			     struct dmreplica_host_entry **list, size_t *nr)
{
	static const struct dmrl_listing entries = {
		.size = sizeof(struct dmreplica_host_entry),
		.cmd = DM_REPLICA_CMD_HOST_GET,
		.attr = DM_REPLICA_A_HOST_SYSTEM,
		.item = host_item,
		.stored = entries_stored,
	};
	int code;

	*list = dmrl_listing_get(ctx, sys, &entries, 0, nr, &code);
	return code;
}

int dmreplica_host_area_find(struct dmreplica *ctx, const struct dmreplica_system *sys,
			     const char *key, struct dmreplica_host_entry *entry)
{
	struct dmreplica_host_entry *list;
	size_t nr, i;
	int code;

	memset(entry, 0, sizeof(*entry));
	code = dmreplica_host_area_list(ctx, sys, &list, &nr);
	if (code)
		return code;
	for (i = 0; i < nr && strcmp(list[i].key, key); i++)
		;
	if (i < nr) {
		*entry = list[i];
	} else {
		dmrl_fail(ctx, DM_REPLICA_CODE_NOT_FOUND,
			  "the host area of system %s has nothing under that key", sys->name);
		code = dmrl_hint(ctx, "replicactl host-area list %s shows its keys", sys->name);
	}
	dmreplica_list_free(list);
	return code;
}

/* Make the request of a change; @expect: see dmreplica_host_area_set(). */
static struct nl_msg *change(struct dmreplica *ctx, const struct dmreplica_system *sys,
			     const char *key, const uint64_t *expect)
{
	struct nl_msg *msg;

	dmrl_clear(ctx);
	msg = dmrl_nl_message_of(ctx, DM_REPLICA_CMD_HOST_SET, DM_REPLICA_A_HOST_SYSTEM,
				 sys->uuid);
	if (msg && ((key && nla_put_string(msg, DM_REPLICA_A_HOST_KEY, key)) ||
		    (expect && nla_put_u64(msg, DM_REPLICA_A_HOST_EXPECT_STATE_NUMBER, *expect)))) {
		nlmsg_free(msg);
		dmrl_no_memory(ctx);
		msg = NULL;
	}
	return msg;
}

static int change_done(struct dmreplica *ctx, const struct dmreplica_system *sys,
		       struct nl_msg *msg)
{
	return dmrl_call_plain(ctx, msg, sys->uuid, DM_REPLICA_A_HOST_CODE,
			       DM_REPLICA_A_HOST_JOB);
}

int dmreplica_host_area_set(struct dmreplica *ctx, const struct dmreplica_system *sys,
			    const char *key, const void *value, size_t bytes,
			    const uint64_t *expect)
{
	const char *fault = dmreplica_host_area_key_fault(key);
	struct nl_msg *msg;

	dmrl_clear(ctx);
	if (!fault && !bytes)
		fault = "a value has at least one byte";
	if (fault)
		return dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER, "%s", fault);
	if (bytes > DMREPLICA_HOST_AREA)
		return dmrl_fail(ctx, DM_REPLICA_CODE_FAILED,
				 "a value of %zu bytes does not fit into the host area of %u bytes",
				 bytes, DMREPLICA_HOST_AREA);
	msg = change(ctx, sys, key, expect);
	if (!msg)
		return ctx->code;
	if (nla_put(msg, DM_REPLICA_A_HOST_VALUE, bytes, value)) {
		nlmsg_free(msg);
		return dmrl_no_memory(ctx);
	}
	return change_done(ctx, sys, msg);
}

int dmreplica_host_area_remove(struct dmreplica *ctx, const struct dmreplica_system *sys,
			       const char *key, const uint64_t *expect)
{
	const char *fault = dmreplica_host_area_key_fault(key);
	struct nl_msg *msg;
	int code;

	dmrl_clear(ctx);
	if (fault)
		return dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER, "%s", fault);
	msg = change(ctx, sys, key, expect);
	if (!msg)
		return ctx->code;
	code = change_done(ctx, sys, msg);
	if (code == DM_REPLICA_CODE_NOT_FOUND)
		dmrl_hint(ctx, "replicactl host-area list %s shows its keys", sys->name);
	return code;
}

int dmreplica_host_area_clear(struct dmreplica *ctx, const struct dmreplica_system *sys,
			      const char *prefix, const uint64_t *expect)
{
	const char *fault = prefix ? dmreplica_host_area_key_fault(prefix) : NULL;
	struct nl_msg *msg;

	dmrl_clear(ctx);
	if (fault)
		return dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER, "%s", fault);
	msg = change(ctx, sys, prefix, expect);
	if (!msg)
		return ctx->code;
	if (nla_put_flag(msg, DM_REPLICA_A_HOST_ALL)) {
		nlmsg_free(msg);
		return dmrl_no_memory(ctx);
	}
	return change_done(ctx, sys, msg);
}
