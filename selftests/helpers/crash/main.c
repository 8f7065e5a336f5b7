// SPDX-License-Identifier: GPL-2.0
/*
 * Work on a system until it is cut off, and find out afterwards whether what is
 * there is what may be there.
 *
 * usage: helper-crash JOURNAL REPLICACTL SYSTEM SEED work PLAN
 *	  helper-crash JOURNAL REPLICACTL SYSTEM SEED verify [whole] [points]
 *	  helper-crash JOURNAL REPLICACTL SYSTEM SEED homes HOME...
 *
 * JOURNAL is a block device that survives the cut whole; it is all zero at the
 * beginning.  Before a write is made, it is told there; so is every answer.
 *
 * work: four threads write to the head of two disks, two to the failover, in
 *	sizes from a sector to 128 KiB; each writes sectors of its own, but in
 *	chunks where others write, too.  Some writes are O_DSYNC, some are zeroes
 *	or discards; now and then there is an fsync.  One more thread makes and
 *	drops points, fails over and reverts.  PLAN:
 *	mixed	all of that
 *	storm	operations without a pause
 *	home	no points at first, so that writes go straight home; later one
 *	live	fails over soon and stays so
 *	Does not end by itself.
 *
 * verify: from the journal follows what each sector of each view may hold: what
 *	was last flushed (by an answered fsync, O_DSYNC write or point), or
 *	anything written later.  The state, the points and the failover must be as
 *	after the last answered operation, or as after the one that was not
 *	answered.  What was found is then told in the journal, so that from there
 *	on it alone is right.
 *	whole	blocks of 4 KiB are old or new as a whole, where they were
 *		written so (else: sectors)
 *	points	revert if failed over; then look at every point through a failover
 *		that is reverted, and at one again
 *
 * homes: revert, drop all points, wait for the vacuum, detach; then the plain
 *	homes must hold what the head held.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECTOR		512
#define DISKS		2
#define BASE		2048		/* first sector that is used */
#define SPAN		4096		/* sectors that are used */
#define CAP		60		/* contents that a sector may have */
#define MAX_POINTS	8
#define MAX_IO		256		/* sectors */
#define CONTROL		6		/* thread of operations; 0-3 head, 4-5 failover */

enum { HEAD, LIVE, POINT };
enum { OP_POINT = 1, OP_DROP, OP_FAILOVER, OP_REVERT };
static const char * const op_name[] = { "", "recovery-point create", "recovery-point drop",
					"failover", "revert" };

static const char *tool, *name;
static uint64_t seed;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("helper-crash: ");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
	_exit(1);
}

static void *buffer(size_t bytes)
{
	void *p;

	if (posix_memalign(&p, 4096, bytes))
		die("out of memory");
	return memset(p, 0, bytes);
}

static uint64_t below(uint64_t *rng, uint64_t n)
{
	*rng ^= *rng >> 12;
	*rng ^= *rng << 25;
	*rng ^= *rng >> 27;
	return (*rng * 0x2545f4914f6cdd1dULL >> 11) % n;
}

/* --- what a sector holds ---------------------------------------------------- */

#define ZERO	0x80000000U		/* a write of zeroes has a number, too */
#define DISCARD	0x40000000U		/* so has a discard, after which nothing is sure */
#define TORN	0xffffffffU

static uint64_t mix(uint64_t x)
{
	x *= 0x9e3779b97f4a7c15ULL;
	return x ^ x >> 31;
}

static void stamp(void *to, uint32_t seq, int disk, uint32_t sector)
{
	uint64_t *w = to, i, x = mix(seq + mix(sector + mix(disk + 1)));

	w[0] = 0x3168736172637264ULL;
	w[1] = seq;
	w[2] = sector;
	w[3] = disk;
	for (i = 4; i < 64; i++)
		w[i] = x + i;
}

static uint32_t stamp_read(const void *from, int disk, uint32_t sector)
{
	static const uint8_t zero[SECTOR];
	uint8_t want[SECTOR];
	const uint64_t *w = from;

	if (!memcmp(from, zero, SECTOR))
		return 0;
	stamp(want, w[1], disk, sector);
	return memcmp(from, want, SECTOR) || w[1] >= DISCARD ? TORN : w[1];
}

