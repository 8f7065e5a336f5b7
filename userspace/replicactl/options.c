// SPDX-License-Identifier: GPL-2.0-only
/* Options that several commands share. */
#include <getopt.h>
#include <string.h>

#include "replicactl.h"

static const struct {
	struct option option;
	bool short_form;		/* its letter alone is an option, too */
} known[] = {
	{ { "yes", no_argument, NULL, 'y' }, true },
	{ { "flatten", no_argument, NULL, 'f' }, true },
	{ { "point", required_argument, NULL, 'p' }, true },
	{ { "no-wait", no_argument, NULL, 'n' }, true },
	{ { "wait", required_argument, NULL, 'w' }, true },
	{ { "timeout", required_argument, NULL, 't' }, true },
	{ { "stop-guest", no_argument, NULL, 'g' }, false },
	{ { "without-libvirt", no_argument, NULL, 'l' }, false },
	{ { "expect-state", required_argument, NULL, 's' }, false },
	{ { "expect-writes", required_argument, NULL, 'e' }, false },
};

#define NR_KNOWN	(sizeof(known) / sizeof(known[0]))

/* Return: false if the command ends with *@status. */
static bool take(int c, struct op_options *o, int *status)
{
	struct dmreplica_op *op = &o->op;

	switch (c) {
	case 'y':
		o->yes = true;
		return true;
	case 'f':
		op->given |= DMREPLICA_OP_FLATTEN;
		return true;
	case 'p':
		o->point = optarg;
		op->given |= DMREPLICA_OP_POINT;
		if (parse_point(optarg))
			return true;
		*status = usage_error("--point %s is neither the number nor the label of a point",
				      optarg);
		return false;
	case 'n':
		o->no_wait = true;
		op->given |= DMREPLICA_OP_NO_WAIT;
		return true;
	case 'g':
		o->stop_guest = true;
		return true;
	case 'l':
		o->without_libvirt = true;
		return true;
	case 'w':
		op->given |= DMREPLICA_OP_WAIT;
		return parse_wait("--wait", optarg, &op->wait_ms, status);
	case 't':
		op->given |= DMREPLICA_OP_TIMEOUT;
		return parse_wait("--timeout", optarg, &op->timeout_ms, status);
	case 's':
		o->state_given = true;
		if (parse_number(optarg, &op->expect_state))
			return true;
		*status = usage_error("--expect-state %s is not a number", optarg);
		return false;
	case 'e':
		o->writes_given = true;
		if (parse_number(optarg, &op->expect_writes))
			return true;
		*status = usage_error("--expect-writes %s is not a number", optarg);
		return false;
	}
	return false;
}

bool parse_op_options(int argc, char **argv, const char *letters, struct op_options *o,
		      int *status)
{
	struct option options[NR_KNOWN + 1];
	char shorts[2 * NR_KNOWN + 1];
	unsigned int i, nr = 0, len = 0;
	int c;

	for (i = 0; i < NR_KNOWN; i++) {
		if (!strchr(letters, known[i].option.val))
			continue;
		options[nr++] = known[i].option;
		if (!known[i].short_form)
			continue;
		shorts[len++] = known[i].option.val;
		if (known[i].option.has_arg)
			shorts[len++] = ':';
	}
	memset(&options[nr], 0, sizeof(options[nr]));
	shorts[len] = 0;
	while ((c = next_option(argc, argv, shorts, options, status)) != -1)
		if (!take(c, o, status))
			return false;
	return true;
}

bool parse_json_option(int argc, char **argv, bool *json, int *status)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	*json = false;
	while ((c = next_option(argc, argv, "j", options, status)) != -1) {
		if (c != 'j')
			return false;
		*json = true;
	}
	return true;
}

bool parse_one_system(struct dmreplica *ctx, int argc, char **argv, struct dmreplica_system *sys,
		      bool *json, int *status)
{
	int code;

	if (!parse_json_option(argc, argv, json, status))
		return false;
	if (optind != argc - 1) {
		*status = usage_error("give one system");
		return false;
	}
	code = dmreplica_system_find(ctx, argv[optind], sys);
	if (code)
		*status = refused(ctx, code);
	return !code;
}
