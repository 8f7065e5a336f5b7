// SPDX-License-Identifier: GPL-2.0-only
/* The host area of a superblock. */
#include "unit.h"

/* Of unit_sb(), behind two disks and a point. */
#define HOST_AT		(DMR_SB_FIXED + 2 * 256 + 72)

static bool set(struct dmr_host *host, const char *key, const void *value, u32 bytes)
{
	const struct dmr_host_entry entry = {
		.key = key, .key_bytes = strlen(key), .value = value, .value_bytes = bytes,
	};

	return dmr_host_set(host, &entry);
}

static bool set_text(struct dmr_host *host, const char *key, const char *value)
{
	return set(host, key, value, strlen(value));
}

static bool has(const struct dmr_host *host, const char *key, const char *value)
{
	struct dmr_host_entry entry;

	if (!dmr_host_find(host, key, strlen(key), &entry))
		return !value;
	return value && entry.key_bytes == strlen(key) &&
	       !memcmp(entry.key, key, entry.key_bytes) && entry.value_bytes == strlen(value) &&
	       !memcmp(entry.value, value, entry.value_bytes);
}

static u32 count(const struct dmr_host *host)
{
	struct dmr_host_entry entry;
	u32 at = 0, n = 0;

	while (dmr_host_next(host, &at, &entry))
		n++;
	CHECK_EQ(at, host->bytes);
	return n;
}

TEST(host_golden_bytes)
{
	u8 *buf = unit_alloc(DMR_SB_AREA), *p = buf + HOST_AT;
	struct dmr_sb *sb = unit_sb(), *out = unit_alloc(sizeof(*out));
	const char *why;

	CHECK(set_text(&sb->host, "b", "two"));
	CHECK(set(&sb->host, "a/52:54", "\0\xff", 2));
	sb->nr_prints = 1;
	sb->prints[0] = (struct dmr_print){ .block = 1, .crc = 0x12345678 };
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	CHECK_EQ(dmr_sb_encode(sb, buf), 4096);
	CHECK(!memcmp(buf + 504, "\x15\0\0\0\1\0\0\0", 8));	/* 4 + 7 + 2 + 4 + 1 + 3 bytes */
	CHECK(!memcmp(p, "\2\0\7\0" "a/52:54" "\0\xff" "\3\0\1\0" "b" "two", 21));
	CHECK(!memchr_inv(p + 21, 0, 11));
	CHECK(!memcmp(p + 32, "\1\0\0\0\0\0\0\0" "\x78\x56\x34\x12", 12));
	CHECK(dmr_sb_decode(buf, 0, out, &why) == DMR_OK, "%s", why);
	CHECK(!memcmp(sb, out, sizeof(*sb)));
	CHECK(has(&out->host, "b", "two"));
}

TEST(host_keys)
{
	char key[DMR_HOST_KEY_LEN + 1];
	u32 c, at;

	memset(key, 'k', sizeof(key));
	CHECK(strstr(dmr_host_key_fault(key, 0), "1 to 63"));
	CHECK(!dmr_host_key_fault(key, 1));
	CHECK(!dmr_host_key_fault(key, 63));
	CHECK(strstr(dmr_host_key_fault(key, 64), "1 to 63"));
	CHECK(strstr(dmr_host_key_fault(key, ~0U), "1 to 63"));
	for (c = 0; c < 256; c++) {
		bool good = c > 0x20 && c < 0x7f;

		for (at = 0; at < 3; at++) {
			memset(key, 'k', 3);
			key[at] = c;
			CHECK(!dmr_host_key_fault(key, 3) == good, "%u at %u", c, at);
			/* What is behind the key does not count. */
			CHECK(at < 2 || !dmr_host_key_fault(key, 2), "%u", c);
		}
	}
}

