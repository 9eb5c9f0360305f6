"""Two bridged LANs through real Tor: every host has an onion service of its own.

    a1 -- bridge -- oncilla A -- Tor of A === authorities, relays === Tor of B -- oncilla B -- bridge -- b1
    a2 ------'      2 identities, 2 onion services                    2 and 2              '------ b2
"""

import contextlib
import threading
import time

import pytest

import overlay
from lan import BridgedLAN, Identity, across, silences
from overlay import wait_until
from private_tor import PrivateTor, suit_to_tor
from secure_shell import SecureShell

pytestmark = pytest.mark.seconds(420)

FIRST_CONTACT = 120
# A busy Tor network stands still for seconds now and then.
PATIENCE = 40


@pytest.fixture(scope="module")
def tor():
    with PrivateTor(clients=2, services=2) as network:
        yield network


@pytest.fixture
def lans(tor, namespaces, daemons):
    made = []
    for label, client in zip("ab", tor.clients):
        identities = [Identity(service.name, service.listen) for service in client.services]
        made.append(BridgedLAN(namespaces, label, identities))
        for host in made[-1].hosts:
            made[-1].control = suit_to_tor(host.namespace)
    for lan, other, client in zip(made, reversed(made), tor.clients):
        lan.run(daemons, f"127.0.0.1:{client.socks}", peers=other.identities)
    return made


def together(pairs, work):
    """{pair: what `work(source, destination)` returned}, all of them at once; the first failure is raised."""
    results, failures = {}, []

    def run(pair):
        try:
            results[pair] = work(*pair)
        except BaseException as failure:  # an assertion, too, must reach the test
            failures.append(failure)

    threads = [threading.Thread(target=run, args=[pair], daemon=True) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return results


def test_every_host_reaches_every_host_across(lans, tor, report):
    """Pings, logs in, and sends 100 MB: all eight ways at once, as a busy LAN would."""
    a, b = lans
    pairs = across(a, b)
    began = time.monotonic()
    together(pairs, lambda source, destination: wait_until(
        lambda: source.can_ping(destination, timeout=3), FIRST_CONTACT, what=f"{source} to reach {destination}"))
    report(f"all pairs in contact after {time.monotonic() - began:.1f} s, Tor was ready after {tor.ready_after:.0f} s")

    pings = together(pairs, lambda source, destination: source.ping(destination, count=10, timeout=PATIENCE))
    assert not silences(pings), silences(pings)
    report(f"round trips of {min(ping.median for ping in pings.values()):.0f} to "
           f"{max(ping.median for ping in pings.values()):.0f} ms (medians of 10)")

    with contextlib.ExitStack() as stack:
        shells = {host: stack.enter_context(SecureShell(host.namespace, host.address))
                  for host in [*a.hosts, *b.hosts]}

        def log_in(source, destination):
            command = ["ssh", "-F", shells[destination].client_config, destination.address, "echo $SSH_CONNECTION"]
            return source.namespace.run(command, timeout=90).stdout.split()

        for (source, destination), shown in together(pairs, log_in).items():
            assert (shown[0], shown[2]) == (source.address, destination.address)

    began = time.monotonic()
    ports = {pair: 5001 + number for number, pair in enumerate(pairs)}
    together(pairs, lambda source, destination: overlay.Transfer(
        source.namespace, destination.namespace, destination.address, 100_000_000, timeout=300,
        port=ports[source, destination]))
    seconds = time.monotonic() - began
    report(f"{len(pairs)} times 100 MB at once in {seconds:.0f} s, {len(pairs) * 800 / seconds:.1f} Mbit/s together "
           f"({a.control}), SHA-256 equal")
