"""Strangers who mean harm, live: what they hold, claim and occupy costs good peers nothing.

    hostile crowd ------> listener of the daemon <------ good peers, in Python or a daemon of their own
"""

import time

import pytest

import packets
from hostile_peer import Crowd, keepalive
from lan import Identity, options_of
from overlay import free_port, onion_name, overlay_address, wait_until

CELL = 498  # what one cell of Tor carries


def answers(peer):
    """The sequence numbers of the echo requests that were answered to a peer in Python."""
    return {int.from_bytes(packet.payload[6:8], "big") for packet in peer.received()
            if packet.next_header == packets.ICMPV6 and packet.payload[0] == 129}


class Guest:
    """A good peer in Python, whose packets arrive cell by cell, and who calls again when its circuit was closed."""

    def __init__(self, peer, daemon):
        self.peer, self._daemon, self.asked = peer, daemon, 0
        self._circuit = peer.call(daemon)

    def ask(self, pause=0.1):
        """An echo request of three cells, at once behind the keepalive of a new circuit."""
        self.asked += 1
        request = packets.echo_request(
            self.peer.address, self._daemon.address, sequence=self.asked, data=bytes(2 * CELL + 100))
        self._stay()
        for at in range(0, len(request), CELL):
            self._circuit.send(request[at:at + CELL])
            time.sleep(pause)
        self._stay()

    def _stay(self):
        if self._circuit.is_closed():
            self._circuit.close()
            self._circuit = self.peer.call(self._daemon)

    @property
    def answered(self):
        return len(answers(self.peer))


@pytest.fixture
def guarded(daemons, host, proxy):
    """guarded(identities=…, peers=…, files=…) starts the daemon that is attacked."""

    def start(identities=1, peers=(), files=None, options=(), listen_port=None):
        own = [Identity(onion_name(f"identity {number}"), listen_port) for number in range(identities)]
        first, *others = own
        daemon = daemons(
            onion=f"{first.name},listen=127.0.0.1:{first.listen_port}", listen=[], netns=host, socks=proxy.address,
            peers=[peer.name for peer in peers], options=[*options_of(others), *options], log_level="notice",
            prefix=["prlimit", f"--nofile={files}:{files}"] if files else [])
        daemon.listen_port = first.listen_port
        proxy.connect(first.name, first.listen_port)
        wait_until(lambda: len(host.addresses("oncilla0")) >= identities, 20, what="the addresses of all identities")
        return daemon

    return start


# Half packets


@pytest.mark.parametrize("identities, count, lifetime, guests, rounds", [(1, 279, 10, 10, 2), (64, 4, 2, 3, 5)],
                         ids=["one identity", "64 identities"])
