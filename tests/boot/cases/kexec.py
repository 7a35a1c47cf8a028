# SPDX-License-Identifier: GPL-2.0
"""A kernel starts another one under load: in good order, and by a crash; the other one finds both devices and all data.

Files are written and synced on one disk, fio writes at depth 16 to one on the interrupt pin, and a card is flooded with pings.
The kernel is told to start itself anew: the last thing that each device is told is to reset. Then the same with a kernel that
panics: its crash kernel finds devices that work still, with rings and interrupts of a kernel that is gone, and the first thing
that they are told is to reset. Both times the new kernel's drivers come up, the files that were synced are there, fio verifies
what it writes, and the card answers.

Rows: T104 T109 B69
"""

from harness import devices, synced, told
from harness.load import begin, end, flood

TIMEOUT = 600
RESERVED = "512M"
DEVICES = 5


def plug_kernel(g):
    """Two disks more, with the kernel's image and the initramfs that the guest was booted from."""
    for name, path in zip(("kernel", "initrd"), g.booted_from()):
        g.qmp.command("blockdev-add", driver="raw", node_name=f"{name}-node", read_only=True,
                      file={"driver": "file", "filename": str(path)})
        g.qmp.command("device_add", driver="virtio-blk-pci", id=name, drive=f"{name}-node", disable_modern=True)
        g.wait(f"disk_of {g.pci(name)}", 20, f"the disk with the {name}")


def load(g, how, words):
    """Has the kernel hold another one, with these words on its command line."""
    for name in ("kernel", "initrd"):
        g.sh(f"dd if=/dev/$(disk_of {g.pci(name)}) of=/tmp/{name} bs=1M", 60)
    g.sh(f"kexec -s {how} /tmp/kernel --initrd=/tmp/initrd --command-line=\"$(sed 's/crashkernel=[^ ]*//' /proc/cmdline) {words}\" && "
         "rm /tmp/kernel /tmp/initrd", 120)


def busy(t, g):
    """Both disks and the card are used; where in the log that begins."""
    since = len(g.log_text())
    synced.begin(g, g.sh(f"disk_of {g.pci('files')}"))
    begin(g, g.sh(f"disk_of {g.pci('pin')}"))
    flood(g, g.sh(f"nic_of {g.pci('card')}"))
    synced.wait(t, g, 20, since)
    return since


def all_there(t, g, since, what):
    """What a new kernel finds."""
    files, pin = (g.sh(f"disk_of {g.pci(name)}") for name in ("files", "pin"))
    g.sh(f"mount -t ext4 /dev/{files} /mnt", 60)
    sums = dict(reversed(line.split("  ")) for line in g.sh("cd /mnt && sha256sum ?-*", 60).splitlines())
    g.sh(f"umount /mnt && e2fsck -fn /dev/{files}", 60)
    synced.check(t, synced.said(g, since)[0], sums)
    begin(g, pin)
    end(t, g, pin, what)
    g.sh(f"user_net_up $(nic_of {g.pci('card')}); ping -c 3 -W 5 10.0.2.2", 30)


def hand_over(t, g, command, word):
    """Has another kernel start; gives where in the log the use of the devices before it began."""
    since, traced = busy(t, g), len(g.trace_file.read_text())
    told.watch(g)
    g.start(command)
    g.boots_anew(150)
    t.check(word in g.sh("cat /proc/cmdline"), "another kernel has not started")
    told.check_handover(t, g, DEVICES, traced)
    return since


def run(t):
    """Three kernels in one QEMU."""
    qemu = devices.disk("files", t.disk("files.img", 48 << 20), addr=4)
    qemu += devices.disk("pin", t.disk("pin.img", 16 << 20), addr=5, vectors=0) + devices.user_net("card", addr=3)
    t.allow("Kernel panic - not syncing: sysrq triggered crash|Call Trace", "the kernel is to panic")
    with t.boot(args=[*devices.BARE, "--memory", "1536M", "--append", f"crashkernel={RESERVED}"], qemu=qemu,
                trace=True, seconds=150) as g:
        plug_kernel(g)
        load(g, "-l", f"crashkernel={RESERVED} rvtest.kernel=2")
        since = hand_over(t, g, "kexec -e -x", "rvtest.kernel=2")
        all_there(t, g, since, "the new kernel")

        load(g, "-p", "nr_cpus=1 rvtest.kernel=3")
        since = hand_over(t, g, "echo c >/proc/sysrq-trigger", "rvtest.kernel=3")
        g.sh("[ -e /proc/vmcore ]")
        all_there(t, g, since, "the crash")
        log = g.log_text()
        t.equal([log.count(text) for text in ("Kernel panic", "Call Trace")], [1, 1], "panics, and what they print")
