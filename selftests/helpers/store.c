// SPDX-License-Identifier: GPL-2.0
/*
 * Change a store's metadata in ways that no tool of ours does.
 *
 * usage: helper-store DEVICE set FIELD VALUE [COPY]
 *	  in both superblocks or one, with a valid checksum.
 *	  FIELD: version, incompat, compat, state, flags, seq, log_durable, log_tail,
 *	  ring_from, state_number, job_number, next_point, settings.vacuum_rate (plus one),
 *	  role (where there is a replication page)
 *	helper-store DEVICE tear COPY
 *	  a bit of this superblock changes, its checksum does not
 *	helper-store DEVICE log-tear NUMBER
 *	  a bit of this log block changes, its checksum does not
 *	helper-store DEVICE chain POINTS EPOCHS [ORDER]
 *	  give a new store so many recovery points, and its first chunk versions of zeroes
 *	  in so many epochs up to each of them and behind the last, a block each in turn.
 *	  ORDER: rising, or falling, or drops: each followed by a moved-home record for
 *	  all of them that leaves their blocks alone
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

#include "../../uapi/dm-replica-format.h"

static const struct { const char *name; size_t at, bytes; } fields[] = {
#define F(f)	{ #f, offsetof(struct dmr_disk_sb, f), sizeof(((struct dmr_disk_sb *)0)->f) }
	F(version), F(incompat), F(compat), F(state), F(flags), F(seq), F(log_durable),
	F(log_tail), F(ring_from), F(state_number), F(job_number), F(next_point),
	F(settings.vacuum_rate),
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

/* The role, in the page behind the lists. */
static size_t role_place(const struct dmr_disk_sb *s)
{
	size_t host = le32toh(s->host_bytes);

	if (!s->replication_bytes)
		die("no replication page there");
	host += -host % DMR_HOST_ALIGN;
	return DMR_SB_FIXED + le32toh(s->nr_disks) * sizeof(struct dmr_disk_disk) +
	       le32toh(s->nr_points) * sizeof(struct dmr_disk_point) + host +
	       le32toh(s->nr_prints) * sizeof(struct dmr_disk_print) +
	       offsetof(struct dmr_disk_replication, role);
}

static void set(int copy, const char *name, uint64_t value)
{
	struct dmr_disk_sb *s = (void *)sb[copy];
	uint32_t length = le32toh(s->length);
	int role = !strcmp(name, "role");
	uint64_t v = htole64(value);
	unsigned int i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!strcmp(fields[i].name, name))
			break;
	if (i == sizeof(fields) / sizeof(fields[0]) && !role)
		die("no such field");
	if (length > DMR_SB_MAX)
		die("no superblock there");
	if (role)
		memcpy(sb[copy] + role_place(s), &v, 4);
	else
		memcpy(sb[copy] + fields[i].at, &v, fields[i].bytes);
	s->crc = 0;
	s->crc = htole32(crc32c(sb[copy], length));
	transfer(1, sb[copy], DMR_SB_AREA, (uint64_t)copy * DMR_SB_AREA);
}

static uint64_t log_place(const struct dmr_disk_sb *s, uint64_t number)
{
	uint64_t blocks = 0, at;
	unsigned int i;

	for (i = 0; i < le32toh(s->ring_extents); i++)
		blocks += le64toh(s->ring[i].count);
	at = (number - le64toh(s->ring_from) + le64toh(s->ring_start)) % blocks;
	for (i = 0; at >= le64toh(s->ring[i].count); i++)
		at -= le64toh(s->ring[i].count);
	return (at + le64toh(s->ring[i].first)) * DMR_BLOCK_SIZE;
}

static void log_tear(uint64_t number)
{
	uint64_t at = log_place(newest(), number);
	unsigned char *buf = sb[0];

	transfer(0, buf, DMR_BLOCK_SIZE, at);
	if (le64toh(((struct dmr_disk_log_block *)buf)->number) != number)
		die("another log block lies there");
	buf[100] ^= 1;
	transfer(1, buf, DMR_BLOCK_SIZE, at);
}

static struct dmr_disk_log_block *block;

