// SPDX-License-Identifier: GPL-2.0-only
/*
 * Uevents of a system's devices, all with action change.
 *
 * DOC: two kinds
 *
 * A view that comes online or goes offline is reported by each of its devices
 * (DM_REPLICA_VIEW).  An operation is reported once, for all disks together, by the
 * live failover device of disk 0 (DM_REPLICA_EVENT), before its answer: "udevadm settle"
 * after the answer waits for the rules on both.
 *
 * kobject_uevent_env() allocates with GFP_KERNEL, while an operation may have fenced a
 * device to which reclaim writes: hence memalloc_noio_save() here.
 */
#include <linux/sched/mm.h>

#include "system.h"
#include "trace.h"
#include "uevent.h"

#define DMR_UEVENT_KEYS		16
#define DMR_UEVENT_BYTES	512

struct dmr_uevent_env {
	char *envp[DMR_UEVENT_KEYS + 1];
	unsigned int nr;
	unsigned int used;
	char text[DMR_UEVENT_BYTES];
};

static const char *dmr_uevent_kind(enum dmr_kind kind)
{
	if (kind >= DMR_READER)
		return "reader";
	return kind == DMR_TEST ? "test" : kind == DMR_LIVE ? "live" : "replica";
}

/* Append a key and its value.  One that does not fit is left out; none does not fit. */
static __printf(2, 3) void dmr_uevent_add(struct dmr_uevent_env *env, const char *format, ...)
{
	unsigned int left = sizeof(env->text) - env->used, n;
	va_list args;

	va_start(args, format);
	n = vsnprintf(env->text + env->used, left, format, args) + 1;
	va_end(args);
	if (n > left || env->nr >= DMR_UEVENT_KEYS)
		return;
	env->envp[env->nr++] = env->text + env->used;
	env->used += n;
}

/* The keys that all uevents of a disk's device have. */
static void dmr_uevent_head(struct dmr_uevent_env *env, const struct dmr_disk *disk,
			    enum dmr_kind kind)
{
	const struct dmr_sb *sb = disk->sys->sb;

	memset(env, 0, sizeof(*env));
	/* No blank and no line break: see dmr_text_system_name_fault(). */
	dmr_uevent_add(env, "DM_REPLICA_SYSTEM=%s", sb->name);
	dmr_uevent_add(env, "DM_REPLICA_SYSTEM_UUID=%pUb", sb->system_uuid);
	dmr_uevent_add(env, "DM_REPLICA_DISK=%s", disk->info->name);
	dmr_uevent_add(env, "DM_REPLICA_KIND=%s", dmr_uevent_kind(kind));
}

static void dmr_uevent_send(struct gendisk *gd, struct dmr_uevent_env *env)
{
	unsigned int noio = memalloc_noio_save();

	/* An error, as without memory, changes nothing but this notice. */
	kobject_uevent_env(&disk_to_dev(gd)->kobj, KOBJ_CHANGE, env->envp);
	memalloc_noio_restore(noio);
}

/**
 * dmr_uevent_view() - report that a view has come online, or gone offline
 * @sys: the system.
 * @kind: of view.
 * @online: its devices do I/O from here on.
 *
 * Context: may sleep; op_mutex is held, and no lock that an opener needs.
 */
void dmr_uevent_view(struct dmr_system *sys, enum dmr_kind kind, bool online)
{
	struct dmr_uevent_env env;
	u32 i;

	lockdep_assert_held(&sys->op_mutex);
	trace_dmr_view(sys->sb->name, dmr_uevent_kind(kind), online,
		       sys->published.views->view[kind].base);
	for (i = 0; i < sys->sb->nr_disks; i++) {
		struct gendisk *gd = sys->disks[i].gd[kind];

		if (!gd)
			continue;
		dmr_uevent_head(&env, &sys->disks[i], kind);
		dmr_uevent_add(&env, "DM_REPLICA_VIEW=%s", online ? "online" : "offline");
		dmr_uevent_send(gd, &env);
	}
}

/**
 * dmr_uevent_event() - report an operation, after it has changed the state
 * @sys: the system, with disk 0 attached.
 * @uevent: the operation.
 *
 * Context: may sleep; op_mutex is held, and no lock that an opener needs.
 */
void dmr_uevent_event(struct dmr_system *sys, const struct dmr_uevent *uevent)
{
	struct gendisk *gd = sys->disks[0].gd[DMR_LIVE];
	struct dmr_uevent_env env;

	lockdep_assert_held(&sys->op_mutex);
	if (!gd)
		return;
	dmr_uevent_head(&env, &sys->disks[0], DMR_LIVE);
	dmr_uevent_add(&env, "DM_REPLICA_EVENT=%s", uevent->event);
	dmr_uevent_add(&env, "DM_REPLICA_STATE=%u", uevent->state);
	dmr_uevent_add(&env, "DM_REPLICA_WAS=%u", uevent->was);
	dmr_uevent_add(&env, "DM_REPLICA_STATE_NUMBER=%llu", uevent->state_number);
	if (uevent->job)
		dmr_uevent_add(&env, "DM_REPLICA_JOB=%llu", uevent->job);
	dmr_uevent_add(&env, "DM_REPLICA_CODE=%u", uevent->code);
	if (uevent->point)
		dmr_uevent_add(&env, "DM_REPLICA_POINT=%llu", uevent->point);
	dmr_uevent_send(gd, &env);
}
