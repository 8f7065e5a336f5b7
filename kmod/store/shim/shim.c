// SPDX-License-Identifier: GPL-2.0-only
/*
 * The out-of-line part of the user-space stand-ins, see shim.h.
 */
#include "shim.h"

bool dmr_shim_quiet;
int dmr_shim_fail_alloc = -1;
unsigned int dmr_shim_warnings;

bool dmr_shim_warn(bool cond, const char *what, const char *file, int line)
{
	if (cond) {
		__atomic_fetch_add(&dmr_shim_warnings, 1, __ATOMIC_RELAXED);
		if (!dmr_shim_quiet)
			fprintf(stderr, "%s:%d: WARN_ON(%s)\n", file, line, what);
	}
	return cond;
}

#define CRC32C_POLY	0x82f63b78u	/* Castagnoli, reflected */

/* Table k: effect of the byte k bytes before the end of eight. */
static u32 crc_table[8][256];

static void __attribute__((__constructor__)) crc_table_init(void)
{
	for (u32 i = 0; i < 256; i++) {
		u32 c = i;

		for (int bit = 0; bit < 8; bit++)
			c = (c >> 1) ^ (c & 1 ? CRC32C_POLY : 0);
		crc_table[0][i] = c;
	}
	for (u32 i = 0; i < 256; i++)
		for (int k = 1; k < 8; k++)
			crc_table[k][i] = (crc_table[k - 1][i] >> 8) ^
					  crc_table[0][crc_table[k - 1][i] & 0xff];
}

#ifdef __x86_64__
/* By the processor's own instruction, which checks a log block in a third of the time. */
static __attribute__((__target__("sse4.2"))) u32 crc_sse42(u32 c, const u8 *p, size_t len)
{
	u64 word, c64 = c;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&word, p, 8);
		c64 = __builtin_ia32_crc32di(c64, word);
	}
	c = c64;
	while (len--)
		c = __builtin_ia32_crc32qi(c, *p++);
	return c;
}
#endif

u32 dmr_crc32c(u32 seed, const void *data, size_t len)
{
	const u8 *p = data;
	u32 c = ~seed;

#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc_sse42(c, p, len);
#endif
	for (; len >= 8; len -= 8, p += 8) {
		u32 lo = c ^ (p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24);

		c = crc_table[7][lo & 0xff] ^ crc_table[6][lo >> 8 & 0xff] ^
		    crc_table[5][lo >> 16 & 0xff] ^ crc_table[4][lo >> 24] ^
		    crc_table[3][p[4]] ^ crc_table[2][p[5]] ^
		    crc_table[1][p[6]] ^ crc_table[0][p[7]];
	}
	while (len--)
		c = (c >> 8) ^ crc_table[0][(c ^ *p++) & 0xff];
	return ~c;
}

/* Find a bit that differs from @flip's: 0 looks for ones, ~0 for zeroes. */
static unsigned long find_next(const unsigned long *map, unsigned long size,
			       unsigned long from, unsigned long flip)
{
	while (from < size) {
		unsigned long word = map[BIT_WORD(from)] ^ flip;

		word &= ~0UL << (from % BITS_PER_LONG);
		from = ALIGN_DOWN(from, BITS_PER_LONG);
		if (word)
			return min(from + __ffs(word), size);
		from += BITS_PER_LONG;
	}
	return size;
}

unsigned long find_next_bit(const unsigned long *map, unsigned long size, unsigned long from)
{
	return find_next(map, size, from, 0);
}

unsigned long find_next_zero_bit(const unsigned long *map, unsigned long size,
				 unsigned long from)
{
	return find_next(map, size, from, ~0UL);
}

unsigned long find_last_bit(const unsigned long *map, unsigned long size)
{
	for (unsigned long i = size; i--;)
		if (test_bit(i, map))
			return i;
	return size;
}

void bitmap_set(unsigned long *map, unsigned int start, unsigned int len)
{
	while (len--)
		__set_bit(start++, map);
}

void bitmap_clear(unsigned long *map, unsigned int start, unsigned int len)
{
	while (len--)
		__clear_bit(start++, map);
}

unsigned int bitmap_weight(const unsigned long *map, unsigned int bits)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < bits / BITS_PER_LONG; i++)
		n += hweight_long(map[i]);
	if (bits % BITS_PER_LONG)
		n += hweight_long(map[bits / BITS_PER_LONG] & (BIT(bits % BITS_PER_LONG) - 1));
	return n;
}

struct llist_node *llist_reverse_order(struct llist_node *head)
{
	struct llist_node *rev = NULL;

	while (head) {
		struct llist_node *next = head->next;

		head->next = rev;
		rev = head;
		head = next;
	}
	return rev;
}

void *memchr_inv(const void *start, int c, size_t bytes)
{
	const u8 *p = start;

	/* Test fast whether all are like the first; else find the place. */
	if (!bytes || (*p == (u8)c && !memcmp(p, p + 1, bytes - 1)))
		return NULL;
	for (; bytes; bytes--, p++)
		if (*p != (u8)c)
			return (void *)p;
	return NULL;
}

ssize_t strscpy(char *dst, const char *src, size_t size)
{
	size_t len;

	if (!size)
		return -E2BIG;
	len = strnlen(src, size);
	if (len == size) {
		memcpy(dst, src, size - 1);
		dst[size - 1] = 0;
		return -E2BIG;
	}
	memcpy(dst, src, len + 1);
	return len;
}
