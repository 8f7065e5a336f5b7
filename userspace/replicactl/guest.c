// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest of a system, by replicactl-domain if it is installed: replicactl itself does not
 * link libvirt, and has to answer while libvirtd hangs.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "replicactl.h"

#define GUEST_MS	15000		/* longest wait for replicactl-domain, in all */
#define GUEST_WORDS	8
#define MEMORY_LEFT	"memory that libvirt has saved may be left, with which no guest starts"

/* Return: the program, NULL if it is not installed. */
static const char *guest_program(void)
{
	const char *path = getenv("DM_REPLICA_DOMAIN");

	if (!path)
		path = DOMAIN_PROGRAM;
	return access(path, X_OK) ? NULL : path;
}

/* Run it in place of this program. */
int cmd_domain(struct dmreplica *ctx, int argc, char **argv)
{
	const char *path = guest_program();

	(void)argc;
	(void)ctx;
	if (path) {
		argv[0] = (char *)"replicactl-domain";
		execv(path, argv);
	}
	return refused_because(DM_REPLICA_CODE_NOT_SUPPORTED,
			       path ? strerror(errno) : "replicactl-domain is not installed",
			       "it is in package dm-replica-libvirt");
}

/* Tests on a machine that is slow and loaded wait longer. */
static uint64_t limit_ms(void)
{
	const char *text = getenv("DM_REPLICA_DOMAIN_MS");
	uint64_t ms;

	return text && parse_number(text, &ms) ? ms : GUEST_MS;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static pid_t spawn(const char *path, char **argv, int *out)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	fflush(stdout);
	fflush(stderr);
	pid = fork();
	if (!pid) {
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		execv(path, argv);
		_exit(127);
	}
	close(fds[1]);
	*out = fds[0];
	if (pid < 0)
		close(fds[0]);
	return pid;
}

/* Read all output until @deadline.  Return: false if there was no end of it. */
static bool read_all(int fd, uint64_t deadline, char *text, size_t size)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	size_t n = 0;
	char rest[256];
	ssize_t got;

	for (;;) {
		uint64_t now = now_ms();

		if (now >= deadline || poll(&poll_fd, 1, (int)(deadline - now)) == 0)
			break;
		if (n < size - 1)
			got = read(fd, text + n, size - 1 - n);
		else
			got = read(fd, rest, sizeof(rest));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			text[n] = 0;
			return true;
		}
		if (n < size - 1)
			n += got;
	}
	text[n] = 0;
	return false;
}

/*
 * Run a command of replicactl-domain for a system.  @ms is the time that remains for it, and
 * set to what remains after it; a process that does not end in time is killed.
 *
 * Return: its exit status; 127 if it cannot be run; -1 if it did not end in time.
 */
static int ask(const struct dmreplica_system *sys, const char *command, uint64_t *ms, char *text,
	       size_t size)
{
	char words[64], *argv[GUEST_WORDS + 2], *word, *rest = words, uuid[DMREPLICA_UUID_TEXT];
	uint64_t begin = now_ms();
	unsigned int nr = 0;
	int fd, status = 0;
	bool ended;
	pid_t pid;

	text[0] = 0;
	snprintf(words, sizeof(words), "%s", command);
	argv[nr++] = (char *)"replicactl-domain";
	while (nr < GUEST_WORDS && (word = strsep(&rest, " ")))
		argv[nr++] = word;
	argv[nr++] = dmreplica_uuid_text(sys->uuid, uuid);
	argv[nr] = NULL;
	pid = spawn(guest_program(), argv, &fd);
	if (pid < 0)
		return 127;
	ended = read_all(fd, begin + *ms, text, size);
	close(fd);
	if (!ended)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	*ms -= now_ms() - begin < *ms ? now_ms() - begin : *ms;
	if (!ended)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

static void print_indented(FILE *f, char *text)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")))
		if (*line)
			fprintf(f, "  %s\n", line);
}

static int no_answer(int answer, char *text)
{
	int status;

	status = refused_because(DM_REPLICA_CODE_FAILED, answer == -1 ?
				 "libvirt has not answered in time; nothing was changed" :
				 "replicactl-domain has failed; nothing was changed",
				 "--without-libvirt goes on without it, and leaves memory that libvirt has saved");
	print_indented(stderr, text);
	return status;
}

