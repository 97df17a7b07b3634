#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Runs the program PRELOAD_PROGRAM with the library PRELOAD_LIBRARY, and that program only: scripts
# that start it, as tools/with-eal.sh, are spared. An empty PRELOAD_LIBRARY: without.

if [ -n "$PRELOAD_LIBRARY" ]; then
	LD_PRELOAD=$PRELOAD_LIBRARY
	export LD_PRELOAD
fi
exec "$PRELOAD_PROGRAM" "$@"
