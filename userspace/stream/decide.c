// SPDX-License-Identifier: GPL-2.0-only
/* The handshake. */
#include <stdarg.h>

#include "decide.h"

static void __attribute__((__format__(__printf__, 4, 5)))
end(struct dmrs_decision *out, enum dmrs_verdict verdict, u32 code, const char *fmt, ...)
{
	va_list ap;

	out->verdict = verdict;
	out->abort = false;
	out->why.code = code;
	va_start(ap, fmt);
	vsnprintf(out->why.sentence, sizeof(out->why.sentence), fmt, ap);
	va_end(ap);
}

static void identity_of(const struct dmrs_state *state, const struct dmrs_point *p,
			struct dmrs_identity *id)
{
	memcpy(id->generation, state->generations[p->generation].uuid, 16);
	id->number = p->number;
}

/* Number 0 is none. */
static void newest_of(const struct dmrs_state *state, struct dmrs_identity *id)
{
	memset(id, 0, sizeof(*id));
	if (state->nr_points)
		identity_of(state, &state->points[0], id);
}

static bool has_point(const struct dmrs_state *state, const struct dmrs_identity *id)
{
	struct dmrs_identity mine;
	u32 i;

	for (i = 0; i < state->nr_points; i++) {
		identity_of(state, &state->points[i], &mine);
		if (dmrs_identity_same(&mine, id))
			return true;
	}
	return false;
}

static bool has_number(const struct dmrs_state *state, u64 number, struct dmrs_identity *id)
{
	u32 i;

	for (i = 0; i < state->nr_points; i++) {
		if (state->points[i].number == number) {
			identity_of(state, &state->points[i], id);
			return true;
		}
	}
	return false;
}

static bool knows_generation(const struct dmrs_state *state, const u8 *uuid)
{
	u32 i;

	for (i = 0; i < state->nr_generations; i++)
		if (!memcmp(state->generations[i].uuid, uuid, 16))
			return true;
	return false;
}

/* Return: a generation of @r that @s has never heard of, NULL without one. */
static const struct dmrs_generation *unknown_generation(const struct dmrs_state *s,
							 const struct dmrs_state *r)
{
	u32 i;

	for (i = r->nr_generations; i--;)
		if (!knows_generation(s, r->generations[i].uuid))
			return &r->generations[i];
	return NULL;
}

/* Disks belong together by place in the list, name and size: a cursor names the place. */
static bool disks_fit(const struct dmrs_disk *s, u32 nr_s, const struct dmrs_disk *r, u32 nr_r,
		      struct dmrs_decision *out)
{
	u32 i;

	if (nr_s != nr_r) {
		end(out, DMRS_REFUSED, DM_REPLICA_CODE_INVALID_PARAMETER,
		    "the sender has %u disks and the receiver %u", nr_s, nr_r);
		return false;
	}
	for (i = 0; i < nr_s; i++) {
		if (strcmp(s[i].name, r[i].name)) {
			end(out, DMRS_REFUSED, DM_REPLICA_CODE_INVALID_PARAMETER,
			    "disk %u is %s at the sender and %s at the receiver", i, s[i].name,
			    r[i].name);
			return false;
		}
		if (s[i].bytes != r[i].bytes) {
			end(out, DMRS_REFUSED, DM_REPLICA_CODE_INVALID_PARAMETER,
			    "disk %s has %llu bytes at the sender and %llu at the receiver",
			    s[i].name, (unsigned long long)s[i].bytes,
			    (unsigned long long)r[i].bytes);
			return false;
		}
	}
	return true;
}

/* Return: false after a refusal. */
static bool sides_fit(const struct dmrs_side *s, const struct dmrs_side *r,
		      struct dmrs_decision *out)
{
	if (memcmp(s->hello->relationship, r->hello->relationship, 16)) {
		end(out, DMRS_REFUSED, DM_REPLICA_CODE_INVALID_PARAMETER,
		    "the two systems are not of one relationship");
		return false;
	}
	if (!memcmp(s->hello->system, r->hello->system, 16)) {
		end(out, DMRS_REFUSED, DM_REPLICA_CODE_INVALID_PARAMETER,
		    "sender and receiver are the same system");
		return false;
	}
	return disks_fit(s->state->disks, s->state->nr_disks, r->state->disks,
			 r->state->nr_disks, out);
}

/* I3: base and target of the partial stream are still at the sender. */
static bool may_resume(const struct dmrs_state *s, const struct dmrs_state *r, u64 target)
{
	struct dmrs_identity newest;

	newest_of(r, &newest);
	return r->head == DMRS_PARTIAL && (!target || target == r->target.number) &&
	       has_point(s, &r->target) && dmrs_identity_same(&newest, &r->base) &&
	       (!r->base.number || has_point(s, &r->base));
}

