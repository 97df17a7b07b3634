#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# A series of patches by which DPDK's tree has fastmem: tools/series.txt lists them.

# Before the folder changes.
tree=${1:+$(realpath -m "$1")}
. "$(dirname "$0")/common.sh"
. tools/dpdk-tree.sh

readonly BRANCH=fastmem MOST=2500

usage() {
	cat <<-END
	usage: tools/series.sh DPDK_TREE

	Makes a branch "$BRANCH" in a source tree of DPDK, on the commit that is checked out there, with the
	patches of tools/series.txt, and writes them with a cover letter to BUILD/series ($BUILD/series), for
	"git send-email" or "git am". Each adds at most $MOST lines, and builds: until a library is complete,
	the tree does not build it. The folder's files and its branch stay as they are.

	A folder that is no git repository, as a source package, becomes one.

	Environment: CHECK=yes builds the tree at each commit that builds something of fastmem (long);
	GIT_AUTHOR_NAME, GIT_AUTHOR_EMAIL and the like, as for git.
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
''|-*) usage >&2; exit 2 ;;
esac
[ $# = 1 ] || { usage >&2; exit 2; }
[ -f "$tree/lib/meson.build" ] || die "$tree is no source tree of DPDK"
source=$tree
list=$PWD/tools/series.txt
out=$(realpath -m "$BUILD/series")
scratch=$(mktemp -d)
work=$scratch/work
all=$scratch/all
finish() {
	[ ! -e "$work" ] || git -C "$source" worktree remove --force "$work"
	rm -rf "$scratch"
}
trap finish EXIT

[ -e "$source/.git" ] || { say "$source: git init"; tree_init "$source"; }
! git -C "$source" rev-parse -q --verify "refs/heads/$BRANCH" >/dev/null ||
	die "$source has a branch $BRANCH already: git -C $source branch -D $BRANCH"
made=
give_up() {
	finish
	[ -n "$made" ] || git -C "$source" branch -qD $BRANCH 2>/dev/null || true
}
trap give_up EXIT
git -C "$source" worktree add -q -b $BRANCH "$work"

mkdir "$all"
git -C "$work" archive HEAD | tar -x -C "$all"
tree_copy "$all"
tree_list_files() { (cd "$1" && find . -type f ! -path './.git*' -printf '%P\n' | sort); }
comm -13 <(cd "$work" && git ls-files | sort) <(tree_list_files "$all") >"$scratch/left"

subject=
text=
# What was said of the last patch becomes a commit.
commit() {
	local lines

	[ -n "$subject" ] || return 0
	tree_git "$work" add -A
	tree_git "$work" commit -qs -m "$subject" -m "$text"
	lines=$(git -C "$work" show --numstat --format= | awk '{ n += $1 } END { print n + 0 }')
	printf '%6s  %s\n' "$lines" "$subject"
	[ "$lines" -le $MOST ] || die "$subject: more than $MOST lines"
	if [ "${CHECK:-no}" = yes ] && [ -n "$hooked" ]; then
		check_build
	fi
	subject='' text=''
}
hooked=
check_build() {
	[ -d "$work/build" ] || meson setup "$work/build" "$work" -Dwerror=true -Ddefault_library=static \
		-Denable_drivers='bus/*,mempool/*,net/null,net/ring' >"$scratch/log" 2>&1 ||
		{ tail -20 "$scratch/log"; die "$subject: the tree is not set up"; }
	ninja -C "$work/build" >"$scratch/log" 2>&1 ||
		{ grep -A6 -E 'FAILED|error:' "$scratch/log" | head -40; die "$subject: does not build"; }
}

# A pattern's files that no patch has yet.
add_files() {
	local pattern expression file found=

	for pattern in "$@"; do
		expression=^$(sed 's/[.]/\\&/g; s/\*/[^\/]*/g' <<<"$pattern")\$
		found=$(grep "$expression" "$scratch/left" || true)
		[ -n "$found" ] || { grep -q "^$pattern$" "$scratch/optional" || die "$list: nothing fits $pattern"; }
		for file in $found; do
			mkdir -p "$work/$(dirname "$file")"
			cp -p "$all/$file" "$work/$file"
		done
		grep -v "$expression" "$scratch/left" >"$scratch/left.new" || true
		mv "$scratch/left.new" "$scratch/left"
	done
}
# Trees that make version maps have none.
printf '%s\n' lib/fastmem{,_debug,_replace}/version.map >"$scratch/optional"

while IFS= read -r line; do
	case $line in
	'#'*) ;;
	'patch '*) commit; subject=${line#patch } ;;
	'  '*|'') text=${text:+$text$'\n'}${line#  } ;;
	# shellcheck disable=SC2086 # a list
	'files '*) set -f; add_files ${line#files }; set +f ;;
	'hook '*) tree_hook "$work" "${line#hook }"; hooked=yes ;;
	*) die "$list: what is \"$line\"?" ;;
	esac
done <"$list"
commit
[ ! -s "$scratch/left" ] || die "$list: in no patch: $(tr '\n' ' ' <"$scratch/left")"

rm -rf "$out"
mkdir -p "$out"
git -C "$work" format-patch -q --cover-letter -o "$out" "$(git -C "$source" rev-parse HEAD).."
sed -i -e 's/\*\*\* SUBJECT HERE \*\*\*/small-object allocator/' \
	-e "/\*\*\* BLURB HERE \*\*\*/{
		r tools/series-cover.txt
		d
	}" "$out/0000-cover-letter.patch"
made=yes
say "branch $BRANCH of $source; patches: $out"
