import Testing

@testable import OverlayCore

@Suite("Which identity a circuit is for, where several share a listener")
struct CallDestinationTests {
  private func read(_ bytes: [UInt8]) -> CallDestination { bytes.withUnsafeBytes { CallDestination($0) } }

  @Test("the destination of its first packet tells, whatever follows the header")
  func packet() throws {
    let (source, destination) = try (OnionName.sample(1).address, OnionName.sample(2).address)
    let packet = Sample.packet(from: source, to: destination, payload: [1, 2, 3])
    #expect(read(packet) == .address(destination))
    #expect(read(Array(packet.prefix(CallDestination.bytesNeeded))) == .address(destination))
  }

  @Test("fewer bytes than a header, and what is no IPv6, are for nobody")
  func nobody() throws {
    let packet = Sample.packet(from: try .sample("fd00::1"), to: try .sample("fd00::2"), payload: [])
    for count in 0..<packet.count { #expect(read(Array(packet.prefix(count))) == .none) }
    #expect(read([0x45] + packet.dropFirst()) == .none)
    #expect(read(Array("GET / HTTP/1.1\r\n".utf8) + packet) == .none)
  }

  @Test("what Tor says first of a circuit is known as such, however little follows")
  func proxyLine() {
    #expect(read(Array("PROXY TCP6 fc00:dead:beef:4dad::0:1 ::1 1 8060\r\n".utf8)) == .proxyLine)
    #expect(read(Array("PROXY ".utf8)) == .proxyLine)
    #expect(read(Array("PROXY".utf8)) == .none)
  }

  @Test("where Tor writes its line first, the packet behind it tells")
  func announced() throws {
    let destination = try OnionName.sample(2).address
    let line = TorCircuitLine(circuit: 7).bytes(port: 8_060)
    let bytes = line + Sample.packet(from: try .sample("fd00::1"), to: destination, payload: [])
    func read(_ bytes: some Collection<UInt8>) -> CallDestination {
      Array(bytes).withUnsafeBytes { CallDestination($0, isAnnounced: true) }
    }
    for count in 0..<line.count { #expect(read(bytes.prefix(count)) == .incomplete(count + 1)) }
    for count in line.count..<bytes.count { #expect(read(bytes.prefix(count)) == .incomplete(bytes.count)) }
    #expect(read(bytes) == .address(destination))
    #expect(read(line + [0x45] + bytes.suffix(39)) == .none)
    #expect(read(bytes.dropFirst(line.count)) == .noTorLine)
  }
}
