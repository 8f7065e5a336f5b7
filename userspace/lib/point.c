// SPDX-License-Identifier: GPL-2.0-only
/* Recovery points of a system. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <netlink/attr.h>

#include "private.h"

#define A(name)	attrs[DM_REPLICA_A_POINT_##name]

#define MAKE_TRIES	5
#define CLOCK_STEP	(60 * 1000000000LL)	/* no rule depends on less */

/* Read the names of views, an attribute for each, of which @attrs has the last alone. */
static void point_views(struct nlattr **attrs, char *views, size_t size)
{
	struct nlattr *attr = A(SYSTEM), *last = A(VIEW);
	int rest = attr && last > attr ? (char *)last - (char *)attr + nla_total_size(nla_len(last)) : 0;
	char name[DM_REPLICA_VIEW_NAME_MAX + 1];
	size_t len = 0;

	*views = 0;
	for (; nla_ok(attr, rest); attr = nla_next(attr, &rest)) {
		if (nla_type(attr) != DM_REPLICA_A_POINT_VIEW)
			continue;
		dmrl_nl_string(attr, name, sizeof(name));
		if (len + strlen(name) + 2 > size)
			break;
		len += sprintf(views + len, "%s%s", len ? " " : "", name);
	}
}

static void point_item(struct dmreplica *ctx, void *item, struct nlattr **attrs)
{
	struct dmreplica_point *point = item;

	(void)ctx;
	dmrl_nl_uuid(A(SYSTEM), point->system);
	point->number = dmrl_nl_u64(A(NUMBER));
	point->time = dmrl_nl_u64(A(TIME));
	point->kind = dmrl_nl_u32(A(KIND));
	dmrl_nl_string(A(NAME), point->name, sizeof(point->name));
	point->in_use = dmrl_nl_u32(A(IN_USE));
	point->generation = dmrl_nl_u32(A(GENERATION));
	point->arrived = dmrl_nl_u64(A(ARRIVED));
	dmrl_nl_string(A(HELD_BY), point->held_by, sizeof(point->held_by));
	point_views(attrs, point->views, sizeof(point->views));
	point->sized = A(BYTES);
	point->bytes = dmrl_nl_u64(A(BYTES));
}

static int compare(const void *a, const void *b)
{
	u64 x = ((const struct dmreplica_point *)a)->number;
	u64 y = ((const struct dmreplica_point *)b)->number;

	return x < y ? -1 : x > y;
}

static void holders(const struct dmr_sb *sb, u32 holds, char *text, size_t size)
{
	unsigned int i, n = 0;

	for (i = 0; i < DMR_PEERS; i++)
		if (holds >> i & 1)
			n += snprintf(text + n, size - n, "%s%s", n ? "," : "",
				      sb->replication.peers[i].name);
}

static int points_stored(const struct dmreplica_system *sys, const struct dmr_sb *sb,
			 struct dmrl_list *list)
{
	struct dmreplica_point *point;
	unsigned int i;

	for (i = 0; i < sb->nr_points; i++) {
		point = dmrl_list_add(list);
		if (!point)
			return -1;
		memcpy(point->system, sys->uuid, 16);
		point->number = sb->points[i].number;
		point->time = sb->points[i].time;
		point->kind = sb->points[i].kind;
		snprintf(point->name, sizeof(point->name), "%s", sb->points[i].name);
		point->in_use = (sb->live.epoch && sb->live.base == sb->points[i].epoch) ||
				(sb->test.epoch && sb->test.base == sb->points[i].epoch);
		point->generation = sb->points[i].generation;
		point->arrived = sb->points[i].arrived;
		holders(sb, sb->points[i].holds, point->held_by, sizeof(point->held_by));
	}
	return 0;
}

static int list_points(struct dmreplica *ctx, const struct dmreplica_system *sys, int flag,
		       struct dmreplica_point **list, size_t *nr)
{
	static const struct dmrl_listing points = {
		.size = sizeof(struct dmreplica_point),
		.cmd = DM_REPLICA_CMD_POINT_GET,
		.attr = DM_REPLICA_A_POINT_SYSTEM,
		.item = point_item,
		.stored = points_stored,
		.compare = compare,
	};
	int code;

	*list = dmrl_listing_get(ctx, sys, &points, flag, nr, &code);
	return code;
}

