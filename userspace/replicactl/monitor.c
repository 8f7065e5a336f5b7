// SPDX-License-Identifier: GPL-2.0-only
/* replicactl monitor */
#include <getopt.h>
#include <signal.h>
#include <time.h>

#include "replicactl.h"

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
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
	case DMREPLICA_EVENT_CURRENT:
		break;
	}
	return "current";
}

static void print_json(const struct dmreplica_event *event)
{
	struct json_object *obj = json_object_new_object(), *sys;

	json_add_string(obj, "event", event_name(event->type));
	json_add_u64(obj, "time", now_ns());
	if (event->type == DMREPLICA_EVENT_SYSTEM) {
		sys = json_system(&event->system);
		/* files are none of the kernel's business */
		json_object_object_del(sys, "configured");
		json_object_object_add(obj, "system", sys);
	}
	if (event->type == DMREPLICA_EVENT_JOB)
		json_object_object_add(obj, "job", json_job(&event->job));
	json_print_line(obj);
}

static void print_system(const struct dmreplica_system *sys)
{
	printf("system %s %s state %s number %llu, %u of %u disks attached, %s, %llu of %llu slots used",
	       sys->name, text_uuid(sys->uuid), text_state(sys->state),
	       (unsigned long long)sys->state_number, sys->disks_attached, sys->disks,
	       text_count(sys->points, "point"), (unsigned long long)sys->slots_used,
	       (unsigned long long)sys->slots);
	if (sys->flags & DM_REPLICA_SYSTEM_FLAGS_FAILED_OVER)
		printf(", failed over to point %llu, %s written",
		       (unsigned long long)sys->live_point, text_size(sys->live_bytes));
	if (sys->flags & DM_REPLICA_SYSTEM_FLAGS_TEST)
		printf(", test failover at point %llu", (unsigned long long)sys->test_point);
	if (sys->flags & DM_REPLICA_SYSTEM_FLAGS_SUSPENDED)
		printf(", suspended");
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
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(stamp, sizeof(stamp), "%H:%M:%S", &tm);
	printf("%s ", stamp);
	switch (event->type) {
	case DMREPLICA_EVENT_SYSTEM:
		print_system(&event->system);
		break;
	case DMREPLICA_EVENT_JOB:
		print_job(&event->job);
		break;
	case DMREPLICA_EVENT_LOST:
		printf("lost: events came faster than they were read; all there is follows\n");
		break;
	case DMREPLICA_EVENT_CURRENT:
		printf("current: that is all there is; changes follow\n");
		break;
	}
	fflush(stdout);
}

int cmd_monitor(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 }
	};
	struct sigaction action = { .sa_handler = on_signal };
	struct dmreplica_monitor *mon;
	struct dmreplica_event event;
	bool json = false;
	int c, code, status;

	while ((c = next_option(argc, argv, "j", options, &status)) != -1) {
		if (c != 'j')
			return status;
		json = true;
	}
	if (optind != argc)
		return usage_error("too many arguments: %s", argv[optind]);
	code = dmreplica_monitor_open(ctx, &mon);
	if (code)
		return refused(ctx, code);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	while (!stop) {
		code = dmreplica_monitor_next(mon, &event, 1000);
		if (code == DM_REPLICA_CODE_TIMEOUT)
			continue;
		if (code || ferror(stdout))
			break;
		if (json)
			print_json(&event);
		else
			print_event(&event);
	}
	dmreplica_monitor_close(mon);
	return code && code != DM_REPLICA_CODE_TIMEOUT ? refused(ctx, code) : 0;
}
