# SPDX-License-Identifier: GPL-2.0
"""Set-up and the run command: what Makefile, qemu-run.sh and the tests stand on."""
