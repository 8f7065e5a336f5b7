// SPDX-License-Identifier: GPL-2.0
/*
 * A reference model of a system, run beside the real devices.
 *
 * The model knows bytes and nothing else: for the head, for each recovery point
 * and for the live failover it keeps what every sector must hold.  Random
 * operations are done to both, and whatever is read is compared.  Every sector
 * carries a stamp (number of the write, disk, sector, and a filling that
 * follows from them), so that a wrong one says where it came from.
 *
 * --mode single	one operation after the other, some of them bursts of
 *			asynchronous I/O to ranges that do not overlap, also
 *			while points are made and failovers begin and end
 * --mode threads	threads that write without pause, each to sectors of its
 *			own, side by side in the same blocks and chunks, while
 *			points, failovers and reverts go on; one more writes a
 *			rising number to disk 0, then to disk 1: no point may
 *			show it the other way round
 *
 * At the end all points are dropped and, when the vacuum has moved all home,
 * the homes are compared without the module.
 *
 * It talks to the kernel's netlink family itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../uapi/dm-replica.h"

#define SECTOR		512
#define DISKS		2
#define MAX_POINTS	12
#define MAX_SECTORS	512		/* of one I/O */
#define BURST		24
#define THREADS		4

enum { HEAD, LIVE, VIEWS };
static const char * const view_name[] = { "head", "live" };

static uint64_t seed = 1;
static long ops = 400;
static int seconds;
static const char *tool = "replicactl", *name;
static uint8_t uuid[16];
static uint64_t span;			/* sectors of a disk that are used, 0: all */
static bool verbose, bare;

static struct {
	const char *disk;
	char path[VIEWS][128];
	const char *home;
	int fd[VIEWS], sync[VIEWS];
	uint64_t sectors;
} disks[DISKS];

/* --- odds and ends -------------------------------------------------------- */

static pthread_mutex_t say_lock = PTHREAD_MUTEX_INITIALIZER;

static void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	fflush(stdout);
}

static void __attribute__((noreturn)) die(const char *fmt, ...)
{
	va_list args;

	pthread_mutex_lock(&say_lock);
	va_start(args, fmt);
	printf("FAILED (seed %llu): ", (unsigned long long)seed);
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
	_exit(1);
}

struct rng { uint64_t s; };

static uint64_t rnd(struct rng *r)
{
	r->s ^= r->s >> 12;
	r->s ^= r->s << 25;
	r->s ^= r->s >> 27;
	return r->s * 0x2545f4914f6cdd1dULL >> 11;
}

static uint64_t below(struct rng *r, uint64_t n)
{
	return rnd(r) % n;
}

static void rng_init(struct rng *r, uint64_t s)
{
	r->s = s * 0x9e3779b97f4a7c15ULL + 0x1234567;
	for (int i = 0; i < 8; i++)
		rnd(r);
}

static void *buffer(size_t bytes)
{
	void *p;

	if (posix_memalign(&p, 4096, bytes))
		die("out of memory");
	return p;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* --- stamps --------------------------------------------------------------- */

struct stamp {
	char magic[8];
	uint32_t seq;		/* number of the write, never 0 */
	uint32_t disk;
	uint64_t sector;
	uint64_t sum;		/* of all above; the filling follows from it */
	uint64_t fill[60];
};

static uint64_t stamp_sum(uint32_t seq, uint32_t disk, uint64_t sector)
{
	uint64_t x = seq * 0x9e3779b97f4a7c15ULL ^ sector * 0xbf58476d1ce4e5b9ULL ^
		     (disk + 1) * 0x94d049bb133111ebULL;

	return x ^ x >> 29;
}

static void stamp_make(void *to, uint32_t seq, uint32_t disk, uint64_t sector)
{
	struct stamp *s = to;

	memcpy(s->magic, "dmrmodel", 8);
	s->seq = seq;
	s->disk = disk;
	s->sector = sector;
	s->sum = stamp_sum(seq, disk, sector);
	for (int i = 0; i < 60; i++)
		s->fill[i] = s->sum + i;
}

#define SEQ_BAD 0xffffffffU

/* The number in a sector: 0 if it is all zero, SEQ_BAD if it is nothing whole of ours. */
static uint32_t stamp_read(const void *from, uint32_t disk, uint64_t sector)
{
	static const uint8_t zero[SECTOR];
	const struct stamp *s = from;

	if (memcmp(s->magic, "dmrmodel", 8))
		return memcmp(from, zero, SECTOR) ? SEQ_BAD : 0;
	if (s->disk != disk || s->sector != sector || s->sum != stamp_sum(s->seq, disk, sector))
		return SEQ_BAD;
	for (int i = 0; i < 60; i++)
		if (s->fill[i] != s->sum + i)
			return SEQ_BAD;
	return s->seq;
}

static void stamp_tell(const void *from)
{
	const struct stamp *s = from;
	int i, torn = 0;

	if (memcmp(s->magic, "dmrmodel", 8)) {
		say("#   read: no stamp:");
		for (i = 0; i < 32; i++)
			say(" %02x", ((const uint8_t *)from)[i]);
		say("\n");
		return;
	}
	for (i = 0; i < 60; i++)
		torn += s->fill[i] != s->sum + i;
	say("#   read: write %u of disk %u sector %llu%s%s\n", s->seq, s->disk,
	    (unsigned long long)s->sector,
	    s->sum != stamp_sum(s->seq, s->disk, s->sector) ? ", bad sum" : "",
	    torn ? ", torn" : "");
}

/* --- netlink -------------------------------------------------------------- */

static __thread int nl = -1;
static int nl_family;
static char nl_text[256];

struct request {
	struct nlmsghdr n;
	struct genlmsghdr g;
	char attrs[256];
};

static void put(struct request *r, int type, const void *data, int len)
{
	struct nlattr *a = (void *)r + NLMSG_ALIGN(r->n.nlmsg_len);

	a->nla_type = type;
	a->nla_len = NLA_HDRLEN + len;
	memcpy((char *)a + NLA_HDRLEN, data, len);
	r->n.nlmsg_len = NLMSG_ALIGN(r->n.nlmsg_len) + NLA_ALIGN(a->nla_len);
}

static void request(struct request *r, int family, int cmd)
{
	memset(r, 0, sizeof(*r));
	r->n.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	r->n.nlmsg_type = family;
	r->n.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	r->g.cmd = cmd;
	r->g.version = 1;
}

static struct nlattr *attr(void *at, int len, int type)
{
	struct nlattr *a;

	for (a = at; len >= NLA_HDRLEN && a->nla_len >= NLA_HDRLEN && a->nla_len <= len;
	     len -= NLA_ALIGN(a->nla_len), a = (void *)a + NLA_ALIGN(a->nla_len))
		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return a;
	return NULL;
}

/*
 * Send a request; attributes of its answer are left in @answer.
 * Return: 0, or the code of a refusal.
 */
static int talk(struct request *r, char *answer, int *answer_len)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	char buf[8192];
	int one = 1, len;

	if (nl < 0) {
		nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
		if (nl < 0 || connect(nl, (void *)&to, sizeof(to)))
			die("netlink: %m");
		setsockopt(nl, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	}
	if (answer_len)
		*answer_len = 0;
	if (send(nl, r, r->n.nlmsg_len, 0) < 0)
		die("netlink send: %m");
	for (;;) {
		struct nlmsghdr *n = (void *)buf;

		len = recv(nl, buf, sizeof(buf), 0);
		if (len < 0)
			die("netlink recv: %m");
		for (; NLMSG_OK(n, (unsigned int)len); n = NLMSG_NEXT(n, len)) {
			if (n->nlmsg_type == NLMSG_ERROR) {
				struct nlmsgerr *e = NLMSG_DATA(n);
				int skip = sizeof(*e), left;
				struct nlattr *a;
				uint64_t code = 32768;

				if (!(n->nlmsg_flags & NLM_F_CAPPED))
					skip += e->msg.nlmsg_len - sizeof(e->msg);
				left = n->nlmsg_len - NLMSG_HDRLEN - NLMSG_ALIGN(skip);
				if (!e->error)
					return 0;
				snprintf(nl_text, sizeof(nl_text), "%s", strerror(-e->error));
				if (n->nlmsg_flags & NLM_F_ACK_TLVS) {
					void *at = (char *)e + NLMSG_ALIGN(skip);

					a = attr(at, left, NLMSGERR_ATTR_MSG);
					if (a)
						snprintf(nl_text, sizeof(nl_text), "%s",
							 (char *)a + NLA_HDRLEN);
					a = attr(at, left, NLMSGERR_ATTR_COOKIE);
					if (a)
						memcpy(&code, (char *)a + NLA_HDRLEN, 8);
				}
				return code;
			}
			if (answer) {
				*answer_len = n->nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN);
				memcpy(answer, (char *)NLMSG_DATA(n) + GENL_HDRLEN, *answer_len);
			}
		}
	}
}

