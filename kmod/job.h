/* SPDX-License-Identifier: GPL-2.0-only */
/* Jobs: operations as their clients see them. */
#ifndef DMR_JOB_H
#define DMR_JOB_H

#include <linux/jiffies.h>
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "event.h"

struct dmr_op;
struct dmr_system;
struct dmr_uevent;

#define DMR_JOB_KEEP		(300 * HZ)	/* Msvm_ConcreteJob.TimeBeforeRemoval */
#define DMR_NO_LOGIN	(~0U)

/**
 * struct dmr_owner - the process that requested an operation
 * @known: false: the module itself made the operation.
 * @uid: in the initial user namespace.
 * @login: user of the login, which su and sudo keep; or DMR_NO_LOGIN.
 * @comm: name of the process, which the process chooses.
 */
struct dmr_owner {
	bool known;
	u32 uid;
	u32 login;
	char comm[TASK_COMM_LEN];
};

struct dmr_job {
	struct list_head list;
	struct dmr_system *sys;
	struct kref ref;
	u64 id;
	u8 uuid[16];
	u32 type;
	u32 state;
	u32 percent;
	u32 code;
	bool decided;		/* the operation has been answered, */
	u32 answer;		/* with this, */
	int err;		/* this errno, negative or 0, */
	u64 point;		/* point made, used, left or dropped; 0 if none */
	u64 start;		/* ns since 1970 UTC */
	ktime_t begun;
	ktime_t ended;
	unsigned long expires;	/* jiffies, once ended */
	u32 epoch;		/* the epoch to reclaim, 0: none */
	u64 total;		/* versions to reclaim when it began */
	u64 reclaimed;		/* how many of @total */
	u64 due;		/* vacuum.visited when all of it has been reclaimed; 0: not begun */
	bool home;		/* moves home: progress is in bytes */
	u64 bytes;		/* moved home */
	u64 bytes_total;	/* 0 until the first pass has counted */
	struct dmr_event events[DMR_EVENTS];	/* one of each kind */
	struct dmr_owner owner;	/* from here on: see struct dmr_op */
	u64 discarded;
	u32 dropped;
	u64 state_number;	/* the state that its operation made, 0: none */
	u32 system_state;	/* the state then, */
	u32 system_was;		/* the one before, */
	const char *outcome;	/* and what it did, for a uevent; or NULL */
	char text[128];
};

/**
 * struct dmr_jobs - jobs of a system
 * @mutex: protects jobs and their list; no I/O.
 * @list: struct dmr_job, oldest first.
 * @next: id of the next one.
 * @reaper: drops expired jobs.
 */
struct dmr_jobs {
	struct mutex mutex;
	struct list_head list;
	u64 next;
	struct delayed_work reaper;
};

void dmr_jobs_init(struct dmr_jobs *jobs);
struct dmr_job *dmr_job_new(struct dmr_system *sys, u32 type, const char *text,
			    const struct dmr_owner *owner);
void dmr_job_about(struct dmr_job *job, const struct dmr_op *op);
void dmr_job_outcome(struct dmr_job *job, const struct dmr_uevent *uevent);
void dmr_job_report(struct dmr_job *job);
void dmr_job_run(struct dmr_job *job);
void dmr_job_turn(struct dmr_job *job, bool begun, bool notify);
void dmr_job_decide(struct dmr_job *job, u32 code, int err, u64 point);
void dmr_job_progress(struct dmr_job *job, u32 percent);
void dmr_job_end(struct dmr_job *job, u32 code, const char *text);
void dmr_job_terminate(struct dmr_job *job, u32 code, const char *text);
struct dmr_job *dmr_job_find(struct dmr_system *sys, u64 id);
void dmr_job_put(struct dmr_job *job);
void dmr_job_forget_all(struct dmr_system *sys, const char *why);
void dmr_job_expire(struct dmr_system *sys, bool all);

#endif /* DMR_JOB_H */
