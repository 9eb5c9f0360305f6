"""`oncilla setup` on a host without a service manager: what it shows, writes and leaves alone, with Debian's tor itself."""

import os
import pathlib
import re
import signal
import subprocess

import pytest

import overlay
from overlay import free_port


class Machine:
    """A mount namespace with an `/etc/tor`, an `/etc/oncilla` and a `/run/tor` of its own."""

    def __init__(self, directory):
        self.directory = directory
        for name in ("tor", "oncilla", "run", "lib"):
            (directory / name).mkdir()
            (directory / name).chmod(0o755)
        directory.chmod(0o755)
        self.torrc = directory / "tor/torrc"
        self.torrc.write_text("# the operator's\nLog notice syslog\n")
        (directory / "systemd").mkdir()
        self.made = []
        for path in ("/etc/tor", "/etc/oncilla", "/run/tor", "/var/lib/tor"):
            if not os.path.isdir(path):
                os.mkdir(path)
                self.made.append(path)

    def run(self, *arguments):
        mounts = [("tor", "/etc/tor"), ("oncilla", "/etc/oncilla"), ("run", "/run/tor")]
        script = "".join(f"mount --bind {self.directory}/{name} {path}\n" for name, path in mounts)
        # A machine where systemd runs would have its services started.
        script += f'[ ! -d /run/systemd/system ] || mount --bind {self.directory}/none /run/systemd\nexec "$@"\n'
        (self.directory / "none").mkdir(exist_ok=True)
        return subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", overlay.BINARY, *arguments],
                              capture_output=True, text=True, timeout=60)

    def remove(self):
        for path in self.made:
            os.rmdir(path)


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path)
    yield made
    made.remove()


@pytest.fixture
def socks():
    return f"127.0.0.1:{free_port()}"


def test_a_dry_run_shows_the_files_and_writes_none(machine, socks):
    shown = machine.run("setup", "--dry-run", "--torrc", "--socks", socks)
    assert shown.returncode == 0, shown
    assert re.search(r"Would write /etc/tor/oncilla\.conf:\n    HiddenServiceDir /var/lib/tor/oncilla\n", shown.stdout)
    assert "Would write /etc/oncilla/conf.d/10-setup.conf:\n" in shown.stdout
    assert "Would add this line to /etc/tor/torrc:\n    %include /etc/tor/oncilla.conf\n" in shown.stdout
    assert os.listdir(machine.directory / "oncilla") == []
    assert machine.torrc.read_text() == "# the operator's\nLog notice syslog\n"


def test_torrc_is_changed_after_consent_only(machine, socks):
    asked = machine.run("setup", "--torrc", "--socks", socks)
    assert asked.returncode == 1 and "--yes" in asked.stderr, asked
    assert machine.torrc.read_text() == "# the operator's\nLog notice syslog\n"


def test_tor_reads_what_it_has_found_valid(machine, socks):
    ready = machine.directory / "ready"
    with subprocess.Popen(["sh", "-c", f"trap 'exit 7' HUP; : > {ready}; while :; do sleep 0.1; done"]) as tor:
        try:
            overlay.wait_until(ready.exists, 20, what="what plays Tor")
            (machine.directory / "run/tor.pid").write_text(f"{tor.pid}\n")
            done = machine.run("setup", "--torrc", "--yes", "--socks", socks, "--timeout", "0")
            assert tor.wait(30) == 7, "it was told by SIGHUP"
        finally:
            tor.kill()

    assert done.returncode == 6 and "not ready after 0 s" in done.stderr, done
    assert machine.torrc.read_text().endswith("%include /etc/tor/oncilla.conf\n")
    assert machine.torrc.read_text().startswith("# the operator's\n")
    lines = (machine.directory / "tor/oncilla.conf").read_text().splitlines()
    assert "HiddenServiceDir /var/lib/tor/oncilla" in lines and not any("SocksPort" in line for line in lines)
    written = (machine.directory / "oncilla/conf.d/10-setup.conf").read_text()
    assert f"socks = {socks}\n" in written and "hostname-file = /var/lib/tor/oncilla/hostname\n" in written
    again = machine.run("setup", "--torrc", "--yes", "--socks", socks, "--timeout", "0")
    assert "configured already" in again.stdout, again
    assert (machine.directory / "oncilla/conf.d/10-setup.conf").read_text() == written


def test_what_tor_does_not_accept_is_undone(machine, socks):
    machine.torrc.write_text("NoSuchOption 1\n")
    refused = machine.run("setup", "--torrc", "--yes", "--socks", socks)
    assert refused.returncode == 1 and "Tor does not accept its configuration" in refused.stderr, refused
    assert "NoSuchOption" in refused.stderr
    assert machine.torrc.read_text() == "NoSuchOption 1\n"
    assert not (machine.directory / "tor/oncilla.conf").exists()
    assert os.listdir(machine.directory / "oncilla") == [], "not configured, so that it can be run again"


def test_without_tor_it_says_what_helps(machine):
    missing = machine.run("setup", "--dry-run")
    if missing.returncode == 0:
        pytest.fail("a Tor runs at its usual place on this machine: " + missing.stdout)
    assert "Tor is not found" in missing.stderr and "sudo apt install tor" in missing.stderr


def test_join_takes_an_invitation_and_refuses_what_is_none(machine):
    name = overlay.onion_name("friend")
    label = name.removesuffix(".onion")
    joined = machine.run("join", f" oncilla1:{label}@bob ")
    assert joined.returncode == 0, joined
    assert f"bob is a peer: ping -6 {overlay.overlay_address(name)}\n" in joined.stdout
    assert f"[peer bob]\nname = {name}\n" in (machine.directory / "oncilla/peers.d/bob.conf").read_text()
    for line, words in ((label, "begins with 'oncilla1:'"), (f"oncilla1:{label[:-1]}", "damaged"),
                        (f"oncilla1:{'b' + label[1:]}", "damaged"), (f"oncilla1:{label}:x", "key in it is damaged")):
        refused = machine.run("join", line)
        assert refused.returncode == 2 and words in refused.stderr, refused


def test_setup_is_for_root(machine):
    refused = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", overlay.BINARY, "setup"],
                             capture_output=True, text=True, timeout=20)
    assert refused.returncode == 4 and "sudo oncilla setup" in refused.stderr, refused
