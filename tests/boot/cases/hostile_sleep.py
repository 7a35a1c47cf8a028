# SPDX-License-Identifier: GPL-2.0
"""The system goes to sleep while its disks and cards do not answer, refuse to be reset, are slow, or are not there any more.

Each device of the emulator has a fault of its own, which has struck when the system is put to sleep: disks have requests that
nobody answers, cards are up. Every callback with which a device is put to sleep or woken up ends in time, as the kernel's own
tracepoints have it. A device that keeps its memory may refuse the first sleep, and is given up for it; the next one is not refused.
Afterwards a disk without a fault works, the requests of all others end, and the drivers can be taken off.

Rows: T17 T101 B64 H17 H27 H28
"""

import re

from harness import devices, power
from harness.emulator import Emulator
from harness.hostile.verdict import BOUND, slack

TIMEOUT = 600
DISKS = {
    "well": None,
    "dead": "dead:after=60",
    "stubborn": "reset-refused:after=1",
    "slow": "slow-registers",
    "gone": "gone:after=60",
    "vanished": "vanish:after=60",
}
CARDS = {
    "silent": "silence:after=1",
    "unseen": "reset-unseen:after=1",
    "lost": "vanish:after=15",
}
# Sleeps that are tried at most.
TRIES = 4
TRACE = "/sys/kernel/tracing"
CALLBACK = re.compile(r" (\d+\.\d+): device_pm_callback_(start|end): (rvirtio_\w+) ([0-9a-f:.]+), (.*)")
LOAD = ("fio --name=load --filename=/dev/{disk} --size=8M --rw=randread --bs=4k --direct=1 --ioengine=libaio --iodepth=4 "
        "--time_based --runtime=20 --output=/tmp/fio-{disk}")


def callbacks(g):
    """What the kernel has called: driver and device, seconds, and the rest of the line of the beginning."""
    begun, done = {}, []
    for line in g.sh(f"grep rvirtio {TRACE}/trace; true").splitlines():
        match = CALLBACK.search(line)
        if not match:
            continue
        at, what, driver, device, rest = match.groups()
        if what == "start":
            begun[device] = (float(at), rest)
        elif device in begun:
            start, first = begun.pop(device)
            done.append((f"{driver} {device}", float(at) - start, first))
    return begun, done


def go_to_sleep(t, g):
    """Sleeps until one is not refused; every callback ends in time."""
    g.sh(f"mount -t tracefs none {TRACE} 2>/dev/null; echo 1 >{TRACE}/events/power/device_pm_callback_start/enable; "
         f"echo 1 >{TRACE}/events/power/device_pm_callback_end/enable")
    slept = [power.try_to_sleep(t, g)]
    while not slept[-1] and len(slept) < TRIES:
        g.sh("sleep 1")
        slept.append(power.try_to_sleep(t, g))
    t.check(slept[-1], f"the system refuses to sleep: {len(slept)} times")
    open_ones, done = callbacks(g)
    t.equal(open_ones, {}, "callbacks that have not ended")
    for way in ("suspend", "resume"):
        seen = {device for device, _, rest in done if f"[{way}]" in rest}
        t.equal(len(seen), len(DISKS) + len(CARDS), f"devices with a callback for {way}")
    device, longest, what = max(done, key=lambda entry: entry[1])
    print(f"     slept at the {len(slept)}. try; longest: {device} {what}: {longest * 1000:.0f} ms", flush=True)
    t.check(longest <= BOUND * slack(), f"{device}, {what}: {longest:.1f} s")


def run(t):
    """One boot with all of them."""
    if not t.rust:
        return
    t.allow(r"I/O error", "requests to disks that fail them")
    t.allow("NETDEV WATCHDOG: .*timed out", "a card that does not send is waited for")
    served = {name: ("blk", "--disk", t.disk(f"{name}.img", 16 << 20), *(("--fault", fault) if fault else ()))
              for name, fault in DISKS.items()}
    served.update({name: ("net", "--fault", fault) for name, fault in CARDS.items()})
    with Emulator.several(t, served, tolerant=True) as device:
        qemu = [*Emulator.memory()]
        for slot, name in enumerate(served, 3):
            qemu += [*device.qemu(name, addr=f"{slot:x}"), *(device.user_net(name) if name in CARDS else ())]
        with t.boot(args=devices.BARE, qemu=qemu, driver="rust", seconds=300) as g:
            disks = {name: g.sh(f"disk_of {g.pci(name)}") for name in DISKS}
            for name, disk in disks.items():
                g.sh(f"({LOAD.format(disk=disk)} >/dev/null 2>&1; echo $? >/tmp/end-{disk}) & true")
            for name in CARDS:
                nic = g.sh(f"nic_of {g.pci(name)}", 90)
                g.sh(f"user_net_up {nic}; ping -q -c 10 -i 0.1 -W 1 10.0.2.2; ip addr flush dev {nic}; true", 90)
            go_to_sleep(t, g)
            for name, disk in disks.items():
                g.sh(f"echo 2000 >/sys/block/{disk}/queue/io_timeout; true")
            for name, disk in disks.items():
                g.wait(f"[ -e /tmp/end-{disk} ]", 120, f"{name}: all requests have ended")
            t.equal(g.sh(f"cat /tmp/end-{disks['well']}"), "0", "exit status of the load on a disk without a fault")
            g.sh(f"disk_round_trip /dev/{disks['well']} 4 64k", 60)
            for name in served:
                g.sh(f"unbind {g.pci(name)}", int(BOUND * slack()) + 30)
