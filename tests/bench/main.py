# SPDX-License-Identifier: GPL-2.0
"""The options of scripts/bench, and the run from the first boot to the report."""

import argparse
import datetime
import json
import re
import sys
import time

from harness.case import Case, Failure, Test
from harness.guest import GuestError
from rvirtio import buildroot, machine as run_machine, setup, steps
from rvirtio.steps import Fail, IN_ROOT

from . import build, memory, network, page, report, ring, timed
from .jobs import JOBS
from .machine import DRIVERS, Machine

BOOT_LIMIT = 3600
DOCUMENT = steps.REPO / "docs" / "performance.md"


def parse(argv):
    """The options."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="What our drivers cost beside Linux's C drivers: instructions, kicks and "
        "interrupts per I/O or packet, on emulated processors, in one run.",
        epilog="Results: build/bench/report.html and build/bench/results.json. docs/performance.md explains them.")
    parser.add_argument("--job", action="append", choices=[job.name for job in JOBS], metavar="NAME",
                        help="only this job (repeatable); --list names them")
    parser.add_argument("--list", action="store_true", help="list the jobs and run none")
    parser.add_argument("--reps", type=int, default=3, metavar="N", help="repetitions of each job (default 3)")
    parser.add_argument("--profile", action="store_true", help="print the instructions of each function")
    parser.add_argument("--save", metavar="FILE", help="write the results to FILE as well")
    parser.add_argument("--compare", metavar="FILE", help="print our figures beside those that were saved in FILE")
    parser.add_argument("--show", metavar="FILE", help="measure nothing, report what was saved in FILE")
    parser.add_argument("--ring", action="store_true", help="only the ring alone, on the host (needs valgrind)")
    parser.add_argument("--memory", action="store_true", help="only what devices hold of the guest's memory")
    parser.add_argument("--document", action="store_true", help="put the table into docs/performance.md, too")
    options = parser.parse_args(argv)
    if options.reps < 1:
        parser.error("--reps is at least 1")
    return options


def versions():
    """What the figures depend on."""
    kernel = (build.BUILD / "kernels" / "stock" / "release").read_text(encoding="ascii").strip()
    rustc = re.search(r"rustc (\S+)", steps.ask_root(["rustc", "--version"]))[1]
    return {"date": datetime.date.today().isoformat(), "kernel": kernel, "rustc": rustc,
            "qemu": ".".join(map(str, buildroot.qemu_version([IN_ROOT, "qemu-system-x86_64"])))}


def measure(jobs, reps, keep):
    """All jobs, those of a machine in one boot, the drivers in turn. Each result is kept as soon as it is there."""
    for cpus, polled, disks in sorted({job.machine for job in jobs}):
        todo = [job for job in jobs if job.machine == (cpus, polled, disks)]
        t = Test(Case(f"bench-{cpus}-cpu-{disks}-disk{'-polled' if polled else ''}", None, timeout=BOOT_LIMIT))
        steps.say(f"bench: booting a guest with {cpus} processor{'s' if cpus > 1 else ''}")
        try:
            with Machine(t, cpus, any(job.kind == "network" for job in todo), polled, disks) as machine:
                for job in todo:
                    keep(job.name, _repeat(machine, job, reps))
        finally:
            t.clean_up(False)


def _repeat(machine, job, reps):
    start = time.monotonic()
    result = {"title": job.title, "unit": job.unit, "kind": job.kind, "profile": {}, **{driver: [] for driver in DRIVERS}}
    for _ in range(reps):
        for driver in DRIVERS:
            figures, result["profile"][driver] = machine.run(job, driver)
            result[driver].append(figures)
    by = {figure: report.ratio(result, figure) for figure in ("drv", "kern")}
    steps.say(f"bench: {job.name:<20} {time.monotonic() - start:5.1f} s   driver instructions {by['drv']:.2f} of C's, "
              f"all kernel instructions {by['kern']:.2f}")
    return result


def write(results, also):
    """The files of the results so far."""
    text = json.dumps(results, indent=1) + "\n"
    for path in filter(None, (build.OUT / "results.json", also)):
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
    (build.OUT / "report.html").write_text(page.render(results), encoding="utf-8")


def document(results):
    """Puts the tables into docs/performance.md, between its marks."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for part, lines in (("jobs", report.markdown(results)), ("ring", ring.markdown(results.get("ring", {}))),
                        ("memory", memory.markdown(results.get("memory", {})))):
        begin, end = (f"<!-- {word} of {part} -->" for word in ("begin", "end"))
        if results.get(part):
            before, _, rest = text.partition(begin)
            text = "\n".join([before + begin, "", *lines, "", end + rest.partition(end)[2]])
    DOCUMENT.write_text(text, encoding="utf-8")


def run(options):
    """Everything that was asked for."""
    jobs = [job for job in JOBS if (not options.job or job.name in options.job) and not (options.ring or options.memory)]
    results = {"versions": versions(), "reps": options.reps, "jobs": {}}
    if options.ring or not (options.job or options.memory) and ring.available():
        results["ring"] = ring.measure()
        write(results, options.save)
    if not jobs and not options.memory:
        return results
    steps.say("bench: setting up")
    setup.main(["guest"])
    if not (options.job or options.ring):
        results["memory"] = memory.measure(options.reps)
        write(results, options.save)
    if not jobs:
        return results
    build.ensure()
    if any(job.kind == "network" for job in jobs):
        if network.available():
            network.enter(len(DRIVERS))
        else:
            steps.say("bench: the network jobs need root, for a network namespace: left out")
            jobs = [job for job in jobs if job.kind != "network"]
    if not jobs:
        raise Fail("no job is left")

    def keep(name, result):
        results["jobs"][name] = result
        write(results, options.save)

    measure(jobs, options.reps, keep)
    if run_machine.accelerator("auto") == "kvm":
        results["timed"] = timed.measure(options.reps, any(job.kind == "network" for job in jobs))
        write(results, options.save)
    return results


def main(argv):
    """Runs the benchmark; the exit status for the shell."""
    options = parse(argv)
    if options.list:
        for job in JOBS:
            print(f"{job.name:<20} {job.title}, per {job.unit}")
        return 0
    try:
        old = json.loads(open(options.compare, encoding="utf-8").read()) if options.compare else None
        if options.show:
            results = json.loads(open(options.show, encoding="utf-8").read())
        else:
            # Two at a time would only disturb each other.
            with steps.locked("benchmark"):
                results = run(options)
    except (Fail, Failure, GuestError, OSError) as error:
        steps.say(f"bench: {error}")
        return 1
    lines = [*report.table(results), *timed.table(results.get("timed", {}))] if results["jobs"] else []
    print("\n".join([*lines, *memory.table(results.get("memory", {})), *ring.table(results.get("ring", {}))]))
    if options.document:
        document(results)
    for name, result in results["jobs"].items() if options.profile else ():
        print("\n".join([f"\n{name}, instructions per {result['unit']}:", *report.profile_lines(result)]))
    if old:
        print("\n".join(["", *report.comparison(old, results)]))
    steps.say(f"bench: {(build.OUT / 'report.html').relative_to(steps.REPO)}")
    sys.stdout.flush()
    return 0
