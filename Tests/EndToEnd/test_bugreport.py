"""`oncilla bugreport`: everything that helps, and nobody's name."""

import re

from overlay import oncilla, onion_name, overlay_address

OWN = onion_name("own")
PEERS = {"alice": onion_name("alice"), "bob-the-builder": onion_name("bob")}
STRANGER = onion_name("stranger")


def test_it_tells_how_the_daemon_is_and_not_who(daemons, namespaces, tmp_path):
    host = namespaces("hidden")
    log = tmp_path / "secret-place" / "oncilla.log"
    log.parent.mkdir()
    configuration = tmp_path / "oncilla.conf"
    configuration.write_text(
        f"onion = {OWN}\nlisten = 127.0.0.1:8060\nsocks = 127.0.0.1:9\nlog = {log}\nlog-level = debug\nmtu = 1400\n"
        + f"netns = {host}\ninterface = onc-private\nroute = fd00:b::/48,via=alice\nserve = 2001:db8:77::/48\n"
        + "".join(f"[peer {petname}]\nname = {name}\n" for petname, name in PEERS.items()))
    daemon = daemons(hosts=tmp_path / "hosts", interface=None, log_level=None, listen=["127.0.0.1:8099"],
                     options=["--config", configuration])
    (tmp_path / "hosts").write_text(f"{overlay_address(STRANGER)} {STRANGER}\n")
    control = daemon.directory / "control.sock"
    assert oncilla("wait", "--timeout", "1", "--control", control).returncode in (0, 6, 124)
    host.ping(overlay_address(STRANGER), timeout=1)
    log.write_text(log.read_text() + f"2026-11-28T19:00:00.000Z debug {STRANGER} of 192.0.2.9 said ED25519-V3:{'aB3' * 29}=\n")

    result = oncilla("bugreport", "--control", control, "--config", configuration)
    assert result.returncode == 0 and result.stderr == "", result
    text = result.stdout
    assert text.startswith("Read this before you send it")
    for part in ("Versions", "System", "Configuration", "Daemon", "Leak guards", "Doctor", "Log"):
        assert f"== {part}\n" in text, text
    for kept in ("oncilla 0.1.0", "Linux ", "mtu = 1400", "uptime_seconds: ", "counters", "name: own-1.onion", "peer-1", "peer-2",
                 "fd87:d87e:eb43::/48", "127.0.0.1:9", "wrong SOCKS port: nobody listens"):
        assert kept in text, f"{kept}\n{text}"
    lower = text.lower()
    for name in (OWN, STRANGER, *PEERS.values()):
        label = name.removesuffix(".onion")
        for secret in (label, label[-16:], overlay_address(name), overlay_address(name).split("43:")[1]):
            assert secret not in lower, text
    for secret in (*PEERS, "bob", "builder", str(host), "onc-private", "secret-place", "fd00:b", "2001:db8", "192.0.2.9", "ab3ab3",
                   tmp_path.name):
        assert secret not in lower, f"{secret}\n{text}"
    assert not re.search(r"\b[a-z2-7]{56}\b", lower)


def test_without_a_daemon_and_a_configuration_it_says_so(tmp_path):
    result = oncilla("bugreport", "--control", tmp_path / "nothing", "--config", tmp_path / "none")
    assert result.returncode == 0 and result.stderr == ""
    assert "is not running" in result.stdout and "oncilla check-config" in result.stdout
    assert tmp_path.name not in result.stdout
