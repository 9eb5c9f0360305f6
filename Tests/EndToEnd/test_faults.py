"""What a machine does to a daemon: it sleeps, its Tor stands still, its disk is full, its clock jumps, signals rain.

    oncilla A --SOCKS4a--> fake proxy --> oncilla B, or peers in Python

That every system call may fail is tested beside this, with faults that are injected (`Tests/NamespaceTests/Faults`).
"""

import contextlib
import os
import pathlib
import re
import signal
import struct
import subprocess
import time
import types

import pytest

from overlay import onion_name, wait_until
from test_proxy_traffic import send_datagrams

# A question that was just answered is not asked again for 20 s, has 10 s for its answer, and the next circuit may have to
# wait for 30 s; each side does so by itself.
BACK_WITHIN = 75
# `make soak` has Tor stand still for a minute.
STANDSTILL = int(os.environ.get("STANDSTILL", 6))


def seconds_until_ping(host, address, timeout):
    started = time.monotonic()
    wait_until(lambda: host.ping(address, timeout=1).received, timeout, interval=0.1, what="a ping to pass again")
    return time.monotonic() - started


@pytest.fixture
def standing(pair, proxy):
    """standing(option, …) starts two daemons that reach each other."""

    def start(**changes):
        hosts = pair(proxy, **changes)
        wait_until(lambda: hosts.a.host.can_ping(hosts.b.address), 20, what="a ping to pass")
        return hosts

    return start


# Signals


def test_a_storm_of_signals_neither_ends_nor_starves_the_daemon(standing, tmp_path):
    config = tmp_path / "oncilla.conf"
    config.write_text("idle = 100\n")
    hosts = standing(a={"options": ["--config", config], "log_level": "info"})
    daemon = hosts.a
    files, mark = daemon.open_files(), daemon.mark()
    harmless = [signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD, signal.SIGPIPE, signal.SIGWINCH, signal.SIGURG, signal.SIGCONT]
    config.write_text("idle = 101\n")
    for number in range(4_000):
        daemon.signal(harmless[number % len(harmless)])
    assert hosts.a.host.ping(hosts.b.address, count=5).received == 5
    daemon.wait_for_line(r"reloaded: idle = 101", since=mark)
    assert daemon.log()[mark:].count("reloaded: idle = 101") == 1
    wait_until(lambda: daemon.open_files() <= files, what="as many descriptors as before")


def test_many_signals_to_end_end_it_once(standing):
    hosts = standing()
    daemon = hosts.a
    for _ in range(500):
        with contextlib.suppress(ProcessLookupError):
            daemon.signal(signal.SIGTERM)
            daemon.signal(signal.SIGINT)
            daemon.signal(signal.SIGHUP)
    assert daemon.wait_for_exit(5) == 0, daemon.log()
    assert daemon.log().count("stopped\n") == 1
    assert not hosts.a.host.has_interface("oncilla0") and hosts.a.host.has_guard_route()


# Tor


def test_traffic_flows_by_itself_after_tor_stood_still(standing, proxy, report):
    """A process that is stopped keeps its connections, and takes and gives nothing."""
    hosts = standing()
    dials = len(proxy.requests)
    with proxy.standstill():
        assert hosts.a.host.ping(hosts.b.address, count=STANDSTILL, interval=1, timeout=1).received == 0
        hosts.a.assert_running()
    seconds = seconds_until_ping(hosts.a.host, hosts.b.address, 20)
    report(f"a ping {seconds:.1f} s after Tor had stood still for {STANDSTILL} s, {len(proxy.requests) - dials} dials")
    assert seconds <= 5
    # A peer that does not answer gets a second circuit, once each half minute.
    assert len(proxy.requests) - dials <= 4 + STANDSTILL // 5


# Sleep


