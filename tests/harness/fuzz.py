# SPDX-License-Identifier: GPL-2.0
"""libFuzzer over the drivers' shared code and the emulator's, with AddressSanitizer; see tests/fuzz.

An input that fails is kept in build/fuzz/failures/ and named with the command that runs it again.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys

from . import instrumented
from .cargo import cargo
from .case import BUILD, ROOT
from .instrumented import TARGET

PACKAGE = ROOT / "tests" / "fuzz"
CORPUS = PACKAGE / "corpus"
PLACE = BUILD / "fuzz"
FAILURES = PLACE / "failures"
TARGETS = sorted(path.stem for path in (PACKAGE / "src" / "bin").glob("*.rs"))
LONGEST_INPUT = 4096

STATE = re.compile(r"^#(\d+)\s+(?:DONE|INITED|RELOAD|pulse)?\s*.*?cov: (\d+) ft: (\d+)(?: corp: (\d+))?", re.M)


class Broken(Exception):
    """An input that fails, or a fuzzer that does not run; one line."""


def build(log):
    """The programs."""
    words = ("--bins", "--target", TARGET)
    if cargo(PACKAGE, instrumented.PLACE, log, "build", *words, timeout=1800, environment=instrumented.environment()) != 0:
        raise Broken(f"the fuzzer cannot be built: see {log}")


def _program(target, *words):
    FAILURES.mkdir(parents=True, exist_ok=True)
    return [ROOT / "scripts" / "in-root", instrumented.PLACE / TARGET / "debug" / target, f"-artifact_prefix={FAILURES}/{target}-",
            f"-max_len={LONGEST_INPUT}", "-timeout=20", *words]


def run(target, log, *limits):
    """Feeds a target until a limit; gives how many inputs there were and how many places they reached."""
    found = PLACE / "corpus" / target
    found.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as output:
        status = subprocess.run(_program(target, *limits, found, CORPUS / target), stdin=subprocess.DEVNULL, stdout=output,
                                stderr=subprocess.STDOUT, check=False).returncode
    text = log.read_text(errors="replace")
    failure = re.search(r"Test unit written to (\S+)", text)
    if status != 0 or failure:
        why = re.search(r"^(?:thread .* panicked at .*:\n.*|==\d+==ERROR: .*)", text, re.M)
        why = " ".join(why[0].split()) if why else f"it ended with {status}"
        again = f"; again: scripts/fuzz --replay {failure[1]} {target}" if failure else ""
        raise Broken(f"{target}: {why}{again}")
    states = STATE.findall(text)
    if not states:
        raise Broken(f"{target}: no input was run: see {log}")
    return int(states[-1][0]), int(states[-1][1])


def shrink(target):
    """Makes the corpus in the tree the smallest that reaches what was reached."""
    fresh = PLACE / "smallest" / target
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    subprocess.run(_program(target, "-merge=1", fresh, PLACE / "corpus" / target, CORPUS / target), check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    shutil.rmtree(CORPUS / target, ignore_errors=True)
    shutil.copytree(fresh, CORPUS / target)


def parse(words):
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; default: all")
    parser.add_argument("--seconds", type=int, default=60, metavar="N", help="for each target (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the fuzzer's; default: another each time")
    parser.add_argument("--replay", metavar="FILE", help="run the one target on this input alone, and show all of its output")
    parser.add_argument("--shrink", action="store_true", help="then write the smallest corpus to tests/fuzz/corpus")
    options = parser.parse_args(words)
    unknown = sorted(set(options.targets) - set(TARGETS))
    if unknown:
        parser.error(f"no such target: {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    if options.replay and len(options.targets) != 1:
        parser.error("--replay needs one target")
    if options.replay and not os.path.isfile(options.replay):
        parser.error(f"no such file: {options.replay}")
    if options.seconds < 1:
        parser.error("--seconds is at least 1")
    return options


def main(words):
    """Runs what is asked for; 1 if something failed."""
    options = parse(words)
    subprocess.run([ROOT / "scripts" / "setup", "root"], check=True)
    PLACE.mkdir(parents=True, exist_ok=True)
    failed = 0
    try:
        build(PLACE / "build.log")
        if options.replay:
            return subprocess.run(_program(options.targets[0], os.path.abspath(options.replay)), check=False).returncode
    except Broken as error:
        print(f"scripts/fuzz: {error}", file=sys.stderr)
        return 1
    for target in options.targets or TARGETS:
        try:
            inputs, places = run(target, PLACE / f"{target}.log", f"-max_total_time={options.seconds}", f"-seed={options.seed}")
            print(f"ok   {target:<10} {inputs} inputs, {places} places reached", flush=True)
        except Broken as error:
            failed += 1
            print(f"FAIL {error}", flush=True)
            continue
        if options.shrink:
            shrink(target)
    return 1 if failed else 0
