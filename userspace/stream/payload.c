// SPDX-License-Identifier: GPL-2.0-only
/*
 * Payloads of all frames but DATA and ZERO: written, read, and checked for anything that the
 * rest would have to look at.
 */
#include "payload.h"
#include "bytes.h"

#define TOO_SHORT	"the payload is shorter than its content"
#define TOO_LONG	"the payload is longer than its content"

static void put_text(struct dmrs_put *w, const char *text)
{
	u32 n = strlen(text);

	dmrs_put_16(w, n);
	dmrs_put_bytes(w, text, n);
}

/* Fills @text, @size bytes.  Return: false for what is no text, or is too long. */
static bool get_text(struct dmrs_get *g, char *text, u32 size)
{
	u32 n = dmrs_get_16(g);

	memset(text, 0, size);
	if (n >= size)
		return false;
	dmrs_get_copy(g, text, n);
	return strlen(text) == n && dmr_text_ok(text, size);
}

static void put_identity(struct dmrs_put *w, const struct dmrs_identity *id)
{
	dmrs_put_bytes(w, id->generation, 16);
	dmrs_put_64(w, id->number);
}

/* Return: false if one half of it is missing. */
static bool get_identity(struct dmrs_get *g, struct dmrs_identity *id)
{
	dmrs_get_copy(g, id->generation, 16);
	id->number = dmrs_get_64(g);
	return !id->number == dmr_is_zero(id->generation, 16);
}

static void put_place(struct dmrs_put *w, const struct dmrs_place *place)
{
	dmrs_put_32(w, place->disk);
	dmrs_put_32(w, 0);
	dmrs_put_64(w, place->offset);
}

static bool get_place(struct dmrs_get *g, struct dmrs_place *place)
{
	u32 reserved;

	place->disk = dmrs_get_32(g);
	reserved = dmrs_get_32(g);
	place->offset = dmrs_get_64(g);
	return !reserved && place->disk <= DMR_MAX_DISKS && IS_ALIGNED(place->offset, 512);
}

bool dmrs_place_within(const struct dmrs_place *place, const struct dmrs_disk *disks, u32 nr)
{
	return place->disk < nr ? place->offset <= disks[place->disk].bytes :
				  place->disk == nr && !place->offset;
}

static void put_disks(struct dmrs_put *w, const struct dmrs_disk *disks, u32 nr)
{
	for (; nr--; disks++) {
		dmrs_put_bytes(w, disks->uuid, 16);
		dmrs_put_64(w, disks->bytes);
		dmrs_put_32(w, disks->block);
		put_text(w, disks->name);
	}
}

static const char *get_disks(struct dmrs_get *g, struct dmrs_disk *disks, u32 nr)
{
	u32 i, k;

	if (!nr || nr > DMR_MAX_DISKS)
		return "the number of disks is wrong";
	for (i = 0; i < nr; i++) {
		struct dmrs_disk *d = &disks[i];

		dmrs_get_copy(g, d->uuid, 16);
		d->bytes = dmrs_get_64(g);
		d->block = dmrs_get_32(g);
		if (!get_text(g, d->name, sizeof(d->name)) || dmr_text_disk_name_fault(d->name))
			return g->bad ? TOO_SHORT : "the name of a disk is wrong";
		if (!d->bytes || d->bytes > S64_MAX || !IS_ALIGNED(d->bytes, 512))
			return "the size of a disk is wrong";
		if (d->block < 512 || d->block > 65536 || (d->block & (d->block - 1)))
			return "the block size of a disk is wrong";
		for (k = 0; k < i; k++)
			if (!strcmp(disks[k].name, d->name))
				return "two disks have one name";
	}
	return NULL;
}

/* The end of a payload: all of it was read, and no more. */
static const char *end(const struct dmrs_get *g)
{
	if (g->bad)
		return TOO_SHORT;
	return g->left ? TOO_LONG : NULL;
}

/**
 * dmrs_hello_put() - write a HELLO
 * @buf: room for any payload of the type.
 * @hello: valid.
 *
 * Return: bytes written.
 */
