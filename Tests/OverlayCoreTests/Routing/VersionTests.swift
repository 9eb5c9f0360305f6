import Testing

@testable import OverlayCore

/// One function decides for both versions of IP; what an address of one says must not count for the other.
@Suite("Routes of both versions")
struct VersionTests {
  private let own = "fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03"
  private let peer: OnionName
  private let table: RouteTable
  private let router: Router
  private let admission: Admission

  init() throws {
    peer = try .sample(1)
    table = try RouteTable(
      routes: ["10.0.0.0/8", "2001:db8:1::/48", "0.0.0.0/0"].map {
        Route(prefix: try .sample($0), via: try .sample(1))
      },
      served: [try .sample("192.168.0.0/16"), try .sample("2001:db8:2::/48")])
    router = Router(address: try .sample(own), ipv4Address: try .sample("172.16.0.1"), table: table)
    admission = Admission(address: try .sample(own), ipv4Address: try .sample("172.16.0.1"), table: table)
  }

  private func of<Decision>(_ packet: [UInt8], _ decide: (PacketView) throws -> Decision) throws -> Decision {
    try packet.withUnsafeBytes { try decide(#require(PacketView(reading: $0))) }
  }

  private func packet6(_ source: String, _ destination: String, _ nextHeader: UInt8 = 17) throws -> [UInt8] {
    Sample.packet(from: try .sample(source), to: try .sample(destination), nextHeader: nextHeader)
  }

  @Test("where IPv4 packets from the device go")
  func route4() throws {
    let decisions: [(String, String, Router.Decision)] = [
      ("172.16.0.1", "10.0.0.1", .peer(peer.address)), ("192.168.1.1", "10.0.0.1", .peer(peer.address)),
      ("192.168.1.1", "192.168.1.2", .drop(.loop)), ("192.168.1.1", "172.16.0.1", .drop(.loop)),
      ("10.0.0.1", "192.168.1.1", .drop(.returned)), ("8.8.8.8", "10.0.0.1", .drop(.returned)),
      ("172.16.0.1", "224.0.0.1", .drop(.multicast)), ("172.16.0.1", "255.255.255.255", .drop(.multicast)),
      ("172.16.0.1", "169.254.0.1", .drop(.multicast)), ("172.16.0.1", "240.0.0.1", .refuse(.noRoute, .outsideOverlay)),
      ("127.0.0.1", "10.0.0.1", .refuse(.prohibited, .foreignSource)),
    ]
    for (source, destination, decision) in decisions {
      // 59 says of IPv6 that the packet is a keepalive, and nothing of IPv4.
      for number in [17, 59] as [UInt8] {
        let packet = try Sample.ipv4(from: source, to: destination, protocolNumber: number)
        #expect(try of(packet) { router.route($0) } == decision, "\(source) to \(destination)")
      }
    }
  }

  @Test("which IPv4 packets a peer may send")
  func admit4() throws {
    let decisions: [(String, String, Admission.Decision)] = [
      ("10.0.0.1", "192.168.1.1", .deliver), ("10.0.0.1", "172.16.0.1", .deliver), ("8.8.8.8", "172.16.0.1", .deliver),
      ("10.0.0.1", "10.0.0.2", .drop(.foreignDestination)), ("10.0.0.1", "224.0.0.1", .drop(.foreignDestination)),
      ("192.168.1.1", "192.168.1.2", .drop(.forgedSource)), ("172.16.0.1", "192.168.1.1", .drop(.ownSource)),
      ("127.0.0.1", "192.168.1.1", .drop(.impossibleSource)),
    ]
    for (source, destination, decision) in decisions {
      for number in [17, 59] as [UInt8] {
        let packet = try Sample.ipv4(from: source, to: destination, protocolNumber: number)
        #expect(try of(packet) { admission.admit($0, from: peer.address) } == decision, "\(source) to \(destination)")
        let unknown = decision == .deliver ? .drop(.forgedSource) : decision
        #expect(try of(packet) { admission.admit($0, from: nil) } == unknown)
        #expect(try of(packet) { admission.admitSelfCall($0) } == unknown)
      }
    }
  }

  @Test(
    "a mapped address in an IPv6 packet is matched against no route of IPv4, nor taken for our own",
    arguments: ["::ffff:10.0.0.1", "::ffff:192.168.1.1", "::ffff:172.16.0.1", "::ffff:8.8.8.8"])
  func mapped(_ address: String) throws {
    #expect(table.match(try .sample(address), isIPv4: false) == .none)
    #expect(RouteTable().match(try .sample(address), isIPv4: false) == .none)
    #expect(try of(packet6(own, address)) { router.route($0) } == .refuse(.noRoute, .outsideOverlay))
    #expect(
      try of(packet6(address, peer.address.description)) { router.route($0) } == .refuse(.prohibited, .foreignSource))
    #expect(try of(packet6(address, own)) { admission.admit($0, from: peer.address) } == .drop(.forgedSource))
    let foreign = try of(packet6(peer.address.description, address)) { admission.admit($0, from: peer.address) }
    #expect(foreign == .drop(.foreignDestination))
    #expect(
      try of(packet6(address, "fd87:d87e:eb43::feed:beef")) { admission.admitSelfCall($0) } == .drop(.forgedSource))
  }

  @Test("an address of IPv4 is not matched against a route that covers mapped ones")
  func covered() throws {
    let table = try RouteTable(routes: [Route(prefix: try .sample("::/0"), via: peer)], served: [])
    #expect(table.match(IPv6Address(mapping: try .sample("10.0.0.1")), isIPv4: true) == .none)
    #expect(table.match(try .sample("2001:db8:1::1"), isIPv4: false) == .peer(peer.address))
  }
}
