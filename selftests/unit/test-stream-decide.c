// SPDX-License-Identifier: GPL-2.0-only
/*
 * The handshake: each row of the table in Documentation/replication-stream.md, and what holds
 * for any two STATEs.
 */
#include <stream/decide.h>
#include "unit.h"

#define DOC	UNIT_TOP "/Documentation/replication-stream.md"
#define CELLS	7

struct side {
	struct dmrs_hello hello;
	struct dmrs_state state;
	struct dmrs_side side;
};

static struct side *side_new(u8 role, u8 system)
{
	struct side *s = unit_alloc(sizeof(*s));

	s->hello.lowest = s->hello.highest = 1;
	memset(s->hello.relationship, 1, 16);
	memset(s->hello.system, system, 16);
	s->state.role = role;
	s->state.nr_disks = 2;
	strcpy(s->state.disks[0].name, "vda");
	s->state.disks[0].bytes = 1 << 30;
	s->state.disks[0].block = 512;
	s->state.disks[1] = s->state.disks[0];
	strcpy(s->state.disks[1].name, "vdb");
	s->side.hello = &s->hello;
	s->side.state = &s->state;
	return s;
}

/* Return: index of the generation called @letter, which begins at @number if it is new. */
static u32 generation(struct dmrs_state *s, char letter, u64 number)
{
	u32 i;

	for (i = 0; i < s->nr_generations; i++)
		if (s->generations[i].uuid[0] == letter)
			return i;
	memset(s->generations[i].uuid, letter, 16);
	s->generations[i].first = i ? number : 1;
	s->nr_generations++;
	return i;
}

static void identity(struct dmrs_identity *id, const char *word)
{
	memset(id, 0, sizeof(*id));
	if (word[0] == '-')
		return;
	memset(id->generation, word[0], 16);
	id->number = atoi(word + 1);
	CHECK(id->number, "no point: %s", word);
}

static void add_point(struct dmrs_state *s, const struct dmrs_identity *id)
{
	memmove(s->points + 1, s->points, s->nr_points++ * sizeof(s->points[0]));
	s->points[0] = (struct dmrs_point){
		.generation = generation(s, id->generation[0], id->number),
		.kind = DM_REPLICA_POINT_KIND_STANDARD, .number = id->number,
	};
}

/* "A1 A2 (B3)": two points, and a generation that began at 3 and has none; "-": none. */
static void points(struct dmrs_state *s, char *cell)
{
	struct dmrs_identity id;
	char *word;

	for (word = strtok(cell, " "); word; word = strtok(NULL, " ")) {
		if (word[0] == '-')
			generation(s, 'A', 1);
		else if (word[0] == '(')
			generation(s, word[1], atoi(word + 2));
		else
			identity(&id, word), add_point(s, &id);
	}
}

/* Words of the receiver's column. */
static void condition(struct side *r, char *cell)
{
	struct dmrs_state *s = &r->state;
	char *word, *to;

	for (word = strtok(cell, ","); word; word = strtok(NULL, ",")) {
		while (*word == ' ')
			word++;
		if (!strncmp(word, "partial ", 8)) {
			s->head = DMRS_PARTIAL;
			memset(s->stream, 0x5e, 16);
			to = strstr(word, "->");
			CHECK(to, "%s", word);
			identity(&s->base, word + 8);
			identity(&s->target, to + 2);
			s->cursor.disk = 1;
			s->cursor.offset = 8192;
		} else if (!strncmp(word, "written", 7)) {
			s->head = DMRS_WRITTEN;
			s->written_bytes = 4096;
			s->written_since = 1;
		} else if (!strncmp(word, "primary", 7)) {
			s->role = DMRS_PRIMARY;
		} else if (!strncmp(word, "other relationship", 18)) {
			memset(r->hello.relationship, 2, 16);
		} else if (!strncmp(word, "same system", 11)) {
			memset(r->hello.system, 1, 16);
		} else if (!strncmp(word, "other disk", 10)) {
			strcpy(s->disks[1].name, "vdc");
		} else if (!strncmp(word, "other size", 10)) {
			s->disks[1].bytes += 512;
		} else if (!strncmp(word, "one disk", 8)) {
			s->nr_disks = 1;
		} else {
			CHECK(!strncmp(word, "clean", 5), "no condition: %s", word);
		}
	}
}

static void check_valid(const struct dmrs_state *s)
{
	struct dmrs_state *out = unit_alloc(sizeof(*out));
	u8 *buf = unit_alloc(65536);
	const char *why = dmrs_state_get(buf, dmrs_state_put(buf, s), out);

	CHECK(!why, "%s", why);
}