/* --- what a view may hold --------------------------------------------------- */

/* Oldest first.  The first is what is known to be durable. */
struct cell {
	uint32_t n, v[CAP];
};

struct image {
	struct cell c[DISKS][SPAN];
};

struct point {
	uint64_t number;
	struct image *img;
};

static struct model {
	int state;
	struct image *head, *live;
	uint64_t live_point, last_point;
	struct point points[MAX_POINTS + 1];
	int nr_points;
	uint32_t seq;
	int op;				/* one that is not answered */
	uint64_t op_arg;
	struct image *op_img;
} m;

static struct image *image_copy(const struct image *from)
{
	struct image *img = malloc(sizeof(*img));

	if (!img)
		die("out of memory");
	return memcpy(img, from, sizeof(*img));
}

static struct point *point_find(uint64_t number)
{
	for (int i = 0; i < m.nr_points; i++)
		if (m.points[i].number == number)
			return &m.points[i];
	return NULL;
}

static void image_write(struct image *img, int disk, uint32_t sector, uint32_t count, uint32_t v)
{
	for (uint32_t i = sector; i < sector + count; i++) {
		struct cell *c = &img->c[disk][i];

		if (c->n == CAP)
			die("sector %u of disk %d: too much that is not flushed", i, disk);
		c->v[c->n++] = v;
	}
}

/* This write is durable: what is older is not there any more. */
static void image_durable(struct image *img, int disk, uint32_t sector, uint32_t count, uint32_t v)
{
	if (v & DISCARD)
		return;
	for (uint32_t i = sector; i < sector + count; i++) {
		struct cell *c = &img->c[disk][i];
		uint32_t j;

		for (j = 0; j < c->n && c->v[j] != v; j++)
			;
		if (j == c->n)
			continue;
		c->n -= j;
		memmove(c->v, c->v + j, c->n * sizeof(*c->v));
	}
}

/* --- the journal ------------------------------------------------------------ */

enum { R_WRITE = 1, R_DURABLE, R_FLUSH, R_FLUSHED, R_OP, R_ANSWER, R_SEEN, R_BOOT };

struct rec {
	uint32_t sum;
	uint8_t type, thread, view, disk;
	uint32_t sector, count, seq;
	uint64_t arg;
};

#define PER_SECTOR (SECTOR / (int)sizeof(struct rec))
#define PART	(256 << 10)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int jfd;
static uint64_t jsize, jnr;		/* records so far */
static struct rec *jbuf;		/* the sector where they end */

/* Writes that are not known to be durable, in the order in which they were told. */
static struct pending {
	struct rec r;
	bool done;			/* it was answered */
	uint32_t asked;			/* threads whose flush began after that */
} pending[4096];
static int nr_pending;

static uint32_t rec_sum(const struct rec *r)
{
	const uint64_t *w = (const void *)r;

	return mix((w[0] >> 32) + mix(w[1] + mix(w[2] + mix(w[3] + 7)))) | 1;
}

static struct image *image_of(const struct rec *r)
{
	struct point *p;

	switch (r->view) {
	case HEAD:
		return m.head;
	case LIVE:
		return m.live;
	}
	p = point_find(r->arg);
	return p ? p->img : NULL;
}

static void pending_durable(uint32_t bit)
{
	int i, n = 0;

	for (i = 0; i < nr_pending; i++) {
		struct pending *p = &pending[i];

		if (p->asked & bit) {
			struct image *img = image_of(&p->r);

			if (img)
				image_durable(img, p->r.disk, p->r.sector, p->r.count, p->r.seq);
		} else {
			pending[n++] = *p;
		}
	}
	nr_pending = n;
}

static void pending_drop(int view)
{
	int i, n = 0;

	for (i = 0; i < nr_pending; i++)
		if (pending[i].r.view != view)
			pending[n++] = pending[i];
	nr_pending = n;
}

