# SPDX-License-Identifier: GPL-2.0
"""A trace of the emulator (docs/trace.md): the last life of one device, from reset to whatever ended it."""

import json

REGISTERS = {0: "HOST_FEATURES", 4: "GUEST_FEATURES", 8: "QUEUE_PFN", 12: "QUEUE_NUM", 14: "QUEUE_SEL",
             16: "QUEUE_NOTIFY", 18: "STATUS", 19: "ISR", 20: "CONFIG_VECTOR", 22: "QUEUE_VECTOR"}


class Missing(Exception):
    """The boot did not do what is to be told."""


class Life:
    """The events of a device from the last time a driver reset it and gave it queues."""

    def __init__(self, path):
        events = [json.loads(line) for line in path.read_text().splitlines()]
        self.name = path.stem
        self.device = events[0]
        start = max((number for number, event in enumerate(events) if event["event"] == "features"), default=None)
        if start is None:
            raise Missing(f"{path}: no driver has negotiated features")
        while events[start]["event"] != "reset":
            start -= 1
        # The write to STATUS that was the reset.
        self.events = events[start - 1:]
        self.start = self.events[0]["us"]
        self.frames = {event["queue"]: event["frame"] for event in self.of("queue_on")}
        self.sizes = {event["queue"]: event["size"] for event in self.of("queue_on")}

    def of(self, *kinds, queue=None):
        """The events of some kinds, of one queue if it is given."""
        return [event for event in self.events if event["event"] in kinds and queue in (None, event.get("queue"))]

    def index(self, event):
        """Where an event stands."""
        return event["seq"] - self.events[0]["seq"]

    def after(self, event, kind, **fields):
        """The next event of a kind with these fields."""
        for later in self.events[self.index(event) + 1:]:
            if later["event"] == kind and all(later.get(key) == value for key, value in fields.items()):
                return later
        raise Missing(f"{self.name}: no {kind} after event {event['seq']}")

    def before(self, event, kind, **fields):
        """The last event of a kind with these fields before another, or None."""
        for earlier in reversed(self.events[:self.index(event)]):
            if earlier["event"] == kind and all(earlier.get(key) == value for key, value in fields.items()):
                return earlier
        return None

    def since(self, event):
        """Microseconds from the beginning to an event."""
        return event["us"] - self.start


def number(register):
    """The value that a register access carries, little-endian."""
    return int.from_bytes(bytes.fromhex(register["data"]), "little")


def is_register(event, offset, write=None):
    """Whether an event is an access to the register at an offset."""
    return (event["event"] == "register" and event["config"] is None and event["offset"] == offset
            and write in (None, event["write"]))


class Ring:
    """Where the parts of a queue are (VIRTIO 1.3, section 2.7.2)."""

    def __init__(self, frame, size):
        self.size = size
        self.table = frame * 4096
        self.avail = self.table + 16 * size
        self.used_event = self.avail + 4 + 2 * size
        self.used = (self.used_event + 2 + 4095) // 4096 * 4096
        self.avail_event = self.used + 4 + 8 * size
        self.end = self.avail_event + 2
