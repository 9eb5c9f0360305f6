/// A request or a reply of the address resolution protocol, for IPv4 on an Ethernet (RFC 826).
///
///      0                   1                   2                   3
///      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///     +-------------------------------+-------------------------------+
///     |      hardware, Ethernet = 1   |    protocol, IPv4 = 0x0800    |
///     +---------------+---------------+-------------------------------+
///     | its bytes = 6 | its bytes = 4 |   operation: 1 asks, 2 says   |
///     +---------------+---------------+-------------------------------+
///     |          sender: MAC address, 6 bytes; IPv4 address           |
///     +---------------------------------------------------------------+
///     |          target: MAC address, 6 bytes; IPv4 address           |
///     +---------------------------------------------------------------+
struct ARPPacket: Equatable {
  /// What it is.
  enum Operation: UInt16 {
    /// Who has the target's IPv4 address?
    case request = 1
    /// The sender has its IPv4 address.
    case reply = 2
  }

  /// The length of the packet in bytes. An Ethernet frame may be padded behind it.
  static let size = 28

  /// What it is.
  var operation: Operation
  /// The sender's station: never a group.
  var senderMACAddress: MACAddress
  /// The sender's address: unspecified in a probe (RFC 5227).
  var senderAddress: IPv4Address
  /// The station that the answer is for; nothing in a request.
  var targetMACAddress: MACAddress
  /// The address that is asked for, or who is told.
  var targetAddress: IPv4Address

  /// Makes a packet.
  init(
    _ operation: Operation, from sender: (macAddress: MACAddress, address: IPv4Address),
    to target: (macAddress: MACAddress, address: IPv4Address)
  ) {
    self.operation = operation
    senderMACAddress = sender.macAddress
    senderAddress = sender.address
    targetMACAddress = target.macAddress
    targetAddress = target.address
  }

  /// Reads the packet at the start of `bytes`. It is `nil` if the packet is cut off, is not about IPv4 on an Ethernet,
  /// or has a sender that is no station.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= ARPPacket.size, bytes.loadUnaligned(as: UInt32.self) == ARPPacket.kinds.bigEndian,
      bytes.number(at: 4) == ARPPacket.sizes, let operation = Operation(rawValue: bytes.number(at: 6))
    else { return nil }
    self.operation = operation
    senderMACAddress = MACAddress(loading: bytes, at: 8)
    senderAddress = IPv4Address(loading: bytes, at: 14)
    targetMACAddress = MACAddress(loading: bytes, at: 18)
    targetAddress = IPv4Address(loading: bytes, at: 24)
    guard !senderMACAddress.isGroup, senderMACAddress.value != 0 else { return nil }
  }

  /// Writes the packet to the first 28 bytes of `bytes`, which must be there.
  func store(into bytes: UnsafeMutableRawBufferPointer) {
    bytes.storeBytes(of: ARPPacket.kinds.bigEndian, as: UInt32.self)
    bytes.store(ARPPacket.sizes, at: 4)
    bytes.store(operation.rawValue, at: 6)
    senderMACAddress.store(into: bytes, at: 8)
    senderAddress.store(into: bytes, at: 14)
    targetMACAddress.store(into: bytes, at: 18)
    targetAddress.store(into: bytes, at: 24)
  }

  private static let kinds: UInt32 = 0x0001_0800
  private static let sizes: UInt16 = 0x0604
}
