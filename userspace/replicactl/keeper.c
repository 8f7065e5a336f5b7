// SPDX-License-Identifier: GPL-2.0-only
/* Start a worker, answer its notes, show progress. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keeper.h"

#define SECOND		1000000000ULL
#define TURN_MS		1000	/* a signal just before a wait is seen after it only */
#define WORKER_MS	2000	/* for the worker to end */

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	interrupted = sig;
}

bool keeper_interrupted(void)
{
	return interrupted;
}

/* Return: ns of the monotonic clock. */
uint64_t keeper_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

/**
 * keeper_open() - have a system for a session alone
 * @k: any content.
 * @ctx: the context.
 * @name: of the system.
 * @what: it is for: send, receive or verify, each of which there is once.
 *
 * keeper_close() is due in any case.
 *
 * Return: 0 or a refusal.
 */
int keeper_open(struct keeper *k, struct dmreplica *ctx, const char *name, const char *what)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal };
	size_t i;
	int code;

	memset(k, 0, sizeof(*k));
	k->ctx = ctx;
	k->sender = !strcmp(what, "send");
	k->port = k->lock = k->errors = -1;
	k->note = calloc(1, sizeof(*k->note));
	if (!k->note) {
		fprintf(stderr, "%s: out of memory\n", program.name);
		exit(dmreplica_exit_status(DM_REPLICA_CODE_NO_MEMORY));
	}
	code = dmreplica_system_attached(ctx, name, &k->sys);
	if (!code)
		code = dmreplica_stream_lock(ctx, &k->sys, what, &k->lock);
	if (code)
		return code;
	/* What was opened is closed by this process; the worker's own end is the port's. */
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

void keeper_close_files(struct keeper *k)
{
	while (k->nr_files)
		close(k->files[--k->nr_files]);
}

/**
 * keeper_open_view() - open the devices of a view, to be read without the page cache
 * @k: its files of before are closed.
 * @view: name of the view.
 *
 * Return: 0 or a refusal.
 */
int keeper_open_view(struct keeper *k, const char *view)
{
	struct dmreplica_blockdev dev;
	struct dmreplica_reader *list;
	size_t nr, i;
	int code, fd;

	keeper_close_files(k);
	code = dmreplica_view_devices(k->ctx, &k->sys, view, &list, &nr);
	if (code)
		return code;
	for (i = 0; i < nr && !code; i++) {
		fd = open(list[i].path, O_RDONLY | O_DIRECT | O_CLOEXEC);
		if (fd >= 0)
			k->files[k->nr_files++] = fd;
		else
			code = dmreplica_blockdev_probe(k->ctx, list[i].path, &dev) ?:
			       DM_REPLICA_CODE_NOT_AVAILABLE;
	}
	dmreplica_list_free(list);
	return code;
}

/* Answer the present note with the files.  Return: 0. */
int keeper_give_files(struct keeper *k)
{
	k->note->len = 0;
	memcpy(k->note->fds, k->files, sizeof(k->note->fds));
	k->note->nr_fds = k->nr_files;
	return 0;
}

/* Close a view, which may not be open: one that a killed process has left is not, either. */
int keeper_close_view(struct keeper *k, const char *view)
{
	struct dmreplica_op op = {
		.given = DMREPLICA_OP_VIEW | DMREPLICA_OP_WAIT, .view = view,
		.wait_ms = DMREPLICA_DETACH_WAIT_MS,
	};
	int code = dmreplica_point_close(k->ctx, &k->sys, &op);

	return code == DM_REPLICA_CODE_INVALID_STATE ? 0 : code;
}

void keeper_close(struct keeper *k)
{
	keeper_stop(k);
	keeper_close_files(k);
	if (k->lock >= 0)
		close(k->lock);
	free(k->note);
}

/*
 * A pipe of its own for the worker, which does not block: the caller may share @fd with others
 * that want it to.  Return: a descriptor.
 */
int keeper_output(int fd)
{
	char path[40];
	struct stat st;
	int own = -1;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!fstat(fd, &st) && S_ISFIFO(st.st_mode))
		own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	return own >= 0 ? own : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/*
 * Of a session of its own, without the terminal of the caller: it looks at bytes of another
 * host.
 */
static void __attribute__((noreturn)) become_worker(struct keeper *k, const char *path,
						    const int std[3], int port,
						    char *const argv[])
{
	int null = open("/dev/null", O_RDWR);
	int fds[5], i;

	setsid();
	signal(SIGPIPE, SIG_DFL);
	for (i = 0; i < 3; i++)
		fds[i] = std[i] >= 0 ? std[i] : null;
	fds[3] = port;
	fds[4] = k->lock;
	/* First out of the way of the places that they get. */
	for (i = 0; i < 5; i++)
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 16);
	for (i = 0; i < 3; i++)
		dup2(fds[i], i);
	dup2(fds[3], DMRS_PORT_FD);
	dup2(fds[4], DMRS_PORT_FD + 1);
	execv(path, argv);
	_exit(127);
}

