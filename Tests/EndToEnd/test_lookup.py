"""A host is reached by its address alone: its name is asked of the lookup service that Tor's directory finds."""

import base64
import contextlib
import json
import os
import re
import socket
import stat
import statistics
import threading
import time

import pytest

import overlay
from overlay import free_port, made_up_name, oncilla, onion_name, overlay_address, wait_until
from private_tor import PrivateTor
from tor_control import LoneTor, ask


def lookup_name(address, index=0):
    return json.loads(oncilla("lookup-key", address, "--index", index, "--json").stdout)["name"]


class LookupService:
    """A listener that answers whoever comes as `answer(connection)` does, and is nobody's but the test's."""

    def __init__(self, answer):
        self.callers = 0
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.callers += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with connection:
                self._answer(connection)
        except OSError:
            pass


def lie(connection):
    connection.sendall(f"{onion_name('somebody else')}\n".encode())


def make_up(connection):
    connection.sendall(f"{made_up_name(onion_name('hidden'))}\n".encode())


def be_silent(connection):
    connection.recv(1)


def dribble(connection):
    while True:
        connection.sendall(b"a")
        time.sleep(1)


def flood(connection):
    while True:
        connection.sendall(b"a" * 65536)


def close(connection):
    pass


@pytest.fixture
def served(daemons, namespaces, proxy):
    """served("seed", …) runs a daemon that serves its lookup name, which `proxy` does not know yet."""

    def make(seed, options=(), **arguments):
        name, port = onion_name(seed), free_port()
        daemon = daemons(onion=name, netns=namespaces(seed), socks=proxy.address, lookup="serve",
                         options=["--lookup-listen", f"127.0.0.1:{port}", *options], **arguments)
        daemon.lookup_port = port
        proxy.connect(name, daemon.listen_port)
        daemon.wait_for_interface()
        return daemon

    return make


@pytest.fixture
def stranger(daemons, namespaces, proxy):
    """A daemon that is told nothing at all: not even to look up."""
    name = onion_name("stranger")
    daemon = daemons(onion=name, netns=namespaces("stranger"), socks=proxy.address, lookup=None)
    proxy.connect(name, daemon.listen_port)
    daemon.wait_for_interface()
    daemon.wait_for_line("Tor is there")
    return daemon


def test_a_host_is_found_by_its_address_alone(served, stranger, proxy, report):
    host = served("found")
    proxy.serve_lookup(lookup_name(host.address), host.lookup_port)
    ping = stranger.host.ping(host.address)
    assert ping.received == 1, ping.text
    report(f"first ping {ping.milliseconds[0]:.1f} ms")
    # Who was found knows the way back from the keepalive; nothing is asked twice.
    assert host.host.can_ping(stranger.address)
    assert stranger.host.ping(host.address, count=3).received == 3
    assert proxy.lookups == [lookup_name(host.address)]
    assert stranger.counters()["resolved"] == 1


def test_who_serves_tells_a_line_and_reads_nothing(served):
    host = served("served")
    for said in (b"", b"GET / HTTP/1.0\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", host.lookup_port), 5) as connection:
            if said:
                connection.sendall(said)
            assert connection.recv(100) == f"{host.onion}\n".encode()
    # Two hundred callers who stay cost nothing that stays.
    files = host.open_files()
    callers = [socket.create_connection(("127.0.0.1", host.lookup_port), 5) for _ in range(200)]
    wait_until(lambda: host.open_files() <= files + 8, 5, what="all to be closed")
    for caller in callers:
        caller.close()


def test_nobody_serves_who_was_not_told_to(stranger, served, daemons, namespaces, proxy):
    quiet = daemons(onion=onion_name("quiet"), netns=namespaces("quiet"), socks=proxy.address, lookup="off")
    quiet.wait_for_interface()
    # Tor knows no such service: refused, and at once from then on.
    ping = stranger.host.ping(quiet.address)
    assert ping.received == 0 and "unreachable" in ping.text, ping.text
    seconds = [stranger.host.ping(quiet.address).seconds for _ in range(2)]
    assert max(seconds) < 2, seconds
    # With lookup off nobody is asked.
    host = served("asked by nobody")
    proxy.serve_lookup(lookup_name(host.address), host.lookup_port)
    ping = quiet.host.ping(host.address)
    assert ping.received == 0 and "unreachable" in ping.text, ping.text
    assert proxy.lookups == []


