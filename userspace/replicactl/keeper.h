/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The keeper of a worker: the part of a command that has privileges.  The worker reads and
 * writes the stream and the disks; it asks the keeper for all that changes a system.
 */
#ifndef KEEPER_H
#define KEEPER_H

#include <stream/decide.h>
#include <stream/port.h>
#include "replicactl.h"

struct keeper;

/**
 * struct keeper_ops - what a command does with notes of its worker
 * @answer: answer a note of a kind that has no member here.  The note is k->note, with a @code
 * of 0, and the answer takes its place.  Return: 0, or the code of a refusal of the library.
 * @idle: the session is idle.  May be NULL, as the next one.
 * @hash: a region of a disk of @k->state was read.
 */
struct keeper_ops {
	int (*answer)(struct keeper *k, struct dmrs_note *note);
	void (*idle)(struct keeper *k, const struct dmrs_refusal *why);
	void (*hash)(struct keeper *k, const struct dmrs_note_hash *hash);
};

/** struct keeper - a worker and its session */
struct keeper {
	struct dmreplica *ctx;
	const struct keeper_ops *ops;
	struct dmreplica_system sys;	/* as last read */
	bool sender;
	bool quiet;			/* no progress, although standard error is a terminal */
	int lock;
	int port;
	pid_t worker;
	struct dmrs_note *note;
	struct dmrs_note_count count;
	struct dmrs_hello peer;		/* of the other side; zeroes before it is known */
	struct dmrs_begin begin;	/* of the present stream; no target: none yet */
	struct dmrs_hello hello;	/* of this side, as the next one */
	struct dmrs_state state;
	struct dmrs_refusal fault;	/* code 0: none */
	int errors;			/* what the worker writes to standard error; -1: none */
	unsigned int complained;	/* bytes of it that were shown */
	uint64_t wake_at;		/* ns of keeper_now(), when @woken is called; 0: never */
	bool (*woken)(struct keeper *k);	/* false ends the session */
	void (*turned)(struct keeper *k);	/* after each note, and once a second; may be NULL */
	uint64_t started;		/* ns, of the present stream */
	int nr_files;			/* of disks, open */
	int files[DMREPLICA_MAX_DISKS];
	bool shown;			/* a line of progress is on the terminal */
};

/* keeper-child.c */
int keeper_end_child(pid_t pid, unsigned int patience_ms);
int keeper_error_pipe(int ends[2]);
void keeper_show_errors(struct keeper *k);

/* keeper.c */
int keeper_open(struct keeper *k, struct dmreplica *ctx, const char *name, const char *what);
bool keeper_start(struct keeper *k, int in, int out, char *const argv[]);
int keeper_run(struct keeper *k);
bool keeper_send(struct keeper *k);
void keeper_stop(struct keeper *k);
void keeper_close(struct keeper *k);
void keeper_close_files(struct keeper *k);
bool keeper_interrupted(void);
int keeper_output(int fd);
void keeper_clear_line(struct keeper *k);
uint64_t keeper_now(void);
int keeper_refuse(struct keeper *k, uint32_t code, const char *sentence);
void keeper_set_fault(struct keeper *k, int code, const char *sentence);
int keeper_open_view(struct keeper *k, const char *view);
int keeper_close_view(struct keeper *k, const char *view);
int keeper_give_files(struct keeper *k);

/* stream-state.c: what this side has, for a handshake.  Return: 0 or a refusal. */
int stream_state(struct dmreplica *ctx, struct dmreplica_system *sys, bool sender,
		 struct dmrs_hello *hello, struct dmrs_state *state);
bool stream_point_of(const struct dmrs_state *state, const struct dmrs_identity *id);

#endif /* KEEPER_H */
