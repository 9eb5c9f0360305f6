import OverlayCore

/// Who asks the helper. Each has an end of a channel of its own, and a list of its own.
enum RoomClient: CaseIterable {
  /// The daemon, which reads what strangers send.
  case pump
  /// The process that speaks with Tor's control port for it.
  case torKeeper

  /// The number of the helper's end of the channel.
  var channel: Int32 {
    switch self {
    case .pump: 3
    case .torKeeper: 4
    }
  }

  /// Whether requests of this kind are on its list at all.
  func mayAsk(for request: RoomRequest) -> Bool {
    switch request {
    case .open, .connect, .draft, .finish, .discard: true
    default: self == .pump
    }
  }
}

extension DaemonSettings {
  /// The files of the state directory that a client of the helper's keeps: nobody reads those of the other.
  func keptFiles(of client: RoomClient) -> [String] {
    guard let directory = stateDirectory else { return [] }
    switch client {
    case .pump: return StateDirectory.files.map { "\(directory)/\($0)" }
    case .torKeeper:
      guard !isEphemeral else { return [] }
      return identities.compactMap { identity in
        guard case .madeByTor(let label) = identity.name else { return nil }
        return IdentityStore(in: directory, label).path
      }
    }
  }
}
