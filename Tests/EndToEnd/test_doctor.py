"""`oncilla doctor` on set-ups that are broken on purpose: each fault is told, with what helps."""

import contextlib
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import types

import pytest

import overlay
from overlay import BINARY, free_port, onion_name
from tor_control import LoneTor

NAME = onion_name("doctor")


@pytest.fixture
def patient(host, proxy):
    """patient.doctor() asks the doctor about a configuration whose interface is in a namespace; patient.check("SOCKS port")
    is the line of one check. `patient.settings` are the lines of the configuration, `patient.torrc` that of Tor."""
    # pytest's own is closed to the users that some tests need.
    tmp_path = pathlib.Path(tempfile.mkdtemp(prefix="oncilla-test-"))
    tmp_path.chmod(0o755)
    made = types.SimpleNamespace(host=host, proxy=proxy, directory=tmp_path, port=free_port())
    made.settings = {"onion": NAME, "netns": str(host), "socks": proxy.address, "listen": f"127.0.0.1:{made.port}",
                     "state-dir": tmp_path / "state", "control": tmp_path / "control.sock"}
    made.torrc = None
    made.prefix = []
    made.mounts = []

    def run(*arguments):
        lines = [f"{key} = {value}" for key, value in made.settings.items() if value is not None]
        (tmp_path / "oncilla.conf").write_text("\n".join(lines) + "\n")
        binary = str(BINARY)
        if made.prefix:
            binary = shutil.copy(BINARY, tmp_path / "oncilla")
        command = [*made.prefix, str(binary), "doctor", "--config", str(tmp_path / "oncilla.conf"), *arguments]
        mounts = list(made.mounts)
        if made.torrc is not None:
            tor = tmp_path / "tor"
            tor.mkdir(exist_ok=True)
            (tor / "torrc").write_text(made.torrc)
            mounts.append(f"mount --bind {tor} /etc/tor")
        if mounts:
            os.makedirs("/etc/tor", exist_ok=True)
            script = " && ".join(mounts) + ' && exec "$@"'
            command = ["unshare", "--mount", "sh", "-c", script, "sh", *command]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)

    def check(subject, status=None):
        result = run()
        assert result.stderr == "", result
        assert status is None or result.returncode == status, result.stdout
        lines = [line for line in result.stdout.splitlines() if re.match(rf"\w+ +{subject}: ", line)]
        assert len(lines) == 1, result.stdout
        assert ("\nwrong " in "\n" + result.stdout) == (result.returncode == 1), result.stdout
        return re.sub(r"^(\w+) +", r"\1 ", lines[0])

    made.doctor, made.check = run, check
    yield made
    shutil.rmtree(tmp_path, ignore_errors=True)


def start(daemons, patient, **changes):
    """The daemon of the patient's configuration, and its interface."""
    arguments = {"onion": NAME, "netns": patient.host, "socks": patient.proxy.address,
                 "listen": [f"127.0.0.1:{patient.port}"], **changes}
    daemon = daemons(**arguments)
    patient.settings["control"] = daemon.directory / "control.sock"
    daemon.wait_for_line(": interface up")
    return daemon


def test_a_healthy_host(patient, daemons):
    (patient.directory / "service").mkdir()
    (patient.directory / "service/hostname").write_text(NAME)
    patient.torrc = (f"HiddenServiceDir {patient.directory}/service\n"
                     f"HiddenServicePort 8060 127.0.0.1:{patient.port}\n")
    patient.proxy.connect(NAME, patient.port)
    daemon = start(daemons, patient)
    daemon.wait_for_line(": ready, loop")
    result = patient.doctor()
    assert result.returncode == 0 and "wrong" not in result.stdout.replace("nothing is wrong", ""), result.stdout
    assert result.stdout.splitlines()[-1].startswith("nothing is wrong, of 24"), result.stdout
    # The proxy is reached over TCP.
    assert re.search(r"^note  SOCKS port: .* over TCP one download ", result.stdout, re.MULTILINE), result.stdout
    for subject in ("tun device", "onion service", "second daemon", "guard", "routes", "MTU", "daemon",
                    "published", "loop"):
        assert re.search(rf"^ok    {subject}: ", result.stdout, re.MULTILINE), (subject, result.stdout)
    assert f"(process {daemon.pid})" in patient.check("daemon")
    assert "\x1b" not in result.stdout


