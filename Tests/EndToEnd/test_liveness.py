"""A peer that loses its power closes nothing: its circuits go on to take bytes, and traffic has to find the new ones.

    oncilla A --SOCKS4a--> fake proxy, which swallows what goes along old circuits --> oncilla B, or a peer in Python
"""

import contextlib
import threading
import time

import pytest

import packets
from fake_socks import FakeSocks
from overlay import onion_name, wait_until
from wire_peer import WirePeer

BACK_WITHIN = 35
NEW_USER_WITHIN = 12


def seconds_until_ping(host, address, timeout):
    started = time.monotonic()
    wait_until(lambda: host.ping(address, timeout=1).received, timeout, interval=0.1, what="a ping to pass again")
    return time.monotonic() - started


@pytest.mark.parametrize("circuits, calls", [(1, True), (2, True), (1, False)],
                         ids=["one circuit", "two circuits", "it does not call"])
def test_traffic_flows_again_after_an_oncilla_lost_its_power(pair, proxy, report, circuits, calls):
    hosts = pair(proxy, options=["--circuits", circuits])
    for one, other in ((hosts.a, hosts.b), (hosts.b, hosts.a)):
        wait_until(lambda: one.host.can_ping(other.address), 20, what="a ping to pass")
    wait_until(lambda: hosts.a.counters()["answered"], 30, interval=1, what="a question to be answered")
    if not calls:
        at = hosts.b.arguments.index("--peer")
        del hosts.b.arguments[at:at + 2]
    assert proxy.swallow() >= 2
    hosts.b.kill()
    assert hosts.a.host.ping(hosts.b.address, count=3, timeout=1).received == 0
    dials = len(proxy.dials(hosts.b.onion))
    hosts.b.start()
    hosts.b.wait_for_interface()
    seconds = seconds_until_ping(hosts.a.host, hosts.b.address, BACK_WITHIN + 5)
    counters = hosts.a.counters()
    report(f"{seconds:.1f} s after the peer was back, with {len(proxy.dials(hosts.b.onion)) - dials} dials")
    assert seconds <= BACK_WITHIN
    assert proxy.standing_at_grants[hosts.b.onion][-1] >= 1, "the next circuit stands before the old one is closed"
    assert counters["replaced"] == 1
    userids = [dial.userid for dial in proxy.dials(hosts.b.onion)]
    assert len(set(userids)) == len(userids), "it is not led along the way that is broken"
    assert "lost" not in hosts.a.log()[hosts.a.log().rfind("connected"):]


class EchoPeer(WirePeer):
    """Knows no extension, as OnionCat; its kernel answers echo requests, by the circuit that it dialled."""

    def answer(self, daemon):
        call = self.call(daemon)
        answered = {}

        def serve():
            while self._listener.fileno() >= 0:
                for circuit in list(self.circuits):
                    arrived = circuit.packets()
                    for packet in arrived[answered.get(circuit, 0):]:
                        if packet.next_header == packets.ICMPV6 and packet.payload[0] == 128:
                            call.send(packets.icmpv6(packet.destination, packet.source, 129, 0, packet.payload[4:]))
                    answered[circuit] = len(arrived)
                time.sleep(0.02)

        threading.Thread(target=serve, daemon=True).start()


def test_traffic_flows_again_to_a_peer_that_answers_nothing_but_echo_requests(daemons, host, proxy, report):
    with contextlib.closing(EchoPeer("echo", proxy, proves=None)) as peer:
        one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, peers=[peer.name])
        one.wait_for_interface()
        peer.wait_for_circuit()
        peer.answer(one)
        wait_until(lambda: host.can_ping(peer.address), 10, what="a ping to pass")
        wait_until(lambda: one.counters()["answered"] == 1, 10, what="the reply to be consumed")
        sniffer = host.packet_socket("oncilla0")
        sniffer.settimeout(0.2)
        assert proxy.swallow(peer.name) == 1
        seconds = seconds_until_ping(host, peer.address, BACK_WITHIN + 5)
        report(f"{seconds:.1f} s after the circuit was dead")
        assert seconds <= BACK_WITHIN
        assert proxy.standing_at_grants[peer.name] == [0, 1]
        peer.circuits[0].wait_for_close()
        assert one.counters()["replaced"] == 1
        identifiers = set()
        with contextlib.suppress(TimeoutError):
            while True:
                data, (_, _, kind, *_) = sniffer.recvfrom(65536)
                packet = packets.Packet(data)
                if packet.next_header == packets.ICMPV6 and packet.payload[0] == 129:
                    assert len(packet.payload) > 8 + 16, "replies to the daemon's own requests do not reach the device"
                    identifiers.add(packet.payload[4:6])
        assert identifiers


@pytest.mark.parametrize("calls", [False, True], ids=["it does not call", "it calls"])
def test_who_starts_the_other_host_later_waits_no_longer_than_a_moment(namespaces, daemons, report, calls):
    """As a new user would: the daemon here, then the one there, then a ping."""
    names = [onion_name(f"new user {side}") for side in "ab"]
    with FakeSocks() as proxy:
        first = daemons(onion=names[0], netns=namespaces("a"), socks=proxy.address, peers=[names[1]])
        first.wait_for_interface()
        proxy.connect(names[0], first.listen_port)
        second = daemons(onion=names[1], netns=namespaces("b"), socks=proxy.address, peers=names[:1] if calls else [],
                         start=False)
        first.wait_for_line(r"not reached: .*; next try in \d+ s")
        # Four tries fail first, so that the pauses would be long.
        proxy.wait_for_dials(names[1], 4, timeout=60)
        if not calls:
            assert first.host.ping(second.address, timeout=1).unreachable == "Address unreachable"
        proxy.connect(names[1], second.listen_port)
        second.start()
        second.wait_for_interface()
        seconds = seconds_until_ping(first.host, second.address, 2 * NEW_USER_WITHIN)
    report(f"{seconds:.1f} s after the second daemon was there")
    assert seconds <= NEW_USER_WITHIN
