// SPDX-License-Identifier: GPL-2.0-only
/* What a command works with: libdmreplica, the connection to libvirt, refusals. */
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "domain.h"

#define DEFAULT_URI	"qemu:///system"

char *host_plain(char *text)
{
	unsigned char *c;
	size_t n;

	for (c = (unsigned char *)text; *c; c++)
		if (*c < 0x20 || *c == 0x7f)
			*c = ' ';
	for (n = strlen(text); n && text[n - 1] == ' '; n--)
		text[n - 1] = 0;
	return text;
}

int host_refuse(struct host *h, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(h->message, sizeof(h->message), fmt, args);
	va_end(args);
	host_plain(h->message);
	h->hint[0] = 0;
	return code;
}

int host_hint(struct host *h, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(h->hint, sizeof(h->hint), fmt, args);
	va_end(args);
	host_plain(h->hint);
	return code;
}

int host_refuse_dmr(struct host *h, int code)
{
	snprintf(h->message, sizeof(h->message), "%s", dmreplica_message(h->dmr));
	snprintf(h->hint, sizeof(h->hint), "%s", dmreplica_hint(h->dmr));
	return code;
}

static int code_of_libvirt(const virError *error)
{
	switch (error ? error->code : VIR_ERR_INTERNAL_ERROR) {
	case VIR_ERR_NO_MEMORY:
		return DM_REPLICA_CODE_NO_MEMORY;
	case VIR_ERR_NO_DOMAIN:
		return DM_REPLICA_CODE_NOT_FOUND;
	case VIR_ERR_AUTH_FAILED:
	case VIR_ERR_ACCESS_DENIED:
	case VIR_ERR_OPERATION_DENIED:
		return DM_REPLICA_CODE_ACCESS_DENIED;
	case VIR_ERR_XML_ERROR:
	case VIR_ERR_XML_DETAIL:
	case VIR_ERR_XML_INVALID_SCHEMA:
	case VIR_ERR_INVALID_ARG:
		return DM_REPLICA_CODE_INVALID_PARAMETER;
	case VIR_ERR_OPERATION_INVALID:
		return DM_REPLICA_CODE_INVALID_STATE;
	case VIR_ERR_OPERATION_TIMEOUT:
		return DM_REPLICA_CODE_TIMEOUT;
	}
	return DM_REPLICA_CODE_FAILED;
}

int host_refuse_libvirt(struct host *h, const char *fmt, ...)
{
	const virError *error = virGetLastError();
	char what[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	return host_refuse(h, code_of_libvirt(error), "%s: %s", what,
			   error && error->message ? error->message : "libvirt gives no reason");
}

static void no_printing(void *arg, virErrorPtr error)
{
	(void)arg;
	(void)error;
}

uint64_t host_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void host_sleep_ms(uint32_t ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

uint32_t host_limit_ms(const char *name, uint32_t ms)
{
	const char *text = getenv(name);
	uint64_t value;

	return text && parse_number(text, &value) ? value : ms;
}

/**
 * host_open() - connect to libvirt
 * @h: the host.
 *
 * $LIBVIRT_DEFAULT_URI, as for virsh, or qemu:///system.  There is no limit of time for
 * an answer here: replicactl limits the time of this program, a user has Ctrl-C.
 *
 * Return: 0, also if connected already.
 */
int host_open(struct host *h)
{
	const char *uri = getenv("LIBVIRT_DEFAULT_URI");

	if (h->conn)
		return 0;
	virSetErrorFunc(NULL, no_printing);
	h->conn = virConnectOpen(uri && *uri ? uri : DEFAULT_URI);
	if (h->conn)
		return 0;
	host_refuse_libvirt(h, "libvirt cannot be reached");
	return host_hint(h, DM_REPLICA_CODE_FAILED, "systemctl status libvirtd shows the reason");
}

int host_end(struct host *h, int code)
{
	if (h->conn)
		virConnectClose(h->conn);
	h->conn = NULL;
	if (!code)
		return 0;
	return refused_because(code, h->message, h->hint);
}

int host_system(struct host *h, const char *name, bool attached, struct dmreplica_system *sys)
{
	int code;

	if (attached)
		code = dmreplica_system_attached(h->dmr, name, sys);
	else
		code = dmreplica_system_find(h->dmr, name, sys);
	return code ? host_refuse_dmr(h, code) : 0;
}

bool host_one_system(struct host *h, int argc, char **argv, bool attached,
		     struct dmreplica_system *sys, int *status)
{
	int code;

	if (optind != argc - 1) {
		*status = usage_error("give one system");
		return false;
	}
	code = host_system(h, argv[optind], attached, sys);
	if (code)
		*status = host_end(h, code);
	return !code;
}

bool host_json_system(struct host *h, int argc, char **argv, bool *json,
		      struct dmreplica_system *sys, int *status)
{
	return parse_json_option(argc, argv, json, status) &&
	       host_one_system(h, argc, argv, false, sys, status);
}
