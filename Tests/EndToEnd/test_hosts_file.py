"""Lines for /etc/hosts: what export-hosts prints, and the block that a daemon keeps."""

import os
import pathlib
import subprocess

from overlay import oncilla, onion_name, overlay_address, wait_until

BOB, CAROL, DAVE = (onion_name(f"hosts {name}") for name in ("bob", "carol", "dave"))
# What this host is called, so that nobody else is asked.
OWN = [f"{address} host.self.oncilla.internal" for address in (overlay_address(onion_name("own")), "fd87:d87e:eb43::dead:beef")]


def line(name, petname=None):
    names = f"{petname}.oncilla.internal {petname} " if petname else ""
    return f"{overlay_address(name)} {names}{name}"


def test_export_hosts_works_offline(tmp_path):
    configuration = tmp_path / "oncilla.conf"
    configuration.write_text(f"onion = {onion_name('own')}\npeer = bob={BOB}\npeer = {CAROL}\n")
    result = oncilla("export-hosts", "--config", configuration)
    assert result.stdout.splitlines() == [line(BOB, "bob"), line(CAROL), *OWN], result
    hosts = tmp_path / "hosts"
    hosts.write_text(result.stdout)
    script = f"mount --bind {hosts} /etc/hosts && getent hosts bob; getent hosts bob.oncilla.internal; getent hosts {CAROL}"
    result = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True)
    assert [text.split()[0] for text in result.stdout.splitlines()] \
        == [str(overlay_address(name)) for name in (BOB, BOB, CAROL)], result
    configuration.write_text(configuration.read_text() + "dns-zone = x.test\n")
    exported = oncilla("export-hosts", "--config", configuration).stdout
    assert "bob.x.test" in exported and "dead:beef host.self.x.test\n" in exported
    configuration.write_text("peer = nonsense\n")
    assert oncilla("export-hosts", "--config", configuration).returncode == 5


def test_the_daemon_keeps_its_block(daemons, namespaces, tmp_path):
    hosts, configuration = tmp_path / "hosts", tmp_path / "oncilla.conf"
    before = "127.0.0.1 localhost\n\xff # mine"
    hosts.write_bytes(before.encode("latin-1"))
    hosts.chmod(0o640)
    os.chown(hosts, 1, 2)

    def text():
        return hosts.read_bytes().decode("latin-1")

    configuration.write_text(f"onion = {onion_name('own')}\npeer = bob={BOB}\nhosts-file = {hosts}\n")
    daemon = daemons(onion=onion_name("own"), socks="127.0.0.1:9", netns=namespaces(), interface="oncillah",
                     options=["--config", configuration])
    daemon.wait_for_interface()
    begin = before + "\n# BEGIN oncilla oncillah\n# Kept by oncilla: what is changed in here is lost.\n"
    block = "\n".join([line(BOB, "bob"), *OWN])
    wait_until(lambda: text() == f"{begin}{block}\n# END oncilla oncillah\n", what="the block")
    status = hosts.stat()
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o640, 1, 2)
    control = ["--control", daemon.directory / "control.sock"]
    assert oncilla("peer", "add", f"carol={CAROL}", *control).returncode == 0
    assert line(CAROL, "carol") in text()
    assert oncilla("peer", "remove", "bob", *control).returncode == 0
    assert line(BOB, "bob") not in text() and line(CAROL, "carol") in text()
    exported = oncilla("export-hosts", "--config", configuration, "--learned", *control).stdout.splitlines()
    assert exported == [line(BOB, "bob"), *OWN, line(CAROL, "carol")]

    # Marks that are not in order: one line, and nothing is touched.
    broken = text().replace("# END oncilla oncillah\n", "")
    hosts.write_bytes(broken.encode("latin-1"))
    mark = daemon.mark()
    for name in ("dave", "erin"):
        assert oncilla("peer", "add", f"{name}={onion_name(name)}", *control).returncode == 0
    assert text() == broken
    assert daemon.log()[mark:].count("is not kept up to date") == 1 and "'# END oncilla oncillah'" in daemon.log()[mark:]
    hosts.unlink()
    hosts.symlink_to(tmp_path / "elsewhere")
    assert oncilla("peer", "add", f"dora={DAVE}", *control).returncode == 0
    assert not (tmp_path / "elsewhere").exists() and "symbolic link" in daemon.log()[mark:]
    hosts.unlink()
    hosts.write_text("a\n")
    assert oncilla("peer", "remove", "dora", *control).returncode == 0
    assert "kept up to date again" in daemon.log()[mark:] and hosts.read_text().startswith("a\n# BEGIN")

    # Another file, and then none: the block goes from where it is kept no more.
    other = tmp_path / "other"
    configuration.write_text(f"onion = {onion_name('own')}\npeer = bob={BOB}\nhosts-file = {other}\n")
    assert oncilla("reload", *control).returncode == 0
    assert hosts.read_text() == "a\n" and line(BOB, "bob") in other.read_text()
    assert other.stat().st_mode & 0o777 == 0o644
    daemon.stop()
    assert line(BOB, "bob") in other.read_text(), "a name that is not there is asked outside"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hosts", "oncilla.conf", "other"]
