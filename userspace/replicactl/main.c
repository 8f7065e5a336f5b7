// SPDX-License-Identifier: GPL-2.0-only
/* replicactl: the command line of dm-replica. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replicactl.h"

#define OPT_HELP	1000

static const struct command commands[] = {
	{ "create", cmd_create,
	  "NAME --store DEVICE --disk DISK=DEVICE [--disk ...] [OPTION...]",
	  "make a system: format its store and write its file",
	  "  --store DEVICE      the block device that becomes the store; what is on it is lost\n"
	  "  --disk DISK=DEVICE  name and home of a disk; its content stays as it is\n"
	  "  --chunk-size SIZE   16K to 256K, a power of two (default 64K)\n"
	  "  --uuid UUID         of the system (default: a random one)\n"
	  "  --force             overwrite a store that has something on it\n" },
	{ "attach", cmd_attach, "NAME|--all [--take-over] [--accept-homes]",
	  "check store and homes, make the devices",
	  "  --all           every system that is known and not attached\n"
	  "  --take-over     although another host has it active; be sure that host is dead\n"
	  "  --accept-homes  although homes are other devices than the store names\n" },
	{ "detach", cmd_detach, "NAME|--all", "remove the devices; state and content stay",
	  "  --all  every system that is attached\n" },
	{ "scan", cmd_scan, "[--write] [--json] [DEVICE...]", "look for stores on block devices",
	  "  --write  write the file of each system found whose homes are all there\n"
	  "  --json   as JSON\n" },
	{ "list", cmd_list, "[--json]", "all systems, attached or not", "  --json  as JSON\n" },
	{ "status", cmd_status, "[NAME...] [--json]", "everything about a system",
	  "  --json  as JSON\n" },
	{ "recovery-point create", cmd_point_create, "NAME [--kind KIND] [--label TEXT]",
	  "make a recovery point of all disks",
	  "  --kind KIND   standard (default), application-consistent or planned\n"
	  "  --label TEXT  a name to know it by, at most 39 bytes\n"
	  "  --timeout S   give up if the disks cannot be drained in S seconds,\n"
	  "                10 by default, 600 at most\n" },
	{ "recovery-point list", cmd_point_list, "NAME [--json]", "the recovery points of a system",
	  "  --json  as JSON\n" },
	{ "recovery-point drop", cmd_point_drop, "NAME NUMBER", "drop a recovery point", NULL },
	{ "failover", cmd_failover, "NAME [--point N] [--no-wait] [--timeout S]",
	  "bring the failover devices online at a recovery point",
	  "  --point N    number of the recovery point (default: the newest)\n"
	  "  --no-wait    do not wait for the job, if there is one\n"
	  "  --timeout S  give up if the disks cannot be drained in S seconds,\n"
	  "               10 by default, 600 at most\n" },
	{ "revert", cmd_revert, "NAME [--yes] [--no-wait] [--timeout S]",
	  "throw away what was written since the failover",
	  "  --yes        do not ask\n"
	  "  --no-wait    do not wait for the space to be reclaimed\n"
	  "  --timeout S  give up if the disks cannot be drained in S seconds,\n"
	  "               10 by default, 600 at most\n" },
	{ "test-failover start", cmd_test_start, "NAME [--point N] [--no-wait] [--timeout S]",
	  "bring the test devices online, beside all else",
	  "  --point N    number of the recovery point (default: the newest)\n"
	  "  --no-wait    do not wait for the job, if there is one\n"
	  "  --timeout S  give up if the disks cannot be drained in S seconds,\n"
	  "               10 by default, 600 at most\n" },
	{ "test-failover stop", cmd_test_stop, "NAME [--yes] [--no-wait] [--timeout S]",
	  "throw away what was written in the test",
	  "  --yes        do not ask\n"
	  "  --no-wait    do not wait for the space to be reclaimed\n"
	  "  --timeout S  give up if the disks cannot be drained in S seconds,\n"
	  "               10 by default, 600 at most\n" },
	{ "job list", cmd_job_list, "[NAME] [--json]", "jobs, until five minutes after their end",
	  "  --json  as JSON\n" },
	{ "job show", cmd_job_show, "NAME ID [--json]", "one job", "  --json  as JSON\n" },
	{ "job wait", cmd_job_wait, "NAME ID [--timeout S]",
	  "wait for a job, end with the code it ended with",
	  "  --timeout S  wait at most S seconds\n" },
	{ "monitor", cmd_monitor, "[--json]", "what there is, then every change as it comes",
	  "  --json  one JSON object on each line\n" },
	{ "check", cmd_check, "STORE|NAME [--repair no] [--json]",
	  "check a store, without the module and changing nothing",
	  "  --repair no  change nothing, which is also the default\n"
	  "  --json       as JSON\n" },
	{ "dump", cmd_dump, "STORE|NAME [--log] [--json]", "the superblocks of a store, field by field",
	  "  --log   the records of the log as well\n"
	  "  --json  as JSON\n" },
	{ "vacuum", cmd_vacuum, "NAME --hold|--release",
	  "hold the vacuum and the one-second commit still, for tests",
	  "  --hold     hold them\n"
	  "  --release  let them go on\n" },
	{ "version", cmd_version, "[--json]", "versions of tool, format, netlink family and module",
	  "  --json  as JSON\n" },
};

#define NR_COMMANDS	(sizeof(commands) / sizeof(commands[0]))

const struct command *current_command;

static void print_help(FILE *f)
{
	unsigned int i;

	fprintf(f, "Usage: replicactl COMMAND [ARGUMENT...]\n\n"
		   "Replicas of virtual machines: fail over, revert, fail over again.\n\n");
	for (i = 0; i < NR_COMMANDS; i++)
		fprintf(f, "  %-22s %s\n", commands[i].name, commands[i].summary);
	fprintf(f, "\nreplicactl COMMAND --help tells about a command, replicactl(8) about all.\n"
		   "Systems are named by name or UUID.  Exit status: 0 done, 1 to 12 refused (the\n"
		   "code less 32767), 64 wrong usage.\n");
}

static void print_command_help(void)
{
	printf("Usage: replicactl %s %s\n\n%c%s.\n", current_command->name, current_command->usage,
	       current_command->summary[0] - 'a' + 'A', current_command->summary + 1);
	if (current_command->help)
		printf("\n%s", current_command->help);
}

int usage_error(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "replicactl: ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	if (current_command)
		fprintf(stderr, "\nUsage: replicactl %s %s\n"
				"Try: replicactl %s --help\n",
			current_command->name, current_command->usage, current_command->name);
	else
		fprintf(stderr, "\nTry: replicactl --help\n");
	return EXIT_USAGE;
}

int refused(struct dmreplica *ctx, int code)
{
	fflush(stdout);
	fprintf(stderr, "replicactl: %d %s: %s\n", code, dmreplica_code_name(code),
		dmreplica_message(ctx));
	if (*dmreplica_hint(ctx))
		fprintf(stderr, "  %s\n", dmreplica_hint(ctx));
	return dmreplica_exit_status(code);
}

int next_option(int argc, char **argv, const char *shorts, const struct option *longs,
		int *status)
{
	struct option all[16];
	unsigned int n = 0;
	char spec[32];
	int c;

	while (longs && longs->name && n < 14)
		all[n++] = *longs++;
	all[n++] = (struct option){ "help", no_argument, NULL, OPT_HELP };
	memset(&all[n], 0, sizeof(all[n]));
	/* ':' in front: we say ourselves what is wrong */
	snprintf(spec, sizeof(spec), ":%sh", shorts);
	opterr = 0;
	c = getopt_long(argc, argv, spec, all, NULL);
	switch (c) {
	case OPT_HELP:
	case 'h':
		print_command_help();
		*status = 0;
		return '?';
	case ':':
		*status = usage_error("option %s needs a value", argv[optind - 1]);
		return '?';
	case '?':
		if (optopt)
			*status = usage_error("unknown option -%c", optopt);
		else
			*status = usage_error("unknown option %s", argv[optind - 1]);
		return '?';
	}
	return c;
}

