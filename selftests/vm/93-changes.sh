#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What was written between two recovery points, exactly (R16): random writes, zeroes, discards
# and rewrites on two disks, against a model of the writes, also while the vacuum moves, beside
# a failover, after an attach, and with points dropped in between; and the older point's
# content with the changes is the newer one's.
# vm: --disk a=16M --disk b=8M --disk c=64M
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 34
load_module
make_system e s0 vda=a vdb=b -- --chunk-size 16K
expect_log 'device-mapper: replica: e: '
r peer add e b >/dev/null || die "no peer"

# The model.  /tmp/ops has a line for each I/O and each point, in order.
cat >/tmp/model.py <<'END'
import json, random, subprocess, sys

BLOCK, SIZES = 4096, (16 << 20, 8 << 20)

def generate(seed, count, stamp):
    """I/Os for helper-io, for each disk in its own line, in order."""
    rnd = random.Random(seed)
    with open('/tmp/ops', 'a') as log:
        for disk, size in enumerate(SIZES):
            steps = []
            for _ in range(count):
                kind = rnd.choice('wwwwzt')
                part = kind != 't' and rnd.random() < .25
                unit = 512 if part else BLOCK
                most = rnd.choice((1, 1, 4, 8, 40))
                length = rnd.randint(1, most) * unit
                # Half of it in one place, so that blocks are written again.
                area = size // 16 if rnd.random() < .5 else size
                at = rnd.randrange(0, area - length, unit)
                log.write(f'{kind} {disk} {at} {length}\n')
                steps.append(f'{kind}:{at}:{length}' + (f':{stamp}' if kind == 'w' else ''))
            print(' '.join(steps))

