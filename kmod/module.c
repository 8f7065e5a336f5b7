// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-replica: recovery points and failover of a virtual machine's replica disks.
 *
 * Module life; see Documentation/ for what it does.
 */
#include <linux/module.h>

#include "dmr.h"

struct workqueue_struct *dmr_ops_wq;
struct workqueue_struct *dmr_expire_wq;	/* nothing there waits for I/O */

static int __init dmr_module_init(void)
{
	int r;

	BUILD_BUG_ON(sizeof(struct dmr_disk_sb) != DMR_SB_FIXED);
	BUILD_BUG_ON(sizeof(struct dmr_disk_log_block) != DMR_BLOCK_SIZE);
	BUILD_BUG_ON(PAGE_SIZE != DMR_BLOCK_SIZE);

	r = dmr_version_init();
	if (r)
		return r;
	r = -ENOMEM;
	dmr_ops_wq = alloc_workqueue("dmr_ops", WQ_MEM_RECLAIM | WQ_UNBOUND, WQ_MAX_ACTIVE);
	dmr_expire_wq = alloc_workqueue("dmr_expire", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!dmr_ops_wq || !dmr_expire_wq)
		goto bad_wq;
	r = dmr_netlink_init();
	if (r)
		goto bad_netlink;
	r = dmr_target_init();
	if (r)
		goto bad_target;
	return 0;

bad_target:
	dmr_netlink_exit();
bad_netlink:
bad_wq:
	if (dmr_expire_wq)
		destroy_workqueue(dmr_expire_wq);
	if (dmr_ops_wq)
		destroy_workqueue(dmr_ops_wq);
	dmr_version_exit();
	return r;
}

static void __exit dmr_module_exit(void)
{
	dmr_target_exit();
	dmr_netlink_exit();
	dmr_systems_wait_gone();
	destroy_workqueue(dmr_expire_wq);
	destroy_workqueue(dmr_ops_wq);
	dmr_version_exit();
}

module_init(dmr_module_init);
module_exit(dmr_module_exit);

MODULE_AUTHOR("The dm-replica developers");
MODULE_DESCRIPTION("device-mapper targets for recovery points and failover of replica disks");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
MODULE_ALIAS("dm-failover");	/* what dm asks for by the target's name */