static void family_find(void)
{
	struct request r;
	char answer[8192];
	struct nlattr *a;
	int len;

	request(&r, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	put(&r, CTRL_ATTR_FAMILY_NAME, "dm_replica", 11);
	if (talk(&r, answer, &len) || !(a = attr(answer, len, CTRL_ATTR_FAMILY_ID)))
		die("no netlink family dm_replica");
	nl_family = *(uint16_t *)((char *)a + NLA_HDRLEN);
}

/* An operation.  @point is given unless it is 0; the answer's point is put there. */
static int operation(int cmd, uint64_t *point, int hold)
{
	struct request r;
	char answer[8192];
	struct nlattr *a;
	uint32_t h = hold;
	int len, code;

	request(&r, nl_family, cmd);
	put(&r, DM_REPLICA_A_OP_SYSTEM, uuid, 16);
	if (point && *point)
		put(&r, DM_REPLICA_A_OP_POINT, point, 8);
	if (hold >= 0)
		put(&r, DM_REPLICA_A_OP_HOLD, &h, 4);
	code = talk(&r, answer, &len);
	if (!code && point) {
		a = attr(answer, len, DM_REPLICA_A_OP_POINT);
		if (a)
			memcpy(point, (char *)a + NLA_HDRLEN, 8);
	}
	return code;
}

static uint64_t system_number(int type)
{
	struct request r;
	char answer[8192];
	struct nlattr *a;
	uint64_t n = 0;
	int len;

	request(&r, nl_family, DM_REPLICA_CMD_SYSTEM_GET);
	put(&r, DM_REPLICA_A_SYSTEM_UUID, uuid, 16);
	if (talk(&r, answer, &len) || !(a = attr(answer, len, type)))
		die("no answer about the system: %s", nl_text);
	memcpy(&n, (char *)a + NLA_HDRLEN, a->nla_len - NLA_HDRLEN);
	return n;
}

static void command(const char *fmt, ...)
{
	char line[512];
	va_list args;
	int n;

	n = snprintf(line, sizeof(line), "%s ", tool);
	va_start(args, fmt);
	vsnprintf(line + n, sizeof(line) - n, fmt, args);
	va_end(args);
	n = system(line);
	if (n)
		die("%s: status %d", line, n);
}

/* --- devices -------------------------------------------------------------- */

static int open_dev(const char *path, int flags)
{
	int fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC | flags);

	if (fd < 0)
		die("cannot open %s: %m", path);
	return fd;
}

static void view_open(int view)
{
	for (int d = 0; d < DISKS; d++) {
		disks[d].fd[view] = open_dev(disks[d].path[view], 0);
		disks[d].sync[view] = open_dev(disks[d].path[view], O_DSYNC);
	}
}

static void view_close(int view)
{
	for (int d = 0; d < DISKS; d++) {
		close(disks[d].fd[view]);
		close(disks[d].sync[view]);
		disks[d].fd[view] = disks[d].sync[view] = -1;
	}
}

static void sizes(void)
{
	for (int d = 0; d < DISKS; d++) {
		uint64_t bytes;

		if (ioctl(disks[d].fd[HEAD], BLKGETSIZE64, &bytes))
			die("size of %s: %m", disks[d].path[HEAD]);
		disks[d].sectors = bytes / SECTOR;
		if (span && span < disks[d].sectors)
			disks[d].sectors = span;
	}
}

static void detach_attach(void)
{
	command("detach %s", name);
	command("check %s >/tmp/model-check 2>&1 || { cat /tmp/model-check; false; }", name);
	command("attach %s", name);
}

/* Wait until nothing is left in the store. */
static void settle(void)
{
	double until = now() + 60;

	while (system_number(DM_REPLICA_A_SYSTEM_SLOTS_USED) || system_number(DM_REPLICA_A_SYSTEM_VERSIONS)) {
		if (now() > until)
			die("not all went home: %llu slots, %llu versions are left",
			    (unsigned long long)system_number(DM_REPLICA_A_SYSTEM_SLOTS_USED),
			    (unsigned long long)system_number(DM_REPLICA_A_SYSTEM_VERSIONS));
		usleep(50000);
	}
}

/* --- history -------------------------------------------------------------- */

enum what { WRITE, DSYNC_WRITE, BURST_WRITE, DISCARD, ZERO, FLUSH, POINT, DROP, FAILOVER,
	    REVERT, HOLD, RELEASE, ATTACH };
static const char * const what_name[] = {
	"write", "dsync write", "burst write", "discard", "zeroes", "fsync", "point", "drop",
	"failover", "revert", "hold", "release", "detach+attach",
};

struct event {
	long op;
	uint8_t what, view, disk;
	int err;
	uint64_t sector;
	uint32_t sectors, seq;
	uint64_t point;
};

static struct event *events;
static long nr_events, max_events;
static long at_op;

static struct event *note(enum what what)
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
	memset(e, 0, sizeof(*e));
	e->what = what;
	e->op = at_op;
	pthread_mutex_unlock(&say_lock);
	return e;
}

static void note_io(enum what what, int view, int disk, uint64_t sector, uint32_t sectors,
		    uint32_t seq, int err)
{
	struct event *e = note(what);

	e->view = view;
	e->disk = disk;
	e->sector = sector;
	e->sectors = sectors;
	e->seq = seq;
	e->err = err;
}

