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

# What is added: each is a hook, by which the tree's build, or its documentation, has it.
tree_hooks='lib/core lib/debug lib/replace driver tests docs'

# tree_copy TREE: all files, of which nothing there knows yet.
tree_copy() {
	local tree=$1

	cp -r lib/fastmem lib/fastmem_debug lib/fastmem_replace "$tree/lib/"
	cp -r drivers/mempool/fastmem "$tree/drivers/mempool/"
	# What makes version maps is the tree's own since 25.07. Before, libraries bring them along, and a
	# driver that exports nothing has none: drivers/version.map is its.
	if [ ! -e "$tree/buildtools/gen-version-map.py" ]; then
		lib/fastmem/version_map.py "$tree/lib/fastmem/version.map" lib/fastmem/*.c lib/fastmem/*/*.c
		lib/fastmem/version_map.py "$tree/lib/fastmem_debug/version.map" lib/fastmem_debug/*.c
		lib/fastmem/version_map.py "$tree/lib/fastmem_replace/version.map" lib/fastmem_replace/*.c
	fi
	rm -f "$tree/lib/fastmem/version_map.py"
	tree_copy_tests "$tree"
	tree_copy_docs "$tree"
}

# tree_hook TREE HOOK
tree_hook() {
	local tree=$1

	case $2 in
	# Behind mbuf, the last of the libraries that fastmem could build on.
	lib/core) tree_list "$tree/lib/meson.build" mbuf fastmem ;;
	lib/debug) tree_list "$tree/lib/meson.build" fastmem fastmem_debug ;;
	lib/replace) tree_list "$tree/lib/meson.build" fastmem_debug fastmem_replace ;;
	driver) tree_list "$tree/drivers/mempool/meson.build" dpaa2 fastmem ;;
	tests) tree_hook_tests "$tree" ;;
	docs) tree_hook_docs "$tree" ;;
	*) die "no hook '$2': $tree_hooks" ;;
	esac
}

# tree_add TREE: all of it.
tree_add() {
	local hook

	tree_copy "$1"
	for hook in $tree_hooks; do
		tree_hook "$1" "$hook"
	done
}

# Which tests of fastmem dpdk-test has in a tree.
tree_tests() { sed -n 's/^REGISTER_FAST_TEST(\([a-z_]*\), .*/\1/p' app/test/tree/test_fastmem.c; }

# Of the sources of dpdk-fastmem-test, those of suites that need nothing of that program.
tree_test_sources() {
	sed -n "/^test_sources = files(/,/^)/s/^ *'\\(.*\\)',\$/\\1/p" app/test/meson.build |
		grep -vE '^(harness/main|core/test_parse|core/test_fastmem_reclaim|debug/test_fastmem_stack.*)\.c$|^process/' |
		grep -vE '^(mempool|pool)/.*_(processes|peers)\.c$'
}

# The suites that dpdk-test can run, in a static build: see app/test/tree.
tree_copy_tests() {
	local dir=$1/app/test folder name

	mkdir "$dir/fastmem"
	cp app/test/tree/test_fastmem.c "$dir/"
	cp app/test/tree/test_fastmem_groups.* "$dir/fastmem/"
	# What is listed, and headers.
	for folder in core debug harness mempool pool process; do
		mkdir "$dir/fastmem/$folder"
		find "app/test/$folder" -name '*.h' -exec cp {} "$dir/fastmem/$folder/" ';'
	done
	for name in $(tree_test_sources); do
		cp "app/test/$name" "$dir/fastmem/$name"
		echo "        '$name',"
	done >"$dir/fastmem/sources"
	sed "/^@SOURCES@$/{
		r $dir/fastmem/sources
		d
		}" app/test/tree/meson.build >"$dir/fastmem/meson.build"
	rm "$dir/fastmem/sources"
}

# Whether its list of tests is one that is known here.
tree_has_tests() { grep -q '^fast_tests = \[' "$1/app/test/meson.build"; }