static void log_write(struct dmr_disk_sb *s)
{
	uint64_t number = le64toh(s->log_durable) + 1;

	block->magic = htole32(DMR_LOG_MAGIC);
	memcpy(block->store_uuid, s->store_uuid, sizeof(block->store_uuid));
	block->number = htole64(number);
	block->sb_seq = s->seq;
	block->durable = s->log_durable;
	block->crc = 0;
	block->crc = htole32(crc32c((void *)block, offsetof(struct dmr_disk_log_block, records) +
				    le32toh(block->nr_records) * sizeof(block->records[0])));
	transfer(1, block, sizeof(*block), log_place(s, number));
	s->log_durable = htole64(number);
	memset(block, 0, sizeof(*block));
}

static void log_record(struct dmr_disk_sb *s, int type, uint32_t epoch, uint64_t zero)
{
	uint32_t nr = le32toh(block->nr_records);
	struct dmr_disk_record *rec = &block->records[nr];

	rec->zero = htole64(zero);
	rec->epoch = htole32(epoch);
	rec->type = type;
	memset(rec->slot, 0xff, sizeof(rec->slot));
	block->nr_records = htole32(++nr);
	if (nr == DMR_LOG_RECORDS)
		log_write(s);
}

/* Expensive for a reader, with every checksum right. */
static void chain(unsigned int points, unsigned int epochs, const char *order)
{
	struct dmr_disk_sb *s = newest();
	unsigned int each = le32toh(s->chunk_bytes) / DMR_BLOCK_SIZE, all = (points + 1) * epochs;
	struct dmr_disk_point *p = (void *)((unsigned char *)s + DMR_SB_FIXED +
					    le32toh(s->nr_disks) * sizeof(struct dmr_disk_disk));
	uint64_t seq = le64toh(s->seq);
	unsigned int i;

	if (s->nr_points || s->host_bytes || !epochs || points > DMR_MAX_POINTS)
		die("not a new store");
	if (posix_memalign((void **)&block, 4096, sizeof(*block)))
		die("no memory");
	memset(block, 0, sizeof(*block));
	memset(p, 0, points * sizeof(*p));
	for (i = 0; i < points; i++) {
		p[i].epoch = htole32(DMR_EPOCH_FIRST + 2 * ((i + 1) * epochs - 1));
		p[i].kind = htole32(1);		/* standard */
		p[i].number = htole64(i + 1);
		p[i].time = s->create_time;
	}
	s->nr_points = htole32(points);
	s->next_point = htole64(points + 1);
	s->state = htole32(points ? 3 : 2);
	s->cur_epoch = htole32(DMR_EPOCH_FIRST + 2 * (all - 1));
	s->next_epoch = htole32(DMR_EPOCH_FIRST + 2 * all);
	s->last_epoch = s->next_epoch;
	i = (unsigned char *)(p + points) - (unsigned char *)s;
	s->length = htole32((i + 4095) / 4096 * 4096);
	for (i = 0; i < all; i++) {
		log_record(s, DMR_RECORD_VERSION,
			   DMR_EPOCH_FIRST + 2 * (*order == 'f' ? all - 1 - i : i),
			   1ULL << i % epochs % (*order == 'd' ? each - 1 : each));
		if (*order == 'd')
			log_record(s, DMR_RECORD_DROP, DMR_EPOCH_FIRST + 2 * (all - 1),
				   1ULL << (each - 1));
	}
	if (block->nr_records)
		log_write(s);
	for (i = 0; i < 2; i++) {
		s->copy = htole32(i);
		s->seq = htole64(seq + i);
		s->crc = 0;
		s->crc = htole32(crc32c((void *)s, le32toh(s->length)));
		transfer(1, s, DMR_SB_AREA, (uint64_t)i * DMR_SB_AREA);
	}
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 3)
		die("what?");
	fd = open(argv[1], O_RDWR | O_DIRECT);
	if (fd < 0)
		fd = open(argv[1], O_RDWR);	/* a file without direct I/O */
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
	} else if (!strcmp(argv[2], "chain") && argc >= 5) {
		chain(atoi(argv[3]), atoi(argv[4]), argc > 5 ? argv[5] : "rising");
	} else if (!strcmp(argv[2], "log-range")) {
		printf("%llu %llu\n", (unsigned long long)le64toh(newest()->log_tail),
		       (unsigned long long)le64toh(newest()->log_durable));
	} else {
		die("what?");
	}
	return fsync(fd) != 0;
}
