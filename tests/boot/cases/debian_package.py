# SPDX-License-Identifier: GPL-2.0
"""The Debian packages hand devices to our drivers at boot, the disk with the root file system too, and go without a trace.

In a small Debian with the stock kernel, both packages are installed as an administrator does it, a disk and all cards are
named, and the initramfs is made by Debian's own tools. The system then boots from it: Linux's built-in driver has every
device first, and the root file system, named by its label, comes up on our disk; the second disk, which is not named, stays
with Linux's driver, and udev hands over the card. A disk that is named only later, while it is mounted, is left where it is;
once it is not, it is handed over. Then the packages are purged: every file of the system is again as it was
before, but for what dpkg and the initramfs's tools note down.

Rows: T1 B49
"""

import os
import re
import subprocess

from harness import devices
from harness.case import LOGS, ROOT
from rvirtio import deb, kernels, rootfs

TIMEOUT = 900
SETUP = ("deb", "bootable")

# The first process of the booted system.
INIT = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin
mount -t proc none /proc 2>/dev/null; mount -t sysfs none /sys 2>/dev/null
{ /usr/lib/systemd/systemd-udevd --daemon; udevadm trigger --action=add; udevadm settle --timeout=60; } >/dev/null 2>&1
echo "RESULT root $(awk '$2 == "/" && $1 ~ /dev/ { print $1 }' /proc/mounts)"
for dev in /sys/bus/pci/devices/*; do
    [ "$(cat $dev/vendor)" = 0x1af4 ] && echo "RESULT ${dev##*/} $(basename "$(readlink $dev/driver)")"
done
mke2fs -q /dev/vda && mkdir -p /mnt && mount /dev/vda /mnt && echo blk >>/etc/rvirtio/devices
/usr/lib/rvirtio/hand-over; echo "RESULT mounted $(basename "$(readlink /sys/bus/pci/devices/0000:00:05.0/driver)")"
umount /mnt || echo "RESULT umount $?"; /usr/lib/rvirtio/hand-over
echo "RESULT unmounted $(basename "$(readlink /sys/bus/pci/devices/0000:00:05.0/driver)")"
echo "RESULT disks $(ls /sys/block | tr '\\n' ' ')"
echo "RESULT uuid $(readlink /dev/disk/by-uuid/$(blkid -o value -s UUID $(awk '$2 == "/" { print $1 }' /proc/mounts | tail -n 1)))"
touch /written && sync && echo "RESULT end ok"
echo o >/proc/sysrq-trigger
sleep 60
"""

# What installing, removing and making an initramfs leave of themselves.
NOTES = re.compile(r"/(var/(lib/(dpkg|initramfs-tools|systemd|apt)|log|cache)|tmp|run|proc|dev|sys)(/|$)|/boot/initrd|"
                   r"/(boot|root|etc)$|/usr/lib/modules/[^/]*(/modules\..*)?$|/usr/lib$|/usr/share/doc$|/usr/share/initramfs-tools/hooks$|"
                   r"/usr/lib/udev/rules.d$|/etc/ld.so.cache$")


def inside(tree, *command):
    """Runs a command of the system in `tree`."""
    done = subprocess.run([ROOT / "scripts" / "in-root", *command], check=False, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "RVIRTIO_ROOT": str(tree), "DEBIAN_FRONTEND": "noninteractive"})
    return done.returncode, done.stdout


def state(tree):
    """Every file of a system, with its mode and size, or where it leads; not what tools note down."""
    found = {}
    for folder, names, files in os.walk(tree):
        for name in (*names, *files):
            path = os.path.join(folder, name)
            inner = path[len(str(tree)):]
            if not NOTES.search(inner):
                about = os.lstat(path)
                found[inner] = os.readlink(path) if os.path.islink(path) else (about.st_mode, about.st_size if name in files else 0)
    return found


def install(t, tree, packages):
    """Both packages, and what is to be handed over."""
    status, said = inside(tree, "dpkg", "-i", *map(str, packages))
    t.equal(status, 0, f"dpkg -i, which said {said[-300:]}")
    with open(tree / "etc/rvirtio/devices", "a", encoding="ascii") as file:
        file.write("0000:00:04.0\nnet\n")
    status, said = inside(tree, "update-initramfs", "-u", "-k", kernels.release("stock"))
    t.equal(status, 0, f"update-initramfs, which said {said[-300:]}")


def boot(t, tree):
    """Boots the system from its own initramfs; returns what its first process found."""
    image = t.directory / "root.img"
    rootfs.image_of(tree, image, "1500M")
    release = kernels.release("stock")
    log = LOGS / "debian-package.log"
    log.unlink(missing_ok=True)
    t.logs.append(log)
    qemu = ["qemu-system-x86_64", "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot", "-machine", "pc,accel=tcg",
            "-cpu", "max,la57=off", "-smp", "2", "-m", "1G", "-kernel", tree / "boot" / f"vmlinuz-{release}",
            "-initrd", tree / "boot" / f"initrd.img-{release}", "-serial", f"file:{log}",
            "-append", "console=ttyS0 root=LABEL=root rw init=/rvtest panic=-1 nokaslr mitigations=off no_timer_check loglevel=6",
            *devices.disk("disk", image, addr=4), *devices.disk("other", t.disk("other.img", 8 << 20), addr=5),
            *devices.user_net("nic", addr=3)]
    with subprocess.Popen([ROOT / "scripts" / "in-root", *map(str, qemu)], stdin=subprocess.DEVNULL) as process:
        try:
            process.wait(t.remaining())
        finally:
            process.kill()
    text = log.read_text(errors="replace")
    bad = t.judge(text)
    t.check(not bad, f"the guest's log says: {bad}")
    found = dict(line.split(" ", 2)[1:] for line in re.findall(r"^RESULT \S+ [^\r\n]*", text, re.M))
    return {**found, "said": re.findall(r"rvirtio[^\r\n]*", text)[-4:]}


def run(t):
    """Install, boot, purge."""
    packages = deb.ensure()
    tree = t.directory / "tree"
    subprocess.run(["cp", "-a", rootfs.bootable_tree(), tree], check=True)
    before = state(tree)
    install(t, tree, packages)
    (tree / "rvtest").write_text(INIT)
    (tree / "rvtest").chmod(0o755)

    found = boot(t, tree)
    t.equal(found.get("end"), "ok", f"the booted system's last word, after {found}")
    t.equal(found["root"], "/dev/rvda", "the root file system's disk")
    t.equal(found["0000:00:04.0"], "rvirtio_blk", "driver of the named disk")
    t.equal(found["0000:00:05.0"], "virtio-pci", "driver of the disk that is not named")
    t.equal(found["0000:00:03.0"], "rvirtio_net", "driver of the card")
    t.equal(found["mounted"], "virtio-pci", "driver of a mounted disk that was named")
    t.equal(found["unmounted"], "rvirtio_blk", f"driver of that disk when it was no longer mounted; {found}")
    t.equal(found["uuid"].rsplit("/", 1)[-1], "rvda", "what the file system's UUID leads to")

    (tree / "rvtest").unlink()
    status, said = inside(tree, "dpkg", "--purge", "rvirtio", f"rvirtio-modules-{kernels.release('stock')}")
    t.equal(status, 0, f"dpkg --purge, which said {said[-300:]}")
    after = state(tree)
    left = sorted(set(after) - set(before))
    t.equal(left, [], "files left behind")
    changed = [name for name in before if after.get(name) != before[name]]
    t.equal(changed, [], "files changed or gone")
