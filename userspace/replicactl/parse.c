// SPDX-License-Identifier: GPL-2.0-only
/* Numbers, sizes and times in arguments. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replicactl.h"

bool parse_number(const char *text, uint64_t *number)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return !errno && !*end;
}

/* Parse a size; @end is set behind it. */
static bool take_size(const char *text, uint64_t *bytes, char **end)
{
	static const char units[] = "kmgtp";
	unsigned int shift = 0;
	const char *unit;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*bytes = strtoull(text, end, 10);
	if (errno)
		return false;
	unit = **end ? strchr(units, **end | 0x20) : NULL;
	if (unit)
		shift = 10 * (unit - units + 1);
	if (shift && *++*end == 'i')
		++*end;
	if (shift && **end == 'B')
		++*end;
	if (*bytes > UINT64_MAX >> shift)
		return false;
	*bytes <<= shift;
	return true;
}

bool parse_size(const char *text, uint64_t *bytes)
{
	char *end;

	return take_size(text, bytes, &end) && !*end;
}

bool parse_rate(const char *text, uint64_t *rate)
{
	char *end;

	if (!strcmp(text, "auto")) {
		*rate = DMREPLICA_RATE_ADAPTS;
		return true;
	}
	if (!strcmp(text, "unlimited")) {
		*rate = DMREPLICA_UNLIMITED;
		return true;
	}
	if (!strcmp(text, "none")) {
		*rate = 0;
		return true;
	}
	return take_size(text, rate, &end) && (!*end || !strcmp(end, "/s")) &&
	       *rate < DMREPLICA_UNLIMITED;
}

bool parse_seconds(const char *text, uint32_t *ms)
{
	char *end;
	double s;

	if (!((*text >= '0' && *text <= '9') || *text == '.'))
		return false;
	s = strtod(text, &end);
	if (*end || s < 0.001 || s > 4000000)
		return false;
	*ms = s * 1000;
	return true;
}

/* Parse a time up to the kernel's limit; --wait may be 0. */
bool parse_wait(const char *option, const char *text, uint32_t *ms, int *status)
{
	*ms = 0;
	if (!strcmp(option, "--wait") && !strcmp(text, "0"))
		return true;
	if (!parse_seconds(text, ms)) {
		*status = usage_error("%s %s is not a time in seconds", option, text);
		return false;
	}
	if (*ms > DM_REPLICA_TIMEOUT_MAX) {
		*status = usage_error("%s %s is longer than %u seconds", option, text,
				      DM_REPLICA_TIMEOUT_MAX / 1000);
		return false;
	}
	return true;
}

bool parse_span(const char *text, uint64_t *seconds)
{
	static const struct {
		char unit;
		uint32_t seconds;
	} units[] = {
		{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 7 * 86400 },
	};
	uint64_t n, sum = 0;
	unsigned int i;
	char *end;

	*seconds = 0;
	if (!strcmp(text, "0") || !strcmp(text, "none"))
		return true;
	do {
		if (*text < '0' || *text > '9')
			return false;
		errno = 0;
		n = strtoull(text, &end, 10);
		for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (*end == units[i].unit)
				break;
		if (errno || i == sizeof(units) / sizeof(units[0]) ||
		    n > (UINT64_MAX - sum) / units[i].seconds)
			return false;
		sum += n * units[i].seconds;
		text = end + 1;
	} while (*text);
	*seconds = sum;
	return true;
}

bool parse_percent(const char *text, uint32_t *percent)
{
	uint64_t n;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	n = strtoull(text, &end, 10);
	if (*end == '%')
		end++;
	if (*end || n < 1 || n > 100)
		return false;
	*percent = n;
	return true;
}

bool parse_count(const char *text, uint32_t most, uint32_t *count)
{
	uint64_t n;

	*count = 0;
	if (!strcmp(text, "none"))
		return true;
	if (!parse_number(text, &n) || n > most)
		return false;
	*count = n;
	return true;
}

/* Can a text be the number or the label of a recovery point? */
bool parse_point(const char *text)
{
	uint64_t n;

	if (parse_number(text, &n))
		return true;
	return *text && strlen(text) < DMREPLICA_POINT_NAME_MAX && !strchr(text, '/') &&
	       !(*text == '-' && parse_number(text + 1, &n));
}

const struct dmreplica_point *point_in(const struct dmreplica_point *list, size_t nr,
				       uint64_t number)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (list[i].number == number)
			return &list[i];
	return NULL;
}

int find_point(struct dmreplica *ctx, const struct dmreplica_system *sys, const char *text,
	       uint64_t *number)
{
	struct dmreplica_point *list;
	size_t nr;
	int code;

	if (!text) {
		code = dmreplica_point_list(ctx, sys, &list, &nr);
		if (code)
			return code;
		*number = nr ? list[nr - 1].number : 0;
		dmreplica_list_free(list);
		return 0;
	}
	code = dmreplica_point_find(ctx, sys, text, number);
	/* the kernel refuses a number without a point */
	if (code == DM_REPLICA_CODE_NOT_FOUND && parse_number(text, number))
		return 0;
	return code;
}
