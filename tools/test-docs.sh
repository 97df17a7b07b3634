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

manual_builds() { BUILD=$scratch/none tools/doc.sh "$scratch/doc" && [ -s "$scratch/doc/guide/index.html" ]; }

# A page without the place that another one names.
a_dead_link_is_found() {
	mkdir -p "$scratch/dead"
	echo '<a href="other.html#here">x</a><a href="none.html">x</a>' >"$scratch/dead/page.html"
	echo '<p id="there">x</p>' >"$scratch/dead/other.html"
	! tools/check-links "$scratch/dead" >"$scratch/out" 2>&1 && cat "$scratch/out" &&
		grep 'no place other.html#here' "$scratch/out" && grep 'no none.html' "$scratch/out" &&
		grep '2 pages, 2 links within them, 2 lead nowhere' "$scratch/out"
}

# Whoever makes it, wherever, under whatever configuration.
tarballs_are_the_same() {
	git rev-parse -q --verify HEAD || { echo 'no clone'; return 1; }
	tools/dist.sh "$scratch/one" && git clone -q . "$scratch/clone" &&
		git -C "$scratch/clone" config tar.umask 0077 &&
		(cd "$scratch/clone" && umask 077 && TZ=Asia/Tokyo LC_ALL=C tools/dist.sh "$scratch/two") &&
		cmp "$scratch"/one/*.tar.xz "$scratch"/two/*.tar.xz &&
		tar -tf "$(echo "$scratch"/one/*.tar.xz)" | grep -E '^fastmem-[0-9.]+/meson.build$'
}

# Each command that is installed: a manual page that names all options of --help, and no others.
commands_have_manual_pages() {
	local tool page option wrong=0

	for tool in usertools/* app/test-fastmem-perf/dpdk-* app/test-fastmem-perf/recorder/dpdk-*; do
		[ -x "$tool" ] && [ -f "$tool" ] || continue
		page=doc/man/$(basename "$tool").1
		[ -e "$page" ] || { echo "no $page"; wrong=1; continue; }
		"$tool" --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]+' | sort -u >"$scratch/options"
		[ -s "$scratch/options" ] || { echo "$tool --help has no options"; wrong=1; }
		sed 's/\\-/-/g' "$page" | grep -oE -- '--[a-z][a-z-]+' | sort -u >"$scratch/documented"
		while read -r option; do
			echo "$page does not name $option"
			wrong=1
		done < <(comm -23 "$scratch/options" "$scratch/documented")
	done
	return $wrong
}

# As meson.build has it.
commands_say_their_version() {
	local tool version wrong=0

	version=$(sed -n "s/^ *version: '\([0-9]*\.[0-9]*\)\..*/\1/p" meson.build)
	[ -n "$version" ] || { echo 'no version in meson.build'; return 1; }
	for tool in usertools/* app/test-fastmem-perf/dpdk-* app/test-fastmem-perf/recorder/dpdk-*; do
		[ -x "$tool" ] && [ -f "$tool" ] || continue
		[ "$("$tool" --version)" = "$(basename "$tool") $version" ] || { echo "$tool --version"; wrong=1; }
	done
	return $wrong
}

manual_pages_are_well_formed() {
	local page wrong=0

	for page in doc/man/*.1; do
		LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -l "$page" 2>&1 >/dev/null | tee "$scratch/man"
		[ ! -s "$scratch/man" ] || wrong=1
	done
	return $wrong
}

# completes COMMAND WORD...: what bash would offer for the last word is written to the scratch folder.
completes() {
	bash -c '
		. usertools/completion.bash
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
		_fastmem_tool "$1" "${@: -1}"
		printf "%s\n" "${COMPREPLY[@]}"
	' completes "$@" >"$scratch/offered"
	cat "$scratch/offered"
}

bash_completes_options() {
	PATH=$PWD/usertools:$PATH
	completes fastmem-run --re && grep -qx -- '--report' "$scratch/offered" &&
		completes fastmem-run --check= && grep -qx 'full' "$scratch/offered" &&
		completes fastmem-run --report dpdk-te && completes fastmem-top --view '' &&
		grep -qx pools "$scratch/offered" && completes fastmem-top --fi &&
		grep -qx -- '--file-prefix' "$scratch/offered"
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

exported() { sed -n 's/^RTE_EXPORT_EXPERIMENTAL_SYMBOL(\(rte_[a-z0-9_]*\),.*/\1/p' lib/*/*.c lib/*/*/*.c | sort -u; }

# Names that are defined in the header.
inlined() {
	sed -n '/^static inline/,/(/p' lib/fastmem/rte_fastmem_pool.h |
		grep -oE '^rte_fastmem_[a-z0-9_]+\(' | tr -d '(' | sort -u
}

every_function_is_exported() {
	local missing

	[ -n "$(declared)" ] || { echo "found no function in the header"; return 1; }
	missing=$(comm -23 <(declared) <(exported))
	[ -z "$missing" ] || { echo "without RTE_EXPORT_EXPERIMENTAL_SYMBOL: $missing"; return 1; }
}

guide_names_only_what_there_is() {
	local name names

	names=$(exported; inlined)
	for name in $(grep -ohE '\brte_fastmem_[a-z0-9_]+\(' doc/guides/prog_guide/*.rst README.md |
			tr -d '(' | sort -u); do
		grep -qx "$name" <<<"$names" || { echo "no function $name"; return 1; }
	done
}

promise 'the manual builds without a warning and without a dead link' manual_builds
promise 'a dead link is found' a_dead_link_is_found
promise 'two tarballs of a commit are the same bytes' tarballs_are_the_same
promise 'commands have manual pages with all options' commands_have_manual_pages
promise 'commands say their version' commands_say_their_version
promise 'manual pages are well formed' manual_pages_are_well_formed
promise 'bash completes options' bash_completes_options
promise "the README's links lead somewhere" readme_links_lead_somewhere
promise 'every function of the header is exported' every_function_is_exported
promise 'the guide and the README name only functions that there are' guide_names_only_what_there_is
promises_end
