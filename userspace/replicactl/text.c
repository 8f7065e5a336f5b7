// SPDX-License-Identifier: GPL-2.0-only
/* Numbers as text for people. */
#include <stdio.h>
#include <time.h>

#include "replicactl.h"

#define BUFFERS	16
#define SECOND	1000000000ULL

static char *buffer(size_t *size)
{
	static char buffers[BUFFERS][320];
	static unsigned int next;

	*size = sizeof(buffers[0]);
	return buffers[next++ % BUFFERS];
}

const char *text_size(uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned int unit = 0;
	double value = bytes;
	size_t size;
	char *out = buffer(&size);

	while (value >= 1024 && unit < 6) {
		value /= 1024;
		unit++;
	}
	snprintf(out, size, unit && value < 100 && value != (uint64_t)value ? "%.1f %s" : "%.0f %s",
		 value, units[unit]);
	return out;
}

const char *text_time(uint64_t ns)
{
	time_t t = ns / SECOND;
	struct tm tm;
	size_t size;
	char *out = buffer(&size);

	if (!ns || !localtime_r(&t, &tm) || !strftime(out, size, "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(out, size, "never");
	return out;
}

const char *text_duration(uint64_t ns)
{
	uint64_t s = ns / SECOND;
	size_t size;
	char *out = buffer(&size);

	if (ns < SECOND / 100)
		snprintf(out, size, "%.2f ms", ns / 1e6);
	else if (ns < SECOND)
		snprintf(out, size, "%.0f ms", ns / 1e6);
	else if (s < 60)
		snprintf(out, size, "%.1f s", ns / 1e9);
	else if (s < 3600)
		snprintf(out, size, "%llu min %llu s", (unsigned long long)s / 60,
			 (unsigned long long)s % 60);
	else if (s < 86400)
		snprintf(out, size, "%llu h %llu min", (unsigned long long)s / 3600,
			 (unsigned long long)s % 3600 / 60);
	else
		snprintf(out, size, "%llu d %llu h", (unsigned long long)s / 86400,
			 (unsigned long long)s % 86400 / 3600);
	return out;
}

/* Write a span of time exactly, not rounded. */
const char *text_span(uint64_t seconds)
{
	static const struct {
		uint32_t seconds;
		const char *unit;
	} units[] = {
		{ 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" },
	};
	size_t size, n = 0;
	char *out = buffer(&size);
	unsigned int i;

	snprintf(out, size, "0 s");
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (seconds < units[i].seconds)
			continue;
		n += snprintf(out + n, size - n, "%s%llu %s", n ? " " : "",
			      (unsigned long long)seconds / units[i].seconds, units[i].unit);
		seconds %= units[i].seconds;
	}
	return out;
}

const char *text_rate(uint64_t rate)
{
	size_t size;
	char *out = buffer(&size);

	if (rate == DMREPLICA_RATE_ADAPTS)
		snprintf(out, size, "making way for the guest");
	else if (rate == DMREPLICA_UNLIMITED)
		snprintf(out, size, "without a limit");
	else if (!rate)
		snprintf(out, size, "0: held still");
	else
		snprintf(out, size, "at most %s a second", text_size(rate));
	return out;
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * SECOND + ts.tv_nsec;
}

const char *text_age(uint64_t since_ns)
{
	uint64_t now = now_ns();

	return text_duration(now > since_ns ? now - since_ns : 0);
}

/* Write a host's id in the form of /etc/machine-id. */
const char *text_host(const uint8_t id[16])
{
	unsigned int i;
	size_t size;
	char *out = buffer(&size);

	for (i = 0; i < 16; i++)
		snprintf(out + 2 * i, size - 2 * i, "%02x", id[i]);
	return out;
}

const char *text_uuid(const uint8_t uuid[16])
{
	size_t size;

	return dmreplica_uuid_text(uuid, buffer(&size));
}

const char *text_device(uint32_t major, uint32_t minor)
{
	size_t size;
	char *out = buffer(&size);

	if (!major && !minor)
		return "-";
	return dmreplica_device_path(major, minor, out, size);
}

const char *text_count(uint64_t n, const char *noun)
{
	size_t size;
	char *out = buffer(&size);

	snprintf(out, size, "%llu %s%s", (unsigned long long)n, noun, n == 1 ? "" : "s");
	return out;
}

const char *text_state(uint32_t state)
{
	size_t size;
	char *out = buffer(&size);

	snprintf(out, size, "%s (%u)", dmreplica_state_name(state), state);
	return out;
}
