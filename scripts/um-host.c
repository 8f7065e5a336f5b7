// SPDX-License-Identifier: GPL-2.0
/*
 * Preloaded into a user-mode kernel by scripts/vm-um.
 *
 * Extended registers: a kernel of before 6.13 keeps 2696 bytes of them for each of its
 * processes, all that an AVX-512 CPU with protection keys has.  Where there is more (AMX)
 * PTRACE_GETREGSET cuts off the rest, which no program here uses, but PTRACE_SETREGSET
 * refuses what is shorter than the whole with EFAULT.  So it is filled up with zeroes: the
 * state's header, which lies within the part that is kept, marks those components as
 * being in their initial state.
 *
 * Flushes: the kernel answers the flush of a disk when fdatasync() of the image has
 * returned.  Images are thrown away, or looked at while the host is up, so the disk below
 * need not be waited for.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static long (*real_ptrace)(int request, pid_t pid, void *addr, void *data);
static char whole[65536] __attribute__((aligned(64)));
static size_t whole_size;

static void __attribute__((constructor)) find_ptrace(void)
{
	real_ptrace = (long (*)(int, pid_t, void *, void *))dlsym(RTLD_NEXT, "ptrace");
}

/* One thread of the kernel traces all its processes, so no lock is needed. */
long ptrace(enum __ptrace_request request, ...)
{
	struct iovec *iov, full;
	void *addr, *data;
	va_list args;
	pid_t pid;

	va_start(args, request);
	pid = va_arg(args, pid_t);
	addr = va_arg(args, void *);
	data = va_arg(args, void *);
	va_end(args);
	if (request != PTRACE_SETREGSET || (unsigned long)addr != NT_X86_XSTATE)
		return real_ptrace(request, pid, addr, data);

	full.iov_base = whole;
	if (!whole_size) {
		full.iov_len = sizeof(whole);
		if (real_ptrace(PTRACE_GETREGSET, pid, addr, &full))
			return -1;
		whole_size = full.iov_len;
		memset(whole, 0, sizeof(whole));
	}
	iov = data;
	if (iov->iov_len >= whole_size)
		return real_ptrace(request, pid, addr, data);
	memcpy(whole, iov->iov_base, iov->iov_len);
	full.iov_len = whole_size;
	return real_ptrace(request, pid, addr, &full);
}

int fdatasync(int fd)
{
	(void)fd;
	return 0;
}
