# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Functions for tests of systems, beside lib.sh: to be read after it.

# Installed, the programs lie beside the tests; built in place, one directory up.
here=$(cd "$(dirname "$0")" && pwd -P)
[ -x "$here/helper-io" ] || here=$(dirname "$here")
io=$here/helper-io
nl=$here/helper-nl
store_tool=$here/helper-store
for ktap_h in "$io" "$nl" "$store_tool"; do
	[ -x "$ktap_h" ] || die "$ktap_h is not built"
done

r() { "$REPLICACTL" "$@"; }

# make_system NAME STORE DISK=HOME... [-- OPTION...]: create and attach; STORE
# and HOME are names of --disk or paths.
make_system() {
	local name=$1 store=$2 args=()
	shift 2
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		args+=(--disk "${1%%=*}=$(device "${1#*=}")")
		shift
	done
	[ $# = 0 ] || shift
	r create "$name" --store "$(device "$store")" "${args[@]}" "$@" >/dev/null ||
		die "cannot create $name"
	r attach "$name" >/dev/null || die "cannot attach $name"
}

# device NAME: the path of a disk given by --disk; a path is returned unchanged.
device() {
	case $1 in
	/*) echo "$1" ;;
	*) echo "/dev/vm/$1" ;;
	esac
}

# hold NAME, release NAME: the vacuum and the one-second commit.
hold() { r vacuum "$1" --hold >/dev/null || die "cannot hold the vacuum of $1"; }
release() { r vacuum "$1" --release >/dev/null || die "cannot release the vacuum of $1"; }

point() { r recovery-point create "$1" >/dev/null || die "cannot make a point of $1"; }

# json FIELD COMMAND...: a number or word of replicactl's JSON; the first if there
# are several.
json() {
	local field=$1 said
	shift
	said=$(r "$@" --json)
	[[ ! $said =~ \"$field\":\ *\"?([^\",$'\n']*)\"?,?($'\n'|$) ]] || echo "${BASH_REMATCH[1]}"
}

# field NAME FIELD: of a system's status.
field() { json "$2" status "$1"; }

# point_numbers NAME: of all its recovery points, a line each, the oldest first.
point_numbers() {
	r recovery-point list "$1" --json | sed -n 's/^ *"number": *\([0-9]*\),*/\1/p' | sort -n
}
# newest NAME: number of its newest recovery point.
newest() { point_numbers "$1" | tail -n 1; }
# point_sum NAME POINT BYTES BYTES: of its disks va and vb, as the point has them.
point_sum() {
	r recovery-point open "$1" "$2" >/dev/null || return
	"$io" "/dev/mapper/$1-va@$2" "h:0:$3" "o:/dev/mapper/$1-vb@$2" "h:0:$4"
	r recovery-point close "$1" "$2" --wait 20 >/dev/null
}

# job_of NAME TYPE: the newest of its jobs of that type (a regular expression; 99 moves
# home for a commit, 50 for move-home).
job_of() {
	r job list "$1" --json | tr -d ' ,' |
		awk -F: -v type="$2" '/"id"/ { id = $2 } /"type"/ && $2 ~ "^(" type ")$" { found = id }
				      END { print found }'
}

# Both superblocks of a store, as a checksum.
sb_sum() { "$io" "$(device "$1")" h:0:256K; }

# beside NAME COMMAND...: in the background; ended NAME: it has ended; went_well NAME
# [SECONDS]: it ends within that time (60), and with success; its output is shown.
beside() {
	rm -f "/tmp/$1.rc"
	{
		"${@:2}"
		echo $? >"/tmp/$1.rc"
	} >"/tmp/$1.said" 2>&1 &
}
ended() { [ -s "/tmp/$1.rc" ]; }
went_well() {
	wait_for "${2:-60}" ended "$1" || return
	cat "/tmp/$1.said"
	[ "$(cat "/tmp/$1.rc")" = 0 ]
}

# counts DEV VARIABLE: as stat_of, without starting any process.
counts() {
	local s
	read -r -a s <"${ktap_stat[$1]:=/sys/block/$(basename "$(dev "$1")")/stat}"
	printf -v "$2" '%s %s %s %s %s' "${s[0]}" "${s[2]}" "${s[4]}" "${s[6]}" "${s[15]}"
}
declare -A ktap_stat

# budget NAME "DEV READS SECTORS WRITES SECTORS FLUSHES"... -- COMMAND...: ok if COMMAND
# succeeds and causes exactly these I/Os to the devices.  On virtio-blk an empty flush counts
# as a write of no sectors and a flush, a write with FUA as a write and a flush, one with
# PREFLUSH and FUA as a write and two flushes; so each tuple stands for one sequence of I/Os.
budget() {
	local name=$1 wants=() before=() found=() bad='' i said now
	shift
	while [ "$1" != -- ]; do
		wants+=("$1")
		shift
	done
	shift
	for i in "${!wants[@]}"; do
		counts "${wants[i]%% *}" now
		before[i]=$now
	done
	if ! said=$("$@" 2>&1); then
		diag "$* failed:" "$said"
		not_ok "$name"
		return
	fi
	for i in "${!wants[@]}"; do
		counts "${wants[i]%% *}" now
		found[i]="${wants[i]%% *} $(stat_diff "${before[i]}" "$now")"
		[ "${found[i]}" = "${wants[i]}" ] || bad=1
	done
	diag "$name: $(budget_words "${found[@]}")"
	if [ -n "$bad" ]; then
		diag "  wanted $(budget_words "${wants[@]}")"
		not_ok "$name"
	else
		ok "$name"
	fi
}

budget_words() {
	local dev r rs w ws f quiet=''
	for dev; do
		read -r dev r rs w ws f <<<"$dev"
		if [ "$r$w$f" = 000 ]; then
			quiet="$quiet $dev"
			continue
		fi
		printf '%s: %s reads of %s B, %s writes of %s B, %s flushes; ' "$dev" "$r" \
			$((rs * 512)) "$w" $((ws * 512)) "$f"
	done
	[ -z "$quiet" ] || echo "none at$quiet"
}

# refused NAME CODE REGEX COMMAND...: ok if replicactl refused COMMAND with this code, its
# name, a text that matches, and the exit status of that code, and no device in $watched
# ("DEV[:LENGTH] ...", 256K of each by default) has changed.
watched=''
refused() {
	local name=$1 code=$2 regex=$3 rc said want bad=''
	shift 3
	case $code in
	32768) want=Failed ;;
	32769) want='Access Denied' ;;
	32770) want='Not Supported' ;;
	32771) want='Status is unknown' ;;
	32772) want=Timeout ;;
	32773) want='Invalid parameter' ;;
	32774) want='System is in use' ;;
	32775) want='Invalid state for this operation' ;;
	32776) want='Incorrect data type' ;;
	32777) want='System is not available' ;;
	32778) want='Out of memory' ;;
	32779) want='File not found' ;;
	esac
	without_change "$@" || bad="; a device in '$watched' has changed"
	[ $rc = $((code - 32767)) ] || bad="$bad; status $rc, wanted $((code - 32767))"
	case $said in
	"replicactl: $code $want: "* | *"