def test_serving_is_switched_on_and_off_by_a_reload(daemons, namespaces, proxy, tmp_path):
    file, port = tmp_path / "oncilla.conf", free_port()
    line = f"lookup-listen = 127.0.0.1:{port}\n"
    file.write_text(line)
    daemon = daemons(onion=onion_name("reloaded"), netns=namespaces("reloaded"), socks=proxy.address, lookup=None,
                     options=["--config", file])
    daemon.wait_for_interface()

    def is_served():
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", port)) == 0

    for mode, expected in (("serve", True), ("ask", False), ("serve", True)):
        mark = daemon.mark()
        file.write_text(f"{line}lookup = {mode}\n")
        daemon.signal(1)
        daemon.wait_for_line(f"reloaded: .*lookup = {mode}", since=mark)
        assert is_served() == expected
    # Where somebody else listens the configuration is refused whole.
    with socket.create_server(("127.0.0.1", 0)) as other:
        mark = daemon.mark()
        file.write_text(f"lookup = serve\nlookup-listen = 127.0.0.1:{other.getsockname()[1]}\n"
                        f"route = fd00:9::/48,via={onion_name('other')}\n")
        daemon.signal(1)
        daemon.wait_for_line("not reloaded.* is taken: .*--lookup-listen", since=mark)
    assert is_served()
    assert not [route for route in daemon.host.routes() if route.startswith("fd00:9::/48 dev oncilla0")]


@pytest.mark.parametrize("adversary", [lie, make_up, be_silent, dribble, flood, close])
def test_who_serves_anothers_lookup_name_is_not_believed(served, stranger, proxy, report, adversary):
    """He has the first lookup name; the host is found at the next."""
    host = served("hidden")
    with LookupService(adversary) as service:
        proxy.serve_lookup(lookup_name(host.address), service.port)
        proxy.serve_lookup(lookup_name(host.address, 1), host.lookup_port)
        before = stranger.anonymous_memory()
        ping = stranger.host.ping(host.address, timeout=20)
        assert ping.received == 1, ping.text
        assert service.callers == 1
        report(f"{adversary.__name__}: found after {ping.milliseconds[0] / 1000:.1f} s, memory "
               f"+{(stranger.anonymous_memory() - before) / 1024:.0f} kB")
        assert stranger.anonymous_memory() - before < 2 << 20


def test_who_publishes_anothers_lookup_name_and_cannot_be_reached_hides_nobody(served, stranger, proxy):
    """Tor without ExtendedErrors does not tell that from a name that nobody has published: SOCKS5 code 4."""
    host = served("hidden")
    proxy.serve_lookup(lookup_name(host.address, 2), host.lookup_port)
    ping = stranger.host.ping(host.address, timeout=20)
    assert ping.received == 1, ping.text


def tor_key(address, index, directory):
    """The key of a lookup name as ADD_ONION takes it."""
    assert oncilla("lookup-key", address, "--index", index, "--write", directory).returncode == 0
    return "ED25519-V3:" + base64.b64encode((directory / "hs_ed25519_secret_key").read_bytes()[32:]).decode()


# None: he publishes the name, and cannot be reached.
@pytest.mark.seconds(240)
@pytest.mark.parametrize("adversary", [lie, make_up, be_silent, dribble, flood, close, None])
def test_a_host_notices_that_it_is_hidden_and_is_served_by_the_next_name(served, stranger, proxy, report, tmp_path,
                                                                         adversary):
    with LoneTor() as tor, contextlib.ExitStack() as stack:
        service = adversary and stack.enter_context(LookupService(adversary))
        host = served("hidden", ["--tor-control", f"unix:{tor.control}", "--lookup-check", "2"])

        def is_served(index):
            key = tor_key(host.address, index, tmp_path / str(time.monotonic()))
            said = ask(tor.control, tor.cookie, f"ADD_ONION {key} Port=1,127.0.0.1:1")
            return any("collision" in line for line in said)

        proxy.serve_lookup(lookup_name(host.address), host.lookup_port)
        wait_until(lambda: len(proxy.lookups) > 2, 30, what="the host to look itself up")
        assert is_served(0) and not is_served(1)
        before, began = host.anonymous_memory(), time.monotonic()
        proxy.serve_lookup(lookup_name(host.address), service and service.port)
        host.wait_for_line("not found by its address: somebody else serves its lookup name 0, and Tor knows nobody at "
                           "its lookup name 1, which the daemon has it serve", timeout=120)
        time.sleep(1)  # who asks too early takes the name himself
        assert is_served(1) and not is_served(2)
        report(f"{adversary.__name__ if adversary else 'unreachable'}: noticed after {time.monotonic() - began:.1f} s of a check every 2 s, memory "
               f"+{(host.anonymous_memory() - before) / 1024:.0f} kB")
        assert host.anonymous_memory() - before < 2 << 20
        proxy.serve_lookup(lookup_name(host.address, 1), host.lookup_port)
        ping = stranger.host.ping(host.address, timeout=20)
        assert ping.received == 1, ping.text
        host.wait_for_line(": found by its address, at its lookup name 1$", timeout=30)
        # Tor comes back without a memory, and is told all of it again.
        mark = host.mark()
        tor.kill()
        tor.start()
        host.wait_for_line("admits us at its control port", since=mark, timeout=40)
        time.sleep(2)
        assert is_served(0) and is_served(1) and not is_served(2)