static void op_done(uint64_t arg)
{
	struct point *p;

	switch (m.op) {
	case OP_POINT:
		if (m.nr_points > MAX_POINTS)
			die("too many points");
		m.points[m.nr_points].number = arg;
		m.points[m.nr_points++].img = m.op_img;
		m.op_img = NULL;
		m.last_point = arg;
		if (m.state == 2)
			m.state = 3;
		break;
	case OP_DROP:
		p = point_find(m.op_arg);
		free(p->img);
		memmove(p, p + 1, (char *)&m.points[m.nr_points--] - (char *)(p + 1));
		break;
	case OP_FAILOVER:
		m.state = 5;
		m.live_point = m.op_arg;
		m.live = image_copy(point_find(m.op_arg)->img);
		break;
	case OP_REVERT:
		m.state = 3;
		m.live_point = 0;
		free(m.live);
		m.live = NULL;
		pending_drop(LIVE);
		break;
	}
}

/* What a record says. */
static void apply(const struct rec *r)
{
	struct pending *p;
	struct cell *c;

	/* A thread that goes on has had its answer. */
	if (r->type < R_SEEN)
		for (p = pending; p < pending + nr_pending; p++)
			if (p->r.thread == r->thread)
				p->done = true;
	switch (r->type) {
	case R_WRITE:
		if (nr_pending == sizeof(pending) / sizeof(*pending))
			die("too much pending");
		pending[nr_pending++] = (struct pending) { .r = *r };
		m.seq = r->seq & ~(ZERO | DISCARD);
		image_write(image_of(r), r->disk, r->sector, r->count, r->seq);
		if (m.op == OP_POINT && r->view == HEAD)
			image_write(m.op_img, r->disk, r->sector, r->count, r->seq);
		break;
	case R_DURABLE:
		for (p = pending + nr_pending - 1; p->r.thread != r->thread; p--)
			;
		p->asked |= 1U << 31;
		pending_durable(1U << 31);
		break;
	case R_FLUSH:
		for (p = pending; p < pending + nr_pending; p++)
			if (p->done && p->r.view == r->view && p->r.disk == r->disk)
				p->asked |= 1U << r->thread;
		break;
	case R_FLUSHED:
		pending_durable(1U << r->thread);
		break;
	case R_OP:
		m.op = r->view;
		m.op_arg = r->arg;
		if (m.op != OP_POINT)
			break;
		/* It has all that was answered before, and maybe what comes meanwhile. */
		m.op_img = image_copy(m.head);
		for (p = pending; p < pending + nr_pending; p++) {
			if (!p->done || p->r.view != HEAD)
				continue;
			p->asked |= 1U << r->thread;
			image_durable(m.op_img, p->r.disk, p->r.sector, p->r.count, p->r.seq);
		}
		break;
	case R_ANSWER:
		op_done(r->arg);
		if (m.op == OP_POINT)
			pending_durable(1U << r->thread);
		m.op = 0;
		break;
	case R_SEEN:
		c = &image_of(r)->c[r->disk][r->sector];
		c->n = 1;
		c->v[0] = r->seq;
		break;
	case R_BOOT:
		if (m.op && r->count) {
			if (m.op == OP_POINT)
				pending_durable(1U << CONTROL);
			op_done(r->arg);
		}
		free(m.op_img);
		m.op_img = NULL;
		m.op = 0;
		nr_pending = 0;
		break;
	}
}

static void journal_open(const char *path)
{
	struct rec *part, *r;
	uint64_t bytes, i;

	jfd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (jfd < 0 || ioctl(jfd, BLKGETSIZE64, &bytes))
		die("%s: %m", path);
	jsize = bytes / sizeof(struct rec);
	m.head = calloc(1, sizeof(*m.head));
	if (!m.head)
		die("out of memory");
	for (i = 0; i < DISKS * SPAN; i++)
		m.head->c[i / SPAN][i % SPAN].n = 1;
	m.state = 2;
	jbuf = buffer(SECTOR);
	part = buffer(PART);
	for (;; jnr++) {
		if (jnr == jsize)
			die("the journal is full");
		i = jnr * sizeof(*r) % PART;
		if (!i && pread(jfd, part, PART, jnr * sizeof(*r)) != PART)
			die("cannot read the journal");
		r = (void *)part + i;
		if (!r->sum || r->sum != rec_sum(r))
			break;
		apply(r);
	}
	memcpy(jbuf, (void *)part + i / SECTOR * SECTOR, i % SECTOR);
	free(part);
}

