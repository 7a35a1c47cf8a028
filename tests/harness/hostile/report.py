# SPDX-License-Identifier: GPL-2.0
"""What came of the cells: kept from run to run, and told in docs/hostile.md."""

import datetime
import json
import subprocess
import threading

from ..case import BUILD, ROOT
from .verdict import BOUND, COMMAND, GOOD, REQUEST_TIMEOUT, SENDINGS, WELL, WHAT

# What the runs in this tree have left, and what the document was written from.
RESULTS = BUILD / "hostile"
KEPT = ROOT / "docs" / "hostile.json"
DOCUMENT = ROOT / "docs" / "hostile.md"
# What the document shows: of which driver, on which kernel.
COLUMNS = {"ours": ("rust", "stock"), "ours, debug kernel": ("rust", "debug"), "Linux's": ("c", "stock")}

HEAD = """\
<!-- SPDX-License-Identifier: GPL-2.0; written by scripts/hostile, do not edit -->
# Devices that misbehave

Each row is a device of the emulator with one fault (or a mixture), on which a driver is bound, loaded and taken off again:
ours on Debian's kernel, ours on a kernel with KASAN, UBSAN, lockdep, kmemleak and checks of DMA and of hung tasks, and Linux's own
on Debian's kernel. `make hostile` runs all rows on our drivers, on both kernels, `make hostile DRIVER=c` on Linux's, and
`scripts/hostile --write` writes this page from what runs have left in `build/hostile/` and, where they have nothing, from what it
was written from before (`hostile.json`). `emulator --fault-list` tells what each fault does.

On a disk four threads write blocks whose content tells sector and generation, and read them back; at the end all blocks are read,
and those whose writing succeeded are looked at in the image on the host. On a card there are pings, commands, and TCP with checksums.
`once` strikes a single time in the middle of that, `always` from then on; `once-Q` in queue Q of a card.

| verdict | |
|---|---|
"""


def _read(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def _fresh(driver, kernel):
    """Where the results of runs in this tree are."""
    return RESULTS / f"{driver}-{kernel}.json"


def load(driver, kernel):
    """The results so far, by cell: those of this tree, else those that the document was written from."""
    return _read(KEPT).get(f"{driver}-{kernel}", {}) | _read(_fresh(driver, kernel))


class Keeper:
    """Prints a line for each cell and keeps what came of it."""

    def __init__(self, driver, kernel):
        self._driver, self._kernel, self._lock = driver, kernel, threading.Lock()
        self.told, self.failed = set(), set()
        self._closed = False

    def close(self):
        """What comes from now on is of guests that were ended."""
        with self._lock:
            self._closed = True

    def tell(self, cell, verdict):
        """A verdict; a cell has a second one if its guest is found unwell later."""
        name = cell.name
        with self._lock:
            if self._closed:
                return
            self.told.add(name)
            if not verdict.good:
                self.failed.add(name)
            slow = f"{verdict.slowest:6d} ms" if verdict.slowest else ""
            print(f"{'ok  ' if verdict.good else 'FAIL'} {name:<36} {verdict.word:<10} {verdict.seconds:5.1f} s {slow:>10}  {verdict.why}",
                  flush=True)
            if not verdict.good:
                print(f"     again: scripts/hostile --driver {self._driver} --kernel {self._kernel} '{cell.name}'"
                      f"  (--fault {' --fault '.join(cell.faults)})", flush=True)
            path = _fresh(self._driver, self._kernel)
            results = _read(path)
            results[name] = {"verdict": verdict.word, "why": verdict.why, "slowest": verdict.slowest, "date": datetime.date.today().isoformat()}
            RESULTS.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(results, indent=1, sort_keys=True), encoding="utf-8")


def _version(*command):
    done = subprocess.run([ROOT / "scripts" / "in-root", *command], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()[0] if done.stdout else "unknown"


def _counts(results, cells):
    """How many cells have each verdict, in words."""
    words = [results[cell.name]["verdict"] for cell in cells if cell.name in results]
    return ", ".join(f"{words.count(word)} {word}" for word in WHAT if word in words) or "not run"


def _well_again(results, cells):
    """Of the cells whose device comes back, how many end with everything as it should be."""
    words = [results[cell.name]["verdict"] for cell in cells if cell.comes_back and cell.name in results]
    return f"{sum(word in WELL for word in words)} of {len(words)}"


def _shown(results, cell):
    result = results.get(cell.name)
    if result is None:
        return "not run"
    word = result["verdict"] if result["verdict"] in GOOD else f"**{result['verdict']}**"
    why = result["why"].replace("|", "\\|")
    return f"{word} ({why[:90]})" if why and result["verdict"] not in GOOD else word


def write(cells):
    """The document, and what it is written from."""
    columns = {}
    for title, which in COLUMNS.items():
        results = load(*which)
        columns[title] = {cell.name: results[cell.name] for cell in cells if cell.name in results}
    _keep({"-".join(which): columns[title] for title, which in COLUMNS.items()})
    text = HEAD + "".join(f"| {word if word in GOOD else f'**{word}**'} | {what} |\n" for word, what in WHAT.items())
    text += f"\nBounds: a request {REQUEST_TIMEOUT} s, its time-out, and 1 s, each time that it is sent: " \
            f"{SENDINGS['rust']} times at most by ours, once by Linux's; a command {COMMAND} s; bind, unbind, open and close {BOUND} s. Guests are emulated: twice as long is let pass, and more " \
            f"as the host has more to do than processors.\n\n{_version('qemu-system-x86_64', '--version')}, two emulated processors.\n\n" \
            "Where a device comes back, as it strikes once, for a while, or until it is reset, all must be well at the end: that is counted, too.\n\n" \
            "| | kernel | run | cells | well again |\n|---|---|---|---|---|\n"
    for title, (_, kernel) in COLUMNS.items():
        dates = sorted({result["date"] for result in columns[title].values()})
        run = " to ".join(dict.fromkeys((dates[0], dates[-1]))) if dates else "never"
        text += f"| {title} | {_kernel_name(kernel)} | {run} | {_counts(columns[title], cells)} | {_well_again(columns[title], cells)} |\n"
    text += "\n| cell | " + " | ".join(COLUMNS) + " | rows |\n" + "|---" * (len(COLUMNS) + 2) + "|\n"
    for cell in cells:
        shown = " | ".join(_shown(results, cell) for results in columns.values())
        text += f"| {cell.name} | {shown} | {' '.join(cell.rows)} |\n"
    DOCUMENT.write_text(text, encoding="utf-8")


def _keep(results):
    """A line for each result."""
    runs = []
    for run, cells in results.items():
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(result)}" for name, result in cells.items())
        runs.append(f" {json.dumps(run)}: {{\n{lines}\n }}" if lines else f" {json.dumps(run)}: {{}}")
    KEPT.write_text("{\n" + ",\n".join(runs) + "\n}\n", encoding="utf-8")


def _kernel_name(kernel):
    """A kernel's release."""
    release = BUILD / "kernels" / kernel / "release"
    return f"Linux {release.read_text().strip()}" if release.exists() else f"the {kernel} kernel"
