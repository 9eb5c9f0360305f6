@testable import OverlayCore

/// A session, and what it did, for a test that plays Tor.
struct FakeTor {
  static let cookie = (0..<32).map { UInt8($0) }
  static let nonce = (32..<64).map { UInt8($0) }
  static let keyText =
    "ED25519-V3:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="
  static let methods = "250-AUTH METHODS=COOKIE,SAFECOOKIE COOKIEFILE=\"/run/tor/cookie\"\r\n"
  static let protocolInfo = "250-PROTOCOLINFO 1\r\n\(methods)250-VERSION Tor=\"0.4.9.11\"\r\n250 OK\r\n"

  var session: TorControlSession
  var now = Instant(nanoseconds: 0)
  /// What was sent, without ends of lines.
  var sent: [String] = []
  var told: [TorControlEvent] = []
  var cookiePath: String?
  var ended: TorControlError?

  init(
    _ services: [TorService] = [], clientKeys: [TorClientKey] = [], watching names: [OnionName] = [],
    isTrusted: Bool = false
  ) {
    session = TorControlSession(
      services: services, clientKeys: clientKeys, watching: names, isTrusted: isTrusted, nonce: FakeTor.nonce, at: now)
    collect()
  }

  /// The reply to AUTHCHALLENGE of a Tor that knows the cookie.
  static var challenge: String {
    let serverNonce = (64..<96).map { UInt8($0) }
    let proof = SafeCookie(cookie: cookie, clientNonce: nonce, serverNonce: serverNonce)
    let hash = ControlText.string(ControlText.hexadecimal(proof.serverHash))
    return "250 AUTHCHALLENGE SERVERHASH=\(hash) SERVERNONCE="
      + ControlText.string(ControlText.hexadecimal(serverNonce)) + "\r\n"
  }

  static func information(_ phase: String = "NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY=\"Done\"") -> String {
    "250-version=0.4.9.11\r\n250-net/listeners/socks=\"127.0.0.1:9050\" \"unix:/run/tor/socks\"\r\n"
      + "250-status/bootstrap-phase=\(phase)\r\n250 OK\r\n"
  }

  static func addition(_ name: OnionName, key: String? = keyText) -> String {
    "250-ServiceID=\(name.label)\r\n" + (key.map { "250-PrivateKey=\($0)\r\n" } ?? "") + "250 OK\r\n"
  }

  mutating func say(_ text: String) {
    session.receive(Array(text.utf8), at: now)
    collect()
  }

  mutating func wait(_ duration: Duration) {
    now = now + duration
    session.advance(to: now)
    collect()
  }

  mutating func giveCookie(_ bytes: [UInt8] = cookie) {
    session.take(cookie: bytes, at: now)
    collect()
  }

  /// Leads the session to where services are added.
  mutating func admit() {
    say(FakeTor.protocolInfo)
    giveCookie()
    say(FakeTor.challenge)
    say("250 OK\r\n")
    say("250 OK\r\n")
    say(FakeTor.information())
  }

  mutating func collect() {
    while let action = session.nextAction() {
      switch action {
      case .send(let bytes): sent.append(ControlText.string(bytes.dropLast(2)))
      case .readCookie(let path): cookiePath = path
      case .tell(let event): told.append(event)
      case .close(let error): ended = error
      }
    }
  }
}
