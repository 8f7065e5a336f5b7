// SPDX-License-Identifier: GPL-2.0-only
/* replicactl settings */
#include <getopt.h>
#include <string.h>

#include "replicactl.h"

#define MOST_POINTS	512		/* limit of a store */
#define MOST_PERIODS	100000
#define MOST_SECONDS	(100ULL * 365 * 86400)
#define MOST_RESERVE	(1ULL << 60)

static const struct option options[] = {
	{ "keep-last", required_argument, NULL, 'l' },
	{ "keep-within", required_argument, NULL, 'w' },
	{ "keep-hourly", required_argument, NULL, 'H' },
	{ "keep-daily", required_argument, NULL, 'D' },
	{ "keep-weekly", required_argument, NULL, 'W' },
	{ "space-low", required_argument, NULL, 's' },
	{ "space-critical", required_argument, NULL, 'c' },
	{ "when-full", required_argument, NULL, 'f' },
	{ "live-reserve", required_argument, NULL, 'r' },
	{ "point-interval", required_argument, NULL, 'p' },
	{ "decide-within", required_argument, NULL, 'd' },
	{ "replication-interval", required_argument, NULL, 'i' },
	{ "vacuum-rate", required_argument, NULL, 'v' },
	{ "json", no_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 }
};

static const char *option_name(int c)
{
	unsigned int i;

	for (i = 0; options[i].name; i++)
		if (options[i].val == c)
			return options[i].name;
	return "";
}

static int take_count(int c, const char *text, uint32_t most, uint32_t *count)
{
	if (parse_count(text, most, count))
		return 0;
	return usage_error("--%s %s is neither a number from 0 to %u nor none", option_name(c), text,
			   most);
}

static int take_span(int c, const char *text, uint64_t *seconds)
{
	if (!parse_span(text, seconds))
		return usage_error("--%s %s is not a time: write it as 15m, 24h, 7d, 2w or 1d12h, or none",
				   option_name(c), text);
	if (*seconds > MOST_SECONDS)
		return usage_error("--%s %s is longer than 100 years", option_name(c), text);
	return 0;
}

static int take_percent(int c, const char *text, uint32_t *percent)
{
	if (parse_percent(text, percent))
		return 0;
	return usage_error("--%s %s is not from 1%% to 100%%", option_name(c), text);
}

/* Return: 0, or the status to end with. */
static int take(int c, const char *text, struct dmreplica_settings *set)
{
	switch (c) {
	case 'l':
		set->given |= DMREPLICA_SET_KEEP_LAST;
		return take_count(c, text, MOST_POINTS, &set->keep_last);
	case 'w':
		set->given |= DMREPLICA_SET_KEEP_WITHIN;
		return take_span(c, text, &set->keep_within);
	case 'H':
		set->given |= DMREPLICA_SET_KEEP_HOURLY;
		return take_count(c, text, MOST_PERIODS, &set->keep_hourly);
	case 'D':
		set->given |= DMREPLICA_SET_KEEP_DAILY;
		return take_count(c, text, MOST_PERIODS, &set->keep_daily);
	case 'W':
		set->given |= DMREPLICA_SET_KEEP_WEEKLY;
		return take_count(c, text, MOST_PERIODS, &set->keep_weekly);
	case 's':
		set->given |= DMREPLICA_SET_SPACE_LOW;
		return take_percent(c, text, &set->space_low);
	case 'c':
		set->given |= DMREPLICA_SET_SPACE_CRITICAL;
		return take_percent(c, text, &set->space_critical);
	case 'f':
		set->given |= DMREPLICA_SET_FULL_POLICY;
		if (!strcmp(text, "fail"))
			set->full_policy = DM_REPLICA_FULL_POLICY_FAIL;
		else if (!strcmp(text, "drop-oldest"))
			set->full_policy = DM_REPLICA_FULL_POLICY_DROP_OLDEST;
		else
			return usage_error("--when-full %s is not fail or drop-oldest", text);
		return 0;
	case 'r':
		set->given |= DMREPLICA_SET_LIVE_RESERVE;
		set->live_reserve = 0;
		if (strcmp(text, "none") && !parse_size(text, &set->live_reserve))
			return usage_error("--live-reserve %s is not a size: write it as 10G or 512M, or none",
					   text);
		if (set->live_reserve > MOST_RESERVE)
			return usage_error("--live-reserve %s is more than 1 EiB", text);
		return 0;
	case 'p':
		set->given |= DMREPLICA_SET_POINT_INTERVAL;
		return take_span(c, text, &set->point_interval);
	case 'd':
		set->given |= DMREPLICA_SET_DECIDE_WITHIN;
		return take_span(c, text, &set->decide_within);
	case 'i':
		set->given |= DMREPLICA_SET_REPLICATION_INTERVAL;
		return take_span(c, text, &set->replication_interval);
	case 'v':
		set->given |= DMREPLICA_SET_VACUUM_RATE;
		if (!parse_rate(text, &set->vacuum_rate))
			return usage_error("--vacuum-rate %s is not a rate: write bytes per second as 50M, or auto, unlimited or 0",
					   text);
		return 0;
	}
	return EXIT_USAGE;
}

