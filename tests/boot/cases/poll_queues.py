# SPDX-License-Identifier: GPL-2.0
"""Queues that are polled: io_uring writes and verifies over them, and none of them interrupts.

Disks with four queues on four CPUs, two of which are polled: one of QEMU with a vector for each other queue, one of QEMU
with the interrupt pin, where a queue that asked for interrupts would get some, one of the emulator that checks what the
driver does, and one of the emulator that breaks a queue and then leaves requests unanswered. fio polls on the CPUs of
both queues and finds every byte right; all of it goes over the polled queues, and not one interrupt of the device comes.
What is not polled for goes over the others. Requests whose poller was stopped end all the same, at the time-out and
without a reset. The faulty disk is reset under the load and its polled queues are polled queues afterwards. At last the
driver is taken off a disk that is being polled, and more polled queues are asked for than there are.

Rows: B51
"""

from harness import devices, inspect
from harness.emulator import Emulator

TIMEOUT = 400
QUEUES = 4
POLLED = 2
TIMEOUT_MS = 4000
# A job writes and reads 256 blocks of 4 KiB; the block layer merges some that are neighbours.
MOST_OF = 400
QEMU = {"vectors": {}, "pin": {"vectors": 0}}
EMULATED = {
    "checked": ("--check=strict",),
    "faulty": ("--fault", "used-id:after=400:count=1", "--fault", "silence:after=700:count=1"),
}

# One job for each polled queue, on a CPU that uses it.
FIO = ("fio --filename=/dev/{disk} --size=1M --rw=randwrite --bs=4k --direct=1 --ioengine=io_uring --hipri=1 --iodepth=16 "
       "--verify=crc32c --verify_fatal=1 --output=/tmp/fio-{disk} {jobs}")


class Disk:
    """One of the disks."""

    def __init__(self, t, g, name):
        self.t, self.g, self.id = t, g, name
        self.at = g.pci(name)
        self.name = g.sh(f"disk_of {self.at}")
        # A CPU of each polled queue.
        self.cpus = g.sh(f"cd /sys/block/{self.name}/mq; for queue in $(seq {QUEUES - POLLED} {QUEUES - 1}); do "
                         "sed 's/[^0-9].*//' $queue/cpu_list; done").split()
        t.equal(len(set(self.cpus)), POLLED, f"{name}: CPUs of the polled queues, which are {self.cpus}")

    def queues(self):
        """What is shown of each queue, when nothing is in flight."""
        shown = inspect.show(self.g, self.id)
        return [inspect.fields(shown[f"queue{number}"]) for number in range(QUEUES)]

    def fio(self, more=""):
        """The command of the load."""
        jobs = " ".join(f"--name=job{cpu} --offset={cpu}M --cpus_allowed={cpu}" for cpu in self.cpus)
        return FIO.format(disk=self.name, jobs=jobs) + more

    def load(self, seconds=120):
        """The verified load."""
        self.g.sh(f"{self.fio()} || {{ tail -n 20 /tmp/fio-{self.name}; exit 1; }}", seconds)

    def said(self, words):
        """How many lines of the log about it have these words."""
        return int(self.g.sh(f"dmesg | grep -v ' rvtest: ' | grep ' {self.at}: ' | grep -c '{words}'; true"))


def used(before, after):
    """How many chains each queue has carried in between."""
    return [new["used"] - old["used"] for old, new in zip(before, after)]


def interrupts(queues):
    """The interrupts of each queue; None for one that has none."""
    return [queue.get("interrupts") for queue in queues]


def polls(t, g, disk, pin):
    """The load goes over the polled queues and interrupts nobody; everything else goes over the others."""
    t.equal(g.sh(f"cat /sys/block/{disk.name}/queue/io_poll"), "1", f"{disk.id}: whether it can be polled")
    before, lines = disk.queues(), g.sh(f"interrupts_of {disk.at}")
    names = [queue["name"] for queue in before]
    t.equal(names, ["req.0", "req.1", "req_poll.2", "req_poll.3"], f"{disk.id}: names of the queues")
    if not pin:
        vectors = sorted(line.split()[2].rsplit("-", 1)[1] for line in lines.splitlines())
        t.equal(vectors, ["config", "req.0", "req.1"], f"{disk.id}: vectors")
    if pin:
        # QEMU interrupts for the first chain of any queue, wanted or not.
        disk.load()
        before = disk.queues()
    disk.load()
    after = disk.queues()
    counted = used(before, after)
    t.check(counted[:2] == [0, 0] and min(counted[2:]) >= MOST_OF, f"{disk.id}: chains of the queues while polling: {counted}")
    t.equal(interrupts(after), interrupts(before), f"{disk.id}: interrupts of the queues")
    t.equal(interrupts(after)[2:], [None, None], f"{disk.id}: interrupts of the polled queues")
    g.sh(f"for cpu in 0 1 2 3; do taskset -c $cpu dd if=/dev/{disk.name} of=/dev/null bs=4k count=50 iflag=direct; done")
    last = disk.queues()
    counted = used(after, last)
    t.check(counted[2:] == [0, 0] and min(counted[:2]) >= 50, f"{disk.id}: chains of the queues without polling: {counted}")
    fired = [new - old for new, old in zip(interrupts(last)[:2], interrupts(after)[:2])]
    t.check(min(fired) > 0, f"{disk.id}: interrupts without polling: {fired}")


