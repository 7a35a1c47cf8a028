# SPDX-License-Identifier: GPL-2.0
"""Sixteen disks are plugged in while the guest runs, taken out under load, and plugged in again.

Each disk has its own number at its start, which is read through the disk whose serial number says the same. All sixteen
are read at the same time when they are taken out; nothing is left behind in /proc/interrupts, /proc/ioports, /sys/block
and debugfs, and the second sixteen get the names of the first.

Rows: T110 B66
"""

from harness import devices

TIMEOUT = 300
DISKS = 16


def plug(g, number):
    """Adds a disk by QMP."""
    g.qmp.command("device_add", driver="virtio-blk-pci", id=f"disk{number}", drive=f"node{number}", serial=f"disk{number}",
                  disable_modern=True)


def all_there(t, g):
    """Waits for every disk and reads it; returns their names."""
    g.wait(f"[ $(ls -d /sys/block/*vd* 2>/dev/null | wc -l) = {DISKS} ]", 120, f"{DISKS} disks are there")
    found = g.sh("for path in /sys/block/*vd*; do disk=${path##*/}; "
                 "until [ -s $path/serial ]; do sleep 0.1; done; "
                 "echo $disk $(cat $path/serial) $(dd if=/dev/$disk bs=512 count=1 iflag=direct 2>/dev/null | head -n 1); done", 120)
    rows = [line.split() for line in found.splitlines()]
    t.equal(sorted(row[1] for row in rows), sorted(f"disk{number}" for number in range(DISKS)), "serial numbers")
    for name, serial, text in rows:
        t.equal(text, f"text-of-{serial}", f"what {name} begins with")
    return sorted(row[0] for row in rows)


def run(t):
    """Two rounds."""
    qemu = []
    for number in range(DISKS):
        image = t.disk(f"{number}.img", 4 << 20)
        with open(image, "r+b") as file:
            file.write(f"text-of-disk{number}\n".encode())
        qemu += devices.backing(f"node{number}", image)
    t.allow(r"I/O error", "requests to a disk that was taken away")
    with t.boot(args=devices.BARE, qemu=qemu, seconds=150) as g:
        names = []
        for _ in range(2):
            for number in range(DISKS):
                plug(g, number)
            names.append(all_there(t, g))
            g.sh("for path in /sys/block/*vd*; do disk=${path##*/}; (while dd if=/dev/$disk of=/dev/null bs=64k iflag=direct "
                 "2>/dev/null; do :; done) & done; for path in /sys/block/*vd*; do "
                 "until [ $(awk '{ print $1 }' $path/stat) -gt 50 ]; do sleep 0.1; done; done", 120)
            for number in range(DISKS):
                g.qmp.command("device_del", id=f"disk{number}")
            for number in range(DISKS):
                g.qmp.wait_event("DEVICE_DELETED", 120, device=f"disk{number}")
            t.equal(g.sh("ls /sys/block | grep -c vd || true"), "0", "disks left behind")
            if t.rust:
                left = g.sh("grep -h rvirtio /proc/interrupts /proc/ioports; ls /sys/kernel/debug | grep rvirtio; true")
                t.equal(left, "", "interrupts, ports and folders left behind")
        t.equal(names[1], names[0], "names of the second sixteen")
        if t.rust:
            t.equal(names[0], [f"rvd{letter}" for letter in "abcdefghijklmnop"], "names")
