import PacketSamples
import Testing

@testable import OverlayCore

/// A host of a LAN that asks for names: it writes and reads segments by itself.
struct FakeResolver {
  static let server = OverlayNetwork.tor.localResponder
  static let (fin, syn, rst, psh, ack): (UInt8, UInt8, UInt8, UInt8, UInt8) = (1, 2, 4, 8, 16)

  /// What came back in a segment.
  struct Segment: Equatable {
    var sequence: UInt32
    var acknowledgement: UInt32
    var flags: UInt8
    var window: UInt16
    var options: [UInt8]
    var payload: [UInt8]
  }

  var address = LinkWorld.own
  var station = LinkWorld.hostA
  var port: UInt16 = 40_000
  /// The next sequence number, and what is expected of the server.
  var sequence: UInt32 = 0xffff_fff0
  var expected: UInt32 = 0

  /// A datagram to port 53.
  func datagram(_ payload: [UInt8]) -> [UInt8] {
    var packet = SamplePacket(.udp(source: port, destination: 53), payload: payload)
    (packet.source, packet.destination) = (address, FakeResolver.server)
    return packet.bytes
  }

  /// A segment to port 53 with these flags; it changes nothing here.
  func segment(_ flags: UInt8, _ payload: [UInt8] = [], back: UInt32 = 0, checksum: SamplePacket.Checksum = .full)
    -> [UInt8]
  {
    var header = SamplePacket.TCP()
    (header.sourcePort, header.destinationPort, header.flags) = (port, 53, flags)
    (header.sequence, header.acknowledgement) = (sequence &- back, flags & FakeResolver.ack == 0 ? 0 : expected)
    var packet = SamplePacket(.tcp(header), payload: payload)
    (packet.source, packet.destination, packet.checksum) = (address, FakeResolver.server, checksum)
    return packet.bytes
  }

  /// Reads a packet to this client: addresses, ports, length and checksum are right.
  func read(_ packet: [UInt8]) throws -> Segment {
    try #require(packet.count >= 60)
    #expect(Array(packet[8..<40]) == FakeResolver.server.bytes + address.bytes)
    #expect(packet[6] == 6 && Int(packet[4]) << 8 | Int(packet[5]) == packet.count - 40 && packet.count <= 1_280)
    let body = Array(packet[40...])
    #expect(
      NaiveChecksum.field(source: FakeResolver.server, destination: address, nextHeader: 6, body) == 0)
    #expect(Array(body[..<4]) == [0, 53, UInt8(port >> 8), UInt8(port & 0xff)])
    let size = Int(body[12] >> 4) * 4
    let number = { (range: Range<Int>) in body[range].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } }
    return Segment(
      sequence: number(4..<8), acknowledgement: number(8..<12), flags: body[13], window: UInt16(number(14..<16)),
      options: Array(body[20..<size]), payload: Array(body[size...]))
  }

  /// A question behind its length.
  static func framed(_ message: [UInt8]) -> [UInt8] {
    [UInt8(message.count >> 8), UInt8(message.count & 0xff)] + message
  }
}

/// A name service, what is known there, and the time.
final class NameWorld {
  /// One peer, whose petname is alice.
  struct Names: LocalNames {
    let alice: OnionName
    func address(of petname: Petname) -> IPv6Address? { petname.description == "alice" ? alice.address : nil }
    func petname(of address: IPv6Address) -> Petname? { address == alice.address ? Petname("alice") : nil }
    func name(of address: IPv6Address) -> OnionName? { address == alice.address ? alice : nil }
  }

  var service: NameService
  var now = Instant(nanoseconds: 5_000_000_000)
  let names: Names
  let question: [UInt8]

  init() throws {
    service = NameService(try #require(LocalNameServer()), random: SeededGenerator(seed: 3))
    names = Names(alice: try .sample(1))
    question = try SampleMessage.question("alice.oncilla.internal")
  }

  /// What becomes of a packet of a host that is known, or of a station that is not.
  func receive(
    _ packet: [UInt8], from station: MACAddress = LinkWorld.hostA, isKnown: Bool = true
  ) throws -> NameService.Outcome {
    try packet.withUnsafeBytes { bytes in
      let packet = try #require(PacketView(reading: bytes))
      return service.receive(packet, from: station, at: now, names: isKnown ? names : nil)
    }
  }

  /// What the service says to a segment; `nil` for nothing.
  func say(_ packet: [UInt8], _ client: FakeResolver) throws -> FakeResolver.Segment? {
    try receive(packet, from: client.station).packet.map { try client.read($0) }
  }

  /// A client whose handshake is done.
  func connected(_ client: FakeResolver = FakeResolver()) throws -> FakeResolver {
    var client = client
    let reply = try #require(try say(client.segment(FakeResolver.syn), client))
    client.sequence &+= 1
    client.expected = reply.sequence &+ 1
    #expect(reply.flags == FakeResolver.syn | FakeResolver.ack && reply.acknowledgement == client.sequence)
    #expect(reply.options == [2, 4, 0x04, 0xc4])
    #expect(try say(client.segment(FakeResolver.ack), client) == nil)
    return client
  }

  /// Sends this and takes what comes, all of it in order.
  func ask(_ client: inout FakeResolver, _ payload: [UInt8], flags: UInt8 = FakeResolver.psh) throws -> [UInt8] {
    let reply = try #require(try say(client.segment(FakeResolver.ack | flags, payload), client))
    client.sequence &+= UInt32(payload.count) + (flags & FakeResolver.fin == 0 ? 0 : 1)
    #expect(reply.acknowledgement == client.sequence && reply.sequence == client.expected)
    client.expected &+= UInt32(reply.payload.count) + (reply.flags & FakeResolver.fin == 0 ? 0 : 1)
    return reply.payload
  }
}
