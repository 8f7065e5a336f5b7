// SPDX-License-Identifier: GPL-2.0-only
/* The user-space stand-ins behave as the kernel's do; all other tests depend on it. */
#include "unit.h"

TEST(shim_bitmaps)
{
	unsigned long map[4], i, from, want;
	struct rng r;
	u32 seed;

	for (seed = 0; seed < 200; seed++) {
		u32 size = 1 + seed % 256, density = seed % 5 * 25, weight = 0;
		bool bits[256] = { 0 };

		rng_init(&r, seed);
		memset(map, seed % 2 ? 0xff : 0, sizeof(map));	/* bits beyond do not count */
		for (i = 0; i < size; i++) {
			bits[i] = rng_chance(&r, density);
			weight += bits[i];
			if (bits[i])
				set_bit(i, map);
			else
				clear_bit(i, map);
			CHECK_EQ(test_bit(i, map), bits[i]);
		}
		CHECK_EQ(bitmap_weight(map, size), weight);
		CHECK_EQ(bitmap_empty(map, size), !weight);
		CHECK_EQ(bitmap_full(map, size), weight == size);
		for (from = 0; from <= size + 1; from++) {
			for (want = from; want < size && !bits[want]; want++)
				;
			CHECK_EQ(find_next_bit(map, size, from), min_t(u64, want, size));
			for (want = from; want < size && bits[want]; want++)
				;
			CHECK_EQ(find_next_zero_bit(map, size, from), min_t(u64, want, size));
		}
		for (want = size; want && !bits[want - 1]; want--)
			;
		CHECK_EQ(find_last_bit(map, size), want ? want - 1 : size);
	}
	CHECK(!test_and_set_bit(70, memset(map, 0, sizeof(map))) && test_and_set_bit(70, map));
	CHECK(map[1] == 1UL << 6 && test_and_clear_bit(70, map) && !test_and_clear_bit(70, map));
	bitmap_set(map, 60, 10);
	CHECK(map[0] == 0xfUL << 60 && map[1] == 0x3f);
	bitmap_clear(map, 62, 4);
	CHECK(map[0] == 3UL << 60 && map[1] == 0x3c);
}

TEST(shim_numbers)
{
	CHECK(fls64(0) == 0 && fls64(1) == 1 && fls64(~0ULL) == 64);
	CHECK(__ffs64(1ULL << 63) == 63 && ilog2(4096) == 12 && ilog2(4097) == 12);
	CHECK(is_power_of_2(1) && !is_power_of_2(0) && !is_power_of_2(12));
	CHECK(roundup_pow_of_two(5) == 8 && roundup_pow_of_two(8) == 8);
	CHECK(round_up(13ULL, 8ULL) == 16 && round_up(16, 8) == 16 && round_down(15, 8) == 8);
	CHECK(DIV_ROUND_UP(9, 4) == 3 && ALIGN(9, 4) == 12 && hweight64(0xff00ff) == 16);
	CHECK(GENMASK_ULL(7, 4) == 0xf0 && clamp(5, 1, 3) == 3 && min_t(u32, 5, 3) == 3);
	/* The kernel's multiplicative hash, from its definition. */
	CHECK(hash_64(1, 8) == 0x61 && hash_64(2, 16) == 0xc391);
}

TEST(shim_text)
{
	char buf[4], bytes[40];
	u32 i;

	CHECK(strscpy(buf, "abc", 4) == 3 && !strcmp(buf, "abc"));
	CHECK(strscpy(buf, "abcd", 4) == -E2BIG && !strcmp(buf, "abc"));
	memset(bytes, 7, sizeof(bytes));
	CHECK(!memchr_inv(bytes, 7, sizeof(bytes)) && !memchr_inv(bytes, 1, 0));
	for (i = 0; i < sizeof(bytes); i++) {
		bytes[i] = 8;
		CHECK(memchr_inv(bytes, 7, sizeof(bytes)) == bytes + i);
		bytes[i] = 7;
	}
}

struct item {
	int n;
	struct llist_node node;
};

TEST(shim_llist)
{
	struct item items[5], *it, *next;
	struct llist_node *all;
	LLIST_HEAD(head);
	int i;

	for (i = 0; i < 5; i++) {
		items[i].n = i;
		CHECK_EQ(llist_add(&items[i].node, &head), i == 0);
	}
	all = llist_reverse_order(llist_del_all(&head));
	CHECK(llist_empty(&head));
	i = 0;
	llist_for_each_entry_safe(it, next, all, node) {
		CHECK_EQ(it->n, i++);
		it->node.next = NULL;
	}
	CHECK_EQ(i, 5);
}

TEST(shim_atomics)
{
	atomic64_t v = ATOMIC64_INIT(5);
	u64 word = 1;

	CHECK(atomic64_add_return(3, &v) == 8 && atomic64_dec_return(&v) == 7);
	CHECK(atomic64_cmpxchg(&v, 7, 1) == 7 && atomic64_cmpxchg(&v, 7, 2) == 1);
	CHECK(atomic64_dec_and_test(&v) && !atomic64_inc_not_zero(&v) && atomic64_read(&v) == 0);
	CHECK(cmpxchg(&word, 1, 2) == 1 && cmpxchg(&word, 1, 3) == 2 && word == 2);
	CHECK(xchg(&word, 9) == 2 && word == 9);
}

/* A second opinion: a bit at a time. */
static u32 slow_crc32c(const u8 *p, size_t len)
{
	u32 c = ~0U;

	while (len--) {
		c ^= *p++;
		for (int i = 0; i < 8; i++)
			c = c >> 1 ^ (c & 1 ? 0x82f63b78 : 0);
	}
	return ~c;
}

TEST(crc32c)
{
	struct rng r;
	u8 buf[300];

	CHECK_EQ(dmr_crc32c(0, "123456789", 9), 0xe3069283);
	CHECK_EQ(dmr_crc32c(0, "", 0), 0);
	rng_init(&r, 1);
	rng_bytes(&r, buf, sizeof(buf));
	for (u32 at = 0; at < 9; at++) {
		for (u32 len = 0; len < 100; len++) {
			u32 whole = dmr_crc32c(0, buf + at, len), cut = rng_below(&r, len + 1);

			CHECK_EQ(whole, slow_crc32c(buf + at, len));
			CHECK_EQ(dmr_crc32c(dmr_crc32c(0, buf + at, cut), buf + at + cut,
					    len - cut), whole);
		}
	}
}
