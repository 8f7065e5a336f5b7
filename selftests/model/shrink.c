// SPDX-License-Identifier: GPL-2.0
/*
 * Shrinking: find, in the given time, the shortest script that fails in the same way as a
 * failing one.  Each try is a run of its own, on a system made anew over the same devices.
 *
 * Try first, in large pieces, to remove operations that most likely have nothing to do with
 * the failure: those after it, I/O to other places, all of a kind.  Then halves, quarters and
 * so on down to single operations (delta debugging).
 */
#include "model.h"

#include <signal.h>
#include <sys/wait.h>

#define NEAR	2048		/* sectors: so far around the wrong one I/O may matter */
#define TRY	40		/* s that a try may take */

static char script_path[64], said_path[64], kind[200];
static struct script best;
static double until;
static int tries;
static bool hung;

/* The text of a failure, without the numbers. */
static void kind_of(const char *line, char *to, size_t size)
{
	const char *at = strstr(line, "): ");
	size_t n = 0;

	for (at = at ? at + 3 : line; *at && *at != '\n' && n + 1 < size; at++)
		if (*at < '0' || *at > '9')
			to[n++] = *at;
	to[n] = 0;
}

struct outcome {
	bool failed;
	char kind[200];
	long op;			/* where */
	int disk;			/* and the wrong sector, or -1 */
	long long sector;
};

static void outcome_read(struct outcome *o)
{
	FILE *f = fopen(said_path, "r");
	char line[1024];

	*o = (struct outcome){ .disk = -1 };
	while (f && fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, ", disk ");

		if (at && o->disk < 0 && !strncmp(line, "# op ", 5))
			sscanf(at, ", disk %d, sector %lld", &o->disk, &o->sector);
		if (strncmp(line, "FAILED ", 7))
			continue;
		o->failed = true;
		kind_of(line, o->kind, sizeof(o->kind));
		at = strstr(line, ", op ");
		o->op = at ? atol(at + 5) : 0;
	}
	if (f)
		fclose(f);
}

/* This program, with the script in place of its own options. */
static void run_child(void)
{
	static const char * const without[] = { "--mode", "--script", "--script-out", "--seconds",
						"--ops" };
	char *argv[64];
	int n = 0;

	setpgid(0, 0);
	argv[n++] = arguments[0];
	for (int i = 1; arguments[i] && arguments[i + 1] && n < 60; i += 2) {
		bool take = true;

		for (unsigned int k = 0; k < 5; k++)
			if (!strcmp(arguments[i], without[k]))
				take = false;
		if (!take)
			continue;
		argv[n++] = arguments[i];
		argv[n++] = arguments[i + 1];
	}
	argv[n++] = (char *)"--script";
	argv[n++] = script_path;
	argv[n] = NULL;
	if (!freopen(said_path, "w", stdout) || dup2(1, 2) < 0)
		_exit(70);
	execv("/proc/self/exe", argv);
	_exit(70);
}

/* Wait until @pid ends or it is too late.  Return: false if it cannot be killed. */
static bool child_ends(pid_t pid)
{
	double late = now() + TRY, dead = late + 30;
	bool killed = false;

	while (!waitpid(pid, NULL, WNOHANG)) {
		if (!killed && now() > late) {
			kill(-pid, SIGKILL);
			killed = true;
		}
		if (now() > dead)
			return false;
		usleep(5000);
	}
	return true;
}

static void try_script(const struct script *s, struct outcome *o)
{
	pid_t pid;

	*o = (struct outcome){ .disk = -1 };
	script_write(s, script_path);
	unlink(said_path);
	fflush(stdout);
	tries++;
	pid = fork();
	if (!pid)
		run_child();
	if (pid < 0 || !child_ends(pid))
		hung = true;
	else
		outcome_read(o);
}

static void cut_after(struct script *s, const struct outcome *o)
{
	if (o->op > 0 && o->op < s->nr)
		s->nr = o->op;
}

static bool time_left(void)
{
	return !hung && now() < until;
}

/*
 * The script without the operations of @out.  Return: true if it fails still; then it is the
 * best.
 */
static bool try_without(bool (*out)(const struct op *op, long at, const long *arg),
			const long *arg, struct outcome *o)
{
	struct script s = { 0 };
	bool same = false;

	for (long i = 0; i < best.nr; i++)
		if (!out(&best.op[i], i, arg))
			script_add(&s, best.op[i]);
	if (s.nr && s.nr < best.nr && time_left()) {
		struct outcome got;

		try_script(&s, &got);
		same = got.failed && !strcmp(got.kind, kind);
		if (same) {
			cut_after(&s, &got);
			*o = got;
		}
	}
	if (!same) {
		free(s.op);
		return false;
	}
	free(best.op);
	best = s;
	return true;
}

static bool is_io(const struct op *op)
{
	return op->what >= WRITE && op->what <= START_READ;
}

/* The last operation fails: it stays.  Kinds, disk, place, distance from it. */
static bool noise(const struct op *op, long at, const long *arg)
{
	if (at == best.nr - 1)
		return false;
	if (arg[0] >> op->what & 1)
		return true;
	return arg[1] >= 0 && is_io(op) &&
	       (op->disk != arg[1] || (long)(op->sector + op->sectors) < arg[2] - arg[3] ||
		(long)op->sector > arg[2] + arg[3]);
}

