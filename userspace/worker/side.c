// SPDX-License-Identifier: GPL-2.0-only
/* What sender and receiver share: the keeper, the files of disks, standard input and output. */
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "worker.h"

#define PROGRESS_NS	200000000ULL	/* between two counts that the keeper gets */
#define TURN_MS		1000		/* longest wait: a session has limits of its own */

u64 side_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* Return: false, with @why filled in. */
bool side_refuse(struct dmrs_refusal *why, u32 code, const char *fmt, ...)
{
	va_list ap;

	why->code = code;
	va_start(ap, fmt);
	vsnprintf(why->sentence, sizeof(why->sentence), fmt, ap);
	va_end(ap);
	return false;
}

bool side_open(struct side *side)
{
	side->in = STDIN_FILENO;
	side->out = STDOUT_FILENO;
	side->io = dmrs_io_open(DMRS_IO_ANY, DMRS_IO_DEPTH);
	return side->io;
}

bool side_report(struct side *side, u32 kind, const void *data, u32 len)
{
	struct dmrs_note *note = &side->note;

	note->kind = kind;
	note->code = note->first = note->nr_fds = 0;
	note->len = len;
	if (len)
		memcpy(note->data, data, len);
	return dmrs_port_send(DMRS_PORT_FD, note, true);
}

/*
 * Wait for an answer of the keeper, which may take minutes: a flush, or devices that appear.
 * The other side hears of this one meanwhile, unless it does not read what it was sent.
 */
static bool wait_answer(struct side *side)
{
	struct pollfd fd = { .fd = DMRS_PORT_FD, .events = POLLIN };
	struct dmrs_link *link = side->link;
	size_t queued;
	int n;

	while (link && link->live) {
		n = poll(&fd, 1, TURN_MS);
		if (n > 0 || (n < 0 && errno != EINTR))
			break;
		dmrs_link_out(link, &queued);
		if (!queued)
			dmrs_link_time(link, side_now());
		if (!side_write(side, link))
			break;
	}
	while (!dmrs_port_receive(DMRS_PORT_FD, &side->note))
		if (errno != EINTR)
			return false;
	return true;
}

/**
 * side_ask() - ask the keeper, and wait for its answer
 * @side: the answer is in @side->note.
 * @kind: enum dmrs_note_kind.
 * @data: @len bytes.
 * @len: their number.
 * @why: filled in with a refusal.
 *
 * Return: false after a refusal, and without a keeper.
 */
bool side_ask(struct side *side, u32 kind, const void *data, u32 len, struct dmrs_refusal *why)
{
	struct dmrs_note *note = &side->note;

	if (!side_report(side, kind, data, len) || !wait_answer(side) || note->kind != kind)
		return side_refuse(why, DM_REPLICA_CODE_FAILED, "the worker's keeper has gone");
	if (!note->code)
		return true;
	if (dmrs_refusal_get(note->data, note->len, why))
		side_refuse(why, note->code, "the keeper has given no reason");
	return false;
}

bool side_state(struct side *side, struct dmrs_hello *hello, struct dmrs_state *state,
		struct dmrs_refusal *why)
{
	struct dmrs_note *note = &side->note;
	const char *wrong;

	if (!side_ask(side, DMRS_NOTE_STATE, NULL, 0, why))
		return false;
	wrong = dmrs_hello_get(note->data, note->first, hello);
	if (!wrong)
		wrong = dmrs_state_get(note->data + note->first, note->len - note->first, state);
	return !wrong || side_refuse(why, DM_REPLICA_CODE_FAILED, "the state of this side: %s",
				     wrong);
}

/* Have the files of all @nr disks. */
bool side_files(struct side *side, u32 nr, struct dmrs_refusal *why)
{
	if (side->nr_fds)
		return true;
	if (!side_ask(side, DMRS_NOTE_FILES, NULL, 0, why))
		return false;
	if (side->note.nr_fds != nr)
		return side_refuse(why, DM_REPLICA_CODE_FAILED,
				   "the keeper has opened %u disks of %u", side->note.nr_fds, nr);
	memcpy(side->fds, side->note.fds, sizeof(side->fds));
	side->nr_fds = nr;
	return true;
}

/* The keeper ends what they belong to, and cannot while they are open. */
void side_close_files(struct side *side)
{
	while (side->nr_fds)
		close(side->fds[--side->nr_fds]);
}