def test_half_packets_that_are_renewed_close_no_good_peer(
        guarded, wire_peer, report, identities, count, lifetime, guests, rounds):
    """It was not who was slow that was closed, but whose last whole packet was oldest: four connections at 4.4 kB/s
    kept everybody out of a daemon with 64 identities."""
    peers = [wire_peer(f"good {number}") for number in range(guests)]
    daemon = guarded(identities, peers[::2])
    good = [Guest(peer, daemon) for peer in peers]
    half = packets.ipv6(overlay_address(onion_name("x")), daemon.address, packets.UDP, bytes(2_100), length=65_535)
    with Crowd(daemon.listen_port, lambda _: half, count, rate=count / lifetime, lifetime=lifetime) as crowd:
        wait_until(lambda: crowd.standing >= count * 9 // 10, 15, what="the crowd to stand")
        sent, started = crowd.bytes_sent, time.monotonic()
        for _ in range(rounds):
            for guest in good:
                guest.ask()
                time.sleep(0.7)
        rate = (crowd.bytes_sent - sent) / (time.monotonic() - started)
        time.sleep(1)
    asked, answered = sum(guest.asked for guest in good), sum(guest.answered for guest in good)
    report(f"{answered} of {asked} pings beside {count} half packets, renewed at {rate / 1000:.1f} kB/s")
    assert answered >= asked - 2


# Names


def test_a_name_of_version_2_does_not_squat_the_address_of_a_peer(guarded, wire_peer):
    """Tor cannot dial such a name, and the address was its for two hours a packet."""
    daemon, good, attacker = guarded(), wire_peer("good"), wire_peer("attacker")
    squatter = good.name.removesuffix(".onion")[-16:] + ".onion"
    assert overlay_address(squatter) == good.address
    circuit = attacker.dial(daemon)
    circuit.send(keepalive(squatter, daemon.address))
    circuit.send(packets.echo_request(good.address, daemon.address))
    time.sleep(0.5)
    guest = Guest(good, daemon)
    guest.ask()
    wait_until(lambda: guest.answered, 10, what="the peer whose address was squatted to be answered")
    circuit.send(keepalive(squatter, daemon.address))
    guest.ask()
    wait_until(lambda: guest.answered == 2, 10, what="the peer to be answered once more")


def test_false_claims_do_not_take_the_turns_of_a_newcomer(guarded, wire_peer, report):
    """50 a second, each with a ping whose answer asks for a dial: they used up all dials that strangers can cause."""
    daemon = guarded()

    def claim(number):
        name = onion_name(f"made up {number}")
        return keepalive(name, daemon.address) + packets.echo_request(overlay_address(name), daemon.address)

    with Crowd(daemon.listen_port, claim, count=50, rate=50, lifetime=0.1, seconds=70) as crowd:
        wait_until(lambda: crowd.opened > 200, 15, what="the crowd to have claimed")
        guest, started = Guest(wire_peer("newcomer"), daemon), time.monotonic()
        while not guest.answered and time.monotonic() - started < 40:
            guest.ask()
            time.sleep(0.7)
        seconds = time.monotonic() - started
    report(f"a newcomer was answered after {seconds:.1f} s beside {crowd.opened} false claims")
    assert guest.answered, f"{guest.asked} pings unanswered beside {crowd.opened} false claims"


# Places


FILES = 400  # room for 249 circuits that were accepted


def test_idle_strangers_leave_places_for_peers_and_newcomers(pair, proxy, wire_peer, report):
    """A packet of 43 bytes held a place for 210 s: whoever's circuit was cut did not come back in."""
    limited = ["prlimit", f"--nofile={FILES}:{FILES}"]
    hosts = pair(proxy, a={"prefix": limited, "log_level": "notice"}, b={"log_level": "notice"})
    wait_until(lambda: hosts.b.host.can_ping(hosts.a.address), 10, what="the good peers to reach each other")

    def idle(number):
        source = overlay_address(onion_name(f"idle {number}"))
        return packets.ipv6(source, hosts.a.address, packets.NO_NEXT_HEADER, b"\x01a\0")

    with Crowd(hosts.a.listen_port, idle, count=FILES, rate=100, seconds=90) as crowd:
        wait_until(lambda: crowd.opened > FILES, 15, what="the crowd to fill the places")
        proxy.behave(hosts.a.onion, reply_delay=1)  # as long as Tor needs at the least
        proxy.cut(hosts.a.onion)
        time.sleep(2)
        guest = Guest(wire_peer("newcomer"), hosts.a)
        ping = hosts.b.host.ping(hosts.a.address, count=30, interval=0.5, timeout=2)
        for _ in range(10):
            guest.ask(0.01)
            time.sleep(0.3)
        time.sleep(1)
    report(f"{ping.received} of {ping.sent} pings of a peer after a cut, {guest.answered} of {guest.asked} of a "
           f"newcomer, beside {crowd.opened} calls that wait")
    assert ping.received >= ping.sent // 2, ping
    assert guest.answered >= guest.asked // 2


# A listener that identities share


def test_silent_calls_of_a_shared_listener_do_not_shut_out_good_ones(daemons, host, wire_peer, proxy, report):
    """177 of them a second closed every good call before its first packet had come through Tor."""
    port = free_port()
    own = [Identity(onion_name(f"identity {number}"), port) for number in range(2)]
    daemon = daemons(listen=[], netns=host, socks=proxy.address, options=[*options_of(own), "--linkable-identities"],
                     log_level="notice", prefix=["prlimit", "--nofile=4096:4096"])
    daemon.address, daemon.listen_port = own[1].address, port
    wait_until(lambda: len(host.addresses("oncilla0")) == 2, 10, what="both addresses")
    good = [wire_peer(f"good {number}") for number in range(5)]
    calls = 0
    # More than may wait: an eighth of the files.
    with Crowd(port, lambda _: b"", count=600, rate=177, seconds=60) as crowd:
        wait_until(lambda: crowd.opened > 700, 15, what="the crowd to call")
        for round_ in range(5):
            late = [(peer, peer.dial(daemon, answers=True)) for peer in good if not answers(peer)]
            if not late:
                break
            calls += len(late)
            time.sleep(1)  # as long as the grant needs to the caller, and its first packet back
            for peer, circuit in late:
                circuit.send(peer.keepalive(daemon.address))
                circuit.send(packets.echo_request(peer.address, daemon.address, sequence=round_))
            time.sleep(2)
    answered = sum(bool(answers(peer)) for peer in good)
    report(f"{answered} of {len(good)} peers were let in with {calls} calls, beside {crowd.opened} silent ones")
    assert answered >= len(good) - 1
