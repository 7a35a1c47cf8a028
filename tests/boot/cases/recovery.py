# SPDX-License-Identifier: GPL-2.0
"""A disk that stops working is reset and set up again under a verified load; what cannot be is given up.

Each disk of the emulator has a fault of its own, and fio writes with checksums and reads back while it strikes. Disks
that break a queue, ask to be reset, or do not answer are reset and get their requests again: every byte is right, the
cache mode is what it was set to, features and queues are those of before. One that loses an interrupt, or interrupts
before it is ready, is not even reset.

A disk that breaks its queue each time, one that comes back with fewer features, and one that refuses the reset are
given up: requests fail and none hangs, and the driver can be taken off. The one that refused its reset was kept from
memory; bound again it works. A disk that is gone fails its requests at once when it is taken out.

With on_timeout=1 requests fail instead of being sent again, and the disk works on.

Rows: T17 T23 T30 T69 T105 B61 B62 B67 B68 H5 H6 H15 H17 H27 H28 H37
"""

import re

from harness import devices
from harness.emulator import Emulator

TIMEOUT = 900
STRIKE = 200
AGAIN = 1500
TIMEOUT_MS = 4000
RESET = "it was reset and works again"
GIVEN_UP = "it is given up"

# Name: faults, how often it is reset at least, and what is said of it.
RECOVERED = {
    "used-id": ([f"used-id:after={STRIKE}:count=1", f"used-id:after={2 * STRIKE}:count=1"], 2, "has broken a queue"),
    "needs-reset": ([f"needs-reset:after={STRIKE}:count=1"], 1, "asks to be reset"),
    "silence": ([f"silence:after={STRIKE}:count=2", f"silence:after={AGAIN}:count=1"], 1, "does not answer"),
    "interrupt-lost": (["interrupt-lost:after=30:count=1"], 0, "has lost an interrupt"),
    "interrupt-early": (["interrupt-early:count=100"], 0, ""),
}
GIVEN_UP_FOR = {
    "worse": ([f"used-id:after={STRIKE}"], "it was reset too often"),
    "fewer": ([f"needs-reset:after={STRIKE}:count=1", "feature-lost:after=1:count=1"], "it has lost features"),
    "stubborn": ([f"needs-reset:after={STRIKE}:count=1", "reset-refused:after=1:count=2"], "it does not take a reset"),
}
LYING = {
    # A device is held to its lengths when it has shown that they count.
    "read-short": "read-short:after=100",
    "status-unwritten": "status-unwritten:after=100",
}
# Within which the requests of a disk that is gone have failed and its removal is finished.
GONE_MS = 1000
GONE = {"gone": [f"gone:after={STRIKE}"]}

FIO = ("fio --name=load --filename=/dev/{disk} --size=2M --rw=randwrite --bs=4k --direct=1 --ioengine=libaio "
       "--iodepth=16 --verify=crc32c --verify_fatal=1 --output=/tmp/fio-{disk}")


class Disks:
    """The disks of the boot, by name."""

    def __init__(self, t, g):
        self.t, self.g, self.log = t, g, []

    def at(self, name):
        """Its PCI address."""
        return self.g.pci(name)

    def disk(self, name):
        """What the system calls it."""
        return self.g.sh(f"disk_of {self.at(name)}")

    def listen(self):
        """Reads the log."""
        self.log = self.g.sh("dmesg | grep 'rvirtio_blk 0000:'").splitlines()

    def said(self, name, words):
        """Lines of the log, when it was last read, about a disk that have these words."""
        return [line for line in self.log if f" {self.at(name)}: " in line and words in line]

    def load(self, names, seconds=300):
        """Runs the verified load on several disks at a time; gives the exit status of each."""
        disks = {name: self.disk(name) for name in names}
        start = "".join(f"({FIO.format(disk=disk)} >/dev/null 2>&1; echo $? >/tmp/end-{disk}) & " for disk in disks.values())
        ends = " ".join(f"/tmp/end-{disk}" for disk in disks.values())
        self.g.sh(f"rm -f {ends}; {start} true")
        self.g.wait(f"ls {ends} >/dev/null 2>&1", seconds, "the load has ended")
        return {name: int(self.g.sh(f"cat /tmp/end-{disk}")) for name, disk in disks.items()}


def recovered(t, g, disks):
    """Every byte is right across a reset, and the disk is what it was."""
    for name in ("silence", "interrupt-lost"):
        g.sh(f"echo {TIMEOUT_MS} > /sys/block/{disks.disk(name)}/queue/io_timeout")
    g.sh(f"echo write through > /sys/block/{disks.disk('needs-reset')}/cache_type")
    ends = disks.load(RECOVERED)
    disks.listen()
    for name, (_, resets, why) in RECOVERED.items():
        t.equal(ends[name], 0, f"{name}: exit status of fio")
        times = len(disks.said(name, RESET))
        # A busy machine may be late with an answer, too.
        t.check(times == resets or (name == "silence" and times > resets), f"{name}: it was reset {times} times")
        t.equal(len(disks.said(name, GIVEN_UP)), 0, f"{name}: times that it was given up")
        t.check(not why or disks.said(name, why), f"{name}: nothing was said of it")
        sent = [int(number) for line in disks.said(name, RESET) for number in re.findall(r"(\d+) requests sent again", line)]
        t.check(all(sent), f"{name}: requests sent again: {sent}")
    mode = g.sh(f"cat /sys/block/{disks.disk('needs-reset')}/cache_type")
    t.equal(mode, "write through", "cache mode after the reset")