static void history(int disk, uint64_t sector)
{
	uint64_t block = sector & ~7ULL;
	long i, shown = 0;

	say("# what happened to its block (and to all):\n");
	for (i = nr_events - 1; i >= 0 && shown < 60; i--) {
		struct event *e = &events[i];

		if (e->what >= FLUSH) {
			if (e->what != FLUSH) {
				say("#   op %ld: %s %llu\n", e->op, what_name[e->what],
				    (unsigned long long)e->point);
				shown++;
			}
			continue;
		}
		if (e->disk != disk || e->sector >= block + 8 || e->sector + e->sectors <= block)
			continue;
		say("#   op %ld: %s %s disk %u, sectors %llu..%llu, number %u%s%s%s\n", e->op,
		    what_name[e->what], view_name[e->view], disk, (unsigned long long)e->sector,
		    (unsigned long long)(e->sector + e->sectors - 1), e->seq,
		    e->err ? ", " : "", e->err ? strerror(e->err) : "",
		    e->sector <= sector && sector < e->sector + e->sectors ? "" :
		    " (not this sector)");
		shown++;
	}
}

/* --- the model of the single mode ----------------------------------------- */

/* What a sector may hold also: a write was on its way when the point was made. */
struct maybe {
	int disk;
	uint64_t sector;
	uint32_t sectors, seq;
};

struct image {
	uint32_t *seq[DISKS];
};

struct point {
	uint64_t number;
	struct image image;
	struct maybe maybe[BURST];
	int nr_maybe;
};

static struct image model[VIEWS];
static struct point points[MAX_POINTS];
static int nr_points;
static bool failed_over, held;
static uint64_t live_point;
static uint32_t last_seq = 1;
static struct rng rng;
static char *io_buf, *cmp_buf;
static long nr_nospc, nr_written, nr_read, nr_compared;

static void image_new(struct image *im)
{
	for (int d = 0; d < DISKS; d++)
		im->seq[d] = calloc(disks[d].sectors, sizeof(uint32_t));
}

static void image_copy(struct image *to, const struct image *from)
{
	for (int d = 0; d < DISKS; d++)
		memcpy(to->seq[d], from->seq[d], disks[d].sectors * sizeof(uint32_t));
}

static void image_free(struct image *im)
{
	for (int d = 0; d < DISKS; d++)
		free(im->seq[d]);
}

static void __attribute__((noreturn))
mismatch(const char *where, int disk, uint64_t sector, uint32_t want, const void *got)
{
	say("# op %ld: %s, disk %d, sector %llu (block %llu, sector %llu of it)\n", at_op, where,
	    disk, (unsigned long long)sector, (unsigned long long)sector / 8,
	    (unsigned long long)sector % 8);
	if (want)
		say("#   wanted: write %u\n", want);
	else
		say("#   wanted: zeroes\n");
	stamp_tell(got);
	history(disk, sector);
	die("wrong data in %s", where);
}

static void read_exact(int fd, void *buf, uint64_t sector, uint32_t sectors, const char *where)
{
	ssize_t r = pread(fd, buf, (size_t)sectors * SECTOR, sector * SECTOR);

	if (r != (ssize_t)sectors * SECTOR)
		die("op %ld: read of %u sectors at %llu of %s: %zd %s", at_op, sectors,
		    (unsigned long long)sector, where, r, r < 0 ? strerror(errno) : "");
	nr_read += sectors;
}

static void compare(const char *where, int disk, uint64_t sector, uint32_t sectors,
		    const char *got, const uint32_t *want)
{
	for (uint32_t i = 0; i < sectors; i++)
		if (stamp_read(got + i * SECTOR, disk, sector + i) != want[sector + i])
			mismatch(where, disk, sector + i, want[sector + i], got + i * SECTOR);
}

static void check_range(int view, int disk, uint64_t sector, uint32_t sectors)
{
	read_exact(disks[disk].fd[view], cmp_buf, sector, sectors, disks[disk].path[view]);
	compare(view_name[view], disk, sector, sectors, cmp_buf, model[view].seq[disk]);
}

static void check_all(int view)
{
	for (int d = 0; d < DISKS; d++)
		for (uint64_t s = 0; s < disks[d].sectors; s += MAX_SECTORS)
			check_range(view, d, s, disks[d].sectors - s < MAX_SECTORS ?
				    disks[d].sectors - s : MAX_SECTORS);
	nr_compared++;
}

/* After something that may have been done or not, in every block for itself. */
static void learn(int view, int disk, uint64_t sector, uint32_t sectors, uint32_t seq,
		  const char *what)
{
	uint32_t *want = model[view].seq[disk], got, i;

	read_exact(disks[disk].fd[view], cmp_buf, sector, sectors, disks[disk].path[view]);
	for (i = 0; i < sectors; i++) {
		got = stamp_read(cmp_buf + i * SECTOR, disk, sector + i);
		if (got != want[sector + i] && got != seq) {
			say("# after a %s that may have written number %u\n", what, seq);
			mismatch(view_name[view], disk, sector + i, want[sector + i],
				 cmp_buf + i * SECTOR);
		}
		want[sector + i] = got;
	}
}

/* A place: mostly where others have been. */
static uint32_t place(int disk, uint64_t *sector)
{
	uint64_t size = disks[disk].sectors, at;
	uint32_t n = 1 + below(&rng, 1U << below(&rng, 10));

	if (below(&rng, 10) < 7)
		at = (below(&rng, 3) * size / 3) + below(&rng, 1024);
	else if (below(&rng, 8))
		at = below(&rng, size);
	else
		at = size - 1 - below(&rng, 12);
	if (below(&rng, 3) == 0) {
		at &= ~7ULL;
		n = (n + 7) & ~7U;
	}
	if (at >= size)
		at = size - 1;
	if (at + n > size)
		n = size - at;
	*sector = at;
	return n;
}

static void fill(char *buf, uint32_t seq, int disk, uint64_t sector, uint32_t sectors)
{
	for (uint32_t i = 0; i < sectors; i++)
		stamp_make(buf + i * SECTOR, seq, disk, sector + i);
}

static void set(int view, int disk, uint64_t sector, uint32_t sectors, uint32_t seq)
{
	for (uint32_t i = 0; i < sectors; i++)
		model[view].seq[disk][sector + i] = seq;
}

static int any_view(void)
{
	return failed_over && below(&rng, 2) ? LIVE : HEAD;
}

static void do_write(void)
{
	int view = any_view(), d = below(&rng, DISKS);
	bool sync = below(&rng, 8) == 0;
	uint32_t seq = ++last_seq, n;
	uint64_t s;
	ssize_t r;

	n = place(d, &s);
	fill(io_buf, seq, d, s, n);
	r = pwrite(sync ? disks[d].sync[view] : disks[d].fd[view], io_buf, n * SECTOR, s * SECTOR);
	note_io(sync ? DSYNC_WRITE : WRITE, view, d, s, n, seq, r < 0 ? errno : 0);
	if (r == (ssize_t)n * SECTOR) {
		set(view, d, s, n, seq);
		nr_written += n;
	} else if (r >= 0 || errno == ENOSPC) {
		nr_nospc++;
		learn(view, d, s, n, seq, "write that failed");
	} else {
		die("op %ld: write of %u sectors at %llu of %s: %m", at_op, n,
		    (unsigned long long)s, disks[d].path[view]);
	}
}

