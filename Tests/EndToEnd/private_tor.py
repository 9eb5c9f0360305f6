#!/usr/bin/python3
"""A private Tor network on 127.0.0.1: real directory authorities, relays, clients and version 3 onion services.

    with PrivateTor(clients=2) as tor:
        tor.clients[0].place                # the SOCKS port of the first client, a UNIX socket as Debian's Tor has
        tor.clients[0].socks                # its other one, a TCP port
        tor.clients[0].services[0].name     # "....onion"
        tor.clients[0].services[0].listen   # where Tor delivers what comes in for that name

Nothing of it leaves this machine or outlives the program. By hand, until ^C:

    private_tor.py [--services COUNT] CLIENTS
"""

import argparse
import contextlib
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import overlay

AUTHORITIES, RELAYS = 3, 3
SERVICE_PORT = overlay.SERVICE_PORT

COMMON = """
TestingTorNetwork 1
AssumeReachable 1
PathsNeededToBuildCircuits 0.25
TestingDirAuthVoteExit *
TestingDirAuthVoteHSDir *
TestingDirAuthVoteGuard *
ShutdownWaitLength 0
AvoidDiskWrites 1
GeoIPFile /dev/null
GeoIPv6File /dev/null
"""
# An address may carry only two relays unless the authorities allow more. Until there is a consensus they vote for one
# every 10 seconds, then every 20.
AUTHORITY = """
AuthoritativeDirectory 1
V3AuthoritativeDirectory 1
ContactInfo nobody
Address 127.0.0.1
SocksPort 0
AuthDirMaxServersPerAddr 0
TestingV3AuthInitialVotingInterval 10
TestingV3AuthInitialVoteDelay 2
TestingV3AuthInitialDistDelay 2
V3AuthVotingInterval 20
V3AuthVoteDelay 4
V3AuthDistDelay 4
MinUptimeHidServDirectoryV2 0
"""
RELAY = """
Address 127.0.0.1
SocksPort 0
ExitRelay 0
"""


class PrivateTorError(Exception):
    """The network did not come up; the text says why."""


def spawn(command, **options):
    """Starts `command` so that the kernel kills it when this program is gone, however it went; ^C does not reach it."""
    command = ["setpriv", "--pdeathsig", "KILL", "--", *map(str, command)]
    return subprocess.Popen(command, start_new_session=True, **{"stdin": subprocess.DEVNULL, **options})


