"""Whoever calls has to prove who it is: forged sources, replays, lies and relays get nothing in, and good peers notice
nothing of it, those included that speak OnionCat's dialect.

    attacker --> listener of a        a <--> b over the proxy
"""

import json
import time

import pytest

import packets
from overlay import DEAD_BEEF, FEED_BEEF, made_up_name, onion_name, oncilla, overlay_address, wait_until
from test_proxy_hostile import Sniffer

MARK = b"forged by mallory"


@pytest.fixture
def stage(pair, proxy, wire_peer):
    """Two good daemons that reach each other, and what the first one delivers."""
    hosts = pair(proxy, authenticate="strict")
    wait_until(lambda: hosts.b.host.can_ping(hosts.a.address), 10, what="the good peers to reach each other")
    hosts.sniffer = Sniffer(hosts.a.host)
    hosts.forged = lambda: [packet for packet in hosts.sniffer.delivered() if MARK in packet.raw]
    hosts.mallory = wire_peer("mallory")
    yield hosts
    wait_until(lambda: hosts.b.host.can_ping(hosts.a.address), 10, what="the good peers to reach each other")
    assert hosts.forged() == []
    hosts.sniffer.close()


def impostor(stage, tlvs=b""):
    """A circuit to a that claims to be b's."""
    circuit = stage.mallory.dial(stage.a)
    circuit.send(packets.keepalive(stage.b.address, stage.a.address, stage.b.onion, tlvs))
    return circuit


def forged(stage, source=None):
    return packets.echo_request(source or stage.b.address, stage.a.address, data=MARK)


def peer_of(daemon, address):
    """What `oncilla peer show` tells of a peer."""
    shown = oncilla("peer", "show", address, "--json", "--control", daemon.directory / "control.sock")
    return json.loads(shown.stdout)["peer"] if shown.returncode == 0 else {}


def test_the_first_echo_takes_one_round_trip_more(pair, proxy, report):
    hosts = pair(proxy, a={"peers": []}, b={"peers": []}, authenticate="strict")
    names = hosts.a.directory / "hosts"
    names.write_text(f"{hosts.b.address} {hosts.b.onion}\n")
    hosts.a.stop()
    hosts.a.arguments += ["--hosts", str(names)]
    hosts.a.start()
    hosts.a.wait_for_interface()
    first = hosts.a.host.ping(hosts.b.address)
    assert first.received == 1, first
    report(f"the first echo of two strangers takes {first.milliseconds[0]:.1f} ms")
    assert len(proxy.dials(hosts.a.onion)) == 1 and len(proxy.dials(hosts.b.onion)) == 1
    assert peer_of(hosts.a, hosts.b.address)["authentication"] == "proven"


def test_forged_sources_of_every_kind_stay_out(stage):
    kinds = [stage.b.address, stage.a.address, stage.mallory.address, DEAD_BEEF, FEED_BEEF, "::1", "::", "ff02::1",
             "fe80::1", "2001:db8::1", "fd87:d87e:eb43:1234::1"]
    before = stage.a.counters()
    circuits = [impostor(stage), stage.mallory.dial(stage.a), stage.mallory.call(stage.a)]
    for circuit in circuits:
        for source in kinds:
            if (circuit, source) != (circuits[2], stage.mallory.address):
                circuit.send(forged(stage, source))
    stage.mallory.prove(stage.a)
    # Whoever has proven its own name has proven no other.
    for source in kinds:
        if source != stage.mallory.address:
            circuits[2].send(forged(stage, source))
    after = stage.a.counters()
    assert stage.forged() == []
    assert after["impossibleSource"] - before["impossibleSource"] >= 8
    assert after["ownSource"] - before["ownSource"] >= 6


def proven_and_impostor(stage):
    """Mallory's own circuit, proven; the challenge that a told it; and a circuit of mallory that claims to be of b."""
    own = stage.mallory.call(stage.a)
    stage.mallory.prove(stage.a)
    circuit = impostor(stage)
    circuit.send(forged(stage))
    return own, stage.mallory.challenges[stage.a.address], circuit


def test_a_proof_for_somebody_else_is_none(stage):
    """The challenge that mallory was told for its own name, and what it makes up, prove nothing of another's."""
    own, told, circuit = proven_and_impostor(stage)
    for token in (told, bytes(16), told[:15]):
        circuit.send(packets.keepalive(
            stage.b.address, stage.a.address, stage.b.onion, packets.tlv(packets.RESPONSE, token)))
    circuit.send(forged(stage))
    wait_until(lambda: stage.a.counters()["falseProof"] >= 2, what="the false proofs to be counted")
    assert stage.forged() == [] and not own.is_closed()


