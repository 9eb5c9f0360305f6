import Testing

@testable import OverlayCore

@Suite("A Tor that means no good")
struct TorControlHostileTests {
  /// What a Tor says in a whole session, reply by reply.
  private static func script() throws -> [String] {
    [
      FakeTor.protocolInfo, FakeTor.challenge, "250 OK\r\n", "250 OK\r\n", FakeTor.information(),
      FakeTor.addition(try .sample(1)), "650 HS_DESC UPLOADED \(try OnionName.sample(1).label) UNKNOWN $B\r\n",
    ]
  }

  private static func service() throws -> TorService {
    try #require(TorService(number: 0, port: 8060, target: "127.0.0.1:8061"))
  }

  /// Plays `bytes`; the cookie is given whenever it is asked for.
  private static func play(_ bytes: ArraySlice<UInt8>, to tor: inout FakeTor) {
    for byte in bytes {
      tor.session.receive([byte], at: tor.now)
      tor.collect()
      if tor.cookiePath != nil {
        tor.giveCookie()
        tor.cookiePath = nil
      }
    }
  }

  @Test("one that stalls at any byte is given up after half a minute, before it has admitted us or answered")
  func stalls() throws {
    let script = try Self.script()
    let bytes = Array(script.joined().utf8)
    let answers = script.dropLast().joined().utf8.count
    for end in bytes.indices {
      var tor = FakeTor([try Self.service()])
      Self.play(bytes[..<end], to: &tor)
      #expect(tor.ended == nil, "\(end)")
      tor.wait(TorControlSession.patience)
      #expect(tor.ended == (end < answers ? .silent : nil), "\(end)")
    }
  }

  @Test("an idle one is asked whether it is there, and given up when it does not answer")
  func idle() {
    var tor = FakeTor()
    tor.admit()
    let count = tor.sent.count
    tor.wait(TorControlSession.lookPause)
    #expect(tor.sent.count == count + 1 && tor.sent.last == "GETINFO status/bootstrap-phase")
    tor.say("250-status/bootstrap-phase=NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY=\"Done\"\r\n250 OK\r\n")
    tor.wait(TorControlSession.lookPause)
    #expect(tor.sent.count == count + 2)
    tor.wait(TorControlSession.patience)
    #expect(tor.ended == .silent)
  }

  @Test("a byte that is changed anywhere ends nothing but the session")
  func changedBytes() throws {
    let bytes = Array(try Self.script().joined().utf8)
    for position in bytes.indices {
      for change: UInt8 in [0x01, 0x20, 0x80] {
        var (tor, changed) = (FakeTor([try Self.service()]), bytes)
        changed[position] ^= change
        Self.play(changed[...], to: &tor)
      }
    }
  }

  @Test("one that does not know the cookie learns nothing")
  func lies() {
    var tor = FakeTor()
    tor.say(FakeTor.protocolInfo)
    tor.giveCookie([UInt8](repeating: 7, count: 32))
    tor.say(FakeTor.challenge)
    #expect(tor.ended == .notTor)
    #expect(tor.sent.count == 2)
  }

  @Test(
    "a challenge that is answered with anything else ends the session",
    arguments: [
      "250 OK\r\n", "250 AUTHCHALLENGE SERVERHASH= SERVERNONCE=\r\n",
      "250 AUTHCHALLENGE SERVERHASH=00 SERVERNONCE=00\r\n", "250 AUTHCHALLENGE\r\n", "515 Authentication required\r\n",
      "250 AUTHCHALLENGE SERVERHASH=zz SERVERNONCE=zz\r\n",
    ])
  func noChallenge(_ reply: String) {
    var tor = FakeTor()
    tor.say(FakeTor.protocolInfo)
    tor.giveCookie()
    tor.say(reply)
    #expect(tor.ended != nil)
    #expect(tor.sent.count == 2)
  }

  @Test("one that does not admit us is told in its words")
  func refusal() {
    var tor = FakeTor()
    tor.say(FakeTor.protocolInfo)
    tor.giveCookie()
    tor.say(FakeTor.challenge)
    tor.say("515 Authentication failed: Wrong length on authentication cookie.\r\n")
    #expect(tor.ended == .refused("Authentication failed: Wrong length on authentication cookie."))
  }

  @Test("an answer to nothing ends the session")
  func unasked() {
    var tor = FakeTor()
    tor.admit()
    tor.say("250 OK\r\n")
    #expect(tor.ended == .unasked(status: 250))
    tor.say("250 OK\r\n")
    tor.wait(.seconds(1_000))
    #expect(tor.session.nextDeadline == nil)
  }

  @Test("a flood of events is told once, and none before we are admitted")
  func flood() throws {
    let name = try OnionName.sample(1)
    let event = "650 HS_DESC UPLOADED \(name.label) UNKNOWN $B\r\n"
    var tor = FakeTor(watching: [name])
    tor.say(String(repeating: event, count: 1_000))
    #expect(tor.told.isEmpty)
    tor.admit()
    tor.say(String(repeating: event + "650 CIRC 1 BUILT\r\n650-X\r\n650 OK\r\n", count: 1_000))
    #expect(tor.told.filter { $0 == .publication(name, .published) }.count == 1)
    #expect(tor.ended == nil)
  }

  @Test(
    "a service without a name or key that is accepted ends the session",
    arguments: [
      "250 OK\r\n", "250-ServiceID=abc\r\n250 OK\r\n",
      "250-ServiceID=mrswmz3infvgw3dnnzxxa4lson2hk5txpb4xu634pv7h7aebqkb5woid\r\n250 OK\r\n",
      "250-ServiceID=mrswmz3infvgw3dnnzxxa4lson2hk5txpb4xu634pv7h7aebqkb5woid\r\n250-PrivateKey=ED25519-V3:AA==\r\n"
        + "250 OK\r\n",
      "250-ServiceID=mrswmz3infvgw3dnnzxxa4lson2hk5txpb4xu634pv7h7aebqkb5woid\r\n250-PrivateKey=RSA1024:AA==\r\n"
        + "250 OK\r\n",
      "250-ServiceID=7fd22jhmqgfl45j6\r\n250-PrivateKey=\(FakeTor.keyText)\r\n250 OK\r\n",
    ])
  func noKey(_ reply: String) throws {
    var tor = FakeTor([try Self.service()])
    tor.admit()
    tor.say(reply)
    #expect(tor.ended == .noKey)
    #expect(!tor.told.contains { if case .added = $0 { true } else { false } })
  }

  @Test("a target that would be another word of the line is none", arguments: ["", "a b", "a\r\nQUIT", "a,b", "ä"])
  func target(_ text: String) {
    #expect(TorService(number: 0, port: 8060, target: text) == nil)
  }
}