int dmreplica_point_list(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 struct dmreplica_point **list, size_t *nr)
{
	return list_points(ctx, sys, 0, list, nr);
}

int dmreplica_point_list_sized(struct dmreplica *ctx, const struct dmreplica_system *sys,
			       struct dmreplica_point **list, size_t *nr)
{
	int code = list_points(ctx, sys, DM_REPLICA_A_POINT_SIZES, list, nr);

	/* an older module refuses the flag, and sizes need root */
	if (code == DM_REPLICA_CODE_INVALID_TYPE || code == DM_REPLICA_CODE_NOT_SUPPORTED ||
	    code == DM_REPLICA_CODE_ACCESS_DENIED)
		code = list_points(ctx, sys, 0, list, nr);
	return code;
}

static bool is_number(const char *text, u64 *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !errno && !*end;
}

static int several(struct dmreplica *ctx, const struct dmreplica_system *sys, const char *text,
		   const struct dmreplica_point *list, size_t nr)
{
	char time[32];
	struct tm tm;
	time_t t;
	size_t i;

	dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
		  "several recovery points of %s have the label %s:", sys->name, text);
	for (i = 0; i < nr; i++) {
		if (strcmp(list[i].name, text))
			continue;
		t = list[i].time / 1000000000ULL;
		*time = 0;
		if (localtime_r(&t, &tm))
			strftime(time, sizeof(time), "%Y-%m-%d %H:%M:%S", &tm);
		dmrl_append(ctx, "\n  %llu of %s, %s", (unsigned long long)list[i].number, time,
			    dmreplica_point_kind_name(list[i].kind));
	}
	return dmrl_hint(ctx, "give the number of one of them");
}

int dmreplica_point_find(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 const char *text, uint64_t *number)
{
	size_t nr, i, found = 0, last = 0;
	struct dmreplica_point *list;
	bool numeric;
	u64 n;
	int code;

	code = dmreplica_point_list(ctx, sys, &list, &nr);
	if (code)
		return code;
	numeric = is_number(text, &n);
	for (i = 0; numeric && i < nr; i++) {
		if (list[i].number == n) {
			*number = n;
			free(list);
			return 0;
		}
	}
	for (i = 0; i < nr; i++) {
		if (*text && !strcmp(list[i].name, text)) {
			found++;
			last = i;
		}
	}
	if (found == 1) {
		*number = list[last].number;
	} else if (found) {
		code = several(ctx, sys, text, list, nr);
	} else {
		dmrl_fail(ctx, DM_REPLICA_CODE_NOT_FOUND,
			  numeric ? "system %s has no recovery point %s" :
				    "no recovery point of system %s has the label %s", sys->name, text);
		code = dmrl_hint(ctx, "replicactl recovery-point list %s shows the points",
				 sys->name);
	}
	free(list);
	return code;
}

/*
 * Choose the points to drop by the rules of the settings: set @op->dropped, and @state to
 * the state number.  The number is read first, so the kernel notices any later change.  A
 * step of the clock does not change the number: if there was one meanwhile, drop no
 * point.
 */
static int choose_drops(struct dmreplica *ctx, const struct dmreplica_system *sys,
			struct dmreplica_op *op, u64 *state)
{
	s64 offset = dmrl_clock_offset(), step;
	char text[DMREPLICA_UUID_TEXT];
	struct dmreplica_settings set;
	struct dmreplica_point *list;
	struct dmreplica_system seen;
	u64 now = dmrl_now();
	size_t nr, i;
	int code;

	code = dmreplica_system_attached(ctx, dmreplica_uuid_text(sys->uuid, text), &seen);
	if (!code)
		code = dmreplica_settings_get(ctx, &seen, &set);
	if (!code)
		code = dmrl_settings_drop(ctx, &seen, &set, now, &list, &nr);
	if (code)
		return code;
	step = dmrl_clock_offset() - offset;
	if (step >= CLOCK_STEP || step <= -CLOCK_STEP)
		nr = 0;
	*state = seen.state_number;
	for (i = 0; i < nr && i < DMREPLICA_MAX_POINTS; i++)
		op->dropped[i] = list[i].number;
	op->nr_dropped = i;
	dmreplica_list_free(list);
	return 0;
}

