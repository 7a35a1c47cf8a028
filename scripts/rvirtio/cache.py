# SPDX-License-Identifier: GPL-2.0
"""Expensive products kept outside build/, so that another clone need not make them again.

An entry is named by everything it was made from; one that is missing or damaged is made anew.
RVIRTIO_CACHE names the folder; set to the empty string, nothing is kept.
"""

import os
import pathlib
import subprocess

from . import steps


def folder():
    """Where entries are kept, or None."""
    named = os.environ.get("RVIRTIO_CACHE")
    if named is not None:
        return pathlib.Path(named).absolute() if named else None
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(home) / "rvirtio"


class Entry:
    """One folder's content, as an archive."""

    def __init__(self, name, *made_from):
        self.name = name
        self.path = folder() and folder() / f"{name}-{steps.key(*made_from)}.tar.zst"

    def restore(self, into):
        """Unpacks the entry in place of `into`; False when there is none that is whole."""
        if not self.path or not self.path.exists():
            return False
        with steps.step(f"{self.name} kernel tree from {self.path.parent}"):
            fresh = into.parent / f".{into.name}.cached"
            steps.remove(fresh)
            fresh.mkdir()
            done = subprocess.run([steps.IN_ROOT, "--bind", str(self.path.parent), "tar", "-x", "--zstd", "-f",
                                   str(self.path), "-C", str(fresh)], capture_output=True, check=False)
            if done.returncode == 0:
                steps.remove(into)
                fresh.rename(into)
                return True
            steps.remove(fresh)
            self.path.unlink(missing_ok=True)
        steps.say(f"set-up: the cached {self.name} kernel tree was damaged: making it anew")
        return False

    def store(self, what):
        """Keeps a copy of `what`; a cache that cannot be written is no error."""
        if not self.path:
            return
        partial = self.path.parent / f".{self.path.name}.{os.getpid()}"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            done = subprocess.run([steps.IN_ROOT, "--bind", str(self.path.parent), "tar", "-c", "--zstd", "-f",
                                   str(partial), "-C", str(what), "."], capture_output=True, check=False)
            if done.returncode == 0:
                partial.rename(self.path)
        except OSError:
            pass
        finally:
            partial.unlink(missing_ok=True)
