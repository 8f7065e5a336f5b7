/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Crash replay: from the record of a life to the states that a crash may have left, and the
 * content that each of them may show.  See Documentation/crash-replay.md.
 *
 * A *place* is a number of entries of the record: a crash at place P comes after the first P
 * entries and before the next.  A *state* is the content of the devices then; its place and a
 * seed name it, see states.c.
 */
#ifndef CRASH_H
#define CRASH_H

#include <store/map.h>
#include <store/rebuild.h>
#include <store/replay.h>
#include <store/slots.h>
#include "../../uapi/dm-replica.h"
#include "../helpers/record.h"

#define MAX_DISKS	8
#define MAX_DEVICES	(MAX_DISKS + 1)
#define STORE		0		/* device 1 + D is the home of disk D */
#define NOWHERE		(~0u)

#define BLOCK_SECTORS	(DMR_BLOCK_SIZE / REC_SECTOR)

void die(const char *fmt, ...) __attribute__((__format__(__printf__, 1, 2), __noreturn__));
void *need(void *p);			/* p, which is not NULL */

/* Random numbers, reproducible from a seed */

struct rng {
	u64 s;
};

static inline u64 rng_u64(struct rng *r)
{
	u64 z = r->s += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline u64 rng_below(struct rng *r, u64 n)
{
	return rng_u64(r) % n;
}

static inline bool rng_chance(struct rng *r, u32 percent)
{
	return rng_below(r, 100) < percent;
}

/* The record (record.c) */

/*
 * What a sector may hold.  Sectors of devices are kept as indices into a table of these, so
 * that moving numbers makes and unmakes a state.
 */
struct content {
	const u8 *data;
	u64 seq;		/* as stamped; 0: zero; ALIEN: not the workload's */
	u64 sector;		/* of the disk, as stamped */
	u32 disk;
};

#define ALIEN		(~0ULL)
#define CONTENT_ZERO	0u

struct entry {
	struct rec rec;
	u32 first;		/* content of its first sector, if data follow */
	const u8 *data;
};

struct record {
	struct entry *entries;
	u32 nr, room;
	struct content *contents;
	u32 nr_contents, contents_room;
	u64 sectors[MAX_DEVICES];	/* at the beginning; 0: there is no such device */
	u32 nr_devices;
	u64 bytes;
	bool cut;			/* the last entry had not arrived completely */
	void *maps[1 + MAX_DEVICES];
	u64 map_bytes[1 + MAX_DEVICES];
	u32 nr_maps;
};

struct record *record_open(const char *path);
struct record *record_parse(const u8 *data, u64 bytes);	/* which must stay */
void record_close(struct record *rec);
u32 record_content(struct record *rec, const u8 *data);
void record_devices(struct record *rec);
const u8 *record_map(struct record *rec, const char *path, u64 *bytes);
const char *record_text(const struct rec *r, char *buf, size_t size);

static inline bool entry_of_device(const struct entry *e)
{
	return e->rec.type < REC_IO;
}

static inline bool entry_changes(const struct entry *e)
{
	return e->rec.type == REC_WRITE || e->rec.type == REC_ZERO ||
	       e->rec.type == REC_DISCARD;
}

/* The devices (image.c) */

enum broken {
	BREAK_FLUSH = 1,	/* flushes of the store do nothing */
	BREAK_FUA = 2,		/* FUA is not heard */
	BREAK_HOME_FLUSH = 4,	/* flushes of homes do nothing */
};

struct device {
	u64 sectors;
	u32 *at;		/* content, by sector: durable, or the state made of it */
	u32 *sure;		/* entry, plus one, before which no write may land there any more */
	u32 *pending;		/* entries that are not durable yet, in order */
	u32 nr_pending, pending_room;
};

struct change {
	u32 dev;
	u32 was;
	u64 sector;
};

struct image {
	struct record *rec;
	struct device dev[MAX_DEVICES];
	u32 place;		/* entries taken */
	u32 broken;
	struct change *undo;
	u32 nr_undo, undo_room;
};

struct image *image_new(struct record *rec, u32 broken, const char *base);
void image_free(struct image *img);
void image_step(struct image *img);		/* take the next entry */
void image_land(struct image *img, u32 entry, const u8 *keep);
void image_undo(struct image *img);
void image_read(struct image *img, u32 dev, u64 sector, u32 count, u8 *buf);
int image_write(struct image *img, const char *dir);

/* The model (model.c) */

struct lineage;

struct picture {
	bool made;		/* the system is there */
	u32 state;
	bool suspended;
	bool removing;		/* state 0 may still be on its way home */
	u32 nr_points;
	struct {
		u64 number;	/* 0: not known yet */
		struct lineage *content;
	} points[DMR_MAX_POINTS];
	u64 live_from, test_from;	/* numbers of the points; 0 with no content: none */
	struct lineage *head, *live, *test;
};

struct model;

struct model *model_new(struct record *rec);
void model_free(struct model *m);
/* Return: NULL, or the reason why the record itself is wrong. */
const char *model_step(struct model *m);
const struct picture *model_now(const struct model *m);
const struct picture *model_next(const struct model *m);	/* NULL: no operation */
bool model_removal(const struct model *m);	/* the store may have been given up */
bool model_allows(const struct lineage *l, u32 disk, u64 sector, u64 value);
void model_explain(struct model *m, const struct lineage *l, u32 disk, u64 sector,
		   char *buf, size_t size);
const char *model_write(struct model *m, u64 seq, char *buf, size_t size);
u64 model_point_made(struct model *m);	/* number of a point to be pinned, 0: none */
void model_pin(struct model *m, u64 number, u32 disk, u64 sector, u64 value);

/* From the views of a base: a life begins there. */
struct picture *model_base(struct model *m);
void model_removed(struct model *m);
struct lineage *lineage_new(struct model *m);
void lineage_set(struct lineage *l, u32 disk, u64 sector, u64 value);

/* A state attached (attach.c) */

struct attached {
	struct image *img;
	struct dmr_sb *sb;
	struct dmr_map map;
	struct dmr_slots slots;
	u64 next;		/* number of the next log block */
	u64 records, versions;
	int err;
	bool no_super;		/* err is about the superblocks */
	char why[200];
};

/* A run of sectors and where they are: on @dev from @sector on, or zeroes. */
struct source {
	bool zero;
	u32 dev;
	u64 sector;
};

void attach_init(void);
void attach(struct attached *att, struct image *img);
void detach(struct attached *att);
void attached_view(const struct attached *att, struct dmr_view *view, u32 base, u32 overlay);
u64 attached_find(struct attached *att, const struct dmr_view *view, u32 disk, u64 sector,
		  struct source *src);

/* The comparison (verify.c) */

struct verdict {
	bool bad;
	u32 sectors;		/* that differ */
	u32 views;		/* compared */
	u64 compared;		/* sectors */
	u64 versions;
	u64 log_next;		/* number of the next log block; 0: not attached */
	u64 log_ring;		/* log blocks for which there is room */
	char text[2000];
};

void verify(struct image *img, struct model *m, struct verdict *v);
void verify_pin(struct image *img, struct model *m, struct verdict *v);
void verify_base(struct image *img, struct model *m, struct verdict *v);

/* States and runs (states.c, run.c) */

struct item {
	u32 entry;
	u32 dev;
	bool sure;		/* FUA: it is there */
	u8 *keep;		/* by sector; NULL: all of it */
};

struct state {
	u64 seed;
	struct item *items;
	u32 nr, room;
};

void state_make(struct state *st, struct image *img, u64 seed);
void state_apply(const struct state *st, struct image *img);
void state_free(struct state *st);
u32 state_lost(const struct state *st, struct record *rec);
void state_shrink(struct state *st, struct image *img, struct model *m, struct verdict *v);
void state_print(const struct state *st, struct record *rec, u32 limit);

struct options {
	const char *record;
	const char *base;
	const char *write;	/* directory for the images of one state */
	u64 seed;
	u32 random;		/* random states at each place */
	u64 states;		/* at most so many; 0: all */
	u32 failures;		/* stop after so many */
	u32 broken;
	u32 place;		/* NOWHERE: all */
	u64 state_seed;
	bool quiet;
};

struct outcome {
	u64 states, places, sectors, views;
	u64 attach_failures, failures;
	u64 log_first, log_last;	/* next log block in the states: the least, the most */
	u64 log_ring;		/* the largest ring, in blocks */
	u32 entries;
	u32 first_place;	/* of the first failure */
	u64 first_seed;
	u32 smallest;		/* writes lost in the first failure, when shrunk */
	char why[2000];		/* the first failure */
	char record_error[300];
};

void options_init(struct options *opt);
int run(const struct options *opt, struct record *rec, struct outcome *out);

#endif /* CRASH_H */
