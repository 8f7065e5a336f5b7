// SPDX-License-Identifier: GPL-2.0-only
/* The content that a state shows, against the content that the model allows. */
#include <stdarg.h>

#include "crash.h"

#define MAX_REPORTED	3	/* sectors reported one by one */
#define MAX_TEXT	100

static void say(struct verdict *v, const char *fmt, ...)
	__attribute__((__format__(__printf__, 2, 3)));

static void say(struct verdict *v, const char *fmt, ...)
{
	size_t len = strlen(v->text);
	va_list ap;

	v->bad = true;
	if (len + 1 >= sizeof(v->text))
		return;
	va_start(ap, fmt);
	vsnprintf(v->text + len, sizeof(v->text) - len, fmt, ap);
	va_end(ap);
}

/* The number of the write that a sector shows; ALIEN if it is no content of that place. */
static u64 shown(const struct content *c, u32 disk, u64 sector)
{
	return c->seq && (c->disk != disk || c->sector != sector) ? ALIEN : c->seq;
}

struct look {
	struct image *img;
	struct attached *att;	/* NULL: homes alone */
	struct model *m;
	struct verdict *v;
	char name[40];
};

static void tell_sector(struct look *k, const struct lineage *l, u32 disk, u64 sector, u64 value,
			const struct source *src)
{
	char found[120], allowed[600];

	if (k->v->sectors++ >= MAX_REPORTED) {
		k->v->bad = true;
		return;
	}
	model_write(k->m, value, found, sizeof(found));
	model_explain(k->m, l, disk, sector, allowed, sizeof(allowed));
	say(k->v, "  %s, disk %u, sector %llu: found %s (in %s %llu)\n    allowed is %s\n", k->name, disk,
	    sector, found, src->zero ? "zeroes," : src->dev == STORE ? "store sector" : "home sector",
	    src->sector, allowed);
}

typedef void (*sector_fn)(struct look *k, struct lineage *l, u32 disk, u64 sector, u64 value,
			  const struct source *src);

static void sector_compare(struct look *k, struct lineage *l, u32 disk, u64 sector, u64 value,
			   const struct source *src)
{
	if (!model_allows(l, disk, sector, value))
		tell_sector(k, l, disk, sector, value, src);
}

static void sector_take(struct look *k, struct lineage *l, u32 disk, u64 sector, u64 value,
			const struct source *src)
{
	if (value == ALIEN)
		say(k->v, "  base, %s, disk %u, sector %llu: no content of the workload's (in device %u sector %llu)\n",
		    k->name, disk, sector, src->dev, src->sector);
	else
		lineage_set(l, disk, sector, value);
}

/* Each sector of a view, with the content that it shows. */
static void walk(struct look *k, const struct dmr_view *view, struct lineage *l, sector_fn fn)
{
	const struct content *table = k->img->rec->contents;
	u32 disk;

	for (disk = 0; disk + 1 < k->img->rec->nr_devices; disk++) {
		u64 end = k->img->dev[disk + 1].sectors, s = 0, n, i;

		while (s < end) {
			struct source src = { .dev = disk + 1, .sector = s };
			const u32 *at;

			n = k->att ? attached_find(k->att, view, disk, s, &src) : end - s;
			at = src.zero ? NULL : k->img->dev[src.dev].at + src.sector;
			for (i = 0; i < n; i++) {
				fn(k, l, disk, s + i,
				   at ? shown(&table[at[i]], disk, s + i) : 0, &src);
				src.sector++;
			}
			s += n;
		}
		k->v->compared += end;
	}
	k->v->views++;
}

/* Does the superblock match this picture?  NULL, or the difference. */
static const char *differs(const struct picture *p, const struct dmr_sb *sb, char *text)
{
	u32 i;

	if (sb->state != p->state) {
		snprintf(text, MAX_TEXT, "state %u, not %u", sb->state, p->state);
		return text;
	}
	if (!!(sb->flags & DMR_SB_SUSPENDED) != p->suspended)
		return p->suspended ? "not suspended" : "suspended";
	if (sb->flags & DMR_SB_REMOVING && !p->removing)
		return "the removal is not over";
	if (sb->nr_points != p->nr_points) {
		snprintf(text, MAX_TEXT, "%u points, not %u", sb->nr_points, p->nr_points);
		return text;
	}
	for (i = 0; i < p->nr_points; i++) {
		u64 number = p->points[i].number;

		if (number && sb->points[i].number != number) {
			snprintf(text, MAX_TEXT, "point %llu, not %llu", sb->points[i].number,
				 number);
			return text;
		}
	}
	/* Once committed, the live view is the head. */
	if (!sb->live.epoch != (!p->live || p->state == DM_REPLICA_STATE_COMMITTED ||
				p->state == DM_REPLICA_STATE_DISABLED))
		return sb->live.epoch ? "a live failover" : "no live failover";
	if (!sb->test.epoch != !p->test)
		return sb->test.epoch ? "a test failover" : "no test failover";
	for (i = 0; i < p->nr_points; i++) {
		u64 number = p->points[i].number;

		if (sb->live.epoch && number == p->live_from && sb->points[i].epoch != sb->live.base)
			return "the live failover is from another point";
		if (sb->test.epoch && number == p->test_from && sb->points[i].epoch != sb->test.base)
			return "the test failover is from another point";
	}
	return NULL;
}

