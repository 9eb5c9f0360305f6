import Testing

@testable import OverlayCore

@Suite("IPv4 fragments")
struct IPv4FragmenterTests {
  private func fragments(of packet: [UInt8], mtu: Int) throws -> [[UInt8]]? {
    try packet.withUnsafeBytes { bytes in
      guard var fragmenter = IPv4Fragmenter(try #require(PacketView(reading: bytes)), mtu: mtu) else { return nil }
      var fragments: [[UInt8]] = []
      while let length = fragmenter.nextLength {
        var fragment = [UInt8](repeating: 0xee, count: length)
        #expect(fragment.withUnsafeMutableBytes { fragmenter.next(into: $0) } == length)
        fragments.append(fragment)
      }
      return fragments
    }
  }

  /// What a host makes of fragments: the first one's header and the payloads side by side.
  private func reassemble(_ fragments: [[UInt8]]) throws -> [UInt8] {
    var payload: [Int: [UInt8]] = [:]
    for fragment in fragments {
      let header = try #require(fragment.withUnsafeBytes { IPv4Header($0) })
      payload[header.fragmentOffset] = Array(fragment[header.headerSize...])
    }
    var whole: [UInt8] = []
    for (offset, bytes) in payload.sorted(by: { $0.key < $1.key }) {
      #expect(offset == whole.count, "fragments neither overlap nor leave a gap")
      whole += bytes
    }
    return whole
  }

  @Test(
    "put together are the packet, and none is longer than the link carries",
    arguments: [1_400, 1_401, 2_779, 2_780, 2_781, 9_000, 65_500], [68, 69, 576, 1_280, 1_399])
  func reassembly(_ payload: Int, _ mtu: Int) throws {
    var random = SeededGenerator(seed: UInt64(payload))
    let packet = try Sample.ipv4(from: "10.0.0.1", to: "10.1.0.1", payload: random.bytes(payload))
    let fragments = try #require(try fragments(of: packet, mtu: mtu))
    #expect(fragments.allSatisfy { $0.count <= mtu })
    #expect(fragments.dropLast().allSatisfy { $0.count > mtu - 8 && ($0.count - 20) % 8 == 0 })
    #expect(try reassemble(fragments) == Array(packet[20...]))
    for (index, fragment) in fragments.enumerated() {
      let header = try #require(fragment.withUnsafeBytes { IPv4Header($0) }, "the checksum is right")
      #expect(header.hasMoreFragments == (index < fragments.count - 1))
      #expect(fragment[4..<6] == packet[4..<6])
      #expect(fragment[8..<10] == packet[8..<10])
      #expect(fragment[12..<20] == packet[12..<20])
    }
  }

  @Test("the first has all options, the others those that are to be copied")
  func options() throws {
    let sourceRoute: [UInt8] = [131, 7, 4, 10, 9, 8, 7]
    let timestamp: [UInt8] = [68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    let routerAlert: [UInt8] = [148, 4, 0, 0]
    let options = timestamp + [1] + sourceRoute + [1, 1] + routerAlert + [0, 0]
    let packet = try Sample.ipv4(
      from: "10.0.0.1", to: "10.1.0.1", options: options, payload: [UInt8](repeating: 7, count: 200))
    let fragments = try #require(try fragments(of: packet, mtu: 120))
    #expect(fragments.count == 3)
    #expect(fragments[0][20..<48] == options[...])
    for fragment in fragments.dropFirst() {
      #expect(fragment[0] == 0x48)
      #expect(fragment[20..<32] == (sourceRoute + routerAlert + [0])[...])
    }
    #expect(try reassemble(fragments) == Array(packet[48...]))
  }

  @Test(
    "options that are cut off are not copied",
    arguments: [[131, 9, 0, 0], [131, 1, 0, 0], [1, 1, 1, 131]] as [[UInt8]])
  func cutOptions(_ options: [UInt8]) throws {
    let packet = try Sample.ipv4(
      from: "10.0.0.1", to: "10.1.0.1", options: options, payload: [UInt8](repeating: 7, count: 100))
    let fragments = try #require(try fragments(of: packet, mtu: 68))
    #expect(fragments[0][20..<24] == options[...])
    #expect(fragments.dropFirst().allSatisfy { $0[0] == 0x45 })
    #expect(try reassemble(fragments) == Array(packet[24...]))
  }

  @Test("of a fragment keep its place, and all say that more follow where it does")
  func fragmentOfFragment() throws {
    let packet = try Sample.ipv4(
      from: "10.0.0.1", to: "10.1.0.1", fragment: 0x2000 | 25, payload: [UInt8](repeating: 7, count: 160))
    let fragments = try #require(try fragments(of: packet, mtu: 100))
    let headers = fragments.compactMap { $0.withUnsafeBytes { IPv4Header($0) } }
    #expect(headers.map(\.fragmentOffset) == [200, 280])
    #expect(headers.map(\.hasMoreFragments) == [true, true])
  }

  @Test("are not made where they may not, or would end behind the longest packet")
  func refused() throws {
    let payload = [UInt8](repeating: 7, count: 200)
    for fragment in [0x4000, 0x1fff, 0x1ff8] as [UInt16] {
      let packet = try Sample.ipv4(from: "10.0.0.1", to: "10.1.0.1", fragment: fragment, payload: payload)
      #expect(try fragments(of: packet, mtu: 100) == nil)
    }
  }
}
