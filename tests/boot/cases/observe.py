# SPDX-License-Identifier: GPL-2.0
"""What debugfs shows of a device is what QEMU knows of it, in every interrupt mode and while drivers come and go.

A disk with two queues, a card and an entropy device. Features and status are those that stand in the registers; the
indices of each queue are QEMU's; notifications are as many as QEMU's trace has writes of QUEUE_NOTIFY for the queue, and
together with the suppressed ones as many as there were batches; interrupts are as many as /proc/interrupts counts for the
vector, or for the line. Then drivers are taken off and bound again, four times, under load and under a reader of every
file; a file that is open keeps its module from going, and reads as an error once the driver is off. At last features are
forced off by the module's parameter, and the disk works without them. With a vector for each queue, the kernel's events of
requests and interrupts, as docs/observing.md shows them, are as many as debugfs counts.

Rows: T31 T32 H34
"""

from harness import devices, inspect
from harness.registers import BLK, EVENT_IDX, INDIRECT_DESC, Registers
from harness.trace import accesses

TIMEOUT = 300
VARIANTS = {"perqueue": {"vectors": None}, "shared": {"vectors": 2}, "intx": {"vectors": 0}}
POLICY = {"perqueue": "per-queue", "shared": "shared", "intx": "INTx"}
QUEUES = {"disk": 2, "nic": 3, "rng": 1}
ROUNDS = 4
MODULES = "rvirtio_blk rvirtio_net rvirtio_rng"


def check_negotiation(t, g, device, shown):
    """Features and status."""
    registers = Registers(g, device)
    found = inspect.features(shown["features"])
    t.equal(found["offered"][0], registers.offered, f"{device}: offered features")
    t.equal(found["negotiated"][0], registers.accepted, f"{device}: negotiated features")
    t.equal(found["disabled"], (0, []), f"{device}: disabled features")
    t.check("EVENT_IDX" in found["negotiated"][1], f"{device}: no EVENT_IDX among {found['negotiated'][1]}")
    t.equal(shown["status"].split(), ["0x07", "ACKNOWLEDGE", "DRIVER", "DRIVER_OK"], f"{device}: status")


def steady(t, g, device):
    """What is shown and QEMU's view of the queues, when nothing happens: the kernel draws from the rng by itself."""
    path = f"/machine/peripheral/{device}/virtio-backend"
    for _ in range(20):
        shown = inspect.show(g, device)
        seen = [g.qmp.command("x-query-virtio-queue-status", path=path, queue=queue) for queue in range(QUEUES[device])]
        lines = g.sh(f"interrupts_of {g.pci(device)}; interrupt_count_of {g.pci(device)}")
        if inspect.show(g, device) == shown:
            return shown, seen, lines.splitlines()
    t.check(False, f"{device}: never the same twice")


def check_indices(t, device, shown, views):
    """Each queue against QEMU's view of it."""
    for queue, seen in enumerate(views):
        ours = inspect.fields(shown[f"queue{queue}"])
        avail, used = inspect.indices(ours["avail ring"]), inspect.indices(ours["used ring"])
        what = f"{device}: queue {queue}"
        t.equal(ours["size"], seen["vring-num"], f"{what}: size")
        t.equal(used["idx"], seen["used-idx"], f"{what}: used index")
        t.equal((used["taken"], ours["waiting"]), (used["idx"], 0), f"{what}: what was taken and what waits")
        t.equal(avail["idx"], ours["added"] & 0xffff, f"{what}: available index and chains added")
        t.equal(ours["in flight"], ours["added"] - ours["used"], f"{what}: chains in flight")
        if "last-avail-idx" in seen and ours["in flight"] == 0:
            t.equal(avail["idx"], seen["last-avail-idx"], f"{what}: available index")
        t.equal(ours["broken"], "no", f"{what}: broken")


def check_notifications(t, g, device, before, after):
    """As many as QEMU has seen in between."""
    seen = [a.value for a in accesses(g.trace_file, Registers(g, device), g.pci(device)) if a.register == "QUEUE_NOTIFY"]
    for queue in range(QUEUES[device]):
        old, new = (inspect.fields(shown[f"queue{queue}"]) for shown in (before, after))
        counted = new["notifications"] - old["notifications"]
        t.equal(counted, seen.count(queue), f"{device}: notifications of queue {queue}")
        batches = counted + new["suppressed"] - old["suppressed"]
        t.check(batches <= new["added"] - old["added"], f"{device}: {batches} batches of queue {queue} were counted")
    t.check(seen, f"{device}: no notification")


