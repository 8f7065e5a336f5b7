// SPDX-License-Identifier: GPL-2.0
/*
 * Stamps: every sector has the number of its write, so that a wrong one shows its origin; and
 * images, the numbers that sectors must hold.
 */
#include "model.h"

#include <stddef.h>

struct rng rng;
char *io_buf, *cmp_buf;

static uint64_t rnd(struct rng *r)
{
	r->s ^= r->s >> 12;
	r->s ^= r->s << 25;
	r->s ^= r->s >> 27;
	return r->s * 0x2545f4914f6cdd1dULL >> 11;
}

uint64_t below(struct rng *r, uint64_t n)
{
	return rnd(r) % n;
}

void rng_init(struct rng *r, uint64_t s)
{
	r->s = s * 0x9e3779b97f4a7c15ULL + 0x1234567;
	for (int i = 0; i < 8; i++)
		rnd(r);
}

void *buffer(size_t bytes)
{
	void *p;

	if (posix_memalign(&p, 4096, bytes))
		die("out of memory");
	return p;
}

struct stamp {
	char magic[8];
	uint32_t run;		/* system, seed, process: another one's are not ours */
	uint32_t seq;		/* number of the write, never 0 */
	uint32_t disk;
	uint32_t writer;	/* the thread */
	uint64_t sector;
	uint32_t crc;		/* CRC-32C of all above; the filling follows from it */
	uint32_t zero;
	uint64_t fill[59];
};

static uint32_t crc_table[256];

static void crc_init(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0x82f63b78 : c >> 1;
		crc_table[i] = c;
	}
}

static uint32_t stamp_crc(const struct stamp *s)
{
	const uint8_t *at = (const void *)s;
	uint32_t c = ~0U;

	for (size_t i = 0; i < offsetof(struct stamp, crc); i++)
		c = c >> 8 ^ crc_table[(c ^ at[i]) & 0xff];
	return ~c;
}

static uint32_t run_number(void)
{
	static uint32_t run;

	if (!run) {
		crc_init();
		memcpy(&run, uuid + 12, 4);
		run = (run ^ ((uint32_t)seed + ((uint32_t)getpid() << 16)) * 0x9e3779b1U) | 1;
	}
	return run;
}

static uint64_t filling(const struct stamp *s, int i)
{
	return (s->crc | (uint64_t)s->seq << 32) + i * 0x9e3779b97f4a7c15ULL;
}

void stamp_make(void *to, uint32_t seq, uint32_t disk, uint64_t sector)
{
	struct stamp *s = to;

	memcpy(s->magic, "dmrmodel", 8);
	s->run = run_number();
	s->seq = seq;
	s->disk = disk;
	s->writer = writer;
	s->sector = sector;
	s->crc = stamp_crc(s);
	s->zero = 0;
	for (int i = 0; i < 59; i++)
		s->fill[i] = filling(s, i);
}

/* The number in a sector: 0 if it is all zero, SEQ_BAD if it is no whole sector of ours. */
uint32_t stamp_read(const void *from, uint32_t disk, uint64_t sector)
{
	static const uint8_t zero[SECTOR];
	const struct stamp *s = from;

	if (memcmp(s->magic, "dmrmodel", 8))
		return memcmp(from, zero, SECTOR) ? SEQ_BAD : 0;
	if (s->disk != disk || s->sector != sector || s->run != run_number() || s->zero ||
	    s->crc != stamp_crc(s))
		return SEQ_BAD;
	for (int i = 0; i < 59; i++)
		if (s->fill[i] != filling(s, i))
			return SEQ_BAD;
	return s->seq;
}

/* The content of a wrong sector, in words; it was read as @sector of @disk. */
void stamp_tell(const void *from, int disk, uint64_t sector)
{
	const struct stamp *s = from;
	int i, torn = 0;

	if (memcmp(s->magic, "dmrmodel", 8)) {
		if (!stamp_read(from, disk, sector)) {
			tell_write("found", 0, disk, sector);
			return;
		}
		say("#   found: no stamp:");
		for (i = 0; i < 32; i++)
			say(" %02x", ((const uint8_t *)from)[i]);
		say("\n");
		return;
	}
	if (s->crc != stamp_crc(s)) {
		say("#   found: a stamp with a bad CRC, as if of write %u\n", s->seq);
		return;
	}
	for (i = 0; i < 59; i++)
		torn += s->fill[i] != filling(s, i);
	if (s->run != run_number()) {
		say("#   found: write %u of another system or run, disk %u, sector %llu\n", s->seq,
		    s->disk, (unsigned long long)s->sector);
		return;
	}
	tell_write("found", s->seq, s->disk, s->sector);
	if (s->disk != (uint32_t)disk)
		say("#          it is disk %u's, sector %llu\n", s->disk,
		    (unsigned long long)s->sector);
	else if (s->sector != sector)
		say("#          it belongs to sector %llu, which is %+lld from here\n",
		    (unsigned long long)s->sector, (long long)(s->sector - sector));
	if (torn || s->zero)
		say("#          it is torn: %d of its words are others\n", torn);
}

void stamp_fill(char *buf, uint32_t seq, int disk, uint64_t sector, uint32_t sectors)
{
	for (uint32_t i = 0; i < sectors; i++)
		stamp_make(buf + i * SECTOR, seq, disk, sector + i);
}

void image_new(struct image *im)
{
	for (int d = 0; d < nr_disks; d++) {
		im->seq[d] = calloc(disks[d].sectors, sizeof(uint32_t));
		if (!im->seq[d])
			die("out of memory");
	}
}

void image_copy(struct image *to, const struct image *from)
{
	for (int d = 0; d < nr_disks; d++)
		memcpy(to->seq[d], from->seq[d], disks[d].sectors * sizeof(uint32_t));
}

void image_set(struct image *im, int disk, uint64_t sector, uint32_t sectors, uint32_t seq)
{
	for (uint32_t i = 0; i < sectors; i++)
		im->seq[disk][sector + i] = seq;
}

void image_free(struct image *im)
{
	for (int d = 0; d < nr_disks; d++)
		free(im->seq[d]);
}

void mismatch(const char *where, int disk, uint64_t sector, uint32_t want, const void *got)
{
	say("# op %ld: %s, disk %d, sector %llu (block %llu, sector %llu of it)\n", at_op, where,
	    disk, (unsigned long long)sector, (unsigned long long)sector / 8,
	    (unsigned long long)sector % 8);
	tell_write("wanted", want, disk, sector);
	stamp_tell(got, disk, sector);
	history(disk, sector);
	die("wrong data in %s", where);
}

void image_compare(const struct image *im, const char *where, int disk, uint64_t sector,
		   uint32_t sectors, const char *got)
{
	const uint32_t *want = im->seq[disk] + sector;

	for (uint32_t i = 0; i < sectors; i++)
		if (stamp_read(got + i * SECTOR, disk, sector + i) != want[i])
			mismatch(where, disk, sector + i, want[i], got + i * SECTOR);
}
