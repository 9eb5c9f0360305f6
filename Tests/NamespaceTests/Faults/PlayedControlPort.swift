import Glibc

@testable import OverlayCore
@testable import OverlayIO

/// Tor's control port at a UNIX socket, with a cookie. It makes the onion services that it is told, and publishes them
/// at once. It is driven by `step`, in the test's thread.
final class PlayedControlPort {
  static let cookie = (0..<32).map { UInt8($0 + 65) }

  private let address: SocketAddress
  private let cookiePath: String
  /// The service that is made where Tor chooses the key, and this key.
  private let made: (name: OnionName, key: String)
  // The names that are known of other keys.
  private let known: [String: OnionName]
  private var door: PlainSocket?
  private var connections: [Connection] = []
  /// What was wrong with what came.
  private(set) var complaints: [String] = []
  /// The commands that came since the last start, the proofs left out.
  private(set) var heard: [String] = []

  private struct Connection {
    let socket: PlainSocket
    var line: [UInt8] = []
    var proof: [UInt8]?
    var isAdmitted = false
  }

  /// A port of a Tor that makes `made` where it is to make a key, and knows the names of the `known` keys.
  init(at path: String, cookie: String, making made: (name: OnionName, key: String), known: [String: OnionName]) {
    (address, cookiePath, self.made) = (.unix(path), cookie, made)
    self.known = known.merging([made.key: made.name]) { $1 }
  }

  /// Listens, unless it does.
  func start() {
    guard door == nil, case .unix(let path) = address else { return }
    unlink(path)
    door = PlainSocket(address, SOCK_STREAM, isBound: true)
    heard = []
  }

  /// Closes everything, as a Tor that ends does.
  func stop() {
    door = nil
    connections = []
  }

  /// Does what there is to be done, without waiting.
  func step() {
    while let socket = door?.accept() { connections.append(Connection(socket: socket)) }
    for index in connections.indices {
      for byte in connections[index].socket.read() {
        connections[index].line.append(byte)
        guard byte == UInt8(ascii: "\n") else { continue }
        let line = String(decoding: connections[index].line, as: UTF8.self)
        connections[index].line = []
        if line.hasSuffix("\r\n") { answer(String(line.dropLast(1)), index) } else { complain(line) }
      }
    }
    connections.removeAll { $0.socket.hasEnded }
  }

  private func complain(_ line: String) { complaints.append("what is no command came to Tor: \(line)") }

  private func answer(_ line: String, _ index: Int) {
    let words = line.split(separator: " ").map { String($0) }
    let reply = { (text: String) in _ = self.connections[index].socket.write(Array((text + "\r\n").utf8)) }
    let isAdmitted = connections[index].isAdmitted
    switch (words.first, words.count) {
    case ("PROTOCOLINFO", 2):
      reply("250-PROTOCOLINFO 1\r\n250-AUTH METHODS=COOKIE,SAFECOOKIE COOKIEFILE=\"\(cookiePath)\"\r\n250 OK")
    case ("AUTHCHALLENGE", 3):
      guard let nonce = [UInt8](hexadecimal: Array(words[2].utf8)) else { return complain(line) }
      let own = nonce.map { ~$0 }
      let proof = SafeCookie(cookie: PlayedControlPort.cookie, clientNonce: nonce, serverNonce: own)
      connections[index].proof = ControlText.hexadecimal(proof.controllerHash)
      let texts = [proof.serverHash, own].map { ControlText.string(ControlText.hexadecimal($0)) }
      reply("250 AUTHCHALLENGE SERVERHASH=\(texts[0]) SERVERNONCE=\(texts[1])")
    case ("AUTHENTICATE", 2):
      guard connections[index].proof == Array(words[1].utf8) else { return complain("a wrong proof") }
      connections[index].isAdmitted = true
      reply("250 OK")
    case _ where !isAdmitted: complain(line)
    case ("GETINFO", _):
      reply(
        "250-version=0.4.9.11\r\n"
          + "250-status/bootstrap-phase=NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY=\"Done\"\r\n250 OK")
    case ("ADD_ONION", 3...): add(words, reply)
    case ("SETEVENTS", 4), ("HSFETCH", 2), ("DEL_ONION", 2), ("ONION_CLIENT_AUTH_ADD", 3),
      ("ONION_CLIENT_AUTH_REMOVE", 2):
      reply("250 OK")
    default: complain(line)
    }
    if isAdmitted { heard.append(line) }
  }

  private func add(_ words: [String], _ reply: (String) -> Void) {
    let isNew = words[1] == "NEW:ED25519-V3"
    guard let name = isNew ? made.name : known[words[1]] else { return complain("an unknown key") }
    reply("250-ServiceID=\(name.label)\r\n" + (isNew ? "250-PrivateKey=\(made.key)\r\n" : "") + "250 OK")
    reply("650 HS_DESC UPLOADED \(name.label) UNKNOWN $0000")
  }
}
