#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Run a command beside a file that is locked as a session locks its state.

usage: lock-file.py [--as NAME] FILE COMMAND...

--as renames it when it has the lock.
"""

import fcntl
import os
import struct
import subprocess
import sys

F_OFD_SETLK = 37
args = sys.argv[1:]
name = None
if args[0] == '--as':
    name, args = args[1], args[2:]
fd = os.open(args[0], os.O_RDWR | os.O_CLOEXEC)
fcntl.fcntl(fd, F_OFD_SETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0))
if name:
    os.rename(args[0], name)
sys.exit(subprocess.run(args[1:], check=False).returncode)
