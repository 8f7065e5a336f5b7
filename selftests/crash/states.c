// SPDX-License-Identifier: GPL-2.0-only
/*
 * States: the part that a crash may leave of writes that are not durable.
 *
 * A state of place P is made from the devices at P - 1 and the last entry: a request is in
 * the record before its answer, so the last one may be half done, with FUA or not.
 * Everything durable before it is there; the seed selects from the rest:
 *
 *	0	all of it
 *	1	nothing; the last entry, if with FUA or a flush, is done
 *	2	all of it, but of the last entry, a write, a first part only
 *	else	random: a share of the writes of each device, or all but one or two,
 *		or only one; torn at any sector or at blocks, in any order
 */
#include "crash.h"

static struct item *state_add(struct state *st, u32 entry, u32 dev)
{
	struct item *it;

	if (st->nr == st->room) {
		st->room = st->room ? st->room * 2 : 64;
		st->items = need(realloc(st->items, st->room * sizeof(*st->items)));
	}
	it = &st->items[st->nr++];
	it->entry = entry;
	it->dev = dev;
	it->sure = false;
	it->keep = NULL;
	return it;
}

/* A mask of this item's sectors, all lost. */
static u8 *item_mask(struct item *it, struct record *rec)
{
	if (!it->keep)
		it->keep = need(malloc(rec->entries[it->entry].rec.sectors + 1));
	memset(it->keep, 0, rec->entries[it->entry].rec.sectors);
	return it->keep;
}

static void item_tear(struct item *it, struct record *rec, struct rng *r)
{
	u64 sectors = rec->entries[it->entry].rec.sectors, i;
	u32 grain = rng_chance(r, 50) ? 1 : BLOCK_SECTORS, percent = 10 + rng_below(r, 81);
	bool prefix = rng_chance(r, 30), on = true;
	u64 cut = rng_below(r, sectors);
	u8 *keep = item_mask(it, rec);

	for (i = 0; i < sectors; i++) {
		if (!(i % grain))
			on = prefix ? i < cut : rng_chance(r, percent);
		keep[i] = on;
	}
}

/* Select the writes of a device that arrive: items @from.. of the state. */
static void state_choose(struct state *st, struct record *rec, u32 from, u32 hand, struct rng *r)
{
	static const u32 shares[] = { 0, 10, 50, 50, 90, 100 };
	u32 nr = st->nr - from, percent = shares[rng_below(r, ARRAY_SIZE(shares))], i;
	u32 tear = rng_chance(r, 50) ? 0 : 30, way = rng_below(r, 100);
	u32 one = nr ? rng_below(r, nr) : 0, other = nr ? rng_below(r, nr) : 0;

	for (i = 0; i < nr; i++) {
		struct item *it = &st->items[from + i];
		bool keep;

		if (it->sure)
			continue;
		if (way < 30)
			keep = i != one && (way < 15 || i != other);
		else if (way < 40)
			keep = i == one;
		else
			keep = rng_chance(r, percent);
		/* Writes in flight are torn more often than those that a cache has. */
		if (rng_chance(r, it->entry == hand ? 60 : tear))
			item_tear(it, rec, r);
		else if (!keep)
			item_mask(it, rec);
	}
	/* In any order; durable writes come last, so that nothing older lies over them. */
	if (rng_chance(r, 30))
		for (i = nr; i > 1; i--) {
			u32 a = from + i - 1, b = from + rng_below(r, i);
			struct item swap = st->items[a];

			if (st->items[a].sure || st->items[b].sure)
				continue;
			st->items[a] = st->items[b];
			st->items[b] = swap;
		}
}

/**
 * state_make() - the state of a seed
 * @st: to be filled in.
 * @img: the devices, the last entry not taken yet.
 * @seed: which.
 */
void state_make(struct state *st, struct image *img, u64 seed)
{
	const struct entry *hand = &img->rec->entries[img->place];
	struct rng r = { seed * 0xd1342543de82ef95ULL + img->place };
	u32 dev, i, from;
	bool done;

	memset(st, 0, sizeof(*st));
	st->seed = seed;
	rng_u64(&r);
	done = seed < 2 || (seed > 2 && rng_chance(&r, 50));
	for (dev = 0; dev < img->rec->nr_devices; dev++) {
		const struct device *d = &img->dev[dev];
		bool mine = entry_of_device(hand) && hand->rec.dev == dev, flushed;

		flushed = mine && done && hand->rec.type == REC_FLUSH &&
			  !(img->broken & (dev == STORE ? BREAK_FLUSH : BREAK_HOME_FLUSH));
		from = st->nr;
		for (i = 0; i < d->nr_pending; i++)
			state_add(st, d->pending[i], dev)->sure = flushed;
		if (mine && entry_changes(hand))
			state_add(st, img->place, dev)->sure = done && hand->rec.flags & REC_FUA &&
							       !(img->broken & BREAK_FUA);
		if (seed == 1) {
			for (i = from; i < st->nr; i++)
				if (!st->items[i].sure)
					item_mask(&st->items[i], img->rec);
		} else if (seed == 2) {
			if (mine && entry_changes(hand) && hand->rec.sectors > 1)
				memset(item_mask(&st->items[st->nr - 1], img->rec), 1,
				       1 + rng_below(&r, hand->rec.sectors - 1));
		} else if (seed) {
			state_choose(st, img->rec, from, img->place, &r);
		}
	}
}

