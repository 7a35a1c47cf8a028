# SPDX-License-Identifier: GPL-2.0
"""Throughput and latency, where there is KVM: fio and iperf3 on both drivers in turn.

Never run by the tests: times of emulated processors say nothing, and the machines that test this have no KVM.
"""

import json
import subprocess
import time
from statistics import median

from harness.case import Case, Test
from rvirtio import steps

from .machine import DRIVERS, Machine

FIO = ("fio --name=job --filename={disk} --direct=1 --ioengine=libaio --runtime=5 --time_based --ramp_time=1 "
       "--output-format=json {words}")
JOBS = {
    "4 KiB random reads, depth 1": "--rw=randread --bs=4k --iodepth=1",
    "4 KiB random reads, depth 32": "--rw=randread --bs=4k --iodepth=32",
    "128 KiB sequential reads, depth 8": "--rw=read --bs=128k --iodepth=8",
}

STREAMS = {"TCP to the host": "", "TCP from the host": "-R"}


def _fio(machine, driver, words):
    text = machine.guest.sh(FIO.format(disk=machine.names[driver]["disk"], words=words), 60)
    read = json.loads(text[text.index("{"):])["jobs"][0]["read"]
    return {"iops": read["iops"], "latency_us": read["clat_ns"]["mean"] / 1000}


def _iperf(machine, driver, words):
    text = machine.guest.sh(f"iperf3 -J -t 5 -O 1 {words} -c {machine.names[driver]['host']}", 60)
    return {"bits_per_second": json.loads(text)["end"]["sum_received"]["bits_per_second"]}


def _repeat(name, reps, run):
    start = time.monotonic()
    found = {driver: [] for driver in DRIVERS}
    for _ in range(reps):
        for driver in DRIVERS:
            found[driver].append(run(driver))
    steps.say(f"bench: {name} with KVM {time.monotonic() - start:5.1f} s")
    return found


def measure(reps, cards):
    """Requests and their mean latency, bits of a stream: by job and driver, for each repetition."""
    t = Test(Case("bench-timed", None, timeout=1800))
    found = {}
    try:
        with Machine(t, 2, cards, timed=True) as machine:
            for name, words in JOBS.items():
                found[name] = _repeat(name, reps, lambda driver, words=words: _fio(machine, driver, words))
            for name, words in STREAMS.items() if cards else ():
                with subprocess.Popen([steps.IN_ROOT, "iperf3", "-s"], stdout=subprocess.DEVNULL) as server:
                    time.sleep(1)
                    found[name] = _repeat(name, reps, lambda driver, words=words: _iperf(machine, driver, words))
                    server.terminate()
    finally:
        t.clean_up(False)
    return found


def table(found):
    """Lines of the table: the medians of each job."""
    for name, result in found.items():
        for figure in result["c"][0]:
            ours, theirs = (median(each[figure] for each in result[driver]) for driver in ("rust", "c"))
            yield f"{name:<36} {figure:<16} {ours:>14.1f} {theirs:>14.1f} {ours / theirs:>6.2f}"
