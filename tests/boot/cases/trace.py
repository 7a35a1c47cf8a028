# SPDX-License-Identifier: GPL-2.0
"""A trace and a capture of a boot are what a program that knows nothing of the emulator makes of them, and exact.

Our drivers work a disk and a card of the emulator. Python reads each line of the traces against the
documented fields, and the capture by its format. What they say agrees with the guest: requests and sectors
with the block layer's statistics, packets and bytes with the card's, interrupts with /proc/interrupts; and
with the counts that `emulator trace --summary` prints. The pictures are well-formed.

Rows: D37
"""

import json
import struct
import xml.etree.ElementTree
from collections import Counter

from harness import devices, exercise
from harness.emulator import Emulator, look_at_trace
from harness.registers import DRIVER_OK, STATUS

TIMEOUT = 120

NUMBER, TEXT, LIST, FLAG = int, str, list, bool
MAYBE = (int, type(None))
# The fields of each kind of event, as docs/trace.md has them.
FIELDS = {
    "device": {"kind": TEXT, "features": NUMBER, "queues": LIST, "config": NUMBER, "vectors": NUMBER, "profile": TEXT},
    "client": {"connected": FLAG},
    "register": {"write": FLAG, "offset": NUMBER, "config": MAYBE, "data": TEXT},
    "master": {"on": FLAG},
    "msix": {"on": FLAG},
    "features": {"accepted": NUMBER},
    "reset": {"cause": TEXT},
    "queue_on": {"queue": NUMBER, "frame": NUMBER, "size": NUMBER},
    "queue_off": {"queue": NUMBER},
    "kick": {"queue": NUMBER, "available": MAYBE, "taken": NUMBER},
    "chain": {"queue": NUMBER, "position": NUMBER, "available": NUMBER, "head": NUMBER, "table": (dict, type(None)),
              "pieces": LIST},
    "put_back": {"queue": NUMBER, "count": NUMBER, "position": NUMBER},
    "done": {"queue": NUMBER, "position": NUMBER, "head": NUMBER, "written": NUMBER},
    "wish": {"queue": NUMBER, "wish": TEXT, "index": MAYBE},
    "interrupt": {"queue": MAYBE, "via": TEXT, "vector": MAYBE},
    "held": {"queue": NUMBER, "by": TEXT, "index": MAYBE},
    "data": {"queue": NUMBER, "data": TEXT},
    "request": {"queue": NUMBER, "kind": NUMBER, "priority": NUMBER, "sector": NUMBER, "bytes": NUMBER,
                "status": NUMBER},
    "header": {"queue": NUMBER, "sent": FLAG, "flags": NUMBER, "gso_type": NUMBER, "hdr_len": NUMBER,
               "gso_size": NUMBER, "csum_start": NUMBER, "csum_offset": NUMBER, "num_buffers": NUMBER,
               "bytes": NUMBER},
    "frame": {"sent": FLAG, "bytes": NUMBER},
    "command": {"queue": NUMBER, "class": NUMBER, "command": NUMBER, "bytes": NUMBER, "answer": NUMBER},
}
COMMON = {"seq": NUMBER, "us": NUMBER, "event": TEXT}
IN, OUT, FLUSH = 0, 1, 4


def read(t, path):
    """The events of a trace, each with the documented fields and no other, in order and without gaps."""
    events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for number, event in enumerate(events):
        fields = {**COMMON, **FIELDS.get(event.get("event"), {"?": NUMBER})}
        good = event.keys() == fields.keys() and all(isinstance(event[name], kind) for name, kind in fields.items())
        t.check(good and event["seq"] == number, f"{path.name} line {number + 1}: {event}")
    times = [event["us"] for event in events]
    t.check(times == sorted(times), f"{path.name}: time goes back")
    return events


def since_linux(events):
    """What happened since the reset by the last driver that became ready: the firmware had its turn before.

    When the system ends the driver resets the device once more.
    """
    ready = max(number for number, event in enumerate(events) if event["event"] == "register" and event["write"]
                and event["offset"] == STATUS and int(event["data"], 16) & DRIVER_OK)
    last = max(number for number, event in enumerate(events[:ready]) if event.get("cause") == "status")
    return events[last:]


def summary(t, path):
    """The counts that the program prints, by section and name."""
    found, section = {}, ""
    for line in look_at_trace(t, path, "--summary").splitlines():
        if not line.startswith(" "):
            section = line if line.startswith("queue") else line.split()[0]
        elif len(line.split()) > 1:
            name, *counts = line.strip().rsplit(maxsplit=1)
            found[section, name] = counts[0]
    return found


def check_rings(t, path, events):
    """Every chain is given back, and the program counts as Python does."""
    printed = summary(t, path)
    for queue in {event["queue"] for event in events if event["event"] in ("kick", "chain")}:
        mine = [event for event in events if event.get("queue") == queue]
        count = Counter(event["event"] for event in mine)
        chains = count["chain"] - sum(event["count"] for event in mine if event["event"] == "put_back")
        sent = sum(event["event"] == "interrupt" and event["via"] != "nowhere" for event in mine)
        written = sum(event["written"] for event in mine if event["event"] == "done")
        t.equal(count["done"], chains, f"{path.name}: chains given back in queue {queue}")
        wanted = {"kicks": count["kick"], "chains": chains, "chains given back": count["done"],
                  "interrupts": sent, "bytes written": written}
        got = {name: int(printed[f"queue {queue}", name]) for name in wanted}
        t.equal(got, wanted, f"{path.name}: counts of queue {queue}")


