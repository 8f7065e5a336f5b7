// SPDX-License-Identifier: GPL-2.0
/*
 * Write to a part of a device without pause, under any operation on the device, and know its
 * possible content.
 *
 * usage: helper-load DEVICE OFFSET LENGTH SEED FILE
 *
 * Every sector has its place and the number of the write.  An answered write is there from
 * then on.  A failed one may be there, sector by sector; by chance it is written again, like
 * any other.  Some reads check this; a failed read proves nothing.  The device is opened anew
 * when it fails, as a guest's would be after its host has repaired it.
 *
 * Ends when FILE exists: then all is read once more, which must not fail, and a line has the
 * counts: "NUMBER writes, NUMBER failed, NUMBER reads".  Exit status 1 and a line on standard
 * error on any mismatch.  While FILE.pause exists the program rests, its last write answered
 * and flushed, and FILE.PID.rests exists, too.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SECTOR	512
#define MOST	(64 << 10)		/* of one write */

static const char *path, *file;
static uint64_t from, length, seed;
static unsigned char *buf;
static int fd = -1;

static struct sector {
	uint64_t sure;		/* number of the last write that was answered */
	uint64_t last;		/* of the last one that was tried */
} *sectors;
static uint64_t number, failed, reads;

static uint64_t rnd(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static uint64_t of_size(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 0);

	return *end == 'M' ? n << 20 : *end == 'K' ? n << 10 : n;
}

static int again(void)
{
	if (fd >= 0)
		close(fd);
	fd = open(path, O_RDWR | O_DIRECT);
	if (fd < 0)
		usleep(20000);
	return fd >= 0;
}

static void put(uint64_t at, uint64_t bytes)
{
	uint64_t i, s = at / SECTOR;
	ssize_t n;

	number++;
	for (i = 0; i < bytes; i += SECTOR) {
		uint64_t *w = (uint64_t *)(buf + i);
		int j;

		for (j = 0; j < SECTOR / 8; j += 2) {
			w[j] = number;
			w[j + 1] = from + at + i;
		}
		sectors[s + i / SECTOR].last = number;
	}
	n = pwrite(fd, buf, bytes, from + at);
	if (n != (ssize_t)bytes) {
		failed++;
		usleep(10000);
		again();
		return;
	}
	for (i = 0; i < bytes / SECTOR; i++)
		sectors[s + i].sure = number;
}

/* May the content of this read be there? */
static void look(uint64_t at, uint64_t bytes)
{
	uint64_t i, j;

	for (i = 0; i < bytes; i += SECTOR) {
		const struct sector *s = &sectors[(at + i) / SECTOR];
		const uint64_t *w = (uint64_t *)(buf + i);

		/* Never written by this process: the old content, which is unknown. */
		if (!s->last || (!s->sure && w[1] != from + at + i))
			continue;
		for (j = 0; j < SECTOR / 8; j += 2)
			if (w[j] != w[0] || w[j + 1] != from + at + i || w[j] < s->sure ||
			    w[j] > s->last) {
				fprintf(stderr,
					"helper-load: %s: byte %llu: write %llu for %llu, wanted %llu to %llu\n",
					path, (unsigned long long)(from + at + i),
					(unsigned long long)w[j], (unsigned long long)w[j + 1],
					(unsigned long long)s->sure, (unsigned long long)s->last);
				exit(1);
			}
	}
}

static int get(uint64_t at, uint64_t bytes)
{
	reads++;
	if (pread(fd, buf, bytes, from + at) != (ssize_t)bytes)
		return 0;
	look(at, bytes);
	return 1;
}

static int there(const char *end)
{
	char name[512];

	snprintf(name, sizeof(name), "%s%s", file, end);
	return !access(name, F_OK);
}

static void rest(void)
{
	char name[512];
	int mark;

	while (fsync(fd) && there(".pause")) {
		usleep(20000);
		again();
	}
	snprintf(name, sizeof(name), "%s.%d.rests", file, getpid());
	mark = open(name, O_CREAT | O_WRONLY, 0600);
	close(mark);
	while (there(".pause"))
		usleep(20000);
	unlink(name);
}

int main(int argc, char **argv)
{
	uint64_t at, bytes;

	if (argc != 6)
		return 2;
	path = argv[1];
	from = of_size(argv[2]);
	length = of_size(argv[3]);
	seed = strtoull(argv[4], NULL, 0) * 2654435761u + 88172645463325252ull;
	file = argv[5];
	sectors = calloc(length / SECTOR, sizeof(*sectors));
	buf = mmap(NULL, MOST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!sectors || buf == MAP_FAILED || !again()) {
		perror("helper-load");
		return 1;
	}
	while (!there("")) {
		if (there(".pause"))
			rest();
		/* Half of them whole blocks, the others any number of sectors. */
		bytes = rnd(2) ? (rnd(MOST / 4096) + 1) * 4096 : (rnd(24) + 1) * SECTOR;
		at = rnd((length - bytes) / SECTOR) * SECTOR;
		if (!(bytes % 4096))
			at -= at % 4096;
		switch (rnd(8)) {
		case 0:
		case 1:
			get(at, bytes);
			break;
		case 2:
			fsync(fd);
			break;
		default:
			put(at, bytes);
		}
		if (fd < 0)
			again();
		usleep(500);	/* leave time to other processes */
	}
	fsync(fd);
	for (at = 0; at < length; at += MOST)
		if (!get(at, MOST)) {
			fprintf(stderr, "helper-load: %s: byte %llu: %s\n", path,
				(unsigned long long)(from + at), strerror(errno));
			return 1;
		}
	printf("%llu writes, %llu failed, %llu reads\n", (unsigned long long)number,
	       (unsigned long long)failed, (unsigned long long)reads);
	return 0;
}
