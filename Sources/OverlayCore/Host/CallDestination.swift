/// The identity that a circuit is for, if several identities share a listener. The first bytes of the circuit tell it.
public enum CallDestination: Equatable, Sendable {
  /// The identity with this address.
  case address(IPv6Address)
  /// Not known before so many bytes are there.
  case incomplete(Int)
  /// No identity: Tor has written a PROXY line first, and was not expected to.
  case proxyLine
  /// No identity: Tor was expected to write a line about its circuit first, and has not.
  case noTorLine
  /// No identity: the bytes are no IPv6 packet.
  case none

  /// The number of bytes of a packet that tell the identity.
  public static let bytesNeeded = IPv6Header.size
  /// The greatest number of bytes that tell the identity where Tor writes a line about its circuit first.
  public static let mostBytesNeeded = TorCircuitLine.longest + bytesNeeded

  /// Reads the destination in the first bytes of a circuit: as many as tell it, or all that came before the circuit was
  /// closed. `isAnnounced` says that a line of Tor about its circuit comes first.
  public init(_ start: UnsafeRawBufferPointer, isAnnounced: Bool = false) {
    guard isAnnounced else {
      self.init(packet: start)
      return
    }
    var (reader, rest) = (TorCircuitLineReader(), start)
    do throws(TorCircuitLineError) {
      if try reader.consume(&rest) == nil {
        self = .incomplete(start.count + 1)
      } else if rest.count < CallDestination.bytesNeeded {
        self = .incomplete(start.count - rest.count + CallDestination.bytesNeeded)
      } else {
        self = rest[0] >> 4 == 6 ? .address(IPv6Header.destination(in: rest)) : .none
      }
    } catch {
      self = .noTorLine
    }
  }

  /// Returns the Tor circuit that a circuit came through, as the line in its first bytes tells; `nil` if that is not
  /// whole yet, or none.
  public static func torCircuit(of start: UnsafeRawBufferPointer) -> UInt32? {
    var (reader, rest) = (TorCircuitLineReader(), start)
    return (try? reader.consume(&rest))?.circuit
  }

  private init(packet start: UnsafeRawBufferPointer) {
    if start.starts(with: StreamError.proxyLineStart) {
      self = .proxyLine
    } else if start.count >= CallDestination.bytesNeeded, start[0] >> 4 == 6 {
      self = .address(IPv6Header.destination(in: start))
    } else {
      self = .none
    }
  }
}
