/* SPDX-License-Identifier: GPL-2.0-only */
/* The work item that takes the reports of lower floors. */
#ifndef DMR_DISPATCH_H
#define DMR_DISPATCH_H

#include <linux/workqueue.h>

void dmr_dispatch_work(struct work_struct *work);

#endif /* DMR_DISPATCH_H */
