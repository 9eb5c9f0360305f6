#!/usr/bin/python3
"""What crosses for a byte that a program sends: at the socket to Tor, and on the link to the guard of a private network.

    bulk     MEGABYTES (20) by TCP, at several MTUs, and the acknowledgements that come back
    ssh      KEYS (60) keystrokes, each answered by its echo, in a session of OpenSSH
    call     SECONDS (20) of RTP each way, with 20 or 40 ms of G.711 in a packet: 50 or 25 packets a second
    idle     as long, with nothing to carry

Each runs by itself, with a rest before and after it, so that Tor's own count of cells is of that alone. What header
compression would spare is computed from the packets that crossed: the 40 bytes of IPv6 and TCP's or UDP's header become
4, but for the first packet of a flow; and from the bursts in which they came, how many cells would be left.
"""

import contextlib
import os
import pty
import select
import socket
import subprocess
import sys
import threading
import time

import yardstick
from cells import CellCounter, bytes_to_relays, difference
from private_tor import PrivateTor, PrivateTorError, suit_to_tor
from secure_shell import SecureShell
from streams import CONTACT
from tap import Tap
from yardstick import note, overlay

MEGABYTES = float(os.environ.get("MEGABYTES", 20))
KEYS = int(os.environ.get("KEYS", 60))
SECONDS = int(os.environ.get("SECONDS", 20))
BULK = {f"MTU {mtu}": ["--mtu", mtu] for mtu in (1500, 1280, 9000, 65535)}
# As it goes to a peer that takes no packets beyond the MTU, such as an OnionCat.
UNJOINED = {"MTU 1500, --no-offload": ["--no-offload"]}
# Tor tells of its cells once a second; TCP's last acknowledgements are over then.
REST = 2.5
RTP_HEADER, BYTES_PER_SECOND = 12, 8000
FRAMES = (0.02, 0.04)
CALL_PORT = 5004

COLUMNS = [
    ("payload", "payload", ".1f"), ("packets", "packets", ".3f"), ("bytes", "bytes to Tor", ".1f"),
    ("filled", "cells filled", ".3f"), ("cells", "cells sent", ".3f"), ("link", "bytes to guard", ".0f"),
    ("spared", "bytes spared", ".1f"), ("spared_cells", "cells spared", ".3f"),
]  # fmt: skip


