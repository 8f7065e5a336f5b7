/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bytes of a payload, little-endian, in order.  A read beyond the end gives zeroes and is
 * remembered, so that a decoder looks once, at its end.
 */
#ifndef DMRS_BYTES_H
#define DMRS_BYTES_H

#include <store/portable.h>

/** struct dmrs_get - bytes that are read */
struct dmrs_get {
	const u8 *p;
	u32 left;
	bool bad;	/* more was read than there is */
};

/** struct dmrs_put - bytes that are written; the caller's buffer holds any message */
struct dmrs_put {
	u8 *p;
	u32 len;
};

static inline const u8 *dmrs_get_bytes(struct dmrs_get *g, u32 n)
{
	const u8 *p = g->p;

	if (n > g->left) {
		g->bad = true;
		g->left = 0;
		return NULL;
	}
	g->p += n;
	g->left -= n;
	return p;
}

static inline u64 dmrs_get_number(struct dmrs_get *g, u32 n)
{
	const u8 *p = dmrs_get_bytes(g, n);
	u64 x = 0;

	while (p && n--)
		x = x << 8 | p[n];
	return x;
}

static inline u16 dmrs_get_16(struct dmrs_get *g)
{
	return dmrs_get_number(g, 2);
}

static inline u32 dmrs_get_32(struct dmrs_get *g)
{
	return dmrs_get_number(g, 4);
}

static inline u64 dmrs_get_64(struct dmrs_get *g)
{
	return dmrs_get_number(g, 8);
}

static inline void dmrs_get_copy(struct dmrs_get *g, void *out, u32 n)
{
	const u8 *p = dmrs_get_bytes(g, n);

	if (p)
		memcpy(out, p, n);
	else
		memset(out, 0, n);
}

static inline void dmrs_put_bytes(struct dmrs_put *w, const void *data, u32 n)
{
	memcpy(w->p + w->len, data, n);
	w->len += n;
}

static inline void dmrs_put_number(struct dmrs_put *w, u64 x, u32 n)
{
	for (; n--; x >>= 8)
		w->p[w->len++] = x;
}

static inline void dmrs_put_16(struct dmrs_put *w, u16 x)
{
	dmrs_put_number(w, x, 2);
}

static inline void dmrs_put_32(struct dmrs_put *w, u32 x)
{
	dmrs_put_number(w, x, 4);
}

static inline void dmrs_put_64(struct dmrs_put *w, u64 x)
{
	dmrs_put_number(w, x, 8);
}

#endif /* DMRS_BYTES_H */
