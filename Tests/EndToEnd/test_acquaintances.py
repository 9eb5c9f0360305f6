"""Names that acquaintances tell, at UDP port 53 of their overlay addresses: what is asked, what is answered, whom it is
believed, and what hostile ones can do.

    daemon --SOCKS4a--> FakeSocks --> Acquaintance      (a peer in Python: hears the questions, says what it likes)
"""

import contextlib
import ipaddress
import json
import re
import socket
import struct
import threading
import time

import pytest

import packets
from lan import Identity
from overlay import made_up_name, oncilla, onion_name, overlay_address, wait_until
from wire_peer import WirePeer

RESPONSE, AUTHORITATIVE, POINTER, NAME_ERROR = 0x8000, 0x0400, 12, 3
FIRST_PORT = 49152  # of those from which the daemon asks


# Messages


def wire_name(name):
    labels = name.rstrip(".").split(".") if name.strip(".") else []
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def reverse_name(address):
    return ipaddress.IPv6Address(address).reverse_pointer


def question(address, identifier=0x1234, flags=0, kind=POINTER, name=None, additional=b""):
    header = struct.pack("!6H", identifier, flags, 1, 0, 0, 1 if additional else 0)
    return header + wire_name(name or reverse_name(address)) + struct.pack("!HH", kind, 1) + additional


def answer(asked, name=None, flags=RESPONSE | AUTHORITATIVE, identifier=None):
    """The answer to a question's bytes: this name, or that there is none."""
    own, = struct.unpack("!H", asked[:2])
    code = flags if name else flags | NAME_ERROR
    header = struct.pack("!6H", own if identifier is None else identifier, code, 1, int(bool(name)), 0, 0)
    record = b""
    if name:
        data = wire_name(name)
        record = b"\xc0\x0c" + struct.pack("!HHIH", POINTER, 1, 3600, len(data)) + data
    return header + asked[12:] + record


@contextlib.contextmanager
def watched(namespace):
    """All packets that pass the interface within the block, which are there after it."""
    seen = []
    with namespace.packet_socket("oncilla0") as sniffer:
        sniffer.setblocking(False)
        yield seen
        time.sleep(0.2)
        with contextlib.suppress(BlockingIOError):
            while True:
                seen.append(sniffer.recv(1 << 16))


class Datagram:
    """A UDP packet, read."""

    def __init__(self, packet):
        self.source, self.destination = packet.source, packet.destination
        self.source_port, self.destination_port = struct.unpack("!HH", packet.payload[:4])
        self.data = packet.payload[8:]

    @property
    def code(self):
        return self.data[3] & 15

    @property
    def is_authoritative(self):
        return bool(self.data[2] & 4)

    @property
    def answer(self):
        """(TTL, name) of the one record of the answer, which begins with a pointer to the question's name."""
        at = 12
        while self.data[at]:
            at += 1 + self.data[at]
        at += 5
        assert self.data[at:at + 6] == b"\xc0\x0c\0\x0c\0\x01", self.data.hex()
        lifetime, size = struct.unpack("!IH", self.data[at + 6:at + 12])
        at += 12
        labels, end = [], at + size
        while self.data[at]:
            labels.append(self.data[at + 1:at + 1 + self.data[at]].decode())
            at += 1 + self.data[at]
        assert at + 1 == end == len(self.data)
        return lifetime, ".".join(labels)


def datagrams(peer):
    return [Datagram(packet) for packet in peer.received() if packet.version == 6 and packet.next_header == packets.UDP]


def asked(peer):
    return [datagram for datagram in datagrams(peer) if datagram.destination_port == 53]


