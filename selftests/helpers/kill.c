// SPDX-License-Identifier: GPL-2.0
/*
 * Kill a command at its Nth step.
 *
 * usage: helper-kill [-a] [-m MS] N COMMAND [ARGUMENT...]
 *
 * A step is a system call that changes something outside of the process: between two of them
 * the instant of its death does not matter.  A netlink request of ours that only reads is not
 * a step.  With -a every system call is one.
 * Without -m the command is killed before its Nth step, N counted from 0.  With -m only steps
 * count that may have to wait for a device, and the command is killed in the midst of one, MS
 * milliseconds after the step began, if it has not ended by then.
 *
 * The command's processes are all looked at: a step may be one of any of them, and all are
 * killed.
 *
 * Prints "killed NAME" (or the number of the system call), or "ended STATUS" if the command
 * had fewer steps, or "passed NAME" if the step took less than MS; then, too, the command is
 * killed right behind it.  Exit status 0, or 2 on an error of its own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../uapi/dm-replica.h"

#define MAX_PROCS	16

static pid_t child;	/* the command */

/* It and the processes that it has started. */
static struct proc {
	pid_t pid;
	int entry;	/* the last stop was at the entry of a system call */
} procs[MAX_PROCS];
static unsigned int nr_procs;

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "helper-kill: %s: %s\n", what, strerror(errno));
	if (child > 0)
		kill(child, SIGKILL);
	exit(2);
}

static const char *name_of(const struct __ptrace_syscall_info *s)
{
	static const struct { long nr; const char *name; } names[] = {
		{ SYS_ioctl, "ioctl" }, { SYS_sendmsg, "sendmsg" }, { SYS_sendto, "sendto" },
		{ SYS_write, "write" }, { SYS_pwrite64, "pwrite64" }, { SYS_writev, "writev" },
		{ SYS_fsync, "fsync" }, { SYS_rename, "rename" }, { SYS_unlink, "unlink" },
		{ SYS_openat, "openat" }, { SYS_mkdir, "mkdir" }, { SYS_flock, "flock" },
		{ SYS_close, "close" },
	};
	static char buf[24];
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((long)s->entry.nr == names[i].nr)
			return names[i].name;
	snprintf(buf, sizeof(buf), "%ld", (long)s->entry.nr);
	return buf;
}

static struct proc *proc_of(pid_t pid)
{
	unsigned int i;

	for (i = 0; i < nr_procs; i++)
		if (procs[i].pid == pid)
			return &procs[i];
	if (nr_procs == MAX_PROCS) {
		errno = E2BIG;
		die("processes");
	}
	procs[nr_procs] = (struct proc){ .pid = pid };
	return &procs[nr_procs++];
}

static int peek(pid_t pid, unsigned long at, void *to, size_t bytes)
{
	char name[32];
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/mem", (int)pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	n = pread(fd, to, bytes, at);
	close(fd);
	return n == (ssize_t)bytes;
}

/* The system call that a process has stopped at. */
static void look(struct proc *proc, struct __ptrace_syscall_info *s)
{
#ifdef __x86_64__
	struct user_regs_struct regs;
#endif

	if (ptrace(PTRACE_GET_SYSCALL_INFO, proc->pid, (void *)sizeof(*s), s) >= 0)
		return;
	/* A user-mode kernel has no such request. */
#ifdef __x86_64__
	if (errno != EIO || ptrace(PTRACE_GETREGS, proc->pid, NULL, &regs))
		die("ptrace");
	/* rax is -ENOSYS when a call begins; a call that the kernel lacks returns it, too. */
	proc->entry = !proc->entry && (long)regs.rax == -ENOSYS;
	s->op = proc->entry ? PTRACE_SYSCALL_INFO_ENTRY : PTRACE_SYSCALL_INFO_EXIT;
	s->entry.nr = regs.orig_rax;
	s->entry.args[0] = regs.rdi;
	s->entry.args[1] = regs.rsi;
	s->entry.args[2] = regs.rdx;
#else
	die("ptrace");
#endif
}

/* Does this message ask for a change? */
static int changes(pid_t pid, unsigned long at)
{
	struct { struct nlmsghdr n; struct genlmsghdr g; } m;

	if (!peek(pid, at, &m, sizeof(m)))
		return 1;
	if (m.n.nlmsg_type == GENL_ID_CTRL || (m.n.nlmsg_flags & NLM_F_DUMP))
		return 0;
	switch (m.g.cmd) {
	case DM_REPLICA_CMD_SYSTEM_GET:
	case DM_REPLICA_CMD_POINT_GET:
	case DM_REPLICA_CMD_JOB_GET:
	case DM_REPLICA_CMD_SETTINGS_GET:
	case DM_REPLICA_CMD_HOST_GET:
		return 0;
	}
	return 1;
}

