// SPDX-License-Identifier: GPL-2.0-only
/* main() of replicactl and of replicactl-domain. */
#include "replicactl.h"

int main(int argc, char **argv)
{
	return run_command(argc, argv);
}
