// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owners of operations: the requesting process, and the line in the kernel log for each
 * operation, refused ones included.  Jobs expire after minutes; the log remains.
 */
#include <linux/audit.h>
#include <linux/cred.h>
#include <linux/ratelimit.h>
#include <linux/uidgid.h>

#include "change.h"
#include "job.h"
#include "owner.h"
#include "queue.h"
#include "system.h"

/**
 * dmr_owner_current() - record the requesting process
 * @owner: filled in.
 *
 * Context: that of the process.
 */
void dmr_owner_current(struct dmr_owner *owner)
{
	u32 i, len;

	owner->known = true;
	owner->uid = from_kuid(&init_user_ns, current_uid());
	/* su and sudo do not change the login's user. */
	owner->login = from_kuid(&init_user_ns, audit_get_loginuid(current));
	get_task_comm(owner->comm, current);
	/* A name is cut at 15 bytes, which may split a character; netlink strings are UTF-8. */
	for (i = 0; owner->comm[i]; i += len) {
		len = dmr_text_utf8_char((u8 *)owner->comm + i);
		if (!len) {
			owner->comm[i] = '?';
			len = 1;
		}
	}
}

static void dmr_owner_text(const struct dmr_owner *owner, char *text, size_t size)
{
	int n;

	if (!owner->known) {
		strscpy(text, "by itself", size);
		return;
	}
	/* A process chooses its name: escape unprintable bytes. */
	n = scnprintf(text, size, "by uid %u (%*pE)", owner->uid, (int)strlen(owner->comm),
		      owner->comm);
	if (owner->login != DMR_NO_LOGIN)
		scnprintf(text + n, size - n, ", login uid %u", owner->login);
}

/* Write the subject of an operation to @text, as far as it is known. */
static void dmr_owner_about(const struct dmr_op *op, char *text, size_t size)
{
	u64 point = op->wrong ?: op->point;
	int n = 0;

	text[0] = 0;
	if (point)
		n += scnprintf(text + n, size - n, ", recovery point %llu", point);
	if (op->peer[0])
		n += scnprintf(text + n, size - n, ", peer %s", op->peer);
	if (op->target)
		n += scnprintf(text + n, size - n, ", job %llu", op->target);
	if (op->discarded)
		n += scnprintf(text + n, size - n, ", %llu bytes discarded", op->discarded);
	if (op->dropped)
		n += scnprintf(text + n, size - n, ", %u recovery points dropped", op->dropped);
	/* Rules of retention and adapters are entries there. */
	if (op->change && op->change->key_bytes)
		scnprintf(text + n, size - n, ", key %s%s", op->change->key,
			  op->change->all ? "*" : "");
}

/**
 * dmr_owner_log() - log an operation that was decided or refused
 * @op: the operation, with its answer; its system's superblock is in memory.
 *
 * Context: may sleep.
 */
void dmr_owner_log(const struct dmr_op *op)
{
	char by[160], about[128];

	dmr_owner_text(&op->owner, by, sizeof(by));
	dmr_owner_about(op, about, sizeof(about));
	DMINFO("%s: %s %s%s: %u%s%s", op->sys->sb->name, op->info->name, by, about, op->code,
	       op->err ? ", " : "", op->err && op->msg ? op->msg : "");
}

/**
 * dmr_owner_request() - log a request that is not an operation
 * @sys: the system, active.
 * @what: the request in the words of replicactl, constant.
 * @job: id of the job that it is about, or 0.
 *
 * Context: that of the process that asks.
 */
void dmr_owner_request(struct dmr_system *sys, const char *what, u64 job)
{
	struct dmr_owner owner;
	char by[160];

	dmr_owner_current(&owner);
	dmr_owner_text(&owner, by, sizeof(by));
	if (job)
		DMINFO("%s: %s %s, job %llu", sys->sb->name, what, by, job);
	else
		DMINFO("%s: %s %s", sys->sb->name, what, by);
}

/**
 * dmr_owner_refused() - log a request that was refused before it had a job
 * @uuid: of the system, attached or not; NULL if the request has none.
 * @what: the request in the words of replicactl, constant.
 * @code: CIM code.
 * @msg: the reason, constant text.
 *
 * The rate of lines is limited, since such requests cost a client nothing.
 *
 * Context: that of the process that asks; may sleep.
 */
void dmr_owner_refused(const u8 *uuid, const char *what, u32 code, const char *msg)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);
	struct dmr_system *sys;
	struct dmr_owner owner;
	char by[160];

	if (!__ratelimit(&limit))
		return;
	dmr_owner_current(&owner);
	dmr_owner_text(&owner, by, sizeof(by));
	sys = uuid ? dmr_system_find(uuid, NULL) : NULL;
	if (sys)
		DMINFO("%s: %s %s: %u, %s", sys->sb->name, what, by, code, msg);
	else if (uuid)
		DMINFO("%pUb: %s %s: %u, %s", uuid, what, by, code, msg);
	else
		DMINFO("%s %s: %u, %s", what, by, code, msg);
	if (sys)
		dmr_system_put(sys);
}
