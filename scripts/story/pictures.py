# SPDX-License-Identifier: GPL-2.0
"""The pictures of the document, each from the same boots as the excerpts."""

from .excerpts import due, held
from .svg import DEVICE, DRIVER, INK, QUIET, Drawing
from .trace import Missing, Ring

# What the pieces of a block request are.
PIECES = ("header", "data", "status")


def ring(boots):
    """One read in the disk's ring, with the addresses of that boot."""
    life, _, chain, done, _ = boots.block_read()
    parts = Ring(life.frames[0], life.sizes[0])
    new = Drawing(960, 430, "One read in the ring of the disk")
    new.text(20, 28, f"Queue 0 of the disk, {parts.size} entries: one read of 4096 bytes", 16, bold=True)
    new.text(20, 48, "Blue is written by the driver, brown by the device. All addresses are guest-physical.", 12, QUIET)
    _rings(new, parts, chain, done)
    _table(new, parts, chain)
    return new


def _part(new, y, title, at, cells, colour):
    """A part of the ring: title, address and some of its cells. Gives the middle of the last cell."""
    new.text(20, y - 8, title, 13, colour, bold=True)
    new.text(310, y - 8, f"at {at:#x}", 12, colour, anchor="end", mono=True)
    x = 20
    for name, value, width in cells:
        new.box(x, y, width, 44, colour)
        new.text(x + width / 2, y + 17, name, 11, QUIET, "middle")
        new.text(x + width / 2, y + 35, value, 13, colour, "middle", mono=True)
        x += width


def _rings(new, parts, chain, done):
    slot = chain["position"] % parts.size
    _part(new, 100, "available ring", parts.avail,
          [("flags", "0", 60), ("idx", str((chain["position"] + 1) % 65536), 60), ("...", "", 40),
           (f"ring[{slot}]", str(chain["head"]), 80), ("...", "", 40)], DRIVER)
    _part(new, 330, "used ring", parts.used,
          [("flags", "0", 60), ("idx", str((done["position"] + 1) % 65536), 60), ("...", "", 30),
           (f"ring[{done['position'] % parts.size}]", f"{done['head']}, {done['written']}", 110), ("...", "", 30)], DEVICE)
    new.text(20, 395, "head of the chain, and bytes that the device has written", 12, QUIET)
    _part(new, 215, "descriptor table", parts.table,
          [("...", "", 40), (f"descriptor {chain['head']}", "table" if chain["table"] else "buffer", 200), ("...", "", 40)],
          DRIVER)
    new.path([(220, 144), (220, 178), (160, 178), (160, 213)], arrow=True)
    new.path([(190, 330), (190, 295), (160, 295), (160, 261)], arrow=True, dashed=True)


def _table(new, parts, chain):
    table = chain["table"]["at"] if chain["table"] else parts.table
    new.text(400, 92, "indirect table" if chain["table"] else "its descriptors", 13, DRIVER, bold=True)
    new.text(650, 92, f"at {table:#x}", 12, DRIVER, anchor="end", mono=True)
    new.path([(260, 237), (340, 237), (340, 122), (398, 122)], arrow=True)
    for number, piece in enumerate(chain["pieces"]):
        y = 100 + 88 * number
        new.box(400, y, 250, 66, DRIVER)
        name = PIECES[min(number, 2)] if number < len(chain["pieces"]) - 1 else PIECES[2]
        flags = ["NEXT"] * (number < len(chain["pieces"]) - 1) + ["WRITE"] * piece["writable"]
        new.text(410, y + 18, f"descriptor {piece['index']}", 11, QUIET)
        new.text(410, y + 36, f"addr {piece['at']:#x}", 12, DRIVER, mono=True)
        new.text(410, y + 54, f"len {piece['len']}  flags {'|'.join(flags) or 0}", 12, DRIVER, mono=True)
        colour = DEVICE if piece["writable"] else DRIVER
        new.path([(650, y + 33), (718, y + 33)], arrow=True)
        new.box(720, y + 8, 220, 50, colour)
        new.text(830, y + 29, f"{name}, {piece['len']} bytes", 13, colour, "middle", bold=True)
        new.text(830, y + 47, "the device writes" if piece["writable"] else "the device reads", 11, QUIET, "middle")


