// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests to device mapper that may hang.
 *
 * The request that makes or removes a device returns when the store has taken a superblock,
 * and a process that waits for it cannot be killed.  So another process makes such requests,
 * and this one waits for it, for a limited time, and a signal ends it at once.  The other
 * process gets a SIGKILL when this one ends or gives up: the request that it waits for ends
 * with the device's answer, and no other follows (R12).  Until then it keeps the locks that
 * this one had taken.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "private.h"

enum note_type { STEP, WARNING, END };

/* One datagram. */
struct note {
	enum note_type type;
	int code;
	int err;
	bool udev_dead;
	char message[sizeof(((struct dmreplica *)0)->message)];
	char hint[sizeof(((struct dmreplica *)0)->hint)];
};

static void post(int sock, enum note_type type, const struct dmreplica *ctx, const char *text)
{
	struct note note = {
		.type = type, .code = ctx->code, .err = ctx->err,
		.udev_dead = dmrl_dm_udev_dead(false),
	};

	snprintf(note.message, sizeof(note.message), "%s", text);
	snprintf(note.hint, sizeof(note.hint), "%s", ctx->hint);
	if (send(sock, &note, sizeof(note), MSG_NOSIGNAL) != sizeof(note))
		_exit(1);
}

/* The other process has its own copy of the context. */
static void warn(void *arg, const char *text)
{
	struct dmreplica *ctx = arg;

	post(ctx->apart, WARNING, ctx, text);
}

/** dmrl_apart_step() - restart the time limit: a part of the work is done */
void dmrl_apart_step(struct dmreplica *ctx)
{
	if (ctx->apart)
		post(ctx->apart, STEP, ctx, "");
}

/*
 * Leave standard input and output: the reader of an inherited pipe would wait for this
 * process.  Leave the terminal: its signals are for the waiting process.
 */
static void __attribute__((noreturn)) work_here(struct dmreplica *ctx, pid_t parent, int sock,
						dmrl_apart_fn fn, void *arg)
{
	int null, fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	setsid();
	sock = fcntl(sock, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	ctx->apart = sock;
	ctx->warn = warn;
	ctx->warn_arg = ctx;
	ctx->progress = NULL;
	ctx->code = fn(ctx, arg);
	post(sock, END, ctx, ctx->message);
	_exit(0);
}

/* Return: true when the work has ended, false if it has not in time. */
static bool await(struct dmreplica *ctx, int sock, unsigned int limit_ms, int *code)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	u64 end = dmrl_now_ms() + limit_ms, now;
	bool ended = false;
	struct note note;
	ssize_t n;
	int r;

	*code = 0;
	while (!*code && !ended) {
		now = dmrl_now_ms();
		r = poll(&pfd, 1, !limit_ms ? -1 : now < end ? (int)(end - now) : 0);
		if (r < 0 && errno == EINTR)
			continue;
		if (!r)
			break;
		n = recv(sock, &note, sizeof(note), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(note)) {
			*code = dmrl_fail(ctx, DM_REPLICA_CODE_FAILED,
					  "the process that makes and removes devices was killed");
			break;
		}
		end = dmrl_now_ms() + limit_ms;
		dmrl_dm_udev_dead(note.udev_dead);
		if (note.type == WARNING)
			dmrl_warn(ctx, "%s", note.message);
		ended = note.type == END;
	}
	if (ended) {
		*code = ctx->code = note.code;
		ctx->err = note.err;
		memcpy(ctx->message, note.message, sizeof(ctx->message));
		memcpy(ctx->hint, note.hint, sizeof(ctx->hint));
	}
	return ended || *code;
}

/**
 * dmrl_apart() - make requests to device mapper that may hang, in another process
 * @ctx: the context; without a patience, the requests are made by this process.
 * @limited: end after three times the patience without dmrl_apart_step().
 * @fn: makes the requests; gets a copy of the context, and its memory is its own.
 * @arg: argument of @fn.
 * @hung: set to true if they have not ended in time: then the caller reports that.
 *
 * Return: that of @fn, with its message; or a refusal.
 */
int dmrl_apart(struct dmreplica *ctx, bool limited, dmrl_apart_fn fn, void *arg, bool *hung)
{
	int ends[2], code = 0;
	pid_t parent = getpid(), child;
	bool ended;

	*hung = false;
	if (!ctx->patience_ms)
		return fn(ctx, arg);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return dmrl_fail_errno(ctx, errno, "cannot start a process for device mapper");
	child = fork();
	if (!child) {
		close(ends[0]);
		work_here(ctx, parent, ends[1], fn, arg);
	}
	close(ends[1]);
	if (child < 0) {
		code = dmrl_fail_errno(ctx, errno, "cannot start a process for device mapper");
		close(ends[0]);
		return code;
	}
	ended = await(ctx, ends[0], limited ? 3 * ctx->patience_ms : 0, &code);
	close(ends[0]);
	if (!ended) {
		kill(child, SIGKILL);
		*hung = true;
		return 0;
	}
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return code;
}
