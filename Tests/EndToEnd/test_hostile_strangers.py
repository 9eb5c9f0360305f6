"""Strangers who mean harm, live: what they hold, claim and occupy costs good peers nothing.

    hostile crowd ------> listener of the daemon <------ good peers, in Python or a daemon of their own
"""

import time

import pytest

import packets
from hostile_peer import Crowd, keepalive
from lan import Identity, options_of
from overlay import onion_name, overlay_address, wait_until

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
        """An echo request of three cells."""
        self.asked += 1
        request = packets.echo_request(
            self.peer.address, self._daemon.address, sequence=self.asked, data=bytes(2 * CELL + 100))
        for at in range(0, len(request), CELL):
            self._circuit.send(request[at:at + CELL])
            time.sleep(pause)
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