/*
 * R18: what a stream that is given up has written stays in the head, so the next one has to
 * write all of those blocks again.  Return: false after a refusal.
 */
static bool covers(const struct dmrs_state *r, const struct dmrs_identity *target,
		   struct dmrs_decision *out)
{
	if (r->head != DMRS_PARTIAL)
		return true;
	if (target->number < r->target.number) {
		end(out, DMRS_REFUSED, DM_REPLICA_CODE_INVALID_STATE,
		    "the receiver has a part of recovery point %llu: it takes that one or a newer one",
		    (unsigned long long)r->target.number);
		return false;
	}
	if (r->base.number && memcmp(target->generation, r->target.generation, 16)) {
		end(out, DMRS_REFUSED, DM_REPLICA_CODE_INVALID_STATE,
		    "the receiver has a part of recovery point %llu, of another generation than the stream",
		    (unsigned long long)r->target.number);
		return false;
	}
	return true;
}

/*
 * Does a generation that began at @first follow those of the receiver, or is it the last of
 * them?  Return: false after a refusal.
 */
static bool succeeds(const struct dmrs_state *r, const struct dmrs_identity *target, u64 first,
		     struct dmrs_decision *out)
{
	u32 nr = r->nr_generations, i;

	/* A system without points takes any history. */
	if (!r->nr_points || !nr)
		return true;
	for (i = 0; i < nr && memcmp(r->generations[i].uuid, target->generation, 16); i++)
		;
	if (i < nr && r->generations[i].first != first)
		end(out, DMRS_REFUSED, DM_REPLICA_CODE_INVALID_PARAMETER,
		    "the generation of recovery point %llu began at %llu at the receiver",
		    (unsigned long long)target->number, (unsigned long long)r->generations[i].first);
	else if (i + 1 < nr)
		end(out, DMRS_REFUSED, DM_REPLICA_CODE_INVALID_STATE,
		    "the receiver has a later generation than the stream");
	else if (i == nr && (first <= r->points[0].number || first <= r->generations[nr - 1].first))
		end(out, DMRS_REFUSED, DM_REPLICA_CODE_INVALID_STATE,
		    "the generation of recovery point %llu began before the base",
		    (unsigned long long)target->number);
	else if (i == nr && nr == DMRS_GENERATIONS)
		end(out, DMRS_REFUSED, DM_REPLICA_CODE_FAILED,
		    "the receiver has as many generations as it can");
	else
		return true;
	return false;
}

u64 dmrs_generation_first(const struct dmrs_state *state, const struct dmrs_identity *id)
{
	u32 g;

	for (g = 0; g + 1 < state->nr_generations &&
	     memcmp(state->generations[g].uuid, id->generation, 16); g++)
		;
	return state->generations[g].first;
}

static void diverged(const struct dmrs_state *s, const struct dmrs_state *r,
		     struct dmrs_decision *out)
{
	const struct dmrs_generation *g = unknown_generation(s, r);

	if (g)
		end(out, DMRS_DIVERGED, DM_REPLICA_CODE_INVALID_STATE,
		    "the receiver was promoted at recovery point %llu, unknown to the sender",
		    (unsigned long long)g->first);
	else
		end(out, DMRS_DIVERGED, DM_REPLICA_CODE_INVALID_STATE,
		    "the receiver has %llu bytes written since its newest recovery point",
		    (unsigned long long)r->written_bytes);
}

void dmrs_decide(const struct dmrs_side *sender, const struct dmrs_side *receiver, u64 target,
		 struct dmrs_decision *out)
{
	const struct dmrs_state *s = sender->state, *r = receiver->state;
	struct dmrs_identity newest;

	memset(out, 0, sizeof(*out));
	if (!sides_fit(sender, receiver, out))
		return;
	if (r->role == DMRS_PRIMARY) {
		if (unknown_generation(s, r))
			diverged(s, r, out);
		else
			end(out, DMRS_REFUSED, DM_REPLICA_CODE_INVALID_STATE,
			    "the receiver is a primary itself");
		return;
	}
	if (may_resume(s, r, target)) {
		out->verdict = DMRS_GO_RESUME;
		out->base = r->base;
		out->target = r->target;
		memcpy(out->stream, r->stream, 16);
		out->cursor = r->cursor;
		return;
	}
	if (target ? !has_number(s, target, &out->target) :
	    (newest_of(s, &out->target), !out->target.number)) {
		end(out, DMRS_REFUSED, DM_REPLICA_CODE_NOT_FOUND, target ?
		    "the sender has no recovery point with that number" :
		    "the sender has no recovery point");
		return;
	}
	newest_of(r, &newest);
	out->abort = r->head == DMRS_PARTIAL;
	if (!newest.number) {
		if (covers(r, &out->target, out))
			out->verdict = DMRS_GO_FULL;
		return;
	}
	if (r->head == DMRS_WRITTEN) {
		diverged(s, r, out);
		return;
	}
	if (!has_point(s, &newest)) {
		if (unknown_generation(s, r))
			diverged(s, r, out);
		else
			end(out, DMRS_GO_COMPARE, DM_REPLICA_CODE_NOT_FOUND,
			    "recovery point %llu, the receiver's newest, is not at the sender any more",
			    (unsigned long long)newest.number);
		return;
	}
	if (dmrs_identity_same(&newest, &out->target)) {
		end(out, DMRS_UP_TO_DATE, 0, "the receiver has recovery point %llu",
		    (unsigned long long)newest.number);
	} else if (newest.number > out->target.number) {
		end(out, DMRS_REFUSED, DM_REPLICA_CODE_INVALID_PARAMETER,
		    "the receiver has a newer recovery point, %llu",
		    (unsigned long long)newest.number);
	} else if (succeeds(r, &out->target, dmrs_generation_first(s, &out->target), out) &&
		   covers(r, &out->target, out)) {
		out->verdict = DMRS_GO_DELTA;
		out->base = newest;
	}
}

