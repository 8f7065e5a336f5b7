/* SPDX-License-Identifier: GPL-2.0-only */
/* The job that moves home. */
#ifndef DMR_MOVE_JOB_H
#define DMR_MOVE_JOB_H

#include <linux/types.h>

struct dmr_job;
struct dmr_system;

void dmr_move_job_begin(struct dmr_system *sys, struct dmr_job *job);
void dmr_move_job_resume(struct dmr_system *sys);
void dmr_move_job_progress(struct dmr_system *sys, u64 bytes);
void dmr_move_job_counted(struct dmr_system *sys, u64 left);
bool dmr_move_job_pass_done(struct dmr_system *sys, bool skipped, u64 errors, s64 moved);
int dmr_move_job_request(struct dmr_system *sys, struct dmr_job *job, u32 request,
			 const char **msg);
bool dmr_move_job_running(struct dmr_system *sys);
void dmr_move_job_finish(struct dmr_system *sys);
void dmr_move_job_terminate(struct dmr_system *sys, const char *why);

#endif /* DMR_MOVE_JOB_H */
