// SPDX-License-Identifier: GPL-2.0
/*
 * Change a store's metadata as no tool of ours would.
 *
 * usage: helper-store DEVICE set FIELD VALUE [COPY]
 *	  in both superblocks or one; the checksum is made right again.
 *	  FIELD: version, incompat, compat, state, flags, seq, log_durable
 *	helper-store DEVICE tear COPY
 *	  a bit of this superblock changes, its checksum does not
 *	helper-store DEVICE log-tear NUMBER
 *	  a bit of this log block changes, its checksum does not
 *	helper-store DEVICE log-range
 *	  print the log's tail and last durable block as the newer superblock has them
 */
#define _GNU_SOURCE
#include <endian.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../uapi/dm-replica-format.h"

static const struct { const char *name; size_t at, bytes; } fields[] = {
#define F(f)	{ #f, offsetof(struct dmr_disk_sb, f), sizeof(((struct dmr_disk_sb *)0)->f) }
	F(version), F(incompat), F(compat), F(state), F(flags), F(seq), F(log_durable),
#undef F
};

static unsigned char *sb[2];
static int fd;

static void die(const char *what)
{
	fprintf(stderr, "helper-store: %s\n", what);
	exit(1);
}

static uint32_t crc32c(const unsigned char *p, size_t len)
{
	uint32_t crc = ~0u;
	int i;

	while (len--) {
		crc ^= *p++;
		for (i = 0; i < 8; i++)
			crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

static void transfer(int writing, void *buf, size_t bytes, uint64_t at)
{
	ssize_t n = writing ? pwrite(fd, buf, bytes, at) : pread(fd, buf, bytes, at);

	if (n != (ssize_t)bytes)
		die(writing ? "cannot write" : "cannot read");
}

static struct dmr_disk_sb *newest(void)
{
	struct dmr_disk_sb *a = (void *)sb[0], *b = (void *)sb[1];

	return le64toh(b->seq) > le64toh(a->seq) ? b : a;
}

static void set(int copy, const char *name, uint64_t value)
{
	struct dmr_disk_sb *s = (void *)sb[copy];
	uint32_t length = le32toh(s->length);
	uint64_t v = htole64(value);
	unsigned int i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!strcmp(fields[i].name, name))
			break;
	if (i == sizeof(fields) / sizeof(fields[0]))
		die("no such field");
	if (length > DMR_SB_AREA)
		die("no superblock there");
	memcpy(sb[copy] + fields[i].at, &v, fields[i].bytes);
	s->crc = 0;
	s->crc = htole32(crc32c(sb[copy], length));
	transfer(1, sb[copy], DMR_SB_AREA, (uint64_t)copy * DMR_SB_AREA);
}

static void log_tear(uint64_t number)
{
	const struct dmr_disk_sb *s = newest();
	uint64_t blocks = 0, at;
	unsigned char *buf = sb[0];
	unsigned int i;

	for (i = 0; i < le32toh(s->ring_extents); i++)
		blocks += le64toh(s->ring[i].count);
	at = (number - le64toh(s->ring_from) + le64toh(s->ring_start)) % blocks;
	for (i = 0; at >= le64toh(s->ring[i].count); i++)
		at -= le64toh(s->ring[i].count);
	at = (at + le64toh(s->ring[i].first)) * DMR_BLOCK_SIZE;
	transfer(0, buf, DMR_BLOCK_SIZE, at);
	if (le64toh(((struct dmr_disk_log_block *)buf)->number) != number)
		die("another log block lies there");
	buf[100] ^= 1;
	transfer(1, buf, DMR_BLOCK_SIZE, at);
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 3)
		die("what?");
	fd = open(argv[1], O_RDWR | O_DIRECT);
	if (fd < 0)
		die("cannot open the device");
	for (i = 0; i < 2; i++) {
		if (posix_memalign((void **)&sb[i], 4096, DMR_SB_AREA))
			die("no memory");
		transfer(0, sb[i], DMR_SB_AREA, (uint64_t)i * DMR_SB_AREA);
	}
	if (!strcmp(argv[2], "set") && argc >= 5) {
		for (i = 0; i < 2; i++)
			if (argc < 6 || atoi(argv[5]) == i)
				set(i, argv[3], strtoull(argv[4], NULL, 0));
	} else if (!strcmp(argv[2], "tear") && argc == 4) {
		i = atoi(argv[3]) != 0;
		sb[i][100] ^= 1;
		transfer(1, sb[i], DMR_SB_AREA, (uint64_t)i * DMR_SB_AREA);
	} else if (!strcmp(argv[2], "log-tear") && argc == 4) {
		log_tear(strtoull(argv[3], NULL, 0));
	} else if (!strcmp(argv[2], "log-range")) {
		printf("%llu %llu\n", (unsigned long long)le64toh(newest()->log_tail),
		       (unsigned long long)le64toh(newest()->log_durable));
	} else {
		die("what?");
	}
	return fsync(fd) != 0;
}