class Acquaintance(WirePeer):
    """A peer that hears what it is asked, and says `respond(acquaintance, call, asked)` to each question."""

    def __init__(self, seed, proxy, daemon, respond):
        super().__init__(seed, proxy)
        self.heard = 0
        self._respond = respond
        self.call_of = self.call(daemon)
        self._is_open = True
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while self._is_open:
            for datagram in asked(self)[self.heard:]:
                self.heard += 1
                self._respond(self, self.call_of, datagram)
            time.sleep(0.01)

    def close(self):
        self._is_open = False
        super().close()

    def say(self, call, datagram, data, port=None, source_port=53):
        return call.send(packets.udp(self.address, datagram.source, source_port, port or datagram.source_port, data))


# Answers that are no names, or nobody's


def tell_another(peer, call, asked):
    peer.say(call, asked, answer(asked.data, onion_name("somebody else")))


def make_up(peer, call, asked):
    """A name that maps to the address, and that nobody has the key of."""
    peer.say(call, asked, answer(asked.data, made_up_name(WANTED)))


def be_silent(peer, call, asked):
    pass


def flood(peer, call, asked):
    for number in range(20_000):
        if not peer.say(call, asked, answer(asked.data, onion_name(f"lie {number % 50}"))):
            return


def flood_nonsense(peer, call, asked):
    for _ in range(2_000):
        if not peer.say(call, asked, struct.pack("!6H", 0, RESPONSE, 65535, 65535, 65535, 65535) + bytes(1_200)):
            return


def guess_identifiers(peer, call, asked):
    """The right name with all the wrong identifiers, and about another address."""
    right, = struct.unpack("!H", asked.data[:2])
    for number in range(1, 2_000):
        peer.say(call, asked, answer(asked.data, WANTED, identifier=right ^ number))


def guess_ports(peer, call, asked):
    for port in range(FIRST_PORT, 65_536, 16):
        if port != asked.source_port:
            peer.say(call, asked, answer(asked.data, WANTED), port=port)
    peer.say(call, asked, answer(asked.data, WANTED), source_port=54)


HOSTILE = [tell_another, make_up, be_silent, flood, flood_nonsense, guess_identifiers, guess_ports]
WANTED = onion_name("wanted")


@pytest.fixture
def wanted(daemons, namespaces, proxy):
    """A host that does not serve its lookup name."""
    daemon = daemons(onion=WANTED, netns=namespaces("wanted"), socks=proxy.address)
    proxy.connect(WANTED, daemon.listen_port)
    daemon.wait_for_interface()
    return daemon


@pytest.fixture
def run(daemons, namespaces, proxy):
    """run("seed", peers=[…], …) runs a daemon that looks up nothing in Tor's directory."""

    def start(seed, **arguments):
        name = onion_name(seed)
        daemon = daemons(onion=name, netns=namespaces(seed.replace(" ", "-")), socks=proxy.address, **arguments)
        proxy.connect(name, daemon.listen_port)
        daemon.wait_for_interface()
        return daemon

    return start


# Asking


def test_a_host_is_found_by_an_acquaintances_answer_and_reached_when_that_one_is_gone(run, wanted, proxy, report):
    friend = run("friend", peers=[WANTED], lookup="ask")
    host = run("asks", peers=[friend.onion])
    wait_until(lambda: host.host.can_ping(friend.address) and friend.host.can_ping(WANTED_ADDRESS), 10, what="circuits")
    with watched(host.host) as own, watched(friend.host) as others:
        ping = host.host.ping(wanted.address)
    assert ping.received == 1, ping.text
    report(f"first ping {ping.milliseconds[0]:.1f} ms")
    assert own and not [packet for packet in own + others if b"\x03ip6\x04arpa" in packet], "no device saw a question"
    assert proxy.lookups == []
    resolved = oncilla("resolve", wanted.address, "--json", "--control", host.directory / "control.sock")
    told = json.loads(resolved.stdout)
    assert told["told_by"] == {"kind": "acquaintance", "address": str(friend.address), "petname": None}, told
    assert told["source"] in ("lookup", "keepalive") and 0 <= told["search_ms"] < 5000, told
    assert host.counters()["resolved"] == 1 and friend.counters()["nameAnswered"] == 1
    friend.stop()
    proxy.connect(friend.onion, None)
    proxy.cut(WANTED)
    proxy.cut(host.onion)
    wait_until(lambda: host.host.can_ping(wanted.address), 20, what="the name to be remembered")
    assert proxy.lookups == []


