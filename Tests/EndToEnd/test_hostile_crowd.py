"""A crowd that connects a thousand times a second: the peers that are there notice little, and nothing grows.

How little is measured by `make bench`, on a quiet machine: here stands what holds on a busy one, too.

    hostile crowd, 1,000 connections a second ------> listener of the daemon <------ good peer with a download
"""

import threading
import time

import pytest

import packets
from hostile_peer import Crowd, keepalive
from overlay import Transfer, onion_name, overlay_address, wait_until

SECONDS = 5
MEMORY = 64 << 20  # what such a daemon may take at the most
SIZE = 4_000_000


def opening(kind, hosts):
    if kind == "silent":
        return lambda number: b""
    if kind == "strangers":
        names = [onion_name(f"stranger {number}") for number in range(500)]
        hellos = [keepalive(name, hosts.a.address) + packets.udp(overlay_address(name), hosts.a.address, 9, 9, bytes(100))
                  for name in names]
        return lambda number: hellos[number % len(hellos)]
    claim = keepalive(hosts.b.onion, hosts.a.address) + packets.udp(hosts.b.address, hosts.a.address, 9, 9, bytes(100))
    return lambda number: claim


@pytest.mark.parametrize("kind", ["silent", "strangers", "claims"])
def test_a_thousand_calls_a_second_leave_a_proven_peer_its_download_and_its_ping(pair, proxy, report, kind):
    hosts = pair(proxy, log_level="notice", a={"prefix": ["prlimit", "--nofile=8192:8192"]})
    wait_until(lambda: hosts.b.host.can_ping(hosts.a.address), 10, what="the peers to reach each other")
    daemon = hosts.a
    before = daemon.counters()
    outcome = []
    transfer = threading.Thread(
        target=lambda: outcome.append(Transfer(hosts.b.host, daemon.host, daemon.address, SIZE)), daemon=True)
    with Crowd(daemon.listen_port, opening(kind, hosts), count=2_000, rate=1_000, lifetime=1.5, seconds=60) as crowd:
        wait_until(lambda: crowd.opened > 500, 10, what="the crowd to call")
        started, opened = time.monotonic(), crowd.opened
        transfer.start()
        ping = hosts.b.host.ping(daemon.address, count=10 * SECONDS, interval=0.1, timeout=10)
        rate = (crowd.opened - opened) / (time.monotonic() - started)
        transfer.join(40)
        assert not transfer.is_alive(), "the download stands still"
    daemon.assert_running()
    counted = daemon.counters()
    closed = sum(counted[name] - before[name] for name in ("crowdedOut", "circuitLimit", "acceptLimit"))
    report(f"{rate:.0f} calls a second, {closed} of {crowd.opened} closed; {outcome[0].size / outcome[0].seconds / 1e6:.1f} MB/s, ping "
           f"{ping.median:.1f} ms, {ping.received} of {ping.sent}; {daemon.peak_rss() / 1e6:.0f} MB")
    assert rate > 200, "there was no crowd"
    assert ping.received >= ping.sent * 8 // 10, ping
    assert daemon.peak_rss() < MEMORY
    # Whoever comes when it is over is let in.
    wait_until(lambda: hosts.b.host.can_ping(daemon.address), 5, what="the peer to be answered")