/* A log block each: the ring goes round. */
static void do_storm(void)
{
	int view = any_view(), d = below(&rng, DISKS);
	uint64_t blocks = disks[d].sectors / 8, from = below(&rng, blocks), i;

	if (blocks - from > 120)
		blocks = from + 120;
	for (i = from; i < blocks; i++) {
		uint32_t seq = ++last_seq;
		uint64_t s = i * 8;
		ssize_t r;

		fill(io_buf, seq, d, s, 8);
		r = pwrite(disks[d].sync[view], io_buf, 8 * SECTOR, s * SECTOR);
		note_io(DSYNC_WRITE, view, d, s, 8, seq, r < 0 ? errno : 0);
		if (r == 8 * SECTOR) {
			set(view, d, s, 8, seq);
			nr_written += 8;
			continue;
		}
		if (r >= 0 || errno != ENOSPC)
			die("op %ld: write at %llu of %s: %m", at_op, (unsigned long long)s,
			    disks[d].path[view]);
		nr_nospc++;
		learn(view, d, s, 8, seq, "write that failed");
		break;
	}
	check_range(view, d, from * 8, (i < blocks ? i : blocks - 1) * 8 + 8 - from * 8);
}

static void do_zero(bool discard)
{
	int view = any_view(), d = below(&rng, DISKS), r;
	uint64_t s, range[2];
	uint32_t n;

	n = place(d, &s);
	if (below(&rng, 4) == 0)
		n = disks[d].sectors - s < 4096 ? disks[d].sectors - s : 4096;
	if (n > MAX_SECTORS * 8)
		n = MAX_SECTORS * 8;
	range[0] = s * SECTOR;
	range[1] = (uint64_t)n * SECTOR;
	r = ioctl(disks[d].fd[view], discard ? BLKDISCARD : BLKZEROOUT, range);
	note_io(discard ? DISCARD : ZERO, view, d, s, n, 0, r ? errno : 0);
	if (r && errno != ENOSPC)
		die("op %ld: %s of %u sectors at %llu of %s: %m", at_op,
		    discard ? "discard" : "zeroes", n, (unsigned long long)s,
		    disks[d].path[view]);
	if (r)
		nr_nospc++;
	if (!r && !discard)
		set(view, d, s, n, 0);
	else
		for (uint32_t i = 0; i < n; i += MAX_SECTORS)
			learn(view, d, s + i, n - i < MAX_SECTORS ? n - i : MAX_SECTORS, 0,
			      discard ? "discard" : "write-zeroes that failed");
}

static void do_flush(void)
{
	int view = any_view(), d = below(&rng, DISKS);

	note_io(FLUSH, view, d, 0, 0, 0, 0);
	if (fsync(disks[d].fd[view]))
		die("op %ld: fsync of %s: %m", at_op, disks[d].path[view]);
}

static void do_read(void)
{
	int view = any_view(), d = below(&rng, DISKS);
	uint64_t s;
	uint32_t n = place(d, &s);

	check_range(view, d, s, n);
}

/* --- bursts --- */

static aio_context_t aio;

static struct {
	struct iocb cb[BURST], *list[BURST];
	struct { int view, disk; uint64_t sector; uint32_t sectors, seq; bool write; } io[BURST];
	int nr;
	char *buf[BURST];
} burst;

static bool burst_overlaps(int view, int disk, uint64_t s, uint32_t n)
{
	for (int i = 0; i < burst.nr; i++)
		if (burst.io[i].view == view && burst.io[i].disk == disk &&
		    s < burst.io[i].sector + burst.io[i].sectors && burst.io[i].sector < s + n)
			return true;
	return false;
}

/* Many small ones beside each other, and some large ones. */
static void burst_submit(bool head_only)
{
	int d = below(&rng, DISKS), want = 2 + below(&rng, BURST - 2), tries = 200, i;
	uint64_t hot, s;
	uint32_t n;

	burst.nr = 0;
	place(d, &hot);
	hot &= ~7ULL;
	while (burst.nr < want && tries--) {
		int view = head_only ? HEAD : any_view();
		struct iocb *cb = &burst.cb[burst.nr];

		if (below(&rng, 4)) {
			n = 1 + below(&rng, below(&rng, 3) ? 7 : 40);
			s = hot + below(&rng, 64);
		} else {
			n = place(d, &s);
		}
		if (s >= disks[d].sectors)
			continue;
		if (s + n > disks[d].sectors)
			n = disks[d].sectors - s;
		if (burst_overlaps(view, d, s, n))
			continue;
		i = burst.nr++;
		burst.list[i] = cb;
		burst.io[i].view = view;
		burst.io[i].disk = d;
		burst.io[i].sector = s;
		burst.io[i].sectors = n;
		burst.io[i].write = below(&rng, 6);
		burst.io[i].seq = burst.io[i].write ? ++last_seq : 0;
		if (burst.io[i].write)
			fill(burst.buf[i], burst.io[i].seq, d, s, n);
		memset(cb, 0, sizeof(*cb));
		cb->aio_data = i;
		cb->aio_lio_opcode = burst.io[i].write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
		cb->aio_fildes = burst.io[i].write && !below(&rng, 12) ? disks[d].sync[view] :
			disks[d].fd[view];
		cb->aio_buf = (uintptr_t)burst.buf[i];
		cb->aio_nbytes = n * SECTOR;
		cb->aio_offset = s * SECTOR;
	}
	for (i = 0; i < burst.nr; ) {
		int r = syscall(SYS_io_submit, aio, burst.nr - i, burst.list + i);

		if (r <= 0)
			die("io_submit: %m");
		i += r;
	}
}

static void burst_wait(void)
{
	struct io_event ev[BURST];
	int left = burst.nr, i, r;

	while (left) {
		r = syscall(SYS_io_getevents, aio, 1, left, ev, NULL);
		if (r <= 0)
			die("io_getevents: %m");
		left -= r;
		for (i = 0; i < r; i++) {
			int n = ev[i].data, d = burst.io[n].disk, view = burst.io[n].view;
			uint64_t s = burst.io[n].sector;
			uint32_t sectors = burst.io[n].sectors;
			bool whole = ev[i].res == (int64_t)sectors * SECTOR;

			if (!burst.io[n].write) {
				if (!whole)
					die("op %ld: burst read of %s: %lld", at_op,
					    disks[d].path[view], (long long)ev[i].res);
				compare(view_name[view], d, s, sectors, burst.buf[n],
					model[view].seq[d]);
				continue;
			}
			note_io(BURST_WRITE, view, d, s, sectors, burst.io[n].seq,
				whole ? 0 : ev[i].res < 0 ? -ev[i].res : EIO);
			if (whole) {
				set(view, d, s, sectors, burst.io[n].seq);
				nr_written += sectors;
				burst.io[n].write = false;
			} else if (ev[i].res < 0 && ev[i].res != -ENOSPC) {
				die("op %ld: burst write of %u sectors at %llu of %s: %s", at_op,
				    sectors, (unsigned long long)s, disks[d].path[view],
				    strerror(-ev[i].res));
			}
		}
	}
	for (i = 0; i < burst.nr; i++)
		if (burst.io[i].write) {
			nr_nospc++;
			learn(burst.io[i].view, burst.io[i].disk, burst.io[i].sector,
			      burst.io[i].sectors, burst.io[i].seq, "burst write that failed");
		}
	for (i = 0; i < burst.nr; i++)
		if (below(&rng, 4) == 0)
			check_range(burst.io[i].view, burst.io[i].disk, burst.io[i].sector,
				    burst.io[i].sectors);
}

