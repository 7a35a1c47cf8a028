# SPDX-License-Identifier: GPL-2.0
"""The cache mode is in sysfs and, with CONFIG_WCE, can be changed there; flushes follow it.

The disk without CONFIG_WCE shows the mode that FLUSH stands for, in a file that nobody can write.

Rows: B11 B46 B48
"""

from harness import devices


def run(t):
    """Two disks, one whose cache mode can be set."""
    qemu = devices.disk("settable", t.disk("settable.img", 32 << 20))
    qemu += devices.disk("fixed", t.disk("fixed.img", 32 << 20), config__wce=False)
    with t.boot(args=devices.BARE, qemu=qemu) as g:
        disks = {name: "/sys/block/" + g.sh(f"disk_of {g.pci(name)}") for name in ("settable", "fixed")}
        for name, mode in (("settable", "rw-r--r--"), ("fixed", "r--r--r--")):
            t.equal(g.sh(f"cat {disks[name]}/cache_type"), "write back", f"{name}: cache_type")
            t.equal(g.sh(f"ls -l {disks[name]}/cache_type")[1:10], mode, f"{name}: mode of cache_type")

        disk = disks["settable"]
        for mode in ("write through", "write back"):
            g.sh(f"echo {mode} > {disk}/cache_type")
            t.equal(g.sh(f"cat {disk}/cache_type"), mode, "cache_type after setting it")
            t.equal(g.sh(f"cat {disk}/queue/write_cache"), mode, "write_cache after setting cache_type")
            flushes = f"awk '{{ print $16 }}' {disk}/stat"
            before = int(g.sh(flushes))
            g.sh(f"dd if=/dev/zero of=/dev/{disk.split('/')[-1]} bs=4k count=1 conv=fsync,notrunc 2>/dev/null")
            t.equal(int(g.sh(flushes)) > before, mode == "write back", f"{mode}: an fsync made a flush")
        t.check(g.run(f"echo sideways > {disk}/cache_type")[0] != 0, "a mode that does not exist was taken")
        t.equal(g.sh(f"cat {disk}/cache_type"), "write back", "cache_type after a bad one")
