#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Builds Debian packages of the working tree.

. "$(dirname "$0")/common.sh"

usage() {
	cat <<-END
	usage: tools/deb.sh [FOLDER]

	Builds packages for the Debian that runs, of the files that git knows of or would take (in a
	tarball, of all), as they are. They are put into FOLDER (BUILD/deb, $BUILD/deb).
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
-*) usage >&2; exit 2 ;;
esac
to=$(realpath -m "${1:-$BUILD/deb}")

command -v dpkg-buildpackage >/dev/null && dpkg-checkbuilddeps debian/control ||
	die 'packages that this needs are missing: apt-get install dpkg-dev, and apt-get build-dep ./'
rm -rf "$to"
copy_sources "$to/source"
(cd "$to/source" && dpkg-buildpackage --build=binary --no-sign) >"$to/log" 2>&1 ||
	{ tail -40 "$to/log"; die "packages cannot be built: $to/log"; }
rm -rf "$to/source"
ls "$to"/*.deb
