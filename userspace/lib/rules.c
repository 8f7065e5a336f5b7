// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules of retention of a system, as they are stored: an entry of the host area with
 * JSON as its value, all rules in one, so that they change together.  host-json.c has its
 * form, retention.c the meaning of the rules.
 */
#include <errno.h>
#include <string.h>

#include <json-c/json.h>

#include "private.h"

#define RULES_KEY	"retention/rules"
#define RULES_TRIES	20

enum { LAST, WITHIN, HOURLY, DAILY, WEEKLY, RULES };

static const char *const names[RULES] = { "last", "within", "hourly", "daily", "weekly" };

static const struct {
	unsigned int given;
	u64 most;
	const char *fault;
} rules[RULES] = {
	[LAST] = { DMREPLICA_SET_KEEP_LAST, DMR_MAX_POINTS,
		   "keep-last is above 512, the limit of recovery points" },
	[WITHIN] = { DMREPLICA_SET_KEEP_WITHIN, DMR_MAX_SPAN, "keep-within is above 100 years" },
	[HOURLY] = { DMREPLICA_SET_KEEP_HOURLY, 100000, "keep-hourly is above 100000" },
	[DAILY] = { DMREPLICA_SET_KEEP_DAILY, 100000, "keep-daily is above 100000" },
	[WEEKLY] = { DMREPLICA_SET_KEEP_WEEKLY, 100000, "keep-weekly is above 100000" },
};

static void from_settings(const struct dmreplica_settings *set, u64 *values)
{
	values[LAST] = set->keep_last;
	values[WITHIN] = set->keep_within;
	values[HOURLY] = set->keep_hourly;
	values[DAILY] = set->keep_daily;
	values[WEEKLY] = set->keep_weekly;
}

static void to_settings(const u64 *values, struct dmreplica_settings *set)
{
	set->keep_last = values[LAST];
	set->keep_within = values[WITHIN];
	set->keep_hourly = values[HOURLY];
	set->keep_daily = values[DAILY];
	set->keep_weekly = values[WEEKLY];
}

static bool read_members(u64 *values, struct json_object *obj, struct dmrl_fault *fault)
{
	struct json_object *member[RULES];
	unsigned int i;
	s64 value;

	if (!dmrl_json_members(obj, names, RULES, member, fault))
		return false;
	for (i = 0; i < RULES; i++) {
		if (!json_object_is_type(member[i], json_type_int))
			return dmrl_wrong(fault, "%s is not a whole number", names[i]);
		value = json_object_get_int64(member[i]);
		if (value < 0)
			return dmrl_wrong(fault, "%s is below 0", names[i]);
		if ((u64)value > rules[i].most)
			return dmrl_wrong(fault, "%s", rules[i].fault);
		values[i] = value;
	}
	return true;
}

static bool read_value(u64 *values, const char *text, size_t bytes, struct dmrl_fault *fault)
{
	struct json_object *obj = dmrl_json_parse(text, bytes, fault);
	bool good;

	good = obj && read_members(values, obj, fault) &&
	       dmrl_json_plain(obj, text, bytes, fault);
	json_object_put(obj);
	return good;
}

/* Set all to 0 if there is no entry. */
static int read_rules(struct dmreplica *ctx, const struct dmreplica_system *sys, u64 *values)
{
	struct dmreplica_host_entry *list;
	struct dmrl_fault fault;
	size_t nr, i;
	int code;

	memset(values, 0, RULES * sizeof(*values));
	code = dmreplica_host_area_list(ctx, sys, &list, &nr);
	if (code)
		return code;
	for (i = 0; i < nr && strcmp(list[i].key, RULES_KEY); i++)
		;
	if (i < nr && !read_value(values, (const char *)list[i].value, list[i].bytes, &fault)) {
		memset(values, 0, RULES * sizeof(*values));
		code = dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_TYPE,
				 "entry " RULES_KEY " of the host area of system %s has no rules of retention: %s",
				 sys->name, fault.text);
		dmrl_hint(ctx, "replicactl host-area list %s shows it; replicactl settings with all --keep options replaces it",
			  sys->name);
	}
	dmreplica_list_free(list);
	return code;
}