def lines_of(shown):
    """The interrupts of each queue that has any, by its name."""
    queues = [inspect.fields(text) for name, text in shown.items() if name.startswith("queue")]
    return {queue["name"]: queue["interrupts"] for queue in queues if "interrupts" in queue}


def check_interrupts(t, device, mode, before, after):
    """As many as the kernel has counted meanwhile: a line for each vector, and the sum of all or the count of the pin."""
    (old, _, old_lines), (new, _, new_lines) = before, after
    counted = {name: count - lines_of(old)[name] for name, count in lines_of(new).items()}
    general = [inspect.fields(shown["interrupts"]) for shown in (old, new)]
    t.equal(general[1]["policy"], POLICY[mode], f"{device}: how it interrupts")
    if mode == "intx":
        foreign = general[1]["of other devices"] - general[0]["of other devices"]
        for name, count in counted.items():
            t.equal(count + foreign, int(new_lines[-1]) - int(old_lines[-1]), f"{device}: interrupts of the line, by {name}")
        return
    numbers = [{name.rsplit("-", 1)[1]: int(count) for _, count, name in map(str.split, lines[:-1])}
               for lines in (old_lines, new_lines)]
    t.equal(general[1]["vectors"], len(numbers[1]), f"{device}: vectors")
    t.equal(general[1]["configuration changes"], numbers[1]["config"], f"{device}: configuration changes")
    for name, count in counted.items():
        line = "virtqueues" if mode == "shared" else name
        t.equal(count, numbers[1][line] - numbers[0][line], f"{device}: interrupts of {name}")
    t.check(sum(counted.values()) > 0, f"{device}: no interrupts")


def work(g, disk, nic):
    """Something of everything, and then nothing more."""
    g.sh(f"for cpu in 0 1; do taskset -c $cpu dd if=/dev/{disk} of=/dev/null bs=4k count=300 iflag=direct 2>/dev/null; "
         f"taskset -c $cpu dd if=/dev/{disk} of=/dev/null bs=1M count=8 skip=$((8 + 8 * cpu)) 2>/dev/null; done; "
         "ping -q -c 40 -i 0.02 -s 1200 -W 5 10.0.2.2; dd if=/dev/hwrng of=/dev/null bs=64 count=50 2>/dev/null", 120)
    g.sh(f"ip link set {nic} down; sleep 0.5")


def come_and_go(t, g):
    """Drivers are taken off under load while every file is read all the time."""
    g.sh("touch /tmp/reading; (while [ -e /tmp/reading ]; do cat /sys/kernel/debug/rvirtio_*/* >/tmp/read 2>/dev/null; "
         "echo >>/tmp/times; sleep 0.02; done) &")
    for number in range(ROUNDS):
        unload = f"rmmod {MODULES}" if number % 2 else ""
        # Four readers of the raw disk, which end with it.
        g.sh(f"disk=$(disk_of {g.pci('disk')}); for n in 1 2 3 4; do (while dd if=/dev/$disk of=/dev/null bs=16k iflag=direct "
             "2>/dev/null; do :; done) & done; until [ $(awk '{ print $1 }' /sys/block/$disk/stat) -gt 300 ]; do sleep 0.1; "
             "done; " + "".join(f"unbind {g.pci(device)}; " for device in QUEUES), 120)
        t.equal(g.sh("ls /sys/kernel/debug | grep -c rvirtio || true"), "0", "folders of devices without a driver")
        # A reader that has a file open may hold a module for a moment.
        if unload:
            g.wait(f"{unload} 2>/dev/null || ! lsmod | grep -q rvirtio", 60, "the modules went")
            g.sh(f"for module in {MODULES}; do modprobe $module || exit 1; done")
        else:
            g.sh(f"bind {g.pci('disk')} rvirtio_blk; bind {g.pci('nic')} rvirtio_net; bind {g.pci('rng')} rvirtio_rng")
    g.sh("rm /tmp/reading")
    t.check(int(g.sh("wc -l </tmp/times")) > ROUNDS, "hardly anything was read")


def stay_open(t, g):
    """The module of an open file cannot go; the file ends with its device."""
    at, file = g.pci("disk"), f"{inspect.folder(g, 'disk')}/queue0"
    g.sh(f"mkfifo /tmp/go; (exec 5<{file}; read -r _ </tmp/go; cat <&5 >/tmp/late 2>&1; echo $? >/tmp/late.status) & "
         f"until ls -l /proc/[0-9]*/fd/5 2>/dev/null | grep -q queue0; do sleep 0.05; done; unbind {at}")
    status, said = g.run("rmmod rvirtio_blk")
    t.check(status != 0 and "unavailable" in said, f"the module went while a file of it was open: {said}")
    g.sh("echo go >/tmp/go; until [ -s /tmp/late.status ]; do sleep 0.05; done; [ $(cat /tmp/late.status) != 0 ]")
    t.check("error" in g.sh("cat /tmp/late").lower(), "a file without a device could be read")
    g.sh("rmmod rvirtio_blk")