def test_a_proof_cannot_be_relayed_through_a_third_peer(stage):
    """Mallory hands b the challenge that a gave mallory, and claims to be a: b answers a alone, for b alone."""
    own, told, _ = proven_and_impostor(stage)
    relay = stage.mallory.dial(stage.b)
    relay.send(packets.keepalive(
        stage.a.address, stage.b.address, stage.a.onion, packets.tlv(packets.CHALLENGE, told)))
    wait_until(lambda: stage.a.counters()["falseProof"] >= 1, what="b to answer a")
    assert relay.received(0.5) == b"", "an answer went out on an accepted circuit"
    assert stage.forged() == [] and not own.is_closed()


def test_a_name_that_lies_about_its_address_proves_nothing(stage):
    """Neither a name of another address, nor one that was made up for the same address."""
    for name in (stage.mallory.name, made_up_name(stage.b.onion)):
        circuit = stage.mallory.dial(stage.a)
        circuit.send(packets.keepalive(stage.b.address, stage.a.address, name))
        circuit.send(forged(stage))
    wait_until(lambda: stage.a.counters()["nameConflict"] >= 1, what="the conflict to be counted")


def test_what_waits_for_a_proof_is_bounded_and_arrives_in_order(stage):
    circuit = stage.mallory.dial(stage.a)
    before = stage.a.counters()["unproven"]
    stage.mallory.proves = None
    circuit.send(stage.mallory.keepalive(stage.a.address, packets.tlv(packets.CAPABILITIES, b"\0")))
    for number in range(30):
        circuit.send(packets.udp(stage.mallory.address, stage.a.address, 9, 9, b"number %d" % number))
    stage.mallory.prove(stage.a)
    wait_until(lambda: stage.a.counters()["unproven"] - before == 14, what="what had no room to be counted")
    delivered = lambda: [packet for packet in stage.sniffer.delivered() if b"number" in packet.raw]  # noqa: E731
    assert delivered() == []
    told = stage.mallory.challenges[stage.a.address]
    circuit.send(stage.mallory.keepalive(stage.a.address, packets.tlv(packets.RESPONSE, told)))
    circuit.send(packets.udp(stage.mallory.address, stage.a.address, 9, 9, b"number 99"))
    wait_until(lambda: len(delivered()) == 17, what="what waited")
    assert [packet.payload[8:] for packet in delivered()] == [b"number %d" % number for number in [*range(16), 99]]


def test_a_crowd_of_claims_makes_the_daemon_dial_seldom(stage, proxy):
    dials = len(proxy.requests)
    for number in range(60):
        name = onion_name(f"nobody {number % 30}")
        circuit = stage.mallory.dial(stage.a)
        circuit.send(packets.keepalive(overlay_address(name), stage.a.address, name))
        circuit.send(packets.echo_request(overlay_address(name), stage.a.address, data=MARK))
    time.sleep(2)
    strangers = [request for request in proxy.requests[dials:] if request.name not in (stage.a.onion, stage.b.onion)]
    assert 1 <= len(strangers) <= 11, f"{len(strangers)} dials"
    assert len({request.name for request in strangers}) == len(strangers)


# Peers that speak OnionCat's dialect


def test_a_peer_without_extensions_is_proven_by_an_echo(stage, wire_peer):
    old = wire_peer("old", proves="echo")
    circuit = old.call(stage.a)
    circuit.send(packets.echo_request(old.address, stage.a.address))
    answer = lambda: [  # noqa: E731
        packet for packet in old.received() if packet.next_header == packets.ICMPV6 and packet.payload[0] == 129]
    wait_until(answer, what="the answer to the peer's echo request")
    assert peer_of(stage.a, old.address)["authentication"] == "weak"
    assert not [packet for packet in stage.sniffer.delivered()
                if packet.source == old.address and packet.payload[0] == 129], "the proof reached the device"


def test_an_impostor_of_an_onioncat_gets_nothing_in_beside_it(stage, wire_peer):
    """Both speak alike; only one of them reads what is sent to the onion service."""
    old = wire_peer("old", proves="echo")
    stage.mallory.proves = None
    impostor = stage.mallory.dial(stage.a)
    false_name = packets.keepalive(old.address, stage.a.address, old.name)
    impostor.send(false_name + forged(stage, old.address))
    circuit = old.call(stage.a)
    circuit.send(packets.echo_request(old.address, stage.a.address, data=b"honest"))
    honest = lambda: [packet for packet in stage.sniffer.delivered() if b"honest" in packet.raw]  # noqa: E731
    wait_until(honest, 10, what="the peer to be proven")
    # The reply that was the proof is one for a single circuit.
    request = [packet for packet in old.received()
               if packet.next_header == packets.ICMPV6 and packet.payload[0] == 128][-1]
    replayed = packets.icmpv6(old.address, stage.a.address, 129, 0, request.payload[4:])
    impostor.send(replayed + forged(stage, old.address))
    again = stage.mallory.dial(stage.a)
    again.send(false_name + replayed + forged(stage, old.address))
    circuit.send(packets.echo_request(old.address, stage.a.address, sequence=2, data=b"honest"))
    wait_until(lambda: len(honest()) == 2, what="the peer's second packet")
    assert stage.forged() == [] and not circuit.is_closed()
    assert peer_of(stage.a, old.address)["authentication"] == "weak"