/**
 * keeper_start() - start the worker
 * @k: a keeper without one.
 * @in: becomes its standard input; -1: nothing.
 * @out: becomes its standard output; -1: nothing.
 * @argv: of the worker, its name first.
 *
 * Return: false with errno.
 */
bool keeper_start(struct keeper *k, int in, int out, char *const argv[])
{
	const char *path = getenv("DM_REPLICA_WORKER") ?: WORKER_PROGRAM;
	int ports[2], errors[2];

	if (access(path, X_OK) || keeper_error_pipe(errors))
		return false;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ports)) {
		close(errors[0]);
		close(errors[1]);
		return false;
	}
	fflush(stdout);
	fflush(stderr);
	k->worker = fork();
	if (!k->worker)
		become_worker(k, path, (int[]){ in, out, errors[1] }, ports[1], argv);
	close(ports[1]);
	close(errors[1]);
	k->port = ports[0];
	k->errors = errors[0];
	k->complained = 0;
	if (k->worker > 0)
		return true;
	k->worker = 0;
	return false;
}

/* End the worker, which sees that the port is closed, and wait for it.  Return: its status; 0 without a worker. */
static int end_worker(struct keeper *k)
{
	int status = 0;

	if (k->port >= 0)
		close(k->port);
	k->port = -1;
	if (k->worker > 0)
		status = keeper_end_child(k->worker, WORKER_MS);
	k->worker = 0;
	keeper_show_errors(k);
	if (k->errors >= 0)
		close(k->errors);
	k->errors = -1;
	return status;
}

/** keeper_stop() - end the worker, and wait for it: its files are closed then */
void keeper_stop(struct keeper *k)
{
	end_worker(k);
}

void keeper_clear_line(struct keeper *k)
{
	if (k->shown)
		fprintf(stderr, "\r\033[K");
	k->shown = false;
}

static void show_progress(struct keeper *k)
{
	const struct dmrs_count *c = &k->count.count;
	uint64_t done = c->bytes + c->zero_bytes, ns = keeper_now() - k->started, rate;

	if (k->quiet || !k->begin.target.number || !isatty(STDERR_FILENO))
		return;
	rate = ns ? done * (SECOND / 1000) / (ns / 1000 ?: 1) : 0;
	fprintf(stderr, "\r\033[Kpoint %llu: %s", (unsigned long long)k->begin.target.number,
		text_size(done));
	if (k->begin.bytes)
		fprintf(stderr, " of %s", text_size(k->begin.bytes));
	fprintf(stderr, ", %s/s", text_size(rate));
	if (rate && k->begin.bytes > done)
		fprintf(stderr, ", %s left",
			text_duration((k->begin.bytes - done) / rate * SECOND));
	fflush(stderr);
	k->shown = true;
}

/* Make the present note a refusal.  Return: 0. */
int keeper_refuse(struct keeper *k, uint32_t code, const char *sentence)
{
	struct dmrs_refusal why = { .code = code };
	char *p;

	snprintf(why.sentence, sizeof(why.sentence), "%s", sentence);
	/* a sentence of a stream has one line */
	for (p = why.sentence; *p; p++)
		if (*p == '\n')
			*p = ' ';
	if (why.code < DM_REPLICA_CODE_FAILED || why.code > DM_REPLICA_CODE_NOT_FOUND)
		why.code = DM_REPLICA_CODE_FAILED;
	k->note->code = why.code;
	k->note->nr_fds = 0;
	k->note->first = 0;
	k->note->len = dmrs_refusal_put(k->note->data, &why);
	return 0;
}

static int answer_state(struct keeper *k)
{
	int code = stream_state(k->ctx, &k->sys, k->sender, &k->hello, &k->state);

	if (code)
		return code;
	k->note->first = dmrs_hello_put(k->note->data, &k->hello);
	k->note->len = k->note->first +
		       dmrs_state_put(k->note->data + k->note->first, &k->state);
	return 0;
}

