# SPDX-License-Identifier: GPL-2.0
"""Events as lines of text."""

from .trace import REGISTERS, number

WISHES = {"off": "the device wants no kicks", "on": "the device wants kicks",
          "at": "avail_event = {index}: a kick, please, for entry {index}"}
RESETS = {"status": "reset by STATUS", "frame": "reset by QUEUE_PFN", "bus": "reset of the PCI function",
          "client": "the client has left"}


def buffers(event):
    """The pieces of a chain, one a line."""
    for place, piece in enumerate(event["pieces"]):
        what = "writes" if piece["writable"] else "reads"
        yield f"  buffer {place}: descriptor {piece['index']}, {piece['len']} bytes at {piece['at']:#x}, the device {what}"


def _register(event):
    name = REGISTERS.get(event["offset"]) if event["config"] is None else f"config+{event['config']}"
    if event["write"]:
        return f"write {name} = {number(event):#x}"
    return f"read  {name} = {number(event):#x}"


def _interrupt(event):
    way = {"line": "by the line", "vector": f"by vector {event.get('vector')}", "nowhere": "nowhere: it has no vector"}
    cause = "the configuration has changed" if event["queue"] is None else f"queue {event['queue']}"
    return f"interrupt {way[event['via']]}: {cause}"


def _chain(event):
    text = f"queue {event['queue']}: entry {event['position']} of the available ring, head {event['head']}"
    if event["table"]:
        text += f", a table of {event['table']['entries']} at {event['table']['at']:#x}"
    return text


def _held(event):
    if event["by"] == "flags":
        return "no interrupt: the flag NO_INTERRUPT is set"
    return f"no interrupt: used_event is {event['index']}"


TEXTS = {
    "register": _register,
    "reset": lambda event: RESETS[event["cause"]],
    "features": lambda event: f"features {event['accepted']:#010x} are accepted",
    "queue_on": lambda event: f"queue {event['queue']} has its ring: page frame {event['frame']:#x}, {event['size']} entries",
    "msix": lambda event: f"MSI-X is switched {'on' if event['on'] else 'off'}",
    "master": lambda event: f"bus mastering is switched {'on' if event['on'] else 'off'}",
    "kick": lambda event: f"kick: queue {event['queue']}, avail.idx is {event['available']}, {event['taken']} were taken",
    "chain": _chain,
    "done": lambda event: f"queue {event['queue']}: used entry {event['position']}: head {event['head']}, "
                          f"{event['written']} bytes written",
    "wish": lambda event: WISHES[event["wish"]].format(**event),
    "interrupt": _interrupt,
    "held": _held,
    "request": lambda event: f"request: {dict([(0, 'read'), (1, 'write'), (4, 'flush')]).get(event['kind'], 'other')}, "
                             f"sector {event['sector']}, {event['bytes']} bytes, status {event['status']}",
    "header": lambda event: f"header: flags {event['flags']}, gso_type {event['gso_type']}, {event['bytes']} bytes follow",
    "frame": lambda event: f"a frame of {event['bytes']} bytes {'goes out' if event['sent'] else 'comes in'}",
}


def event_line(life, event):
    """An event with its time in milliseconds."""
    text = TEXTS.get(event["event"], lambda event: event["event"])(event)
    return f"{life.since(event) / 1000:10.3f} ms  {text}"


def event_lines(life, events):
    """Events, a line each; the buffers of chains below them; reads of the configuration counted together."""
    lines, reads = [], 0
    for event in [*events, None]:
        if event and event["event"] == "register" and event["config"] is not None and not event["write"]:
            reads += 1
            continue
        if reads:
            lines.append(f"{'':13}  ({reads} reads of the configuration, a byte each)")
            reads = 0
        if event:
            lines.append(event_line(life, event))
            if event["event"] == "chain":
                lines += [f"{'':13}{line}" for line in buffers(event)]
    return lines
