# SPDX-License-Identifier: GPL-2.0
"""The benchmark counts: what it says of a job is plausible, and the same each time.

Two repetitions of single reads, on Linux's driver and on ours in one guest, under the counting plugin. The driver's
instructions are the same to the last in both; each read costs one kick, one interrupt and no look at the ISR. What
one driver costs beside the other is not judged here.
"""

import json
import subprocess

from harness.case import BUILD, LOGS, ROOT

TIMEOUT = 600
JOB = "read-4k-d1"


def run(t):
    """One run of scripts/bench."""
    results, log = t.directory / "results.json", LOGS / "bench.log"
    t.logs.append(log)
    with open(log, "w", encoding="utf-8") as out:
        done = subprocess.run([ROOT / "scripts" / "bench", "--job", JOB, "--reps", "2", "--save", results],
                              stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=t.remaining(), check=False)
    t.equal(done.returncode, 0, "exit status of scripts/bench")
    job = json.loads(results.read_text(encoding="utf-8"))["jobs"][JOB]
    for driver in ("c", "rust"):
        first, second = job[driver]
        t.equal(first["drv"], second["drv"], f"{driver}: the driver's instructions, twice")
        t.check(200 < first["drv"] < 4000, f"{driver}: {first['drv']} instructions of the driver for a read")
        t.check(first["drv"] < first["kern"] < 50000, f"{driver}: {first['kern']} instructions of the kernel for a read")
        t.equal([first[name] for name in ("kicks", "interrupts", "isr")], [1, 1, 0], f"{driver}: kicks, interrupts, ISR")
        spent = job["profile"][driver]
        t.check(abs(sum(spent.values()) - second["kern"]) < 0.01, f"{driver}: the profile is not the whole")
    t.equal([name for name in job["profile"]["rust"] if "virtqueue_" in name and not name.startswith("driver _R")], [],
            "functions of Linux's driver in ours")
    page = (BUILD / "bench" / "report.html").read_text(encoding="utf-8")
    t.check(page.count("<rect") == 2 and JOB in page, "the report does not show the job")
