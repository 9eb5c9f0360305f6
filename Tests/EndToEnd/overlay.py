"""What every end-to-end test stands on: network namespaces, overlay names and addresses, and a running daemon.

                      sockets of both daemons: where pytest runs (loopback only)
        oncilla A --- SOCKS4a proxy (fake, or Tor) --- listener B, and back --- oncilla B
            |                                                                      |
    namespace A: lo, oncilla0                                        namespace B: lo, oncilla0

A namespace has nothing but its own loopback and what a daemon puts into it, so whatever gets from one to another came
through the overlay.
"""

import base64
import collections
import contextlib
import ctypes
import functools
import hashlib
import ipaddress
import itertools
import os
import pathlib
import random
import re
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from signal import SIGTERM

# linux/udp.h; Python has no name for it.
UDP_SEGMENT = 103
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("ONCILLA") or REPOSITORY / ".build/release/oncilla")

PREFIX = ipaddress.IPv6Network("fd87:d87e:eb43::/48")
DEAD_BEEF = "fd87:d87e:eb43::dead:beef"
FEED_BEEF = "fd87:d87e:eb43::feed:beef"
SERVICE_PORT = 8060

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


# Names and addresses


# Tests may run in several processes at the same time: each has names and ports of its own, so that no daemon finds that
# another one on this host has its name.
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4


def onion_name(seed, process=_worker):
    """A valid v3 name (`….onion`) whose key is derived from any value; the same seed gives the same name."""
    key = hashlib.sha256(f"oncilla test {process} {seed}".encode()).digest()
    return onion_name_of_key(key)


def onion_name_of_key(key):
    checksum = hashlib.sha3_256(b".onion checksum" + key + b"\x03").digest()[:2]
    return base64.b32encode(key + checksum + b"\x03").decode().lower() + ".onion"


@functools.cache
def made_up_name(name):
    """Another name with a right checksum that maps to the same address: about 2^16 hashes. Nobody has its key."""
    key = base64.b32decode(name.removesuffix(".onion").upper())[:32]
    checksum = base64.b32decode(name.removesuffix(".onion").upper())[32:34]
    for number in itertools.count():
        other = hashlib.sha256(number.to_bytes(8, "big")).digest()[:25] + key[25:]
        if hashlib.sha3_256(b".onion checksum" + other + b"\x03").digest()[:2] == checksum:
            return base64.b32encode(other + checksum + b"\x03").decode().lower() + ".onion"


def overlay_address(name):
    """The overlay address that a v2 or v3 name maps to, as text in its shortest form."""
    label = name.lower().removesuffix(".onion")
    suffix = base64.b32decode(label[-16:].upper())
    return str(ipaddress.IPv6Address(PREFIX.network_address.packed[:6] + suffix))


# Ports and waiting

_ports_given = set()
# Below the kernel's ephemeral range.
_PORTS = range(15000 + 4000 * _worker, 19000 + 4000 * _worker)


def free_port(address="127.0.0.1"):
    """A TCP port below the kernel's ephemeral range that nobody listens on, and that was not given out before."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for _ in range(1000):
        port = random.SystemRandom().choice(_PORTS)
        if port in _ports_given:
            continue
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                continue
        _ports_given.add(port)
        return port
    raise AssertionError(f"no free TCP port in {_PORTS}")


def wait_until(condition, timeout=5.0, interval=0.02, what=None):
    """Polls until `condition()` is true and returns what it returned; an AssertionError says what was waited for."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            name = what or getattr(condition, "__name__", "the condition")
            raise AssertionError(f"waited {timeout:g} s in vain for {name}")
        time.sleep(interval)


