"""LANs for the overlay: hosts on a bridge that the daemon's TAP interface is a port of, or behind a gateway.

A `BridgedLAN`, whose hosts have an overlay address each:

        oncilla --mode tap --- SOCKS4a proxy (fake, or Tor) --- …       (sockets: where pytest runs)
            |
      oncilla0 (TAP)      port0     port1
            |               |         |         namespace of the bridge; it has no address
            +------------ br0 --------+
                            |         |
                          eth0      eth0        a namespace for each host, its overlay address/48 on eth0

A `RoutedLAN`, whose hosts know nothing of the overlay:

        oncilla (TUN) --- SOCKS4a proxy --- …
            |
        oncilla0                                namespace of the gateway: forwards
        port0   port1                           first address of each host's own /64 (IPv4: /24)
            |       |
          eth0    eth0                          a namespace for each host, default route by the gateway
"""

import ipaddress
import re
import types

import overlay
from overlay import onion_name, overlay_address, wait_until


class Identity:
    """An onion service of a daemon: its name, its address, the port where the daemon listens for it, and, if it is kept
    for one, the MAC address of the LAN host that gets the address by DHCPv6."""

    def __init__(self, name, listen_port=None):
        self.name = name
        self.kept_for = None
        self.address = overlay_address(name)
        self.listen_port = listen_port or overlay.free_port()

    @classmethod
    def of(cls, seed):
        return cls(onion_name(seed))

    @property
    def option(self):
        kept = f",mac={self.kept_for}" if self.kept_for else ""
        return ["--onion", f"{self.name},listen=127.0.0.1:{self.listen_port}{kept}"]

    def __repr__(self):
        return f"<{self.name[:8]}… {self.address}>"


def options_of(identities):
    """The --onion options of a daemon with these identities."""
    return [part for identity in identities for part in identity.option]


class Host:
    """A host on a LAN: `namespace`, and what it is to others."""

    def __init__(self, namespace, address, identity=None):
        self.namespace, self.address, self.identity = namespace, address, identity

    @property
    def mac(self):
        return self.namespace.mac("eth0")

    @property
    def index(self):
        """The interface's number, for sockets."""
        return int(self.namespace.run("cat /sys/class/net/eth0/ifindex").stdout)

    def ping(self, other, **options):
        return self.namespace.ping(getattr(other, "address", other), **options)

    def can_ping(self, other, timeout=1):
        return self.ping(other, timeout=timeout).received > 0

    def neighbour_mac(self, address):
        """The MAC address that this host's kernel has for a neighbour, or None."""
        found = re.search(r"lladdr (\S+)", self.namespace.ip(f"-6 neigh show {address} dev eth0"))
        return found and found.group(1)

    def forget_neighbours(self):
        self.namespace.ip("neigh flush dev eth0", check=False)

    def __repr__(self):
        return f"<host {self.address}>"


def connect(host, switch, port, mtu, master=None):
    """A cable from `eth0` of a host to a port in the namespace of a bridge or gateway."""
    switch.ip(f"link add name {port} mtu {mtu} type veth peer name eth0 mtu {mtu} netns {host.name}")
    if master is not None:
        switch.ip(f"link set {port} master {master}")
    switch.ip(f"link set {port} up")
    host.ip("link set eth0 up")


