"""The set-ups for LANs, by the very commands that the README and the manual give.

Only what must be another here is: where Tor writes names, the name of the peer, and where Tor's SOCKS port is.
"""

import pathlib
import re
import subprocess

import pytest

import overlay
from fake_socks import FakeSocks
from lan import Identity, RoutedLAN, connect, quick
from overlay import wait_until

ROOT = pathlib.Path(__file__).parents[2]


def guides():
    """{heading: its blocks of commands, as they stand in the README}."""
    section = (ROOT / "README.md").read_text().split("## Use it for a LAN\n")[1].split("\n## ")[0]
    found = {}
    for item in section.split("\n-   **")[1:]:
        blocks = re.findall(r"(?:^ {8}.*\n)+", item, re.MULTILINE)
        found[re.match(r"\w+", item).group()] = [re.sub(r"^ {8}", "", block, flags=re.MULTILINE) for block in blocks]
    return found


def manual():
    text = (ROOT / "man/oncilla.1").read_text()
    return text.replace(r"\-", "-").replace(r"\e", "\\").replace(r"\fINAME\fR", "NAME")


def steps(section, indent):
    """The blocks of commands of a section of the README, for a user who is root already."""
    text = (ROOT / "README.md").read_text().split(f"## {section}\n")[1].split("\n## ")[0]
    blocks = re.findall(rf"(?:^ {{{indent}}}\S.*\n)+", text, re.MULTILINE)
    return [re.sub(r"^ *(?:sudo )?", "", block, flags=re.MULTILINE).replace("| sudo ", "| ") for block in blocks]


def step(word):
    [block] = [block for block in steps("Use it", 8) if word in block]
    return block


@pytest.fixture
def proxy(tmp_path):
    with FakeSocks(f"unix:{tmp_path}/socks") as proxy:
        yield proxy


@pytest.fixture
def follow(tmp_path, proxy):
    """follow(block, machine, peer=…, alpha=identity) types a block at a machine whose Tor has these onion services."""
    programs, tor, log_path = tmp_path / "bin", tmp_path / "tor", tmp_path / "log"
    programs.mkdir()
    log_path.touch()
    (programs / "oncilla").write_text(
        f'#!/bin/sh\n[ "$1" = run ] || exec {overlay.BINARY} "$@"\n'
        f'exec {overlay.BINARY} "$@" --socks {proxy.address} --state-dir {tmp_path}/state\n')
    (programs / "oncilla").chmod(0o755)

    def type_in(block, machine, peer=None, **services):
        for directory, identity in services.items():
            (tor / directory).mkdir(parents=True)
            (tor / directory / "hostname").write_text(f"{identity.name}\n")
            proxy.connect(identity.name, identity.listen_port, within=machine)
        text = block.replace("/var/lib/tor", str(tor))
        if peer is not None:
            text = text.replace("NAME.onion", peer.name)
        with open(log_path, "ab") as log:
            return machine.popen(f"set -e; PATH={programs}:$PATH; {text}", stdout=log, stderr=log)

    type_in.wait_until_ready = lambda: wait_until(lambda: ": ready" in log_path.read_text(), 10, what="ready")
    yield type_in
    print(log_path.read_text())


def test_a_bridged_lan(namespaces, daemons, proxy, follow):
    start, join = guides()["Bridged"]
    alice = Identity.of("alice")
    daemon = daemons(onion=alice.name, listen=[f"127.0.0.1:{alice.listen_port}"], netns=namespaces("alice"),
                     socks=proxy.address)
    daemon.wait_for_interface()
    proxy.connect(alice.name, alice.listen_port)
    machine, desk = quick(namespaces("machine")), quick(namespaces("desk"))
    connect(desk, machine, "eth1", 1500)
    own = Identity(overlay.onion_name("desk"), 8061)
    follow(start, machine, alice, desk=own, printer=Identity(overlay.onion_name("printer"), 8062))
    follow.wait_until_ready()
    assert follow(join, machine).wait(10) == 0
    desk.ip(f"-6 addr add {own.address}/48 dev eth0")
    wait_until(lambda: desk.can_ping(alice.address), 30, what="the desk to reach alice")
    wait_until(lambda: daemon.host.can_ping(own.address), 10, what="alice to reach the desk")
    # The machine itself, with an address on the bridge, as the manual has it, and as alice would if she were on the LAN.
    [itself] = [block for block in re.findall(r"\.nf\n(.*?)\.fi\n", manual(), re.DOTALL) if "dev br0 nodad" in block]
    third = Identity(overlay.onion_name("machine"), 8063)
    assert follow(itself, machine, oncilla=third).wait(10) == 0
    wait_until(lambda: machine.can_ping(own.address), 10, what="the machine to reach the desk")
    wait_until(lambda: desk.can_ping(third.address), 10, what="the desk to reach the machine")


@pytest.mark.parametrize("heading", ["Routed", "IPv4"])
def test_a_routed_lan(namespaces, daemons, proxy, follow, heading):
    [start] = guides()[heading]
    own = Identity(overlay.onion_name("a"), 8060)
    near = RoutedLAN(namespaces, "a", "fd00:a::/48", identity=own, ipv4="10.10.0.0/16")
    far = RoutedLAN(namespaces, "b", "fd00:b::/48", ipv4="10.20.0.0/16")
    near.gateway.sysctl("net.ipv6.conf.all.forwarding", 0)
    near.gateway.sysctl("net.ipv4.ip_forward", 0)
    far.run(daemons, proxy, [near])
    follow(start, near.gateway, far.identity, oncilla=own)
    follow.wait_until_ready()
    address = "address" if heading == "Routed" else "ipv4"
    for source, destination in ((near, far), (far, near)):
        wait_until(lambda: source.hosts[0].can_ping(getattr(destination.hosts[0], address)), 20, what="an answer")


