"""What Oncilla promises about itself in figures: start, memory, size, what it links."""

import fcntl
import ipaddress
import pathlib
import re
import socket
import statistics
import struct
import subprocess
import time

import pytest

import overlay
from fake_socks import FakeSocks

MILLISECONDS_TO_INTERFACE = 50
RESIDENT_MB = 14
ANONYMOUS_MB = 2.5
STRIPPED_MB = 11
LIBRARIES = {
    "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "libc.so.6", "libm.so.6", "libgcc_s.so.1", "libstdc++.so.6",
    "libnettle.so.8", "libhogweed.so.6", "libgmp.so.10", "libevent_core-2.1.so.7", "libinih.so.1", "libjansson.so.4",
}  # fmt: skip

SIOCGIFFLAGS, IFF_UP, IFA_F_TENTATIVE = 0x8913, 1, 0x40  # linux/sockios.h, linux/if.h, linux/if_addr.h


def seconds_to_interface(daemon, namespace):
    """Starts the daemon; returns the seconds until its interface is up with an address that can be used.

    Asked of the kernel directly: a program such as `ip` would take as long as what is measured.
    """
    address = ipaddress.IPv6Address(daemon.address).packed.hex()
    request = struct.pack("16sH14x", daemon.interface.encode(), 0)
    with namespace.socket(kind=socket.SOCK_DGRAM) as sock:
        began = time.perf_counter()
        daemon.start()
        with namespace.entered():
            while time.perf_counter() - began < 10:
                daemon.assert_running()
                for line in pathlib.Path("/proc/thread-self/net/if_inet6").read_text().splitlines():
                    found, _, _, _, flags, interface = line.split()
                    if found == address and interface == daemon.interface and not int(flags, 16) & IFA_F_TENTATIVE:
                        if struct.unpack("16xH14x", fcntl.ioctl(sock, SIOCGIFFLAGS, request))[0] & IFF_UP:
                            return time.perf_counter() - began
                time.sleep(0.0005)
    raise AssertionError(f"no interface after 10 s:\n{daemon.log()}")


@pytest.mark.alone
def test_the_interface_is_up_soon_after_the_start(namespaces, daemons, report):
    measured = []
    for number in range(5):
        host = namespaces(f"host{number}")
        with FakeSocks() as proxy:
            daemon = daemons(onion=overlay.onion_name(number), netns=host, socks=proxy.address, start=False)
            measured.append(1000 * seconds_to_interface(daemon, host))
            daemon.stop()
    median = statistics.median(measured)
    report(f"{median:.0f} ms, at most {MILLISECONDS_TO_INTERFACE} promised (median of {len(measured)})")
    assert median <= MILLISECONDS_TO_INTERFACE, measured


def memory_with_two_peers(namespaces, daemons, attempt):
    """Bytes that a daemon has resident at its start and after traffic, and what of these is its own."""
    names = [overlay.onion_name(f"memory {attempt} {number}") for number in range(3)]
    hosts = [namespaces(f"{label}{attempt}") for label in "abc"]
    with FakeSocks() as proxy:
        running = []
        for number, name in enumerate(names):
            peers = [other for other in names if other != name] if number == 0 else [names[0]]
            daemon = daemons(onion=name, netns=hosts[number], socks=proxy.address, peers=peers, log_level="notice")
            proxy.connect(name, daemon.listen_port)
            daemon.wait_for_interface()
            running.append(daemon)
        idle = running[0].rss()
        for host, daemon in zip(hosts[1:], running[1:]):
            overlay.wait_until(lambda: hosts[0].can_ping(daemon.address), 20, what="a ping to pass")
            overlay.Transfer(hosts[0], host, daemon.address, 5_000_000)
            overlay.Transfer(host, hosts[0], running[0].address, 5_000_000)
        return idle, running[0].rss(), running[0].anonymous_memory()


def test_memory_stays_small_with_two_peers(namespaces, daemons, report):
    # How much waits at the most, and which pages of the program are touched, differs by a third of a megabyte.
    attempts = [memory_with_two_peers(namespaces, daemons, attempt) for attempt in range(5)]
    idle, busy, anonymous = (statistics.median(column) for column in zip(*attempts))
    report(
        f"{busy / 1e6:.1f} MB resident with two peers after 20 MB of traffic ({idle / 1e6:.1f} MB at the start), "
        f"{anonymous / 1e6:.1f} MB of it the program's own; at most {RESIDENT_MB} and {ANONYMOUS_MB} promised"
    )
    assert busy <= RESIDENT_MB * 1e6 and anonymous <= ANONYMOUS_MB * 1e6


def test_the_binary_is_small(tmp_path, report):
    stripped = tmp_path / "oncilla"
    subprocess.run(["strip", "-o", stripped, overlay.BINARY], check=True)
    size = stripped.stat().st_size
    report(f"{size / 1e6:.1f} MB stripped, at most {STRIPPED_MB} promised")
    assert size <= STRIPPED_MB * 1e6


def test_the_binary_is_hard_to_bend(tmp_path):
    """It is loaded anywhere, what is relocated is read-only before it runs, no data is code; and it starts like that."""
    stripped = tmp_path / "oncilla"
    subprocess.run(["strip", "-o", stripped, overlay.BINARY], check=True)
    read = lambda *what: subprocess.check_output(["readelf", "--wide", *what, stripped], text=True)  # noqa: E731
    headers, dynamic = read("--file-header", "--program-headers"), read("--dynamic")
    assert "DYN (Position-Independent Executable file)" in headers
    assert "GNU_RELRO" in headers and re.search(r"FLAGS_1\).* NOW", dynamic), headers + dynamic
    assert re.search(r"GNU_STACK .* RW ", headers), headers
    # Relocations that are packed need a C library that says that it can read them.
    assert ("(RELR)" in dynamic) == ("GLIBC_ABI_DT_RELR" in read("--version-info"))
    assert "oncilla" in subprocess.check_output([stripped, "version"], text=True)


def test_the_binary_links_nothing_of_swift(report):
    listing = subprocess.check_output(["readelf", "--dynamic", "--wide", overlay.BINARY], text=True)
    linked = re.findall(r"\(NEEDED\)\s+Shared library: \[(.+)\]", listing)
    assert "libc.so.6" in linked, listing
    report(" ".join(sorted(linked)))
    assert set(linked) <= LIBRARIES, "a library that a user would have to install"


def test_the_binary_holds_nothing_of_foundation():
    """Linked statically, it would not show among the libraries."""
    symbols = subprocess.check_output(["nm", overlay.BINARY], text=True)
    assert "11OverlayCore" in symbols, "the binary has no symbols to look at: strip no build that is tested"
    found = [line for line in symbols.splitlines() if "Foundation" in line]
    assert not found, "\n".join(found[:10])
