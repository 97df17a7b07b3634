#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Runs what depends on NUMA sockets on machines that have several of them, which QEMU makes up.

. "$(dirname "$0")/common.sh"

usage() {
	cat <<-END
	usage: tools/test-numa.sh [MACHINE...]

	Boots machines by QEMU, with the test program and what it needs as their root file system:
	  two    two nodes with two CPUs and huge pages each
	  four   node 0 with two CPUs; node 1, whose CPU is offline, so that EAL takes it for no socket and
	         their numbers have a gap; node 2 with one CPU; node 3 with one, and no huge pages
	  big    one node with two CPUs, and huge pages of 1 GiB
	All unless one is named. On two and four run the suites that name a socket, with the main lcore on
	the first socket and on the last; with --socket-mem, --socket-limit, and on ordinary pages; and
	programs on the rte_malloc that is replaced. On big run those in which memory comes and goes. What
	a real machine's memory costs from another socket, they do not show.

	Where QEMU or its kernel cannot be had, says so, and exits with status 77.

	Environment: KERNEL (a bzImage; default: that of Debian's linux-image-cloud-amd64), SUITES
	(instead of all), RUNS (of functional, main_on_last, socket_limit, socket_mem, physical_addresses,
	no_huge and rte_malloc, instead of all), ACCEL (kvm, where that works; default: QEMU translates), PATIENCE (seconds
	that a machine may take: 1800), BUILD ($BUILD). What a machine has printed is kept in
	BUILD/numa/MACHINE.log.
	END
}

not_run() { printf 'numa: not run: %s\n' "$*"; exit 77; }

case "${1:-}" in
-h|--help) usage; exit ;;
-*) usage >&2; exit 2 ;;
esac
machines=("$@")
[ $# -gt 0 ] || machines=(two four big)
for machine in "${machines[@]}"; do
	case "$machine" in
	two|four|big) ;;
	*) die "no machine '$machine': two, four, big" ;;
	esac
done

suites=${SUITES:-numa sockets limits memory growth bulk stats idle handles contents errors pool
	pool_growth mempool mempool_memory}
