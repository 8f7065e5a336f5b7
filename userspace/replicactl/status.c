// SPDX-License-Identifier: GPL-2.0-only
/* replicactl list, status */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "peer-show.h"

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * part / whole : 0;
}

int cmd_list(struct dmreplica *ctx, int argc, char **argv)
{
	struct json_object *array = NULL;
	struct dmreplica_system *list;
	int code, status;
	bool json;
	size_t nr, i;

	if (!parse_json_option(argc, argv, &json, &status))
		return status;
	if (optind != argc)
		return usage_error("too many arguments: %s", argv[optind]);
	code = dmreplica_system_list(ctx, &list, &nr);
	if (code)
		return refused(ctx, code);
	if (json)
		array = json_object_new_array();
	else if (nr)
		printf("%-20s %-36s %-34s %5s %6s %s\n", "NAME", "UUID", "STATE", "DISKS", "POINTS",
		       "ROLE");
	else
		printf("no system is known here; replicactl create makes one, replicactl scan looks for stores\n");
	for (i = 0; i < nr; i++) {
		if (json)
			json_object_array_add(array, json_system(&list[i]));
		else if (list[i].attached)
			printf("%-20s %-36s %-34s %5u %6u %s\n", list[i].name,
			       text_uuid(list[i].uuid), text_state(list[i].state), list[i].disks,
			       list[i].points, dmreplica_role_name(&list[i]));
		else
			printf("%-20s %-36s %-34s %5u %6s %s\n", list[i].name,
			       text_uuid(list[i].uuid), "not attached", list[i].disks, "-", "-");
	}
	if (json)
		json_print(array);
	dmreplica_list_free(list);
	return 0;
}

struct status {
	struct dmreplica_system *sys;
	struct dmreplica_disk *disks;
	struct dmreplica_point *points;
	struct dmreplica_job *jobs;
	struct dmreplica_settings *settings;	/* NULL from a module without settings */
	struct dmreplica_adapter *adapters;
	struct peer_show peers;
	char rules_why[512];			/* reason that rules of retention cannot be read */
	char adapters_why[512];			/* reason that adapters cannot be read */
	size_t nr_adapters;
	size_t nr_disks;
	size_t nr_points;
	size_t nr_jobs;
	int code;		/* reason that the store could not be read */
	const char *why;
	const char *hint;
};

static void print_origin(const struct status *st, const char *what, uint64_t number, uint64_t time)
{
	size_t i;

	for (i = 0; i < st->nr_points; i++)
		if (st->points[i].number == number)
			break;
	printf("  %-16s point %llu", what, (unsigned long long)number);
	if (i < st->nr_points)
		printf(" of %s%s%s%s", text_time(st->points[i].time),
		       *st->points[i].name ? " \"" : "", st->points[i].name,
		       *st->points[i].name ? "\"" : "");
	printf(", at %s\n", text_time(time));
}

static void print_overlays(const struct status *st)
{
	const struct dmreplica_system *sys = st->sys;

	/* committed systems are failed over as well, with nothing to revert */
	if (sys->live_time) {
		print_origin(st, "Failed over to", sys->live_point, sys->live_time);
		printf("  Revert discards  %s, written in %s\n", text_size(sys->live_bytes),
		       text_age(sys->live_time));
	}
	if (sys->test_time) {
		print_origin(st, "Test failover", sys->test_point, sys->test_time);
		printf("  Stop discards    %s, written in %s\n", text_size(sys->test_bytes),
		       text_age(sys->test_time));
	}
}

static void print_disk(const struct dmreplica_disk *disk, const struct dmreplica_system *sys)
{
	printf("  Disk %-11s %s, home %s\n", disk->name, text_size(disk->bytes),
	       *disk->home ? disk->home : "not attached");
	if (disk->lost_writes)
		printf("      lost writes  the home has lost writes; none are taken until reset-errors\n");
	if (!sys->attached)
		return;
	printf("      replica      %s\n", text_device(disk->replica_major, disk->replica_minor));
	printf("      %-12s %s%s\n",
	       sys->flags & DM_REPLICA_SYSTEM_FLAGS_PRIMARY ? "machine" : "failover",
	       text_device(disk->live_major, disk->live_minor),
	       disk->live_openers ? ", in use" : "");
	if (sys->live_time && disk->live_bytes)
		printf("                   %s written there\n", text_size(disk->live_bytes));
	printf("      test         %s%s\n", text_device(disk->test_major, disk->test_minor),
	       disk->test_openers ? ", in use" : "");
	if (sys->test_time && disk->test_bytes)
		printf("                   %s written there\n", text_size(disk->test_bytes));
	if (disk->errors)
		printf("      errors       %llu\n", (unsigned long long)disk->errors);
}