def test_a_host_that_somebody_hides(patient, daemons):
    """The daemon has found out that its lookup name is served by another, and torrc serves it by the next one, or not."""
    port = free_port()
    patient.settings.update({"lookup": "serve", "lookup-listen": f"127.0.0.1:{port}"})
    names = [json.loads(overlay.oncilla("lookup-key", NAME, "--index", index, "--json").stdout)["name"]
             for index in range(2)]
    lines = []
    for index, name in enumerate(names):
        (patient.directory / f"lookup{index}").mkdir()
        (patient.directory / f"lookup{index}/hostname").write_text(name)
        lines.append(f"HiddenServiceDir {patient.directory}/lookup{index}\nHiddenServicePort 8060 127.0.0.1:{port}\n")
    patient.torrc = lines[0]
    with socket.create_server(("127.0.0.1", 0)) as liar:
        def say_nothing():
            with contextlib.suppress(OSError):
                while True:
                    liar.accept()[0].close()

        patient.proxy.serve_lookup(names[0], liar.getsockname()[1])
        threading.Thread(target=say_nothing, daemon=True).start()
        assert patient.check("lookup") == f"ok lookup: {patient.directory}/lookup0 serves this host's lookup name"
        daemon = start(daemons, patient, lookup="serve",
                       options=["--lookup-listen", f"127.0.0.1:{port}", "--lookup-check", "1"])
        daemon.wait_for_line("somebody else serves its lookup name 0", timeout=30)
        line = patient.check("lookup", status=1)
        assert f"has the lookup name {names[1]}, which strangers ask because somebody else serves the one before" in line
        assert f"--index 1 --write /var/lib/tor/oncilla-lookup-1' makes its key, 'HiddenServiceDir " in line, line
        patient.torrc += lines[1]
        assert "lookup0 and " in patient.check("lookup") and patient.check("lookup").startswith("note lookup: ")
        patient.proxy.serve_lookup(names[1], port)
        daemon.wait_for_line("found by its address, at its lookup name 1", timeout=30)
        assert patient.check("lookup").endswith("and the daemon found itself")


def test_json(patient):
    result = patient.doctor("--json")
    found = json.loads(result.stdout)
    assert len(result.stdout.splitlines()) == 1 and found["healthy"] is (result.returncode == 0)
    by_name = {check["check"]: check for check in found["checks"]}
    assert found["schema"] == 1 and list(found) == ["schema", "healthy", "checks"]
    assert len(by_name) == 24 and by_name["guard"]["finding"] == "wrong" and "guard on" in by_name["guard"]["remedy"]
    assert all(set(check) == {"check", "finding", "text", "remedy"} for check in found["checks"])
    assert {check["finding"] for check in found["checks"]} <= {"ok", "note", "wrong", "skipped"}


def test_it_changes_nothing(patient):
    before = (patient.host.routes(), sorted(os.listdir(patient.directory)))
    patient.doctor()
    patient.doctor()
    assert before[0] == patient.host.routes()
    assert set(os.listdir(patient.directory)) - set(before[1]) == {"oncilla.conf"}


def test_a_web_server_at_the_socks_port(patient):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    patient.settings["socks"] = f"127.0.0.1:{server.server_port}"
    line = patient.check("SOCKS port", status=1)
    server.shutdown()
    server.server_close()
    assert line.startswith("wrong SOCKS port: 127.0.0.1:") and "--socks names Tor's" in line, line


def test_something_that_answers_at_once_at_the_socks_port(patient):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        patient.settings["socks"] = f"127.0.0.1:{listener.getsockname()[1]}"
        assert "is answered by a web server, which is no SOCKS server" in patient.check("SOCKS port", status=1)


