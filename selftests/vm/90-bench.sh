#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The benchmark in short: each peer does each of its jobs, what was written is there, and counts
# of I/O that depend on no machine are exact; times are not looked at.  The long form is "make
# bench".
# share: bench
# vm: --disk home=2200M --disk store=2900M
# debug: skip it sets dm-replica beside others, and counts I/Os
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
load_module "$@"
unload_module || die "the module does not unload"

echo "TAP version 13"
export BENCH_HELPER_IO=$io
exec python3 "$here/bench" --check --rounds 1 --size "$(much tiny small)"