def stopped(t, g, disk):
    """Whoever polls is stopped: its requests end when they have taken too long, and the disk is not reset."""
    g.sh(f"echo {TIMEOUT_MS} > /sys/block/{disk.name}/queue/io_timeout")
    g.sh(f"rm -f /tmp/end; ({disk.fio(' --time_based --runtime=1000')} >/dev/null 2>&1; echo $? >/tmp/end) & true")
    stuck = {}
    for _ in range(10):
        g.sh("sleep 1; killall -STOP fio")
        # What the disk has begun, it still does.
        g.sh("sleep 0.5")
        stuck = {number: queue for number, queue in enumerate(disk.queues()) if queue["waiting"]}
        if stuck:
            break
        g.sh("killall -CONT fio")
    t.check(stuck and min(stuck) >= QUEUES - POLLED, f"queues with requests that wait for their poller: {stuck}")
    for number, queue in stuck.items():
        show = f"cat {inspect.folder(g, disk.id)}/queue{number}"
        g.wait(f"{show} | grep -q 'in flight: 0'", 30, "requests without a poller have ended")
        t.equal(disk.queues()[number]["used"], queue["added"], "chains of a queue whose poller was stopped")
    t.equal(disk.said("works again"), 0, "resets of a disk that nobody polled")
    t.equal(disk.said("has lost an interrupt"), 0, "interrupts that were missed where there are none")
    g.sh("killall -CONT fio; sleep 0.5; killall -INT fio")
    g.wait("[ -e /tmp/end ]", 30, "fio has ended")


def faulty(t, g, disk):
    """A disk that is reset under polled load loses nothing, and has the same queues afterwards."""
    g.sh(f"echo {TIMEOUT_MS} > /sys/block/{disk.name}/queue/io_timeout")
    before = disk.queues()
    disk.load()
    after = disk.queues()
    t.check(disk.said("has broken a queue; it was reset and works again") >= 1, "the broken queue was not seen")
    t.check(disk.said("does not answer a request; it was reset and works again") >= 1, "the silence was not seen")
    t.check(min(used(before, after)[2:]) >= MOST_OF, f"chains of the queues: {used(before, after)}")
    t.equal(interrupts(after), interrupts(before), "interrupts of a disk that was reset")
    polls(t, g, disk, pin=False)


def taken_off(t, g, disk):
    """The driver goes while its disk is being polled."""
    g.sh(f"rm -f /tmp/end; ({disk.fio(' --time_based --runtime=1000')} >/dev/null 2>&1; echo $? >/tmp/end) & true")
    before = disk.queues()
    g.sh("sleep 1")
    t.check(min(used(before, disk.queues())[2:]) > 0, "the load does not run")
    g.sh(f"unbind {disk.at}", 30)
    g.wait("[ -e /tmp/end ]", 30, "fio has ended")
    t.check(g.sh("cat /tmp/end") != "0", "fio did not notice that its disk went")


def too_many(t, g):
    """One queue is never polled, and one line says so."""
    g.sh("rmmod rvirtio_blk && modprobe rvirtio_blk poll_queues=9")
    disk = Disk(t, g, "pin")
    names = [queue["name"] for queue in disk.queues()]
    t.equal(names, ["req.0", "req_poll.1", "req_poll.2", "req_poll.3"], "names of the queues")
    t.equal(disk.said("3 polled queues of 4, not 9"), 1, "lines about polled queues that there are not")
    g.sh(f"disk_round_trip /dev/{disk.name} 1 64k")


def run(t):
    """One boot with all of them."""
    t.allow("I/O error", "requests to a disk that lost its driver")
    images = {name: t.disk(f"{name}.img", 16 << 20) for name in (*QEMU, *EMULATED)}
    served = {name: ("blk", "--disk", images[name], "--queues", QUEUES, *words) for name, words in EMULATED.items()}
    with Emulator.several(t, served) as device:
        qemu = [*Emulator.memory(), *(word for name in served for word in device.qemu(name))]
        for name, more in QEMU.items():
            qemu += devices.disk(name, images[name], num__queues=QUEUES, **more)
        with t.boot(args=[*devices.BARE, "--smp", QUEUES], qemu=qemu, driver="rust", seconds=240) as g:
            g.sh(f"rmmod rvirtio_blk && modprobe rvirtio_blk poll_queues={POLLED}")
            disks = {name: Disk(t, g, name) for name in images}
            for name in ("vectors", "pin", "checked"):
                polls(t, g, disks[name], pin=name == "pin")
                t.equal(disks[name].said(f"{POLLED} polled queues of {QUEUES}"), 1, f"{name}: lines about polled queues")
            stopped(t, g, disks["vectors"])
            faulty(t, g, disks["faulty"])
            taken_off(t, g, disks["vectors"])
            too_many(t, g)