static void compare_picture(struct look *k, const struct picture *p)
{
	const struct dmr_sb *sb = k->att->sb;
	struct lineage *head = p->head ? p->head : p->live;
	struct dmr_view view;
	u32 i;

	attached_view(k->att, &view, U32_MAX, DMR_EPOCH_NONE);
	if (p->state == DM_REPLICA_STATE_DISABLED && !(sb->flags & DMR_SB_REMOVING)) {
		struct look homes = *k;

		homes.att = NULL;
		strcpy(homes.name, "homes alone");
		walk(&homes, NULL, head, sector_compare);
		return;
	}
	strcpy(k->name, "head");
	walk(k, &view, head, sector_compare);
	if (sb->live.epoch) {
		attached_view(k->att, &view, sb->live.base, sb->live.epoch);
		strcpy(k->name, "live failover");
		walk(k, &view, p->live, sector_compare);
	}
	if (sb->test.epoch) {
		attached_view(k->att, &view, sb->test.base, sb->test.epoch);
		strcpy(k->name, "test failover");
		walk(k, &view, p->test, sector_compare);
	}
	for (i = 0; i < p->nr_points; i++) {
		attached_view(k->att, &view, sb->points[i].epoch, DMR_EPOCH_NONE);
		snprintf(k->name, sizeof(k->name), "point %llu", sb->points[i].number);
		walk(k, &view, p->points[i].content, sector_compare);
	}
}

/* The store was given up: the homes are the disks. */
static void compare_homes(struct look *k)
{
	const struct picture *p = model_now(k->m);
	struct look homes = *k;

	homes.att = NULL;
	strcpy(homes.name, "homes alone");
	walk(&homes, NULL, p->head ? p->head : p->live, sector_compare);
}

/**
 * verify() - is this state one that a crash may leave?
 * @img: the devices with the state on them.
 * @m: the model at the state's place.
 * @v: filled in.
 */
void verify(struct image *img, struct model *m, struct verdict *v)
{
	const struct picture *now = model_now(m), *next = model_next(m);
	char before[MAX_TEXT], after[MAX_TEXT];
	const char *why, *why_not = "";
	struct attached att;
	struct look k = { .img = img, .att = &att, .m = m, .v = v };

	v->bad = false;
	v->sectors = v->views = 0;
	v->compared = v->versions = 0;
	v->log_next = v->log_ring = 0;
	v->text[0] = 0;
	if (!now->made)
		return;		/* being created: no answer has shown that there is a system */
	attach(&att, img);
	v->versions = att.versions;
	if (att.err) {
		if (model_removal(m) && att.no_super)
			compare_homes(&k);
		else
			say(v, "  attach fails: %d, %s\n", att.err, att.why);
		detach(&att);
		return;
	}
	v->log_next = att.next;
	v->log_ring = dmr_ring_blocks(att.sb);
	why = differs(now, att.sb, before);
	if (!why) {
		compare_picture(&k, now);
	} else if (next) {
		why_not = differs(next, att.sb, after);
		if (!why_not)
			compare_picture(&k, next);
	}
	if (why && !next)
		say(v, "  the superblock (%llu) is wrong: %s\n", att.sb->seq, why);
	else if (why && why_not)
		say(v, "  the superblock (%llu) is neither that before the operation (%s) nor that after it (%s)\n",
		    att.sb->seq, why, why_not);
	if (v->sectors > MAX_REPORTED)
		say(v, "  %u sectors differ in all\n", v->sectors);
	detach(&att);
}

struct pin {
	struct look k;
	u64 number;
};

static void sector_pin(struct look *k, struct lineage *l, u32 disk, u64 sector, u64 value,
		       const struct source *src)
{
	struct pin *pin = container_of(k, struct pin, k);

	if (!model_allows(l, disk, sector, value))
		tell_sector(k, l, disk, sector, value, src);
	else
		model_pin(k->m, pin->number, disk, sector, value);
}