static void print_space(const struct status *st)
{
	const struct dmreplica_system *sys = st->sys;

	printf("  Store            %s, %s, chunks of %s\n", sys->store,
	       text_size(sys->store_bytes), text_size(sys->chunk_bytes));
	if (sys->store_device_bytes >= sys->store_bytes + (1 << 20))
		printf("                   its device has %s: replicactl grow %s uses them\n",
		       text_size(sys->store_device_bytes), sys->name);
	printf("      slots        %llu of %llu in use, %.1f %%",
	       (unsigned long long)sys->slots_used, (unsigned long long)sys->slots,
	       percent(sys->slots_used, sys->slots));
	if (st->settings)
		printf("; low from %u %%, critical from %u %%", st->settings->space_low,
		       st->settings->space_critical);
	printf("\n");
	if (sys->slots_reserved)
		printf("                   %llu more are kept for the failover, %s\n",
		       (unsigned long long)sys->slots_reserved,
		       text_size(sys->slots_reserved * sys->chunk_bytes));
	printf("      log          %llu of %llu blocks in use, %.1f %%\n",
	       (unsigned long long)sys->log_used, (unsigned long long)sys->log_blocks,
	       percent(sys->log_used, sys->log_blocks));
}

static void print_statistics(const struct dmreplica_system *sys)
{
	bool primary = sys->flags & DM_REPLICA_SYSTEM_FLAGS_PRIMARY;

	/* counted while attached, by a module that also reports health */
	if (sys->health)
		printf("  %-16s %s in %s since the last point or the attach\n",
		       primary ? "Written" : "Replicated", text_size(sys->replicated_bytes),
		       text_count(sys->replicated_writes, "write"));
	if (!primary && (sys->health || sys->last_received_time))
		printf("  Last received    %s\n", text_time(sys->last_received_time));
	if (sys->health || sys->points_made)
		printf("  Points so far    %llu made, %llu dropped, the last was made %s\n",
		       (unsigned long long)sys->points_made,
		       (unsigned long long)sys->points_dropped,
		       sys->last_point_time ? text_time(sys->last_point_time) : "never");
	if (sys->health || sys->last_test_time)
		printf("  Last test        %s\n", text_time(sys->last_test_time));
}

static void print_vacuum(const struct dmreplica_system *sys)
{
	if (sys->vacuum_pending || sys->vacuum_held || sys->home_bytes ||
	    sys->vacuum_rate != DMREPLICA_RATE_ADAPTS)
		printf("  Vacuum           %s to do, %s%s\n",
		       text_count(sys->vacuum_pending, "version"), text_rate(sys->vacuum_rate),
		       sys->vacuum_held ? ", held still" : "");
	if (sys->home_bytes)
		printf("      left         %s to move home\n", text_size(sys->home_bytes));
	if (sys->flags & DM_REPLICA_SYSTEM_FLAGS_STAY)
		printf("      cancelled    nothing moves home; replicactl move-home %s restarts it\n",
		       sys->name);
}

/* Points that are open, and the views: one with a name shows one point after another. */
static void print_open(const struct status *st)
{
	bool any = false;
	size_t i;

	for (i = 0; i < st->nr_points; i++) {
		if (!*st->points[i].views)
			continue;
		printf("%s%llu", any ? ", " : "      open         ",
		       (unsigned long long)st->points[i].number);
		if (strspn(st->points[i].views, "0123456789") != strlen(st->points[i].views))
			printf(" (%s)", st->points[i].views);
		any = true;
	}
	if (any)
		printf(", for reading\n");
}

/* The stream that is half in, or was given up. */
static void print_stream(const struct dmreplica_system *sys)
{
	if (!sys->stream_point)
		return;
	printf("      %s point %llu, from ", sys->flags & DM_REPLICA_SYSTEM_FLAGS_ABORTED ?
	       "given up    " : "arriving    ", (unsigned long long)sys->stream_point);
	if (sys->stream_base)
		printf("point %llu", (unsigned long long)sys->stream_base);
	else
		printf("nothing");
	if (sys->flags & DM_REPLICA_SYSTEM_FLAGS_ABORTED)
		printf(", half in\n");
	else if (sys->stream_disk < sys->disks)
		printf(": disk %u up to %s\n", sys->stream_disk, text_size(sys->stream_offset));
	else
		printf(": all is here\n");
}

static void print_points(const struct status *st)
{
	const struct dmreplica_system *sys = st->sys;

	if (st->nr_points)
		printf("  Recovery points  %u, the newest is %llu of %s\n", sys->points,
		       (unsigned long long)st->points[st->nr_points - 1].number,
		       text_time(st->points[st->nr_points - 1].time));
	else
		printf("  Recovery points  %u\n", sys->points);
	print_open(st);
	print_stream(sys);
}

