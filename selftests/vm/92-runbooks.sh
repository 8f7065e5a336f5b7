#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The runbooks: each command of the pages in Documentation/runbooks is run, in order, on a machine
# in the condition that the page is for, and prints what the page shows.
# vm: --timeout 900
# debug: skip it compares the text of pages, which the checkers do not change
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
pages=$VM_SRC/Documentation/runbooks
[ -d "$pages" ] || skip_all "there is no $pages"
load_module
# Devices that fail, and stores that are full, are what these pages are about.
expect_log 'replica: web1: '
expect_log 'nbd0: Other side returned error'
expect_log 'I/O error, dev nbd0'
export REPLICACTL MODULE RUNBOOKS_IO=$io
bash -c ". $here/runbooks/machine.sh; once" || die "cannot prepare the machine"
# selftests/run keeps this directory of the machine: scripts/runbooks takes the pages from there.
seen=$here/../../files/runbooks
mkdir -p "$seen" 2>/dev/null || seen=/tmp/runbooks
exec python3 "$here/runbooks" "$pages" "$seen"
