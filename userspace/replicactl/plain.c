// SPDX-License-Identifier: GPL-2.0-only
/*
 * Output without control characters for the terminal.
 *
 * Unprivileged users choose names of processes, mount points and stores, and root reads
 * them on a terminal.  Standard output and standard error go through a filter that replaces
 * control characters (but line feed and tab) and the marks of Unicode that hide or reverse
 * text by question marks.  JSON bypasses it: its writer escapes control characters, and its
 * reader needs the exact bytes.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "replicactl.h"

struct plain {
	int fd;
	unsigned char held[3];	/* first bytes of a possible mark */
	unsigned int nr_held;
};

static struct plain out = { .fd = STDOUT_FILENO }, err = { .fd = STDERR_FILENO };
static FILE *raw_out;

static int put(int fd, const unsigned char *bytes, size_t nr)
{
	ssize_t n;

	while (nr) {
		n = write(fd, bytes, nr);
		if (n < 0)
			return -1;
		bytes += n;
		nr -= n;
	}
	return 0;
}

/* Return: length of a character with this first byte if it may be a mark, else 0. */
static unsigned int mark_length(unsigned char first)
{
	if (first == 0xc2 || first == 0xd8)
		return 2;
	return first == 0xe2 || first == 0xef ? 3 : 0;
}

static bool is_mark(const unsigned char *c)
{
	uint32_t code = mark_length(c[0]) == 2 ? (c[0] & 0x1fu) << 6 | (c[1] & 0x3f) :
			(c[0] & 0xfu) << 12 | (c[1] & 0x3fu) << 6 | (c[2] & 0x3f);

	return (code >= 0x80 && code < 0xa0) ||		/* C1 controls */
	       code == 0x61c ||				/* Arabic letter mark */
	       (code >= 0x200b && code <= 0x200f) ||	/* zero width, left to right, right to left */
	       (code >= 0x2028 && code <= 0x202e) ||	/* separators, embeddings, overrides */
	       (code >= 0x2060 && code <= 0x206f) ||	/* joiners, isolates */
	       code == 0xfeff;
}

static ssize_t plain_write(void *cookie, const char *buf, size_t size)
{
	struct plain *p = cookie;
	unsigned char text[1024];
	size_t i, n = 0;

	for (i = 0; i < size; i++) {
		unsigned char c = buf[i];

		if (n + sizeof(p->held) + 1 > sizeof(text)) {
			if (put(p->fd, text, n))
				return 0;
			n = 0;
		}
		if (p->nr_held && (c & 0xc0) == 0x80) {
			p->held[p->nr_held++] = c;
			if (p->nr_held < mark_length(p->held[0]))
				continue;
			if (is_mark(p->held)) {
				text[n++] = '?';
			} else {
				memcpy(text + n, p->held, p->nr_held);
				n += p->nr_held;
			}
			p->nr_held = 0;
			continue;
		}
		/* The held bytes are not a character. */
		memcpy(text + n, p->held, p->nr_held);
		n += p->nr_held;
		p->nr_held = 0;
		if (mark_length(c))
			p->held[p->nr_held++] = c;
		else
			text[n++] = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ? '?' : c;
	}
	return put(p->fd, text, n) ? 0 : (ssize_t)size;
}

static FILE *filter(struct plain *p, int mode)
{
	FILE *f = fopencookie(p, "w", (cookie_io_functions_t){ .write = plain_write });

	if (f)
		setvbuf(f, NULL, mode, BUFSIZ);
	return f;
}

/* Start the filter.  Without memory for it the output stays unfiltered. */
void plain_output(void)
{
	FILE *o, *e;

	if (raw_out)
		return;
	o = filter(&out, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF);
	e = filter(&err, _IOLBF);
	raw_out = stdout;
	if (o)
		stdout = o;
	if (e)
		stderr = e;
}

/* Print unfiltered, after flushing the filter: JSON, and progress on one line. */
void raw_output(const char *text)
{
	FILE *f = raw_out ? raw_out : stdout;

	fflush(stdout);
	fputs(text, f);
	fflush(f);
}

/* Has any output failed? */
bool output_failed(void)
{
	return fflush(stdout) || ferror(stdout) || (raw_out && ferror(raw_out));
}
