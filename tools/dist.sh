#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Makes a tarball of the sources: the same bytes from the same commit, whoever makes it.

. "$(dirname "$0")/common.sh"

usage() {
	cat <<-END
	usage: tools/dist.sh [FOLDER]

	Writes fastmem-VERSION.tar.xz and its SHA256 into FOLDER (BUILD/dist, $BUILD/dist), of what was last
	committed. Its files have the time of the commit.
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
-*) usage >&2; exit 2 ;;
esac
to=$(realpath -m "${1:-$BUILD/dist}")

version=$(sed -n "s/^ *version: '\([0-9.]*\)',/\1/p" meson.build)
[ -n "$version" ] || die 'meson.build has no version'
git rev-parse -q --verify HEAD >/dev/null || die 'this is no clone: a tarball is made of a commit'
[ -z "$(git status --porcelain)" ] || say 'what is not committed is left out'
mkdir -p "$to"
cd "$to"
# The user's configuration of git has no say; one thread, as the number of them shows in the file.
git -C "$OLDPWD" -c tar.umask=0022 -c core.autocrlf=false archive --format=tar --prefix="fastmem-$version/" HEAD |
	xz -6 --threads=1 >"fastmem-$version.tar.xz"
sha256sum "fastmem-$version.tar.xz" | tee "fastmem-$version.tar.xz.sha256"