class BridgedLAN:
    """Hosts, a bridge, and the daemon whose TAP interface is one of its ports.

    lan = BridgedLAN(namespaces, "a", [Identity.of("a1"), Identity.of("a2")])
    lan.run(daemons, proxy.address, peers=[…])

    mtu        of the cables and, unless `tap_mtu` is given, of the TAP interface
    snooping   the bridge sends group queries and keeps group frames from ports that did not ask for them
    empty      identities of the daemon that no host has
    """

    def __init__(self, namespaces, label, identities, mtu=1500, snooping=False, empty=(), tap_mtu=None):
        self.label, self.mtu, self.tap_mtu = label, mtu, tap_mtu or mtu
        self.identities = [*identities, *empty]
        self.bridge = quick(namespaces(f"{label}-br"))
        self.bridge.ip(f"link add br0 mtu {mtu} type bridge forward_delay 0 stp_state 0 mcast_snooping 0")
        self.bridge.ip("link set br0 up")
        if snooping:
            # In hundredths of a second. The bridge trusts in its own queries one response interval after it became the
            # one who sends them: that must be the last to be set.
            self.bridge.ip("link set br0 type bridge mcast_snooping 1 mcast_query_interval 100 "
                           "mcast_query_response_interval 20 mcast_last_member_interval 20")
            self.bridge.ip("link set br0 type bridge mcast_querier 1")
        self._namespaces = namespaces
        self._ports = 0
        self.daemon = None
        self.hosts = [self.add(identity.address, identity) for identity in identities]

    def add(self, address=None, identity=None):
        """Another host; without an address it only listens and speaks raw."""
        namespace = quick(self._namespaces(f"{self.label}{self._ports + 1}"))
        connect(namespace, self.bridge, f"port{self._ports}", self.mtu, master="br0")
        self._ports += 1
        if address is not None:
            namespace.ip(f"-6 addr add {address}/48 dev eth0 nodad")
        return Host(namespace, address, identity)

    def run(self, daemons, socks, peers=(), options=(), join=True, **arguments):
        """Starts the daemon and puts its interface into the bridge."""
        self.daemon = daemons(
            listen=[], netns=self.bridge, socks=socks, peers=[getattr(peer, "name", peer) for peer in peers],
            options=["--mode", "tap", "--no-address", "--mtu", self.tap_mtu, *options_of(self.identities), *options],
            label=self.label, **arguments,
        )  # fmt: skip
        if join:
            self.join()
        return self.daemon

    def join(self):
        wait_for_link(self.daemon, self.bridge)
        self.bridge.ip("link set oncilla0 master br0")

    @property
    def tap_mac(self):
        """The daemon's own MAC address: what it answers for overlay addresses with."""
        return (self.daemon.state_dir / "mac").read_text().split()[-1].lower()


class RoutedLAN:
    """Hosts behind a gateway on which the daemon runs. `prefix` is a /48 or so: each host is in a /64 of its own, and
    with `ipv4` (a /16) in a /24 of its own.

    mtu       of the cables
    narrow    the MTU of the gateway's ends of the cables, which the hosts do not know
    """

    def __init__(self, namespaces, label, prefix, identity=None, hosts=1, ipv4=None, mtu=1500, narrow=None):
        self.label = label
        self.identity = identity or Identity.of(label)
        self.address = self.identity.address
        self.gateway = quick(namespaces(f"{label}-gw"))
        self.prefix = ipaddress.IPv6Network(prefix)
        self.ipv4 = ipv4 and ipaddress.IPv4Network(ipv4)
        self.gateway.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.gateway.sysctl("net.ipv4.ip_forward", 1)
        self.hosts = []
        self.daemon = None
        for number in range(hosts):
            namespace = quick(namespaces(f"{label}{number + 1}"))
            connect(namespace, self.gateway, f"port{number}", mtu)
            if narrow is not None:
                self.gateway.ip(f"link set port{number} mtu {narrow}")
            network = ipaddress.IPv6Network((int(self.prefix.network_address) + (number + 1 << 64), 64))
            self.gateway.ip(f"-6 addr add {network[1]}/64 dev port{number} nodad")
            namespace.ip(f"-6 addr add {network[2]}/64 dev eth0 nodad")
            namespace.ip(f"-6 route add default via {network[1]}")
            host = Host(namespace, str(network[2]))
            if self.ipv4:
                inner = ipaddress.IPv4Network((int(self.ipv4.network_address) + (number + 1 << 8), 24))
                self.gateway.ip(f"addr add {inner[1]}/24 dev port{number}")
                namespace.ip(f"addr add {inner[2]}/24 dev eth0")
                namespace.ip(f"route add default via {inner[1]}")
                host.ipv4 = str(inner[2])
            self.hosts.append(host)

    @property
    def served(self):
        prefixes = [self.prefix, *([self.ipv4] if self.ipv4 else [])]
        return ["--ipv4"] * bool(self.ipv4) + [part for prefix in prefixes for part in ("--serve", prefix)]

    def routes_to(self, other):
        """Options that send what is behind `other` there."""
        prefixes = [other.prefix, *([other.ipv4] if self.ipv4 and other.ipv4 else [])]
        return [part for prefix in prefixes for part in ("--route", f"{prefix},via={other.identity.name}")]

    def run(self, daemons, proxy, peers=(), options=(), **arguments):
        """Starts the daemon on the gateway; `peers` are RoutedLANs (or names), each with a route to it."""
        routes = [part for peer in peers if isinstance(peer, RoutedLAN) for part in self.routes_to(peer)]
        names = [peer.identity.name if isinstance(peer, RoutedLAN) else peer for peer in peers]
        self.daemon = daemons(
            onion=self.identity.name, listen=[f"127.0.0.1:{self.identity.listen_port}"], netns=self.gateway,
            socks=proxy.address, peers=names, options=[*self.served, *routes, *options], label=self.label, **arguments,
        )  # fmt: skip
        proxy.connect(self.identity.name, self.identity.listen_port)
        self.daemon.wait_for_interface()
        return self.daemon


