// SPDX-License-Identifier: GPL-2.0-only
/*
 * The keeper of a sender.  Target and base of a stream cannot be dropped while it is sent (I3):
 * a view shows the target, and the worker reads the devices of that view.  A peer holds the
 * base, or a second view does.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sending.h"

#define VIEW_TARGET	"send"
#define VIEW_BASE	"sendbase"
#define RANGES		(64u << 10)	/* listed at a time: 1.5 MiB */
#define ENOUGH		(-1)		/* ends a list */
#define MEASURE_NS	5000000000ULL	/* for an estimate, which only progress needs */

static int measure(void *arg, const struct dmreplica_extent *extent)
{
	struct sending_size *size = arg;

	*(extent->zero ? &size->zero_bytes : &size->bytes) += extent->length;
	++*(extent->zero ? &size->zero_extents : &size->extents);
	return size->limit && keeper_now() >= size->limit ? ENOUGH : 0;
}

/**
 * sending_measure() - count what a stream has of a disk
 * @ctx: the context.
 * @sys: the system, attached.
 * @disk: number of the disk.
 * @from: number of the base, 0: none.
 * @to: number of the target.
 * @limit: keeper_now() at which it is given up, 0: never.
 * @size: filled in.
 *
 * Return: 0, -1 if time ran out, or a refusal.
 */
int sending_measure(struct dmreplica *ctx, const struct dmreplica_system *sys, uint32_t disk,
		    uint64_t from, uint64_t to, uint64_t limit, struct sending_size *size)
{
	memset(size, 0, sizeof(*size));
	size->limit = limit;
	return dmreplica_changes(ctx, sys, disk, from, to, 0, measure, size);
}

/**
 * sending_measure_all() - count what a stream has of all disks
 * @k: the keeper.
 * @nr_disks: their number.
 * @from: number of the base, 0: none.
 * @to: number of the target.
 * @ns: time that it may take.
 * @sum: filled in.
 *
 * Return: 0, -1 if time ran out, or a refusal.
 */
int sending_measure_all(struct keeper *k, uint32_t nr_disks, uint64_t from, uint64_t to,
			uint64_t ns, struct sending_size *sum)
{
	int code = 0;
	uint32_t d;

	memset(sum, 0, sizeof(*sum));
	sum->limit = keeper_now() + ns;
	for (d = 0; d < nr_disks && !code; d++)
		code = dmreplica_changes(k->ctx, &k->sys, d, from, to, 0, measure, sum);
	return code;
}

int sending_init(struct sending *s, struct dmreplica *ctx, const char *name)
{
	int code;

	memset(s, 0, sizeof(*s));
	code = keeper_open(&s->k, ctx, name, "send");
	s->k.ops = &sending_ops;
	s->ranges = calloc(RANGES, sizeof(*s->ranges));
	if (!s->ranges) {
		fprintf(stderr, "%s: out of memory\n", program.name);
		exit(dmreplica_exit_status(DM_REPLICA_CODE_NO_MEMORY));
	}
	return code;
}

static int close_views(struct sending *s)
{
	int code = keeper_close_view(&s->k, VIEW_TARGET);
	int other = keeper_close_view(&s->k, VIEW_BASE);

	s->open = false;
	return code ?: other;
}

void sending_end(struct sending *s)
{
	keeper_stop(&s->k);
	keeper_close_files(&s->k);
	if (s->open && close_views(s))
		refused(s->k.ctx, DM_REPLICA_CODE_IN_USE);
	free(s->ranges);
	keeper_close(&s->k);
}

static int hold(struct sending *s, uint64_t point, bool acked)
{
	struct dmreplica_op op = {
		.given = DMREPLICA_OP_POINT | DMREPLICA_OP_PEER, .point = point, .peer = s->peer,
	};

	if (acked)
		op.given |= DMREPLICA_OP_ACKED;
	return dmreplica_point_hold(s->k.ctx, &s->k.sys, &op);
}

/* Have the peer hold both points, or a view each. */
static int hold_points(struct sending *s, uint64_t base, uint64_t target)
{
	struct dmreplica_op op = { .given = DMREPLICA_OP_POINT | DMREPLICA_OP_VIEW };
	struct dmreplica_system *sys = &s->k.sys;
	int code;

	code = close_views(s);
	if (!code && s->peer) {
		code = hold(s, target, false);
		if (!code && base)
			code = hold(s, base, false);
	} else if (!code && base) {
		op.point = base;
		op.view = VIEW_BASE;
		code = dmreplica_view_hold(s->k.ctx, sys, &op);
		s->open = true;
	}
	if (code)
		return code;
	op.point = target;
	op.view = VIEW_TARGET;
	s->open = true;
	return dmreplica_point_open(s->k.ctx, sys, &op);
}

