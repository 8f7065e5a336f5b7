// SPDX-License-Identifier: GPL-2.0-only
/* replicactl job list, show, wait, cancel, pause, resume */
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "replicactl.h"

#define BAR	30

struct progress {
	bool terminal;
	bool shown;		/* a bar is on the line */
	unsigned int width;	/* characters on the line */
	uint32_t shown_percent;	/* of the last line, without a terminal */
	uint32_t state;		/* state in the last line */
	uint64_t shown_at;	/* time of the last line, ns */
	uint64_t begin_at;	/* start of the watch, and the progress at that time */
	uint64_t begin_bytes;
	uint32_t begin_percent;
};

/*
 * Estimate the time left from the progress since begin_at: the job itself may have been
 * paused, or have begun before a reboot.  Return: ns, 0 if not known.
 */
static uint64_t time_left(const struct progress *p, const struct dmreplica_job *job)
{
	uint64_t watched = now_ns() - p->begin_at, done, left;

	if (job->bytes_total) {
		done = job->bytes - p->begin_bytes;
		left = job->bytes_total - job->bytes;
		if (job->bytes < p->begin_bytes || job->bytes > job->bytes_total)
			return 0;
	} else {
		done = job->percent - p->begin_percent;
		left = 100 - job->percent;
		if (job->percent < p->begin_percent || job->percent > 100)
			return 0;
	}
	/* too short to estimate from */
	if (!done || watched < 2000000000ULL)
		return 0;
	return (uint64_t)((double)watched / done * left);
}

static const char *text_progress(const struct progress *p, const struct dmreplica_job *job)
{
	static char out[256];
	uint64_t left;
	int n;

	n = snprintf(out, sizeof(out), "%3u %%", job->percent > 100 ? 100 : job->percent);
	if (job->bytes_total)
		n += snprintf(out + n, sizeof(out) - n, "  %s of %s", text_size(job->bytes),
			      text_size(job->bytes_total));
	n += snprintf(out + n, sizeof(out) - n, "  after %s", text_duration(job->elapsed));
	if (dmreplica_job_ended(job->state))
		return out;
	left = time_left(p, job);
	if (job->state != DM_REPLICA_JOB_STATE_RUNNING &&
	    job->state != DM_REPLICA_JOB_STATE_STARTING && job->state != DM_REPLICA_JOB_STATE_NEW)
		snprintf(out + n, sizeof(out) - n, "  %s", dmreplica_job_state_name(job->state));
	else if (left)
		snprintf(out + n, sizeof(out) - n, "  about %s left", text_duration(left));
	return out;
}

static void show_progress(void *arg, const struct dmreplica_job *job)
{
	uint32_t percent = job->percent > 100 ? 100 : job->percent;
	struct progress *p = arg;
	unsigned int full = percent * BAR / 100, i, width;
	const char *text;

	if (!p->begin_at) {
		p->begin_at = now_ns();
		p->begin_bytes = job->bytes;
		p->begin_percent = percent;
		p->state = job->state;
	}
	if (p->terminal) {
		raw_output("\r  [");
		for (i = 0; i < BAR; i++)
			putchar(i < full ? '#' : '.');
		text = text_progress(p, job);
		width = strlen(text);
		/* overwrite a longer line */
		printf("] %-*s", p->width > width ? p->width : width, text);
		fflush(stdout);
		p->width = width;
		p->shown = true;
		return;
	}
	/* without a terminal print few lines */
	if (dmreplica_job_ended(job->state) ||
	    (job->state == p->state && percent < p->shown_percent + 25 &&
	     now_ns() - p->shown_at < 10000000000ULL))
		return;
	printf("  %s\n", text_progress(p, job));
	fflush(stdout);
	p->shown_percent = percent;
	p->state = job->state;
	p->shown_at = now_ns();
}

int wait_for_job(struct dmreplica *ctx, const struct dmreplica_system *sys, uint64_t id,
		 uint32_t timeout_ms, bool quiet, struct dmreplica_job *job)
{
	struct progress p = { .terminal = isatty(STDOUT_FILENO), .shown_at = now_ns() };
	int code;

	code = dmreplica_job_wait(ctx, sys, id, timeout_ms, quiet ? NULL : show_progress, &p, job);
	if (p.shown)
		printf("\n");
	return code;
}

static void print_job_head(void)
{
	printf("%-16s %6s  %-20s %-14s %4s  %-19s %9s  %s\n", "SYSTEM", "JOB", "TYPE", "STATE", "%",
	       "STARTED", "TOOK", "CODE");
}

static void print_job_line(const struct dmreplica_job *job)
{
	printf("%-16s %6llu  %-20s %-14s %4u  %-19s %9s  ", job->system_name,
	       (unsigned long long)job->id, dmreplica_job_type_name(job->type),
	       dmreplica_job_state_name(job->state), job->percent, text_time(job->start_time),
	       text_duration(job->elapsed));
	if (dmreplica_job_ended(job->state))
		printf("%u\n", job->code);
	else
		printf("-\n");
}

