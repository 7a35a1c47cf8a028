# SPDX-License-Identifier: GPL-2.0
"""Reads a guest's log for what no healthy kernel writes."""

import re

COMPLAINTS = re.compile(
    "|".join(
        (
            r"WARNING:",
            r"\bBUG:",
            r"\bBUG at\b",
            r"\bOops\b",
            r"KASAN|KCSAN|KFENCE:|UBSAN",
            r"possible recursive locking",
            r"inconsistent lock state",
            r"circular locking",
            r"suspicious RCU usage",
            r"scheduling while atomic",
            r"sleeping function called",
            r"blocked for more than",
            r"rcu\S*:? .*(stall|starved)",
            r"(soft|hard) lockup|hard LOCKUP",
            r"\b[Ll]eak(s|ed|ing)?\b",
            r"nobody cared",
            r"general protection",
            r"Call Trace",
            r"cut here",
            r"unable to handle",
            r"Kernel panic",
            r"refcount_t:",
            r"list_(add|del) corruption",
            r"Bad page|page dumped",
            r"DMA-API: (?!preallocated|debugging enabled)",
            r"(divide|stack segment|invalid opcode).*\bSMP\b",
            r"transmit queue .* timed out|NETDEV WATCHDOG",
            r"I/O error",
            r"EXT4-fs (error|warning)",
            r"Out of memory|oom-kill",
            r"panicked at",
        )
    )
)

# Lines of the runner's own, and the echo of the kernel's command line.
OURS = re.compile(r"rvtest:|Command line:")

# (pattern, why a healthy guest may write it)
ALLOWED = (
    ("kmemleak: Kernel memory leak detector initialized", "the debug kernel says that it looks for leaks"),
)


def complaint(text, allowed=()):
    """The first line of `text` that speaks of a fault and is not in `allowed`, or None; after "cut here", the line that says what."""
    patterns = [re.compile(pattern) for pattern, _ in ALLOWED] + list(allowed)
    lines = text.splitlines()
    for line, following in zip(lines, [*lines[1:], ""]):
        if not COMPLAINTS.search(line) or OURS.search(line):
            continue
        if any(pattern.search(line) for pattern in patterns):
            continue
        return (following if "cut here" in line and COMPLAINTS.search(following) else line).strip()
    return None
