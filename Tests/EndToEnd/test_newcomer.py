"""Newcomers: two fresh Debians, from the package to the first ping, and on to the purge.

Each host is a Debian of its own in a network namespace of its own, with systemd as its first process and Debian's Tor
as its Tor; what they do is what somebody who has read the first screen of the README types. The Tor network is private.
"""

import asyncio
import concurrent.futures
import contextlib
import re
import socket
import threading
import time

import pytest

from debian_root import PACKAGES, DebianRoot, Machine, dependencies, root_archive, unpacked
from overlay import pattern_bytes, wait_until
from private_tor import COMMON, PrivateTor, suit_to_tor
from secure_shell import SecureShell

pytestmark = pytest.mark.seconds(600)

# What apt would bring along, and what Debian's own unit of Tor calls.
EXPECTED = ["libncursesw6", "procps", "tor"]
# Measured on an idle machine it is a fraction of this; the machine that runs the tests may do much else.
FIRST_PING = 120
# Tor has to make circuits anew, and to publish the descriptor.
PATIENCE = 90


class Passage:
    """Lets a namespace reach ports of 127.0.0.1 outside, at the same ports inside, as a router lets hosts reach Tor."""

    def __init__(self, namespace, ports):
        self._loop = asyncio.new_event_loop()
        self._listeners = []
        for port in ports:
            listener = namespace.socket(socket.AF_INET)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            listener.listen(64)
            self._listeners.append((listener, port))
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self):
        asyncio.set_event_loop(self._loop)
        for listener, port in self._listeners:
            serve = lambda reader, writer, port=port: self._serve(reader, writer, port)
            self._loop.run_until_complete(asyncio.start_server(serve, sock=listener))
        self._loop.run_forever()
        # What was called for a moment ago begins, so that it can end.
        self._loop.run_until_complete(asyncio.sleep(0))
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                self._loop.run_until_complete(task)
        for listener, _ in self._listeners:
            listener.close()

    async def _serve(self, reader, writer, port):
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))

    async def _carry(self, reader, writer):
        try:
            with contextlib.suppress(OSError):
                while data := await reader.read(65536):
                    writer.write(data)
                    await writer.drain()
        finally:
            writer.close()


