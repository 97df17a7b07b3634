#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Runs the program PRELOAD_PROGRAM with the library PRELOAD_LIBRARY, and that program only: scripts
# that start it, as tools/with-eal.sh, are spared. An empty PRELOAD_LIBRARY: without.
# PRELOAD_WRAPPER: a command that starts the program, with the library as well.

if [ -n "$PRELOAD_LIBRARY" ]; then
	LD_PRELOAD=$PRELOAD_LIBRARY
	export LD_PRELOAD
fi
# shellcheck disable=SC2086 # a command and its arguments
exec $PRELOAD_WRAPPER "$PRELOAD_PROGRAM" "$@"
