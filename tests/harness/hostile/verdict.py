# SPDX-License-Identifier: GPL-2.0
"""From what a guest says of a cell to one word."""

import os
from dataclasses import dataclass, field

# Seconds within which probe, open, close and unbind must be done.
BOUND = 5
# A request's time-out, as the runner sets it where the driver has one.
REQUEST_TIMEOUT = 2
# How often a driver sends a request at most: ours once, and again after each of three resets; Linux's once.
SENDINGS = {"rust": 4, "c": 1}
# Seconds within which a request must have ended.
REQUEST_BOUND = {driver: (REQUEST_TIMEOUT + 1) * times for driver, times in SENDINGS.items()}
# Bytes that a card receives and sends over TCP.
BYTES = 1 << 18
# What a command of a card's control queue may take.
COMMAND = 1

# How many times a bound is let pass at least, as guests are emulated, and at most.
SLACK = (2.0, 5.0)


def slack():
    """How many times a bound is let pass: guests share the host's processors with whatever else runs."""
    least, most = SLACK
    return min(most, max(least, 2.0 * os.getloadavg()[0] / (os.cpu_count() or 1)))


# What a cell whose device does as it should again has to come to: no driver can see wrong content.
WELL = ("unharmed", "recovered", "content")
GOOD = (*WELL, "errors", "refused")
WHAT = {
    "unharmed": "everything went well",
    "recovered": "requests failed or waited, then everything went well; nothing was lost",
    "errors": "requests fail with an error; the driver can be taken off",
    "refused": "the driver does not take the device, and says why",
    "content": "wrong content of the right length was believed, which no driver can see",
    "LATE": "a request or command took longer than its bound",
    "HANG": "a request, a command, bind or unbind did not end",
    "WRONG": "wrong data was taken for right, or a write that had succeeded is not there",
    "LOG": "the kernel's log has a warning, an oops or another complaint",
    "DEAD": "the guest does not answer any more",
}


@dataclass
class Verdict:
    """The word, what it is by, and the slowest request or command in milliseconds."""

    word: str
    why: str = ""
    slowest: int = 0
    seconds: float = 0.0

    @property
    def good(self):
        """Whether the driver did what it has to."""
        return self.word in GOOD


@dataclass
class Facts:
    """What a guest has said of a cell."""

    steps: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)
    blocks: dict = field(default_factory=dict)
    complaint: str = ""
    # Whether the log has a word about the device.
    said: bool = False
    # See slack().
    slack: float = 2.0

    @classmethod
    def read(cls, text):
        """From the lines of hostile.sh."""
        new = cls()
        for line in text.splitlines():
            words = line.split()
            if not words:
                continue
            if words[0] == "block":
                new.blocks[int(words[1])] = [int(word) for word in words[2:]]
            elif words[0] in ("bind", "attributes", "load", "unbind", "up", "down", "statistics", "command") and len(words) == 3:
                new.steps[words[0]] = (words[1], int(words[2]))
            else:
                new.values[words[0]] = words[1:]
        return new


def _block_is(data, sector, generations):
    """Whether the sectors of a block on the disk are of these generations."""
    for number in range(len(data) // 512):
        place = data[512 * number:512 * (number + 1)]
        for generation in generations:
            word = bytes(16) if generation == 0 else (sector + number).to_bytes(8, "little") + generation.to_bytes(8, "little")
            if place == word * 32:
                break
        else:
            return False
    return True


def lost(facts, image):
    """The first sector of a block whose content on the host is none that it may have; None if all are right."""
    with open(image, "rb") as disk:
        for sector, generations in facts.blocks.items():
            disk.seek(512 * sector)
            if not _block_is(disk.read(16384), sector, generations):
                return sector
    return None


def judge(cell, facts, image, driver):
    """The verdict on a cell."""
    verdict = _judge(cell, facts, image, driver)
    slowest = facts.values.get("sum", [0] * 6)[3] if cell.device == "blk" else facts.steps.get("command", ("", 0))[1]
    verdict.slowest = int(slowest)
    return verdict


def _judge(cell, facts, image, driver):
    if facts.complaint:
        return Verdict("LOG", facts.complaint)
    for name, (status, _) in facts.steps.items():
        if status == "stuck":
            return Verdict("HANG", name)
    stuck = int(facts.values.get("sum", [0] * 6)[4])
    if stuck:
        return Verdict("HANG", f"{stuck} requests")
    shown = "disk" if cell.device == "blk" else "nic"
    if shown not in facts.values:
        return Verdict("refused") if facts.said else Verdict("LOG", "refused without a word")
    if facts.steps.get("unbind", ("none",))[0] != "0":
        return Verdict("HANG", "unbind failed")
    for name in ("bind", "unbind", "up", "down"):
        if facts.steps.get(name, ("", 0))[1] > 1000 * BOUND * facts.slack:
            return Verdict("LATE", f"{name} {facts.steps[name][1]} ms")
    return _disk(cell, facts, image, driver) if cell.device == "blk" else _card(facts)


def _disk(cell, facts, image, driver):
    if "open" in facts.values:
        return Verdict("errors", " ".join(facts.values["open"]))
    if "sum" not in facts.values:
        return Verdict("DEAD", "the load has no report")
    operations, errors, wrong, slowest, _, well = map(int, facts.values["sum"])
    if wrong:
        return Verdict("content" if cell.undetectable else "WRONG", f"{wrong} of {operations} requests")
    sector = lost(facts, image)
    if sector is not None:
        return Verdict("WRONG", f"sector {sector} on the host")
    if slowest > 1000 * REQUEST_BOUND[driver] * facts.slack:
        return Verdict("LATE", f"{slowest} ms")
    if not errors:
        return Verdict("unharmed" if slowest < 1000 * REQUEST_TIMEOUT * 0.9 else "recovered")
    return Verdict("recovered" if well else "errors", f"{errors} of {operations} requests failed")


def _card(facts):
    put = facts.values.get("put", ["none", ""])
    got, digest = facts.values.get("get", ["0", ""])
    if put[0] not in ("none", put[-1]):
        return Verdict("WRONG", "what was sent")
    if int(got) == BYTES and [digest] != facts.values.get("sent"):
        return Verdict("WRONG", "what was received")
    took = facts.steps.get("command", ("", 0))[1]
    if took > 1000 * COMMAND * facts.slack:
        return Verdict("LATE", f"a command: {took} ms")
    if facts.values.get("ends") != ["0"]:
        return Verdict("errors", "no answer at the end")
    whole = facts.values.get("pings") == ["40"] and put[0] != "none" and int(got) == BYTES
    return Verdict("unharmed" if whole and facts.steps.get("command", ("",))[0] == "0" else "recovered")
