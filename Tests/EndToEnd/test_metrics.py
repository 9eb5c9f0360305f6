"""Metrics: what Prometheus's own parser reads of them, and what nobody gets out of the page."""

import http.client
import os
import socket
import time

import pytest
# Debian's python3-prometheus-client, which contrib/install-dependencies installs; PyPI's prometheus-client is the same.
from prometheus_client import parser

from overlay import free_port, oncilla, onion_name, wait_until

BOB = onion_name("pair b")


def families(text):
    """The metrics by name, as the parser gives them; their types and samples are checked."""
    found = {family.name: family for family in parser.text_string_to_metric_families(text)}
    declared = [line.split()[2:4] for line in text.splitlines() if line.startswith("# TYPE ")]
    assert len(declared) == len({name for name, _ in declared}), "each metric once"
    for name, kind in declared:
        assert found[name.removesuffix("_total") if kind == "counter" else name].type == kind
    for family in found.values():
        assert family.documentation
        labels = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in family.samples]
        assert len(labels) == len(set(labels)), f"{family.name}: each sample once"
        if family.type == "histogram":
            check_histogram(family)
    return found


def check_histogram(family):
    for identity in {sample.labels["identity"] for sample in family.samples}:
        own = [sample for sample in family.samples if sample.labels["identity"] == identity]
        buckets = [(float(sample.labels["le"]), sample.value) for sample in own if sample.name.endswith("_bucket")]
        assert buckets == sorted(buckets) and buckets[-1][0] == float("inf")
        assert [value for _, value in buckets] == sorted(value for _, value in buckets)
        count = [sample.value for sample in own if sample.name.endswith("_count")]
        assert count == [buckets[-1][1]]
        assert len([sample for sample in own if sample.name.endswith("_sum")]) == 1


def value(found, name, **labels):
    """The only sample of a metric with these labels."""
    values = [sample.value for sample in found[name].samples
              if all(sample.labels.get(key) == wanted for key, wanted in labels.items())]
    assert len(values) == 1, (name, labels, values)
    return values[0]


def metrics(daemon, *options):
    result = oncilla("metrics", "--control", daemon.directory / "control.sock", *options)
    assert result.returncode == 0, result
    return result.stdout


@pytest.fixture
def served(pair, proxy):
    """Two daemons that reach each other; the first serves its metrics at `.port`."""
    port = free_port()
    made = pair(proxy, a={"peers": [f"bob={BOB}"], "options": ["--metrics-listen", f"127.0.0.1:{port}"]})
    made.port = port
    wait_until(lambda: made.a.host.can_ping(made.b.address), 10, what="the peer")
    return made


