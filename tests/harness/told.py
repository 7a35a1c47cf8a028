# SPDX-License-Identifier: GPL-2.0
"""What QEMU's devices are told, in its trace: their status, and that there is something in a queue."""

import re

EVENTS = ("virtio_set_status", "virtio_queue_notify")
NOTIFIED = -1
RESET, ACKNOWLEDGE = 0, 1


def watch(g):
    """From now on it is traced. The guest was booted with `trace=True`."""
    for event in EVENTS:
        g.trace(event, True)


def by_device(g, since=0):
    """For each device the values of its status in their order, and NOTIFIED between them, by the trace from `since` on."""
    found = {}
    for line in g.trace_file.read_text()[since:].splitlines():
        told = re.search(r"virtio_set_status vdev (0x\w+) val (\d+)|virtio_queue_notify vdev (0x\w+)", line)
        if told:
            found.setdefault(told[1] or told[3], []).append(int(told[2]) if told[1] else NOTIFIED)
    return found


def check_handover(t, g, devices, since=0):
    """Before another driver acknowledges it, each of so many devices is told to reset, and then nothing else.

    Without a reset, a device that works notes another status when bus mastering ends.
    """
    found = by_device(g, since)
    t.equal(len(found), devices, "devices in the trace")
    for told in found.values():
        t.check(RESET in told and ACKNOWLEDGE in told, f"what a device was told: {told[-5:]}")
        before = told[:told.index(ACKNOWLEDGE)]
        first = before.index(RESET)
        t.equal(set(before[:first]) - {NOTIFIED}, set(), "status that a device was told before the reset")
        t.equal(set(before[first:]), {RESET}, "what a device was told between reset and acknowledgement")
    t.check(any(NOTIFIED == told[0] for told in found.values()), "no device was notified under load")


def check_end(t, g, devices):
    """The last thing that each of so many devices was told is to reset, after at least one was notified."""
    found = by_device(g)
    t.equal(len(found), devices, "devices in the trace")
    for told in found.values():
        t.equal(told[-1], RESET, "the last thing that a device was told")
    t.check(any(NOTIFIED in told for told in found.values()), "no device was notified under load")
