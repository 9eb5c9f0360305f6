"""What one flow gets of four circuits of 1 MB/s whose delays differ, and what it loses when one of them stops.

    whole     all four carry
    stopped   one that carries stands still for 5 s
    cut       one that carries ends, and another one takes its place

Delays of 50 to 250 ms are drawn for each circuit, by a seed for each round, so that every binary has the same. What
counts is the flow's goodput against the sum of the bulk circuits' rates; after a stop or a cut, that of the 20 seconds
from then on against the rates of the others; and how many of the segments that came to the receiving kernel came out of
order.
"""

import time

import yardstick
from circuits import LaidPair
from slow_circuit import drawn_paths
from yardstick import note

RATE = 1_000_000
CIRCUITS = 4
DELAY = (0.05, 0.25)
SETTLE, SECONDS, STOP = 20, 20, 5
KINDS = ("whole", "stopped", "cut")

COLUMNS = [
    ("goodput", "1 flow Mbit/s", ".1f"), ("ratio", "of the circuits", ".2f"), ("used", "circuits used", ".0f"),
    ("disorder", "out of order %", ".2f"), ("resent", "sent again %", ".2f"),
]  # fmt: skip


def counters(host):
    """{name: how often so far} of the kernel, in a namespace."""
    lines = host.run(["nstat", "-asz"]).stdout.splitlines()
    return {fields[0]: int(fields[1]) for line in lines if len(fields := line.split()) == 3 and fields[1].isdigit()}


def bytes_within(circuits, seconds):
    """What each of them delivers meanwhile."""
    before = [circuit.out.carried for circuit in circuits]
    time.sleep(seconds)
    return [circuit.out.carried - carried for circuit, carried in zip(circuits, before)]


def measure(kind, seed):
    """{column: value}."""
    there, back = (drawn_paths(32, f"{side} {seed}", RATE, DELAY) for side in ("there", "back"))
    with LaidPair(there, back, options=["--circuits", CIRCUITS + 1]) as pair:
        with pair.service() as service, pair.flow():
            time.sleep(SETTLE - 1)
            circuits = [circuit for circuit in pair.circuits() if circuit.out]
            share = bytes_within(circuits, 1)
            busiest = circuits[share.index(max(share))]
            kernels = [counters(host) for host in pair.hosts]
            began, before = time.monotonic(), service.received
            if kind == "stopped":
                busiest.pause(STOP)
            if kind == "cut":
                busiest.cut()
            time.sleep(SECONDS)
            megabytes = (service.received - before) / (time.monotonic() - began) / 1e6
            differences = [
                {name: value - kernel[name] for name, value in counters(host).items()}
                for host, kernel in zip(pair.hosts, kernels)
            ]
    left = CIRCUITS - (kind != "whole")
    sender, receiver = differences
    return {
        "goodput": 8 * megabytes, "ratio": megabytes * 1e6 / (left * RATE),
        "used": sum(carried > 0.2 * RATE for carried in share),
        "disorder": 100 * receiver["TcpExtTCPOFOQueue"] / max(1, receiver["TcpInSegs"]),
        "resent": 100 * sender["TcpRetransSegs"] / max(1, sender["TcpOutSegs"]),
    }  # fmt: skip


def measure_all(rounds):
    figures = yardstick.Figures()
    for number in range(rounds):
        note(f"spread: round {number + 1} of {rounds}")
        for kind in KINDS:
            try:
                columns = measure(kind, number)
            except (AssertionError, RuntimeError, OSError) as error:
                note(f"  {kind}: {error}")
                columns = {key: None for key, _, _ in COLUMNS}
            else:
                note(f"  {kind}: {columns['goodput']:.1f} Mbit/s")
            figures.add(kind, **columns)
    return figures


def report(figures):
    return figures.table(COLUMNS)
