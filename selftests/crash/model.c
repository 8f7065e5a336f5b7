// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reference model: the content that each view may show after a crash at a place of the
 * record.  It knows systems, disks, points, overlays and the stamps of sectors (the number of
 * the write, 0 for zeroes), and nothing of versions, slots or logs.
 *
 * A *lineage* is the content of one view, or of a point: of each sector the newest content
 * that must be there, and the writes after it, each of which may be there or not.  Requests
 * for one sector never overlap in time, so they have one order, and the sector holds one of
 * them.
 *
 * An operation that was begun and not answered has happened or not, as a whole: that is a
 * second picture of the system beside the present one.
 */
#include <stdarg.h>

#include "crash.h"

struct io {
	u64 seq;
	u64 value;		/* value of its sectors at that time */
	u32 begun, done;	/* entries; NOWHERE: not answered */
	bool failed;
	u8 kind, disk;
	bool fua;
	u64 sector, sectors;
	struct lineage *on;
	u32 view;
};

/* A sync or an operation that is not answered yet. */
struct asked {
	u64 seq;
	u32 begun;
	u32 disk;
	struct lineage *on;
};

struct node {
	u32 io;
	u32 next;		/* older; 0: none */
};

struct dirty {
	u32 disk;
	u64 sector;
};

struct lineage {
	struct model *m;
	u32 refs;
	u64 *sure[MAX_DISKS];		/* by sector */
	u32 *chain[MAX_DISKS];		/* newest first; 0: none */
	u8 *listed[MAX_DISKS];		/* by sector: it is in the list below */
	struct dirty *dirty;		/* all sectors with a chain, and some without */
	u32 nr_dirty, dirty_room;
};

#define MAX_SYNCS	256

struct model {
	struct record *rec;
	u32 place;
	u32 nr_disks;
	u64 sectors[MAX_DISKS];
	struct picture now, next;
	bool between;			/* next may have come */
	struct rec op;
	u32 op_begun;
	struct lineage *making;		/* content of the point that is being made */
	u64 made;
	bool removal;
	struct asked syncs[MAX_SYNCS];
	struct io *ios;
	u32 nr_ios, ios_room;
	u32 *hash;			/* seq -> io, open addressing */
	u32 hash_room;
	struct node *nodes;
	u32 nr_nodes, nodes_room, free_nodes;
	char why[300];
};

/* Writes, by their numbers */

static u32 hash_place(const struct model *m, u64 seq)
{
	u32 i = (seq * 0x9e3779b97f4a7c15ULL) >> 32;

	for (i &= m->hash_room - 1; m->hash[i] && m->ios[m->hash[i]].seq != seq;
	     i = (i + 1) & (m->hash_room - 1))
		;
	return i;
}

static struct io *io_find(const struct model *m, u64 seq)
{
	u32 i = m->hash[hash_place(m, seq)];

	return i ? &m->ios[i] : NULL;
}

static u32 io_new(struct model *m, u64 seq)
{
	u32 i;

	if (m->nr_ios + 1 >= m->ios_room) {
		m->ios_room *= 2;
		m->ios = need(realloc(m->ios, m->ios_room * sizeof(*m->ios)));
	}
	if (m->nr_ios * 2 >= m->hash_room) {
		free(m->hash);
		m->hash_room *= 2;
		m->hash = need(calloc(m->hash_room, sizeof(*m->hash)));
		for (i = 1; i < m->nr_ios; i++)
			m->hash[hash_place(m, m->ios[i].seq)] = i;
	}
	i = m->nr_ios++;
	memset(&m->ios[i], 0, sizeof(m->ios[i]));
	m->ios[i].seq = seq;
	m->ios[i].done = NOWHERE;
	m->hash[hash_place(m, seq)] = i;
	return i;
}

/* Lineages */

struct lineage *lineage_new(struct model *m)
{
	struct lineage *l = need(calloc(1, sizeof(*l)));
	u32 d;

	l->m = m;
	l->refs = 1;
	for (d = 0; d < m->nr_disks; d++) {
		l->sure[d] = need(calloc(m->sectors[d], sizeof(*l->sure[d])));
		l->chain[d] = need(calloc(m->sectors[d], sizeof(*l->chain[d])));
		l->listed[d] = need(calloc(m->sectors[d], 1));
	}
	return l;
}

