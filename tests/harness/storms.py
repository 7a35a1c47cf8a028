# SPDX-License-Identifier: GPL-2.0
"""Devices of the emulator that interrupt without a pause: a kind and a fault each."""

# Milliseconds: longer than a case.
LONG = 600000
STORMS = {
    "vectors": ("blk", f"config-storm:count=1:value={LONG}"),
    "pin": ("blk", f"config-storm:count=1:value={LONG}"),
    "queue": ("blk", f"interrupt-storm:count=1:queue=0:after=8:value={LONG}"),
    "nic": ("net", f"config-storm:count=1:value={LONG}"),
}


def served(t, faults):
    """What the emulator is to serve; "pin" has no vectors."""
    words = {}
    for name, (kind, fault) in faults.items():
        more = ("--disk", t.disk(f"{name}.img", 16 << 20), "--queues", 1) if kind == "blk" else ()
        words[name] = (kind, *more, "--fault", fault, *(("--vectors", 0) if name == "pin" else ()))
    return words
