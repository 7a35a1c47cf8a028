# SPDX-License-Identifier: GPL-2.0
"""What the runner and the cases share: guests, QMP, judging logs, traces, the far end of a wire."""

from .case import Failure, Test
from .guest import Guest, GuestError

__all__ = ["Failure", "Guest", "GuestError", "Test"]
