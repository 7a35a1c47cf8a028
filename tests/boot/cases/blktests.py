# SPDX-License-Identifier: GPL-2.0
"""What blktests' group `block` does to a disk, as far as it fits this one and no other case does it.

Each function says in its name which test it stands for; the numbers are those of blktests. Data is verified throughout: by fio
while queues are reconfigured, and by comparing the image on the host with what it must be.

Rows: B33 B34 B36 B66
"""

import random
import struct

from harness import devices
from harness.load import begin, end

TIMEOUT = 300
MIB = 1 << 20
SECTOR = 512


def ranges(dice):
    """Pieces of the disk, of every alignment and none twice: (start, length) in sectors."""
    found, at = [], 3
    while len(found) < 40:
        length = dice.choice([1, 2, 7, 8, 9, 63, 255, 800])
        found.append((at, length))
        at += length + dice.choice([1, 5, 8, 77, 300])
    return found


def discard_003_009(t, g, disk, image, content, dice):
    """Discards and zeroes at odd offsets touch nothing else, and no cached page tells of what was before."""
    pieces = ranges(dice)
    zeroed, discarded = pieces[::2], pieces[1::2]
    g.sh(f"cat /dev/{disk} >/dev/null")
    calls = [("-z ", piece) for piece in zeroed] + [("", piece) for piece in discarded]
    g.sh("\n".join(f"blkdiscard {how}-o {start * SECTOR} -l {length * SECTOR} /dev/{disk} || exit 1"
                   for how, (start, length) in calls), 120)
    cached, direct = g.sh(f"sha256sum </dev/{disk}; dd if=/dev/{disk} bs=64k iflag=direct 2>/dev/null | sha256sum", 60).splitlines()
    t.equal(cached, direct, "what the page cache has, and what the disk has")
    found, wanted = bytearray(image.read_bytes()), bytearray(content)
    for start, length in zeroed:
        piece = slice(start * SECTOR, (start + length) * SECTOR)
        t.equal(found[piece].count(0), length * SECTOR, f"zeroes in {length} sectors from {start}, which were zeroed")
    for start, length in pieces:
        piece = slice(start * SECTOR, (start + length) * SECTOR)
        found[piece] = wanted[piece] = bytes(length * SECTOR)
    t.check(found == wanted, "sectors changed that nobody discarded")
    g.sh(f"fio --name=trims --filename=/dev/{disk} --rw=randtrim --bsrange=4k-4m --norandommap --number_ios=200 --output=/tmp/fio", 60)


def flush_004(t, g, disk):
    """A flush after each of many writes reaches the device."""
    def flushes():
        return sum(entry["stats"]["flush_operations"] for entry in g.qmp.command("query-blockstats")
                   if "disk" in entry.get("qdev", "").split("/"))
    before = flushes()
    g.sh(f"fio --name=flushes --filename=/dev/{disk} --size=4M --bs=4k --rw=randwrite --norandommap --fsync=1 --number_ios=256 "
         "--direct=1 --output=/tmp/fio", 60)
    # fio ends with the last write.
    t.check(flushes() - before >= 255, f"flushes for 256 writes: {flushes() - before}")


