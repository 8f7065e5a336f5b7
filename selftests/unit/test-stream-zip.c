// SPDX-License-Identifier: GPL-2.0-only
/* Compression of frames: when it is given up, and bytes that are none of its. */
#include <stream/zip.h>
#include "unit.h"

#define LEN	65536u

TEST(stream_zip_given_up)
{
	struct dmrs_zip *zip = dmrs_zip_new();
	u8 *raw = unit_alloc(LEN), *noise = unit_alloc(LEN), *out = unit_alloc(2 * LEN);
	u8 *back = unit_alloc(LEN);
	struct rng rng;
	u32 n, i;

	rng_init(&rng, 1);
	rng_bytes(&rng, noise, LEN);
	for (i = 0; i < 3; i++) {
		n = dmrs_zip_pack(zip, out, LEN, raw, LEN);
		CHECK(n && n < LEN / 100, "%u", n);
		CHECK(dmrs_zip_unpack(zip, back, LEN, out, n) && !memcmp(raw, back, LEN));
	}
	/* 64 frames are not tried, then one is. */
	CHECK_EQ(dmrs_zip_pack(zip, out, LEN, noise, LEN), 0);
	for (i = 0; i < 64; i++)
		CHECK_EQ(dmrs_zip_pack(zip, out, LEN, raw, LEN), 0);
	CHECK(dmrs_zip_pack(zip, out, LEN, raw, LEN));
	/* A saving of 4 % is too little, one of 6 % is not. */
	memcpy(raw, noise, LEN * 96 / 100);
	CHECK_EQ(dmrs_zip_pack(zip, out, LEN, raw, LEN), 0);
	for (i = 0; i < 64; i++)
		dmrs_zip_pack(zip, out, LEN, raw, LEN);
	memset(raw + LEN * 94 / 100, 0, LEN - LEN * 94 / 100);
	CHECK(dmrs_zip_pack(zip, out, LEN, raw, LEN));
	dmrs_zip_free(zip);
}

TEST(stream_zip_other_bytes)
{
	struct dmrs_zip *zip = dmrs_zip_new();
	u8 *raw = unit_alloc(LEN), *out = unit_alloc(3 * LEN), *back = unit_alloc(LEN);
	u32 n, i;

	memset(raw, 7, LEN);
	n = dmrs_zip_pack(zip, out, LEN, raw, LEN);
	CHECK(n);
	CHECK(dmrs_zip_unpack(zip, back, LEN, out, n));
	/* Less, more, twice, shorter or longer content than stated. */
	for (i = 0; i < n; i++)
		CHECK(!dmrs_zip_unpack(zip, back, LEN, out, i), "%u", i);
	CHECK(!dmrs_zip_unpack(zip, back, LEN, out, n + 1));
	CHECK(!dmrs_zip_unpack(zip, back, LEN - 1, out, n));
	memcpy(out + n, out, n);
	CHECK(!dmrs_zip_unpack(zip, back, LEN, out, 2 * n));
	memset(back, 0, LEN);
	CHECK(!dmrs_zip_unpack(zip, back, LEN / 2, out, n));
	dmrs_zip_free(zip);
}