WANTED_ADDRESS = overlay_address(WANTED)


@pytest.mark.parametrize("adversary", HOSTILE)
def test_a_hostile_acquaintance_hides_nobody_and_is_not_believed(run, wanted, proxy, report, adversary):
    friend = run("friend", peers=[WANTED], lookup="ask")
    mallory = onion_name("mallory")
    host = run("asks", peers=[mallory, friend.onion])
    with Acquaintance("mallory", proxy, host, adversary) as peer:
        peer.wait_for_circuit()
        wait_until(lambda: host.host.can_ping(friend.address), 10, what="the honest acquaintance")
        before = host.anonymous_memory()
        with watched(host.host) as seen:
            ping = host.host.ping(WANTED_ADDRESS)
            assert ping.received == 1, ping.text
            wait_until(lambda: peer.heard == 1, 5, what="the question")
            time.sleep(1)
        counters = host.counters()
        report(f"{adversary.__name__}: found after {ping.milliseconds[0]:.1f} ms, {counters['falseAnswer']} answers "
               f"were not believed, memory +{(host.anonymous_memory() - before) / 1024:.0f} kB")
        assert host.anonymous_memory() - before < 2 << 20
        if adversary in (tell_another, flood_nonsense, guess_identifiers):
            assert counters["falseAnswer"] >= 1
        # What does not come to a port from which something was asked is for the host's own programs.
        if adversary is not guess_ports:
            assert not [packet for packet in seen if b"\x03ip6\x04arpa" in packet or bytes(1_000) in packet]
        assert proxy.dials(onion_name("somebody else")) == proxy.dials(onion_name("lie 0")) == []
        assert host.host.can_ping(friend.address)


@pytest.mark.parametrize("adversary", [tell_another, make_up, be_silent, flood_nonsense, guess_identifiers])
def test_where_no_acquaintance_tells_the_name_the_packets_are_refused(run, proxy, adversary):
    mallory = onion_name("mallory")
    host = run("asks", peers=[mallory])
    with Acquaintance("mallory", proxy, host, adversary) as peer:
        peer.wait_for_circuit()
        wait_until(lambda: host.log().count("connected") > 0, 5, what="the circuit")
        ping = host.host.ping(WANTED_ADDRESS, timeout=40)
        assert ping.received == 0 and ping.unreachable, ping.text
        assert ping.seconds < 20, ping
        assert peer.heard <= 2
        # Nobody is asked again at once.
        heard = peer.heard
        assert host.host.ping(WANTED_ADDRESS, timeout=5).seconds < 3
        assert peer.heard == heard


# Answering


@pytest.fixture
def friend(run, wire_peer):
    """A daemon that knows WANTED, and a peer in Python that asks it: ask(data) returns the answer, or None."""
    daemon = run("friend", peers=[WANTED], lookup="ask")
    peer = wire_peer("asks")
    daemon.peer = peer
    daemon.call = peer.call(daemon)

    def ask(data, port=5353, to=None, timeout=2, call=None):
        before = len(datagrams(peer))
        (call or daemon.call).send(packets.udp(peer.address, (to or daemon).address, port, 53, data))
        try:
            wait_until(lambda: len(datagrams(peer)) > before, timeout)
        except AssertionError:
            return None
        found = datagrams(peer)[before]
        assert (found.source_port, found.destination_port) == (53, port)
        return found

    daemon.ask = ask
    return daemon


EXTENSIONS = b"\0\0\x29\x10\0\0\0\0\0\0\0"


