/// The upper layer is what a packet carries behind its IPv6 extension headers (RFC 8200 section 4), or behind its IPv4
/// header.
struct UpperLayer: Equatable {
  /// The offset of its header in bytes from the packet's start, at most the packet's length.
  let offset: Int
  /// The protocol's assigned number.
  let nextHeader: UInt8
  /// Whether the packet is the first fragment of a packet, or has a fragment header.
  let isFragment: Bool

  /// What a packet shows of its chain of headers.
  enum Chain: Equatable {
    /// All headers up to the upper layer.
    case whole(UpperLayer)
    /// A fragment that is not the first. Only the first shows the headers.
    case laterFragment
    /// Headers that are cut off, that nobody sends or whose format is unknown. A receiver could find anything behind
    /// them.
    case unreadable

    /// The upper layer; `nil` if the chain is not whole.
    var layer: UpperLayer? {
      if case .whole(let upper) = self { upper } else { nil }
    }
  }

  private init(_ nextHeader: UInt8, at offset: Int, isFragment: Bool) {
    self.offset = offset
    self.nextHeader = nextHeader
    self.isFragment = isFragment
  }

  /// Returns what an IPv4 packet with this header shows. It has no extension headers.
  static func chain(of header: IPv4Header) -> Chain {
    guard header.fragmentOffset == 0 else { return .laterFragment }
    return .whole(UpperLayer(header.protocolNumber, at: header.headerSize, isFragment: header.hasMoreFragments))
  }

  /// Returns what `packet` shows, a whole IPv6 packet whose fixed header says `nextHeader`. The usual ones have no
  /// extension headers, and cost a comparison.
  @inline(__always)
  static func chain(of packet: UnsafeRawBufferPointer, _ nextHeader: UInt8) -> Chain {
    switch nextHeader {
    case NextHeader.tcp, NextHeader.udp, NextHeader.icmp:
      .whole(UpperLayer(nextHeader, at: IPv6Header.size, isFragment: false))
    default: walk(packet, nextHeader)
    }
  }

  /// Walks the extension headers of `packet`, as strictly as RFC 7112 permits: the first fragment of several holds all
  /// of them and the first bytes of the upper layer's header, so that what the receiver puts together has no other
  /// upper layer than what is seen here. For the same reason a packet has one fragment header at the most.
  ///
  /// The numbers are those of IANA's "IPv6 Extension Header Types". What ESP hides is between the two hosts that share
  /// its keys, and it counts as an upper layer; the two numbers for experiments have no format that could be walked.
  @inline(never)
  private static func walk(_ packet: UnsafeRawBufferPointer, _ first: UInt8) -> Chain {
    var nextHeader = first
    var offset = IPv6Header.size
    var isFragment = false
    var hasMore = false
    while true {
      var isFirst: Bool { offset == IPv6Header.size }
      switch nextHeader {
      case NextHeader.hopByHopOptions where !isFirst, NextHeader.fragment where isFragment,
        NextHeader.experiment, NextHeader.otherExperiment:
        return .unreadable
      case NextHeader.hopByHopOptions, NextHeader.routing, NextHeader.destinationOptions, NextHeader.mobility,
        NextHeader.hostIdentity, NextHeader.shim6:
        guard packet.count - offset >= 8 else { return .unreadable }
        nextHeader = packet[offset]
        offset += 8 + 8 * Int(packet[offset + 1])
      case NextHeader.authentication:
        guard packet.count - offset >= 8 else { return .unreadable }
        nextHeader = packet[offset]
        offset += 8 + 4 * Int(packet[offset + 1])
      case NextHeader.fragment:
        guard packet.count - offset >= 8 else { return .unreadable }
        let field = packet.number(at: offset + 2)
        guard field >> 3 == 0 else { return .laterFragment }
        nextHeader = packet[offset]
        offset += 8
        isFragment = true
        hasMore = field & 1 != 0
      default:
        guard packet.count - offset >= (hasMore ? smallestStart : 0) else { return .unreadable }
        return .whole(UpperLayer(nextHeader, at: offset, isFragment: isFragment))
      }
    }
  }

  /// The number of bytes of the upper layer's header that the first of several fragments holds at least: the whole
  /// header of UDP and of ICMPv6, and the ports of TCP.
  private static let smallestStart = 8
}

/// ICMPv6 types of neighbour discovery (RFC 4861 section 4).
enum DiscoveryType {
  static let routerSolicitation: UInt8 = 133
  static let solicitation: UInt8 = 135
  static let advertisement: UInt8 = 136
  /// All of them: router solicitation and advertisement, the two for neighbours, redirect.
  static let all: ClosedRange<UInt8> = 133...137
}

extension UpperLayer {
  /// Returns whether the upper layer in `packet` is a message of neighbour discovery, sound or not.
  func isDiscovery(in packet: UnsafeRawBufferPointer) -> Bool {
    nextHeader == NextHeader.icmp && offset < packet.count && DiscoveryType.all.contains(packet[offset])
  }
}
