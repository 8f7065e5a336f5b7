/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of helper-crash; main.c describes it. */
#ifndef HELPER_CRASH_H
#define HELPER_CRASH_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECTOR		512
#define DISKS		2
#define BASE		2048		/* first sector that is used */
#define SPAN		4096		/* sectors that are used */
#define CAP		60		/* contents that a sector may have */
#define MAX_POINTS	8
#define MAX_IO		256		/* sectors */
#define CONTROL		6		/* thread of operations; 0-3 head, 4-5 failover */

enum { HEAD, LIVE, POINT };
enum { OP_POINT = 1, OP_DROP, OP_FAILOVER, OP_REVERT };

/* main.c */
extern const char *tool, *name;
extern uint64_t seed;

void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...);
void *buffer(size_t bytes);
uint64_t below(uint64_t *rng, uint64_t n);

/* content.c */
#define ZERO	0x80000000U		/* a write of zeroes has a number, too */
#define DISCARD	0x40000000U		/* so has a discard, after which nothing is sure */
#define TORN	0xffffffffU

/* Oldest first.  The first is known to be durable. */
struct cell {
	uint32_t n, v[CAP];
};

struct image {
	struct cell c[DISKS][SPAN];
};

struct point {
	uint64_t number;
	struct image *img;
};

struct model {
	int state;
	struct image *head, *live;
	uint64_t live_point, last_point;
	struct point points[MAX_POINTS + 1];
	int nr_points;
	uint32_t seq;
	int op;				/* one that is not answered */
	uint64_t op_arg;
	struct image *op_img;
};

extern struct model m;

uint64_t mix(uint64_t x);
void stamp(void *to, uint32_t seq, int disk, uint32_t sector);
uint32_t stamp_read(const void *from, int disk, uint32_t sector);
struct image *image_copy(const struct image *from);
struct point *point_find(uint64_t number);
void image_write(struct image *img, int disk, uint32_t sector, uint32_t count, uint32_t v);
void image_durable(struct image *img, int disk, uint32_t sector, uint32_t count, uint32_t v);

/* journal.c */
enum { R_WRITE = 1, R_DURABLE, R_FLUSH, R_FLUSHED, R_OP, R_ANSWER, R_SEEN, R_BOOT };

struct rec {
	uint32_t sum;
	uint8_t type, thread, view, disk;
	uint32_t sector, count, seq;
	uint64_t arg;
};

void journal_open(const char *path);
void apply(const struct rec *r);
void tell(struct rec *r);
uint32_t note(int type, int thread, int view, int disk, uint32_t sector, uint32_t count,
	      uint32_t zero);
void note_op(int type, int op, uint64_t arg, uint32_t took);

/* tool.c */
void __attribute__((format(printf, 3, 4))) must(char *said, size_t size, const char *fmt, ...);
uint64_t status(const char *key);
int point_list(uint64_t *to);
void op(int what, uint64_t arg);
int open_view(int view, int disk, int flags);

/* work.c */
void drop_all(void);
void __attribute__((noreturn)) work(const char *plan);

/* verify.c */
void verify(bool whole, bool points);
void homes(char **path);

#endif /* HELPER_CRASH_H */