static void print_job(const struct dmreplica_job *job)
{
	printf("Job %llu of system %s\n", (unsigned long long)job->id, job->system_name);
	printf("  UUID         %s\n", text_uuid(job->uuid));
	printf("  Type         %s (%u)\n", dmreplica_job_type_name(job->type), job->type);
	printf("  State        %s (%u)\n", dmreplica_job_state_name(job->state), job->state);
	printf("  Percent      %u\n", job->percent);
	if (job->bytes_total)
		printf("  Moved home   %s of %s\n", text_size(job->bytes),
		       text_size(job->bytes_total));
	printf("  Started      %s\n", text_time(job->start_time));
	printf("  Took         %s\n", text_duration(job->elapsed));
	if (dmreplica_job_ended(job->state))
		printf("  Code         %u %s\n", job->code, dmreplica_code_name(job->code));
	if (job->request)
		printf("  Asked to     %s\n", dmreplica_job_request_name(job->request));
	if (job->owned && job->owner_login_uid != DMREPLICA_NO_LOGIN)
		printf("  Asked by     uid %u, %s, login uid %u\n", job->owner_uid, job->owner_comm,
		       job->owner_login_uid);
	else if (job->owned)
		printf("  Asked by     uid %u, %s\n", job->owner_uid, job->owner_comm);
	if (job->point)
		printf("  Point        %llu\n", (unsigned long long)job->point);
	if (job->discarded)
		printf("  Discarded    %s\n", text_size(job->discarded));
	if (job->points_dropped)
		printf("  Dropped      %s\n", text_count(job->points_dropped, "recovery point"));
	printf("  Cancellable  %s\n", job->cancellable ? "yes" : "no");
	if (*job->text)
		printf("  Text         %s\n", job->text);
}

int cmd_job_list(struct dmreplica *ctx, int argc, char **argv)
{
	struct dmreplica_system sys;
	struct dmreplica_job *list;
	int code = 0, status;
	bool json, one;
	size_t nr, i;

	if (!parse_json_option(argc, argv, &json, &status))
		return status;
	if (optind < argc - 1)
		return usage_error("too many arguments: %s", argv[optind + 1]);
	one = optind < argc;
	if (one)
		code = dmreplica_system_find(ctx, argv[optind], &sys);
	if (!code)
		code = dmreplica_job_list(ctx, one ? &sys : NULL, &list, &nr);
	if (code)
		return refused(ctx, code);
	if (json) {
		json_print(json_list(list, nr, json_job));
	} else if (!nr) {
		printf("no job in the last five minutes\n");
	} else {
		print_job_head();
		for (i = 0; i < nr; i++)
			print_job_line(&list[i]);
	}
	dmreplica_list_free(list);
	return 0;
}

/* Parse NAME ID behind the options.  Return: 0, or the status to end with. */
static int take_job(int argc, char **argv, uint64_t *id)
{
	if (optind != argc - 2)
		return usage_error("give a system and the number of a job");
	if (!parse_number(argv[optind + 1], id))
		return usage_error("%s is not the number of a job", argv[optind + 1]);
	return 0;
}

int cmd_job_show(struct dmreplica *ctx, int argc, char **argv)
{
	struct dmreplica_system sys;
	struct dmreplica_job job;
	int code, status;
	uint64_t id;
	bool json;

	if (!parse_json_option(argc, argv, &json, &status))
		return status;
	status = take_job(argc, argv, &id);
	if (status)
		return status;
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (!code)
		code = dmreplica_job_find(ctx, &sys, id, &job);
	if (code)
		return refused(ctx, code);
	if (json)
		json_print(json_job(&job));
	else
		print_job(&job);
	return 0;
}

int cmd_job_wait(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "timeout", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 }
	};
	struct dmreplica_system sys;
	struct dmreplica_job job;
	uint32_t timeout_ms = 0;
	int c, code, status;
	uint64_t id;

	while ((c = next_option(argc, argv, "t:", options, &status)) != -1) {
		if (c != 't')
			return status;
		if (!parse_seconds(optarg, &timeout_ms))
			return usage_error("--timeout %s is not a time in seconds", optarg);
	}
	status = take_job(argc, argv, &id);
	if (status)
		return status;
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (!code)
		code = wait_for_job(ctx, &sys, id, timeout_ms, false, &job);
	if (code)
		return refused(ctx, code);
	printf("done in %s\n", text_duration(job.elapsed));
	return 0;
}

/* Send a request to a job; @done: the verb, @next: a format, for the output. */
static int ask_job(struct dmreplica *ctx, int argc, char **argv, uint32_t request,
		   const char *done, const char *next)
{
	struct dmreplica_system sys;
	struct dmreplica_job job;
	int code, status;
	uint64_t id;

	if (next_option(argc, argv, "", NULL, &status) != -1)
		return status;
	status = take_job(argc, argv, &id);
	if (status)
		return status;
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (!code)
		code = dmreplica_job_request(ctx, &sys, id, request);
	if (code)
		return refused(ctx, code);
	printf("job %llu of %s is to %s", (unsigned long long)id, sys.name, done);
	if (!dmreplica_job_find(ctx, &sys, id, &job))
		printf(": %s (%u), at %u %%", dmreplica_job_state_name(job.state), job.state,
		       job.percent);
	printf("\n  ");
	printf(next, sys.name, (unsigned long long)id);
	printf("\n");
	return 0;
}

int cmd_job_cancel(struct dmreplica *ctx, int argc, char **argv)
{
	return ask_job(ctx, argc, argv, DM_REPLICA_JOB_REQUEST_TERMINATE, "end",
		       "moved data stays home; replicactl move-home %s moves the rest");
}

int cmd_job_pause(struct dmreplica *ctx, int argc, char **argv)
{
	return ask_job(ctx, argc, argv, DM_REPLICA_JOB_REQUEST_SUSPEND, "rest",
		       "replicactl job resume %s %llu resumes it");
}

int cmd_job_resume(struct dmreplica *ctx, int argc, char **argv)
{
	return ask_job(ctx, argc, argv, DM_REPLICA_JOB_REQUEST_START, "go on",
		       "replicactl job wait %s %llu waits for it");
}