static int message_changes(pid_t pid, unsigned long at)
{
	struct msghdr msg;
	struct iovec iov;

	return !peek(pid, at, &msg, sizeof(msg)) ||
	       !peek(pid, (unsigned long)msg.msg_iov, &iov, sizeof(iov)) ||
	       changes(pid, (unsigned long)iov.iov_base);
}

static int is_step(pid_t pid, const struct __ptrace_syscall_info *s, int slow)
{
	unsigned long cmd = s->entry.args[1];
	char path[5];

	switch (s->entry.nr) {
	case SYS_sendmsg:
		return message_changes(pid, s->entry.args[1]);
	case SYS_sendto:
		return changes(pid, s->entry.args[1]);
	case SYS_pwrite64:
	case SYS_fsync:
	case SYS_fdatasync:
		return 1;
	case SYS_ioctl:
		if (((cmd >> 8) & 0xff) != DM_IOCTL)
			return 0;
		switch (cmd & 0xff) {
		case DM_DEV_REMOVE_CMD:
		case DM_DEV_SUSPEND_CMD:
			return 1;
		case DM_DEV_CREATE_CMD:
		case DM_TABLE_LOAD_CMD:
		case DM_TABLE_CLEAR_CMD:
			return !slow;
		}
		return 0;
	}
	if (slow)
		return 0;
	switch (s->entry.nr) {
	case SYS_write:
	case SYS_writev:
		return s->entry.args[0] > 2;	/* standard output is no change */
	case SYS_openat:
		return s->entry.args[2] & (O_CREAT | O_TRUNC);
	case SYS_unlink:
		/* Nodes are udevd's work, or without consequence. */
		return !peek(pid, s->entry.args[0], path, 5) || memcmp(path, "/dev/", 5);
	case SYS_rename:
	case SYS_renameat:
	case SYS_renameat2:
	case SYS_unlinkat:
	case SYS_mkdir:
	case SYS_mkdirat:
	case SYS_link:
	case SYS_linkat:
	case SYS_ftruncate:
		return 1;
	}
	return 0;
}

static int is_over(int status)
{
	return WIFEXITED(status) || WIFSIGNALED(status);
}

static void go_on(pid_t pid, int signal)
{
	/* It may have been killed meanwhile, by the end of another one. */
	if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)signal) && errno != ESRCH)
		die("ptrace");
}

/* The next process that stops, or the command, when that has ended.  Return: its number. */
static pid_t next_stop(int *status)
{
	pid_t pid;

	for (;;) {
		pid = waitpid(-1, status, __WALL);
		if (pid < 0)
			die("waitpid");
		if (pid == child || !is_over(*status))
			return pid;
		*proc_of(pid) = procs[--nr_procs];
	}
}

static void ended(int status)
{
	printf("ended %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	exit(0);
}

int main(int argc, char **argv)
{
	struct __ptrace_syscall_info s;
	int every = 0, ms = -1, status, signal;
	struct timespec ts;
	const char *name;
	long nr, seen = 0;
	unsigned int i;
	pid_t pid;

	argv++;
	while (*argv && **argv == '-') {
		if (!strcmp(*argv, "-a"))
			every = 1;
		else if (!strcmp(*argv, "-m") && argv[1])
			ms = atoi(*++argv);
		else
			return 2;
		argv++;
	}
	if (argc < 3 || !argv[0] || !argv[1])
		return 2;
	nr = atol(argv[0]);

	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		die("waitpid");
	if (ptrace(PTRACE_SETOPTIONS, child, NULL,
		   (void *)(long)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC |
				  PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE)))
		die("ptrace");
	proc_of(child);
	go_on(child, 0);
	for (;;) {
		pid = next_stop(&status);
		if (is_over(status))
			ended(status);
		signal = 0;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			look(proc_of(pid), &s);
			if (s.op == PTRACE_SYSCALL_INFO_ENTRY &&
			    (every || is_step(pid, &s, ms >= 0)) && seen++ == nr)
				break;
		} else if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) {
			signal = WSTOPSIG(status);
		} else {
			proc_of(pid);	/* it begins, becomes the command, or has forked */
		}
		go_on(pid, signal);
	}
	name = name_of(&s);
	if (ms >= 0) {
		go_on(pid, 0);
		ts.tv_sec = ms / 1000;
		ts.tv_nsec = ms % 1000 * 1000000L;
		nanosleep(&ts, NULL);
		if (waitpid(pid, &status, WNOHANG | __WALL) == pid) {
			if (pid == child && is_over(status))
				ended(status);
			ms = -1;
			printf("passed %s\n", name);
		} else {
			printf("killed %s\n", name);
		}
	} else {
		printf("killed %s\n", name);
	}
	for (i = 0; i < nr_procs; i++)
		kill(procs[i].pid, SIGKILL);
	/*
	 * Their last calls in the kernel are over when they are gone.  One that was forked a
	 * moment ago stops for the first time now.
	 */
	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR)
		if (pid > 0 && WIFSTOPPED(status))
			kill(pid, SIGKILL);
	return 0;
}
