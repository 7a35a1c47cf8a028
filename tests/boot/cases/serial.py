# SPDX-License-Identifier: GPL-2.0
"""The disk's serial is in sysfs: none, a short one, and one of 20 bytes without an end mark.

The request for it also works while the ring of four entries is busy with other I/O.

Rows: B35 B70
"""

from harness import devices

SERIALS = {"none": None, "short": "abc-1", "full": "0123456789abcdefghij"}


def run(t):
    """Three disks."""
    qemu = []
    for name, serial in SERIALS.items():
        more = {"serial": serial} if serial else {}
        qemu += devices.disk(name, t.disk(f"{name}.img", 32 << 20), queue__size=4, **more)
    with t.boot(args=devices.BARE, qemu=qemu) as g:
        disks = {name: g.sh(f"disk_of {g.pci(name)}") for name in SERIALS}
        for name, serial in SERIALS.items():
            t.equal(g.sh(f"cat /sys/block/{disks[name]}/serial"), serial or "", f"{name}: serial")
        disk = disks["full"]
        reads = f"$(awk '{{ print $1 }}' /sys/block/{disk}/stat)"
        g.sh(f"fio --name=load --filename=/dev/{disk} --rw=randread --bs=4k --direct=1 --ioengine=libaio --iodepth=32 "
             "--time_based --runtime=100 --output=/tmp/fio & echo $! >/tmp/fio.pid")
        g.wait(f"[ {reads} -gt 200 ]", 20, "fio reads")
        for _ in range(10):
            before = int(g.sh(f"echo {reads}"))
            t.equal(g.sh(f"cat /sys/block/{disk}/serial"), SERIALS["full"], "serial under load")
            g.wait(f"[ {reads} -gt {before} ]", 10, "reads go on")
        g.sh("kill -INT $(cat /tmp/fio.pid); while kill -0 $(cat /tmp/fio.pid) 2>/dev/null; do sleep 0.1; done", 30)
