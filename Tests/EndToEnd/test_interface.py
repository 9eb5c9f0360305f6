"""The kernel's side of a daemon: TAP interfaces, bridge ports, routes with leak guards; and what it keeps."""

import pathlib
import re
import stat
import subprocess

import pytest

import overlay
from overlay import free_port, onion_name, overlay_address, wait_until
from test_lifecycle import fails_with_a_line

PEER = onion_name("behind")
PREFIXES = ["fd00:b::/48", "10.20.0.0/16"]
ROUTES = ["--ipv4", *(part for prefix in PREFIXES for part in ("--route", f"{prefix},via={PEER}"))]
TAP = ["--mode", "tap"]


@pytest.fixture
def run(daemons, host, proxy):
    """run("--mode", "tap", …) starts a daemon in `host` and waits until its interface is up."""

    def make(*options, **arguments):
        one = daemons(**{"onion": onion_name("interface"), "netns": host, "socks": proxy.address, "options": options,
                         **arguments})
        wait_until(lambda: not one.running or one.host.is_up(one.interface), what="the interface")
        one.assert_running()
        return one

    return make


def shown_routes(host):
    """The main tables of both versions without what only the kernel made."""
    lines = host.ip("-6 route").splitlines() + host.ip("-4 route").splitlines()
    return sorted(" ".join(line.split()) for line in lines if "proto 235" in line)


def guards(prefixes):
    return sorted(f"unreachable {prefix}" for prefix in ["fd87:d87e:eb43::/48", *prefixes])


def guards_in(routes):
    found = [line for line in routes if line.startswith("unreachable") and "metric 4096" in line]
    return sorted(" ".join(line.split()[:2]) for line in found)


def ways_in(routes):
    return sorted(line.split()[0] for line in routes if "dev oncilla0" in line)


# TAP


@pytest.mark.parametrize("options", [[], ["--no-offload"], ["--mtu", "1280"], ["--mtu", "9000"],
                                     ["--mtu", "65521"]], ids=" ".join)
def test_a_tap_interface_stands_with_the_address(run, host, options):
    one = run(*TAP, *options)
    one.wait_for_interface()
    shown = host.ip("-d link show dev oncilla0")
    assert re.search(r"link/ether fe:", shown), shown
    assert "tun type tap" in shown, shown
    assert host.mtu("oncilla0") == int(options[1] if options[:1] == ["--mtu"] else 1500)
    assert any(line.startswith("fd87:d87e:eb43::/48 dev oncilla0") for line in host.routes())
    one.stop()
    assert not host.has_interface("oncilla0")


def test_a_port_without_an_address_has_none_and_stays_so(run, host):
    one = run(*TAP, "--no-address", *ROUTES)
    for _ in range(2):
        assert "inet" not in host.ip("addr show dev oncilla0")
        assert ways_in(shown_routes(host)) == []
        assert guards_in(shown_routes(host)) == guards(PREFIXES)
        host.ip("link set oncilla0 down")
        one.wait_for_line("set down")
        host.ip("link set oncilla0 up")
        one.wait_for_line("set up again")
    one.assert_running()


@pytest.mark.parametrize("command", [
    "-6 addr add fe80::1/64 dev oncilla0", "-6 addr add fe80::1/64 dev oncilla0 nodad",
    "link set oncilla0 addrgenmode eui64 down; ip link set oncilla0 up"])
def test_a_link_local_address_of_a_port_without_an_address_goes_away(run, host, command):
    one = run(*TAP, "--no-address")
    host.ip("-6 addr add 2001:db8::1/64 dev oncilla0 nodad")
    host.ip(command)
    # One that is made with the link coming up is removed with what is put right then.
    wait_until(lambda: "fe80:" not in host.ip("-6 addr show dev oncilla0"), what="the link-local address to go")
    if "addr add" in command:
        one.wait_for_line("interface oncilla0 got a link-local address: removing it")
        assert "2001:db8::1/64" in host.ip("-6 addr show dev oncilla0")
    assert "cannot" not in one.log(), one.log()
    one.assert_running()


