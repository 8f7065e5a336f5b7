// SPDX-License-Identifier: GPL-2.0-only
/* The process of a hook: its environment, its output, its process group. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hooks.h"

#define VARS		40
#define VAR_BYTES	8192

struct hook_env {
	char *vars[VARS + 1];
	size_t nr;
	size_t used;
	char text[VAR_BYTES];
};

static void put(struct hook_env *env, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(struct hook_env *env, const char *fmt, ...)
{
	size_t left = sizeof(env->text) - env->used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(env->text + env->used, left, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= left || env->nr >= VARS)
		return;
	env->vars[env->nr++] = env->text + env->used;
	env->used += n + 1;
}

#define LL(n)	((unsigned long long)(n))

static void put_reasons(struct hook_env *env, const char *name, uint32_t set)
{
	char text[512] = "";
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		size_t len = strlen(text);

		if (set & 1u << bit)
			snprintf(text + len, sizeof(text) - len, "%s%s", len ? " " : "",
				 dmreplica_health_reason_name(1u << bit));
	}
	put(env, "DMREPLICA_%s=%s", name, text);
}

static void put_job(struct hook_env *env, const struct hook_event *event)
{
	const struct dmreplica_job *job = &event->job;
	uint32_t code = event->ended ? job->code : job->answer;

	if (job->point)
		put(env, "DMREPLICA_POINT=%llu", LL(job->point));
	if (!job->id)
		return;
	put(env, "DMREPLICA_JOB=%llu", LL(job->id));
	put(env, "DMREPLICA_JOB_TYPE=%u", job->type);
	put(env, "DMREPLICA_CODE=%u", code);
	put(env, "DMREPLICA_CODE_NAME=%s", dmreplica_code_name(code));
}

static const char *word(uint64_t number)
{
	return number < PEER_WORDS ? peer_words[number] : "none";
}

static void put_peer(struct hook_env *env, const struct hook_event *event)
{
	const struct hook_peer *peer = &event->peer;

	put(env, "DMREPLICA_PEER=%s", peer->name);
	put(env, "DMREPLICA_PEER_STATE=%s", word(peer->word));
	put(env, "DMREPLICA_PEER_WAS=%s", word(event->peer_was));
	if (peer->acked)
		put(env, "DMREPLICA_POINT=%llu", LL(peer->acked));
	if (peer->word == PEER_LOST || peer->word == PEER_REFUSED)
		put(env, "DMREPLICA_PEER_ERROR=%s", peer->error);
}

static void fill(struct hook_env *env, const struct hook_event *event, const char *devices)
{
	const struct dmreplica_system *sys = &event->sys;

	memset(env, 0, sizeof(*env));
	put(env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	put(env, "LANG=C");
	put(env, "DMREPLICA_EVENT=%s", event->event);
	put(env, "DMREPLICA_SYSTEM=%s", sys->name);
	put(env, "DMREPLICA_UUID=%s", text_uuid(sys->uuid));
	put(env, "DMREPLICA_STATE=%u", event->state);
	put(env, "DMREPLICA_STATE_NAME=%s", dmreplica_state_name(event->state));
	put(env, "DMREPLICA_WAS=%u", event->was);
	put(env, "DMREPLICA_STATE_NUMBER=%llu", LL(event->number));
	if (sys->live_epoch)
		put(env, "DMREPLICA_FAILOVER=%u", sys->live_epoch);
	put_job(env, event);
	if (!strcmp(event->event, "peer"))
		put_peer(env, event);
	put(env, "DMREPLICA_HEALTH=%s", dmreplica_health_name(sys->health));
	if (!strcmp(event->event, "health") || !strcmp(event->event, "space")) {
		put(env, "DMREPLICA_HEALTH_WAS=%s", dmreplica_health_name(event->old_health));
		put_reasons(env, "BEGUN", sys->health_reasons & ~event->old_reasons);
		put_reasons(env, "ENDED", event->old_reasons & ~sys->health_reasons);
	}
	put(env, "DMREPLICA_SLOTS=%llu", LL(sys->slots));
	put(env, "DMREPLICA_SLOTS_USED=%llu", LL(sys->slots_used));
	put(env, "DMREPLICA_DEVICES=%s", devices);
	put(env, "DMREPLICA_TIME=%llu", LL(now_ns() / 1000000000));
	if (event->lost)
		put(env, "DMREPLICA_LOST=%llu", LL(event->lost));
}

/* A stream to the journal in which lines have the hook's name; or -1. */
static int journal_stream(const char *name)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/stdout" };
	char head[256];
	int fd, len;

	/* Only as a service: elsewhere the output is where that of the dispatcher is. */
	if (!getenv("JOURNAL_STREAM"))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	/* Identifier, unit, priority, prefixes, and to where it is handed on. */
	len = snprintf(head, sizeof(head), "%.200s\n\n6\n1\n0\n0\n0\n", name);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) || write(fd, head, len) != len) {
		close(fd);
		return -1;
	}
	return fd;
}

static void redirect(const char *name)
{
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC), out = journal_stream(name);

	if (in >= 0)
		dup2(in, STDIN_FILENO);
	dup2(out >= 0 ? out : STDERR_FILENO, STDOUT_FILENO);
	if (out >= 0)
		dup2(out, STDERR_FILENO);
	close_range(3, ~0U, 0);
}

pid_t hook_start(const char *path, const struct hook_event *event, const char *devices,
		 bool first)
{
	char *argv[] = { (char *)path, NULL };
	struct hook_env env;
	sigset_t none;
	pid_t pid;
	int sig;

	fflush(NULL);
	pid = fork();
	if (pid) {
		/* Also here: the group has to exist before it may be killed. */
		if (pid > 0)
			setpgid(pid, pid);
		return pid;
	}
	setpgid(0, 0);
	for (sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	fill(&env, event, devices);
	/* See hook-seen.c. */
	if (first)
		hook_seen_write(event);
	redirect(hook_name(path));
	if (chdir("/"))
		_exit(126);
	execve(path, argv, env.vars);
	hook_log("%s cannot be executed: %s", path, strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}