def schedulers_005_021(t, g, disk):
    """The scheduler, the number of requests and other attributes of the queue change under verified load."""
    queue = f"/sys/block/{disk}/queue"
    g.sh("for name in mq-deadline kyber-iosched; do modprobe $name; done")
    known = g.sh(f"tr -d '[]' <{queue}/scheduler").split()
    t.check(len(known) >= 3, f"the schedulers to choose from are {known}")
    most = int(g.sh(f"cat {queue}/nr_requests"))
    begin(g, disk)
    attributes = {"nomerges": (2, 1, 0), "rq_affinity": (2, 0, 1), "read_ahead_kb": (0, 128), "max_sectors_kb": (4, 1280),
                  "iostats": (0, 1), "add_random": (1, 0), "nr_requests": (4, most // 2, most)}
    changes = "".join(f"set_to {name} {value}\n" for name, values in attributes.items() for value in values)
    for scheduler in known * 3:
        g.sh(f"set_to() {{ echo $2 >{queue}/$1 && [ $(cat {queue}/$1) = $2 ] || {{ echo $1 $2; exit 1; }}; }}\n"
             f"echo {scheduler} >{queue}/scheduler && grep -q '\\[{scheduler}\\]' {queue}/scheduler || exit 1\n{changes}", 60)
    end(t, g, disk, "changes of its queue")


def counters_017_018(t, g, disk):
    """Requests in flight are counted while there are some, and those that were."""
    inflight = f"awk '{{ print $1 + $2 }}' /sys/block/{disk}/inflight"
    begin(g, disk)
    g.wait(f"[ $({inflight}) -gt 0 ]", 60, "requests are counted in flight")
    end(t, g, disk, "its counters being read")
    t.equal(g.sh(inflight), "0", "requests in flight afterwards")
    stat = f"awk '{{ print $1, $3, $5, $7 }}' /sys/block/{disk}/stat"
    before = list(map(int, g.sh(stat).split()))
    g.sh(f"dd if=/dev/{disk} of=/dev/null bs=8k count=7 iflag=direct; dd if=/dev/zero of=/dev/{disk} bs=4k count=5 oflag=direct")
    after = list(map(int, g.sh(stat).split()))
    t.equal([new - old for old, new in zip(before, after)], [7, 112, 5, 40], "reads, their sectors, writes, their sectors")


def trace_002(t, g, disk):
    """Requests are traced, again and again, while there are many."""
    g.sh("mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; echo blk >/sys/kernel/tracing/current_tracer")
    begin(g, disk)
    for _ in range(3):
        g.sh(f"echo 1 >/sys/block/{disk}/trace/enable")
        g.wait("grep -q ' C  *[A-Z]* [0-9]* + 8 ' /sys/kernel/tracing/trace", 30, "requests are traced")
        g.sh(f"echo 0 >/sys/block/{disk}/trace/enable; echo >/sys/kernel/tracing/trace")
    end(t, g, disk, "tracing")
    g.sh("echo nop >/sys/kernel/tracing/current_tracer")


def read_only_012(t, g, disk):
    """A disk that was made read-only takes no write, and takes them again when it is not."""
    write = f"dd if=/dev/zero of=/dev/{disk} bs=4k count=1 oflag=direct"
    g.sh(f"blockdev --setro /dev/{disk}")
    for command in (write, f"blkdiscard -l 4096 /dev/{disk}"):
        t.check(g.run(command)[0] != 0, f"a read-only disk let `{command}` pass")
    g.sh(f"dd if=/dev/{disk} of=/dev/null bs=4k count=1 iflag=direct && blockdev --setrw /dev/{disk} && {write}")


def alignment(t, g, disk, disk4k):
    """Direct I/O that is not in whole blocks fails."""
    for right, sizes in ((False, {disk: 100, disk4k: 512}), (True, {disk: 512, disk4k: 4096})):
        jobs = " ".join(f"--name={way}-{name} --filename=/dev/{name} --rw={way} --bs={size} --size={size}"
                        for name, size in sizes.items() for way in ("read", "write"))
        status, said = g.run(f"fio --direct=1 --ioengine=psync {jobs} 2>&1", 60)
        t.equal((status == 0, said.count("): err=22 "), said.count("): err= 0")), (right, 0 if right else 4, 4 if right else 0),
                f"direct I/O of {sizes}: success, EINVAL and no error, {said[:300]}")


def partition_table(*partitions):
    """A table with these partitions, (start, length) in sectors, as the first sector of a disk."""
    entries = b"".join(struct.pack("<4xB3xII", 0x83, *entry) for entry in partitions)
    return bytes(446) + entries.ljust(64, b"\0") + b"\x55\xaa"


def partitions_013(t, g, disk, image):
    """Partitions are where the table says; it is read anew when asked for, but not while one is mounted."""
    text = "the second one begins here"
    g.sh(f"[ $(cat /sys/block/{disk}/{disk}2/size) = 4096 ] && "
         f"printf '{text}' | dd of=/dev/{disk}2 bs=512 conv=sync oflag=direct && mkfs.ext4 -q /dev/{disk}1 && mount /dev/{disk}1 /mnt", 60)
    t.equal(image.read_bytes()[10240 * SECTOR:][:len(text)], text.encode(), "what the image has where the second one begins")
    t.check(g.run(f"blockdev --rereadpt /dev/{disk}")[0] != 0, "the table was read anew while a partition was mounted")
    g.sh(f"umount /mnt && dd if=/dev/zero of=/dev/{disk} bs=1 seek=462 count=16 conv=notrunc,fsync && blockdev --rereadpt /dev/{disk}")
    t.equal(g.sh(f"cd /sys/block/{disk} && echo {disk}[0-9]"), f"{disk}1", "partitions that are left")


def removal_032(t, g, disk):
    """A disk goes whose file system is mounted and written to."""
    g.sh(f"mkfs.ext4 -q /dev/{disk} && mount /dev/{disk} /mnt && (while dd if=/dev/zero of=/mnt/file bs=64k count=64 conv=fsync; "
         f"do :; done; echo $? >/tmp/gone) >/dev/null 2>&1 & until [ -s /mnt/file ]; do sleep 0.1; done", 60)
    g.qmp.command("device_del", id="mounted")
    g.qmp.wait_event("DEVICE_DELETED", 60, device="mounted")
    g.wait("[ -e /tmp/gone ]", 60, "the writer has noticed")
    g.sh("umount /mnt", 60)
    t.check(g.run(f"[ -e /sys/block/{disk} ]")[0] != 0, "the disk is still there")


def run(t):
    """All in one boot."""
    dice = random.Random(1)
    content = dice.randbytes(8 * MIB)
    images = {name: t.disk(f"{name}.img", 8 * MIB) for name in ("disk", "trims", "parted", "block4k", "mounted")}
    images["trims"].write_bytes(content)
    with open(images["parted"], "r+b") as image:
        image.write(partition_table((2048, 8192), (10240, 4096)))
    qemu = devices.backing("trims-node", images["trims"], discard="unmap") + devices.blk("trims", "trims-node")
    qemu += devices.disk("block4k", images["block4k"], logical_block_size=4096, physical_block_size=4096)
    for name in ("disk", "parted", "mounted"):
        qemu += devices.disk(name, images[name])
    with t.boot(args=devices.BARE, qemu=qemu) as g:
        names = {name: g.sh(f"disk_of {g.pci(name)}") for name in images}
        discard_003_009(t, g, names["trims"], images["trims"], content, dice)
        flush_004(t, g, names["disk"])
        schedulers_005_021(t, g, names["disk"])
        counters_017_018(t, g, names["disk"])
        trace_002(t, g, names["disk"])
        read_only_012(t, g, names["disk"])
        alignment(t, g, names["disk"], names["block4k"])
        partitions_013(t, g, names["parted"], images["parted"])
        t.allow(r"I/O error|EXT4-fs (error|warning)", "a mounted disk is taken away")
        removal_032(t, g, names["mounted"])
