#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Writes a version map with what sources export by RTE_EXPORT_*.

As buildtools/gen-version-map.py of DPDK from 25.07 on, which takes its place in DPDK's tree.
"""

import re
import sys

if len(sys.argv) < 3 or sys.argv[1].startswith('-'):
    sys.exit('usage: version_map.py MAP SOURCE...')

EXPORTS = [('EXPERIMENTAL', re.compile(r'^RTE_EXPORT_EXPERIMENTAL_SYMBOL\((\w+), [0-9.]+\)$', re.M)),
           ('INTERNAL', re.compile(r'^RTE_EXPORT_INTERNAL_SYMBOL\((\w+)\)$', re.M))]
texts = []
for source in sys.argv[2:]:
    with open(source, encoding='utf-8') as f:
        texts.append(f.read())

# A map without a name hides nothing: one that exports nothing has an empty version.
blocks = []
for version, pattern in EXPORTS:
    names = [name for text in texts for name in pattern.findall(text)]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        sys.exit('exported twice: ' + ' '.join(sorted(twice)))
    if names:
        blocks.append([version, names])
blocks = blocks or [['EXPERIMENTAL', []]]

with open(sys.argv[1], 'w', encoding='utf-8') as f:
    for i, (version, names) in enumerate(blocks):
        f.write(version + ' {\n')
        if names:
            f.write('\tglobal:\n\n' + ''.join(f'\t{name};\n' for name in sorted(names)))
        if i == len(blocks) - 1:
            f.write('\n\tlocal: *;\n')
        f.write('};\n')
