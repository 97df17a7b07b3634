#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

. "$(dirname "$0")/common.sh"
. tools/chroot.sh

usage() {
	cat <<-END
	usage: tools/fresh-check.sh [make target...]

	Does what a new user does (make demo, make check; or the targets named), on a clone of the
	last commit, in a minimal Debian in which nothing else is installed. Needs root.

	Environment: SUITE (bookworm), MIRROR ($MIRROR), CHROOTS ($CHROOTS), HUGE (auto).
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
esac
targets=("$@")
[ $# -gt 0 ] || targets=(demo check)
suite=${SUITE:-bookworm}
root=$CHROOTS/fresh-$suite

chroot_check
chroot_copy "$suite" "$root"
git -c safe.directory="*" clone -q --no-hardlinks . "$root/root/fastmem"
say "$suite: fresh system with a clone of $(git rev-parse --short HEAD)"
chroot_run "$root" / apt-get update -qq
# The clone above stands for git's part; make is the other program that the README asks for.
chroot_run "$root" / env DEBIAN_FRONTEND=noninteractive \
	apt-get install -y -qq --no-install-recommends make >/dev/null 2>&1

for target in "${targets[@]}"; do
	say "$suite: make $target"
	chroot_run "$root" /root/fastmem make --no-print-directory "$target" </dev/null
done
rm -rf "$root"
say "$suite: make ${targets[*]}: all well on a fresh system"