bool parse_number(const char *text, uint64_t *number)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return !errno && !*end;
}

bool parse_size(const char *text, uint64_t *bytes)
{
	unsigned int shift = 0;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*bytes = strtoull(text, &end, 10);
	if (errno)
		return false;
	if (*end == 'K' || *end == 'k')
		shift = 10;
	else if (*end == 'M' || *end == 'm')
		shift = 20;
	else if (*end == 'G' || *end == 'g')
		shift = 30;
	if (shift)
		end++;
	if (shift && end[0] == 'i')
		end++;
	if (shift && end[0] == 'B')
		end++;
	if (*end || *bytes > UINT64_MAX >> shift)
		return false;
	*bytes <<= shift;
	return true;
}

bool parse_seconds(const char *text, uint32_t *ms)
{
	char *end;
	double s;

	if (!((*text >= '0' && *text <= '9') || *text == '.'))
		return false;
	s = strtod(text, &end);
	if (*end || s < 0.001 || s > 4000000)
		return false;
	*ms = s * 1000;
	return true;
}

static void warn(void *arg, const char *text)
{
	(void)arg;
	fflush(stdout);
	fprintf(stderr, "replicactl: warning: %s\n", text);
}

/* Finds the command that argv begins with; @words: how many words its name has. */
static const struct command *find_command(int argc, char **argv, int *words)
{
	const char *second;
	unsigned int i;
	size_t len;

	for (i = 0; i < NR_COMMANDS; i++) {
		second = strchr(commands[i].name, ' ');
		len = second ? (size_t)(second - commands[i].name) : strlen(commands[i].name);
		if (strlen(argv[0]) != len || strncmp(argv[0], commands[i].name, len))
			continue;
		*words = second ? 2 : 1;
		if (!second || (argc > 1 && !strcmp(argv[1], second + 1)))
			return &commands[i];
	}
	return NULL;
}

