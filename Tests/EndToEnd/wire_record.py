"""What crossed the wire: the fake proxy's record of every circuit, taken apart into packets as it passes.

with FakeSocks(record=WireRecord()) as proxy: …
proxy.record.flows()

Only headers are kept, with a count of each, so that gigabytes may pass.
"""

import collections
import dataclasses
import ipaddress
import threading

import packets
from ethernet import mac_bytes

# What a LAN says to itself in ICMPv6: group queries and reports, routers, neighbours.
LOCAL_MESSAGES = {130, 131, 132, 133, 134, 135, 136, 137, 143}


@dataclasses.dataclass(frozen=True)
class Flow:
    """Packets that look alike to who counts them. `message` is the ICMP type, None for other protocols."""

    circuit: str  # the onion name that was dialled
    userid: bytes  # with which SOCKS user identifier: another one is another circuit of Tor
    backwards: bool  # towards the dialler
    version: int
    source: str
    destination: str
    protocol: int
    message: int | None


class WireRecord:
    def __init__(self):
        self._lock = threading.Lock()
        self._flows = collections.Counter()
        self._patterns = []
        self._found = []

    def watch_for(self, *macs):
        """`found` tells when one of these MAC addresses, or the address suffix made of it, is anywhere in the bytes."""
        for mac in macs:
            data = mac_bytes(mac)
            suffix = bytes([data[0] ^ 2]) + data[1:3] + b"\xff\xfe" + data[3:]
            self._patterns += [(f"the MAC address {mac}", data), (f"the suffix of {mac}", suffix)]

    def stream(self, circuit, userid, backwards):
        """What takes the bytes of one direction of a new circuit, in any pieces."""
        return _Stream(self, (circuit, userid, backwards))

    def flows(self):
        """{Flow: packets so far}, keepalives included."""
        with self._lock:
            return dict(self._flows)

    def talks(self):
        """{(source, destination)} of all that is no keepalive."""
        return {(flow.source, flow.destination) for flow in self.flows()
                if (flow.version, flow.protocol) != (6, packets.NO_NEXT_HEADER)}

    def forget(self):
        with self._lock:
            self._flows.clear()

    @property
    def found(self):
        """What of `watch_for` was on the wire, or bytes that were no packet: it should be empty."""
        return list(self._found)

    def forbidden(self):
        """Flows that no wire may carry: groups, link-local, loopback or no addresses, what a LAN says to itself."""
        return [flow for flow in self.flows()
                if any(_is_local(address) for address in (flow.source, flow.destination))
                or (flow.version == 6 and flow.message in LOCAL_MESSAGES)]

    def _count(self, counted, found):
        with self._lock:
            self._flows.update(counted)
            self._found += found


def _is_local(text):
    address = ipaddress.ip_address(text)
    return address.is_multicast or address.is_link_local or address.is_loopback or address.is_unspecified \
        or text == "255.255.255.255"


class _Stream:
    def __init__(self, record, circuit):
        self._record, self._circuit = record, circuit
        self._rest = b""
        self._tail = b""
        self._lost = False

    def take(self, data):
        found = [what for what, pattern in self._record._patterns if pattern in self._tail + data]
        self._tail = (self._tail + data)[-7:]
        counted = collections.Counter()
        if not self._lost:
            data = self._rest + data
            at = 0
            while (length := self._length(data, at)) and len(data) - at >= length:
                counted[self._flow(data, at)] += 1
                at += length
            self._rest = data[at:]
            if length == 0:
                self._lost = True
                found.append(f"bytes that start no packet: {self._rest[:16].hex()}")
        if counted or found:
            self._record._count(counted, found)

    @staticmethod
    def _length(data, at):
        """Bytes of the packet that starts here; 0 if none does, None if more must come to tell."""
        if len(data) - at < 6:
            return None
        if data[at] >> 4 == 6:
            return 40 + int.from_bytes(data[at + 4:at + 6], "big")
        if data[at] >> 4 == 4:
            length = int.from_bytes(data[at + 2:at + 4], "big")
            return length if length >= 20 else 0
        return 0

    def _flow(self, data, at):
        version = data[at] >> 4
        if version == 6:
            header, protocol = 40, data[at + 6]
            source, destination = data[at + 8:at + 24], data[at + 24:at + 40]
        else:
            header, protocol = 4 * (data[at] & 15), data[at + 9]
            source, destination = data[at + 12:at + 16], data[at + 16:at + 20]
        message = data[at + header] if protocol == (packets.ICMPV6 if version == 6 else packets.ICMPV4) \
            and at + header < len(data) else None
        return Flow(*self._circuit, version, _text(source), _text(destination), protocol, message)


_texts = {}


def _text(address):
    text = _texts.get(address)
    if text is None:
        text = _texts[address] = str(ipaddress.ip_address(address))
    return text
