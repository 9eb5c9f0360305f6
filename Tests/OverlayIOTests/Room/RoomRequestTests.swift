import OverlayCore
import Testing

@testable import OverlayIO

@Suite("What the daemon and its helper say to each other")
struct RoomRequestTests {
  private static var name: OnionName { get throws { try OnionName(String(repeating: "a", count: 16)) } }
  private static let route = IPPrefix("fd00:b::/64")
  private static let served = IPPrefix("192.0.2.0/24")

  private static var requests: [RoomRequest] {
    get throws {
      let (route, served, name) = (try #require(route), try #require(served), try name)
      let peer = ConfiguredPeer(name: name, petname: Petname("bob"))
      return [
        .privileged(.installLeakGuard), .privileged(.openTunnel), .privileged(.openMonitor),
        .privileged(.configureInterface([name.address])), .privileged(.configureInterface([])),
        .privileged(.setPrefixes(routes: [route], served: [served, route])),
        .privileged(.setPrefixes(routes: [], served: [])), .privileged(.restoreInterface),
        .privileged(.lookForSourceAddress), .privileged(.forgetConnections),
        .privileged(.becomeMulticastRouterPort), .survey, .configurationChanged,
        .configurationSettled(isNew: true), .configurationSettled(isNew: false),
        .open("/a b", .readPlain),
        .fileEvents, .endFileEvents(5), .watch("/ü", 7, queue: 5), .connect("/run/tor/socks"), .remove("/run/s"),
        .draft("/var/lib/o/names"), .finish("/var/lib/o/names"), .discard("/var/lib/o/names"),
        .addHosts(["a b", ""], isFirst: true), .addHosts([], isFirst: true), .addHosts([], isFirst: false),
        .keepHosts("/etc/hosts"), .checkHook(Hook(.peerUp, "/bin/true")),
        .startHook(Hook(.up, "/bin/true"), name, nil), .startHook(Hook(.peerDown, "/bin/true"), name, peer),
        .startHook(Hook(.peerDown, "/bin/true"), name, ConfiguredPeer(name: name)), .hookEnding(12), .endHook(12),
      ]
    }
  }

  @Test("each request arrives as it was sent")
  func roundTrip() throws {
    for request in try RoomRequestTests.requests {
      let message = try #require(request.message.bytes.flatMap { RoomMessage($0) })
      #expect(RoomRequest(message) == request)
    }
  }

  @Test("each reply arrives as it was sent")
  func replies() throws {
    var report = LeakGuardReport(state: .loopbackDown, hasPolicyRules: false)
    report.overridingRules = [3, 99]
    report.overridingRoutes = [try #require(RoomRequestTests.route)]
    var survey = NamespaceSurvey()
    survey.forwardsIPv4 = false
    survey.addresses = [.init(address: try RoomRequestTests.name.address, prefixLength: 48, interface: "eth0")]
    let replies: [RoomReply] = [
      .done, .number(-1), .leakGuard(report), .line(""), .line("no"), .tunnel(index: 7, .offload, nil),
      .tunnel(index: 7, .bare, MACAddress("02:00:00:00:00:01")), .survey(survey), .ending(.exit(3)),
      .ending(.signal(9)), .failed(SystemError(call: "open /x", number: 13)), .refused("why", isDenied: true),
    ]
    for reply in replies {
      let message = try #require(reply.message.bytes.flatMap { RoomMessage($0) })
      #expect(RoomReply(message) == reply)
    }
  }

  @Test("what is cut off, changed or made up is refused or is another request, and never a crash")
  func garbage() throws {
    var generator = SystemRandomNumberGenerator()
    for request in try RoomRequestTests.requests {
      let bytes = try #require(request.message.bytes)
      for count in 0..<bytes.count { _ = RoomMessage(Array(bytes[..<count])).flatMap { RoomRequest($0) } }
      for _ in 0..<500 {
        var changed = bytes
        changed[Int.random(in: 0..<changed.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
        guard let read = RoomMessage(changed).flatMap({ RoomRequest($0) }) else { continue }
        // What is read is what would be sent: nothing is understood in two ways.
        let again = try #require(read.message.bytes.flatMap { RoomMessage($0) })
        #expect(RoomRequest(again) == read)
      }
    }
    for _ in 0..<20_000 {
      let bytes = (0..<Int.random(in: 0...40)).map { _ in UInt8.random(in: 0...255, using: &generator) }
      _ = RoomMessage(bytes).flatMap { RoomRequest($0) }
      _ = RoomMessage(bytes).flatMap { RoomReply($0) }
    }
  }

  @Test("a message has a bound, and its texts neither NUL nor anything but UTF-8")
  func bounds() {
    #expect(RoomMessage(22, [String(repeating: "a", count: 1 << 16)]).bytes == nil)
    #expect(RoomMessage(22, Array(repeating: String(repeating: "a", count: 1 << 12), count: 17)).bytes == nil)
    #expect(RoomMessage([UInt8](repeating: 0, count: RoomMessage.mostBytes + 1)) == nil)
    #expect(RoomMessage(22, ["a\0b"]).bytes == nil)
    #expect(RoomMessage([22, 0, 1, 0]) == nil)
    #expect(RoomMessage([22, 0, 1, 0xff]) == nil)
    #expect(RoomRequest(RoomMessage(30, ["+1"])) == nil)
    #expect(RoomRequest(RoomMessage(30, ["4294967297"])) == nil)
    #expect(RoomRequest(RoomMessage(6, ["2", "fd00::/8"])) == nil)
    #expect(RoomRequest(RoomMessage(6, ["-1"])) == nil)
    #expect(RoomRequest(RoomMessage(5, Array(repeating: "::1", count: 129))) == nil)
    #expect(RoomRequest(RoomMessage(99)) == nil)
  }
}
