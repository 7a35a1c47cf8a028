# SPDX-License-Identifier: GPL-2.0
"""Drivers on devices that misbehave: a cell is a fault, a device that has it and a driver; each ends with a verdict."""
