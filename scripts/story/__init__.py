# SPDX-License-Identifier: GPL-2.0
"""docs/how-it-works.md: its excerpts and pictures, from traces of real boots."""
