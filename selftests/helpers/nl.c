// SPDX-License-Identifier: GPL-2.0
/*
 * Use the netlink family without libdmreplica, also for requests that it never makes.
 *
 * usage: helper-nl COMMAND UUID [NAME=NUMBER]...
 *	  helper-nl -		the same from standard input, a request per line
 *	  helper-nl sizes UUID	list recovery points with their sizes until killed; a line
 *				for each list, "NUMBER:BYTES..."
 *	  helper-nl extents UUID DISK FROM TO
 *				list the changes from one recovery point to another, and pause
 *				after the first message until a line comes on standard input;
 *				print "begun", then "errno ERRNO messages NUMBER"
 *
 * COMMAND: as in the list below, or a number.  UUID: 32 hex digits, with or without
 * hyphens, or fewer to send a UUID that is too short.
 * NAME: state, writes, point, timeout, hold, view (a text); or NUMBER:TYPE, any attribute, where
 * TYPE is u8, u32, u64, flag (of any value), str for text with its NUL, or hex for
 * bytes as they are, a number and x before them so many times over; or fail: this allocation of memory in the kernel fails, on a kernel that supports it.
 *
 * Prints "errno 0 code CODE job JOB" or "errno ERRNO code COOKIE TEXT"; without
 * a cookie its place is "-".  An undecided answer 4096 is waited for, and
 * printed as if it had been decided at once.  For get: "state STATE number NUMBER flags FLAGS".
 * Exit status 0 if there was an answer of any kind.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../uapi/dm-replica.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK	270
#endif

static union {
	struct nlmsghdr hdr;
	char bytes[65536];
} in, out;
static int sock;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void begin(uint16_t type, uint8_t cmd, uint8_t version)
{
	struct genlmsghdr *g = NLMSG_DATA(&out.hdr);

	memset(&out, 0, sizeof(out));
	out.hdr.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	out.hdr.nlmsg_type = type;
	out.hdr.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	out.hdr.nlmsg_seq = 1;
	g->cmd = cmd;
	g->version = version;
}

static void put(uint16_t type, const void *data, uint16_t bytes)
{
	struct nlattr *a = (struct nlattr *)(out.bytes + NLMSG_ALIGN(out.hdr.nlmsg_len));

	a->nla_type = type;
	a->nla_len = NLA_HDRLEN + bytes;
	if (bytes)
		memcpy((char *)a + NLA_HDRLEN, data, bytes);
	out.hdr.nlmsg_len = NLMSG_ALIGN(out.hdr.nlmsg_len) + NLA_ALIGN(a->nla_len);
}

static const void *find(const void *at, int bytes, uint16_t type, uint16_t least)
{
	const struct nlattr *a = at;

	while (bytes >= NLA_HDRLEN && a->nla_len >= NLA_HDRLEN && a->nla_len <= bytes) {
		if ((a->nla_type & NLA_TYPE_MASK) == type && a->nla_len >= NLA_HDRLEN + least)
			return (const char *)a + NLA_HDRLEN;
		bytes -= NLA_ALIGN(a->nla_len);
		a = (const struct nlattr *)((const char *)a + NLA_ALIGN(a->nla_len));
	}
	return NULL;
}

static void talk(void)
{
	if (send(sock, &out, out.hdr.nlmsg_len, 0) < 0)
		die("send");
}

static void hear(void)
{
	if (recv(sock, &in, sizeof(in), 0) <= 0)
		die("recv");
}

static uint16_t family(void)
{
	const uint16_t *id;

	begin(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	put(CTRL_ATTR_FAMILY_NAME, DM_REPLICA_FAMILY_NAME, sizeof(DM_REPLICA_FAMILY_NAME));
	talk();
	hear();
	if (in.hdr.nlmsg_type == NLMSG_ERROR) {
		errno = -((struct nlmsgerr *)NLMSG_DATA(&in.hdr))->error;
		die("family dm_replica");
	}
	id = find((char *)NLMSG_DATA(&in.hdr) + GENL_HDRLEN,
		  in.hdr.nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN), CTRL_ATTR_FAMILY_ID, 2);
	if (!id)
		exit(1);
	hear();		/* the ack */
	return *id;
}