/* Take a note that has no answer.  Return: false if it is another one. */
static bool take_report(struct keeper *k)
{
	struct dmrs_note *note = k->note;
	struct dmrs_refusal why = { .code = 0 };
	struct dmrs_note_hash hash = { .disk = DMR_MAX_DISKS };

	switch (note->kind) {
	case DMRS_NOTE_PEER:
		if (dmrs_hello_get(note->data, note->len, &k->peer))
			memset(&k->peer, 0, sizeof(k->peer));
		return true;
	case DMRS_NOTE_COUNT:
		if (note->len == sizeof(k->count))
			memcpy(&k->count, note->data, sizeof(k->count));
		show_progress(k);
		return true;
	case DMRS_NOTE_HASH:
		if (note->len == sizeof(hash))
			memcpy(&hash, note->data, sizeof(hash));
		if (k->ops->hash && hash.disk < k->state.nr_disks)
			k->ops->hash(k, &hash);
		return true;
	case DMRS_NOTE_FAULT:
		if (dmrs_refusal_get(note->data, note->len, &k->fault))
			keeper_set_fault(k, DM_REPLICA_CODE_FAILED, "the worker has failed");
		return true;
	case DMRS_NOTE_IDLE:
		if (note->len && dmrs_refusal_get(note->data, note->len, &why))
			why.code = DM_REPLICA_CODE_FAILED;
		keeper_clear_line(k);
		if (k->ops->idle)
			k->ops->idle(k, &why);
		return true;
	}
	return false;
}

static bool take_note(struct keeper *k)
{
	struct dmrs_note *note = k->note;
	uint32_t i, kind;
	int code;

	/* The worker has no descriptors to give. */
	for (i = 0; i < note->nr_fds; i++)
		close(note->fds[i]);
	note->nr_fds = 0;
	kind = note->kind;
	if (take_report(k))
		return true;
	note->code = 0;
	if (kind == DMRS_NOTE_STATE)
		code = answer_state(k);
	else
		code = k->ops->answer(k, note);
	if (code)
		keeper_refuse(k, code, dmreplica_message(k->ctx));
	note->kind = kind;
	return keeper_send(k);
}

void keeper_set_fault(struct keeper *k, int code, const char *sentence)
{
	k->fault.code = code;
	snprintf(k->fault.sentence, sizeof(k->fault.sentence), "%s", sentence);
}

static void fail(struct keeper *k, const char *sentence)
{
	if (!k->fault.code)
		keeper_set_fault(k, DM_REPLICA_CODE_FAILED, sentence);
}

/**
 * keeper_send() - send the present note to the worker
 * @k: a keeper with a worker.
 *
 * Not waiting: a worker that does not read its answers must not keep what has privileges.
 *
 * Return: false, with a fault.
 */
bool keeper_send(struct keeper *k)
{
	if (dmrs_port_send(k->port, k->note, false))
		return true;
	/* Its end has a reason of its own. */
	if (errno != EPIPE && errno != ECONNRESET)
		fail(k, "dm-replica-worker does not take its answers");
	return false;
}

/* Return: ms to wait for a note, and no longer than until the keeper is to wake. */
static int wait_ms(const struct keeper *k)
{
	uint64_t now = keeper_now();

	if (!k->wake_at || k->wake_at >= now + TURN_MS * 1000000ULL)
		return TURN_MS;
	return k->wake_at > now ? (k->wake_at - now) / 1000000 + 1 : 0;
}

/**
 * keeper_run() - answer the worker until its end
 * @k: a keeper with a worker.
 *
 * Return: 0, or a code: k->fault has the sentence.
 */
int keeper_run(struct keeper *k)
{
	struct pollfd fds[2] = {
		{ .fd = k->port, .events = POLLIN }, { .events = POLLIN },
	};
	int status;

	k->started = keeper_now();
	while (!interrupted) {
		if (k->turned)
			k->turned(k);
		fds[1].fd = k->errors;
		if (poll(fds, 2, wait_ms(k)) < 0)
			continue;
		if (fds[1].revents)
			keeper_show_errors(k);
		/* By the clock: notes of the worker may come more often than the wait ends. */
		if (k->wake_at && keeper_now() >= k->wake_at && !k->woken(k))
			break;
		if (!fds[0].revents)
			continue;
		if (!dmrs_port_receive(k->port, k->note)) {
			if (errno == EINTR)
				continue;
			break;
		}
		if (k->note->kind == DMRS_NOTE_ANNOUNCE || k->note->kind == DMRS_NOTE_BEGIN) {
			k->started = keeper_now();
			memset(&k->count.count, 0, sizeof(k->count.count));
		}
		if (!take_note(k))
			break;
	}
	keeper_clear_line(k);
	if (interrupted)
		fail(k, "interrupted");
	status = end_worker(k);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail(k, "dm-replica-worker has ended before the stream");
	return k->fault.code;
}
