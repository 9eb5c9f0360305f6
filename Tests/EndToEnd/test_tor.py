"""Through real Tor: a private network with version 3 onion services.

A third client is a hostile peer's.

                            authorities, relays (private_tor.py)
                             /                               \\
    Tor of alice: SOCKS, onion service            Tor of bob: SOCKS, onion service
            |                                                 |
    Oncilla of alice                                Oncilla of bob
            |                                                 |
    namespace alice: lo, oncilla0                   namespace bob: lo, oncilla0
"""

import contextlib
import socket
import subprocess
import threading
import time

import pytest

import overlay
import packets
from overlay import wait_until
from private_tor import PrivateTor, suit_to_tor
from secure_shell import SecureShell
from test_proxy_hostile import GARBAGE, Sniffer, forgeries
from wire_peer import WirePeer

pytestmark = pytest.mark.seconds(420)

# A circuit through Tor stands within seconds as a rule; Tor itself gives up after two minutes.
FIRST_CONTACT = 120
# After a crash Tor must build new introduction points and publish them, while the other side's Tor tries the old ones
# first and can be stuck with a rendezvous that never comes. Whoever dials waits 60 s before it tries again.
RECOVERY = 240
# A busy Tor network stands still for seconds now and then; what was under way arrives afterwards. Nothing may be lost.
PATIENCE = 40


@pytest.fixture(scope="module")
def tor():
    with PrivateTor(clients=3, services=1) as network:
        yield network


class Party:
    """One side: its Tor client, its onion service, its namespace and, once started, its daemon."""

    def __init__(self, tor, host):
        self.tor, self.host = tor, host
        self.service = tor.services[0]
        self.name = self.service.name
        self.address = overlay.overlay_address(self.name)
        self.daemon = None


@pytest.fixture
def parties(tor, namespaces):
    """alice and bob, whose daemons do not run yet."""
    made = [Party(client, namespaces(who)) for client, who in zip(tor.clients, ("alice", "bob"))]
    for party in made:
        party.control = suit_to_tor(party.host)
    return made


@pytest.fixture
def start(daemons):
    """start(alice, peers=[bob]) runs alice's daemon."""

    def run(party, peers=(), options=()):
        party.daemon = daemons(
            onion=party.name, netns=party.host, socks=party.tor.place,
            listen=[f"127.0.0.1:{party.service.listen}"], peers=[peer.name for peer in peers], options=options,
        )  # fmt: skip
        party.daemon.wait_for_interface()

    return run


@pytest.fixture
def pair(parties, start):
    """alice and bob, each configured with the other, in contact."""
    alice, bob = parties
    start(alice, [bob])
    start(bob, [alice])
    wait_until(lambda: alice.host.can_ping(bob.address), FIRST_CONTACT, what="alice to reach bob")
    return alice, bob


class Conversation:
    """A TCP connection over which short messages go to and fro; it never gives up by itself."""

    def __init__(self, source, destination, port=7001):
        self.listener = destination.host.socket()
        self.listener.bind((destination.address, port))
        self.listener.listen(1)
        threading.Thread(target=self.echo, daemon=True).start()
        self.sock = source.host.socket()
        self.sock.settimeout(30)
        self.sock.connect((destination.address, port))
        self.number = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()
        self.listener.close()

    def echo(self):
        connection, _ = self.listener.accept()
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(4096):
                connection.sendall(data)

    def exchange(self, timeout):
        """Sends a message and waits until it has come back; returns the seconds that took."""
        self.number += 1
        message = b"%08d" % self.number
        began = time.monotonic()
        self.sock.settimeout(timeout)
        self.sock.sendall(message)
        reply = b""
        while len(reply) < len(message):
            part = self.sock.recv(len(message) - len(reply))
            assert part, "the connection was closed"
            reply += part
        assert reply == message
        return time.monotonic() - began


def direction(pair, backwards):
    return reversed(pair) if backwards else pair


def recovery(source, destination, disturb):
    """Disturbs, then returns after how many seconds pings and an open TCP connection work again."""
    with Conversation(source, destination) as conversation:
        conversation.exchange(30)
        began = time.monotonic()
        disturb()
        wait_until(lambda: source.host.can_ping(destination.address), RECOVERY, what="pings to come back")
        pings = time.monotonic() - began
        conversation.exchange(RECOVERY)
        connection = time.monotonic() - began
    source.daemon.assert_running()
    destination.daemon.assert_running()
    return f"ping after {pings:.1f} s, the open TCP connection went on after {connection:.1f} s"


