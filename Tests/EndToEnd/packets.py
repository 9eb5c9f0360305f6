"""IP packets as bytes: building what a peer sends, and taking a circuit's byte stream apart."""

import dataclasses
import ipaddress
import struct

# Types of what may follow the name in a keepalive.
CAPABILITIES, CHALLENGE, RESPONSE, QUESTION = 1, 2, 3, 8

NO_NEXT_HEADER, ICMPV6, UDP, TCP, ICMPV4 = 59, 58, 17, 6, 1


def address_bytes(address):
    return ipaddress.IPv6Address(address).packed


def ipv6(source, destination, next_header, payload=b"", hop_limit=64, flow=0, version=6, length=None):
    """One packet; `length` lies about the payload's."""
    first = version << 28 | flow
    announced = len(payload) if length is None else length
    return struct.pack("!IHBB", first, announced, next_header, hop_limit) + address_bytes(source) \
        + address_bytes(destination) + payload


def checksum(source, destination, next_header, payload):
    pseudo_header = address_bytes(source) + address_bytes(destination) + struct.pack("!II", len(payload), next_header)
    return internet_checksum(pseudo_header + payload)


def icmpv6(source, destination, kind, code, body, hop_limit=64):
    message = struct.pack("!BBH", kind, code, 0) + body
    message = message[:2] + struct.pack("!H", checksum(source, destination, ICMPV6, message)) + message[4:]
    return ipv6(source, destination, ICMPV6, message, hop_limit)


def echo_request(source, destination, identifier=1, sequence=1, data=b"oncilla"):
    return icmpv6(source, destination, 128, 0, struct.pack("!HH", identifier, sequence) + data)


def udp(source, destination, source_port, destination_port, data=b""):
    datagram = struct.pack("!HHHH", source_port, destination_port, 8 + len(data), 0) + data
    sum_ = checksum(source, destination, UDP, datagram) or 0xFFFF
    return ipv6(source, destination, UDP, datagram[:6] + struct.pack("!H", sum_) + datagram[8:])


def tcp_syn(source, destination, source_port, destination_port):
    segment = struct.pack("!HHIIBBHHH", source_port, destination_port, 7, 0, 5 << 4, 2, 1024, 0, 0)
    sum_ = checksum(source, destination, TCP, segment)
    return ipv6(source, destination, TCP, segment[:16] + struct.pack("!H", sum_) + segment[18:])


SYN, PSH, ACK = 0x02, 0x08, 0x10
TIMESTAMPS = 8


def tcp(source, destination, source_port, destination_port, flags, sequence=7, acknowledgement=0, options=b"",
        data=b""):
    """A segment; `options` are a multiple of four bytes."""
    segment = struct.pack("!HHIIBBHHH", source_port, destination_port, sequence, acknowledgement,
                          (20 + len(options)) // 4 << 4, flags, 16384, 0, 0) + options + data
    sum_ = checksum(source, destination, TCP, segment)
    return ipv6(source, destination, TCP, segment[:16] + struct.pack("!H", sum_) + segment[18:])


def timestamps(value, echo=0):
    """The option, padded in front (RFC 7323)."""
    return struct.pack("!BBBBII", 1, 1, TIMESTAMPS, 10, value, echo)


@dataclasses.dataclass(frozen=True)
class Segment:
    """A TCP segment that was taken from a packet."""

    raw: bytes

    @property
    def ports(self):
        """(source, destination)"""
        return struct.unpack_from("!HH", self.raw)

    @property
    def sequence(self):
        return struct.unpack_from("!I", self.raw, 4)[0]

    @property
    def flags(self):
        return self.raw[13]

    @property
    def data(self):
        return self.raw[4 * (self.raw[12] >> 4):]

    @property
    def options(self):
        """{kind: value}, without padding"""
        rest, found = self.raw[20:4 * (self.raw[12] >> 4)], {}
        while rest and rest[0] != 0:
            if rest[0] == 1:
                rest = rest[1:]
                continue
            found[rest[0]] = rest[2:rest[1]]
            rest = rest[rest[1]:]
        return found


def internet_checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(source, destination, protocol, payload=b"", ttl=64, dont_fragment=True):
    # What is never cut has no use for an identification (RFC 6864), and leaves a daemon without one.
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), not dont_fragment, 0x4000 * dont_fragment, ttl, protocol, 0) \
        + ipaddress.IPv4Address(source).packed + ipaddress.IPv4Address(destination).packed
    return header[:10] + struct.pack("!H", internet_checksum(header)) + header[12:] + payload


