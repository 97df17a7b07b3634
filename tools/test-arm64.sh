#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Builds fastmem for arm64 and runs its tests there, in a process that QEMU translates.

. "$(dirname "$0")/common.sh"

usage() {
	cat <<-END
	usage: tools/test-arm64.sh [VARIANT...]

	Builds the library and its tests with a cross compiler, on the libraries of Debian's arm64, which
	are unpacked into BUILD/arm64/root, and runs them by qemu-aarch64 on ordinary pages. Variants, both
	unless one is named:
	  armv8-a     atomics by load and store exclusive, on a Cortex-A53
	  armv8.1-a   by the extension of atomic instructions (LSE), on a CPU that has it
	What needs huge pages, which includes all that takes several processes, does not run so. QEMU on
	x86 does not reorder memory accesses as arm64 may: nothing of that is tested here.

	Where compiler, libraries or QEMU cannot be had, says so, and exits with status 77.

	Environment: SUITES (instead of all; fuzzing is one), BUILD ($BUILD). Logs are kept in BUILD/arm64.
	END
}

not_run() { echo "not run: $*"; exit 77; }

variants=(armv8-a armv8.1-a)
some='api errors sizes contents handles bulk model memory limits growth sockets stats shared_stats figures
	depot stack threads thread_end life lock ends_alone idle pool pool_promises pool_readers pool_growth
	pool_steal parse mempool mempool_memory debug_light debug_full debug_reports leaks fuzzing'
case "${1:-}" in
-h|--help) usage; exit ;;
-*) usage >&2; exit 2 ;;
'') ;;
*) variants=("$@") ;;
esac
suites=${SUITES:-$some}
# Of gcc, and the CPU that QEMU is to be. Debian's DPDK finds out at run time which atomics there are.
flags_armv8_a='-march=armv8-a+crc -mno-outline-atomics' cpu_armv8_a=cortex-a53
flags_armv8_1_a='-march=armv8.1-a' cpu_armv8_1_a=max
name_of() { echo "${1//[.-]/_}"; }
for variant in "${variants[@]}"; do
	name=flags_$(name_of "$variant")
	[ -n "${!name:-}" ] || die "no variant '$variant': armv8-a, armv8.1-a"
done

# What QEMU is at fault for, and why.
left_out() {
	case "$1" in
	stack.a_look_up_in_a_forked_child_does_no_harm)
		echo 'threads of a forked child end QEMU 7.2, by an assertion of its own' ;;
	debug_*.a_report_names_the_mapping_of_a_foreign_address)
		echo 'QEMU shows the process no [heap] in /proc/self/maps' ;;
	*) return 1 ;;
	esac
}

mkdir -p "$BUILD/arm64"
folder=$(realpath "$BUILD/arm64")
root=$folder/root

