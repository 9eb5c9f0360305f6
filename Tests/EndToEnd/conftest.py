"""Fixtures of the end-to-end tests: namespaces, daemons that end with their test, a deadline, and the figures."""

import contextlib
import os
import signal
import types

import pytest

import debian_root
import fake_socks
import overlay
from lan import Identity, options_of
from wire_peer import WirePeer

_figures = pytest.StashKey()
_SECONDS = 150

# What takes longest begins first, so that processes that share the tests end at about the same time.
_LONG = [
    "test_lookup.py", "test_tor.py", "test_package.py", "test_newcomer.py", "test_liveness.py", "test_lan_bridge.py",
    "test_proxy_hostile.py", "test_lifecycle.py",
]


def pytest_configure(config):
    config.addinivalue_line("markers", f"seconds(n): the test may take n seconds (default {_SECONDS})")
    config.addinivalue_line("markers", "alone: the test compares throughputs: no other test runs at the same time")
    config.stash[_figures] = []
    if config.option.collectonly:
        return
    if os.geteuid() != 0:
        pytest.exit("the end-to-end tests need root: they create network namespaces and interfaces (try sudo)", 1)
    if not os.access(overlay.BINARY, os.X_OK):
        pytest.exit(f"no binary to test at {overlay.BINARY}: run `make` first, or set ONCILLA", 1)
    overlay.delete_stale_namespaces()


    config.pluginmanager.register(QuietGateways(config))


class QuietGateways:
    """Keeps the main thread of a worker of xdist for its tests.

    With -v, xdist has a new worker tell its version of Python first. That task is sometimes still in the main thread
    when the tests are to begin, which then run in another one, where no signal handler, and so no deadline, can be set.
    """

    def __init__(self, config):
        self.option = config.option

    @pytest.hookimpl(hookwrapper=True, optionalhook=True)
    def pytest_xdist_newgateway(self):
        verbose, self.option.verbose = self.option.verbose, 0
        yield
        self.option.verbose = verbose


def pytest_collection_modifyitems(items):
    def place(item):
        return _LONG.index(item.path.name) if item.path.name in _LONG else len(_LONG)

    items.sort(key=place)


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["figures"] = session.config.stash[_figures]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    node.config.stash[_figures].extend(getattr(node, "workeroutput", {}).get("figures", []))


def pytest_terminal_summary(terminalreporter, config):
    if config.stash[_figures]:
        terminalreporter.section("measured")
        for line in config.stash[_figures]:
            terminalreporter.write_line(line)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    marker = item.get_closest_marker("seconds")
    seconds = marker.args[0] if marker else _SECONDS

    def expire(*_):
        raise TimeoutError(f"the test takes longer than {seconds} s")

    previous = signal.signal(signal.SIGALRM, expire)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


@pytest.fixture
def report(request):
    """report("ping: 0.4 ms") is printed in the section "measured" at the end of the run."""

    def add(text):
        request.config.stash[_figures].append(f"{request.node.name}: {text}")

    return add


@pytest.fixture(scope="module")
def report_once(request):
    """As `report`, for a figure of a whole file."""
    return lambda text: request.config.stash[_figures].append(f"{request.node.name}: {text}")


@pytest.fixture
def namespaces():
    """namespaces("a") makes a Namespace that is deleted after the test."""
    made = []

    def make(label="host"):
        made.append(overlay.Namespace(label))
        return made[-1]

    yield make
    for namespace in reversed(made):
        namespace.delete()


@pytest.fixture(scope="session")
def package():
    """What `make deb` builds."""
    return debian_root.build_package()


@pytest.fixture(scope="session")
def newer(package, tmp_path_factory):
    """The same, of a later version."""
    return debian_root.later_version(package, tmp_path_factory.mktemp("newer"))


@pytest.fixture
def host(namespaces):
    """One namespace."""
    return namespaces("host")


@pytest.fixture
def daemons(request, namespaces):
    """daemons(onion=…, …) starts a Daemon; after the test it must still be alive (unless the test ended it) and stop
    within 2 s with status 0. When the test failed logs are printed, with the peers and counters of those that run."""
    made = []

    def make(**arguments):
        arguments.setdefault("label", chr(ord("a") + len(made)))
        made.append(overlay.Daemon(**arguments))
        return made[-1]

    yield make
    failed = getattr(request.node, "call_failed", False)
    complaints = []
    for daemon in reversed(made):
        try:
            if failed:
                with contextlib.suppress(AssertionError):
                    daemon.counters()
                print(f"--- log {daemon.log_path.name}, {'running' if daemon.running else daemon.process.returncode}")
                print(daemon.log()[-20000:])
            elif daemon.running:
                daemon.stop()
            elif daemon.process is not None and daemon.process.returncode < 0 \
                    and daemon.process.returncode not in (-signal.SIGKILL,):
                complaints.append(f"the daemon crashed with signal {-daemon.process.returncode}:\n{daemon.log()}")
        except AssertionError as error:
            complaints.append(str(error))
        finally:
            daemon.kill()
            overlay.shutil.rmtree(daemon.directory, ignore_errors=True)
    assert not complaints, "\n".join(complaints)


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.call_failed = outcome.get_result().failed


@pytest.fixture
def proxy():
    """A FakeSocks that listens."""
    with fake_socks.FakeSocks() as proxy:
        yield proxy


@pytest.fixture
def wire_peer(proxy):
    """wire_peer("seed") makes a WirePeer that the proxy knows."""
    made = []

    def make(seed, **arguments):
        made.append(WirePeer(seed, proxy, **arguments))
        return made[-1]

    yield make
    for peer in made:
        peer.close()


@pytest.fixture
def pair(namespaces, daemons):
    """pair(proxy) starts two daemons that are each other's peer, `.a` and `.b`, each with its interface in a namespace
    of its own (`.a.host`, `.b.host`). Arguments for one of them: a={…}, b={…}; for both: any other."""

    def make(proxy, a=None, b=None, **both):
        names = [overlay.onion_name(f"pair {side}") for side in "ab"]
        made = []
        for own, other, changes in ((0, 1, a), (1, 0, b)):
            arguments = {"onion": names[own], "peers": [names[other]], "netns": namespaces("ab"[own]),
                         "socks": proxy.address, **both, **(changes or {})}
            made.append(daemons(**arguments, start=False))
            proxy.connect(names[own], made[-1].listen_port)
        for daemon in made:
            daemon.start()
        for daemon in made:
            daemon.wait_for_interface()
        return types.SimpleNamespace(a=made[0], b=made[1], proxy=proxy)

    return make


@pytest.fixture
def shared_host(pair, proxy):
    """shared_host([identity, …]) starts two daemons, `.a` and `.b`, the first of which has more identities."""

    def make(others):
        first = Identity.of("pair a")
        hosts = pair(proxy, log_level="notice", a={
            "onion": f"{first.name},listen=127.0.0.1:{first.listen_port}", "listen": [], "options": options_of(others)})
        hosts.a.onion, hosts.a.listen_port = first.name, first.listen_port
        proxy.connect(first.name, first.listen_port)
        overlay.wait_until(lambda: hosts.b.host.can_ping(hosts.a.address), 20, what="the daemons to reach each other")
        return hosts

    return make
