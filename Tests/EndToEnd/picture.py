#!/usr/bin/python3
"""Makes the picture of README: `oncilla` and `oncilla top` on a host with three peers, over a private Tor network.

usage: picture.py [FILE]     (root; default man/oncilla.svg)

Two peers carry traffic, the third has a Tor and no daemon. Everything is real but the size of the Tor network.
"""

import contextlib
import pathlib
import shutil
import socket
import sys
import threading
import time

import overlay
from private_tor import PrivateTor, suit_to_tor
from svg import picture
from terminal import Terminal

ROWS, COLUMNS = 9, 144
WATCHED = 45  # seconds


class Host(overlay.Namespace):
    stem = "oncilla-picture"


def pump(source, target, address, port, rates, stop):
    """Sends from one host to the other, at each of these rates (bytes a second) for a while, over and over."""
    listener = target.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(1)

    def drain():
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            while connection.recv(1 << 16):
                pass

    def send():
        with contextlib.suppress(OSError):
            sender = source.socket()
            sender.connect((address, port))
            while not stop.is_set():
                for rate, seconds in rates:
                    for _ in range(int(seconds * 10)):
                        if stop.is_set():
                            return
                        sender.sendall(bytes(int(rate / 10)))
                        time.sleep(0.1)

    for work in (drain, send):
        threading.Thread(target=work, daemon=True).start()


def wait_for_ping(host, address):
    overlay.wait_until(lambda: host.can_ping(address, timeout=2), 90, what=f"an answer of {address}")


def capture(command, seconds=0):
    """What stands on a terminal after so long, or at the command's end."""
    with Terminal(command, rows=ROWS, columns=COLUMNS) as terminal:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline or (not seconds and terminal.process.poll() is None):
            terminal.read(0.1)
        while terminal.read():
            pass
        cells = [list(line) for line in terminal.screen.cells]
        if seconds:
            terminal.press("q")
            terminal.wait()
    while cells and all(character == " " for character, _ in cells[-1]):
        cells.pop()
    return cells


def prompt(command):
    return [[("$", (2,)), (" ", ())] + [(character, (1,)) for character in command]]


def draw(path, stack):
    tor = stack.enter_context(PrivateTor(clients=2, services=2))
    (own, laptop), (office, backup) = (client.services for client in tor.clients)
    hosts = [stack.enter_context(Host(label)) for label in ("home", "office", "backup")]
    for host in hosts:
        suit_to_tor(host)
    daemons = []
    for host, service, client, peers in (
        (hosts[0], own, tor.clients[0], [f"office={office.name}", f"backup={backup.name}", f"laptop={laptop.name}"]),
        (hosts[1], office, tor.clients[1], []), (hosts[2], backup, tor.clients[1], []),
    ):
        daemon = overlay.Daemon(hostname_file=service.hostname_file, netns=host, socks=client.place,
                                listen=[f"127.0.0.1:{service.listen}"], peers=peers, log_level="notice", start=False)
        daemon.address = overlay.overlay_address(service.name)
        stack.callback(shutil.rmtree, daemon.directory, ignore_errors=True)
        stack.callback(daemon.kill)
        daemon.start()
        daemon.wait_for_interface(15)
        daemons.append(daemon)
    for daemon in daemons[1:]:
        wait_for_ping(hosts[0], daemon.address)
    stop = threading.Event()
    stack.callback(stop.set)
    pump(hosts[1], hosts[0], daemons[0].address, 5001, [(700_000, 4), (150_000, 3), (1_200_000, 3), (0, 4)], stop)
    pump(hosts[0], hosts[2], daemons[2].address, 5002, [(90_000, 5), (200_000, 2), (40_000, 3)], stop)
    control = ["--control", daemons[0].directory / "control.sock"]
    top = capture([overlay.BINARY, "top", *control], WATCHED)
    status = capture([overlay.BINARY, "status", *control])
    path.write_text(picture([prompt("oncilla") + status, prompt("oncilla top") + top]))
    print(f"wrote {path}")


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "man" / "oncilla.svg"
    overlay.delete_stale_namespaces(Host.stem)
    with contextlib.ExitStack() as stack:
        draw(path, stack)


if __name__ == "__main__":
    main()