class Download:
    """A TCP connection from one namespace to an address in another, over which bytes flow until the block ends."""

    CHUNK = pattern_bytes(8192)

    def __init__(self, source, destination, address):
        self._listener = destination.socket()
        self._listener.bind((address, 0))
        self._listener.listen()
        self._sender = source.socket()
        self._sender.settimeout(PATIENCE)
        self._sender.connect((address, self._listener.getsockname()[1]))
        self._receiver, _ = self._listener.accept()
        self._receiver.settimeout(PATIENCE)
        self._ends = False
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._send, self._receive)]
        self.received, self.failure = 0, None

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ends = True
        for thread in self._threads:
            thread.join(PATIENCE)
        for end in (self._sender, self._receiver, self._listener):
            end.close()

    def _send(self):
        try:
            while not self._ends:
                self._sender.sendall(self.CHUNK)
                time.sleep(0.05)
            self._sender.shutdown(socket.SHUT_WR)
        except OSError as error:
            self.failure = self.failure or f"the sender: {error}"

    def _receive(self):
        try:
            while data := self._receiver.recv(65536):
                begin = self.received % len(self.CHUNK)
                if data != (self.CHUNK * (len(data) // len(self.CHUNK) + 2))[begin:begin + len(data)]:
                    self.failure = "other bytes arrived than were sent"
                self.received += len(data)
        except OSError as error:
            self.failure = self.failure or f"the receiver: {error}"

    def goes_on(self, size=20_000):
        """Waits until that many more bytes have arrived; how long it took."""
        began, before = time.monotonic(), self.received

        def arrived():
            assert self.failure is None, self.failure
            return self.received >= before + size

        wait_until(arrived, PATIENCE, what="the transfer to go on")
        return time.monotonic() - began


class Newcomer:
    """Somebody at a machine."""

    def __init__(self, label, root, namespace):
        self.label, self.root, self.namespace = label, root, namespace
        self.machine = Machine(root, namespace)
        self.address = None

    def type(self, line, check=True, timeout=200):
        """Runs what is typed; all that it printed."""
        result = self.machine.run("sh", "-c", line, check=check, timeout=timeout)
        print(f"{self.label}# {line}\n{result.stdout}{result.stderr}", end="")
        return result.stdout + result.stderr

    def wait_for_tor(self):
        log = "journalctl --no-pager --unit=tor@default"
        wait_until(lambda: "Bootstrapped 100%" in self.machine.run("sh", "-c", log).stdout, PATIENCE, 0.5,
                   what=f"the Tor of {self.label}")

    def install_and_set_up(self, package, *options):
        """Both; how long each took."""
        began = time.monotonic()
        self.type(f"dpkg -i {self.root.add(package)}")
        installed = time.monotonic()
        said = self.type(" ".join(["oncilla setup", *options]))
        self.address = re.search(r"^This host is (\S+)\.$", said, re.MULTILINE).group(1)
        return installed - began, time.monotonic() - installed

    def ping(self, address):
        """Pings until an echo comes; how long it took. ping itself ends when it is told that the address is not reached."""
        began = time.monotonic()
        wait_until(lambda: "1 received" in self.type(f"ping -6 -n -c 1 -w {PATIENCE} {address}", check=False), PATIENCE, 1,
                   what=f"{self.label} to reach {address}")
        return time.monotonic() - began

    def is_ready(self):
        return self.machine.run("oncilla", "wait", "--ready", "--timeout", "0", check=False).returncode == 0


@pytest.fixture(scope="module")
def tor():
    with PrivateTor(clients=0) as network:
        yield network


@pytest.fixture(scope="module")
def shared(package):
    with unpacked(root_archive(PACKAGES + dependencies(package) + EXPECTED, kind="tor")) as directory:
        yield directory


@pytest.fixture
def newcomers(shared, tor, namespaces):
    """Two hosts whose Tor is connected, and on which nothing of ours is."""
    with contextlib.ExitStack() as stack:
        made = []
        for label in ("alice", "bob"):
            namespace = namespaces(label)
            suit_to_tor(namespace)
            stack.enter_context(Passage(namespace, tor.ports))
            root = stack.enter_context(DebianRoot(shared))
            (root / "/etc/tor/torrc").write_text(COMMON + tor.authority_lines)
            (root / "/etc/hostname").write_text(label + "\n")
            made.append(Newcomer(label, root, namespace))
            stack.callback(made[-1].machine.kill)
        for newcomer in made:
            newcomer.wait_for_tor()
        yield made


def at_once(work, those):
    with concurrent.futures.ThreadPoolExecutor(len(those)) as pool:
        return list(pool.map(work, those))


def test_from_the_package_to_the_first_ping_and_on_to_the_purge(newcomers, package, newer, report):
    alice, bob = newcomers

    # To the first ping
    began = time.monotonic()
    steps = at_once(lambda newcomer: newcomer.install_and_set_up(package), newcomers)
    invitation = alice.type("oncilla invite").strip()
    answer = bob.type(f"{invitation} alice")
    answer = re.search(r"^ *(oncilla join \S+)$", answer, re.MULTILINE).group(1)
    alice.type(f"{answer} bob")
    joined = time.monotonic()
    echo = alice.ping(bob.address)
    seconds = time.monotonic() - began
    report(f"{seconds:.1f} s from 'dpkg -i' to the first ping (bar: 60 s): dpkg {max(step[0] for step in steps):.1f} s, "
           f"setup {max(step[1] for step in steps):.1f} s, invite and join {joined - began - max(map(sum, steps)):.1f} s, "
           f"ping {echo:.1f} s")
    assert seconds < FIRST_PING
    assert len(invitation.removeprefix("oncilla join ")) <= 160
    bob.ping(alice.address)

    # What they look at
    said = alice.type("oncilla")
    assert said.startswith(f"ready: {alice.address} is ") and re.search(r"^bob +up ", said, re.MULTILINE), said
    for newcomer in newcomers:
        nothing_is_wrong(newcomer)
    assert "nothing is written" in alice.type("oncilla setup"), "it may be run again"
    said = alice.type("runuser -u nobody -- oncilla", check=False)
    assert "sudo usermod -aG oncilla" in said, said

    # What they came for: the door is closed until bob opens it, as the README says.
    (bob.root / "/etc/oncilla/conf.d/door.conf").write_text("allow-in = tcp/22\nallow-in = tcp/1024-65535 from alice\n")
    assert "allow-in changed" in bob.type("oncilla reload")
    with SecureShell(bob.namespace, bob.address) as shell:
        command = ["ssh", "-F", shell.client_config, bob.address, "echo ${SSH_CONNECTION%% *}"]
        assert alice.namespace.run(command, timeout=PATIENCE).stdout.strip() == alice.address

    # What happens to a daemon that stays, with a transfer over it
    with Download(alice.namespace, bob.namespace, bob.address) as download:
        download.goes_on()
        (alice.root / "/etc/oncilla/conf.d/20-own.conf").write_text("log-level = debug\n")
        said = alice.type("oncilla reload")
        assert "log-level" in said, said
        report(f"{download.goes_on():.1f} s until 20 kB had arrived after a reload")

        before = alice.machine.show("oncilla.service", "MainPID")
        upgraded = time.monotonic()
        alice.type(f"dpkg -i {alice.root.add(newer)}")
        assert alice.machine.show("oncilla.service", "MainPID") not in ("0", before), "the new program runs"
        alice.type(f"oncilla wait --ready --timeout {PATIENCE}")
        ready = time.monotonic() - upgraded
        download.goes_on()
        report(f"an upgrade: ready after {ready:.1f} s, and the same TCP connection had carried on after "
               f"{time.monotonic() - upgraded:.1f} s")
    assert download.failure is None, download.failure

    # Tor goes and comes
    killed = time.monotonic()
    alice.type("systemctl kill --kill-who=main --signal=KILL tor@default")
    wait_until(lambda: not alice.is_ready(), 20, what="the daemon to notice that Tor is gone")
    alice.type(f"oncilla wait --ready --timeout {PATIENCE}")
    ready = time.monotonic() - killed
    alice.ping(bob.address)
    report(f"Tor killed, and started again by systemd: ready after {ready:.1f} s, an echo after "
           f"{time.monotonic() - killed:.1f} s")
    assert alice.address in alice.type("oncilla status"), "the same name"

    # And away
    said = alice.type("dpkg -P oncilla")
    assert "/var/lib/oncilla stays" in said, said
    left = alice.type("find / -xdev -path /proc -prune -o -path /sys -prune -o -path /root -prune "
                      "-o -iname '*oncilla*' -print").split()
    assert left == ["/var/lib/oncilla"], left
    assert not alice.namespace.has_interface("oncilla0") and alice.namespace.routes() == []
    assert "proto 235" not in alice.namespace.ip("-6 rule") + alice.namespace.ip("-4 rule")
    assert alice.machine.show("tor@default.service", "ActiveState") == "active"


def meet(host, guest, invitation):
    """The guest takes the invitation, and the host the answer."""
    answer = guest.type(f"{invitation} {host.label}")
    answer = re.search(r"^ *(oncilla join \S+)$", answer, re.MULTILINE).group(1)
    return host.type(f"{answer} {guest.label}")


def nothing_is_wrong(newcomer):
    examined = newcomer.type("oncilla doctor")
    assert "\nwrong" not in "\n" + examined, examined


def test_a_host_whose_onion_service_is_in_torrc(newcomers, package, report):
    alice, bob = newcomers
    torrc = (alice.root / "/etc/tor/torrc").read_text()
    options = {alice: ["--torrc", "--yes"], bob: []}
    steps = at_once(lambda newcomer: newcomer.install_and_set_up(package, *options[newcomer]), newcomers)
    report(f"setup by torrc {steps[0][1]:.1f} s")
    assert (alice.root / "/etc/tor/torrc").read_text().startswith(torrc), "a line is added, and nothing changed"
    assert "socks = unix:/run/tor/socks\n" in alice.type("cat /etc/oncilla/conf.d/10-setup.conf")
    assert "9050" in alice.type("ss -Hltn 'sport = :9050'"), "Debian's ports stay"
    # Nothing was left to be done by hand: whoever has the address finds the host.
    assert "lookup = serve\n" in alice.type("cat /etc/oncilla/conf.d/10-setup.conf")
    report(f"found by its address after {bob.ping(alice.address):.1f} s")
    meet(alice, bob, alice.type("oncilla invite").strip())
    bob.ping(alice.address)
    alice.ping(bob.address)
    nothing_is_wrong(alice)

    # Tor goes on without what is taken away from it, and how to take away the rest is said.
    said = alice.type("dpkg -P oncilla")
    assert "remove the line '%include /etc/tor/oncilla.conf' from /etc/tor/torrc, then /etc/tor/oncilla.conf" in said, said
    assert "its key is in /var/lib/tor/oncilla" in said
    assert not (alice.root / "/etc/systemd/system/oncilla.service.d").exists()
    alice.type("systemctl restart tor@default")
    assert alice.machine.show("tor@default.service", "ActiveState") == "active"


def test_a_private_host_and_one_whom_it_invites(newcomers, package, report):
    alice, bob = newcomers
    options = {alice: [], bob: ["--private"]}
    at_once(lambda newcomer: newcomer.install_and_set_up(package, *options[newcomer]), newcomers)
    invitation = bob.type("oncilla invite alice").strip()
    assert len(invitation.removeprefix("oncilla join ")) <= 160
    meet(bob, alice, invitation)
    echo = alice.ping(bob.address)
    bob.ping(alice.address)
    nothing_is_wrong(bob)

    # What waits for the next start holds nothing else up: a route of IPv4 does, where IPv4 is not carried yet.
    (bob.root / "/etc/oncilla/conf.d/60-later.conf").write_text("ipv4 = yes\nroute = 10.20.0.0/16,via=alice\n")
    bob.type("oncilla revoke alice")
    waiting = bob.type("oncilla reload")
    assert "route changed, but counts from the next start on" in waiting and "invited" not in waiting, waiting
    assert not list((bob.root / "/etc/oncilla/conf.d").glob("*alice*"))
    report(f"an echo from a private host {echo:.1f} s after it was given the answer")
