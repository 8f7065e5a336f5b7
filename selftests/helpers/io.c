// SPDX-License-Identifier: GPL-2.0
/*
 * Do exactly the given I/Os, one after the other.
 *
 * usage: helper-io DEVICE STEP...
 *
 *	w:OFFSET:LENGTH[:STAMP]	write sectors that hold the stamp and their place
 *	r:OFFSET:LENGTH		read
 *	c:OFFSET:LENGTH:STAMP	read and check that w with this stamp wrote it
 *	e:OFFSET:LENGTH:STAMP:STAMP
 *				the same of each sector, with either stamp
 *	n:OFFSET:LENGTH		read and check that all of it is zeroes
 *	m:OFFSET:STRIDE:LENGTH:COUNT[:STAMP]
 *				many writes, up to 64 in flight
 *	h:OFFSET:LENGTH		print a checksum
 *	u:OFFSET:OFFSET		print "states" and the little-endian 64-bit words there
 *	z:OFFSET:LENGTH		write zeroes (BLKZEROOUT)
 *	t:OFFSET:LENGTH		discard (BLKDISCARD)
 *	f			fsync
 *	o:DEVICE		continue on another device, O_DIRECT
 *	d:DEVICE		the same with O_DSYNC
 *	b:DEVICE		the same through the page cache
 *	p:TEXT			print a line
 *	s:SECONDS		sleep
 *	x:COMMAND		run COMMAND by the shell
 *
 * Numbers may end in K, M or G.  The device is open, for reading and writing,
 * O_DIRECT, until the end.  Exit status 1 and a line on standard error at the
 * first step that fails.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROOM	(16 << 20)
#define DEPTH	64

static unsigned char *buf;
static int fd = -1;
static const char *step = "";

static void die(const char *what)
{
	fprintf(stderr, "helper-io: %s: %s: %s\n", step, what, strerror(errno));
	exit(1);
}

static void wrong(const char *what)
{
	fprintf(stderr, "helper-io: %s: %s\n", step, what);
	exit(1);
}

static uint64_t number(char **text)
{
	char *end;
	uint64_t n;

	if (!**text)
		wrong("a number is missing");
	n = strtoull(*text, &end, 0);
	switch (*end) {
	case 'G':
		n <<= 10;
		/* fallthrough */
	case 'M':
		n <<= 10;
		/* fallthrough */
	case 'K':
		n <<= 10;
		end++;
	}
	if (*end == ':')
		end++;
	else if (*end)
		wrong("not a number");
	*text = end;
	return n;
}

static void stamp(unsigned char *at, uint64_t offset, uint64_t bytes, uint64_t mark)
{
	uint64_t i, j, *word;

	for (i = 0; i < bytes; i += 512) {
		word = (uint64_t *)(at + i);
		for (j = 0; j < 64; j += 2) {
			word[j] = mark;
			word[j + 1] = offset + i;
		}
	}
}

static void many(uint64_t offset, uint64_t stride, uint64_t bytes, uint64_t count, uint64_t mark)
{
	struct iocb cb[DEPTH], *list[DEPTH];
	struct io_event ev[DEPTH];
	aio_context_t ctx = 0;
	int free_cb[DEPTH], nr_free = DEPTH, i, n;
	uint64_t done = 0, sent = 0;

	if (bytes * DEPTH > ROOM)
		wrong("too long");
	if (syscall(SYS_io_setup, DEPTH, &ctx))
		die("io_setup");
	for (i = 0; i < DEPTH; i++)
		free_cb[i] = i;
	while (done < count) {
		for (n = 0; nr_free && sent < count; n++, sent++) {
			i = free_cb[--nr_free];
			stamp(buf + i * bytes, offset, bytes, mark);
			memset(&cb[i], 0, sizeof(cb[i]));
			cb[i].aio_lio_opcode = IOCB_CMD_PWRITE;
			cb[i].aio_fildes = fd;
			cb[i].aio_buf = (uintptr_t)(buf + i * bytes);
			cb[i].aio_nbytes = bytes;
			cb[i].aio_offset = offset;
			cb[i].aio_data = i;
			list[n] = &cb[i];
			offset += stride;
		}
		if (n && syscall(SYS_io_submit, ctx, (long)n, list) != n)
			die("io_submit");
		n = syscall(SYS_io_getevents, ctx, 1L, (long)DEPTH, ev, NULL);
		if (n < 1)
			die("io_getevents");
		done += n;
		while (n--) {
			if (ev[n].res != (int64_t)bytes) {
				errno = -ev[n].res;
				die("write");
			}
			free_cb[nr_free++] = ev[n].data;
		}
	}
	syscall(SYS_io_destroy, ctx);
}

static void reopen(const char *path, int flags)
{
	if (fd >= 0)
		close(fd);
	fd = open(path, O_RDWR | flags);
	if (fd < 0)
		die(path);
}

static void read_all(uint64_t offset, uint64_t bytes)
{
	ssize_t n;

	if (bytes > ROOM)
		wrong("too long");
	n = pread(fd, buf, bytes, offset);
	if (n < 0)
		die("read");
	if ((uint64_t)n != bytes)
		wrong("short read");
}