def quick(namespace):
    """Addresses count at once in here, as the tests want them; who tests detection of duplicates switches it on."""
    for interfaces in ("all", "default"):
        namespace.sysctl(f"net.ipv6.conf.{interfaces}.accept_dad", 0)
        namespace.sysctl(f"net.ipv6.conf.{interfaces}.accept_ra", 0)
        namespace.sysctl(f"net.ipv4.conf.{interfaces}.rp_filter", 0)
    return namespace


def wait_for_link(daemon, namespace, interface="oncilla0"):
    """Until the daemon's interface is there and up, with or without an address."""

    def standing():
        daemon.assert_running()
        return namespace.is_up(interface)

    wait_until(standing, 10, what=f"{interface} to be up")


def bridged_pair(namespaces, daemons, proxy, a=None, b=None, **both):
    """Two bridged LANs of two hosts, each the other's peers: `.a`, `.b`, `.across` (pairs of hosts, all directions)."""
    lans = []
    for label, changes in (("a", a), ("b", b)):
        settings = {**both, **(changes or {})}
        options = settings.pop("options", ())
        identities = [Identity.of(f"{label}{number}") for number in (1, 2)]
        lan = BridgedLAN(namespaces, label, identities, **settings)
        lan.more_options = options
        lans.append(lan)
        for identity in lan.identities:
            proxy.connect(identity.name, identity.listen_port)
    # The proxy tries for a second to reach a service: whoever comes first is not refused.
    for lan, other in (lans, reversed(lans)):
        lan.run(daemons, proxy.address, peers=other.identities, options=lan.more_options, join=False)
    for lan in lans:
        lan.join()
    return types.SimpleNamespace(a=lans[0], b=lans[1], across=across(*lans), daemons=[lan.daemon for lan in lans])


def across(one, other):
    """All ordered pairs of hosts of different LANs."""
    return [pair for near in one.hosts for far in other.hosts for pair in ((near, far), (far, near))]


def silences(pings):
    """Of {(source, destination): Ping}, those with a loss; for an assertion that tells which."""
    return {pair: ping for pair, ping in pings.items() if ping.received != ping.sent or not ping.sent}


def assert_big_ping_is_told(source, address, mtu, teller):
    """The first `ping -s 3000 -M do` is told by `teller` what fits, on a way that takes it until there; from then on
    the source's kernel knows that, and lets no other one out."""
    first = source.ping(address, size=3000, timeout=2, arguments=["-M", "do"])
    words = f"Packet too big: mtu={mtu}" if ":" in address else f"Frag needed and DF set (mtu = {mtu})"
    assert f"From {teller} icmp_seq=1 {words}" in first.text, first
    second = source.ping(address, size=3000, timeout=2, arguments=["-M", "do"])
    assert second.received == 0, second
    assert re.search(rf"local error: message too long, mtu ?[=:] ?{mtu}\b", second.text), second
    assert_path_mtu(source, address, mtu)


def assert_path_mtu(source, address, mtu, both_ways=True):
    """Nothing is lost in a black hole: what is too long is refused with the size that fits, what may be cut arrives
    (where answers as long find their way, too)."""
    header, version = (48, "-6") if ":" in address else (28, "-4")
    whole = source.ping(address, count=3, size=mtu - header + 1, timeout=2, arguments=["-M", "do"])
    assert whole.received == 0 and re.search(rf"mtu ?[=:] ?{mtu}\b", whole.text), whole
    assert re.search(rf"\bmtu {mtu}\b", source.namespace.ip(f"{version} route get {address}"))
    fits = source.ping(address, count=3, size=mtu - header, burst=True, arguments=["-M", "do"])
    assert fits.received == 3, fits
    if both_ways:
        cut = source.ping(address, count=3, size=3000, burst=True, timeout=2, arguments=["-M", "want"])
        assert cut.received == 3, cut
