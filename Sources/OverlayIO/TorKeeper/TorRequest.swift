import OverlayCore

/// All that the daemon asks of the process that speaks with Tor's control port (`TorKeeper`). The set is closed: which
/// onion services Tor is to have, by which keys and for whom, is what the configuration says.
enum TorRequest: Equatable {
  /// This is the host's name, which Tor wrote to the file of the configuration. The first one counts, which the daemon
  /// tells before it reads anything that strangers send.
  case named(OnionName)
  /// The identity with this number is to be found by all lookup names up to the one with this index.
  case serveLookup(upTo: UInt8, of: Int)
  /// Tor looks anew for the service of the lookup name with this index of the identity with this number, before the
  /// daemon asks whether it is found by it.
  case refreshLookup(UInt8, of: Int)
  /// The configuration is read again: by the process itself, which takes nobody's word for what it says.
  case configurationChanged

  /// The request as it is sent.
  var message: RoomMessage {
    switch self {
    case .named(let name): RoomMessage(0, ["\(name)"])
    case .serveLookup(let index, let number): RoomMessage(1, ["\(index)", "\(number)"])
    case .refreshLookup(let index, let number): RoomMessage(2, ["\(index)", "\(number)"])
    case .configurationChanged: RoomMessage(3)
    }
  }

  /// Reads a request; `nil` for anything that is none.
  init?(_ message: RoomMessage) {
    let fields = message.fields
    switch (message.kind, fields.count) {
    case (0, 1):
      guard let name = try? OnionName(fields[0]) else { return nil }
      self = .named(name)
    case (1, 2), (2, 2):
      guard let index = UInt8(plain: fields[0]), LookupKey.indices.contains(index),
        let number = Int(plain: fields[1]), (0..<DaemonSettings.mostIdentities).contains(number)
      else { return nil }
      self = message.kind == 1 ? .serveLookup(upTo: index, of: number) : .refreshLookup(index, of: number)
    case (3, 0): self = .configurationChanged
    default: return nil
    }
  }
}
