# SPDX-License-Identifier: GPL-2.0
"""The ring alone, on the host: instructions to put a chain into a queue and to take it out again, by callgrind.

The program is tests/host/examples/ring.rs. Only the driver's two functions are counted; the device runs between them.
"""

import re
import shutil
import subprocess

from harness import cargo
from rvirtio import steps
from rvirtio.steps import BUILD, Fail, LOGS

PACKAGE = steps.REPO / "tests" / "host"
TARGET = BUILD / "bench" / "ring"
PROGRAM = TARGET / "debug" / "examples" / "ring"

MODES = ("flags", "flags-off", "event", "event-off", "flags-indirect", "flags-off-indirect", "event-indirect", "event-off-indirect")
DESCRIPTORS = (1, 3, 16)
BATCHES = (1, 16)
ROUNDS = 64
# The same again where the indices wrap in the middle of what is counted; getting there takes a while.
NEAR_WRAP = 65536 - 8
WRAPPED = ("event", "event-indirect")


def available():
    """Whether there is a valgrind."""
    return shutil.which("valgrind") is not None


def build():
    """Builds the program."""
    log = LOGS / "bench-ring.log"
    if cargo.cargo(PACKAGE, TARGET, log, "build", "--example", "ring", "--features", "plain"):
        raise Fail(f"the ring's program was not built: see {log}")


def count(mode, descriptors, batch, start=1):
    """Instructions for a chain."""
    output = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no",
         "--toggle-collect=measured_put", "--toggle-collect=measured_take",
         PROGRAM, mode, *map(str, (descriptors, batch, ROUNDS, start))],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    found = re.search(r"Collected : (\d+)", output.stdout)
    if output.returncode or not found:
        raise Fail(f"callgrind: {output.stdout[-2000:]}")
    return int(found[1]) / ROUNDS / batch


def measure():
    """Figures by mode: for each number of descriptors, of single chains and of batches; and some near the wrap."""
    with steps.step("benchmark: the ring alone"):
        build()
        found = {mode: {str(descriptors): {str(batch): count(mode, descriptors, batch) for batch in BATCHES}
                        for descriptors in DESCRIPTORS}
                 for mode in MODES}
        for mode in WRAPPED:
            found[mode]["3"]["wrap"] = count(mode, 3, 1, NEAR_WRAP)
        return found


def markdown(found):
    """Lines of the figures for docs/performance.md."""
    yield "| mode | " + " | ".join(f"{n} descriptor{'s' if n > 1 else ''}" for n in DESCRIPTORS) + " | 3, near the wrap |"
    yield "|---|" + "---|" * (len(DESCRIPTORS) + 1)
    for mode, by in found.items():
        wrap = by["3"].get("wrap")
        cells = [f"{each['1']:.0f}, {each['16']:.0f}" for each in by.values()]
        yield f"| `{mode}` | {' | '.join(cells)} | {f'{wrap:.0f}' if wrap else ''} |"


def table(found):
    """Lines of the table."""
    if not found:
        return
    yield f"{'the ring alone':<22} " + " ".join(f"{f'{n} descriptors':>20}" for n in DESCRIPTORS)
    yield f"{'':<22} " + " ".join(f"{'single':>10} {'of 16':>9}" for _ in DESCRIPTORS)
    for mode, by in found.items():
        line = f"{mode:<22} " + " ".join(f"{each['1']:>10.1f} {each['16']:>9.1f}" for each in by.values())
        wrap = by["3"].get("wrap")
        yield line + (f"   3, where indices wrap: {wrap:.1f}" if wrap else "")
