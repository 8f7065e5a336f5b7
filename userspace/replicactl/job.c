// SPDX-License-Identifier: GPL-2.0-only
/* replicactl job list, show, wait */
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "replicactl.h"

#define BAR	30

struct progress {
	bool terminal;
	bool shown;		/* a bar is on the line */
	uint32_t told;		/* percent of the last line */
	uint64_t told_at;
};

static void show_progress(void *arg, const struct dmreplica_job *job)
{
	uint32_t percent = job->percent > 100 ? 100 : job->percent;
	struct progress *p = arg;
	unsigned int full = percent * BAR / 100, i;

	if (p->terminal) {
		printf("\r  [");
		for (i = 0; i < BAR; i++)
			putchar(i < full ? '#' : '.');
		printf("] %3u %%  %-12s", percent, text_duration(job->elapsed));
		fflush(stdout);
		p->shown = true;
		return;
	}
	/* where lines stay, a few will do */
	if (dmreplica_job_ended(job->state) ||
	    (percent < p->told + 25 && now_ns() - p->told_at < 10000000000ULL))
		return;
	printf("  %3u %% after %s\n", percent, text_duration(job->elapsed));
	fflush(stdout);
	p->told = percent;
	p->told_at = now_ns();
}

int wait_for_job(struct dmreplica *ctx, const struct dmreplica_system *sys, uint64_t id,
		 uint32_t timeout_ms, bool quiet, struct dmreplica_job *job)
{
	struct progress p = { .terminal = isatty(STDOUT_FILENO), .told_at = now_ns() };
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
	printf("  Started      %s\n", text_time(job->start_time));
	printf("  Took         %s\n", text_duration(job->elapsed));
	if (dmreplica_job_ended(job->state))
		printf("  Code         %u %s\n", job->code, dmreplica_code_name(job->code));
	printf("  Cancellable  %s\n", job->cancellable ? "yes" : "no");
	if (*job->text)
		printf("  Text         %s\n", job->text);
}

int cmd_job_list(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 }
	};
	struct dmreplica_system sys;
	struct json_object *array;
	struct dmreplica_job *list;
	bool json = false, one;
	int c, code = 0, status;
	size_t nr, i;

	while ((c = next_option(argc, argv, "j", options, &status)) != -1) {
		if (c != 'j')
			return status;
		json = true;
	}
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
		array = json_object_new_array();
		for (i = 0; i < nr; i++)
			json_object_array_add(array, json_job(&list[i]));
		json_print(array);
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

int cmd_job_show(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 }
	};
	struct dmreplica_system sys;
	struct dmreplica_job job;
	bool json = false;
	int c, code, status;
	uint64_t id;

	while ((c = next_option(argc, argv, "j", options, &status)) != -1) {
		if (c != 'j')
			return status;
		json = true;
	}
	if (optind != argc - 2)
		return usage_error("give a system and the number of a job");
	if (!parse_number(argv[optind + 1], &id))
		return usage_error("%s is not the number of a job", argv[optind + 1]);
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
			return usage_error("--timeout %s is no time in seconds", optarg);
	}
	if (optind != argc - 2)
		return usage_error("give a system and the number of a job");
	if (!parse_number(argv[optind + 1], &id))
		return usage_error("%s is not the number of a job", argv[optind + 1]);
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (!code)
		code = wait_for_job(ctx, &sys, id, timeout_ms, false, &job);
	if (code)
		return refused(ctx, code);
	printf("done in %s\n", text_duration(job.elapsed));
	return 0;
}