/* "recovery-point" alone, or with a word that is none of its commands */
static int half_command(int argc, char **argv)
{
	size_t len = strlen(argv[0]);
	bool help = argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));
	FILE *f = help ? stdout : stderr;
	bool group = false;
	unsigned int i;

	for (i = 0; i < NR_COMMANDS; i++)
		group |= !strncmp(commands[i].name, argv[0], len) && commands[i].name[len] == ' ';
	if (!group)
		return usage_error("unknown command %s", argv[0]);
	if (!help)
		fprintf(f, argc > 1 ? "replicactl: unknown command %s %s\n" :
				      "replicactl: %s needs one more word\n", argv[0],
			argc > 1 ? argv[1] : "");
	for (i = 0; i < NR_COMMANDS; i++)
		if (!strncmp(commands[i].name, argv[0], len) && commands[i].name[len] == ' ')
			fprintf(f, "  replicactl %s %s\n", commands[i].name, commands[i].usage);
	return help ? 0 : EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct dmreplica *ctx;
	int words = 1, status;

	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    (!strcmp(argv[1], "help") && argc == 2)) {
		print_help(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version"))
		argv[1] = "version";
	if (!strcmp(argv[1], "help")) {
		argc--;
		argv++;
		current_command = find_command(argc - 1, argv + 1, &words);
		if (!current_command)
			return usage_error("unknown command %s", argv[1]);
		print_command_help();
		return 0;
	}
	if (argv[1][0] == '-')
		return usage_error("unknown option %s", argv[1]);
	current_command = find_command(argc - 1, argv + 1, &words);
	if (!current_command)
		return half_command(argc - 1, argv + 1);

	ctx = dmreplica_new();
	if (!ctx) {
		fprintf(stderr, "replicactl: out of memory\n");
		return dmreplica_exit_status(DM_REPLICA_CODE_NO_MEMORY);
	}
	dmreplica_on_warning(ctx, warn, NULL);
	status = current_command->run(ctx, argc - words, argv + words);
	dmreplica_free(ctx);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "replicactl: cannot write the output: %s\n", strerror(errno));
		if (!status)
			status = 1;
	}
	return status;
}
