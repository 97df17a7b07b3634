#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

. "$(dirname "$0")/common.sh"

usage() {
	cat <<-END
	usage: tools/check-dpdk-tree.sh [DPDK_SOURCE_DIR]

	Copies lib/fastmem, with its folders beside it, into a copy of DPDK's source tree, and builds it there as one of DPDK's
	own libraries. Without a source tree it gets that of Debian's package (apt-get source, for
	which apt needs a deb-src entry).
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
esac

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ $# -gt 0 ]; then
	[ -f "$1/lib/meson.build" ] || die "$1 is no DPDK source tree"
	cp -r "$1" "$scratch/dpdk"
else
	say "getting the source of DPDK"
	(cd "$scratch" && apt-get source -qq dpdk >apt.log 2>&1 || { cat apt.log; exit 1; })
	mv "$scratch"/dpdk-*/ "$scratch/dpdk"
fi
tree=$scratch/dpdk

rm -rf "$tree/lib/fastmem" "$tree/lib/fastmem_debug" "$tree/lib/fastmem_replace" "$tree/build"
cp -r lib/fastmem lib/fastmem_debug lib/fastmem_replace "$tree/lib/"
# Behind mbuf, the last of the libraries that fastmem could build on.
sed -i "0,/^ *'mbuf',/s//&\n        'fastmem',\n        'fastmem_debug',/" "$tree/lib/meson.build"
grep -q "'fastmem'" "$tree/lib/meson.build" || die "lib/meson.build of DPDK is not as expected"

say "DPDK $(cat "$tree/VERSION"): build with lib/fastmem"
meson setup "$tree/build" "$tree" --werror -Denable_drivers=none -Dtests=false -Denable_apps= \
	>"$scratch/setup.log" 2>&1 ||
	meson setup "$tree/build" "$tree" --werror -Ddisable_drivers='*' -Dtests=false \
		>"$scratch/setup.log" 2>&1 || { tail -30 "$scratch/setup.log"; exit 1; }

targets=$(ninja -C "$tree/build" -t targets all | sed -n 's/: .*//p' |
	grep -E '^lib/librte_fastmem(_debug)?\.(a|so(\.[0-9.]+)?)$')
[[ "$targets" == *librte_fastmem.so*librte_fastmem_debug.so* || "$targets" == *librte_fastmem_debug.so*librte_fastmem.so* ]] ||
	die "DPDK's build has no librte_fastmem, or no librte_fastmem_debug"
# shellcheck disable=SC2086 # a list
ninja -C "$tree/build" $targets >"$scratch/build.log" 2>&1 || { tail -40 "$scratch/build.log"; exit 1; }

nm -D --defined-only "$tree/build/lib/librte_fastmem.so" >"$scratch/exported"
for f in $(sed -n 's/^\t\([a-z][a-z0-9_]*\);.*/\1/p' lib/fastmem/version.map); do
	grep -qE " $f(@|$)" "$scratch/exported" || die "the shared library does not export $f"
done
say "DPDK $(cat "$tree/VERSION"): lib/fastmem builds and exports its functions"