def test_what_is_asked_is_answered_as_onioncat_answers(friend, proxy):
    """Its own name and the operator's, authoritative, for an hour; everything else has no name."""
    for known in (friend.onion, WANTED):
        for flags, additional in ((0, b""), (0x0120, EXTENSIONS)):
            told = friend.ask(question(overlay_address(known), flags=flags, additional=additional))
            assert told.answer == (3600, known) and told.code == 0 and told.is_authoritative
            assert told.data[10:12] == b"\0\0", "EDNS is not answered by EDNS"
            assert not told.data[3] & 0x80, "no recursion is offered"
    unknown = overlay_address(onion_name("nobody knows"))
    for data in (question(unknown), question("fd00::1"), question("2001:db8::3"), question(WANTED_ADDRESS, kind=28),
                 question(WANTED_ADDRESS, kind=255), question(None, name="example.com", kind=1),
                 question(None, name=WANTED, kind=28), question(None, name=".", kind=2)):
        told = friend.ask(data)
        assert (told.code, told.data[:2], told.data[6:8]) == (NAME_ERROR, b"\x12\x34", b"\0\0"), data
        assert not told.is_authoritative
    for opcode in range(1, 16):
        told = friend.ask(question(WANTED_ADDRESS, flags=opcode << 11))
        assert told.code == 4 and told.data[2] == 0x80 | opcode << 3
        time.sleep(0.1)
    whole = question(WANTED_ADDRESS)
    for data in (whole[:12], whole[:-1], whole[:4] + b"\0\2" + whole[6:], whole[:12] + b"\xc0\x0c" + whole[-4:]):
        assert friend.ask(data).code == 1
        time.sleep(0.1)
    # Two servers do not talk to each other for ever, and what is shorter than a header has no answer.
    for data in (answer(whole, WANTED), answer(whole), whole[:11], b""):
        assert friend.ask(data, timeout=0.5) is None
    # A question makes nobody look, ask or dial.
    assert proxy.lookups == [] and len(proxy.dials(but=[friend.onion, WANTED, friend.peer.name])) == 0


def test_who_asks_thousands_is_answered_some_and_nobody_else_goes_without(friend, wire_peer, report):
    """Ten a second for each peer, and forty at once."""
    count, before, began = 5_000, friend.anonymous_memory(), time.monotonic()
    for number in range(count):
        data = question(overlay_address(onion_name(f"guess {number % 100}")), identifier=number)
        friend.call.send(packets.udp(friend.peer.address, friend.address, 5353, 53, data))
    other = wire_peer("modest")
    call = other.call(friend)
    call.send(packets.udp(other.address, friend.address, 5353, 53, question(WANTED_ADDRESS)))
    wait_until(lambda: datagrams(other), 5, what="an answer to another")
    assert datagrams(other)[0].answer == (3600, WANTED)
    # Those that came before the proof of who asks are unproven, but for the first.
    counted = ("nameAnswered", "nameAnswerLimited", "unproven")
    wait_until(lambda: sum(friend.counters()[name] for name in counted) == count + 1, 10,
               what="all questions to be counted")
    seconds = time.monotonic() - began
    answered = len(datagrams(friend.peer))
    report(f"{answered} of {count} answered in {seconds:.1f} s, memory "
           f"+{(friend.anonymous_memory() - before) / 1024:.0f} kB")
    assert 40 <= answered <= 41 + 10 * seconds
    assert friend.anonymous_memory() - before < 2 << 20
    time.sleep(0.5)
    assert friend.ask(question(WANTED_ADDRESS)).answer == (3600, WANTED)


