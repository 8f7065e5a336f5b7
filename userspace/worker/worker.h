/* SPDX-License-Identifier: GPL-2.0-only */
/* The worker: its modes. */
#ifndef WORKER_H
#define WORKER_H

#include <stream/extent.h>
#include <stream/io.h>
#include <stream/link.h>
#include <stream/port.h>

/**
 * struct side - one side of a session, in the worker
 * @in: standard input; -1 at its end, or if nothing comes.
 * @out: standard output, which has no room for now while @blocked.
 * @blocked: see @out.
 * @nr_fds: of disks, from the keeper; 0: none so far.
 * @fds: of disks, by their number.
 * @io: reads and writes of the disks.
 * @link: of a session, kept alive while the keeper is asked; NULL: there is none.
 * @sent: bytes written to @out.
 * @reported_at: ns of the monotonic clock, of the last report of progress to the keeper.
 * @reported: what it was; zeroes before the first.
 * @note: the last one received.
 */
struct side {
	int in;
	int out;
	bool blocked;
	u32 nr_fds;
	int fds[DMR_MAX_DISKS];
	struct dmrs_io *io;
	struct dmrs_link *link;
	u64 sent;
	u64 reported_at;
	struct dmrs_note_count reported;
	struct dmrs_note note;
};

/* side.c: of side_wait() */
#define SIDE_INPUT	1u	/* input, or its end */
#define SIDE_NOTE	2u	/* a note of the keeper */

bool side_open(struct side *side);
u64 side_now(void);
bool side_ask(struct side *side, u32 kind, const void *data, u32 len, struct dmrs_refusal *why);
bool side_report(struct side *side, u32 kind, const void *data, u32 len);
bool side_state(struct side *side, struct dmrs_hello *hello, struct dmrs_state *state,
		struct dmrs_refusal *why);
bool side_files(struct side *side, u32 nr, struct dmrs_refusal *why);
void side_close_files(struct side *side);
void side_progress(struct side *side, const struct dmrs_note_count *count, bool last);
void side_fault(struct side *side, const struct dmrs_refusal *why);
bool side_write(struct side *side, struct dmrs_link *link);
bool side_wait(struct side *side, bool more, unsigned int *ready);
int side_transfer(struct side *side, u32 op, const struct dmrs_extents *ex, u8 *raw,
		  struct dmrs_io_req *reqs);
int side_end(struct side *side, const struct dmrs_link *link, int err, const char *output);
int side_no_memory(struct side *side);
bool side_refuse(struct dmrs_refusal *why, u32 code, const char *fmt, ...)
	__attribute__((__format__(__printf__, 3, 4)));

/* info.c: read a stream from standard input, describe it as JSON on standard output. */
int worker_info(void);
/* send.c: read disks, write a stream to standard output. */
int worker_send(int argc, char **argv);
/* receive.c: read a stream from standard input, write disks. */
int worker_receive(int argc, char **argv);
/* hash.c: read disks, report hashes of their regions. */
int worker_hash(int argc, char **argv);

#endif /* WORKER_H */
