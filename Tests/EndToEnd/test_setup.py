"""`oncilla setup` on a host without a service manager: what it shows, writes and leaves alone, with Debian's tor itself."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess

import pytest

import overlay
from overlay import free_port, oncilla


class Machine:
    """A mount namespace with an `/etc/tor`, an `/etc/oncilla` and a `/run/tor` of its own."""

    def __init__(self, directory):
        self.directory = directory
        for name in ("tor", "oncilla", "run", "lib", "units", "bin"):
            (directory / name).mkdir()
            (directory / name).chmod(0o755)
        directory.chmod(0o755)
        self.torrc = directory / "tor/torrc"
        self.torrc.write_text("# the operator's\nLog notice syslog\n")
        (directory / "systemd").mkdir()
        self.made = []
        for path in ("/etc/tor", "/etc/oncilla", "/run/tor", "/var/lib/tor", "/etc/systemd", "/etc/systemd/system", "/run/systemd"):
            if not os.path.isdir(path):
                os.mkdir(path)
                self.made.append(path)

    def put_program(self, name, text):
        """A program that is found before all others."""
        path = self.directory / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def run(self, *arguments, has_systemd=False):
        mounts = [("tor", "/etc/tor"), ("oncilla", "/etc/oncilla"), ("run", "/run/tor")]
        if has_systemd:
            mounts += [("lib", "/var/lib/tor"), ("units", "/etc/systemd/system"), ("systemd", "/run/systemd")]
            (self.directory / "systemd/system").mkdir(exist_ok=True)
        script = "".join(f"mount --bind {self.directory}/{name} {path}\n" for name, path in mounts)
        # A machine where systemd runs would have its services started.
        if not has_systemd:
            script += f"[ ! -d /run/systemd/system ] || mount --bind {self.directory}/none /run/systemd\n"
        script += f'export PATH={self.directory}/bin:$PATH\nexec "$@"\n'
        (self.directory / "none").mkdir(exist_ok=True)
        return subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", overlay.BINARY, *arguments],
                              capture_output=True, text=True, timeout=60)

    def remove(self):
        for path in reversed(self.made):
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
    assert re.search(r"Would write /etc/tor/oncilla-lookup\.conf:\n    HiddenServiceDir /var/lib/tor/oncilla-lookup\n"
                     r"    HiddenServicePort 8060 127\.0\.0\.1:\d+\nWould write the key of this host's lookup name, which "
                     r"follows from its address, for Tor's user:\n    /var/lib/tor/oncilla-lookup/"
                     r"hs_ed25519_secret_key\n", shown.stdout)
    assert "Would add these lines to /etc/tor/torrc:\n    %include /etc/tor/oncilla.conf\n    %include " \
           "/etc/tor/oncilla-lookup.conf\n" in shown.stdout
    shown = machine.run("setup", "--dry-run", "--torrc", "--lookup", "ask", "--socks", socks)
    assert "Would add this line to /etc/tor/torrc:\n    %include /etc/tor/oncilla.conf\n" in shown.stdout
    assert "oncilla-lookup" not in shown.stdout
    assert os.listdir(machine.directory / "oncilla") == []
    assert machine.torrc.read_text() == "# the operator's\nLog notice syslog\n"


def test_torrc_is_changed_after_consent_only(machine, socks):
    asked = machine.run("setup", "--torrc", "--socks", socks)
    assert asked.returncode == 1 and "--yes" in asked.stderr, asked
    assert machine.torrc.read_text() == "# the operator's\nLog notice syslog\n"


def test_tor_reads_what_it_has_found_valid(machine, socks):
    ready = machine.directory / "ready"
    with subprocess.Popen(["env", "--default-signal=HUP", "sh", "-c", f"trap 'exit 7' HUP; : > {ready}; while :; do sleep 0.1; done"]) as tor:
        try:
            overlay.wait_until(ready.exists, 20, what="what plays Tor")
            (machine.directory / "run/tor.pid").write_text(f"{tor.pid}\n")
            done = machine.run("setup", "--torrc", "--yes", "--lookup", "ask", "--socks", socks, "--timeout", "0")
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


def test_torrc_is_replaced_whole_with_its_owner_and_mode_and_where_its_link_leads(machine, socks):
    """It was truncated and written in place: a full disk, or a crash, left half of it."""
    kept = machine.directory / "kept"
    kept.mkdir()
    real = kept / "torrc"
    machine.torrc.rename(real)
    os.chown(real, 65534, 65533)
    real.chmod(0o640)
    machine.torrc.symlink_to(real)
    before = real.stat()
    (machine.directory / "run/tor.pid").write_text("none\n")
    done = machine.run("setup", "--torrc", "--yes", "--socks", socks, "--timeout", "0")
    assert done.returncode == 1 and "does not tell its process" in done.stderr, done
    assert machine.torrc.is_symlink() and real.read_text().endswith("%include /etc/tor/oncilla.conf\n")
    after = real.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
    assert after.st_ino != before.st_ino, "another file took its place"
    assert os.listdir(kept) == ["torrc"]


SYSTEMCTL = """#!/bin/sh
echo "$*" >> {log}
case $1 in
  reload-or-restart) echo "Job for $2 failed." >&2; exit 1;;
  restart)
    mkdir -p -m 700 /var/lib/tor/oncilla; echo {name} > /var/lib/tor/oncilla/hostname
    chown -R --reference=/var/lib/tor /var/lib/tor/oncilla;;