static struct lineage *lineage_get(struct lineage *l)
{
	if (l)
		l->refs++;
	return l;
}

/* Let go of a chain from a node on. */
static void chain_free(struct model *m, u32 node)
{
	while (node) {
		u32 next = m->nodes[node].next;

		m->nodes[node].next = m->free_nodes;
		m->free_nodes = node;
		node = next;
	}
}

static void lineage_put(struct lineage *l)
{
	u32 d, i;

	if (!l || --l->refs)
		return;
	for (i = 0; i < l->nr_dirty; i++)
		chain_free(l->m, l->chain[l->dirty[i].disk][l->dirty[i].sector]);
	for (d = 0; d < MAX_DISKS; d++) {
		free(l->sure[d]);
		free(l->chain[d]);
		free(l->listed[d]);
	}
	free(l->dirty);
	free(l);
}

/** lineage_set() - set the content of a sector of a base */
void lineage_set(struct lineage *l, u32 disk, u64 sector, u64 value)
{
	l->sure[disk][sector] = value;
}

static void lineage_push(struct lineage *l, u32 disk, u64 sector, u32 io)
{
	struct model *m = l->m;
	u32 node = m->free_nodes;

	if (node) {
		m->free_nodes = m->nodes[node].next;
	} else {
		if (m->nr_nodes == m->nodes_room) {
			m->nodes_room *= 2;
			m->nodes = need(realloc(m->nodes, m->nodes_room * sizeof(*m->nodes)));
		}
		node = m->nr_nodes++;
	}
	if (!l->listed[disk][sector]) {
		l->listed[disk][sector] = 1;
		if (l->nr_dirty == l->dirty_room) {
			l->dirty_room = l->dirty_room ? l->dirty_room * 2 : 1024;
			l->dirty = need(realloc(l->dirty, l->dirty_room * sizeof(*l->dirty)));
		}
		l->dirty[l->nr_dirty].disk = disk;
		l->dirty[l->nr_dirty++].sector = sector;
	}
	m->nodes[node].io = io;
	m->nodes[node].next = l->chain[disk][sector];
	l->chain[disk][sector] = node;
}

/* An answered discard may have left the old content: it makes nothing sure. */
static bool io_settles(const struct io *io, u32 before)
{
	return io->done < before && !io->failed && io->kind != REC_DISCARDED;
}

/* The newest write that was answered before @before is there, and nothing older. */
static void sector_promote(struct lineage *l, u32 disk, u64 sector, u32 before)
{
	struct model *m = l->m;
	u32 *link = &l->chain[disk][sector];

	for (; *link; link = &m->nodes[*link].next) {
		const struct io *io = &m->ios[m->nodes[*link].io];

		if (!io_settles(io, before))
			continue;
		l->sure[disk][sector] = io->value;
		chain_free(m, *link);
		*link = 0;
		return;
	}
}

static void lineage_promote(struct lineage *l, u32 disk, u32 before)
{
	u32 i, to = 0;

	for (i = 0; i < l->nr_dirty; i++) {
		struct dirty *x = &l->dirty[i];

		if (disk == MAX_DISKS || x->disk == disk)
			sector_promote(l, x->disk, x->sector, before);
		if (l->chain[x->disk][x->sector])
			l->dirty[to++] = *x;
		else
			l->listed[x->disk][x->sector] = 0;
	}
	l->nr_dirty = to;
}

static struct lineage *lineage_clone(struct lineage *from)
{
	struct model *m = from->m;
	struct lineage *l = lineage_new(m);
	u32 d, i, node, n, ios[64];

	for (d = 0; d < m->nr_disks; d++)
		memcpy(l->sure[d], from->sure[d], m->sectors[d] * sizeof(*l->sure[d]));
	for (i = 0; i < from->nr_dirty; i++) {
		struct dirty x = from->dirty[i];
		u32 *many = ios, room = ARRAY_SIZE(ios);

		n = 0;
		for (node = from->chain[x.disk][x.sector]; node; node = m->nodes[node].next) {
			if (n == room) {
				u32 *more = need(malloc(room * 2 * sizeof(*more)));

				memcpy(more, many, room * sizeof(*more));
				if (many != ios)
					free(many);
				many = more;
				room *= 2;
			}
			many[n++] = m->nodes[node].io;
		}
		while (n--)
			lineage_push(l, x.disk, x.sector, many[n]);
		if (many != ios)
			free(many);
	}
	return l;
}