FOLLOW = """
mountpoint -q /sys/kernel/tracing || mount -t tracefs none /sys/kernel/tracing
cd /sys/kernel/tracing && echo 'name ~ "rvirtio_blk-{address}-*"' >events/irq/irq_handler_entry/filter
for event in block/block_rq_issue block/block_rq_complete irq/irq_handler_entry; do echo 1 >events/$event/enable; done
dd if=/dev/{disk} of=/dev/null bs=4k count={count} iflag=direct 2>/dev/null
echo 0 >events/enable
cat trace
"""


def follow(t, g, disk, count=20):
    """The kernel's events, each a line of the trace."""
    address = g.pci("disk")
    shown = [inspect.show(g, "disk")]
    trace = g.sh(FOLLOW.format(address=address, disk=disk, count=count), 60)
    shown.append(inspect.show(g, "disk"))
    added = [sum(inspect.fields(text)["added"] for name, text in files.items() if name.startswith("queue")) for files in shown]
    number = g.sh(f"cat /sys/block/{disk}/dev").replace(":", ",")
    t.equal(added[1] - added[0], count, "requests that were added")
    for event in ("block_rq_issue", "block_rq_complete"):
        t.equal(trace.count(f" {event}: {number} "), count, f"events {event}")
    for name, interrupts in lines_of(shown[1]).items():
        told = trace.count(f"name=rvirtio_blk-{address}-{name}\n")
        t.equal(told, interrupts - lines_of(shown[0])[name], f"events irq_handler_entry of {name}")
    t.check("irq_handler_entry" in trace, "no interrupt in the trace")


def force_off(t, g):
    """The module's parameter."""
    off = 1 << EVENT_IDX | 1 << INDIRECT_DESC | 1 << BLK["MQ"]
    g.sh(f"modprobe rvirtio_blk disable_features={off}")
    found = inspect.features(inspect.show(g, "disk")["features"])
    t.equal(found["disabled"], (off, ["MQ", "INDIRECT_DESC", "EVENT_IDX"]), "disabled features")
    accepted = Registers(g, "disk").accepted
    t.equal(accepted & off, 0, "features accepted although disabled")
    t.equal(found["negotiated"][0], accepted, "negotiated features")
    t.check(found["offered"][0] & off == off, "the device does not offer what was disabled")
    g.sh(f"disk_round_trip /dev/$(disk_of {g.pci('disk')}) 2 12k")


def run(t, vectors):
    """One boot."""
    more = {} if vectors is None else {"vectors": vectors}
    qemu = devices.disk("disk", t.disk("disk.img", 32 << 20), addr=4, num__queues=2, ioeventfd=False, **more)
    qemu += devices.user_net("nic", addr=3, ioeventfd=False, **more)
    qemu += ["-object", "rng-random,id=source,filename=/dev/urandom", "-device",
             f"virtio-rng-pci,id=rng,rng=source,disable-modern=on,ioeventfd=off,addr=7,vectors={2 if vectors is None else vectors}"]
    with t.boot(args=devices.BARE, qemu=qemu, driver="rust", trace=True, seconds=150) as g:
        disk, nic = g.sh(f"disk_of {g.pci('disk')}"), g.sh(f"nic_of {g.pci('nic')}")
        g.sh(f"echo 1 >/proc/sys/net/ipv6/conf/{nic}/disable_ipv6; user_net_up {nic}; ping -c 2 -i 0.2 -W 5 10.0.2.2; sleep 0.5")
        before = {device: steady(t, g, device) for device in QUEUES}
        g.trace("memory_region_ops_write", True)
        work(g, disk, nic)
        after = {device: steady(t, g, device) for device in QUEUES}
        g.trace("memory_region_ops_write", False)
        for device, (shown, views, _) in after.items():
            check_negotiation(t, g, device, shown)
            check_indices(t, device, shown, views)
            # The entropy device has a vector for its one queue even where those of others share one.
            mode = t.case.name.split("/")[1]
            check_interrupts(t, device, "perqueue" if (device, mode) == ("rng", "shared") else mode, before[device], after[device])
        for device in ("disk", "nic"):
            check_notifications(t, g, device, before[device][0], after[device][0])
        if vectors is None:
            follow(t, g, disk)
        t.allow("I/O error, dev", "requests to a disk that lost its driver")
        come_and_go(t, g)
        stay_open(t, g)
        force_off(t, g)