/* --- operations --- */

static void refused(const char *what, int code)
{
	die("op %ld: %s refused with %d: %s", at_op, what, code, nl_text);
}

static void do_point(bool busy)
{
	struct point *p = &points[nr_points];
	int code, i;

	if (nr_points == MAX_POINTS)
		return;
	memset(p, 0, sizeof(*p));
	image_new(&p->image);
	image_copy(&p->image, &model[HEAD]);
	if (busy)
		burst_submit(false);
	code = operation(DM_REPLICA_CMD_POINT_NEW, &p->number, -1);
	if (code)
		refused("point", code);
	note(POINT)->point = p->number;
	if (busy) {
		for (i = 0; i < burst.nr; i++)
			if (burst.io[i].write && burst.io[i].view == HEAD)
				p->maybe[p->nr_maybe++] = (struct maybe) {
					burst.io[i].disk, burst.io[i].sector,
					burst.io[i].sectors, burst.io[i].seq };
		burst_wait();
	}
	nr_points++;
}

static void point_gone(int i)
{
	image_free(&points[i].image);
	memmove(points + i, points + i + 1, (nr_points - i - 1) * sizeof(points[0]));
	nr_points--;
}

static void do_drop(bool busy)
{
	int i, code;

	if (!nr_points)
		return;
	i = below(&rng, nr_points);
	if (busy)
		burst_submit(false);
	code = operation(DM_REPLICA_CMD_POINT_DEL, &points[i].number, -1);
	if (failed_over && points[i].number == live_point) {
		if (code != DM_REPLICA_CODE_IN_USE)
			die("op %ld: drop of the point failed over to: %d", at_op, code);
	} else {
		if (code)
			refused("drop", code);
		note(DROP)->point = points[i].number;
		point_gone(i);
	}
	if (busy)
		burst_wait();
}

/* What was on its way when the point was made is known now. */
static void resolve(struct point *p)
{
	int i;

	for (int d = 0; d < DISKS; d++)
		for (uint64_t s = 0; s < disks[d].sectors; s += MAX_SECTORS) {
			uint32_t n = disks[d].sectors - s < MAX_SECTORS ? disks[d].sectors - s :
				MAX_SECTORS;

			read_exact(disks[d].fd[LIVE], cmp_buf, s, n, disks[d].path[LIVE]);
			for (uint32_t k = 0; k < n; k++) {
				uint32_t got = stamp_read(cmp_buf + k * SECTOR, d, s + k);

				if (got == p->image.seq[d][s + k])
					continue;
				for (i = 0; i < p->nr_maybe; i++)
					if (p->maybe[i].disk == d && p->maybe[i].seq == got &&
					    s + k >= p->maybe[i].sector &&
					    s + k < p->maybe[i].sector + p->maybe[i].sectors)
						break;
				if (i == p->nr_maybe)
					mismatch("a point failed over to", d, s + k,
						 p->image.seq[d][s + k], cmp_buf + k * SECTOR);
				p->image.seq[d][s + k] = got;
			}
		}
	p->nr_maybe = 0;
	nr_compared++;
}

static void do_failover(bool busy)
{
	uint64_t number = 0;
	int code, i;

	i = nr_points ? below(&rng, nr_points) : 0;
	if (busy)
		burst_submit(true);
	if (nr_points)
		number = points[i].number;
	code = operation(DM_REPLICA_CMD_FAILOVER_INITIATE, &number, -1);
	if (!nr_points || failed_over) {
		if (code != DM_REPLICA_CODE_INVALID_STATE)
			die("op %ld: failover that cannot be: %d", at_op, code);
		if (busy)
			burst_wait();
		return;
	}
	if (code)
		refused("failover", code);
	note(FAILOVER)->point = number;
	failed_over = true;
	live_point = number;
	view_open(LIVE);
	if (busy)
		burst_wait();
	resolve(&points[i]);
	image_copy(&model[LIVE], &points[i].image);
}

static void do_revert(bool busy)
{
	int code;

	if (failed_over) {
		code = operation(DM_REPLICA_CMD_FAILOVER_REVERT, NULL, -1);
		if (code != DM_REPLICA_CODE_IN_USE)
			die("op %ld: revert while open: %d", at_op, code);
		if (below(&rng, 3) == 0)
			check_all(LIVE);
		view_close(LIVE);
	}
	if (busy)
		burst_submit(true);
	code = operation(DM_REPLICA_CMD_FAILOVER_REVERT, NULL, -1);
	if (!failed_over) {
		if (code != DM_REPLICA_CODE_INVALID_STATE)
			die("op %ld: revert that cannot be: %d", at_op, code);
	} else {
		if (code)
			refused("revert", code);
		note(REVERT);
		failed_over = false;
	}
	if (busy)
		burst_wait();
}

static void do_hold(void)
{
	int code;

	held = !held;
	code = operation(DM_REPLICA_CMD_VACUUM_SET, NULL, held);
	if (code)
		refused("vacuum", code);
	note(held ? HOLD : RELEASE);
}

static void do_attach(void)
{
	note(ATTACH);
	view_close(HEAD);
	if (failed_over)
		view_close(LIVE);
	detach_attach();
	held = false;
	view_open(HEAD);
	if (failed_over)
		view_open(LIVE);
	if (below(&rng, 2)) {
		check_all(HEAD);
		if (failed_over)
			check_all(LIVE);
	}
}

static void compare_homes(void)
{
	for (int d = 0; d < DISKS; d++) {
		int fd = open(disks[d].home, O_RDONLY | O_DIRECT);

		if (fd < 0)
			die("cannot open %s: %m", disks[d].home);
		for (uint64_t s = 0; s < disks[d].sectors; s += MAX_SECTORS) {
			uint32_t n = disks[d].sectors - s < MAX_SECTORS ? disks[d].sectors - s :
				MAX_SECTORS;

			read_exact(fd, cmp_buf, s, n, disks[d].home);
			compare("home alone", d, s, n, cmp_buf, model[HEAD].seq[d]);
		}
		close(fd);
	}
}

static void first_content(void)
{
	for (int d = 0; d < DISKS; d++) {
		uint64_t used = disks[d].sectors * 3 / 4, s;

		for (s = 0; s < used; s += MAX_SECTORS) {
			uint32_t n = used - s < MAX_SECTORS ? used - s : MAX_SECTORS;

			fill(io_buf, 1, d, s, n);
			if (pwrite(disks[d].fd[HEAD], io_buf, n * SECTOR, s * SECTOR) !=
			    (ssize_t)n * SECTOR)
				die("first write: %m");
			set(HEAD, d, s, n, 1);
		}
	}
}