/* Tell; under the lock. */
static void tell(struct rec *r)
{
	if (jnr == jsize)
		die("the journal is full");
	r->sum = rec_sum(r);
	jbuf[jnr % PER_SECTOR] = *r;
	if (pwrite(jfd, jbuf, SECTOR, jnr / PER_SECTOR * SECTOR) != SECTOR)
		die("journal: %m");
	if (++jnr % PER_SECTOR == 0)
		memset(jbuf, 0, SECTOR);
}

/* Tell, and give a write its number. */
static uint32_t note(int type, int thread, int view, int disk, uint32_t sector, uint32_t count,
		     uint32_t zero)
{
	struct rec r = { .type = type, .thread = thread, .view = view, .disk = disk,
			 .sector = sector, .count = count };

	pthread_mutex_lock(&lock);
	if (type == R_WRITE)
		r.seq = ++m.seq | zero;
	tell(&r);
	pthread_mutex_unlock(&lock);
	return r.seq;
}

static void note_op(int type, int op, uint64_t arg, uint32_t took)
{
	struct rec r = { .type = type, .thread = CONTROL, .view = op, .arg = arg, .count = took };

	pthread_mutex_lock(&lock);
	tell(&r);
	/* The workers' writes are for the next boot to look at. */
	apply(&r);
	pthread_mutex_unlock(&lock);
}

/* --- replicactl ------------------------------------------------------------- */

static int __attribute__((format(printf, 3, 4))) run(char *said, size_t size, const char *fmt, ...)
{
	char line[512];
	va_list args;
	size_t n;
	FILE *f;
	int rc;

	n = snprintf(line, sizeof(line), "%s ", tool);
	va_start(args, fmt);
	n += vsnprintf(line + n, sizeof(line) - n, fmt, args);
	va_end(args);
	snprintf(line + n, sizeof(line) - n, " 2>&1");
	f = popen(line, "re");
	if (!f)
		die("%s: %m", line);
	n = fread(said, 1, size - 1, f);
	said[n] = 0;
	rc = pclose(f);
	return WIFEXITED(rc) ? WEXITSTATUS(rc) : 99;
}

static void __attribute__((format(printf, 3, 4))) must(char *said, size_t size, const char *fmt, ...)
{
	char args[256];
	va_list list;
	int rc;

	va_start(list, fmt);
	vsnprintf(args, sizeof(args), fmt, list);
	va_end(list);
	rc = run(said, size, "%s", args);
	if (rc)
		die("%s: status %d: %s", args, rc, said);
}

/* The next number of that name in JSON. */
static uint64_t number(char **at, const char *key, bool must_be)
{
	char pattern[64], *p;

	snprintf(pattern, sizeof(pattern), "\"%s\":", key);
	p = strstr(*at, pattern);
	if (!p && must_be)
		die("no %s in %s", key, *at);
	if (!p)
		return 0;
	*at = p + strlen(pattern);
	return strtoull(*at, at, 10);
}

static uint64_t status(const char *key)
{
	char said[16384], *at = said;

	must(said, sizeof(said), "status %s --json", name);
	return number(&at, key, true);
}

static int point_list(uint64_t *to)
{
	char said[16384], *at = said;
	uint64_t n;
	int nr = 0;

	must(said, sizeof(said), "recovery-point list %s --json", name);
	while ((n = number(&at, "number", false))) {
		if (nr > MAX_POINTS)
			die("more points than were made: %s", said);
		to[nr++] = n;
	}
	return nr;
}

static void op(int what, uint64_t arg)
{
	char said[4096];
	uint64_t answer = arg;
	char *p;

	note_op(R_OP, what, arg, 0);
	switch (what) {
	case OP_POINT:
		must(said, sizeof(said), "recovery-point create %s", name);
		p = strstr(said, "recovery point ");
		if (!p)
			die("no number in: %s", said);
		answer = strtoull(p + 15, NULL, 10);
		if (answer <= m.last_point)
			die("point %llu after %llu", (unsigned long long)answer,
			    (unsigned long long)m.last_point);
		break;
	case OP_DROP:
		must(said, sizeof(said), "recovery-point drop --yes %s %llu", name,
		     (unsigned long long)arg);
		break;
	case OP_FAILOVER:
		must(said, sizeof(said), "failover %s --point %llu", name,
		     (unsigned long long)arg);
		break;
	case OP_REVERT:
		must(said, sizeof(said), "revert %s --yes --no-wait", name);
		break;
	}
	note_op(R_ANSWER, what, answer, 0);
}

