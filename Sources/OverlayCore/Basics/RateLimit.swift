/// A ceiling of bytes and packets a second, each way.
public struct RateLimit: Equatable, Sendable {
  /// The greatest number of bytes a second; `nil` for any.
  public let bytes: Int?
  /// The greatest number of packets a second; `nil` for any.
  public let packets: Int?

  /// Makes a ceiling, of which at least one half is there.
  public init?(bytes: Int? = nil, packets: Int? = nil) {
    guard bytes != nil || packets != nil, bytes ?? 1 > 0, packets ?? 1 > 0 else { return nil }
    (self.bytes, self.packets) = (bytes, packets)
  }

  /// Returns the part of it that each of `count` has; at least a byte and a packet.
  public func share(of count: Int) -> RateLimit {
    func part(_ whole: Int?) -> Int? { whole.map { max(1, $0 / max(count, 1)) } }
    return RateLimit(bytes: part(bytes), packets: part(packets)) ?? self
  }
}

/// The ceilings of a node.
public struct RateLimits: Equatable, Sendable {
  /// That of all circuits together; `nil` for none.
  public var total: RateLimit?
  /// That of the circuits of each peer together; `nil` for none.
  public var peer: RateLimit?

  /// Makes ceilings; without any nothing is limited, nor costs anything.
  public init(total: RateLimit? = nil, peer: RateLimit? = nil) {
    (self.total, self.peer) = (total, peer)
  }

  /// Whether anything is limited.
  public var isActive: Bool { total != nil || peer != nil }

  /// The greatest number of bytes a second that any circuit can have; `nil` for any.
  var bytesPerCircuit: Int? { [total?.bytes, peer?.bytes].compactMap(\.self).min() }
}
