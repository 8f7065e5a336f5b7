// SPDX-License-Identifier: GPL-2.0-only
/*
 * The receiver: reads a stream, checks it, and writes disks.  All that changes a system beside
 * the content of its head is the keeper's part, which compares each request with the system.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <stream/receiver.h>
#include "worker.h"

#define BUFFER	(256u << 10)

struct receive {
	struct side side;
	struct dmrs_receiver *receiver;
	struct dmrs_state state;	/* as last read */
	bool written[DMR_MAX_DISKS];	/* since the last flush */
	u64 wire;
	size_t from, end;		/* bytes of @buf that wait */
	u8 buf[BUFFER];
};

static bool state(void *arg, struct dmrs_hello *hello, struct dmrs_state *s,
		  struct dmrs_refusal *why)
{
	struct receive *r = arg;

	if (!side_state(&r->side, hello, s, why))
		return false;
	r->state = *s;
	return true;
}

static bool abort_stream(void *arg, const u8 *stream, struct dmrs_refusal *why)
{
	struct receive *r = arg;

	return side_ask(&r->side, DMRS_NOTE_ABORT, stream, 16, why);
}

/* The keeper decides for itself, from the BEGIN. */
static bool begin(void *arg, const struct dmrs_begin *b, const struct dmrs_decision *d,
		  struct dmrs_refusal *why)
{
	static u8 buf[DMRS_NOTE_MAX];
	struct receive *r = arg;

	(void)d;
	side_report(&r->side, DMRS_NOTE_PEER, buf,
		  dmrs_hello_put(buf, dmrs_receiver_peer(r->receiver)));
	return side_ask(&r->side, DMRS_NOTE_BEGIN, buf, dmrs_begin_put(buf, b), why);
}

static bool cannot(struct receive *r, const char *what, u32 disk, u64 offset, int err,
		   struct dmrs_refusal *why)
{
	const char *name = disk < r->state.nr_disks ? r->state.disks[disk].name : "?";

	if (err == ENOSPC)
		return side_refuse(why, DM_REPLICA_CODE_FAILED,
				   "the receiver's store is full: disk %s cannot be %s at byte %llu; its recovery points stay",
				   name, what, (unsigned long long)offset);
	return side_refuse(why, DM_REPLICA_CODE_FAILED, "disk %s cannot be %s at byte %llu: %s",
			   name, what, (unsigned long long)offset, strerror(err));
}

static bool write_extents(void *arg, const struct dmrs_extents *ex, const u8 *raw,
			  struct dmrs_refusal *why)
{
	struct dmrs_io_req reqs[DMRS_EXTENTS_MAX];
	struct receive *r = arg;
	u32 bad = 0;
	int err;

	if (!side_files(&r->side, r->state.nr_disks, why))
		return false;
	err = side_transfer(&r->side, DMRS_IO_WRITE, ex, (u8 *)raw, reqs);
	r->written[ex->disk] = true;
	if (!err)
		return true;
	while (bad + 1 < ex->count && !reqs[bad].error)
		bad++;
	return cannot(r, "written", ex->disk, ex->list[bad].offset, -err, why);
}

static bool zero_extents(void *arg, const struct dmrs_extents *ex, struct dmrs_refusal *why)
{
	struct receive *r = arg;
	u32 i;

	if (!side_files(&r->side, r->state.nr_disks, why))
		return false;
	r->written[ex->disk] = true;
	for (i = 0; i < ex->count; i++)
		if (fallocate(r->side.fds[ex->disk], FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
			      ex->list[i].offset, ex->list[i].length))
			return cannot(r, "zeroed", ex->disk, ex->list[i].offset, errno, why);
	return true;
}

