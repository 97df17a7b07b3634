#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Tests what a user gets: install into a prefix, build the examples against it in each way, run them,
# uninstall.

usage() {
	cat <<-END
	usage: tools/test-install.sh BUILD_DIR [option of with-eal.sh...]

	Installs from BUILD_DIR into a scratch folder (BUILD_DIR must have been configured with
	--prefix /usr/local), tests what is there, and uninstalls.
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
''|-*) usage >&2; exit 2 ;;
esac
build=$(realpath "$1")
shift
. "$(dirname "$0")/common.sh"
suite=install
. tools/promise.sh
top=$PWD
eal=("$@")

prefix=$scratch/root/usr/local

pc() { PKG_CONFIG_PATH=$scratch/pc pkg-config "$@"; }

# The installed .pc files name /usr/local: copies name the scratch folder.
relocate_pc() {
	local name

	mkdir -p "$scratch/pc"
	for name in librte_fastmem librte_fastmem_debug librte_fastmem_replace; do
		sed "s|^prefix=.*|prefix=$prefix|" "$(find "$prefix" -name $name.pc)" >"$scratch/pc/$name.pc"
	done
}

installs() { DESTDIR=$scratch/root meson install -C "$build" --no-rebuild; }

has_files() {
	local f

	for f in include/rte_fastmem.h include/rte_fastmem_replace.h bin/dpdk-fastmem-perf bin/dpdk-fastmem-record \
		bin/fastmem-map bin/fastmem-run bin/fastmem-top \
		share/man/man1/fastmem-run.1 share/bash-completion/completions/fastmem-run \
		share/dpdk/telemetry-endpoints/fastmem.py share/fastmem/fastmem-dashboard.json; do
		[ -e "$prefix/$f" ] || { echo "not installed: $f"; return 1; }
	done
	for f in librte_fastmem.so librte_fastmem.a librte_fastmem.pc librte_fastmem_debug.so \
		librte_fastmem_debug.a librte_fastmem_debug.pc librte_fastmem_replace.so \
		librte_fastmem_replace.a librte_fastmem_replace.pc librte_fastmem_malloc.so; do
		[ -n "$(find "$prefix" -name $f)" ] || { echo "not installed: $f"; return 1; }
	done
}

requires_dpdk() { pc --print-requires librte_fastmem | grep -q '^libdpdk'; }

# gdb takes a script for a library from a folder with the library's own path below it.
gdb_loads_script() {
	local dir=$scratch/auto-load lib

	lib=$(realpath "$(find "$prefix" -name librte_fastmem.so)")
	mkdir -p "$dir$(dirname "$(dirname "$prefix")")"
	ln -s "$scratch/root/usr/share/gdb/auto-load/usr" "$dir$(dirname "$prefix")"
	gdb --batch -nx -iex "add-auto-load-scripts-directory $dir" -iex "add-auto-load-safe-path $dir" \
		-iex "add-auto-load-safe-path $scratch" "$lib" -ex 'fastmem stats' >"$scratch/gdb" 2>&1 || true
	cat "$scratch/gdb"
	grep -q 'fastmem: no process' "$scratch/gdb"
}

gdb_sources_script() {
	gdb --batch -nx -ex "source $prefix/share/fastmem/fastmem-gdb.py" -ex 'help fastmem' \
		>"$scratch/gdb" 2>&1
	cat "$scratch/gdb"
	grep -q '^fastmem leaks' "$scratch/gdb"
}

# It asks gdb, which says that this is no core file.
map_finds_script() {
	"$prefix/bin/fastmem-map" --core "$prefix/bin/fastmem-map" --program /bin/sh >"$scratch/gdb" 2>&1 || true
	cat "$scratch/gdb"
	grep -q 'no process' "$scratch/gdb"
}

