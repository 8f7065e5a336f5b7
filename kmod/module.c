// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-replica: recovery points and failover of a virtual machine's replica disks.
 *
 * Initialisation and exit of the module; see Documentation/ for its purpose.
 */
#include <linux/module.h>

#include "dispatch.h"
#include "health.h"
#include "io.h"
#include "netlink.h"
#include "point.h"
#include "queue.h"
#include "sweep.h"
#include "system.h"
#include "target.h"
#include "verbs.h"
#include "version.h"
#include "work.h"

/* Functions of higher floors that lower ones start; scripts/check-floors lists them. */
static const struct dmr_upcalls dmr_upcall_table = {
	.dispatch = dmr_dispatch_work,
	.ops = dmr_op_work,
	.sweep = dmr_sweep_work,
	.drain = dmr_point_drain_work,
	.io = dmr_io_work,
	.look = dmr_health_check,
	.turn = dmr_op_turn,
	.end_turns = dmr_op_end_turns,
	.verbs = dmr_verbs,
};

static int __init dmr_module_init(void)
{
	int r;

	BUILD_BUG_ON(sizeof(struct dmr_disk_sb) != DMR_SB_FIXED);
	BUILD_BUG_ON(sizeof(struct dmr_disk_log_block) != DMR_BLOCK_SIZE);
	BUILD_BUG_ON(PAGE_SIZE != DMR_BLOCK_SIZE);

	r = dmr_version_init();
	if (r)
		return r;
	r = dmr_work_start(&dmr_upcall_table);
	if (r)
		goto bad_work;
	r = dmr_genl_init();
	if (r)
		goto bad_netlink;
	r = dmr_target_init();
	if (r)
		goto bad_target;
	return 0;

bad_target:
	dmr_genl_exit();
bad_netlink:
bad_work:
	dmr_work_stop();
	dmr_version_exit();
	return r;
}

static void __exit dmr_module_exit(void)
{
	dmr_target_exit();
	dmr_events_flush();		/* notify listeners of the end of each system */
	dmr_genl_exit();
	dmr_systems_wait_gone();
	dmr_work_stop();
	dmr_version_exit();
}

module_init(dmr_module_init);
module_exit(dmr_module_exit);

MODULE_AUTHOR("The dm-replica developers");
MODULE_DESCRIPTION("device-mapper targets for recovery points and failover of replica disks");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
MODULE_ALIAS("dm-replica-overlay");	/* requested by dm for the targets' names */
MODULE_ALIAS("dm-replica-reader");
