/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Environment of the sources of this directory: the kernel's own headers in the module, a
 * small user-space stand-in (shim/) in the tools and the unit tests.
 */
#ifndef DMR_PORTABLE_H
#define DMR_PORTABLE_H

#ifdef __KERNEL__
#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>
#include <linux/spinlock.h>
#include <linux/mempool.h>
#include <linux/llist.h>
#include <linux/bitops.h>
#include <linux/bitmap.h>
#include <linux/hash.h>
#include <linux/random.h>
#include <linux/crc32c.h>
#include <linux/atomic.h>
#include <asm/byteorder.h>
#include <asm/barrier.h>

/* Allocate an element of a pool without using the reserve: NULL without memory. */
static inline void *dmr_pool_alloc(mempool_t *pool)
{
	return pool->alloc(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN, pool->pool_data);
}

/* CRC-32C of the format; crc32c() does not invert. */
static inline u32 dmr_crc32c(u32 seed, const void *data, size_t len)
{
	return ~crc32c(~seed, data, len);
}
#else
#include "shim/shim.h"
#endif

#endif /* DMR_PORTABLE_H */
