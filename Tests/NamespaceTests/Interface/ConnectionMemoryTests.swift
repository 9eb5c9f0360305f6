import Glibc
import OverlayCore
import OverlayIO
import PacketSamples
import Testing

@Suite("What the kernel remembers of connections")
struct ConnectionMemoryTests {
  @Test("is forgotten of the overlay at a clean end, and stays of all others")
  func forgotten() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    _ = try privileges.installLeakGuard()
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([.overlay(0x1234)]))
    try namespace.ip("-6", "addr", "add", "2001:db8::1/128", "dev", "lo", "nodad")
    // A connection of a host with itself leaves metrics, too.
    for address in ["\(IPv6Address.overlay(0x1234))", "2001:db8::1"] {
      try namespace.execute(
        "python3", "-c",
        """
        import socket
        with socket.create_server(("\(address)", 7000), family=socket.AF_INET6) as listener:
            with socket.create_connection(("\(address)", 7000)) as near:
                far = listener.accept()[0]
                for _ in range(20):
                    near.sendall(b"x" * 20000); far.recv(40000)
                near.close()
                while far.recv(65536): pass
                far.close()
        """)
    }
    let before = try namespace.ip("tcp_metrics", "show")
    #expect(before.contains("fd87:d87e:eb43:"))
    #expect(before.contains("2001:db8::1"))
    _ = try privileges.perform(.forgetConnections)
    let after = try namespace.ip("tcp_metrics", "show")
    #expect(!after.contains("fd87:d87e:eb43:"))
    #expect(after.contains("2001:db8::1"))
    #expect(tunnel.index > 1)
  }
}
