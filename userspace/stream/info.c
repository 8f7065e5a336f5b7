// SPDX-License-Identifier: GPL-2.0-only
/*
 * Look at a stream: a receiver whose system always has the base of what comes, and keeps
 * nothing.
 */
#include "info.h"

struct dmrs_info {
	void (*stream)(void *arg, const struct dmrs_info_stream *stream);
	void *arg;
	struct dmrs_receiver *receiver;
	bool begun;		/* a stream that has not ended */
	bool trailing;		/* bytes behind the BYE */
	u64 meta_bytes;
	struct dmrs_refusal fault;
};

/* A system that the present BEGIN fits. */
static bool state(void *arg, struct dmrs_hello *hello, struct dmrs_state *s,
		  struct dmrs_refusal *why)
{
	struct dmrs_info *info = arg;
	const struct dmrs_begin *b = dmrs_receiver_begin(info->receiver);
	u32 i;

	(void)why;
	*hello = *dmrs_receiver_peer(info->receiver);
	for (i = 0; i < sizeof(hello->system); i++)
		hello->system[i] ^= 0xff;
	memset(s, 0, sizeof(*s));
	s->role = DMRS_REPLICA;
	if (!b)
		return true;
	info->begun = true;
	info->meta_bytes = 0;
	s->nr_disks = b->nr_disks;
	memcpy(s->disks, b->disks, sizeof(s->disks));
	if (b->base.number) {
		s->nr_generations = 1;
		memcpy(s->generations[0].uuid, b->base.generation, 16);
		s->generations[0].first = memcmp(b->base.generation, b->target.generation, 16) ?
					  1 : b->generation_first;
		s->nr_points = 1;
		s->points[0].number = b->base.number;
	}
	/* The copy of what went on with a stream. */
	if (b->from.disk || b->from.offset) {
		s->head = DMRS_PARTIAL;
		memcpy(s->stream, b->stream, 16);
		s->base = b->base;
		s->target = b->target;
		s->cursor = b->from;
	}
	return true;
}

static bool nothing(void *arg, struct dmrs_refusal *why)
{
	(void)arg;
	(void)why;
	return true;
}

static bool begin(void *arg, const struct dmrs_begin *b, const struct dmrs_decision *d,
		  struct dmrs_refusal *why)
{
	(void)b;
	(void)d;
	return nothing(arg, why);
}

static bool abort_stream(void *arg, const u8 *stream, struct dmrs_refusal *why)
{
	(void)stream;
	return nothing(arg, why);
}

static bool write_extents(void *arg, const struct dmrs_extents *ex, const u8 *raw,
			  struct dmrs_refusal *why)
{
	(void)ex;
	(void)raw;
	return nothing(arg, why);
}

static bool zero_extents(void *arg, const struct dmrs_extents *ex, struct dmrs_refusal *why)
{
	(void)ex;
	return nothing(arg, why);
}

static bool mark(void *arg, const struct dmrs_place *cursor, struct dmrs_refusal *why)
{
	(void)cursor;
	return nothing(arg, why);
}

static bool meta(void *arg, const struct dmrs_meta *m, struct dmrs_refusal *why)
{
	struct dmrs_info *info = arg;

	info->meta_bytes += m->bytes;
	return nothing(arg, why);
}

static void report(struct dmrs_info *info, bool complete)
{
	struct dmrs_info_stream stream = {
		.begin = dmrs_receiver_begin(info->receiver),
		.count = dmrs_receiver_count(info->receiver),
		.meta_bytes = info->meta_bytes,
		.complete = complete,
	};

	info->begun = false;
	info->stream(info->arg, &stream);
}

static bool end(void *arg, const struct dmrs_begin *b, struct dmrs_done *done,
		struct dmrs_refusal *why)
{
	(void)b;
	(void)done;
	report(arg, true);
	return nothing(arg, why);
}

static const struct dmrs_receiver_ops ops = {
	state, abort_stream, begin, write_extents, zero_extents, nothing, mark, meta, end,
};

struct dmrs_info *dmrs_info_new(void (*stream)(void *arg, const struct dmrs_info_stream *stream),
				void *arg)
{
	struct dmrs_info *info = calloc(1, sizeof(*info));

	if (!info)
		return NULL;
	info->stream = stream;
	info->arg = arg;
	info->receiver = dmrs_receiver_new(&ops, info, false);
	if (!info->receiver) {
		free(info);
		info = NULL;
	}
	return info;
}

void dmrs_info_free(struct dmrs_info *info)
{
	if (!info)
		return;
	dmrs_receiver_free(info->receiver);
	free(info);
}

bool dmrs_info_feed(struct dmrs_info *info, const u8 *buf, size_t len)
{
	size_t taken = dmrs_receiver_feed(info->receiver, buf, len, 0);

	if (taken < len && !dmrs_receiver_link(info->receiver)->failed)
		info->trailing = true;
	return taken == len && !dmrs_receiver_link(info->receiver)->failed;
}

const struct dmrs_refusal *dmrs_info_end(struct dmrs_info *info)
{
	struct dmrs_link *l = dmrs_receiver_link(info->receiver);

	dmrs_receiver_eof(info->receiver);
	if (info->begun && dmrs_receiver_begin(info->receiver))
		report(info, false);
	info->fault = l->fault;
	if (!l->failed && info->trailing) {
		info->fault.code = DM_REPLICA_CODE_INVALID_TYPE;
		strcpy(info->fault.sentence, "there are bytes behind the end of the stream");
	}
	return info->fault.code ? &info->fault : NULL;
}

const struct dmrs_hello *dmrs_info_sender(const struct dmrs_info *info)
{
	return dmrs_receiver_peer(info->receiver);
}

const struct dmrs_link_count *dmrs_info_count(struct dmrs_info *info)
{
	return &dmrs_receiver_link(info->receiver)->count;
}
