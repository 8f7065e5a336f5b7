// SPDX-License-Identifier: GPL-2.0-only
/* Another process makes the requests: what comes back from it, and what does not. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <private.h>
#include "unit.h"

#define CODE	DM_REPLICA_CODE_IN_USE

static bool udev_dead;
static unsigned int warnings;

/* What the rest of the library does. */

bool dmrl_dm_udev_dead(bool found)
{
	udev_dead |= found;
	return udev_dead;
}

u64 dmrl_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

void dmrl_warn(struct dmreplica *ctx, const char *fmt, ...)
{
	(void)fmt;
	if (ctx->apart)
		ctx->warn(ctx->warn_arg, "a warning");
	else
		warnings++;
}

static int refuse(struct dmreplica *ctx, int code, const char *fmt, va_list args)
{
	ctx->code = code;
	vsnprintf(ctx->message, sizeof(ctx->message), fmt, args);
	return code;
}

int dmrl_fail(struct dmreplica *ctx, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	refuse(ctx, code, fmt, args);
	va_end(args);
	return code;
}

int dmrl_fail_errno(struct dmreplica *ctx, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	refuse(ctx, DM_REPLICA_CODE_FAILED, fmt, args);
	va_end(args);
	ctx->err = err;
	return ctx->code;
}

static struct dmreplica *context(void)
{
	struct dmreplica *ctx = unit_alloc(sizeof(*ctx));

	ctx->patience_ms = 1;
	udev_dead = false;
	warnings = 0;
	return ctx;
}

static int is_refused(struct dmreplica *ctx, void *arg)
{
	*(int *)arg = 1;
	dmrl_warn(ctx, "a warning");
	udev_dead = true;
	ctx->err = EBUSY;
	snprintf(ctx->hint, sizeof(ctx->hint), "a hint");
	return dmrl_fail(ctx, CODE, "a reason");
}

TEST(apart_reports)
{
	struct dmreplica *ctx = context();
	int seen = 0;
	bool hung;

	CHECK_EQ(dmrl_apart(ctx, false, is_refused, &seen, &hung), CODE);
	CHECK(!hung && !seen && !ctx->apart);
	CHECK(ctx->code == CODE && ctx->err == EBUSY && warnings == 1);
	CHECK(!strcmp(ctx->message, "a reason") && !strcmp(ctx->hint, "a hint"));
	/* Or each attach of many waits for udevd again. */
	CHECK(udev_dead);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static int is_killed(struct dmreplica *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	return raise(SIGKILL);
}

TEST(apart_killed)
{
	struct dmreplica *ctx = context();
	bool hung;

	CHECK_EQ(dmrl_apart(ctx, false, is_killed, NULL, &hung), DM_REPLICA_CODE_FAILED);
	CHECK(!hung && strstr(ctx->message, "was killed"));
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static int hangs(struct dmreplica *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	while (pause())
		;
	return 0;
}

TEST(apart_hangs)
{
	struct dmreplica *ctx = context();
	int status;
	bool hung;

	CHECK_EQ(dmrl_apart(ctx, true, hangs, NULL, &hung), 0);
	CHECK(hung);
	CHECK(waitpid(-1, &status, 0) > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}
