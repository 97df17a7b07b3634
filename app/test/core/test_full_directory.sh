#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Runs a program of EAL whose runtime directory is a small file system of its own.

if [ $# -lt 1 ] || [ "$1" = --help ]; then
	echo "usage: test_full_directory.sh PROGRAM"
	exit 2
fi

if ! unshare --map-root-user --mount true 2>/dev/null; then
	echo 'left out: this user may not mount a file system'
	exit 77
fi
dir=$(mktemp -d)
unshare --map-root-user --mount sh -c '
	mount -t tmpfs -o size=16m tmpfs "$1" && RUNTIME_DIRECTORY=$1 "$2" --no-huge -m 64 --no-pci -l 0
' sh "$dir" "$1"
status=$?
rmdir "$dir"
exit $status