static void print_flags(const struct dmreplica_system *sys)
{
	if (sys->flags & DM_REPLICA_SYSTEM_FLAGS_SUSPENDED)
		printf("  Suspended        replication is suspended\n");
	if (sys->flags & DM_REPLICA_SYSTEM_FLAGS_REMOVING)
		printf("  Removed          everything moves home; then replicactl remove %s does the rest\n",
		       sys->name);
	else if (sys->state == DM_REPLICA_STATE_DISABLED)
		printf("  Removed          the homes are plain disks; replicactl remove %s does the rest\n",
		       sys->name);
	if (*sys->reason)
		printf("  Reason           %s\n", sys->reason);
	if (sys->flags & DM_REPLICA_SYSTEM_FLAGS_INCOMPLETE)
		printf("  Incomplete       %u of %u disks are attached\n", sys->disks_attached,
		       sys->disks);
}

static void print_status(const struct status *st)
{
	const struct dmreplica_system *sys = st->sys;
	unsigned int running = 0;
	size_t i;

	printf("%s  %s%s\n", sys->name, text_uuid(sys->uuid),
	       sys->attached ? "" : sys->elsewhere ? "  not attached here" : "  not attached");
	if (sys->elsewhere)
		printf("  Active on        another host, machine id %s, since %s\n",
		       text_host(sys->active_host), text_time(sys->active_time));
	if (!sys->read) {
		printf("  Store            %s\n", sys->store);
		printf("  State            cannot be read from the store: %s\n", st->why);
		return;
	}
	printf("  State            %s since %s, state number %llu\n", text_state(sys->state),
	       text_time(sys->state_time), (unsigned long long)sys->state_number);
	if (sys->flags & DM_REPLICA_SYSTEM_FLAGS_PRIMARY)
		printf("  Role             primary: the machine runs on the devices below\n");
	if (sys->state_stored != sys->state)
		printf("  The store has    %s: the state after the next attach\n",
		       text_state(sys->state_stored));
	print_health(sys);
	print_flags(sys);
	print_overlays(st);
	if (sys->flags & DM_REPLICA_SYSTEM_FLAGS_TEST)
		printf("  Test             a test failover is online\n");
	print_points(st);
	peer_show_print(&st->peers, sys, st->points, st->nr_points);
	print_statistics(sys);
	print_space(st);
	print_vacuum(sys);
	for (i = 0; i < st->nr_disks; i++)
		print_disk(&st->disks[i], sys);
	for (i = 0; i < st->nr_adapters; i++)
		show_adapter(&st->adapters[i]);
	if (*st->rules_why)
		printf("  Points kept      all: the rules cannot be shown: %s\n", st->rules_why);
	if (*st->adapters_why)
		printf("  Adapters         cannot be shown: %s\n", st->adapters_why);
	for (i = 0; i < st->nr_jobs; i++) {
		if (dmreplica_job_ended(st->jobs[i].state))
			continue;
		printf("  Job %-12llu %s, %s, %u %%\n", (unsigned long long)st->jobs[i].id,
		       dmreplica_job_type_name(st->jobs[i].type),
		       dmreplica_job_state_name(st->jobs[i].state), st->jobs[i].percent);
		running++;
	}
	if (!running && sys->attached)
		printf("  Jobs             none is running\n");
}

/* Add the reason that a system or its store cannot be shown, in one form for all reasons. */
static void add_error(struct json_object *obj, int code, const char *message, const char *hint)
{
	struct json_object *error = json_object_new_object();

	json_add_u64(error, "code", code);
	json_add_string(error, "code_name", dmreplica_code_name(code));
	json_add_string(error, "message", message);
	json_add_string(error, "hint", hint);
	json_object_object_add(obj, "error", error);
}

/* Rules that cannot be read are null. */
static struct json_object *json_settings_of(const struct status *st)
{
	static const char *const rules[] = { "keep_last", "keep_within", "keep_hourly",
					     "keep_daily", "keep_weekly" };
	struct json_object *obj = st->settings ? json_of_settings(st->settings) : NULL;
	size_t i;

	for (i = 0; obj && *st->rules_why && i < sizeof(rules) / sizeof(*rules); i++)
		json_object_object_add(obj, rules[i], NULL);
	return obj;
}

static struct json_object *json_status(const struct status *st)
{
	struct json_object *obj = json_system(st->sys);

	if (!st->sys->read) {
		add_error(obj, st->code, st->why, st->hint);
		return obj;
	}
	json_object_object_add(obj, "disk_list", json_list(st->disks, st->nr_disks, json_disk));
	json_object_object_add(obj, "point_list", json_list(st->points, st->nr_points, json_point));
	peer_show_json(obj, &st->peers, st->sys, st->points, st->nr_points);
	json_object_object_add(obj, "job_list", json_list(st->jobs, st->nr_jobs, json_job));
	json_object_object_add(obj, "settings", json_settings_of(st));
	if (*st->rules_why)
		json_add_string(obj, "settings_fault", st->rules_why);
	json_object_object_add(obj, "adapter_list",
			       json_list(st->adapters, st->nr_adapters, json_of_adapter));
	if (*st->adapters_why)
		json_add_string(obj, "adapter_list_fault", st->adapters_why);
	return obj;
}