/**
 * model_allows() - may this sector hold that content after a crash here?
 * @l: content of a view or a point.
 * @disk: its number.
 * @sector: of the disk.
 * @value: number of a write, or 0.
 *
 * Return: true if it may.
 */
bool model_allows(const struct lineage *l, u32 disk, u64 sector, u64 value)
{
	const struct model *m = l->m;
	u32 node;

	if (l->sure[disk][sector] == value)
		return true;
	for (node = l->chain[disk][sector]; node; node = m->nodes[node].next)
		if (m->ios[m->nodes[node].io].value == value)
			return true;
	return false;
}

/* A read while the system runs: the newest answered write, or one in flight. */
static bool lineage_reads(const struct lineage *l, u32 disk, u64 sector, u64 value)
{
	const struct model *m = l->m;
	u32 node;

	for (node = l->chain[disk][sector]; node; node = m->nodes[node].next) {
		const struct io *io = &m->ios[m->nodes[node].io];

		if (io->value == value)
			return true;
		if (io_settles(io, m->place))
			return false;
	}
	return l->sure[disk][sector] == value;
}

/* Pictures */

static void picture_get(struct picture *to, const struct picture *from)
{
	u32 i;

	*to = *from;
	for (i = 0; i < to->nr_points; i++)
		lineage_get(to->points[i].content);
	lineage_get(to->head);
	lineage_get(to->live);
	lineage_get(to->test);
}

static void picture_put(struct picture *p)
{
	u32 i;

	for (i = 0; i < p->nr_points; i++)
		lineage_put(p->points[i].content);
	lineage_put(p->head);
	lineage_put(p->live);
	lineage_put(p->test);
	memset(p, 0, sizeof(*p));
}

static int picture_point(const struct picture *p, u64 number)
{
	u32 i;

	for (i = 0; i < p->nr_points; i++)
		if (p->points[i].number == number)
			return i;
	return number ? -1 : (int)p->nr_points - 1;
}

static void picture_drop_all(struct picture *p)
{
	while (p->nr_points)
		lineage_put(p->points[--p->nr_points].content);
}

static struct lineage **picture_view(struct picture *p, u32 view)
{
	return view == REC_HEAD ? &p->head : view == REC_LIVE ? &p->live : &p->test;
}

/* The model */

static const char *wrong(struct model *m, const char *fmt, ...)
	__attribute__((__format__(__printf__, 2, 3)));

static const char *wrong(struct model *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(m->why, sizeof(m->why), fmt, ap);
	va_end(ap);
	return m->why;
}

struct model *model_new(struct record *rec)
{
	struct model *m = need(calloc(1, sizeof(*m)));
	u32 i;

	m->rec = rec;
	m->nr_disks = rec->nr_devices - 1;
	for (i = 0; i < m->nr_disks; i++)
		m->sectors[i] = rec->sectors[i + 1];
	m->ios_room = 1024;
	m->ios = need(calloc(m->ios_room, sizeof(*m->ios)));
	m->nr_ios = 1;			/* 0 is none */
	m->hash_room = 4096;
	m->hash = need(calloc(m->hash_room, sizeof(*m->hash)));
	m->nodes_room = 4096;
	m->nodes = need(calloc(m->nodes_room, sizeof(*m->nodes)));
	m->nr_nodes = 1;
	return m;
}

void model_free(struct model *m)
{
	u32 i;

	picture_put(&m->now);
	picture_put(&m->next);
	lineage_put(m->making);
	for (i = 0; i < MAX_SYNCS; i++)
		lineage_put(m->syncs[i].on);
	for (i = 1; i < m->nr_ios; i++)
		lineage_put(m->ios[i].on);
	free(m->ios);
	free(m->hash);
	free(m->nodes);
	free(m);
}

const struct picture *model_now(const struct model *m)
{
	return &m->now;
}

const struct picture *model_next(const struct model *m)
{
	return m->between ? &m->next : NULL;
}

bool model_removal(const struct model *m)
{
	return m->removal;
}

struct picture *model_base(struct model *m)
{
	return &m->now;
}