u32 dmrs_hello_put(u8 *buf, const struct dmrs_hello *hello)
{
	struct dmrs_put w = { .p = buf };

	dmrs_put_bytes(&w, DMRS_MAGIC, 8);
	dmrs_put_16(&w, hello->lowest);
	dmrs_put_16(&w, hello->highest);
	dmrs_put_32(&w, 0);
	dmrs_put_64(&w, hello->features);
	dmrs_put_bytes(&w, hello->relationship, 16);
	dmrs_put_bytes(&w, hello->system, 16);
	dmrs_put_64(&w, hello->clock);
	put_text(&w, hello->host);
	return w.len;
}

/**
 * dmrs_hello_get() - read a HELLO
 * @buf: @len bytes.
 * @len: their number; bytes behind the host's name are of a later version.
 * @hello: filled in.
 *
 * Return: NULL, or a constant text with the fault.
 */
const char *dmrs_hello_get(const u8 *buf, u32 len, struct dmrs_hello *hello)
{
	struct dmrs_get g = { .p = buf, .left = len };
	const u8 *magic = dmrs_get_bytes(&g, 8);

	if (!magic || memcmp(magic, DMRS_MAGIC, 8))
		return "this is no stream of dm-replica";
	hello->lowest = dmrs_get_16(&g);
	hello->highest = dmrs_get_16(&g);
	dmrs_get_32(&g);
	hello->features = dmrs_get_64(&g);
	dmrs_get_copy(&g, hello->relationship, 16);
	dmrs_get_copy(&g, hello->system, 16);
	hello->clock = dmrs_get_64(&g);
	if (!get_text(&g, hello->host, sizeof(hello->host)))
		return g.bad ? TOO_SHORT : "the name of the host is wrong";
	if (g.bad)
		return TOO_SHORT;
	if (!hello->lowest || hello->lowest > hello->highest)
		return "the versions are in the wrong order";
	if (hello->lowest > DMRS_VERSION || hello->highest < DMRS_VERSION)
		return "the other side does not speak version 1 of the stream";
	return NULL;
}

u32 dmrs_state_put(u8 *buf, const struct dmrs_state *state)
{
	struct dmrs_put w = { .p = buf };
	u32 i;

	dmrs_put_number(&w, state->role, 1);
	dmrs_put_number(&w, state->head, 1);
	dmrs_put_16(&w, state->nr_generations);
	dmrs_put_16(&w, state->nr_points);
	dmrs_put_16(&w, state->nr_disks);
	dmrs_put_64(&w, state->free_bytes);
	dmrs_put_bytes(&w, state->stream, 16);
	put_identity(&w, &state->base);
	put_identity(&w, &state->target);
	put_place(&w, &state->cursor);
	dmrs_put_64(&w, state->written_bytes);
	dmrs_put_64(&w, state->written_since);
	for (i = 0; i < state->nr_generations; i++) {
		dmrs_put_bytes(&w, state->generations[i].uuid, 16);
		dmrs_put_64(&w, state->generations[i].first);
	}
	for (i = 0; i < state->nr_points; i++) {
		dmrs_put_16(&w, state->points[i].generation);
		dmrs_put_16(&w, state->points[i].kind);
		dmrs_put_32(&w, state->points[i].flags);
		dmrs_put_64(&w, state->points[i].number);
		dmrs_put_64(&w, state->points[i].time);
	}
	put_disks(&w, state->disks, state->nr_disks);
	return w.len;
}

static const char *get_generations(struct dmrs_get *g, struct dmrs_state *state)
{
	u32 i, k;

	if (!state->nr_generations || state->nr_generations > DMRS_GENERATIONS)
		return "the number of generations is wrong";
	for (i = 0; i < state->nr_generations; i++) {
		struct dmrs_generation *gen = &state->generations[i];

		dmrs_get_copy(g, gen->uuid, 16);
		gen->first = dmrs_get_64(g);
		if (dmr_is_zero(gen->uuid, 16))
			return g->bad ? TOO_SHORT : "a generation has no UUID";
		for (k = 0; k < i; k++)
			if (!memcmp(state->generations[k].uuid, gen->uuid, 16))
				return "a generation is listed twice";
		if (!gen->first || (i && gen->first < gen[-1].first))
			return "the generations are in the wrong order";
	}
	return NULL;
}

