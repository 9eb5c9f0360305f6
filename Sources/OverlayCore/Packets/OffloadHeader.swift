/// The offload header stands before each packet that is exchanged with an offloading device. It says what is left to be
/// done to the packet (`struct virtio_net_hdr` of `<linux/virtio_net.h>`, in host byte order).
///
///     0       1       2               4               6               8               10
///     +-------+-------+---------------+---------------+---------------+---------------+
///     | flags | kind  | header length | segment size  | checksum      | offset of its |
///     |       |       | (a hint)      |               | starts at     | field therein |
///     +-------+-------+---------------+---------------+---------------+---------------+
public struct OffloadHeader: Equatable, Sendable {
  /// How a packet is to be cut into packets that links carry.
  public enum Segmentation: Equatable, Sendable {
    /// Not at all.
    case none
    /// Into TCP segments of `size` bytes of payload, of which the last has the rest. `hasECN` says that CWR is set,
    /// which only the first segment keeps.
    case tcp(size: UInt16, hasECN: Bool)
    /// Into UDP datagrams of `size` bytes of payload, of which the last has the rest.
    case udp(size: UInt16)
  }

  /// A checksum that is not complete. Its field holds the pseudo-header's sum.
  public struct Checksum: Equatable, Sendable {
    /// The offset of the first byte that the checksum covers, in bytes from the packet's start: that of the upper
    /// layer's header. It covers all bytes to the end.
    public var start: UInt16
    /// The offset of the field, in bytes from `start`.
    public var offset: UInt16

    /// Makes a checksum at this place.
    public init(start: UInt16, offset: UInt16) {
      self.start = start
      self.offset = offset
    }
  }

  /// How the packet is to be cut.
  public var segmentation: Segmentation
  /// The checksum that is not complete; `nil` if it is complete, or there is none.
  public var checksum: Checksum?

  /// The length of the header in bytes.
  public static let size = 10
  /// The header of a packet to which nothing is left to be done.
  public static var none: OffloadHeader { OffloadHeader(segmentation: .none, checksum: nil) }

  /// Makes an offload header.
  public init(segmentation: Segmentation, checksum: Checksum?) {
    self.segmentation = segmentation
    self.checksum = checksum
  }

  /// Reads the header of `frame`. It is `nil` if `frame` is too short, and for the kinds of segmentation that the
  /// kernel is never asked for: TCP over IPv4, and UDP by fragments.
  public init?(loading frame: UnsafeRawBufferPointer) {
    guard frame.count >= OffloadHeader.size else { return nil }
    let segmentSize = frame.loadUnaligned(fromByteOffset: 4, as: UInt16.self)
    switch frame[1] & ~Kind.withECN {
    case Kind.none: segmentation = .none
    case Kind.tcp: segmentation = .tcp(size: segmentSize, hasECN: frame[1] & Kind.withECN != 0)
    case Kind.udp: segmentation = .udp(size: segmentSize)
    default: return nil
    }
    if frame[0] & OffloadHeader.needsChecksum != 0 {
      checksum = Checksum(
        start: frame.loadUnaligned(fromByteOffset: 6, as: UInt16.self),
        offset: frame.loadUnaligned(fromByteOffset: 8, as: UInt16.self))
    } else {
      checksum = nil
    }
  }

  /// Writes the header to the first 10 bytes of `frame`, which must be there. `headerLength` tells the kernel how many
  /// bytes of the packet it should keep together.
  public func store(into frame: UnsafeMutableRawBufferPointer, headerLength: UInt16) {
    var kind = Kind.none
    var segmentSize: UInt16 = 0
    switch segmentation {
    case .none: break
    case .tcp(let size, let hasECN):
      kind = hasECN ? Kind.tcp | Kind.withECN : Kind.tcp
      segmentSize = size
    case .udp(let size):
      kind = Kind.udp
      segmentSize = size
    }
    frame[0] = checksum == nil ? 0 : OffloadHeader.needsChecksum
    frame[1] = kind
    frame.storeBytes(of: headerLength, toByteOffset: 2, as: UInt16.self)
    frame.storeBytes(of: segmentSize, toByteOffset: 4, as: UInt16.self)
    frame.storeBytes(of: checksum?.start ?? 0, toByteOffset: 6, as: UInt16.self)
    frame.storeBytes(of: checksum?.offset ?? 0, toByteOffset: 8, as: UInt16.self)
  }

  /// Returns the length of all headers of `packet` in bytes, as far as this header tells; 0 if it does not, or if they
  /// are cut off.
  public func headerLength(of packet: UnsafeRawBufferPointer) -> UInt16 {
    guard let checksum else { return 0 }
    let start = Int(checksum.start)
    let length: Int
    switch segmentation {
    case .none: return 0
    case .tcp:
      guard start + TCPHeader.size <= packet.count else { return 0 }
      length = start + Int(packet[start + 12] >> 4) * 4
    case .udp: length = start + UDPHeader.size
    }
    return length <= packet.count ? UInt16(truncatingIfNeeded: length) : 0
  }

  private static let needsChecksum: UInt8 = 1

  private enum Kind {
    static let none: UInt8 = 0
    static let tcp: UInt8 = 4
    static let udp: UInt8 = 5
    static let withECN: UInt8 = 0x80
  }
}
