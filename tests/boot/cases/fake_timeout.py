# SPDX-License-Identifier: GPL-2.0
"""The block layer's own faults: requests whose end is not told to it take until their timeout, and then end well.

On a kernel with fail_io_timeout two reads of the disk are held back. Each ends after the timeout, with its data; the
disk is not reset for that, and is as fast as ever afterwards.

Rows: B63
"""

from harness import devices

TIMEOUT = 240
HELD_BACK = 2
# So long that no other request takes longer on a busy host.
TIMEOUT_MS = 2000
SETUP = ("guest:kunit",)


def run(t):
    """One boot of the KUnit kernel, which has fault injection."""
    qemu = devices.disk("disk", t.disk("disk.img", 16 << 20), addr=4)
    with t.boot(args=[*devices.BARE, "--kernel", "kunit", "--memory", "1G"], qemu=qemu, driver="rust", seconds=150) as g:
        disk = g.sh(f"disk_of {g.pci('disk')}")
        faults = "/sys/kernel/debug/fail_io_timeout"
        g.sh(f"[ -d {faults} ] || mount -t debugfs none /sys/kernel/debug; disk_round_trip /dev/{disk} 1 64k", 60)
        g.sh(f"echo {TIMEOUT_MS} > /sys/block/{disk}/queue/io_timeout; echo 0 > {faults}/verbose; echo 100 > {faults}/probability; "
             f"echo {HELD_BACK} > {faults}/times; echo 1 > /sys/block/{disk}/io-timeout-fail")
        before = int(g.sh("uptime_ms"))
        g.sh(f"dd if=/dev/{disk} bs=4k count=16 iflag=direct 2>/dev/null | cmp - /tmp/rvtest.data -n 65536", 60)
        took = int(g.sh("uptime_ms")) - before
        t.equal(g.sh(f"cat {faults}/times"), "0", "requests that are still to be held back")
        t.check(took >= HELD_BACK * TIMEOUT_MS, f"requests that were held back took {took} ms")
        t.equal(g.sh("dmesg | grep -c 'works [a]gain'; true"), "0", "times that the disk was reset")
        g.sh(f"disk_round_trip /dev/{disk} 1 64k", 60)
