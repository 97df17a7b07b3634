# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors
# shellcheck shell=bash

# What the scripts of this folder share: source it. It changes to the top of the source tree.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

BUILD=${BUILD:-build}
HUGE=${HUGE:-auto}
case "$HUGE" in
auto|yes|no) ;;
*) echo "HUGE=$HUGE: must be auto, yes or no" >&2; exit 2 ;;
esac
readonly PAGE_KB=2048

say() { printf '==> %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Run as root: directly, or with sudo.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "this needs root, and there is no sudo: $*"
	fi
}

# install_or_not_run PACKAGE...: where they cannot be had, the caller's not_run() says so.
install_or_not_run() {
	command -v apt-get >/dev/null || not_run "no apt-get to install $*"
	say "packages: installing $*"
	as_root apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		"$@" </dev/null >/dev/null || not_run "cannot install $*"
}

# split_eal ARG...: what comes before "--", options of with-eal.sh, goes to the array eal; what comes
# behind it to names.
split_eal() {
	eal=()
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		eal+=("$1")
		shift
	done
	[ $# = 0 ] || shift
	# shellcheck disable=SC2034 # used by who calls
	names=("$@")
}

# DPDK's examples, below FOLDER/usr/share/dpdk/examples: fetch_examples FOLDER. Without them the script ends.
fetch_examples() {
	(cd "$1" && apt-get download dpdk-doc && dpkg-deb -x dpdk-doc_*.deb .) >"$1/log" 2>&1 && return
	echo "no package dpdk-doc: $(tail -1 "$1/log")"
	exit 77
}

# path_here FOLDER: as find has it
path_here() { echo "./$(realpath -m --relative-to=. "$1")"; }

# The sources as they are now: the files that git knows of or would take; of a tarball, all but
# what is in BUILD, or in FOLDER: source_files FOLDER
source_files() {
	if [ -e .git ]; then
		git ls-files -z --cached --others --exclude-standard
	else
		find . \( -path "$(path_here "$BUILD")" -o -path "$(path_here "$1")" \) -prune -o ! -type d -print0
	fi
}

# copy_sources FOLDER
copy_sources() {
	mkdir -p "$1"
	source_files "$1" | while IFS= read -r -d '' f; do [ ! -e "$f" ] || printf '%s\0' "$f"; done |
		tar --null --files-from - -c | tar -x -C "$1"
}

# Configure (once) and build: build_in DIR [meson option...]
build_in() {
	local dir=$1
	shift
	if [ ! -f "$dir/build.ninja" ]; then
		meson setup "$dir" "$@" >"$dir.log" 2>&1 || { cat "$dir.log"; return 1; }
	fi
	ninja -C "$dir" >"$dir.log" 2>&1 || { cat "$dir.log"; return 1; }
}

meminfo() { awk -v key="$1:" '$1 == key { print $2 }' /proc/meminfo; }

hugetlbfs_mounted() { awk '$3 == "hugetlbfs" { found = 1 } END { exit !found }' /proc/mounts; }

# Free huge pages of 2 MiB.
huge_free() {
	cat /sys/kernel/mm/hugepages/hugepages-${PAGE_KB}kB/free_hugepages 2>/dev/null || echo 0
}

HUGE_RESTORE=
HUGE_MOUNTED=

# Undo what huge_setup did to the system.
huge_restore() {
	if [ -n "$HUGE_MOUNTED" ]; then
		umount "$HUGE_MOUNTED" 2>/dev/null || true
		HUGE_MOUNTED=
	fi
	if [ -n "$HUGE_RESTORE" ]; then
		echo "$HUGE_RESTORE" >/proc/sys/vm/nr_hugepages || true
		HUGE_RESTORE=
	fi
}

# Have PAGES free huge pages of 2 MiB, or FEWEST at least, for the time this script runs; says what
# it does. Fails if there are not so many: then use --no-huge.
huge_setup() {
	local pages=$1 fewest=${2:-$1} free missing possible now

	if [ "$HUGE" = no ]; then
		say "huge pages: not used, as asked for (HUGE=no)"
		return 1
	fi
	if [ "$(id -u)" != 0 ]; then
		say "huge pages: not used, they need root (sudo make ...)"
		return 1
	fi
	trap huge_restore EXIT
	free=$(huge_free)
	missing=$((pages - free))
	if [ $missing -gt 0 ]; then
		# Leave the system at least as much as is taken from it.
		possible=$(($(meminfo MemAvailable) / 2 / PAGE_KB))
		[ $missing -le $possible ] || missing=$possible
		if [ $((free + missing)) -lt "$fewest" ]; then
			say "huge pages: not used, $free are free and memory is too short for $((fewest - free)) more"
			return 1
		fi
		now=$(cat /proc/sys/vm/nr_hugepages 2>/dev/null || echo 0)
		if ! echo $((now + missing)) 2>/dev/null >/proc/sys/vm/nr_hugepages &&
				[ "$free" -lt "$fewest" ]; then
			say "huge pages: not used, $free are free and vm.nr_hugepages cannot be set here"
			return 1
		fi
		HUGE_RESTORE=$now
		if [ "$(huge_free)" -lt "$fewest" ]; then
			say "huge pages: not used, the kernel has no $fewest of them"
			huge_restore
			return 1
		fi
		say "huge pages: vm.nr_hugepages set from $now to $((now + missing)) for this run"
	fi
	if ! hugetlbfs_mounted; then
		mkdir -p /dev/hugepages
		if ! mount -t hugetlbfs -o pagesize=2M nodev /dev/hugepages 2>/dev/null; then
			say "huge pages: not used, hugetlbfs cannot be mounted here"
			huge_restore
			return 1
		fi
		HUGE_MOUNTED=/dev/hugepages
		say "huge pages: hugetlbfs mounted on /dev/hugepages for this run"
	fi
	say "huge pages: used, $(huge_free) of 2 MiB are free"
}
