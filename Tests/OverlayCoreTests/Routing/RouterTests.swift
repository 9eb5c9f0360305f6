import Testing

@testable import OverlayCore

/// The addresses of the decision tables: ours is `own`, others are written out.
private let own = "fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03"
private let peer = "fd87:d87e:eb43:f947:ad24:ec81:8abe:753e"
private let other = "fd87:d87e:eb43:b43b:a82f:74b9:8578:25cd"
private let localResponder = "fd87:d87e:eb43::dead:beef"
private let circuitResponder = "fd87:d87e:eb43::feed:beef"

/// What `decide` says of an IPv6 packet.
private func of<Decision>(
  _ source: String, _ destination: String, nextHeader: UInt8 = 17, _ decide: (PacketView) throws -> Decision
) throws -> Decision {
  let packet = Sample.packet(from: try .sample(source), to: try .sample(destination), nextHeader: nextHeader)
  return try packet.withUnsafeBytes { try decide(#require(PacketView(reading: $0))) }
}

@Suite("Router")
struct RouterTests {
  @Test(
    "where a packet from the device goes",
    arguments: [
      (own, peer, .peer(IPv6Address(high: 0xfd87_d87e_eb43_f947, low: 0xad24_ec81_8abe_753e))),
      (own, localResponder, .reflect),
      (own, circuitResponder, .selfCall),
      (own, own, .drop(.loop)),
      (own, "2001:db8::1", .refuse(.noRoute, .outsideOverlay)),
      (own, "fd87:d87e:eb44::1", .refuse(.noRoute, .outsideOverlay)),
      (own, "fd60:db4d:ddb5::1", .refuse(.noRoute, .outsideOverlay)),
      (own, "::", .refuse(.noRoute, .outsideOverlay)),
      (own, "::1", .refuse(.noRoute, .outsideOverlay)),
      (peer, other, .foreign),
      ("2001:db8::1", peer, .refuse(.prohibited, .foreignSource)),
      ("fe80::1", peer, .refuse(.prohibited, .foreignSource)),
      ("::", peer, .refuse(.prohibited, .foreignSource)),
      (peer, localResponder, .foreign),
      (peer, circuitResponder, .foreign),
      ("2001:db8::1", "2001:db8::2", .refuse(.prohibited, .foreignSource)),
      (own, "ff02::1", .drop(.multicast)),
      ("fe80::1", "ff02::2", .drop(.multicast)),
      ("::", "ff02::1:ff00:1", .drop(.multicast)),
      (own, "fe80::1", .drop(.multicast)),
      ("fe80::1", "febf::1", .drop(.multicast)),
    ] as [(String, String, Router.Decision)])
  func table(_ source: String, _ destination: String, _ decision: Router.Decision) throws {
    let router = Router(address: try .sample(own))
    #expect(try of(source, destination) { router.route($0) } == decision)
  }
}

@Suite("Admission")
struct AdmissionTests {
  @Test(
    "what a circuit of a known sender may carry",
    arguments: [
      (peer, own, .deliver),
      (peer, peer, .drop(.foreignDestination)),
      (peer, other, .drop(.foreignDestination)),
      (peer, localResponder, .drop(.foreignDestination)),
      (peer, circuitResponder, .drop(.foreignDestination)),
      (peer, "ff02::1", .drop(.foreignDestination)),
      (peer, "2001:db8::1", .drop(.foreignDestination)),
      (other, own, .drop(.forgedSource)),
      (own, own, .drop(.ownSource)),
      (localResponder, own, .drop(.ownSource)),
      (circuitResponder, own, .drop(.ownSource)),
      ("2001:db8::1", own, .drop(.forgedSource)),
      ("ff02::1", own, .drop(.impossibleSource)),
      ("fe80::1", own, .drop(.impossibleSource)),
      ("::", own, .drop(.impossibleSource)),
      ("::1", own, .drop(.impossibleSource)),
    ] as [(String, String, Admission.Decision)])
  func known(_ source: String, _ destination: String, _ decision: Admission.Decision) throws {
    let admission = Admission(address: try .sample(own))
    #expect(try of(source, destination) { admission.admit($0, from: try .sample(peer)) } == decision)
    let unknown: Admission.Decision = decision == .deliver ? .drop(.forgedSource) : decision
    #expect(try of(source, destination) { admission.admit($0, from: nil) } == unknown)
  }

  @Test(
    "a sender that cannot be a peer's delivers nothing",
    arguments: [
      (own, .ownSource), (localResponder, .ownSource), (circuitResponder, .ownSource), ("::1", .impossibleSource),
    ] as [(String, Counter)])
  func impossible(_ sender: String, _ counter: Counter) throws {
    let admission = Admission(address: try .sample(own))
    #expect(admission.isPeer(try .sample(sender)) == false)
    #expect(try of(sender, own) { admission.admit($0, from: try .sample(sender)) } == .drop(counter))
  }

  @Test(
    "a keepalive for us is read, whoever it is from, one for somebody else is not, and none is delivered",
    arguments: [peer, own, "::", "ff02::1"])
  func keepalive(_ address: String) throws {
    let admission = Admission(address: try .sample(own))
    #expect(try of(address, own, nextHeader: 59) { admission.admit($0, from: try .sample(peer)) } == .keepalive)
    let read: Admission.Decision = address == own ? .keepalive : .drop(.foreignKeepalive)
    #expect(try of(peer, address, nextHeader: 59) { admission.admit($0, from: nil) } == read)
    #expect(try of(address, own, nextHeader: 59) { admission.admitSelfCall($0) } == .keepalive)
  }

  @Test(
    "a call to ourselves carries our own packets for feed:beef and nothing else",
    arguments: [
      (own, circuitResponder, .reflect),
      (own, own, .drop(.forgedSource)), (own, localResponder, .drop(.forgedSource)),
      (own, peer, .drop(.forgedSource)), (peer, own, .drop(.forgedSource)),
      (peer, circuitResponder, .drop(.forgedSource)), (circuitResponder, own, .drop(.forgedSource)),
      ("2001:db8::1", circuitResponder, .drop(.forgedSource)),
    ] as [(String, String, Admission.Decision)])
  func selfCall(_ source: String, _ destination: String, _ decision: Admission.Decision) throws {
    let admission = Admission(address: try .sample(own))
    #expect(try of(source, destination) { admission.admitSelfCall($0) } == decision)
  }
}

@Suite("Reflection")
struct ReflectionTests {
  @Test(
    "the addresses change places and no other byte changes; the checksum stays right",
    arguments: [0, 1, 56, 1_400])
  func swap(_ size: Int) throws {
    var random = SeededGenerator(seed: 110)
    let source = try IPv6Address.sample(own)
    let destination = try IPv6Address.sample(localResponder)
    let request = Sample.echoRequest(from: source, to: destination, data: random.bytes(size))
    var reflected: [UInt8] = []
    try request.withUnsafeBytes { Reflection.of(try #require(PacketView(reading: $0))) { reflected = Array($0) } }
    #expect(reflected == request[..<8] + destination.bytes + source.bytes + request[40...])
    let sum = NaiveChecksum.field(source: destination, destination: source, nextHeader: 58, Array(reflected[40...]))
    #expect(sum == 0)
  }
}
