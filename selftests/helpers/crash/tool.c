// SPDX-License-Identifier: GPL-2.0
/* replicactl: operations, and the state that it shows. */
#include "crash.h"

static int __attribute__((format(printf, 3, 4))) run(char *said, size_t size, const char *fmt, ...)
{
	char line[512];
	va_list args;
	size_t n;
	FILE *f;
	int rc;

	n = snprintf(line, sizeof(line), "%s ", tool);
	va_start(args, fmt);
	n += vsnprintf(line + n, sizeof(line) - n, fmt, args);
	va_end(args);
	snprintf(line + n, sizeof(line) - n, " 2>&1");
	f = popen(line, "re");
	if (!f)
		die("%s: %m", line);
	n = fread(said, 1, size - 1, f);
	said[n] = 0;
	rc = pclose(f);
	return WIFEXITED(rc) ? WEXITSTATUS(rc) : 99;
}

void __attribute__((format(printf, 3, 4))) must(char *said, size_t size, const char *fmt, ...)
{
	char args[256];
	va_list list;
	int rc;

	va_start(list, fmt);
	vsnprintf(args, sizeof(args), fmt, list);
	va_end(list);
	rc = run(said, size, "%s", args);
	if (rc)
		die("%s: status %d: %s", args, rc, said);
}

/* The next number of that name in JSON. */
static uint64_t number(char **at, const char *key, bool must_be)
{
	char pattern[64], *p;

	snprintf(pattern, sizeof(pattern), "\"%s\":", key);
	p = strstr(*at, pattern);
	if (!p && must_be)
		die("no %s in %s", key, *at);
	if (!p)
		return 0;
	*at = p + strlen(pattern);
	return strtoull(*at, at, 10);
}

uint64_t status(const char *key)
{
	char said[16384], *at = said;

	must(said, sizeof(said), "status %s --json", name);
	return number(&at, key, true);
}

int point_list(uint64_t *to)
{
	char said[16384], *at = said;
	uint64_t n;
	int nr = 0;

	must(said, sizeof(said), "recovery-point list %s --json", name);
	while ((n = number(&at, "number", false))) {
		if (nr > MAX_POINTS)
			die("more points than were made: %s", said);
		to[nr++] = n;
	}
	return nr;
}

void op(int what, uint64_t arg)
{
	char said[4096];
	uint64_t answer = arg;
	char *p;

	note_op(R_OP, what, arg, 0);
	switch (what) {
	case OP_POINT:
		must(said, sizeof(said), "recovery-point create %s", name);
		p = strstr(said, "recovery point ");
		if (!p)
			die("no number in: %s", said);
		answer = strtoull(p + 15, NULL, 10);
		if (answer <= m.last_point)
			die("point %llu after %llu", (unsigned long long)answer,
			    (unsigned long long)m.last_point);
		break;
	case OP_DROP:
		must(said, sizeof(said), "recovery-point drop --yes %s %llu", name,
		     (unsigned long long)arg);
		break;
	case OP_FAILOVER:
		must(said, sizeof(said), "failover %s --point %llu", name,
		     (unsigned long long)arg);
		break;
	case OP_REVERT:
		must(said, sizeof(said), "revert %s --yes --no-wait", name);
		break;
	}
	note_op(R_ANSWER, what, answer, 0);
}

int open_view(int view, int disk, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/dev/mapper/%s-vd%c%s", name, 'a' + disk,
		 view == HEAD ? "-replica" : "");
	fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC | flags);
	if (fd < 0)
		die("%s: %m", path);
	return fd;
}