/* Numbers only grow along a lineage, and each generation has a span of them. */
static const char *get_points(struct dmrs_get *g, struct dmrs_state *state)
{
	u32 i;

	if (state->nr_points > DM_REPLICA_POINTS_MAX)
		return "there are too many recovery points";
	for (i = 0; i < state->nr_points; i++) {
		struct dmrs_point *p = &state->points[i];

		p->generation = dmrs_get_16(g);
		p->kind = dmrs_get_16(g);
		p->flags = dmrs_get_32(g);
		p->number = dmrs_get_64(g);
		p->time = dmrs_get_64(g);
		if (g->bad)
			return TOO_SHORT;
		if (p->generation >= state->nr_generations ||
		    p->number < state->generations[p->generation].first ||
		    (p->generation + 1 < state->nr_generations &&
		     p->number >= state->generations[p->generation + 1].first))
			return "a recovery point is not of its generation";
		if (i && p->number >= p[-1].number)
			return "the recovery points are in the wrong order";
		if (p->kind < DM_REPLICA_POINT_KIND_STANDARD ||
		    p->kind > DM_REPLICA_POINT_KIND_PLANNED)
			return "a recovery point is of no known kind";
	}
	return NULL;
}

static const char *check_head(const struct dmrs_state *state)
{
	bool partial = state->head == DMRS_PARTIAL;

	if (state->head > DMRS_WRITTEN)
		return "the head is in no known condition";
	if (partial != !dmr_is_zero(state->stream, 16) || partial != !!state->target.number ||
	    (!partial && (state->base.number || state->cursor.disk || state->cursor.offset)) ||
	    (partial && state->base.number >= state->target.number) ||
	    !dmrs_place_within(&state->cursor, state->disks, state->nr_disks))
		return "the partial stream is wrong";
	if (state->head != DMRS_WRITTEN && (state->written_bytes || state->written_since))
		return "the head was not written to and has bytes";
	return NULL;
}

const char *dmrs_state_get(const u8 *buf, u32 len, struct dmrs_state *state)
{
	struct dmrs_get g = { .p = buf, .left = len };
	const char *why;
	bool ok;

	memset(state, 0, sizeof(*state));
	state->role = dmrs_get_number(&g, 1);
	state->head = dmrs_get_number(&g, 1);
	state->nr_generations = dmrs_get_16(&g);
	state->nr_points = dmrs_get_16(&g);
	state->nr_disks = dmrs_get_16(&g);
	state->free_bytes = dmrs_get_64(&g);
	dmrs_get_copy(&g, state->stream, 16);
	ok = get_identity(&g, &state->base);
	ok = get_identity(&g, &state->target) && ok;
	ok = get_place(&g, &state->cursor) && ok;
	state->written_bytes = dmrs_get_64(&g);
	state->written_since = dmrs_get_64(&g);
	if (g.bad)
		return TOO_SHORT;
	if (!ok)
		return "the partial stream is wrong";
	if (state->role != DMRS_PRIMARY && state->role != DMRS_REPLICA)
		return "the role is not known";
	why = get_generations(&g, state);
	if (!why)
		why = get_points(&g, state);
	if (!why)
		why = get_disks(&g, state->disks, state->nr_disks);
	if (!why)
		why = check_head(state);
	return why ?: end(&g);
}

u32 dmrs_begin_put(u8 *buf, const struct dmrs_begin *begin)
{
	struct dmrs_put w = { .p = buf };

	dmrs_put_bytes(&w, begin->stream, 16);
	dmrs_put_number(&w, begin->kind, 1);
	dmrs_put_number(&w, 0, 1);
	dmrs_put_16(&w, begin->nr_disks);
	dmrs_put_32(&w, begin->point_kind);
	put_identity(&w, &begin->base);
	put_identity(&w, &begin->target);
	dmrs_put_64(&w, begin->generation_first);
	dmrs_put_64(&w, begin->time);
	put_place(&w, &begin->from);
	dmrs_put_64(&w, begin->bytes);
	dmrs_put_64(&w, begin->extents);
	put_text(&w, begin->label);
	put_disks(&w, begin->disks, begin->nr_disks);
	return w.len;
}

