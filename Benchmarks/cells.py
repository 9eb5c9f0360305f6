"""What a Tor sends towards its guard: cells, as it counts them itself for each circuit, and bytes of its connections."""

import collections
import pathlib
import re
import socket
import subprocess
import threading

from tor_control import ask

# What CIRC_BW counts for each cell: all of it but the circuit's number and the command.
CELL_BODY = 509
# What of a cell can be data, and what it is on the connection, before TLS (tor-spec).
CELL_PAYLOAD, CELL = 498, 514


class CellCounter:
    """with CellCounter(client) as cells: cells.sent()

    Tor tells once a second: whoever compares two counts lets the traffic rest for longer than that before each.
    """

    def __init__(self, client):
        self._client = client
        self._bytes = collections.Counter()
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(str(client.control))
        cookie = pathlib.Path(client.cookie).read_bytes().hex()
        self._connection.sendall(f"AUTHENTICATE {cookie}\r\nSETEVENTS CIRC_BW\r\n".encode())
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def _listen(self):
        with self._connection.makefile("r") as lines:
            for line in lines:
                found = re.match(r"650 CIRC_BW ID=(\d+) .*?\bWRITTEN=(\d+)", line)
                if found:
                    self._bytes[found.group(1)] += int(found.group(2))

    def sent(self):
        """The cells so far, on circuits that join it with an onion service or a client of its own."""
        joined = set()
        for line in ask(self._client.control, self._client.cookie, "GETINFO circuit-status"):
            found = re.match(r"(?:250[+-]circuit-status=)?(\d+) \w+ .*PURPOSE=HS_(?:CLIENT|SERVICE)_REND", line)
            if found:
                joined.add(found.group(1))
        total = sum(count for circuit, count in list(self._bytes.items()) if circuit in joined)
        assert total % CELL_BODY == 0, f"{total} bytes are no whole number of cells"
        return total // CELL_BODY


def bytes_to_relays(client, ports):
    """{connection: bytes sent} of a client's Tor, to the ports of the relays: cells, TLS, and what it says for itself."""
    text = subprocess.run(["ss", "-tinpHO", "state", "established"], capture_output=True, text=True, check=True).stdout
    sent = {}
    for line in text.splitlines():
        fields = line.split()
        if f"pid={client.process.pid}," in line and int(fields[3].rsplit(":", 1)[1]) in ports:
            found = re.search(r"\bbytes_sent:(\d+)", line)
            sent[fields[2]] = int(found.group(1)) if found else 0
    return sent


def difference(now, before):
    return sum(count - before.get(connection, 0) for connection, count in now.items())
