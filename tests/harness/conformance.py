# SPDX-License-Identifier: GPL-2.0
"""What the emulator's `--check` says of drivers, beside what docs/conformance.md records."""

from .case import ROOT, Failure


def recorded(driver):
    """The rules that a driver always breaks, and those that it breaks at times, by the table of verdicts."""
    for line in (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip(" `") for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0] == driver:
            return tuple({word for word in cell.split() if word != "none"} for cell in cells[2:])
    raise Failure(f"docs/conformance.md has no verdict on {driver}")


def compare(t, driver, broken):
    """Fails if the rules that a driver broke are not those that are recorded."""
    always, at_times = recorded(driver)
    t.equal(sorted(always - set(broken)), [], f"rules that {driver} kept, against docs/conformance.md")
    t.equal(sorted(set(broken) - always - at_times), [], f"rules that {driver} broke, against docs/conformance.md")
