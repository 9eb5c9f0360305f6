"""Ethernet frames as bytes: building what a LAN host sends, reading what it gets, and a raw port to do both."""

import contextlib
import dataclasses
import ipaddress
import socket
import struct
import threading

import packets
from overlay import wait_until

IPV4, ARP, VLAN, PROVIDER_VLAN, IPV6 = 0x0800, 0x0806, 0x8100, 0x88A8, 0x86DD
BROADCAST = "ff:ff:ff:ff:ff:ff"
ALL_NODES = "ff02::1"
SPANNING_TREE = "01:80:c2:00:00:00"

ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT, REDIRECT = range(133, 138)
SOURCE_LINK_LAYER, TARGET_LINK_LAYER = 1, 2
ROUTER, SOLICITED, OVERRIDE = 0x80, 0x40, 0x20


def mac_bytes(address):
    return bytes.fromhex(address.replace(":", ""))


def mac_text(data):
    return data.hex(":")


def multicast_mac(address):
    """Where frames for an IPv6 group go (RFC 2464, section 7)."""
    return "33:33:" + mac_text(packets.address_bytes(address)[12:])


def solicited_node(address):
    """The group of those whose address ends alike (RFC 4291, section 2.7.1)."""
    return str(ipaddress.IPv6Address(bytes.fromhex("ff0200000000000000000001ff") + packets.address_bytes(address)[13:]))


def frame(destination, source, kind, payload):
    return mac_bytes(destination) + mac_bytes(source) + struct.pack("!H", kind) + payload


def link_layer_option(kind, address):
    return bytes([kind, 1]) + mac_bytes(address)


def solicitation(target, source, mac, options=None, hop_limit=255, code=0, destination=None, change=lambda body: body):
    """The IPv6 packet of a neighbour solicitation; `options` are bytes, None stands for the source link-layer one.

    `change` gets and gives the bytes after the checksum; the checksum is of what it gives.
    """
    if options is None:
        options = link_layer_option(SOURCE_LINK_LAYER, mac)
    body = change(bytes(4) + packets.address_bytes(target) + options)
    return packets.icmpv6(source, destination or solicited_node(target), NEIGHBOUR_SOLICITATION, code, body, hop_limit)


def detection(target):
    """The solicitation with which a host asks whether an address is taken (RFC 4862, section 5.4.2)."""
    return solicitation(target, "::", None, options=b"")


def advertisement(target, source, destination, mac, flags=SOLICITED | OVERRIDE):
    body = bytes([flags, 0, 0, 0]) + packets.address_bytes(target) + link_layer_option(TARGET_LINK_LAYER, mac)
    return packets.icmpv6(source, destination, NEIGHBOUR_ADVERTISEMENT, 0, body, hop_limit=255)


def arp(operation, sender_mac, sender, target, target_mac="00:00:00:00:00:00"):
    return struct.pack("!HHBBH", 1, IPV4, 6, 4, operation) + mac_bytes(sender_mac) \
        + ipaddress.IPv4Address(sender).packed + mac_bytes(target_mac) + ipaddress.IPv4Address(target).packed


@dataclasses.dataclass(frozen=True)
class Frame:
    """A frame that was seen, perhaps cut behind its headers."""

    raw: bytes

    @property
    def destination(self):
        return mac_text(self.raw[:6])

    @property
    def source(self):
        return mac_text(self.raw[6:12])

    @property
    def kind(self):
        return int.from_bytes(self.raw[12:14], "big")

    @property
    def is_group(self):
        return bool(self.raw[0] & 1)

    @property
    def payload(self):
        return self.raw[14:]

    @property
    def packet(self):
        """The IPv6 packet, or None."""
        whole = self.kind == IPV6 and len(self.raw) >= 54 and self.raw[14] >> 4 == 6
        return packets.Packet(self.payload) if whole else None

    @property
    def ipv4_addresses(self):
        """(source, destination) of an IPv4 packet, or None."""
        if self.kind != IPV4 or len(self.raw) < 34:
            return None
        return str(ipaddress.IPv4Address(self.raw[26:30])), str(ipaddress.IPv4Address(self.raw[30:34]))

    @property
    def message(self):
        """The ICMPv6 type, or None."""
        packet = self.packet
        return packet.payload[0] if packet and packet.next_header == packets.ICMPV6 and packet.payload else None

    def is_about(self, kind, target):
        """Whether it is a neighbour message of this type with this target."""
        return self.message == kind and self.packet.payload[8:24] == packets.address_bytes(target)

    def __repr__(self):
        return f"<{self.source} > {self.destination} {self.kind:#06x} {len(self.raw)} bytes {self.payload[:64].hex()}>"


class RawPort:
    """A network card without a kernel behind it: sends any bytes as a frame, collects what comes in.

    with RawPort(namespace, "eth0") as port: port.send(…)
    """

    def __init__(self, namespace, interface):
        self.mac = namespace.mac(interface)
        self._socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.bind((interface, 3))
        self._frames = []
        threading.Thread(target=self._collect, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _collect(self):
        with contextlib.suppress(OSError):
            while True:
                data, (_, _, kind, *_) = self._socket.recvfrom(2048)
                if kind != socket.PACKET_OUTGOING:
                    self._frames.append(Frame(data))

    def send(self, data):
        """False when the interface's queue is full: what a storm meets."""
        try:
            self._socket.send(data)
            return True
        except OSError:
            return False

    def send_packet(self, destination, packet, source=None):
        return self.send(frame(destination, source or self.mac, IPV6, packet))

    def solicit(self, packet, source=None):
        """A solicitation to the group in its own destination address."""
        return self.send_packet(multicast_mac(packets.Packet(packet).destination), packet, source)

    def received(self, condition=lambda _: True):
        return [seen for seen in list(self._frames) if condition(seen)]

    def forget(self):
        self._frames.clear()

    def wait_for(self, condition, timeout=5, what="a frame"):
        """The first frame for which `condition` holds."""
        return wait_until(lambda: next(iter(self.received(condition)), None), timeout, what=what)
