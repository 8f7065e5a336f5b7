// SPDX-License-Identifier: GPL-2.0-only
/* The workers' I/O, by io_uring and by threads: the same on files, and with files as disks. */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stream/io.h>
#include <stream/port.h>
#include "replica-world.h"

#define BLOCKS	256

static int file_new(void)
{
	char name[] = "/tmp/dm-replica-unit-XXXXXX";
	int fd = mkstemp(name);

	CHECK(fd >= 0);
	unlink(name);
	return fd;
}

/* Return: NULL if the means is not there, which only io_uring may be. */
static struct dmrs_io *io_of(enum dmrs_io_kind kind, u32 depth)
{
	struct dmrs_io *io = dmrs_io_open(kind, depth);

	if (!io && kind == DMRS_IO_URING)
		unit_note("no io_uring here: %s", strerror(errno));
	else
		CHECK(io && (kind == DMRS_IO_ANY || dmrs_io_kind(io) == kind));
	return io;
}

static void write_and_read(enum dmrs_io_kind kind, u32 depth)
{
	struct dmrs_io_req *reqs = unit_alloc(BLOCKS * sizeof(*reqs));
	u8 *data = unit_alloc(BLOCKS * 4096), *back = unit_alloc(BLOCKS * 4096);
	struct dmrs_io *io = io_of(kind, depth);
	struct dmrs_io_req flush = { .op = DMRS_IO_FLUSH };
	struct rng rng;
	u32 i;

	if (!io)
		return;
	rng_init(&rng, depth);
	rng_bytes(&rng, data, BLOCKS * 4096);
	flush.fd = file_new();
	/* In any order: the last first. */
	for (i = 0; i < BLOCKS; i++) {
		u32 at = (BLOCKS - 1 - i) * 4096;

		reqs[i] = (struct dmrs_io_req){
			.op = DMRS_IO_WRITE, .fd = flush.fd, .buf = data + at, .len = 4096,
			.offset = at,
		};
		dmrs_io_submit(io, &reqs[i]);
	}
	CHECK_EQ(dmrs_io_drain(io), 0);
	dmrs_io_submit(io, &flush);
	CHECK_EQ(dmrs_io_drain(io), 0);
	for (i = 0; i < BLOCKS; i++) {
		reqs[i].op = DMRS_IO_READ;
		reqs[i].buf = back + reqs[i].offset;
		dmrs_io_submit(io, &reqs[i]);
	}
	CHECK_EQ(dmrs_io_drain(io), 0);
	CHECK(!memcmp(data, back, BLOCKS * 4096));
	/* Nothing in flight, nothing to wait for; a request of no bytes. */
	CHECK_EQ(dmrs_io_drain(io), 0);
	reqs[0].len = 0;
	dmrs_io_submit(io, &reqs[0]);
	CHECK_EQ(dmrs_io_drain(io), 0);
	/* Beyond the end: a part is no success. */
	reqs[0].len = 8192;
	reqs[0].buf = back;
	reqs[0].offset = (BLOCKS - 1) * 4096;
	dmrs_io_submit(io, &reqs[0]);
	reqs[1].fd = -1;
	dmrs_io_submit(io, &reqs[1]);
	dmrs_io_submit(io, &reqs[2]);
	CHECK(dmrs_io_drain(io) < 0);
	CHECK_EQ(reqs[0].error, -ENODATA);
	CHECK_EQ(reqs[1].error, -EBADF);
	CHECK_EQ(reqs[2].error, 0);
	CHECK_EQ(dmrs_io_drain(io), 0);
	close(flush.fd);
	flush.fd = -1;
	dmrs_io_submit(io, &flush);
	CHECK_EQ(dmrs_io_drain(io), -EBADF);
	dmrs_io_close(io);
}

TEST(stream_io_uring)
{
	write_and_read(DMRS_IO_URING, 1);
	write_and_read(DMRS_IO_URING, 64);
}

