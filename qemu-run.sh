#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Boots a QEMU guest with the stock Debian kernel on our Rust virtio drivers, making what is missing first.
# ./qemu-run.sh --help lists the options.

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit
"$here/scripts/host-packages" || exit
exec python3 "$here/scripts/main.py" run "$@"