@pytest.fixture
def clocks(tmp_path):
    """clocks.environment lets a daemon see other clocks, which clocks.step(seconds, slept=seconds) sets."""
    library, steps = tmp_path / "clock_steps.so", tmp_path / "steps"
    source = pathlib.Path(__file__).with_name("clock_steps.c")
    subprocess.run(["cc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, source], check=True)
    steps.write_bytes(struct.pack("=qq", 0, 0))

    def step(calendar=0, slept=0):
        with open(steps, "r+b") as file:
            file.write(struct.pack("=qq", calendar, slept))

    return types.SimpleNamespace(
        step=step, environment={"LD_PRELOAD": str(library), "CLOCK_STEPS": str(steps)})


def test_circuits_are_built_anew_after_hours_of_sleep(pair, proxy, clocks, report):
    hosts = pair(proxy)
    hosts.a.stop()
    hosts.a.environment = clocks.environment
    hosts.a.start()
    hosts.a.wait_for_interface()
    wait_until(lambda: hosts.a.host.can_ping(hosts.b.address), 20, what="a ping to pass")
    assert proxy.swallow() >= 2
    clocks.step(slept=4 * 3600)
    hosts.a.wait_for_line(r"the host slept for 14\d\d\d s", timeout=40)
    # The other host, which has not slept, is called anew, asks along its own circuit, and waits for ten seconds.
    seconds = seconds_until_ping(hosts.a.host, hosts.b.address, 45)
    report(f"{seconds:.1f} s after the daemon saw that")
    assert seconds <= 40
    assert hosts.a.log().count("the host slept") == 1


def test_circuits_that_died_in_a_short_sleep_are_replaced(standing, proxy, report):
    """The monotonic clock stands still in a sleep: a daemon that is stopped does not see it either."""
    hosts = standing()
    pairs = ((hosts.a, hosts.b), (hosts.b, hosts.a))
    # Who dialled at the same time as the other asks at once, and else one asks after a minute in which nothing came. The
    # other one need not ask then, ever.
    sleeper, other = wait_until(
        lambda: next((pair for pair in pairs if pair[0].counters()["answered"]), None), 90, interval=1,
        what="a question to be answered")
    sleeper.signal(signal.SIGSTOP)
    assert proxy.swallow() >= 2
    time.sleep(2)
    sleeper.signal(signal.SIGCONT)
    seconds = seconds_until_ping(sleeper.host, other.address, BACK_WITHIN + 5)
    report(f"{seconds:.1f} s after the host woke up")
    assert seconds <= BACK_WITHIN


@pytest.mark.parametrize("clock", ["--boottime", "--monotonic"])
def test_a_host_that_has_run_or_slept_for_a_year_carries_traffic(daemons, host, proxy, wire_peer, clock):
    peer = wire_peer("w")
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, peers=[peer.name],
                  prefix=["unshare", "-T", clock, str(365 * 86400)])
    one.wait_for_interface()
    circuit = peer.wait_for_circuit()
    circuit.wait_for_packets()
    send_datagrams(host, peer.address, [b"a year later"])
    wait_until(lambda: b"a year later" in bytes(circuit.data), what="traffic")
    proxy.cut(peer.name)
    peer.wait_for_circuit(1, timeout=20)
    one.stop()


# Files


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 KiB for the state directory."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=755", "oncilla-test", place], check=True)
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(place):
    """Whole pages, and then single bytes, until there is no room for one more."""
    ballast = os.open(place / "ballast", os.O_WRONLY | os.O_CREAT)
    for size in (4096, 1):
        with contextlib.suppress(OSError):
            while os.write(ballast, bytes(size)):
                pass
    os.close(ballast)


@pytest.mark.parametrize("obstacle", ["full", "read-only"])
def test_a_disk_that_takes_nothing_is_told_and_stops_nothing(daemons, host, proxy, wire_peer, small_disk, obstacle):
    peer = wire_peer("w")
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, peers=[peer.name],
                  state_dir=small_disk / "state", options=["--remember", "yes", "--user", "root"])
    one.wait_for_interface()
    peer.wait_for_circuit().wait_for_packets()
    if obstacle == "full":
        fill(small_disk)
    else:
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    one.signal(signal.SIGHUP)
    proxy.cut(peer.name)
    circuit = peer.wait_for_circuit(1, timeout=20)
    send_datagrams(host, peer.address, [b"all the same"])
    wait_until(lambda: b"all the same" in bytes(circuit.data), what="traffic")
    one.stop()
    assert re.search(r"names cannot be written.*(No space left|Read-only file system)", one.log()), one.log()
    assert not list((small_disk / "state").glob("*.new")), "what could not be written whole is not left"


def test_a_full_disk_loses_lines_of_the_log_and_nothing_else(daemons, host, proxy, wire_peer, small_disk):
    peer = wire_peer("w")
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, peers=[peer.name],
                  options=["--log", small_disk / "log"])
    one.wait_for_interface()
    peer.wait_for_circuit().wait_for_packets()
    fill(small_disk)
    for _ in range(200):
        one.signal(signal.SIGUSR1)
        time.sleep(0.002)
    proxy.cut(peer.name)
    peer.wait_for_circuit(1, timeout=20)
    (small_disk / "ballast").unlink()
    one.signal(signal.SIGUSR1)
    wait_until(lambda: "of the log could not be written" in (small_disk / "log").read_text(), 5, what="the loss to be told")
    one.stop()


# The calendar


def test_a_calendar_that_jumps_by_days_moves_the_time_of_the_log_and_nothing_else(
        daemons, host, proxy, wire_peer, clocks, tmp_path):
    peer = wire_peer("w")
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, peers=[peer.name], start=False,
                  options=["--log", tmp_path / "log", "--remember", "yes"])
    one.environment = clocks.environment
    one.start()
    one.wait_for_interface()
    circuit = peer.wait_for_circuit()
    circuit.wait_for_packets()
    days = set()
    for number, day in enumerate((1, -1, 400, 0)):
        clocks.step(day * 86400)
        wakeups = one.wakeups()
        send_datagrams(host, peer.address, [b"step %d" % number])
        wait_until(lambda: b"step %d" % number in bytes(circuit.data), what="traffic")
        one.signal(signal.SIGUSR1)
        time.sleep(1)
        assert one.wakeups() - wakeups < 100, "no timer spins"
        days.add((tmp_path / "log").read_text().splitlines()[-1][:10])
    assert len(days) == 4, days
    assert not circuit.is_closed and len(peer.circuits) == 1
    one.stop()
    one.start()
    peer.wait_for_circuit(1).wait_for_packets()
