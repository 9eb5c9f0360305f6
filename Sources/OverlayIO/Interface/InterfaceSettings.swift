import OverlayCore

/// Which interface the overlay gets, and where.
public struct InterfaceSettings: Equatable, Sendable {
  /// The interface's name.
  public var name: InterfaceName
  /// The network namespace it lives in; `nil` for the one the program was started in.
  public var namespace: NamespaceName?
  /// What it carries.
  public var mode: InterfaceMode
  /// The largest packet that the kernel sends through it, an Ethernet header not counted.
  public var mtu: InterfaceMTU
  /// The overlay's prefix, which is routed to the interface.
  public var prefix: IPv6Prefix
  /// Whether the kernel may leave segmentation and checksums to the program, and the other way round.
  public var offload: Bool
  /// Whether the interface gets addresses and routes. Without them it is a port of a bridge and no more; TAP only.
  public var hasAddress = true
  /// What lies behind peers: routed to the interface as the overlay's prefix is, and guarded as that is.
  public var routes: [IPPrefix] = []
  /// What lies behind this host: an address of the host in it is the source of what the host itself sends along
  /// `routes`.
  public var served: [IPPrefix] = []
  /// Whether IPv4 is carried.
  public var carriesIPv4 = false
  /// The interface's IPv4 address, whose prefix is routed to it.
  public var ipv4Address: IPv4InterfaceAddress?

  /// Settings of these values.
  public init(
    name: InterfaceName = .standard, namespace: NamespaceName? = nil, mode: InterfaceMode = .tun,
    mtu: InterfaceMTU = .standard, prefix: IPv6Prefix, offload: Bool = true
  ) {
    self.name = name
    self.namespace = namespace
    self.mode = mode
    self.mtu = mtu
    self.prefix = prefix
    self.offload = offload
  }
}

/// An interface's IPv4 address, and the length of the prefix whose other hosts are reached through the interface.
public struct IPv4InterfaceAddress: Hashable, Sendable, CustomStringConvertible {
  /// The address.
  public let address: IPv4Address
  /// The prefix that it lies in.
  public let prefix: IPv4Prefix

  /// The address with a prefix of `length` bits, 1 to 32; `nil` for another length.
  public init?(_ address: IPv4Address, length: Int) {
    guard length > 0, let prefix = IPv4Prefix(address, length: length) else { return nil }
    self.address = address
    self.prefix = prefix
  }

  /// The address, a slash and the length.
  public var description: String { "\(address)/\(prefix.length)" }
}

/// The name of a network interface: what the kernel's `dev_valid_name` takes, less `%`, which TUNSETIFF reads as a
/// pattern, and control characters, which would spoil a log.
public struct InterfaceName: Hashable, Sendable, CustomStringConvertible {
  /// The name as the kernel has it, 1 to 15 printable ASCII characters.
  public let description: String

  /// `oncilla0`.
  public static let standard = InterfaceName(unchecked: "oncilla0")

  /// `nil` for what is no such name.
  public init?(_ text: String) {
    guard (1...15).contains(text.utf8.count), text != ".", text != "..",
      text.utf8.allSatisfy({ (0x21...0x7e).contains($0) && !"/:%".utf8.contains($0) })
    else { return nil }
    self.init(unchecked: text)
  }

  private init(unchecked text: String) { description = text }
}

/// The name of a network namespace that ip-netns(8) keeps.
public struct NamespaceName: Hashable, Sendable {
  /// The file that stands for the namespace, in `/run/netns`.
  public let path: String

  /// `nil` for what is no file's name.
  public init?(_ text: String) {
    guard (1...255).contains(text.utf8.count), text != ".", text != "..",
      text.utf8.allSatisfy({ $0 != 0 && $0 != UInt8(ascii: "/") })
    else { return nil }
    path = "/run/netns/" + text
  }
}

/// How long packets may be: from IPv6's minimum (RFC 8200 section 5) to the driver's largest.
public struct InterfaceMTU: Hashable, Sendable {
  /// The length in bytes.
  public let bytes: Int

  /// The lengths that are accepted.
  public static let range = 1280...65535
  /// Those of an interface that carries Ethernet, whose driver counts the header, too.
  public static let ethernetRange = 1280...65521
  /// 1500, as on Ethernet.
  public static let standard = InterfaceMTU(unchecked: 1500)

  /// `nil` outside `range`.
  public init?(bytes: Int) {
    guard InterfaceMTU.range.contains(bytes) else { return nil }
    self.init(unchecked: bytes)
  }

  private init(unchecked bytes: Int) { self.bytes = bytes }
}
