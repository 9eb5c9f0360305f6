"""What tells one kernel from another stays at home: no peer sees its clock, nor where a packet began its way."""

import collections
import contextlib
import selectors
import signal
import socket
import struct
import threading
import time
import types

import pytest

import packets
from lan import Identity, options_of
from overlay import Transfer, wait_until
from packets import ACK, PSH, SYN, Segment

PORT = 5001
CLEAR = ("2001:db8::1", "2001:db8::2")


def on(state):
    return ["--scrub", state]


# Two kernels


def has_timestamps(connection):
    """Whether a connection has them, as its kernel says (`struct tcp_info` of <linux/tcp.h>)."""
    options = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[5]
    assert options & 2, "selective acknowledgements were agreed upon"
    return options & 1 != 0


@contextlib.contextmanager
def connected(near, far, address, family=socket.AF_INET6):
    """A connection from one host to another, both ends."""
    with far.socket(family) as listener, near.socket(family) as client:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, PORT))
        listener.listen()
        client.settimeout(10)
        client.connect((address, PORT))
        server, _ = listener.accept()
        with server:
            yield client, server


@pytest.mark.parametrize("near, far", [("on", "on"), ("on", "off"), ("off", "on"), ("off", "off")])
def test_no_timestamps_are_agreed_upon_where_one_side_scrubs(pair, proxy, near, far):
    made = pair(proxy, a={"options": on(near)}, b={"options": on(far)})
    for one, other in ((made.a, made.b), (made.b, made.a)):
        with connected(one.host, other.host, other.address) as (client, server):
            client.sendall(b"?")
            assert server.recv(1) == b"?"
            expected = (near, far) == ("off", "off")
            assert has_timestamps(client) == has_timestamps(server) == expected
    Transfer(made.a.host, made.b.host, made.b.address, 5_000_000)
    Transfer(made.b.host, made.a.host, made.a.address, 5_000_000)
    assert made.a.counters()["unscrubbed"] == made.b.counters()["unscrubbed"] == 0


def test_it_is_switched_while_the_daemon_runs(pair, proxy, tmp_path):
    settings = tmp_path / "oncilla.conf"
    settings.write_text("")
    made = pair(proxy, a={"options": ["--config", settings]}, b={"options": on("off")})
    for state in ("off", "on"):
        settings.write_text(f"scrub = {state}\n")
        since = made.a.mark()
        made.a.signal(signal.SIGHUP)
        made.a.wait_for_line(rf"the configuration was reloaded: scrub = {state}$", since=since)
        with connected(made.a.host, made.b.host, made.b.address) as (client, server):
            assert has_timestamps(client) == has_timestamps(server) == (state == "off")


# A peer that looks


class Collector:
    """A hostile peer: it calls the services of a host, answers the host's own calls, and writes down every segment.
    In each handshake it asks for timestamps, and pretends that it was asked for them.

    As the host's kernel drops what its interface has no place for, each of its steps is repeated until it is answered.
    """

    def __init__(self, peer):
        self.peer = peer
        self._calls = {}

    def _send(self, identity, segments):
        if identity.address not in self._calls:
            self._calls[identity.address] = self.peer.call(identity)
        assert not segments or self._calls[identity.address].send(b"".join(segments))

    def seen(self, identity):
        """[(packet, segment)] of an identity so far."""
        return [(packet, Segment(packet.payload)) for packet in self.peer.received()
                if packet.next_header == packets.TCP and packet.source == identity.address]

    def converse(self, identity, ports, dialled):
        """Calls a service of the host from each of these ports, answers as many calls of the host as it `dialled`, and
        returns once there came something on each connection behind its handshake."""

        def step():
            begun, spoken = {}, set()
            for _, segment in self.seen(identity):
                if segment.flags & SYN:
                    begun[segment.ports] = segment
                else:
                    spoken.add(segment.ports)
            called = [port for port in ports if (PORT, port) not in begun]
            self._send(identity, [
                packets.tcp(self.peer.address, identity.address, port, PORT, SYN, options=packets.timestamps(port))
                for port in called])
            self._send(identity, [self._answer(identity, segment) for key, segment in begun.items() if key not in spoken])
            return not called and len(begun) == len(ports) + dialled and len(spoken) == len(begun)

        wait_until(step, 60, 0.5, what="all connections to speak")

    def _answer(self, identity, segment):
        """What answers the host's part of a handshake."""
        theirs, ours = segment.ports
        address = self.peer.address, identity.address, ours, theirs
        arguments = {"options": packets.timestamps(ours), "acknowledgement": segment.sequence + 1 & 0xFFFFFFFF}
        if segment.flags & ACK:
            return packets.tcp(*address, ACK | PSH, sequence=8, data=b"?", **arguments)
        return packets.tcp(*address, SYN | ACK, **arguments)


