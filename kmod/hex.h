/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hex2bin(), which the newest kernels declare in a header that the oldest do not have, and not
 * in linux/kernel.h any more.
 */
#ifndef DMR_HEX_H
#define DMR_HEX_H

#ifdef DMR_LINUX_HEX_H
#include <linux/hex.h>
#else
#include <linux/kernel.h>
#endif

#endif