# Of trees since 23.11, which list tests in another way, there was none to try it on.
tree_hook_tests() {
	local dir=$1/app/test name

	tree_has_tests "$1" ||
		{ say "dpdk-test has no suites of fastmem: app/test/meson.build is not that of 22.11"; return; }
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

tree_copy_docs() {
	cp doc/guides/prog_guide/fastmem_{lib,mempool,checking,checking_table,telemetry,figures}.rst \
		"$1/doc/guides/prog_guide/"
	cp doc/guides/prog_guide/img/*.svg "$1/doc/guides/prog_guide/img/"
}

# tree_insert FILE EXPRESSION LINE...: lines behind the first one that fits.
tree_insert() {
	local file=$1 expression=$2

	grep -q "$expression" "$file" || die "$file is not as expected: it has no '$expression'"
	printf '%s\n' "${@:3}" >"$file.insert"
	sed -i "0,/$expression/{/$expression/r $file.insert
		}" "$file"
	rm "$file.insert"
}

tree_hook_docs() {
	local tree=$1 version

	version=$(sed 's/\.[^.]*$//; s/\./_/' "$tree/VERSION")
	tree_insert "$tree/doc/guides/prog_guide/index.rst" '^ *mempool_lib$' \
		'    fastmem_lib' '    fastmem_mempool' '    fastmem_checking' '    fastmem_telemetry' \
		'    fastmem_figures'
	tree_insert "$tree/doc/api/doxy-api-index.md" '^  \[mempool\](@ref rte_mempool.h),$' \
		'  [fastmem](@ref rte_fastmem.h),' '  [fastmem pools](@ref rte_fastmem_pool.h),' \
		'  [fastmem checking](@ref rte_fastmem_debug.h),' '  [fastmem drop-in names](@ref rte_fastmem_replace.h),'
	tree_insert "$tree/doc/api/doxy-api.conf.in" '^ *@TOPDIR@\/lib\/eventdev ' \
		'                          @TOPDIR@/lib/fastmem \' \
		'                          @TOPDIR@/lib/fastmem_debug \' \
		'                          @TOPDIR@/lib/fastmem_replace \'
	printf '%s\n' '' '* **Added a small-object allocator.**' '' \
		'  Added the fastmem library, which serves objects of all sizes from memory that grows,' \
		'  shrinks and moves between sizes, in place of mempools and of rte_malloc;' \
		'  libraries that check its use in production binaries, and have drop-in names; and a mempool driver.' \
		>"$tree/release.insert"
	sed -i "/^New Features$/{n;r $tree/release.insert
		}" "$tree/doc/guides/rel_notes/release_$version.rst"
	rm "$tree/release.insert"
	printf '%s\n' 'Small-object allocator - EXPERIMENTAL' \
		"M: $(tree_git "$tree" var GIT_COMMITTER_IDENT | sed 's/>.*/>/')" \
		'F: lib/fastmem*/' 'F: drivers/mempool/fastmem/' 'F: app/test/fastmem/' \
		'F: app/test/test_fastmem.c' 'F: doc/guides/prog_guide/fastmem_*.rst' \
		'F: doc/guides/prog_guide/img/fastmem*.svg' '' >"$tree/maintainers.insert"
	# Behind the section of mempools.
	sed -i "/^Memory pool$/,/^$/{/^$/r $tree/maintainers.insert
		}" "$tree/MAINTAINERS"
	grep -q '^Small-object allocator' "$tree/MAINTAINERS" || die "$tree/MAINTAINERS is not as expected"
	rm "$tree/maintainers.insert"
}

tree_init() {
	git -C "$1" init -q
	tree_git "$1" add -A
	tree_git "$1" commit -qm "DPDK $(cat "$1/VERSION")"
}

# A tree with a commit of what there was, and one with what is added: tree_commit TREE.
tree_commit() {
	tree_init "$1"
	tree_add "$1"
	tree_git "$1" add -A
	tree_git "$1" commit -qm 'lib/fastmem: add a small-object allocator'
}
# With the identity that git knows, if it knows one.
tree_git() {
	local who=()

	git -C "$1" var GIT_COMMITTER_IDENT >/dev/null 2>&1 ||
		who=(-c user.name=fastmem -c user.email=fastmem@localhost)
	git -C "$1" ${who[@]+"${who[@]}"} -c core.autocrlf=false "${@:2}"
}
