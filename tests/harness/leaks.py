# SPDX-License-Identifier: GPL-2.0
"""Tells a leak of memory from the ups and downs of a running kernel."""

WINDOWS = 3
LIMIT_KB = 150

# Caches that grow whatever drives the device, Linux's own drivers as well: vmap areas, purged late.
NOISY = {":0000072", "vmap_area"}


def _memory(g):
    """Free memory in kB, and the objects in use of each slab cache."""
    free, *lines = g.sh("memory_kb; slab_objects", 60).splitlines()
    return int(free), {name: int(count) for name, count in (line.split() for line in lines)}


def check(t, g, script, rounds, what, seconds, limit=LIMIT_KB):
    """Runs `script`, of the guest or a function of ours, which does something `rounds` times, up to three times.

    A leak shows in every run: an object of some slab cache for each round, or `limit` kB of pages for
    all of them. The kernel's own lists go up and down, and do not show in every run.
    """
    lost, suspects = [], None
    free, objects = _memory(g)
    for _ in range(WINDOWS):
        if callable(script):
            script()
        else:
            g.sh(script, seconds)
        old_free, old_objects = free, objects
        free, objects = _memory(g)
        lost.append(old_free - free)
        grown = {name for name, count in objects.items() if count - old_objects.get(name, count) >= rounds * 9 // 10} - NOISY
        suspects = grown if suspects is None else suspects & grown
        if min(lost) < limit and not suspects:
            return
    if suspects:
        t.check(False, f"{what} cost objects of {', '.join(sorted(suspects))} each time")
    t.check(False, f"{what} cost {', '.join(map(str, lost))} kB of memory")