static bool flush(void *arg, struct dmrs_refusal *why)
{
	struct dmrs_io_req reqs[DMR_MAX_DISKS];
	struct receive *r = arg;
	int err;
	u32 i;

	for (i = 0; i < r->side.nr_fds; i++) {
		if (!r->written[i])
			continue;
		reqs[i] = (struct dmrs_io_req){ .op = DMRS_IO_FLUSH, .fd = r->side.fds[i] };
		dmrs_io_submit(r->side.io, &reqs[i]);
	}
	err = dmrs_io_drain(r->side.io);
	if (err)
		return side_refuse(why, DM_REPLICA_CODE_FAILED, "the disks cannot be flushed: %s",
				   strerror(-err));
	memset(r->written, 0, sizeof(r->written));
	return true;
}

static bool mark(void *arg, const struct dmrs_place *cursor, struct dmrs_refusal *why)
{
	struct receive *r = arg;

	return side_ask(&r->side, DMRS_NOTE_MARK, cursor, sizeof(*cursor), why);
}

/* Nothing is kept beside the disks, so far. */
static bool meta(void *arg, const struct dmrs_meta *m, struct dmrs_refusal *why)
{
	(void)arg;
	(void)m;
	(void)why;
	return true;
}

static bool end(void *arg, const struct dmrs_begin *b, struct dmrs_done *done,
		struct dmrs_refusal *why)
{
	static u8 buf[DMRS_NOTE_MAX];
	struct receive *r = arg;
	const char *wrong;

	side_close_files(&r->side);
	if (!side_ask(&r->side, DMRS_NOTE_END, buf, dmrs_begin_put(buf, b), why))
		return false;
	wrong = dmrs_done_get(r->side.note.data, r->side.note.len, done);
	return !wrong || side_refuse(why, DM_REPLICA_CODE_FAILED, "the keeper's DONE: %s", wrong);
}

static const struct dmrs_receiver_ops ops = {
	state, abort_stream, begin, write_extents, zero_extents, flush, mark, meta, end,
};

static void progress(struct receive *r, bool last)
{
	struct dmrs_note_count count = {
		.count = *dmrs_receiver_count(r->receiver), .wire = r->wire,
		.done = dmrs_receiver_done(r->receiver),
	};

	side_progress(&r->side, &count, last);
}

static void take_input(struct receive *r)
{
	ssize_t n;

	if (r->from == r->end)
		r->from = r->end = 0;
	n = read(r->side.in, r->buf + r->end, sizeof(r->buf) - r->end);
	if (n > 0) {
		r->end += n;
		r->wire += n;
	} else if (!n || (errno != EINTR && errno != EAGAIN)) {
		r->side.in = -1;
	}
}

/* Return: as side_end()'s @err. */
static int run(struct receive *r)
{
	struct dmrs_link *link = dmrs_receiver_link(r->receiver);
	unsigned int ready;
	size_t left;
	int in;

	for (;;) {
		r->from += dmrs_receiver_feed(r->receiver, r->buf + r->from, r->end - r->from,
					      side_now());
		if (r->side.in < 0 && r->from == r->end)
			dmrs_receiver_eof(r->receiver);
		if (!side_write(&r->side, link))
			return errno ?: -1;
		dmrs_link_out(link, &left);
		progress(r, false);
		if (!left && dmrs_receiver_over(r->receiver))
			return 0;
		in = r->side.in;
		/* Answers that are not read keep all else waiting (I6). */
		if (r->end == sizeof(r->buf) && r->from < r->end)
			r->side.in = -1;
		if (!side_wait(&r->side, r->from < r->end, &ready))
			break;
		r->side.in = in;
		if (ready & SIDE_INPUT)
			take_input(r);
	}
	return -1;
}

/* receive live|file */
int worker_receive(int argc, char **argv)
{
	static struct receive r;
	struct dmrs_link *link;
	int err, status;
	bool live;

	if (argc != 2)
		return 64;
	live = !strcmp(argv[1], "live");
	r.receiver = dmrs_receiver_new(&ops, &r, live);
	if (!r.receiver || !side_open(&r.side))
		return side_no_memory(&r.side);
	link = dmrs_receiver_link(r.receiver);
	r.side.link = link;
	err = run(&r);
	progress(&r, true);
	status = side_end(&r.side, link, err, "the answers");
	dmrs_receiver_free(r.receiver);
	return status;
}
