// SPDX-License-Identifier: GPL-2.0-only
/* The context: result and warnings of a call; growing lists. */
#include <stdlib.h>
#include <string.h>

#include <netlink/netlink.h>

#include "private.h"

#define DEFAULT_CONF_DIR	"/etc/dm-replica/systems.d"
#define DEFAULT_RUN_DIR		"/run/dm-replica"
#define DEFAULT_STATE_DIR	"/var/lib/dm-replica"

struct dmreplica *dmreplica_new(void)
{
	struct dmreplica *ctx = calloc(1, sizeof(*ctx));
	const char *dir = getenv("DM_REPLICA_CONFDIR");
	const char *files = getenv("DM_REPLICA_TEST_FILES");

	if (!ctx)
		return NULL;
	snprintf(ctx->conf_dir, sizeof(ctx->conf_dir), "%s", dir && *dir ? dir : DEFAULT_CONF_DIR);
	/* Another directory of files has its own locks and its own record of sequence numbers. */
	snprintf(ctx->state_dir, sizeof(ctx->state_dir), dir && *dir ? "%s/.state" : "%s",
		 dir && *dir ? dir : DEFAULT_STATE_DIR);
	snprintf(ctx->run_dir, sizeof(ctx->run_dir), dir && *dir ? "%s/.run" : "%s",
		 dir && *dir ? dir : DEFAULT_RUN_DIR);
	ctx->test_files = files && !strcmp(files, "1");
	return ctx;
}

void dmreplica_free(struct dmreplica *ctx)
{
	if (!ctx)
		return;
	if (ctx->sock)
		nl_socket_free(ctx->sock);
	dmrl_taken_forget(ctx);
	free(ctx);
}

const char *dmreplica_message(const struct dmreplica *ctx)
{
	return ctx->message;
}

const char *dmreplica_hint(const struct dmreplica *ctx)
{
	return ctx->hint;
}

void dmreplica_on_warning(struct dmreplica *ctx, void (*warn)(void *arg, const char *text),
			  void *arg)
{
	ctx->warn = warn;
	ctx->warn_arg = arg;
}

void dmreplica_on_progress(struct dmreplica *ctx,
			   void (*progress)(void *arg, const char *what, uint64_t done,
					    uint64_t total),
			   void *arg)
{
	ctx->progress = progress;
	ctx->progress_arg = arg;
}

void dmrl_progress(struct dmreplica *ctx, const char *what, u64 done, u64 total)
{
	if (ctx->progress)
		ctx->progress(ctx->progress_arg, what, done, total);
}

void dmreplica_list_free(void *list)
{
	free(list);
}

void dmrl_clear(struct dmreplica *ctx)
{
	ctx->code = 0;
	ctx->err = 0;
	ctx->message[0] = 0;
	ctx->hint[0] = 0;
}

static int fail_va(struct dmreplica *ctx, int code, const char *fmt, va_list args)
{
	ctx->code = code;
	ctx->hint[0] = 0;
	vsnprintf(ctx->message, sizeof(ctx->message), fmt, args);
	return code;
}

int dmrl_fail(struct dmreplica *ctx, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fail_va(ctx, code, fmt, args);
	va_end(args);
	return code;
}

int dmrl_fail_errno(struct dmreplica *ctx, int err, const char *fmt, ...)
{
	int code = dmrl_code_of_local_errno(err);
	va_list args;

	va_start(args, fmt);
	fail_va(ctx, code, fmt, args);
	va_end(args);
	dmrl_append(ctx, ": %s", strerror(err));
	if (code == DM_REPLICA_CODE_ACCESS_DENIED)
		dmrl_hint(ctx, "only root (CAP_SYS_ADMIN) may do this; try again with sudo");
	return code;
}

int dmrl_no_memory(struct dmreplica *ctx)
{
	return dmrl_fail(ctx, DM_REPLICA_CODE_NO_MEMORY, "out of memory");
}

int dmrl_hint(struct dmreplica *ctx, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(ctx->hint, sizeof(ctx->hint), fmt, args);
	va_end(args);
	return ctx->code;
}

int dmrl_append(struct dmreplica *ctx, const char *fmt, ...)
{
	size_t len = strlen(ctx->message);
	va_list args;

	va_start(args, fmt);
	vsnprintf(ctx->message + len, sizeof(ctx->message) - len, fmt, args);
	va_end(args);
	return ctx->code;
}

void dmrl_warn(struct dmreplica *ctx, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	if (!ctx->warn)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ctx->warn(ctx->warn_arg, text);
}

void *dmrl_list_add(struct dmrl_list *list)
{
	char *item;

	if (list->nr == list->room) {
		size_t room = list->room ? list->room * 2 : 8;
		void *items = reallocarray(list->items, room, list->size);

		if (!items)
			return NULL;
		list->items = items;
		list->room = room;
	}
	item = (char *)list->items + list->nr++ * list->size;
	memset(item, 0, list->size);
	return item;
}

void *dmrl_list_end(struct dmrl_list *list, int code,
		    int (*compare)(const void *a, const void *b), size_t *nr)
{
	if (code) {
		free(list->items);
		*nr = 0;
		return NULL;
	}
	if (compare && list->nr)
		qsort(list->items, list->nr, list->size, compare);
	*nr = list->nr;
	return list->items;
}

void dmreplica_set_patience(struct dmreplica *ctx, unsigned int ms)
{
	ctx->patience_ms = ms;
}
