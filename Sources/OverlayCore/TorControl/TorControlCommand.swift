/// What is asked of Tor's control port, one after the other.
enum TorControlCommand: Equatable, Sendable {
  /// Who it is, and how it lets controllers prove themselves.
  case protocolInfo
  /// Its proof that it knows the cookie.
  case challenge(cookie: [UInt8])
  /// To be admitted, with this proof in hexadecimal digits; empty for none.
  case authenticate(proof: [UInt8])
  /// To tell what changes.
  case events
  /// What it knows of itself.
  case information
  /// How far it is, which also shows that it still answers.
  case look
  /// An onion service for the identity with this number.
  case add(number: Int, isDefended: Bool)
  /// To end an onion service.
  case remove(OnionName)
  /// To look anew for the service of this name, whatever it remembers of it.
  case fetch(OnionName)
  /// To look for the service of a peer with this key.
  case authorize(TorClientKey)
  /// To look for the service of a peer without a key.
  case unauthorize(OnionName)

  /// The line of a command, with its end. The nonce is ours; `service` is that of an `add`.
  func line(nonce: [UInt8], service: TorService?) -> [UInt8] {
    var line = SecretText()
    switch self {
    case .protocolInfo: line.append("PROTOCOLINFO 1")
    case .challenge:
      line.append("AUTHCHALLENGE SAFECOOKIE ")
      line.append(secret: ControlText.hexadecimal(nonce))
    case .authenticate(let proof):
      line.append(proof.isEmpty ? "AUTHENTICATE" : "AUTHENTICATE ")
      line.append(secret: proof)
    case .events: line.append("SETEVENTS STATUS_CLIENT STATUS_GENERAL HS_DESC")
    case .information: line.append("GETINFO version net/listeners/socks status/bootstrap-phase")
    case .look: line.append("GETINFO status/bootstrap-phase")
    case .add(_, let isDefended): if let service { line.appendAddition(of: service, isDefended: isDefended) }
    case .fetch(let name): line.append("HSFETCH \(name.label)")
    case .remove(let name): line.append("DEL_ONION \(name.label)")
    case .authorize(let key):
      line.append("ONION_CLIENT_AUTH_ADD \(key.peer.label) ")
      line.append(secret: key.text)
    case .unauthorize(let name): line.append("ONION_CLIENT_AUTH_REMOVE \(name.label)")
    }
    line.append("\r\n")
    return line.take()
  }
}

extension SecretText {

  /// The service is never detached: it goes with the connection. One that stayed would lead strangers to whoever
  /// listens at our port after us, nobody would take it away again, and Tor would refuse it to our next run, whose port
  /// may be another. Tor keeps a proof of work ready, which it asks of callers only while there is a flood of them.
  fileprivate mutating func appendAddition(of service: TorService, isDefended: Bool) {
    append("ADD_ONION ")
    append(secret: service.key?.text ?? Array("NEW:\(TorServiceKey.kind)".utf8))
    if !service.clients.isEmpty { append(" Flags=V3Auth") }
    append(" Port=\(service.port),\(service.target)")
    if isDefended { append(" PoWDefensesEnabled=1") }
    for client in service.clients { append(" ClientAuthV3=\(client)") }
  }
}