def test_without_a_control_port_the_operator_is_told_which_name_to_serve_next(served, stranger, proxy, tmp_path):
    """He does as the daemon says; its listener stays the same."""
    host = served("by torrc", ["--lookup-check", "2"])

    def shown(*arguments):
        return oncilla("status", "--control", host.directory / "control.sock", *arguments).stdout

    def found():
        return json.loads(shown("--json"))["identities"][0]["lookup"]

    assert found() == {"finding": "unknown", "index": None, "text": "whether it is found by its address is not known yet"}
    host.wait_for_line("not found by its address: nobody serves its lookup name 0", timeout=30)
    proxy.serve_lookup(lookup_name(host.address), host.lookup_port)
    host.wait_for_line(": found by its address, at its lookup name 0$", timeout=30)
    assert "found by its address" not in shown(), "what is in order is not told"
    with LookupService(lie) as service:
        proxy.serve_lookup(lookup_name(host.address), service.port)
        line = host.wait_for_line("not found by its address: somebody else serves its lookup name 0, and nobody serves its "
                                  "lookup name 1: 'oncilla (lookup-key .*) --write /var/lib/tor/(.*)' makes", timeout=30)
        assert line.group(0).removesuffix(" makes") in shown()
        assert (found()["finding"], found()["index"]) == ("missing", 1)
        told = json.loads(oncilla(*line.group(1).split(), "--write", tmp_path / line.group(2), "--json").stdout)
        assert told["name"] == lookup_name(host.address, 1)
        # What Tor does with the directory then.
        proxy.serve_lookup(told["name"], host.lookup_port)
        host.wait_for_line(": found by its address, at its lookup name 1$", timeout=30)
        ping = stranger.host.ping(host.address, timeout=20)
        assert ping.received == 1, ping.text
        # Where others serve all of them there is nothing to be done.
        for index in range(1, 4):
            proxy.serve_lookup(lookup_name(host.address, index), service.port)
        host.wait_for_line("not found by its address: others serve all of its lookup names", timeout=30)
        assert found()["finding"] == "hidden"


def test_the_key_is_as_tor_takes_it(tmp_path, served):
    host = served("keyed")
    # By root it belongs to whom the directory belongs in which it is.
    given = tmp_path / "of Tor's"
    given.mkdir()
    os.chown(given, 65534, 65533)
    assert oncilla("lookup-key", host.address, "--write", given / "lookup/").returncode == 0
    for path in (given / "lookup", *(given / "lookup").iterdir()):
        assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65533), path
    directory = tmp_path / "lookup"
    told = json.loads(oncilla("lookup-key", host.address, "--write", directory, "--json").stdout)
    assert (directory / "hostname").read_text().strip() == told["name"] == lookup_name(host.onion)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "hs_ed25519_secret_key").stat().st_mode) == 0o600
    # A real Tor makes the same name of the key alone.
    (directory / "hostname").unlink()
    (directory / "hs_ed25519_public_key").unlink()
    with LoneTor() as tor:
        tor.kill()
        tor.options += [f"HiddenServiceDir {directory}", "HiddenServicePort 8060 127.0.0.1:8061"]
        tor.start()
        wait_until((directory / "hostname").exists, 20, what="Tor to take the key")
        assert (directory / "hostname").read_text().strip() == told["name"]
    # The daemon that runs is meant where no address is given.
    shown = oncilla("lookup-key", "--control", host.directory / "control.sock")
    assert shown.stdout.splitlines()[0] == told["name"], shown


# Through real Tor

PAIRS_OF_EACH = 10


@pytest.fixture(scope="module")
def tor():
    with PrivateTor(clients=3, services=1) as network:
        yield network


