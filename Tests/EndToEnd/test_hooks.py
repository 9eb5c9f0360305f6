"""Hooks: they get to know what happened, and nothing that they do keeps the daemon from its work."""

import signal
import time

from overlay import oncilla, onion_name, overlay_address, wait_until

BOB = onion_name("pair b")
EVENTS = ["up", "peer-up", "peer-down", "down"]


class Hooks:
    """Scripts in a directory, and what they wrote."""

    def __init__(self, directory):
        self.directory = directory
        self.log = directory / "log"
        self.log.touch()

    def script(self, body, name="hook"):
        path = self.directory / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    def recorder(self):
        """A script that writes its environment, one event a line."""
        return self.script(f"env | sort | tr '\\n' ' ' >> {self.log}; echo >> {self.log}", "recorder")

    def events(self):
        """The environment of each event so far."""
        return [dict(pair.split("=", 1) for pair in line.split() if "=" in pair)
                for line in self.log.read_text().splitlines()]

    def names(self):
        return [event["ONCILLA_EVENT"] for event in self.events()]


def options(events, path):
    return [word for event in events for word in ("--hook", f"{event}={path}")]


def test_a_hook_is_told_what_happens(pair, proxy, tmp_path):
    hooks = Hooks(tmp_path)
    made = pair(proxy, a={"peers": [f"bob={BOB}"], "options": options(EVENTS, hooks.recorder())})
    wait_until(lambda: hooks.names() == ["up", "peer-up"], 15, what="the peer to be up")
    proxy.connect(BOB, None)
    proxy.cut(BOB)
    wait_until(lambda: hooks.names()[2:] == ["peer-down"], 20, what="the peer to be down")
    made.a.stop()
    assert hooks.names() == EVENTS, "down has run when the daemon is gone"
    common = {
        "ONCILLA_INTERFACE": "oncilla0", "ONCILLA_ADDRESS": made.a.address, "ONCILLA_NAME": made.a.onion,
        "ONCILLA_NETNS": made.a.host.name, "OCAT_IFNAME": "oncilla0", "OCAT_ADDRESS": made.a.address,
        "OCAT_PREFIX": "fd87:d87e:eb43::", "OCAT_PREFIXLEN": "48", "OCAT_DOMAIN": ".onion",
        "OCAT_ONION3_URL": made.a.onion.removesuffix(".onion"), "OCAT_ONION_URL": made.a.onion[40:56]}
    peer = {"ONCILLA_PEER": "bob", "ONCILLA_PEER_ADDRESS": overlay_address(BOB), "ONCILLA_PEER_NAME": BOB}
    for event, found in zip(EVENTS, hooks.events()):
        found.pop("PWD", None), found.pop("SHLVL", None), found.pop("_", None)
        path = found.pop("PATH")
        assert "/usr/bin" in path.split(":")
        expected = {"ONCILLA_EVENT": event, **common, **(peer if event.startswith("peer") else {})}
        assert found == expected


def test_a_hook_at_up_finds_the_interface(namespaces, daemons, proxy, tmp_path):
    hooks = Hooks(tmp_path)
    hook = hooks.script(f"ip -n $ONCILLA_NETNS -6 -o addr show dev $OCAT_IFNAME > {hooks.log}; ls /proc/self/fd")
    daemon = daemons(onion=BOB, netns=namespaces(), socks=proxy.address, options=options(["up"], hook))
    daemon.wait_for_interface()
    wait_until(lambda: hooks.log.exists() and overlay_address(BOB) in hooks.log.read_text(), 10, what="the address")

    def numbers():
        return [line.split(": ")[-1] for line in daemon.log().splitlines() if "hook up" in line and line[-1].isdigit()]

    # The fourth descriptor is the directory that ls reads.
    wait_until(lambda: len(numbers()) >= 4, 10, what="the descriptors of the hook")
    time.sleep(0.2)
    assert numbers() == ["0", "1", "2", "3"], daemon.log()


def test_a_hook_that_hangs_is_killed_and_packets_go_on(pair, proxy, tmp_path):
    hooks = Hooks(tmp_path)
    hook = hooks.script(f"echo $$ >> {hooks.log}; sleep 1000; echo not reached >> {hooks.log}")
    made = pair(proxy, a={"options": options(["up"], hook)})
    started = time.monotonic()
    wait_until(lambda: made.a.host.can_ping(made.b.address), 10, what="the peer while the hook hangs")
    assert time.monotonic() - started < 9
    made.a.wait_for_line(r"hook up .* was killed: it took longer than 10 s", timeout=15)
    assert 9 < time.monotonic() - started < 15
    assert made.a.host.can_ping(made.b.address)
    assert "not reached" not in hooks.log.read_text()


