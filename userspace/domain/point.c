// SPDX-License-Identifier: GPL-2.0-only
/*
 * domain point: a recovery point of a guest on this host that writes the replica itself, with
 * its filesystems frozen.  An agent that hangs, or that is not there, costs the point its kind:
 * it is made as a standard one.  This process does not speak to libvirt, which may hang, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "domain.h"

#define THAW_MS		25000
#define POINT_MS	10000		/* default for the point itself; the guest is frozen */
#define POINT_MS_MOST	15000

struct freezer {
	pid_t pid;
	int to, from;
	bool ended;
	char line[512];			/* its last one */
};

static bool start(struct freezer *f, const struct dmreplica_system *sys, bool only_thaw)
{
	char uuid[DMREPLICA_UUID_TEXT], *argv[] = {
		(char *)"replicactl-domain", (char *)"freezer",
		dmreplica_uuid_text(sys->uuid, uuid), only_thaw ? (char *)"thaw" : NULL, NULL,
	};
	int to[2], from[2];

	f->pid = -1;
	f->to = f->from = -1;
	f->ended = false;
	f->line[0] = 0;
	if (pipe2(to, O_CLOEXEC))
		return false;
	if (pipe2(from, O_CLOEXEC)) {
		close(to[0]);
		close(to[1]);
		return false;
	}
	fflush(stdout);
	f->pid = fork();
	if (!f->pid) {
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		/* It may outlive this process, and what reads its errors. */
		dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
		execv("/proc/self/exe", argv);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	f->to = to[1];
	f->from = from[0];
	return f->pid > 0;
}

/* Read its next line.  Return: false if it has ended without one, or if the time is over. */
static bool next_line(struct freezer *f, uint32_t ms)
{
	struct pollfd input = { .fd = f->from, .events = POLLIN };
	uint64_t deadline = host_now_ms() + ms, now;
	size_t n = 0;
	char c;

	f->line[0] = 0;
	while ((now = host_now_ms()) < deadline) {
		if (poll(&input, 1, (int)(deadline - now)) <= 0)
			continue;
		if (read(f->from, &c, 1) != 1) {
			f->ended = true;
			break;
		}
		if (c == '\n') {
			host_plain(f->line);
			return true;
		}
		if (n < sizeof(f->line) - 1) {
			f->line[n++] = c;
			f->line[n] = 0;
		}
	}
	if (f->ended)
		snprintf(f->line, sizeof(f->line), "the process that freezes it has ended");
	else
		snprintf(f->line, sizeof(f->line), "libvirt or the agent has not answered in time");
	return false;
}

/* The end of its input is the request to thaw. */
static void end_input(struct freezer *f)
{
	if (f->to >= 0)
		close(f->to);
	f->to = -1;
}

/* The reason in a line that has one. */
static const char *reason_of(const char *line)
{
	const char *colon = strncmp(line, "not ", 4) ? NULL : strstr(line, ": ");

	return colon ? colon + 2 : line;
}

static bool count_of(const char *line, const char *word, uint64_t *n)
{
	size_t len = strlen(word);

	return !strncmp(line, word, len) && line[len] == ' ' && parse_number(line + len + 1, n);
}

/* It has ended, and what it has frozen is left to this process. */
static void thaw_without(struct freezer *f, const struct dmreplica_system *sys)
{
	struct freezer again;
	int status = 0;

	if (!f->ended)
		return;
	waitpid(f->pid, &status, 0);
	f->pid = -1;
	/* Its time was over before it has asked for anything. */
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		return;
	if (!start(&again, sys, true))
		return;
	end_input(&again);
	next_line(&again, THAW_MS);
	close(again.from);
	waitpid(again.pid, NULL, WNOHANG);
}

/* Freeze.  Return: true if filesystems are frozen; else @f->line has the reason. */
static bool freeze(struct freezer *f, const struct dmreplica_system *sys)
{
	uint64_t n;

	if (!start(f, sys, false)) {
		snprintf(f->line, sizeof(f->line), "no process to freeze it: %s", strerror(errno));
		return false;
	}
	if (next_line(f, FREEZER_BEGIN_MS + 2 * FREEZER_AGENT_MS) &&
	    count_of(f->line, "frozen", &n)) {
		if (n)
			return true;
		snprintf(f->line, sizeof(f->line), "the agent has frozen no filesystem");
	}
	end_input(f);
	thaw_without(f, sys);
	return false;
}

/*
 * Thaw.  Return: true if all was frozen until now: the thaw was asked for in time, and thawed
 * something, which an agent that has given up before, as that of Windows does, has not.
 */
static bool thaw(struct freezer *f, const struct dmreplica_system *sys)
{
	uint64_t n;

	end_input(f);
	if (!next_line(f, THAW_MS)) {
		thaw_without(f, sys);
		return false;
	}
	if (count_of(f->line, "thawed", &n)) {
		if (n)
			return true;
		snprintf(f->line, sizeof(f->line), "the guest had thawed its filesystems by itself");
	} else if (count_of(f->line, "late", &n)) {
		snprintf(f->line, sizeof(f->line), "the guest was thawed before the point was made");
	}
	return false;
}

static void stop(struct freezer *f)
{
	end_input(f);
	if (f->from >= 0)
		close(f->from);
	f->from = -1;
	if (f->pid > 0)
		waitpid(f->pid, NULL, WNOHANG);
}

static int make(struct host *h, const struct dmreplica_system *sys, struct dmreplica_op *op,
		uint32_t kind)
{
	int code;

	op->given |= DMREPLICA_OP_KIND;
	op->kind = kind;
	code = dmreplica_point_make(h->dmr, sys, op);
	return code && code != DM_REPLICA_CODE_JOB_STARTED ? host_refuse_dmr(h, code) : 0;
}

/* The point that is not what its kind promises is replaced by a standard one. */
static int make_again(struct host *h, const struct dmreplica_system *sys, struct dmreplica_op *op)
{
	struct dmreplica_op drop = { .given = DMREPLICA_OP_POINT, .point = op->point_made };
	int code = make(h, sys, op, DM_REPLICA_POINT_KIND_STANDARD), dropped;

	dropped = dmreplica_point_drop(h->dmr, sys, &drop);
	if (!code && dropped && dropped != DM_REPLICA_CODE_JOB_STARTED)
		return host_refuse(h, dropped,
				   "point %llu is not application-consistent, and cannot be dropped: %s",
				   (unsigned long long)drop.point, dmreplica_message(h->dmr));
	return code;
}

static void print_made(const struct dmreplica_system *sys, const struct dmreplica_op *op,
		       const char *reason, bool json)
{
	struct json_object *obj;

	if (json) {
		obj = json_object_new_object();
		json_add_string(obj, "system", sys->name);
		json_add_u64(obj, "point", op->point_made);
		json_add_string(obj, "kind", dmreplica_point_kind_name(op->kind));
		json_add_string(obj, "reason", reason);
		json_print(obj);
		return;
	}
	printf("recovery point %llu of %s made, %s\n", (unsigned long long)op->point_made, sys->name,
	       dmreplica_point_kind_name(op->kind));
	if (*reason)
		printf("warning: it is not application-consistent: %s\n", reason);
}

static int make_point(struct host *h, const struct dmreplica_system *sys, struct dmreplica_op *op,
		      char *reason, size_t size)
{
	struct freezer f;
	bool frozen = freeze(&f, sys), held = true;
	int code;

	if (!frozen)
		snprintf(reason, size, "%s", reason_of(f.line));
	code = make(h, sys, op, frozen ? DM_REPLICA_POINT_KIND_APPLICATION_CONSISTENT :
					 DM_REPLICA_POINT_KIND_STANDARD);
	if (frozen)
		held = thaw(&f, sys);
	if (!held) {
		snprintf(reason, size, "%s", reason_of(f.line));
		if (!code)
			code = make_again(h, sys, op);
	}
	stop(&f);
	return code;
}

int cmd_domain_point(struct dmreplica *dmr, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "keep", no_argument, NULL, 'k' },
		{ "label", required_argument, NULL, 'l' },
		{ "timeout", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 }
	};
	struct dmreplica_op op = { .given = DMREPLICA_OP_TIMEOUT, .timeout_ms = POINT_MS };
	bool json = false, keep = false;
	struct keep_from from = { .xml = NULL };
	struct host h = { .dmr = dmr };
	struct import in = { .map = NULL };
	struct dmreplica_system sys;
	char reason[512] = "";
	int c, status, code;

	while ((c = next_option(argc, argv, "jl:t:", options, &status)) != -1) {
		if (c == 'j')
			json = true;
		else if (c == 'k')
			keep = true;
		else if (c == 'l' && strlen(optarg) < DMREPLICA_POINT_NAME_MAX)
			op.label = optarg;
		else if (c == 'l')
			return usage_error("--label is longer than %d bytes",
					   DMREPLICA_POINT_NAME_MAX - 1);
		else if (c != 't' || !parse_wait("--timeout", optarg, &op.timeout_ms, &status))
			return status;
	}
	if (!op.timeout_ms || op.timeout_ms > POINT_MS_MOST)
		return usage_error("--timeout is from 1 to %d seconds: the guest is frozen meanwhile",
				   POINT_MS_MOST / 1000);
	if (op.label)
		op.given |= DMREPLICA_OP_LABEL;
	if (!host_one_system(&h, argc, argv, true, &sys, &status))
		return status;
	signal(SIGPIPE, SIG_IGN);
	code = make_point(&h, &sys, &op, reason, sizeof(reason));
	if (!code)
		print_made(&sys, &op, reason, json);
	in.sys = &sys;
	from.quiet = json;
	if (!code && keep)
		code = keep_point(&h, &in, op.point_made, &from);
	return host_end(&h, code);
}
