"""The control port of a Tor, as the tests use it: a Tor of its own without a network, and questions to any."""

import base64
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile

from overlay import wait_until
from private_tor import spawn


def ask(path, cookie, line):
    """The lines that the Tor at the control socket `path` answers to `line`."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        connection.sendall(f"AUTHENTICATE {pathlib.Path(cookie).read_bytes().hex()}\r\n{line}\r\nQUIT\r\n".encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer.decode().split("\r\n")[1:]


def x25519(scalar, point=9):
    """RFC 7748, section 5."""
    prime = 2**255 - 19
    scalar = int.from_bytes(scalar, "little") & ~(7 | 1 << 255) | 1 << 254
    x1, (x2, z2), (x3, z3) = point, (1, 0), (point, 1)
    for bit in reversed(range(255)):
        if scalar >> bit & 1:
            (x2, z2), (x3, z3) = (x3, z3), (x2, z2)
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        x3, z3 = (d * a + c * b) ** 2 % prime, x1 * (d * a - c * b) ** 2 % prime
        x2, z2 = a * a * b * b % prime, (a * a - b * b) * (a * a + 121665 * (a * a - b * b)) % prime
        if scalar >> bit & 1:
            (x2, z2), (x3, z3) = (x3, z3), (x2, z2)
    return (x2 * pow(z2, prime - 2, prime) % prime).to_bytes(32, "little")


def client_keys():
    """A secret and a public key with which a private onion service is found, as files of peers.d and conf.d have them."""
    secret = os.urandom(32)
    return [base64.b32encode(key).decode().rstrip("=").lower() for key in (secret, x25519(secret))]


class LoneTor:
    """A Tor that never touches a network, with a control socket: it makes onion services, and publishes none."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="oncilla-lone-tor-"))
        self.control = self.directory / "control"
        self.cookie = self.directory / "data" / "control_auth_cookie"
        self.options = ["CookieAuthentication 1"]
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self):
        lines = [f"DataDirectory {self.directory}/data", f"ControlSocket {self.control}", "DisableNetwork 1",
                 f"SocksPort unix:{self.directory}/socks", f"Log notice file {self.directory}/log", *self.options]
        (self.directory / "torrc").write_text("\n".join(lines) + "\n")
        (self.directory / "defaults").write_text("")
        self.cookie.unlink(missing_ok=True)
        self.process = spawn(
            ["tor", "--defaults-torrc", self.directory / "defaults", "-f", self.directory / "torrc", "--hush"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: self.control.exists() and self.cookie.exists(), 20, what="the control socket")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def holds(self, identity):
        """Whether it has the onion service of a kept identity: then it refuses the same key to anybody else."""
        key = re.search(r"^key (\S+)$", identity.read_text(), re.MULTILINE)[1]
        lines = ask(self.control, self.cookie, f"ADD_ONION {key} Port=1,127.0.0.1:1")
        return any(line.startswith("550 Onion address collision") for line in lines)
