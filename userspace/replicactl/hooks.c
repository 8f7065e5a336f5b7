// SPDX-License-Identifier: GPL-2.0-only
/*
 * replicactl monitor --hooks: the dispatcher of hooks.
 *
 * DOC: no event is lost without a word
 *
 * Each system has a queue, whose events run one after the other, hook by hook, while at most
 * MAX_RUNNING systems have a hook running.  Operations are counted by the state numbers in
 * the events of their jobs, which the kernel neither merges nor reorders: a number that is
 * missing is counted as lost.  When the kernel's events were lost, or this program begins,
 * all systems are listed; the difference to what was queued, or to the record of what was
 * run (hook-seen.c), is one event, with the number of changes in DMREPLICA_LOST.
 *
 * The session of a replication is no part of the state: its file is read when that changes, and
 * what differs from the last event of it is one.  States between two looks have none.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hooks.h"

#define MAX_RUNNING	4	/* systems with a hook that runs */
#define MAX_QUEUED	4096	/* events of a system; later ones are counted as lost */
#define HOOK_SECONDS	60	/* HOOK_TIMEOUT */
#define KILL_MS		5000	/* from SIGTERM to SIGKILL */
#define LOOK_MS		500	/* a file is closed a moment before its lock is gone .. */
#define LOOKS		4	/* .. or longer, on a busy host: after 0.5, 1, 2, 4 s */
#define SPACE	(DM_REPLICA_HEALTH_REASONS_LOW_SPACE | DM_REPLICA_HEALTH_REASONS_FULL)

/* One system, and its hooks. */
struct target {
	struct target *next;
	struct dmreplica_system sys;	/* at its last event */
	struct dmreplica_system base;	/* as reported before the present listing */
	bool has_base;
	bool announced;			/* the event "attached" was queued, or is in the record */
	bool fresh;			/* it is in the present listing */
	bool gone;			/* it has left: free this when the queue is empty */
	uint64_t number;		/* state number up to which all is queued or counted */
	uint64_t acted;			/* highest one of a job that was queued */
	uint64_t listed;		/* operations in the listing of a system without a base */
	uint64_t lost;			/* to be counted in the next event */
	struct hook_peer peer;		/* as of the last event of it */
	unsigned int looks;		/* at its file that follow, .. */
	uint64_t look_at;		/* .. ms: the next one */
	struct hook_event *head, **tail;
	size_t queued;
	struct hook_list hooks;		/* of @head, while one runs */
	size_t at;			/* which of them */
	pid_t pid;			/* its process, 0: none */
	uint64_t deadline;		/* ms: of the next signal to it */
	int sent;			/* the last one sent, 0: none */
};

static struct target *targets;
static unsigned int running;
static bool current;		/* all systems have been listed: further events are changes */
static volatile sig_atomic_t stop;
static int wake[2];		/* written to by the signals' handler */
static uint64_t limit_ms;

void hook_log(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "replicactl: hooks: %s\n", text);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

static void on_signal(int sig)
{
	int saved = errno;

	if (sig != SIGCHLD)
		stop = 1;
	/* A full pipe wakes, too. */
	if (write(wake[1], "", 1) < 0)
		errno = saved;
	errno = saved;
}

static struct target *find_target(const uint8_t uuid[16])
{
	struct target *t;

	for (t = targets; t; t = t->next)
		if (!memcmp(t->sys.uuid, uuid, 16))
			return t;
	return NULL;
}

static struct target *new_target(const uint8_t uuid[16])
{
	struct target *t = calloc(1, sizeof(*t)), **at;

	if (!t) {
		hook_log("out of memory");
		return NULL;
	}
	memcpy(t->sys.uuid, uuid, 16);
	t->peer.word = PEER_WORDS;
	t->tail = &t->head;
	for (at = &targets; *at; at = &(*at)->next)
		;
	*at = t;
	return t;
}

/*----------------------------------------------------------------
 * Events
 *----------------------------------------------------------------*/

/* Queue an event of a system.  Return: it, to be filled in further; NULL: it is counted as lost. */
static struct hook_event *queue_event(struct target *t, const char *name)
{
	struct hook_event *event = t->queued < MAX_QUEUED ? calloc(1, sizeof(*event)) : NULL;