/**
 * side_progress() - report progress, now and then, and only if there is some
 * @side: one side.
 * @count: what there is.
 * @last: there will be no more for now: report it at once.
 */
void side_progress(struct side *side, const struct dmrs_note_count *count, bool last)
{
	u64 now = side_now();

	if ((!last && now - side->reported_at < PROGRESS_NS) ||
	    !memcmp(&side->reported, count, sizeof(*count)))
		return;
	side->reported_at = now;
	side->reported = *count;
	side_report(side, DMRS_NOTE_COUNT, count, sizeof(*count));
}

void side_fault(struct side *side, const struct dmrs_refusal *why)
{
	u8 buf[6 + DMRS_SENTENCE_LEN];

	side_report(side, DMRS_NOTE_FAULT, buf, dmrs_refusal_put(buf, why));
}

/**
 * side_transfer() - read or write extents of a disk
 * @side: one side, with the files.
 * @op: DMRS_IO_READ or DMRS_IO_WRITE.
 * @ex: the extents.
 * @raw: their data.
 * @reqs: room for a request for each, with its error afterwards.
 *
 * Return: 0 or a negative errno.
 */
int side_transfer(struct side *side, u32 op, const struct dmrs_extents *ex, u8 *raw,
		  struct dmrs_io_req *reqs)
{
	u32 i;

	for (i = 0; i < ex->count; i++) {
		reqs[i] = (struct dmrs_io_req){
			.op = op, .fd = side->fds[ex->disk], .buf = raw,
			.len = ex->list[i].length, .offset = ex->list[i].offset,
		};
		dmrs_io_submit(side->io, &reqs[i]);
		raw += ex->list[i].length;
	}
	return dmrs_io_drain(side->io);
}

/**
 * side_end() - end a session, and report why
 * @side: one side.
 * @link: its link.
 * @err: 0, errno of a write to the output, or -1 without a keeper.
 * @output: name of what is written: "the answers".
 *
 * Return: exit status of the worker.
 */
int side_end(struct side *side, const struct dmrs_link *link, int err, const char *output)
{
	struct dmrs_refusal why = { .code = 0 };

	if (link->failed)
		why = link->fault;
	else if (err > 0)
		side_refuse(&why, DM_REPLICA_CODE_FAILED, "%s cannot be written: %s", output,
			    strerror(err));
	else if (err)
		side_refuse(&why, DM_REPLICA_CODE_FAILED, "interrupted");
	if (why.code)
		side_fault(side, &why);
	dmrs_io_close(side->io);
	return !!why.code;
}

int side_no_memory(struct side *side)
{
	struct dmrs_refusal why;

	side_refuse(&why, DM_REPLICA_CODE_NO_MEMORY, "out of memory");
	side_fault(side, &why);
	return 1;
}

/*
 * Write what waits, as far as there is room: a side that waited for the other one to read
 * would not read itself.
 *
 * Return: false with errno when nothing more can be written.
 */
bool side_write(struct side *side, struct dmrs_link *link)
{
	const u8 *p;
	size_t len;
	ssize_t n;

	side->blocked = false;
	for (;;) {
		p = dmrs_link_out(link, &len);
		if (!len)
			return true;
		n = send(side->out, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == ENOTSOCK)
			n = write(side->out, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			side->blocked = true;
			return true;
		}
		if (n < 0)
			return false;
		dmrs_link_sent(link, n);
		side->sent += n;
	}
}

/**
 * side_wait() - wait until there is something to do
 * @side: one side.
 * @more: there is something to do now, unless the output is blocked.
 * @ready: set to SIDE_*.
 *
 * Without any input the link counts the time.
 *
 * Return: false if the keeper has gone.
 */
bool side_wait(struct side *side, bool more, unsigned int *ready)
{
	struct pollfd fds[3] = {
		{ .fd = DMRS_PORT_FD, .events = POLLIN },
		{ .fd = side->in, .events = POLLIN },
		{ .fd = side->blocked ? side->out : -1, .events = POLLOUT },
	};

	*ready = 0;
	if (poll(fds, 3, more && !side->blocked ? 0 : TURN_MS) < 0)
		return errno == EINTR;
	if (fds[1].revents)
		*ready |= SIDE_INPUT;
	else
		dmrs_link_silent(side->link, side_now());
	if (fds[0].revents & POLLIN)
		*ready |= SIDE_NOTE;
	return !(fds[0].revents & (POLLHUP | POLLERR));
}