static int open_view(int view, int disk, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/dev/mapper/%s-vd%c%s", name, 'a' + disk,
		 view == HEAD ? "-replica" : "");
	fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC | flags);
	if (fd < 0)
		die("%s: %m", path);
	return fd;
}

/* --- work ------------------------------------------------------------------- */

/* Held for reading by writers to the failover. */
static pthread_rwlock_t live_lock = PTHREAD_RWLOCK_INITIALIZER;
static bool live_gone;
static int live_open;
/* For a while nobody flushes, so that there is something to lose. */
static bool calm;

/*
 * Whose sectors: the first half belongs to the two threads of a disk in turns of
 * 16 KiB, of the second half each has a half for long writes.
 */
static void choose(uint64_t *rng, int part, uint32_t *sector, uint32_t *count)
{
	uint32_t area, at;

	switch (below(rng, 10)) {
	case 0:
		*count = 8 * (1 + below(rng, MAX_IO / 8));
		*sector = SPAN / 2 + part * SPAN / 4 + 8 * below(rng, (SPAN / 4 - *count) / 8 + 1);
		return;
	case 1:
	case 2:
		*count = 1 + below(rng, 12);
		at = below(rng, 32 - *count + 1);
		break;
	default:
		*count = 8 * (1 + below(rng, 4));
		at = 8 * below(rng, (32 - *count) / 8 + 1);
	}
	/* Half of them to a few places, so that there is rewriting. */
	area = below(rng, 2) ? below(rng, 6) : below(rng, SPAN / 2 / 64);
	*sector = area * 64 + part * 32 + at;
}

static void one_write(int thread, int view, int disk, int part, const int *fd, uint8_t *buf,
		      uint64_t *rng)
{
	uint64_t range[2];
	uint32_t sector, count, seq, i;
	int how = below(rng, 16), sync;

	choose(rng, part, &sector, &count);
	seq = note(R_WRITE, thread, view, disk, sector, count,
		   how == 15 ? ZERO : how == 14 ? DISCARD : 0);
	if (how >= 14) {
		range[0] = (uint64_t)(BASE + sector) * SECTOR;
		range[1] = (uint64_t)count * SECTOR;
		if (ioctl(fd[0], how == 15 ? BLKZEROOUT : BLKDISCARD, range))
			die("zeroes to view %d: %m", view);
		return;
	}
	for (i = 0; i < count; i++)
		stamp(buf + i * SECTOR, seq, disk, sector + i);
	sync = how < 2 && !__atomic_load_n(&calm, __ATOMIC_RELAXED);
	if (pwrite(fd[sync], buf, count * SECTOR, (uint64_t)(BASE + sector) * SECTOR) !=
	    (ssize_t)count * SECTOR)
		die("write to view %d, disk %d, sector %u: %m", view, disk, sector);
	if (sync)
		note(R_DURABLE, thread, view, disk, sector, count, 0);
}

/* @n: writes of this thread since the last one; their number from here on is returned. */
static int maybe_flush(int thread, int view, int disk, int fd, int n, uint64_t *rng)
{
	if (n < CAP * 3 / 4 && (__atomic_load_n(&calm, __ATOMIC_RELAXED) || n < 2 || below(rng, 15)))
		return n;
	note(R_FLUSH, thread, view, disk, 0, 0, 0);
	if (fsync(fd))
		die("fsync of view %d: %m", view);
	note(R_FLUSHED, thread, view, disk, 0, 0, 0);
	return 0;
}