def icmpv4_echo_request(source, destination, identifier=1, sequence=1, data=b"oncilla"):
    message = struct.pack("!BBHHH", 8, 0, 0, identifier, sequence) + data
    message = message[:2] + struct.pack("!H", internet_checksum(message)) + message[4:]
    return ipv4(source, destination, ICMPV4, message)


def keepalive(source, destination, name, tlvs=b"", flow=0x12345, payload=None):
    """The first packet of a circuit; `payload` replaces the whole payload."""
    if payload is None:
        payload = b"\x01" + name.encode() + b"\0" + tlvs
    return ipv6(source, destination, NO_NEXT_HEADER, payload, hop_limit=1, flow=flow)


def tlv(kind, value):
    return bytes([kind, len(value)]) + value


def tlvs(packet):
    """{type: the last value} of a keepalive; empty where it has none, or is none."""
    try:
        return dict(packet.keepalive_tlvs) if packet.is_keepalive else {}
    except AssertionError:
        return {}


@dataclasses.dataclass(frozen=True)
class Packet:
    """A packet that was taken from a stream; IPv4's fields have the names of IPv6's."""

    raw: bytes

    @property
    def version(self):
        return self.raw[0] >> 4

    @property
    def traffic_class(self):
        return int.from_bytes(self.raw[:2], "big") >> 4 & 0xFF

    @property
    def flow(self):
        return int.from_bytes(self.raw[:4], "big") & 0xFFFFF

    @property
    def next_header(self):
        return self.raw[6 if self.version == 6 else 9]

    @property
    def hop_limit(self):
        return self.raw[7 if self.version == 6 else 8]

    @property
    def source(self):
        return str(ipaddress.ip_address(self.raw[8:24] if self.version == 6 else self.raw[12:16]))

    @property
    def destination(self):
        return str(ipaddress.ip_address(self.raw[24:40] if self.version == 6 else self.raw[16:20]))

    @property
    def payload(self):
        return self.raw[40 if self.version == 6 else 4 * (self.raw[0] & 15):]

    @property
    def is_keepalive(self):
        return self.version == 6 and self.next_header == NO_NEXT_HEADER

    @property
    def keepalive_name(self):
        """The name that a keepalive carries."""
        assert self.payload[:1] == b"\x01", f"keepalive version {self.payload[:1].hex()}"
        name, separator, _ = self.payload[1:].partition(b"\0")
        assert separator, "the name in the keepalive has no NUL"
        return name.decode("ascii")

    @property
    def keepalive_tlvs(self):
        """[(type, value)] after the name's NUL; an AssertionError when they are malformed."""
        rest = self.payload[1:].partition(b"\0")[2]
        found = []
        while rest:
            assert len(rest) >= 2 and len(rest) >= 2 + rest[1], f"malformed TLV at {rest.hex()}"
            found.append((rest[0], rest[2:2 + rest[1]]))
            rest = rest[2 + rest[1]:]
        return found


def split_stream(data):
    """([Packet], the bytes of a last one that is not complete); an AssertionError for what is not IP."""
    packets, at = [], 0
    while len(data) - at >= 20:
        version = data[at] >> 4
        assert version in (4, 6), f"byte {at} of the stream, {data[at]:#04x}, starts no packet"
        announced = int.from_bytes(data[at + 4:at + 6] if version == 6 else data[at + 2:at + 4], "big")
        end = at + announced + (40 if version == 6 else 0)
        assert end >= at + 20, f"a packet of {announced} bytes"
        if end > len(data):
            break
        packets.append(Packet(bytes(data[at:end])))
        at = end
    return packets, bytes(data[at:])
