// SPDX-License-Identifier: GPL-2.0
/* The journal: each write before it is made, and each answer. */
#include "crash.h"

#define PER_SECTOR (SECTOR / (int)sizeof(struct rec))
#define PART	(256 << 10)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int jfd;
static uint64_t jsize, jnr;		/* records so far */
static struct rec *jbuf;		/* the sector where they end */

/* Writes not known to be durable, in the order of their records. */
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

/* Apply a record to the model. */
void apply(const struct rec *r)
{
	struct pending *p;
	struct cell *c;

	/* A thread that continues has had its answer. */
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
		/* It has all writes answered before, and perhaps some that come meanwhile. */
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

void journal_open(const char *path)
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

/* Write a record; under the lock. */
void tell(struct rec *r)
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

/* Write a record, and give a write its number. */
uint32_t note(int type, int thread, int view, int disk, uint32_t sector, uint32_t count,
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

void note_op(int type, int op, uint64_t arg, uint32_t took)
{
	struct rec r = { .type = type, .thread = CONTROL, .view = op, .arg = arg, .count = took };

	pthread_mutex_lock(&lock);
	tell(&r);
	/* Leave the workers' writes to the next boot. */
	apply(&r);
	pthread_mutex_unlock(&lock);
}