def reset_when_closed(connection):
    """Its end is then told by a reset, and what still waits to be sent is dropped."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def pattern_bytes(size, seed=0):
    """Reproducible incompressible bytes."""
    return random.Random(seed).randbytes(size)


# Namespaces


class Namespace:
    """A network namespace of its own with loopback up; whatever runs inside dies with it.

    with Namespace() as host:
        host.run("ip -6 route")
    """

    stem = "oncilla-test"

    def __init__(self, label="host"):
        self.name = f"{self.stem}-{os.getpid()}-{secrets.token_hex(3)}-{label}"
        self.path = f"/run/netns/{self.name}"
        self._processes = []
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.run("ip link set lo up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.delete()

    def __str__(self):
        return self.name

    def delete(self):
        if not os.path.exists(self.path):
            return
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self._processes:
            process.wait()
        subprocess.run(["ip", "netns", "del", self.name], check=True)

    def _pids(self):
        listing = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True).stdout
        return [int(pid) for pid in listing.split() if int(pid) != os.getpid()]

    def command(self, command):
        """The argument list that runs `command` (text is split by the shell, a list is taken as it is) in here."""
        inner = ["sh", "-c", command] if isinstance(command, str) else [str(part) for part in command]
        return ["nsenter", f"--net={self.path}", "--", *inner]

    def run(self, command, check=True, timeout=30, **options):
        """Runs to the end; standard output and standard error are text in the result."""
        options = {"capture_output": True, "text": True, **options}
        result = subprocess.run(self.command(command), timeout=timeout, **options)
        if check and result.returncode != 0:
            raise AssertionError(f"in {self.name}: {command}: exit {result.returncode}\n{result.stdout}{result.stderr}")
        return result

    def popen(self, command, **options):
        """Starts in here and returns; killed with the namespace, or with pytest."""
        process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *self.command(command)], **options)
        self._processes.append(process)
        return process

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is in this namespace: sockets made in the block belong to it for good."""
        with open("/proc/thread-self/ns/net") as home, open(self.path) as here:
            _setns(here.fileno())
            try:
                yield self
            finally:
                _setns(home.fileno())

    def socket(self, family=socket.AF_INET6, kind=socket.SOCK_STREAM, protocol=0):
        with self.entered():
            return socket.socket(family, kind, protocol)

    def packet_socket(self, interface):
        """Every packet of an interface, raw: what came from the daemon has packet type 0, what the kernel sent has 4."""
        everything = 0x0003
        sniffer = self.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(everything))
        sniffer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        sniffer.bind((interface, everything))
        return sniffer

    # iproute, for reading and for playing the operator

    def ip(self, arguments, check=True):
        return self.run(f"ip {arguments}", check=check).stdout

    def addresses(self, interface):
        """The IPv6 addresses of an interface with their prefix lengths, link-local ones left out."""
        text = self.ip(f"-6 -o addr show dev {interface}", check=False)
        return [found for found in re.findall(r"inet6 (\S+)", text) if not found.startswith("fe80")]

    def routes(self, selector=""):
        """One line per IPv6 route of the main table that is not the kernel's link-local or multicast one."""
        lines = self.ip(f"-6 route show {selector}", check=False).splitlines()
        return [line.strip() for line in lines if not line.startswith(("fe80", "multicast", "ff00"))]

    def has_interface(self, interface):
        return self.run(["ip", "link", "show", "dev", interface], check=False).returncode == 0

    def is_up(self, interface):
        shown = self.ip(f"link show dev {interface}", check=False)
        return re.search(r"<[^>]*\bUP\b", shown) is not None

    def mac(self, interface):
        return re.search(r"link/ether (\S+)", self.ip(f"link show dev {interface}")).group(1)

    def mtu(self, interface):
        return int(re.search(r"mtu (\d+)", self.ip(f"link show dev {interface}")).group(1))

    def has_guard_route(self):
        """Whether the `unreachable` route that keeps the overlay from leaking is there."""
        return any(line.startswith(f"unreachable {PREFIX}") for line in self.routes())

    def has_only_guards(self):
        """Whether nothing else of the overlay is left in the main table."""
        return self.has_guard_route() and all(line.startswith("unreachable") for line in self.routes())

    def sysctl(self, name, value):
        path = "/proc/sys/" + name.replace(".", "/")
        self.run(["sh", "-c", f"echo {value} > {path}"])

    # Traffic

    def ping(self, address, count=1, size=56, timeout=5, interval=0.2, burst=False, arguments=()):
        """Echo requests with `size` bytes of payload; never raises for lost ones.

        Once one has been answered, ping(8) waits for the last answer no longer than its interval, or twice the longest
        round trip, and counts what comes later as lost. A `burst` is sent at once, and waits for a second at least.
        """
        interval = 1 if burst else interval
        version = "-6" if ":" in address else "-4"
        command = ["ping", version, "-n", "-c", count, "-s", size, "-W", timeout, "-i", interval, *arguments]
        if burst:
            command += ["-l", count]
        started = time.monotonic()
        result = self.run([*command, address], check=False, timeout=timeout * 2 + count * (interval + 1) + 10)
        return Ping(result.stdout + result.stderr, time.monotonic() - started)

    def can_ping(self, address, timeout=1):
        return self.ping(address, timeout=timeout).received > 0


