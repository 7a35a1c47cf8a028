# SPDX-License-Identifier: GPL-2.0
"""What the document quotes: each function is an excerpt, by its name."""

from .lines import event_line, event_lines
from .trace import Missing, Ring, is_register


class Boots:
    """The three boots: `event` with event indices and a vector for each queue, `flags` with flags and two vectors, `line`
    with the interrupt line."""

    def __init__(self, event, flags, line):
        self.event, self.flags, self.line = event, flags, line

    def block_read(self):
        """A read of 4096 bytes that stood alone: its kick, chain, and all up to the interrupt."""
        life = self.event["blk0"]
        for chain in life.of("chain"):
            if chain["position"] == 0 or [piece["writable"] for piece in chain["pieces"]] != [False, True, True]:
                continue
            kick = life.before(chain, "kick", queue=chain["queue"])
            done = life.after(chain, "done", queue=chain["queue"], position=chain["position"])
            end = life.events[life.index(done):life.index(done) + 3][-1]
            alone = chain["pieces"][1]["len"] == 4096 and kick and kick["available"] == chain["position"] + 1
            if alone and end["event"] == "interrupt":
                return life, kick, chain, done, end
        raise Missing("no single read of 4096 bytes")


def between(life, first, last):
    """The events from one to another, both included."""
    return life.events[life.index(first):life.index(last) + 1]


def bring_up(boots):
    """All registers from reset to DRIVER_OK."""
    life = boots.event["blk0"]
    live = next(event for event in life.events if is_register(event, 18, True) and event["data"] == "07")
    return event_lines(life, between(life, life.events[0], live))


def ring_layout(boots):
    """The addresses of the disk's queue, as both sides compute them."""
    life = boots.event["blk0"]
    frame, size = life.frames[0], life.sizes[0]
    ring = Ring(frame, size)
    return [
        f"QUEUE_PFN   {frame:#x}, times 4096           = {ring.table:#x}",
        f"QUEUE_NUM   {size}",
        f"descriptors {ring.table:#x}, 16 x {size} bytes",
        f"available   {ring.table:#x} + 16 x {size}      = {ring.avail:#x}   flags, idx, {size} entries, used_event",
        f"used        next multiple of 4096      = {ring.used:#x}   flags, idx, {size} entries, avail_event",
        f"used_event  {ring.avail:#x} + 4 + 2 x {size} = {ring.used_event:#x}",
        f"avail_event {ring.used:#x} + 4 + 8 x {size} = {ring.avail_event:#x}",
        f"in all      {ring.end - ring.table} bytes",
    ]


def kick(boots):
    """A kick, from the register to the chain."""
    life, first, chain, _, _ = boots.block_read()
    register = life.before(first, "register", offset=16)
    return event_lines(life, between(life, register, chain))


def address(boots):
    """One address of a descriptor, and where that is in the mapping."""
    _, _, chain, _, _ = boots.block_read()
    piece = chain["pieces"][1]
    at, page = piece["at"], piece["at"] // 4096
    return [
        f"descriptor {piece['index']} says  {at:#x}, {piece['len']} bytes",
        f"that is            page {page:#x} of the guest's memory, byte {at % 4096:#x} in it",
        "region             the last one that begins at or before the address, and does not end before its last byte",
        f"host pointer       start of the region's mapping + ({at:#x} - start of the region)",
    ]


def due(boots):
    """Event index: the wish and the kick where several chains needed one."""
    life = boots.event["blk0"]
    for event in life.of("kick", queue=0):
        wish = life.before(event, "wish", queue=0, wish="at")
        ahead = (event["available"] - event["taken"]) % 65536
        if wish and wish["index"] == event["taken"] and 2 <= ahead <= 5:
            return wish, event
    raise Missing("no kick for several chains at once")


def kick_due(boots):
    """The same with the arithmetic."""
    life = boots.event["blk0"]
    wish, event = due(boots)
    return [event_line(life, wish), event_line(life, event), "",
            *arithmetic("avail_event", wish["index"], event["taken"], event["available"], "kick")]


def arithmetic(name, event, old, new, what):
    """`need_event` on real numbers."""
    left, right = (new - event - 1) % 65536, (new - old) % 65536
    answer = f"yes, {what}" if left < right else f"no {what}"
    return [f"{name} = {event}, the index moved from {old} to {new}",
            f"{new} - {event} - 1 = {left}     is that less than     {new} - {old} = {right} ?     {answer}"]