suites=${suites//$'\n'/ }
folder=$BUILD/numa
root=$folder/root
mkdir -p "$folder"

[ "$(uname -m)" = x86_64 ] || not_run "the machines are x86-64, and this is $(uname -m)"

install_missing() {
	local packages=()

	command -v qemu-system-x86_64 >/dev/null || packages+=(qemu-system-x86)
	command -v busybox >/dev/null && ! ldd "$(command -v busybox)" >/dev/null 2>&1 ||
		packages+=(busybox-static)
	command -v cpio >/dev/null || packages+=(cpio)
	[ ${#packages[@]} = 0 ] || install_or_not_run "${packages[@]}"
}

# Only the file is of use: no package of a kernel is installed.
get_kernel() {
	local package

	mkdir -p "$folder/kernel"
	KERNEL=${KERNEL:-$(find "$folder/kernel" -name 'vmlinuz-*' | sort -V | tail -1)}
	[ -z "$KERNEL" ] || return 0
	package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/.*Depends: //p')
	[ -n "$package" ] || not_run "apt knows no linux-image-cloud-amd64; KERNEL=file names another"
	say "kernel: getting $package"
	(cd "$folder" && apt-get download -qq "$package" >apt.log 2>&1) ||
		{ cat "$folder/apt.log"; not_run "cannot get $package"; }
	dpkg-deb -x "$folder/$package"_*.deb "$folder/kernel"
	rm -f "$folder/$package"_*.deb
	KERNEL=$(find "$folder/kernel" -name 'vmlinuz-*')
}

# copy_program FILE: with the libraries that it needs.
copy_program() {
	local library

	strip -g "$1" -o "$root/bin/$(basename "$1")"
	for library in $(ldd "$1" | grep -o '/[^ ]*'); do
		mkdir -p "$root$(dirname "$library")"
		cp -Lu "$library" "$root$library"
	done
}

make_root() {
	local program

	rm -rf "$root"
	mkdir -p "$root"/{bin,proc,sys,dev,tmp,run,var}
	ln -s ../run "$root/var/run"
	cp "$(command -v busybox)" "$root/bin/"
	for program in app/test/dpdk-fastmem-test app/test/test-preload \
			lib/fastmem_malloc/librte_fastmem_malloc.so librte_fastmem.so.26 \
			librte_fastmem_replace.so.26; do
		copy_program "$BUILD/$program"
	done
	# The driver of mempools that EAL begins each of them with.
	for program in "$(pkg-config --variable=libdir libdpdk)"/dpdk/pmds-*/librte_mempool_ring.so; do
		mkdir -p "$root$(dirname "$program")"
		cp -L "$program" "$root$program"
	done
}

# Options of QEMU: nodes GIB CPUS..., with so much memory, for each node.
nodes() {
	local gib=$1 cpus i=0

	shift
	for cpus in "$@"; do
		echo "-object memory-backend-ram,id=m$i,size=${gib}G"
		echo "-numa node,nodeid=$i,cpus=$cpus,memdev=m$i"
		i=$((i + 1))
	done
	echo "-m $((i * gib))G -smp $((${cpus#*-} + 1))"
}

two_nodes() { nodes 1 0-1 2-3; }
four_nodes() { nodes 1 0-1 2 3 4; }
# Of 1 GiB, pages are there from the beginning, or never.
big_nodes() { nodes 6 0-1; }
big_boot='hugepagesz=1G hugepages=4'
two_boot=
four_boot=
two_page=2
four_page=2
big_page=1024
big_pages=4
two_pages='300 300'
four_pages='300 300 300 0'
two_socket_mem=64,64
four_socket_mem=64,0,64,0
big_socket_mem=
two_offline=
# Linux numbers nodes that never had a CPU last.
four_offline=2
big_offline=
two_lcores='0-3 --main-lcore'
four_lcores='0,1,3,4 --main-lcore'
big_lcores='0-1 --main-lcore'
two_last=3
four_last=4
big_last=1

# What runs there: test NAME MAIN_LCORE EAL_OPTION... -- SUITE...
two_runs() {
	cat <<-END
	test functional 0 --socket-limit=512,512,512,512 -- $suites
	test main_on_last $2 --socket-limit=512,512,512,512 -- numa sockets limits bulk stats idle
	test socket_limit 0 --socket-limit=48,48,48,48 -- numa sockets limits bulk stats
	test socket_mem 0 --socket-mem=$3 -- numa sockets limits growth
	test physical_addresses 0 --iova-mode=pa --socket-limit=512,512,512,512 -- numa mempool
	test no_huge 0 --no-huge -m 512 -- numa sockets limits memory bulk stats
	run rte_malloc env LD_PRELOAD=/bin/librte_fastmem_malloc.so LD_LIBRARY_PATH=/bin \
		RTE_FASTMEM_MALLOC_RESERVE=12M test-preload --no-pci --iova-mode=va -l $1 0 \
		--socket-limit=160,160,160,160 -- suites
	END
}
four_runs() { two_runs "$@"; }
big_runs() {
	cat <<-END
	test functional 0 -- ${SUITES:-big_pages memory limits growth zones pool_growth mempool_memory}
	test physical_addresses 0 --iova-mode=pa -- big_pages zones iova
	END
}

# What the machine does: its init.
init_of() {
	local pages=${1}_pages offline=${1}_offline lcores=${1}_lcores last=${1}_last page=${1}_page
	local socket_mem=${1}_socket_mem
	local huge=hugepages/hugepages-$((${!page} * 1024))kB

	cat <<-END
	#!/bin/busybox sh
	/bin/busybox --install -s /bin
	export PATH=/bin RTE_FASTMEM_DEBUG=off
	mount -t proc proc /proc
	mount -t sysfs sys /sys
	mount -t devtmpfs dev /dev
	mkdir -p /dev/hugepages /dev/shm
	mount -t tmpfs tmp /tmp
	mount -t tmpfs run /run
	mount -t hugetlbfs -o pagesize=${!page}M none /dev/hugepages
	ip link set lo up
	cd /tmp
	for cpu in ${!offline}; do
		echo 0 >/sys/devices/system/cpu/cpu\$cpu/online
	done
	node=0
	for pages in ${!pages}; do
		nodes=/sys/devices/system/node/node\$node
		echo \$pages >\$nodes/$huge/nr_hugepages
		echo "node \$node: CPUs \$(cat \$nodes/cpulist), huge pages of ${!page} MiB \$(cat \
			\$nodes/$huge/free_hugepages)"
		node=\$((node + 1))
	done
	run() {
		case " ${RUNS:-} " in
		"  "|*" \$1 "*) ;;
		*) return ;;
		esac
		echo "BEGIN \$1"
		shift
		"\$@"
		status=\$?
		rm -rf /dev/hugepages/* /run/dpdk
		echo "END \$status"
	}
	test() {
		name=\$1 lcore=\$2
		shift 2
		run \$name dpdk-fastmem-test --no-pci --iova-mode=va -l ${!lcores} \$lcore "\$@"
	}
	$("$1_runs" "${!lcores}" "${!last}" "${!socket_mem}")
	echo "DONE"
	poweroff -f
	END
}

passed=0
failed=0

boot() {
	local machine=$1 log=$folder/$1.log boot=${1}_boot run cases line

	init_of "$machine" >"$root/init"
	chmod +x "$root/init"
	(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$folder/$machine.cpio.gz"
	say "$machine: booting ($log)"
	# shellcheck disable=SC2046 # options
	timeout "${PATIENCE:-1800}" qemu-system-x86_64 -accel "${ACCEL:-tcg,thread=multi}" -cpu max \
		$("${machine}_nodes") -nodefaults -display none -serial "file:$log" -no-reboot \
		-kernel "$KERNEL" -initrd "$folder/$machine.cpio.gz" \
		-append "console=ttyS0 quiet panic=-1 ${!boot}" </dev/null || true
	sed -i 's/\r//' "$log"
	grep '^node [0-9]' "$log" || true
	run=boot cases=0
	while IFS= read -r line; do
		case "$line" in
		"BEGIN "*) run=${line#BEGIN } cases=0 ;;
		*.*": ok") passed=$((passed + 1)) cases=$((cases + 1)) ;;
		*.*": FAILED")
			failed=$((failed + 1))
			echo "numa.$machine.$run.$line" ;;
		*.*": skipped: "*) echo "numa.$machine.$run.$line" ;;
		"END "*)
			# Of cases that fail each was told; of a program that does not start or dies, none.
			if [ "${line#END }" -gt 1 ] || [ $cases = 0 ]; then
				failed=$((failed + 1))
				echo "numa.$machine.$run: ends with status ${line#END }: FAILED"
			else
				echo "numa.$machine.$run: $cases cases passed"
			fi ;;
		esac
	done <"$log"
	if ! grep -q '^DONE$' "$log"; then
		failed=$((failed + 1))
		echo "numa.$machine.$run: does not come to its end: FAILED"
	fi
}

install_missing
get_kernel
[ -e "$BUILD/build.ninja" ] || meson setup "$BUILD" >/dev/null
say "building"
ninja -C "$BUILD" >"$folder/build.log" 2>&1 || { tail -30 "$folder/build.log"; exit 1; }
make_root
for machine in "${machines[@]}"; do
	boot "$machine"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
