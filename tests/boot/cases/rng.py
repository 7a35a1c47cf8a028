# SPDX-License-Identifier: GPL-2.0
"""The sample entropy driver: bytes arrive, interrupts are counted, and removal waits for nobody.

Reads from a device that delivers: no two chunks are the same, and the bytes do not compress. Reads
from a device whose host never answers: the reader can be killed, and one that still waits ends when
the driver is unbound: it is sent away, or the kernel serves it from the other device. Rounds of
unbind and bind while somebody reads leave no port and no interrupt behind.

Rows: T56 T58 T64
"""

from harness import devices

TIMEOUT = 90
VARIANTS = {"perqueue": {"vectors": 2}, "intx": {"vectors": 0}}
ROUNDS = 20


def run(t, vectors):
    """One device that delivers, one that is silent."""
    common = f"disable-modern=on,vectors={vectors}"
    qemu = ["-object", "rng-random,id=source,filename=/dev/urandom",
            "-device", f"virtio-rng-pci,id=good,rng=source,{common}",
            "-chardev", "null,id=nobody", "-object", "rng-egd,id=silence,chardev=nobody",
            "-device", f"virtio-rng-pci,id=silent,rng=silence,{common}"]
    with t.boot(args=devices.BARE, qemu=qemu) as g:
        good, silent = g.pci("good"), g.pci("silent")
        driver = g.sh(f"driver_of {good}")
        misc = "/sys/class/misc/hw_random"
        if t.rust:
            t.equal(g.sh(f"driver_of {good}; driver_of {silent}").split(), ["rvirtio_rng"] * 2, "drivers")
            g.sh(f"echo {driver}-{good} >{misc}/rng_current")
        before = int(g.sh(f"interrupt_count_of {good}"))
        g.sh("dd if=/dev/hwrng of=/tmp/bytes bs=4096 count=16 iflag=fullblock 2>/dev/null")
        t.equal(int(g.sh("wc -c </tmp/bytes")), 65536, "bytes read")
        t.check(int(g.sh("gzip -c /tmp/bytes | wc -c")) > 65536, "the bytes compress")
        t.equal(g.sh("hexdump -v -e '64/1 \"%02x\" \"\\n\"' /tmp/bytes | sort | uniq -d | wc -l"), "0", "equal chunks")
        t.check(int(g.sh(f"interrupt_count_of {good}")) > before, "no interrupt was counted")
        if not t.rust:
            return
        t.equal(g.sh(f"ls /sys/bus/pci/devices/{good}/msi_irqs 2>/dev/null | wc -l"), str(vectors), "vectors")

        g.sh(f"echo {driver}-{silent} >{misc}/rng_current")
        g.sh("dd if=/dev/hwrng of=/dev/null bs=4096 count=1 iflag=fullblock 2>/dev/null & reader=$!; sleep 2; kill -0 $reader; "
             "kill $reader; ! wait $reader")
        g.sh(f"dd if=/dev/hwrng of=/dev/null bs=4096 count=1 iflag=fullblock 2>/dev/null & reader=$!; sleep 1; unbind {silent}; "
             "wait $reader || true", 10)
        g.sh(f"n=0; while [ $n -lt {ROUNDS} ]; do dd if=/dev/hwrng of=/dev/null bs=64 count=10000 2>/dev/null & "
             f"unbind {good}; bind {good} {driver}; n=$((n + 1)); done; wait; unbind {good}", 60)
        t.equal(g.sh("grep -c rvirtio_rng /proc/ioports /proc/interrupts || true").split(),
                ["/proc/ioports:0", "/proc/interrupts:0"], "ports and interrupts left behind")
        g.sh("rmmod rvirtio_rng && modprobe rvirtio_rng")
        t.equal(g.sh(f"driver_of {good}; driver_of {silent}").split(), ["rvirtio_rng"] * 2, "drivers after rmmod and modprobe")
