// SPDX-License-Identifier: GPL-2.0
/* The module's netlink family, by hand-made messages. */
#include "model.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

static __thread int nl = -1;
static int family;
char refusal[256];

struct request {
	struct nlmsghdr n;
	struct genlmsghdr g;
	char attrs[512];
};

static void put(struct request *r, int type, const void *data, int len)
{
	struct nlattr *a = (void *)r + NLMSG_ALIGN(r->n.nlmsg_len);

	a->nla_type = type;
	a->nla_len = NLA_HDRLEN + len;
	if (len)
		memcpy((char *)a + NLA_HDRLEN, data, len);
	r->n.nlmsg_len = NLMSG_ALIGN(r->n.nlmsg_len) + NLA_ALIGN(a->nla_len);
}

static void request(struct request *r, int type, int cmd, int flags)
{
	memset(r, 0, sizeof(*r));
	r->n.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	r->n.nlmsg_type = type;
	r->n.nlmsg_flags = NLM_F_REQUEST | flags;
	r->g.cmd = cmd;
	r->g.version = 1;
}

/* A request to the system; its UUID has the same number in every set of attributes. */
static void request_system(struct request *r, int cmd, int flags)
{
	request(r, family, cmd, flags);
	put(r, DM_REPLICA_A_OP_SYSTEM, uuid, 16);
}

static struct nlattr *attr(void *at, int len, int type)
{
	struct nlattr *a;

	for (a = at; len >= NLA_HDRLEN && a->nla_len >= NLA_HDRLEN && a->nla_len <= len;
	     len -= NLA_ALIGN(a->nla_len), a = (void *)a + NLA_ALIGN(a->nla_len))
		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return a;
	return NULL;
}

static uint64_t number(const struct nlattr *a)
{
	uint64_t n = 0;

	if (a)
		memcpy(&n, (const char *)a + NLA_HDRLEN, a->nla_len - NLA_HDRLEN);
	return n;
}

static void send_request(const struct request *r)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	int one = 1;

	if (nl < 0) {
		nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
		if (nl < 0 || connect(nl, (void *)&to, sizeof(to)))
			die("netlink: %m");
		setsockopt(nl, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	}
	if (send(nl, r, r->n.nlmsg_len, 0) < 0)
		die("netlink send: %m");
}

/* The code of a refusal, with its text in @refusal; 0 if it is none. */
static int refusal_code(const struct nlmsghdr *n)
{
	struct nlmsgerr *e = NLMSG_DATA(n);
	int skip = sizeof(*e), left;
	struct nlattr *a;
	void *at;

	if (!e->error)
		return 0;
	if (!(n->nlmsg_flags & NLM_F_CAPPED))
		skip += e->msg.nlmsg_len - sizeof(e->msg);
	left = n->nlmsg_len - NLMSG_HDRLEN - NLMSG_ALIGN(skip);
	at = (char *)e + NLMSG_ALIGN(skip);
	snprintf(refusal, sizeof(refusal), "%s", strerror(-e->error));
	if (!(n->nlmsg_flags & NLM_F_ACK_TLVS))
		return DM_REPLICA_CODE_FAILED;
	a = attr(at, left, NLMSGERR_ATTR_MSG);
	if (a)
		snprintf(refusal, sizeof(refusal), "%s", (char *)a + NLA_HDRLEN);
	return number(attr(at, left, NLMSGERR_ATTR_COOKIE)) ?: DM_REPLICA_CODE_FAILED;
}

/*
 * Send a request and give each message of the answer to @each, if there is one.
 * Return: 0, or the code of a refusal.
 */
static int talk(struct request *r, void (*each)(void *at, int len, void *arg), void *arg)
{
	struct nlmsghdr *n;
	char buf[16384];
	int len;

	send_request(r);
	for (;;) {
		len = recv(nl, buf, sizeof(buf), 0);
		if (len < 0)
			die("netlink recv: %m");
		for (n = (void *)buf; NLMSG_OK(n, (unsigned int)len); n = NLMSG_NEXT(n, len)) {
			if (n->nlmsg_type == NLMSG_ERROR)
				return refusal_code(n);
			if (n->nlmsg_type == NLMSG_DONE)
				return 0;
			if (each)
				each((char *)NLMSG_DATA(n) + GENL_HDRLEN,
				     n->nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN), arg);
		}
	}
}

