"""Calm: a daemon that has nothing to do sleeps, and one that has too much to do still answers.

    oncilla A --SOCKS4a--> relay of 1 MB/s a stream --> oncilla B
"""

import signal
import socket
import statistics
import time

import pytest

import overlay
import yardstick
from fake_socks import FakeSocks
from overlay import wait_until

RATE = 1_000_000
SLOW = 300_000
FLOWS = 8
# What the device alone may hold in front of a daemon that only passes on: 500 packets of 1,500 bytes.
PLAIN_QUEUE = 1000 * 500 * 1500 / RATE
# asm-generic/socket.h; Python has no name for it.
SO_SNDBUFFORCE = 32
WAKEUPS, QUIET_SECONDS = 4, 20

has_lanes = pytest.mark.skipif(not yardstick.daemon_knows("--circuits"), reason="the binary has no --circuits")


def test_two_idle_peers_wake_nobody(namespaces, daemons, report):
    names = [overlay.onion_name(f"calm {number}") for number in range(3)]
    with FakeSocks() as proxy:
        running = []
        for number, name in enumerate(names):
            peers = [other for other in names if other != name] if number == 0 else [names[0]]
            daemon = daemons(onion=name, netns=namespaces("abc"[number]), socks=proxy.address, peers=peers,
                             log_level="notice")
            proxy.connect(name, daemon.listen_port)
            running.append(daemon)
        first = running[0]
        for other in running[1:]:
            wait_until(lambda: first.host.can_ping(other.address), 20, what="a ping to pass")
        # The kernel's neighbour and router solicitations are over then, and so is what follows a start; keepalives and
        # tidying come every 60 s and are 20 s away.
        time.sleep(max(0, first.started_at + 20 - time.monotonic()))
        # Beside a busy machine a page of the program that has to come from the disk counts as a wake-up, too, and one
        # of these times may be that of a keepalive or of tidying.
        counts = []
        while len(counts) < 3 and not (counts and counts[-1] <= WAKEUPS):
            overlay.BINARY.read_bytes()
            before = first.wakeups()
            time.sleep(QUIET_SECONDS)
            counts.append(first.wakeups() - before)
        report(f"{counts[-1]} wake-ups in {QUIET_SECONDS} s with two permanent peers, at most {WAKEUPS} promised")
    assert counts[-1] <= WAKEUPS, counts


@pytest.mark.parametrize("circuits, bound", [
    (1, 0.6), pytest.param(2, 0.15, marks=has_lanes),
])  # fmt: skip
def test_a_ping_beside_eight_flows_is_answered_soon(circuits, bound, report):
    options = ["--circuits", circuits] if circuits > 1 or yardstick.daemon_knows("--circuits") else []
    with yardstick.OncillaPair(RATE, options=options) as pair:
        milliseconds, goodput = yardstick.beside_load(pair, 6, FLOWS)
    mean = statistics.mean(milliseconds)
    report(f"{mean:.1f} ms, at most {max(milliseconds):.1f}, beside {FLOWS} flows of {goodput:.2f} Mbit/s; "
           f"a plain queue would take {PLAIN_QUEUE:.0f} ms")
    assert mean <= bound * PLAIN_QUEUE, milliseconds
    assert goodput >= 0.8 * RATE * 8 / 1e6


def test_a_steady_download_is_read_in_turns_until_somebody_waits_for_a_packet(report):
    counts = []

    def wakeups():
        before = receiver.wakeups()
        time.sleep(1)
        counts.append(receiver.wakeups() - before)
        return counts[-1]

    # One circuit for everything, on which a ping may come at any time.
    with yardstick.OncillaPair(RATE, options=["--circuits", 1]) as pair:
        receiver = pair.daemons[1]
        flow = yardstick.Flows(*pair.hosts, pair.addresses[1], seconds=25)
        first = wakeups()
        # 25 turns, and what the interface itself brings.
        wait_until(lambda: 20 <= wakeups() <= 80, 12, what="turns of 40 ms")
        turns = counts[-1]
        pair.hosts[0].run(f"ping -6 -n -q -i 0.2 -c 25 {pair.addresses[1]} > /dev/null & sleep 1")
        pinged = wakeups()
        goodput = flow.finish().megabits
    report(f"the receiver of {goodput:.2f} Mbit/s woke {first} times in the first second, {turns} times in one of turns, "
           f"{pinged} times in one beside a ping")
    assert first > 3 * turns and pinged > 3 * turns, counts
    assert goodput >= 0.8 * RATE * 8 / 1e6


