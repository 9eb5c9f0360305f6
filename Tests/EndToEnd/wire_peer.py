"""A peer in Python: an onion service that writes down what it is sent, and a dialler that says whatever it likes.

    daemon --SOCKS4a--> FakeSocks --> WirePeer.port       (`circuits`: what the daemon sends to this peer)
    WirePeer.dial(daemon) --> the daemon's listener       (`Dialled`: what this peer, or an attacker, sends)

A daemon takes in nothing of a circuit before the peer that it claims to be of has proven it. A peer does so, on what it
began with `call`, as Oncilla does: it repeats the challenge that comes over a circuit that the daemon dialled to it.
"""

import contextlib
import socket
import struct
import threading
import time

import packets
from overlay import SERVICE_PORT, onion_name, overlay_address, reset_when_closed, wait_until


class WirePeer:
    """`name` and `address` come from a seed; circuits to it are accepted on `port`.

    proves       how it proves that its calls are its own: by "response", as Oncilla does; by "echo", as the kernel behind
                 an OnionCat does; None: not at all
    name, port   an onion service of a real Tor, and where that leads
    socks        the port of that Tor, by which it dials; None: it connects to listeners, as everybody's Tor does
    """

    def __init__(self, seed, proxy=None, proves="response", name=None, port=0, socks=None):
        self.proves = proves
        self.challenges = {}  # address of a daemon → the challenge that it told last
        self.name = name or onion_name(seed)
        self.address = overlay_address(self.name)
        self.circuits = []
        self._dialled = []
        self._socks = socks
        self._listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        if proxy is not None:
            proxy.connect(self.name, self.port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in [*self.circuits, *self._dialled]:
            connection.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.circuits.append(self._circuit(connection))

    def _circuit(self, connection):
        """What a connection that was accepted becomes."""
        return Accepted(connection, self._heed)

    def _heed(self, packet):
        """Answers what a daemon asks, on the calls to it."""
        if packet.version != 6:
            return
        answer = None
        if packet.is_keepalive:
            challenge = packets.tlvs(packet).get(packets.CHALLENGE)
            if challenge is not None:
                self.challenges[packet.source] = challenge
                if self.proves == "response":
                    answer = self.keepalive(packet.source, packets.tlv(packets.RESPONSE, challenge))
        elif self.proves == "echo" and packet.next_header == packets.ICMPV6 and packet.payload[0] == 128:
            answer = packets.icmpv6(packet.destination, packet.source, 129, 0, packet.payload[4:])
        if answer is not None:
            for call in list(self._dialled):
                call.answer(packet.source, answer)

    def wait_for_circuit(self, number=0, timeout=5):
        """The circuit that was accepted as the `number`th, from 0."""
        wait_until(lambda: len(self.circuits) > number, timeout, what=f"circuit {number} to the peer")
        return self.circuits[number]

    def received(self):
        """All packets that came over all circuits, in each circuit's order."""
        return [packet for circuit in list(self.circuits) for packet in circuit.packets()]

    def dial(self, daemon, answers=False):
        """A bare connection to the daemon's listener; nothing is sent yet. `answers` says that what will be sent is this
        peer's own, so that challenges are answered on it."""
        dialled = Dialled(self._socks or daemon.listen_port)
        if self._socks is not None:
            dialled.ask_tor(daemon.onion)
        if answers:
            dialled.proves_to = daemon.address
        self._dialled.append(dialled)
        return dialled

    def call(self, daemon, tlvs=b""):
        """A circuit to the daemon that begins with this peer's keepalive."""
        dialled = self.dial(daemon)
        challenge = self.challenges.get(daemon.address)
        if challenge is not None and self.proves == "response":
            tlvs += packets.tlv(packets.RESPONSE, challenge)
        dialled.send(self.keepalive(daemon.address, tlvs))
        dialled.proves_to = daemon.address
        return dialled

    def prove(self, daemon, timeout=10):
        """Waits until the daemon has told its challenge, which calls answer."""
        wait_until(lambda: daemon.address in self.challenges, timeout, what="the daemon to challenge the peer")

    def keepalive(self, destination, tlvs=b"", **changes):
        return packets.keepalive(self.address, destination, self.name, tlvs, **changes)


class Accepted:
    """One circuit that the daemon dialled: its bytes are collected until it is closed."""

    def __init__(self, connection, heed=lambda packet: None):
        self._connection = connection
        self._heed = heed
        self.data = bytearray()
        self.opened_at = time.monotonic()
        self.closed_at = None
        self._reading = threading.Event()
        self._reading.set()
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self):
        rest = b""
        with contextlib.suppress(OSError):
            while block := self._connection.recv(1 << 16):
                self._reading.wait()
                self.data += block
                whole, rest = packets.split_stream(rest + block)
                for packet in whole:
                    self._heed(packet)
        self.closed_at = time.monotonic()

    def pause(self):
        """Reads no more until `resume()`: a peer whose Tor is stuck."""
        self._reading.clear()

    def resume(self):
        self._reading.set()

    @property
    def is_closed(self):
        return self.closed_at is not None

    def packets(self):
        return packets.split_stream(bytes(self.data))[0]

    def rest(self):
        """The bytes after the last complete packet."""
        return packets.split_stream(bytes(self.data))[1]

    def wait_for_packets(self, count=1, timeout=5):
        wait_until(lambda: len(self.packets()) >= count, timeout, what=f"{count} packets on a circuit")
        return self.packets()

    def wait_for_close(self, timeout=5):
        wait_until(lambda: self.is_closed, timeout, what="the daemon to close the circuit")

    def send(self, data):
        """Answers on the circuit that the daemon dialled, as OnionCat's -U does."""
        self._connection.sendall(data)

    def close(self, reset=False):
        with contextlib.suppress(OSError):
            if reset:
                reset_when_closed(self._connection)
            else:
                self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()


