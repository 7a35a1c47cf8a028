# SPDX-License-Identifier: GPL-2.0
"""qemu-run.sh with a command of its own, for cases that need no dialogue with the guest."""

import subprocess

from .case import LOGS, Failure
from .guest import RUN


def qemu_run(t, *arguments):
    """Runs qemu-run.sh; gives standard output and the guest's log, which must be clean."""
    log = LOGS / f"{t.case.file_name}.log"
    log.unlink(missing_ok=True)
    t.logs.append(log)
    done = subprocess.run([RUN, "--name", t.case.file_name, *arguments], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, errors="replace", check=False,
                          timeout=t.remaining())
    complaint = t.judge(log.read_text(errors="replace")) if log.exists() else "there is no log"
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["nothing"]
        raise Failure(f"qemu-run.sh ended with {done.returncode} and said {said[0]}; the log: {complaint}")
    if complaint:
        raise Failure(f"the guest's log says: {complaint}")
    return done.stdout, log