static void single(void)
{
	double began = now();

	rng_init(&rng, seed);
	io_buf = buffer(MAX_SECTORS * SECTOR);
	cmp_buf = buffer(2 * MAX_SECTORS * SECTOR);
	for (int i = 0; i < BURST; i++)
		burst.buf[i] = buffer(MAX_SECTORS * SECTOR);
	if (syscall(SYS_io_setup, 128, &aio))
		die("io_setup: %m");
	image_new(&model[HEAD]);
	image_new(&model[LIVE]);
	first_content();

	for (at_op = 1; at_op <= ops; at_op++) {
		unsigned int dice = below(&rng, 1000);

		if (seconds && now() - began > seconds)
			break;
		if (dice < 20)
			do_storm();
		else if (dice < 380)
			do_write();
		else if (dice < 560)
			burst_submit(false), burst_wait();
		else if (dice < 680)
			do_read();
		else if (dice < 720)
			do_zero(true);
		else if (dice < 760)
			do_zero(false);
		else if (dice < 800)
			do_flush();
		else if (dice < 860)
			do_point(below(&rng, 2));
		else if (dice < 900)
			do_drop(below(&rng, 2));
		else if (dice < 930)
			do_failover(below(&rng, 2));
		else if (dice < 958)
			do_revert(below(&rng, 2));
		else if (dice < 980)
			do_hold();
		else if (dice < 988)
			do_attach();
		else if (dice < 994)
			check_all(HEAD);
		else if (failed_over)
			check_all(LIVE);
	}
	say("# %ld operations, %.0f s: wrote %ld KiB, read %ld KiB, %ld errors for want of space, %ld whole compares, %d points are left\n",
	    at_op - 1, now() - began, nr_written / 2, nr_read / 2, nr_nospc, nr_compared,
	    nr_points);

	/* Everything once more: the head, the live view, then every point. */
	check_all(HEAD);
	if (failed_over) {
		check_all(LIVE);
		do_revert(false);
	}
	while (nr_points) {
		uint64_t number = points[0].number;
		int code = operation(DM_REPLICA_CMD_FAILOVER_INITIATE, &number, -1);

		if (code)
			refused("failover at the end", code);
		note(FAILOVER)->point = number;
		view_open(LIVE);
		resolve(&points[0]);
		view_close(LIVE);
		code = operation(DM_REPLICA_CMD_FAILOVER_REVERT, NULL, -1);
		if (code)
			refused("revert at the end", code);
		note(REVERT);
		code = operation(DM_REPLICA_CMD_POINT_DEL, &number, -1);
		if (code)
			refused("drop at the end", code);
		note(DROP)->point = number;
		point_gone(0);
	}
	if (held)
		do_hold();
	check_all(HEAD);
	if (bare) {
		settle();
		view_close(HEAD);
		command("detach %s", name);
		compare_homes();
	}
}

/* --- threads -------------------------------------------------------------- */

/*
 * Who may write a sector: one thread, which follows from the sector.  Per sector
 * the numbers rise, so that what a point may hold is a range: from the last
 * write that had ended when it was asked for to the last that had begun when it
 * was answered.
 */
static _Atomic uint32_t *done[VIEWS][DISKS], *begun[VIEWS][DISKS];
static _Atomic uint32_t next_seq = 1;
static _Atomic bool stop, paused[VIEWS];
static _Atomic long inflight[VIEWS], t_writes, t_reads, t_nospc;

struct range_point {
	uint64_t number;
	uint32_t *lo[DISKS], *hi[DISKS];
};

static struct range_point rpoints[MAX_POINTS];
static int nr_rpoints;

/* Zones of a disk: sectors, blocks, 16 KiB and 256 KiB side by side. */
static unsigned int zone_shift(uint64_t s, uint64_t size)
{
	static const unsigned int shift[] = { 0, 3, 5, 9 };

	return shift[s * 4 / size];
}

static int owner(int disk, uint64_t s)
{
	unsigned int shift = zone_shift(s, disks[disk].sectors);
	uint64_t unit = s >> shift;

	if (s == 0)
		return THREADS;		/* the thread of the rising number */
	return (unit ^ unit >> 3 ^ unit >> 7) % THREADS;
}

static bool enter(int view)
{
	atomic_fetch_add(&inflight[view], 1);
	if (!atomic_load(&paused[view]))
		return true;
	atomic_fetch_sub(&inflight[view], 1);
	return false;
}

static void leave(int view)
{
	atomic_fetch_sub(&inflight[view], 1);
}

static void pause_view(int view)
{
	atomic_store(&paused[view], true);
	while (atomic_load(&inflight[view]))
		usleep(500);
}

static void t_mismatch(const char *where, int d, uint64_t s, uint32_t lo, uint32_t hi,
		       const void *got)
{
	pthread_mutex_lock(&say_lock);
	say("# %s, disk %d, sector %llu (block %llu, sector %llu of it, thread %d's)\n", where, d,
	    (unsigned long long)s, (unsigned long long)s / 8, (unsigned long long)s % 8,
	    owner(d, s));
	say("#   wanted: write %u to %u\n", lo, hi);
	stamp_tell(got);
	history(d, s);
	pthread_mutex_unlock(&say_lock);
	die("wrong data in %s", where);
}

/* Sectors of our own from a random place on, as many as are ours in a row. */
static uint32_t t_place(struct rng *r, int me, int *disk, uint64_t *sector)
{
	int d = below(r, DISKS), tries = 0;
	uint64_t size = disks[d].sectors, s, zone = size / 4;
	uint32_t n = 1, want = 1 + below(r, 1U << below(r, 10));

	do {
		/* Half of it to few places, where all meet. */
		s = below(r, 4) * zone;
		s += below(r, 2) ? below(r, zone) : below(r, zone < 256 ? zone : 256);
		if (++tries > 1000)
			die("no place for thread %d", me);
	} while (s >= size || owner(d, s) != me);
	if (below(r, 2)) {
		/* From the beginning of what is ours. */
		while (s && owner(d, s - 1) == me && below(r, 600))
			s--;
	}
	while (n < want && n < MAX_SECTORS && s + n < size && owner(d, s + n) == me)
		n++;
	*disk = d;
	*sector = s;
	return n;
}

static void t_write(struct rng *r, int view, int d, uint64_t s, uint32_t n, char *buf)
{
	uint32_t seq = atomic_fetch_add(&next_seq, 1) + 1, i;
	ssize_t res;

	fill(buf, seq, d, s, n);
	for (i = 0; i < n; i++)
		atomic_store(&begun[view][d][s + i], seq);
	res = pwrite(below(r, 16) ? disks[d].fd[view] : disks[d].sync[view], buf, n * SECTOR,
		     s * SECTOR);
	note_io(WRITE, view, d, s, n, seq, res < 0 ? errno : 0);
	if (res == (ssize_t)n * SECTOR) {
		for (i = 0; i < n; i++)
			atomic_store(&done[view][d][s + i], seq);
		atomic_fetch_add(&t_writes, 1);
		return;
	}
	if (res >= 0 || errno != ENOSPC)
		die("write of %u sectors at %llu of %s: %zd %m", n, (unsigned long long)s,
		    disks[d].path[view], res);
	atomic_fetch_add(&t_nospc, 1);
	read_exact(disks[d].fd[view], buf, s, n, disks[d].path[view]);
	for (i = 0; i < n; i++) {
		uint32_t got = stamp_read(buf + i * SECTOR, d, s + i), old = done[view][d][s + i];

		if (got != old && got != seq)
			t_mismatch("what a failed write left", d, s + i, old, seq,
				   buf + i * SECTOR);
		atomic_store(&done[view][d][s + i], got);
	}
}

