#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

. "$(dirname "$0")/common.sh"
. tools/dpdk-tree.sh

usage() {
	cat <<-END
	usage: tools/check-dpdk-tree.sh [DPDK_TREE [case...]]

	Puts lib/fastmem, lib/fastmem_debug, lib/fastmem_replace and the mempool driver into a copy of
	DPDK's source tree, has the tree's own devtools look at what was added, and builds it there.
	Without a folder, DPDK_TREE of the environment is taken, or Debian's newest source package is
	fetched.

	Cases: forbidden_tokens, tags, spdx, meson_style, and the builds gcc_shared, gcc_static, gcc_debug,
	clang_shared, clang_static, trace_fp, no_iova_as_pa, core_only; series, which has "make series" make patches, and "git am"
	apply them; and tests, which builds dpdk-test with the suites of fastmem, runs these, and its own of
	mempools and mbufs with the mempool driver. All, unless some are named.

	To bound the time, of DPDK is built what fastmem and its driver need, with -Dwerror=true and with
	the check that each header compiles alone, in C and in C++: no other drivers, and only for tests an
	application. core_only is without the optional libraries of DPDK.
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
esac
suite=dpdk_tree
. tools/promise.sh
# cases: *

source=${1:-${DPDK_TREE:-}}
[ $# -le 1 ] || FASTMEM_TEST_ONLY=$(printf '%s\n' "${@:2}")
for tool in gawk meson ninja git; do
	command -v $tool >/dev/null || die "no $tool: tools/setup.sh test installs it"
done
# By it, the build reads what a driver says of itself. With the Python that meson has.
meson runpython -c 'import elftools' 2>/dev/null || die "no python3-pyelftools: tools/setup.sh test installs it"
tree=$scratch/dpdk
if [ -n "$source" ]; then
	[ -f "$source/lib/meson.build" ] || die "$source is no DPDK source tree"
	mkdir "$tree"
	tar -c -C "$source" --exclude=./.git --exclude=./build --exclude='./build-*' . | tar -x -C "$tree"
else
	say "getting the source of DPDK"
	tree_fetch "$scratch/apt"
	mv "$scratch/apt/dpdk" "$tree"
fi
say "DPDK $(cat "$tree/VERSION")"
tree_commit "$tree"

# But for the compatibility headers, which define what older releases of DPDK lack.
tree_git "$tree" format-patch -1 --stdout -- . ':!lib/fastmem/rte_fastmem_compat.h' \
	':!lib/fastmem/fastmem_compat.h' >"$scratch/patch"

# gawk is what these scripts are written for.
mkdir "$scratch/bin"
ln -s "$(command -v gawk)" "$scratch/bin/awk"

# A function of the tree's checkpatches.sh over the patch: of_checkpatches NAME.
of_checkpatches() {
	sed -n "/^$1()/,/^}/p" "$tree/devtools/checkpatches.sh" >"$scratch/$1"
	# shellcheck disable=SC2016 # expanded by the inner shell
	(cd "$tree" && PATH=$scratch/bin:$PATH bash -c '. "$1"; "$2" "$3"' devtools/checkpatches.sh \
		"$scratch/$1" "$1" "$scratch/patch")
}

# What later trees forbid, too, for a tree that does not yet: forbid FOLDERS EXPRESSION...
forbid() {
	gawk -v FOLDERS="$1" -v EXPRESSIONS="${*:2}" -v RET_ON_FAIL=1 -v MESSAGE="Using one of: ${*:2}" \
		-f "$tree/devtools/check-forbidden-tokens.awk" "$scratch/patch"
}

forbidden_tokens() {
	local ret=0

	of_checkpatches check_forbidden_additions || ret=1
	forbid 'lib drivers app examples' '__attribute__' '__builtin_' '\\<_Pragma\\>' '#pragma' \
		'__atomic_.*\\(' '__ATOMIC_[A-Z]' '__rte_packed\\>' '__rte_weak\\>' '%ll*[xud]' || ret=1
	forbid 'lib' '\\<RTE_LOG\\(' || ret=1
	forbid 'drivers' '\\<RTE_LOG\\(' '\\<RTE_LOG_DP\\(' '\\<rte_log\\(' || ret=1
	forbid 'lib drivers' '\\<rte_panic\\(' '\\<rte_exit\\(' '\\<printf\\(' \
		'\\<fprintf\\(std(out|err),' || ret=1
	return $ret
}

tags() { of_checkpatches check_experimental_tags && of_checkpatches check_internal_tags; }
spdx() { (cd "$tree" && devtools/check-spdx-tag.sh) | tee "$scratch/spdx"; ! grep -i fastmem "$scratch/spdx"; }
meson_style() {
	local f
	for f in lib/fastmem lib/fastmem_debug lib/fastmem_replace drivers/mempool/fastmem; do
		(cd "$tree" && devtools/check-meson.py -d "$f" | tee "$scratch/style" && [ ! -s "$scratch/style" ]) ||
			return 1
	done
}

# build NAME COMPILER [meson option...]
build() {
	local dir=$tree/build-$1 targets
	CC=$2 meson setup "$dir" "$tree" -Dwerror=true -Dcheck_includes=true -Dtests=false \
		-Denable_drivers=bus/vdev,mempool/ring,mempool/fastmem -Ddisable_apps='*' "${@:3}" >"$dir.log" 2>&1 ||
		{ tail -30 "$dir.log"; return 1; }
	targets=$(ninja -C "$dir" -t targets all | sed -n 's/: .*//p' |
		grep -E "librte_(mempool_)?fastmem(_debug|_replace)?\.(a|so[0-9.]*)$|chkincs.*fastmem.*\.o$")
	[[ "$targets" == *librte_fastmem_debug.* && "$targets" == *librte_fastmem_replace.* &&
		"$targets" == *librte_mempool_fastmem.* ]] ||
		{ echo "the build has no fastmem, or a part of it only: $targets"; return 1; }
	# shellcheck disable=SC2086 # a list
	ninja -C "$dir" -k 0 $targets >"$dir.log" 2>&1 || { grep -A6 -E 'FAILED|error:' "$dir.log" | head -60; return 1; }
}

# dpdk-test as dpdk_test SUITE [option...]: with the driver in it, on ordinary pages
dpdk_test() {
	DPDK_TEST=$1 timeout 600 "$tree/build-tests/app/test/dpdk-test" --no-huge -m 1024 --no-pci -l 0-1 \
		--file-prefix="fastmem-tree-$$" "${@:2}" </dev/null
}

build_tests() {
	meson setup "$tree/build-tests" "$tree" -Ddefault_library=static -Dwerror=true \
		-Denable_drivers=bus/*,mempool/ring,mempool/stack,mempool/fastmem,net/ring,net/null,event/skeleton,crypto/scheduler,crypto/null,net/bonding \
		-Ddisable_apps='dumpcap,graph,pdump,proc-info,test-*' >"$tree/build-tests.log" 2>&1 ||
		{ tail -30 "$tree/build-tests.log"; return 1; }
	ninja -C "$tree/build-tests" app/test/dpdk-test >"$tree/build-tests.log" 2>&1 ||
		{ grep -A6 -E 'FAILED|error:' "$tree/build-tests.log" | head -60; return 1; }
}

tests() {
	local test

	if ! tree_has_tests "$tree"; then
		left_out tests "how DPDK $(cat "$tree/VERSION") lists its tests is not known here"
		return
	fi
	step tests_build build_tests
	[ -x "$tree/build-tests/app/test/dpdk-test" ] || return 0
	for test in $(tree_tests); do
		promise "$test" dpdk_test "$test"
	done
	for test in mempool_autotest mbuf_autotest; do
		promise "${test}_with_the_driver" dpdk_test $test --mbuf-pool-ops-name=fastmem
	done
}

promise forbidden_tokens forbidden_tokens
promise tags tags
promise spdx spdx
promise meson_style meson_style
promise gcc_shared build gcc_shared gcc -Ddefault_library=shared
promise gcc_static build gcc_static gcc -Ddefault_library=static
promise gcc_debug build gcc_debug gcc -Dbuildtype=debug
promise clang_shared build clang_shared clang -Ddefault_library=shared
promise clang_static build clang_static clang -Ddefault_library=static -Dbuildtype=debugoptimized
promise trace_fp build trace_fp gcc -Denable_trace_fp=true
promise no_iova_as_pa build no_iova_as_pa gcc -Denable_iova_as_pa=false
# By the patches, the tree is what it is here.
series() {
	git -C "$tree" worktree add -q --detach "$scratch/base" HEAD~1
	git -C "$tree" worktree add -q --detach "$scratch/applied" HEAD~1
	BUILD=$scratch/patches tools/series.sh "$scratch/base" || return
	tree_git "$scratch/applied" am -q "$scratch"/patches/series/000[1-9]-* "$scratch"/patches/series/00[1-9]?-* || return
	git -C "$tree" diff --stat --exit-code "$(git -C "$scratch/applied" rev-parse HEAD)" HEAD
}

promise core_only build core_only gcc -Ddisable_libs='*'
promise series series
if [ $# -le 1 ] || [[ " ${*:2} " == *" tests "* ]]; then
	FASTMEM_TEST_ONLY='' tests
fi
promises_end
