#!/usr/bin/python3
"""What the overlay costs beside bare onion streams, through a private Tor network of real relays on this machine.

    bare       one stream to a plain onion service at full speed
    answered   one that waits for answers, which come along a circuit of their own as a TCP flow's do: each side of the
               overlay sends on circuits that it dialled
    oncilla    one TCP flow through two daemons
    beside     an echo stream beside a bare one, and ping beside a flow, each on a circuit of its own
    4 flows    through daemons with --circuits 1 and 4
    OnionCat   one flow, and ping beside one, through two OnionCats, if OCAT=/path/to/ocat names one

`tor.py spread` asks what one flow gets of several circuits:

    bare       one stream to a plain onion service, on a circuit of its own, a fresh one in each round
    2, 3, 4    one flow, and a ping beside it, through fresh daemons with so many --circuits: the first circuit carries the
               ping, and the others the flow, once it has lasted for SPREAD_SETTLE s

All go from the same client Tor to the same other one, for SECONDS (12) in each of ROUNDS rounds (4). One circuit may
carry twice what another does, and less the longer it is used: the first three share one each way, by a SOCKS port of
Tor's where userids mean nothing, after a stream that is not measured, and every second round goes backwards. Circuits of
such a network pause for a second or more now and then, all at once: goodput is the median of windows of a second.
"""

import contextlib
import os
import secrets
import socket
import statistics
import sys
import threading
import time

import onioncat
import yardstick
from yardstick import note, overlay
from streams import CONTACT, Bulk, Service, echoes, flow_to, service_at
from private_tor import PrivateTor, PrivateTorError, socks_connect

ROUNDS = int(os.environ.get("ROUNDS", 4))
SECONDS = int(os.environ.get("SECONDS", 12))
# Tor's and TCP's start are over after that.
SETTLE = 4
# Until then a flow has got the circuits that pay.
SPREAD_SETTLE = 20
SPREADS = (2, 3, 4)

COLUMNS = [("goodput", "Mbit/s", ".1f"), ("ping", "ping beside, median ms", ".1f"), ("mean", "mean ms", ".1f")]


def stream(socks, target):
    """A stream from a client's SOCKS port to an onion service of another, with a userid of its own."""

    def attempt():
        try:
            return socks_connect(socks, target.name, userid=secrets.token_hex(8).encode())
        except OSError:
            return None

    return overlay.wait_until(attempt, CONTACT, what="the bare onion service")


def bare(tor, title, figures, port="shared_socks"):
    source, target = getattr(tor.clients[0], port), tor.clients[1].services[0]
    with Service(socket.create_server(("127.0.0.1", target.listen))) as service, Bulk(stream(source, target)):
        measure(service, None, title, figures)


def bare_alone(tor, title, figures):
    bare(tor, title, figures, port="socks")


def bare_beside(tor, title, figures):
    source, target = tor.clients[0].socks, tor.clients[1].services[0]
    with Service(socket.create_server(("127.0.0.1", target.listen))) as service:
        with stream(source, target) as echo, Bulk(stream(source, target)):
            measure(service, lambda: echoes(echo, SECONDS), title, figures)


def answered_apart(tor, title, figures):
    there, back = (client.services[0] for client in reversed(tor.clients))
    with socket.create_server(("127.0.0.1", back.listen)) as listener:
        with stream(tor.clients[1].shared_socks, back) as answers:
            answers.settimeout(None)
            told, _ = listener.accept()
            with told, Service(socket.create_server(("127.0.0.1", there.listen)), answers) as service:
                with Bulk(stream(tor.clients[0].shared_socks, there), told):
                    measure(service, None, title, figures)


class ThroughTor:
    """Has a pair reach each other through Tor, a client for each; all its circuits are one if it `shares_circuits`."""

    def __init__(self, tor, options=(), shares_circuits=False):
        services = [client.services[0] for client in tor.clients]
        super().__init__(
            [service.name for service in services], [service.listen for service in services],
            [self.socks(client, shares_circuits) for client in tor.clients], options, patience=CONTACT,
        )  # fmt: skip
        self.address = self.addresses[1]

    def service(self):
        return service_at(self.hosts[1], self.address)

    def flow(self):
        return flow_to(self.hosts[0], self.address)

    def ping(self):
        return yardstick.round_trips(self.hosts[0], self.address, 10 * SECONDS, 0.1)


class Overlay(ThroughTor, yardstick.Pair):
    """Two daemons."""

    @staticmethod
    def socks(client, is_shared):
        return client.shared_place if is_shared else client.place


class OnionCatOverlay(ThroughTor, onioncat.OnionCats):
    """Two OnionCats, which know SOCKS ports of TCP alone."""

    @staticmethod
    def socks(client, is_shared):
        return f"127.0.0.1:{client.shared_socks if is_shared else client.socks}"


def one_flow(kind):
    def run(tor, title, figures):
        with kind(tor, shares_circuits=True) as pair, pair.service() as service, pair.flow():
            measure(service, None, title, figures)

    return run


def flow_beside(kind):
    def run(tor, title, figures):
        with kind(tor) as pair, pair.service() as service, pair.flow():
            measure(service, pair.ping, title, figures)

    return run