def test_ipv4_between_single_hosts(namespaces, daemons, proxy, follow):
    [start] = [block for block in re.findall(r"\.nf\n(.*?)\.fi\n", manual(), re.DOTALL) if "--ipv4-address" in block]
    here, own, bob = namespaces("here"), Identity(overlay.onion_name("a"), 8060), Identity.of("bob")
    there = daemons(onion=bob.name, listen=[f"127.0.0.1:{bob.listen_port}"], netns=namespaces("there"),
                    socks=proxy.address, peers=[own.name], options=[
                        "--ipv4", "--ipv4-address", "10.99.0.2/32", "--serve", "10.99.0.2/32",
                        "--route", f"10.99.0.1/32,via={own.name}"])
    proxy.connect(bob.name, bob.listen_port)
    follow(start.replace("NAME", "NAME.onion"), here, bob, oncilla=own)
    follow.wait_until_ready()
    wait_until(lambda: here.can_ping("10.99.0.2"), 20, what="an answer")
    wait_until(lambda: there.host.can_ping("10.99.0.1"), 20, what="an answer")


def test_the_filter_lets_in_what_it_says_and_nothing_else(namespaces, daemons, proxy):
    alice, bob = Identity.of("alice"), Identity.of("bob")
    here, there = (daemons(onion=one.name, listen=[f"127.0.0.1:{one.listen_port}"], netns=namespaces(label),
                           socks=proxy.address, peers=[other.name])
                   for label, one, other in (("here", alice, bob), ("there", bob, alice)))
    for one in (alice, bob):
        proxy.connect(one.name, one.listen_port)
    wait_until(lambda: there.host.can_ping(alice.address), 20, what="an answer")
    [load] = [line for line in step("nftables").splitlines() if line.startswith("nft ")]
    for _ in range(2):
        here.host.run(load.replace("/etc/oncilla.nft", str(ROOT / "contrib/oncilla.nft")))
    assert there.host.can_ping(alice.address)

    def connects(source, destination, address, port):
        with destination.host.socket() as listener, source.host.socket() as caller:
            listener.bind((address, port))
            listener.listen()
            caller.settimeout(2)
            return caller.connect_ex((address, port)) == 0

    assert connects(there, here, alice.address, 22)
    assert not connects(there, here, alice.address, 80)
    assert connects(here, there, bob.address, 80), "what this host begins is answered"


def test_a_namespace_for_some_programs(namespaces, daemons, proxy, follow):
    start, use = [block for block in steps("What Tor gives, and what it does not", 4)
                  if "netns" in block or "oncilla exec" in block]
    assert "\n".join(start.splitlines()[:2]) in manual()
    own, alice = Identity(overlay.onion_name("a"), 8060), Identity.of("alice")
    daemon = daemons(onion=alice.name, listen=[f"127.0.0.1:{alice.listen_port}"], netns=namespaces("alice"),
                     socks=proxy.address)
    proxy.connect(alice.name, alice.listen_port)
    machine, onions = namespaces("machine"), namespaces("onions")
    onions.run("ip link set lo down")
    start = start.replace("ip netns add onions", "true").replace("onions", onions.name)
    follow(start, machine, alice, oncilla=own)
    follow.wait_until_ready()
    assert onions.has_guard_route()
    command = use.replace("oncilla exec", "oncilla exec --user nobody").replace("ping -6", "ping -6 -c 1 -W 20")
    assert follow(command, machine, alice).wait(30) == 0
    assert daemon.running


def test_the_command_for_a_report(tmp_path, host):
    """In a namespace of processes, where it meets no other daemon."""
    command = "pkill -USR1 -x oncilla\n"
    log = tmp_path / "log"
    script = (f"{overlay.BINARY} run --onion {overlay.onion_name('one')} --netns {host} --listen 127.0.0.1:1"
              f" --socks unix:{tmp_path}/none --state-dir {tmp_path} 2> {log} &\n"
              f"until grep -q 'waiting for Tor' {log}; do sleep 0.1; done\n"
              f"{command}until grep -q counters: {log}; do sleep 0.1; done\n")
    subprocess.run(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script], check=True,
                   timeout=20)


def test_a_line_of_the_sample_adds_a_socks_port(tmp_path):
    """Debian's two stay."""
    defaults = tmp_path / "defaults"
    defaults.write_text("SocksPort unix:/run/tor/socks WorldWritable\nSocksPort 9050\n")
    sample = (ROOT / "contrib/torrc.sample").read_text()
    lines = re.findall(r"^#(\+?SocksPort .*)", sample, re.MULTILINE)
    assert lines
    (tmp_path / "torrc").write_text("\n".join([f"DataDirectory {tmp_path}", *lines]) + "\n")
    dumped = subprocess.run(["tor", "--defaults-torrc", defaults, "-f", tmp_path / "torrc", "--dump-config", "short"],
                            capture_output=True, text=True, check=True).stdout
    assert len(re.findall("^SocksPort", dumped, re.MULTILINE)) == 2 + len(lines), dumped


def test_the_manual_has_the_same_commands():
    def plain(text):
        return " ".join(text.replace("\\\n", " ").split())

    for heading, blocks in guides().items():
        assert blocks, heading
        for block in blocks:
            assert plain(block.replace("NAME.onion", "NAME")) in plain(manual()), f"{heading}: {block}"
