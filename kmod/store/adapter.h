/* SPDX-License-Identifier: GPL-2.0-only */
/* Settings of a guest's network adapters between their bytes on disk and host form. */
#ifndef DMR_ADAPTER_H
#define DMR_ADAPTER_H

#include "portable.h"
#include "../../uapi/dm-replica-format.h"

struct dmr_ip {
	u8 family;		/* 4 or 6; 0: there is none */
	u8 prefix;
	u8 ip[16];
};

/** struct dmr_adapter - a network adapter's settings; lists end at the first without family */
struct dmr_adapter {
	u8 mac[6];
	u8 dhcp;
	struct dmr_ip addresses[DMR_MAX_ADDRESSES];
	struct dmr_ip gateways[DMR_MAX_GATEWAYS];
	struct dmr_ip dns[DMR_MAX_DNS];
};

/**
 * dmr_adapter_check() - are these settings of a network adapter possible?
 * @adapter: settings.
 *
 * Return: NULL if they are, otherwise a constant text with the fault and the allowed
 * values.
 */
const char *dmr_adapter_check(const struct dmr_adapter *adapter);

/**
 * dmr_adapters_put() - write the bytes of network adapters
 * @a: adapters that dmr_adapters_check() accepts.
 * @nr: their number.
 * @out: @nr entries, zeroed by the caller.
 */
void dmr_adapters_put(const struct dmr_adapter *a, u32 nr, struct dmr_disk_adapter *out);

/**
 * dmr_adapters_get() - read the bytes of network adapters
 * @in: @nr entries of any bytes.
 * @a: filled in, @nr entries.
 * @nr: their number, at most DMR_MAX_ADAPTERS.
 *
 * Does not call dmr_adapters_check().
 *
 * Return: NULL, or a constant text that names what dmr_adapters_put() does not write.
 */
const char *dmr_adapters_get(const struct dmr_disk_adapter *in, struct dmr_adapter *a, u32 nr);

/**
 * dmr_adapters_check() - check network adapters and their order
 * @a: adapters.
 * @nr: their number, any.
 *
 * Return: NULL if they are possible, otherwise a constant text that names the first fault.
 */
const char *dmr_adapters_check(const struct dmr_adapter *a, u32 nr);

#endif /* DMR_ADAPTER_H */
