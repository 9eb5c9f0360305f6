"""A place between a daemon and its Tor where every byte that it writes is counted, and its packets are read.

    daemon --SOCKS4a--> Tap --SOCKS4a--> Tor
"""

import contextlib
import dataclasses
import socket
import struct
import threading
import time

from yardstick import overlay

TCP, UDP = 6, 17
IPV6_HEADER, UDP_HEADER = 40, 8
# What a header compressed by RFC 2507 or RFC 5795 comes to, with the UDP checksum or TCP's, which cannot be left out.
COMPRESSED = 4
CELL_PAYLOAD = 498
# What is written within that time finds the earlier bytes still in Tor's buffer.
TOGETHER = 0.002
HEADER_BYTES = 60


@dataclasses.dataclass
class Written:
    """What a daemon wrote to Tor so far.

    saved     bytes of it that header compression would have spared
    cells, compressed_cells   how many cells its bursts fill, as they are and without those bytes
    """

    bytes: int = 0
    packets: int = 0
    payload: int = 0
    headers: int = 0
    saved: int = 0
    cells: int = 0
    compressed_cells: int = 0

    def __sub__(self, earlier):
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(earlier))
        return Written(*(now - before for now, before in pairs))


class Tap:
    """with Tap(socks) as tap: Daemon(socks=tap.address, …); tap.written()"""

    def __init__(self, socks):
        self._socks = socks
        self._listener = socket.create_server(("127.0.0.1", overlay.free_port()), backlog=64)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._streams = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def written(self):
        total = Written()
        for stream in list(self._streams):
            stream.end_burst()
            values = zip(dataclasses.astuple(total), dataclasses.astuple(stream.written))
            total = Written(*(one + other for one, other in values))
        return total

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                daemon, _ = self._listener.accept()
                tor = socket.create_connection(("127.0.0.1", self._socks))
                stream = Stream()
                self._streams.append(stream)
                for source, sink, watch in ((daemon, tor, stream.take), (tor, daemon, None)):
                    threading.Thread(target=pass_on, args=(source, sink, watch), daemon=True).start()


def pass_on(source, sink, watch):
    sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            if watch:
                watch(data)
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class Stream:
    """The bytes of one circuit: a SOCKS4a request, and then packets back to back."""

    def __init__(self):
        self.written = Written()
        self._request = b""
        self._is_granted = False
        self._head = b""  # the beginning of a packet, as far as its headers go
        self._left = 0  # bytes of the packet that are still to come
        self._burst = self._spared = 0
        self._at = 0.0
        self._lock = threading.Lock()

    def take(self, data):
        if data[:1] == b"\5" and not self._request or self._request[:1] == b"\5":
            self._request = b"\5"  # a question why a circuit was refused
            return
        if not self._is_granted:
            self._request += data
            if len(self._request) < 9 or self._request.count(b"\0", 8) < 2:
                return
            end = self._request.index(b"\0", self._request.index(b"\0", 8) + 1) + 1
            data, self._is_granted = self._request[end:], True
        with self._lock:
            if time.monotonic() - self._at > TOGETHER:
                self._end_burst()
            self._at = time.monotonic()
            self.written.bytes += len(data)
            self._burst += len(data)
            self._read_packets(memoryview(data))

    def end_burst(self):
        with self._lock:
            self._end_burst()

    def _end_burst(self):
        self.written.cells += -(-self._burst // CELL_PAYLOAD)
        self.written.compressed_cells += -(-(self._burst - self._spared) // CELL_PAYLOAD)
        self._burst = self._spared = 0

    def _read_packets(self, data):
        while len(data):
            if self._left == 0:
                need = self._headers_length() - len(self._head)
                self._head += bytes(data[:need])
                data = data[need:]
                if len(self._head) < self._headers_length():
                    continue
                self._note_packet(self._head)
                self._left = IPV6_HEADER + struct.unpack_from("!H", self._head, 4)[0] - len(self._head)
                self._head = b""
            passed = min(self._left, len(data))
            self._left -= passed
            data = data[passed:]

    def _headers_length(self):
        """How many bytes of the packet that begins with `_head` have to be read to know its headers."""
        if len(self._head) < IPV6_HEADER:
            return IPV6_HEADER
        return IPV6_HEADER + min(struct.unpack_from("!H", self._head, 4)[0], HEADER_BYTES - IPV6_HEADER)

    def _note_packet(self, head):
        length = IPV6_HEADER + struct.unpack_from("!H", head, 4)[0]
        upper = {TCP: lambda: head[52] >> 4 << 2, UDP: lambda: UDP_HEADER}.get(head[6], lambda: 0)()
        headers = IPV6_HEADER + upper
        self.written.packets += 1
        self.written.headers += headers
        self.written.payload += length - headers
        # The first packet of a flow tells what the later ones leave out.
        if upper and not (head[6] == TCP and head[53] & 2):
            self.written.saved += headers - COMPRESSED
            self._spared += headers - COMPRESSED
