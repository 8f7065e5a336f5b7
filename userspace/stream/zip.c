// SPDX-License-Identifier: GPL-2.0-only
/* Compression of DATA frames. */
#include <zstd.h>

#include "zip.h"

#define GIVEN_UP	64	/* frames that are not tried after one that shrank by too little */
#define LEVEL		1

struct dmrs_zip {
	ZSTD_CCtx *pack;
	ZSTD_DCtx *unpack;
	u32 given_up;		/* frames that will not be tried */
};

struct dmrs_zip *dmrs_zip_new(void)
{
	struct dmrs_zip *zip = calloc(1, sizeof(*zip));

	if (!zip)
		return NULL;
	zip->pack = ZSTD_createCCtx();
	zip->unpack = ZSTD_createDCtx();
	if (!zip->pack || !zip->unpack) {
		dmrs_zip_free(zip);
		return NULL;
	}
	return zip;
}

void dmrs_zip_free(struct dmrs_zip *zip)
{
	if (!zip)
		return;
	ZSTD_freeCCtx(zip->pack);
	ZSTD_freeDCtx(zip->unpack);
	free(zip);
}

u32 dmrs_zip_pack(struct dmrs_zip *zip, u8 *out, u32 size, const u8 *in, u32 len)
{
	size_t n;

	if (zip->given_up) {
		zip->given_up--;
		return 0;
	}
	n = ZSTD_compressCCtx(zip->pack, out, size, in, len, LEVEL);
	/* An error is that it does not fit, or no memory: the data goes as it is. */
	if (ZSTD_isError(n) || n > (u64)len * 95 / 100) {
		zip->given_up = GIVEN_UP;
		return 0;
	}
	return n;
}

bool dmrs_zip_unpack(struct dmrs_zip *zip, u8 *out, u32 raw, const u8 *in, u32 len)
{
	/* One frame and no more; ZSTD_decompress() would take several, and empty ones. */
	return ZSTD_findFrameCompressedSize(in, len) == len &&
	       ZSTD_decompressDCtx(zip->unpack, out, raw, in, len) == raw;
}