	if (!event) {
		if (!t->lost)
			hook_log("%s: more events than hooks can keep up with", t->sys.name);
		t->lost++;
		return NULL;
	}
	snprintf(event->event, sizeof(event->event), "%s", name);
	event->sys = t->sys;
	event->number = t->number;
	event->state = event->was = t->sys.state;
	event->old_health = t->sys.health;
	event->old_reasons = t->sys.health_reasons;
	event->lost = t->lost;
	event->peer = t->peer;
	t->lost = 0;
	*t->tail = event;
	t->tail = &event->next;
	t->queued++;
	return event;
}

/* What distinguishes two states of a system, in the order of weight. */
static const char *difference(const struct dmreplica_system *was,
			      const struct dmreplica_system *is)
{
	bool over = is->flags & DM_REPLICA_SYSTEM_FLAGS_FAILED_OVER;
	bool test = is->flags & DM_REPLICA_SYSTEM_FLAGS_TEST;
	uint32_t changed = was->flags ^ is->flags;

	if (is->state != was->state && is->state == DM_REPLICA_STATE_DISABLED)
		return is->flags & DM_REPLICA_SYSTEM_FLAGS_REMOVING ? "removing" : "removed";
	if (is->state != was->state && is->state == DM_REPLICA_STATE_COMMITTED)
		return "committed";
	if (over && is->live_time != was->live_time)
		return "failover";
	if (!over && changed & DM_REPLICA_SYSTEM_FLAGS_FAILED_OVER)
		return "reverted";
	if (test && is->test_time != was->test_time)
		return "test-started";
	if (!test && changed & DM_REPLICA_SYSTEM_FLAGS_TEST)
		return "test-stopped";
	if (changed & DM_REPLICA_SYSTEM_FLAGS_SUSPENDED)
		return is->flags & DM_REPLICA_SYSTEM_FLAGS_SUSPENDED ? "suspended" : "resumed";
	if (is->points_made != was->points_made)
		return "point";
	return is->points_dropped != was->points_dropped ? "point-dropped" : "changed";
}

/* Queue what a new state of a system shows by itself; t->sys is the new one. */
static void queue_health(struct target *t, const struct dmreplica_system *was)
{
	uint32_t old = was->health ? was->health : DM_REPLICA_HEALTH_OK;
	const char *names[2] = { NULL, NULL };
	struct hook_event *event;
	int i;

	if (!t->sys.health)
		return;
	if (old != t->sys.health || was->health_reasons != t->sys.health_reasons)
		names[0] = "health";
	if ((was->health_reasons ^ t->sys.health_reasons) & SPACE)
		names[1] = "space";
	for (i = 0; i < 2; i++) {
		event = names[i] ? queue_event(t, names[i]) : NULL;
		if (!event)
			continue;
		event->old_health = old;
		event->old_reasons = was->health_reasons;
	}
}

static bool whole(const struct dmreplica_system *sys)
{
	return !(sys->flags & DM_REPLICA_SYSTEM_FLAGS_INCOMPLETE);
}

/* Look at the session of a replication; PEER_STARTING is not a state to report. */
static void look_at_peer(struct target *t)
{
	struct hook_event *event;
	struct peer_state s;
	uint64_t was = t->peer.word;

	if (t->gone || !t->announced || !peer_state_read(t->sys.uuid, true, &s) ||
	    s.word == PEER_STARTING || s.word == was)
		return;
	t->peer.word = s.word;
	/* The end of one that was never seen. */
	if (was >= PEER_WORDS && s.word == PEER_ENDED)
		return;
	t->peer.acked = s.acked;
	snprintf(t->peer.name, sizeof(t->peer.name), "%s", s.peer);
	snprintf(t->peer.error, sizeof(t->peer.error), "%s", s.error);
	event = queue_event(t, "peer");
	if (event)
		event->peer_was = was;
}

/* The files of sessions that have changed.  What is not listed yet is looked at when it is. */
static void take_peers(void)
{
	struct target *t;
	uint8_t uuid[16];
	bool all;

	while (hook_peer_next(uuid, &all)) {
		for (t = targets; t; t = t->next) {
			if (!all && memcmp(t->sys.uuid, uuid, 16))
				continue;
			t->looks = LOOKS;
			t->look_at = now_ms() + LOOK_MS;
			if (current)
				look_at_peer(t);
		}
	}
}

/* Return: ms to the next look at a file, -1: none. */
static int look_again(void)
{
	uint64_t now = now_ms();
	struct target *t;
	int next = -1;

	for (t = current ? targets : NULL; t; t = t->next) {
		if (!t->looks)
			continue;
		if (now >= t->look_at) {
			look_at_peer(t);
			t->looks--;
			t->look_at = now + (LOOK_MS << (LOOKS - t->looks));
		}
		if (t->looks && (next < 0 || t->look_at - now < (uint64_t)next))
			next = t->look_at - now;
	}
	return next;
}