class Service(threading.Thread):
    """Answers every connection to an address of the host with some bytes; its packets ask for haste (DSCP EF)."""

    def __init__(self, host, addresses):
        super().__init__(daemon=True)
        self._selector = selectors.DefaultSelector()
        self._bell = socket.socketpair()
        self._selector.register(self._bell[0], selectors.EVENT_READ)
        for address in addresses:
            listener = host.socket()
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 46 << 2)
            listener.bind((address, PORT))
            listener.listen(1024)
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ, listener)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._bell[1].close()
        self.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()

    def run(self):
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._bell[0]:
                    return
                if key.data is key.fileobj:
                    connection, _ = key.fileobj.accept()
                    self._selector.register(connection, selectors.EVENT_READ)
                    continue
                with contextlib.suppress(OSError):
                    key.fileobj.recv(100)
                    key.fileobj.send(b"!" * 100)
                self._selector.unregister(key.fileobj)
                key.fileobj.close()


def dial(host, identity, peer, count):
    """Connections of the host to the peer, not yet answered."""
    connections = []
    for _ in range(count):
        connection = host.socket()
        connection.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 46 << 2)
        connection.bind((identity.address, 0))
        connection.setblocking(False)
        connection.connect_ex((peer.address, 80))
        connections.append(connection)
    return connections


@pytest.fixture
def collected(daemons, namespaces, wire_peer, proxy):
    """collected("on", 250): what a hostile peer sees of so many connections from and to each of two identities."""

    def collect(state, count):
        host, identities, peer = namespaces("host"), [Identity.of(f"first {state}"), Identity.of(f"second {state}")], \
            wire_peer(f"collector {state}")
        first, second = identities
        daemon = daemons(onion=f"{first.name},listen=127.0.0.1:{first.listen_port}", listen=[], netns=host,
                         socks=proxy.address, peers=[peer.name], options=[*options_of([second]), *on(state)])
        daemon.wait_for_interface()
        for identity in identities:
            wait_until(lambda: any(shown.startswith(identity.address) for shown in host.addresses("oncilla0")), 5)
        # An administrator's habit, by which one host is known among many.
        host.sysctl("net.ipv6.conf.oncilla0.hop_limit", 137)
        collector = Collector(peer)
        seen = {}
        with Service(host, [identity.address for identity in identities]), contextlib.ExitStack() as stack:
            for identity in identities:
                for connection in dial(host, identity, peer, count):
                    stack.callback(connection.close)
                collector.converse(identity, range(10000, 10000 + count), count)
                seen[identity.name] = collector.seen(identity)
        return seen

    return collect


def habits(seen):
    """What there is of each kind in the packets."""
    found = collections.defaultdict(set)
    for packet, segment in seen:
        found["hop limit"].add(packet.hop_limit)
        found["flow label"].add(packet.flow)
        found["code point"].add(packet.traffic_class >> 2)
        found["timestamps"] |= {value for kind, value in segment.options.items() if kind == packets.TIMESTAMPS}
    return {kind: values for kind, values in found.items() if values}


@pytest.mark.seconds(300)
def test_a_peer_finds_no_habit_in_a_thousand_connections_of_two_identities(collected, report):
    seen = collected("on", 250)
    connections = {(name, segment.ports) for name, all_ in seen.items() for _, segment in all_}
    assert len(connections) == 1000
    for all_ in seen.values():
        assert habits(all_) == {"hop limit": {64}, "flow label": {0}, "code point": {0}}
        kinds = {segment.flags & (SYN | ACK) for _, segment in all_}
        assert kinds >= {SYN, SYN | ACK, ACK}
    report(f"{sum(map(len, seen.values()))} packets of {len(connections)} connections, and no habit in them")


def test_it_finds_them_where_nobody_scrubs(collected):
    for all_ in collected("off", 10).values():
        found = habits(all_)
        assert found["hop limit"] == {137} and 46 in found["code point"]
        assert len(found["flow label"]) > 1 and len(found["timestamps"]) > 1