/** model_removed() - the base's store was given up, or will be */
void model_removed(struct model *m)
{
	m->removal = true;
}

/* The content that a view's I/O belongs to: of the present picture, or of the next. */
static struct lineage *model_view(struct model *m, u32 view)
{
	struct lineage *l = *picture_view(&m->now, view);

	return l || !m->between ? l : *picture_view(&m->next, view);
}

static const char *step_io(struct model *m, const struct rec *r)
{
	struct lineage *l = model_view(m, r->view);
	u32 i = io_new(m, r->seq);
	struct io *io = &m->ios[i];
	u64 s;

	if (r->disk >= m->nr_disks || r->sector > m->sectors[r->disk] ||
	    r->sectors > m->sectors[r->disk] - r->sector)
		return wrong(m, "I/O %llu is beyond its disk", (u64)r->seq);
	io->value = r->kind == REC_DATA ? r->seq : 0;
	io->begun = m->place;
	io->kind = r->kind;
	io->fua = r->flags & REC_FUA;
	io->disk = r->disk;
	io->sector = r->sector;
	io->sectors = r->sectors;
	io->view = r->view;
	io->on = lineage_get(l);
	if (!l)
		return NULL;
	for (s = r->sector; s < r->sector + r->sectors; s++) {
		lineage_push(l, r->disk, s, i);
		if (m->making && l == m->now.head)
			lineage_push(m->making, r->disk, s, i);
	}
	return NULL;
}

static const char *step_io_done(struct model *m, const struct rec *r)
{
	struct io *io = io_find(m, r->seq);
	u64 s;

	if (!io || io->done != NOWHERE)
		return wrong(m, "an answer to I/O %llu, without a request", (u64)r->seq);
	io->done = m->place;
	io->failed = r->result;
	if (!io->on)
		return r->result ? NULL : wrong(m, "I/O %llu was done on a view that is not there",
						(u64)r->seq);
	/* FUA: this write is durable, and so nothing older in its sectors remains. */
	if (io->fua && !io->failed)
		for (s = io->sector; s < io->sector + io->sectors; s++)
			sector_promote(io->on, io->disk, s, m->place + 1);
	lineage_put(io->on);
	io->on = NULL;
	return NULL;
}

static const char *step_sync(struct model *m, const struct rec *r)
{
	u32 i;

	for (i = 0; i < MAX_SYNCS && m->syncs[i].seq; i++)
		;
	if (i == MAX_SYNCS)
		return wrong(m, "more than %u flushes at a time", MAX_SYNCS);
	m->syncs[i].seq = r->seq;
	m->syncs[i].begun = m->place;
	m->syncs[i].disk = r->disk;
	m->syncs[i].on = lineage_get(model_view(m, r->view));
	return NULL;
}

static const char *step_sync_done(struct model *m, const struct rec *r)
{
	u32 i;

	for (i = 0; i < MAX_SYNCS && m->syncs[i].seq != r->seq; i++)
		;
	if (i == MAX_SYNCS)
		return wrong(m, "an answer to flush %llu, without a request", (u64)r->seq);
	if (!r->result && m->syncs[i].on)
		lineage_promote(m->syncs[i].on, m->syncs[i].disk, m->syncs[i].begun);
	lineage_put(m->syncs[i].on);
	memset(&m->syncs[i], 0, sizeof(m->syncs[i]));
	return NULL;
}

static const char *next_failover(struct model *m, struct lineage **view, u64 *from, u64 number)
{
	int i = picture_point(&m->next, number);

	if (i < 0)
		return NULL;		/* refused, surely */
	lineage_put(*view);
	*view = lineage_clone(m->next.points[i].content);
	*from = m->next.points[i].number;
	return NULL;
}

