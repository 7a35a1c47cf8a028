# SPDX-License-Identifier: GPL-2.0
"""Kinds of frames that an interface of a guest has seen, by what their virtio headers say; counted by `headers`."""

from dataclasses import dataclass

NEEDS_CSUM = 1
TCPV4, TCPV6, ECN = 1, 4, 0x80
TCP, UDP = 6, 17


@dataclass
class Kind:
    """Frames of one kind."""

    way: str
    version: int
    protocol: int
    flags: int
    gso: int
    count: int
    longest: int


def watch(g, nic, first=":"):
    """Starts counting, after a command that comes first; the guest's overlay has `headers`."""
    g.sh(f"{first} || exit 1; rm -f /tmp/kinds; /rvtest/headers {nic} >/tmp/kinds 2>&1 & echo $! >/tmp/headers.pid; "
         "until grep -qs . /tmp/kinds; do sleep 0.05; done; grep ready /tmp/kinds || { cat /tmp/kinds; exit 1; }")


def seen(g, then=":"):
    """Ends it, and does what comes then; what was counted."""
    lines = g.sh(f"pid=$(cat /tmp/headers.pid); kill $pid; while [ -e /proc/$pid ]; do sleep 0.05; done; {then} >/dev/null && sed 1d /tmp/kinds")
    return [Kind(way, *map(int, numbers)) for way, *numbers in map(str.split, lines.splitlines())]


def some(kinds, **wanted):
    """How many frames had these values; `flag` and `kind` are bits that are to be set."""
    flag, kind = wanted.pop("flag", 0), wanted.pop("kind", 0)
    return sum(one.count for one in kinds
               if all(getattr(one, name) == value for name, value in wanted.items())
               and one.flags & flag == flag and one.gso & kind == kind)