replicactl: $code $want: "*) ;;
	*) bad="$bad; not '$code $want'" ;;
	esac
	grep -Eqz "$regex" <<<"$said" || bad="$bad; the text lacks '$regex'"
	if [ -n "$bad" ]; then
		diag "$* said (status $rc):" "$said" "${bad#; }"
		not_ok "$name"
	else
		ok "$name"
	fi
}

# without_change COMMAND...: set $said to its errors and $rc to its status; status 1 if a
# device in $watched has changed.  The vacuum writes the older superblock and the tail of the
# log at its own time (R3, R7), under a state number that is there before: then COMMAND runs
# again, at most five times.
without_change() {
	local before now n
	for _ in 1 2 3 4 5; do
		before=$(watched_sums)
		said=$("$@" 2>&1 >/dev/null </dev/null)
		rc=$?
		now=$(watched_sums)
		[ "$before" != "$now" ] || return 0
		for n in $(sed -n 's/^states //p' <<<"$now"); do
			grep -q "^states .*\<$n\>" <<<"$before" || return 1
		done
	done
	return 1
}

# watched_sums: of each device in $watched a checksum, and the words where a store has the
# state numbers of its superblocks.
watched_sums() {
	local w d n first='' steps=()
	for w in $watched; do
		n=256K
		case $w in *:*) n=${w#*:} ;; esac
		d=${w%:*}
		case $d in /*) ;; *) d=/dev/vm/$d ;; esac
		if [ -z "$first" ]; then first=$d; else steps+=("o:$d"); fi
		steps+=("h:0:$n" u:392:131464)
	done
	[ -z "$first" ] || "$io" "$first" "${steps[@]}"
}

# map_memory DEVICE-OR-FILE: map it into the memory of a process, which closes it; its PID is
# $mapper, its output comes by descriptor $mapped.
map_memory() {
	exec {mapped}< <(exec python3 -c 'import ctypes, os, sys, time
f = os.open(sys.argv[1], os.O_RDWR)
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + 3 * [ctypes.c_int] + [ctypes.c_long]
libc.mmap(None, 4096, 3, 1, f, 0)
os.close(f)
print("mapped", flush=True)
time.sleep(600)' "$1")
	mapper=$!
	read -r _ <&"$mapped"
}

# holder DEVICE...: a process that has them open for writing; its number in
# $held, until let_go.
holder() {
	exec {held_fd}< <(exec "$io" "$1" p:open s:600)
	held=$!
	read -r _ <&"$held_fd" || die "cannot open $1"
}

let_go() {
	kill "$held"
	exec {held_fd}<&-
	wait "$held" 2>/dev/null
}