class Node:
    """One tor process: its directory, its configuration, its log."""

    def __init__(self, root, nickname):
        self.nickname = nickname
        self.directory = root / nickname
        self.directory.mkdir(mode=0o700)
        self.log = self.directory / "notices.log"
        self.process = None

    def configure(self, text):
        lines = [
            f"Nickname {self.nickname}",
            f"DataDirectory {self.directory}",
            f"PidFile {self.directory}/pid",
            f"Log notice file {self.log}",
        ]
        (self.directory / "torrc").write_text("\n".join(lines) + COMMON + text)
        (self.directory / "defaults").write_text("")

    def start(self):
        # Not the system's torrc-defaults: they would name the system's ports and files.
        command = ["tor", "--defaults-torrc", self.directory / "defaults", "-f", self.directory / "torrc", "--hush"]
        self.process = spawn(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def restart(self):
        """Kills the process as a crash would, and starts it again."""
        self.process.kill()
        self.process.wait()
        self.start()

    def known_relays(self):
        """How many relays the consensus lists that this process uses."""
        for name in ("cached-microdesc-consensus", "cached-consensus"):
            file = self.directory / name
            if file.exists():
                return sum(line.startswith(b"r ") for line in file.read_bytes().splitlines())
        return 0

    def check(self):
        """Raises if the process has ended, with the last lines of its log."""
        if self.process is not None and self.process.poll() is not None:
            last = "\n".join(self.lines()[-5:])
            raise PrivateTorError(f"{self.nickname} ended with status {self.process.returncode}:\n{last}")

    def lines(self):
        return self.log.read_text(errors="replace").splitlines() if self.log.exists() else []


class Authority(Node):
    def __init__(self, root, nickname, orport, dirport):
        super().__init__(root, nickname)
        self.orport, self.dirport = orport, dirport

    def make_certificate(self):
        keys = self.directory / "keys"
        keys.mkdir(mode=0o700)
        command = [
            "tor-gencert", "--create-identity-key", "-m", "12", "-a", f"127.0.0.1:{self.dirport}",
            "-i", keys / "authority_identity_key", "-s", keys / "authority_signing_key",
            "-c", keys / "authority_certificate", "--passphrase-fd", "0",
        ]  # fmt: skip
        return spawn(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def line(self):
        """The DirAuthority line by which the others know this one."""
        certificate = (self.directory / "keys" / "authority_certificate").read_text()
        identity = re.search(r"^fingerprint ([0-9A-F]{40})$", certificate, re.MULTILINE).group(1)
        (self.directory / "defaults").write_text("")
        listing = subprocess.run(
            ["tor", "--defaults-torrc", self.directory / "defaults", "-f", self.directory / "defaults",
             "--list-fingerprint", "--DataDirectory", self.directory, "--ORPort", str(self.orport),
             "--Nickname", self.nickname, "--hush"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        fingerprint = listing.stdout.strip().splitlines()[-1].split(" ", 1)[1].replace(" ", "")
        return (
            f"DirAuthority {self.nickname} orport={self.orport} no-v2 v3ident={identity} "
            f"127.0.0.1:{self.dirport} {fingerprint}\n"
        )


class OnionService:
    """An onion service of a client; `listen` is the port of 127.0.0.1 to which Tor hands its connections."""

    def __init__(self, directory, listen):
        self.directory, self.listen = directory, listen

    @property
    def hostname_file(self):
        return self.directory / "hostname"

    @property
    def name(self):
        return self.hostname_file.read_text().strip()


class Client(Node):
    """What a user runs: SOCKS ports, a control socket and onion services. The SOCKS ports are UNIX sockets, as --socks
    takes them, and TCP ports. At `shared_place` and `shared_socks` all streams to an onion service share one circuit,
    whatever their userids."""

    def __init__(self, root, nickname, socks, shared_socks, listens):
        super().__init__(root, nickname)
        self.socks, self.shared_socks = socks, shared_socks
        self.place, self.shared_place = f"unix:{self.directory}/socks", f"unix:{self.directory}/shared_socks"
        self.control, self.cookie = self.directory / "control", self.directory / "control_auth_cookie"
        self.services = []
        for number, listen in enumerate(listens):
            directory = self.directory / f"service{number}"
            directory.mkdir(mode=0o700)
            self.services.append(OnionService(directory, listen))

    def tell_circuits(self, is_on):
        """Has Tor write before what a connection to its onion services brings which circuit it came through, or not."""
        torrc, line = self.directory / "torrc", "HiddenServiceExportCircuitID haproxy\n"
        text = torrc.read_text().replace(line, "")
        for service in self.services if is_on else []:
            port = f"HiddenServicePort {SERVICE_PORT} 127.0.0.1:{service.listen}\n"
            text = text.replace(port, port + line)
        torrc.write_text(text)
        self.process.send_signal(signal.SIGHUP)

    def bootstrapped(self):
        """Whether this process, not an earlier one of the same client, has a circuit."""
        since = 0
        lines = self.lines()
        for number, line in enumerate(lines):
            if "Bootstrapped 0%" in line:
                since = number
        return any("Bootstrapped 100%" in line for line in lines[since:])


class PrivateTor:
    """The network. `services` is how many onion services each client has; their listening ports are chosen here."""

    def __init__(self, clients=2, services=1, say=print):
        self.say = say
        self.ready_after = None
        # The lines of torrc that name the authorities.
        self.authority_lines = None
        self.stack = contextlib.ExitStack()
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="oncilla-tor-"))
        self.stack.callback(shutil.rmtree, self.root, ignore_errors=True)
        ports = iter(overlay.free_port, None)
        self.authorities = [
            Authority(self.root, f"authority{number}", next(ports), next(ports)) for number in range(AUTHORITIES)
        ]
        self.relays = [Node(self.root, f"relay{number}") for number in range(RELAYS)]
        self.relay_ports = [next(ports) for _ in self.relays]
        self.clients = [
            Client(self.root, f"client{number}", next(ports), next(ports), [next(ports) for _ in range(services)])
            for number in range(clients)
        ]

    def __exit__(self, *_):
        self.stop()

    @property
    def nodes(self):
        return [*self.authorities, *self.relays, *self.clients]

    @property
    def ports(self):
        """The ports of 127.0.0.1 at which a client that is none of this object's must reach the network."""
        return [*(port for node in self.authorities for port in (node.orport, node.dirport)), *self.relay_ports]

    def configure(self):
        """Makes the keys and writes every torrc."""
        self.say(f"private Tor: keys for {AUTHORITIES} directory authorities")
        started = [authority.make_certificate() for authority in self.authorities]
        for process in started:
            _, errors = process.communicate("passphrase\n", timeout=60)
            if process.returncode != 0:
                raise PrivateTorError(f"tor-gencert failed: {errors.strip()}")
        self.authority_lines = directory = "".join(authority.line() for authority in self.authorities)

        for authority in self.authorities:
            ports = f"ORPort 127.0.0.1:{authority.orport}\nDirPort 127.0.0.1:{authority.dirport}\n"
            authority.configure(AUTHORITY + ports + directory)
        for relay, port in zip(self.relays, self.relay_ports):
            relay.configure(RELAY + f"ORPort 127.0.0.1:{port}\n" + directory)
        for client in self.clients:
            services = "".join(
                f"HiddenServiceDir {service.directory}\nHiddenServicePort {SERVICE_PORT} 127.0.0.1:{service.listen}\n"
                for service in client.services
            )
            shared = "NoIsolateSOCKSAuth NoIsolateClientAddr SessionGroup=1\n"
            ports = (f"\nSocksPort 127.0.0.1:{client.socks}\n"
                     f"SocksPort {client.place}\n"
                     f"SocksPort 127.0.0.1:{client.shared_socks} {shared}"
                     f"SocksPort {client.shared_place} {shared}"
                     f"ControlSocket {client.control}\nCookieAuthentication 1\n")
            client.configure(ports + services + directory)

        self.stack.callback(self.kill_all)

    def __enter__(self):
        try:
            self.configure()
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def start(self, timeout=150):
        """Starts every process and waits until every client is connected and reaches every onion service."""
        began = time.monotonic()
        deadline = began + timeout
        # A relay that comes too late for the first vote is missing for a while. It is held 4 s before the clock's full
        # ten seconds.
        until_vote = (6 - time.time()) % 10
        if until_vote < 5:
            time.sleep(until_vote)
        for node in [*self.authorities, *self.relays]:
            node.start()
        self.say(f"private Tor: {AUTHORITIES} authorities and {RELAYS} relays are running, now they vote")
        # A client that asks for the consensus before there is one asks again only after a pause that doubles.
        everyone = AUTHORITIES + RELAYS
        self.wait(
            "the authorities have not agreed on a list of all relays",
            deadline,
            lambda: all(node.known_relays() >= everyone for node in self.authorities),
        )
        self.say(f"private Tor: all are listed after {time.monotonic() - began:.0f} s; the clients start")
        for client in self.clients:
            client.start()
        self.wait("a client has no circuit", deadline, lambda: all(client.bootstrapped() for client in self.clients))
        self.wait(
            "a client does not know all relays",
            deadline,
            lambda: all(client.known_relays() >= everyone for client in self.clients),
        )
        for client in self.clients:
            for service in client.services:
                for other in self.clients:
                    self.wait_reachable(other, service, deadline)
        self.ready_after = time.monotonic() - began
        self.say(f"private Tor: every onion service answers after {self.ready_after:.0f} s")

    def wait(self, what, deadline, condition):
        while not condition():
            for node in self.nodes:
                node.check()
            if time.monotonic() > deadline:
                raise PrivateTorError(f"the private Tor network is not ready in time: {what}")
            time.sleep(0.2)

    def wait_reachable(self, client, service, deadline):
        """Connects through `client` until a connection arrives where `service` delivers; nothing may listen there."""
        with socket.create_server(("127.0.0.1", service.listen)) as listener:
            self.wait(
                f"{client.nickname} cannot reach {service.name}",
                deadline,
                lambda: reaches(client.socks, service.name, listener),
            )

    def kill_all(self):
        for node in self.nodes:
            if node.process is not None:
                node.process.kill()
        for node in self.nodes:
            if node.process is not None:
                node.process.wait()

    def stop(self):
        """Ends every process and removes every file."""
        self.stack.close()


def suit_to_tor(namespace):
    """Makes TCP in the namespace fit for Tor and returns the name of its congestion control.

    BBR takes Tor's jitter for a slow link: 3 to 5 Mbit/s where the others reach 20. Cubic is Linux's default; a machine
    with another one may not allow it in namespaces, but allows Reno.
    """
    present = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    if present != "bbr":
        return present
    for name in ("cubic", "reno"):
        with contextlib.suppress(AssertionError):
            namespace.sysctl("net.ipv4.tcp_congestion_control", name)
            return name
    return present


def socks_connect(socks, name, port=SERVICE_PORT, timeout=20, userid=b""):
    """Returns a socket that Tor has connected to `name`; raises OSError if it could not. Another userid is another
    circuit."""
    sock = socket.create_connection(("127.0.0.1", socks), timeout)
    try:
        sock.sendall(b"\x04\x01" + port.to_bytes(2, "big") + b"\0\0\0\x01" + userid + b"\0" + name.encode() + b"\0")
        reply = sock.recv(8, socket.MSG_WAITALL)
        if len(reply) != 8 or reply[1] != 0x5A:
            raise ConnectionRefusedError(f"SOCKS reply {reply.hex() or 'missing'}")
        return sock
    except BaseException:
        sock.close()
        raise


def reaches(socks, name, listener):
    try:
        with socks_connect(socks, name):
            if not select.select([listener], [], [], 5)[0]:
                return False
            listener.accept()[0].close()
            return True
    except OSError:
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clients", type=int, nargs="?", default=2, metavar="CLIENTS")
    parser.add_argument("--services", type=int, default=1, metavar="COUNT", help="onion services of each client")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with PrivateTor(options.clients, options.services) as tor:
            for client in tor.clients:
                print(f"{client.nickname}: SOCKS {client.place} and 127.0.0.1:{client.socks}")
                for service in client.services:
                    print(f"  {service.name} port {SERVICE_PORT} goes to 127.0.0.1:{service.listen}")
            print("until ^C")
            signal.pause()
    except KeyboardInterrupt:
        sys.exit(130)
    except (OSError, PrivateTorError) as error:
        sys.exit(f"private_tor.py: {error}")


if __name__ == "__main__":
    main()
