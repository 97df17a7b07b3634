#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

. "$(dirname "$0")/common.sh"

usage() {
	cat <<-END
	usage: tools/setup.sh [demo|test|check]

	Installs the Debian packages that are missing, by apt-get, as root or with sudo:
	  demo   to build, and to run the benchmark (the default)
	  test   and to run all tests: clang, sanitizers, fuzzing, static analysers
	  check  and a browser, if there is one to install: without it, one test is not run
	END
}

# What is looked for -> the package that brings it. Looking for the thing rather than for the
# package also accepts a DPDK or a compiler that was installed by hand.
missing_packages() {
	command -v gcc >/dev/null && echo '#include <stdlib.h>' | gcc -E - >/dev/null 2>&1 ||
		echo gcc libc6-dev
	command -v meson >/dev/null || echo meson
	command -v ninja >/dev/null || echo ninja-build
	command -v pkg-config >/dev/null || echo pkg-config
	pkg-config --exists libdpdk 2>/dev/null || echo libdpdk-dev
	pkg-config --exists libdw 2>/dev/null || echo libdw-dev
	command -v gnuplot >/dev/null || echo gnuplot-nox
	command -v python3 >/dev/null || echo python3
	[ "$1" != demo ] || return 0
	command -v make >/dev/null || echo make
	command -v addr2line >/dev/null || echo binutils
	command -v g++ >/dev/null || echo g++
	command -v clang >/dev/null || echo clang
	# clang's sanitizer and fuzzer runtimes are a package of their own since Debian 13.
	clang_runs_fuzzers || echo clang "$(clang_runtime_package)"
	command -v clang-tidy >/dev/null || echo clang-tidy
	command -v cppcheck >/dev/null || echo cppcheck
	command -v gawk >/dev/null || echo gawk
	meson runpython -c 'import elftools' 2>/dev/null || echo python3-pyelftools
	command -v llvm-symbolizer >/dev/null || echo llvm
	command -v valgrind >/dev/null && echo '#include <valgrind/memcheck.h>' | gcc -E - >/dev/null 2>&1 ||
		echo valgrind
	command -v doxygen >/dev/null || echo doxygen
	command -v sphinx-build >/dev/null || echo python3-sphinx
	command -v man >/dev/null || echo man-db
	command -v xz >/dev/null || echo xz-utils
	command -v git >/dev/null || echo git
	command -v babeltrace2 >/dev/null || echo babeltrace2
	command -v setarch >/dev/null || echo util-linux
	command -v spin >/dev/null || echo spin
	command -v abidiff >/dev/null || echo abigail-tools
	command -v dpdk-testpmd >/dev/null || echo dpdk-dev
	command -v dpdk-test >/dev/null || echo dpdk-dev
	command -v dpdk-proc-info >/dev/null || echo dpdk-dev
	[ -x /usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk ] || echo openvswitch-switch-dpdk
	gdb_runs_python || echo gdb
}

gdb_runs_python() { gdb --batch -nx -ex 'python print(1)' 2>/dev/null | grep -q 1; }

clang_runs_fuzzers() {
	command -v clang >/dev/null && [ -e "$(clang -print-file-name=libclang_rt.fuzzer-x86_64.a)" -o \
		-e "$(clang -print-resource-dir)/lib/linux/libclang_rt.fuzzer-$(uname -m).a" ]
}

clang_runtime_package() {
	local version

	version=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p')
	[ -z "$version" ] || echo "libclang-rt-$version-dev"
}

# Open vSwitch is there for tests that start their own: that of the system is not started, now.
policy=/usr/sbin/policy-rc.d
start_no_services() {
	[ ! -e $policy ] || return 0
	trap 'as_root rm -f $policy' EXIT
	printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
	as_root chmod +x $policy
}

install_missing() {
	local packages

	packages=$(missing_packages "$1" | xargs -n1 | sort -u | xargs)
	if [ -z "$packages" ]; then
		say "packages: nothing is missing"
		return
	fi
	command -v apt-get >/dev/null || die "install these yourself (no apt-get here): $packages"
	as_root apt-get update -qq
	# Once more: which runtime package there is, is known only now.
	packages=$(missing_packages "$1" | xargs -n1 | sort -u | xargs)
	say "packages: installing $packages"
	start_no_services
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		$packages </dev/null >/dev/null
}

install_browser() {
	! command -v chromium >/dev/null || return 0
	say "packages: installing chromium"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		chromium </dev/null >/dev/null || say "packages: chromium cannot be installed"
}

case "${1:-demo}" in
demo|test) install_missing "${1:-demo}" ;;
check) install_missing check; install_browser ;;
-h|--help) usage ;;
*) usage >&2; exit 2 ;;
esac
