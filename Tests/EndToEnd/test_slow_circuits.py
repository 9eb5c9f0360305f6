"""The proxy that plays Tor, where its circuits are slow: it gives what it promises, and no more.

    dialler --SOCKS4a--> FakeSocks, a Path for each circuit --> service
"""

import array
import contextlib
import fcntl
import socket
import termios
import threading
import time

import pytest

from fake_socks import FakeSocks
from overlay import free_port, onion_name, pattern_bytes, wait_until
from private_tor import socks_connect
from slow_circuit import Path, drawn_paths

NAME = onion_name("slow circuit")


@pytest.fixture
def dial():
    """dial([path, …]) lays circuits; calling what it returns dials the next, and gives (dialler's end, service's end)."""
    with contextlib.ExitStack() as stack:
        proxy = stack.enter_context(FakeSocks())
        listener = stack.enter_context(socket.create_server(("127.0.0.1", free_port())))
        proxy.connect(NAME, listener.getsockname()[1])

        def lay(paths):
            proxy.lay(NAME, paths)

            def circuit():
                before = len(proxy.laid(NAME))
                near = stack.enter_context(socks_connect(int(proxy.address.rsplit(":", 1)[1]), NAME))
                far = stack.enter_context(listener.accept()[0])
                # Its two directions are laid one after the other.
                wait_until(lambda: any(way.out and way.back for way in proxy.laid(NAME)[before:]), what="a circuit")
                near.settimeout(20)
                far.settimeout(20)
                return near, far

            circuit.laid = lambda: proxy.laid(NAME)
            return circuit

        yield lay


def send_all(end, data):
    """In a thread, until the test is over."""

    def run():
        with contextlib.suppress(OSError):
            end.sendall(data)

    threading.Thread(target=run, daemon=True).start()


def discard(end):
    with contextlib.suppress(OSError):
        while end.recv(1 << 16):
            pass


def arrivals(end, size):
    """(what arrived, [(second, bytes so far)])."""
    data, seen = b"", []
    while len(data) < size:
        block = end.recv(1 << 16)
        assert block, f"closed after {len(data)} of {size} bytes"
        data += block
        seen.append((time.monotonic(), len(data)))
    return data, seen


@pytest.mark.parametrize("rate, size", [(2_000, 4_000), (50_000, 100_000), (1_000_000, 2_000_000)])
@pytest.mark.parametrize("is_back", [False, True], ids=["out", "back"])
def test_a_circuit_has_its_rate_each_way_and_keeps_the_order(dial, report, rate, size, is_back):
    source, sink = reversed(dial([Path(rate)])()) if is_back else dial([Path(rate)])()
    sent = pattern_bytes(size)
    began = time.monotonic()
    send_all(source, sent)
    received, seen = arrivals(sink, size)
    assert received == sent
    for at, so_far in seen:
        assert so_far <= rate * (at - began) + 1, "never more than the rate allows"
    measured = size / (seen[-1][0] - began)
    report(f"{measured:.0f} bytes/s of {rate}")
    # Beside a busy machine some may be lost.
    assert measured > 0.5 * rate


@pytest.mark.parametrize("is_back", [False, True], ids=["out", "back"])
def test_what_is_sent_arrives_after_the_delay(dial, report, is_back):
    near, far = dial([Path(rate=50_000, delay=0.3)])()
    source, sink = (far, near) if is_back else (near, far)
    seconds = []
    for _ in range(3):
        began = time.monotonic()
        source.sendall(bytes(100))
        arrivals(sink, 100)
        seconds.append(time.monotonic() - began)
    report(f"{1000 * min(seconds):.0f} ms for 300 ms and the time of 100 bytes at 50 kB/s")
    assert min(seconds) >= 0.3 + 100 / 50_000
    assert min(seconds) < 0.8