def given_up(t, g, disks):
    """Requests fail, those that were in flight as well as later ones, and the driver lets go."""
    ends = disks.load(GIVEN_UP_FOR)
    disks.listen()
    for name, (_, why) in GIVEN_UP_FOR.items():
        disk = disks.disk(name)
        t.check(ends[name] != 0, f"{name}: fio did not notice")
        t.equal(len(disks.said(name, GIVEN_UP)), 1, f"{name}: times that it was given up")
        t.check(disks.said(name, why), f"{name}: {why} was not said: {disks.said(name, GIVEN_UP)}")
        t.check(g.run(f"dd if=/dev/{disk} of=/dev/null bs=4k count=1 iflag=direct", 10)[0] != 0, f"{name}: could be read")
        g.sh(f"unbind {disks.at(name)}", 20)
        g.sh(f"bind {disks.at(name)} rvirtio_blk", 20)
        if name != "worse":
            g.sh(f"disk_round_trip /dev/{disks.disk(name)} 4 64k", 30)


def lying(t, g, disks):
    """A read that was cut short, or whose status nobody wrote, is an error and no stale data."""
    for name in LYING:
        disk = disks.disk(name)
        t.check(g.run(f"dd if=/dev/{disk} of=/dev/null bs=4k count=200 iflag=direct")[0] != 0, f"{name}: could be read")


def gone(t, g, disks):
    """A disk that is not there any more, with requests in flight that nobody will ever answer."""
    at, disk = disks.at("gone"), disks.disk("gone")
    g.sh(f"echo 300000 > /sys/block/{disk}/queue/io_timeout")
    g.sh(f"({FIO.format(disk=disk)} >/dev/null 2>&1; echo $? >/tmp/end) & rm -f /tmp/end; true")
    g.wait(f"[ $(($(cat /sys/block/{disk}/inflight | tr -s ' ' '+' | sed 's/^+//'))) -ge 16 ] && sleep 0.5 && "
           f"[ $(($(cat /sys/block/{disk}/inflight | tr -s ' ' '+' | sed 's/^+//'))) -ge 16 ]", 30, "requests are stuck")
    t.check(g.run("[ -e /tmp/end ]")[0] != 0, "fio has ended before the disk was taken out")
    took = int(g.sh(f"start=$(uptime_ms); echo 1 > /sys/bus/pci/devices/{at}/remove; echo $(($(uptime_ms) - start))", 20))
    # It ends after the last request has. An emulated guest may take twice as long as what is promised.
    t.check(took <= 2 * GONE_MS, f"the removal took {took} ms")
    g.wait("[ -e /tmp/end ]", 10, "fio has ended")
    t.check(g.sh("cat /tmp/end") != "0", "fio did not notice that its disk went")
    t.check(g.run(f"[ -e /sys/block/{disk} ]")[0] != 0, "the disk is still there")
    disks.listen()
    t.check(disks.said("gone", "the device is gone; it is given up"), "nothing was said of it")


def failed(t, g, disks):
    """With on_timeout=1 a request that is not answered fails, and the disk works on."""
    g.sh(f"rmmod rvirtio_blk && modprobe rvirtio_blk on_timeout=1 timeout={TIMEOUT_MS // 1000}", 20)
    disk = disks.disk("silence")
    t.equal(g.sh(f"cat /sys/block/{disk}/queue/io_timeout"), str(TIMEOUT_MS), "timeout of the disk in milliseconds")
    before = len(disks.said("silence", RESET))
    status, _ = g.run(f"for _ in 1 2 3; do fio --name=reads --filename=/dev/{disk} --size=2M --rw=read --bs=4k --direct=1 "
                      "--ioengine=libaio --iodepth=16 --output=/tmp/fio || exit 1; done", 60)
    t.check(status != 0, "no request has failed")
    disks.listen()
    lines = disks.said("silence", RESET)[before:]
    t.check(lines and re.search(r" 0 requests sent again, [1-9]", lines[0]), f"what was said: {lines}")
    g.sh(f"disk_round_trip /dev/{disk} 4 64k", 30)


def run(t):
    """One boot with all of them."""
    faults = {name: faults for name, (faults, *_) in {**RECOVERED, **GIVEN_UP_FOR}.items()}
    faults |= {name: [fault] for name, fault in LYING.items()} | GONE
    served = {name: ("blk", "--disk", t.disk(f"{name}.img", 16 << 20), *(word for one in each for word in ("--fault", one)))
              for name, each in faults.items()}
    t.allow(r"I/O error", "requests of disks that fail them")
    with Emulator.several(t, served) as device:
        qemu = [*Emulator.memory(), *(word for name in served for word in device.qemu(name))]
        with t.boot(args=devices.BARE, qemu=qemu, driver="rust", seconds=240) as g:
            disks = Disks(t, g)
            recovered(t, g, disks)
            lying(t, g, disks)
            given_up(t, g, disks)
            gone(t, g, disks)
            failed(t, g, disks)