/* Our own sectors exactly, the neighbours' within what they do meanwhile. */
static void t_read(int me, int view, int d, uint64_t s, uint32_t n, char *buf, uint32_t *lo)
{
	uint32_t i;

	s &= ~7ULL;
	n = (n + 15) & ~7U;
	if (n > MAX_SECTORS)
		n = MAX_SECTORS;
	if (s + n > disks[d].sectors)
		n = disks[d].sectors - s;
	for (i = 0; i < n; i++)
		lo[i] = atomic_load(&done[view][d][s + i]);
	read_exact(disks[d].fd[view], buf, s, n, disks[d].path[view]);
	for (i = 0; i < n; i++) {
		uint32_t got = stamp_read(buf + i * SECTOR, d, s + i);
		uint32_t hi = owner(d, s + i) == me ? lo[i] : atomic_load(&begun[view][d][s + i]);

		if (got == SEQ_BAD || got < lo[i] || got > hi)
			t_mismatch(view_name[view], d, s + i, lo[i], hi, buf + i * SECTOR);
	}
	atomic_fetch_add(&t_reads, 1);
}

static void *t_main(void *arg)
{
	int me = (long)arg, d;
	char *buf = buffer(MAX_SECTORS * SECTOR);
	uint32_t lo[MAX_SECTORS], n;
	struct rng r;
	uint64_t s;

	rng_init(&r, seed * 100 + me + 1);
	while (!atomic_load(&stop)) {
		int view = below(&r, 5) < 2 ? LIVE : HEAD;

		if (!enter(view)) {
			usleep(1000);
			continue;
		}
		n = t_place(&r, me, &d, &s);
		switch (below(&r, 20)) {
		case 0 ... 4:
			t_read(me, view, d, s, n, buf, lo);
			break;
		case 5:
			if (fsync(disks[d].fd[view]))
				die("fsync of %s: %m", disks[d].path[view]);
			break;
		default:
			t_write(&r, view, d, s, n, buf);
		}
		leave(view);
	}
	free(buf);
	return NULL;
}

/* First to disk 0, then to disk 1. */
static void *t_order(void *arg)
{
	char *buf = buffer(SECTOR);
	struct rng r;

	(void)arg;
	rng_init(&r, seed * 100 + 99);
	while (!atomic_load(&stop)) {
		uint32_t seq = atomic_fetch_add(&next_seq, 1) + 1;

		for (int d = 0; d < DISKS; d++) {
			ssize_t res;

			stamp_make(buf, seq, d, 0);
			do {
				while (!enter(HEAD)) {
					if (atomic_load(&stop))
						goto out;
					usleep(500);
				}
				atomic_store(&begun[HEAD][d][0], seq);
				res = pwrite(below(&r, 8) ? disks[d].fd[HEAD] :
					     disks[d].sync[HEAD], buf, SECTOR, 0);
				if (res == SECTOR)
					atomic_store(&done[HEAD][d][0], seq);
				else if (errno != ENOSPC)
					die("write of the rising number to disk %d: %m", d);
				note_io(WRITE, HEAD, d, 0, 1, seq, res < 0 ? errno : 0);
				leave(HEAD);
				if (res != SECTOR)
					usleep(10000);
			} while (res != SECTOR && !atomic_load(&stop));
			if (res != SECTOR)
				goto out;
		}
	}
out:
	free(buf);
	return NULL;
}

static void t_point(void)
{
	struct range_point *p = &rpoints[nr_rpoints];
	int code;

	if (nr_rpoints == MAX_POINTS)
		return;
	p->number = 0;
	for (int d = 0; d < DISKS; d++) {
		size_t bytes = disks[d].sectors * sizeof(uint32_t);

		p->lo[d] = malloc(bytes);
		p->hi[d] = malloc(bytes);
		for (uint64_t s = 0; s < disks[d].sectors; s++)
			p->lo[d][s] = atomic_load(&done[HEAD][d][s]);
	}
	code = operation(DM_REPLICA_CMD_POINT_NEW, &p->number, -1);
	if (code)
		refused("point", code);
	note(POINT)->point = p->number;
	for (int d = 0; d < DISKS; d++)
		for (uint64_t s = 0; s < disks[d].sectors; s++)
			p->hi[d][s] = atomic_load(&begun[HEAD][d][s]);
	nr_rpoints++;
}

static void t_point_gone(int i)
{
	for (int d = 0; d < DISKS; d++) {
		free(rpoints[i].lo[d]);
		free(rpoints[i].hi[d]);
	}
	memmove(rpoints + i, rpoints + i + 1, (nr_rpoints - i - 1) * sizeof(rpoints[0]));
	nr_rpoints--;
}

static void t_drop(struct rng *r)
{
	int i, code;

	if (!nr_rpoints)
		return;
	i = below(r, nr_rpoints);
	code = operation(DM_REPLICA_CMD_POINT_DEL, &rpoints[i].number, -1);
	if (failed_over && rpoints[i].number == live_point) {
		if (code != DM_REPLICA_CODE_IN_USE)
			die("drop of the point failed over to: %d", code);
		return;
	}
	if (code)
		refused("drop", code);
	note(DROP)->point = rpoints[i].number;
	t_point_gone(i);
}

/* Compare the live view with the point, which becomes exact by that. */
static void t_resolve(struct range_point *p)
{
	uint32_t number[DISKS] = { 0 };

	for (int d = 0; d < DISKS; d++)
		for (uint64_t s = 0; s < disks[d].sectors; s += MAX_SECTORS) {
			uint32_t n = disks[d].sectors - s < MAX_SECTORS ? disks[d].sectors - s :
				MAX_SECTORS;

			read_exact(disks[d].fd[LIVE], cmp_buf, s, n, disks[d].path[LIVE]);
			for (uint32_t k = 0; k < n; k++) {
				uint32_t got = stamp_read(cmp_buf + k * SECTOR, d, s + k);

				if (got == SEQ_BAD || got < p->lo[d][s + k] ||
				    got > p->hi[d][s + k])
					t_mismatch("a point failed over to", d, s + k,
						   p->lo[d][s + k], p->hi[d][s + k],
						   cmp_buf + k * SECTOR);
				p->lo[d][s + k] = p->hi[d][s + k] = got;
				atomic_store(&done[LIVE][d][s + k], got);
				atomic_store(&begun[LIVE][d][s + k], got);
				if (s + k == 0)
					number[d] = got;
			}
		}
	if (number[0] < number[1])
		die("point %llu shows number %u on disk 0 and the later %u on disk 1",
		    (unsigned long long)p->number, number[0], number[1]);
	nr_compared++;
}