def test_the_end_waits_for_a_hook_and_not_for_long(namespaces, daemons, proxy, tmp_path):
    hooks = Hooks(tmp_path)
    slow = hooks.script(f"sleep 1; ip -n $ONCILLA_NETNS link show dev oncilla0 > {hooks.log}", "slow")
    daemon = daemons(onion=BOB, netns=namespaces(), socks=proxy.address, options=options(["down"], slow))
    daemon.wait_for_interface()
    daemon.signal(signal.SIGTERM)
    assert daemon.process.wait(5) == 0
    assert "oncilla0" in hooks.log.read_text(), "the interface stands while the hook runs"

    endless = hooks.script("sleep 1000", "endless")
    daemon = daemons(onion=BOB, netns=namespaces(), socks=proxy.address, options=options(["down"], endless))
    daemon.wait_for_interface()
    started = time.monotonic()
    daemon.signal(signal.SIGTERM)
    assert daemon.process.wait(15) == 0
    assert 9 < time.monotonic() - started < 12

    daemon = daemons(onion=BOB, netns=namespaces(), socks=proxy.address, options=options(["down"], endless))
    daemon.wait_for_interface()
    started = time.monotonic()
    daemon.signal(signal.SIGTERM)
    time.sleep(0.5)
    daemon.signal(signal.SIGTERM)
    assert daemon.process.wait(5) == 0, "who asks twice does not want to wait"


def test_a_hook_that_floods_its_output(pair, proxy, tmp_path):
    hook = Hooks(tmp_path).script("exec yes a line of output")
    made = pair(proxy, a={"options": options(["up"], hook)})
    wait_until(lambda: made.a.host.can_ping(made.b.address), 10, what="the peer")
    made.a.wait_for_line(r"hook up .* was ended by signal 13")
    lines = [line for line in made.a.log().splitlines() if "a line of output" in line]
    assert 0 < len(lines) <= 40


def test_a_hook_that_cannot_be_run_is_refused_at_start(tmp_path):
    hooks = Hooks(tmp_path)
    plain = hooks.script("true", "plain")
    plain.chmod(0o644)
    writable = hooks.script("true", "writable")
    writable.chmod(0o777)
    for path, reason in ((tmp_path / "gone", "No such file"), (plain, "no program"), (writable, "chmod o-w"),
                         (tmp_path, "no program")):
        result = oncilla("run", "--config", "/dev/null", "--control", "none", "--onion", BOB, "--state-dir", tmp_path,
                         "--hook", f"up={path}")
        assert result.returncode == 5, result
        (tmp_path / "a.conf").write_text(f"onion = {BOB}\nhook = up={path}\n")
        checked = oncilla("check-config", "--config", tmp_path / "a.conf")
        assert checked.returncode == 0 and "# warning: hook up=" in checked.stdout and reason in checked.stdout, checked
        assert len(result.stderr.splitlines()) == 1 and reason in result.stderr and str(path) in result.stderr, result


def test_a_hook_that_is_gone_later_is_told(namespaces, daemons, proxy, tmp_path):
    hook = Hooks(tmp_path).script("true")
    daemon = daemons(onion=BOB, netns=namespaces(), socks=proxy.address, options=options(["down"], hook))
    daemon.wait_for_interface()
    hook.unlink()
    daemon.stop()
    assert f"hook down ({hook}) does not run: No such file or directory" in daemon.log()


def test_a_reload_takes_hooks_and_tells_of_a_peer_that_is_removed(pair, proxy, tmp_path):
    hooks = Hooks(tmp_path)
    file = tmp_path / "a.conf"
    text = f"[peer bob]\nname = {BOB}\n"
    file.write_text(text)
    made = pair(proxy, a={"peers": [], "options": ["--config", file]})
    wait_until(lambda: made.a.host.can_ping(made.b.address), 10, what="the peer")
    lines = "".join(f"hook = {event}={hooks.recorder()}\n" for event in EVENTS)
    file.write_text(f"hook = up={tmp_path}/gone\n" + text)
    made.a.signal(signal.SIGHUP)
    made.a.wait_for_line(r"the configuration was not reloaded.*gone: No such file or directory")
    file.write_text(lines + text)
    made.a.signal(signal.SIGHUP)
    made.a.wait_for_line(r"the configuration was reloaded: .*hook changed")
    file.write_text(lines)
    made.a.signal(signal.SIGHUP)
    wait_until(lambda: hooks.names() == ["peer-down"], 10, what="the event")
    file.write_text(lines + text)
    made.a.signal(signal.SIGHUP)
    wait_until(lambda: hooks.names() == ["peer-down", "peer-up"], 10, what="the event")
