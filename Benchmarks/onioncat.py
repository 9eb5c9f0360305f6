"""OnionCat beside ours, if OCAT=/path/to/ocat names a binary: two of them, in place of the two daemons."""

import os
import pathlib
import secrets
import shutil
import subprocess
import tempfile

import yardstick
from yardstick import overlay

BINARY = os.environ.get("OCAT")
# What it would do itself, but in the namespace: its sockets stay outside.
IFUP = """#!/bin/sh -e
ip link set dev "$OCAT_IFNAME" netns {host}
ip -n {host} -6 address add "$OCAT_ADDRESS/$OCAT_PREFIXLEN" dev "$OCAT_IFNAME" nodad
ip -n {host} link set dev "$OCAT_IFNAME" up
"""


def is_there():
    """Whether there is an OnionCat to measure; ends the program if OCAT names none."""
    if BINARY is not None and not os.access(BINARY, os.X_OK):
        raise SystemExit(f"OCAT: no program at {BINARY}")
    return BINARY is not None


def is_listening(port):
    listing = subprocess.run(["ss", "-ltnH", f"sport = :{port}"], capture_output=True, text=True, check=True)
    return listing.stdout.strip() != ""


class OnionCats:
    """Two namespaces and an OnionCat for each, in contact; as `yardstick.Pair`, for those who measure it."""

    def __init__(self, names, listens, socks, options=(), patience=20):
        self.addresses = [overlay.overlay_address(name) for name in names]
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="oncilla-onioncat-"))
        self.hosts, self.processes = [], []
        try:
            for own, side in enumerate("ab"):
                self.hosts.append(overlay.Namespace(side))
                self.processes.append(self._start(side, self.hosts[own], names[own], names[1 - own], listens[own],
                                                  socks[own], options))  # fmt: skip
            # Who calls before the other one listens does not always call again.
            for port in listens:
                overlay.wait_until(lambda: is_listening(port), 20, what=f"{BINARY} to listen")
            reached = lambda: self.hosts[0].can_ping(self.addresses[1], 3)  # noqa: E731
            overlay.wait_until(reached, patience, what=f"two of {BINARY} to reach each other")
        except BaseException:
            self.stop()
            raise

    def _start(self, side, host, own, peer, listen, socks, options):
        ifup = self.directory / f"ifup-{side}"
        ifup.write_text(IFUP.format(host=host))
        ifup.chmod(0o755)
        hosts_file = self.directory / f"hosts-{side}"
        hosts_file.write_text(f"{overlay.overlay_address(peer)} {peer}\n")
        # It asks nobody for names, and reads and writes nothing of this machine's.
        command = [
            BINARY, "-B", "-r", "-C", "-D", "-S", "-d", "3", "-f", "/dev/null", "-g", hosts_file, "-G", self.directory / "cache",
            "-n", f"ocat{secrets.token_hex(3)}{side}", "-e", ifup, "-l", f"127.0.0.1:{listen}", "-t", socks, *options, own,
        ]  # fmt: skip
        with open(self.directory / f"log-{side}", "wb") as log:
            return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *map(str, command)],
                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()
        for host in self.hosts:
            host.delete()
        shutil.rmtree(self.directory, ignore_errors=True)

    def cpu_seconds(self):
        return sum(yardstick.cpu_seconds(process.pid) for process in self.processes)

    def resident(self):
        return max(yardstick.resident(process.pid) for process in self.processes)


class OnionCatPair(yardstick.Relayed, OnionCats):
    """They reach each other through a relay."""