struct wanted {
	int type;
	uint64_t value;
	bool found;
};

static void take_wanted(void *at, int len, void *arg)
{
	struct wanted *w = arg;
	struct nlattr *a = attr(at, len, w->type);

	if (!a)
		return;
	w->value = number(a);
	w->found = true;
}

void family_find(void)
{
	struct wanted w = { .type = CTRL_ATTR_FAMILY_ID };
	struct request r;

	request(&r, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK);
	put(&r, CTRL_ATTR_FAMILY_NAME, DM_REPLICA_FAMILY_NAME, sizeof(DM_REPLICA_FAMILY_NAME));
	if (talk(&r, take_wanted, &w) || !w.found)
		die("no netlink family " DM_REPLICA_FAMILY_NAME);
	family = w.value;
}

/* Attributes of an answer, of an operation or of its job. */
struct answer {
	int code, job, state, point, text;	/* types of attributes, 0: there is none */
	uint64_t has_code, has_job, has_state, has_point;
	char has_text[sizeof(refusal)];
};

static void take_answer(void *at, int len, void *arg)
{
	struct answer *a = arg;

	a->has_code = number(attr(at, len, a->code));
	if (a->job)
		a->has_job = number(attr(at, len, a->job));
	if (a->state)
		a->has_state = number(attr(at, len, a->state));
	if (a->point)
		a->has_point = number(attr(at, len, a->point));
	if (a->text && attr(at, len, a->text))
		snprintf(a->has_text, sizeof(a->has_text), "%s",
			 (char *)attr(at, len, a->text) + NLA_HDRLEN);
}

/* Send a request, and wait for the decision: 4096 with a job in New or Starting is none. */
static int decide(struct request *r, struct answer *a)
{
	int code = talk(r, take_answer, a);
	uint64_t id = a->has_job;

	if (code || a->has_code != DM_REPLICA_CODE_JOB_STARTED ||
	    a->has_state > DM_REPLICA_JOB_STATE_STARTING)
		return code;
	memset(a, 0, sizeof(*a));
	a->code = DM_REPLICA_A_JOB_ANSWER;
	a->state = DM_REPLICA_A_JOB_STATE;
	a->point = DM_REPLICA_A_JOB_POINT;
	a->text = DM_REPLICA_A_JOB_TEXT;
	do {
		usleep(2000);
		request_system(r, DM_REPLICA_CMD_JOB_GET, NLM_F_ACK);
		put(r, DM_REPLICA_A_JOB_ID, &id, 8);
		code = talk(r, take_answer, a);
	} while (!code && a->has_state <= DM_REPLICA_JOB_STATE_STARTING);
	if (code)
		return code;
	snprintf(refusal, sizeof(refusal), "%s", a->has_text);
	if (a->has_state == DM_REPLICA_JOB_STATE_TERMINATED && !a->has_code)
		return DM_REPLICA_CODE_NOT_AVAILABLE;	/* ended by a detach, without an answer */
	return a->has_code >= DM_REPLICA_CODE_FAILED ? a->has_code : 0;
}

/* An operation.  @point is given unless it is 0; the answer's point is put there. */
int operation(int cmd, uint64_t *point)
{
	struct answer a = { DM_REPLICA_A_OP_CODE, DM_REPLICA_A_OP_JOB, DM_REPLICA_A_OP_JOB_STATE,
			    DM_REPLICA_A_OP_POINT };
	struct request r;
	int code;

	request_system(&r, cmd, NLM_F_ACK);
	if (point && *point)
		put(&r, DM_REPLICA_A_OP_POINT, point, 8);
	code = decide(&r, &a);
	if (!code && point && a.has_point)
		*point = a.has_point;
	return code;
}

/* Make a point, and drop others with it.  @number is that of the answer. */
int point_new(uint64_t *number, const uint64_t *drop, int nr_drop)
{
	struct answer a = { DM_REPLICA_A_OP_CODE, DM_REPLICA_A_OP_JOB, DM_REPLICA_A_OP_JOB_STATE,
			    DM_REPLICA_A_OP_POINT };
	struct request r;
	int code;

	request_system(&r, DM_REPLICA_CMD_POINT_NEW, NLM_F_ACK);
	for (int i = 0; i < nr_drop; i++)
		put(&r, DM_REPLICA_A_OP_DROP, drop + i, 8);
	code = decide(&r, &a);
	if (!code)
		*number = a.has_point;
	return code;
}