static unsigned int command(const char *name)
{
	static const struct { const char *name; unsigned int cmd; } list[] = {
		{ "point-new", DM_REPLICA_CMD_POINT_NEW },
		{ "point-del", DM_REPLICA_CMD_POINT_DEL },
		{ "point-hold", DM_REPLICA_CMD_POINT_HOLD },
		{ "point-release", DM_REPLICA_CMD_POINT_RELEASE },
		{ "peer-add", DM_REPLICA_CMD_PEER_ADD },
		{ "peer-del", DM_REPLICA_CMD_PEER_DEL },
		{ "point-open", DM_REPLICA_CMD_POINT_OPEN },
		{ "point-close", DM_REPLICA_CMD_POINT_CLOSE },
		{ "receive-begin", DM_REPLICA_CMD_RECEIVE_BEGIN },
		{ "receive-mark", DM_REPLICA_CMD_RECEIVE_MARK },
		{ "receive-end", DM_REPLICA_CMD_RECEIVE_END },
		{ "receive-abort", DM_REPLICA_CMD_RECEIVE_ABORT },
		{ "initiate", DM_REPLICA_CMD_FAILOVER_INITIATE },
		{ "revert", DM_REPLICA_CMD_FAILOVER_REVERT },
		{ "vacuum", DM_REPLICA_CMD_VACUUM_SET },
		{ "get", DM_REPLICA_CMD_SYSTEM_GET },
		{ "test-start", DM_REPLICA_CMD_TEST_START },
		{ "test-stop", DM_REPLICA_CMD_TEST_STOP },
		{ "commit", DM_REPLICA_CMD_FAILOVER_COMMIT },
		{ "suspend", DM_REPLICA_CMD_REPLICATION_SUSPEND },
		{ "resume", DM_REPLICA_CMD_REPLICATION_RESUME },
		{ "remove", DM_REPLICA_CMD_RELATIONSHIP_REMOVE },
		{ "grow", DM_REPLICA_CMD_STORE_GROW },
		{ "move-home", DM_REPLICA_CMD_HOME_MOVE },
		{ "reset-errors", DM_REPLICA_CMD_ERRORS_RESET },
		{ "job-set", DM_REPLICA_CMD_JOB_SET },
		{ "settings-set", DM_REPLICA_CMD_SETTINGS_SET },
		{ "host-get", DM_REPLICA_CMD_HOST_GET },
		{ "host-set", DM_REPLICA_CMD_HOST_SET },
	};
	unsigned int i;

	for (i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (!strcmp(list[i].name, name))
			return list[i].cmd;
	return atoi(name);
}

static unsigned int bytes_of_hex(const char *text, unsigned char *bytes, unsigned int max)
{
	unsigned int n = 0, byte;

	for (; *text && n < max; text++) {
		if (*text == '-')
			continue;
		if (sscanf(text++, "%2x", &byte) != 1)
			exit(2);
		bytes[n++] = byte;
	}
	return n;
}

/* 0aff, or 100x0aff */
static void put_hex(unsigned int attr, const char *value)
{
	const char *x = strchr(value, 'x');
	unsigned int times = x ? atoi(value) : 1, len, i;
	static unsigned char bytes[32768];

	len = bytes_of_hex(x ? x + 1 : value, bytes, sizeof(bytes));
	if (times * len > sizeof(bytes))
		exit(2);
	for (i = 1; i < times; i++)
		memcpy(bytes + i * len, bytes, len);
	put(attr, bytes, times * len);
}

/* NUMBER:TYPE=VALUE */
static void put_raw(const char *arg)
{
	const char *value = strchr(arg, '=');
	char type[5] = "";
	unsigned int attr;
	uint64_t n;
	uint32_t n32;

	if (sscanf(arg, "%u:%4[^=]", &attr, type) != 2 || !value)
		exit(2);
	n = strtoull(++value, NULL, 0);
	n32 = n;
	if (!strcmp(type, "u8"))
		put(attr, &n, 1);
	else if (!strcmp(type, "u32"))
		put(attr, &n32, 4);
	else if (!strcmp(type, "u64"))
		put(attr, &n, 8);
	else if (!strcmp(type, "flag"))
		put(attr, NULL, 0);
	else if (!strcmp(type, "str"))
		put(attr, value, strlen(value) + 1);
	else if (!strcmp(type, "hex"))
		put_hex(attr, value);
	else
		exit(2);
}

/* Counted from here on in this thread. */
static void fail_nth(const char *n)
{
	FILE *f = fopen("/proc/thread-self/fail-nth", "w");

	if (!f || fputs(n, f) < 0 || fclose(f))
		die("fail-nth");
}

/* Numbers of points, separated by commas. */
static void put_drops(const char *list)
{
	uint64_t n;
	char *end;

	do {
		n = strtoull(list, &end, 0);
		put(DM_REPLICA_A_OP_DROP, &n, 8);
		list = end + 1;
	} while (*end == ',');
}

static void put_named(const char *arg)
{
	const char *value = strchr(arg, '=');
	uint64_t n = value ? strtoull(value + 1, NULL, 0) : 0;
	uint32_t n32 = n;

	if (!strncmp(arg, "state=", 6))
		put(DM_REPLICA_A_OP_EXPECT_STATE_NUMBER, &n, 8);
	else if (!strncmp(arg, "writes=", 7))
		put(DM_REPLICA_A_OP_EXPECT_WRITES, &n, 8);
	else if (!strncmp(arg, "point=", 6))
		put(DM_REPLICA_A_OP_POINT, &n, 8);
	else if (!strncmp(arg, "drop=", 5))
		put_drops(value + 1);
	else if (!strncmp(arg, "view=", 5))
		put(DM_REPLICA_A_OP_VIEW, value + 1, strlen(value + 1) + 1);
	else if (!strncmp(arg, "timeout=", 8))
		put(DM_REPLICA_A_OP_TIMEOUT, &n32, 4);
	else if (!strncmp(arg, "hold=", 5))
		put(DM_REPLICA_A_OP_HOLD, &n32, 4);
	else
		put_raw(arg);
}

static void print_error(void)
{
	struct nlmsgerr *e = NLMSG_DATA(&in.hdr);
	int skip = sizeof(*e), left;
	const char *text = NULL;
	const uint64_t *code = NULL;

	if (!(in.hdr.nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(e->msg.nlmsg_len) - NLMSG_HDRLEN;
	left = (int)in.hdr.nlmsg_len - NLMSG_HDRLEN - skip;
	if (in.hdr.nlmsg_flags & NLM_F_ACK_TLVS) {
		text = find((char *)e + skip, left, NLMSGERR_ATTR_MSG, 1);
		code = find((char *)e + skip, left, NLMSGERR_ATTR_COOKIE, 8);
	}
	printf("errno %d code ", -e->error);
	if (code)
		printf("%llu", (unsigned long long)*code);
	else
		printf("-");
	printf(" %s\n", text ? text : "");
}

static uint32_t u32_of(const void *at, int bytes, uint16_t type)
{
	const uint32_t *n = find(at, bytes, type, 4);

	return n ? *n : 0;
}

static unsigned long long u64_of(const void *at, int bytes, uint16_t type)
{
	const uint64_t *n = find(at, bytes, type, 8);

	return n ? *n : 0;
}

/* The attributes of the answer with its code and its job, by the set of the command. */
static bool is_plain(int cmd, uint16_t *code, uint16_t *job)
{
	switch (cmd) {
	case DM_REPLICA_CMD_SETTINGS_SET:
		*code = DM_REPLICA_A_SETTINGS_CODE;
		*job = DM_REPLICA_A_SETTINGS_JOB;
		return true;
	case DM_REPLICA_CMD_HOST_SET:
		*code = DM_REPLICA_A_HOST_CODE;
		*job = DM_REPLICA_A_HOST_JOB;
		return true;
	case DM_REPLICA_CMD_JOB_SET:
		*code = DM_REPLICA_A_JOB_CODE;
		*job = DM_REPLICA_A_JOB_ID;
		return true;
	}
	*code = DM_REPLICA_A_OP_CODE;
	*job = DM_REPLICA_A_OP_JOB;
	return false;
}

/* Undecided: the job has the result.  The socket stays open meanwhile. */
static void print_decided(uint16_t id, const unsigned char *uuid, uint64_t job, bool plain)
{
	uint32_t state, code, err;
	const char *text;
	char *p;
	int n;

	do {
		usleep(5000);
		begin(id, DM_REPLICA_CMD_JOB_GET, DM_REPLICA_FAMILY_VERSION);
		put(DM_REPLICA_A_JOB_SYSTEM, uuid, 16);
		put(DM_REPLICA_A_JOB_ID, &job, 8);
		talk();
		hear();
		if (in.hdr.nlmsg_type == NLMSG_ERROR) {
			print_error();
			return;
		}
		p = (char *)NLMSG_DATA(&in.hdr) + GENL_HDRLEN;
		n = in.hdr.nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN);
		state = u32_of(p, n, DM_REPLICA_A_JOB_STATE);
		code = u32_of(p, n, find(p, n, DM_REPLICA_A_JOB_ANSWER, 4) ?
			      DM_REPLICA_A_JOB_ANSWER : DM_REPLICA_A_JOB_CODE);
		err = u32_of(p, n, DM_REPLICA_A_JOB_ERRNO);
		text = find(p, n, DM_REPLICA_A_JOB_TEXT, 1);
		if (state > DM_REPLICA_JOB_STATE_STARTING) {
			if (code >= DM_REPLICA_CODE_FAILED)
				printf("errno %u code %u %s\n", err, code, text ? text : "");
			else if (plain)
				printf("errno 0 code - \n");
			else
				printf("errno 0 code %u job %llu\n", code,
				       (unsigned long long)job);
		}
		hear();		/* the ack */
	} while (state <= DM_REPLICA_JOB_STATE_STARTING);
}

/* Return: the job to wait for, 0 if it is decided. */
static uint64_t undecided(int cmd, bool *plain)
{
	char *p = (char *)NLMSG_DATA(&in.hdr) + GENL_HDRLEN;
	int n = in.hdr.nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN);
	uint16_t code, job;

	*plain = is_plain(cmd, &code, &job);
	if (cmd == DM_REPLICA_CMD_SYSTEM_GET || u32_of(p, n, code) != DM_REPLICA_CODE_JOB_STARTED ||
	    (!*plain && u32_of(p, n, DM_REPLICA_A_OP_JOB_STATE) > DM_REPLICA_JOB_STATE_STARTING))
		return 0;
	return u64_of(p, n, job);
}

static void print_answer(int cmd)
{
	char *p = (char *)NLMSG_DATA(&in.hdr) + GENL_HDRLEN;
	int n = in.hdr.nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN);

	if (cmd == DM_REPLICA_CMD_SYSTEM_GET)
		printf("state %u number %llu flags %u\n",
		       u32_of(p, n, DM_REPLICA_A_SYSTEM_STATE),
		       u64_of(p, n, DM_REPLICA_A_SYSTEM_STATE_NUMBER),
		       u32_of(p, n, DM_REPLICA_A_SYSTEM_FLAGS));
	else
		printf("errno 0 code %u job %llu\n", u32_of(p, n, DM_REPLICA_A_OP_CODE),
		       u64_of(p, n, DM_REPLICA_A_OP_JOB));
}

