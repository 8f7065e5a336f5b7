// SPDX-License-Identifier: GPL-2.0-only
/* A system that must not go on (R9). */
#include "critical.h"
#include "system.h"
#include "vacuum.h"

/**
 * dmr_critical() - something is broken that cannot be made good while attached
 * @sys: the system.
 * @why: constant text.
 *
 * R9: reported in the log and as news, computed and never stored; ends by detach
 * and attach.  I/O sees it before listeners do.
 *
 * Context: any.
 */
void dmr_critical(struct dmr_system *sys, const char *why)
{
	if (cmpxchg(&sys->critical, NULL, why))
		return;
	DMERR("%s: critical: %s; detach, mend the device, check, attach", sys->sb->name, why);
	dmr_vacuum_kick(sys);
	dmr_event_news(sys, DMR_NEWS_STATE);
}
