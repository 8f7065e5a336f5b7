// SPDX-License-Identifier: GPL-2.0
/*
 * Marks in the record: each request before it is made, each answer when it is there, by one
 * writev() to a file opened with O_APPEND, so that its place among helper-nbd's entries is
 * right.
 */
#include "life.h"

#include <stdarg.h>
#include <sys/stat.h>
#include <sys/uio.h>

atomic_ullong next_seq = 1;
static int fd = -1;

void record_open(const char *path)
{
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		die("%s: %m", path);
}

uint64_t record_bytes(void)
{
	struct stat st;

	if (fstat(fd, &st))
		die("record: %m");
	return st.st_size;
}

void mark(struct rec *r, const void *data)
{
	struct iovec v[2] = { { r, sizeof(*r) }, { (void *)data, r->bytes } };

	r->magic = REC_MAGIC;
	if (writev(fd, v, 2) != (ssize_t)(sizeof(*r) + r->bytes))
		die("record: %m");
}

void mark_note(const char *fmt, ...)
{
	struct rec r = { .type = REC_NOTE, .thread = CONTROL };
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	r.bytes = strlen(text);
	mark(&r, text);
}

void mark_done(const struct rec *asked, int result, uint64_t arg)
{
	struct rec r = *asked;

	r.type++;
	r.bytes = 0;
	r.result = result;
	r.arg = arg;
	mark(&r, NULL);
}