def held(boots):
    """Event index: the wish, and a chain that came while the device was at work and needed no kick."""
    life = boots.event["blk0"]
    for chain in life.of("chain", queue=0):
        kicked = life.before(chain, "kick", queue=0)
        wish = life.before(chain, "wish", queue=0, wish="at")
        if kicked and wish and chain["position"] >= kicked["available"] and wish["index"] != chain["position"]:
            return wish, chain
    raise Missing("no chain without a kick")


def kick_held(boots):
    """The same with the arithmetic."""
    life = boots.event["blk0"]
    wish, chain = held(boots)
    position = chain["position"]
    return [event_line(life, wish), event_line(life, life.before(chain, "kick", queue=0)), event_line(life, chain), "",
            *arithmetic("avail_event", wish["index"], position, position + 1, "kick")]


def interrupt_held(boots):
    """Event index: an interrupt that was not sent."""
    life = boots.event["nic0"]
    for kept in life.of("held", queue=1):
        done = life.before(kept, "done", queue=1)
        if kept["by"] == "event" and done:
            old, new = done["position"], (done["position"] + 1) % 65536
            return [event_line(life, done), event_line(life, kept), "",
                    *arithmetic("used_event", kept["index"], old, new, "interrupt")]
    raise Missing("no interrupt was held back")


def by_flags(boots):
    """Flags: the device's wish while it sends a packet, and an interrupt that was not sent."""
    life = boots.flags["nic0"]
    for kept in life.of("held", queue=1):
        first = life.before(kept, "kick", queue=1)
        events = [event for event in between(life, first, kept) if event.get("queue") == 1]
        if kept["by"] == "flags" and 1 == sum(event["event"] == "chain" for event in events):
            return event_lines(life, events)
    raise Missing("no interrupt was held back by the flag")


def _vectors(life):
    first = next(event for event in life.of("msix") if event["on"])
    live = next(event for event in life.events if is_register(event, 18, True) and event["data"] == "07")
    return [event_line(life, event) for event in between(life, first, live)
            if event["event"] == "msix" or event["event"] == "register" and event["config"] is None]


def vectors_per_queue(boots):
    """How the card gets a vector for each queue."""
    return _vectors(boots.event["nic0"])


def vectors_shared(boots):
    """How the card gets two vectors for everything."""
    return _vectors(boots.flags["nic0"])


def line(boots):
    """An interrupt by the line, and the read of ISR that answers it."""
    life = boots.line["blk0"]
    for first in life.of("interrupt"):
        answer = life.after(first, "register", offset=19, write=False)
        if answer["data"] == "01":
            return [event_line(life, event) for event in (first, answer)]
    raise Missing("no interrupt by the line")


def receive(boots):
    """The receive queue filled for the first time; a frame that comes in; the first buffer that was refilled."""
    life = boots.event["nic0"]
    kicks, chains = life.of("kick", queue=0), life.of("chain", queue=0)
    refilled = [chain for chain in chains if chain["position"] >= kicks[0]["available"]]
    if not refilled:
        raise Missing("too few frames came in for a refilled buffer to be used")
    lines = [event_line(life, kicks[0])]
    for chain in (chains[0], refilled[0]):
        done = life.after(chain, "done", queue=0, position=chain["position"])
        last = life.after(done, "interrupt", queue=0) if chain is chains[0] else done
        lines += event_lines(life, [event for event in between(life, chain, last) if event.get("queue", 0) == 0])
        lines.append(f"{'':13}  ...")
    count = sum(event["seq"] < refilled[0]["seq"] for event in kicks)
    return lines[:-1] + [f"{'':13}  ({len(chains)} frames came in; kicks of this queue before this one: {count})"]


def packet(boots):
    """One sent packet, from the kick to the end."""
    life = boots.event["nic0"]
    for first in life.of("kick", queue=1):
        chain = life.after(first, "chain", queue=1)
        done = life.after(chain, "done", queue=1)
        end = life.events[life.index(done) + 2]
        if end["event"] in ("interrupt", "held"):
            register = life.before(first, "register", offset=16)
            return event_lines(life, [event for event in between(life, register, end) if event.get("queue", 1) == 1])
    raise Missing("no packet was sent")


def block_read(boots):
    """One read from the disk."""
    life, first, _, _, end = boots.block_read()
    register = life.before(first, "register", offset=16)
    return event_lines(life, between(life, register, end))


ALL = {function.__name__.replace("_", "-"): function
       for function in (bring_up, ring_layout, kick, address, kick_due, kick_held, interrupt_held, by_flags,
                        vectors_per_queue, vectors_shared, line, receive, packet, block_read)}
