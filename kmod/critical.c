// SPDX-License-Identifier: GPL-2.0-only
/* The Critical state (R9). */
#include "critical.h"
#include "system.h"
#include "vacuum.h"

/**
 * dmr_critical() - make a system Critical: a fault that cannot be mended while attached
 * @sys: the system.
 * @why: the reason, constant text.
 *
 * R9: reported in the kernel log and as news, never stored; ends by detach and attach.
 * I/O fails before listeners are notified.
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
