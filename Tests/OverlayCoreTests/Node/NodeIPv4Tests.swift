import Testing

@testable import OverlayCore

@Suite("IPv4 in a node")
struct NodeIPv4Tests {
  @Test("is dropped and counted while it is off, from both sides, and the circuit lives")
  func off() throws {
    let lans = try TwoLANs(carriesIPv4: false)
    let packet = try Sample.ipv4(from: "10.1.0.1", to: "10.2.0.1", payload: [1, 2, 3])
    lans.world.send(packet, from: lans.alice)
    #expect(lans.alice.count(.ipv4) == 1)
    #expect(lans.alice.dials == [])
    let circuit = try #require(lans.world.call(lans.bob))
    let after = try lans.packet(nil, nil)
    lans.world.say(lans.alice.keepalive(to: lans.bob.address) + packet + after, on: circuit)
    #expect(lans.bob.takeDelivered() == [after])
    #expect(lans.bob.count(.ipv4) == 1)
    #expect(!circuit.isClosed)
    let error = packet
    error.withUnsafeBytes { lans.bob.refuse(fromOverlay: $0, .unreachable, at: lans.world.now) }
    #expect(lans.bob.dials == [])
  }

  @Test(
    "what cannot go anywhere is answered, as if from there, or dropped",
    arguments: [
      ("10.1.0.1", "192.0.2.1", 0, .outsideOverlay), ("192.0.2.1", "10.2.0.1", 13, .foreignSource),
      ("10.2.0.1", "10.2.0.2", nil, .returned), ("10.1.0.1", "10.1.0.2", nil, .loop),
      ("10.1.0.1", "10.1.255.254", nil, .loop), ("10.9.0.1", "10.1.0.1", nil, .loop),
      ("10.1.0.1", "10.9.0.1", nil, .loop), ("10.1.0.1", "224.0.0.22", nil, .multicast),
      ("10.1.0.1", "255.255.255.255", nil, .multicast), ("10.1.0.1", "169.254.1.1", nil, .multicast),
      ("10.1.0.1", "127.0.0.1", nil, .outsideOverlay), ("127.0.0.1", "10.2.0.1", nil, .foreignSource),
      ("169.254.1.1", "10.2.0.1", 13, .foreignSource), ("0.0.0.0", "255.255.255.255", nil, .multicast),
    ] as [(String, String, UInt8?, Counter)])
  func refused(_ source: String, _ destination: String, _ code: UInt8?, _ counter: Counter) throws {
    let lans = try TwoLANs(aliceAddress: "10.9.0.1")
    let packet = try Sample.ipv4(from: source, to: destination, payload: [1, 2, 3])
    lans.world.send(packet, from: lans.alice)
    let errors = lans.alice.takeDelivered()
    #expect(errors.map { $0[21] } == (code.map { [$0] } ?? []))
    for error in errors {
      let header = try #require(error.withUnsafeBytes { IPv4Header($0) })
      #expect("\(header.source) \(header.destination)" == "\(destination) \(source)")
      #expect(Array(error[28...]) == packet)
    }
    #expect(lans.alice.count(counter) == 1)
    #expect(lans.alice.dials == [])
  }

  @Test("this host's own address sends and is sent to like a served one")
  func ownAddress() throws {
    let lans = try TwoLANs(aliceAddress: "10.9.0.1")
    let packet = try Sample.ipv4(from: "10.9.0.1", to: "10.2.0.1")
    lans.world.send(packet, from: lans.alice)
    // Bob has no route to it.
    #expect(lans.bob.count(.forgedSource) == 1)
    let circuit = try #require(lans.world.call(lans.alice))
    let answer = try Sample.ipv4(from: "10.2.0.1", to: "10.9.0.1")
    lans.world.say(lans.bob.keepalive(to: lans.alice.address) + answer, on: circuit)
    #expect(lans.alice.takeDelivered() == [answer])
  }

