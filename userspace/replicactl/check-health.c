// SPDX-License-Identifier: GPL-2.0-only
/*
 * replicactl check-health: the health of systems, as a Nagios plugin.
 *
 * The first line of the output has the result and the performance data; the exit status is 0,
 * 1, 2 or 3 for OK, WARNING, CRITICAL and UNKNOWN, and 3 for every fault of the check itself.
 * All output is made in memory and written at the end, so that the time limit can end the
 * program with one whole line.
 */
#include <ctype.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replicactl.h"

#define SECOND		1000000000ULL
#define DEFAULT_LIMIT	10	/* s, as long as Nagios itself waits for a plugin */
#define HOUR		3600

enum result { OK, WARNING, CRITICAL, UNKNOWN };

static const char *const results[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

/* Limits of an option -w or -c, beside the system's own marks; 0: none. */
struct limits {
	uint32_t percent;		/* of the slots */
	uint64_t age;			/* of the newest point, s */
};

struct checked {
	enum result worst;
	struct limits warning, critical;
	FILE *summary;			/* behind "DMREPLICA WARNING - " */
	FILE *data;			/* performance data */
	FILE *detail;			/* the lines that follow */
	char *texts[3];			/* of the three, when they are closed */
	size_t nr;			/* of faults in the summary */
	char warned[256];		/* first warning of the library, "" if there is none */
};

static char late[128];			/* the output after the time limit */

static void too_late(int signal)
{
	(void)signal;
	if (write(STDOUT_FILENO, late, strlen(late)) < 0)
		_exit(UNKNOWN);
	_exit(UNKNOWN);
}

static void set_limit(uint32_t seconds)
{
	snprintf(late, sizeof(late), "DMREPLICA UNKNOWN - no result within %u s\n", seconds);
	signal(SIGALRM, too_late);
	alarm(seconds);
}

/* A '|' would end the summary, a quote a label of the data. */
static void put(FILE *f, const char *text)
{
	for (; *text; text++)
		fputc(strchr("|'", *text) || (unsigned char)*text < 0x20 ? '?' : *text, f);
}

static void note(struct checked *c, enum result result)
{
	/* UNKNOWN of one system does not hide that another is CRITICAL. */
	if (c->worst == CRITICAL || result == OK)
		return;
	if (result == CRITICAL || result > c->worst)
		c->worst = result;
}

/* Add a fault to the summary: "web1: low space". */
static void fault(struct checked *c, enum result result, const char *system, const char *text)
{
	note(c, result);
	if (c->nr++)
		fputs("; ", c->summary);
	put(c->summary, system);
	fputs(": ", c->summary);
	put(c->summary, text);
}

/* A warning: a system whose file cannot be read is not in the list. */
static void warned(void *arg, const char *text)
{
	struct checked *c = arg;

	if (!*c->warned)
		snprintf(c->warned, sizeof(c->warned), "%s", text);
}

static unsigned int percent_used(const struct dmreplica_system *sys)
{
	if (!sys->slots)
		return 0;
	return (sys->slots_used + sys->slots_reserved) * 100 / sys->slots;
}

/* The reasons of the module, and one more without a reason. */
static void check_reasons(struct checked *c, const struct dmreplica_system *sys)
{
	enum result result = sys->health == DM_REPLICA_HEALTH_CRITICAL ? CRITICAL : WARNING;
	const uint32_t space = DM_REPLICA_HEALTH_REASONS_LOW_SPACE | DM_REPLICA_HEALTH_REASONS_FULL;
	uint32_t bit, set = sys->health_reasons;
	char text[64], *p;

	if (sys->health <= DM_REPLICA_HEALTH_OK)
		return;
	/* past the critical mark it is past the low one */
	if (set & DM_REPLICA_HEALTH_REASONS_FULL)
		set &= ~DM_REPLICA_HEALTH_REASONS_LOW_SPACE;
	for (bit = 1; bit; bit <<= 1) {
		if (!(set & bit))
			continue;
		snprintf(text, sizeof(text), "%s", dmreplica_health_reason_name(bit));
		for (p = text; *p; p++)
			if (*p == '-')
				*p = ' ';
		if (!strcmp(text, "unknown"))
			snprintf(text, sizeof(text), "reason %#x unknown to this version", bit);
		else if (bit & space)
			snprintf(p, sizeof(text) - (p - text), " (%u %%)", percent_used(sys));
		fault(c, result, sys->name, text);
	}
	if (!set)
		fault(c, result, sys->name, dmreplica_health_name(sys->health));
	snprintf(text, sizeof(text), "%.50s: ", sys->name);
	print_advice(c->detail, text, sys);
}

static bool past(uint64_t value, uint64_t limit)
{
	return limit && value >= limit;
}

/* The limits of -w and -c for a value; @what: the fault as text. */
static void check_limits(struct checked *c, const struct dmreplica_system *sys, const char *what,
			 uint64_t value, uint64_t warning, uint64_t critical)
{
	if (past(value, critical))
		fault(c, CRITICAL, sys->name, what);
	else if (past(value, warning))
		fault(c, WARNING, sys->name, what);
}

/* A label of the performance data; its colons, blanks and quotes have a meaning. */
static void put_label(struct checked *c, const struct dmreplica_system *sys, const char *what)
{
	const char *p;

	if (ftell(c->data))
		fputc(' ', c->data);
	for (p = sys->name; *p; p++)
		fputc(isalnum((unsigned char)*p) || strchr("._+-", *p) ? *p : '_', c->data);
	fprintf(c->data, "_%s=", what);
}

/* A limit in the performance data, where there is one. */
static void put_limit(struct checked *c, uint64_t limit)
{
	fputc(';', c->data);
	if (limit)
		fprintf(c->data, "%llu", (unsigned long long)limit);
}

static void check_space(struct checked *c, const struct dmreplica_system *sys,
			const struct dmreplica_settings *set)
{
	unsigned int used = percent_used(sys);
	char text[64];

	snprintf(text, sizeof(text), "%u %% of the slots used", used);
	check_limits(c, sys, text, used, c->warning.percent, c->critical.percent);
	put_label(c, sys, "slots");
	fprintf(c->data, "%u%%", used);
	put_limit(c, c->warning.percent ? c->warning.percent : set->space_low);
	put_limit(c, c->critical.percent ? c->critical.percent : set->space_critical);
	fputs(";0;100", c->data);
}

/* Without a point there is no age; the reason no-point reports that. */
static void check_age(struct checked *c, const struct dmreplica_system *sys,
		      const struct dmreplica_settings *set, uint64_t newest)
{
	uint64_t now = now_ns(), age = now > newest ? (now - newest) / SECOND : 0;
	char text[96];

	if (!newest)
		return;
	snprintf(text, sizeof(text), "newest recovery point is %s old", text_span(age));
	check_limits(c, sys, text, age, c->warning.age, c->critical.age);
	put_label(c, sys, "point_age");
	fprintf(c->data, "%llus", (unsigned long long)age);
	put_limit(c, c->warning.age ? c->warning.age : set->point_interval);
	put_limit(c, c->critical.age);
	fputs(";0", c->data);
}

/* A system that is not attached here may be so on another host of a cluster: no fault. */
static void check_detached(struct dmreplica *ctx, struct checked *c, struct dmreplica_system *sys)
{
	if (!dmreplica_system_read_store(ctx, sys) && sys->elsewhere) {
		fprintf(c->detail, "%s: active on the host with machine id %s\n", sys->name,
			text_host(sys->active_host));
		return;
	}
	fault(c, CRITICAL, sys->name, "not attached");
	fprintf(c->detail, "%s: replicactl attach %s\n", sys->name, sys->name);
}

static void check_one(struct dmreplica *ctx, struct checked *c, struct dmreplica_system *sys)
{
	struct dmreplica_settings set = { .space_low = 0 };
	struct dmreplica_point *points = NULL;
	size_t nr = 0;
	int code;

	if (!sys->attached) {
		check_detached(ctx, c, sys);
		return;
	}
	check_reasons(c, sys);
	/* A module without settings has no marks; rules of retention are of no interest here. */
	code = dmreplica_settings_get(ctx, sys, &set);
	if (code == DM_REPLICA_CODE_NOT_SUPPORTED || code == DM_REPLICA_CODE_INVALID_TYPE)
		code = 0;
	if (!code)
		code = dmreplica_point_list(ctx, sys, &points, &nr);
	if (code) {
		fault(c, UNKNOWN, sys->name, dmreplica_message(ctx));
		return;
	}
	check_space(c, sys, &set);
	check_age(c, sys, &set, nr ? points[nr - 1].time : 0);
	dmreplica_list_free(points);
}

/* The state of one system, or the number of all. */
static void put_good(struct checked *c, const struct dmreplica_system *list, size_t nr)
{
	if (nr != 1) {
		fputs(text_count(nr, "system"), c->summary);
		return;
	}
	put(c->summary, list->name);
	fprintf(c->summary, ": %s", list->attached ? dmreplica_state_name(list->state) :
						     "active on another host");
}

static int unknown(const char *text)
{
	printf("DMREPLICA UNKNOWN - ");
	put(stdout, text);
	printf("\n");
	return UNKNOWN;
}

static void print_result(const struct checked *c, int status)
{
	const char *p;

	printf("DMREPLICA %s - %s%s%s\n", results[status], c->texts[0], *c->texts[1] ? " | " : "",
	       c->texts[1]);
	/* In the further lines, too, a '|' begins performance data. */
	for (p = c->texts[2]; *p; p++)
		putchar(*p == '|' ? '?' : *p);
}

static int check_all(struct dmreplica *ctx, struct checked *c, struct dmreplica_system *list,
		     size_t nr)
{
	FILE **files[] = { &c->summary, &c->data, &c->detail };
	size_t bytes[3], i;
	int status = UNKNOWN;

	for (i = 0; i < 3; i++)
		*files[i] = open_memstream(&c->texts[i], &bytes[i]);
	if (c->summary && c->data && c->detail) {
		for (i = 0; i < nr; i++)
			check_one(ctx, c, &list[i]);
		if (*c->warned)
			fault(c, UNKNOWN, "files", c->warned);
		if (c->worst == OK)
			put_good(c, list, nr);
		status = c->worst;
	}
	for (i = 0; i < 3; i++)
		if (!*files[i] || fclose(*files[i]))
			status = -1;
	alarm(0);
	if (status >= 0)
		print_result(c, status);
	else
		status = unknown("out of memory");
	for (i = 0; i < 3; i++)
		free(c->texts[i]);
	return status;
}

/* "80%", "1h" or both, separated by a comma. */
static bool parse_limits(const char *text, struct limits *limits)
{
	char copy[64], *word, *save = NULL;

	memset(limits, 0, sizeof(*limits));
	if (!*text || strlen(text) >= sizeof(copy) || strstr(text, ",,") || *text == ',' ||
	    text[strlen(text) - 1] == ',')
		return false;
	strcpy(copy, text);
	for (word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		if (word[strlen(word) - 1] == '%') {
			if (limits->percent || !parse_percent(word, &limits->percent))
				return false;
		} else if (limits->age || !parse_span(word, &limits->age) || !limits->age) {
			return false;
		}
	}
	return true;
}

/* Return: false if the command ends with *@status. */
static bool parse(int argc, char **argv, struct checked *c, uint64_t *seconds, int *status)
{
	static const struct option options[] = {
		{ "warning", required_argument, NULL, 'w' },
		{ "critical", required_argument, NULL, 'c' },
		{ "timeout", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 }
	};
	int o;

	while ((o = next_option(argc, argv, "w:c:t:", options, status)) != -1) {
		if (o != 'w' && o != 'c' && o != 't')
			return false;
		if (o == 't' ? parse_number(optarg, seconds) && *seconds && *seconds <= HOUR :
			       parse_limits(optarg, o == 'w' ? &c->warning : &c->critical))
			continue;
		*status = o == 't' ?
			usage_error("-t %s is not a number of seconds up to %u", optarg, HOUR) :
			usage_error("-%c %s is neither a percentage as 80%% nor a time as 90s, 15m, 2h, nor both as 80%%,2h",
				    o, optarg);
		return false;
	}
	if (optind < argc - 1)
		*status = usage_error("give one system, or none for all");
	else if ((c->warning.percent && c->critical.percent < c->warning.percent &&
		  c->critical.percent) ||
		 (c->warning.age && c->critical.age && c->critical.age < c->warning.age))
		*status = usage_error("the limit of -c is below that of -w");
	else
		return true;
	return false;
}

int cmd_check_health(struct dmreplica *ctx, int argc, char **argv)
{
	uint64_t seconds = DEFAULT_LIMIT;
	struct dmreplica_system *list = NULL, one;
	struct dmreplica_versions versions;
	struct checked c = { .worst = OK };
	const char *name;
	int code, status;
	size_t nr = 1;

	if (!parse(argc, argv, &c, &seconds, &status))
		return status;
	name = argv[optind];
	set_limit(seconds);
	/* a device that hangs is no reason for this program to hang */
	dmreplica_set_patience(ctx, PATIENCE_MS);
	dmreplica_on_warning(ctx, warned, &c);
	code = name ? dmreplica_system_find(ctx, name, &one) :
		      dmreplica_system_list(ctx, &list, &nr);
	if (code)
		return unknown(dmreplica_message(ctx));
	dmreplica_versions(ctx, &versions);
	if (!versions.module_family)
		status = unknown("module dm-replica is not loaded");
	else if (!nr && !*c.warned)
		status = unknown("no system is known here");
	else
		status = check_all(ctx, &c, name ? &one : list, nr);
	dmreplica_list_free(list);
	return status;
}
