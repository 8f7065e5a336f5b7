// SPDX-License-Identifier: GPL-2.0-only
/*
 * The agent of a guest for libvirt's test driver, which has none; to be preloaded.
 *
 * $AGENT is a directory: "calls" lists the calls, "frozen" is there while the guest is frozen.
 * $FREEZE, $THAW and $PING choose what happens: see below.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <libvirt/libvirt-qemu.h>

static const char *path_of(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", getenv("AGENT"), name);
	return path;
}

static void note(const char *text)
{
	int fd = open(path_of("calls"), O_WRONLY | O_CREAT | O_APPEND, 0600);

	dprintf(fd, "%s\n", text);
	close(fd);
}

static int is(const char *name, const char *value)
{
	const char *now = getenv(name);

	return now && !strcmp(now, value);
}

/* Return: true for the first call only, in all processes. */
static int once(const char *name)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_EXCL, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* With $LOCK "busy once" another process has the first lock that is asked for. */
int flock(int fd, int operation)
{
	if (is("LOCK", "busy once") && once("lock")) {
		errno = EWOULDBLOCK;
		return -1;
	}
	return syscall(SYS_flock, fd, operation);
}

/* Let $GUEST_PROGRAM answer.  Return: NULL without an answer. */
static char *ask_guest(const char *command)
{
	char line[8192], *text = malloc(1 << 20);
	size_t n = 0;
	FILE *f;

	f = fopen(path_of("asked"), "w");
	fputs(command, f);
	fclose(f);
	snprintf(line, sizeof(line), "LD_PRELOAD= \"$GUEST_PROGRAM\" <'%s'", path_of("asked"));
	f = popen(line, "r");
	if (f)
		n = fread(text, 1, (1 << 20) - 1, f);
	text[n] = 0;
	if (f && !pclose(f) && n)
		return text;
	free(text);
	return NULL;
}

char *virDomainQemuAgentCommand(virDomainPtr dom, const char *cmd, int timeout, unsigned int flags)
{
	(void)dom;
	(void)timeout;
	(void)flags;
	if (strstr(cmd, "guest-fsfreeze-status")) {
		note("status");
		return is("PING", "error") ? NULL :
		       strdup(is("PING", "frozen") ? "{\"return\":\"frozen\"}" : "{\"return\":\"thawed\"}");
	}
	if (strstr(cmd, "guest-ping")) {
		note("ping");
		return is("PING", "error") ? NULL : strdup("{\"return\":{}}");
	}
	return ask_guest(cmd);
}

int virDomainAgentSetResponseTimeout(virDomainPtr dom, int timeout, unsigned int flags)
{
	(void)dom;
	(void)flags;
	note(timeout > 0 ? "limit" : "no limit");
	return 0;
}

int virDomainFSFreeze(virDomainPtr dom, const char **points, unsigned int nr, unsigned int flags)
{
	(void)dom;
	(void)points;
	(void)nr;
	(void)flags;
	note("freeze");
	if (is("FREEZE", "error"))
		return -1;
	if (is("FREEZE", "none"))
		return 0;
	close(open(path_of("frozen"), O_WRONLY | O_CREAT, 0600));
	if (is("FREEZE", "lost"))	/* frozen, but the answer is lost */
		return -1;
	if (is("FREEZE", "kill the first"))
		kill(getppid(), SIGKILL);
	if (is("FREEZE", "kill the second"))
		kill(getpid(), SIGKILL);
	return 2;
}

int virDomainFSThaw(virDomainPtr dom, const char **points, unsigned int nr, unsigned int flags)
{
	(void)dom;
	(void)points;
	(void)nr;
	(void)flags;
	note("thaw");
	if (is("THAW", "kill") && once("killed"))
		kill(getpid(), SIGKILL);
	if (is("THAW", "error once") && once("failed"))
		return -1;
	if (is("THAW", "hangs") && once("hung"))
		for (;;)
			pause();
	if (is("THAW", "by itself"))
		unlink(path_of("frozen"));
	return unlink(path_of("frozen")) ? 0 : 2;
}