def several(count, circuits):
    def run(tor, title, figures):
        with Overlay(tor, ["--circuits", str(circuits)]) as pair, pair.service() as service:
            with contextlib.ExitStack() as flows:
                for _ in range(count):
                    flows.enter_context(pair.flow())
                measure(service, None, title, figures)

    return run


def spread(circuits):
    def run(tor, title, figures):
        with Overlay(tor, ["--circuits", str(circuits)]) as pair, pair.service() as service, pair.flow():
            measure(service, pair.ping, title, figures, settle=SPREAD_SETTLE)

    return run


def measure(service, ping, title, figures, settle=SETTLE):
    time.sleep(settle)
    measured = {}
    windows = threading.Thread(target=lambda: measured.update(windows=service.windows(SECONDS)), daemon=True)
    windows.start()
    if ping:
        milliseconds = ping()
        figures.add(title, ping=statistics.median(milliseconds), mean=statistics.mean(milliseconds))
    windows.join()
    goodput = statistics.median(measured["windows"])
    figures.add(title, goodput=goodput)
    beside = f", {statistics.median(milliseconds):.1f} ms beside" if ping else ""
    note(f"  {title}: {goodput:.1f} Mbit/s{beside}")


def general_runs():
    runs = {
        "bare stream": bare,
        "oncilla, 1 flow": one_flow(Overlay),
        "bare, answered apart": answered_apart,
        "bare, echo beside": bare_beside,
        "oncilla, ping beside": flow_beside(Overlay),
    }
    if yardstick.daemon_knows("--circuits"):
        runs |= {f"oncilla, 4 flows, --circuits {circuits}": several(4, circuits) for circuits in (1, 4)}
    if onioncat.is_there():
        runs |= {"OnionCat, 1 flow": one_flow(OnionCatOverlay), "OnionCat, ping beside": flow_beside(OnionCatOverlay)}
    return runs


def general_ratios(figures):
    ratios = [
        ("goodput of one flow against a bare stream", "goodput", "oncilla, 1 flow", "bare stream"),
        ("the same against one answered apart", "goodput", "oncilla, 1 flow", "bare, answered apart"),
        ("ping beside it against a bare echo stream", "ping", "oncilla, ping beside", "bare, echo beside"),
        ("the same, means", "mean", "oncilla, ping beside", "bare, echo beside"),
        ("4 flows, --circuits 4 against 1", "goodput", "oncilla, 4 flows, --circuits 4",
         "oncilla, 4 flows, --circuits 1"),
        ("one flow against OnionCat's", "goodput", "oncilla, 1 flow", "OnionCat, 1 flow"),
        ("ping beside it against OnionCat's", "ping", "oncilla, ping beside", "OnionCat, ping beside"),
    ]  # fmt: skip
    return [[what, f"{ratio:.2f}"] for what, *which in ratios if (ratio := figures.ratio(*which)) is not None]


def spread_runs():
    return {"bare stream": bare_alone} | {f"oncilla, --circuits {circuits}": spread(circuits) for circuits in SPREADS}


def spread_ratios(figures):
    """Circuits are not the same ones in a round: medians are compared, and the worst flow with the median stream."""
    lines, reference = [], figures.median("bare stream", "goodput")
    fewest = figures.median(f"oncilla, --circuits {SPREADS[0]}", "ping")
    for circuits in SPREADS:
        title = f"oncilla, --circuits {circuits}"
        goodputs = figures.values(title, "goodput")
        if not (goodputs and reference and fewest):
            continue
        lines += [
            [f"one flow, --circuits {circuits}, against a bare stream", f"{statistics.median(goodputs) / reference:.2f}"],
            ["    the worst flow against the median stream", f"{min(goodputs) / reference:.2f}"],
            [f"    ping beside it against --circuits {SPREADS[0]}", f"{figures.median(title, 'ping') / fewest:.2f}"],
        ]
    return lines


def compete(tor, runs, ratios):
    figures = yardstick.Figures()
    for number in range(ROUNDS):
        note(f"round {number + 1} of {ROUNDS}")
        for title in list(runs)[:: -1 if number % 2 else 1]:
            attempt(tor, runs[title], title, figures)
    print(f"\nmedians of {ROUNDS} rounds of {SECONDS} s\n")
    print(figures.table(COLUMNS) + "\n")
    if lines := ratios(figures):
        print(yardstick.aligned(lines))


def attempt(tor, run, title, figures):
    try:
        run(tor, title, figures)
    except (AssertionError, RuntimeError, OSError) as error:
        note(f"  {title}: {error}")
        figures.add(title, goodput=None, ping=None, mean=None)


def main():
    yardstick.need("ip", "nsenter", "ping", "tor", "tor-gencert")
    chosen = sys.argv[1:] or ["general"]
    if set(chosen) - {"general", "spread"}:
        sys.exit("usage: tor.py [general] [spread]")
    with PrivateTor(clients=2, say=note) as tor:
        if "general" in chosen:
            note("not measured, for new circuits:")
            attempt(tor, answered_apart, "bare, answered apart", yardstick.Figures())
            compete(tor, general_runs(), general_ratios)
        if "spread" in chosen:
            compete(tor, spread_runs(), spread_ratios)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except PrivateTorError as error:
        sys.exit(f"tor.py: {error}")