static bool same_stream(const struct dmrs_state *r, const struct dmrs_begin *begin)
{
	return r->head == DMRS_PARTIAL && !memcmp(r->stream, begin->stream, 16) &&
	       dmrs_identity_same(&r->base, &begin->base) &&
	       dmrs_identity_same(&r->target, &begin->target);
}

void dmrs_decide_begin(const struct dmrs_state *r, const struct dmrs_begin *begin,
		       struct dmrs_decision *out)
{
	struct dmrs_identity newest;

	memset(out, 0, sizeof(*out));
	out->base = begin->base;
	out->target = begin->target;
	memcpy(out->stream, begin->stream, 16);
	newest_of(r, &newest);
	if (!disks_fit(begin->disks, begin->nr_disks, r->disks, r->nr_disks, out))
		return;
	if (r->role == DMRS_PRIMARY) {
		end(out, DMRS_REFUSED, DM_REPLICA_CODE_INVALID_STATE,
		    "the receiver is a primary itself");
	} else if (begin->kind == DMRS_COMPARE) {
		end(out, DMRS_REFUSED, DM_REPLICA_CODE_NOT_SUPPORTED,
		    "the receiver does not compare");
	} else if (dmrs_identity_same(&newest, &begin->target)) {
		end(out, DMRS_UP_TO_DATE, 0, "the receiver has recovery point %llu",
		    (unsigned long long)newest.number);
	} else if (newest.number && r->head == DMRS_WRITTEN) {
		end(out, DMRS_REFUSED, DM_REPLICA_CODE_INVALID_STATE,
		    "the receiver has %llu bytes written since its newest recovery point",
		    (unsigned long long)r->written_bytes);
	} else if (begin->kind == DMRS_FULL && newest.number) {
		end(out, DMRS_REFUSED, DM_REPLICA_CODE_INVALID_STATE,
		    "the receiver has recovery points: it takes changes since point %llu",
		    (unsigned long long)newest.number);
	} else if (!dmrs_identity_same(&newest, &begin->base)) {
		end(out, DMRS_REFUSED, DM_REPLICA_CODE_INVALID_STATE, newest.number ?
		    "the receiver takes changes since recovery point %llu, its newest" :
		    "the receiver has no recovery point: it takes a full stream",
		    (unsigned long long)newest.number);
	} else if (same_stream(r, begin) && dmrs_place_cmp(&begin->from, &r->cursor) <= 0) {
		out->verdict = DMRS_GO_RESUME;
		out->cursor = r->cursor;
	} else if (begin->from.disk || begin->from.offset) {
		end(out, DMRS_REFUSED, DM_REPLICA_CODE_INVALID_STATE,
		    "the beginning of the stream is missing: it begins at byte %llu of disk %u",
		    (unsigned long long)begin->from.offset, begin->from.disk);
	} else if (succeeds(r, &begin->target, begin->generation_first, out) &&
		   covers(r, &begin->target, out)) {
		out->verdict = begin->kind == DMRS_FULL ? DMRS_GO_FULL : DMRS_GO_DELTA;
		out->abort = r->head == DMRS_PARTIAL;
	}
}

const char *dmrs_decide_name(enum dmrs_verdict verdict)
{
	static const char *const names[] = {
		[DMRS_REFUSED] = "refuse",
		[DMRS_GO_RESUME] = "resume",
		[DMRS_GO_DELTA] = "delta",
		[DMRS_GO_FULL] = "full",
		[DMRS_UP_TO_DATE] = "up to date",
		[DMRS_DIVERGED] = "diverged",
		[DMRS_GO_COMPARE] = "compare",
	};

	return names[verdict];
}
