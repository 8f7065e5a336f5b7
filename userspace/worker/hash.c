// SPDX-License-Identifier: GPL-2.0-only
/* Hashes of disks, region by region: to compare a recovery point on two hosts. */
#include <stdlib.h>
#include <unistd.h>

#include <gnutls/crypto.h>

#include "worker.h"

#define PIECE	(1u << 20)
#define PIECES	8		/* read at a time */

/* Hash a region.  Return: 0 or a negative errno. */
static int hash_region(struct side *side, u8 *buf, int fd, u64 offset, u64 length, u8 *out)
{
	struct dmrs_io_req reqs[PIECES];
	gnutls_hash_hd_t hash;
	u32 n, i;
	int err = 0;

	if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256))
		return -ENOMEM;
	while (length && !err) {
		for (n = 0; n < PIECES && length; n++) {
			reqs[n] = (struct dmrs_io_req){
				.op = DMRS_IO_READ, .fd = fd, .buf = buf + n * PIECE,
				.len = min_t(u64, length, PIECE), .offset = offset,
			};
			dmrs_io_submit(side->io, &reqs[n]);
			offset += reqs[n].len;
			length -= reqs[n].len;
		}
		err = dmrs_io_drain(side->io);
		for (i = 0; i < n && !err; i++)
			if (gnutls_hash(hash, reqs[i].buf, reqs[i].len))
				err = -EIO;
	}
	gnutls_hash_deinit(hash, out);
	return err;
}

/* Return: false with @why, or without a keeper. */
static bool hash_disk(struct side *side, u8 *buf, u32 disk, u64 region, struct dmrs_refusal *why)
{
	struct dmrs_note_hash found = { .disk = disk };
	u64 size = lseek(side->fds[disk], 0, SEEK_END);
	int err;

	for (found.offset = 0; found.offset < size; found.offset += found.length) {
		found.length = min_t(u64, region, size - found.offset);
		err = hash_region(side, buf, side->fds[disk], found.offset, found.length, found.sum);
		if (err)
			return side_refuse(why, DM_REPLICA_CODE_FAILED,
					   "disk %u cannot be read at %llu: %s", disk,
					   (unsigned long long)found.offset, strerror(-err));
		if (!side_report(side, DMRS_NOTE_HASH, &found, sizeof(found)))
			return false;
	}
	return true;
}

/* hash NUMBER-OF-DISKS REGION-BYTES */
int worker_hash(int argc, char **argv)
{
	struct dmrs_refusal why = { .code = 0 };
	static struct side side;
	u32 nr, i;
	bool good;
	u8 *buf;

	if (argc != 3)
		return 64;
	nr = strtoul(argv[1], NULL, 10);
	buf = aligned_alloc(DMRS_BLOCK, PIECES * PIECE);
	if (!buf || !side_open(&side))
		return side_no_memory(&side);
	good = side_files(&side, nr, &why);
	for (i = 0; i < nr && good; i++)
		good = hash_disk(&side, buf, i, strtoull(argv[2], NULL, 10), &why);
	if (why.code)
		side_fault(&side, &why);
	free(buf);
	return !good;
}