def get(port, method="GET", path="/metrics", headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read().decode()


def test_the_figures_are_those_of_the_daemon(served):
    text = metrics(served.a)
    found = families(text)
    assert value(found, "oncilla_info") == 1 and value(found, "oncilla_tor_up") == 1
    assert abs(value(found, "oncilla_start_time_seconds") - time.time()) < 60
    assert value(found, "oncilla_packets", direction="sent") >= 1
    assert value(found, "oncilla_packets", direction="received") >= 1
    assert value(found, "oncilla_bytes", direction="sent") > 100
    assert value(found, "oncilla_circuits", state="open") >= 1
    assert value(found, "oncilla_circuits", state="accepted") >= 1
    dials = [sample.value for sample in found["oncilla_dial_seconds"].samples if sample.name.endswith("_count")]
    assert dials[0] >= 1
    waits = [sample.value for sample in found["oncilla_queue_delay_seconds"].samples if sample.name.endswith("_count")]
    assert waits[0] >= value(found, "oncilla_packets", direction="sent")
    before = value(found, "oncilla_drops", reason="outside_overlay")
    served.a.host.ip("-6 route add fd00:77::/64 dev oncilla0")
    served.a.host.run("ping -c 1 -W 1 fd00:77::1", check=False)
    assert value(families(metrics(served.a)), "oncilla_drops", reason="outside_overlay") >= before + 1


def test_why_dials_fail_and_circuits_are_lost(served):
    served.b.kill()
    wait_until(lambda: sum(sample.value for sample in families(metrics(served.a))["oncilla_circuits_lost"].samples) > 0,
               20, what="a lost circuit")
    wait_until(lambda: sum(sample.value for sample in families(metrics(served.a))["oncilla_dial_failures"].samples) > 0,
               20, what="a failed dial")


def test_peers_are_named_by_petname_and_only_if_asked_for(served):
    plain = metrics(served.a)
    for name in ("bob", BOB[:56], BOB[:16], served.a.onion[:16], "fd87:"):
        assert name not in plain, name
    found = families(metrics(served.a, "--peers"))
    assert value(found, "oncilla_peer_up", peer="bob") == 1
    assert value(found, "oncilla_peer_bytes", peer="bob", direction="sent") > 100
    assert value(found, "oncilla_peer_circuits", peer="bob", direction="dialled") >= 1
    assert BOB[:16] not in metrics(served.a, "--peers")


def test_over_http(served, report):
    status, headers, text = get(served.port)
    assert status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert value(families(text), "oncilla_tor_up") == 1
    assert "bob" not in text
    report(f"{len(text)} bytes, {len(text.splitlines())} lines")
    for number in range(50):
        assert get(served.port)[0] == 200, number
    assert get(served.port, path="/metrics?x=1")[0] == 200
    assert get(served.port, method="HEAD")[0] == 200
    for path in ("/", "/metric", "/metrics/", "//metrics", "/../metrics", "/%"):
        assert get(served.port, path=path)[0] == 404, path
    for method in ("POST", "PUT", "DELETE"):
        assert get(served.port, method=method)[0] == 405, method
    assert get(served.port, headers={"X-Long": "x" * 20_000})[0] == 431


def test_strangers_to_the_page_are_bounded(served):
    descriptors = f"/proc/{served.a.process.pid}/fd"
    before = len(os.listdir(descriptors))
    held = []
    for _ in range(40):
        connection = socket.create_connection(("127.0.0.1", served.port))
        connection.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
        held.append(connection)
    time.sleep(0.5)
    assert len(os.listdir(descriptors)) <= before + 2 * 8 + 2, "a socket and a timer for each of eight"
    for data in (b"\0" * 1000, b"GET " + b"/" * 100_000, b"\r\n" * 100, b"GET /metrics HTTP/9.9\r\n\r\n", b"x"):
        with socket.create_connection(("127.0.0.1", served.port)) as connection:
            connection.settimeout(1)
            try:
                connection.sendall(data)
            except OSError:
                pass
    assert served.a.host.can_ping(served.b.address), "packets go on"
    # Whoever says nothing is closed after 10 seconds, and then others come.
    for connection in held[8:]:
        connection.close()
    wait_until(lambda: can_get(served.port), 15, what="the page")
    for connection in held[:8]:
        connection.close()
    wait_until(lambda: len(os.listdir(descriptors)) <= before + 2, 20, what="the connections to be closed")
    assert served.a.running


def can_get(port):
    try:
        return get(port)[0] == 200
    except OSError:
        return False


def test_one_that_trickles_is_closed(served):
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.settimeout(1)
        connection.sendall(b"GET /metrics HTTP/1.1\r\n")
        started = time.monotonic()
        while time.monotonic() - started < 30:
            try:
                connection.sendall(b"X: y\r\n")
                if connection.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        assert 8 < time.monotonic() - started < 20


def test_only_loopback_is_accepted(tmp_path):
    for place in ("0.0.0.0:9469", "[::]:9469", "192.0.2.1:9469"):
        result = oncilla("run", "--config", "/dev/null", "--onion", BOB, "--metrics-listen", place)
        assert result.returncode == 2 and "loopback" in result.stderr and place in result.stderr, result


def test_a_port_that_is_taken_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        result = oncilla("run", "--config", "/dev/null", "--control", "none", "--state-dir", tmp_path, "--onion", BOB,
                         "--metrics-listen", place)
        assert result.returncode == 1 and place in result.stderr and "is taken" in result.stderr, result