/* Print a line for a rule that is set; @format takes the number and a plural s. */
static void print_rule(unsigned int *rules, const char *format, uint32_t n)
{
	if (!n)
		return;
	printf("%-21s", (*rules)++ ? "" : "  Points kept");
	printf(format, n, n == 1 ? "" : "s");
	printf("\n");
}

static void print_retention(const struct dmreplica_settings *set)
{
	unsigned int rules = 0;

	print_rule(&rules, "the last %u", set->keep_last);
	if (set->keep_within)
		printf("%-21sall of the last %s\n", rules++ ? "" : "  Points kept",
		       text_span(set->keep_within));
	print_rule(&rules, "the last of an hour, of %u hour%s", set->keep_hourly);
	print_rule(&rules, "the last of a day, of %u day%s", set->keep_daily);
	print_rule(&rules, "the last of a week, of %u week%s", set->keep_weekly);
	if (!rules)
		printf("  Points kept        all: there is no rule\n");
}

void show_settings(const struct dmreplica_settings *set)
{
	print_retention(set);
	printf("  Space is low       from %u %% of the slots, critical from %u %%\n", set->space_low,
	       set->space_critical);
	printf("  When it is full    %s\n", set->full_policy == DM_REPLICA_FULL_POLICY_DROP_OLDEST ?
	       "the oldest points that nothing uses are dropped" : "writes fail, nothing is dropped");
	printf("  Live reserve       %s\n",
	       set->live_reserve ? text_size(set->live_reserve) : "none");
	printf("  Point interval     %s\n", set->point_interval ?
	       text_span(set->point_interval) : "none: health does not look at it");
	printf("  Decide within      %s\n", set->decide_within ?
	       text_span(set->decide_within) : "none: health does not look at it");
	if (set->replication_interval)
		printf("  Replication        every %s: health warns after three times that\n",
		       text_span(set->replication_interval));
	else
		printf("  Replication        at no known interval: health warns after a day\n");
	printf("  Vacuum rate        %s\n", text_rate(set->vacuum_rate));
}

struct json_object *json_of_settings(const struct dmreplica_settings *set)
{
	struct json_object *obj = json_object_new_object();

	json_add_u64(obj, "keep_last", set->keep_last);
	json_add_u64(obj, "keep_within", set->keep_within);
	json_add_u64(obj, "keep_hourly", set->keep_hourly);
	json_add_u64(obj, "keep_daily", set->keep_daily);
	json_add_u64(obj, "keep_weekly", set->keep_weekly);
	json_add_u64(obj, "space_low", set->space_low);
	json_add_u64(obj, "space_critical", set->space_critical);
	json_add_u64(obj, "when_full", set->full_policy);
	json_add_string(obj, "when_full_name", dmreplica_full_policy_name(set->full_policy));
	json_add_u64(obj, "live_reserve", set->live_reserve);
	json_add_u64(obj, "point_interval", set->point_interval);
	json_add_u64(obj, "decide_within", set->decide_within);
	json_add_u64(obj, "replication_interval", set->replication_interval);
	json_add_rate(obj, "vacuum_rate", set->vacuum_rate);
	return obj;
}

/* List the points that the rules drop with the next point. */
static void print_drop(struct dmreplica *ctx, const struct dmreplica_system *sys,
		       const struct dmreplica_settings *set)
{
	struct dmreplica_point *list;
	size_t nr, i;

	if (dmreplica_settings_drop(ctx, sys, set, &list, &nr))
		return;
	if (nr)
		printf("The next recovery point drops %s:", text_count(nr, "older one"));
	for (i = 0; i < nr; i++)
		printf(" %llu", (unsigned long long)list[i].number);
	if (nr)
		printf("\n");
	dmreplica_list_free(list);
}

int cmd_settings(struct dmreplica *ctx, int argc, char **argv)
{
	struct dmreplica_settings set = { .given = 0 };
	struct dmreplica_system sys;
	struct json_object *obj;
	bool json = false;
	unsigned int given;
	int c, code, status;

	while ((c = next_option(argc, argv, "j", options, &status)) != -1) {
		if (c == '?')
			return status;
		if (c == 'j') {
			json = true;
			continue;
		}
		status = take(c, optarg, &set);
		if (status)
			return status;
	}
	if (optind != argc - 1)
		return usage_error("give one system");
	if ((set.given & DMREPLICA_SET_SPACE_LOW) && (set.given & DMREPLICA_SET_SPACE_CRITICAL) &&
	    set.space_low > set.space_critical)
		return usage_error("--space-low %u%% is above --space-critical %u%%", set.space_low,
				   set.space_critical);
	code = set.given ? dmreplica_system_attached(ctx, argv[optind], &sys) :
			   dmreplica_system_find(ctx, argv[optind], &sys);
	given = set.given;
	if (!code && set.given)
		code = dmreplica_settings_set(ctx, &sys, &set);
	if (!code)
		code = dmreplica_settings_get(ctx, &sys, &set);
	if (code)
		return refused(ctx, code);
	if (json) {
		obj = json_of_settings(&set);
		json_add_string(obj, "system", sys.name);
		json_add_uuid(obj, "system_uuid", sys.uuid);
		json_print(obj);
		return 0;
	}
	printf("%s  %s\n", sys.name, text_uuid(sys.uuid));
	show_settings(&set);
	if (given & DMREPLICA_SET_RULES)
		print_drop(ctx, &sys, &set);
	return 0;
}