int vacuum_hold(bool hold)
{
	uint32_t h = hold;
	struct request r;
	int code;

	request_system(&r, DM_REPLICA_CMD_VACUUM_SET, NLM_F_ACK);
	put(&r, DM_REPLICA_A_OP_HOLD, &h, 4);
	code = talk(&r, NULL, NULL);
	/* 2: a pass is still to end */
	while (!code && hold && system_number(DM_REPLICA_A_SYSTEM_VACUUM_HELD) == 2)
		usleep(2000);
	return code;
}

int remove_flatten(void)
{
	struct answer a = { DM_REPLICA_A_OP_CODE, DM_REPLICA_A_OP_JOB, DM_REPLICA_A_OP_JOB_STATE };
	struct request r;

	request_system(&r, DM_REPLICA_CMD_RELATIONSHIP_REMOVE, NLM_F_ACK);
	put(&r, DM_REPLICA_A_OP_FLATTEN, NULL, 0);
	return decide(&r, &a);
}

int setting(int type, uint64_t value, int bytes)
{
	struct answer a = { DM_REPLICA_A_SETTINGS_CODE, DM_REPLICA_A_SETTINGS_JOB };
	struct request r;

	request_system(&r, DM_REPLICA_CMD_SETTINGS_SET, NLM_F_ACK);
	put(&r, type, &value, bytes);
	return decide(&r, &a);
}

int job_request(uint64_t id, uint32_t what)
{
	struct answer a = { DM_REPLICA_A_JOB_CODE, DM_REPLICA_A_JOB_ID };
	struct request r;

	request_system(&r, DM_REPLICA_CMD_JOB_SET, NLM_F_ACK);
	put(&r, DM_REPLICA_A_JOB_ID, &id, 8);
	put(&r, DM_REPLICA_A_JOB_REQUEST, &what, 4);
	return decide(&r, &a);
}

static void take_moving(void *at, int len, void *arg)
{
	uint64_t type = number(attr(at, len, DM_REPLICA_A_JOB_TYPE)), *id = arg;

	if ((type == DM_REPLICA_JOB_TYPE_COMMIT_FAILOVER ||
	     type == DM_REPLICA_JOB_TYPE_MERGE) &&
	    number(attr(at, len, DM_REPLICA_A_JOB_STATE)) < DM_REPLICA_JOB_STATE_COMPLETED)
		*id = number(attr(at, len, DM_REPLICA_A_JOB_ID));
}

/* The job that moves all home, 0 if there is none that has not ended. */
uint64_t job_moving(void)
{
	struct request r;
	uint64_t id = 0;
	int code;

	request_system(&r, DM_REPLICA_CMD_JOB_GET, NLM_F_DUMP);
	code = talk(&r, take_moving, &id);
	if (code)
		die("jobs: %d: %s", code, refusal);
	return id;
}

uint64_t system_number(int type)
{
	struct wanted w = { .type = type };
	struct request r;

	request_system(&r, DM_REPLICA_CMD_SYSTEM_GET, NLM_F_ACK);
	if (talk(&r, take_wanted, &w) || !w.found)
		die("no answer about the system: %s", refusal);
	return w.value;
}

struct list {
	struct known *points;
	int nr, max;
};

static void take_point(void *at, int len, void *arg)
{
	struct list *l = arg;

	if (l->nr == l->max)
		return;
	l->points[l->nr].number = number(attr(at, len, DM_REPLICA_A_POINT_NUMBER));
	l->points[l->nr++].time = number(attr(at, len, DM_REPLICA_A_POINT_TIME));
}

/* All points, oldest first.  Return: how many. */
int points_list(struct known *points, int max)
{
	struct list l = { points, 0, max };
	struct request r;
	int code;

	request_system(&r, DM_REPLICA_CMD_POINT_GET, NLM_F_DUMP);
	code = talk(&r, take_point, &l);
	if (code)
		die("points: %d: %s", code, refusal);
	return l.nr;
}
