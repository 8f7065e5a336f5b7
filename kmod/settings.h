/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A superblock's settings and network adapters between their bytes on disk and
 * host form: the part of the codec that codec.c calls.
 */
#ifndef DMR_SETTINGS_H
#define DMR_SETTINGS_H

#include "codec.h"

/* What a retention rule may count to, but for the last points, and spans may last. */
#define DMR_MAX_KEEP		100000u
#define DMR_MAX_SPAN		(100ULL * 365 * 86400)	/* s */
#define DMR_MAX_RESERVE		(1ULL << 60)		/* bytes */

/**
 * dmr_settings_put() - write the bytes of settings and counters
 * @set: settings that dmr_settings_check() has nothing against.
 * @out: zeroed by the caller.
 */
void dmr_settings_put(const struct dmr_settings *set, struct dmr_disk_settings *out);

/**
 * dmr_settings_get() - read the bytes of settings and counters
 * @in: any bytes.
 * @set: filled in.
 *
 * Return: NULL, or a constant text that says why these bytes are not what
 * dmr_settings_put() writes; dmr_settings_check() has not been called.
 */
const char *dmr_settings_get(const struct dmr_disk_settings *in, struct dmr_settings *set);

/**
 * dmr_adapters_put() - write the bytes of the network adapters
 * @sb: superblock whose adapters dmr_adapters_check() has nothing against.
 * @out: sb->nr_adapters entries, zeroed by the caller.
 */
void dmr_adapters_put(const struct dmr_sb *sb, struct dmr_disk_adapter *out);

/**
 * dmr_adapters_get() - read the bytes of the network adapters
 * @in: sb->nr_adapters entries of any bytes.
 * @sb: adapters are filled in; nr_adapters is at most DMR_MAX_ADAPTERS.
 *
 * Return: NULL, or a constant text that says why these bytes are not what
 * dmr_adapters_put() writes; dmr_adapters_check() has not been called.
 */
const char *dmr_adapters_get(const struct dmr_disk_adapter *in, struct dmr_sb *sb);

/**
 * dmr_adapters_check() - is every network adapter possible, and are they in order?
 * @sb: superblock in host form.
 *
 * Return: NULL if so, otherwise a constant text naming the first thing that is not.
 */
const char *dmr_adapters_check(const struct dmr_sb *sb);

#endif /* DMR_SETTINGS_H */