TEST(stream_io_threads)
{
	write_and_read(DMRS_IO_THREADS, 1);
	write_and_read(DMRS_IO_THREADS, 64);
}

/* A pipe gives what it has: the rest is asked for again. */
TEST(stream_io_pieces)
{
	static const enum dmrs_io_kind kinds[] = { DMRS_IO_URING, DMRS_IO_THREADS };
	u8 *data = unit_alloc(100), *back = unit_alloc(100);
	u32 k, i;

	for (i = 0; i < 100; i++)
		data[i] = i;
	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct dmrs_io_req req = { .op = DMRS_IO_READ, .buf = back, .len = 100 };
		struct dmrs_io *io = io_of(kinds[k], 4);
		int fds[2];

		if (!io)
			continue;
		CHECK(!pipe(fds));
		req.fd = fds[0];
		/* Offsets mean nothing to a pipe but to pread(). */
		if (kinds[k] == DMRS_IO_URING) {
			CHECK_EQ(write(fds[1], data, 30), 30);
			req.offset = ~0ULL;
			dmrs_io_submit(io, &req);
			CHECK_EQ(write(fds[1], data + 30, 70), 70);
			close(fds[1]);
			dmrs_io_drain(io);
		} else {
			dmrs_io_submit(io, &req);
			CHECK_EQ(dmrs_io_drain(io), -ESPIPE);
			close(fds[1]);
		}
		close(fds[0]);
		dmrs_io_close(io);
	}
}

static void forbid_uring(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { ARRAY_SIZE(filter), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		_exit(77);
}

TEST(stream_io_uring_forbidden)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		struct dmrs_io *io;
		bool ok;

		forbid_uring();
		ok = !dmrs_io_open(DMRS_IO_URING, 8) && errno == EPERM;
		io = dmrs_io_open(DMRS_IO_ANY, 8);
		ok = ok && io && dmrs_io_kind(io) == DMRS_IO_THREADS;
		_exit(!ok);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		unit_note("no filters here");
	else
		CHECK(WIFEXITED(status) && !WEXITSTATUS(status), "%#x", status);
}

/* --- files as disks --- */

struct files {
	struct site *site;	/* all but the content */
	struct dmrs_io *io;
	int fd[SITE_DISKS];
};

static bool result(struct dmrs_io *io, struct dmrs_refusal *why)
{
	int err = dmrs_io_drain(io);

	if (err) {
		why->code = DM_REPLICA_CODE_FAILED;
		snprintf(why->sentence, sizeof(why->sentence), "%s", strerror(-err));
	}
	return !err;
}

static bool extents_io(struct files *f, enum dmrs_io_op op, const struct dmrs_extents *ex, u8 *raw,
		       struct dmrs_refusal *why)
{
	static struct dmrs_io_req reqs[DMRS_EXTENTS_MAX];
	static u8 zeroes[SITE_BLOCKS * DMRS_BLOCK];
	u32 i;

	for (i = 0; i < ex->count; i++) {
		reqs[i] = (struct dmrs_io_req){
			.op = op, .fd = f->fd[ex->disk], .buf = raw ?: zeroes,
			.len = ex->list[i].length, .offset = ex->list[i].offset,
		};
		dmrs_io_submit(f->io, &reqs[i]);
		raw = raw ? raw + ex->list[i].length : NULL;
	}
	return result(f->io, why);
}

static bool f_state(void *arg, struct dmrs_hello *hello, struct dmrs_state *state,
		    struct dmrs_refusal *why)
{
	struct files *f = arg;

	return site_receiver_ops.state(f->site, hello, state, why);
}

static bool f_abort(void *arg, const u8 *stream, struct dmrs_refusal *why)
{
	struct files *f = arg;

	return site_receiver_ops.abort(f->site, stream, why);
}

static bool f_begin(void *arg, const struct dmrs_begin *begin, const struct dmrs_decision *d,
		    struct dmrs_refusal *why)
{
	struct files *f = arg;

