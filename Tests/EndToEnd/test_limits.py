"""Limits that an operator sets: how many calls, by which of Tor's circuits they came, and how much they bring.

    good peers, and others ------> listener of the daemon
"""

import time

import pytest

import packets
from hostile_peer import keepalive
from lan import Identity, options_of
from overlay import free_port, onion_name, oncilla, wait_until


def line(circuit, port=8060):
    """What Tor writes before a connection, with 'HiddenServiceExportCircuitID haproxy'."""
    return f"PROXY TCP6 fc00:dead:beef:4dad::{circuit >> 16:x}:{circuit & 0xffff:x} ::1 {circuit & 0xffff} {port}\r\n".encode()


# Callers who begin and do not go on


@pytest.mark.seconds(90)
def test_who_has_not_said_who_he_is_in_30_seconds_is_hung_up_on(daemons, host, proxy, wire_peer):
    daemon = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, log_level="notice")
    daemon.wait_for_interface()
    slow, silent, good = wire_peer("slow"), wire_peer("silent"), wire_peer("good")
    greeted = good.call(daemon)
    nobody, trickle = silent.dial(daemon), slow.dial(daemon)
    hello, started = slow.keepalive(daemon.address), time.monotonic()
    sent = 0
    while time.monotonic() - started < 28:
        assert trickle.send(hello[sent:sent + 1])
        sent += 1
        time.sleep(1)
    assert not nobody.is_closed() and not trickle.is_closed()
    assert nobody.is_closed(timeout=6) and trickle.is_closed(timeout=6)
    assert not greeted.is_closed()
    assert daemon.counters()["halfOpen"] == 2


# Tor's circuits


@pytest.fixture(params=[False, True], ids=["own listener", "shared listener"])
def told(request, daemons, host, proxy):
    """A daemon that Tor tells of its circuits."""
    port = free_port()
    own = [Identity(onion_name(f"identity {number}"), port) for number in range(2 if request.param else 1)]
    daemon = daemons(
        listen=[], netns=host, socks=proxy.address, log_level="info", authenticate="off",
        options=[*options_of(own), "--tor-circuit-id", *(["--linkable-identities"] if request.param else [])])
    daemon.address, daemon.listen_port = own[-1].address, port
    wait_until(lambda: len(host.addresses("oncilla0")) == len(own), 10, what="all addresses")
    return daemon


def answered(peer):
    return any(packet.next_header == packets.ICMPV6 and packet.payload[0] == 129 for packet in peer.received())


def test_the_line_of_tor_comes_before_the_packets(told, wire_peer):
    good, other = wire_peer("good"), wire_peer("other")
    circuit = good.dial(told)
    bytes_ = line(0x10029) + good.keepalive(told.address) + packets.echo_request(good.address, told.address)
    for at in range(0, len(bytes_), 37):
        assert circuit.send(bytes_[at:at + 37])
        time.sleep(0.01)
    wait_until(lambda: answered(good), 10, what="an answer to the peer")
    without = other.dial(told)
    without.send(other.keepalive(told.address))
    assert without.is_closed(timeout=5)
    told.wait_for_line("warning: .*Tor's line.*'HiddenServiceExportCircuitID haproxy'")


def test_one_circuit_of_tor_holds_16_connections(told, wire_peer):
    name, caller = onion_name("crowd"), wire_peer("crowd")
    crowd = [caller.dial(told) for _ in range(24)]
    for circuit in crowd:
        circuit.send(line(7) + keepalive(name, told.address))
    wait_until(lambda: sum(circuit.is_closed() for circuit in crowd) == 8, 10, what="those above 16 to be closed")
    good = wire_peer("good")
    good.dial(told).send(line(8) + good.keepalive(told.address) + packets.echo_request(good.address, told.address))
    wait_until(lambda: answered(good), 10, what="an answer to the peer of another circuit")
    assert told.counters()["torCircuitLimit"] == 8


def test_publish_tor_is_refused_beside_it():
    refused = oncilla("run", "--publish", "tor", "--tor-control", "unix:/nowhere", "--tor-circuit-id", "--config",
                      "/dev/null", check=False)
    assert refused.returncode != 0
    assert "--tor-circuit-id needs an onion service of torrc" in refused.stderr
