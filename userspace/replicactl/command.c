// SPDX-License-Identifier: GPL-2.0-only
/* The command line of replicactl and of replicactl-domain: each has its own commands. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replicactl.h"

#define OPT_HELP	1000

const struct command *current_command;

static void print_help(FILE *f)
{
	unsigned int i;

	fprintf(f, "Usage: %s COMMAND [ARGUMENT...]\n\n%s\n\n", program.name, program.summary);
	for (i = 0; i < nr_commands; i++)
		fprintf(f, "  %-22s %s\n", commands[i].name, commands[i].summary);
	fprintf(f, "\n%s COMMAND --help describes a command, %s all of them.\n"
		   "Systems are named by name or UUID.  Exit status: 0 done, 1 to 12 refused (the\n"
		   "code less 32767), 64 wrong usage.\n", program.name, program.page);
}

static void print_command_help(void)
{
	printf("Usage: %s %s %s\n\n%c%s.\n", program.name, current_command->name,
	       current_command->usage,
	       current_command->summary[0] - 'a' + 'A', current_command->summary + 1);
	if (current_command->help)
		printf("\n%s", current_command->help);
}

/* Is the command a plugin of Nagios, whose faults go to standard output, with status 3? */
static bool plugin(void)
{
	return current_command && program.plugin && !strcmp(current_command->name, program.plugin);
}

static int plugin_error(const char *text)
{
	printf("DMREPLICA UNKNOWN - %s\nUsage: %s %s %s\n", text, program.name,
	       current_command->name, current_command->usage);
	return EXIT_UNKNOWN;
}

int usage_error(const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (plugin())
		return plugin_error(text);
	fflush(stdout);
	fprintf(stderr, "%s: %s", program.name, text);
	if (current_command)
		fprintf(stderr, "\nUsage: %s %s %s\n"
				"Try: %s %s --help\n",
			program.name, current_command->name, current_command->usage, program.name,
			current_command->name);
	else
		fprintf(stderr, "\nTry: %s --help\n", program.name);
	return EXIT_USAGE;
}

int refused_because(int code, const char *message, const char *hint)
{
	fflush(stdout);
	fprintf(stderr, "%s: %d %s: %s\n", program.name, code, dmreplica_code_name(code), message);
	if (*hint)
		fprintf(stderr, "  %s\n", hint);
	return dmreplica_exit_status(code);
}

int refused(struct dmreplica *ctx, int code)
{
	return refused_because(code, dmreplica_message(ctx), dmreplica_hint(ctx));
}

int next_option(int argc, char **argv, const char *shorts, const struct option *longs,
		int *status)
{
	struct option all[32];
	unsigned int n = 0;
	char spec[32];
	int c;

	while (longs && longs->name && n < 30)
		all[n++] = *longs++;
	all[n++] = (struct option){ "help", no_argument, NULL, OPT_HELP };
	memset(&all[n], 0, sizeof(all[n]));
	/* a leading ':' makes getopt_long() report a missing value without printing */
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

static void warn(void *arg, const char *text)
{
	(void)arg;
	fflush(stdout);
	fprintf(stderr, "%s: warning: %s\n", program.name, text);
}

/* Find the command that argv begins with; @words: number of words of its name. */
static const struct command *find_command(int argc, char **argv, int *words)
{
	const char *second;
	unsigned int i;
	size_t len;

	for (i = 0; i < nr_commands; i++) {
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

/* "recovery-point" alone, or with an unknown second word */
static int half_command(int argc, char **argv)
{
	size_t len = strlen(argv[0]);
	bool help = argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));
	FILE *f = help ? stdout : stderr;
	bool group = false;
	unsigned int i;

	for (i = 0; i < nr_commands; i++)
		group |= !strncmp(commands[i].name, argv[0], len) && commands[i].name[len] == ' ';
	if (!group)
		return usage_error("unknown command %s", argv[0]);
	if (!help)
		fprintf(f, argc > 1 ? "%s: unknown command %s %s\n" : "%s: %s needs one more word\n",
			program.name, argv[0], argc > 1 ? argv[1] : "");
	for (i = 0; i < nr_commands; i++)
		if (!strncmp(commands[i].name, argv[0], len) && commands[i].name[len] == ' ')
			fprintf(f, "  %s %s %s\n", program.name, commands[i].name, commands[i].usage);
	return help ? 0 : EXIT_USAGE;
}

/* Run a command, with @argv from the last word of its name on. */
static int run(int argc, char **argv)
{
	int failure = plugin() ? EXIT_UNKNOWN : 1, status;
	struct dmreplica *ctx;

	plain_output();
	ctx = dmreplica_new();
	if (!ctx) {
		fprintf(stderr, "%s: out of memory\n", program.name);
		return plugin() ? failure : dmreplica_exit_status(DM_REPLICA_CODE_NO_MEMORY);
	}
	dmreplica_on_warning(ctx, warn, NULL);
	/* For all commands: no device that hangs makes one that cannot be killed. */
	dmreplica_set_patience(ctx, READ_PATIENCE_MS);
	status = current_command->run(ctx, argc, argv);
	dmreplica_free(ctx);
	if (output_failed()) {
		fprintf(stderr, "%s: cannot write the output: %s\n", program.name, strerror(errno));
		if (!status || plugin())
			status = failure;
	}
	return status;
}

/* Is it the name under which monitoring programs run the plugin? */
static bool is_plugin(const char *path)
{
	const char *name = strrchr(path, '/');

	return program.plugin && !strcmp(name ? name + 1 : path, program.plugin_link);
}

int run_command(int argc, char **argv)
{
	char *const name[] = { (char *)program.plugin, NULL };
	int words = 1;

	if (argc && is_plugin(argv[0])) {
		current_command = find_command(1, (char **)name, &words);
		return run(argc, argv);
	}
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

	return run(argc - words, argv + words);
}
