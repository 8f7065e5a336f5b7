/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the parts of helper-life; main.c describes it.
 */
#ifndef LIFE_H
#define LIFE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../uapi/dm-replica.h"
#include "../model/netlink.h"
#include "../helpers/record.h"

#define MAX_DISKS	4
#define VIEWS		3
#define MAX_POINTS	8
#define MAX_SECTORS	256		/* of one I/O */
#define CONTROL		63		/* thread of the operations */

/* A life as planned: parts in a hundred, unless noted otherwise. */
struct plan {
	const char *name;
	const char *chunk;
	unsigned int store_mib, grown_mib;
	unsigned int points;		/* that there are at most */
	unsigned int pause_ms;		/* between operations, at most */
	unsigned int parts;		/* writers to each disk of the head and of the failover */
	unsigned int large, unaligned, wide, fua, sync, zeroes;
	unsigned int idle;		/* of a thousand: a longer pause of a writer */
	/* How often each operation is tried, among all that are possible. */
	unsigned int point, drop, failover, revert, commit, test, stop, suspend, resume, grow,
		     hold, rate, reattach, wrong;
};

struct disk {
	const char *disk, *home;
	uint64_t sectors;
};

/* main.c: options */
extern const struct plan *plan;
extern uint64_t seed;
extern const char *tool, *name;
extern uint8_t uuid[16];
extern struct disk disks[MAX_DISKS];
extern int nr_disks;

void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
uint64_t below(uint64_t *rng, uint64_t n);
void *buffer(size_t bytes);
uint64_t mix(uint64_t x);

/* record.c: marks in the record */
extern atomic_ullong next_seq;

void record_open(const char *path);
uint64_t record_bytes(void);
void mark(struct rec *r, const void *data);
void mark_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void mark_done(const struct rec *asked, int result, uint64_t arg);

/* writer.c: threads that write */
extern atomic_uint denials;
extern atomic_bool calm;
extern atomic_long nr_written, nr_refused, nr_full;

int view_open(int view, int disk, int flags);
void writers_start(void);
void writers_end(void);
void gate_open(int view);
void gate_shut(int view);
void look(int view);

/* control.c: one operation at a time */
void command(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void store_add(const char *text);
void begin(void);
void begin_again(void);
void live(unsigned int seconds, long ops, uint64_t bytes);
void end(bool lived);

#endif /* LIFE_H */
