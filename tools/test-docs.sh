#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Tests that the documentation is complete and leads somewhere.

. "$(dirname "$0")/common.sh"
suite=docs
. tools/promise.sh

case "${1:-}" in
-h|--help) echo 'usage: tools/test-docs.sh'; exit ;;
esac

doxygen_is_content() {
	(cat doc/api/Doxyfile; echo "OUTPUT_DIRECTORY = $scratch/doc") | doxygen - >"$scratch/doxygen" 2>&1
	cat "$scratch/doxygen"
	! grep -qi warning "$scratch/doxygen" && [ -s "$scratch/doc/api/index.html" ]
}

readme_links_lead_somewhere() {
	local target links=0

	while read -r target; do
		links=$((links + 1))
		[ -e "$target" ] || { echo "README.md: no $target"; return 1; }
	done < <(grep -oE '\]\([^)#:]+\)' README.md | tr -d '()]')
	[ $links -gt 0 ]
}

# Names that are declared experimental in the header, in any order.
declared() {
	sed -n '/^__rte_experimental/,/(/p' lib/fastmem/rte_fastmem.h lib/fastmem/rte_fastmem_pool.h \
			lib/fastmem_debug/rte_fastmem_debug.h |
		grep -oE '\brte_fastmem_[a-z0-9_]+\(' | tr -d '(' | sort -u
}

exported() { sed -n 's/^\t\(rte_[a-z0-9_]*\);.*/\1/p' lib/fastmem/version.map | sort -u; }

# Names that are defined in the header.
inlined() {
	sed -n '/^static inline/,/(/p' lib/fastmem/rte_fastmem_pool.h |
		grep -oE '^rte_fastmem_[a-z0-9_]+\(' | tr -d '(' | sort -u
}

every_function_is_exported() {
	local missing

	[ -n "$(declared)" ] || { echo "found no function in the header"; return 1; }
	missing=$(comm -23 <(declared) <(exported))
	[ -z "$missing" ] || { echo "not in version.map: $missing"; return 1; }
}

guide_names_only_what_there_is() {
	local name names

	names=$(exported; inlined)
	for name in $(grep -ohE '\brte_fastmem_[a-z0-9_]+\(' doc/guides/prog_guide/*.rst README.md |
			tr -d '(' | sort -u); do
		grep -qx "$name" <<<"$names" || { echo "no function $name"; return 1; }
	done
}

promise 'doxygen builds the API documentation without a warning' doxygen_is_content
promise "the README's links lead somewhere" readme_links_lead_somewhere
promise 'every function of the header is exported' every_function_is_exported
promise 'the guide and the README name only functions that there are' guide_names_only_what_there_is
promises_end