@pytest.mark.parametrize("path", [
    Path(rate=2_000), Path(rate=10_000, delay=0.5), Path(rate=1_000_000, delay=0.25), Path(rate=10_000, room=64_000),
], ids=str)  # fmt: skip
def test_no_more_is_taken_than_is_under_way_and_a_little(dial, report, path):
    """An endless queue would be a delay line that no sender can fill."""
    circuit = dial([path])
    near, far = circuit()
    threading.Thread(target=discard, args=(far,), daemon=True).start()
    near.setblocking(False)
    block, sent, most, began = bytes(1 << 16), 0, 0, time.monotonic()
    while time.monotonic() < began + 2:
        with contextlib.suppress(BlockingIOError):
            sent += near.send(block)
        carried = circuit.laid()[0].out.carried
        # What the sender's own kernel still has is in the sender's hands.
        waiting = array.array("i", [0])
        fcntl.ioctl(near, termios.TIOCOUTQ, waiting)
        most = max(most, sent - waiting[0] - carried)
        time.sleep(0.005)
    held = circuit.laid()[0].out.most_held
    report(f"{held} bytes of {path.rate * path.delay:.0f} under way, {most} with those before them")
    assert held <= path.bytes_under_way + path.chunk
    assert held >= 0.7 * path.rate * path.delay
    assert most <= path.bytes_under_way + path.chunk + 2 * path.bytes_of_room, "the kernel doubles its share"


def test_the_nth_circuit_has_the_nth_path(dial):
    circuit = dial([Path(delay=0.0), Path(delay=2.0)])
    seconds = []
    for _ in range(3):
        near, far = circuit()
        began = time.monotonic()
        near.sendall(b"x")
        assert far.recv(1) == b"x"
        seconds.append(time.monotonic() - began)
    assert seconds[1] >= 2.0 > max(seconds[0], seconds[2]), "the first path comes again after the last"


def test_a_circuit_that_pauses_loses_nothing_and_holds_no_other(dial):
    circuit = dial([Path(rate=200_000, delay=0.1)])
    ends = [circuit(), circuit()]
    sent = pattern_bytes(100_000)
    circuit.laid()[0].pause(4)
    began = time.monotonic()
    for near, _ in ends:
        send_all(near, sent)
    received, seen = arrivals(ends[1][1], len(sent))
    assert received == sent
    assert seen[-1][0] - began < 3.9, "the other circuit went on"
    received, seen = arrivals(ends[0][1], len(sent))
    assert received == sent
    assert seen[0][0] - began >= 4


def test_pauses_begin_by_themselves(dial):
    near, far = dial([Path(rate=100_000, pauses=((0.3, 0.8),))])()
    sent = pattern_bytes(60_000)
    send_all(near, sent)
    received, seen = arrivals(far, len(sent))
    assert received == sent
    gaps = [after - before for (before, _), (after, _) in zip(seen, seen[1:])]
    # A reader that comes late to the last bytes before it sees less of the pause.
    assert max(gaps) >= 0.4


def test_a_circuit_that_is_cut_ends_and_leaves_the_others(dial):
    circuit = dial([Path(rate=100_000, delay=0.1)])
    ends = [circuit(), circuit()]
    circuit.laid()[0].cut()
    for end in ends[0]:
        with contextlib.suppress(ConnectionResetError):
            assert end.recv(1) == b""
    ends[1][0].sendall(b"x")
    assert ends[1][1].recv(1) == b"x"


def test_what_was_sent_before_the_end_still_arrives(dial):
    near, far = dial([Path(rate=20_000, delay=0.3)])()
    sent = pattern_bytes(4_000)
    near.sendall(sent)
    near.shutdown(socket.SHUT_WR)
    assert arrivals(far, len(sent))[0] == sent
    assert far.recv(1) == b""


def test_the_same_seed_draws_the_same_paths():
    draw = lambda seed: drawn_paths(4, seed, 1_000_000, delay=(0.05, 0.25), every=10)  # noqa: E731
    assert draw(1) == draw(1) != draw(2)
    assert len({path.delay for path in draw(1)}) == 4 and all(0.05 <= path.delay <= 0.25 for path in draw(1))
    assert all(path.pauses for path in draw(1))
    assert draw(1)[:2] == drawn_paths(2, 1, 1_000_000, delay=(0.05, 0.25), every=10), "more paths change none before"
