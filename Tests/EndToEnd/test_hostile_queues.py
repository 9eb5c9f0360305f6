"""Peers who ask for much and take little: the daemon goes on, ends when it is told to, and nobody else waits.

    many flows --- oncilla b <--- proxy, slow or stalled --- oncilla a --- its own host
"""

import contextlib
import selectors
import socket
import threading
import time

from lan import Identity
from overlay import UDP_SEGMENT, onion_name, overlay_address, wait_until


def serve_endlessly(listener, stopped):
    """Whoever connects is sent zeros as fast as he takes them."""
    block = bytes(1 << 16)
    listener.setblocking(False)
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
        selector.register(listener, selectors.EVENT_READ)
        while not stopped.is_set():
            for key, _ in selector.select(0.05):
                with contextlib.suppress(OSError):
                    if key.fileobj is listener:
                        connection = stack.enter_context(listener.accept()[0])
                        connection.setblocking(False)
                        selector.register(connection, selectors.EVENT_WRITE)
                    else:
                        key.fileobj.send(block)


def assert_that_it_goes_on(daemon, busy_at_most, seconds=3):
    cpu = daemon.cpu_seconds()
    time.sleep(seconds)
    cpu = (daemon.cpu_seconds() - cpu) / seconds
    daemon.assert_running()
    assert cpu < busy_at_most, f"{cpu:.0%} of a CPU"
    return cpu


def test_24_downloads_behind_200_kilobytes_a_second_do_not_fill_the_store_of_64_identities(
        shared_host, proxy, report):
    """A super-packet was cut for ever once the store was full: 100 % of a CPU, and SIGTERM was not heard."""
    proxy.behave(onion_name("pair b"), rate=200_000)
    hosts = shared_host([Identity.of(f"identity {number}") for number in range(63)])
    stopped = threading.Event()
    with hosts.a.host.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind((hosts.a.address, 5001))
        listener.listen(64)
        server = threading.Thread(target=serve_endlessly, args=(listener, stopped), daemon=True)
        server.start()
        try:
            downloads = [stack.enter_context(hosts.b.host.socket()) for _ in range(24)]
            for download in downloads:
                download.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    download.connect((hosts.a.address, 5001))
            time.sleep(5)
            cpu = assert_that_it_goes_on(hosts.a, 0.5)
            ping = hosts.b.host.ping(hosts.a.address, count=5, timeout=5, interval=0.5)
            received = [0] * len(downloads)
            for number, download in enumerate(downloads):
                with contextlib.suppress(OSError):
                    while data := download.recv(1 << 18):
                        received[number] += len(data)
        finally:
            stopped.set()
            server.join()
        ended = hosts.a.stop()
    report(f"{cpu:.0%} of a CPU, ping {ping.median:.0f} ms, {sum(count > 0 for count in received)} of 24 downloads got "
           f"{sum(received) / 1000:.0f} kB, ended in {ended:.1f} s")
    assert ping.received >= 4, ping
    assert sum(received) > 300_000, received
    assert sum(count > 0 for count in received) >= 12, received


def test_stalled_peers_and_datagrams_sent_together_do_not_hold_the_daemon(daemons, host, proxy, tmp_path, report):
    """56 queues of a mebibyte filled the store; the next call with UDP_SEGMENT never came to an end."""
    names = [onion_name(f"stalled {number}") for number in range(60)]
    hosts = tmp_path / "hosts"
    hosts.write_text("".join(f"{overlay_address(name)} {name}\n" for name in names))
    with socket.create_server(("127.0.0.1", 0), backlog=128) as sink:
        for name in names:
            proxy.connect(name, sink.getsockname()[1])
            proxy.behave(name, stall=True)
        daemon = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, hosts=hosts, log_level="notice",
                         options=["--circuits", 1])
        daemon.wait_for_interface()
        with host.socket(kind=socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1_200)

            def all_stand():
                # So many are not dialled at once: who was refused is asked for again.
                for name in names:
                    sender.sendto(b"first", (overlay_address(name), 9))
                return proxy.standing() == len(names)

            wait_until(all_stand, 20, interval=0.5, what="the circuits to the peers")
            addresses = [overlay_address(name) for name in names]
            deadline = time.monotonic() + 10
            for number in range(130 * len(addresses)):
                # The daemon must keep up, or the device drops what would fill the queues.
                sender.sendto(bytes(60_000), (addresses[number % len(addresses)], 9))
                if number % 10 == 9:
                    time.sleep(0.003)
                if time.monotonic() > deadline:
                    break
        cpu = assert_that_it_goes_on(daemon, 0.5)
        refused = daemon.counters()["queueFull"]
        ended = daemon.stop()
    report(f"{cpu:.0%} of a CPU, {refused} packets refused, ended in {ended:.1f} s")
    assert refused > 0
