// SPDX-License-Identifier: GPL-2.0-only
/* Other programs of the host, found in its directories for programs: PATH does not count. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "private.h"

extern char **environ;

static const char *const dirs[] = { "/usr/sbin", "/sbin", "/usr/bin", "/bin" };

/** dmrl_program_find() - find a program.  Return: @path, or NULL if it is not installed. */
const char *dmrl_program_find(const char *name, char *path, size_t size)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, size, "%s/%s", dirs[i], name);
		if (!access(path, X_OK))
			return path;
	}
	return NULL;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -ENOENT;
}

/**
 * dmrl_program_run() - run a program, without its errors, and wait for its end
 * @argv: its name and arguments.
 * @out: gets its output, without white space at the end; NULL: the output of this process.
 * @size: bytes of @out; more is read, and lost.
 *
 * Return: 0; -ENOENT also if it is not installed or has failed; another negative errno.
 */
int dmrl_program_run(char *const argv[], char *out, size_t size)
{
	posix_spawn_file_actions_t actions;
	char path[64], rest[256];
	size_t n = 0;
	ssize_t got;
	int fds[2], err;
	pid_t pid;

	if (!dmrl_program_find(argv[0], path, sizeof(path)))
		return -ENOENT;
	if (out && pipe2(fds, O_CLOEXEC))
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (out)
		posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	err = posix_spawn(&pid, path, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (out)
		close(fds[1]);
	while (!err && out) {
		got = n < size - 1 ? read(fds[0], out + n, size - 1 - n) :
				     read(fds[0], rest, sizeof(rest));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		if (n < size - 1)
			n += got;
	}
	if (out) {
		close(fds[0]);
		while (n && (out[n - 1] == '\n' || out[n - 1] == ' '))
			n--;
		out[n] = 0;
	}
	return err ? -err : wait_for(pid);
}
