// SPDX-License-Identifier: GPL-2.0-only
/* main() of replicactl and of replicactl-domain. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "replicactl.h"

/*
 * A file that is opened later must not become standard input or output: a stream would be read
 * from it, or written to it.  What was closed cannot be used.
 */
static void keep_closed(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			abort();
}

int main(int argc, char **argv)
{
	keep_closed();
	return run_command(argc, argv);
}
