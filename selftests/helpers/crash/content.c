// SPDX-License-Identifier: GPL-2.0
/* Content: the stamp of a sector, and the stamps that the sectors of a view may hold. */
#include "crash.h"

struct model m;

uint64_t mix(uint64_t x)
{
	x *= 0x9e3779b97f4a7c15ULL;
	return x ^ x >> 31;
}

void stamp(void *to, uint32_t seq, int disk, uint32_t sector)
{
	uint64_t *w = to, i, x = mix(seq + mix(sector + mix(disk + 1)));

	w[0] = 0x3168736172637264ULL;
	w[1] = seq;
	w[2] = sector;
	w[3] = disk;
	for (i = 4; i < 64; i++)
		w[i] = x + i;
}

uint32_t stamp_read(const void *from, int disk, uint32_t sector)
{
	static const uint8_t zero[SECTOR];
	uint8_t want[SECTOR];
	const uint64_t *w = from;

	if (!memcmp(from, zero, SECTOR))
		return 0;
	stamp(want, w[1], disk, sector);
	return memcmp(from, want, SECTOR) || w[1] >= DISCARD ? TORN : w[1];
}

struct image *image_copy(const struct image *from)
{
	struct image *img = malloc(sizeof(*img));

	if (!img)
		die("out of memory");
	return memcpy(img, from, sizeof(*img));
}

struct point *point_find(uint64_t number)
{
	for (int i = 0; i < m.nr_points; i++)
		if (m.points[i].number == number)
			return &m.points[i];
	return NULL;
}

void image_write(struct image *img, int disk, uint32_t sector, uint32_t count, uint32_t v)
{
	for (uint32_t i = sector; i < sector + count; i++) {
		struct cell *c = &img->c[disk][i];

		if (c->n == CAP)
			die("sector %u of disk %d: too much that is not flushed", i, disk);
		c->v[c->n++] = v;
	}
}

/* This write is durable: older content is not there any more. */
void image_durable(struct image *img, int disk, uint32_t sector, uint32_t count, uint32_t v)
{
	if (v & DISCARD)
		return;
	for (uint32_t i = sector; i < sector + count; i++) {
		struct cell *c = &img->c[disk][i];
		uint32_t j;

		for (j = 0; j < c->n && c->v[j] != v; j++)
			;
		if (j == c->n)
			continue;
		c->n -= j;
		memmove(c->v, c->v + j, c->n * sizeof(*c->v));
	}
}
