// SPDX-License-Identifier: GPL-2.0-only
/*
 * What replicate is asked for: by its arguments or, without --to, by the file of the system in
 * /etc/dm-replica/replicate.d, which the service has.  That file is apart from the system's own,
 * in systems.d: an error in it must not keep a system from being attached at boot.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replicate.h"

#define INTERVAL	30		/* s, by default */
#define FAULT		512

static bool wrong(char fault[FAULT], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Return: false. */
static bool wrong(char fault[FAULT], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fault, FAULT, fmt, ap);
	va_end(ap);
	return false;
}

/* Copy a name.  Return: false if it is too long: a part of it may name another thing. */
static bool copy_name(char *out, size_t size, const char *name, size_t len)
{
	if (len >= size)
		return false;
	memcpy(out, name, len);
	out[len] = 0;
	return true;
}

/* ssh://[USER@]HOST[/NAME] or exec:COMMAND.  Return: NULL, or what is wrong. */
static const char *parse_to(struct replicate_options *o)
{
	static const char neither[] = "is neither ssh://[USER@]HOST[/NAME] nor exec:COMMAND";
	const char *host = o->to + strlen("ssh://"), *slash, *at;
	size_t len;

	if (!strncmp(o->to, "exec:", 5))
		return o->to[5] ? NULL : neither;
	if (strncmp(o->to, "ssh://", 6))
		return neither;
	slash = strchr(host, '/');
	len = slash ? (size_t)(slash - host) : strlen(host);
	/* ssh would take a leading hyphen for an option, and a shell there all but words. */
	if (!len || *host == '-')
		return neither;
	if (!copy_name(o->host, sizeof(o->host), host, len))
		return "has too long a name of a host";
	if (slash && slash[1] &&
	    !copy_name(o->remote, sizeof(o->remote), slash + 1, strlen(slash + 1)))
		return "has too long a name of a system";
	at = strchr(o->host, '@');
	host = at ? at + 1 : o->host;
	if (!*o->peer && !copy_name(o->peer, sizeof(o->peer), host, strlen(host)))
		return "has a host whose name is too long for a peer: --peer PEER";
	return strpbrk(o->remote, " \t\n'\"\\$`;&|<>()*?!~#") ? neither : NULL;
}

/* Take what has a value.  Return: false with @fault. */
static bool take(struct replicate_options *o, const char *key, const char *value,
		 char fault[FAULT])
{
	if (!strcmp(key, "to")) {
		if (copy_name(o->to, sizeof(o->to), value, strlen(value)))
			return true;
		return wrong(fault, "the receiver is too long a text");
	}
	if (!strcmp(key, "interval")) {
		if (parse_span(value, &o->interval) && o->interval && o->interval <= 86400 * 7)
			return true;
		return wrong(fault, "interval %s is not a time from 1s to 7d", value);
	}
	if (!strcmp(key, "peer")) {
		if (copy_name(o->peer, sizeof(o->peer), value, strlen(value)))
			return true;
		return wrong(fault, "the name of peer %s is too long", value);
	}
	if (!strcmp(key, "sync")) {
		if (parse_size(value, &o->sync) && o->sync >= 4096 && o->sync <= 1u << 30)
			return true;
		return wrong(fault, "sync %s is not a size from 4K to 1G", value);
	}
	return wrong(fault, "unknown key %s", key);
}

/* All is taken.  Return: false with @fault. */
static bool complete(struct replicate_options *o, char fault[FAULT])
{
	const char *bad;

	if (!*o->to)
		return wrong(fault, "name the receiver: --to ssh://HOST");
	bad = parse_to(o);
	if (bad)
		return wrong(fault, "%s %s", o->to, bad);
	if (!*o->peer)
		return wrong(fault, "name the peer: --peer PEER");
	bad = dmreplica_peer_name_fault(o->peer);
	return !bad || wrong(fault, "the name of peer %s %s", o->peer, bad);
}

