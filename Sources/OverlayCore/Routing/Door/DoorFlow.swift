/// A flow that this side began.
struct DoorFlow {
  /// What tells one flow from another: the addresses, the protocol, and the ports as two halves, our side's first.
  struct Key: Equatable {
    /// The address on our side, of this host or of one behind it.
    let local: IPv6Address
    /// The address on the other side.
    let remote: IPv6Address
    /// Our port in the high half, the other side's in the low one.
    let ports: UInt32
    /// The assigned number of the protocol.
    let protocolNumber: UInt8
    /// Whether the packets are of version 4; the addresses are mapped then.
    let isIPv4: Bool

    /// Makes the key of the flow of a packet that leaves.
    @inline(__always)
    init(sent packet: PacketView, _ view: TransportView) {
      self.init(
        packet.source, packet.destination, (view.source, view.destination), view.protocolNumber, packet.isIPv4)
    }

    /// Makes the key of the flow of a packet that comes in.
    @inline(__always)
    init(received packet: PacketView, _ view: TransportView) {
      self.init(
        packet.destination, packet.source, (view.destination, view.source), view.protocolNumber, packet.isIPv4)
    }

    /// Makes a key.
    @inline(__always)
    init(
      _ local: IPv6Address, _ remote: IPv6Address, _ ports: (local: UInt16, remote: UInt16), _ protocolNumber: UInt8,
      _ isIPv4: Bool
    ) {
      self.local = local
      self.remote = remote
      self.ports = UInt32(ports.local) << 16 | UInt32(ports.remote)
      self.protocolNumber = protocolNumber
      self.isIPv4 = isIPv4
    }
  }

  /// How far a flow is.
  enum State: UInt8 {
    /// TCP: we have asked for a connection, and nothing has come back.
    case opening
    /// TCP: the connection stands. It may be closed in one direction.
    case established
    /// TCP: the connection was closed in both directions.
    case closing
    /// TCP: one side broke the connection off.
    case reset
    /// UDP, and protocols without ports.
    case datagram
    /// ICMP: requests for an echo.
    case echo

    /// The time for which a silent flow is remembered. A circuit may have to be built first, which takes a minute.
    ///
    /// RFC 5382 (REQ-5) asks for at least 2 hours and 4 minutes for a connection, in which a kernel that keeps it alive
    /// has asked once, and for 4 minutes while it opens or closes; RFC 4787 (REQ-5) recommends 5 minutes for UDP.
    var lifetime: Duration {
      switch self {
      case .opening, .closing: .seconds(240)
      case .established: .seconds(7_440)
      case .reset: .seconds(10)
      case .datagram: .seconds(300)
      case .echo: .seconds(120)
      }
    }
  }
}

/// A connection of TCP, as far as the door has to know it: who began it, and whether it is over.
extension DoorFlow.State {
  /// The directions in which a connection was closed, as bits.
  struct Closed: OptionSet {
    let rawValue: UInt8
    static let byUs = Closed(rawValue: 1)
    static let byThem = Closed(rawValue: 2)
    static let byBoth: Closed = [.byUs, .byThem]
  }

  /// Returns the state of a connection that our side's segment with these flags begins, or shows to have begun before
  /// this flow was known; `nil` if it is no sign of a connection of ours: an answer to a request for one, or a reset.
  static func begun(by flags: UInt8) -> DoorFlow.State? {
    guard flags & TCPHeader.Flag.reset == 0 else { return nil }
    guard flags & TCPHeader.Flag.synchronise != 0 else { return .established }
    return flags & TCPHeader.Flag.acknowledgement == 0 ? .opening : nil
  }

  /// Notes a segment with these flags.
  mutating func note(_ flags: UInt8, isSent: Bool, _ closed: inout Closed) {
    let isRequest = flags & (TCPHeader.Flag.synchronise | TCPHeader.Flag.acknowledgement) == TCPHeader.Flag.synchronise
    if flags & TCPHeader.Flag.reset != 0 {
      self = .reset
    } else if isRequest {
      // The same ports again: a new connection.
      if isSent { (self, closed) = (.opening, []) }
    } else {
      if flags & TCPHeader.Flag.fin != 0 { closed.insert(isSent ? .byUs : .byThem) }
      if self == .opening, !isSent { self = .established }
      if self == .established, closed == .byBoth { self = .closing }
    }
  }
}