static void request(uint16_t id, int argc, char **argv)
{
	int cmd = command(argv[0]), i;
	unsigned char uuid[16];
	unsigned int n;
	uint64_t job;
	bool plain;

	begin(id, cmd, DM_REPLICA_FAMILY_VERSION);
	n = bytes_of_hex(argv[1], uuid, sizeof(uuid));
	if (n)
		put(DM_REPLICA_A_OP_SYSTEM, uuid, n);
	for (i = 2; i < argc; i++)
		if (strncmp(argv[i], "fail=", 5))
			put_named(argv[i]);
	for (i = 2; i < argc; i++)
		if (!strncmp(argv[i], "fail=", 5))
			fail_nth(argv[i] + 5);
	talk();
	hear();
	if (in.hdr.nlmsg_type == NLMSG_ERROR) {
		print_error();
		return;
	}
	job = undecided(cmd, &plain);
	if (!job)
		print_answer(cmd);
	hear();		/* the ack */
	if (job)
		print_decided(id, uuid, job, plain);
}

static void requests(uint16_t id)
{
	static char line[1024];
	char *argv[64];
	int argc;

	while (fgets(line, sizeof(line), stdin)) {
		argc = 0;
		for (char *p = strtok(line, " \n"); p && argc < 64; p = strtok(NULL, " \n"))
			argv[argc++] = p;
		if (argc < 2)
			exit(2);
		request(id, argc, argv);
		fflush(stdout);
	}
}

