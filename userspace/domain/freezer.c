// SPDX-License-Identifier: GPL-2.0-only
/*
 * The process that freezes the filesystems of a guest and thaws them, also if the one that makes
 * the point is killed: it alone speaks to libvirt, and thaws when its input ends, as it does with
 * the death of the other, or when the time is over.  A guest's agent never thaws by itself
 * on Linux.
 *
 * Its output is one line, "frozen N" or "not frozen: REASON"; and after "frozen" a second one:
 * "thawed N", "late N", or "not thawed: REASON" for a thaw that failed at first and goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <syslog.h>
#include <unistd.h>

#include <libvirt/libvirt-qemu.h>

#include "domain.h"

#define FROZEN_MS	30000		/* longest time for a guest to be frozen */
#define THAW_MS		(10 * 60000)	/* for an agent that hangs to come back */
#define THAW_AGAIN_MS	500
#define ATTEMPT_MS	30000		/* longest time for one attempt to thaw, with its connection */
#define LOCK_DIR	"/run/dm-replica-domain"

/* One freezer at a time: one that still thaws would thaw for the next. */
static bool lock(const struct dmreplica_system *sys)
{
	char path[PATH_MAX], uuid[DMREPLICA_UUID_TEXT];
	int fd;

	snprintf(path, sizeof(path), "%s" LOCK_DIR, device_root());
	mkdir(path, 0711);
	snprintf(path, sizeof(path), "%s" LOCK_DIR "/freeze-%s.lock", device_root(),
		 dmreplica_uuid_text(sys->uuid, uuid));
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
		return true;	/* until the end of this process */
	if (fd >= 0)
		close(fd);
	return false;
}

/* The guest that writes the replica, with all of the system's disks. */
static int find(struct host *h, const struct dmreplica_system *sys, virDomainPtr *dom)
{
	int code = metadata_find(h, sys, METADATA_REPLICA, dom);
	enum run_held held = RUN_HOLDS_NONE;

	if (!code && virDomainIsActive(*dom) != 1)
		return host_refuse(h, DM_REPLICA_CODE_INVALID_STATE, "domain %s does not run",
				   virDomainGetName(*dom));
	if (!code)
		code = run_holds(h, *dom, sys, METADATA_REPLICA, &held);
	if (!code && held != RUN_HOLDS_ALL)
		code = host_refuse(h, DM_REPLICA_CODE_INVALID_PARAMETER,
				   "domain %s does not have all replica devices of %s among its disks",
				   virDomainGetName(*dom), sys->name);
	return code;
}

/*
 * Limit the time until a freeze is asked for: a libvirtd that hangs is not waited for, and
 * nothing is frozen yet.
 */
static void limit_begin(uint32_t ms)
{
	struct itimerval t = {
		.it_value = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 },
	};

	setitimer(ITIMER_REAL, &t, NULL);
}

static struct {
	char name[DMREPLICA_UUID_TEXT];
	uint64_t deadline;		/* of thawing, 0 before it */
} thawing;

/*
 * libvirt has not answered.  A call to it cannot be ended: begin anew, with the time that remains.
 * In a handler of a signal: nothing here allocates.
 */
static void begin_anew(int sig)
{
	uint64_t now = host_now_ms(), left = now < thawing.deadline ? thawing.deadline - now : 0;
	char digits[24], *at = digits + sizeof(digits) - 1;
	char *argv[] = {
		(char *)"replicactl-domain", (char *)"freezer", thawing.name, (char *)"thaw", NULL, NULL,
	};

	(void)sig;
	*at = 0;
	do
		*--at = '0' + left % 10;
	while (left /= 10);
	argv[4] = at;
	execv("/proc/self/exe", argv);
	_exit(1);
}

/* From now on each attempt has a limit. */
static void limit_attempts(const struct dmreplica_system *sys, uint32_t ms)
{
	struct sigaction action = { .sa_handler = begin_anew, .sa_flags = SA_NODEFER };

	dmreplica_uuid_text(sys->uuid, thawing.name);
	thawing.deadline = host_now_ms() + ms;
	sigaction(SIGALRM, &action, NULL);
	limit_begin(host_limit_ms("DM_REPLICA_ATTEMPT_MS", ATTEMPT_MS));
}

/* Wait for the end of the input, until @deadline.  Return: false if the time is over. */
static bool wait_for_input(uint64_t deadline)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	uint64_t now;

	while ((now = host_now_ms()) < deadline)
		if (poll(&input, 1, (int)(deadline - now)) > 0)
			return true;
	return false;
}

static void connect_again(struct host *h, virDomainPtr *dom)
{
	char uuid[VIR_UUID_STRING_BUFLEN];
	virDomainPtr again;

	if (virConnectIsAlive(h->conn) == 1 || virDomainGetUUIDString(*dom, uuid))
		return;
	virConnectClose(h->conn);
	h->conn = NULL;
	again = host_open(h) ? NULL : virDomainLookupByUUIDString(h->conn, uuid);
	if (!again)
		return;
	virDomainFree(*dom);
	*dom = again;
}

static void give_up(const char *name, const char *reason)
{
	syslog(LOG_DAEMON | LOG_ERR, "domain %s: its filesystems may be frozen: %s: virsh domfsthaw",
	       name, reason);
}

/* Thaw until it is done, or the guest has ended.  Return: filesystems, -1: it is not known. */
static int thaw(struct host *h, virDomainPtr *dom)
{
	bool reported = false;
	int n;

	for (;;) {
		limit_begin(host_limit_ms("DM_REPLICA_ATTEMPT_MS", ATTEMPT_MS));
		n = virDomainFSThaw(*dom, NULL, 0, 0);
		if (n >= 0 || virDomainIsActive(*dom) == 0)
			return reported ? -1 : n;
		if (!reported) {
			printf("not thawed: %s\n", virGetLastErrorMessage());
			fflush(stdout);
		}
		reported = true;
		if (host_now_ms() >= thawing.deadline)
			break;
		host_sleep_ms(THAW_AGAIN_MS);
		connect_again(h, dom);
	}
	give_up(virDomainGetName(*dom), virGetLastErrorMessage());
	return -1;
}