/* Fill in what a BEGIN has of its target. */
static int describe(struct sending *s, struct dmrs_begin *b)
{
	const struct dmreplica_point *point;
	struct dmreplica_point *list;
	struct sending_size size;
	size_t nr;
	int code;

	code = dmreplica_point_list(s->k.ctx, &s->k.sys, &list, &nr);
	if (code)
		return code;
	point = point_in(list, nr, b->target.number);
	if (point) {
		b->time = point->time;
		b->point_kind = point->kind;
		snprintf(b->label, sizeof(b->label), "%s", point->name);
	}
	dmreplica_list_free(list);
	code = sending_measure_all(&s->k, b->nr_disks, b->base.number, b->target.number, MEASURE_NS,
				   &size);
	b->bytes = size.bytes + size.zero_bytes;
	b->extents = size.extents + size.zero_extents;
	/* The receiver waits: 0 is not known. */
	if (code == ENOUGH)
		b->bytes = b->extents = code = 0;
	return code;
}

static int announce(struct sending *s)
{
	struct dmrs_note *note = s->k.note;
	struct dmrs_begin *b = &s->k.begin;
	int code;

	keeper_close_files(&s->k);
	if (dmrs_begin_get(note->data, note->len, b) || b->nr_disks != s->k.state.nr_disks ||
	    !stream_point_of(&s->k.state, &b->target) ||
	    (b->base.number && !stream_point_of(&s->k.state, &b->base))) {
		memset(b, 0, sizeof(*b));
		return keeper_refuse(&s->k, DM_REPLICA_CODE_INVALID_PARAMETER,
				     "the worker announces what the system does not have");
	}
	s->nr_ranges = s->range = 0;
	s->all = false;
	s->disk = UINT32_MAX;
	code = hold_points(s, b->base.number, b->target.number);
	if (!code)
		code = describe(s, b);
	if (code)
		return code;
	note->len = dmrs_begin_put(note->data, b);
	return 0;
}

/* The devices of the view with the target. */
static int give_files(struct sending *s)
{
	return keeper_open_view(&s->k, VIEW_TARGET) ?: keeper_give_files(&s->k);
}

static int on_extent(void *arg, const struct dmreplica_extent *extent)
{
	struct sending *s = arg;
	struct dmrs_range *r = &s->ranges[s->nr_ranges];

	/* the list begins with a whole chunk */
	if (extent->offset + extent->length <= s->next)
		return 0;
	*r = (struct dmrs_range){ extent->offset, extent->length, extent->zero };
	if (r->offset < s->next) {
		r->length -= s->next - r->offset;
		r->offset = s->next;
	}
	s->next = r->offset + r->length;
	return ++s->nr_ranges == RANGES ? ENOUGH : 0;
}

/* List what is behind the place that the worker asks for. */
static int list_ranges(struct sending *s, const struct dmrs_place *place)
{
	const struct dmrs_begin *b = &s->k.begin;
	int code;

	s->nr_ranges = s->range = 0;
	s->disk = place->disk;
	s->next = place->offset;
	code = dmreplica_changes(s->k.ctx, &s->k.sys, place->disk, b->base.number,
				 b->target.number, place->offset, on_extent, s);
	s->all = code != ENOUGH;
	return code == ENOUGH ? 0 : code;
}

static int give_extents(struct sending *s)
{
	struct dmrs_note *note = s->k.note;
	struct dmrs_place place;
	uint32_t nr;
	int code = 0;

	if (note->len != sizeof(place) || !s->k.begin.target.number)
		return DM_REPLICA_CODE_INVALID_PARAMETER;
	memcpy(&place, note->data, sizeof(place));
	if (place.disk >= s->k.begin.nr_disks)
		return DM_REPLICA_CODE_INVALID_PARAMETER;
	while (s->range < s->nr_ranges && s->disk == place.disk &&
	       s->ranges[s->range].offset < place.offset)
		s->range++;
	if (s->disk != place.disk || (s->range == s->nr_ranges && !s->all))
		code = list_ranges(s, &place);
	if (code)
		return code;
	nr = s->nr_ranges - s->range;
	if (nr > DMRS_NOTE_RANGES)
		nr = DMRS_NOTE_RANGES;
	note->len = nr * sizeof(s->ranges[0]);
	memcpy(note->data, s->ranges + s->range, note->len);
	s->range += nr;
	return 0;
}

static int acked(struct sending *s, bool good)
{
	struct dmrs_note *note = s->k.note;
	struct dmrs_identity target;

	if (note->len != sizeof(target))
		return DM_REPLICA_CODE_INVALID_PARAMETER;
	memcpy(&target, note->data, sizeof(target));
	note->len = 0;
	keeper_close_files(&s->k);
	if (good && !stream_point_of(&s->k.state, &target))
		return keeper_refuse(&s->k, DM_REPLICA_CODE_INVALID_PARAMETER,
				     "the receiver acknowledges a point that the system does not have");
	if (good)
		s->acked = target;
	/* That is the next base; what is older is held no more. */
	return good && s->peer ? hold(s, target.number, true) : 0;
}

static int answer(struct keeper *k, struct dmrs_note *note)
{
	struct sending *s = (struct sending *)k;

	switch (note->kind) {
	case DMRS_NOTE_ANNOUNCE:
		return announce(s);
	case DMRS_NOTE_FILES:
		return give_files(s);
	case DMRS_NOTE_EXTENTS:
		return give_extents(s);
	case DMRS_NOTE_ACKED:
		return acked(s, true);
	case DMRS_NOTE_REFUSED:
		return acked(s, false);
	}
	return DM_REPLICA_CODE_NOT_SUPPORTED;
}

const struct keeper_ops sending_ops = { .answer = answer };