/* Return: false behind the last message of a list. */
static bool print_sizes(void)
{
	const struct nlmsghdr *h;
	const char *p;
	int left, n;

	left = recv(sock, &in, sizeof(in), 0);
	if (left <= 0)
		die("recv");
	for (h = &in.hdr; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
		if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
			return false;
		p = (const char *)NLMSG_DATA(h) + GENL_HDRLEN;
		n = h->nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN);
		printf("%llu:%llu ", u64_of(p, n, DM_REPLICA_A_POINT_NUMBER),
		       u64_of(p, n, DM_REPLICA_A_POINT_BYTES));
	}
	return true;
}

static void sizes(uint16_t id, const char *system)
{
	unsigned char uuid[16];

	bytes_of_hex(system, uuid, sizeof(uuid));
	for (;;) {
		begin(id, DM_REPLICA_CMD_POINT_GET, DM_REPLICA_FAMILY_VERSION);
		out.hdr.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		put(DM_REPLICA_A_POINT_SYSTEM, uuid, sizeof(uuid));
		put(DM_REPLICA_A_POINT_SIZES, NULL, 0);
		talk();
		while (print_sizes())
			;
		printf("\n");
		fflush(stdout);
	}
}

/* Return: errno of the end of a list, or -1 before it. */
static int extents_message(unsigned int *messages)
{
	const struct nlmsghdr *h;
	int left;

	left = recv(sock, &in, sizeof(in), 0);
	if (left <= 0)
		die("recv");
	for (h = &in.hdr; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
		if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
			return -*(const int *)NLMSG_DATA(h);
		++*messages;
	}
	return -1;
}

