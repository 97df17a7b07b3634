# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors
# shellcheck shell=bash

# Minimal Debian systems in folders, to build and test in: source it after common.sh.

MIRROR=${MIRROR:-http://deb.debian.org/debian}
CHROOTS=${CHROOTS:-/var/tmp/fastmem-chroots}

chroot_check() {
	[ "$(id -u)" = 0 ] || die "this needs root: it makes and enters chroots"
	if ! command -v debootstrap >/dev/null; then
		say "packages: installing debootstrap"
		apt-get update -qq
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq debootstrap >/dev/null
	fi
	mkdir -p "$CHROOTS"
}

# The host's ways to the network hold inside as well: name servers, apt's proxy, and whether apt
# minds the date (it must not where the mirror is a snapshot).
chroot_network() {
	local root=$1

	rm -f "$root/etc/resolv.conf"
	cp -L /etc/resolv.conf "$root/etc/resolv.conf"
	apt-config dump |
		grep -E '^Acquire::((http|https)::Proxy|Check-Valid-Until|Check-Date) ' \
		>"$root/etc/apt/apt.conf.d/99host" || true
}

# A pristine minimal system, made once: chroot_base SUITE
chroot_base() {
	local suite=$1 base=$CHROOTS/base-$1

	if [ ! -e "$base/.complete" ]; then
		say "$suite: debootstrap from $MIRROR into $base"
		rm -rf "$base"
		debootstrap --variant=minbase "$suite" "$base" "$MIRROR" >"$base.log" 2>&1 ||
			{ tail -20 "$base.log"; die "debootstrap of $suite failed"; }
		touch "$base/.complete"
	fi
	chroot_network "$base"
}

# A copy of the pristine system: chroot_copy SUITE FOLDER
chroot_copy() {
	chroot_base "$1"
	rm -rf "$2"
	cp -a --reflink=auto "$CHROOTS/base-$1" "$2"
}

# Run a command in a chroot: chroot_run FOLDER DIR COMMAND...
# What is mounted for it is seen by it alone, and is gone when it ends, however it ends.
chroot_run() {
	local root=$1 dir=$2

	shift 2
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare --mount --propagation private bash -c '
		set -e
		root=$1 dir=$2
		shift 2
		mount -t proc proc "$root/proc"
		mount --bind /sys "$root/sys"
		mount --rbind /dev "$root/dev"
		mount -t tmpfs tmpfs "$root/run"
		exec chroot "$root" env -i HOME=/root TERM=dumb LC_ALL=C.UTF-8 \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			HUGE="${HUGE:-auto}" CI="${CI:-}" \
			${http_proxy:+http_proxy="$http_proxy"} \
			${https_proxy:+https_proxy="$https_proxy"} \
			bash -c "cd \"\$0\" && exec \"\$@\"" "$dir" "$@"
	' chroot_run "$root" "$dir" "$@"
}