/**
 * verify_pin() - a point has been answered: from here on its content is fixed
 * @img: the devices with all writes on them.
 * @m: the model at this place.
 * @v: filled in.
 *
 * Of the writes in flight while the point was made it may have some or not; from here on it
 * is the same in every state.
 */
void verify_pin(struct image *img, struct model *m, struct verdict *v)
{
	const struct picture *now = model_now(m);
	u32 i = now->nr_points - 1;
	struct pin pin = { .k = { .img = img, .m = m, .v = v } };
	char text[MAX_TEXT];
	struct attached att;
	struct dmr_view view;

	memset(v, 0, sizeof(*v));
	attach(&att, img);
	if (att.err) {
		say(v, "  attach fails: %d, %s\n", att.err, att.why);
	} else if (differs(now, att.sb, text)) {
		say(v, "  the superblock (%llu) is wrong: %s\n", att.sb->seq, differs(now, att.sb, text));
	} else {
		pin.k.att = &att;
		pin.number = now->points[i].number;
		snprintf(pin.k.name, sizeof(pin.k.name), "point %llu", pin.number);
		attached_view(&att, &view, att.sb->points[i].epoch, DMR_EPOCH_NONE);
		walk(&pin.k, &view, now->points[i].content, sector_pin);
	}
	detach(&att);
}

static struct lineage *take_view(struct look *k, u32 base, u32 overlay, const char *name)
{
	struct lineage *l = lineage_new(k->m);
	struct dmr_view view;

	strcpy(k->name, name);
	if (k->att)
		attached_view(k->att, &view, base, overlay);
	walk(k, &view, l, sector_take);
	return l;
}

static u64 point_of(const struct dmr_sb *sb, u32 epoch)
{
	u32 i;

	for (i = 0; i < sb->nr_points; i++)
		if (sb->points[i].epoch == epoch)
			return sb->points[i].number;
	return 0;
}

/**
 * verify_base() - a life begins on the store of an earlier one
 * @img: the devices at place 0.
 * @m: the model at place 0; it takes over the content that the views show.
 * @v: filled in.
 */
void verify_base(struct image *img, struct model *m, struct verdict *v)
{
	struct picture *p = model_base(m);
	struct attached att;
	struct look k = { .img = img, .att = &att, .m = m, .v = v };
	const struct dmr_sb *sb;
	char name[40];
	u32 i;

	memset(v, 0, sizeof(*v));
	attach(&att, img);
	sb = att.sb;
	if (att.err && !att.no_super) {
		say(v, "  base: attach fails: %d, %s\n", att.err, att.why);
		detach(&att);
		return;
	}
	/* No system, or none any more: plain disks, on which one may be created. */
	if (att.err || (sb->state == DM_REPLICA_STATE_DISABLED && !(sb->flags & DMR_SB_REMOVING))) {
		p->made = !att.err;
		p->state = DM_REPLICA_STATE_DISABLED;
		model_removed(m);
		k.att = NULL;
		p->head = take_view(&k, U32_MAX, DMR_EPOCH_NONE, "homes alone");
		detach(&att);
		return;
	}
	if (sb->state == DM_REPLICA_STATE_DISABLED)
		model_removed(m);
	p->made = true;
	p->state = sb->state;
	p->suspended = sb->flags & DMR_SB_SUSPENDED;
	p->removing = sb->flags & DMR_SB_REMOVING;
	/* Once committed, the failover devices show the head. */
	if (sb->state == DM_REPLICA_STATE_COMMITTED)
		p->live = take_view(&k, U32_MAX, DMR_EPOCH_NONE, "head");
	else
		p->head = take_view(&k, U32_MAX, DMR_EPOCH_NONE, "head");
	if (sb->live.epoch) {
		p->live = take_view(&k, sb->live.base, sb->live.epoch, "live failover");
		p->live_from = point_of(sb, sb->live.base);
	}
	if (sb->test.epoch) {
		p->test = take_view(&k, sb->test.base, sb->test.epoch, "test failover");
		p->test_from = point_of(sb, sb->test.base);
	}
	for (i = 0; i < sb->nr_points; i++) {
		snprintf(name, sizeof(name), "point %llu", sb->points[i].number);
		p->points[i].number = sb->points[i].number;
		p->points[i].content = take_view(&k, sb->points[i].epoch, DMR_EPOCH_NONE, name);
		p->nr_points++;
	}
	v->versions = att.versions;
	detach(&att);
}
