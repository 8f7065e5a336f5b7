/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The digest in an END: SHA-256 over 24 bytes for each extent since the BEGIN, in order: type
 * of the frame (u16), disk (u16), CRC-32C (u32, 0 in a ZERO), offset (u64), length (u64).  It
 * does not depend on the frames' borders.
 */
#ifndef DMRS_DIGEST_H
#define DMRS_DIGEST_H

#include "extent.h"

struct dmrs_digest;

/** dmrs_digest_new() - a digest of nothing yet.  Return: NULL without memory. */
struct dmrs_digest *dmrs_digest_new(void);
void dmrs_digest_free(struct dmrs_digest *digest);

/** dmrs_digest_add() - add the extents of a frame.  Return: false if the library failed. */
bool dmrs_digest_add(struct dmrs_digest *digest, const struct dmrs_extents *ex);

/** dmrs_digest_end() - write the digest, 32 bytes, and begin another one */
void dmrs_digest_end(struct dmrs_digest *digest, u8 *out);

#endif /* DMRS_DIGEST_H */
