# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Short names for what is done most. The build itself is meson's: see meson.build.

BUILD ?= build
MESON_ARGS ?=
NATIVE ?= 0
export BUILD NATIVE

.PHONY: all build demo test check test-kill test-arm64 test-deb test-numa test-upstream bench ab debian-matrix fresh \
	check-dpdk-tree series doc deb dist install uninstall clean help

all: build

help:
	@echo 'make demo             install what is missing, build, compare fastmem with other allocators'
	@echo 'make test             install what is missing, build, run each kind of test once (8 minutes at most'
	@echo '                      on two CPUs): release build by gcc, functional suites with ASan+UBSan'
	@echo 'make test T=NAME      run what NAME names: a suite, SUITE.CASE, a build: see tools/test.sh --help'
	@echo 'make check            make test, and then what repeats it in other ways (45 minutes): clang, other IO'
	@echo '                      addresses and levels of checking, all of ASan+UBSan, TSan and Valgrind, gdb step by'
	@echo '                      step; and fuzzing, static analysers, models, the benchmark, long runs, upstream'
	@echo '                      tests and programs'
	@echo 'make test-upstream    all of DPDK'"'"'s own tests, and programs, on fastmem (half an hour or more)'
	@echo 'make test-kill        kill a thousand processes that use fastmem (several minutes, huge pages)'
	@echo 'make test-numa        boot machines with two and four NUMA nodes by QEMU, and test there (half an hour)'
	@echo 'make test-arm64       cross-build for arm64 and run tests there, by QEMU (minutes)'
	@echo 'make bench            the whole benchmark: long rounds, more sizes (minutes); NATIVE=1: built for this CPU'
	@echo 'make ab               programs of DPDK with and without the rte_malloc replacement (minutes)'
	@echo 'make build            build only, into $$BUILD ($(BUILD))'
	@echo 'make doc              the manual, HTML, into $$BUILD/doc ($(BUILD)/doc): guide (sphinx), functions (doxygen)'
	@echo 'make deb              Debian packages into $$BUILD/deb ($(BUILD)/deb), for the Debian that runs'
	@echo 'make test-deb         the same installed in chroots, and tried there (needs root, and a mirror of Debian)'
	@echo 'make dist             a tarball of the last commit into $$BUILD/dist ($(BUILD)/dist), reproducible'
	@echo 'make install          install library, header and tools (DESTDIR and meson --prefix work)'
	@echo 'make uninstall        remove what "make install" installed'
	@echo 'make clean            remove $$BUILD ($(BUILD))'
	@echo 'make debian-matrix    tests and quick benchmark on the DPDK of Debian 12, 13 and unstable'
	@echo 'make fresh            "make demo" and "make check" on a clone in a minimal Debian 12'
	@echo 'tools/check-layers     who refers to whom in the library, against lib/layers (part of make test)'
	@echo 'make check-dpdk-tree  build in DPDK_TREE=folder, or in the source package of DPDK, and run its devtools'
	@echo 'make series           a branch of patches in DPDK_TREE=folder, and the patches in $$BUILD/series'
	@echo
	@echo 'Variables: BUILD=dir  MESON_ARGS="-Dasserts=true ..."  HUGE=auto|yes|no  T=NAME  MINUTES=N  AB_ARGS=--quick'

# Arguments that are given apply to a build that is there, too.
build: $(BUILD)/build.ninja
	@[ -z '$(MESON_ARGS)' ] || meson configure $(BUILD) $(MESON_ARGS)
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	meson setup $(BUILD) $(MESON_ARGS)

demo:
	@tools/demo.sh

test:
	@tools/test.sh $(T)

check:
	@tools/test.sh check

test-arm64:
	@tools/test-arm64.sh

test-numa:
	@tools/test-numa.sh

test-upstream:
	@tools/test.sh upstream_all

test-kill:
	@tools/kill-test.sh

bench:
	@tools/bench.sh

ab:
	@tools/ab.sh $(AB_ARGS)

doc:
	@tools/doc.sh

dist:
	@tools/dist.sh

deb:
	@tools/deb.sh

test-deb:
	@tools/test.sh deb

install: build
	meson install -C $(BUILD) --no-rebuild

uninstall:
	@[ -e $(BUILD)/build.ninja ] || { echo '$(BUILD) knows what was installed, and is gone' >&2; exit 1; }
	ninja -C $(BUILD) uninstall

clean:
	rm -rf $(BUILD)

debian-matrix:
	@tools/debian-matrix.sh

fresh:
	@tools/fresh-check.sh

check-dpdk-tree:
	@tools/check-dpdk-tree.sh

series:
	@tools/series.sh '$(DPDK_TREE)'
