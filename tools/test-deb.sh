#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Tests the Debian packages: they are built in one minimal system, and installed, used and purged in
# another.

case "${1:-}" in
-h|--help)
	cat <<-END
	usage: tools/test-deb.sh [SUITE...]

	Suites of Debian: bookworm (DPDK 22.11), trixie (24.11), sid (25.11); bookworm, unless some are
	named. Needs root and debootstrap; what is installed to build stays for the next time.
	Environment: MIRROR, CHROOTS, as for tools/debian-matrix.sh.
	END
	exit
	;;
esac
. "$(dirname "$0")/common.sh"
suite=deb
. tools/promise.sh
. tools/chroot.sh
suites=("$@")
[ $# -gt 0 ] || suites=(bookworm)

# Where it can only fail for want of what it needs, it is left out.
if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
	echo 'left out: needs root, and debootstrap'
	exit 77
fi

# in_chroot FOLDER DIR COMMAND...
in_chroot() { chroot_run "$@" </dev/null; }

apt_install() {
	local root=$1

	shift
	in_chroot "$root" /root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

has_build_system() {
	[ -e "$builder/.complete" ] || chroot_copy "$release" "$builder"
	chroot_network "$builder"
	in_chroot "$builder" / apt-get update -qq && apt_install "$builder" build-essential lintian &&
		rm -rf "$builder/root/fastmem" && copy_sources "$builder/root/fastmem" &&
		in_chroot "$builder" /root/fastmem env DEBIAN_FRONTEND=noninteractive \
			apt-get build-dep -y -qq --no-install-recommends ./
}

builds() {
	in_chroot "$builder" /root/fastmem tools/deb.sh /root/deb ||
		{ tail -60 "$builder/root/deb/log"; return 1; }
}

lintian_is_content() {
	in_chroot "$builder" /root/deb bash -c \
		'lintian --allow-root --fail-on error,warning ./*.changes'
}

has_all_packages() {
	local name

	for name in librte-fastmem26 librte-fastmem-debug26 librte-fastmem-malloc26 librte-mempool-fastmem26 \
			librte-fastmem-dev fastmem-tools fastmem-doc; do
		ls "$builder"/root/deb/"$name"_*.deb || return 1
	done
}

has_clean_system() {
	chroot_copy "$release" "$user"
	chroot_network "$user"
	in_chroot "$user" / apt-get update -qq
	# What the packages need, and their tests: what is new after it is of the packages alone.
	# shellcheck disable=SC2046 # several names
	apt_install "$user" libdpdk-dev libdw-dev autopkgtest \
		$(sed -n 's/^Depends: @,//p' debian/tests/control | tr -d ,)
}

files() { (cd "$user" && find . -xdev \( -path ./var/lib/dpkg -o -path ./var/cache -o -path ./var/log -o -path ./var/lib/apt \
	-o -path ./tmp -o -path ./root -o -path ./etc/ld.so.cache -o -path './usr/share/autopkgtest/*' \
	-o -path './usr/share/gdb/python/*' \) -prune -o -print | sort); }

installs() {
	files >"$scratch/before"
	# shellcheck disable=SC2046 # names without spaces
	mkdir -p "$user/root/deb" && cp "$builder"/root/deb/*.deb "$user/root/deb" &&
		apt_install "$user" $(cd "$user" && find ./root/deb -name '*.deb' ! -name '*-dbgsym_*' | sed 's/^\.//') &&
		in_chroot "$user" / dpkg -l | grep -E '^ii +(librte-.*fastmem|fastmem)' | tee "$scratch/installed" &&
		[ "$(grep -vc dbgsym "$scratch/installed")" = 7 ]
}

# Tried as Debian does, which has no more of the sources than their tests. The last of these purges the packages.
passes_autopkgtest() {
	local name

	mkdir -p "$user/root/source" && cp -r debian "$user/root/source" &&
		in_chroot "$user" /root/source autopkgtest --ignore-restrictions=breaks-testbed \
			--no-built-binaries --output-dir /root/autopkgtest ./ -- null
	for name in $(sed -n 's/^Tests: *//p' debian/tests/control | tr -d ,); do
		grep -E "^$name +PASS$" "$user/root/autopkgtest/summary" || return 1
	done
}

leaves_nothing() {
	in_chroot "$user" / apt-get autoremove --purge -y -qq
	# shellcheck disable=SC2016 # expanded by dpkg-query
	! in_chroot "$user" / dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' '*fastmem*' 2>"$scratch/err" | grep -v '^un' &&
		files >"$scratch/after" && diff "$scratch/before" "$scratch/after"
}

for release in "${suites[@]}"; do
	builder=$CHROOTS/deb-$release user=$CHROOTS/deb-user-$release
	step "$release has what packages are built with" has_build_system
	step "$release builds packages" builds
	promise "$release has all packages" has_all_packages
	promise "$release has no complaint of lintian" lintian_is_content
	step "$release has a clean system" has_clean_system
	step "$release installs them" installs
	step "$release passes the tests that the packages have" passes_autopkgtest
	step "$release is left without a trace when they are purged" leaves_nothing
	rm -rf "$user"
done
promises_end