def test_nobody_at_the_socks_port(patient):
    patient.settings["socks"] = f"127.0.0.1:{free_port()}"
    assert "systemctl enable --now tor" in patient.check("SOCKS port", status=1)


def test_ipv6_is_switched_off(patient):
    patient.host.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
    line = patient.check("kernel IPv6")
    assert line.startswith("ok kernel IPv6: IPv6 is switched off on new interfaces"), line
    patient.host.ip("link add oncilla0 type veth peer name far")
    line = patient.check("kernel IPv6", status=1)
    assert line.startswith("wrong ") and "sysctl -w net.ipv6.conf.oncilla0.disable_ipv6=0" in line, line
    assert "conf.all" not in patient.doctor().stdout


def test_a_namespace_that_is_not_there(patient):
    patient.settings["netns"] = "no-such-namespace"
    assert "ip netns add" in patient.check("kernel IPv6", status=1)
    for subject in ("guard", "routes", "MTU", "firewall"):
        assert patient.check(subject).startswith("skip "), subject


def test_no_guard(patient):
    line = patient.check("guard", status=1)
    assert "fd87:d87e:eb43::/48 is not guarded" in line and f"guard on --netns {patient.host}" in line, line
    command = re.search(r"'oncilla (guard on [^']*)'", line).group(1)
    subprocess.run([str(BINARY), *command.split(), "--config", "/dev/null"], check=True, capture_output=True)
    assert patient.check("guard").startswith("ok guard: "), "what was advised helps"


def test_the_overlay_leads_elsewhere(patient):
    patient.host.ip("link add other type veth peer name far")
    patient.host.ip("link set far up")
    patient.host.ip("link set other up")
    patient.host.ip("-6 route add default dev other")
    assert "leave through other" in patient.check("routes", status=1)


def test_a_rule_of_another_vpn(patient):
    patient.host.ip("-6 rule add to fd87:d87e:eb43::/48 lookup 77 priority 100")
    assert "the policy rule 100 of another program is asked before ours" in patient.check("routes", status=1)


def test_a_routed_prefix_that_leads_elsewhere(patient, daemons):
    route = "10.77.0.0/16"
    options = ["--ipv4", "--peer", f"bob={onion_name('bob')}", "--route", f"{route},via=bob"]
    patient.settings.update({"ipv4": "yes", "peer": f"bob={onion_name('bob')}", "route": f"{route},via=bob"})
    start(daemons, patient, options=options)
    assert patient.check("routes") == f"ok routes: fd87:d87e:eb43::/48, {route} lead to oncilla0"
    patient.host.ip("link add other type veth peer name far")
    patient.host.ip("link set far up")
    patient.host.ip("link set other up")
    patient.host.ip("route add 10.77.0.0/24 dev other")
    assert f"packets for {route} leave through other, and not through oncilla0" in patient.check("routes", status=1)


def test_a_torrc_that_leads_elsewhere(patient):
    service = patient.directory / "service"
    service.mkdir()
    (service / "hostname").write_text(NAME + "\n")
    patient.torrc = f"HiddenServiceDir {service}\nHiddenServicePort 8060 127.0.0.1:1\n"
    line = patient.check("onion service", status=1)
    assert f"'HiddenServicePort 8060 127.0.0.1:{patient.port}'" in line, line
    patient.torrc = f"HiddenServiceDir {service}\nHiddenServicePort 8060 127.0.0.1:{patient.port}\n"
    assert patient.check("onion service").startswith("ok ")
    patient.torrc += "HiddenServiceExportCircuitID haproxy\n"
    assert "HiddenServiceExportCircuitID" in patient.check("onion service", status=1)
    patient.torrc = "SocksPort 9050\n"
    assert "no HiddenServiceDir" in patient.check("onion service", status=1)