class Dialled:
    """A connection to a daemon's listener."""

    def __init__(self, port, timeout=10):
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.proves_to = None  # the address of the daemon, once answers may go out on it
        self._lock = threading.Lock()
        self._cut = b""  # what was sent of a packet that is not whole; None: what was sent is no packets
        self._answers = b""

    def ask_tor(self, name, port=SERVICE_PORT):
        """Has the SOCKS server at the other end build a circuit to a name; an OSError if it does not."""
        self._connection.settimeout(120)
        self._connection.sendall(struct.pack(">BBHI", 4, 1, port, 1) + b"\0" + name.encode() + b"\0")
        reply = b""
        while len(reply) < 8:
            if not (more := self._connection.recv(8 - len(reply))):
                raise ConnectionError(f"no circuit to {name}")
            reply += more
        if reply[:2] != b"\0\x5a":
            raise ConnectionError(f"no circuit to {name}: {reply[1]:#x}")
        self._connection.settimeout(10)

    def send(self, data):
        """Sends all; False when the daemon has closed the circuit before the end."""
        with self._lock:
            return self._send(data)

    def _send(self, data):
        try:
            self._connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        if self._cut is not None:
            try:
                self._cut = packets.split_stream(self._cut + bytes(data))[1]
            except AssertionError:
                self._cut = None
        if self._cut == b"" and self._answers:
            answers, self._answers = self._answers, b""
            return self._send(answers)
        return True

    def answer(self, address, data):
        """Sends what proves to the daemon of this address who this is, between two packets."""
        with self._lock:
            if self.proves_to == address and self._cut is not None:
                self._answers += data
                if not self._cut:
                    with contextlib.suppress(OSError):
                        self._send(b"")

    def send_slowly(self, data, pause):
        for value in data:
            if not self.send(bytes([value])):
                return False
            time.sleep(pause)
        return True

    def is_closed(self, timeout=0.0):
        """Whether the daemon has closed it, waiting at most so long; what it sends is thrown away."""
        deadline = time.monotonic() + timeout
        self._connection.settimeout(max(timeout, 0.001))
        try:
            while self._connection.recv(1 << 16):
                self._connection.settimeout(max(deadline - time.monotonic(), 0.001))
        except (TimeoutError, BlockingIOError):
            return False
        except OSError:
            return True
        finally:
            self._connection.settimeout(10)
        return True

    def received(self, timeout):
        """Bytes that the daemon sent on a circuit that it did not dial (there should be none)."""
        self._connection.settimeout(timeout)
        try:
            return self._connection.recv(1 << 16)
        except (TimeoutError, OSError):
            return b""
        finally:
            self._connection.settimeout(10)

    def reset(self):
        with contextlib.suppress(OSError):
            reset_when_closed(self._connection)
        self._connection.close()

    def close(self):
        self._connection.close()
