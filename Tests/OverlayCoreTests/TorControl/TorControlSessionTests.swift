import Testing

@testable import OverlayCore

@Suite("A conversation with Tor's control port")
struct TorControlSessionTests {
  private static func service(key: TorServiceKey? = nil, name: OnionName? = nil) throws -> TorService {
    try #require(TorService(number: 0, port: 8060, target: "127.0.0.1:8061", key: key, name: name))
  }

  @Test("from the connection to the published service")
  func walk() throws {
    let name = try OnionName.sample(1)
    var tor = FakeTor([try Self.service()])
    tor.admit()
    #expect(tor.cookiePath == "/run/tor/cookie")
    tor.say(FakeTor.addition(name))
    tor.say("650 HS_DESC CREATED \(name.label) UNKNOWN UNKNOWN x\r\n650 HS_DESC UPLOAD \(name.label) UNKNOWN $A x\r\n")
    tor.say("650 HS_DESC FAILED \(name.label) UNKNOWN $A REASON=UPLOAD_REJECTED\r\n")
    tor.say("650 HS_DESC UPLOADED \(name.label) UNKNOWN $B\r\n650 HS_DESC UPLOADED \(name.label) UNKNOWN $C\r\n")
    tor.say("650 HS_DESC FAILED \(name.label) UNKNOWN $A REASON=UPLOAD_REJECTED\r\n")
    let commands = tor.sent.map { $0.split(separator: " ")[0] }
    #expect(commands == ["PROTOCOLINFO", "AUTHCHALLENGE", "AUTHENTICATE", "SETEVENTS", "GETINFO", "ADD_ONION"])
    #expect(tor.sent[1] == "AUTHCHALLENGE SAFECOOKIE \(ControlText.string(ControlText.hexadecimal(FakeTor.nonce)))")
    #expect(tor.sent.last == "ADD_ONION NEW:ED25519-V3 Port=8060,127.0.0.1:8061 PoWDefensesEnabled=1")
    #expect(
      tor.told == [
        .admitted(version: "0.4.9.11", socksListeners: ["127.0.0.1:9050", "unix:/run/tor/socks"]), .bootstrap(.up),
        .added(number: 0, name: name, newKey: TorServiceKey(text: Array(FakeTor.keyText.utf8))),
        .publication(name, .publishing(failure: nil)), .publication(name, .publishing(failure: "UPLOAD_REJECTED")),
        .publication(name, .published),
      ])
    #expect(tor.ended == nil)
  }

  @Test("a service that has a key is added with it, and its name must be the same")
  func knownKey() throws {
    let key = try #require(TorServiceKey(text: Array(FakeTor.keyText.utf8)))
    for answered in [UInt64(1), 2] {
      var tor = FakeTor([try Self.service(key: key, name: try .sample(1))])
      tor.admit()
      #expect(tor.sent.last?.hasPrefix("ADD_ONION \(FakeTor.keyText) Port=") == true)
      tor.say(FakeTor.addition(try .sample(answered), key: nil))
      #expect(tor.ended == (answered == 1 ? nil : .otherName))
    }
  }

  @Test("a Tor that knows no proof of work has the service without", arguments: [512, 513, 552])
  func noDefences(_ status: Int) throws {
    var tor = FakeTor([try Self.service()])
    tor.admit()
    tor.say("\(status) Bad arguments to ADD_ONION: Unrecognized keyword argument \"PoWDefensesEnabled\"\r\n")
    #expect(tor.sent.last == "ADD_ONION NEW:ED25519-V3 Port=8060,127.0.0.1:8061")
    tor.say(FakeTor.addition(try .sample(1)))
    #expect(tor.told.contains(.undefended(number: 0)))
  }

  @Test("a refused service is told and tried again")
  func refused() throws {
    var tor = FakeTor([try Self.service()])
    tor.admit()
    tor.say("550 Onion address collision\r\n")
    #expect(tor.told.last == .refused(number: 0, reason: "Onion address collision"))
    let count = tor.sent.count
    tor.wait(.seconds(59))
    #expect(tor.sent.count == count)
    tor.wait(.seconds(1))
    #expect(tor.sent.last?.hasPrefix("ADD_ONION") == true && tor.sent.count == count + 1)
  }

  @Test("clients and their keys")
  func clients() throws {
    let bytes = (0..<32).map { UInt8($0) }
    let (own, peer) = (try OnionName.sample(1), try OnionName.sample(2))
    let key = try #require(TorClientKey(bytes, for: peer))
    let client = try #require(TorClientPublicKey(bytes))
    let service = TorService(number: 0, port: 8060, target: "127.0.0.1:8061", clients: [client])
    var tor = FakeTor([try #require(service)], clientKeys: [key])
    tor.admit()
    #expect(
      tor.sent.last
        == "ADD_ONION NEW:ED25519-V3 Flags=V3Auth Port=8060,127.0.0.1:8061 PoWDefensesEnabled=1 ClientAuthV3=\(client)")
    tor.say(FakeTor.addition(own))
    #expect(tor.sent.last == "ONION_CLIENT_AUTH_ADD \(peer.label) \(ControlText.string(key.text))")
    tor.say("251 Client for onion existed and replaced\r\n")
    #expect(tor.told.last == .authorized(peer))
    tor.session.close(0, toAllBut: [], at: tor.now)
    tor.collect()
    #expect(tor.sent.last == "DEL_ONION \(own.label)")
    tor.say("250 OK\r\n")
    #expect(tor.sent.last == "ADD_ONION \(FakeTor.keyText) Port=8060,127.0.0.1:8061 PoWDefensesEnabled=1")
    tor.say(FakeTor.addition(own, key: nil))
    tor.session.unauthorize(peer, at: tor.now)
    tor.session.remove(0, at: tor.now)
    tor.collect()
    tor.say("250 OK\r\n")
    #expect(tor.sent.suffix(2) == ["ONION_CLIENT_AUTH_REMOVE \(peer.label)", "DEL_ONION \(own.label)"])
  }

  @Test("a service whose clients change while Tor makes it is made anew for those who count")
  func closedMeanwhile() throws {
    let own = try OnionName.sample(1)
    let client = try #require(TorClientPublicKey((0..<32).map { UInt8($0) }))
    var tor = FakeTor([try Self.service()])
    tor.admit()
    #expect(tor.sent.last == "ADD_ONION NEW:ED25519-V3 Port=8060,127.0.0.1:8061 PoWDefensesEnabled=1")
    tor.session.close(0, toAllBut: [client], at: tor.now)
    tor.say(FakeTor.addition(own))
    #expect(tor.sent.last == "DEL_ONION \(own.label)")
    tor.say("250 OK\r\n")
    let last =
      "ADD_ONION \(FakeTor.keyText) Flags=V3Auth Port=8060,127.0.0.1:8061 PoWDefensesEnabled=1 ClientAuthV3=\(client)"
    #expect(tor.sent.last == last)
    let count = tor.sent.count
    tor.say(FakeTor.addition(own, key: nil))
    #expect(tor.sent.count == count)
  }

  @Test("a refused service whose clients change is asked for with them, and not taken away before")
  func closedAfterRefusal() throws {
    let client = try #require(TorClientPublicKey((0..<32).map { UInt8($0) }))
    var tor = FakeTor([try Self.service()])
    tor.admit()
    tor.say("551 Failed\r\n")
    tor.session.close(0, toAllBut: [client], at: tor.now)
    tor.collect()
    #expect(tor.sent.last?.hasSuffix(" PoWDefensesEnabled=1 ClientAuthV3=\(client)") == true)
    #expect(!tor.sent.contains { $0.hasPrefix("DEL_ONION") })
  }

  @Test("Tor's start is followed, and its complaints are told")
  func bootstrap() throws {
    var tor = FakeTor()
    tor.say(FakeTor.protocolInfo)
    tor.giveCookie()
    tor.say(FakeTor.challenge)
    tor.say("250 OK\r\n250 OK\r\n")
    tor.say(FakeTor.information("NOTICE BOOTSTRAP PROGRESS=45 TAG=x SUMMARY=\"Asking for descriptors\""))
    tor.say("650 STATUS_CLIENT WARN BOOTSTRAP PROGRESS=50 TAG=x SUMMARY=\"Loading\" WARNING=\"No route\" COUNT=5\r\n")
    tor.say("650 STATUS_GENERAL WARN CLOCK_SKEW SKEW=-7200 SOURCE=CONSENSUS\r\n")
    tor.say("650 STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY=\"Done\"\r\n")
    tor.say("650 STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=101\r\n650 STATUS_CLIENT\r\n650 \r\n650 HS_DESC\r\n")
    #expect(
      tor.told.dropFirst() == [
        .bootstrap(.starting(percent: 45, summary: "Asking for descriptors")),
        .bootstrap(.starting(percent: 50, summary: "Loading")), .problem("No route"),
        .problem("this host's clock is wrong by 7200 s"), .bootstrap(.up),
      ])
    #expect(tor.ended == nil)
  }

  @Test("a name that torrc publishes is followed, and no other")
  func watching() throws {
    let name = try OnionName.sample(1)
    var tor = FakeTor(watching: [name])
    tor.admit()
    tor.say("650 HS_DESC UPLOADED \(try OnionName.sample(2).label) UNKNOWN $B\r\n")
    #expect(tor.told.last == .bootstrap(.up))
    tor.say("650 HS_DESC UPLOADED \(name.label) UNKNOWN $B\r\n")
    #expect(tor.told.last == .publication(name, .published))
  }

  @Test(
    "how we prove ourselves, by what Tor offers and whether others could listen in its stead",
    arguments: [
      ("METHODS=COOKIE,SAFECOOKIE,HASHEDPASSWORD COOKIEFILE=\"/c\"", false, "/c"),
      ("METHODS=SAFECOOKIE COOKIEFILE=\"/c\"", true, "/c"), ("METHODS=COOKIE COOKIEFILE=\"/c\"", true, "/c"),
      ("METHODS=NULL", true, nil),
    ])
  func proofs(_ line: String, isTrusted: Bool, path: String?) {
    var tor = FakeTor(isTrusted: isTrusted)
    tor.say("250-PROTOCOLINFO 1\r\n250-AUTH \(line)\r\n250 OK\r\n")
    #expect(tor.cookiePath == path)
    #expect(tor.sent.last == (path == nil ? "AUTHENTICATE" : "PROTOCOLINFO 1"))
    #expect(tor.ended == nil)
  }

  @Test(
    "what Tor offers and is not accepted",
    arguments: [
      ("METHODS=COOKIE COOKIEFILE=\"/c\"", false, TorControlError.unprotected(methods: "COOKIE")),
      ("METHODS=NULL", false, .unprotected(methods: "NULL")),
      ("METHODS=HASHEDPASSWORD", true, .password(methods: "HASHEDPASSWORD")),
      ("METHODS=COOKIE,SAFECOOKIE", true, .password(methods: "COOKIE,SAFECOOKIE")),
      ("METHODS=", true, .password(methods: "")), ("", true, .malformed("PROTOCOLINFO")),
    ])
  func noProof(_ line: String, isTrusted: Bool, _ error: TorControlError) {
    var tor = FakeTor(isTrusted: isTrusted)
    tor.say("250-PROTOCOLINFO 1\r\n250-AUTH \(line)\r\n250 OK\r\n")
    #expect(tor.ended == error)
    #expect(tor.sent.count == 1 && tor.cookiePath == nil)
  }

  @Test("the bare cookie is told to a trusted Tor that knows nothing better")
  func bareCookie() {
    var tor = FakeTor(isTrusted: true)
    tor.say("250-PROTOCOLINFO 1\r\n250-AUTH METHODS=COOKIE COOKIEFILE=\"/c\"\r\n250 OK\r\n")
    tor.giveCookie()
    #expect(tor.sent.last == "AUTHENTICATE \(ControlText.string(ControlText.hexadecimal(FakeTor.cookie)))")
  }
}
