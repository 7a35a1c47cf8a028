# SPDX-License-Identifier: GPL-2.0
"""The report as one HTML page: a picture of the ratios, the table, and where the instructions go."""

from html import escape

from . import report

WORDS = {"drv": "instructions of the driver", "kern": "instructions of the whole kernel",
         "kicks": "notifications of the device", "interrupts": "interrupts"}

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; color: #1c2430; background: #fff }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 2em }
table { border-collapse: collapse; font-variant-numeric: tabular-nums } td, th { padding: .15em .7em; text-align: right }
th { border-bottom: 1px solid #8a94a3; font-weight: 600 } td:first-child, th:first-child { text-align: left }
tr.first td { border-top: 1px solid #dde2e8; padding-top: .4em } .quiet { color: #6a7482 }
.good { color: #13703c } .bad { color: #b3261e } summary { cursor: pointer; margin: .4em 0 }
svg text { font: 13px system-ui, sans-serif; fill: #1c2430 } svg .quiet { fill: #6a7482 }
"""

# The picture, in its own units: where the scale begins, pixels of a ratio of 1, the most it shows.
LEFT, SCALE, MOST = 330, 360, 1.6
BAR, GAP = 11, 16
COLOURS = {True: "#2e8b57", False: "#c8553d"}


def _bar(y, result, figure, ratio):
    shown = min(ratio, MOST)
    target = LEFT + SCALE * report.TARGETS[result["kind"], figure]
    return (f'<rect x="{LEFT}" y="{y}" width="{SCALE * shown:.1f}" height="{BAR}" '
            f'fill="{COLOURS[report.is_met(result, figure)]}" fill-opacity="{1 if figure == "drv" else 0.55}"/>'
            f'<line x1="{target}" x2="{target}" y1="{y - 1}" y2="{y + BAR + 1}" stroke="#1c2430" stroke-width="2"/>'
            f'<text x="{LEFT + SCALE * shown + 6:.1f}" y="{y + BAR - 1}" class="quiet">{ratio:.2f} '
            f'{"driver" if figure == "drv" else "kernel"}</text>')


def picture(jobs):
    """Two bars of each job: ours by C's, of the driver and of the whole kernel, with the target as a tick."""
    parts, y = [], 30
    for name, result in jobs.items():
        parts.append(f'<text x="0" y="{y + BAR}">{escape(result["title"])}</text>'
                     f'<text x="0" y="{y + 2 * BAR + 3}" class="quiet">{escape(name)}</text>')
        for figure in ("drv", "kern"):
            ratio = report.ratio(result, figure)
            if ratio is not None:
                parts.append(_bar(y, result, figure, ratio))
            y += BAR + 2
        y += GAP
    for tick in (0, 0.5, 1, 1.5):
        x = LEFT + SCALE * tick
        parts.insert(0, f'<line x1="{x}" x2="{x}" y1="20" y2="{y}" stroke="#dde2e8"/>'
                        f'<text x="{x}" y="14" text-anchor="middle" class="quiet">{tick:g}{" = C" if tick == 1 else ""}</text>')
    return f'<svg viewBox="0 0 {LEFT + SCALE * MOST + 110:.0f} {y}" role="img" aria-label="ours by C\'s">{"".join(parts)}</svg>'


def _row(name, result, figure, first):
    cells = [escape(result["title"] if first else ""), escape(WORDS[figure])]
    for driver in ("rust", "c"):
        low, middle, high = (report.number(value) for value in report.spread(result[driver], figure))
        cells += [middle, f'<span class="quiet">{low} to {high}</span>' if low != high else '<span class="quiet">same</span>']
    ratio = report.ratio(result, figure)
    mark = "" if ratio is None else "good" if report.is_met(result, figure) else "bad"
    cells.append(f'<span class="{mark}">{ratio:.2f}</span>' if mark else "")
    return f'<tr id="{name}-{figure}"{" class=first" if first else ""}>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _profile(result):
    tables = []
    for driver, title in (("rust", "ours"), ("c", "C")):
        spent = sorted(result["profile"][driver].items(), key=lambda item: -item[1])[:40]
        rows = "".join(f"<tr><td>{escape(report.readable(name.split(' ', 1)[1]))}</td><td>{name.split(' ', 1)[0]}</td>"
                       f"<td>{count:.1f}</td></tr>" for name, count in spent if count >= 0.05)
        tables.append(f"<td style='vertical-align:top'><b>{title}</b><table>{rows}</table></td>")
    return (f"<details><summary>{escape(result['title'])}</summary><table><tr>{''.join(tables)}</tr></table></details>")


def render(results):
    """The whole page."""
    versions = results["versions"]
    rows = "".join(_row(name, result, figure, figure == "drv")
                   for name, result in results["jobs"].items() for figure in WORDS)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>rvirtio: what the drivers cost</title><style>{STYLE}</style></head><body>
<h1>What the drivers cost, beside Linux's own</h1>
<p>{versions['date']}: Linux {versions['kernel']}, QEMU {versions['qemu']} with emulated processors, rustc {versions['rustc']};
{results['reps']} repetitions, in turn on both drivers in one guest. Counts per I/O, packet or exchange, not times.</p>
<p>Each bar is our driver's count as a part of the C driver's: shorter is cheaper. The tick is the target; a bar beyond it is
red. The full colour is the driver itself, the pale one all of the kernel.</p>
{picture(results['jobs'])}
<h2>All figures</h2>
<table><tr><th>job</th><th></th><th>ours</th><th></th><th>C</th><th></th><th>ours by C's</th></tr>{rows}</table>
<h2>Where the instructions go</h2>
{''.join(_profile(result) for result in results['jobs'].values())}
</body></html>
"""
