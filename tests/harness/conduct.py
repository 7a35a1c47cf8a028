# SPDX-License-Identifier: GPL-2.0
"""Rules for how a driver speaks to a legacy device's registers, checked against what QEMU saw."""

from .registers import ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK
from .trace import MSIX_CONTROL, MSIX_ENABLE, PCI_COMMAND, PCI_COMMAND_IO, PCI_COMMAND_MASTER, WIDTH

NO_VECTOR = 0xFFFF
LIVE = ACKNOWLEDGE | DRIVER | DRIVER_OK


class Conduct:
    """Follows the accesses from bind to unbind.

    `faults` says what broke which rule; `live_vectors` are the vectors in use at DRIVER_OK (None:
    it was never reached), by queue, None standing for the configuration; `notified` the queues kicked.
    """

    def __init__(self, accesses, config):
        self.faults = []
        self.resets = 0
        self.notified = set()
        self.pfns = {}
        self.vectors = {}
        self.config_reads = 0
        self.live_vectors = None
        self._config = config
        self._offered = None
        self._accepted = None
        self._selected = None
        self._status = None
        self._command = 0
        self._msix = False
        self._isr_reads = 0
        self._seen = {}
        for index, access in enumerate(accesses):
            self._step(access, accesses[index + 1] if index + 1 < len(accesses) else None)
        self._end()

    def _fault(self, row, access, why):
        """Notes a broken rule."""
        self.faults.append(f"{row}: {access}: {why}")

    def _step(self, access, following):
        """One access and the one after it."""
        if access.register == "PCI":
            if access.offset == PCI_COMMAND:
                self._command = access.value
            if access.offset == MSIX_CONTROL:
                self._msix = bool(access.value & MSIX_ENABLE)
            return
        if access.register == "HEADER":
            self._fault("T9", access, "not the start of a register")
        elif access.register != "CONFIG" and access.size != WIDTH[access.register]:
            self._fault("T9", access, "not the register's width")
        if not self._command & PCI_COMMAND_IO:
            self._fault("T7", access, "I/O decoding is off")
        if self._status is None and not (access.write and access.register == "STATUS" and access.value == 0):
            self._fault("T16", access, "before the first reset")
        getattr(self, f"_on_{access.register.lower()}")(access, following)

    def _on_header(self, access, following):
        """Already noted."""

    def _on_status(self, access, following):
        """A write of STATUS: reset, or one more bit."""
        if not access.write:
            return
        if access.value == 0:
            self.resets += 1
            self._selected = None
            self._offered = self._accepted = None
            self.pfns, self.vectors, self._seen = {}, {}, {}
            self._isr_reads = 0
            if following is None or following.write or following.register != "STATUS":
                self._fault("T17", access, f"followed by {following}, not by a read of STATUS")
        elif self._status is not None and access.value & self._status != self._status:
            self._fault("T18", access, f"takes bits away from {self._status:#x}")
        if access.value & FEATURES_OK:
            self._fault("T19", access, "FEATURES_OK does not exist here")
        if access.value & DRIVER and not access.value & ACKNOWLEDGE:
            self._fault("T16", access, "DRIVER before ACKNOWLEDGE")
        if access.value == LIVE:
            self._going_live(access)
        self._status = access.value

    def _going_live(self, access):
        """What must be done before DRIVER_OK."""
        if not self._command & PCI_COMMAND_MASTER:
            self._fault("T7", access, "the device is not a bus master")
        if self._accepted is None:
            self._fault("T25", access, "no features were written")
        if not self.pfns:
            self._fault("T46", access, "no queue was set up")
        self.live_vectors = dict(self.vectors)
        if self._msix and not self.vectors:
            self._fault("T68", access, "no vectors were set since the last reset")

    def _on_guest_features(self, access, _following):
        """Features are accepted after DRIVER, before any queue, out of what is offered."""
        if not access.write:
            return
        if self._offered is None:
            self._fault("T25", access, "HOST_FEATURES was not read since the reset")
        elif access.value & ~self._offered:
            self._fault("T25", access, f"offered is {self._offered:#x}")
        if self._status != ACKNOWLEDGE | DRIVER:
            self._fault("T16", access, f"with STATUS {self._status:#x}")
        if self.pfns:
            self._fault("T29", access, "after a queue was set up")
        self._accepted = access.value

    def _on_host_features(self, access, _following):
        """The offer, which is nothing to write to."""
        if access.write:
            self._fault("H34", access, "HOST_FEATURES is read only")
        else:
            self._offered = access.value

    def _on_queue_sel(self, access, _following):
        """The selector."""
        if access.write:
            self._selected = access.value

    def _queue(self, access):
        """The selected queue's number, which must have been chosen since the reset."""
        if self._selected is None:
            self._fault("T41", access, "no queue was selected since the reset")
        return self._selected

    def _on_queue_num(self, access, _following):
        """A queue's size."""
        self._seen.setdefault(self._queue(access), set()).add("num" if access.value else "absent")

    def _on_queue_pfn(self, access, _following):
        """A queue's place: read as 0, then set once, never taken away from a device in use."""
        queue = self._queue(access)
        seen = self._seen.setdefault(queue, set())
        if not access.write:
            if access.value == 0:
                seen.add("idle")
        elif access.value == 0:
            if self._status:
                self._fault("T49", access, "resets the whole device")
        else:
            if "num" not in seen:
                self._fault("T42", access, "its size was not read, or is 0")
            if "idle" not in seen:
                self._fault("T43", access, "nobody looked whether it is in use")
            if self._status is None or self._status & DRIVER_OK:
                self._fault("T46", access, f"with STATUS {self._status}")
            if access.value in self.pfns.values():
                self._fault("T46", access, "another queue is there")
            self.pfns[queue] = access.value

    def _vector(self, access, following, key):
        """A vector: only with MSI-X, and read back."""
        if not self._msix:
            self._fault("T33", access, "MSI-X is off")
        if not access.write:
            return
        if access.value == NO_VECTOR:
            self.vectors.pop(key, None)
            return
        if following is None or following.write or following.register != access.register:
            self._fault("T59" if key is None else "T60", access, f"followed by {following}, not read back")
        self.vectors[key] = access.value

    def _on_config_vector(self, access, following):
        """The vector of configuration changes."""
        self._vector(access, following, None)

    def _on_queue_vector(self, access, following):
        """The vector of a queue."""
        self._vector(access, following, self._queue(access))

    def _on_queue_notify(self, access, _following):
        """A kick: a queue that is there, of a device that is live."""
        if access.value not in self.pfns:
            self._fault("T94", access, "there is no such queue")
        if self._status != LIVE:
            self._fault("T94", access, f"with STATUS {self._status:#x}")
        self.notified.add(access.value)

    def _on_isr(self, access, _following):
        """ISR is for INTx."""
        self._isr_reads += 1
        if access.write:
            self._fault("T64", access, "ISR is read only")
        if self._msix and self._status == LIVE:
            self._fault("T66", access, "ISR is not for MSI-X")

    def _on_config(self, access, _following):
        """Device configuration reads give what the device was made with."""
        if not access.write:
            self.config_reads += 1
            wanted = int.from_bytes(self._config[access.offset:access.offset + access.size], "little")
            if access.offset + access.size <= len(self._config) and access.value != wanted:
                self._fault("T33", access, f"the device has {wanted:#x} there")

    def _end(self):
        """After the unbind."""
        if self._status != ACKNOWLEDGE:
            self.faults.append(f"T21: STATUS was left at {self._status:#x}")