def model(first, last):
    """{(disk, block): kinds that it may be listed as} between two points; whole disks from 0"""
    found, inside = {}, first == 0
    for line in open('/tmp/ops'):
        kind, disk, at, *length = line.split()
        disk, at = int(disk), int(at)
        if kind == 'p':
            if disk == last:
                return found
            inside = inside or disk == first
            continue
        length = int(length[0])
        for b in range(at // BLOCK, (at + length - 1) // BLOCK + 1):
            whole = at <= b * BLOCK and (b + 1) * BLOCK <= at + length
            was = found.get((disk, b), {None})
            if kind == 'w' and whole:
                now = {'data'}
            elif kind == 'z' and whole:
                now = {'zero'}
            elif kind == 't':
                # May do nothing, or make zeroes.
                now = was | {'zero'}
            else:
                now = {'data', 'zero'}
            if inside:
                found[disk, b] = now
    raise SystemExit(f'no point {last}')

def listed(first, last):
    args = [] if first == 0 else ['--from', str(first)]
    out = subprocess.run([sys.argv[2], 'changes', 'e', '--to', str(last), '--json', *args],
                         stdout=subprocess.PIPE, check=True).stdout
    found = {}
    for disk in json.loads(out)['disks']:
        end = -1
        for e in disk['extents']:
            assert e['offset'] >= end and e['length'] > 0 and e['offset'] % BLOCK == 0, e
            end = e['offset'] + e['length']
            assert end <= disk['bytes'] and e['length'] % BLOCK == 0, e
            for b in range(e['offset'] // BLOCK, end // BLOCK):
                found[disk['number'], b] = 'zero' if e['zero'] else 'data'
    return found

def verify(first, last):
    want, got = model(first, last), listed(first, last)
    if first == 0:
        for disk, size in enumerate(SIZES):
            missing = [b for b in range(size // BLOCK) if (disk, b) not in got]
            assert not missing, f'not all of disk {disk}: {missing[:9]}'
    for key, kinds in want.items():
        assert key in got or None in kinds, f'{key} is not listed: {kinds}'
        # Without an older point zeroes may be home by now, where nothing shows them.
        assert key not in got or got[key] in kinds or (first == 0 and 'zero' in kinds), \
            f'{key}: {got[key]}, not {kinds}'
    for key in got if first else ():
        assert key in want, f'{key} was not written'
    print(f'{first} to {last}: {len(got)} blocks')

def apply(first, last, images):
    """The older point's content, with the changes, is the newer one's."""
    old = [bytearray(open(f'{images}.{first}.{d}', 'rb').read()) for d in range(len(SIZES))]
    new = [open(f'{images}.{last}.{d}', 'rb').read() for d in range(len(SIZES))]
    for (disk, b), kind in listed(first, last).items():
        content = new[disk][b * BLOCK:(b + 1) * BLOCK]
        assert kind == 'data' or not any(content), f'{disk} {b} is not zeroes'
        old[disk][b * BLOCK:(b + 1) * BLOCK] = content
    for disk, content in enumerate(new):
        assert old[disk] == content, f'disk {disk} differs'

if sys.argv[1] == 'generate':
    generate(int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
elif sys.argv[1] == 'verify':
    verify(int(sys.argv[3]), int(sys.argv[4]))
else:
    apply(int(sys.argv[3]), int(sys.argv[4]), '/tmp/image')
END
model() { python3 /tmp/model.py "$1" "$REPLICACTL" "${@:2}"; }
exact() { check "${3:+$3: }from $1 to $2" model verify "$1" "$2"; }

# writes COUNT: random I/Os on both disks.
seed=0
writes() {
	local steps d=0 line
	seed=$((seed + 1))
	model generate $seed "$1" $seed >/tmp/steps || die "no model"
	while read -r line; do
		read -r -a steps <<<"$line"
		"$io" "/dev/mapper/e-vd$([ $d = 0 ] && echo a || echo b)-replica" "${steps[@]}" f ||
			die "cannot write"
		d=$((d + 1))
	done </tmp/steps
}
made=0
made() {
	r recovery-point create e "$@" >/dev/null || die "cannot make a point"
	made=$((made + 1))
	echo "p $made 0" >>/tmp/ops
}
# image POINT: what both disks were then.
image() {
	r test-failover start e --point "$1" >/dev/null || die "cannot start a test"
	dd if=/dev/mapper/e-vda-test of="/tmp/image.$1.0" bs=1M iflag=direct 2>/dev/null || die "dd"
	dd if=/dev/mapper/e-vdb-test of="/tmp/image.$1.1" bs=1M iflag=direct 2>/dev/null || die "dd"
	r test-failover stop e --yes >/dev/null || die "cannot stop the test"
}
: >/tmp/ops

# --- random I/O -----------------------------------------------------------------

writes 60
made --hold b
writes 40
made
made
writes 200
made
writes 3
made
exact 1 2
exact 2 3 "nothing was written"
is "nothing is listed" "$(r changes e --from 2 --to 3)" ''
exact 3 4
exact 4 5
exact 1 5 "over points between"
exact 2 4
exact 1 1 "a point and itself"
exact 0 4 "all of it"
is "of one disk" "$(r changes e --from 1 --to 5 --disk vdb | cut -d' ' -f 1 | sort -u)" vdb
refused "the wrong order" 32773 'newer than the second' r changes e --from 5 --to 1
refused "a point that does not exist" 32779 'no such recovery point' r changes e --from 1 --to 99
check_fails "a disk that does not exist" r changes e --to 1 --disk vdc
image 1
image 3
image 5
check "the content of 1 with the changes is that of 5" model apply 1 5
check "and of 3" model apply 3 5

# --- beside a failover, and a vacuum ----------------------------------------------

r failover e --point 2 >/dev/null || die "cannot fail over"
"$io" /dev/mapper/e-vda w:0:1M:99 w:8M:64K:98 f || die "cannot write"
writes 80
made
exact 5 6 "beside a failover"
exact 1 6
exact 2 5
r revert e --yes >/dev/null || die "cannot revert"
exact 1 6 "after a revert"
# Content up to point 1 goes home meanwhile, and nothing newer.
r settings e --vacuum-rate unlimited >/dev/null || die "cannot set"
writes 60
made
exact 1 7 "while the vacuum moves"

# --- points dropped in between -----------------------------------------------------

for n in 2 4 5; do r recovery-point drop e $n --yes >/dev/null || die "cannot drop"; done
exact 1 7 "with points dropped"
exact 3 7
exact 6 7
r detach e >/dev/null || die "cannot detach"
r attach e >/dev/null || die "cannot attach"
exact 1 7 "after an attach"
exact 3 6
writes 50
made
exact 7 8
exact 1 8
image 8
check "the content of 1 with the changes is that of 8" model apply 1 8

# --- a point that goes while the list is read ----------------------------------------

make_system f s1 vda=c -- --chunk-size 16K
expect_log 'device-mapper: replica: f: '
point f
"$io" /dev/mapper/f-vda-replica m:0:8K:4K:8192:3 f || die "cannot write"
point f
point f
uuid=$(field f uuid)
# slowly COMMAND...: read the first part of the list, run COMMAND, and read the rest.
slowly() {
	coproc reader { exec "$nl" extents "$uuid" 0 1 2; }
	read -r _ <&"${reader[0]}" || die "no list"
	"$@" >/dev/null || die "$* failed"
	echo >&"${reader[1]}"
	read -r said <&"${reader[0]}"
	wait "$reader_PID"
}
is "each of 8192 extents" "$(r changes f --from 1 --to 2 | grep -c ' 4096  data$')" 8192
slowly true
is "a list in several messages" "${said% *}" "errno 0 messages"
slowly r recovery-point drop f 3 --yes
is "another point does not matter" "${said% *}" "errno 0 messages"
slowly r recovery-point drop f 1 --yes
is "a list whose point goes ends" "${said% *}" "errno 116 messages"
is "number of extents" "$(r changes f --to 2 | wc -l)" 1
r detach --all >/dev/null || die "cannot detach"
check "the module unloads" unload_module
