# SPDX-License-Identifier: GPL-2.0
"""The sleep of a guest."""

import time

from .guest import GuestError


def _allow(t):
    # Once QEMU's machine has slept, it tells a guest that powers off to go on, for the moment until it is off: with all
    # processors but one taken away already, and the first process on its way out.
    t.allow(r"cut here|WARNING: (kernel/exit.c:\d+ at do_exit|kernel/sched/core.c:\d+ at set_task_cpu|"
            r"arch/x86/kernel/apic/ipi.c:\d+ at native_smp_send_reschedule)\+|Call Trace", "powering off returns after a sleep")


def sleep(t, g):
    """The system sleeps, and QEMU resets its devices when it wakes up."""
    t.check(try_to_sleep(t, g), "the system does not go to sleep")
    t.check("rvirtio" not in g.sh("dmesg | grep -i 'PM: .*fail'; true"), "a device did not go to sleep or wake up")


def try_to_sleep(t, g, seconds=120):
    """The same, if it does not refuse to; whether it has slept."""
    _allow(t)
    g.start("echo mem > /sys/power/state")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            g.qmp.wait_event("SUSPEND", 1)
        except TimeoutError:
            try:
                return g.result(1)[0] == 0
            except GuestError:
                continue
        g.qmp.command("system_wakeup")
        break
    return g.result(seconds)[0] == 0