def test_a_second_daemon(patient, daemons):
    start(daemons, patient)
    assert patient.check("second daemon").startswith("ok ")
    patient.settings["listen"] = f"127.0.0.1:{free_port()}"
    assert "has this host's name and does not listen at" in patient.check("second daemon", status=1)
    patient.settings["onion"], patient.settings["listen"] = onion_name("twin"), f"127.0.0.1:{patient.port}"
    assert "listens at" in patient.check("second daemon", status=1)


def test_another_program_at_the_listener(patient):
    with socket.create_server(("127.0.0.1", patient.port)):
        line = patient.check("second daemon", status=1)
    assert f"(process {os.getpid()}) listens at 127.0.0.1:{patient.port}" in line, line


def test_listeners_that_strangers_reach(patient):
    sockets = [patient.host.socket() for _ in range(2)] + [patient.host.socket(kind=socket.SOCK_DGRAM)]
    with contextlib.ExitStack() as stack:
        for number, (opened, address) in enumerate(zip(sockets, ("::", "::1", "::"))):
            stack.enter_context(opened)
            opened.bind((address, 7001 + number))
            if opened.type == socket.SOCK_STREAM:
                opened.listen()
        line = patient.check("firewall")
        assert line == "ok firewall: the door is closed to strangers for tcp 7001; udp 7003"
        patient.settings["allow-in"] = "any"
        line = patient.check("firewall")
        assert line.startswith("note firewall: ") and "reaches tcp 7001; udp 7003 by" in line, line
        if patient.host.run("nft -f " + str(pathlib.Path(__file__).parents[2] / "contrib/oncilla.nft"),
                            check=False).returncode == 0:
            assert "inet oncilla stands before" in patient.check("firewall")
    assert patient.check("firewall") == "ok firewall: nothing listens where peers could reach it"


def test_forwarding_is_off(patient):
    patient.settings["serve"] = "fd00:77::/64"
    line = patient.check("forwarding", status=1)
    assert line.startswith("wrong forwarding: ") and "sysctl -w net.ipv6.conf.all.forwarding=1" in line, line
    patient.host.sysctl("net.ipv6.conf.all.forwarding", 1)
    assert patient.check("forwarding").startswith("ok ")


def test_a_hostname_file_that_the_daemon_cannot_read(patient):
    service = patient.directory / "service"
    service.mkdir(mode=0o700)
    (service / "hostname").write_text(NAME)
    patient.settings.update({"onion": None, "hostname-file": service / "hostname", "netns": None})
    assert patient.check("hostname file").startswith("ok ")
    patient.prefix = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
    line = patient.check("hostname file", status=1)
    assert line.startswith("wrong ") and f"LoadCredential=hostname:{service}/hostname" in line, line


def test_a_hostname_file_that_the_services_user_cannot_read(patient):
    """Root asks, and the service would run as nobody."""
    service = patient.directory / "service"
    service.mkdir(mode=0o700)
    (service / "hostname").write_text(NAME)
    units = patient.directory / "units"
    units.mkdir()
    (units / "oncilla.service").write_text("[Service]\nUser=nobody\n")
    patient.settings.update({"onion": None, "hostname-file": service / "hostname"})
    os.makedirs("/etc/systemd/system", exist_ok=True)
    patient.mounts = [f"mount --bind {units} /etc/systemd/system"]
    line = patient.check("hostname file", status=1)
    assert line.startswith("wrong hostname file: nobody, as which the daemon runs, cannot read it: "), line
    service.chmod(0o755)
    assert patient.check("hostname file").endswith("can be read by nobody")


def test_a_state_directory_that_is_read_only(patient, daemons):
    state = patient.directory / "state"
    state.mkdir(mode=0o700)
    assert patient.check("state directory").startswith("ok ")
    patient.mounts = [f"mount --bind {state} {state}", f"mount -o remount,bind,ro {state}"]
    line = patient.check("state directory", status=1)
    assert "Read-only file system" in line and "--state-dir" in line, line