install_missing() {
	local packages=()

	command -v aarch64-linux-gnu-gcc >/dev/null || packages+=(gcc-aarch64-linux-gnu)
	command -v qemu-aarch64 >/dev/null || packages+=(qemu-user)
	[ ${#packages[@]} = 0 ] || install_or_not_run "${packages[@]}"
}

# Of a system with another architecture and nothing installed: that of the machine stays as it is.
apt_of_arm64() {
	apt-get -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Install-Recommends=false \
		-o "Dir::State=$folder/apt/state" -o "Dir::State::status=$folder/apt/status" \
		-o "Dir::Cache=$folder/apt/cache" -o "APT::Sandbox::User=$(id -un)" "$@"
}

get_libraries() {
	local package

	[ ! -e "$root/.complete" ] || return 0
	say "libraries: getting those of arm64"
	mkdir -p "$root" "$folder/apt/state/lists/partial" "$folder/apt/cache/archives/partial"
	: >"$folder/apt/status"
	apt_of_arm64 update -qq >"$folder/apt.log" 2>&1 &&
		apt_of_arm64 install -y -qq --download-only libdpdk-dev libdw-dev libc6-dev \
			>>"$folder/apt.log" 2>&1 ||
		{ tail -5 "$folder/apt.log"; not_run "cannot get libdpdk-dev for arm64"; }
	for package in "$folder"/apt/cache/archives/*.deb; do
		dpkg-deb -x "$package" "$root"
	done
	rm -rf "$folder/apt"
	touch "$root/.complete"
}

cross_file() {
	cat <<-END
	[binaries]
	c = '$folder/gcc-$1'
	ar = 'aarch64-linux-gnu-ar'
	strip = 'aarch64-linux-gnu-strip'
	pkgconfig = 'pkg-config'
	exe_wrapper = ['qemu-aarch64', '-L', '$root']

	[properties]
	sys_root = '$root'
	pkg_config_libdir = ['$root/usr/lib/aarch64-linux-gnu/pkgconfig', '$root/usr/share/pkgconfig']

	[built-in options]
	c_args = ['--sysroot=$root']
	c_link_args = ['--sysroot=$root']

	[host_machine]
	system = 'linux'
	cpu_family = 'aarch64'
	cpu = 'armv8-a'
	endian = 'little'
	END
}

# build VARIANT: with assertions.
build() {
	local build=$folder/$1 log=$folder/$1.build.log name
	local targets=(app/test/dpdk-fastmem-test)

	say "$1: building ($log)"
	name=flags_$(name_of "$1")
	# Behind the flags that libdpdk.pc has.
	printf '#!/bin/sh\nexec %s "$@" %s\n' \
		"$(PATH=/usr/lib/ccache:$PATH command -v aarch64-linux-gnu-gcc)" "${!name}" >"$folder/gcc-$1"
	chmod +x "$folder/gcc-$1"
	cross_file "$1" >"$build.ini"
	[ -e "$build/build.ninja" ] ||
		meson setup "$build" --cross-file "$build.ini" -Dasserts=true >"$log" 2>&1 ||
		{ tail -20 "$log"; return 1; }
	[[ " $suites " != *" stack "* ]] || targets+=($(ninja -C "$build" -t targets all |
		sed -n 's|^\(app/test/test_stack_plugin_[a-z]*\.so\): .*|\1|p'))
	[[ " $suites " != *" fuzzing"* ]] || targets+=(app/fuzz/dpdk-fastmem-fuzz-replay)
	ninja -C "$build" "${targets[@]}" >"$log" 2>&1 || { grep -A12 '^FAILED' "$log"; return 1; }
	cat >"$folder/run-$1" <<-END
		#!/bin/sh
		export QEMU_CPU=$2
		exec timeout 600 qemu-aarch64 -L '$root' "\$@"
	END
	chmod +x "$folder/run-$1"
	# For plug-ins of this architecture, as tests call it.
	mkdir -p "$folder/bin"
	ln -sf "$(command -v aarch64-linux-gnu-objcopy)" "$folder/bin/objcopy"
}

passed=0
failed=0
skipped=

# count VARIANT SUITE LOG STATUS
count() {
	local line why

	while IFS= read -r line; do
		case "$line" in
		*.*': ok') passed=$((passed + 1)) ;;
		*.*': FAILED')
			if why=$(left_out "${line%: FAILED}"); then
				echo "arm64.$1.${line%: FAILED}: skipped: $why"
			else
				failed=$((failed + 1))
				echo "arm64.$1.$line"
			fi ;;
		*.*': skipped: '*) skipped+="arm64.$1.$line"$'\n' ;;
		esac
	done <"$3"
	# Of cases that fail each was told.
	if [ "$4" -gt 1 ] || { [ "$4" = 1 ] && ! grep -q ': FAILED$' "$3"; }; then
		failed=$((failed + 1))
		echo "arm64.$1.$2: ends with status $4: FAILED ($3)"
	fi
}

# run_suite VARIANT NAME: for itself, so that one that dies takes no others with it.
run_suite() {
	local log=$folder/$1.$2.log status=0 build=$folder/$1
	local program=("$folder/run-$1" "$build/app/test/dpdk-fastmem-test")

	if [ "$2" = fuzzing ]; then
		"$folder/run-$1" "$build/app/fuzz/dpdk-fastmem-fuzz-replay" --random 200 >"$log" 2>&1 || status=$?
		[ $status != 0 ] || echo 'fuzzing.random: ok' >>"$log"
	else
		printf '#!/bin/sh\nexec %q %q "$@"\n' "${program[@]}" >"$folder/program"
		chmod +x "$folder/program"
		PATH=$folder/bin:$PATH RTE_FASTMEM_DEBUG=off tools/with-eal.sh --no-huge --lcores 4 \
			"$folder/program" -- "$2" >"$log" 2>&1 || status=$?
	fi
	count "$1" "$2" "$log" $status
}

install_missing
get_libraries
for variant in "${variants[@]}"; do
	name=cpu_$(name_of "$variant")
	build "$variant" "${!name}" || die "it does not build for $variant"
	say "$variant: running"
	for suite in $suites; do
		run_suite "$variant" "$suite"
	done
done
printf %s "$skipped"
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