/* A listed system: what has changed is looked at when all are listed. */
static void on_listed(const struct dmreplica_system *sys)
{
	struct target *t = find_target(sys->uuid);

	if (t && !t->gone) {
		t->base = t->sys;
		t->base.state_number = t->number;
		t->has_base = t->announced;
	} else {
		if (!t)
			t = new_target(sys->uuid);
		if (!t)
			return;
		t->has_base = hook_seen_read(sys->uuid, &t->base, &t->peer.word);
		t->gone = false;
	}
	t->announced = t->has_base;
	t->fresh = true;
	t->listed = 0;
	t->sys = *sys;
}

static void on_changed(const struct dmreplica_system *sys)
{
	struct target *t = find_target(sys->uuid);
	struct dmreplica_system was = { .state = 0 };
	struct hook_event *event;

	if (!t || t->gone) {
		if (!t)
			t = new_target(sys->uuid);
		if (!t)
			return;
		t->gone = t->announced = false;
		t->number = sys->state_number;
		t->acted = 0;
	} else if (t->announced) {
		was = t->sys;
	}
	t->sys = *sys;
	if (!t->announced && whole(sys)) {
		t->announced = true;
		queue_event(t, "attached");
	}
	if (!t->announced)
		return;
	/* The end of a removal is in no job's event. */
	if (sys->state == DM_REPLICA_STATE_DISABLED && sys->state_number > t->number &&
	    was.flags & ~sys->flags & DM_REPLICA_SYSTEM_FLAGS_REMOVING) {
		t->lost += sys->state_number - t->number - 1;
		t->number = t->acted = sys->state_number;
		event = queue_event(t, "removed");
		if (event)
			event->was = was.state;
	}
	queue_health(t, &was);
}

static void queue_operation(struct target *t, const char *name, const struct dmreplica_job *job)
{
	struct hook_event *event = queue_event(t, name);

	if (!event)
		return;
	event->number = job->state_number;
	event->state = job->system_state;
	event->was = job->system_was;
	event->job = *job;
}

static void on_job(struct dmreplica *ctx, const struct dmreplica_job *job)
{
	struct target *t = find_target(job->system);
	struct dmreplica_system now;
	struct hook_event *event;

	if (!t || t->gone)
		return;
	if (!current) {
		t->listed += job->state_number != 0;
		return;
	}
	if (job->state_number > t->acted) {
		if (job->state_number > t->number) {
			t->lost += job->state_number - t->number - 1;
			t->number = job->state_number;
		}
		t->acted = job->state_number;
		/* The event of the system follows only later. */
		if (*job->outcome && !dmreplica_system_attached(ctx, text_uuid(job->system), &now)) {
			t->sys.flags = now.flags;
			t->sys.live_epoch = now.live_epoch;
			t->sys.live_time = now.live_time;
			t->sys.test_time = now.test_time;
			t->sys.points_made = now.points_made;
			t->sys.points_dropped = now.points_dropped;
		}
		t->sys.state = job->system_state;
		if (*job->outcome)
			queue_operation(t, job->outcome, job);
		if (job->points_dropped && !strcmp(job->outcome, "point")) {
			struct dmreplica_job dropped = *job;

			dropped.point = 0;
			queue_operation(t, "point-dropped", &dropped);
		}
	}
	if (!dmreplica_job_ended(job->state))
		return;
	event = queue_event(t, "job");
	if (event) {
		event->job = *job;
		event->ended = true;
	}
}

static void on_gone(struct target *t)
{
	if (t->gone)
		return;
	t->gone = true;
	t->sys.attached = false;
	if (t->announced)
		queue_event(t, "detached");
	t->announced = false;
}

/* All systems are listed: compare each with what was reported of it before. */
static void compare(struct target *t)
{
	uint64_t number = t->sys.state_number;
	struct hook_event *event;

	if (!t->fresh) {
		if (!t->gone)
			t->lost++;
		on_gone(t);
		return;
	}
	t->fresh = false;
	if (!t->has_base) {
		t->number = t->acted = number;
		t->lost = t->listed;
		memset(&t->base, 0, sizeof(t->base));
		t->announced = whole(&t->sys);
		if (t->announced) {
			queue_event(t, "attached");
			queue_health(t, &t->base);
		}
		return;
	}
	/* An older store was put in place. */
	if (number < t->base.state_number)
		t->lost++;
	else
		t->lost += number - t->base.state_number;
	t->number = t->acted = number;
	if (t->lost) {
		event = queue_event(t, difference(&t->base, &t->sys));
		if (event)
			event->was = t->base.state;
	}
	queue_health(t, &t->base);
}

