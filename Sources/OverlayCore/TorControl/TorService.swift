/// An onion service that Tor is to have as long as we are connected.
public struct TorService: Equatable, Sendable {
  /// How many clients an onion service can be closed to all but: Tor's own bound is a descriptor's size.
  public static let mostClients = 256

  /// What comes through it.
  public enum Purpose: Equatable, Sendable {
    /// The circuits of an identity.
    case circuits
    /// Those who look up the name of this address.
    case lookup(of: IPv6Address)
  }

  /// What comes through it.
  public let purpose: Purpose
  /// Which of this host's identities it is, or another number for what is none.
  public let number: Int
  /// The port of the onion service.
  public let port: UInt16
  /// Where Tor connects to for its circuits, as Tor reads it: `127.0.0.1:8060`.
  public let target: String
  /// Its key; `nil` as long as Tor is to make one.
  public internal(set) var key: TorServiceKey?
  /// Its name, which the key has; `nil` if that is not known yet.
  public internal(set) var name: OnionName?
  /// Who alone finds it; empty for everybody who knows its name.
  public internal(set) var clients: [TorClientPublicKey] = []

  /// The service of an identity, with a key that it has already, or with a new one. It is `nil` if the target cannot be
  /// said to Tor, or if there are too many clients.
  public init?(
    number: Int, port: UInt16, target: String, key: TorServiceKey? = nil, name: OnionName? = nil,
    clients: [TorClientPublicKey] = [], purpose: Purpose = .circuits
  ) {
    guard !target.isEmpty, target.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: ",") }),
      clients.count <= TorService.mostClients
    else { return nil }
    (self.number, self.port, self.target, self.key, self.name) = (number, port, target, key, name)
    (self.clients, self.purpose) = (clients, purpose)
  }
}

/// The public x25519 key of a client that may find an onion service.
public struct TorClientPublicKey: Hashable, Sendable, CustomStringConvertible {
  private let bytes: [UInt8]

  /// The key of 32 bytes.
  public init?(_ bytes: [UInt8]) {
    guard bytes.count == 32 else { return nil }
    self.bytes = bytes
  }

  /// The key as Tor reads it: 52 characters of base32 in upper case.
  public var description: String { Base32.encode(bytes).uppercased() }
}

/// The secret x25519 key with which an onion service that is closed to others is found.
public final class TorClientKey: Equatable, @unchecked Sendable {
  /// Whose service it is.
  public let peer: OnionName
  private let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 32)

  /// The key of 32 bytes for the service of this name.
  public init?(_ bytes: [UInt8], for peer: OnionName) {
    guard bytes.count == 32 else { return nil }
    self.peer = peer
    _ = memory.initialize(from: bytes)
  }

  deinit {
    TorServiceKey.wipe(UnsafeMutableRawBufferPointer(memory))
    memory.deallocate()
  }

  /// The key as Tor reads it: whoever takes it wipes it.
  var text: [UInt8] {
    var bytes = Array(memory)
    defer { bytes.wipe() }
    var text = SecretText("x25519:")
    text.append(secret: Base64.encode(bytes))
    return text.take()
  }

  /// Whether both are the same key for the same service.
  public static func == (left: TorClientKey, right: TorClientKey) -> Bool {
    left.peer == right.peer && left.memory.elementsEqual(right.memory)
  }
}
