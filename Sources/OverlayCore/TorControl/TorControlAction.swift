/// What a session with Tor's control port asks of its shell, or tells it.
public enum TorControlAction: Equatable, Sendable {
  /// Send these bytes; they may hold a key, and are wiped then.
  case send([UInt8])
  /// Read Tor's cookie from the file at this path, which Tor names, and give it to `take(cookie:)`.
  case readCookie(path: String)
  /// Something changed.
  case tell(TorControlEvent)
  /// The session is over, for this reason: close the connection.
  case close(TorControlError)
}

/// What a session with Tor's control port finds out.
public enum TorControlEvent: Equatable, Sendable {
  /// Tor has admitted us. Its version, and where it takes SOCKS connections.
  case admitted(version: String?, socksListeners: [String])
  /// How far Tor is with its start.
  case bootstrap(TorBootstrap)
  /// Tor complains about its network or its clock, in its words.
  case problem(String)
  /// Tor has the onion service of the identity with this number. The key is there if Tor has just made it.
  case added(number: Int, name: OnionName, newKey: TorServiceKey?)
  /// Tor has the onion service, without the defences against floods of introductions that it does not know.
  case undefended(number: Int)
  /// Tor refuses the onion service for now, in its words. It is tried again.
  case refused(number: Int, reason: String)
  /// Whether the onion service of this name can be found.
  case publication(OnionName, TorPublication)
  /// Tor looks for the service of this peer with the key that it was given.
  case authorized(OnionName)
  /// Tor does not take the key for the service of this peer, in its words.
  case unauthorized(OnionName, reason: String)
}