def test_a_daemon_says_at_its_start_that_nothing_can_be_kept(patient, daemons):
    state = patient.directory / "state"
    state.mkdir(mode=0o700)
    daemon = start(daemons, patient, state_dir=state, prefix=[
        "unshare", "--mount", "sh", "-c",
        f'mount --bind {state} {state} && mount -o remount,bind,ro {state} && exec "$@"', "sh"])
    daemon.wait_for_line(rf"nothing can be kept in {state}.*Read-only file system")
    assert daemon.log().count("nothing can be kept") == 1


def test_an_mtu_that_ipv6_cannot_live_with(patient, daemons):
    daemon = start(daemons, patient)
    patient.host.ip("link set oncilla0 mtu 1400")
    assert patient.check("MTU").startswith("note MTU: that of oncilla0 is 1400, and not 1500")
    patient.host.ip("link set oncilla0 mtu 1500")
    patient.settings["mtu"] = 1400
    line = patient.check("MTU")
    assert line.startswith("note MTU: that of oncilla0 is 1500, and not 1400; 'systemctl restart "), line
    del patient.settings["mtu"]
    daemon.stop()
    patient.host.ip("link add oncilla0 type veth peer name far")
    patient.host.ip("link set oncilla0 mtu 1000")
    assert "IPv6 needs 1280" in patient.check("MTU", status=1)


def test_a_daemon_whose_loop_does_not_come_back(patient, daemons):
    patient.proxy.connect(NAME, free_port())
    daemon = start(daemons, patient)
    daemon.wait_for_line(": not ready: ", timeout=20)
    line = patient.check("loop", status=1)
    assert line.startswith("wrong loop: not ready: ") and f"127.0.0.1:{patient.port}" in line, line
    assert patient.check("published").startswith("skip ")
    daemon.stop()
    assert patient.check("loop") == "skip loop: the daemon is not asked"
    assert patient.check("daemon").startswith("note daemon: it does not run")


@pytest.mark.parametrize("line, expected", [("mtu = 12", "mtu '12'"), ("mtuu = 1300", "did you mean mtu")])
def test_a_wrong_configuration(patient, line, expected):
    patient.settings["onion"] = f"{NAME}\n{line}"
    assert expected in patient.check("configuration", status=1)


def test_arguments():
    result = overlay.oncilla("doctor", "nonsense")
    assert result.returncode == 2 and "unexpected argument" in result.stderr


def test_a_tor_that_is_starting_and_a_key_that_nobody_has_a_copy_of(patient, daemons):
    with LoneTor() as tor:
        patient.settings.update({"onion": None, "tor-control": f"unix:{tor.control}", "publish": "tor"})
        assert patient.check("identity backup").startswith("skip ")
        line = patient.check("Tor bootstrap", status=1)
        assert line.startswith("wrong Tor bootstrap: Tor is starting (0 %)"), line
        daemon = start(daemons, patient, onion=None, state_dir=patient.settings["state-dir"],
                       options=["--tor-control", f"unix:{tor.control}", "--publish", "tor"])
        assert patient.check("onion service") == "ok onion service: Tor makes it at the daemon's word"
        line = patient.check("identity backup")
        assert line.startswith("note identity backup: ") and "'oncilla identity backup FILE'" in line, line
        overlay.oncilla("identity", "backup", "--state-dir", daemon.state_dir, patient.directory / "copy")
        assert patient.check("identity backup").startswith("ok identity backup: the key was last backed up at 20")
        daemon.stop()
    assert patient.check("Tor bootstrap", status=1).startswith("wrong Tor bootstrap: there is no ")


def test_no_name_of_a_host_is_told(patient, daemons):
    """The report of a doctor is pasted into issues."""
    service = patient.directory / "service"
    service.mkdir()
    (service / "hostname").write_text(NAME)
    patient.torrc = f"HiddenServiceDir {service}\nHiddenServicePort 8060 127.0.0.1:1\n"
    patient.proxy.connect(NAME, patient.port)
    start(daemons, patient).wait_for_line(": ready, loop")
    told = patient.doctor().stdout
    assert NAME.removesuffix(".onion") not in told and NAME[40:56] not in told, told