def test_what_proved_one_circuit_proves_no_other_peers(stage):
    """Whoever records all that a peer ever said on its circuits, and says the same to others, is not the peer there."""
    own = stage.mallory.call(stage.a)
    own.send(packets.echo_request(stage.mallory.address, stage.a.address, data=b"honest"))
    stage.mallory.prove(stage.a)
    told = stage.mallory.challenges[stage.a.address]
    # What b says to mallory when mallory challenges it with a's challenge.
    relay = stage.mallory.call(stage.b, packets.tlv(packets.CHALLENGE, told))
    said = lambda: [  # noqa: E731
        packet for circuit in list(stage.mallory.circuits) for packet in circuit.packets()
        if packet.source == stage.b.address and packets.tlvs(packet).get(packets.RESPONSE) == told]
    wait_until(said, 10, what="b to answer mallory's challenge")
    circuit = stage.mallory.dial(stage.a)
    circuit.send(packets.keepalive(
        stage.b.address, stage.a.address, stage.b.onion, packets.tlv(packets.RESPONSE, told)))
    circuit.send(said()[0].raw + forged(stage))
    wait_until(lambda: stage.a.counters()["falseProof"] >= 1, what="the replay to be refused")
    assert stage.forged() == [] and not relay.is_closed()


def test_questions_of_an_impostor_make_the_daemon_dial_seldom(stage, proxy):
    nobody = onion_name("nobody")
    for number in range(40):
        circuit = stage.mallory.dial(stage.a)
        circuit.send(packets.keepalive(
            overlay_address(nobody), stage.a.address, nobody,
            packets.tlv(packets.QUESTION, bytes([number]) * 16)))
        time.sleep(0.1)
    time.sleep(4)
    assert len(proxy.dials(nobody)) == 1


def test_an_echo_is_no_proof_of_a_peer_that_has_to_prove_its_key(host, daemons, proxy, wire_peer):
    old = wire_peer("old", proves="echo")
    daemon = daemons(onion=onion_name("own"), netns=host, socks=proxy.address, peers=[f"old={old.name}"],
                     authenticate="strict", options=["--peer-authenticate", "old=full"])
    daemon.wait_for_interface()
    old.wait_for_circuit()
    sniffer = Sniffer(host)
    circuit = old.call(daemon)
    circuit.send(packets.echo_request(old.address, daemon.address, data=MARK))
    time.sleep(7)
    assert not [packet for packet in sniffer.delivered() if packet.source == old.address]
    assert peer_of(daemon, old.address)["authentication"] == "unproven"
    sniffer.close()


def test_a_peer_that_answers_where_it_was_called_is_read_there_alone(stage, wire_peer):
    """OnionCat's -U: its echo reply could be somebody else's relay."""
    old = wire_peer("old", proves=None)
    calling = old.call(stage.a)
    calling.send(packets.echo_request(old.address, stage.a.address, data=MARK))
    circuit = old.wait_for_circuit()
    circuit.send(packets.echo_request(old.address, stage.a.address, data=b"on the circuit to it"))
    wait_until(lambda: [packet for packet in stage.sniffer.delivered() if b"on the circuit to it" in packet.raw],
               what="what came on the circuit that the daemon dialled")
    request = next(packet for packet in circuit.packets()
                   if packet.next_header == packets.ICMPV6 and packet.payload[0] == 128)
    calling.send(packets.icmpv6(old.address, stage.a.address, 129, 0, request.payload[4:]))
    calling.send(packets.echo_request(old.address, stage.a.address, data=MARK))
    time.sleep(1)
    assert stage.forged() == []
    assert peer_of(stage.a, old.address)["authentication"] == "unproven"


def test_legacy_believes_after_a_minute_what_nobody_proves(host, daemons, proxy, wire_peer):
    old = wire_peer("old", proves=None)
    daemon = daemons(onion=onion_name("own"), netns=host, socks=proxy.address, authenticate="legacy")
    daemon.wait_for_interface()
    sniffer = Sniffer(host)
    began = time.monotonic()
    circuit = old.call(daemon)
    circuit.send(packets.echo_request(old.address, daemon.address, data=b"believed"))
    wait_until(lambda: [packet for packet in sniffer.delivered() if b"believed" in packet.raw], 65,
               what="the packet to be let in")
    assert 59 < time.monotonic() - began
    assert peer_of(daemon, old.address)["authentication"] == "unproven"
    sniffer.close()