/**
 * guest_begin() - look at the guest before its disks are discarded
 * @guest: filled in.
 * @sys: the system.
 * @test: the test domain, else the guest itself.
 * @o: --stop-guest, --without-libvirt.
 * @status: exit status of a refusal.
 *
 * What libvirt keeps of the guest's memory fits no disk after a revert: it is listed.
 *
 * Return: true to go on.
 */
bool guest_begin(struct guest *guest, const struct dmreplica_system *sys, bool test,
		 const struct op_options *o, int *status)
{
	char text[4096];
	int answer;

	*guest = (struct guest){ .sys = sys, .test = test, .ms = limit_ms() };
	if (o->stop_guest && o->without_libvirt) {
		*status = usage_error("--stop-guest and --without-libvirt contradict each other");
		return false;
	}
	if (!guest_program()) {
		if (o->stop_guest)
			*status = refused_because(DM_REPLICA_CODE_NOT_SUPPORTED,
						  "--stop-guest needs replicactl-domain, which is not installed; nothing was changed",
						  "stop the guest by hand, or install package dm-replica-libvirt");
		return !o->stop_guest;
	}
	if (test || o->without_libvirt)
		return true;
	answer = ask(sys, "memory list", &guest->ms, text, sizeof(text));
	if (answer) {
		*status = no_answer(answer, text);
		return false;
	}
	snprintf(guest->kept, sizeof(guest->kept), "%s", text);
	return true;
}

/* Show what a revert takes from libvirt as well. */
void guest_print(const struct guest *guest)
{
	char text[sizeof(guest->kept)];

	if (!*guest->kept)
		return;
	printf("and what libvirt keeps of its guest, which fits the discarded disks only:\n");
	snprintf(text, sizeof(text), "%s", guest->kept);
	print_indented(stdout, text);
}

/* Switch the guest off: what it would still write is discarded anyway. */
bool guest_stop(struct guest *guest, int *status)
{
	char text[4096];
	int answer;

	answer = ask(guest->sys, guest->test ? "test-stop" : "stop --wait 0 --force", &guest->ms,
		     text, sizeof(text));
	/* A system without a domain has no guest to stop. */
	if (answer && answer != dmreplica_exit_status(DM_REPLICA_CODE_NOT_FOUND)) {
		*status = no_answer(answer, text);
		return false;
	}
	print_indented(stdout, text);
	return true;
}

/* Run a command after the operation, which stays done if it fails. */
static void after(const struct dmreplica_system *sys, const char *command, const char *left)
{
	uint64_t ms = limit_ms();
	char text[4096];
	int answer = ask(sys, command, &ms, text, sizeof(text));

	print_indented(answer ? stderr : stdout, text);
	if (!answer)
		return;
	fflush(stdout);
	fprintf(stderr, "%s: warning: %s: %s; replicactl domain %s %s tries again\n", program.name,
		answer == -1 ? "libvirt has not answered in time" : "replicactl-domain has failed",
		left, command, sys->name);
}

/* Has this host what a failover puts in place: files of the system's points, or a seed? */
static bool has_files(const struct dmreplica *ctx, const struct dmreplica_system *sys)
{
	char path[PATH_MAX];

	dmreplica_point_files_dir(ctx, sys, path, sizeof(path));
	if (!access(path, F_OK))
		return true;
	dmreplica_seed_path(ctx, sys, path, sizeof(path));
	return !access(path, F_OK);
}

/*
 * After the revert: remove what was shown, put back what the failover has replaced; after a test:
 * remove what its guest has left.
 */
void guest_end(const struct dmreplica *ctx, const struct guest *guest, const struct op_options *o)
{
	if (*guest->kept)
		after(guest->sys, "memory remove", MEMORY_LEFT);
	if (!guest->test && guest->sys && guest_program() && !o->without_libvirt &&
	    has_files(ctx, guest->sys))
		after(guest->sys, "reverted",
		      "the guest has definition, NVRAM and TPM of the failover still");
	if (guest->test && guest_program() && !o->stop_guest && !o->without_libvirt)
		after(guest->sys, "test-ended", "network or NVRAM of the test domain may be left");
}

/* After a failover: memory of earlier ones goes, a generation ID is renewed. */
void guest_failed_over(const struct dmreplica_system *sys, const struct op_options *o)
{
	if (guest_program() && !o->without_libvirt)
		after(sys, "failed-over", MEMORY_LEFT);
}