static void check(uint64_t offset, uint64_t bytes, uint64_t mark, int zero)
{
	uint64_t want[2], *word = (uint64_t *)buf, i;

	for (i = 0; i < bytes / 8; i += 2) {
		want[0] = zero ? 0 : mark;
		want[1] = zero ? 0 : offset + i * 8 / 512 * 512;
		if (memcmp(&word[i], want, 16)) {
			fprintf(stderr, "helper-io: %s: at byte %llu: %llu %llu\n", step,
				(unsigned long long)(offset + i * 8), (unsigned long long)word[i],
				(unsigned long long)word[i + 1]);
			exit(1);
		}
	}
}

/* Each sector whole. */
static void either(uint64_t offset, uint64_t bytes, const uint64_t *marks)
{
	uint64_t i;

	for (i = 0; i < bytes; i += 512) {
		stamp(buf + ROOM / 2, offset + i, 512, marks[memcmp(buf + i, marks, 8) != 0]);
		if (memcmp(buf + i, buf + ROOM / 2, 512)) {
			fprintf(stderr, "helper-io: %s: at byte %llu: %llu\n", step,
				(unsigned long long)(offset + i),
				(unsigned long long)*(uint64_t *)(buf + i));
			exit(1);
		}
	}
}

static void checksum(uint64_t offset, uint64_t bytes)
{
	uint64_t sum = 0xcbf29ce484222325ULL, n, i;

	for (; bytes; bytes -= n, offset += n) {
		n = bytes < ROOM ? bytes : ROOM;
		read_all(offset, n);
		for (i = 0; i < n / 8; i++) {
			sum ^= ((uint64_t *)buf)[i];
			sum *= 0x100000001b3ULL;
			sum ^= sum >> 29;
		}
	}
	printf("%016llx\n", (unsigned long long)sum);
	fflush(stdout);
}

static unsigned long long word(uint64_t offset)
{
	uint64_t le;

	read_all(offset / 4096 * 4096, 4096);
	memcpy(&le, buf + offset % 4096, sizeof(le));
	return le64toh(le);
}

static void range_ioctl(unsigned long cmd, uint64_t offset, uint64_t bytes)
{
	uint64_t range[2] = { offset, bytes };

	if (ioctl(fd, cmd, range))
		die("ioctl");
}

static void run(char *arg)
{
	char *rest = strchr(arg, ':');
	uint64_t n[5] = { 0 };
	unsigned int i;

	rest = rest ? rest + 1 : arg + strlen(arg);
	if (strchr("wrcenmhuzts", *arg))
		for (i = 0; i < 5 && *rest; i++)
			n[i] = number(&rest);
	switch (*arg) {
	case 'w':
		if (n[1] > ROOM)
			wrong("too long");
		stamp(buf, n[0], n[1], n[2]);
		if (pwrite(fd, buf, n[1], n[0]) != (ssize_t)n[1])
			die("write");
		break;
	case 'r':
		read_all(n[0], n[1]);
		break;
	case 'c':
	case 'n':
		read_all(n[0], n[1]);
		check(n[0], n[1], n[2], *arg == 'n');
		break;
	case 'e':
		if (n[1] > ROOM / 2)
			wrong("too long");
		read_all(n[0], n[1]);
		either(n[0], n[1], n + 2);
		break;
	case 'm':
		many(n[0], n[1], n[2], n[3], n[4]);
		break;
	case 'h':
		checksum(n[0], n[1]);
		break;
	case 'u':
		printf("states %llu", word(n[0]));
		printf(" %llu\n", word(n[1]));
		fflush(stdout);
		break;
	case 'z':
		range_ioctl(BLKZEROOUT, n[0], n[1]);
		break;
	case 't':
		range_ioctl(BLKDISCARD, n[0], n[1]);
		break;
	case 'f':
		if (fsync(fd))
			die("fsync");
		break;
	case 'o':
		reopen(rest, O_DIRECT);
		break;
	case 'd':
		reopen(rest, O_DIRECT | O_DSYNC);
		break;
	case 'b':
		reopen(rest, 0);
		break;
	case 'p':
		puts(rest);
		fflush(stdout);
		break;
	case 's':
		sleep(n[0]);
		break;
	case 'x':
		if (system(rest))
			wrong("failed");
		break;
	default:
		wrong("unknown step");
	}
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 2) {
		fprintf(stderr, "usage: helper-io DEVICE STEP...\n");
		return 2;
	}
	/*
	 * In huge pages a large I/O has few segments, so no layer below splits it for that
	 * reason.
	 */
	buf = mmap(NULL, ROOM + (2 << 20), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		   0);
	if (buf == MAP_FAILED)
		die("mmap");
	buf = (unsigned char *)(((uintptr_t)buf + (2 << 20) - 1) & ~(uintptr_t)((2 << 20) - 1));
	madvise(buf, ROOM, MADV_HUGEPAGE);
	step = argv[1];
	reopen(argv[1], O_DIRECT);
	for (i = 2; i < argc; i++) {
		step = argv[i];
		run(argv[i]);
	}
	return 0;
}