@has_lanes
def test_bulk_has_a_circuit_of_its_own_which_is_closed_early(pair, report):
    both = pair(FakeSocks(), options=["--circuits", "3"])
    source, destination, proxy = both.a.host, both.b, both.proxy
    wait_until(lambda: source.can_ping(destination.address), 20, what="a ping to pass")
    assert len(proxy.dials(destination.onion)) == 1, "a ping opens no circuit for bulk"

    overlay.Transfer(source, destination.host, destination.address, 20_000_000)
    dials = proxy.wait_for_dials(destination.onion, 2)
    assert 2 <= proxy.standing(destination.onion) <= 3, "a circuit stands for bulk beside that for the ping"
    userids = [dial.userid for dial in dials]
    assert len(set(userids)) == len(userids), "circuits of the same userid would share one of Tor's"

    began = time.monotonic()
    wait_until(lambda: proxy.standing(destination.onion) == 1, 90, what="the circuit for bulk to be closed")
    report(f"the circuit for bulk was closed {time.monotonic() - began:.0f} s after it was last used")
    assert source.can_ping(destination.address), "the circuit for the ping stays"
    proxy.stop()


@has_lanes
def test_a_tcp_flow_is_not_reordered_when_it_moves_to_the_circuit_for_bulk(pair):
    """What it had sent along a slow first circuit was overtaken, and the kernel took that for loss."""
    with FakeSocks() as proxy:
        both = pair(proxy, options=["--circuits", "2"])
        proxy.behave(both.b.onion, rate=SLOW)
        both.a.stop()
        both.a.start()
        both.a.wait_for_interface()
        wait_until(lambda: both.a.host.can_ping(both.b.address), 20, what="a ping to pass")
        proxy.behave(both.b.onion)
        calls = len(proxy.dials(both.b.onion))
        transfer = overlay.Transfer(both.a.host, both.b.host, both.b.address, 5_000_000)
        assert len(proxy.dials(both.b.onion)) == calls + 1, "there is a circuit for bulk"
        assert transfer.megabits > 2 * 8 * SLOW / 1e6, "the flow was moved to it"
    reordered = both.b.host.run(["nstat", "-asz", "TcpExtTCPOFOQueue"]).stdout.split()[-2]
    # One at the most beside a busy machine, where what is held may have to go on before it is known that all arrived.
    assert int(reordered) <= 1, "segments came out of order"


@has_lanes
def test_userids_are_random_and_tell_nobody_who_calls(pair):
    seen = []
    with FakeSocks() as proxy:
        both = pair(proxy, options=["--circuits", "2"])
        for _ in range(2):
            wait_until(lambda: both.a.host.can_ping(both.b.address), 20, what="a ping to pass")
            overlay.Transfer(both.a.host, both.b.host, both.b.address, 5_000_000)
            wait_until(lambda: len(set(dial.userid for dial in proxy.dials(both.b.onion)) - set(seen)) == 2,
                       what="two circuits with userids that were never used before")
            seen = [dial.userid for dial in proxy.dials(both.b.onion)]
            both.a.stop()
            both.a.start()
            both.a.wait_for_interface()
        everything = proxy.dials()
    assert len(set(seen)) == 4
    for request in everything:
        text = request.userid.decode("ascii")
        assert len(text) >= 8, "random enough that nobody has the same"
        for name in (both.a.onion, both.b.onion):
            label = name.removesuffix(".onion")
            assert label[:8] not in text and label[-16:-8] not in text, request


@has_lanes
def test_a_ping_passes_while_the_circuit_for_bulk_is_stuck(pair):
    """Flow and ping go by different circuits: one that is as good as dead does not hold the other."""
    with FakeSocks() as proxy:
        both = pair(proxy, options=["--circuits", "2"])
        there = both.b.address
        wait_until(lambda: both.a.host.can_ping(there), 20, what="a ping to pass")
        proxy.behave(both.b.onion, stall=True)
        with yardstick.Flows(both.a.host, both.b.host, there, 6):
            proxy.wait_for_dials(both.b.onion, 2)
            time.sleep(1)
            ping = both.a.host.ping(there, count=10)
    assert ping.received == 10, ping
    assert ping.median < 50, ping


def test_a_full_device_is_emptied_without_loss(report):
    """A batch was read to its end, four times what a circuit's queue holds, before anybody asked whether it is full."""
    with yardstick.OncillaPair() as pair, pair.hosts[0].socket(kind=socket.SOCK_DGRAM) as sender:
        daemon = pair.daemons[0]
        sender.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 64 << 20)
        sender.setsockopt(socket.IPPROTO_UDP, overlay.UDP_SEGMENT, 1400)
        daemon.signal(signal.SIGSTOP)
        for _ in range(100):
            sender.sendto(bytes(40 * 1400), (pair.addresses[1], 9))
        daemon.signal(signal.SIGCONT)
        wait_until(lambda: daemon.counters()["sent"] >= 100, 10, what="the daemon to have read what was sent")
        counters = daemon.counters()
    report(f"{counters['sent']} sent, {counters['queueFull']} lost")
    # One moment in which the others on the way have no processor may cost some.
    assert counters["queueFull"] < 400
