// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sender: reads extents of disks and writes a stream, and of a live session reads the
 * receiver's answers.  What there is to send, and what is held meanwhile, is the keeper's part.
 */
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include <stream/sender.h>
#include "worker.h"

#define BUFFER	(64u << 10)

struct send {
	struct side side;
	struct dmrs_sender *sender;
	u32 nr_disks;
	bool asked;		/* the keeper knows that the session is idle */
};

static bool state(void *arg, struct dmrs_hello *hello, struct dmrs_state *s,
		  struct dmrs_refusal *why)
{
	struct send *send = arg;

	return side_state(&send->side, hello, s, why);
}

static bool announce(void *arg, const struct dmrs_decision *d, struct dmrs_begin *begin,
		     struct dmrs_refusal *why)
{
	const struct dmrs_hello *peer;
	struct send *send = arg;
	u8 buf[DMRS_PAYLOAD_MAX / 16];
	const char *wrong;

	peer = dmrs_sender_peer(send->sender);
	if (peer->lowest)
		side_report(&send->side, DMRS_NOTE_PEER, buf, dmrs_hello_put(buf, peer));
	if (d->verdict != DMRS_GO_RESUME &&
	    getrandom(begin->stream, sizeof(begin->stream), 0) != sizeof(begin->stream))
		return side_refuse(why, DM_REPLICA_CODE_FAILED, "no random number for the stream");
	begin->point_kind = DM_REPLICA_POINT_KIND_STANDARD;
	if (!side_ask(&send->side, DMRS_NOTE_ANNOUNCE, buf, dmrs_begin_put(buf, begin), why))
		return false;
	wrong = dmrs_begin_get(send->side.note.data, send->side.note.len, begin);
	send->nr_disks = begin->nr_disks;
	return !wrong || side_refuse(why, DM_REPLICA_CODE_FAILED, "the keeper's BEGIN: %s", wrong);
}

static bool acked(void *arg, const struct dmrs_identity *target, struct dmrs_refusal *why)
{
	struct send *send = arg;

	side_close_files(&send->side);
	return side_ask(&send->side, DMRS_NOTE_ACKED, target, sizeof(*target), why);
}

static bool refused(void *arg, const struct dmrs_identity *target, const struct dmrs_refusal *by,
		    struct dmrs_refusal *why)
{
	struct send *send = arg;

	(void)by;
	side_close_files(&send->side);
	return side_ask(&send->side, DMRS_NOTE_REFUSED, target, sizeof(*target), why);
}

/* Nothing is sent beside the disks, so far. */
static bool meta(void *arg, u32 n, struct dmrs_meta *m, struct dmrs_refusal *why)
{
	(void)arg;
	(void)n;
	(void)why;
	m->bytes = 0;
	return true;
}

static int extents(void *arg, u32 disk, u64 offset, struct dmrs_range *ranges, u32 max,
		   struct dmrs_refusal *why)
{
	struct dmrs_place place = { .disk = disk, .offset = offset };
	struct send *send = arg;
	u32 nr;

	if (!side_ask(&send->side, DMRS_NOTE_EXTENTS, &place, sizeof(place), why))
		return -1;
	nr = min_t(u32, send->side.note.len / sizeof(*ranges), max);
	memcpy(ranges, send->side.note.data, nr * sizeof(*ranges));
	return nr;
}

static bool read_extents(void *arg, const struct dmrs_extents *ex, u8 *raw,
			 struct dmrs_refusal *why)
{
	struct dmrs_io_req reqs[DMRS_EXTENTS_MAX];
	struct send *send = arg;
	int err;

	if (!side_files(&send->side, send->nr_disks, why))
		return false;
	err = side_transfer(&send->side, DMRS_IO_READ, ex, raw, reqs);
	return !err || side_refuse(why, DM_REPLICA_CODE_FAILED,
				   "disk %u cannot be read at %llu: %s", ex->disk,
				   (unsigned long long)ex->list[0].offset, strerror(-err));
}

static const struct dmrs_sender_ops ops = {
	state, announce, acked, refused, meta, extents, read_extents,
};

static void progress(struct send *send, bool last)
{
	struct dmrs_note_count count = {
		.count = *dmrs_sender_count(send->sender), .wire = send->side.sent,
	};

	side_progress(&send->side, &count, last);
}

/* The keeper has the next target, or none. */
static bool next_target(struct send *send)
{
	struct dmrs_note *note = &send->side.note;
	u64 target;

	if (!dmrs_port_receive(DMRS_PORT_FD, note) || note->kind != DMRS_NOTE_IDLE ||
	    note->len != sizeof(target))
		return false;
	memcpy(&target, note->data, sizeof(target));
	send->asked = false;
	if (target)
		dmrs_sender_again(send->sender, target);
	else
		dmrs_sender_bye(send->sender);
	return true;
}

static bool say_idle(struct send *send)
{
	const struct dmrs_decision *d = dmrs_sender_decision(send->sender);
	u8 buf[6 + DMRS_SENTENCE_LEN];

	progress(send, true);
	send->asked = true;
	return side_report(&send->side, DMRS_NOTE_IDLE, buf,
			 d->why.code ? dmrs_refusal_put(buf, &d->why) : 0);
}

static void take_input(struct send *send)
{
	static u8 buf[BUFFER];
	ssize_t n = read(send->side.in, buf, sizeof(buf));

	if (n > 0) {
		dmrs_sender_feed(send->sender, buf, n, side_now());
		return;
	}
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	send->side.in = -1;
	dmrs_sender_eof(send->sender);
}

/* Return: as side_end()'s @err. */
static int run(struct send *send)
{
	struct dmrs_sender *s = send->sender;
	struct dmrs_link *link = dmrs_sender_link(s);
	unsigned int ready;
	size_t left;
	bool more;

	for (;;) {
		more = !send->side.blocked && dmrs_sender_run(s, side_now());
		if (!side_write(&send->side, link))
			return errno ?: -1;
		dmrs_link_out(link, &left);
		progress(send, false);
		if (!left && dmrs_sender_over(s))
			return 0;
		if (!left && dmrs_sender_idle(s) && !send->asked && !say_idle(send))
			break;
		if (!side_wait(&send->side, more, &ready))
			break;
		if (ready & SIDE_INPUT)
			take_input(send);
		/* Between answers there is but one note: that of the next target. */
		if ((ready & SIDE_NOTE) && !next_target(send))
			break;
	}
	return -1;
}

/* send live|file packed|plain SYNC-BYTES BASE TARGET */
int worker_send(int argc, char **argv)
{
	struct dmrs_sender_conf conf = { .live = false };
	static struct send send;
	struct dmrs_link *link;
	int err, status;

	if (argc != 6)
		return 64;
	conf.live = !strcmp(argv[1], "live");
	conf.plain = !strcmp(argv[2], "plain");
	conf.sync_bytes = strtoul(argv[3], NULL, 10);
	conf.base = strtoull(argv[4], NULL, 10);
	conf.target = strtoull(argv[5], NULL, 10);
	send.sender = dmrs_sender_new(&ops, &send, &conf);
	if (!send.sender || !side_open(&send.side))
		return side_no_memory(&send.side);
	if (!conf.live)
		send.side.in = -1;
	link = dmrs_sender_link(send.sender);
	send.side.link = link;
	err = run(&send);
	progress(&send, true);
	status = side_end(&send.side, link, err, "the stream");
	dmrs_sender_free(send.sender);
	return status;
}
