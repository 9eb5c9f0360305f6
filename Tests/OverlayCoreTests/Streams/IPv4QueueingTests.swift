import Testing

@testable import OverlayCore

@Suite("IPv4 packets in queues")
struct IPv4QueueingTests {
  private func hash(_ packet: [UInt8]) -> UInt32 { packet.withUnsafeBytes { PacketView(reading: $0)?.flow ?? 0 } }

  @Test("packets of one flow have one hash, whatever else they say")
  func same() throws {
    let ports: [UInt8] = [0x10, 0, 0x20, 0, 0, 0, 0, 0]
    let first = hash(try Sample.ipv4(from: "10.0.0.1", to: "10.1.0.1", payload: ports))
    #expect(
      hash(try Sample.ipv4(from: "10.0.0.1", to: "10.1.0.1", identification: 9, payload: ports + [1, 2])) == first)
    #expect(hash(try Sample.ipv4(from: "10.0.0.1", to: "10.1.0.1", fragment: 0x4000, payload: ports)) == first)
    #expect(
      hash(try Sample.ipv4(from: "10.0.0.1", to: "10.1.0.1", options: [148, 4, 0, 0], payload: ports)) == first)
    func echo(_ sequence: UInt8) throws -> [UInt8] {
      try Sample.ipv4(
        from: "10.0.0.1", to: "10.1.0.1", protocolNumber: 1, payload: [8, 0, sequence, 0, 1, 2, 0, sequence])
    }
    #expect(hash(try echo(1)) == hash(try echo(2)))
  }

  @Test("another address, port, protocol or echo identifier is another flow")
  func different() throws {
    let ports: [UInt8] = [0x10, 0, 0x20, 0, 0, 0, 0, 0]
    var packets = [
      try Sample.ipv4(from: "10.0.0.1", to: "10.1.0.1", payload: ports),
      try Sample.ipv4(from: "10.0.0.2", to: "10.1.0.1", payload: ports),
      try Sample.ipv4(from: "10.0.0.1", to: "10.1.0.2", payload: ports),
      try Sample.ipv4(from: "10.1.0.1", to: "10.0.0.1", payload: ports),
      try Sample.ipv4(from: "10.0.0.1", to: "10.1.0.1", protocolNumber: 6, payload: ports),
      try Sample.ipv4(from: "10.0.0.1", to: "10.1.0.1", protocolNumber: 47, payload: ports),
      try Sample.ipv4(from: "10.0.0.1", to: "10.1.0.1", payload: [0x10, 1] + ports[2...]),
      try Sample.ipv4(from: "10.0.0.1", to: "10.1.0.1", payload: ports[..<3] + [1] + ports[4...]),
    ]
    for identifier in 1...3 as ClosedRange<UInt8> {
      packets.append(
        try Sample.ipv4(
          from: "10.0.0.1", to: "10.1.0.1", protocolNumber: 1, payload: [8, 0, 0, 0, 0, identifier, 0, 1]))
    }
    #expect(Set(packets.map(hash)).count == packets.count)
  }

  @Test("all fragments of a packet are of one flow")
  func fragments() throws {
    let hashes = try [0x2000, 0x2010, 0x0020].map { (fragment: UInt16) in
      hash(
        try Sample.ipv4(
          from: "10.0.0.1", to: "10.1.0.1", fragment: fragment,
          payload: [UInt8](repeating: UInt8(fragment & 0xff), count: 8)))
    }
    #expect(Set(hashes).count == 1)
  }

  @Test("packets that end before their ports are hashed all the same", arguments: 0...8)
  func short(_ count: Int) throws {
    for protocolNumber in [1, 6, 17] as [UInt8] {
      let packet = try Sample.ipv4(
        from: "10.0.0.1", to: "10.1.0.1", protocolNumber: protocolNumber, payload: [UInt8](repeating: 1, count: count))
      #expect(hash(packet) == hash(packet))
    }
    #expect(hash([0x4f] + [UInt8](repeating: 0, count: count)) == 0)
  }

  @Test("the congestion mark keeps the header's checksum right", arguments: 0...255 as ClosedRange<UInt8>)
  func mark(_ typeOfService: UInt8) throws {
    var random = SeededGenerator(seed: UInt64(typeOfService))
    for _ in 0..<50 {
      var packet = try Sample.ipv4(
        from: "10.0.0.1", to: "10.1.0.1", identification: UInt16(truncatingIfNeeded: random.next()),
        typeOfService: typeOfService, payload: [1, 2, 3])
      let before = packet
      let isSet = packet.withUnsafeMutableBytes { CongestionMark.set(in: $0) }
      #expect(isSet == (typeOfService & 3 != 0))
      #expect(packet[1] == (isSet ? typeOfService | 3 : typeOfService))
      // All but the type of service and the checksum stays.
      for index in packet.indices where ![1, 10, 11].contains(index) { #expect(packet[index] == before[index]) }
      #expect(packet.withUnsafeBytes { IPv4Header($0) } != nil)
    }
  }
}