esac
"""


@pytest.fixture
def managed(machine):
    """A machine with systemd, whose Tor makes the onion service of `managed.name` when it is restarted."""
    machine.log = machine.directory / "systemctl.log"
    machine.name = overlay.onion_name("managed")
    machine.lib = machine.directory / "lib"
    # Tor examines its directory as its own user, if there is one.
    with contextlib.suppress(LookupError):
        shutil.chown(machine.lib, "debian-tor", "debian-tor")
    machine.lib.chmod(0o700)
    machine.put_program("systemctl", SYSTEMCTL.format(log=machine.log, name=machine.name))
    machine.set_up = lambda *options: machine.run("setup", "--torrc", "--yes", "--timeout", "0", *options,
                                                  has_systemd=True)
    return machine


def test_a_tor_that_cannot_be_reloaded_is_restarted_after_that_was_said(managed, socks):
    """Debian's unit is reloaded by /bin/kill of procps, which a small system lacks."""
    done = managed.set_up("--lookup", "ask", "--socks", socks)
    assert "Tor cannot be reloaded here (Job for tor@default.service failed.): it is restarted" in done.stdout, done
    asked = managed.log.read_text().splitlines()
    assert asked[:2] == ["reload-or-restart tor@default.service", "restart tor@default.service"]
    assert "enable --now oncilla.service" in asked, "setup goes on"


def test_by_torrc_a_host_is_found_by_its_address_with_nothing_left_to_be_done_by_hand(managed, socks):
    done = managed.set_up("--socks", socks)
    assert done.returncode == 6 and "not ready after 0 s" in done.stderr, done
    told = json.loads(oncilla("lookup-key", managed.name, "--json").stdout)
    directory = managed.lib / "oncilla-lookup"
    assert (directory / "hostname").read_text() == told["name"] + "\n"
    for path, mode in ((directory, 0o700), *((path, 0o600) for path in directory.iterdir())):
        assert stat.S_IMODE(path.stat().st_mode) & 0o777 == mode, path
        assert (path.stat().st_uid, path.stat().st_gid) == (managed.lib.stat().st_uid, managed.lib.stat().st_gid), path
    assert sorted(path.name for path in directory.iterdir()) == ["hostname", "hs_ed25519_public_key",
                                                                 "hs_ed25519_secret_key"]
    lines = (managed.directory / "tor/oncilla-lookup.conf").read_text().splitlines()[1:]
    port = re.fullmatch(r"HiddenServicePort 8060 (127\.0\.0\.1:\d+)", lines[1]).group(1)
    assert lines[0] == "HiddenServiceDir /var/lib/tor/oncilla-lookup"
    written = (managed.directory / "oncilla/conf.d/10-setup.conf").read_text()
    assert f"lookup = serve\nlookup-listen = {port}\n" in written
    torrc = managed.torrc.read_text()
    assert re.findall("^%include (.*)$", torrc, re.MULTILINE) == ["/etc/tor/oncilla.conf", "/etc/tor/oncilla-lookup.conf"]
    # Again, as far as it came and from the beginning: the same.
    kept = {path: path.read_bytes() for path in directory.iterdir()}
    assert "configured already" in managed.set_up("--socks", socks).stdout
    (managed.directory / "oncilla/conf.d/10-setup.conf").unlink()
    assert managed.set_up("--socks", socks).returncode == 6
    assert managed.torrc.read_text() == torrc
    assert {path: path.read_bytes() for path in directory.iterdir()} == kept


