// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-replica-worker: the part that looks at bytes of another host.
 *
 * replicactl starts it with the files that it may use, and gives it nothing else: it gives up
 * root before it reads the first byte, and has no library of the tools that could open a
 * device or ask the module.
 */
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "worker.h"

#define UNPRIVILEGED	65534

/* Another user may have capabilities, too, and securebits may keep those of root. */
static bool give_up_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return !syscall(SYS_capset, &head, none);
}

/* @kept: files of the keeper, behind standard error.  Return: false if it was not possible. */
static bool give_up_root(unsigned int kept)
{
	struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || setrlimit(RLIMIT_CORE, &none))
		return false;
	if (!geteuid() && (setgroups(0, NULL) ||
			   setresgid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED) ||
			   setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED)))
		return false;
	/* A core would hold the content of disks; a pipe for cores is under no limit. */
	if (!give_up_capabilities() || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return false;
	/* Files that the caller of replicactl has open. */
	return !close_range(STDERR_FILENO + 1 + kept, ~0U, 0);
}

int main(int argc, char **argv)
{
	bool info = argc == 2 && !strcmp(argv[1], "info");
	bool sender = argc > 2 && !strcmp(argv[1], "send");
	int status = 64;

	if (!give_up_root(info ? 0 : 2)) {
		perror("dm-replica-worker: cannot give up root");
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	if (info)
		status = worker_info();
	else if (sender)
		status = worker_send(argc - 1, argv + 1);
	else if (argc > 2 && !strcmp(argv[1], "receive"))
		status = worker_receive(argc - 1, argv + 1);
	else if (argc > 2 && !strcmp(argv[1], "hash"))
		status = worker_hash(argc - 1, argv + 1);
	if (status == 64)
		fprintf(stderr, "dm-replica-worker: run by replicactl\n");
	return status;
}
