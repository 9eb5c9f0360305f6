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
    let text: [UInt8] =
      switch self {
      case .protocolInfo: Array("PROTOCOLINFO 1".utf8)
      case .challenge: Array("AUTHCHALLENGE SAFECOOKIE ".utf8) + ControlText.hexadecimal(nonce)
      case .authenticate(let proof): Array((proof.isEmpty ? "AUTHENTICATE" : "AUTHENTICATE ").utf8) + proof
      case .events: Array("SETEVENTS STATUS_CLIENT STATUS_GENERAL HS_DESC".utf8)
      case .information: Array("GETINFO version net/listeners/socks status/bootstrap-phase".utf8)
      case .look: Array("GETINFO status/bootstrap-phase".utf8)
      case .add(_, let isDefended): service.map { TorControlCommand.addition(of: $0, isDefended: isDefended) } ?? []
      case .fetch(let name): Array("HSFETCH \(name.label)".utf8)
      case .remove(let name): Array("DEL_ONION \(name.label)".utf8)
      case .authorize(let key): Array("ONION_CLIENT_AUTH_ADD \(key.peer.label) ".utf8) + key.text
      case .unauthorize(let name): Array("ONION_CLIENT_AUTH_REMOVE \(name.label)".utf8)
      }
    return text + Array("\r\n".utf8)
  }

  /// The service is never detached: it goes with the connection. One that stayed would lead strangers to whoever
  /// listens at our port after us, nobody would take it away again, and Tor would refuse it to our next run, whose port
  /// may be another. Tor keeps a proof of work ready, which it asks of callers only while there is a flood of them.
  private static func addition(of service: TorService, isDefended: Bool) -> [UInt8] {
    var line = Array("ADD_ONION ".utf8)
    line += service.key?.text ?? Array("NEW:\(TorServiceKey.kind)".utf8)
    if !service.clients.isEmpty { line += Array(" Flags=V3Auth".utf8) }
    line += Array(" Port=\(service.port),\(service.target)".utf8)
    if isDefended { line += Array(" PoWDefensesEnabled=1".utf8) }
    for client in service.clients { line += Array(" ClientAuthV3=\(client)".utf8) }
    return line
  }
}
