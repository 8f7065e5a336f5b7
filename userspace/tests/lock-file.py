#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Run a command beside a file that is locked as a session locks its state.

usage: lock-file.py FILE COMMAND...
"""

import fcntl
import os
import struct
import subprocess
import sys

F_OFD_SETLK = 37
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CLOEXEC)
fcntl.fcntl(fd, F_OFD_SETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0))
sys.exit(subprocess.run(sys.argv[2:], check=False).returncode)