def test_a_later_run_that_serves_no_lookup_ends_that_of_an_earlier_one(managed, socks):
    """Its line stayed in torrc, and Tor went on to tell whoever had the address."""
    operators = managed.torrc.read_text()
    configured = managed.directory / "oncilla/conf.d/10-setup.conf"
    lookup = managed.directory / "tor/oncilla-lookup.conf"
    includes = lambda: re.findall("^%include (.*)$", managed.torrc.read_text(), re.MULTILINE)

    def serve():
        assert managed.set_up("--socks", socks).returncode == 6
        assert includes() == ["/etc/tor/oncilla.conf", "/etc/tor/oncilla-lookup.conf"] and lookup.exists()

    serve()
    # Where it is configured already, too: that is told, with what is left to be done.
    shown = managed.run("setup", "--dry-run", "--lookup", "ask", "--no-start", has_systemd=True)
    assert "Would take this line from /etc/tor/torrc:\n    %include /etc/tor/oncilla-lookup.conf\n" in shown.stdout
    assert len(includes()) == 2 and lookup.exists()
    for options in (["--lookup", "ask"], ["--lookup", "off"], ["--private"]):
        managed.log.write_text("")
        done = managed.set_up("--socks", socks, *options)
        assert done.returncode == 1 and f"lookup = {'off' if 'off' in options else 'ask'}" in done.stderr, done
        assert "Removes /etc/tor/oncilla-lookup.conf." in done.stdout
        assert includes() == ["/etc/tor/oncilla.conf"] and not lookup.exists()
        assert managed.torrc.read_text().count("# By 'oncilla setup':") == 1
        assert managed.log.read_text().splitlines()[0] == "reload-or-restart tor@default.service"
        configured.unlink()
        serve()
    # Where it is not, as after a run that was cut short.
    configured.unlink()
    assert managed.set_up("--socks", socks, "--lookup", "ask").returncode == 6
    assert includes() == ["/etc/tor/oncilla.conf"] and not lookup.exists()
    assert "lookup = ask\n" in configured.read_text()
    assert managed.torrc.read_text().startswith(operators)
    # A file that the operator has changed is his.
    configured.unlink()
    serve()
    configured.unlink()
    lookup.write_text(lookup.read_text() + "HiddenServicePort 80\n")
    before = managed.torrc.read_text()
    done = managed.set_up("--socks", socks, "--lookup", "ask")
    assert done.returncode == 1 and "oncilla-lookup.conf says something else" in done.stderr, done
    assert managed.torrc.read_text() == before and lookup.exists() and not configured.exists()


def test_what_tor_does_not_accept_without_the_lookup_is_undone_too(managed, socks):
    assert managed.set_up("--socks", socks).returncode == 6
    managed.torrc.write_text(managed.torrc.read_text() + "NoSuchOption 1\n")
    before = managed.torrc.read_text()
    done = managed.set_up("--socks", socks, "--lookup", "ask")
    assert done.returncode == 1 and "NoSuchOption" in done.stderr, done
    assert managed.torrc.read_text() == before and (managed.directory / "tor/oncilla-lookup.conf").exists()


def test_why_tor_refuses_is_told(managed, socks):
    (managed.lib / "oncilla").mkdir(mode=0o755)
    (managed.lib / "oncilla").chmod(0o777)
    refused = managed.set_up("--socks", socks)
    assert refused.returncode == 1 and "/var/lib/tor/oncilla" in refused.stderr, refused
    assert managed.torrc.read_text() == "# the operator's\nLog notice syslog\n"


def test_a_directory_with_another_key_is_left_alone(managed, socks):
    other = overlay.onion_name("other")
    directory = managed.lib / "oncilla-lookup"
    assert oncilla("lookup-key", other, "--write", directory).returncode == 0
    done = managed.set_up("--socks", socks)
    assert done.returncode == 1 and "not this host's lookup name, and is left alone" in done.stderr, done
    assert os.listdir(managed.directory / "oncilla") == [], "not configured, so that it can be run again"
    assert not (managed.directory / "tor/oncilla-lookup.conf").exists()
    shutil.rmtree(directory)
    assert managed.set_up("--socks", socks).returncode == 6


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


def test_the_answer_to_an_invitation_ends_it(machine):
    """The other side's join printed an invitation again, and so on for ever."""
    (machine.directory / "oncilla/conf.d").mkdir()
    own = overlay.onion_name("own")
    (machine.directory / "oncilla/conf.d/own.conf").write_text(f"onion = {own}\n")
    label = overlay.onion_name("friend").removesuffix(".onion")
    joined = machine.run("join", f"oncilla1:{label}", "alice")
    answer = re.search(r"^  oncilla join (\S+)$", joined.stdout, re.MULTILINE).group(1)
    assert answer == f"oncilla1a:{own.removesuffix('.onion')}"
    label = overlay.onion_name("other friend").removesuffix(".onion")
    ended = machine.run("join", f"oncilla1a:{label}", "bob")
    assert ended.returncode == 0 and "You and bob know each other.\n" in ended.stdout, ended
    assert "oncilla join" not in ended.stdout
    # Who is a peer keeps the name that he has here.
    again = machine.run("join", f"oncilla1a:{label}")
    assert again.returncode == 0 and "You and bob know each other.\n" in again.stdout, again
    other = machine.run("join", f"oncilla1a:{label}", "robert")
    assert other.returncode == 1 and "a peer already, called 'bob'" in other.stderr, other
    # Who is written down by hand stays as he is there.
    label = overlay.onion_name("old friend").removesuffix(".onion")
    with (machine.directory / "oncilla/conf.d/own.conf").open("a") as own_file:
        own_file.write(f"[peer carol]\nname = {label}.onion\n")
    ended = machine.run("join", f"oncilla1a:{label}")
    assert ended.returncode == 0 and "You and carol know each other.\n" in ended.stdout, ended
    assert sorted(os.listdir(machine.directory / "oncilla/peers.d")) == ["alice.conf", "bob.conf"]


def test_setup_is_for_root(machine):
    refused = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", overlay.BINARY, "setup"],
                             capture_output=True, text=True, timeout=20)
    assert refused.returncode == 4 and "sudo oncilla setup" in refused.stderr, refused
