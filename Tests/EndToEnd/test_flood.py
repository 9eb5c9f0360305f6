"""A host that sends packets to addresses that nobody has, as many as it can: everything else goes on.

What it costs others is measured by `make bench`, on a quiet machine: here stands what holds on a busy one, too.
"""

import json
import pathlib
import re
import signal
import subprocess
import time

import pytest

from overlay import oncilla, wait_until

FLOOD = pathlib.Path(__file__).parents[2] / "Benchmarks/flood.c"
SECONDS = 6
# As oncilla(1) has them: 60 a minute, and as many at once as there may be.
PER_SECOND, AT_ONCE = 1, 20


@pytest.fixture(scope="module")
def flood(tmp_path_factory):
    """flood(host, last) sends packets to random addresses of the overlay whose last byte is `last`, until it is ended."""
    program = tmp_path_factory.mktemp("flood") / "flood"
    subprocess.run(["cc", "-O2", "-o", program, FLOOD], check=True)
    running = []

    def start(host, last=3, rate=100_000):
        process = host.popen([program, str(rate), "fd87:d87e:eb43::", str(last)], stdout=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


def sent_by(process):
    process.send_signal(signal.SIGTERM)
    return int(process.communicate(timeout=10)[0].split()[0])


@pytest.mark.parametrize("last", [3, 4], ids=["that hosts could have", "that no host can have"])
def test_packets_to_unknown_addresses_do_not_disturb_a_configured_peer(pair, proxy, flood, report, last):
    hosts = pair(proxy, log_level="info", a={"lookup": "ask"})
    daemon, control = hosts.a, ["--control", hosts.a.directory / "control.sock"]
    wait_until(lambda: hosts.a.host.can_ping(hosts.b.address), 20, what="the peers to reach each other")
    before, memory, log = daemon.counters(), daemon.anonymous_memory(), daemon.mark()
    started = time.monotonic()
    process = flood(hosts.a.host, last)
    ping = hosts.a.host.ping(hosts.b.address, count=10 * SECONDS - 10, interval=0.1, timeout=10)
    # The operator's questions are answered, too.
    status = json.loads(oncilla("status", "--json", *control).stdout)
    sent, seconds = sent_by(process), time.monotonic() - started
    daemon.assert_running()
    after = daemon.counters()
    counted = after - before
    report(f"{sent / seconds:.0f} packets a second, of which {counted['unknownName']} were refused; {counted['searched']} "
           f"searches; ping {ping.median:.1f} ms, {ping.received} of {ping.sent}")
    assert status["state"] == "ready"
    # The device holds 512 packets, which come within 5 ms: where the daemon does not get a processor that soon the
    # kernel drops echo requests as it drops any other packet.
    assert ping.received >= ping.sent // 5, ping
    assert hosts.a.host.can_ping(hosts.b.address), "the same circuit goes on"
    assert counted["unknownName"] > 10_000, "there was no flood"
    assert counted["searched"] <= (AT_ONCE + PER_SECOND * (seconds + 2) if last == 3 else 0)
    assert counted["dialled"] == 0 and after["dialFailed"] == before["dialFailed"]
    # Errors ten a second, and lines of the log one a second after the first twenty.
    assert counted["unreachable"] <= 10 * (seconds + 3)
    assert len(re.findall(r".*\n", daemon.log()[log:])) <= 20 + seconds + 20
    wait_until(lambda: daemon.anonymous_memory() < memory + (2 << 20), 10, what="little memory")
    assert daemon.open_files() < 40
    assert len(json.loads(oncilla("names", "--json", *control).stdout)["names"]) == 2
