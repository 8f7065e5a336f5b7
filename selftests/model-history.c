// SPDX-License-Identifier: GPL-2.0
/* The history of a run: what was done, to be told when something is wrong. */
#include "helper-model.h"

#include <stdarg.h>
#include <time.h>

static const char * const what_name[] = {
	"write", "dsync write", "burst write", "discard", "zeroes", "fsync", "point", "drop",
	"failover", "revert", "test failover", "stop test", "suspend", "resume", "commit",
	"remove", "hold", "release", "rate", "keep last", "grow", "pause", "go on",
	"detach+attach",
};

static struct event *events;
static long nr_events, max_events;
pthread_mutex_t say_lock = PTHREAD_MUTEX_INITIALIZER;
long at_op;

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	fflush(stdout);
}

void die(const char *fmt, ...)
{
	va_list args;

	pthread_mutex_lock(&say_lock);
	va_start(args, fmt);
	printf("FAILED (seed %llu, op %ld): ", (unsigned long long)seed, at_op);
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
	_exit(1);
}

static void event_add(const struct event *what)
{
	struct event *e;

	pthread_mutex_lock(&say_lock);
	if (nr_events == max_events) {
		max_events = max_events ? max_events * 2 : 65536;
		events = realloc(events, max_events * sizeof(*events));
		if (!events)
			abort();
	}
	e = &events[nr_events++];
	*e = *what;
	e->op = at_op;
	pthread_mutex_unlock(&say_lock);
}

void note(enum what what, uint64_t number)
{
	event_add(&(struct event){ .what = what, .number = number });
}

void note_io(enum what what, int view, int disk, uint64_t sector, uint32_t sectors, uint32_t seq,
	     int err)
{
	event_add(&(struct event){ .what = what, .view = view, .disk = disk, .sector = sector,
				   .sectors = sectors, .seq = seq, .err = err });
}

static void tell_io(const struct event *e, uint64_t sector)
{
	say("#   op %ld: %s %s disk %u, sectors %llu..%llu, number %u%s%s%s\n", e->op,
	    what_name[e->what], view_name[e->view], e->disk, (unsigned long long)e->sector,
	    (unsigned long long)(e->sector + e->sectors - 1), e->seq, e->err ? ", " : "",
	    e->err ? strerror(e->err) : "",
	    e->sector <= sector && sector < e->sector + e->sectors ? "" : " (not this sector)");
}

/* say_lock is held where there are threads. */
void history(int disk, uint64_t sector)
{
	uint64_t block = sector & ~7ULL;
	long i, shown = 0;

	say("# what happened to its block, and to all, newest first:\n");
	for (i = nr_events - 1; i >= 0 && shown < 80; i--) {
		const struct event *e = &events[i];

		if (e->what == FLUSH)
			continue;
		if (e->what > FLUSH)
			say("#   op %ld: %s %llu\n", e->op, what_name[e->what],
			    (unsigned long long)e->number);
		else if (e->disk == disk && e->sector < block + 8 && e->sector + e->sectors > block)
			tell_io(e, sector);
		else
			continue;
		shown++;
	}
}