/* A request that makes a point: its command, and what it has beside @op. */
struct making {
	int cmd;
	dmrl_put_fn put;
	const void *arg;
};

/* Make one attempt.  Return: the code; @again is set if the system has changed meanwhile. */
static int make_by_rules(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 const struct making *how, struct dmreplica_op *op, bool *again)
{
	const unsigned int given = op->given;
	const u64 expect = op->expect_state;
	u64 state = 0;
	int code;

	*again = false;
	op->nr_dropped = 0;
	code = choose_drops(ctx, sys, op, &state);
	if (code == DM_REPLICA_CODE_NOT_FOUND)
		return code;
	/* Making a point is more important than dropping an older one. */
	if (code)
		dmrl_warn(ctx, "no rule of system %s is applied: %s", sys->name, ctx->message);
	if (op->nr_dropped) {
		op->given |= DMREPLICA_OP_DROP | DMREPLICA_OP_EXPECT_STATE;
		op->drop = op->dropped;
		op->nr_drop = op->nr_dropped;
		if (!(given & DMREPLICA_OP_EXPECT_STATE))
			op->expect_state = state;
	}
	code = dmrl_operate_with(ctx, how->cmd, sys, how->put, how->arg, op);
	*again = op->nr_dropped && ctx->err == ESTALE && !(given & DMREPLICA_OP_EXPECT_STATE);
	op->given = given;
	op->expect_state = expect;
	op->drop = NULL;
	op->nr_drop = 0;
	return code;
}

/* The time limit, in ms, is that of all attempts together. */
static u32 remaining(u32 timeout, u64 began)
{
	u64 gone = dmrl_now_ms() - began;

	return gone < timeout ? timeout - gone : 1;
}

static int make_and_drop(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 const struct making *how, struct dmreplica_op *op)
{
	const u64 began = dmrl_now_ms();
	unsigned int tries;
	u32 timeout;
	bool again;
	int code;

	timeout = op->timeout_ms;
	if (op->given & DMREPLICA_OP_DROP) {
		op->nr_dropped = 0;
		code = dmrl_operate_with(ctx, how->cmd, sys, how->put, how->arg, op);
		if (!code || code == DM_REPLICA_CODE_JOB_STARTED) {
			op->nr_dropped = op->nr_drop;
			memcpy(op->dropped, op->drop, op->nr_drop * sizeof(*op->drop));
		}
		return code;
	}
	for (tries = again = 0; tries < MAKE_TRIES; tries++) {
		op->timeout_ms = remaining(timeout, began);
		code = make_by_rules(ctx, sys, how, op, &again);
		if (!again)
			break;
	}
	if (again) {
		op->nr_dropped = 0;
		op->timeout_ms = remaining(timeout, began);
		code = dmrl_operate_with(ctx, how->cmd, sys, how->put, how->arg, op);
		if (!code || code == DM_REPLICA_CODE_JOB_STARTED)
			dmrl_warn(ctx, "system %s changes too often: the recovery point is made, and the rules are applied with the next one",
				  sys->name);
	}
	op->timeout_ms = timeout;
	if (code && code != DM_REPLICA_CODE_JOB_STARTED)
		op->nr_dropped = 0;
	return code;
}

/* Files of the points that are dropped with it go with them. */
static int make_point(struct dmreplica *ctx, const struct dmreplica_system *sys,
		      const struct making *how, struct dmreplica_op *op)
{
	struct dmreplica_op none = { 0 };
	int code;

	if (!op)
		op = &none;
	code = make_and_drop(ctx, sys, how, op);
	if (op->nr_dropped && (!code || code == DM_REPLICA_CODE_JOB_STARTED))
		dmreplica_point_files_sweep(ctx, sys);
	return code;
}

int dmreplica_point_make(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 struct dmreplica_op *op)
{
	static const struct making how = { .cmd = DM_REPLICA_CMD_POINT_NEW };

	return make_point(ctx, sys, &how, op);
}

int dmreplica_receive_end(struct dmreplica *ctx, const struct dmreplica_system *sys,
			  const uint8_t stream[16], struct dmreplica_op *op)
{
	const struct making how = {
		.cmd = DM_REPLICA_CMD_RECEIVE_END,
		.put = dmrl_put_stream,
		.arg = stream,
	};

	return make_point(ctx, sys, &how, op);
}