	return site_receiver_ops.begin(f->site, begin, d, why);
}

static bool f_write(void *arg, const struct dmrs_extents *ex, const u8 *raw,
		    struct dmrs_refusal *why)
{
	return extents_io(arg, DMRS_IO_WRITE, ex, (u8 *)raw, why);
}

static bool f_zero(void *arg, const struct dmrs_extents *ex, struct dmrs_refusal *why)
{
	return extents_io(arg, DMRS_IO_WRITE, ex, NULL, why);
}

static bool f_flush(void *arg, struct dmrs_refusal *why)
{
	struct dmrs_io_req reqs[SITE_DISKS];
	struct files *f = arg;
	u32 i;

	for (i = 0; i < f->site->nr_disks; i++) {
		reqs[i] = (struct dmrs_io_req){ .op = DMRS_IO_FLUSH, .fd = f->fd[i] };
		dmrs_io_submit(f->io, &reqs[i]);
	}
	return result(f->io, why);
}

static bool f_mark(void *arg, const struct dmrs_place *cursor, struct dmrs_refusal *why)
{
	struct files *f = arg;

	return site_receiver_ops.mark(f->site, cursor, why);
}

static bool f_meta(void *arg, const struct dmrs_meta *meta, struct dmrs_refusal *why)
{
	struct files *f = arg;

	return site_receiver_ops.meta(f->site, meta, why);
}

static bool f_end(void *arg, const struct dmrs_begin *begin, struct dmrs_done *done,
		  struct dmrs_refusal *why)
{
	struct files *f = arg;
	u32 i;

	for (i = 0; i < f->site->nr_disks; i++) {
		ssize_t n = pread(f->fd[i], f->site->head[i], f->site->disks[i].bytes, 0);

		CHECK_EQ(n, f->site->disks[i].bytes);
		memcpy(f->site->flushed[i], f->site->head[i], n);
	}
	return site_receiver_ops.end(f->site, begin, done, why);
}

static const struct dmrs_receiver_ops files_ops = {
	f_state, f_abort, f_begin, f_write, f_zero, f_flush, f_mark, f_meta, f_end,
};

static bool f_read(void *arg, const struct dmrs_extents *ex, u8 *raw, struct dmrs_refusal *why)
{
	return extents_io(arg, DMRS_IO_READ, ex, raw, why);
}

static bool f_announce(void *arg, const struct dmrs_decision *d, struct dmrs_begin *begin,
		       struct dmrs_refusal *why)
{
	struct files *f = arg;
	u32 i;

	if (!site_sender_ops.announce(f->site, d, begin, why))
		return false;
	for (i = 0; i < f->site->nr_disks; i++)
		CHECK_EQ(pwrite(f->fd[i], f->site->to->data[i], f->site->disks[i].bytes, 0),
			 f->site->disks[i].bytes);
	return true;
}

static bool f_acked(void *arg, const struct dmrs_identity *target, struct dmrs_refusal *why)
{
	struct files *f = arg;

	return site_sender_ops.acked(f->site, target, why);
}

static bool f_refused(void *arg, const struct dmrs_identity *target, const struct dmrs_refusal *by,
		      struct dmrs_refusal *why)
{
	struct files *f = arg;

	return site_sender_ops.refused(f->site, target, by, why);
}

static bool f_send_meta(void *arg, u32 n, struct dmrs_meta *meta, struct dmrs_refusal *why)
{
	struct files *f = arg;

	return site_sender_ops.meta(f->site, n, meta, why);
}

static int f_extents(void *arg, u32 disk, u64 offset, struct dmrs_range *ranges, u32 max,
		     struct dmrs_refusal *why)
{
	struct files *f = arg;

	return site_sender_ops.extents(f->site, disk, offset, ranges, max, why);
}