/* The system if the operation happens. */
static void next_picture(struct model *m, const struct rec *r)
{
	struct picture *n = &m->next;
	int i;

	switch (r->op) {
	case REC_CREATE:
		/* If there was an operation before, the homes hold its final result. */
		if (!n->head)
			n->head = n->live ? n->live : lineage_new(m);
		n->live = NULL;
		n->made = true;
		n->removing = false;
		n->state = DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION;
		break;
	case REC_POINT:
		if (!n->head || n->nr_points == DMR_MAX_POINTS)
			break;
		/* R15: all writes answered before are in it; of those in flight, any. */
		lineage_put(m->making);
		m->making = lineage_clone(n->head);
		lineage_promote(m->making, MAX_DISKS, m->place);
		n->points[n->nr_points].number = 0;
		n->points[n->nr_points++].content = lineage_get(m->making);
		if (n->state == DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION)
			n->state = DM_REPLICA_STATE_REPLICATING;
		break;
	case REC_DROP:
		i = picture_point(n, r->arg);
		if (i < 0)
			break;
		lineage_put(n->points[i].content);
		memmove(&n->points[i], &n->points[i + 1],
			(--n->nr_points - i) * sizeof(n->points[0]));
		break;
	case REC_FAILOVER:
		next_failover(m, &n->live, &n->live_from, r->arg);
		n->state = DM_REPLICA_STATE_RECOVERED;
		break;
	case REC_TEST_START:
		next_failover(m, &n->test, &n->test_from, r->arg);
		break;
	case REC_REVERT:
		lineage_put(n->live);
		n->live = NULL;
		n->live_from = 0;
		n->state = DM_REPLICA_STATE_REPLICATING;
		break;
	case REC_TEST_STOP:
		lineage_put(n->test);
		n->test = NULL;
		n->test_from = 0;
		break;
	case REC_COMMIT:
		picture_drop_all(n);
		lineage_put(n->head);
		n->head = NULL;
		n->live_from = 0;
		n->suspended = false;
		n->state = DM_REPLICA_STATE_COMMITTED;
		break;
	case REC_SUSPEND:
	case REC_RESUME:
		n->suspended = r->op == REC_SUSPEND;
		break;
	case REC_REMOVE:
		picture_drop_all(n);
		n->suspended = false;
		n->removing = true;
		n->state = DM_REPLICA_STATE_DISABLED;
		break;
	default:		/* no visible effect */
		break;
	}
}

static const char *step_op(struct model *m, const struct rec *r)
{
	if (m->between)
		return wrong(m, "operation %llu while another one is under way", (u64)r->seq);
	m->op = *r;
	m->op_begun = m->place;
	m->between = true;
	picture_get(&m->next, &m->now);
	next_picture(m, r);
	if (r->op == REC_REMOVE)
		m->removal = true;
	return NULL;
}

/* An answer proves that all answered before the request is on the medium. */
static void op_promote(struct model *m)
{
	struct picture *p = &m->now;

	if (p->head)
		lineage_promote(p->head, MAX_DISKS, m->op_begun);
	if (m->op.op != REC_DETACH && m->op.op != REC_REMOVE)
		return;
	if (p->live)
		lineage_promote(p->live, MAX_DISKS, m->op_begun);
	if (p->test)
		lineage_promote(p->test, MAX_DISKS, m->op_begun);
}

static const char *step_op_done(struct model *m, const struct rec *r)
{
	bool done = r->result == 0 || r->result == DM_REPLICA_CODE_JOB_STARTED;
	u32 op = m->op.op;

	if (!m->between || m->op.seq != r->seq)
		return wrong(m, "an answer to operation %llu, without a request", (u64)r->seq);
	if (r->result == DM_REPLICA_CODE_UNKNOWN)
		return wrong(m, "operation %llu: its outcome is unknown", (u64)r->seq);
	m->between = false;
	if (!done) {
		picture_put(&m->next);
		m->removal &= op != REC_REMOVE;
	} else {
		if (op == REC_POINT && m->next.nr_points) {
			m->next.points[m->next.nr_points - 1].number = r->arg;
			m->made = r->arg;
		}
		picture_put(&m->now);
		m->now = m->next;
		memset(&m->next, 0, sizeof(m->next));
		if (op == REC_REMOVE && !r->result)
			m->now.removing = false;
		if (op == REC_CREATE)
			m->removal = false;
		if (op == REC_POINT || op == REC_DETACH || op == REC_REMOVE)
			op_promote(m);
	}
	lineage_put(m->making);
	m->making = NULL;
	return NULL;
}

