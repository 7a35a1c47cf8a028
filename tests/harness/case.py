# SPDX-License-Identifier: GPL-2.0
"""One case: finding it, giving it its context, and what it may say about itself."""

import importlib.util
import os
import re
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import judge
from .guest import Guest

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "tests" / "boot" / "cases"
BUILD = ROOT / "build"
LOGS = BUILD / "logs"
ROW = re.compile(r"\b[TNBDFHU]\d+\b")


class Failure(Exception):
    """A claim of the case does not hold."""


@dataclass
class Case:
    """A name, the function that runs it, how long it may take, what set-up it needs beyond every case's, and whether it
    measures, so that nothing else may run beside it."""

    name: str
    run: object
    parameters: dict = field(default_factory=dict)
    timeout: int = 120
    rows: tuple = ()
    summary: str = ""
    setup: tuple = ()
    alone: bool = False

    @property
    def file_name(self):
        """The name as part of a file's name."""
        return self.name.replace("/", "-")


@dataclass
class Result:
    """How one case, or one part of it that counts by itself, went."""

    name: str
    seconds: float
    reason: str = ""
    log: object = None

    @property
    def passed(self):
        """True when there is nothing to complain about."""
        return not self.reason


def driver():
    """Which driver is under test: `rust`, or `c` to try the case itself on Linux's own drivers."""
    return os.environ.get("RVIRTIO_TEST_DRIVER", "rust")


class Test:
    """What a case's `run` function is given."""

    def __init__(self, case):
        self.case = case
        self.driver = driver()
        self.deadline = time.monotonic() + case.timeout
        self.parts = []
        self.logs = []
        self._allowed = []
        self._guests = []
        self._directory = None

    @property
    def rust(self):
        """True when the Rust drivers are the ones under test."""
        return self.driver == "rust"

    @property
    def directory(self):
        """An empty directory of the case's own, under build/."""
        if self._directory is None:
            self._directory = BUILD / "tests" / self.case.file_name
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory.mkdir(parents=True)
        return self._directory

    def disk(self, name, size):
        """A new sparse image file of `size` bytes."""
        path = self.directory / name
        with open(path, "wb") as image:
            image.truncate(size)
        return path

    def allow(self, pattern, reason):
        """Lines matching `pattern` are expected in the guest's log, because of `reason`."""
        assert reason
        self._allowed.append(re.compile(pattern))

    def check(self, condition, message):
        """Fails the case with `message` unless `condition` holds."""
        if not condition:
            raise Failure(message)

    def equal(self, got, wanted, what):
        """Fails the case unless both are the same."""
        if got != wanted:
            raise Failure(f"{what}: got {got!r}, wanted {wanted!r}")

    def part(self, name, seconds, reason="", log=None):
        """Adds a result that counts by itself, below this case's name."""
        self.parts.append(Result(f"{self.case.name}/{name}", seconds, reason, log))

    def boot(self, **options):
        """Boots a guest; use it as `with t.boot(...) as guest`."""
        number = len(self._guests) + 1
        name = self.case.file_name + (f"-{number}" if number > 1 else "")
        guest = Guest(self, name, **options)
        self._guests.append(guest)
        self.logs.append(guest.log)
        return guest

    def judge(self, text):
        """The first line of a guest's log that no healthy kernel writes, or None."""
        return judge.complaint(text, self._allowed)

    def remaining(self):
        """Seconds left of the case's time."""
        return max(0.0, self.deadline - time.monotonic())

    def clean_up(self, keep):
        """Ends what is still running; removes the directory unless `keep`."""
        for guest in self._guests:
            guest.kill()
        if self._directory is not None and not keep:
            shutil.rmtree(self._directory, ignore_errors=True)


def load():
    """Every case there is, in the order of their files."""
    found = []
    for path in sorted(CASES.glob("*.py")):
        stem = path.stem.replace("_", "-")
        spec = importlib.util.spec_from_file_location(f"cases.{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        text = module.__doc__ or ""
        rows = tuple(ROW.findall(text.split("Rows:", 1)[1])) if "Rows:" in text else ()
        summary = text.strip().splitlines()[0] if text.strip() else ""
        timeout = getattr(module, "TIMEOUT", 120)
        setup = tuple(getattr(module, "SETUP", ()))
        alone = getattr(module, "ALONE", False)
        variants = getattr(module, "VARIANTS", None)
        if variants is None:
            found.append(Case(stem, module.run, {}, timeout, rows, summary, setup, alone))
            continue
        for name, parameters in variants.items():
            found.append(Case(f"{stem}/{name}", module.run, parameters, timeout, rows, summary, setup, alone))
    return found
