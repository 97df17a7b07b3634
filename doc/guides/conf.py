# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""The manual outside of a DPDK tree, which has a configuration of its own."""

project = "fastmem"
copyright = "2026 The fastmem authors"  # noqa: A001  pylint: disable=redefined-builtin
version = release = "26.11"
root_doc = "index"
exclude_patterns = ["prog_guide/fastmem_checking_table.rst"]  # included by another
nitpicky = True  # a reference that leads nowhere is a warning
highlight_language = "none"
html_theme = "alabaster"
html_theme_options = {"page_width": "1100px", "sidebar_width": "240px"}
html_show_sphinx = False
