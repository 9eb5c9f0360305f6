"""One TCP flow over several circuits of a peer, from one kernel to another.

    oncilla A --SOCKS4a--> circuits of a rate and a delay each --> oncilla B
"""

import threading
import time

import pytest

import overlay
from fake_socks import FakeSocks
from overlay import Transfer, wait_until
from slow_circuit import Path

RATE = 300_000
# One-way delays in seconds, of the first circuit and those for bulk.
DELAYS = (0.02, 0.05, 0.15, 0.1)


def kernel_counter(host, name):
    return int(host.run(["nstat", "-asz", name]).stdout.split()[-2])


def laid(pair, proxy, circuits, rate=RATE, **options):
    """A pair of which A reaches B by circuits that are slow each by itself."""
    both = pair(proxy, options=["--circuits", circuits], **options)
    wait_until(lambda: both.a.host.can_ping(both.b.address), 20, what="a ping to pass")
    both.a.stop()
    proxy.lay(both.b.onion, [Path(rate, delay) for delay in DELAYS])
    both.a.start()
    both.a.wait_for_interface()
    wait_until(lambda: both.a.host.can_ping(both.b.address), 20, what="a ping to pass")
    return both


def carried(both):
    """Bytes that each of the circuits from A to B has delivered."""
    return [circuit.out.carried for circuit in both.proxy.laid(both.b.onion) if circuit.out]


@pytest.mark.parametrize("is_path", [False, True], ids=["tcp", "unix"])
def test_one_flow_is_faster_than_one_circuit_and_comes_in_order(is_path, pair, report, tmp_path):
    with FakeSocks(f"unix:{tmp_path}/socks" if is_path else None) as proxy:
        both = laid(pair, proxy, circuits=4)
        transfer = Transfer(both.a.host, both.b.host, both.b.address, 14_000_000, timeout=100)
        shares = sorted(carried(both)[1:])
        queued = kernel_counter(both.b.host, "TcpExtTCPOFOQueue")
        segments = kernel_counter(both.b.host, "TcpInSegs")
        counters = both.b.counters()
    speed = transfer.megabits * 1e6 / 8 / RATE
    report(f"{speed:.2f} of one circuit, shares {[share // 1000 for share in shares]} kB, {queued} of {segments} segments "
           f"out of order for the kernel, {counters['orderHeld']} waited, {counters['orderGivenUp']} gaps given up")
    assert len(shares) == 3, "there are as many circuits for bulk as there may be"
    assert shares[0] > 1_000_000, "each of them carries the flow"
    assert speed > 1.5
    # Beside a busy machine the threads that play circuits may come late.
    assert queued < segments / 20


def test_a_circuit_that_is_cut_leaves_the_flow_to_the_others(pair):
    with FakeSocks() as proxy:
        both = laid(pair, proxy, circuits=3)

        def cut_one():
            overlay.wait_until(lambda: len(carried(both)) >= 3 and carried(both)[2] > 200_000, 60, what="two circuits")
            proxy.laid(both.b.onion)[1].cut()

        cutting = threading.Thread(target=cut_one, daemon=True)
        cutting.start()
        Transfer(both.a.host, both.b.host, both.b.address, 8_000_000, timeout=100)
        cutting.join(1)
        assert not cutting.is_alive()


def test_a_transfer_that_is_over_soon_loads_tor_with_no_circuit(pair):
    with FakeSocks() as proxy:
        both = pair(proxy, options=["--circuits", 4])
        wait_until(lambda: both.a.host.can_ping(both.b.address), 20, what="a ping to pass")
        for _ in range(3):
            Transfer(both.a.host, both.b.host, both.b.address, 900_000)
            # The next one is a transfer of its own.
            time.sleep(1.5)
        assert len(proxy.dials(both.b.onion)) == 1


def test_senders_are_slowed_down_by_marks_and_lose_nothing(pair, report):
    with FakeSocks() as proxy:
        both = laid(pair, proxy, circuits=1)
        Transfer(both.a.host, both.b.host, both.b.address, 3_000_000, timeout=100)
        counters = both.a.counters()
        sent_again = kernel_counter(both.a.host, "TcpRetransSegs")
    report(f"{counters['queueMarked']} marked, {counters['queueAged']} dropped, {sent_again} segments sent again")
    assert counters["queueMarked"] > 0
    assert counters["queueAged"] == 0