/* Systems of which there is a record, and no more. */
static void miss_recorded(void)
{
	struct dmreplica_system sys;
	struct target *t;
	size_t at;

	for (at = 0; hook_seen_next(at, &sys); at++) {
		if (find_target(sys.uuid))
			continue;
		t = new_target(sys.uuid);
		if (!t)
			return;
		t->sys = sys;
		t->number = sys.state_number;
		t->announced = true;
		t->lost = 1;
		on_gone(t);
	}
}

static void on_event(struct dmreplica *ctx, const struct dmreplica_event *event)
{
	struct target *t;

	switch (event->type) {
	case DMREPLICA_EVENT_SYSTEM:
		if (current)
			on_changed(&event->system);
		else
			on_listed(&event->system);
		break;
	case DMREPLICA_EVENT_JOB:
		on_job(ctx, &event->job);
		break;
	case DMREPLICA_EVENT_DETACHED:
		t = find_target(event->system.uuid);
		if (t)
			on_gone(t);
		break;
	case DMREPLICA_EVENT_LOST:
		hook_log("events were lost; all systems are looked at");
		current = false;
		break;
	case DMREPLICA_EVENT_LOADED:
		current = false;
		break;
	case DMREPLICA_EVENT_UNLOADED:
		for (t = targets; t; t = t->next)
			on_gone(t);
		break;
	case DMREPLICA_EVENT_CURRENT:
		for (t = targets; t; t = t->next) {
			compare(t);
			look_at_peer(t);
		}
		miss_recorded();
		current = true;
		break;
	}
}

/*----------------------------------------------------------------
 * Running them
 *----------------------------------------------------------------*/

/* Paths of the live devices, for DMREPLICA_DEVICES. */
static void list_devices(struct dmreplica *ctx, const struct dmreplica_system *sys, char *text,
			 size_t size)
{
	struct dmreplica_disk *disks = NULL;
	size_t nr = 0, i, len = 0;

	*text = 0;
	if (!sys->attached || dmreplica_disk_list(ctx, sys, &disks, &nr))
		return;
	for (i = 0; i < nr && len < size; i++)
		len += snprintf(text + len, size - len, "%s/dev/dm-replica/%s/%s", i ? " " : "",
				sys->name, disks[i].name);
	dmreplica_list_free(disks);
}

/* Start the hook at t->at, or a later one.  Return: false if there is none. */
static bool start_hook(struct dmreplica *ctx, struct target *t)
{
	char devices[4096];

	while (t->at < t->hooks.nr) {
		list_devices(ctx, &t->head->sys, devices, sizeof(devices));
		t->pid = hook_start(t->hooks.paths[t->at], t->head, devices, !t->at);
		if (t->pid > 0) {
			t->deadline = now_ms() + limit_ms;
			t->sent = 0;
			running++;
			return true;
		}
		hook_log("%s cannot be started: %s", t->hooks.paths[t->at], strerror(errno));
		t->pid = 0;
		t->at++;
	}
	return false;
}

/* The event at the head of the queue is done. */
static void end_event(struct target *t)
{
	struct hook_event *event = t->head;

	hook_list_free(&t->hooks);
	t->at = 0;
	t->head = event->next;
	if (!t->head)
		t->tail = &t->head;
	t->queued--;
	free(event);
}

/* Begin with the events of a system, as far as a hook is found for one. */
static void start_target(struct dmreplica *ctx, struct target *t)
{
	while (!t->pid && t->head) {
		if (!hook_list_make(t->head->event, &t->hooks))
			hook_log("out of memory: no hook runs for %s of %s", t->head->event,
				 t->sys.name);
		if (start_hook(ctx, t))
			return;
		hook_seen_write(t->head);
		end_event(t);
	}
}

static void start_all(struct dmreplica *ctx)
{
	struct target **at = &targets, *t;

	while ((t = *at)) {
		if (running < MAX_RUNNING)
			start_target(ctx, t);
		if (t->gone && !t->head) {
			*at = t->next;
			free(t);
		} else {
			at = &t->next;
		}
	}
}