  @Test("this host's own address is nobody else's, even where a route covers it")
  func ownAddressWithinRoute() throws {
    let lans = try TwoLANs(aliceAddress: "10.2.0.254")
    let circuit = try #require(lans.world.call(lans.alice))
    let forged = try Sample.ipv4(from: "10.2.0.254", to: "10.1.0.1")
    let packet = try Sample.ipv4(from: "10.2.0.1", to: "10.2.0.254")
    lans.world.say(lans.bob.keepalive(to: lans.alice.address) + forged + packet, on: circuit)
    #expect(lans.alice.takeDelivered() == [packet])
    #expect(lans.alice.count(.ownSource) == 1)
  }

  @Test("what is not well formed is dropped, from both sides")
  func malformed() throws {
    let lans = try TwoLANs()
    let good = try Sample.ipv4(from: "10.1.0.1", to: "10.2.0.1", payload: [1, 2, 3])
    var damaged = good
    damaged[8] ^= 1
    for packet in [damaged, good + [0], good.dropLast(), Array(good.prefix(19))] {
      lans.world.send(packet, from: lans.alice)
    }
    #expect(lans.alice.count(.malformed) == 4)
    let circuit = try #require(lans.world.call(lans.bob))
    lans.world.say(lans.alice.keepalive(to: lans.bob.address) + damaged + good, on: circuit)
    #expect(lans.bob.takeDelivered() == [good])
    #expect(lans.bob.count(.malformed) == 1)
  }

  @Test("a checksum that the kernel left to the device is made")
  func checksum() throws {
    let lans = try TwoLANs(isOffloading: true)
    // Of a UDP datagram, whose field holds the pseudo-header's sum.
    let datagram: [UInt8] = [0x10, 0, 0x20, 0, 0, 11, 0, 0, 1, 2, 3]
    let pseudoHeader: [UInt8] = [10, 1, 0, 1, 10, 2, 0, 1, 0, 17, 0, 11]
    let partial = ~NaiveChecksum.field(pseudoHeader)
    let whole = NaiveChecksum.field(pseudoHeader + datagram)
    func packet(_ sum: UInt16) throws -> [UInt8] {
      var payload = datagram
      (payload[6], payload[7]) = (UInt8(sum >> 8), UInt8(sum & 0xff))
      return try Sample.ipv4(from: "10.1.0.1", to: "10.2.0.1", options: [148, 4, 0, 0], payload: payload)
    }
    let offload = OffloadHeader(segmentation: .none, checksum: .init(start: 24, offset: 6))
    lans.world.send(try packet(partial), offload, from: lans.alice)
    #expect(lans.bob.takeDelivered() == [try packet(whole)])
  }

  @Test("datagrams that the kernel left uncut are cut, each with its own identification and checksums")
  func segmentation() throws {
    let lans = try TwoLANs(isOffloading: true)
    let data = (0..<2_500).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    func datagram(_ data: [UInt8], identification: UInt16, isPartial: Bool) throws -> [UInt8] {
      let length = UInt16(8 + data.count)
      var payload = [0x10, 0, 0x20, 0, UInt8(length >> 8), UInt8(length & 0xff), 0, 0] + data
      let pseudoHeader: [UInt8] = [10, 1, 0, 1, 10, 2, 0, 1, 0, 17, UInt8(length >> 8), UInt8(length & 0xff)]
      let sum = isPartial ? ~NaiveChecksum.field(pseudoHeader) : NaiveChecksum.field(pseudoHeader + payload)
      (payload[6], payload[7]) = (UInt8(sum >> 8), UInt8(sum & 0xff))
      return try Sample.ipv4(
        from: "10.1.0.1", to: "10.2.0.1", identification: identification, fragment: 0x4000, payload: payload)
    }
    let offload = OffloadHeader(segmentation: .udp(size: 1_000), checksum: .init(start: 20, offset: 6))
    lans.world.send(try datagram(data, identification: 0xffff, isPartial: true), offload, from: lans.alice)
    #expect(
      lans.bob.takeDelivered() == [
        try datagram(Array(data[..<1_000]), identification: 0xffff, isPartial: false),
        try datagram(Array(data[1_000..<2_000]), identification: 0, isPartial: false),
        try datagram(Array(data[2_000...]), identification: 1, isPartial: false),
      ])
  }
}
