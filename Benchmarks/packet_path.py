#!/usr/bin/python3
"""Writes the list by which the linker puts the packet path's functions side by side.

A packet that comes after a quiet moment finds neither its code in the caches nor its pages in the processor's tables.
Spread over the program, the functions that it runs through lie on some fifty pages; side by side they take a few. Which
functions these are is seen by following a daemon through pings, instruction by instruction, in the order of their first
use.
"""

import bisect
import collections
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import yardstick
from yardstick import overlay

# These come in sections of whole source files, of which a packet runs through little.
LIBRARY = "libevent_core.a"
LIST = yardstick.HERE.parent / "Sources/oncilla/packet-path.symbols"
TURNS = 40


def load_address(pid):
    """Where the first page of the program's file lies in the process."""
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        fields = line.split()
        if fields[-1] == str(pathlib.Path(overlay.BINARY).resolve()) and int(fields[2], 16) == 0:
            return int(fields[0].split("-")[0], 16)
    raise RuntimeError("the process does not run the binary under test")


def executed(daemon, directory):
    """For each turn of the daemon's loop, addresses within the program's file."""
    program = yardstick.compiled("wakeups.c", directory)
    command = [program, str(daemon.pid), str(TURNS)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout
    start = load_address(daemon.pid)
    return [[int(line, 16) - start for line in turn.split()] for turn in output.strip().split("\n\n")]


def library():
    """The names of the functions that the library brings."""
    path = subprocess.run(["cc", f"-print-file-name={LIBRARY}"], check=True, stdout=subprocess.PIPE, text=True).stdout
    output = subprocess.run(
        ["nm", "--defined-only", path.strip()], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {line.split()[-1] for line in output.splitlines() if len(line.split()) == 3}


def functions():
    """Sorted (address, size, name) of the program's functions."""
    output = subprocess.run(
        ["nm", "--print-size", "--defined-only", overlay.BINARY], check=True, stdout=subprocess.PIPE, text=True).stdout
    rows = [line.split() for line in output.splitlines()]
    return sorted((int(row[0], 16), int(row[1], 16), row[3]) for row in rows if len(row) == 4 and row[2] in "tTwWV")


def names(turns):
    """The functions that hold the addresses, each once, in the order of their first use. A packet leaves in half of the
    turns and arrives in the other; what runs in less than a quarter is no part of its path."""
    table = functions()
    starts = [start for start, _, _ in table]
    found = collections.Counter()
    for addresses in turns:
        seen = {}
        for address in addresses:
            start, size, name = table[bisect.bisect_right(starts, address) - 1]
            if start <= address < start + size:
                seen[name] = None
        found.update(list(seen))
    strange = library()
    return [name for name, count in found.items() if count >= len(turns) / 4 and name not in strange]


def main():
    yardstick.need("cc", "ip", "nm", "nsenter", "ping")
    directory = tempfile.mkdtemp(prefix="oncilla-path-")
    try:
        with yardstick.OncillaPair() as pair:
            time.sleep(1)
            ping = ["ping", "-6", "-q", "-i", "0.2", pair.addresses[1]]
            traffic = pair.hosts[0].popen(ping, stdout=subprocess.DEVNULL)
            found = names(executed(pair.daemons[0], directory))
            traffic.kill()
            traffic.wait()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    LIST.write_text("\n".join(found) + "\n")
    yardstick.note(f"{len(found)} functions in {LIST}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
