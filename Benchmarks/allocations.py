#!/usr/bin/python3
"""How often the daemons ask for memory while packets of 1,500 bytes go both ways: never, in steady state.

count_allocations.c is loaded before the C library and counts. A packet here is 1,500 bytes that the interfaces carried:
with offload a segment of TCP is not seen by itself.
"""

import os
import pathlib
import shutil
import struct
import sys
import tempfile
import time

import yardstick

SETTLE, SECONDS = 3, 3
MTU = 1500
TRAFFIC = {
    "TCP, one way": [],
    "TCP, both ways": ["--bidir"],
    "UDP, both ways": ["-u", "-b", "200M", "-l", str(MTU - 48), "--bidir"],
}


class Counted:
    """A file for the library, and what it has counted."""

    def __init__(self, directory, library):
        descriptor, self.path = tempfile.mkstemp(dir=directory)
        os.write(descriptor, bytes(16))
        os.close(descriptor)
        self.environment = {"LD_PRELOAD": library, "COUNT_ALLOCATIONS": self.path}

    @property
    def calls(self):
        return struct.unpack("QQ", pathlib.Path(self.path).read_bytes())[0]


def carried(host):
    """Bytes that the interface has carried, in both directions."""
    fields = host.run("grep oncilla0: /proc/net/dev").stdout.split(":")[1].split()
    return int(fields[0]) + int(fields[8])


def measure(pair, counted, arguments):
    """(allocations of both daemons, packets) in `SECONDS` of steady traffic."""
    flows = yardstick.Flows(*pair.hosts, pair.addresses[1], SETTLE + SECONDS + 1, arguments=arguments)
    time.sleep(SETTLE)
    calls, bytes_ = sum(each.calls for each in counted), carried(pair.hosts[0])
    time.sleep(SECONDS)
    calls = sum(each.calls for each in counted) - calls
    packets = (carried(pair.hosts[0]) - bytes_) // MTU
    flows.stop()
    return calls, packets


class CountedPair(yardstick.OncillaPair):
    """The daemons run with the library; `counted` are the counts of each."""

    def __init__(self, options=()):
        self.directory = tempfile.mkdtemp(prefix="oncilla-counted-")
        library = yardstick.compiled("count_allocations.c", self.directory, "-shared", "-fPIC")
        self.counted = [Counted(self.directory, library) for _ in range(2)]
        super().__init__(options=options, environments=[each.environment for each in self.counted])

    def stop(self):
        super().stop()
        shutil.rmtree(self.directory, ignore_errors=True)


def main():
    yardstick.need("cc", "ip", "iperf3", "nsenter", "ping")
    rows = [["", "packets", "allocations", "per packet"]]
    configurations = {"": []}
    if yardstick.daemon_knows("--no-offload"):
        configurations[", --no-offload"] = ["--no-offload"]
    for suffix, options in configurations.items():
        with CountedPair(options) as pair:
            for title, arguments in TRAFFIC.items():
                calls, packets = measure(pair, pair.counted, arguments)
                rows.append([title + suffix, str(packets), str(calls), f"{calls / max(1, packets):.6f}"])
    print(f"\nallocations of both daemons in {SECONDS} s of steady traffic\n")
    print(yardstick.aligned(rows))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
