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
	in_chroot "$builder" / apt-get update -qq && apt_install "$builder" build-essential git lintian &&
		rm -rf "$builder/root/fastmem" && mkdir -p "$builder/root/fastmem" &&
		git ls-files -z --cached --others --exclude-standard |
		while IFS= read -r -d '' f; do [ ! -e "$f" ] || printf '%s\0' "$f"; done |
		tar --null --files-from - -c | tar -x -C "$builder/root/fastmem" &&
		in_chroot "$builder" /root/fastmem env DEBIAN_FRONTEND=noninteractive \
			apt-get build-dep -y -qq --no-install-recommends ./
}

# make deb asks git what there is.
builds() {
	in_chroot "$builder" /root/fastmem bash -c 'git init -q . && git add -A && tools/deb.sh /root/deb' ||
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
	# What the packages need, and the test: what is new after it is of the packages alone.
	apt_install "$user" build-essential make pkgconf dpdk-dev libdpdk-dev libdw-dev python3
}

files() { (cd "$user" && find . -xdev \( -path ./var/lib/dpkg -o -path ./var/cache -o -path ./var/log -o -path ./var/lib/apt \
	-o -path ./tmp -o -path ./root -o -path ./etc/ld.so.cache \) -prune -o -print | sort); }

installs() {
	files >"$scratch/before"
	mkdir -p "$user/root/deb" && cp "$builder"/root/deb/*.deb "$user/root/deb" &&
		# shellcheck disable=SC2046 # names without spaces
		apt_install "$user" $(cd "$user" && find ./root/deb -name '*.deb' ! -name '*-dbgsym_*' | sed 's/^\.//') &&
		in_chroot "$user" / dpkg -l | grep -E '^ii +(librte-.*fastmem|fastmem)' | tee "$scratch/installed" &&
		[ "$(grep -vc dbgsym "$scratch/installed")" = 7 ]
}

works() { in_chroot "$user" /root /root/installed; }

purges() {
	local packages

	packages=$(in_chroot "$user" / dpkg-query -W -f '${Package}\n' '*fastmem*')
	# shellcheck disable=SC2086 # several names
	in_chroot "$user" / env DEBIAN_FRONTEND=noninteractive apt-get purge --autoremove -y -qq $packages &&
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
	cp debian/tests/installed "$user/root/installed"
	step "$release runs an example, testpmd and fastmem-run with them" works
	step "$release purges them without a trace" purges
	rm -rf "$user"
done
promises_end
