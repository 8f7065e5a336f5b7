/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the parts of the model; main.c describes it.
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

#include "../../uapi/dm-replica.h"
#include "netlink.h"

#define SECTOR		512
#define MAX_DISKS	16
#define MAX_POINTS	12
#define MAX_SECTORS	2048		/* of one I/O: several of the largest chunks */
#define BURST		24

/* Views that can be read and written: the replica, the failover and the rehearsal. */
enum { HEAD, LIVE, TEST, VIEWS };
#define ONLY(view)	(1U << (view))
#define ALL_VIEWS	(ONLY(HEAD) | ONLY(LIVE) | ONLY(TEST))

/* How a run ends. */
enum end { END_PLAIN, END_COMMIT, END_FLATTEN, ENDS };

/* main.c: options */
extern uint64_t seed, span;
extern long ops;
extern int seconds;
extern const char *tool, *name, *uuid_text, *chunk, *script_in, *script_out;
extern uint8_t uuid[16];
extern char **arguments;

/* script.c: operations, and scripts of them */
enum what { FILL, WRITE, FUA, STORM, ZEROES, PUNCH, DISCARD, START_WRITE, START_FUA,
	    LAST_WRITING = START_FUA,
	    READ, START_READ, FLUSH, LAST_IO = FLUSH,
	    CHECK, WAIT, POINT, DROP, FAILOVER, REVERT, REVERT_OPEN, TEST_START, TEST_STOP,
	    TEST_STOP_OPEN, SUSPEND, RESUME, HOLD, RELEASE, RATE, KEEP_LAST, KEEP_WITHIN,
	    KEEP_HOURLY, POLICY, RESERVE, GROW, ATTACH, POINTS, SLEEP, COMMIT, COMMIT_AMID,
	    RECREATE, PLAIN, FLATTEN, LAST_OP = FLATTEN,
	    /* Only in histories. */
	    REMOVE, PAUSE, GO_ON, WHATS };

struct op {
	uint8_t what, view, disk;
	uint32_t sectors;
	uint64_t sector;		/* or a number */
};

struct script {
	struct op *op;
	long nr, max;
};

extern const char * const what_name[WHATS];

void script_add(struct script *s, struct op op);
void script_write(const struct script *s, const char *path);
void script_read(struct script *s, const char *path);
const char *op_text(const struct op *op, char *to, size_t size);

/* history.c: messages and operations */
struct event {
	long op;
	uint8_t what, view, disk, writer;
	bool ended;
	int err;
	uint64_t sector;
	uint32_t sectors, seq;
	uint64_t number;
	double begun, end;
};

extern long at_op;
extern pthread_mutex_t say_lock;
extern __thread uint8_t writer;		/* which thread it is; 0 is the main one */

void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void note(enum what what, uint64_t number);
long note_begun(enum what what, int view, int disk, uint64_t sector, uint32_t sectors,
		uint32_t seq);
void note_ended(long event, int err);
void history(int disk, uint64_t sector);
void tell_write(const char *label, uint32_t seq, int disk, uint64_t sector);
double now(void);

/* stamp.c: chance, stamps, and images of what sectors hold */
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
void stamp_tell(const void *from, int disk, uint64_t sector);
void stamp_fill(char *buf, uint32_t seq, int disk, uint64_t sector, uint32_t sectors);
void image_new(struct image *im);
void image_copy(struct image *to, const struct image *from);
void image_set(struct image *im, int disk, uint64_t sector, uint32_t sectors, uint32_t seq);
void image_free(struct image *im);
void image_compare(const struct image *im, const char *where, int disk, uint64_t sector,
		   uint32_t sectors, const char *got);
void mismatch(const char *where, int disk, uint64_t sector, uint32_t want, const void *got)
	__attribute__((noreturn));

/* device.c: the devices above and below */
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
void create(void);
void begin_anew(void);
uint32_t part(int disk, uint64_t sector);
void read_exact(int fd, void *buf, uint64_t sector, uint32_t sectors, const char *where);
void store_add(const char *text);
void store_lengthen(void);
bool store_ends(void);
void homes_compare(const struct image *want);
void homes_plain(void);

/* control.c: operations that are possible under any I/O */
extern bool online[VIEWS], held, suspended, committed, had_point;
extern uint64_t base[VIEWS];
extern long suspensions;

void refused(const char *what, int code) __attribute__((noreturn));
void must(const char *what, int code, int want);
bool in_use(uint64_t number);
bool was_in_use(uint64_t number);
void forget_released(void);
int view_begin(int view, uint64_t number);
int view_end(int view);
void set_hold(bool on);
void set_rate(uint64_t rate);
void set_suspended(bool on);
void do_grow(void);
void unhindered(void);
void settle(void);
void control_anew(void);

/* retain.c: settings, and the points that go with another or by themselves */
struct drops {
	uint64_t number[MAX_POINTS + 1];
	int nr;
};

bool is_setting(enum what what);
void set_setting(enum what what, uint64_t value);
int retain_make(const struct known *mine, int nr, uint64_t *number, struct drops *drops);
bool retain_again(int code);
void retain_dropped(uint64_t number);
void retain(const struct known *mine, int nr, const struct drops *drops, bool *gone);
void retain_anew(void);

/* burst.c: asynchronous I/O */
struct write {
	int disk;
	uint64_t sector;
	uint32_t sectors, seq;
};

void async_init(void);
void async_start(enum what what, int view, int disk, uint64_t sector, uint32_t sectors,
		 uint32_t seq);
int async_writes(int view, struct write *to);
void async_wait(void);
void async_wait_view(int view);
void async_wait_place(int view, int disk, uint64_t sector, uint32_t sectors);

/* choose.c: operations from the seed alone */
uint32_t place(struct rng *r, int disk, uint64_t *sector);
uint64_t choose_rate(struct rng *r);
struct op choose_setting(struct rng *r);
void choose(struct script *s);
void choose_burst(struct script *s, struct rng *r, unsigned int views, int want);
void choose_end(struct script *s);

/* single.c: one operation after the other */
extern struct image model[VIEWS];
extern long nr_nospc, nr_refused, nr_written;

void check_range(int view, int disk, uint64_t sector, uint32_t sectors);
void check_all(int view);
void learn(int view, int disk, uint64_t sector, uint32_t sectors, uint32_t seq, const char *what);
void single(void);

/* point.c: recovery points and their content */
extern int nr_points;

void do_point(uint64_t label);
void do_drop(uint64_t label);
void do_begin(int view, uint64_t label);
void do_end(int view, bool open);
void points_compare(void);
void points_check(void);
void points_forget(void);

/* end.c: how a run ends */
extern enum end end;
extern bool gone;

void end_commit(struct rng *r, void (*rest)(bool));
void end_committed(void);
void end_flatten(struct rng *r);
void do_commit(void);
void do_commit_amid(void);
void do_recreate(void);
void do_plain(void);
void do_flatten(void);

/* shrink.c: the shortest script that still fails */
void shrink(void);

/* threads.c, order.c */
void threads(void);
void order(void);

#endif /* MODEL_H */
