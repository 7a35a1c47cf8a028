# SPDX-License-Identifier: GPL-2.0
"""The sleep of a guest."""


def sleep(t, g):
    """The system sleeps, and QEMU resets its devices when it wakes up."""
    # Once QEMU's machine has slept, it tells a guest that powers off to go on, for the moment until it is off: with all
    # processors but one taken away already, and the first process on its way out.
    t.allow(r"cut here|WARNING: (kernel/exit.c:\d+ at do_exit|kernel/sched/core.c:\d+ at set_task_cpu|"
            r"arch/x86/kernel/apic/ipi.c:\d+ at native_smp_send_reschedule)\+|Call Trace", "powering off returns after a sleep")
    g.start("echo mem > /sys/power/state")
    g.qmp.wait_event("SUSPEND", 60)
    g.qmp.command("system_wakeup")
    status, said = g.result(60)
    t.equal(status, 0, f"status of the sleep: {said}")
    t.check("rvirtio" not in g.sh("dmesg | grep -i 'PM: .*fail'; true"), "a device did not go to sleep or wake up")