static const struct dmrs_sender_ops files_sender_ops = {
	f_state, f_announce, f_acked, f_refused, f_send_meta, f_extents, f_read,
};

static void files_open(struct files *f, u64 seed, enum dmrs_io_kind kind)
{
	u32 i;

	f->site = site_new(seed, false);
	f->io = io_of(kind, 8);
	for (i = 0; i < SITE_DISKS; i++) {
		f->fd[i] = file_new();
		CHECK(!ftruncate(f->fd[i], f->site->disks[i].bytes));
	}
}

static void files_close(struct files *f)
{
	u32 i;

	dmrs_io_close(f->io);
	for (i = 0; i < SITE_DISKS; i++)
		close(f->fd[i]);
}

static void between_files(enum dmrs_io_kind kind)
{
	struct dmrs_sender_conf conf = { .live = true, .sync_bytes = 65536 };
	struct files fs, fr;
	u32 i, rounds;

	files_open(&fs, 1, kind);
	files_open(&fr, 2, kind);
	for (i = 0; fs.io && fr.io && i < 4; i++) {
		struct dmrs_sender *s = dmrs_sender_new(&files_sender_ops, &fs, &conf);
		struct dmrs_receiver *r = dmrs_receiver_new(&files_ops, &fr, true);
		struct dmrs_link *ls = dmrs_sender_link(s), *lr = dmrs_receiver_link(r);
		const u8 *out;
		size_t len;

		site_write(fs.site, 30);
		site_point(fs.site);
		for (rounds = 0; rounds < 1000 && !dmrs_receiver_over(r); rounds++) {
			while (dmrs_sender_run(s, 1))
				;
			if (dmrs_sender_idle(s))
				dmrs_sender_bye(s);
			out = dmrs_link_out(ls, &len);
			dmrs_receiver_feed(r, out, len, 1);
			dmrs_link_sent(ls, len);
			out = dmrs_link_out(lr, &len);
			dmrs_sender_feed(s, out, len, 1);
			dmrs_link_sent(lr, len);
		}
		CHECK(!ls->failed && !lr->failed, "%s, %s", ls->fault.sentence, lr->fault.sentence);
		CHECK_EQ(dmrs_receiver_done(r), 1);
		site_check(fr.site, fs.site);
		dmrs_sender_free(s);
		dmrs_receiver_free(r);
	}
	files_close(&fs);
	files_close(&fr);
}

/* A note has room for so many descriptors; and a keeper does not wait for its worker. */
TEST(stream_port_limits)
{
	struct dmrs_note *note = unit_alloc(sizeof(*note));
	int ends[2];
	u32 i, n;

	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends));
	note->kind = DMRS_NOTE_FILES;
	note->nr_fds = DMR_MAX_DISKS + 1;
	CHECK(!dmrs_port_send(ends[0], note, true) && errno == EINVAL);
	note->nr_fds = 0;
	note->len = DMRS_NOTE_MAX + 1;
	CHECK(!dmrs_port_send(ends[0], note, true) && errno == EINVAL);
	note->len = 0;
	note->nr_fds = DMR_MAX_DISKS;
	for (i = 0; i < DMR_MAX_DISKS; i++)
		note->fds[i] = ends[0];
	CHECK(dmrs_port_send(ends[0], note, true));
	CHECK(dmrs_port_receive(ends[1], note));
	CHECK_EQ(note->nr_fds, DMR_MAX_DISKS);
	for (i = 0; i < DMR_MAX_DISKS; i++)
		close(note->fds[i]);
	note->nr_fds = 0;
	note->len = DMRS_NOTE_MAX;
	for (n = 0; n < 10000 && dmrs_port_send(ends[0], note, false); n++)
		;
	CHECK(n && n < 10000 && errno == EAGAIN, "%u", n);
	close(ends[0]);
	close(ends[1]);
}

TEST(stream_io_between_files)
{
	between_files(DMRS_IO_URING);
	between_files(DMRS_IO_THREADS);
}