def test_an_interface_with_an_address_keeps_what_others_give_it(run, host):
    one = run(*TAP)
    one.wait_for_interface()
    for address in ("fe80::1", "2001:db8::1"):
        host.ip(f"-6 addr add {address}/64 dev oncilla0 nodad")
    host.ip(f"-6 addr del {one.address}/48 dev oncilla0")
    wait_until(lambda: f"{one.address}/48" in host.addresses("oncilla0"), what="the address again")
    shown = host.ip("-6 addr show dev oncilla0")
    assert "fe80::1/64" in shown and "2001:db8::1/64" in shown, shown


def attribute(host, path):
    """What /sys/class/net has of an interface: only ip-netns(8) mounts the namespace's own."""
    command = ["ip", "netns", "exec", host.name, "cat", f"/sys/class/net/{path}"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def multicast_router(host):
    return attribute(host, "oncilla0/brport/multicast_router")


@pytest.mark.parametrize("options", [["--no-address"], []], ids=" ".join)
def test_a_bridge_that_is_joined_gives_all_its_multicast(run, host, options):
    one = run(*TAP, *options)
    for bridge in ("br0", "br1", "br0"):
        if not host.has_interface(bridge):
            host.ip(f"link add {bridge} type bridge")
            host.ip(f"link set {bridge} up")
        host.ip(f"link set oncilla0 master {bridge}")
        wait_until(lambda: multicast_router(host) == "2", what=f"{bridge} to give all multicast")
    host.ip("link set oncilla0 down")
    host.ip("link set oncilla0 up")
    host.ip("link set oncilla0 nomaster")
    host.ip("link set oncilla0 master br1")
    wait_until(lambda: multicast_router(host) == "2", what="the port to be a multicast router's again")
    assert "cannot" not in one.log(), one.log()
    assert ("--no-address" in one.log()) == (not options), one.log()


def test_a_bridge_keeps_its_mac_address(run, host):
    host.ip("link add br0 type bridge")
    host.ip("link add lan0 address 7e:00:00:00:00:01 type veth peer name lan1")
    host.ip("link set lan0 master br0")
    assert attribute(host, "br0/address") == "7e:00:00:00:00:01"
    run(*TAP, "--no-address")
    host.ip("link set oncilla0 master br0")
    assert attribute(host, "br0/address") == "7e:00:00:00:00:01"


# Routes and leak guards


@pytest.mark.parametrize("mode", ["tun", "tap"])
def test_routes_and_leak_guards_come_and_go(run, host, mode):
    one = run("--mode", mode, *ROUTES, "--ipv4-address", "10.30.0.1/24")
    everything = [*PREFIXES, "10.30.0.0/24"]
    wait_until(lambda: ways_in(shown_routes(host)) == sorted(everything), what="the routes")
    assert guards_in(shown_routes(host)) == guards(everything)
    assert all("initcwnd 131 features ecn congctl cubic" in route for route in shown_routes(host) if "dev oncilla0" in route)
    assert "inet 10.30.0.1/24" in host.ip("-4 addr show dev oncilla0")
    one.stop()
    assert ways_in(shown_routes(host)) == []
    assert guards_in(shown_routes(host)) == guards(everything)


def test_a_crash_leaves_the_leak_guards_and_the_next_start_takes_them_over(run, host):
    one = run(*ROUTES)
    one.kill()
    wait_until(lambda: not host.has_interface("oncilla0"))
    assert guards_in(shown_routes(host)) == guards(PREFIXES)
    for address in ("fd00:b::1", "10.20.0.1"):
        refused = host.run(f"ip route get {address} 2>&1", check=False).stdout
        assert "No route to host" in refused, refused
    one.start()
    wait_until(lambda: ways_in(shown_routes(host)) == sorted(PREFIXES), what="the routes")
    one.stop()
    assert guards_in(shown_routes(host)) == guards(PREFIXES)
    host.run([overlay.BINARY, "guard", "off"])
    assert shown_routes(host) == []


@pytest.mark.parametrize("command", [
    "link set oncilla0 down; ip link set oncilla0 up", "-6 route del fd00:b::/48 dev oncilla0",
    "-4 route del 10.20.0.0/16 dev oncilla0", "-6 route flush proto 235", "-4 route flush proto 235",
    # ip(8) gives up after ten rounds if what it takes away comes back at once.
    "addr flush dev oncilla0 || true"])
@pytest.mark.parametrize("mode", ["tun", "tap"])
def test_what_others_remove_is_restored(run, host, mode, command):
    one = run("--mode", mode, *ROUTES, "--ipv4-address", "10.30.0.1/32")
    wait_until(lambda: len(shown_routes(host)) == 5, what="the routes")
    before = shown_routes(host)
    host.ip(command)
    # Ten rounds of ip(8) can use up the ten turns that the daemon takes at once; the next comes 10 s later.
    patience = 15 if "flush" in command else 5
    wait_until(lambda: shown_routes(host) == before, patience, what="the routes again")
    wait_until(lambda: host.addresses("oncilla0") == [f"{one.address}/48"], patience, what="the address")
    assert "inet 10.30.0.1/32" in host.ip("-4 addr show dev oncilla0")


def test_another_route_in_the_way_ends_the_start_with_a_line(daemons, host, proxy):
    host.ip("link add lan0 type bridge")
    host.ip("link set lan0 up")
    host.ip("route add 10.20.0.0/16 dev lan0")
    one = daemons(onion=onion_name("interface"), netns=host, socks=proxy.address, options=ROUTES)
    fails_with_a_line(one, r"another route to 10\.20\.0\.0/16 has metric 0")
    assert "dev lan0" in host.ip("route get 10.20.0.9")


def test_every_identity_has_its_address_and_the_first_is_used(run, host):
    others = [onion_name(f"further {number}") for number in range(3)]
    first = onion_name("interface")
    one = run(*(part for name in others for part in ("--onion", f"{name},listen=127.0.0.1:{free_port()}")),
              onion=f"{first},listen=127.0.0.1:{free_port()}", listen=[])
    expected = {f"{overlay_address(name)}/48" for name in [first, *others]}
    wait_until(lambda: set(host.addresses("oncilla0")) == expected, what="the addresses")
    assert f"src {one.address}" in host.ip(f"-6 route get {overlay_address(PEER)}")


# What is kept


def mac_file(one):
    return one.state_dir / "mac"


def test_the_mac_address_is_kept(run):
    one = run(*TAP)
    first = wait_until(lambda: mac_file(one).exists() and mac_file(one).read_text(), what="the file mac")
    assert re.fullmatch(r"[0-9a-f][26ae](:[0-9a-f]{2}){5}\n", first)
    assert stat.S_IMODE(one.state_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(mac_file(one).stat().st_mode) == 0o600
    one.stop()
    one.start()
    wait_until(lambda: one.host.is_up("oncilla0"))
    one.wait_for_line("Tor is there|waiting for Tor", since=0)
    assert mac_file(one).read_text() == first


@pytest.mark.parametrize("make", [
    lambda path: path.write_text("a file"), lambda path: (path / "mac").mkdir(parents=True)
], ids=["a file in its place", "a directory as the file"])
def test_a_state_directory_that_cannot_be_written_is_a_warning(run, tmp_path, make):
    path = pathlib.Path(tmp_path) / "state"
    make(path)
    one = run(*TAP, state_dir=path)
    one.wait_for_line(r"state/mac cannot be written")
    one.assert_running()


def test_a_damaged_file_is_told_and_made_anew(run, tmp_path):
    (tmp_path / "mac").write_text("ff:ff:ff:ff:ff:ff\n")
    one = run(*TAP, state_dir=tmp_path)
    one.wait_for_line(r"mac does not hold one host's MAC address")
    wait_until(lambda: not mac_file(one).read_text().startswith("ff"))


def test_without_tap_nothing_is_kept(run):
    one = run()
    one.wait_for_line("Tor is there|waiting for Tor")
    assert not one.state_dir.exists(), "it is made when there is something to keep"
