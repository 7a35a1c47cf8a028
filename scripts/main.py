# SPDX-License-Identifier: GPL-2.0
"""Entry of everything in rvirtio/: `main.py run OPTIONS...` or `main.py setup TARGET...`."""

import sys

if sys.version_info < (3, 9):
    sys.exit("set-up needs Python 3.9 or newer")

from rvirtio import cli, setup, steps  # pylint: disable=wrong-import-position


def main():
    """Chooses the command and turns failures into one line."""
    command, arguments = sys.argv[1], sys.argv[2:]
    try:
        return {"run": cli.main, "setup": setup.main}[command](arguments)
    except steps.Fail as error:
        steps.say(f"{'qemu-run' if command == 'run' else 'set-up'}: {error}")
        return 125
    except KeyboardInterrupt:
        steps.say("interrupted")
        return 130


sys.exit(main())