TEST(host_find)
{
	struct dmr_host *host = unit_alloc(sizeof(*host)), *other = unit_alloc(sizeof(*other));

	CHECK(!dmr_host_check(host));
	CHECK(has(host, "a", NULL));
	CHECK(set_text(host, "ab", "1"));
	CHECK(set_text(host, "a", "22"));
	CHECK(set_text(host, "b", "333"));
	CHECK(set_text(host, "aa", "4444"));
	CHECK(!dmr_host_check(host), "%s", dmr_host_check(host));
	CHECK_EQ(count(host), 4);
	CHECK_EQ(host->bytes, 4 * 4 + 6 + 10);
	CHECK(has(host, "a", "22") && has(host, "aa", "4444") && has(host, "ab", "1") &&
	      has(host, "b", "333"));
	CHECK(has(host, "", NULL) && has(host, "aaa", NULL) && has(host, "ac", NULL) &&
	      has(host, "c", NULL) && has(host, "A", NULL));

	/* Longer, shorter, and as long; then the bytes do not depend on their history. */
	CHECK(set_text(host, "aa", "long enough to move the others"));
	CHECK(set_text(host, "b", "3"));
	CHECK(set_text(host, "ab", "9"));
	CHECK(!dmr_host_check(host));
	CHECK(has(host, "aa", "long enough to move the others") && has(host, "b", "3") &&
	      has(host, "ab", "9") && has(host, "a", "22"));
	CHECK(set_text(host, "aa", "4"));
	CHECK(dmr_host_remove(host, "a", 1));
	CHECK(!dmr_host_remove(host, "a", 1));
	CHECK(!dmr_host_remove(host, "", 0));
	CHECK(set_text(other, "b", "3") && set_text(other, "aa", "4") && set_text(other, "ab", "9"));
	CHECK(!memcmp(host, other, sizeof(*host)));
	CHECK(dmr_host_remove(host, "b", 1) && dmr_host_remove(host, "aa", 2) &&
	      dmr_host_remove(host, "ab", 2));
	CHECK(!memchr_inv(host, 0, sizeof(*host)));
}

TEST(host_remove_all)
{
	struct dmr_host *full = unit_alloc(sizeof(*full)), *host = unit_alloc(sizeof(*host));

	CHECK(set_text(full, "adapter/1", "1") && set_text(full, "adapter/2", "2") &&
	      set_text(full, "adapter", "3") && set_text(full, "adapters", "4") &&
	      set_text(full, "b", "5") && set_text(full, "adapter0", "6"));
	*host = *full;
	dmr_host_remove_all(host, "adapter/", 8);
	CHECK(!dmr_host_check(host));
	CHECK_EQ(count(host), 4);
	CHECK(has(host, "adapter", "3") && has(host, "adapters", "4") && has(host, "b", "5") &&
	      has(host, "adapter0", "6"));
	CHECK(!memchr_inv(host->data + host->bytes, 0, DMR_HOST_AREA - host->bytes));
	dmr_host_remove_all(host, "c", 1);
	CHECK_EQ(count(host), 4);
	dmr_host_remove_all(host, "b", 1);
	CHECK_EQ(count(host), 3);
	/* A value is no part of a key. */
	CHECK(set_text(host, "ada", "pter/"));
	dmr_host_remove_all(host, "adapter/", 8);
	CHECK(has(host, "ada", "pter/") && dmr_host_remove(host, "ada", 3));
	/* None is left when all keys begin so, or without a beginning. */
	dmr_host_remove_all(host, "adapter", 7);
	CHECK(!memchr_inv(host, 0, sizeof(*host)));
	*host = *full;
	dmr_host_remove_all(host, "", 0);
	CHECK(!memchr_inv(host, 0, sizeof(*host)));
	dmr_host_remove_all(host, "", 0);
	CHECK(!host->bytes);
}

/* The area can be filled to its last byte, and no further. */
TEST(host_full)
{
	struct dmr_host *host = unit_alloc(sizeof(*host)), *keep = unit_alloc(sizeof(*keep));
	u8 *value = unit_alloc(DMR_HOST_AREA + 8);
	u32 bytes;

	memset(value, 'v', DMR_HOST_AREA + 8);
	CHECK(!set(host, "k", value, ~0U));
	CHECK(!set(host, "k", value, DMR_HOST_AREA + 1));
	CHECK(!set(host, "k", value, DMR_HOST_AREA));
	CHECK(!set(host, "k", value, DMR_HOST_AREA - 4));
	CHECK(!memchr_inv(host, 0, sizeof(*host)));
	CHECK(set(host, "k", value, DMR_HOST_AREA - 5));
	CHECK_EQ(host->bytes, DMR_HOST_AREA);
	CHECK(!dmr_host_check(host), "%s", dmr_host_check(host));
	CHECK_EQ(count(host), 1);
	*keep = *host;
	CHECK(!set_text(host, "l", "1"));
	CHECK(!set_text(host, "a", "1"));
	CHECK(!set(host, "k", value, DMR_HOST_AREA - 4));
	CHECK(!memcmp(host, keep, sizeof(*host)));
	/* A value of the old one's length takes its room. */
	value[0] = 'w';
	CHECK(set(host, "k", value, DMR_HOST_AREA - 5));
	CHECK_EQ(host->data[5], 'w');
	for (bytes = 1; bytes < 8; bytes++) {
		CHECK(set(host, "k", value, DMR_HOST_AREA - 5 - 5 - bytes));
		CHECK(!set(host, "a", value, bytes + 1), "%u", bytes);
		CHECK(set(host, "a", value, bytes), "%u", bytes);
		CHECK_EQ(host->bytes, DMR_HOST_AREA);
		CHECK(!dmr_host_check(host));
		CHECK(dmr_host_remove(host, "a", 1));
	}
}

