#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Draws what kvcache has measured.

set -eu

usage()
{
	echo 'usage: plot.sh SVG TABLE...    each TABLE is named after its backend: fastmem.txt, ...'
}

case "${1:-}" in
-h | --help)
	usage
	exit
	;;
'' | -*)
	usage >&2
	exit 2
	;;
esac
command -v gnuplot >/dev/null || { echo 'plot.sh: no gnuplot: apt-get install gnuplot-nox' >&2; exit 1; }
svg=$1
shift
[ $# -gt 0 ] || { usage >&2; exit 2; }

# curves COLUMN TABLE...
curves()
{
	column=$1
	shift
	for table; do
		name=$(basename "$table")
		printf "%s'%s' using 1:%s with lines linewidth 2 title '%s'" "$separator" "$table" "$column" \
			"${name%.*}"
		separator=', '
	done
}

{
	cat <<-END
	set terminal svg size 800,640 font 'sans-serif,12' background 'white'
	set output '$svg'
	set multiplot layout 2,1
	set key outside right top
	set grid
	set yrange [0:*]
	set ylabel 'MiB'
	set title 'memory taken from EAL; values in the cache'
	END
	separator=
	echo "plot $(curves 4 "$@"), '$1' using 1:3 with filledcurves y1=0 fillstyle transparent solid 0.2 title 'values'"
	echo "set title 'reads'"
	echo "set ylabel 'million a second'"
	echo "set xlabel 'seconds'"
	separator=
	echo "plot $(curves 5 "$@")"
} | gnuplot