exports_only_rte() {
	local strange

	nm -D --defined-only "$(find "$prefix" -name "$1")" >"$scratch/symbols"
	# The names of versions are among them, a function of EAL (see process_eal_cleanup.c), and what
	# the other libraries call.
	strange=$(awk '$3 !~ /^rte_fastmem_/ && $3 !~ /^(EXPERIMENTAL|INTERNAL|DPDK_[0-9.]+)(@|$)/ &&
		$3 !~ /^rte_eal_cleanup@/ && $3 !~ /^fastmem_[a-z_]*@@INTERNAL$/ { print $3 }' "$scratch/symbols")
	[ -s "$scratch/symbols" ] && [ -z "$strange" ] || { echo "exported: $strange"; return 1; }
}

# It finds the fastmem that was installed with it, wherever that is.
preloads_with_its_fastmem() {
	LD_PRELOAD=$(find "$prefix" -name librte_fastmem_malloc.so) sh -c 'cat /proc/$$/maps' >"$scratch/maps"
	grep -F "$(libdir)/librte_fastmem.so" "$scratch/maps" &&
		grep -F "$(libdir)/librte_fastmem_replace.so" "$scratch/maps" &&
		grep -F "$(libdir)/librte_fastmem_malloc.so" "$scratch/maps"
}

# driver_finds_its_fastmem FOLDER: as a plug-in there, or by the link to it.
driver_finds_its_fastmem() {
	env -u LD_LIBRARY_PATH ldd "$1/librte_mempool_fastmem.so" | tee "$scratch/ldd" | grep 'librte_fastmem.so' || true
	[ "$(realpath "$(sed -n 's/.*librte_fastmem\.so[^ ]* => \([^ ]*\) .*/\1/p' "$scratch/ldd")")" = \
		"$(realpath "$(libdir)/librte_fastmem.so")" ]
}

# The program that starts others with it finds it there, too.
runs_with_its_fastmem() {
	"$prefix/bin/fastmem-run" --force sh -c 'cat /proc/$$/maps' >"$scratch/maps"
	grep -F "$(libdir)/librte_fastmem_malloc.so" "$scratch/maps"
}

# finds_overrun OPTION...: of the linker. What checks is loaded, or linked.
finds_overrun() {
	gcc -O2 -DALLOW_EXPERIMENTAL_API $(pc --cflags librte_fastmem) \
		"$top/app/test/debug/test_debug_library_program.c" -o "$scratch/wrong" -L"$(libdir)" "$@" || return 1
	RTE_FASTMEM_DEBUG=full,on-error=continue LD_LIBRARY_PATH=$(libdir) \
		"$top/tools/with-eal.sh" "${eal[@]}" "$scratch/wrong" >"$scratch/out" 2>&1 ||
		{ cat "$scratch/out"; return 1; }
	cat "$scratch/out"
	grep -q 'write behind an object of 100 bytes' "$scratch/out"
}

# As the guide says it.
static_with_checking() {
	pc --libs librte_fastmem_debug | sed 's/-l\(rte_fastmem[a-z_]*\)/-l:lib\1.a/g'
	echo -ldw -pthread
}

copy_example() { rm -rf "$scratch/$1" && cp -r "$top/examples/$1" "$scratch/$1"; }

libdir() { dirname "$(find "$prefix" -name librte_fastmem.so)"; }

says_hello() {
	LD_LIBRARY_PATH=$(libdir) "$top/tools/with-eal.sh" "${eal[@]}" "$1" -- one two \
		>"$scratch/out" || { cat "$scratch/out"; return 1; }
	cat "$scratch/out"
	grep -q 'hello from fastmem' "$scratch/out" && grep -q '^two (3 bytes)$' "$scratch/out" &&
		grep -q '^without them: 0 bytes in use' "$scratch/out"
}

# What the example has for a test: its name is that of its folder.
passes_its_test() {
	LD_LIBRARY_PATH=$(libdir) "$scratch/$name/test_$name.sh" "$1" "$top/tools/with-eal.sh" "${eal[@]}"
}

# links_shared EXAMPLE COMMAND...: the command is given the program, and tells whether it works.
links_shared() {
	local name=$1

	copy_example "$name"
	PKG_CONFIG_PATH=$scratch/pc make -C "$scratch/$name" "$name" CFLAGS="-O2 -Wall -Wextra -Werror"
	ldd "$scratch/$name/$name" | grep librte_fastmem.so && "$2" "$scratch/$name/$name"
}

links_static() {
	local name=$1

	copy_example "$name"
	PKG_CONFIG_PATH=$scratch/pc make -C "$scratch/$name" static CFLAGS="-O2 -Wall -Wextra -Werror"
	! ldd "$scratch/$name/$name-static" | grep librte_fastmem.so &&
		"$2" "$scratch/$name/$name-static"
}

# Nothing in the program refers to what registers itself with DPDK's telemetry.
watches_static() {
	local name=hello

	links_static hello says_hello && nm "$scratch/hello/hello-static" | grep -w fastmem_telemetry
}

builds_with_meson() {
	local name=$1

	copy_example "$name"
	PKG_CONFIG_PATH=$scratch/pc meson setup --werror "$scratch/$name/build" "$scratch/$name" &&
		ninja -C "$scratch/$name/build" && "$2" "$scratch/$name/build/$name"
}

# replaces_names OPTION...: of the linker. A program that knows nothing of fastmem, by the command line only.
replaces_names() {
	printf '#include <rte_mempool.h>\n#include <rte_malloc.h>\nint main(void) { rte_free(rte_malloc("t", 1, 0)); rte_mempool_free(rte_mempool_lookup("m")); return 0; }\n' |
		gcc -x c -O2 -Wall -Wextra -Werror -DALLOW_EXPERIMENTAL_API -DRTE_FASTMEM_REPLACE_MEMPOOL \
		-DRTE_FASTMEM_REPLACE_MALLOC $(pc --cflags librte_fastmem_replace) -include rte_fastmem_replace.h - \
		-o "$scratch/replaced" -L"$(libdir)" "$@" &&
		nm "$scratch/replaced" | grep ' [UT] rte_fastmem_replace_mempool_lookup'
}

replaces_names_shared() {
	replaces_names $(pc --libs librte_fastmem_replace) &&
		readelf -d "$scratch/replaced" | grep 'NEEDED.*librte_fastmem_replace' &&
		! nm -D --undefined-only "$scratch/replaced" | grep -w rte_malloc
}

# As README.md says it.
replaces_names_static() {
	replaces_names $(pc --libs librte_fastmem_replace | sed 's/-l\(rte_fastmem[a-z_]*\)/-l:lib\1.a/g') -pthread &&
		! readelf -d "$scratch/replaced" | grep 'NEEDED.*librte_fastmem'
}

compiles_alone() {
	local compiler=$1 std=$2 language=$3

	printf '#include <rte_fastmem.h>\nint main(void) { rte_fastmem_free(rte_fastmem_alloc(1, 0, 0)); return 0; }\n' |
		$compiler -std="$std" -x "$language" -Wall -Wextra -Werror -O2 -DALLOW_EXPERIMENTAL_API \
		$(pc --cflags librte_fastmem) -c - -o "$scratch/alone.o"
}

says_experimental() {
	! printf '#include <rte_fastmem.h>\nint main(void) { rte_fastmem_free(NULL); return 0; }\n' |
		gcc -x c -Wall -Werror $(pc --cflags librte_fastmem) -c - -o "$scratch/alone.o" &&
		[ ! -e "$scratch/alone.o" ]
}

uninstalls() {
	DESTDIR=$scratch/root ninja -C "$build" uninstall
	[ -z "$(find "$scratch/root" -type f -o -type l)" ] || { find "$scratch/root" -type f -o -type l; return 1; }
}

step 'installs' installs
promise 'header, libraries, pkg-config file and tools are installed' has_files
relocate_pc
promise 'the pkg-config file requires libdpdk' requires_dpdk
promise 'the shared library exports only names of rte_fastmem, and rte_eal_cleanup' exports_only_rte librte_fastmem.so
promise 'that of drop-in names exports only names of rte_fastmem' exports_only_rte librte_fastmem_replace.so
promise 'the library to be preloaded comes with its fastmem' preloads_with_its_fastmem
promise 'the driver finds the fastmem that was installed with it' \
	driver_finds_its_fastmem "$(dirname "$(find "$prefix" -path '*/dpdk/*' -name librte_mempool_fastmem.so)")"
promise 'the driver finds it also by its link' driver_finds_its_fastmem "$(libdir)"
promise 'fastmem-run finds the library to be preloaded' runs_with_its_fastmem
promise 'gdb loads its script with the library' gdb_loads_script
promise 'gdb loads its script by name' gdb_sources_script
promise 'fastmem-map finds the script for gdb' map_finds_script
promise 'the header compiles alone as C11 (gcc)' compiles_alone gcc gnu11 c
promise 'the header compiles alone as C17 (gcc)' compiles_alone gcc gnu17 c
promise 'the header compiles alone as C++17 (g++)' compiles_alone g++ gnu++17 c++
if command -v clang >/dev/null; then
	promise 'the header compiles alone as C11 (clang)' compiles_alone clang gnu11 c
	promise 'the header compiles alone as C++17 (clang)' compiles_alone clang++ gnu++17 c++
fi
rm -f "$scratch/alone.o"
promise 'users have to say that they know the API is experimental' says_experimental
promise 'drop-in names replace those of mempools and of rte_malloc' replaces_names_shared
promise 'a static program can contain drop-in names' replaces_names_static
promise 'the shared library loads what checks' finds_overrun $(pc --libs librte_fastmem)
promise 'a program can be linked with what checks' finds_overrun $(pc --libs librte_fastmem_debug)
promise 'a static program can contain what checks' finds_overrun $(static_with_checking)
for example in hello:says_hello conntrack:passes_its_test kvcache:passes_its_test l2fwd:passes_its_test; do
	name=${example%:*} works=${example#*:}
	promise "example $name links the shared library and runs" links_shared "$name" "$works"
	promise "example $name links the static library and runs" links_static "$name" "$works"
	promise "example $name builds with meson and runs" builds_with_meson "$name" "$works"
	[ "$name" != hello ] || promise 'a static program can be watched' watches_static
done
step 'uninstalls without leaving a file' uninstalls

promises_end