const char *dmrs_begin_get(const u8 *buf, u32 len, struct dmrs_begin *begin)
{
	struct dmrs_get g = { .p = buf, .left = len };
	bool ok, placed, reserved;
	const char *why;

	memset(begin, 0, sizeof(*begin));
	dmrs_get_copy(&g, begin->stream, 16);
	begin->kind = dmrs_get_number(&g, 1);
	reserved = dmrs_get_number(&g, 1);
	begin->nr_disks = dmrs_get_16(&g);
	begin->point_kind = dmrs_get_32(&g);
	ok = get_identity(&g, &begin->base);
	ok = get_identity(&g, &begin->target) && ok;
	begin->generation_first = dmrs_get_64(&g);
	begin->time = dmrs_get_64(&g);
	placed = get_place(&g, &begin->from);
	begin->bytes = dmrs_get_64(&g);
	begin->extents = dmrs_get_64(&g);
	if (g.bad)
		return TOO_SHORT;
	if (dmr_is_zero(begin->stream, 16))
		return "the stream has no UUID";
	if (reserved || begin->kind < DMRS_FULL || begin->kind > DMRS_COMPARE)
		return "the kind of the stream is not known";
	if (!ok || !begin->target.number || begin->base.number >= begin->target.number ||
	    (begin->kind == DMRS_FULL && begin->base.number) ||
	    (begin->kind == DMRS_DELTA && !begin->base.number))
		return "base and target of the stream are wrong";
	if (!begin->generation_first || begin->generation_first > begin->target.number)
		return "the target is not of its generation";
	if (begin->point_kind < DM_REPLICA_POINT_KIND_STANDARD ||
	    begin->point_kind > DM_REPLICA_POINT_KIND_PLANNED)
		return "the target is of no known kind";
	if (!get_text(&g, begin->label, sizeof(begin->label)) ||
	    !dmr_text_point_name_ok(begin->label))
		return g.bad ? TOO_SHORT : "the target's label is wrong";
	why = get_disks(&g, begin->disks, begin->nr_disks);
	if (!why && (!placed || !dmrs_place_within(&begin->from, begin->disks, begin->nr_disks)))
		why = "the place where the stream begins is wrong";
	return why ?: end(&g);
}

u32 dmrs_accept_put(u8 *buf, const struct dmrs_accept *accept)
{
	struct dmrs_put w = { .p = buf };

	dmrs_put_bytes(&w, accept->stream, 16);
	put_place(&w, &accept->from);
	return w.len;
}

const char *dmrs_accept_get(const u8 *buf, u32 len, struct dmrs_accept *accept)
{
	struct dmrs_get g = { .p = buf, .left = len };
	bool ok;

	dmrs_get_copy(&g, accept->stream, 16);
	ok = get_place(&g, &accept->from);
	return end(&g) ?: ok ? NULL : "the cursor is wrong";
}

u32 dmrs_refusal_put(u8 *buf, const struct dmrs_refusal *refusal)
{
	struct dmrs_put w = { .p = buf };

	dmrs_put_32(&w, refusal->code);
	put_text(&w, refusal->sentence);
	return w.len;
}

const char *dmrs_refusal_get(const u8 *buf, u32 len, struct dmrs_refusal *refusal)
{
	struct dmrs_get g = { .p = buf, .left = len };

	refusal->code = dmrs_get_32(&g);
	if (!get_text(&g, refusal->sentence, sizeof(refusal->sentence)) || g.bad)
		return g.bad ? TOO_SHORT : "the sentence is no text";
	if (refusal->code < DM_REPLICA_CODE_FAILED || refusal->code > DM_REPLICA_CODE_NOT_FOUND)
		return "the code is none of a refusal";
	return end(&g);
}

u32 dmrs_meta_put(u8 *buf, const struct dmrs_meta *meta)
{
	struct dmrs_put w = { .p = buf };

	dmrs_put_32(&w, meta->kind);
	dmrs_put_32(&w, meta->total);
	dmrs_put_32(&w, meta->offset);
	dmrs_put_bytes(&w, meta->data, meta->bytes);
	return w.len;
}