static bool take_line(struct replicate_options *o, char *line, char fault[FAULT])
{
	char *key, *value;

	if (!dmreplica_conf_line(line, &key, &value))
		return true;
	if (!value)
		return wrong(fault, "not of the form key=value");
	if (strcmp(key, "plain"))
		return take(o, key, value, fault);
	o->plain = !strcmp(value, "yes");
	return o->plain || !strcmp(value, "no") || wrong(fault, "neither plain=yes nor plain=no");
}

/* A receiver may be any command, which root runs: another user must not write it. */
static const char *file_fault(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "it is no regular file";
	return owner_fault(&st);
}

/* Return: false, and the command ends with *@status. */
static bool take_file(struct dmreplica *ctx, struct replicate_options *o, int *status)
{
	static const char hint[] = "name the receiver with --to, or in that file: to=ssh://HOST";
	const char *dir = dmreplica_conf_dir(ctx), *system = "/systems.d", *bad;
	char path[PATH_MAX], text[PATH_MAX + FAULT + 40], fault[FAULT] = "", *line = NULL;
	size_t len = strlen(dir), room = 0;
	unsigned int nr = 0;
	bool good = true;
	FILE *f;
	int fd;

	if (len > strlen(system) && !strcmp(dir + len - strlen(system), system))
		len -= strlen(system);
	snprintf(path, sizeof(path), "%.*s/replicate.d/%s.conf", (int)len, dir, o->remote);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	f = fd >= 0 ? fdopen(fd, "r") : NULL;
	bad = f ? file_fault(fd) : strerror(errno);
	if (bad) {
		snprintf(text, sizeof(text), "%s is not read: %s", path, bad);
		*status = usage_error("%s; %s", text, hint);
		return false;
	}
	while (good && getline(&line, &room, f) > 0) {
		nr++;
		good = take_line(o, line, fault);
	}
	free(line);
	fclose(f);
	if (!good)
		*status = usage_error("%s, line %u: %s", path, nr, fault);
	return good;
}

static bool name_ok(const char *name)
{
	return *name && *name != '.' && !strchr(name, '/');
}

/**
 * replicate_options_take() - read what replicate is asked for
 * @ctx: the context.
 * @argc: of the command.
 * @argv: of the command.
 * @o: zeroes; filled in.
 * @status: set, if the command ends.
 *
 * Return: false if the command ends with *@status.
 */
bool replicate_options_take(struct dmreplica *ctx, int argc, char **argv,
			    struct replicate_options *o, int *status)
{
	static const struct option options[] = {
		{ "to", required_argument, NULL, 't' },
		{ "interval", required_argument, NULL, 'i' },
		{ "once", no_argument, NULL, 'o' },
		{ "stay", no_argument, NULL, 'S' },
		{ "peer", required_argument, NULL, 'p' },
		{ "plain", no_argument, NULL, 'P' },
		{ "sync", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 }
	};
	const char *given[4] = { NULL };
	static const char *const keys[4] = { "to", "interval", "peer", "sync" };
	char fault[FAULT];
	bool good = true;
	int c, i;

	o->interval = INTERVAL;
	while ((c = next_option(argc, argv, "t:i:", options, status)) != -1) {
		switch (c) {
		case 't':
			given[0] = optarg;
			break;
		case 'i':
			given[1] = optarg;
			break;
		case 'p':
			given[2] = optarg;
			break;
		case 's':
			given[3] = optarg;
			break;
		case 'o':
			o->once = true;
			break;
		case 'S':
			o->stay = true;
			break;
		case 'P':
			o->plain = true;
			break;
		default:
			return false;
		}
	}
	if (optind != argc - 1) {
		*status = usage_error("give one system");
		return false;
	}
	if (!copy_name(o->remote, sizeof(o->remote), argv[optind], strlen(argv[optind]))) {
		*status = usage_error("the name of system %s is too long", argv[optind]);
		return false;
	}
	if (!given[0] && name_ok(o->remote) && !take_file(ctx, o, status))
		return false;
	/* Arguments go before the file. */
	for (i = 0; i < 4 && good; i++)
		good = !given[i] || take(o, keys[i], given[i], fault);
	if (!good || !complete(o, fault))
		*status = usage_error("%s", fault);
	else
		*status = 0;
	return !*status;
}