/*
 * An agent that is not there, or hangs already, is asked for nothing that it could do later.  What
 * another program has frozen is that program's: a point of ours would thaw it.
 */
static bool may_freeze(struct host *h, virDomainPtr dom)
{
	struct json_object *answer = agent_ask(h, dom, "guest-fsfreeze-status", NULL);
	bool thawed = json_object_is_type(answer, json_type_string) &&
		      !strcmp(json_object_get_string(answer), "thawed");

	if (!answer)
		printf("not frozen: %s\n", h->message);
	else if (!thawed)
		printf("not frozen: another program has frozen the guest's filesystems\n");
	json_object_put(answer);
	return thawed;
}

static void freeze(struct host *h, const struct dmreplica_system *sys, virDomainPtr *dom)
{
	uint64_t deadline;
	bool asked = false;
	int frozen, n;

	if (!may_freeze(h, *dom))
		return;
	limit_begin(0);
	deadline = host_now_ms() + host_limit_ms("DM_REPLICA_FROZEN_MS", FROZEN_MS);
	/* Else libvirt waits for the answer for ever, and refuses a thaw meanwhile. */
	virDomainAgentSetResponseTimeout(*dom, FREEZER_AGENT_MS / 1000, 0);
	frozen = virDomainFSFreeze(*dom, NULL, 0, 0);
	if (frozen < 0) {
		/* It may freeze later; the point goes on without. */
		printf("not frozen: %s\n", virGetLastErrorMessage());
		fflush(stdout);
		dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
	} else {
		printf("frozen %d\n", frozen);
		fflush(stdout);
		asked = wait_for_input(deadline);
	}
	limit_attempts(sys, host_limit_ms("DM_REPLICA_THAW_MS", THAW_MS));
	n = thaw(h, dom);
	virDomainAgentSetResponseTimeout(*dom, VIR_DOMAIN_AGENT_RESPONSE_TIMEOUT_BLOCK, 0);
	if (frozen < 0 || n < 0)
		return;
	printf(asked ? "thawed %d\n" : "late %d\n", n);
	fflush(stdout);
}

/* Close a connection that libvirt does not answer on.  Return: true if another attempt may. */
static bool is_away(struct host *h, virDomainPtr *dom)
{
	if (h->conn && virConnectIsAlive(h->conn) == 1)
		return false;
	if (*dom)
		virDomainFree(*dom);
	*dom = NULL;
	if (h->conn)
		virConnectClose(h->conn);
	h->conn = NULL;
	return true;
}

/*
 * Thaw a guest that an earlier freezer has left frozen: it was killed, or libvirt did not answer
 * it.  A new freezer may have the lock; it finds the guest frozen, and does not thaw it.
 */
static int only_thaw(struct host *h, const struct dmreplica_system *sys, virDomainPtr *dom, uint32_t ms)
{
	bool locked = false;
	int code;

	if (!ms) {
		give_up(sys->name, "libvirt does not answer");
		return host_refuse(h, DM_REPLICA_CODE_TIMEOUT, "libvirt does not answer");
	}
	limit_attempts(sys, ms);
	for (;;) {
		locked = locked || lock(sys);
		code = locked ? find(h, sys, dom) :
		       host_refuse(h, DM_REPLICA_CODE_IN_USE, "another freeze is not over yet");
		if (!code) {
			thaw(h, dom);
			return 0;
		}
		/* A libvirtd that is being started again. */
		if ((locked && !is_away(h, dom)) || host_now_ms() >= thawing.deadline)
			break;
		host_sleep_ms(THAW_AGAIN_MS);
	}
	give_up(sys->name, h->message);
	return code;
}

static int freeze_and_thaw(struct host *h, const struct dmreplica_system *sys, virDomainPtr *dom)
{
	int code;

	limit_begin(host_limit_ms("DM_REPLICA_FREEZE_MS", FREEZER_BEGIN_MS));
	if (!lock(sys))
		return host_refuse(h, DM_REPLICA_CODE_IN_USE, "another freeze is not over yet");
	code = find(h, sys, dom);
	if (!code)
		freeze(h, sys, dom);
	return code;
}

/* Not for people: freezer NAME [thaw [MS]], where "thaw" only thaws, for so long. */
int cmd_freezer(struct dmreplica *dmr, int argc, char **argv)
{
	struct host h = { .dmr = dmr };
	uint64_t ms = host_limit_ms("DM_REPLICA_THAW_MS", THAW_MS);
	int more = argc > 2 && !strcmp(argv[2], "thaw") ? argc - 2 : 0;
	struct dmreplica_system sys;
	virDomainPtr dom = NULL;
	int status, code;

	if (more > 2 || (more == 2 && (!parse_number(argv[3], &ms) || ms > UINT32_MAX)))
		return usage_error("give one system");
	if (next_option(argc - more, argv, "", NULL, &status) != -1 ||
	    !host_one_system(&h, argc - more, argv, true, &sys, &status))
		return status;
	/* What ends the other process, a terminal's hangup or Ctrl-C, does not end this one. */
	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	code = more ? only_thaw(&h, &sys, &dom, ms) : freeze_and_thaw(&h, &sys, &dom);
	if (code)
		printf("not frozen: %s\n", h.message);
	fflush(stdout);
	if (dom)
		virDomainFree(dom);
	if (h.conn)
		virConnectClose(h.conn);
	return code != 0;
}
