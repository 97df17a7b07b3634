# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors
# shellcheck shell=bash

# A source tree of DPDK with fastmem in it: source it after common.sh.

APT_SOURCES=${APT_SOURCES:-http://deb.debian.org/debian}

# The source package of DPDK, of the newest Debian release that serves it: tree_fetch FOLDER. apt gets
# lists of its own for it, and the system's are left alone.
tree_fetch() {
	local dir=$1 suite key options

	mkdir -p "$dir/lists/partial" "$dir/archives/partial"
	key=$(sed -n 's/^Signed-By: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -1)
	options=(-o "Dir::Etc::sourcelist=$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir" -o APT::Sandbox::User=root)
	for suite in sid trixie bookworm; do
		echo "deb-src ${key:+[signed-by=$key] }$APT_SOURCES $suite main" >"$dir/sources.list"
		apt-get "${options[@]}" -qq update >"$dir/apt.log" 2>&1 || continue
		(cd "$dir" && apt-get "${options[@]}" -qq source --download-only dpdk) \
			>>"$dir/apt.log" 2>&1 || continue
		mkdir "$dir/dpdk"
		tar -xf "$dir"/dpdk_*.orig.tar.* -C "$dir/dpdk" --strip-components=1
		return
	done
	cat "$dir/apt.log"
	die "apt has no source package of DPDK: name a tree by DPDK_TREE"
}

# In the list of a meson.build: behind 'what' come the names.
tree_list() {
	local file=$1 after=$2 name
	shift 2
	for name in "$@"; do
		sed -i "0,/^ *'$after',/s//&\n        '$name',/" "$file"
		grep -q "^ *'$name'," "$file" || die "$file is not as expected"
		after=$name
	done
}

# tree_add TREE: the libraries, the driver.
tree_add() {
	local tree=$1

	cp -r lib/fastmem lib/fastmem_debug lib/fastmem_replace "$tree/lib/"
	cp -r drivers/mempool/fastmem "$tree/drivers/mempool/"
	# Behind mbuf, the last of the libraries that fastmem could build on.
	tree_list "$tree/lib/meson.build" mbuf fastmem fastmem_debug fastmem_replace
	tree_list "$tree/drivers/mempool/meson.build" dpaa2 fastmem
	# What makes version maps is the tree's own since 25.07. Before, libraries bring them along, and a
	# driver that exports nothing has none: drivers/version.map is its.
	if [ ! -e "$tree/buildtools/gen-version-map.py" ]; then
		lib/fastmem/version_map.py "$tree/lib/fastmem/version.map" lib/fastmem/*.c lib/fastmem/*/*.c
		lib/fastmem/version_map.py "$tree/lib/fastmem_debug/version.map" lib/fastmem_debug/*.c
		lib/fastmem/version_map.py "$tree/lib/fastmem_replace/version.map" lib/fastmem_replace/*.c
	fi
	rm -f "$tree/lib/fastmem/version_map.py"
	tree_add_tests "$tree"
}

# Which tests of fastmem dpdk-test has in a tree.
tree_tests() { sed -n 's/^REGISTER_FAST_TEST(\([a-z_]*\), .*/\1/p' app/test/tree/test_fastmem.c; }

# The suites that dpdk-test can run, in a static build: see app/test/tree. Of trees since 23.11, which
# list tests in another way, there is none here to try it on.
tree_add_tests() {
	local dir=$1/app/test folder name

	grep -q '^fast_tests = \[' "$dir/meson.build" ||
		{ say "no tests are added: app/test/meson.build is not that of 22.11"; return; }
	mkdir "$dir/fastmem"
	cp app/test/tree/test_fastmem.c "$dir/"
	cp app/test/tree/meson.build app/test/tree/test_fastmem_groups.* "$dir/fastmem/"
	# What is listed, and headers.
	for folder in core debug harness mempool pool process; do
		mkdir "$dir/fastmem/$folder"
		find "app/test/$folder" -name '*.h' -exec cp {} "$dir/fastmem/$folder/" ';'
	done
	sed -n "s/^ *'\([a-z]*\/.*\)',$/\1/p" app/test/tree/meson.build |
		while read -r name; do cp "app/test/$name" "$dir/fastmem/$name"; done
	{
		cat <<-END
		fastmem_tests = []
		fastmem_test_link_args = []
		if get_option('default_library') == 'static' and dpdk_conf.has('RTE_MEMPOOL_FASTMEM')
		    test_sources += files('test_fastmem.c')
		END
		for name in $(tree_tests); do
			echo "    fast_tests += [['$name', true, true]]"
		done
		printf "    subdir('fastmem')\nendif\n\n"
	} >"$dir/fastmem.insert"
	sed -i -e "/^dpdk_test = executable/{
		e cat '$dir/fastmem.insert'
		}" -e "s/^        link_whole: link_libs,/&\n        link_with: fastmem_tests,\n        link_args: fastmem_test_link_args,/" \
		"$dir/meson.build"
	rm "$dir/fastmem.insert"
}

# A tree with a commit of what there was, and one with what is added: tree_commit TREE.
tree_commit() {
	git -C "$1" init -q
	tree_git "$1" add -A
	tree_git "$1" commit -qm "DPDK $(cat "$1/VERSION")"
	tree_add "$1"
	tree_git "$1" add -A
	tree_git "$1" commit -qm 'lib/fastmem: add a small-object allocator'
}
tree_git() {
	git -C "$1" -c user.name=fastmem -c user.email=fastmem@localhost -c core.autocrlf=false "${@:2}"
}
