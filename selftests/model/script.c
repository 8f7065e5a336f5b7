// SPDX-License-Identifier: GPL-2.0
/*
 * Scripts: a list of operations as text, one in a line; a run writes it and another one
 * follows it.  The number of the line is the number of the operation, and that of its writes;
 * blank lines and comments do not count.
 *
 *	write live v1 1234+8		view, disk, first sector and how many
 *	flush head v0
 *	check test			the whole view
 *	point 3, failover 3, drop 3	by a number of the script's own; 0: the newest
 *	rate 262144			bytes per second
 *
 * start-... does not wait for the end of the I/O; wait does.
 */
#include "model.h"

enum shape { BARE, IO, DISK, VIEW, NUMBER };

const char * const what_name[WHATS] = {
	"fill", "write", "fua", "storm", "zeroes", "punch", "discard", "start-write", "start-fua",
	"read", "start-read", "flush",
	"check", "wait", "point", "drop", "failover", "revert", "revert-open", "test", "stop",
	"stop-open", "suspend", "resume", "hold", "release", "rate", "keep-last", "keep-within",
	"keep-hourly", "policy", "reserve", "grow", "attach", "points", "sleep", "commit",
	"commit-amid", "recreate", "plain", "flatten",
	"remove", "pause", "go on",
};

static enum shape shape(enum what what)
{
	switch (what) {
	case WRITE ... START_READ:
		return IO;
	case FLUSH:
		return DISK;
	case CHECK:
		return VIEW;
	case POINT ... FAILOVER:
	case TEST_START:
	case RATE ... RESERVE:
	case SLEEP:
		return NUMBER;
	default:
		return BARE;
	}
}

void script_add(struct script *s, struct op op)
{
	if (s->nr == s->max) {
		s->max = s->max ? s->max * 2 : 4096;
		s->op = realloc(s->op, s->max * sizeof(*s->op));
		if (!s->op)
			die("out of memory");
	}
	s->op[s->nr++] = op;
}

const char *op_text(const struct op *o, char *to, size_t size)
{
	switch (shape(o->what)) {
	case IO:
		snprintf(to, size, "%s %s %s %llu+%u", what_name[o->what], view_name[o->view],
			 disks[o->disk].disk, (unsigned long long)o->sector, o->sectors);
		break;
	case DISK:
		snprintf(to, size, "%s %s %s", what_name[o->what], view_name[o->view],
			 disks[o->disk].disk);
		break;
	case VIEW:
		snprintf(to, size, "%s %s", what_name[o->what], view_name[o->view]);
		break;
	case NUMBER:
		snprintf(to, size, "%s %llu", what_name[o->what], (unsigned long long)o->sector);
		break;
	case BARE:
		snprintf(to, size, "%s", what_name[o->what]);
	}
	return to;
}

void script_write(const struct script *s, const char *path)
{
	FILE *f = fopen(path, "w");
	char line[128];

	if (!f)
		die("cannot open %s: %m", path);
	for (long i = 0; i < s->nr; i++)
		fprintf(f, "%s\n", op_text(&s->op[i], line, sizeof(line)));
	if (fclose(f))
		die("cannot write %s: %m", path);
}

static bool parse_what(struct op *o, const char *word)
{
	int what;

	for (what = 0; what <= LAST_OP && strcmp(word, what_name[what]); what++)
		;
	o->what = what;
	return what <= LAST_OP;
}

static bool parse_view(struct op *o, const char *word)
{
	int v;

	for (v = 0; v < VIEWS && strcmp(word, view_name[v]); v++)
		;
	o->view = v;
	return v < VIEWS;
}

static bool parse_disk(struct op *o, const char *word)
{
	int d;

	for (d = 0; d < nr_disks && strcmp(word, disks[d].disk); d++)
		;
	o->disk = d;
	return d < nr_disks;
}

static bool parse_place(struct op *o, const char *word)
{
	unsigned long long sector;
	char rest;

	if (sscanf(word, "%llu+%u%c", &sector, &o->sectors, &rest) != 2)
		return false;
	o->sector = sector;
	return o->sectors && sector + o->sectors <= disks[o->disk].sectors &&
	       (o->sectors <= MAX_SECTORS || o->what == STORM || o->what == ZEROES ||
		o->what == PUNCH || o->what == DISCARD);
}

static bool parse(struct op *o, const char *line)
{
	char w[4][32] = { "", "", "", "" }, rest;
	int nr = sscanf(line, "%31s %31s %31s %31s %c", w[0], w[1], w[2], w[3], &rest);

	if (!parse_what(o, w[0]))
		return false;
	switch (shape(o->what)) {
	case IO:
		return nr == 4 && parse_view(o, w[1]) && parse_disk(o, w[2]) &&
		       parse_place(o, w[3]);
	case DISK:
		return nr == 3 && parse_view(o, w[1]) && parse_disk(o, w[2]);
	case VIEW:
		return nr == 2 && parse_view(o, w[1]);
	case NUMBER:
		o->sector = strtoull(w[1], NULL, 10);
		return nr == 2;
	default:
		return nr == 1;
	}
}

void script_read(struct script *s, const char *path)
{
	FILE *f = fopen(path, "r");
	char line[256];

	if (!f)
		die("cannot open %s: %m", path);
	while (fgets(line, sizeof(line), f)) {
		struct op o = { 0 };

		line[strcspn(line, "#\n")] = 0;
		if (!line[strspn(line, " \t")])
			continue;
		if (!parse(&o, line))
			die("%s: no operation: %s", path, line);
		script_add(s, o);
	}
	fclose(f);
}