# A clock that is compared


class SkewEstimator(threading.Thread):
    """Reads the clock of a host out of what an interface brings: (when a segment came, what its timestamp was)."""

    def __init__(self, namespace, interface, source):
        super().__init__(daemon=True)
        self.samples, self.segments = [], 0
        self._source, self._stopped = packets.address_bytes(source), threading.Event()
        self._sniffer = namespace.packet_socket(interface)
        self._sniffer.settimeout(0.1)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self.join()
        self._sniffer.close()

    def run(self):
        while not self._stopped.is_set():
            try:
                data = self._sniffer.recv(200)
            except TimeoutError:
                continue
            if data[6] != packets.TCP or data[8:24] != self._source:
                continue
            self.segments += 1
            value = Segment(data[40:]).options.get(packets.TIMESTAMPS)
            if value is not None:
                self.samples.append((time.monotonic(), struct.unpack_from("!I", value)[0]))

    def skew(self):
        """How much the host's clock loses against ours, from the least delays at the beginning and at the end, which no
        queue made longer (Kohno, Broido, Claffy 2005); None while there is too little to tell."""
        samples = list(self.samples)
        if len(samples) < 300:
            return None
        begin, zero = samples[0]
        delays = [(at - begin - (value - zero & 0xFFFFFFFF) / 1000, at - begin) for at, value in samples]
        third = delays[-1][1] / 3
        least, early = min(delay for delay in delays if delay[1] <= third)
        last, late = min(delay for delay in delays if delay[1] >= 2 * third)
        return (last - least) / (late - early)


class Chatter(threading.Thread):
    """Sends a byte each two milliseconds."""

    def __init__(self, connection):
        super().__init__(daemon=True)
        self._connection, self._stopped = connection, threading.Event()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self.join()

    def run(self):
        while not self._stopped.wait(0.002):
            self._connection.send(b".")


@pytest.fixture
def observed(pair, proxy, namespaces):
    """observed("on"): two estimators of one host's clock, `.clear` by a cable, `.overlay` at a peer, who scrubs nothing."""
    with contextlib.ExitStack() as stack:

        def observe(state):
            made = pair(proxy, a={"options": on(state)}, b={"options": on("off")})
            observer = namespaces("clear")
            made.a.host.ip(f"link add clear0 type veth peer name clear1 netns {observer.name}")
            for host, interface, address in ((made.a.host, "clear0", CLEAR[0]), (observer, "clear1", CLEAR[1])):
                host.ip(f"-6 addr add {address}/64 dev {interface} nodad")
                host.ip(f"link set {interface} up")
            wait_until(lambda: made.a.host.can_ping(CLEAR[1]), what="the cable")
            estimators = []
            for far, address, interface, source in ((observer, CLEAR[1], "clear1", CLEAR[0]),
                                                    (made.b.host, made.b.address, "oncilla0", made.a.address)):
                client, _ = stack.enter_context(connected(made.a.host, far, address))
                estimators.append(stack.enter_context(SkewEstimator(far, interface, source)))
                stack.enter_context(Chatter(client))
            return types.SimpleNamespace(clear=estimators[0], overlay=estimators[1])

        yield observe


def is_same_clock(*skews):
    """Whether two skews are those of one machine: they lie within 200 millionths, where machines lie apart."""
    return None not in skews and abs(skews[0] - skews[1]) < 200e-6


def test_the_clock_links_a_host_with_itself_where_nobody_scrubs(observed, report):
    """The control: such an estimator works, and another machine's clock, which goes two thousandths slower, is told
    from this one's."""
    seen = observed("off")
    wait_until(lambda: is_same_clock(seen.clear.skew(), seen.overlay.skew()), 60, 0.5, what="the same clock to be found")
    skews = seen.clear.skew(), seen.overlay.skew()
    assert not is_same_clock(skews[0], skews[1] + 2e-3)
    report(f"skews of {skews[0] * 1e6:.0f} and {skews[1] * 1e6:.0f} millionths")


def test_there_is_no_clock_to_compare_where_the_host_scrubs(observed):
    seen = observed("on")
    wait_until(lambda: seen.clear.skew() is not None and seen.overlay.segments > 300, 60, 0.5)
    assert seen.overlay.samples == [] and seen.overlay.skew() is None