TEST(host_check)
{
	struct dmr_host *good = unit_alloc(sizeof(*good)), *host = unit_alloc(sizeof(*host));
	struct dmr_host_entry entry;
	const char *why;
	u32 at, n;

	CHECK(set_text(good, "ab", "1") && set_text(good, "ac", "22"));	/* 7 and 8 bytes */
#define WRONG(reason, change)								\
	do {										\
		*host = *good;								\
		change;									\
		why = dmr_host_check(host);						\
		CHECK(why && strstr(why, reason), "%s: %s", #change, why ?: "accepted"); \
	} while (0)
	WRONG("length of the host area", host->bytes = DMR_HOST_AREA + 1);
	WRONG("length of the host area", host->bytes = ~0U);
	WRONG("longer than the area", host->bytes--);
	WRONG("longer than the area", host->bytes++);
	WRONG("longer than the area", host->data[0] = 250);
	WRONG("longer than the area", host->data[7] = 3);
	WRONG("longer than the area", host->data[8] = 1);
	WRONG("longer than the area", host->data[9] = 3);
	WRONG("has no value", host->data[7] = 0);
	WRONG("1 to 63", host->data[2] = 0);
	WRONG("1 to 63", host->data[9] = 0);
	WRONG("reserved", host->data[3] = 1);
	WRONG("reserved", host->data[10] = 0x80);
	WRONG("ASCII", host->data[4] = ' ');
	WRONG("ASCII", host->data[12] = 0x7f);
	WRONG("order", host->data[12] = 'b');		/* twice */
	WRONG("order", host->data[12] = 'a');
	WRONG("order", host->data[5] = 'd');
	WRONG("1 to 63", host->bytes += 4);		/* a head of zeroes */
#undef WRONG
	/* A cut is seen wherever it is, but for one between two entries. */
	for (at = 0; at < good->bytes; at++) {
		*host = *good;
		host->bytes = at;
		CHECK(!dmr_host_check(host) == (at == 0 || at == 7), "%u", at);
	}
	/* Steps end before what is too long, and do not leave the area. */
	*host = *good;
	host->data[7] = 3;
	for (at = n = 0; dmr_host_next(host, &at, &entry); n++)
		;
	CHECK_EQ(n, 1);
	at = ~0U;
	CHECK(!dmr_host_next(good, &at, &entry));
	memset(host, 0xff, sizeof(*host));
	at = 0;
	CHECK(!dmr_host_next(host, &at, &entry));
}

/* Against a list of keys and values, without the encoding. */
TEST(host_model)
{
	struct dmr_host *host = unit_alloc(sizeof(*host)), *again = unit_alloc(sizeof(*again));
	struct { u8 *value; u32 bytes; } model[64];
	u32 i, k, n, used, refused = 0, rounds = unit_scale(20000);
	char keys[ARRAY_SIZE(model)][16];
	struct dmr_host_entry entry;
	struct rng r;
	bool fits;

	rng_init(&r, 1);
	for (i = 0; i < ARRAY_SIZE(model); i++) {
		sprintf(keys[i], "%.*s%u", i % 3, "kk", i);
		model[i].value = unit_alloc(DMR_HOST_AREA);
		model[i].bytes = 0;
	}
	for (i = used = 0; i < rounds; i++) {
		u8 *value = again->data;	/* filled below */

		k = rng_below(&r, ARRAY_SIZE(model));
		n = 4 + strlen(keys[k]) + model[k].bytes;
		if (rng_chance(&r, 30)) {
			CHECK_EQ(dmr_host_remove(host, keys[k], strlen(keys[k])), !!model[k].bytes);
			used -= model[k].bytes ? n : 0;
			model[k].bytes = 0;
		} else {
			u32 bytes = rng_range(&r, 1, rng_chance(&r, 10) ? 4000 : 300);
			u32 room = 4 + strlen(keys[k]) + bytes;

			rng_bytes(&r, value, bytes);
			fits = used - (model[k].bytes ? n : 0) + room <= DMR_HOST_AREA;
			CHECK_EQ(set(host, keys[k], value, bytes), fits);
			refused += !fits;
			if (fits) {
				used += room - (model[k].bytes ? n : 0);
				model[k].bytes = bytes;
				memcpy(model[k].value, value, bytes);
			}
		}
		CHECK_EQ(host->bytes, used);
		CHECK(!dmr_host_check(host), "%s", dmr_host_check(host));
		for (k = 0; i % 16 == 0 && k < ARRAY_SIZE(model); k++) {
			bool found = dmr_host_find(host, keys[k], strlen(keys[k]), &entry);

			CHECK_EQ(found, !!model[k].bytes);
			CHECK(!found || (entry.value_bytes == model[k].bytes &&
					 !memcmp(entry.value, model[k].value, model[k].bytes)));
		}
		CHECK(!memchr_inv(host->data + used, 0, DMR_HOST_AREA - used));
	}
	/* The same entries in another order make the same bytes. */
	memset(again, 0, sizeof(*again));
	for (k = ARRAY_SIZE(model); k--;)
		CHECK(!model[k].bytes || set(again, keys[k], model[k].value, model[k].bytes));
	CHECK(!memcmp(host, again, sizeof(*host)));
	unit_note("%u of %u changes found no room", refused, rounds);
	CHECK(refused > rounds / 100 && refused < rounds / 2);
}

/* All there can be fits, and comes back. */
TEST(host_largest_superblock)
{
	u8 *buf = unit_alloc(DMR_SB_AREA);
	struct dmr_sb *sb = unit_sb(), *out = unit_alloc(sizeof(*out));
	u8 *value = unit_alloc(DMR_HOST_AREA);
	const char *why;
	u32 i;

	memset(value, 0xa5, DMR_HOST_AREA);
	CHECK(set(&sb->host, "k", value, DMR_HOST_AREA - 5));
	CHECK_EQ(dmr_sb_length(sb), 12288);	/* 1280 + 512 + 72 + 8192, rounded up */
	for (i = 2; i < DMR_MAX_DISKS; i++) {
		sb->disks[i] = sb->disks[0];
		sb->disks[i].number = i;
		sprintf(sb->disks[i].name, "d%u", i);
	}
	sb->nr_disks = DMR_MAX_DISKS;
	for (i = 1; i < DMR_MAX_POINTS; i++) {
		sb->points[i] = sb->points[0];
		sb->points[i].epoch = 2 + 2 * i;
		sb->points[i].number = 1 + i;
	}
	sb->nr_points = DMR_MAX_POINTS;
	sb->next_point = DMR_MAX_POINTS + 1;
	sb->cur_epoch = 2 + 2 * DMR_MAX_POINTS;
	sb->next_epoch = sb->last_epoch = sb->cur_epoch + 2;
	for (i = 0; i < DMR_MAX_PRINTS; i++)
		sb->prints[i] = (struct dmr_print){ .block = i % 4, .crc = i, .disk = i / 4 };
	sb->nr_prints = DMR_MAX_PRINTS;
	memset(sb->replication.relationship, 0x44, 16);
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	CHECK_EQ(dmr_sb_encode(sb, buf), DMR_SB_MAX);
	CHECK(!memcmp(buf + DMR_SB_FIXED + 64 * 256 + 512 * 72, sb->host.data, DMR_HOST_AREA));
	CHECK(dmr_sb_decode(buf, 0, out, &why) == DMR_OK, "%s", why);
	CHECK(!memcmp(sb, out, sizeof(*sb)));
}

TEST(host_impossible_bytes)
{
	struct dmr_sb *sb = unit_sb(), *out = unit_alloc(sizeof(*out));
	u8 *clean = unit_alloc(DMR_SB_AREA), *buf = unit_alloc(DMR_SB_AREA);
	u8 *p = buf + HOST_AT;
	const char *why;
	u32 at;

	CHECK(set_text(&sb->host, "ab", "1") && set_text(&sb->host, "ac", "22"));
	dmr_sb_encode(sb, clean);
	BYTES(DMR_OK, "", (void)p);
	BYTES(DMR_OK, "", p[6] = 0);
	BYTES(DMR_OK, "", p[14] = 0xff);
	BYTES(DMR_BAD, "reserved", p[3] = 1);
	BYTES(DMR_BAD, "reserved", p[15] = 1);		/* before the next multiple of 16 */
	for (at = 16; at < 40; at++)
		BYTES(DMR_BAD, "after the last list", p[at] = 1);
	BYTES(DMR_BAD, "longer than the area", p[7] = 3);
	BYTES(DMR_BAD, "order", p[12] = 'a');
	/* Fewer are announced than there are. */
	BYTES(DMR_BAD, "reserved", buf[504] = 7);
	BYTES(DMR_BAD, "longer than the area", buf[504] = 8; memset(p + 8, 0, 8));
	BYTES(DMR_OK, "", buf[504] = 7; memset(p + 7, 0, 9));
	BYTES(DMR_BAD, "after the last list", buf[504] = 0);
	BYTES(DMR_BAD, "length of the host area", buf[505] = 0x21);
}
