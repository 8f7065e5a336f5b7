// SPDX-License-Identifier: GPL-2.0-only
/* replicactl monitor */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hooks.h"

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

/* A system at its last event, to compare with the next one. */
struct seen {
	struct seen *next;
	uint8_t uuid[16];
	char name[sizeof(((struct dmreplica_system *)0)->name)];
	uint32_t health;
	uint32_t reasons;
	bool whole;		/* with all its disks */
	bool fresh;		/* seen since the last begin_again() */
};

static struct seen *seen;
static bool current;		/* all systems have been listed: further events are changes */

static struct seen *find_seen(const uint8_t uuid[16])
{
	struct seen *s;

	for (s = seen; s; s = s->next)
		if (!memcmp(s->uuid, uuid, 16))
			return s;
	return NULL;
}

static void forget_seen(void)
{
	struct seen *s;

	while ((s = seen)) {
		seen = s->next;
		free(s);
	}
}

static void forget(const uint8_t uuid[16])
{
	struct seen **at, *s;

	for (at = &seen; (s = *at); at = &s->next) {
		if (memcmp(s->uuid, uuid, 16))
			continue;
		*at = s->next;
		free(s);
		return;
	}
}

#define SPACE	(DM_REPLICA_HEALTH_REASONS_LOW_SPACE | DM_REPLICA_HEALTH_REASONS_FULL)

/* Changes by a system's event. */
struct change {
	bool attached;
	bool health;
	bool space;
	uint32_t old_health;
	uint32_t old_reasons;
};

static struct change compare(const struct dmreplica_system *sys)
{
	struct change change = { .health = false };
	bool whole = !(sys->flags & DM_REPLICA_SYSTEM_FLAGS_INCOMPLETE);
	struct seen *s = find_seen(sys->uuid);

	if (!sys->health)
		return change;
	change.attached = current && whole && !(s && s->whole);
	if (s) {
		change.old_health = s->health;
		change.old_reasons = s->reasons;
		change.health = s->health != sys->health || s->reasons != sys->health_reasons;
		change.space = (s->reasons ^ sys->health_reasons) & SPACE;
	} else {
		s = calloc(1, sizeof(*s));
		if (!s)
			return change;
		memcpy(s->uuid, sys->uuid, 16);
		s->next = seen;
		seen = s;
		/* report low space from the start, too, and what an attach has found broken */
		change.space = sys->health_reasons & SPACE;
		change.health = sys->health == DM_REPLICA_HEALTH_CRITICAL;
		change.old_health = DM_REPLICA_HEALTH_OK;
	}
	snprintf(s->name, sizeof(s->name), "%s", sys->name);
	s->health = sys->health;
	s->reasons = sys->health_reasons;
	s->whole = whole;
	s->fresh = true;
	return change;
}

static struct json_object *head_of(const char *event, const char *name, const uint8_t uuid[16])
{
	struct json_object *obj = json_object_new_object();

	json_add_string(obj, "event", event);
	json_add_u64(obj, "time", now_ns());
	json_add_string(obj, "system_name", name);
	json_add_uuid(obj, "system_uuid", uuid);
	return obj;
}

static struct json_object *change_head(const char *event, const struct dmreplica_system *sys)
{
	return head_of(event, sys->name, sys->uuid);
}

/* @stamp: NULL for JSON. */
static void print_detached(const char *stamp, const char *name, const uint8_t uuid[16])
{
	if (stamp)
		printf("%s detached %s %s\n", stamp, name, text_uuid(uuid));
	else
		json_print_line(head_of("detached", name, uuid));
}

/* After a loss of events, only the systems listed next are attached. */
static void begin_again(void)
{
	struct seen *s;

	current = false;
	for (s = seen; s; s = s->next)
		s->fresh = false;
}

/* All systems are listed: report one that is missing, whose detach event was lost. */
static void print_gone(const char *stamp)
{
	struct seen **at = &seen, *s;

	while ((s = *at)) {
		if (s->fresh) {
			s->fresh = false;
			at = &s->next;
			continue;
		}
		print_detached(stamp, s->name, s->uuid);
		*at = s->next;
		free(s);
	}
	current = true;
}

