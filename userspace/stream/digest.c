// SPDX-License-Identifier: GPL-2.0-only
/* The digest in an END, by GnuTLS. */
#include <gnutls/crypto.h>

#include "digest.h"
#include "bytes.h"

struct dmrs_digest {
	gnutls_hash_hd_t hash;
};

struct dmrs_digest *dmrs_digest_new(void)
{
	struct dmrs_digest *digest = calloc(1, sizeof(*digest));

	if (digest && gnutls_hash_init(&digest->hash, GNUTLS_DIG_SHA256)) {
		free(digest);
		digest = NULL;
	}
	return digest;
}

void dmrs_digest_free(struct dmrs_digest *digest)
{
	if (!digest)
		return;
	gnutls_hash_deinit(digest->hash, NULL);
	free(digest);
}

bool dmrs_digest_add(struct dmrs_digest *digest, const struct dmrs_extents *ex)
{
	u8 buf[24];
	u32 i;

	for (i = 0; i < ex->count; i++) {
		struct dmrs_put w = { .p = buf };

		dmrs_put_16(&w, ex->zero ? DMRS_ZERO : DMRS_DATA);
		dmrs_put_16(&w, ex->disk);
		dmrs_put_32(&w, ex->list[i].crc);
		dmrs_put_64(&w, ex->list[i].offset);
		dmrs_put_64(&w, ex->list[i].length);
		if (gnutls_hash(digest->hash, buf, w.len))
			return false;
	}
	return true;
}

void dmrs_digest_end(struct dmrs_digest *digest, u8 *out)
{
	/* Leaves it as dmrs_digest_new() does. */
	gnutls_hash_output(digest->hash, out);
}
