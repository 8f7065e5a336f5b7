// SPDX-License-Identifier: GPL-2.0
/* The history of a run: all operations, to be printed after a mismatch. */
#include "model.h"

#include <stdarg.h>
#include <time.h>

static struct event *events;
static long nr_events, max_events;
pthread_mutex_t say_lock = PTHREAD_MUTEX_INITIALIZER;
__thread uint8_t writer;
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

/* The first thread with a mismatch prints it; say_lock is never let go again. */
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

static long event_add(const struct event *what)
{
	struct event *e;
	long at;

	pthread_mutex_lock(&say_lock);
	if (nr_events == max_events) {
		max_events = max_events ? max_events * 2 : 65536;
		events = realloc(events, max_events * sizeof(*events));
		if (!events)
			abort();
	}
	at = nr_events++;
	e = &events[at];
	*e = *what;
	e->op = at_op;
	e->begun = now();
	pthread_mutex_unlock(&say_lock);
	return at;
}

void note(enum what what, uint64_t number)
{
	event_add(&(struct event){ .what = what, .number = number });
}

/* I/O begins.  Return: the argument of note_ended(). */
long note_begun(enum what what, int view, int disk, uint64_t sector, uint32_t sectors,
		uint32_t seq)
{
	return event_add(&(struct event){ .what = what, .view = view, .disk = disk,
					  .sector = sector, .sectors = sectors, .seq = seq,
					  .writer = writer });
}

void note_ended(long event, int err)
{
	pthread_mutex_lock(&say_lock);
	events[event].err = err;
	events[event].end = now();
	events[event].ended = true;
	pthread_mutex_unlock(&say_lock);
}

static void tell_io(const struct event *e, const char *more)
{
	double t = now();

	say("op %ld, %s %s %s %llu+%u, number %u, thread %u, begun %.3f s ago, ", e->op,
	    what_name[e->what], view_name[e->view], disks[e->disk].disk,
	    (unsigned long long)e->sector, e->sectors, e->seq, e->writer, t - e->begun);
	if (e->ended)
		say("ended %.3f s ago%s%s%s\n", t - e->end, e->err ? " with: " : "",
		    e->err ? strerror(e->err) : "", more);
	else
		say("still under way%s\n", more);
}

/* The write that has this number; @label describes its role here. */
void tell_write(const char *label, uint32_t seq, int disk, uint64_t sector)
{
	const struct event *e;

	if (!seq) {
		say("#   %s: zeroes\n", label);
		return;
	}
	for (e = events + nr_events; e-- > events;) {
		if (e->what > LAST_WRITING || e->seq != seq || e->disk != disk ||
		    sector < e->sector || sector >= e->sector + e->sectors)
			continue;
		say("#   %s: ", label);
		tell_io(e, "");
		return;
	}
	say("#   %s: write %u, which this run has not made there\n", label, seq);
}

/* say_lock is held where there are threads. */
void history(int disk, uint64_t sector)
{
	uint64_t block = sector & ~7ULL;
	long i, shown = 0;

	say("# what happened to its block, and to all, newest first:\n");
	for (i = nr_events - 1; i >= 0 && shown < 60; i--) {
		const struct event *e = &events[i];

		if (e->what > LAST_IO) {
			say("#   op %ld: %s %llu\n", e->op, what_name[e->what],
			    (unsigned long long)e->number);
		} else if (e->what <= LAST_WRITING && e->disk == disk &&
			   e->sector < block + 8 && e->sector + e->sectors > block) {
			say("#   ");
			tell_io(e, e->sector <= sector && sector < e->sector + e->sectors ? "" :
				   " (not this sector)");
		} else {
			continue;
		}
		shown++;
	}
}