class Ping:
    """What `ping` printed, read."""

    def __init__(self, text, seconds):
        self.text = text
        self.seconds = seconds
        counts = re.search(r"(\d+) packets transmitted, (\d+) received", text)
        self.sent, self.received = (int(counts.group(1)), int(counts.group(2))) if counts else (0, 0)
        self.milliseconds = [float(value) for value in re.findall(r"time=([\d.]+) ms", text)]

    @property
    def median(self):
        return sorted(self.milliseconds)[len(self.milliseconds) // 2]

    @property
    def unreachable(self):
        """The code's words in the first "Destination unreachable: …" line, or None."""
        found = re.search(r"Destination unreachable: (.+)", self.text)
        return found.group(1).strip() if found else None

    @property
    def hop_limits(self):
        """What was left of each answer's hop limit (IPv4: time to live)."""
        return [int(value) for value in re.findall(r"ttl=(\d+)", self.text)]

    def __repr__(self):
        return f"<ping: {self.received} of {self.sent} in {self.seconds:.2f} s>\n{self.text}"


def _setns(descriptor):
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def delete_stale_namespaces(stem=Namespace.stem):
    """Removes what an earlier run that was killed left behind."""
    for name in os.listdir("/run/netns") if os.path.isdir("/run/netns") else []:
        owner = re.match(rf"{stem}-(\d+)-", name)
        if owner and not os.path.exists(f"/proc/{owner.group(1)}"):
            subprocess.run(["ip", "netns", "del", name], check=False)


def send_cut_datagrams(source, destination, address, sizes=(24000, 8405, 2400, 100), segment=1200, port=5353):
    """One call for several datagrams, which the kernel or the daemon cuts apart (UDP_SEGMENT): all arrive in order."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with destination.socket(family, socket.SOCK_DGRAM) as receiver, source.socket(family, socket.SOCK_DGRAM) as sender:
        receiver.bind((address, port))
        receiver.settimeout(5)
        sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, segment)
        for size in sizes:
            data = pattern_bytes(size, seed=size)
            sender.sendto(data, (address, port))
            for at in range(0, size, segment):
                assert receiver.recv(65536) == data[at:at + segment], f"{size} bytes, from {at}"


class Transfer:
    """One TCP stream between two namespaces, with the SHA-256 of both ends; from `source_address`, if that is given."""

    def __init__(self, source, destination, address, size, timeout=60, port=5001, source_address=None):
        self.size = size
        received = hashlib.sha256()
        outcome = {}
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = destination.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(1)
        listener.settimeout(timeout)

        def receive():
            total = 0
            try:
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(timeout)
                    while block := connection.recv(1 << 18):
                        received.update(block)
                        total += len(block)
            except OSError as error:
                outcome["error"] = error
            outcome["total"] = total

        receiver = threading.Thread(target=receive, daemon=True)
        receiver.start()
        sent = hashlib.sha256()
        block = pattern_bytes(1 << 16, seed=size)
        started = time.monotonic()
        try:
            with source.socket(family) as sender:
                sender.settimeout(timeout)
                if source_address is not None:
                    sender.bind((source_address, 0))
                sender.connect((address, port))
                left = size
                while left > 0:
                    assert time.monotonic() - started < timeout, f"{size - left} of {size} bytes in {timeout} s"
                    part = block[:left]
                    sender.sendall(part)
                    sent.update(part)
                    left -= len(part)
                sender.shutdown(socket.SHUT_WR)
                receiver.join(timeout)
        finally:
            listener.close()
        self.seconds = time.monotonic() - started
        assert not receiver.is_alive(), f"the receiver still waits after {timeout} s"
        assert "error" not in outcome, f"receiving failed after {outcome['total']} bytes: {outcome['error']}"
        assert outcome["total"] == size, f"{outcome['total']} of {size} bytes arrived"
        assert received.digest() == sent.digest(), "the bytes that arrived are not those that were sent"

    @property
    def megabits(self):
        return self.size * 8 / self.seconds / 1e6


# The daemon


def _is_alive(pid):
    """Whether a process runs: a zombie, which nobody has waited for yet, does not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Daemon:
    """`oncilla run` with its log in a file.

    Daemon(onion=name, netns=host, socks=f"127.0.0.1:{port}", listen=[…], peers=[…])

    onion, hostname_file, hosts, socks   values of the options of the same name, None leaves the option out
    lookup          as these; off unless it is what the test is about: an unknown address is refused at once then
    allow_in        rules of the door; open unless it is what the test is about
    authenticate    as these
    listen, peers   lists, the option is repeated; without `listen` a free port is taken (`listen_port`)
    netns           a Namespace, the interface goes there; None: it stays where the daemon starts
    within          a Namespace in which the daemon starts, None: where pytest runs
    options         more arguments, given as they are
    prefix          a command that runs the daemon, such as ["setpriv", …]
    """

    def __init__(self, onion=None, hostname_file=None, netns=None, within=None, socks=None, listen=None, peers=(),
                 hosts=None, interface="oncilla0", state_dir=None, options=(), prefix=(), label=None, start=True,
                 log_level="debug", lookup="off", allow_in=("any",), authenticate=None):
        self.onion = onion
        self.netns = netns
        self.interface = interface
        self.address = overlay_address(onion.partition(",")[0]) if onion else None
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="oncilla-test-"))
        self.state_dir = pathlib.Path(state_dir or self.directory / "state")
        self.log_path = self.directory / f"{label or 'oncilla'}.log"
        self.log_path.touch()
        self.process = None
        self.host = netns or within
        if listen is None:
            listen = [f"127.0.0.1:{free_port()}"]
        self.listen = list(listen)
        self.listen_port = int(self.listen[0].rsplit(":", 1)[1]) if self.listen and ":" in self.listen[0] else None
        self.environment = {}
        self._within = within
        self._prefix = list(prefix)

        arguments = ["run"]
        for option, value in (("--onion", onion), ("--hostname-file", hostname_file), ("--hosts", hosts),
                              ("--socks", socks), ("--netns", netns), ("--interface", interface),
                              ("--lookup", lookup), ("--authenticate", authenticate),
                              ("--log-level", log_level)):
            if value is not None:
                arguments += [option, str(value)]
        for value in self.listen:
            arguments += ["--listen", value]
        for value in peers:
            arguments += ["--peer", value]
        for value in allow_in:
            arguments += ["--allow-in", value]
        arguments += ["--state-dir", str(self.state_dir), "--control", str(self.directory / "control.sock")]
        if "--config" not in options:
            # Whatever the machine has in /etc/oncilla.
            arguments += ["--config", "/dev/null"]
        arguments += [str(option) for option in options]
        self.arguments = arguments
        if start:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        if failure is not None:
            print(f"--- {self.log_path.name} ---\n{self.log()}")
        try:
            if self.running:
                if failure is None:
                    self.stop()
                else:
                    self.kill()
        finally:
            if self.running:
                self.kill()
            shutil.rmtree(self.directory, ignore_errors=True)

    def start(self):
        """Starts (again) with the same arguments; the log goes on where it was."""
        command = [*self._prefix, str(BINARY), *self.arguments]
        if self._within is not None:
            command = self._within.command(command)
        self.started_at = time.monotonic()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *command],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, **self.environment})
        return self

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return self.log_path.read_text(errors="replace")

    def mark(self):
        """The log's present length: `wait_for_line(…, since=daemon.mark())` sees only what comes later."""
        return len(self.log())

    def wait_for_line(self, pattern, timeout=10.0, since=0):
        """The first match (no case) in the log; fails when the time is over or the daemon has ended without it."""
        expression = re.compile(pattern, re.IGNORECASE | re.MULTILINE)
        deadline = time.monotonic() + timeout
        while True:
            ended = not self.running
            found = expression.search(self.log(), since)
            if found:
                return found
            if ended:
                raise AssertionError(f"exit {self.process.returncode} before /{pattern}/:\n{self.log()[since:]}")
            if time.monotonic() > deadline:
                raise AssertionError(f"no /{pattern}/ in {timeout:g} s:\n{self.log()[since:]}")
            time.sleep(0.01)

    def wait_for_interface(self, timeout=10.0):
        """Until the interface is up with its address; returns the seconds since the start."""

        def standing():
            if not self.running:
                raise AssertionError(f"exit {self.process.returncode} before the interface stood:\n{self.log()}")
            return f"{self.address}/48" in self.host.addresses(self.interface) and self.host.is_up(self.interface)

        wait_until(standing, timeout, what=f"{self.interface} with {self.address}")
        return time.monotonic() - self.started_at

    def wait_for_exit(self, timeout=2.0):
        """The exit status; fails when it still runs."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout:g} s:\n{self.log()}") from None

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, number=SIGTERM, status=0, within=2.0):
        """Ends it and returns the seconds that took; it must exit with `status` in time."""
        started = time.monotonic()
        self.signal(number)
        code = self.wait_for_exit(within)
        seconds = time.monotonic() - started
        assert code == status, f"exit {code} instead of {status} on {signal.Signals(number).name}:\n{self.log()}"
        return seconds

    def kill(self):
        """SIGKILL: what a crash leaves behind. The processes beside it, such as its helper, end by themselves."""
        if self.running:
            children = []
            with contextlib.suppress(FileNotFoundError):
                children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
            self.process.kill()
            self.process.wait()
            wait_until(lambda: not any(_is_alive(child) for child in children), 10, what="the helper to end")

    def assert_running(self):
        assert self.running, f"the daemon ended with {self.process.returncode}:\n{self.log()}"

    def counters(self):
        """{counter: how often so far}, of all identities together, as SIGUSR1 prints them."""
        since = self.mark()
        self.signal(signal.SIGUSR1)
        self.wait_for_line(r"counters: .*\n", since=since)
        time.sleep(0.1)  # a report has a line for each identity
        counted = collections.Counter()
        for line in re.findall(r"counters: (.*)", self.log()[since:]):
            for name, value in re.findall(r"(\w+)=(\d+)", line):
                counted[name] += int(value)
        return counted

    # Figures from /proc

    def _status(self, field):
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+)", text, re.MULTILINE).group(1))

    def rss(self):
        """Resident bytes."""
        return self._status("VmRSS") * 1024

    def anonymous_memory(self):
        """The bytes that are the program's own: no file holds them."""
        return self._status("RssAnon") * 1024

    def peak_rss(self):
        return self._status("VmHWM") * 1024

    def wakeups(self):
        """How often it has gone to sleep so far (voluntary context switches)."""
        return self._status("voluntary_ctxt_switches")

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


def oncilla(*arguments, timeout=10, **options):
    """Runs the binary to the end: `oncilla("address", name).stdout`."""
    return subprocess.run([str(BINARY), *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, **options)
