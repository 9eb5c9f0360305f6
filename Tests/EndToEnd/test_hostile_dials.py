"""What a host of this side makes the daemon dial: how much of it at once, and what that takes.

    host, or 400 --peer options --- oncilla --- a Tor that does not answer
"""

import pathlib
import re
import socket
import time

from hostile_peer import SilentTor
from overlay import onion_name, overlay_address, wait_until

MEGABYTE = 1_000_000
DIALS = 64  # what may be in flight


def anonymous(daemon):
    """Resident bytes that are no file's."""
    text = pathlib.Path(f"/proc/{daemon.pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", text).group(1)) * 1024


def test_what_waits_for_thousands_of_dials_is_little_and_given_back(daemons, host, tmp_path, report):
    """2,680 dials in 2.3 s took 221 MB, and two minutes later 219 MB."""
    names = [onion_name(f"known {number}") for number in range(2_680)]
    hosts = tmp_path / "hosts"
    hosts.write_text("".join(f"{overlay_address(name)} {name}\n" for name in names))
    with SilentTor() as tor:
        daemon = daemons(onion=onion_name("one"), netns=host, socks=tor.address, hosts=hosts, log_level="notice")
        daemon.wait_for_interface()
        time.sleep(1)
        before = most = anonymous(daemon)
        with host.socket(kind=socket.SOCK_DGRAM) as sender:
            for number, name in enumerate(names):
                sender.sendto(bytes(60_000), (overlay_address(name), 9))
                if number % 10 == 9:
                    time.sleep(0.008)
                    most = max(most, anonymous(daemon))
        wait_until(lambda: tor.most >= DIALS // 2, 10, what="dials")
        time.sleep(2)
        most = max(most, anonymous(daemon))
        asked = tor.asked
        in_flight = tor.most
    # Tor is gone: nobody is dialled, and nothing waits.
    wait_until(lambda: anonymous(daemon) - before < 8 * MEGABYTE, 65, 0.5, "what waited to be given back")
    after = anonymous(daemon)
    report(f"{asked} dials, {in_flight} in flight at the most; {before / 1e6:.1f} MB resident before, "
           f"{most / 1e6:.1f} at the most, {after / 1e6:.1f} after")
    assert in_flight <= DIALS
    assert most - before < 24 * MEGABYTE


def test_400_permanent_peers_are_not_dialled_all_at_once(daemons, host, report):
    names = [onion_name(f"permanent {number}") for number in range(400)]
    with SilentTor(grant_after=0.5) as tor:
        daemon = daemons(onion=onion_name("one"), netns=host, socks=tor.address, peers=names, log_level="notice")
        wait_until(lambda: tor.granted >= len(names), 30, what=f"{len(names)} peers to be reached")
        seconds = time.monotonic() - daemon.started_at
        report(f"{tor.most} dials in flight at the most, all granted after {seconds:.1f} s")
        assert tor.most <= DIALS
        assert tor.granted == len(names)