/* Behind the others, so that each system has its turn. */
static void move_to_end(struct target *t)
{
	struct target **at;

	for (at = &targets; *at != t; at = &(*at)->next)
		;
	*at = t->next;
	t->next = NULL;
	for (at = &targets; *at; at = &(*at)->next)
		;
	*at = t;
}

static void ended(struct dmreplica *ctx, struct target *t, int status)
{
	const char *name = hook_name(t->hooks.paths[t->at]);

	/* What it has left running. */
	if (t->sent)
		kill(-t->pid, SIGKILL);
	t->pid = 0;
	running--;
	if (t->sent)
		hook_log("%s, %s of %s: stopped after %llu s", name, t->head->event, t->sys.name,
			 (unsigned long long)(limit_ms / 1000));
	else if (WIFSIGNALED(status))
		hook_log("%s, %s of %s: killed by signal %d", name, t->head->event, t->sys.name,
			 WTERMSIG(status));
	else if (WEXITSTATUS(status))
		hook_log("%s, %s of %s: exit status %d", name, t->head->event, t->sys.name,
			 WEXITSTATUS(status));
	t->at++;
	if (!stop && start_hook(ctx, t))
		return;
	end_event(t);
	move_to_end(t);
}

static void reap(struct dmreplica *ctx)
{
	struct target *t;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (t = targets; t && t->pid != pid; t = t->next)
			;
		if (t)
			ended(ctx, t, status);
	}
}

/* Signal hooks whose time is over.  Return: ms to the next one, -1: none. */
static int enforce(void)
{
	uint64_t now = now_ms();
	struct target *t;
	int next = -1;

	for (t = targets; t; t = t->next) {
		if (!t->pid)
			continue;
		if (now >= t->deadline && t->sent != SIGKILL) {
			t->sent = t->sent ? SIGKILL : SIGTERM;
			kill(-t->pid, t->sent);
			t->deadline = now + KILL_MS;
		}
		if (now < t->deadline && (next < 0 || t->deadline - now < (uint64_t)next))
			next = t->deadline - now;
	}
	return next;
}

static int dispatch(struct dmreplica *ctx, struct dmreplica_monitor *mon)
{
	struct pollfd fds[3] = { { .fd = wake[0], .events = POLLIN },
				 { .fd = dmreplica_monitor_fd(mon), .events = POLLIN },
				 { .fd = hook_peer_watch(), .events = POLLIN } };
	struct dmreplica_event event;
	int code = 0, i, look;
	char bytes[64];

	while (!stop || running) {
		/* A few at a time, so that hooks end in time beside a flood. */
		for (i = 0; !stop && i < 64; i++) {
			code = dmreplica_monitor_next(mon, &event, 0);
			if (code)
				break;
			on_event(ctx, &event);
		}
		if (code && code != DM_REPLICA_CODE_TIMEOUT)
			return code;
		look = -1;
		if (!stop) {
			take_peers();
			look = look_again();
		}
		if (!stop)
			start_all(ctx);
		i = enforce();
		if (look >= 0 && (i < 0 || look < i))
			i = look;
		poll(fds, stop ? 1 : 3, code || stop ? i : 0);
		while (read(wake[0], bytes, sizeof(bytes)) > 0)
			;
		reap(ctx);
	}
	return 0;
}

static bool take_limit(int *status)
{
	const char *text = getenv("HOOK_TIMEOUT");
	uint64_t seconds = HOOK_SECONDS;

	if (text && (!parse_number(text, &seconds) || !seconds || seconds > 86400)) {
		*status = usage_error("HOOK_TIMEOUT=%s is no number of seconds from 1 to 86400", text);
		return false;
	}
	limit_ms = seconds * 1000;
	return true;
}

int run_hooks(struct dmreplica *ctx)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct dmreplica_monitor *mon;
	int code, status;

	if (!take_limit(&status))
		return status;
	if (!hook_seen_lock()) {
		fprintf(stderr, "replicactl: another monitor --hooks runs already: systemctl status dm-replica-events\n");
		return dmreplica_exit_status(DM_REPLICA_CODE_IN_USE);
	}
	if (pipe2(wake, O_CLOEXEC | O_NONBLOCK)) {
		perror("replicactl: pipe");
		return 1;
	}
	sigaction(SIGCHLD, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	code = dmreplica_monitor_open(ctx, &mon);
	if (code)
		return refused(ctx, code);
	code = dispatch(ctx, mon);
	dmreplica_monitor_close(mon);
	return code ? refused(ctx, code) : 0;
}
