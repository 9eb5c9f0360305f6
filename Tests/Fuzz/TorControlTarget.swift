/// A session with Tor's control port, whose Tor says what the input says: right replies, spoilt ones, anything.
enum TorControlTarget {
  private static let key =
    "ED25519-V3:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="
  private static let cookie = [UInt8](repeating: 7, count: 32)
  private static let nonce = [UInt8](repeating: 8, count: 32)

  static func run(_ input: consuming FuzzInput) {
    var now = Instant(nanoseconds: 0)
    let names = FuzzWorld.names.filter { !$0.isVersion2 }
    let isTrusted = input.flag()
    let services = [TorService(number: 0, port: 8060, target: "127.0.0.1:8060", name: input.flag() ? names.first : nil)]
    var session = TorControlSession(
      services: services.compactMap { $0 }, watching: names, isTrusted: isTrusted, nonce: nonce, at: now)
    var isOver = false
    while !input.isEmpty {
      Fuzz.events += 1
      switch input.byte() % 6 {
      case 0: session.receive(input.bytes(atMost: Int(input.byte())), at: now)
      case 1, 2: session.receive(reply(&input, names), at: now)
      case 3:
        now = now + .milliseconds(Int(input.number()))
        session.advance(to: now)
      case 4: session.take(cookie: cookie, at: now)
      default: change(&session, &input, names, at: now)
      }
      perform(&session, &isOver)
    }
    session.advance(to: now + TorControlSession.patience)
    perform(&session, &isOver)
  }

  private static func perform(_ session: inout TorControlSession, _ isOver: inout Bool) {
    while let action = session.nextAction() {
      check(!isOver, "something is done after the end")
      switch action {
      case .send(let line):
        check(line.count { $0 == 10 } == 1 && line.suffix(2) == [13, 10], "what is sent is not one line")
      case .readCookie(let path): check(!path.isEmpty, "a cookie of no file")
      case .tell(.bootstrap(.starting(let percent, _))): check((0..<100).contains(percent), "\(percent) per cent")
      case .tell: break
      case .close:
        isOver = true
        check(session.nextDeadline == nil, "a session that is over waits for a time")
      }
    }
  }

  private static func reply(_ input: inout FuzzInput, _ names: [OnionName]) -> [UInt8] {
    let name = names[input.choice(names.count)]
    var text: [UInt8]
    switch input.choice(10) {
    case 0: text = Array("250-AUTH METHODS=COOKIE,SAFECOOKIE COOKIEFILE=\"/c\"\r\n250 OK\r\n".utf8)
    case 1:
      let proof = SafeCookie(cookie: cookie, clientNonce: nonce, serverNonce: nonce)
      text =
        Array("250 AUTHCHALLENGE SERVERHASH=".utf8) + ControlText.hexadecimal(proof.serverHash)
        + Array(" SERVERNONCE=".utf8) + ControlText.hexadecimal(nonce) + [13, 10]
    case 2: text = Array("250 OK\r\n".utf8)
    case 3: text = Array("250-version=1\r\n250-status/bootstrap-phase=N B PROGRESS=9 SUMMARY=\"x\"\r\n250 OK\r\n".utf8)
    case 4: text = Array("250-ServiceID=\(name.label)\r\n250-PrivateKey=\(key)\r\n250 OK\r\n".utf8)
    case 5: text = Array("250-ServiceID=\(name.label)\r\n250 OK\r\n".utf8)
    case 6: text = Array("650 HS_DESC UPLOADED \(name.label) UNKNOWN $A\r\n".utf8)
    case 7: text = Array("650 HS_DESC FAILED \(name.label) UNKNOWN $A REASON=X\r\n".utf8)
    case 8: text = Array("512 Bad\r\n".utf8)
    default: text = Array("650 STATUS_CLIENT WARN BOOTSTRAP PROGRESS=100 WARNING=\"x\"\r\n".utf8)
    }
    if input.byte() > 0xe0 { FuzzPacket.spoil(&text, &input) }
    return text
  }

  private static func change(
    _ session: inout TorControlSession, _ input: inout FuzzInput, _ names: [OnionName], at now: Instant
  ) {
    let name = names[input.choice(names.count)]
    switch input.choice(5) {
    case 0: session.remove(0, at: now)
    case 1:
      if let service = TorService(number: 1, port: 8060, target: "127.0.0.1:8061") { session.add(service, at: now) }
    case 2: session.close(0, toAllBut: [TorClientPublicKey(nonce)].compactMap { $0 }, at: now)
    case 3: if let key = TorClientKey(nonce, for: name) { session.authorize(key, at: now) }
    default: session.unauthorize(name, at: now)
    }
  }
}
