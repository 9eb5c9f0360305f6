import OverlayCore
import Testing

@testable import OverlayIO

@Suite("What the daemon and whoever speaks with Tor's control port say to each other")
struct TorMessageTests {
  private static let name = "657g75aboqyljmpstjxnqbse7ek4ud3nk3wajwgnlmpt67wunx7itgyd"

  private static var requests: [TorRequest] {
    get throws {
      let name = try OnionName(name)
      return [.named(name), .refreshLookup(3, of: 127), .serveLookup(upTo: 3, of: 127), .configurationChanged]
    }
  }

  private static var reports: [TorReport] {
    get throws {
      let name = try OnionName(name)
      return [
        .found([name, name]), .failed("why", isDenied: true), .failed("", isDenied: false),
        .line(.warning, "Tor says: no"), .line(.debug, ""),
        .link(.none, version: nil, socksListeners: []),
        .link(
          .waiting(reason: "it is away"), version: "0.4.9", socksListeners: ["127.0.0.1:9050", "unix:/run/tor/socks"]),
        .link(.up, version: "", socksListeners: []), .progress(.unknown, problem: nil),
        .progress(.starting(percent: 14, summary: "Handshaking"), problem: "clock"), .progress(.up, problem: ""),
        .publication(name, nil), .publication(name, .published), .publication(name, .publishing(failure: nil)),
        .publication(name, .publishing(failure: "UPLOAD_REJECTED")), .keyed(name, true), .keyed(name, false), .changed,
      ]
    }
  }

  @Test("each arrives as it was sent")
  func roundTrip() throws {
    for request in try TorMessageTests.requests {
      let message = try #require(request.message.bytes.flatMap { RoomMessage($0) })
      #expect(TorRequest(message) == request)
    }
    for report in try TorMessageTests.reports {
      let message = try #require(report.message.bytes.flatMap { RoomMessage($0) })
      #expect(TorReport(message) == report)
    }
  }

  @Test("no request is understood in two ways, and what is none is refused")
  func garbage() throws {
    for message in [
      RoomMessage(1, ["4", "0"]), RoomMessage(1, ["-1", "0"]), RoomMessage(1, ["0", "128"]),
      RoomMessage(1, ["+1", "0"]), RoomMessage(2, ["4", "0"]), RoomMessage(2, ["0", "128"]),
      // Any name at all, for which Tor would look.
      RoomMessage(2, [TorMessageTests.name]),
      RoomMessage(0, ["host.example"]), RoomMessage(3, [""]), RoomMessage(4), RoomMessage(2),
      RoomMessage(0, [TorMessageTests.name, TorMessageTests.name]),
    ] { #expect(TorRequest(message) == nil, "\(message)") }
    var generator = SystemRandomNumberGenerator()
    for request in try TorMessageTests.requests {
      let bytes = try #require(request.message.bytes)
      for _ in 0..<500 {
        var changed = bytes
        changed[Int.random(in: 0..<changed.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
        guard let read = RoomMessage(changed).flatMap({ TorRequest($0) }) else { continue }
        let again = try #require(read.message.bytes.flatMap { RoomMessage($0) })
        #expect(TorRequest(again) == read)
      }
    }
    for _ in 0..<20_000 {
      let bytes = (0..<Int.random(in: 0...40)).map { _ in UInt8.random(in: 0...255, using: &generator) }
      _ = RoomMessage(bytes).flatMap { TorReport($0) }
    }
  }

  @Test("what is told of a change makes the one state of the other, and nothing is told of none")
  func changes() throws {
    let (one, two) = (try OnionName(TorMessageTests.name), try OnionName("7fd22jhmqgfl45j6"))
    var full = TorState()
    (full.link, full.version, full.socksListeners) = (.up, "0.4.9", ["127.0.0.1:9050"])
    (full.bootstrap, full.problem) = (.starting(percent: 3, summary: "a"), "b")
    full.publications = [one: .published, two: .publishing(failure: "c")]
    full.keyed = [two]
    var other = full
    (other.publications, other.keyed, other.bootstrap) = ([two: .published], [one], .up)
    for (old, new) in [(TorState(), full), (full, other), (full, .initial), (other, other)] {
      let reports = TorReport.changes(from: old, to: new)
      var state = old
      for report in reports { state.take(report) }
      #expect(state == new && reports.last == (old == new ? nil : .changed))
    }
  }
}
