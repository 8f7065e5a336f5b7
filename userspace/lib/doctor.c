// SPDX-License-Identifier: GPL-2.0-only
/* One look at the host: what would keep a system from doing its duty, and what mends it. */
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

#define GROWN	(1 << 20)	/* bytes that are worth a growth of the store */

static const char *const names[DMREPLICA_DOCTOR_CHECKS] = {
	[DMREPLICA_DOCTOR_FILES] = "files",
	[DMREPLICA_DOCTOR_MODULE] = "module",
	[DMREPLICA_DOCTOR_LVM_FILTER] = "lvm-filter",
	[DMREPLICA_DOCTOR_MD_ARRAYS] = "md-arrays",
	[DMREPLICA_DOCTOR_UDEV_RULE] = "udev-rule",
	[DMREPLICA_DOCTOR_BOOT] = "boot",
	[DMREPLICA_DOCTOR_HOOKS] = "hooks",
	[DMREPLICA_DOCTOR_HOME_IN_USE] = "home-in-use",
	[DMREPLICA_DOCTOR_HOME_IDENTITY] = "home-identity",
	[DMREPLICA_DOCTOR_SPACE] = "space",
	[DMREPLICA_DOCTOR_LIBVIRT_HOOK] = "libvirt-hook",
	[DMREPLICA_DOCTOR_SHARED] = "shared",
};

const char *dmreplica_doctor_name(enum dmreplica_doctor check)
{
	return (unsigned int)check < DMREPLICA_DOCTOR_CHECKS ? names[check] : "unknown";
}

static void DMRL_PRINTF(6, 0)
add(struct dmrl_doctor *d, enum dmreplica_doctor check, bool note, const char *system,
    const char *command, const char *fmt, va_list args)
{
	struct dmreplica_remedy *r = dmrl_list_add(&d->found);

	if (!r) {
		d->no_memory = true;
		return;
	}
	r->check = check;
	r->note = note;
	snprintf(r->system, sizeof(r->system), "%s", system ? system : "");
	snprintf(r->command, sizeof(r->command), "%s", command);
	vsnprintf(r->text, sizeof(r->text), fmt, args);
}

void dmrl_doctor_fault(struct dmrl_doctor *d, enum dmreplica_doctor check, const char *system,
		       const char *command, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(d, check, false, system, command, fmt, args);
	va_end(args);
}

void dmrl_doctor_note(struct dmrl_doctor *d, enum dmreplica_doctor check, const char *system,
		      const char *command, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(d, check, true, system, command, fmt, args);
	va_end(args);
}

/* The file of a system that cannot be read, as dmreplica_conf_list() reports it. */
static void left_out(void *arg, const char *text)
{
	dmrl_doctor_fault(arg, DMREPLICA_DOCTOR_FILES, NULL,
			  "correct that line, or replicactl scan --write makes the file anew", "%s",
			  text);
}

static void space(struct dmrl_doctor *d)
{
	const u32 full = DM_REPLICA_HEALTH_REASONS_FULL | DM_REPLICA_HEALTH_REASONS_LOW_SPACE;
	const struct dmreplica_system *sys;
	char command[512];
	size_t i;

	for (i = 0; i < d->nr_systems; i++) {
		sys = &d->systems[i];
		if (!sys->attached)
			continue;
		if (sys->store_device_bytes >= sys->store_bytes + GROWN) {
			snprintf(command, sizeof(command), "replicactl grow %s", sys->name);
			dmrl_doctor_note(d, DMREPLICA_DOCTOR_SPACE, sys->name, command,
					 "the device of store %s has grown, and the store has not",
					 sys->store);
		}
		if (!(sys->health_reasons & full))
			continue;
		snprintf(command, sizeof(command), "lvextend -L +SIZE %s; replicactl grow %s",
			 sys->store, sys->name);
		dmrl_doctor_fault(d, DMREPLICA_DOCTOR_SPACE, sys->name, command,
				  "store %s has little room: %llu of %llu slots used, %llu kept for the failover",
				  sys->store, (unsigned long long)sys->slots_used,
				  (unsigned long long)sys->slots,
				  (unsigned long long)sys->slots_reserved);
	}
}

static int by_check(const void *a, const void *b)
{
	const struct dmreplica_remedy *x = a, *y = b;
	int order = (int)x->check - (int)y->check;

	if (!order)
		order = x->note - y->note;
	return order ? order : strcmp(x->system, y->system);
}

int dmreplica_doctor(struct dmreplica *ctx, struct dmreplica_remedy **list, size_t *nr)
{
	struct dmrl_doctor d = { .ctx = ctx, .found.size = sizeof(struct dmreplica_remedy) };
	void (*warn)(void *arg, const char *text) = ctx->warn;
	void *warn_arg = ctx->warn_arg;
	int code;

	*list = NULL;
	*nr = 0;
	code = dmreplica_system_list(ctx, &d.systems, &d.nr_systems);
	if (code)
		return code;
	dmreplica_on_warning(ctx, left_out, &d);
	code = dmreplica_conf_list(ctx, &d.confs, &d.nr_confs);
	if (code)
		left_out(&d, dmreplica_message(ctx));
	dmreplica_on_warning(ctx, NULL, NULL);
	dmrl_doctor_module(&d);
	dmrl_doctor_lvm_filter(&d);
	dmrl_doctor_md_arrays(&d);
	dmrl_doctor_udev_rule(&d);
	dmrl_doctor_boot(&d);
	dmrl_doctor_hooks(&d);
	dmrl_doctor_home_in_use(&d);
	dmrl_doctor_home_identity(&d);
	space(&d);
	dmrl_doctor_libvirt_hook(&d);
	dmrl_doctor_shared(&d);
	dmreplica_on_warning(ctx, warn, warn_arg);
	free(d.systems);
	free(d.confs);
	dmrl_clear(ctx);
	code = d.no_memory ? dmrl_no_memory(ctx) : 0;
	*list = dmrl_list_end(&d.found, code, by_check, nr);
	return code;
}
