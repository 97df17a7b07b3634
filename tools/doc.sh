#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Builds the manual.

. "$(dirname "$0")/common.sh"

usage() {
	cat <<-END
	usage: tools/doc.sh [FOLDER]

	Builds into FOLDER (BUILD/doc, $BUILD/doc): guide/index.html, the guide; api/index.html, the contract
	of each function; layers.svg, who may call whom in the library (if BUILD was built). A warning, or a
	link within it that leads nowhere, is an error.
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
-*) usage >&2; exit 2 ;;
esac
to=$(realpath -m "${1:-$BUILD/doc}")

# Debian's, which has the modules beside it, whatever Python comes first.
sphinx=$(command -v sphinx-build) || die 'no sphinx-build: apt-get install python3-sphinx'
command -v doxygen >/dev/null || die 'no doxygen: apt-get install doxygen'

mkdir -p "$to"
# The lists of all files' names by their letters are left out: doxygen 1.17 has links to letters there that are not.
doxygen -l "$to/layout.xml" >/dev/null
sed -i '/type="globals"/s/visible="yes"/visible="no"/' "$to/layout.xml"
(cat doc/api/Doxyfile; echo "OUTPUT_DIRECTORY = $to"; echo "LAYOUT_FILE = $to/layout.xml") | doxygen -
rm -f "$to/layout.xml" "$to"/api/globals*.html
find "$to/api" -name doxygen_crawl.html -exec sed -i '/"globals/d' {} +
"$sphinx" -q -W --keep-going -b html -d "$to/.doctrees" doc/guides "$to/guide"
rm -rf "$to/.doctrees"
[ ! -e "$BUILD/build.ninja" ] || tools/check-layers --build "$BUILD" --svg "$to/layers.svg" >/dev/null
tools/check-links "$to"