static void begin_of(const struct dmrs_state *s, const struct dmrs_decision *d,
		     struct dmrs_begin *b)
{
	memset(b, 0, sizeof(*b));
	memset(b->stream, 0x66, 16);
	if (d->verdict == DMRS_GO_RESUME)
		memcpy(b->stream, d->stream, 16);
	b->kind = d->base.number ? DMRS_DELTA : DMRS_FULL;
	b->point_kind = DM_REPLICA_POINT_KIND_STANDARD;
	b->base = d->base;
	b->target = d->target;
	b->generation_first = dmrs_generation_first(s, &d->target);
	b->from = d->cursor;
	b->nr_disks = s->nr_disks;
	memcpy(b->disks, s->disks, sizeof(b->disks));
}

/* What holds for each decision. */
static void check_decision(const struct side *s, const struct side *r,
			   const struct dmrs_decision *d)
{
	static struct dmrs_begin begin;
	struct dmrs_decision mine;
	bool go = d->verdict == DMRS_GO_RESUME || d->verdict == DMRS_GO_DELTA ||
		  d->verdict == DMRS_GO_FULL;

	CHECK((go || d->verdict == DMRS_UP_TO_DATE) == !d->why.code);
	CHECK(go == !d->why.sentence[0]);
	if (!go)
		return;
	/* The receiver comes to the same, from its own state and the BEGIN alone. */
	begin_of(&s->state, d, &begin);
	dmrs_decide_begin(&r->state, &begin, &mine);
	CHECK(mine.verdict == d->verdict, "%s, %s: %s", dmrs_decide_name(mine.verdict),
	      dmrs_decide_name(d->verdict), mine.why.sentence);
	CHECK_EQ(mine.abort, d->abort);
	CHECK(!memcmp(&mine.cursor, &d->cursor, sizeof(mine.cursor)));
	/* I1, I5: it begins where the receiver is, and ends behind that. */
	CHECK(r->state.role == DMRS_REPLICA);
	CHECK(!r->state.nr_points || r->state.head != DMRS_WRITTEN);
	CHECK_EQ(d->base.number, r->state.nr_points ? r->state.points[0].number : 0);
	CHECK(d->target.number > d->base.number);
	CHECK((d->verdict == DMRS_GO_FULL) == (!d->base.number && d->verdict != DMRS_GO_RESUME));
	CHECK(d->verdict == DMRS_GO_RESUME || (!d->cursor.disk && !d->cursor.offset));
	CHECK_EQ(d->abort, r->state.head == DMRS_PARTIAL && d->verdict != DMRS_GO_RESUME);
}

static void check_row(u32 nr, char **cell)
{
	struct side *s = side_new(DMRS_PRIMARY, 1), *r = side_new(DMRS_REPLICA, 2);
	struct dmrs_decision *d = unit_alloc(sizeof(*d));
	struct dmrs_identity id;
	const char *name;
	char *plus;

	points(&s->state, cell[0]);
	points(&r->state, cell[1]);
	condition(r, cell[2]);
	check_valid(&s->state);
	check_valid(&r->state);
	dmrs_decide(&s->side, &r->side, atoi(cell[3]), d);
	name = dmrs_decide_name(d->verdict);
	plus = strstr(cell[4], " after abort");
	CHECK(!strncmp(cell[4], name, strlen(name)) && !plus == !d->abort, "row %u: %s%s, %s", nr,
	      name, d->abort ? " after abort" : "", d->why.sentence);
	if (cell[5][0] >= '0' && cell[5][0] <= '9')
		CHECK_EQ(atoi(cell[5]), d->why.code);
	else
		CHECK_EQ(d->why.code, 0);
	if (strstr(cell[6], "->")) {
		identity(&id, cell[6]);
		CHECK(dmrs_identity_same(&id, &d->base), "row %u: base %llu", nr, d->base.number);
		identity(&id, strstr(cell[6], "->") + 2);
		CHECK(dmrs_identity_same(&id, &d->target), "row %u: target %llu", nr,
		      d->target.number);
	} else {
		plus = cell[6] + strlen(cell[6]);
		while (plus > cell[6] && plus[-1] == ' ')
			*--plus = 0;
		CHECK(!strcmp(cell[6], d->why.sentence), "row %u: %s", nr, d->why.sentence);
	}
	check_decision(s, r, d);
}

