// SPDX-License-Identifier: GPL-2.0
/*
 * Ask the netlink family without libdmreplica, also for what it never asks.
 *
 * usage: helper-nl COMMAND UUID [NAME=NUMBER]...
 *
 * COMMAND: point-new, point-del, initiate, revert, vacuum.  UUID: 32 hex digits,
 * with or without hyphens, or fewer to send a UUID that is too short.  NAME:
 * state, writes, point, timeout, hold.
 *
 * Prints "errno 0 code CODE job JOB" or "errno ERRNO code COOKIE TEXT"; without
 * a cookie its place is "-".  Exit status 0 if there was an answer of any kind.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../uapi/dm-replica.h"

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

	memset(&out, 0, 4096);
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
		{ "initiate", DM_REPLICA_CMD_FAILOVER_INITIATE },
		{ "revert", DM_REPLICA_CMD_FAILOVER_REVERT },
		{ "vacuum", DM_REPLICA_CMD_VACUUM_SET },
	};
	unsigned int i;

	for (i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (!strcmp(list[i].name, name))
			return list[i].cmd;
	return atoi(name);
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
	else if (!strncmp(arg, "timeout=", 8))
		put(DM_REPLICA_A_OP_TIMEOUT, &n32, 4);
	else if (!strncmp(arg, "hold=", 5))
		put(DM_REPLICA_A_OP_HOLD, &n32, 4);
	else
		exit(2);
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

int main(int argc, char **argv)
{
	struct sockaddr_nl local = { .nl_family = AF_NETLINK };
	unsigned char uuid[16];
	const uint32_t *code;
	const uint64_t *job;
	unsigned int n = 0, byte;
	uint16_t id;
	int i, one = 1;
	char *p;

	if (argc < 3)
		return 2;
	sock = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
	if (sock < 0 || bind(sock, (struct sockaddr *)&local, sizeof(local)))
		die("socket");
	setsockopt(sock, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	id = family();
	begin(id, command(argv[1]), DM_REPLICA_FAMILY_VERSION);
	for (p = argv[2]; *p && n < 16; p++) {
		if (*p == '-')
			continue;
		if (sscanf(p, "%2x", &byte) != 1)
			return 2;
		uuid[n++] = byte;
		p++;
	}
	if (n)
		put(DM_REPLICA_A_OP_SYSTEM, uuid, n);
	for (i = 3; i < argc; i++)
		put_named(argv[i]);
	talk();
	hear();
	if (in.hdr.nlmsg_type == NLMSG_ERROR) {
		print_error();
		return 0;
	}
	p = (char *)NLMSG_DATA(&in.hdr) + GENL_HDRLEN;
	n = in.hdr.nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN);
	code = find(p, n, DM_REPLICA_A_OP_CODE, 4);
	job = find(p, n, DM_REPLICA_A_OP_JOB, 8);
	printf("errno 0 code %u job %llu\n", code ? *code : 0, job ? (unsigned long long)*job : 0);
	return 0;
}