static void print_change_json(const struct dmreplica_system *sys, const struct change *change)
{
	struct json_object *obj;

	if (change->attached)
		json_print_line(change_head("attached", sys));
	if (change->health) {
		obj = change_head("health", sys);
		json_add_u64(obj, "health", sys->health);
		json_add_string(obj, "health_name", dmreplica_health_name(sys->health));
		json_add_u64(obj, "was", change->old_health);
		json_add_string(obj, "was_name", dmreplica_health_name(change->old_health));
		json_object_object_add(obj, "begun", json_reasons(sys, sys->health_reasons &
							 ~change->old_reasons));
		json_object_object_add(obj, "ended", json_reasons(sys, change->old_reasons &
							 ~sys->health_reasons));
		json_print_line(obj);
	}
	if (change->space) {
		obj = change_head("space", sys);
		json_add_bool(obj, "low", sys->health_reasons & SPACE);
		json_add_bool(obj, "critical",
			      sys->health_reasons & DM_REPLICA_HEALTH_REASONS_FULL);
		json_add_u64(obj, "slots", sys->slots);
		json_add_u64(obj, "slots_used", sys->slots_used);
		json_add_u64(obj, "slots_reserved", sys->slots_reserved);
		json_print_line(obj);
	}
}

static void print_change(const char *stamp, const struct dmreplica_system *sys,
			 const struct change *change)
{
	uint32_t begun = sys->health_reasons & ~change->old_reasons;
	uint32_t ended = change->old_reasons & ~sys->health_reasons;

	if (change->attached)
		printf("%s attached %s %s\n", stamp, sys->name, text_uuid(sys->uuid));
	if (change->health) {
		printf("%s health %s %s, was %s", stamp, sys->name,
		       dmreplica_health_name(sys->health),
		       dmreplica_health_name(change->old_health));
		if (begun) {
			printf("; now: ");
			print_reasons(begun);
		}
		if (ended) {
			printf("; no more: ");
			print_reasons(ended);
		}
		printf("\n");
	}
	if (change->space)
		printf("%s space %s %s: %llu of %llu slots used, %llu kept for the failover\n", stamp,
		       sys->name,
		       sys->health_reasons & DM_REPLICA_HEALTH_REASONS_FULL ? "critical" :
		       sys->health_reasons & SPACE ? "low" : "enough again",
		       (unsigned long long)sys->slots_used, (unsigned long long)sys->slots,
		       (unsigned long long)sys->slots_reserved);
}

static const char *event_name(enum dmreplica_event_type type)
{
	switch (type) {
	case DMREPLICA_EVENT_SYSTEM:
		return "system";
	case DMREPLICA_EVENT_JOB:
		return "job";
	case DMREPLICA_EVENT_LOST:
		return "lost";
	case DMREPLICA_EVENT_DETACHED:
		return "detached";
	case DMREPLICA_EVENT_UNLOADED:
		return "unloaded";
	case DMREPLICA_EVENT_LOADED:
		return "loaded";
	case DMREPLICA_EVENT_CURRENT:
		break;
	}
	return "current";
}

static void print_json(const struct dmreplica_event *event)
{
	struct json_object *obj, *sys;
	struct change change;

	if (event->type == DMREPLICA_EVENT_DETACHED) {
		print_detached(NULL, event->system.name, event->system.uuid);
		return;
	}
	if (event->type == DMREPLICA_EVENT_CURRENT)
		print_gone(NULL);
	obj = json_object_new_object();
	json_add_string(obj, "event", event_name(event->type));
	json_add_u64(obj, "time", now_ns());
	if (event->type == DMREPLICA_EVENT_SYSTEM) {
		sys = json_system(&event->system);
		/* the kernel, which sends the event, has no knowledge of files */
		json_object_object_del(sys, "configured");
		json_object_object_add(obj, "system", sys);
	}
	if (event->type == DMREPLICA_EVENT_JOB)
		json_object_object_add(obj, "job", json_job(&event->job));
	json_print_line(obj);
	if (event->type == DMREPLICA_EVENT_SYSTEM) {
		change = compare(&event->system);
		print_change_json(&event->system, &change);
	}
}

static void print_system(const struct dmreplica_system *sys)
{
	printf("system %s %s state %s number %llu, %u of %u disks attached, %s, %llu of %llu slots used",
	       sys->name, text_uuid(sys->uuid), text_state(sys->state),
	       (unsigned long long)sys->state_number, sys->disks_attached, sys->disks,
	       text_count(sys->points, "point"), (unsigned long long)sys->slots_used,
	       (unsigned long long)sys->slots);
	if (sys->live_point)
		printf(", failed over to point %llu, %s written",
		       (unsigned long long)sys->live_point, text_size(sys->live_bytes));
	if (sys->flags & DM_REPLICA_SYSTEM_FLAGS_TEST)
		printf(", test failover at point %llu", (unsigned long long)sys->test_point);
	if (sys->flags & DM_REPLICA_SYSTEM_FLAGS_SUSPENDED)
		printf(", suspended");
	if (sys->health)
		printf(", health %s", dmreplica_health_name(sys->health));
	if (*sys->reason)
		printf(", %s", sys->reason);
	printf("\n");
}

