// SPDX-License-Identifier: GPL-2.0
/*
 * Stamps: every sector says which write it is from, so that a wrong one tells
 * where it came from; and images, the numbers that sectors must hold.
 */
#include "helper-model.h"

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
	uint32_t seq;		/* number of the write, never 0 */
	uint32_t disk;
	uint64_t sector;
	uint64_t sum;		/* of all above; the filling follows from it */
	uint64_t fill[60];
};

static uint64_t stamp_sum(uint32_t seq, uint32_t disk, uint64_t sector)
{
	uint64_t x = seq * 0x9e3779b97f4a7c15ULL ^ sector * 0xbf58476d1ce4e5b9ULL ^
		     (disk + 1) * 0x94d049bb133111ebULL;

	return x ^ x >> 29;
}

void stamp_make(void *to, uint32_t seq, uint32_t disk, uint64_t sector)
{
	struct stamp *s = to;

	memcpy(s->magic, "dmrmodel", 8);
	s->seq = seq;
	s->disk = disk;
	s->sector = sector;
	s->sum = stamp_sum(seq, disk, sector);
	for (int i = 0; i < 60; i++)
		s->fill[i] = s->sum + i;
}

/* The number in a sector: 0 if it is all zero, SEQ_BAD if it is nothing whole of ours. */
uint32_t stamp_read(const void *from, uint32_t disk, uint64_t sector)
{
	static const uint8_t zero[SECTOR];
	const struct stamp *s = from;

	if (memcmp(s->magic, "dmrmodel", 8))
		return memcmp(from, zero, SECTOR) ? SEQ_BAD : 0;
	if (s->disk != disk || s->sector != sector || s->sum != stamp_sum(s->seq, disk, sector))
		return SEQ_BAD;
	for (int i = 0; i < 60; i++)
		if (s->fill[i] != s->sum + i)
			return SEQ_BAD;
	return s->seq;
}

void stamp_tell(const void *from)
{
	const struct stamp *s = from;
	int i, torn = 0;

	if (memcmp(s->magic, "dmrmodel", 8)) {
		say("#   read: no stamp:");
		for (i = 0; i < 32; i++)
			say(" %02x", ((const uint8_t *)from)[i]);
		say("\n");
		return;
	}
	for (i = 0; i < 60; i++)
		torn += s->fill[i] != s->sum + i;
	say("#   read: write %u of disk %u sector %llu%s%s\n", s->seq, s->disk,
	    (unsigned long long)s->sector,
	    s->sum != stamp_sum(s->seq, s->disk, s->sector) ? ", bad sum" : "",
	    torn ? ", torn" : "");
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
	if (want)
		say("#   wanted: write %u\n", want);
	else
		say("#   wanted: zeroes\n");
	stamp_tell(got);
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