static void *head_writer(void *arg)
{
	int thread = (long)arg, disk = thread & 1, n = 0;
	uint64_t rng = mix(seed + thread) | 1;
	uint8_t *buf = buffer(MAX_IO * SECTOR);
	int fd[2] = { open_view(HEAD, disk, 0), open_view(HEAD, disk, O_DSYNC) };

	for (;;) {
		one_write(thread, HEAD, disk, thread >> 1, fd, buf, &rng);
		n = maybe_flush(thread, HEAD, disk, fd[0], n + 1, &rng);
		if (!below(&rng, 40))
			usleep(below(&rng, 100000));
	}
	return NULL;
}

static void *live_writer(void *arg)
{
	int thread = (long)arg, disk = thread & 1, n = 0, fd[2] = { -1, -1 };
	uint64_t rng = mix(seed + thread) | 1;
	uint8_t *buf = buffer(MAX_IO * SECTOR);

	for (;;) {
		pthread_rwlock_rdlock(&live_lock);
		if (m.state != 5 || live_gone) {
			if (fd[0] >= 0) {
				close(fd[0]);
				close(fd[1]);
				__atomic_sub_fetch(&live_open, 1, __ATOMIC_SEQ_CST);
			}
			fd[0] = fd[1] = -1;
			n = 0;
			pthread_rwlock_unlock(&live_lock);
			usleep(5000);
			continue;
		}
		if (fd[0] < 0) {
			__atomic_add_fetch(&live_open, 1, __ATOMIC_SEQ_CST);
			fd[0] = open_view(LIVE, disk, 0);
			fd[1] = open_view(LIVE, disk, O_DSYNC);
		}
		one_write(thread, LIVE, disk, below(&rng, 2), fd, buf, &rng);
		n = maybe_flush(thread, LIVE, disk, fd[0], n + 1, &rng);
		pthread_rwlock_unlock(&live_lock);
		if (!below(&rng, 40))
			usleep(below(&rng, 100000));
	}
	return NULL;
}

static void revert(void)
{
	/* Both writers see it and close. */
	pthread_rwlock_wrlock(&live_lock);
	live_gone = true;
	pthread_rwlock_unlock(&live_lock);
	while (__atomic_load_n(&live_open, __ATOMIC_SEQ_CST))
		usleep(2000);
	pthread_rwlock_wrlock(&live_lock);
	op(OP_REVERT, 0);
	live_gone = false;
	pthread_rwlock_unlock(&live_lock);
}

static void failover(uint64_t number)
{
	pthread_rwlock_wrlock(&live_lock);
	op(OP_FAILOVER, number);
	pthread_rwlock_unlock(&live_lock);
}

static void drop_all(void)
{
	while (m.nr_points)
		op(OP_DROP, m.points[0].number);
}

static void work(const char *plan)
{
	bool storm = !strcmp(plan, "storm"), home = !strcmp(plan, "home");
	bool live = !strcmp(plan, "live");
	uint64_t rng = mix(seed + CONTROL) | 1;
	pthread_t t;
	long i;

	if (home) {
		if (m.state == 5)
			op(OP_REVERT, 0);
		drop_all();
	}
	for (i = 0; i < CONTROL; i++)
		if (pthread_create(&t, NULL, i < 4 ? head_writer : live_writer, (void *)i))
			die("thread: %m");
	puts("at work");
	fflush(stdout);
	if (home)
		usleep(500000 + below(&rng, 2000000));
	if (live && m.state != 5) {
		if (!m.nr_points)
			op(OP_POINT, 0);
		failover(m.points[below(&rng, m.nr_points)].number);
	}
	for (;;) {
		int what = below(&rng, 100);
		struct point *p = &m.points[m.nr_points ? below(&rng, m.nr_points) : 0];

		if (!storm) {
			__atomic_store_n(&calm, below(&rng, 2), __ATOMIC_RELAXED);
			usleep(below(&rng, live ? 500000 : 250000));
			__atomic_store_n(&calm, false, __ATOMIC_RELAXED);
		}
		if (what < 40 || !m.nr_points) {
			if (m.nr_points == 4)
				what = 40;
			else
				op(OP_POINT, 0);
		}
		if (m.state == 5) {
			if (what >= 40 && what < 60 && p->number != m.live_point)
				op(OP_DROP, p->number);
			else if (what >= 60 && (!live || what > 90))
				revert();
		} else if (m.state == 3 && m.nr_points) {
			if (what >= 40 && what < 65)
				op(OP_DROP, p->number);
			else if (what >= 65)
				failover(p->number);
		}
	}
}

