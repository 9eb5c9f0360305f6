"""contrib/oncilla.nft: what it closes, on the interface of the daemon and on those of instances."""

import contextlib
import pathlib
import socket

import pytest

from lan import quick

FILTER = pathlib.Path(__file__).parents[2] / "contrib/oncilla.nft"


def reached(namespace, port):
    """Whether a TCP connection to the host is made, or refused by it; not if nobody answers."""
    with namespace.socket() as caller:
        caller.settimeout(1)
        try:
            caller.connect(("2001:db8::1", port))
        except ConnectionRefusedError:
            pass
        except TimeoutError:
            return False
    return True


@pytest.mark.parametrize("interface, is_closed", [("oncilla0", True), ("onc-office", True), ("eth7", False)])
def test_peers_may_ping_and_use_ssh_alone(namespaces, interface, is_closed):
    host, peer = quick(namespaces("host")), quick(namespaces("peer"))
    host.ip(f"link add {interface} type veth peer name out0 netns {peer.name}")
    for namespace, device, number in ((host, interface, 1), (peer, "out0", 2)):
        namespace.ip(f"-6 addr add 2001:db8::{number}/64 dev {device} nodad")
        namespace.ip(f"link set {device} up")
    # Twice: a change is loaded over what is there.
    for _ in range(2):
        host.run(f"nft -f {FILTER}")
    with contextlib.closing(host.socket()) as listener:
        listener.bind(("::", 7001))
        listener.listen()
        assert peer.can_ping("2001:db8::1") and reached(peer, 22)
        assert reached(peer, 7001) != is_closed
    # What the host itself begins comes back.
    with contextlib.closing(peer.socket()) as listener, host.socket(socket.AF_INET6) as caller:
        listener.bind(("::", 7002))
        listener.listen()
        caller.settimeout(5)
        caller.connect(("2001:db8::2", 7002))
