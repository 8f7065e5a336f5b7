/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by doctor.c and the files of its checks, doctor-*.c. */
#ifndef DMREPLICA_DOCTOR_H
#define DMREPLICA_DOCTOR_H

#include "private.h"

struct dmrl_doctor {
	struct dmreplica *ctx;
	struct dmrl_list found;		/* of struct dmreplica_remedy */
	struct dmreplica_system *systems;
	size_t nr_systems;
	struct dmreplica_conf *confs;
	size_t nr_confs;
	bool no_memory;
};

/*
 * Add a remedy, a fault or a note.  @system: NULL for the host.  @command mends it.
 */
void dmrl_doctor_fault(struct dmrl_doctor *d, enum dmreplica_doctor check, const char *system,
		       const char *command, const char *fmt, ...) DMRL_PRINTF(5, 6);
void dmrl_doctor_note(struct dmrl_doctor *d, enum dmreplica_doctor check, const char *system,
		      const char *command, const char *fmt, ...) DMRL_PRINTF(5, 6);

void dmrl_doctor_module(struct dmrl_doctor *d);
void dmrl_doctor_lvm_filter(struct dmrl_doctor *d);
void dmrl_doctor_md_arrays(struct dmrl_doctor *d);
void dmrl_doctor_udev_rule(struct dmrl_doctor *d);
void dmrl_doctor_boot(struct dmrl_doctor *d);
void dmrl_doctor_hooks(struct dmrl_doctor *d);
void dmrl_doctor_home_in_use(struct dmrl_doctor *d);
void dmrl_doctor_home_identity(struct dmrl_doctor *d);
void dmrl_doctor_libvirt_hook(struct dmrl_doctor *d);
void dmrl_doctor_shared(struct dmrl_doctor *d);

/* An empty file, or a link to /dev/null, masks files of its name in later directories. */
bool dmrl_doctor_masked(const char *path);

#endif /* DMREPLICA_DOCTOR_H */