static void t_failover(struct rng *r)
{
	int i, code;

	if (!nr_rpoints || failed_over)
		return;
	i = below(r, nr_rpoints);
	live_point = rpoints[i].number;
	code = operation(DM_REPLICA_CMD_FAILOVER_INITIATE, &live_point, -1);
	if (code)
		refused("failover", code);
	note(FAILOVER)->point = live_point;
	failed_over = true;
	view_open(LIVE);
	t_resolve(&rpoints[i]);
	atomic_store(&paused[LIVE], false);
}

static void t_exact(int view)
{
	for (int d = 0; d < DISKS; d++)
		for (uint64_t s = 0; s < disks[d].sectors; s += MAX_SECTORS) {
			uint32_t n = disks[d].sectors - s < MAX_SECTORS ? disks[d].sectors - s :
				MAX_SECTORS;

			read_exact(disks[d].fd[view], cmp_buf, s, n, disks[d].path[view]);
			for (uint32_t k = 0; k < n; k++) {
				uint32_t want = done[view][d][s + k];

				if (stamp_read(cmp_buf + k * SECTOR, d, s + k) != want)
					t_mismatch(view_name[view], d, s + k, want, want,
						   cmp_buf + k * SECTOR);
			}
		}
	nr_compared++;
}

static void t_revert(void)
{
	int code;

	if (!failed_over)
		return;
	pause_view(LIVE);
	t_exact(LIVE);
	view_close(LIVE);
	code = operation(DM_REPLICA_CMD_FAILOVER_REVERT, NULL, -1);
	if (code)
		refused("revert", code);
	note(REVERT);
	failed_over = false;
}

static void t_attach(void)
{
	pause_view(HEAD);
	pause_view(LIVE);
	view_close(HEAD);
	if (failed_over)
		view_close(LIVE);
	note(ATTACH);
	detach_attach();
	held = false;
	view_open(HEAD);
	t_exact(HEAD);
	if (failed_over) {
		view_open(LIVE);
		t_exact(LIVE);
		atomic_store(&paused[LIVE], false);
	}
	atomic_store(&paused[HEAD], false);
}

static void threads(void)
{
	pthread_t tid[THREADS + 1];
	double began = now();
	long i;

	rng_init(&rng, seed);
	io_buf = buffer(MAX_SECTORS * SECTOR);
	cmp_buf = buffer(2 * MAX_SECTORS * SECTOR);
	image_new(&model[HEAD]);
	first_content();
	for (int v = 0; v < VIEWS; v++)
		for (int d = 0; d < DISKS; d++) {
			done[v][d] = calloc(disks[d].sectors, sizeof(*done[v][d]));
			begun[v][d] = calloc(disks[d].sectors, sizeof(*begun[v][d]));
			for (uint64_t s = 0; s < disks[d].sectors; s++)
				done[v][d][s] = begun[v][d][s] = model[HEAD].seq[d][s];
		}
	atomic_store(&paused[LIVE], true);
	for (i = 0; i <= THREADS; i++)
		if (pthread_create(&tid[i], NULL, i < THREADS ? t_main : t_order, (void *)i))
			die("no thread");
	for (at_op = 1; at_op <= ops; at_op++) {
		unsigned int dice = below(&rng, 100);

		if (seconds && now() - began > seconds)
			break;
		usleep(1000 * below(&rng, 80));
		if (dice < 38)
			t_point();
		else if (dice < 58)
			t_drop(&rng);
		else if (dice < 75)
			t_failover(&rng);
		else if (dice < 90)
			t_revert();
		else if (dice < 97)
			do_hold();
		else
			t_attach();
	}
	atomic_store(&stop, true);
	for (i = 0; i <= THREADS; i++)
		pthread_join(tid[i], NULL);
	say("# %ld operations, %.0f s: %ld writes, %ld reads, %ld errors for want of space, %ld whole compares, %d points are left\n",
	    at_op - 1, now() - began, t_writes, t_reads, t_nospc, nr_compared, nr_rpoints);
	t_exact(HEAD);
	t_revert();
	while (nr_rpoints) {
		t_failover(&rng);
		t_revert();
		t_drop(&rng);
	}
	if (held)
		do_hold();
	t_exact(HEAD);
	if (bare) {
		settle();
		view_close(HEAD);
		command("detach %s", name);
		for (int d = 0; d < DISKS; d++)
			for (uint64_t s = 0; s < disks[d].sectors; s++)
				model[HEAD].seq[d][s] = done[HEAD][d][s];
		compare_homes();
	}
}

/* --- main ----------------------------------------------------------------- */

static void usage(void)
{
	fprintf(stderr,
		"usage: helper-model --system NAME --uuid UUID --disk NAME=HOME --disk NAME=HOME\n"
		"       [--tool REPLICACTL] [--mode single|threads] [--seed N] [--ops N]\n"
		"       [--seconds N] [--span SECTORS] [--bare]\n"
		"The system is attached and new.  --bare: see the homes alone at the end.\n");
	exit(64);
}

int main(int argc, char **argv)
{
	const char *mode = "single";
	int nr = 0, i;

	for (i = 1; i < argc; i++) {
		const char *a = argv[i], *v = i + 1 < argc ? argv[i + 1] : NULL;

		if (!strcmp(a, "--bare")) {
			bare = true;
			continue;
		}
		if (!strcmp(a, "--verbose")) {
			verbose = true;
			continue;
		}
		if (!v)
			usage();
		i++;
		if (!strcmp(a, "--system")) {
			name = v;
		} else if (!strcmp(a, "--tool")) {
			tool = v;
		} else if (!strcmp(a, "--mode")) {
			mode = v;
		} else if (!strcmp(a, "--seed")) {
			seed = strtoull(v, NULL, 0);
		} else if (!strcmp(a, "--ops")) {
			ops = strtol(v, NULL, 0);
		} else if (!strcmp(a, "--seconds")) {
			seconds = atoi(v);
		} else if (!strcmp(a, "--span")) {
			span = strtoull(v, NULL, 0);
		} else if (!strcmp(a, "--uuid")) {
			int n = 0;

			for (; *v && n < 32; v++) {
				char c = *v;

				if (c == '-')
					continue;
				c = c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
				uuid[n / 2] = uuid[n / 2] << 4 | c;
				n++;
			}
		} else if (!strcmp(a, "--disk") && nr < DISKS && strchr(v, '=')) {
			char *copy = strdup(v), *eq = strchr(copy, '=');

			*eq = 0;
			disks[nr].disk = copy;
			disks[nr++].home = eq + 1;
		} else {
			usage();
		}
	}
	if (!name || nr != DISKS)
		usage();
	for (i = 0; i < DISKS; i++) {
		snprintf(disks[i].path[HEAD], sizeof(disks[i].path[0]), "/dev/mapper/%s-%s-replica",
			 name, disks[i].disk);
		snprintf(disks[i].path[LIVE], sizeof(disks[i].path[0]), "/dev/mapper/%s-%s", name,
			 disks[i].disk);
	}
	say("# model: mode %s, seed %llu, %ld operations\n", mode, (unsigned long long)seed, ops);
	family_find();
	view_open(HEAD);
	sizes();
	if (!strcmp(mode, "threads"))
		threads();
	else if (!strcmp(mode, "single"))
		single();
	else
		usage();
	say("# model: as it should be\n");
	return 0;
}
