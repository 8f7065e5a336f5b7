/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the model share; helper-model.c says what it is.
 */
#ifndef MODEL_H
#define MODEL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "../uapi/dm-replica.h"

#define SECTOR		512
#define MAX_DISKS	16
#define MAX_POINTS	12
#define MAX_SECTORS	512		/* of one I/O */
#define BURST		24

/* What can be read and written: the replica, the failover and the rehearsal. */
enum { HEAD, LIVE, TEST, VIEWS };
#define ONLY(view)	(1U << (view))
#define ALL_VIEWS	(ONLY(HEAD) | ONLY(LIVE) | ONLY(TEST))

/* How a run ends. */
enum end { END_PLAIN, END_COMMIT, END_FLATTEN, ENDS };

/* helper-model.c: what was asked for */
extern uint64_t seed, span;
extern long ops;
extern int seconds;
extern const char *tool, *name;
extern uint8_t uuid[16];

/* model-history.c: what was said and done */
enum what { WRITE, DSYNC_WRITE, BURST_WRITE, DISCARD, ZERO, FLUSH, POINT, DROP, FAILOVER, REVERT,
	    TEST_START, TEST_STOP, SUSPEND, RESUME, COMMIT, REMOVE, HOLD, RELEASE, RATE, KEEP,
	    GROW, PAUSE, GO_ON, ATTACH };

struct event {
	long op;
	uint8_t what, view, disk;
	int err;
	uint64_t sector;
	uint32_t sectors, seq;
	uint64_t number;
};

extern long at_op;
extern pthread_mutex_t say_lock;

void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void note(enum what what, uint64_t number);
void note_io(enum what what, int view, int disk, uint64_t sector, uint32_t sectors, uint32_t seq,
	     int err);
void history(int disk, uint64_t sector);
double now(void);

/* model-stamp.c: chance, stamps, and images of what sectors hold */
struct rng { uint64_t s; };

struct image {
	uint32_t *seq[MAX_DISKS];
};

#define SEQ_BAD 0xffffffffU

extern struct rng rng;			/* of the main thread */
extern char *io_buf, *cmp_buf;		/* as well */

void rng_init(struct rng *r, uint64_t s);
uint64_t below(struct rng *r, uint64_t n);
void *buffer(size_t bytes);
void stamp_make(void *to, uint32_t seq, uint32_t disk, uint64_t sector);
uint32_t stamp_read(const void *from, uint32_t disk, uint64_t sector);
void stamp_tell(const void *from);
void stamp_fill(char *buf, uint32_t seq, int disk, uint64_t sector, uint32_t sectors);
void image_new(struct image *im);
void image_copy(struct image *to, const struct image *from);
void image_set(struct image *im, int disk, uint64_t sector, uint32_t sectors, uint32_t seq);
void image_free(struct image *im);
void image_compare(const struct image *im, const char *where, int disk, uint64_t sector,
		   uint32_t sectors, const char *got);
void mismatch(const char *where, int disk, uint64_t sector, uint32_t want, const void *got)
	__attribute__((noreturn));

/* model-netlink.c: what is asked of the module */
extern char refusal[256];

void family_find(void);
int operation(int cmd, uint64_t *point);
int vacuum_hold(bool hold);
int remove_flatten(void);
int setting(int type, uint64_t value, int bytes);
int job_request(uint64_t id, uint32_t request);
uint64_t job_moving(void);
uint64_t system_number(int type);
int points_list(uint64_t *numbers, int max);

/* model-device.c: the devices above and below */
struct disk {
	const char *disk;
	char path[VIEWS][128];
	const char *home;
	int fd[VIEWS], sync[VIEWS];
	uint64_t sectors;
};

extern const char * const view_name[];
extern struct disk disks[MAX_DISKS];
extern int nr_disks;
extern atomic_long nr_read, nr_compared;

void disk_add(const char *text);
void disks_name(void);
void disks_measure(void);
void view_open(int view);
void view_close(int view);
void view_offline(int view);
void command(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void detach(void);
void attach(void);
uint32_t part(int disk, uint64_t sector);
void read_exact(int fd, void *buf, uint64_t sector, uint32_t sectors, const char *where);
void store_add(const char *text);
void store_lengthen(void);
bool store_ends(void);
void homes_compare(const struct image *want);
void homes_plain(void);

/* model-control.c: what can be asked for whatever I/O there is */
extern bool online[VIEWS], held, suspended;
extern uint64_t base[VIEWS];
extern uint32_t keep_last;

void refused(const char *what, int code) __attribute__((noreturn));
void must(const char *what, int code, int want);
bool in_use(uint64_t number);
bool retained(int i, int nr, uint64_t number);
void view_begin(int view, uint64_t number);
int view_end(int view);
void do_hold(void);
void do_rate(void);
void do_keep(void);
void do_grow(void);
void do_suspend(void);
void unhindered(void);
void settle(void);

/* model-burst.c: asynchronous I/O */
struct write {
	int disk;
	uint64_t sector;
	uint32_t sectors, seq;
};

void burst_init(void);
void burst_submit(struct rng *r, unsigned int views);
int burst_writes(int view, struct write *to);
void burst_wait(struct rng *r);

/* model-single.c: one operation after the other */
extern struct image model[VIEWS];
extern uint32_t last_seq;
extern long nr_nospc, nr_refused, nr_written;

void first_content(void);
uint32_t place(struct rng *r, int disk, uint64_t *sector);
int pick_view(struct rng *r, unsigned int views);
void check_range(int view, int disk, uint64_t sector, uint32_t sectors);
void check_all(int view);
void learn(int view, int disk, uint64_t sector, uint32_t sectors, uint32_t seq, const char *what);
void single(void);

/* model-point.c: recovery points and what each must show */
extern int nr_points;

void do_point(bool busy);
void do_drop(bool busy);
void do_begin(int view, bool busy);
void do_end(int view, bool busy);
void points_compare(void);
void points_check(void);
void points_forget(void);

/* model-end.c: how a run ends */
extern enum end end;

void end_commit(void (*rest)(bool));
void end_committed(void);
void end_flatten(void);
void end_single(void);

/* model-threads.c, model-order.c */
void threads(void);
void order(void);

#endif /* MODEL_H */