/** state_apply() - put a state on the devices; image_undo() takes it off */
void state_apply(const struct state *st, struct image *img)
{
	u32 i;

	for (i = 0; i < st->nr; i++)
		image_land(img, st->items[i].entry, st->items[i].keep);
}

void state_free(struct state *st)
{
	u32 i;

	for (i = 0; i < st->nr; i++)
		free(st->items[i].keep);
	free(st->items);
	memset(st, 0, sizeof(*st));
}

/* Sectors of a write that are not there. */
static u64 item_lost(const struct item *it, struct record *rec)
{
	u64 sectors = rec->entries[it->entry].rec.sectors, i, lost = 0;

	if (it->keep)
		for (i = 0; i < sectors; i++)
			lost += !it->keep[i];
	return lost;
}

/** state_lost() - count the writes of which some part is lost.  Return: how many. */
u32 state_lost(const struct state *st, struct record *rec)
{
	u32 i, lost = 0;

	for (i = 0; i < st->nr; i++)
		lost += !!item_lost(&st->items[i], rec);
	return lost;
}

static bool state_fails(const struct state *st, struct image *img, struct model *m,
			struct verdict *v)
{
	struct verdict mine;

	state_apply(st, img);
	verify(img, m, &mine);
	image_undo(img);
	if (mine.bad)
		*v = mine;
	return mine.bad;
}

static int by_entry(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

/**
 * state_shrink() - a state that still fails, with as little lost as possible
 * @st: a state that fails; made smaller.
 * @img: the devices, without the state.
 * @m: the model at its place.
 * @v: set to the report of the smaller state.
 */
void state_shrink(struct state *st, struct image *img, struct model *m, struct verdict *v)
{
	u32 step, i, j, tries = 0;
	struct item *order;
	u8 **keep;

	if (!st->nr) {
		state_fails(st, img, m, v);
		return;
	}
	/* First in the order of the writes. */
	order = need(malloc((st->nr + 1) * sizeof(*order)));
	memcpy(order, st->items, st->nr * sizeof(*order));
	qsort(st->items, st->nr, sizeof(*st->items), by_entry);
	if (!state_fails(st, img, m, v))
		memcpy(st->items, order, st->nr * sizeof(*order));
	free(order);

	/* Then give back less and less: half of the items, a quarter, single ones. */
	keep = need(calloc(st->nr + 1, sizeof(*keep)));
	for (step = max(st->nr / 2, 1u); step && tries < 400; step = step == 1 ? 0 : step / 2) {
		for (i = 0; i < st->nr && tries < 400; i += step) {
			bool any = false;

			for (j = i; j < min(i + step, st->nr); j++) {
				keep[j] = st->items[j].keep;
				any |= !!keep[j];
				st->items[j].keep = NULL;
			}
			if (!any)
				continue;
			tries++;
			if (state_fails(st, img, m, v)) {
				for (j = i; j < min(i + step, st->nr); j++)
					free(keep[j]);
			} else {
				for (j = i; j < min(i + step, st->nr); j++)
					st->items[j].keep = keep[j];
			}
		}
	}
	free(keep);
}

/** state_print() - print the lost writes of a state, and those around them that are there */
void state_print(const struct state *st, struct record *rec, u32 limit)
{
	u32 i, lost = state_lost(st, rec), printed = 0;
	char text[200];

	printf("  of %u writes not durable, %u lost or torn:\n", st->nr, lost);
	for (i = 0; i < st->nr; i++) {
		const struct item *it = &st->items[i];
		u64 n = item_lost(it, rec);

		if (!n && lost)
			continue;
		if (printed++ == limit) {
			printf("    ...\n");
			break;
		}
		printf("    %s entry %u, %s", !n ? "there:" : n == rec->entries[it->entry].rec.sectors ?
		       "lost:" : "torn:", it->entry,
		       record_text(&rec->entries[it->entry].rec, text, sizeof(text)));
		if (n && n < rec->entries[it->entry].rec.sectors)
			printf(" (%llu sectors lost)", n);
		printf("\n");
	}
}