static void extents(uint16_t id, char **argv)
{
	uint64_t from = strtoull(argv[2], NULL, 0), to = strtoull(argv[3], NULL, 0);
	uint32_t disk = strtoul(argv[1], NULL, 0);
	unsigned int messages = 0;
	unsigned char uuid[16];
	int err;

	bytes_of_hex(argv[0], uuid, sizeof(uuid));
	begin(id, DM_REPLICA_CMD_EXTENT_GET, DM_REPLICA_FAMILY_VERSION);
	out.hdr.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	put(DM_REPLICA_A_EXTENT_SYSTEM, uuid, sizeof(uuid));
	put(DM_REPLICA_A_EXTENT_DISK, &disk, sizeof(disk));
	put(DM_REPLICA_A_EXTENT_FROM, &from, sizeof(from));
	put(DM_REPLICA_A_EXTENT_TO, &to, sizeof(to));
	talk();
	err = extents_message(&messages);
	printf("begun\n");
	fflush(stdout);
	getchar();
	while (err < 0)
		err = extents_message(&messages);
	printf("errno %d messages %u\n", err, messages);
}

int main(int argc, char **argv)
{
	struct sockaddr_nl local = { .nl_family = AF_NETLINK };
	int one = 1, lines = argc == 2 && !strcmp(argv[1], "-");

	if (argc < 3 && !lines)
		return 2;
	sock = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
	if (sock < 0 || bind(sock, (struct sockaddr *)&local, sizeof(local)))
		die("socket");
	setsockopt(sock, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	if (lines)
		requests(family());
	else if (!strcmp(argv[1], "sizes"))
		sizes(family(), argv[2]);
	else if (!strcmp(argv[1], "extents") && argc == 6)
		extents(family(), argv + 2);
	else
		request(family(), argc - 1, argv + 1);
	return 0;
}