/* --- verify ----------------------------------------------------------------- */

static char view_text[64];
static long seen, open_cells, newer;

static void tell_cell(const struct cell *c)
{
	printf("#   may hold:");
	for (uint32_t i = 0; i < c->n; i++)
		printf(" %u%s", c->v[i] & ~(ZERO | DISCARD), c->v[i] & DISCARD ? "(discard)" :
		       c->v[i] & ZERO ? "(zeroes)" : "");
	printf("\n");
}

static void look(int fd, struct image *img, int view, uint64_t number, bool whole, bool note_it)
{
	static uint8_t *buf;
	uint32_t i, j, v[SPAN], last = 0;
	int bad = 0, disk = view & 1;
	struct cell *c;

	view >>= 1;
	if (!buf)
		buf = buffer(SPAN * SECTOR);
	if (pread(fd, buf, SPAN * SECTOR, BASE * SECTOR) != SPAN * SECTOR)
		die("cannot read %s, disk %d: %m", view_text, disk);
	for (i = 0; i < SPAN; i++) {
		c = &img->c[disk][i];
		v[i] = stamp_read(buf + i * SECTOR, disk, i);
		for (j = 0; j < c->n; j++)
			if (c->v[j] == v[i] || (!v[i] && c->v[j] & (ZERO | DISCARD)))
				break;
		if (j == c->n) {
			if (++bad <= 10) {
				printf("# %s, disk %d, sector %u: holds %s%u\n", view_text, disk,
				       BASE + i, v[i] == TORN ? "no whole write " : "",
				       v[i] == TORN ? 0 : v[i]);
				tell_cell(c);
			}
			continue;
		}
		seen++;
		open_cells += c->n > 1;
		newer += j > 0;
		/* Sectors that were only written together are still together. */
		if (whole && i % 8 && c->n == c[-1].n &&
		    !memcmp(c->v, c[-1].v, c->n * sizeof(*c->v)) && v[i] != v[i - 1]) {
			bool together = true;

			for (j = i / 8 * 8; j < i / 8 * 8 + 8; j++)
				together &= img->c[disk][j].n == c->n &&
					!memcmp(img->c[disk][j].v, c->v, c->n * sizeof(*c->v));
			if (together && last != i / 8 + 1 && ++bad <= 10) {
				last = i / 8 + 1;
				printf("# %s, disk %d: the block of sector %u is torn: %u, %u\n",
				       view_text, disk, BASE + i, v[i - 1], v[i]);
				tell_cell(c);
			}
		}
	}
	if (bad)
		die("%s, disk %d: %d sectors hold what they may not", view_text, disk, bad);
	if (!note_it)
		return;
	for (i = 0; i < SPAN; i++) {
		struct rec r = { .type = R_SEEN, .view = view, .disk = disk, .sector = i,
				 .seq = v[i], .arg = number };

		c = &img->c[disk][i];
		if (c->n == 1 && c->v[0] == v[i])
			continue;
		tell(&r);
		apply(&r);
	}
}

static void look_view(int view, struct image *img, bool whole, const char *what, uint64_t number)
{
	snprintf(view_text, sizeof(view_text), "%s %llu", what, (unsigned long long)number);
	for (int d = 0; d < DISKS; d++) {
		int fd = open_view(view == HEAD ? HEAD : LIVE, d, 0);

		look(fd, img, view << 1 | d, number, whole, true);
		close(fd);
	}
}

static bool same_points(const uint64_t *got, int nr, uint64_t less, uint64_t *more)
{
	int i = 0, j;

	for (j = 0; j < m.nr_points; j++) {
		if (m.points[j].number == less)
			continue;
		if (i == nr || got[i++] != m.points[j].number)
			return false;
	}
	if (!more)
		return i == nr;
	if (i + 1 != nr || got[i] <= m.last_point)
		return false;
	*more = got[i];
	return true;
}

