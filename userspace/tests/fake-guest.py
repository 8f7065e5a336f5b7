#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""One command of a guest's agent, for fake-agent.c: JSON on standard input and output.

$AGENT is the directory of a made-up guest: root/ is its root, bin/ has its programs.  guest-exec runs
the program there; $GUEST chooses what else happens.
"""

import base64
import json
import os
import subprocess
import sys

directory = os.environ['AGENT']
how = os.environ.get('GUEST', '')
asked = json.load(sys.stdin)
command = asked['execute']
with open(directory + '/calls', 'a', encoding='utf-8') as calls:
    calls.write(command + '\n')


def answer(value):
    print(json.dumps({'return': value}))
    sys.exit(0)


if command == 'guest-get-osinfo':
    answer({'id': 'mswindows' if how == 'windows' else 'debian'})
elif command == 'guest-exec':
    if how == 'no exec':
        sys.exit(1)
    args = asked['arguments']
    with open(directory + '/program', 'wb') as f:
        f.write(base64.b64decode(args['input-data'], validate=True))
    with open(directory + '/command', 'w', encoding='utf-8') as f:
        f.write(' '.join([args['path']] + args['arg']))
    status = 0
    if how != 'windows':
        with open(directory + '/program', 'rb') as f:
            status = subprocess.run([args['path']] + args['arg'], stdin=f, env={'PATH': directory + '/bin', 'ROOT': directory + '/root', 'DIR': directory},
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode
    with open(directory + '/status', 'w', encoding='utf-8') as f:
        f.write(str(status))
    answer({'pid': 77})
elif command == 'guest-exec-status':
    with open(directory + '/status', encoding='utf-8') as f:
        answer({'exited': True, 'exitcode': int(f.read())})
elif command == 'guest-network-get-interfaces':
    if how == 'no interfaces':
        sys.exit(1)
    if how == 'no list':
        answer({'a': 1})
        sys.exit(0)
    if how == 'hostile':
        print('{"return": [1, null, {"hardware-address": 5}, {"hardware-address": "52:54:00:12:34:56", "ip-addresses": {"a": 1}}]}')
        sys.exit(0)
    try:
        with open(directory + '/seen', encoding='utf-8') as f:
            answer(json.load(f))
    except OSError:
        answer([])
elif how == 'not JSON':
    print('[' * 100000)
else:
    answer({})
