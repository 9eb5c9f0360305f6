"""From an address, a name or a petname to all of them: what needs no daemon, and what a daemon tells of names."""

import json
import subprocess

import pytest

from overlay import BINARY, oncilla, onion_name, overlay_address, wait_until

# What is told of a name, whoever tells it.
MEMBERS = ["schema", "petname", "address", "name", "source", "reached", "age_seconds", "expires_seconds", "told_by", "search_ms"]
OWN, BOB, CAROL = (onion_name(f"resolve {name}") for name in ("own", "bob", "carol"))


@pytest.fixture
def offline(tmp_path):
    """offline("bob") resolves with a configuration in /etc/oncilla, and no daemon."""
    (tmp_path / "etc/oncilla").mkdir(parents=True)
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{overlay_address(CAROL)} {CAROL}\n")
    (tmp_path / "etc/oncilla/oncilla.conf").write_text(
        f"onion = {OWN}\npeer = bob={BOB}\nhosts = {hosts}\ncontrol = {tmp_path}/none.sock\n")

    def run(text):
        script = f'mount --bind {tmp_path}/etc /etc && exec "$@"'
        return subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", BINARY, "resolve", text, "--json"],
                              capture_output=True, text=True, timeout=10)

    return run


def test_what_the_host_knows_needs_no_daemon(offline):
    for text, name, source in (("bob", BOB, "configuration"), (overlay_address(BOB), BOB, "configuration"),
                               (BOB, BOB, "configuration"), (overlay_address(OWN), OWN, "own"),
                               (overlay_address(CAROL), CAROL, "hosts_file"),
                               (f"http://{CAROL}:8060/", CAROL, "given"),
                               ("7fd22jhmqgfl45j6.onion", "7fd22jhmqgfl45j6.onion", "given")):
        result = offline(text)
        assert result.returncode == 0, (text, result)
        known = json.loads(result.stdout)
        assert (known["name"], known["address"], known["source"]) == (name, str(overlay_address(name)), source)
        assert known["petname"] == ("bob" if name == BOB else None)
        assert list(known) == MEMBERS and {known[member] for member in MEMBERS[5:]} == {None}, known
    assert offline(overlay_address(onion_name("nobody"))).returncode == 3
    assert offline("nonsense").returncode != 0


def test_the_daemon_tells_who_told_a_name_and_counts_conflicts(daemons, namespaces, proxy, wire_peer):
    # The caller is not dialled, so that it is no acquaintance, who would be asked.
    daemon = daemons(onion=OWN, netns=namespaces(), socks=proxy.address, peers=[f"bob={BOB}"], authenticate="off")
    daemon.wait_for_interface()
    control = ["--control", daemon.directory / "control.sock"]
    peer = wire_peer("caller")
    call = peer.call(daemon)

    def known():
        result = oncilla("resolve", peer.address, "--json", *control)
        return result.returncode == 0 and json.loads(result.stdout)

    wait_until(known, 5, what="the caller's name")
    told = known()
    assert list(told) == MEMBERS
    assert (told["source"], told["told_by"], told["search_ms"]) == ("keepalive", {"kind": "host"}, None)
    text = oncilla("resolve", peer.address, *control).stdout
    assert "source   keepalive\n" in text and "expires  in " in text, text
    assert "bob" in oncilla("resolve", overlay_address(BOB), *control).stdout
    missing = oncilla("resolve", overlay_address(onion_name("nobody")), *control)
    assert missing.returncode == 7 and len(missing.stderr.splitlines()) == 1, missing
    names = json.loads(oncilla("names", "--json", *control).stdout)
    assert names["conflicts"] == 0 and len(names["names"]) == 3
    assert [list(name) for name in names["names"]] == [[*MEMBERS[1:], "identity"]] * 3
    assert call is not None