/*
 * Leave out settings and adapters if an older module lacks them.  An invalid entry of the
 * host area must not hide the rest.
 */
static int look_further(struct dmreplica *ctx, struct status *st,
			struct dmreplica_settings *settings)
{
	int code;

	code = dmreplica_settings_get(ctx, st->sys, settings);
	if (code == DM_REPLICA_CODE_INVALID_TYPE)
		snprintf(st->rules_why, sizeof(st->rules_why), "%s", dmreplica_message(ctx));
	if (!code || code == DM_REPLICA_CODE_INVALID_TYPE)
		st->settings = settings;
	else if (code != DM_REPLICA_CODE_NOT_SUPPORTED)
		return code;
	code = dmreplica_adapter_list(ctx, st->sys, &st->adapters, &st->nr_adapters);
	if (code == DM_REPLICA_CODE_INVALID_TYPE) {
		snprintf(st->adapters_why, sizeof(st->adapters_why), "%s", dmreplica_message(ctx));
		return 0;
	}
	return code == DM_REPLICA_CODE_NOT_SUPPORTED ? 0 : code;
}

/*
 * Show one system.  If it is not attached and its store cannot be read, which needs
 * privilege, show that instead of a refusal.
 */
static int show(struct dmreplica *ctx, struct dmreplica_system *sys, struct json_object *array)
{
	struct dmreplica_settings settings;
	struct status st = { .sys = sys };
	char why[512], hint[512];
	int code = 0;

	if (!sys->attached)
		st.code = dmreplica_system_read_store(ctx, sys);
	if (st.code) {
		snprintf(why, sizeof(why), "%s", dmreplica_message(ctx));
		snprintf(hint, sizeof(hint), "%s", dmreplica_hint(ctx));
		st.why = why;
		st.hint = hint;
	} else {
		code = dmreplica_disk_list(ctx, sys, &st.disks, &st.nr_disks);
		if (!code)
			code = dmreplica_point_list(ctx, sys, &st.points, &st.nr_points);
		if (!code && sys->attached)
			code = dmreplica_job_list(ctx, sys, &st.jobs, &st.nr_jobs);
		if (!code)
			code = look_further(ctx, &st, &settings);
		if (!code)
			peer_show_read(ctx, sys, &st.peers);
	}
	if (!code && array)
		json_object_array_add(array, json_status(&st));
	else if (!code)
		print_status(&st);
	dmreplica_list_free(st.disks);
	dmreplica_list_free(st.points);
	dmreplica_list_free(st.jobs);
	dmreplica_list_free(st.adapters);
	return code;
}

static int worse(int a, int b)
{
	return a > b ? a : b;
}

/* Report a system that cannot be shown, and go on with the others. */
static int not_shown(struct dmreplica *ctx, int code, struct json_object *array,
		     const char *name)
{
	struct json_object *obj;

	if (array) {
		obj = json_object_new_object();
		json_add_string(obj, "name", name);
		add_error(obj, code, dmreplica_message(ctx), dmreplica_hint(ctx));
		json_object_array_add(array, obj);
	}
	return refused(ctx, code);
}

int cmd_status(struct dmreplica *ctx, int argc, char **argv)
{
	struct json_object *array = NULL;
	struct dmreplica_system *list = NULL, sys;
	int code = 0, one, status = 0;
	bool json;
	size_t nr = 0, i;

	if (!parse_json_option(argc, argv, &json, &status))
		return status;
	status = 0;
	dmreplica_set_patience(ctx, PATIENCE_MS);
	if (json)
		array = json_object_new_array();
	if (optind == argc) {
		code = dmreplica_system_list(ctx, &list, &nr);
		if (!code && !nr && !json)
			printf("no system is known here\n");
		if (code)
			status = refused(ctx, code);
		for (i = 0; i < nr && !code; i++) {
			one = show(ctx, &list[i], array);
			if (one)
				status = worse(status, not_shown(ctx, one, array, list[i].name));
		}
		dmreplica_list_free(list);
	}
	for (; optind < argc; optind++) {
		one = dmreplica_system_find(ctx, argv[optind], &sys);
		if (!one)
			one = show(ctx, &sys, array);
		if (one)
			status = worse(status, not_shown(ctx, one, array, argv[optind]));
	}
	if (!code && json)
		json_print(array);
	else if (json)
		json_object_put(array);
	return status;
}