static const char *step_found(struct model *m, const struct entry *e)
{
	const struct rec *r = &e->rec;
	struct lineage *l = model_view(m, r->view);
	char text[400];
	u64 i;

	if (!l)
		return wrong(m, "something was read from a view that is not there");
	if (r->disk >= m->nr_disks || r->sector > m->sectors[r->disk] ||
	    r->sectors > m->sectors[r->disk] - r->sector)
		return wrong(m, "something was read beyond a disk");
	for (i = 0; i < r->sectors; i++) {
		const struct content *c = &m->rec->contents[e->first + i];
		u64 s = r->sector + i;

		if (c->seq && (c->seq == ALIEN || c->disk != r->disk || c->sector != s))
			return wrong(m, "the module read from disk %u sector %llu of view %u what belongs nowhere there",
				     r->disk, s, r->view);
		if (lineage_reads(l, r->disk, s, c->seq))
			continue;
		model_explain(m, l, r->disk, s, text, sizeof(text));
		return wrong(m, "the module read from disk %u sector %llu of view %u write %llu; expected %s",
			     r->disk, s, r->view, c->seq, text);
	}
	return NULL;
}

/**
 * model_step() - take the next entry
 * @m: the model.
 *
 * Return: NULL, or the fault of the record itself: an answer without a request, or a read of
 * the module that is impossible.
 */
const char *model_step(struct model *m)
{
	const struct entry *e = &m->rec->entries[m->place];
	const char *why = NULL;

	switch (e->rec.type) {
	case REC_IO:
		why = step_io(m, &e->rec);
		break;
	case REC_IO_DONE:
		why = step_io_done(m, &e->rec);
		break;
	case REC_SYNC:
		why = step_sync(m, &e->rec);
		break;
	case REC_SYNC_DONE:
		why = step_sync_done(m, &e->rec);
		break;
	case REC_OP:
		why = step_op(m, &e->rec);
		break;
	case REC_OP_DONE:
		why = step_op_done(m, &e->rec);
		break;
	case REC_FOUND:
		why = step_found(m, e);
		break;
	}
	m->place++;
	return why;
}

/** model_point_made() - has a point just been answered?  Return: its number, or 0. */
u64 model_point_made(struct model *m)
{
	u64 number = m->made;

	m->made = 0;
	return number;
}

/** model_pin() - fix a point's content, which was one of several until now */
void model_pin(struct model *m, u64 number, u32 disk, u64 sector, u64 value)
{
	int i = picture_point(&m->now, number);
	struct lineage *l;

	if (i < 0)
		return;
	l = m->now.points[i].content;
	l->sure[disk][sector] = value;
	chain_free(m, l->chain[disk][sector]);
	l->chain[disk][sector] = 0;
}

/** model_write() - a write in words.  Return: @buf. */
const char *model_write(struct model *m, u64 seq, char *buf, size_t size)
{
	const struct io *io = seq && seq != ALIEN ? io_find(m, seq) : NULL;

	if (!seq)
		snprintf(buf, size, "zeroes");
	else if (seq == ALIEN)
		snprintf(buf, size, "content that was never written there");
	else if (!io)
		snprintf(buf, size, "write %llu of an earlier life", seq);
	else if (io->done == NOWHERE)
		snprintf(buf, size, "write %llu (view %u, begun at %u, not answered)", seq, io->view,
			 io->begun);
	else
		snprintf(buf, size, "write %llu (view %u, begun at %u, %s at %u%s)", seq, io->view,
			 io->begun, io->failed ? "failed" : "answered", io->done,
			 io->fua ? ", FUA" : "");
	return buf;
}

/** model_explain() - the content that a sector may hold, in words */
void model_explain(struct model *m, const struct lineage *l, u32 disk, u64 sector, char *buf,
		   size_t size)
{
	u32 node, n = 0;
	char text[120];
	size_t len;

	len = snprintf(buf, size, "durable: %s",
		       model_write(m, l->sure[disk][sector], text, sizeof(text)));
	for (node = l->chain[disk][sector]; node && len < size; node = m->nodes[node].next) {
		const struct io *io = &m->ios[m->nodes[node].io];

		if (n++ == 4) {
			snprintf(buf + len, size - len, ", ...");
			break;
		}
		len += snprintf(buf + len, size - len, "; or %s%s",
				io->kind == REC_DATA ? "" : io->kind == REC_ZEROES ? "zeroes of " :
				"a discard of ", model_write(m, io->seq, text, sizeof(text)));
	}
}