static bool of_view(const struct op *op, long at, const long *arg)
{
	return op->what <= CHECK && op->what != FILL && op->view == arg[0] && at < best.nr - 1;
}

static bool in_part(const struct op *op, long at, const long *arg)
{
	(void)op;
	return at >= arg[0] && at < arg[0] + arg[1];
}

#define KIND(what)	(1L << (what))

/* With the vacuum held from the beginning the failure may not depend on its speed. */
static void try_held(struct outcome *o)
{
	const long out = KIND(HOLD) | KIND(RELEASE) | KIND(RATE) | KIND(ATTACH);
	struct script s = { 0 };
	struct outcome got;

	script_add(&s, (struct op){ .what = HOLD });
	for (long i = 0; i < best.nr; i++)
		if (!(out >> best.op[i].what & 1))
			script_add(&s, best.op[i]);
	try_script(&s, &got);
	if (!got.failed || strcmp(got.kind, kind)) {
		free(s.op);
		return;
	}
	cut_after(&s, &got);
	free(best.op);
	best = s;
	*o = got;
}

/* All at once, or else one group after the other: a try costs seconds. */
static void large_pieces(struct outcome *o)
{
	static const long groups[] = {
		KIND(FLUSH) | KIND(POINTS) | KIND(READ) | KIND(START_READ) | KIND(CHECK) |
		KIND(GROW) | KIND(REVERT_OPEN) | KIND(TEST_STOP_OPEN) | KIND(WAIT) | KIND(SLEEP),
		KIND(SUSPEND) | KIND(RESUME) | KIND(KEEP_LAST) | KIND(KEEP_WITHIN) |
		KIND(KEEP_HOURLY) | KIND(POLICY) | KIND(RESERVE),
		KIND(RECREATE) | KIND(COMMIT) | KIND(ATTACH),
		KIND(STORM) | KIND(DISCARD) | KIND(PUNCH) | KIND(ZEROES),
		KIND(TEST_START) | KIND(TEST_STOP),
		KIND(HOLD) | KIND(RELEASE) | KIND(RATE),
		KIND(DROP), KIND(FILL),
	};
	const int nr = sizeof(groups) / sizeof(groups[0]);
	long arg[] = { 0, o->disk, o->sector, 64 };
	int i;

	for (i = 0; i < 4; i++)
		arg[0] |= groups[i];
	if (!try_without(noise, arg, o)) {
		arg[0] = 0;
		if (o->disk >= 0 && !try_without(noise, arg, o)) {
			arg[3] = NEAR;
			try_without(noise, arg, o);
		}
		arg[1] = -1;
		for (i = 0; i < 4; i++) {
			arg[0] = groups[i];
			try_without(noise, arg, o);
		}
	}
	arg[1] = -1;
	for (i = 4; i < nr; i++) {
		arg[0] = groups[i];
		try_without(noise, arg, o);
	}
	for (long view = TEST; view >= HEAD; view--)
		try_without(of_view, &view, o);
}

/* Old operations first: a failure mostly needs those near its end. */
static void delta_debug(struct outcome *o)
{
	long size = (best.nr + 1) / 2;

	while (size && time_left()) {
		bool any = false;

		for (long at = 0; at < best.nr && time_left();) {
			long piece[] = { at, size };

			if (try_without(in_part, piece, o))
				any = true;
			else
				at += size;
		}
		if (size == 1 && !any)
			break;
		if (size > 1)
			size = size > best.nr ? (best.nr + 1) / 2 : (size + 1) / 2;
	}
}

static void print_file(const char *path)
{
	char line[1024];
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f))
		say("# %s", line[0] == '#' ? line + 2 : line);
	if (f)
		fclose(f);
}

void shrink(void)
{
	struct outcome o;
	double began = now();
	long all;

	until = began + (seconds ? seconds : 180);
	snprintf(script_path, sizeof(script_path), "/tmp/%s-try", name);
	snprintf(said_path, sizeof(said_path), "/tmp/%s-said", name);
	script_read(&best, script_in);
	all = best.nr;
	for (int i = 0; i < 3; i++) {
		try_script(&best, &o);
		if (o.failed || !time_left())
			break;
	}
	if (!o.failed) {
		say("# not shrunk: the script does not fail again in %d tries%s\n", tries,
		    hung ? "; one cannot be killed" : "");
		return;
	}
	snprintf(kind, sizeof(kind), "%s", o.kind);
	cut_after(&best, &o);
	try_held(&o);
	large_pieces(&o);
	delta_debug(&o);
	say("# shrunk from %ld operations to %ld, in %d tries and %.0f s%s:\n", all, best.nr, tries,
	    now() - began, hung ? ", until one could not be killed" : "");
	script_write(&best, script_path);
	say("# ---\n");
	print_file(script_path);
	say("# ---\n");
	if (hung)
		return;
	try_script(&best, &o);
	say("# its output:\n");
	print_file(said_path);
}
