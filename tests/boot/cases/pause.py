# SPDX-License-Identifier: GPL-2.0
"""A disk is stopped while it works, and goes on: the system sleeps, the function is reset, the system ends.

fio writes with checksums to a disk at depth 16 and reads back while the system is suspended to memory and woken
up, and to one behind a PCI Express port whose function is reset again and again. Every byte is right, and the cache
mode that was set before is there afterwards. A disk that was given up before, because it asked to be reset again and
again, is still marked as failed after the sleep. When the system ends under load, the last thing that the device is told is
to reset: it is not notified any more.

Rows: T22 T30 T100 T101 T104 T106 B64 B65 H17 H35
"""

from harness import devices, power, told
from harness.load import begin, end
from harness.registers import Registers

TIMEOUT = 600
RESETS = 10
LIVE, FAILED = 7, 0x83


def give_up(t, g, registers):
    """Has a disk ask to be reset until its driver has had enough."""
    for number in range(3):
        registers.write(18, "b", 0x47)
        # The configuration changes, which the driver is told.
        g.qmp.command("block_resize", node_name="failed-node", size=(17 + number) << 20)
        g.wait(f"[ $(dmesg | grep -c ' {g.pci('failed')}: .* asks to be reset; it') -gt {number} ]", 30, "the driver has noticed")
    t.check(g.run(f"dmesg | grep -q ' {g.pci('failed')}: .* given [u]p'")[0] == 0, "the disk was not given up")
    t.equal(registers.status, FAILED, "status of a disk that was given up")


def run(t):
    """A machine with a PCI Express port."""
    qemu = devices.disk("disk", t.disk("disk.img", 16 << 20), addr=4)
    qemu += ["-device", "pcie-root-port,id=rport,bus=pcie.0,chassis=1,slot=1,addr=5"]
    qemu += devices.disk("express", t.disk("express.img", 16 << 20), bus="rport", disable__legacy=False)
    qemu += devices.disk("failed", t.disk("failed.img", 16 << 20), addr=6)
    with t.boot(args=[*devices.BARE, "--machine", "q35"], qemu=qemu, driver="rust", trace=True, seconds=240) as g:
        registers, failed = Registers(g, "disk"), Registers(g, "failed")
        disks = {name: g.sh(f"disk_of {g.pci(name)}") for name in ("disk", "express")}
        features = registers.accepted
        g.sh(f"echo write through > /sys/block/{disks['disk']}/cache_type")

        give_up(t, g, failed)
        begin(g, disks["disk"])
        power.sleep(t, g)
        end(t, g, disks["disk"], "the sleep")
        t.equal(registers.accepted, features, "features after the sleep")
        t.equal(registers.status, LIVE, "status after the sleep")
        t.equal(failed.status, FAILED, "status of the disk that was given up before")
        t.equal(g.sh(f"cat /sys/block/{disks['disk']}/cache_type"), "write through", "cache mode after the sleep")

        begin(g, disks["express"])
        reset = f"/sys/bus/pci/devices/{g.pci('express')}/reset"
        g.sh(f"for _ in $(seq {RESETS}); do echo 1 > {reset} || exit 1; sleep 0.2; done", 90)
        end(t, g, disks["express"], "the resets")
        t.equal(g.sh("dmesg | grep -c 'given [u]p'; true"), "1", "disks that were given up")

        begin(g, disks["disk"])
        told.watch(g)
    # All but the one that was given up.
    told.check_end(t, g, len(disks))
