# SPDX-License-Identifier: GPL-2.0
"""The jobs of the benchmark: what the guest runs, what the host does meanwhile, what is counted per what."""

from dataclasses import dataclass

from harness import pktgen

# The ports of the host's servers; see network.py.
SINK, ECHO, SOURCE, DRAIN = 9, 7, 5001, 5002


@dataclass(frozen=True)
class Job:
    """One row of the table."""

    name: str
    title: str
    # What one of is counted: the figures are per this.
    unit: str
    # The guest's command, with {disk}, {nic} and {host} of the driver whose turn it is.
    command: str
    # Processors of the guest, and queues of its devices.
    cpus: int = 1
    # The words of the program `wire` on the host meanwhile: bytes of a frame, microseconds between two.
    wire: tuple = ()
    # A script before the command.
    prepare: str = ""
    # One queue of each disk is polled.
    polled: bool = False
    # Disks of our driver; the job is for the last one.
    disks: int = 1

    @property
    def kind(self):
        """block or network."""
        return "block" if "{disk}" in self.command else "network"

    @property
    def machine(self):
        """What the guest has to be like."""
        return self.cpus, self.polled, self.disks


def _disk(name, title, words, cpus=1, **more):
    return Job(name, title, "I/O", f"/bench/load disk {{disk}} {words} {cpus}", cpus, **more)


def _network(name, title, words, unit="packet", **more):
    return Job(name, title, unit, f"/bench/load {words}", **more)


_PKTGEN = pktgen.prepare("{nic}", count=20000, pkt_size=60, burst=32, delay=0, dst="{host}", dst_mac="{mac}")

JOBS = (
    _disk("read-4k-d1", "4 KiB read, depth 1", "read 4096 1 400"),
    _disk("write-4k-d1", "4 KiB write, depth 1", "write 4096 1 400"),
    _disk("read-4k-d32", "4 KiB read, batches of 32", "read 4096 32 1280"),
    _disk("write-4k-d32", "4 KiB write, batches of 32", "write 4096 32 1280"),
    _disk("read-4k-d256", "4 KiB read, batches of 256", "read 4096 256 5120"),
    _disk("read-128k-d1", "128 KiB sequential read, 32 segments", "read 131072 1 200"),
    _network("udp-22", "UDP, 22 bytes, back to back", f"udp {{host}} {SINK} 22 2000 0"),
    _network("udp-1472", "UDP, 1472 bytes, back to back", f"udp {{host}} {SINK} 1472 2000 0"),
    _network("pktgen-60", "pktgen, 60 bytes, bursts of 32", f"generate {pktgen.CONTROL} 20000", prepare=_PKTGEN),
    _network("flood-60", "receive flood, 60 bytes", "receive {nic} 20000", wire=(60, 0)),
    _network("flood-1500", "receive flood, 1514 bytes", "receive {nic} 10000", wire=(1514, 0)),
    _network("receive-1ms", "receive 60 bytes, one per ms", "receive {nic} 300", wire=(60, 1000)),
    _network("send-paced", "send 64 bytes, paced", f"udp {{host}} {SINK} 22 300 300"),
    _network("echo-1472", "UDP request and response, 1472 bytes", f"echo {{host}} {ECHO} 1472 400", "exchange"),
    _network("tcp-receive", "TCP receive", f"stream {{host}} {SOURCE} receive 24", "MB"),
    _network("tcp-send", "TCP send", f"stream {{host}} {DRAIN} send 24", "MB"),
    _disk("read-4k-d32-q4", "4 KiB read, batches of 32, 4 queues on 4 CPUs", "read 4096 32 1280", cpus=4),
    Job("read-4k-polled", "4 KiB read, depth 1, polled for", "I/O", "/bench/load poll {disk} 400", cpus=2, polled=True),
    _disk("read-4k-d32-q8", "4 KiB read, batches of 32, 8 queues on 8 CPUs", "read 4096 32 1280", cpus=8),
    _disk("read-4k-d32-16", "4 KiB read, batches of 32, one of 16 disks", "read 4096 32 1280", disks=16),
    _disk("write-4k-d1-q4", "4 KiB write, depth 1, 4 queues on 4 CPUs", "write 4096 1 400", cpus=4),
)