def block_read(boots):
    """The same read over time."""
    life, first, chain, done, end = boots.block_read()
    register = life.before(first, "register", offset=16)
    request = life.after(chain, "request", queue=0)
    wish = life.after(done, "wish", queue=0)
    rows = [(register, "driver", "writes 0 to QUEUE_NOTIFY: the kick"),
            (first, "server", f"sees avail.idx {first['available']}, rings the bell of the queue"),
            (chain, "worker", f"takes head {chain['head']} and follows the chain"),
            (request, "worker", f"has read sector {request['sector']} into the guest's buffer"),
            (done, "worker", f"writes the used entry, then used.idx {(done['position'] + 1) % 65536}"),
            (wish, "worker", f"writes avail_event {wish['index']}"),
            (end, "worker", f"sends the interrupt, vector {end.get('vector')}")]
    lanes = {"driver": (130, DRIVER), "server": (270, INK), "worker": (410, DEVICE)}
    new = Drawing(860, 110 + 46 * len(rows), "One read over time")
    new.text(20, 28, "The same read over time; microseconds since the kick", 16, bold=True)
    for name, (x, colour) in lanes.items():
        label = {"driver": "guest", "server": "emulator, socket", "worker": "emulator, worker"}[name]
        new.text(x, 62, label, 13, colour, "middle", bold=True)
        new.path([(x, 72), (x, 90 + 46 * len(rows))], colour)
    last = None
    for number, (event, lane, words) in enumerate(rows):
        x, y = lanes[lane][0], 98 + 46 * number
        new.text(60, y + 4, f"{event['us'] - register['us']} us", 12, QUIET, "end", mono=True)
        if last and last[0] != x:
            new.path([last, (last[0], y - 16), (x, y - 16), (x, y - 5)], arrow=True)
        new.dot(x, y, lanes[lane][1])
        new.text(470, y + 4, words, 13)
        last = (x, y)
    y = 98 + 46 * len(rows) - 22
    new.path([last, (last[0], y), (lanes["driver"][0] + 4, y)], arrow=True)
    return new


def receive(boots):
    """The receive queue during the boot: what the device has taken and what the driver has offered."""
    life = boots.event["nic0"]
    kicks, chains = life.of("kick", queue=0), life.of("chain", queue=0)
    if not chains or not kicks:
        raise Missing("nothing was received")
    new = Drawing(960, 340, "Buffers of the receive queue")
    new.text(20, 28, f"Queue 0 of the card: {len(chains)} frames came in, {len(kicks)} kick{'s' * (len(kicks) > 1)}", 16,
             bold=True)
    size = life.sizes[0]
    start, stop = chains[0]["us"], chains[-1]["us"]
    most = max(len(chains), size)

    def place(micros, count):
        return 80 + 840 * (micros - start) / max(stop - start, 1), 290 - 210 * count / most

    new.path([(80, 70), (80, 290), (930, 290)])
    for count in (0, size // 2, size, len(chains)):
        x, y = place(start, count)
        new.path([(x - 5, y), (x, y)])
        new.text(x - 10, y + 4, str(count), 11, QUIET, "end", mono=True)
    steps = [(80, 290)]
    for number, chain in enumerate(chains):
        steps += [place(chain["us"], number), place(chain["us"], number + 1)]
    new.path(steps, DEVICE, width=2)
    new.path([place(start, size), place(stop, size)], DRIVER, dashed=True)
    x, y = place(start, size)
    new.text(x + 12, y - 6, f"{size} buffers, all that the first kick made available", 12, DRIVER)
    x, y = place(start, 0)
    new.text(x + 12, y - 12, "buffers that the device has taken", 12, DEVICE)
    new.text(930, 310, f"{(stop - start) / 1e6:.1f} s after the first frame", 12, QUIET, "end")
    new.text(80, 330, "Beyond the dashed line every buffer is one that the driver has put back.", 12, QUIET)
    return new


def need_event(boots):
    """Entries of the available ring on a line, twice: once with a kick, once without."""
    new = Drawing(960, 300, "When a kick is due")
    new.text(20, 28, "avail_event against the entries that are made available", 16, bold=True)
    wish, event = due(boots)
    _entries(new, 100, wish["index"], event["taken"], event["available"])
    wish, chain = held(boots)
    _entries(new, 220, wish["index"], chain["position"], chain["position"] + 1)
    return new


def _entries(new, y, event, old, new_index):
    first = max(min(event, old) - 1, 0)
    last = max(new_index, event + 1) + 2
    kick = (new_index - event - 1) % 65536 < (new_index - old) % 65536
    for number, entry in enumerate(range(first, last)):
        x = 40 + 64 * number
        inside = old <= entry < new_index
        new.box(x, y, 64, 34, INK, "#dbe8f6" if inside else "none")
        new.text(x + 32, y + 22, str(entry), 13, DRIVER if inside else QUIET, "middle", mono=True)
        if entry == event:
            new.path([(x + 32, y + 62), (x + 32, y + 37)], DEVICE, arrow=True)
            new.text(x + 32, y + 76, f"avail_event {event}", 12, DEVICE, "middle")
    right = 40 + 64 * (last - first) + 20
    new.text(right, y + 15, f"old {old}, new {new_index}: the entries in blue", 13)
    new.text(right, y + 34, "avail_event is among them: kick" if kick else "avail_event is not among them: no kick", 13,
             bold=True)


ALL = {"ring": ring, "block-read": block_read, "receive": receive, "need-event": need_event}