TEST(stream_decide_table)
{
	char line[600], *cell[CELLS], *p;
	u32 rows = 0, i, seen = 0;
	bool in = false;
	FILE *f;

	f = fopen(DOC, "r");
	CHECK(f, DOC);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "## ", 3))
			in = !strncmp(line, "## The handshake", 16);
		if (!in || line[0] != '|' || !strncmp(line, "|---", 4) ||
		    !strncmp(line, "| sender", 8))
			continue;
		for (i = 0, p = line + 1; i < CELLS; i++) {
			while (*p == ' ')
				p++;
			cell[i] = p;
			p = strchr(p, '|');
			if (!p)
				break;
			*p++ = 0;
		}
		if (i < CELLS) {
			fclose(f);
			unit_fail(__FILE__, __LINE__, DOC, ": %s", line);
		}
		for (i = 0; i < 7; i++)
			if (!strncmp(cell[4], dmrs_decide_name(i), strlen(dmrs_decide_name(i))))
				seen |= 1 << i;
		check_row(++rows, cell);
	}
	fclose(f);
	unit_note("%u rows", rows);
	CHECK(rows > 20);
	CHECK_EQ(seen, 0x7f);
}

/* Two sites out of the points A1 to A4 and B3 to B4, in each condition. */
static bool random_side(struct rng *rng, struct side *s)
{
	u64 n;
	bool b = rng_chance(rng, 30);

	generation(&s->state, 'A', 1);
	if (b)
		generation(&s->state, 'B', 3);
	for (n = 1; n <= 4; n++) {
		struct dmrs_identity id = { .number = n };

		memset(id.generation, b && n >= 3 ? 'B' : 'A', 16);
		if (rng_chance(rng, 60))
			add_point(&s->state, &id);
	}
	s->state.head = rng_below(rng, 3);
	if (s->state.head == DMRS_PARTIAL) {
		memset(s->state.stream, rng_range(rng, 1, 2), 16);
		if (s->state.nr_points && rng_chance(rng, 80)) {
			s->state.base.number = s->state.points[0].number;
			memset(s->state.base.generation,
			       s->state.base.number >= 3 && b ? 'B' : 'A', 16);
		}
		s->state.target.number = s->state.base.number + rng_range(rng, 1, 2);
		memset(s->state.target.generation, rng_chance(rng, 80) ? 'A' : 'B', 16);
		s->state.cursor.offset = rng_below(rng, 3) * 4096;
	}
	if (rng_chance(rng, 10))
		s->state.role = DMRS_PRIMARY;
	return b;
}

static bool knows(const struct dmrs_state *s, const struct dmrs_identity *id)
{
	u32 i;

	for (i = 0; i < s->nr_points; i++)
		if (s->points[i].number == id->number &&
		    !memcmp(s->generations[s->points[i].generation].uuid, id->generation, 16))
			return true;
	return false;
}

TEST(stream_decide_any_pair)
{
	u64 rounds = unit_scale(20000ULL), i;
	struct dmrs_decision d, again;
	u32 verdicts[7] = { 0 };
	struct side *s, *r;
	struct rng rng;

	s = side_new(DMRS_PRIMARY, 1);
	r = side_new(DMRS_REPLICA, 2);
	rng_init(&rng, 1);
	for (i = 0; i < rounds; i++) {
		struct dmrs_identity newest = { 0 };

		memset(&s->state, 0, offsetof(struct dmrs_state, generations));
		memset(&r->state, 0, offsetof(struct dmrs_state, generations));
		s->state.role = DMRS_PRIMARY;
		r->state.role = DMRS_REPLICA;
		s->state.nr_disks = r->state.nr_disks = 2;
		random_side(&rng, s);
		random_side(&rng, r);
		dmrs_decide(&s->side, &r->side,
			    rng_chance(&rng, 70) ? 0 : rng_range(&rng, 1, 4), &d);
		verdicts[d.verdict]++;
		check_decision(s, r, &d);
		if (r->state.nr_points) {
			newest.number = r->state.points[0].number;
			memcpy(newest.generation,
			       r->state.generations[r->state.points[0].generation].uuid, 16);
		}
		/* The sender has base and target; never is a part of the receiver's lost. */
		if (!d.why.code && d.verdict != DMRS_UP_TO_DATE) {
			CHECK(knows(&s->state, &d.target));
			CHECK(!d.base.number || knows(&s->state, &d.base));
			CHECK(dmrs_identity_same(&d.base, &newest));
		}
		if (d.verdict == DMRS_DIVERGED || d.verdict == DMRS_GO_COMPARE)
			CHECK(newest.number || r->state.role == DMRS_PRIMARY);
		/* Both sides come to the same. */
		dmrs_decide(&s->side, &r->side, d.target.number, &again);
		if (!d.why.code)
			CHECK_EQ(again.verdict, d.verdict);
	}
	for (i = 0; i < 7; i++)
		CHECK(verdicts[i] > rounds / 200, "%s: %u", dmrs_decide_name(i), verdicts[i]);
}