/**
 * dmrl_rules_get() - get the rules in force
 * @ctx: the context.
 * @sys: the system, attached or not.
 * @set: keep_* are filled in, with 0 after a refusal.
 *
 * Return: 0; 32776 if the entry is not such rules; others as usual.
 */
int dmrl_rules_get(struct dmreplica *ctx, const struct dmreplica_system *sys,
		   struct dmreplica_settings *set)
{
	u64 values[RULES];
	int code = read_rules(ctx, sys, values);

	to_settings(values, set);
	return code;
}

static int write_rules(struct dmreplica *ctx, const struct dmreplica_system *sys,
		       const u64 *values, uint64_t state)
{
	char text[200];
	int bytes;

	bytes = snprintf(text, sizeof(text),
			 "{\"%s\":%llu,\"%s\":%llu,\"%s\":%llu,\"%s\":%llu,\"%s\":%llu}",
			 names[LAST], (unsigned long long)values[LAST],
			 names[WITHIN], (unsigned long long)values[WITHIN],
			 names[HOURLY], (unsigned long long)values[HOURLY],
			 names[DAILY], (unsigned long long)values[DAILY],
			 names[WEEKLY], (unsigned long long)values[WEEKLY]);
	return dmreplica_host_area_set(ctx, sys, RULES_KEY, text, bytes, &state);
}

/* Add the rules that are given to those in force. */
static int merge_rules(struct dmreplica *ctx, const struct dmreplica_system *sys,
		       const struct dmreplica_settings *set, u64 *values)
{
	u64 wanted[RULES];
	unsigned int i;
	int code;

	code = read_rules(ctx, sys, values);
	/* With all of them given, nothing of the entry remains. */
	if (code && (code != DM_REPLICA_CODE_INVALID_TYPE ||
		     (set->given & DMREPLICA_SET_RULES) != DMREPLICA_SET_RULES))
		return code;
	from_settings(set, wanted);
	for (i = 0; i < RULES; i++)
		if (set->given & rules[i].given)
			values[i] = wanted[i];
	for (i = 0; i < RULES; i++)
		if (values[i] > rules[i].most)
			return dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER, "%s",
					 rules[i].fault);
	return 0;
}

/** dmrl_rules_check() - would dmrl_rules_set() refuse the rules, by the present state? */
int dmrl_rules_check(struct dmreplica *ctx, const struct dmreplica_system *sys,
		     const struct dmreplica_settings *set)
{
	u64 values[RULES];

	return merge_rules(ctx, sys, set, values);
}

/*
 * Try once.  R11: read the state number before the rules, so that a change by another
 * program in between is not lost.
 */
static int change_rules(struct dmreplica *ctx, const struct dmreplica_system *sys,
			const struct dmreplica_settings *set)
{
	char text[DMREPLICA_UUID_TEXT];
	struct dmreplica_system seen;
	u64 values[RULES];
	int code;

	code = dmreplica_system_attached(ctx, dmreplica_uuid_text(sys->uuid, text), &seen);
	if (!code)
		code = merge_rules(ctx, &seen, set, values);
	if (code)
		return code;
	return write_rules(ctx, &seen, values, set->given & DMREPLICA_SET_EXPECT_STATE ?
			   set->expect_state : seen.state_number);
}

/**
 * dmrl_rules_set() - change rules, keep the others
 * @ctx: the context.
 * @sys: the system, attached.
 * @set: the new rules.
 *
 * Return: 0 or a refusal; nothing has changed then.
 */
int dmrl_rules_set(struct dmreplica *ctx, const struct dmreplica_system *sys,
		   const struct dmreplica_settings *set)
{
	unsigned int tries;
	int code = 0;

	for (tries = 0; tries < RULES_TRIES; tries++) {
		code = change_rules(ctx, sys, set);
		if (!code || ctx->err != ESTALE || (set->given & DMREPLICA_SET_EXPECT_STATE))
			return code;
	}
	dmrl_fail(ctx, code, "system %s changes too often: no rule of retention was changed",
		  sys->name);
	return dmrl_hint(ctx, "try again");
}
