/// What stands before each packet that is exchanged with a device that takes work off the kernel: what is left to be
/// done to the packet (`struct virtio_net_hdr` of `<linux/virtio_net.h>`, host byte order).
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
    /// Into TCP segments of `size` bytes of payload, the last of what is left; `hasECN` if CWR is set, which only the
    /// first keeps.
    case tcp(size: UInt16, hasECN: Bool)
    /// Into UDP datagrams of `size` bytes of payload, the last of what is left.
    case udp(size: UInt16)
  }

  /// A checksum that is still to be made; its field holds the pseudo-header's sum until then.
  public struct Checksum: Equatable, Sendable {
    /// From which byte of the packet to its end it covers: where the upper layer's header begins.
    public var start: UInt16
    /// How many bytes after that its field stands.
    public var offset: UInt16

    /// A checksum of this place.
    public init(start: UInt16, offset: UInt16) {
      self.start = start
      self.offset = offset
    }
  }

  /// How the packet is to be cut.
  public var segmentation: Segmentation
  /// The checksum that is still to be made; `nil` if it is complete, or there is none.
  public var checksum: Checksum?

  /// How many bytes the header takes.
  public static let size = 10
  /// That of a packet to which nothing is left to do.
  public static var none: OffloadHeader { OffloadHeader(segmentation: .none, checksum: nil) }

  /// A header that says this.
  public init(segmentation: Segmentation, checksum: Checksum?) {
    self.segmentation = segmentation
    self.checksum = checksum
  }

  /// The header that `frame` begins with; `nil` if that is too short, and for kinds of segmentation that are never asked
  /// of the kernel: TCP over IPv4, and UDP by fragments.
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
  /// bytes of the packet are worth to be kept together.
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

  /// How many bytes of headers `packet` begins with, as far as this header tells where they end: 0 if it does not, or
  /// if they are cut off.
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