static void print_job(const struct dmreplica_job *job)
{
	printf("job %llu of %s: %s, %s, %u %%, %s", (unsigned long long)job->id,
	       job->system_name, dmreplica_job_type_name(job->type),
	       dmreplica_job_state_name(job->state), job->percent, text_duration(job->elapsed));
	if (dmreplica_job_ended(job->state))
		printf(", %u %s", job->code, dmreplica_code_name(job->code));
	if (*job->text)
		printf(", %s", job->text);
	printf("\n");
}

static void print_event(const struct dmreplica_event *event)
{
	char stamp[32];
	time_t t = time(NULL);
	struct change change;
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(stamp, sizeof(stamp), "%H:%M:%S", &tm);
	if (event->type == DMREPLICA_EVENT_CURRENT)
		print_gone(stamp);
	if (event->type != DMREPLICA_EVENT_DETACHED)
		printf("%s ", stamp);
	switch (event->type) {
	case DMREPLICA_EVENT_SYSTEM:
		print_system(&event->system);
		change = compare(&event->system);
		print_change(stamp, &event->system, &change);
		break;
	case DMREPLICA_EVENT_JOB:
		print_job(&event->job);
		break;
	case DMREPLICA_EVENT_LOST:
		printf("lost: events came faster than they were read or could be sent; all systems and jobs follow\n");
		break;
	case DMREPLICA_EVENT_DETACHED:
		print_detached(stamp, event->system.name, event->system.uuid);
		break;
	case DMREPLICA_EVENT_UNLOADED:
		printf("unloaded: module dm-replica is not loaded, so nothing is attached; waiting for it\n");
		break;
	case DMREPLICA_EVENT_LOADED:
		printf("loaded: module dm-replica is loaded; all systems and jobs follow\n");
		break;
	case DMREPLICA_EVENT_CURRENT:
		printf("current: end of the list; changes follow\n");
		break;
	}
}

/* Notice a closed pipe, without an event to print. */
static bool unread(void)
{
	struct pollfd pfd = { .fd = STDOUT_FILENO };

	return output_failed() ||
	       (poll(&pfd, 1, 0) > 0 && pfd.revents & (POLLERR | POLLHUP | POLLNVAL));
}

/* End as after a write to a closed pipe; with SIGPIPE ignored by the exit status. */
static int end_unread(void)
{
	raise(SIGPIPE);
	if (!output_failed())
		fprintf(stderr, "replicactl: cannot write the output: its reader has exited\n");
	return 1;
}

static bool parse_monitor_options(int argc, char **argv, bool *json, bool *hooks, int *status)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "hooks", no_argument, NULL, 'k' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	*json = *hooks = false;
	while ((c = next_option(argc, argv, "j", options, status)) != -1) {
		if (c == 'j')
			*json = true;
		else if (c == 'k')
			*hooks = true;
		else
			return false;
	}
	if (*json && *hooks) {
		*status = usage_error("--json and --hooks exclude each other");
		return false;
	}
	return true;
}

int cmd_monitor(struct dmreplica *ctx, int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct dmreplica_monitor *mon;
	struct dmreplica_event event;
	bool json, hooks, gone = false;
	int code, status;

	if (!parse_monitor_options(argc, argv, &json, &hooks, &status))
		return status;
	if (optind != argc)
		return usage_error("too many arguments: %s", argv[optind]);
	if (hooks)
		return run_hooks(ctx);
	code = dmreplica_monitor_open(ctx, &mon);
	if (code)
		return refused(ctx, code);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	while (!stop) {
		code = dmreplica_monitor_next(mon, &event, 1000);
		gone = unread();
		if (gone || (code && code != DM_REPLICA_CODE_TIMEOUT))
			break;
		if (code)
			continue;
		if (event.type == DMREPLICA_EVENT_LOST || event.type == DMREPLICA_EVENT_LOADED)
			begin_again();
		if (json)
			print_json(&event);
		else
			print_event(&event);
		fflush(stdout);
		if (event.type == DMREPLICA_EVENT_DETACHED)
			forget(event.system.uuid);
		if (event.type == DMREPLICA_EVENT_UNLOADED)
			forget_seen();
	}
	dmreplica_monitor_close(mon);
	forget_seen();
	if (gone)
		return end_unread();
	return code && code != DM_REPLICA_CODE_TIMEOUT ? refused(ctx, code) : 0;
}
