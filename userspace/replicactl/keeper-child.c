// SPDX-License-Identifier: GPL-2.0-only
/* Child processes that a session depends on: their end, and what they complain about. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keeper.h"

#define LOOK_MS		20	/* between two looks at a child that is to end */
#define HURRY_MS	1000	/* for a child to end, once this process is interrupted */
#define TERM_MS		2000	/* from SIGTERM to SIGKILL */
#define KILL_MS		10000	/* from there on: its I/O cannot be broken off */
#define COMPLAINTS	4096	/* bytes that are shown of one worker */
#define PIPE_READS	128	/* of 512 bytes */

/* Return: false if the child is there still. */
static bool ends_within(pid_t pid, unsigned int ms, bool interruptible, int *status)
{
	struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	uint64_t now = keeper_now(), limit = now + ms * 1000000ULL;
	pid_t found;

	for (;;) {
		found = waitpid(pid, status, WNOHANG);
		if (found == pid || (found < 0 && errno != EINTR))
			return true;
		now = keeper_now();
		if (now >= limit)
			return false;
		if (interruptible && keeper_interrupted()) {
			interruptible = false;
			if (limit > now + HURRY_MS * 1000000ULL)
				limit = now + HURRY_MS * 1000000ULL;
		}
		nanosleep(&pause, NULL);
	}
}

/**
 * keeper_end_child() - wait for the end of a child, and bring it about if need be
 * @pid: of the child.
 * @patience_ms: to end by itself, 1 s if this process is interrupted; then it gets SIGTERM, and
 * after 2 s SIGKILL.
 *
 * Return: its status; that of a killed process if it does not even end then.
 */
int keeper_end_child(pid_t pid, unsigned int patience_ms)
{
	int status = SIGKILL;

	if (ends_within(pid, patience_ms, true, &status))
		return status;
	kill(pid, SIGTERM);
	if (ends_within(pid, TERM_MS, false, &status))
		return status;
	kill(pid, SIGKILL);
	if (!ends_within(pid, KILL_MS, false, &status))
		fprintf(stderr, "%s: process %d does not end: its I/O hangs\n", program.name,
			(int)pid);
	return status;
}

/* Return: 0, or -1 with errno. */
int keeper_error_pipe(int ends[2])
{
	return pipe2(ends, O_CLOEXEC) || fcntl(ends[0], F_SETFL, O_NONBLOCK) ? -1 : 0;
}

/*
 * Show what the worker has complained about, as text and not for long: it looks at bytes of
 * another host.
 */
void keeper_show_errors(struct keeper *k)
{
	unsigned int reads = 0;
	char buf[512];
	ssize_t n, i;

	if (k->errors < 0)
		return;
	/* A full pipe at most: a worker may write as fast as it is read. */
	while ((n = read(k->errors, buf, sizeof(buf))) > 0) {
		for (i = 0; i < n; i++)
			if (buf[i] != '\n' && (buf[i] < ' ' || buf[i] > '~'))
				buf[i] = '?';
		if (k->complained < COMPLAINTS) {
			fwrite(buf, 1, n, stderr);
			k->complained += n;
		}
		if (++reads == PIPE_READS)
			return;
	}
	if (!n || (errno != EAGAIN && errno != EINTR)) {
		close(k->errors);
		k->errors = -1;
	}
}
