# SPDX-License-Identifier: GPL-2.0
"""Verified I/O on a disk or a network card of a guest, whoever serves it: what several cases do with theirs."""

import hashlib

MEGABYTE = 1 << 20


def disk(g, name, megabytes=8):
    """Random data past the page cache and back, and fio's own checksums; gives the checksum of the first `megabytes`."""
    written = g.sh(f"disk_round_trip /dev/{name} {megabytes} 12k", 30)
    g.sh(f"fio --name=verify --filename=/dev/{name} --offset=16M --size=4M --rw=randwrite --bsrange=512-64k "
         "--direct=1 --ioengine=libaio --iodepth=16 --verify=crc32c --verify_fatal=1 --output=/tmp/fio", 60)
    return written


def image(t, path, written, megabytes=8):
    """The image on the host begins with what the guest has written."""
    with open(path, "rb") as file:
        found = hashlib.sha256(file.read(megabytes * MEGABYTE)).hexdigest()
    t.equal(found, written, f"checksum of the image {path.name} on the host")


def card(t, g, nic, peer, amount=2 * MEGABYTE):
    """`amount` bytes each way over TCP with checksums, on a card at QEMU's user network."""
    g.sh(f"user_net_up {nic}; ping -c 1 -W 5 10.0.2.2 && head -c {amount} /dev/urandom >/tmp/out", 20)
    given = g.sh(f"tcp_get {peer.port} {amount}", 60)
    t.equal(given, peer.sent[-1], "checksum of what the guest received")
    answer = g.sh(f"tcp_put {peer.port} {amount} /tmp/out; sha256sum </tmp/out", 60).split()
    t.equal(answer[0], answer[1], "checksum of what the guest sent")


def interrupts(t, mode, address, names, wanted, irq):
    """The interrupt lines of a device are those of the mode: their names, and the number of its INTx line."""
    if mode == "intx":
        t.equal(names, [], f"{address}: MSI-X interrupts")
        t.check(irq > 0, f"{address}: no INTx line")
        return
    wanted = wanted if mode == "perqueue" else 2
    t.equal(len(names), wanted, f"{address}: interrupt lines {names}")
    t.equal(len(set(names)), wanted, f"{address}: names of the lines {names}")
    t.check(any(name.endswith("-config") for name in names), f"{address}: no config line in {names}")