class Network:
    """Two hosts that reach each other through Tor, and what each sends is counted in both places."""

    def __init__(self, tor, options=()):
        self.tor = tor
        with contextlib.ExitStack() as stack:
            self.taps = [stack.enter_context(Tap(client.socks)) for client in tor.clients]
            self.cells = [stack.enter_context(CellCounter(client)) for client in tor.clients]
            services = [client.services[0] for client in tor.clients]
            self.pair = stack.enter_context(yardstick.Pair(
                [service.name for service in services], [service.listen for service in services],
                [tap.address for tap in self.taps], options, patience=CONTACT))  # fmt: skip
            self._stack = stack.pop_all()
        self.hosts, self.addresses = self.pair.hosts, self.pair.addresses
        for host in self.hosts:
            suit_to_tor(host)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _counts(self):
        time.sleep(REST)
        clients, ports = self.tor.clients, self.tor.ports
        return [(tap.written(), cells.sent(), bytes_to_relays(client, ports))
                for tap, cells, client in zip(self.taps, self.cells, clients)]

    def measure(self, figures, titles, run):
        """Runs it; `run` returns how many units each side's figures are divided by, and a title None is left out."""
        before = self._counts()
        units = run()
        for title, (written, cells, link), (written_before, cells_before, link_before) in zip(
                titles, self._counts(), before):
            if title is None:
                continue
            written -= written_before
            measured = {
                "payload": written.payload, "packets": written.packets, "bytes": written.bytes, "filled": written.cells,
                "cells": cells - cells_before, "link": difference(link, link_before), "spared": written.saved,
                "spared_cells": written.cells - written.compressed_cells,
            }  # fmt: skip
            figures.add(title, **{column: count / units for column, count in measured.items()})
            note(f"  {title}: {measured}")

    def transfer(self):
        """The units are kilobytes."""
        overlay.Transfer(*self.hosts, self.addresses[1], int(MEGABYTES * 1e6), timeout=CONTACT)
        return MEGABYTES * 1000

    def call(self, frame):
        """Each packet has so many seconds of sound; the units are packets, as many each way."""
        count = round(SECONDS / frame)
        ends = [host.socket(kind=socket.SOCK_DGRAM) for host in self.hosts]
        with ends[0], ends[1]:
            for end, address in zip(ends, self.addresses):
                end.bind((address, CALL_PORT))
            speakers = [threading.Thread(target=speak, args=(end, (address, CALL_PORT), count, frame))
                        for end, address in zip(ends, reversed(self.addresses))]
            for speaker in speakers:
                speaker.start()
            for speaker in speakers:
                speaker.join()
        return count

    def keystrokes(self, shell):
        """A function of none for `measure`, in a session that stands: the units are keystrokes."""
        address = self.addresses[1]
        controller, terminal = pty.openpty()
        # Later clients send made-up keystrokes beside the real ones for as long as somebody types.
        plain = ["-o", "IgnoreUnknown=ObscureKeystrokeTiming", "-o", "ObscureKeystrokeTiming=no"]
        # The echo is the terminal's at the other end.
        session = self.hosts[0].popen(
            ["ssh", "-F", shell.client_config, *plain, "-tt", address, "echo ready; exec cat"],
            stdin=terminal, stdout=terminal, stderr=subprocess.DEVNULL)  # fmt: skip
        os.close(terminal)
        read_until(controller, b"ready")

        def run():
            for number in range(KEYS):
                # Every letter by itself, as fast as one who types well, and the echo before the next.
                os.write(controller, b"a")
                read_until(controller, b"a")
                time.sleep(0.25)
            return KEYS

        return session, controller, run


def speak(end, address, count, frame):
    due = time.monotonic()
    packet = bytes(RTP_HEADER + round(BYTES_PER_SECOND * frame))
    for _ in range(count):
        end.sendto(packet, address)
        due += frame
        time.sleep(max(0, due - time.monotonic()))


def read_until(controller, text):
    seen = b""
    while text not in seen:
        if not select.select([controller], [], [], CONTACT)[0]:
            raise RuntimeError(f"ssh shows no {text.decode()}: {seen.decode(errors='replace')}")
        seen += os.read(controller, 4096)


def idle():
    time.sleep(SECONDS)
    return SECONDS


def main():
    yardstick.need("ip", "nsenter", "ping", "ss", "ssh", "ssh-keygen", "tor", "tor-gencert")
    figures = yardstick.Figures()
    with PrivateTor(clients=2, say=note) as tor:
        variants = BULK | (UNJOINED if yardstick.daemon_knows("--no-offload") else {})
        for variant, options in variants.items():
            with Network(tor, options) as network:
                titles = [f"bulk, a kilobyte, {variant}", f"its acknowledgements, {variant}"]
                network.measure(figures, titles, network.transfer)
        with Network(tor) as network, SecureShell(network.hosts[1], network.addresses[1]) as shell:
            session, controller, run = network.keystrokes(shell)
            network.measure(figures, ["ssh, a keystroke", "its echo"], run)
            session.kill()
            os.close(controller)
            for frame in FRAMES:
                title = f"a call, a packet of {1000 * frame:.0f} ms"
                network.measure(figures, [title, None], lambda frame=frame: network.call(frame))
            network.measure(figures, ["idle, a second", None], idle)
    print("\n" + figures.table(COLUMNS))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except PrivateTorError as error:
        sys.exit(f"bytes.py: {error}")
