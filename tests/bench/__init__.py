# SPDX-License-Identifier: GPL-2.0
"""The benchmark: what our drivers and Linux's C drivers cost, as counts that do not depend on the host's speed."""