both_ways = pytest.mark.parametrize("backwards", [False, True], ids=["alice-to-bob", "bob-to-alice"])


def test_ping_both_ways(tor, pair, report):
    alice, bob = pair
    report(f"the private Tor network was ready after {tor.ready_after:.0f} s")
    for source, destination in ((alice, bob), (bob, alice)):
        ping = source.host.ping(destination.address, count=20, timeout=PATIENCE)
        assert ping.received == ping.sent == 20, ping
        report(f"round trip {ping.median:.1f} ms (median of 20), the longest {max(ping.milliseconds):.1f} ms")


@both_ways
def test_100_megabytes_arrive_as_they_were_sent(pair, backwards, report):
    source, destination = direction(pair, backwards)
    dialled = source.daemon.counters()["dialled"]
    transfer = overlay.Transfer(source.host, destination.host, destination.address, 100_000_000, timeout=240)
    dialled = source.daemon.counters()["dialled"] - dialled
    report(f"100 MB in {transfer.seconds:.0f} s, {transfer.megabits:.1f} Mbit/s ({source.control}), SHA-256 equal, "
           f"{dialled} circuits more")
    assert dialled >= 2, "a flow is spread, because a UNIX socket shows that Tor's circuits are full"


def is_in_order(numbers):
    return numbers == sorted(numbers)


@both_ways
def test_datagrams_arrive_whole_and_in_order(pair, backwards, report):
    source, destination = direction(pair, backwards)
    sent = [number.to_bytes(4, "big") + overlay.pattern_bytes(1196, seed=number) for number in range(300)]
    with destination.host.socket(kind=socket.SOCK_DGRAM) as receiver:
        with source.host.socket(kind=socket.SOCK_DGRAM) as sender:
            receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            receiver.bind((destination.address, 7002))
            receiver.settimeout(PATIENCE)
            sender.connect((destination.address, 7002))
            for datagram in sent:
                sender.send(datagram)
                time.sleep(0.01)
            received = [receiver.recvfrom(2000) for _ in sent]
    assert sorted(data for data, _ in received) == sent
    # Such a flow proves to be bulk and moves once to a circuit of its own, which may be the faster one.
    numbers = [int.from_bytes(data[:4], "big") for data, _ in received]
    assert any(is_in_order([number for number in numbers if number < move])
               and is_in_order([number for number in numbers if number >= move]) for move in range(len(sent) + 1))
    assert {address[0] for _, address in received} == {source.address}
    report(f"{len(received)} of {len(sent)} datagrams of 1200 bytes at 100 a second")


def test_ssh(pair, report):
    alice, bob = pair
    with SecureShell(bob.host, bob.address) as shell:
        began = time.monotonic()
        result = alice.host.run(
            ["ssh", "-F", shell.client_config, bob.address, "echo $SSH_CONNECTION; cat"], input="carried", timeout=90
        )
        report(f"ssh with one command: {time.monotonic() - began:.1f} s")
        client, _, server, port = result.stdout.splitlines()[0].split()
        assert (client, server, port) == (alice.address, bob.address, "22")
        assert result.stdout.splitlines()[1] == "carried"


def test_dead_beef_answers_here(pair):
    alice, _ = pair
    ping = alice.host.ping(overlay.DEAD_BEEF, count=3)
    assert ping.received == 3, ping


def test_feed_beef_answers_through_our_own_onion_service(pair, report):
    alice, _ = pair
    wait_until(lambda: alice.host.can_ping(overlay.FEED_BEEF), FIRST_CONTACT, what="feed:beef")
    ping = alice.host.ping(overlay.FEED_BEEF, count=5, timeout=PATIENCE)
    assert ping.received == 5, ping
    report(f"round trip {ping.median:.1f} ms (median of 5)")


def test_a_daemon_is_ready_when_its_own_service_answers(parties, start, report):
    alice, _ = parties
    start(alice)
    report(alice.daemon.wait_for_line(r"ready, loop \d+ ms$", timeout=FIRST_CONTACT).group(0))


# A key that nobody's service has. Tor tells of a name whose key is no point of the curve what it tells of a dead daemon.
NOBODY = "pmyjsoshrx4ovivzyqpkp7hxzpi2yfx6v3wvdqfaxtn6iuziknrb2sad.onion"


