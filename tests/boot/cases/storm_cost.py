# SPDX-License-Identifier: GPL-2.0
"""What a device can take of a processor that interrupts without a pause, or lies in its rings.

The guest has one processor that executes a thousand million instructions a second, by which its time is counted: QEMU's
icount. How far a program gets that has what nobody else wants of it is thereby a count of instructions, whatever else runs on the
host. First it is left alone, then each of these devices is bound, in turn: a disk that interrupts for its queue, disks and a card
that do so for their configuration, by a vector and by the pin, and a disk and a card whose used rings hold nothing but lies. None
may take more than a tenth of it.

Rows: H39
"""

from harness import devices, storms
from harness.emulator import Emulator
from harness.hostile.batch import DRIVERS
from harness.storms import STORMS

TIMEOUT = 400
# Its interrupts take the processor from the guests of other cases.
ALONE = True
# Seconds of the guest's time.
WATCHED = 2
# Parts of the processor.
MOST = 0.10
# Interrupts of a storm that are let through meanwhile.
FEWEST = 100
FAULTS = {**STORMS, "liar": ("blk", "used-id:after=60"), "false": ("net", "used-id:after=15")}
USE = {
    "blk": "dd if=/dev/$(disk_of {at}) of=/dev/null bs=4k count=16 iflag=direct",
    "net": "user_net_up $(nic_of {at}); ping -q -c 4 -i 0.1 -W 1 10.0.2.2",
}
# Use that goes on: reading, until a disk is given up.
MORE = {
    "blk": "dd if=/dev/$(disk_of {at}) of=/dev/null bs=4k iflag=direct & true",
    "net": "ping -q -i 0.1 10.0.2.2 >/dev/null 2>&1 & true",
}
STOP = "pkill ping; sleep 0.2; true"

# Counts as long as nothing else has the processor, and prints how far it came and how long that took, in milliseconds.
SPARE = f"""
    (trap 'echo $n; exit' TERM; n=0; while :; do n=$((n + 1)); done) >/tmp/spare &
    renice -n 19 $! >/dev/null; began=$(uptime_ms); sleep {WATCHED}; kill $!; wait $!
    echo $(cat /tmp/spare) $(($(uptime_ms) - began))
"""


def spare(g):
    """What is left of the processor: how far somebody counts to in a millisecond who has all the rest."""
    counted, took = map(int, g.sh(SPARE, 300).split())
    return counted / took


def run(t):
    """One boot with all of them."""
    t.allow(r"I/O error", "reading from a disk that is given up")
    served = storms.served(t, FAULTS)
    with Emulator.several(t, served) as device:
        qemu = ["-icount", "shift=0", *Emulator.memory(), *device.user_net("nic"), *device.user_net("false")]
        for slot, name in enumerate(served, 3):
            qemu += device.qemu(name, addr=str(slot))
        with t.boot(args=[*devices.BARE, "--no-bind", "--smp", 1], qemu=qemu, driver="rust", seconds=300) as g:
            # What the kernel does after its start has an end.
            g.sh("sleep 3")
            least, whole = sorted((spare(g), spare(g)))
            t.check(1 - least / whole < MOST / 2, f"a guest that does nothing has {least:.1f} to spare, and {whole:.1f}")
            for name, (kind, fault) in FAULTS.items():
                at = g.pci(name)
                g.sh(f"bind {at} {DRIVERS['rust'][kind]}", 60)
                g.sh(USE[kind].format(at=at), 60)
                if fault.startswith("used-id"):
                    g.sh(MORE[kind].format(at=at))
                before = int(g.sh(f"interrupt_count_of {at}"))
                taken = 1 - spare(g) / whole
                came = int(g.sh(f"interrupt_count_of {at}")) - before
                print(f"     {name}: {taken:.1%}, {came} interrupts", flush=True)
                g.sh(STOP)
                struck(t, g, name, kind, at)
                t.check(came >= (FEWEST if "storm" in fault else 0), f"{name}: only {came} interrupts")
                t.check(taken <= MOST, f"{name}: {taken:.1%} of a processor")
                g.sh(f"unbind {at}", 60)


def struck(t, g, name, kind, at):
    """The fault has struck."""
    if FAULTS[name][1].startswith("used-id"):
        t.check(g.run(f"dmesg | grep '{at}.*is broken'")[0] == 0, f"{name}: no queue was broken")
    else:
        masked = g.sh(f"awk '/^masked:/ {{ print $2 }}' /sys/kernel/debug/{DRIVERS['rust'][kind]}-{at}/interrupts")
        t.check(int(masked) > 0, f"{name}: no interrupt was masked")
