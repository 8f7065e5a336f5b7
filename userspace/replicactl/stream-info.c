// SPDX-License-Identifier: GPL-2.0-only
/*
 * replicactl stream-info: dm-replica-worker looks at the stream, without privileges and in a
 * process of its own, and describes it as JSON.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "replicactl.h"

#define MOST	(8u << 20)	/* bytes of a description */

static struct json_object *get(struct json_object *obj, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(obj, key, &value);
	return value;
}

static uint64_t number(struct json_object *obj, const char *key)
{
	return json_object_get_uint64(get(obj, key));
}

static const char *string(struct json_object *obj, const char *key)
{
	return json_object_get_string(get(obj, key)) ?: "";
}

/* Start the worker.  Return: its output, -1 with errno. */
static int start(pid_t *pid)
{
	const char *path = getenv("DM_REPLICA_WORKER") ?: WORKER_PROGRAM;
	int fds[2];

	if (access(path, X_OK) || pipe2(fds, O_CLOEXEC))
		return -1;
	fflush(stdout);
	fflush(stderr);
	*pid = fork();
	if (!*pid) {
		/* It looks at bytes of another host, and has no use for the caller's terminal. */
		setsid();
		dup2(fds[1], STDOUT_FILENO);
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		execl(path, "dm-replica-worker", "info", (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	if (*pid < 0) {
		close(fds[0]);
		return -1;
	}
	return fds[0];
}

/* Return: all of @fd, NULL if that is too much or cannot be read. */
static char *read_all(int fd)
{
	char *text = malloc(MOST + 1);
	size_t len = 0;
	ssize_t n = 0;

	while (text && len < MOST) {
		n = read(fd, text + len, MOST - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += n;
	}
	if (!text || n) {
		free(text);
		return NULL;
	}
	text[len] = 0;
	return text;
}

/* Return: the description, NULL without one. */
static struct json_object *describe(void)
{
	struct json_object *obj = NULL;
	int fd, status;
	char *text;
	pid_t pid;

	fd = start(&pid);
	if (fd < 0)
		return NULL;
	text = read_all(fd);
	close(fd);
	errno = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	errno = 0;
	if (text && WIFEXITED(status) && !WEXITSTATUS(status))
		obj = json_tokener_parse(text);
	free(text);
	if (obj && !json_object_is_type(obj, json_type_object)) {
		json_object_put(obj);
		obj = NULL;
	}
	return obj;
}

static void print_point(const char *title, struct json_object *point)
{
	if (point)
		printf("  %-16s recovery point %s of generation %s\n", title,
		       string(point, "number"), string(point, "generation"));
}

static void print_stream(struct json_object *stream)
{
	struct json_object *disks = get(stream, "disks"), *from = get(stream, "from"), *disk;
	uint64_t meta = number(stream, "metadata_bytes");
	size_t i;

	printf("stream %s: %s%s\n", string(stream, "uuid"), string(stream, "kind"),
	       json_object_get_boolean(get(stream, "complete")) ? "" : ", not complete");
	print_point("base", get(stream, "base"));
	print_point("target", get(stream, "target"));
	printf("  %-16s %s, %s, \"%s\"\n", "made", text_time(number(stream, "time")),
	       dmreplica_point_kind_name(number(stream, "point_kind")), string(stream, "label"));
	if (number(from, "disk") || number(from, "offset"))
		printf("  %-16s byte %s of disk %s: it goes on with another one\n", "begins at",
		       string(from, "offset"), string(from, "disk"));
	for (i = 0; i < json_object_array_length(disks); i++) {
		disk = json_object_array_get_idx(disks, i);
		printf("  disk %-11zu %s, %s\n", i, string(disk, "name"),
		       text_size(number(disk, "bytes")));
	}
	printf("  %-16s %s in %s\n", "data", text_size(number(stream, "bytes")),
	       text_count(number(stream, "extents"), "extent"));
	printf("  %-16s %s in %s\n", "zeroes", text_size(number(stream, "zero_bytes")),
	       text_count(number(stream, "zero_extents"), "extent"));
	if (meta)
		printf("  %-16s %s\n", "metadata", text_size(meta));
}

static void print_all(struct json_object *obj)
{
	struct json_object *sender = get(obj, "sender"), *streams = get(obj, "streams");
	struct json_object *types = get(obj, "frames_by_type");
	size_t i;

	printf("%s, %s\n", string(obj, "format"),
	       json_object_get_boolean(get(obj, "intact")) ? "intact" : "not intact");
	if (sender) {
		printf("  %-16s %s, system %s\n", "sender", string(sender, "host"),
		       string(sender, "system"));
		printf("  %-16s %s\n", "relationship", string(sender, "relationship"));
	}
	printf("  %-16s %s, %s, %s compressed, %s of unknown types\n", "frames",
	       string(obj, "frames"), text_size(number(obj, "frame_bytes")),
	       string(obj, "frames_compressed"), string(obj, "frames_skipped"));
	if (types) {
		json_object_object_foreach(types, name, count)
			printf("    %-14s %s\n", name, json_object_get_string(count));
	}
	for (i = 0; streams && i < json_object_array_length(streams); i++)
		print_stream(json_object_array_get_idx(streams, i));
	if (streams && number(obj, "streams_total") > json_object_array_length(streams))
		printf("and %llu more\n", (unsigned long long)
		       (number(obj, "streams_total") - json_object_array_length(streams)));
}

int cmd_stream_info(struct dmreplica *ctx, int argc, char **argv)
{
	struct json_object *obj;
	bool json, intact;
	char fault[512];
	int status;

	(void)ctx;
	if (!parse_json_option(argc, argv, &json, &status))
		return status;
	if (optind != argc)
		return usage_error("give the stream as standard input: stream-info < FILE");
	if (isatty(STDIN_FILENO))
		return usage_error("standard input is a terminal");
	obj = describe();
	if (!obj)
		return refused_because(DM_REPLICA_CODE_NOT_SUPPORTED, errno ? strerror(errno) :
				       "dm-replica-worker has no result",
				       "dm-replica-worker is a part of package replicactl");
	intact = json_object_get_boolean(get(obj, "intact"));
	snprintf(fault, sizeof(fault), "%s", string(obj, "fault"));
	if (json) {
		json_print(obj);
	} else {
		print_all(obj);
		json_object_put(obj);
	}
	return intact ? 0 : refused_because(DM_REPLICA_CODE_FAILED, fault, "");
}