def test_what_one_identity_knows_the_other_does_not_tell(daemons, namespaces, proxy, wire_peer):
    """The operator's names are told by the first: whoever heard them of both would know that they are one host's."""
    first, second = Identity.of("first"), Identity.of("second")
    host = namespaces("both")
    daemon = daemons(onion=f"{first.name},listen=127.0.0.1:{first.listen_port}", listen=[], netns=host, lookup="ask",
                     socks=proxy.address, peers=[WANTED], options=second.option)
    daemon.wait_for_interface()
    for identity in (first, second):
        proxy.connect(identity.name, identity.listen_port)
        wait_until(lambda: f"{identity.address}/48" in host.addresses("oncilla0")
                   or f"{identity.address}/128" in host.addresses("oncilla0"), 5, what="the address")

    def told(peer, identity, about):
        before = len(datagrams(peer))
        peer.call(identity).send(packets.udp(peer.address, identity.address, 5353, 53, question(about)))
        wait_until(lambda: len(datagrams(peer)) > before, 5, what="an answer")
        found = datagrams(peer)[-1]
        assert found.source == identity.address
        return None if found.code == NAME_ERROR else found.answer[1]

    # Somebody whom the second one has reached.
    met = wire_peer("met")
    met.call(second).send(packets.echo_request(met.address, second.address))
    met.wait_for_circuit()
    asks = wire_peer("asks")
    names = [first.name, second.name, WANTED, met.name]
    assert [told(asks, first, overlay_address(name)) for name in names] == [first.name, None, WANTED, None]
    assert [told(asks, second, overlay_address(name)) for name in names] == [None, second.name, None, met.name]


# The host's own DNS server


def dig(host, server, *arguments):
    result = host.run(["dig", f"@{server}", "+tries=1", "+time=2", *arguments], check=False)
    return re.sub("[ \t]+", " ", result.stdout + result.stderr)


class NameServer:
    """A DNS server of the user's, at the overlay address: it answers each question with one address."""

    ADDRESS = "192.0.2.53"

    def __init__(self, namespace, address):
        self.asked = 0
        self._datagrams, self._listener = namespace.socket(kind=socket.SOCK_DGRAM), namespace.socket()
        self._datagrams.bind((address, 53))
        self._listener.bind((address, 53))
        self._listener.listen(5)
        for serve in (self._serve_datagrams, self._serve_connections):
            threading.Thread(target=serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._datagrams.close()
        self._listener.close()

    def _answer(self, data):
        self.asked += 1
        end = 12
        while data[end]:
            end += 1 + data[end]
        record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 7, 4) + ipaddress.IPv4Address(self.ADDRESS).packed
        return data[:2] + struct.pack("!5H", 0x8580, 1, 1, 0, 0) + data[12:end + 5] + record

    def _serve_datagrams(self):
        while True:
            try:
                data, sender = self._datagrams.recvfrom(4096)
            except OSError:
                return
            self._datagrams.sendto(self._answer(data), sender)

    def _serve_connections(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                size, = struct.unpack("!H", connection.recv(2))
                reply = self._answer(connection.recv(size))
                connection.sendall(struct.pack("!H", len(reply)) + reply)


@pytest.mark.parametrize("lookup", ["off", "ask", "serve"])
def test_dig_over_the_overlay_asks_the_daemon_or_with_lookup_off_the_hosts_own_server(pair, proxy, lookup):
    made = pair(proxy, b={"lookup": lookup, "peers": [onion_name("pair a"), WANTED]})
    wait_until(lambda: made.a.host.can_ping(made.b.address), 10, what="the peer")
    with NameServer(made.b.host, made.b.address) as server:
        text = dig(made.a.host, made.b.address, "+notcp", "intranet.example", "A")
        if lookup == "off":
            assert f" 7 IN A {server.ADDRESS}\n" in text and server.asked == 1, text
            assert f" A {server.ADDRESS}\n" in dig(made.a.host, made.b.address, "+notcp", "-x", WANTED_ADDRESS)
        else:
            assert "status: NXDOMAIN" in text and server.asked == 0, text
            for known in (WANTED, made.b.onion):
                text = dig(made.a.host, made.b.address, "+notcp", "-x", overlay_address(known))
                assert f" 3600 IN PTR {known}.\n" in text and " aa" in text, text
            assert server.asked == 0
        # By TCP nothing is ours.
        text = dig(made.a.host, made.b.address, "+tcp", "intranet.example", "A")
        assert f" 7 IN A {server.ADDRESS}\n" in text, text
        # The other side's questions to third parties are nobody's but its own.
        assert server.asked == (3 if lookup == "off" else 1)