/* The state is that after the last answer, or that after the operation that had none. */
static void state_check(void)
{
	uint64_t got[MAX_POINTS + 1], more = 0, live_point = status("live_point");
	int nr = point_list(got), state = status("state");
	bool as_before, as_after = false;

	as_before = state == m.state && live_point == m.live_point && same_points(got, nr, 0, NULL);
	switch (m.op) {
	case OP_POINT:
		as_after = state == (m.state == 2 ? 3 : m.state) && live_point == m.live_point &&
			   same_points(got, nr, 0, &more);
		break;
	case OP_DROP:
		as_after = state == m.state && live_point == m.live_point &&
			   same_points(got, nr, m.op_arg, NULL);
		break;
	case OP_FAILOVER:
		as_after = state == 5 && live_point == m.op_arg && same_points(got, nr, 0, NULL);
		break;
	case OP_REVERT:
		as_after = state == 3 && !live_point && same_points(got, nr, 0, NULL);
		break;
	}
	printf("# state %d, %d points, failed over to %llu; not answered: %s, %s\n", state, nr,
	       (unsigned long long)live_point, m.op ? op_name[m.op] : "none",
	       !m.op ? "-" : as_after ? "it is done" : "it is not done");
	if (!as_before && !as_after) {
		int i;

		printf("# points found:");
		for (i = 0; i < nr; i++)
			printf(" %llu", (unsigned long long)got[i]);
		printf("\n# answered was: state %d, failed over to %llu, points", m.state,
		       (unsigned long long)m.live_point);
		for (i = 0; i < m.nr_points; i++)
			printf(" %llu", (unsigned long long)m.points[i].number);
		printf("\n");
		die("the state is neither the old nor the new one");
	}
	note_op(R_BOOT, 0, more, as_after);
}

static void verify(bool whole, bool points)
{
	struct point *p;
	int i;

	state_check();
	look_view(HEAD, m.head, whole, "head", 0);
	if (m.state == 5)
		look_view(LIVE, m.live, whole, "failover of point", m.live_point);
	if (points) {
		if (m.state == 5)
			op(OP_REVERT, 0);
		for (i = 0; m.nr_points && i <= m.nr_points; i++) {
			p = &m.points[i % m.nr_points];
			op(OP_FAILOVER, p->number);
			look_view(POINT, p->img, whole, "point", p->number);
			op(OP_REVERT, 0);
		}
		look_view(HEAD, m.head, whole, "head", 0);
	}
	printf("# %ld sectors looked at, %ld could hold several things, %ld held a newer one than flushed\n",
	       seen, open_cells, newer);
}

static void homes(char **path)
{
	char said[4096];
	int i, fd;

	if (m.state == 5)
		op(OP_REVERT, 0);
	drop_all();
	for (i = 0; status("slots_used"); i++) {
		if (i == 300)
			die("the vacuum does not end");
		usleep(100000);
	}
	must(said, sizeof(said), "detach %s", name);
	for (i = 0; i < DISKS; i++) {
		fd = open(path[i], O_RDONLY | O_DIRECT);
		if (fd < 0)
			die("%s: %m", path[i]);
		snprintf(view_text, sizeof(view_text), "home");
		look(fd, m.head, HEAD << 1 | i, 0, false, false);
		close(fd);
	}
}

int main(int argc, char **argv)
{
	bool whole = false, points = false;
	int i;

	if (argc < 6) {
		fprintf(stderr, "usage: helper-crash JOURNAL REPLICACTL SYSTEM SEED COMMAND\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	tool = argv[2];
	name = argv[3];
	seed = strtoull(argv[4], NULL, 0);
	journal_open(argv[1]);
	if (!strcmp(argv[5], "work")) {
		work(argc > 6 ? argv[6] : "mixed");
	} else if (!strcmp(argv[5], "homes") && argc == 6 + DISKS) {
		homes(argv + 6);
	} else if (!strcmp(argv[5], "verify")) {
		for (i = 6; i < argc; i++) {
			whole |= !strcmp(argv[i], "whole");
			points |= !strcmp(argv[i], "points");
		}
		verify(whole, points);
	} else {
		die("no command %s", argv[5]);
	}
	return 0;
}