def check_disk(t, path, stat, fired):
    """The disk's trace against the fields of its statistics in sysfs."""
    events = read(t, path)
    check_rings(t, path, events)
    linux = since_linux(events)
    requests = [event for event in linux if event["event"] == "request"]
    t.check(all(event["status"] == 0 for event in requests), "a request has failed")
    count = Counter(event["kind"] for event in requests)
    sectors = {kind: sum(event["bytes"] // 512 for event in requests if event["kind"] == kind) for kind in (IN, OUT)}
    t.equal([count[IN], count[FLUSH]], [stat[0], stat[15]], "reads and flushes")
    t.equal([sectors[IN], sectors[OUT]], [stat[2], stat[6]], "sectors read and written")
    # The block layer counts a flush without data as a write, too.
    t.check(count[OUT] <= stat[4] <= count[OUT] + count[FLUSH], f"{stat[4]} writes in the guest, {count} in the trace")
    check_interrupts(t, path, linux, fired)


def check_interrupts(t, path, events, fired):
    """Nothing is counted in the guest that was not sent; two at once may be counted as one."""
    sent = sum(event["event"] == "interrupt" and event["via"] == "vector" for event in events)
    t.check(0 < fired <= sent, f"{path.name}: {fired} interrupts in the guest, {sent} sent")
    t.check(fired > sent * 9 // 10, f"{path.name}: {fired} interrupts in the guest, {sent} sent")


def check_card(t, path, capture, stat, fired):
    """The card's trace against its statistics: packets and bytes received and sent; the capture has the same frames."""
    events = read(t, path)
    check_rings(t, path, events)
    linux = since_linux(events)
    frames = [event for event in events if event["event"] == "frame"]
    seen = []
    for sent in (False, True):
        sizes = [event["bytes"] for event in frames if event["sent"] == sent]
        seen += [len(sizes), sum(sizes)]
    t.equal(seen, stat, "packets and bytes received, packets and bytes sent")
    check_interrupts(t, path, linux, fired)
    t.equal([len(frame) for frame in pcap(t, capture)], [event["bytes"] for event in frames], "lengths of the frames")


def pcap(t, path):
    """The frames of a capture in the classic format, in order of time."""
    data = path.read_bytes()
    header = struct.unpack("<IHHiIII", data[:24])
    t.equal(header[:5] + header[6:], (0xA1B2C3D4, 2, 4, 0, 0, 1), "header of the capture")
    frames, at, last = [], 24, (0, 0)
    while at < len(data):
        seconds, micros, kept, length = struct.unpack("<IIII", data[at:at + 16])
        t.check(kept == length <= header[5] and micros < 1_000_000, f"{path.name}: record at byte {at}")
        t.check((seconds, micros) >= last, f"{path.name}: time goes back at byte {at}")
        frames.append(data[at + 16:at + 16 + kept])
        last, at = (seconds, micros), at + 16 + kept
    t.equal(at, len(data), "end of the last frame")
    types = {frame[12:14] for frame in frames}
    t.check(types <= {b"\x08\x00", b"\x08\x06", b"\x86\xdd"}, f"kinds of frames: {types}")
    t.check(b"\x08\x00" in types, "no IPv4 frame was captured")
    return frames


def pictures(t, path):
    """The whole trace and the part in which the queues are set up are drawn."""
    for words in ((), ("--to", "#60")):
        picture = path.with_suffix(".svg")
        look_at_trace(t, path, "--svg", picture, *words)
        t.check(xml.etree.ElementTree.parse(picture).getroot().tag.endswith("svg"), f"{picture.name} is no picture")


def run(t):
    """One boot with both devices."""
    image = t.disk("disk.img", 64 << 20)
    disk_trace, card_trace, capture = (image.with_name(name) for name in ("disk.trace", "nic.trace", "nic.pcap"))
    with Emulator.several(t, {
            "disk": ("blk", "--disk", image, "--queues", 2, "--trace", disk_trace),
            "nic": ("net", "--mac", "52:54:00:77:00:01", "--trace", card_trace, "--pcap", capture),
    }) as device:
        qemu = [*Emulator.memory(), *device.qemu("disk", addr="4"), *device.qemu("nic", addr="5"),
                *device.user_net("nic")]
        with t.boot(args=devices.BARE, qemu=qemu, driver="rust") as g:
            disk, nic = g.sh(f"disk_of {g.pci('disk')}"), g.sh(f"nic_of {g.pci('nic')}")
            exercise.disk(g, disk, 4)
            g.sh(f"echo 1 >/proc/sys/net/ipv6/conf/{nic}/disable_ipv6; user_net_up {nic}; "
                 "for size in 18 100 1000 1472; do ping -c 3 -i 0.05 -W 5 -s $size 10.0.2.2 || exit 1; done", 30)
            g.sh(f"ip link set {nic} down")
            names = "rx_packets rx_bytes tx_packets tx_bytes"
            stat = [int(v) for v in g.sh(f"cd /sys/class/net/{nic}/statistics; cat {names}").split()]
            block = [int(v) for v in g.sh(f"cat /sys/block/{disk}/stat").split()]
            fired = {name: int(g.sh(f"interrupt_count_of {g.pci(name)}")) for name in ("disk", "nic")}
    check_disk(t, disk_trace, block, fired["disk"])
    check_card(t, card_trace, capture, stat, fired["nic"])
    for path in (disk_trace, card_trace):
        pictures(t, path)
