"""The daemon as a service: what its manager hears of it, and the units that the package brings."""

import signal
import time

import pytest

from overlay import onion_name
from service_manager import ServiceManager


@pytest.mark.parametrize("abstract", [False, True])
def test_the_service_manager_hears_of_start_reload_and_end(host, proxy, daemons, abstract):
    with ServiceManager(abstract) as manager:
        daemon = daemons(onion=onion_name("notified"), netns=host, socks=proxy.address, start=False)
        daemon.environment = manager.environment()
        daemon.start()
        manager.wait_for("READY", "1")
        assert host.is_up("oncilla0"), "ready means that the interface is up"
        manager.wait_for("STATUS", "Tor is there")
        before = time.monotonic_ns() // 1000
        daemon.signal(signal.SIGHUP)
        reload = manager.wait_for("RELOADING", "1")
        assert before <= int(reload["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        manager.wait_for("READY", "1")
        daemon.stop()
        manager.wait_for("STOPPING", "1")
        assert not any("WATCHDOG" in message for message in manager.listen())


def test_the_sentence_of_the_service_follows_tor(host, proxy, daemons):
    with ServiceManager() as manager:
        daemon = daemons(onion=onion_name("status"), netns=host, socks="127.0.0.1:1", start=False)
        daemon.environment = manager.environment()
        daemon.start()
        assert "waiting for Tor at 127.0.0.1:1" in manager.wait_for("STATUS", "waiting")["STATUS"]


def test_a_loop_that_hangs_is_not_heard_of(host, proxy, daemons):
    with ServiceManager() as manager:
        daemon = daemons(onion=onion_name("watchdog"), netns=host, socks=proxy.address, start=False)
        daemon.environment = manager.environment(watchdog=0.2)
        daemon.start()
        for _ in range(5):
            manager.wait_for("WATCHDOG", "1")
        daemon.signal(signal.SIGSTOP)
        manager.listen(0.3)
        heard = len(manager.heard)
        assert len(manager.listen(0.5)) == heard
        daemon.signal(signal.SIGCONT)
        manager.wait_for("WATCHDOG", "1")


def test_a_start_that_fails_tells_its_manager_why(host, proxy, daemons):
    with ServiceManager() as manager:
        taken = daemons(onion=onion_name("first"), netns=host, socks=proxy.address)
        taken.wait_for_interface()
        second = daemons(onion=onion_name("second"), netns=host, socks=proxy.address, start=False)
        second.environment = manager.environment()
        second.start()
        assert "oncilla0 exists already" in manager.wait_for("STOPPING")["STATUS"]
        assert second.wait_for_exit() == 1
        assert not any("READY" in message for message in manager.listen())


def test_the_manager_goes_on_while_the_daemon_waits_for_its_name(host, proxy, daemons, tmp_path):
    hostname = tmp_path / "hostname"
    with ServiceManager() as manager:
        daemon = daemons(hostname_file=hostname, netns=host, socks=proxy.address, start=False)
        daemon.environment = manager.environment()
        daemon.start()
        manager.wait_for("STATUS", f"waiting for Tor to write {hostname}")
        assert not any("READY" in message for message in manager.listen(1))
        manager.wait_for("READY", "1", timeout=15)
        hostname.write_text(onion_name("late") + "\n")
        manager.wait_for("STATUS", "Tor is there")
        daemon.wait_for_line("interface up")