@pytest.mark.seconds(500)
def test_through_tor_strangers_reach_each_other_by_addresses(tor, daemons, namespaces, report):
    """Three hosts that know nothing of each other; one of them has many addresses, which both others look up."""
    hosts = []
    for client, who in zip(tor.clients, "abc"):
        options = ["--tor-control", f"unix:{client.control}", "--publish", "tor",
                   "--lookup-listen", f"127.0.0.1:{free_port()}"]
        if who == "c":
            for number in range(1, PAIRS_OF_EACH):
                options += ["--identity", f"n{number},listen=127.0.0.1:{free_port()},lookup=127.0.0.1:{free_port()}"]
        hosts.append(daemons(netns=namespaces(who), socks=f"127.0.0.1:{client.socks}", lookup="serve",
                             options=options))
    a, b, c = hosts

    def published(daemon):
        return (len(set(re.findall(r"the onion service of (\S+) is published", daemon.log()))),
                len(set(re.findall(r"(\S+) can be looked up", daemon.log()))))

    wait_until(lambda: published(a) == published(b) == (1, 1), 120, what="the services of a and b")
    wait_until(lambda: published(c) == (PAIRS_OF_EACH, PAIRS_OF_EACH), 120, what="the services of c")
    listed = oncilla("identity", "list", "--json", "--control", c.directory / "control.sock")
    addresses = [identity["address"] for identity in json.loads(listed.stdout)["identities"]]
    assert len(addresses) == PAIRS_OF_EACH
    seconds, lost = [], 0
    for address in addresses:
        for host in (a, b):
            ping = host.host.ping(address, timeout=40)
            if ping.received:
                seconds.append(ping.milliseconds[0] / 1000)
            else:
                lost += 1
    # Who came once comes again as if it were configured.
    again = a.host.ping(addresses[0], count=5, timeout=10)
    median = statistics.median(seconds) if seconds else None
    report(f"first echo of {len(seconds)} fresh pairs: median {median:.1f} s, best {min(seconds):.1f} s, worst "
           f"{max(seconds):.1f} s, {lost} not found; then {again.median:.0f} ms")
    assert lost <= 2 and median <= 8
    assert again.received == 5


@pytest.mark.seconds(400)
def test_through_tor_a_host_is_found_by_its_lookup_name_by_an_acquaintance_and_by_the_name_that_stayed(tor, daemons,
                                                                                                     namespaces, report):
    """C serves its lookup name. A knows nobody and looks it up. Then A looks up nothing and has B as a peer, who knows C.
    B is gone, and A reaches C all the same."""
    def run(number, **arguments):
        client = tor.clients[number]
        service = client.services[0]
        daemon = daemons(onion=service.name, netns=namespaces("abc"[number]), socks=f"127.0.0.1:{client.socks}",
                         listen=[f"127.0.0.1:{service.listen}"], **arguments)
        daemon.wait_for_interface()
        return daemon

    a, b, c = [client.services[0].name for client in tor.clients]
    host = run(2, lookup="serve", options=["--lookup-listen", f"127.0.0.1:{free_port()}", "--tor-control",
                                           f"unix:{tor.clients[2].control}"])
    host.wait_for_line("can be looked up", timeout=120)
    asks = run(0, lookup="ask")
    asks.wait_for_line(": ready, loop", timeout=120)
    ping = asks.host.ping(host.address, timeout=40)
    assert ping.received == 1, ping.text
    report(f"A reaches C by its lookup name: {ping.milliseconds[0] / 1000:.1f} s")
    assert asks.counters()["nameAsked"] == 0
    asks.stop()
    friend = run(1, lookup="ask", peers=[c])
    asks = run(0, lookup="off", peers=[b])
    wait_until(lambda: asks.host.can_ping(friend.address, 5) and friend.host.can_ping(host.address, 5), 150,
               what="the circuits from A to B and from B to C")
    ping = asks.host.ping(host.address, timeout=40)
    assert ping.received == 1, ping.text
    report(f"A reaches C by B's answer: {ping.milliseconds[0] / 1000:.1f} s")
    counters = asks.counters()
    assert counters["nameAsked"] >= 1 and counters["resolved"] == 1 and friend.counters()["nameAnswered"] >= 1
    friend.stop()
    assert not asks.host.can_ping(friend.address, 5)
    ping = asks.host.ping(host.address, count=5, timeout=20)
    assert ping.received == 5, ping.text
    # Also by a new circuit.
    shown = oncilla("peer", "disconnect", c, "--control", asks.directory / "control.sock")
    assert shown.returncode == 0, shown
    began = time.monotonic()
    wait_until(lambda: asks.host.can_ping(host.address, 5), 60, what="A to reach C by another circuit")
    report(f"B is gone: {ping.median:.0f} ms, and {time.monotonic() - began:.1f} s by another circuit")
