# SPDX-License-Identifier: GPL-2.0
"""The table of results as text, and what one run says beside another."""

import re
from statistics import median

from .jobs import JOBS

TITLES = {job.name: job.title for job in JOBS}
FIGURES = {"drv": "driver instructions", "kern": "kernel instructions", "kicks": "kicks", "interrupts": "interrupts"}


def spread(repetitions, figure):
    """Least, median and greatest of a figure over the repetitions of a job."""
    values = [each[figure] for each in repetitions]
    return min(values), median(values), max(values)


def ratio(result, figure):
    """Ours by C's, by the medians; None when C has none."""
    theirs, ours = (spread(result[driver], figure)[1] for driver in ("c", "rust"))
    return ours / theirs if theirs else None


def number(value):
    """A figure with as many digits as it deserves."""
    return f"{value:.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def _cells(result, figure):
    for driver in ("rust", "c"):
        low, middle, high = spread(result[driver], figure)
        around = f"{number(low)}..{number(high)}" if number(low) != number(high) else "exact"
        yield f"{number(middle):>8} {around:<17}"
    by = ratio(result, figure)
    yield f"{by:>5.2f}" if by is not None else "    -"


def table(results):
    """Lines of the table: four of each job, a figure each."""
    yield f"{'':<34} {'':<20} {'ours':>8} {'min..max':<17} {'C':>8} {'min..max':<17} ratio"
    for name, result in results["jobs"].items():
        for row, (figure, title) in enumerate(FIGURES.items()):
            head = name if row == 0 else f"  per {result['unit']}" if row == 1 else ""
            yield f"{head:<34} {title:<20} {' '.join(_cells(result, figure))}"


# What our drivers are to stay at or below, as a part of what C's cost.
TARGETS = {("block", "drv"): 0.6, ("block", "kern"): 0.95, ("network", "drv"): 0.75, ("network", "kern"): 1.0}


def is_met(result, figure):
    """Whether a ratio, with as many digits as are shown, is within what is aimed at; also if C has none to compare with."""
    by = ratio(result, figure)
    return by is None or round(by, 2) <= TARGETS.get((result["kind"], figure), 1.0)


def _around(result, driver, figure):
    low, middle, high = (number(value) for value in spread(result[driver], figure))
    return middle if low == high else f"{middle} ({low} to {high})"


def markdown(results):
    """Lines of the results for docs/performance.md. A ratio beyond what is aimed at is bold."""
    versions = results["versions"]
    yield (f"{versions['date']}, Linux {versions['kernel']}, QEMU {versions['qemu']}, rustc {versions['rustc']}; "
           f"{results['reps']} repetitions.")
    yield from ("", "| job | per | | ours | C | ours by C's |", "|---|---|---|---|---|---|")
    for name, result in results["jobs"].items():
        for row, (figure, title) in enumerate(FIGURES.items()):
            by = ratio(result, figure)
            shown = "" if by is None else f"{by:.2f}" if is_met(result, figure) else f"**{by:.2f}**"
            head = (f"`{name}`", result["unit"]) if row == 0 else ("", "")
            cells = [*head, title, *(_around(result, driver, figure) for driver in ("rust", "c")), shown]
            yield f"| {' | '.join(cells)} |"


def profile_lines(result, most=24):
    """Where the instructions of a job are spent, on each driver."""
    for driver in ("rust", "c"):
        yield f"  {'ours' if driver == 'rust' else 'C'}:"
        spent = sorted(result["profile"][driver].items(), key=lambda item: -item[1])
        for kind in ("driver", "kernel"):
            for name, count in [item for item in spent if item[0].startswith(kind)][:most]:
                if count >= 0.05:
                    yield f"    {count:>9.1f}  {kind}  {readable(name.split(' ', 1)[1])}"


def readable(name):
    """A Rust symbol without what only the linker needs: the words of its path."""
    if not name.startswith("_R"):
        return name
    name = re.sub(r"Cs[0-9A-Za-z]+_", "C", name)
    words, at = [], 0
    while at < len(name):
        end = at
        while end < len(name) and name[end].isdigit():
            end += 1
        # A length is followed by a name of that length.
        if end == at or name[end:end + 1] == "":
            at += 1
            continue
        start = end + (name[end] == "_")
        words.append(name[start:start + int(name[at:end])])
        at = start + int(name[at:end])
    return "::".join(word for word in words if word.isidentifier()) or name


def comparison(old, new):
    """Our figures of an older run beside those of a newer one."""
    yield f"{'':<22} {'':<20} {'before':>9} {'now':>9} {'change':>7}"
    for name, result in new["jobs"].items():
        if name not in old["jobs"]:
            continue
        for figure, title in FIGURES.items():
            before, now = (spread(each["jobs"][name]["rust"], figure)[1] for each in (old, new))
            change = f"{100 * (now / before - 1):+.1f} %" if before else "-"
            yield f"{name:<22} {title:<20} {number(before):>9} {number(now):>9} {change:>7}"