const char *dmrs_meta_get(const u8 *buf, u32 len, struct dmrs_meta *meta)
{
	struct dmrs_get g = { .p = buf, .left = len };

	meta->kind = dmrs_get_32(&g);
	meta->total = dmrs_get_32(&g);
	meta->offset = dmrs_get_32(&g);
	meta->bytes = g.left;
	meta->data = dmrs_get_bytes(&g, g.left);
	if (g.bad)
		return TOO_SHORT;
	if (meta->kind < DMRS_META_DOMAIN || meta->kind > DMRS_META_ADAPTERS)
		return "the kind of the metadata is not known";
	if (!meta->bytes || meta->bytes > DMRS_META_PIECE || meta->total > DMRS_META_MAX ||
	    meta->offset > meta->total || meta->bytes > meta->total - meta->offset)
		return "the size of the metadata is wrong";
	return NULL;
}

u32 dmrs_sync_put(u8 *buf, const struct dmrs_sync *sync)
{
	struct dmrs_put w = { .p = buf };

	dmrs_put_64(&w, sync->number);
	put_place(&w, &sync->cursor);
	return w.len;
}

const char *dmrs_sync_get(const u8 *buf, u32 len, struct dmrs_sync *sync)
{
	struct dmrs_get g = { .p = buf, .left = len };
	bool ok;

	sync->number = dmrs_get_64(&g);
	ok = get_place(&g, &sync->cursor);
	return end(&g) ?: ok ? NULL : "the cursor is wrong";
}

u32 dmrs_end_put(u8 *buf, const struct dmrs_end *e)
{
	struct dmrs_put w = { .p = buf };

	dmrs_put_64(&w, e->count.frames);
	dmrs_put_64(&w, e->count.extents);
	dmrs_put_64(&w, e->count.bytes);
	dmrs_put_64(&w, e->count.zero_extents);
	dmrs_put_64(&w, e->count.zero_bytes);
	dmrs_put_bytes(&w, e->digest, sizeof(e->digest));
	return w.len;
}

const char *dmrs_end_get(const u8 *buf, u32 len, struct dmrs_end *e)
{
	struct dmrs_get g = { .p = buf, .left = len };

	e->count.frames = dmrs_get_64(&g);
	e->count.extents = dmrs_get_64(&g);
	e->count.bytes = dmrs_get_64(&g);
	e->count.zero_extents = dmrs_get_64(&g);
	e->count.zero_bytes = dmrs_get_64(&g);
	dmrs_get_copy(&g, e->digest, sizeof(e->digest));
	return end(&g);
}

u32 dmrs_done_put(u8 *buf, const struct dmrs_done *done)
{
	struct dmrs_put w = { .p = buf };
	u32 i;

	put_identity(&w, &done->point);
	dmrs_put_64(&w, done->free_bytes);
	dmrs_put_16(&w, done->nr_peers);
	for (i = 0; i < done->nr_peers; i++) {
		dmrs_put_bytes(&w, done->peers[i].system, 16);
		put_identity(&w, &done->peers[i].point);
	}
	return w.len;
}

const char *dmrs_done_get(const u8 *buf, u32 len, struct dmrs_done *done)
{
	struct dmrs_get g = { .p = buf, .left = len };
	bool ok = get_identity(&g, &done->point);
	u32 i;

	done->free_bytes = dmrs_get_64(&g);
	done->nr_peers = dmrs_get_16(&g);
	if (!ok || !done->point.number || done->nr_peers > DMRS_PEERS)
		return g.bad ? TOO_SHORT : "the point that is done is wrong";
	for (i = 0; i < done->nr_peers; i++) {
		dmrs_get_copy(&g, done->peers[i].system, 16);
		if (!get_identity(&g, &done->peers[i].point))
			return g.bad ? TOO_SHORT : "the point of a further site is wrong";
	}
	return end(&g);
}

u32 dmrs_ping_put(u8 *buf, u64 clock)
{
	struct dmrs_put w = { .p = buf };

	dmrs_put_64(&w, clock);
	return w.len;
}

const char *dmrs_ping_get(const u8 *buf, u32 len, u64 *clock)
{
	struct dmrs_get g = { .p = buf, .left = len };

	*clock = dmrs_get_64(&g);
	return end(&g);
}