def test_tor_is_asked_why_a_peer_is_not_reached(parties, daemons, report):
    """The codes that Tor itself gives by SOCKS5: nobody has the name, nobody listens, the port is another."""
    alice, bob = parties
    options = {"onion": alice.name, "netns": alice.host, "socks": alice.tor.place,
               "listen": [f"127.0.0.1:{alice.service.listen}"]}
    one = daemons(**options, peers=[f"nobody={NOBODY}", f"bob={bob.name}"])
    began = time.monotonic()
    one.wait_for_line(r"peer bob: not reached: its daemon is not running, or .* next try in \d+ s$", timeout=FIRST_CONTACT)
    one.wait_for_line(r"peer nobody: not reached: its Tor is off or the name is wrong \(descriptor not found\); next try",
                      timeout=FIRST_CONTACT)
    report(f"both reasons after {time.monotonic() - began:.1f} s")
    one.stop()
    other = daemons(**options, peers=[f"bob={bob.name}"], options=["--service-port", "8061"])
    other.wait_for_line("peer bob: not reached: it does not listen at this port", timeout=FIRST_CONTACT)
    other.wait_for_line("not ready: our onion service has no port 8061: torrc needs 'HiddenServicePort 8061",
                        timeout=FIRST_CONTACT)


def third_peer(tor, socks):
    """Who has the third client, and dials at this SOCKS port of it."""
    service = tor.clients[2].services[0]
    return WirePeer(None, name=service.name, port=service.listen, socks=socks)


@pytest.fixture
def mallory(tor):
    """A peer with a Tor and an onion service of its own, which says what it likes."""
    with third_peer(tor, tor.clients[2].socks) as peer:
        yield peer


def dial(peer, party, answers=False):
    """A circuit of a wire peer's to somebody's service, as soon as Tor builds one."""
    deadline = time.monotonic() + FIRST_CONTACT
    while True:
        with contextlib.suppress(OSError):
            return peer.dial(party.daemon, answers)
        assert time.monotonic() < deadline, "no circuit"
        time.sleep(1)


def test_who_claims_to_be_somebody_else_gets_nothing_in(pair, mallory, report):
    alice, bob = pair
    began = time.monotonic()

    def claim(whose, to, tlvs=b"", name=None):
        return packets.keepalive(whose.address, to.address, name or whose.name, tlvs)

    forged = packets.echo_request(bob.address, alice.address, data=b"forged by mallory")
    with contextlib.closing(Sniffer(alice.host)) as sniffer:
        # Its own name it proves, and is let in.
        own = dial(mallory, alice, answers=True)
        own.send(mallory.keepalive(alice.address))
        own.send(packets.echo_request(mallory.address, alice.address, data=b"honest"))
        wait_until(lambda: any(b"honest" in packet.raw for packet in sniffer.delivered()), FIRST_CONTACT,
                   what="mallory to prove its own name")
        report(f"a stranger is proven {time.monotonic() - began:.1f} s after it began to dial")
        # Bob's it cannot: neither with what alice told mallory, nor by having bob repeat that, nor by a lie about names.
        told = mallory.challenges[alice.address]
        impostor = dial(mallory, alice)
        impostor.send(claim(bob, alice) + forged)
        impostor.send(claim(bob, alice, packets.tlv(packets.RESPONSE, told)) + forged)
        for name in (mallory.name, overlay.made_up_name(bob.name)):
            dial(mallory, alice).send(claim(bob, alice, name=name) + forged)
        dial(mallory, bob).send(claim(alice, bob, packets.tlv(packets.CHALLENGE, told)))
        # What is proven is one address: nothing of another source, or to another host, comes through.
        lies = list(forgeries(mallory.address, alice.address, bob.address).values())
        own.send(b"".join(lies))
        own.send(packets.echo_request(mallory.address, alice.address, data=b"the last"))
        wait_until(lambda: any(b"the last" in packet.raw for packet in sniffer.delivered()), PATIENCE,
                   what="what mallory sent last of all")
        wait_until(lambda: alice.daemon.counters()["falseProof"] >= 2, PATIENCE, what="both proofs to be refused")
        wait_until(lambda: alice.daemon.counters()["forgedSource"] >= 3, PATIENCE, what="the forged packets")
        wait_until(lambda: alice.daemon.counters()["nameConflict"] >= 1, PATIENCE, what="the made-up name")
        wait_until(lambda: alice.daemon.counters()["badKeepalive"] >= 1, PATIENCE, what="the name of another address")
        assert alice.host.ping(bob.address, timeout=PATIENCE).received == 1
        assert not [packet for packet in sniffer.delivered() if b"forged" in packet.raw or packet.raw in lies]


@pytest.fixture
def crowd(tor):
    """A hostile peer whose circuits to one service share one of Tor's, so that many are soon there."""
    with third_peer(tor, tor.clients[2].shared_socks) as peer:
        yield peer


