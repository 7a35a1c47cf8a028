# SPDX-License-Identifier: GPL-2.0
"""Kicks and interrupts are batched: far fewer than requests at depth 32, with and without the event index.

Counts are QEMU's: accesses of the notification register, and calls of its interrupt function. The
interrupts the guest counts must agree.

Rows: T75 T78 T79 T80 T83 T95 B56 B57 B58 N40
"""

from harness import devices
from harness.registers import Registers
from harness.wire import Wire

VARIANTS = {"event-idx": {"event_idx": True}, "flags": {"event_idx": False}}
OPERATIONS = 4096


def kicks(t, g, device, since=0):
    """16-bit writes of the notification register in the trace, and the place where it ends now."""
    text = g.trace_file.read_text(errors="replace")
    place = f"addr {Registers(g, device).port + 16:#x} "
    return sum(1 for line in text[since:].splitlines() if "ops_write" in line and place in line), len(text)


def run(t, event_idx):
    """One disk, one card."""
    with Wire() as wire:
        qemu = devices.disk("disk", t.disk("disk.img", 32 << 20), ioeventfd=False, event_idx=event_idx, num__queues=1)
        qemu += wire.netdev("wire") + devices.net("nic", "wire", ioeventfd=False, event_idx=event_idx)
        with t.boot(args=devices.BARE, qemu=qemu, trace=True) as g:
            disk_at, nic_at = g.pci("disk"), g.pci("nic")
            disk, nic = g.sh(f"disk_of {disk_at}"), g.sh(f"nic_of {nic_at}")
            before = int(g.sh(f"interrupt_count_of {disk_at}"))
            g.trace("memory_region_ops_write", True)
            g.sh(f"fio --name=batch --filename=/dev/{disk} --rw=randread --bs=4k --direct=1 --ioengine=libaio --iodepth=32 "
                 f"--iodepth_batch_submit=16 --iodepth_batch_complete_min=16 --number_ios={OPERATIONS} --size=32M "
                 "--output=/tmp/fio", 60)
            kicked, place = kicks(t, g, "disk")
            fired = int(g.sh(f"interrupt_count_of {disk_at}")) - before
            t.check(0 < kicked < OPERATIONS // 2, f"{kicked} kicks for {OPERATIONS} reads at depth 32")
            t.check(0 < fired < OPERATIONS // 2, f"{fired} interrupts for {OPERATIONS} reads at depth 32")

            g.sh(f"ip link set {nic} up; ip addr add 10.9.0.2/24 dev {nic}; ping -c 1 -W 5 10.9.0.1")
            mac = bytes.fromhex(g.sh(f"cat /sys/class/net/{nic}/address").replace(":", ""))
            frame, frames = wire.udp(mac, b"x" * 64), 2000
            before = int(g.sh(f"interrupt_count_of {nic_at}"))
            old = int(g.sh(f"cat /sys/class/net/{nic}/statistics/rx_packets"))
            for _ in range(frames):
                wire.send(frame)
            g.wait(f"[ $(cat /sys/class/net/{nic}/statistics/rx_packets) -ge {old + frames} ]", 20, "all frames arrived")
            fired = int(g.sh(f"interrupt_count_of {nic_at}")) - before
            kicked, _ = kicks(t, g, "nic", place)
            g.trace("memory_region_ops_write", False)
            t.check(0 < fired < frames // 2, f"{fired} interrupts for {frames} received frames")
            t.check(0 < kicked < frames // 2, f"{kicked} kicks for {frames} received frames")
