// SPDX-License-Identifier: GPL-2.0-only
/*
 * Probe: compiles if struct genl_dumpit_info holds a struct genl_info, so that
 * a dump finds its attributes in genl_dumpit_info(cb)->info.attrs.  Before the
 * kernel change "genetlink: use attrs from struct genl_info" they are in
 * genl_dumpit_info(cb)->attrs.
 *
 * Never linked.  See kmod/Kbuild.
 */
#include <net/genetlink.h>

struct nlattr **dmr_probe(struct netlink_callback *cb);

struct nlattr **dmr_probe(struct netlink_callback *cb)
{
	return genl_dumpit_info(cb)->info.attrs;
}