def test_garbage_floods_and_silence_end_their_own_circuits_alone(pair, crowd, report):
    alice, bob = pair
    forged = packets.echo_request(bob.address, alice.address, data=b"forged by the crowd")
    with contextlib.closing(Sniffer(alice.host)) as sniffer:
        silent = dial(crowd, alice)
        started = dial(crowd, alice, answers=True)
        started.send(crowd.keepalive(alice.address))
        wait_until(lambda: alice.address in crowd.challenges, FIRST_CONTACT, what="alice to challenge the crowd")
        started.send(packets.ipv6(crowd.address, alice.address, 59, bytes(1_000))[:500])
        for what, bytes_ in GARBAGE.items():
            circuit = dial(crowd, alice)
            circuit.send(bytes_ + forged)
            assert circuit.is_closed(PATIENCE), f"a circuit that brings {what} stays open"
        # As much as Tor takes, of what is nobody's and of what claims to be bob's, for 10 s.
        flood = [dial(crowd, alice) for _ in range(4)]
        flood[0].send(crowd.keepalive(alice.address))
        for circuit in flood[1:]:
            circuit.send(packets.keepalive(bob.address, alice.address, bob.name))
        sent = [0] * len(flood)

        def pour(number, end=time.monotonic() + 10):
            with contextlib.suppress(OSError):
                while time.monotonic() < end and flood[number].send(forged * 100):
                    sent[number] += 100

        pouring = [threading.Thread(target=pour, args=(number,), daemon=True) for number in range(len(flood))]
        for thread in pouring:
            thread.start()
        assert alice.host.ping(bob.address, timeout=PATIENCE).received == 1
        for thread in pouring:
            thread.join()
        refused = sum(alice.daemon.counters()[reason] for reason in ("forgedSource", "unproven"))
        report(f"{sum(sent)} forged packets went to Tor within 10 s, and {refused} have arrived")
        assert refused > 1_000
        assert silent.is_closed(30 + PATIENCE), "who says nothing stays"
        assert started.is_closed(60 + PATIENCE), "half a packet stays"
        counted = alice.daemon.counters()
        assert counted["halfOpen"] >= 1 and counted["packetTimeout"] >= 1
        assert alice.host.ping(bob.address, timeout=PATIENCE).received == 1
        assert not [packet for packet in sniffer.delivered() if b"forged" in packet.raw]
    alice.daemon.assert_running()


def test_tor_tells_which_circuit_a_call_came_through(parties, start, crowd, report):
    alice, bob = parties
    alice.tor.tell_circuits(True)
    try:
        start(alice, [bob], ["--tor-circuit-id"])
        start(bob, [alice])
        wait_until(lambda: bob.host.can_ping(alice.address), FIRST_CONTACT, what="bob to be answered")
        calls = [dial(crowd, alice) for _ in range(20)]
        wait_until(lambda: sum(call.is_closed() for call in calls) >= 4, PATIENCE, what="those above 16 to be closed")
        open_ = sum(not call.is_closed() for call in calls)
        counted = alice.daemon.counters()
        report(f"of 20 calls through one circuit of Tor {open_} stand; {counted['torCircuitLimit']} were too many")
        assert open_ <= 16 and counted["torCircuitLimit"] >= 4 and counted["badTorLine"] == 0
        assert bob.host.ping(alice.address, timeout=PATIENCE).received == 1
    finally:
        alice.tor.tell_circuits(False)


def test_a_peer_that_is_not_configured_is_learned_from_its_keepalive(parties, start, report):
    alice, bob = parties
    start(alice)
    start(bob, [alice])
    began = time.monotonic()
    wait_until(lambda: bob.host.can_ping(alice.address), FIRST_CONTACT, what="bob to be answered")
    report(f"answered {time.monotonic() - began:.1f} s after bob's start")
    ping = alice.host.ping(bob.address, count=3, timeout=PATIENCE)
    assert ping.received == 3, ping


@both_ways
def test_traffic_resumes_when_a_tor_was_killed(pair, backwards, report):
    source, destination = direction(pair, backwards)
    report(recovery(source, destination, destination.tor.restart))


def test_traffic_resumes_when_our_own_tor_was_killed(pair, report):
    alice, bob = pair
    report(recovery(alice, bob, alice.tor.restart))


def test_traffic_resumes_when_the_peer_was_killed(pair, report):
    alice, bob = pair

    def crash():
        bob.daemon.kill()
        assert not alice.host.can_ping(bob.address)
        bob.daemon.start()
        bob.daemon.wait_for_interface()

    report(recovery(alice, bob, crash))
